//! What GitLab says about a run.

use super::super::claim::{Origin, Run};
use super::super::variables::{Vars, contradicted, is_var, tag_or_branch};

/// A missing source counts as a push: `CI_COMMIT_BRANCH` is not set for merge requests.
pub fn gitlab(var: Vars) -> Run {
    let source = var("CI_PIPELINE_SOURCE").unwrap_or_else(|| "push".to_owned());
    if is_var(var, "CI_MERGE_REQUEST_EVENT_TYPE", "merge_train") {
        let number = var("CI_MERGE_REQUEST_IID").unwrap_or_default();
        return Run::MergeQueue { name: format!("merge train of !{number}") };
    }
    for (event, iid, theirs, ours) in PULL_REQUESTS {
        let number = var(iid);
        if number.is_some() || source == event {
            let origin = Origin::of((theirs, var(theirs)), (ours, var(ours)));
            return Run::PullRequest { number: number.and_then(|n| n.parse().ok()), origin };
        }
    }
    if let Some(run) = contradicted(var, &OF_PULL_REQUESTS) {
        return run;
    }
    match SOURCES.contains(&source.as_str()) {
        true => tag_or_branch(var, "CI_COMMIT_TAG", "CI_COMMIT_BRANCH"),
        false => Run::Untrusted { event: source },
    }
}

/// The source of the pipeline, and the variables with the number, with the repository that it comes from, and with
/// ours.
const PULL_REQUESTS: [(&str, &str, &str, &str); 2] = [
    (
        "merge_request_event",
        "CI_MERGE_REQUEST_IID",
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID",
        "CI_MERGE_REQUEST_PROJECT_ID",
    ),
    (
        "external_pull_request_event",
        "CI_EXTERNAL_PULL_REQUEST_IID",
        "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY",
        "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY",
    ),
];

/// Other variables that are set only for pull requests.
const OF_PULL_REQUESTS: [&str; 4] = [
    "CI_MERGE_REQUEST_ID",
    "CI_MERGE_REQUEST_REF_PATH",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
];

/// What starts a pipeline on a branch of the project, for a member who may push there.
/// <https://docs.gitlab.com/ci/jobs/job_rules/#ci_pipeline_source-predefined-variable>
const SOURCES: [&str; 9] =
    ["push", "web", "webide", "api", "trigger", "schedule", "pipeline", "parent_pipeline", "chat"];
