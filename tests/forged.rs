//! Records that were forged by somebody who can write to the bucket: they decide neither which commit's generator is
//! run nor what is published.

use std::os::unix::fs::symlink;

use git2::{Oid, Signature};
use serde_json::json;

use crate::harness::{Ran, World};

/// A world whose bucket keeps no versions, after three deploys of `main`. The generator writes its variables into the
/// page.
pub fn deployed() -> (World, Vec<String>) {
    let world = World::new();
    let command = "[build]\ncommand = [\"sh\", \"-c\", \"mkdir -p public; cat page > public/index.html; echo $DEPLOY_BRANCH > public/branch.txt\"]";
    world.repo.write("site/deploy.toml", world.config("").replace("[build]", command));
    world.repo.write(".gitignore", "/target\npublic\n");
    let mut commits = Vec::new();
    for page in ["one", "two", "three"] {
        world.repo.write("site/page", page);
        commits.push(world.repo.commit(page).to_string());
        world.deploy(&[]).exits(0);
    }
    (world, commits)
}

/// A commit on top of the first one to which no branch leads.
pub fn foreign(world: &World, first: &str) -> String {
    let git = world.repo.git();
    let parent = git.find_commit(Oid::from_str(first).unwrap()).unwrap();
    let author = Signature::now("Mallory", "mallory@example.com").unwrap();
    let tree = parent.tree().unwrap();
    git.commit(None, &author, &author, "foreign", &tree, &[&parent]).unwrap().to_string()
}

/// The names of the recorded deploys, oldest first.
pub fn names(world: &World) -> Vec<String> {
    let keys = world.store.etags(&world.bucket).into_keys();
    keys.filter_map(|key| Some(key.strip_prefix(".xtask/earlier/")?.to_owned())).collect()
}

/// Writes the record of a deploy, made from that of another by replacing a text, and sealed in the tool's way.
pub fn forge(world: &World, of: &str, name: &str, from: &str, to: &str) {
    let record = world.store.object(&world.bucket, &format!(".xtask/earlier/{of}")).body;
    let text = String::from_utf8(record).unwrap();
    let lines = text.trim_end().rsplit_once('\n').expect("a seal").0.replace(from, to) + "\n";
    // The ETag of an object is the MD5 of its bytes.
    world.store.put(&world.bucket, "seal", lines.as_bytes(), "text/plain");
    let seal = world.store.object(&world.bucket, "seal").etag.trim_matches('"').to_owned();
    world.store.remove(&world.bucket, "seal");
    let forged = format!("{lines}\"{seal}\"\n");
    let key = format!(".xtask/earlier/{name}");
    world.store.put(&world.bucket, &key, forged.as_bytes(), "application/json");
}

/// Changes the record of the live deploy, and seals it in the tool's way.
pub fn forge_live(world: &World, change: impl Fn(&str) -> String) {
    let record = world.store.object(&world.bucket, ".xtask/record").body;
    let text = String::from_utf8(record).unwrap();
    let lines = change(text.trim_end().rsplit_once('\n').expect("a seal").0) + "\n";
    world.store.put(&world.bucket, "seal", lines.as_bytes(), "text/plain");
    let seal = world.store.object(&world.bucket, "seal").etag.trim_matches('"').to_owned();
    world.store.remove(&world.bucket, "seal");
    let forged = format!("{lines}\"{seal}\"\n");
    world.store.put(&world.bucket, ".xtask/record", forged.as_bytes(), "application/json");
}

