//! The variables of a CI vendor, and what several vendors write into them in the same way.

use super::claim::Run;

/// The environment, so that tests can bring their own. It returns variables that are set and not empty.
pub type Vars<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the event file on GitHub.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Whether a variable is set to something other than no.
pub fn says(var: Vars, name: &str) -> bool {
    var(name).is_some_and(|value| !says_no(&value))
}

pub fn says_no(value: &str) -> bool {
    ["false", "0"].contains(&value.to_ascii_lowercase().as_str())
}

pub fn tag_or_branch(var: Vars, tag: &str, branch: &'static str) -> Run {
    match (var(tag), var(branch)) {
        (Some(tag), _) => Run::Tag(tag),
        (None, Some(name)) => Run::Branch { name, told_by: branch },
        (None, None) => Run::Unproven { missing: branch },
    }
}

/// What a variable that is set only for pull requests makes of a run, if the other variables say that this is a push.
pub fn contradicted(var: Vars, names: &[&'static str]) -> Option<Run> {
    let told_by = names.iter().find(|name| says(var, name))?;
    Some(Run::PerhapsFork { told_by })
}

pub fn by_reference(reference: &str, told_by: &'static str) -> Run {
    if let Some(name) = reference.strip_prefix("refs/heads/").filter(|name| !name.is_empty()) {
        return Run::Branch { name: name.to_owned(), told_by };
    }
    match reference.strip_prefix("refs/tags/") {
        Some(tag) => Run::Tag(tag.to_owned()),
        None => Run::Unproven { missing: told_by },
    }
}

pub fn is_var(var: Vars, name: &str, value: &str) -> bool {
    var(name).is_some_and(|found| found.eq_ignore_ascii_case(value))
}

/// A repository's host and path, however it is cloned: `git@host:us/site.git` and `https://host/us/site` are the same.
pub fn repository_of(address: &str) -> String {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    // A path may contain an `@` or a `:` too, and what follows it there is not a host.
    let (host, path) = address.split_at(address.find('/').unwrap_or(address.len()));
    let host = host.split_once('@').map_or(host, |(_, rest)| rest);
    let address = host.replacen(':', "/", 1) + path;
    address.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase()
}
