//! How the repository is deployed today: the places that its CI files, scripts and the configuration of its generator
//! name, each with the file and line where it was found.

mod tree;
mod words;
mod globs;
mod branches;
mod script;
mod upload;
mod circleci;
mod github;
mod gitlab;
mod pipelines;
mod make;
mod hugo;
mod secrets;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use script::Script;

/// What was found, and what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// In the order of the files, and of the lines in each. A bucket that two files name is two places.
    pub places: Vec<Place>,
    /// Places whose bucket is known only when the command runs. Their `bucket` is empty.
    pub open: Vec<Place>,
    /// What could not be understood, a sentence each, with the file and the line.
    pub notes: Vec<String>,
}

/// One command or setting that sends files to a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Relative to the top of the repository.
    pub file: PathBuf,
    /// From one.
    pub line: usize,
    /// The name that the file gives it: a section of `deployment:`, a job, a target, a profile.
    pub name: Option<String>,
    /// Names or globs of the branches that go there. Empty if the file does not say.
    pub branches: Vec<String>,
    /// The folder whose files are sent, relative to the top of the repository.
    pub folder: Option<PathBuf>,
    /// Without variables: a bucket whose name is put together at run time is a note.
    pub bucket: String,
    /// Ends with a slash, unless it is empty.
    pub prefix: String,
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub account: Option<String>,
    pub credentials: Option<Credentials>,
    pub acl: Option<String>,
    /// `AES256`, or the ARN of a KMS key.
    pub encryption: Option<String>,
    /// Globs of objects that are neither written nor deleted (`--exclude` of `aws s3 sync`), as `keep` has them.
    pub keep: Vec<String>,
    /// Globs of files, and the headers that they get, such as `cache-control`.
    pub headers: Vec<Headers>,
    /// The id of the CloudFront distribution that is invalidated after it.
    pub distribution: Option<String>,
    pub url: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    pub glob: String,
    /// Lower-case names, and values.
    pub values: Vec<(String, String)>,
}

/// Where the credentials of today's command come from. This names them and never holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// The names of two environment variables, or of two secrets of the CI vendor.
    Variables {
        access_key_id: String,
        secret_access_key: String,
    },
    Profile(String),
    /// The ARN of a role that CI assumes.
    Role(String),
}

/// What all files of the repository need to know of the others.
#[derive(Debug, Default)]
struct Repository {
    root: PathBuf,
    /// The targets of Hugo's configuration.
    hugo: Vec<Place>,
    /// The routes of `.s3deploy.yml`.
    s3deploy: Vec<Headers>,
    /// The branch that the remote repository shows first, if a clone knows it.
    default_branch: Option<String>,
}

const HUGO: &[&str] = &[
    "hugo.toml",
    "hugo.yaml",
    "hugo.yml",
    "hugo.json",
    "config.toml",
    "config.yaml",
    "config.yml",
    "config.json",
    "config/_default/hugo.toml",
    "config/_default/hugo.yaml",
    "config/_default/config.toml",
    "config/_default/config.yaml",
    "config/_default/deployment.toml",
    "config/_default/deployment.yaml",
    "config/production/deployment.toml",
    "config/production/hugo.toml",
];
const SCRIPTS: &[&str] = &[
    "deploy.sh",
    "scripts/deploy.sh",
    "scripts/deploy",
    "script/deploy",
    "bin/deploy",
    "bin/deploy.sh",
];
const WORKFLOWS: &str = ".github/workflows";
/// The most workflows that are read.
const MOST_WORKFLOWS: usize = 100;

/// Reads the files of a repository that may say how it is deployed. Files that cannot be read are notes.
pub fn read(root: &Path) -> Reading {
    let mut reading = Reading::default();
    let mut repository = Repository { root: root.to_owned(), ..Repository::default() };
    repository.default_branch = default_branch(root);
    let mut settings = Reading::default();
    for file in HUGO {
        let is_deployment = file.contains("/deployment.");
        if let Some(tree) = tree(root, file, "deployment", &mut settings.notes) {
            settings.add(hugo::read(file, &tree, is_deployment));
        }
    }
    repository.hugo = settings.places.clone();
    if let Some(tree) = tree(root, ".s3deploy.yml", "", &mut settings.notes) {
        let (headers, notes) = hugo::s3deploy(".s3deploy.yml", &tree);
        repository.s3deploy = headers;
        settings.notes.extend(notes);
    }
    for (file, read) in ci_files(root) {
        if let Some(tree) = tree(root, &file, "", &mut reading.notes) {
            let mut script = Script::new(&repository, Path::new(&file), true);
            read(&mut script, &tree);
            reading.add(script.finish());
        }
    }
    let all = reading.places.iter().chain(&reading.open);
    let called: Vec<(PathBuf, usize)> = all.map(|place| (place.file.clone(), place.line)).collect();
    let mut alone = by_hand(&repository);
    // A CI file that calls a script says more than the script.
    for places in [&mut alone.places, &mut alone.open] {
        places.retain(|place| !called.contains(&(place.file.clone(), place.line)));
    }
    let known: Vec<String> =
        called.iter().map(|(file, line)| format!("{}:{line}: ", file.display())).collect();
    alone.notes.retain(|note| !known.iter().any(|known| note.starts_with(known)));
    reading.add(alone);
    reading.add(settings);
    note_rules_of_one(&mut reading);
    secrets::remove(&mut reading);
    reading
}

