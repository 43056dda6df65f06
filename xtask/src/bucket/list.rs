//! What the bucket holds now. A listing that broke off is no listing: what it left out would look
//! deleted or new, so an error on any page is the error of the whole.

use std::collections::HashSet;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::EncodingType;

use super::Bucket;
use crate::aws;
use crate::error::{Failure, failed};
use crate::etag::Etag;
use crate::event::{Event, Tell};
use crate::key::{self, OWN_FOLDER};
use crate::sorted::Sorted;

/// Every object under the prefix, by key, without the tool's own.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub objects: Sorted<Object>,
    /// Folders below the prefix that hold a record of their own: other deploys' places, whatever
    /// `deploy.toml` of this branch knows of them.
    pub others: Vec<String>,
    /// The ETag of this prefix's own record.
    pub record: Option<Etag>,
    /// The ETag of what says that a deploy was begun.
    pub begun: Option<Etag>,
    /// The names of the earlier deploys whose records are kept, in the order of the deploys.
    pub earlier: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub etag: Etag,
    /// In bytes.
    pub size: u64,
    pub modified: LastModified,
}

/// When the store wrote an object, by the store's own clock, in seconds since 1970: a listing may tell finer
/// times, but the header of an answer does not, and the two are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastModified(u64);

impl LastModified {
    pub fn of_seconds(seconds: u64) -> LastModified {
        LastModified(seconds)
    }

    pub fn of(time: Option<&DateTime>) -> LastModified {
        LastModified(time.map_or(0, |time| time.secs().try_into().unwrap_or_default()))
    }
}

impl Listing {
    /// The listing as it would be after objects were written and deleted.
    pub fn after(
        mut self,
        written: impl Iterator<Item = (Box<str>, Object)>,
        deleted: &[String],
    ) -> Listing {
        if !deleted.is_empty() {
            let gone: HashSet<&str> = deleted.iter().map(String::as_str).collect();
            self.objects = self.objects.filter(|key, _| !gone.contains(key));
        }
        self.objects.extend(written);
        self
    }
}

impl Bucket {
    /// Lists everything under the prefix, page after page.
    pub async fn list(&self, tell: &Tell) -> Result<Listing, Failure> {
        let doing = || format!("failed to list `{}`", self.name);
        let mut listing = Listing::default();
        let mut token = None;
        loop {
            let request = self.client.list_objects_v2().bucket(&self.name);
            let page = request
                .set_prefix(Some(self.prefix.as_str().to_owned()).filter(|p| !p.is_empty()))
                .encoding_type(EncodingType::Url)
                .set_continuation_token(token)
                .set_expected_bucket_owner(self.owner.clone())
                .send()
                .await
                .map_err(|error| aws::explain(doing(), &error))?;
            self.add(&page, &mut listing).map_err(|hint| failed(doing()).hint(hint))?;
            tell.tell(Event::Listing { objects: listing.objects.len() as u64 });
            match (page.is_truncated(), page.next_continuation_token) {
                (Some(true), Some(next)) => token = Some(next),
                (Some(true), None) => {
                    return Err(failed(doing())
                        .hint("the store cut the listing and did not say where it goes on"));
                }
                _ => break,
            }
        }
        listing.objects.shrink();
        tell.tell(Event::Listed { objects: listing.objects.len() as u64 });
        Ok(listing)
    }

    /// Adds a page to the listing, or says what is wrong with it.
    fn add(&self, page: &ListObjectsV2Output, listing: &mut Listing) -> Result<(), String> {
        let own = self.prefix.join(OWN_FOLDER);
        let record = format!("{OWN_FOLDER}{}", key::RECORD);
        let encoded = page.encoding_type() == Some(&EncodingType::Url);
        let mut objects = Vec::with_capacity(page.contents().len());
        for object in page.contents() {
            let key = decode(object.key().unwrap_or_default(), encoded);
            if !key.starts_with(self.prefix.as_str()) {
                let prefix = &self.prefix;
                return Err(format!(
                    "the store answered with `{key}`, which is not under `{prefix}`"
                ));
            }
            let etag: Etag = object.e_tag().unwrap_or_default().trim_matches('"').into();
            if let Some(name) = key.strip_prefix(&own) {
                if name == key::RECORD {
                    listing.record = Some(etag.clone());
                }
                if name == key::BEGUN {
                    listing.begun = Some(etag);
                }
                let earlier = name.strip_prefix(key::EARLIER).filter(|name| key::is_deploy(name));
                listing.earlier.extend(earlier.map(str::to_owned));
                continue;
            }
            if let Some(folder) = key.strip_suffix(&record) {
                listing.others.push(folder.to_owned());
            }
            let size = object.size().and_then(|size| size.try_into().ok()).unwrap_or_default();
            let modified = LastModified::of(object.last_modified());
            objects.push((key, Object { etag, size, modified }));
        }
        listing.objects.extend(objects);
        Ok(())
    }
}

/// Keys are asked for in URL encoding, since XML cannot hold every character of a key; in it, `+` is a
/// space. A store that does not know the option does not name it in its answer.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub(super) fn decode(key: &str, encoded: bool) -> String {
    if !encoded {
        return key.to_owned();
    }
    percent_encoding::percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod properties;
