//! How a large file is divided into the parts of a multipart upload, and the MD5s that follow from it.
//!
//! The scan computes the MD5s of the parts in the same pass as the MD5 of the whole, and the upload sends the parts.
//! Both must divide a file in the same way, so the rule is here. Only the upload knows the requests (`bucket/put`).
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use md5::{Digest as _, Md5};

use super::etag::{Etag, hex};

/// Files of up to this many bytes are sent whole. A request holds its body, which is the largest part or whole file, in
/// memory.
pub const LARGEST_WHOLE: u64 = 8 << 20;

/// The most parts that an upload can have.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MOST_PARTS: u64 = 10_000;

/// Whether a file of this size is sent in parts.
pub fn is_in_parts(size: u64) -> bool {
    size > LARGEST_WHOLE
}

/// The size of a file's parts in bytes. It is a whole number of mebibytes. If parts of eight mebibytes would exceed the
/// limit, it is the smallest size that does not.
pub fn part_size(size: u64) -> u64 {
    size.div_ceil(MOST_PARTS).next_multiple_of(1 << 20).max(LARGEST_WHOLE)
}

/// The MD5s of a file's parts, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartDigests(pub Vec<[u8; 16]>);

impl PartDigests {
    /// The ETag of an object that was uploaded in these parts.
    pub fn etag(&self) -> Etag {
        format!("{}-{}", hex(&Md5::digest(self.0.concat()).into()), self.0.len()).into()
    }
}

/// Computes the MD5 of a file, and those of its parts if it is sent in parts, as its bytes arrive.
pub struct Md5s {
    whole: Md5,
    parts: Option<Parts>,
}

impl Md5s {
    /// For a file of this size.
    pub fn of(size: u64) -> Md5s {
        Md5s { whole: Md5::new(), parts: is_in_parts(size).then(|| Parts::of(part_size(size))) }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.whole.update(bytes);
        if let Some(parts) = &mut self.parts {
            parts.update(bytes);
        }
    }

    pub fn finalize(self) -> ([u8; 16], Option<PartDigests>) {
        (self.whole.finalize().into(), self.parts.map(Parts::finalize))
    }
}

struct Parts {
    /// Of every part except the last, in bytes.
    size: u64,
    done: Vec<[u8; 16]>,
    /// The part that is not yet full.
    part: Md5,
    /// How many more bytes fit into it.
    room: u64,
}

impl Parts {
    fn of(size: u64) -> Parts {
        Parts { size, done: Vec::new(), part: Md5::new(), room: size }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.room).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.part.update(now);
            self.room -= now.len() as u64;
            if self.room == 0 {
                self.done.push(self.part.finalize_reset().into());
                self.room = self.size;
            }
            bytes = later;
        }
    }

    fn finalize(mut self) -> PartDigests {
        if self.room < self.size {
            self.done.push(self.part.finalize().into());
        }
        PartDigests(self.done)
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
