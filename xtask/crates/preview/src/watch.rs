//! Notices that sources change. Saving one file often causes several events: editors write a new file and rename it, or
//! leave a backup. So all events within a short time are one change.
//!
//! Files that git ignores are not watched, because builds write them. Each folder is watched separately, not with all
//! that is below it: the largest folders (`node_modules`, the output) are ignored ones. Links are not followed.
//!
//! A watched folder may disappear and come back when the user switches branches or a build runs. So the folders above
//! it are watched, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use engine::base::{Failure, failed};
use engine::repository::Ignored;

/// Which files and folders are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// A folder that never disappears. No path here contains a link.
    pub root: PathBuf,
    /// Files and folders, with everything below them. They need not exist.
    pub tops: Vec<PathBuf>,
    /// Folders that are not watched, with everything below them.
    pub except: Vec<PathBuf>,
    /// Whether files that git ignores in the work tree of `root` are left out.
    pub leaves_out_ignored: bool,
    /// A change is complete after this time without an event.
    pub quiet: Duration,
}

/// The changes of the watched files, as they happen.
pub struct Changes {
    watcher: RecommendedWatcher,
    events: UnboundedReceiver<(PathBuf, IsNew)>,
    watched: Watched,
    ignored: Option<Ignored>,
    /// Paths that changed since they were last returned.
    pending: BTreeMap<PathBuf, IsNew>,
}

/// Whether a path did not exist before its first change.
type IsNew = bool;

/// A change that is not complete after this time is returned anyway.
const LONGEST: Duration = Duration::from_secs(5);

impl Changes {
    /// # Errors
    /// The system refuses to watch a folder.
    pub fn of(watched: Watched) -> Result<Changes, Failure> {
        let (sender, events) = unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            let is_new = matches!(event.kind, EventKind::Create(_));
            for path in changed(event) {
                // The receiver is gone when the preview ends.
                let _ = sender.send((path, is_new));
            }
        });
        let watcher = watcher.map_err(|error| unwatched(&watched.root, &error))?;
        let ignored = match watched.leaves_out_ignored {
            true => Some(Ignored::of(&watched.root)?),
            false => None,
        };
        let pending = BTreeMap::new();
        let mut changes = Changes { watcher, events, watched, ignored, pending };
        let root = changes.watched.root.clone();
        changes.enter(&root)?;
        let tops = changes.watched.tops.clone();
        for top in tops.iter().filter(|top| !top.starts_with(&root) && top.is_dir()) {
            changes.enter(top)?;
        }
        Ok(changes)
    }

    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Waits for a change until it is complete, and returns the paths that changed. No change is lost if the future is
    /// dropped.
    pub async fn next(&mut self) -> BTreeSet<PathBuf> {
        loop {
            while self.pending.is_empty() {
                match self.events.recv().await {
                    Some((path, is_new)) => self.add(path, is_new),
                    None => std::future::pending().await,
                }
            }
            let latest = Instant::now() + LONGEST;
            loop {
                let quiet = (Instant::now() + self.watched.quiet).min(latest);
                match tokio::time::timeout_at(quiet, self.events.recv()).await {
                    Ok(Some((path, is_new))) => self.add(path, is_new),
                    _ => break,
                }
            }
            let changed = self.take_pending();
            if !changed.is_empty() {
                return changed;
            }
        }
    }

    /// The paths that have changed up to now, without waiting.
    pub fn so_far(&mut self) -> BTreeSet<PathBuf> {
        while let Ok((path, is_new)) = self.events.try_recv() {
            self.add(path, is_new);
        }
        self.take_pending()
    }

    /// The pending paths, without files that appeared and disappeared again.
    fn take_pending(&mut self) -> BTreeSet<PathBuf> {
        let pending = std::mem::take(&mut self.pending).into_iter();
        let changed = pending.filter(|(path, is_new)| !is_new || path.symlink_metadata().is_ok());
        changed.map(|(path, _)| path).collect()
    }

    /// Adds a path to the pending ones if it is watched, and watches it if it is a folder.
    fn add(&mut self, path: PathBuf, is_new: bool) {
        let is_folder = path.is_dir();
        let is_watched = self.is_in(&path) || self.is_above(&path);
        if !is_watched || self.is_left_out(&path, is_folder) {
            return;
        }
        if is_folder && path != self.watched.root {
            // The folder may be gone by now, or be unreadable. The build reports that.
            let _ = self.enter(&path);
        }
        self.pending.entry(path).or_insert(is_new);
    }

    fn is_in(&self, path: &Path) -> bool {
        self.watched.tops.iter().any(|top| path.starts_with(top))
    }

    fn is_above(&self, path: &Path) -> bool {
        self.watched.tops.iter().any(|top| top.starts_with(path))
    }

    fn is_left_out(&self, path: &Path, is_folder: bool) -> bool {
        self.watched.except.iter().any(|folder| path.starts_with(folder))
            || is_scratch(path)
            || self.ignored.as_ref().is_some_and(|ignored| ignored.has(path, is_folder))
    }

    /// Watches a folder, and the folders below it that are in a watched folder or above one.
    fn enter(&mut self, folder: &Path) -> Result<(), Failure> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            self.watcher
                .watch(&folder, RecursiveMode::NonRecursive)
                .map_err(|error| unwatched(&folder, &error))?;
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let below = entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path())
                .filter(|path| self.is_in(path) || self.is_above(path));
            folders.extend(below.filter(|path| !self.is_left_out(path, true)));
        }
        Ok(())
    }
}

/// The paths that an event says have changed. There are none if a file was only read.
fn changed(event: notify::Event) -> Vec<PathBuf> {
    match event.kind {
        EventKind::Access(_) => Vec::new(),
        // A rename causes two more events, one for each name.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => Vec::new(),
        _ => event.paths,
    }
}

/// Whether a file is one that editors and systems leave beside the files that the user edits.
fn is_scratch(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let endings = ["~", ".swp", ".swx", ".swo", ".kate-swp"];
    endings.iter().any(|ending| name.ends_with(ending))
        || name.starts_with(".#")
        || [".git", ".DS_Store", "4913"].contains(&name)
}

fn unwatched(folder: &Path, error: &notify::Error) -> Failure {
    let failure = failed(format!("failed to watch `{}`", folder.display())).because(error);
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => failure.hint(
            "the system watches no more folders: sudo sysctl fs.inotify.max_user_watches=524288",
        ),
        _ => failure,
    }
}
