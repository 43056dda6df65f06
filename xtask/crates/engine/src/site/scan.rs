//! Finds the files of the output folder, hashes them, and decides about each by its name and its content.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::digest::{self, Digest, Sum};
use super::entry::{Content, Entry};
use super::faults::Faults;
use super::keys::{self, Misnamed, Unfit};
use super::left_out::{Choice, LeftOut, Why};
use super::look::{Finding, Look, Looker};
use super::scan_cache::ScanCache;
use super::stamp::Stamp;
use super::{Disk, File, Output, Site, Source, strays, walk};
use crate::base::error::{Failure, Result, failed};
use crate::base::event::{Amount, Stage, Tell};
use crate::base::headers::{HeaderRules, Headers, Told};
use crate::base::key::{self, Prefix};
use crate::base::parallel;
use crate::repository::config::Config;

/// What a site that is scanned repeatedly goes by.
pub struct Rescan<'s> {
    /// A file that is in it and was not written since is not read again.
    pub cache: &'s mut ScanCache,
    /// Called for each file, by its key, that holds other bytes than at the last scan, as soon as that is known.
    pub differs: &'s (dyn Fn(&str) + Sync),
}

/// Finds and hashes every file of the output folder, many at a time. Blocks the thread. Once all files are found,
/// `told` receives all keys in order and may block; it returns a function that gives the digest of a key at the last
/// deploy. If the cheap checksum still matches, the MD5 of that digest is reused.
///
/// Fails for a file that is unreadable, a name that is not UTF-8, a link that is broken or leaves the folder, a key
/// that S3 cannot hold, and two files with one key. Refuses files that only stand for other files or are not encoded as
/// the rules say, and an output that holds this tool's own files.
pub fn scan<T: Fn(&str) -> Option<Digest>>(
    config: &Config,
    prefix: &Prefix,
    rescan: Option<Rescan<'_>>,
    told: impl FnOnce(Keys<'_>) -> T,
    tell: &Tell,
) -> Result<Site> {
    let began = SystemTime::now();
    let output = Arc::new(Output { folder: config.output_folder(), prefix: prefix.clone() });
    let (mut cache, differs) = match rescan {
        Some(Rescan { cache, differs }) => (Some(cache), differs),
        None => (None, &(|_: &str| ()) as &(dyn Fn(&str) + Sync)),
    };
    let (mut entries, mut left_out) = find(config, &output, cache.is_some())?;
    keys::check(&entries, &output, tell)?;
    let told = told(&mut entries.iter().map(|entry| &*entry.key));
    recall(&mut entries, told);
    if let Some(cache) = &mut cache {
        cache.recall(&mut entries);
    }
    let unread = || entries.iter().filter(|entry| !entry.content.is_known());
    let (items, bytes) = (unread().count() as u64, unread().map(|entry| entry.size).sum());
    tell.began(Stage::Hash, Amount { items, bytes });
    hash(&mut entries, &output, config, differs, tell)?;
    let (files, seen_files) = settle(entries, &output, config, &mut left_out, tell)?;
    let each = files.iter().map(|file| (output.relative(&file.key), &**file));
    strays::refuse_own_files(each, config, |key| Choice::of(config).publishes(key))?;
    let has = |name: &str| {
        let key = output.prefix.join(name);
        let is_deployed = files.binary_search_by(|file| (*file.key).cmp(&key)).is_ok();
        is_deployed || left_out.iter().any(|entry| entry.key == name && entry.why == Why::Hidden)
    };
    strays::warn_of_other_hosts(has, tell);
    if let Some(cache) = cache {
        for (file, (look, stamp)) in files.iter().zip(seen_files) {
            cache.remember(file.clone(), look, *stamp, began);
        }
    }
    tell.ended(Stage::Hash, Amount::items(files.len() as u64));
    Ok(Site { files, left_out })
}

/// How many entries are moved between lists at a time.
const AT_ONCE: usize = 256;

/// The keys of all files, in order.
pub type Keys<'k> = &'k mut dyn Iterator<Item = &'k str>;

/// Every file of the output folder in the order of the keys, and what was left out.
fn find(
    config: &Config,
    output: &Arc<Output>,
    again: bool,
) -> Result<(Vec<Entry>, Vec<LeftOut>), Failure> {
    // All entries go into one list from the start: not every allocator gives back a large list that is freed.
    let (entries, misnamed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let add =
        |own: &mut Vec<Entry>| entries.lock().unwrap_or_else(PoisonError::into_inner).append(own);
    let (named, left_out) = walk::files(
        &output.folder,
        Choice::of(config),
        || (Vec::new(), HeaderRules::by(&config.rules)),
        |(own, ruled), found| {
            match name(found, output, ruled, again) {
                Ok(entry) => own.push(entry),
                Err(one) => misnamed.lock().unwrap_or_else(PoisonError::into_inner).push(one),
            }
            if own.len() == AT_ONCE {
                add(own);
            }
            Ok(())
        },
    )?;
    keys::misnamed(misnamed.into_inner().unwrap_or_else(PoisonError::into_inner))?;
    named.into_iter().for_each(|(mut own, _)| add(&mut own));
    let mut entries = entries.into_inner().unwrap_or_else(PoisonError::into_inner);
    entries.shrink_to_fit();
    entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok((entries, left_out))
}

fn name(
    found: walk::Found,
    output: &Arc<Output>,
    ruled: &mut HeaderRules,
    again: bool,
) -> Result<Entry, Misnamed> {
    let below = found.path.strip_prefix(&output.folder).unwrap_or(&found.path);
    let misnamed = |key: &str, why| Misnamed { path: found.path.clone(), key: key.into(), why };
    let relative = key::of_path(below).map_err(|reason| misnamed("", Unfit::Name(reason)))?;
    let key: Box<str> = output.prefix.join(&relative).into();
    if let Some(why) = keys::unfit(&key) {
        return Err(misnamed(&key, why));
    }
    let disk = match below == Path::new(&relative) {
        true => Disk::AsKey(output.clone()),
        false => Disk::At(found.path.into()),
    };
    let headers = ruled.of(&relative, Told::default());
    Ok(Entry {
        key,
        disk,
        size: found.size,
        headers,
        stamp: again.then(|| found.stamp.into()),
        content: Content::Unknown,
        look: None,
    })
}

/// Enters the digests that `told` returns into the entries.
fn recall(entries: &mut [Entry], told: impl Fn(&str) -> Option<Digest>) {
    for entry in entries {
        if let Some(digest) = told(&entry.key).filter(|digest| digest.sum.is_some()) {
            entry.content = Content::Was(digest);
        }
    }
}

/// Hashes each entry that has no digest yet.
fn hash(
    entries: &mut [Entry],
    output: &Output,
    config: &Config,
    differs: &(dyn Fn(&str) + Sync),
    tell: &Tell,
) -> Result<(), Failure> {
    let unread: Vec<_> = entries.iter_mut().filter(|entry| !entry.content.is_known()).collect();
    let work = |ruled: &mut HeaderRules, entry: &mut Entry, _: &mut Vec<_>| {
        let path = entry.path();
        identify(entry, &path, output, ruled, differs, tell)
            .map_err(|error| failed(format!("failed to read `{}`", path.display())).because(&error))
    };
    parallel::each(unread, || HeaderRules::by(&config.rules), work).map(drop)
}

fn identify(
    entry: &mut Entry,
    path: &Path,
    output: &Output,
    ruled: &mut HeaderRules,
    differs: &(dyn Fn(&str) + Sync),
    tell: &Tell,
) -> io::Result<()> {
    let Entry { key, size, content, look, headers, .. } = entry;
    let mut new = || looker(output.relative(key), *size, headers, ruled);
    if let Content::Was(before) = std::mem::replace(content, Content::Unknown) {
        let mut looker = new();
        if before.sum == Some(Sum::of_file(path, *size, &mut |bytes| looker.take(bytes))?) {
            tell.advanced(Stage::Hash, Amount::bytes(*size));
            (*content, *look) = (Content::Is(before), looker.done());
            return Ok(());
        }
        differs(key);
    }
    let mut looker = new();
    let digest = digest::of_file(path, *size, &mut |bytes| {
        looker.take(bytes);
        tell.advanced(Stage::Hash, Amount::bytes(bytes.len() as u64));
    })?;
    (*content, *look) = (Content::Is(digest), looker.done());
    Ok(())
}

/// Makes the `Looker` of a file, from its name and from the headers that rules set for that name.
pub fn looker<'k>(
    relative: &'k str,
    size: u64,
    headers: &Headers,
    ruled: &mut HeaderRules,
) -> Looker<'k> {
    Looker::of(relative, size, ruled.essence(relative), headers.get("content-encoding").is_some())
}

