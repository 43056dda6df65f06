//! What `package.json` says: the dependencies, the script that builds, and the program that installs them.

use std::path::Path;

use serde_json::{Map, Value};

use super::install::NODE;

/// The part of a `package.json` that is of interest.
pub struct Package {
    dependencies: Vec<String>,
    /// The script called `build`.
    pub build: Option<String>,
    manager: Manager,
}

/// The program that installs what the lock file says. npm if there is no lock file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manager {
    Npm { locked: bool },
    Pnpm,
    Yarn,
    Bun,
}

impl Package {
    /// `None` if there is none, or if it cannot be read.
    pub fn read(root: &Path, folder: &Path) -> Option<Package> {
        let text = super::config_text::read(&root.join(folder).join("package.json"))?;
        let object: Map<String, Value> = serde_json::from_str(&text).ok()?;
        let names = |key: &str| {
            object.get(key).and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned()
        };
        let build =
            object.get("scripts").and_then(|scripts| scripts.get("build")).and_then(Value::as_str);
        Some(Package {
            dependencies: ["dependencies", "devDependencies"].into_iter().flat_map(names).collect(),
            build: build.map(str::to_owned),
            manager: manager(root, folder),
        })
    }

    pub fn needs(&self, name: &str) -> bool {
        self.dependencies.iter().any(|dependency| dependency == name)
    }

    /// The command that builds: the script of the package, if it has one, because it may do more than the generator.
    pub fn command(&self, generator: &[&str]) -> Vec<String> {
        let script = match self.manager {
            Manager::Npm { .. } => "npm",
            Manager::Pnpm => "pnpm",
            Manager::Yarn => "yarn",
            Manager::Bun => "bun",
        };
        let words = match self.build {
            Some(_) => vec![script, "run", "build"],
            None => [&["npx"][..], generator].concat(),
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// What installs the dependencies in CI, with exactly the versions of the lock file.
    pub fn install(&self, folder: &Path) -> Vec<String> {
        let command = match self.manager {
            Manager::Npm { locked: true } => "npm ci",
            Manager::Npm { locked: false } => "npm install",
            Manager::Pnpm => "npx --yes pnpm install --frozen-lockfile",
            Manager::Yarn => "npx --yes yarn install --frozen-lockfile",
            Manager::Bun => "npx --yes bun install --frozen-lockfile",
        };
        match folder.as_os_str().is_empty() {
            true => vec![NODE.into(), command.to_owned()],
            false => {
                let folder = quoted(&folder.display().to_string());
                vec![NODE.into(), format!("(cd {folder} && {command})")]
            }
        }
    }
}

/// A word for a shell.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// In a monorepo the lock file is at the top.
fn manager(root: &Path, folder: &Path) -> Manager {
    let locks = [
        ("pnpm-lock.yaml", Manager::Pnpm),
        ("yarn.lock", Manager::Yarn),
        ("bun.lock", Manager::Bun),
        ("bun.lockb", Manager::Bun),
        ("package-lock.json", Manager::Npm { locked: true }),
    ];
    let at = |folder: &Path| {
        let has = |(name, _): &&(&str, Manager)| root.join(folder).join(name).is_file();
        locks.iter().find(has).map(|(_, manager)| *manager)
    };
    folder.ancestors().find_map(at).unwrap_or(Manager::Npm { locked: false })
}
