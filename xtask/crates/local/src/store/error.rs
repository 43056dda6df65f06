//! Why the store declined or failed. Most variants are answers that S3 gives too, and leave the store as it was; the
//! last three mean that the store itself is in trouble.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::versions::Marker;

#[derive(Clone, Debug)]
pub enum StoreError {
    /// The folder cannot be created, or the file in it cannot be opened.
    Folder {
        path: PathBuf,
        source: Arc<io::Error>,
    },
    /// Another process has the folder open.
    InUse {
        path: PathBuf,
    },
    /// A newer version of this tool wrote the folder.
    Newer {
        path: PathBuf,
        format: u64,
    },
    NoSuchBucket,
    BucketExists,
    BucketNotEmpty,
    NoSuchKey,
    NoSuchVersion,
    /// The key's current version is a delete marker, so the key counts as missing.
    Deleted(Marker),
    /// The given version is a delete marker, which cannot be read.
    IsMarker(Marker),
    NoSuchUpload,
    /// The part was not uploaded, or has another ETag.
    InvalidPart {
        number: u32,
    },
    /// The parts are not in ascending order, each listed once.
    InvalidPartOrder,
    /// A part other than the last is smaller than S3 accepts.
    PartTooSmall {
        number: u32,
    },
    /// The parts do not add up to the size that the client expects.
    WrongSize {
        expected: u64,
        found: u64,
    },
    PreconditionFailed,
    /// The database failed: for example, the disk is full or the file is damaged.
    Database(Arc<redb::Error>),
    /// A row has content that this version does not write.
    Damaged(String),
    /// The store was closed, or its writer died, while the call was waiting.
    Closed,
}

impl StoreError {
    pub(super) fn folder(path: &Path, source: io::Error) -> StoreError {
        StoreError::Folder { path: path.to_owned(), source: Arc::new(source) }
    }

    pub(super) fn opening(path: &Path, error: redb::DatabaseError) -> StoreError {
        match error {
            redb::DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path: path.to_owned() },
            redb::DatabaseError::Storage(redb::StorageError::Io(source)) => {
                StoreError::folder(path, source)
            }
            error => error.into(),
        }
    }

    /// Whether the data on the disk is not a store, or is incomplete. Only starting with an empty store helps then.
    pub fn is_damage(&self) -> bool {
        match self {
            StoreError::Damaged(_) => true,
            StoreError::Database(error) => {
                matches!(**error, redb::Error::Corrupted(_) | redb::Error::UpgradeRequired(_))
            }
            StoreError::Folder { source, .. } => {
                matches!(source.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
            }
            _ => false,
        }
    }

    /// Whether a change that ended with this error may be half done, and must be undone.
    pub(super) fn is_fatal(&self) -> bool {
        matches!(self, StoreError::Database(_) | StoreError::Damaged(_) | StoreError::Closed)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Folder { path, source } => {
                write!(f, "failed to open the local bucket in `{}`: {source}", path.display())
            }
            StoreError::InUse { path } => {
                write!(f, "the local bucket in `{}` is in use by another process", path.display())
            }
            StoreError::Newer { path, format } => {
                write!(
                    f,
                    "a newer version of this tool wrote the local bucket in `{}` (format {format})",
                    path.display()
                )
            }
            StoreError::NoSuchBucket => write!(f, "the bucket does not exist"),
            StoreError::BucketExists => write!(f, "the bucket exists already"),
            StoreError::BucketNotEmpty => write!(f, "the bucket is not empty"),
            StoreError::NoSuchKey => write!(f, "the key does not exist"),
            StoreError::NoSuchVersion => write!(f, "the version does not exist"),
            StoreError::Deleted(_) => write!(f, "the key was deleted"),
            StoreError::IsMarker(_) => write!(f, "the version is a delete marker"),
            StoreError::NoSuchUpload => {
                write!(f, "the multipart upload does not exist: it was completed or aborted")
            }
            StoreError::InvalidPart { number } => {
                write!(f, "part {number} was not uploaded, or has another ETag")
            }
            StoreError::InvalidPartOrder => write!(f, "the parts are not in ascending order"),
            StoreError::PartTooSmall { number } => {
                write!(f, "part {number} is smaller than 5 MiB and not the last")
            }
            StoreError::WrongSize { expected, found } => {
                write!(f, "the parts have {found} bytes, not {expected}")
            }
            StoreError::PreconditionFailed => write!(f, "a condition of the request does not hold"),
            StoreError::Database(error) => write!(f, "the local bucket's database failed: {error}"),
            StoreError::Damaged(what) => write!(f, "the local bucket is damaged: {what}"),
            StoreError::Closed => write!(f, "the local bucket was closed"),
        }
    }
}

impl std::error::Error for StoreError {}

macro_rules! from_database {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> StoreError {
                StoreError::Database(Arc::new(error.into()))
            }
        }
    )*};
}

from_database!(
    redb::DatabaseError,
    redb::TransactionError,
    redb::TableError,
    redb::StorageError,
    redb::CommitError,
    redb::SetDurabilityError
);

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> StoreError {
        StoreError::Damaged(error.to_string())
    }
}
