//! What the last deploy left written about itself: one small object in the bucket, below `.xtask/`.
//!
//! The listing tells which bytes are in the bucket, by ETags that say nothing of headers and, for objects
//! that were sent in parts or encrypted with KMS, nothing of the content. The record knows what each
//! ETag stood for. It is knowledge and never truth: an entry counts only where its ETag is the listed
//! one, and losing the record costs one slower deploy.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::bucket::{Bucket, Condition, LastModified, Listing, Object};
use crate::error::{Failure, failed};
use crate::etag::{self, Etag};
use crate::event::{Event, Tell};
use crate::headers::{Headers, Sets};
use crate::key::RECORD;
use crate::site::{File, Site};
use crate::sorted::Sorted;
use crate::target::Target;

/// The format that this tool writes, and the newest that it reads.
const VERSION: u32 = 1;

/// HEAD requests under way at once.
const CONCURRENCY: usize = 64;

/// What is known of the objects under the prefix, by whole key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub deploy: Option<Deploy>,
    pub objects: Objects,
    /// Of the object that it was read from.
    pub etag: Option<Etag>,
}

pub type Objects = Sorted<Known>;

/// Who wrote the record, and of which state of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    pub tool: String,
    pub branch: String,
    pub commit: String,
    pub dirty: bool,
    /// Seconds since 1970.
    pub at: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub etag: Etag,
    /// Of the content.
    pub md5: [u8; 16],
    pub headers: Headers,
    /// Until when the headers are known, by the store's clock. Whoever writes other headers to the same
    /// bytes leaves the ETag as it was, but not the time.
    pub until: LastModified,
}

/// The record as it stands in the bucket.
///
/// Header sets are few and objects are many, so an object holds the index of its set; an ETag that is
/// the MD5 is written once.
#[derive(Serialize, Deserialize)]
struct Stored<Objects> {
    version: u32,
    prefix: String,
    deploy: Option<Deploy>,
    headers: Vec<Headers>,
    /// By key without the prefix an [`Entry`] each. They are many, so they are read from the text into
    /// the record and written from the record into the text, with no copy of them all between.
    objects: Objects,
}

/// ETag, index into `headers`, MD5 in hex where it is not the ETag.
type Entry<'e> = (Cow<'e, Etag>, usize, Option<String>);

impl Deploy {
    /// This run's.
    pub fn of(target: &Target, dirty: bool) -> Deploy {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Deploy {
            tool: env!("CARGO_PKG_VERSION").into(),
            branch: target.branch.clone(),
            commit: target.commit.clone(),
            dirty,
            at: since_1970.map_or(0, |elapsed| elapsed.as_secs()),
        }
    }
}

impl Record {
    /// The MD5 of an object's content as it is listed now.
    pub fn md5_of(&self, key: &str, object: &Object) -> Option<[u8; 16]> {
        self.of(key, object).map(|known| known.md5)
    }

    /// The headers of an object as it is listed now.
    pub fn headers_of(&self, key: &str, object: &Object) -> Option<&Headers> {
        let known = self.of(key, object).filter(|known| object.modified <= known.until)?;
        Some(&known.headers)
    }

    fn of(&self, key: &str, object: &Object) -> Option<&Known> {
        self.objects.get(key).filter(|known| known.etag == object.etag)
    }

    /// What is known of the objects that stay: that are listed, and are not about to be written or deleted.
    /// It has to be in the bucket before new headers are: they leave the ETag as it was, and a deploy that
    /// is cut off would leave a record that is believed.
    pub fn staying(mut self, listing: &Listing, changes: impl Fn(&str) -> bool) -> Record {
        let is_listed = |key: &str, known: &Known| {
            listing.objects.get(key).is_some_and(|object| object.etag == known.etag)
        };
        self.objects = self.objects.filter(|key, known| is_listed(key, known) && !changes(key));
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
    let parsed = parse(&object.body, bucket.prefix().as_str(), until);
    let record = parsed.unwrap_or_else(|reason| {
        tell.tell(Event::Warning(format!(
            "the record of the last deploy {reason}; going by the bucket's listing alone"
        )));
        Record::default()
    });
    Ok(Record { etag: Some(object.etag.as_str().into()), ..record })
}

/// Writes the record: what it knows, and of the files that were `written`, in the order of their keys, the
/// ETags that they got. They are none that it knows already.
pub async fn write(bucket: &Bucket, record: &Record, written: &[Written]) -> Result<(), Failure> {
    let body = render(record, written, bucket.prefix().as_str())
        .map_err(|error| failed("failed to write the record of this deploy").because(&error))?;
    bucket.put_own(RECORD, body, Condition::None).await.map(drop)
}

/// A file that was written, and the ETag that it got.
pub type Written = (Arc<File>, Etag);

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
    tell.tell(Event::Asking { objects: unknown.len() as u64 });
    let asked = stream::iter(unknown).map(|(file, object)| async move {
        Ok::<_, Failure>((file, object, bucket.head(&file.key).await?))
    });
    let mut answers = pin!(asked.buffer_unordered(CONCURRENCY));
    let (mut sets, mut learned) = (Sets::default(), Vec::new());
    while let Some(answer) = answers.next().await {
        let (file, object, headers) = answer?;
        // An object that has gone meanwhile is left unknown, and written again.
        let Some((_, headers)) = headers else { continue };
        let known = Known {
            etag: object.etag.clone(),
            md5: file.digest.md5,
            headers: sets.share(headers),
            until: object.modified,
        };
        learned.push((file.key.clone(), known));
    }
    record.objects.extend(learned);
    tell.tell(Event::Asked);
    Ok(true)
}

