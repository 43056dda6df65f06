//! Tests the embedded bucket from outside: over loopback, with the client that deploys use.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    CompletedMultipartUpload, CompletedPart, Delete, EncodingType, MetadataDirective,
    ObjectIdentifier,
};
use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::store::{Headers, Precondition, Store, StoreError};
use super::{Keys, REGION, Server, serve};

macro_rules! assert_refused {
    ($request:expr, $code:expr) => {
        assert_eq!(
            $request.send().await.map(drop).map_err(|error| code(&error)),
            Err($code.to_owned())
        )
    };
}

mod versions;

const BUCKET: &str = "dev.example.com";
const MIB: usize = 1 << 20;
const KEY: &str = "test-key";
const SECRET: &str = "test-secret";

fn keys() -> Keys {
    Keys::new(KEY, SECRET)
}

/// A server over a folder of its own, with one bucket, and a client for it.
struct Bench {
    folder: tempfile::TempDir,
    server: Server,
    client: Client,
}

impl Bench {
    async fn start() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        Store::open(folder.path()).unwrap().create_bucket(BUCKET).await.unwrap();
        Bench::over(folder).await
    }

    /// A server over a folder that an earlier server left.
    async fn over(folder: tempfile::TempDir) -> Bench {
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let server = serve(store, ([127, 0, 0, 1], 0).into(), &keys()).await.unwrap();
        let client = client(&server);
        Bench { folder, server, client }
    }

    async fn put(&self, key: &str, body: &[u8]) -> String {
        let body = ByteStream::from(body.to_vec());
        let put = self.client.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
        put.e_tag.unwrap()
    }

    async fn get(&self, key: &str) -> Bytes {
        let object = self.client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        object.body.collect().await.unwrap().into_bytes()
    }

    async fn keys(&self) -> Vec<String> {
        let page = self.client.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        page.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
    }

    /// Begins a multipart upload and uploads parts of these sizes, numbered from 1.
    async fn upload(&self, key: &str, sizes: &[usize]) -> (String, Vec<CompletedPart>) {
        let upload =
            self.client.create_multipart_upload().bucket(BUCKET).key(key).content_type("video/mp4");
        let id = upload.send().await.unwrap().upload_id.unwrap();
        let mut parts = Vec::new();
        for (number, size) in (1..).zip(sizes) {
            let body = ByteStream::from(content(*size));
            let part = self
                .client
                .upload_part()
                .bucket(BUCKET)
                .key(key)
                .upload_id(&id)
                .part_number(number)
                .body(body);
            let etag = part.send().await.unwrap().e_tag.unwrap();
            parts.push(CompletedPart::builder().part_number(number).e_tag(etag).build());
        }
        (id, parts)
    }

    async fn complete(
        &self,
        key: &str,
        id: &str,
        parts: Vec<CompletedPart>,
    ) -> Result<String, String> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id);
        let outcome = request.multipart_upload(parts).send().await;
        outcome.map(|done| done.e_tag.unwrap()).map_err(|error| code(&error))
    }

    /// Stops the server and counts the chunks that are left in its folder.
    async fn stop_and_count_chunks(self) -> u64 {
        self.server.stop().await.unwrap();
        drop(self.client);
        count_chunks(self.folder.path())
    }
}

fn client(server: &Server) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(KEY, SECRET, None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(server.endpoint())
        .force_path_style(true);
    Client::from_conf(config.build())
}

fn count_chunks(folder: &Path) -> u64 {
    let database = Database::create(folder.join("bucket.redb")).unwrap();
    let chunks: TableDefinition<(u64, u32), &[u8]> = TableDefinition::new("chunks");
    database.begin_read().unwrap().open_table(chunks).unwrap().len().unwrap()
}

/// Bytes in which no two stretches are alike.
fn content(size: usize) -> Vec<u8> {
    let mut random = Random(size as u64 + 1);
    (0..size).map(|_| random.next() as u8).collect()
}

struct Random(u64);

impl Random {
    /// Knuth's linear congruential generator.
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.next() % from.len()]
    }
}

