//! Measures how much the line to the store carries, so that no more bytes are in flight than it takes in a few seconds.
//!
//! All connections share one line. If many bodies are sent over a slow line at once, all of them arrive late: each gets
//! a small share, and the store or this machine gives up waiting for each of them, although the line was never idle. So
//! the limit counts bytes, not requests. It starts at [`FIRST`]. Answers that come quickly show that the line carries
//! more. An answer that comes slowly shows how much it carries: the bytes that arrived while its body was in flight, as
//! BBR measures it (<https://doi.org/10.1145/3012426.3022184>).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How many bytes of bodies may be in flight at first: less than 64 uploads of common size have, and as much as the
/// slowest line carries in three minutes.
const FIRST: u64 = 8 << 20;

/// The most bytes of bodies in flight, because they are in memory.
const MOST: u64 = 32 << 20;

/// The fewest: a file of this size keeps a line of 1 MB/s busy for a second.
const LEAST: u64 = 1 << 20;

/// The limit grows by this many times the bytes that arrived quickly.
const GROWTH: u64 = 4;

/// A body that takes longer than this had to share the line.
const QUICK: Duration = Duration::from_secs(5);

/// The limit is what the line carries in this time.
const HORIZON: f64 = 10.0;

/// The slowest line that the tool waits for, in bytes per second.
const SLOWEST: f64 = 50_000.0;

/// When waiting, assume that the line carries only this fraction of the last measured rate.
const CAUTION: f64 = 0.25;

/// Cheap to clone: all clones are the same line.
#[derive(Clone, Debug)]
pub struct Line(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Bodies that wait for room, first come, first served: small ones cannot overtake a large one for ever.
    queue: tokio::sync::Mutex<()>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// How many bytes may be in flight.
    room: u64,
    under_way: u64,
    /// How many bytes have arrived since the beginning.
    arrived: u64,
    /// The rate that the last slow answer showed, in bytes per second.
    rate: Option<f64>,
}

/// A body in flight. Its room is given back when it is dropped.
#[derive(Debug)]
pub struct Body {
    line: Line,
    size: u64,
    /// When it began or the last part of it arrived, and how many bytes had arrived on the whole line by then.
    last: Mutex<(Instant, u64)>,
}

