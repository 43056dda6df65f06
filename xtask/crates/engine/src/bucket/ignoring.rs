//! A store that accepts conditions but ignores them, for tests. It is simulated by a client that does not send them.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;

use super::Bucket;

#[derive(Debug)]
struct Without(&'static [&'static str]);

impl Intercept for Without {
    fn name(&self) -> &'static str {
        "Without"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        for header in self.0 {
            context.request_mut().headers_mut().remove(*header);
        }
        Ok(())
    }
}

impl Bucket {
    /// The same bucket in a store that ignores these headers.
    pub fn ignoring(&self, headers: &'static [&'static str]) -> Bucket {
        let config = self.client.config().to_builder().interceptor(Without(headers));
        Bucket { client: Client::from_conf(config.build()), ..self.clone() }
    }
}
