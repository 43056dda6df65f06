//! How far the record of an earlier deploy is believed. Anyone who can write to the bucket can forge a record, even
//! without access to the repository. So a record decides neither which commit's generator is run on this machine nor
//! which branch the generator is told.

use super::status_of;
use engine::base::hint::{Argument, Command, Subcommand};
use engine::base::{Event, Hint, Refusal, Result, Tell};
use engine::bucket::Deploy;
use engine::repository::target::{self, short};
use engine::repository::{Checkout, Choice, Config, History, Place, checkout};

/// The deploy of a record, if the record says that it is of the deploy with this name.
///
/// Another record was put under this name, and is refused: `status` would have shown another commit than the one that
/// is built.
pub fn named(name: &str, deploy: Deploy, environment: &str) -> Result<Deploy, Refusal> {
    let is_branch = checkout::is_branch_name(&deploy.branch);
    if deploy.id() == name && is_branch {
        return Ok(deploy);
    }
    let what = match is_branch {
        true => format!("it is of the deploy `{}`", deploy.id()),
        false => format!("`{}` is not the name of a branch", deploy.branch),
    };
    Err(Refusal::new(
        "foreign-record",
        format!("the record of the deploy `{name}` was not written by this tool: {what}"),
        Hint::from("go back to another one (")
            .then(status_of(environment))
            .then("), and find out who else writes to the bucket"),
    ))
}

/// The branch of the deploy, if a deploy of that branch would go to the same place; otherwise the branch of this run.
pub fn branch(config: &Config, choice: &Choice, deploy: &Deploy, tell: &Tell) -> String {
    let told = &deploy.branch;
    // If `--env` chose the environment while HEAD was on no branch, the record has the commit in place of the branch.
    let is_commit = told == short(&deploy.commit);
    if *told == choice.branch || is_commit || target::leads_to(config, &choice.place, told) {
        return told.clone();
    }
    tell.tell(Event::Warning(format!(
        "the record of that deploy names the branch `{told}`, which `{}` does not take here; it is deployed as one of `{}`",
        choice.place.environment.name, choice.branch
    )));
    choice.branch.clone()
}

/// Who asks for a commit to be built, and by which name.
pub struct Asked<'a> {
    /// The argument of `--to`.
    pub to: Option<&'a str>,
    pub in_ci: bool,
}

/// Refuses to build a commit that is neither in the history of HEAD nor in that of a branch that the environment takes.
/// A person can insist on it by naming the whole commit.
pub fn may_be_built(
    checkout: &Checkout,
    config: &Config,
    place: &Place,
    deploy: &Deploy,
    asked: &Asked<'_>,
) -> Result<()> {
    let Deploy { commit, .. } = deploy;
    if !asked.in_ci && asked.to == Some(commit) {
        return Ok(());
    }
    let takes = |branch: &str| target::leads_to(config, place, branch);
    let hint = match checkout::history(&checkout.root, commit, &takes)? {
        // If the clone lacks the commit, checking it out reports that.
        History::Ours | History::Missing => return Ok(()),
        History::Shallow => {
            "this clone lacks the history that would tell: git fetch --unshallow".into()
        }
        History::Foreign if asked.in_ci => {
            "look at it and go back by hand, or undo what is wrong and deploy that: git revert"
                .into()
        }
        History::Foreign => {
            Hint::from(format!("look at it (git show {commit}), and to build it anyway: "))
                .then(Command::of(Subcommand::Rollback).with(Argument::To(commit.clone())))
        }
    };
    let environment = &place.environment.name;
    Err(Refusal::new(
        "foreign-commit",
        format!(
            "commit {} of the deploy `{}` is in the history neither of HEAD nor of a branch that `{environment}` takes here",
            short(commit),
            deploy.id()
        ),
        hint,
    )
    .into())
}
