//! The site of an earlier deploy, from what the bucket still holds: by the record of that deploy, objects that
//! are as they were then, and versions of those that are not.
//!
//! The record says which bytes a key had, by its ETag, and which headers. So a version need only have that
//! ETag, and the headers are restated whatever those of the version are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Scope;
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::base::event::{Amount, Stage, Tell};
use crate::bucket::record::{Known, Record};
use crate::bucket::{Bucket, LARGEST_COPY, Listing, NO_VERSIONS, Version};
use crate::site::{File, Site, Source};

/// Requests under way at once.
const CONCURRENCY: usize = 64;

/// An earlier deploy, and the versions that were found of what it wrote: they do not change.
pub struct Earlier {
    pub record: Record,
    versions: Mutex<BTreeMap<String, Version>>,
}

impl Earlier {
    pub fn of(record: Record) -> Earlier {
        Earlier { record, versions: Mutex::default() }
    }

    fn is_found(&self, key: &str) -> bool {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key)
    }

    async fn version(&self, bucket: &Bucket, key: &str, etag: &Etag) -> Result<Version, Failure> {
        let known = || self.versions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = known().get(key) {
            return Ok(version.clone());
        }
        let version = bucket.version(key, etag).await?;
        let version = version.filter(|version| version.size <= LARGEST_COPY);
        let version = version.ok_or_else(|| lost(key))?;
        known().insert(key.to_owned(), version.clone());
        Ok(version)
    }
}

/// Finds all of a deploy's objects that are in scope, or fails with the first one that the bucket no longer holds.
/// `record` is what is known of the bucket as it is listed.
pub async fn site_of(
    bucket: &Bucket,
    earlier: &Earlier,
    listing: &Listing,
    record: &Record,
    scope: &Scope<'_>,
    tell: &Tell,
) -> Result<Site, Failure> {
    use futures_util::{StreamExt, TryStreamExt, stream};
    let mut site = Site::default();
    let mut changed = Vec::new();
    for (key, known) in earlier.record.objects.iter() {
        // What was on its way out then was no longer the site's.
        if !scope.has(key) || earlier.record.retained.get(key).is_some() {
            continue;
        }
        match present(key, known, listing, record) {
            Some(size) => site.files.push(file(key, known, size, None)),
            None => changed.push((key, known)),
        }
    }
    if changed.is_empty() {
        return Ok(site);
    }
    let asked_about = changed.iter().filter(|(key, _)| !earlier.is_found(key)).count();
    if asked_about > 0 {
        tell.began(Stage::Check, Amount::items(asked_about as u64));
    }
    let asked = stream::iter(changed).map(|(key, known)| async move {
        earlier.version(bucket, key, &known.etag).await.map(|version| (key, known, version))
    });
    let found = asked.buffer_unordered(CONCURRENCY).try_collect::<Vec<_>>().await;
    tell.ended(Stage::Check, Amount::default());
    for (key, known, version) in found? {
        if !record.is_possible(known, version.size) {
            return Err(lost(key));
        }
        site.files.push(file(key, known, version.size, Some(version.id.into())));
    }
    site.files.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(site)
}

fn lost(key: &str) -> Failure {
    let mut failure = failed(NO_VERSIONS);
    failure.causes.push(format!("no version of `{key}` from that deploy is left"));
    failure
}

/// The size of an object whose bytes are those of then.
fn present(key: &str, known: &Known, listing: &Listing, record: &Record) -> Option<u64> {
    let object = listing.objects.get(key)?;
    let is_same = (object.etag == known.etag && record.is_possible(known, object.size))
        || record.md5_of(key, object) == Some(known.md5);
    is_same.then_some(object.size)
}

fn file(key: &str, known: &Known, size: u64, version: Option<Box<str>>) -> Arc<File> {
    Arc::new(File {
        key: key.into(),
        source: Source::Bucket { version },
        size,
        digest: known.digest(),
        headers: known.headers.clone(),
    })
}
