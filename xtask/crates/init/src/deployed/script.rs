//! What the commands of a job or a script say about where files go: in their order, with the variables, profiles and
//! conditions that hold at each of them.
//!
//! Nothing is run and nothing guessed. A variable has a value if the file sets it plainly; one that is set under a
//! condition has none after it. What needs any other becomes a note.

mod conditions;
mod calls;
mod keys;
mod setups;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use conditions::Block;
pub use setups::{Condition, Setup, Setups};

use super::tree::Node;
use super::upload::{self, Upload};
use super::words::{self, After, Command, Piece, Source, Word};
use super::{Credentials, Place, Reading, Repository};

/// Stands for the top of the repository in the value of a variable such as `GITHUB_WORKSPACE`.
pub const TOP: &str = "\u{2}";
const TOPS: &[&str] = &[
    "BITBUCKET_CLONE_DIR",
    "CIRCLE_WORKING_DIRECTORY",
    "CI_PROJECT_DIR",
    "CODEBUILD_SRC_DIR",
    "GITHUB_WORKSPACE",
    "TRAVIS_BUILD_DIR",
];
/// How often a command may name another text of commands.
const DEEPEST: usize = 4;
/// How many files the commands of one file may call: each may call others.
const MOST_CALLS: usize = 200;
/// The most places and notes that one file has.
pub const MOST: usize = 100;
const LONGEST_PATH: usize = 4096;
/// They are copied for each shell.
const MOST_VARIABLES: usize = 300;
/// The longest value: a file may double a variable in each line.
const LONGEST: usize = 1 << 16;

/// The value of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Text(String),
    /// A variable or secret that the file does not set. The name is empty if there is none.
    Outside {
        name: String,
        written: String,
    },
}

/// An argument of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arg {
    /// With the variables that have no value as they were written.
    pub text: String,
    pub missing: Vec<String>,
}

impl Arg {
    pub fn known(&self) -> Option<&str> {
        self.missing.is_empty().then_some(&self.text)
    }
}

/// Who signs the requests of the commands from here on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    #[default]
    No,
    Arn(String),
    /// A role whose ARN the file does not say.
    Unknown,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub access_key_id: Option<Value>,
    pub secret_access_key: Option<Value>,
    pub region: Option<String>,
}

/// The commands of one file.
pub struct Script<'a> {
    pub repository: &'a Repository,
    pub file: PathBuf,
    /// Whether CI runs it, which has its keys in the usual variables unless the file says otherwise.
    pub is_ci: bool,
    pub job: Job,
    pub uploads: Vec<Upload>,
    /// Places whose bucket is not known.
    pub open: Vec<Place>,
    pub notes: Vec<String>,
    /// How many commands have sent files.
    pub sends: usize,
    pub(super) line: usize,
    blocks: Vec<Block>,
    folders: Vec<Option<PathBuf>>,
    depth: usize,
    calls: usize,
}

/// What holds for the commands of one job.
#[derive(Clone, Debug)]
pub struct Job {
    pub name: Option<String>,
    pub url: Option<String>,
    pub branches: Vec<String>,
    /// The file says more of its branches than globs can.
    pub is_unclear: bool,
    pub variables: BTreeMap<String, Value>,
    pub profiles: BTreeMap<String, Profile>,
    /// The section of `~/.aws/credentials` that was written last.
    pub section: String,
    pub role: Role,
    /// What earlier steps set under conditions.
    pub setups: Setups,
    /// The current folder. None if it is not known.
    pub folder: Option<PathBuf>,
}

impl Default for Job {
    fn default() -> Self {
        let tops = TOPS.iter().map(|name| (name.to_string(), Value::Text(TOP.to_owned())));
        let here = [("PWD".to_owned(), Value::Text(".".to_owned()))];
        Job {
            name: None,
            url: None,
            branches: Vec::new(),
            is_unclear: false,
            variables: tops.chain(here).collect(),
            profiles: BTreeMap::new(),
            section: "default".to_owned(),
            role: Role::No,
            setups: Setups::default(),
            folder: Some(PathBuf::new()),
        }
    }
}

impl<'a> Script<'a> {
    pub fn new(repository: &'a Repository, file: &Path, is_ci: bool) -> Self {
        Script {
            repository,
            file: file.to_owned(),
            is_ci,
            job: Job::default(),
            uploads: Vec::new(),
            open: Vec::new(),
            notes: Vec::new(),
            sends: 0,
            line: 1,
            blocks: Vec::new(),
            folders: Vec::new(),
            depth: 0,
            calls: 0,
        }
    }

    /// Commands in a shell of their own, whose variables and folder end with it.
    pub fn run_alone(&mut self, source: Source<'_>) {
        let before = (self.job.variables.clone(), self.job.folder.clone());
        let exported = self.run(source);
        (self.job.variables, self.job.folder) = before;
        self.job.variables.extend(exported);
    }

