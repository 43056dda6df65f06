//! What a deploy and a rollback do alike: compare what is wanted with what is there, show it, and make the
//! bucket equal to it under the lock.
//!
//! The lock is an object in the bucket, and a run that has nothing to do writes none. So the plan is first
//! made without it; where it says that something is to be written, the lock is taken, and the bucket is listed
//! and the plan made again, because another deploy may have ended in between.

mod locked;
mod others;
mod outdated;
mod public;

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::open::Opened;
use crate::cli::Doing;
use crate::hints::Typed;
use crate::output::report::{self, Done, Planned, Run, print};
use engine::base::error::{Failure, Result};
use engine::base::event::{Event, Tell};
use engine::base::key::Prefix;
use engine::base::refusal::Refusal;
use engine::base::stop::Stop;
use engine::bucket::record::{self, Deploy, Objects, Record};
use engine::bucket::{Bucket, Listing};
use engine::plan::apply::Outcome;
use engine::plan::recall::{self, Earlier};
use engine::plan::{self, Grace, Home, Plan, Spared, Terms};
use engine::repository::checkout::{self, Checkout};
use engine::repository::config::Config;
use engine::site::Site;

use public::Foreign;

/// What all steps of a run are about.
pub struct Job<'a> {
    pub doing: &'a Doing,
    pub checkout: &'a Checkout,
    pub config: &'a Config,
    pub bucket: &'a Bucket,
    pub run: &'a Run<'a>,
    pub tell: &'a Tell,
    /// In seconds since 1970.
    pub now: u64,
    /// When the commit that is deployed was made, in seconds since 1970, if that is known.
    pub committed: Option<u64>,
    pub in_ci: bool,
    /// What was typed, for hints to repeat: without the options that a hint may add.
    pub command: &'a str,
    /// The place that was typed, likewise.
    pub typed: Typed<'a>,
    /// Whether what is wanted was chosen by what is live.
    pub is_relative: bool,
}

/// What the bucket is to be made equal to.
pub enum Wanted {
    /// Files of this machine, and the deploy that they are of where it is an earlier one.
    Built(Site, Option<String>),
    /// An earlier deploy, by its name: what the bucket holds of it.
    Held(String, Box<Earlier>),
}

/// The bucket as it is.
pub struct Seen {
    pub listing: Listing,
    pub record: Record,
}

/// What is to be done about the bucket, and what that was planned against.
struct Difference {
    listing: Listing,
    record: Record,
    /// Whether the record was found to know less than there is.
    learned: bool,
    plan: Plan,
    /// Why this deploy comes too late, if it does.
    outdated: Option<Refusal>,
}

impl Wanted {
    /// The names in the output that were left out of the site, relative to it.
    fn skipped(&self) -> Vec<&str> {
        match self {
            Wanted::Built(site, _) => site.names_left_out().collect(),
            Wanted::Held(..) => Vec::new(),
        }
    }

    /// The names whose objects are not deleted although no file has them. Of an earlier deploy they are known from
    /// records.
    fn spared(&self, record: &Record, prefix: &Prefix) -> Spared {
        match self {
            Wanted::Built(site, _) => Spared::of(site.spared(), prefix),
            Wanted::Held(_, earlier) => {
                let names = record.left_out.iter().chain(&earlier.record.left_out);
                Spared::of(names.map(String::as_str), prefix)
            }
        }
    }

    /// What the home page is to be. An earlier deploy that was chosen may have none.
    fn home(&self, job: &Job<'_>) -> Option<Home> {
        match self {
            Wanted::Built(site, _) => {
                Some(Home::of(site, &job.run.target.prefix, &job.config.website.index))
            }
            Wanted::Held(..) => None,
        }
    }

    /// The earlier deploy that is made again.
    fn again(&self) -> Option<String> {
        match self {
            Wanted::Built(_, again) => again.clone(),
            Wanted::Held(name, _) => Some(name.clone()),
        }
    }
}

impl Job<'_> {
    fn limit(&self) -> Option<u64> {
        self.doing.max_deletes.or(self.run.target.environment.max_deletes)
    }

    /// Whether the bucket is to be written to.
    fn writes(&self, wanted: &Wanted, difference: &Difference) -> bool {
        let is_something = difference.is_something(wanted);
        !self.doing.dry_run && self.refusal(wanted, difference).is_none() && is_something
    }

    fn refusal(&self, wanted: &Wanted, difference: &Difference) -> Option<Refusal> {
        let late = difference.outdated.clone();
        let late = late.filter(|_| self.in_ci && difference.is_something(wanted));
        let refusal = late.or_else(|| difference.plan.refusal(self.limit()));
        refusal.map(|refusal| self.repeat(refusal))
    }

    /// A refusal whose hint names what was typed: stages know of deploys only, and whoever goes back must not be
    /// told to deploy.
    fn repeat(&self, mut refusal: Refusal) -> Refusal {
        refusal.hint = refusal.hint.replace(USUAL_COMMAND, self.command);
        if refusal.code == "empty-site"
            && let Some(submodule) = empty_submodule(self)
        {
            refusal.hint = format!("{submodule}; else {}", refusal.hint);
        }
        refusal
    }

    fn grace(&self) -> Grace {
        let retain = self.run.target.environment.retain.unwrap_or_default();
        Grace { retain, now: self.now }
    }
}

