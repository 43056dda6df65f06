//! What an output held before it was emptied. It is removed once a build has filled the output again. Until then it may
//! be the only copy of files that the user put there, so it is put back if a build fails or writes elsewhere.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use super::output::holds_git;
use crate::base::event::{Event, Tell};

/// When it is dropped, the content is put back, or removed if a build has replaced it. The removal runs on a thread of
/// its own, and [`settle`] waits for its end.
#[derive(Default)]
pub struct Aside(Option<Emptied>);

struct Emptied {
    output: PathBuf,
    folder: Option<PathBuf>,
    /// What killed runs left there. It is removed once a build has filled the output.
    left: Vec<PathBuf>,
    tell: Tell,
    is_replaced: bool,
}

impl Aside {
    /// `folder` is where the output's entries are moved.
    pub(crate) fn of(
        output: PathBuf,
        folder: Option<PathBuf>,
        left: Vec<PathBuf>,
        tell: &Tell,
    ) -> Aside {
        Aside(Some(Emptied { output, folder, left, tell: tell.clone(), is_replaced: false }))
    }

    /// Says that a build has filled the output, so its earlier content is no longer needed.
    pub(crate) fn is_replaced(&mut self) {
        if let Some(emptied) = &mut self.0 {
            emptied.is_replaced = true;
        }
    }

    /// What is still to be removed. If no build has replaced the content, it is put back instead.
    pub fn replaced(self) -> Option<Aside> {
        self.0.as_ref().is_none_or(|emptied| emptied.is_replaced).then_some(self)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(emptied) = self.0.take() {
            emptied.end();
        }
    }
}

impl Emptied {
    fn end(self) {
        let Emptied { output, folder, left, tell, is_replaced } = self;
        let left = if is_replaced { left } else { Vec::new() };
        if !is_replaced
            && let Some(folder) = &folder
            && let Err(error) = put_back(folder, &output)
        {
            tell.tell(is_left(folder, &error.to_string()));
            return;
        }
        let removal = std::thread::spawn(move || {
            if let Some(folder) = folder
                && let Err(reason) = remove(&folder)
            {
                tell.tell(is_left(&folder, &reason));
            }
            for folder in left {
                // The reason why an entry cannot be removed was reported when it was left.
                let _ = remove(&folder);
            }
        });
        REMOVALS.lock().unwrap_or_else(PoisonError::into_inner).push(removal);
    }
}

fn is_left(folder: &Path, reason: &str) -> Event {
    let folder = folder.display();
    Event::Warning(format!("the earlier content of the output stays in `{folder}`: {reason}"))
}

/// Moves back whatever the build did not write again.
fn put_back(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(to) {
        Ok(there) if there.is_dir() => {}
        Ok(_) => return Err(io::Error::other(format!("`{}` is not a folder", to.display()))),
        Err(_) => fs::create_dir_all(to)?,
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let before = to.join(entry.file_name());
        match fs::symlink_metadata(&before) {
            Ok(there) if there.is_dir() && entry.file_type()?.is_dir() => {
                put_back(&entry.path(), &before)?;
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::rename(entry.path(), before)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<(), String> {
    let done = match holds_git(folder) {
        Ok(true) => return Err("a git repository is in it".to_owned()),
        Ok(false) => fs::remove_dir_all(folder),
        Err(error) => Err(error),
    };
    match done {
        // Another run may have removed it.
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// The removals that this process began.
static REMOVALS: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());

/// Waits until everything that was dropped is removed.
pub fn settle() {
    let removals = std::mem::take(&mut *REMOVALS.lock().unwrap_or_else(PoisonError::into_inner));
    for removal in removals {
        // A removal that panicked has removed only a part, and the next build tries again.
        let _ = removal.join();
    }
}
