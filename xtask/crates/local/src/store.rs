//! What the embedded bucket stores, and how: buckets, objects and unfinished multipart uploads, in one file of an
//! ordered embedded database. The store knows the rules of S3 that concern stored data (conditions, the order of parts,
//! ETags, the order of keys). It knows nothing about HTTP.
//!
//! - `objects` is ordered by bucket and key, which is the order of a listing in S3. So a page of a listing is a range
//!   read. It holds only current objects.
//! - `versions` holds everything else that versioning keeps, ordered by bucket, key and age. A bucket in which
//!   versioning was never set has no rows there.
//! - A body is a *blob*, cut into chunks, which are rows of `chunks`. No body is ever held in memory as a whole.
//! - A blob that is larger than a chunk is written in several transactions. Until an object or a part refers to it,
//!   `unfinished` lists it. Whatever a crash leaves there is removed at the next open. So a body is stored whole or not
//!   at all.
//! - All writes go through one thread (`writer`), which commits them in groups. All reads work on a snapshot, so an
//!   upload to the same key does not tear a download.

mod versions;
mod rows;
mod error;
mod tables;
mod writer;
mod body;
mod precondition;
mod listing;
mod multipart;

pub use body::{Body, Incoming, Reader};
pub use error::StoreError;
pub use listing::{Listing, Page, VersionListing, VersionPage};
pub use multipart::CompletedPart;
pub use precondition::Precondition;
pub use rows::{Bucket, Entry, Headers, Listed, Object, Part, Upload};
pub use versions::{Deleted, Marker, Version, VersionId, Versioning};

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use redb::{Database, ReadableDatabase};

use body::blocking;
use rows::hexadecimal;
use tables::{Snapshot, Tables};
use writer::Writer;

/// How many bytes of the file the database keeps in memory. Its own default is 1 GiB.
const CACHE_BYTES: usize = 16 << 20;

/// Buckets in one folder. Even cheap calls are async: they wait on another thread for the disk.
pub struct Store {
    database: Arc<Database>,
    writer: Arc<Writer>,
    /// The id of the next blob or multipart upload. It need not be stored: nothing refers to an id that a crash lost.
    next_id: AtomicU64,
    etags: Etags,
}

/// What the ETag of an object is made of.
#[derive(Clone, Copy)]
enum Etags {
    /// The MD5 of the content, or of the parts' MD5s.
    Md5,
    /// Random.
    Opaque,
}

impl Store {
    /// Opens the buckets in `folder`, and creates the folder if it is missing. This is as fast as the disk; after a
    /// crash it takes as long as reading the file once.
    ///
    /// # Errors
    /// `Folder` if the folder cannot be created, `InUse` if another process has it open, `Newer` if a newer version of
    /// this tool wrote it, `Database` for the rest.
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

    /// The same store, but from now on an object's ETag looks like an MD5 and says nothing about the content. Each
    /// write gets a new one, even if the bytes are the same. S3 does this for objects that are encrypted with KMS. For
    /// tests. The ETags of parts stay as they are.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>
    #[must_use]
    pub fn with_opaque_etags(self) -> Store {
        Store { etags: Etags::Opaque, ..self }
    }

    /// Creates an empty bucket without versioning. Fails with `BucketExists` if the bucket exists.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        let bucket = bucket.to_owned();
        self.write(move |tables| tables.create_bucket(&bucket, now())).await
    }

    /// Removes a bucket. Fails with `BucketNotEmpty` if it holds an object, a version or an unfinished upload.
    pub async fn delete_bucket(&self, bucket: &str) -> Result<(), StoreError> {
        let bucket = bucket.to_owned();
        self.write(move |tables| tables.delete_bucket(&bucket)).await
    }

    /// A bucket. Fails with `NoSuchBucket`.
    pub async fn bucket(&self, bucket: &str) -> Result<Bucket, StoreError> {
        let bucket = bucket.to_owned();
        self.read(move |snapshot| snapshot.bucket(&bucket)).await
    }

    /// Sets what a bucket does, from now on, with objects that are replaced or deleted. Objects that it already holds
    /// stay as they are, with the version id `null`.
    pub async fn set_versioning(
        &self,
        bucket: &str,
        versioning: Versioning,
    ) -> Result<(), StoreError> {
        let bucket = bucket.to_owned();
        self.write(move |tables| tables.set_versioning(&bucket, versioning)).await
    }

    /// All buckets, ordered by name.
    pub async fn buckets(&self) -> Result<Vec<(String, Bucket)>, StoreError> {
        self.read(move |snapshot| snapshot.buckets()).await
    }

    /// A new, empty body. If it is dropped before `put`, it leaves nothing behind.
    pub fn receive(&self) -> Incoming {
        Incoming::new(self.writer.clone(), self.new_id())
    }

    /// Stores `body` under `key`, whole or not at all, and replaces the current object. If the bucket has versioning,
    /// that object becomes a noncurrent version.
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
                tables.keep(blob.id, blob.chunks, &blob.tail)?;
                tables.put_object(&bucket, &key, object)
            })
            .await
    }

    /// An object without its body: the key's current object, or the given version.
    ///
    /// # Errors
    /// `NoSuchKey`; `Deleted` if versioning knows that the key was deleted; `NoSuchVersion`; `IsMarker` if the version
    /// is a delete marker.
    pub async fn head(
        &self,
        bucket: &str,
        key: &str,
        version: Option<VersionId>,
    ) -> Result<Object, StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.read(move |snapshot| snapshot.object(&bucket, &key, version)).await
    }

    /// An object and its body. It picks the version and fails as `head` does.
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

    /// Removes an object; in a bucket with versioning, a delete marker covers it instead. If a version is given, it is
    /// removed for good. As in S3, it is no error if the object or version does not exist, unless `only_if` demands it.
    /// `only_if` always concerns the current object, even if a version is given.
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

    /// A page of the versions of a bucket's keys.
    pub async fn list_versions(
        &self,
        bucket: &str,
        listing: VersionListing,
    ) -> Result<VersionPage, StoreError> {
        let bucket = bucket.to_owned();
        self.read(move |snapshot| listing.read(snapshot, &bucket)).await
    }

    /// Waits until everything written so far would survive a crash.
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
    /// The ETag of a write whose content has this MD5.
    fn of(self, md5: [u8; 16]) -> String {
        // Each `RandomState` has new keys, so no two hashes are related.
        let chance = || RandomState::new().hash_one(md5);
        match self {
            Etags::Md5 => hexadecimal(md5),
            Etags::Opaque => format!("{:016x}{:016x}", chance(), chance()),
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}
