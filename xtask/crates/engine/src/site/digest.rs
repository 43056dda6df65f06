//! Digests of a file's bytes. S3's ETag of a single PUT is the MD5 of the bytes, so that is the digest: one pass over a
//! file gives both the Content-MD5 to send and the ETag to compare.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>
//!
//! MD5 is slow, and most files have not changed. So a [checksum](Sum) is kept with it. If the checksum is the same, so
//! is the MD5.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use md5::{Digest as _, Md5};
use xxhash_rust::xxh3::Xxh3Default;

use crate::base::etag::{Etag, hex};
use crate::base::limits;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub md5: [u8; 16],
    /// `None` for an object whose only record was written by an earlier version of this tool.
    pub sum: Option<Sum>,
    /// For a file that is sent in parts. If the digest comes from a record, these are computed only when the file is
    /// about to be written.
    pub parts: Option<Box<PartDigests>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartDigests {
    /// Of every part except the last, in bytes.
    pub size: u64,
    pub md5: Vec<[u8; 16]>,
}

/// Files of up to this many bytes are sent whole. A request holds its body, which is the largest part or whole file, in
/// memory.
pub const LARGEST_WHOLE: u64 = 8 << 20;

/// The most parts that an upload can have.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MOST_PARTS: u64 = 10_000;

impl Digest {
    /// Whether an object with this ETag holds these bytes. A single-part ETag without KMS is the MD5 of the content. A
    /// multipart ETag is the MD5 of the parts' MD5s, and proves the content if the file was split as this tool splits
    /// it.
    pub(crate) fn proves(&self, etag: &Etag) -> bool {
        *etag == Etag::Hex(self.md5)
            || self.parts.as_ref().is_some_and(|parts| *etag == parts.etag())
    }
}

impl PartDigests {
    fn etag(&self) -> Etag {
        format!("{}-{}", hex(&Md5::digest(self.md5.concat()).into()), self.md5.len()).into()
    }
}

/// The size of a file's parts in bytes. It is a whole number of mebibytes. If parts of eight mebibytes would exceed the
/// limit, it is the smallest size that does not.
fn part_size(size: u64) -> u64 {
    size.div_ceil(MOST_PARTS).next_multiple_of(1 << 20).max(LARGEST_WHOLE)
}

/// Whether a file of this size is sent in parts.
pub fn is_in_parts(size: u64) -> bool {
    size > LARGEST_WHOLE
}

/// Reads a file once. `also` receives the same bytes.
///
/// Fails if the file cannot be read, or does not have the size that it had when it was found.
pub fn of_file(path: &Path, size: u64, also: &mut dyn FnMut(&[u8])) -> io::Result<Digest> {
    let (mut whole, mut sum) = (Md5::new(), Xxh3Default::new());
    let mut parts = is_in_parts(size).then(|| Parts::of(part_size(size)));
    read(path, size, &mut |bytes| {
        whole.update(bytes);
        sum.update(bytes);
        if let Some(parts) = &mut parts {
            parts.update(bytes);
        }
        also(bytes);
    })?;
    let parts = parts.map(|parts| Box::new(parts.finalize()));
    Ok(Digest { md5: whole.finalize().into(), sum: Some(Sum::of(&sum)), parts })
}

/// Computes the digests of parts as bytes arrive.
struct Parts {
    done: PartDigests,
    /// The part that is not yet full.
    part: Md5,
    /// How many more bytes fit into it.
    room: u64,
}

impl Parts {
    fn of(size: u64) -> Parts {
        Parts { done: PartDigests { size, md5: Vec::new() }, part: Md5::new(), room: size }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.room).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.part.update(now);
            self.room -= now.len() as u64;
            if self.room == 0 {
                self.done.md5.push(self.part.finalize_reset().into());
                self.room = self.done.size;
            }
            bytes = later;
        }
    }

    fn finalize(mut self) -> PartDigests {
        if self.room < self.done.size {
            self.done.md5.push(self.part.finalize().into());
        }
        self.done
    }
}

/// A checksum that tells whether a file has changed, eighteen times as fast as MD5: 64 bits of XXH3. The chance that
/// changed content has the same checksum is one in 2^64, since a file is compared only with its own earlier checksum.
/// It does not protect against an attacker who makes both contents, but an attacker who can do that to a site controls
/// the site anyway.
/// <https://xxhash.com>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum(pub [u8; 8]);

impl Sum {
    fn of(read: &Xxh3Default) -> Sum {
        Sum(read.digest().to_be_bytes())
    }

    /// `also` receives the same bytes. Fails in the same cases as the function `of_file`.
    pub fn of_file(path: &Path, size: u64, also: &mut dyn FnMut(&[u8])) -> io::Result<Sum> {
        let mut sum = Xxh3Default::new();
        read(path, size, &mut |bytes| {
            sum.update(bytes);
            also(bytes);
        })?;
        Ok(Sum::of(&sum))
    }
}

/// How many bytes are read at a time.
const AT_ONCE: u64 = 64 << 10;

/// Passes the content of a file to `give`, piece by piece. The file must have this size until the end.
fn read(path: &Path, size: u64, give: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut file = limits::open(|| File::open(path))?;
    // One byte more than expected, so that growth of the file is noticed, and its end is found in the same read.
    let mut buffer = vec![0; size.saturating_add(1).min(AT_ONCE) as usize];
    let mut total = 0;
    while total <= size {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                total += length as u64;
                give(&buffer[..length]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    match total == size {
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
