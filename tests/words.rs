//! How the tool speaks: hints that can be pasted, and colour only if it is wanted.

use crate::harness::World;

/// A world whose site is in `my docs/`, with more pages in the bucket than a deploy may delete.
fn shrunk() -> World {
    let world = World::new();
    world.repo.write("my docs/deploy.toml", world.config(""));
    world.repo.write("my docs/public/index.html", "page");
    for number in 0..30 {
        world.store.put(&world.bucket, &format!("old-{number}.html"), b"page", "text/html");
    }
    world
}

#[test]
fn a_hint_repeats_the_options_that_were_typed() {
    let world = shrunk();
    let ran = world.deploy(&["--site", "my docs", "--env", "production"]).exits(3);
    let command = "cargo xtask deploy --env production --site 'my docs' --max-deletes 30";
    assert!(ran.stderr.contains(command), "{}", ran.stderr);
    world.deploy(&["--site", "my docs", "--env", "production", "--max-deletes", "30"]).exits(0);
}

#[test]
fn a_hint_in_json_repeats_them_too() {
    let world = shrunk();
    let refused = world.deploy(&["--site", "my docs", "--json"]).exits(3).json();
    let hint = refused["refused"]["hint"].as_str().expect("a hint");
    assert!(hint.ends_with("cargo xtask deploy --site 'my docs' --max-deletes 30"), "{hint}");
}

#[test]
fn a_hint_of_status_names_the_folder_and_the_local_bucket() {
    let world = World::new();
    world.repo.write("docs/deploy.toml", world.config(""));
    world.repo.write("docs/public/index.html", "page");
    let ran = world.xtask(&["rollback", "--site", "docs", "--local"]).exits(3);
    assert!(ran.stderr.contains("--site docs --local"), "{}", ran.stderr);
}

#[test]
fn each_command_of_a_hint_repeats_them() {
    let world = World::new();
    world.repo.write(".gitignore", "/target\npublic\n");
    world.repo.write("my docs/deploy.toml", world.config(""));
    world.repo.write("my docs/public/index.html", "new");
    let old = world.repo.commit("old").to_string();
    world.repo.commit("new");
    let deploy = |more: &[&str]| {
        let arguments = [&["--site", "my docs", "--local"], more].concat();
        world.deploy_with(&arguments, &[("CI", "true")])
    };
    deploy(&[]).exits(0);
    world.repo.reset(&old);
    world.repo.write("my docs/public/index.html", "old");
    let said = deploy(&[]).exits(3).stderr;
    let json = deploy(&["--json"]).exits(3).json();
    let hint = json["refused"]["hint"].as_str().expect("a hint");
    for text in [said.as_str(), hint] {
        for command in ["rollback", "deploy"] {
            let command = format!("cargo xtask {command} --site 'my docs' --local");
            assert!(text.contains(&command), "{text}");
        }
    }
}

#[test]
fn output_is_coloured_only_if_the_user_asks_for_it() {
    let world = World::new();
    world.site([("index.html", "page")]);
    world.repo.switch_to_new("other");
    let is_coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        let ran = world.deploy_with(arguments, variables).exits(3);
        assert!(ran.stderr.contains("refused:"), "{}", ran.stderr);
        ran.stderr.contains("\u{1b}[")
    };
    for (arguments, variables, expected) in [
        (&[][..], &[][..], false),
        (&["--color", "always"], &[], true),
        (&["--color", "always"], &[("NO_COLOR", "1")], true),
        (&["--color", "never"], &[("CLICOLOR_FORCE", "1")], false),
        (&[], &[("CLICOLOR_FORCE", "1")], true),
        (&[], &[("CARGO_TERM_COLOR", "always")], true),
        (&[], &[("CARGO_TERM_COLOR", "always"), ("NO_COLOR", "1")], false),
        (&["--json", "--color", "auto"], &[], false),
    ] {
        assert_eq!(is_coloured(arguments, variables), expected, "{arguments:?} {variables:?}");
    }
    let ran = world.deploy(&["--json", "--color", "always"]).exits(3);
    assert!(!ran.stdout.contains('\u{1b}'), "JSON has no colour: {}", ran.stdout);
}

#[test]
fn the_marks_of_changes_are_coloured() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let ran = world.deploy(&["--color", "always"]).exits(0);
    assert!(ran.stdout.contains("\u{1b}[32m  + \u{1b}[0mindex.html"), "{}", ran.stdout);
}
