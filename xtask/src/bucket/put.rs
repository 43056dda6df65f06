//! Writing objects. Every body goes with the MD5 that the scan took of it, and the store verifies it:
//! what was hashed, what was sent and what is stored are the same bytes or an error.

use std::path::Path;

use aws_sdk_s3::Config;
use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::Bucket;
use crate::aws;
use crate::error::{Failure, failed};
use crate::headers::{Headers, META};
use crate::site::{File, PartDigests};

impl Bucket {
    /// Writes a file of the site and returns its ETag, without quotes.
    ///
    /// `sent` is told of the bytes of each request that was answered.
    pub async fn put(&self, file: &File, sent: &(dyn Fn(u64) + Sync)) -> Result<String, Failure> {
        match &file.digest.parts {
            None => {
                let body = read_range(&file.path, 0, file.size).await?;
                let etag =
                    self.put_bytes(&file.key, body, Some(file.digest.md5), &file.headers).await?;
                sent(file.size);
                Ok(etag)
            }
            Some(parts) => self.put_parts(file, parts, sent).await,
        }
    }

    pub(super) async fn put_bytes(
        &self,
        key: &str,
        body: Bytes,
        md5: Option<[u8; 16]>,
        headers: &Headers,
    ) -> Result<String, Failure> {
        let md5 = md5.unwrap_or_else(|| Md5::digest(&body).into());
        let timeouts = aws::timeouts_for(body.len() as u64);
        let request = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .content_md5(base64(&md5))
            .set_expected_bucket_owner(self.owner.clone())
            .body(ByteStream::from(body))
            .customize()
            .config_override(Config::builder().timeout_config(timeouts))
            .mutate_request(add_headers(headers));
        let put = request
            .send()
            .await
            .map_err(|error| aws::explain(format!("failed to upload `{key}`"), &error))?;
        Ok(unquoted(put.e_tag.as_deref()))
    }

    /// A large file, a part at a time, so that no more than one part is in memory.
    ///
    /// An upload that fails is aborted: its parts would be paid for and be seen by nobody.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>
    async fn put_parts(
        &self,
        file: &File,
        parts: &PartDigests,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Result<String, Failure> {
        let upload = self.begin(file).await?;
        let written = self.write_parts(file, parts, &upload, sent).await;
        let done = match written {
            Ok(completed) => self.complete(file, &upload, completed).await,
            Err(failure) => Err(failure),
        };
        if done.is_err() {
            let abort = self.client.abort_multipart_upload().bucket(&self.name).key(&file.key);
            let abort = abort.upload_id(&upload).set_expected_bucket_owner(self.owner.clone());
            // The first failure is the one to tell; the next run aborts what is left over.
            let _ = abort.send().await;
        }
        done
    }

    async fn begin(&self, file: &File) -> Result<String, Failure> {
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(&file.key)
            .set_expected_bucket_owner(self.owner.clone())
            .customize()
            .mutate_request(add_headers(&file.headers))
            .send()
            .await
            .map_err(|error| aws::explain(upload_of(file), &error))?;
        begun.upload_id.ok_or_else(|| {
            failed(upload_of(file)).hint("the store did not name the multipart upload")
        })
    }

    async fn write_parts(
        &self,
        file: &File,
        parts: &PartDigests,
        upload: &str,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<CompletedPart>, Failure> {
        let mut completed = Vec::with_capacity(parts.md5.len());
        for (index, md5) in parts.md5.iter().enumerate() {
            let offset = index as u64 * parts.size;
            let length = parts.size.min(file.size - offset);
            let number = index as i32 + 1;
            let body = read_range(&file.path, offset, length).await?;
            let part = self
                .client
                .upload_part()
                .bucket(&self.name)
                .key(&file.key)
                .upload_id(upload)
                .part_number(number)
                .content_md5(base64(md5))
                .set_expected_bucket_owner(self.owner.clone())
                .body(ByteStream::from(body))
                .customize()
                .config_override(Config::builder().timeout_config(aws::timeouts_for(length)))
                .send()
                .await
                .map_err(|error| aws::explain(upload_of(file), &error))?;
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
    ) -> Result<String, Failure> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(&self.name).key(&file.key);
        let done = request
            .upload_id(upload)
            .multipart_upload(parts)
            .set_expected_bucket_owner(self.owner.clone())
            .send()
            .await
            .map_err(|error| aws::explain(upload_of(file), &error))?;
        Ok(unquoted(done.e_tag.as_deref()))
    }
}

/// Headers as they stand in the configuration, which has checked them: single PUTs and multipart uploads
/// take the same ones, under their own names.
fn add_headers(headers: &Headers) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    let headers = headers.clone();
    move |request| {
        for (name, value) in headers.iter() {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
    }
}

/// `DeleteObjects` wants a checksum, and older stores want it to be an MD5.
pub(super) fn add_content_md5(request: &mut HttpRequest) {
    if let Some(body) = request.body().bytes() {
        let md5: [u8; 16] = Md5::digest(body).into();
        request.headers_mut().insert("content-md5", base64(&md5));
    }
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
        let mut file = std::fs::File::open(owned)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length as usize);
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let doing = || failed(format!("failed to read `{}`", path.display()));
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(bytes)) if bytes.len() as u64 == length => Ok(bytes.into()),
        Ok(Ok(_)) => {
            Err(doing().hint("it became shorter while the site was deployed: run it again"))
        }
        Ok(Err(error)) => Err(doing().because(&error)),
        Err(error) => Err(doing().because(&error)),
    }
}

fn upload_of(file: &File) -> String {
    format!("failed to upload `{}`", file.key)
}

fn unquoted(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

fn base64(md5: &[u8; 16]) -> String {
    aws_smithy_types::base64::encode(md5)
}