/// S3's error code. A HEAD answer cannot carry one, so there it is the status.
fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    let status = error.raw_response().map(|response| response.status().as_u16().to_string());
    error.code().map(str::to_owned).or(status).unwrap_or_default()
}

#[tokio::test]
async fn an_object_comes_back_with_every_header_it_was_put_with() {
    let bench = Bench::start().await;
    let time = DateTime::from_secs(2_000_000_000);
    let put = bench.client.put_object().bucket(BUCKET).key("a");
    let put = put.content_type("text/css").cache_control("max-age=1").content_disposition("inline");
    let put = put.content_encoding("gzip").content_language("en").expires(time);
    let put = put
        .website_redirect_location("/b")
        .metadata("digest", "abc")
        .body(ByteStream::from_static(b"body"));
    put.send().await.unwrap();

    let get = bench.client.get_object().bucket(BUCKET).key("a").send().await.unwrap();
    let head = bench.client.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    macro_rules! assert_both {
        ($($field:ident == $value:expr),* $(,)?) => {$(
            assert_eq!(get.$field(), Some($value));
            assert_eq!(head.$field(), Some($value));
        )*};
    }
    assert_both! {
        content_type == "text/css",
        cache_control == "max-age=1",
        content_disposition == "inline",
        content_encoding == "gzip",
        content_language == "en",
        expires_string == "Wed, 18 May 2033 03:33:20 GMT",
        website_redirect_location == "/b",
        content_length == 4,
        e_tag == "\"841a2d689ad86bd1611447453c22c6fc\"",
    }
    assert_eq!(get.metadata().unwrap()["digest"], "abc");
    assert_eq!(head.metadata().unwrap()["digest"], "abc");
    assert_eq!(get.last_modified(), head.last_modified());
    assert_eq!(get.body.collect().await.unwrap().into_bytes(), "body");
}

#[tokio::test]
async fn a_response_takes_the_headers_that_its_request_asks_for() {
    let bench = Bench::start().await;
    bench.put("a", b"body").await;
    let get = bench.client.get_object().bucket(BUCKET).key("a").response_content_type("text/plain");
    assert_eq!(get.send().await.unwrap().content_type(), Some("text/plain"));
    let get = bench.client.get_object().bucket(BUCKET).key("a");
    assert_eq!(get.send().await.unwrap().content_type(), Some("application/octet-stream"));
}

#[tokio::test]
async fn a_body_comes_back_whole_and_in_ranges_whatever_its_size() {
    let bench = Bench::start().await;
    let chunk = 512 * 1024 - 1024;
    for size in [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 7] {
        let body = content(size);
        bench.put("a", &body).await;
        assert_eq!(bench.get("a").await, body, "{size} bytes");
        for (first, last) in
            [(0, 0), (1, chunk), (chunk - 1, chunk), (chunk, 3 * chunk), (size / 2, size)]
        {
            let range = format!("bytes={first}-{last}");
            let get = bench.client.get_object().bucket(BUCKET).key("a").range(range);
            if first >= size {
                assert_refused!(get, "InvalidRange");
                continue;
            }
            let object = get.send().await.unwrap();
            let end = size.min(last + 1);
            assert_eq!(
                object.content_range(),
                Some(format!("bytes {first}-{}/{size}", end - 1).as_str())
            );
            assert_eq!(object.body.collect().await.unwrap().into_bytes(), body[first..end]);
        }
    }
}

#[tokio::test]
async fn a_read_answers_304_or_412_as_its_conditions_ask() {
    let bench = Bench::start().await;
    let etag = bench.put("a", b"body").await;
    let get = || bench.client.get_object().bucket(BUCKET).key("a");
    let (past, future) = (DateTime::from_secs(1_000_000_000), DateTime::from_secs(4_000_000_000));
    get().if_match(&etag).if_unmodified_since(past).send().await.unwrap();
    get().if_none_match("\"other\"").if_modified_since(future).send().await.unwrap();
    get().if_modified_since(past).send().await.unwrap();
    assert_refused!(get().if_match("\"other\""), "PreconditionFailed");
    assert_refused!(get().if_unmodified_since(past), "PreconditionFailed");
    assert_refused!(get().if_none_match(&etag), "304");
    assert_refused!(get().if_modified_since(future), "304");
    assert_refused!(bench.client.head_object().bucket(BUCKET).key("a").if_none_match(&etag), "304");
}

