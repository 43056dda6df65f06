//! Whose keys these are, according to STS. An S3-compatible store with accounts answers this at its own address. AWS
//! has STS at another address than S3, so STS is asked there, whichever address of S3 an environment names.

use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::Config;
use aws_sdk_sts::config::{BehaviorVersion, Region};

use crate::base::error::Failure;
use crate::bucket::aws;
use crate::repository::config::Environment;

pub struct Caller {
    pub account: String,
    pub is_root: bool,
}

pub async fn of(environment: &Environment, keys: &Keys) -> Result<Caller, Failure> {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(environment.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(keys.clone()))
        .http_client(aws::http_client())
        .timeout_config(aws::timeouts());
    let Sts { endpoint, is_dual_stack, is_fips } = Sts::of(environment);
    let config = config.use_dual_stack(is_dual_stack).use_fips(is_fips);
    let client = aws_sdk_sts::Client::from_conf(match endpoint {
        Some(endpoint) => config.endpoint_url(endpoint).build(),
        None => config.build(),
    });
    let identity = client.get_caller_identity().send().await.map_err(|error| {
        let doing = format!("failed to ask whose credentials `{}` has", environment.name);
        let failure = aws::explain(doing, &error);
        let Some(endpoint) = endpoint else { return failure };
        let no_accounts = format!(
            "if {endpoint} knows no accounts, leave `account` out; then nothing proves whose the bucket is"
        );
        match &failure.hint {
            None => failure.hint(no_accounts),
            Some(hint) if aws::is_foreign(&error) => {
                let hint = hint.clone().then(format!("; {no_accounts}"));
                failure.hint(hint)
            }
            Some(_) => failure,
        }
    })?;
    Ok(Caller {
        account: identity.account.unwrap_or_default(),
        // In every partition: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
        is_root: identity.arn.unwrap_or_default().ends_with(":root"),
    })
}

/// The address of STS.
#[derive(Debug, PartialEq, Eq)]
struct Sts<'e> {
    /// `None` for the usual address of STS in the region.
    endpoint: Option<&'e str>,
    /// Runners that have only IPv6 can reach nothing else.
    is_dual_stack: bool,
    is_fips: bool,
}

impl Sts<'_> {
    fn of(environment: &Environment) -> Sts<'_> {
        match environment.address() {
            Some(address) if address.is_aws() => Sts {
                endpoint: None,
                is_dual_stack: address.is_dual_stack(),
                is_fips: address.is_fips(),
            },
            _ => Sts {
                endpoint: environment.endpoint.as_deref(),
                is_dual_stack: false,
                is_fips: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};

    use super::*;
    use crate::repository::config::tests::environment;

    /// Where the SDK sends the question for an environment with these lines.
    async fn asked_at(lines: &str) -> String {
        let environment = environment(lines);
        let sts = Sts::of(&environment);
        let params = Params::builder()
            .region(environment.region.as_str())
            .use_dual_stack(sts.is_dual_stack)
            .use_fips(sts.is_fips)
            .set_endpoint(sts.endpoint.map(str::to_owned))
            .build()
            .expect("parameters");
        let endpoint = DefaultResolver::new().resolve_endpoint(&params).await;
        endpoint.expect("an endpoint").url().to_owned()
    }

    #[tokio::test]
    async fn sts_of_aws_is_asked_at_its_own_address_whichever_that_of_s3_is() {
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_dual-stack_endpoint_support.html>
        let rows = [
            ("eu-central-1", "", "https://sts.eu-central-1.amazonaws.com"),
            (
                "eu-central-1",
                "https://s3.eu-central-1.amazonaws.com",
                "https://sts.eu-central-1.amazonaws.com",
            ),
            (
                "eu-central-1",
                "https://s3.dualstack.eu-central-1.amazonaws.com",
                "https://sts.eu-central-1.api.aws",
            ),
            (
                "us-west-2",
                "https://s3-fips.us-west-2.amazonaws.com",
                "https://sts-fips.us-west-2.amazonaws.com",
            ),
            (
                "us-east-1",
                "https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com",
                "https://sts.us-east-1.amazonaws.com",
            ),
            (
                "eu-west-1",
                "https://s3-accelerate.amazonaws.com",
                "https://sts.eu-west-1.amazonaws.com",
            ),
            (
                "cn-north-1",
                "https://s3.cn-north-1.amazonaws.com.cn",
                "https://sts.cn-north-1.amazonaws.com.cn",
            ),
            ("us-east-1", "http://minio:9000", "http://minio:9000"),
            ("us-east-1", "https://s3.example.net", "https://s3.example.net"),
        ];
        for (region, endpoint, expected) in rows {
            let endpoint = match endpoint {
                "" => String::new(),
                endpoint => format!("endpoint = \"{endpoint}\""),
            };
            let lines = format!("account = \"222222222222\"\nregion = \"{region}\"\n{endpoint}");
            assert_eq!(asked_at(&lines).await, expected, "{endpoint}");
        }
    }
}
