//! What only a person can do after `init`, in the order in which it is done.

use std::path::Path;

use engine::base::humanize::quoted;
use init::ci::Vendor;
use init::deployed::Credentials;
use init::files::Change;

use super::findings::{Findings, SiteFindings};

/// A title and the steps; nothing if all is done.
pub fn left_to_do(findings: &Findings, is_reachable: bool, changes: &[Change]) -> Vec<String> {
    let mut steps = to_fill_in(findings);
    steps.extend(own_xtask(&findings.root));
    if !changes.is_empty() {
        steps.extend(of_ci(findings, changes));
        steps.extend(of_old_files(findings, changes));
        if !is_reachable {
            let text = "push the clone of the tool to a place that CI can reach, and run init again: it has no remote `origin`";
            steps.push(text.into());
        }
        steps.push("look at the changes (git status), and commit them".into());
        steps.extend(findings.sites.iter().map(first_deploy));
    }
    if steps.is_empty() {
        return steps;
    }
    let steps = steps.iter().enumerate().map(|(at, step)| format!("  {}. {step}", at + 1));
    [String::new(), "left to do:".into()].into_iter().chain(steps).collect()
}

fn to_fill_in(findings: &Findings) -> Vec<String> {
    let mut steps = Vec::new();
    for (file, environment, keys) in findings.unknown() {
        let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        steps.push(format!("fill in {} of `{environment}` in {}", keys.join(", "), file.display()));
    }
    steps.extend(findings.open_files().map(|file| {
        format!("fill in the empty values of {}: a deploy names their lines", file.display())
    }));
    let hugo = &findings.old_builds;
    steps.extend(hugo.iter().map(|line| {
        format!("compare `command` in deploy.toml with what builds the site today: {line}")
    }));
    steps
}

/// The match arm for an `xtask` that has other subcommands.
fn own_xtask(root: &Path) -> Option<String> {
    let source = std::fs::read_to_string(root.join("xtask/src/main.rs")).ok()?;
    (!source.contains("xtask_site")).then(|| {
        "call the tool from your xtask/src/main.rs, in the `match` over the first argument (`fn main` returns std::process::ExitCode):\n       Some(\"deploy\" | \"preview\" | \"status\" | \"rollback\" | \"init\") => return xtask_site::main(),".into()
    })
}

fn of_ci(findings: &Findings, changes: &[Change]) -> Vec<String> {
    let mut steps = Vec::new();
    let mut secrets: Vec<String> = Vec::new();
    for secret in findings.sites.iter().flat_map(|site| site.branches_and_secrets().1) {
        if !secrets.contains(&secret) {
            secrets.push(secret);
        }
    }
    if !secrets.is_empty() {
        steps.push(format!("store these secrets in your CI: {}", secrets.join(", ")));
    }
    let drafts = || findings.sites.iter().flat_map(|site| &site.drafts);
    if drafts().any(|draft| matches!(draft.credentials, Some(Credentials::Role(_)))) {
        let text = "let the CI job assume the role before it deploys: the page \"CI\" of the handbook has that file (GitHub Actions without keys)";
        steps.push(text.into());
    }
    let branches: Vec<Vec<String>> =
        findings.sites.iter().map(|site| site.branches_and_secrets().0).collect();
    if branches.windows(2).any(|pair| pair[0] != pair[1]) {
        let text = "the sites deploy different branches: give each a CI job for its own, because a branch that a site does not deploy is refused";
        steps.push(text.into());
    }
    let script = Vendor::Script.file();
    if changes.iter().any(|change| change.path == script) {
        steps.push(format!(
            "let your CI call `sh {}` for the branches of deploy.toml",
            script.display()
        ));
    }
    let unset = |change: &&Change| change.after.contains("_VERSION:?");
    steps.extend(changes.iter().filter(unset).map(|change| {
        format!("write the version of the generator into {}", change.path.display())
    }));
    steps
}

fn of_old_files(findings: &Findings, changes: &[Change]) -> Vec<String> {
    let beside = changes.iter().filter_map(|change| Some((&change.path, change.beside.as_ref()?)));
    let mut steps: Vec<String> = beside
        .map(|(new, old)| {
            format!("replace {} by {}, and keep what you need of it", old.display(), new.display())
        })
        .collect();
    let is_replaced = |file: &Path| {
        changes.iter().any(|change| change.path == file || change.beside.as_deref() == Some(file))
    };
    let old = findings.deploying.iter().filter(|file| !is_replaced(file));
    steps.extend(old.map(|file| format!("take the old deploy out of {}", file.display())));
    steps
}

fn first_deploy(site: &SiteFindings) -> String {
    let option = site.named().map(|folder| quoted(&folder.display().to_string()));
    let option = option.map(|folder| format!(" --site {folder}")).unwrap_or_default();
    format!("cargo xtask deploy --local{option} (the first time, it compiles for some minutes)")
}
