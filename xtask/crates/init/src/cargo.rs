//! The files of Cargo: the workspace, the alias, the package `xtask`. They are edited as text, at the places that the
//! parser gives, so that comments and order stay.

use crate::part::Part;
use crate::toml_text::{parse, strings, text_value, with_item, with_line};

/// Where the tool comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// A commit of a git repository.
    Git { address: String, commit: String },
    /// The sources, which `init` copies into the repository.
    Copied,
    /// The line that the manifest already has.
    Kept(String),
}

impl Dependency {
    fn line(&self) -> String {
        match self {
            Dependency::Git { address, commit } => format!(
                "xtask-site = {{ git = {}, rev = \"{commit}\", default-features = false }}",
                text_value(address)
            ),
            Dependency::Kept(line) => line.clone(),
            Dependency::Copied => {
                "xtask-site = { path = \"crates/xtask-site\", default-features = false }".into()
            }
        }
    }
}

/// What the repository's workspace has to do with `xtask`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workspace {
    /// It already has the package.
    Member,
    /// The text of the manifest with the package as a member.
    Extended(String),
}

/// `Err` says why the package cannot become a member.
pub fn workspace(manifest: Option<&str>) -> Result<Workspace, String> {
    let Some(text) = manifest.filter(|text| !text.trim().is_empty()) else {
        let text = "[workspace]\nresolver = \"3\"\nmembers = [\"xtask\"]\n";
        return Ok(Workspace::Extended(text.into()));
    };
    let table = parse(text, "Cargo.toml")?;
    let Some(workspace) = table.get("workspace") else {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let block = "# The package `xtask` deploys the site.\n[workspace]\nmembers = [\"xtask\"]\n";
        return Ok(Workspace::Extended(format!("{text}{end}\n{block}")));
    };
    let workspace =
        workspace.get_ref().as_table().ok_or("`workspace` in Cargo.toml is not a table")?;
    if strings(workspace, "exclude").iter().any(|glob| covers(glob, "xtask")) {
        return Err(
            "`exclude` in Cargo.toml keeps `xtask` out of the workspace: take it out of that list"
                .into(),
        );
    }
    if strings(workspace, "members").iter().any(|glob| covers(glob, "xtask")) {
        return Ok(Workspace::Member);
    }
    let member = "\"xtask\"";
    let text = match workspace.get("members") {
        Some(members) => with_item(text, members.span(), members.get_ref(), member)?,
        None => with_line(text, "workspace", &format!("members = [{member}]"))
            .ok_or("`[workspace]` in Cargo.toml has no line of its own")?,
    };
    Ok(Workspace::Extended(text))
}

/// Whether a glob of Cargo matches a folder at the top, or names it.
fn covers(glob: &str, folder: &str) -> bool {
    let glob = glob.trim_start_matches("./").trim_end_matches('/');
    glob == folder
        || glob == "*"
        || glob
            .strip_suffix('*')
            .is_some_and(|start| !start.contains('/') && folder.starts_with(start))
}

/// The profile of the tool, which leaves the profiles of other packages alone, and its alias.
pub const ALIAS: &str = "run --quiet --profile xtask --package xtask --";

/// `.cargo/config.toml` with the alias and the profiles. `before` is what is there.
pub fn config(before: Option<&str>) -> Result<(String, Vec<Part>), String> {
    let before = before.unwrap_or_default();
    let table = parse(before, ".cargo/config.toml")?;
    let profiles = Part::Own { name: "profiles", text: PROFILES.into() };
    let line = format!("xtask = {}", text_value(ALIAS));
    let alias = table.get("alias").and_then(|alias| alias.get_ref().as_table());
    let text = match alias {
        Some(alias) if alias.contains_key("xtask") => before.to_owned(),
        Some(_) => with_line(before, "alias", &line).ok_or_else(no_alias_line)?,
        None if before.is_empty() => format!("[alias]\n{line}\n"),
        None => format!("{}\n\n[alias]\n{line}\n", before.trim_end()),
    };
    Ok((text, vec![profiles]))
}

fn no_alias_line() -> String {
    "`alias` in .cargo/config.toml has no line `[alias]` of its own: write there xtask = \"run --package xtask --\"".into()
}

const PROFILES: &str = include_str!("profiles.toml");

/// The manifest of the package.
pub fn manifest(dependency: &Dependency) -> Vec<Part> {
    let line = dependency.line();
    let text = format!(
        "[package]\nname = \"xtask\"\nedition = \"2024\"\npublish = false\n\n[features]\ndefault = [\"local\", \"sso\"]\nlocal = [\"xtask-site/local\"] # --local and preview\nsso = [\"xtask-site/sso\"] # profiles that sign in through a browser\n\n[dependencies]\n{line}\n"
    );
    vec![Part::Own { name: "package", text }]
}

/// The five lines that call the library.
pub const MAIN: &str = "//! `cargo xtask`: see the library `xtask-site`.\n\nfn main() -> std::process::ExitCode {\n    xtask_site::main()\n}\n";

/// An `xtask` of the repository's own, which has other subcommands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Package {
    None,
    /// `init` made it, or it depends on the library already: the line of the dependency.
    Ours,
    /// It has nothing to do with this tool.
    Other,
}

pub fn package(manifest: Option<&str>) -> Result<Package, String> {
    let Some(text) = manifest else { return Ok(Package::None) };
    let table = parse(text, "xtask/Cargo.toml")?;
    let dependencies = table.get("dependencies").and_then(|table| table.get_ref().as_table());
    match dependencies.is_some_and(|table| table.contains_key("xtask-site")) {
        true => Ok(Package::Ours),
        false => Ok(Package::Other),
    }
}

