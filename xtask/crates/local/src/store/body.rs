//! Bodies on their way in and out, one chunk at a time.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};

use super::error::StoreError;
use super::rows::Segment;
use super::tables::Chunks;
use super::writer::Writer;

/// Every chunk of a blob except the last has this many bytes; the size is part of the file's format. The database
/// rounds a large row up to a power of two, so the few bytes that the row itself needs must fit next to the chunk.
const CHUNK: usize = (512 << 10) - 1024;

/// A body on its way in. It holds at most one chunk in memory, and leaves nothing behind if it is dropped before `put`.
pub struct Incoming {
    writer: Arc<Writer>,
    id: u64,
    /// How many chunks were written.
    chunks: u32,
    /// The bytes after those chunks.
    tail: BytesMut,
    size: u64,
    md5: Md5,
}

/// A body that has arrived completely. All of it except the tail is stored.
pub struct Blob {
    pub id: u64,
    pub chunks: u32,
    pub tail: Bytes,
    pub size: u64,
    pub md5: [u8; 16],
}

impl Incoming {
    pub(super) fn new(writer: Arc<Writer>, id: u64) -> Incoming {
        Incoming { writer, id, chunks: 0, tail: BytesMut::new(), size: 0, md5: Md5::new() }
    }

    /// Adds to the body.
    pub async fn write(&mut self, mut data: Bytes) -> Result<(), StoreError> {
        self.md5.update(&data);
        self.size += data.len() as u64;
        while !data.is_empty() {
            if self.tail.len() == CHUNK {
                self.spill().await?;
            }
            let room = CHUNK - self.tail.len();
            self.tail.extend_from_slice(&data.split_to(room.min(data.len())));
        }
        Ok(())
    }

    /// The MD5 of the bytes so far.
    pub fn md5(&self) -> [u8; 16] {
        self.md5.clone().finalize().into()
    }

    pub(super) fn finish(&mut self) -> Blob {
        let tail = std::mem::take(&mut self.tail).freeze();
        Blob { id: self.id, chunks: self.chunks, tail, size: self.size, md5: self.md5() }
    }

    async fn spill(&mut self) -> Result<(), StoreError> {
        let chunk = std::mem::replace(&mut self.tail, BytesMut::with_capacity(CHUNK)).freeze();
        let (id, number) = (self.id, self.chunks);
        self.chunks += 1;
        self.writer.write(CHUNK, move |tables| tables.insert_chunk(id, number, &chunk)).await
    }
}

impl Drop for Incoming {
    /// The writer does this after all earlier changes. A body that was put is no longer unfinished by then, and stays.
    fn drop(&mut self) {
        if self.chunks > 0 {
            self.writer.discard(self.id);
        }
    }
}

impl Blob {
    pub fn segments(&self) -> Vec<Segment> {
        match self.size {
            0 => Vec::new(),
            size => vec![Segment { blob: self.id, size }],
        }
    }
}

/// A body that can be read, in full or in part. It does not change while it is held, even if the object is replaced
/// meanwhile.
pub struct Body {
    chunks: Chunks,
    segments: Vec<Segment>,
}

impl Body {
    pub(super) fn new(chunks: Chunks, segments: Vec<Segment>) -> Body {
        Body { chunks, segments }
    }

    /// Reads the bytes of `range`, which lies within the object's size.
    pub fn read(self, range: Range<u64>) -> Reader {
        Reader {
            chunks: Arc::new(self.chunks),
            segments: self.segments.into(),
            skip: range.start,
            left: range.end.saturating_sub(range.start),
        }
    }
}

/// A body on its way out.
pub struct Reader {
    chunks: Arc<Chunks>,
    segments: VecDeque<Segment>,
    /// How many bytes of the first segment come before the range.
    skip: u64,
    left: u64,
}

impl Reader {
    /// The next bytes, at most one chunk; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.left == 0 {
            return Ok(None);
        }
        while let Some(segment) = self.segments.pop_front_if(|segment| segment.size <= self.skip) {
            self.skip -= segment.size;
        }
        let blob = self.segments.front().ok_or_else(|| damaged("a body is too short"))?.blob;
        let number =
            u32::try_from(self.skip / CHUNK as u64).map_err(|_| damaged("a body is too long"))?;
        let offset = (self.skip % CHUNK as u64) as usize;
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let chunks = self.chunks.clone();
        let piece = blocking(move || {
            let row = chunks.get((blob, number))?.ok_or_else(|| damaged("a chunk is missing"))?;
            let rest = row.value().get(offset..).filter(|rest| !rest.is_empty());
            let rest = rest.ok_or_else(|| damaged("a chunk is too short"))?;
            Ok(Bytes::copy_from_slice(&rest[..rest.len().min(most)]))
        })
        .await?;
        self.skip += piece.len() as u64;
        self.left -= piece.len() as u64;
        Ok(Some(piece))
    }
}

/// Runs work that waits for the disk on a thread where it does not delay other requests.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(what.to_owned())
}
