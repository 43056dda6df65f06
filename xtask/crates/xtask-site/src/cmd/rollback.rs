//! `cargo xtask rollback`: makes the bucket of this branch's environment equal to an earlier deploy.
//!
//! If the bucket keeps versions, they are copied back within it. This takes seconds and is exact, even for a deploy
//! with uncommitted changes. Otherwise the commit of that deploy is checked out beside the work tree, built and
//! deployed. Either way it is a deploy like any other: the same guard, lock, plan and order of writing, and a record of
//! its own.

mod rebuild;
mod trust;

use super::connect::{self, connect};
use super::deploy::{Deployment, Goal, finish, make_equal};
use crate::cli::Rollback;
use crate::context::Context;
use crate::output::report::{self, Run, print};
use engine::base::hint::{Command, Subcommand};
use engine::base::{Failure, Hint, Refusal, Result, Stop, Tell, failed};
use engine::bucket::{self, Bucket, Deploy, Exchange, Record, Seen, record};
use engine::plan::{Earlier, Scope, restore};
use engine::repository::{Checkout, Choice, Config, Place, Revision, Target, Worktree, target};
use rebuild::{rebuild, was_committed};
use trust::Asked;

/// Rolls back, unless it is stopped. Returns whether everything was done; the report names what failed.
pub async fn run(options: &Rollback, stop: &Stop) -> Result<bool> {
    let Rollback { to, place, doing } = options;
    let cx = Context::new()?;
    let checkout = cx.checkout()?;
    let config = connect::read_config(place.site.as_deref(), place.local, &checkout, &cx.here)?;
    let choice = target::choose(&config, &checkout, &cx.ci, place.env.as_deref())?;
    let connecting = connect(place.local, &checkout, &choice.place, &cx.tell);
    let connection = stop.unless_stopped(connecting).await?;
    let (bucket, tell) = (&connection.bucket, &cx.tell);

    let (seen, begun) = stop.unless_stopped(look(bucket, tell)).await?;
    let environment = choice.place.environment.name.clone();
    let name = choose(&seen, begun.as_ref(), to.as_deref(), &environment)?;
    let reading = async { Ok(read(bucket, &seen, &name).await?) };
    let (deploy, earlier) = stop.unless_stopped(reading).await?;
    let deploy = trust::named(&name, deploy, &environment)?;
    if let Some(to) = to.as_deref().filter(|to| !is_of(&name, &deploy.commit, to)) {
        return Err(unknown(to, &[&name], &environment).into());
    }
    let target = target_of(&config, choice, &deploy, tell);
    let store = connection.store.clone();
    let run =
        Run { target: &target, store, stale: false, dry: doing.dry_run, typed: options.typed() };
    print(doing.json, || report::going_back(&run, &name, &deploy, cx.now))?;

    let asked = Asked { to: to.as_deref(), in_ci: cx.ci.is_ci() };
    let way = Way { checkout: &checkout, config: &config, target: &target, bucket, asked, tell };
    let (goal, _worktree) = stop.unless_stopped(goal(&way, &seen, &deploy, earlier)).await?;

    let deployment = Deployment {
        committed: deploy.committed,
        is_relative: to.is_none(),
        ..Deployment::of(&cx, doing, &checkout, &config, bucket, &run)
    };
    let made = make_equal(&deployment, &goal, seen, stop).await?;
    finish(doing, &run, connection, made, cx.started).await
}

/// The place that was chosen, and the revision that was deployed there.
fn target_of(config: &Config, choice: Choice, deploy: &Deploy, tell: &Tell) -> Target {
    let branch = trust::branch(config, &choice, deploy, tell);
    let revision = Revision { branch, commit: deploy.commit.clone(), dirty: deploy.dirty };
    Target { place: choice.place, revision }
}

/// What is needed to find the files of an earlier deploy.
struct Way<'a> {
    checkout: &'a Checkout,
    config: &'a Config,
    target: &'a Target,
    bucket: &'a Bucket,
    asked: Asked<'a>,
    tell: &'a Tell,
}

/// What to go back to: the deploy, if the bucket still holds it; otherwise its commit, built again in a work tree that
/// is removed when it is dropped. If the deploy was a rollback itself, the goal is the deploy that it restored.
async fn goal(
    way: &Way<'_>,
    seen: &Seen,
    deploy: &Deploy,
    earlier: Record,
) -> Result<(Goal, Option<Worktree>)> {
    let Way { checkout, config, target, bucket, asked, tell } = way;
    let (name, earlier) = (deploy.origin(), Earlier::of(earlier));
    let lost = match held(config, &target.place, bucket, seen, &earlier, tell).await {
        Ok(()) => return Ok((Goal::Held(name, Box::new(earlier)), None)),
        Err(lost) => lost,
    };
    was_committed(&target.place, deploy)?;
    trust::may_be_built(checkout, config, &target.place, deploy, asked)?;
    let (site, worktree) = rebuild(checkout, config, target, deploy, &lost, tell).await?;
    Ok((Goal::Rebuilt(site, name), Some(worktree)))
}

