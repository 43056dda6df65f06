//! A separate work tree for a commit, so that a generator can build the site as it was then, without touching the files
//! that the user has open and may have changed.
//!
//! It is a real work tree, like one made by `git worktree add --detach`, because generators ask git about their
//! sources, and so does this tool. No hook runs. The tool writes git's documented files itself, and libgit2 only fills
//! the folder: libgit2's `worktree_add` wants a branch. That branch would be visible to anything that looks at the
//! user's repository meanwhile, would remain if the run was killed, and could be told from a user's branch only by its
//! name.
//! <https://git-scm.com/docs/gitrepository-layout>, <https://git-scm.com/docs/git-worktree#_details>
//!
//! **Two files show whose folder it is**, and either is enough: git's entry, `worktrees/xtask-rollback` in its folder,
//! names the folder; and `.git` in the folder names the entry. The entry is written before the folder is filled, and
//! removed after it. So at whatever moment a run is killed, the next one recognises what was left as its own, and
//! removes it. A folder with anything else in it belongs to somebody else and stays.
//!
//! **One run at a time** has the folder: it holds a lock of the system on a file next to it, which ends with the
//! process. The file stays. If it were removed, one run could hold a lock on a file that no longer has a name, while
//! the next run creates and locks another file.
//!
//! What is not available without the network is refused before anything is written: the commit itself in a clone that
//! lacks it, submodules, and files that Git LFS keeps elsewhere. Of the latter, only the few lines that stand for them
//! would be published.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use git2::{Commit, Index, Oid, Repository};

use crate::base::error::{Failure, failed};
use crate::base::humanize::plain;
use crate::repository::own_files;

/// A commit's work tree. When it is dropped, it is removed.
#[derive(Debug)]
pub struct Worktree {
    /// Its folder.
    pub root: PathBuf,
    /// What git knows about it.
    entry: PathBuf,
    /// Released after everything else is gone.
    _lock: File,
}

/// The name of the entry, which also shows in the user's list of work trees.
const NAME: &str = "xtask-rollback";

/// While this file exists, git leaves an incomplete entry alone.
const LOCKED: &str = "locked";

/// Checks a commit out into `folder`, which must hold nothing else. `root` is a work tree of the repository, and is not
/// touched.
pub fn check_out(root: &Path, commit: &str, folder: &Path) -> Result<Worktree, Failure> {
    let cannot = |error: &(dyn std::error::Error + 'static)| {
        failed(format!("failed to make a work tree in `{}`", folder.display())).because(error)
    };
    let repository = Repository::open(root).map_err(|error| cannot(&error))?;
    let folder = resolve(folder).map_err(|error| cannot(&error))?;
    let lock = lock(&folder)?;
    let entry = entry(&repository);
    sweep(&folder, &entry)?;
    let commit = find(&repository, commit)?;
    check(&repository, &commit)?;
    fs::create_dir_all(&folder).map_err(|error| cannot(&error))?;
    // From here on, everything that was written is removed if a later step fails.
    let worktree = Worktree { root: folder, entry, _lock: lock };
    register(&worktree, commit.id()).map_err(|error| cannot(&error))?;
    fill(&worktree).map_err(|error| cannot(&error))?;
    Ok(worktree)
}

impl Drop for Worktree {
    fn drop(&mut self) {
        // If something cannot be removed now, the next run will remove it or complain about it.
        let _ = remove(&self.root, &self.entry);
    }
}

/// The folder as the system names it, because git's own files hold that name. The folders above it are created.
fn resolve(folder: &Path) -> io::Result<PathBuf> {
    let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it has no name"));
    };
    fs::create_dir_all(parent)?;
    Ok(parent.canonicalize()?.join(name))
}

/// Keeps other runs out of the folder.
fn lock(folder: &Path) -> Result<File, Failure> {
    let mut path = folder.as_os_str().to_owned();
    path.push(".lock");
    let cannot =
        |error: io::Error| failed(format!("failed to lock `{}`", path.display())).because(&error);
    let file = own_files::open_or_make(Path::new(&path)).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(failed(format!("another run uses the work tree in `{}`", folder.display()))
                .hint("run it again when that one has ended"))
        }
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

/// Where git keeps what it knows about our work tree. Each of the user's work trees has a separate one of ours, so that
/// runs in two of them do not interfere.
fn entry(repository: &Repository) -> PathBuf {
    let mut name = OsString::from(NAME);
    if repository.is_worktree()
        && let Some(of) = repository.path().file_name()
    {
        name.push("-of-");
        name.push(of);
    }
    repository.commondir().join("worktrees").join(name)
}

/// Removes what a killed run has left.
fn sweep(folder: &Path, entry: &Path) -> Result<(), Failure> {
    let unclear = |error: io::Error| {
        failed(format!("failed to look for an earlier work tree in `{}`", folder.display()))
            .because(&error)
    };
    let registered = registered(entry).map_err(unclear)?;
    let is_registered = registered.as_ref().is_some_and(|other| other == folder);
    if let Some(other) = registered
        && !is_registered
        && (other.exists() || entry.join(LOCKED).exists())
    {
        return Err(failed(format!("git has another work tree called `{}`", entry.display()))
            .because_of_path(&other)
            .hint(format!(
                "if it is no longer needed: git worktree remove --force --force {}",
                other.display()
            )));
    }
    let is_ours = is_registered || is_named(folder, entry);
    if !is_ours && !is_free(folder).map_err(unclear)? {
        return Err(failed(format!("`{}` holds something else", folder.display()))
            .hint("move it away or delete it: the work tree of an earlier commit goes there"));
    }
    remove(folder, entry).map_err(|error| {
        failed(format!("failed to remove the earlier work tree in `{}`", folder.display()))
            .because(&error)
            .hint("is something still running in it?")
    })
}

