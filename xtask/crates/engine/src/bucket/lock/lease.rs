//! A lock that was taken. It is written again to renew it and deleted to give it back, as long as it is still ours.

use std::fmt;

use super::alive::Alive;
use super::note::Note;
use super::terms::Moment;
use crate::base::error::{Failure, failed};
use crate::bucket::{Bucket, Condition, Own, Written};

/// How often to try to delete the lock.
const TRIES: usize = 3;

/// A lock that was taken.
pub struct Lease {
    pub(super) bucket: Bucket,
    /// The name of the object in the tool's own folder.
    pub(super) name: String,
    /// Of the lock as it was last written; `None` if the store ignores conditions.
    pub(super) etag: Option<String>,
    pub(super) note: Note,
    /// Tells the other deploys of this machine that the process lives.
    pub(super) alive: Option<Alive>,
    pub(super) taken: Moment,
    /// The moment before the last write that was answered.
    pub(super) written: Moment,
}

/// The result of a renewal.
#[derive(Debug)]
pub enum Renewal {
    Renewed,
    Lost(NotOurs),
    /// The lock may still be ours.
    Failed(Failure),
}

/// The result of giving the lock back.
#[derive(Debug)]
pub enum Release {
    Done,
    NotOurs(NotOurs),
    Failed(Failure),
}

/// What is in the bucket under the lock's name.
enum Found {
    Ours(Own),
    NotOurs(NotOurs),
}

/// Why a lock that was taken is no longer ours.
#[derive(Debug)]
pub enum NotOurs {
    Gone,
    /// By this deploy.
    Taken(String),
    Garbled(String),
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotOurs::Gone => f.write_str("somebody deleted it"),
            NotOurs::Taken(who) => write!(f, "`{who}` has taken it over"),
            NotOurs::Garbled(reason) => write!(f, "what is there now {reason}"),
        }
    }
}

impl Lease {
    pub fn key(&self) -> String {
        self.bucket.own_key(&self.name)
    }

    /// Writes the lock again, with a later expiry.
    pub async fn renew(&mut self) -> Renewal {
        self.note = self.note.renewed(self.taken.elapsed());
        let (body, moment) = (self.note.render(), Moment::now());
        let renewed = match self.etag.clone() {
            Some(etag) => self.renew_under_condition(body, &etag).await,
            None => self.renew_ticket(body).await,
        };
        match renewed {
            Ok(None) => {
                self.written = moment;
                Renewal::Renewed
            }
            Ok(Some(reason)) => Renewal::Lost(reason),
            Err(failure) => Renewal::Failed(failure),
        }
    }

    /// Returns why the lock is no longer ours.
    async fn renew_under_condition(
        &mut self,
        body: Vec<u8>,
        etag: &str,
    ) -> Result<Option<NotOurs>, Failure> {
        match self.bucket.put_own(&self.name, body.clone(), Condition::Etag(etag)).await? {
            Written::Done(etag) => self.etag = Some(etag),
            _ => {
                // An earlier renewal may have arrived although its answer was lost. The next renewal starts from it.
                let own = match self.found().await? {
                    Found::Ours(own) => own,
                    Found::NotOurs(reason) => return Ok(Some(reason)),
                };
                self.etag = Some(own.etag);
                if own.body != body {
                    return Err(failed(format!("failed to renew `{}`", self.key())));
                }
            }
        }
        Ok(None)
    }

    /// Without conditions, other deploys leave the ticket alone only because it has not expired.
    async fn renew_ticket(&mut self, body: Vec<u8>) -> Result<Option<NotOurs>, Failure> {
        if let Found::NotOurs(reason) = self.found().await? {
            return Ok(Some(reason));
        }
        self.bucket.put_own(&self.name, body, Condition::None).await?;
        Ok(None)
    }

    /// The lock as it is in the bucket now.
    async fn found(&self) -> Result<Found, Failure> {
        let Some(own) = self.bucket.look(&self.name).await?.object else {
            return Ok(Found::NotOurs(NotOurs::Gone));
        };
        Ok(match Note::parse(&own.body) {
            Ok(note) if note.id == self.note.id => Found::Ours(own),
            Ok(note) => Found::NotOurs(NotOurs::Taken(note.who)),
            Err(reason) => Found::NotOurs(NotOurs::Garbled(reason)),
        })
    }

    /// Deletes the lock, if it is still ours.
    pub async fn release(self) -> Release {
        match self.delete().await {
            Ok(None) => {
                self.end();
                Release::Done
            }
            Ok(Some(reason)) => Release::NotOurs(reason),
            Err(failure) => Release::Failed(failure),
        }
    }

    /// Returns why the lock is not ours. It is read first, because a store may honour the conditions of writes and
    /// ignore those of deletes.
    async fn delete(&self) -> Result<Option<NotOurs>, Failure> {
        for tries in 0..TRIES {
            match self.found().await? {
                Found::Ours(own) if self.bucket.delete_own(&self.name, Some(&own.etag)).await? => {
                    return Ok(None);
                }
                // The lock was renewed in between, or the store answered the read with an earlier state.
                Found::Ours(_) => {}
                // An earlier delete arrived, but its answer was lost.
                Found::NotOurs(NotOurs::Gone) if tries > 0 => return Ok(None),
                Found::NotOurs(reason) => return Ok(Some(reason)),
            }
        }
        Err(failed(format!("failed to delete `{}`", self.key())))
    }

    fn end(self) {
        if let Some(alive) = self.alive {
            alive.end();
        }
    }
}
