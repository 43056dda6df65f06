//! The built files: every one with its key, digest and headers. What cannot be deployed faithfully is an
//! error before anything is written, and what must never be public is left out and counted.

mod digest;
mod recheck;
mod seen;
mod walk;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::config::Config;
use crate::error::{Failure, failed};
use crate::event::{Event, Tell};
use crate::headers::{Headers, Ruled};
use crate::key::{self, Prefix};
use crate::parallel;

pub use digest::{Digest, PartDigests, Sum};
pub use recheck::recheck;
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

impl File {
    /// Where it lies, if it is to be sent in parts and only a record told what it holds.
    pub fn lacks_parts(&self) -> Option<PathBuf> {
        let Source::Disk(disk) = &self.source else { return None };
        let is_lacking = digest::is_in_parts(self.size) && self.digest.parts.is_none();
        is_lacking.then(|| disk.path(&self.key))
    }

    /// The same file with the digests of its parts. Blocks the thread.
    ///
    /// Errors where it cannot be read or has changed.
    pub fn with_parts(&self, path: &Path) -> Result<File, Failure> {
        let doing = || failed(format!("failed to read `{}`", path.display()));
        let digest = digest::of_file(path, self.size, &mut |_| ())
            .map_err(|error| doing().because(&error))?;
        if digest.md5 != self.digest.md5 {
            return Err(doing().hint("it changed while the site was deployed: run it again"));
        }
        let (key, source, headers) = (self.key.clone(), self.source.clone(), self.headers.clone());
        Ok(File { key, source, size: self.size, digest, headers })
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

/// Finds and hashes every file of the output folder, many at once. Blocks the thread. What was `seen`, and not touched
/// since, is not read again. Once they are found, `told` is given their keys in order, and may take its time to tell
/// what the file of a key held when it was deployed last: where that is what it holds, it is read and not hashed.
///
/// Errors for what is unreadable, not UTF-8, a link that is broken or leaves the folder, a key too long
/// for S3, and two files on one key.
pub fn scan<T: Fn(&str) -> Option<Digest>>(
    config: &Config,
    prefix: &Prefix,
    mut seen: Option<&mut Seen>,
    told: impl FnOnce(Keys<'_>) -> T,
    tell: &Tell,
) -> Result<Site, Failure> {
    let began = SystemTime::now();
    let output = Arc::new(Output { folder: config.output_folder(), prefix: prefix.clone() });
    let (mut entries, skipped) = find(config, &output, seen.is_some())?;
    check_keys(&entries, &output)?;
    let told = told(&mut entries.iter().map(|entry| &*entry.key));
    recall(&mut entries, told);
    if let Some(seen) = &mut seen {
        seen.recall(&mut entries);
    }
    let unread = || entries.iter().filter(|entry| !entry.content.is_known());
    tell.tell(Event::Hashing {
        files: unread().count() as u64,
        bytes: unread().map(|entry| entry.size).sum(),
    });
    hash(&mut entries, tell)?;
    let (mut files, mut stamps) = (Vec::with_capacity(entries.len()), Vec::new());
    while let Some(Entry { key, disk, size, headers, content, stamp }) = entries.pop() {
        let Content::Is(digest) = content else {
            return Err(failed(format!("failed to hash `{key}`")));
        };
        files.push(Arc::new(File { key, source: Source::Disk(disk), size, digest, headers }));
        stamps.extend(stamp);
        // So that nothing is held twice.
        if entries.len().is_multiple_of(AT_ONCE) {
            entries.shrink_to_fit();
        }
    }
    files.reverse();
    if let Some(seen) = seen {
        for (file, stamp) in files.iter().zip(stamps.into_iter().rev()) {
            seen.remember(file.clone(), *stamp, began);
        }
    }
    tell.tell(Event::Scanned);
    Ok(Site { files, skipped })
}

/// How many entries are moved between lists at once.
const AT_ONCE: usize = 256;

/// Of all files, in order.
pub type Keys<'k> = &'k mut dyn Iterator<Item = &'k str>;

/// A file, as it becomes known.
struct Entry {
    key: Box<str>,
    disk: Disk,
    size: u64,
    headers: Headers,
    /// Where sites are scanned again and again.
    stamp: Option<Box<Stamp>>,
    content: Content,
}

/// What is known of a file's bytes.
enum Content {
    Unknown,
    /// They were this, and may be something else by now.
    Was(Digest),
    Is(Digest),
}

impl Content {
    fn is_known(&self) -> bool {
        matches!(self, Content::Is(_))
    }
}

impl Entry {
    fn path(&self) -> PathBuf {
        self.disk.path(&self.key)
    }
}

/// Every file of the output folder in the order of the keys, and what was left out.
fn find(
    config: &Config,
    output: &Arc<Output>,
    again: bool,
) -> Result<(Vec<Entry>, Vec<String>), Failure> {
    // In one list from the beginning: what is large and goes is not given back by every allocator.
    let entries = Mutex::new(Vec::new());
    let add =
        |own: &mut Vec<Entry>| entries.lock().unwrap_or_else(PoisonError::into_inner).append(own);
    let (named, skipped) = walk::files(
        &output.folder,
        || (Vec::new(), Ruled::by(&config.rules)),
        |(own, ruled), found| {
            own.push(name(found, output, ruled, again)?);
            if own.len() == AT_ONCE {
                add(own);
            }
            Ok(())
        },
    )?;
    named.into_iter().for_each(|(mut own, _)| add(&mut own));
    let mut entries = entries.into_inner().unwrap_or_else(PoisonError::into_inner);
    entries.shrink_to_fit();
    entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok((entries, skipped))
}

fn name(
    found: walk::Found,
    output: &Arc<Output>,
    ruled: &mut Ruled,
    again: bool,
) -> Result<Entry, Failure> {
    let below = found.path.strip_prefix(&output.folder).unwrap_or(&found.path);
    let relative = key::of_path(below).map_err(|reason| {
        failed(format!("failed to name `{}` in the bucket: it {reason}", found.path.display()))
            .hint("rename the file, or let the generator leave it out")
    })?;
    let disk = match below == Path::new(&relative) {
        true => Disk::AsKey(output.clone()),
        false => Disk::At(found.path.into()),
    };
    let headers = ruled.of(&relative);
    let key = output.prefix.join(&relative).into();
    Ok(Entry {
        key,
        disk,
        size: found.size,
        headers,
        stamp: again.then(|| found.stamp.into()),
        content: Content::Unknown,
    })
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

/// Notes what is told of the entries.
fn recall(entries: &mut [Entry], told: impl Fn(&str) -> Option<Digest>) {
    for entry in entries {
        if let Some(digest) = told(&entry.key).filter(|digest| digest.sum.is_some()) {
            entry.content = Content::Was(digest);
        }
    }
}

/// Gives each entry that has none its digest.
fn hash(entries: &mut [Entry], tell: &Tell) -> Result<(), Failure> {
    let unread: Vec<_> = entries.iter_mut().filter(|entry| !entry.content.is_known()).collect();
    let work = |_: &mut (), entry: &mut Entry, _: &mut Vec<_>| {
        let path = entry.path();
        identify(entry, &path, tell)
            .map_err(|error| failed(format!("failed to read `{}`", path.display())).because(&error))
    };
    parallel::each(unread, || (), work).map(drop)
}

fn identify(entry: &mut Entry, path: &Path, tell: &Tell) -> io::Result<()> {
    let size = entry.size;
    if let Content::Was(before) = std::mem::replace(&mut entry.content, Content::Unknown) {
        if before.sum == Some(Sum::of_file(path, size)?) {
            tell.tell(Event::Hashed { bytes: size });
            entry.content = Content::Is(before);
            return Ok(());
        }
        tell.tell(Event::Differs(entry.key.to_string()));
    }
    let mut also = |bytes: &[u8]| tell.tell(Event::Hashed { bytes: bytes.len() as u64 });
    entry.content = Content::Is(digest::of_file(path, size, &mut also)?);
    Ok(())
}

#[cfg(test)]
mod tests;
