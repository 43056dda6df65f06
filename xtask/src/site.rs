//! The built files: every one with its key, digest and headers. What cannot be deployed faithfully is an
//! error before anything is written, and what must never be public is left out and counted.

mod digest;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::config::Config;
use crate::error::{Failure, failed};
use crate::event::{Event, Tell};
use crate::headers::{self, Headers};
use crate::key::{self, Prefix};

pub use digest::{Digest, PartDigests};

#[derive(Clone, Debug, Default)]
pub struct Site {
    /// In the order of their keys. Shared, because a site is compared twice: before the lock is taken and under it.
    pub files: Vec<Arc<File>>,
    /// Dot-names, and keys that nobody should serve, relative to the site: left out.
    pub skipped: Vec<String>,
}

/// A file and the object that it is to become.
#[derive(Debug)]
pub struct File {
    /// With the prefix.
    pub key: String,
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    pub digest: Digest,
    pub headers: Headers,
}

impl Site {
    /// The site without the files whose keys belong to others.
    pub fn without(&self, kept: impl Fn(&str) -> bool) -> Site {
        let mut site = self.clone();
        site.files.retain(|file| !kept(&file.key));
        site
    }

    /// Of the names left out, those that should not be in the folder at all.
    pub fn private(&self) -> impl Iterator<Item = &str> {
        self.skipped.iter().map(String::as_str).filter(|name| walk::looks_secret(name))
    }
}

/// Finds and hashes every file of the output folder, on all cores. Blocks the thread.
///
/// Errors for what is unreadable, not UTF-8, a link that is broken or leaves the folder, a key too long
/// for S3, and two files on one key.
pub fn scan(config: &Config, prefix: &Prefix, tell: &Tell) -> Result<Site, Failure> {
    let folder = config.output_folder();
    let walked = walk::files(&folder)?;
    let mut site = Site { skipped: walked.skipped, ..Site::default() };
    let mut entries: Vec<Entry> =
        walked.files.into_iter().map(|found| name(found, &folder)).collect::<Result<_, _>>()?;
    entries.sort_by(|a, b| a.relative.cmp(&b.relative));
    check_keys(&entries, prefix)?;
    tell.tell(Event::Hashing {
        files: entries.len() as u64,
        bytes: entries.iter().map(|entry| entry.found.size).sum(),
    });
    let digests = hash(&entries, tell)?;
    site.files = entries
        .into_iter()
        .zip(digests)
        .map(|(entry, digest)| File {
            key: prefix.join(&entry.relative),
            headers: headers::of_key(&entry.relative, &config.rules),
            path: entry.found.path,
            size: entry.found.size,
            digest,
        })
        .map(Arc::new)
        .collect();
    tell.tell(Event::Scanned);
    Ok(site)
}

/// A file with its key relative to the site.
struct Entry {
    relative: String,
    found: walk::Found,
}

fn name(found: walk::Found, folder: &Path) -> Result<Entry, Failure> {
    let below = found.path.strip_prefix(folder).unwrap_or(&found.path);
    let relative = key::of_path(below).map_err(|reason| {
        failed(format!("failed to name `{}` in the bucket: it {reason}", found.path.display()))
            .hint("rename the file, or let the generator leave it out")
    })?;
    Ok(Entry { relative, found })
}

fn check_keys(entries: &[Entry], prefix: &Prefix) -> Result<(), Failure> {
    for pair in entries.windows(2) {
        if pair[0].relative == pair[1].relative {
            let mut failure = failed(format!("two files have the same key `{}`", pair[0].relative));
            // Both names look the same, so their characters are spelled out.
            let spelled =
                |entry: &Entry| entry.found.path.to_string_lossy().escape_default().to_string();
            failure.causes.extend(pair.iter().map(spelled));
            return Err(failure.hint(
                "their names are the same text in different Unicode forms: rename one of them",
            ));
        }
    }
    let too_long = |entry: &&Entry| prefix.join(&entry.relative).len() > key::LONGEST;
    match entries.iter().find(too_long) {
        None => Ok(()),
        Some(entry) => {
            Err(failed(format!("the key of `{}` is too long", entry.found.path.display()))
                .hint(format!("S3 takes keys of {} bytes, the prefix included", key::LONGEST)))
        }
    }
}

/// Digests in the order of the entries. Workers take the next file each, so that one large file does not
/// hold up the others; the first error ends them all.
fn hash(entries: &[Entry], tell: &Tell) -> Result<Vec<Digest>, Failure> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let work = || {
        let mut done = Vec::new();
        while let Some((index, entry)) = take(&next, entries) {
            match digest::of_file(&entry.found.path, entry.found.size, &|bytes| {
                tell.tell(Event::Hashed { bytes });
            }) {
                Ok(digest) => done.push((index, digest)),
                Err(error) => {
                    next.store(entries.len(), Ordering::Relaxed);
                    let failed = failed(format!("failed to read `{}`", entry.found.path.display()));
                    if let Ok(mut first) = failure.lock() {
                        first.get_or_insert(failed.because(&error));
                    }
                }
            }
        }
        done
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut digests: Vec<(usize, Digest)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .flat_map(|w| w.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
            .collect()
    });
    if let Some(failure) = failure.into_inner().unwrap_or_default() {
        return Err(failure);
    }
    digests.sort_unstable_by_key(|(index, _)| *index);
    Ok(digests.into_iter().map(|(_, digest)| digest).collect())
}

fn take<'e>(next: &AtomicUsize, entries: &'e [Entry]) -> Option<(usize, &'e Entry)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    entries.get(index).map(|entry| (index, entry))
}

#[cfg(test)]
mod tests;
