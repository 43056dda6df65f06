//! Applies the approved plan, in the order that keeps the site consistent for visitors meanwhile: first new assets;
//! then overwritten assets, such as data and entry scripts, which may refer to new ones; then pages and everything that
//! points at pages; then deletes, pages before the assets that they refer to.
//!
//! A step begins only after the one before it has ended without a failure. So a file never arrives before the files
//! that it refers to, and never outlives them, and nothing is deleted if something could not be written.

use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::base::cancel::Stop;
use crate::base::error::Failure;
use crate::base::etag::Etag;
use crate::base::event::{Amount, Stage, Tell};
use crate::bucket::{Bucket, CopyOutcome, DELETES_PER_REQUEST, Delete, Slot};
use crate::plan::journal::Journal;
use crate::plan::outcome::Outcome;
use crate::plan::{Approved, Reason, Upload};
use crate::site::{File, Source};

/// After this many failures in one step, the rest of the step is not tried: the cause is the network or the rights, not
/// the files.
const ENOUGH_FAILURES: usize = 10;

/// How long to wait for files that are being sent when the run is stopped. If a CI job is cancelled on GitHub, the next
/// signal follows after 7.5 s.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation>
const LAST_FILES: Duration = Duration::from_secs(3);

/// Writes and deletes as the plan says. When it is told to stop, it begins nothing new, and finishes what it has begun.
/// Failures are in the outcome, each with its key.
///
/// The journal shows that what must be in the bucket before the first change has been written.
pub async fn apply(
    bucket: &Bucket,
    _journal: &Journal,
    approved: Approved,
    stop: &Stop,
    tell: &Tell,
) -> Outcome {
    let plan = approved.into_plan();
    let items = plan.uploads.len() as u64;
    let bytes = plan.uploads.iter().map(Upload::bytes_to_send).sum();
    tell.began(Stage::Upload, Amount { items, bytes });
    let mut new = plan.uploads;
    let pages: Vec<Upload> = new.extract_if(.., |upload| upload.is_page()).collect();
    let overwritten: Vec<Upload> =
        new.extract_if(.., |upload| upload.reason != Reason::New).collect();
    let deletes = plan.deletes.len();
    let mut outcome = Outcome::default();
    for uploads in [new, overwritten, pages] {
        if outcome.failures.is_empty() && !stop.is_told() {
            write(bucket, uploads, &mut outcome, stop, tell).await;
        } else {
            outcome.not_tried += uploads.len() as u64;
        }
    }
    // In the opposite order: an asset is deleted after every page that may refer to it.
    let mut assets = plan.deletes;
    let pages: Vec<Delete> = assets.extract_if(.., |object| object.is_page).collect();
    for objects in [pages, assets] {
        if outcome.failures.is_empty() && !objects.is_empty() {
            delete(bucket, objects, &mut outcome, stop).await;
        }
    }
    tell.ended(Stage::Upload, Amount::items(outcome.written.len() as u64));
    if !outcome.deleted.is_empty() {
        tell.ended(Stage::Delete, Amount::items(outcome.deleted.len() as u64));
    }
    let left = outcome.not_tried > 0 || outcome.deleted.len() < deletes;
    outcome.is_cut_off = left && stop.is_told();
    outcome.written.sort_unstable_by(|(one, _), (other, _)| one.key.cmp(&other.key));
    outcome
}

