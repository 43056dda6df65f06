//! The folders of a bucket, which S3 calls common prefixes. They are listed only to look around, never to decide what
//! is written or deleted.

use aws_sdk_s3::types::EncodingType;

use super::decode::decode;
use super::{Bucket, aws};
use crate::base::error::Failure;

impl Bucket {
    /// The folders directly below the prefix, as whole keys that end in `/`: those of the first page, in the store's
    /// order. If the store does not support delimiters, there are none.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html>
    pub async fn folders(&self) -> Result<Vec<String>, Failure> {
        let prefix = self.prefix.as_str();
        let request = self.client.list_objects_v2().bucket(&self.name);
        let page = request
            .set_prefix(self.listed_prefix())
            .delimiter("/")
            .encoding_type(EncodingType::Url)
            .customize()
            .config_override(aws::config_of_answer())
            .send()
            .await
            .map_err(|error| {
                aws::explain(format!("failed to list the folders of `{}`", self.name), &error)
            })?;
        let encoded = page.encoding_type() == Some(&EncodingType::Url);
        let folders = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
        let folders = folders.map(|folder| decode(folder, encoded));
        Ok(folders.filter(|folder| folder.starts_with(prefix) && folder != prefix).collect())
    }
}
