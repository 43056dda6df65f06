//! Branches, as CI files and scripts name them.

use super::globs;
use super::words::{Piece, Word};

/// The variables in which CI vendors, and many scripts, have the branch.
const VARIABLES: &[&str] = &[
    "BITBUCKET_BRANCH",
    "BRANCH",
    "BRANCH_NAME",
    "BUILDKITE_BRANCH",
    "CIRCLE_BRANCH",
    "CI_COMMIT_BRANCH",
    "CI_COMMIT_REF_NAME",
    "CI_BUILD_REF_NAME",
    "CODEBUILD_WEBHOOK_HEAD_REF",
    "CURRENT_BRANCH",
    "DRONE_BRANCH",
    "GITHUB_REF",
    "GITHUB_REF_NAME",
    "GIT_BRANCH",
    "SEMAPHORE_GIT_BRANCH",
    "TRAVIS_BRANCH",
];
const HEADS: &str = "refs/heads/";

/// Whether a word is the branch.
pub fn is_branch(word: &Word) -> bool {
    match word.pieces.as_slice() {
        [Piece::Variable { name, .. }] => VARIABLES.contains(&name.as_str()),
        [Piece::Outside { written, .. }] => {
            written.contains("rev-parse --abbrev-ref HEAD")
                || written.contains("branch --show-current")
        }
        _ => false,
    }
}

/// What a branch is compared with in a shell. `*` alone is for all that no other pattern takes.
pub fn of_case(subject: &Word, pattern: &str) -> Option<Vec<String>> {
    let is_ref = subject.written().contains("REF") && pattern.starts_with("refs/");
    let pattern = if is_ref { pattern.strip_prefix(HEADS)? } else { pattern };
    globs::of_branch(pattern, true).filter(|_| pattern != "*")
}

/// The names, globs and `/expressions/` of a list. None if one of them cannot be written as a glob.
pub fn of_list(list: &[&str], is_whole: bool) -> Option<Vec<String>> {
    let globs = list.iter().map(|name| match name.strip_prefix('/') {
        Some(_) => globs::of_regex(name, is_whole),
        None => globs::of_branch(name, false),
    });
    Some(globs.collect::<Option<Vec<_>>>()?.concat())
}

/// A condition of GitHub or GitLab that is the same for all of its parts: `a == 'x' || a == 'y'`. An empty list is no
/// condition on branches; None is one that cannot be written as globs.
pub fn of_condition(condition: &str, default_branch: Option<&str>) -> Option<Vec<String>> {
    let condition = condition.trim();
    let condition =
        condition.strip_prefix("${{").and_then(|text| text.strip_suffix("}}")).unwrap_or(condition);
    let is_about = |text: &str| {
        let names =
            ["github.ref", "github.event.ref", "CI_COMMIT_BRANCH", "CI_COMMIT_REF_NAME", "branch "];
        names.iter().any(|name| text.contains(name))
    };
    if !is_about(condition) {
        return Some(Vec::new());
    }
    let mut found = Vec::new();
    for choice in condition.split("||") {
        let mut of_choice: Option<Vec<String>> = None;
        for part in choice.split("&&").filter(|part| is_about(part)) {
            let globs = of_comparison(part.trim().trim_matches(['(', ')', ' ']), default_branch)?;
            if of_choice.replace(globs).is_some() {
                return None;
            }
        }
        found.extend(of_choice?);
    }
    Some(found)
}

fn of_comparison(text: &str, default_branch: Option<&str>) -> Option<Vec<String>> {
    if let Some(rest) = text.strip_prefix("startsWith") {
        let (_, prefix) = rest.trim().strip_prefix('(')?.split_once(',')?;
        let prefix = unquoted(prefix.trim().trim_end_matches(')').trim());
        let prefix = prefix.strip_prefix(HEADS).unwrap_or(prefix);
        if prefix.is_empty() || prefix.starts_with("refs/") {
            return None;
        }
        return globs::of_branch(&format!("{prefix}**"), false);
    }
    let (left, operator, right) = ["==", "=~"].iter().find_map(|operator| {
        let (left, right) = text.split_once(operator)?;
        (!left.ends_with('!')).then_some((left.trim(), *operator, right.trim()))
    })?;
    // Either side may be the branch.
    let is_value = |text: &str| text.starts_with(['\'', '"', '/']) || !text.contains(['.', '$']);
    let value = if is_value(left) { left } else { right };
    if value.contains("CI_DEFAULT_BRANCH") || value.contains("default_branch") {
        return Some(vec![default_branch?.to_owned()]);
    }
    let is_plain = is_value(value) || operator == "=~";
    is_plain.then_some(())?;
    if operator == "=~" {
        return globs::of_regex(value, false);
    }
    let value = unquoted(value);
    let value = value.strip_prefix(HEADS).unwrap_or(value);
    (!value.starts_with("refs/") && !value.is_empty()).then(|| vec![value.to_owned()])
}

/// Whether a branch may match both names or globs.
pub fn may_be_same(one: &str, other: &str) -> bool {
    let is_special = |c: char| "*?[{\\".contains(c);
    let (Some(first), second) = (one.find(is_special), other.find(is_special)) else {
        return match other.find(is_special) {
            Some(at) => one.starts_with(&other[..at]),
            None => one == other,
        };
    };
    let (first, second) = (&one[..first], &other[..second.unwrap_or(other.len())]);
    first.starts_with(second) || second.starts_with(first)
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['\'', '"'])
}