/// The folder that an entry is for; `None` if there is no entry, or it was not written that far.
fn registered(entry: &Path) -> io::Result<Option<PathBuf>> {
    match fs::read(entry.join("gitdir")) {
        Ok(bytes) if !bytes.is_empty() => {
            let link = PathBuf::from(String::from_utf8_lossy(&bytes).trim_end_matches('\n'));
            // Since 2.48, git can write it relative to the entry.
            Ok(entry.join(link).parent().map(Path::to_owned))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a folder says that it is the entry's work tree.
fn is_named(folder: &Path, entry: &Path) -> bool {
    fs::read(folder.join(".git")).is_ok_and(|bytes| bytes == link("gitdir: ", entry))
}

/// Whether a folder does not exist or is empty. A folder behind a link is elsewhere, and not ours to fill.
fn is_free(folder: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(fs::read_dir(folder)?.next().is_none()),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Removes a work tree. The entry goes last, because it shows whose the folder is.
fn remove(folder: &Path, entry: &Path) -> io::Result<()> {
    for path in [folder, entry] {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    if let Some(entries) = entry.parent() {
        // Like git, which leaves no empty folder. It stays if it holds other entries.
        let _ = fs::remove_dir(entries);
    }
    Ok(())
}

fn find<'a>(repository: &'a Repository, commit: &str) -> Result<Commit<'a>, Failure> {
    let Some(id) = super::id(commit) else {
        let start: String = plain(commit).chars().take(64).collect();
        return Err(failed(format!("`{start}` is not the id of a commit")));
    };
    let found = super::find(repository, id).map_err(|error| unreadable(repository, id, &error))?;
    found.ok_or_else(|| {
        // Any server provides a commit that is older than the clone when asked like this.
        let fetch = match repository.commondir().join("shallow").exists() {
            true => "git fetch --unshallow".to_owned(),
            false => format!("git fetch origin {id}"),
        };
        failed(format!("commit `{id}` is not in this clone")).hint(fetch)
    })
}

/// Whether everything in a commit is available in this clone.
fn check(repository: &Repository, commit: &Commit<'_>) -> Result<(), Failure> {
    let unreadable = |error: git2::Error| unreadable(repository, commit.id(), &error);
    let mut files = Index::new().map_err(unreadable)?;
    files.read_tree(&commit.tree().map_err(unreadable)?).map_err(unreadable)?;
    for file in files.iter() {
        let what = match file.mode {
            SUBMODULE => "the submodule",
            _ if is_pointer(repository, file.id).map_err(unreadable)? => {
                "in Git LFS, and not in git, the file"
            }
            _ => continue,
        };
        let (id, path) = (commit.id(), plain(&String::from_utf8_lossy(&file.path)));
        let mut failure = failed(format!("commit `{id}` cannot be built from this clone alone"));
        failure.causes.push(format!("it has {what} `{path}`"));
        let revert = format!("undo what came after it, and deploy that: git revert {id}..HEAD");
        return Err(failure.hint(revert));
    }
    Ok(())
}

/// The mode of a tree entry that is a commit of another repository.
const SUBMODULE: u32 = 0o160_000;

/// Whether a file only stands for one in Git LFS.
/// <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md#the-pointer>
fn is_pointer(repository: &Repository, id: Oid) -> Result<bool, git2::Error> {
    const FIRST_LINE: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
    const SMALLER_THAN: usize = 1024;
    let (size, _) = repository.odb()?.read_header(id)?;
    Ok(size < SMALLER_THAN && repository.find_blob(id)?.content().starts_with(FIRST_LINE))
}

fn unreadable(repository: &Repository, commit: Oid, error: &git2::Error) -> Failure {
    let failure = failed(format!("failed to read commit `{commit}`"));
    super::unreadable::explained(failure, repository, error)
}

/// Writes the files that make a folder a work tree, in the order in which git does.
fn register(worktree: &Worktree, commit: Oid) -> io::Result<()> {
    let Worktree { root, entry, .. } = worktree;
    fs::create_dir_all(entry)?;
    fs::write(entry.join(LOCKED), "being made\n")?;
    fs::write(entry.join("gitdir"), link("", &root.join(".git")))?;
    fs::write(root.join(".git"), link("gitdir: ", entry))?;
    fs::write(entry.join("HEAD"), format!("{commit}\n"))?;
    fs::write(entry.join("commondir"), "../..\n")?;
    fs::remove_file(entry.join(LOCKED))
}

/// A line that leads from one of git's files to a path, which need not be UTF-8.
fn link(before: &str, path: &Path) -> Vec<u8> {
    [before.as_bytes(), path.as_os_str().as_encoded_bytes(), b"\n"].concat()
}

/// Checks out the commit that HEAD, written before, names.
fn fill(worktree: &Worktree) -> Result<(), git2::Error> {
    Repository::open(&worktree.root)?.checkout_head(None)
}

#[cfg(test)]
mod tests;
