//! `cargo xtask deploy`: the branch's environment, its account, its bucket, made equal to the site.
//!
//! What can be refused is refused before anything is built, and what can fail fails before anything is
//! written. The bucket is listed while the site is built.
//!
//! The lock is an object in the bucket, and a deploy that has nothing to do writes none. So the plan is first
//! made without it; where it says that something is to be written, the lock is taken, and the bucket is listed
//! and the plan made again, because another deploy may have ended in between.

mod open;

use std::time::Instant;

use crate::apply::{self, Outcome};
use crate::bucket::{Bucket, Listing};
use crate::checkout::{self, Checkout};
use crate::ci::Surroundings;
use crate::cli::Deploy;
use crate::config::Config;
use crate::error::{Error, Result, failed};
use crate::event::{Event, Tell};
use crate::key;
use crate::lock::{self, Held, Loss, Patience};
use crate::plan::{self, Plan};
use crate::record::{self, Record};
use crate::refusal::Refusal;
use crate::report::{self, Done, Planned, Run, print};
use crate::site::{self, Site};
use crate::stop::{self, Stop};
use crate::target::{self, Target};
use crate::{build, progress};

use open::Opened;

/// Deploys, until it is told to stop. Returns whether all of it was done; what failed is in the report.
pub async fn run(options: &Deploy, stop: &Stop) -> Result<bool> {
    let started = Instant::now();
    let here = std::env::current_dir()
        .map_err(|e| failed("failed to read the current folder").because(&e))?;
    let ci = Surroundings::of(&variable);
    let tell = progress::draw(ci.is_ci(), ci.is_github());

    let checkout = checkout::read(&here)?;
    let config = open::read_config(options, &checkout, &here)?;
    let target = target::choose(&config, &checkout, &ci, options.env.as_deref())?;
    let opened = open::open(options, &checkout, &target);
    let (Opened { bucket, place, local }, dirty) =
        stop.cut(async { tokio::try_join!(opened, is_dirty(&checkout)) }).await?;
    let stale = options.no_build && !config.command.is_empty();
    let run = Run { target: &target, place, dirty, stale, dry: options.dry_run };
    print(options.json, || vec![report::heading(&run)])?;
    warn_of_collisions(&target, &tell);

    let (bucket, run) = (&bucket, &run);
    let job = Job { options, checkout: &checkout, config: &config, bucket, run, tell: &tell };
    let (site, seen) = stop.cut(async { tokio::try_join!(build(&job), look(&job)) }).await?;
    warn_of_others(&seen.listing, &tell);
    let difference = stop.cut(compare(&job, &site, seen, false)).await?;

    let (planned, outcome) = match job.writes(&difference) {
        true => write(&job, &site, Known::of(difference), stop).await?,
        false => (show(&job, &site, &difference.plan)?, Outcome::default()),
    };
    if let Some(local) = local {
        local.stop().await.map_err(open::unusable)?;
    }
    if outcome.is_cut_off {
        return Err(report::interrupted(&planned, &outcome));
    }
    let done = Done { outcome, requests: bucket.requests(), elapsed: started.elapsed() };
    report::finish(options.json, run, &planned, &done)?;
    Ok(done.outcome.failures.is_empty())
}

/// What all steps of a run are about.
struct Job<'a> {
    options: &'a Deploy,
    checkout: &'a Checkout,
    config: &'a Config,
    bucket: &'a Bucket,
    run: &'a Run<'a>,
    tell: &'a Tell,
}

/// The bucket as it is.
struct Seen {
    listing: Listing,
    record: Record,
}

/// What is to be done about the bucket, and what that was planned against.
struct Difference {
    listing: Listing,
    record: Record,
    /// Whether the record was found to know less than there is.
    learned: bool,
    plan: Plan,
}

impl Job<'_> {
    fn limit(&self) -> Option<u64> {
        self.options.max_deletes.or(self.run.target.environment.max_deletes)
    }

    /// Whether the bucket is to be written to. A record that knows less than this run does is a reason too.
    fn writes(&self, difference: &Difference) -> bool {
        !self.options.dry_run
            && self.refusal(&difference.plan).is_none()
            && difference.is_something()
    }

    fn refusal(&self, plan: &Plan) -> Option<Refusal> {
        plan.refusal(self.limit())
    }
}

impl Difference {
    fn is_something(&self) -> bool {
        !self.plan.is_empty() || self.learned || self.record.deploy.is_none()
    }
}

/// What outlasts the wait for the lock. The listing does not, and is large.
struct Known {
    record: Record,
    learned: bool,
}

impl Known {
    fn of(difference: Difference) -> Known {
        Known { record: difference.record, learned: difference.learned }
    }
}

async fn build(job: &Job<'_>) -> Result<Site> {
    let Job { config, run: Run { target, .. }, tell, .. } = job;
    if !job.options.no_build {
        build::run(config, &job.checkout.root, &target.variables(), tell).await?;
    }
    scan(config, target, tell).await
}

async fn look(job: &Job<'_>) -> Result<Seen> {
    let (bucket, tell) = (job.bucket, job.tell);
    let (listing, record) = tokio::join!(bucket.list(tell), record::read(bucket, tell));
    // Of two failures the listing's is told: it names the bucket.
    Ok(Seen { listing: listing?, record: record? })
}

