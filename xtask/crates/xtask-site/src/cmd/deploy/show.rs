//! Prints what changes, and warns of what looks wrong about it.

use crate::cmd::deploy::deployment::Deployment;
use crate::cmd::deploy::difference::Difference;
use crate::cmd::deploy::goal::Goal;
use crate::output::report::{self, Planned, print};
use engine::base::{Refusal, Result};

/// Prints what changes, and refuses what must not be done. A dry run only warns of that.
pub fn show(deployment: &Deployment<'_>, goal: &Goal, difference: &Difference) -> Result<Planned> {
    let Deployment { doing, run, in_ci, .. } = deployment;
    let skipped = goal.skipped().into_iter().map(|name| deployment.place().prefix.join(name));
    let planned = match doing.json || doing.dry_run {
        true => report::planned(&difference.plan, skipped.collect()),
        false => report::planned_in_lines(&difference.plan, skipped.collect()),
    };
    print(doing.json, || report::changes(run, &planned))?;
    if let Some(late) = difference.outdated.as_ref().filter(|_| !in_ci) {
        deployment.warn(late.message.clone());
    }
    warn_of_no_home(deployment, goal, difference);
    warn_of_emptied(deployment, &difference.plan.emptied);
    match difference.refusal(deployment, goal) {
        Some(refusal) if doing.dry_run => warn_of_refusal(deployment, goal, &refusal),
        Some(refusal) => return Err(refusal.into()),
        None => {}
    }
    Ok(planned)
}

/// Warns if the site's address would show nothing. This is about a home page that was never there: deleting a live one
/// is refused.
fn warn_of_no_home(deployment: &Deployment<'_>, goal: &Goal, difference: &Difference) {
    let Goal::Site(site) = goal else { return };
    let key = deployment.place().prefix.join(&deployment.config.website.index);
    let is_there = difference.listing.objects.get(&key).is_some();
    if is_there || site.files.is_empty() || site.has(&key) {
        return;
    }
    let look = "check the log of the build, and `output` of [build] in deploy.toml";
    let hint = deployment.empty_submodule().unwrap_or_else(|| look.to_owned());
    deployment
        .warn(format!("the site has no `{key}`: visitors of its address get an error; {hint}"));
}

/// Warns of files that have become empty: that is allowed, but rarely intended.
fn warn_of_emptied(deployment: &Deployment<'_>, keys: &[String]) {
    const NAMES: usize = 10;
    if keys.is_empty() {
        return;
    }
    let mut names: Vec<String> = keys.iter().take(NAMES).map(|key| format!("`{key}`")).collect();
    if keys.len() > NAMES {
        names.push(format!("and {} more", keys.len() - NAMES));
    }
    deployment.warn(format!("empty now, and not empty in the bucket: {}", names.join(", ")));
}

pub fn warn_of_refusal(deployment: &Deployment<'_>, goal: &Goal, refusal: &Refusal) {
    let what = if goal.again().is_some() { "rollback" } else { "deploy" };
    let hint = deployment.run.typed.spell(&refusal.hint);
    deployment.warn(format!("a {what} would be refused: {}; hint: {hint}", refusal.message));
}
