//! Where a repository comes from, and which of its files are not committed.

use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository, Status};

use crate::base::error::{Failure, failed};

/// The commit of a clone, and the address from which others can have it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Of the remote `origin`, without a login; the folder of the clone if it has no such remote.
    pub address: String,
    /// Whether the address is that of a remote.
    pub is_remote: bool,
    /// In hex.
    pub commit: String,
}

/// `None` if the folder is in no repository, or in one without a commit.
pub fn origin(folder: &Path) -> Option<Origin> {
    let repository = super::around(folder).ok()?;
    let commit = repository.head().ok()?.peel_to_commit().ok()?.id().to_string();
    let remote = repository.find_remote("origin").ok();
    let address = remote.and_then(|remote| remote.url().ok().map(without_login));
    let is_remote = address.is_some();
    let here = || Some(format!("file://{}", repository.workdir()?.canonicalize().ok()?.display()));
    Some(Origin { address: address.or_else(here)?, is_remote, commit })
}

/// An address as Cargo takes it: `git@host:path` as `ssh://git@host/path`, and without a login, which must not get into
/// a file. Over ssh the name of the user stays, without a password: servers expect `git`.
pub fn without_login(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
            let (login, host) = host.rsplit_once('@').unwrap_or(("", host));
            let user = login.split(':').next().filter(|user| scheme == "ssh" && !user.is_empty());
            let user = user.map(|user| format!("{user}@")).unwrap_or_default();
            format!("{scheme}://{user}{host}{path}")
        }
        None if address.starts_with('/') => format!("file://{address}"),
        None => match address.split_once(':') {
            Some((host, path)) => format!("ssh://{host}/{path}"),
            None => address.to_owned(),
        },
    }
}

/// Those of some files that differ from the commit, or that git does not track. Files that are not there are none.
///
/// # Errors
///
/// git cannot be asked.
pub fn uncommitted(root: &Path, files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let asking = |error: &git2::Error| failed("failed to ask git what has changed").because(error);
    let repository = Repository::open(root).map_err(|error| asking(&error))?;
    let mut found = Vec::new();
    for file in files.iter().filter(|file| root.join(file).symlink_metadata().is_ok()) {
        match repository.status_file(file) {
            Ok(status) if status == Status::CURRENT || status == Status::IGNORED => {}
            Ok(_) => found.push(file.clone()),
            Err(error) if error.code() == ErrorCode::NotFound => {}
            Err(error) => return Err(asking(&error)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_left_out_of_an_address() {
        for (address, expected) in [
            ("https://example.com/a/b.git", "https://example.com/a/b.git"),
            ("https://user:token@example.com/a.git", "https://example.com/a.git"),
            ("https://token@example.com/a@b.git", "https://example.com/a@b.git"),
            ("git@example.com:a/b.git", "ssh://git@example.com/a/b.git"),
            ("ssh://git@example.com/a.git", "ssh://git@example.com/a.git"),
            ("ssh://git:secret@example.com:22/a.git", "ssh://git@example.com:22/a.git"),
            ("http://a:b@c@example.com:8080/a.git", "http://example.com:8080/a.git"),
            ("https://token@example.com", "https://example.com"),
            ("file:///srv/a@b.git", "file:///srv/a@b.git"),
            ("/srv/git/a.git", "file:///srv/git/a.git"),
        ] {
            assert_eq!(without_login(address), expected);
        }
    }

    #[test]
    fn files_that_are_not_committed_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        std::fs::write(folder.path().join("new"), "1").unwrap();
        std::fs::write(folder.path().join(".gitignore"), "ignored\n").unwrap();
        std::fs::write(folder.path().join("ignored"), "1").unwrap();
        let mut index = repository.index().unwrap();
        index.add_path(Path::new(".gitignore")).unwrap();
        index.write().unwrap();
        let files = ["new", "ignored", "missing", ".gitignore"].map(PathBuf::from);
        let found = uncommitted(folder.path(), &files).unwrap();
        assert_eq!(found, [PathBuf::from("new"), PathBuf::from(".gitignore")]);
    }
}
