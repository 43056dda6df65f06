//! The site of an earlier deploy, from what the bucket still holds: by the record of that deploy, objects that
//! are as they were then, and versions of those that are not.
//!
//! The record says which bytes a key had, by its ETag, and which headers. So a version need only have that
//! ETag, and the headers are restated whatever those of the version are.

use std::pin::pin;
use std::sync::Arc;

use crate::bucket::{Bucket, LARGEST_COPY, Listing, Version};
use crate::error::{Failure, failed};
use crate::event::{Event, Tell};
use crate::record::{Known, Record};
use crate::site::{Digest, File, Site, Source};
use crate::words::count;

/// Requests under way at once.
const CONCURRENCY: usize = 64;

/// What was found of an earlier deploy.
pub struct Found {
    site: Site,
    /// The keys whose bytes the bucket no longer holds, or cannot copy.
    lost: Vec<String>,
}

impl Found {
    /// The site, if all of it was found.
    pub fn whole(self) -> Result<Site, Failure> {
        let Some(first) = self.lost.first() else { return Ok(self.site) };
        let mut failure = failed(format!(
            "the bucket no longer holds {} of that deploy",
            count(self.lost.len() as u64, "object")
        ));
        failure.causes.push(match self.lost.len() {
            1 => format!("`{first}`"),
            _ => format!("`{first}` and others"),
        });
        Err(failure)
    }
}

/// Looks for all that a deploy wrote. `record` is what is known of the bucket as it is listed; `kept` tells the
/// keys that belong to others, which are not looked for.
pub async fn site(
    bucket: &Bucket,
    earlier: &Record,
    listing: &Listing,
    record: &Record,
    kept: &dyn Fn(&str) -> bool,
    tell: &Tell,
) -> Result<Found, Failure> {
    use futures_util::{StreamExt, stream};
    let mut found = Found { site: Site::default(), lost: Vec::new() };
    let mut changed = Vec::new();
    for (key, known) in earlier.objects.iter() {
        // What was on its way out then was no longer the site's.
        if kept(key) || earlier.retained.get(key).is_some() {
            continue;
        }
        match present(key, known, listing, record) {
            Some(size) => found.site.files.push(file(key, known, size, None)),
            None => changed.push((key, known)),
        }
    }
    if changed.is_empty() {
        return Ok(found);
    }
    tell.tell(Event::Asking { objects: changed.len() as u64 });
    let asked = stream::iter(changed).map(|(key, known)| async move {
        Ok::<_, Failure>((key, known, bucket.version(key, &known.etag).await?))
    });
    let mut answers = pin!(asked.buffer_unordered(CONCURRENCY));
    while let Some(answer) = answers.next().await {
        match answer? {
            (key, known, Some(Version { id, size })) if size <= LARGEST_COPY => {
                found.site.files.push(file(key, known, size, Some(id.into())));
            }
            (key, ..) => found.lost.push(key.to_owned()),
        }
    }
    found.site.files.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    found.lost.sort_unstable();
    tell.tell(Event::Asked);
    Ok(found)
}

/// The size of an object whose bytes are those of then.
fn present(key: &str, known: &Known, listing: &Listing, record: &Record) -> Option<u64> {
    let object = listing.objects.get(key)?;
    let is_same = object.etag == known.etag || record.md5_of(key, object) == Some(known.md5);
    is_same.then_some(object.size)
}

fn file(key: &str, known: &Known, size: u64, version: Option<Box<str>>) -> Arc<File> {
    Arc::new(File {
        key: key.into(),
        source: Source::Bucket { version },
        size,
        digest: Digest { md5: known.md5, parts: None },
        headers: known.headers.clone(),
    })
}
