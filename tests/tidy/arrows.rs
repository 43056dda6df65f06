//! Which crate and which stage uses which. The arrows go one way: `xtask`, the command line, the preview, the engine;
//! inside the engine the repository and the site, then the bucket, then the plan. rustc keeps the crates from using
//! each other in a circle, but not the stages.

use std::collections::BTreeSet;

use super::complain;
use super::manifest::{self, Dependency};
use super::paths::Paths;
use super::source::{Source, module_in_crate};

/// The crates of the tool, each with the crates that it may use.
const CRATES: &[(&str, &[&str])] = &[
    ("xtask", &["xtask-site"]),
    ("xtask/crates/xtask-site", &["engine", "init", "local", "preview"]),
    ("xtask/crates/preview", &["engine", "local"]),
    ("xtask/crates/init", &[]),
    ("xtask/crates/engine", &[]),
    ("xtask/crates/local", &[]),
    ("xtask/crates/testing", &[]),
];

/// Crates that only the unit tests of a crate use.
const CRATES_OF_TESTS: &[(&str, &[&str])] =
    &[("xtask/crates/engine", &["local", "testing"]), ("xtask/crates/xtask-site", &["testing"])];

/// The stages of the engine in reading order, each with the stages that it may use.
const STAGES: &[(&str, &[&str])] = &[
    ("repository", &["base"]),
    ("site", &["repository", "base"]),
    ("bucket", &["repository", "site", "base"]),
    ("plan", &["repository", "site", "bucket", "base"]),
    ("base", &[]),
];

#[test]
fn the_crates_use_each_other_as_drawn() {
    complain(manifest::crate_folders().iter().flat_map(|folder| {
        let is_drawn = CRATES.iter().any(|(drawn, _)| drawn == folder);
        let unknown = (!is_drawn).then(|| format!("{folder}: this crate is not drawn"));
        unknown.into_iter().chain(undrawn_crates(folder, &manifest::of(folder)))
    }));
}

#[test]
fn the_stages_of_the_engine_use_each_other_as_drawn() {
    let sources = Source::all_below("xtask/crates/engine/src");
    let root = sources.iter().find(|source| source.path.ends_with("src/lib.rs"));
    let modules = root.expect("the engine has a root").product.lines();
    let modules = modules.filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    assert_eq!(modules.collect::<Vec<_>>(), stages(), "the stages in the root of the engine");
    complain(sources.iter().flat_map(|source| undrawn_stages(source)));
}

pub fn stages() -> Vec<&'static str> {
    STAGES.iter().map(|(stage, _)| *stage).collect()
}

fn allowed<'a>(table: &[(&str, &'a [&'a str])], name: &str) -> &'a [&'a str] {
    table.iter().find(|(row, _)| *row == name).map_or(&[], |(_, allowed)| allowed)
}

fn undrawn_crates(folder: &str, manifest: &[Dependency]) -> Vec<String> {
    let is_drawn = |dependency: &Dependency| {
        let name = dependency.name.as_str();
        allowed(CRATES, folder).contains(&name)
            || (dependency.is_for_tests && allowed(CRATES_OF_TESTS, folder).contains(&name))
    };
    let undrawn = manifest.iter().filter(|dependency| dependency.is_ours && !is_drawn(dependency));
    let names = undrawn.map(|dependency| &dependency.name);
    names.map(|name| format!("{folder}: it uses `{name}`, and that is not drawn")).collect()
}

fn undrawn_stages(source: &Source) -> Vec<String> {
    let module = module_in_crate(&source.path);
    let Some(stage) = module.split('/').next().filter(|stage| *stage != "lib") else {
        return Vec::new();
    };
    let to_root = "super::".repeat(module.split('/').count());
    let from_root = |path: &String| {
        let rest = path.strip_prefix("crate::").or_else(|| path.strip_prefix(to_root.as_str()))?;
        Some(rest.split([':', ' ']).next().unwrap_or(rest).to_owned())
    };
    let used: BTreeSet<String> = Paths::of(&source.product).all().filter_map(from_root).collect();
    let is_drawn = |used: &String| used == stage || allowed(STAGES, stage).contains(&used.as_str());
    let undrawn = used.iter().filter(|used| !is_drawn(used));
    let path = &source.path;
    undrawn.map(|used| format!("{path}: `{stage}` uses `{used}`, and that is not drawn")).collect()
}

#[test]
fn crates_that_use_what_is_not_drawn_are_found() {
    let text =
        "[dependencies]\nlocal = { path = \"../local\" }\nbytes = \"1\"\n\n[dev-dependencies]\n";
    let text = format!("{text}testing = {{ path = \"../testing\" }}\n");
    let found = |folder: &str| undrawn_crates(folder, &manifest::dependencies(&text)).len();
    assert_eq!(found("xtask/crates/xtask-site"), 0);
    assert_eq!(found("xtask/crates/engine"), 1, "local, which only its tests use");
    assert_eq!(found("xtask/crates/local"), 2);
}

#[test]
fn stages_that_use_what_is_not_drawn_are_found() {
    for (path, text, complaints) in [
        ("plan/apply.rs", "use crate::{base::key, bucket};\n", 0),
        ("site/walk.rs", "use crate::{base::key, bucket};\n", 1),
        ("site/walk.rs", "// crate::bucket\nfn f() { g(\"crate::bucket\") }\n", 0),
        ("site/walk.rs", "fn f() { crate::bucket::list::g() }\n", 1),
        ("site/walk.rs", "use super::super::plan::Plan;\n", 1),
        ("site/walk.rs", "use super::seen::Seen;\n", 0),
        ("site.rs", "use super::plan::Plan;\n", 1),
        ("base/key.rs", "use crate::site;\nuse crate::plan;\n", 2),
        ("base/key.rs", "use crate::base::etag;\n#[cfg(test)]\nuse crate::site;\n", 0),
        ("lib.rs", "pub use crate::site::Site;\n", 0),
    ] {
        let source = Source::new(&format!("xtask/crates/engine/src/{path}"), text);
        assert_eq!(undrawn_stages(&source).len(), complaints, "{path}: {text}");
    }
}
