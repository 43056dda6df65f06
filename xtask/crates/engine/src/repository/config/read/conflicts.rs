//! What two environments may not have in common.

use std::collections::HashMap;
use std::ops::Range;

use super::super::Environment;
use super::super::problem::Problem;
use super::fields::complain;

/// Reports every conflict. Each environment is compared with the first one that has the same thing: if one environment
/// conflicts with all others, that is one mistake.
pub fn check_together(environments: &[(Environment, Range<usize>)], problems: &mut Vec<Problem>) {
    let mut with_pull_requests = None;
    let mut places = HashMap::new();
    let mut variables = HashMap::new();
    for (ours, span) in environments {
        let mut report = |other: &Environment, conflict: fn(&str, &Environment) -> String| {
            if other.name != ours.name {
                complain(problems, span.clone(), conflict(&other.name, ours));
            }
        };
        if ours.pull_requests {
            report(with_pull_requests.get_or_insert(ours), both_deploy_pull_requests);
        }
        if !ours.bucket.is_empty() {
            let place = (&ours.bucket, ours.store(), ours.reserves());
            let other: &mut &Environment = places.entry(place).or_insert(ours);
            let is_apart = other.prefix == ours.prefix && ours.prefix.wants_branch();
            if !is_apart {
                report(other, share_a_place);
            }
        }
        if ours.credentials == Environment::default_credentials(&ours.name) {
            let names: Vec<String> = ours.variables().into_iter().map(str::to_owned).collect();
            report(variables.entry(names).or_insert(ours), share_variables);
        }
    }
}

fn both_deploy_pull_requests(other: &str, ours: &Environment) -> String {
    format!("`{other}` and `{}` both deploy pull requests; only one environment may", ours.name)
}

/// If the place of one is a fixed folder inside the other's, the outer one leaves that folder alone. If neither can
/// tell which keys belong to the other, each would delete the other's site.
fn share_a_place(other: &str, ours: &Environment) -> String {
    format!(
        "`{other}` and `{}` share the bucket `{}` and would delete each other's objects; give each a `prefix` of its own",
        ours.name, ours.bucket
    )
}

/// `a-b` and `a_b` are two environments, but result in the same beginning of a variable's name, so one would be
/// deployed with the key of the other.
fn share_variables(other: &str, ours: &Environment) -> String {
    format!(
        "`{other}` and `{}` name no `credentials`, and would both use `{}`; name the variables of each",
        ours.name,
        ours.variables().first().copied().unwrap_or_default()
    )
}
