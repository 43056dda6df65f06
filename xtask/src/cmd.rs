//! The subcommands, one file each. Only these know the order of the stages.

pub mod deploy;
