//! Site × listing × record: what changes, and why. A plan is a value: pure to make, printed before it is
//! done, and done only once it was approved.

pub(crate) mod journal;
pub(crate) mod apply;
pub(crate) mod outcome;
pub mod restore;
pub mod drift;

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
use crate::base::headers::{self, Headers, is_page};
use crate::bucket::record::Record;
use crate::bucket::{Delete, Listing};
use crate::site::{File, Site, Source};

pub use apply::apply;
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
    /// Objects that are no longer the site's and stay for a while, in the order of their keys, and since when.
    pub retained: Vec<(String, u64)>,
    /// Objects that stay although they are not the site's, because a file of their name was left out of it. In the
    /// order of their keys.
    pub left_out: Vec<String>,
    /// Files whose objects are right already.
    pub unchanged: u64,
    /// Objects that a `keep` glob or another environment's prefix protects.
    pub kept: u64,
    /// Objects under the prefix now that are the site's to delete.
    pub listed: u64,
    /// Of these, all that count towards the delete limit, and the pages.
    pub objects: Share,
    pub pages: Share,
    /// The pages that names alone tell: a forged record can make the others more than they are.
    pub named_pages: Share,
    /// Pages that are live and whose files show nothing.
    pub blanked: u64,
    /// Files of other kinds that are empty, and whose objects are not. In the order of their keys.
    pub emptied: Vec<String>,
    /// The key of the home page, if a deploy would take it away.
    pub home: Option<(String, Loss)>,
}

#[derive(Debug)]
pub struct Upload {
    pub file: Arc<File>,
    pub reason: Reason,
    /// The ETag of the listed object that it is written over.
    pub replaces: Option<Etag>,
    /// The headers of that object, if only these are to change.
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
    /// Whether visitors start from it.
    pub fn is_page(&self) -> bool {
        is_page(&self.file.key, self.file.headers.content_type())
    }

    /// The names of the headers that are to change, if only these are.
    pub fn changed_headers(&self) -> Vec<&str> {
        self.before
            .as_ref()
            .map(|before| before.differences(&self.file.headers))
            .unwrap_or_default()
    }

    /// The bytes that are to leave this machine: none where the store can copy what it has.
    pub fn bytes_to_send(&self) -> u64 {
        match (self.reason, &self.file.source) {
            (Reason::New | Reason::Content, Source::Disk(_)) => self.file.size,
            _ => 0,
        }
    }
}

impl Plan {
    /// The keys of the objects that are there and are to be written over or copied, in order.
    pub fn overwritten(&self) -> impl Iterator<Item = &str> {
        let over = self.uploads.iter().filter(|upload| upload.replaces.is_some());
        over.map(|upload| &*upload.file.key)
    }
}

/// A plan that may be done.
#[derive(Debug)]
pub struct Approved(Plan);

impl Approved {
    pub(crate) fn into_plan(self) -> Plan {
        self.0
    }

    pub fn plan(&self) -> &Plan {
        &self.0
    }

    /// Whether a key is to be written or deleted.
    pub fn changes(&self, key: &str) -> bool {
        let Plan { uploads, deletes, .. } = &self.0;
        uploads.binary_search_by(|upload| (*upload.file.key).cmp(key)).is_ok()
            || deletes.binary_search_by(|object| object.key.as_str().cmp(key)).is_ok()
    }

    /// Takes the objects that stay for a while, and since when.
    pub(crate) fn take_retained(&mut self) -> Vec<(String, u64)> {
        std::mem::take(&mut self.0.retained)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object is to get other headers to the same bytes.
    pub(crate) fn changes_headers(&self) -> bool {
        self.0.uploads.iter().any(|upload| upload.reason == Reason::Headers)
    }
}

/// How long assets stay that are no longer the site's, for readers of the pages that named them.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    pub retain: Duration,
    /// In seconds since 1970.
    pub now: u64,
}

impl Grace {
    /// Since when an asset that is no longer the site's has stayed; `None` if it is to go.
    fn since(&self, key: &str, record: &Record) -> Option<u64> {
        let since = record.retained.get(key).map_or(self.now, |since| self.now.min(*since));
        (self.now - since < self.retain.as_secs()).then_some(since)
    }
}

/// What a plan depends on beside the site and what the bucket holds.
#[derive(Debug)]
pub struct Terms {
    pub grace: Grace,
    /// `None` if the home page may go.
    pub home: Option<Home>,
    /// What is not deleted although no file has it.
    pub spared: Spared,
}

