//! A few files of a site that is scanned again and again, before the rest of them: those that somebody waits for.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::digest::{self, Sum};
use super::seen::{Known, Seen, Stamp};
use super::{File, Source};
use crate::config::Config;
use crate::headers::Ruled;
use crate::key::Prefix;

/// What some files hold, of those that can be told by themselves.
#[derive(Debug, Default)]
pub struct Rechecked {
    /// The keys of those that are as they were.
    pub same: Vec<String>,
    /// Those that hold other bytes than before.
    pub changed: Vec<Arc<File>>,
}

/// Looks at the files of these keys, which are given in order. What is new or gone, is reached through a link, has
/// other headers than before or cannot be read is left to a [scan](super::scan). Blocks the thread.
pub fn recheck(
    config: &Config,
    prefix: &Prefix,
    keys: impl Iterator<Item = String>,
    seen: &Seen,
) -> Rechecked {
    let output = config.output_folder();
    let Ok(resolved) = output.canonicalize() else { return Rechecked::default() };
    let mut ruled = Ruled::by(&config.rules);
    let mut rechecked = Rechecked::default();
    for key in keys {
        let (Some(known), Some(relative)) = (seen.of(&key), prefix.relative(&key)) else {
            continue;
        };
        let Source::Disk(disk) = &known.file.source else { continue };
        let path = disk.path(&key);
        let Ok(below) = path.strip_prefix(&output) else { continue };
        let is_plain = path.canonicalize().is_ok_and(|path| path == resolved.join(below));
        if !is_plain || ruled.of(relative) != known.file.headers {
            continue;
        }
        match reread(known, &path) {
            Some(None) => rechecked.same.push(key),
            Some(Some(file)) => rechecked.changed.push(Arc::new(file)),
            None => {}
        }
    }
    rechecked
}

/// The file if it is another one now; `None` where that cannot be told.
fn reread(known: &Known, path: &Path) -> Option<Option<File>> {
    let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let (before, size) = (&known.file, metadata.len());
    let is_same = known.is_untouched(&Stamp::of(&metadata))
        || (size == before.size && Sum::of_file(path, size).ok()? == known.sum);
    if is_same {
        return Some(None);
    }
    let digest = digest::of_file(path, size, &mut |_| ()).ok()?;
    let (key, source, headers) =
        (before.key.clone(), before.source.clone(), before.headers.clone());
    Some(Some(File { key, source, size, digest, headers }))
}
