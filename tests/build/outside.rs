//! An output outside of the site's folder, as in monorepos.

use std::os::unix::fs::symlink;

use serde_json::json;

use super::warns;
use crate::harness::{Ran, World};

/// The `deploy.toml` of a site whose generator is a line of shell.
fn site(world: &World, line: &str, output: &str, prefix: &str) -> String {
    let build = format!("[build]\ncommand = [\"sh\", \"-c\", {line:?}]\noutput = {output:?}");
    let config = world.config(&format!("prefix = {prefix:?}"));
    config.replace("[build]\noutput = \"public\"", &build)
}

/// A world whose site is in `site/` and whose output git ignores.
fn world(line: &str, output: &str) -> World {
    let world = World::new();
    world.repo.write("site/deploy.toml", site(&world, line, output, ""));
    world.repo.write(".gitignore", "/target\n/dist\n");
    world
}

#[test]
fn two_sites_of_a_repository_have_outputs_beside_each_other() {
    let world = World::new();
    world.repo.write(".gitignore", "/target\n/dist\n");
    for app in ["a", "b"] {
        let output = format!("../../dist/apps/{app}");
        let line = format!("mkdir -p {output}; cp page.html {output}/index.html");
        let file = site(&world, &line, &output, app);
        world.repo.write(&format!("apps/{app}/deploy.toml"), file);
        world.repo.write(&format!("apps/{app}/page.html"), app);
    }
    world.repo.write("dist/apps/a/old.html", "of an earlier build");
    world.repo.write("dist/notes.txt", "no site's");
    let deploy =
        |app: &str| world.deploy(&["--json", "--site", &format!("apps/{app}")]).exits(0).json();
    deploy("a");
    deploy("b");
    assert_eq!(world.keys(), ["a/index.html", "b/index.html"]);
    assert_eq!(world.objects()["b/index.html"].body, b"b");
    assert!(!world.repo.join("dist/apps/a/old.html").exists());
    assert!(world.repo.join("dist/notes.txt").exists());
    for app in ["a", "b"] {
        let again = deploy(app);
        assert_eq!((&again["uploads"], &again["deletes"]), (&json!([]), &json!([])), "{app}");
    }
    assert!(world.repo.join("dist/apps/a/index.html").exists(), "after a build of its neighbour");
}

#[test]
fn an_output_outside_is_emptied_only_if_git_ignores_it() {
    let build = "mkdir -p ../www; echo page > ../www/index.html";
    let world = world(build, "../www");
    world.repo.write("www/old.html", "of somebody");
    let ran = world.deploy(&[]).exits(0);
    warns(&ran, "git does not ignore `../www`, so it is not emptied first");
    assert!(world.repo.join("www/old.html").exists());

    world.repo.write(".gitignore", "/target\n/www\n");
    world.deploy(&[]).exits(0);
    assert!(!world.repo.join("www/old.html").exists());
    assert_eq!(world.keys(), ["index.html"]);
}

#[test]
fn an_output_in_a_forbidden_place_is_a_mistake_in_the_file() {
    for (output, why) in [
        ("../../out", "`../../out`, is outside of the git repository"),
        ("../../../../../../../../../out", "is outside of the git repository"),
        ("../site", "`../site`, holds the site's folder"),
        ("../.git", "`../.git`, is in git's own folder"),
        ("../.git/hooks", "is in git's own folder"),
        ("../target", "holds files of this tool, or is in their folder"),
        ("../target/xtask/emptied", "holds files of this tool, or is in their folder"),
    ] {
        let world = world("touch ran", output);
        world.wire.take();
        let no_build = ["deploy", "--no-build"];
        for command in [&["deploy"][..], &["deploy", "--dry-run"], &no_build, &["status"]] {
            let ran = world.xtask(command).exits(2);
            assert!(ran.stderr.contains(why), "{output}: {}", ran.stderr);
            assert!(ran.stderr.contains("hint: let it name a folder of its own"), "{}", ran.stderr);
        }
        assert!(!world.repo.join("site/ran").exists(), "{output}");
        assert_eq!(world.wire.take().len(), 0, "{output}");
    }
}

#[track_caller]
fn leads_astray(world: &World, ran: Ran, why: &str) {
    let ran = ran.exits(1);
    assert!(ran.stderr.contains(&format!("/dist` leads to a folder that {why}")), "{}", ran.stderr);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn a_link_does_not_lead_an_output_out_of_the_repository_or_to_its_sources() {
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::write(elsewhere.path().join("index.html"), "private").unwrap();
    let there = elsewhere.path().display();
    for (to, why) in [
        (there.to_string(), "is outside of the git repository"),
        ("site".to_owned(), "holds the site's folder"),
        (".".to_owned(), "holds the site's folder"),
        (".git".to_owned(), "is in git's own folder"),
    ] {
        // The link exists before the build, or the build creates it.
        let before = world("true", "../dist");
        symlink(&to, before.repo.join("dist")).unwrap();
        leads_astray(&before, before.deploy(&[]), why);
        leads_astray(&before, before.deploy(&["--no-build"]), why);
        let built = world(&format!("ln -s {to} ../dist"), "../dist");
        leads_astray(&built, built.deploy(&[]), why);
    }
    assert!(elsewhere.path().join("index.html").exists());

    let world = world("true", "../dist");
    world.repo.write("pages/index.html", "the source");
    symlink("pages", world.repo.join("dist")).unwrap();
    let ran = world.deploy(&[]).exits(0);
    warns(&ran, "`../dist` is reached through a link, so it is not emptied first");
    assert_eq!(world.objects()["index.html"].body, b"the source");
}

#[test]
fn a_rollback_builds_into_the_output_of_its_own_checkout() {
    let build = "mkdir -p ../dist; cp page.html ../dist/index.html";
    let world = world(build, "../dist");
    let mut commits = Vec::new();
    for text in ["one", "two"] {
        world.repo.write("site/page.html", text);
        commits.push(world.repo.commit(text).to_string());
        world.deploy(&[]).exits(0);
    }
    world.repo.write("dist/mine.html", "of the work tree");
    let ran = world.xtask(&["rollback"]).exits(0);
    let told = format!("so commit {} is built again", &commits[0][..7]);
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    assert_eq!(world.keys(), ["index.html"]);
    assert_eq!(world.objects()["index.html"].body, b"one");
    assert_eq!(world.repo.files("dist")["index.html"], b"two");
    assert!(world.repo.join("dist/mine.html").exists());
}
