//! Tests versioning from outside. The bucket's behaviour is compared with that of a model, and each answer of the
//! protocol has a test of its own.

mod model;

use std::path::Path;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketVersioningStatus, Delete, EncodingType, ObjectIdentifier, VersioningConfiguration,
};
use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::{BUCKET, Bench, MIB, code, content, count_chunks, put, read};
use crate::store::{Store, StoreError, Versioning};

const BUCKETS: TableDefinition<&str, &[u8]> = TableDefinition::new("buckets");
const OBJECTS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("objects");

impl Bench {
    /// A bench whose bucket has versioning.
    async fn versioned() -> Bench {
        let bench = Bench::start().await;
        bench.set(Versioning::Enabled).await;
        bench
    }

    async fn set(&self, versioning: Versioning) {
        self.server.store.set_versioning(BUCKET, versioning).await.unwrap();
    }

    /// Puts an object and returns the id of its version.
    async fn put_version(&self, key: &str, body: &[u8]) -> String {
        let put = self.client.put_object().bucket(BUCKET).key(key);
        let put = put.body(ByteStream::from(body.to_vec())).send().await.unwrap();
        put.version_id.unwrap()
    }

    /// Deletes a key and returns the id of the delete marker.
    async fn delete(&self, key: &str) -> String {
        let deleted = self.client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(deleted.delete_marker(), Some(true));
        deleted.version_id.unwrap()
    }

    /// Removes a version and returns whether it was a delete marker.
    async fn remove(&self, key: &str, version: &str) -> bool {
        let remove = self.client.delete_object().bucket(BUCKET).key(key).version_id(version);
        let removed = remove.send().await.unwrap();
        assert_eq!(removed.version_id(), Some(version));
        removed.delete_marker() == Some(true)
    }

    async fn get_version(&self, key: &str, version: &str) -> Bytes {
        let get = self.client.get_object().bucket(BUCKET).key(key).version_id(version);
        let object = get.send().await.unwrap();
        assert_eq!(object.version_id(), Some(version));
        object.body.collect().await.unwrap().into_bytes()
    }

    /// All versions of all keys, objects before delete markers: key, version and whether it is the latest.
    async fn versions(&self) -> Vec<(String, String, bool)> {
        let page = self.client.list_object_versions().bucket(BUCKET).send().await.unwrap();
        let objects = page.versions().iter().map(|version| {
            (version.key.clone(), version.version_id.clone(), version.is_latest.unwrap())
        });
        let markers = page.delete_markers().iter().map(|marker| {
            (marker.key.clone(), marker.version_id.clone(), marker.is_latest.unwrap())
        });
        let all = objects.chain(markers);
        all.map(|(key, version, latest)| (key.unwrap(), version.unwrap(), latest)).collect()
    }
}

/// A header of the answer that refused a request.
fn header<'e, E>(error: &'e SdkError<E>, name: &str) -> Option<&'e str> {
    error.raw_response().unwrap().headers().get(name)
}

fn listed(key: &str, version: &str, latest: bool) -> (String, String, bool) {
    (key.to_owned(), version.to_owned(), latest)
}

