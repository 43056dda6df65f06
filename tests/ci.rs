//! Runs in CI, started as each vendor does it: what the vendor checks out for a pull request, and the address of the
//! job, which everybody who can read the bucket can read.

use std::process::Command;

use crate::harness::{Ran, World};

/// Runs git in the world's repository.
#[track_caller]
fn git(world: &World, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(world.repo.path())
        .env("HOME", world.repo.home())
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A world with the merge of a pull request's commit into `main` checked out, as vendors do. Also returns the commit
/// that was merged.
fn merged() -> (World, String) {
    let world = World::new();
    world.configure("pull-requests = true\nprefix = \"{branch}/\"");
    world.site([("index.html", "page")]);
    world.repo.commit("site");
    git(&world, &["switch", "--quiet", "--create", "feature"]);
    git(&world, &["commit", "--quiet", "--allow-empty", "--message", "feature"]);
    let source = world.repo.head();
    git(&world, &["switch", "--quiet", "main"]);
    git(&world, &["commit", "--quiet", "--allow-empty", "--message", "main"]);
    git(&world, &["checkout", "--quiet", "--detach"]);
    git(&world, &["merge", "--quiet", "--no-ff", "--no-edit", "feature"]);
    (world, source)
}

#[track_caller]
fn refused(ran: Ran, code: &str) {
    assert_eq!(ran.exits(3).json()["refused"]["code"], code);
}

#[test]
fn the_merge_of_a_pull_request_is_deployed_though_the_vendor_names_what_was_merged() {
    let (world, source) = merged();
    let bitbucket = [
        ("BITBUCKET_BUILD_NUMBER", "1"),
        ("BITBUCKET_PR_ID", "7"),
        ("BITBUCKET_COMMIT", source.as_str()),
    ];
    let drone = [
        ("DRONE", "true"),
        ("DRONE_BUILD_EVENT", "pull_request"),
        ("DRONE_PULL_REQUEST", "8"),
        ("DRONE_COMMIT_SHA", source.as_str()),
    ];
    world.deploy_with(&[], &bitbucket).exits(0);
    world.deploy_with(&[], &drone).exits(0);
    assert_eq!(world.keys(), ["pr-7/index.html", "pr-8/index.html"]);

    let push = [
        ("DRONE", "true"),
        ("DRONE_BUILD_EVENT", "push"),
        ("DRONE_BRANCH", "main"),
        ("DRONE_COMMIT_SHA", source.as_str()),
    ];
    refused(world.deploy_with(&["--json"], &push), "commit-mismatch");
    git(&world, &["commit", "--quiet", "--allow-empty", "--message", "made by the job"]);
    refused(world.deploy_with(&["--json"], &drone), "commit-mismatch");
}

#[test]
fn a_shallow_clone_of_one_commit_still_knows_what_was_merged() {
    let (world, source) = merged();
    let top = world.repo.path().display().to_string();
    git(&world, &["branch", "merged"]);
    git(
        &world,
        &["clone", "--quiet", "--depth=1", "--branch=merged", &format!("file://{top}"), "c"],
    );
    world.repo.write("c/site/public/index.html", "page");
    let variables = [
        (crate::harness::KEY_VARIABLE, world.store.key.as_str()),
        (crate::harness::SECRET_VARIABLE, world.store.secret.as_str()),
        ("BITBUCKET_BUILD_NUMBER", "1"),
        ("BITBUCKET_PR_ID", "7"),
        ("BITBUCKET_COMMIT", source.as_str()),
    ];
    git(&world, &["-C", "c", "checkout", "--quiet", "--detach"]);
    world.repo.xtask_in("c", &["deploy"], &variables).exits(0);
    assert_eq!(world.keys(), ["pr-7/index.html"]);
}

#[test]
fn no_secret_of_a_jobs_address_is_shown_or_kept() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let variables = [
        ("JENKINS_URL", "https://kim:word@ci.example.com/"),
        ("BUILD_URL", "https://kim:word@ci.example.com/job/site/7/?token=word#word"),
    ];
    let ran = world.deploy_with(&[], &variables).exits(0);
    let status = world.xtask(&["status", "--env", "production"]).exits(0);
    let objects = world.store.objects(&world.bucket).into_values();
    let kept: Vec<u8> = objects.flat_map(|object| object.body).collect();
    let kept = String::from_utf8_lossy(&kept);
    assert!(status.stdout.contains("https://ci.example.com/job/site/7/"), "{}", status.stdout);
    for text in [&ran.stdout, &ran.stderr, &status.stdout, &status.stderr, &*kept] {
        assert!(!text.contains("word") && !text.contains("kim"), "{text}");
    }
}

#[test]
fn pull_requests_that_overwrite_each_other_cause_a_warning() {
    let world = World::new();
    world.configure("pull-requests = true");
    world.site([("index.html", "page")]);
    let variables = [("BITBUCKET_BUILD_NUMBER", "1"), ("BITBUCKET_PR_ID", "7")];
    let ran = world.deploy_with(&[], &variables).exits(0);
    let warning = "warning: each pull request of `production` deletes the pages of the one before";
    assert!(ran.stderr.contains(warning), "{}", ran.stderr);
}
