//! Config × checkout × surroundings: every way to choose an account, and every way to be refused.

use std::path::PathBuf;

use expect_test::expect;

use super::*;

const COMMIT: &str = "1111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222";

/// Four environments in four buckets, the last of them a folder for each branch.
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

/// The same without an environment for pull requests.
const NO_PULL_REQUESTS: &str = r#"
    [build]
    output = "public"

    [environments.production]
    branches = ["main"]
    account = "111111111111"
    region = "eu-central-1"
    bucket = "example.com"
"#;

type Vars = &'static [(&'static str, &'static str)];

const LAPTOP: Vars = &[];

fn config(text: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deploy.toml"), text).unwrap();
    match Config::read(folder.path(), "site".as_ref()) {
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

fn chosen(config: &Config, head: Head, vars: Vars, env: Option<&str>) -> Result<Target> {
    let checkout = Checkout { root: PathBuf::from("/repository"), head };
    let var = |wanted: &str| {
        let found = vars.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    };
    choose(config, &checkout, &Surroundings::of(&var), env)
}

/// Where a run goes, in one line.
fn place(config: &Config, head: Head, vars: Vars, env: Option<&str>) -> String {
    match chosen(config, head, vars, env) {
        Ok(target) => {
            assert_eq!(target.commit, COMMIT);
            let Target { environment, prefix, branch, .. } = target;
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
        Ok(target) => panic!("goes to {}", target.environment.name),
        Err(Error::Refused(refusal)) => {
            format!("{}: {}\n  hint: {}", refusal.code, refusal.message, refusal.hint)
        }
        Err(Error::Config(text)) => format!("exit code 2: {}", text.replace("\n\n", "\n  ")),
        Err(other) => panic!("{other:?}"),
    }
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
const PUSH_NO_COMMIT: Vars =
    &[("BUILDKITE", "true"), ("BUILDKITE_BRANCH", "main"), ("BUILDKITE_COMMIT", "HEAD")];
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
        // A branch that is called as a pull request's folder gets another one.
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
    let url = |head, vars| chosen(&config, head, vars, None).unwrap().url;
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
        .map(|branch| chosen(&config, on(branch), LAPTOP, None).unwrap().prefix.as_str().into())
        .collect();
    prefixes.push(chosen(&config, detached(), MERGE_REQUEST, None).unwrap().prefix.to_string());
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
          unknown-branch: no environment takes branch `mian`
          hint: add it to the `branches` of one environment in deploy.toml: `production` takes main, master; `staging` takes staging, feature/staging, release/*; `development` takes development, feature/**, */login; `docs` takes docs, release/**
        a name in another case
          unknown-branch: no environment takes branch `Main`
          hint: add it to the `branches` of one environment in deploy.toml: `production` takes main, master; `staging` takes staging, feature/staging, release/*; `development` takes development, feature/**, */login; `docs` takes docs, release/**
        globs of two environments
          ambiguous-branch: branch `release/1` matches globs of `staging`, `docs`
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
          unborn-branch: the branch has no commit yet, so there is nothing to name this deploy by
          hint: git add --all && git commit
        a branch without a commit, by hand
          unborn-branch: the branch has no commit yet, so there is nothing to name this deploy by
          hint: git add --all && git commit
        a branch without a commit, in CI
          unborn-branch: the branch has no commit yet, so there is nothing to name this deploy by
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
          commit-mismatch: CircleCI says that it builds commit 2222222, and git's HEAD is 1111111
          hint: deploy in the checkout that CI made, before anything moves its HEAD
        another commit, on the branch
          commit-mismatch: CircleCI says that it builds commit 2222222, and git's HEAD is 1111111
          hint: deploy in the checkout that CI made, before anything moves its HEAD
        another branch
          branch-mismatch: GitHub Actions says that branch `staging` was pushed (GITHUB_REF), and git's HEAD is on `main`
          hint: deploy in the checkout that CI made, before anything switches its branch
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
          fork: Travis says that this is the pull request of a fork, and a fork's code never goes to an account
          hint: let it run on branches of this repository only, or deploy after the merge
        a pull request without a number
          pull-request: Jenkins says that this is a pull request and does not say which one
          hint: let the job run on pushes
        a fork's code with our secrets
          untrusted-event: the event `pull_request_target` of GitHub Actions runs with secrets on a branch that it did not push, so it chooses no account
          hint: let the job run on: push
        a tag called main
          tag: GitHub Actions says that tag `main` was pushed, and only branches choose an environment
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
          pull-request: this is pull request 7, and no environment takes pull requests
          hint: set `pull-requests = true` in one environment of deploy.toml, or let the job run on pushes
        on a branch that chooses an account
          pull-request: this is pull request 7, and no environment takes pull requests
          hint: set `pull-requests = true` in one environment of deploy.toml, or let the job run on pushes
        of a fork
          fork: Travis says that this is the pull request of a fork, and a fork's code never goes to an account
          hint: let it run on branches of this repository only, or deploy after the merge
    "#]].assert_eq(&refusals(
        &config(NO_PULL_REQUESTS),
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
          env-in-ci: `--env` is for a person at a terminal, and this is CI, where the branch decides
          hint: leave `--env` out and let an environment of deploy.toml take the branch
        in CI, of the branch's own
          env-in-ci: `--env` is for a person at a terminal, and this is CI, where the branch decides
          hint: leave `--env` out and let an environment of deploy.toml take the branch
        with CI=true alone
          env-in-ci: `--env` is for a person at a terminal, and this is CI, where the branch decides
          hint: leave `--env` out and let an environment of deploy.toml take the branch
        in CI, an unknown one
          env-in-ci: `--env` is for a person at a terminal, and this is CI, where the branch decides
          hint: leave `--env` out and let an environment of deploy.toml take the branch
        an unknown one
          exit code 2: deploy.toml has no environment `stagign`
          hint: it has `production`, `staging`, `development`, `docs`
        a folder for each branch, on none
          detached: `development` has a place for each branch, and git's HEAD is on no branch
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

/// Production at the root of a bucket, others in folders of the same one.
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
        (target.prefix.to_string(), target.reserved)
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
          ambiguous-branch: this branch's folder `preview/gallery/` in the bucket is one that `gallery` writes to
          hint: rename the branch, or give one of the two environments another `prefix`
        by hand
          ambiguous-branch: this branch's folder `preview/gallery/` in the bucket is one that `gallery` writes to
          hint: rename the branch, or give one of the two environments another `prefix`
    "#]].assert_eq(&refusals(
        &config(&text),
        [
            ("by its branch", on("gallery"), LAPTOP, None),
            ("by hand", on("gallery"), LAPTOP, Some("preview")),
        ],
    ));
}

/// Whatever a branch is called: the tool's own folder or no folder at all is never read as the whole
/// bucket.
#[test]
fn a_prefix_that_cannot_be_made_is_never_the_whole_bucket() {
    let config = config(&CONFIG.replace(r#"prefix = "{branch}/""#, r#"prefix = ".{branch}/""#));
    let target = chosen(&config, on("xtask"), LAPTOP, Some("development"));
    assert!(target.is_err(), "{:?}", target.unwrap().prefix);
}

/// Typed on macOS and on Linux, a folder is one folder.
#[test]
fn a_folder_is_left_alone_in_either_unicode_form() {
    let config = config(&SHARED.replace(r#""preview/gallery/""#, "\"cafe\u{301}/\""));
    let gallery = chosen(&config, on("gallery"), LAPTOP, None).unwrap();
    let production = chosen(&config, on("main"), LAPTOP, None).unwrap();
    assert!(
        production.reserved.contains(&gallery.prefix.as_str().to_owned()),
        "{:?}",
        production.reserved
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
        |branch| chosen(&config, on(branch), LAPTOP, None).map(|target| target.prefix).ok();
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
