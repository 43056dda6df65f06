//! The crates of others: each must be used, and a crate that a stage rests on is imported in one module. So it can be
//! replaced in one place, and a reader finds in one place what it is used for.

use super::arrows::stages;
use super::complain;
use super::manifest::{self, Dependency};
use super::paths::Paths;
use super::source::{Source, module_in_crate};

/// Crates of a few functions and types that are as ordinary as those of the standard library. A module between them
/// and their users would only rename them.
const ORDINARY: &[&str] =
    &["base64_simd", "bytes", "futures_util", "percent_encoding", "serde", "serde_json", "tokio"];

type Exception = (&'static str, &'static str, &'static [&'static str], &'static str);

/// Crates that more than one module imports: those modules, and why it is more than one.
const SEVERAL_IMPORTERS: &[Exception] = &[
    (
        "engine",
        "aws_sdk_s3",
        &["bucket"],
        "a file for each operation; no other stage sees its types",
    ),
    ("engine", "aws_smithy_runtime_api", &["bucket"], "the errors and requests of aws_sdk_s3"),
    ("engine", "aws_smithy_types", &["bucket"], "the bodies and times of aws_sdk_s3"),
    (
        "engine",
        "libc",
        &["base/limits", "repository/own_files"],
        "a call and constants of the system",
    ),
    ("engine", "md5", &["base/parts", "bucket"], "one call, where bytes are read or sent"),
    (
        "init",
        "toml",
        &["toml_text", "deployed/tree"],
        "edits of text, and one tree for three formats",
    ),
    ("local", "http_body_util", &["lib", "website"], "the bodies of the two that answer"),
    ("local", "hyper", &["lib", "protocol", "website"], "methods, headers and statuses of HTTP"),
    ("local", "s3s", &["lib", "protocol", "website"], "the protocol, and who serves it"),
    (
        "preview",
        "hyper",
        &["answer", "connections", "guard", "pages", "socket", "worker"],
        "methods, headers and statuses of HTTP",
    ),
    (
        "preview",
        "hyper_util",
        &["connections", "socket"],
        "a connection, and what an upgrade makes of it",
    ),
    ("xtask-site", "clap", &["lib", "cli", "output/color"], "the options, usage errors, `--color`"),
];

#[test]
fn each_dependency_is_used() {
    let folders = manifest::crate_folders();
    let of_tests = ["tests", "tests/bench"].map(str::to_owned);
    complain(folders.into_iter().chain(of_tests).flat_map(|folder| {
        // The folders of the other crates are below this one.
        let sources = if folder == "xtask" { "xtask/src" } else { &folder };
        unused(&folder, &manifest::of(&folder), &Source::all_below(sources))
    }));
}

#[test]
fn each_outside_crate_is_imported_in_one_module() {
    complain(
        manifest::crate_folders()
            .iter()
            .filter_map(|folder| folder.strip_prefix("xtask/crates/"))
            .flat_map(|name| {
                let folder = format!("xtask/crates/{name}");
                let sources = Source::all_below(&format!("{folder}/src"));
                let exceptions = SEVERAL_IMPORTERS.iter().filter(|(of, ..)| *of == name);
                scattered(name, &manifest::of(&folder), &sources, &exceptions.collect::<Vec<_>>())
            }),
    );
}

/// A dependency of the product must be named by the product, and a dependency of the tests by the tests. The crates of
/// the integration tests and of the benchmark are tests as a whole.
fn unused(folder: &str, manifest: &[Dependency], sources: &[&Source]) -> Vec<String> {
    let product: Vec<Paths> = sources.iter().map(|source| Paths::of(&source.product)).collect();
    let tests: Vec<Paths> = sources.iter().map(|source| Paths::of(&source.test_code())).collect();
    let is_of_tests = folder.starts_with("tests");
    let is_used = |dependency: &Dependency| {
        let name = dependency.in_code();
        let in_product = is_of_tests || !dependency.is_for_tests;
        let in_tests = is_of_tests || dependency.is_for_tests;
        (in_product && product.iter().any(|paths| paths.names_crate(&name)))
            || (in_tests && tests.iter().any(|paths| paths.names_crate(&name)))
    };
    let unused = manifest.iter().filter(|dependency| !is_used(dependency));
    let complaints = unused.map(|dependency| {
        let kind = if dependency.is_for_tests { "no test" } else { "no product code" };
        format!("{folder}: {kind} names the dependency `{}`", dependency.name)
    });
    complaints.collect()
}

