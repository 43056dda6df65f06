//! One deploy at a time for a bucket and prefix: a lock in the bucket, below `.xtask/`.
//!
//! **If the store honours conditional writes**, the lock is the object `lock`. It is created under `If-None-Match: *`,
//! so exactly one of several deploys gets it. An expired lock is replaced under `If-Match` with the ETag of the expired
//! one, so exactly one deploy replaces it. A lock is renewed under `If-Match` too. The store decides, and time matters
//! only for the expiry.
//!
//! **Some stores accept conditions and ignore them** (Garage 2.5). Each deploy finds this out itself, by a test whose
//! result is the same for all deploys. It writes an object that no other deploy writes, its *ticket* `lock.<id>`, under
//! an `If-Match` that cannot hold, and it creates its own lock a second time. If a write succeeds that the store should
//! have refused, the store ignores conditions.
//!
//! **In such a store, the tickets are the lock.** A deploy writes its ticket. After the store has answered, the deploy
//! lists the tickets, and it holds the lock only if there is no other ticket. Suppose that two deploys held the lock at
//! once. One of the two tickets, say the first deploy's, was in the bucket no later than the other. The second deploy
//! listed after its own ticket was written, so after both were. A ticket stays until its deploy has ended or given up,
//! so the listing showed the first ticket to the second deploy, which therefore did not hold the lock. This needs no
//! clock, but a store whose listing shows everything that was written before the request, as S3's and Garage's do.
//! A deploy whose ticket stays may list as often as it likes. So among deploys that began together, the one whose
//! ticket comes first by name stays and lists again, and the others withdraw. One of them gets the lock.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel>
//!
//! **Expiry** never compares the clocks of two machines. A lock expires when the duration that is written in it has
//! passed since the *store* wrote it (`Last-Modified`), and the present is the time of the *store's* answer (`Date` of
//! the same answer). The holder measures from before it sent the last renewal that was answered. It treats the lock as
//! lost `Terms::give_up` after that, and a fifth of the expiry remains until another deploy may take the lock. The
//! fifth is for requests in flight, for times in whole seconds, and for differences between the machines of one store.
//! The holder measures on two clocks and uses the larger result, because one of them stands still while a laptop
//! sleeps. If a store does not tell the time, its locks do not expire, and the refusal names the object to delete.
//!
//! A deploy that is killed leaves a lock or a ticket behind. It expires. If the next deploy runs in the same checkout,
//! it sees that the process has ended, and takes the lock at once (`alive.rs`).

mod held;
mod attempt;
mod lease;
mod note;
mod alive;
mod terms;
mod who;

use std::path::Path;

use tokio::time::{sleep, timeout};

use crate::base::cancel::Stop;
use crate::base::error::{Error, Failure, Result, failed};
use crate::base::event::{Amount, Event, Stage, Tell};
use crate::base::tool_folder::LOCK;
use crate::bucket::Bucket;

use attempt::{Attempt, Contender};
use terms::{RELEASE, TERMS, Terms, jitter};

pub use held::{Held, Loss};
pub use who::who;

/// What to do while another deploy holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    Refuse,
    Wait,
}

/// How often another deploy may take the lock between a look that found it free and the attempt to take it.
const RACES: u32 = 20;

/// Takes the lock of the bucket and prefix for `who`, now or when it is free. `folder` is where the deploys of this
/// checkout leave their signs of life.
///
/// If the run is stopped meanwhile, what it wrote to the bucket is deleted. A request that is in flight may still leave
/// a lock, which expires.
///
/// # Errors
/// Refuses with `locked` if another deploy holds the lock. Fails if a request to the store fails.
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
        // If this fails, what is left expires.
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
            // Taking the lock took so long that it may have expired and been taken over. Try again under a new id; the
            // old lease is left to expire.
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
        "the store refuses to write `{key}` although no deploy holds the lock; run it again in a minute"
    ))
}

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;
