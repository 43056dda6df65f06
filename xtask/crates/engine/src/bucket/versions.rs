//! Earlier versions that a bucket keeps of objects that were overwritten or deleted.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>

use aws_sdk_s3::types::{EncodingType, ObjectVersion};

use super::capabilities::declines;
use super::decode::decode;
use super::pages::Pages;
use super::{Bucket, aws};
use crate::base::error::Failure;
use crate::base::etag::Etag;

/// A version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub id: String,
    /// In bytes.
    pub size: u64,
}

/// The message for a bucket that has no version from an earlier deploy.
pub const NO_VERSIONS: &str = "the bucket keeps no versions of that deploy";

impl Bucket {
    /// The newest version of an object with this ETag. All versions with the same ETag have the same bytes.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>
    pub(crate) async fn version(&self, key: &str, etag: &Etag) -> Result<Option<Version>, Failure> {
        let doing = || format!("failed to list the versions of `{key}`");
        let mut pages = Pages::of(doing());
        while let Some(place) = pages.next() {
            let (key_marker, id_marker) = place.unzip();
            let request = self.client.list_object_versions().bucket(&self.name).prefix(key);
            let page = request
                .encoding_type(EncodingType::Url)
                .set_key_marker(key_marker)
                .set_version_id_marker(id_marker)
                .customize()
                .config_override(aws::config_of_answer())
                .send()
                .await
                .map_err(|error| match declines(&error) {
                    true => aws::explain(NO_VERSIONS.to_owned(), &error),
                    false => aws::explain(doing(), &error),
                })?;
            let encoded = page.encoding_type() == Some(&EncodingType::Url);
            let is_this = |found: Option<&str>| found.is_some_and(|k| decode(k, encoded) == key);
            let is_found = |version: &&ObjectVersion| {
                is_this(version.key()) && Etag::sent(version.e_tag()) == *etag
            };
            let found = page.versions().iter().find(is_found);
            if let Some((version, id)) = found.and_then(|found| Some((found, found.version_id()?)))
            {
                let size = version.size().and_then(|size| size.try_into().ok()).unwrap_or_default();
                return Ok(Some(Version { id: id.to_owned(), size }));
            }
            // The versions of a key come before those of longer keys that begin with it.
            let next_key = page.next_key_marker().filter(|_| page.is_truncated() == Some(true));
            if next_key.is_some_and(|next| !is_this(Some(next))) {
                return Ok(None);
            }
            let next = next_key.and(page.next_version_id_marker.clone());
            let next = next.map(|id| (key.to_owned(), id));
            pages.answered(page.versions().len(), page.is_truncated, next)?;
        }
        Ok(None)
    }
}
