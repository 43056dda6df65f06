//! Lists the bucket, in ranges of keys that are listed at the same time.
//!
//! A page of a listing has a thousand keys, and its answer says where the next page begins, so pages come one after
//! another. But a listing can begin at any key, and the last deploy knew nearly all of today's keys. With them, every
//! page of a large bucket is requested at once.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>

use std::collections::HashSet;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{self, EncodingType};
use futures_util::{StreamExt, stream};
use tokio::task::JoinHandle;

use super::{LastModified, Listing, Object};
use crate::base::error::Failure;
use crate::base::etag::Etag;
use crate::base::event::{Amount, Stage, Tell};
use crate::base::tool_folder::{self, Entry};
use crate::bucket::decode::decode;
use crate::bucket::pages::{Pages, unreliable};
use crate::bucket::{Bucket, aws};

/// The most objects on a page of a listing.
const PAGE: usize = 1000;

/// How many known keys a range has, so that some new ones still fit on its page.
const RANGE: usize = PAGE - PAGE / 16;

/// How many ranges to request at once: for a usual site all of them, so that they follow the first page together. A
/// very large listing needs more memory meanwhile, so fewer are in progress: 20 of 50 ranges, 4 of 100.
fn at_once(ranges: usize) -> usize {
    (40_usize.pow(4) / ranges.max(1).saturating_pow(3)).clamp(4, 40)
}

/// Every nth of the keys, which are in order: where a listing of them may be split.
pub fn cuts<'k>(keys: impl Iterator<Item = &'k str>) -> Vec<String> {
    keys.skip(RANGE - 1).step_by(RANGE).map(str::to_owned).collect()
}

/// The keys after one key and up to another.
#[derive(Clone, Debug, Default)]
struct Range {
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

/// Why a listing in ranges has no result.
enum Cut {
    Failed(Failure),
    /// The store does not begin where it was asked to, or has no order.
    Unordered,
}

impl From<Failure> for Cut {
    fn from(failure: Failure) -> Cut {
        Cut::Failed(failure)
    }
}

impl Bucket {
    /// Lists everything under the prefix. After the first page, the ranges between `cuts` are listed at the same time.
    /// `cuts` are keys in order, such as those of the last deploy. Which keys they are does not affect the result.
    ///
    /// If the store cannot begin at a key, it is asked for one page after another.
    pub async fn list(
        &self,
        cuts: impl Future<Output = Vec<String>>,
        tell: &Tell,
    ) -> Result<Listing, Failure> {
        let mut listing = Listing::default();
        match self.list_in_ranges(cuts, &mut listing, tell).await {
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

    /// Lists the first page, and then the rest in ranges, on all cores: parsing a page takes longer than receiving it.
    async fn list_in_ranges(
        &self,
        cuts: impl Future<Output = Vec<String>>,
        listing: &mut Listing,
        tell: &Tell,
    ) -> Result<(), Cut> {
        tell.began(Stage::List, Amount::default());
        let mut pages = Pages::of(self.listing());
        let Some(first) = self.page(None, &mut pages).await? else { return Ok(()) };
        if !first.keys.is_sorted() {
            return Err(Cut::Unordered);
        }
        let last = first.keys.last().cloned().unwrap_or_default();
        self.add(first, listing, &Range::default(), tell)?;
        if pages.is_over() {
            return Ok(());
        }
        let mut cuts = cuts.await;
        cuts.retain(|cut| *cut > last);
        let begins = std::iter::once(&last).chain(&cuts).cloned().map(Some);
        let ends = cuts.iter().cloned().map(Some).chain([None]);
        let ranges = begins.zip(ends).map(|(after, until)| Range { after, until });
        let listed = ranges.map(|range| {
            let (bucket, tell) = (self.clone(), tell.clone());
            Task(tokio::spawn(async move { bucket.list_range(&range, &tell).await }))
        });
        let mut ranges = pin!(stream::iter(listed).buffered(at_once(cuts.len() + 1)));
        while let Some(range) = ranges.next().await {
            listing.append(range?);
        }
        Ok(())
    }

    async fn list_range(&self, range: &Range, tell: &Tell) -> Result<Listing, Cut> {
        let (mut listing, mut pages) = (Listing::default(), Pages::of(self.listing()));
        while let Some(page) = self.page(range.after.as_deref(), &mut pages).await? {
            pages.in_order(&page.keys)?;
            let begins = page.keys.first().is_none_or(|first| Some(first) > range.after.as_ref());
            if !begins || !page.keys.is_sorted() {
                return Err(Cut::Unordered);
            }
            let is_whole = range.until.is_some() && page.keys.last() >= range.until.as_ref();
            self.add(page, &mut listing, range, tell)?;
            if is_whole {
                break;
            }
        }
        Ok(listing)
    }

    /// Lists one page after another.
    async fn list_in_pages(&self, listing: &mut Listing, tell: &Tell) -> Result<(), Failure> {
        tell.began(Stage::List, Amount::default());
        let (mut pages, mut keys) = (Pages::of(self.listing()), HashSet::new());
        while let Some(page) = self.page(None, &mut pages).await? {
            // Without an order, repeated keys are the only sign of a listing that makes no progress.
            let new = page.keys.iter().filter(|key| keys.insert((*key).clone())).count();
            if new == 0 && !page.keys.is_empty() {
                return Err(unreliable(self.listing(), "the store lists the same keys again"));
            }
            self.add(page, listing, &Range::default(), tell)?;
        }
        Ok(())
    }

    /// Requests the next page; `None` if there is none. The first page begins after the key `after`.
    async fn page(
        &self,
        after: Option<&str>,
        pages: &mut Pages<String>,
    ) -> Result<Option<Page>, Failure> {
        let Some(token) = pages.next() else { return Ok(None) };
        let request = self.client.list_objects_v2().bucket(&self.name);
        let page = request
            .set_prefix(self.listed_prefix())
            .encoding_type(EncodingType::Url)
            // The first page determines where the next ones begin.
            .set_start_after(after.filter(|_| token.is_none()).map(str::to_owned))
            .set_continuation_token(token)
            .customize()
            .config_override(aws::config_of_answer())
            .send()
            .await
            .map_err(|error| aws::explain(self.listing(), &error))?;
        let next = page.next_continuation_token.clone();
        pages.answered(page.contents().len(), page.is_truncated, next)?;
        Page::of(page).map(Some).map_err(|what| unreliable(self.listing(), what))
    }

    fn listing(&self) -> String {
        format!("failed to list `{}`", self.name)
    }

    /// Adds the objects of a page that are in a range.
    ///
    /// Fails if the store's answer contains something that was not requested.
    fn add(
        &self,
        page: Page,
        listing: &mut Listing,
        range: &Range,
        tell: &Tell,
    ) -> Result<(), Failure> {
        let mut objects = Vec::with_capacity(page.keys.len());
        for (key, object) in page.keys.into_iter().zip(page.output.contents()) {
            if range.until.as_ref().is_some_and(|until| key > *until) {
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
