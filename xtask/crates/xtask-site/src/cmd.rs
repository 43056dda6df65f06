//! The subcommands, a file each, and what they share.

mod change;
pub mod deploy;
mod left_out;
mod links;
#[cfg(feature = "local")]
mod local;
mod open;
#[cfg(feature = "local")]
pub mod preview;
pub mod rollback;
mod site_folder;
pub mod status;
#[cfg(not(feature = "local"))]
mod without_local;

#[cfg(not(feature = "local"))]
use without_local as local;
#[cfg(not(feature = "local"))]
pub use without_local::preview;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use engine::base::error::{Result, failed};
use engine::base::event::{Event, Tell};
use engine::bucket::record::{Known, Objects};
use engine::repository::build::{Aside, Content};
use engine::repository::checkout::{self, Checkout};
use engine::repository::config::Config;
use engine::repository::own_files;
use engine::repository::target::Target;
use engine::site::{self, Keys, Site};
use left_out::tell_left_out;

/// Where the tool was called.
fn stand() -> Result<PathBuf> {
    let here = std::env::current_dir();
    Ok(here.map_err(|error| failed("failed to read the current folder").because(&error))?)
}

/// In seconds since 1970.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |elapsed| elapsed.as_secs())
}

/// Builds the site in a work tree, and scans it. `known` is given the keys of the files, waits for the record, and tells
/// what that says of the objects; without one, every file is hashed.
async fn build(
    config: &Config,
    root: &Path,
    target: &Target,
    no_build: bool,
    known: impl FnOnce(Keys<'_>) -> Option<Arc<Objects>> + Send + 'static,
    tell: &Tell,
) -> Result<Site> {
    own_files::check(root)?;
    let _held = hold_output(root, tell).await;
    // What the output held goes back once the scan has seen what the build wrote, which may be nothing.
    let _aside = match no_build {
        true => {
            engine::repository::build::check_inside(config, root)?;
            Aside::default()
        }
        false => {
            engine::repository::build::run(
                config,
                root,
                &target.variables(),
                Content::Unknown,
                tell,
            )
            .await?
        }
    };
    scan(config, target, known, tell).await
}

const OUTPUT_LOCK: &str = "output.lock";

/// Waits until no other run of this checkout builds or reads the output folder: a build empties it first. Held
/// until what is returned is dropped, or the process ends.
///
/// Where the system has no such locks, or the file cannot be made, nothing is held.
async fn hold_output(root: &Path, tell: &Tell) -> Option<File> {
    let (root, path, tell) = (root.to_owned(), own_files::path(root, OUTPUT_LOCK), tell.clone());
    let lock = move || {
        own_files::make_folder(&root, path.parent()?).ok()?;
        let file = own_files::open_or_make(&path).ok()?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let text = "another run builds in this checkout: waiting for it to end";
                tell.tell(Event::Warning(text.into()));
                file.lock().ok()?;
            }
            tried => tried.ok()?,
        }
        // By its time another run sees that the output was built again.
        let _ = file.set_modified(SystemTime::now());
        Some(file)
    };
    tokio::task::spawn_blocking(lock).await.ok().flatten()
}

/// When a run of this checkout last began to build or to read the output.
fn output_was_held(root: &Path) -> Option<SystemTime> {
    std::fs::symlink_metadata(own_files::path(root, OUTPUT_LOCK)).ok()?.modified().ok()
}

/// Scans, and tells what was left out.
async fn scan(
    config: &Config,
    target: &Target,
    known: impl FnOnce(Keys<'_>) -> Option<Arc<Objects>> + Send + 'static,
    tell: &Tell,
) -> Result<Site> {
    let (config, prefix, teller) = (config.clone(), target.prefix.clone(), tell.clone());
    let told = |keys: Keys<'_>| {
        let objects = known(keys).unwrap_or_default();
        move |key: &str| objects.get(key).map(Known::digest)
    };
    let site = blocking(move || site::scan(&config, &prefix, None, told, &teller)).await?;
    tell_left_out(&site, tell);
    Ok(site)
}

async fn is_dirty(checkout: &Checkout) -> Result<bool> {
    let root = checkout.root.clone();
    blocking(move || Ok(checkout::is_dirty(&root)?)).await
}

/// Runs what blocks on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A variable of this process that is set and not empty. One that is not UTF-8 counts too: the text that it
/// is read as names no branch and no account.
fn variable(name: &str) -> Option<String> {
    variable_as_set(name).filter(|value| !value.is_empty())
}

/// The same, also if it is set to nothing.
fn variable_as_set(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}
