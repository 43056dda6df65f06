//! Work on all cores: the walk through a site, and its digests.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Does `work` on each item and on each that this adds, on as many threads as there are cores, and returns when
/// none is left. The latest are taken first. Blocks the thread.
///
/// The first error ends it all, and is returned.
pub fn each<T: Send, E: Send>(
    items: Vec<T>,
    work: impl Fn(T, &mut Vec<T>) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let work = &work;
    let queue = Queue {
        state: Mutex::new(State { waiting: items, busy: 0, error: None }),
        changed: Condvar::new(),
    };
    let worker = || {
        let mut more = Vec::new();
        while let Some(item) = queue.next() {
            // Is busy until dropped, also by a panic: the others would wait for it for ever.
            let busy = Busy(&queue);
            match work(item, &mut more) {
                Ok(()) if more.is_empty() => {}
                Ok(()) => {
                    queue.lock().waiting.append(&mut more);
                    queue.changed.notify_all();
                }
                Err(error) => {
                    let mut state = queue.lock();
                    state.waiting.clear();
                    state.error.get_or_insert(error);
                }
            }
            drop(busy);
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    // A worker that panics takes the caller along.
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(worker))));
    let state = queue.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.error.map_or(Ok(()), Err)
}

struct Queue<T, E> {
    state: Mutex<State<T, E>>,
    /// There is more to do, or nothing any more.
    changed: Condvar,
}

struct State<T, E> {
    waiting: Vec<T>,
    /// How many items are being worked on, each of which may add more.
    busy: usize,
    error: Option<E>,
}

impl<T, E> Queue<T, E> {
    /// The next item; `None` once there will be no more.
    fn next(&self) -> Option<T> {
        let mut state = self.lock();
        while state.error.is_none() {
            if let Some(item) = state.waiting.pop() {
                state.busy += 1;
                return Some(item);
            }
            if state.busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Busy<'q, T, E>(&'q Queue<T, E>);

impl<T, E> Drop for Busy<'_, T, E> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.busy -= 1;
        if state.busy == 0 {
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::each;

    /// Counts down from an item to nothing, in two branches.
    fn halve(item: u32, more: &mut Vec<u32>) {
        if item > 1 {
            more.extend([item / 2, item - item / 2]);
        }
    }

    #[test]
    fn what_work_adds_is_done_too() {
        let ones = AtomicU32::new(0);
        let done: Result<(), ()> = each(vec![1000, 24], |item, more| {
            halve(item, more);
            ones.fetch_add(u32::from(item == 1), Ordering::Relaxed);
            Ok(())
        });
        assert_eq!((done, ones.into_inner()), (Ok(()), 1024));
    }

    #[test]
    fn the_first_error_ends_it() {
        let done = each(vec![1 << 20], |item, more| {
            halve(item, more);
            if item == 1 { Err("one") } else { Ok(()) }
        });
        assert_eq!(done, Err("one"));
    }

    #[test]
    fn a_panic_leaves_nobody_waiting() {
        let work = |item, more: &mut Vec<u32>| -> Result<(), ()> {
            halve(item, more);
            assert_ne!(item, 1);
            Ok(())
        };
        assert!(catch_unwind(AssertUnwindSafe(|| each(vec![64], work))).is_err());
    }
}
