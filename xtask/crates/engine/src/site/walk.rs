//! Finds the files of the output folder that belong to the site. Links inside the folder are followed. A link that
//! leads out of it, or nowhere, is an error, because what it would deploy is not what its author sees.

use std::fs::{self, DirEntry, FileType};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::left_out::{Choice, LeftOut, Verdict, Why};
use super::names::{self, Named};
use super::stamp::Stamp;
use crate::base::error::{Failure, failed};
use crate::base::limits;
use crate::base::parallel;

#[derive(Debug)]
pub struct Found {
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    pub stamp: Stamp,
}

/// Finds every file below the folder, many at a time, and returns what was left out, in the order of keys. `found` is
/// called for each file with the value of its thread. `make` creates these values, and they are returned. An error
/// anywhere is an error of the whole: a file that was missed would be deleted from the bucket.
///
/// Each file is passed on as soon as it is found: what is made of its path is shorter, so the paths of a large site are
/// not all held at once.
pub fn files<W: Send>(
    folder: &Path,
    choice: Choice<'_>,
    make: impl Fn() -> W + Sync,
    found: impl Fn(&mut W, Found) -> Result<(), Failure> + Sync,
) -> Result<(Vec<W>, Vec<LeftOut>), Failure> {
    let top = fs::canonicalize(folder).map_err(|error| {
        failed(format!("failed to read the site's folder `{}`", folder.display()))
            .because(&error)
            .hint(
                "build the site first, or correct `command` and `output` of [build] in deploy.toml",
            )
    })?;
    let first =
        Folder { path: folder.to_owned(), resolved: top.clone(), above: None, left_out: None };
    let walk = Walk { folder, top, choice };
    let done = parallel::each(
        vec![Arc::new(first)],
        || (make(), Vec::new()),
        |(own, left_out), folder, more| {
            walk.enter(&folder, more, left_out, &mut |file| found(own, file))
        },
    )?;
    let (owns, left_out): (Vec<W>, Vec<Vec<LeftOut>>) = done.into_iter().unzip();
    let mut left_out = left_out.concat();
    left_out.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok((owns, left_out))
}

struct Walk<'w> {
    folder: &'w Path,
    /// The folder itself, with every link resolved.
    top: PathBuf,
    choice: Choice<'w>,
}

/// A folder that the walk enters.
struct Folder {
    path: PathBuf,
    /// The path with every link resolved.
    resolved: PathBuf,
    /// The folder from which it was entered.
    above: Option<Arc<Folder>>,
    /// Why its files are left out, except for those that `publish` names.
    left_out: Option<Why>,
}

/// The decision about an entry.
enum Judged {
    Site,
    LeftOut(LeftOut),
    /// A folder that is searched for what `publish` names.
    Within(Why),
}

/// The kind of an entry.
enum What {
    File(Found),
    Folder(Arc<Folder>),
}

impl Folder {
    /// Whether `resolved` is this folder, or one of the folders from which it was entered.
    fn is_in(&self, resolved: &Path) -> bool {
        std::iter::successors(Some(self), |folder| folder.above.as_deref())
            .any(|folder| folder.resolved == resolved)
    }
}

