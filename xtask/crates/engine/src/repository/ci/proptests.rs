//! Whatever the rest of the environment says, a pull request is never taken for a pushed branch, and a pull request
//! from a fork is never taken for one of ours.

use std::cell::RefCell;
use std::collections::HashMap;

use proptest::collection::hash_map;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::{Origin, Run, VendorClaim, vendors};
use crate::base::proptests::{cases, text};

/// Variables written as `NAME=value NAME=value`. `{branch}` in a value stands for a branch's name.
type Words = &'static str;

#[derive(Debug)]
struct Vendor {
    /// The variables that identify the vendor.
    told_by: Words,
    /// The other variables that are read.
    variables: Words,
    /// Variables of a pushed branch.
    push: Words,
    /// Each of these alone says that this is a pull request.
    pull_requests: &'static [Words],
    /// Each of these says that this is a pull request from a fork; empty if the vendor does not say so.
    forks: &'static [Words],
}

const VENDORS: [Vendor; 11] = [
    Vendor {
        told_by: "GITHUB_ACTIONS=true",
        variables: "GITHUB_EVENT_NAME GITHUB_REF GITHUB_REF_TYPE GITHUB_EVENT_PATH GITHUB_SHA GITHUB_HEAD_REF",
        push: "GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/{branch}",
        pull_requests: &[
            "GITHUB_EVENT_NAME=pull_request",
            "GITHUB_EVENT_NAME=pull_request_target",
            "GITHUB_EVENT_NAME=pull_request_review_comment",
            "GITHUB_REF=refs/pull/7/merge",
        ],
        // No event file can be read here, so nothing proves the contrary.
        forks: &["GITHUB_EVENT_NAME=pull_request GITHUB_EVENT_PATH=/event.json"],
    },
    Vendor {
        told_by: "GITLAB_CI=true",
        variables: "CI_MERGE_REQUEST_IID CI_MERGE_REQUEST_SOURCE_PROJECT_ID \
                    CI_MERGE_REQUEST_PROJECT_ID CI_EXTERNAL_PULL_REQUEST_IID \
                    CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY \
                    CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY CI_COMMIT_TAG CI_COMMIT_BRANCH \
                    CI_COMMIT_SHA CI_PIPELINE_SOURCE CI_MERGE_REQUEST_EVENT_TYPE CI_MERGE_REQUEST_ID \
                    CI_MERGE_REQUEST_REF_PATH CI_MERGE_REQUEST_SOURCE_BRANCH_NAME \
                    CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME \
                    CI_MERGE_REQUEST_SOURCE_BRANCH_SHA CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA",
        push: "CI_COMMIT_BRANCH={branch} CI_PIPELINE_SOURCE=push",
        pull_requests: &[
            "CI_MERGE_REQUEST_IID=7",
            "CI_EXTERNAL_PULL_REQUEST_IID=7",
            "CI_PIPELINE_SOURCE=merge_request_event",
            "CI_PIPELINE_SOURCE=external_pull_request_event",
        ],
        forks: &[
            "CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_SOURCE_PROJECT_ID=",
            "CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_PROJECT_ID=5 CI_MERGE_REQUEST_SOURCE_PROJECT_ID=6",
        ],
    },
    Vendor {
        told_by: "CIRCLECI=true",
        variables: "CIRCLE_BRANCH CIRCLE_PR_NUMBER CIRCLE_PR_USERNAME CIRCLE_PR_REPONAME CIRCLE_TAG \
                    CIRCLE_SHA1",
        push: "CIRCLE_BRANCH={branch}",
        pull_requests: &[
            "CIRCLE_PR_NUMBER=7",
            "CIRCLE_PR_USERNAME=somebody",
            "CIRCLE_PR_REPONAME=site",
            "CIRCLE_BRANCH=pull/7",
        ],
        forks: &["CIRCLE_PR_NUMBER=7", "CIRCLE_BRANCH=pull/7"],
    },
    Vendor {
        told_by: "BUILDKITE=true",
        variables: "BUILDKITE_PULL_REQUEST BUILDKITE_PULL_REQUEST_REPO BUILDKITE_REPO BUILDKITE_TAG \
                    BUILDKITE_BRANCH BUILDKITE_COMMIT",
        push: "BUILDKITE_BRANCH={branch} BUILDKITE_PULL_REQUEST=false",
        pull_requests: &["BUILDKITE_PULL_REQUEST=7"],
        forks: &[
            "BUILDKITE_PULL_REQUEST=7 BUILDKITE_REPO=git@host:us/site.git \
             BUILDKITE_PULL_REQUEST_REPO=git@host:them/site.git",
            "BUILDKITE_PULL_REQUEST=7 BUILDKITE_PULL_REQUEST_REPO=",
        ],
    },
    Vendor {
        told_by: "TRAVIS=true",
        variables: "TRAVIS_PULL_REQUEST TRAVIS_PULL_REQUEST_SLUG TRAVIS_REPO_SLUG TRAVIS_TAG \
                    TRAVIS_BRANCH TRAVIS_COMMIT TRAVIS_EVENT_TYPE TRAVIS_PULL_REQUEST_BRANCH \
                    TRAVIS_PULL_REQUEST_SHA",
        push: "TRAVIS_BRANCH={branch} TRAVIS_PULL_REQUEST=false",
        pull_requests: &["TRAVIS_PULL_REQUEST=7"],
        forks: &[
            "TRAVIS_PULL_REQUEST=7 TRAVIS_REPO_SLUG=us/site TRAVIS_PULL_REQUEST_SLUG=them/site",
            "TRAVIS_PULL_REQUEST=7 TRAVIS_REPO_SLUG=us/site TRAVIS_PULL_REQUEST_SLUG=",
        ],
    },
    Vendor {
        told_by: "TF_BUILD=True",
        variables: "BUILD_REASON BUILD_SOURCEBRANCH SYSTEM_PULLREQUEST_PULLREQUESTNUMBER \
                    SYSTEM_PULLREQUEST_PULLREQUESTID SYSTEM_PULLREQUEST_ISFORK \
                    SYSTEM_PULLREQUEST_SOURCEBRANCH SYSTEM_PULLREQUEST_TARGETBRANCH BUILD_SOURCEVERSION \
                    SYSTEM_PULLREQUEST_SOURCECOMMITID",
        push: "BUILD_SOURCEBRANCH=refs/heads/{branch} BUILD_REASON=IndividualCI",
        pull_requests: &["BUILD_REASON=PullRequest", "BUILD_SOURCEBRANCH=refs/pull/7/merge"],
        forks: &[
            "BUILD_REASON=PullRequest SYSTEM_PULLREQUEST_ISFORK=True",
            "BUILD_REASON=PullRequest SYSTEM_PULLREQUEST_ISFORK=",
        ],
    },
    Vendor {
        told_by: "BITBUCKET_BUILD_NUMBER=1",
        variables: "BITBUCKET_PR_ID BITBUCKET_PR_DESTINATION_BRANCH BITBUCKET_TAG BITBUCKET_BRANCH \
                    BITBUCKET_COMMIT",
        push: "BITBUCKET_BRANCH={branch}",
        pull_requests: &["BITBUCKET_PR_ID=7"],
        forks: &[],
    },
    Vendor {
        told_by: "JENKINS_URL=https://ci.example.com/",
        variables: "CHANGE_ID CHANGE_FORK ghprbPullId ghprbAuthorRepoGitUrl ghprbGhRepository \
                    gitlabMergeRequestIid gitlabSourceRepoHttpUrl gitlabTargetRepoHttpUrl TAG_NAME \
                    BRANCH_NAME GIT_BRANCH GIT_COMMIT CHANGE_BRANCH CHANGE_TARGET GITHUB_PR_NUMBER \
                    GITHUB_PR_SOURCE_BRANCH ghprbActualCommit ghprbSourceBranch gitlabMergeRequestId \
                    pullRequestId GERRIT_EVENT_TYPE GERRIT_CHANGE_NUMBER gitlabActionType \
                    gitlabMergeRequestLastCommit",
        push: "BRANCH_NAME={branch}",
        pull_requests: &[
            "CHANGE_ID=7",
            "ghprbPullId=7",
            "gitlabMergeRequestIid=7",
            "GIT_BRANCH=origin/pr/7/merge",
            "GIT_BRANCH=refs/remotes/origin/merge-requests/7",
        ],
        forks: &[
            "CHANGE_ID=7 CHANGE_FORK=them",
            "CHANGE_ID= ghprbPullId=7 ghprbAuthorRepoGitUrl=https://host/them/site.git \
             ghprbGhRepository=us/site",
            "CHANGE_ID= ghprbPullId= gitlabMergeRequestIid=7 gitlabSourceRepoHttpUrl=",
            "CHANGE_ID= ghprbPullId= gitlabMergeRequestIid= GIT_BRANCH=origin/pull/7/head",
        ],
    },
    Vendor {
        told_by: "CODEBUILD_BUILD_ID=x:1",
        variables: "CODEBUILD_WEBHOOK_TRIGGER CODEBUILD_WEBHOOK_EVENT CODEBUILD_SOURCE_VERSION \
                    CODEBUILD_RESOLVED_SOURCE_VERSION",
        push: "CODEBUILD_WEBHOOK_TRIGGER=branch/{branch}",
        pull_requests: &["CODEBUILD_WEBHOOK_TRIGGER=pr/7"],
        forks: &[],
    },
    Vendor {
        told_by: "DRONE=true",
        variables: "DRONE_BUILD_EVENT DRONE_PULL_REQUEST DRONE_TAG DRONE_BRANCH DRONE_COMMIT_SHA",
        push: "DRONE_BUILD_EVENT=push DRONE_BRANCH={branch}",
        pull_requests: &["DRONE_BUILD_EVENT=pull_request"],
        forks: &[],
    },
    Vendor {
        told_by: "CI=woodpecker",
        variables: "CI_PIPELINE_EVENT CI_COMMIT_PULL_REQUEST CI_COMMIT_TAG CI_COMMIT_BRANCH \
                    CI_COMMIT_SHA",
        push: "CI_PIPELINE_EVENT=push CI_COMMIT_BRANCH={branch}",
        pull_requests: &["CI_PIPELINE_EVENT=pull_request", "CI_PIPELINE_EVENT=pull_request_closed"],
        forks: &[],
    },
];

