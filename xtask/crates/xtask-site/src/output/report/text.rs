//! A run as lines for a person.

use super::{AGAIN, Done, Planned, PlannedUpload, Run, Store};
use crate::cli::Typed;
use engine::base::Error;
use engine::base::humanize::{ago, bytes, count, duration, plain};
use engine::bucket::Deploy;
use engine::plan::{Outcome, Reason};
use engine::repository::target::short;
use engine::repository::{Place, Revision, Target};

/// How many uploads, and how many deletes, get a line each; the rest is counted.
pub const LINES: usize = 40;

/// How many failures get a line each: many failures usually have the same cause.
const FAILURES: usize = 10;

/// The first line: what goes where.
pub fn heading(run: &Run) -> String {
    let Target { place: Place { environment, prefix, .. }, revision } = run.target;
    let Revision { branch, commit, dirty } = revision;
    let store = match &run.store {
        Store::Aws => {
            let account = environment.account.as_deref().unwrap_or("unknown");
            format!("account {account}, {}", environment.region)
        }
        Store::Compatible(endpoint) => endpoint.clone(),
        Store::Local(folder) => format!("local: {folder}"),
    };
    let mut notes = String::new();
    if *dirty {
        notes.push_str(", with changes that are not committed");
    }
    if run.stale {
        notes.push_str(", not built now");
    }
    let bucket = &environment.bucket;
    let revision = if branch == short(commit) {
        branch.clone()
    } else {
        format!("{branch}@{}", short(commit))
    };
    let revision = plain(&revision);
    format!("{}: {revision}{notes} -> s3://{bucket}/{prefix} ({store})", environment.name)
}

/// The first lines of a rollback: what goes where, and which deploy is restored.
pub fn going_back(run: &Run, name: &str, deploy: &Deploy, now: u64) -> Vec<String> {
    let Deploy { who, at, .. } = deploy;
    let when = ago(now.saturating_sub(*at));
    vec![heading(run), format!("going back to {}, deployed {when} by {}", plain(name), plain(who))]
}

/// A line for each of the first changes.
///
/// A dry run shows all deletes: that is its purpose.
pub fn changes(run: &Run, planned: &Planned) -> Vec<String> {
    let upload = |upload: &PlannedUpload| {
        let (sign, note) = match upload.reason {
            Reason::New => ('+', bytes(upload.file.size)),
            Reason::Content => ('~', bytes(upload.file.size)),
            Reason::Headers if upload.headers.is_empty() => ('~', "headers".to_owned()),
            Reason::Headers => ('~', format!("headers: {}", upload.headers.join(", "))),
        };
        format!("  {sign} {}  ({note})", plain(&upload.file.key))
    };
    let mut lines = first(LINES, planned.uploads.iter().map(upload), "upload");
    // Counted separately, so that many uploads do not hide the deletes.
    let most = if run.dry { usize::MAX } else { LINES };
    let deletes = planned.deletes.iter().map(|key| format!("  - {}", plain(key)));
    lines.extend(first_of(most, planned.delete_count(), deletes, "delete"));
    let left_out = |key: &String| format!("  = {}  (left out, still in the bucket)", plain(key));
    lines.extend(first(LINES, planned.left_out.iter().map(left_out), "object left out"));
    lines
}

pub fn first(most: usize, lines: impl ExactSizeIterator<Item = String>, what: &str) -> Vec<String> {
    first_of(most, lines.len(), lines, what)
}

/// The first lines of `total`, and how many more there are.
fn first_of(
    most: usize,
    total: usize,
    lines: impl Iterator<Item = String>,
    what: &str,
) -> Vec<String> {
    let rest = total.saturating_sub(most);
    let mut first: Vec<String> = lines.take(most).collect();
    if rest > 0 {
        first.push(format!("  ... and {}", count(rest as u64, &format!("more {what}"))));
    }
    first
}

/// What a deploy would change, in one line.
#[cfg(feature = "local")]
pub fn would_change(place: &str, planned: &Planned) -> String {
    match planned.uploads.is_empty() && planned.delete_count() == 0 {
        true => format!("a deploy to {place} would change nothing"),
        false => format!("a deploy to {place} would change: {}{}", counts(planned), kept(planned)),
    }
}