fn parse(bytes: &[u8], prefix: &str, until: LastModified) -> Result<Record, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let garbled = |error: serde_json::Error| format!("cannot be read ({error})");
    let version = serde_json::from_slice::<Version>(bytes).map_err(garbled)?.version;
    if version > VERSION {
        return Err(format!("was written by a newer version of this tool (format {version})"));
    }
    let stored: Stored<&RawValue> = serde_json::from_slice(bytes).map_err(garbled)?;
    if stored.prefix != prefix {
        return Err(format!("is of another prefix, `{}`", stored.prefix));
    }
    let objects = Reading { prefix, headers: &stored.headers, until };
    let mut text = serde_json::Deserializer::from_str(stored.objects.get());
    let objects = objects.deserialize(&mut text).map_err(garbled)?;
    Ok(Record { deploy: stored.deploy, objects, etag: None })
}

/// What it takes to read the entries of a record.
struct Reading<'r> {
    prefix: &'r str,
    headers: &'r [Headers],
    until: LastModified,
}

impl Reading<'_> {
    fn known(&self, (etag, set, md5): Entry) -> Result<Known, &'static str> {
        let headers = self.headers.get(set).ok_or("it names headers that it does not hold")?;
        let md5 = match (md5, &*etag) {
            (Some(hex), _) => etag::bytes(&hex),
            (None, Etag::Hex(bytes)) => Some(*bytes),
            (None, Etag::Other(_)) => None,
        };
        let md5 = md5.ok_or("it does not hold the MD5 of an object")?;
        Ok(Known { etag: etag.into_owned(), md5, headers: headers.clone(), until: self.until })
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Objects;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<Self::Value, D::Error> {
        text.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Objects;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map of objects")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut failure = None;
        let mut next = || {
            let Some((key, entry)) = map.next_entry::<Cow<str>, Entry>()? else { return Ok(None) };
            let known = self.known(entry).map_err(M::Error::custom)?;
            Ok(Some((format!("{}{key}", self.prefix), known)))
        };
        // All at once: in whatever order they stand, they are sorted once.
        let mut objects: Objects = std::iter::from_fn(|| {
            next().unwrap_or_else(|error| {
                failure = Some(error);
                None
            })
        })
        .collect();
        objects.shrink();
        failure.map_or(Ok(objects), Err)
    }
}

fn render(record: &Record, written: &[Written], prefix: &str) -> serde_json::Result<Vec<u8>> {
    let (mut indices, mut headers, mut length) = (BTreeMap::new(), Vec::new(), 0);
    for fact in facts(record, written) {
        length += fact.key.len() + LONGEST_ENTRY;
        indices.entry(fact.headers).or_insert_with(|| {
            headers.push(fact.headers.clone());
            headers.len() - 1
        });
    }
    let stored = Stored {
        version: VERSION,
        prefix: prefix.to_owned(),
        deploy: record.deploy.clone(),
        headers,
        objects: Writing { prefix, record, written, indices },
    };
    // Of a large site it is megabytes, and a list that grows holds them twice.
    let mut body = Vec::with_capacity(length);
    serde_json::to_writer(&mut body, &stored)?;
    Ok(body)
}

/// What stands beside the key of nearly every object: its ETag, a number, and what JSON puts around them.
const LONGEST_ENTRY: usize = 48;

/// What a record says of an object.
struct Fact<'r> {
    key: &'r str,
    etag: &'r Etag,
    md5: &'r [u8; 16],
    headers: &'r Headers,
}

/// All of them in the order of their keys, without a copy of either list.
fn facts<'r>(record: &'r Record, written: &'r [Written]) -> impl Iterator<Item = Fact<'r>> {
    let known = |(key, known): (&'r str, &'r Known)| {
        let Known { etag, md5, headers, .. } = known;
        Fact { key, etag, md5, headers }
    };
    let new = |(file, etag): &'r Written| {
        let File { key, digest, headers, .. } = &**file;
        Fact { key, etag, md5: &digest.md5, headers }
    };
    let mut known = record.objects.iter().map(known).peekable();
    let mut new = written.iter().map(new).peekable();
    std::iter::from_fn(move || match (known.peek(), new.peek()) {
        (Some(one), Some(other)) if other.key < one.key => new.next(),
        (Some(_), _) => known.next(),
        (None, _) => new.next(),
    })
}

/// What it takes to write the entries of a record.
struct Writing<'r> {
    prefix: &'r str,
    record: &'r Record,
    written: &'r [Written],
    indices: BTreeMap<&'r Headers, usize>,
}

