//! Which files of the output folder are the site's. Links inside of it are followed; one that leads out
//! of it or nowhere is an error, because what it would deploy is not what its author sees.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::seen::Stamp;
use crate::error::{Failure, failed};

#[derive(Debug)]
pub struct Found {
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    pub stamp: Stamp,
}

/// Finds every file below the folder, and returns what was left out, as paths relative to the folder. An
/// error anywhere is an error of the whole: a file that was not seen would be deleted from the bucket.
///
/// Each file is given away as it is found: what its path becomes is shorter, and the paths of a large site
/// are not held all at once.
pub fn files(
    folder: &Path,
    found: &mut dyn FnMut(Found) -> Result<(), Failure>,
) -> Result<Vec<String>, Failure> {
    let top = fs::canonicalize(folder).map_err(|error| {
        failed(format!("failed to read the site's folder `{}`", folder.display()))
            .because(&error)
            .hint(
                "build the site first, or correct `command` and `output` of [build] in deploy.toml",
            )
    })?;
    let mut walk = Walk { folder, top: top.clone(), found, skipped: Vec::new() };
    walk.enter(folder, &mut vec![top])?;
    Ok(walk.skipped)
}

struct Walk<'w> {
    folder: &'w Path,
    /// The folder itself, every link resolved.
    top: PathBuf,
    found: &'w mut dyn FnMut(Found) -> Result<(), Failure>,
    skipped: Vec<String>,
}

impl Walk<'_> {
    /// `above` are the folders that we are in, resolved, so that a link to one of them is not followed
    /// for ever.
    fn enter(&mut self, folder: &Path, above: &mut Vec<PathBuf>) -> Result<(), Failure> {
        for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
            let entry = entry.map_err(|error| unreadable(folder, &error))?;
            let path = entry.path();
            if is_private(&entry.file_name()) {
                let below = path.strip_prefix(self.folder).unwrap_or(&path);
                self.skipped.push(below.display().to_string());
                continue;
            }
            let kind = entry.file_type().map_err(|error| unreadable(&path, &error))?;
            let resolved = match kind.is_symlink() {
                true => Some(self.resolve(&path)?),
                false => None,
            };
            let metadata = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
            self.take(path, &metadata, resolved, above)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        path: PathBuf,
        metadata: &Metadata,
        resolved: Option<PathBuf>,
        above: &mut Vec<PathBuf>,
    ) -> Result<(), Failure> {
        if metadata.is_file() {
            return (self.found)(Found { path, size: metadata.len(), stamp: Stamp::of(metadata) });
        }
        if !metadata.is_dir() {
            return Err(failed(format!("`{}` is neither a file nor a folder", path.display())));
        }
        let here = match (resolved, above.last(), path.file_name()) {
            (Some(resolved), ..) => resolved,
            (None, Some(parent), Some(name)) => parent.join(name),
            _ => path.clone(),
        };
        if above.contains(&here) {
            return Err(failed(format!(
                "the link `{}` leads to a folder that it is in",
                path.display()
            ))
            .hint("remove the link: its files would repeat without end"));
        }
        above.push(here);
        self.enter(&path, above)?;
        above.pop();
        Ok(())
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
    (name.starts_with('.') && name != ".well-known") || looks_secret(name)
}

/// Private keys by their usual names, and files of secrets. Takes a name or a path.
pub fn looks_secret(path: &str) -> bool {
    let name = path.rsplit(std::path::is_separator).next().unwrap_or(path).to_ascii_lowercase();
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
