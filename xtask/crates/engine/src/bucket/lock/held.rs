//! A lock that is held: renewed in the background until it is given back, or lost.

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::lease::{Lease, NotOurs, Release, Renewal};
use super::terms::{Moment, RELEASE, TERMS, Terms};
use crate::base::cancel::{self, Cause, Stop, Stopper};
use crate::base::error::{Failure, failed};
use crate::base::humanize;

/// A lock that is held, and renewed until it is released. If it is dropped without a release, it expires.
pub struct Held {
    lost: Stop,
    /// Ends the renewals when it is dropped.
    end: oneshot::Sender<()>,
    renewals: JoinHandle<Lease>,
    pub(super) key: String,
}

/// Why a lock was not given back.
#[derive(Debug)]
pub enum Loss {
    /// The store did not delete it, so it expires; or somebody had already deleted it.
    Kept(Failure),
    /// Another deploy may have held it while this one relied on it.
    Lost(Failure),
}

impl Held {
    pub(super) fn keep(lease: Lease, terms: Terms) -> Held {
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
            Err(_) => {
                let expiry = humanize::about(TERMS.expiry.as_secs());
                Err(Loss::Kept(kept().hint(format!("it expires within {expiry}"))))
            }
        }
    }
}

/// Says that the lock is lost. It also says so if it is dropped before the end, such as by a panic, because nothing
/// renews the lock then.
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
            self.say("it is no longer renewed".to_owned());
        }
    }
}

fn lost_for(key: &str, reason: String) -> Failure {
    let mut failure = failed(format!("lost the lock of this deploy, `{key}`"));
    failure.causes.push(reason);
    failure
        .hint("another deploy may have written meanwhile: run it again to correct any differences")
}

/// Renews the lock until it is to be given back, or is lost.
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
            let time = humanize::duration(terms.give_up());
            break losing.lost(format!("it could not be renewed for {time}{trouble}"));
        };
        if lease.written.elapsed() < terms.renewal() || tried.elapsed() < terms.retry() {
            continue;
        }
        tried = Moment::now();
        let renewed = tokio::select! {
            // The release finds out whether this renewal has arrived.
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
