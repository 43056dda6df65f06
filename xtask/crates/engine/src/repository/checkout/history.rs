//! Whether a commit is in the history of this repository's branches. A record can name any commit, and a clone can hold
//! commits that nobody reviewed: those of a pull request, or of a fork that was fetched for inspection.

use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use super::BRANCHES;
use crate::base::error::{Failure, failed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// HEAD, or one of the branches in question, leads to the commit.
    Ours,
    Foreign,
    /// No branch leads to the commit, but this clone lacks parents that could.
    Shallow,
    /// The commit is not in this clone, or the text is not the id of a commit.
    Missing,
}

/// Where git keeps the branches of other repositories.
const REMOTES: &str = "refs/remotes/";

/// The usual name of the remote that a clone comes from.
const ORIGIN: &str = "origin";

/// Whether HEAD leads to a commit, or a branch that `takes` accepts: a branch here, or in the repository from which
/// this one was cloned.
pub fn history(
    root: &Path,
    commit: &str,
    takes: &dyn Fn(&str) -> bool,
) -> Result<History, Failure> {
    let Some(id) = super::id(commit) else { return Ok(History::Missing) };
    look(root, id, takes).map_err(|error| {
        failed(format!("failed to ask git which branches hold commit `{id}`")).because(&error)
    })
}

fn look(root: &Path, commit: Oid, takes: &dyn Fn(&str) -> bool) -> Result<History, git2::Error> {
    let repository = Repository::open(root)?;
    if super::find(&repository, commit)?.is_none() {
        return Ok(History::Missing);
    }
    let is_shallow = repository.commondir().join("shallow").exists();
    // libgit2 looks for the limits of a shallow clone next to HEAD, but a work tree made by `git worktree` has none
    // there.
    let whole = Repository::open(repository.commondir())?;
    for tip in tips(&repository, takes)? {
        let leads = match tip == commit {
            true => Ok(true),
            false => whole.graph_descendant_of(tip, commit),
        };
        match leads {
            Ok(true) => return Ok(History::Ours),
            // A parent is missing.
            Err(error) if !(is_shallow && error.code() == ErrorCode::NotFound) => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(if is_shallow { History::Shallow } else { History::Foreign })
}

/// HEAD first, because it usually leads to the commit in question.
fn tips(repository: &Repository, takes: &dyn Fn(&str) -> bool) -> Result<Vec<Oid>, git2::Error> {
    let mut tips = Vec::new();
    match repository.head() {
        Ok(head) => tips.push(head.peel_to_commit()?.id()),
        Err(error) if error.code() == ErrorCode::UnbornBranch => {}
        Err(error) => return Err(error),
    }
    let remote = remote(repository)?;
    for reference in repository.references()? {
        let reference = reference?;
        // A name that is not UTF-8 cannot be a branch in deploy.toml.
        let Ok(name) = reference.name() else { continue };
        let branch = name.strip_prefix(BRANCHES).or_else(|| {
            name.strip_prefix(REMOTES)?.strip_prefix(remote.as_deref()?)?.strip_prefix('/')
        });
        if branch.is_some_and(takes)
            && let Ok(tip) = reference.peel_to_commit()
        {
            tips.push(tip.id());
        }
    }
    Ok(tips)
}

/// `origin`, or the only remote. Additional remotes are often forks.
fn remote(repository: &Repository) -> Result<Option<String>, git2::Error> {
    let remotes = repository.remotes()?;
    let mut names: Vec<&str> = remotes.iter().flatten().flatten().collect();
    names.dedup();
    Ok(match names.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => Some(ORIGIN.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use testing::repository::{add, commit, init, stand_at};

    /// A repository with a line of three commits, HEAD on the second, and a foreign commit on top of the first.
    fn repository() -> (tempfile::TempDir, [Oid; 4]) {
        let scratch = tempfile::tempdir().unwrap();
        let repository = init(scratch.path());
        add(&repository, "page.md", "page\n");
        let first = commit(&repository, 0, &[]);
        let second = commit(&repository, 1, &[first]);
        let third = commit(&repository, 2, &[second]);
        let foreign = commit(&repository, 3, &[first]);
        stand_at(&repository, second);
        (scratch, [first, second, third, foreign])
    }

    #[test]
    fn head_and_the_branches_that_are_asked_for_vouch_for_a_commit() {
        let (scratch, [first, second, third, foreign]) = repository();
        let root = scratch.path();
        let of = |id: Oid| history(root, &id.to_string(), &|branch| branch == "main").unwrap();
        assert_eq!([of(first), of(second)], [History::Ours; 2]);
        assert_eq!([of(third), of(foreign)], [History::Foreign; 2]);
        let repository = Repository::open(root).unwrap();
        let point = |name: &str, id| drop(repository.reference(name, id, true, "").unwrap());
        for (name, found) in [
            ("refs/heads/other", History::Foreign),
            ("refs/tags/main", History::Foreign),
            ("refs/pull/1/head", History::Foreign),
            ("refs/remotes/fork/main", History::Foreign),
            ("refs/remotes/origin/other", History::Foreign),
            ("refs/remotes/origin/main", History::Ours),
        ] {
            point(name, third);
            assert_eq!(of(third), found, "{name}");
        }
        point("refs/heads/main", foreign);
        assert_eq!(of(foreign), History::Ours);
    }

    #[test]
    fn the_only_remote_of_a_clone_may_have_any_name_and_a_second_one_vouches_for_nothing() {
        let (scratch, [_, _, third, _]) = repository();
        let repository = Repository::open(scratch.path()).unwrap();
        let of =
            || history(scratch.path(), &third.to_string(), &|branch| branch == "main").unwrap();
        repository.remote("company", "https://example.com/site.git").unwrap();
        repository.reference("refs/remotes/company/main", third, true, "").unwrap();
        assert_eq!(of(), History::Ours);
        repository.remote("fork", "https://example.com/fork.git").unwrap();
        assert_eq!(of(), History::Foreign);
    }

    #[test]
    fn what_is_no_commit_of_this_clone_is_missing() {
        let (scratch, _) = repository();
        for text in ["", "main", "8060c0d", &"8060c0d1a2".repeat(4), "not hexadecimal"] {
            assert_eq!(
                history(scratch.path(), text, &|_| true).unwrap(),
                History::Missing,
                "{text}"
            );
        }
    }
}
