//! What a lock says: who holds it, since when and for how long. It is a small JSON object, with a format
//! number, because the tool that reads it may be older or newer than the one that wrote it.

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

/// No lock is believed to last longer than this without being renewed.
const LONGEST: u64 = 24 * 60 * 60;

/// More of a name than this is not shown.
const LONGEST_NAME: usize = 200;

/// The times are in seconds since 1970, by the store's clock as its holder knows it. Only differences between
/// them are relied upon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    version: u32,
    /// Of one taking of the lock, and of no other.
    pub id: String,
    pub who: String,
    pub since: u64,
    pub renewed: u64,
    pub expires: u64,
    /// How often it was renewed: no two states of a lock are the same bytes, so no two have the same ETag.
    pub renewals: u64,
}

/// Who stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who it is, or why that cannot be read.
    pub who: Result<String, String>,
    /// For how long, in seconds, where it is known.
    pub since: Option<u64>,
    /// Of the lock that was taken; `None` where it cannot be read.
    pub id: Option<String>,
    /// Whether it has only just written its ticket, and is still to see that no other is there.
    pub contends: bool,
    /// In how many seconds it ends if it is not renewed; `None` where the store does not tell the time.
    pub ends: Option<u64>,
}

impl Note {
    pub fn new(id: &str, who: &str, now: u64, expiry: Duration) -> Note {
        let (id, who) = (id.to_owned(), who.to_owned());
        let expires = now + expiry.as_secs();
        Note { version: VERSION, id, who, since: now, renewed: now, expires, renewals: 0 }
    }

    /// The same, held on to for `elapsed` since it was taken.
    pub fn renewed(&self, elapsed: Duration) -> Note {
        let renewed = self.since + elapsed.as_secs();
        let expires = renewed + self.expires.saturating_sub(self.renewed);
        Note { renewed, expires, renewals: self.renewals + 1, ..self.clone() }
    }

    pub fn render(&self) -> Vec<u8> {
        // Strings and numbers under fixed names: nothing that JSON could not hold.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a lock, or says why it cannot be read. What somebody else wrote into it cannot give commands
    /// to a terminal.
    pub fn parse(bytes: &[u8]) -> Result<Note, String> {
        schema_version::check(bytes, VERSION)?;
        let note: Note = serde_json::from_slice(bytes).map_err(garbled)?;
        if note.expires < note.renewed {
            return Err(garbled("it expires before it was written"));
        }
        let who = plain(&ci::without_logins(&note.who)).chars().take(LONGEST_NAME).collect();
        Ok(Note { who, ..note })
    }

    /// For how many seconds it lasts from when it was written.
    fn lasts(&self) -> u64 {
        (self.expires - self.renewed).min(LONGEST)
    }
}

/// Who holds this lock, or `None` where it has expired. Both times are the store's: when it was written, and
/// `now`. Where the store does not tell the time, no lock expires.
///
/// One that cannot be read is somebody's too, for as long as a lock of this tool lasts.
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

    /// The refusal of a deploy that does not wait. `key` is the lock's.
    pub fn refusal(&self, key: &str) -> Refusal {
        let end = match self.ends {
            Some(seconds) => format!(
                "if nothing runs there any more, the lock ends by itself in {}",
                about(seconds)
            ),
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
