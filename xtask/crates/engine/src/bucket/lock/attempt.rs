//! One attempt to take the lock, and what is done with it when it is taken. The header of `lock.rs` says why
//! it is sound.

use std::fmt;
use std::path::Path;

use super::alive::{self, Alive};
use super::note::{self, Holder, Note};
use super::{Moment, Terms, jitter, random};
use crate::base::error::{Failure, failed};
use crate::bucket::{Bucket, Condition, Look, Own, Written};

/// The name of the lock in the tool's own folder. A ticket's begins with it.
pub const LOCK: &str = "lock";

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

    /// For a store that honours `If-Match`, and is still to show that it honours `If-None-Match`.
    async fn by_condition(&mut self, look: Look) -> Result<Attempt, Failure> {
        let condition = match &look.object {
            None => Condition::Absent,
            Some(own) => match self.holder(own, look.now) {
                Some(holder) => return Ok(Attempt::Held(holder)),
                None => Condition::Etag(&own.etag),
            },
        };
        let Placed { moment, note } = self.placing(look.now);
        let etag = match self.bucket.put_own(LOCK, note.render(), condition).await? {
            Written::Done(etag) => etag,
            Written::Unknown => return self.without_conditions().await,
            Written::Refused | Written::Conflict => {
                let look = self.bucket.look(LOCK).await?;
                match look.object {
                    Some(own) if own.body == note.render() => own.etag,
                    Some(own) => {
                        let holder = self.holder(&own, look.now);
                        return Ok(holder.map_or(Attempt::Raced, Attempt::Held));
                    }
                    None => return Ok(Attempt::Raced),
                }
            }
        };
        let mut written = false;
        for _ in 0..REPEATS {
            match self.bucket.put_own(LOCK, note.render(), Condition::Absent).await? {
                Written::Refused => {
                    let lease = self.lease(LOCK.to_owned(), Some(etag), note, moment);
                    return Ok(Attempt::Taken(Box::new(lease)));
                }
                Written::Done(_) | Written::Unknown => written = true,
                Written::Conflict => {}
            }
        }
        // What is left under this name would keep others out.
        self.bucket.delete_own(LOCK, Some(&etag)).await?;
        if written { self.without_conditions().await } else { Ok(Attempt::Raced) }
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
                let marked = lease.renew().await?;
                return Ok(marked.map_or(Attempt::Raced, |()| Attempt::Taken(Box::new(lease))));
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

    /// Writes it anew, or says why it is not ours any more.
    pub async fn renew(&mut self) -> Result<Result<(), NotOurs>, Failure> {
        self.note = self.note.renewed(self.taken.elapsed());
        let body = self.note.render();
        let moment = Moment::now();
        let Some(etag) = &self.etag else {
            return self.renew_ticket(body, moment).await;
        };
        match self.bucket.put_own(&self.name, body.clone(), Condition::Etag(etag)).await? {
            Written::Done(etag) => self.etag = Some(etag),
            _ => {
                // A renewal whose answer was lost is found here too, and is built upon by the next.
                let own = match self.found().await? {
                    Ok(own) => own,
                    Err(reason) => return Ok(Err(reason)),
                };
                self.etag = Some(own.etag);
                if own.body != body {
                    return Err(failed(format!("failed to renew `{}`", self.key())));
                }
            }
        }
        self.written = moment;
        Ok(Ok(()))
    }

    /// Without conditions, what keeps others from the ticket is that it has not expired.
    async fn renew_ticket(
        &mut self,
        body: Vec<u8>,
        moment: Moment,
    ) -> Result<Result<(), NotOurs>, Failure> {
        if let Err(reason) = self.found().await? {
            return Ok(Err(reason));
        }
        self.bucket.put_own(&self.name, body, Condition::None).await?;
        self.written = moment;
        Ok(Ok(()))
    }

    /// The lock as it is in the bucket, or why that is not ours.
    async fn found(&self) -> Result<Result<Own, NotOurs>, Failure> {
        let Some(own) = self.bucket.look(&self.name).await?.object else {
            return Ok(Err(NotOurs::Gone));
        };
        Ok(match Note::parse(&own.body) {
            Ok(note) if note.id == self.note.id => Ok(own),
            Ok(note) => Err(NotOurs::Taken(note.who)),
            Err(reason) => Err(NotOurs::Garbled(reason)),
        })
    }

    /// Deletes it if it is still ours, or says why it is not.
    ///
    /// It is read first, because a store may honour conditions of writes and ignore those of deletes.
    pub async fn release(self) -> Result<Option<NotOurs>, Failure> {
        for tries in 0..REPEATS {
            match self.found().await? {
                Ok(own) if self.bucket.delete_own(&self.name, Some(&own.etag)).await? => {
                    self.end();
                    return Ok(None);
                }
                // It was renewed in between, or the answer of the read was not true.
                Ok(_) => {}
                // The delete was done, and its answer lost.
                Err(NotOurs::Gone) if tries > 0 => {
                    self.end();
                    return Ok(None);
                }
                Err(reason) => return Ok(Some(reason)),
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