#[tokio::test]
async fn a_write_happens_only_if_its_condition_holds() {
    let bench = Bench::start().await;
    let put = |key: &str| bench.client.put_object().bucket(BUCKET).key(key);
    assert_refused!(put("a").if_match("\"any\""), "NoSuchKey");
    put("a").if_none_match("*").send().await.unwrap();
    assert_refused!(put("a").if_none_match("*"), "PreconditionFailed");
    assert_refused!(put("a").if_match("\"other\""), "PreconditionFailed");
    let etag = bench.put("a", b"body").await;
    assert_refused!(
        bench.client.delete_object().bucket(BUCKET).key("a").if_match("\"other\""),
        "PreconditionFailed"
    );
    assert_eq!(bench.get("a").await, "body");
    put("a").if_match(&etag).body(ByteStream::from_static(b"next")).send().await.unwrap();
    let delete = bench.client.delete_object().bucket(BUCKET).key("a").if_match(&etag);
    assert_refused!(delete, "PreconditionFailed");
    assert_eq!(bench.get("a").await, "next");
}

#[tokio::test]
async fn a_request_deletes_many_objects_and_reports_each() {
    let bench = Bench::start().await;
    let etag = bench.put("a", b"a").await;
    bench.put("b", b"b").await;
    bench.put("c", b"c").await;
    let object = |key: &str, etag: Option<&str>| {
        ObjectIdentifier::builder().key(key).set_e_tag(etag.map(str::to_owned)).build().unwrap()
    };
    let objects = vec![
        object("a", Some(&etag)),
        object("b", Some(&etag)),
        object("c", None),
        object("gone", None),
    ];
    let delete =
        |quiet| Delete::builder().set_objects(Some(objects.clone())).quiet(quiet).build().unwrap();

    let outcome =
        bench.client.delete_objects().bucket(BUCKET).delete(delete(false)).send().await.unwrap();
    assert_eq!(
        outcome.deleted().iter().filter_map(|object| object.key()).collect::<Vec<_>>(),
        ["a", "c", "gone"]
    );
    let errors: Vec<_> = outcome
        .errors()
        .iter()
        .map(|error| (error.key().unwrap(), error.code().unwrap()))
        .collect();
    assert_eq!(errors, [("b", "PreconditionFailed")]);
    assert_eq!(bench.keys().await, ["b"]);

    let outcome =
        bench.client.delete_objects().bucket(BUCKET).delete(delete(true)).send().await.unwrap();
    assert_eq!(outcome.deleted(), []);
    assert_eq!(outcome.errors().len(), 2);
}

#[tokio::test]
async fn a_body_that_is_not_what_its_digest_says_is_refused_and_not_kept() {
    let bench = Bench::start().await;
    let body = content(3 * MIB);
    let put =
        || bench.client.put_object().bucket(BUCKET).key("a").body(ByteStream::from(body.clone()));
    assert_refused!(put().content_md5("not base64"), "InvalidDigest");
    assert_refused!(put().content_md5("1B2M2Y8AsgTpgAmY7PhCfg=="), "BadDigest");
    assert_refused!(put().checksum_crc32("AAAAAA=="), "BadDigest");
    assert_refused!(put().checksum_crc32_c("AAAAAA=="), "BadDigest");
    assert_refused!(put().checksum_crc64_nvme("AAAAAAAAAAA="), "BadDigest");
    assert_refused!(put().checksum_sha1("2jmj7l5rSw0yVb/vlWAYkK/YBwk="), "BadDigest");
    assert_refused!(
        put().checksum_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        "BadDigest"
    );
    assert_eq!(bench.keys().await, [""; 0]);
    assert_eq!(bench.stop_and_count_chunks().await, 0);
}

