//! Adds the tool to the repository of a site, or brings the files of an earlier version up to date.
//!
//! It reads how the site is built and deployed today, asks for what it could not find, shows every file that it is
//! going to write, writes them, and proves the result by a dry run. It can be run again at any time: what is right
//! stays, and files of the user are extended and never replaced.

mod ask;
mod ci_file;
mod copy;
mod findings;
mod prove;
mod show;
mod steps;
mod tool;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use engine::base::cancel::Stop;
use engine::base::hint::{Command, Subcommand};
use engine::base::{Error, Refusal, Result, failed};
use engine::repository::checkout::{self, Checkout};
use init::files::{self, Change, Site, Wanted};

use super::blocking;
use crate::cli::Init;
use crate::context::Context;
use crate::output::report::print;
use findings::Findings;
use tool::Tool;

/// Returns whether there is nothing left that this version would write: with `--check`, files that are out of date are
/// a failure.
pub async fn run(options: &Init, stop: &Stop) -> Result<bool> {
    let cx = Context::new()?;
    let folder = options.dir.as_ref().map_or(cx.here.clone(), |dir| cx.here.join(dir));
    let checkout = read_checkout(&folder)?;
    let tool = Tool::of(&checkout.root)?;
    let reading = checkout.clone();
    let mut findings = blocking(move || Findings::read(&reading)).await?;
    findings.add_typed(&options.environment)?;
    print(false, || show::findings(&findings))?;
    let is_asked = !options.check && !options.dry_run && std::io::stdin().is_terminal();
    if is_asked {
        findings = stop.unless_stopped(ask::for_unknown(findings)).await?;
    }
    findings.check()?;
    let changes = wanted_changes(options, &checkout.root, &findings, &tool)?;
    print(false, || show::changes(&changes, options.dry_run))?;
    if options.check {
        return checked(&changes);
    }
    let steps = || steps::left_to_do(&findings, tool.is_reachable(options), &changes);
    if changes.is_empty() || options.dry_run {
        print(false, || [show::nothing_written(&changes), steps()].concat())?;
        return Ok(true);
    }
    refuse_uncommitted(&checkout.root, &changes)?;
    if is_asked && !stop.unless_stopped(ask::whether_to_write()).await? {
        return Ok(true);
    }
    write(&checkout.root, &changes)?;
    let proven = stop.unless_stopped(prove::dry_run(&checkout, &findings)).await;
    print(false, steps)?;
    match proven {
        Err(Error::Interrupted(_)) => {
            Err(Error::Interrupted("the files are written; the dry run did not end".into()))
        }
        proven => proven.map(|()| true),
    }
}

fn read_checkout(folder: &Path) -> Result<Checkout> {
    let mut checkout = checkout::read(folder)?;
    let root = checkout.root.canonicalize();
    checkout.root =
        root.map_err(|error| failed("failed to find the top of the repository").because(&error))?;
    Ok(checkout)
}

fn wanted_changes(
    options: &Init,
    root: &Path,
    findings: &Findings,
    tool: &Tool,
) -> Result<Vec<Change>> {
    let sites: Vec<Site> = findings.sites.iter().map(findings::SiteFindings::wanted).collect();
    let manifest = std::fs::read_to_string(root.join("xtask/Cargo.toml")).ok();
    let wanted = Wanted {
        sites: &sites,
        dependency: tool.dependency(options, manifest.as_deref())?,
        ci: ci_file::of(options.ci, findings)?,
        lock: tool.lock(root),
    };
    let mut changes = files::changes(root, &wanted).map_err(unchangeable)?;
    if options.vendor {
        changes.extend(copy::sources(tool, root)?);
    }
    Ok(changes)
}

fn unchangeable(sentence: String) -> Error {
    Error::Config(format!(
        "{sentence}\n\nhint: correct the file, and run this again; nothing was written"
    ))
}

fn checked(changes: &[Change]) -> Result<bool> {
    let stale: Vec<&Change> = changes.iter().filter(|change| change.beside.is_none()).collect();
    if stale.is_empty() {
        print(false, || vec!["every file is as this version writes it".into()])?;
        return Ok(true);
    }
    let files: Vec<String> =
        stale.iter().map(|change| format!("`{}`", change.path.display())).collect();
    let failure =
        failed(format!("this version of the tool writes {} differently", files.join(", ")));
    Err(failure.hint(Command::of(Subcommand::Init)).into())
}

/// A file with changes that are not committed could not be restored.
fn refuse_uncommitted(root: &Path, changes: &[Change]) -> Result<()> {
    let existing = changes.iter().filter(|change| change.before.is_some());
    let existing: Vec<PathBuf> = existing.map(|change| change.path.clone()).collect();
    let open = checkout::uncommitted(root, &existing)?;
    let Some(first) = open.first() else { return Ok(()) };
    let message =
        format!("`{}` has changes that are not committed, and would be extended", first.display());
    Err(Refusal::new("dirty", message, "commit or stash them, and run this again").into())
}

fn write(root: &Path, changes: &[Change]) -> Result<()> {
    files::write(root, changes).map_err(|(file, error)| {
        let failure = failed(format!("failed to write `{}`", file.display())).because(&error);
        failure
            .hint(
                "git status shows what was written; git restore FILE takes back what was extended",
            )
            .into()
    })
}
