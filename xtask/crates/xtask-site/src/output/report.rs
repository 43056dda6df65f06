//! Turns values into the lines that a person reads, and into the one object that a script reads. Both go to standard
//! output; everything else that the tool prints goes to standard error.

pub mod status;

use std::borrow::Cow;
use std::io::ErrorKind;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::output::color;
use engine::base::error::{Error, Failure, Result, failed};
use engine::base::humanize::{ago, bytes, count, duration, plain};
use engine::base::redact;
use engine::base::refusal::Refusal;
use engine::bucket::record::Deploy;
use engine::plan::outcome::Outcome;
use engine::plan::{Plan, Reason};
use engine::repository::target::{Place, Revision, Target, short};
use engine::site::File;

/// How many uploads, and how many deletes, get a line each; the rest is counted.
const LINES: usize = 40;

/// How many failures get a line each: many failures usually have the same cause.
const FAILURES: usize = 10;

/// The run as far as it is known before anything is compared.
pub struct Run<'a> {
    pub target: &'a Target,
    pub store: Store,
    /// Whether there is a generator and it was not run.
    pub stale: bool,
    pub dry: bool,
}

/// Where the bucket is, as a person would look for it.
#[derive(Clone, Debug)]
pub enum Store {
    Aws,
    /// An S3-compatible store's address.
    Compatible(String),
    /// The folder of the embedded bucket, as the user knows it.
    #[cfg_attr(
        not(feature = "local"),
        expect(dead_code, reason = "no build without them makes one")
    )]
    Local(String),
}

/// The plan, kept for the report after `apply` consumed it.
#[derive(Serialize)]
pub struct Planned {
    uploads: Vec<PlannedUpload>,
    deletes: Vec<String>,
    unchanged: u64,
    kept: u64,
    skipped: Vec<String>,
    #[serde(skip)]
    retained: usize,
    #[serde(skip)]
    left_out: Vec<String>,
}

struct PlannedUpload {
    file: Arc<File>,
    reason: Reason,
    /// The names of the headers that change, if only headers do.
    headers: Vec<String>,
}

impl Serialize for PlannedUpload {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        let mut object = json.serialize_struct("upload", 5)?;
        object.serialize_field("key", &*self.file.key)?;
        object.serialize_field("reason", &self.reason)?;
        object.serialize_field("bytes", &self.file.size)?;
        object.serialize_field("content_type", self.file.headers.content_type())?;
        match self.reason {
            Reason::Headers => object.serialize_field("headers", &self.headers)?,
            _ => object.skip_field("headers")?,
        }
        object.end()
    }
}

/// What was done, with the figures of the whole run.
pub struct Done {
    pub outcome: Outcome,
    pub requests: u64,
    pub elapsed: std::time::Duration,
}

/// `skipped` holds the keys of files and folders that were left out of the site.
pub fn planned(plan: &Plan, skipped: Vec<String>) -> Planned {
    let uploads = plan.uploads.iter().map(|upload| PlannedUpload {
        file: upload.file.clone(),
        reason: upload.reason,
        headers: upload.changed_headers().into_iter().map(str::to_owned).collect(),
    });
    Planned {
        uploads: uploads.collect(),
        deletes: plan.deletes.iter().map(|object| object.key.clone()).collect(),
        unchanged: plan.unchanged,
        kept: plan.kept,
        skipped,
        retained: plan.retained.len(),
        left_out: plan.left_out.clone(),
    }
}

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
    lines.extend(first(
        most,
        planned.deletes.iter().map(|key| format!("  - {}", plain(key))),
        "delete",
    ));
    let left_out = |key: &String| format!("  = {}  (left out, still in the bucket)", plain(key));
    lines.extend(first(LINES, planned.left_out.iter().map(left_out), "object left out"));
    lines
}

fn first(most: usize, lines: impl ExactSizeIterator<Item = String>, what: &str) -> Vec<String> {
    let rest = lines.len().saturating_sub(most);
    let mut first: Vec<String> = lines.take(most).collect();
    if rest > 0 {
        first.push(format!("  ... and {}", count(rest as u64, &format!("more {what}"))));
    }
    first
}

/// Prints lines of text to standard output, unless it is reserved for one JSON object.
pub fn print(json: bool, lines: impl FnOnce() -> Vec<String>) -> Result<()> {
    match json {
        true => Ok(()),
        false => lines().iter().try_for_each(|line| out(line)),
    }
}

/// What a deploy would change, in one line.
#[cfg(feature = "local")]
pub fn would_change(place: &str, planned: &Planned) -> String {
    match planned.uploads.is_empty() && planned.deletes.is_empty() {
        true => format!("a deploy to {place} would change nothing"),
        false => format!("a deploy to {place} would change: {}{}", counts(planned), kept(planned)),
    }
}

/// An error, for display on a page.
#[cfg(feature = "local")]
pub fn words(error: &Error) -> String {
    redact::hide(&error_text(error))
}

/// Prints the end of a run.
pub fn finish(json: bool, run: &Run, planned: &Planned, done: &Done) -> Result<()> {
    let failures = failures(&done.outcome);
    failures.iter().for_each(|line| err(line));
    match json {
        true => out_json(&self::json(run, planned, done)),
        false => summary(run, planned, done).iter().try_for_each(|line| out(line)),
    }
}

/// The message of a run that was stopped: what is done, and what is left.
pub fn interrupted(planned: &Planned, outcome: &Outcome) -> Error {
    failures(outcome).iter().for_each(|line| err(line));
    Error::Interrupted(format!("{}, and the site is whole", done_of(planned, outcome)))
}

