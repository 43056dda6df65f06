//! What the last deploy left written about itself: one small object in the bucket, below `.xtask/`.
//!
//! The listing tells which bytes are in the bucket, by ETags that say nothing of headers and, for objects
//! that were sent in parts or encrypted with KMS, nothing of the content. The record knows what each
//! ETag stood for. It is knowledge and never truth: of an object, an entry counts only where its ETag is the listed
//! one, and losing the record costs one slower deploy. Of a file that has the sum of an entry it tells the MD5, and
//! what is sent with that the store verifies.
//!
//! Before a deploy changes anything, the record of the one before it is copied aside, under the name of that
//! deploy (`earlier`): from it, that deploy can be made again.

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
pub use earlier::{begin, forget, read_begun, read_deploy, read_earlier, read_live, set_aside};

/// HEAD requests under way at once.
const CONCURRENCY: usize = 64;

/// More objects than these that cannot be read are no exception: it is the rights, or the network.
const MOST_UNREADABLE: u32 = 10;

/// What is known of the objects under the prefix, by whole key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub deploy: Option<Deploy>,
    /// Shared with who reads the site, for whom it is what the files were.
    pub objects: Arc<Objects>,
    /// Objects that are no longer the site's and stay for a while, and since when: in seconds since 1970.
    pub retained: SortedMap<u64>,
    /// The ETag of what said that its deploy was begun: with any other, another was begun since.
    pub begun: Option<Etag>,
    /// Of the object that it was read from.
    pub etag: Option<Etag>,
    /// When that object was written, by the store's clock.
    pub modified: LastModified,
    /// Names that were left out of the site, relative to it: objects of these are not deleted by a rollback either.
    pub left_out: Vec<String>,
    /// Whether the store gives an object of one piece its MD5 as the ETag, as it did to this record.
    pub etags_are_md5: bool,
    /// Whether there is an object that could not be read.
    pub is_unreadable: bool,
}

pub type Objects = SortedMap<Known>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub etag: Etag,
    /// Of the content.
    pub md5: [u8; 16],
    /// Of the content. An earlier version of this tool wrote none.
    pub sum: Option<Sum>,
    pub headers: Headers,
    /// Until when the headers are known, by the store's clock. Whoever writes other headers to the same
    /// bytes leaves the ETag as it was, but not the time.
    pub until: LastModified,
}

impl Known {
    /// What is known of the object that a file became, or is.
    fn of(file: &File, etag: &Etag, until: LastModified) -> Known {
        let (Digest { md5, sum, .. }, headers) = (&file.digest, file.headers.clone());
        Known { etag: etag.clone(), md5: *md5, sum: *sum, headers, until }
    }

    /// What the content is known by, but for its parts.
    pub fn digest(&self) -> Digest {
        Digest { md5: self.md5, sum: self.sum, parts: None }
    }
}

impl Record {
    /// The MD5 of an object's content as it is listed now. A record that contradicts an ETag which is an MD5 itself is
    /// not believed: whoever changed the object may have changed the record too.
    pub fn md5_of(&self, key: &str, object: &Object) -> Option<[u8; 16]> {
        let known = self.of(key, object)?;
        self.is_possible(known, object.size).then_some(known.md5)
    }

    /// Whether this tool can have written an entry of an object of so many bytes: of one that went in one piece, the
    /// ETag is the MD5.
    pub fn is_possible(&self, known: &Known, size: u64) -> bool {
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

    /// Whether a deploy was begun after this one, and has not ended.
    pub fn is_followed(&self, begun: Option<&Etag>) -> bool {
        begun.is_some_and(|begun| self.begun.as_ref() != Some(begun))
    }

    fn of(&self, key: &str, object: &Object) -> Option<&Known> {
        self.objects.get(key).filter(|known| known.etag == object.etag)
    }

    /// Where a listing of the bucket that this speaks of may be cut.
    pub fn cuts(&self) -> Vec<String> {
        bucket::cuts(self.objects.iter().map(|(key, _)| key))
    }

    /// What is known of the objects that stay: that are listed, and are not about to be written or deleted.
    /// It has to be in the bucket before new headers are: they leave the ETag as it was, and a deploy that
    /// is cut off would leave a record that is believed.
    pub fn staying(mut self, listing: &Listing, changes: impl Fn(&str) -> bool) -> Record {
        let is_listed = |key: &str, known: &Known| {
            listing.objects.get(key).is_some_and(|object| object.etag == known.etag)
        };
        let objects = Arc::unwrap_or_clone(self.objects);
        let objects = objects.filter(|key, known| is_listed(key, known) && !changes(key));
        self.objects = objects.into();
        self
    }

    /// The record with the files that were written, as of a time of the store's clock.
    pub fn with(mut self, written: &[Written], until: LastModified) -> Record {
        let known = |(file, etag): &Written| (file.key.clone(), Known::of(file, etag, until));
        Arc::make_mut(&mut self.objects).extend(written.iter().map(known));
        self
    }
}

/// Reads the bucket's record. One that is missing, garbled, newer than this tool or of another prefix is
/// an empty one, with a warning where somebody should know.
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

/// Writes the record: what it knows, and of the files that were `written`, in the order of their keys, the
/// ETags that they got. They are none that it knows already.
pub async fn write(bucket: &Bucket, record: &Record, written: &[Written]) -> Result<(), Failure> {
    let body = text::render(record, written, bucket.prefix().as_str())
        .map_err(|error| failed("failed to write the record of this deploy").because(&error))?;
    bucket.put_own(RECORD, body, Condition::None).await.map(drop)
}

/// A file that was written, and the ETag that it got.
pub type Written = (Arc<File>, Etag);

/// Adds the sums that an earlier version of this tool did not write, for the next record.
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

/// Asks for the headers of objects whose content is right and whose headers nobody knows: those that
/// another tool wrote. Returns whether anything was learned.
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
        // An object that has gone meanwhile is left unknown, and written again.
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
