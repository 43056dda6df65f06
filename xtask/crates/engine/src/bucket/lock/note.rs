//! The content of a lock: who holds it, since when and for how long. It is a small JSON object with a format number,
//! because the tool that reads it may be older or newer than the one that wrote it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::hint::{Argument, Command, Hint};
use crate::base::humanize::{about, ago, plain};
use crate::base::refusal::Refusal;
use crate::base::schema_version::{self, garbled};
use crate::bucket::Own;
use crate::repository::ci;

/// The format that this tool writes, and the newest that it reads.
const VERSION: u32 = 1;

/// The longest time, in seconds, that a lock may last without being renewed, whatever it says.
const LONGEST: u64 = 24 * 60 * 60;

/// How much of a name is shown, in characters.
const LONGEST_NAME: usize = 200;

/// The times are in seconds since 1970, by the store's clock as the holder knows it. Only their differences matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    version: u32,
    /// Each time that the lock is taken, it gets a new id.
    pub id: String,
    pub who: String,
    pub since: u64,
    pub renewed: u64,
    pub expires: u64,
    /// How often it was renewed. So no two states of a lock have the same bytes, or the same ETag.
    pub renewals: u64,
}

/// The deploy that holds the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name, or why that cannot be read.
    pub who: Result<String, String>,
    /// How long ago it took the lock, in seconds, if that is known.
    pub since: Option<u64>,
    /// The id of the lock; `None` if it cannot be read.
    pub id: Option<String>,
    /// Whether it has only just written its ticket, and does not know yet whether there are others.
    pub contends: bool,
    /// In how many seconds the lock expires if it is not renewed; `None` if the store does not tell the time.
    pub ends: Option<u64>,
}

impl Note {
    pub fn new(id: &str, who: &str, now: u64, expiry: Duration) -> Note {
        let (id, who) = (id.to_owned(), who.to_owned());
        let expires = now + expiry.as_secs();
        Note { version: VERSION, id, who, since: now, renewed: now, expires, renewals: 0 }
    }

    /// The note of a renewal, `elapsed` after the lock was taken.
    pub fn renewed(&self, elapsed: Duration) -> Note {
        let renewed = self.since + elapsed.as_secs();
        let expires = renewed + self.expires.saturating_sub(self.renewed);
        Note { renewed, expires, renewals: self.renewals + 1, ..self.clone() }
    }

    pub fn render(&self) -> Vec<u8> {
        // Strings and numbers under fixed names: writing them as JSON cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a lock, or says why it cannot be read. The name is cleaned: somebody may have put commands for a terminal
    /// into it.
    pub fn parse(bytes: &[u8]) -> Result<Note, String> {
        schema_version::check(bytes, VERSION)?;
        let note: Note = serde_json::from_slice(bytes).map_err(garbled)?;
        if note.expires < note.renewed {
            return Err(garbled("it expires before it was written"));
        }
        let who = plain(&ci::without_logins(&note.who)).chars().take(LONGEST_NAME).collect();
        Ok(Note { who, ..note })
    }

    /// How many seconds after it was written the lock expires.
    fn lasts(&self) -> u64 {
        (self.expires - self.renewed).min(LONGEST)
    }
}

/// The deploy that holds this lock, or `None` if it has expired. Both times are the store's: when the lock was written,
/// and `now`. If the store does not tell the time, no lock expires.
///
/// A lock that cannot be read is also held, for as long as a lock of this tool lasts.
pub fn holder(own: &Own, now: Option<u64>, expiry: Duration) -> Option<Holder> {
    let note = Note::parse(&own.body);
    let lasts = note.as_ref().map_or(expiry.as_secs(), Note::lasts);
    let end = own.modified.saturating_add(lasts);
    let ends = now.map(|now| end.saturating_sub(now));
    if ends == Some(0) {
        return None;
    }
    let begun = note.as_ref().map_or(own.modified, |note| note.since);
    let since = now.map(|now| now.saturating_sub(begun));
    let contends = note.as_ref().is_ok_and(|note| note.renewals == 0);
    let id = note.as_ref().ok().map(|note| note.id.clone());
    Some(Holder { id, contends, who: note.map(|note| note.who), since, ends })
}

impl Holder {
    /// "`kim@laptop` began to deploy to the same place 2 minutes ago, and has not ended".
    fn message(&self) -> String {
        let doing = match self.since {
            Some(seconds) => {
                format!("began to deploy to the same place {}, and has not ended", ago(seconds))
            }
            None => "is deploying to the same place".to_owned(),
        };
        match &self.who {
            Ok(who) => format!("`{who}` {doing}"),
            Err(reason) => format!("somebody {doing}; the lock {reason}"),
        }
    }

    /// The refusal of a deploy that does not wait. `key` is that of the lock.
    pub fn refusal(&self, key: &str) -> Refusal {
        let end = match self.ends {
            Some(seconds) => {
                format!("if nothing runs there any more, the lock expires in {}", about(seconds))
            }
            None => format!("if nothing runs there any more, delete `{key}`"),
        };
        let again = Command::again().with(Argument::Wait);
        let hint = Hint::from("wait for it: ").then(again).then(format!("; {end}"));
        Refusal::new("locked", self.message(), hint)
    }

    pub fn name(&self) -> String {
        self.who.clone().unwrap_or_else(|_| "another deploy".to_owned())
    }
}
