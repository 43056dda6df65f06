//! The handbook's `deploy.toml` for each generator, tested with the generator itself: a small site is built, deployed
//! to the bucket below `target/`, and deployed again.
//!
//! `XTASK_TEST_GENERATORS` names a folder whose `bin/` holds `hugo`, `zola`, `mdbook` and `mkdocs`, and whose
//! `node_modules/` holds Eleventy and Astro. `bundle` and Jekyll are looked up on the PATH.

use std::path::PathBuf;

use git2::StatusOptions;
use serde_json::json;
use xtask_site_local::store::Store;

use crate::harness::{Repo, block_on};

/// A generator's site as a new user would begin it, and what must be live.
struct Case {
    /// The heading in the handbook.
    heading: &'static str,
    /// Below the site's folder.
    files: &'static [(&'static str, &'static str)],
    /// What git ignores.
    ignored: &'static [&'static str],
    page: &'static str,
    /// What the page must contain.
    holds: &'static str,
}

const URL: &str = "https://example.com/";

#[test]
fn plain_html() {
    deploys_twice(&Case {
        heading: "Plain HTML",
        files: &[("public/index.html", "<!doctype html><p>made by hand")],
        ignored: &[],
        page: "index.html",
        holds: "made by hand",
    });
}

#[test]
#[ignore = "needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn hugo() {
    deploys_twice(&Case {
        heading: "Hugo",
        files: &[
            ("hugo.toml", "baseURL = 'https://example.org/'\ntitle = 'T'\n"),
            ("layouts/index.html", "<!doctype html><link href={{ absURL \"a.css\" }}>"),
            ("layouts/_default/single.html", "<!doctype html>{{ .Content }}"),
            ("content/post.md", "# A post"),
            ("static/a.css", "p { color: black }"),
        ],
        ignored: &["/site/public", "/site/resources/_gen", ".hugo_build.lock"],
        page: "index.html",
        holds: URL,
    });
}

#[test]
#[ignore = "needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn zola() {
    deploys_twice(&Case {
        heading: "Zola",
        files: &[
            ("config.toml", "base_url = 'https://example.org'\n"),
            ("templates/index.html", "<!doctype html><a href='{{ config.base_url | safe }}'>"),
            ("content/_index.md", "+++\n+++\n# A page"),
        ],
        ignored: &["/site/public"],
        page: "index.html",
        holds: "https://example.com",
    });
}

#[test]
#[ignore = "needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn mdbook() {
    deploys_twice(&Case {
        heading: "mdBook",
        files: &[
            ("book.toml", "[book]\ntitle = 'T'\n"),
            ("src/SUMMARY.md", "# Summary\n\n- [A chapter](a.md)\n"),
            ("src/a.md", "# A chapter\n"),
        ],
        ignored: &["/site/book"],
        page: "a.html",
        holds: "A chapter",
    });
}

#[test]
#[ignore = "needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn mkdocs() {
    deploys_twice(&Case {
        heading: "MkDocs",
        files: &[
            ("mkdocs.yml", "site_name: T\nsite_url: !ENV [DEPLOY_URL, \"https://example.org/\"]\n"),
            ("docs/index.md", "# A page"),
        ],
        ignored: &["/site/site"],
        page: "index.html",
        holds: "<link rel=\"canonical\" href=\"https://example.com/\"",
    });
}

#[test]
#[ignore = "needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn eleventy() {
    deploys_twice(&Case {
        heading: "Eleventy",
        files: &[
            (
                "_data/deploy.cjs",
                "module.exports = { url: process.env.DEPLOY_URL || \"http://localhost:8080/\" };",
            ),
            ("index.md", "# A page of {{ deploy.url }}"),
        ],
        ignored: &["/site/_site", "node_modules"],
        page: "index.html",
        holds: URL,
    });
}

#[test]
#[ignore = "needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn astro() {
    deploys_twice(&Case {
        heading: "Astro",
        files: &[
            ("package.json", "{ \"type\": \"module\" }"),
            (
                "astro.config.mjs",
                "import { defineConfig } from \"astro/config\";\n\
                 export default defineConfig({ site: process.env.DEPLOY_URL });\n",
            ),
            ("src/pages/index.astro", "<html><body>{Astro.site}</body></html>"),
        ],
        ignored: &["/site/dist", "/site/.astro", "node_modules"],
        page: "index.html",
        holds: URL,
    });
}

#[test]
#[ignore = "needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn jekyll() {
    deploys_twice(&Case {
        heading: "Jekyll",
        files: &[
            ("_config.yml", "title: T\nexclude: [deploy.toml, Gemfile, Gemfile.lock]\n"),
            ("Gemfile", "gem \"jekyll\"\n"),
            ("index.html", "---\n---\n<!doctype html><a href='{{ site.url }}/'>home</a>"),
        ],
        ignored: &["/site/_site", ".jekyll-cache", "Gemfile.lock"],
        page: "index.html",
        holds: "<a href='https://example.com/'>",
    });
}

/// Deploys the case's site with the handbook's configuration twice: only the first deploy has something to do.
fn deploys_twice(case: &Case) {
    let repo = Repo::new("main");
    let ignored = case.ignored.join("\n");
    repo.write(".gitignore", format!("/target\n{ignored}\n"));
    repo.write("site/deploy.toml", configuration(case.heading));
    for (path, content) in case.files {
        repo.write(&format!("site/{path}"), content);
    }
    let mut variables = Vec::new();
    if let Some(generators) = std::env::var_os("XTASK_TEST_GENERATORS").map(PathBuf::from) {
        let modules = generators.join("node_modules");
        if case.ignored.contains(&"node_modules") {
            std::os::unix::fs::symlink(modules, repo.join("site/node_modules")).expect("a link");
        }
        let path = std::env::var("PATH").expect("a PATH");
        variables.push(("PATH", format!("{}:{path}", generators.join("bin").display())));
    }
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    repo.commit("a site");

    repo.xtask(&["deploy", "--local"], &variables).exits(0);
    let page = published(&repo, case.page);
    assert!(page.contains(case.holds), "{page}");
    let again = repo.xtask(&["deploy", "--local", "--json"], &variables).exits(0).json();
    assert_eq!((&again["uploads"], &again["deletes"]), (&json!([]), &json!([])));
    let git = repo.git();
    let changes =
        git.statuses(Some(StatusOptions::new().include_untracked(true))).expect("a status");
    let changes: Vec<_> =
        changes.iter().map(|file| file.path().expect("UTF-8").to_owned()).collect();
    assert_eq!(changes, [""; 0], "the build changes nothing that git sees");
}

/// The first block of TOML below a heading of the handbook.
fn configuration(heading: &str) -> String {
    let page = include_str!("../site/pages/generators.md");
    let section = page.split(&format!("\n## {heading}\n")).nth(1).expect("the heading");
    let block = section.split("```toml\n").nth(1).expect("a configuration");
    block.split("```").next().expect("its end").to_owned()
}

/// An object of the bucket below `target/`.
fn published(repo: &Repo, key: &str) -> String {
    let store = Store::open(&repo.join("target/xtask/bucket")).expect("the embedded bucket");
    block_on(async {
        let (object, body) = store.get("example.com", key, None).await.expect("the object");
        let (mut body, mut text) = (body.read(0..object.size), Vec::new());
        while let Some(piece) = body.next().await.expect("its body") {
            text.extend_from_slice(&piece);
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}
