//! One deploy at a time for a bucket and prefix: a lock in the bucket, below `.xtask/`.
//!
//! **Where the store honours conditional writes**, the lock is the object `lock`. It is created under
//! `If-None-Match: *`, so of any number of deploys one gets it; an expired one is replaced under `If-Match`
//! with the ETag that was found expired, so of any number one replaces it; it is renewed under `If-Match`.
//! The store decides, and nothing rests on time but the expiry.
//!
//! **Some stores take conditions and ignore them** (Garage 2.5). Each deploy finds out for itself, in a way
//! that gives all of them the same answer: it writes an object that nobody else writes, its *ticket*
//! `lock.<id>`, under an `If-Match` that cannot hold, and it repeats the creation of its own lock. What
//! should have been refused and was written says that the store ignores conditions.
//!
//! **There, the tickets are the lock**: write your ticket; after that was answered, list the tickets; hold
//! only if no other is there. Suppose two deploys held at once. One of the two tickets, say the first's, was
//! in the bucket no later than the other's; the second listed after its own was written, so after both were;
//! a ticket stays until its deploy has ended or given up, so the listing showed the first's to the second,
//! which did not hold. This needs a store whose listing shows what was written before it was asked, as S3's
//! and Garage's do, and no clock. Listing again while one's ticket stays is as good as listing once, so of
//! those that have not listed yet the one whose ticket is the first by name stays and looks again, the others
//! withdraw, and it is not the case that none gets it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel>
//!
//! **Expiry** compares no two machines' clocks. The end of a lock is the time at which the *store* wrote it
//! (`Last-Modified`) and as long as it says it lasts; now is when the *store* answered (`Date`, of the same
//! answer). Its holder measures from before it sent the last renewal that was answered, and gives the lock up
//! for lost `Terms::give_up` after that, a fifth of the time before anybody else may take it: the fifth is
//! for requests in flight, for whole seconds, and for the machines of one store that differ. It measures on
//! two clocks and believes the one that ran further, because one of them stands still while a laptop sleeps.
//! A store that does not tell the time has locks that do not expire, and the refusal names the object to
//! delete.
//!
//! Whoever is killed leaves a lock or a ticket behind. It ends by itself, and at once where the next deploy
//! runs in the same checkout and can see that the process is no more (`alive.rs`).

mod alive;
mod attempt;
mod note;
mod who;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::base::cancel::{self, Cause, Stop, Stopper};
use crate::base::error::{Error, Failure, Result, failed};
use crate::base::event::{Amount, Event, Stage, Tell};
use crate::base::tool_folder::LOCK;
use crate::bucket::Bucket;

use attempt::{Attempt, Contender, Lease, NotOurs, Release, Renewal};

pub use who::who;

/// What to do while somebody else holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    Refuse,
    Wait,
}

/// A lock that is held, and renewed until it is released. Dropped without that, it is left to expire.
pub struct Held {
    lost: Stop,
    /// Dropped, it ends the renewals.
    end: oneshot::Sender<()>,
    renewals: JoinHandle<Lease>,
    key: String,
}

/// Why a lock was not given back.
#[derive(Debug)]
pub enum Loss {
    /// The store did not delete it, and it ends when it expires; or somebody had deleted it already.
    Kept(Failure),
    /// Another held it while this deploy thought that it did, or nobody knows.
    Lost(Failure),
}

/// How long things take. Tests have their own.
#[derive(Clone, Debug)]
struct Terms {
    /// How long a lock lasts without being renewed.
    expiry: Duration,
    /// Between two looks at a lock that somebody else holds: at first, and at most.
    poll: (Duration, Duration),
    /// Between two looks of deploys that began at the same moment.
    turn: Duration,
}

const TERMS: Terms = Terms {
    expiry: Duration::from_secs(2 * 60),
    poll: (Duration::from_secs(1), Duration::from_secs(10)),
    turn: Duration::from_millis(100),
};

/// How long a store may take to give a lock back. A run that failed because the store is gone need not wait for
/// it.
const RELEASE: Duration = Duration::from_secs(3);

