//! What the claims of CI vendors permit. By its variables, each vendor says which branch, pull request or other event
//! it builds. Anyone who can start a job can set some of these variables, so a claim that is missing or not proven is
//! refused.

use super::environment::by_pull_request;
use super::reference::{Reference, SHORT, short};
use crate::base::refusal::{self, Refusal};
use crate::repository::checkout::{self, Checkout, Head};
use crate::repository::ci::{CiContext, Origin, Run, VendorClaim};
use crate::repository::config::Config;

/// Whether the commit that a vendor names is HEAD. For a pull request, many vendors test its merge with the branch that
/// it targets, and name the commit that was merged. A job may check out the branch itself: that still counts as the
/// pull request, and gets no further.
pub fn agree_on_commit(
    checkout: &Checkout,
    commit: &str,
    claim: &VendorClaim,
) -> Result<(), Refusal> {
    let Some(told) = &claim.commit else { return Ok(()) };
    // An abbreviation counts if git itself would print it.
    let is_told = |id: &str| told.len() >= SHORT && id.starts_with(&told.to_ascii_lowercase());
    let is_pull_request = matches!(claim.run, Run::PullRequest { .. });
    if is_pull_request && claim.source.as_ref().is_some_and(|id| id.eq_ignore_ascii_case(commit)) {
        return Ok(());
    }
    let is_merge = is_pull_request && checkout.parents.len() > 1;
    if is_told(commit) || is_merge && checkout.parents.iter().any(|parent| is_told(parent)) {
        return Ok(());
    }
    Err(Refusal::new(
        "commit-mismatch",
        format!(
            "{} says that it builds commit {}, but git's HEAD is {}",
            claim.vendor,
            short(told),
            short(commit)
        ),
        "deploy in CI's own checkout, before any step moves its HEAD",
    ))
}

/// The branch or pull request of this run. If several vendors make claims, each of them must permit it. The refusal
/// that comes first in [`refusal::CODES`] is reported.
pub fn reference(config: &Config, head: &Head, ci: &CiContext) -> Result<Reference, Refusal> {
    let speak = |claim: &&VendorClaim| claim.run != Run::Host;
    let claims: Vec<&VendorClaim> = ci.claims().iter().filter(speak).collect();
    if claims.is_empty() {
        return match ci.claims().first() {
            Some(host) => Err(host_alone(host)),
            None => branch_of_head(head, None, ci.is_ci()),
        };
    }
    let (mut said, mut refusals) = (Vec::new(), Vec::new());
    for claim in claims {
        match claimed(config, head, claim) {
            Ok(reference) => said.push((claim.vendor, reference)),
            Err(refusal) => refusals.push(refusal),
        }
    }
    let place = |refusal: &Refusal| refusal::CODES.iter().position(|code| *code == refusal.code);
    match refusals.into_iter().min_by_key(place) {
        Some(refusal) => Err(refusal),
        None => agreed(said),
    }
}

/// The one reference on which several vendors agree. A pull request permits less than a branch, so it wins.
fn agreed(said: Vec<(&str, Reference)>) -> Result<Reference, Refusal> {
    let is_pull_request =
        |(_, reference): &(_, Reference)| matches!(reference, Reference::PullRequest(_));
    let (pull_requests, branches): (Vec<_>, Vec<_>) = said.into_iter().partition(is_pull_request);
    let mut said = if pull_requests.is_empty() { branches } else { pull_requests }.into_iter();
    let (vendor, reference) = said.next().expect("a claim that is not refused says something");
    match said.find(|(_, other)| *other != reference) {
        None => Ok(reference),
        Some((other_vendor, other)) => Err(Refusal::new(
            "ci-conflict",
            format!(
                "{vendor} says that this run is for `{reference}`, but {other_vendor} says that it is for `{other}`"
            ),
            format!(
                "unset the variables of the one that does not run this job: {vendor} or {other_vendor}"
            ),
        )),
    }
}

