//! What the handbook says is what the tool does: its own configuration works, and it tells every option and
//! every refusal.

use std::path::Path;

use clap::CommandFactory;
use serde_json::json;
use xtask::cli::Cli;
use xtask::refusal::CODES;

use crate::harness::Repo;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_branch_of_the_sample_site_goes_where_its_configuration_says() {
    let repo = Repo::new("main");
    repo.write("site/deploy.toml", read("site/deploy.toml"));
    repo.write("site/public/index.html", "page");
    for (branch, environment, bucket, prefix) in [
        ("main", "production", "example.com", ""),
        ("master", "production", "example.com", ""),
        ("staging", "staging", "stg.example.com", ""),
        ("development", "development", "dev.example.com", "development/"),
        ("feature/login", "development", "dev.example.com", "feature__login/"),
    ] {
        if branch != "main" {
            repo.switch_to_new(branch);
        }
        let arguments = ["deploy", "--local", "--no-build", "--dry-run", "--json"];
        let report = repo.xtask(&arguments, &[]).exits(0).json();
        let found = [&report["environment"], &report["bucket"], &report["prefix"]];
        assert_eq!(found, [&json!(environment), &json!(bucket), &json!(prefix)], "{branch}");
    }
}

#[test]
fn every_refusal_is_explained() {
    let page = read("site/pages/safety.md");
    for code in CODES {
        assert!(page.contains(&format!("`{code}`")), "`{code}` is not in the handbook");
    }
}

#[test]
fn every_option_is_explained() {
    let page = read("site/pages/command-line.md");
    for command in Cli::command().get_subcommands() {
        assert!(page.contains(&format!("cargo xtask {}", command.get_name())));
        for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
            assert!(page.contains(&format!("`--{option}")), "`--{option}` is not in the handbook");
        }
    }
}

#[test]
fn the_readme_names_the_two_commands() {
    let readme = read("README.md");
    let commands: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("    cargo ")).collect();
    assert_eq!(commands[..2], ["xtask deploy --local", "test"]);
}