/// Starts as many uploads as the bucket takes at once. Each is a task of its own, so that all cores sign and encrypt.
/// If the run is stopped, uploads that take too long to end are given up.
async fn write(
    bucket: &Bucket,
    uploads: Vec<Upload>,
    outcome: &mut Outcome,
    stop: &Stop,
    tell: &Tell,
) {
    outcome.written.reserve_exact(uploads.len());
    let mut uploads = uploads.into_iter();
    let mut under_way = JoinSet::new();
    let mut late = pin!(async {
        stop.told().await;
        tokio::time::sleep(LAST_FILES).await;
    });
    loop {
        let is_more = uploads.len() > 0 && !is_over(outcome, stop);
        if !is_more && under_way.is_empty() {
            break;
        }
        tokio::select! {
            turn = bucket.turn(), if is_more => {
                let Some(upload) = uploads.next() else { continue };
                let (bucket, stop) = (bucket.clone(), stop.clone());
                let put = put(bucket, upload, turn, stop, tell.clone());
                // In a box, because this future is large, and a task is moved a dozen times before it begins.
                under_way.spawn(Box::pin(put));
            }
            Some(done) = under_way.join_next() => {
                // If a task panicked, this process panics too: no outcome could describe that.
                let done = done.unwrap_or_else(|error| resume_unwind(error.into_panic()));
                settle(done, outcome);
            }
            () = &mut late => break,
        }
    }
    outcome.not_tried += (uploads.len() + under_way.len()) as u64;
}

/// Whether no more uploads should begin.
fn is_over(outcome: &Outcome, stop: &Stop) -> bool {
    let hopeless = |(_, failure): &(String, Failure)| failure.affects_every_request;
    stop.is_told()
        || outcome.failures.len() >= ENOUGH_FAILURES
        || outcome.failures.iter().any(hopeless)
}

/// A file that was tried.
struct Put {
    file: Arc<File>,
    /// Whether its bytes were sent, and not copied by the store.
    is_sent: bool,
    etag: Result<Etag, Failure>,
}

fn settle(done: Option<Put>, outcome: &mut Outcome) {
    match done {
        Some(Put { file, is_sent, etag: Ok(etag) }) => {
            outcome.bytes_sent += if is_sent { file.size } else { 0 };
            outcome.written.push((file, etag));
        }
        Some(Put { file, etag: Err(failure), .. }) => {
            outcome.failures.push((file.key.to_string(), failure));
        }
        None => outcome.not_tried += 1,
    }
}

/// Writes a file; `None` if the run is stopped first.
async fn put(bucket: Bucket, upload: Upload, _turn: Slot, stop: Stop, tell: Tell) -> Option<Put> {
    let copied = match (&upload.reason, &upload.replaces) {
        (Reason::Headers, Some(etag)) => bucket.restate(&upload.file, etag).await,
        _ => Ok(CopyOutcome::CannotCopy),
    };
    let put = match copied {
        Ok(CopyOutcome::CannotCopy) => send(&bucket, upload, &stop, &tell).await?,
        Ok(CopyOutcome::Done(etag)) => Put { file: upload.file, is_sent: false, etag: Ok(etag) },
        Err(failure) => Put { file: upload.file, is_sent: false, etag: Err(failure) },
    };
    if put.etag.is_ok() {
        tell.advanced(Stage::Upload, Amount::items(1));
    }
    Some(put)
}

/// Writes a file whose bytes also change, or that the store does not copy.
async fn send(bucket: &Bucket, upload: Upload, stop: &Stop, tell: &Tell) -> Option<Put> {
    let to_send = upload.bytes_to_send();
    let Upload { file, replaces, .. } = upload;
    let is_sent = matches!(file.source, Source::Disk(_));
    let body = bucket.body(&file).await;
    if stop.is_told() {
        return None;
    }
    // The progress bar does not count the bytes of a file that was planned as a copy.
    let sent = |bytes| {
        body.arrived(bytes);
        if to_send > 0 {
            tell.advanced(Stage::Upload, Amount::bytes(bytes));
        }
    };
    let etag = bucket.put(&file, replaces.as_ref(), stop, &sent).await?;
    Some(Put { file, is_sent, etag })
}

/// Deletes batch by batch, so that a run can be stopped between two batches.
async fn delete(bucket: &Bucket, objects: Vec<Delete>, outcome: &mut Outcome, stop: &Stop) {
    for batch in objects.chunks(DELETES_PER_REQUEST) {
        if stop.is_told() {
            return;
        }
        let failures = bucket.delete(batch).await;
        let failed = |key: &String| failures.iter().any(|(failed, _)| failed == key);
        let keys = batch.iter().map(|object| object.key.clone());
        outcome.deleted.extend(keys.filter(|key| !failed(key)));
        outcome.failures.extend(failures);
    }
}
