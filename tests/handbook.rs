//! The handbook matches the tool: its own configuration works, and it explains every option and every refusal.

use std::path::Path;

use clap::CommandFactory;
use serde_json::json;
use xtask_site::cli::Cli;
use xtask_site_engine::base::REFUSAL_CODES;

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
    for code in REFUSAL_CODES {
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
fn the_paths_that_contributors_are_sent_to_exist() {
    let page = read("site/pages/contributing.md");
    let words = page.split(['`', '(', ')', ' ', '\n']);
    let is_path =
        |word: &&str| ["xtask/", "tests/", "site/"].iter().any(|top| word.starts_with(top));
    let paths: Vec<&str> = words.filter(is_path).filter(|word| !word.contains('─')).collect();
    assert!(paths.len() > 15, "{paths:?}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let lost: Vec<_> = paths.into_iter().filter(|path| !root.join(path).exists()).collect();
    assert_eq!(lost, [""; 0]);
}

#[test]
fn the_readme_names_the_two_commands() {
    let readme = read("README.md");
    let commands: Vec<&str> =
        readme.lines().filter_map(|line| line.strip_prefix("    cargo ")).collect();
    assert_eq!(commands[..2], ["xtask deploy --local", "test"]);
}

/// What follows `<!-- the file PATH -->` on a page is that file, so that readers see it even if the page is not
/// rendered. `UPDATE_EXPECT=1` copies the files into the pages.
#[test]
fn the_files_that_the_handbook_shows_are_those_of_the_repository() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut shown = 0;
    for page in std::fs::read_dir(root.join("site/pages")).expect("the pages") {
        let page = page.expect("a page").path();
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let text = std::fs::read_to_string(&page).expect("a page");
        assert!(!text.contains("{{#include"), "{}: not readable as Markdown", page.display());
        let expected = with_files(&text, &mut shown);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&page, &expected).expect("the page is written");
        } else {
            assert_eq!(text, expected, "{}: UPDATE_EXPECT=1 copies the files", page.display());
        }
    }
    assert!(shown >= 9, "{shown} files are shown");
}

/// A page with the current content of the files that it shows.
fn with_files(page: &str, shown: &mut usize) -> String {
    let mut sections = page.split("<!-- the file ");
    let mut whole = sections.next().expect("a beginning").to_owned();
    for section in sections {
        let (path, rest) = section.split_once(" -->\n```").expect("a path and a block");
        let (language, rest) = rest.split_once('\n').expect("a language");
        let (_, rest) = rest.split_once("\n```").expect("the end of the block");
        let file = read(path);
        let file = file.trim_end();
        whole += &format!("<!-- the file {path} -->\n```{language}\n{file}\n```{rest}");
        *shown += 1;
    }
    whole
}
