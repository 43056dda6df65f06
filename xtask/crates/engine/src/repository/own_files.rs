//! The tool's own files on this machine, below `target/xtask` in the work tree.
//!
//! A clone can bring links along: git tracks a link like a file, even in folders that it otherwise ignores. A link at
//! `target` or below would turn "empty the tool's own folder" into "empty a folder of the user". So the tool refuses to
//! run if there is one. Files are opened without following links and without waiting for named pipes, and are never
//! truncated.

use std::fs::{self, DirBuilder, File, FileType, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::base::refusal::Refusal;

/// All own files are below this folder. Every Rust repository ignores `target/`.
const FOLDER: &str = "target/xtask";

/// Folders that contain the tool's own entries, each of which must be checked. What is in `emptied/0` or `rollback`
/// belongs to a site, and may contain links.
const FOLDERS: [&str; 4] = ["bucket", "emptied", "lock", "preview"];

/// Where the tool keeps something of its own: `name` is below `target/xtask`.
pub fn path(root: &Path, name: &str) -> PathBuf {
    root.join(FOLDER).join(name)
}

/// Refuses to run if there is a link, a pipe or a device at one of the tool's own paths. Call this before anything is
/// built or opened.
pub fn check(root: &Path) -> Result<(), Refusal> {
    let top = root.join(FOLDER);
    let target = root.join("target");
    let mut folders = vec![top.clone()];
    folders.extend(FOLDERS.iter().map(|folder| top.join(folder)));
    folders.extend(entries(&top.join("preview")));
    check_entry(root, &target)?;
    check_entry(root, &top)?;
    for folder in folders {
        // A folder that cannot be read is not followed either: using it fails with a message of its own.
        entries(&folder).into_iter().try_for_each(|entry| check_entry(root, &entry))?;
    }
    Ok(())
}

/// The entries of a folder; none if it is a link.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let is_folder = fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_dir());
    let entries = is_folder.then(|| fs::read_dir(folder).ok()).flatten();
    entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn check_entry(root: &Path, path: &Path) -> Result<(), Refusal> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    let kind = metadata.file_type();
    if kind.is_dir() || kind.is_file() {
        return Ok(());
    }
    let shown = path.strip_prefix(root).unwrap_or(path).display();
    let elsewhere = match path.ends_with("target") && kind.is_symlink() {
        true => "; to build on another disk, set CARGO_TARGET_DIR instead",
        false => "",
    };
    Err(Refusal::new(
        "link-in-target",
        format!("`{shown}` is {}, but this tool keeps its own files there", name(kind)),
        format!("look where it leads (ls -l {shown}), and remove it: rm {shown}{elsewhere}"),
    ))
}

fn name(kind: FileType) -> &'static str {
    match kind.is_symlink() {
        true => "a link",
        false => "neither a file nor a folder",
    }
}

/// Creates a folder below the work tree, with the folders above it, and follows no link on the way.
pub fn make_folder(root: &Path, folder: &Path) -> io::Result<()> {
    let below = folder.strip_prefix(root).map_err(io::Error::other)?;
    let mut made = root.to_owned();
    for name in below {
        made.push(name);
        match DirBuilder::new().create(&made) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if !fs::symlink_metadata(&made)?.is_dir() {
            let text = format!("`{}` is not a folder", made.display());
            return Err(io::Error::new(ErrorKind::NotADirectory, text));
        }
    }
    Ok(())
}

/// Opens a file, or creates it if it does not exist. Its content stays.
pub fn open_or_make(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().write(true).create(true).truncate(false), path)
}

/// Opens a file that must exist.
pub(crate) fn open_existing(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Otherwise, opening a named pipe waits for its other end.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    match file.metadata()?.is_file() && fs::symlink_metadata(path)?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is not a regular file")),
    }
}
