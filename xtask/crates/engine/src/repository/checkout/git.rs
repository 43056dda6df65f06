//! The user's own git. It is asked questions that only it can answer.
//!
//! Whether a file differs from a commit depends on filters, on the format of the index and on a dozen settings, and
//! libgit2 knows only some of them. If git is not installed, as in small CI images, libgit2 answers.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What git says about the work tree at `root`; `None` if git is not installed or reports an error.
pub fn ask(root: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = run(root, arguments).ok()?;
    output.status.success().then_some(output.stdout)
}

/// Whether git reads the repository around a folder. It refuses to read one of another user unless a setting names it.
pub fn reads(folder: &Path) -> bool {
    ask(folder, &["rev-parse", "--git-dir"]).is_some()
}

fn run(root: &Path, arguments: &[&str]) -> io::Result<Output> {
    let mut command = Command::new("git");
    // Without a lock, it does not interfere with the user's git, and writes nothing.
    command.args(["--no-optional-locks", "--literal-pathspecs"]).args(arguments);
    command.current_dir(root).env("LC_ALL", "C").stdin(Stdio::null());
    LOCAL.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.output()
}

/// Variables that name a repository, index or format other than those of `root`: git sets some of them for its hooks.
/// <https://git-scm.com/docs/git-rev-parse#Documentation/git-rev-parse.txt---local-env-vars>
const LOCAL: [&str; 12] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INDEX_VERSION",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
    "GIT_NO_REPLACE_OBJECTS",
];
