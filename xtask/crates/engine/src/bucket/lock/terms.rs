//! How long the steps of the lock take, and how this machine measures time.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant, SystemTime};

/// Tests have their own.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How long a lock lasts without being renewed.
    pub expiry: Duration,
    /// The pause between two looks at a lock that another deploy holds: the first, and the longest.
    pub poll: (Duration, Duration),
    /// The pause between two looks of deploys that began at the same moment.
    pub turn: Duration,
}

pub const TERMS: Terms = Terms {
    expiry: Duration::from_secs(2 * 60),
    poll: (Duration::from_secs(1), Duration::from_secs(10)),
    turn: Duration::from_millis(100),
};

/// How long to wait for a store to give a lock back. If the store does not answer, a run that failed for that reason
/// should not wait for it again.
pub const RELEASE: Duration = Duration::from_secs(3);

impl Terms {
    /// How long after the last renewal to renew the lock again.
    pub fn renewal(&self) -> Duration {
        self.expiry / 3
    }

    /// The pause after a renewal that failed.
    pub fn retry(&self) -> Duration {
        self.expiry / 30
    }

    /// How long after the last renewal the holder treats the lock as lost.
    pub fn give_up(&self) -> Duration {
        self.expiry * 4 / 5
    }

    /// How often the holder looks at its clocks.
    pub fn tick(&self) -> Duration {
        (self.expiry / 300).max(Duration::from_millis(1))
    }
}

/// A time on this machine, to measure from.
#[derive(Clone, Copy, Debug)]
pub struct Moment(Instant, SystemTime);

impl Moment {
    pub fn now() -> Moment {
        Moment(Instant::now(), SystemTime::now())
    }

    /// The first clock stands still while the machine sleeps, and the second can be set by the user.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }

    /// By this machine's clock.
    pub fn seconds_since_1970(&self) -> u64 {
        self.1.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}

/// A number that no other process has: the keys of [`RandomState`] are random numbers of the system.
pub fn random() -> u64 {
    RandomState::new().hash_one((SystemTime::now(), std::process::id()))
}

/// A random time between half of `time` and all of it.
pub fn jitter(time: Duration) -> Duration {
    time / 2 + time.mul_f64((random() >> 11) as f64 / (1u64 << 54) as f64)
}
