//! The lines of a shell that install a generator in CI, for a user who may use `sudo`.
//!
//! The version of a generator is taken from the CI file that the repository has. If there is none, the first line stops
//! the job and says what belongs there: another version would make another site.

use std::fs;
use std::path::{Path, PathBuf};

use super::config_text::read;

/// A generator that is one program, in an archive for each release.
pub struct Release {
    pub name: &'static str,
    /// The addresses of the archives, with `$version`, each with the first minor version of 0.x that it is for. The
    /// last is that of today.
    addresses: &'static [(u32, &'static str)],
}

/// <https://github.com/gohugoio/hugo/releases>: the extended edition is as old as 0.43, and 0.103 changed the names.
pub const HUGO: Release = Release {
    name: "hugo",
    addresses: &[
        (
            0,
            "https://github.com/gohugoio/hugo/releases/download/v$version/hugo_${version}_Linux-64bit.tar.gz",
        ),
        (
            43,
            "https://github.com/gohugoio/hugo/releases/download/v$version/hugo_extended_${version}_Linux-64bit.tar.gz",
        ),
        (
            103,
            "https://github.com/gohugoio/hugo/releases/download/v$version/hugo_extended_${version}_linux-amd64.tar.gz",
        ),
    ],
};

pub const ZOLA: Release = Release {
    name: "zola",
    addresses: &[(
        0,
        "https://github.com/getzola/zola/releases/download/v$version/zola-v$version-x86_64-unknown-linux-gnu.tar.gz",
    )],
};

pub const MDBOOK: Release = Release {
    name: "mdbook",
    addresses: &[(
        0,
        "https://github.com/rust-lang/mdBook/releases/download/v$version/mdbook-v$version-x86_64-unknown-linux-gnu.tar.gz",
    )],
};

impl Release {
    pub fn install(&self, root: &Path) -> Vec<String> {
        let name = self.name;
        let known = version(root, name);
        let address = self.address(known.as_deref());
        let version = known.unwrap_or_else(|| {
            let variable = name.to_ascii_uppercase();
            format!("${{{variable}_VERSION:?write here which version of {name} makes the site}}")
        });
        vec![
            format!("version={version}"),
            format!("curl -fsSL \"{address}\" | sudo tar -xz -C /usr/local/bin {name}"),
        ]
    }
}

impl Release {
    fn address(&self, version: Option<&str>) -> &'static str {
        let minor =
            version.and_then(|version| version.strip_prefix("0.")?.split('.').next()?.parse().ok());
        let minor: u32 = minor.unwrap_or(u32::MAX);
        let mut fitting = self.addresses.iter().rev().filter(|(first, _)| *first <= minor);
        fitting.next().unwrap_or(&self.addresses[0]).1
    }
}

/// Python packages in a folder of their own, because the system's Python refuses others.
pub fn python(packages: &str, program: &str) -> Vec<String> {
    vec![
        "sudo apt-get update -qq && sudo apt-get install -qq --yes python3-venv".into(),
        format!(
            "sudo python3 -m venv /opt/site && sudo /opt/site/bin/pip install --quiet {packages}"
        ),
        format!("sudo ln -sf /opt/site/bin/{program} /usr/local/bin/"),
    ]
}

/// Node, unless the machine has it.
pub const NODE: &str = "command -v node || { curl -fsSL https://deb.nodesource.com/setup_22.x | sudo bash - && sudo apt-get install -qq --yes nodejs; }";

/// Ruby and Bundler, unless the machine has them.
pub const RUBY: &str = "command -v bundle || { sudo apt-get update -qq && sudo apt-get install -qq --yes ruby-full ruby-bundler build-essential; }";

/// Files that may name the version of a generator.
const FILES: [&str; 6] = [
    "circle.yml",
    ".circleci/config.yml",
    ".gitlab-ci.yml",
    "netlify.toml",
    ".tool-versions",
    "mise.toml",
];

fn version(root: &Path, name: &str) -> Option<String> {
    let mut files: Vec<PathBuf> = FILES.iter().map(|file| root.join(file)).collect();
    let workflows = fs::read_dir(root.join(".github/workflows")).into_iter().flatten().flatten();
    let mut workflows: Vec<PathBuf> = workflows.map(|entry| entry.path()).collect();
    workflows.sort();
    files.extend(workflows);
    files.iter().find_map(|file| version_in(&read(file)?, name))
}

/// `HUGO_VERSION: 0.147.0`, `hugo-version: '0.147.0'`, `hugo_extended_0.147.0_linux`, `mdbook-v0.4.40`, `hugo 0.147.0`.
fn version_in(text: &str, name: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    lower.match_indices(name).find_map(|(at, _)| {
        let rest = &lower[at + name.len()..];
        let rest = ["_extended", "_version", "-version"]
            .iter()
            .fold(rest, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
        let rest = rest.trim_start_matches(['_', '-', ':', '=', '@', ' ', '"', '\'']);
        let rest = rest.strip_prefix('v').unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let version = rest[..end].trim_end_matches('.');
        (version.split('.').count() >= 2 && version.starts_with(|c: char| c.is_ascii_digit()))
            .then(|| whole(version))
    })
}

/// The name of the release: `0.146` is `0.146.0`.
fn whole(version: &str) -> String {
    match version.split('.').count() {
        2 => format!("{version}.0"),
        _ => version.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_one_that_ci_installs_today() {
        for (text, expected) in [
            ("HUGO_VERSION: 0.147.0", Some("0.147.0")),
            ("  HUGO_VERSION = \"0.120.4\"", Some("0.120.4")),
            ("hugo-version: '0.110.0'", Some("0.110.0")),
            (
                "wget https://github.com/gohugoio/hugo/releases/download/v0.25.1/hugo_0.25.1_Linux-64bit.deb",
                Some("0.25.1"),
            ),
            ("tar xf hugo_extended_0.99.1_Linux-64bit.tar.gz", Some("0.99.1")),
            ("hugo 0.147.2", Some("0.147.2")),
            ("hugo-version: latest", None),
            ("hugo --minify", None),
            ("hugo-version: ${{ env.X }}", None),
        ] {
            assert_eq!(version_in(text, "hugo").as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_archive_has_the_name_that_it_had_then() {
        for (version, expected) in [
            (Some("0.25.1"), "/hugo_${version}_Linux-64bit.tar.gz"),
            (Some("0.42.2"), "/hugo_${version}_Linux-64bit.tar.gz"),
            (Some("0.43.0"), "/hugo_extended_${version}_Linux-64bit.tar.gz"),
            (Some("0.102.3"), "/hugo_extended_${version}_Linux-64bit.tar.gz"),
            (Some("0.103.0"), "/hugo_extended_${version}_linux-amd64.tar.gz"),
            (Some("1.0.0"), "/hugo_extended_${version}_linux-amd64.tar.gz"),
            (None, "/hugo_extended_${version}_linux-amd64.tar.gz"),
        ] {
            assert!(HUGO.address(version).ends_with(expected), "{version:?}");
        }
        assert_eq!(version_in("image: hugo:0.146", "hugo").as_deref(), Some("0.146.0"));
    }

    #[test]
    fn a_version_that_nobody_knows_stops_the_job() {
        let folder = tempfile::tempdir().unwrap();
        let lines = HUGO.install(folder.path());
        assert_eq!(
            lines[0],
            "version=${HUGO_VERSION:?write here which version of hugo makes the site}"
        );
        std::fs::write(folder.path().join("netlify.toml"), "HUGO_VERSION = \"0.140.0\"").unwrap();
        assert_eq!(HUGO.install(folder.path())[0], "version=0.140.0");
    }
}
