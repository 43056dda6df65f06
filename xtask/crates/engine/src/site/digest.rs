//! What a file's bytes are known by. S3's ETag of a single PUT is their MD5, so that is the digest: one
//! pass over a file gives the Content-MD5 to send and the ETag to compare.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>
//!
//! MD5 is slow, and most files are what they were. So a [sum](Sum) is kept beside it, and where that is the same
//! the MD5 is the one that it was.

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
    /// Unknown of an object of which only an earlier version of this tool wrote what it holds.
    pub sum: Option<Sum>,
    /// For a file that is sent in parts. Where the rest was told by a record, they are taken when it is to be written.
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

/// Whether a file of so many bytes is sent in parts.
pub fn is_in_parts(size: u64) -> bool {
    size > LARGEST_WHOLE
}

/// Reads a file once. `also` is given what is read, too.
///
/// Errors where the file cannot be read or is not of the size that it was found with.
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

/// Digests of parts as bytes come.
struct Parts {
    done: PartDigests,
    /// The one that is not full.
    part: Md5,
    /// How many bytes more it takes.
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

/// Tells the contents of one file at two times apart, eighteen times as fast as MD5: 64 bits of XXH3. That another
/// content has the same is one chance in 2^64, since a file is compared with one sum only, its own. It is no proof
/// against who makes both contents for that; who can do so to a site has the site.
/// <https://xxhash.com>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum(pub [u8; 8]);

impl Sum {
    fn of(read: &Xxh3Default) -> Sum {
        Sum(read.digest().to_be_bytes())
    }

    /// `also` is given what is read, too. Errors as those of a digest.
    pub fn of_file(path: &Path, size: u64, also: &mut dyn FnMut(&[u8])) -> io::Result<Sum> {
        let mut sum = Xxh3Default::new();
        read(path, size, &mut |bytes| {
            sum.update(bytes);
            also(bytes);
        })?;
        Ok(Sum::of(&sum))
    }
}

/// How much is read at once, in bytes.
const AT_ONCE: u64 = 64 << 10;

/// Gives what is in a file, in pieces. It must be of that size to the end.
fn read(path: &Path, size: u64, give: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut file = limits::open(|| File::open(path))?;
    // One byte more than expected, so that a file that grew is noticed and its end is found in one piece.
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
