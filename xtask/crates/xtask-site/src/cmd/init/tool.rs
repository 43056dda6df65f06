//! Where the running tool comes from: a clone of its repository, or the package that a repository already has.

use std::fs;
use std::path::{Path, PathBuf};

use engine::base::{Error, Result};
use engine::repository::checkout::{self, Origin};
use init::cargo::{self, Dependency};

use crate::cli::Init;

/// The sources from which this binary was compiled.
const SOURCES: &str = env!("CARGO_MANIFEST_DIR");

/// Only the tool's own repository has this folder: `init --vendor` does not copy it.
const OWN_REPOSITORY: &str = "xtask/crates/testing/Cargo.toml";

pub struct Tool {
    /// The top of the repository with the sources, if they are still there.
    pub sources: Option<PathBuf>,
    /// The clone, if the sources are one. Cargo's own copies of a repository are none.
    origin: Option<Origin>,
}

impl Tool {
    /// Refuses the repository of the tool itself.
    pub fn of(root: &Path) -> Result<Tool> {
        let sources = Path::new(SOURCES).ancestors().nth(3).map(Path::to_owned);
        let sources = sources.filter(|top| top.join("xtask/crates/xtask-site").is_dir());
        if root.join(OWN_REPOSITORY).is_file() {
            return Err(Error::Config(
                "this is the repository of the tool itself\n\nhint: name the repository of your site: cargo xtask init ../my-site".into(),
            ));
        }
        let clone =
            sources.as_deref().filter(|top| top.join(OWN_REPOSITORY).is_file() && !is_cargos(top));
        let origin = clone.and_then(checkout::origin);
        Ok(Tool { sources, origin })
    }

    /// Whether others, such as CI, can have the dependency too.
    pub fn is_reachable(&self, options: &Init) -> bool {
        let is_named = options.vendor || options.git.is_some();
        is_named || self.origin.as_ref().is_none_or(|origin| origin.is_remote)
    }

    /// What `xtask/Cargo.toml` is to depend on: the clone's commit, or what it already says.
    pub fn dependency(&self, options: &Init, manifest: Option<&str>) -> Result<Dependency> {
        if options.vendor {
            return Ok(Dependency::Copied);
        }
        if let Some(Origin { address, commit, .. }) = &self.origin {
            let address = checkout::without_login(options.git.as_ref().unwrap_or(address));
            return Ok(Dependency::Git { address, commit: commit.clone() });
        }
        manifest.and_then(cargo::kept_dependency).ok_or_else(|| {
            Error::Config(
                "it is not known from which repository this binary was compiled, so nothing can depend on it\n\nhint: run this in a clone of the tool's repository: cargo xtask init DIR".into(),
            )
        })
    }

    /// The lock file of the tool's repository, for a repository that has no packages of its own: the versions in it
    /// are those that were tested. Cargo leaves out what is not needed.
    pub fn lock(&self, root: &Path) -> Option<String> {
        let is_new = !root.join("Cargo.toml").exists();
        let lock = self.sources.as_ref().filter(|_| is_new)?.join("Cargo.lock");
        fs::read_to_string(lock).ok()
    }
}

/// Whether a folder is one of Cargo's copies of a repository, which it makes for dependencies.
fn is_cargos(folder: &Path) -> bool {
    let names: Vec<_> = folder.iter().collect();
    names.windows(2).any(|pair| pair[0] == "git" && pair[1] == "checkouts")
}
