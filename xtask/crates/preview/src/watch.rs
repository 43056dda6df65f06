//! Notices that sources change. A save is often several events (a file is written beside and renamed, an editor
//! leaves a backup), so what happens within a short time is one change.
//!
//! What git ignores is not watched: it is what builds make. Every folder is watched by itself, because the
//! largest of them (`node_modules`, the output) are ignored ones. Links are not followed.
//!
//! What is watched may go and come back, with a branch or a build. So the folders on the way to it are watched, too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;

use engine::base::error::{Failure, failed};
use engine::repository::checkout::Ignored;

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The folder that is there whatever happens. Without links, like the others.
    pub root: PathBuf,
    /// Files and folders, each with all that is in it. They need not be there.
    pub tops: Vec<PathBuf>,
    /// Folders that are not, with all that is in them.
    pub except: Vec<PathBuf>,
    /// Whether what git ignores in the work tree of the root is left out.
    pub leaves_out_ignored: bool,
    /// A change is over when nothing happened for so long.
    pub quiet: Duration,
}

/// Changes as they happen.
pub struct Changes {
    watcher: RecommendedWatcher,
    events: UnboundedReceiver<(PathBuf, bool)>,
    watched: Watched,
    ignored: Option<Ignored>,
    /// What has changed and was not told yet, and whether it was not there before.
    pending: BTreeMap<PathBuf, bool>,
}

/// A change that does not end is told after so long.
const LONGEST: Duration = Duration::from_secs(5);

impl Changes {
    /// Errors where the system does not let it watch.
    pub fn of(watched: Watched) -> Result<Changes, Failure> {
        let (sender, events) = unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            let is_new = matches!(event.kind, EventKind::Create(_));
            for path in changed(event) {
                // Nobody listens any more once the preview ends.
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

    /// Waits until something changed and nothing does any more, and tells what. Nothing is lost where this is
    /// dropped.
    pub async fn next(&mut self) -> BTreeSet<PathBuf> {
        loop {
            while self.pending.is_empty() {
                match self.events.recv().await {
                    Some((path, is_new)) => self.take(path, is_new),
                    None => std::future::pending().await,
                }
            }
            let latest = Instant::now() + LONGEST;
            loop {
                let quiet = (Instant::now() + self.watched.quiet).min(latest);
                match tokio::time::timeout_at(quiet, self.events.recv()).await {
                    Ok(Some((path, is_new))) => self.take(path, is_new),
                    _ => break,
                }
            }
            let told = self.told();
            if !told.is_empty() {
                return told;
            }
        }
    }

    /// Takes what has happened up to now, without waiting.
    pub fn so_far(&mut self) -> BTreeSet<PathBuf> {
        while let Ok((path, is_new)) = self.events.try_recv() {
            self.take(path, is_new);
        }
        self.told()
    }

    /// What has changed. What has come and gone has not.
    fn told(&mut self) -> BTreeSet<PathBuf> {
        let pending = std::mem::take(&mut self.pending).into_iter();
        let changed = pending.filter(|(path, is_new)| !is_new || path.symlink_metadata().is_ok());
        changed.map(|(path, _)| path).collect()
    }

    /// Notes a change if it is one, and watches a folder that is new.
    fn take(&mut self, path: PathBuf, is_new: bool) {
        let is_folder = path.is_dir();
        let is_heeded = self.is_in(&path) || self.is_on_the_way(&path);
        if !is_heeded || self.is_left_out(&path, is_folder) {
            return;
        }
        if is_folder && path != self.watched.root {
            // One that has gone again by now, or cannot be read, is noticed by whoever builds.
            let _ = self.enter(&path);
        }
        self.pending.entry(path).or_insert(is_new);
    }

    fn is_in(&self, path: &Path) -> bool {
        self.watched.tops.iter().any(|top| path.starts_with(top))
    }

    fn is_on_the_way(&self, path: &Path) -> bool {
        self.watched.tops.iter().any(|top| top.starts_with(path))
    }

    fn is_left_out(&self, path: &Path, is_folder: bool) -> bool {
        self.watched.except.iter().any(|folder| path.starts_with(folder))
            || is_scratch(path)
            || self.ignored.as_ref().is_some_and(|ignored| ignored.has(path, is_folder))
    }

    /// Watches a folder and those in it that are watched or on the way.
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
                .filter(|path| self.is_in(path) || self.is_on_the_way(path));
            folders.extend(below.filter(|path| !self.is_left_out(path, true)));
        }
        Ok(())
    }
}

/// The paths that an event says have changed; none where something was only read.
fn changed(event: notify::Event) -> Vec<PathBuf> {
    match event.kind {
        EventKind::Access(_) => Vec::new(),
        // The other half of a rename tells it again, with both names.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => Vec::new(),
        _ => event.paths,
    }
}

/// What editors and systems leave beside the files that are edited.
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
