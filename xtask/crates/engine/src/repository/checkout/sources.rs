//! Whether a copy of the tool was compiled from the sources that are checked out.
//!
//! CI keeps a compiled copy between jobs. If the key of its cache covers too little, or the cache was filled for
//! another branch, an old copy would deploy and nothing would tell. So the CI files name the sources to the compiler,
//! and a copy that finds others is refused. `cargo xtask` compiles what is checked out, and names nothing.

use std::path::Path;

use git2::{ObjectType, Oid, Repository, StatusOptions};

use super::{Checkout, Head, git};
use crate::base::error::{Failure, Result, failed};
use crate::base::hint::{Command, Hint};
use crate::base::humanize::quoted;
use crate::base::refusal::Refusal;

/// What the tool is compiled from, relative to the top of the repository.
const SOURCES: [&str; 3] = [".cargo", "Cargo.lock", "xtask"];

/// Refuses a copy of the tool that was compiled from other sources than those of HEAD, or than those in the work tree.
/// `compiled_from` is what this prints at the top of the repository:
/// `git ls-tree HEAD .cargo Cargo.lock xtask | git hash-object --stdin`
pub fn check_sources(checkout: &Checkout, compiled_from: &str) -> Result<()> {
    let root = &checkout.root;
    if checkout.head == Head::Unborn {
        // That is refused with words of its own.
        return Ok(());
    }
    if sources_at_head(root)? != compiled_from {
        return Err(stale(root).into());
    }
    match changed(root)? {
        Some(path) => Err(changed_since(&path).into()),
        None => Ok(()),
    }
}

fn stale(root: &Path) -> Refusal {
    let copy = std::env::current_exe().unwrap_or_default();
    let copy = quoted(&copy.strip_prefix(root).unwrap_or(&copy).display().to_string());
    Refusal::new(
        "stale-tool",
        "this copy of the tool was not compiled from `.cargo`, `Cargo.lock` and `xtask` as they are in this commit",
        Hint::from(format!(
            "delete it, and run the CI job again, which compiles it: rm {copy}; by hand: "
        ))
        .then(Command::again()),
    )
}

fn changed_since(path: &str) -> Refusal {
    Refusal::new(
        "stale-tool",
        format!(
            "`{path}` has changes that are not committed, and this copy of the tool was compiled from the commit"
        ),
        Hint::from("commit or undo them (git diff HEAD -- .cargo Cargo.lock xtask); by hand: ")
            .then(Command::again()),
    )
}

/// The hash of the lines that `git ls-tree` prints for the sources.
/// <https://git-scm.com/docs/git-ls-tree#_output_format>
fn sources_at_head(root: &Path) -> Result<String, Failure> {
    let hash = || -> Result<Oid, git2::Error> {
        let repository = Repository::open(root)?;
        let tree = repository.head()?.peel_to_tree()?;
        let mut lines = Vec::new();
        for entry in tree.iter() {
            let kind = entry.kind().unwrap_or(ObjectType::Any);
            if let Some(name) = SOURCES.iter().find(|name| name.as_bytes() == entry.name_bytes()) {
                let (mode, id) = (entry.filemode(), entry.id());
                lines.extend(format!("{mode:06o} {kind} {id}\t{name}\n").into_bytes());
            }
        }
        Oid::hash_object(ObjectType::Blob, &lines)
    };
    let hash =
        hash().map_err(|error| failed("failed to read the sources of the tool").because(&error))?;
    Ok(hash.to_string())
}

/// A source that git tracks and that differs from HEAD.
fn changed(root: &Path) -> Result<Option<String>, Failure> {
    let status = ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=no", "--"];
    match git::ask(root, &[&status[..], &SOURCES].concat()) {
        // Each entry is two letters, a space and the path.
        Some(entries) => {
            let first = entries.split(|byte| *byte == 0).next().and_then(|entry| entry.get(3..));
            Ok(first.map(|path| String::from_utf8_lossy(path).into_owned()))
        }
        None => changed_to_libgit2(root),
    }
}

/// The same if git is not installed.
fn changed_to_libgit2(root: &Path) -> Result<Option<String>, Failure> {
    let unreadable =
        |error: git2::Error| failed("failed to ask git what has changed").because(&error);
    let repository = Repository::open(root).map_err(unreadable)?;
    let mut options = StatusOptions::new();
    options.include_untracked(false).disable_pathspec_match(true);
    SOURCES.iter().for_each(|path| {
        options.pathspec(path);
    });
    let statuses = repository.statuses(Some(&mut options)).map_err(unreadable)?;
    let first = statuses.iter().next();
    Ok(first.map(|entry| String::from_utf8_lossy(entry.path_bytes()).into_owned()))
}
