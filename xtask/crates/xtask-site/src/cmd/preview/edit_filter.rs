//! Separates a user's edits from other events of the file system: a file that is written again with the same content
//! was not edited.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use engine::site::Sum;

/// The digest that each changed file had when it changed last.
#[derive(Default)]
pub struct EditFilter(BTreeMap<PathBuf, Option<Sum>>);

/// Files that are larger, in bytes, are not read and always count as edited.
const LARGEST_READ: u64 = 16 << 20;

impl EditFilter {
    /// The paths whose files have other contents than at their last change.
    pub fn edited(&mut self, paths: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        paths.into_iter().filter(|path| self.is_edited(path)).collect()
    }

    fn is_edited(&mut self, path: &Path) -> bool {
        // Only regular files are read: reading a pipe would wait for a writer.
        let is_read = |file: &Metadata| file.is_file() && file.len() <= LARGEST_READ;
        let file = std::fs::metadata(path).ok().filter(is_read);
        let sum = file.and_then(|file| Sum::of_file(path, file.len(), &mut |_| ()).ok());
        let last = self.0.insert(path.to_owned(), sum);
        sum.is_none() || last != Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_pipe_without_a_writer_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (done, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || done.send(EditFilter::default().edited(BTreeSet::from([pipe]))));
        assert_eq!(told.recv_timeout(Duration::from_secs(10)).map(|paths| paths.len()), Ok(1));
    }
}
