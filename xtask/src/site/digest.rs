//! What a file's bytes are known by. S3's ETag of a single PUT is their MD5, so that is the digest: one
//! pass over a file gives the Content-MD5 to send and the ETag to compare.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::{Digest as _, Md5};

use crate::etag::{Etag, hex};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub md5: [u8; 16],
    /// For a file that is sent in parts.
    pub parts: Option<Box<PartDigests>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartDigests {
    /// Of every part but the last, in bytes.
    pub size: u64,
    pub md5: Vec<[u8; 16]>,
}

/// Files of up to this many bytes are sent whole. The largest part or whole body is what one request
/// holds in memory.
pub const LARGEST_WHOLE: u64 = 8 << 20;

/// The most parts that an upload can have.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MOST_PARTS: u64 = 10_000;

impl Digest {
    /// Whether an object with this ETag holds these bytes. A single-part ETag without KMS is the MD5 of
    /// the content; a multipart one is the MD5 of its parts' MD5s, and proves the content where the parts
    /// were cut as we cut them.
    pub fn proves(&self, etag: &Etag) -> bool {
        *etag == Etag::Hex(self.md5)
            || self.parts.as_ref().is_some_and(|parts| *etag == parts.etag())
    }
}

impl PartDigests {
    fn etag(&self) -> Etag {
        format!("{}-{}", hex(&Md5::digest(self.md5.concat()).into()), self.md5.len()).into()
    }
}

/// The size of the parts of a file, in bytes; whole mebibytes, as few parts as the limit allows once
/// eight mebibytes are not enough.
fn part_size(size: u64) -> u64 {
    size.div_ceil(MOST_PARTS).next_multiple_of(1 << 20).max(LARGEST_WHOLE)
}

/// Reads a file once. `read` is told of the bytes of each part.
///
/// Errors where the file cannot be read or is not of the size that it was found with.
pub fn of_file(path: &Path, size: u64, read: &dyn Fn(u64)) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    if size <= LARGEST_WHOLE {
        let mut md5 = Md5::new();
        // One byte more than expected, so that a file that grew is noticed.
        let length = io::copy(&mut file.take(size + 1), &mut Feed([&mut md5]))?;
        read(length);
        same_size(length, size)?;
        return Ok(Digest { md5: md5.finalize().into(), parts: None });
    }
    let part_size = part_size(size);
    let mut whole = Md5::new();
    let mut parts = PartDigests { size: part_size, md5: Vec::new() };
    let mut total = 0;
    while total < size {
        let mut part = Md5::new();
        let length =
            io::copy(&mut (&mut file).take(part_size), &mut Feed([&mut whole, &mut part]))?;
        parts.md5.push(part.finalize().into());
        total += length;
        read(length);
        if length < part_size {
            break;
        }
    }
    same_size(total, size)?;
    Ok(Digest { md5: whole.finalize().into(), parts: Some(parts.into()) })
}

/// Digests that are fed the same bytes.
struct Feed<'m, const N: usize>([&'m mut Md5; N]);

impl<const N: usize> io::Write for Feed<'_, N> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.iter_mut().for_each(|md5| md5.update(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn same_size(read: u64, found: u64) -> io::Result<()> {
    match read == found {
        true => Ok(()),
        false => Err(io::Error::other("its size changed while it was read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_few_as_the_limit_allows() {
        assert_eq!(part_size(9 << 20), 8 << 20);
        assert_eq!(part_size(80_000 << 20), 8 << 20);
        assert_eq!(part_size((80_000 << 20) + 1), 9 << 20);
        assert_eq!((5u64 << 40).div_ceil(part_size(5 << 40)), 9_987);
    }
}
