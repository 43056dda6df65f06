//! Each vendor as its documentation says it speaks, and the traps between them.

use super::vendors;
use super::{Run, Surroundings, Word};

const COMMIT: &str = "1111111111111111111111111111111111111111";

/// An environment written as `NAME=value NAME=value`. A variable that is set to nothing is not set, as
/// `cmd::deploy` hands it on.
fn lookup(environment: &str) -> impl Fn(&str) -> Option<String> {
    let pairs: Vec<(String, String)> = environment
        .split_whitespace()
        .map(|word| word.split_once('=').expect("NAME=value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    move |wanted: &str| {
        let found = pairs.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).filter(|value| !value.is_empty())
    }
}

/// What the vendor says, where there is no event's file.
fn read(environment: &str) -> Option<Word> {
    vendors::read(&lookup(environment), &|_| None)
}

fn run(environment: &str) -> Run {
    read(environment).expect("a vendor").run
}

fn branch(name: &str, told_by: &'static str) -> Run {
    Run::Branch { name: name.into(), told_by }
}

fn pull_request(number: u64) -> Run {
    Run::PullRequest { number: Some(number), fork: false }
}

fn fork(number: u64) -> Run {
    Run::PullRequest { number: Some(number), fork: true }
}

fn tag(name: &str) -> Run {
    Run::Tag(name.into())
}

/// A vendor, what all of its runs have in common, and what it says of each kind of run.
struct Vendor {
    name: &'static str,
    told_by: &'static str,
    /// The variable that holds the commit.
    commit: &'static str,
    runs: Vec<(&'static str, &'static str, Run)>,
}

fn vendors() -> Vec<Vendor> {
    vec![
        Vendor {
            name: "GitHub Actions",
            told_by: "GITHUB_ACTIONS=true",
            commit: "GITHUB_SHA",
            runs: vec![
                (
                    "push",
                    "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/feature/login \
                     GITHUB_REF_TYPE=branch GITHUB_REF_NAME=feature/login",
                    branch("feature/login", "GITHUB_REF"),
                ),
                // Without the event's file nothing proves that it is not a fork's; the file has a
                // table of its own below.
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
                ("no branch", "GITHUB_EVENT_NAME=push", Run::Unsaid),
            ],
        },
        Vendor {
            name: "GitLab",
            told_by: "GITLAB_CI=true",
            commit: "CI_COMMIT_SHA",
            runs: vec![
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
                ("no branch", "CI_COMMIT_REF_NAME=main", Run::Unsaid),
            ],
        },
        Vendor {
            name: "CircleCI",
            told_by: "CIRCLECI=true",
            commit: "CIRCLE_SHA1",
            runs: vec![
                ("push", "CIRCLE_BRANCH=main", branch("main", "CIRCLE_BRANCH")),
                // That the branch has a pull request open does not make its push one.
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
                (
                    "pull request of a fork, told by the branch alone",
                    "CIRCLE_BRANCH=pull/7",
                    fork(7),
                ),
                (
                    "pull request of a fork, told by its owner alone",
                    "CIRCLE_BRANCH=main CIRCLE_PR_USERNAME=they",
                    Run::PullRequest { number: None, fork: true },
                ),
                ("tag", "CIRCLE_TAG=main", tag("main")),
                ("no branch", "", Run::Unsaid),
            ],
        },
        Vendor {
            name: "Buildkite",
            told_by: "BUILDKITE=true",
            commit: "BUILDKITE_COMMIT",
            runs: vec![
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
                ("no branch", "BUILDKITE_PULL_REQUEST=false", Run::Unsaid),
            ],
        },
        Vendor {
            name: "Bitbucket",
            told_by: "BITBUCKET_BUILD_NUMBER=12",
            commit: "BITBUCKET_COMMIT",
            runs: vec![
                ("push", "BITBUCKET_BRANCH=main", branch("main", "BITBUCKET_BRANCH")),
                // It builds no pull request of a fork.
                (
                    "pull request",
                    "BITBUCKET_PR_ID=7 BITBUCKET_BRANCH=main BITBUCKET_PR_DESTINATION_BRANCH=main",
                    pull_request(7),
                ),
                ("tag", "BITBUCKET_TAG=main", tag("main")),
                ("no branch", "", Run::Unsaid),
            ],
        },
        Vendor {
            name: "Travis",
            told_by: "TRAVIS=true",
            commit: "TRAVIS_COMMIT",
            runs: vec![
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
                // It calls the branch as the tag.
                (
                    "tag",
                    "TRAVIS_BRANCH=main TRAVIS_TAG=main TRAVIS_PULL_REQUEST=false",
                    tag("main"),
                ),
                ("no branch", "TRAVIS_PULL_REQUEST=false", Run::Unsaid),
            ],
        },
        Vendor {
            name: "Azure Pipelines",
            told_by: "TF_BUILD=True",
            commit: "BUILD_SOURCEVERSION",
            runs: vec![
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
                ("no branch", "BUILD_SOURCEBRANCHNAME=main", Run::Unsaid),
            ],
        },
        Vendor {
            name: "Jenkins",
            told_by: "JENKINS_URL=https://ci.example.com/",
            commit: "GIT_COMMIT",
            runs: vec![
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
                (
                    "pull request of a fork",
                    "BRANCH_NAME=PR-7 CHANGE_ID=7 CHANGE_FORK=they",
                    fork(7),
                ),
                ("tag", "BRANCH_NAME=main TAG_NAME=main", tag("main")),
                ("no branch", "GIT_BRANCH=detached", Run::Unsaid),
            ],
        },
        Vendor {
            name: "CodeBuild",
            told_by: "CODEBUILD_BUILD_ID=site:1234",
            commit: "CODEBUILD_RESOLVED_SOURCE_VERSION",
            runs: vec![
                (
                    "push",
                    "CODEBUILD_WEBHOOK_TRIGGER=branch/feature/login",
                    branch("feature/login", "CODEBUILD_WEBHOOK_TRIGGER"),
                ),
                ("tag", "CODEBUILD_WEBHOOK_TRIGGER=tag/main", tag("main")),
                ("no branch", "", Run::Unsaid),
            ],
        },
        Vendor {
            name: "Drone",
            told_by: "DRONE=true",
            commit: "DRONE_COMMIT_SHA",
            runs: vec![
                (
                    "push",
                    "DRONE_BUILD_EVENT=push DRONE_BRANCH=main",
                    branch("main", "DRONE_BRANCH"),
                ),
                (
                    "schedule",
                    "DRONE_BUILD_EVENT=cron DRONE_BRANCH=main",
                    branch("main", "DRONE_BRANCH"),
                ),
                ("tag", "DRONE_BUILD_EVENT=tag DRONE_TAG=v1 DRONE_BRANCH=main", tag("v1")),
                ("no branch", "DRONE_BUILD_EVENT=push", Run::Unsaid),
            ],
        },
        Vendor {
            name: "Woodpecker",
            told_by: "CI=woodpecker",
            commit: "CI_COMMIT_SHA",
            runs: vec![
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
                ("tag", "CI_PIPELINE_EVENT=tag CI_COMMIT_TAG=v1 CI_COMMIT_BRANCH=main", tag("v1")),
                (
                    "release",
                    "CI_PIPELINE_EVENT=release CI_COMMIT_TAG=v1 CI_COMMIT_BRANCH=main",
                    tag("v1"),
                ),
                ("no branch", "CI_PIPELINE_EVENT=push", Run::Unsaid),
            ],
        },
    ]
}

