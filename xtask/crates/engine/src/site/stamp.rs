//! The metadata of a file that shows whether the file has been written since.

use std::fs::Metadata;
use std::time::SystemTime;

/// A file's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    identity: Identity,
}

impl Stamp {
    pub fn of(metadata: &Metadata) -> Stamp {
        Stamp {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            identity: Identity::of(metadata),
        }
    }

    /// Whether the file was last written before a time.
    pub fn is_older_than(&self, time: SystemTime) -> bool {
        self.modified.is_some_and(|modified| modified < time) && self.identity.is_older_than(time)
    }
}

#[cfg(unix)]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    /// When anything about the file changed, in seconds since 1970 and nanoseconds. No program can set it.
    changed: (i64, i64),
}

#[cfg(unix)]
impl Identity {
    fn of(metadata: &Metadata) -> Identity {
        use std::os::unix::fs::MetadataExt;
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_older_than(&self, time: SystemTime) -> bool {
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
        self.changed < (seconds, since_1970.subsec_nanos().into())
    }
}

#[cfg(not(unix))]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity;

#[cfg(not(unix))]
impl Identity {
    fn of(_: &Metadata) -> Identity {
        Identity
    }

    fn is_older_than(&self, _: SystemTime) -> bool {
        true
    }
}
