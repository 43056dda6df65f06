//! The folders in which a site can be, without those of dependencies and of builds.

use std::path::{Path, PathBuf};

/// How many folders deep a site is looked for: `sites/docs/book.toml`.
const DEPTH: usize = 3;

/// The most folders that are looked at.
const MOST: usize = 2_000;

/// Folders that hold the work of others, or the result of a build.
const FOREIGN: &[&str] = &[
    "archetypes",
    "bower_components",
    "build",
    "content",
    "dist",
    "exampleSite",
    "examples",
    "fixtures",
    "layouts",
    "node_modules",
    "out",
    "public",
    "static",
    "target",
    "test",
    "tests",
    "themes",
    "vendor",
    "venv",
    "xtask",
];

/// Relative to the root, which is the first; sorted by depth, then by name. Links are not followed.
pub fn folders(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    let mut level = found.clone();
    for _ in 0..DEPTH {
        level = level.iter().flat_map(|folder| subfolders(root, folder)).collect();
        level.sort();
        level.truncate(MOST.saturating_sub(found.len()));
        found.extend(level.iter().cloned());
    }
    found
}

fn subfolders(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    let own =
        names.filter(|name| !name.starts_with(['.', '_']) && !FOREIGN.contains(&name.as_str()));
    own.map(|name| folder.join(name)).collect()
}