/// Compares the site with what the bucket holds in scope.
pub fn make(
    site: Site,
    listing: &Listing,
    record: &Record,
    terms: &Terms,
    scope: &Scope<'_>,
) -> Plan {
    let mut plan = Plan::default();
    let mut files = site.files.iter().map(|file| &*file.key).peekable();
    for (key, object) in listing.objects.iter() {
        if !scope.has(key) {
            plan.kept += 1;
            continue;
        }
        if object.is_folder_marker(key) {
            continue;
        }
        while files.next_if(|file| *file < key).is_some() {}
        let is_file = files.peek() == Some(&key);
        if !is_file && terms.spared.covers(key) {
            plan.left_out.push(key.to_owned());
            continue;
        }
        plan.listed += 1;
        if is_file {
            continue;
        }
        let (is_page, is_named) = (was_page(key, record), is_page_by_name(key));
        match terms.grace.since(key, record) {
            Some(since) if !is_page => plan.retained.push((key.to_owned(), since)),
            _ => {
                plan.pages.lost += u64::from(is_page);
                plan.named_pages.lost += u64::from(is_named);
                let (key, etag) = (key.to_owned(), object.etag.clone());
                plan.deletes.push(Delete { key, etag, is_page });
            }
        }
    }
    add_uploads(&mut plan, site, listing, record);
    let superseded = hashed::superseded(&plan.uploads, &plan.deletes, record);
    let deletes = plan.deletes.len() as u64;
    plan.objects =
        Share { lost: deletes - superseded + plan.blanked, of: plan.listed - superseded };
    plan.pages.lost += plan.blanked;
    if plan.objects.lost > 0 || plan.pages.lost > 0 {
        count_pages(&mut plan, listing, record, scope);
    }
    plan.home = terms.home.as_ref().and_then(|home| loss(home, &plan, listing));
    plan
}

/// Counts the pages of which some are lost. A deploy that loses none is spared this, because it looks at every name.
fn count_pages(plan: &mut Plan, listing: &Listing, record: &Record, scope: &Scope<'_>) {
    for (key, object) in listing.objects.iter() {
        let is_left_out = plan.left_out.binary_search_by(|other| other.as_str().cmp(key)).is_ok();
        if scope.has(key) && !object.is_folder_marker(key) && !is_left_out {
            plan.pages.of += u64::from(was_page(key, record));
            plan.named_pages.of += u64::from(is_page_by_name(key));
        }
    }
}

/// Whether an object is a page, by its name or by what the record says of it: a record that was forged makes no
/// page an asset. What no ending and no record tells is a page, as `blog/post-1` is where other tools deployed.
fn was_page(key: &str, record: &Record) -> bool {
    is_page_by_name(key)
        || match record.objects.get(key) {
            Some(known) => is_page(key, known.headers.content_type()),
            None => record.retained.get(key).is_none() && headers::lacks_type(key),
        }
}

fn is_page_by_name(key: &str) -> bool {
    is_page(key, headers::essence(key))
}

fn add_uploads(plan: &mut Plan, site: Site, listing: &Listing, record: &Record) {
    // A list that grows while this much is in memory leaves its former places behind as holes.
    plan.uploads.reserve_exact(site.files.len());
    for file in site.files {
        let Some(reason) = reason(&file, listing, record) else {
            plan.unchanged += 1;
            continue;
        };
        let object = listing.objects.get(&file.key);
        let known = object.filter(|_| reason == Reason::Headers);
        let before = known.and_then(|object| record.headers_of(&file.key, object)).cloned();
        let replaces = object.map(|object| object.etag.clone());
        let upload = Upload { file, reason, replaces, before };
        let is_replaced = reason == Reason::Content && object.is_some_and(|object| object.size > 0);
        if is_replaced && upload.file.size == 0 && !upload.is_page() {
            plan.emptied.push(upload.file.key.to_string());
        }
        let is_blanked = is_replaced && upload.is_page() && blank::is_blank(&upload.file);
        plan.blanked += u64::from(is_blanked);
        plan.named_pages.lost += u64::from(is_blanked && is_page_by_name(&upload.file.key));
        plan.uploads.push(upload);
    }
}

/// What the plan would do to the home page that is live.
fn loss(home: &Home, plan: &Plan, listing: &Listing) -> Option<(String, Loss)> {
    let Home { key, is_blank } = home;
    listing.objects.get(key).filter(|object| object.size > 0)?;
    let is_deleted = plan.deletes.binary_search_by(|object| object.key.cmp(key)).is_ok();
    let upload = plan.uploads.binary_search_by(|upload| (*upload.file.key).cmp(key)).ok();
    let is_changed = upload.is_some_and(|at| plan.uploads[at].reason == Reason::Content);
    match () {
        () if is_deleted => Some((key.clone(), Loss::Gone)),
        () if *is_blank && is_changed => Some((key.clone(), Loss::Blank)),
        () => None,
    }
}

/// Why a file has to be written; `None` where its object is right.
pub fn reason(file: &File, listing: &Listing, record: &Record) -> Option<Reason> {
    let Some(object) = listing.objects.get(&file.key) else { return Some(Reason::New) };
    let same_content = object.size == file.size
        && match record.md5_of(&file.key, object) {
            Some(md5) => md5 == file.digest.md5,
            None => file.digest.proves(&object.etag),
        };
    if !same_content {
        return Some(Reason::Content);
    }
    match record.headers_of(&file.key, object) {
        Some(headers) if *headers == file.headers => None,
        _ => Some(Reason::Headers),
    }
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.uploads.is_empty() && self.deletes.is_empty()
    }
}

#[cfg(test)]
mod tests;
