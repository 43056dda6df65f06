//! When to build again if sources change while the site is built.
//!
//! Such a change was made either by the user or by the build itself, and nothing tells the two apart. So every change
//! is built, but the pauses grow if each build comes with a change.

use std::time::Duration;

#[derive(Default)]
pub struct Backoff {
    /// Builds in a row during which a source changed.
    changed: u32,
    /// Builds in a row that were ended before they had finished.
    cut: u32,
    /// How long the last finished build took.
    took: Option<Duration>,
}

/// After this many builds in a row with a change, the build itself most likely changes its sources.
const MANY: u32 = 5;

/// How long a build is expected to take if none has finished so far.
const UNKNOWN: Duration = Duration::from_secs(10);

impl Backoff {
    /// How long a build may still run after sources have changed, although its result is outdated already. It is
    /// counted from the start of the build.
    ///
    /// The first build in a row is ended at once. Later ones get more and more time: a user who saves faster than the
    /// site can be built wants to see something, too. But the time is bounded, because a build may hang.
    pub fn patience(&self) -> Duration {
        let Some(took) = self.took else { return UNKNOWN * 2_u32.pow(self.cut.min(10)) };
        match self.cut == 0 && self.changed < MANY {
            true => Duration::ZERO,
            false => UNKNOWN.max(took * 4) * 2_u32.pow(self.cut.min(10)),
        }
    }

    pub fn is_cut(&mut self) {
        self.cut = self.cut.saturating_add(1);
    }

    /// Notes that a build has finished, and whether sources changed during it. Returns `true` once in a row: when there
    /// were enough such builds for a warning.
    pub fn is_done(&mut self, took: Duration, is_changed: bool) -> bool {
        self.took = Some(took);
        self.cut = 0;
        self.changed = if is_changed { self.changed.saturating_add(1) } else { 0 };
        self.changed == MANY
    }

    /// How long to wait for another edit before the changes during the last build are built.
    pub fn rest(&self) -> Duration {
        match self.changed.checked_sub(MANY) {
            Some(more) => Duration::from_secs(1 << more.min(6)),
            None => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_is_built_but_later_and_later_if_each_build_makes_one() {
        let mut backoff = Backoff::default();
        let seconds = |backoff: &mut Backoff| {
            let is_told = backoff.is_done(Duration::from_secs(1), true);
            (is_told, backoff.rest().as_secs())
        };
        let rests: Vec<_> = (0..7).map(|_| seconds(&mut backoff)).collect();
        let expected = [0, 0, 0, 0, 1, 2, 4].map(|rest| (rest == 1, rest));
        assert_eq!(rests, expected);
        for _ in 0..100 {
            backoff.is_done(Duration::ZERO, true);
        }
        assert_eq!(backoff.rest(), Duration::from_secs(64));
        backoff.is_done(Duration::ZERO, false);
        assert_eq!(backoff.rest(), Duration::ZERO);
    }

    #[test]
    fn a_build_is_ended_at_once_only_if_the_one_before_was_shown() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.patience(), UNKNOWN, "the first");
        backoff.is_done(Duration::from_secs(6), false);
        assert_eq!(backoff.patience(), Duration::ZERO);
        backoff.is_cut();
        assert_eq!(backoff.patience(), Duration::from_secs(48));
        backoff.is_cut();
        assert_eq!(backoff.patience(), Duration::from_secs(96));
        backoff.is_done(Duration::from_millis(1), true);
        assert_eq!(backoff.patience(), Duration::ZERO);
        for _ in 0..MANY {
            backoff.is_done(Duration::from_millis(1), true);
        }
        assert_eq!(backoff.patience(), UNKNOWN);
    }
}
