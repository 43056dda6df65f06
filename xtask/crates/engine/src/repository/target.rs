//! Config × checkout: the one environment, bucket and prefix that this run may touch. It has no side effects, because
//! safety depends on it: every way to choose an account is a row in its tests.

mod reference;
mod claims;
mod environment;
mod place;
mod still;

use crate::base::error::Result;
use crate::base::key::{self, Prefix};
use crate::base::refusal::Refusal;
use crate::repository::checkout::{Checkout, Head};
use crate::repository::ci::CiContext;
use crate::repository::config::{Config, Environment};

use claims::{agree_on_commit, reference};
use environment::{by_branch, by_pull_request};
use place::resolve;
use reference::Reference;

pub use environment::named;
pub use place::Place;
pub use reference::short;
pub use still::is_still;

/// Where a run goes, and what it puts there.
#[derive(Clone, Debug)]
pub struct Target {
    pub place: Place,
    pub revision: Revision,
}

/// A state of the repository.
#[derive(Clone, Debug)]
pub struct Revision {
    /// The branch, or `pr-7` for a pull request, or the commit if `--env` chose the environment and HEAD is on no
    /// branch.
    pub branch: String,
    /// In hex.
    pub commit: String,
    /// Whether it has changes that are not committed.
    pub dirty: bool,
}

/// The place that was chosen, and what chose it. Whether the work tree is dirty is not known yet, because `git status`
/// may take a while.
#[derive(Clone, Debug)]
pub struct Choice {
    pub place: Place,
    /// As in [`Revision`].
    pub branch: String,
    /// In hex.
    pub(crate) commit: String,
    is_pull_request: bool,
}

impl Choice {
    pub fn with_work_tree(self, dirty: bool) -> Target {
        let Choice { place, branch, commit, .. } = self;
        Target { place, revision: Revision { branch, commit, dirty } }
    }

    /// Whether pull requests overwrite each other.
    pub fn pull_requests_collide(&self) -> bool {
        self.is_pull_request && !self.place.environment.prefix.wants_branch()
    }
}

/// Chooses the environment.
///
/// In CI the vendors' claims decide what the run is for; everywhere else git's HEAD does. `--env` overrides the
/// branch's choice, but only by hand.
pub fn choose(
    config: &Config,
    checkout: &Checkout,
    ci: &CiContext,
    wanted: Option<&str>,
) -> Result<Choice> {
    let commit = commit(&checkout.head)?;
    if let Some(name) = wanted {
        if ci.is_ci() {
            return Err(env_in_ci(ci).into());
        }
        return by_name(config, &checkout.head, commit, name);
    }
    let reference = reference(config, &checkout.head, ci)?;
    ci.claims().iter().try_for_each(|claim| agree_on_commit(checkout, &commit, claim))?;
    let environment = match &reference {
        Reference::Branch(name) => by_branch(config, name)?,
        Reference::PullRequest(number) => by_pull_request(config, Some(*number))?,
    };
    let is_pull_request = matches!(reference, Reference::PullRequest(_));
    let branch = reference.to_string();
    let place = resolve(config, environment, Some(reference.segment()), &branch)?;
    Ok(Choice { place, branch, commit, is_pull_request })
}

/// The commit that is deployed: git's HEAD.
fn commit(head: &Head) -> Result<String, Refusal> {
    head.commit().map(str::to_owned).ok_or_else(|| {
        Refusal::new(
            "unborn-branch",
            "the branch has no commit yet, and a deploy is named after its commit",
            "git add --all && git commit",
        )
    })
}

fn env_in_ci(ci: &CiContext) -> Refusal {
    let leave_out =
        "remove `--env`, and add the branch to `branches` of an environment in deploy.toml";
    Refusal::new(
        "env-in-ci",
        "`--env` is for people at a terminal, but this is CI, where the branch decides",
        match ci.marker() {
            Some(marker) => format!("{leave_out}; if a person runs this: unset {marker}"),
            None => leave_out.to_owned(),
        },
    )
}

fn by_name(config: &Config, head: &Head, commit: String, name: &str) -> Result<Choice> {
    let environment = named(config, name)?;
    let branch = match head {
        Head::Branch { name, .. } => Some(name.as_str()),
        _ => None,
    };
    let segment = branch.map(key::branch_segment);
    let branch = branch.map_or_else(|| short(&commit).to_owned(), str::to_owned);
    let place = resolve(config, environment, segment, &branch)?;
    Ok(Choice { place, branch, commit, is_pull_request: false })
}

/// The place of an environment for a value of `{branch}`. It is only read, never written to.
pub fn place(config: &Config, environment: &Environment, segment: &str) -> Result<Place> {
    resolve(config, environment, Some(segment.to_owned()), segment)
}

/// Whether a deploy of a branch, or of a pull request that is written as `pr-7`, goes to a place.
pub fn leads_to(config: &Config, place: &Place, branch: &str) -> bool {
    let environment = &place.environment;
    let number = branch.strip_prefix("pr-").and_then(|number| number.parse().ok());
    let pull_request = number.map(key::pull_request_segment).filter(|segment| segment == branch);
    let segment = match pull_request.filter(|_| environment.pull_requests) {
        Some(segment) => segment,
        None if by_branch(config, branch).is_ok_and(|taker| taker.name == environment.name) => {
            key::branch_segment(branch)
        }
        None => return false,
    };
    Prefix::new(&environment.prefix.fill(&segment)).is_ok_and(|prefix| prefix == place.prefix)
}

#[cfg(test)]
mod pairs;
#[cfg(test)]
mod tests;