    /// Commands in the shell of those before. Returns the variables that they hand to later steps of the job.
    pub fn run(&mut self, source: Source<'_>) -> Vec<(String, Value)> {
        let mut exported = Vec::new();
        let blocks = std::mem::take(&mut self.blocks);
        for command in words::commands(source) {
            self.line = command.line;
            self.step(&command, &mut exported);
            if command.after == After::End {
                self.leave_chain();
            }
        }
        self.blocks = blocks;
        exported
    }

    /// The texts of a list, each in a shell of its own.
    pub fn run_each(&mut self, list: Option<&Node>) {
        for source in list.into_iter().flat_map(Node::items).filter_map(Node::source) {
            self.run_alone(source);
        }
    }

    /// Sets the variables of a mapping, which may name those that are set already.
    pub fn set(&mut self, variables: Option<&Node>) {
        for (name, node) in variables.map_or(&[][..], Node::entries).iter().take(MOST) {
            let text = node.text().or_else(|| node.text_of("value"));
            let value = match text {
                Some(text) => self.value(&words::word(text)),
                None => Value::Outside { name: name.clone(), written: format!("${name}") },
            };
            self.job.variables.insert(name.clone(), value);
        }
    }

    /// The branches that a setting names, as globs. None makes them unclear.
    pub fn set_branches(&mut self, branches: Option<Vec<String>>) {
        match branches {
            Some(branches) if branches.is_empty() => {}
            Some(branches) => (self.job.branches, self.job.is_unclear) = (branches, false),
            None => {
                self.job.branches.clear();
                self.job.is_unclear = true;
            }
        }
    }

    /// The places of all that was run, and the notes.
    pub fn finish(mut self) -> Reading {
        let uploads = std::mem::take(&mut self.uploads);
        let (open, mut notes) = (self.open, self.notes);
        let places =
            uploads.into_iter().map(|upload| upload::finished(upload, &mut notes)).collect();
        Reading { places, open, notes }
    }