/// The bucket, and the deploy that was begun after the live one and has not ended.
async fn look(bucket: &Bucket, tell: &Tell) -> Result<(Seen, Option<Deploy>)> {
    let seen = bucket::look(bucket, &Exchange::default(), tell).await?;
    let begun = match seen.record.is_followed(seen.listing.begun.as_ref()) {
        true => record::read_begun(bucket).await?,
        false => None,
    };
    Ok((seen, begun))
}

/// The name of the deploy to go back to: the one that the user named, otherwise the one before the live deploy. If the
/// live deploy is a rollback, it is the one before the deploy that was restored. If a rollback was begun and has not
/// ended, it is continued. If a deploy was begun and has not ended, the live deploy is completed.
fn choose(
    seen: &Seen,
    begun: Option<&Deploy>,
    to: Option<&str>,
    environment: &str,
) -> Result<String, Refusal> {
    let Seen { listing, record } = seen;
    let mut names: Vec<&str> = listing.earlier.iter().map(String::as_str).collect();
    let live = record.deploy.as_ref().map(Deploy::id);
    names.extend(live.as_deref().filter(|live| !names.contains(live)));
    names.sort_unstable();
    if let Some(to) = to {
        return named(&names, to)
            .map(str::to_owned)
            .ok_or_else(|| unknown(to, &names, environment));
    }
    let chosen = match (&record.deploy, begun) {
        (_, Some(Deploy { rolled_back_to: Some(to), .. })) => Some(to.clone()),
        (Some(live), Some(_)) => Some(live.id()),
        (Some(live), None) => before(live, &names),
        (None, _) => None,
    };
    chosen.ok_or_else(|| none_before(&names, environment))
}

/// The deploy before the live one, among those that are remembered.
fn before(live: &Deploy, names: &[&str]) -> Option<String> {
    let origin = live.origin();
    // The deploy that was live then. After a rollback, that is not the one with the name before.
    let replaced = live.replaced.as_deref().filter(|_| live.rolled_back_to.is_none());
    let replaced = replaced.filter(|replaced| names.contains(replaced));
    let earlier = || names.iter().rev().find(|name| ***name < *origin).copied();
    replaced.or_else(earlier).map(str::to_owned)
}

/// The deploy that `to` means: by its name; by its commit, the newest of several; or by the beginning of its name, if
/// no other name begins like that.
fn named<'n>(names: &[&'n str], to: &str) -> Option<&'n str> {
    let by_commit = |name: &&&str| is_commit_of(name, to);
    let by_name: Vec<&&str> = names.iter().filter(|name| name.starts_with(to)).collect();
    let exactly = names.iter().find(|name| **name == to);
    let found = exactly.or_else(|| names.iter().rev().find(by_commit));
    found.or(by_name.first().filter(|_| by_name.len() == 1).copied()).copied()
}

/// Whether `to` is a commit, or the beginning of one, that the name of a deploy ends with. The name has the first seven
/// digits of it.
fn is_commit_of(name: &str, to: &str) -> bool {
    let commit = name.rsplit('-').next().unwrap_or_default();
    let is_hex = to.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex && to.len() >= 4 && (commit.starts_with(to) || to.starts_with(commit))
}

/// Whether `to` means this deploy. Now its whole commit is known.
fn is_of(name: &str, commit: &str, to: &str) -> bool {
    name.starts_with(to) || commit.starts_with(to)
}

fn none_before(names: &[&str], environment: &str) -> Refusal {
    let hint = match names {
        [] | [_] => Hint::from(
            "check an earlier commit out and deploy it: git switch --detach COMMIT, then ",
        )
        .then(Command::of(Subcommand::Deploy).in_environment(environment)),
        _ => Hint::from("look at those that are, and name one with --to: ")
            .then(status_of(environment)),
    };
    let message = "there is no record of a deploy before the live one";
    Refusal::new("no-earlier-deploy", message, hint)
}

fn unknown(to: &str, names: &[&str], environment: &str) -> Refusal {
    let newest: Vec<&str> = names.iter().rev().copied().collect();
    let message = format!("`{to}` does not match exactly one remembered deploy");
    let hint = match newest.is_empty() {
        true => Hint::from("nothing was deployed here yet, or its record is lost: ")
            .then(status_of(environment)),
        false => Hint::from(Command::of(Subcommand::Rollback))
            .then(format!(" --to one of {}", newest.join(", "))),
    };
    Refusal::new("unknown-deploy", message, hint)
}

