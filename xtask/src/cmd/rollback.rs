//! `cargo xtask rollback`: the bucket of this branch's environment, made equal to an earlier deploy.
//!
//! Where the bucket keeps versions, they are copied back inside of it, which takes seconds and is exact, also
//! for what was deployed with changes that nobody committed. Elsewhere the commit of that deploy is checked
//! out beside the work tree, built and deployed. Either way it is a deploy like any other: the same guard,
//! lock, plan and order of writing, and a record of its own.

use std::time::Instant;

use super::change::{self, Job, Seen, Wanted};
use super::{blocking, build, now, open, stand, variable};
use crate::bucket::Bucket;
use crate::checkout::{self, Checkout, Worktree};
use crate::ci::Surroundings;
use crate::cli::Rollback;
use crate::config::Config;
use crate::error::{Error, Failure, Result, failed};
use crate::event::{Event, Tell};
use crate::plan::is_kept;
use crate::progress;
use crate::recall;
use crate::record::{self, Deploy, Record};
use crate::refusal::Refusal;
use crate::report::{self, Run, print};
use crate::stop::Stop;
use crate::target::{self, Target};

/// Goes back, until it is told to stop. Returns whether all of it was done; what failed is in the report.
pub async fn run(options: &Rollback, stop: &Stop) -> Result<bool> {
    let started = Instant::now();
    let Rollback { to, place, doing } = options;
    let ci = Surroundings::of(&variable);
    let tell = progress::draw(ci.is_ci(), ci.is_github());

    let here = stand()?;
    let checkout = checkout::read(&here)?;
    let config = open::read_config(place, &checkout, &here)?;
    let target = target::choose(&config, &checkout, &ci, place.env.as_deref())?;
    let opening = open::open(place.local, &checkout, &target.environment, &target.prefix);
    let opened = stop.cut(opening).await?;

    let bucket = &opened.bucket;
    let seen = stop.cut(change::look(bucket, &tell)).await?;
    let name = choose(&seen, to.as_deref())?;
    let (deploy, earlier) = stop.cut(async { Ok(read(bucket, &seen, &name).await?) }).await?;
    let target = Target { branch: deploy.branch.clone(), commit: deploy.commit.clone(), ..target };
    let dirty = deploy.dirty;
    let (place, dry, stale) = (opened.place.clone(), doing.dry_run, false);
    let run = Run { target: &target, place, dirty, stale, dry };
    let now = now();
    print(doing.json, || report::going_back(&run, &name, &deploy, now))?;

    // Asked for again, it is the same deploy that is made again, and not the rollback to it.
    let name = deploy.rolled_back_to.clone().unwrap_or(name);
    let is_held =
        stop.cut(async { Ok(is_held(&config, &target, bucket, &seen, &earlier, &tell).await) });
    let (wanted, _worktree) = match is_held.await? {
        true => (Wanted::Held(name, Box::new(earlier)), None),
        false => {
            let rebuilding = rebuild(&checkout, &config, &target, &deploy, &tell);
            let (site, worktree) = stop.cut(rebuilding).await?;
            (Wanted::Built(site, Some(name)), Some(worktree))
        }
    };

    let (checkout, config, run, tell) = (&checkout, &config, &run, &tell);
    let job = Job { doing, checkout, config, bucket, run, tell, now };
    let made = change::make(&job, &wanted, seen, stop).await?;
    change::finish(doing, run, opened, made, started).await
}

