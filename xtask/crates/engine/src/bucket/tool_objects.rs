//! Objects in the tool's own folder, as the lock needs them: written and deleted under a condition, and listed by the
//! beginning of their name. `read.rs` reads them.
//!
//! If a condition does not hold, that is an answer here and not a failure: another deploy was faster.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use std::sync::atomic::Ordering;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::list_objects_v2::{ListObjectsV2Error, ListObjectsV2Output};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::capabilities::{Capability, Uses, declines};
use super::failures::{explain_own, explain_own_write, not_stored};
use super::pages::{Pages, unreliable};
use super::{Bucket, aws, content_md5};
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;

/// A write happens only if this holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    None,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match`, here without quotes.
    Etag(&'a str),
}

/// A store's answer to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is done, and this is the ETag, without quotes.
    Done(String),
    /// The condition does not hold.
    ///
    /// This does not prove that nothing was written: if an answer is lost, the client sends the request again, and its
    /// own first request may make the condition of the second fail.
    Refused,
    /// Another write of the same object was in progress. Some stores answer this whatever the condition is.
    Conflict,
    /// The store does not know such a condition.
    Unknown,
}

impl Bucket {
    /// Writes an object in the tool's own folder if the condition holds.
    pub(crate) async fn put_own(
        &self,
        name: &str,
        body: Vec<u8>,
        condition: Condition<'_>,
    ) -> Result<Written, Failure> {
        let key = self.own_key(name);
        let digest: [u8; 16] = Md5::digest(&body).into();
        let (md5, body) = (content_md5::of(&digest), Bytes::from(body));
        let send = |uses: Uses| {
            let request = self.client.put_object().bucket(&self.name).key(&key);
            let request = match condition {
                Condition::None => request,
                Condition::Absent => request.if_none_match("*"),
                Condition::Etag(etag) => request.if_match(format!("\"{etag}\"")),
            };
            request
                .content_type("application/json")
                .cache_control("no-store")
                .set_content_md5(uses.has(Capability::ContentMd5).then(|| md5.clone()))
                .body(ByteStream::from(body.clone()))
                .send()
        };
        match self.can.negotiate(&[Capability::ContentMd5], send).await {
            Ok(put) => {
                let mut etag = Etag::sent(put.e_tag.as_deref()).to_string();
                if etag.is_empty() {
                    // The store did not return it.
                    let head = self.head(&key).await?;
                    etag = head.map_or(etag, |(etag, _)| etag.to_string());
                }
                let stored = Etag::from(etag.as_str());
                if stored.is_of_nothing() {
                    return Err(not_stored(format!("failed to write `{key}`")));
                }
                if stored == Etag::Hex(digest) {
                    self.gives_md5s.store(true, Ordering::Relaxed);
                }
                Ok(Written::Done(etag))
            }
            Err(error) => refusal(condition, &error)
                .ok_or_else(|| explain_own_write(format!("failed to write `{key}`"), &error)),
        }
    }

    /// Deletes an object in the tool's own folder if it still has this ETag, and returns whether the store agreed that
    /// it has. Without an ETag, or if the store ignores it, the object is deleted in any case.
    pub(crate) async fn delete_own(&self, name: &str, etag: Option<&str>) -> Result<bool, Failure> {
        let key = self.own_key(name);
        let request = self.client.delete_object().bucket(&self.name).key(&key);
        let request = request.set_if_match(etag.map(|etag| format!("\"{etag}\"")));
        let condition = etag.map_or(Condition::None, Condition::Etag);
        let Err(error) = request.send().await else { return Ok(true) };
        match refusal(condition, &error) {
            Some(Written::Unknown) => Box::pin(self.delete_own(name, None)).await,
            Some(_) => Ok(false),
            None => Err(explain_own(format!("failed to delete `{key}`"), &error)),
        }
    }

    /// The names in the tool's own folder with this beginning, in order.
    pub(crate) async fn list_own(&self, beginning: &str) -> Result<Vec<String>, Failure> {
        self.names(beginning, Reach::Beginning).await
    }

    async fn names(&self, beginning: &str, reach: Reach) -> Result<Vec<String>, Failure> {
        let folder = self.own_key("");
        let doing = || format!("failed to list `{folder}`");
        let (mut names, mut pages) = (Vec::new(), Pages::of(doing()));
        while let Some(token) = pages.next() {
            let page = match self.own_page(beginning, reach, token).await {
                Ok(page) => page,
                Err(error) if reach == Reach::Beginning && aws::is_forbidden(&error) => {
                    return Box::pin(self.names(beginning, Reach::Prefix)).await;
                }
                Err(error) => return Err(aws::explain(doing(), &error)),
            };
            let next = page.next_continuation_token.clone();
            pages.answered(page.contents().len(), page.is_truncated, next)?;
            let found = own_names(&page, &folder, beginning, reach);
            let (found, is_past) = found.map_err(|what| unreliable(doing(), what))?;
            names.extend(found);
            if names.len() > MOST_NAMES {
                return Err(failed(doing()).hint(format!(
                    "more than {MOST_NAMES} objects begin with `{folder}{beginning}`: delete those that are not this tool's"
                )));
            }
            if is_past {
                break;
            }
        }
        names.sort();
        Ok(names)
    }

    async fn own_page(
        &self,
        beginning: &str,
        reach: Reach,
        token: Option<String>,
    ) -> Result<ListObjectsV2Output, SdkError<ListObjectsV2Error, HttpResponse>> {
        let (prefix, after) = match reach {
            Reach::Beginning => (Some(self.own_key(beginning)), None),
            Reach::Prefix => (self.listed_prefix(), Some(self.own_key(""))),
        };
        let request = self.client.list_objects_v2().bucket(&self.name);
        request
            .set_prefix(prefix)
            .set_start_after(after.filter(|_| token.is_none()))
            .set_continuation_token(token)
            .customize()
            .config_override(aws::config_of_answer())
            .send()
            .await
    }
}

/// How much of the bucket to list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Only the keys with this beginning.
    Beginning,
    /// Everything from the tool's own folder on, below the prefix. If a policy names the prefix exactly, the
    /// credentials can list nothing narrower.
    Prefix,
}

/// More deploys than ever wait for a lock at once.
const MOST_NAMES: usize = 10_000;

/// The names on a page, and whether it goes past the tool's own folder.
///
/// # Errors
/// What is on the page that was not requested.
fn own_names(
    page: &ListObjectsV2Output,
    folder: &str,
    beginning: &str,
    reach: Reach,
) -> Result<(Vec<String>, bool), String> {
    let mut names = Vec::new();
    for object in page.contents() {
        let key = object.key().filter(|key| !key.is_empty()).ok_or("an object has no key")?;
        match (key.strip_prefix(folder), reach) {
            (Some(name), _) if name.starts_with(beginning) => names.push(name.to_owned()),
            (Some(_), Reach::Prefix) => {}
            (None, Reach::Prefix) => return Ok((names, true)),
            (_, Reach::Beginning) => {
                return Err(format!("`{key}` is not under `{folder}{beginning}`"));
            }
        }
    }
    Ok((names, false))
}

/// What an error says about the condition that was sent; `None` for any other error.
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
        _ if declines(error) => Some(Written::Unknown),
        (412, _) => Some(Written::Refused),
        (409, _) => Some(Written::Conflict),
        // The object for `If-Match` does not exist. If the bucket does not exist, that is a different matter.
        (404, code) if code != Some("NoSuchBucket") && condition != Condition::Absent => {
            Some(Written::Refused)
        }
        _ => None,
    }
}
