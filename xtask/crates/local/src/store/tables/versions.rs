//! What a change does to the versions of a key, and where a query finds them.
//!
//! The current object is in `objects`. `versions` has everything else: earlier objects, and delete markers, whether
//! current or not. So a key that has versions but no object was deleted, and its newest version is a delete marker. An
//! object is in exactly one of the two tables. When its row is gone from both, its chunks go too.
//!
//! A version of this tool from before versioning may have written to the file in between, as if `versions` did not
//! exist. What it left is read like this. An object without a number is the newest version, whatever else exists. A key
//! without an object counts as deleted, even if its newest version is an object.

use redb::ReadableTable;

use super::{Snapshot, Tables, VERSIONS, decode, encode};
use crate::store::error::StoreError;
use crate::store::rows::{Bucket, Entry, Listed, Object};
use crate::store::versions::{Deleted, Marker, Version, VersionId, Versioning};

/// No key has more noncurrent versions than this, delete markers included; the oldest are removed first. It stands in
/// for a lifecycle rule with `NewerNoncurrentVersions`. A bucket in an account needs such a rule too, or it grows for
/// ever.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>
const MOST_NONCURRENT: usize = 10;

/// The key in `META` of the last sequence number that a version got. It is stored so that it never has to be searched
/// for among the objects, and so that no version gets the id of a removed one.
const LAST_VERSION: &str = "version";