fn scattered(
    name: &str,
    manifest: &[Dependency],
    sources: &[&Source],
    exceptions: &[&Exception],
) -> Vec<String> {
    let modules =
        sources.iter().map(|source| (module_in_crate(&source.path), Paths::of(&source.product)));
    let modules: Vec<(&str, Paths)> = modules.collect();
    let outside =
        manifest.iter().filter(|dependency| !dependency.is_ours && !dependency.is_for_tests);
    let outside =
        outside.map(Dependency::in_code).filter(|name| !ORDINARY.contains(&name.as_str()));
    let complaints = outside.filter_map(|outside| {
        let importers = modules.iter().filter(|(_, paths)| paths.names_crate(&outside));
        let importers: Vec<&str> = importers.map(|(module, _)| *module).collect();
        let exception = exceptions.iter().find(|(_, excepted, ..)| *excepted == outside);
        match (is_one_module(&importers), exception) {
            (true, None) => None,
            (true, Some(_)) => {
                Some(format!("{name}: one module imports `{outside}`: drop its exception"))
            }
            (false, exception) => {
                let allowed = exception.map_or(&[] as &[&str], |(_, _, allowed, _)| allowed);
                let is_allowed = |module: &str| allowed.iter().any(|outer| is_in(module, outer));
                let others: Vec<&str> =
                    importers.into_iter().filter(|module| !is_allowed(module)).collect();
                (!others.is_empty()).then(|| {
                    format!(
                        "{name}: `{outside}` is imported in several modules: {}",
                        others.join(", ")
                    )
                })
            }
        }
    });
    complaints.collect()
}

/// A module is a file together with the files in its folder. A stage counts as more than one module.
fn is_one_module(importers: &[&str]) -> bool {
    let Some(first) = importers.first() else {
        return true;
    };
    let outer = first.match_indices('/').map(|(at, _)| &first[..at]).chain([*first]);
    let holds_all = |outer: &str| importers.iter().all(|module| is_in(module, outer));
    importers.len() == 1 || outer.filter(|outer| !stages().contains(outer)).any(holds_all)
}

fn is_in(module: &str, outer: &str) -> bool {
    let rest = module.strip_prefix(outer);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn made(files: &[(&str, &str)]) -> Vec<Source> {
    files
        .iter()
        .map(|(path, text)| Source::new(&format!("xtask/crates/engine/src/{path}"), text))
        .collect()
}

#[test]
fn unused_dependencies_are_found() {
    let manifest = manifest::dependencies(
        "[dependencies]\n# a comment = 1\nmd-5 = \"1\"\nbytes = \"1\"\n\n[target.\"cfg(unix)\".dependencies]\nlibc = \"1\"\n\n[dev-dependencies]\ntempfile = \"1\"\n",
    );
    let sources = made(&[(
        "a.rs",
        "use md5::Md5; // bytes::Bytes\n#[cfg(test)]\nuse bytes::Bytes;\nuse tempfile::x;\n",
    )]);
    assert_eq!(
        unused("xtask/crates/engine", &manifest, &sources.iter().collect::<Vec<_>>()),
        [
            "xtask/crates/engine: no product code names the dependency `bytes`",
            "xtask/crates/engine: no product code names the dependency `libc`",
            "xtask/crates/engine: no test names the dependency `tempfile`",
        ]
    );
}

#[test]
fn crates_that_several_modules_import_are_found() {
    let manifest = manifest::dependencies("[dependencies]\nredb = \"1\"\n");
    let found = |files: &[(&str, &str)], exceptions: &[&Exception]| {
        let sources = made(files);
        scattered("engine", &manifest, &sources.iter().collect::<Vec<_>>(), exceptions).len()
    };
    let text = "use redb::Table;\n";
    let exception: Exception = ("engine", "redb", &["bucket", "site/walk"], "");
    assert_eq!(found(&[("bucket/a.rs", text)], &[]), 0);
    assert_eq!(found(&[("bucket/a.rs", text)], &[&exception]), 1, "an exception for nothing");
    assert_eq!(found(&[("bucket/a.rs", text), ("bucket/a/b.rs", text)], &[]), 0);
    assert_eq!(found(&[("bucket/a/c.rs", text), ("bucket/a/b.rs", text)], &[]), 0);
    assert_eq!(found(&[("bucket/a.rs", text), ("bucket/ab.rs", text)], &[]), 1);
    assert_eq!(found(&[("bucket/a.rs", text), ("bucket/ab.rs", text)], &[&exception]), 0);
    assert_eq!(found(&[("bucket/a.rs", text), ("site/seen.rs", text)], &[&exception]), 1);
    assert_eq!(
        found(&[("bucket/a.rs", text), ("site/seen.rs", "mod redb;\nuse redb::T;\n")], &[]),
        0
    );
}
