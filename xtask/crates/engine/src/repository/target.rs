//! Config × checkout: the one environment, bucket and prefix that this run may touch. It has no side effects, because
//! safety depends on it: every way to choose an account is a row in its tests.

mod claims;

use crate::base::error::{Error, Result};
use crate::base::key::{self, Prefix};
use crate::base::refusal::Refusal;
use crate::repository::checkout::{Checkout, Head};
use crate::repository::ci::CiContext;
use crate::repository::config::{Branches, Config, Environment};

use claims::{agree_on_commit, reference};

/// Where a run goes, and what it puts there.
#[derive(Clone, Debug)]
pub struct Target {
    pub place: Place,
    pub revision: Revision,
}

/// The one environment, bucket and prefix that a run may touch.
#[derive(Clone, Debug)]
pub struct Place {
    pub environment: Environment,
    pub prefix: Prefix,
    /// The site's address, if the environment has one.
    pub url: Option<String>,
    /// Folders below the prefix that belong to other environments of the same bucket.
    pub reserved: Vec<String>,
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
    pub commit: String,
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

impl Place {
    /// What the generator is told about where the site goes: its base address may differ between branches.
    pub fn variables(&self, branch: &str) -> Vec<(&'static str, String)> {
        vec![
            ("DEPLOY_ENVIRONMENT", self.environment.name.clone()),
            ("DEPLOY_BRANCH", branch.to_owned()),
            ("DEPLOY_PREFIX", self.prefix.as_str().to_owned()),
            ("DEPLOY_URL", self.url.clone().unwrap_or_default()),
        ]
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

/// Refuses a checkout whose HEAD is no longer the one by which the target was chosen: what was built meanwhile may
/// belong to another branch.
pub fn is_still(before: &Checkout, now: &Checkout) -> Result<(), Refusal> {
    if before.head == now.head {
        return Ok(());
    }
    let code = match (&before.head, &now.head) {
        (Head::Branch { name, .. }, Head::Branch { name: other, .. }) if name == other => {
            "commit-mismatch"
        }
        (Head::Detached { .. }, Head::Detached { .. }) => "commit-mismatch",
        _ => "branch-mismatch",
    };
    Err(Refusal::new(
        code,
        format!(
            "git's HEAD was {} when this run began, and is {} now, so it is not known which of the two was built",
            stand(&before.head),
            stand(&now.head)
        ),
        match &before.head {
            Head::Branch { name, .. } if code == "branch-mismatch" => {
                format!("git switch {name}, and do not move HEAD while this runs")
            }
            _ => "run this again, and do not move HEAD while it runs".to_owned(),
        },
    ))
}

/// Where HEAD is, in words.
fn stand(head: &Head) -> String {
    match head {
        Head::Branch { name, commit } => format!("on `{name}` at {}", short(commit)),
        Head::Detached { commit } => format!("on no branch at {}", short(commit)),
        Head::Unborn => "on a branch without a commit".to_owned(),
    }
}

/// What may choose an environment.
#[derive(PartialEq, Eq)]
enum Reference {
    Branch(String),
    PullRequest(u64),
}

impl Reference {
    fn segment(&self) -> String {
        match self {
            Reference::Branch(name) => key::branch_segment(name),
            Reference::PullRequest(number) => key::pull_request_segment(*number),
        }
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reference::Branch(name) => f.write_str(name),
            Reference::PullRequest(number) => f.write_str(&key::pull_request_segment(*number)),
        }
    }
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

/// The environment with a name.
pub fn named<'c>(config: &'c Config, name: &str) -> Result<&'c Environment> {
    config.environments.iter().find(|environment| environment.name == name).ok_or_else(|| {
        let known = names(config.environments.iter());
        Error::Config(format!("deploy.toml has no environment `{name}`\n\nhint: it has {known}"))
    })
}

/// The place of an environment for a value of `{branch}`. It is only read, never written to.
pub fn place(config: &Config, environment: &Environment, segment: &str) -> Result<Place> {
    resolve(config, environment, Some(segment.to_owned()), segment)
}

/// The environment that deploys a branch: an exact name wins over a glob.
fn by_branch<'c>(config: &'c Config, branch: &str) -> Result<&'c Environment, Refusal> {
    let taking = |takes: &dyn Fn(&Branches) -> bool| -> Vec<&'c Environment> {
        config.environments.iter().filter(|e| e.branches.iter().any(takes)).collect()
    };
    let exactly = taking(&|b| matches!(b, Branches::Exactly(name) if name == branch));
    let matching = taking(&|b| matches!(b, Branches::Matching(glob) if glob.is_match(branch)));
    match (exactly.as_slice(), matching.as_slice()) {
        ([one, ..], _) | ([], [one]) => Ok(one),
        ([], []) => Err(Refusal::new(
            "unknown-branch",
            format!("no environment deploys branch `{branch}`"),
            format!("add it to `branches` of one environment in deploy.toml: {}", takers(config)),
        )),
        ([], several) => Err(Refusal::new(
            "ambiguous-branch",
            format!(
                "branch `{branch}` matches globs of several environments: {}",
                names(several.iter().copied())
            ),
            format!("name it exactly in one of them: branches = [\"{branch}\"]"),
        )),
    }
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