impl Vendor {
    fn reads(&self, name: &str) -> bool {
        self.variables.split_whitespace().any(|variable| variable == name)
    }
}

type Environment = HashMap<String, String>;

fn pairs(words: Words, branch: &str) -> Environment {
    let words = words.split_whitespace().map(|word| word.split_once('=').expect("NAME=value"));
    words.map(|(name, value)| (name.to_owned(), value.replace("{branch}", branch))).collect()
}

/// The claim that these variables make; later ones override earlier ones. An empty variable counts as not set.
fn read<const N: usize>(environments: [Environment; N]) -> Option<VendorClaim> {
    let all: Environment = environments.into_iter().flatten().collect();
    let var = |name: &str| all.get(name).filter(|value| !value.is_empty()).cloned();
    vendors::claims(&var, &|_| None).pop()
}

fn vendor() -> impl Strategy<Value = &'static Vendor> {
    (0..VENDORS.len()).prop_map(|index| &VENDORS[index])
}

/// Possible values: the words of every vendor for a branch, a tag or a pull request, and arbitrary text.
fn value() -> impl Strategy<Value = String> {
    let words = "main production true false 7 0 HEAD push manual tag pull_request PullRequest custom \
                 refs/heads/production refs/tags/v1 refs/pull/7/merge branch/production pr/7 tag/v1 \
                 origin/production origin/pr/7 us/site them/site https://host/us/site.git";
    let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
    prop_oneof![3 => select(words), 1 => text(), 1 => Just(String::new())]
}