/// The name of the deploy to go back to: the one that was asked for, else the one before what is live. Where
/// that was itself gone back to, the one before the deploy that it made again; and where a later deploy was
/// begun and did not end, the last one that did.
fn choose(seen: &Seen, to: Option<&str>) -> Result<String, Refusal> {
    let Seen { listing, record } = seen;
    let live = record.deploy.as_ref().map(Deploy::id);
    let mut names: Vec<&str> = listing.earlier.iter().map(String::as_str).collect();
    names.sort_unstable();
    let Some(to) = to else {
        let last = match (&record.deploy, &live) {
            (Some(_), Some(live)) if names.contains(&live.as_str()) => Some(live.as_str()),
            (Some(deploy), Some(live)) => {
                let base = deploy.rolled_back_to.as_deref().unwrap_or(live);
                names.iter().rev().find(|name| **name < base).copied()
            }
            _ => None,
        };
        return last.map(str::to_owned).ok_or_else(|| none_before(&names));
    };
    names.extend(live.as_deref().filter(|live| !listing.earlier.iter().any(|name| name == live)));
    let newest = names.iter().rev().find(|name| is_named(name, to));
    newest.map(|name| (*name).to_owned()).ok_or_else(|| unknown(to, &names))
}

/// Whether a deploy is meant by the beginning of its name or of its commit.
fn is_named(name: &str, to: &str) -> bool {
    let commit = name.rsplit('-').next().unwrap_or_default();
    let by_commit = to.len() >= 4 && (commit.starts_with(to) || to.starts_with(commit));
    !to.is_empty() && (name.starts_with(to) || by_commit)
}

fn none_before(names: &[&str]) -> Refusal {
    Refusal::new(
        "no-earlier-deploy",
        "no deploy before the one that is live is remembered here",
        match names.last() {
            Some(name) => format!("name one: cargo xtask rollback --to {name}"),
            None => "check an earlier commit out and deploy that: git switch --detach, then cargo xtask deploy --env".into(),
        },
    )
}

fn unknown(to: &str, names: &[&str]) -> Refusal {
    Refusal::new(
        "unknown-deploy",
        format!("no deploy `{to}` is remembered here"),
        match names {
            [] => "nothing was deployed here yet, or its record is lost: cargo xtask status".into(),
            names => {
                let newest: Vec<&str> = names.iter().rev().copied().collect();
                format!("cargo xtask rollback --to one of {}", newest.join(", "))
            }
        },
    )
}

async fn read(bucket: &Bucket, seen: &Seen, name: &str) -> Result<(Deploy, Record), Failure> {
    let is_live = seen.record.deploy.as_ref().is_some_and(|deploy| deploy.id() == name);
    let record = match is_live && !seen.listing.earlier.iter().any(|earlier| earlier == name) {
        true => seen.record.clone(),
        false => record::read_earlier(bucket, name).await?,
    };
    let deploy = record.deploy.clone();
    let nothing = || failed(format!("the record of `{name}` does not say what was deployed"));
    Ok((deploy.ok_or_else(nothing)?, record))
}

/// Whether the bucket still holds all of an earlier deploy. Whether it keeps versions is not asked by itself:
/// where it does not, the first object that is missing says so.
async fn is_held(
    config: &Config,
    target: &Target,
    bucket: &Bucket,
    seen: &Seen,
    earlier: &Record,
    tell: &Tell,
) -> bool {
    let Seen { listing, record } = seen;
    let kept = |key: &str| is_kept(config, target, &listing.others, key);
    match recall::site(bucket, earlier, listing, record, &kept, tell).await {
        Ok(_) => true,
        Err(failure) => {
            let text = format!("{failure}; its commit is built again");
            tell.tell(Event::Warning(text));
            false
        }
    }
}

/// Below `target/`, which every Rust repository ignores.
const WORKTREE: &str = "target/xtask/rollback";

/// Builds the commit of an earlier deploy, as its own `deploy.toml` says. Where it goes is not asked of that.
async fn rebuild(
    checkout: &Checkout,
    config: &Config,
    target: &Target,
    deploy: &Deploy,
    tell: &Tell,
) -> Result<(crate::site::Site, Worktree)> {
    if deploy.dirty {
        return Err(not_reproducible(target, deploy).into());
    }
    let (root, commit) = (checkout.root.clone(), deploy.commit.clone());
    let worktree =
        blocking(move || Ok(checkout::check_out(&root, &commit, &root.join(WORKTREE))?)).await?;
    let then = config_of(checkout, config, &worktree, deploy)?;
    let site = build(&then, &worktree.root, target, false, tell).await?;
    Ok((site, worktree))
}