/// How often a lock that was free when it was looked at may be another's when it is taken.
const RACES: u32 = 20;

/// Takes the lock of the bucket and prefix for `who`, now or when it is free. `folder` is where the deploys
/// of this checkout leave their signs of life.
///
/// Told to stop, it takes away what it has in the bucket; a request that is under way then may still leave a
/// lock that expires.
///
/// # Errors
/// Refuses with `locked` where another holds it; fails where the store does.
pub async fn acquire(
    bucket: &Bucket,
    who: &str,
    folder: &Path,
    patience: Patience,
    stop: &Stop,
    tell: &Tell,
) -> Result<Held> {
    let mut contender = Contender::new(bucket, who, folder, &TERMS);
    let taken = stop.unless_stopped(compete(&mut contender, TERMS, bucket, patience, tell)).await;
    if matches!(taken, Err(Error::Failed(_) | Error::Interrupted(_))) {
        // What it cannot take away expires.
        let _ = timeout(RELEASE, contender.withdraw()).await;
    }
    taken
}

async fn compete(
    contender: &mut Contender<'_>,
    terms: Terms,
    bucket: &Bucket,
    patience: Patience,
    tell: &Tell,
) -> Result<Held> {
    let (mut races, mut pause, mut awaited) = (0, terms.poll.0, None);
    let lease = loop {
        match contender.attempt().await? {
            Attempt::Taken(lease) if lease.written.elapsed() < terms.give_up() => break lease,
            // It took so long that another may have it by now. Whoever goes on is somebody else, and the lease
            // that is dropped is a dead one's.
            Attempt::Taken(_) if races < RACES => {
                races += 1;
                contender.begin_anew();
            }
            Attempt::Raced if races < RACES => {
                races += 1;
                sleep(jitter(terms.turn)).await;
            }
            Attempt::Taken(_) | Attempt::Raced => return Err(never_ours(bucket).into()),
            Attempt::Held(holder) if patience == Patience::Refuse => {
                contender.give_up();
                return Err(holder.refusal(&bucket.own_key(LOCK)).into());
            }
            Attempt::Held(holder) => {
                races = 0;
                let name = holder.name();
                match awaited.as_ref() == Some(&name) {
                    true => tell.advanced(Stage::Wait, Amount::default()),
                    false => tell.tell(Event::Began(Stage::Wait, Amount::default(), name.clone())),
                }
                awaited = Some(name);
                sleep(jitter(pause)).await;
                pause = (pause * 2).min(terms.poll.1);
            }
        }
    };
    if awaited.is_some() {
        tell.ended(Stage::Wait, Amount::default());
    }
    Ok(Held::keep(*lease, terms))
}

fn never_ours(bucket: &Bucket) -> Failure {
    let key = bucket.own_key(LOCK);
    failed("failed to take the lock of this deploy").hint(format!(
        "the store refuses to write `{key}` although nobody holds it; run it again in a minute"
    ))
}

impl Held {
    fn keep(lease: Lease, terms: Terms) -> Held {
        let (stopper, lost) = cancel::channel();
        let (end, ended) = oneshot::channel();
        let key = lease.key();
        let losing = Losing { stopper, key: key.clone(), is_over: false };
        Held { lost, end, renewals: tokio::spawn(renew(lease, terms, losing, ended)), key }
    }

    /// Stops when the lock is lost, and says why: from then on another deploy may write.
    pub fn lost(&self) -> &Stop {
        &self.lost
    }

    /// The key of the object that is the lock.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Gives the lock back, if it is still ours.
    ///
    /// # Errors
    /// See [`Loss`].
    pub async fn release(self) -> Result<(), Loss> {
        let Held { lost, end, renewals, key } = self;
        drop(end);
        let kept = || failed(format!("failed to give the lock of this deploy back, `{key}`"));
        let lease = renewals.await.map_err(|error| Loss::Kept(kept().because(&error)))?;
        if let Some(Cause::Failure(failure)) = lost.cause() {
            return Err(Loss::Lost(failure));
        }
        match timeout(RELEASE, lease.release()).await {
            Ok(Release::Done) => Ok(()),
            Ok(Release::NotOurs(NotOurs::Gone)) => {
                Err(Loss::Kept(lost_for(&key, NotOurs::Gone.to_string())))
            }
            Ok(Release::NotOurs(other)) => Err(Loss::Lost(lost_for(&key, other.to_string()))),
            Ok(Release::Failed(failure)) => Err(Loss::Kept(failure)),
            Err(_) => Err(Loss::Kept(kept().hint("it ends by itself"))),
        }
    }
}

