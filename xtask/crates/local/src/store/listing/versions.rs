//! A page of the versions of a bucket's keys: each key's current object and what it held before. As
//! with objects, the cost of a page is the page: each key costs a few reads, and no key has many
//! versions.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>

use super::{Listing, following};
use crate::store::tables::Snapshot;
use crate::store::versions::{Listed, VersionId};
use crate::store::{Bucket, StoreError};

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct VersionListing {
    /// Of which keys. `limit` counts versions and common prefixes.
    pub keys: Listing,
    /// Also what comes after this version of the key `keys.after`.
    pub after: Option<VersionId>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct VersionPage {
    /// By key, and of each key the newest first.
    pub versions: Vec<Listed>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// If there is more: the last entry of this page, from where to go on. A common prefix has no
    /// version.
    pub next: Option<(String, Option<VersionId>)>,
}

impl VersionListing {
    pub(in crate::store) fn read(
        &self,
        snapshot: &Snapshot,
        bucket: &str,
    ) -> Result<VersionPage, StoreError> {
        let row = snapshot.bucket(bucket)?;
        let mut page = VersionPage::default();
        let mut last = None;
        let mut start = self.start();
        while let Some(from) = start.take() {
            let Some(key) = snapshot.versioned_key(bucket, &from)? else { break };
            if !key.starts_with(&self.keys.prefix) {
                break;
            }
            let prefix = self.keys.common_prefix(&key);
            let found = self.versions(snapshot, bucket, &row, &key)?;
            start = prefix.map_or(Some(format!("{key}\0")), following);
            for listed in found {
                if page.versions.len() + page.prefixes.len() == self.keys.limit {
                    page.next = last;
                    return Ok(page);
                }
                if let Some(prefix) = prefix {
                    page.prefixes.push(prefix.to_owned());
                    last = Some((prefix.to_owned(), None));
                    break;
                }
                last = Some((key.clone(), Some(listed.entry.version().id())));
                page.versions.push(listed);
            }
        }
        Ok(page)
    }

    /// The least key of which a version may be listed, if there can be one.
    fn start(&self) -> Option<String> {
        match self.after {
            Some(_) if self.keys.after >= self.keys.prefix => Some(self.keys.after.clone()),
            _ => self.keys.start(),
        }
    }

    /// The versions of a key, and of the marker's key only those after the marker.
    fn versions(
        &self,
        snapshot: &Snapshot,
        bucket: &str,
        row: &Bucket,
        key: &str,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut versions = snapshot.versions(bucket, row, key)?;
        if let Some(marker) = self.after.filter(|_| key == self.keys.after) {
            versions.drain(..places_before(&versions, marker));
        }
        Ok(versions)
    }
}

/// How many of a key's versions a page has shown that ended with this one. It may be gone by now: of
/// `null` nothing tells then where it was, and it is better to show a version twice than never.
fn places_before(versions: &[Listed], marker: VersionId) -> usize {
    let mut ids = versions.iter().map(|listed| listed.entry.version().id());
    match (ids.position(|id| id == marker), marker) {
        (Some(at), _) => at + 1,
        (None, VersionId::Given(sequence)) => {
            versions.partition_point(|listed| listed.entry.version().sequence > sequence)
        }
        (None, VersionId::Null) => 0,
    }
}
