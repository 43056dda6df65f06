//! Writes objects without sending their bytes: the store copies what it has, either an object onto itself with other
//! headers, or an earlier version of it in place of the current one.
//!
//! A copy that replaces one header replaces them all, so all are restated.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>

use aws_sdk_s3::Config;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::copy_object::CopyObjectError;
use aws_sdk_s3::operation::copy_object::builders::CopyObjectFluentBuilder;
use aws_sdk_s3::types::MetadataDirective;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::body::take;
use super::capabilities::{Capability, Uses, declines};
use super::failures::{WRITTEN_SINCE, changed, explain_own_write, reading, upload_of};
use super::{Bucket, object_headers};
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::base::hint::{Command, Hint, Subcommand};
use crate::bucket::aws;
use crate::site::File;

/// The largest object that one copy accepts, in bytes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/copy-object.html>
pub const LARGEST_COPY: u64 = 5 << 30;

/// The result of a copy in place.
pub enum CopyOutcome {
    Done(Etag),
    /// The store does not copy, or not for this caller, who may still be allowed to write.
    CannotCopy,
}

impl Bucket {
    /// Gives an object the headers of the file, if it still has this ETag.
    pub(crate) async fn restate(&self, file: &File, etag: &Etag) -> Result<CopyOutcome, Failure> {
        if file.size > LARGEST_COPY || !self.can.has(Capability::Copy) {
            return Ok(CopyOutcome::CannotCopy);
        }
        let source = |uses: Uses| {
            let etag = uses.has(Capability::ConditionalCopy).then(|| etag.quoted());
            self.copy(file, self.copy_request(file, None).set_copy_source_if_match(etag))
        };
        match self.can.negotiate(&[Capability::ConditionalCopy], source).await {
            Ok(copied) => {
                let copied = self.told(file, copied).await?;
                // A store that ignores the condition may have copied an object that somebody else wrote meanwhile. The
                // ETag of the copy shows this, if ETags of this store show the content.
                let is_telling = self.gives_md5s() || file.digest.proves(etag);
                let is_same = copied == *etag || file.digest.proves(&copied);
                match is_telling && !is_same && !self.holds(&file.key, &copied, file).await? {
                    true => Err(changed(failed(upload_of(file)), WRITTEN_SINCE)),
                    false => Ok(CopyOutcome::Done(copied)),
                }
            }
            Err(error) if self.cannot_copy(&error) => Ok(CopyOutcome::CannotCopy),
            Err(error) => self.settle(file, &error).await.map(CopyOutcome::Done),
        }
    }

    /// Writes a version of an object again, with the headers of the file. `replaces` means the same as in
    /// [`Bucket::put`].
    pub(super) async fn put_version(
        &self,
        file: &File,
        version: Option<&str>,
        replaces: Option<&Etag>,
    ) -> Result<Etag, Failure> {
        if !self.can.has(Capability::Copy) {
            return self.put_read(file, version, replaces).await;
        }
        let send = |uses: Uses| {
            let is_conditional = uses.has(Capability::ConditionalCopy);
            let etag = replaces.filter(|_| is_conditional).map(Etag::quoted);
            let absent = (is_conditional && replaces.is_none()).then_some("*".to_owned());
            let request = self.copy_request(file, version);
            self.copy(file, request.set_if_match(etag).set_if_none_match(absent))
        };
        match self.can.negotiate(&[Capability::ConditionalCopy], send).await {
            Ok(etag) => self.told(file, etag).await,
            Err(error) if self.cannot_copy(&error) => match file.size <= LARGEST_READ {
                true => self.put_read(file, version, replaces).await,
                false => Err(aws::explain(upload_of(file), &error).hint(no_copies())),
            },
            Err(error) => self.settle(file, &error).await,
        }
    }

