//! Runs the tool while the events of a case happen to it: the rule for the wire, and the signal.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::case::{Requests, Run};
use super::visitor::Visitor;
use crate::harness::{Fault, Ran, Seen, World, draws};

/// The running tool.
#[derive(Default)]
struct Process {
    id: OnceLock<u32>,
    /// Set if the process is to be signalled when the write in progress is done.
    doomed: AtomicBool,
    /// Set once the process was killed: requests that still come from it do not arrive.
    dead: AtomicBool,
}

impl Process {
    fn signal(&self, signal: &str) {
        let id = self.id.wait().to_string();
        // Fails if the process has just ended, which is fine.
        let _ = Command::new("kill").args([signal, &id]).output().expect("kill runs");
        self.dead.store(signal == "-KILL", Ordering::Relaxed);
    }
}

pub fn play(world: &World, run: &Run, visitor: &Arc<Mutex<Visitor>>) -> Ran {
    let process = Arc::new(Process::default());
    let (signalled, visitor, end) = (process.clone(), visitor.clone(), run.end);
    world.wire.watch(move |seen| {
        visitor.lock().expect("nobody panics with it").look(seen);
        if let Some(end) = end.filter(|_| signalled.doomed.swap(false, Ordering::Relaxed)) {
            signalled.signal(end.signal);
        }
    });
    world.wire.disturb(rule(run.clone(), process.clone()));
    let what = if run.rolls_back { "rollback" } else { "deploy" };
    let ran = world.xtask_started(&[what, "--max-deletes", "1000"], |id| {
        process.id.set(id).expect("one process");
    });
    world.wire.sever();
    world.wire.disturb(|_| None);
    ran
}

fn rule(run: Run, process: Arc<Process>) -> impl FnMut(&Seen) -> Option<Fault> + Send {
    let mut draw = draws(run.seed);
    let mut arrived = 0;
    move |seen| {
        if process.dead.load(Ordering::Relaxed) {
            return Some(Fault::Unread);
        }
        arrived += 1;
        if let Some(end) = run.end.filter(|end| end.requests == arrived) {
            if end.done && seen.writes() {
                process.doomed.store(true, Ordering::Relaxed);
                return Some(Fault::Unanswered);
            }
            process.signal(end.signal);
            return Some(Fault::Unread);
        }
        if run.forbidden.is_some_and(|requests| requests.contain(seen)) {
            return Some(Fault::status(403));
        }
        let drawn = draw(seen);
        let fault = &run.faults[(drawn / 100) as usize % run.faults.len()];
        let meant = run.only.is_none_or(|requests| requests.contain(seen));
        (meant && drawn % 100 < run.share).then(|| fault.clone())
    }
}

impl Requests {
    fn contain(self, seen: &Seen) -> bool {
        match self {
            Requests::Reads => !seen.writes(),
            Requests::Writes => seen.writes(),
            Requests::Assets => {
                seen.writes() && [".css", ".js", ".png"].iter().any(|end| seen.key().ends_with(end))
            }
            Requests::Pages => seen.writes() && seen.key().ends_with(".html"),
            Requests::Deletes => seen.query.contains("delete") || seen.method == "DELETE",
            Requests::Key(key) => seen.key() == key,
        }
    }
}