/// Compares the site with the bucket. `learned` says whether an earlier look made the record know more.
async fn compare(job: &Job<'_>, site: &Site, seen: Seen, learned: bool) -> Result<Difference> {
    let Seen { listing, mut record } = seen;
    let others = &listing.others;
    let kept = |key: &str| plan::is_kept(job.config, job.run.target, others, key);
    let site = site.without(kept);
    let learned =
        record::learn(job.bucket, &site, &listing, &mut record, job.tell).await? || learned;
    let plan = plan::make(site, &listing, &record, &kept);
    Ok(Difference { listing, record, learned, plan })
}

/// Prints what changes, and refuses what is not to be done. A dry run warns of that.
fn show(job: &Job<'_>, site: &Site, plan: &Plan) -> Result<Planned> {
    let planned = report::planned(plan, site.skipped.len());
    print(job.options.json, || report::changes(job.run, &planned))?;
    match job.refusal(plan) {
        Some(refusal) if job.options.dry_run => {
            let text = format!("a deploy would be refused: {}", refusal.message);
            job.tell.tell(Event::Warning(text));
        }
        Some(refusal) => return Err(refusal.into()),
        None => {}
    }
    Ok(planned)
}

/// Takes the lock, does what is to be done, and gives the lock back, however that went.
async fn write(
    job: &Job<'_>,
    site: &Site,
    known: Known,
    stop: &Stop,
) -> Result<(Planned, Outcome)> {
    let who = lock::who(&variable);
    let patience = if job.options.wait { Patience::Wait } else { Patience::Refuse };
    let folder = job.checkout.root.join(LOCK_FOLDER);
    let held = lock::acquire(job.bucket, &who, &folder, patience, stop, job.tell).await?;
    let key = held.key().to_owned();
    let mut written = write_locked(job, site, known, &held, stop).await;
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

/// Below `target/`, which every Rust repository ignores.
const LOCK_FOLDER: &str = "target/xtask/lock";

async fn write_locked(
    job: &Job<'_>,
    site: &Site,
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
        let difference = halt.cut(look_again(job, site, known)).await?;
        let planned = show(job, site, &difference.plan)?;
        Ok((planned, carry_out(job, difference, held, &halt).await?))
    };
    match tokio::select! { done = work => done, never = watch => never } {
        // That it was stopped before it wrote is not why.
        Err(Error::Interrupted(_)) if held.is_lost() => Err(held.lost().await.into()),
        done => done,
    }
}

/// Compares again, now that nobody else deploys, and takes away what deploys that were killed left behind.
async fn look_again(job: &Job<'_>, site: &Site, known: Known) -> Result<Difference> {
    let (listing, unfinished) = tokio::join!(job.bucket.list(job.tell), job.bucket.unfinished());
    let listing = listing?;
    let is_ours = |key: &str| !plan::is_kept(job.config, job.run.target, &listing.others, key);
    let swept = match unfinished {
        Ok(mut unfinished) => {
            unfinished.retain(|upload| is_ours(&upload.key));
            job.bucket.abort_all(&unfinished).await
        }
        Err(failure) => Err(failure),
    };
    if let Err(failure) = swept {
        job.tell.tell(Event::Warning(failure.to_string()));
    }
    let Known { record, learned } = match listing.record == known.record.etag {
        true => known,
        false => Known { record: record::read(job.bucket, job.tell).await?, learned: false },
    };
    compare(job, site, Seen { listing, record }, learned).await
}

/// Does the plan and writes the record, if it is outdated and nothing failed.
async fn carry_out(
    job: &Job<'_>,
    difference: Difference,
    held: &Held,
    stop: &Stop,
) -> Result<Outcome> {
    let outdated = difference.is_something();
    let Difference { listing, record, plan, .. } = difference;
    let approved = plan.approve(job.limit())?;
    let mut record = record.staying(&listing, |key| approved.changes(key));
    drop(listing);
    if approved.changes_headers() {
        record::write(job.bucket, &record, &[]).await?;
    }
    let mut outcome = apply::apply(job.bucket, approved, stop, job.tell).await;
    if outdated && outcome.failures.is_empty() && !outcome.is_cut_off && !held.is_lost() {
        record.deploy = Some(record::Deploy::of(job.run.target, job.run.dirty));
        if let Err(failure) = record::write(job.bucket, &record, &outcome.written).await {
            outcome.failures.push((job.bucket.own_key(key::RECORD), failure));
        }
    }
    Ok(outcome)
}

async fn is_dirty(checkout: &Checkout) -> Result<bool> {
    let root = checkout.root.clone();
    blocking(move || Ok(checkout::is_dirty(&root)?)).await
}

/// Runs what blocks on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Scans, and tells what was left out.
async fn scan(config: &Config, target: &Target, tell: &Tell) -> Result<Site> {
    let (config, prefix, told) = (config.clone(), target.prefix.clone(), tell.clone());
    let site = blocking(move || Ok(site::scan(&config, &prefix, &told)?)).await?;
    for name in site.private() {
        tell.tell(Event::Warning(format!("left out `{name}`: it looks like a secret")));
    }
    Ok(site)
}

fn warn_of_collisions(target: &Target, tell: &Tell) {
    if target.pull_requests_collide {
        tell.tell(Event::Warning(format!(
            "each pull request of `{}` deletes the pages of the one before; give it a `prefix` with {{branch}}",
            target.environment.name
        )));
    }
}

fn warn_of_others(listing: &Listing, tell: &Tell) {
    for folder in &listing.others {
        tell.tell(Event::Warning(format!(
            "`{folder}` holds the record of another deploy and is left alone; if that one is given up, remove `{folder}{}{}`",
            key::OWN_FOLDER,
            key::RECORD
        )));
    }
}

/// A variable of this process that is set and not empty. One that is not UTF-8 counts too: the text that it
/// is read as names no branch and no account.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into_owned())
}
