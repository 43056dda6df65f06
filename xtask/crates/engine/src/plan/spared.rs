//! Files of the output that are left out of the site, such as dot files and secrets. Another tool may have put an
//! object of such a name there on purpose, so a deploy does not delete it.

use crate::base::key::Prefix;

/// The names that were left out, with the prefix, in order. The name of a folder stands for everything below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spared(Vec<String>);

impl Spared {
    /// `names` are relative to the site.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>, prefix: &Prefix) -> Spared {
        let mut names: Vec<String> = names.into_iter().map(|name| prefix.join(name)).collect();
        names.sort_unstable();
        names.dedup();
        Spared(names)
    }

    /// Whether a key is that of a file that was left out, or is below a folder that was.
    pub(crate) fn covers(&self, key: &str) -> bool {
        let has = |name: &str| self.0.binary_search_by(|left| left.as_str().cmp(name)).is_ok();
        !self.0.is_empty()
            && (has(key) || key.match_indices('/').any(|(slash, _)| has(&key[..slash])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_covers_its_key_and_what_is_below_and_nothing_else() {
        let left = Spared::of(["tags/.net", ".git", "gpg.key"], &Prefix::new("docs").unwrap());
        for (key, covered) in [
            ("docs/gpg.key", true),
            ("docs/tags/.net", true),
            ("docs/tags/.net/index.html", true),
            ("docs/.git/refs/heads/main", true),
            ("gpg.key", false),
            ("docs/gpg.keys", false),
            ("docs/tags/.network/index.html", false),
            ("docs/tags/index.html", false),
            ("docs/", false),
        ] {
            assert_eq!(left.covers(key), covered, "{key}");
        }
        assert!(!Spared::default().covers(""));
    }
}
