//! The S3 server that the suite runs on, and a client to look into it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    BucketVersioningStatus, CompletedMultipartUpload, CompletedPart, ErrorDocument, IndexDocument,
    MetadataDirective, VersioningConfiguration, WebsiteConfiguration,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use xtask_site_local as local;

use super::block_on;

pub struct Store {
    pub region: String,
    pub key: String,
    pub secret: String,
    client: Client,
    /// `host:port`
    address: String,
    /// If the store is in this process, a second door to it: looking through it costs no request.
    embedded: Option<Arc<local::store::Store>>,
}

/// An object as a visitor would get it.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    pub body: Vec<u8>,
    pub etag: String,
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub expires: Option<String>,
    pub meta: BTreeMap<String, String>,
}

impl Store {
    /// The store that the environment names, otherwise the embedded one. Started once.
    pub fn get() -> &'static Store {
        static STORE: OnceLock<Store> = OnceLock::new();
        STORE.get_or_init(|| match std::env::var("XTASK_TEST_S3") {
            Ok(endpoint) => {
                let var = |name: &str| {
                    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
                };
                let (region, key) = (var("XTASK_TEST_S3_REGION"), var("XTASK_TEST_S3_KEY"));
                Store::at(&endpoint, &region, &key, &var("XTASK_TEST_S3_SECRET"))
            }
            Err(_) => Store::embedded(|store| store),
        })
    }

    /// The embedded store, whatever the environment names: for tests that change its answers.
    pub fn reworded() -> &'static Store {
        static STORE: OnceLock<Store> = OnceLock::new();
        STORE.get_or_init(|| Store::embedded(|store| store))
    }

    /// A store whose ETags say nothing about the content, like those of S3 for objects that are encrypted with KMS.
    /// Other stores have no switch for this, so it is an embedded one, whatever the environment names.
    pub fn opaque() -> &'static Store {
        static STORE: OnceLock<Store> = OnceLock::new();
        STORE.get_or_init(|| Store::embedded(local::store::Store::with_opaque_etags))
    }

    pub fn at(endpoint: &str, region: &str, key: &str, secret: &str) -> Store {
        Store::connect(endpoint, region, Credentials::new(key, secret, None, None, "tests"))
    }

    pub fn with_token(endpoint: &str, region: &str, key: &str, secret: &str, token: &str) -> Store {
        Store::connect(
            endpoint,
            region,
            Credentials::new(key, secret, Some(token.into()), None, "tests"),
        )
    }

    fn connect(endpoint: &str, region: &str, credentials: Credentials) -> Store {
        let tls = Provider::Rustls(CryptoMode::Ring);
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(credentials.clone())
            .http_client(aws_smithy_http_client::Builder::new().tls_provider(tls).build_https())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .endpoint_url(endpoint)
            .force_path_style(true)
            .build();
        let address = endpoint.strip_prefix("http://").expect("an address without TLS").to_owned();
        let (key, secret) =
            (credentials.access_key_id().into(), credentials.secret_access_key().into());
        let (region, client) = (region.into(), Client::from_conf(config));
        Store { region, key, secret, client, address, embedded: None }
    }

    fn embedded(kind: fn(local::store::Store) -> local::store::Store) -> Store {
        let folder = tempfile::tempdir().expect("a scratch folder").keep();
        let store = local::store::Store::open(&folder).expect("an embedded bucket");
        let store = Arc::new(kind(store));
        let keys = local::Keys::random();
        let served = local::serve(store.clone(), ([127, 0, 0, 1], 0).into(), &keys);
        let server = block_on(served).expect("a port");
        // The folder is removed right away: the open file needs no name.
        std::fs::remove_dir_all(&folder).expect("the scratch folder goes");
        let endpoint = server.endpoint();
        std::mem::forget(server);
        let local::Keys { access_key_id, secret_access_key } = keys;
        let client = Store::at(&endpoint, local::REGION, &access_key_id, &secret_access_key);
        Store { embedded: Some(store), ..client }
    }

    /// A URL that reads an object, signed with the keys.
    pub async fn presigned(&self, bucket: &str, key: &str) -> String {
        let hour = PresigningConfig::expires_in(Duration::from_secs(3600)).expect("an hour");
        let request = self.client.get_object().bucket(bucket).key(key);
        let request = request.response_content_type("text/html").presigned(hour).await;
        request.expect("a signed address").uri().to_owned()
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Creates a bucket that no other test uses.
    pub fn new_bucket(&self) -> String {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_nanos();
        let name = format!("site-{since:x}-{number}");
        block_on(self.client.create_bucket().bucket(&name).send()).expect("a new bucket");
        name
    }

    /// Enables versioning of a bucket; `false` if the store cannot do it.
    pub fn keep_versions(&self, bucket: &str) -> bool {
        let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled);
        let put = self.client.put_bucket_versioning().bucket(bucket);
        block_on(put.versioning_configuration(enabled.build()).send()).is_ok()
    }

    /// Turns on a bucket's website endpoint, with the names of documents that a site has by default.
    pub fn serve(&self, bucket: &str) {
        let index = IndexDocument::builder().suffix("index.html").build().expect("a suffix");
        let error = ErrorDocument::builder().key("404.html").build().expect("a key");
        let website = WebsiteConfiguration::builder().index_document(index).error_document(error);
        let put = self.client.put_bucket_website().bucket(bucket);
        block_on(put.website_configuration(website.build()).send()).expect("it is served");
    }

    /// Whether the store refuses a write whose condition does not hold. Some accept the condition and ignore it.
    pub fn honours_conditions(&self, bucket: &str) -> bool {
        let put = || {
            let put = self.client.put_object().bucket(bucket).key("condition").if_none_match("*");
            block_on(put.body(ByteStream::from_static(b"")).send()).is_ok()
        };
        assert!(put(), "an object is put");
        let again = put();
        block_on(self.client.delete_object().bucket(bucket).key("condition").send())
            .expect("it goes");
        !again
    }

    /// Puts an object as another tool would.
    pub fn put(&self, bucket: &str, key: &str, body: &[u8], content_type: &str) {
        let put = self.client.put_object().bucket(bucket).key(key).content_type(content_type);
        block_on(put.body(ByteStream::from(body.to_vec())).send()).expect("an object is put");
    }

    /// Puts an object at a time later than the given one, by the store's own clock.
    pub fn put_after(
        &self,
        time: DateTime,
        bucket: &str,
        key: &str,
        body: &[u8],
        content_type: &str,
    ) {
        loop {
            self.put(bucket, key, body, content_type);
            if self.modified(bucket, key).secs() > time.secs() {
                return;
            }
        }
    }

    /// Begins a multipart upload as another tool would.
    pub fn begin_upload(&self, bucket: &str, key: &str) {
        let begin = self.client.create_multipart_upload().bucket(bucket).key(key);
        block_on(begin.send()).expect("an upload is begun");
    }

    /// Puts an object in parts, split where another tool would split it.
    pub fn put_in_parts(&self, bucket: &str, key: &str, parts: &[&[u8]], content_type: &str) {
        let begin = self.client.create_multipart_upload().bucket(bucket).key(key);
        let begun = block_on(begin.content_type(content_type).send()).expect("an upload is begun");
        let id = begun.upload_id().expect("the upload has a name");
        let completed = (1..).zip(parts).map(|(number, part)| {
            let put = self.client.upload_part().bucket(bucket).key(key).upload_id(id);
            let put = put.part_number(number).body(ByteStream::from(part.to_vec()));
            let etag = block_on(put.send()).expect("a part is put").e_tag;
            CompletedPart::builder().part_number(number).set_e_tag(etag).build()
        });
        let completed = CompletedMultipartUpload::builder().set_parts(Some(completed.collect()));
        let complete = self.client.complete_multipart_upload().bucket(bucket).key(key);
        let complete = complete.upload_id(id).multipart_upload(completed.build());
        block_on(complete.send()).expect("the parts become an object");
    }

    /// Overwrites an object with itself and another content type, by a copy within the store.
    pub fn retype(&self, bucket: &str, key: &str, content_type: &str) {
        let copy = self.client.copy_object().bucket(bucket).key(key).content_type(content_type);
        let copy = copy.copy_source(format!("{bucket}/{key}"));
        let copy = copy.metadata_directive(MetadataDirective::Replace);
        block_on(copy.send()).expect("an object is copied");
    }

    /// The keys of multipart uploads that were begun but not ended.
    pub fn unfinished(&self, bucket: &str) -> Vec<String> {
        let listed = block_on(self.client.list_multipart_uploads().bucket(bucket).send());
        let listed = listed.expect("a listing of uploads");
        let keys = listed.uploads().iter().map(|upload| upload.key().expect("a key").to_owned());
        // Not every store lists them in order.
        keys.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// When the store wrote an object.
    pub fn modified(&self, bucket: &str, key: &str) -> DateTime {
        let listed = self.client.list_objects_v2().bucket(bucket).prefix(key).send();
        let listed = block_on(listed).expect("a listing");
        *listed.contents()[0].last_modified().expect("a time")
    }

    /// Removes an object if it exists.
    pub fn remove(&self, bucket: &str, key: &str) {
        let delete = self.client.delete_object().bucket(bucket).key(key);
        block_on(delete.send()).expect("the object goes");
    }

    /// Every object of a bucket, with its body and headers.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Remote> {
        let keys = self.listed(bucket).into_keys();
        keys.map(|key| (key.clone(), self.object(bucket, &key))).collect()
    }

    /// The ETags of a bucket's objects, by key.
    pub fn etags(&self, bucket: &str) -> BTreeMap<String, String> {
        let Some(store) = &self.embedded else { return self.listed(bucket) };
        let all = local::store::Listing { limit: usize::MAX, ..Default::default() };
        let page = block_on(store.list(bucket, all)).expect("a listing");
        page.objects.into_iter().map(|(key, object)| (key, object.etag)).collect()
    }

    fn listed(&self, bucket: &str) -> BTreeMap<String, String> {
        let mut etags = BTreeMap::new();
        let mut token = None;
        loop {
            let page = self.client.list_objects_v2().bucket(bucket).set_continuation_token(token);
            let page = block_on(page.send()).expect("a listing");
            for object in page.contents() {
                let etag = object.e_tag().unwrap_or_default().trim_matches('"');
                etags.insert(object.key().expect("a key").to_owned(), etag.to_owned());
            }
            token = page.next_continuation_token;
            if token.is_none() {
                return etags;
            }
        }
    }

    pub fn object(&self, bucket: &str, key: &str) -> Remote {
        block_on(async {
            let got =
                self.client.get_object().bucket(bucket).key(key).send().await.expect("an object");
            Remote {
                etag: got.e_tag.unwrap_or_default(),
                content_type: got.content_type,
                cache_control: got.cache_control,
                content_disposition: got.content_disposition,
                content_encoding: got.content_encoding,
                content_language: got.content_language,
                expires: got.expires_string,
                meta: got.metadata.unwrap_or_default().into_iter().collect(),
                body: got.body.collect().await.expect("a body").to_vec(),
            }
        })
    }
}
