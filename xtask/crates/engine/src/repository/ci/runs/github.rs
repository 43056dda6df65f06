//! What GitHub Actions says about a run.

use super::super::claim::{Origin, Run};
use super::super::variables::{ReadFile, Vars, by_reference, contradicted, is_var};

/// <https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows>
pub fn github(var: Vars, read_file: ReadFile) -> Run {
    let event = var("GITHUB_EVENT_NAME").unwrap_or_default();
    let reference = var("GITHUB_REF").unwrap_or_default();
    if event == "pull_request_target" {
        return Run::Untrusted { event };
    }
    if event.starts_with("pull_request") || reference.starts_with("refs/pull/") {
        let number = reference.strip_prefix("refs/pull/").and_then(|rest| rest.split('/').next());
        let origin = match var("GITHUB_EVENT_PATH") {
            Some(path) => github_origin(read_file(&path)),
            None => Origin::Unproven("GITHUB_EVENT_PATH"),
        };
        return Run::PullRequest { number: number.and_then(|n| n.parse().ok()), origin };
    }
    if is_var(var, "GITHUB_REF_TYPE", "tag") {
        return Run::Tag(reference.trim_start_matches("refs/tags/").to_owned());
    }
    // Every other event runs with secrets on a ref that it did not push: `workflow_run` and `issue_comment` run on the
    // default branch, and a stranger can trigger them.
    match event.as_str() {
        "" => contradicted(var, &["GITHUB_HEAD_REF"])
            .unwrap_or(Run::Unproven { missing: "GITHUB_EVENT_NAME" }),
        "push" | "workflow_dispatch" | "repository_dispatch" | "schedule" => {
            contradicted(var, &["GITHUB_HEAD_REF"])
                .unwrap_or_else(|| by_reference(&reference, "GITHUB_REF"))
        }
        _ => Run::Untrusted { event },
    }
}

/// A fork, unless the event file proves that the pull request comes from this very repository.
fn github_origin(event: Option<String>) -> Origin {
    let event: serde_json::Value =
        event.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let repository = |side: &str| event["pull_request"][side]["repo"]["full_name"].as_str();
    match repository("head").is_some() && repository("head") == repository("base") {
        true => Origin::Ours,
        false => Origin::Fork,
    }
}

/// The newest commit of the branch that a pull request comes from, according to the event file.
pub fn github_source(var: Vars, read_file: ReadFile) -> Option<String> {
    let event = read_file(&var("GITHUB_EVENT_PATH")?)?;
    let event: serde_json::Value = serde_json::from_str(&event).ok()?;
    Some(event["pull_request"]["head"]["sha"].as_str()?.to_owned())
}
