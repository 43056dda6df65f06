//! Sends objects. Every body is sent with the MD5 that the scan computed or the record contained, and the store
//! verifies it. So what was scanned, what was sent and what is stored are the same bytes, or there is an error.

use std::path::Path;

use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::capabilities::{Capability, Uses, declines};
use super::read::take;
use super::{Bucket, WRITTEN_SINCE};
use crate::base::cancel::Stop;
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::base::headers::{Headers, META, REDIRECT};
use crate::base::limits;
use crate::bucket::aws;
use crate::site::{File, PartDigests, Source};

impl Bucket {
    /// Writes a file of the site and returns its ETag. `replaces` is the ETag of the object on which the plan was
    /// based, or `None` if there was none. If the store honours the condition, an object that somebody else wrote since
    /// then is not overwritten.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
    ///
    /// `sent` is called with the number of bytes of each request that was answered. Returns `None` if the run was
    /// stopped in the middle of a large file.
    pub async fn put(
        &self,
        file: &File,
        replaces: Option<&Etag>,
        stop: &Stop,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Option<Result<Etag, Failure>> {
        let path = match &file.source {
            Source::Disk(disk) => disk.path(&file.key),
            Source::Bucket { version } => {
                return Some(self.put_version(file, version.as_deref(), replaces).await);
            }
        };
        match &file.digest.parts {
            None => Some(self.put_whole(file, &path, replaces, sent).await),
            Some(parts) => self.put_parts(file, &path, parts, replaces, stop, sent).await,
        }
    }

    async fn put_whole(
        &self,
        file: &File,
        path: &Path,
        replaces: Option<&Etag>,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Etag, Failure> {
        let body = read_range(path, 0, file.size).await?;
        let etag = self.put_bytes(file, body, replaces).await?;
        sent(file.size);
        Ok(etag)
    }

    /// Writes bytes in memory as the content of a file.
    pub(super) async fn put_bytes(
        &self,
        file: &File,
        body: Bytes,
        replaces: Option<&Etag>,
    ) -> Result<Etag, Failure> {
        let optional = optional(replaces);
        let put = self.can.negotiate(&optional, |uses| {
            self.put_body(file, ByteStream::from(body.clone()), replaces, uses)
        });
        match put.await {
            Ok(put) => self.verified(file, unquoted(put.e_tag.as_deref())).await,
            Err(error) => self.settle(file, &error).await,
        }
    }

    async fn put_body(
        &self,
        file: &File,
        body: ByteStream,
        replaces: Option<&Etag>,
        uses: Uses,
    ) -> Result<PutObjectOutput, SdkError<PutObjectError, HttpResponse>> {
        let (absent, etag) = condition(replaces, uses);
        let md5 = uses.has(Capability::ContentMd5).then(|| base64(&file.digest.md5));
        let request = self.client.put_object().bucket(&self.name).key(&*file.key);
        let request = request.set_content_md5(md5).set_if_none_match(absent).set_if_match(etag);
        let request = request.body(body);
        // For a request that is customized the SDK puts a configuration together: a tenth of all its work.
        match has_names(&file.headers) {
            true => with_headers(request, &file.headers).send().await,
            false => request.customize().mutate_request(add_headers(&file.headers)).send().await,
        }
    }

    /// The ETag of a written object, once it is certain that the object holds the file's bytes. If the store could not
    /// verify them, or answers with the MD5 of something else, the bytes are compared.
    pub(super) async fn verified(&self, file: &File, etag: Etag) -> Result<Etag, Failure> {
        let etag = self.told(file, etag).await?;
        if file.digest.proves(&etag) {
            return Ok(etag);
        }
        if matches!(etag, Etag::Hex(_)) && self.gives_md5s() {
            // The answer may be wrong although the object is right, so ask for the object's own ETag.
            let is_stored = match self.head(&file.key).await? {
                Some((now, _)) => {
                    file.digest.proves(&now) || self.holds(&file.key, &now, file).await?
                }
                None => false,
            };
            return if is_stored { Ok(etag) } else { Err(not_stored(upload_of(file))) };
        }
        match self.can.has(Capability::ContentMd5) || self.holds(&file.key, &etag, file).await? {
            true => Ok(etag),
            false => {
                let failure = failed(upload_of(file)).of_file();
                Err(failure.hint("a file changed while it was sent: run it again"))
            }
        }
    }

    /// Explains a write that was declined. If its condition did not hold, the object may be our own: a first try can
    /// have arrived although its answer was lost.
    pub(super) async fn settle<E>(
        &self,
        file: &File,
        error: &SdkError<E, HttpResponse>,
    ) -> Result<Etag, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let doing = upload_of(file);
        // The answer to a condition on a missing object, or to a copy of one.
        let is_gone = error.code() == Some("NoSuchKey");
        if !is_gone && !aws::is_condition(error) {
            return Err(aws::explain_write(doing, error));
        }
        let Some((etag, headers)) = self.head(&file.key).await? else {
            return Err(changed(
                failed(doing),
                "somebody else deleted it since the bucket was listed",
            ));
        };
        let is_ours = headers == file.headers
            && (file.digest.proves(&etag) || self.holds(&file.key, &etag, file).await?);
        match is_ours {
            true => Ok(etag),
            false => Err(changed(failed(doing), WRITTEN_SINCE)),
        }
    }

    /// Whether an object has the bytes of a file, if its ETag does not show it: the object is read.
    pub(super) async fn holds(&self, key: &str, etag: &Etag, file: &File) -> Result<bool, Failure> {
        let reading = || format!("failed to read `{key}`");
        let request = self.client.get_object().bucket(&self.name).key(key).if_match(quoted(etag));
        let object = request.send().await;
        let mut object = match object {
            Ok(object) => object,
            // It has been replaced by now.
            Err(error) if aws::is_condition(&error) => return Ok(false),
            Err(error) => return Err(aws::explain(reading(), &error)),
        };
        if object.content_length.and_then(|length| u64::try_from(length).ok()) != Some(file.size) {
            return Ok(false);
        }
        let mut md5 = Md5::new();
        let read = take(&mut object.body, |bytes| {
            md5.update(bytes);
            true
        });
        read.await.map_err(|error| failed(reading()).because(&*error))?;
        Ok(<[u8; 16]>::from(md5.finalize()) == file.digest.md5)
    }

    /// The ETag of a written object. If the store did not return it, it is requested. It is a failure if the object
    /// does not exist, or if the ETag is that of no bytes although the file has some.
    pub(super) async fn told(&self, file: &File, etag: Etag) -> Result<Etag, Failure> {
        let etag = match etag.is_missing() {
            true => match self.head(&file.key).await? {
                Some((etag, _)) => etag,
                None => return Err(not_stored(upload_of(file))),
            },
            false => etag,
        };
        match file.size > 0 && etag.is_of_nothing() {
            true => Err(not_stored(upload_of(file))),
            false => Ok(etag),
        }
    }

    /// Uploads a large file one part at a time, so that no more than one part is in memory.
    ///
    /// If the upload fails or is stopped, it is aborted: its parts would cost money, but nobody could see them.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>
    async fn put_parts(
        &self,
        file: &File,
        path: &Path,
        parts: &PartDigests,
        replaces: Option<&Etag>,
        stop: &Stop,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Option<Result<Etag, Failure>> {
        let upload = match self.begin(file).await {
            Ok(Some(upload)) => upload,
            Ok(None) => return self.put_streamed(file, path, replaces, stop, sent).await,
            Err(failure) => return Some(Err(failure)),
        };
        let written = tokio::select! {
            biased;
            () = stop.told() => None,
            written = self.write_parts(file, path, parts, &upload, sent) => Some(written),
        };
        let done = match written {
            Some(Ok(completed)) => Some(self.complete(file, &upload, completed, replaces).await),
            Some(Err(failure)) => Some(Err(failure)),
            None => None,
        };
        if !matches!(done, Some(Ok(_))) {
            // The first failure is the one to report. If the abort fails, the next run removes the parts.
            let _ = self.abort(&file.key, &upload).await;
        }
        done
    }

    /// Uploads a large file in one request, for a store that does not support parts.
    async fn put_streamed(
        &self,
        file: &File,
        path: &Path,
        replaces: Option<&Etag>,
        stop: &Stop,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Option<Result<Etag, Failure>> {
        let optional = optional(replaces);
        let put = self.can.negotiate(&optional, async |uses| {
            let body = ByteStream::from_path(path).await.map_err(SdkError::construction_failure)?;
            self.put_body(file, body, replaces, uses).await
        });
        let put = tokio::select! {
            biased;
            () = stop.told() => return None,
            put = put => put,
        };
        let etag = match put {
            Ok(put) => self.verified(file, unquoted(put.e_tag.as_deref())).await,
            Err(error) => self.settle(file, &error).await,
        };
        if etag.is_ok() {
            sent(file.size);
        }
        Some(etag)
    }

    /// Begins an upload in parts; `None` if the store does not support it.
    async fn begin(&self, file: &File) -> Result<Option<String>, Failure> {
        if !self.can.has(Capability::Multipart) {
            return Ok(None);
        }
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(&*file.key)
            .customize()
            .mutate_request(add_headers(&file.headers))
            .send()
            .await;
        match begun {
            Ok(begun) if begun.upload_id.is_some() => Ok(begun.upload_id),
            Ok(_) => {
                Err(failed(upload_of(file)).hint("the store did not name the multipart upload"))
            }
            Err(error) if declines(&error) && file.size <= LARGEST_PUT => {
                self.can.lack(Capability::Multipart);
                Ok(None)
            }
            Err(error) => Err(aws::explain_write(upload_of(file), &error)),
        }
    }

    async fn write_parts(
        &self,
        file: &File,
        path: &Path,
        parts: &PartDigests,
        upload: &str,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<CompletedPart>, Failure> {
        let mut completed = Vec::with_capacity(parts.md5.len());
        for (index, md5) in parts.md5.iter().enumerate() {
            let offset = index as u64 * parts.size;
            let length = parts.size.min(file.size - offset);
            let number = index as i32 + 1;
            let body = read_range(path, offset, length).await?;
            let send = |uses: Uses| {
                let md5 = uses.has(Capability::ContentMd5).then(|| base64(md5));
                self.client
                    .upload_part()
                    .bucket(&self.name)
                    .key(&*file.key)
                    .upload_id(upload)
                    .part_number(number)
                    .set_content_md5(md5)
                    .body(ByteStream::from(body.clone()))
                    .send()
            };
            let part = self.can.negotiate(&[Capability::ContentMd5], send).await;
            let part = part.map_err(|error| aws::explain_write(upload_of(file), &error))?;
            if length > 0 && unquoted(part.e_tag.as_deref()).is_of_nothing() {
                return Err(not_stored(upload_of(file)));
            }
            completed
                .push(CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build());
            sent(length);
        }
        Ok(completed)
    }

    async fn complete(
        &self,
        file: &File,
        upload: &str,
        parts: Vec<CompletedPart>,
        replaces: Option<&Etag>,
    ) -> Result<Etag, Failure> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.name).key(&*file.key);
        let request = request.upload_id(upload).multipart_upload(parts);
        let request = request;
        let send = |uses: Uses| {
            let (absent, etag) = condition(replaces, uses);
            request.clone().set_if_none_match(absent).set_if_match(etag).send()
        };
        match self.can.negotiate(&optional(replaces)[..1], send).await {
            Ok(done) => self.verified(file, unquoted(done.e_tag.as_deref())).await,
            Err(error) => self.settle(file, &error).await,
        }
    }
}

/// The largest object that one request can send, in bytes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>
const LARGEST_PUT: u64 = 5 << 30;

/// What an upload can do without. The condition comes first.
fn optional(replaces: Option<&Etag>) -> [Capability; 2] {
    let condition = match replaces {
        Some(_) => Capability::ConditionalReplace,
        None => Capability::ConditionalCreate,
    };
    [condition, Capability::ContentMd5]
}

/// `If-None-Match` and `If-Match` of an upload.
fn condition(replaces: Option<&Etag>, uses: Uses) -> (Option<String>, Option<String>) {
    let [needed, _] = optional(replaces);
    match replaces {
        _ if !uses.has(needed) => (None, None),
        Some(etag) => (None, Some(quoted(etag))),
        None => (Some("*".to_owned()), None),
    }
}

/// The failure for a store that accepts a write but stores something else.
pub(super) fn not_stored(doing: String) -> Failure {
    let mut failure = failed(doing);
    failure
        .causes
        .push("the store reported success, but stored other bytes than were sent".to_owned());
    failure.hint("look at what stands between this machine and the store (a proxy, a gateway) and at the store's disk and log, then run it again")
}

/// The failure for a bucket that is not as it was listed.
pub(super) fn changed(mut failure: Failure, what: &str) -> Failure {
    failure.causes.push(what.to_owned());
    failure.hint("look at who else writes to this bucket, then run it again: it plans against what is there now")
}

pub(super) fn quoted(etag: &Etag) -> String {
    format!("\"{etag}\"")
}

/// Whether the SDK has names of its own for the headers, and sends their values unchanged. This holds for all except
/// `expires`, a date that can be written in three ways.
fn has_names(headers: &Headers) -> bool {
    headers.get("expires").is_none()
}

/// Sets the headers by those names.
fn with_headers(mut request: PutObjectFluentBuilder, headers: &Headers) -> PutObjectFluentBuilder {
    for (name, value) in headers.iter() {
        request = match name {
            "cache-control" => request.cache_control(value),
            "content-disposition" => request.content_disposition(value),
            "content-encoding" => request.content_encoding(value),
            "content-language" => request.content_language(value),
            "content-type" => request.content_type(value),
            REDIRECT => request.website_redirect_location(value),
            _ => request.metadata(name.strip_prefix(META).unwrap_or(name), value),
        };
    }
    request
}

/// Adds headers as written in the configuration, which has checked them: single PUTs and multipart uploads accept the
/// same ones, under their own names.
pub(super) fn add_headers(headers: &Headers) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    let headers = headers.clone();
    move |request| {
        for (name, value) in headers.iter() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
    }
}

/// `DeleteObjects` requires a checksum. The SDK sends a CRC, which older stores decline; all stores verify an MD5.
pub(super) fn only_content_md5(request: &mut HttpRequest) {
    let Some(body) = request.body().bytes() else { return };
    let md5 = base64(&Md5::digest(body).into());
    let headers = request.headers_mut();
    headers.insert("content-md5", md5);
    headers.remove("x-amz-checksum-crc32");
    headers.remove("x-amz-sdk-checksum-algorithm");
}

pub(super) fn headers_of(head: &HeadObjectOutput) -> Headers {
    let mut headers = Headers::default();
    let fields = [
        ("cache-control", &head.cache_control),
        ("content-disposition", &head.content_disposition),
        ("content-encoding", &head.content_encoding),
        ("content-language", &head.content_language),
        ("content-type", &head.content_type),
        ("expires", &head.expires_string),
        (REDIRECT, &head.website_redirect_location),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            headers.set(name, value);
        }
    }
    for (name, value) in head.metadata.iter().flatten() {
        headers.set(&format!("{META}{name}"), value);
    }
    headers
}

