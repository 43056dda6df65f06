//! Site × listing × record: what changes, and why. A plan is a value: pure to make, printed before it is
//! done, and done only once it was approved.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::bucket::{Delete, Listing};
use crate::config::Config;
use crate::etag::Etag;
use crate::headers;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::site::{File, Site, Source};
use crate::target::Target;
use crate::words::count;

#[derive(Debug, Default)]
pub struct Plan {
    /// In the order of their keys.
    pub uploads: Vec<Upload>,
    /// In the order of their keys.
    pub deletes: Vec<Delete>,
    /// Objects that are no longer the site's and stay for a while, in the order of their keys, and since when.
    pub retained: Vec<(String, u64)>,
    /// Files whose objects are right already.
    pub unchanged: u64,
    /// Objects that a `keep` glob or another environment's prefix protects.
    pub kept: u64,
    /// Objects under the prefix now, `keep` aside.
    pub listed: u64,
}

#[derive(Debug)]
pub struct Upload {
    pub file: Arc<File>,
    pub reason: Reason,
    /// The ETag of the listed object that it is written over.
    pub replaces: Option<Etag>,
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
    /// The bytes that are to leave this machine: none where the store can copy what it has.
    pub fn bytes_to_send(&self) -> u64 {
        match (self.reason, &self.file.source) {
            (Reason::New | Reason::Content, Source::Disk(_)) => self.file.size,
            _ => 0,
        }
    }
}

impl Plan {
    /// Whether an object that is there is to be written over or copied.
    pub fn overwrites(&self, key: &str) -> bool {
        let found = self.uploads.binary_search_by(|upload| (*upload.file.key).cmp(key));
        found.is_ok_and(|at| self.uploads[at].replaces.is_some())
    }
}

/// A plan that may be done.
#[derive(Debug)]
pub struct Approved(Plan);

impl Approved {
    pub fn into_plan(self) -> Plan {
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
    pub fn take_retained(&mut self) -> Vec<(String, u64)> {
        std::mem::take(&mut self.0.retained)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an object is to get other headers to the same bytes.
    pub fn changes_headers(&self) -> bool {
        self.0.uploads.iter().any(|upload| upload.reason == Reason::Headers)
    }
}

/// Whether a key belongs to others: by `keep`, as another environment's or another deploy's folder, or by
/// standing outside of the prefix. `others` are the folders of other deploys that the listing shows.
pub fn is_kept(config: &Config, target: &Target, others: &[String], key: &str) -> bool {
    let Some(relative) = target.prefix.relative(key) else { return true };
    config.keeps(relative)
        || target.reserved.iter().any(|folder| key.starts_with(folder.as_str()))
        || others.iter().any(|folder| key.starts_with(folder.as_str()))
}

/// How long assets stay that are no longer the site's, for readers of the pages that named them.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    pub retain: Duration,
    /// In seconds since 1970.
    pub now: u64,
}

impl Grace {
    /// Since when an object that is no longer the site's has stayed; `None` where it is to go.
    fn since(&self, key: &str, record: &Record) -> Option<u64> {
        if headers::is_page(key, &headers::content_type(key)) {
            return None;
        }
        let since = record.retained.get(key).map_or(self.now, |since| self.now.min(*since));
        (self.now - since < self.retain.as_secs()).then_some(since)
    }
}

/// Compares the site with what the bucket holds. `kept` tells the keys that belong to others, which are
/// not the site's.
pub fn make(
    site: Site,
    listing: &Listing,
    record: &Record,
    grace: Grace,
    kept: &dyn Fn(&str) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    let mut files = site.files.iter().map(|file| &*file.key).peekable();
    for (key, object) in listing.objects.iter() {
        if kept(key) {
            plan.kept += 1;
            continue;
        }
        plan.listed += 1;
        while files.next_if(|file| *file < key).is_some() {}
        if files.peek() == Some(&key) {
            continue;
        }
        if let Some(since) = grace.since(key, record) {
            plan.retained.push((key.to_owned(), since));
        } else {
            plan.deletes.push(Delete { key: key.to_string(), etag: object.etag.clone() });
        }
    }
    // A list that grows while this much is in memory leaves its former places behind as holes.
    plan.uploads.reserve_exact(site.files.len());
    for file in site.files {
        match reason(&file, listing, record) {
            Some(reason) => {
                let replaces = listing.objects.get(&file.key).map(|object| object.etag.clone());
                plan.uploads.push(Upload { file, reason, replaces });
            }
            None => plan.unchanged += 1,
        }
    }
    plan
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

/// Up to this many deletes are never too many by default.
const FEW_DELETES: u64 = 20;

/// Nor is up to this share of the objects, in percent.
const SMALL_SHARE: u64 = 25;

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.uploads.is_empty() && self.deletes.is_empty()
    }

    /// Refuses a plan that would empty the bucket, or that deletes more than the limit: `limit` objects
    /// where it was given, else more than 25 % of the objects and more than 20 of them.
    pub fn approve(self, limit: Option<u64>) -> Result<Approved, Refusal> {
        match self.refusal(limit) {
            Some(refusal) => Err(refusal),
            None => Ok(Approved(self)),
        }
    }

    /// Why this plan would not be approved.
    pub fn refusal(&self, limit: Option<u64>) -> Option<Refusal> {
        if self.uploads.is_empty() && self.unchanged == 0 {
            return Some(Refusal::new(
                "empty-site",
                "the site has no files to deploy, so a deploy would only delete",
                "look at what the build printed, and at `output` of [build] in deploy.toml",
            ));
        }
        let deletes = self.deletes.len() as u64;
        let too_many = match limit {
            Some(limit) => deletes > limit,
            None => deletes > FEW_DELETES && deletes * 100 > self.listed * SMALL_SHARE,
        };
        let bound = match limit {
            Some(limit) => format!("the limit is {limit}"),
            None => {
                format!("the limit is {FEW_DELETES}, or {SMALL_SHARE} % of them if that is more")
            }
        };
        too_many.then(|| {
            Refusal::new(
                "too-many-deletes",
                format!("this would delete {deletes} of {}, and {bound}", count(self.listed, "object")),
                format!("look at them with --dry-run; if they are to go: cargo xtask deploy --max-deletes {deletes}"),
            )
        })
    }
}

#[cfg(test)]
mod tests;
