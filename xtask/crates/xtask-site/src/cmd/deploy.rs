//! `cargo xtask deploy`: makes the bucket of the branch's environment equal to the site.
//!
//! Everything that can be refused is refused before anything is built, and everything that can fail fails before
//! anything is written. The bucket is listed while the site is built. The plan is made twice. First without the lock:
//! the lock is an object in the bucket, and a run that has nothing to do must write none. Then under the lock, because
//! another deploy may have ended in between.

mod deployment;
mod difference;
mod former_places;
mod goal;
mod outdated;
mod readers;
mod show;

use std::sync::Arc;
use std::time::Instant;

use super::connect::{self, Connection, connect};
use super::links::tell_links;
use super::{build, is_dirty, output_was_held};
use crate::cli::{ApplyOptions, Deploy};
use crate::context::{Context, variable};
use crate::output::report::{self, Done, Planned, Run, print};
use engine::base::{Event, Failure, Refusal, Result, Stop, Tell};
use engine::bucket::lock::{self, Held, Loss, Patience};
use engine::bucket::{self, Exchange, Seen};
use engine::plan::{Journal, Outcome, apply};
use engine::repository::{Choice, Config, checkout, own_files, target};

pub use deployment::Deployment;
pub use goal::Goal;

use difference::{Difference, Known, compare, compare_again};
use readers::Foreign;
use show::{show, warn_of_refusal};

/// Deploys, unless it is stopped. Returns whether everything was done; the report names what failed.
pub async fn run(options: &Deploy, stop: &Stop) -> Result<bool> {
    let Deploy { place, doing, no_build } = options;
    let cx = Context::new()?;
    let checkout = cx.checkout()?;
    let config = connect::read_config(place.site.as_deref(), place.local, &checkout, &cx.here)?;
    let choice = target::choose(&config, &checkout, &cx.ci, place.env.as_deref())?;
    warn_of_collisions(&choice, &cx.tell);
    let connecting = connect(place.local, &checkout, &choice.place, &cx.tell);
    let both = async { tokio::try_join!(connecting, is_dirty(&checkout)) };
    let (connection, dirty) = stop.unless_stopped(both).await?;
    let (target, bucket) = (choice.with_work_tree(dirty), &connection.bucket);
    let (builds, dry) = (!config.command.is_empty(), doing.dry_run);
    let store = connection.store.clone();
    let (stale, typed) = (*no_build && builds, options.typed());
    let run = Run { target: &target, store, stale, dry, typed };
    print(doing.json, || vec![report::heading(&run)])?;

    let exchange = Arc::<Exchange>::default();
    let building = build(&config, &checkout.root, &target, *no_build, exchange.clone(), &cx.tell);
    let both = async { tokio::try_join!(building, bucket::look(bucket, &exchange, &cx.tell)) };
    let (site, seen) = stop.unless_stopped(both).await?;
    let held = output_was_held(&checkout.root);
    target::is_still(&checkout, &checkout::read(&checkout.root)?)?;
    tell_links(&config, &target.place, site.clone(), builds && !no_build, &cx.tell).await?;

    let deployment = Deployment::of(&cx, doing, &checkout, &config, bucket, &run);
    let mut made = make_equal(&deployment, &Goal::Site(site), seen, stop).await?;
    if output_was_held(&checkout.root) != held {
        blame_the_other_run(&config, &mut made.1.failures);
    }
    finish(doing, &run, connection, made, cx.started).await
}

/// Makes the bucket equal to the goal, unless it is stopped: compares, and if there is something to write, takes the
/// lock, compares again, writes, and releases the lock.
pub async fn make_equal(
    deployment: &Deployment<'_>,
    goal: &Goal,
    seen: Seen,
    stop: &Stop,
) -> Result<(Planned, Outcome)> {
    let foreign = Foreign::of(deployment, &seen);
    let comparing = async {
        former_places::warn(deployment, &seen).await;
        let difference = compare(deployment, goal, seen, false).await?;
        let hidden = hides(deployment, goal, foreign.as_ref(), &difference).await;
        Ok((difference, hidden))
    };
    let (difference, hidden) = stop.unless_stopped(comparing).await?;
    if let Some(refusal) = hidden.as_ref().filter(|_| !deployment.doing.dry_run) {
        return Err(refusal.clone().into());
    }
    if hidden.is_some() || !difference.is_to_be_written(deployment, goal) {
        let planned = show(deployment, goal, &difference)?;
        hidden.iter().for_each(|refusal| warn_of_refusal(deployment, goal, refusal));
        let live = difference.record.deploy.filter(|_| !deployment.doing.dry_run);
        return Ok((planned, Outcome { id: live.map(|live| live.id()), ..Outcome::default() }));
    }

    let known = difference.known();
    let lock = take_lock(deployment, stop).await?;
    let stop = stop.or(lock.lost());
    let written = write(deployment, goal, known, &lock, &stop).await;
    give_back(deployment, lock, written).await
}

