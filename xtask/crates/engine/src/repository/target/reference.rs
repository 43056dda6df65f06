//! What a run is for: a branch or a pull request.

use std::fmt;

use crate::base::key;

/// What may choose an environment.
#[derive(PartialEq, Eq)]
pub enum Reference {
    Branch(String),
    PullRequest(u64),
}

impl Reference {
    pub fn segment(&self) -> String {
        match self {
            Reference::Branch(name) => key::branch_segment(name),
            Reference::PullRequest(number) => key::pull_request_segment(*number),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Branch(name) => f.write_str(name),
            Reference::PullRequest(number) => f.write_str(&key::pull_request_segment(*number)),
        }
    }
}

/// A commit in the short form that people write.
pub fn short(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}

pub const SHORT: usize = 7;
