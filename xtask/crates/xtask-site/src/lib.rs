//! Deploys a static site to the AWS account that its git branch belongs to.
//!
//! This is a library, so that the xtask of another repository needs only five lines:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     xtask_site::main()
//! }
//! ```
//!
//! An xtask that has other subcommands takes these with it, see [`Task`].
//!
//! The modules stand in reading order: what can be typed, the subcommands, and what they print. The stages of a deploy
//! are the crate [`engine`].

#[doc(hidden)]
pub mod cli;
mod context;
mod cmd;
mod output;

mod signals;

pub use cli::Task;
#[doc(hidden)]
pub use context::COMPILED_FROM;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use engine::base::cancel::{self, Cause, Stopper};
use engine::base::hint::Subcommand;
use engine::base::{Error, Result, Stop, failed, limits};
use engine::repository::build;
use tokio::time::Instant;

use cli::{Cli, Typed};
use output::{color, progress, report};

/// Parses, dispatches, prints the error and returns the exit code.
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            color::choose(cli.color);
            cli.task.run()
        }
        Err(error) => usage(&error),
    }
}

impl Task {
    /// Does what was typed, prints how it went, and returns the exit code: 0 done, 1 failed, 2 usage or configuration,
    /// 3 refused, 130 interrupted.
    pub fn run(&self) -> ExitCode {
        limits::raise();
        let json = self.wants_json();
        let run = async |stop: Stop| match self {
            Task::Deploy(options) => cmd::deploy::run(options, &stop).await,
            Task::Preview(options) => cmd::preview::run(options, &stop).await,
            Task::Status(options) => cmd::status::run(options, &stop).await,
            Task::Rollback(options) => cmd::rollback::run(options, &stop).await,
            Task::Init(options) => cmd::init::run(options, &stop).await,
        };
        match unwound(|| block_on(json, run)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                progress::clear();
                report::error(&error, &self.typed(), json);
                ExitCode::from(error.exit_code())
            }
        }
    }
}

/// Help, which is not an error, or a mistake on the command line. A script that asked for JSON gets it here too.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let error = Error::Config(text.trim_start_matches("error: ").trim_end().into());
        report::error(&error, &NOTHING_TO_REPEAT, true);
        return ExitCode::from(2);
    }
    // If the terminal is gone, there is no other place to print it.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Turns a panic, which is a bug in this tool, into a failure like any other.
fn unwound<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    static PANIC: Mutex<String> = Mutex::new(String::new());
    std::panic::set_hook(Box::new(|panic| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let mut failure = failed("internal error");
        failure.causes.push(PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone());
        Err(failure.hint("run it again; if it stays, report it with these lines").into())
    })
}

/// For errors whose hints have no commands.
const NOTHING_TO_REPEAT: Typed<'static> = Typed::only(Subcommand::Deploy);

/// How long the work may take to end after the first signal: time to finish files that are being sent, and to release
/// the lock.
const GRACE: Duration = Duration::from_secs(7);

/// Signals that follow each other this closely count as one: a terminal that is closed sends its signal twice, and so
/// does `timeout`.
const ONE_SIGNAL: Duration = Duration::from_millis(500);

/// Runs `work` to its end. The first SIGINT, SIGTERM or SIGHUP asks it to stop, the second ends the process.
fn block_on<T>(json: bool, work: impl AsyncFnOnce(Stop) -> Result<T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|e| failed("failed to start the threads of this process").because(&e))?;
    let (stopper, stop) = cancel::channel();
    let done = runtime.block_on(async {
        tokio::spawn(listen(signals::listen(), stopper, json));
        work(stop).await
    });
    // Before the handling of signals ends.
    build::settle();
    // Do not wait for a thread that reads a file, or that waits for the rest of the generator's output.
    runtime.shutdown_background();
    done
}

/// Passes the first signal on. If the work does not end in time, for example because it waits for a disk, the process
/// is ended.
async fn listen(mut signals: signals::Signals, stopper: Stopper, json: bool) {
    signals.next().await;
    stopper.stop(Cause::Signal);
    let one = Instant::now() + ONE_SIGNAL;
    while tokio::time::timeout_at(one, signals.next()).await.is_ok() {}
    let why = match tokio::time::timeout(GRACE, signals.next()).await {
        Ok(()) => "stopped at once",
        Err(_) => "the work in progress did not end in time",
    };
    progress::clear();
    let stopped = Error::Interrupted(format!("{why}; its lock may remain for two more minutes"));
    report::error(&stopped, &NOTHING_TO_REPEAT, json);
    std::process::exit(i32::from(stopped.exit_code()));
}
