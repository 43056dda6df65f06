//! The record: one small object in the bucket, below `.xtask/`, in which a deploy describes what it wrote.
//!
//! The listing shows by its ETags which bytes are in the bucket. ETags say nothing about headers, and nothing about the
//! content of objects that were sent in parts or encrypted with KMS. The record says what each ETag stood for. It is
//! knowledge and never truth: an entry counts only if its ETag is the listed one, and if the record is lost, one deploy
//! is slower. If a file still has the checksum of its entry, its MD5 is taken from there, and the store verifies
//! whatever is sent with that MD5.
//!
//! Before a deploy changes anything, the record of the deploy before it is copied aside, under the name of that deploy
//! (`earlier`). A rollback restores that deploy from the copy.

mod deploy;
mod earlier;
mod text;

use std::pin::pin;
use std::sync::Arc;

use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::base::event::{Amount, Event, Stage, Tell};
use crate::base::headers::{Headers, Sets};
use crate::base::parts;
use crate::base::sorted_map::SortedMap;
use crate::base::tool_folder::RECORD;
use crate::bucket::{self, Bucket, Condition, LastModified, Listing, Object};
use crate::site::{Digest, File, Site, Sum};

pub use deploy::{CLOCKS, Commit, Deploy};
pub use earlier::{read_begun, read_deploy, read_earlier, read_live};

pub(crate) use earlier::{begin, forget, set_aside};

/// How many HEAD requests are in progress at once.
const CONCURRENCY: usize = 64;

/// If more objects than this cannot be read, the cause is not the objects but the rights or the network.
const MOST_UNREADABLE: u32 = 10;

/// What is known about the objects under the prefix, by whole key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub deploy: Option<Deploy>,
    /// Shared with the scan of the site, which takes digests from it.
    pub objects: Arc<Objects>,
    /// Objects that are no longer part of the site but stay for a while, and since when, in seconds since 1970.
    pub retained: SortedMap<u64>,
    /// The ETag of the object that announced its deploy. If the listed one differs, another deploy was begun since.
    pub begun: Option<Etag>,
    /// The ETag of the object from which it was read.
    pub etag: Option<Etag>,
    /// When that object was written, by the store's clock.
    pub modified: LastModified,
    /// Names that were left out of the site, relative to it. A rollback does not delete their objects either.
    pub left_out: Vec<String>,
    /// Whether the ETag of an object that was sent whole is its MD5, as it is for this record.
    pub etags_are_md5: bool,
    /// Whether a record exists that could not be read.
    pub is_unreadable: bool,
}

pub(crate) type Objects = SortedMap<Known>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub etag: Etag,
    /// Of the content.
    pub(crate) md5: [u8; 16],
    /// Of the content. An earlier version of this tool did not write it.
    pub(crate) sum: Option<Sum>,
    pub(crate) headers: Headers,
    /// Until when the headers are known, by the store's clock. If somebody writes the same bytes with other headers,
    /// the ETag stays the same, but the time does not.
    pub(crate) until: LastModified,
}

impl Known {
    /// The entry for a file and the object that was made from it.
    fn of(file: &File, etag: &Etag, until: LastModified) -> Known {
        let (Digest { md5, sum, .. }, headers) = (&file.digest, file.headers.clone());
        Known { etag: etag.clone(), md5: *md5, sum: *sum, headers, until }
    }

    /// The digest of the content, without those of its parts.
    pub fn digest(&self) -> Digest {
        Digest { md5: self.md5, sum: self.sum, parts: None }
    }
}

impl Record {
    /// The MD5 of an object's content as it is listed now. If the listed ETag is itself an MD5 and the record
    /// contradicts it, the record is not believed: somebody who changed the object may have changed the record too.
    pub(crate) fn md5_of(&self, key: &str, object: &Object) -> Option<[u8; 16]> {
        let known = self.of(key, object)?;
        self.is_possible(known, object.size).then_some(known.md5)
    }

    /// Whether this tool can have written an entry for an object of this size: if the object was sent whole, its ETag
    /// is the MD5.
    pub(crate) fn is_possible(&self, known: &Known, size: u64) -> bool {
        !self.etags_are_md5
            || match known.etag {
                Etag::Hex(etag) => etag == known.md5,
                Etag::Other(_) => parts::is_in_parts(size),
            }
    }

    /// The headers of an object as it is listed now.
    pub fn headers_of(&self, key: &str, object: &Object) -> Option<&Headers> {
        let known = self.of(key, object).filter(|known| object.modified <= known.until)?;
        Some(&known.headers)
    }

    /// Whether a deploy was begun after this one and has not ended.
    pub fn is_followed(&self, begun: Option<&Etag>) -> bool {
        begun.is_some_and(|begun| self.begun.as_ref() != Some(begun))
    }

    fn of(&self, key: &str, object: &Object) -> Option<&Known> {
        self.objects.get(key).filter(|known| known.etag == object.etag)
    }

    /// Where a listing of this record's bucket may be split.
    pub(crate) fn cuts(&self) -> Vec<String> {
        bucket::cuts(self.objects.iter().map(|(key, _)| key))
    }

