//! What CI says this run is. A vendor's variables are believed only where the variable that tells the
//! vendor is set, so that a stray one on a laptop chooses nothing.
//!
//! Three questions hide behind "the branch": which one was pushed, which one a pull request comes
//! from, and which one it targets. Only the first may choose an account: anybody can call the branch
//! of a pull request `production`, and every pull request against `production` targets it.

mod vendors;

/// What one vendor says of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As its users call it: "GitHub Actions".
    pub vendor: &'static str,
    pub run: Run,
    /// The commit as the vendor tells it, where it tells one.
    pub commit: Option<String>,
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
        fork: bool,
    },
    Tag(String),
    /// An event whose code and ref do not belong together: `pull_request_target`, `workflow_run`.
    Untrusted {
        event: String,
    },
    /// None of these: git decides, and a detached HEAD is a refusal.
    Unsaid,
}

/// What can be known of where this process runs.
pub struct Surroundings {
    word: Option<Word>,
    ci: bool,
}

impl Surroundings {
    /// `var` gives a variable that is set and not empty.
    pub fn of(var: &dyn Fn(&str) -> Option<String>) -> Surroundings {
        let word = vendors::read(var, &|path| std::fs::read_to_string(path).ok());
        // `CI` alone tells no branch, and tells that nobody is at a terminal.
        let said = var("CI")
            .is_some_and(|value| !["false", "0"].contains(&value.to_ascii_lowercase().as_str()));
        // TeamCity tells no branch, and does not set `CI`.
        let teamcity = var("TEAMCITY_VERSION").is_some();
        Surroundings { ci: said || teamcity || word.is_some(), word }
    }

    pub fn word(&self) -> Option<&Word> {
        self.word.as_ref()
    }

    pub fn is_ci(&self) -> bool {
        self.ci
    }

    pub fn is_github(&self) -> bool {
        self.word.as_ref().is_some_and(|word| word.vendor == "GitHub Actions")
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
