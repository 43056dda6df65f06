//! The record during a deploy: what has to be in the bucket before the first change, and what is written after the
//! last.
//!
//! Before: the record of the deploy that is live is copied aside while it is whole, and the deploy that begins is
//! announced. Where headers change, what stays is written down first: new headers leave an object's ETag as it was, so
//! a deploy that is cut off would leave a record that is believed. [`apply`](super::apply::apply) takes a journal, so
//! that none of this can be left out.
//!
//! After: the record of this deploy, if all went well. What a run that did not end well has sent is remembered only if
//! nothing else can tell it: the deploy that the record speaks of stays the one before.

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

/// A run, as the record will tell of it.
pub struct Entry<'a> {
    pub target: &'a Target,
    pub who: String,
    /// When the commit was made, in seconds since 1970, if that is known.
    pub committed: Option<u64>,
    /// In seconds since 1970.
    pub now: u64,
    /// The earlier deploy that is made again, by its name.
    pub again: Option<String>,
    /// Names that were left out of the site; `None` if that is not known.
    pub left_out: Option<Vec<String>>,
}

/// A deploy that was begun.
pub struct Journal {
    /// What is known of the objects that stay.
    record: Record,
    /// What is written at the end; `None` if the record speaks of this deploy already.
    end: Option<End>,
}

struct End {
    deploy: Deploy,
    begun: Option<Etag>,
    /// Records of earlier deploys, the oldest of which are forgotten.
    earlier: Vec<String>,
    /// The earlier deploy whose place in the history this one takes.
    own_entry: Option<String>,
}

impl Journal {
    /// Begins a deploy. `is_news` says whether the record is to tell of it: of a deploy that finds everything done, it
    /// tells already.
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
        // The oldest may be what the next rollback goes to.
        let earlier = if is_again { Vec::new() } else { std::mem::take(&mut listing.earlier) };
        let mut journal = Journal::of_what_stays(record, &listing, approved);
        // It is large, and what follows waits for the store.
        drop(listing);
        journal.record.retained = approved.take_retained().into_iter().collect();
        if let Some(left_out) = left_out {
            journal.record.left_out = left_out;
        }
        journal.write_what_stays(bucket, approved).await?;
        journal.end = is_news.then_some(End { deploy, begun, earlier, own_entry });
        Ok(journal)
    }

    /// Begins changes that are no deploy, in the bucket of a preview.
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

    /// Writes the record of this deploy, if it ended well; a failure to do so becomes one of the outcome. `lost` is
    /// the lock's: without it nothing is written.
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
                        // What is remembered for too long is no failure of this run.
                        let forgotten = record::forget(bucket, &earlier, own_entry.as_deref());
                        warn(forgotten.await, tell);
                    }
                    Err(failure) => {
                        outcome.failures.push((bucket.own_key(tool_folder::RECORD), failure))
                    }
                }
            }
            // What was sent would be sent again.
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

/// The name of the earlier deploy whose place in the history this one takes: a generator that writes the time of the
/// build would fill the history with one commit.
fn own_entry(deploy: &Deploy, live: Option<&Deploy>) -> Option<String> {
    let is_same = |live: &&Deploy| {
        live.commit == deploy.commit && live.branch == deploy.branch && !live.dirty && !deploy.dirty
    };
    let live = live.filter(|_| deploy.rolled_back_to.is_none()).filter(is_same)?;
    Some(live.origin())
}

/// Whether only the record can tell what was written.
fn is_unproven((file, etag): &Written) -> bool {
    !file.digest.proves(etag)
}

fn warn(done: Result<(), Failure>, tell: &Tell) {
    if let Err(failure) = done {
        tell.tell(Event::Warning(failure.to_string()));
    }
}
