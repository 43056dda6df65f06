//! What Jenkins says about a run.

use super::super::claim::{Origin, Run};
use super::super::variables::{Vars, contradicted, repository_of};

/// <https://www.jenkins.io/doc/book/pipeline/multibranch/>
///
/// Without the multibranch plugin, only the git plugin's `GIT_BRANCH` names the branch, together with its remote, and
/// the plugins of two hosts identify a pull request:
/// <https://plugins.jenkins.io/ghprb/>, <https://plugins.jenkins.io/gitlab-plugin/>.
pub fn jenkins(var: Vars) -> Run {
    if let Some(number) = var("CHANGE_ID") {
        // The documentation of the variable says that it is set only for forks.
        let origin = if var("CHANGE_FORK").is_some() { Origin::Fork } else { Origin::Ours };
        return Run::PullRequest { number: number.parse().ok(), origin };
    }
    if let Some(pull_request) = pull_request_without_multibranch(var) {
        return pull_request;
    }
    if let Some(run) = contradicted(var, &OF_PULL_REQUESTS).or_else(|| hints(var)) {
        return run;
    }
    if let Some(tag) = var("TAG_NAME") {
        return Run::Tag(tag);
    }
    if let Some(name) = var("BRANCH_NAME") {
        return Run::Branch { name, told_by: "BRANCH_NAME" };
    }
    match var("GIT_BRANCH").as_deref().and_then(|name| name.strip_prefix("origin/")) {
        Some(name) => Run::Branch { name: name.to_owned(), told_by: "GIT_BRANCH" },
        None => Run::Unsaid,
    }
}

/// Variables that are set only for pull requests, by the multibranch plugin and by plugins that build for a host:
/// <https://plugins.jenkins.io/github-pullrequest/>, <https://plugins.jenkins.io/stash-pullrequest-builder/>.
const OF_PULL_REQUESTS: [&str; 9] = [
    "CHANGE_BRANCH",
    "CHANGE_FORK",
    "CHANGE_TARGET",
    "GITHUB_PR_NUMBER",
    "GITHUB_PR_SOURCE_BRANCH",
    "ghprbActualCommit",
    "ghprbSourceBranch",
    "gitlabMergeRequestId",
    "pullRequestId",
];

/// Plugins that also run for pushes, and name their event.
/// <https://plugins.jenkins.io/gerrit-trigger/>, <https://plugins.jenkins.io/gitlab-plugin/>
fn hints(var: Vars) -> Option<Run> {
    let gerrit = var("GERRIT_EVENT_TYPE").or_else(|| var("GERRIT_CHANGE_NUMBER"));
    let is_merged = |event: &str| ["change-merged", "ref-updated"].contains(&event);
    if gerrit.is_some_and(|event| !is_merged(&event)) {
        let names = ["GERRIT_EVENT_TYPE", "GERRIT_CHANGE_NUMBER"];
        let told_by = names.into_iter().find(|name| var(name).is_some())?;
        return Some(Run::PerhapsFork { told_by });
    }
    let action = var("gitlabActionType")?;
    let is_push = ["PUSH", "TAG_PUSH", "PIPELINE"].iter().any(|a| action.eq_ignore_ascii_case(a));
    (!is_push).then_some(Run::PerhapsFork { told_by: "gitlabActionType" })
}

/// A pull request without the multibranch plugin. It counts as one from a fork unless it is proven to come from this
/// very repository, and `GIT_BRANCH` alone proves nothing.
fn pull_request_without_multibranch(var: Vars) -> Option<Run> {
    if let Some(number) = var("ghprbPullId") {
        let theirs = var("ghprbAuthorRepoGitUrl").map(|address| repository_of(&address));
        let theirs =
            theirs.map(|name| name.split_once('/').map_or("", |(_, name)| name).to_owned());
        let ours = var("ghprbGhRepository").map(|name| name.to_ascii_lowercase());
        let origin = Origin::of(("ghprbAuthorRepoGitUrl", theirs), ("ghprbGhRepository", ours));
        return Some(Run::PullRequest { number: number.parse().ok(), origin });
    }
    if let Some(number) = var("gitlabMergeRequestIid") {
        let repository = |name| (name, var(name));
        let theirs = repository("gitlabSourceRepoHttpUrl");
        let origin = Origin::of(theirs, repository("gitlabTargetRepoHttpUrl"));
        return Some(Run::PullRequest { number: number.parse().ok(), origin });
    }
    let branch = var("GIT_BRANCH")?;
    let (_remote, name) =
        branch.strip_prefix("refs/remotes/").unwrap_or(&branch).split_once('/')?;
    match name.split_once('/')? {
        ("pr" | "pull" | "merge-requests", rest) => {
            let number = rest.split('/').next().and_then(|number| number.parse().ok());
            Some(Run::PullRequest { number, origin: Origin::Unproven("CHANGE_ID") })
        }
        _ => None,
    }
}
