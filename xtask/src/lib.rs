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
mod words;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

/// Parses, dispatches, prints the error and returns the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Deploy(options) => block_on(cmd::deploy::run(options)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::error(&error, cli.command.wants_json());
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs to the end, or to the first SIGINT or SIGTERM.
fn block_on<T>(work: impl Future<Output = error::Result<T>>) -> error::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime
        .map_err(|e| error::failed("failed to start the threads of this process").because(&e))?;
    let done = runtime.block_on(async {
        // Before anything begins: `work` may do much before it first waits.
        let signalled = signals();
        tokio::select! {
            biased;
            () = signalled => Err(error::Error::Interrupted),
            done = work => done,
        }
    });
    // A thread that reads a file or waits for the generator's last words is not waited for.
    runtime.shutdown_background();
    done
}

/// Listens from now on, and ends with the first signal. Where the system does not let it listen, a signal
/// ends the process in the system's own way.
#[cfg(unix)]
fn signals() -> impl Future<Output = ()> {
    use tokio::signal::unix::{SignalKind, signal};
    let listeners = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async move {
        let (Ok(mut interrupt), Ok(mut terminate)) = listeners else {
            return std::future::pending().await;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
async fn signals() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
