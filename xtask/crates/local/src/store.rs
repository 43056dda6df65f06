//! What the embedded bucket keeps, and how: buckets, objects and unfinished multipart uploads in
//! one file of an ordered, embedded database. It knows the rules of S3 that concern what is stored
//! (conditions, part order, ETags, the order of keys) and nothing of HTTP.
//!
//! - `objects` is ordered by bucket and key, as S3 orders a listing, so a page of a listing is a
//!   range read. It holds current objects only.
//! - What versioning keeps of a key besides is in `versions`, ordered by bucket, key and age. A
//!   bucket where versioning was never set has no rows there.
//! - A body is a *blob*, cut into chunks that are rows of `chunks`. No body is ever whole in memory.
//! - A blob that is larger than a chunk is written in several transactions, and is named in
//!   `unfinished` until an object or a part refers to it. What a crash leaves there is swept at the
//!   next open. So a body is there whole or not at all.
//! - All writes pass one thread ([`writer`]), which commits them in groups; all reads work on a
//!   snapshot, so a download is not torn by an upload to the same key.

mod body;
mod error;
mod listing;
mod multipart;
mod tables;
mod versions;
mod writer;

pub use body::{Body, Incoming, Reader};
pub use error::StoreError;
pub use listing::{Listing, Page, VersionListing, VersionPage};
pub use multipart::{CompletedPart, Part, Upload};
pub use versions::{Deleted, Entry, Listed, Marker, Version, VersionId, Versioning};

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use redb::{Database, ReadableDatabase};
use serde::{Deserialize, Serialize};

use tables::{Snapshot, Tables};
use writer::Writer;

/// The database keeps this many bytes of the file in memory; its own default is 1 GiB.
const CACHE_BYTES: usize = 16 << 20;

/// Buckets in one folder. Cheap calls are async because they wait for the disk on another thread.
pub struct Store {
    database: Arc<Database>,
    writer: Arc<Writer>,
    /// The next blob or multipart upload. Not stored: what a crash forgets, nothing refers to.
    next_id: AtomicU64,
    etags: Etags,
}

/// What the ETag of an object is made of.
#[derive(Clone, Copy)]
enum Etags {
    /// The MD5 of the content, or of the parts' MD5s.
    Md5,
    /// Chance.
    Opaque,
}

/// An object, without its body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    /// The MD5 of the content in hexadecimal, or for a multipart upload the MD5 of the parts' MD5s
    /// and `-` and their number. Without quotes.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>
    pub etag: String,
    /// In bytes.
    pub size: u64,
    /// When it was written, in seconds since 1970: S3 tells no finer time.
    pub modified: u64,
    pub headers: Headers,
    /// `None` where the bucket never had versioning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The body: each blob follows the one before.
    segments: Vec<Segment>,
}

/// What was sent with an object and is given back with it: lowercase header name to value,
/// `x-amz-meta-*` included.
pub type Headers = BTreeMap<String, String>;

/// A bucket's row.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// In seconds since 1970.
    pub created: u64,
    /// `None` until it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versioning: Option<Versioning>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Segment {
    blob: u64,
    size: u64,
}

