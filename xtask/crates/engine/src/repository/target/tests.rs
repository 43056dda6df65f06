//! Config × checkout × CI: every way to choose an account, and every way to be refused.

use std::path::PathBuf;

use expect_test::expect;
use testing::deploy_toml;

use super::*;
use crate::base::error::Error;

const COMMIT: &str = "1111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222";

/// Four environments in four buckets. The last one has a folder for each branch.
const CONFIG: &str = r#"
    [build]
    output = "public"

    [environments.production]
    branches = ["main", "master"]
    account = "111111111111"
    region = "eu-central-1"
    bucket = "example.com"
    url = "https://example.com/"

    [environments.staging]
    branches = ["staging", "feature/staging", "release/*"]
    account = "222222222222"
    region = "eu-central-1"
    bucket = "stg.example.com"

    [environments.development]
    branches = ["development", "feature/**", "*/login"]
    pull-requests = true
    account = "333333333333"
    region = "eu-central-1"
    bucket = "dev.example.com"
    prefix = "{branch}/"
    url = "https://dev.example.com/{branch}/"

    [environments.docs]
    branches = ["docs", "release/**"]
    account = "444444444444"
    region = "eu-central-1"
    bucket = "docs.example.com"
    prefix = "handbook"
"#;

/// An environment that deploys no pull requests.
fn no_pull_requests() -> Config {
    config(&deploy_toml("production", ""))
}

type Vars = &'static [(&'static str, &'static str)];

const LAPTOP: Vars = &[];

fn config(text: &str) -> Config {
    match Config::read(testing::site(text).path(), "site".as_ref()) {
        Ok(config) => config,
        Err(error) => panic!("{error:?}"),
    }
}

fn on(branch: &str) -> Head {
    Head::Branch { name: branch.into(), commit: COMMIT.into() }
}

fn detached() -> Head {
    Head::Detached { commit: COMMIT.into() }
}

fn chosen(config: &Config, head: Head, vars: Vars, env: Option<&str>) -> Result<Choice> {
    chosen_after_merge(config, head, &[], vars, env)
}

/// The same if HEAD's commit has these parents.
fn chosen_after_merge(
    config: &Config,
    head: Head,
    parents: &[&str],
    vars: Vars,
    env: Option<&str>,
) -> Result<Choice> {
    let parents = parents.iter().map(|parent| (*parent).to_owned()).collect();
    let checkout = Checkout { root: PathBuf::from("/repository"), head, parents };
    let var = |wanted: &str| {
        let found = vars.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    };
    choose(config, &checkout, &CiContext::of(&var), env)
}

/// Where a run goes, in one line.
fn place(config: &Config, head: Head, vars: Vars, env: Option<&str>) -> String {
    match chosen(config, head, vars, env) {
        Ok(target) => {
            assert_eq!(target.commit, COMMIT);
            let Choice { place: Place { environment, prefix, .. }, branch, .. } = target;
            format!("{branch} -> {}: {}/{prefix}", environment.name, environment.bucket)
        }
        Err(error) => format!("{error:?}"),
    }
}

type Case = (&'static str, Head, Vars, Option<&'static str>);

/// Why runs go nowhere: for each its code or exit code, its message and its hint.
fn refusals(config: &Config, cases: impl IntoIterator<Item = Case>) -> String {
    let line = |(why, head, vars, env)| format!("{why}\n  {}\n", refused(config, head, vars, env));
    cases.into_iter().map(line).collect()
}

fn refused(config: &Config, head: Head, vars: Vars, env: Option<&str>) -> String {
    match chosen(config, head, vars, env) {
        Ok(target) => panic!("goes to {}", target.place.environment.name),
        Err(Error::Refused(refusal)) => {
            format!("{}: {}\n  hint: {}", refusal.code, refusal.message, refusal.hint)
        }
        Err(Error::Config(text)) => format!("exit code 2: {}", text.replace("\n\n", "\n  ")),
        Err(other) => panic!("{other:?}"),
    }
}

/// Only when a branch is chosen is it known what a wildcard matched.
#[test]
fn a_branch_that_makes_no_hosts_name_goes_nowhere_where_it_stands_in_one() {
    let text = CONFIG
        .replace("\"feature/**\", \"*/login\"", "\"*\"")
        .replace("https://dev.example.com/{branch}/", "https://{branch}.dev.example.com/");
    let config = config(&text);
    let target = chosen(&config, on("v1"), &[], None).expect("a target");
    assert_eq!(target.place.url.as_deref(), Some("https://v1.dev.example.com/"));
    expect![[r#"
        exit code 2: the `url` of `development` has no address for this branch
          `{branch}` cannot be in a host name here: for `my_branch` it becomes `my_5Fbranch`, which is not valid in a host name; write url = "https://dev.example.com/{branch}/"
    "#]].assert_eq(&format!("{}\n", refused(&config, on("my_branch"), &[], None)));
}

const PUSH_STAGING: Vars = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_EVENT_NAME", "push"),
    ("GITHUB_REF", "refs/heads/staging"),
    ("GITHUB_SHA", COMMIT),
];
const PUSH_FEATURE: Vars =
    &[("GITLAB_CI", "true"), ("CI_COMMIT_BRANCH", "feature/new_look"), ("CI_COMMIT_SHA", COMMIT)];
const PUSH_SHORT_COMMIT: Vars =
    &[("CIRCLECI", "true"), ("CIRCLE_BRANCH", "main"), ("CIRCLE_SHA1", "1111111")];
const PUSH_NO_COMMIT: Vars = &[
    ("BUILDKITE", "true"),
    ("BUILDKITE_BRANCH", "main"),
    ("BUILDKITE_PULL_REQUEST", "false"),
    ("BUILDKITE_COMMIT", "HEAD"),
];
const PUSH_OTHER_COMMIT: Vars =
    &[("CIRCLECI", "true"), ("CIRCLE_BRANCH", "main"), ("CIRCLE_SHA1", OTHER)];
const MERGE_REQUEST: Vars = &[
    ("GITLAB_CI", "true"),
    ("CI_MERGE_REQUEST_IID", "7"),
    ("CI_MERGE_REQUEST_PROJECT_ID", "5"),
    ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "5"),
    ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "main"),
    ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
    ("CI_COMMIT_SHA", COMMIT),
];
const FORK: Vars = &[
    ("TRAVIS", "true"),
    ("TRAVIS_PULL_REQUEST", "7"),
    ("TRAVIS_PULL_REQUEST_BRANCH", "main"),
    ("TRAVIS_PULL_REQUEST_SLUG", "they/site"),
    ("TRAVIS_REPO_SLUG", "us/site"),
    ("TRAVIS_BRANCH", "main"),
    ("TRAVIS_COMMIT", COMMIT),
];
const UNNUMBERED: Vars = &[("JENKINS_URL", "https://ci.example.com/"), ("CHANGE_ID", "PR-7")];
const TARGET_EVENT: Vars = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_EVENT_NAME", "pull_request_target"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_HEAD_REF", "main"),
    ("GITHUB_SHA", COMMIT),
];
const TAG: Vars = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_EVENT_NAME", "push"),
    ("GITHUB_REF", "refs/tags/main"),
    ("GITHUB_REF_TYPE", "tag"),
    ("GITHUB_SHA", COMMIT),
];
const NO_WORD: Vars = &[("CODEBUILD_BUILD_ID", "site:1")];
const CI_ALONE: Vars = &[("CI", "true")];
const STRAY: Vars = &[
    ("GITHUB_REF", "refs/heads/main"),
    ("CI_COMMIT_BRANCH", "main"),
    ("CIRCLE_BRANCH", "main"),
    ("BRANCH_NAME", "main"),
    ("GITHUB_SHA", OTHER),
];

