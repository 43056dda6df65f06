//! Replaces the embedded buckets, and the preview that needs them, in a build without them.

use std::convert::Infallible;

use crate::output::report;
use engine::base::{Error, Prefix, Result, WHOLE_TOOL};
use engine::bucket::Bucket;
use engine::repository::{Checkout, Environment};

/// No value of this type exists.
pub struct Local(Infallible);

impl Local {
    pub async fn open(_: &Checkout) -> Result<Local> {
        Err(missing("--local"))
    }

    pub async fn make(&self, _: &Environment, _: &Prefix) -> Result<(Bucket, report::Store)> {
        match self.0 {}
    }

    pub fn connect(&self, _: &Environment, _: &Prefix) -> (Bucket, report::Store) {
        match self.0 {}
    }

    pub async fn close(self) -> Result<()> {
        match self.0 {}
    }
}

pub mod preview {
    use super::missing;
    use crate::cli::Preview;
    use engine::base::{Result, Stop};

    pub async fn run(_: &Preview, _: &Stop) -> Result<bool> {
        Err(missing("preview"))
    }
}

/// The error for an option or a subcommand that this build lacks.
fn missing(what: &str) -> Error {
    Error::Config(format!("{what} is not in this build\n\nhint: {WHOLE_TOOL}"))
}
