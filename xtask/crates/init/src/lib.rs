//! Adds the tool to the repository of a site, or brings an earlier version's files up to date.
//!
//! The modules are in reading order. The first two read: the generator of the site, and the way it is deployed today.
//! The next five make the text of single files, `merge` puts it beside what is there, and `files` is all of them.
//! Nothing here asks, prints or runs a command: that is the subcommand's part.

pub mod generator;
pub mod deployed;

mod toml_text;
pub mod part;
pub mod environments;
pub mod deploy_toml;
pub mod cargo;
pub mod ci;

mod merge;
pub mod files;
