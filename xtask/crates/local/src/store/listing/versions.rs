//! A page of the versions of a bucket's keys: each key's current object and its earlier versions. As with objects, the
//! cost depends on the page alone: each key costs a few reads, and no key has many versions.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>

use super::{Listing, following};
use crate::store::error::StoreError;
use crate::store::rows::{Bucket, Listed};
use crate::store::tables::Snapshot;
use crate::store::versions::VersionId;

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct VersionListing {
    /// Which keys. `limit` counts versions and common prefixes.
    pub keys: Listing,
    /// If set, also list the versions of the key `keys.after` that come after this one.
    pub after: Option<VersionId>,
}

/// What was found.
#[derive(Debug, Default)]
pub struct VersionPage {
    /// Ordered by key, and the newest version of each key first.
    pub versions: Vec<Listed>,
    /// Common prefixes, in order.
    pub prefixes: Vec<String>,
    /// If there is more: the last entry of this page, from which to continue. A common prefix has no version.
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

    /// The least key whose versions may be listed, or `None` if there can be none.
    fn start(&self) -> Option<String> {
        match self.after {
            Some(_) if self.keys.after >= self.keys.prefix => Some(self.keys.after.clone()),
            _ => self.keys.start(),
        }
    }

    /// The versions of a key. For the marker's key, only those after the marker.
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

/// How many of a key's versions were on the earlier pages, if the last one they showed was `marker`. It may have been
/// removed since. Nothing tells where a removed `null` version was, so start from the first: it is better to show a
/// version twice than never.
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
