//! Does the approved plan, in the order that keeps the site whole for whoever reads it meanwhile: first
//! what pages refer to, then pages and what points at pages, then deletes. Each step begins when the one
//! before it has ended without a failure; so a page never arrives before its assets, and nothing is
//! deleted while something could not be written.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::Semaphore;

use crate::bucket::{Bucket, MOST_UPLOADS};
use crate::error::Failure;
use crate::event::{Event, Tell};
use crate::plan::{Approved, Upload};
use crate::site::File;

/// What was done.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Files that were written, each with the ETag that it got.
    pub written: Vec<(File, String)>,
    pub deleted: Vec<String>,
    pub failures: Vec<(String, Failure)>,
    /// Files that were not tried, because something before them failed.
    pub not_tried: u64,
    /// Of bodies that arrived.
    pub bytes_sent: u64,
}

/// Bytes of bodies in memory at once, in KiB: what bounds the memory when files are large.
const BODIES: u32 = 32 << 10;

/// After so many failures of one step the rest of it is not tried: it is the network or the rights, not
/// the files.
const ENOUGH_FAILURES: usize = 10;

/// Writes and deletes as the plan says. Failures are in the outcome, each with its key.
pub async fn apply(bucket: &Bucket, approved: Approved, tell: &Tell) -> Outcome {
    let plan = approved.into_plan();
    tell.tell(Event::Writing {
        uploads: plan.uploads.len() as u64,
        bytes: plan.uploads.iter().map(|upload| upload.file.size).sum(),
        deletes: plan.deletes.len() as u64,
    });
    let (pages, assets): (Vec<Upload>, Vec<Upload>) =
        plan.uploads.into_iter().partition(|upload| is_page(&upload.file));
    let mut outcome = Outcome::default();
    for uploads in [assets, pages] {
        if outcome.failures.is_empty() {
            write(bucket, uploads, &mut outcome, tell).await;
        } else {
            outcome.not_tried += uploads.len() as u64;
        }
    }
    if outcome.failures.is_empty() && !plan.deletes.is_empty() {
        outcome.failures = bucket.delete(&plan.deletes).await;
        let failed = |key: &String| outcome.failures.iter().any(|(failed, _)| failed == key);
        let deleted = plan.deletes.into_iter().map(|object| object.key);
        outcome.deleted = deleted.filter(|key| !failed(key)).collect();
        tell.tell(Event::Deleted { objects: outcome.deleted.len() as u64 });
    }
    tell.tell(Event::Written);
    outcome
}

/// Whether visitors, their readers or their browsers start from this file: what it points at must be
/// there before it is.
fn is_page(file: &File) -> bool {
    let essence = file.headers.content_type().split(';').next().unwrap_or_default().trim();
    let page = matches!(
        essence,
        "text/html"
            | "application/xhtml+xml"
            | "application/xml"
            | "text/xml"
            | "application/rss+xml"
            | "application/atom+xml"
            | "application/feed+json"
            | "application/manifest+json"
    );
    let name = file.key.rsplit('/').next().unwrap_or_default();
    let service_worker =
        ["sw.js", "service-worker.js", "serviceworker.js", "ngsw.json", "sitemap.txt", "feed.json"];
    page || service_worker.contains(&name)
}

async fn write(bucket: &Bucket, uploads: Vec<Upload>, outcome: &mut Outcome, tell: &Tell) {
    let bodies = Arc::new(Semaphore::new(BODIES as usize));
    let total = uploads.len();
    let mut tried = 0;
    let mut failures = 0;
    let mut under_way = stream::iter(uploads)
        .map(|upload| tokio::spawn(put(bucket.clone(), upload, bodies.clone(), tell.clone())))
        .buffer_unordered(MOST_UPLOADS);
    while let Some(done) = under_way.next().await {
        tried += 1;
        // A task that panicked takes the process along: there is no outcome to tell of it.
        let (file, done) =
            done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        match done {
            Ok(etag) => {
                outcome.bytes_sent += file.size;
                outcome.written.push((file, etag));
            }
            Err(failure) => {
                outcome.failures.push((file.key, failure));
                failures += 1;
            }
        }
        if failures >= ENOUGH_FAILURES {
            break;
        }
    }
    outcome.not_tried += (total - tried) as u64;
}

async fn put(
    bucket: Bucket,
    upload: Upload,
    bodies: Arc<Semaphore>,
    tell: Tell,
) -> (File, Result<String, Failure>) {
    let Upload { file, replaces, .. } = upload;
    let body = file.digest.parts.as_ref().map_or(file.size, |parts| parts.size);
    let permits = u32::try_from(body >> 10).unwrap_or(BODIES).clamp(1, BODIES);
    let _turn = bucket.turn().await;
    // The semaphore is never closed; without a permit the file would only be sent a little early.
    let _permit = bodies.acquire_many_owned(permits).await;
    let done =
        bucket.put(&file, replaces.as_deref(), &|bytes| tell.tell(Event::Sent { bytes })).await;
    if done.is_ok() {
        tell.tell(Event::Uploaded);
    }
    (file, done)
}
