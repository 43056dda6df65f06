//! Makes certain that a written object holds the bytes of its file: by its ETag, or by reading it.
//!
//! A store's answer to a write can mislead. A store may say that it wrote and have stored something else, and a write
//! may have succeeded although its answer was lost and the next try was declined.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use md5::{Digest as _, Md5};

use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::bucket::body::take;
use crate::bucket::capabilities::Capability;
use crate::bucket::failures::{WRITTEN_SINCE, changed, not_stored, reading, upload_of};
use crate::bucket::{Bucket, aws};
use crate::site::File;

impl Bucket {
    /// The ETag of a file that was written, or why it was not: `answer` is the store's answer, with the ETag.
    pub(super) async fn written<E>(
        &self,
        file: &File,
        answer: Result<Option<String>, SdkError<E, HttpResponse>>,
    ) -> Result<Etag, Failure>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match answer {
            Ok(etag) => self.verified(file, Etag::sent(etag.as_deref())).await,
            Err(error) => self.settle(file, &error).await,
        }
    }

    /// The ETag of a written object, once it is certain that the object holds the file's bytes. If the store could not
    /// verify them, or answers with the MD5 of something else, the bytes are compared.
    async fn verified(&self, file: &File, etag: Etag) -> Result<Etag, Failure> {
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
    pub(in crate::bucket) async fn settle<E>(
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
    pub(in crate::bucket) async fn holds(
        &self,
        key: &str,
        etag: &Etag,
        file: &File,
    ) -> Result<bool, Failure> {
        let request = self.client.get_object().bucket(&self.name).key(key).if_match(etag.quoted());
        let object = request.send().await;
        let mut object = match object {
            Ok(object) => object,
            // It has been replaced by now.
            Err(error) if aws::is_condition(&error) => return Ok(false),
            Err(error) => return Err(aws::explain(reading(key), &error)),
        };
        if object.content_length.and_then(|length| u64::try_from(length).ok()) != Some(file.size) {
            return Ok(false);
        }
        let mut md5 = Md5::new();
        let read = take(&mut object.body, |bytes| {
            md5.update(bytes);
            true
        });
        read.await.map_err(|error| failed(reading(key)).because(&*error))?;
        Ok(<[u8; 16]>::from(md5.finalize()) == file.digest.md5)
    }

    /// The ETag of a written object. If the store did not return it, it is requested. It is a failure if the object
    /// does not exist, or if the ETag is that of no bytes although the file has some.
    pub(in crate::bucket) async fn told(&self, file: &File, etag: Etag) -> Result<Etag, Failure> {
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
}
