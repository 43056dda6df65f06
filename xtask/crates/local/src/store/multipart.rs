//! Multipart uploads: parts arrive in any order, possibly twice, and become an object all at once.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::collections::BTreeMap;

use md5::{Digest, Md5};

use super::rows::{Headers, Object, Part, Segment, Upload};
use super::tables::Tables;
use super::{Etags, Incoming, Precondition, Store, StoreError, now};

/// The least size that S3 accepts for every part except the last, in bytes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const LEAST_PART: u64 = 5 << 20;

/// A part as the client lists it when it completes an upload.
#[derive(Clone, Debug)]
pub struct CompletedPart {
    pub number: u32,
    /// Without quotes.
    pub etag: String,
}

impl Store {
    /// Begins a multipart upload and returns its id.
    pub async fn create_upload(
        &self,
        bucket: &str,
        key: &str,
        headers: Headers,
    ) -> Result<u64, StoreError> {
        let id = self.new_id();
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let upload = Upload { headers, initiated: now() };
        self.write(move |tables| tables.insert_upload(&bucket, &key, id, &upload)).await?;
        Ok(id)
    }

    /// Stores a part, and replaces an earlier part with the same number.
    pub async fn put_part(
        &self,
        bucket: &str,
        key: &str,
        upload: u64,
        number: u32,
        mut body: Incoming,
    ) -> Result<Part, StoreError> {
        let blob = body.finish();
        let part = Part { md5: blob.md5, size: blob.size, modified: now(), blob: blob.id };
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.writer
            .write(blob.tail.len(), move |tables| {
                tables.upload(&bucket, &key, upload)?;
                tables.keep(blob.id, blob.chunks, &blob.tail)?;
                tables.replace_part(upload, number, &part)?;
                Ok(part)
            })
            .await
    }

    /// The parts of an upload with numbers above `marker`, in order.
    pub async fn parts(
        &self,
        bucket: &str,
        key: &str,
        upload: u64,
        marker: u32,
    ) -> Result<Vec<(u32, Part)>, StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.read(move |snapshot| snapshot.parts(&bucket, &key, upload, marker)).await
    }

    /// At most `limit` uploads after `marker` to keys that begin with `prefix`, ordered by key and id.
    pub async fn uploads(
        &self,
        bucket: &str,
        prefix: &str,
        marker: (String, u64),
        limit: usize,
    ) -> Result<Vec<(String, u64, Upload)>, StoreError> {
        let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
        self.read(move |snapshot| snapshot.uploads(&bucket, &prefix, (&marker.0, marker.1), limit))
            .await
    }

    /// Makes an object of the listed parts and removes the others. `size` is the size that the client expects.
    pub async fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        upload: u64,
        parts: Vec<CompletedPart>,
        size: Option<u64>,
        only_if: Precondition,
    ) -> Result<Object, StoreError> {
        let (bucket, key, etags) = (bucket.to_owned(), key.to_owned(), self.etags);
        self.write(move |tables| {
            let Upload { headers, .. } = tables.upload(&bucket, &key, upload)?;
            let mut stored: BTreeMap<u32, Part> = tables.parts(upload)?.into_iter().collect();
            let object = assemble(headers, &choose(&mut stored, &parts)?, etags);
            if let Some(expected) = size.filter(|size| *size != object.size) {
                return Err(StoreError::WrongSize { expected, found: object.size });
            }
            only_if.check(tables.current(&bucket, &key)?.as_ref())?;
            remove_all(tables, stored.into_values())?;
            tables.remove_upload(&bucket, &key, upload)?;
            tables.put_object(&bucket, &key, object)
        })
        .await
    }

    /// Removes an upload and its parts.
    pub async fn abort_upload(
        &self,
        bucket: &str,
        key: &str,
        upload: u64,
    ) -> Result<(), StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.write(move |tables| {
            tables.upload(&bucket, &key, upload)?;
            let parts = tables.parts(upload)?;
            remove_all(tables, parts.into_iter().map(|(_, part)| part))?;
            tables.remove_upload(&bucket, &key, upload)
        })
        .await
    }
}

/// Takes the parts that the client lists out of `stored`.
fn choose(
    stored: &mut BTreeMap<u32, Part>,
    parts: &[CompletedPart],
) -> Result<Vec<Part>, StoreError> {
    if !parts.is_sorted_by(|one, next| one.number < next.number) {
        return Err(StoreError::InvalidPartOrder);
    }
    let mut chosen = Vec::with_capacity(parts.len());
    for (position, CompletedPart { number, etag }) in parts.iter().enumerate() {
        let part = stored.remove(number).filter(|part| part.etag() == *etag);
        let part = part.ok_or(StoreError::InvalidPart { number: *number })?;
        if part.size < LEAST_PART && position + 1 < parts.len() {
            return Err(StoreError::PartTooSmall { number: *number });
        }
        chosen.push(part);
    }
    Ok(chosen)
}

fn assemble(headers: Headers, parts: &[Part], etags: Etags) -> Object {
    let digest = parts.iter().fold(Md5::new(), |md5, part| md5.chain_update(part.md5));
    Object {
        etag: format!("{}-{}", etags.of(digest.finalize().into()), parts.len()),
        size: parts.iter().map(|part| part.size).sum(),
        modified: now(),
        headers,
        version: None,
        segments: parts.iter().map(Part::segment).filter(|segment| segment.size > 0).collect(),
    }
}

fn remove_all(
    tables: &mut Tables<'_>,
    parts: impl Iterator<Item = Part>,
) -> Result<(), StoreError> {
    let segments: Vec<Segment> = parts.map(|part| part.segment()).collect();
    tables.remove_chunks(&segments)
}
