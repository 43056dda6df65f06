//! How many files and connections may be open at once. At first, systems allow a process only a few, in some containers
//! 64. If the process asks, they allow more. And how the memory of large bodies goes back to the system.

use std::io;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

/// More would be of no use, and would slow down some programs that this tool starts: they check each file that they may
/// have open.
const ENOUGH: u64 = 4096;

/// Open files that are not counted here: the terminal, the repository, locks, the internals of the runtime.
const SPARE: usize = 32;

/// The most connections: on a line of 150 ms, 1,700 files a second.
const MOST_CONNECTIONS: usize = 256;

/// How often to try to open a file while too many are open, with a `WAIT` after each try.
const TRIES: u32 = 100;
const WAIT: Duration = Duration::from_millis(50);

/// Asks the system for as many open files as are useful. If the system declines, the tool makes do with what it has.
pub fn raise() {
    imp::raise();
    return_large_memory();
}

/// Lets the C library give the memory of large bodies, such as a part of an upload, back to the system as soon as they
/// are freed. Otherwise it keeps some of them for each thread after the first was freed.
/// <https://man7.org/linux/man-pages/man3/mallopt.3.html>
fn return_large_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const LARGE: i32 = 1 << 20;
        // SAFETY: it only changes when later allocations are mapped on their own.
        let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE) };
    }
}

/// How many connections there may be. If the bucket is on this machine, this process also has the other ends open, and
/// a file for each.
pub(crate) fn connections() -> usize {
    connections_of(open_files())
}

/// How many threads may each have a file open for reading.
pub(crate) fn readers() -> usize {
    readers_of(open_files())
}

fn connections_of(open_files: usize) -> usize {
    (open_files.saturating_sub(SPARE) / 4).clamp(2, MOST_CONNECTIONS)
}

fn readers_of(open_files: usize) -> usize {
    (open_files / 8).max(2)
}

fn open_files() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(imp::open_files)
}

/// Opens a file or a folder. If too many are open, waits, because others are about to be closed. Blocks the thread.
pub(crate) fn open<T>(mut open: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..TRIES {
        match open() {
            Err(error) if imp::is_too_many(&error) => thread::sleep(WAIT),
            opened => return opened,
        }
    }
    open()
}

#[cfg(unix)]
mod imp {
    use rlimit::Resource;

    use super::ENOUGH;

    pub fn raise() {
        let Ok((soft, hard)) = Resource::NOFILE.get() else { return };
        if soft < ENOUGH.min(hard) {
            // If the limit cannot be raised, the tool keeps to the old one.
            let _ = Resource::NOFILE.set(ENOUGH.min(hard), hard);
        }
    }

    pub fn open_files() -> usize {
        let soft = Resource::NOFILE.get().map_or(ENOUGH, |(soft, _)| soft);
        usize::try_from(soft).unwrap_or(usize::MAX)
    }

    /// In this process, or in the whole system.
    pub fn is_too_many(error: &std::io::Error) -> bool {
        const ENFILE: i32 = 23;
        const EMFILE: i32 = 24;
        matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
    }
}

#[cfg(not(unix))]
mod imp {
    pub fn raise() {}

    pub fn open_files() -> usize {
        usize::MAX
    }

    pub fn is_too_many(_: &std::io::Error) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_fits_the_limit() {
        for limit in [40, 64, 100, 256, 1024] {
            let (connections, readers) = (connections_of(limit), readers_of(limit));
            assert!(
                SPARE / 2 + 3 * connections + readers <= limit,
                "{limit}: {connections}, {readers}"
            );
        }
        assert_eq!(connections_of(4096), MOST_CONNECTIONS);
        assert_eq!(connections_of(0), 2);
        assert_eq!(connections_of(usize::MAX), MOST_CONNECTIONS);
    }

    #[cfg(unix)]
    #[test]
    fn too_many_open_files_are_waited_for_and_other_errors_are_not() {
        let mut answers = [Some(24), Some(23), None].into_iter();
        let opened = open(|| match answers.next().flatten() {
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => Ok("open"),
        });
        assert_eq!(opened.unwrap(), "open");
        let mut tries = 0;
        let opened: io::Result<()> = open(|| {
            tries += 1;
            Err(io::ErrorKind::NotFound.into())
        });
        assert_eq!((opened.unwrap_err().kind(), tries), (io::ErrorKind::NotFound, 1));
    }
}
