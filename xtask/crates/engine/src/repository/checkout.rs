//! The branch and the commit that are checked out, according to git. What CI says about the same run is in `ci.rs`, and
//! `target.rs` decides which of the two is trusted. The modules below are about the files of the work tree, and about
//! other commits.

mod git;
mod unreadable;
mod status;
mod submodules;
mod history;
mod origin;
mod sources;
mod distance;
mod worktree;

use std::path::{Path, PathBuf};

use git2::{Commit, ErrorCode, Oid, Repository, RepositoryOpenFlags};

use crate::base::error::{Error, Result, failed};

pub use distance::{Distance, distance};
pub use history::{History, history};
pub use origin::{Origin, origin, uncommitted, without_login};
pub use sources::check_sources;
pub use status::{Ignored, folders_with, is_dirty, is_ignored, is_same_repository, is_tracked};
pub use submodules::empty_submodule;
pub use worktree::{Worktree, check_out};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The work tree's folder.
    pub root: PathBuf,
    pub head: Head,
    /// The parents of HEAD's commit, in hex, including those that a shallow clone lacks.
    pub parents: Vec<String>,
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

/// Where git keeps branches.
const BRANCHES: &str = "refs/heads/";

/// The checkout around a folder. A work tree made by `git worktree` has its own HEAD, and that one counts.
pub fn read(folder: &Path) -> Result<Checkout> {
    let repository = around(folder).map_err(|error| unreadable::repository(folder, &error))?;
    let Some(root) = repository.workdir() else {
        return Err(Error::Config(
            "this git repository is bare: it has no files to deploy\n\nhint: run this in a clone"
                .into(),
        ));
    };
    let (head, parents) = match repository.head() {
        Err(error) if error.code() == ErrorCode::UnbornBranch => (Head::Unborn, Vec::new()),
        Err(error) => return Err(failed("failed to read git's HEAD").because(&error).into()),
        Ok(head) => {
            let commit = head.peel_to_commit().map_err(unreadable_head)?;
            let (parents, commit) = (parents(&commit), commit.id().to_string());
            // HEAD may point to any ref, and a tag called `production` is not the branch.
            let head = match head.name().ok().and_then(|name| name.strip_prefix(BRANCHES)) {
                Some(name) => Head::Branch { name: name.to_owned(), commit },
                None => Head::Detached { commit },
            };
            (head, parents)
        }
    };
    Ok(Checkout { root: root.to_owned(), head, parents })
}

/// The repository around a folder. `Repository::discover` forgets where it found the work tree, and assumes that it is
/// the folder around the git folder, which may be elsewhere.
fn around(folder: &Path) -> Result<Repository, git2::Error> {
    let nowhere: [&Path; 0] = [];
    let open = || Repository::open_ext(folder, RepositoryOpenFlags::CROSS_FS, nowhere);
    match open() {
        Err(error) if error.code() == ErrorCode::Owner && git::reads(folder) => {
            trust_every_owner()?;
            open()
        }
        opened => opened,
    }
}

/// Lets libgit2 open repositories of other users from now on. Unlike git, libgit2 does not read `safe.directory` from
/// `GIT_CONFIG_COUNT` and `GIT_CONFIG_GLOBAL`, nor does it know patterns, so git itself decides.
/// <https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory>
fn trust_every_owner() -> Result<(), git2::Error> {
    // SAFETY: libgit2 keeps this switch in one global integer and only reads it when it opens a repository. The first
    // repository is opened before this process has other threads that open some.
    unsafe { git2::opts::set_verify_owner_validation(false) }
}

/// The time at which HEAD's commit was made, in seconds since 1970; `None` if there is no commit or it cannot be read.
pub fn time_of_head(root: &Path) -> Option<i64> {
    let repository = Repository::open(root).ok()?;
    let commit = repository.head().ok()?.peel_to_commit().ok()?;
    Some(commit.time().seconds())
}

/// The parents that the commit itself names. libgit2 hides those that a shallow clone lacks.
fn parents(commit: &Commit<'_>) -> Vec<String> {
    let header = String::from_utf8_lossy(commit.raw_header_bytes());
    header.lines().filter_map(|line| line.strip_prefix("parent ")).map(str::to_owned).collect()
}

/// Whether git would accept this as the name of a branch.
/// <https://git-scm.com/docs/git-check-ref-format>
pub fn is_branch_name(name: &str) -> bool {
    git2::Branch::name_is_valid(name).unwrap_or(false)
}

/// Parses a text from elsewhere as an id, if it is complete. git2 would fill up an abbreviated one with zeros.
fn id(text: &str) -> Option<Oid> {
    const LENGTH: usize = 40;
    Oid::from_str(text).ok().filter(|_| text.len() == LENGTH)
}

/// The commit with an id; `None` if the object is not in this clone or is not a commit.
fn find(repository: &Repository, id: Oid) -> Result<Option<Commit<'_>>, git2::Error> {
    match repository.find_commit(id) {
        Ok(commit) => Ok(Some(commit)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn unreadable_head(error: git2::Error) -> Error {
    failed("failed to read git's HEAD").because(&error).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_has_a_name_that_git_takes() {
        for name in ["main", "feature/login", "v1.0", "caf\u{e9}", "a-b_c", "@", "head"] {
            assert!(is_branch_name(name), "{name}");
        }
        for name in [
            "",
            "HEAD",
            "-x",
            "a..b",
            "a b",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[b",
            "a\\b",
            "a@{1}",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.",
            "a.lock",
            "a.lock/b",
            "a\nb",
            "a\0b",
            "..",
            "../main",
            "a/../main",
        ] {
            assert!(!is_branch_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_git_folder_that_is_elsewhere_does_not_move_the_work_tree() {
        let scratch = tempfile::tempdir().unwrap();
        let scratch = scratch.path().canonicalize().unwrap();
        let (work, site) = (scratch.join("work"), scratch.join("work/site"));
        std::fs::create_dir_all(&site).unwrap();
        Repository::init(scratch.join("elsewhere/site.git")).unwrap();
        let link = format!("gitdir: {}\n", scratch.join("elsewhere/site.git/.git").display());
        std::fs::write(work.join(".git"), link).unwrap();
        let checkout = read(&site).unwrap();
        assert_eq!(checkout.root.canonicalize().unwrap(), work);
        assert!(is_same_repository(&work, &site).unwrap());
    }

    #[test]
    fn a_broken_configuration_is_told_as_such() {
        let scratch = tempfile::tempdir().unwrap();
        Repository::init(scratch.path()).unwrap();
        std::fs::write(scratch.path().join(".git/config"), "[core\nbare = false\n").unwrap();
        let Err(Error::Failed(failure)) = read(scratch.path()) else { panic!("it is read") };
        assert!(failure.message.starts_with("failed to read git's configuration"), "{failure:?}");
    }
}
