//! The conditions of a request. Those of a read are checked against the object that the request names. Those of a write
//! become a [`Precondition`], which the store checks at the moment of writing.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use hyper::HeaderMap;
use hyper::header::{ETAG, LAST_MODIFIED};
use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::values::{date, etag, modified};
use crate::store::{Object, Precondition};

/// The conditions of a request that reads.
pub struct Conditions<'a> {
    pub if_match: Option<&'a ETagCondition>,
    pub if_none_match: Option<&'a ETagCondition>,
    pub if_modified_since: Option<&'a Timestamp>,
    pub if_unmodified_since: Option<&'a Timestamp>,
}

impl Conditions<'_> {
    /// An ETag takes precedence over a time: next to `If-Match`, `If-Unmodified-Since` is ignored.
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2>
    ///
    /// # Errors
    /// 412, or 304 with the headers that a cache needs.
    pub fn check(&self, object: &Object) -> S3Result<()> {
        let held = match (self.if_match, self.if_unmodified_since) {
            (Some(condition), _) => matches(condition, object),
            (None, Some(time)) => modified(object) <= *time,
            (None, None) => true,
        };
        if !held {
            return Err(s3_error!(PreconditionFailed, "a condition of the request does not hold"));
        }
        let changed = match (self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => !matches(condition, object),
            (None, Some(time)) => modified(object) > *time,
            (None, None) => true,
        };
        if changed { Ok(()) } else { Err(not_modified(object)) }
    }

    /// For the source of a copy, where 304 would make no sense.
    pub fn check_source(&self, object: &Object) -> S3Result<()> {
        self.check(object).map_err(|error| match error.code() {
            S3ErrorCode::NotModified => {
                s3_error!(PreconditionFailed, "a condition on the source does not hold")
            }
            _ => error,
        })
    }
}

/// The conditions of a request that writes.
///
/// # Errors
/// `If-None-Match` has a value other than `*`, the only one that S3 accepts there.
pub fn precondition(
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
) -> S3Result<Precondition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Precondition::None),
        (None, Some(ETagCondition::Any)) => Ok(Precondition::Absent),
        (Some(ETagCondition::Any), None) => Ok(Precondition::Present),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Precondition::Etag(etag.into_value())),
        _ => Err(s3_error!(NotImplemented, "a condition of the request is not implemented")),
    }
}

fn matches(condition: &ETagCondition, object: &Object) -> bool {
    condition.as_etag().is_none_or(|etag| etag.value() == object.etag)
}

fn not_modified(object: &Object) -> S3Error {
    let mut headers = HeaderMap::new();
    if let Ok(value) = etag(object).to_http_header() {
        headers.insert(ETAG, value);
    }
    headers.extend(date(&modified(object)).map(|date| (LAST_MODIFIED, date)));
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_headers(headers);
    error
}
