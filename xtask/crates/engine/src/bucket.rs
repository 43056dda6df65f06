//! The bucket of the account: connect, list, put, delete. Only the account check can produce one, every request carries
//! the expected owner, and nothing outside the prefix is ever named.

pub mod account;
mod aws;
pub mod record;
pub mod lock;

mod endpoint;
mod demands;
mod watch;
mod concurrency;
mod capabilities;

mod failures;
mod body;
mod content_md5;
mod object_headers;
mod decode;
mod pages;

mod list;
mod folders;
mod versions;
mod unfinished;
mod acl;
mod put;
mod copy;
mod delete;
mod tool_objects;
mod read;
mod seen;

#[cfg(test)]
mod ignoring;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedCredentialsProvider, SharedHttpClient, SharedInterceptor,
};

use crate::base::error::Failure;
use crate::base::etag::Etag;
use crate::base::headers::Headers;
use crate::base::key::Prefix;
use crate::base::tool_folder;
use crate::repository::config::{Address, Demands, Environment};

use account::Account;
use aws::Line;
use capabilities::Capabilities;
use concurrency::Concurrency;
use demands::Stating;
use endpoint::Resolver;
use watch::{TryAgain, Watch};

pub use acl::Readers;
pub use delete::Delete;
pub use list::{LastModified, Listing, Object, cuts};
pub use record::{Deploy, Record};
pub use seen::{Exchange, Seen, look, look_at};
pub use unfinished::Unfinished;

pub(crate) use concurrency::Slot;
pub(crate) use copy::{CopyOutcome, LARGEST_COPY};
pub(crate) use delete::DELETES_PER_REQUEST;
pub(crate) use read::{Look, Own};
pub(crate) use tool_objects::{Condition, Written};
pub(crate) use versions::{NO_VERSIONS, Version};

/// A connection to one bucket and prefix. Cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    client: Client,
    name: String,
    prefix: Prefix,
    /// The host of the endpoint, if the bucket's name stands before it.
    named_below: Option<String>,
    watch: Watch,
    can: Capabilities,
    /// Whether the store answered a write of this run with the MD5 of its body as the ETag.
    gives_md5s: Arc<AtomicBool>,
}

/// Where to find a bucket that is not on AWS.
pub struct Store<'a> {
    pub endpoint: &'a str,
    pub region: &'a str,
    pub access_key_id: &'a str,
    pub secret_access_key: &'a str,
}

/// How often a request is tried in all. What is retried is the SDK's standard list (5xx, timeouts, resets) and what
/// [`TryAgain`] adds. 403, 404 and 301 are on neither list.
const ATTEMPTS: u32 = 8;

/// The wait before the second try. Each further wait is twice as long as the one before, up to the longest, and each is
/// shortened at random, so that not all requests come back at once. Together they last at most 16 s.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Connects to the environment's bucket as its proven account. Sends nothing yet.
pub fn connect(environment: &Environment, prefix: &Prefix, account: Account) -> Bucket {
    let store = Where {
        region: &environment.region,
        endpoint: environment.endpoint.as_deref(),
        is_path_style: environment.is_path_style(),
        demands: environment.demands.clone(),
    };
    let place = (environment.bucket.as_str(), prefix);
    open(place, account.credentials, store, account.id)
}

/// Connects to a bucket in a store on this machine, which has no accounts.
pub fn connect_local(bucket: &str, prefix: &Prefix, store: &Store) -> Bucket {
    let keys = Credentials::new(store.access_key_id, store.secret_access_key, None, None, "local");
    let credentials = SharedCredentialsProvider::new(keys);
    let store = Where {
        region: store.region,
        endpoint: Some(store.endpoint),
        is_path_style: true,
        demands: Demands::default(),
    };
    open((bucket, prefix), credentials, store, None)
}

/// How to reach a bucket, and what it demands.
struct Where<'a> {
    region: &'a str,
    endpoint: Option<&'a str>,
    is_path_style: bool,
    demands: Demands,
}

