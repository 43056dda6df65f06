//! Reads objects: those in the tool's own folder, with proof of their state, and others to look into.
//!
//! The content of a bucket cannot be trusted, so reading is limited: in bytes, and in time.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;

use super::body::{Slow, take};
use super::failures::{explain_own, reading};
use super::{ATTEMPTS, Bucket, FIRST_WAIT, LONGEST_WAIT};
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::base::tool_folder::{EARLIER, RECORD, UNREADABLE};
use crate::bucket::aws;

/// The object under a name, and when the store was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The store's own clock when it answered, in seconds since 1970; `None` if it did not say.
    pub now: Option<u64>,
    pub object: Option<Own>,
}

/// An object in the tool's own folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// Empty if the object is larger than anything that this tool writes there.
    pub body: Vec<u8>,
    /// Without its quotes.
    pub etag: String,
    /// When it was written, by the store's clock, in seconds since 1970.
    pub modified: u64,
}

/// The largest record that is read, in bytes: enough for more than a million files.
const LARGEST_RECORD: u64 = 128 << 20;

/// The largest of the tool's other objects that is read, in bytes. They have a few hundred bytes.
const LARGEST_NOTE: u64 = 64 << 10;

/// Memory for a body is reserved in advance up to this size, in bytes: more than a record of a hundred thousand files
/// needs.
const LARGE: u64 = 16 << 20;

fn largest(name: &str) -> u64 {
    match name == RECORD || name == UNREADABLE || name.starts_with(EARLIER) {
        true => LARGEST_RECORD,
        false => LARGEST_NOTE,
    }
}

impl Bucket {
    /// Reads an object in the tool's own folder. If its body breaks off, it is read again, as often as the client
    /// itself tries a request, and after the same waits. The client does not do this for bodies.
    pub(crate) async fn look(&self, name: &str) -> Result<Look, Failure> {
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            match self.get(name).await? {
                Ok(look) => return Ok(look),
                Err(_) => tokio::time::sleep(wait).await,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        self.get(name).await?.map_err(|error| failed(reading(&self.own_key(name))).because(&*error))
    }

    /// An object, or how its body broke off.
    async fn get(&self, name: &str) -> Result<Result<Look, BoxError>, Failure> {
        let (key, date) = (self.own_key(name), Date::default());
        let request = self.client.get_object().bucket(&self.name).key(&key);
        let request = request.customize();
        let mut object = match request.interceptor(date.clone()).send().await {
            Ok(object) => object,
            Err(error) if self.means_absent(name, &error).await => {
                return Ok(Ok(Look { now: date.get(), object: None }));
            }
            Err(error) => return Err(explain_own(reading(&key), &error)),
        };
        let etag = Etag::sent(object.e_tag.as_deref()).to_string();
        // If it does not say how old it is, assume that it was written just now: it is safer to take it for young.
        let modified = object.last_modified.as_ref().map(seconds).or(date.get()).unwrap_or(0);
        let length = object.content_length.and_then(|length| u64::try_from(length).ok());
        // The client does not collect it, because it would hold all of it twice.
        let most = largest(name);
        let mut body = Vec::new();
        if length.is_none_or(|length| length <= most) {
            body.reserve(length.unwrap_or_default().min(LARGE) as usize);
            let read = take(&mut object.body, |bytes| {
                body.extend_from_slice(bytes);
                body.len() as u64 <= most
            });
            if let Err(error) = read.await {
                return match error.is::<Slow>() {
                    true => Err(failed(reading(&key)).because(&*error)),
                    false => Ok(Err(error)),
                };
            }
        }
        if body.len() as u64 > most {
            body = Vec::new();
        }
        Ok(Ok(Look { now: date.get(), object: Some(Own { body, etag, modified }) }))
    }

    /// Whether the answer to a request for an object in the tool's own folder means that the object does not exist. If
    /// the credentials may not list the whole bucket, S3 answers 403 for a missing object. Then the listing of what
    /// they may list decides.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
    async fn means_absent<E>(&self, name: &str, error: &SdkError<E, HttpResponse>) -> bool
    where
        E: ProvideErrorMetadata,
    {
        // Every caller that reads the record also lists the bucket anyway.
        if aws::is_absent(error) || name == RECORD {
            return aws::is_absent(error);
        }
        aws::is_forbidden(error)
            && self.list_own(name).await.is_ok_and(|names| !names.iter().any(|it| it == name))
    }

    /// The first bytes of an object in the tool's own folder, or all of them if it is short; `None` if it does not
    /// exist.
    pub(crate) async fn look_at_beginning(
        &self,
        name: &str,
        length: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let key = self.own_key(name);
        let request = self.client.get_object().bucket(&self.name).key(&key);
        let request = request.range(format!("bytes=0-{}", length.saturating_sub(1)));
        let mut object = match request.send().await {
            Ok(object) => object,
            // An empty object has no first byte.
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 416) => {
                return Ok(Some(Vec::new()));
            }
            Err(error) if self.means_absent(name, &error).await => return Ok(None),
            Err(error) => return Err(explain_own(reading(&key), &error)),
        };
        let mut beginning = Vec::new();
        // A store that does not support ranges answers with the whole object.
        let read = take(&mut object.body, |bytes| {
            beginning.extend_from_slice(bytes);
            (beginning.len() as u64) < length
        });
        read.await.map_err(|error| failed(reading(&key)).because(&*error))?;
        beginning.truncate(length as usize);
        Ok(Some(beginning))
    }

    /// The content of an object; `None` if it does not exist, or is larger than `most` bytes.
    pub async fn read(&self, key: &str, most: u64) -> Result<Option<Bytes>, Failure> {
        let request = self.client.get_object().bucket(&self.name).key(key);
        let mut object = match request.send().await {
            Ok(object) => object,
            Err(error) if aws::is_absent(&error) => return Ok(None),
            Err(error) => return Err(aws::explain(reading(key), &error)),
        };
        let length = object.content_length.and_then(|length| u64::try_from(length).ok());
        if length.is_none_or(|length| length > most) {
            return Ok(None);
        }
        let mut body = Vec::new();
        let read = take(&mut object.body, |bytes| {
            body.extend_from_slice(bytes);
            true
        });
        read.await.map_err(|error| failed(reading(key)).because(&*error))?;
        Ok(Some(body.into()))
    }
}

fn seconds(time: &DateTime) -> u64 {
    time.secs().try_into().unwrap_or_default()
}

/// The time at which an answer was given, according to the server that gave it.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1>
#[derive(Clone, Debug, Default)]
struct Date(Arc<Mutex<Option<u64>>>);

impl Date {
    fn get(&self) -> Option<u64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Date {
    fn name(&self) -> &'static str {
        "Date"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let time = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time.as_ref().map(seconds);
        Ok(())
    }
}
