//! The CI file: for which vendor, and what it has to know.

use std::path::{Path, PathBuf};

use engine::base::Result;
use init::ci::{Facts, Vendor};
use init::part::{BEGIN, Part};

use super::findings::Findings;
use crate::cli::Ci;

/// The minor version of Rust that compiles the tool in CI.
const RUST: &str = "1.95";

/// The file and its parts; `None` if none is wanted.
pub fn of(typed: Option<Ci>, findings: &Findings) -> Result<Option<(PathBuf, Vec<Part>)>> {
    let vendor = match typed {
        Some(Ci::None) => return Ok(None),
        Some(Ci::Github) => Vendor::GitHub,
        Some(Ci::Gitlab) => Vendor::GitLab,
        Some(Ci::Circleci) => Vendor::CircleCi,
        Some(Ci::Script) => Vendor::Script,
        None => match written(&findings.root) {
            Some(vendor) => vendor,
            // Who has a `deploy.toml` and no such file wants none.
            None if findings.sites.iter().all(|site| site.config.is_some()) => return Ok(None),
            None => match findings.vendor {
                Some(vendor) => vendor,
                None => return Ok(None),
            },
        },
    };
    Ok(Some((vendor.file().to_owned(), vendor.render(&facts(findings)))))
}

/// The vendor whose file an earlier `init` wrote, or wrote beside a file of the user.
fn written(root: &Path) -> Option<Vendor> {
    let has_part =
        |path: PathBuf| std::fs::read_to_string(path).is_ok_and(|text| text.contains(BEGIN));
    [Vendor::GitHub, Vendor::GitLab, Vendor::CircleCi, Vendor::Script].into_iter().find(|vendor| {
        let file = root.join(vendor.file());
        has_part(PathBuf::from(format!("{}.new", file.display()))) || has_part(file)
    })
}

fn facts(findings: &Findings) -> Facts {
    let mut facts = Facts { rust: RUST.into(), ..Facts::default() };
    facts.sites = sites(findings);
    if findings.root.join(".gitmodules").is_file() {
        facts.install.push("git submodule update --init --recursive".into());
    }
    for site in &findings.sites {
        let (branches, secrets) = site.branches_and_secrets();
        add(&mut facts.branches, branches);
        add(&mut facts.secrets, secrets);
        add(&mut facts.install, site.generator.install.clone());
        facts.needs_history |= site.generator.needs_history;
    }
    facts
}

/// What `--site` names, for each site; nothing if the tool finds the only one without it.
fn sites(findings: &Findings) -> Vec<String> {
    let shown = |folder: &Path| folder.display().to_string();
    match findings.sites.as_slice() {
        [only] => only.named().map(shown).into_iter().collect(),
        several => {
            let folders = several.iter().map(|site| site.folder().unwrap_or(Path::new(".")));
            folders.map(shown).collect()
        }
    }
}

fn add(list: &mut Vec<String>, more: Vec<String>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}