#[track_caller]
fn code(ran: Ran) -> String {
    ran.exits(3).json()["refused"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_commit_that_no_branch_leads_to_is_built_only_if_a_person_insists() {
    let (world, commits) = deployed();
    let foreign = foreign(&world, &commits[0]);
    let first = &names(&world)[0];
    let name = first.replace(&commits[0][..7], &foreign[..7]);
    forge(&world, first, &name, &commits[0], &foreign);
    let ran = world.xtask(&["rollback", "--to", &name]).exits(3);
    let hint = format!("and to build it anyway: cargo xtask rollback --to {foreign}");
    assert!(ran.stderr.contains(&hint), "{}", ran.stderr);
    assert_eq!(code(world.xtask(&["rollback", "--json", "--to", &name])), "foreign-commit");
    assert_eq!(
        code(world.xtask(&["rollback", "--json", "--to", &foreign[..20]])),
        "foreign-commit"
    );
    let ci = |to: &str| {
        let variables = [
            ("CI", "true"),
            (crate::harness::KEY_VARIABLE, world.store.key.as_str()),
            (crate::harness::SECRET_VARIABLE, world.store.secret.as_str()),
        ];
        world.repo.xtask(&["rollback", "--json", "--to", to], &variables)
    };
    assert_eq!(code(ci(&foreign)), "foreign-commit", "nobody insists in CI");
    assert_eq!(world.objects()["index.html"].body, b"three");
    // A branch that another environment takes, or none, does not vouch for a commit.
    let git = world.repo.git();
    let found = git.find_commit(Oid::from_str(&foreign).unwrap()).unwrap();
    git.branch("feature", &found, false).unwrap();
    git.reference("refs/remotes/fork/main", found.id(), true, "").unwrap();
    git.reference("refs/pull/7/head", found.id(), true, "").unwrap();
    assert_eq!(code(ci(&name)), "foreign-commit");

    world.xtask(&["rollback", "--to", &foreign]).exits(0);
    assert_eq!(world.objects()["index.html"].body, b"one");
}

#[test]
fn a_commit_of_the_environments_branch_is_built_from_anywhere() {
    for reference in ["refs/heads/main", "refs/remotes/origin/main"] {
        let (world, commits) = deployed();
        let git = world.repo.git();
        let tip = git.head().unwrap().target().unwrap();
        // HEAD is on a separate line of commits, and only the branch leads to the deployed commit.
        let orphan = git.commit(
            None,
            &Signature::now("Kim", "kim@example.com").unwrap(),
            &Signature::now("Kim", "kim@example.com").unwrap(),
            "another line",
            &git.find_commit(tip).unwrap().tree().unwrap(),
            &[],
        );
        git.set_head_detached(orphan.unwrap()).unwrap();
        git.find_reference("refs/heads/main").unwrap().delete().unwrap();
        git.reference(reference, tip, true, "").unwrap();
        let to = ["rollback", "--env", "production", "--to", &commits[0][..20]];
        world.xtask(&to).exits(0);
        assert_eq!(world.objects()["index.html"].body, b"one", "{reference}");
    }
}

#[test]
fn a_record_under_the_name_of_another_deploy_is_not_believed() {
    let (world, commits) = deployed();
    let (first, second) = (&names(&world)[0], &names(&world)[1]);
    forge(&world, first, second, "nothing", "nothing");
    let ran = world.xtask(&["rollback", "--json"]);
    assert_eq!(code(ran), "foreign-record");
    let other = foreign(&world, &commits[0]);
    forge(&world, first, first, &commits[0], &other);
    assert_eq!(code(world.xtask(&["rollback", "--json", "--to", first])), "foreign-record");
    assert_eq!(world.objects()["index.html"].body, b"three");
}

#[test]
fn the_branch_of_a_record_reaches_the_generator_only_if_it_leads_here() {
    let (world, _) = deployed();
    let first = names(&world)[0].clone();
    for branch in ["../x", "a b", "", "--help", "x\\u000ay", "HEAD"] {
        forge(&world, &first, &first, "\"branch\":\"main\"", &format!("\"branch\":\"{branch}\""));
        let ran = world.xtask(&["rollback", "--json", "--to", &first]);
        assert_eq!(code(ran), "foreign-record", "{branch}");
        forge(&world, &first, &first, &format!("\"branch\":\"{branch}\""), "\"branch\":\"main\"");
    }
    forge(&world, &first, &first, "\"branch\":\"main\"", "\"branch\":\"secret-plans\"");
    let ran = world.xtask(&["rollback", "--to", &first]).exits(0);
    assert!(
        ran.stderr.contains("names the branch `secret-plans`, which `production` does not take"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.objects()["branch.txt"].body, b"main\n");
}

#[test]
fn nothing_outside_of_the_checkout_is_published_whatever_the_commit_links_to() {
    for link in ["site", "target"] {
        let world = World::new();
        let outside = crate::harness::Repo::new("main");
        outside.write("public/index.html", "private");
        outside.write("xtask/emptied/0/precious.txt", "precious");
        outside.write("deploy.toml", world.config(""));
        world.repo.write(".gitignore", "");
        if link == "target" {
            let command = "[build]\ncommand = [\"sh\", \"-c\", \"true\"]";
            world.repo.write("site/deploy.toml", world.config("").replace("[build]", command));
            world.repo.write("site/public/index.html", "page");
        } else {
            world.repo.remove("site");
        }
        symlink(outside.path(), world.repo.join(link)).unwrap();
        let linked = world.repo.commit("a link").to_string();
        let refused = if link == "site" { 2 } else { 3 };
        world.deploy(&[]).exits(refused);
        world.repo.remove(link);
        let before = outside.files(".");
        world.configure("");
        world.site([("index.html", "page")]);
        world.repo.write(".gitignore", "/target\n");
        let commit = world.repo.commit("the site").to_string();
        world.deploy(&[]).exits(0);
        world.site([("index.html", "newer")]);
        world.repo.commit("a change");
        world.deploy(&[]).exits(0);
        let first = names(&world)[0].clone();
        let name = first.replace(&commit[..7], &linked[..7]);
        forge(&world, &first, &name, &commit, &linked);
        let ran = world.xtask(&["rollback", "--to", &name]);
        let ran = ran.exits(refused);
        let said =
            if link == "site" { "leads out of the repository" } else { "`target` is a link" };
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(world.objects()["index.html"].body, b"newer");
        assert_eq!(outside.files("."), before);
    }
}

#[test]
fn a_site_that_is_neither_built_nor_tracked_cannot_be_made_again() {
    let world = World::new();
    world.repo.write(".gitignore", "/target\n/site/public\n");
    for page in ["one", "two"] {
        world.site([("index.html", page)]);
        world.repo.write("note", page);
        world.repo.commit(page);
        world.deploy(&[]).exits(0);
    }
    let ran = world.xtask(&["rollback", "--json"]).exits(3);
    let refused = &ran.json()["refused"];
    assert_eq!(refused["code"], json!("not-reproducible"));
    let message = refused["message"].as_str().unwrap();
    assert!(
        message
            .contains("`public` of its commit is neither built by a `command` nor tracked by git"),
        "{message}"
    );
    assert!(!ran.stderr.contains("is built again"), "{}", ran.stderr);
    assert_eq!(world.objects()["index.html"].body, b"two");
}
