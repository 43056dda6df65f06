//! What each vendor says about a run, one function per vendor. Vendors that need more than one function have a file of
//! their own. The page that documents the variables of a vendor is in the table in `vendors`.

mod github;
mod gitlab;
mod azure;
mod jenkins;
mod codebuild;

use super::claim::{Origin, Run};
use super::variables::{Vars, contradicted, is_var, repository_of, says, tag_or_branch};

pub use azure::azure;
pub use codebuild::codebuild;
pub use github::{github, github_source};
pub use gitlab::gitlab;
pub use jenkins::jenkins;

/// `CIRCLE_PULL_REQUEST` is also set on pushes if the branch has an open pull request. `CIRCLE_PR_NUMBER` is set only
/// for forks, and so is the branch `pull/N`.
pub fn circle(var: Vars) -> Run {
    let branch = var("CIRCLE_BRANCH").unwrap_or_default();
    let of_fork = branch.strip_prefix("pull/").and_then(|n| n.parse().ok());
    let number = var("CIRCLE_PR_NUMBER").map_or(of_fork, |n| n.parse().ok());
    let fork = ["CIRCLE_PR_NUMBER", "CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME"];
    if of_fork.is_some() || fork.iter().any(|name| var(name).is_some()) {
        return Run::PullRequest { number, origin: Origin::Fork };
    }
    tag_or_branch(var, "CIRCLE_TAG", "CIRCLE_BRANCH")
}

/// For a push, the variable of the pull request is `false`.
pub fn buildkite(var: Vars) -> Run {
    match var("BUILDKITE_PULL_REQUEST") {
        None => contradicted(var, &["BUILDKITE_PULL_REQUEST_REPO"])
            .unwrap_or(Run::Unproven { missing: "BUILDKITE_PULL_REQUEST" }),
        Some(number) if number != "false" => {
            let repository = |name| (name, var(name).map(|address| repository_of(&address)));
            let theirs = repository("BUILDKITE_PULL_REQUEST_REPO");
            let origin = Origin::of(theirs, repository("BUILDKITE_REPO"));
            Run::PullRequest { number: number.parse().ok(), origin }
        }
        Some(_) => contradicted(var, &["BUILDKITE_PULL_REQUEST_REPO"])
            .unwrap_or_else(|| tag_or_branch(var, "BUILDKITE_TAG", "BUILDKITE_BRANCH")),
    }
}

/// Bitbucket runs no pipelines for pull requests from forks.
pub fn bitbucket(var: Vars) -> Run {
    match var("BITBUCKET_PR_ID") {
        Some(number) => Run::PullRequest { number: number.parse().ok(), origin: Origin::Ours },
        None => contradicted(var, &["BITBUCKET_PR_DESTINATION_BRANCH"])
            .unwrap_or_else(|| tag_or_branch(var, "BITBUCKET_TAG", "BITBUCKET_BRANCH")),
    }
}

/// For a pull request, `TRAVIS_BRANCH` is the branch that it targets, so the variable that says whether this is one
/// must be set. For a fork that was deleted, `TRAVIS_PULL_REQUEST_SLUG` is empty.
pub fn travis(var: Vars) -> Run {
    match var("TRAVIS_PULL_REQUEST") {
        None => Run::Unproven { missing: "TRAVIS_PULL_REQUEST" },
        Some(number) if number != "false" => {
            let ours = ("TRAVIS_REPO_SLUG", var("TRAVIS_REPO_SLUG"));
            let theirs = var("TRAVIS_PULL_REQUEST_SLUG").unwrap_or_default();
            let origin = Origin::of(("TRAVIS_PULL_REQUEST_SLUG", Some(theirs)), ours);
            Run::PullRequest { number: number.parse().ok(), origin }
        }
        Some(_) if is_var(var, "TRAVIS_EVENT_TYPE", "pull_request") => {
            Run::PerhapsFork { told_by: "TRAVIS_EVENT_TYPE" }
        }
        Some(_) => contradicted(var, &["TRAVIS_PULL_REQUEST_BRANCH", "TRAVIS_PULL_REQUEST_SLUG"])
            .unwrap_or_else(|| tag_or_branch(var, "TRAVIS_TAG", "TRAVIS_BRANCH")),
    }
}

/// For a pull request, `DRONE_BRANCH` is the branch that it targets. Forks get no secrets, and cannot be told apart
/// here.
pub fn drone(var: Vars) -> Run {
    by_event(var, "DRONE_BUILD_EVENT", "DRONE_PULL_REQUEST", "DRONE_TAG", "DRONE_BRANCH")
}

/// As with Drone.
pub fn woodpecker(var: Vars) -> Run {
    by_event(
        var,
        "CI_PIPELINE_EVENT",
        "CI_COMMIT_PULL_REQUEST",
        "CI_COMMIT_TAG",
        "CI_COMMIT_BRANCH",
    )
}

/// Without an event nothing is known: HEAD is on the branch that a pull request targets.
fn by_event(
    var: Vars,
    told_by: &'static str,
    pull_request: &'static str,
    tag: &str,
    branch: &'static str,
) -> Run {
    match var(told_by).as_deref() {
        Some(event) if event.starts_with("pull_request") => {
            let number = var(pull_request).and_then(|n| n.parse().ok());
            Run::PullRequest { number, origin: Origin::Ours }
        }
        _ if says(var, pull_request) => Run::PerhapsFork { told_by: pull_request },
        Some("tag" | "release") => Run::Tag(var(tag).unwrap_or_default()),
        Some("push" | "cron" | "manual" | "custom") => tag_or_branch(var, tag, branch),
        Some(event) => Run::Untrusted { event: event.to_owned() },
        None => Run::Unproven { missing: told_by },
    }
}