impl Line {
    pub(in crate::bucket) fn new() -> Line {
        let state = State { room: FIRST, under_way: 0, arrived: 0, rate: None };
        Line(Arc::new(Shared {
            state: Mutex::new(state),
            queue: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Waits until there is room for a body. A body that is larger than all the room goes alone.
    pub async fn begin(&self, size: u64) -> Body {
        let size = size.min(MOST);
        let _first = self.0.queue.lock().await;
        loop {
            let changed = self.0.changed.notified();
            {
                let mut state = self.state();
                if state.under_way == 0 || state.under_way + size <= state.room {
                    state.under_way += size;
                    let last = Mutex::new((Instant::now(), state.arrived));
                    return Body { line: self.clone(), size, last };
                }
            }
            changed.await;
        }
    }

    /// How much longer to wait for an answer because other bodies share the line.
    pub fn patience(&self) -> Duration {
        let state = self.state();
        let rate = state.rate.map_or(SLOWEST, |rate| SLOWEST.max(rate * CAUTION));
        Duration::from_secs_f64(state.under_way as f64 / rate)
    }

    /// Call this if a request got no answer in time.
    pub fn stalled(&self) {
        let mut state = self.state();
        state.room = (state.room / 2).max(LEAST);
        state.rate = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body {
    /// Call this when this many bytes of the body were answered.
    pub fn arrived(&self, bytes: u64) {
        self.arrived_at(bytes, Instant::now());
    }

    fn arrived_at(&self, bytes: u64, now: Instant) {
        let mut state = self.line.state();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, before) = *last;
        state.arrived += bytes;
        let took = now.saturating_duration_since(since);
        if took <= QUICK {
            state.room = (state.room + GROWTH * bytes).min(MOST);
        } else {
            let rate = (state.arrived - before) as f64 / took.as_secs_f64();
            state.room = state.room.min(((rate * HORIZON) as u64).max(LEAST));
            state.rate = Some(rate);
        }
        *last = (now, state.arrived);
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.line.state().under_way -= self.size;
        self.line.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MB: u64 = 1_000_000;

    /// Begins as many bodies as there is room for.
    fn fill(line: &Line, size: u64) -> Vec<Body> {
        std::iter::from_fn(|| line.begin(size).now_or_never()).collect()
    }

    /// Lets all of these bodies arrive, after the time that they take at this rate in bytes per second.
    fn arrive(bodies: &[Body], size: u64, rate: u64) {
        let took = Duration::from_millis(bodies.len() as u64 * size * 1000 / rate);
        bodies.iter().for_each(|body| body.arrived_at(size, Instant::now() + took));
    }

    /// Sends bodies over a line that gives each the same share, and returns how many were in flight in each round.
    fn send(line: &Line, size: u64, rate: u64, rounds: usize) -> Vec<usize> {
        let round = |_| {
            let bodies = fill(line, size);
            arrive(&bodies, size, rate);
            bodies.len()
        };
        (0..rounds).map(round).collect()
    }

    #[test]
    fn a_slow_line_gets_no_more_than_it_carries_in_ten_seconds() {
        let bodies = send(&Line::new(), 90_000, 100_000, 8);
        assert_eq!(bodies[0], 93, "eight mebibytes at first");
        assert!(bodies[2..].iter().all(|bodies| (4..=60).contains(bodies)), "{bodies:?}");

        let bodies = send(&Line::new(), MB, 625_000, 8);
        assert_eq!(bodies[0], 8);
        assert!(bodies[2..].iter().all(|bodies| (1..=7).contains(bodies)), "{bodies:?}");
    }

    #[test]
    fn a_fast_line_gets_all_that_memory_has_room_for() {
        assert_eq!(send(&Line::new(), MB, 100 * MB, 3), [8, 33, 33]);
    }

    #[test]
    fn a_line_that_was_slow_and_is_fast_again_gets_more() {
        let line = Line::new();
        send(&line, MB, 100_000, 3);
        assert!(fill(&line, MB).len() < 4);
        assert_eq!(send(&line, MB, 100 * MB, 5).last(), Some(&33));
    }

    #[tokio::test]
    async fn a_body_larger_than_all_room_goes_alone_and_is_not_overtaken() {
        let line = Line::new();
        let small = line.begin(10).await;
        let mut large = Box::pin(line.begin(100 * MB));
        assert!(large.as_mut().now_or_never().is_none());
        assert!(line.begin(10).now_or_never().is_none(), "the large one is first");
        drop(small);
        let large = large.await;
        assert!(line.begin(10).now_or_never().is_none());
        drop(large);
        assert!(line.begin(10).now_or_never().is_some());
    }

    #[test]
    fn what_shares_a_line_is_waited_for_as_long_as_the_slowest_takes() {
        let line = Line::new();
        assert_eq!(line.patience(), Duration::ZERO);
        let bodies = fill(&line, MB);
        assert_eq!(line.patience(), Duration::from_secs(160));
        // Ten times as fast as the slowest. The wait assumes a quarter of this rate.
        arrive(&bodies, MB, 500_000);
        assert_eq!(line.patience().as_secs(), 64);
        line.stalled();
        assert_eq!(line.patience(), Duration::from_secs(160));
    }

    #[test]
    fn what_times_out_halves_the_room() {
        let line = Line::new();
        line.stalled();
        assert_eq!(fill(&line, MB).len(), 4);
        (0..9).for_each(|_| line.stalled());
        assert_eq!(fill(&line, MB).len(), 1);
    }
}
