//! `--local`: the main use in the first minute, without account, network or credentials.

use std::sync::Arc;

use serde_json::json;
use xtask_site_local::store::Store;

use crate::harness::{Repo, block_on};

const LINES: &str = r#"
url = "https://example.com/"
credentials = { access-key-id = "SITE_KEY", secret-access-key = "SITE_SECRET" }
"#;

fn repo() -> Repo {
    let repo = Repo::new("main");
    repo.write("site/deploy.toml", testing::deploy_toml("production", LINES));
    repo.write("site/public/index.html", "page");
    repo.write("site/public/a.css", "style");
    repo.commit("site");
    repo
}

/// The content of the embedded bucket below `target/`.
fn keys(repo: &Repo) -> Vec<String> {
    let store = Store::open(&repo.join("target/xtask/bucket")).expect("the embedded bucket");
    let page = block_on(store.list(
        "example.com",
        xtask_site_local::store::Listing { limit: 100, ..Default::default() },
    ));
    page.expect("a listing").objects.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn a_new_user_deploys_without_any_variable_set() {
    let repo = repo();
    let first = repo.xtask(&["deploy", "--local"], &[]).exits(0);
    assert!(first.stdout.starts_with("production: main@"), "{}", first.stdout);
    assert!(
        first.stdout.contains("-> s3://example.com/ (local: target/xtask/bucket)"),
        "{}",
        first.stdout
    );
    assert!(first.stdout.contains(": 2 new; 9 B sent"), "{}", first.stdout);
    assert!(
        !first.stdout.contains("https://example.com/"),
        "nobody can visit it there: {}",
        first.stdout
    );
    let again = repo.xtask(&["deploy", "--local", "--json"], &[]).exits(0).json();
    assert_eq!((&again["uploads"], &again["unchanged"]), (&json!([]), &json!(2)));
    assert_eq!(keys(&repo), [".xtask/begun", ".xtask/record", "a.css", "index.html"]);
}

#[test]
fn its_rules_are_those_of_a_real_deploy() {
    let repo = repo();
    repo.switch_to_new("other");
    let refused = repo.xtask(&["deploy", "--local", "--json"], &[]).exits(3).json();
    assert_eq!(refused["refused"]["code"], json!("unknown-branch"));
}

#[test]
fn two_runs_at_once_do_not_share_the_folder() {
    let repo = repo();
    let folder = repo.join("target/xtask/bucket");
    let held = Arc::new(Store::open(&folder).expect("the embedded bucket"));
    let ran = repo.xtask(&["deploy", "--local"], &[]).exits(1);
    assert!(ran.stderr.contains("is in use by another process"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: let the other run end first"), "{}", ran.stderr);
    drop(held);
    repo.xtask(&["deploy", "--local"], &[]).exits(0);
}
