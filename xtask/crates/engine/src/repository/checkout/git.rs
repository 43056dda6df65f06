//! The user's own git, asked where only it knows the answer.
//!
//! What differs from a commit depends on filters, on the index's format and on a dozen settings, and libgit2
//! knows some of them only. Where there is no git, as in small images of CI, libgit2 answers.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What git says about the work tree at `root`; `None` if there is no git or it declines.
pub fn ask(root: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let output = run(root, arguments).ok()?;
    output.status.success().then_some(output.stdout)
}

/// Whether git reads the repository around a folder. It declines one of another user unless a setting names it.
pub fn reads(folder: &Path) -> bool {
    ask(folder, &["rev-parse", "--git-dir"]).is_some()
}

fn run(root: &Path, arguments: &[&str]) -> io::Result<Output> {
    let mut command = Command::new("git");
    // Without a lock, it does not get in the way of the user's git, and writes nothing.
    command.args(["--no-optional-locks", "--literal-pathspecs"]).args(arguments);
    command.current_dir(root).env("LC_ALL", "C").stdin(Stdio::null());
    LOCAL.iter().for_each(|name| {
        command.env_remove(name);
    });
    command.output()
}

/// Variables that name another repository, index or format than those of `root`: a hook of git sets some.
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