/// What to do about a theme that is a submodule and was not checked out.
fn empty_submodule(job: &Job<'_>) -> Option<String> {
    let folder = checkout::empty_submodule(&job.checkout.root)?;
    Some(format!("the submodule `{folder}` is empty: git submodule update --init --recursive"))
}

/// What hints say that know of nothing else.
pub const USUAL_COMMAND: &str = "cargo xtask deploy";

impl Difference {
    /// Whether there is something to write. A record that knows less than this run does is a reason too, and so
    /// is one that tells of another deploy than the one that is gone back to, or of one that has not ended.
    fn is_something(&self, wanted: &Wanted) -> bool {
        let Difference { listing, record, plan, .. } = self;
        let is_told = match (wanted.again(), &record.deploy) {
            (Some(again), Some(live)) => live.origin() == again,
            (None, Some(_)) => true,
            (_, None) => false,
        };
        let retained = plan.retained.iter().map(|(key, since)| (key.as_str(), since));
        !plan.is_empty()
            || self.learned
            || !is_told
            || record.is_followed(listing.begun.as_ref())
            || !record.retained.iter().eq(retained)
    }
}

/// A scan of the site that goes on while the bucket is looked at.
pub struct Scan {
    /// Where the keys of its files would cut a listing, once they are found.
    pub cuts: oneshot::Receiver<Vec<String>>,
    /// It waits for what the record says.
    pub objects: oneshot::Sender<Arc<Objects>>,
}

/// Lists the bucket and reads its record.
pub async fn look(bucket: &Bucket, scan: Option<Scan>, tell: &Tell) -> Result<Seen> {
    let (listing, record) = look_at(bucket, scan, tell).await;
    // Of two failures the listing's is told: it names the bucket.
    Ok(Seen { listing: listing?, record: record? })
}

/// The listing is cut where the record says that keys are or where the scan finds some, whichever is known first.
pub async fn look_at(
    bucket: &Bucket,
    scan: Option<Scan>,
    tell: &Tell,
) -> (Result<Listing, Failure>, Result<Record, Failure>) {
    let (read, recorded) = oneshot::channel();
    let (found, objects) = scan.map(|scan| (scan.cuts, scan.objects)).unzip();
    let found = async { found?.await.ok() };
    let cuts = async {
        tokio::select! {
            Ok(cuts) = recorded => cuts,
            Some(cuts) = found => cuts,
            else => Vec::new(),
        }
    };
    let reading = async {
        let record = record::read(bucket, tell).await;
        if let (Some(objects), Ok(record)) = (objects, &record) {
            // Or nobody waits any more.
            let _ = objects.send(record.objects.clone());
        }
        // Nobody waits for it where there is but one page.
        let _ = read.send(record.as_ref().map(Record::cuts).unwrap_or_default());
        record
    };
    let listing = bucket.list(cuts, tell);
    let (listing, record) = tokio::join!(listing, reading);
    // Credentials for one folder get 403 for a record that is not there; the listing tells that it is not.
    let is_absent = listing.as_ref().is_ok_and(|listing| listing.record.is_none());
    let record = if is_absent && record.is_err() { Ok(Record::default()) } else { record };
    (listing.map_err(|failure| bucket.with_path_style_hint(failure)), record)
}

/// Plans, shows, and does what is to be done, until it is told to stop.
pub async fn make(
    job: &Job<'_>,
    wanted: &Wanted,
    seen: Seen,
    stop: &Stop,
) -> Result<(Planned, Outcome)> {
    let warning = async {
        others::warn(job, &seen).await;
        Ok(())
    };
    stop.cut(warning).await?;
    let foreign = Foreign::of(job, &seen);
    let difference = stop.cut(compare(job, wanted, seen, false)).await?;
    let hides = async { Ok(hides(job, wanted, foreign.as_ref(), &difference).await) };
    match stop.cut(hides).await? {
        Some(refusal) if job.doing.dry_run => {
            let planned = show(job, wanted, &difference)?;
            warn_of_refusal(job, wanted, &refusal);
            return Ok((planned, Outcome::default()));
        }
        Some(refusal) => return Err(refusal.into()),
        None => {}
    }
    match job.writes(wanted, &difference) {
        true => locked::write(job, wanted, locked::Known::of(difference), stop).await,
        false => {
            let planned = show(job, wanted, &difference)?;
            let live = difference.record.deploy.filter(|_| !job.doing.dry_run);
            let id = live.as_ref().map(Deploy::id);
            Ok((planned, Outcome { id, ..Outcome::default() }))
        }
    }
}

