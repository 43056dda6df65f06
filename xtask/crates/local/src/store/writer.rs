//! The one thread that writes. The database takes one writing transaction at a time, and a commit costs far more than a
//! row. So changes that are waiting together share a commit, and each caller is told about its change when the commit
//! is done.
//!
//! Most commits are not flushed to the disk: uploading a site takes thousands of them. After a crash the file is as it
//! was at the last flush, which is at most [`FLUSH_EVERY`] or [`FLUSH_BYTES`] ago: older, but never torn. A caller that
//! needs certainty waits for `flush`.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use redb::{Database, Durability};
use tokio::sync::oneshot;

use super::error::StoreError;
use super::tables::Tables;

const FLUSH_EVERY: Duration = Duration::from_secs(1);
const FLUSH_BYTES: usize = 64 << 20;
/// The most changes that share a commit, so that the first of them does not wait long.
const GROUP: usize = 128;

/// A handle to the thread. When it is dropped, it waits until everything is on the disk.
pub struct Writer {
    /// Taken when the writer is dropped, which tells the thread to end.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

struct Job {
    change: Box<dyn FnOnce(&mut Tables<'_>) -> Changed + Send>,
    /// Roughly how many bytes the change writes.
    bytes: usize,
    flush: bool,
}

/// A change that was made but is not yet committed.
struct Changed {
    answer: Answer,
    /// Set if the whole transaction must be abandoned: the reason.
    broken: Option<StoreError>,
}

/// Tells the caller how the commit went.
type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

impl Writer {
    pub fn start(database: Arc<Database>) -> Result<Writer, StoreError> {
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("local bucket".to_owned())
            .spawn(move || run(&database, &queue))
            .map_err(|error| StoreError::Database(Arc::new(error.into())))?;
        Ok(Writer { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Makes a change that writes about `bytes` bytes, and waits until others can see it.
    pub async fn write<T: Send + 'static>(
        &self,
        bytes: usize,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.submit(bytes, false, change).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Waits until all earlier changes are on the disk.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.submit(0, true, |_| Ok(())).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Removes a blob after all earlier changes, unless one of them refers to it. Does not wait.
    pub fn discard(&self, blob: u64) {
        drop(self.submit(0, false, move |tables| tables.discard(blob)));
    }

    fn submit<T: Send + 'static>(
        &self,
        bytes: usize,
        flush: bool,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, StoreError>> {
        let (sender, receiver) = oneshot::channel();
        let change = Box::new(move |tables: &mut Tables<'_>| {
            let outcome = change(tables);
            let broken = outcome.as_ref().err().filter(|error| error.is_fatal()).cloned();
            // The caller may be gone. The change is made anyway.
            let answer: Answer = Box::new(move |commit| drop(sender.send(commit.and(outcome))));
            Changed { answer, broken }
        });
        if let Some(jobs) = &self.jobs {
            // If the thread has died, the sender is dropped, and the caller learns of it that way.
            drop(jobs.send(Job { change, bytes, flush }));
        }
        receiver
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // If the writer panicked, stderr has the message, and each caller gets an error as its answer.
            drop(thread.join());
        }
    }
}

/// What was committed but not flushed.
struct Unflushed {
    since: Instant,
    bytes: usize,
}

fn run(database: &Database, queue: &Receiver<Job>) {
    let mut unflushed: Option<Unflushed> = None;
    loop {
        let first = match &unflushed {
            None => queue.recv().map_err(RecvTimeoutError::from),
            Some(unflushed) => {
                queue.recv_timeout(FLUSH_EVERY.saturating_sub(unflushed.since.elapsed()))
            }
        };
        let ended = matches!(first, Err(RecvTimeoutError::Disconnected));
        if !ended || unflushed.is_some() {
            let group: Vec<Job> = first.into_iter().chain(queue.try_iter()).take(GROUP).collect();
            unflushed = commit(database, group, unflushed);
        }
        if ended {
            return;
        }
    }
}

/// Makes the changes of a group in one transaction, and tells the callers how it went. An empty group means that it is
/// time to flush.
fn commit(database: &Database, group: Vec<Job>, unflushed: Option<Unflushed>) -> Option<Unflushed> {
    let Unflushed { since, bytes } =
        unflushed.unwrap_or(Unflushed { since: Instant::now(), bytes: 0 });
    let bytes = bytes + group.iter().map(|job| job.bytes).sum::<usize>();
    let asked = group.is_empty() || group.iter().any(|job| job.flush);
    let flush = asked || bytes >= FLUSH_BYTES || since.elapsed() >= FLUSH_EVERY;
    let mut answers = Vec::with_capacity(group.len());
    let outcome = transact(database, group, flush, &mut answers);
    for answer in answers {
        answer(outcome.clone());
    }
    match (outcome, flush) {
        (Ok(()), true) => None,
        (Ok(()), false) => Some(Unflushed { since, bytes }),
        // Try again when the next flush is due, not at once and in an endless loop.
        (Err(_), _) => Some(Unflushed { since: Instant::now(), bytes }),
    }
}

fn transact(
    database: &Database,
    group: Vec<Job>,
    flush: bool,
    answers: &mut Vec<Answer>,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(if flush { Durability::Immediate } else { Durability::None })?;
    let mut tables = Tables::open(&transaction)?;
    let mut broken = None;
    for job in group {
        let changed = (job.change)(&mut tables);
        broken = broken.or(changed.broken);
        answers.push(changed.answer);
    }
    drop(tables);
    match broken {
        Some(error) => Err(error),
        None => Ok(transaction.commit()?),
    }
}