/// Reads a part of a file on a thread that may block.
async fn read_range(path: &Path, offset: u64, length: u64) -> Result<Bytes, Failure> {
    use std::io::{Read, Seek, SeekFrom};
    let owned = path.to_owned();
    let read = move || -> std::io::Result<Vec<u8>> {
        let mut file = limits::open(|| std::fs::File::open(&owned))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length as usize);
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let doing = || failed(format!("failed to read `{}`", path.display())).of_file();
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(bytes)) if bytes.len() as u64 == length => Ok(bytes.into()),
        Ok(Ok(_)) => {
            Err(doing().hint("it became shorter while the site was deployed: run it again"))
        }
        Ok(Err(error)) => Err(doing().because(&error)),
        Err(error) => Err(doing().because(&error)),
    }
}

pub(super) fn upload_of(file: &File) -> String {
    format!("failed to upload `{}`", file.key)
}

pub(super) fn unquoted(etag: Option<&str>) -> Etag {
    Etag::sent(etag)
}

/// An MD5 in the format of `Content-MD5`.
pub(super) fn base64(md5: &[u8; 16]) -> String {
    aws_smithy_types::base64::encode(md5)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::base::headers::KNOWN;
    use crate::base::key::Prefix;
    use crate::bucket::{Store, connect_local};

    #[test]
    fn each_header_but_a_date_has_a_name_of_the_sdk() {
        let store = Store {
            endpoint: "http://127.0.0.1:1",
            region: "us-east-1",
            access_key_id: "key",
            secret_access_key: "secret",
        };
        let bucket = connect_local("example", &Prefix::default(), &store);
        let mut headers = Headers::default();
        for name in KNOWN.iter().filter(|name| **name != "expires") {
            headers.set(name, *name);
        }
        headers.set("x-amz-meta-team", "docs");
        assert!(has_names(&headers));
        let request = with_headers(bucket.client.put_object(), &headers);
        let input = request.as_input();
        for (field, name) in [
            (input.get_cache_control(), "cache-control"),
            (input.get_content_disposition(), "content-disposition"),
            (input.get_content_encoding(), "content-encoding"),
            (input.get_content_language(), "content-language"),
            (input.get_content_type(), "content-type"),
            (input.get_website_redirect_location(), REDIRECT),
        ] {
            assert_eq!(field.as_deref(), Some(name));
        }
        let team = HashMap::from([("team".to_owned(), "docs".to_owned())]);
        assert_eq!(*input.get_metadata(), Some(team), "and nothing else");
        headers.set("expires", "Wed, 21 Oct 2037 07:28:00 GMT");
        assert!(!has_names(&headers));
    }
}
