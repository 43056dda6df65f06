//! What is done under the lock: look again, do the plan, and write the record.
//!
//! The record of the deploy before is copied aside first, while it is whole. What a run that did not end well
//! has sent is remembered only where nothing else could tell: the deploy that the record speaks of stays the
//! one before.

use super::{Difference, Job, Seen, Wanted, compare, is_kept, show};
use crate::cmd::variable;
use crate::output::report::Planned;
use engine::base::error::{Error, Failure, Result};
use engine::base::etag::Etag;
use engine::base::event::Event;
use engine::base::key;
use engine::base::refusal::Refusal;
use engine::base::stop::{self, Stop};
use engine::bucket::lock::{self, Held, Loss, Patience};
use engine::bucket::record::{self, Deploy, Record, Written};
use engine::bucket::{Listing, Unfinished};
use engine::plan::apply::{self, Outcome};
use engine::repository::own_files;

/// What outlasts the wait for the lock. The listing does not, and is large.
pub struct Known {
    /// Where the next listing may be cut.
    cuts: Vec<String>,
    record: Record,
    learned: bool,
    begun: Option<Etag>,
}

impl Known {
    pub fn of(difference: Difference) -> Known {
        let Difference { record, learned, listing, .. } = difference;
        Known { cuts: listing.cuts(), record, learned, begun: listing.begun }
    }
}

/// Takes the lock, does what is to be done, and gives the lock back, however that went.
pub async fn write(
    job: &Job<'_>,
    wanted: &Wanted,
    known: Known,
    stop: &Stop,
) -> Result<(Planned, Outcome)> {
    let who = lock::who(&variable);
    let patience = if job.doing.wait { Patience::Wait } else { Patience::Refuse };
    let folder = own_files::path(&job.checkout.root, LOCK_FOLDER);
    let held = lock::acquire(job.bucket, &who, &folder, patience, stop, job.tell).await;
    let held = held.map_err(|error| match error {
        Error::Refused(refusal) => Error::Refused(job.repeat(refusal)),
        other => other,
    })?;
    let key = held.key().to_owned();
    let mut written = write_locked(job, wanted, known, &held, stop).await;
    if let Some(lacks) = job.bucket.lacks() {
        job.tell.tell(Event::Warning(lacks));
    }
    match held.release().await {
        Ok(()) => {}
        Err(Loss::Kept(failure)) => job.tell.tell(Event::Warning(failure.to_string())),
        Err(Loss::Lost(failure)) => {
            if let Ok((_, outcome)) = &mut written {
                outcome.is_cut_off = false;
                outcome.failures.push((key, failure));
            }
        }
    }
    written
}

const LOCK_FOLDER: &str = "lock";

async fn write_locked(
    job: &Job<'_>,
    wanted: &Wanted,
    known: Known,
    held: &Held,
    stop: &Stop,
) -> Result<(Planned, Outcome)> {
    // A lock that is lost ends the run as a signal does: what another deploy writes is not to be mixed with.
    let (stopper, halt) = stop::channel();
    let watch = async {
        tokio::select! { () = stop.told() => {}, _ = held.lost() => {} }
        stopper.stop();
        std::future::pending().await
    };
    let work = async {
        let difference = halt.cut(look_again(job, wanted, known)).await?;
        let planned = show(job, wanted, &difference)?;
        Ok((planned, carry_out(job, wanted, difference, held, &halt).await?))
    };
    match tokio::select! { done = work => done, never = watch => never } {
        // That it was stopped before it wrote is not why.
        Err(Error::Interrupted(_)) if held.is_lost() => Err(held.lost().await.into()),
        done => done,
    }
}

/// Compares again, now that nobody else deploys, and takes away what deploys that were killed left behind.
async fn look_again(job: &Job<'_>, wanted: &Wanted, mut known: Known) -> Result<Difference> {
    let cuts = std::future::ready(std::mem::take(&mut known.cuts));
    let listing = job.bucket.list(cuts, job.tell);
    let (listing, unfinished) = tokio::join!(listing, job.bucket.unfinished());
    let listing = listing?;
    sweep(job, &listing, unfinished).await;
    let is_as_seen = listing.record == known.record.etag;
    if job.is_relative && !(is_as_seen && listing.begun == known.begun) {
        return Err(overtaken(job).into());
    }
    let Known { record, learned, .. } = match is_as_seen {
        true => known,
        false => {
            let record = match listing.record {
                Some(_) => record::read(job.bucket, job.tell).await?,
                None => Record::default(),
            };
            Known { record, learned: false, begun: None, cuts: Vec::new() }
        }
    };
    compare(job, wanted, Seen { listing, record }, learned).await
}

