//! One attempt to take the lock, and what is done with it when it is taken. The header of `lock.rs` says why
//! it is sound.

use std::fmt;
use std::path::Path;

use super::alive::{self, Alive};
use super::note::{self, Holder, Note};
use super::{Moment, Terms, jitter, random};
use crate::base::error::{Failure, failed};
use crate::base::tool_folder::LOCK;
use crate::bucket::{Bucket, Condition, Look, Own, Written};

/// An ETag that no object has.
const NO_ETAG: &str = "00000000000000000000000000000000";

/// How often the creation of one's own lock has to succeed again before the store is said to ignore the
/// condition: somebody who deletes the lock by hand in that moment can make it succeed once. And how often it
/// is tried to delete.
const REPEATS: usize = 3;

/// How often the first of several that began at the same moment looks whether the others have withdrawn. One
/// that was killed in between does not.
const TURNS: usize = 50;

/// How an attempt ends.
pub enum Attempt {
    Taken(Box<Lease>),
    Held(Holder),
    /// It was free, and another was quicker and has released it already.
    Raced,
}

/// Who wants the lock.
pub struct Contender<'a> {
    bucket: &'a Bucket,
    terms: &'a Terms,
    who: &'a str,
    /// Where the signs of life of this checkout's deploys are.
    folder: &'a Path,
    id: String,
    alive: Option<Alive>,
    /// Whether the store honours conditions; asked once.
    honours: Option<bool>,
}

/// A lock that was taken.
pub struct Lease {
    bucket: Bucket,
    name: String,
    /// Where the store honours conditions.
    etag: Option<String>,
    note: Note,
    /// For the other deploys of this machine, as long as the lock is held.
    alive: Option<Alive>,
    taken: Moment,
    /// Before the last write that was answered was sent.
    pub(super) written: Moment,
}

/// A ticket that was written.
struct Placed {
    moment: Moment,
    note: Note,
}

