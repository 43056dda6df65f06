//! Objects of the tool's own folder as the lock needs them: read with what proves their state, written
//! and deleted under a condition, listed by the beginning of their name.
//!
//! That a condition does not hold is an answer here and no failure: another was quicker.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError, DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::{ATTEMPTS, Bucket, FIRST_WAIT, LONGEST_WAIT, put};
use crate::aws;
use crate::error::{Failure, failed};
use crate::etag::Etag;

/// What stands under a name, and when the store was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The store's own clock as it answered, in seconds since 1970; `None` where it did not tell.
    pub now: Option<u64>,
    pub object: Option<Own>,
}

/// An object of the tool's own folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    pub body: Vec<u8>,
    /// Without its quotes.
    pub etag: String,
    /// When it was written, by the store's clock, in seconds since 1970.
    pub modified: u64,
}

/// What must hold for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    None,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match`, here without quotes.
    Etag(&'a str),
}

/// What a store answered to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is done, and this is the ETag, without quotes.
    Done(String),
    /// The condition does not hold.
    ///
    /// It does not prove that nothing was written: where an answer is lost, the client asks again, and its
    /// own first request stands in the way of its second.
    Refused,
    /// Another write of the same object was under way. Some stores answer so whatever the condition.
    Conflict,
    /// The store knows no such condition.
    Unknown,
}

/// For so many bytes room is made before they are there: for more than a record of a hundred thousand files.
const LARGE: usize = 16 << 20;

impl Bucket {
    /// Reads an object of the tool's own folder. One whose body broke off is read again, as often and after such
    /// waits as the client itself tries a request: it does not do so for a body.
    pub async fn look(&self, name: &str) -> Result<Look, Failure> {
        let key = self.own_key(name);
        let mut wait = FIRST_WAIT;
        for _ in 1..ATTEMPTS {
            match self.get(&key).await? {
                Ok(look) => return Ok(look),
                Err(_) => tokio::time::sleep(wait).await,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        self.get(&key).await?.map_err(|error| failed(reading(&key)).because(&error))
    }

    /// The first bytes of an object of the tool's own folder, all of them where it is short; `None` where there
    /// is none.
    pub async fn look_at_beginning(
        &self,
        name: &str,
        length: u64,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let key = self.own_key(name);
        let request = self.client.get_object().bucket(&self.name).key(&key);
        let request = request.range(format!("bytes=0-{}", length.saturating_sub(1)));
        match request.set_expected_bucket_owner(self.owner.clone()).send().await {
            Ok(object) => {
                let body = object.body.collect().await;
                body.map(|body| Some(body.to_vec()))
                    .map_err(|error| failed(reading(&key)).because(&error))
            }
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => Ok(None),
            // There is no first byte of an object that is empty.
            Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 416) => {
                Ok(Some(Vec::new()))
            }
            Err(error) => Err(aws::explain(reading(&key), &error)),
        }
    }

    /// What an object holds; `None` where there is none, or where it is larger than `most` bytes.
    pub async fn read(&self, key: &str, most: u64) -> Result<Option<Bytes>, Failure> {
        let doing = || format!("failed to read `{key}`");
        let request = self.client.get_object().bucket(&self.name).key(key);
        let object = match request.set_expected_bucket_owner(self.owner.clone()).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => {
                return Ok(None);
            }
            Err(error) => return Err(aws::explain(doing(), &error)),
        };
        let length = object.content_length.and_then(|length| u64::try_from(length).ok());
        if length.is_none_or(|length| length > most) {
            return Ok(None);
        }
        let body = object.body.collect().await;
        body.map(|body| Some(body.into_bytes())).map_err(|error| failed(doing()).because(&error))
    }

