//! Repositories as their own generators make them: `init` adds the tool by one command, Cargo
//! compiles it there, and it deploys twice.
//!
//! `XTASK_TEST_GENERATORS` names a folder with the generators, as in `generators`. The tool is compiled once for all of
//! them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::harness::Repo;

/// A repository before it has the tool.
struct Case {
    /// What makes its files, as a shell script in its folder.
    made_by: &'static str,
    /// The branch that is checked out.
    branch: &'static str,
    /// What `init` is to have found, in its output.
    found: &'static [&'static str],
    /// The folders of the sites, for `--site`; one empty name if there is only one.
    sites: &'static [&'static str],
    /// What is done by hand after `init`, as a shell script.
    by_hand: &'static str,
}

const USUAL: Case = Case { made_by: "", branch: "main", found: &[], sites: &[""], by_hand: "" };

/// Cargo locks its target folder; the tests would wait for it one by one anyway.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn clone() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn generators() -> PathBuf {
    PathBuf::from(
        std::env::var_os("XTASK_TEST_GENERATORS").expect("XTASK_TEST_GENERATORS names a folder"),
    )
}

/// With the generators, and with what Cargo needs of this machine.
fn command(repo: &Repo, program: &str, arguments: &[&str]) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(repo.path()).stdin(Stdio::null());
    command.env("PATH", format!("{}:{path}", generators().join("bin").display()));
    command.env("NODE_MODULES", generators().join("node_modules"));
    command.env("HANDBOOK", clone().join("site/pages"));
    command.env("CARGO_TARGET_DIR", clone().join("target/adopted"));
    command
}

