//! Compares the site with the bucket: which files must be written, which objects are deleted, and which stay.

use super::{Home, Loss, Plan, Reason, Scope, Share, Terms, Upload, blank, hashed};
use crate::base::headers::{self, is_page};
use crate::bucket::record::Record;
use crate::bucket::{Delete, Listing};
use crate::site::{File, Site};

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