    /// Reads a version of an object and writes it again, for a store that does not copy.
    async fn put_read(
        &self,
        file: &File,
        version: Option<&str>,
        replaces: Option<&Etag>,
    ) -> Result<Etag, Failure> {
        if file.size > LARGEST_READ {
            return Err(failed(upload_of(file)).hint(no_copies()));
        }
        let reading = || reading(&file.key);
        let request = self.client.get_object().bucket(&self.name).key(&*file.key);
        let request = request.set_version_id(version.map(str::to_owned));
        let object = request.send().await;
        let mut object = object.map_err(|error| aws::explain(reading(), &error))?;
        let mut body = Vec::new();
        let read = take(&mut object.body, |bytes| {
            body.extend_from_slice(bytes);
            body.len() as u64 <= file.size
        });
        read.await.map_err(|error| failed(reading()).because(&*error))?;
        self.put_bytes(file, body.into(), replaces).await
    }

    fn copy_request(&self, file: &File, version: Option<&str>) -> CopyObjectFluentBuilder {
        let encoded = |text| utf8_percent_encode(text, SOURCE).to_string();
        let mut source = format!("{}/{}", self.name, encoded(&file.key));
        if let Some(version) = version {
            source += &format!("?versionId={}", encoded(version));
        }
        self.client
            .copy_object()
            .bucket(&self.name)
            .key(&*file.key)
            .copy_source(source)
            .metadata_directive(MetadataDirective::Replace)
    }

    async fn copy(&self, file: &File, request: CopyObjectFluentBuilder) -> Result<Etag, Refused> {
        let copied = request
            .customize()
            // The store answers only after it has copied.
            .config_override(Config::builder().timeout_config(aws::timeouts_for_copy(file.size)))
            .mutate_request(object_headers::add(&file.headers))
            .send()
            .await?;
        let etag = copied.copy_object_result.and_then(|result| result.e_tag);
        Ok(Etag::sent(etag.as_deref()))
    }

    /// Copies an object in the tool's own folder to another name there; `false` if the store does not copy.
    pub(crate) async fn copy_own(
        &self,
        from: &str,
        to: &str,
        etag: &Etag,
    ) -> Result<bool, Failure> {
        let (from, to) = (self.own_key(from), self.own_key(to));
        let source = format!("{}/{}", self.name, utf8_percent_encode(&from, SOURCE));
        if !self.can.has(Capability::Copy) {
            return Ok(false);
        }
        let send = |uses: Uses| {
            let etag = uses.has(Capability::ConditionalCopy).then(|| etag.quoted());
            let request =
                self.client.copy_object().bucket(&self.name).key(&to).copy_source(&source);
            request.set_copy_source_if_match(etag).send()
        };
        match self.can.negotiate(&[Capability::ConditionalCopy], send).await {
            Ok(_) => Ok(true),
            Err(error) if self.cannot_copy(&error) => Ok(false),
            Err(error) => {
                Err(explain_own_write(format!("failed to copy `{from}` to `{to}`"), &error))
            }
        }
    }

    /// Whether the store declines copying in general, and not the copy of this object: an unknown operation or header,
    /// or a missing right to read.
    fn cannot_copy(&self, error: &Refused) -> bool {
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        let everybodys = error.as_service_error().is_some_and(aws::is_everybodys_error);
        // A store may answer 411 because a copy has no body and therefore no length.
        if declines(error) && matches!(status, Some(405 | 411 | 501)) {
            self.can.lack(Capability::Copy);
        }
        matches!(status, Some(400 | 403 | 405 | 411 | 501)) && !everybodys
    }
}

fn no_copies() -> Hint {
    let text = "the store may not be asked to copy what it holds (s3:GetObject, s3:GetObjectVersion); check the commit out and deploy it: git switch --detach COMMIT, then ";
    Hint::from(text).then(Command::of(Subcommand::Deploy).in_environment("NAME"))
}

type Refused = SdkError<CopyObjectError, HttpResponse>;

/// The characters that are not escaped in the name of a source.
const SOURCE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The largest version that is read and written again if the store does not copy: it is held in memory.
const LARGEST_READ: u64 = 64 << 20;
