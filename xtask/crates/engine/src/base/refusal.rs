//! What the tool declines to do. Nothing broke: a refusal is a decision that was made before anything was touched. So
//! it has a type, an exit code and a JSON shape of its own, and it always has a next step.

use std::fmt;

use crate::base::hint::Hint;

/// A decision not to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of [`CODES`]. Scripts may rely on it.
    pub code: &'static str,
    /// What was declined and why, in one sentence.
    pub message: String,
    /// What to type or change next.
    pub hint: Hint,
}

/// Every code that a refusal can have, in the order in which a deploy can meet them.
pub const CODES: &[&str] = &[
    "stale-tool",
    "untrusted-event",
    "fork",
    "pull-request",
    "tag",
    "detached",
    "unborn-branch",
    "link-in-target",
    "dirty",
    "commit-mismatch",
    "branch-mismatch",
    "ci-conflict",
    "env-in-ci",
    "unknown-branch",
    "ambiguous-branch",
    "missing-credentials",
    "root-user",
    "wrong-account",
    "unknown-deploy",
    "no-earlier-deploy",
    "foreign-record",
    "foreign-commit",
    "not-reproducible",
    "lfs-pointer",
    "annex-pointer",
    "git-crypt",
    "wrong-encoding",
    "output-holds-tool",
    "outdated",
    "empty-site",
    "too-many-deletes",
    "public-acl",
    "locked",
    "overtaken",
];

impl Refusal {
    /// `code` must be one of [`CODES`].
    pub fn new(code: &'static str, message: impl Into<String>, hint: impl Into<Hint>) -> Refusal {
        debug_assert!(CODES.contains(&code), "`{code}` is not a refusal's code");
        Refusal { code, message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
