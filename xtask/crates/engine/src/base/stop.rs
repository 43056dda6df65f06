//! The word that a run is to end before it is done. It is given once, and everything that takes long listens.

use tokio::sync::watch;

use crate::base::error::{Error, Result};

/// Listens. Cheap to clone, so that tasks can take it along.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

/// Gives the word.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

pub fn channel() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    pub fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when the word is given.
    pub async fn told(&self) {
        if self.0.clone().wait_for(|told| *told).await.is_err() {
            // Nobody is left to give it.
            std::future::pending().await
        }
    }

    /// Does work that leaves nothing behind where it is dropped: to its end, or until the word is given.
    pub async fn cut<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.told() => Err(Error::Interrupted("nothing was written".into())),
            done = work => done,
        }
    }
}
