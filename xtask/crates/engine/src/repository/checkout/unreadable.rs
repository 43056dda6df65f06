//! Repositories that cannot be read: the kind of each in one sentence, and the command that helps. These are git
//! formats that libgit2 does not know, clones that lack objects, and folders that belong to another user.

use std::path::{Path, PathBuf};

use git2::{ErrorClass, ErrorCode, Repository};

use crate::base::error::{Error, Failure, failed};

/// The error for a folder that holds no readable repository.
pub fn repository(folder: &Path, error: &git2::Error) -> Error {
    let shown = folder.display();
    match (error.code(), format(error.message())) {
        (ErrorCode::Owner, _) => owner(folder, error),
        _ if error.class() == ErrorClass::Config && error.code() != ErrorCode::NotFound => {
            failed(format!("failed to read git's configuration of `{shown}`"))
                .because(error)
                .hint("correct the file; this names the line: git config --list --show-origin")
                .into()
        }
        (ErrorCode::NotFound, _) | (_, None) => Error::Config(format!(
            "`{shown}` is not in a git repository\n  {}\n\nhint: the branch decides where the site goes, so run this in a clone of the site's repository",
            error.message()
        )),
        (_, Some((what, hint))) => failed(format!(
            "the git repository around `{shown}` {what}, which this tool cannot read"
        ))
        .because(error)
        .hint(from_the_top(folder, hint))
        .into(),
    }
}

/// A command that names folders next to the work tree, as the user can paste it in a folder of that work tree.
fn from_the_top(folder: &Path, command: &str) -> String {
    match top(folder) {
        Some(top) if command.contains("../") && folder.canonicalize().is_ok_and(|f| f != top) => {
            format!("cd {} && {command}", quoted(&top.to_string_lossy()))
        }
        _ => command.to_owned(),
    }
}

/// The feature of a repository or its index that libgit2 does not know, from libgit2's message, and the command that
/// changes it.
/// <https://git-scm.com/docs/repository-version#_extensions>, <https://git-scm.com/docs/index-format>
fn format(message: &str) -> Option<(&'static str, &'static str)> {
    let message = message.to_ascii_lowercase();
    let known = [
        ("refstorage", "keeps its branches in a reftable", TO_FILES),
        (
            "partialclone",
            "is marked as a partial clone of an older git",
            "git config remote.origin.promisor true && git config --unset extensions.partialClone",
        ),
        ("objectformat", "names its objects by SHA-256", TO_SHA1),
        ("object format", "names its objects by SHA-256", TO_SHA1),
        ("oid type", "names its objects by SHA-256", TO_SHA1),
        ("extension: 'link'", "has a split index", "git update-index --no-split-index"),
        (
            "extension: 'sdir'",
            "has a sparse index",
            "git sparse-checkout reapply --no-sparse-index",
        ),
        (
            "checksum does not match",
            "has an index without a checksum",
            "git config index.skipHash false && git update-index --force-write-index",
        ),
        ("extension name", "has a format of its own", CLONE_AGAIN),
        ("repository version", "has a format of its own", CLONE_AGAIN),
        ("mandatory extension", "has an index of a format of its own", CLONE_AGAIN),
    ];
    known.into_iter().find(|(part, ..)| message.contains(part)).map(|(_, what, hint)| (what, hint))
}

/// Before git 2.48, `git refs migrate` cannot do it if there are reflogs.
const TO_FILES: &str = "git clone --ref-format=files . ../site-files";
const TO_SHA1: &str = "git init --object-format=sha1 ../site-sha1 && git fast-export --all --signed-tags=strip | git -C ../site-sha1 fast-import && git -C ../site-sha1 switch \"$(git branch --show-current)\"";
const CLONE_AGAIN: &str = "git clone \"$(git remote get-url origin)\" ../site-again";