#[tokio::test]
async fn pages_of_a_listing_follow_the_order_of_keys() {
    let bench = Bench::start().await;
    let mut random = Random(7);
    let pieces = ["a", "b/", "/", "ab", "é", "日", "\u{10ffff}", "+", " a", "%2F", "&<", "//"];
    let mut keys = BTreeSet::new();
    while keys.len() < 120 {
        keys.insert((0..1 + random.next() % 4).map(|_| random.pick(&pieces)).collect::<String>());
    }
    for key in &keys {
        bench.put(key, key.as_bytes()).await;
    }
    for round in 0..150 {
        let prefix = random.pick(&["", "", "a", "b/", "/", "日", "é"]);
        let delimiter = random.pick(&["", "/", "/", "b", "//", "\u{10ffff}"]);
        let after = if random.next().is_multiple_of(2) {
            ""
        } else {
            keys.iter().nth(random.next() % keys.len()).unwrap()
        };
        let limit = 1 + random.next() % 9;
        let expected = model(&keys, prefix, delimiter, after);
        let listed = all_pages(&bench.client, prefix, delimiter, after, limit).await;
        assert_eq!(listed, expected, "round {round}: {prefix:?} {delimiter:?} {after:?} {limit}");
    }
}

/// Every key after `after`, with common prefixes grouped: slow, but plainly correct.
fn model(keys: &BTreeSet<String>, prefix: &str, delimiter: &str, after: &str) -> Vec<String> {
    let roll_up = |key: &str| {
        let end = key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
        end.map_or(key.to_owned(), |end| key[..prefix.len() + end + delimiter.len()].to_owned())
    };
    let listed = keys.iter().filter(|key| key.starts_with(prefix) && key.as_str() > after);
    let mut entries: Vec<String> =
        listed.map(|key| roll_up(key)).filter(|entry| entry != after).collect();
    entries.dedup();
    entries
}

/// The entries of all pages, in order. Checks that each page except the last has exactly `limit` entries.
async fn all_pages(
    client: &Client,
    prefix: &str,
    delimiter: &str,
    after: &str,
    limit: usize,
) -> Vec<String> {
    let mut entries = Vec::new();
    let mut token = None;
    loop {
        let request = client.list_objects_v2().bucket(BUCKET).prefix(prefix).start_after(after);
        let request = request.set_delimiter((!delimiter.is_empty()).then(|| delimiter.to_owned()));
        let page =
            request.max_keys(limit as i32).set_continuation_token(token).send().await.unwrap();
        let objects = page.contents().iter().map(|object| {
            assert_eq!(object.size(), Some(object.key().unwrap().len() as i64));
            object.key().unwrap().to_owned()
        });
        let prefixes =
            page.common_prefixes().iter().map(|prefix| prefix.prefix().unwrap().to_owned());
        let mut found: Vec<String> = objects.chain(prefixes).collect();
        assert_eq!(page.key_count(), Some(found.len() as i32));
        assert_eq!(page.is_truncated(), Some(page.next_continuation_token().is_some()));
        found.sort();
        entries.append(&mut found);
        token = page.next_continuation_token;
        if token.is_none() {
            return entries;
        }
        assert_eq!(entries.len() % limit, 0, "a page that is not the last is full");
    }
}

#[tokio::test]
async fn the_first_version_of_listing_continues_from_its_marker() {
    let bench = Bench::start().await;
    for key in ["a", "b/1", "b/2", "c"] {
        bench.put(key, b"").await;
    }
    let mut entries = Vec::new();
    let mut marker = None;
    loop {
        let request = bench.client.list_objects().bucket(BUCKET).delimiter("/").max_keys(1);
        let page = request.set_marker(marker).send().await.unwrap();
        entries.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        entries.extend(
            page.common_prefixes().iter().map(|prefix| prefix.prefix().unwrap().to_owned()),
        );
        marker = page.next_marker;
        if page.is_truncated == Some(false) {
            break;
        }
    }
    assert_eq!(entries, ["a", "b/", "c"]);
}