fn by_pull_request(config: &Config, number: Option<u64>) -> Result<&Environment, Refusal> {
    let which = number.map_or_else(|| "a pull request".into(), |n| format!("pull request {n}"));
    config.environments.iter().find(|e| e.pull_requests).ok_or_else(|| {
        Refusal::new(
            "pull-request",
            format!("this is {which}, but no environment deploys pull requests"),
            "set `pull-requests = true` in one environment of deploy.toml, or let the job run on pushes",
        )
    })
}

/// The place of an environment for a branch. `segment` is the value of `{branch}`; `None` if HEAD is on no branch.
fn resolve(
    config: &Config,
    environment: &Environment,
    segment: Option<String>,
    branch: &str,
) -> Result<Place> {
    let wants_branch = environment.prefix.wants_branch()
        || environment.url.as_ref().is_some_and(|u| u.wants_branch());
    let segment = match segment {
        None if wants_branch => {
            return Err(Error::from(Refusal::new(
                "detached",
                format!(
                    "`{}` has a place for each branch, but git's HEAD is on no branch",
                    environment.name
                ),
                "git switch BRANCH",
            )));
        }
        segment => segment.unwrap_or_default(),
    };
    let prefix = Prefix::new(&environment.prefix.fill(&segment)).map_err(|reason| {
        let name = &environment.name;
        Error::Config(format!("for branch `{branch}`, the `prefix` of `{name}` {reason}\n\nhint: rename the branch, or give `{name}` another `prefix`"))
    })?;
    let no_host = environment.url.as_ref().and_then(|url| url.no_host_with(branch, &segment));
    if let Some(message) = no_host {
        let name = &environment.name;
        return Err(Error::Config(format!(
            "the `url` of `{name}` has no address for this branch\n  {message}"
        )));
    }
    Ok(Place {
        reserved: reserved(config, environment, &prefix)?,
        url: environment.url.as_ref().map(|url| url.fill(&segment)),
        environment: environment.clone(),
        prefix,
    })
}

/// The folders below our prefix to which other environments with the same bucket write.
fn reserved(config: &Config, ours: &Environment, prefix: &Prefix) -> Result<Vec<String>, Refusal> {
    let others =
        config.environments.iter().filter(|e| e.name != ours.name && e.shares_bucket_with(ours));
    let mut reserved = Vec::new();
    for other in others.filter(|other| other.prefix != ours.prefix) {
        let folder = other.reserves();
        // A fixed folder inside the other's fixed folder is known to both, and left alone. A folder into which only the
        // branch's name leads is not.
        let led_by_name = !ours.reserves().starts_with(folder);
        if prefix.as_str().starts_with(folder) && led_by_name {
            return Err(Refusal::new(
                "ambiguous-branch",
                format!(
                    "the folder of this branch in the bucket, `{prefix}`, belongs to `{}`",
                    other.name
                ),
                "rename the branch, or give one of the two environments another `prefix`",
            ));
        }
        if folder.starts_with(prefix.as_str()) {
            reserved.push(folder.to_owned());
        }
    }
    Ok(reserved)
}

fn names<'e>(environments: impl Iterator<Item = &'e Environment>) -> String {
    environments.map(|e| format!("`{}`", e.name)).collect::<Vec<_>>().join(", ")
}

/// Which branches each environment deploys, for the text of a refusal.
fn takers(config: &Config) -> String {
    let one = |environment: &Environment| {
        let branches: Vec<&str> = environment
            .branches
            .iter()
            .map(|branches| match branches {
                Branches::Exactly(name) => name.as_str(),
                Branches::Matching(glob) => glob.glob().glob(),
            })
            .collect();
        format!("`{}` deploys {}", environment.name, branches.join(", "))
    };
    config.environments.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A commit in the short form that people write.
pub fn short(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}

const SHORT: usize = 7;

#[cfg(test)]
mod pairs;
#[cfg(test)]
mod tests;
