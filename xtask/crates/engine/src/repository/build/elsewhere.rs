//! Finds where a build wrote its output, if not to the folder that `deploy.toml` names: generators have defaults of
//! their own. Then the user needs to see the line to correct.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::place::misplaced;
use crate::base::error::{Failure, failed};
use crate::base::event::{Event, Tell};
use crate::repository::config::Config;

/// How deep below a folder to look for an output.
const DEPTH: usize = 3;

/// How many folders to look into.
const FOLDERS: usize = 2000;

/// Folders into which no generator writes a site, and which may be very large.
const NOT_LOOKED_INTO: [&str; 4] = [".git", "node_modules", "target", "vendor"];

/// The times of some file systems are this coarse.
const COARSE: Duration = Duration::from_secs(2);

/// The times of inodes come from a clock that may lag by this much.
const TICK: Duration = Duration::from_millis(10);

/// The files of an output with their times, to detect whether a build writes there. An output with very many files
/// counts as written to, and its files are not looked at.
pub struct Files(Option<BTreeMap<PathBuf, Stamp>>);

/// How many files to look at.
const FILES: usize = 10_000;

type Stamp = (u64, Option<SystemTime>, Option<(i64, i64)>);

impl Files {
    pub fn of(folder: &Path) -> Files {
        let mut files = BTreeMap::new();
        let is_whole = each_file(folder, &mut |path, stamp| {
            files.insert(path, stamp);
            files.len() < FILES
        });
        Files(is_whole.then_some(files))
    }

    /// Whether a file was added or changed since.
    pub fn is_written(&self, folder: &Path) -> bool {
        let Some(before) = &self.0 else { return true };
        !each_file(folder, &mut |path, stamp| before.get(&path) == Some(&stamp))
    }
}

/// Calls `look` for the files below a folder until it returns `false`. Returns whether all were looked at.
fn each_file(folder: &Path, look: &mut impl FnMut(PathBuf, Stamp) -> bool) -> bool {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let goes_on = match metadata.is_dir() {
            true => each_file(&entry.path(), look),
            false => look(entry.path(), stamp(&metadata)),
        };
        if !goes_on {
            return false;
        }
    }
    true
}

/// A program that copies a file may give it the time of its source, but the time of the inode is always new.
fn stamp(metadata: &fs::Metadata) -> Stamp {
    #[cfg(unix)]
    let changed = {
        use std::os::unix::fs::MetadataExt;
        Some((metadata.ctime(), metadata.ctime_nsec()))
    };
    #[cfg(not(unix))]
    let changed = None;
    (metadata.len(), metadata.modified().ok(), changed)
}

/// Fails if the build, which began at `began` and wrote nothing to the output, wrote an index document elsewhere. If
/// the output has an index document, the output may be up to date, so this is only a warning.
pub fn check(config: &Config, root: &Path, began: SystemTime, tell: &Tell) -> Result<(), Failure> {
    let Some((failure, hint)) = written_elsewhere(config, root, began) else { return Ok(()) };
    if !config.output_folder().join(&config.website.index).is_file() {
        return Err(failure.hint(hint));
    }
    tell.tell(Event::Warning(format!("{failure}; {hint}")));
    Ok(())
}

/// What was written elsewhere, and what to do about it.
fn written_elsewhere(config: &Config, root: &Path, began: SystemTime) -> Option<(Failure, String)> {
    // Without links, like the site's folder.
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut written = find(&config.site, config, began);
    if written.is_empty() {
        written = find(&root, config, began);
    }
    // If there is none, the scan reports what is missing.
    let first = written.first()?;
    let correct = match misplaced(first, &config.site, &root) {
        None => {
            let first = relative(&config.site, first);
            format!("correct deploy.toml: output = \"{}\", or ", first.display())
        }
        Some(_) => String::new(),
    };
    let output = config.output.display();
    let hint = format!("{correct}let the generator write to `{output}`");
    Some((nothing_in(config, &written), hint))
}

/// A folder as a path relative to the site's folder, with `..` if it is outside of it.
fn relative(site: &Path, folder: &Path) -> PathBuf {
    let common = site.ancestors().find(|above| folder.starts_with(above)).unwrap_or(Path::new(""));
    let up = site.strip_prefix(common).map_or(0, |below| below.components().count());
    let below = folder.strip_prefix(common).unwrap_or(folder);
    std::iter::repeat_n(Path::new(".."), up).chain([below]).collect()
}

fn nothing_in(config: &Config, written: &[PathBuf]) -> Failure {
    let mut failure = failed(format!("the build wrote nothing to `{}`", config.output.display()));
    let below =
        |folder: &PathBuf| format!("it wrote `{}`", relative(&config.site, folder).display());
    failure.causes.extend(written.iter().take(3).map(below));
    failure
}

/// The folders below `top` with an index document that was written since `since`, nearest first.
fn find(top: &Path, config: &Config, since: SystemTime) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = VecDeque::from([(top.to_owned(), 0)]);
    let mut looked = 0;
    while let Some((folder, depth)) = folders.pop_front()
        && looked < FOLDERS
    {
        looked += 1;
        if folder == config.output_folder() {
            continue;
        }
        if depth > 0 && is_written(&folder.join(&config.website.index), since) {
            found.push(folder);
            continue;
        }
        if depth < DEPTH {
            folders.extend(folders_of(&folder).map(|below| (below, depth + 1)));
        }
    }
    found
}

fn is_written(file: &Path, since: SystemTime) -> bool {
    let written = fs::symlink_metadata(file).ok().filter(fs::Metadata::is_file);
    written.is_some_and(|file| {
        let (_, modified, changed) = stamp(&file);
        // A copy can have the time of its source.
        let changed = changed.and_then(|(seconds, nanoseconds)| {
            let (seconds, nanoseconds) = (seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
            SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
        });
        let is_since = |time: Option<SystemTime>, late| {
            time.is_some_and(|time| since.checked_sub(late).is_none_or(|since| time >= since))
        };
        is_since(modified, COARSE) || is_since(changed, TICK)
    })
}

fn folders_of(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_looked_into = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        entry.file_type().is_ok_and(|kind| kind.is_dir())
            && !NOT_LOOKED_INTO.iter().any(|other| name == *other)
    };
    entries.filter(is_looked_into).map(|entry| entry.path())
}
