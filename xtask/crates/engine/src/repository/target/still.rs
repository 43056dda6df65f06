//! Whether the checkout is still the one for which the target was chosen.

use super::reference::short;
use crate::base::refusal::Refusal;
use crate::repository::checkout::{Checkout, Head};

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