#[test]
fn the_branch_chooses_the_place() {
    let config = config(CONFIG);
    for (why, head, vars, expected) in [
        ("by HEAD", on("main"), LAPTOP, "main -> production: example.com/"),
        ("a second name", on("master"), LAPTOP, "master -> production: example.com/"),
        ("a fixed prefix", on("docs"), LAPTOP, "docs -> docs: docs.example.com/handbook/"),
        (
            "by a glob",
            on("feature/a/b"),
            LAPTOP,
            "feature/a/b -> development: dev.example.com/feature__a__b/",
        ),
        (
            "two globs of one environment",
            on("feature/login"),
            LAPTOP,
            "feature/login -> development: dev.example.com/feature__login/",
        ),
        (
            "an exact name over a glob",
            on("feature/staging"),
            LAPTOP,
            "feature/staging -> staging: stg.example.com/",
        ),
        (
            "one glob that crosses segments",
            on("release/1/2"),
            LAPTOP,
            "release/1/2 -> docs: docs.example.com/handbook/",
        ),
        ("stray variables of CI", on("staging"), STRAY, "staging -> staging: stg.example.com/"),
        ("CI=true alone", on("staging"), CI_ALONE, "staging -> staging: stg.example.com/"),
        ("a push", on("staging"), PUSH_STAGING, "staging -> staging: stg.example.com/"),
        (
            "a push, HEAD detached",
            detached(),
            PUSH_FEATURE,
            "feature/new_look -> development: dev.example.com/feature__new_5Flook/",
        ),
        (
            "a commit told in short",
            detached(),
            PUSH_SHORT_COMMIT,
            "main -> production: example.com/",
        ),
        ("a commit told as HEAD", detached(), PUSH_NO_COMMIT, "main -> production: example.com/"),
        ("CI that says nothing", on("main"), NO_WORD, "main -> production: example.com/"),
        ("a pull request", detached(), MERGE_REQUEST, "pr-7 -> development: dev.example.com/pr-7/"),
        // The branch that CI checked out for it does not count.
        (
            "a pull request on main",
            on("main"),
            MERGE_REQUEST,
            "pr-7 -> development: dev.example.com/pr-7/",
        ),
        // A branch with the name of a pull request's folder gets another folder.
        (
            "a branch called login",
            on("pr-7/login"),
            LAPTOP,
            "pr-7/login -> development: dev.example.com/pr-7__login/",
        ),
    ] {
        assert_eq!(place(&config, head, vars, None), expected, "{why}");
    }
}

#[test]
fn by_hand_env_chooses_the_place() {
    let config = config(CONFIG);
    for (why, head, vars, env, expected) in [
        ("over the branch", on("main"), LAPTOP, "staging", "main -> staging: stg.example.com/"),
        ("an unknown branch", on("typo"), LAPTOP, "production", "typo -> production: example.com/"),
        (
            "a folder for each branch",
            on("main"),
            LAPTOP,
            "development",
            "main -> development: dev.example.com/main/",
        ),
        ("on no branch", detached(), LAPTOP, "staging", "1111111 -> staging: stg.example.com/"),
        (
            "on no branch, a fixed prefix",
            detached(),
            LAPTOP,
            "docs",
            "1111111 -> docs: docs.example.com/handbook/",
        ),
        ("stray variables of CI", on("a"), STRAY, "staging", "a -> staging: stg.example.com/"),
    ] {
        assert_eq!(place(&config, head, vars, Some(env)), expected, "{why}");
    }
}

#[test]
fn the_branch_stands_in_the_address_too() {
    let config = config(CONFIG);
    let url = |head, vars| chosen(&config, head, vars, None).unwrap().place.url;
    let dev = |segment| Some(format!("https://dev.example.com/{segment}/"));
    assert_eq!(url(on("main"), LAPTOP), Some("https://example.com/".into()));
    assert_eq!(url(on("staging"), LAPTOP), None);
    assert_eq!(url(on("feature/caf\u{e9}"), LAPTOP), dev("feature__caf_C3_A9"));
    assert_eq!(url(detached(), MERGE_REQUEST), dev("pr-7"));
}