    /// An object as it is, or how its body broke off.
    async fn get(&self, key: &str) -> Result<Result<Look, ByteStreamError>, Failure> {
        let date = Date::default();
        let request = self.client.get_object().bucket(&self.name).key(key);
        let request = request.set_expected_bucket_owner(self.owner.clone()).customize();
        let mut object = match request.interceptor(date.clone()).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => {
                return Ok(Ok(Look { now: date.get(), object: None }));
            }
            Err(error) => return Err(aws::explain(reading(key), &error)),
        };
        let etag = unquoted(object.e_tag.as_deref());
        // One that does not tell its age was written just now: it is safer to take it for young.
        let modified = object.last_modified.as_ref().map(seconds).or(date.get()).unwrap_or(0);
        // Not collected by the client, which would hold all of it twice.
        let length = object.content_length.and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(length.unwrap_or_default().min(LARGE));
        while let Some(bytes) = object.body.next().await {
            match bytes {
                Ok(bytes) => body.extend_from_slice(&bytes),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Look { now: date.get(), object: Some(Own { body, etag, modified }) }))
    }

    /// Writes an object of the tool's own folder if the condition holds.
    pub async fn put_own(
        &self,
        name: &str,
        body: Vec<u8>,
        condition: Condition<'_>,
    ) -> Result<Written, Failure> {
        let key = self.own_key(name);
        let request = self.client.put_object().bucket(&self.name).key(&key);
        let request = match condition {
            Condition::None => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Etag(etag) => request.if_match(format!("\"{etag}\"")),
        };
        let md5: [u8; 16] = Md5::digest(&body).into();
        let request = request
            .content_type("application/json")
            .cache_control("no-store")
            .set_expected_bucket_owner(self.owner.clone())
            .body(ByteStream::from(body))
            .customize()
            .mutate_request(put::add_content_md5);
        match request.send().await {
            Ok(put) => {
                let etag = unquoted(put.e_tag.as_deref());
                if Etag::from(etag.as_str()) == Etag::Hex(md5) {
                    self.gives_md5s.store(true, Ordering::Relaxed);
                }
                Ok(Written::Done(etag))
            }
            Err(error) => refusal(condition, &error)
                .ok_or_else(|| aws::explain_write(format!("failed to write `{key}`"), &error)),
        }
    }

    /// Deletes an object of the tool's own folder if it is still the one with this ETag, and returns whether
    /// the store agreed that it was. Without an ETag, or where the store ignores it, it goes in any case.
    pub async fn delete_own(&self, name: &str, etag: Option<&str>) -> Result<bool, Failure> {
        let key = self.own_key(name);
        let request = self.client.delete_object().bucket(&self.name).key(&key);
        let request = request
            .set_if_match(etag.map(|etag| format!("\"{etag}\"")))
            .set_expected_bucket_owner(self.owner.clone());
        let condition = etag.map_or(Condition::None, Condition::Etag);
        let Err(error) = request.send().await else { return Ok(true) };
        match refusal(condition, &error) {
            Some(Written::Unknown) => Box::pin(self.delete_own(name, None)).await,
            Some(_) => Ok(false),
            None => Err(aws::explain(format!("failed to delete `{key}`"), &error)),
        }
    }

    /// The names in the tool's own folder that begin so, in order.
    pub async fn list_own(&self, beginning: &str) -> Result<Vec<String>, Failure> {
        let folder = self.own_key("");
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let request = self.client.list_objects_v2().bucket(&self.name);
            let page = request
                .prefix(self.own_key(beginning))
                .set_continuation_token(token)
                .set_expected_bucket_owner(self.owner.clone())
                .send()
                .await
                .map_err(|error| aws::explain(format!("failed to list `{folder}`"), &error))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            names.extend(keys.filter_map(|key| key.strip_prefix(&folder)).map(str::to_owned));
            token = page.next_continuation_token;
            match page.is_truncated {
                Some(true) if token.is_some() => {}
                Some(true) => {
                    return Err(failed(format!("failed to list `{folder}`"))
                        .hint("the store cut the listing and did not say where it goes on"));
                }
                _ => break,
            }
        }
        names.sort();
        Ok(names)
    }
}

fn reading(key: &str) -> String {
    format!("failed to read `{key}`")
}

/// What an error says of the condition that was sent; `None` for any other error.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
fn refusal<E: ProvideErrorMetadata>(
    condition: Condition<'_>,
    error: &SdkError<E, HttpResponse>,
) -> Option<Written> {
    if condition == Condition::None {
        return None;
    }
    let SdkError::ServiceError(service) = error else { return None };
    match (service.raw().status().as_u16(), service.err().code()) {
        (_, Some("NotImplemented")) | (501, _) => Some(Written::Unknown),
        (412, _) => Some(Written::Refused),
        (409, _) => Some(Written::Conflict),
        // What `If-Match` asks for is not there. A bucket that is not there is another matter.
        (404, code) if code != Some("NoSuchBucket") && condition != Condition::Absent => {
            Some(Written::Refused)
        }
        _ => None,
    }
}

fn unquoted(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

fn seconds(time: &DateTime) -> u64 {
    time.secs().try_into().unwrap_or_default()
}

/// The time that an answer was given at, by whoever gave it.
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

#[cfg(test)]
mod ignoring {
    //! A store that takes conditions and ignores them, seen from a client that does not send them.

    use aws_sdk_s3::Client;
    use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;

    use super::*;

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
}