impl<'r> Writing<'r> {
    fn entry(&self, fact: Fact<'r>) -> (&'r str, Entry<'r>) {
        let key = fact.key.strip_prefix(self.prefix).unwrap_or(fact.key);
        let md5 = Some(fact.md5).filter(|md5| *fact.etag != Etag::Hex(**md5));
        (key, (Cow::Borrowed(fact.etag), self.indices[fact.headers], md5.map(etag::hex)))
    }
}

impl Serialize for Writing<'_> {
    fn serialize<S: Serializer>(&self, text: S) -> Result<S::Ok, S::Error> {
        text.collect_map(facts(self.record, self.written).map(|fact| self.entry(fact)))
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::{Digest, Source};

    fn md5(byte: u8) -> String {
        etag::hex(&[byte; 16])
    }

    fn record() -> Record {
        let headers = |kind: &str| {
            let mut headers = Headers::default();
            headers.set("content-type", kind);
            headers
        };
        let known = |etag: &str, md5: u8, kind: &str| Known {
            etag: etag.into(),
            md5: [md5; 16],
            headers: headers(kind),
            until: LastModified::default(),
        };
        let objects = [
            ("p/a.html", known(&md5(0xaa), 0xaa, "text/html")),
            ("p/b.html", known(&md5(0xbb), 0xcc, "text/html")),
            ("p/big.bin", known("dd-3", 0xee, "application/octet-stream")),
        ];
        Record { deploy: None, objects: objects.into_iter().collect(), etag: None }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let bytes = render(&record(), &[], "p/").unwrap();
        assert_eq!(parse(&bytes, "p/", LastModified::default()), Ok(record()));
    }

    #[test]
    fn what_was_written_is_read_with_what_stayed() {
        let written = |key: &str, byte: u8| {
            let (digest, headers) = (Digest { md5: [byte; 16], parts: None }, Headers::default());
            let source = Source::At(std::path::Path::new(key).into());
            let file = File { key: key.into(), source, size: 1, digest, headers };
            (Arc::new(file), md5(byte).as_str().into())
        };
        let written = ["p/a.css", "p/aa.html", "p/z.html"].map(|key| written(key, 0x11));
        let bytes = render(&record(), &written, "p/").unwrap();
        let read = parse(&bytes, "p/", LastModified::default()).unwrap();
        let keys: Vec<&str> = read.objects.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["p/a.css", "p/a.html", "p/aa.html", "p/b.html", "p/big.bin", "p/z.html"]);
        let object = |etag| Object { etag, size: 1, modified: LastModified::default() };
        for (file, etag) in &written {
            assert_eq!(read.md5_of(&file.key, &object(etag.clone())), Some([0x11; 16]));
        }
        // Each key once, in order, so that what reads it need not sort.
        let text = String::from_utf8(bytes).unwrap();
        let places: Vec<_> =
            keys.iter().map(|key| text.find(&format!("\"{}\":", &key[2..]))).collect();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{text}");
    }

    #[test]
    fn an_entry_counts_only_for_the_etag_and_its_headers_for_the_time_that_are_listed() {
        let listed = |etag: &str, seconds| {
            let modified = LastModified::of_seconds(seconds);
            Object { etag: etag.into(), size: 1, modified }
        };
        let a = md5(0xaa);
        assert_eq!(record().md5_of("p/a.html", &listed(&a, 0)), Some([0xaa; 16]));
        assert_eq!(record().md5_of("p/a.html", &listed("changed", 0)), None);
        assert!(record().headers_of("p/a.html", &listed(&a, 0)).is_some());
        assert!(record().headers_of("p/a.html", &listed(&a, 1)).is_none());
        assert_eq!(record().md5_of("p/a.html", &listed(&a, 1)), Some([0xaa; 16]));
    }

    #[test]
    fn of_what_changes_or_is_not_listed_nothing_stays_known() {
        let object =
            |etag: &str| Object { etag: etag.into(), size: 1, modified: LastModified::default() };
        let objects = [
            ("p/a.html", object(&md5(0xaa))),
            ("p/b.html", object("changed")),
            ("p/big.bin", object("dd-3")),
        ];
        let objects = objects.into_iter().collect();
        let listing = Listing { objects, ..Listing::default() };
        let stays = |changed: &[&str]| -> Vec<String> {
            let record = record().staying(&listing, |key| changed.contains(&key));
            record.objects.iter().map(|(key, _)| key.to_owned()).collect()
        };
        assert_eq!(stays(&[]), ["p/a.html", "p/big.bin"]);
        assert_eq!(stays(&["p/a.html", "p/new.html"]), ["p/big.bin"]);
    }

    #[test]
    fn a_record_that_cannot_be_trusted_says_why() {
        let bytes = render(&record(), &[], "p/").unwrap();
        let reason =
            |bytes: &[u8], prefix| parse(bytes, prefix, LastModified::default()).unwrap_err();
        assert!(reason(&bytes[..bytes.len() / 2], "p/").starts_with("cannot be read"));
        assert!(reason(b"{\"version\":2}", "p/").contains("newer version"));
        assert!(reason(&bytes, "q/").contains("another prefix, `p/`"));
    }
}