/// Says that the lock is lost. Dropped before it is over, as by a panic, it says so too: nothing renews the lock then.
struct Losing {
    stopper: Stopper,
    key: String,
    is_over: bool,
}

impl Losing {
    fn lost(mut self, reason: String) {
        self.say(reason);
    }

    /// The lock is given back.
    fn end(mut self) {
        self.is_over = true;
    }

    fn say(&mut self, reason: String) {
        self.is_over = true;
        self.stopper.stop(Cause::Failure(lost_for(&self.key, reason)));
    }
}

impl Drop for Losing {
    fn drop(&mut self) {
        if !self.is_over {
            self.say("it is not renewed any more".to_owned());
        }
    }
}

fn lost_for(key: &str, reason: String) -> Failure {
    let mut failure = failed(format!("lost the lock of this deploy, `{key}`"));
    failure.causes.push(reason);
    failure
        .hint("another deploy may have written meanwhile: run it again to correct any differences")
}

/// Renews until the lock is to be given back, or is lost.
async fn renew(
    mut lease: Lease,
    terms: Terms,
    losing: Losing,
    mut ended: oneshot::Receiver<()>,
) -> Lease {
    let mut tried = lease.written;
    let mut trouble = String::new();
    loop {
        tokio::select! {
            _ = &mut ended => break losing.end(),
            () = sleep(terms.tick()) => {}
        }
        let Some(left) = terms.give_up().checked_sub(lease.written.elapsed()) else {
            let time = crate::base::humanize::duration(terms.give_up());
            break losing.lost(format!("it could not be renewed for {time}{trouble}"));
        };
        if lease.written.elapsed() < terms.renewal() || tried.elapsed() < terms.retry() {
            continue;
        }
        tried = Moment::now();
        let renewed = tokio::select! {
            // What a renewal that was cut off has done, the release finds out.
            _ = &mut ended => break losing.end(),
            renewed = timeout(left, lease.renew()) => renewed,
        };
        trouble = match renewed {
            Ok(Renewal::Renewed) => String::new(),
            Ok(Renewal::Lost(reason)) => break losing.lost(reason.to_string()),
            Ok(Renewal::Failed(failure)) => format!(": {failure}"),
            Err(_) => ": no answer in time".to_owned(),
        };
    }
    lease
}

impl Terms {
    fn renewal(&self) -> Duration {
        self.expiry / 3
    }

    /// After a renewal that failed.
    fn retry(&self) -> Duration {
        self.expiry / 30
    }

    /// After the last renewal, when the holder stops to believe that the lock is its own.
    fn give_up(&self) -> Duration {
        self.expiry * 4 / 5
    }

    /// How often it looks at its clocks.
    fn tick(&self) -> Duration {
        (self.expiry / 300).max(Duration::from_millis(1))
    }
}

/// A time on this machine, to measure from.
#[derive(Clone, Copy, Debug)]
struct Moment(Instant, SystemTime);

impl Moment {
    fn now() -> Moment {
        Moment(Instant::now(), SystemTime::now())
    }

    /// The first clock stands still while the machine sleeps, the second can be set.
    fn elapsed(&self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

/// A number that nobody else has: the keys of [`RandomState`] are the system's random numbers.
fn random() -> u64 {
    RandomState::new().hash_one((SystemTime::now(), std::process::id()))
}

/// Something between half of it and all of it.
fn jitter(time: Duration) -> Duration {
    time / 2 + time.mul_f64((random() >> 11) as f64 / (1u64 << 54) as f64)
}

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;
