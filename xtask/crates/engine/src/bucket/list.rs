//! What the bucket holds now. A listing that broke off is useless: objects missing from it would look deleted or new.
//! So an error on any page is an error of the whole.

use std::borrow::Cow;
use std::collections::HashSet;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use aws_sdk_s3::Config;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{self, EncodingType};
use futures_util::{StreamExt, stream};
use tokio::task::JoinHandle;

use super::Bucket;
use super::headway::{self, Headway, unreliable};
use crate::base::error::Failure;
use crate::base::etag::Etag;
use crate::base::event::{Amount, Stage, Tell};
use crate::base::sorted_map::SortedMap;
use crate::base::tool_folder::{self, Entry};
use crate::bucket::aws;

/// Every object under the prefix, by key, without the tool's own.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub objects: SortedMap<Object>,
    /// Folders below the prefix that hold a record of their own: they belong to other deploys, even if `deploy.toml` of
    /// this branch does not know them.
    pub others: Vec<String>,
    /// The ETag of this prefix's own record.
    pub record: Option<Etag>,
    /// The ETag of the object that says that a deploy was begun.
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

impl Object {
    /// Whether the object only makes a folder visible. Consoles and tools that know folders create such objects:
    /// `images/`, or Hadoop's `images_$folder$`. Visitors never see them, and some stores cannot delete them.
    pub(crate) fn is_folder_marker(&self, key: &str) -> bool {
        self.size == 0 && (key.ends_with('/') || key.ends_with("_$folder$"))
    }
}

/// When the store wrote an object, by the store's own clock, in seconds since 1970. A listing may have finer times, but
/// the header of an answer does not, and the two are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastModified(u64);

impl LastModified {
    pub fn of_seconds(seconds: u64) -> LastModified {
        LastModified(seconds)
    }

    /// Since 1970.
    pub fn seconds(self) -> u64 {
        self.0
    }

    pub fn of(time: Option<&DateTime>) -> LastModified {
        LastModified(time.map_or(0, |time| time.secs().try_into().unwrap_or_default()))
    }
}

impl Listing {
    /// What the listing would be after objects were written and deleted.
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

    /// Where a later listing of the same bucket may be split.
    pub fn cuts(&self) -> Vec<String> {
        cuts(self.objects.iter().map(|(key, _)| key))
    }

    /// Adds the listing of other keys.
    fn append(&mut self, part: Listing) {
        self.objects.append(part.objects);
        self.others.extend(part.others);
        self.earlier.extend(part.earlier);
        self.record = self.record.take().or(part.record);
        self.begun = self.begun.take().or(part.begun);
    }
}

/// The most objects on a page of a listing.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
const PAGE: usize = 1000;

/// How many known keys a part of a listing has, so that some new ones still fit on its page.
const PART: usize = PAGE - PAGE / 16;

/// How many parts to request at once: for a usual site all of them, so that they follow the first page together. A very
/// large listing needs more memory meanwhile, so fewer are in progress: 20 of 50 parts, 4 of 100.
fn at_once(parts: usize) -> usize {
    (40_usize.pow(4) / parts.max(1).saturating_pow(3)).clamp(4, 40)
}

/// Every nth of the keys, which are in order: where a listing of them may be split.
pub fn cuts<'k>(keys: impl Iterator<Item = &'k str>) -> Vec<String> {
    keys.skip(PART - 1).step_by(PART).map(str::to_owned).collect()
}

/// A part of a listing: the keys after one key and up to another.
#[derive(Clone, Debug, Default)]
struct Part {
    after: Option<String>,
    until: Option<String>,
}

