//! Which files of the output folder are the site's. Links inside of it are followed; one that leads out
//! of it or nowhere is an error, because what it would deploy is not what its author sees.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::seen::Stamp;
use crate::error::{Failure, failed};
use crate::parallel;

#[derive(Debug)]
pub struct Found {
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    pub stamp: Stamp,
}

/// Finds every file below the folder, many at once, and returns what was left out, as sorted paths relative to the
/// folder. Each file is given to `found` with the value of its thread, which `make` made; these are returned. An error
/// anywhere is an error of the whole: a file that was not seen would be deleted from the bucket.
///
/// Each file is given away as it is found: what its path becomes is shorter, and the paths of a large site
/// are not held all at once.
pub fn files<W: Send>(
    folder: &Path,
    make: impl Fn() -> W + Sync,
    found: impl Fn(&mut W, Found) -> Result<(), Failure> + Sync,
) -> Result<(Vec<W>, Vec<String>), Failure> {
    let top = fs::canonicalize(folder).map_err(|error| {
        failed(format!("failed to read the site's folder `{}`", folder.display()))
            .because(&error)
            .hint(
                "build the site first, or correct `command` and `output` of [build] in deploy.toml",
            )
    })?;
    let first = Folder { path: folder.to_owned(), resolved: top.clone(), above: None };
    let walk = Walk { folder, top };
    let done = parallel::each(
        vec![Arc::new(first)],
        || (make(), Vec::new()),
        |(own, skipped), folder, more| {
            walk.enter(&folder, more, skipped, &mut |file| found(own, file))
        },
    )?;
    let (owns, skipped): (Vec<W>, Vec<Vec<String>>) = done.into_iter().unzip();
    let mut skipped = skipped.concat();
    skipped.sort();
    Ok((owns, skipped))
}

struct Walk<'w> {
    folder: &'w Path,
    /// The folder itself, every link resolved.
    top: PathBuf,
}

/// A folder that the walk enters.
struct Folder {
    path: PathBuf,
    /// Without links.
    resolved: PathBuf,
    /// The one that it was entered from.
    above: Option<Arc<Folder>>,
}

/// What an entry of a folder is.
enum What {
    File(Found),
    Folder(Arc<Folder>),
}

impl Folder {
    /// Whether this is the folder or one of those that it was entered from.
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
        skipped: &mut Vec<String>,
        found: &mut dyn FnMut(Found) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for entry in fs::read_dir(&folder.path).map_err(|error| unreadable(&folder.path, &error))? {
            let entry = entry.map_err(|error| unreadable(&folder.path, &error))?;
            let path = entry.path();
            if is_private(&entry.file_name()) {
                let below = path.strip_prefix(self.folder).unwrap_or(&path);
                skipped.push(below.display().to_string());
                continue;
            }
            match self.look(folder, &entry, path)? {
                What::File(file) => found(file)?,
                What::Folder(folder) => more.push(folder),
            }
        }
        Ok(())
    }

    fn look(&self, folder: &Arc<Folder>, entry: &DirEntry, path: PathBuf) -> Result<What, Failure> {
        let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
        let enter = |path, resolved| {
            What::Folder(Arc::new(Folder { path, resolved, above: Some(folder.clone()) }))
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
                    "the link `{}` leads to a folder that it is in",
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
                .hint("remove the link, or make what it names")
        })?;
        if !resolved.starts_with(&self.top) {
            return Err(failed(format!(
                "the link `{}` leads out of the site's folder",
                link.display()
            ))
            .because_of_path(&resolved)
            .hint("copy what it names into the site"));
        }
        let below = resolved.strip_prefix(&self.top).unwrap_or(&resolved);
        if below.components().any(|part| is_private(part.as_os_str())) {
            return Err(failed(format!("the link `{}` leads to a private file", link.display()))
                .because_of_path(&resolved)
                .hint("remove the link"));
        }
        Ok(resolved)
    }
}

/// What is not for visitors: dot-names (`.git`, `.DS_Store`), but for `.well-known` (RFC 8615), and
/// what looks like a secret.
fn is_private(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    (name.starts_with('.') && name != ".well-known") || is_secret(name)
}

/// Private keys by their usual names, and files of secrets. Takes a name or a path.
pub fn looks_secret(path: &str) -> bool {
    is_secret(path.rsplit(std::path::is_separator).next().unwrap_or(path))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let endings = [".env", ".pem", ".key", ".p12", ".pfx", ".ppk", ".jks", ".keystore"];
    let names =
        ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", ".git", ".env", ".npmrc", ".netrc", ".aws"];
    endings.iter().any(|ending| name.ends_with(ending))
        || names.contains(&name.as_str())
        || name.starts_with(".env.")
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    failed(format!("failed to read `{}`", path.display())).because(error)
}
