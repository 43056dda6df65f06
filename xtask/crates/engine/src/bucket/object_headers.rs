//! The headers of an object in the terms of the SDK: set with a write, and read from an answer.

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::base::headers::{Headers, META, REDIRECT};

/// Sends a PUT with these headers.
pub async fn send_put(
    request: PutObjectFluentBuilder,
    headers: &Headers,
) -> Result<PutObjectOutput, SdkError<PutObjectError, HttpResponse>> {
    // For a request that is customized the SDK puts a configuration together: a tenth of all its work.
    match has_names(headers) {
        true => with_headers(request, headers).send().await,
        false => request.customize().mutate_request(add(headers)).send().await,
    }
}

/// Whether the SDK has names of its own for the headers, and sends their values unchanged. This holds for all except
/// `expires`, a date that can be written in three ways.
fn has_names(headers: &Headers) -> bool {
    headers.get("expires").is_none()
}

/// Sets the headers by those names.
fn with_headers(mut request: PutObjectFluentBuilder, headers: &Headers) -> PutObjectFluentBuilder {
    for (name, value) in headers.iter() {
        request = match name {
            "cache-control" => request.cache_control(value),
            "content-disposition" => request.content_disposition(value),
            "content-encoding" => request.content_encoding(value),
            "content-language" => request.content_language(value),
            "content-type" => request.content_type(value),
            REDIRECT => request.website_redirect_location(value),
            _ => request.metadata(name.strip_prefix(META).unwrap_or(name), value),
        };
    }
    request
}

/// Adds headers as written in the configuration, which has checked them: single PUTs and multipart uploads accept the
/// same ones, under their own names.
pub fn add(headers: &Headers) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    let headers = headers.clone();
    move |request| {
        for (name, value) in headers.iter() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
    }
}

pub fn of(head: &HeadObjectOutput) -> Headers {
    let mut headers = Headers::default();
    let fields = [
        ("cache-control", &head.cache_control),
        ("content-disposition", &head.content_disposition),
        ("content-encoding", &head.content_encoding),
        ("content-language", &head.content_language),
        ("content-type", &head.content_type),
        ("expires", &head.expires_string),
        (REDIRECT, &head.website_redirect_location),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            headers.set(name, value);
        }
    }
    for (name, value) in head.metadata.iter().flatten() {
        headers.set(&format!("{META}{name}"), value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::base::headers::KNOWN;
    use crate::base::key::Prefix;
    use crate::bucket::{Store, connect_local};

    #[test]
    fn each_header_but_a_date_has_a_name_of_the_sdk() {
        let store = Store {
            endpoint: "http://127.0.0.1:1",
            region: "us-east-1",
            access_key_id: "key",
            secret_access_key: "secret",
        };
        let bucket = connect_local("example", &Prefix::default(), &store);
        let mut headers = Headers::default();
        for name in KNOWN.iter().filter(|name| **name != "expires") {
            headers.set(name, *name);
        }
        headers.set("x-amz-meta-team", "docs");
        assert!(has_names(&headers));
        let request = with_headers(bucket.client.put_object(), &headers);
        let input = request.as_input();
        for (field, name) in [
            (input.get_cache_control(), "cache-control"),
            (input.get_content_disposition(), "content-disposition"),
            (input.get_content_encoding(), "content-encoding"),
            (input.get_content_language(), "content-language"),
            (input.get_content_type(), "content-type"),
            (input.get_website_redirect_location(), REDIRECT),
        ] {
            assert_eq!(field.as_deref(), Some(name));
        }
        let team = HashMap::from([("team".to_owned(), "docs".to_owned())]);
        assert_eq!(*input.get_metadata(), Some(team), "and nothing else");
        headers.set("expires", "Wed, 21 Oct 2037 07:28:00 GMT");
        assert!(!has_names(&headers));
    }
}