/// Compares again, approves, and writes: first the note that this deploy has begun, then the site.
async fn write(
    deployment: &Deployment<'_>,
    goal: &Goal,
    known: Known,
    lock: &Held,
    stop: &Stop,
) -> Result<(Planned, Outcome)> {
    let Deployment { bucket, tell, .. } = deployment;
    let difference = stop.unless_stopped(compare_again(deployment, goal, known)).await?;
    let planned = show(deployment, goal, &difference)?;
    let is_news = difference.is_something(goal);
    let Difference { listing, record, plan, .. } = difference;
    let approved = plan.approve(deployment.limit());
    let mut approved = approved.map_err(|refusal| deployment.explain(refusal))?;

    let entry = deployment.entry(goal);
    let journal = Journal::begin(bucket, entry, is_news, &mut approved, record, listing).await?;
    let mut outcome = apply(bucket, &journal, approved, stop, tell).await;
    journal.end(bucket, &mut outcome, lock.lost(), tell).await;
    Ok((planned, outcome))
}

/// Closes the connection, and prints how the run went. Returns whether everything was done.
pub async fn finish(
    doing: &ApplyOptions,
    run: &Run<'_>,
    connection: Connection,
    made: (Planned, Outcome),
    started: Instant,
) -> Result<bool> {
    let (planned, outcome) = made;
    let requests = connection.bucket.requests();
    connection.close().await?;
    if outcome.is_cut_off {
        return Err(report::interrupted(run, &planned, &outcome));
    }
    let done = Done { outcome, requests, elapsed: started.elapsed() };
    report::finish(doing.json, run, &planned, &done)?;
    Ok(done.outcome.failures.is_empty())
}

async fn take_lock(deployment: &Deployment<'_>, stop: &Stop) -> Result<Held> {
    let Deployment { doing, checkout, bucket, tell, .. } = deployment;
    let patience = if doing.wait { Patience::Wait } else { Patience::Refuse };
    let folder = own_files::path(&checkout.root, "lock");
    lock::acquire(bucket, &lock::who(&variable), &folder, patience, stop, tell).await
}

/// Releases the lock, however the run went. If the lock was lost, the run has failed.
async fn give_back(
    deployment: &Deployment<'_>,
    lock: Held,
    mut written: Result<(Planned, Outcome)>,
) -> Result<(Planned, Outcome)> {
    let key = lock.key().to_owned();
    deployment.bucket.lacks().into_iter().for_each(|lacks| deployment.warn(lacks));
    match (lock.release().await, &mut written) {
        (Err(Loss::Kept(failure)), _) => deployment.warn(failure.to_string()),
        (Err(Loss::Lost(failure)), Ok((_, outcome))) => {
            outcome.is_cut_off = false;
            outcome.failures.push((key, failure));
        }
        (Err(Loss::Lost(_)), Err(_)) | (Ok(()), _) => {}
    }
    written
}

/// Why visitors could not read what would be written. Asks the store only if something would be written.
async fn hides(
    deployment: &Deployment<'_>,
    goal: &Goal,
    foreign: Option<&Foreign>,
    difference: &Difference,
) -> Option<Refusal> {
    let is_allowed = difference.refusal(deployment, goal).is_none();
    let foreign = foreign.filter(|_| is_allowed && difference.is_something(goal))?;
    foreign.refusal(deployment, &difference.plan, &difference.listing).await
}

/// Another run of this checkout has built since the site was read, and so some of the files are gone.
fn blame_the_other_run(config: &Config, failures: &mut [(String, Failure)]) {
    for (_, failure) in failures.iter_mut().filter(|(_, failure)| failure.is_of_file) {
        let hint = format!(
            "another run in this checkout emptied `{}` meanwhile; run it again, one at a time",
            config.output.display()
        );
        failure.hint = Some(hint.into());
    }
}

fn warn_of_collisions(choice: &Choice, tell: &Tell) {
    if choice.pull_requests_collide() {
        tell.tell(Event::Warning(format!(
            "each pull request of `{}` deletes the pages of the one before; give it a `prefix` with {{branch}}",
            choice.place.environment.name
        )));
    }
}
