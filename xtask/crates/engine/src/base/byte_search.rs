//! Finds bytes in the content of files. The tool is built without optimisation, where a loop over bytes costs as much as
//! hashing them does; this one is compiled with it.

use memchr::{memchr, memchr_iter, memrchr};

/// The places of a byte, in order.
pub fn all(byte: u8, bytes: &[u8]) -> impl Iterator<Item = usize> {
    memchr_iter(byte, bytes)
}

pub fn first(byte: u8, bytes: &[u8]) -> Option<usize> {
    memchr(byte, bytes)
}

pub fn last(byte: u8, bytes: &[u8]) -> Option<usize> {
    memrchr(byte, bytes)
}
