//! What a CI vendor can say about a run.

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
    pub fn of(
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
