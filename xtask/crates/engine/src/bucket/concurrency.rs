//! How many uploads are in progress at once. It is found in the way in which TCP finds the rate of a line.
//!
//! The number goes up with each answer that came about as quickly as the quickest so far. Then nothing waits in a
//! queue, neither in the store nor on the line nor on this machine, and more uploads only fill the distance (slow
//! start, RFC 5681, ended by waiting times as in TCP Vegas, <https://doi.org/10.1145/190809.190317>). If an answer
//! takes longer, it would only take longer still with more uploads in progress.
//!
//! A store that is too busy says so with 503 or 429, and on a line that is too slow an answer does not come in time.
//! Then the number is halved, and from then on goes up by one for each round of good answers (additive increase,
//! multiplicative decrease). Retries alone would keep up the pressure.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::limits;

/// The number at the beginning.
const FIRST: usize = 64;

/// An answer that takes this many times as long as the quickest had to wait.
const WAITED: u32 = 2;

/// With fewer, a deploy would hardly progress. If it is throttled even so, the retries give up.
const LEAST: usize = 2;

/// How long after a cut the answers still belong to requests from before it, and say nothing about the new pace.
const BETWEEN_CUTS: Duration = Duration::from_millis(500);

#[derive(Clone, Debug)]
pub struct Concurrency {
    permits: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    limit: usize,
    /// As many as there may be connections.
    most: usize,
    /// How many permits that are in use must be withdrawn when they are returned.
    debt: usize,
    /// Good answers since the limit last went up.
    good: usize,
    cut: Option<Instant>,
    /// How long the quickest upload took.
    quickest: Duration,
}

/// The permission to send. It is returned when it is dropped.
#[derive(Debug)]
pub struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    pace: Concurrency,
}

impl Concurrency {
    pub fn new() -> Concurrency {
        Concurrency::up_to(limits::connections())
    }

    fn up_to(most: usize) -> Concurrency {
        let limit = FIRST.min(most);
        let state = State { limit, most, debt: 0, good: 0, cut: None, quickest: Duration::MAX };
        Concurrency { permits: Arc::new(Semaphore::new(limit)), state: Arc::new(Mutex::new(state)) }
    }

    /// Waits until there is room for one more.
    pub async fn turn(&self) -> Slot {
        // The semaphore is never closed, so a permit always comes in the end.
        let permit = self.permits.clone().acquire_owned().await.ok();
        Slot { permit, pace: self.clone() }
    }

    /// Call this when the store is too busy.
    pub fn throttled(&self, now: Instant) {
        let mut state = self.state();
        if state.cut.is_some_and(|cut| now.duration_since(cut) < BETWEEN_CUTS) {
            return;
        }
        let limit = (state.limit / 2).max(LEAST);
        state.debt += state.limit - limit;
        (state.limit, state.good, state.cut) = (limit, 0, Some(now));
    }

    /// Call this when the store gave a good answer to a try of an upload.
    pub fn answered(&self, took: Duration) {
        let mut state = self.state();
        state.good += 1;
        state.quickest = state.quickest.min(took);
        let is_quick = took < state.quickest.saturating_mul(WAITED);
        let is_room = match state.cut {
            Some(_) => state.good >= state.limit && (is_quick || state.limit < FIRST),
            None => is_quick,
        };
        // Raise the limit only while it is binding: free permits mean that uploads are not waiting for it.
        let is_held = state.debt > 0 || self.permits.available_permits() == 0;
        if !(is_room && is_held) || state.limit == state.most {
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

impl Drop for Slot {
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

    const QUICK: Duration = Duration::from_millis(50);

    /// How many more uploads could begin now.
    fn free(pace: &Concurrency) -> usize {
        pace.permits.available_permits()
    }

    /// Begins as many uploads as possible.
    async fn busy(pace: &Concurrency) -> Vec<Slot> {
        let mut turns = Vec::new();
        while free(pace) > 0 {
            turns.push(pace.turn().await);
        }
        turns
    }

    #[tokio::test]
    async fn more_are_sent_while_answers_come_as_quickly_as_ever() {
        let pace = Concurrency::up_to(256);
        let mut turns = busy(&pace).await;
        assert_eq!(turns.len(), FIRST);
        for n in 0..10 {
            pace.answered(QUICK + Duration::from_millis(n));
            turns.extend(busy(&pace).await);
        }
        assert_eq!(turns.len(), FIRST + 10);

        for _ in 0..1000 {
            pace.answered(QUICK * WAITED);
        }
        assert_eq!(free(&pace), 0, "they waited somewhere");

        turns.truncate(FIRST);
        for _ in 0..1000 {
            pace.answered(QUICK);
        }
        assert_eq!(free(&pace), 10, "fewer are under way than may be");
    }

    #[tokio::test]
    async fn a_throttled_deploy_sends_half_as_much_and_then_a_little_more_each_round() {
        let pace = Concurrency::up_to(256);
        let start = Instant::now();
        let turns = busy(&pace).await;

        pace.throttled(start);
        pace.throttled(start + BETWEEN_CUTS / 2);
        drop(turns);
        assert_eq!(free(&pace), 32, "one cut for the answers of one moment");

        let _turns = busy(&pace).await;
        for _ in 0..31 {
            pace.answered(QUICK);
        }
        assert_eq!(free(&pace), 0);
        pace.answered(QUICK);
        assert_eq!(free(&pace), 1);
    }

    #[tokio::test]
    async fn it_never_stops_and_never_sends_more_than_the_most() {
        let pace = Concurrency::up_to(256);
        let start = Instant::now();
        for n in 0..20 {
            pace.throttled(start + BETWEEN_CUTS * n);
            drop(busy(&pace).await);
        }
        let mut turns = busy(&pace).await;
        assert_eq!(turns.len(), LEAST);
        for _ in 0..100_000 {
            pace.answered(QUICK);
            turns.extend(busy(&pace).await);
        }
        assert_eq!((pace.state().limit, turns.len()), (256, 256));
        assert_eq!(free(&Concurrency::up_to(10)), 10, "few connections may be open");
    }
}
