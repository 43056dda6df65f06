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

mod claim;
mod variables;
mod runs;
mod other_systems;
mod vendors;
mod address;

pub use address::without_logins;
pub use claim::{Origin, Run, VendorClaim};
pub use vendors::job;

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
        let generic = var("CI").filter(|value| !variables::says_no(value));
        let is_said = !claims.is_empty() || generic.as_ref().is_some_and(|value| !value.is_empty());
        let marker = match generic {
            Some(_) => Some("CI"),
            None => other_systems::MARKERS.into_iter().find(|name| full(name).is_some()),
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
