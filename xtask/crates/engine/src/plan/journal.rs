//! The record during a deploy: what must be in the bucket before the first change, and what is written after the last
//! one.
//!
//! Before: the record of the live deploy is copied aside while it is complete, and the new deploy is announced. If
//! headers change, a record of only the objects that stay is written first. New headers do not change an object's ETag,
//! so if such a deploy is cut off, the old record would still look right. [`apply`](super::apply::apply) takes a
//! journal, so that none of this can be left out.
//!
//! After: the record of this deploy, if it succeeded. If it did not, the record still describes the deploy before. What
//! the run sent is added to it only if nothing else can show what it was.

use super::Approved;
use super::outcome::Outcome;
use crate::base::cancel::Stop;
use crate::base::error::Failure;
use crate::base::etag::Etag;
use crate::base::event::{Event, Tell};
use crate::base::tool_folder;
use crate::bucket::record::{self, Deploy, Record, Written};
use crate::bucket::{Bucket, Listing};
use crate::repository::target::Target;

/// What the record will say about a run.
pub struct Entry<'a> {
    pub target: &'a Target,
    pub who: String,
    /// When the commit was made, if that is known. In seconds since 1970.
    pub committed: Option<u64>,
    /// In seconds since 1970.
    pub now: u64,
    /// The name of the earlier deploy that is restored.
    pub again: Option<String>,
    /// The names that were left out of the site; `None` if they are not known.
    pub left_out: Option<Vec<String>>,
}

/// A deploy that has begun.
pub struct Journal {
    /// What is known about the objects that stay.
    record: Record,
    /// What is written at the end; `None` if the record already describes this deploy.
    end: Option<End>,
}

struct End {
    deploy: Deploy,
    begun: Option<Etag>,
    /// The records of earlier deploys. The oldest ones are deleted.
    earlier: Vec<String>,
    /// The earlier deploy that this one replaces in the history.
    own_entry: Option<String>,
}

impl Journal {
    /// Begins a deploy. `is_news` says whether the record does not describe it yet: it already does if the deploy has
    /// nothing to do.
    pub async fn begin(
        bucket: &Bucket,
        entry: Entry<'_>,
        is_news: bool,
        approved: &mut Approved,
        record: Record,
        mut listing: Listing,
    ) -> Result<Journal, Failure> {
        let live = record.deploy.as_ref();
        let (is_again, left_out) = (entry.again.is_some(), entry.left_out.clone());
        let deploy = entry.deploy(&record);
        let own_entry = own_entry(&deploy, live);
        if is_news {
            record::set_aside(bucket, &record, &mut listing.earlier).await?;
        }
        let begun = match approved.is_empty() {
            true => listing.begun.take(),
            false => record::begin(bucket, &deploy).await?,
        };
        // A rollback deletes none of them: the next rollback may need the oldest.
        let earlier = if is_again { Vec::new() } else { std::mem::take(&mut listing.earlier) };
        let mut journal = Journal::of_what_stays(record, &listing, approved);
        // It is large, and the following steps wait for the store.
        drop(listing);
        journal.record.retained = approved.take_retained().into_iter().collect();
        if let Some(left_out) = left_out {
            journal.record.left_out = left_out;
        }
        journal.write_what_stays(bucket, approved).await?;
        journal.end = is_news.then_some(End { deploy, begun, earlier, own_entry });
        Ok(journal)
    }

    /// Begins changes in the bucket of a preview, which are not a deploy.
    pub async fn begin_unnamed(
        bucket: &Bucket,
        approved: &Approved,
        record: Record,
        listing: &Listing,
    ) -> Result<Journal, Failure> {
        let journal = Journal::of_what_stays(record, listing, approved);
        journal.write_what_stays(bucket, approved).await?;
        Ok(journal)
    }

    fn of_what_stays(record: Record, listing: &Listing, approved: &Approved) -> Journal {
        Journal { record: record.staying(listing, |key| approved.changes(key)), end: None }
    }

    async fn write_what_stays(&self, bucket: &Bucket, approved: &Approved) -> Result<(), Failure> {
        match approved.changes_headers() {
            true => record::write(bucket, &self.record, &[]).await,
            false => Ok(()),
        }
    }

    /// Writes the record of this deploy, if it succeeded. If the record cannot be written, that is a failure of the
    /// outcome. `lost` says whether the lock was lost: then nothing is written.
    pub async fn end(self, bucket: &Bucket, outcome: &mut Outcome, lost: &Stop, tell: &Tell) {
        let Journal { mut record, end } = self;
        if lost.is_told() {
            return;
        }
        let is_done = outcome.failures.is_empty() && !outcome.is_cut_off;
        match end {
            Some(End { deploy, begun, earlier, own_entry }) if is_done => {
                outcome.id = Some(deploy.id());
                (record.deploy, record.begun) = (Some(deploy), begun);
                match record::write(bucket, &record, &outcome.written).await {
                    Ok(()) => {
                        // If old records cannot be deleted, this run has still succeeded.
                        let forgotten = record::forget(bucket, &earlier, own_entry.as_deref());
                        warn(forgotten.await, tell);
                    }
                    Err(failure) => {
                        outcome.failures.push((bucket.own_key(tool_folder::RECORD), failure))
                    }
                }
            }
            // Otherwise the next run would send these files again.
            _ if outcome.written.iter().any(is_unproven) => {
                warn(record::write(bucket, &record, &outcome.written).await, tell);
            }
            _ => {}
        }
    }
}

impl Entry<'_> {
    fn deploy(self, record: &Record) -> Deploy {
        let Entry { target, who, committed, now, again, .. } = self;
        let live = record.deploy.as_ref();
        let at = live.map_or(now, |live| live.time_after(now, record.modified.seconds()));
        let deploy = Deploy::of(target, who, at, live);
        let mut deploy = Deploy { rolled_back_to: again, committed, ..deploy };
        let Some(live) = live else { return deploy };
        let is_same_commit = live.commit == deploy.commit;
        deploy.newest = match deploy.rolled_back_to {
            Some(_) => Some(live.newest()).filter(|newest| newest.time >= deploy.committed),
            None => live.newest.clone().filter(|_| is_same_commit),
        };
        if own_entry(&deploy, Some(live)).is_some() {
            deploy.replaced = live.replaced.clone();
        }
        deploy
    }
}

/// The name of the earlier deploy that this one replaces in the history, because it is of the same commit. Otherwise a
/// generator that writes the time of the build into its pages would fill the history with one commit.
fn own_entry(deploy: &Deploy, live: Option<&Deploy>) -> Option<String> {
    let is_same = |live: &&Deploy| {
        live.commit == deploy.commit && live.branch == deploy.branch && !live.dirty && !deploy.dirty
    };
    let live = live.filter(|_| deploy.rolled_back_to.is_none()).filter(is_same)?;
    Some(live.origin())
}

/// Whether only the record can show what was written.
fn is_unproven((file, etag): &Written) -> bool {
    !file.digest.proves(etag)
}

fn warn(done: Result<(), Failure>, tell: &Tell) {
    if let Err(failure) = done {
        tell.tell(Event::Warning(failure.to_string()));
    }
}