/// The line of the dependency in a manifest that `init` wrote.
pub fn kept_dependency(manifest: &str) -> Option<Dependency> {
    let line = manifest.lines().find(|line| line.trim_start().starts_with("xtask-site ="))?;
    Some(Dependency::Kept(line.trim().to_owned()))
}

/// The manifest of an `xtask` of the repository's own, with the dependency.
pub fn with_dependency(text: &str, dependency: &Dependency) -> String {
    let line = dependency.line().replace(", default-features = false", "");
    with_line(text, "dependencies", &line).unwrap_or_else(|| {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        format!("{text}{end}\n[dependencies]\n{line}\n")
    })
}

/// The manifest with another commit of the dependency. All else in its line stays.
pub fn with_commit(text: &str, dependency: &Dependency) -> String {
    let Dependency::Git { commit, .. } = dependency else { return text.to_owned() };
    let newer = |line: &str| {
        let (before, rest) = line.split_once("rev = \"")?;
        let (_, after) = rest.split_once('"')?;
        Some(format!("{before}rev = \"{commit}\"{after}"))
    };
    let lines = text.split_inclusive('\n').map(|line| {
        let is_ours = line.trim_start().starts_with("xtask-site =");
        is_ours.then(|| newer(line)).flatten().unwrap_or_else(|| line.to_owned())
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_extended(before: &str, expected: &str) {
        assert_eq!(workspace(Some(before)), Ok(Workspace::Extended(expected.into())));
        assert_eq!(workspace(Some(expected)), Ok(Workspace::Member), "again");
    }

    #[test]
    fn a_workspace_gets_one_more_member() {
        assert_extended(
            "[workspace]\nmembers = [\"a\"]\n",
            "[workspace]\nmembers = [\"a\", \"xtask\"]\n",
        );
        assert_extended("[workspace]\nmembers = []\n", "[workspace]\nmembers = [\"xtask\"]\n");
        assert_extended(
            "[workspace] # all\nresolver = \"2\"\n",
            "[workspace] # all\nmembers = [\"xtask\"]\nresolver = \"2\"\n",
        );
        assert_extended(
            "[workspace]\nmembers = [\n    \"a\", # first\n    \"b\" # second\n]\n[profile.dev]\n",
            "[workspace]\nmembers = [\n    \"a\", # first\n    \"b\", # second\n    \"xtask\",\n]\n[profile.dev]\n",
        );
        assert_extended(
            "[package]\nname = \"product\"",
            "[package]\nname = \"product\"\n\n# The package `xtask` deploys the site.\n[workspace]\nmembers = [\"xtask\"]\n",
        );
    }

    #[test]
    fn a_workspace_that_has_it_is_left_alone() {
        for members in ["\"xtask\"", "\"./xtask/\"", "\"*\"", "\"x*\"", "\"a\", \"xtask\""] {
            let text = format!("[workspace]\nmembers = [{members}]\n");
            assert_eq!(workspace(Some(&text)), Ok(Workspace::Member), "{text}");
        }
    }

    #[test]
    fn a_workspace_that_cannot_take_it_is_an_error() {
        for (text, expected) in [
            ("[workspace]\nexclude = [\"xtask\"]\n", "keeps `xtask` out"),
            ("[workspace\n", "cannot be parsed"),
            ("workspace = 1\n", "not a table"),
            ("[workspace]\nmembers = \"a\"\n", "not an array"),
        ] {
            let error = workspace(Some(text)).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_alias_goes_into_the_table_that_is_there() {
        let (text, parts) = config(Some("[alias]\nb = \"build\"\n")).unwrap();
        assert_eq!(text, format!("[alias]\nxtask = \"{ALIAS}\"\nb = \"build\"\n"));
        assert_eq!(parts.len(), 1);
        let (again, _) = config(Some(&text)).unwrap();
        assert_eq!(again, text);
        let (text, parts) = config(None).unwrap();
        assert_eq!(text, format!("[alias]\nxtask = \"{ALIAS}\"\n"));
        assert_eq!(parts.len(), 1);
        let (text, _) = config(Some("[net]\nretry = 2\n")).unwrap();
        assert_eq!(text, format!("[net]\nretry = 2\n\n[alias]\nxtask = \"{ALIAS}\"\n"));
    }

    #[test]
    fn a_package_of_the_repository_gets_the_dependency() {
        let dependency = Dependency::Git {
            address: "https://example.com/a.git".into(),
            commit: "c0ffee".into(),
        };
        let line = "xtask-site = { git = \"https://example.com/a.git\", rev = \"c0ffee\" }";
        for (before, expected) in [
            (
                "[package]\nname = \"xtask\"\n",
                format!("[package]\nname = \"xtask\"\n\n[dependencies]\n{line}\n"),
            ),
            (
                "[dependencies]\nxshell = \"0.2\"\n",
                format!("[dependencies]\n{line}\nxshell = \"0.2\"\n"),
            ),
        ] {
            let text = with_dependency(before, &dependency);
            assert_eq!(text, expected);
            assert_eq!(package(Some(before)), Ok(Package::Other));
            assert_eq!(package(Some(&text)), Ok(Package::Ours));
            let newer = Dependency::Git { address: String::new(), commit: "beef".into() };
            assert_eq!(with_commit(&text, &newer), text.replace("c0ffee", "beef"));
        }
    }
}