/// A task that ends when it is dropped.
struct Task<T>(JoinHandle<T>);

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Only a dropped task is cancelled, and then nothing waits for it.
        let done = ready!(pin!(&mut self.0).poll(context));
        Poll::Ready(done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

enum Cut {
    Failed(Failure),
    /// The store does not begin where it was asked to, or has no order.
    Unordered,
}

impl Bucket {
    /// Lists everything under the prefix. After the first page, the parts between `cuts` are listed at the same time.
    /// `cuts` are keys in order, such as those of the last deploy. Which keys they are does not affect the result.
    ///
    /// If the store cannot begin at a key, it is asked for one page after another.
    pub async fn list(
        &self,
        cuts: impl Future<Output = Vec<String>>,
        tell: &Tell,
    ) -> Result<Listing, Failure> {
        let mut listing = Listing::default();
        match self.list_in_parts(cuts, &mut listing, tell).await {
            Ok(()) => {}
            Err(Cut::Failed(failure)) => return Err(failure),
            Err(Cut::Unordered) => {
                listing = Listing::default();
                self.list_in_pages(&mut listing, tell).await?;
            }
        }
        listing.objects.shrink();
        tell.ended(Stage::List, Amount::items(listing.objects.len() as u64));
        Ok(listing)
    }

    /// Lists the first page, and then the rest in parts, on all cores: parsing a page takes longer than receiving it.
    async fn list_in_parts(
        &self,
        cuts: impl Future<Output = Vec<String>>,
        listing: &mut Listing,
        tell: &Tell,
    ) -> Result<(), Cut> {
        tell.began(Stage::List, Amount::default());
        let (first, next) = self.page(None, None).await.map_err(Cut::Failed)?;
        if !first.keys.is_sorted() {
            return Err(Cut::Unordered);
        }
        let last = first.keys.last().cloned().unwrap_or_default();
        self.add(first, listing, &Part::default(), tell).map_err(Cut::Failed)?;
        if next.is_none() {
            return Ok(());
        }
        let mut cuts = cuts.await;
        cuts.retain(|cut| *cut > last);
        let begins = std::iter::once(&last).chain(&cuts).cloned().map(Some);
        let ends = cuts.iter().cloned().map(Some).chain([None]);
        let parts = begins.zip(ends).map(|(after, until)| Part { after, until });
        let listed = parts.map(|part| {
            let (bucket, tell) = (self.clone(), tell.clone());
            Task(tokio::spawn(async move { bucket.part(&part, &tell).await }))
        });
        let mut parts = pin!(stream::iter(listed).buffered(at_once(cuts.len() + 1)));
        while let Some(part) = parts.next().await {
            listing.append(part?);
        }
        Ok(())
    }

    /// Lists one page after another.
    async fn list_in_pages(&self, listing: &mut Listing, tell: &Tell) -> Result<(), Failure> {
        tell.began(Stage::List, Amount::default());
        let (mut page, mut next) = self.page(None, None).await?;
        let (mut headway, mut keys) = (Headway::default(), HashSet::new());
        loop {
            // Without an order, repeated keys are the only sign of a listing that makes no progress.
            let new = page.keys.iter().filter(|key| keys.insert((*key).clone())).count();
            if new == 0 && !page.keys.is_empty() {
                return Err(unreliable(self.listing(), "the store lists the same keys again"));
            }
            headway
                .goes_on(page.keys.len(), next.as_deref())
                .map_err(|what| unreliable(self.listing(), what))?;
            self.add(page, listing, &Part::default(), tell)?;
            let Some(token) = next else { return Ok(()) };
            (page, next) = self.page(None, Some(token)).await?;
        }
    }

    async fn part(&self, part: &Part, tell: &Tell) -> Result<Listing, Cut> {
        let (mut listing, mut headway) = (Listing::default(), Headway::default());
        let mut token = None;
        loop {
            let after = part.after.as_deref();
            let (page, next) = self.page(after, token).await.map_err(Cut::Failed)?;
            headway
                .page(&page.keys, next.as_deref())
                .map_err(|what| Cut::Failed(unreliable(self.listing(), what)))?;
            let begins = page.keys.first().is_none_or(|first| Some(first.as_str()) > after);
            if !begins || !page.keys.is_sorted() {
                return Err(Cut::Unordered);
            }
            let is_whole = part.until.is_some() && page.keys.last() >= part.until.as_ref();
            self.add(page, &mut listing, part, tell).map_err(Cut::Failed)?;
            match next {
                Some(next) if !is_whole => token = Some(next),
                _ => return Ok(listing),
            }
        }
    }

    /// Requests a page, and returns the token of the next one.
    async fn page(
        &self,
        after: Option<&str>,
        token: Option<String>,
    ) -> Result<(Page, Option<String>), Failure> {
        let request = self.client.list_objects_v2().bucket(&self.name);
        let page = request
            .set_prefix(Some(self.prefix.as_str().to_owned()).filter(|p| !p.is_empty()))
            .encoding_type(EncodingType::Url)
            // The first page determines where the next ones begin.
            .set_start_after(after.filter(|_| token.is_none()).map(str::to_owned))
            .set_continuation_token(token)
            .customize()
            .config_override(Config::builder().timeout_config(aws::timeouts_of_answer()))
            .send()
            .await
            .map_err(|error| aws::explain(self.listing(), &error))?;
        let next = headway::next(page.is_truncated(), page.next_continuation_token());
        let next = next.map(|next| next.map(str::to_owned));
        next.and_then(|next| Ok((Page::of(page)?, next)))
            .map_err(|what| unreliable(self.listing(), what))
    }

    fn listing(&self) -> String {
        format!("failed to list `{}`", self.name)
    }

    /// Adds the objects of a page that belong to a part.
    ///
    /// Fails if the store's answer contains something that was not requested.
    fn add(
        &self,
        page: Page,
        listing: &mut Listing,
        part: &Part,
        tell: &Tell,
    ) -> Result<(), Failure> {
        let mut objects = Vec::with_capacity(page.keys.len());
        for (key, object) in page.keys.into_iter().zip(page.output.contents()) {
            if part.until.as_ref().is_some_and(|until| key > *until) {
                continue;
            }
            if !key.starts_with(self.prefix.as_str()) {
                let prefix = &self.prefix;
                let what =
                    format!("the store answered with `{key}`, which is not under `{prefix}`");
                return Err(unreliable(self.listing(), what));
            }
            let etag = Etag::sent(object.e_tag());
            if etag.is_missing() {
                let what = format!("the store lists `{key}` without an ETag");
                return Err(unreliable(self.listing(), what));
            }
            match tool_folder::parse(self.prefix.as_str(), &key) {
                Some(Entry::Record) => listing.record = Some(etag.clone()),
                Some(Entry::Begun) => listing.begun = Some(etag.clone()),
                Some(Entry::Earlier(name)) => listing.earlier.push(name.to_owned()),
                Some(Entry::Other) => {}
                None => {
                    listing.others.extend(tool_folder::place_of_record(&key).map(str::to_owned));
                    let size = object.size().and_then(|size| size.try_into().ok());
                    let size = size.unwrap_or_default();
                    let modified = LastModified::of(object.last_modified());
                    objects.push((key, Object { etag, size, modified }));
                }
            }
        }
        let more = Amount::items(objects.len() as u64);
        listing.objects.extend(objects);
        tell.advanced(Stage::List, more);
        Ok(())
    }
}

struct Page {
    keys: Vec<String>,
    /// With the same objects in the same order.
    output: ListObjectsV2Output,
}

impl Page {
    fn of(output: ListObjectsV2Output) -> Result<Page, &'static str> {
        let encoded = output.encoding_type() == Some(&EncodingType::Url);
        let key = |object: &types::Object| match object.key() {
            Some(key) if !key.is_empty() => Ok(decode(key, encoded)),
            _ => Err("the store lists an object without a key"),
        };
        Ok(Page { keys: output.contents().iter().map(key).collect::<Result<_, _>>()?, output })
    }
}

/// Keys are requested in URL encoding, since XML cannot represent every character of a key. In URL encoding, `+` is a
/// space. A store that does not know the option does not mention it in its answer.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub(super) fn decode(key: &str, encoded: bool) -> String {
    // Bytes are searched all at once, characters one by one, and all keys of a listing pass through here.
    let has = |byte| key.as_bytes().contains(&byte);
    if !encoded || !(has(b'%') || has(b'+')) {
        return key.to_owned();
    }
    let spaced = if has(b'+') { key.replace('+', " ").into() } else { Cow::from(key) };
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod proptests;
