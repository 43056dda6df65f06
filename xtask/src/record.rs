//! What the last deploy left written about itself: one small object in the bucket, below `.xtask/`.
//!
//! The listing tells which bytes are in the bucket, by ETags that say nothing of headers and, for objects
//! that were sent in parts or encrypted with KMS, nothing of the content. The record knows what each
//! ETag stood for. It is knowledge and never truth: an entry counts only where its ETag is the listed
//! one, and losing the record costs one slower deploy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::bucket::{Bucket, LastModified, Listing, Object};
use crate::error::{Failure, failed};
use crate::event::{Event, Tell};
use crate::headers::Headers;
use crate::key::RECORD;
use crate::site::{File, Site};
use crate::target::Target;

/// The format that this tool writes, and the newest that it reads.
const VERSION: u32 = 1;

/// HEAD requests under way at once.
const CONCURRENCY: usize = 64;

/// What is known of the objects under the prefix, by whole key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    pub deploy: Option<Deploy>,
    pub objects: BTreeMap<String, Known>,
}

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
    pub etag: String,
    /// The MD5 of the content, in hex.
    pub md5: String,
    pub headers: Arc<Headers>,
    /// Until when the headers are known, by the store's clock. Whoever writes other headers to the same
    /// bytes leaves the ETag as it was, but not the time.
    pub until: LastModified,
}

/// The record as it stands in the bucket.
///
/// Header sets are few and objects are many, so an object holds the index of its set; an ETag that is
/// the MD5 is written once.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    prefix: String,
    deploy: Option<Deploy>,
    headers: Vec<Headers>,
    /// By key without the prefix: ETag, index into `headers`, MD5 where it is not the ETag.
    objects: BTreeMap<String, (String, usize, Option<String>)>,
}

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
    /// The MD5 of an object's content as it is listed now, in hex.
    pub fn md5_of(&self, key: &str, object: &Object) -> Option<&str> {
        self.of(key, object).map(|known| known.md5.as_str())
    }

    /// The headers of an object as it is listed now.
    pub fn headers_of(&self, key: &str, object: &Object) -> Option<&Headers> {
        let known = self.of(key, object).filter(|known| object.modified <= known.until)?;
        Some(&known.headers)
    }

    fn of(&self, key: &str, object: &Object) -> Option<&Known> {
        self.objects.get(key).filter(|known| known.etag == object.etag)
    }

    /// The record without what is about to be written. It has to be in the bucket before new headers are:
    /// they leave the ETag as it was, and a deploy that is cut off would leave a record that is believed.
    pub fn without<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Record {
        let mut rest = self.clone();
        for key in keys {
            rest.objects.remove(key);
        }
        rest
    }

    /// The record after a deploy: what was known of the objects that stayed, and what was written, with
    /// the ETags that it got.
    pub fn after(
        mut self,
        listing: &Listing,
        written: &[(Arc<File>, String)],
        deleted: &[String],
    ) -> Record {
        let listed = |key: &String, known: &mut Known| {
            listing.objects.get(key).is_some_and(|object| object.etag == known.etag)
        };
        self.objects.retain(listed);
        for key in deleted {
            self.objects.remove(key);
        }
        for (file, etag) in written {
            let known = Known {
                etag: etag.clone(),
                md5: file.digest.hex(),
                headers: Arc::new(file.headers.clone()),
                until: LastModified::default(),
            };
            self.objects.insert(file.key.clone(), known);
        }
        self
    }
}

/// Reads the bucket's record. One that is missing, garbled, newer than this tool or of another prefix is
/// an empty one, with a warning where somebody should know.
pub async fn read(bucket: &Bucket, tell: &Tell) -> Result<Record, Failure> {
    let Some((bytes, modified)) = bucket.read_own(RECORD).await? else {
        return Ok(Record::default());
    };
    Ok(parse(&bytes, bucket.prefix().as_str(), modified).unwrap_or_else(|reason| {
        tell.tell(Event::Warning(format!(
            "the record of the last deploy {reason}; going by the bucket's listing alone"
        )));
        Record::default()
    }))
}

/// Writes the record.
pub async fn write(bucket: &Bucket, record: Record) -> Result<(), Failure> {
    let mut headers = Headers::default();
    headers.set("content-type", "application/json");
    headers.set("cache-control", "no-store");
    let body = render(record, bucket.prefix().as_str())
        .map_err(|error| failed("failed to write the record of this deploy").because(&error))?;
    bucket.write_own(RECORD, body, &headers).await
}

/// What is found out about objects beside the record: by whole key.
pub type Learned = BTreeMap<String, Known>;