/// Variables of any vendor with arbitrary values, but none that identifies a vendor.
fn noise() -> impl Strategy<Value = Environment> {
    let names = VENDORS.iter().flat_map(|vendor| vendor.variables.split_whitespace());
    let names: Vec<_> = names.map(str::to_owned).collect();
    hash_map(select(names), value(), 0..40)
}

fn branch() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z\u{e9}@:.]{1,6}(/[a-z]{1,3})?",
        Just("pull".to_owned()),
        Just("HEAD".to_owned())
    ]
}

/// `us/site`, names with the same beginning, and characters at which an address might be split.
fn repository() -> impl Strategy<Value = String> {
    prop_oneof!["[ab]/[cd]", "[ab]/[cd][@:][ab]/[cd]", "[ab]/[cd]@host/[ab]/[cd]"]
}

fn is_refused_as_fork(run: &Run) -> bool {
    matches!(run, Run::PullRequest { origin: Origin::Fork | Origin::Unproven(_), .. })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_pull_request_is_never_a_pushed_branch_nor_left_to_git(
        vendor in vendor(),
        which in any::<prop::sample::Index>(),
        noise in noise(),
    ) {
        let told = which.get(vendor.pull_requests);
        let word = read([noise, pairs(vendor.told_by, ""), pairs(told, "")]).unwrap();
        prop_assert!(
            matches!(
                word.run,
                Run::PullRequest { .. }
                    | Run::PerhapsFork { .. }
                    | Run::Untrusted { .. }
                    | Run::Unproven { .. }
            ),
            "{word:?}"
        );
    }

    #[test]
    fn a_forks_pull_request_is_never_taken_for_one_of_ours(
        vendor in vendor().prop_filter("tells forks", |vendor| !vendor.forks.is_empty()),
        which in any::<prop::sample::Index>(),
        noise in noise(),
    ) {
        let told = which.get(vendor.forks);
        let word = read([noise, pairs(vendor.told_by, ""), pairs(told, "")]).unwrap();
        prop_assert!(is_refused_as_fork(&word.run), "{word:?}");
    }

    #[test]
    fn a_pushed_branch_is_what_its_variable_says_and_other_vendors_words_count_for_nothing(
        vendor in vendor(),
        branch in branch(),
        noise in noise(),
    ) {
        let others = noise.into_iter().filter(|(name, _)| !vendor.reads(name));
        let others: Environment = others.collect();
        let word = read([others, pairs(vendor.told_by, ""), pairs(vendor.push, &branch)]).unwrap();
        prop_assert!(matches!(&word.run, Run::Branch { name, .. } if *name == branch), "{word:?}");
    }

    #[test]
    fn a_branch_is_never_made_up(vendor in vendor(), noise in noise()) {
        let all: Environment = noise.into_iter().chain(pairs(vendor.told_by, "")).collect();
        let asked = RefCell::new(Vec::new());
        let var = |name: &str| {
            asked.borrow_mut().push(name.to_owned());
            all.get(name).filter(|value| !value.is_empty()).cloned()
        };
        let word = vendors::claims(&var, &|_| None).pop().unwrap();
        let told_vendor =
            |name: &str| VENDORS.iter().any(|v| pairs(v.told_by, "").contains_key(name));
        let is_unlisted = |name: &String| !vendor.reads(name) && !told_vendor(name);
        let unlisted = asked.take().into_iter().find(is_unlisted);
        prop_assert_eq!(unlisted, None, "these tests do not know a variable that is read");
        if let Run::Branch { name, told_by } = word.run {
            prop_assert!(!name.is_empty() && vendor.reads(told_by));
            prop_assert!(all[told_by].ends_with(&name));
        }
    }

    #[test]
    fn where_nothing_tells_a_vendor_nothing_is_believed(noise in noise()) {
        prop_assert_eq!(read([noise]), None);
    }

    #[test]
    fn on_github_only_the_events_file_proves_that_a_pull_request_is_ours(
        (head, base) in (prop::option::of("[ab]/c"), prop::option::of("[ab]/c")),
        garbage in prop::option::of(text()),
    ) {
        let side = |name: &Option<String>| json!({ "repo": { "full_name": name } });
        let event = json!({ "pull_request": { "head": side(&head), "base": side(&base) } }).to_string();
        let is_ours = garbage.is_none() && head.is_some() && head == base;
        let told = "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_EVENT_PATH=/event.json";
        let file = garbage.unwrap_or(event);
        let claims = vendors::claims(&|name| pairs(told, "").remove(name), &|_| Some(file.clone()));
        let origin = if is_ours { Origin::Ours } else { Origin::Fork };
        prop_assert_eq!(&claims[0].run, &Run::PullRequest { number: None, origin });
    }

    #[test]
    fn one_repository_is_ours_by_any_address_and_another_by_none(
        (ours, theirs) in (repository(), repository()),
        (clone, shown) in (select(ADDRESSES.to_vec()), select(ADDRESSES.to_vec())),
    ) {
        let environment = Environment::from([
            ("BUILDKITE_PULL_REQUEST".to_owned(), "7".to_owned()),
            ("BUILDKITE_REPO".to_owned(), clone.replace("{repository}", &ours)),
            ("BUILDKITE_PULL_REQUEST_REPO".to_owned(), shown.replace("{repository}", &theirs)),
        ]);
        let word = read([pairs("BUILDKITE=true", ""), environment]).unwrap();
        let origin = if ours == theirs { Origin::Ours } else { Origin::Fork };
        prop_assert_eq!(word.run, Run::PullRequest { number: Some(7), origin });
    }
}

/// The addresses of a repository.
const ADDRESSES: [&str; 5] = [
    "git@host:{repository}.git",
    "https://host/{repository}",
    "https://host/{repository}.git",
    "https://user:word@host/{repository}/",
    "ssh://git@host/{repository}.git",
];
