//! `--vendor`: the sources of the tool, without their tests, in the repository of the site.

use std::fs;
use std::path::{Path, PathBuf};

use engine::base::{Error, Result, failed};
use init::files::Change;

use super::tool::Tool;

/// The crates that are copied.
const CRATES: [&str; 5] = ["xtask-site", "engine", "init", "local", "preview"];

/// The files that are not there yet, or differ.
pub fn sources(tool: &Tool, root: &Path) -> Result<Vec<Change>> {
    let Some(top) = &tool.sources else {
        return Err(Error::Config(
            "the sources of this binary are not on this machine\n\nhint: run this in a clone of the tool's repository: cargo xtask init --vendor DIR".into(),
        ));
    };
    let mut changes = Vec::new();
    let mut add = |from: PathBuf, path: PathBuf| -> Result<()> {
        let text = read(&from)?;
        let after = if path.ends_with("Cargo.toml") {
            without_tests(&text)
        } else {
            without_test_modules(&text)
        };
        let before = fs::read_to_string(root.join(&path)).ok();
        if before.as_ref() != Some(&after) {
            changes.push(Change { path, before, after, beside: None });
        }
        Ok(())
    };
    add(top.join("LICENSE"), "xtask/LICENSE".into())?;
    for name in CRATES {
        let folder = PathBuf::from("xtask/crates").join(name);
        for file in files(top, &folder)? {
            add(top.join(&file), file)?;
        }
    }
    Ok(changes)
}

fn read(path: &Path) -> Result<String> {
    let failure = |error| failed(format!("failed to read `{}`", path.display())).because(&error);
    Ok(fs::read_to_string(path).map_err(failure)?)
}

/// All files of a crate but those of its tests, sorted.
fn files(top: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable =
        |error| failed(format!("failed to read `{}`", folder.display())).because(&error);
    let mut found = Vec::new();
    for entry in fs::read_dir(top.join(folder)).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = folder.join(&name);
        let is_of_tests =
            ["tests", "tests.rs", "proptests", "proptests.rs"].contains(&name.as_str());
        match entry.file_type().map_err(unreadable)? {
            _ if is_of_tests || name.starts_with('.') => {}
            kind if kind.is_dir() => found.extend(files(top, &path)?),
            _ => found.push(path),
        }
    }
    found.sort();
    Ok(found)
}

/// A manifest without the packages that only tests need. Tests are not compiled: their files are not there.
fn without_tests(manifest: &str) -> String {
    let mut text = String::new();
    let mut is_left_out = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_left_out = line == "[dev-dependencies]";
        }
        if !is_left_out {
            text += line;
            text += "\n";
        }
    }
    text.trim_end().to_owned() + "\n\n[lib]\ntest = false\ndoctest = false\n"
}

/// A source without the lines that name a file of tests.
fn without_test_modules(source: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in source.lines() {
        let is_module =
            line.ends_with(';') && (line.contains("mod tests") || line.contains("mod proptests"));
        match is_module && lines.last().is_some_and(|above| above.trim() == "#[cfg(test)]") {
            true => drop(lines.pop()),
            false => lines.push(line),
        }
    }
    lines.join("\n").trim_end().to_owned() + "\n"
}