    /// A line of the file, as notes name it.
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.file.display())
    }

    /// Notes settings of a job that a new CI file will not have, if the job sends files.
    pub fn lost(&mut self, sends_before: usize, settings: &[(&str, Option<&Node>)]) {
        if self.sends == sends_before {
            return;
        }
        for (text, node) in settings {
            let Some(node) = node else { continue };
            let named = node.items().iter().filter_map(|item| {
                let named = item.text_of("name").or_else(|| item.text_of("job"));
                let first = || item.entries().first().map(|(name, _)| name.as_str());
                item.text().or(named).or_else(first)
            });
            let names = named.collect::<Vec<_>>().join("`, `");
            if !names.is_empty() {
                self.note(node.line, &text.replace("{}", &format!("`{names}`")));
            }
        }
    }

    pub fn note(&mut self, line: usize, text: &str) {
        if self.notes.len() < MOST {
            self.notes.push(format!("{}:{line}: {text}", self.file.display()));
        }
    }

    fn step(&mut self, command: &Command, exported: &mut Vec<(String, Value)>) {
        if command.after == After::Open && self.folders.len() < MOST {
            self.folders.push(self.job.folder.clone());
        }
        let ends_pattern = matches!(command.after, After::Close | After::Pipe);
        let mut words = command.words.as_slice();
        while let Some((word, rest)) = words.split_first() {
            let is_pattern = self.is_pattern() && ends_pattern;
            if word.is_quoted || is_pattern || !self.keyword(word.plain().unwrap_or_default(), rest)
            {
                break;
            }
            words = rest;
        }
        if self.is_pattern() && ends_pattern {
            return self.case_pattern(command);
        }
        if !self.test(words, command.after) {
            self.simple(words, command, exported);
        }
        match command.after {
            After::Arm => self.end_arm(),
            After::Close => {
                if let Some(folder) = self.folders.pop() {
                    self.job.folder = folder;
                }
            }
            _ => {}
        }
    }

    /// A command, after the variables that are set for it.
    fn simple(&mut self, words: &[Word], command: &Command, exported: &mut Vec<(String, Value)>) {
        self.assume_inside(words);
        let count = words.iter().take_while(|word| assignment(word).is_some()).count();
        let (set, words) = words.split_at(count);
        if words.is_empty() {
            return self.assign(set);
        }
        let before = (count > 0).then(|| self.job.variables.clone());
        for (name, value) in set.iter().filter_map(assignment) {
            let value = self.value(&value);
            self.job.variables.insert(name, value);
        }
        match words[0].plain().unwrap_or_default() {
            "export" | "declare" | "readonly" | "local" | "typeset" => self.assign(&words[1..]),
            "cd" | "pushd" => self.change_folder(words.get(1)),
            "popd" => self.job.folder = None,
            "echo" | "printf" | "cat" | "tee" => self.write(words, command, exported),
            _ => {
                let args = words.iter().flat_map(|word| self.args(word)).collect::<Vec<_>>();
                self.call(&args);
            }
        }
        if let Some(before) = before {
            self.job.variables = before;
        }
    }

    fn assign(&mut self, words: &[Word]) {
        for (name, value) in words.iter().filter_map(assignment) {
            let value = self.value(&value);
            if self.job.variables.len() < MOST_VARIABLES {
                self.job.variables.insert(name.clone(), value);
                self.assigned(&name);
            }
        }
    }

    fn change_folder(&mut self, to: Option<&Word>) {
        let Some(to) = to else {
            self.job.folder = None;
            return;
        };
        // `cd "$(dirname "$0")"` is the folder of the script.
        if let Some(Piece::Outside { written, .. }) = to.pieces.first() {
            let is_own = written.contains("dirname") && !written.contains("..");
            let rest = Word { pieces: to.pieces[1..].to_vec(), is_quoted: true };
            let own = self.file.parent().map(Path::to_path_buf);
            self.job.folder = own.filter(|_| is_own).and_then(|own| {
                let rest = rest.plain()?.trim_start_matches('/');
                normal(&own.join(rest))
            });
            return;
        }
        let to = self.arg(to);
        self.job.folder = to.known().and_then(|to| self.folder(to));
    }

    /// A local folder, relative to the top of the repository.
    pub fn folder(&self, path: &str) -> Option<PathBuf> {
        let path = path.trim_end_matches('*').trim_end_matches('/').replace("$(pwd)", ".");
        if let Some(path) = path.strip_prefix(TOP) {
            return normal(Path::new(path.trim_start_matches('/')));
        }
        normal(&self.job.folder.as_ref()?.join(path))
    }

    pub fn variable(&self, name: &str) -> Option<&str> {
        match self.job.variables.get(name)? {
            Value::Text(text) => Some(text.as_str()).filter(|text| !text.is_empty()),
            Value::Outside { .. } => None,
        }
    }

    pub fn value(&self, word: &Word) -> Value {
        if let [piece] = word.pieces.as_slice() {
            return self.piece(piece);
        }
        let arg = self.arg(word);
        match arg.missing.first() {
            None => Value::Text(arg.text),
            Some(written) => Value::Outside { name: String::new(), written: written.clone() },
        }
    }

    fn piece(&self, piece: &Piece) -> Value {
        match piece {
            Piece::Text(text) => Value::Text(text.clone()),
            Piece::Outside { written, .. } if matches!(written.as_str(), "$(pwd)" | "`pwd`") => {
                Value::Text(".".to_owned())
            }
            Piece::Outside { name, written } => {
                Value::Outside { name: name.clone(), written: written.clone() }
            }
            Piece::Variable { name, written } => match self.job.variables.get(name) {
                Some(value) => value.clone(),
                None => Value::Outside { name: name.clone(), written: written.clone() },
            },
        }
    }

    pub fn arg(&self, word: &Word) -> Arg {
        let mut arg = Arg::default();
        for piece in &word.pieces {
            match self.piece(piece) {
                Value::Text(text) => arg.text.push_str(&text),
                Value::Outside { written, .. } => {
                    arg.text.push_str(&written);
                    arg.missing.push(written);
                }
            }
            if arg.text.len() > LONGEST {
                return Arg { text: String::new(), missing: vec![word.written()] };
            }
        }
        arg
    }

    /// A text of a CI file with variables in it.
    pub fn text(&self, text: &str) -> Arg {
        self.arg(&words::word(text))
    }

    /// The arguments of a word: several if a variable without quotes has spaces.
    fn args(&self, word: &Word) -> Vec<Arg> {
        let arg = self.arg(word);
        let is_variable = matches!(word.pieces.as_slice(), [Piece::Variable { .. }]);
        if !is_variable || word.is_quoted || !arg.missing.is_empty() {
            return vec![arg];
        }
        let words = arg.text.split_whitespace();
        words.map(|text| Arg { text: text.to_owned(), missing: Vec::new() }).collect()
    }
}

pub const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
pub const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";

/// `NAME=value`.
fn assignment(word: &Word) -> Option<(String, Word)> {
    let Some(Piece::Text(first)) = word.pieces.first() else { return None };
    let (name, text) = first.split_once('=')?;
    let is_name = !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !name.is_empty()).then_some(())?;
    let text = (!text.is_empty()).then(|| Piece::Text(text.to_owned()));
    let pieces = text.into_iter().chain(word.pieces[1..].iter().cloned()).collect();
    Some((name.to_owned(), Word { pieces, is_quoted: true }))
}

/// Without `.` and `..`. None if it is outside of the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) if name.to_str().is_some_and(|name| name.starts_with('~')) => {
                return None;
            }
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            Component::ParentDir => normal.pop().then_some(())?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (normal.as_os_str().len() < LONGEST_PATH).then_some(normal)
}
