//! What Azure Pipelines says about a run.

use super::super::claim::{Origin, Run};
use super::super::variables::{Vars, by_reference, says};

/// `BUILD_SOURCEBRANCHNAME` is only the last segment of the branch, so it is not used.
pub fn azure(var: Vars) -> Run {
    let reference = var("BUILD_SOURCEBRANCH").unwrap_or_default();
    let reason = var("BUILD_REASON").unwrap_or_default();
    let is_said = OF_PULL_REQUESTS.iter().any(|name| says(var, name));
    if is_said || reason.eq_ignore_ascii_case("PullRequest") || reference.starts_with("refs/pull/")
    {
        let number = var("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
            .or_else(|| var("SYSTEM_PULLREQUEST_PULLREQUESTID"));
        let origin = match var("SYSTEM_PULLREQUEST_ISFORK").map(|is| is.to_ascii_lowercase()) {
            Some(is) if is == "false" => Origin::Ours,
            Some(_) => Origin::Fork,
            None => Origin::Unproven("SYSTEM_PULLREQUEST_ISFORK"),
        };
        return Run::PullRequest { number: number.and_then(|n| n.parse().ok()), origin };
    }
    // The end of another pipeline starts this one on the default branch (`ResourceTrigger`, `BuildCompletion`), and
    // that pipeline may have run for anybody.
    if reason.is_empty() {
        return Run::Unproven { missing: "BUILD_REASON" };
    }
    match REASONS.iter().any(|known| reason.eq_ignore_ascii_case(known)) {
        true => by_reference(&reference, "BUILD_SOURCEBRANCH"),
        false => Run::Untrusted { event: reason },
    }
}

/// Variables that are set only for pull requests.
const OF_PULL_REQUESTS: [&str; 4] = [
    "SYSTEM_PULLREQUEST_PULLREQUESTID",
    "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER",
    "SYSTEM_PULLREQUEST_SOURCEBRANCH",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
];

/// The reasons for which a build of pushed commits starts.
const REASONS: [&str; 6] =
    ["IndividualCI", "BatchedCI", "Manual", "Schedule", "ScheduleForced", "UserCreated"];
