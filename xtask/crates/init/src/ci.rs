//! The CI file of a vendor, which `init` writes, and which the handbook shows as a recipe.
//!
//! Each vendor has a template that reads like the file. `@NAME@` is replaced: on a line of its own by any number of
//! lines, with its indentation.
//!
//! What the files keep between jobs is the compiled tool, some megabytes, and not the folder that Cargo compiles in.
//! Its name has the hash of the sources in it, so a copy of other sources is never found, whatever the key of the cache
//! is. The hash is compiled in too: see `stale-tool` in the engine.

mod branches;

use std::path::Path;

use crate::generator::quoted;
use crate::part::{BEGIN, END, Part};

/// The vendors that a file is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    GitHub,
    GitLab,
    CircleCi,
    /// Any other: a shell script that its job calls.
    Script,
}

/// What the file depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Names and globs of the branches that are deployed, as in `deploy.toml`, each once.
    pub branches: Vec<String>,
    /// The environment variables that hold credentials, in the order of `deploy.toml`.
    pub secrets: Vec<String>,
    /// What installs the generator, as lines for a shell of a user who may use sudo. Empty if the job has it already.
    pub install: Vec<String>,
    /// Whether pages depend on the history of their files, so that all of it must be fetched.
    pub needs_history: bool,
    /// What `--site` names, for each site; empty if the tool finds the only one without it.
    pub sites: Vec<String>,
    /// The minor version of Rust that compiles the tool, such as `1.95`.
    pub rust: String,
}

