//! A scratch repository, and the tool run in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use git2::{IndexAddOption, Oid, Repository, RepositoryInitOptions, ResetType, Signature, Time};
use serde_json::Value;
use tempfile::TempDir;

pub struct Repo {
    folder: TempDir,
    home: TempDir,
}

/// The exit code and output of a run of the tool.
#[derive(Debug, Default)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Repo {
    /// A repository with one commit on a branch.
    pub fn new(branch: &str) -> Repo {
        let repo = Repo::unborn(branch);
        repo.write(".gitignore", "/target\n");
        repo.commit("begin");
        repo
    }

    /// A repository without a commit.
    pub fn unborn(branch: &str) -> Repo {
        let scratch =
            || tempfile::Builder::new().prefix("xtask-").tempdir().expect("a scratch folder");
        let repo = Repo { folder: scratch(), home: scratch() };
        Repository::init_opts(repo.path(), RepositoryInitOptions::new().initial_head(branch))
            .expect("a new repository");
        repo
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// The home folder that the tool sees.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn git(&self) -> Repository {
        Repository::open(self.path()).expect("the scratch repository")
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.join(path);
        fs::create_dir_all(path.parent().expect("a path in the repository")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// Removes a file or a folder if it exists.
    pub fn remove(&self, path: &str) {
        let path = self.join(path);
        match path.is_dir() {
            true => fs::remove_dir_all(path).expect("the folder goes"),
            false if path.symlink_metadata().is_ok() => {
                fs::remove_file(path).expect("the file goes")
            }
            false => {}
        }
    }

    /// The files below a folder, by their paths with `/`.
    pub fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let top = self.join(folder);
        let mut files = BTreeMap::new();
        let mut folders = vec![top.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let key = path.strip_prefix(&top).expect("below").to_str().expect("UTF-8");
                files.insert(key.to_owned(), fs::read(&path).expect("a file"));
            }
        }
        files
    }

    /// Commits everything that git does not ignore, and returns the commit.
    pub fn commit(&self, message: &str) -> Oid {
        self.commit_by(message, &Signature::now("Test", "test@example.com").expect("a signature"))
    }

    /// The same, at a given time in seconds since 1970.
    pub fn commit_at(&self, message: &str, time: i64) -> Oid {
        let time = Time::new(time, 0);
        let author = Signature::new("Test", "test@example.com", &time).expect("a signature");
        self.commit_by(message, &author)
    }

    fn commit_by(&self, message: &str, author: &Signature<'_>) -> Oid {
        let git = self.git();
        let mut index = git.index().expect("an index");
        index.add_all(["*"], IndexAddOption::DEFAULT, None).expect("files are added");
        index.write().expect("the index is written");
        let tree = git.find_tree(index.write_tree().expect("a tree")).expect("the tree");
        let parent = git.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        git.commit(Some("HEAD"), author, author, message, &tree, &parents).expect("a commit")
    }

    /// Moves the branch, and the work tree with it, to a commit.
    pub fn reset(&self, commit: &str) {
        let git = self.git();
        let commit = git.revparse_single(commit).expect("a commit");
        git.reset(&commit, ResetType::Hard, None).expect("the branch moves");
    }

    /// Creates a branch at HEAD and switches to it.
    pub fn switch_to_new(&self, branch: &str) {
        let git = self.git();
        let head = git.head().expect("HEAD").peel_to_commit().expect("a commit");
        git.branch(branch, &head, false).expect("a new branch");
        git.set_head(&format!("refs/heads/{branch}")).expect("HEAD moves");
    }

    pub fn head(&self) -> String {
        self.git().head().expect("HEAD").peel_to_commit().expect("a commit").id().to_string()
    }

    /// Runs the tool with only these variables in its environment.
    pub fn xtask(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        self.xtask_in(".", arguments, variables)
    }

    pub fn xtask_in(&self, folder: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        Ran::of(self.command(folder, arguments, variables).output().expect("the tool runs"))
    }

    /// Runs the tool with its standard output redirected to a file.
    pub fn xtask_to(&self, stdout: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let file = fs::File::options().write(true).open(stdout).expect("a file to write to");
        Ran::of(
            self.command(".", arguments, variables).stdout(file).output().expect("the tool runs"),
        )
    }

    /// Starts the tool, and sends it a signal once a file exists.
    pub fn xtask_signalled(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        signal: &str,
        once: &str,
    ) -> Ran {
        let mut command = self.command(".", arguments, variables);
        let child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool runs");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.join(once).exists() {
            assert!(Instant::now() < deadline, "`{once}` is not there after a minute");
            std::thread::yield_now();
        }
        let kill = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        Ran::of(child.wait_with_output().expect("the tool ends"))
    }

    /// Runs a copy of the tool that was compiled from sources with this hash.
    pub fn xtask_of_ci(&self, sources: &str, arguments: &[&str]) -> Ran {
        let tool = self.command(".", arguments, &[("XTASK_TEST_SOURCES", sources)]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask-of-ci"));
        command.args(tool.get_args()).current_dir(self.path()).env_clear();
        command.envs(tool.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ran::of(command.output().expect("the tool runs"))
    }

    /// Runs the tool in a shell that first executes `first`.
    pub fn xtask_after(&self, first: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let tool = self.command(".", arguments, variables);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{first}; exec \"$@\""), "sh"]);
        shell.arg(tool.get_program()).args(tool.get_args()).current_dir(self.path()).env_clear();
        shell.envs(tool.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Ran::of(shell.output().expect("the shell runs"))
    }

    /// Runs the tool, and calls `started` with the process id as soon as it is running.
    pub fn xtask_started(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        started: impl FnOnce(u32),
    ) -> Ran {
        let mut command = self.command(".", arguments, variables);
        let child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool runs");
        started(child.id());
        Ran::of(child.wait_with_output().expect("the tool ends"))
    }

    pub fn command(&self, folder: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask-tested"));
        command
            .args(arguments)
            .current_dir(self.join(folder))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .envs(variables.iter().copied());
        command
    }
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8 on standard output"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8 on standard error"),
        }
    }

    /// Goes on with another run.
    pub fn add(&mut self, next: Ran) {
        self.code = next.code;
        self.stdout += &next.stdout;
        self.stderr += &next.stderr;
    }

    /// Asserts the exit code. If it differs, shows the output.
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The one JSON object on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.stdout, self.stderr))
    }
}
