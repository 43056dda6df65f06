//! Sends a large file in parts, one after another, so that no more than one part of it is in memory.
//!
//! The MD5s of the parts come from the scan. If the scan took the file's digest from the record, it has only the MD5 of
//! the whole. The parts are then hashed as they are read, and the upload is completed only if the whole has that MD5.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::path::Path;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::{condition, optional, read_range, unreadable};
use crate::base::cancel::Stop;
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::base::parts::part_size;
use crate::bucket::capabilities::{Capability, Uses, declines};
use crate::bucket::failures::{not_stored, upload_of};
use crate::bucket::{Bucket, aws, content_md5, object_headers};
use crate::site::File;

/// The largest object that one request can send, in bytes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>
const LARGEST_PUT: u64 = 5 << 30;

impl Bucket {
    /// Writes a large file. `None` if the run was stopped meanwhile.
    ///
    /// If the upload fails or is stopped, it is aborted, because parts cost money and no listing shows them.
    pub(super) async fn put_parts(
        &self,
        file: &File,
        path: &Path,
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
            written = self.write_parts(file, path, &upload, sent) => Some(written),
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
        let etag = self.written(file, put.map(|put| put.e_tag)).await;
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
            .mutate_request(object_headers::add(&file.headers))
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
        upload: &str,
        sent: &(dyn Fn(u64) + Sync),
    ) -> Result<Vec<CompletedPart>, Failure> {
        let known = file.digest.parts.as_deref().map(|parts| parts.0.as_slice());
        let (mut whole, mut completed, mut offset) = (Md5::new(), Vec::new(), 0);
        while offset < file.size {
            let length = part_size(file.size).min(file.size - offset);
            let body = read_range(path, offset, length).await?;
            let md5 = match known.and_then(|parts| parts.get(completed.len())) {
                Some(md5) => *md5,
                None => hash(&body, &mut whole, path).await?,
            };
            let number = completed.len() as i32 + 1;
            completed.push(self.write_part(file, upload, number, &md5, body).await?);
            sent(length);
            offset += length;
        }
        if known.is_none() && <[u8; 16]>::from(whole.finalize()) != file.digest.md5 {
            let changed = "it changed while the site was deployed: run it again";
            return Err(unreadable(path).hint(changed));
        }
        Ok(completed)
    }

    async fn write_part(
        &self,
        file: &File,
        upload: &str,
        number: i32,
        md5: &[u8; 16],
        body: Bytes,
    ) -> Result<CompletedPart, Failure> {
        let send = |uses: Uses| {
            self.client
                .upload_part()
                .bucket(&self.name)
                .key(&*file.key)
                .upload_id(upload)
                .part_number(number)
                .set_content_md5(uses.has(Capability::ContentMd5).then(|| content_md5::of(md5)))
                .body(ByteStream::from(body.clone()))
                .send()
        };
        let part = self.can.negotiate(&[Capability::ContentMd5], send).await;
        let part = part.map_err(|error| aws::explain_write(upload_of(file), &error))?;
        match !body.is_empty() && Etag::sent(part.e_tag.as_deref()).is_of_nothing() {
            true => Err(not_stored(upload_of(file))),
            false => Ok(CompletedPart::builder().part_number(number).set_e_tag(part.e_tag).build()),
        }
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
        let send = |uses: Uses| {
            let (absent, etag) = condition(replaces, uses);
            request.clone().set_if_none_match(absent).set_if_match(etag).send()
        };
        let done = self.can.negotiate(&optional(replaces)[..1], send).await;
        self.written(file, done.map(|done| done.e_tag)).await
    }
}

/// The MD5 of a part, which is also added to that of the `whole`. MD5 is slow, so a thread that may block computes it.
async fn hash(part: &Bytes, whole: &mut Md5, path: &Path) -> Result<[u8; 16], Failure> {
    let (part, mut all) = (part.clone(), whole.clone());
    let hashed = tokio::task::spawn_blocking(move || {
        all.update(&part);
        (Md5::digest(&part).into(), all)
    });
    let (md5, all) = hashed.await.map_err(|error| unreadable(path).because(&error))?;
    *whole = all;
    Ok(md5)
}
