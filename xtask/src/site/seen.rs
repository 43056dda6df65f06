//! What the files of a site were found to hold, so that of a site that is scanned again and again only what was
//! written since is read.
//!
//! A file is the same if everything that the system tells of it is. That is not certain for one that was written
//! just before it was read: the clock of a file system is coarse (two seconds on FAT), and a second write may
//! look like the first. Such a file is read again, as git does with its index
//! (<https://git-scm.com/docs/racy-git>).

use std::collections::HashMap;
use std::fs::Metadata;
use std::time::{Duration, SystemTime};

use super::Entry;
use super::digest::Digest;

#[derive(Debug)]
pub struct Seen {
    /// By whole key.
    files: HashMap<Box<str>, (Stamp, Digest)>,
    /// How long before it was read a file must have been written for its stamp to be believed.
    coarsest: Duration,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { files: HashMap::new(), coarsest: Duration::from_secs(2) }
    }
}

/// What the system tells of a file.
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

    fn is_older_than(&self, time: SystemTime) -> bool {
        self.modified.is_some_and(|modified| modified < time) && self.identity.is_older_than(time)
    }
}

impl Seen {
    /// Gives the entries that were not written since their digests.
    pub(super) fn recall(&self, entries: &mut [Entry]) {
        for entry in entries {
            let seen = self.files.get(&entry.key).filter(|(stamp, _)| *stamp == entry.stamp);
            entry.digest = seen.map(|(_, digest)| digest.clone());
        }
    }

    /// Remembers entries that were read after `began`, and no others.
    pub(super) fn remember(&mut self, entries: &[Entry], began: SystemTime) {
        let bound = began.checked_sub(self.coarsest).unwrap_or(SystemTime::UNIX_EPOCH);
        let certain = entries.iter().filter(|entry| entry.stamp.is_older_than(bound));
        let seen = certain.filter_map(|entry| {
            Some((entry.key.clone(), (entry.stamp.clone(), entry.digest.clone()?)))
        });
        self.files = seen.collect();
    }

    /// For a file system with the finest clock.
    #[cfg(test)]
    pub fn on_a_fine_clock() -> Seen {
        Seen { coarsest: Duration::ZERO, ..Seen::default() }
    }
}

#[cfg(unix)]
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    /// When anything of it changed, in seconds since 1970 and nanoseconds: no program can set it.
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
