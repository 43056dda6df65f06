//! Submodules that were not checked out, such as the theme of a site: a clone leaves an empty folder for each.

use std::fs;
use std::path::Path;

use git2::Config;

/// The folder of a submodule that is empty, as named in .gitmodules.
pub fn empty_submodule(root: &Path) -> Option<String> {
    let config = Config::open(&root.join(".gitmodules")).ok()?;
    let entries = config.entries(Some("^submodule\\..*\\.path$")).ok()?;
    let mut paths = Vec::new();
    entries.for_each(|entry| paths.extend(entry.value().ok().map(str::to_owned))).ok()?;
    let is_empty = |path: &String| {
        fs::read_dir(root.join(path)).is_ok_and(|mut entries| entries.next().is_none())
    };
    paths.into_iter().find(is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submodule_that_is_empty_is_found_and_one_that_is_checked_out_is_not() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(empty_submodule(root), None);
        let text = "[submodule \"a\"]\n path = themes/a\n url = x\n[submodule \"b.path\"]\n\tpath = themes/b c\n";
        fs::write(root.join(".gitmodules"), text).unwrap();
        assert_eq!(
            empty_submodule(root),
            None,
            "a folder that is not there was removed on purpose"
        );
        fs::create_dir_all(root.join("themes/a")).unwrap();
        fs::write(root.join("themes/a/theme.toml"), "").unwrap();
        fs::create_dir_all(root.join("themes/b c")).unwrap();
        assert_eq!(empty_submodule(root).as_deref(), Some("themes/b c"));
        fs::write(root.join(".gitmodules"), "not a [ configuration").unwrap();
        assert_eq!(empty_submodule(root), None);
    }
}
