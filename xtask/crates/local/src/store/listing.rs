//! A page of a bucket's keys, by range reads: the cost of a page is the page, whatever the size of
//! the bucket and however many keys hide behind a common prefix.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>

mod versions;

use super::tables::Snapshot;
use super::{Object, StoreError};

pub use versions::{VersionListing, VersionPage};

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys that have this after the prefix are rolled up into one common prefix. Empty: none are.
    pub delimiter: String,
    /// Only what comes after this key. Where it is itself a common prefix, after all its keys: so
    /// the last entry of a page, whatever it was, continues the listing.
    pub after: String,
    /// How many objects and common prefixes at most.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Page {
    /// Keys and what they hold, in order.
    pub objects: Vec<(String, Object)>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// If there is more: the last entry of this page, from where to go on.
    pub next: Option<String>,
}

impl Listing {
    pub(super) fn read(&self, snapshot: &Snapshot, bucket: &str) -> Result<Page, StoreError> {
        let row = snapshot.bucket(bucket)?;
        let objects = snapshot.objects()?;
        let mut page = Page::default();
        let mut last = None;
        let mut start = self.start();
        'seek: while let Some(from) = start.take() {
            for found in objects.range((bucket, from.as_str())..)? {
                let (row_key, object) = found?;
                let (row_bucket, key) = row_key.value();
                if row_bucket != bucket || !key.starts_with(&self.prefix) {
                    break;
                }
                if page.objects.len() + page.prefixes.len() == self.limit {
                    page.next = last;
                    break 'seek;
                }
                if let Some(prefix) = self.common_prefix(key) {
                    page.prefixes.push(prefix.to_owned());
                    last = Some(prefix.to_owned());
                    start = following(prefix);
                    break;
                }
                page.objects.push((key.to_owned(), row.decode(object.value())?));
                last = Some(key.to_owned());
            }
        }
        Ok(page)
    }

    /// The least key that may be listed, if there can be one.
    fn start(&self) -> Option<String> {
        match self.common_prefix(&self.after) {
            _ if self.after < self.prefix || self.after.is_empty() => Some(self.prefix.clone()),
            Some(prefix) if prefix == self.after => following(prefix),
            _ => Some(format!("{}\0", self.after)),
        }
    }

    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = key.strip_prefix(self.prefix.as_str())?;
        let end = rest.find(&self.delimiter)? + self.delimiter.len();
        key.get(..self.prefix.len() + end)
    }
}

/// The least text that comes after everything that begins with `prefix`, if there is one.
fn following(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}
