//! Files of the output folder that are not deployed, and why. Nothing is left out silently: the report names each of
//! them, and the objects under their keys are not deleted from the bucket.

use super::names::{self, Named};
use crate::base::headers::GlobMatcher;
use crate::base::key;
use crate::repository::config::Config;

/// A file that is not deployed, or a folder from which nothing is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Relative to the prefix, with `/` between segments.
    pub key: String,
    pub why: Why,
    /// Whether it stands for everything below it.
    pub is_folder: bool,
    /// Whether it is an HTML document, which visitors may want to read.
    pub is_page: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// `exclude` in `deploy.toml` names it: it is not part of the site, so its object is deleted.
    Excluded,
    /// Its name, or the name of a folder above it, begins with a dot.
    Hidden,
    /// An operating system created it.
    System,
    /// An editor created it next to the file that was edited.
    Leftover,
    /// Its name is typical for a secret, and its content is not known to be public.
    SecretName,
    /// It holds a private key or other credentials.
    SecretContent,
    /// It belongs to a version control system, or to this tool.
    Own,
}

impl Why {
    /// Whether the file should not be in the output folder in the first place.
    pub fn is_private(self) -> bool {
        matches!(self, Why::SecretName | Why::SecretContent | Why::Own)
    }
}

/// What `deploy.toml` says about files that are left out.
#[derive(Clone, Copy)]
pub struct Choice<'c> {
    pub exclude: &'c [GlobMatcher],
    pub publish: &'c [GlobMatcher],
}

/// The decision about an entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It belongs to the site. For a file with a name typical for a secret, the content has the last word.
    Site,
    LeftOut(Why),
    /// A folder that is left out, except for what `publish` names below it.
    Within(Why),
}