impl Vendor {
    /// The file's name, relative to the top of the repository.
    pub fn file(self) -> &'static Path {
        Path::new(match self {
            Vendor::GitHub => ".github/workflows/deploy.yml",
            Vendor::GitLab => ".gitlab-ci.yml",
            Vendor::CircleCi => ".circleci/config.yml",
            Vendor::Script => "ci-deploy.sh",
        })
    }

    /// The file, in pieces. A later `init` replaces how the tool is compiled and called, the secrets, and the list of
    /// branches. All else is the user's: machines, images, checkout, and what installs the generator.
    pub fn render(self, facts: &Facts) -> Vec<Part> {
        let fill = |name: &str| match name {
            "branches" => self.branches(&facts.branches),
            "history" | "checkout" => self.history(facts.needs_history),
            "generator" => self.generator(&facts.install),
            "compile" => self.compile(&facts.rust),
            "deploy" => self.deploy(&facts.sites),
            "secrets" => secrets(&facts.secrets),
            _ => unreachable!("`@{name}@` is in no template"),
        };
        pieces(self.template()).map(|part| filled(part, &fill)).collect()
    }

    fn template(self) -> &'static str {
        match self {
            Vendor::GitHub => include_str!("ci/github.yml"),
            Vendor::GitLab => include_str!("ci/gitlab.yml"),
            Vendor::CircleCi => include_str!("ci/circleci.yml"),
            Vendor::Script => include_str!("ci/script.sh"),
        }
    }

    fn branches(self, globs: &[String]) -> Vec<String> {
        match self {
            Vendor::GitHub => branches::for_github(globs),
            Vendor::GitLab => branches::for_gitlab(globs),
            Vendor::CircleCi => branches::for_circleci(globs),
            Vendor::Script => Vec::new(),
        }
    }

    fn history(self, is_needed: bool) -> Vec<String> {
        const WHY: &str = "if the generator writes dates from git, and for `rollback`";
        match (self, is_needed) {
            (Vendor::GitHub, true) => vec!["fetch-depth: 0".into()],
            (Vendor::GitHub, false) => Vec::new(),
            (Vendor::GitLab, true) => vec!["variables:".into(), "  GIT_DEPTH: \"0\"".into()],
            (Vendor::GitLab, false) => vec![format!("# variables: {{ GIT_DEPTH: \"0\" }} # {WHY}")],
            (Vendor::CircleCi, true) => vec!["- checkout:".into(), "    method: full".into()],
            (Vendor::CircleCi, false) => vec![format!("- checkout # with `method: full` {WHY}")],
            (Vendor::Script, _) => Vec::new(),
        }
    }

    /// The step that installs the generator.
    fn generator(self, install: &[String]) -> Vec<String> {
        if install.is_empty() {
            return vec![
                "# What installs your generator stands here, unless the machine has it.".into(),
            ];
        }
        let (before, indent) = match self {
            Vendor::GitHub => (&["- name: Generator", "  run: |"][..], "    "),
            Vendor::GitLab => (&["- |"][..], "  "),
            Vendor::CircleCi => {
                (&["- run:", "    name: Generator", "    command: |"][..], "      ")
            }
            Vendor::Script => (&[][..], ""),
        };
        // The jobs of GitLab are root in an image without sudo.
        let line = |line: &String| match self {
            Vendor::GitLab => format!("{indent}{}", line.replace("sudo ", "")),
            _ => format!("{indent}{line}"),
        };
        before.iter().map(|&line| line.into()).chain(install.iter().map(line)).collect()
    }

    /// Compiles the tool, unless a copy for these sources is there and runs on this machine.
    fn compile(self, rust: &str) -> Vec<String> {
        const RUSTUP: &str = "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs";
        let build = format!(
            "  rustup run {rust} cargo build --locked --profile xtask-ci --package xtask --no-default-features --target-dir target"
        );
        let tool = "tool=target/xtask/ci/xtask-$XTASK_SITE_SOURCES";
        let (tool, keep) = match self {
            // Another job may look for the tool meanwhile.
            Vendor::Script => (
                None,
                &[
                    "  mkdir -p \"$tools\"",
                    "  find \"$tools\" -type f -mtime +30 -delete",
                    "  cp target/xtask-ci/xtask \"$tool.new\"",
                    "  mv \"$tool.new\" \"$tool\"",
                ][..],
            ),
            _ => (
                Some(tool),
                &[
                    "  rm -rf target/xtask/ci && mkdir -p target/xtask/ci",
                    "  cp target/xtask-ci/xtask \"$tool\"",
                ][..],
            ),
        };
        let lines = [
            "if ! \"$tool\" --version 2> /dev/null; then",
            &format!("  command -v rustup || {RUSTUP} | sh -s -- -y --default-toolchain none"),
            "  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin",
            &format!("  rustup toolchain install {rust} --profile minimal --no-self-update"),
            &build,
        ];
        let lines = tool.into_iter().chain(lines).chain(keep.iter().copied()).chain(["fi"]);
        lines.map(str::to_owned).collect()
    }

    /// The step that deploys, once for each site.
    fn deploy(self, sites: &[String]) -> Vec<String> {
        const TOOL: &str = "target/xtask/ci/xtask-$XTASK_SITE_SOURCES";
        let options: Vec<String> = match sites.is_empty() {
            true => vec![String::new()],
            false => sites.iter().map(|site| format!(" --site {}", quoted(site))).collect(),
        };
        let commands: Vec<String> = options
            .iter()
            .map(|options| match self {
                Vendor::Script => format!("\"$tool\" deploy{options} \"$@\""),
                _ => format!("{TOOL} deploy{options}"),
            })
            .collect();
        let step = |head: &[&str], key: &str| {
            let mut lines: Vec<String> = head.iter().map(|&line| line.to_owned()).collect();
            let indent = &key[..key.len() - key.trim_start().len()];
            match commands.as_slice() {
                [only] => lines.push(format!("{key}: {only}")),
                several => {
                    lines.push(format!("{key}: |"));
                    lines.extend(several.iter().map(|command| format!("{indent}  {command}")));
                }
            }
            lines
        };
        match self {
            Vendor::GitHub => step(&["- name: Deploy"], "  run"),
            Vendor::CircleCi => step(&["- run:", "    name: Deploy"], "    command"),
            Vendor::GitLab => commands.iter().map(|command| format!("- {command}")).collect(),
            Vendor::Script => commands,
        }
    }
}

/// GitHub gives a job only the secrets that its file names. One that is not set arrives as an empty variable, which the
/// tool takes for a missing one.
fn secrets(names: &[String]) -> Vec<String> {
    let head = (!names.is_empty()).then(|| "env:".to_owned());
    let lines = names.iter().map(|name| format!("  {name}: ${{{{ secrets.{name} }}}}"));
    head.into_iter().chain(lines).collect()
}

/// A template cut at its comment lines.
fn pieces(
    template: &'static str,
) -> impl Iterator<Item = (Option<&'static str>, Vec<&'static str>)> {
    let mut pieces = vec![(None, Vec::new())];
    for line in template.lines() {
        match (line.trim().strip_prefix(BEGIN), line.trim().starts_with(END)) {
            (Some(name), _) => pieces.push((Some(name), Vec::new())),
            (None, true) => pieces.push((None, Vec::new())),
            (None, false) => pieces.last_mut().expect("one is there").1.push(line),
        }
    }
    pieces.into_iter().filter(|(_, lines)| !lines.is_empty())
}

