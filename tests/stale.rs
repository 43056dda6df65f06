//! A copy of the tool that CI kept from an earlier job: it runs only where the sources that it was compiled from are
//! checked out.

use std::process::Command;

use expect_test::{Expect, expect};

use crate::harness::Repo;

const CONFIG: &str = r#"
[build]
command = ["touch", "built"]
output = "public"
[environments.production]
branches = ["main"]
account = "111111111111"
region = "eu-central-1"
bucket = "example.com"
credentials = { access-key-id = "SITE_KEY", secret-access-key = "SITE_SECRET" }
"#;

fn repo() -> Repo {
    let repo = Repo::new("main");
    repo.write(".gitignore", "/target\n");
    repo.write(".cargo/config.toml", "[alias]\n");
    repo.write("Cargo.lock", "version = 4\n");
    repo.write("xtask/Cargo.toml", "[package]\n");
    repo.write("xtask/src/main.rs", "fn main() {}\n");
    repo.write("site/deploy.toml", CONFIG);
    repo.write("site/public/index.html", "page");
    repo.commit("site");
    repo
}

/// As the CI files compute it.
fn sources(repo: &Repo) -> String {
    let line = "git ls-tree HEAD .cargo Cargo.lock xtask | git hash-object --stdin";
    let output = Command::new("sh").args(["-c", line]).current_dir(repo.path()).output();
    String::from_utf8(output.expect("git runs").stdout).expect("a hash").trim().to_owned()
}

#[track_caller]
fn deploys(repo: &Repo, sources: &str) {
    repo.xtask_of_ci(sources, &["deploy", "--local"]).exits(0);
    assert!(repo.join("site/built").exists());
    repo.remove("site/built");
}

#[track_caller]
fn refused(repo: &Repo, sources: &str, said: Expect) {
    let ran = repo.xtask_of_ci(sources, &["deploy", "--local"]).exits(3);
    let copy = ran.stderr.split_once("rm ").and_then(|(_, rest)| rest.split_once("; by hand"));
    said.assert_eq(&copy.map_or(ran.stderr.clone(), |(copy, _)| ran.stderr.replace(copy, "COPY")));
    assert!(!repo.join("site/built").exists(), "nothing is built");
    for command in [&["deploy", "--local", "--json"][..], &["status", "--local", "--json"]] {
        let ran = repo.xtask_of_ci(sources, command).exits(3);
        assert_eq!(ran.json()["refused"]["code"], "stale-tool");
    }
}

#[test]
fn a_copy_that_was_compiled_from_what_is_checked_out_deploys() {
    let repo = repo();
    let sources = sources(&repo);
    deploys(&repo, &sources);
    // What it is not compiled from may change, and so may files that git does not track.
    repo.write("site/public/a.css", "style");
    repo.write("xtask/notes.txt", "mine");
    repo.write(".cargo/credentials.toml", "of CI");
    deploys(&repo, &sources);
    repo.remove("xtask/notes.txt");
    repo.remove(".cargo/credentials.toml");
    repo.commit("style");
    deploys(&repo, &sources);
}

#[test]
fn a_copy_of_other_sources_is_refused() {
    let repo = repo();
    for (path, text) in [
        ("Cargo.lock", "version = 4\n\n"),
        ("xtask/src/main.rs", "fn main() { }\n"),
        ("xtask/src/more.rs", ""),
        (".cargo/config.toml", "[alias]\n\n"),
    ] {
        let before = sources(&repo);
        repo.write(path, text);
        repo.commit(path);
        assert_ne!(sources(&repo), before, "{path}");
        refused(
            &repo,
            &before,
            expect![[r#"
                refused: this copy of the tool was not compiled from `.cargo`, `Cargo.lock` and `xtask` as they are in this commit

                hint: delete it, and run the CI job again, which compiles it: rm COPY; by hand: cargo xtask deploy --local
            "#]],
        );
        deploys(&repo, &sources(&repo));
    }
}

#[test]
fn a_copy_of_another_repository_is_refused() {
    let (repo, other) = (repo(), Repo::new("main"));
    other.write("site/deploy.toml", CONFIG);
    other.write("site/public/index.html", "page");
    other.commit("site");
    let ran = other.xtask_of_ci(&sources(&repo), &["deploy", "--local", "--json"]).exits(3);
    assert_eq!(ran.json()["refused"]["code"], "stale-tool");
}

#[test]
fn changes_that_are_not_committed_are_refused() {
    for path in ["Cargo.lock", "xtask/src/main.rs", ".cargo/config.toml"] {
        let repo = repo();
        let before = std::fs::read(repo.join(path)).expect("a source");
        repo.write(path, "changed");
        let ran = repo.xtask_of_ci(&sources(&repo), &["deploy", "--local"]).exits(3);
        assert!(ran.stderr.contains(&format!("refused: `{path}` has changes")), "{}", ran.stderr);
        if path == "Cargo.lock" {
            refused(
                &repo,
                &sources(&repo),
                expect![[r#"
                refused: `Cargo.lock` has changes that are not committed, and this copy of the tool was compiled from the commit

                hint: commit or undo them (git diff HEAD -- .cargo Cargo.lock xtask); by hand: cargo xtask deploy --local
            "#]],
            );
        }
        repo.write(path, before);
        deploys(&repo, &sources(&repo));
        repo.remove(path);
        refused_without_words(&repo);
    }
}

#[track_caller]
fn refused_without_words(repo: &Repo) {
    let ran = repo.xtask_of_ci(&sources(repo), &["deploy", "--local", "--json"]).exits(3);
    assert_eq!(ran.json()["refused"]["code"], "stale-tool");
}

#[test]
fn a_branch_without_a_commit_is_told_as_such() {
    let repo = Repo::unborn("main");
    repo.write("site/deploy.toml", CONFIG);
    let ran = repo.xtask_of_ci("0", &["deploy", "--local", "--json"]).exits(3);
    assert_eq!(ran.json()["refused"]["code"], "unborn-branch");
}

#[test]
fn a_copy_that_names_no_sources_is_not_compared() {
    let repo = repo();
    repo.write("xtask/src/main.rs", "fn main() { }\n");
    deploys(&repo, "");
    repo.xtask(&["deploy", "--local"], &[]).exits(0);
}