impl<'c> Choice<'c> {
    pub fn of(config: &'c Config) -> Choice<'c> {
        Choice { exclude: &config.exclude, publish: &config.publish }
    }

    /// Decides about a file by its key relative to the prefix. If the folder around it is left out, `within` says why.
    pub fn of_file(&self, key: &str, within: Option<Why>) -> Verdict {
        let named = names::of_file(last_segment(key));
        let is_own = named == Named::Own || within == Some(Why::Own);
        match named {
            _ if self.excludes(key) => Verdict::LeftOut(Why::Excluded),
            // A wide glob such as `docs/**` is not meant for these.
            _ if is_own || named == Named::System => match self.names(key) {
                true => Verdict::Site,
                false if is_own => Verdict::LeftOut(Why::Own),
                false => Verdict::LeftOut(Why::System),
            },
            Named::Leftover => match self.means(key) {
                true => Verdict::Site,
                false => Verdict::LeftOut(Why::Leftover),
            },
            _ if self.publishes(key) => Verdict::Site,
            Named::Hidden => Verdict::LeftOut(Why::Hidden),
            Named::Secret if last_segment(key).starts_with('.') => {
                Verdict::LeftOut(Why::SecretName)
            }
            _ => within.map_or(Verdict::Site, Verdict::LeftOut),
        }
    }

    /// Decides about a folder.
    pub fn of_folder(&self, key: &str, within: Option<Why>) -> Verdict {
        match names::of_folder(last_segment(key)) {
            _ if self.excludes(key) => Verdict::LeftOut(Why::Excluded),
            Named::Own if last_segment(key) != OWN_FOLDER && self.names_below(key) => {
                Verdict::Within(Why::Own)
            }
            Named::Own => Verdict::LeftOut(Why::Own),
            Named::System => Verdict::LeftOut(Why::System),
            Named::Hidden => Verdict::Within(within.unwrap_or(Why::Hidden)),
            Named::Plain | Named::Secret | Named::Leftover => {
                within.map_or(Verdict::Site, Verdict::Within)
            }
        }
    }

    /// Whether `publish` says that a file is meant to be public, whatever it looks like.
    pub fn publishes(&self, key: &str) -> bool {
        matches(self.publish, key)
    }

    fn excludes(&self, key: &str) -> bool {
        matches(self.exclude, key)
    }

    /// Whether `publish` contains this very key, and not just a glob that matches it.
    pub fn names(&self, key: &str) -> bool {
        let key = key::normal(key);
        let is_below_own_folder = key.split('/').any(|segment| segment == OWN_FOLDER);
        !is_below_own_folder && self.publish.iter().any(|glob| glob.glob().glob() == key)
    }

    /// Whether a glob in `publish` is meant for such names: `*~` is, `docs/**` is not.
    fn means(&self, key: &str) -> bool {
        let key = key::normal(key);
        let is_wide =
            |glob: &GlobMatcher| last_segment(glob.glob().glob()).chars().all(|c| c == '*');
        self.publish.iter().any(|glob| !is_wide(glob) && glob.is_match(&*key))
    }

    fn names_below(&self, folder: &str) -> bool {
        let folder = format!("{}/", key::normal(folder));
        let is_wide = |below: &str| below.contains(['*', '?', '[', '{']);
        self.publish
            .iter()
            .filter_map(|glob| glob.glob().glob().strip_prefix(&folder))
            .any(|below| !is_wide(below))
    }
}

/// The tool's folder in the bucket. A file that is written there would be taken for one of the tool's own objects.
const OWN_FOLDER: &str = ".xtask";

fn matches(globs: &[GlobMatcher], key: &str) -> bool {
    !globs.is_empty() && {
        let key = key::normal(key);
        globs.iter().any(|glob| glob.is_match(&*key))
    }
}

fn last_segment(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// The entry that covers a key, in a list in the order of keys: the entry of the file itself, or of a folder above it.
#[cfg(test)]
pub fn covering<'l>(left_out: &'l [LeftOut], key: &str) -> Option<&'l LeftOut> {
    let find = |key: &str| {
        let at = left_out.binary_search_by(|entry| entry.key.as_str().cmp(key)).ok()?;
        left_out.get(at)
    };
    let folders = key.rmatch_indices('/').map(|(at, _)| &key[..at]);
    find(key).or_else(|| folders.filter_map(find).find(|entry| entry.is_folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::headers::glob;

    fn globs(patterns: &[&str]) -> Vec<GlobMatcher> {
        patterns.iter().map(|pattern| glob(pattern).unwrap()).collect()
    }

    #[test]
    fn a_key_is_covered_by_its_own_entry_or_by_a_folders() {
        let entry = |key: &str, is_folder| LeftOut {
            key: key.into(),
            why: Why::Hidden,
            is_folder,
            is_page: false,
        };
        let left_out = [entry(".git", true), entry("a/.b", false), entry("c/.d", true)];
        for (key, covered) in [
            (".git", true),
            (".git/config", true),
            (".gitignore", false),
            ("a/.b", true),
            ("a/.b/c", false),
            ("a", false),
            ("c/.d/e/f", true),
            ("c/.de", false),
        ] {
            assert_eq!(covering(&left_out, key).is_some(), covered, "{key}");
        }
    }

    #[test]
    fn a_wide_glob_publishes_neither_a_repository_nor_the_tools_folder_nor_system_files() {
        let publish = globs(&["**", "docs/.git/index.html", ".xtask/record", "Thumbs.db"]);
        let choice = Choice { exclude: &[], publish: &publish };
        let own = Verdict::LeftOut(Why::Own);
        assert_eq!(choice.of_folder(".git", None), own);
        assert_eq!(choice.of_folder(".xtask", None), own);
        assert_eq!(choice.of_folder("docs/.git", None), Verdict::Within(Why::Own));
        assert_eq!(choice.of_file("docs/.git/index.html", Some(Why::Own)), Verdict::Site);
        assert_eq!(choice.of_file("docs/.git/config", Some(Why::Own)), own);
        assert_eq!(choice.of_file(".xtask/record", Some(Why::Own)), own);
        assert_eq!(choice.of_file("a/Thumbs.db", None), Verdict::LeftOut(Why::System));
        assert_eq!(choice.of_file("Thumbs.db", None), Verdict::Site);
        assert_eq!(choice.of_file("a/.env", None), Verdict::Site);
    }

    #[test]
    fn leftovers_are_published_only_by_a_glob_that_speaks_of_them() {
        let publish = globs(&["**", "docs/**", "old/*.html~", "#x#"]);
        let choice = Choice { exclude: &[], publish: &publish };
        let left_out = Verdict::LeftOut(Why::Leftover);
        assert_eq!(choice.of_file("docs/index.html~", None), left_out);
        assert_eq!(choice.of_file("~$report.docx", None), left_out);
        assert_eq!(choice.of_file("old/index.html~", None), Verdict::Site);
        assert_eq!(choice.of_file("#x#", None), Verdict::Site);
    }
}
