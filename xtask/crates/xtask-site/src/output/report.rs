//! Turns values into the lines that a person reads, and into the one object that a script reads. Both go to standard
//! output; everything else that the tool prints goes to standard error.

pub mod status;

mod json;
mod text;

use std::io::ErrorKind;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::cli::Typed;
use crate::output::color;
use engine::base::{Error, Result, failed, redact};
use engine::plan::{Outcome, Plan, Reason};
use engine::repository::Target;
use engine::site::File;

#[cfg(feature = "local")]
pub use text::would_change;
pub use text::{changes, going_back, heading};

use text::{done_of, error_text, failures, summary};

/// What is known about a run before anything is compared.
pub struct Run<'a> {
    pub target: &'a Target,
    pub store: Store,
    /// Whether there is a generator that was not run.
    pub stale: bool,
    pub dry: bool,
    /// For hints to repeat.
    pub typed: Typed<'a>,
}

/// Where the bucket is, in words for the user.
#[derive(Clone, Debug)]
pub enum Store {
    Aws,
    /// The address of an S3-compatible store.
    Compatible(String),
    /// The folder of the embedded bucket, below the work tree.
    #[cfg_attr(
        not(feature = "local"),
        expect(dead_code, reason = "only a build with embedded buckets makes one")
    )]
    Local(String),
}

/// The plan, kept for the report after `apply` has consumed it.
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
    /// The number of further deletes, whose keys are not kept because nothing prints them.
    #[serde(skip)]
    unnamed_deletes: usize,
}

impl Planned {
    /// How many objects are to be deleted.
    fn delete_count(&self) -> usize {
        self.deletes.len() + self.unnamed_deletes
    }
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
    let deletes = plan.deletes.iter().map(|object| object.key.clone()).collect();
    Planned { deletes, ..planned_uploads(plan, skipped) }
}

fn planned_uploads(plan: &Plan, skipped: Vec<String>) -> Planned {
    let uploads = plan.uploads.iter().map(|upload| PlannedUpload {
        file: upload.file.clone(),
        reason: upload.reason,
        headers: upload.changed_headers().into_iter().map(str::to_owned).collect(),
    });
    Planned {
        uploads: uploads.collect(),
        deletes: Vec::new(),
        unchanged: plan.unchanged,
        kept: plan.kept,
        skipped,
        retained: plan.retained.len(),
        left_out: plan.left_out.clone(),
        unnamed_deletes: 0,
    }
}

/// The same for a run that prints only some lines: the keys of a hundred thousand deletes are not kept in memory while
/// the plan is applied.
pub fn planned_in_lines(plan: &Plan, skipped: Vec<String>) -> Planned {
    let named = plan.deletes.iter().take(text::LINES);
    let deletes: Vec<String> = named.map(|object| object.key.clone()).collect();
    let unnamed_deletes = plan.deletes.len() - deletes.len();
    Planned { deletes, unnamed_deletes, ..planned_uploads(plan, skipped) }
}

/// Prints lines of text to standard output, unless it is reserved for one JSON object.
pub fn print(json: bool, lines: impl FnOnce() -> Vec<String>) -> Result<()> {
    match json {
        true => Ok(()),
        false => lines().iter().try_for_each(|line| out(line)),
    }
}

/// An error, for display on a page.
#[cfg(feature = "local")]
pub fn words(error: &Error, typed: &Typed<'_>) -> String {
    redact::hide(&error_text(error, typed))
}

/// Prints the end of a run.
pub fn finish(json: bool, run: &Run, planned: &Planned, done: &Done) -> Result<()> {
    let failures = failures(&done.outcome, &run.typed);
    failures.iter().for_each(|line| err(line));
    match json {
        true => out_json(&json::run(run, planned, done)),
        false => summary(run, planned, done).iter().try_for_each(|line| out(line)),
    }
}

/// The message of a run that was stopped: how much was done.
pub fn interrupted(run: &Run, planned: &Planned, outcome: &Outcome) -> Error {
    failures(outcome, &run.typed).iter().for_each(|line| err(line));
    Error::Interrupted(format!("{}, and the site is whole", done_of(planned, outcome)))
}

/// Prints the error that ended a run.
pub fn error(error: &Error, typed: &Typed<'_>, json: bool) {
    err(&error_text(error, typed));
    if json {
        // If this cannot be printed either, the exit code still tells.
        let _ = out_json(&json::error(error, typed));
    }
}

/// Scripts read the result from standard output, so failing to write it is a failure. If the reader has stopped reading
/// (`| head`), it is not.
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
    // If standard error is gone, there is no other place to print it.
    let _ = color::write_line(std::io::stderr(), &redact::hide(line));
}

/// What to do after a run that did not finish its work.
const AGAIN: &str = "run it again: it continues where it stopped";

#[cfg(test)]
mod tests;
