//! Ends a run before it is done: after a signal, or because the lock was lost. Everything that takes long listens.

use std::sync::Arc;

use futures_util::future::select_all;
use tokio::sync::watch;

use crate::base::error::{Error, Failure, Result};

/// Listens for the signal. Cheap to clone, so that tasks can hold one.
#[derive(Clone, Debug)]
pub struct Stop(Arc<[watch::Receiver<Option<Cause>>]>);

/// Tells everything that listens to stop.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Option<Cause>>);

/// Why a run is to end.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A person or the system asked for it.
    Signal,
    Failure(Failure),
}

pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(None);
    (Stopper(sender), Stop([receiver].into()))
}

impl Stopper {
    pub fn stop(&self, cause: Cause) {
        self.0.send_replace(Some(cause));
    }
}

impl Stop {
    /// Stops when either of the two does.
    pub fn or(&self, other: &Stop) -> Stop {
        Stop(self.0.iter().chain(&*other.0).cloned().collect())
    }

    pub(crate) fn is_told(&self) -> bool {
        self.0.iter().any(|cause| cause.borrow().is_some())
    }

    /// Why the run is to end; a failure says more than a signal. `None` if it goes on.
    pub(crate) fn cause(&self) -> Option<Cause> {
        let causes = || self.0.iter().filter_map(|cause| cause.borrow().clone());
        causes().find(|cause| matches!(cause, Cause::Failure(_))).or_else(|| causes().next())
    }

    /// Returns when the run is to end.
    pub async fn told(&self) {
        let told = |cause: &watch::Receiver<Option<Cause>>| {
            let mut cause = cause.clone();
            Box::pin(async move {
                if cause.wait_for(Option::is_some).await.is_err() {
                    // The stopper was dropped, so nothing stops this run any more.
                    std::future::pending().await
                }
            })
        };
        select_all(self.0.iter().map(told)).await;
    }

    /// Does work that leaves nothing behind if it is dropped: to its end, or until the run is to end.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.told() => Err(self.error()),
            done = work => done,
        }
    }

    /// How a run ends that was stopped before its first write.
    fn error(&self) -> Error {
        match self.cause() {
            Some(Cause::Failure(failure)) => failure.into(),
            Some(Cause::Signal) | None => Error::Interrupted("nothing was written".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::base::error::failed;

    #[tokio::test]
    async fn either_of_two_stops_and_a_failure_is_the_cause_that_is_told() {
        let ((signal, one), (lock, other)) = (channel(), channel());
        let both = one.or(&other);
        assert!(!both.is_told() && both.told().now_or_never().is_none());

        signal.stop(Cause::Signal);
        assert!(both.is_told() && !other.is_told());
        both.told().await;
        let ended = both.unless_stopped(std::future::pending::<Result<()>>()).await;
        assert!(matches!(ended, Err(Error::Interrupted(_))));

        lock.stop(Cause::Failure(failed("lost")));
        let ended = both.unless_stopped(std::future::pending::<Result<()>>()).await;
        assert!(matches!(ended, Err(Error::Failed(failure)) if failure.message == "lost"));
    }

    #[tokio::test]
    async fn a_stopper_that_is_gone_stops_nothing() {
        let (stopper, stop) = channel();
        drop(stopper);
        assert!(!stop.is_told() && stop.told().now_or_never().is_none());
        assert_eq!(stop.unless_stopped(async { Ok(1) }).await.ok(), Some(1));
    }
}