fn open(
    (bucket, prefix): (&str, &Prefix),
    credentials: SharedCredentialsProvider,
    store: Where<'_>,
    owner: Option<String>,
) -> Bucket {
    let watch = Watch { requests: Arc::default(), pace: Concurrency::new(), line: Line::new() };
    // The defaults since January 2025 send a CRC as a trailer, which some compatible stores reject. Content-MD5, which
    // every store verifies, is sent instead.
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(store.region.to_owned()))
        .credentials_provider(credentials)
        .http_client(aws::http_client())
        .timeout_config(aws::timeouts())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(ATTEMPTS)
                .with_initial_backoff(FIRST_WAIT)
                .with_max_backoff(LONGEST_WAIT),
        )
        // The SDK has one budget for all retries together. With it, the SDK would give up on a store that throttles
        // many files a little. The pace reacts to that instead.
        .retry_partition(
            RetryPartition::custom("bucket").token_bucket(TokenBucket::unlimited()).build(),
        )
        .retry_classifier(TryAgain)
        .endpoint_resolver(Resolver::default());
    // `permanent`: for other interceptors, the SDK checks every config layer at every step whether they were disabled.
    config.push_interceptor(SharedInterceptor::permanent(watch.clone()));
    if owner.is_some() || store.demands != Demands::default() {
        let stating = Stating { owner, demands: store.demands.clone() };
        config.push_interceptor(SharedInterceptor::permanent(stating));
    }
    if let Some(endpoint) = store.endpoint {
        config = config.endpoint_url(endpoint);
    }
    let address = store.endpoint.and_then(Address::parse).filter(|_| !store.is_path_style);
    let named_below = address.map(|address| address.host);
    let client = Client::from_conf(config.force_path_style(store.is_path_style).build());
    let (name, prefix) = (bucket.to_owned(), prefix.clone());
    let can = Capabilities::default();
    let gives_md5s = Arc::default();
    Bucket { client, name, prefix, named_below, watch, can, gives_md5s }
}

impl Bucket {
    /// The same bucket, with its requests sent through another client.
    pub fn through(self, client: SharedHttpClient) -> Bucket {
        let config = self.client.config().to_builder().http_client(client).build();
        Bucket { client: Client::from_conf(config), ..self }
    }

    /// The same bucket below another prefix.
    pub fn below(&self, prefix: &Prefix) -> Bucket {
        Bucket { prefix: prefix.clone(), ..self.clone() }
    }

    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// How many requests were sent so far, each try counted.
    pub fn requests(&self) -> u64 {
        self.watch.requests.load(Ordering::Relaxed)
    }

    /// Whether the store's ETags are known to be MD5s, from its answer to a write of this run.
    pub fn gives_md5s(&self) -> bool {
        self.gives_md5s.load(Ordering::Relaxed)
    }

    /// What the store was found to lack so far, in one line.
    pub fn lacks(&self) -> Option<String> {
        self.can.told()
    }

    /// Waits until the store can take one more upload.
    pub(crate) async fn turn(&self) -> Slot {
        self.watch.pace.turn().await
    }

    /// The current ETag and headers of an object; `None` if it does not exist.
    pub(crate) async fn head(&self, key: &str) -> Result<Option<(Etag, Headers)>, Failure> {
        let request = self.client.head_object().bucket(&self.name).key(key);
        match request.send().await {
            Ok(head) => Ok(Some((Etag::sent(head.e_tag()), object_headers::of(&head)))),
            Err(error) if aws::is_absent(&error) => Ok(None),
            Err(error) => {
                Err(aws::explain(format!("failed to read the headers of `{key}`"), &error))
            }
        }
    }

    /// Adds a hint to a failure in which the bucket's host name does not answer: private stores often have no host
    /// names for their buckets, or no certificates for them.
    pub(crate) fn with_path_style_hint(&self, failure: Failure) -> Failure {
        let about_name = |cause: &String| {
            ["dns error", "not valid for name", "NotValidForName"].iter().any(|e| cause.contains(e))
        };
        match &self.named_below {
            Some(host) if failure.causes.iter().any(about_name) => failure.hint(format!(
                "the bucket is looked for at {}.{host}; if the store has no names for its buckets, write path-style = true in deploy.toml, and else check `endpoint`",
                self.name
            )),
            _ => failure,
        }
    }

    /// The prefix, as a request for a listing names it.
    fn listed_prefix(&self) -> Option<String> {
        Some(self.prefix.as_str().to_owned()).filter(|prefix| !prefix.is_empty())
    }

    /// The whole key of an object in the tool's own folder.
    pub(crate) fn own_key(&self, name: &str) -> String {
        self.prefix.join(&format!("{}{name}", tool_folder::NAME))
    }
}
