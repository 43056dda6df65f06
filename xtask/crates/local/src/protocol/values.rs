//! Values of the store in the types and texts of the protocol.

use std::time::{Duration, UNIX_EPOCH};

use hyper::header::HeaderValue;
use s3s::dto::{ETag, Timestamp, TimestampFormat};
use s3s::{S3Result, s3_error};

use crate::store::{Object, VersionId};

/// An object's ETag.
pub fn etag(object: &Object) -> ETag {
    ETag::Strong(object.etag.clone())
}

/// The time at which an object was written.
pub fn modified(object: &Object) -> Timestamp {
    timestamp(object.modified)
}

/// From seconds since 1970.
pub fn timestamp(seconds: u64) -> Timestamp {
    (UNIX_EPOCH + Duration::from_secs(seconds)).into()
}

/// A time as an HTTP date.
pub fn date(time: &Timestamp) -> Option<HeaderValue> {
    let mut date = Vec::new();
    time.format(TimestampFormat::HttpDate, &mut date).ok()?;
    HeaderValue::from_bytes(&date).ok()
}

/// The version id of an object, if it has one.
pub fn version_of(object: &Object) -> Option<String> {
    object.version.map(|version| write_version(version.id()))
}

/// The version that a request asks for.
pub fn read_version(id: Option<&str>) -> S3Result<Option<VersionId>> {
    id.map(parse_version).transpose()
}

pub fn write_version(id: VersionId) -> String {
    match id {
        VersionId::Null => "null".to_owned(),
        VersionId::Given(number) => format!("{number:016x}"),
    }
}

fn parse_version(id: &str) -> S3Result<VersionId> {
    match id {
        "null" => Ok(VersionId::Null),
        id => u64::from_str_radix(id, 16)
            .map(VersionId::Given)
            .ok()
            .filter(|version| write_version(*version) == id)
            .ok_or_else(|| s3_error!(InvalidArgument, "the version id specified is invalid")),
    }
}
