//! Digests of a file's bytes. S3's ETag of a single PUT is the MD5 of the bytes, so that is the digest: one pass over a
//! file gives both the Content-MD5 to send and the ETag to compare.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>
//!
//! MD5 is slow, and most files have not changed. So a [checksum](Sum) is kept with it. If the checksum is the same, so
//! is the MD5.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3Default;

use crate::base::etag::Etag;
use crate::base::limits;
use crate::base::parts::{Md5s, PartDigests};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    pub md5: [u8; 16],
    /// `None` for an object whose only record was written by an earlier version of this tool.
    pub sum: Option<Sum>,
    /// For a file that is sent in parts, if its content was hashed. A digest that comes from a record has none, and the
    /// upload computes them if the file is sent after all.
    pub parts: Option<Box<PartDigests>>,
}

impl Digest {
    /// Whether an object with this ETag holds these bytes. A single-part ETag without KMS is the MD5 of the content. A
    /// multipart ETag is the MD5 of the parts' MD5s, and proves the content if the file was split as this tool splits
    /// it.
    pub(crate) fn proves(&self, etag: &Etag) -> bool {
        *etag == Etag::Hex(self.md5)
            || self.parts.as_ref().is_some_and(|parts| *etag == parts.etag())
    }
}

/// Reads a file once. `also` receives the same bytes.
///
/// Fails if the file cannot be read, or does not have the size that it had when it was found.
pub fn of_file(path: &Path, size: u64, also: &mut dyn FnMut(&[u8])) -> io::Result<Digest> {
    let (mut md5s, mut sum) = (Md5s::of(size), Xxh3Default::new());
    read(path, size, &mut |bytes| {
        md5s.update(bytes);
        sum.update(bytes);
        also(bytes);
    })?;
    let (md5, parts) = md5s.finalize();
    Ok(Digest { md5, sum: Some(Sum::of(&sum)), parts: parts.map(Box::new) })
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