#[tokio::test]
async fn keys_are_listed_percent_encoded_if_the_client_asks() {
    let bench = Bench::start().await;
    bench.put("a b+c/ü%.txt", b"").await;
    let request = bench
        .client
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("a b")
        .encoding_type(EncodingType::Url);
    let page = request.send().await.unwrap();
    assert_eq!(page.contents()[0].key(), Some("a%20b%2Bc/%C3%BC%25.txt"));
    assert_eq!(page.prefix(), Some("a%20b"));
}

#[tokio::test]
async fn a_copy_keeps_the_headers_or_replaces_them_all() {
    let bench = Bench::start().await;
    let put = bench
        .client
        .put_object()
        .bucket(BUCKET)
        .key("a b")
        .content_type("text/css")
        .cache_control("no-store");
    put.website_redirect_location("/x")
        .body(ByteStream::from(content(2 * MIB)))
        .send()
        .await
        .unwrap();
    let copy = |key: &str| {
        bench.client.copy_object().bucket(BUCKET).key(key).copy_source(format!("{BUCKET}/a%20b"))
    };
    let head = |key: &str| bench.client.head_object().bucket(BUCKET).key(key).send();

    let etag = copy("b").send().await.unwrap().copy_object_result.unwrap().e_tag.unwrap();
    let copied = head("b").await.unwrap();
    assert_eq!(
        (copied.content_type(), copied.cache_control()),
        (Some("text/css"), Some("no-store"))
    );
    assert_eq!(copied.website_redirect_location(), None);
    assert_eq!(copied.e_tag(), Some(etag.as_str()));
    assert_eq!(bench.get("b").await, content(2 * MIB));

    assert_refused!(copy("a b"), "InvalidRequest");
    assert_refused!(copy("c").copy_source_if_match("\"other\""), "PreconditionFailed");
    let replace =
        copy("a b").metadata_directive(MetadataDirective::Replace).content_type("text/plain");
    replace.copy_source_if_match(&etag).send().await.unwrap();
    let replaced = head("a b").await.unwrap();
    assert_eq!((replaced.content_type(), replaced.cache_control()), (Some("text/plain"), None));
    assert_eq!(bench.get("a b").await, content(2 * MIB));
    let plus =
        bench.client.copy_object().bucket(BUCKET).key("c").copy_source(format!("{BUCKET}/a+b"));
    plus.send().await.unwrap();
    let missing =
        bench.client.copy_object().bucket(BUCKET).key("c").copy_source(format!("{BUCKET}/missing"));
    assert_refused!(missing, "NoSuchKey");
}

#[tokio::test]
async fn parts_become_one_object_when_the_upload_is_completed() {
    let bench = Bench::start().await;
    let sizes = [5 * MIB, 6 * MIB, 3];
    let (id, parts) = bench.upload("video", &sizes).await;
    assert_eq!(bench.keys().await, [""; 0]);
    let etag = bench.complete("video", &id, parts).await.unwrap();
    assert!(etag.ends_with("-3\""), "{etag}");
    let whole: Vec<u8> = sizes.iter().flat_map(|size| content(*size)).collect();
    assert_eq!(bench.get("video").await, whole);
    let get = bench.client.get_object().bucket(BUCKET).key("video").range(format!(
        "bytes={}-{}",
        5 * MIB - 2,
        5 * MIB + 1
    ));
    let object = get.send().await.unwrap();
    assert_eq!(object.content_type(), Some("video/mp4"));
    assert_eq!(object.body.collect().await.unwrap().into_bytes(), whole[5 * MIB - 2..5 * MIB + 2]);
}