    /// The record of only the objects that stay: those that are listed and are not about to be written or deleted. It
    /// must be written before objects get new headers. New headers leave the ETag as it was, so if the deploy is
    /// interrupted, the old record would be believed.
    pub fn staying(mut self, listing: &Listing, changes: impl Fn(&str) -> bool) -> Record {
        let is_listed = |key: &str, known: &Known| {
            listing.objects.get(key).is_some_and(|object| object.etag == known.etag)
        };
        let objects = Arc::unwrap_or_clone(self.objects);
        let objects = objects.filter(|key, known| is_listed(key, known) && !changes(key));
        self.objects = objects.into();
        self
    }

    /// The record with the files that were written. Their headers are known until this time, by the store's clock.
    pub fn with(mut self, written: &[Written], until: LastModified) -> Record {
        let known = |(file, etag): &Written| (file.key.clone(), Known::of(file, etag, until));
        Arc::make_mut(&mut self.objects).extend(written.iter().map(known));
        self
    }
}

/// Reads the bucket's record. A record that is missing, garbled, newer than this tool or of another prefix counts as an
/// empty one. Unless it is missing, the user is warned.
pub async fn read(bucket: &Bucket, tell: &Tell) -> Result<Record, Failure> {
    let Some(object) = bucket.look(RECORD).await?.object else {
        return Ok(Record::default());
    };
    let until = LastModified::of_seconds(object.modified);
    let etag: Etag = object.etag.as_str().into();
    let parsed = match object.body.is_empty() {
        true => Err("is empty, or larger than any that this tool writes".to_owned()),
        false => text::parse_whole(&object.body, bucket.prefix().as_str(), until),
    };
    let told = |(record, md5)| Record { etags_are_md5: etag == Etag::Hex(md5), ..record };
    let record = parsed.map(told).unwrap_or_else(|reason| {
        tell.tell(Event::Warning(format!(
            "the record of the last deploy {reason}; going by the bucket's listing alone"
        )));
        Record { is_unreadable: true, ..Record::default() }
    });
    Ok(Record { etag: Some(etag), modified: until, ..record })
}

/// Writes the record, together with the files that were `written` and their ETags, in the order of their keys. None of
/// these may be in the record already.
pub async fn write(bucket: &Bucket, record: &Record, written: &[Written]) -> Result<(), Failure> {
    let body = text::render(record, written, bucket.prefix().as_str())
        .map_err(|error| failed("failed to write the record of this deploy").because(&error))?;
    bucket.put_own(RECORD, body, Condition::None).await.map(drop)
}

/// A file that was written, and the ETag of its object.
pub type Written = (Arc<File>, Etag);

/// Adds the checksums that an earlier version of this tool did not write, for the next record.
fn add_sums(record: &mut Record, site: &Site) {
    if record.objects.iter().all(|(_, known)| known.sum.is_some()) {
        return;
    }
    let mut files = site.files.iter().peekable();
    for (key, known) in Arc::make_mut(&mut record.objects).iter_mut() {
        while files.next_if(|file| *file.key < *key).is_some() {}
        let file = files.peek().filter(|file| *file.key == *key && file.digest.md5 == known.md5);
        known.sum = known.sum.or_else(|| file?.digest.sum);
    }
}

/// Requests the headers of objects whose content is right but whose headers are not known, because another tool wrote
/// them. Returns whether any were requested.
pub async fn learn(
    bucket: &Bucket,
    site: &Site,
    listing: &Listing,
    record: &mut Record,
    tell: &Tell,
) -> Result<bool, Failure> {
    use futures_util::{StreamExt, stream};
    add_sums(record, site);
    let right = |file: &File, object: &Object| match record.md5_of(&file.key, object) {
        Some(md5) => md5 == file.digest.md5,
        None => file.digest.proves(&object.etag),
    };
    let unknown: Vec<_> = site
        .files
        .iter()
        .filter_map(|file| Some((file, listing.objects.get(&file.key)?)))
        .filter(|(file, object)| {
            record.headers_of(&file.key, object).is_none() && right(file, object)
        })
        .collect();
    if unknown.is_empty() {
        return Ok(false);
    }
    tell.began(Stage::Check, Amount::items(unknown.len() as u64));
    let asked = stream::iter(unknown)
        .map(|(file, object)| async move { (file, object, bucket.head(&file.key).await) });
    let mut answers = pin!(asked.buffer_unordered(CONCURRENCY));
    let (mut sets, mut learned, mut unreadable) = (Sets::default(), Vec::new(), 0);
    while let Some((file, object, headers)) = answers.next().await {
        let headers = match headers {
            Ok(headers) => headers,
            Err(failure) if failure.affects_every_request || unreadable == MOST_UNREADABLE => {
                return Err(failure);
            }
            Err(failure) => {
                unreadable += 1;
                tell.tell(Event::Warning(format!("{failure}; it is written again")));
                continue;
            }
        };
        // If the object no longer exists, it stays unknown and is written again.
        let Some((_, headers)) = headers else { continue };
        let known = Known::of(file, &object.etag, object.modified);
        learned.push((file.key.clone(), Known { headers: sets.share(headers), ..known }));
    }
    Arc::make_mut(&mut record.objects).extend(learned);
    tell.ended(Stage::Check, Amount::default());
    Ok(true)
}

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests;
