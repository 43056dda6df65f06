//! The proof: Cargo understands the workspace, and a dry run of a deploy to a bucket on this machine builds the site.

use std::path::Path;
use std::process::{Command, Stdio};

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
        let mut command = Command::new(own_program()?);
        command.args(["deploy", "--local", "--dry-run"]);
        if let Some(name) = site.environment_for_proof(&checkout.head) {
            command.args(["--env", name]);
        }
        if let Some(folder) = site.folder() {
            command.arg("--site").arg(folder);
        }
        command.current_dir(root).stdin(Stdio::null());
        run(command, "deploy --local --dry-run").await?;
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
    run(command, "cargo metadata").await
}

async fn run(mut command: Command, what: &str) -> Result<()> {
    let starting = failed(format!("failed to start `{what}`"));
    let status =
        blocking(move || command.status().map_err(|error| starting.because(&error).into()));
    let status = status.await?;
    match status.success() {
        true => Ok(()),
        false => Err(failed(format!("the files are written, but `{what}` failed ({status})"))
            .hint("correct what is printed above, and look with: cargo xtask deploy --local --dry-run")
            .into()),
    }
}