fn filled(
    (name, lines): (Option<&'static str>, Vec<&str>),
    fill: &impl Fn(&str) -> Vec<String>,
) -> Part {
    let mut text = String::new();
    for line in lines {
        let word = line.trim();
        match word.strip_prefix('@').and_then(|word| word.strip_suffix('@')) {
            None => text += &format!("{line}\n"),
            Some(name) => {
                let indent = &line[..line.len() - word.len()];
                fill(name).iter().for_each(|line| text += &format!("{indent}{line}\n"));
            }
        }
    }
    match name {
        Some(name) => Part::Own { name, text },
        None => Part::Once(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::whole;

    const VENDORS: [Vendor; 4] = [Vendor::GitHub, Vendor::GitLab, Vendor::CircleCi, Vendor::Script];

    fn lines(list: &[&str]) -> Vec<String> {
        list.iter().map(|&text| text.into()).collect()
    }

    fn facts() -> Facts {
        Facts {
            branches: lines(&["main", "feature/**"]),
            secrets: lines(&["SITE_KEY", "SITE_SECRET"]),
            install: lines(&[
                "url=https://example.com/hugo.tar.gz # here: too",
                "curl $url | sudo tar -x",
            ]),
            needs_history: true,
            sites: Vec::new(),
            rust: "1.95".into(),
        }
    }

    fn several() -> [Facts; 4] {
        let odd = lines(&["{a,b}-?", "1.0", "true", "a:b", "#c", "[!x]*", "**"]);
        [
            facts(),
            Facts { rust: "1.95".into(), ..Facts::default() },
            Facts { branches: odd, needs_history: false, ..facts() },
            Facts { branches: lines(&["[unclosed"]), install: Vec::new(), ..facts() },
        ]
    }

    #[test]
    fn a_file_is_short_and_valid_with_and_without_the_comment_lines() {
        for (vendor, facts) in VENDORS.iter().flat_map(|vendor| several().map(|f| (vendor, f))) {
            let parts = vendor.render(&facts);
            let text = whole(&parts);
            assert!(text.lines().count() <= 70, "{} lines\n{text}", text.lines().count());
            let left = text.lines().find(|line| line.trim().starts_with('@'));
            assert_eq!(left, None, "{text}");
            let bare = parts.iter().map(|part| match part {
                Part::Own { text, .. } | Part::Once(text) => text.as_str(),
            });
            if *vendor != Vendor::Script {
                let read = |text: &str| {
                    use saphyr::LoadableYamlNode;
                    let read = saphyr::YamlOwned::load_from_str(text);
                    read.unwrap_or_else(|error| panic!("{error}\n{text}"))
                };
                assert_eq!(read(&text), read(&bare.collect::<String>()), "{text}");
            }
        }
    }

    #[test]
    fn what_a_later_init_replaces_has_a_name_once() {
        for vendor in VENDORS {
            let parts = vendor.render(&facts());
            let names = parts.iter().filter_map(|part| match part {
                Part::Own { name, .. } => Some(*name),
                Part::Once(_) => None,
            });
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            match vendor {
                Vendor::Script => assert_eq!(names, ["deploy"]),
                _ => assert_eq!(names, ["branches", "deploy", "tool"], "{vendor:?}"),
            }
            let own = |part: &Part| matches!(part, Part::Own { text, .. } if text.contains("hugo"));
            assert!(!parts.iter().any(own), "the generator is the user's");
        }
    }

    #[test]
    fn each_vendor_is_told_what_it_must_know() {
        let of = |vendor: Vendor, facts: &Facts| whole(&vendor.render(facts));
        let (with, without) = (facts(), Facts { rust: "1.95".into(), ..Facts::default() });
        let github = of(Vendor::GitHub, &with);
        assert!(github.contains("\n          SITE_KEY: ${{ secrets.SITE_KEY }}\n"), "{github}");
        assert!(github.contains("\n          fetch-depth: 0\n"), "{github}");
        assert!(github.contains("\n    branches: [main, \"feature/**\"]\n"), "{github}");
        let github = of(Vendor::GitHub, &without);
        assert!(
            !github.contains("env:\n") && !github.contains("\n          fetch-depth"),
            "{github}"
        );
        let gitlab = of(Vendor::GitLab, &with);
        assert!(gitlab.contains("\n  variables:\n    GIT_DEPTH: \"0\"\n"), "{gitlab}");
        assert!(gitlab.contains("\n      curl $url | tar -x\n"), "{gitlab}");
        assert!(
            gitlab.contains("=~ /^(main|feature\\/.+)$/\n") && !gitlab.contains("KEY"),
            "{gitlab}"
        );
        let circleci = of(Vendor::CircleCi, &with);
        assert!(circleci.contains("\n      - checkout:\n          method: full\n"), "{circleci}");
        assert!(circleci.contains("\n              only: [main, /feature\\/.+/]\n"), "{circleci}");
        assert!(of(Vendor::CircleCi, &without).contains("\n      - checkout #"));
        for vendor in VENDORS {
            assert!(of(vendor, &with).contains("rustup run 1.95 cargo build --locked "));
        }
    }
}
