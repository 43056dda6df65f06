//! What the bucket holds now. A listing that broke off is useless: objects missing from it would look deleted or new.
//! So an error on any page is an error of the whole.

mod ranges;

use std::collections::HashSet;

use aws_sdk_s3::primitives::DateTime;

use crate::base::etag::Etag;
use crate::base::sorted_map::SortedMap;

pub use ranges::cuts;

/// Every object under the prefix, by key, without the tool's own.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub objects: SortedMap<Object>,
    /// Folders below the prefix that hold a record of their own: they belong to other deploys, even if `deploy.toml` of
    /// this branch does not know them.
    pub others: Vec<String>,
    /// The ETag of this prefix's own record.
    pub record: Option<Etag>,
    /// The ETag of the object that says that a deploy was begun.
    pub begun: Option<Etag>,
    /// The names of the earlier deploys whose records are kept, in the order of the deploys.
    pub earlier: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub etag: Etag,
    /// In bytes.
    pub size: u64,
    pub modified: LastModified,
}

impl Object {
    /// Whether the object only makes a folder visible. Consoles and tools that know folders create such objects:
    /// `images/`, or Hadoop's `images_$folder$`. Visitors never see them, and some stores cannot delete them.
    pub(crate) fn is_folder_marker(&self, key: &str) -> bool {
        self.size == 0 && (key.ends_with('/') || key.ends_with("_$folder$"))
    }
}

/// When the store wrote an object, by the store's own clock, in seconds since 1970. A listing may have finer times, but
/// the header of an answer does not, and the two are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastModified(u64);

impl LastModified {
    pub fn of_seconds(seconds: u64) -> LastModified {
        LastModified(seconds)
    }

    /// Since 1970.
    pub(crate) fn seconds(self) -> u64 {
        self.0
    }

    pub(crate) fn of(time: Option<&DateTime>) -> LastModified {
        LastModified(time.map_or(0, |time| time.secs().try_into().unwrap_or_default()))
    }
}

impl Listing {
    /// What the listing would be after objects were written and deleted.
    pub fn after(
        mut self,
        written: impl Iterator<Item = (Box<str>, Object)>,
        deleted: &[String],
    ) -> Listing {
        if !deleted.is_empty() {
            let gone: HashSet<&str> = deleted.iter().map(String::as_str).collect();
            self.objects = self.objects.filter(|key, _| !gone.contains(key));
        }
        self.objects.extend(written);
        self
    }

    /// Where a later listing of the same bucket may be split.
    pub fn cuts(&self) -> Vec<String> {
        cuts(self.objects.iter().map(|(key, _)| key))
    }

    /// Adds the listing of other keys.
    fn append(&mut self, other: Listing) {
        self.objects.append(other.objects);
        self.others.extend(other.others);
        self.earlier.extend(other.earlier);
        self.record = self.record.take().or(other.record);
        self.begun = self.begun.take().or(other.begun);
    }
}
