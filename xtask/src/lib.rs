//! Deploys a static site to the AWS account that its git branch belongs to.
//!
//! It is a library so that another repository's xtask can be three lines:
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     xtask::main()
//! }
//! ```
//!
//! The modules stand in reading order: what can be typed, the subcommands, the stages of a deploy in the
//! order in which its data flows, and the leaves that all of them use.

pub mod cli;
mod cmd;

mod account;
mod apply;
mod bucket;
mod build;
mod checkout;
mod ci;
mod config;
pub mod local;
mod plan;
mod progress;
mod record;
mod report;
mod site;
mod target;

mod aws;
pub mod error;
mod event;
mod headers;
mod key;
pub mod refusal;
mod secrets;
mod words;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;

use cli::{Cli, Command};
use error::{Error, Result, failed};

/// Parses, dispatches, prints the error and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let done = unwound(|| match &cli.command {
        Command::Deploy(options) => block_on(cmd::deploy::run(options)),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            progress::clear();
            report::error(&error, cli.command.wants_json());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Help, which is no error, or what was typed wrong. A script that asked for JSON gets it here too.
fn usage(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        report::error(
            &Error::Config(error.to_string().trim_start_matches("error: ").trim_end().into()),
            true,
        );
        return ExitCode::from(2);
    }
    // Nobody is left to be told that the terminal is gone.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Turns a panic, which is a mistake in this tool, into a failure like any other.
fn unwound<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    static PANIC: Mutex<String> = Mutex::new(String::new());
    std::panic::set_hook(Box::new(|panic| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
    std::panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let mut failure = failed("the tool itself made a mistake");
        failure.causes.push(PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone());
        Err(failure.hint("run it again; if it stays, report it with these lines").into())
    })
}

/// How long the first signal gives the work to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// Runs to the end, or to the first SIGINT, SIGTERM or SIGHUP.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|e| failed("failed to start the threads of this process").because(&e))?;
    let done = runtime.block_on(async {
        let (signalled, first) = tokio::sync::oneshot::channel();
        tokio::spawn(listen(signals(), signalled));
        tokio::select! {
            biased;
            _ = first => Err(Error::Interrupted),
            done = work => done,
        }
    });
    // A thread that reads a file or waits for the generator's last words is not waited for.
    runtime.shutdown_background();
    done
}

/// Tells the first signal. Work that does not notice it, because it waits for a disk, is ended all the same.
async fn listen(signals: impl Future<Output = ()>, signalled: tokio::sync::oneshot::Sender<()>) {
    signals.await;
    // Where nobody listens any more, the work has just ended.
    let _ = signalled.send(());
    tokio::time::sleep(GRACE).await;
    std::process::exit(i32::from(Error::Interrupted.exit_code()));
}

/// Listens from now on, and ends with the first signal. Where the system does not let it listen, a signal
/// ends the process in the system's own way.
#[cfg(unix)]
fn signals() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let listeners = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    );
    async move {
        let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)) = listeners else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(not(unix))]
async fn signals() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
