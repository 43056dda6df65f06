//! Another repository that takes the tool as a library: four files, five lines of Rust.

use std::path::Path;
use std::process::Command;

use crate::harness::Repo;

const WORKSPACE: &str = "[workspace]\nresolver = \"3\"\nmembers = [\"xtask\"]\n";
const ALIAS: &str = "[alias]\nxtask = \"run --quiet --package xtask --\"\n";
const MAIN: &str = "//! `cargo xtask`: see the library `xtask-site`.\n\nfn main() -> std::process::ExitCode {\n    xtask_site::main()\n}\n";
const CREDENTIALS: &str =
    r#"credentials = { access-key-id = "SITE_KEY", secret-access-key = "SITE_SECRET" }"#;

/// The manifest of an xtask that depends on the commit that is tested.
fn manifest(clone: &Path) -> String {
    let repository = git2::Repository::open(clone).unwrap();
    let commit = repository.head().unwrap().peel_to_commit().unwrap().id();
    let address = clone.display();
    format!(
        "[package]\nname = \"xtask\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\nxtask-site = {{ git = \"file://{address}\", rev = \"{commit}\" }}\n"
    )
}

#[test]
#[ignore = "compiles the tool once more: run with --ignored"]
fn an_xtask_of_five_lines_in_another_repository_deploys() {
    let clone = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let repo = Repo::new("main");
    repo.write("Cargo.toml", WORKSPACE);
    // What was resolved for this repository holds there too; cargo leaves out what is not needed.
    std::fs::copy(clone.join("Cargo.lock"), repo.join("Cargo.lock")).unwrap();
    repo.write(".cargo/config.toml", ALIAS);
    repo.write("xtask/Cargo.toml", manifest(clone));
    repo.write("xtask/src/main.rs", MAIN);
    repo.write(".gitignore", "/target\n/site/public\n");
    repo.write("site/deploy.toml", testing::deploy_toml("production", CREDENTIALS));
    repo.write("site/public/index.html", "page");
    repo.write("site/public/a.css", "style");
    repo.commit("site");

    let deploy = || {
        let mut command = Command::new(env!("CARGO"));
        command.args(["xtask", "deploy", "--local"]).current_dir(repo.path());
        command.env("CARGO_TARGET_DIR", clone.join("target/adopted"));
        let ran = command.output().expect("cargo runs");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{said}");
        String::from_utf8(ran.stdout).unwrap()
    };
    let first = deploy();
    assert!(first.contains(": 2 new; 9 B sent"), "{first}");
    let again = deploy();
    assert!(again.starts_with("production: main@"), "{again}");
    assert!(again.contains("nothing to do: 2 objects unchanged"), "{again}");
}