impl Walk<'_> {
    fn enter(
        &self,
        folder: &Arc<Folder>,
        more: &mut Vec<Arc<Folder>>,
        left_out: &mut Vec<LeftOut>,
        found: &mut dyn FnMut(Found) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let entries = match limits::open(|| fs::read_dir(&folder.path)) {
            Ok(entries) => entries,
            // Nothing in it is deployed.
            Err(_) if folder.left_out.is_some() => return Ok(()),
            Err(error) => return Err(unreadable(&folder.path, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&folder.path, &error))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
            match self.judge(folder, &entry, kind, &path) {
                Judged::Site => match self.look(folder, &entry, path)? {
                    What::File(file) => found(file)?,
                    What::Folder(folder) => more.push(folder),
                },
                Judged::LeftOut(entry) => left_out.push(entry),
                Judged::Within(why) => {
                    let resolved = folder.resolved.join(entry.file_name());
                    let (above, left_out) = (Some(folder.clone()), Some(why));
                    more.push(Arc::new(Folder { path, resolved, above, left_out }));
                }
            }
        }
        Ok(())
    }

    fn judge(&self, folder: &Folder, entry: &DirEntry, kind: FileType, path: &Path) -> Judged {
        let Choice { exclude, publish } = self.choice;
        let is_folder = kind.is_dir();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let named = if is_folder { names::of_folder(&name) } else { names::of_file(&name) };
        // True for nearly every entry, and cheap.
        let is_plain = named == Named::Plain && folder.left_out.is_none();
        if is_plain && exclude.is_empty() && publish.is_empty() {
            return Judged::Site;
        }
        let key = relative_key(self.folder, path);
        let verdict = match is_folder {
            true => self.choice.of_folder(&key, folder.left_out),
            false => self.choice.of_file(&key, folder.left_out),
        };
        match verdict {
            Verdict::Site => Judged::Site,
            Verdict::Within(why) => Judged::Within(why),
            Verdict::LeftOut(why) => {
                let is_page = !is_folder && is_page(path);
                // What is below a link to a folder is not looked at either.
                let is_folder = is_folder || kind.is_symlink() && path.is_dir();
                Judged::LeftOut(LeftOut { key, why, is_folder, is_page })
            }
        }
    }

    fn look(&self, folder: &Arc<Folder>, entry: &DirEntry, path: PathBuf) -> Result<What, Failure> {
        let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
        let enter = |path, resolved| {
            let (above, left_out) = (Some(folder.clone()), None);
            What::Folder(Arc::new(Folder { path, resolved, above, left_out }))
        };
        if kind.is_dir() {
            let resolved = folder.resolved.join(entry.file_name());
            return Ok(enter(path, resolved));
        }
        let (resolved, metadata) = match kind.is_symlink() {
            true => (Some(self.resolve(&path)?), fs::metadata(&path)),
            false => (None, entry.metadata()),
        };
        let metadata = metadata.map_err(|error| unreadable(&path, &error))?;
        match resolved {
            _ if metadata.is_file() => {
                Ok(What::File(Found { size: metadata.len(), stamp: Stamp::of(&metadata), path }))
            }
            Some(resolved) if metadata.is_dir() => match folder.is_in(&resolved) {
                false => Ok(enter(path, resolved)),
                true => Err(failed(format!(
                    "the link `{}` leads to a folder that contains it",
                    path.display()
                ))
                .hint("remove the link: its files would repeat without end")),
            },
            _ => Err(failed(format!("`{}` is neither a file nor a folder", path.display()))),
        }
    }

    fn resolve(&self, link: &Path) -> Result<PathBuf, Failure> {
        let resolved = fs::canonicalize(link).map_err(|error| {
            failed(format!("the link `{}` leads nowhere", link.display()))
                .because(&error)
                .hint("remove the link, or create its target")
        })?;
        if !resolved.starts_with(&self.top) {
            return Err(failed(format!(
                "the link `{}` leads out of the site's folder",
                link.display()
            ))
            .because_of_path(&resolved)
            .hint("copy its target into the site's folder"));
        }
        let below = resolved.strip_prefix(&self.top).unwrap_or(&resolved);
        if !self.choice.publishes(&relative_key(self.folder, link)) && is_private(below) {
            return Err(failed(format!("the link `{}` leads to a private file", link.display()))
                .because_of_path(&resolved)
                .hint("remove the link"));
        }
        Ok(resolved)
    }
}

/// Whether a link must not lead to this path: the link's own name does not show what it publishes.
fn is_private(below: &Path) -> bool {
    let named = |part: std::path::Component| names::of_folder(&part.as_os_str().to_string_lossy());
    let name = below.file_name().unwrap_or_default().to_string_lossy();
    below.components().any(|part| named(part) != Named::Plain)
        || names::of_file(&name) != Named::Plain
}

/// The entry's key, relative to the prefix. Bytes that are not UTF-8 are replaced: the key is only for globs and
/// messages.
fn relative_key(folder: &Path, path: &Path) -> String {
    let below = path.strip_prefix(folder).unwrap_or(path);
    let key = below.to_string_lossy();
    match std::path::MAIN_SEPARATOR {
        '/' => key.into_owned(),
        separator => key.replace(separator, "/"),
    }
}

/// Whether a file that is not deployed is an HTML document, by its name.
fn is_page(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    matches!(extension.as_deref(), Some("html" | "htm" | "xhtml"))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    failed(format!("failed to read `{}`", path.display())).because(error)
}
