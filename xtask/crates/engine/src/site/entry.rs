//! A file of the output while it is scanned.

use std::path::PathBuf;

use super::look::Look;
use super::stamp::Stamp;
use super::{Digest, Disk};
use crate::base::headers::Headers;

/// A file about which more and more becomes known.
pub struct Entry {
    pub key: Box<str>,
    pub disk: Disk,
    pub size: u64,
    pub headers: Headers,
    /// Only if the site is scanned repeatedly.
    pub stamp: Option<Box<Stamp>>,
    pub content: Content,
    /// What its bytes revealed, once they were read.
    pub look: Option<Box<Look>>,
}

/// What is known about the bytes of a file.
pub enum Content {
    Unknown,
    /// The file once had this digest, but may have another one now.
    Was(Digest),
    Is(Digest),
}

impl Content {
    pub fn is_known(&self) -> bool {
        matches!(self, Content::Is(_))
    }
}

impl Entry {
    pub fn path(&self) -> PathBuf {
        self.disk.path(&self.key)
    }
}
