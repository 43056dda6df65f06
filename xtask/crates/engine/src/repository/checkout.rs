//! The branch and the commit that are checked out, according to git. What CI says about the same run is in `ci.rs`, and
//! `target.rs` decides which of the two is trusted. The modules below are about other commits.

mod distance;
mod git;
mod history;
mod submodules;
mod unreadable;
mod worktree;

use std::path::{Path, PathBuf};

use git2::{Commit, ErrorCode, Oid, Repository, RepositoryOpenFlags, StatusOptions};

use crate::base::error::{Error, Failure, Result, failed};

pub use distance::{Distance, distance};
pub use history::{History, history};
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

/// Whether `git status` lists anything: tracked files and submodules that differ from the commit, and untracked ones
/// that git does not ignore.
///
/// It looks at every file of the work tree, so call it while other work is in progress.
pub fn is_dirty(root: &Path) -> Result<bool, Failure> {
    match git::ask(root, &["status", "--porcelain"]) {
        Some(changes) => Ok(!changes.is_empty()),
        None => is_dirty_to_libgit2(root),
    }
}

/// The same if git is not installed. libgit2 does not know the filters that a repository configures.
fn is_dirty_to_libgit2(root: &Path) -> Result<bool, Failure> {
    let asking = || failed("failed to ask git what has changed");
    let repository = Repository::open(root).map_err(|error| asking().because(&error))?;
    let unreadable = |error: git2::Error| unreadable::explained(asking(), &repository, &error);
    let config = repository.config().map_err(unreadable)?;
    let untracked = config.get_string("status.showUntrackedFiles").unwrap_or_default();
    let is_hidden = ["no", "false", "off", "0"].contains(&untracked.to_ascii_lowercase().as_str());
    let mut options = StatusOptions::new();
    options.include_untracked(!is_hidden);
    let statuses = repository.statuses(Some(&mut options)).map_err(unreadable)?;
    Ok(!statuses.is_empty())
}

/// Whether git ignores a folder. Even then git may track something below it: files that were added by force, and other
/// repositories.
pub(crate) fn is_ignored(root: &Path, folder: &Path) -> Result<bool, Failure> {
    let unreadable = |error: git2::Error| unanswered("whether it ignores", folder, &error);
    let Some(relative) = below(root, folder) else { return Ok(false) };
    let repository = Repository::open(root).map_err(unreadable)?;
    // With the slash, a pattern for folders (`/public/`) matches even if the folder does not exist yet.
    repository.is_path_ignored(relative.join("")).map_err(unreadable)
}

/// What git ignores in a work tree, for many queries.
pub struct Ignored {
    repository: Repository,
    /// Without links.
    root: PathBuf,
}

impl Ignored {
    pub fn of(root: &Path) -> Result<Ignored, Failure> {
        let unreadable = |error: git2::Error| unanswered("what it ignores in", root, &error);
        let repository = Repository::open(root).map_err(unreadable)?;
        let canonical = root.canonicalize();
        let root = canonical.map_err(|error| unanswered("what it ignores in", root, &error))?;
        Ok(Ignored { repository, root })
    }

    /// Whether git ignores a file, or a folder with everything in it. A path outside the work tree is not ignored.
    pub fn has(&self, path: &Path, is_folder: bool) -> bool {
        let Ok(relative) = path.strip_prefix(&self.root) else { return false };
        let relative = if is_folder { relative.join("") } else { relative.to_owned() };
        self.repository.is_path_ignored(relative).unwrap_or(false)
    }
}

/// Whether git tracks a file in a folder, or the folder itself as a submodule.
pub(crate) fn is_tracked(root: &Path, folder: &Path) -> Result<bool, Failure> {
    let Some(relative) = below(root, folder) else { return Ok(false) };
    let unreadable = |error: git2::Error| unanswered("what it tracks in", folder, &error);
    let repository = Repository::open(root).map_err(unreadable)?;
    let index = match repository.index() {
        Ok(index) => index,
        Err(error) => return is_tracked_by_git(&repository, root, folder, &error),
    };
    let folder = bytes(&relative);
    let tracked = index.iter().any(|entry| {
        let rest = entry.path.strip_prefix(folder.as_slice());
        rest.is_some_and(|rest| rest.first().is_none_or(|next| *next == b'/'))
    });
    Ok(tracked)
}

/// The same for an index that libgit2 cannot read, such as a split one.
fn is_tracked_by_git(
    repository: &Repository,
    root: &Path,
    folder: &Path,
    error: &git2::Error,
) -> Result<bool, Failure> {
    let tracked = folder.to_str().and_then(|path| git::ask(root, &["ls-files", "-z", "--", path]));
    tracked.map(|files| !files.is_empty()).ok_or_else(|| {
        let asking = failed(format!("failed to ask git what it tracks in `{}`", folder.display()));
        unreadable::explained(asking, repository, error)
    })
}

/// Whether the work tree around a folder is `root`, and not that of a repository next to it or inside of it, such as a
/// submodule. `false` if the folder is in no work tree or does not exist.
pub fn is_same_repository(root: &Path, folder: &Path) -> Result<bool, Failure> {
    let repository = match around(folder) {
        Ok(repository) => repository,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(false),
        Err(error) => return Err(unanswered("which repository is around", folder, &error)),
    };
    let Some(around) = repository.workdir() else { return Ok(false) };
    match (around.canonicalize(), root.canonicalize()) {
        (Ok(around), Ok(root)) => Ok(around == root),
        (Err(error), _) | (_, Err(error)) => {
            Err(unanswered("which repository is around", folder, &error))
        }
    }
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

/// A folder's path below the work tree; `None` if the folder is outside of it.
fn below(root: &Path, folder: &Path) -> Option<PathBuf> {
    // git has its own way to write the root, which differs from the system's on some platforms.
    let root = root.canonicalize().ok()?;
    folder.strip_prefix(root).ok().map(Path::to_owned)
}

/// A path as in the index, where a name need not be UTF-8 and names are separated by `/`.
fn bytes(path: &Path) -> Vec<u8> {
    let names: Vec<&[u8]> = path.iter().map(|name| name.as_encoded_bytes()).collect();
    names.join(&b'/')
}

fn unanswered(what: &str, folder: &Path, error: &(dyn std::error::Error + 'static)) -> Failure {
    failed(format!("failed to ask git {what} `{}`", folder.display())).because(error)
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

    #[test]
    fn a_folder_belongs_to_the_innermost_work_tree_around_it() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = scratch.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            folder
        };
        let (ours, theirs, bare) = (folder("ours"), folder("theirs"), folder("ours/bare"));
        let nested = folder("ours/nested");
        for folder in [&ours, &theirs, &nested] {
            Repository::init(folder).unwrap();
        }
        Repository::init_bare(&bare).unwrap();
        for (name, same) in [
            ("ours", true),
            ("ours/site", true),
            ("ours/site/../site", true),
            ("ours/nested", false),
            ("ours/nested/site", false),
            ("ours/bare", false),
            ("theirs", false),
            ("theirs/site", false),
        ] {
            assert_eq!(is_same_repository(&ours, &folder(name)).unwrap(), same, "{name}");
        }
        assert!(!is_same_repository(&ours, scratch.path()).unwrap(), "in no repository");
        assert!(!is_same_repository(&ours, &ours.join("not-there")).unwrap());
    }
}
