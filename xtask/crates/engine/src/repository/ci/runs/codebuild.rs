//! What CodeBuild says about a run.

use super::super::claim::{Origin, Run};
use super::super::variables::{Vars, by_reference};

/// CodeBuild does not say whether a pull request comes from a fork: a filter of the webhook decides which ones are
/// built. A build that was started by hand has no trigger, and only a complete ref proves a branch.
/// <https://docs.aws.amazon.com/codebuild/latest/userguide/sample-source-version.html>
pub fn codebuild(var: Vars) -> Run {
    let trigger = var("CODEBUILD_WEBHOOK_TRIGGER");
    let event = var("CODEBUILD_WEBHOOK_EVENT");
    // The machine for a runner of GitHub, GitLab or Buildkite.
    if event.as_deref() == Some("WORKFLOW_JOB_QUEUED") {
        return Run::Host;
    }
    match trigger.as_deref().and_then(|trigger| trigger.split_once('/')) {
        Some(("pr", number)) => {
            Run::PullRequest { number: number.parse().ok(), origin: Origin::Ours }
        }
        _ if event.as_deref().is_some_and(|event| event.starts_with("PULL_REQUEST")) => {
            Run::PerhapsFork { told_by: "CODEBUILD_WEBHOOK_EVENT" }
        }
        Some(("branch", name)) if !name.is_empty() => {
            Run::Branch { name: name.to_owned(), told_by: "CODEBUILD_WEBHOOK_TRIGGER" }
        }
        Some(("tag", name)) => Run::Tag(name.to_owned()),
        _ if trigger.is_none() && event.is_none() => by_hand(var),
        _ => Run::Unproven { missing: "CODEBUILD_WEBHOOK_TRIGGER" },
    }
}

fn by_hand(var: Vars) -> Run {
    let version = var("CODEBUILD_SOURCE_VERSION").unwrap_or_default();
    let number = version.strip_prefix("pr/").or_else(|| version.strip_prefix("refs/pull/"));
    if let Some(number) = number.and_then(|rest| rest.split('/').next()) {
        let origin = Origin::Unproven("CODEBUILD_WEBHOOK_TRIGGER");
        return Run::PullRequest { number: number.parse().ok(), origin };
    }
    // A ref can include the commit at which it stood: `refs/heads/main^{0123…}`.
    let reference = version.split_once("^{").map_or(version.as_str(), |(reference, _)| reference);
    match by_reference(reference, "CODEBUILD_SOURCE_VERSION") {
        // It can also be a plain name, which a branch and a tag may share, or a commit.
        Run::Unproven { .. } => Run::Unsaid,
        run => run,
    }
}
