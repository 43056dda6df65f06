//! `init`: the tool comes into a repository by one command, and nothing that was there is lost.

use std::collections::BTreeMap;

use crate::harness::{Ran, Repo};

/// Cargo is not what these tests are about: `adopted` lets it compile the result.
const NO_CARGO: (&str, &str) = ("CARGO", "true");

fn init(repo: &Repo, arguments: &[&str]) -> Ran {
    repo.xtask(&[&["init"], arguments].concat(), &[NO_CARGO])
}

/// A repository with finished pages.
fn pages() -> Repo {
    let repo = Repo::new("main");
    repo.write("public/index.html", "page");
    repo.write("public/a.css", "style");
    repo.commit("pages");
    repo
}

fn text(repo: &Repo, path: &str) -> String {
    std::fs::read_to_string(repo.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files, without git's own and without the lock file.
fn files(repo: &Repo) -> BTreeMap<String, Vec<u8>> {
    let mut files = repo.files(".");
    files.retain(|name, _| {
        !name.starts_with(".git/") && !name.starts_with("target/") && name != "Cargo.lock"
    });
    files
}

#[test]
fn a_repository_gets_the_tool_by_one_command() {
    let repo = pages();
    let before = files(&repo);
    let ran = init(&repo, &[]).exits(0);
    assert!(ran.stdout.contains("  + deploy.toml  ("), "{}", ran.stdout);
    assert!(ran.stdout.contains("left to do:"), "{}", ran.stdout);
    let after = files(&repo);
    let added: Vec<&String> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    assert!(added.len() <= 8, "{added:?}");
    let lines: usize = added.iter().map(|name| text(&repo, name).lines().count()).sum();
    assert!(lines <= 150, "{lines} lines in {added:?}");
    for (name, content) in &before {
        assert_eq!(after.get(name), Some(content), "{name}");
    }

    repo.commit("add the tool");
    let first = repo.xtask(&["deploy", "--local"], &[]).exits(0);
    assert!(first.stdout.contains(": 2 new"), "{}", first.stdout);
    let again = repo.xtask(&["deploy", "--local"], &[]).exits(0);
    assert!(again.stdout.contains("nothing to do: 2 objects unchanged"), "{}", again.stdout);
    let statuses = repo.git();
    let statuses = statuses.statuses(None).unwrap();
    assert!(statuses.iter().all(|entry| entry.status().is_ignored()), "the work tree is clean");
}

#[test]
fn a_second_run_changes_nothing() {
    let repo = pages();
    init(&repo, &[]).exits(0);
    let before = files(&repo);
    let again = init(&repo, &[]).exits(0);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    init(&repo, &["--check"]).exits(0);
    assert_eq!(files(&repo), before);
}

#[test]
fn a_dry_run_shows_the_lines_and_writes_nothing() {
    let repo = pages();
    repo.write(".gitignore", "/mine\n");
    let before = files(&repo);
    let ran = init(&repo, &["--dry-run"]).exits(0);
    assert!(ran.stdout.contains("+++ b/deploy.toml"), "{}", ran.stdout);
    assert!(ran.stdout.contains("+[environments.production]"), "{}", ran.stdout);
    assert!(ran.stdout.contains("--- a/.gitignore"), "{}", ran.stdout);
    assert_eq!(files(&repo), before);
}

#[test]
fn values_that_nobody_knows_stop_a_deploy_to_an_account_and_nothing_else() {
    let repo = pages();
    init(&repo, &["--bucket", "example.com", "--region", "eu-central-1"]).exits(0);
    let ran = repo.xtask(&["deploy"], &[]).exits(2);
    assert!(ran.stderr.contains("deploy.toml:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`account` is not filled in"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("`bucket` is not filled in"), "{}", ran.stderr);
    repo.xtask(&["deploy", "--local"], &[]).exits(0);
    repo.xtask(&["status"], &[]).exits(2);
    repo.xtask(&["status", "--local"], &[]).exits(0);
}

#[test]
fn what_is_typed_is_what_is_written() {
    let repo = pages();
    let typed = [
        ["--env", "live"],
        ["--branch", "main"],
        ["--branch", "release/*"],
        ["--account", "111111111111"],
        ["--region", "eu-central-1"],
        ["--bucket", "example.com"],
        ["--url", "https://example.com/"],
    ];
    init(&repo, &typed.concat()).exits(0);
    let written = text(&repo, "deploy.toml");
    for line in [
        "[environments.live]",
        "branches = [\"main\", \"release/*\"]",
        "account = \"111111111111\"",
        "region = \"eu-central-1\"",
        "bucket = \"example.com\"",
        "url = \"https://example.com/\"",
    ] {
        assert!(written.lines().any(|found| found == line), "{line}\n{written}");
    }
}

#[test]
fn files_of_the_repository_are_extended_and_never_replaced() {
    let repo = pages();
    let mine = [
        ("Cargo.toml", "[workspace] # mine\nmembers = [\n    \"product\", # first\n]\n"),
        ("product/Cargo.toml", "[package]\nname = \"product\"\nedition = \"2024\"\n"),
        ("product/src/lib.rs", ""),
        (".cargo/config.toml", "[alias]\nb = \"build\" # mine\n\n[profile.dev]\nopt-level = 1\n"),
        (".gitignore", "# mine\n/target/\n"),
        (".github/workflows/deploy.yml", "name: mine\n"),
    ];
    mine.iter().for_each(|(path, content)| repo.write(path, content));
    repo.commit("mine");
    init(&repo, &[]).exits(0);
    for (path, content) in mine {
        let after = text(&repo, path);
        for line in content.lines() {
            assert!(after.lines().any(|found| found == line), "{path}: `{line}` is lost\n{after}");
        }
    }
    assert_eq!(text(&repo, ".github/workflows/deploy.yml"), "name: mine\n");
    assert!(text(&repo, ".github/workflows/deploy.yml.new").contains("cargo xtask init"));
    assert!(text(&repo, "Cargo.toml").contains("    \"product\", # first\n    \"xtask\",\n]"));
    assert_eq!(text(&repo, ".gitignore"), "# mine\n/target/\n", "it is ignored already");
    let again = init(&repo, &[]).exits(0);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
}

#[test]
fn an_xtask_of_the_repository_gets_the_dependency_and_a_line_to_write() {
    let repo = pages();
    repo.write("Cargo.toml", "[workspace]\nmembers = [\"xtask\"]\n");
    let manifest = "[package]\nname = \"xtask\"\nedition = \"2024\"\n\n[dependencies]\nxshell = \"0.2\" # mine\n";
    repo.write("xtask/Cargo.toml", manifest);
    repo.write("xtask/src/main.rs", "fn main() {}\n");
    repo.write(".cargo/config.toml", "[alias]\nxtask = \"run --package xtask --\"\n");
    repo.commit("an xtask");
    let ran = init(&repo, &[]).exits(0);
    assert!(ran.stdout.contains("=> return xtask_site::main(),"), "{}", ran.stdout);
    assert_eq!(text(&repo, "xtask/src/main.rs"), "fn main() {}\n");
    let after = text(&repo, "xtask/Cargo.toml");
    assert!(after.contains("\nxtask-site = { git = "), "{after}");
    assert!(after.contains("xshell = \"0.2\" # mine"), "{after}");
    assert!(
        text(&repo, ".cargo/config.toml")
            .starts_with("[alias]\nxtask = \"run --package xtask --\"\n")
    );
    let again = init(&repo, &[]).exits(0);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
}

#[test]
fn the_parts_of_an_earlier_version_are_brought_up_to_date() {
    let repo = pages();
    init(&repo, &[]).exits(0);
    let written = text(&repo, ".cargo/config.toml");
    let earlier = written.replace("inherits = \"dev\"\n", "inherits = \"dev\"\nlto = \"off\"\n");
    assert_ne!(earlier, written);
    repo.write(".cargo/config.toml", format!("# mine\n{earlier}\n[env]\nMINE = \"1\"\n"));
    repo.commit("an earlier version");
    let check = init(&repo, &["--check"]).exits(1);
    assert!(check.stderr.contains("`.cargo/config.toml`"), "{}", check.stderr);
    assert!(check.stderr.contains("hint: cargo xtask init"), "{}", check.stderr);
    init(&repo, &[]).exits(0);
    assert_eq!(
        text(&repo, ".cargo/config.toml"),
        format!("# mine\n{written}\n[env]\nMINE = \"1\"\n")
    );
    init(&repo, &["--check"]).exits(0);
}

#[test]
fn several_sites_have_a_file_each() {
    let repo = Repo::new("main");
    for app in ["blog", "docs"] {
        repo.write(&format!("apps/{app}/book.toml"), "[book]\n");
    }
    repo.commit("two books");
    let ran = init(&repo, &["--dry-run", "--ci", "github"]).exits(0);
    assert!(ran.stdout.contains("+++ b/apps/blog/deploy.toml"), "{}", ran.stdout);
    assert!(ran.stdout.contains("+++ b/apps/docs/deploy.toml"), "{}", ran.stdout);
    assert!(ran.stdout.contains("+/apps/docs/book"), "{}", ran.stdout);
    assert!(ran.stdout.contains("deploy --site apps/docs\n"), "{}", ran.stdout);

    init(&repo, &[]);
    repo.commit("add the tool");
    let ran = repo.xtask(&["deploy", "--local"], &[]).exits(2);
    assert!(
        ran.stderr.contains("\n  apps/blog/deploy.toml\n  apps/docs/deploy.toml\n"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--site apps/blog"), "{}", ran.stderr);
}

#[test]
fn what_cargo_builds_is_no_change_of_the_work_tree() {
    let repo = pages();
    init(&repo, &[]).exits(0);
    // The dry run of `init` leaves it.
    std::fs::remove_dir_all(repo.join("target")).unwrap();
    repo.write(".gitignore", "/mine-alone\n");
    repo.commit("nothing ignores target");
    repo.write("target/debug/xtask", "built");
    let ran = repo.xtask(&["deploy", "--local"], &[]).exits(0);
    assert!(!ran.stdout.contains("not committed"), "{}", ran.stdout);
    repo.write("mine", "1");
    let ran = repo.xtask(&["deploy", "--local"], &[]).exits(0);
    assert!(ran.stdout.contains("with changes that are not committed"), "{}", ran.stdout);
}

#[test]
fn a_file_that_was_taken_out_stays_out() {
    let repo = pages();
    init(&repo, &["--ci", "none"]).exits(0);
    assert!(!repo.join(".github").exists());
    let again = init(&repo, &[]).exits(0);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    let ran = init(&repo, &["--ci", "gitlab"]).exits(0);
    assert!(ran.stdout.contains("  + .gitlab-ci.yml"), "{}", ran.stdout);
    init(&repo, &["--check"]).exits(0);
}

#[test]
fn what_cannot_be_done_is_one_sentence_and_writes_nothing() {
    let cases: &[(&str, &str, i32, &str)] = &[
        ("Cargo.toml", "[workspace\n", 2, "`Cargo.toml` cannot be parsed"),
        (
            "Cargo.toml",
            "[workspace]\nexclude = [\"xtask\"]\n",
            2,
            "keeps `xtask` out of the workspace",
        ),
        ("Cargo.toml", "[workspace]\nmembers = 1\n", 2, "not an array"),
        (".cargo/config.toml", "alias = {}}\n", 2, "`.cargo/config.toml` cannot be parsed"),
        ("xtask/Cargo.toml", "[\n", 2, "`xtask/Cargo.toml` cannot be parsed"),
        ("Cargo.lock/a", "", 2, "`Cargo.lock`: it is not a regular file"),
        ("xtask", "", 2, "failed to read `xtask/Cargo.toml`"),
    ];
    for (path, content, code, expected) in cases {
        let repo = pages();
        repo.write(path, content);
        repo.commit("trouble");
        let before = files(&repo);
        let ran = init(&repo, &[]).exits(*code);
        assert!(ran.stderr.contains(expected), "{path}: {}", ran.stderr);
        assert!(ran.stderr.contains("\nhint: "), "{path}: {}", ran.stderr);
        assert_eq!(files(&repo), before, "{path}");
    }
}

#[test]
fn a_deploy_toml_with_mistakes_is_told_with_its_lines() {
    let repo = pages();
    repo.write("deploy.toml", "[build]\n");
    let before = files(&repo);
    let ran = init(&repo, &[]).exits(2);
    assert!(ran.stderr.contains("deploy.toml:1:1: `output` is missing"), "{}", ran.stderr);
    assert_eq!(files(&repo), before);
}

#[test]
fn changes_that_are_not_committed_are_not_mixed_with() {
    let repo = pages();
    repo.write(".gitignore", "/mine\n");
    let ran = init(&repo, &[]).exits(3);
    assert!(
        ran.stderr.contains("refused: `.gitignore` has changes that are not committed"),
        "{}",
        ran.stderr
    );
    assert!(!repo.join("deploy.toml").exists());
    repo.commit("mine");
    init(&repo, &[]).exits(0);
}

#[test]
fn values_that_deploy_toml_does_not_take_are_told_before_anything_is_written() {
    for (option, value, expected) in [
        ("--account", "12", "`account` must be the twelve digits"),
        ("--bucket", "s3://x/y", "`bucket` must be a bucket's name"),
        ("--env", "pro d", "an environment's name may have only letters"),
    ] {
        let repo = pages();
        let before = files(&repo);
        let ran = init(&repo, &[option, value]).exits(2);
        assert!(ran.stderr.contains(expected), "{option}: {}", ran.stderr);
        assert_eq!(files(&repo), before, "{option}");
    }
}

#[test]
fn an_interrupted_run_is_completed_by_the_next() {
    let repo = pages();
    init(&repo, &["--ci", "github"]).exits(0);
    let whole = files(&repo);
    // What is written last is missing.
    for missing in ["deploy.toml", ".github/workflows/deploy.yml", "xtask/Cargo.toml"] {
        if missing != "deploy.toml" {
            repo.remove("deploy.toml");
        }
        repo.remove(missing);
        init(&repo, &["--ci", "github"]).exits(0);
        assert_eq!(files(&repo), whole, "{missing}");
    }
}

#[test]
fn what_a_killed_run_left_is_written_over() {
    let repo = pages();
    repo.write("deploy.toml.writing", "half");
    init(&repo, &[]).exits(0);
    assert!(!repo.join("deploy.toml.writing").exists());
    assert!(text(&repo, "deploy.toml").contains("[environments.production]"));
}

#[test]
fn a_login_in_an_address_is_not_written() {
    for (typed, written) in [
        ("https://user:hunter2@example.com/a.git", "https://example.com/a.git"),
        ("ssh://git:hunter2@example.com/a.git", "ssh://git@example.com/a.git"),
    ] {
        let repo = pages();
        let ran = init(&repo, &["--git", typed]).exits(0);
        let manifest = text(&repo, "xtask/Cargo.toml");
        assert!(manifest.contains(&format!("git = \"{written}\"")), "{manifest}");
        assert!(!format!("{manifest}{}{}", ran.stdout, ran.stderr).contains("hunter2"), "{typed}");
    }
}

#[test]
fn values_that_are_still_open_are_listed_by_a_later_run() {
    let repo = pages();
    init(&repo, &[]).exits(0);
    let again = init(&repo, &[]).exits(0);
    assert!(
        again.stdout.contains("1. fill in the empty values of deploy.toml"),
        "{}",
        again.stdout
    );
}

#[test]
fn a_part_without_its_last_line_is_not_written_twice() {
    let repo = pages();
    init(&repo, &[]).exits(0);
    let written = text(&repo, ".cargo/config.toml");
    let open = written.replace("# end cargo xtask init: profiles\n", "");
    repo.write(".cargo/config.toml", &open);
    repo.commit("no end");
    init(&repo, &[]).exits(0);
    assert_eq!(text(&repo, ".cargo/config.toml"), open);
    assert!(repo.join(".cargo/config.toml.new").exists());
}

#[test]
fn an_xtask_of_the_repository_gets_the_commit_of_a_newer_version() {
    let repo = pages();
    repo.write("Cargo.toml", "[workspace]\nmembers = [\"xtask\"]\n");
    let line = "xtask-site = { git = \"https://example.com/a.git\", rev = \"c0ffee\" } # mine";
    let manifest = format!("[package]\nname = \"xtask\"\n\n[dependencies]\n{line}\n");
    repo.write("xtask/Cargo.toml", &manifest);
    repo.write("xtask/src/main.rs", "fn main() { xtask_site::main(); }\n");
    repo.commit("an xtask");
    init(&repo, &[]).exits(0);
    let after = text(&repo, "xtask/Cargo.toml");
    assert!(!after.contains("c0ffee"), "{after}");
    assert!(
        after.contains("git = \"https://example.com/a.git\", rev = \"")
            && after.contains(" # mine"),
        "{after}"
    );
}

#[test]
fn a_folder_without_a_site_or_a_repository_is_told() {
    let repo = Repo::new("main");
    let ran = init(&repo, &[]).exits(2);
    assert!(ran.stderr.contains("there is no site in this repository"), "{}", ran.stderr);
    let folder = tempfile::tempdir().unwrap();
    let ran = init(&repo, &[folder.path().to_str().unwrap()]);
    assert!(ran.stderr.contains("git repository"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
}
