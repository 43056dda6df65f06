//! Earlier versions that a bucket keeps of objects that were overwritten or deleted.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>

use aws_sdk_s3::Config;
use aws_sdk_s3::types::EncodingType;

use super::Bucket;
use super::capabilities::declines;
use super::headway::{self, Headway, unreliable};
use super::list::decode;
use crate::base::error::Failure;
use crate::base::etag::Etag;
use crate::bucket::aws;

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
    pub async fn version(&self, key: &str, etag: &Etag) -> Result<Option<Version>, Failure> {
        let doing = || format!("failed to list the versions of `{key}`");
        let (mut key_marker, mut id_marker, mut headway) = (None, None, Headway::default());
        loop {
            let request = self.client.list_object_versions().bucket(&self.name).prefix(key);
            let page = request
                .encoding_type(EncodingType::Url)
                .set_key_marker(key_marker)
                .set_version_id_marker(id_marker)
                .customize()
                .config_override(Config::builder().timeout_config(aws::timeouts_of_answer()))
                .send()
                .await
                .map_err(|error| match declines(&error) {
                    true => aws::explain(NO_VERSIONS.to_owned(), &error),
                    false => aws::explain(doing(), &error),
                })?;
            let encoded = page.encoding_type() == Some(&EncodingType::Url);
            let is_this = |found: Option<&str>| found.is_some_and(|k| decode(k, encoded) == key);
            let found = page
                .versions()
                .iter()
                .find(|version| is_this(version.key()) && Etag::sent(version.e_tag()) == *etag);
            if let Some((version, id)) =
                found.and_then(|version| Some((version, version.version_id()?)))
            {
                let size = version.size().and_then(|size| size.try_into().ok()).unwrap_or_default();
                return Ok(Some(Version { id: id.to_owned(), size }));
            }
            // The versions of a key come before those of longer keys that begin with it.
            let next_key = headway::next(page.is_truncated(), page.next_key_marker());
            let next_key = next_key.map_err(|what| unreliable(doing(), what))?;
            if !is_this(next_key) {
                return Ok(None);
            }
            let next = headway::next(page.is_truncated(), page.next_version_id_marker())
                .and_then(|next| headway.goes_on(page.versions().len(), next).map(|()| next))
                .map_err(|what| unreliable(doing(), what))?;
            (key_marker, id_marker) = (Some(key.to_owned()), next.map(str::to_owned));
        }
    }
}
