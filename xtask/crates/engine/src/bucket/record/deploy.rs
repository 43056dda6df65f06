//! A deploy as the record describes it: which state of the repository was deployed, by whom and when.

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use serde::{Deserialize, Deserializer, Serialize};

use crate::repository::ci;
use crate::repository::target::{Target, short};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    /// The tool's version.
    pub tool: String,
    pub branch: String,
    pub commit: String,
    /// Whether there were changes that were not committed.
    pub dirty: bool,
    #[serde(deserialize_with = "without_logins")]
    pub who: String,
    /// In seconds since 1970.
    pub at: u64,
    /// The deploy that this one replaced. If that was a rollback, the deploy that it restored.
    pub replaced: Option<String>,
    /// The deploy that this one restored, if it was a rollback.
    pub rolled_back_to: Option<String>,
    /// The environment's name. An earlier version of this tool did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// When the commit was made, in seconds since 1970. An earlier version of this tool did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<u64>,
    /// For a rollback, the newest commit that was live before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Commit>,
}

/// Who deployed, according to the bucket. Other people can write there, so logins are removed from addresses.
fn without_logins<'d, D: Deserializer<'d>>(text: D) -> Result<String, D::Error> {
    String::deserialize(text).map(|who| ci::without_logins(&who))
}

/// How far the clocks of two machines may be apart, in seconds.
pub const CLOCKS: u64 = 600;

/// A commit, and when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    pub id: String,
    /// In seconds since 1970.
    pub time: Option<u64>,
}

impl Deploy {
    /// A deploy of a target by `who`, at a time from [`Deploy::time_after`].
    pub(crate) fn of(target: &Target, who: String, at: u64, replaced: Option<&Deploy>) -> Deploy {
        let Target { place, revision } = target;
        Deploy {
            tool: env!("CARGO_PKG_VERSION").into(),
            branch: revision.branch.clone(),
            commit: revision.commit.clone(),
            dirty: revision.dirty,
            who,
            at,
            replaced: replaced.map(Deploy::origin),
            rolled_back_to: None,
            environment: Some(place.environment.name.clone()),
            committed: None,
            newest: None,
        }
    }

    /// The time of the deploy that replaces this one, in seconds since 1970, as are the others. It is later than this
    /// deploy's time even if the clocks of the two machines differ.
    ///
    /// The exception is a deploy whose time is later by more than [`CLOCKS`] than both `now` and the time at which its
    /// record was `written`, by the store's clock. Somebody made that time up, and later deploys must not follow it.
    pub(crate) fn time_after(&self, now: u64, written: u64) -> u64 {
        match self.at <= now.max(written).saturating_add(CLOCKS) {
            true => now.max(self.at.saturating_add(1)),
            false => now,
        }
    }

    /// The deploy whose site is live: this one, or the one that it restored.
    pub fn origin(&self) -> String {
        self.rolled_back_to.clone().unwrap_or_else(|| self.id())
    }

    /// The newest commit that is known to have been live. After a rollback, an older one is live on purpose. A job that
    /// deploys a commit older than the newest is late.
    pub fn newest(&self) -> Commit {
        let own = || Commit { id: self.commit.clone(), time: self.committed };
        self.newest.clone().unwrap_or_else(own)
    }

    /// Its name: the time and the commit. So names sort in the order of the deploys.
    pub fn id(&self) -> String {
        let time: String = self.time().chars().filter(|c| !matches!(c, '-' | ':')).collect();
        format!("{time}-{}", short(&self.commit))
    }

    /// Its time in the form `2026-11-23T20:38:45Z`.
    pub fn time(&self) -> String {
        let seconds = i64::try_from(self.at).unwrap_or(i64::MAX);
        // A number that is not a date is shown as it is.
        let time = DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime);
        time.unwrap_or_else(|_| self.at.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deploy(at: u64) -> Deploy {
        Deploy {
            tool: "0.1.0".into(),
            branch: "main".into(),
            commit: "8060c0d1a2b3c4d5e6f708192a3b4c5d6e7f8091".into(),
            dirty: false,
            who: "kim@laptop".into(),
            at,
            replaced: None,
            rolled_back_to: None,
            environment: None,
            committed: None,
            newest: None,
        }
    }

    #[test]
    fn a_deploy_comes_after_the_one_that_it_replaces_unless_that_ones_time_is_made_up() {
        let (now, store) = (10_000, 20_000);
        for (at, written, expected) in [
            (5_000, 5_000, now),
            (now, now, now + 1),
            (now + CLOCKS, now, now + CLOCKS + 1),
            (now + CLOCKS + 1, now, now),
            // This machine's clock is late.
            (store + 5, store, store + 6),
            (store + CLOCKS + 1, store, now),
            (u64::MAX, now, now),
            (u64::MAX, 0, now),
        ] {
            assert_eq!(deploy(at).time_after(now, written), expected, "{at} {written}");
        }
    }

    #[test]
    fn a_deploy_is_named_by_its_time_and_commit() {
        assert_eq!(deploy(1_795_466_325).id(), "20261123T203845Z-8060c0d");
        assert!(deploy(1_795_466_325).id() < deploy(1_795_466_326).id());
        assert!(deploy(u64::MAX).id().ends_with("-8060c0d"), "a time that nobody can name");
    }
}