#[tokio::test]
async fn an_upload_is_completed_only_with_the_parts_it_has() {
    let bench = Bench::start().await;
    let (id, parts) = bench.upload("a", &[5 * MIB, 4, 3]).await;
    let [first, second, third] = parts.as_slice() else { panic!("{parts:?}") };
    let complete = async |parts: &[&CompletedPart]| {
        bench.complete("a", &id, parts.iter().copied().cloned().collect()).await
    };
    let refused = |code: &str| Err(code.to_owned());
    assert_eq!(complete(&[second, first]).await, refused("InvalidPartOrder"));
    assert_eq!(complete(&[first, second, third]).await, refused("EntityTooSmall"));
    let other = CompletedPart::builder().part_number(2).e_tag(first.e_tag().unwrap()).build();
    assert_eq!(complete(&[first, &other]).await, refused("InvalidPart"));
    let missing = CompletedPart::builder().part_number(4).e_tag(first.e_tag().unwrap()).build();
    assert_eq!(complete(&[first, &missing]).await, refused("InvalidPart"));
    complete(&[first, third]).await.unwrap();
    assert_eq!(complete(&[first, third]).await, refused("NoSuchUpload"));
    assert_eq!(bench.get("a").await.len(), 5 * MIB + 3);
}

#[tokio::test]
async fn an_upload_that_is_aborted_leaves_nothing() {
    let bench = Bench::start().await;
    let (id, parts) = bench.upload("a", &[2 * MIB, 2 * MIB]).await;
    bench
        .client
        .abort_multipart_upload()
        .bucket(BUCKET)
        .key("a")
        .upload_id(&id)
        .send()
        .await
        .unwrap();
    assert_eq!(bench.complete("a", &id, parts).await, Err("NoSuchUpload".to_owned()));
    assert_eq!(bench.stop_and_count_chunks().await, 0);
}