/// What one vendor claims that this run is for.
fn claimed(config: &Config, head: &Head, claim: &VendorClaim) -> Result<Reference, Refusal> {
    let vendor = claim.vendor;
    match &claim.run {
        Run::Unsaid => branch_of_head(head, Some(claim), true),
        Run::Host => Err(host_alone(claim)),
        Run::Branch { name, told_by } => pushed(head, vendor, name, told_by),
        Run::PullRequest { number, origin } => pull_request(config, vendor, *number, origin),
        Run::Tag(tag) => Err(Refusal::new(
            "tag",
            format!(
                "{vendor} says that tag `{tag}` was pushed, but only a branch can choose an environment"
            ),
            "push the branch that the tag is on",
        )),
        Run::Untrusted { event } => Err(Refusal::new(
            "untrusted-event",
            format!(
                "the event `{event}` of {vendor} runs with secrets on a branch that it did not push, so it cannot choose an account"
            ),
            "let the job run on: push",
        )),
        Run::Unproven { missing } => Err(Refusal::new(
            "untrusted-event",
            format!(
                "{vendor} does not say what started this run ({missing} is not set), so nothing proves that a branch was pushed"
            ),
            format!("pass {missing} to this step, as {vendor} sets it"),
        )),
        Run::PerhapsFork { told_by } => perhaps_fork(config, told_by),
        Run::MergeQueue { name } => Err(Refusal::new(
            "untrusted-event",
            format!(
                "{vendor} says that this is `{name}`, which a merge queue created to test changes that are not merged yet"
            ),
            "let the job run on pushes: the queue pushes to the branch when it merges",
        )),
    }
}

/// The machine is lent to a runner, but no variable of the runner is set.
fn host_alone(host: &VendorClaim) -> Refusal {
    Refusal::new(
        "untrusted-event",
        format!(
            "{} only provides the machine for a runner of another vendor, and that runner does not say what started this run",
            host.vendor
        ),
        "pass the runner's variables to this step",
    )
}

fn perhaps_fork(config: &Config, told_by: &str) -> Result<Reference, Refusal> {
    by_pull_request(config, None)?;
    Err(Refusal::new(
        "fork",
        format!(
            "{told_by} says that this is a pull request, and nothing proves that it is not from a fork"
        ),
        format!("let the job run on pushes, where {told_by} is not set"),
    ))
}

fn pushed(head: &Head, vendor: &str, name: &str, told_by: &str) -> Result<Reference, Refusal> {
    if !checkout::is_branch_name(name) {
        return Err(Refusal::new(
            "branch-mismatch",
            format!(
                "{vendor} says that `{name}` was pushed ({told_by}), but no branch can have that name"
            ),
            "deploy in CI's own checkout, with the variables that CI set",
        ));
    }
    match head {
        Head::Branch { name: ours, .. } if ours != name => Err(Refusal::new(
            "branch-mismatch",
            format!(
                "{vendor} says that branch `{name}` was pushed ({told_by}), but git's HEAD is on `{ours}`"
            ),
            "deploy in CI's own checkout, before any step switches its branch",
        )),
        _ => Ok(Reference::Branch(name.to_owned())),
    }
}

fn pull_request(
    config: &Config,
    vendor: &str,
    number: Option<u64>,
    origin: &Origin,
) -> Result<Reference, Refusal> {
    match (origin, number) {
        (Origin::Fork, _) => Err(Refusal::new(
            "fork",
            format!(
                "{vendor} says that this pull request is from a fork, and the code of a fork is never deployed"
            ),
            "let the job run only on branches of this repository, or deploy after the merge",
        )),
        (Origin::Unproven(missing), _) => {
            by_pull_request(config, number)?;
            Err(Refusal::new(
                "fork",
                format!(
                    "{vendor} says that this is a pull request, and nothing proves that it is not from a fork ({missing} is not set)"
                ),
                format!(
                    "pass {missing} to this step, as {vendor} sets it, or let the job run on pushes"
                ),
            ))
        }
        (Origin::Ours, Some(number)) => Ok(Reference::PullRequest(number)),
        (Origin::Ours, None) => Err(Refusal::new(
            "pull-request",
            format!("{vendor} says that this is a pull request, but does not say which one"),
            "let the job run on pushes",
        )),
    }
}

fn branch_of_head(
    head: &Head,
    silent: Option<&VendorClaim>,
    is_ci: bool,
) -> Result<Reference, Refusal> {
    match head {
        Head::Branch { name, .. } => Ok(Reference::Branch(name.clone())),
        _ => {
            let told = match silent {
                Some(claim) => {
                    format!(", and {} does not say which branch was pushed", claim.vendor)
                }
                None => String::new(),
            };
            Err(Refusal::new(
                "detached",
                format!("git's HEAD is on no branch{told}"),
                match is_ci {
                    true => "let the job check out the branch that was pushed",
                    false => "git switch BRANCH, or name the environment by hand: --env NAME",
                },
            ))
        }
    }
}