/// Adds why an index or an object could not be read, and what to do about it.
pub fn explained(failure: Failure, repository: &Repository, error: &git2::Error) -> Failure {
    let failure = failure.because(error);
    if let Some((_, hint)) = format(error.message()) {
        return failure.hint(hint);
    }
    if error.code() == ErrorCode::NotFound && is_partial(repository) {
        let mut failure = failure;
        failure.causes.push("this clone has no older files (partial clone)".into());
        return failure.hint("git fetch --refetch --no-filter");
    }
    failure
}

/// Whether the clone left out objects that its remote has.
/// <https://git-scm.com/docs/partial-clone>
fn is_partial(repository: &Repository) -> bool {
    let Ok(config) = repository.config() else { return false };
    let Ok(mut entries) =
        config.entries(Some(r"^(remote\..*\.promisor|extensions\.partialclone)$"))
    else {
        return false;
    };
    entries.next().is_some_and(|entry| entry.is_ok())
}

/// git trusts a repository of another user only if a setting of this user names it.
/// <https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory>
fn owner(folder: &Path, error: &git2::Error) -> Error {
    let top = top(folder).unwrap_or_else(|| folder.to_owned());
    Error::Config(format!(
        "the git repository belongs to another user, so git does not trust it\n  {}\n\nhint: git config --global --add safe.directory {}",
        error.message(),
        quoted(&top.to_string_lossy())
    ))
}

/// The folder that the setting must name: the top of the work tree, as the system names it, or a bare repository.
fn top(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let is_top = |folder: &&Path| {
        folder.join(".git").exists()
            || folder.join("HEAD").is_file() && folder.join("objects").is_dir()
    };
    folder.ancestors().find(is_top).map(Path::to_owned)
}

/// A word for a shell, in quotes if it needs them.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use testing::repository::{add, commit, init, stand_at};

    use super::*;

    #[test]
    fn a_path_is_quoted_for_a_shell() {
        for (path, shown) in [
            ("/srv/site", "/srv/site"),
            ("/srv/my site", "'/srv/my site'"),
            ("/srv/kim's", r"'/srv/kim'\''s'"),
            ("/srv/$HOME", "'/srv/$HOME'"),
            ("/srv/größe", "/srv/größe"),
        ] {
            assert_eq!(quoted(path), shown);
        }
    }

    #[test]
    fn a_command_that_leads_out_of_the_work_tree_begins_at_its_top() {
        let scratch = tempfile::tempdir().unwrap();
        let clone = scratch.path().canonicalize().unwrap().join("my clone");
        Repository::init(&clone).unwrap();
        let site = clone.join("site");
        std::fs::create_dir(&site).unwrap();
        assert_eq!(from_the_top(&clone, TO_FILES), TO_FILES);
        let expected = format!("cd '{}' && {TO_FILES}", clone.display());
        assert_eq!(from_the_top(&site, TO_FILES), expected);
        let inside = "git update-index --no-split-index";
        assert_eq!(from_the_top(&site, inside), inside);
    }

    #[test]
    fn the_setting_names_the_top_of_the_work_tree() {
        let scratch = tempfile::tempdir().unwrap();
        let scratch = scratch.path().canonicalize().unwrap();
        let repository = init(&scratch.join("clone"));
        add(&repository, "site/a.md", "a");
        stand_at(&repository, commit(&repository, 0, &[]));
        repository.worktree("linked", &scratch.join("linked"), None).unwrap();
        Repository::init_bare(scratch.join("bare")).unwrap();
        for (folder, expected) in [
            ("clone", Some("clone")),
            ("clone/site", Some("clone")),
            ("clone/site/../site", Some("clone")),
            ("linked/site", Some("linked")),
            ("bare", Some("bare")),
            ("bare/refs", Some("bare")),
            ("", None),
        ] {
            let expected = expected.map(|name| scratch.join(name));
            assert_eq!(top(&scratch.join(folder)), expected, "{folder}");
        }
    }
}