/// Changes the file of a closed store, as another tool would.
fn meddle(folder: &Path, change: impl FnOnce(&WriteTransaction)) {
    let database = Database::create(folder.join("bucket.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

/// The row of an object with an empty body, as it was written before there were versions.
const OLD_OBJECT: &[u8] = br#"{"etag":"d41d8cd98f00b204e9800998ecf8427e","size":0,"modified":1700000000,"headers":{},"segments":[]}"#;

#[tokio::test]
async fn versioning_is_reported_as_it_was_set_last() {
    let bench = Bench::start().await;
    let status = async || {
        let versioning = bench.client.get_bucket_versioning().bucket(BUCKET).send().await.unwrap();
        versioning.status
    };
    let set = |status: Option<BucketVersioningStatus>| {
        let configuration = VersioningConfiguration::builder().set_status(status).build();
        bench.client.put_bucket_versioning().bucket(BUCKET).versioning_configuration(configuration)
    };
    assert_eq!(status().await, None);
    for next in [BucketVersioningStatus::Enabled, BucketVersioningStatus::Suspended] {
        set(Some(next.clone())).send().await.unwrap();
        assert_eq!(status().await, Some(next));
    }
    assert_refused!(set(None), "IllegalVersioningConfigurationException");
    assert_refused!(set(Some("Off".into())), "IllegalVersioningConfigurationException");
    assert_refused!(set(Some(BucketVersioningStatus::Enabled)).bucket("missing"), "NoSuchBucket");
}

#[tokio::test]
async fn without_versioning_nothing_is_kept_and_no_version_is_reported() {
    let bench = Bench::start().await;
    let client = &bench.client;
    bench.put("a", &content(MIB)).await;
    let put = client.put_object().bucket(BUCKET).key("a").body(ByteStream::from_static(b"next"));
    assert_eq!(put.send().await.unwrap().version_id(), None);
    let copy = client.copy_object().bucket(BUCKET).key("b").copy_source(format!("{BUCKET}/a"));
    let copy = copy.send().await.unwrap();
    assert_eq!((copy.version_id(), copy.copy_source_version_id()), (None, None));
    let get = client.get_object().bucket(BUCKET).key("a").version_id("null");
    assert_eq!(get.send().await.unwrap().version_id(), None);
    let get = client.get_object().bucket(BUCKET).key("a").version_id("0000000000000001");
    assert_refused!(get, "NoSuchVersion");
    assert_eq!(bench.versions().await, [listed("a", "null", true), listed("b", "null", true)]);

    let delete = client.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!((delete.version_id(), delete.delete_marker()), (None, None));
    let error = client.get_object().bucket(BUCKET).key("a").send().await.unwrap_err();
    assert_eq!((code(&error), header(&error, "x-amz-delete-marker")), ("NoSuchKey".into(), None));
    assert_eq!(bench.versions().await, [listed("b", "null", true)]);
    bench.server.stop().await.unwrap();
    let database = Database::create(bench.folder.path().join("bucket.redb")).unwrap();
    let objects = database.begin_read().unwrap().open_table(OBJECTS).unwrap();
    let row = objects.get((BUCKET, "b")).unwrap().unwrap();
    assert!(!String::from_utf8_lossy(row.value()).contains("version"));
}

#[tokio::test]
async fn what_an_object_held_before_is_read_by_its_version() {
    let bench = Bench::versioned().await;
    let first = bench.put_version("a", &content(MIB)).await;
    let second = bench.put_version("a", b"second").await;
    assert_ne!(first, second);
    assert_eq!(bench.get("a").await, "second");
    assert_eq!(bench.get_version("a", &second).await, "second");
    assert_eq!(bench.get_version("a", &first).await, content(MIB));
    let head = |version: Option<&str>| {
        let head = bench.client.head_object().bucket(BUCKET).key("a");
        head.set_version_id(version.map(str::to_owned))
    };
    let (current, earlier) =
        (head(None).send().await.unwrap(), head(Some(&first)).send().await.unwrap());
    assert_eq!((current.version_id(), current.content_length()), (Some(&*second), Some(6)));
    assert_eq!((earlier.version_id(), earlier.content_length()), (Some(&*first), Some(1 << 20)));
    let get = |version| bench.client.get_object().bucket(BUCKET).key("a").version_id(version);
    assert_refused!(get("00000000000fffff"), "NoSuchVersion");
    assert_refused!(get("null"), "NoSuchVersion");
    for text in ["", "x", "1", "000000000000000A", "+000000000000001"] {
        assert_refused!(get(text), "InvalidArgument");
    }
}

#[tokio::test]
async fn an_object_from_before_versioning_is_the_version_null() {
    let bench = Bench::start().await;
    bench.put("a", b"before").await;
    bench.set(Versioning::Enabled).await;
    let get = bench.client.get_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(get.version_id(), Some("null"));
    let next = bench.put_version("a", b"next").await;
    assert_eq!(bench.get_version("a", "null").await, "before");
    assert_eq!(bench.versions().await, [listed("a", &next, true), listed("a", "null", false)]);
}

#[tokio::test]
async fn a_deleted_key_is_gone_until_its_delete_marker_is_removed() {
    let bench = Bench::versioned().await;
    let object = bench.put_version("a", &content(MIB)).await;
    let marker = bench.delete("a").await;
    assert_eq!(bench.keys().await, [""; 0]);
    assert_eq!(bench.versions().await, [listed("a", &object, false), listed("a", &marker, true)]);
    let (get, head) = (
        || bench.client.get_object().bucket(BUCKET).key("a"),
        || bench.client.head_object().bucket(BUCKET).key("a"),
    );
    macro_rules! assert_marker {
        ($request:expr, $code:expr, allow $allow:expr) => {
            let error = $request.send().await.unwrap_err();
            assert_eq!(code(&error), $code);
            assert_eq!(header(&error, "x-amz-delete-marker"), Some("true"));
            assert_eq!(header(&error, "x-amz-version-id"), Some(&*marker));
            assert_eq!(header(&error, "allow"), $allow);
            assert_eq!(header(&error, "last-modified").is_some(), $allow.is_some());
        };
    }
    assert_marker!(get(), "NoSuchKey", allow None::<&str>);
    assert_marker!(head(), "NotFound", allow None::<&str>);
    assert_marker!(get().version_id(&marker), "MethodNotAllowed", allow Some("DELETE"));
    assert_marker!(head().version_id(&marker), "405", allow Some("DELETE"));
    assert_eq!(bench.get_version("a", &object).await, content(MIB));

    assert!(bench.remove("a", &marker).await);
    assert_eq!(bench.get("a").await, content(MIB));
    assert_eq!(bench.keys().await, ["a"]);
    assert_eq!(bench.versions().await, [listed("a", &object, true)]);
}

#[tokio::test]
async fn a_key_that_was_never_there_is_deleted_by_a_marker_too() {
    let bench = Bench::versioned().await;
    let marker = bench.delete("a").await;
    assert_eq!(bench.versions().await, [listed("a", &marker, true)]);
    assert!(!bench.remove("a", "00000000000fffff").await);
    assert!(bench.remove("a", &marker).await);
    assert_eq!(bench.versions().await, []);
}

#[tokio::test]
async fn the_newest_version_that_remains_becomes_current() {
    let bench = Bench::versioned().await;
    let first = bench.put_version("a", b"first").await;
    let second = bench.put_version("a", b"second").await;
    let marker = bench.delete("a").await;
    let third = bench.put_version("a", b"third").await;
    assert!(!bench.remove("a", &third).await);
    assert_refused!(bench.client.get_object().bucket(BUCKET).key("a"), "NoSuchKey");
    assert!(!bench.remove("a", &second).await);
    assert_refused!(bench.client.get_object().bucket(BUCKET).key("a"), "NoSuchKey");
    assert!(bench.remove("a", &marker).await);
    assert_eq!(bench.get("a").await, "first");
    assert!(!bench.remove("a", &first).await);
    assert_eq!(bench.versions().await, []);
    assert_eq!(bench.stop_and_count_chunks().await, 0);
}

#[tokio::test]
async fn a_condition_concerns_the_current_object_whatever_its_versions() {
    let bench = Bench::versioned().await;
    let etag = bench.put("a", b"first").await;
    let second = bench.put_version("a", b"second").await;
    let put = || bench.client.put_object().bucket(BUCKET).key("a");
    let delete = || bench.client.delete_object().bucket(BUCKET).key("a").version_id(&second);
    assert_refused!(put().if_match(&etag), "PreconditionFailed");
    assert_refused!(put().if_none_match("*"), "PreconditionFailed");
    assert_refused!(delete().if_match(&etag), "PreconditionFailed");
    bench.delete("a").await;
    assert_refused!(put().if_match(&etag), "NoSuchKey");
    put().if_none_match("*").send().await.unwrap();
}

#[tokio::test]
async fn a_request_that_deletes_many_objects_reports_versions_and_markers() {
    let bench = Bench::versioned().await;
    let first = bench.put_version("a", b"first").await;
    bench.put_version("b", b"b").await;
    let marker = bench.delete("c").await;
    let object = |key: &str, version: Option<&str>| {
        let object = ObjectIdentifier::builder().key(key);
        object.set_version_id(version.map(str::to_owned)).build().unwrap()
    };
    let objects = vec![
        object("a", Some(&first)),
        object("b", None),
        object("c", Some(&marker)),
        object("d", Some("x")),
    ];
    let delete = Delete::builder().set_objects(Some(objects)).build().unwrap();
    let outcome = bench.client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    let [a, b, c] = outcome.deleted() else { panic!("{outcome:?}") };
    assert_eq!((a.version_id(), a.delete_marker()), (Some(&*first), None));
    assert_eq!(a.delete_marker_version_id(), None);
    assert_eq!((b.version_id(), b.delete_marker()), (None, Some(true)));
    assert_eq!((c.version_id(), c.delete_marker()), (Some(&*marker), Some(true)));
    assert_eq!(c.delete_marker_version_id(), Some(&*marker));
    let [d] = outcome.errors() else { panic!("{outcome:?}") };
    assert_eq!((d.key(), d.version_id()), (Some("d"), Some("x")));
    let versions = bench.versions().await;
    assert_eq!(versions.iter().map(|(key, ..)| key).collect::<Vec<_>>(), ["b", "b"]);
    assert_eq!(versions[1], listed("b", b.delete_marker_version_id().unwrap(), true));
}

#[tokio::test]
async fn an_earlier_version_is_copied_back() {
    let bench = Bench::versioned().await;
    let put = bench.client.put_object().bucket(BUCKET).key("a b").content_type("text/css");
    let put = put.body(ByteStream::from(content(MIB))).send().await.unwrap();
    let first = put.version_id.unwrap();
    let second = bench.put_version("a b", b"second").await;
    let copy = |version: &str| {
        let source = format!("{BUCKET}/a%20b?versionId={version}");
        bench.client.copy_object().bucket(BUCKET).key("a b").copy_source(source)
    };
    let copied = copy(&first).send().await.unwrap();
    assert_eq!(copied.copy_source_version_id(), Some(&*first));
    let third = copied.version_id().unwrap();
    assert_eq!(bench.get_version("a b", third).await, content(MIB));
    let head = bench.client.head_object().bucket(BUCKET).key("a b").send().await.unwrap();
    assert_eq!((head.version_id(), head.content_type()), (Some(third), Some("text/css")));
    let versions =
        [listed("a b", third, true), listed("a b", &second, false), listed("a b", &first, false)];
    assert_eq!(bench.versions().await, versions);

    // The copy has a body of its own.
    bench.remove("a b", &first).await;
    assert_eq!(bench.get("a b").await, content(MIB));
    assert_refused!(copy(&first), "NoSuchVersion");
    let marker = bench.delete("a b").await;
    assert_refused!(copy(&marker), "InvalidRequest");
    let current = bench.client.copy_object().bucket(BUCKET).key("c");
    assert_refused!(current.copy_source(format!("{BUCKET}/a%20b")), "NoSuchKey");
}

#[tokio::test]
async fn an_upload_in_parts_is_a_version_like_others() {
    let bench = Bench::versioned().await;
    let first = bench.put_version("a", b"first").await;
    let (id, parts) = bench.upload("a", &[5 * MIB, 3]).await;
    let parts = aws_sdk_s3::types::CompletedMultipartUpload::builder().set_parts(Some(parts));
    let complete = bench.client.complete_multipart_upload().bucket(BUCKET).key("a").upload_id(&id);
    let complete = complete.multipart_upload(parts.build()).send().await.unwrap();
    let second = complete.version_id.unwrap();
    assert_eq!(bench.versions().await, [listed("a", &second, true), listed("a", &first, false)]);
    bench.put_version("a", b"third").await;
    assert_eq!(bench.get_version("a", &second).await.len(), 5 * MIB + 3);
    bench.remove("a", &second).await;
    assert_eq!(bench.stop_and_count_chunks().await, 2);
}

#[tokio::test]
async fn while_versioning_is_suspended_a_write_replaces_the_version_null() {
    let bench = Bench::start().await;
    bench.put("a", &content(MIB)).await;
    bench.set(Versioning::Enabled).await;
    let kept = bench.put_version("a", b"kept").await;
    bench.set(Versioning::Suspended).await;
    let head = bench.client.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(head.version_id(), Some(&*kept));
    assert_eq!(bench.put_version("a", b"one").await, "null");
    assert_eq!(bench.versions().await, [listed("a", "null", true), listed("a", &kept, false)]);
    assert_eq!(bench.put_version("a", b"two").await, "null");
    assert_eq!(bench.versions().await, [listed("a", "null", true), listed("a", &kept, false)]);
    assert_eq!(bench.get_version("a", "null").await, "two");
    assert_eq!(bench.delete("a").await, "null");
    assert_eq!(bench.versions().await, [listed("a", &kept, false), listed("a", "null", true)]);
    assert_eq!(bench.delete("a").await, "null");
    assert!(bench.remove("a", "null").await);
    assert_eq!(bench.get("a").await, "kept");
    // After versioning is enabled again, what was written meanwhile is kept.
    bench.put_version("a", b"three").await;
    bench.set(Versioning::Enabled).await;
    bench.put_version("a", b"four").await;
    assert_eq!(bench.get_version("a", "null").await, "three");
    assert_eq!(bench.stop_and_count_chunks().await, 3);
}

#[tokio::test]
async fn a_key_keeps_ten_noncurrent_versions_and_the_chunks_of_no_more() {
    let bench = Bench::versioned().await;
    let mut versions = Vec::new();
    for number in 0..13 {
        versions.push(bench.put_version("a", &content(MIB + number)).await);
    }
    let bodies = 13 - 11;
    let kept = versions.iter().enumerate().skip(bodies).rev();
    let kept: Vec<_> = kept.map(|(at, version)| listed("a", version, at == 12)).collect();
    assert_eq!(bench.versions().await, kept);
    assert_eq!(bench.get_version("a", &versions[bodies]).await, content(MIB + bodies));
    // A delete marker counts as a version: the object that was current pushes the oldest one out.
    bench.delete("a").await;
    let get = bench.client.get_object().bucket(BUCKET).key("a").version_id(&versions[bodies]);
    assert_refused!(get, "NoSuchVersion");
    assert_eq!(bench.versions().await.len(), 11);
    assert_eq!(bench.stop_and_count_chunks().await, 3 * 10);
}

#[tokio::test]
async fn a_bucket_with_versions_is_not_removed() {
    let bench = Bench::versioned().await;
    let object = bench.put_version("a", b"").await;
    let marker = bench.delete("a").await;
    let delete = || bench.client.delete_bucket().bucket(BUCKET);
    assert_refused!(delete(), "BucketNotEmpty");
    bench.remove("a", &object).await;
    assert_refused!(delete(), "BucketNotEmpty");
    bench.remove("a", &marker).await;
    delete().send().await.unwrap();
}

#[tokio::test]
async fn versions_are_there_when_the_server_starts_again_and_no_id_is_given_twice() {
    let bench = Bench::versioned().await;
    let first = bench.put_version("a", &content(MIB)).await;
    bench.put_version("a", b"second").await;
    let removed = bench.put_version("b", b"").await;
    bench.remove("b", &removed).await;
    bench.server.stop().await.unwrap();
    let store = Store::open(bench.folder.path()).unwrap();
    assert_eq!(store.bucket(BUCKET).await.unwrap().versioning, Some(Versioning::Enabled));
    put(&store, b"third".to_vec()).await;
    let (third, _) = store.get(BUCKET, "a", None).await.unwrap();
    let versions = store.list_versions(BUCKET, everything()).await.unwrap().versions;
    let [_, second, oldest] = versions.as_slice() else { panic!("{versions:?}") };
    assert!(second.entry.version().id() != third.version.unwrap().id());
    assert_ne!(format!("{:?}", third.version.unwrap().id()), given(&removed));
    assert_eq!(format!("{:?}", oldest.entry.version().id()), given(&first));
    let oldest = Some(oldest.entry.version().id());
    let (object, body) = store.get(BUCKET, "a", oldest).await.unwrap();
    assert_eq!(read(body.read(0..object.size)).await, content(MIB));
}

fn everything() -> crate::store::VersionListing {
    let keys = crate::store::Listing { limit: usize::MAX, ..Default::default() };
    crate::store::VersionListing { keys, after: None }
}

fn given(id: &str) -> String {
    format!("Given({})", u64::from_str_radix(id, 16).unwrap())
}

#[tokio::test]
async fn a_file_from_before_versions_is_opened_and_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    meddle(folder.path(), |transaction| {
        let meta: TableDefinition<&str, u64> = TableDefinition::new("meta");
        transaction.open_table(meta).unwrap().insert("format", 1).unwrap();
        let mut buckets = transaction.open_table(BUCKETS).unwrap();
        buckets.insert(BUCKET, &br#"{"created":1700000000}"#[..]).unwrap();
        transaction.open_table(OBJECTS).unwrap().insert((BUCKET, "a"), OLD_OBJECT).unwrap();
    });
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.head(BUCKET, "a", None).await.unwrap().version, None);
    store.set_versioning(BUCKET, Versioning::Enabled).await.unwrap();
    put(&store, b"next".to_vec()).await;
    let versions = store.list_versions(BUCKET, everything()).await.unwrap().versions;
    let ids: Vec<_> = versions.iter().map(|listed| listed.entry.version().id()).collect();
    assert_eq!(ids[1..], [crate::store::VersionId::Null]);
    assert!(store.head(BUCKET, "a", Some(ids[1])).await.unwrap().version.is_some());
    drop(store);
    // An older tool can still open the file.
    meddle(folder.path(), |transaction| {
        let meta: TableDefinition<&str, u64> = TableDefinition::new("meta");
        let meta = transaction.open_table(meta).unwrap();
        assert_eq!(meta.get("format").unwrap().unwrap().value(), 1);
    });
}

/// See the beginning of `store/tables/versions.rs`.
#[tokio::test]
async fn an_object_that_a_tool_from_before_versions_put_is_the_version_null() {
    let bench = Bench::start().await;
    bench.put("a", &content(MIB)).await;
    bench.set(Versioning::Enabled).await;
    bench.put("a", b"").await;
    bench.server.stop().await.unwrap();
    drop(bench.client);
    meddle(bench.folder.path(), |transaction| {
        transaction.open_table(OBJECTS).unwrap().insert((BUCKET, "a"), OLD_OBJECT).unwrap();
    });
    let bench = Bench::over(bench.folder).await;
    assert_eq!(bench.versions().await, [listed("a", "null", true), listed("a", "null", false)]);
    let third = bench.put_version("a", b"").await;
    assert_eq!(bench.versions().await, [listed("a", &third, true), listed("a", "null", false)]);
    assert_eq!(bench.get_version("a", "null").await, "");
    assert_eq!(bench.stop_and_count_chunks().await, 0);
}

/// See the beginning of `store/tables/versions.rs`.
#[tokio::test]
async fn a_key_that_a_tool_from_before_versions_deleted_stays_deleted() {
    let bench = Bench::versioned().await;
    let first = bench.put_version("a", b"").await;
    let marker = bench.delete("a").await;
    let second = bench.put_version("a", b"").await;
    let third = bench.put_version("a", b"").await;
    bench.put_version("a", b"").await;
    bench.server.stop().await.unwrap();
    drop(bench.client);
    meddle(bench.folder.path(), |transaction| {
        transaction.open_table(OBJECTS).unwrap().remove((BUCKET, "a")).unwrap();
    });
    let bench = Bench::over(bench.folder).await;
    let left = [&third, &second, &first, &marker];
    assert_eq!(bench.versions().await, left.map(|version| listed("a", version, false)));
    for version in [&third, &marker] {
        bench.remove("a", version).await;
        assert_refused!(bench.client.get_object().bucket(BUCKET).key("a"), "NoSuchKey");
    }
    let next = bench.put_version("a", b"").await;
    assert_eq!(bench.versions().await[0], listed("a", &next, true));
}

#[tokio::test]
async fn versions_that_a_tool_from_before_them_left_do_not_come_back_with_the_bucket() {
    let bench = Bench::versioned().await;
    bench.put("a", &content(MIB)).await;
    bench.put("a", b"").await;
    bench.server.stop().await.unwrap();
    drop(bench.client);
    meddle(bench.folder.path(), |transaction| {
        transaction.open_table(OBJECTS).unwrap().remove((BUCKET, "a")).unwrap();
        transaction.open_table(BUCKETS).unwrap().remove(BUCKET).unwrap();
    });
    let store = Store::open(bench.folder.path()).unwrap();
    assert!(matches!(
        store.list_versions(BUCKET, everything()).await,
        Err(StoreError::NoSuchBucket)
    ));
    store.create_bucket(BUCKET).await.unwrap();
    assert!(store.list_versions(BUCKET, everything()).await.unwrap().versions.is_empty());
    drop(store);
    assert_eq!(count_chunks(bench.folder.path()), 0);
}

#[tokio::test]
async fn names_of_a_listing_of_versions_are_percent_encoded_if_the_client_asks() {
    let bench = Bench::versioned().await;
    bench.put("a b+c/ü%.txt", b"").await;
    bench.put("a b+d", b"").await;
    bench.delete("a b+d").await;
    let list = || {
        let list = bench.client.list_object_versions().bucket(BUCKET).prefix("a b");
        list.encoding_type(EncodingType::Url)
    };
    let page = list().max_keys(2).send().await.unwrap();
    assert_eq!(page.versions()[0].key(), Some("a%20b%2Bc/%C3%BC%25.txt"));
    assert_eq!(page.delete_markers()[0].key(), Some("a%20b%2Bd"));
    assert_eq!(page.prefix(), Some("a%20b"));
    assert_eq!(page.next_key_marker(), Some("a%20b%2Bd"));
    assert_eq!(page.next_version_id_marker(), page.delete_markers()[0].version_id());
    let page = list().delimiter("/").key_marker("a b").send().await.unwrap();
    assert_eq!(page.common_prefixes()[0].prefix(), Some("a%20b%2Bc/"));
    assert_eq!(page.key_marker(), Some("a%20b"));
}

#[tokio::test]
async fn a_bucket_is_emptied_page_by_page() {
    let bench = Bench::start().await;
    bench.put("a", b"").await;
    bench.put("b", b"").await;
    bench.set(Versioning::Enabled).await;
    for key in ["a", "a", "b", "c", "c"] {
        bench.put(key, b"").await;
        bench.delete(key).await;
    }
    bench.set(Versioning::Suspended).await;
    bench.put("b", b"").await;
    let (mut key, mut version) = (None, None);
    loop {
        let list = bench.client.list_object_versions().bucket(BUCKET).max_keys(1);
        let list = list.set_key_marker(key).set_version_id_marker(version);
        let page = list.send().await.unwrap();
        for object in page.versions() {
            bench.remove(object.key().unwrap(), object.version_id().unwrap()).await;
        }
        for marker in page.delete_markers() {
            bench.remove(marker.key().unwrap(), marker.version_id().unwrap()).await;
        }
        (key, version) = (page.next_key_marker, page.next_version_id_marker);
        if page.is_truncated != Some(true) {
            break;
        }
    }
    assert_eq!(bench.versions().await, []);
}

#[tokio::test]
async fn a_listing_continues_although_the_version_that_it_ended_with_is_gone() {
    let bench = Bench::versioned().await;
    let first = bench.put_version("a", b"").await;
    let second = bench.put_version("a", b"").await;
    bench.put_version("a", b"").await;
    bench.remove("a", &second).await;
    let list = bench.client.list_object_versions().bucket(BUCKET).key_marker("a");
    let page = list.version_id_marker(second).send().await.unwrap();
    let [version] = page.versions() else { panic!("{page:?}") };
    assert_eq!((version.version_id(), version.is_latest()), (Some(&*first), Some(false)));
}

#[tokio::test]
async fn a_version_marker_needs_a_key_marker_and_has_to_be_an_id() {
    let bench = Bench::versioned().await;
    let list = || bench.client.list_object_versions().bucket(BUCKET);
    assert_refused!(list().version_id_marker("null"), "InvalidArgument");
    assert_refused!(list().key_marker("a").version_id_marker("x"), "InvalidArgument");
    assert_refused!(list().max_keys(-1), "InvalidArgument");
    assert_refused!(list().bucket("missing"), "NoSuchBucket");
}
