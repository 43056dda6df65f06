//! The bucket of the account: connect, list, put, delete. It can only be had by way of the account
//! check, every request carries the expected owner, and nothing outside the prefix is ever named.

mod acl;
mod copy;
mod demands;
mod endpoint;
mod list;
mod own;
mod pace;
mod put;
mod unfinished;
mod versions;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::{
    BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, RuntimeComponents, SharedCredentialsProvider, SharedHttpClient,
    SharedInterceptor,
};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::types::{self, ObjectIdentifier};
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use crate::account::Account;
use crate::aws::{self, Line};
use crate::config::{Address, Demands, Environment};
use crate::error::{Failure, failed};
use crate::etag::Etag;
use crate::headers::Headers;
use crate::key::{OWN_FOLDER, Prefix};

use demands::Stating;
use endpoint::Resolver;
use pace::Pace;

pub use acl::Readers;
pub use copy::{LARGEST_COPY, Restated};
pub use list::{LastModified, Listing, Object, cuts};
pub use own::{Condition, Look, Own, Written};
pub use pace::Turn;
pub use unfinished::Unfinished;
pub use versions::Version;

/// A connection to one bucket and prefix. Cheap to clone.
#[derive(Clone)]
pub struct Bucket {
    client: Client,
    name: String,
    prefix: Prefix,
    /// Sent with every request: S3 answers 403 where the bucket is another account's.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>
    owner: Option<String>,
    /// The host of the endpoint, if the bucket's name stands before it.
    named_below: Option<String>,
    watch: Watch,
    /// Whether a write of this run was answered with the MD5 of its body as the ETag.
    gives_md5s: Arc<AtomicBool>,
}

/// Where to find a bucket that is not AWS's.
pub struct Store<'a> {
    pub endpoint: &'a str,
    pub region: &'a str,
    pub access_key_id: &'a str,
    pub secret_access_key: &'a str,
}

/// An object that is to go, as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    pub key: String,
    pub etag: Etag,
    /// Whether visitors start from it, so that it goes before what it names.
    pub is_page: bool,
}

/// How often a request is tried in all. What is tried again (throttling, 5xx, timeouts, resets, truncated
/// answers) is the SDK's standard list; 403, 404 and 301 are not on it.
const ATTEMPTS: u32 = 8;

/// The first wait before another try; each is twice as long as the one before, up to the longest, and each
/// is shortened by chance, so that not all come back at once. Together they last 16 s at the most.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The most keys that one `DeleteObjects` takes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub const DELETES_PER_REQUEST: usize = 1000;

/// Connects to the environment's bucket as its proven account. Nothing is sent yet.
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

/// Connects to a bucket in a store of this machine, which has no accounts.
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

/// How a bucket is reached, and what it demands.
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
    let watch = Watch { requests: Arc::default(), pace: Pace::new(), line: Line::new() };
    // The defaults since January 2025 send a CRC as a trailer, which some compatible stores reject.
    // Content-MD5, which every store verifies, is sent instead.
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
        // The SDK's budget for all retries together gives up on a store that throttles many files a
        // little; the pace answers that instead.
        .retry_partition(
            RetryPartition::custom("bucket").token_bucket(TokenBucket::unlimited()).build(),
        )
        .endpoint_resolver(Resolver::default());
    // Any other interceptor is looked for in all configuration at each step, in case that it is to be left out.
    config.push_interceptor(SharedInterceptor::permanent(watch.clone()));
    if store.demands != Demands::default() {
        config.push_interceptor(SharedInterceptor::permanent(Stating(store.demands.clone())));
    }
    if let Some(endpoint) = store.endpoint {
        config = config.endpoint_url(endpoint);
    }
    let address = store.endpoint.and_then(Address::parse).filter(|_| !store.is_path_style);
    let named_below = address.map(|address| address.host);
    let client = Client::from_conf(config.force_path_style(store.is_path_style).build());
    let (name, prefix) = (bucket.to_owned(), prefix.clone());
    Bucket { client, name, prefix, owner, named_below, watch, gives_md5s: Arc::default() }
}

impl Bucket {
    /// The same bucket, with its requests going through another client.
    #[cfg(feature = "local")]
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

    /// Requests sent so far, each try counted.
    pub fn requests(&self) -> u64 {
        self.watch.requests.load(Ordering::Relaxed)
    }

    /// Whether the ETags that the store gives are known to be MD5s, by its answer to a write of this run.
    pub fn gives_md5s(&self) -> bool {
        self.gives_md5s.load(Ordering::Relaxed)
    }

    /// Waits until the store can take one more upload.
    pub async fn turn(&self) -> Turn {
        self.watch.pace.turn().await
    }

    /// Waits until the line to the store can take a body of this size.
    pub async fn body(&self, size: u64) -> aws::Body {
        self.watch.line.begin(size).await
    }

    /// The ETag and the headers that an object has now; `None` where there is none.
    pub async fn head(&self, key: &str) -> Result<Option<(Etag, Headers)>, Failure> {
        let request = self.client.head_object().bucket(&self.name).key(key);
        match request.set_expected_bucket_owner(self.owner.clone()).send().await {
            Ok(head) => {
                let etag = head.e_tag().unwrap_or_default().trim_matches('"').into();
                Ok(Some((etag, put::headers_of(&head))))
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_not_found()) => Ok(None),
            Err(error) => {
                Err(aws::explain(format!("failed to read the headers of `{key}`"), &error))
            }
        }
    }

