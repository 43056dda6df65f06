//! What the files of a site held at the last scan. If a site is scanned repeatedly, only files that were written since
//! are read, and only files with other bytes are hashed.
//!
//! A file counts as unchanged if all of its metadata is the same. That is not certain if it was written just before it
//! was read: the clock of a file system is coarse (two seconds on FAT), and a second write may get the same time as the
//! first. Such a file is read again, as git does with its index (<https://git-scm.com/docs/racy-git>). A generator
//! writes all files each time, most of them unchanged.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::File;
use super::entry::{Content, Entry};
use super::look::Look;
use super::stamp::Stamp;

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
