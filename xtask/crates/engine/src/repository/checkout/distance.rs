//! How far a commit is from HEAD. `status` shows it next to the commit from which a site was deployed.
//!
//! The commit is a text from a bucket, written by another clone, so it may be anything. If it is not the id of a commit
//! in this clone, the result is [`Distance::Unknown`], not a failure.
//!
//! **A shallow clone** lacks the parents of its oldest commits, and git counts only the commits that are there. The
//! numbers are certain to be right only if nothing that is missing could be in one history and not in the other. That
//! is so if
//!
//! - both histories lead to each commit whose parents are missing, so that the parents are in both, and
//! - each counted commit has each of these commits behind it. Then it is no ancestor of the missing parents, whose
//!   ancestors are in both histories as well.
//!
//! An example is a line of commits that is cut off below everything that is counted, as CI clones it. Everything else
//! is [`Distance::Shallow`]: a wrong number would be worse than none.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use git2::{ErrorCode, Oid, Repository, Sort};

use crate::base::error::{Failure, failed};
use crate::base::humanize::count;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distance {
    /// It is not in this clone, or is not the id of a commit.
    Unknown,
    /// It is in this clone, but the clone lacks the commits that would show how far it is.
    Shallow,
    Apart {
        /// How many commits it has that HEAD lacks.
        ahead: usize,
        /// How many commits HEAD has that it lacks.
        behind: usize,
    },
}

/// How far a commit is from HEAD. An unborn branch lacks all commits.
pub fn distance(root: &Path, commit: &str) -> Result<Distance, Failure> {
    let Some(commit) = super::id(commit) else { return Ok(Distance::Unknown) };
    measure(root, commit).map_err(|error| {
        failed(format!("failed to ask git how far commit `{commit}` is from HEAD")).because(&error)
    })
}

fn measure(root: &Path, commit: Oid) -> Result<Distance, git2::Error> {
    let repository = Repository::open(root)?;
    if super::find(&repository, commit)?.is_none() {
        return Ok(Distance::Unknown);
    }
    let head = match repository.head() {
        Ok(head) => Some(head.peel_to_commit()?.id()),
        Err(error) if error.code() == ErrorCode::UnbornBranch => None,
        Err(error) => return Err(error),
    };
    if let Some(cuts) = cuts(&repository)? {
        // libgit2 looks for the shallow commits next to HEAD, but in a work tree made by `git worktree` they are not
        // there.
        let common = Repository::open(repository.commondir())?;
        return measure_shallow(&common, &cuts, head, commit);
    }
    let (ahead, behind) = match head {
        Some(head) => repository.graph_ahead_behind(commit, head)?,
        None => (history(&repository, &[commit])?.len(), 0),
    };
    Ok(Distance::Apart { ahead, behind })
}

/// The commits whose parents a shallow clone lacks; `None` in any other clone.
/// <https://git-scm.com/docs/shallow>
fn cuts(repository: &Repository) -> Result<Option<HashSet<Oid>>, git2::Error> {
    match std::fs::read_to_string(repository.commondir().join("shallow")) {
        Ok(lines) => lines.lines().map(Oid::from_str).collect::<Result<_, _>>().map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(git2::Error::from_str(&format!("`shallow`: {error}"))),
    }
}

fn measure_shallow(
    repository: &Repository,
    cuts: &HashSet<Oid>,
    head: Option<Oid>,
    commit: Oid,
) -> Result<Distance, git2::Error> {
    let of_head: HashSet<Oid> = history(repository, head.as_slice())?.into_iter().collect();
    let of_commit: HashSet<Oid> = history(repository, &[commit])?.into_iter().collect();
    let apart: HashSet<Oid> = of_head.symmetric_difference(&of_commit).copied().collect();
    let both: Vec<Oid> = head.into_iter().chain([commit]).collect();
    let all = history(repository, &both)?;
    for cut in all.iter().filter(|id| cuts.contains(id)) {
        // A cut to which only one of them leads is itself among the counted commits, and does not descend from itself.
        if !apart.is_subset(&descendants(repository, &all, *cut)?) {
            return Ok(Distance::Shallow);
        }
    }
    Ok(Distance::Apart {
        ahead: of_commit.difference(&of_head).count(),
        behind: of_head.difference(&of_commit).count(),
    })
}

/// Commits and everything behind them, parents first.
fn history(repository: &Repository, tips: &[Oid]) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
    tips.iter().try_for_each(|tip| walk.push(*tip))?;
    walk.collect()
}

/// Which of some commits, in the order of [`history`], have a given commit behind them.
fn descendants(
    repository: &Repository,
    commits: &[Oid],
    ancestor: Oid,
) -> Result<HashSet<Oid>, git2::Error> {
    let mut found = HashSet::new();
    for id in commits {
        let descends = |parent: Oid| parent == ancestor || found.contains(&parent);
        if repository.find_commit(*id)?.parent_ids().any(descends) {
            found.insert(*id);
        }
    }
    Ok(found)
}

/// The text that follows a commit's name: `3 commits behind`.
impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Distance::Unknown => f.write_str("not in this clone"),
            Distance::Shallow => f.write_str("in this clone, which is too shallow to tell how far"),
            Distance::Apart { ahead: 0, behind: 0 } => f.write_str("at HEAD"),
            Distance::Apart { ahead, behind: 0 } => {
                write!(f, "{} ahead", count(ahead as u64, "commit"))
            }
            Distance::Apart { ahead: 0, behind } => {
                write!(f, "{} behind", count(behind as u64, "commit"))
            }
            Distance::Apart { ahead, behind } => write!(f, "{ahead} ahead, {behind} behind"),
        }
    }
}

#[cfg(test)]
mod tests;
