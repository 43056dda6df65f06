//! A page of a bucket's keys, made of range reads. The cost depends on the page alone, not on the size of the bucket or
//! on how many keys share a common prefix.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>

mod versions;

use super::error::StoreError;
use super::rows::Object;
use super::tables::Snapshot;

pub use versions::{VersionListing, VersionPage};

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Only keys that begin with this.
    pub prefix: String,
    /// Keys that contain this after the prefix are grouped under one common prefix. If it is empty, none are.
    pub delimiter: String,
    /// Only entries after this key. If this is a common prefix, only entries after all of its keys. So the last entry
    /// of a page, key or prefix, continues the listing.
    pub after: String,
    /// The most objects and common prefixes to return.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Page {
    /// Keys with their objects, in order.
    pub objects: Vec<(String, Object)>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// If there is more: the last entry of this page, from which to continue.
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

    /// The least key that may be listed, or `None` if there can be none.
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

/// The least text that sorts after everything that begins with `prefix`, if there is one.
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