#[test]
fn each_vendor_is_heard_as_it_speaks() {
    for Vendor { name, told_by, commit, runs } in vendors() {
        for (kind, environment, run) in runs {
            let said = read(&format!("{told_by} {commit}={COMMIT} {environment}"));
            let word = Word { vendor: name, run, commit: Some(COMMIT.into()) };
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

/// CI systems set the variables that do not apply to nothing.
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
            "BUILDKITE=true BUILDKITE_PULL_REQUEST= BUILDKITE_TAG= BUILDKITE_BRANCH=main",
            branch("main", "BUILDKITE_BRANCH"),
        ),
        (
            "JENKINS_URL=x CHANGE_ID= TAG_NAME= BRANCH_NAME= GIT_BRANCH=origin/main",
            branch("main", "GIT_BRANCH"),
        ),
        ("GITLAB_CI=true CI_COMMIT_BRANCH=", Run::Unsaid),
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
        let environment = format!("BUILDKITE=true BUILDKITE_BRANCH=main BUILDKITE_COMMIT={value}");
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

/// Whoever opens a pull request chooses the branch that it comes from, and Jenkins tells that one too.
#[test]
fn on_jenkins_without_multibranch_a_pull_request_is_one_and_a_forks_unless_proven_otherwise() {
    let github = "ghprbPullId=7 ghprbGhRepository=us/site GIT_BRANCH=origin/main";
    let gitlab = "gitlabMergeRequestIid=7 GIT_BRANCH=origin/main";
    let target = "gitlabTargetRepoHttpUrl=https://example.com/us/site.git";
    for (environment, expected) in [
        (format!("{github} ghprbAuthorRepoGitUrl=https://github.com/us/site.git"), pull_request(7)),
        (format!("{github} ghprbAuthorRepoGitUrl=git@github.com:Us/Site.git"), pull_request(7)),
        (format!("{github} ghprbAuthorRepoGitUrl=https://github.com/they/site.git"), fork(7)),
        (format!("{github} ghprbAuthorRepoGitUrl=https://github.com/x/us/site.git"), fork(7)),
        (format!("{github} BRANCH_NAME=main ghprbAuthorRepoGitUrl="), fork(7)),
        ("ghprbPullId=7 ghprbAuthorRepoGitUrl=https://github.com/us/site".into(), fork(7)),
        ("ghprbPullId=7".into(), fork(7)),
        (
            format!("{gitlab} {target} gitlabSourceRepoHttpUrl=https://example.com/us/site.git"),
            pull_request(7),
        ),
        (
            format!("{gitlab} {target} gitlabSourceRepoHttpUrl=https://example.com/they/site.git"),
            fork(7),
        ),
        (format!("{gitlab} {target}"), fork(7)),
        (gitlab.into(), fork(7)),
        ("GIT_BRANCH=origin/pr/7/merge".into(), fork(7)),
        ("GIT_BRANCH=origin/pull/7/head".into(), fork(7)),
        ("GIT_BRANCH=origin/merge-requests/7".into(), fork(7)),
        ("GIT_BRANCH=upstream/pr/7/merge".into(), fork(7)),
        ("GIT_BRANCH=refs/remotes/origin/pr/7/merge".into(), fork(7)),
        ("GIT_BRANCH=refs/pull/7/head".into(), fork(7)),
        ("GIT_BRANCH=origin/pr/main".into(), Run::PullRequest { number: None, fork: true }),
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
        let word = vendors::read(&lookup(environment), &read_file).unwrap();
        assert_eq!(word.run, Run::PullRequest { number: Some(7), fork: is_fork }, "{why}");
    }
}

#[test]
fn on_github_a_pull_request_is_one_by_its_event_or_by_its_ref() {
    for (event, reference, expected) in [
        ("pull_request", "refs/pull/7/merge", Some(7)),
        ("pull_request_review", "refs/pull/7/merge", Some(7)),
        ("push", "refs/pull/7/head", Some(7)),
        ("", "refs/pull/7/merge", Some(7)),
        // Its ref can be the base's once it is merged.
        ("pull_request", "refs/heads/main", None),
        ("pull_request", "refs/pull/main/merge", None),
    ] {
        let environment = format!(
            "GITHUB_ACTIONS=true GITHUB_EVENT_NAME={event} GITHUB_REF={reference} \
             GITHUB_EVENT_PATH=/event.json"
        );
        let expected = Run::PullRequest { number: expected, fork: true };
        assert_eq!(run(&environment), expected, "{event} {reference}");
    }
}

/// Woodpecker's own variables are called as GitLab's.
#[test]
fn of_two_vendors_at_once_the_more_telling_one_is_heard() {
    for (environment, vendor) in [
        ("CI=woodpecker GITLAB_CI=true", "Woodpecker"),
        ("CI=woodpecker DRONE=true", "Woodpecker"),
        ("GITHUB_ACTIONS=true CODEBUILD_BUILD_ID=x", "GitHub Actions"),
        ("BUILDKITE=true JENKINS_URL=x", "Buildkite"),
    ] {
        assert_eq!(read(environment).map(|word| word.vendor), Some(vendor), "{environment}");
    }
}

/// Whether it is a fork's is not told here, and has a test of its own.
#[test]
fn a_pull_request_never_goes_by_a_branch_that_it_names() {
    for environment in [
        // For these two the branch is the one that the pull request targets.
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
        ("CI=", false, false),
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
        ("CI=false GITHUB_ACTIONS=true", true, true),
    ] {
        let surroundings = Surroundings::of(&lookup(environment));
        let said = (surroundings.is_ci(), surroundings.is_github());
        assert_eq!(said, (is_ci, is_github), "{environment}");
    }
}

/// Travis names the repository of every pull request, so one without a name has lost its own.
#[test]
fn on_travis_a_pull_request_whose_repository_is_gone_is_a_forks() {
    let environment =
        "TRAVIS=true TRAVIS_PULL_REQUEST=7 TRAVIS_PULL_REQUEST_SLUG= TRAVIS_REPO_SLUG=us/site";
    assert_eq!(run(environment), fork(7));
}

/// Buildkite tells the pipeline's repository as it is cloned and the pull request's as it is shown.
#[test]
fn on_buildkite_one_repository_by_two_addresses_is_no_fork() {
    let environment = "BUILDKITE=true BUILDKITE_PULL_REQUEST=7 \
                       BUILDKITE_PULL_REQUEST_REPO=https://github.com/us/site.git \
                       BUILDKITE_REPO=git@github.com:us/site.git";
    assert_eq!(run(environment), pull_request(7));
}

/// As on GitHub: an event that we do not know is nobody's push.
#[test]
fn on_drone_and_woodpecker_an_event_that_is_not_known_chooses_nothing() {
    for (environment, event) in [
        ("DRONE=true DRONE_BUILD_EVENT=promote", "promote"),
        ("CI=woodpecker CI_PIPELINE_EVENT=deployment", "deployment"),
    ] {
        assert_eq!(run(environment), Run::Untrusted { event: event.into() });
    }
}
