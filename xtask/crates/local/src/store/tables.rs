//! The tables of the database, what a change may do to them and what a query may ask.
//!
//! Rows are JSON: they are small, a person can read them, and a field can be added without a new format.

mod uploads;
mod versions;

use std::path::Path;

use redb::{
    Database, Durability, ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition,
    WriteTransaction,
};
use serde::{Serialize, de::DeserializeOwned};

use super::error::StoreError;
use super::rows::{Bucket, Object, Segment};

/// The version of the file's format, which `open` finds in `meta` under `format`. A tool refuses a file whose format is
/// newer than its own.
///
/// Versioning added a table and fields, but not a new format, because an older tool that does not know them does no
/// harm to such a file. It keeps no version of an object that it replaces or deletes. But it takes no chunk away from a
/// version: each chunk has one owner, and the tool gives out ids above the last chunk, no matter which row owns that
/// chunk. And what it writes has a meaning here. See [`versions`].
const FORMAT: u64 = 1;

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const BUCKETS: TableDefinition<&str, &[u8]> = TableDefinition::new("buckets");
/// Bucket and key. Text is ordered by its UTF-8 bytes, as S3 orders keys.
const OBJECTS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("objects");
/// Bucket, key and age, the newest first: every version that is not a current object.
const VERSIONS: TableDefinition<(&str, &str, u64), &[u8]> = TableDefinition::new("versions");
/// Blob and number of the chunk.
const CHUNKS: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("chunks");
/// Blobs whose chunks nothing refers to yet.
const UNFINISHED: TableDefinition<u64, ()> = TableDefinition::new("unfinished");
/// Bucket, key and upload.
const UPLOADS: TableDefinition<(&str, &str, u64), &[u8]> = TableDefinition::new("uploads");
/// Upload and part number.
const PARTS: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("parts");

/// The chunks at one moment.
pub type Chunks = ReadOnlyTable<(u64, u32), &'static [u8]>;
/// The objects at one moment.
pub type Objects = ReadOnlyTable<(&'static str, &'static str), &'static [u8]>;

/// Creates the tables, checks the format and removes what a crash left half written. Returns an id that is greater than
/// any in use.
pub fn prepare(database: &Database, folder: &Path) -> Result<u64, StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    check_format(&transaction, folder)?;
    let mut tables = Tables::open(&transaction)?;
    tables.sweep()?;
    let next_id = tables.next_id()?;
    drop(tables);
    transaction.commit()?;
    Ok(next_id)
}

fn check_format(transaction: &WriteTransaction, folder: &Path) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(META)?;
    let format = meta.get("format")?.map_or(FORMAT, |format| format.value());
    if format > FORMAT {
        return Err(StoreError::Newer { path: folder.to_owned(), format });
    }
    meta.insert("format", FORMAT)?;
    Ok(())
}

/// All tables, within a writing transaction.
///
/// A change first reads and refuses, and writes only then. A change that refuses has written nothing, so it can share
/// its transaction with others.
pub struct Tables<'t> {
    meta: Table<'t, &'static str, u64>,
    buckets: Table<'t, &'static str, &'static [u8]>,
    objects: Table<'t, (&'static str, &'static str), &'static [u8]>,
    versions: Table<'t, (&'static str, &'static str, u64), &'static [u8]>,
    chunks: Table<'t, (u64, u32), &'static [u8]>,
    unfinished: Table<'t, u64, ()>,
    uploads: Table<'t, (&'static str, &'static str, u64), &'static [u8]>,
    parts: Table<'t, (u64, u32), &'static [u8]>,
}

impl<'t> Tables<'t> {
    pub fn open(transaction: &'t WriteTransaction) -> Result<Tables<'t>, StoreError> {
        Ok(Tables {
            meta: transaction.open_table(META)?,
            buckets: transaction.open_table(BUCKETS)?,
            objects: transaction.open_table(OBJECTS)?,
            versions: transaction.open_table(VERSIONS)?,
            chunks: transaction.open_table(CHUNKS)?,
            unfinished: transaction.open_table(UNFINISHED)?,
            uploads: transaction.open_table(UPLOADS)?,
            parts: transaction.open_table(PARTS)?,
        })
    }

    pub fn create_bucket(&mut self, bucket: &str, created: u64) -> Result<(), StoreError> {
        if self.buckets.get(bucket)?.is_some() {
            return Err(StoreError::BucketExists);
        }
        let row = encode(&Bucket { created, versioning: None })?;
        self.buckets.insert(bucket, row.as_slice())?;
        self.remove_leftovers(bucket)
    }

    pub fn delete_bucket(&mut self, bucket: &str) -> Result<(), StoreError> {
        self.require_bucket(bucket)?;
        let object = self.objects.range((bucket, "")..)?.next().transpose()?;
        let upload = self.uploads.range((bucket, "", 0)..)?.next().transpose()?;
        let has_object = object.is_some_and(|(key, _)| key.value().0 == bucket);
        let has_upload = upload.is_some_and(|(key, _)| key.value().0 == bucket);
        if has_object || has_upload || self.has_versions(bucket)? {
            return Err(StoreError::BucketNotEmpty);
        }
        self.buckets.remove(bucket)?;
        Ok(())
    }

    pub fn bucket(&self, bucket: &str) -> Result<Bucket, StoreError> {
        let row = self.buckets.get(bucket)?.ok_or(StoreError::NoSuchBucket)?;
        decode(row.value())
    }

    pub fn require_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        self.buckets.get(bucket)?.map(drop).ok_or(StoreError::NoSuchBucket)
    }