impl<'a> Contender<'a> {
    pub fn new(
        bucket: &'a Bucket,
        who: &'a str,
        folder: &'a Path,
        terms: &'a Terms,
    ) -> Contender<'a> {
        let id = new_id();
        let alive = Alive::begin(folder, &id);
        Contender { bucket, terms, who, folder, id, alive, honours: None }
    }

    pub async fn attempt(&mut self) -> Result<Attempt, Failure> {
        match self.honours {
            Some(true) => {
                let look = self.bucket.look(LOCK).await?;
                self.by_condition(look).await
            }
            Some(false) => self.by_ticket(None).await,
            None => {
                let (look, placed) = tokio::try_join!(self.bucket.look(LOCK), self.probe())?;
                self.honours = Some(placed.is_none());
                match placed {
                    None => self.by_condition(look).await,
                    placed => self.by_ticket(placed).await,
                }
            }
        }
    }

    /// Asks for what cannot be: that a ticket which is not there has a certain ETag. If it is there
    /// afterwards, the store ignores conditions, and the ticket is in its place.
    async fn probe(&self) -> Result<Option<Placed>, Failure> {
        let placed = self.placing(None);
        let name = self.ticket();
        match self.bucket.put_own(&name, placed.note.render(), Condition::Etag(NO_ETAG)).await? {
            Written::Done(_) => Ok(Some(placed)),
            // Nobody else writes it: a conflict comes of a condition that was looked at.
            Written::Refused | Written::Conflict => Ok(None),
            Written::Unknown => self.place().await.map(Some),
        }
    }

    /// For a store that honours `If-Match`, and is still to show that it honours `If-None-Match`: it has to refuse to
    /// create the lock again.
    async fn by_condition(&mut self, look: Look) -> Result<Attempt, Failure> {
        let Placed { moment, note } = self.placing(look.now);
        let etag = match self.create_or_replace(look, &note).await? {
            Took::Ours(etag) => etag,
            Took::Theirs(holder) => return Ok(Attempt::Held(holder)),
            Took::Raced => return Ok(Attempt::Raced),
            Took::Unsupported => return self.without_conditions().await,
        };
        match self.proves_if_none_match(&note).await? {
            Proof::Honoured => {
                let lease = self.lease(LOCK.to_owned(), Some(etag), note, moment);
                Ok(Attempt::Taken(Box::new(lease)))
            }
            disproved => {
                // What is left under this name would keep others out.
                self.bucket.delete_own(LOCK, Some(&etag)).await?;
                match disproved {
                    Proof::Ignored => self.without_conditions().await,
                    _ => Ok(Attempt::Raced),
                }
            }
        }
    }

    /// Creates the lock, or writes it over one that has expired.
    async fn create_or_replace(&self, look: Look, note: &Note) -> Result<Took, Failure> {
        let condition = match &look.object {
            None => Condition::Absent,
            Some(own) => match self.holder(own, look.now) {
                Some(holder) => return Ok(Took::Theirs(holder)),
                None => Condition::Etag(&own.etag),
            },
        };
        match self.bucket.put_own(LOCK, note.render(), condition).await? {
            Written::Done(etag) => return Ok(Took::Ours(etag)),
            Written::Unknown => return Ok(Took::Unsupported),
            Written::Refused | Written::Conflict => {}
        }
        // The lock that is there may be our own: the answer to the write that made it may have been lost.
        let look = self.bucket.look(LOCK).await?;
        Ok(match look.object {
            Some(own) if own.body == note.render() => Took::Ours(own.etag),
            Some(own) => self.holder(&own, look.now).map_or(Took::Raced, Took::Theirs),
            None => Took::Raced,
        })
    }

    /// Repeats the creation of our own lock.
    async fn proves_if_none_match(&self, note: &Note) -> Result<Proof, Failure> {
        let mut proof = Proof::Open;
        for _ in 0..REPEATS {
            match self.bucket.put_own(LOCK, note.render(), Condition::Absent).await? {
                Written::Refused => return Ok(Proof::Honoured),
                Written::Done(_) | Written::Unknown => proof = Proof::Ignored,
                Written::Conflict => {}
            }
        }
        Ok(proof)
    }

    async fn without_conditions(&mut self) -> Result<Attempt, Failure> {
        self.honours = Some(false);
        self.by_ticket(None).await
    }

    /// For a store that ignores conditions. It looks before it writes a ticket, so that whoever polls a lock
    /// writes nothing.
    async fn by_ticket(&mut self, placed: Option<Placed>) -> Result<Attempt, Failure> {
        let placed = match placed {
            Some(placed) => placed,
            None => match self.first_other().await? {
                Some((_, holder)) => return Ok(Attempt::Held(holder)),
                None => {
                    // Whoever clears an expired ticket away cannot mean this one.
                    self.give_up();
                    self.begin_anew();
                    self.place().await?
                }
            },
        };
        let name = self.ticket();
        let mut turns = 0;
        loop {
            let Some((other, holder)) = self.first_other().await? else {
                let Placed { moment, note } = placed;
                let mut lease = self.lease(name, None, note, moment);
                // Renewed, a ticket tells the others that it is not about to be withdrawn.
                return match lease.renew().await {
                    Renewal::Renewed => Ok(Attempt::Taken(Box::new(lease))),
                    Renewal::Lost(_) => Ok(Attempt::Raced),
                    Renewal::Failed(failure) => Err(failure),
                };
            };
            turns += 1;
            // One who contends under the lock's own name is about to give that name up.
            let may_withdraw = holder.contends && (other > name || other == LOCK);
            if !may_withdraw || turns == TURNS {
                self.bucket.delete_own(&name, None).await?;
                return Ok(Attempt::Held(holder));
            }
            tokio::time::sleep(jitter(self.terms.turn)).await;
        }
    }

    /// The first lock or ticket by name that is another's. Those that have expired are cleared away: their
    /// deploys have given up.
    async fn first_other(&self) -> Result<Option<(String, Holder)>, Failure> {
        let own = self.ticket();
        for name in self.bucket.list_own(LOCK).await? {
            let ticket = name.strip_prefix(LOCK).is_some_and(|id| id.starts_with('.'));
            if name == own || !(ticket || name == LOCK) {
                continue;
            }
            let look = self.bucket.look(&name).await?;
            let Some(other) = look.object else { continue };
            match self.holder(&other, look.now) {
                Some(holder) => return Ok(Some((name, holder))),
                None => self.bucket.delete_own(&name, Some(&other.etag)).await?,
            };
        }
        Ok(None)
    }

    async fn place(&self) -> Result<Placed, Failure> {
        let placed = self.placing(None);
        self.bucket.put_own(&self.ticket(), placed.note.render(), Condition::None).await?;
        Ok(placed)
    }

    /// What is about to be written. Without the store's time, this machine's will do: nothing but the
    /// words "2 minutes ago" rests on it.
    fn placing(&self, now: Option<u64>) -> Placed {
        let moment = Moment::now();
        let since_1970 = moment.1.duration_since(std::time::UNIX_EPOCH);
        let now = now.unwrap_or_else(|| since_1970.unwrap_or_default().as_secs());
        let note = Note::new(&self.id, self.who, now, self.terms.expiry);
        Placed { moment, note }
    }

    /// Becomes somebody else, as whom it has nothing in the bucket yet.
    pub fn begin_anew(&mut self) {
        self.id = new_id();
        self.alive = Alive::begin(self.folder, &self.id);
    }

    /// Takes away what it has in the bucket. Its sign of life stays, as that of a dead one: a write that was
    /// cut off may still arrive.
    pub async fn withdraw(&self) -> Result<(), Failure> {
        for name in [self.ticket(), LOCK.to_owned()] {
            let Some(own) = self.bucket.look(&name).await?.object else { continue };
            if Note::parse(&own.body).is_ok_and(|note| note.id == self.id) {
                self.bucket.delete_own(&name, Some(&own.etag)).await?;
            }
        }
        Ok(())
    }

    /// Has nothing in the bucket any more.
    pub fn give_up(&mut self) {
        if let Some(alive) = self.alive.take() {
            alive.end();
        }
    }

    /// Who holds a lock, unless it has expired, its deploy is known to have been killed, or it is our own of an
    /// earlier attempt.
    fn holder(&self, own: &Own, now: Option<u64>) -> Option<Holder> {
        let holder = note::holder(own, now, self.terms.expiry)?;
        let over = |id: &str| id == self.id || alive::has_died(self.folder, id);
        Some(holder).filter(|holder| !holder.id.as_deref().is_some_and(over))
    }

    fn lease(&mut self, name: String, etag: Option<String>, note: Note, taken: Moment) -> Lease {
        let (bucket, alive) = (self.bucket.clone(), self.alive.take());
        Lease { bucket, name, etag, note, alive, taken, written: taken }
    }

    fn ticket(&self) -> String {
        format!("{LOCK}.{}", self.id)
    }
}