    /// Adds to a failure what helps if it is the host's name that does not answer: stores of one's own often have no
    /// names for their buckets, or no certificate for them.
    pub fn with_path_style_hint(&self, failure: Failure) -> Failure {
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

    /// The whole key of an object of the tool's own folder.
    pub fn own_key(&self, name: &str) -> String {
        self.prefix.join(&format!("{OWN_FOLDER}{name}"))
    }

    /// Deletes at most [`DELETES_PER_REQUEST`] objects that are still the ones that were listed, where the store honours that condition,
    /// and returns those that were not deleted, each with its reason.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>
    pub async fn delete(&self, objects: &[Delete]) -> Vec<(String, Failure)> {
        let (plain, odd): (Vec<Delete>, Vec<Delete>) =
            objects.iter().cloned().partition(|object| fits_in_xml(&object.key));
        let mut failures = Vec::new();
        if !plain.is_empty() {
            failures.extend(self.delete_batch(&plain).await);
        }
        for object in &odd {
            failures.extend(self.delete_one(object).await);
        }
        failures
    }

    /// For a key that a batch cannot name.
    async fn delete_one(&self, object: &Delete) -> Option<(String, Failure)> {
        let request = self.client.delete_object().bucket(&self.name).key(&object.key);
        let request = request.if_match(put::quoted(&object.etag));
        let error = request.set_expected_bucket_owner(self.owner.clone()).send().await.err()?;
        let doing = delete_of(&object.key);
        let failure = match aws::is_condition(&error) {
            true => put::changed(failed(doing), WRITTEN_SINCE),
            false => aws::explain(doing, &error),
        };
        Some((object.key.clone(), failure))
    }

    async fn delete_batch(&self, batch: &[Delete]) -> Vec<(String, Failure)> {
        let all = |failure: &dyn Fn(String) -> Failure| -> Vec<(String, Failure)> {
            batch.iter().map(|o| (o.key.clone(), failure(delete_of(&o.key)))).collect()
        };
        let named = |object: &Delete| {
            ObjectIdentifier::builder().key(&object.key).e_tag(put::quoted(&object.etag)).build()
        };
        let objects: Result<Vec<_>, _> = batch.iter().map(named).collect();
        let delete = objects.and_then(|objects| {
            types::Delete::builder().set_objects(Some(objects)).quiet(true).build()
        });
        let delete = match delete {
            Ok(delete) => delete,
            Err(error) => return all(&|doing| failed(doing).because(&error)),
        };
        let request = self.client.delete_objects().bucket(&self.name).delete(delete);
        let request = request.set_expected_bucket_owner(self.owner.clone()).customize();
        match request.mutate_request(put::add_content_md5).send().await {
            Err(error) => all(&|doing| aws::explain(doing, &error)),
            Ok(answer) => answer.errors().iter().filter_map(delete_error).collect(),
        }
    }
}

fn delete_of(key: &str) -> String {
    format!("failed to delete `{key}`")
}

const WRITTEN_SINCE: &str = "somebody else wrote it since the bucket was listed";

/// Whether a key can stand in the XML of a batch: one character that cannot would fail the whole batch.
/// <https://www.w3.org/TR/xml/#charsets>
fn fits_in_xml(key: &str) -> bool {
    !key.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// An answer of 200 can still hold an error for each key. That the key is gone already is none.
fn delete_error(error: &types::Error) -> Option<(String, Failure)> {
    let key = error.key().unwrap_or_default().to_owned();
    let mut failure = failed(delete_of(&key));
    match error.code().unwrap_or("Unknown") {
        "NoSuchKey" => return None,
        "PreconditionFailed" => failure = put::changed(failure, WRITTEN_SINCE),
        code => failure.causes.push(format!("{code}: {}", error.message().unwrap_or("no message"))),
    }
    Some((key, failure))
}

/// Sees every try: counts it, and tells the pace and the line how one of a PUT was answered.
#[derive(Clone, Debug)]
struct Watch {
    requests: Arc<AtomicU64>,
    pace: Pace,
    line: Line,
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.request().method() == "PUT" {
            context.request_mut().add_extension(self.line.clone());
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if context.request().method() == "PUT" {
            state.interceptor_state().store_put(Sent(Instant::now()));
        }
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Sent(sent)) = state.load::<Sent>() else { return Ok(()) };
        let now = Instant::now();
        match context.response().status().as_u16() {
            429 | 503 => self.pace.throttled(now),
            200..300 => self.pace.answered(now - *sent),
            _ => {}
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().and_then(Result::err);
        let error = error.and_then(|error| error.as_connector_error());
        if error.is_some_and(|error| error.is_timeout()) && state.load::<Sent>().is_some() {
            self.pace.throttled(Instant::now());
            self.line.stalled();
        }
        Ok(())
    }
}

/// When a try of a PUT was sent.
#[derive(Debug)]
struct Sent(Instant);

impl Storable for Sent {
    type Storer = StoreReplace<Sent>;
}
