//! What the rows of the tables hold: buckets, objects and their versions, multipart uploads and their parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::versions::{Marker, Version, Versioning};

/// A bucket, in the table `buckets`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// In seconds since 1970.
    pub created: u64,
    /// `None` until versioning is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versioning: Option<Versioning>,
}

/// An object, without its body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// The MD5 of the content in hexadecimal. For a multipart upload, the MD5 of the parts' MD5s, then `-` and the
    /// number of parts. Without quotes.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>
    pub etag: String,
    /// In bytes.
    pub size: u64,
    /// When it was written, in seconds since 1970. S3 reports no finer time.
    pub modified: u64,
    pub headers: Headers,
    /// `None` if the bucket never had versioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The body: the blobs, one after the other.
    pub(super) segments: Vec<Segment>,
}

/// The headers that were sent with an object and are returned with it: lowercase name to value, including
/// `x-amz-meta-*`.
pub type Headers = BTreeMap<String, String>;

/// A part of a body: one blob.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Segment {
    pub blob: u64,
    pub size: u64,
}

/// A version of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Entry {
    Object(Object),
    Marker(Marker),
}

/// A version of a key as it is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    pub key: String,
    /// Whether it is what the key holds now: this object or, for a delete marker, nothing.
    pub latest: bool,
    pub entry: Entry,
}

/// An upload that is neither completed nor aborted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upload {
    pub headers: Headers,
    /// In seconds since 1970.
    pub initiated: u64,
}

/// A part that was uploaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub md5: [u8; 16],
    /// In bytes.
    pub size: u64,
    /// In seconds since 1970.
    pub modified: u64,
    pub(super) blob: u64,
}

impl Entry {
    pub fn version(&self) -> Version {
        match self {
            Entry::Object(object) => object.version.unwrap_or(Version::UNNUMBERED),
            Entry::Marker(marker) => marker.version,
        }
    }

    pub(super) fn is_marker(&self) -> bool {
        matches!(self, Entry::Marker(_))
    }
}

impl Part {
    /// The MD5 in hexadecimal.
    pub fn etag(&self) -> String {
        hexadecimal(self.md5)
    }

    pub(super) fn segment(&self) -> Segment {
        Segment { blob: self.blob, size: self.size }
    }
}

pub(super) fn hexadecimal(md5: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(md5))
}
