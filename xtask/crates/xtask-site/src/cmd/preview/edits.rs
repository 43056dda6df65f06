//! Which of the changes that the system tells of somebody made who edits the site.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::site::Sum;

/// What the files that changed held last, so that one that was written again as it was is no change.
#[derive(Default)]
pub struct Contents(BTreeMap<PathBuf, Option<Sum>>);

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
        let sum = file.and_then(|file| Sum::of_file(path, file.len(), &mut |_| ()).ok());
        let last = self.0.insert(path.to_owned(), sum);
        sum.is_none() || last != Some(sum)
    }
}

/// How the builds since the last pause went.
///
/// A source that changes while the site is built was saved by somebody, or written by the build itself, and nothing
/// tells the two apart. So each change is built, but ever later where no build goes without one.
#[derive(Default)]
pub struct Streak {
    /// Builds in a row in which something changed.
    changed: u32,
    /// Builds in a row that were ended before they were done.
    cut: u32,
    /// How long the last build took that was done.
    took: Option<Duration>,
}

/// After so many it is most likely the build that changes its sources.
const MANY: u32 = 5;

impl Streak {
    /// How long a build goes on although sources have changed, so that its result is old already.
    ///
    /// The first of a row is ended at once. Others are given ever more time: somebody who saves more often than the
    /// site can be built wants to see something too. But one that never ends has to be.
    pub fn patience(&self) -> Duration {
        let Some(took) = self.took else { return UNKNOWN * 2_u32.pow(self.cut.min(10)) };
        match self.cut == 0 && self.changed < MANY {
            true => Duration::ZERO,
            false => UNKNOWN.max(took * 4) * 2_u32.pow(self.cut.min(10)),
        }
    }

    pub fn is_cut(&mut self) {
        self.cut = self.cut.saturating_add(1);
    }

    /// Takes that a build is done, and whether sources changed meanwhile. Returns whether that makes it many in a row.
    pub fn is_done(&mut self, took: Duration, is_changed: bool) -> bool {
        self.took = Some(took);
        self.cut = 0;
        self.changed = if is_changed { self.changed.saturating_add(1) } else { 0 };
        self.changed == MANY
    }

    /// How long to wait for another change before what changed during the last build is built.
    pub fn rest(&self) -> Duration {
        match self.changed.checked_sub(MANY) {
            Some(more) => Duration::from_secs(1 << more.min(6)),
            None => Duration::ZERO,
        }
    }
}

/// What a build is thought to take that nothing is known of.
const UNKNOWN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_built_but_ever_later_where_each_build_makes_one() {
        let mut streak = Streak::default();
        let seconds = |streak: &mut Streak| {
            let is_told = streak.is_done(Duration::from_secs(1), true);
            (is_told, streak.rest().as_secs())
        };
        let rests: Vec<_> = (0..7).map(|_| seconds(&mut streak)).collect();
        let expected = [0, 0, 0, 0, 1, 2, 4].map(|rest| (rest == 1, rest));
        assert_eq!(rests, expected);
        for _ in 0..100 {
            streak.is_done(Duration::ZERO, true);
        }
        assert_eq!(streak.rest(), Duration::from_secs(64));
        streak.is_done(Duration::ZERO, false);
        assert_eq!(streak.rest(), Duration::ZERO);
    }

    #[test]
    fn a_build_is_ended_at_once_only_where_the_one_before_was_shown() {
        let mut streak = Streak::default();
        assert_eq!(streak.patience(), UNKNOWN, "the first");
        streak.is_done(Duration::from_secs(6), false);
        assert_eq!(streak.patience(), Duration::ZERO);
        streak.is_cut();
        assert_eq!(streak.patience(), Duration::from_secs(48));
        streak.is_cut();
        assert_eq!(streak.patience(), Duration::from_secs(96));
        streak.is_done(Duration::from_millis(1), true);
        assert_eq!(streak.patience(), Duration::ZERO);
        for _ in 0..MANY {
            streak.is_done(Duration::from_millis(1), true);
        }
        assert_eq!(streak.patience(), UNKNOWN);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_nobody_writes_to_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (done, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(Contents::default().of(BTreeSet::from([pipe]))));
        assert_eq!(told.recv_timeout(Duration::from_secs(10)).map(|paths| paths.len()), Ok(1));
    }
}