#[test]
fn no_two_branches_share_a_folder() {
    let config = config(&CONFIG.replace(r#""feature/**""#, r#""**""#));
    let branches = "a/b a__b a_b a-b a.b A/b a/b/ a_2Fb pr-7 pr-07 \
                    pr_2D7 pr7 PR-7 feature/x feature-x \u{e9} e\u{301}";
    let mut prefixes: Vec<String> = branches
        .split(' ')
        .map(|branch| {
            chosen(&config, on(branch), LAPTOP, None).unwrap().place.prefix.as_str().into()
        })
        .collect();
    prefixes
        .push(chosen(&config, detached(), MERGE_REQUEST, None).unwrap().place.prefix.to_string());
    let all = prefixes.len();
    prefixes.sort();
    prefixes.dedup();
    assert_eq!(prefixes.len(), all, "{prefixes:?}");
    assert!(prefixes.iter().all(|prefix| prefix.matches('/').count() == 1), "{prefixes:?}");
}

#[test]
fn a_branch_that_no_one_environment_takes_is_refused() {
    expect![[r#"
        an unknown branch
          unknown-branch: no environment deploys branch `mian`
          hint: add it to `branches` of one environment in deploy.toml: `production` deploys main, master; `staging` deploys staging, feature/staging, release/*; `development` deploys development, feature/**, */login; `docs` deploys docs, release/**
        a name in another case
          unknown-branch: no environment deploys branch `Main`
          hint: add it to `branches` of one environment in deploy.toml: `production` deploys main, master; `staging` deploys staging, feature/staging, release/*; `development` deploys development, feature/**, */login; `docs` deploys docs, release/**
        globs of two environments
          ambiguous-branch: branch `release/1` matches globs of several environments: `staging`, `docs`
          hint: name it exactly in one of them: branches = ["release/1"]
    "#]].assert_eq(&refusals(
        &config(CONFIG),
        [
            ("an unknown branch", on("mian"), LAPTOP, None),
            ("a name in another case", on("Main"), LAPTOP, None),
            ("globs of two environments", on("release/1"), LAPTOP, None),
        ],
    ));
}

#[test]
fn a_head_that_is_on_no_branch_is_refused() {
    expect![[r#"
        a branch without a commit
          unborn-branch: the branch has no commit yet, and a deploy is named after its commit
          hint: git add --all && git commit
        a branch without a commit, by hand
          unborn-branch: the branch has no commit yet, and a deploy is named after its commit
          hint: git add --all && git commit
        a branch without a commit, in CI
          unborn-branch: the branch has no commit yet, and a deploy is named after its commit
          hint: git add --all && git commit
        detached
          detached: git's HEAD is on no branch
          hint: git switch BRANCH, or name the environment by hand: --env NAME
        detached, with stray variables of CI
          detached: git's HEAD is on no branch
          hint: git switch BRANCH, or name the environment by hand: --env NAME
        detached, with CI=true alone
          detached: git's HEAD is on no branch
          hint: let the job check out the branch that was pushed
        detached, and CI does not say which
          detached: git's HEAD is on no branch, and CodeBuild does not say which branch was pushed
          hint: let the job check out the branch that was pushed
    "#]]
    .assert_eq(&refusals(
        &config(CONFIG),
        [
            ("a branch without a commit", Head::Unborn, LAPTOP, None),
            ("a branch without a commit, by hand", Head::Unborn, LAPTOP, Some("staging")),
            ("a branch without a commit, in CI", Head::Unborn, PUSH_STAGING, None),
            ("detached", detached(), LAPTOP, None),
            ("detached, with stray variables of CI", detached(), STRAY, None),
            ("detached, with CI=true alone", detached(), CI_ALONE, None),
            ("detached, and CI does not say which", detached(), NO_WORD, None),
        ],
    ));
}

#[test]
fn where_ci_and_git_differ_nothing_is_chosen() {
    expect![[r#"
        another commit
          commit-mismatch: CircleCI says that it builds commit 2222222, but git's HEAD is 1111111
          hint: deploy in CI's own checkout, before any step moves its HEAD
        another commit, on the branch
          commit-mismatch: CircleCI says that it builds commit 2222222, but git's HEAD is 1111111
          hint: deploy in CI's own checkout, before any step moves its HEAD
        another branch
          branch-mismatch: GitHub Actions says that branch `staging` was pushed (GITHUB_REF), but git's HEAD is on `main`
          hint: deploy in CI's own checkout, before any step switches its branch
    "#]].assert_eq(&refusals(
        &config(CONFIG),
        [
            ("another commit", detached(), PUSH_OTHER_COMMIT, None),
            ("another commit, on the branch", on("main"), PUSH_OTHER_COMMIT, None),
            ("another branch", on("main"), PUSH_STAGING, None),
        ],
    ));
}

#[test]
fn what_was_not_pushed_to_a_branch_of_ours_is_refused() {
    expect![[r#"
        a fork that named its branch main
          fork: Travis says that this pull request is from a fork, and the code of a fork is never deployed
          hint: let the job run only on branches of this repository, or deploy after the merge
        a pull request without a number
          pull-request: Jenkins says that this is a pull request, but does not say which one
          hint: let the job run on pushes
        a fork's code with our secrets
          untrusted-event: the event `pull_request_target` of GitHub Actions runs with secrets on a branch that it did not push, so it cannot choose an account
          hint: let the job run on: push
        a tag called main
          tag: GitHub Actions says that tag `main` was pushed, but only a branch can choose an environment
          hint: push the branch that the tag is on
    "#]].assert_eq(&refusals(
        &config(CONFIG),
        [
            ("a fork that named its branch main", on("main"), FORK, None),
            ("a pull request without a number", on("main"), UNNUMBERED, None),
            ("a fork's code with our secrets", on("main"), TARGET_EVENT, None),
            ("a tag called main", detached(), TAG, None),
        ],
    ));
}

#[test]
fn without_an_environment_for_pull_requests_they_are_refused() {
    expect![[r#"
        as CI checks it out
          pull-request: this is pull request 7, but no environment deploys pull requests
          hint: set `pull-requests = true` in one environment of deploy.toml, or let the job run on pushes
        on a branch that chooses an account
          pull-request: this is pull request 7, but no environment deploys pull requests
          hint: set `pull-requests = true` in one environment of deploy.toml, or let the job run on pushes
        of a fork
          fork: Travis says that this pull request is from a fork, and the code of a fork is never deployed
          hint: let the job run only on branches of this repository, or deploy after the merge
    "#]].assert_eq(&refusals(
        &no_pull_requests(),
        [
            ("as CI checks it out", detached(), MERGE_REQUEST, None),
            ("on a branch that chooses an account", on("main"), MERGE_REQUEST, None),
            ("of a fork", detached(), FORK, None),
        ],
    ));
}

#[test]
fn env_is_refused_in_ci_and_wherever_it_names_nothing() {
    expect![[r#"
        in CI
          env-in-ci: `--env` is for people at a terminal, but this is CI, where the branch decides
          hint: remove `--env`, and add the branch to `branches` of an environment in deploy.toml
        in CI, of the branch's own
          env-in-ci: `--env` is for people at a terminal, but this is CI, where the branch decides
          hint: remove `--env`, and add the branch to `branches` of an environment in deploy.toml
        with CI=true alone
          env-in-ci: `--env` is for people at a terminal, but this is CI, where the branch decides
          hint: remove `--env`, and add the branch to `branches` of an environment in deploy.toml
        in CI, an unknown one
          env-in-ci: `--env` is for people at a terminal, but this is CI, where the branch decides
          hint: remove `--env`, and add the branch to `branches` of an environment in deploy.toml
        an unknown one
          exit code 2: deploy.toml has no environment `stagign`
          hint: it has `production`, `staging`, `development`, `docs`
        a folder for each branch, on none
          detached: `development` has a place for each branch, but git's HEAD is on no branch
          hint: git switch BRANCH
    "#]]
    .assert_eq(&refusals(
        &config(CONFIG),
        [
            ("in CI", on("main"), PUSH_STAGING, Some("staging")),
            ("in CI, of the branch's own", on("staging"), PUSH_STAGING, Some("staging")),
            ("with CI=true alone", on("main"), CI_ALONE, Some("staging")),
            ("in CI, an unknown one", on("main"), CI_ALONE, Some("stagign")),
            ("an unknown one", on("main"), LAPTOP, Some("stagign")),
            ("a folder for each branch, on none", detached(), LAPTOP, Some("development")),
        ],
    ));
}

/// Production is at the root of a bucket, and others are in folders of the same bucket.
const SHARED: &str = r#"
    [build]
    output = "public"

    [environments.production]
    branches = ["main"]
    account = "111111111111"
    region = "eu-central-1"
    bucket = "example.com"

    [environments.docs]
    branches = ["docs"]
    account = "111111111111"
    region = "eu-central-1"
    bucket = "example.com"
    prefix = "docs/"

    [environments.preview]
    branches = ["**"]
    pull-requests = true
    account = "111111111111"
    region = "eu-central-1"
    bucket = "example.com"
    prefix = "preview/{branch}/"

    [environments.gallery]
    branches = ["gallery"]
    account = "111111111111"
    region = "eu-central-1"
    bucket = "example.com"
    prefix = "preview/gallery/"

    [environments.elsewhere]
    branches = ["elsewhere"]
    endpoint = "http://127.0.0.1:9000"
    bucket = "example.com"
    prefix = "docs/"
"#;

#[test]
fn environments_that_share_a_bucket_leave_each_others_folders_alone() {
    let config = config(SHARED);
    let reserved = |head| {
        let target = chosen(&config, head, LAPTOP, None).unwrap();
        (target.place.prefix.to_string(), target.place.reserved)
    };
    for (branch, prefix, folders) in [
        ("main", "", &["docs/", "preview/", "preview/gallery/"] as &[&str]),
        ("docs", "docs/", &[]),
        ("login", "preview/login/", &[]),
        ("gallery", "preview/gallery/", &[]),
        ("galler", "preview/galler/", &[]),
        ("elsewhere", "docs/", &[]),
    ] {
        let folders = folders.iter().map(|folder| (*folder).to_owned()).collect();
        assert_eq!(reserved(on(branch)), (prefix.to_owned(), folders), "{branch}");
    }
}

#[test]
fn a_branch_whose_folder_is_another_environments_is_refused() {
    let text = SHARED.replace(r#"branches = ["gallery"]"#, r#"branches = ["photos"]"#);
    expect![[r#"
        by its branch
          ambiguous-branch: the folder of this branch in the bucket, `preview/gallery/`, belongs to `gallery`
          hint: rename the branch, or give one of the two environments another `prefix`
        by hand
          ambiguous-branch: the folder of this branch in the bucket, `preview/gallery/`, belongs to `gallery`
          hint: rename the branch, or give one of the two environments another `prefix`
    "#]].assert_eq(&refusals(
        &config(&text),
        [
            ("by its branch", on("gallery"), LAPTOP, None),
            ("by hand", on("gallery"), LAPTOP, Some("preview")),
        ],
    ));
}

/// Whatever a branch is called, the tool's own folder or a missing folder is never taken for the whole bucket.
#[test]
fn a_prefix_that_cannot_be_made_is_never_the_whole_bucket() {
    let config = config(&CONFIG.replace(r#"prefix = "{branch}/""#, r#"prefix = ".{branch}/""#));
    let target = chosen(&config, on("xtask"), LAPTOP, Some("development"));
    assert!(target.is_err(), "{:?}", target.unwrap().place.prefix);
}

/// A folder is the same whether it was typed on macOS or on Linux.
#[test]
fn a_folder_is_left_alone_in_either_unicode_form() {
    let config = config(&SHARED.replace(r#""preview/gallery/""#, "\"cafe\u{301}/\""));
    let gallery = chosen(&config, on("gallery"), LAPTOP, None).unwrap();
    let production = chosen(&config, on("main"), LAPTOP, None).unwrap();
    assert!(
        production.place.reserved.contains(&gallery.place.prefix.as_str().to_owned()),
        "{:?}",
        production.place.reserved
    );
}

#[test]
fn two_templates_never_make_one_folder() {
    let config = config(
        r#"
        [build]
        output = "public"
        [environments.a]
        branches = ["y"]
        account = "111111111111"
        region = "eu-central-1"
        bucket = "example.com"
        prefix = "x/{branch}/"
        [environments.b]
        branches = ["x"]
        account = "111111111111"
        region = "eu-central-1"
        bucket = "example.com"
        prefix = "{branch}/y/"
        "#,
    );
    let prefix =
        |branch| chosen(&config, on(branch), LAPTOP, None).map(|target| target.place.prefix).ok();
    assert!(prefix("x").is_none() || prefix("x") != prefix("y"), "{:?}", prefix("x"));
}

#[test]
fn an_event_that_can_never_deploy_is_refused_as_such_whatever_is_checked_out() {
    let config = config(CONFIG);
    let head = || Head::Detached { commit: OTHER.into() };
    for (vars, code) in [(TARGET_EVENT, "untrusted-event"), (FORK, "fork"), (TAG, "tag")] {
        assert!(refused(&config, head(), vars, None).starts_with(code));
    }
}

#[test]
fn in_ci_no_hint_leads_to_the_next_refusal() {
    let config = config(CONFIG);
    for vars in [NO_WORD, CI_ALONE] {
        assert!(!refused(&config, detached(), vars, None).contains("--env"));
    }
}

const OF_GITHUB: Vars = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_EVENT_NAME", "pull_request"),
    ("GITHUB_REF", "refs/pull/7/merge"),
];
const OF_TRAVIS: Vars = &[("TRAVIS", "true"), ("TRAVIS_BRANCH", "main"), ("TRAVIS_COMMIT", COMMIT)];
const OF_QUEUE: Vars = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_EVENT_NAME", "push"),
    ("GITHUB_REF", "refs/heads/gh-readonly-queue/main/pr-7-1111111"),
];

#[test]
fn what_is_not_proven_is_refused_with_the_variable_that_is_missing() {
    expect![[r#"
        a pull request
          fork: GitHub Actions says that this is a pull request, and nothing proves that it is not from a fork (GITHUB_EVENT_PATH is not set)
          hint: pass GITHUB_EVENT_PATH to this step, as GitHub Actions sets it, or let the job run on pushes
        a branch
          untrusted-event: Travis does not say what started this run (TRAVIS_PULL_REQUEST is not set), so nothing proves that a branch was pushed
          hint: pass TRAVIS_PULL_REQUEST to this step, as Travis sets it
        a merge queue
          untrusted-event: GitHub Actions says that this is `gh-readonly-queue/main/pr-7-1111111`, which a merge queue created to test changes that are not merged yet
          hint: let the job run on pushes: the queue pushes to the branch when it merges
    "#]]
    .assert_eq(&refusals(
        &config(CONFIG),
        [
            ("a pull request", detached(), OF_GITHUB, None),
            ("a branch", on("main"), OF_TRAVIS, None),
            ("a merge queue", detached(), OF_QUEUE, None),
        ],
    ));
    let none_takes_any = refused(&no_pull_requests(), detached(), OF_GITHUB, None);
    assert!(none_takes_any.starts_with("pull-request: this is pull request 7"), "{none_takes_any}");
}

const TWO_BRANCHES: Vars = &[
    ("CIRCLECI", "true"),
    ("CIRCLE_BRANCH", "main"),
    ("DRONE", "true"),
    ("DRONE_BUILD_EVENT", "push"),
    ("DRONE_BRANCH", "staging"),
];
const TWO_PULL_REQUESTS: Vars = &[
    ("BITBUCKET_BUILD_NUMBER", "1"),
    ("BITBUCKET_PR_ID", "7"),
    ("DRONE", "true"),
    ("DRONE_BUILD_EVENT", "pull_request"),
    ("DRONE_PULL_REQUEST", "8"),
];
const TWO_COMMITS: Vars = &[
    ("CIRCLECI", "true"),
    ("CIRCLE_BRANCH", "main"),
    ("CIRCLE_SHA1", COMMIT),
    ("DRONE", "true"),
    ("DRONE_BUILD_EVENT", "push"),
    ("DRONE_BRANCH", "main"),
    ("DRONE_COMMIT_SHA", OTHER),
];
const TARGET_EVENT_AND_PUSH: Vars = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_EVENT_NAME", "pull_request_target"),
    ("GITHUB_REF", "refs/heads/main"),
    ("DRONE", "true"),
    ("DRONE_BUILD_EVENT", "push"),
    ("DRONE_BRANCH", "main"),
];
const TAG_AND_PUSH: Vars = &[
    ("CODEBUILD_BUILD_ID", "site:1"),
    ("CODEBUILD_WEBHOOK_TRIGGER", "branch/main"),
    ("GITLAB_CI", "true"),
    ("CI_COMMIT_TAG", "main"),
];

#[test]
fn where_two_vendors_differ_nothing_is_chosen() {
    expect![[r#"
        two branches
          ci-conflict: Drone says that this run is for `staging`, but CircleCI says that it is for `main`
          hint: unset the variables of the one that does not run this job: Drone or CircleCI
        two pull requests
          ci-conflict: Drone says that this run is for `pr-8`, but Bitbucket says that it is for `pr-7`
          hint: unset the variables of the one that does not run this job: Drone or Bitbucket
        two commits
          commit-mismatch: Drone says that it builds commit 2222222, but git's HEAD is 1111111
          hint: deploy in CI's own checkout, before any step moves its HEAD
        an event that nobody may trust, and a push
          untrusted-event: the event `pull_request_target` of GitHub Actions runs with secrets on a branch that it did not push, so it cannot choose an account
          hint: let the job run on: push
        a tag and a push
          tag: GitLab says that tag `main` was pushed, but only a branch can choose an environment
          hint: push the branch that the tag is on
    "#]]
    .assert_eq(&refusals(
        &config(CONFIG),
        [
            ("two branches", detached(), TWO_BRANCHES, None),
            ("two pull requests", detached(), TWO_PULL_REQUESTS, None),
            ("two commits", detached(), TWO_COMMITS, None),
            ("an event that nobody may trust, and a push", on("main"), TARGET_EVENT_AND_PUSH, None),
            ("a tag and a push", on("main"), TAG_AND_PUSH, None),
        ],
    ));
}

const BUILDKITE_IN_JENKINS: Vars = &[
    ("BUILDKITE", "true"),
    ("BUILDKITE_BRANCH", "main"),
    ("BUILDKITE_PULL_REQUEST", "false"),
    ("JENKINS_URL", "https://ci.example.com/"),
];
const GITLAB_ON_CODEBUILD: Vars = &[
    ("GITLAB_CI", "true"),
    ("CI_COMMIT_BRANCH", "main"),
    ("CODEBUILD_BUILD_ID", "site:1"),
    ("CODEBUILD_WEBHOOK_EVENT", "WORKFLOW_JOB_QUEUED"),
];
const WOODPECKER_AS_GITLAB: Vars = &[
    ("CI", "woodpecker"),
    ("CI_PIPELINE_EVENT", "push"),
    ("CI_COMMIT_BRANCH", "main"),
    ("CI_COMMIT_SHA", COMMIT),
    ("GITLAB_CI", "true"),
];
const WOODPECKER_PULL_REQUEST_AS_GITLAB: Vars = &[
    ("CI", "woodpecker"),
    ("CI_PIPELINE_EVENT", "pull_request"),
    ("CI_COMMIT_PULL_REQUEST", "7"),
    ("CI_COMMIT_BRANCH", "main"),
    ("GITLAB_CI", "true"),
];

#[test]
fn vendors_that_agree_are_one() {
    let config = config(CONFIG);
    let production = "main -> production: example.com/";
    for (why, head, vars, expected) in [
        ("an agent on the machine of another CI", on("main"), BUILDKITE_IN_JENKINS, production),
        ("a runner that CodeBuild hosts", detached(), GITLAB_ON_CODEBUILD, production),
        ("a vendor that imitates another", detached(), WOODPECKER_AS_GITLAB, production),
        (
            "the pull request of the one over the branch of the other",
            on("main"),
            WOODPECKER_PULL_REQUEST_AS_GITLAB,
            "pr-7 -> development: dev.example.com/pr-7/",
        ),
    ] {
        assert_eq!(place(&config, head, vars, None), expected, "{why}");
    }
    let detached = refused(&config, detached(), BUILDKITE_IN_JENKINS, None);
    assert!(detached.starts_with("detached: "), "as Jenkins alone: {detached}");
}

const MERGE: &str = "3333333333333333333333333333333333333333";
const BITBUCKET_PULL_REQUEST: Vars = &[
    ("BITBUCKET_BUILD_NUMBER", "1"),
    ("BITBUCKET_PR_ID", "7"),
    ("BITBUCKET_COMMIT", "222222222222"),
];
const DRONE_PULL_REQUEST: Vars = &[
    ("DRONE", "true"),
    ("DRONE_BUILD_EVENT", "pull_request"),
    ("DRONE_PULL_REQUEST", "7"),
    ("DRONE_COMMIT_SHA", OTHER),
];
const BUILDKITE_PULL_REQUEST: Vars = &[
    ("BUILDKITE", "true"),
    ("BUILDKITE_PULL_REQUEST", "7"),
    ("BUILDKITE_PULL_REQUEST_REPO", "https://github.com/us/site"),
    ("BUILDKITE_REPO", "git@github.com:us/site.git"),
    ("BUILDKITE_COMMIT", OTHER),
];

/// Most vendors test a pull request merged with its target, and name the commit that they merged.
#[test]
fn for_a_pull_request_the_vendors_commit_may_be_what_was_merged() {
    let config = config(CONFIG);
    let choose =
        |parents: &[&str], vars| match chosen_after_merge(&config, detached(), parents, vars, None)
        {
            Ok(target) => target.branch,
            Err(Error::Refused(refusal)) => refusal.code.to_owned(),
            Err(other) => panic!("{other:?}"),
        };
    for vars in [BITBUCKET_PULL_REQUEST, DRONE_PULL_REQUEST, BUILDKITE_PULL_REQUEST] {
        assert_eq!(choose(&[MERGE, OTHER], vars), "pr-7", "{vars:?}");
        assert_eq!(choose(&[OTHER, MERGE], vars), "pr-7", "{vars:?}");
        assert_eq!(choose(&[MERGE, MERGE], vars), "commit-mismatch", "merges something else");
        // A commit that a step of the job created is not what the vendor tests.
        assert_eq!(choose(&[OTHER], vars), "commit-mismatch", "is no merge");
        assert_eq!(choose(&[], vars), "commit-mismatch", "has no parents");
    }
    assert_eq!(choose(&[MERGE, OTHER], PUSH_OTHER_COMMIT), "commit-mismatch", "a push");
}

/// The result for a checkout of `COMMIT` when GitHub runs an event. The head of its pull request is the commit `sha` in
/// the repository `theirs`.
fn on_github(config: &Config, event: &str, theirs: &str, sha: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("event.json");
    let head = format!(r#""head":{{"sha":"{sha}","repo":{{"full_name":"{theirs}"}}}}"#);
    let base = r#""base":{"repo":{"full_name":"us/site"}}"#;
    std::fs::write(&file, format!(r#"{{"pull_request":{{{head},{base}}}}}"#)).unwrap();
    let (name, reference) = event.split_once(' ').unwrap();
    let var = |wanted: &str| match wanted {
        "GITHUB_ACTIONS" => Some("true".to_owned()),
        "GITHUB_EVENT_NAME" => Some(name.to_owned()),
        "GITHUB_REF" => Some(reference.to_owned()),
        "GITHUB_SHA" => Some(MERGE.to_owned()),
        "GITHUB_EVENT_PATH" => Some(file.display().to_string()),
        _ => None,
    };
    let (root, head) = (PathBuf::from("/repository"), detached());
    let checkout = Checkout { root, head, parents: vec![OTHER.into()] };
    match super::choose(config, &checkout, &CiContext::of(&var), None) {
        Ok(target) => target.branch,
        Err(Error::Refused(refusal)) => refusal.code.to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn on_github_the_branch_of_a_pull_request_may_be_checked_out_instead_of_its_merge() {
    let (config, without) = (config(CONFIG), no_pull_requests());
    let event = "pull_request refs/pull/7/merge";
    assert_eq!(on_github(&config, event, "us/site", COMMIT), "pr-7");
    assert_eq!(on_github(&without, event, "us/site", COMMIT), "pull-request", "as the merge is");
    assert_eq!(on_github(&config, event, "us/site", OTHER), "commit-mismatch");
    assert_eq!(on_github(&config, event, "us/site", &COMMIT[..8]), "commit-mismatch", "a part");
    assert_eq!(on_github(&config, event, "us/site", ""), "commit-mismatch");
    assert_eq!(on_github(&config, event, "they/site", COMMIT), "fork");
    let with_secrets = "pull_request_target refs/heads/main";
    assert_eq!(on_github(&config, with_secrets, "us/site", COMMIT), "untrusted-event");
    assert_eq!(
        on_github(&config, "workflow_run refs/heads/main", "us/site", COMMIT),
        "untrusted-event"
    );
    assert_eq!(on_github(&config, "push refs/heads/main", "us/site", COMMIT), "commit-mismatch");
}

#[test]
fn other_vendors_name_the_branch_of_a_pull_request_too() {
    let config = config(CONFIG);
    let gitlab = "GITLAB_CI=true CI_COMMIT_SHA={told} CI_MERGE_REQUEST_SOURCE_BRANCH_SHA={source} CI_PIPELINE_SOURCE=merge_request_event CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_PROJECT_ID=1 CI_MERGE_REQUEST_SOURCE_PROJECT_ID=1";
    let azure = "TF_BUILD=True BUILD_SOURCEVERSION={told} SYSTEM_PULLREQUEST_SOURCECOMMITID={source} BUILD_REASON=PullRequest SYSTEM_PULLREQUEST_PULLREQUESTNUMBER=7 SYSTEM_PULLREQUEST_ISFORK=False";
    let travis = "TRAVIS=true TRAVIS_COMMIT={told} TRAVIS_PULL_REQUEST_SHA={source} TRAVIS_PULL_REQUEST=7 TRAVIS_REPO_SLUG=us/site TRAVIS_PULL_REQUEST_SLUG=us/site";
    let jenkins = "JENKINS_URL=http://jenkins GIT_COMMIT={told} ghprbActualCommit={source} ghprbPullId=7 ghprbAuthorRepoGitUrl=https://github.com/us/site ghprbGhRepository=us/site";
    let pushed = "GITLAB_CI=true CI_COMMIT_SHA={told} CI_MERGE_REQUEST_SOURCE_BRANCH_SHA={source} CI_PIPELINE_SOURCE=push CI_COMMIT_BRANCH=main";
    for (vars, source, expected) in [
        (gitlab, COMMIT, "pr-7"),
        (azure, COMMIT, "pr-7"),
        (travis, COMMIT, "pr-7"),
        (jenkins, COMMIT, "pr-7"),
        (gitlab, OTHER, "commit-mismatch"),
        (azure, OTHER, "commit-mismatch"),
        (pushed, COMMIT, "commit-mismatch"),
    ] {
        let vars = vars.replace("{told}", MERGE).replace("{source}", source);
        let vars: Vec<(&str, &str)> =
            vars.split(' ').map(|pair| pair.split_once('=').unwrap()).collect();
        let var = |wanted: &str| {
            let found = vars.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        };
        let (root, head) = (PathBuf::from("/repository"), detached());
        let checkout = Checkout { root, head, parents: vec![OTHER.into()] };
        let chosen = match super::choose(&config, &checkout, &CiContext::of(&var), None) {
            Ok(target) => target.branch,
            Err(Error::Refused(refusal)) => refusal.code.to_owned(),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(chosen, expected, "{vars:?}");
    }
}

#[test]
fn a_head_that_moves_during_a_run_is_refused() {
    let at = |head| Checkout { root: PathBuf::from("/repository"), head, parents: Vec::new() };
    let moved = |commit: &str| Head::Branch { name: "main".into(), commit: commit.into() };
    let told = |before, now| match is_still(&at(before), &at(now)) {
        Ok(()) => "the same".to_owned(),
        Err(Refusal { code, message, hint, .. }) => format!("{code}: {message}\n  hint: {hint}"),
    };
    assert_eq!(told(on("main"), on("main")), "the same");
    assert_eq!(told(detached(), detached()), "the same");
    let said = [
        told(on("main"), on("staging")),
        told(on("main"), moved(OTHER)),
        told(on("main"), detached()),
        told(detached(), on("main")),
        told(detached(), Head::Detached { commit: OTHER.into() }),
    ];
    expect![[r#"
        branch-mismatch: git's HEAD was on `main` at 1111111 when this run began, and is on `staging` at 1111111 now, so it is not known which of the two was built
          hint: git switch main, and do not move HEAD while this runs
        commit-mismatch: git's HEAD was on `main` at 1111111 when this run began, and is on `main` at 2222222 now, so it is not known which of the two was built
          hint: run this again, and do not move HEAD while it runs
        branch-mismatch: git's HEAD was on `main` at 1111111 when this run began, and is on no branch at 1111111 now, so it is not known which of the two was built
          hint: git switch main, and do not move HEAD while this runs
        branch-mismatch: git's HEAD was on no branch at 1111111 when this run began, and is on `main` at 1111111 now, so it is not known which of the two was built
          hint: run this again, and do not move HEAD while it runs
        commit-mismatch: git's HEAD was on no branch at 1111111 when this run began, and is on no branch at 2222222 now, so it is not known which of the two was built
          hint: run this again, and do not move HEAD while it runs"#]]
    .assert_eq(&said.join("\n"));
}

#[test]
fn where_ci_is_only_hinted_at_the_hint_names_the_variable() {
    let config = config(CONFIG);
    for (vars, end) in [
        (&[("CI", "")] as Vars, "; if a person runs this: unset CI"),
        (&[("NETLIFY", "true")], "; if a person runs this: unset NETLIFY"),
    ] {
        let said = refused(&config, on("main"), vars, Some("staging"));
        assert!(said.starts_with("env-in-ci: ") && said.ends_with(end), "{said}");
    }
}

#[test]
fn a_branch_leads_to_a_target_if_a_deploy_of_it_would_go_to_the_same_place() {
    let config = config(CONFIG);
    let target = |branch: &str| chosen(&config, on(branch), LAPTOP, None).unwrap();
    for (of, branch, leads) in [
        ("main", "main", true),
        ("main", "master", true),
        ("main", "staging", false),
        ("main", "feature/a", false),
        ("main", "pr-7", false),
        ("main", "", false),
        ("feature/a", "feature/a", true),
        ("feature/a", "feature/b", false),
        ("feature/a", "feature__a", false),
        ("docs", "release/a/b", true),
        // Two environments deploy it.
        ("docs", "release/a", false),
    ] {
        assert_eq!(leads_to(&config, &target(of).place, branch), leads, "{branch} to {of}");
    }
    let pull_request = Place { prefix: Prefix::new("pr-7").unwrap(), ..target("feature/a").place };
    for (branch, leads) in [("pr-7", true), ("pr-8", false), ("feature/a", false), ("pr-07", false)]
    {
        assert_eq!(leads_to(&config, &pull_request, branch), leads, "{branch}");
    }
}

/// The code of the refusal of these variables on `main`, or where they lead.
fn on_main(config: &Config, environment: &str) -> String {
    let pairs: Vec<(&str, &str)> =
        environment.split_whitespace().map(|word| word.split_once('=').unwrap()).collect();
    let checkout =
        Checkout { root: PathBuf::from("/repository"), head: on("main"), parents: Vec::new() };
    let var = |wanted: &str| {
        let found = pairs.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    };
    match choose(config, &checkout, &CiContext::of(&var), None) {
        Ok(target) => format!("{} -> {}", target.branch, target.place.environment.name),
        Err(Error::Refused(refusal)) => refusal.code.to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn whatever_says_pull_request_in_ci_keeps_a_run_from_the_account_of_the_branch() {
    let config = config(CONFIG);
    for environment in [
        "PROW_JOB_ID=1 CI=true JOB_TYPE=presubmit PULL_NUMBER=7",
        "PROW_JOB_ID=1 JOB_TYPE=presubmit",
        "BITRISE_IO=true CI=true BITRISE_PULL_REQUEST=7 PR=true",
        "SCREWDRIVER=true CI=true SD_PULL_REQUEST=7",
        "VELA=true CI=true VELA_BUILD_EVENT=pull_request",
        "CM_BUILD_ID=1 CI=true CM_PULL_REQUEST=true",
        "CF_BUILD_ID=1 CI=true CF_PULL_REQUEST_NUMBER=7 CF_PULL_REQUEST_IS_FORK=true",
        "CIRRUS_CI=true CIRRUS_PR=7",
        "APPVEYOR=True APPVEYOR_PULL_REQUEST_NUMBER=7",
        "SEMAPHORE=true SEMAPHORE_GIT_REF_TYPE=pull-request",
        "NETLIFY=true PULL_REQUEST=true CONTEXT=deploy-preview",
        "NETLIFY=true CONTEXT=deploy-preview",
        "RENDER=true IS_PULL_REQUEST=true",
        "VERCEL=1 VERCEL_GIT_PULL_REQUEST_ID=7",
        "CODEBUILD_BUILD_ID=a:1 AWS_PULL_REQUEST_ID=7",
        "DRONE=true DRONE_BUILD_EVENT=push DRONE_BRANCH=main CIRRUS_CI=true CIRRUS_PR=7",
        "CI=true GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/9/merge",
        "CI=true CI_PIPELINE_SOURCE=merge_request_event CI_MERGE_REQUEST_IID=7",
        "CI=true CI_MERGE_REQUEST_IID=7 CI_MERGE_REQUEST_PROJECT_ID=5 CI_MERGE_REQUEST_SOURCE_PROJECT_ID=5",
        "CI=true CIRCLE_PR_NUMBER=7",
        "CI=true DRONE_BUILD_EVENT=pull_request",
        "CI=true DRONE_BUILD_EVENT=pull_request DRONE_PULL_REQUEST=7",
        "CI=true BUILDKITE_PULL_REQUEST=7",
        "CI=true TRAVIS_PULL_REQUEST=7",
        "CI=true BITBUCKET_PR_ID=7",
        "CI=true CHANGE_ID=7",
        "CI=true BUILD_REASON=PullRequest",
        "NETLIFY=true CODEBUILD_WEBHOOK_TRIGGER=pr/7",
        "CIRCLECI=true CIRCLE_BRANCH=main GITHUB_HEAD_REF=x",
    ] {
        assert_eq!(on_main(&config, environment), "fork", "{environment}");
    }
    for environment in [
        "CI=true GITHUB_EVENT_NAME=pull_request_target GITHUB_REF=refs/heads/main",
        "CI=true GITHUB_ACTIONS=1 GITHUB_EVENT_NAME=pull_request_target GITHUB_REF=refs/heads/main",
        "CI=true GITHUB_EVENT_NAME=workflow_run",
        "CI=true CIRCLE_BRANCH=gh-readonly-queue/main/pr-7-1111111",
    ] {
        assert_eq!(on_main(&config, environment), "untrusted-event", "{environment}");
    }
}

#[test]
fn a_vendor_that_leaves_out_what_was_pushed_is_not_followed_to_the_branch_of_head() {
    let config = config(CONFIG);
    for environment in [
        "GITLAB_CI=true",
        "GITLAB_CI=true CI_COMMIT_REF_NAME=feature",
        "CIRCLECI=true",
        "BUILDKITE=true",
        "BUILDKITE=true BUILDKITE_BRANCH=main",
        "TF_BUILD=True",
        "BITBUCKET_BUILD_NUMBER=1",
        "DRONE=true",
        "TRAVIS=true TRAVIS_PULL_REQUEST=false",
        "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push",
        "CODEBUILD_BUILD_ID=a:1 CODEBUILD_WEBHOOK_EVENT=WORKFLOW_JOB_QUEUED",
        "CODEBUILD_BUILD_ID=a:1 CODEBUILD_WEBHOOK_EVENT=PUSH",
    ] {
        assert_eq!(on_main(&config, environment), "untrusted-event", "{environment}");
    }
}

#[test]
fn what_says_that_it_is_no_pull_request_keeps_no_push_away() {
    let config = config(CONFIG);
    for environment in [
        "GITHUB_EVENT_NAME=pull_request CIRRUS_PR=7 CHANGE_ID=7 PR=7",
        "CI=false CIRRUS_PR=7",
        "CI=true",
        "CI=true PULL_REQUEST=false IS_PULL_REQUEST=False BITRISE_PULL_REQUEST= CF_PULL_REQUEST_IS_FORK=0",
        "CI=true TRAVIS_PULL_REQUEST=false BUILDKITE_PULL_REQUEST=false",
        "NETLIFY=true PULL_REQUEST=false CONTEXT=production",
        "PROW_JOB_ID=1 JOB_TYPE=postsubmit",
        "SEMAPHORE=true SEMAPHORE_GIT_REF_TYPE=branch",
        "VELA=true VELA_BUILD_EVENT=push",
        "CIRCLECI=true CIRCLE_BRANCH=main CIRCLE_PULL_REQUEST=https://github.com/us/site/pull/7",
        "GITLAB_CI=true CI_COMMIT_BRANCH=main CI_OPEN_MERGE_REQUESTS=us/site!7",
        "GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/main GITHUB_HEAD_REF= GITHUB_RUN_ID=1",
        "JENKINS_URL=x",
    ] {
        assert_eq!(on_main(&config, environment), "main -> production", "{environment}");
    }
    let ours = "BITBUCKET_BUILD_NUMBER=1 BITBUCKET_PR_ID=7 PR_NUMBER=7 PULL_REQUEST=true";
    assert_eq!(on_main(&config, ours), "pr-7 -> development", "a pull request that is known");
}
