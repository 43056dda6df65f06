//! If the variables of two vendors are set, the run never gets further than the more restrictive of the two vendors
//! would alone.

use std::path::PathBuf;

use super::*;
use crate::repository::ci::tests::samples;

const COMMIT: &str = "1111111111111111111111111111111111111111";

/// One place for each kind of reference.
const CONFIG: &str = r#"
    [build]
    output = "public"

    [environments.production]
    branches = ["main"]
    region = "eu-central-1"
    account = "111111111111"
    bucket = "example.com"

    [environments.staging]
    branches = ["staging"]
    region = "eu-central-1"
    account = "222222222222"
    bucket = "stg.example.com"

    [environments.development]
    branches = ["**"]
    pull-requests = true
    region = "eu-central-1"
    account = "333333333333"
    bucket = "dev.example.com"
    prefix = "{branch}/"
"#;

struct Sample {
    vendor: &'static str,
    variables: Vec<(String, String)>,
    /// Where it goes alone, for each of [`heads`].
    alone: Vec<Option<String>>,
}

fn heads() -> [Head; 3] {
    let on = |name: &str| Head::Branch { name: name.into(), commit: COMMIT.into() };
    [on("main"), on("staging"), Head::Detached { commit: COMMIT.into() }]
}

/// The branch or pull request that is deployed, and its place; `None` if it is refused.
fn place(config: &Config, head: Head, variables: &[(String, String)]) -> Option<String> {
    let checkout = Checkout { root: PathBuf::from("/repository"), head, parents: Vec::new() };
    let var = |wanted: &str| {
        let found = variables.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    };
    let target = choose(config, &checkout, &CiContext::of(&var), None).ok()?;
    Some(format!("{} -> {}", target.branch, target.place.environment.name))
}

/// Every kind of run of every vendor, also for another branch and for another pull request.
fn all(config: &Config, event: &str) -> Vec<Sample> {
    let mut all = Vec::new();
    for (vendor, environment) in samples() {
        let environment = environment.replace("/event.json", event);
        let others = [environment.replace("main", "staging"), environment.replace("=7", "=8")];
        let mut variants = Vec::from([environment]);
        variants
            .extend(others.into_iter().filter(|other| *other != variants[0]).collect::<Vec<_>>());
        for text in variants {
            let words = text.split_whitespace().map(|word| word.split_once('=').unwrap());
            let variables: Vec<_> = words.map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            let alone = heads().map(|head| place(config, head, &variables)).into();
            all.push(Sample { vendor, variables, alone });
        }
    }
    all
}

/// Whether two vendors share a variable but need different values in it.
fn clash(a: &Sample, b: &Sample) -> bool {
    let differs = |(name, value): &(String, String)| {
        b.variables.iter().any(|(other, theirs)| other == name && theirs != value)
    };
    a.variables.iter().any(differs)
}

/// Woodpecker's variables have the same names as GitLab's, so each reads what the other sets.
fn shares_variables(a: &Sample, b: &Sample) -> bool {
    ["GitLab", "Woodpecker"].iter().all(|name| [a.vendor, b.vendor].contains(name))
}

/// Where the variables of both lead if the one that identifies `other` is not set.
fn alone(
    config: &Config,
    head: &Head,
    both: &[(String, String)],
    other: &Sample,
) -> Option<String> {
    let told_by = &other.variables[0].0;
    let variables: Vec<_> = both.iter().filter(|(name, _)| name != told_by).cloned().collect();
    place(config, head.clone(), &variables)
}

#[test]
fn two_vendors_reach_what_the_more_restrictive_one_reaches_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("deploy.toml"), CONFIG).unwrap();
    let config = Config::read(folder.path(), "site".as_ref()).unwrap();
    let event = folder.path().join("event.json");
    let ours = r#"{"repo":{"full_name":"us/site"}}"#;
    std::fs::write(&event, format!(r#"{{"pull_request":{{"head":{ours},"base":{ours}}}}}"#))
        .unwrap();
    let all = all(&config, event.to_str().unwrap());
    let (mut pairs, mut reached) = (0, 0);
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
        if a.vendor >= b.vendor || clash(a, b) {
            continue;
        }
        let both = [a.variables.as_slice(), &b.variables].concat();
        for (index, head) in heads().into_iter().enumerate() {
            let (of_a, of_b) = match shares_variables(a, b) {
                true => (alone(&config, &head, &both, b), alone(&config, &head, &both, a)),
                false => (a.alone[index].clone(), b.alone[index].clone()),
            };
            let place = place(&config, head, &both);
            pairs += 1;
            reached += usize::from(place.is_some());
            let is_pull_request = |place: &str| place.starts_with("pr-");
            let restrictive = match (of_a, of_b) {
                (Some(a), Some(b)) if a == b => Some(a),
                (Some(a), Some(b)) if is_pull_request(&a) && !is_pull_request(&b) => Some(a),
                (Some(a), Some(b)) if is_pull_request(&b) && !is_pull_request(&a) => Some(b),
                _ => None,
            };
            assert_eq!(place, restrictive, "{both:?}");
        }
    }
    assert!(pairs > 10_000 && reached > 1_000, "{reached} of {pairs} go anywhere");
}
