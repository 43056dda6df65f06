//! Where the output may be. It is emptied before a build and published as a whole, so it must hold nothing else. A
//! monorepo builds into a folder next to the site's, such as `../dist/apps/a`. So the output may be anywhere in the git
//! work tree where there is nothing of the site, of git or of this tool.

use std::path::Path;

use crate::base::error::{Error, Failure, Result, failed};
use crate::repository::config::Config;
use crate::repository::own_files;

/// Refuses an output that deploy.toml puts in a place where it may not be. `root` is the git work tree.
pub fn check_declared(config: &Config, root: &Path) -> Result<()> {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    match misplaced(&config.output_folder(), &config.site, &root) {
        None => Ok(()),
        Some(why) => Err(Error::Config(format!(
            "the `output` of deploy.toml, `{}`, {why}\n\nhint: let it name a folder of its own in this git repository, such as \"public\" or \"../dist\"",
            config.output.display()
        ))),
    }
}

/// Checks that the output is still in an allowed place if its path contains a link. If it is declared inside the site's
/// folder, it must stay in there.
pub fn check_inside(config: &Config, root: &Path) -> Result<(), Failure> {
    let output = config.output_folder();
    let (Ok(site), Ok(resolved)) = (config.site.canonicalize(), output.canonicalize()) else {
        // A path that does not exist yet leads nowhere.
        return Ok(());
    };
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let is_outside_site = !output.starts_with(&config.site);
    if !is_outside_site && !resolved.starts_with(&site) {
        return Err(failed(format!("`{}` leads out of the site's folder", output.display()))
            .because_of_path(&resolved)
            .hint("let `output` in deploy.toml name a folder inside the site's folder"));
    }
    match misplaced(&resolved, &site, &root) {
        None => Ok(()),
        Some(why) => Err(failed(format!("`{}` leads to a folder that {why}", output.display()))
            .because_of_path(&resolved)
            .hint("remove the link, or let `output` in deploy.toml name another folder")),
    }
}

/// Why a folder cannot be an output, in words; `None` if it can. All paths are without links.
pub fn misplaced(output: &Path, site: &Path, root: &Path) -> Option<&'static str> {
    let own = own_files::path(root, "");
    let Ok(below) = output.strip_prefix(root) else {
        return Some("is outside of the git repository");
    };
    if site.starts_with(output) {
        return Some("holds the site's folder");
    }
    // On some systems, upper and lower case do not matter in names.
    if below.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git")) {
        return Some("is in git's own folder");
    }
    if output.starts_with(&own) || own.starts_with(output) {
        return Some("holds files of this tool, or is in their folder");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_in_the_repository_and_away_from_what_a_build_must_not_empty() {
        for (output, expected) in [
            ("/repo/apps/a/public", None),
            ("/repo/dist/apps/a", None),
            ("/repo/apps/dist", None),
            ("/repo/apps/a.out", None),
            ("/repo/target/site", None),
            ("/dist", Some("is outside of the git repository")),
            ("/repo2/dist", Some("is outside of the git repository")),
            ("/", Some("is outside of the git repository")),
            ("/repo", Some("holds the site's folder")),
            ("/repo/apps", Some("holds the site's folder")),
            ("/repo/apps/a", Some("holds the site's folder")),
            ("/repo/.git", Some("is in git's own folder")),
            ("/repo/.GIT/hooks", Some("is in git's own folder")),
            ("/repo/lib/.git/x", Some("is in git's own folder")),
            ("/repo/target", Some("holds files of this tool, or is in their folder")),
            ("/repo/target/xtask", Some("holds files of this tool, or is in their folder")),
            ("/repo/target/xtask/a", Some("holds files of this tool, or is in their folder")),
        ] {
            let why = misplaced(output.as_ref(), "/repo/apps/a".as_ref(), "/repo".as_ref());
            assert_eq!(why, expected, "{output}");
        }
        // A site at the top of the repository.
        assert_eq!(misplaced("/repo/public".as_ref(), "/repo".as_ref(), "/repo".as_ref()), None);
    }
}