/// What must hold of the key's current object for a write to happen.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>
#[derive(Clone, Debug, Default)]
pub enum Precondition {
    #[default]
    None,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match: *`
    Present,
    /// `If-Match: "etag"`, here without quotes.
    Etag(String),
}

impl Store {
    /// Opens the buckets in `folder`, and makes it if it is not there. Takes as long as the disk
    /// does, and after a crash as long as reading the file once.
    ///
    /// # Errors
    /// `Folder` if it cannot be made, `InUse` if another process has it open, `Newer` if a newer
    /// version of this tool wrote it, `Database` for the rest.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::folder(folder, source))?;
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(folder.join("bucket.redb"))
            .map_err(|error| StoreError::opening(folder, error))?;
        let next_id = tables::prepare(&database, folder)?;
        let database = Arc::new(database);
        Ok(Store {
            writer: Arc::new(Writer::start(database.clone())?),
            database,
            next_id: AtomicU64::new(next_id),
            etags: Etags::Md5,
        })
    }

    /// The same store, but from now on the ETag of an object looks like an MD5 and says nothing of the
    /// content, and each write has one of its own, whatever its bytes: as in S3 where objects are encrypted
    /// with KMS. For tests. Parts keep theirs.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>
    #[must_use]
    pub fn with_opaque_etags(self) -> Store {
        Store { etags: Etags::Opaque, ..self }
    }

    /// Makes an empty bucket without versioning. Fails with `BucketExists` if it is there.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        let bucket = bucket.to_owned();
        self.write(move |tables| tables.create_bucket(&bucket, now())).await
    }

    /// Removes a bucket. Fails with `BucketNotEmpty` if it holds an object, a version or an
    /// unfinished upload.
    pub async fn delete_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        let bucket = bucket.to_owned();
        self.write(move |tables| tables.delete_bucket(&bucket)).await
    }

    /// A bucket, or `NoSuchBucket`.
    pub async fn bucket(&self, bucket: &str) -> Result<Bucket, StoreError> {
        let bucket = bucket.to_owned();
        self.read(move |snapshot| snapshot.bucket(&bucket)).await
    }

    /// All buckets in the order of their names.
    pub async fn buckets(&self) -> Result<Vec<(String, Bucket)>, StoreError> {
        self.read(move |snapshot| snapshot.buckets()).await
    }

    /// A body to fill. Dropped before it is put, it leaves nothing behind.
    pub fn receive(&self) -> Incoming {
        Incoming::new(self.writer.clone(), self.new_id())
    }

    /// Stores `body` under `key` in place of what was there, whole or not at all. What was there
    /// becomes a noncurrent version if the bucket has versioning.
    pub async fn put(
        &self,
        bucket: &str,
        key: &str,
        headers: Headers,
        mut body: Incoming,
        only_if: Precondition,
    ) -> Result<Object, StoreError> {
        let blob = body.finish();
        let object = Object {
            etag: self.etags.of(blob.md5),
            size: blob.size,
            modified: now(),
            headers,
            version: None,
            segments: blob.segments(),
        };
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.writer
            .write(blob.tail.len(), move |tables| {
                only_if.check(tables.current(&bucket, &key)?.as_ref())?;
                tables.keep(&blob)?;
                tables.put_object(&bucket, &key, object)
            })
            .await
    }

    /// An object without its body: the current one of a key, or the version that is asked for.
    ///
    /// # Errors
    /// `NoSuchKey`, and `Deleted` where versioning knows that there was one; `NoSuchVersion`, and
    /// `IsMarker` where the version is no object.
    pub async fn head(
        &self,
        bucket: &str,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<Object, StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.read(move |snapshot| snapshot.object(&bucket, &key, version)).await
    }

    /// An object and its body. Chooses and fails as `head` does.
    pub async fn get(
        &self,
        bucket: &str,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<(Object, Body), StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.read(move |snapshot| {
            let object = snapshot.object(&bucket, &key, version)?;
            let body = Body::new(snapshot.chunks()?, object.segments.clone());
            Ok((object, body))
        })
        .await
    }

    /// Removes an object, or where the bucket has versioning covers it by a delete marker. Removes a
    /// version for good if one is named. What is not there is no error, as in S3, unless `only_if`
    /// asks, which concerns the current object whatever is named.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>
    pub async fn delete(
        &self,
        bucket: &str,
        key: &str,
        version: Option<VersionId>,
        only_if: Precondition,
    ) -> Result<Deleted, StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.write(move |tables| {
            only_if.check(tables.current(&bucket, &key)?.as_ref())?;
            tables.delete(&bucket, &key, version, now())
        })
        .await
    }

    /// A page of a bucket's keys.
    pub async fn list(&self, bucket: &str, listing: Listing) -> Result<Page, StoreError> {
        let bucket = bucket.to_owned();
        self.read(move |snapshot| listing.read(snapshot, &bucket)).await
    }

    /// Waits until everything that was written so far would survive a crash.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.writer.flush().await
    }

    fn new_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(0, change).await
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Snapshot) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = self.database.clone();
        blocking(move || query(&Snapshot(database.begin_read()?))).await
    }
}

impl Etags {
    /// Of a write whose content has this MD5.
    fn of(self, md5: [u8; 16]) -> String {
        // Each state has keys of its own, so no two hashes have anything to do with one another.
        let chance = || RandomState::new().hash_one(md5);
        match self {
            Etags::Md5 => hexadecimal(md5),
            Etags::Opaque => format!("{:016x}{:016x}", chance(), chance()),
        }
    }
}

impl Precondition {
    /// S3 answers 404 rather than 412 where an ETag is expected and nothing is there.
    fn check(&self, current: Option<&Object>) -> Result<(), StoreError> {
        match (self, current) {
            (Precondition::None, _)
            | (Precondition::Absent, None)
            | (Precondition::Present, Some(_)) => Ok(()),
            (Precondition::Etag(_) | Precondition::Present, None) => Err(StoreError::NoSuchKey),
            (Precondition::Etag(etag), Some(object)) if *etag == object.etag => Ok(()),
            (Precondition::Etag(_) | Precondition::Absent, Some(_)) => {
                Err(StoreError::PreconditionFailed)
            }
        }
    }
}

/// Runs what waits for the disk where it holds up no other request.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

fn hexadecimal(md5: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(md5))
}