/// Why visitors could not read what would be written. Asked only if something would be.
async fn hides(
    job: &Job<'_>,
    wanted: &Wanted,
    foreign: Option<&Foreign>,
    difference: &Difference,
) -> Option<Refusal> {
    let Difference { plan, listing, .. } = difference;
    let would_write = job.refusal(wanted, difference).is_none() && difference.is_something(wanted);
    let foreign = foreign.filter(|_| would_write)?;
    foreign.refusal(job, plan, listing, is_kept(job, listing)).await
}

/// Ends what was opened, and prints how the run went. Returns whether all of it was done.
pub async fn finish(
    doing: &Doing,
    run: &Run<'_>,
    opened: Opened,
    made: (Planned, Outcome),
    started: Instant,
) -> Result<bool> {
    let (planned, outcome) = made;
    let requests = opened.bucket.requests();
    opened.close().await?;
    if outcome.is_cut_off {
        return Err(report::interrupted(&planned, &outcome));
    }
    let done = Done { outcome, requests, elapsed: started.elapsed() };
    report::finish(doing.json, run, &planned, &done)?;
    Ok(done.outcome.failures.is_empty())
}

/// Compares what is wanted with the bucket. `learned` says whether an earlier look made the record know more.
async fn compare(job: &Job<'_>, wanted: &Wanted, seen: Seen, learned: bool) -> Result<Difference> {
    let Seen { listing, mut record } = seen;
    let kept = is_kept(job, &listing);
    let site = match wanted {
        Wanted::Built(site, _) => site.without(&kept),
        Wanted::Held(_, earlier) => {
            recall::site(job.bucket, earlier, &listing, &record, &kept, job.tell).await?
        }
    };
    record.etags_are_md5 |= job.bucket.gives_md5s();
    let learned =
        record::learn(job.bucket, &site, &listing, &mut record, job.tell).await? || learned;
    let spared = wanted.spared(&record, &job.run.target.prefix);
    let terms = Terms { grace: job.grace(), home: wanted.home(job), spared };
    let plan = plan::make(site, &listing, &record, &terms, &kept);
    drop(kept);
    let outdated = match wanted.again() {
        Some(_) => None,
        None => outdated::check(job, &record).await?,
    };
    Ok(Difference { listing, record, learned, plan, outdated })
}

/// Tells the keys that are not the site's.
fn is_kept<'j>(job: &'j Job<'_>, listing: &'j Listing) -> impl Fn(&str) -> bool + use<'j> {
    |key| plan::is_kept(job.config, job.run.target, &listing.others, key)
}

/// Prints what changes, and refuses what is not to be done. A dry run warns of that.
fn show(job: &Job<'_>, wanted: &Wanted, difference: &Difference) -> Result<Planned> {
    let prefix = &job.run.target.prefix;
    let skipped = wanted.skipped().into_iter().map(|name| prefix.join(name));
    let planned = report::planned(&difference.plan, skipped.collect());
    print(job.doing.json, || report::changes(job.run, &planned))?;
    if let Some(late) = difference.outdated.as_ref().filter(|_| !job.in_ci) {
        job.tell.tell(Event::Warning(late.message.clone()));
    }
    warn_of_no_home(job, wanted, difference);
    warn_of_emptied(job, &difference.plan.emptied);
    match job.refusal(wanted, difference) {
        Some(refusal) if job.doing.dry_run => warn_of_refusal(job, wanted, &refusal),
        Some(refusal) => return Err(refusal.into()),
        None => {}
    }
    Ok(planned)
}

/// Warns if the address of the site would show nothing. A home page that is live is not deleted without a refusal.
fn warn_of_no_home(job: &Job<'_>, wanted: &Wanted, difference: &Difference) {
    let Wanted::Built(site, None) = wanted else { return };
    let key = job.run.target.prefix.join(&job.config.website.index);
    let is_there = difference.listing.objects.get(&key).is_some();
    if is_there || site.files.is_empty() || site.has(&key) {
        return;
    }
    let look = "look at what the build printed, and at `output` of [build] in deploy.toml";
    let hint = empty_submodule(job).unwrap_or_else(|| look.to_owned());
    job.tell.tell(Event::Warning(format!(
        "the site has no `{key}`: visitors of its address get an error; {hint}"
    )));
}

/// An empty style sheet is seldom meant, and it is allowed.
fn warn_of_emptied(job: &Job<'_>, keys: &[String]) {
    const NAMES: usize = 10;
    if keys.is_empty() {
        return;
    }
    let mut names: Vec<String> = keys.iter().take(NAMES).map(|key| format!("`{key}`")).collect();
    if keys.len() > NAMES {
        names.push(format!("and {} more", keys.len() - NAMES));
    }
    let names = names.join(", ");
    job.tell.tell(Event::Warning(format!("empty now, and not empty in the bucket: {names}")));
}

fn warn_of_refusal(job: &Job<'_>, wanted: &Wanted, refusal: &Refusal) {
    let what = if wanted.again().is_some() { "rollback" } else { "deploy" };
    let hint = job.typed.repeated_in(&refusal.hint);
    let text = format!("a {what} would be refused: {}; hint: {hint}", refusal.message);
    job.tell.tell(Event::Warning(text));
}
