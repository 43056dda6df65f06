//! Everything that the tool declines: its message, its code, exit code 3, nothing built and nothing written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use expect_test::{Expect, expect};
use serde_json::json;

use crate::forged;
use crate::harness::{Answer, KEY_VARIABLE, Ran, SECRET_VARIABLE, World};

/// A file that the generator leaves behind if it was run.
const BUILT: &str = "site/built";

/// A world whose generator would leave a trace.
fn world() -> World {
    let world = World::new();
    configure(&world, "");
    world.site([("index.html", "page")]);
    world.repo.commit("site");
    world
}

fn configure(world: &World, more: &str) {
    let config = world.config(more);
    let config = config.replace("[build]", "[build]\ncommand = [\"touch\", \"built\"]");
    world.repo.write("site/deploy.toml", config);
}

/// Runs a deploy that must be refused before anything is built, and compares its message.
#[track_caller]
fn refused(world: &World, variables: &[(&str, &str)], code: &str, said: Expect) {
    refused_with(world, &[], variables, code, said);
}

#[track_caller]
fn refused_with(
    world: &World,
    arguments: &[&str],
    variables: &[(&str, &str)],
    code: &str,
    said: Expect,
) {
    refused_once_built(world, arguments, variables, code, said);
    assert!(!world.repo.join(BUILT).exists(), "the generator was run");
}

/// The same for refusals that depend on the built site.
#[track_caller]
fn refused_once_built(
    world: &World,
    arguments: &[&str],
    variables: &[(&str, &str)],
    code: &str,
    said: Expect,
) {
    world.wire.take();
    let before = world.store.objects(&world.bucket);
    let ran = world.deploy_with(arguments, variables).exits(3);
    said.assert_eq(&told(&ran, world));
    let ran = world.deploy_with(&[arguments, &["--json"]].concat(), variables).exits(3);
    let refusal = ran.json();
    assert_eq!(refusal["refused"]["code"], json!(code));
    for part in ["message", "hint"] {
        let text = refusal["refused"][part].as_str().expect("a text");
        assert!(ran.stderr.contains(text), "`{part}` is said on standard error too");
    }
    assert_eq!(world.wire.take_writes(), 0, "requests that write");
    assert_eq!(world.store.objects(&world.bucket), before, "the bucket is untouched");
}

/// The refusal, from its first word on, with placeholders for what differs from run to run.
fn told(ran: &Ran, world: &World) -> String {
    let start = ran.stderr.find("refused: ").expect("a refusal on standard error");
    let said = ran.stderr[start..].replace(&world.wire.endpoint(), "ENDPOINT");
    let said = match said.split_once("older than `") {
        Some((_, newer)) => said.replace(&newer[..7], "NEWER"),
        None => said,
    };
    match world.repo.git().head() {
        Ok(_) => said.replace(&world.repo.head()[..7], "COMMIT"),
        Err(_) => said,
    }
}

