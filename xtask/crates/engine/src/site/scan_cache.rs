//! What the files of a site held at the last scan. If a site is scanned repeatedly, only files that were written since
//! are read, and only files with other bytes are hashed.
//!
//! A file counts as unchanged if all of its metadata is the same. That is not certain if it was written just before it
//! was read: the clock of a file system is coarse (two seconds on FAT), and a second write may get the same time as the
//! first. Such a file is read again, as git does with its index (<https://git-scm.com/docs/racy-git>). A generator
//! writes all files each time, most of them unchanged.

use std::fs::Metadata;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::look::Look;
use super::{Content, Entry, File};

#[derive(Debug)]
pub struct ScanCache {
    /// In the order of their keys.
    files: Vec<CachedFile>,
    /// How long before it was read a file must have been written for its stamp to be trusted.
    coarsest: Duration,
}

/// What a file held.
#[derive(Debug)]
pub(super) struct CachedFile {
    pub file: Arc<File>,
    pub look: Option<Box<Look>>,
    /// `None` if it cannot be trusted.
    stamp: Option<Stamp>,
}

impl CachedFile {
    /// Whether the file cannot have been written since.
    pub fn is_untouched(&self, now: &Stamp) -> bool {
        self.stamp.as_ref() == Some(now)
    }
}

impl Default for ScanCache {
    fn default() -> ScanCache {
        ScanCache { files: Vec::new(), coarsest: Duration::from_secs(2) }
    }
}

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

    fn is_older_than(&self, time: SystemTime) -> bool {
        self.modified.is_some_and(|modified| modified < time) && self.identity.is_older_than(time)
    }
}

impl ScanCache {
    /// Enters what is known into the entries, which are in the order of their keys. An entry that was not written since
    /// gets its digest.
    pub(super) fn recall(&mut self, entries: &mut [Entry]) {
        let mut files = std::mem::take(&mut self.files).into_iter().peekable();
        for entry in entries {
            while files.next_if(|known| known.file.key < entry.key).is_some() {}
            let Some(known) = files.next_if(|known| known.file.key == entry.key) else { continue };
            let is_untouched =
                entry.stamp.as_deref().is_some_and(|stamp| known.is_untouched(stamp));
            let digest = known.file.digest.clone();
            entry.content = if is_untouched { Content::Is(digest) } else { Content::Was(digest) };
            entry.look = known.look;
        }
    }

    /// What is known about a key.
    pub(super) fn of(&self, key: &str) -> Option<&CachedFile> {
        let found = self.files.binary_search_by(|known| (*known.file.key).cmp(key));
        found.ok().map(|at| &self.files[at])
    }

    /// Remembers a file that was read after `began`.
    pub(super) fn remember(
        &mut self,
        file: Arc<File>,
        look: Option<Box<Look>>,
        stamp: Stamp,
        began: SystemTime,
    ) {
        let bound = began.checked_sub(self.coarsest).unwrap_or(SystemTime::UNIX_EPOCH);
        let stamp = Some(stamp).filter(|stamp| stamp.is_older_than(bound));
        self.files.push(CachedFile { file, look, stamp });
    }

    /// For a file system with the finest clock.
    #[cfg(test)]
    pub fn on_a_fine_clock() -> ScanCache {
        ScanCache { coarsest: Duration::ZERO, ..ScanCache::default() }
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
