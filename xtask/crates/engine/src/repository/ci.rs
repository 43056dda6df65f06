//! What CI says this run is. A vendor's variables are believed only if the variable that tells the vendor is
//! set, so that a stray one on a laptop chooses nothing. In CI, a variable that says that this is a pull request
//! is heard in any case: it only forbids.
//!
//! Three questions hide behind "the branch": which one was pushed, which one a pull request comes
//! from, and which one it targets. Only the first may choose an account: anybody can call the branch
//! of a pull request `production`, and every pull request against `production` targets it.
//!
//! Variables of several vendors can be set at once: one CI runs on the machines of another, or imitates it. All
//! of them are heard, and `target.rs` follows the most restrictive one. A variable that is missing counts as the
//! answer that permits less.

mod address;
mod runs;
mod vendors;

pub use address::{job, without_logins};

/// What one vendor says of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorClaim {
    /// As its users call it: "GitHub Actions".
    pub vendor: &'static str,
    pub run: Run,
    /// The commit as the vendor tells it, where it tells one.
    pub commit: Option<String>,
    /// Of a pull request, the newest commit of its own branch, where the vendor tells it beside `commit`. A job may
    /// check that one out instead of the merge that the vendor tests.
    pub source: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// A branch of the repository itself, and which variable tells it.
    Branch {
        name: String,
        told_by: &'static str,
    },
    PullRequest {
        number: Option<u64>,
        origin: Origin,
    },
    Tag(String),
    /// An event whose code and ref do not belong together: `pull_request_target`, `workflow_run`.
    Untrusted {
        event: String,
    },
    /// The variable that would say what started this run is missing.
    Unproven {
        missing: &'static str,
    },
    /// This variable says that it is a pull request, and no other says of which repository.
    PerhapsFork {
        told_by: &'static str,
    },
    /// Commits that a merge queue tests before they are merged.
    MergeQueue {
        name: String,
    },
    /// The vendor only lends its machine to a runner of another vendor, which knows more.
    Host,
    /// None of these: git decides, and a detached HEAD is a refusal.
    Unsaid,
}

/// Whose branch a pull request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This very repository's.
    Ours,
    Fork,
    /// Nothing proves that it is not a fork's, because this variable is missing.
    Unproven(&'static str),
}

impl Origin {
    /// The origin that two names of repositories prove, each with the variable that tells it.
    fn of(
        (theirs_name, theirs): (&'static str, Option<String>),
        (ours_name, ours): (&'static str, Option<String>),
    ) -> Origin {
        match (theirs, ours) {
            (None, _) => Origin::Unproven(theirs_name),
            (_, None) => Origin::Unproven(ours_name),
            (Some(theirs), Some(ours)) if theirs == ours => Origin::Ours,
            _ => Origin::Fork,
        }
    }
}

/// Whether GitHub runs this for its Dependabot, whose runs get no secrets of Actions, also on a branch of the
/// repository. `var` gives a variable that is set and not empty.
pub fn is_dependabot(var: &dyn Fn(&str) -> Option<String>) -> bool {
    vendors::is_github(var) && var("GITHUB_ACTOR").as_deref() == Some("dependabot[bot]")
}

/// What can be known of where this process runs.
pub struct Surroundings {
    claims: Vec<VendorClaim>,
    is_github: bool,
    is_ci: bool,
    marker: Option<&'static str>,
}

impl Surroundings {
    /// `var` gives a variable that is set, perhaps to nothing.
    pub fn of(var: &dyn Fn(&str) -> Option<String>) -> Surroundings {
        let full = |name: &str| var(name).filter(|value| !value.is_empty());
        let read_file = |path: &str| std::fs::read_to_string(path).ok();
        let mut claims = vendors::claims(&full, &read_file);
        // A CI that sets `CI` to nothing keeps build tools from treating warnings as errors. It is still CI.
        let generic = var("CI").filter(|value| !vendors::says_no(value));
        let is_said = !claims.is_empty() || generic.as_ref().is_some_and(|value| !value.is_empty());
        let marker = match generic {
            Some(_) => Some("CI"),
            None => vendors::MARKERS.into_iter().find(|name| full(name).is_some()),
        };
        let is_ci = is_said || marker.is_some();
        if is_ci {
            claims.extend(vendors::objections(&claims, &full, &read_file));
        }
        let is_github = vendors::is_github(&full);
        Surroundings { claims, is_github, is_ci, marker: marker.filter(|_| !is_said) }
    }

    /// What each vendor says whose variables are set, and in CI also what other variables say against a deploy.
    pub fn claims(&self) -> &[VendorClaim] {
        &self.claims
    }

    pub fn is_ci(&self) -> bool {
        self.is_ci
    }

    /// The variable that this is taken for CI by, if it is weak evidence: a person may have set it.
    pub fn marker(&self) -> Option<&'static str> {
        self.marker
    }

    pub fn is_github(&self) -> bool {
        self.is_github
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub mod tests;
