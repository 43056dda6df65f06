//! What a change does to multipart uploads and their parts, and where a query finds them.

use redb::ReadableTable;

use super::{PARTS, Snapshot, Tables, UPLOADS, decode, encode};
use crate::store::error::StoreError;
use crate::store::rows::{Part, Upload};

impl Tables<'_> {
    pub fn insert_upload(
        &mut self,
        bucket: &str,
        key: &str,
        id: u64,
        upload: &Upload,
    ) -> Result<(), StoreError> {
        self.require_bucket(bucket)?;
        self.uploads.insert((bucket, key, id), encode(upload)?.as_slice())?;
        Ok(())
    }

    pub fn upload(&self, bucket: &str, key: &str, id: u64) -> Result<Upload, StoreError> {
        self.require_bucket(bucket)?;
        let row = self.uploads.get((bucket, key, id))?.ok_or(StoreError::NoSuchUpload)?;
        decode(row.value())
    }

    pub fn replace_part(
        &mut self,
        upload: u64,
        number: u32,
        part: &Part,
    ) -> Result<(), StoreError> {
        let row = encode(part)?;
        let replaced = self
            .parts
            .insert((upload, number), row.as_slice())?
            .map(|row| decode(row.value()))
            .transpose()?;
        replaced.map_or(Ok(()), |part: Part| self.remove_chunks(&[part.segment()]))
    }

    /// All parts of an upload with their numbers, in order.
    pub fn parts(&self, upload: u64) -> Result<Vec<(u32, Part)>, StoreError> {
        parts_from(&self.parts, upload, 0)
    }

    /// Removes an upload and its parts, but not their chunks.
    pub fn remove_upload(&mut self, bucket: &str, key: &str, id: u64) -> Result<(), StoreError> {
        self.parts.retain_in((id, 0)..=(id, u32::MAX), |_, _| false)?;
        self.uploads.remove((bucket, key, id))?;
        Ok(())
    }
}

impl Snapshot {
    /// The parts of an upload after `marker`.
    pub fn parts(
        &self,
        bucket: &str,
        key: &str,
        upload: u64,
        marker: u32,
    ) -> Result<Vec<(u32, Part)>, StoreError> {
        self.bucket(bucket)?;
        let uploads = self.0.open_table(UPLOADS)?;
        uploads.get((bucket, key, upload))?.ok_or(StoreError::NoSuchUpload)?;
        parts_from(&self.0.open_table(PARTS)?, upload, marker.saturating_add(1))
    }

    /// The unfinished uploads of a bucket after `marker`, each with its key and id, in that order.
    pub fn uploads(
        &self,
        bucket: &str,
        prefix: &str,
        marker: (&str, u64),
        limit: usize,
    ) -> Result<Vec<(String, u64, Upload)>, StoreError> {
        self.bucket(bucket)?;
        let table = self.0.open_table(UPLOADS)?;
        let (key, id) = marker.max((prefix, 0));
        let mut uploads = Vec::new();
        for row in table.range((bucket, key, id.saturating_add(1))..)?.take(limit) {
            let (row_key, upload) = row?;
            let (row_bucket, key, id) = row_key.value();
            if row_bucket != bucket || !key.starts_with(prefix) {
                break;
            }
            uploads.push((key.to_owned(), id, decode(upload.value())?));
        }
        Ok(uploads)
    }
}

fn parts_from(
    parts: &impl ReadableTable<(u64, u32), &'static [u8]>,
    upload: u64,
    from: u32,
) -> Result<Vec<(u32, Part)>, StoreError> {
    let rows = parts.range((upload, from)..=(upload, u32::MAX))?;
    rows.map(|row| {
        let (key, part) = row?;
        Ok((key.value().1, decode(part.value())?))
    })
    .collect()
}
