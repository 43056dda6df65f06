//! The variables of each vendor, one function a vendor, each with the page that states them.

use super::{Run, Word};

/// The environment, so that tests can bring their own.
type Vars<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the vendor of this machine says of the run; `None` outside of CI. `var` gives a variable that
/// is set and not empty. `read_file` reads the event's file on GitHub.
pub fn read(var: Vars, read_file: &dyn Fn(&str) -> Option<String>) -> Option<Word> {
    let is = |name, value| is_var(var, name, value);
    let word = |vendor, run, commit: &str| Word { vendor, run, commit: var(commit) };
    Some(match () {
        // Drone and Woodpecker before the rest: Woodpecker sets some of GitLab's variables.
        _ if is("CI", "woodpecker") => word("Woodpecker", woodpecker(var), "CI_COMMIT_SHA"),
        _ if is("DRONE", "true") => word("Drone", drone(var), "DRONE_COMMIT_SHA"),
        _ if is("GITHUB_ACTIONS", "true") => {
            word("GitHub Actions", github(var, read_file), "GITHUB_SHA")
        }
        _ if is("GITLAB_CI", "true") => word("GitLab", gitlab(var), "CI_COMMIT_SHA"),
        _ if is("CIRCLECI", "true") => word("CircleCI", circle(var), "CIRCLE_SHA1"),
        _ if is("BUILDKITE", "true") => {
            let word = word("Buildkite", buildkite(var), "BUILDKITE_COMMIT");
            // A build that was started by hand may say so where a commit belongs.
            Word { commit: word.commit.filter(|commit| commit != "HEAD"), ..word }
        }
        _ if is("TRAVIS", "true") => word("Travis", travis(var), "TRAVIS_COMMIT"),
        _ if is("TF_BUILD", "true") => word("Azure Pipelines", azure(var), "BUILD_SOURCEVERSION"),
        _ if var("BITBUCKET_BUILD_NUMBER").is_some() => {
            word("Bitbucket", bitbucket(var), "BITBUCKET_COMMIT")
        }
        _ if var("JENKINS_URL").is_some() => word("Jenkins", jenkins(var), "GIT_COMMIT"),
        _ if var("CODEBUILD_BUILD_ID").is_some() => {
            word("CodeBuild", codebuild(var), "CODEBUILD_RESOLVED_SOURCE_VERSION")
        }
        _ => return None,
    })
}

/// <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows>
fn github(var: Vars, read_file: &dyn Fn(&str) -> Option<String>) -> Run {
    let event = var("GITHUB_EVENT_NAME").unwrap_or_default();
    let reference = var("GITHUB_REF").unwrap_or_default();
    if event == "pull_request_target" {
        return Run::Untrusted { event };
    }
    if event.starts_with("pull_request") || reference.starts_with("refs/pull/") {
        let number = reference.strip_prefix("refs/pull/").and_then(|rest| rest.split('/').next());
        // A runner always names the event's file.
        let fork = var("GITHUB_EVENT_PATH").is_some_and(|path| github_fork(read_file(&path)));
        return Run::PullRequest { number: number.and_then(|n| n.parse().ok()), fork };
    }
    if is_var(var, "GITHUB_REF_TYPE", "tag") {
        return Run::Tag(reference.trim_start_matches("refs/tags/").to_owned());
    }
    // Every other event runs with secrets on a ref that it did not push: `workflow_run` and
    // `issue_comment`, for two, on the default branch, whoever set them off.
    match event.as_str() {
        "" | "push" | "workflow_dispatch" | "repository_dispatch" | "schedule" => {
            by_reference(&reference, "GITHUB_REF")
        }
        _ => Run::Untrusted { event },
    }
}

/// Whether the event's file does not prove that the pull request comes from this very repository.
fn github_fork(event: Option<String>) -> bool {
    let event: serde_json::Value =
        event.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let repository = |side: &str| event["pull_request"][side]["repo"]["full_name"].as_str();
    repository("head").is_none() || repository("head") != repository("base")
}

/// <https://docs.gitlab.com/ci/variables/predefined_variables/>
fn gitlab(var: Vars) -> Run {
    if let Some(number) = var("CI_MERGE_REQUEST_IID") {
        let fork = var("CI_MERGE_REQUEST_SOURCE_PROJECT_ID") != var("CI_MERGE_REQUEST_PROJECT_ID");
        return Run::PullRequest { number: number.parse().ok(), fork };
    }
    if let Some(number) = var("CI_EXTERNAL_PULL_REQUEST_IID") {
        let fork = var("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY")
            != var("CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY");
        return Run::PullRequest { number: number.parse().ok(), fork };
    }
    tag_or_branch(var, "CI_COMMIT_TAG", "CI_COMMIT_BRANCH")
}

