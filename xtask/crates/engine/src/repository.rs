//! What a run reads in the repository and in CI: the configuration, the commit, and the one target that follows from
//! both. The build runs here too.

pub mod build;
pub mod checkout;
pub(crate) mod ci;
pub mod config;
pub mod own_files;
pub mod target;

pub use checkout::{Checkout, Distance, Head, History, Ignored, Worktree};
pub use ci::CiContext;
pub use config::{Config, Environment};
pub use target::{Choice, Place, Revision, Target};
