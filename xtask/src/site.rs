//! The built files: every one with its key, digest and headers. What cannot be deployed faithfully is an
//! error before anything is written, and what must never be public is left out and counted.

mod digest;
mod seen;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use crate::config::Config;
use crate::error::{Failure, failed};
use crate::event::{Event, Tell};
use crate::headers::{self, Headers};
use crate::key::{self, Prefix};

pub use digest::{Digest, PartDigests};
pub use seen::Seen;

use seen::Stamp;

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
    pub key: Box<str>,
    pub source: Source,
    /// In bytes.
    pub size: u64,
    pub digest: Digest,
    pub headers: Headers,
}

/// Where the bytes of a file are.
#[derive(Clone, Debug)]
pub enum Source {
    Disk(Disk),
    /// In the bucket, as what the key holds now or held in an earlier version.
    Bucket {
        version: Option<Box<str>>,
    },
}

/// A path, which nearly always says what the key says, so it is not held beside each of a hundred thousand
/// keys.
#[derive(Clone, Debug)]
pub enum Disk {
    /// Below the output folder, where the key says.
    AsKey(Arc<Output>),
    /// Under a name that is the key in another Unicode form.
    At(Box<Path>),
}

/// The output folder, and the prefix that its files get.
#[derive(Debug)]
pub struct Output {
    folder: PathBuf,
    prefix: Prefix,
}

impl Disk {
    pub fn path(&self, key: &str) -> PathBuf {
        match self {
            Disk::AsKey(output) => output.folder.join(output.relative(key)),
            Disk::At(path) => path.to_path_buf(),
        }
    }
}

impl Output {
    /// A key of the site without the prefix.
    fn relative<'k>(&self, key: &'k str) -> &'k str {
        self.prefix.relative(key).unwrap_or(key)
    }
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

/// Finds and hashes every file of the output folder, on all cores. Blocks the thread. What was `seen` is not
/// hashed again.
///
/// Errors for what is unreadable, not UTF-8, a link that is broken or leaves the folder, a key too long
/// for S3, and two files on one key.
pub fn scan(
    config: &Config,
    prefix: &Prefix,
    seen: Option<&mut Seen>,
    tell: &Tell,
) -> Result<Site, Failure> {
    let began = SystemTime::now();
    let output = Arc::new(Output { folder: config.output_folder(), prefix: prefix.clone() });
    let mut entries = Vec::new();
    let skipped = walk::files(&output.folder, &mut |found| {
        entries.push(name(found, &output)?);
        Ok(())
    })?;
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    check_keys(&entries, &output)?;
    if let Some(seen) = &seen {
        seen.recall(&mut entries);
    }
    let unread = || entries.iter().filter(|entry| entry.digest.is_none());
    tell.tell(Event::Hashing {
        files: unread().count() as u64,
        bytes: unread().map(|entry| entry.size).sum(),
    });
    hash(&mut entries, tell)?;
    if let Some(seen) = seen {
        seen.remember(&entries, began);
    }
    let mut sets = headers::Sets::default();
    let file = |Entry { key, disk, size, digest, .. }| {
        let headers = sets.share(headers::of_key(output.relative(&key), &config.rules));
        let digest = digest.ok_or_else(|| failed(format!("failed to hash `{key}`")))?;
        let source = Source::Disk(disk);
        Ok(Arc::new(File { key, source, size, digest, headers }))
    };
    let files = entries.into_iter().map(file).collect::<Result<_, Failure>>()?;
    tell.tell(Event::Scanned);
    Ok(Site { files, skipped })
}

/// A file, as it becomes known.
struct Entry {
    key: Box<str>,
    disk: Disk,
    size: u64,
    stamp: Stamp,
    /// Once it was hashed.
    digest: Option<Digest>,
}

impl Entry {
    fn path(&self) -> PathBuf {
        self.disk.path(&self.key)
    }
}

fn name(found: walk::Found, output: &Arc<Output>) -> Result<Entry, Failure> {
    let below = found.path.strip_prefix(&output.folder).unwrap_or(&found.path);
    let relative = key::of_path(below).map_err(|reason| {
        failed(format!("failed to name `{}` in the bucket: it {reason}", found.path.display()))
            .hint("rename the file, or let the generator leave it out")
    })?;
    let disk = match output.folder.join(&relative) == found.path {
        true => Disk::AsKey(output.clone()),
        false => Disk::At(found.path.into()),
    };
    let key = output.prefix.join(&relative).into();
    Ok(Entry { key, disk, size: found.size, stamp: found.stamp, digest: None })
}

fn check_keys(entries: &[Entry], output: &Output) -> Result<(), Failure> {
    for pair in entries.windows(2) {
        if pair[0].key == pair[1].key {
            let relative = output.relative(&pair[0].key);
            let mut failure = failed(format!("two files have the same key `{relative}`"));
            // Both names look the same, so their characters are spelled out.
            let spelled =
                |entry: &Entry| entry.path().to_string_lossy().escape_default().to_string();
            failure.causes.extend(pair.iter().map(spelled));
            return Err(failure.hint(
                "their names are the same text in different Unicode forms: rename one of them",
            ));
        }
    }
    match entries.iter().find(|entry| entry.key.len() > key::LONGEST) {
        None => Ok(()),
        Some(entry) => Err(failed(format!("the key of `{}` is too long", entry.path().display()))
            .hint(format!("S3 takes keys of {} bytes, the prefix included", key::LONGEST))),
    }
}

/// Gives each entry that has none its digest. Workers take the next file each, so that one large file does not hold up the
/// others; the first error ends them all.
fn hash(entries: &mut [Entry], tell: &Tell) -> Result<(), Failure> {
    let waiting = Mutex::new(entries.iter_mut().filter(|entry| entry.digest.is_none()));
    let failure = OnceLock::new();
    let work = || {
        while failure.get().is_none()
            && let Some(entry) = take(&waiting)
        {
            let path = entry.path();
            let read = &|bytes| tell.tell(Event::Hashed { bytes });
            match digest::of_file(&path, entry.size, read) {
                Ok(digest) => entry.digest = Some(digest),
                Err(error) => {
                    let failed = failed(format!("failed to read `{}`", path.display()));
                    // One failure is told: the first.
                    let _ = failure.set(failed.because(&error));
                }
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    // A worker that panics takes the scan along.
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    failure.into_inner().map_or(Ok(()), Err)
}

fn take<T>(waiting: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).next()
}

#[cfg(test)]
mod tests;
