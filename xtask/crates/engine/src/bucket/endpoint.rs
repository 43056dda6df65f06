//! Where to send the requests for one bucket. It follows from the region, the bucket and the endpoint, and is the same
//! for every key. The SDK's own cache includes the key, so it would evaluate its rules again for each object.

use std::sync::OnceLock;

use aws_sdk_s3::config::endpoint::{DefaultResolver, EndpointFuture, Params, ResolveEndpoint};
use aws_smithy_types::endpoint::Endpoint;

/// Evaluates the SDK's rules for the first request, and remembers the result.
#[derive(Debug, Default)]
pub struct Resolver {
    rules: DefaultResolver,
    known: OnceLock<Endpoint>,
}

impl ResolveEndpoint for Resolver {
    fn resolve_endpoint<'a>(&'a self, params: &'a Params) -> EndpointFuture<'a> {
        // Some operations on a directory bucket are signed differently from the rest.
        if params.disable_s3_express_session_auth().is_some() {
            return ResolveEndpoint::resolve_endpoint(&self.rules, params);
        }
        match self.known.get() {
            Some(endpoint) => EndpointFuture::ready(Ok(endpoint.clone())),
            None => EndpointFuture::new(async move {
                let endpoint = ResolveEndpoint::resolve_endpoint(&self.rules, params).await?;
                Ok(self.known.get_or_init(|| endpoint).clone())
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(resolver: &impl ResolveEndpoint, params: &Params) -> Result<Endpoint, String> {
        resolver.resolve_endpoint(params).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn what_is_asked_for_changes_nothing() {
        let places = [
            ("example", "eu-central-1", None),
            ("stg.example.com", "ap-northeast-1", None),
            ("example", "us-east-1", None),
            ("example", "cn-north-1", None),
            ("example--use1-az4--x-s3", "us-east-1", None),
            ("example", "garage", Some("http://127.0.0.1:3900")),
            ("example", "auto", Some("https://account.r2.cloudflarestorage.com")),
        ];
        for (bucket, region, endpoint) in places {
            let params = || {
                let params = Params::builder().bucket(bucket).region(region);
                params.set_endpoint(endpoint.map(str::to_owned))
            };
            let requests = [
                params(),
                params().key("index.html"),
                params().key("a b/\u{fc}?#%.html"),
                params().prefix("feature/"),
                params().key("index.html").copy_source("example/other.html"),
                params().key("index.html").disable_s3_express_session_auth(true),
                params().key("index.html"),
            ];
            let resolver = Resolver::default();
            for request in requests {
                let request = request.build().expect("parameters");
                let by_rules = resolve(&DefaultResolver::new(), &request).await;
                assert!(by_rules.is_ok(), "{by_rules:?}");
                assert_eq!(resolve(&resolver, &request).await, by_rules);
            }
        }
    }

    /// A wildcard certificate covers one label, so a bucket whose name contains dots goes into the path.
    #[tokio::test]
    async fn a_bucket_stands_before_the_host_or_in_the_path() {
        let rows = [
            ("site", None, false, "https://site.s3.eu-central-1.amazonaws.com"),
            (
                "www.example.com",
                None,
                false,
                "https://s3.eu-central-1.amazonaws.com/www.example.com",
            ),
            ("site", Some("https://s3.example.net"), false, "https://site.s3.example.net"),
            ("site", Some("https://s3.example.net"), true, "https://s3.example.net/site"),
            (
                "www.example.com",
                Some("https://s3.example.net"),
                false,
                "https://s3.example.net/www.example.com",
            ),
            ("site", Some("http://minio:9000"), true, "http://minio:9000/site"),
            (
                "site",
                Some("https://s3.dualstack.eu-central-1.amazonaws.com"),
                false,
                "https://site.s3.dualstack.eu-central-1.amazonaws.com",
            ),
        ];
        for (bucket, endpoint, is_path_style, expected) in rows {
            let params = Params::builder().bucket(bucket).region("eu-central-1");
            let params = params.force_path_style(is_path_style);
            let params = params.set_endpoint(endpoint.map(str::to_owned)).build();
            let found = resolve(&Resolver::default(), &params.expect("parameters")).await;
            assert_eq!(found.as_ref().map(Endpoint::url), Ok(expected), "{bucket} {endpoint:?}");
        }
    }

    #[tokio::test]
    async fn an_error_is_not_remembered() {
        let resolver = Resolver::default();
        let nowhere = Params::builder().bucket("example").build().expect("parameters");
        assert!(resolve(&resolver, &nowhere).await.is_err());
        let region = Params::builder().bucket("example").region("eu-central-1").build();
        assert!(resolve(&resolver, &region.expect("parameters")).await.is_ok());
    }
}
