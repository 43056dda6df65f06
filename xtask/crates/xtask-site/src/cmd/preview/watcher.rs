//! Waits for edits of the sources, and decides when an edit ends a build and when the next build begins.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::edit_filter::EditFilter;
use super::rebuild_backoff::Backoff;
use engine::base::Result;
use preview::watch::{Changes, Watched};

pub struct Watcher {
    changes: Changes,
    filter: EditFilter,
    backoff: Backoff,
    /// Files that were edited since the current round began.
    edited: BTreeSet<PathBuf>,
    /// How long the build of the current round took.
    took: Duration,
}

impl Watcher {
    pub fn new(watched: Watched) -> Result<Watcher> {
        Ok(Watcher {
            changes: Changes::of(watched)?,
            filter: EditFilter::default(),
            backoff: Backoff::default(),
            edited: BTreeSet::new(),
            took: Duration::ZERO,
        })
    }

    /// Watches these files from now on, if they are not the ones that are watched already.
    pub fn watch(&mut self, watched: Watched) -> Result<()> {
        if *self.changes.watched() != watched {
            self.changes = Changes::of(watched)?;
        }
        Ok(())
    }

    /// Waits for an edit. No edit is lost if the future is dropped.
    pub async fn next_edit(&mut self) {
        loop {
            let edited = self.filter.edited(self.changes.next().await);
            if !edited.is_empty() {
                self.edited.extend(edited);
                return;
            }
        }
    }

    /// Begins a round with this build. An edit makes the result of the build outdated and ends it, unless the
    /// [`Backoff`] grants it time to finish. Returns `None` if the build was ended.
    pub async fn unless_overtaken<T>(&mut self, build: impl Future<Output = T>) -> Option<T> {
        let started = Instant::now();
        self.edited.clear();
        let overtaken = async {
            self.next_edit().await;
            let patience = self.backoff.patience();
            tokio::time::sleep(patience.saturating_sub(started.elapsed())).await;
        };
        let finished = tokio::select! {
            finished = build => Some(finished),
            () = overtaken => None,
        };
        if finished.is_none() {
            self.backoff.is_cut();
        }
        self.took = started.elapsed();
        finished
    }

    /// Ends a round whose build has finished. `builds` says whether a generator ran, which may have changed the
    /// sources. Returns a file that changes with every build, once that has happened often enough for a warning.
    pub fn end_round(&mut self, builds: bool) -> Option<&Path> {
        self.edited.extend(self.filter.edited(self.changes.so_far()));
        let is_many = self.backoff.is_done(self.took, builds && !self.edited.is_empty());
        self.edited.first().filter(|_| is_many).map(PathBuf::as_path)
    }

    /// How long to wait for another edit before the next round begins. Edits during the last build need another round
    /// anyway.
    pub fn longest_wait(&self) -> Duration {
        if self.edited.is_empty() { Duration::MAX } else { self.backoff.rest() }
    }
}
