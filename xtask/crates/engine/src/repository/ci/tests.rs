//! Each vendor as its documentation describes it, and the traps between vendors.

use super::vendors::{self, VENDORS};
use super::{CiContext, Origin, Run, VendorClaim};

const COMMIT: &str = "1111111111111111111111111111111111111111";

/// An environment written as `NAME=value NAME=value`, where a variable can be empty.
fn raw(environment: &str) -> impl Fn(&str) -> Option<String> {
    let pairs: Vec<(String, String)> = environment
        .split_whitespace()
        .map(|word| word.split_once('=').expect("NAME=value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    move |wanted: &str| {
        let found = pairs.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    }
}

/// The same, but an empty variable counts as not set.
fn lookup(environment: &str) -> impl Fn(&str) -> Option<String> {
    let raw = raw(environment);
    move |wanted: &str| raw(wanted).filter(|value| !value.is_empty())
}

/// The claim of each vendor, if there is no event file.
fn claims(environment: &str) -> Vec<VendorClaim> {
    vendors::claims(&lookup(environment), &|_| None)
}

/// The claim of the only vendor.
fn read(environment: &str) -> Option<VendorClaim> {
    let mut claims = claims(environment);
    assert!(claims.len() < 2, "{claims:?}");
    claims.pop()
}

fn run(environment: &str) -> Run {
    read(environment).expect("a vendor").run
}

fn branch(name: &str, told_by: &'static str) -> Run {
    Run::Branch { name: name.into(), told_by }
}

fn pull_request(number: u64) -> Run {
    Run::PullRequest { number: Some(number), origin: Origin::Ours }
}

fn fork(number: u64) -> Run {
    Run::PullRequest { number: Some(number), origin: Origin::Fork }
}

/// A pull request that may come from a fork, because a variable is missing.
fn unproven(number: u64, missing: &'static str) -> Run {
    Run::PullRequest { number: Some(number), origin: Origin::Unproven(missing) }
}

fn tag(name: &str) -> Run {
    Run::Tag(name.into())
}

/// A vendor, the variables that all of its runs have in common, and its claims for each kind of run.
struct Vendor {
    name: &'static str,
    told_by: String,
    /// The variable that holds the commit.
    commit: &'static str,
    runs: Vec<(&'static str, &'static str, Run)>,
}

fn vendors() -> Vec<Vendor> {
    let of = |vendor: &vendors::Vendor| Vendor {
        name: vendor.name,
        told_by: told(vendor),
        commit: vendor.commit,
        runs: runs(vendor.name),
    };
    VENDORS.iter().map(of).collect()
}

/// Runs of every vendor: its name, and the variables of the run.
pub fn samples() -> Vec<(&'static str, String)> {
    let of = |vendor: &vendors::Vendor| {
        let told = told(vendor);
        let runs = runs(vendor.name).into_iter();
        runs.map(move |(_, environment, _)| (vendor.name, format!("{told} {environment}")))
            .collect::<Vec<_>>()
    };
    VENDORS.iter().flat_map(of).collect()
}

/// The variables that identify a vendor.
fn told(vendor: &vendors::Vendor) -> String {
    format!("{}={}", vendor.told_by, vendor.value.unwrap_or("12"))
}

fn runs(vendor: &str) -> Vec<(&'static str, &'static str, Run)> {
    match vendor {
        "GitHub Actions" => vec![
            (
                "push",
                "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/feature/login \
                     GITHUB_REF_TYPE=branch GITHUB_REF_NAME=feature/login",
                branch("feature/login", "GITHUB_REF"),
            ),
            // Without the event file, nothing proves that it does not come from a fork; the file has a table of its own
            // below.
            (
                "pull request of a fork",
                "GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/7/merge \
                     GITHUB_HEAD_REF=main GITHUB_BASE_REF=main GITHUB_EVENT_PATH=/event.json",
                fork(7),
            ),
            (
                "tag",
                "GITHUB_EVENT_NAME=push GITHUB_REF=refs/tags/main GITHUB_REF_TYPE=tag",
                tag("main"),
            ),
            (
                "tag, and no word of its type",
                "GITHUB_EVENT_NAME=push GITHUB_REF=refs/tags/main",
                tag("main"),
            ),
            (
                "an event that a stranger can set off",
                "GITHUB_EVENT_NAME=pull_request_target GITHUB_REF=refs/heads/main",
                Run::Untrusted { event: "pull_request_target".into() },
            ),
            (
                "no event",
                "GITHUB_REF=refs/heads/main",
                Run::Unproven { missing: "GITHUB_EVENT_NAME" },
            ),
            ("no branch", "GITHUB_EVENT_NAME=push", Run::Unproven { missing: "GITHUB_REF" }),
        ],
        "GitLab" => vec![
            (
                "push",
                "CI_COMMIT_BRANCH=main CI_COMMIT_REF_NAME=main",
                branch("main", "CI_COMMIT_BRANCH"),
            ),
            (
                "merge request",
                "CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_ID=99001 \
                     CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=main CI_MERGE_REQUEST_PROJECT_ID=5 \
                     CI_MERGE_REQUEST_SOURCE_PROJECT_ID=5 CI_COMMIT_REF_NAME=main",
                pull_request(7),
            ),
            (
                "merge request of a fork",
                "CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_PROJECT_ID=5 \
                     CI_MERGE_REQUEST_SOURCE_PROJECT_ID=6",
                fork(7),
            ),
            (
                "pull request on another host",
                "CI_EXTERNAL_PULL_REQUEST_IID=8 \
                     CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY=us/site \
                     CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY=us/site \
                     CI_COMMIT_BRANCH=main",
                pull_request(8),
            ),
            (
                "pull request of a fork on another host",
                "CI_EXTERNAL_PULL_REQUEST_IID=8 \
                     CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY=they/site \
                     CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY=us/site \
                     CI_COMMIT_BRANCH=main",
                fork(8),
            ),
            ("tag", "CI_COMMIT_TAG=main CI_COMMIT_REF_NAME=main", tag("main")),
            ("no branch", "CI_COMMIT_REF_NAME=main", Run::Unproven { missing: "CI_COMMIT_BRANCH" }),
        ],
        "CircleCI" => vec![
            ("push", "CIRCLE_BRANCH=main", branch("main", "CIRCLE_BRANCH")),
            // A push remains a push if the branch has an open pull request.
            (
                "push to a branch with a pull request",
                "CIRCLE_BRANCH=feature/login \
                     CIRCLE_PULL_REQUEST=https://github.com/us/site/pull/7 \
                     CIRCLE_PULL_REQUESTS=https://github.com/us/site/pull/7",
                branch("feature/login", "CIRCLE_BRANCH"),
            ),
            (
                "pull request of a fork",
                "CIRCLE_BRANCH=pull/7 CIRCLE_PR_NUMBER=7 CIRCLE_PR_USERNAME=they \
                     CIRCLE_PR_REPONAME=site",
                fork(7),
            ),
            ("pull request of a fork, told by the branch alone", "CIRCLE_BRANCH=pull/7", fork(7)),
            (
                "pull request of a fork, told by its owner alone",
                "CIRCLE_BRANCH=main CIRCLE_PR_USERNAME=they",
                Run::PullRequest { number: None, origin: Origin::Fork },
            ),
            ("tag", "CIRCLE_TAG=main", tag("main")),
            ("no branch", "", Run::Unproven { missing: "CIRCLE_BRANCH" }),
        ],
        "Buildkite" => vec![
            (
                "push",
                "BUILDKITE_BRANCH=main BUILDKITE_PULL_REQUEST=false \
                     BUILDKITE_PULL_REQUEST_REPO= BUILDKITE_TAG=",
                branch("main", "BUILDKITE_BRANCH"),
            ),
            (
                "pull request",
                "BUILDKITE_BRANCH=main BUILDKITE_PULL_REQUEST=7 \
                     BUILDKITE_PULL_REQUEST_REPO=https://github.com/us/site.git \
                     BUILDKITE_REPO=https://github.com/us/site.git",
                pull_request(7),
            ),
            (
                "pull request of a fork",
                "BUILDKITE_BRANCH=main BUILDKITE_PULL_REQUEST=7 \
                     BUILDKITE_PULL_REQUEST_REPO=https://github.com/they/site.git \
                     BUILDKITE_REPO=https://github.com/us/site.git",
                fork(7),
            ),
            (
                "tag",
                "BUILDKITE_BRANCH=main BUILDKITE_PULL_REQUEST=false BUILDKITE_TAG=v1",
                tag("v1"),
            ),
            (
                "no branch",
                "BUILDKITE_PULL_REQUEST=false",
                Run::Unproven { missing: "BUILDKITE_BRANCH" },
            ),
        ],
        "Bitbucket" => vec![
            ("push", "BITBUCKET_BRANCH=main", branch("main", "BITBUCKET_BRANCH")),
            // It builds no pull requests from forks.
            (
                "pull request",
                "BITBUCKET_PR_ID=7 BITBUCKET_BRANCH=main BITBUCKET_PR_DESTINATION_BRANCH=main",
                pull_request(7),
            ),
            ("tag", "BITBUCKET_TAG=main", tag("main")),
            ("no branch", "", Run::Unproven { missing: "BITBUCKET_BRANCH" }),
        ],
        "Travis" => vec![
            (
                "push",
                "TRAVIS_BRANCH=main TRAVIS_PULL_REQUEST=false TRAVIS_TAG=",
                branch("main", "TRAVIS_BRANCH"),
            ),
            (
                "pull request",
                "TRAVIS_BRANCH=main TRAVIS_PULL_REQUEST=7 \
                     TRAVIS_PULL_REQUEST_SLUG=us/site TRAVIS_REPO_SLUG=us/site",
                pull_request(7),
            ),
            (
                "pull request of a fork",
                "TRAVIS_BRANCH=main TRAVIS_PULL_REQUEST=7 \
                     TRAVIS_PULL_REQUEST_SLUG=they/site TRAVIS_REPO_SLUG=us/site",
                fork(7),
            ),
            // It gives the branch the name of the tag.
            ("tag", "TRAVIS_BRANCH=main TRAVIS_TAG=main TRAVIS_PULL_REQUEST=false", tag("main")),
            ("no branch", "TRAVIS_PULL_REQUEST=false", Run::Unproven { missing: "TRAVIS_BRANCH" }),
        ],
        "Azure Pipelines" => vec![
            (
                "push",
                "BUILD_REASON=IndividualCI BUILD_SOURCEBRANCH=refs/heads/feature/main \
                     BUILD_SOURCEBRANCHNAME=main",
                branch("feature/main", "BUILD_SOURCEBRANCH"),
            ),
            (
                "pull request",
                "BUILD_REASON=PullRequest BUILD_SOURCEBRANCH=refs/pull/7/merge \
                     BUILD_SOURCEBRANCHNAME=merge SYSTEM_PULLREQUEST_PULLREQUESTID=7 \
                     SYSTEM_PULLREQUEST_ISFORK=False \
                     SYSTEM_PULLREQUEST_SOURCEBRANCH=refs/heads/main",
                pull_request(7),
            ),
            // The id is Azure's own; the number is the one that GitHub shows.
            (
                "pull request on GitHub",
                "BUILD_REASON=PullRequest BUILD_SOURCEBRANCH=refs/pull/7/merge \
                     SYSTEM_PULLREQUEST_PULLREQUESTID=900100 \
                     SYSTEM_PULLREQUEST_PULLREQUESTNUMBER=7 SYSTEM_PULLREQUEST_ISFORK=False",
                pull_request(7),
            ),
            (
                "pull request of a fork",
                "BUILD_REASON=PullRequest BUILD_SOURCEBRANCH=refs/pull/7/merge \
                     SYSTEM_PULLREQUEST_PULLREQUESTID=7 SYSTEM_PULLREQUEST_ISFORK=True",
                fork(7),
            ),
            (
                "tag",
                "BUILD_REASON=IndividualCI BUILD_SOURCEBRANCH=refs/tags/main \
                     BUILD_SOURCEBRANCHNAME=main",
                tag("main"),
            ),
            (
                "no branch",
                "BUILD_REASON=Manual BUILD_SOURCEBRANCHNAME=main",
                Run::Unproven { missing: "BUILD_SOURCEBRANCH" },
            ),
        ],
        "Jenkins" => vec![
            (
                "push, multibranch",
                "BRANCH_NAME=main GIT_BRANCH=main",
                branch("main", "BRANCH_NAME"),
            ),
            (
                "push, one branch",
                "GIT_BRANCH=origin/feature/login",
                branch("feature/login", "GIT_BRANCH"),
            ),
            (
                "pull request",
                "BRANCH_NAME=PR-7 CHANGE_ID=7 CHANGE_BRANCH=main CHANGE_TARGET=main",
                pull_request(7),
            ),
            ("pull request of a fork", "BRANCH_NAME=PR-7 CHANGE_ID=7 CHANGE_FORK=they", fork(7)),
            ("tag", "BRANCH_NAME=main TAG_NAME=main", tag("main")),
            ("no branch", "GIT_BRANCH=detached", Run::Unsaid),
        ],
        "CodeBuild" => vec![
            (
                "push",
                "CODEBUILD_WEBHOOK_TRIGGER=branch/feature/login",
                branch("feature/login", "CODEBUILD_WEBHOOK_TRIGGER"),
            ),
            ("pull request", "CODEBUILD_WEBHOOK_TRIGGER=pr/7", pull_request(7)),
            ("tag", "CODEBUILD_WEBHOOK_TRIGGER=tag/main", tag("main")),
            ("no branch", "", Run::Unsaid),
        ],
        "Drone" => vec![
            ("push", "DRONE_BUILD_EVENT=push DRONE_BRANCH=main", branch("main", "DRONE_BRANCH")),
            (
                "schedule",
                "DRONE_BUILD_EVENT=cron DRONE_BRANCH=main",
                branch("main", "DRONE_BRANCH"),
            ),
            (
                "pull request",
                "DRONE_BUILD_EVENT=pull_request DRONE_PULL_REQUEST=7 DRONE_BRANCH=main",
                pull_request(7),
            ),
            (
                "promotion",
                "DRONE_BUILD_EVENT=promote DRONE_BRANCH=main",
                Run::Untrusted { event: "promote".into() },
            ),
            ("tag", "DRONE_BUILD_EVENT=tag DRONE_TAG=v1 DRONE_BRANCH=main", tag("v1")),
            ("no branch", "DRONE_BUILD_EVENT=push", Run::Unproven { missing: "DRONE_BRANCH" }),
        ],
        "Woodpecker" => vec![
            (
                "push",
                "CI_PIPELINE_EVENT=push CI_COMMIT_BRANCH=main",
                branch("main", "CI_COMMIT_BRANCH"),
            ),
            (
                "by hand",
                "CI_PIPELINE_EVENT=manual CI_COMMIT_BRANCH=main",
                branch("main", "CI_COMMIT_BRANCH"),
            ),
            (
                "pull request",
                "CI_PIPELINE_EVENT=pull_request CI_COMMIT_PULL_REQUEST=7 CI_COMMIT_BRANCH=main",
                pull_request(7),
            ),
            ("tag", "CI_PIPELINE_EVENT=tag CI_COMMIT_TAG=v1 CI_COMMIT_BRANCH=main", tag("v1")),
            (
                "release",
                "CI_PIPELINE_EVENT=release CI_COMMIT_TAG=v1 CI_COMMIT_BRANCH=main",
                tag("v1"),
            ),
            ("no branch", "CI_PIPELINE_EVENT=push", Run::Unproven { missing: "CI_COMMIT_BRANCH" }),
        ],
        _ => panic!("the vendor `{vendor}` has no samples"),
    }
}

#[test]
fn each_vendor_is_heard_as_it_speaks() {
    for Vendor { name, told_by, commit, runs } in vendors() {
        for (kind, environment, run) in runs {
            let said = read(&format!("{told_by} {commit}={COMMIT} {environment}"));
            let word = VendorClaim { vendor: name, run, commit: Some(COMMIT.into()), source: None };
            assert_eq!(said, Some(word), "{name}: {kind}");
        }
    }
}

#[test]
fn a_vendor_is_believed_only_where_its_telling_variable_is_set() {
    for Vendor { name, commit, runs, .. } in vendors() {
        for (kind, environment, _) in runs {
            let stray = format!("{commit}={COMMIT} {environment}");
            assert_eq!(read(&stray), None, "{name}: {kind}");
            assert_eq!(read(&format!("{stray} CI=true")), None, "{name}: {kind}, with CI=true");
        }
    }
}

#[test]
fn a_telling_variable_that_says_no_or_nothing_tells_nothing() {
    for environment in [
        "GITHUB_ACTIONS=false",
        "GITLAB_CI=false",
        "CIRCLECI=0",
        "BUILDKITE=",
        "BITBUCKET_BUILD_NUMBER=",
        "TRAVIS=false",
        "TF_BUILD=",
        "JENKINS_URL=",
        "CODEBUILD_BUILD_ID=",
        "DRONE=",
        "CI=drone",
    ] {
        assert_eq!(read(environment), None, "{environment}");
    }
}

#[test]
fn the_case_of_true_does_not_matter() {
    for (name, vendor) in [
        ("GITHUB_ACTIONS", "GitHub Actions"),
        ("GITLAB_CI", "GitLab"),
        ("CIRCLECI", "CircleCI"),
        ("BUILDKITE", "Buildkite"),
        ("TRAVIS", "Travis"),
        ("TF_BUILD", "Azure Pipelines"),
        ("DRONE", "Drone"),
    ] {
        for value in ["true", "True", "TRUE"] {
            let said = read(&format!("{name}={value}"));
            assert_eq!(said.map(|word| word.vendor), Some(vendor), "{name}={value}");
        }
    }
}

/// CI systems set variables that do not apply to an empty value.
#[test]
fn a_variable_that_is_set_to_nothing_is_missing() {
    for (environment, expected) in [
        (
            "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_HEAD_REF= GITHUB_REF_TYPE= \
             GITHUB_REF=refs/heads/main",
            branch("main", "GITHUB_REF"),
        ),
        (
            "GITLAB_CI=true CI_MERGE_REQUEST_IID= CI_COMMIT_TAG= CI_COMMIT_BRANCH=main",
            branch("main", "CI_COMMIT_BRANCH"),
        ),
        (
            "CIRCLECI=true CIRCLE_PR_NUMBER= CIRCLE_PR_USERNAME= CIRCLE_TAG= CIRCLE_BRANCH=main",
            branch("main", "CIRCLE_BRANCH"),
        ),
        (
            "BUILDKITE=true BUILDKITE_PULL_REQUEST=false BUILDKITE_PULL_REQUEST_REPO= \
             BUILDKITE_TAG= BUILDKITE_BRANCH=main",
            branch("main", "BUILDKITE_BRANCH"),
        ),
        (
            "BUILDKITE=true BUILDKITE_PULL_REQUEST= BUILDKITE_TAG= BUILDKITE_BRANCH=main",
            Run::Unproven { missing: "BUILDKITE_PULL_REQUEST" },
        ),
        (
            "JENKINS_URL=x CHANGE_ID= TAG_NAME= BRANCH_NAME= GIT_BRANCH=origin/main",
            branch("main", "GIT_BRANCH"),
        ),
        ("GITLAB_CI=true CI_COMMIT_BRANCH=", Run::Unproven { missing: "CI_COMMIT_BRANCH" }),
    ] {
        assert_eq!(run(environment), expected, "{environment}");
    }
}

#[test]
fn on_buildkite_head_is_no_commit_and_all_else_is_kept_as_told() {
    for (value, commit) in [
        (COMMIT, Some(COMMIT)),
        ("ABCDEF0123", Some("ABCDEF0123")),
        ("HEAD", None),
        ("", None),
        ("abc", Some("abc")),
        ("main", Some("main")),
    ] {
        let environment = format!(
            "BUILDKITE=true BUILDKITE_PULL_REQUEST=false BUILDKITE_BRANCH=main BUILDKITE_COMMIT={value}"
        );
        let word = read(&environment).unwrap();
        assert_eq!(word.commit.as_deref(), commit, "{value}");
        assert_eq!(word.run, branch("main", "BUILDKITE_BRANCH"), "{value}");
    }
}

#[test]
fn what_any_vendor_tells_of_the_commit_is_kept() {
    for Vendor { told_by, commit, .. } in vendors() {
        for value in ["abc", "main", "v1.0"] {
            let said = read(&format!("{told_by} {commit}={value}")).unwrap().commit;
            assert_eq!(said.as_deref(), Some(value), "{told_by}");
        }
        let said = read(&format!("{told_by} {commit}=HEAD")).unwrap().commit;
        assert_eq!(said.is_none(), told_by.starts_with("BUILDKITE"), "{told_by}");
    }
}

/// The author of a pull request chooses the branch that it comes from, and Jenkins reports that branch too.
#[test]
fn on_jenkins_without_multibranch_a_pull_request_is_one_and_a_forks_unless_proven_otherwise() {
    let github = "ghprbPullId=7 ghprbGhRepository=us/site GIT_BRANCH=origin/main";
    let gitlab = "gitlabMergeRequestIid=7 GIT_BRANCH=origin/main";
    let unnumbered = || Run::PullRequest { number: None, origin: Origin::Unproven("CHANGE_ID") };
    let target = "gitlabTargetRepoHttpUrl=https://example.com/us/site.git";
    for (environment, expected) in [
        (format!("{github} ghprbAuthorRepoGitUrl=https://github.com/us/site.git"), pull_request(7)),
        (format!("{github} ghprbAuthorRepoGitUrl=git@github.com:Us/Site.git"), pull_request(7)),
        (format!("{github} ghprbAuthorRepoGitUrl=https://github.com/they/site.git"), fork(7)),
        (format!("{github} ghprbAuthorRepoGitUrl=https://github.com/x/us/site.git"), fork(7)),
        (
            format!("{github} BRANCH_NAME=main ghprbAuthorRepoGitUrl="),
            unproven(7, "ghprbAuthorRepoGitUrl"),
        ),
        (
            "ghprbPullId=7 ghprbAuthorRepoGitUrl=https://github.com/us/site".into(),
            unproven(7, "ghprbGhRepository"),
        ),
        ("ghprbPullId=7".into(), unproven(7, "ghprbAuthorRepoGitUrl")),
        (
            format!("{gitlab} {target} gitlabSourceRepoHttpUrl=https://example.com/us/site.git"),
            pull_request(7),
        ),
        (
            format!("{gitlab} {target} gitlabSourceRepoHttpUrl=https://example.com/they/site.git"),
            fork(7),
        ),
        (format!("{gitlab} {target}"), unproven(7, "gitlabSourceRepoHttpUrl")),
        (gitlab.into(), unproven(7, "gitlabSourceRepoHttpUrl")),
        ("GIT_BRANCH=origin/pr/7/merge".into(), unproven(7, "CHANGE_ID")),
        ("GIT_BRANCH=origin/pull/7/head".into(), unproven(7, "CHANGE_ID")),
        ("GIT_BRANCH=origin/merge-requests/7".into(), unproven(7, "CHANGE_ID")),
        ("GIT_BRANCH=upstream/pr/7/merge".into(), unproven(7, "CHANGE_ID")),
        ("GIT_BRANCH=refs/remotes/origin/pr/7/merge".into(), unproven(7, "CHANGE_ID")),
        ("GIT_BRANCH=refs/pull/7/head".into(), unproven(7, "CHANGE_ID")),
        ("GIT_BRANCH=origin/pr/main".into(), unnumbered()),
        ("GIT_BRANCH=origin/feature/pr/7".into(), branch("feature/pr/7", "GIT_BRANCH")),
        ("GIT_BRANCH=origin/pr".into(), branch("pr", "GIT_BRANCH")),
        ("GIT_BRANCH=origin/pull-7/x".into(), branch("pull-7/x", "GIT_BRANCH")),
    ] {
        assert_eq!(run(&format!("JENKINS_URL=x {environment}")), expected, "{environment}");
    }
}

#[test]
fn on_github_only_events_that_run_what_was_pushed_tell_a_branch() {
    let pushed = || branch("main", "GITHUB_REF");
    let untrusted = |event: &str| Run::Untrusted { event: event.into() };
    for (event, expected) in [
        ("push", pushed()),
        ("workflow_dispatch", pushed()),
        ("repository_dispatch", pushed()),
        ("schedule", pushed()),
        ("pull_request_target", untrusted("pull_request_target")),
        ("workflow_run", untrusted("workflow_run")),
        ("issue_comment", untrusted("issue_comment")),
        ("issues", untrusted("issues")),
        ("merge_group", untrusted("merge_group")),
        ("check_run", untrusted("check_run")),
        ("an_event_of_next_year", untrusted("an_event_of_next_year")),
    ] {
        let environment = format!(
            "GITHUB_ACTIONS=true GITHUB_EVENT_NAME={event} GITHUB_REF=refs/heads/main \
             GITHUB_REF_TYPE=branch"
        );
        assert_eq!(run(&environment), expected, "{event}");
    }
}

#[test]
fn on_github_the_events_file_tells_a_fork() {
    let event = |head: &str, base: &str| {
        format!(r#"{{"pull_request":{{"head":{{"repo":{head}}},"base":{{"repo":{base}}}}}}}"#)
    };
    let us = r#"{"full_name":"us/site","fork":false}"#;
    let they = r#"{"full_name":"they/site","fork":true}"#;
    for (why, file, is_fork) in [
        ("the same repository", Some(event(us, us)), false),
        ("another repository", Some(event(they, us)), true),
        ("the fork was deleted", Some(event("null", us)), true),
        ("the base is not told", Some(event(us, "null")), true),
        ("neither is told", Some(event("null", "null")), true),
        ("a file of something else", Some("{}".into()), true),
        ("no JSON", Some("{".into()), true),
        ("an unreadable file", None, true),
    ] {
        let read_file = |path: &str| {
            assert_eq!(path, "/event.json");
            file.clone()
        };
        let environment = "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request \
                           GITHUB_REF=refs/pull/7/merge GITHUB_EVENT_PATH=/event.json";
        let claims = vendors::claims(&lookup(environment), &read_file);
        let expected = if is_fork { fork(7) } else { pull_request(7) };
        assert_eq!(claims[0].run, expected, "{why}");
    }
}

#[test]
fn on_github_a_pull_request_is_one_by_its_event_or_by_its_ref() {
    for (event, reference, expected) in [
        ("pull_request", "refs/pull/7/merge", Some(7)),
        ("pull_request_review", "refs/pull/7/merge", Some(7)),
        ("push", "refs/pull/7/head", Some(7)),
        ("", "refs/pull/7/merge", Some(7)),
        // Once it is merged, its ref can be that of the base.
        ("pull_request", "refs/heads/main", None),
        ("pull_request", "refs/pull/main/merge", None),
    ] {
        let environment = format!(
            "GITHUB_ACTIONS=true GITHUB_EVENT_NAME={event} GITHUB_REF={reference} \
             GITHUB_EVENT_PATH=/event.json"
        );
        let expected = Run::PullRequest { number: expected, origin: Origin::Fork };
        assert_eq!(run(&environment), expected, "{event} {reference}");
    }
}

/// One CI runs on the machines of another, and Woodpecker's own variables have the same names as GitLab's.
#[test]
fn of_several_vendors_each_is_heard() {
    for (environment, vendors) in [
        ("CI=woodpecker GITLAB_CI=true", ["Woodpecker", "GitLab"]),
        ("CI=woodpecker DRONE=true", ["Woodpecker", "Drone"]),
        ("GITHUB_ACTIONS=true CODEBUILD_BUILD_ID=x", ["GitHub Actions", "CodeBuild"]),
        ("BUILDKITE=true JENKINS_URL=x", ["Buildkite", "Jenkins"]),
    ] {
        let heard: Vec<_> = claims(environment).iter().map(|claim| claim.vendor).collect();
        assert_eq!(heard, vendors, "{environment}");
    }
}

/// Whether it comes from a fork is not checked here; another test does that.
#[test]
fn a_pull_request_never_goes_by_a_branch_that_it_names() {
    for environment in [
        // For these two, the branch is the one that the pull request targets.
        "DRONE=true DRONE_BUILD_EVENT=pull_request DRONE_PULL_REQUEST=7 DRONE_BRANCH=main",
        "CI=woodpecker CI_PIPELINE_EVENT=pull_request CI_COMMIT_PULL_REQUEST=7 \
         CI_COMMIT_BRANCH=main",
        "CI=woodpecker CI_PIPELINE_EVENT=pull_request_closed CI_COMMIT_PULL_REQUEST=7 \
         CI_COMMIT_BRANCH=main",
        "CODEBUILD_BUILD_ID=site:1 CODEBUILD_WEBHOOK_TRIGGER=pr/7 \
         CODEBUILD_WEBHOOK_HEAD_REF=refs/heads/main",
    ] {
        let said = run(environment);
        assert!(matches!(said, Run::PullRequest { number: Some(7), .. }), "{said:?}");
    }
}

#[test]
fn a_number_that_is_none_is_no_number() {
    for environment in [
        "GITLAB_CI=true CI_MERGE_REQUEST_IID=main",
        "BUILDKITE=true BUILDKITE_PULL_REQUEST=../x",
        "BITBUCKET_BUILD_NUMBER=1 BITBUCKET_PR_ID=-1",
        "TRAVIS=true TRAVIS_PULL_REQUEST=7/",
        "JENKINS_URL=x CHANGE_ID=PR-7",
        "CODEBUILD_BUILD_ID=x CODEBUILD_WEBHOOK_TRIGGER=pr/x",
    ] {
        let said = run(environment);
        assert!(matches!(said, Run::PullRequest { number: None, .. }), "{environment}: {said:?}");
    }
}

#[test]
fn nobody_is_at_the_terminal_where_ci_says_so() {
    for (environment, is_ci, is_github) in [
        ("", false, false),
        ("CI=", true, false),
        ("CI=false", false, false),
        ("CI=0", false, false),
        ("GITHUB_REF=refs/heads/main", false, false),
        ("CI=true", true, false),
        ("CI=1", true, false),
        ("CI=some-ci", true, false),
        ("JENKINS_URL=x", true, false),
        ("CODEBUILD_BUILD_ID=site:1", true, false),
        ("TEAMCITY_VERSION=2025.11", true, false),
        ("TEAMCITY_VERSION=", false, false),
        ("CI=false TEAMCITY_VERSION=2025.11", true, false),
        ("NETLIFY=true", true, false),
        ("bamboo_buildKey=SITE-MAIN", true, false),
        ("GITEA_ACTIONS=true", true, false),
        ("CI=false GITHUB_ACTIONS=true", true, true),
        ("GITHUB_ACTIONS=1", true, true),
        ("CI=true GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/7/merge", true, false),
        ("VELA=true", true, false),
        ("CF_BUILD_ID=1", true, false),
        ("AWS_APP_ID=d1", true, false),
        ("ZUUL_UUID=1", true, false),
        ("EAS_BUILD=true", true, false),
        ("CI_XCODE_CLOUD=TRUE", true, false),
        ("BUILD_BUILDID=1", true, false),
        ("GITHUB_RUN_ID=1", true, false),
        ("CI_JOB_ID=1", true, false),
        ("CIRCLE_BUILD_NUM=1", true, false),
    ] {
        let surroundings = CiContext::of(&raw(environment));
        let said = (surroundings.is_ci(), surroundings.is_github());
        assert_eq!(said, (is_ci, is_github), "{environment}");
    }
}

/// Build tools are run with `CI=` so that they do not treat warnings as errors. A person may have set that too.
#[test]
fn what_only_hints_at_ci_is_named() {
    for (environment, marker) in [
        ("", None),
        ("CI=", Some("CI")),
        ("CI= NETLIFY=true", Some("CI")),
        ("VERCEL=1", Some("VERCEL")),
        ("CI=false VERCEL=1", Some("VERCEL")),
        ("CI=true VERCEL=1", None),
        ("CI= GITLAB_CI=true", None),
    ] {
        assert_eq!(CiContext::of(&raw(environment)).marker(), marker, "{environment}");
    }
}

/// Travis names the repository of every pull request, so a pull request without a name has lost its repository.
#[test]
fn on_travis_a_pull_request_whose_repository_is_gone_is_a_forks() {
    let environment =
        "TRAVIS=true TRAVIS_PULL_REQUEST=7 TRAVIS_PULL_REQUEST_SLUG= TRAVIS_REPO_SLUG=us/site";
    assert_eq!(run(environment), fork(7));
}

/// Buildkite gives the pipeline's repository as the address to clone, and that of the pull request as the address of
/// its page.
#[test]
fn on_buildkite_one_repository_by_two_addresses_is_no_fork() {
    let environment = "BUILDKITE=true BUILDKITE_PULL_REQUEST=7 \
                       BUILDKITE_PULL_REQUEST_REPO=https://github.com/us/site.git \
                       BUILDKITE_REPO=git@github.com:us/site.git";
    assert_eq!(run(environment), pull_request(7));
}

/// As on GitHub: an event that we do not know is not a push.
#[test]
fn on_drone_and_woodpecker_an_event_that_is_not_known_chooses_nothing() {
    for (environment, event) in [
        ("DRONE=true DRONE_BUILD_EVENT=promote", "promote"),
        ("CI=woodpecker CI_PIPELINE_EVENT=deployment", "deployment"),
    ] {
        assert_eq!(run(environment), Run::Untrusted { event: event.into() });
    }
}

/// The repository of the pull request, or the variable that says that this is one.
#[test]
fn a_variable_that_is_missing_is_never_taken_for_trust() {
    let missing = |missing| Run::Unproven { missing };
    for (environment, expected) in [
        ("GITHUB_ACTIONS=true GITHUB_REF=refs/heads/main", missing("GITHUB_EVENT_NAME")),
        (
            "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/7/merge",
            unproven(7, "GITHUB_EVENT_PATH"),
        ),
        ("GITHUB_ACTIONS=true GITHUB_REF=refs/pull/7/merge", unproven(7, "GITHUB_EVENT_PATH")),
        (
            "GITLAB_CI=true CI_MERGE_REQUEST_IID=7",
            unproven(7, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID"),
        ),
        (
            "GITLAB_CI=true CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_SOURCE_PROJECT_ID=5",
            unproven(7, "CI_MERGE_REQUEST_PROJECT_ID"),
        ),
        (
            "GITLAB_CI=true CI_EXTERNAL_PULL_REQUEST_IID=7 CI_COMMIT_BRANCH=main",
            unproven(7, "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY"),
        ),
        (
            "BUILDKITE=true BUILDKITE_PULL_REQUEST=7 BUILDKITE_BRANCH=main",
            unproven(7, "BUILDKITE_PULL_REQUEST_REPO"),
        ),
        (
            "BUILDKITE=true BUILDKITE_PULL_REQUEST=7 \
             BUILDKITE_PULL_REQUEST_REPO=https://github.com/us/site",
            unproven(7, "BUILDKITE_REPO"),
        ),
        (
            "TRAVIS=true TRAVIS_PULL_REQUEST=7 TRAVIS_PULL_REQUEST_SLUG=us/site",
            unproven(7, "TRAVIS_REPO_SLUG"),
        ),
        ("TRAVIS=true TRAVIS_PULL_REQUEST=7 TRAVIS_BRANCH=main", unproven(7, "TRAVIS_REPO_SLUG")),
        ("TRAVIS=true TRAVIS_BRANCH=main", missing("TRAVIS_PULL_REQUEST")),
        (
            "TF_BUILD=True BUILD_REASON=PullRequest BUILD_SOURCEBRANCH=refs/pull/7/merge \
             SYSTEM_PULLREQUEST_PULLREQUESTID=7",
            unproven(7, "SYSTEM_PULLREQUEST_ISFORK"),
        ),
        ("DRONE=true DRONE_BRANCH=main", missing("DRONE_BUILD_EVENT")),
        ("CI=woodpecker CI_COMMIT_BRANCH=main", missing("CI_PIPELINE_EVENT")),
        (
            "CODEBUILD_BUILD_ID=site:1 CODEBUILD_SOURCE_VERSION=pr/7",
            unproven(7, "CODEBUILD_WEBHOOK_TRIGGER"),
        ),
    ] {
        assert_eq!(run(environment), expected, "{environment}");
    }
}

#[test]
fn variables_that_contradict_each_other_are_taken_for_a_pull_request() {
    let perhaps = |told_by| Run::PerhapsFork { told_by };
    let missing = |missing| Run::Unproven { missing };
    for (environment, expected) in [
        ("BUILDKITE=true BUILDKITE_BRANCH=main", missing("BUILDKITE_PULL_REQUEST")),
        (
            "BUILDKITE=true BUILDKITE_BRANCH=main BUILDKITE_PULL_REQUEST_REPO=git@host:they/site.git",
            perhaps("BUILDKITE_PULL_REQUEST_REPO"),
        ),
        (
            "BUILDKITE=true BUILDKITE_BRANCH=main BUILDKITE_PULL_REQUEST=false \
             BUILDKITE_PULL_REQUEST_REPO=git@host:they/site.git",
            perhaps("BUILDKITE_PULL_REQUEST_REPO"),
        ),
        (
            "TF_BUILD=True BUILD_SOURCEBRANCH=refs/heads/main SYSTEM_PULLREQUEST_PULLREQUESTID=7",
            unproven(7, "SYSTEM_PULLREQUEST_ISFORK"),
        ),
        ("TF_BUILD=True BUILD_SOURCEBRANCH=refs/heads/main", missing("BUILD_REASON")),
        (
            "TF_BUILD=True BUILD_REASON=OfNextYear BUILD_SOURCEBRANCH=refs/heads/main",
            Run::Untrusted { event: "OfNextYear".into() },
        ),
        (
            "DRONE=true DRONE_BUILD_EVENT=push DRONE_BRANCH=main DRONE_PULL_REQUEST=7",
            perhaps("DRONE_PULL_REQUEST"),
        ),
        (
            "CI=woodpecker CI_PIPELINE_EVENT=manual CI_COMMIT_BRANCH=main CI_COMMIT_PULL_REQUEST=7",
            perhaps("CI_COMMIT_PULL_REQUEST"),
        ),
        (
            "CODEBUILD_BUILD_ID=a:1 CODEBUILD_WEBHOOK_EVENT=PULL_REQUEST_CREATED",
            perhaps("CODEBUILD_WEBHOOK_EVENT"),
        ),
        (
            "CODEBUILD_BUILD_ID=a:1 CODEBUILD_WEBHOOK_EVENT=PULL_REQUEST_UPDATED \
             CODEBUILD_WEBHOOK_TRIGGER=branch/main",
            perhaps("CODEBUILD_WEBHOOK_EVENT"),
        ),
        (
            "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/main GITHUB_HEAD_REF=x",
            perhaps("GITHUB_HEAD_REF"),
        ),
        (
            "GITLAB_CI=true CI_COMMIT_BRANCH=main CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=x",
            perhaps("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"),
        ),
        (
            "BITBUCKET_BUILD_NUMBER=1 BITBUCKET_BRANCH=main BITBUCKET_PR_DESTINATION_BRANCH=main",
            perhaps("BITBUCKET_PR_DESTINATION_BRANCH"),
        ),
        (
            "TRAVIS=true TRAVIS_BRANCH=main TRAVIS_PULL_REQUEST=false TRAVIS_PULL_REQUEST_SLUG=they/site",
            perhaps("TRAVIS_PULL_REQUEST_SLUG"),
        ),
        (
            "TRAVIS=true TRAVIS_BRANCH=main TRAVIS_PULL_REQUEST=false TRAVIS_EVENT_TYPE=pull_request",
            perhaps("TRAVIS_EVENT_TYPE"),
        ),
    ] {
        assert_eq!(run(environment), expected, "{environment}");
    }
    for (environment, told_by) in [
        ("GERRIT_EVENT_TYPE=patchset-created GERRIT_CHANGE_NUMBER=7", "GERRIT_EVENT_TYPE"),
        ("GERRIT_CHANGE_NUMBER=7", "GERRIT_CHANGE_NUMBER"),
        ("GITHUB_PR_NUMBER=7", "GITHUB_PR_NUMBER"),
        ("gitlabActionType=MERGE", "gitlabActionType"),
        ("gitlabActionType=NOTE", "gitlabActionType"),
        ("CHANGE_TARGET=main CHANGE_BRANCH=main", "CHANGE_BRANCH"),
        ("BRANCH_NAME=main CHANGE_TARGET=main", "CHANGE_TARGET"),
    ] {
        let environment = format!("JENKINS_URL=x GIT_BRANCH=origin/main {environment}");
        assert_eq!(run(&environment), perhaps(told_by), "{environment}");
    }
    for environment in [
        "GERRIT_EVENT_TYPE=change-merged GERRIT_CHANGE_NUMBER=7",
        "GERRIT_EVENT_TYPE=ref-updated",
        "gitlabActionType=PUSH gitlabSourceBranch=main",
    ] {
        let environment = format!("JENKINS_URL=x GIT_BRANCH=origin/main {environment}");
        assert_eq!(run(&environment), branch("main", "GIT_BRANCH"), "{environment}");
    }
}

#[test]
fn a_build_that_was_started_by_hand_is_of_the_branch_that_it_names() {
    for (environment, expected) in [
        (
            "GITLAB_CI=true CI_PIPELINE_SOURCE=web CI_COMMIT_BRANCH=main",
            branch("main", "CI_COMMIT_BRANCH"),
        ),
        (
            "GITLAB_CI=true CI_PIPELINE_SOURCE=trigger CI_COMMIT_BRANCH=main",
            branch("main", "CI_COMMIT_BRANCH"),
        ),
        (
            "TF_BUILD=True BUILD_REASON=Manual BUILD_SOURCEBRANCH=refs/heads/main",
            branch("main", "BUILD_SOURCEBRANCH"),
        ),
        (
            "BUILDKITE=true BUILDKITE_PULL_REQUEST=false BUILDKITE_COMMIT=HEAD BUILDKITE_BRANCH=main",
            branch("main", "BUILDKITE_BRANCH"),
        ),
        ("DRONE=true DRONE_BUILD_EVENT=custom DRONE_BRANCH=main", branch("main", "DRONE_BRANCH")),
        (
            "CODEBUILD_BUILD_ID=site:1 CODEBUILD_SOURCE_VERSION=refs/heads/main",
            branch("main", "CODEBUILD_SOURCE_VERSION"),
        ),
        (
            "CODEBUILD_BUILD_ID=site:1 CODEBUILD_SOURCE_VERSION=refs/heads/main^{0123456}",
            branch("main", "CODEBUILD_SOURCE_VERSION"),
        ),
        ("CODEBUILD_BUILD_ID=site:1 CODEBUILD_SOURCE_VERSION=refs/tags/main", tag("main")),
        // A branch or a tag, which may have the same name.
        ("CODEBUILD_BUILD_ID=site:1 CODEBUILD_SOURCE_VERSION=main", Run::Unsaid),
        (
            "CODEBUILD_BUILD_ID=site:1 CODEBUILD_WEBHOOK_EVENT=PUSH \
             CODEBUILD_SOURCE_VERSION=refs/heads/main",
            Run::Unproven { missing: "CODEBUILD_WEBHOOK_TRIGGER" },
        ),
    ] {
        assert_eq!(run(environment), expected, "{environment}");
    }
}

#[test]
fn what_a_merge_queue_tests_is_no_pushed_branch() {
    let queue = "gh-readonly-queue/main/pr-7-0123456789012345678901234567890123456789";
    let queued = |name: &str| Run::MergeQueue { name: name.into() };
    for (environment, expected) in [
        (
            format!("GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/{queue}"),
            queued(queue),
        ),
        (format!("CIRCLECI=true CIRCLE_BRANCH={queue}"), queued(queue)),
        (
            "BITBUCKET_BUILD_NUMBER=1 BITBUCKET_BRANCH=mergify/merge-queue/1f2e".into(),
            queued("mergify/merge-queue/1f2e"),
        ),
        (
            "GITLAB_CI=true CI_PIPELINE_SOURCE=merge_request_event CI_MERGE_REQUEST_IID=7 \
             CI_MERGE_REQUEST_EVENT_TYPE=merge_train CI_MERGE_REQUEST_PROJECT_ID=5 \
             CI_MERGE_REQUEST_SOURCE_PROJECT_ID=5"
                .into(),
            queued("merge train of !7"),
        ),
        (
            "GITLAB_CI=true CI_PIPELINE_SOURCE=merge_request_event CI_MERGE_REQUEST_IID=7 \
             CI_MERGE_REQUEST_EVENT_TYPE=merged_result CI_MERGE_REQUEST_PROJECT_ID=5 \
             CI_MERGE_REQUEST_SOURCE_PROJECT_ID=5"
                .into(),
            pull_request(7),
        ),
        ("CIRCLECI=true CIRCLE_BRANCH=queue/main".into(), branch("queue/main", "CIRCLE_BRANCH")),
    ] {
        assert_eq!(run(&environment), expected, "{environment}");
    }
}

#[test]
fn an_event_that_others_can_set_off_chooses_nothing() {
    let untrusted = |event: &str| Run::Untrusted { event: event.into() };
    for (environment, event) in [
        (
            "TF_BUILD=True BUILD_REASON=ResourceTrigger BUILD_SOURCEBRANCH=refs/heads/main",
            "ResourceTrigger",
        ),
        (
            "GITLAB_CI=true CI_PIPELINE_SOURCE=security_orchestration_policy CI_COMMIT_BRANCH=main",
            "security_orchestration_policy",
        ),
        ("GITLAB_CI=true CI_PIPELINE_SOURCE=of_next_year CI_COMMIT_BRANCH=main", "of_next_year"),
    ] {
        assert_eq!(run(environment), untrusted(event), "{environment}");
    }
    for (source, missing) in [
        ("merge_request_event", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID"),
        ("external_pull_request_event", "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY"),
    ] {
        let environment =
            format!("GITLAB_CI=true CI_PIPELINE_SOURCE={source} CI_COMMIT_BRANCH=main");
        let origin = Origin::Unproven(missing);
        assert_eq!(run(&environment), Run::PullRequest { number: None, origin }, "{source}");
    }
}

#[test]
fn the_handbook_names_each_vendor_of_the_table() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../site/pages/ci.md");
    let text = std::fs::read_to_string(page).unwrap();
    for vendor in &VENDORS {
        assert!(text.contains(vendor.name), "{}", vendor.name);
        assert!(vendor.page.starts_with("https://"), "{}", vendor.name);
    }
}
