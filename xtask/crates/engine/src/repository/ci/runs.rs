//! What each vendor says about a run, one function per vendor. The page that documents its variables is in the table in
//! `vendors`.

use super::vendors::{ReadFile, Vars, says};
use super::{Origin, Run};

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

/// A missing source counts as a push: `CI_COMMIT_BRANCH` is not set for merge requests.
pub fn gitlab(var: Vars) -> Run {
    let source = var("CI_PIPELINE_SOURCE").unwrap_or_else(|| "push".to_owned());
    if is_var(var, "CI_MERGE_REQUEST_EVENT_TYPE", "merge_train") {
        let number = var("CI_MERGE_REQUEST_IID").unwrap_or_default();
        return Run::MergeQueue { name: format!("merge train of !{number}") };
    }
    for (event, iid, theirs, ours) in GITLAB_PULL_REQUESTS {
        let number = var(iid);
        if number.is_some() || source == event {
            let origin = Origin::of((theirs, var(theirs)), (ours, var(ours)));
            return Run::PullRequest { number: number.and_then(|n| n.parse().ok()), origin };
        }
    }
    if let Some(run) = contradicted(var, &GITLAB_OF_PULL_REQUESTS) {
        return run;
    }
    match GITLAB_SOURCES.contains(&source.as_str()) {
        true => tag_or_branch(var, "CI_COMMIT_TAG", "CI_COMMIT_BRANCH"),
        false => Run::Untrusted { event: source },
    }
}

/// The source of the pipeline, and the variables with the number, with the repository that it comes from, and with
/// ours.
const GITLAB_PULL_REQUESTS: [(&str, &str, &str, &str); 2] = [
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
const GITLAB_OF_PULL_REQUESTS: [&str; 4] = [
    "CI_MERGE_REQUEST_ID",
    "CI_MERGE_REQUEST_REF_PATH",
    "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME",
    "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME",
];

/// What starts a pipeline on a branch of the project, for a member who may push there.
/// <https://docs.gitlab.com/ci/jobs/job_rules/#ci_pipeline_source-predefined-variable>
const GITLAB_SOURCES: [&str; 9] =
    ["push", "web", "webide", "api", "trigger", "schedule", "pipeline", "parent_pipeline", "chat"];

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

/// `BUILD_SOURCEBRANCHNAME` is only the last segment of the branch, so it is not used.
pub fn azure(var: Vars) -> Run {
    let reference = var("BUILD_SOURCEBRANCH").unwrap_or_default();
    let reason = var("BUILD_REASON").unwrap_or_default();
    let is_said = AZURE_OF_PULL_REQUESTS.iter().any(|name| says(var, name));
    if is_said || reason.eq_ignore_ascii_case("PullRequest") || reference.starts_with("refs/pull/")
    {
        let number = var("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
            .or_else(|| var("SYSTEM_PULLREQUEST_PULLREQUESTID"));
        let origin = match var("SYSTEM_PULLREQUEST_ISFORK").map(|is| is.to_ascii_lowercase()) {
            Some(is) if is == "false" => Origin::Ours,
            Some(_) => Origin::Fork,
            None => Origin::Unproven("SYSTEM_PULLREQUEST_ISFORK"),
        };
        return Run::PullRequest { number: number.and_then(|n| n.parse().ok()), origin };
    }
    // The end of another pipeline starts this one on the default branch (`ResourceTrigger`, `BuildCompletion`), and
    // that pipeline may have run for anybody.
    if reason.is_empty() {
        return Run::Unproven { missing: "BUILD_REASON" };
    }
    match AZURE_REASONS.iter().any(|known| reason.eq_ignore_ascii_case(known)) {
        true => by_reference(&reference, "BUILD_SOURCEBRANCH"),
        false => Run::Untrusted { event: reason },
    }
}

/// Variables that are set only for pull requests.
const AZURE_OF_PULL_REQUESTS: [&str; 4] = [
    "SYSTEM_PULLREQUEST_PULLREQUESTID",
    "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER",
    "SYSTEM_PULLREQUEST_SOURCEBRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
];

/// The reasons for which a build of pushed commits starts.
const AZURE_REASONS: [&str; 6] =
    ["IndividualCI", "BatchedCI", "Manual", "Schedule", "ScheduleForced", "UserCreated"];

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
    if let Some(pull_request) = jenkins_pull_request(var) {
        return pull_request;
    }
    if let Some(run) = contradicted(var, &JENKINS_OF_PULL_REQUESTS).or_else(|| jenkins_hints(var)) {
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
const JENKINS_OF_PULL_REQUESTS: [&str; 9] = [
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
fn jenkins_hints(var: Vars) -> Option<Run> {
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
fn jenkins_pull_request(var: Vars) -> Option<Run> {
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
        _ if trigger.is_none() && event.is_none() => codebuild_by_hand(var),
        _ => Run::Unproven { missing: "CODEBUILD_WEBHOOK_TRIGGER" },
    }
}

fn codebuild_by_hand(var: Vars) -> Run {
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

fn tag_or_branch(var: Vars, tag: &str, branch: &'static str) -> Run {
    match (var(tag), var(branch)) {
        (Some(tag), _) => Run::Tag(tag),
        (None, Some(name)) => Run::Branch { name, told_by: branch },
        (None, None) => Run::Unproven { missing: branch },
    }
}

/// What a variable that is set only for pull requests makes of a run, if the other variables say that this is a push.
fn contradicted(var: Vars, names: &[&'static str]) -> Option<Run> {
    let told_by = names.iter().find(|name| says(var, name))?;
    Some(Run::PerhapsFork { told_by })
}

fn by_reference(reference: &str, told_by: &'static str) -> Run {
    if let Some(name) = reference.strip_prefix("refs/heads/").filter(|name| !name.is_empty()) {
        return Run::Branch { name: name.to_owned(), told_by };
    }
    match reference.strip_prefix("refs/tags/") {
        Some(tag) => Run::Tag(tag.to_owned()),
        None => Run::Unproven { missing: told_by },
    }
}

fn is_var(var: Vars, name: &str, value: &str) -> bool {
    var(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
}

/// A repository's host and path, however it is cloned: `git@host:us/site.git` and `https://host/us/site` are the same.
fn repository_of(address: &str) -> String {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    // A path may contain an `@` or a `:` too, and what follows it there is not a host.
    let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    let host = host.split_once('@').map_or(host, |(_, rest)| rest);
    let address = host.replacen(':', "/", 1) + path;
    address.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase()
}
