//! Finds the site if the user names none: the one that the current folder is in, otherwise `site` at the top of the
//! repository.

use std::path::{Path, PathBuf};

use engine::repository::Config;
use engine::repository::config::FILE;

/// The usual folder of the site, at the top of the repository.
const USUAL: &str = "site";

/// The folder of the first `deploy.toml` from `here` up to the top of the repository, otherwise the usual folder if it
/// has one. Both paths must be free of links. Copies do not count: a generator may copy the file into its output, and
/// other tools build below `target/`.
pub fn find(root: &Path, here: &Path) -> Option<PathBuf> {
    let usual = Some(root.join(USUAL)).filter(|folder| has_file(folder));
    let up = here.ancestors().take_while(|folder| folder.starts_with(root)).map(Path::to_owned);
    let up: Vec<PathBuf> = up.filter(|folder| has_file(folder)).collect();
    let is_output = |folder: &Path| {
        let mut others = up.iter().chain(&usual).filter(|site| **site != folder);
        others.any(|site| is_in_output(site, folder))
    };
    let mut own = up.iter().filter(|folder| !is_in_target(root, folder) && !is_output(folder));
    own.next().cloned().or(usual)
}

/// A file that cannot be read counts too: reading it says why.
fn has_file(folder: &Path) -> bool {
    folder.join(FILE).symlink_metadata().is_ok()
}

fn is_in_target(root: &Path, folder: &Path) -> bool {
    let below = folder.strip_prefix(root).unwrap_or(folder);
    below.components().any(|name| name.as_os_str() == "target")
}

fn is_in_output(site: &Path, folder: &Path) -> bool {
    let config = Config::read(site, site);
    config.is_ok_and(|config| folder.starts_with(config.output_folder()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CONFIG: &str = "[build]\noutput = \"public\"\n[environments.production]\nbranches = [\"main\"]\naccount = \"222222222222\"\nregion = \"eu-central-1\"\nbucket = \"example.com\"\n";

    #[track_caller]
    fn assert_found(files: &[&str], here: &str, expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for file in files {
            fs::create_dir_all(root.join(file)).unwrap();
            fs::write(root.join(file).join(FILE), CONFIG).unwrap();
        }
        fs::create_dir_all(root.join(here)).unwrap();
        let found = find(&root, &root.join(here).canonicalize().unwrap());
        let found = found.map(|found| found.strip_prefix(&root).unwrap().to_owned());
        assert_eq!(found.as_deref(), expected.map(Path::new), "{files:?} {here}");
    }

    #[test]
    fn the_first_file_up_to_the_top_is_taken_else_that_of_the_usual_folder() {
        for (files, here, expected) in [
            (&[""][..], "", Some("")),
            (&[""], "content/posts", Some("")),
            (&["site"], "", Some("site")),
            (&["site"], "xtask/src", Some("site")),
            (&["site"], "site/pages", Some("site")),
            (&["", "site"], "", Some("")),
            (&["", "site"], "site", Some("site")),
            (&["docs", "site"], "docs/pages", Some("docs")),
            (&["docs"], "", None),
            (&[], "", None),
            // Copies that a build has made.
            (&["", "public"], "public", Some("")),
            (&["", "public/a"], "public/a/b", Some("")),
            (&["site", "site/public"], "site/public", Some("site")),
            (&["", "publication"], "publication", Some("publication")),
            (&["", "target/package/x"], "target/package/x", Some("")),
            (&["site", "tool/target/x"], "tool/target/x", Some("site")),
            (&["target"], "target", None),
            (&["site", "public"], "public", Some("public")),
        ] {
            assert_found(files, here, expected);
        }
    }

    #[test]
    fn an_output_beside_its_site_holds_none() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for site in ["site", "docs"] {
            fs::create_dir_all(root.join(site).join("dist")).unwrap();
            fs::write(root.join(site).join(FILE), CONFIG.replace("public", "../docs")).unwrap();
        }
        assert_eq!(find(&root, &root.join("docs/dist")), Some(root.join("site")));
    }

    #[test]
    fn a_file_above_the_repository_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("repository");
        fs::create_dir(&root).unwrap();
        fs::write(root.with_file_name(FILE), CONFIG).unwrap();
        assert_eq!(find(&root, &root), None);
    }
}