impl Lease {
    pub fn key(&self) -> String {
        self.bucket.own_key(&self.name)
    }

    /// Writes it anew.
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

    /// Returns why it is not ours any more.
    async fn renew_under_condition(
        &mut self,
        body: Vec<u8>,
        etag: &str,
    ) -> Result<Option<NotOurs>, Failure> {
        match self.bucket.put_own(&self.name, body.clone(), Condition::Etag(etag)).await? {
            Written::Done(etag) => self.etag = Some(etag),
            _ => {
                // A renewal whose answer was lost is found here too, and is built upon by the next.
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

    /// Without conditions, what keeps others from the ticket is that it has not expired.
    async fn renew_ticket(&mut self, body: Vec<u8>) -> Result<Option<NotOurs>, Failure> {
        if let Found::NotOurs(reason) = self.found().await? {
            return Ok(Some(reason));
        }
        self.bucket.put_own(&self.name, body, Condition::None).await?;
        Ok(None)
    }

    /// The lock as it is in the bucket.
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

    /// Deletes it, if it is still ours.
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

    /// Returns why it is not ours. It is read first, because a store may honour conditions of writes and ignore those
    /// of deletes.
    async fn delete(&self) -> Result<Option<NotOurs>, Failure> {
        for tries in 0..REPEATS {
            match self.found().await? {
                Found::Ours(own) if self.bucket.delete_own(&self.name, Some(&own.etag)).await? => {
                    return Ok(None);
                }
                // It was renewed in between, or the answer of the read was not true.
                Found::Ours(_) => {}
                // The delete was done, and its answer lost.
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

/// What became of writing the lock under a condition.
enum Took {
    /// With its ETag.
    Ours(String),
    Theirs(Holder),
    /// Another deploy was quicker, and its lock is gone already.
    Raced,
    /// The store does not know the condition.
    Unsupported,
}

/// Whether the store refuses to create what is there.
enum Proof {
    Honoured,
    Ignored,
    /// It answered only that it was busy with another write.
    Open,
}

/// What became of a renewal.
#[derive(Debug)]
pub enum Renewal {
    Renewed,
    Lost(NotOurs),
    /// It may still be ours.
    Failed(Failure),
}

/// What became of giving the lock back.
#[derive(Debug)]
pub enum Release {
    Done,
    NotOurs(NotOurs),
    Failed(Failure),
}

/// What is where the lock was written.
enum Found {
    Ours(Own),
    NotOurs(NotOurs),
}

/// Why a lock that was taken is not ours any more.
#[derive(Debug)]
pub enum NotOurs {
    Gone,
    /// Who has it.
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

fn new_id() -> String {
    format!("{:016x}{:016x}", random(), random())
}
