//! What git says about the files of a work tree: which of them have changed, which it tracks, and which it ignores.

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, StatusOptions};

use super::{around, git, unreadable};
use crate::base::error::{Failure, failed};

/// Whether `git status` lists anything: tracked files and submodules that differ from the commit, and untracked ones
/// that git does not ignore. What Cargo and this tool write into `target` does not count, even if git does not ignore
/// it.
///
/// It looks at every file of the work tree, so call it while other work is in progress.
pub fn is_dirty(root: &Path) -> Result<bool, Failure> {
    match git::ask(root, &["status", "--porcelain"]) {
        Some(changes) => {
            let mut lines = changes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            Ok(lines.any(|line| !line.starts_with(b"?? target/")))
        }
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
    let is_built = |path: &[u8]| path.starts_with(b"target/");
    let mut entries = statuses.iter();
    Ok(entries.any(|entry| !(entry.status().is_wt_new() && is_built(entry.path_bytes()))))
}

/// Whether git ignores a folder. Even then git may track something below it: files that were added by force, and other
/// repositories.
pub fn is_ignored(root: &Path, folder: &Path) -> Result<bool, Failure> {
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

/// The folders with a tracked file of a name, relative to the top, in order; none if the index cannot be read.
pub fn folders_with(root: &Path, name: &str) -> Vec<PathBuf> {
    let index = Repository::open(root).and_then(|repository| repository.index());
    let paths = index.iter().flat_map(|index| index.iter()).map(|entry| entry.path);
    let paths = paths.filter_map(|path| String::from_utf8(path).ok()).map(PathBuf::from);
    let named = paths.filter(|path| path.file_name().is_some_and(|found| found == name));
    named.filter_map(|path| path.parent().map(Path::to_owned)).collect()
}

/// Whether git tracks a file in a folder, or the folder itself as a submodule.
pub fn is_tracked(root: &Path, folder: &Path) -> Result<bool, Failure> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