#[tokio::test]
async fn uploads_and_their_parts_are_listed_page_by_page() {
    let bench = Bench::start().await;
    let (id, _) = bench.upload("b", &[1, 2, 3]).await;
    bench.upload("a", &[]).await;
    bench.upload("b", &[]).await;

    let list = |marker| {
        bench
            .client
            .list_parts()
            .bucket(BUCKET)
            .key("b")
            .upload_id(&id)
            .max_parts(2)
            .part_number_marker(marker)
    };
    let page = list("0").send().await.unwrap();
    assert_eq!(
        (page.parts().len(), page.is_truncated(), page.next_part_number_marker()),
        (2, Some(true), Some("2"))
    );
    let page = list("2").send().await.unwrap();
    assert_eq!((page.parts()[0].size(), page.is_truncated()), (Some(3), Some(false)));

    let list = || bench.client.list_multipart_uploads().bucket(BUCKET).max_uploads(2);
    let page = list().send().await.unwrap();
    assert_eq!(
        page.uploads().iter().map(|upload| upload.key().unwrap()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    let next = list()
        .set_key_marker(page.next_key_marker)
        .set_upload_id_marker(page.next_upload_id_marker);
    let page = next.send().await.unwrap();
    assert_eq!((page.uploads().len(), page.is_truncated()), (1, Some(false)));
    assert_ne!(page.uploads()[0].upload_id(), Some(id.as_str()));
}

#[tokio::test]
async fn a_missing_object_or_bucket_is_refused_with_the_code_of_s3() {
    let bench = Bench::start().await;
    let client = &bench.client;
    assert_refused!(client.get_object().bucket(BUCKET).key("missing"), "NoSuchKey");
    assert_refused!(client.head_object().bucket(BUCKET).key("missing"), "NotFound");
    assert_refused!(client.get_object().bucket("missing").key("a"), "NoSuchBucket");
    assert_refused!(client.put_object().bucket("missing").key("a"), "NoSuchBucket");
    assert_refused!(client.delete_object().bucket("missing").key("a"), "NoSuchBucket");
    assert_refused!(client.list_objects_v2().bucket("missing"), "NoSuchBucket");
    assert_refused!(client.head_bucket().bucket("missing"), "NotFound");
    client.put_object().bucket(BUCKET).key("k".repeat(1024)).send().await.unwrap();
    assert_refused!(client.put_object().bucket(BUCKET).key("k".repeat(1025)), "KeyTooLongError");
}

#[tokio::test]
async fn a_bucket_is_removed_only_when_it_is_empty() {
    let bench = Bench::start().await;
    let client = &bench.client;
    assert_refused!(client.create_bucket().bucket(BUCKET), "BucketAlreadyOwnedByYou");
    bench.put("a", b"").await;
    assert_refused!(client.delete_bucket().bucket(BUCKET), "BucketNotEmpty");
    client.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    client.create_bucket().bucket("another").send().await.unwrap();
    client.delete_bucket().bucket(BUCKET).send().await.unwrap();
    let buckets = client.list_buckets().send().await.unwrap();
    assert_eq!(
        buckets.buckets().iter().map(|bucket| bucket.name().unwrap()).collect::<Vec<_>>(),
        ["another"]
    );
}

#[tokio::test]
async fn what_was_written_is_there_when_the_server_starts_again() {
    let bench = Bench::start().await;
    bench.put("a", &content(MIB)).await;
    bench.server.stop().await.unwrap();
    let store = Store::open(bench.folder.path()).unwrap();
    let (object, body) = store.get(BUCKET, "a", None).await.unwrap();
    assert_eq!(read(body.read(0..object.size)).await, content(MIB));
}

#[tokio::test]
async fn the_earlier_body_of_an_object_is_removed_with_it() {
    let bench = Bench::start().await;
    bench.put("a", &content(3 * MIB)).await;
    bench.put("a", b"small").await;
    bench.put("b", &content(3 * MIB)).await;
    bench.client.delete_object().bucket(BUCKET).key("b").send().await.unwrap();
    assert_eq!(bench.stop_and_count_chunks().await, 1);
}

#[tokio::test]
async fn a_body_stays_readable_while_its_object_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.create_bucket(BUCKET).await.unwrap();
    put(&store, content(2 * MIB)).await;
    let (object, body) = store.get(BUCKET, "a", None).await.unwrap();
    put(&store, b"next".to_vec()).await;
    assert_eq!(read(body.read(0..object.size)).await, content(2 * MIB));
}

#[tokio::test]
async fn a_body_that_a_crash_cut_off_is_gone_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.create_bucket(BUCKET).await.unwrap();
    let mut body = store.receive();
    body.write(content(3 * MIB).into()).await.unwrap();
    store.flush().await.unwrap();
    // The file as a crash at this moment would leave it.
    let crashed = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join("bucket.redb"), crashed.path().join("bucket.redb")).unwrap();
    assert_ne!(count_chunks(crashed.path()), 0);
    drop(Store::open(crashed.path()).unwrap());
    assert_eq!(count_chunks(crashed.path()), 0);
}

#[tokio::test]
async fn a_folder_in_use_or_of_a_newer_format_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert!(matches!(Store::open(folder.path()), Err(StoreError::InUse { .. })));
    drop(store);
    let database = Database::create(folder.path().join("bucket.redb")).unwrap();
    let meta: TableDefinition<&str, u64> = TableDefinition::new("meta");
    let transaction = database.begin_write().unwrap();
    transaction.open_table(meta).unwrap().insert("format", 1000).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(matches!(Store::open(folder.path()), Err(StoreError::Newer { format: 1000, .. })));
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(Store::open(&file), Err(StoreError::Folder { .. })));
}

/// See `continues_nothing`.
#[tokio::test]
async fn a_connection_ends_after_an_expected_body_of_nothing() {
    let bench = Bench::start().await;
    let mut stream = tokio::net::TcpStream::connect(bench.server.address).await.unwrap();
    let request = "PUT /dev.example.com/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.contains("connection: close"), "{response}");
}

async fn put(store: &Store, content: Vec<u8>) {
    let mut body = store.receive();
    body.write(content.into()).await.unwrap();
    store.put(BUCKET, "a", Headers::new(), body, Precondition::None).await.unwrap();
}

async fn read(mut reader: super::store::Reader) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(piece) = reader.next().await.unwrap() {
        content.extend_from_slice(&piece);
    }
    content
}
