//! What CI says about this run. A vendor's variables are trusted only if the variable that identifies the vendor is
//! set, so that a stray variable on a laptop chooses nothing. In CI, a variable that says that this is a pull request
//! always counts: it can only forbid.
//!
//! "The branch" can be the answer to three questions: which branch was pushed, which one a pull request comes from, and
//! which one it targets. Only the first may choose an account: anybody can give the branch of a pull request the name
//! `production`, and every pull request against `production` targets it.
//!
//! Variables of several vendors can be set at the same time: one CI runs on the machines of another, or imitates it.
//! All of them count, and `target.rs` follows the most restrictive one. A missing variable counts as the answer that
//! permits less.

mod address;
mod runs;
mod vendors;

pub use address::{job, without_logins};

/// What one vendor says about this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorClaim {
    /// The name that its users know: "GitHub Actions".
    pub vendor: &'static str,
    pub run: Run,
    /// The commit according to the vendor, if it names one.
    pub commit: Option<String>,
    /// For a pull request: the newest commit of its own branch, if the vendor names it in addition to `commit`. A job
    /// may check out this commit instead of the merge that the vendor tests.
    pub source: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// A branch of the repository itself, and the variable that names it.
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
    /// This variable says that it is a pull request, and no other variable says from which repository.
    PerhapsFork {
        told_by: &'static str,
    },
    /// Commits that a merge queue tests before they are merged.
    MergeQueue {
        name: String,
    },
    /// The vendor only lends its machine to a runner of another vendor, which knows more.
    Host,
    /// None of these: git decides, and a detached HEAD is refused.
    Unsaid,
}

/// The repository from which a pull request comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This very repository.
    Ours,
    Fork,
    /// This variable is missing, so nothing proves that it is not a fork.
    Unproven(&'static str),
}

impl Origin {
    /// The origin that the names of two repositories prove, each with the variable that holds it.
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

/// Whether GitHub runs this for its Dependabot. Dependabot's runs get no Actions secrets, not even on a branch of the
/// repository. `var` returns a variable that is set and not empty.
pub fn is_dependabot(var: &dyn Fn(&str) -> Option<String>) -> bool {
    vendors::is_github(var) && var("GITHUB_ACTOR").as_deref() == Some("dependabot[bot]")
}

/// What is known about the environment of this process.
pub struct CiContext {
    claims: Vec<VendorClaim>,
    is_github: bool,
    is_ci: bool,
    marker: Option<&'static str>,
}

impl CiContext {
    /// `var` returns a variable that is set, possibly to an empty value.
    pub fn of(var: &dyn Fn(&str) -> Option<String>) -> CiContext {
        let full = |name: &str| var(name).filter(|value| !value.is_empty());
        let read_file = |path: &str| std::fs::read_to_string(path).ok();
        let mut claims = vendors::claims(&full, &read_file);
        // A CI system that sets `CI` to an empty value keeps build tools from treating warnings as errors. It is still
        // CI.
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
        CiContext { claims, is_github, is_ci, marker: marker.filter(|_| !is_said) }
    }

    /// The claims of each vendor that is identified. In CI also what other variables say against a deploy.
    pub(crate) fn claims(&self) -> &[VendorClaim] {
        &self.claims
    }

    pub fn is_ci(&self) -> bool {
        self.is_ci
    }

    /// The variable because of which this counts as CI, if it is weak evidence: a person may have set it.
    pub(crate) fn marker(&self) -> Option<&'static str> {
        self.marker
    }

    pub fn is_github(&self) -> bool {
        self.is_github
    }
}

#[cfg(test)]
mod proptests;
#[cfg(test)]
pub(crate) mod tests;
