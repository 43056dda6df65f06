//! The site of an earlier deploy, as far as the bucket still holds it: objects that are as the record of that deploy
//! describes them, and earlier versions of the others.
//!
//! The record has the ETag and the headers of each key. A version with that ETag has the right bytes, and the headers
//! are written anew, whatever the version's headers are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::Scope;
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::base::event::{Amount, Stage, Tell};
use crate::bucket::record::{Known, Record};
use crate::bucket::{Bucket, LARGEST_COPY, Listing, NO_VERSIONS, Version};
use crate::site::{File, Site, Source};

/// How many requests run at once.
const CONCURRENCY: usize = 64;

/// An earlier deploy, and those of its versions that were found so far. Versions never change.
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

/// Finds all objects of a deploy that are in scope, or fails with the first one that the bucket no longer holds.
/// `record` is the record of the deploy that is live now.
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
        // It no longer belonged to the site even then, and only stayed for a while.
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

/// The size of the current object, if it has the bytes that it had at that deploy.
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
