//! Does the approved plan, in the order that keeps the site whole for visitors meanwhile: first new assets,
//! then assets that are written over, such as data and entry scripts, which may name new ones; then pages and
//! what points at pages; then deletes, pages before what they refer to.
//!
//! Each step begins when the one before it has ended without a failure. So a file never arrives before those that it
//! names, nor outlives them, and nothing is deleted while something could not be written.

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

/// After so many failures of one step the rest of it is not tried: it is the network or the rights, not
/// the files.
const ENOUGH_FAILURES: usize = 10;

/// How long files that are being sent are waited for once the run is to stop. Where a CI job is cancelled, the
/// next signal follows after 7.5 s on GitHub.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation>
const LAST_FILES: Duration = Duration::from_secs(3);

/// Writes and deletes as the plan says, until it is told to stop: then nothing new is begun, and what is on its
/// way ends. Failures are in the outcome, each with its key.
///
/// The journal has written what has to be in the bucket before.
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
    // The other way round: an asset goes when no page is left that may name it.
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

/// Starts as many as the bucket takes at once, each on a task of its own, so that all cores sign and encrypt.
/// Those that take too long to end once the run is to stop are given up.
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
                // In a box, because a task is moved a dozen times before it is begun, and this one is large.
                under_way.spawn(Box::pin(put));
            }
            Some(done) = under_way.join_next() => {
                // A task that panicked takes the process along: there is no outcome to tell of it.
                let done = done.unwrap_or_else(|error| resume_unwind(error.into_panic()));
                settle(done, outcome);
            }
            () = &mut late => break,
        }
    }
    outcome.not_tried += (uploads.len() + under_way.len()) as u64;
}

/// Whether nothing more is to be begun.
fn is_over(outcome: &Outcome, stop: &Stop) -> bool {
    let hopeless = |(_, failure): &(String, Failure)| failure.affects_every_request;
    stop.is_told()
        || outcome.failures.len() >= ENOUGH_FAILURES
        || outcome.failures.iter().any(hopeless)
}

/// A file that was tried.
struct Put {
    file: Arc<File>,
    /// Whether its bytes were sent, rather than copied by the store.
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

/// Writes a file; `None` where the run is stopped first.
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

/// Writes a file where its bytes, too, are to change or the store does not copy.
async fn send(bucket: &Bucket, upload: Upload, stop: &Stop, tell: &Tell) -> Option<Put> {
    let to_send = upload.bytes_to_send();
    let Upload { file, replaces, .. } = upload;
    let is_sent = matches!(file.source, Source::Disk(_));
    let body = bucket.body(&file).await;
    if stop.is_told() {
        return None;
    }
    // What was to be copied is no part of what the bar counts.
    let sent = |bytes| {
        body.arrived(bytes);
        if to_send > 0 {
            tell.advanced(Stage::Upload, Amount::bytes(bytes));
        }
    };
    let etag = bucket.put(&file, replaces.as_ref(), stop, &sent).await?;
    Some(Put { file, is_sent, etag })
}

/// Deletes batch by batch, so that a run that is stopped stops between two.
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
