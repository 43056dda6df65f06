//! Config × checkout: the one environment, bucket and prefix that this run may touch. This file is
//! pure, because it is the heart of safety: every way to choose an account is a row of its tests.

use crate::checkout::{self, Checkout, Head};
use crate::ci::{Run, Surroundings, Word};
use crate::config::{Branches, Config, Environment};
use crate::error::{Error, Result};
use crate::key::{self, Prefix};
use crate::refusal::Refusal;

/// Where this run goes.
#[derive(Clone, Debug)]
pub struct Target {
    pub environment: Environment,
    pub prefix: Prefix,
    /// The branch, or `pr-7` for a pull request, or the commit where `--env` chose without a branch.
    pub branch: String,
    /// In hex.
    pub commit: String,
    /// The site's address, where the environment has one.
    pub url: Option<String>,
    /// Folders below the prefix that belong to other environments of the same bucket.
    pub reserved: Vec<String>,
    /// Whether pull requests are put one over the other.
    pub pull_requests_collide: bool,
}

impl Target {
    /// What the generator is told of where the site goes: base addresses differ from branch to branch.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DEPLOY_ENVIRONMENT", self.environment.name.clone()),
            ("DEPLOY_BRANCH", self.branch.clone()),
            ("DEPLOY_PREFIX", self.prefix.as_str().to_owned()),
            ("DEPLOY_URL", self.url.clone().unwrap_or_default()),
        ]
    }
}

/// Chooses the environment.
///
/// In CI the vendor's word decides what the run is; everywhere else git's HEAD does. `--env` overrides
/// the branch's choice, by hand only.
pub fn choose(
    config: &Config,
    checkout: &Checkout,
    ci: &Surroundings,
    wanted: Option<&str>,
) -> Result<Target> {
    let word = ci.word();
    let commit = commit(&checkout.head)?;
    if let Some(name) = wanted {
        return by_name(config, &checkout.head, commit, ci.is_ci(), name);
    }
    let reference = reference(&checkout.head, ci)?;
    agree_on_commit(&commit, word)?;
    let environment = match &reference {
        Reference::Branch(name) => by_branch(config, name)?,
        Reference::PullRequest(number) => by_pull_request(config, *number)?,
    };
    let target =
        aim(config, environment, Some(reference.segment()), reference.to_string(), commit)?;
    let of_pull_request = matches!(reference, Reference::PullRequest(_));
    let pull_requests_collide = of_pull_request && !environment.prefix.wants_branch();
    Ok(Target { pull_requests_collide, ..target })
}

/// What may choose an environment.
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

/// The commit that is deployed: git's.
fn commit(head: &Head) -> Result<String, Refusal> {
    head.commit().map(str::to_owned).ok_or_else(|| {
        Refusal::new(
            "unborn-branch",
            "the branch has no commit yet, so there is nothing to name this deploy by",
            "git add --all && git commit",
        )
    })
}

fn agree_on_commit(commit: &str, word: Option<&Word>) -> Result<(), Refusal> {
    match word.and_then(|word| Some((word.vendor, word.commit.as_ref()?))) {
        // A short form is one that git itself would print.
        Some((vendor, told))
            if told.len() < 7 || !commit.starts_with(&told.to_ascii_lowercase()) =>
        {
            Err(Refusal::new(
                "commit-mismatch",
                format!(
                    "{vendor} says that it builds commit {}, and git's HEAD is {}",
                    short(told),
                    short(commit)
                ),
                "deploy in the checkout that CI made, before anything moves its HEAD",
            ))
        }
        _ => Ok(()),
    }
}

fn reference(head: &Head, ci: &Surroundings) -> Result<Reference, Refusal> {
    match ci.word().map(|word| (word.vendor, &word.run)) {
        None | Some((_, Run::Unsaid)) => branch_of_head(head, ci),
        Some((vendor, Run::Branch { name, told_by })) if !checkout::is_branch_name(name) => {
            Err(Refusal::new(
                "branch-mismatch",
                format!(
                    "{vendor} says that `{name}` was pushed ({told_by}), which is no branch's name"
                ),
                "deploy in the checkout that CI made, with the variables that CI set",
            ))
        }
        Some((vendor, Run::Branch { name, told_by })) => match head {
            Head::Branch { name: ours, .. } if ours != name => Err(Refusal::new(
                "branch-mismatch",
                format!(
                    "{vendor} says that branch `{name}` was pushed ({told_by}), and git's HEAD is on `{ours}`"
                ),
                "deploy in the checkout that CI made, before anything switches its branch",
            )),
            _ => Ok(Reference::Branch(name.clone())),
        },
        Some((vendor, Run::PullRequest { fork: true, .. })) => Err(Refusal::new(
            "fork",
            format!(
                "{vendor} says that this is the pull request of a fork, and a fork's code never goes to an account"
            ),
            "let it run on branches of this repository only, or deploy after the merge",
        )),
        Some((_, Run::PullRequest { number: Some(number), .. })) => {
            Ok(Reference::PullRequest(*number))
        }
        Some((vendor, Run::PullRequest { number: None, .. })) => Err(Refusal::new(
            "pull-request",
            format!("{vendor} says that this is a pull request and does not say which one"),
            "let the job run on pushes",
        )),
        Some((vendor, Run::Tag(tag))) => Err(Refusal::new(
            "tag",
            format!(
                "{vendor} says that tag `{tag}` was pushed, and only branches choose an environment"
            ),
            "push the branch that the tag is on",
        )),
        Some((vendor, Run::Untrusted { event })) => Err(Refusal::new(
            "untrusted-event",
            format!(
                "the event `{event}` of {vendor} runs with secrets on a branch that it did not push, so it chooses no account"
            ),
            "let the job run on: push",
        )),
    }
}

