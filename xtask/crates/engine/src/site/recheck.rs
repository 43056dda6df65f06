//! Scans a few files of a site before the rest: those that a browser is waiting for. Used when a site is scanned
//! repeatedly.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::digest::{self, Sum};
use super::scan::looker;
use super::scan_cache::{CachedFile, ScanCache};
use super::stamp::Stamp;
use super::{File, Source};
use crate::base::headers::{HeaderRules, Told};
use crate::base::key::{self, Prefix};
use crate::base::parts;
use crate::repository::config::Config;

/// The files with these keys, which are in order, as they are now. A file that is new or gone, is reached through a
/// link, is large or cannot be read is left to a [scan](super::scan). Blocks the thread.
pub fn recheck(
    config: &Config,
    prefix: &Prefix,
    keys: impl Iterator<Item = String>,
    seen: &ScanCache,
) -> Vec<Arc<File>> {
    let output = config.output_folder();
    let Ok(resolved) = output.canonicalize() else { return Vec::new() };
    let mut ruled = HeaderRules::by(&config.rules);
    let file = |key: String| {
        let (known, relative) = (seen.of(&key)?, prefix.relative(&key)?);
        let Source::Disk(disk) = &known.file.source else { return None };
        let path = disk.path(&key);
        let below = path.strip_prefix(&output).ok()?;
        // The folder may be a different one than at the last scan.
        let is_its = key::of_path(below).is_ok_and(|named| named == relative);
        let is_plain = path.canonicalize().is_ok_and(|path| path == resolved.join(below));
        if !is_its || !is_plain {
            return None;
        }
        reread(known, &path, relative, &mut ruled)
    };
    keys.filter_map(file).collect()
}

fn reread(
    known: &CachedFile,
    path: &Path,
    relative: &str,
    ruled: &mut HeaderRules,
) -> Option<Arc<File>> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let (before, size) = (&known.file, metadata.len());
    if parts::is_in_parts(size) {
        return None;
    }
    let is_same = known.is_untouched(&Stamp::of(&metadata))
        || before.digest.sum == Some(Sum::of_file(path, size, &mut |_| ()).ok()?);
    let (digest, look) = match is_same {
        true => (before.digest.clone(), known.look.clone()),
        false => {
            let headers = ruled.of(relative, Told::default());
            let mut looker = looker(relative, size, &headers, ruled);
            let digest = digest::of_file(path, size, &mut |bytes| looker.take(bytes)).ok()?;
            (digest, looker.done())
        }
    };
    let look = look.map(|look| *look).unwrap_or_default();
    // Whether such a file may be deployed is for a scan to decide.
    if look.finding.is_some() || look.coding.is_some() {
        return None;
    }
    let headers = ruled.of(relative, look.told);
    if is_same && headers == before.headers {
        return Some(before.clone());
    }
    let (key, source) = (before.key.clone(), before.source.clone());
    Some(Arc::new(File { key, source, size, digest, headers }))
}
