//! All files that `init` writes, each before and after.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::cargo::{self, Dependency, Package, Workspace};
use crate::deploy_toml;
use crate::environments::{Draft, Shared};
use crate::generator::Generator;
use crate::merge::{Merged, Missing, merge};
use crate::part::{BEGIN, END, Part};

/// What the files depend on.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub sites: &'a [Site<'a>],
    pub dependency: Dependency,
    /// The CI file, and its parts.
    pub ci: Option<(PathBuf, Vec<Part>)>,
    /// The lock file of the tool's own repository: its versions are those that were tested.
    pub lock: Option<String>,
}

/// A site, and the `deploy.toml` that it is to get. It keeps one that it has.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    pub generator: &'a Generator,
    pub drafts: &'a [Draft],
    pub shared: &'a Shared,
}

/// A file before and after. Nothing has been written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Relative to the top of the repository.
    pub path: PathBuf,
    /// `None` if the file is new.
    pub before: Option<String>,
    pub after: String,
    /// The user's file beside which this one stands, because it cannot be extended.
    pub beside: Option<PathBuf>,
}

/// The files that this version would write differently, in the order in which a reader wants to see them.
///
/// # Errors
///
/// One sentence, if a file cannot be read or cannot be extended.
pub fn changes(root: &Path, wanted: &Wanted) -> Result<Vec<Change>, String> {
    let mut changes = Changes { root, found: Vec::new() };
    for site in wanted.sites {
        changes.add_new(&site.generator.folder.join("deploy.toml"), || {
            deploy_toml::text(site.generator, site.drafts, site.shared)
        })?;
    }
    if let Some((path, parts)) = &wanted.ci {
        changes.add_parts(path, parts, Missing::Foreign)?;
    }
    changes.add_package(&wanted.dependency)?;
    changes.add_cargo()?;
    changes.add_ignored(wanted.sites)?;
    if let Some(lock) = &wanted.lock {
        changes.add_new(Path::new("Cargo.lock"), || lock.clone())?;
    }
    Ok(changes.found)
}

/// The part of `.gitignore`.
const BUILDS: &str = "builds";

struct Changes<'a> {
    root: &'a Path,
    found: Vec<Change>,
}