#[track_caller]
fn run(mut command: Command) -> String {
    let ran = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{command:?}\n{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    said
}

#[track_caller]
fn adopts(case: &Case) {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let repo = Repo::new(case.branch);
    run(command(&repo, "sh", &["-ec", case.made_by]));
    if !repo.join("circle.yml").exists() {
        std::fs::create_dir_all(repo.join(".github")).unwrap();
    }
    repo.commit("a site");

    let said = run(command(
        &repo,
        env!("CARGO_BIN_EXE_xtask-tested"),
        &["init", "--git", &format!("file://{}", clone().display())],
    ));
    case.found.iter().for_each(|line| assert!(said.contains(line), "`{line}` is missing\n{said}"));
    assert_is_small(&repo);
    run(command(&repo, "sh", &["-ec", case.by_hand]));
    repo.commit("add the tool");

    for site in case.sites {
        let deploy = |expected: &str| {
            let arguments: &[&str] = if site.is_empty() { &[] } else { &["--site", site] };
            let said = run(command(
                &repo,
                "cargo",
                &[&["xtask", "deploy", "--local"], arguments].concat(),
            ));
            assert!(said.contains(expected), "{site}: {said}");
        };
        deploy("done in ");
        deploy("nothing to do: ");
    }
    assert_is_clean(&repo);
    let again = run(command(&repo, "cargo", &["xtask", "init"]));
    assert!(again.contains("nothing to do"), "{again}");
    run(command(&repo, "cargo", &["xtask", "init", "--check"]));
    assert_is_clean(&repo);
}

/// At most 8 files and 150 lines, without the lock file.
#[track_caller]
fn assert_is_small(repo: &Repo) {
    let said = run(command(repo, "sh", &["-ec", "git add --all && git diff --cached --numstat"]));
    let added = said.lines().filter(|line| !line.ends_with("Cargo.lock"));
    let lines: Vec<usize> =
        added.map(|line| line.split('\t').next().unwrap().parse().unwrap()).collect();
    assert!(lines.len() <= 8 && lines.iter().sum::<usize>() <= 150, "{said}");
}

#[track_caller]
fn assert_is_clean(repo: &Repo) {
    let said = run(command(repo, "git", &["status", "--porcelain"]));
    assert_eq!(said, "");
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn plain_html() {
    adopts(&Case {
        made_by: "mkdir public && echo '<!doctype html><p>by hand' > public/index.html",
        found: &["finished pages at the top"],
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn plain_html_at_the_top() {
    adopts(&Case {
        made_by: "mkdir css && echo '<!doctype html><p>top' > index.html && echo 'p {}' > css/a.css && echo me > README.md",
        found: &["finished pages at the top", "  + css/a.css", "would change: 2 new"],
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn hugo() {
    adopts(&Case {
        made_by: "hugo new site . --force && mkdir -p layouts && echo '<!doctype html>{{ .Title }}' > layouts/index.html",
        found: &["Hugo at the top"],
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn mkdocs() {
    adopts(&Case {
        made_by: "mkdocs new .",
        found: &["MkDocs at the top", "output `site`"],
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn mdbook() {
    adopts(&Case {
        made_by: "mdbook init --title Book --ignore none",
        found: &["mdBook at the top"],
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn jekyll() {
    adopts(&Case {
        made_by: "jekyll new . --force --blank && printf '/_site\\n' > .gitignore",
        found: &["Jekyll at the top"],
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn eleventy() {
    adopts(&Case {
        made_by: r#"
            npm init --yes > /dev/null
            npm pkg set 'devDependencies.@11ty/eleventy=3' scripts.build=eleventy
            printf 'node_modules\n_site\n' > .gitignore
            ln -s "$NODE_MODULES" node_modules
            echo '<!doctype html><p>eleven' > index.html
        "#,
        found: &["Eleventy at the top"],
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn astro() {
    adopts(&Case {
        made_by: r#"
            npm init --yes > /dev/null
            npm pkg set dependencies.astro=5 'scripts.build=astro build' type=module
            printf 'node_modules/\nnode_modules\n' > .gitignore
            ln -s "$NODE_MODULES" node_modules
            mkdir -p src/pages
            echo '<!doctype html><p>astro' > src/pages/index.astro
        "#,
        found: &["Astro at the top"],
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn a_workspace_with_an_xtask_of_its_own() {
    adopts(&Case {
        made_by: r#"
            cargo init --quiet --lib --name product --vcs none .
            cargo new --quiet --vcs none xtask
            printf '[workspace]\nmembers = ["xtask"]\n\n' | cat - Cargo.toml > with && mv with Cargo.toml
            mkdir .cargo public
            printf '[alias]\nxtask = "run --quiet --package xtask --"\n' > .cargo/config.toml
            printf '/target\n' > .gitignore
            cat > xtask/src/main.rs <<'RUST'
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("codegen") => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
RUST
            echo '<!doctype html><p>product' > public/index.html
        "#,
        found: &["=> return xtask_site::main(),"],
        by_hand: r#"
            arm='Some("deploy" | "preview" | "status" | "rollback" | "init") => return xtask_site::main(),'
            sed -i "s/^        Some(\"codegen\")/        $arm\n&/" xtask/src/main.rs
        "#,
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn a_monorepo_with_two_sites() {
    adopts(&Case {
        made_by: r#"
            mkdir -p apps/docs apps/blog
            (cd apps/docs && mdbook init --title Book --ignore none > /dev/null)
            (cd apps/blog && hugo new site . --force > /dev/null)
            echo '<!doctype html>{{ .Title }}' > apps/blog/layouts/index.html
        "#,
        found: &["Hugo in `apps/blog`", "mdBook in `apps/docs`"],
        sites: &["apps/blog", "apps/docs"],
        ..USUAL
    });
}

#[test]
#[ignore = "compiles the tool once more, and needs generators: set XTASK_TEST_GENERATORS and run with --ignored"]
fn the_circle_yml_of_the_handbook() {
    adopts(&Case {
        made_by: r#"
            hugo new site . --force > /dev/null
            mkdir -p layouts && echo '<!doctype html>{{ .Title }}' > layouts/index.html
            sed -n '/^```yaml/,/^```$/p' "$HANDBOOK/from-aws-s3-sync.md" | sed '1d' | sed '/^```$/,$d' > circle.yml
        "#,
        branch: "master",
        found: &[
            "production: master -> s3://example.com/",
            "staging: staging -> s3://stg.example.com/",
            "development: development -> s3://dev.example.com/",
        ],
        ..USUAL
    });
}
