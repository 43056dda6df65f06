//! A run as the one object that a script reads.

use std::borrow::Cow;

use serde::Serialize;

use super::{AGAIN, Done, Planned, Run};
use crate::cli::Typed;
use engine::base::{Error, Failure, Refusal};
use engine::repository::{Place, Revision, Target};

/// The object of `--json`, for dry runs and real ones alike, with its keys in the documented order.
#[derive(Serialize)]
pub struct Json<'a> {
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

pub fn run<'a>(run: &Run<'a>, planned: &'a Planned, done: &'a Done) -> Json<'a> {
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

/// An error for a script: its one key distinguishes a refusal from a failure.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JsonError<'a> {
    Refused { code: &'a str, message: &'a str, hint: String },
    Failed { message: Cow<'a, str>, causes: Vec<&'a str>, hint: Option<String> },
}

pub fn error<'a>(error: &'a Error, typed: &Typed<'_>) -> JsonError<'a> {
    match error {
        Error::Refused(Refusal { code, message, hint }) => {
            JsonError::Refused { code, message, hint: typed.spell(hint) }
        }
        Error::Failed(failure) => JsonError::Failed {
            message: failure.message.as_str().into(),
            causes: failure.causes.iter().chain(&failure.printed).map(String::as_str).collect(),
            hint: failure.hint.as_ref().map(|hint| typed.spell(hint)),
        },
        Error::Config(text) => {
            JsonError::Failed { message: text.as_str().into(), causes: Vec::new(), hint: None }
        }
        Error::Interrupted(done) => JsonError::Failed {
            message: format!("interrupted: {done}").into(),
            causes: Vec::new(),
            hint: Some(AGAIN.to_owned()),
        },
    }
}
