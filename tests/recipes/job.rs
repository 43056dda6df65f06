//! A job of a CI vendor on this machine: a fresh checkout, an empty home folder, what the vendor keeps between jobs,
//! and the steps of its file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use saphyr::{LoadableYamlNode, YamlOwned};
use tempfile::TempDir;
use xtask_site_init::ci::Vendor;

use super::top;
use crate::harness::{KEY_VARIABLE, Ran, SECRET_VARIABLE, World};

/// This repository, with a small site that is deployed to the bucket of a world.
pub struct Clone {
    folder: TempDir,
    variables: [(&'static str, String); 2],
}

impl Clone {
    pub fn new(world: &World) -> Clone {
        let folder = tempfile::Builder::new().prefix("xtask-").tempdir().expect("a folder");
        let variables = [
            (KEY_VARIABLE, world.store.key.clone()),
            (SECRET_VARIABLE, world.store.secret.clone()),
        ];
        let clone = Clone { folder, variables };
        clone.git(&["clone", "--quiet", &top().display().to_string(), "."]);
        clone.git(&["switch", "--quiet", "--force-create", "main"]);
        fs::write(clone.join("site/deploy.toml"), world.config("")).expect("a file");
        clone.git(&["commit", "--quiet", "--all", "--message", "site"]);
        clone
    }

    fn join(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn git(&self, arguments: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
            .args(arguments)
            .current_dir(self.folder.path())
            .status();
        assert!(status.expect("git runs").success(), "git {arguments:?}");
    }

    pub fn change_sources(&self, text: &str) {
        let path = self.join("xtask/src/main.rs");
        let main = fs::read_to_string(&path).expect("the tool's main");
        fs::write(&path, format!("{main}// {text}\n")).expect("a file");
        self.git(&["commit", "--quiet", "--all", "--message", text]);
    }

    fn sources(&self) -> String {
        let line = "git ls-tree HEAD .cargo Cargo.lock xtask | git hash-object --stdin";
        let output = Command::new("sh").args(["-c", line]).current_dir(self.folder.path()).output();
        String::from_utf8(output.expect("git runs").stdout).expect("a hash").trim().to_owned()
    }

    /// As a vendor checks it out: without what an earlier job left. What Cargo compiled stays in this repository, so
    /// that only the first of all jobs takes long.
    fn check_out(&self) {
        let _ = fs::remove_dir_all(self.join("target/xtask"));
        fs::create_dir_all(self.join("target")).expect("a folder");
        let compiled = top().join("target/recipes");
        fs::create_dir_all(&compiled).expect("a folder");
        let compiled = compiled.canonicalize().expect("a folder");
        let _ = std::os::unix::fs::symlink(compiled, self.join("target/xtask-ci"));
        fs::create_dir_all(self.join("site/public")).expect("a folder");
        fs::write(self.join("site/public/index.html"), "page").expect("a page");
    }
}

/// Where the jobs of a vendor run.
pub struct Machine<'c> {
    clone: &'c Clone,
    vendor: Vendor,
    file: String,
    /// The home folder, what is kept between jobs, and the programs that the image has.
    home: TempDir,
    jobs: std::cell::RefCell<Vec<Duration>>,
}

/// In place of rustup: it installs nothing, and runs the Rust of this machine.
const RUSTUP: &str = r#"#!/bin/sh
echo "$*" >> "$HOME/rustup.log"
[ "$1" = run ] || exit 0
shift 2
export PATH="RUST:$PATH" CARGO_HOME="CARGO" RUSTUP_HOME="TOOLCHAINS"
exec "$@"
"#;

impl Machine<'_> {
    pub fn new(clone: &Clone, vendor: Vendor, file: String) -> Machine<'_> {
        let home = tempfile::Builder::new().prefix("xtask-").tempdir().expect("a folder");
        let bin = home.path().join(".cargo/bin");
        fs::create_dir_all(&bin).expect("a folder");
        let of_user = |name: &str, folder: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                format!("{}/{folder}", std::env::var("HOME").expect("a home folder"))
            })
        };
        let rust = Path::new(env!("CARGO")).parent().expect("cargo's folder").display().to_string();
        let rustup = RUSTUP.replace("RUST:", &format!("{rust}:"));
        let rustup = rustup.replace("TOOLCHAINS", &of_user("RUSTUP_HOME", ".rustup"));
        let rustup =
            rustup.replace("\"CARGO\"", &format!("\"{}\"", of_user("CARGO_HOME", ".cargo")));
        fs::write(bin.join("rustup"), rustup).expect("a program");
        let mode = Command::new("chmod").arg("+x").arg(bin.join("rustup")).status();
        assert!(mode.expect("chmod runs").success());
        let machine = Machine { clone, vendor, file, home, jobs: Vec::new().into() };
        fs::create_dir_all(machine.kept("")).expect("a folder");
        machine
    }

    fn kept(&self, key: &str) -> PathBuf {
        self.home.path().join("kept").join(key)
    }

    /// How often the tool was compiled.
    pub fn compiled(&self) -> usize {
        let log = fs::read_to_string(self.home.path().join("rustup.log")).unwrap_or_default();
        log.lines().filter(|line| line.contains(" cargo build ")).count()
    }

    /// Times and sizes, for a person who runs the test with --nocapture.
    pub fn tell(&self, name: &str) {
        let tools = self.tools(self.home.path());
        let sizes: Vec<u64> =
            tools.iter().map(|tool| fs::metadata(tool).expect("a tool").len()).collect();
        println!("{name}: jobs took {:.1?}; the tool has {sizes:?} bytes", self.jobs.borrow());
    }

    /// The copies of the tool below a folder.
    fn tools(&self, folder: &Path) -> Vec<PathBuf> {
        let mut tools = Vec::new();
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_tool =
                path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"xtask-"));
            match path.is_dir() {
                true => tools.extend(self.tools(&path)),
                false if is_tool => tools.push(path),
                false => {}
            }
        }
        tools
    }

    /// Changes the sources, and gives each copy that is kept, and the key of its cache, the name of the new one.
    pub fn pass_off_the_old_tool(&self) {
        let old = self.clone.sources();
        self.clone.change_sources("once more");
        let new = self.clone.sources();
        for tool in self.tools(self.home.path()) {
            let renamed = PathBuf::from(tool.display().to_string().replace(&old, &new));
            fs::create_dir_all(renamed.parent().expect("a folder")).expect("a folder");
            fs::copy(tool, renamed).expect("a copy");
        }
    }

    /// Runs the steps of a job up to the first that fails.
    pub fn run(&self) -> Ran {
        self.clone.check_out();
        let started = Instant::now();
        let ran = match self.vendor {
            Vendor::GitHub => self.run_github(),
            Vendor::CircleCi => self.run_circleci(),
            Vendor::GitLab => self.run_gitlab(),
            Vendor::Script => self.shell("sh", &self.file, &BTreeMap::new()),
        };
        self.jobs.borrow_mut().push(started.elapsed());
        ran
    }

    fn job(&self) -> YamlOwned {
        let mut documents = YamlOwned::load_from_str(&self.file).expect("YAML");
        documents.remove(0)
    }

    fn run_github(&self) -> Ran {
        let job = self.job();
        let mut variables = BTreeMap::<String, String>::new();
        let mut ran = Ran::default();
        let mut key_of_cache = String::new();
        let written = self.home.path().join("github.env");
        for step in steps(&job) {
            let (uses, key) = (at(step, &["uses"]).unwrap_or_default(), at(step, &["with", "key"]));
            if uses.starts_with("actions/cache/restore@") {
                let sources = &variables["XTASK_SITE_SOURCES"];
                key_of_cache =
                    key.expect("a key").replace("${{ env.XTASK_SITE_SOURCES }}", sources);
                self.restore(&key_of_cache);
            } else if uses.starts_with("actions/cache/save@") {
                self.keep(
                    &key_of_cache,
                    &[at(step, &["with", "path"]).expect("a path").to_owned()],
                );
            }
            let Some(line) = at(step, &["run"]) else { continue };
            let mut of_step: BTreeMap<String, String> = variables.clone();
            of_step.insert("GITHUB_ENV".into(), written.display().to_string());
            for (name, value) in &self.clone.variables {
                if at(step, &["env", name]) == Some(&format!("${{{{ secrets.{name} }}}}")) {
                    of_step.insert((*name).into(), value.clone());
                }
            }
            ran.add(self.shell("bash -e", line, &of_step));
            if ran.code != Some(0) {
                return ran;
            }
            let lines = fs::read_to_string(&written).unwrap_or_default();
            let pairs = lines.lines().filter_map(|line| line.split_once('='));
            variables.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        ran
    }

    fn run_circleci(&self) -> Ran {
        let job = self.job();
        let written = self.home.path().join("bash.env");
        fs::write(&written, "").expect("a file");
        let mut variables: BTreeMap<String, String> = self.secrets();
        variables.insert("BASH_ENV".into(), written.display().to_string());
        let mut ran = Ran::default();
        let key = |key: &str| {
            let sources = fs::read_to_string("/tmp/sources").unwrap_or_default();
            key.replace("{{ checksum \"/tmp/sources\" }}", sources.trim())
        };
        for step in steps(&job) {
            if let Some(template) = at(step, &["restore_cache", "key"]) {
                self.restore(&key(template));
            }
            if let Some(template) = at(step, &["save_cache", "key"]) {
                self.keep(&key(template), &list(step, &["save_cache", "paths"]));
            }
            let Some(line) = at(step, &["run", "command"]) else { continue };
            ran.add(self.shell("bash -eo pipefail", line, &variables));
            if ran.code != Some(0) {
                return ran;
            }
        }
        ran
    }

    fn run_gitlab(&self) -> Ran {
        let file = self.job();
        let job = file.as_mapping_get("deploy").expect("a job");
        self.restore("gitlab");
        let lines = [list(job, &["before_script"]), list(job, &["script"])].concat();
        let ran = self.shell("bash -eo pipefail", &lines.join("\n"), &self.secrets());
        let _ = fs::remove_dir_all(self.kept("gitlab"));
        self.keep("gitlab", &list(job, &["cache", "paths"]));
        ran
    }

    fn secrets(&self) -> BTreeMap<String, String> {
        let variables = self.clone.variables.iter();
        variables.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// Brings back what is kept under a key, if anything is.
    fn restore(&self, key: &str) {
        let kept = self.kept(key);
        if kept.exists() {
            copy(&kept.join("."), &self.clone.join(""));
        }
    }

    /// What is kept under a key stays as it is.
    fn keep(&self, key: &str, paths: &[String]) {
        for path in paths.iter().filter(|_| !self.kept(key).exists()) {
            let to = self.kept(key).join(path);
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            copy(&self.clone.join(path), &to);
        }
    }

    fn shell(&self, shell: &str, lines: &str, variables: &BTreeMap<String, String>) -> Ran {
        let script = match self.vendor {
            Vendor::Script => self.clone.join("ci-deploy.sh"),
            _ => self.home.path().join("step"),
        };
        fs::write(&script, lines).expect("a script");
        let mut words = shell.split(' ');
        let mut command = Command::new(words.next().expect("a shell"));
        command.args(words).arg(&script).current_dir(self.clone.folder.path()).env_clear();
        let own = self.home.path().join(".cargo/bin").display().to_string();
        command.env("PATH", format!("{own}:/usr/local/bin:/usr/bin:/bin"));
        command.env("HOME", self.home.path()).envs(variables);
        if self.vendor == Vendor::Script {
            command.envs(self.secrets());
        }
        Ran::of(command.output().expect("a shell"))
    }
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(status.expect("cp runs").success(), "{}", from.display());
}

/// The steps of the job `deploy`.
fn steps(file: &YamlOwned) -> impl Iterator<Item = &YamlOwned> {
    let steps = file.as_mapping_get("jobs").and_then(|jobs| jobs.as_mapping_get("deploy"));
    let steps = steps.and_then(|job| job.as_mapping_get("steps")?.as_sequence());
    steps.expect("steps").iter()
}

fn below<'y>(node: &'y YamlOwned, path: &[&str]) -> Option<&'y YamlOwned> {
    path.iter().try_fold(node, |node, name| node.as_mapping_get(name))
}

fn at<'y>(node: &'y YamlOwned, path: &[&str]) -> Option<&'y str> {
    below(node, path)?.as_str()
}

fn list(node: &YamlOwned, path: &[&str]) -> Vec<String> {
    let list = below(node, path).and_then(|list| list.as_sequence()).expect("a list");
    list.iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
}
