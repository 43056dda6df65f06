//! Site × listing × record: what changes, and why. A plan is a value: making it changes nothing, it is printed before
//! it is applied, and it is applied only after it was approved.

pub(crate) mod journal;
pub(crate) mod apply;
pub(crate) mod outcome;
pub mod restore;
pub mod drift;

mod compare;
mod blank;
mod hashed;
mod home;
mod limit;
mod scope;
mod spared;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::base::etag::Etag;
use crate::base::headers::{Headers, is_page};
use crate::bucket::Delete;
use crate::bucket::record::Record;
use crate::site::{File, Source};

pub use apply::apply;
pub use compare::{make, reason};
pub use drift::{Drift, PlaceState};
pub use home::Home;
pub use journal::{Entry, Journal};
pub use outcome::Outcome;
pub use restore::Earlier;
pub use scope::Scope;
pub use spared::Spared;

pub(crate) use home::Loss;
pub(crate) use limit::Share;

#[derive(Debug, Default)]
pub struct Plan {
    /// In the order of their keys.
    pub uploads: Vec<Upload>,
    /// In the order of their keys.
    pub deletes: Vec<Delete>,
    /// Objects that no longer belong to the site and stay for a while, each with the time at which they ceased to
    /// belong to it, in seconds since 1970. In the order of their keys.
    pub retained: Vec<(String, u64)>,
    /// Objects that stay although they do not belong to the site, because a file of the same name was left out. In the
    /// order of their keys.
    pub left_out: Vec<String>,
    /// Files whose objects are already right.
    pub unchanged: u64,
    /// Objects that a `keep` glob or another environment's prefix protects.
    pub kept: u64,
    /// Objects that belong to the site now: those in scope, without those in `left_out`.
    pub listed: u64,
    /// Those of them that count towards the delete limit.
    pub objects: Share,
    /// The pages among them.
    pub pages: Share,
    /// Only the objects whose names show that they are pages. A forged record cannot change this number, but it can add
    /// to `pages`.
    pub named_pages: Share,
    /// Live pages whose new files are blank.
    pub blanked: u64,
    /// Other files that are empty now, while their objects are not. In the order of their keys.
    pub emptied: Vec<String>,
    /// The key of the home page, if the deploy would delete or blank it.
    pub home: Option<(String, Loss)>,
}

#[derive(Debug)]
pub struct Upload {
    pub file: Arc<File>,
    pub reason: Reason,
    /// The ETag of the listed object that it overwrites.
    pub replaces: Option<Etag>,
    /// The headers of that object, if only these change.
    pub before: Option<Headers>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// There is no such object.
    New,
    /// Its bytes differ, or cannot be proven to be the same.
    Content,
    /// Only its headers differ.
    Headers,
}

impl Upload {
    /// Whether visitors, feed readers or browsers start from it.
    pub(crate) fn is_page(&self) -> bool {
        is_page(&self.file.key, self.file.headers.content_type())
    }

    /// The names of the headers that change, if only headers do.
    pub fn changed_headers(&self) -> Vec<&str> {
        self.before
            .as_ref()
            .map(|before| before.differences(&self.file.headers))
            .unwrap_or_default()
    }

    /// How many bytes this machine sends: none if the store can copy what it has.
    pub fn bytes_to_send(&self) -> u64 {
        match (self.reason, &self.file.source) {
            (Reason::New | Reason::Content, Source::Disk(_)) => self.file.size,
            _ => 0,
        }
    }
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.uploads.is_empty() && self.deletes.is_empty()
    }

    /// The keys of existing objects that are overwritten or copied, in order.
    pub fn overwritten(&self) -> impl Iterator<Item = &str> {
        let over = self.uploads.iter().filter(|upload| upload.replaces.is_some());
        over.map(|upload| &*upload.file.key)
    }
}

/// A plan that may be applied.
#[derive(Debug)]
pub struct Approved(Plan);

impl Approved {
    pub(crate) fn into_plan(self) -> Plan {
        self.0
    }

    pub fn plan(&self) -> &Plan {
        &self.0
    }

    /// Whether the plan writes or deletes a key.
    pub fn changes(&self, key: &str) -> bool {
        let Plan { uploads, deletes, .. } = &self.0;
        uploads.binary_search_by(|upload| (*upload.file.key).cmp(key)).is_ok()
            || deletes.binary_search_by(|object| object.key.as_str().cmp(key)).is_ok()
    }

    /// Takes the list of objects that stay for a while.
    pub(crate) fn take_retained(&mut self) -> Vec<(String, u64)> {
        std::mem::take(&mut self.0.retained)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object gets other headers and keeps its bytes.
    pub(crate) fn changes_headers(&self) -> bool {
        self.0.uploads.iter().any(|upload| upload.reason == Reason::Headers)
    }
}

/// How long assets stay that no longer belong to the site. Readers may still have pages open that refer to them.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    pub retain: Duration,
    /// In seconds since 1970.
    pub now: u64,
}

impl Grace {
    /// Since when an asset that no longer belongs to the site has stayed; `None` if it is deleted now.
    fn since(&self, key: &str, record: &Record) -> Option<u64> {
        let since = record.retained.get(key).map_or(self.now, |since| self.now.min(*since));
        (self.now - since < self.retain.as_secs()).then_some(since)
    }
}

/// What a plan depends on besides the site and the bucket.
#[derive(Debug)]
pub struct Terms {
    pub grace: Grace,
    /// `None` if the deploy may delete the home page.
    pub home: Option<Home>,
    /// Keys that are not deleted although no file has them.
    pub spared: Spared,
}

#[cfg(test)]
mod tests;
