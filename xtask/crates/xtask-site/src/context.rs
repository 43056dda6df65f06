//! What every subcommand begins with.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use crate::output::progress;
use engine::base::{Result, Tell, failed};
use engine::repository::{Checkout, CiContext, checkout, own_files};

pub struct Context {
    pub started: Instant,
    /// Where the tool was called.
    pub here: PathBuf,
    pub ci: CiContext,
    pub tell: Tell,
    /// In seconds since 1970.
    pub now: u64,
}

impl Context {
    pub fn new() -> Result<Context> {
        let ci = CiContext::of(&variable_as_set);
        let here = std::env::current_dir();
        Ok(Context {
            started: Instant::now(),
            here: here
                .map_err(|error| failed("failed to read the current folder").because(&error))?,
            tell: progress::draw(ci.is_ci(), ci.is_github()),
            ci,
            now: now(),
        })
    }

    /// What is checked out where the tool was called. Refuses a copy of the tool that was compiled from other sources,
    /// and links in place of the tool's own files.
    pub fn checkout(&self) -> Result<Checkout> {
        let checkout = checkout::read(&self.here)?;
        if let Some(sources) = compiled_from() {
            checkout::check_sources(&checkout, sources)?;
        }
        own_files::check(&checkout.root)?;
        Ok(checkout)
    }
}

/// The hash of the sources that this copy of the tool was compiled from, if a CI file named it to the compiler.
fn compiled_from() -> Option<&'static str> {
    let named = COMPILED_FROM.get().map(String::as_str).or(option_env!("XTASK_SITE_SOURCES"));
    named.filter(|hash| !hash.is_empty())
}

/// What a test says instead of the compiler.
pub static COMPILED_FROM: OnceLock<String> = OnceLock::new();

/// In seconds since 1970.
pub fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |elapsed| elapsed.as_secs())
}

/// A variable of this process that is set and not empty. One that is not UTF-8 counts too: the text that replaces it is
/// the name of no branch and no account.
pub fn variable(name: &str) -> Option<String> {
    variable_as_set(name).filter(|value| !value.is_empty())
}

/// The same, but also if it is empty.
pub fn variable_as_set(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}
