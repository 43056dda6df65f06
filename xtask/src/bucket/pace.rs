//! How many uploads are under way at once. A store that is asked too much says so with 503 or 429; the
//! number is then halved, and goes up by one for each round of answers that were good, as TCP finds the
//! rate of a line (additive increase, multiplicative decrease, RFC 5681). Retrying alone would keep the
//! pressure up.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Where it begins, and the most.
pub const MOST: usize = 64;

/// Below this a deploy would hardly go on, and one that is throttled even so is given up by its retries.
const LEAST: usize = 2;

/// Answers to requests of before the last cut say nothing of the pace since.
const BETWEEN_CUTS: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
pub struct Pace {
    permits: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// Permits that are out and have to be withdrawn when they come back.
    debt: usize,
    /// Good answers since the limit last went up.
    good: usize,
    cut: Option<Instant>,
}

/// Leave to send; given back when dropped.
#[derive(Debug)]
pub struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    pace: Pace,
}

impl Pace {
    pub fn new() -> Pace {
        let state = State { limit: MOST, debt: 0, good: 0, cut: None };
        Pace { permits: Arc::new(Semaphore::new(MOST)), state: Arc::new(Mutex::new(state)) }
    }

    /// Waits until there is room for one more.
    pub async fn turn(&self) -> Turn {
        // The semaphore is never closed, so there is always a permit in the end.
        let permit = self.permits.clone().acquire_owned().await.ok();
        Turn { permit, pace: self.clone() }
    }

    /// The store has too much to do.
    pub fn throttled(&self, now: Instant) {
        let mut state = self.state();
        if state.cut.is_some_and(|cut| now.duration_since(cut) < BETWEEN_CUTS) {
            return;
        }
        let limit = (state.limit / 2).max(LEAST);
        state.debt += state.limit - limit;
        (state.limit, state.good, state.cut) = (limit, 0, Some(now));
    }

    /// The store answered as it should.
    pub fn answered(&self) {
        let mut state = self.state();
        state.good += 1;
        if state.good < state.limit || state.limit == MOST {
            return;
        }
        (state.limit, state.good) = (state.limit + 1, 0);
        match state.debt {
            0 => self.permits.add_permits(1),
            _ => state.debt -= 1,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        if state.debt > 0
            && let Some(permit) = self.permit.take()
        {
            state.debt -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many more could begin now.
    async fn free(pace: &Pace) -> usize {
        pace.permits.available_permits()
    }

    #[tokio::test]
    async fn a_throttled_deploy_sends_half_as_much_and_then_a_little_more_each_round() {
        let pace = Pace::new();
        let start = Instant::now();
        let turns = futures_util::future::join_all((0..MOST).map(|_| pace.turn())).await;
        assert_eq!(free(&pace).await, 0);

        pace.throttled(start);
        pace.throttled(start + BETWEEN_CUTS / 2);
        drop(turns);
        assert_eq!(free(&pace).await, 32, "one cut for the answers of one moment");

        for _ in 0..31 {
            pace.answered();
        }
        assert_eq!(free(&pace).await, 32);
        pace.answered();
        assert_eq!(free(&pace).await, 33);
    }

    #[tokio::test]
    async fn it_never_stops_and_never_sends_more_than_the_most() {
        let pace = Pace::new();
        let start = Instant::now();
        for n in 0..20 {
            pace.throttled(start + BETWEEN_CUTS * n);
            drop(futures_util::future::join_all((0..LEAST).map(|_| pace.turn())).await);
        }
        let turns = futures_util::future::join_all((0..LEAST).map(|_| pace.turn())).await;
        assert_eq!(pace.state().limit, LEAST);
        drop(turns);
        for _ in 0..10_000 {
            pace.answered();
        }
        let state = pace.state();
        assert_eq!((state.limit, state.debt + free_now(&pace)), (MOST, MOST));
    }

    fn free_now(pace: &Pace) -> usize {
        pace.permits.available_permits()
    }
}