/// Prints why there is nothing else to print.
pub fn error(error: &Error, json: bool) {
    err(&error_text(error));
    if json {
        // If this cannot be printed either, the exit code still says it.
        let _ = out_json(&error_json(error));
    }
}

/// Scripts read from standard output what happened, so it is a failure if it cannot be written. It is no failure if the
/// reader has stopped reading (`| head`).
fn out(line: &str) -> Result<()> {
    match color::write_line(std::io::stdout(), &redact::hide(line)) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(failed("failed to write to standard output").because(&error).into())
        }
        _ => Ok(()),
    }
}

fn out_json(value: &impl Serialize) -> Result<()> {
    match serde_json::to_string(value) {
        Ok(text) => out(&text),
        Err(error) => Err(failed("failed to write the report as JSON").because(&error).into()),
    }
}

fn err(line: &str) {
    // If standard error is gone, nobody can be told.
    let _ = color::write_line(std::io::stderr(), &redact::hide(line));
}

/// Each failure with its causes, and the hint once.
fn failures(outcome: &Outcome) -> Vec<String> {
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
        let hint = outcome.failures.iter().find_map(|(_, failure)| failure.hint.as_deref());
        let hint = hint.unwrap_or(AGAIN);
        lines.push(format!("\nhint: {}\n", plain(hint)));
    }
    lines
}

/// The last lines: what a dry run would do, or what was done.
fn summary(run: &Run, planned: &Planned, done: &Done) -> Vec<String> {
    let mut lines = Vec::new();
    let time = duration(done.elapsed);
    let outcome = &done.outcome;
    if planned.uploads.is_empty() && planned.deletes.is_empty() {
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

fn done_of(planned: &Planned, outcome: &Outcome) -> String {
    format!(
        "{} of {} uploads and {} of {} deletes done",
        outcome.written.len(),
        planned.uploads.len(),
        outcome.deleted.len(),
        planned.deletes.len()
    )
}

fn counts(planned: &Planned) -> String {
    let of = |reason| planned.uploads.iter().filter(|u| u.reason == reason).count() as u64;
    let parts = [
        (of(Reason::New), "new"),
        (of(Reason::Content), "changed"),
        (of(Reason::Headers), "with new headers"),
        (planned.deletes.len() as u64, "deleted"),
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

/// The object of `--json`, for dry runs and real ones alike, with its keys in the documented order.
#[derive(Serialize)]
struct Json<'a> {
    environment: &'a str,
    branch: &'a str,
    commit: &'a str,
    account: Option<&'a str>,
    bucket: &'a str,
    prefix: &'a str,
    url: Option<&'a str>,
    id: Option<&'a str>,
    dry_run: bool,
    #[serde(flatten)]
    planned: &'a Planned,
    failures: Vec<JsonFailure<'a>>,
    bytes_sent: u64,
    requests: u64,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct JsonFailure<'a> {
    key: &'a str,
    error: String,
}

fn json<'a>(run: &Run<'a>, planned: &'a Planned, done: &'a Done) -> Json<'a> {
    let Target { place, revision: Revision { branch, commit, .. } } = run.target;
    let Place { environment, prefix, url, .. } = place;
    let failure =
        |(key, failure): &'a (String, Failure)| JsonFailure { key, error: failure.to_string() };
    Json {
        environment: &environment.name,
        branch,
        commit,
        account: environment.account.as_deref(),
        bucket: &environment.bucket,
        prefix: prefix.as_str(),
        url: url.as_deref(),
        id: done.outcome.id.as_deref(),
        dry_run: run.dry,
        planned,
        failures: done.outcome.failures.iter().map(failure).collect(),
        bytes_sent: done.outcome.bytes_sent,
        requests: done.requests,
        elapsed_ms: u64::try_from(done.elapsed.as_millis()).unwrap_or(u64::MAX),
    }
}

/// An error for a person: what happened, why, and after a blank line what to do next.
fn error_text(error: &Error) -> String {
    match error {
        Error::Config(text) => format!("error: {text}"),
        Error::Interrupted(done) => format!("interrupted: {done}\n\nhint: {AGAIN}"),
        Error::Refused(refusal) => {
            format!("refused: {}\n\nhint: {}", plain(&refusal.message), plain(&refusal.hint))
        }
        Error::Failed(failure) => {
            let causes = failure.causes.iter().map(|cause| format!("\n  {}", plain(cause)));
            let hint = failure.hint.iter().map(|hint| format!("\n\nhint: {}", plain(hint)));
            format!("error: {}", plain(&failure.message)) + &causes.chain(hint).collect::<String>()
        }
    }
}

/// An error for a script: its one key distinguishes a refusal from a failure.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum JsonError<'a> {
    Refused { code: &'a str, message: &'a str, hint: &'a str },
    Failed { message: Cow<'a, str>, causes: Vec<&'a str>, hint: Option<&'a str> },
}

fn error_json(error: &Error) -> JsonError<'_> {
    match error {
        Error::Refused(Refusal { code, message, hint, .. }) => {
            JsonError::Refused { code, message, hint }
        }
        Error::Failed(failure) => JsonError::Failed {
            message: failure.message.as_str().into(),
            causes: failure.causes.iter().chain(&failure.printed).map(String::as_str).collect(),
            hint: failure.hint.as_deref(),
        },
        Error::Config(text) => {
            JsonError::Failed { message: text.as_str().into(), causes: Vec::new(), hint: None }
        }
        Error::Interrupted(done) => JsonError::Failed {
            message: format!("interrupted: {done}").into(),
            causes: Vec::new(),
            hint: Some(AGAIN),
        },
    }
}

const AGAIN: &str = "run it again: it goes on where it stopped";

#[cfg(test)]
mod tests;
