//! Which environment deploys a branch or a pull request.

use crate::base::error::{Error, Result};
use crate::base::refusal::Refusal;
use crate::repository::config::{Branches, Config, Environment};

/// The environment with a name.
pub fn named<'c>(config: &'c Config, name: &str) -> Result<&'c Environment> {
    config.environments.iter().find(|environment| environment.name == name).ok_or_else(|| {
        let known = names(config.environments.iter());
        Error::Config(format!("deploy.toml has no environment `{name}`\n\nhint: it has {known}"))
    })
}

/// The environment that deploys a branch: an exact name wins over a glob.
pub fn by_branch<'c>(config: &'c Config, branch: &str) -> Result<&'c Environment, Refusal> {
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
            format!(
                "add it to `branches` of one environment in deploy.toml: {}",
                all_branches(config)
            ),
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

pub fn by_pull_request(config: &Config, number: Option<u64>) -> Result<&Environment, Refusal> {
    let which = number.map_or_else(|| "a pull request".into(), |n| format!("pull request {n}"));
    config.environments.iter().find(|e| e.pull_requests).ok_or_else(|| {
        Refusal::new(
            "pull-request",
            format!("this is {which}, but no environment deploys pull requests"),
            "set `pull-requests = true` in one environment of deploy.toml, or let the job run on pushes",
        )
    })
}

fn names<'e>(environments: impl Iterator<Item = &'e Environment>) -> String {
    environments.map(|e| format!("`{}`", e.name)).collect::<Vec<_>>().join(", ")
}

/// Which branches each environment deploys, for the text of a refusal.
fn all_branches(config: &Config) -> String {
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
