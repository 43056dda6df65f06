//! How a command ends if it has not done its work: with a mistake in what was typed or configured, a refusal, or a
//! failure. They have different exit codes because different people must act next.

use std::fmt;
use std::path::Path;

use crate::base::hint::Hint;
use crate::base::refusal::Refusal;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug)]
pub enum Error {
    /// The configuration or the command line is wrong: exit code 2. The text is complete, including the lines in
    /// question.
    Config(String),
    /// Declined, and nothing was touched: exit code 3.
    Refused(Refusal),
    /// Something broke: exit code 1.
    Failed(Failure),
    /// Ended by a signal: exit code 130. The text says what was done by then.
    Interrupted(String),
}

/// The hint for a feature that is not in this build.
pub const WHOLE_TOOL: &str =
    "it was built with --no-default-features, as in CI; `cargo xtask` builds all of it";

/// What broke, why, and what to try.
#[derive(Clone, Debug)]
pub struct Failure {
    pub message: String,
    /// The innermost cause is last. Each is shown as a line below the message.
    pub causes: Vec<String>,
    /// What another program printed before it failed. These lines are causes too, but the terminal has already shown
    /// them.
    pub printed: Vec<String>,
    pub hint: Option<Hint>,
    /// Whether every other request would fail in the same way: for example, the credentials have expired or the bucket
    /// is gone.
    pub affects_every_request: bool,
    /// Whether a file of the site could not be read, or has changed since it was read.
    pub is_of_file: bool,
}

/// A failure that has no cause and no hint yet.
pub fn failed(message: impl Into<String>) -> Failure {
    Failure {
        message: message.into(),
        causes: Vec::new(),
        printed: Vec::new(),
        hint: None,
        affects_every_request: false,
        is_of_file: false,
    }
}

impl Failure {
    /// Adds an error and the errors below it as causes. An error that only repeats its parent is left out.
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Failure {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if self.causes.last().is_none_or(|above| !above.contains(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds the path that the message is about.
    pub(crate) fn because_of_path(mut self, path: &Path) -> Failure {
        self.causes.push(path.display().to_string());
        self
    }

    /// Marks the failure as one of a file of the site, which another program may have changed.
    pub(crate) fn of_file(mut self) -> Failure {
        self.is_of_file = true;
        self
    }

    pub fn hint(mut self, hint: impl Into<Hint>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

impl Error {
    /// The process's exit code: 1 failed, 2 usage or configuration, 3 refused, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Failed(_) => 1,
            Error::Config(_) => 2,
            Error::Refused(_) => 3,
            Error::Interrupted(_) => 130,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        Error::Failed(failure)
    }
}

/// The message and its causes on one line, for JSON and for lists.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes.iter().try_for_each(|cause| write!(f, ": {cause}"))
    }
}
