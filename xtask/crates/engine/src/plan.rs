//! Site × listing × record: what changes, and why. A plan is a value: making it has no side effects, it is printed
//! before it is applied, and it is applied only after it was approved.

pub mod journal;
pub mod apply;
pub mod outcome;
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

pub use home::{Home, Loss};
pub use limit::Share;
pub use scope::Scope;
pub use spared::Spared;

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
    pub fn is_page(&self) -> bool {
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
    pub fn into_plan(self) -> Plan {
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
    pub fn take_retained(&mut self) -> Vec<(String, u64)> {
        std::mem::take(&mut self.0.retained)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object gets other headers and keeps its bytes.
    pub fn changes_headers(&self) -> bool {
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

/// Compares the site with the objects in scope.
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

/// Counts the pages that are live. This looks at every name, so it is done only if the plan loses some.
fn count_pages(plan: &mut Plan, listing: &Listing, record: &Record, scope: &Scope<'_>) {
    for (key, object) in listing.objects.iter() {
        let is_left_out = plan.left_out.binary_search_by(|other| other.as_str().cmp(key)).is_ok();
        if scope.has(key) && !object.is_folder_marker(key) && !is_left_out {
            plan.pages.of += u64::from(was_page(key, record));
            plan.named_pages.of += u64::from(is_page_by_name(key));
        }
    }
}

/// Whether an object is a page according to its name or to the record. A forged record cannot turn a page into an
/// asset, because the name counts too. An object is also a page if neither an ending nor the record shows its type:
/// `blog/post-1`, if another tool deployed it, probably is one.
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
    // Reserve the memory at once: a list that grows in steps would leave holes behind, and much else is in memory now.
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

/// What the plan would do to the live home page.
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

/// Why a file must be written; `None` if its object is already right.
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