fn not_reproducible(target: &Target, deploy: &Deploy) -> Refusal {
    let bucket = &target.environment.bucket;
    Refusal::new(
        "not-reproducible",
        format!(
            "`{}` was deployed with changes that were not committed, and the bucket keeps no versions of it",
            deploy.id()
        ),
        format!(
            "go back to another (cargo xtask status --env {}), and keep versions from now on: aws s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled",
            target.environment.name
        ),
    )
}

/// What to build and with which headers: the commit's own word. What is kept stays today's.
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
    let then = Config::read(&folder, below).map_err(|error| match error {
        Error::Config(text) => {
            let mut failure = reading();
            failure.causes.extend(text.lines().map(str::to_owned));
            failure.into()
        }
        other => other,
    })?;
    Ok(Config { environments: config.environments.clone(), keep: config.keep.clone(), ..then })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::Listing;

    const COMMIT: &str = "8060c0d1a2b3c4d5e6f708192a3b4c5d6e7f8091";

    fn deploy(at: u64, rolled_back_to: Option<u64>) -> Deploy {
        Deploy {
            tool: "0.1.0".into(),
            branch: "main".into(),
            commit: format!("{at:07x}{}", &COMMIT[7..]),
            dirty: false,
            who: "kim@laptop".into(),
            at,
            rolled_back_to: rolled_back_to.map(|at| deploy(at, None).id()),
        }
    }

    /// What is seen where these deploys are remembered and this one is live.
    fn seen(earlier: &[u64], live: Option<Deploy>) -> Seen {
        let earlier = earlier.iter().rev().map(|at| deploy(*at, None).id()).collect();
        let listing = Listing { earlier, ..Listing::default() };
        Seen { listing, record: Record { deploy: live, ..Record::default() } }
    }

    #[test]
    fn it_goes_to_the_deploy_before_what_is_live() {
        for (why, earlier, live, expected) in [
            ("the one before", &[1, 2][..], Some(deploy(3, None)), Some(2)),
            (
                "the one before that which was gone back to",
                &[1, 2, 3],
                Some(deploy(4, Some(2))),
                Some(1),
            ),
            ("the first", &[1, 2, 3], Some(deploy(4, Some(1))), None),
            ("nothing else was deployed", &[], Some(deploy(1, None)), None),
            ("a later one was cut off", &[1, 2], Some(deploy(2, None)), Some(2)),
            (
                "a later one was cut off after a rollback",
                &[1, 2, 3],
                Some(deploy(3, Some(1))),
                Some(3),
            ),
            ("the record is lost", &[1, 2], None, None),
        ] {
            let chosen = choose(&seen(earlier, live), None);
            match expected {
                Some(at) => assert_eq!(chosen, Ok(deploy(at, None).id()), "{why}"),
                None => assert_eq!(chosen.unwrap_err().code, "no-earlier-deploy", "{why}"),
            }
        }
    }

    #[test]
    fn a_deploy_is_named_by_the_beginning_of_its_name_or_commit() {
        let seen = seen(&[1, 2, 1_795_466_325], Some(deploy(1_795_466_326, None)));
        let name = |at| deploy(at, None).id();
        for (to, expected) in [
            (name(1).as_str(), Some(1)),
            (&deploy(2, None).commit, Some(2)),
            ("0000002", Some(2)),
            ("20261123T203845", Some(1_795_466_325)),
            ("20261123", Some(1_795_466_326)),
            // Of several deploys the newest.
            ("0000", Some(2)),
            ("000", None),
            ("", None),
            ("main", None),
        ] {
            let chosen = choose(&seen, Some(to));
            match expected {
                Some(at) => assert_eq!(chosen, Ok(name(at)), "{to}"),
                None => assert_eq!(chosen.unwrap_err().code, "unknown-deploy", "{to}"),
            }
        }
    }
}
