//! Finds bytes in the content of files. The tool is built without optimisation, and an unoptimised loop over bytes
//! costs as much as hashing them. The loop here is in a crate that is compiled with optimisation.

use memchr::{memchr, memchr_iter, memrchr};

/// The positions of a byte, in order.
pub fn all(byte: u8, bytes: &[u8]) -> impl Iterator<Item = usize> {
    memchr_iter(byte, bytes)
}

pub fn first(byte: u8, bytes: &[u8]) -> Option<usize> {
    memchr(byte, bytes)
}

pub fn last(byte: u8, bytes: &[u8]) -> Option<usize> {
    memrchr(byte, bytes)
}
