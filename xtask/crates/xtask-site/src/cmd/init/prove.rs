//! The proof: Cargo understands the workspace, and a dry run of a deploy to a bucket on this machine builds the site.

use std::path::Path;
use std::process::{Command, Stdio};

use engine::base::humanize::quoted;
use engine::base::{Result, failed};
use engine::repository::Checkout;

use super::super::blocking;
use super::findings::Findings;

/// # Errors
///
/// Cargo or the dry run fails. What they print is shown as it comes.
pub async fn dry_run(checkout: &Checkout, findings: &Findings) -> Result<()> {
    let root = &checkout.root;
    resolve(root).await?;
    if cfg!(not(feature = "local")) {
        return Ok(());
    }
    for site in &findings.sites {
        let mut words = vec!["deploy".to_owned(), "--local".into(), "--dry-run".into()];
        if let Some(name) = site.environment_for_proof(&checkout.head) {
            words.extend(["--env".into(), name.into()]);
        }
        if let Some(folder) = site.folder() {
            words.extend(["--site".into(), folder.display().to_string()]);
        }
        let mut command = Command::new(own_program()?);
        command.args(&words).current_dir(root).stdin(Stdio::null());
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        run(command, format!("cargo xtask {}", words.join(" "))).await?;
    }
    Ok(())
}

fn own_program() -> Result<std::path::PathBuf> {
    let program = std::env::current_exe();
    Ok(program.map_err(|error| failed("failed to find this program").because(&error))?)
}

/// Lets Cargo read the new workspace, fetch the dependency and write the lock file.
async fn resolve(root: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--quiet", "--format-version", "1"]);
    command.current_dir(root).stdin(Stdio::null()).stdout(Stdio::null());
    run(command, "cargo metadata --format-version 1".into()).await
}

/// `typed` is the same command as a person types it.
async fn run(mut command: Command, typed: String) -> Result<()> {
    let starting = failed(format!("the files are written, but `{typed}` could not be started"));
    let starting = starting.hint(format!("install what is missing, then: {typed}"));
    let status =
        blocking(move || command.status().map_err(|error| starting.because(&error).into()));
    let status = status.await?;
    match status.success() {
        true => Ok(()),
        false => Err(failed(format!("the files are written, but `{typed}` failed ({status})"))
            .hint(format!("correct what is printed above, then: {typed}"))
            .into()),
    }
}