impl Tables<'_> {
    pub fn set_versioning(
        &mut self,
        bucket: &str,
        versioning: Versioning,
    ) -> Result<(), StoreError> {
        let mut row = self.bucket(bucket)?;
        row.versioning = Some(versioning);
        self.buckets.insert(bucket, encode(&row)?.as_slice())?;
        Ok(())
    }

    /// Makes an object the key's current one, and returns it with its version.
    pub fn put_object(
        &mut self,
        bucket: &str,
        key: &str,
        mut object: Object,
    ) -> Result<Object, StoreError> {
        match self.bucket(bucket)?.versioning {
            None => self.remove_object(bucket, key)?,
            Some(versioning) => object.version = Some(self.make_way(bucket, key, versioning)?),
        }
        self.objects.insert((bucket, key), encode(&object)?.as_slice())?;
        Ok(object)
    }

    /// Deletes a key, or removes one version of it for good. It is no error if either is already gone.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html>
    pub fn delete(
        &mut self,
        bucket: &str,
        key: &str,
        version: Option<VersionId>,
        modified: u64,
    ) -> Result<Deleted, StoreError> {
        match (version, self.bucket(bucket)?.versioning) {
            (None, None) => self.remove_object(bucket, key).map(|()| Deleted::default()),
            (None, Some(versioning)) => {
                let version = self.make_way(bucket, key, versioning)?;
                self.insert_version(bucket, key, &Entry::Marker(Marker { version, modified }))?;
                Ok(Deleted { version: Some(version.id()), marker: true })
            }
            (Some(id), versioning) => {
                let marker = self.remove_version(bucket, key, id)?;
                Ok(Deleted { version: versioning.map(|_| id), marker })
            }
        }
    }

    /// Whether a bucket has versions other than current objects. The bucket need not exist.
    pub fn has_versions(&self, bucket: &str) -> Result<bool, StoreError> {
        let version = self.versions.range((bucket, "", 0)..)?.next().transpose()?;
        Ok(version.is_some_and(|(key, _)| key.value().0 == bucket))
    }

    /// Removes the versions that stayed behind when a tool from before versioning removed the bucket.
    pub fn remove_leftovers(&mut self, bucket: &str) -> Result<(), StoreError> {
        let mut left = Vec::new();
        for row in self.versions.range((bucket, "", 0)..)? {
            let (row_key, entry) = row?;
            let (row_bucket, key, _) = row_key.value();
            if row_bucket != bucket {
                break;
            }
            left.push((key.to_owned(), decode(entry.value())?));
        }
        left.iter().try_for_each(|(key, entry)| self.remove_entry(bucket, key, entry))
    }

    /// Makes the current version noncurrent, and returns the version of its replacement.
    fn make_way(
        &mut self,
        bucket: &str,
        key: &str,
        versioning: Versioning,
    ) -> Result<Version, StoreError> {
        let null = versioning == Versioning::Suspended;
        if null {
            self.remove_null(bucket, key)?;
        }
        self.retire_current(bucket, key)?;
        self.expire(bucket, key)?;
        Ok(Version { sequence: self.next_sequence()?, null })
    }

    /// Moves the current object, if there is one, to the versions.
    fn retire_current(&mut self, bucket: &str, key: &str) -> Result<(), StoreError> {
        let Some(mut object) = self.object(bucket, key)? else { return Ok(()) };
        if object.version.is_none() {
            // An earlier `null` version exists only if a tool from before versioning replaced an object.
            self.remove_earlier_null(bucket, key)?;
            object.version = Some(Version { sequence: self.next_sequence()?, null: true });
        }
        self.objects.remove((bucket, key))?;
        self.insert_version(bucket, key, &Entry::Object(object))
    }

    /// Moves the newest version back to the objects, unless it is a delete marker.
    fn promote_newest(&mut self, bucket: &str, key: &str) -> Result<(), StoreError> {
        let newest = entries(&self.versions, bucket, key)?.into_iter().next();
        let Some(Entry::Object(object)) = newest else { return Ok(()) };
        self.objects.insert((bucket, key), encode(&object)?.as_slice())?;
        self.versions.remove((bucket, key, place(&Entry::Object(object))))?;
        Ok(())
    }

    /// Removes the oldest versions if there are too many. Call it when all versions are noncurrent.
    fn expire(&mut self, bucket: &str, key: &str) -> Result<(), StoreError> {
        let mut expired: Vec<Entry> = Vec::new();
        for row in self.versions.range(all_of(bucket, key))?.skip(MOST_NONCURRENT) {
            expired.push(decode(row?.1.value())?);
        }
        expired.iter().try_for_each(|entry| self.remove_entry(bucket, key, entry))
    }

    /// Removes a version for good; the newest of the rest becomes current. Returns whether it was a delete marker.
    fn remove_version(
        &mut self,
        bucket: &str,
        key: &str,
        id: VersionId,
    ) -> Result<bool, StoreError> {
        let current = self.object(bucket, key)?.map(Entry::Object);
        if current.as_ref().is_some_and(|object| object.version().id() == id) {
            self.remove_object(bucket, key)?;
            self.promote_newest(bucket, key)?;
            return Ok(false);
        }
        let entries = entries(&self.versions, bucket, key)?;
        let Some(at) = entries.iter().position(|entry| entry.version().id() == id) else {
            return Ok(false);
        };
        let entry = &entries[at];
        self.remove_entry(bucket, key, entry)?;
        if entry.is_marker() && at == 0 && current.is_none() {
            self.promote_newest(bucket, key)?;
        }
        Ok(entry.is_marker())
    }

    /// Removes the `null` version: a write replaces it while versioning is suspended.
    fn remove_null(&mut self, bucket: &str, key: &str) -> Result<(), StoreError> {
        let current = self.object(bucket, key)?.map(Entry::Object);
        if current.is_some_and(|object| object.version().null) {
            self.remove_object(bucket, key)?;
        }
        self.remove_earlier_null(bucket, key)
    }

    fn remove_earlier_null(&mut self, bucket: &str, key: &str) -> Result<(), StoreError> {
        let entries = entries(&self.versions, bucket, key)?;
        let mut nulls = entries.iter().filter(|entry| entry.version().null);
        nulls.try_for_each(|entry| self.remove_entry(bucket, key, entry))
    }

    fn insert_version(&mut self, bucket: &str, key: &str, entry: &Entry) -> Result<(), StoreError> {
        self.versions.insert((bucket, key, place(entry)), encode(entry)?.as_slice())?;
        Ok(())
    }

    /// Removes a row of `versions` and its chunks.
    fn remove_entry(&mut self, bucket: &str, key: &str, entry: &Entry) -> Result<(), StoreError> {
        self.versions.remove((bucket, key, place(entry)))?;
        match entry {
            Entry::Object(object) => self.remove_chunks(&object.segments),
            Entry::Marker(_) => Ok(()),
        }
    }

    fn next_sequence(&mut self) -> Result<u64, StoreError> {
        let next = self.meta.get(LAST_VERSION)?.map_or(0, |last| last.value()) + 1;
        self.meta.insert(LAST_VERSION, next)?;
        Ok(next)
    }
}

