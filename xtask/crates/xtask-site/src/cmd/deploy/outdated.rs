//! Whether a deploy would put an older commit over a newer one: a job that was run again, or one that waited in a queue
//! for too long.
//!
//! If the clone has the live commit, git knows exactly. Otherwise the times of the two commits are compared. The time
//! of the live commit is in the record, which anyone who can write to the bucket can forge. So git's answer outranks
//! it, a time in the future is not believed, and by hand there is only a warning.

use crate::cmd::blocking;
use crate::cmd::deploy::deployment::Deployment;
use engine::base::hint::{Command, Subcommand};
use engine::base::{Hint, Refusal, Result};
use engine::bucket::Record;
use engine::bucket::record::{CLOCKS, Commit};
use engine::repository::target::short;
use engine::repository::{Distance, checkout};

/// Why this deploy comes too late. `None` if it does not.
pub async fn check(deployment: &Deployment<'_>, record: &Record) -> Result<Option<Refusal>> {
    let (Some(live), ours) = (&record.deploy, &deployment.run.target.revision) else {
        return Ok(None);
    };
    // The time of another branch's commit says nothing. What git knows counts for every branch: a hotfix that was
    // deployed by hand is newer than the commits below it.
    let is_same_branch = live.branch == ours.branch;
    if live.commit == ours.commit {
        return Ok(None);
    }
    let newest = live.newest();
    let (root, commit) = (deployment.checkout.root.clone(), newest.id.clone());
    let distance =
        blocking(move || Ok(checkout::distance(&root, &commit).unwrap_or(Distance::Unknown)))
            .await?;
    let is_older = match distance {
        Distance::Apart { ahead, behind } => ahead > 0 && behind == 0,
        Distance::Unknown | Distance::Shallow => {
            is_same_branch && is_earlier(deployment.committed, newest.time, deployment.now)
        }
    };
    Ok(is_older.then(|| outdated(&ours.commit, &newest)))
}

/// Whether a commit was made before the live one, going by times in seconds since 1970.
fn is_earlier(ours: Option<u64>, live: Option<u64>, now: u64) -> bool {
    let live = live.filter(|live| *live <= now.saturating_add(CLOCKS));
    ours.zip(live).is_some_and(|(ours, live)| ours < live)
}

fn outdated(commit: &str, newest: &Commit) -> Refusal {
    let (ours, newest) = (short(commit), short(&newest.id));
    Refusal::new(
        "outdated",
        format!("commit `{ours}` is older than `{newest}`, which was deployed already"),
        Hint::from("to go back on purpose: ")
            .then(Command::of(Subcommand::Rollback))
            .then("; if this commit is to be live all the same, deploy it by hand: ")
            .then(Command::of(Subcommand::Deploy)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_earlier_only_if_both_times_are_known_and_possible() {
        for (ours, live, earlier) in [
            (Some(10), Some(20), true),
            (Some(20), Some(20), false),
            (Some(30), Some(20), false),
            (None, Some(20), false),
            (Some(10), None, false),
            (Some(10), Some(1000 + CLOCKS), true),
            // Somebody wrote that into the record.
            (Some(10), Some(1001 + CLOCKS), false),
            (Some(10), Some(u64::MAX), false),
        ] {
            assert_eq!(is_earlier(ours, live, 1000), earlier, "{ours:?} {live:?}");
        }
    }
}