/// Asks for the headers of objects whose content is right and whose headers nobody knows: those that
/// another tool wrote.
pub async fn learn(
    bucket: &Bucket,
    site: &Site,
    listing: &Listing,
    record: &Record,
    tell: &Tell,
) -> Result<Learned, Failure> {
    use futures_util::{StreamExt, TryStreamExt, stream};
    let right = |file: &File, object: &Object| match record.md5_of(&file.key, object) {
        Some(md5) => md5 == file.digest.hex(),
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
        return Ok(Learned::default());
    }
    tell.tell(Event::Asking { objects: unknown.len() as u64 });
    let asked = stream::iter(unknown).map(|(file, object)| async move {
        Ok::<_, Failure>((file, object, bucket.headers(&file.key).await?))
    });
    let answers: Vec<_> = asked.buffer_unordered(CONCURRENCY).try_collect().await?;
    // An object that has gone meanwhile is left unknown, and written again.
    let learned = answers.into_iter().filter_map(|(file, object, headers)| {
        let known = Known {
            etag: object.etag.clone(),
            md5: file.digest.hex(),
            headers: Arc::new(headers?),
            until: object.modified,
        };
        Some((file.key.clone(), known))
    });
    let learned = learned.collect();
    tell.tell(Event::Asked);
    Ok(learned)
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
    let stored: Stored = serde_json::from_slice(bytes).map_err(garbled)?;
    if stored.prefix != prefix {
        return Err(format!("is of another prefix, `{}`", stored.prefix));
    }
    let sets: Vec<Arc<Headers>> = stored.headers.into_iter().map(Arc::new).collect();
    let mut objects = BTreeMap::new();
    for (key, (etag, set, md5)) in stored.objects {
        let headers =
            sets.get(set).ok_or("cannot be read (it names headers that it does not hold)")?;
        let md5 = md5.unwrap_or_else(|| etag.clone());
        objects
            .insert(format!("{prefix}{key}"), Known { etag, md5, headers: headers.clone(), until });
    }
    Ok(Record { deploy: stored.deploy, objects })
}

fn render(record: Record, prefix: &str) -> serde_json::Result<Vec<u8>> {
    let mut indices = BTreeMap::new();
    let mut headers = Vec::new();
    let mut objects = BTreeMap::new();
    for (key, known) in record.objects {
        let index = *indices.entry(known.headers.clone()).or_insert_with(|| {
            headers.push(Headers::clone(&known.headers));
            headers.len() - 1
        });
        let md5 = Some(known.md5).filter(|md5| *md5 != known.etag);
        let relative = key.strip_prefix(prefix).unwrap_or(&key).to_owned();
        objects.insert(relative, (known.etag, index, md5));
    }
    let deploy = record.deploy;
    serde_json::to_vec(&Stored {
        version: VERSION,
        prefix: prefix.to_owned(),
        deploy,
        headers,
        objects,
    })
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let headers = |kind: &str| {
            let mut headers = Headers::default();
            headers.set("content-type", kind);
            Arc::new(headers)
        };
        let known = |etag: &str, md5: &str, kind: &str| Known {
            etag: etag.into(),
            md5: md5.into(),
            headers: headers(kind),
            until: LastModified::default(),
        };
        let objects = BTreeMap::from([
            ("p/a.html".to_owned(), known("aa", "aa", "text/html")),
            ("p/b.html".to_owned(), known("bb", "cc", "text/html")),
            ("p/big.bin".to_owned(), known("dd-3", "ee", "application/octet-stream")),
        ]);
        Record { deploy: None, objects }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let bytes = render(record(), "p/").unwrap();
        assert_eq!(parse(&bytes, "p/", LastModified::default()), Ok(record()));
    }

    #[test]
    fn an_entry_counts_only_for_the_etag_and_its_headers_for_the_time_that_are_listed() {
        let listed = |etag: &str, seconds| {
            let modified = LastModified::of_seconds(seconds);
            Object { etag: etag.into(), size: 1, modified }
        };
        assert_eq!(record().md5_of("p/a.html", &listed("aa", 0)), Some("aa"));
        assert_eq!(record().md5_of("p/a.html", &listed("changed", 0)), None);
        assert!(record().headers_of("p/a.html", &listed("aa", 0)).is_some());
        assert!(record().headers_of("p/a.html", &listed("aa", 1)).is_none());
        assert_eq!(record().md5_of("p/a.html", &listed("aa", 1)), Some("aa"));
        assert!(record().without(["p/a.html"]).md5_of("p/a.html", &listed("aa", 0)).is_none());
    }

    #[test]
    fn a_record_that_cannot_be_trusted_says_why() {
        let bytes = render(record(), "p/").unwrap();
        let reason =
            |bytes: &[u8], prefix| parse(bytes, prefix, LastModified::default()).unwrap_err();
        assert!(reason(&bytes[..bytes.len() / 2], "p/").starts_with("cannot be read"));
        assert!(reason(b"{\"version\":2}", "p/").contains("newer version"));
        assert!(reason(&bytes, "q/").contains("another prefix, `p/`"));
    }
}