/// The files in the order of their keys. If the site is scanned repeatedly, also what to remember about each of them.
type Settled = (Vec<Arc<File>>, Vec<(Option<Box<Look>>, Box<Stamp>)>);

/// Turns entries that were read into files: sets the headers that the content determines, and leaves out files that
/// hold secrets.
fn settle(
    mut entries: Vec<Entry>,
    output: &Output,
    config: &Config,
    left_out: &mut Vec<LeftOut>,
    tell: &Tell,
) -> Result<Settled> {
    let (choice, mut ruled) = (Choice::of(config), HeaderRules::by(&config.rules));
    let (mut files, mut seen, mut faults) =
        (Vec::with_capacity(entries.len()), Vec::new(), Faults::default());
    while let Some(Entry { key, disk, size, mut headers, content, stamp, look }) = entries.pop() {
        let Content::Is(digest) = content else {
            return Err(failed(format!("failed to hash `{key}`")).into());
        };
        if let Some(look) = &look {
            let relative = output.relative(&key);
            let is_meant = |finding: &Finding| match finding.why_left_out() {
                Some(_) => choice.publishes(relative),
                // A wide glob such as `docs/**` is not meant for a pointer.
                None => choice.names(relative),
            };
            let finding = look.finding.filter(|finding| !is_meant(finding));
            if let Some(why) = finding.and_then(Finding::why_left_out) {
                left_out.push(LeftOut {
                    key: relative.to_owned(),
                    why,
                    is_folder: false,
                    is_page: false,
                });
                continue;
            }
            headers = ruled.of(relative, look.told);
            if !config.keeps(relative) {
                finding.into_iter().for_each(|finding| faults.add(relative, finding));
                look.coding
                    .into_iter()
                    .for_each(|coding| faults.compare(relative, coding, &headers));
            }
        }
        files.push(Arc::new(File { key, source: Source::Disk(disk), size, digest, headers }));
        seen.extend(stamp.map(|stamp| (look, stamp)));
        // So that nothing is held twice.
        if entries.len().is_multiple_of(AT_ONCE) {
            entries.shrink_to_fit();
        }
    }
    faults.tell(tell)?;
    files.reverse();
    seen.reverse();
    left_out.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    Ok((files, seen))
}