fn overtaken(job: &Job<'_>) -> Refusal {
    Refusal::new(
        "overtaken",
        "another deploy ended or was begun meanwhile, so what is before the live one is no longer what it was",
        format!(
            "look at what is live now, then run it again if it is still to go: cargo xtask status --env {}",
            job.run.target.environment.name
        ),
    )
}

/// Ends the uploads that were begun by deploys that are no more.
async fn sweep(job: &Job<'_>, listing: &Listing, found: Result<Vec<Unfinished>, Failure>) {
    let kept = is_kept(job, listing);
    let swept = match found {
        Ok(mut unfinished) => {
            unfinished.retain(|upload| !kept(&upload.key));
            job.bucket.abort_all(&unfinished).await
        }
        Err(failure) => Err(failure),
    };
    if let Err(failure) = swept {
        job.tell.tell(Event::Warning(failure.to_string()));
    }
}

/// Does the plan and writes the record, if it is outdated and nothing failed.
async fn carry_out(
    job: &Job<'_>,
    wanted: &Wanted,
    difference: Difference,
    held: &Held,
    stop: &Stop,
) -> Result<Outcome> {
    let outdated = difference.is_something(wanted);
    let Difference { mut listing, record, plan, .. } = difference;
    let mut approved = plan.approve(job.limit()).map_err(|refusal| job.repeat(refusal))?;
    let deploy = this_deploy(job, wanted, &record);
    let own_entry = own_entry(&deploy, record.deploy.as_ref());
    if outdated {
        record::set_aside(job.bucket, &record, &mut listing.earlier).await?;
    }
    let begun = match approved.is_empty() {
        true => listing.begun.take(),
        false => record::begin(job.bucket, &deploy).await?,
    };
    let mut record = record.staying(&listing, |key| approved.changes(key));
    record.retained = approved.take_retained().into_iter().collect();
    if let Wanted::Built(site, _) = wanted {
        record.left_out = site.spared().map(str::to_owned).collect();
    }
    // The oldest may be what the next rollback goes to.
    let forgettable =
        if wanted.again().is_none() { std::mem::take(&mut listing.earlier) } else { Vec::new() };
    drop(listing);
    if approved.changes_headers() {
        record::write(job.bucket, &record, &[]).await?;
    }
    let mut outcome = apply::apply(job.bucket, approved, stop, job.tell).await;
    if outdated && outcome.failures.is_empty() && !outcome.is_cut_off && !held.is_lost() {
        outcome.id = Some(deploy.id());
        record.deploy = Some(deploy);
        record.begun = begun;
        match record::write(job.bucket, &record, &outcome.written).await {
            Ok(()) => forget(job, &forgettable, own_entry.as_deref()).await,
            Err(failure) => outcome.failures.push((job.bucket.own_key(key::RECORD), failure)),
        }
    } else if !held.is_lost() && outcome.written.iter().any(is_unproven) {
        remember(job, &record, &outcome).await;
    }
    Ok(outcome)
}

/// What is remembered of this run.
fn this_deploy(job: &Job<'_>, wanted: &Wanted, record: &Record) -> Deploy {
    let live = record.deploy.as_ref();
    let written = record.modified.seconds();
    let at = live.map_or(job.now, |live| live.time_after(job.now, written));
    let mut deploy = Deploy {
        who: lock::who(&variable),
        rolled_back_to: wanted.again(),
        committed: job.committed,
        ..Deploy::of(job.run.target, at, job.run.dirty, live)
    };
    let Some(live) = live else { return deploy };
    let is_again = live.commit == deploy.commit;
    deploy.newest = match wanted.again() {
        Some(_) => Some(live.newest()).filter(|newest| newest.time >= deploy.committed),
        None => live.newest.clone().filter(|_| is_again),
    };
    if own_entry(&deploy, Some(live)).is_some() {
        deploy.replaced = live.replaced.clone();
    }
    deploy
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

/// Writes down what a run that did not end well has sent, under the deploy that was there before: it would be
/// sent again.
async fn remember(job: &Job<'_>, record: &Record, outcome: &Outcome) {
    if let Err(failure) = record::write(job.bucket, record, &outcome.written).await {
        job.tell.tell(Event::Warning(failure.to_string()));
    }
}

/// What is remembered too long is no failure of this run.
async fn forget(job: &Job<'_>, earlier: &[String], own_entry: Option<&str>) {
    if let Err(failure) = record::forget(job.bucket, earlier, own_entry).await {
        job.tell.tell(Event::Warning(failure.to_string()));
    }
}
