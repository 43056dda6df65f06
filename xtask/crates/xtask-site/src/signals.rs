//! The signals that ask a process to end: SIGINT from Ctrl-C, SIGTERM from a cancelled CI job, SIGHUP from a terminal
//! that is closed, unless `nohup` turned it off.

/// Listens from the moment it is created. If the system does not allow that, a signal ends the process as usual.
pub struct Signals(imp::Listeners);

pub fn listen() -> Signals {
    Signals(imp::listen())
}

impl Signals {
    /// Ends with the next signal.
    pub async fn next(&mut self) {
        imp::next(&mut self.0).await;
    }
}

#[cfg(unix)]
mod imp {
    use futures_util::StreamExt;
    use futures_util::stream::FuturesUnordered;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    pub type Listeners = Vec<Signal>;

    pub fn listen() -> Listeners {
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        if !is_ignored(SignalKind::hangup()) {
            kinds.push(SignalKind::hangup());
        }
        kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect()
    }

    pub async fn next(listeners: &mut Listeners) {
        let mut all: FuturesUnordered<_> = listeners.iter_mut().map(Signal::recv).collect();
        if all.next().await.flatten().is_none() {
            std::future::pending().await
        }
    }

    /// Linux provides this as a mask, with the first signal in the lowest bit. On other systems, no signal counts as
    /// ignored.
    /// <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>
    fn is_ignored(kind: SignalKind) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        mask >> (kind.as_raw_value() - 1) & 1 == 1
    }
}

#[cfg(not(unix))]
mod imp {
    pub type Listeners = ();

    pub fn listen() -> Listeners {}

    pub async fn next(_: &mut Listeners) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