/// Each failure with its causes, and the hint once.
pub fn failures(outcome: &Outcome, typed: &Typed<'_>) -> Vec<String> {
    let failures = outcome.failures.iter();
    let shown = failures.map(|(_, failure)| format!("error: {}", plain(&failure.to_string())));
    let mut lines: Vec<String> = shown.take(FAILURES).collect();
    if let Some(rest @ 1..) = outcome.failures.len().checked_sub(FAILURES) {
        lines.push(format!("error: and {}", count(rest as u64, "more failure")));
    }
    if outcome.not_tried > 0 && !outcome.failures.is_empty() {
        lines
            .push(format!("error: {} not tried after that", count(outcome.not_tried, "more file")));
    }
    if !outcome.failures.is_empty() {
        let hint = outcome.failures.iter().find_map(|(_, failure)| failure.hint.as_ref());
        let hint = hint.map_or_else(|| AGAIN.to_owned(), |hint| typed.spell(hint));
        lines.push(format!("\nhint: {}\n", plain(&hint)));
    }
    lines
}

/// The last lines: what a dry run would do, or what was done.
pub fn summary(run: &Run, planned: &Planned, done: &Done) -> Vec<String> {
    let mut lines = Vec::new();
    let time = duration(done.elapsed);
    let outcome = &done.outcome;
    if planned.uploads.is_empty() && planned.delete_count() == 0 {
        let unchanged = count(planned.unchanged, "object");
        lines.push(format!("nothing to do: {unchanged} unchanged{}, in {time}", kept(planned)));
    } else if run.dry {
        lines.push(format!(
            "would change: {}{}; nothing was written",
            counts(planned),
            kept(planned)
        ));
    } else if outcome.failures.is_empty() {
        let sent = bytes(outcome.bytes_sent);
        lines.push(format!("done in {time}: {}{}; {sent} sent", counts(planned), kept(planned)));
    } else {
        lines.push(format!("failed after {time}: {}", done_of(planned, outcome)));
    }
    if let (Some(url), true) = (
        &run.target.place.url,
        !run.dry && outcome.failures.is_empty() && !matches!(run.store, Store::Local(_)),
    ) {
        lines.push(url.clone());
    }
    lines
}

pub fn done_of(planned: &Planned, outcome: &Outcome) -> String {
    format!(
        "{} of {} uploads and {} of {} deletes done",
        outcome.written.len(),
        planned.uploads.len(),
        outcome.deleted.len(),
        planned.delete_count()
    )
}

pub fn counts(planned: &Planned) -> String {
    let of = |reason| planned.uploads.iter().filter(|u| u.reason == reason).count() as u64;
    let parts = [
        (of(Reason::New), "new"),
        (of(Reason::Content), "changed"),
        (of(Reason::Headers), "with new headers"),
        (planned.delete_count() as u64, "deleted"),
        (planned.unchanged, "unchanged"),
    ];
    let shown = parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    shown.collect::<Vec<_>>().join(", ")
}

/// What was left alone.
fn kept(planned: &Planned) -> String {
    let parts = [
        (planned.kept, "kept"),
        (planned.retained as u64, "retained"),
        (planned.skipped.len() as u64, "skipped"),
    ];
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect()
}

/// An error for a person: what happened, why, and after a blank line what to do next.
pub fn error_text(error: &Error, typed: &Typed<'_>) -> String {
    let spelled = |hint| plain(&typed.spell(hint));
    match error {
        Error::Config(text) => format!("error: {text}"),
        Error::Interrupted(done) => format!("interrupted: {done}\n\nhint: {AGAIN}"),
        Error::Refused(refusal) => {
            format!("refused: {}\n\nhint: {}", plain(&refusal.message), spelled(&refusal.hint))
        }
        Error::Failed(failure) => {
            let causes = failure.causes.iter().map(|cause| format!("\n  {}", plain(cause)));
            let hint = failure.hint.iter().map(|hint| format!("\n\nhint: {}", spelled(hint)));
            format!("error: {}", plain(&failure.message)) + &causes.chain(hint).collect::<String>()
        }
    }
}