#[test]
fn a_branch_that_no_environment_takes() {
    let world = world();
    world.repo.switch_to_new("fix/typo");
    refused(
        &world,
        &[],
        "unknown-branch",
        expect![[r#"
        refused: no environment deploys branch `fix/typo`

        hint: add it to `branches` of one environment in deploy.toml: `production` deploys main
    "#]],
    );
}

#[test]
fn a_branch_that_two_environments_take_by_globs() {
    let world = world();
    configure(
        &world,
        r#"
[environments.a]
branches = ["fix/*"]
endpoint = "http://127.0.0.1:1"
bucket = "bucket-a"
[environments.b]
branches = ["fix/**"]
endpoint = "http://127.0.0.1:1"
bucket = "bucket-b"
"#,
    );
    world.repo.switch_to_new("fix/typo");
    refused(
        &world,
        &[],
        "ambiguous-branch",
        expect![[r#"
        refused: branch `fix/typo` matches globs of several environments: `a`, `b`

        hint: name it exactly in one of them: branches = ["fix/typo"]
    "#]],
    );
}

#[test]
fn a_pull_request_if_no_environment_takes_any() {
    let world = world();
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_REF", "refs/pull/7/merge"),
        ("GITHUB_HEAD_REF", "main"),
        ("GITHUB_BASE_REF", "main"),
    ];
    refused(
        &world,
        &variables,
        "pull-request",
        expect![[r#"
        refused: this is pull request 7, but no environment deploys pull requests

        hint: set `pull-requests = true` in one environment of deploy.toml, or let the job run on pushes
    "#]],
    );
}

#[test]
fn the_pull_request_of_a_fork_from_a_branch_called_main() {
    let world = world();
    configure(&world, "pull-requests = true");
    let event = world.repo.home().join("event.json");
    let repository = |name: &str| json!({ "repo": { "full_name": name } });
    let text = json!({ "pull_request": { "head": repository("mallory/site"), "base": repository("us/site") } });
    std::fs::write(&event, text.to_string()).unwrap();
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_REF", "refs/pull/7/merge"),
        ("GITHUB_HEAD_REF", "main"),
        ("GITHUB_EVENT_PATH", event.to_str().unwrap()),
    ];
    refused(
        &world,
        &variables,
        "fork",
        expect![[r#"
        refused: GitHub Actions says that this pull request is from a fork, and the code of a fork is never deployed

        hint: let the job run only on branches of this repository, or deploy after the merge
    "#]],
    );
}

#[test]
fn the_event_that_gives_secrets_to_a_forks_code() {
    let world = world();
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "pull_request_target"),
        ("GITHUB_REF", "refs/heads/main"),
    ];
    refused(
        &world,
        &variables,
        "untrusted-event",
        expect![[r#"
        refused: the event `pull_request_target` of GitHub Actions runs with secrets on a branch that it did not push, so it cannot choose an account

        hint: let the job run on: push
    "#]],
    );
}

#[test]
fn a_tag_called_like_a_branch() {
    let world = world();
    let variables = [("GITLAB_CI", "true"), ("CI_COMMIT_TAG", "main")];
    refused(
        &world,
        &variables,
        "tag",
        expect![[r#"
        refused: GitLab says that tag `main` was pushed, but only a branch can choose an environment

        hint: push the branch that the tag is on
    "#]],
    );
}

#[test]
fn a_head_on_no_branch() {
    let world = world();
    let commit = world.repo.git().head().unwrap().target().unwrap();
    world.repo.git().set_head_detached(commit).unwrap();
    refused(
        &world,
        &[],
        "detached",
        expect![[r#"
        refused: git's HEAD is on no branch

        hint: git switch BRANCH, or name the environment by hand: --env NAME
    "#]],
    );
    refused(
        &world,
        &[("JENKINS_URL", "https://ci/")],
        "detached",
        expect![[r#"
            refused: git's HEAD is on no branch, and Jenkins does not say which branch was pushed

            hint: let the job check out the branch that was pushed
        "#]],
    );
}

#[test]
fn a_branch_without_a_commit() {
    let world = World { repo: crate::harness::Repo::unborn("main"), ..World::new() };
    configure(&world, "");
    refused(
        &world,
        &[],
        "unborn-branch",
        expect![[r#"
        refused: the branch has no commit yet, and a deploy is named after its commit

        hint: git add --all && git commit
    "#]],
    );
}

#[test]
fn ci_that_speaks_of_another_commit() {
    let world = world();
    let variables = [
        ("CIRCLECI", "true"),
        ("CIRCLE_BRANCH", "main"),
        ("CIRCLE_SHA1", "0123456789012345678901234567890123456789"),
    ];
    refused(
        &world,
        &variables,
        "commit-mismatch",
        expect![[r#"
        refused: CircleCI says that it builds commit 0123456, but git's HEAD is COMMIT

        hint: deploy in CI's own checkout, before any step moves its HEAD
    "#]],
    );
}

#[test]
fn ci_that_speaks_of_another_branch() {
    let world = world();
    world.repo.switch_to_new("other");
    let variables = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_REF", "refs/heads/main"),
    ];
    refused(
        &world,
        &variables,
        "branch-mismatch",
        expect![[r#"
        refused: GitHub Actions says that branch `main` was pushed (GITHUB_REF), but git's HEAD is on `other`

        hint: deploy in CI's own checkout, before any step switches its branch
    "#]],
    );
}

#[test]
fn two_vendors_that_speak_of_different_branches() {
    let world = world();
    let commit = world.repo.git().head().unwrap().target().unwrap();
    world.repo.git().set_head_detached(commit).unwrap();
    let variables = [
        ("GITLAB_CI", "true"),
        ("CI_COMMIT_BRANCH", "main"),
        ("DRONE", "true"),
        ("DRONE_BUILD_EVENT", "push"),
        ("DRONE_BRANCH", "staging"),
    ];
    refused(
        &world,
        &variables,
        "ci-conflict",
        expect![[r#"
            refused: Drone says that this run is for `staging`, but GitLab says that it is for `main`

            hint: unset the variables of the one that does not run this job: Drone or GitLab
        "#]],
    );
}

#[test]
fn a_forks_code_whatever_another_vendor_says() {
    let world = world();
    let push = [("DRONE", "true"), ("DRONE_BUILD_EVENT", "push"), ("DRONE_BRANCH", "main")];
    let event = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "pull_request_target"),
        ("GITHUB_REF", "refs/heads/main"),
    ];
    refused(
        &world,
        &[&push[..], &event].concat(),
        "untrusted-event",
        expect![[r#"
            refused: the event `pull_request_target` of GitHub Actions runs with secrets on a branch that it did not push, so it cannot choose an account

            hint: let the job run on: push
        "#]],
    );
    let fork = [("CIRCLECI", "true"), ("CIRCLE_BRANCH", "pull/7"), ("CIRCLE_PR_NUMBER", "7")];
    refused(
        &world,
        &[&push[..], &fork].concat(),
        "fork",
        expect![[r#"
            refused: CircleCI says that this pull request is from a fork, and the code of a fork is never deployed

            hint: let the job run only on branches of this repository, or deploy after the merge
        "#]],
    );
}

#[test]
fn a_pull_request_that_nothing_proves_to_be_ours() {
    let world = world();
    configure(&world, "pull-requests = true");
    refused(
        &world,
        &[("GITLAB_CI", "true"), ("CI_MERGE_REQUEST_IID", "7"), ("CI_COMMIT_BRANCH", "main")],
        "fork",
        expect![[r#"
            refused: GitLab says that this is a pull request, and nothing proves that it is not from a fork (CI_MERGE_REQUEST_SOURCE_PROJECT_ID is not set)

            hint: pass CI_MERGE_REQUEST_SOURCE_PROJECT_ID to this step, as GitLab sets it, or let the job run on pushes
        "#]],
    );
}

#[test]
fn a_pull_request_in_a_ci_that_is_not_known() {
    let world = world();
    configure(&world, "pull-requests = true");
    refused(
        &world,
        &[("CIRRUS_CI", "true"), ("CIRRUS_PR", "7")],
        "fork",
        expect![[r#"
            refused: CIRRUS_PR says that this is a pull request, and nothing proves that it is not from a fork

            hint: let the job run on pushes, where CIRRUS_PR is not set
        "#]],
    );
}

#[test]
fn a_runner_that_says_nothing_on_a_machine_that_is_lent() {
    let world = world();
    refused(
        &world,
        &[("CODEBUILD_BUILD_ID", "a:1"), ("CODEBUILD_WEBHOOK_EVENT", "WORKFLOW_JOB_QUEUED")],
        "untrusted-event",
        expect![[r#"
            refused: CodeBuild only provides the machine for a runner of another vendor, and that runner does not say what started this run

            hint: pass the runner's variables to this step
        "#]],
    );
}

#[test]
fn a_run_whose_event_is_unknown() {
    let world = world();
    refused(
        &world,
        &[("GITHUB_ACTIONS", "true"), ("GITHUB_REF", "refs/heads/main")],
        "untrusted-event",
        expect![[r#"
            refused: GitHub Actions does not say what started this run (GITHUB_EVENT_NAME is not set), so nothing proves that a branch was pushed

            hint: pass GITHUB_EVENT_NAME to this step, as GitHub Actions sets it
        "#]],
    );
}

#[test]
fn a_branch_that_is_switched_while_the_site_is_built() {
    let world = world();
    world.repo.switch_to_new("other");
    world.repo.git().set_head("refs/heads/main").unwrap();
    let switches = r#"["sh", "-c", "echo 'ref: refs/heads/other' > ../.git/HEAD"]"#;
    let config = world.config("").replace("[build]", &format!("[build]\ncommand = {switches}"));
    world.repo.write("site/deploy.toml", config);
    let before = world.store.objects(&world.bucket);
    world.wire.take();
    let ran = world.deploy(&["--json"]).exits(3);
    assert_eq!(ran.json()["refused"]["code"], "branch-mismatch");
    let said = told(&ran, &world).replace(&world.repo.head()[..7], "COMMIT");
    expect![[r#"
        refused: git's HEAD was on `main` at COMMIT when this run began, and is on `other` at COMMIT now, so it is not known which of the two was built

        hint: git switch main, and do not move HEAD while this runs
    "#]]
    .assert_eq(&said);
    assert_eq!(world.wire.take_writes(), 0, "requests that write");
    assert_eq!(world.store.objects(&world.bucket), before, "the bucket is untouched");
}

#[test]
fn a_commit_that_is_made_while_the_site_is_built() {
    let world = world();
    let first = world.repo.head();
    world.repo.write("later.txt", "later");
    world.repo.commit("later");
    let git = world.repo.git();
    let reset = |to: &str| {
        git.reference("refs/heads/main", git2::Oid::from_str(to).unwrap(), true, "test").unwrap();
    };
    let later = world.repo.head();
    reset(&first);
    let commits = format!(r#"["sh", "-c", "echo {later} > ../.git/refs/heads/main"]"#);
    let config = world.config("").replace("[build]", &format!("[build]\ncommand = {commits}"));
    world.repo.write("site/deploy.toml", config);
    world.wire.take();
    let ran = world.deploy(&["--json"]).exits(3);
    assert_eq!(ran.json()["refused"]["code"], "commit-mismatch");
    assert_eq!(world.wire.take_writes(), 0, "requests that write");
}

#[test]
fn an_environment_chosen_by_hand_if_the_variable_ci_is_empty() {
    let world = world();
    refused_with(
        &world,
        &["--env", "production"],
        &[("CI", "")],
        "env-in-ci",
        expect![[r#"
            refused: `--env` is for people at a terminal, but this is CI, where the branch decides

            hint: remove `--env`, and add the branch to `branches` of an environment in deploy.toml; if a person runs this: unset CI
        "#]],
    );
}

#[test]
fn a_link_where_the_tool_keeps_its_own_files() {
    let world = world();
    std::os::unix::fs::symlink("elsewhere", world.repo.join("target")).unwrap();
    refused(
        &world,
        &[],
        "link-in-target",
        expect![[r#"
        refused: `target` is a link, but this tool keeps its own files there

        hint: look where it leads (ls -l target), and remove it: rm target; to build on another disk, set CARGO_TARGET_DIR instead
    "#]],
    );
    world.repo.remove("target");
    world.repo.write("elsewhere.lock", "");
    std::fs::create_dir_all(world.repo.join("target/xtask")).unwrap();
    let link = world.repo.join("target/xtask/output.lock");
    std::os::unix::fs::symlink("../../elsewhere.lock", link).unwrap();
    refused(
        &world,
        &[],
        "link-in-target",
        expect![[r#"
        refused: `target/xtask/output.lock` is a link, but this tool keeps its own files there

        hint: look where it leads (ls -l target/xtask/output.lock), and remove it: rm target/xtask/output.lock
    "#]],
    );
}

/// Refusals that only a rollback can meet. More of them are in `forged.rs`.
#[test]
fn a_rollback_to_what_is_not_this_repositorys_own() {
    let (world, commits) = forged::deployed();
    let names = forged::names(&world);
    let foreign = forged::foreign(&world, &commits[0]);
    let name = names[0].replace(&commits[0][..7], &foreign[..7]);
    forged::forge(&world, &names[0], &name, &commits[0], &foreign);
    forged::forge(&world, &names[0], &names[1], "", "");
    let before = world.store.objects(&world.bucket);
    world.wire.take();
    let told = |to: &str| {
        let ran = world.xtask(&["rollback", "--to", to]).exits(3);
        let said = ran.stderr[ran.stderr.find("refused: ").expect("a refusal")..].to_owned();
        let said = said.replace(&foreign, "FOREIGN").replace(&foreign[..7], "FOREIGN");
        said.replace(&names[1], "SECOND")
            .replace(&names[0], "FIRST")
            .replace(&names[0][..16], "TIME")
    };
    expect![[r#"
        refused: commit FOREIGN of the deploy `TIME-FOREIGN` is in the history neither of HEAD nor of a branch that `production` takes here

        hint: look at it (git show FOREIGN), and to build it anyway: cargo xtask rollback --to FOREIGN
    "#]].assert_eq(&told(&name));
    expect![[r#"
        refused: the record of the deploy `SECOND` was not written by this tool: it is of the deploy `FIRST`

        hint: go back to another one (cargo xtask status --env production), and find out who else writes to the bucket
    "#]].assert_eq(&told(&names[1]));
    assert_eq!(world.wire.take_writes(), 0, "requests that write");
    assert_eq!(world.store.objects(&world.bucket), before, "the bucket is untouched");
}

#[test]
fn an_environment_chosen_by_hand_in_ci() {
    let world = world();
    refused_with(
        &world,
        &["--env", "production"],
        &[("CI", "true")],
        "env-in-ci",
        expect![[r#"
        refused: `--env` is for people at a terminal, but this is CI, where the branch decides

        hint: remove `--env`, and add the branch to `branches` of an environment in deploy.toml
    "#]],
    );
}

#[test]
fn a_run_of_a_bot_that_gets_no_secrets() {
    let world = world();
    let variables = [
        (KEY_VARIABLE, ""),
        (SECRET_VARIABLE, ""),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_ACTOR", "dependabot[bot]"),
    ];
    refused(
        &world,
        &variables,
        "missing-credentials",
        expect![[r#"
            refused: SITE_KEY and SITE_SECRET are not set, and `production` takes its credentials from nowhere else

            hint: leave this job out for Dependabot (if: github.actor != 'dependabot[bot]'): GitHub gives its runs no secrets of Actions
        "#]],
    );
}

#[test]
fn a_branch_that_only_looks_like_another() {
    let world = world();
    world.repo.switch_to_new("ma\u{200b}in");
    expect![[r#"
        refused: no environment deploys branch `ma\u{200b}in`

        hint: add it to `branches` of one environment in deploy.toml: `production` deploys main
    "#]]
    .assert_eq(&told(&world.deploy(&[]).exits(3), &world));
}

#[test]
fn credentials_that_are_missing_are_not_replaced_by_others() {
    let world = world();
    let none = [(KEY_VARIABLE, ""), (SECRET_VARIABLE, "")];
    refused(
        &world,
        &none,
        "missing-credentials",
        expect![[r#"
        refused: SITE_KEY and SITE_SECRET are not set, and `production` takes its credentials from nowhere else

        hint: set SITE_KEY and SITE_SECRET to credentials of the store at ENDPOINT (in CI: as secrets of this job; the pull requests of forks get none)
    "#]],
    );
    let ambient = [
        (SECRET_VARIABLE, ""),
        ("AWS_ACCESS_KEY_ID", world.store.key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", world.store.secret.as_str()),
        ("PRODUCTION_AWS_SECRET_ACCESS_KEY", world.store.secret.as_str()),
    ];
    refused(
        &world,
        &ambient,
        "missing-credentials",
        expect![[r#"
        refused: SITE_SECRET is not set, and `production` takes its credentials from nowhere else

        hint: set SITE_SECRET to credentials of the store at ENDPOINT (in CI: as secrets of this job; the pull requests of forks get none)
    "#]],
    );
    assert!(world.wire.take().is_empty(), "a request without credentials");
}

#[test]
fn a_key_and_its_secret_in_each_other_s_variable() {
    let world = world();
    configure(&world, "account = \"222222222222\"");
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let swapped = [(KEY_VARIABLE, secret), (SECRET_VARIABLE, "AKIAIOSFODNN7EXAMPLE")];
    refused(
        &world,
        &swapped,
        "missing-credentials",
        expect![[r#"
            refused: SITE_KEY holds what looks like a secret key; are the two swapped?

            hint: set SITE_KEY to the access key id (at AWS it begins with AKIA or ASIA), and SITE_SECRET to the secret key
        "#]],
    );
    assert!(world.wire.take().is_empty(), "the secret is sent to nobody as an id");
}

#[test]
fn a_profile_that_does_not_exist_is_not_replaced_by_other_credentials() {
    let world = world();
    let config = world.config("").replace(
        "access-key-id = \"SITE_KEY\", secret-access-key = \"SITE_SECRET\"",
        "profile = \"staging\"",
    );
    world.repo.write("site/deploy.toml", config);
    let ambient = [
        ("AWS_ACCESS_KEY_ID", world.store.key.as_str()),
        ("AWS_SECRET_ACCESS_KEY", world.store.secret.as_str()),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    refused(
        &world,
        &ambient,
        "missing-credentials",
        expect![[r#"
        refused: the profile `staging` of `production` gives no credentials: it is not in the AWS config files

        hint: aws configure --profile staging, or for single sign-on: aws sso login --profile staging
    "#]],
    );
}

#[test]
fn keys_of_another_account_under_the_right_names() {
    let world = world();
    configure(&world, "account = \"222222222222\"");
    caller_is(&world, "111111111111", "arn:aws:iam::111111111111:user/deploy");
    refused(
        &world,
        &[],
        "wrong-account",
        expect![[r#"
        refused: the credentials in SITE_KEY and SITE_SECRET belong to account 111111111111, and `production` deploys to account 222222222222

        hint: use credentials of account 222222222222, or correct `account` in deploy.toml
    "#]],
    );
}

#[test]
fn the_root_user_of_the_right_account() {
    let world = world();
    configure(&world, "account = \"222222222222\"");
    caller_is(&world, "222222222222", "arn:aws:iam::222222222222:root");
    refused(
        &world,
        &[],
        "root-user",
        expect![[r#"
        refused: the credentials in SITE_KEY and SITE_SECRET are those of account 222222222222's root user, who may do anything

        hint: use an IAM role or user that may write to this bucket only
    "#]],
    );
}

/// Lets STS answer with this identity.
pub fn caller_is(world: &World, account: &str, arn: &str) {
    let answer = identity(account, arn);
    world.wire.answer(move |seen| (seen.path == "/").then(|| answer.clone()));
}

/// STS's answer to the question who the caller is.
pub fn identity(account: &str, arn: &str) -> Answer {
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>{arn}</Arn><UserId>ID</UserId><Account>{account}</Account></GetCallerIdentityResult>\
         </GetCallerIdentityResponse>"
    );
    Answer { status: 200, headers: vec![("content-type", "text/xml")], body }
}

#[test]
fn a_site_without_files() {
    let world = world();
    world.deploy(&[]).exits(0);
    world.repo.remove("site/public");
    std::fs::create_dir(world.repo.join("site/public")).unwrap();
    refused_once_built(
        &world,
        &[],
        &[],
        "empty-site",
        expect![[r#"
            refused: the site has no files to deploy, so a deploy would only delete objects

            hint: check the log of the build, and `output` of [build] in deploy.toml
        "#]],
    );
}

#[test]
fn a_site_without_its_home_page_and_one_whose_home_page_is_blank() {
    let world = world();
    world.site([("index.html", "page"), ("a.html", "a")]);
    world.deploy(&[]).exits(0);
    world.site([("a.html", "a")]);
    refused_once_built(
        &world,
        &["--max-deletes", "100"],
        &[],
        "empty-site",
        expect![[r#"
            refused: the site has no `index.html`, but the home page is live in the bucket

            hint: check the log of the build, and `output` of [build] in deploy.toml; to deploy without a home page, delete `index.html` from the bucket first
        "#]],
    );
    world.site([("index.html", "\n"), ("a.html", "a")]);
    refused_once_built(
        &world,
        &["--max-deletes", "100"],
        &[],
        "empty-site",
        expect![[r#"
            refused: `index.html` is blank, but the live home page is not

            hint: check the log of the build, and `output` of [build] in deploy.toml; to deploy without a home page, delete `index.html` from the bucket first
        "#]],
    );
}

#[test]
fn most_of_the_pages() {
    let world = world();
    let pages: Vec<String> = (0..5).map(|n| format!("{n}.html")).collect();
    let assets: Vec<String> = (0..50).map(|n| format!("{n}.png")).collect();
    world.site(pages.iter().chain(&assets).map(|key| (key.as_str(), "x")));
    world.deploy(&[]).exits(0);
    world.site(pages[..2].iter().chain(&assets).map(|key| (key.as_str(), "x")));
    refused_once_built(
        &world,
        &[],
        &[],
        "too-many-deletes",
        expect![[r#"
            refused: this would delete 3 of 5 pages, and the limit is half of them

            hint: list them with --dry-run; to delete them anyway: cargo xtask deploy --max-deletes 3
        "#]],
    );
    world.deploy(&["--max-deletes", "3"]).exits(0);
}

#[test]
fn an_older_commit_than_the_one_that_is_live_in_ci() {
    let world = world();
    let newer = world.repo.commit("newer").to_string();
    world.deploy(&[]).exits(0);
    let parent = world.repo.git().find_commit(newer.parse().unwrap()).unwrap().parent_id(0);
    world.repo.reset(&parent.unwrap().to_string());
    world.site([("index.html", "older")]);
    refused_once_built(
        &world,
        &[],
        &[("CI", "true")],
        "outdated",
        expect![[r#"
            refused: commit `COMMIT` is older than `NEWER`, which was deployed already

            hint: to go back on purpose: cargo xtask rollback; if this commit is to be live all the same, deploy it by hand: cargo xtask deploy
        "#]],
    );
}

#[test]
fn more_deletes_than_the_limit() {
    let world = world();
    let keys: Vec<String> = (0..300).map(|n| format!("{n}.txt")).collect();
    world.site(keys.iter().map(|key| (key.as_str(), "text")));
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page")]);
    refused_once_built(
        &world,
        &[],
        &[],
        "too-many-deletes",
        expect![[r#"
        refused: this would delete 300 of 300 objects, and the limit is 20, or 25 % of them if that is more

        hint: list them with --dry-run; to delete them anyway: cargo xtask deploy --max-deletes 300
    "#]],
    );
    refused_once_built(
        &world,
        &["--max-deletes", "299"],
        &[],
        "too-many-deletes",
        expect![[r#"
        refused: this would delete 300 of 300 objects, and the limit is 299

        hint: list them with --dry-run; to delete them anyway: cargo xtask deploy --max-deletes 300
    "#]],
    );
    configure(&world, "max-deletes = 10");
    refused_once_built(
        &world,
        &[],
        &[],
        "too-many-deletes",
        expect![[r#"
        refused: this would delete 300 of 300 objects, and the limit is 10

        hint: list them with --dry-run; to delete them anyway: cargo xtask deploy --max-deletes 300
    "#]],
    );

    let dry = world.deploy(&["--dry-run"]).exits(0);
    assert!(
        dry.stderr
            .contains("warning: a deploy would be refused: this would delete 300 of 300 objects")
    );
    let dry = world.deploy(&["--dry-run", "--site", "site", "--env", "production"]).exits(0);
    let hint = "; hint: list them with --dry-run; to delete them anyway: cargo xtask deploy --env production --site site --max-deletes 300\n";
    assert!(dry.stderr.contains(hint), "{}", dry.stderr);
    world.deploy(&["--max-deletes", "300"]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);
}

#[test]
fn objects_that_visitors_may_read_by_their_acl_and_the_new_ones_would_hide() {
    let world = world();
    world.store.put(&world.bucket, "a.css", b"style", "text/css");
    world.store.put(&world.bucket, "index.html", b"page", "text/html");
    acls_are(&world, "READ", "AllUsers");
    refused_once_built(
        &world,
        &[],
        &[],
        "public-acl",
        expect![[r#"
        refused: `index.html` can be read by everybody because of its ACL, but objects that this deploy writes could not

        hint: below [environments.production] of deploy.toml, write acl = "public-read"; or acl = "private" if visitors read the site by a policy of the bucket
    "#]],
    );
    acls_are(&world, "FULL_CONTROL", "AuthenticatedUsers");
    refused_once_built(
        &world,
        &[],
        &[],
        "public-acl",
        expect![[r#"
        refused: `index.html` can be read by everybody with an AWS account because of its ACL, but objects that this deploy writes could not

        hint: below [environments.production] of deploy.toml, write acl = "authenticated-read"; or acl = "private" if visitors read the site by a policy of the bucket
    "#]],
    );
    // An ACL for the bucket's owner lets no visitor read.
    configure(&world, "acl = \"bucket-owner-full-control\"");
    acls_are(&world, "READ", "AllUsers");
    refused_once_built(
        &world,
        &[],
        &[],
        "public-acl",
        expect![[r#"
        refused: `index.html` can be read by everybody because of its ACL, but objects that this deploy writes could not

        hint: below [environments.production] of deploy.toml, write acl = "public-read"; or acl = "private" if visitors read the site by a policy of the bucket
    "#]],
    );

    let dry = world.deploy(&["--dry-run"]).exits(0);
    let warned = "warning: a deploy would be refused: `index.html` can be read by everybody";
    assert!(dry.stderr.contains(warned), "{}", dry.stderr);
    world.wire.take();
    for decided in ["private", "public-read", "authenticated-read"] {
        configure(&world, &format!("acl = \"{decided}\""));
        let ran = world.deploy(&["--dry-run"]).exits(0);
        assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
        assert!(world.wire.take().iter().all(|seen| seen.query != "acl"), "{decided}");
    }
}

/// Gives a group a right to every object.
pub fn acls_are(world: &World, permission: &str, group: &str) {
    let body = format!(
        "<?xml version=\"1.0\"?><AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>a</ID></Owner><AccessControlList>\
         <Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>a</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>\
         <Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\"><URI>http://acs.amazonaws.com/groups/global/{group}</URI></Grantee><Permission>{permission}</Permission></Grant>\
         </AccessControlList></AccessControlPolicy>"
    );
    let answer = Answer { status: 200, headers: vec![("content-type", "application/xml")], body };
    world.wire.answer(move |seen| (seen.query == "acl").then(|| answer.clone()));
}

#[test]
fn the_expected_owner_goes_with_every_request() {
    let world = world();
    configure(&world, "account = \"222222222222\"");
    caller_is(&world, "222222222222", "arn:aws:sts::222222222222:assumed-role/deploy/ci");
    let large = vec![b'x'; 9 << 20];
    world.repo.write("site/public/large.bin", large);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page")]);
    world.deploy(&[]).exits(0);
    let seen = world.wire.take();
    let to_bucket: Vec<_> = seen.iter().filter(|seen| seen.path != "/").collect();
    assert!(to_bucket.len() > 10, "{} requests", to_bucket.len());
    for seen in to_bucket {
        assert_eq!(seen.owner.as_deref(), Some("222222222222"), "{seen:?}");
    }
}

#[test]
fn the_account_is_checked_before_anything_is_asked_of_the_bucket() {
    let world = world();
    configure(&world, "account = \"222222222222\"");
    let asked = Arc::new(AtomicBool::new(false));
    let told = asked.clone();
    world.wire.answer(move |seen| {
        told.fetch_or(seen.path != "/", Ordering::Relaxed);
        Some(Answer::error(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ))
    });
    let ran = world.deploy(&[]).exits(1);
    expect![[r#"
        error: failed to ask whose credentials `production` has
          AccessDenied (HTTP 403): no message

        hint: look at the values of the credentials (swapped? in quotes?); they need s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects, and the bucket must belong to `account`
    "#]].assert_eq(&ran.stderr);
    assert!(!asked.load(Ordering::Relaxed), "the bucket was asked");
    assert!(!world.repo.join(BUILT).exists(), "the generator was run");
}

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 22485\n";

#[test]
fn files_that_git_lfs_did_not_fetch() {
    let world = world();
    world.site([("index.html", "page"), ("a/logo.png", POINTER), ("movie.mp4", POINTER)]);
    refused_once_built(
        &world,
        &[],
        &[],
        "lfs-pointer",
        expect![[r#"
        refused: the site has 2 files whose content Git LFS did not fetch: `a/logo.png`, `movie.mp4`

        hint: git lfs pull; in CI let the checkout do it, on GitHub with `lfs: true`. Then build again. To publish a pointer as it is, name it in `publish` of deploy.toml
    "#]],
    );
}

#[test]
fn files_that_git_annex_did_not_fetch() {
    let world = world();
    world.site([("index.html", "page"), ("logo.png", "/annex/objects/SHA256E-s5--4d7a.png\n")]);
    refused_once_built(
        &world,
        &[],
        &[],
        "annex-pointer",
        expect![[r#"
        refused: the site has 1 file whose content git-annex did not fetch: `logo.png`

        hint: git annex get . and build again. To publish a pointer as it is, name it in `publish` of deploy.toml
    "#]],
    );
}

#[test]
fn files_that_git_crypt_has_encrypted() {
    let world = world();
    world.site([("index.html", "page"), ("data.json", "\0GITCRYPT\0abc")]);
    refused_once_built(
        &world,
        &[],
        &[],
        "git-crypt",
        expect![[r#"
        refused: the site has 1 file whose content git-crypt has encrypted: `data.json`

        hint: git-crypt unlock and build again. To publish it as it is, name it in `publish` of deploy.toml
    "#]],
    );
}

#[test]
fn bytes_that_are_not_in_the_encoding_of_the_rule() {
    let world = world();
    configure(&world, "[[headers]]\nmatch = \"*.css\"\ncontent-encoding = \"gzip\"");
    world.site([("index.html", "page"), ("a.css", "a { color: red }")]);
    refused_once_built(
        &world,
        &[],
        &[],
        "wrong-encoding",
        expect![[r#"
        refused: the site has 1 file whose content does not have the `content-encoding` that a rule sets: `a.css (gzip)`

        hint: let the generator compress them, or correct `match` and `content-encoding` of [[headers]] in deploy.toml
    "#]],
    );
}

#[test]
fn an_output_that_holds_the_tool() {
    let world = world();
    let config = world.repo.join("site/deploy.toml");
    let config = std::fs::read_to_string(config).expect("the configuration");
    world.site([
        ("index.html", "page"),
        ("deploy.toml", &config),
        ("xtask/src/main.rs", "fn main() {}"),
    ]);
    refused_once_built(
        &world,
        &[],
        &[],
        "output-holds-tool",
        expect![[r#"
        refused: the output holds files of this tool, such as `deploy.toml`, `xtask/src/main.rs`

        hint: let the generator leave them out (`exclude:` in Jekyll's _config.yml, .eleventyignore in Eleventy), or write at the top of deploy.toml: exclude = ["deploy.toml", "**/deploy.toml", "Cargo.*", "xtask/**", "target/**"]
    "#]],
    );
}

/// HEAD may name any ref, but only those below `refs/heads/` are branches.
#[test]
fn a_head_on_a_ref_that_is_no_branch_chooses_nothing() {
    for name in ["refs/tags/main", "refs/remotes/main", "refs/main"] {
        let world = world();
        let git = world.repo.git();
        let commit = git.head().unwrap().target().unwrap();
        git.reference(name, commit, true, "").unwrap();
        git.reference_symbolic("HEAD", name, true, "").unwrap();
        let ran = world.deploy(&["--json"]).exits(3);
        assert_eq!(ran.json()["refused"]["code"], "detached", "{name}");
    }
}

#[test]
fn what_ci_calls_a_branch_and_git_would_not_is_refused() {
    let world = world();
    let commit = world.repo.git().head().unwrap().target().unwrap();
    world.repo.git().set_head_detached(commit).unwrap();
    for branch in ["..", ".xtask", "a b", "-x"] {
        let reference = format!("refs/heads/{branch}");
        let variables = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_REF", reference.as_str()),
        ];
        let ran = world.deploy_with(&["--json"], &variables).exits(3);
        assert_eq!(ran.json()["refused"]["code"], "branch-mismatch", "{branch}");
    }
}
