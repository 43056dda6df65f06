//! The subcommands, a file each, and what they share.

pub mod deploy;
pub mod init;
mod left_out;
mod links;
#[cfg(feature = "local")]
mod local;
mod connect;
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
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::runtime::Handle;

use engine::base::{Event, Prefix, Result, Tell};
use engine::bucket::record::Known;
use engine::bucket::{self, Exchange};
use engine::repository::build::{Aside, Content};
use engine::repository::{Checkout, Config, Target, checkout, own_files};
use engine::site::{self, Keys, Site};
use left_out::tell_left_out;

/// Builds the site in a work tree, and scans it. The scan announces the keys of the files, and waits for what the
/// record says about the objects.
async fn build(
    config: &Config,
    root: &Path,
    target: &Target,
    no_build: bool,
    exchange: Arc<Exchange>,
    tell: &Tell,
) -> Result<Site> {
    own_files::check(root)?;
    let _held = hold_output(root, tell).await;
    // Holds what the output contained before. It is dropped after the scan. If the build wrote nothing, the old content
    // then goes back.
    let _aside = match no_build {
        true => {
            engine::repository::build::check_inside(config, root)?;
            Aside::default()
        }
        false => {
            let variables = target.place.variables(&target.revision.branch);
            engine::repository::build::run(config, root, &variables, Content::Unknown, tell).await?
        }
    };
    scan(config, &target.place.prefix, exchange, tell).await
}

const OUTPUT_LOCK: &str = "output.lock";

/// Waits until no other run of this checkout builds or reads the output folder, because a build empties it first. The
/// folder is held until the returned file is dropped or the process ends.
///
/// If the system has no such locks, or the file cannot be created, nothing is held.
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
        // By this time, another run can see that the output was built again.
        let _ = file.set_modified(SystemTime::now());
        Some(file)
    };
    tokio::task::spawn_blocking(lock).await.ok().flatten()
}

/// When a run of this checkout last began to build or to read the output.
fn output_was_held(root: &Path) -> Option<SystemTime> {
    std::fs::symlink_metadata(own_files::path(root, OUTPUT_LOCK)).ok()?.modified().ok()
}

/// Scans, and tells which files were left out.
async fn scan(
    config: &Config,
    prefix: &Prefix,
    exchange: Arc<Exchange>,
    tell: &Tell,
) -> Result<Site> {
    let (config, prefix, teller) = (config.clone(), prefix.clone(), tell.clone());
    let site = blocking(move || {
        let recorded = |keys: Keys<'_>| {
            // Only this code sets the keys, so it cannot fail.
            let _ = exchange.site_keys.set(bucket::cuts(keys));
            let objects = Handle::current().block_on(exchange.recorded.wait()).clone();
            move |key: &str| objects.get(key).map(Known::digest)
        };
        site::scan(&config, &prefix, None, recorded, &teller)
    });
    let site = site.await?;
    tell_left_out(&site, tell);
    Ok(site)
}

async fn is_dirty(checkout: &Checkout) -> Result<bool> {
    let root = checkout.root.clone();
    blocking(move || Ok(checkout::is_dirty(&root)?)).await
}

/// Runs blocking work on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
