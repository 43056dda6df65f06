//! What a command costs, including everything that it starts and waits for.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub started: Instant,
    pub wall: Duration,
    /// In user and in system mode together.
    pub cpu: Duration,
    /// The peak of the largest process, in bytes.
    pub memory: u64,
}

/// Runs a command to its end. Its output goes to a file, and is shown if it fails.
///
/// # Panics
/// If it fails: a command that fails early would look fast.
#[allow(clippy::zombie_processes)] // It is waited for with wait4, which is not in the standard library.
pub fn of(mut command: Command, output: &Path) -> Usage {
    let file = File::create(output).expect("a file for the output");
    command.stdin(std::process::Stdio::null());
    command.stdout(file.try_clone().expect("a second handle")).stderr(file);
    let started = Instant::now();
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let process = libc::pid_t::try_from(child.id()).expect("a process id");
    let (mut status, mut usage) = (0, unsafe { std::mem::zeroed::<libc::rusage>() });
    // SAFETY: both pointers point to values that live here, and nothing else waits for this child process.
    let waited = unsafe { libc::wait4(process, &mut status, 0, &mut usage) };
    let wall = started.elapsed();
    assert_eq!(waited, process, "{}", std::io::Error::last_os_error());
    assert_eq!(
        status,
        0,
        "{command:?} failed:\n{}",
        std::fs::read_to_string(output).unwrap_or_default()
    );
    let of = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    Usage {
        started,
        wall,
        cpu: of(usage.ru_utime) + of(usage.ru_stime),
        // Linux counts in KiB.
        memory: usage.ru_maxrss as u64 * 1024,
    }
}
