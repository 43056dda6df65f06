//! Whether the process that took a lock still runs, as far as this machine can tell. If a deploy was killed, the next
//! one on this machine need not wait until the lock expires.
//!
//! A process that takes a lock holds the system's advisory lock on a file that is named after the lock's id. The system
//! releases that when the process ends, in whatever way. So if the file exists and is not locked, its process has ended
//! without giving the lock back. If the file does not exist, nothing is known: the lock belongs to another machine or
//! another checkout.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::repository::own_files;

/// A sign of life of this process. If it is dropped without [`Alive::end`], it shows that the process has ended without
/// giving its lock back.
#[derive(Debug)]
pub struct Alive {
    _locked: File,
    path: PathBuf,
}

impl Alive {
    /// `None` if the folder cannot be written or its file system has no locks: then the lock only ends when it expires.
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

    /// Removes the file, once there is no lock that it could belong to.
    pub fn end(self) {
        // If it stays, it is an empty file whose id nothing asks for.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the process that took the lock with this id ran on this machine and has ended.
pub fn has_died(folder: &Path, id: &str) -> bool {
    // The id comes from the bucket, and must not name a file in another folder.
    let is_plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let opened = || own_files::open_existing(&folder.join(id));
    is_plain && opened().is_ok_and(|file| file.try_lock_shared().is_ok())
}