/// <https://circleci.com/docs/reference/variables/>
///
/// `CIRCLE_PULL_REQUEST` is set on pushes too, when the branch has a pull request open.
/// `CIRCLE_PR_NUMBER` is set for forks only, and so is the branch `pull/N`.
fn circle(var: Vars) -> Run {
    let branch = var("CIRCLE_BRANCH").unwrap_or_default();
    let of_fork = branch.strip_prefix("pull/").and_then(|n| n.parse().ok());
    let number = var("CIRCLE_PR_NUMBER").map_or(of_fork, |n| n.parse().ok());
    let fork = ["CIRCLE_PR_NUMBER", "CIRCLE_PR_USERNAME", "CIRCLE_PR_REPONAME"];
    if of_fork.is_some() || fork.iter().any(|name| var(name).is_some()) {
        return Run::PullRequest { number, fork: true };
    }
    tag_or_branch(var, "CIRCLE_TAG", "CIRCLE_BRANCH")
}

/// <https://buildkite.com/docs/pipelines/configure/environment-variables>
fn buildkite(var: Vars) -> Run {
    match var("BUILDKITE_PULL_REQUEST") {
        Some(number) if number != "false" => {
            let repository = |name| var(name).map(|address| repository_of(&address));
            let ours = repository("BUILDKITE_REPO");
            let fork = ours.is_some() && repository("BUILDKITE_PULL_REQUEST_REPO") != ours;
            Run::PullRequest { number: number.parse().ok(), fork }
        }
        _ => tag_or_branch(var, "BUILDKITE_TAG", "BUILDKITE_BRANCH"),
    }
}

/// <https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/>
///
/// Bitbucket runs no pipelines for the pull requests of forks.
fn bitbucket(var: Vars) -> Run {
    match var("BITBUCKET_PR_ID") {
        Some(number) => Run::PullRequest { number: number.parse().ok(), fork: false },
        None => tag_or_branch(var, "BITBUCKET_TAG", "BITBUCKET_BRANCH"),
    }
}

/// <https://docs.travis-ci.com/user/environment-variables/>
///
/// For a pull request `TRAVIS_BRANCH` is the branch that it targets.
fn travis(var: Vars) -> Run {
    match var("TRAVIS_PULL_REQUEST") {
        Some(number) if number != "false" => {
            let ours = var("TRAVIS_REPO_SLUG");
            let fork = ours.is_some() && var("TRAVIS_PULL_REQUEST_SLUG") != ours;
            Run::PullRequest { number: number.parse().ok(), fork }
        }
        _ => tag_or_branch(var, "TRAVIS_TAG", "TRAVIS_BRANCH"),
    }
}

