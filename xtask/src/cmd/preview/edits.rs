//! Which of the changes that the system tells of somebody made who edits the site.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};

/// What the files that changed held last, so that one that was written again as it was is no change.
#[derive(Default)]
pub struct Contents(BTreeMap<PathBuf, Option<[u8; 16]>>);

/// Files that are larger, in bytes, are taken for changed without reading them.
const LARGEST_READ: u64 = 16 << 20;

impl Contents {
    /// Those of the paths whose contents are others than last time.
    pub fn of(&mut self, paths: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        paths.into_iter().filter(|path| self.is_changed(path)).collect()
    }

    fn is_changed(&mut self, path: &Path) -> bool {
        // Another thing than a file may be one that waits for a writer.
        let is_read = |file: &Metadata| file.is_file() && file.len() <= LARGEST_READ;
        let file = std::fs::metadata(path).ok().filter(is_read);
        let content = file.and_then(|_| std::fs::read(path).ok());
        let digest = content.map(|content| Md5::digest(content).into());
        let last = self.0.insert(path.to_owned(), digest);
        digest.is_none() || last != Some(digest)
    }
}

/// Sources that the build itself writes. Heeding them would build for ever.
#[derive(Default)]
pub struct Habits {
    /// How many builds in a row each path changed in.
    counts: BTreeMap<PathBuf, u32>,
}

/// After so many it is the build's doing, and nobody's who edits.
const A_HABIT: u32 = 5;

impl Habits {
    pub fn has(&self, path: &Path) -> bool {
        self.counts.get(path).is_some_and(|count| *count >= A_HABIT)
    }

    /// Takes what changed while the site was built, and returns a path of which this makes it a habit.
    pub fn learn(&mut self, during: &BTreeSet<PathBuf>) -> Option<PathBuf> {
        self.counts.retain(|path, count| during.contains(path) || *count >= A_HABIT);
        let mut new = None;
        for path in during {
            let count = self.counts.entry(path.clone()).or_default();
            *count = count.saturating_add(1);
            if *count == A_HABIT {
                new = Some(path.clone());
            }
        }
        new
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::Command;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (done, told) = channel();
        std::thread::spawn(move || done.send(Contents::default().of(BTreeSet::from([pipe]))));
        assert_eq!(told.recv_timeout(Duration::from_secs(10)).map(|paths| paths.len()), Ok(1));
    }
}
