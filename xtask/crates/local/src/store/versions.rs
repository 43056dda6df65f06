//! Versions: what a key held before, kept so that it can be read and copied back. This file says what they are;
//! [`super::tables`] decides which versions a write creates, keeps and removes.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html>

use serde::{Deserialize, Serialize};

/// What a bucket does with objects that are replaced or deleted. Once it is set, it can be changed but never unset. A
/// bucket in which it was never set keeps nothing.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versioning {
    /// The replaced object becomes a noncurrent version.
    Enabled,
    /// The same, but an object that is written now is not kept: the next write replaces it.
    Suspended,
}

/// What tells a version apart from the others of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionId {
    /// The id of whatever was written while versioning was not enabled. A key has at most one such version.
    Null,
    Given(u64),
}

/// Which version of its key an object or a delete marker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Greater than the number of every earlier write. A time would not do: many writes share a second, and clocks can
    /// be set back.
    pub(super) sequence: u64,
    pub(super) null: bool,
}

/// Says that a key was deleted. As the newest version, it makes the key look as if it did not exist.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Marker {
    pub version: Version,
    /// When it was written, in seconds since 1970.
    pub modified: u64,
}

/// What a deletion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// The delete marker that was written, or the version that was removed on request. `None` if the bucket never had
    /// versioning.
    pub version: Option<VersionId>,
    /// Whether that is, or was, a delete marker.
    pub marker: bool,
}

impl Version {
    /// The version of an object that was written without versioning. Only a current object can lack a number, so it is
    /// newer than all that have one.
    pub(super) const UNNUMBERED: Version = Version { sequence: u64::MAX, null: true };

    pub fn id(self) -> VersionId {
        if self.null { VersionId::Null } else { VersionId::Given(self.sequence) }
    }
}
