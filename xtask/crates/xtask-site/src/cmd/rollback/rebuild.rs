//! Builds the commit of an earlier deploy again, in a work tree beside the user's.

use std::path::Path;
use std::sync::Arc;

use super::status_of;
use crate::cmd::{blocking, build};
use engine::base::{Error, Event, Failure, Hint, Refusal, Result, Tell, failed};
use engine::bucket::{Deploy, Exchange};
use engine::repository::build::check_declared;
use engine::repository::target::short;
use engine::repository::{Checkout, Config, Place, Target, Worktree, checkout, own_files};
use engine::site::Site;

const WORKTREE: &str = "rollback";

/// Builds the commit as its own `deploy.toml` says. Where the site goes is decided by today's file. `lost` is what the
/// bucket no longer holds.
pub async fn rebuild(
    checkout: &Checkout,
    config: &Config,
    target: &Target,
    deploy: &Deploy,
    lost: &Failure,
    tell: &Tell,
) -> Result<(Site, Worktree)> {
    let (root, commit) = (checkout.root.clone(), deploy.commit.clone());
    let folder = own_files::path(&root, WORKTREE);
    let worktree = blocking(move || Ok(checkout::check_out(&root, &commit, &folder)?)).await?;
    let then = config_of(checkout, config, &worktree, deploy)?;
    if then.command.is_empty() && !then.output_folder().exists() {
        let message = format!(
            "`{}` cannot be rebuilt: `{}` of its commit is neither built by a `command` nor tracked by git, and the bucket keeps no versions of it",
            deploy.id(),
            then.output.display()
        );
        return Err(not_reproducible(&target.place, message).into());
    }
    tell.tell(Event::Warning(format!(
        "{}, so commit {} is built again",
        lost.message,
        short(&deploy.commit)
    )));
    let exchange = Arc::new(Exchange::without_record());
    let site = build(&then, &worktree.root, target, false, exchange, tell).await?;
    Ok((site, worktree))
}

/// Refuses a deploy that no commit describes.
pub fn was_committed(place: &Place, deploy: &Deploy) -> Result<(), Refusal> {
    if !deploy.dirty {
        return Ok(());
    }
    let message = format!(
        "`{}` was deployed with changes that were not committed, and the bucket keeps no versions of it",
        deploy.id()
    );
    Err(not_reproducible(place, message))
}

fn not_reproducible(place: &Place, message: String) -> Refusal {
    let bucket = &place.environment.bucket;
    let rest = format!(
        "), and keep versions from now on: aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"
    );
    let status = status_of(&place.environment.name);
    let hint = Hint::from("go back to another (").then(status).then(rest);
    Refusal::new("not-reproducible", message, hint)
}

/// The commit's own configuration says what to build and which headers to set. `keep` is today's.
fn config_of(
    checkout: &Checkout,
    config: &Config,
    worktree: &Worktree,
    deploy: &Deploy,
) -> Result<Config> {
    let reading = || failed(format!("failed to read how `{}` was built", deploy.id()));
    let root = checkout.root.canonicalize().map_err(|error| reading().because(&error))?;
    let below = config.site.strip_prefix(&root).unwrap_or(&config.site);
    let folder = worktree.root.join(below);
    // Resolve links, so that paths below it can be compared with the folder in which the commit is checked out.
    let folder = folder.canonicalize().unwrap_or(folder);
    stays_inside(worktree, &folder, below, deploy)?;
    let read = || {
        let then = Config::read(&folder, below)?;
        check_declared(&then, &worktree.root)?;
        Ok(then)
    };
    let then = read().map_err(|error| match error {
        Error::Config(text) => {
            let mut failure = reading();
            failure.causes.extend(text.lines().map(str::to_owned));
            failure.into()
        }
        other => other,
    })?;
    // The generator must see neither the credentials of today's file nor those of the commit's.
    let environments = config.environments.iter().chain(&then.environments).cloned().collect();
    Ok(Config { environments, keep: config.keep.clone(), ..then })
}

/// In the commit, the site's folder may be a link. If it leads out of the repository, files from there would be built
/// and published.
fn stays_inside(worktree: &Worktree, folder: &Path, below: &Path, deploy: &Deploy) -> Result<()> {
    if !folder.exists() || checkout::is_same_repository(&worktree.root, folder)? {
        return Ok(());
    }
    Err(Error::Config(format!(
        "`{}` of commit {} leads out of the repository\n\nhint: go back to a deploy whose site is inside of it",
        below.display(),
        short(&deploy.commit)
    )))
}