/// The command that shows what an environment can go back to.
fn status_of(environment: &str) -> Command {
    Command::of(Subcommand::Status).in_environment(environment)
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

/// Whether the bucket still holds everything of an earlier deploy; the error is what it lacks. Nothing asks whether the
/// bucket keeps versions: if it does not, the first missing object says so.
async fn held(
    config: &Config,
    place: &Place,
    bucket: &Bucket,
    seen: &Seen,
    earlier: &Earlier,
    tell: &Tell,
) -> Result<(), Failure> {
    let Seen { listing, record } = seen;
    let scope = Scope::of(config, place, &listing.others);
    restore::site_of(bucket, earlier, listing, record, &scope, tell).await.map(drop)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::Typed;
    use engine::bucket::Listing;

    const COMMIT: &str = "8060c0d1a2b3c4d5e6f708192a3b4c5d6e7f8091";

    fn deploy(at: u64, rolled_back_to: Option<u64>) -> Deploy {
        Deploy {
            tool: "0.1.0".into(),
            branch: "main".into(),
            commit: format!("{at:07x}{}", &COMMIT[7..]),
            dirty: false,
            who: "kim@laptop".into(),
            at,
            replaced: None,
            rolled_back_to: rolled_back_to.map(|at| deploy(at, None).id()),
            environment: None,
            committed: None,
            newest: None,
        }
    }

    #[test]
    fn a_hint_leads_to_the_place_that_was_asked_for() {
        let site = Some(Path::new("docs"));
        let typed = Typed { site, local: true, ..Typed::only(Subcommand::Rollback) };
        let hint = |names: &[u64], to| {
            typed.spell(&choose(&seen(names, None), None, to, "production").unwrap_err().hint)
        };
        assert_eq!(
            hint(&[1, 2], None),
            "look at those that are, and name one with --to: cargo xtask status --env production --site docs --local"
        );
        assert!(
            hint(&[1], None).ends_with("cargo xtask deploy --env production --site docs --local")
        );
        let one_of = format!(
            "cargo xtask rollback --site docs --local --to one of {}, {}",
            deploy(2, None).id(),
            deploy(1, None).id()
        );
        assert_eq!(hint(&[1, 2], Some("x")), one_of);
    }

    /// What is seen if these deploys are remembered and this one is live.
    fn seen(earlier: &[u64], live: Option<Deploy>) -> Seen {
        let earlier = earlier.iter().rev().map(|at| deploy(*at, None).id()).collect();
        let listing = Listing { earlier, ..Listing::default() };
        Seen { listing, record: Record { deploy: live, ..Record::default() } }
    }

    #[test]
    fn it_goes_to_the_deploy_before_what_is_live() {
        let after = |at, replaced| Deploy {
            replaced: Some(deploy(replaced, None).id()),
            ..deploy(at, None)
        };
        for (why, earlier, live, begun, expected) in [
            ("the one before", &[1, 2][..], Some(deploy(3, None)), None, Some(2)),
            ("the one before that", &[1, 2, 3], Some(deploy(4, Some(2))), None, Some(1)),
            ("the first", &[1, 2, 3], Some(deploy(4, Some(1))), None, None),
            ("nothing else was deployed", &[], Some(deploy(1, None)), None, None),
            // 3 was bad, and was rolled back to 2.
            ("what it replaced", &[1, 2, 3], Some(after(5, 2)), None, Some(2)),
            ("what it replaced is forgotten", &[2, 3], Some(after(5, 1)), None, Some(3)),
            (
                "a deploy was cut off",
                &[1, 2],
                Some(deploy(2, None)),
                Some(deploy(3, None)),
                Some(2),
            ),
            ("a rollback was", &[1, 2], Some(deploy(2, None)), Some(deploy(3, Some(1))), Some(1)),
            ("the record is lost", &[1, 2], None, None, None),
        ] {
            let chosen = choose(&seen(earlier, live), begun.as_ref(), None, "production");
            match expected {
                Some(at) => assert_eq!(chosen, Ok(deploy(at, None).id()), "{why}"),
                None => assert_eq!(chosen.unwrap_err().code, "no-earlier-deploy", "{why}"),
            }
        }
    }

    #[test]
    fn a_deploy_is_found_by_its_name_or_commit_or_the_beginning_of_either() {
        let seen = seen(&[1, 2, 1_795_466_325], Some(deploy(1_795_466_326, None)));
        let name = |at| deploy(at, None).id();
        for (to, expected) in [
            (name(1).as_str(), Some(1)),
            (&deploy(2, None).commit, Some(2)),
            ("0000002", Some(2)),
            ("20261123T203845", Some(1_795_466_325)),
            // Of several deploys of a commit, the newest.
            ("0000", Some(2)),
            ("20261123", None),
            ("2", None),
            ("000", None),
            ("", None),
            ("main", None),
        ] {
            let chosen = choose(&seen, None, Some(to), "production");
            match expected {
                Some(at) => assert_eq!(chosen, Ok(name(at)), "{to}"),
                None => assert_eq!(chosen.unwrap_err().code, "unknown-deploy", "{to}"),
            }
        }
        assert!(is_of(&name(2), &deploy(2, None).commit, "0000002"));
        assert!(!is_of(&name(2), &deploy(2, None).commit, "0000002ffff"), "another commit");
    }
}