/// <https://learn.microsoft.com/en-us/azure/devops/pipelines/build/variables>
///
/// `BUILD_SOURCEBRANCHNAME` is only the last segment of the branch, so it is not used.
fn azure(var: Vars) -> Run {
    let reference = var("BUILD_SOURCEBRANCH").unwrap_or_default();
    if is_var(var, "BUILD_REASON", "PullRequest") || reference.starts_with("refs/pull/") {
        let number = var("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
            .or_else(|| var("SYSTEM_PULLREQUEST_PULLREQUESTID"));
        let fork = is_var(var, "SYSTEM_PULLREQUEST_ISFORK", "true");
        return Run::PullRequest { number: number.and_then(|n| n.parse().ok()), fork };
    }
    by_reference(&reference, "BUILD_SOURCEBRANCH")
}

/// <https://www.jenkins.io/doc/book/pipeline/multibranch/>
///
/// Without the multibranch plugin only the git plugin's `GIT_BRANCH` tells the branch, with its remote,
/// and plugins of two hosts tell a pull request:
/// <https://plugins.jenkins.io/ghprb/>, <https://plugins.jenkins.io/gitlab-plugin/>.
fn jenkins(var: Vars) -> Run {
    if let Some(number) = var("CHANGE_ID") {
        return Run::PullRequest {
            number: number.parse().ok(),
            fork: var("CHANGE_FORK").is_some(),
        };
    }
    if let Some(pull_request) = jenkins_pull_request(var) {
        return pull_request;
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

/// A pull request without the multibranch plugin. It is a fork's unless it is proven to come from this
/// very repository, and `GIT_BRANCH` alone proves nothing.
fn jenkins_pull_request(var: Vars) -> Option<Run> {
    if let Some(number) = var("ghprbPullId") {
        let theirs = var("ghprbAuthorRepoGitUrl").map(|address| repository_of(&address));
        let theirs = theirs.as_deref().and_then(|address| address.split_once('/'));
        let ours = var("ghprbGhRepository").map(|name| name.to_ascii_lowercase());
        let fork = ours.is_none() || theirs.map(|(_, name)| name) != ours.as_deref();
        return Some(Run::PullRequest { number: number.parse().ok(), fork });
    }
    if let Some(number) = var("gitlabMergeRequestIid") {
        let theirs = var("gitlabSourceRepoHttpUrl");
        let fork = theirs.is_none() || theirs != var("gitlabTargetRepoHttpUrl");
        return Some(Run::PullRequest { number: number.parse().ok(), fork });
    }
    let branch = var("GIT_BRANCH")?;
    let (_remote, name) =
        branch.strip_prefix("refs/remotes/").unwrap_or(&branch).split_once('/')?;
    match name.split_once('/')? {
        ("pr" | "pull" | "merge-requests", rest) => {
            let number = rest.split('/').next().and_then(|number| number.parse().ok());
            Some(Run::PullRequest { number, fork: true })
        }
        _ => None,
    }
}

/// <https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html>
///
/// It does not tell a fork's pull request from another: which of them are built at all is a filter of
/// the webhook.
fn codebuild(var: Vars) -> Run {
    let trigger = var("CODEBUILD_WEBHOOK_TRIGGER").unwrap_or_default();
    match trigger.split_once('/') {
        Some(("branch", name)) if !name.is_empty() => {
            Run::Branch { name: name.to_owned(), told_by: "CODEBUILD_WEBHOOK_TRIGGER" }
        }
        Some(("tag", name)) => Run::Tag(name.to_owned()),
        Some(("pr", number)) => Run::PullRequest { number: number.parse().ok(), fork: false },
        _ => Run::Unsaid,
    }
}

/// <https://docs.drone.io/pipeline/environment/reference/>
///
/// For a pull request `DRONE_BRANCH` is the branch that it targets. Forks get no secrets, and are not
/// told apart here.
fn drone(var: Vars) -> Run {
    by_event(var, "DRONE_BUILD_EVENT", "DRONE_PULL_REQUEST", "DRONE_TAG", "DRONE_BRANCH")
}

/// <https://woodpecker-ci.org/docs/usage/environment>
///
/// As with Drone.
fn woodpecker(var: Vars) -> Run {
    by_event(
        var,
        "CI_PIPELINE_EVENT",
        "CI_COMMIT_PULL_REQUEST",
        "CI_COMMIT_TAG",
        "CI_COMMIT_BRANCH",
    )
}

fn by_event(var: Vars, event: &str, pull_request: &str, tag: &str, branch: &'static str) -> Run {
    match var(event).as_deref() {
        Some(event) if event.starts_with("pull_request") => {
            let number = var(pull_request).and_then(|n| n.parse().ok());
            Run::PullRequest { number, fork: false }
        }
        Some("tag" | "release") => Run::Tag(var(tag).unwrap_or_default()),
        Some("push" | "cron" | "manual" | "custom") => tag_or_branch(var, tag, branch),
        Some(event) => Run::Untrusted { event: event.to_owned() },
        None => Run::Unsaid,
    }
}

fn tag_or_branch(var: Vars, tag: &str, branch: &'static str) -> Run {
    match (var(tag), var(branch)) {
        (Some(tag), _) => Run::Tag(tag),
        (None, Some(name)) => Run::Branch { name, told_by: branch },
        (None, None) => Run::Unsaid,
    }
}

fn by_reference(reference: &str, told_by: &'static str) -> Run {
    if let Some(name) = reference.strip_prefix("refs/heads/").filter(|name| !name.is_empty()) {
        return Run::Branch { name: name.to_owned(), told_by };
    }
    match reference.strip_prefix("refs/tags/") {
        Some(tag) => Run::Tag(tag.to_owned()),
        None => Run::Unsaid,
    }
}

fn is_var(var: Vars, name: &str, value: &str) -> bool {
    var(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
}

/// A repository's host and path, however it is cloned: `git@host:us/site.git` and
/// `https://host/us/site` are one.
fn repository_of(address: &str) -> String {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    // A path may have an `@` or a `:` too, and what follows it there is no host.
    let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    let host = host.split_once('@').map_or(host, |(_, rest)| rest);
    let address = host.replacen(':', "/", 1) + path;
    address.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase()
}