    /// The key's current object. The bucket must exist.
    pub fn current(&self, bucket: &str, key: &str) -> Result<Option<Object>, StoreError> {
        self.require_bucket(bucket)?;
        self.object(bucket, key)
    }

    fn object(&self, bucket: &str, key: &str) -> Result<Option<Object>, StoreError> {
        self.objects.get((bucket, key))?.map(|row| decode(row.value())).transpose()
    }

    fn remove_object(&mut self, bucket: &str, key: &str) -> Result<(), StoreError> {
        let removed =
            self.objects.remove((bucket, key))?.map(|row| decode(row.value())).transpose()?;
        removed.map_or(Ok(()), |object: Object| self.remove_chunks(&object.segments))
    }

    /// Adds a chunk to a blob that nothing refers to yet.
    pub fn insert_chunk(&mut self, blob: u64, number: u32, chunk: &[u8]) -> Result<(), StoreError> {
        self.unfinished.insert(blob, ())?;
        self.chunks.insert((blob, number), chunk)?;
        Ok(())
    }

    /// Completes a blob that has `chunks` chunks so far, with the last one. Called in the change that makes an object
    /// or a part refer to it.
    pub fn keep(&mut self, blob: u64, chunks: u32, tail: &[u8]) -> Result<(), StoreError> {
        if !tail.is_empty() {
            self.chunks.insert((blob, chunks), tail)?;
        }
        if chunks > 0 {
            self.unfinished.remove(blob)?;
        }
        Ok(())
    }

    /// Removes a blob, unless something refers to it by now.
    pub fn discard(&mut self, blob: u64) -> Result<(), StoreError> {
        let unfinished = self.unfinished.remove(blob)?.is_some();
        if unfinished { self.remove_blob(blob) } else { Ok(()) }
    }

    pub fn remove_chunks(&mut self, segments: &[Segment]) -> Result<(), StoreError> {
        segments.iter().try_for_each(|segment| self.remove_blob(segment.blob))
    }

    fn remove_blob(&mut self, blob: u64) -> Result<(), StoreError> {
        Ok(self.chunks.retain_in((blob, 0)..=(blob, u32::MAX), |_, _| false)?)
    }

    fn sweep(&mut self) -> Result<(), StoreError> {
        let blobs = self
            .unfinished
            .iter()?
            .map(|row| Ok(row?.0.value()))
            .collect::<Result<Vec<u64>, StoreError>>()?;
        blobs.into_iter().try_for_each(|blob| self.discard(blob))
    }

    fn next_id(&self) -> Result<u64, StoreError> {
        let mut last = self.chunks.last()?.map_or(0, |(key, _)| key.value().0);
        for row in self.uploads.iter()? {
            last = last.max(row?.0.value().2);
        }
        Ok(last + 1)
    }
}

/// All tables at one moment.
pub struct Snapshot(pub ReadTransaction);

impl Snapshot {
    pub fn buckets(&self) -> Result<Vec<(String, Bucket)>, StoreError> {
        let table = self.0.open_table(BUCKETS)?;
        let rows = table.iter()?;
        rows.map(|row| {
            let (name, bucket) = row?;
            Ok((name.value().to_owned(), decode(bucket.value())?))
        })
        .collect()
    }

    pub fn bucket(&self, bucket: &str) -> Result<Bucket, StoreError> {
        let row = self.0.open_table(BUCKETS)?.get(bucket)?.ok_or(StoreError::NoSuchBucket)?;
        decode(row.value())
    }

    pub fn objects(&self) -> Result<Objects, StoreError> {
        Ok(self.0.open_table(OBJECTS)?)
    }

    pub fn chunks(&self) -> Result<Chunks, StoreError> {
        Ok(self.0.open_table(CHUNKS)?)
    }
}

pub fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, StoreError> {
    Ok(serde_json::from_slice(row)?)
}

fn encode<T: Serialize>(row: &T) -> Result<Vec<u8>, StoreError> {
    Ok(serde_json::to_vec(row)?)
}
