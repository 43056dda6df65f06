//! What is believed of the deploy that a record tells of. Anyone who can write to the bucket can write a record, and
//! need not be able to write to the repository. So a record decides neither which commit's generator is run here nor
//! which branch that is told.

use super::status_of;
use engine::base::hint::{Argument, Command, Subcommand};
use engine::base::{Event, Hint, Refusal, Result, Tell};
use engine::bucket::Deploy;
use engine::repository::target::{self, short};
use engine::repository::{Checkout, Choice, Config, History, Place, checkout};

/// A deploy whose record is the one that its name says.
///
/// Refuses a record that was written under another deploy's name: status showed another commit than would be built.
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

/// The branch that the deploy was of, as far as a deploy of it would go to the same place; else the branch of this run.
pub fn branch(config: &Config, choice: &Choice, deploy: &Deploy, tell: &Tell) -> String {
    let told = &deploy.branch;
    // Where `--env` chose without a branch, the commit stands in the branch's place.
    let is_commit = told == short(&deploy.commit);
    if *told == choice.branch || is_commit || target::leads_to(config, &choice.place, told) {
        return told.clone();
    }
    tell.tell(Event::Warning(format!(
        "the record of that deploy says that it was of `{told}`, which `{}` does not take here; it is made again as one of `{}`",
        choice.place.environment.name, choice.branch
    )));
    choice.branch.clone()
}

/// Who asks for a commit to be built.
pub struct Asked<'a> {
    /// What stands behind `--to`.
    pub to: Option<&'a str>,
    pub in_ci: bool,
}

/// Refuses to build a commit that is in the history neither of HEAD nor of a branch that the environment takes. A
/// person can insist on it by naming the whole commit.
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
        // That it is not in this clone is told when it is checked out.
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
