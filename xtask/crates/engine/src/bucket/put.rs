//! Sends files. Every body is sent with an MD5 that the scan or the last record proved, and the store verifies it. So
//! what was scanned, what was sent and what is stored are the same bytes, or there is an error.
//!
//! A file goes in one request, or in parts if it is large (`parts`). What is stored is then compared with the file if
//! the store's answer leaves a doubt (`verify`).

mod parts;
mod verify;

use std::path::Path;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use bytes::Bytes;

use super::capabilities::{Capability, Uses};
use super::{Bucket, aws, content_md5, object_headers};
use crate::base::cancel::Stop;
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::base::limits;
use crate::base::parts::{is_in_parts, part_size};
use crate::site::{File, Source};

impl Bucket {
    /// Waits until the line to the store can carry the largest request that sends a file. A copy inside of the store
    /// sends nothing.
    pub(crate) async fn body(&self, file: &File) -> aws::Body {
        let largest = match &file.source {
            Source::Disk(_) if is_in_parts(file.size) => part_size(file.size),
            Source::Disk(_) => file.size,
            Source::Bucket { .. } => 0,
        };
        self.watch.line.begin(largest).await
    }

    /// Writes a file of the site and returns its ETag. `replaces` is the ETag of the object on which the plan was
    /// based, or `None` if there was none. If the store honours the condition, an object that somebody else wrote since
    /// then is not overwritten.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
    ///
    /// `sent` is called with the number of bytes of each request that was answered. Returns `None` if the run was
    /// stopped in the middle of a large file.
    pub(crate) async fn put(
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
        match is_in_parts(file.size) {
            true => self.put_parts(file, &path, replaces, stop, sent).await,
            false => Some(self.put_whole(file, &path, replaces, sent).await),
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
        let send = |uses| self.put_body(file, ByteStream::from(body.clone()), replaces, uses);
        let put = self.can.negotiate(&optional(replaces), send).await;
        self.written(file, put.map(|put| put.e_tag)).await
    }

    async fn put_body(
        &self,
        file: &File,
        body: ByteStream,
        replaces: Option<&Etag>,
        uses: Uses,
    ) -> Result<PutObjectOutput, SdkError<PutObjectError, HttpResponse>> {
        let (absent, etag) = condition(replaces, uses);
        let md5 = uses.has(Capability::ContentMd5).then(|| content_md5::of(&file.digest.md5));
        let request = self.client.put_object().bucket(&self.name).key(&*file.key);
        let request = request.set_content_md5(md5).set_if_none_match(absent).set_if_match(etag);
        object_headers::send_put(request.body(body), &file.headers).await
    }
}

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
        Some(etag) => (None, Some(etag.quoted())),
        None => (Some("*".to_owned()), None),
    }
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
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(bytes)) if bytes.len() as u64 == length => Ok(bytes.into()),
        Ok(Ok(_)) => {
            Err(unreadable(path)
                .hint("it became shorter while the site was deployed: run it again"))
        }
        Ok(Err(error)) => Err(unreadable(path).because(&error)),
        Err(error) => Err(unreadable(path).because(&error)),
    }
}

fn unreadable(path: &Path) -> Failure {
    failed(format!("failed to read `{}`", path.display())).of_file()
}
