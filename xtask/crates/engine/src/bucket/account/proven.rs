//! Keys that remain the ones that were proven. A profile may name a program that returns different keys each time. If
//! it were called once for the proof and again for the bucket, the deploy would use keys that nothing has checked.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use tokio::sync::Mutex;

use super::{check, load};
use crate::base::error::Error;
use crate::repository::config::Environment;

/// Provides the proven keys until they are about to expire, and then new ones, which are proven in the same way.
#[derive(Debug)]
pub struct Proven {
    environment: Environment,
    source: SharedCredentialsProvider,
    keys: Mutex<Keys>,
}

/// How long before their expiry keys are renewed. The client asks for new ones ten seconds before.
const BEFORE_EXPIRY: Duration = Duration::from_secs(60);

impl Proven {
    pub fn new(environment: Environment, source: SharedCredentialsProvider, keys: Keys) -> Proven {
        Proven { environment, source, keys: Mutex::new(keys) }
    }

    async fn keys(&self) -> Result<Keys, CredentialsError> {
        let mut keys = self.keys.lock().await;
        if expires_soon(&keys) {
            *keys = self
                .renewed()
                .await
                .map_err(|error| CredentialsError::provider_error(said(error)))?;
        }
        Ok(keys.clone())
    }

    async fn renewed(&self) -> Result<Keys, Error> {
        let keys = load(&self.environment, &self.source).await?;
        check(&self.environment, &keys).await?;
        Ok(keys)
    }
}

impl ProvideCredentials for Proven {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.keys())
    }
}

fn expires_soon(keys: &Keys) -> bool {
    keys.expiry().is_some_and(|expiry| expiry < SystemTime::now() + BEFORE_EXPIRY)
}

/// The client shows this as the cause of the request that needed new keys.
fn said(error: Error) -> String {
    match error {
        Error::Refused(refusal) => refusal.to_string(),
        Error::Failed(failure) => failure.to_string(),
        Error::Config(text) | Error::Interrupted(text) => text,
    }
}
