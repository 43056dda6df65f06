//! Multipart uploads that were begun but never ended. A killed deploy leaves them behind. Their parts cost money, but
//! nobody can see them.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::EncodingType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::capabilities::{Capability, declines};
use super::decode::decode;
use super::pages::Pages;
use super::{Bucket, aws};
use crate::base::error::Failure;

/// An upload that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    pub key: String,
    pub(crate) id: String,
}

impl Bucket {
    /// The unfinished uploads below the prefix. The caller must hold the lock: then no other deploy is in the middle of
    /// an upload, so all of them are abandoned.
    ///
    /// If the credentials may not list uploads, or the store cannot, there are none here; then a lifecycle rule of the
    /// bucket must end them.
    pub async fn unfinished(&self) -> Result<Vec<Unfinished>, Failure> {
        let doing = || format!("failed to list the unfinished uploads of `{}`", self.name);
        let (mut found, mut pages) = (Vec::new(), Pages::of(doing()));
        while let Some(place) = pages.next() {
            let (key, upload) = place.unzip();
            let request = self.client.list_multipart_uploads().bucket(&self.name);
            let sent = request
                .set_prefix(self.listed_prefix())
                .encoding_type(EncodingType::Url)
                .set_key_marker(key)
                .set_upload_id_marker(upload.flatten())
                .customize()
                .config_override(aws::config_of_answer())
                .send()
                .await;
            let page = match sent {
                Ok(page) => page,
                Err(error) if declines(&error) => {
                    self.can.lack(Capability::ListUploads);
                    return Ok(Vec::new());
                }
                Err(error) if cannot_list(&error) => return Ok(Vec::new()),
                Err(error) => return Err(aws::explain(doing(), &error)),
            };
            let encoded = page.encoding_type() == Some(&EncodingType::Url);
            let next = page.next_key_marker().map(|key| decode(key, encoded));
            let next = next.map(|key| (key, page.next_upload_id_marker.clone()));
            pages.answered(page.uploads().len(), page.is_truncated, next)?;
            let named = page.uploads().iter().filter_map(|u| Some((u.key()?, u.upload_id()?)));
            let decoded =
                |(key, id): (&str, &str)| Unfinished { key: decode(key, encoded), id: id.into() };
            found.extend(named.map(decoded).filter(|u| u.key.starts_with(self.prefix.as_str())));
        }
        Ok(found)
    }

    pub async fn abort_all(&self, uploads: &[Unfinished]) -> Result<(), Failure> {
        for upload in uploads {
            self.abort(&upload.key, &upload.id).await?;
        }
        Ok(())
    }

    /// Aborts a multipart upload. It is no error if it has ended meanwhile.
    pub(super) async fn abort(&self, key: &str, upload: &str) -> Result<(), Failure> {
        let request = self.client.abort_multipart_upload().bucket(&self.name).key(key);
        let request = request.upload_id(upload);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_upload()) => Ok(()),
            Err(error) => {
                Err(aws::explain(format!("failed to abort an upload of `{key}`"), &error))
            }
        }
    }
}

fn cannot_list<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let everybodys = error.as_service_error().is_some_and(aws::is_everybodys_error);
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    matches!(status, Some(403 | 404)) && !everybodys
}
