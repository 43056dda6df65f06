//! The branch and commit we stand on, as git tells it. What CI says of the same run is `ci.rs`;
//! which of the two is believed is `target.rs`.

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, StatusOptions};

use crate::error::{Error, Failure, Result, failed};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The work tree's folder.
    pub root: PathBuf,
    pub head: Head,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    Branch {
        name: String,
        commit: String,
    },
    Detached {
        commit: String,
    },
    /// A branch without a commit.
    Unborn,
}

impl Head {
    /// The commit in hex; `None` on an unborn branch.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Head::Branch { commit, .. } | Head::Detached { commit } => Some(commit),
            Head::Unborn => None,
        }
    }
}

/// The checkout around a folder. Work trees made by `git worktree` have a HEAD of their own, and it
/// is theirs that counts.
pub fn read(folder: &Path) -> Result<Checkout> {
    let repository =
        Repository::discover(folder).map_err(|error| not_a_repository(folder, &error))?;
    let Some(root) = repository.workdir() else {
        return Err(Error::Config(
            "this git repository is bare: it has no files to deploy\n\nhint: run this in a clone"
                .into(),
        ));
    };
    let head = match repository.head() {
        Err(error) if error.code() == ErrorCode::UnbornBranch => Head::Unborn,
        Err(error) => return Err(failed("failed to read git's HEAD").because(&error).into()),
        Ok(head) => {
            let commit = head.peel_to_commit().map_err(unreadable_head)?.id().to_string();
            let detached = repository.head_detached().map_err(unreadable_head)?;
            match head.shorthand() {
                Ok(name) if !detached => Head::Branch { name: name.to_owned(), commit },
                _ => Head::Detached { commit },
            }
        }
    };
    Ok(Checkout { root: root.to_owned(), head })
}

/// Whether tracked files differ from the commit, or untracked ones that git does not ignore exist.
///
/// It looks at every file of the work tree, so ask while something else is under way.
pub fn is_dirty(root: &Path) -> Result<bool, Failure> {
    let unreadable =
        |error: git2::Error| failed("failed to ask git what has changed").because(&error);
    let repository = Repository::open(root).map_err(unreadable)?;
    let mut options = StatusOptions::new();
    options.include_untracked(true).exclude_submodules(true);
    let statuses = repository.statuses(Some(&mut options)).map_err(unreadable)?;
    Ok(!statuses.is_empty())
}

/// Whether a folder holds only what git ignores, and so nothing that a build could not make again.
pub fn is_ignored(root: &Path, folder: &Path) -> Result<bool, Failure> {
    let unreadable = |error: git2::Error| {
        failed(format!("failed to ask git whether it ignores `{}`", folder.display()))
            .because(&error)
    };
    let repository = Repository::open(root).map_err(unreadable)?;
    let Ok(relative) = folder.strip_prefix(root) else { return Ok(false) };
    // With the slash, a pattern that is meant for folders (`/public/`) matches before there is one.
    if !repository.is_path_ignored(relative.join("")).map_err(unreadable)? {
        return Ok(false);
    }
    // A file that was added by force is tracked although a pattern ignores its folder.
    let index = repository.index().map_err(unreadable)?;
    let tracked = index.iter().any(|entry| {
        std::str::from_utf8(&entry.path).is_ok_and(|path| Path::new(path).starts_with(relative))
    });
    Ok(!tracked)
}

fn unreadable_head(error: git2::Error) -> Error {
    failed("failed to read git's HEAD").because(&error).into()
}

fn not_a_repository(folder: &Path, error: &git2::Error) -> Error {
    if error.code() == ErrorCode::Owner {
        // https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory
        return Error::Config(format!(
            "the git repository belongs to another user, so git does not trust it\n  {}\n\nhint: git config --global --add safe.directory {}",
            error.message(),
            folder.display()
        ));
    }
    Error::Config(format!(
        "`{}` is not in a git repository\n  {}\n\nhint: the branch decides where the site goes, so run this in a clone of the site's repository",
        folder.display(),
        error.message()
    ))
}
