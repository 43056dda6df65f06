//! One attempt to take the lock. The header of `lock.rs` says why it is sound.

use std::path::Path;

use super::alive::{self, Alive};
use super::lease::{Lease, Renewal};
use super::note::{self, Holder, Note};
use super::terms::{Moment, Terms, jitter, random};
use crate::base::error::Failure;
use crate::base::tool_folder::LOCK;
use crate::bucket::{Bucket, Condition, Look, Own, Written};

/// An ETag that no object has.
const NO_ETAG: &str = "00000000000000000000000000000000";

/// How often the repeated creation of our own lock must succeed before the store counts as one that ignores the
/// condition. It can succeed once if somebody deletes the lock by hand at that moment.
const REPEATS: usize = 3;

/// How often the first of several deploys that began at the same moment looks whether the others have withdrawn. A
/// deploy that was killed in between does not withdraw.
const TURNS: usize = 50;

/// The result of an attempt.
pub enum Attempt {
    Taken(Box<Lease>),
    Held(Holder),
    /// The lock was free, but another deploy took it first and has already released it.
    Raced,
}

/// A deploy that wants the lock.
pub struct Contender<'a> {
    bucket: &'a Bucket,
    terms: &'a Terms,
    who: &'a str,
    /// Where the deploys of this checkout leave their signs of life.
    folder: &'a Path,
    id: String,
    alive: Option<Alive>,
    /// Whether the store honours conditions; `None` until the first attempt has found out.
    honours: Option<bool>,
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

    /// Writes the ticket under a condition that cannot hold: that it exists and has a certain ETag. If the write
    /// succeeds, the store ignores conditions, and the ticket is already in its place.
    async fn probe(&self) -> Result<Option<Placed>, Failure> {
        let placed = self.placing(None);
        let name = self.ticket();
        match self.bucket.put_own(&name, placed.note.render(), Condition::Etag(NO_ETAG)).await? {
            Written::Done(_) => Ok(Some(placed)),
            // No other deploy writes this object, so a conflict also shows that the store looked at the condition.
            Written::Refused | Written::Conflict => Ok(None),
            Written::Unknown => self.place().await.map(Some),
        }
    }

    /// For a store that honours `If-Match`. It must also show that it honours `If-None-Match`, by refusing to create
    /// the lock a second time.
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
                // If it stayed, it would keep other deploys out.
                self.bucket.delete_own(LOCK, Some(&etag)).await?;
                match disproved {
                    Proof::Ignored => self.without_conditions().await,
                    _ => Ok(Attempt::Raced),
                }
            }
        }
    }

    /// Creates the lock, or replaces one that has expired.
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
        // The lock may be our own: a first try may have written it although its answer was lost.
        let look = self.bucket.look(LOCK).await?;
        Ok(match look.object {
            Some(own) if own.body == note.render() => Took::Ours(own.etag),
            Some(own) => self.holder(&own, look.now).map_or(Took::Raced, Took::Theirs),
            None => Took::Raced,
        })
    }

    /// Creates our own lock a second time.
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

    /// For a store that ignores conditions. It looks before it writes a ticket, so a deploy that waits for the lock
    /// writes nothing.
    async fn by_ticket(&mut self, placed: Option<Placed>) -> Result<Attempt, Failure> {
        let placed = match placed {
            Some(placed) => placed,
            None => match self.first_other().await? {
                Some((_, holder)) => return Ok(Attempt::Held(holder)),
                None => {
                    // Under a new id: another deploy may be about to delete the old ticket because it has expired.
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
                // The renewal tells the others that this ticket will not be withdrawn.
                return match lease.renew().await {
                    Renewal::Renewed => Ok(Attempt::Taken(Box::new(lease))),
                    Renewal::Lost(_) => Ok(Attempt::Raced),
                    Renewal::Failed(failure) => Err(failure),
                };
            };
            turns += 1;
            // A contender that wrote the object `lock` itself will soon delete it.
            let may_withdraw = holder.contends && (other > name || other == LOCK);
            if !may_withdraw || turns == TURNS {
                self.bucket.delete_own(&name, None).await?;
                return Ok(Attempt::Held(holder));
            }
            tokio::time::sleep(jitter(self.terms.turn)).await;
        }
    }

    /// The first lock or ticket by name that belongs to another deploy. Those that have expired are deleted: their
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

    /// What is about to be written. If the store does not tell the time, this machine's clock is used: only the words
    /// "2 minutes ago" depend on it.
    fn placing(&self, now: Option<u64>) -> Placed {
        let moment = Moment::now();
        let now = now.unwrap_or_else(|| moment.seconds_since_1970());
        let note = Note::new(&self.id, self.who, now, self.terms.expiry);
        Placed { moment, note }
    }

    /// Takes a new id, under which nothing is in the bucket yet.
    pub fn begin_anew(&mut self) {
        self.id = new_id();
        self.alive = Alive::begin(self.folder, &self.id);
    }

    /// Deletes what this contender has in the bucket. Its sign of life stays, as that of a process that has ended: a
    /// write that was cancelled may still arrive.
    pub async fn withdraw(&self) -> Result<(), Failure> {
        for name in [self.ticket(), LOCK.to_owned()] {
            let Some(own) = self.bucket.look(&name).await?.object else { continue };
            if Note::parse(&own.body).is_ok_and(|note| note.id == self.id) {
                self.bucket.delete_own(&name, Some(&own.etag)).await?;
            }
        }
        Ok(())
    }

    /// Removes the sign of life. Call this when the contender has nothing in the bucket.
    pub fn give_up(&mut self) {
        if let Some(alive) = self.alive.take() {
            alive.end();
        }
    }

    /// The deploy that holds a lock. `None` if the lock has expired, if its deploy is known to have been killed, or if
    /// it is our own from an earlier attempt.
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

/// The result of writing the lock under a condition.
enum Took {
    /// With its ETag.
    Ours(String),
    Theirs(Holder),
    /// Another deploy was faster, and its lock is already gone.
    Raced,
    /// The store does not know the condition.
    Unsupported,
}

/// Whether the store refuses to create an object that exists.
enum Proof {
    Honoured,
    Ignored,
    /// It only answered that another write was in progress.
    Open,
}

fn new_id() -> String {
    format!("{:016x}{:016x}", random(), random())
}