impl Snapshot {
    /// The current object of a key, or the given version.
    pub fn object(
        &self,
        bucket: &str,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<Object, StoreError> {
        let row = self.bucket(bucket)?;
        let Some(id) = version else { return self.current(bucket, &row, key) };
        let mut versions = self.versions(bucket, &row, key)?.into_iter().map(|listed| listed.entry);
        match versions.find(|entry| entry.version().id() == id) {
            Some(Entry::Object(object)) => Ok(object),
            Some(Entry::Marker(marker)) => Err(StoreError::IsMarker(marker)),
            None => Err(StoreError::NoSuchVersion),
        }
    }

    /// All versions of a key, the newest first.
    pub fn versions(
        &self,
        bucket: &str,
        row: &Bucket,
        key: &str,
    ) -> Result<Vec<Listed>, StoreError> {
        let current = self.objects()?.get((bucket, key))?;
        let current = current.map(|object| row.decode(object.value())).transpose()?;
        let is_deleted = current.is_none();
        let others = entries(&self.0.open_table(VERSIONS)?, bucket, key)?;
        let listed = |(at, entry): (usize, Entry)| Listed {
            key: key.to_owned(),
            latest: at == 0 && is_deleted == entry.is_marker(),
            entry,
        };
        Ok(current.map(Entry::Object).into_iter().chain(others).enumerate().map(listed).collect())
    }

    /// The least key, from `from` on, that has any version.
    pub fn versioned_key(&self, bucket: &str, from: &str) -> Result<Option<String>, StoreError> {
        let object = self.objects()?.range((bucket, from)..)?.next().transpose()?;
        let version =
            self.0.open_table(VERSIONS)?.range((bucket, from, 0)..)?.next().transpose()?;
        let object = object.as_ref().map(|(key, _)| key.value());
        let version = version.as_ref().map(|(key, _)| (key.value().0, key.value().1));
        let keys = object.into_iter().chain(version).filter(|(found, _)| *found == bucket);
        Ok(keys.map(|(_, key)| key.to_owned()).min())
    }

    fn current(&self, bucket: &str, row: &Bucket, key: &str) -> Result<Object, StoreError> {
        if let Some(object) = self.objects()?.get((bucket, key))? {
            return row.decode(object.value());
        }
        let newest = entries(&self.0.open_table(VERSIONS)?, bucket, key)?.into_iter().next();
        Err(match newest {
            Some(Entry::Marker(marker)) => StoreError::Deleted(marker),
            _ => StoreError::NoSuchKey,
        })
    }
}

impl Bucket {
    /// Reads a current object of this bucket. An object from before versioning becomes a version like any other once
    /// the bucket has versioning.
    pub(in crate::store) fn decode(&self, row: &[u8]) -> Result<Object, StoreError> {
        let object: Object = decode(row)?;
        let otherwise = self.versioning.map(|_| Version::UNNUMBERED);
        Ok(Object { version: object.version.or(otherwise), ..object })
    }
}

/// The rows of a key in `versions`, the newest first.
fn entries(
    versions: &impl ReadableTable<(&'static str, &'static str, u64), &'static [u8]>,
    bucket: &str,
    key: &str,
) -> Result<Vec<Entry>, StoreError> {
    versions.range(all_of(bucket, key))?.map(|row| decode(row?.1.value())).collect()
}

fn all_of<'k>(bucket: &'k str, key: &'k str) -> std::ops::RangeInclusive<(&'k str, &'k str, u64)> {
    (bucket, key, 0)..=(bucket, key, u64::MAX)
}

/// The last part of a version's key in the table. The greater it is, the older the version.
fn place(entry: &Entry) -> u64 {
    u64::MAX - entry.version().sequence
}