fn branch_of_head(head: &Head, ci: &Surroundings) -> Result<Reference, Refusal> {
    match head {
        Head::Branch { name, .. } => Ok(Reference::Branch(name.clone())),
        _ => {
            let told = match ci.word() {
                Some(word) => format!(", and {} does not say which branch was pushed", word.vendor),
                None => String::new(),
            };
            Err(Refusal::new(
                "detached",
                format!("git's HEAD is on no branch{told}"),
                match ci.is_ci() {
                    true => "let the job check out the branch that was pushed",
                    false => "git switch BRANCH, or name the environment by hand: --env NAME",
                },
            ))
        }
    }
}

fn by_name(
    config: &Config,
    head: &Head,
    commit: String,
    in_ci: bool,
    name: &str,
) -> Result<Target> {
    if in_ci {
        return Err(Error::from(Refusal::new(
            "env-in-ci",
            "`--env` is for a person at a terminal, and this is CI, where the branch decides",
            "leave `--env` out and let an environment of deploy.toml take the branch",
        )));
    }
    let environment = named(config, name)?;
    let branch = match head {
        Head::Branch { name, .. } => Some(name.as_str()),
        _ => None,
    };
    let segment = branch.map(key::branch_segment);
    let shown = branch.map_or_else(|| short(&commit).to_owned(), str::to_owned);
    aim(config, environment, segment, shown, commit)
}

/// The environment of a name.
pub fn named<'c>(config: &'c Config, name: &str) -> Result<&'c Environment> {
    config.environments.iter().find(|environment| environment.name == name).ok_or_else(|| {
        let known = names(config.environments.iter());
        Error::Config(format!("deploy.toml has no environment `{name}`\n\nhint: it has {known}"))
    })
}

/// A place of an environment, by what stands for `{branch}` in it, to be looked at and not written to.
pub fn place(config: &Config, environment: &Environment, segment: &str) -> Result<Target> {
    aim(config, environment, Some(segment.to_owned()), segment.to_owned(), String::new())
}

/// The environment that takes a branch: an exact name wins over a glob.
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
            format!("no environment takes branch `{branch}`"),
            format!(
                "add it to the `branches` of one environment in deploy.toml: {}",
                takers(config)
            ),
        )),
        ([], several) => Err(Refusal::new(
            "ambiguous-branch",
            format!("branch `{branch}` matches globs of {}", names(several.iter().copied())),
            format!("name it exactly in one of them: branches = [\"{branch}\"]"),
        )),
    }
}

fn by_pull_request(config: &Config, number: u64) -> Result<&Environment, Refusal> {
    config.environments.iter().find(|e| e.pull_requests).ok_or_else(|| {
        Refusal::new(
            "pull-request",
            format!("this is pull request {number}, and no environment takes pull requests"),
            "set `pull-requests = true` in one environment of deploy.toml, or let the job run on pushes",
        )
    })
}

fn aim(
    config: &Config,
    environment: &Environment,
    segment: Option<String>,
    branch: String,
    commit: String,
) -> Result<Target> {
    let wants_branch = environment.prefix.wants_branch()
        || environment.url.as_ref().is_some_and(|u| u.wants_branch());
    let segment = match segment {
        None if wants_branch => {
            return Err(Error::from(Refusal::new(
                "detached",
                format!(
                    "`{}` has a place for each branch, and git's HEAD is on no branch",
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
    Ok(Target {
        reserved: reserved(config, environment, &prefix)?,
        url: environment.url.as_ref().map(|url| url.fill(&segment)),
        pull_requests_collide: false,
        environment: environment.clone(),
        prefix,
        branch,
        commit,
    })
}

/// The folders below our prefix that other environments of the same bucket write to.
fn reserved(config: &Config, ours: &Environment, prefix: &Prefix) -> Result<Vec<String>, Refusal> {
    let others =
        config.environments.iter().filter(|e| e.name != ours.name && e.shares_bucket_with(ours));
    let mut reserved = Vec::new();
    for other in others.filter(|other| other.prefix != ours.prefix) {
        let folder = other.reserves();
        // A fixed folder inside the other's fixed folder is known to both, and left alone. One that only
        // the branch's name leads into is not.
        let led_by_name = !ours.reserves().starts_with(folder);
        if prefix.as_str().starts_with(folder) && led_by_name {
            return Err(Refusal::new(
                "ambiguous-branch",
                format!(
                    "this branch's folder `{prefix}` in the bucket is one that `{}` writes to",
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

/// Which branches each environment takes, for whoever meets the refusal.
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
        format!("`{}` takes {}", environment.name, branches.join(", "))
    };
    config.environments.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A commit as people write it.
pub fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

#[cfg(test)]
mod tests;
