//! The built files: each with its key, digest and headers. What cannot be deployed faithfully is an error before
//! anything is written. What must never be public is left out and reported.

mod scan;
mod walk;
mod left_out;
mod names;
mod entry;
mod stamp;
mod keys;
mod digest;
mod look;
mod private;
mod faults;
mod strays;
mod scan_cache;
mod recheck;
mod links;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::headers::Headers;
use crate::base::key::Prefix;

pub use digest::{Digest, Sum};
pub use left_out::{LeftOut, Why};
pub use links::{Astray, Base, Kind, Places, Reader, astray, is_sample};
pub use recheck::recheck;
pub use scan::{Keys, Rescan, scan};
pub use scan_cache::ScanCache;

#[derive(Clone, Debug, Default)]
pub struct Site {
    /// In the order of their keys. Shared, because a site is compared twice: before the lock is taken, and again while
    /// it is held.
    pub files: Vec<Arc<File>>,
    /// What is in the output folder but is not deployed, in the order of keys.
    pub left_out: Vec<LeftOut>,
}

/// A file, and the object that it will become.
#[derive(Debug)]
pub struct File {
    /// With the prefix.
    pub key: Box<str>,
    pub source: Source,
    /// In bytes.
    pub size: u64,
    pub digest: Digest,
    pub headers: Headers,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub enum Source {
    Disk(Disk),
    /// In the bucket: the key's current object, or an earlier version of it.
    Bucket {
        version: Option<Box<str>>,
    },
}

/// A path. It nearly always follows from the key, so it is not stored for each of a hundred thousand keys.
#[derive(Clone, Debug)]
pub enum Disk {
    /// Below the output folder, at the path that the key gives.
    AsKey(Arc<Output>),
    /// Under a name that is the key in another Unicode form.
    At(Box<Path>),
}

/// The output folder, and the prefix of its files in the bucket.
#[derive(Debug)]
pub struct Output {
    folder: PathBuf,
    prefix: Prefix,
}

impl Disk {
    pub(crate) fn path(&self, key: &str) -> PathBuf {
        match self {
            Disk::AsKey(output) => output.folder.join(output.relative(key)),
            Disk::At(path) => path.to_path_buf(),
        }
    }
}

impl Output {
    /// A key of the site without the prefix.
    fn relative<'k>(&self, key: &'k str) -> &'k str {
        self.prefix.relative(key).unwrap_or(key)
    }
}

impl Site {
    /// Whether a file has this key.
    pub fn has(&self, key: &str) -> bool {
        self.files.binary_search_by(|file| (*file.key).cmp(key)).is_ok()
    }

    /// The site without the files for which `kept` is true: their keys belong to others.
    pub fn without(&self, kept: impl Fn(&str) -> bool) -> Site {
        let mut site = self.clone();
        site.files.retain(|file| !kept(&file.key));
        site
    }

    /// The keys of files and folders in the output that are not deployed, relative to the prefix.
    pub fn names_left_out(&self) -> impl Iterator<Item = &str> {
        self.left_out.iter().map(|entry| entry.key.as_str())
    }

    /// Those of [`Site::names_left_out`] whose objects stay in the bucket: all except the ones that `exclude` names.
    pub fn spared(&self) -> impl Iterator<Item = &str> {
        let spared = self.left_out.iter().filter(|entry| entry.why != Why::Excluded);
        spared.map(|entry| entry.key.as_str())
    }

    /// The file or folder of the output that covers a key, relative to the prefix, and is not deployed.
    #[cfg(test)]
    pub fn left_out(&self, relative: &str) -> Option<&LeftOut> {
        left_out::covering(&self.left_out, relative)
    }
}

#[cfg(test)]
mod tests;
