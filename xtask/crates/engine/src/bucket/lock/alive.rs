//! Whether the process that took a lock still lives, as far as this machine can tell: a deploy that was killed
//! does not keep the next one here out until its lock expires.
//!
//! Whoever takes a lock holds the system's advisory lock on a file named by the lock's id, and the system
//! gives that up when the process ends, in whatever way. So a file that is there and not locked says that
//! its process has ended without giving the lock back. A file that is not there says nothing: the lock is
//! another machine's, or another checkout's.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::repository::own_files;

/// A sign of life of this process. Dropped, it tells of a process that has ended without giving its lock back.
#[derive(Debug)]
pub struct Alive {
    _locked: File,
    path: PathBuf,
}

impl Alive {
    /// `None` where the folder cannot be written or its file system knows no locks: then only the expiry tells.
    pub fn begin(folder: &Path, id: &str) -> Option<Alive> {
        fs::create_dir_all(folder).ok()?;
        let path = folder.join(id);
        let file = File::create_new(&path).ok()?;
        match file.try_lock() {
            Ok(()) => Some(Alive { _locked: file, path }),
            Err(_) => {
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    /// Takes it away, now that there is no lock for it to tell of.
    pub fn end(self) {
        // One that stays is empty, and nobody asks for it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the process that took the lock of this id was one of this machine and has ended.
pub fn has_died(folder: &Path, id: &str) -> bool {
    // The id comes out of the bucket, and must not name a file elsewhere.
    let is_plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let opened = || own_files::open_existing(&folder.join(id));
    is_plain && opened().is_ok_and(|file| file.try_lock_shared().is_ok())
}