impl Changes<'_> {
    fn read(&self, path: &Path) -> Result<Option<String>, String> {
        let full = self.root.join(path);
        let unreadable =
            |why: &dyn std::fmt::Display| format!("failed to read `{}`: {why}", path.display());
        match fs::symlink_metadata(&full) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&error)),
            Ok(metadata) if !metadata.is_file() => {
                return Err(unreadable(&"it is not a regular file"));
            }
            Ok(_) => {}
        }
        fs::read_to_string(&full).map(Some).map_err(|error| unreadable(&error))
    }

    fn add(&mut self, path: &Path, before: Option<String>, after: String) {
        if before.as_ref() != Some(&after) {
            self.found.push(Change { path: path.to_owned(), before, after, beside: None });
        }
    }

    /// A file that belongs to the user once it is there.
    fn add_new(&mut self, path: &Path, text: impl FnOnce() -> String) -> Result<(), String> {
        if self.read(path)?.is_none() {
            self.add(path, None, text());
        }
        Ok(())
    }

    fn add_parts(&mut self, path: &Path, parts: &[Part], missing: Missing) -> Result<(), String> {
        let before = self.read(path)?;
        match merge(before.as_deref(), parts, missing) {
            Merged::Whole(after) => self.add(path, before, after),
            Merged::Foreign(after) => self.add_beside(path, after)?,
        }
        Ok(())
    }

    fn add_beside(&mut self, path: &Path, after: String) -> Result<(), String> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let before = self.read(&new)?;
        if before.as_ref() != Some(&after) {
            self.found.push(Change { path: new, before, after, beside: Some(path.to_owned()) });
        }
        Ok(())
    }

    fn add_package(&mut self, dependency: &Dependency) -> Result<(), String> {
        let path = Path::new("xtask/Cargo.toml");
        let before = self.read(path)?;
        match cargo::package(before.as_deref())? {
            Package::None => {
                self.add_parts(path, &cargo::manifest(dependency), Missing::Foreign)?;
                self.add_new(Path::new("xtask/src/main.rs"), || cargo::MAIN.into())
            }
            Package::Ours => {
                let parts = cargo::manifest(dependency);
                let after = match merge(before.as_deref(), &parts, Missing::Foreign) {
                    Merged::Whole(after) => after,
                    // A package of the repository's own, which depends on the tool.
                    Merged::Foreign(_) => {
                        cargo::with_commit(before.as_deref().unwrap_or_default(), dependency)
                    }
                };
                self.add(path, before, after);
                Ok(())
            }
            Package::Other => {
                let after =
                    cargo::with_dependency(before.as_deref().unwrap_or_default(), dependency);
                self.add(path, before, after);
                Ok(())
            }
        }
    }

    fn add_cargo(&mut self) -> Result<(), String> {
        let path = Path::new("Cargo.toml");
        let before = self.read(path)?;
        match cargo::workspace(before.as_deref())? {
            Workspace::Member => {}
            Workspace::Extended(after) => self.add(path, before, after),
        }
        let path = Path::new(".cargo/config.toml");
        let before = self.read(path)?;
        let (text, parts) = cargo::config(before.as_deref())?;
        let text = Some(text).filter(|text| !text.is_empty());
        match merge(text.as_deref(), &parts, Missing::Appended) {
            Merged::Whole(after) => self.add(path, before, after),
            Merged::Foreign(after) => self.add_beside(path, after)?,
        }
        Ok(())
    }

    /// What builds leave: the tool's, and the generators'.
    fn add_ignored(&mut self, sites: &[Site]) -> Result<(), String> {
        let path = Path::new(".gitignore");
        let before = self.read(path)?;
        let known: Vec<&str> = before.iter().flat_map(|text| text.lines()).map(str::trim).collect();
        let mut lines = vec!["/target".to_owned()];
        for site in sites.iter().filter(|site| !site.generator.command.is_empty()) {
            let folder = site.generator.folder.display().to_string();
            let below = |name: &str| match folder.as_str() {
                "" => format!("/{name}"),
                folder => format!("/{folder}/{name}"),
            };
            lines.extend(output_below(site.generator).map(|output| below(&output)));
            lines.extend(
                site.generator.leftovers.iter().map(|name| below(name.trim_start_matches('/'))),
            );
        }
        let is_known = |line: &str| {
            let name = line.trim_matches('/');
            known.iter().any(|known| {
                known.trim_matches('/') == name || known.trim_matches('/') == last(name)
            })
        };
        // What stands in our own block is known too, and stays there.
        let own = own_lines(before.as_deref().unwrap_or_default());
        lines.retain(|line| own.contains(line) || !is_known(line));
        if lines.is_empty() {
            return Ok(());
        }
        let text = lines.iter().map(|line| format!("{line}\n")).collect();
        self.add_parts(path, &[Part::Own { name: BUILDS, text }], Missing::Appended)
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The lines of the part that an earlier `init` wrote.
fn own_lines(text: &str) -> Vec<String> {
    let begin = format!("{BEGIN}{BUILDS}");
    let lines = text.lines().skip_while(|line| *line != begin).skip(1);
    lines.take_while(|line| !line.starts_with(END)).map(str::to_owned).collect()
}

/// The output relative to the top of the repository, if it is below the site's folder.
fn output_below(site: &Generator) -> Option<String> {
    let output = site.output.display().to_string();
    (!output.starts_with("..") && output != ".").then_some(output)
}

/// Writes all changes. Checks first that each can be written, so that nothing is written if one cannot.
///
/// # Errors
///
/// The file, and what the system said. The files before it are written.
pub fn write(root: &Path, changes: &[Change]) -> Result<(), (PathBuf, io::Error)> {
    for change in changes {
        check(&root.join(&change.path)).map_err(|error| (change.path.clone(), error))?;
    }
    // `deploy.toml` comes first in the list and is written last: a repository that has it has all other files.
    changes.iter().rev().try_for_each(|change| {
        write_file(&root.join(&change.path), &change.after)
            .map_err(|error| (change.path.clone(), error))
    })
}

fn check(path: &Path) -> io::Result<()> {
    let existing = path.ancestors().find(|path| path.symlink_metadata().is_ok()).unwrap_or(path);
    let metadata = fs::symlink_metadata(existing)?;
    match existing == path {
        true => fs::OpenOptions::new().write(true).open(path).map(drop),
        false if !metadata.is_dir() => Err(io::Error::new(
            ErrorKind::NotADirectory,
            format!("`{}` is not a folder", existing.display()),
        )),
        false if metadata.permissions().readonly() => Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!("`{}` is read-only", existing.display()),
        )),
        false => Ok(()),
    }
}

/// A reader sees either the text before or the text after.
fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    let mut name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
    name.push(".writing");
    let temporary = folder.join(name);
    // An earlier run that was killed may have left it. `create_new` follows no link.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    if let Ok(metadata) = fs::metadata(path) {
        file.set_permissions(metadata.permissions())?;
    }
    fs::rename(&temporary, path)
}
