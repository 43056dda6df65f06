//! Which generator makes the site: how it is called, where it writes, which of its names hold a hash of the content,
//! and what installs it in CI.
//!
//! Each generator is known by a file that only it has. A value that its configuration computes is not worked out: the
//! default is taken, and the build that `init` runs at its end shows if that is wrong.

mod markers;
mod config_text;
mod install;
mod node;
mod kinds;

use std::path::{Path, PathBuf};

pub use kinds::Kind;
pub use node::quoted;

/// A site's source and how it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generator {
    pub kind: Kind,
    /// The folder with its configuration, relative to the top of the repository; empty for the top. `deploy.toml`
    /// stands there.
    pub folder: PathBuf,
    /// Run in the folder. Empty if git holds the finished pages.
    pub command: Vec<String>,
    /// Relative to the folder.
    pub output: PathBuf,
    /// Files whose names hold a hash of their content, as globs.
    pub immutable: Vec<&'static str>,
    /// Files that these globs match although their names stay the same.
    pub revalidated: Vec<&'static str>,
    /// Lines of a shell that install it in CI.
    pub install: Vec<String>,
    /// What its builds leave in the folder beside the output.
    pub leftovers: Vec<&'static str>,
    /// Whether pages depend on the history of their files.
    pub needs_history: bool,
}

impl Generator {
    /// Builds without minifying, as Hugo does unless it is told to.
    pub fn leave_unminified(&mut self) {
        for word in &mut self.command {
            *word = word.replace("hugo --minify", "hugo");
        }
    }
}

/// The sites below a folder, those nearest to the top first. More than one in a monorepo. Finished pages count only if
/// no generator is there.
pub fn find(root: &Path) -> Vec<Generator> {
    let folders = markers::folders(root);
    let mut found: Vec<Generator> = Vec::new();
    for folder in &folders {
        // A generator's own folders (themes, examples) hold configurations of their own.
        if found.iter().any(|site| is_part_of(folder, site)) {
            continue;
        }
        found.extend(kinds::in_folder(root, folder));
    }
    match found.is_empty() {
        true => kinds::pages(root).into_iter().collect(),
        false => found,
    }
}

fn is_part_of(folder: &Path, site: &Generator) -> bool {
    let is_top = site.folder.as_os_str().is_empty();
    match is_top {
        // What is at the top may be the parent of several sites, such as a workspace of packages.
        true => site.kind != Kind::Vite,
        false => folder.starts_with(&site.folder),
    }
}

#[cfg(test)]
mod tests;
