//! The place of an environment for a branch: its prefix in the bucket, its address, and the folders in it that belong to
//! other environments.

use crate::base::error::{Error, Result};
use crate::base::key::Prefix;
use crate::base::refusal::Refusal;
use crate::repository::config::{Config, Environment};

/// The one environment, bucket and prefix that a run may touch.
#[derive(Clone, Debug)]
pub struct Place {
    pub environment: Environment,
    pub prefix: Prefix,
    /// The site's address, if the environment has one.
    pub url: Option<String>,
    /// Folders below the prefix that belong to other environments of the same bucket.
    pub(crate) reserved: Vec<String>,
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

/// The place of an environment for a branch. `segment` is the value of `{branch}`; `None` if HEAD is on no branch.
pub fn resolve(
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
