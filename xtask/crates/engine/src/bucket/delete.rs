//! Deletes objects, a thousand in a request if the store supports it.

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::delete_objects::{DeleteObjectsError, DeleteObjectsOutput};
use aws_sdk_s3::types::{self, ObjectIdentifier};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures_util::{StreamExt, stream};

use super::capabilities::{Capability, Uses};
use super::failures::{WRITTEN_SINCE, changed};
use super::{Bucket, content_md5};
use crate::base::error::{Failure, failed};
use crate::base::etag::Etag;
use crate::bucket::aws;

/// An object to delete, as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    pub key: String,
    pub etag: Etag,
    /// Whether visitors start from it. Such objects are deleted before the objects that they name.
    pub is_page: bool,
}

/// The most keys in one `DeleteObjects`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub const DELETES_PER_REQUEST: usize = 1000;

/// How many deletes of single objects are in progress at once.
const CONCURRENCY: usize = 32;

impl Bucket {
    /// Deletes at most `DELETES_PER_REQUEST` objects. If the store honours the condition, only objects that are still
    /// as they were listed are deleted. Returns those that were not deleted, each with the reason.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>
    pub(crate) async fn delete(&self, objects: &[Delete]) -> Vec<(String, Failure)> {
        let is_batched =
            |object: &&Delete| self.can.has(Capability::BatchDelete) && fits_in_xml(&object.key);
        let (batch, single): (Vec<&Delete>, Vec<&Delete>) = objects.iter().partition(is_batched);
        let mut failures = Vec::new();
        if !batch.is_empty() {
            failures.extend(self.delete_batch(&batch).await);
        }
        failures.extend(self.delete_singly(&single).await);
        failures
    }

    async fn delete_batch(&self, batch: &[&Delete]) -> Vec<(String, Failure)> {
        let optional = [Capability::ConditionalDelete, Capability::ContentMd5];
        let error = match self.can.negotiate(&optional, |uses| self.send_batch(batch, uses)).await {
            Ok(answer) => return answer.errors().iter().filter_map(delete_error).collect(),
            Err(error) => error,
        };
        let all = |objects: &[&Delete]| -> Vec<(String, Failure)> {
            let explained = |key: &str| aws::explain(delete_of(key), &error);
            objects.iter().map(|object| (object.key.clone(), explained(&object.key))).collect()
        };
        let (Some((first, rest)), true) = (batch.split_first(), is_of_batch(&error)) else {
            return all(batch);
        };
        // Another form of the same request shows whether it is the batch that the store declines.
        match self.delete_one(first).await {
            None => {
                self.can.lack(Capability::BatchDelete);
                self.delete_singly(rest).await
            }
            Some(failure) => std::iter::once(failure).chain(all(rest)).collect(),
        }
    }

    async fn send_batch(
        &self,
        batch: &[&Delete],
        uses: Uses,
    ) -> Result<DeleteObjectsOutput, SdkError<DeleteObjectsError, HttpResponse>> {
        let is_conditional = uses.has(Capability::ConditionalDelete);
        let has_md5 = uses.has(Capability::ContentMd5);
        let named = |object: &&Delete| {
            let etag = is_conditional.then(|| object.etag.quoted());
            ObjectIdentifier::builder().key(&object.key).set_e_tag(etag).build()
        };
        let objects: Result<Vec<_>, _> = batch.iter().map(named).collect();
        let delete = objects.and_then(|objects| {
            types::Delete::builder().set_objects(Some(objects)).quiet(true).build()
        });
        let delete = delete.map_err(SdkError::construction_failure)?;
        let request = self.client.delete_objects().bucket(&self.name).delete(delete);
        let request = request.customize();
        let add = move |request: &mut _| {
            if has_md5 {
                content_md5::replace_crc(request)
            }
        };
        request.mutate_request(add).send().await
    }

    async fn delete_singly(&self, objects: &[&Delete]) -> Vec<(String, Failure)> {
        let deletes = objects.iter().map(|object| self.delete_one(object));
        let mut deletes = stream::iter(deletes).buffered(CONCURRENCY);
        let mut failures = Vec::new();
        while let Some(failure) = deletes.next().await {
            failures.extend(failure);
        }
        failures
    }

    /// For a key that a batch cannot name, and for a store that knows no batches.
    async fn delete_one(&self, object: &Delete) -> Option<(String, Failure)> {
        let send = |uses: Uses| {
            let etag = uses.has(Capability::ConditionalDelete).then(|| object.etag.quoted());
            let request = self.client.delete_object().bucket(&self.name).key(&object.key);
            request.set_if_match(etag).send()
        };
        let error = self.can.negotiate(&[Capability::ConditionalDelete], send).await.err()?;
        let doing = delete_of(&object.key);
        let failure = match aws::is_condition(&error) {
            true => changed(failed(doing), WRITTEN_SINCE),
            false if aws::is_absent(&error) => return None,
            false => aws::explain(doing, &error),
        };
        Some((object.key.clone(), failure))
    }
}

/// Whether a batch was declined as a whole for a reason that may not affect the delete of a single object: the store
/// does not know the operation, or the answer is not valid.
fn is_of_batch(error: &SdkError<DeleteObjectsError, HttpResponse>) -> bool {
    let everybodys = error.as_service_error().is_some_and(aws::is_everybodys_error);
    let status = error.raw_response().map(|raw| raw.status().as_u16());
    matches!(status, Some(200..300 | 400 | 404 | 405 | 411 | 415 | 422 | 501)) && !everybodys
}

fn delete_of(key: &str) -> String {
    format!("failed to delete `{key}`")
}

/// Whether the XML of a batch can contain a key: a single invalid character would fail the whole batch.
/// <https://www.w3.org/TR/xml/#charsets>
fn fits_in_xml(key: &str) -> bool {
    !key.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// An answer with status 200 can still contain an error for each key. It is no error if the key is already gone.
fn delete_error(error: &types::Error) -> Option<(String, Failure)> {
    let key = error.key().unwrap_or_default().to_owned();
    let mut failure = failed(delete_of(&key));
    match error.code().unwrap_or("Unknown") {
        "NoSuchKey" => return None,
        "PreconditionFailed" => failure = changed(failure, WRITTEN_SINCE),
        code => failure.causes.push(format!("{code}: {}", error.message().unwrap_or("no message"))),
    }
    Some((key, failure))
}