/// `deploy.toml` has its headers for all environments, so a rule for all files that only some places have is noted.
fn note_rules_of_one(reading: &mut Reading) {
    let values = |place: &Place| -> Vec<(String, String)> {
        let rules = place.headers.iter().filter(|rule| rule.glob == "**");
        rules.flat_map(|rule| rule.values.clone()).collect()
    };
    let address = |place: &Place| (place.bucket.clone(), place.prefix.clone());
    let (mut notes, mut noted) = (Vec::new(), Vec::new());
    for value in reading.places.iter().flat_map(values) {
        if noted.contains(&value) || noted.len() == script::MOST {
            continue;
        }
        let (with, without): (Vec<&Place>, Vec<&Place>) =
            reading.places.iter().partition(|place| values(place).contains(&value));
        // Another file may name the same place.
        let same: BTreeSet<_> = with.iter().map(|place| address(place)).collect();
        let is_other = |place: &&Place| !same.contains(&address(place));
        let mut others: Vec<String> = without.into_iter().filter(is_other).map(shown).collect();
        others.dedup();
        noted.push(value.clone());
        if others.is_empty() {
            continue;
        }
        let lines: Vec<String> =
            with.iter().map(|with| format!("{}:{}", with.file.display(), with.line)).collect();
        notes.push(format!(
            "{}: `{}: {}` is set for all files only in {}, and not for `{}`",
            lines[0],
            value.0,
            value.1,
            lines.join(" and "),
            others.join("`, `")
        ));
    }
    reading.add(Reading { notes, ..Reading::default() });
}

fn shown(place: &Place) -> String {
    format!("{}/{}", place.bucket, place.prefix).trim_end_matches('/').to_owned()
}

impl Reading {
    /// Adds what another file says. A note that is known already is not said twice.
    fn add(&mut self, other: Reading) {
        self.places.extend(other.places);
        self.open.extend(other.open);
        for note in other.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }
}

type Read = fn(&mut Script<'_>, &tree::Node);

/// The files of CI vendors, and what reads them.
fn ci_files(root: &Path) -> Vec<(String, Read)> {
    let names = std::fs::read_dir(root.join(WORKFLOWS)).into_iter().flatten().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let mut workflows: Vec<String> =
        names.filter(|name| name.ends_with(".yml") || name.ends_with(".yaml")).collect();
    workflows.sort();
    workflows.truncate(MOST_WORKFLOWS);
    let workflows =
        workflows.iter().map(|name| (format!("{WORKFLOWS}/{name}"), github::read as Read));
    let before: [(&str, Read); 2] =
        [("circle.yml", circleci::one), (".circleci/config.yml", circleci::two)];
    let after: [(&str, Read); 5] = [
        (".gitlab-ci.yml", gitlab::read),
        ("bitbucket-pipelines.yml", pipelines::bitbucket),
        (".travis.yml", pipelines::travis),
        ("buildspec.yml", pipelines::codebuild),
        ("buildspec.yaml", pipelines::codebuild),
    ];
    let owned = |(name, read): (&str, Read)| (name.to_owned(), read);
    before.map(owned).into_iter().chain(workflows).chain(after.map(owned)).collect()
}

/// The Makefile, the scripts of npm and those of the shell, which people run, or CI.
fn by_hand(repository: &Repository) -> Reading {
    let mut reading = Reading::default();
    let root = &repository.root;
    for file in ["Makefile", "makefile", "GNUmakefile"] {
        if let Some(text) = text(root, file, &mut reading.notes) {
            let mut script = Script::new(repository, Path::new(file), false);
            make::read(&mut script, &text);
            reading.add(script.finish());
            break;
        }
    }
    if let Some(tree) = tree(root, "package.json", "scripts", &mut reading.notes) {
        let mut script = Script::new(repository, Path::new("package.json"), false);
        for (name, node) in tree.get("scripts").map_or(&[][..], tree::Node::entries) {
            script.job = script::Job { name: Some(name.clone()), ..script::Job::default() };
            script.run_each(Some(node));
        }
        reading.add(script.finish());
    }
    for file in SCRIPTS {
        if let Some(text) = text(root, file, &mut reading.notes) {
            let mut script = Script::new(repository, Path::new(file), false);
            script.run(words::Source { text: &text, line: 1, is_literal: true });
            reading.add(script.finish());
        }
    }
    reading
}

/// A file as a tree. Of JSON, only one key is read.
fn tree(root: &Path, file: &str, key: &str, notes: &mut Vec<String>) -> Option<tree::Node> {
    let text = text(root, file, notes)?;
    let tree = match file.rsplit('.').next() {
        Some("toml") => tree::from_toml(&text),
        Some("json") => tree::from_json(&text, key),
        _ => tree::from_yaml(&text),
    };
    let problem = |(line, reason): (usize, String)| {
        notes.push(format!("{file}:{line}: the file could not be read: {reason}"));
    };
    tree.map_err(problem).ok()
}

/// The text of a file, if it is there. What is too large, or no text, is a note.
fn text(root: &Path, file: &str, notes: &mut Vec<String>) -> Option<String> {
    let path = root.join(file);
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|open| open.take(LARGEST + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => notes.push(format!("{file}: the file could not be read: {error}")),
        Ok(_) if bytes.len() as u64 > LARGEST => {
            notes.push(format!("{file}: the file is larger than 1 MiB"))
        }
        Ok(_) => match String::from_utf8(bytes) {
            Err(_) => notes.push(format!("{file}: the file is not UTF-8")),
            Ok(text) => {
                let text = text.trim_start_matches('\u{feff}').to_owned();
                secrets::find(file, &text, notes);
                return Some(text);
            }
        },
    }
    None
}

const LARGEST: u64 = 1 << 20;

/// https://git-scm.com/docs/git-remote#Documentation/git-remote.txt-set-head
fn default_branch(root: &Path) -> Option<String> {
    let text = text(root, ".git/refs/remotes/origin/HEAD", &mut Vec::new())?;
    Some(text.trim().strip_prefix("ref: refs/remotes/origin/")?.to_owned())
}
