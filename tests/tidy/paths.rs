//! The paths that a file names, as `a::b::c`: those it imports, with the groups of `use` written out, and the others.

use super::source::without_visibility;

pub struct Paths {
    /// The paths that `use` lines bring into the file; a renamed one as `a::b as c`.
    pub imported: Vec<String>,
    /// Paths of two parts or more outside of `use`. One that begins with `::` keeps that.
    pub inline: Vec<String>,
    /// Names that mean something in this file: its modules, and what it imports.
    own: Vec<String>,
}

impl Paths {
    pub fn of(code: &str) -> Paths {
        let mut paths = Paths { imported: Vec::new(), inline: Vec::new(), own: Vec::new() };
        let mut rest = code;
        while let Some(line) = rest.split_inclusive('\n').next() {
            let item = without_visibility(line.trim());
            let length = match item.strip_prefix("use ") {
                Some(_) => {
                    let length = rest.find(';').map_or(rest.len(), |end| end + 1);
                    let tree = rest[..length].split_once("use ").map_or("", |(_, tree)| tree);
                    write_out(tree.trim_end_matches(';'), "", &mut paths.imported);
                    length
                }
                None => {
                    paths.inline.extend(inline(line));
                    paths.own.extend(item.strip_prefix("mod ").map(first_word));
                    line.len()
                }
            };
            rest = &rest[length..];
        }
        let ends = paths.imported.iter().filter_map(|path| {
            let (begin, end) = (path.split([' ', ':']).next()?, path.rsplit([' ', ':']).next()?);
            (begin != end).then(|| end.to_owned())
        });
        paths.own.extend(ends);
        paths
    }

    /// Whether a name is that of a crate, and not of something in this file with the same name.
    pub fn names_crate(&self, name: &str) -> bool {
        let is_of =
            |path: &String| path.trim_start_matches(':').split([':', ' ']).next() == Some(name);
        let is_own = self.own.iter().any(|own| own == name);
        self.imported.iter().any(|path| is_of(path) && !is_own)
            || self.inline.iter().any(|path| is_of(path) && (path.starts_with("::") || !is_own))
    }

    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.imported.iter().chain(&self.inline)
    }
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Writes `a::{b, c::{d, e}}` out as `a::b`, `a::c::d` and `a::c::e`.
fn write_out(tree: &str, before: &str, found: &mut Vec<String>) {
    let mut depth = 0;
    let branches = tree.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for branch in branches.map(str::trim).filter(|branch| !branch.is_empty()) {
        match branch.strip_suffix('}').and_then(|branch| branch.split_once('{')) {
            Some((trunk, branches)) => write_out(branches, &format!("{before}{trunk}"), found),
            None => found.push(format!("{before}{branch}")),
        }
    }
}

fn inline(line: &str) -> Vec<String> {
    let of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = line.split(|c| !of_path(c)).map(|word| word.trim_end_matches(':'));
    words.filter(|word| word.contains("::")).map(str::to_owned).collect()
}

#[test]
fn groups_are_written_out_and_names_of_the_file_are_no_crates() {
    let paths = Paths::of(
        "mod open;\npub use a::{b, c::{self, d as e}};\nuse tokio::{\n    sync,\n};\nfn f(x: g::H) { ::open::that(x); open::it() }\n",
    );
    assert_eq!(paths.imported, ["a::b", "a::c::self", "a::c::d as e", "tokio::sync"]);
    assert_eq!(paths.inline, ["g::H", "::open::that", "open::it"]);
    for (name, is_named) in
        [("a", true), ("tokio", true), ("g", true), ("open", true), ("b", false), ("h", false)]
    {
        assert_eq!(paths.names_crate(name), is_named, "{name}");
    }
    assert!(!Paths::of("use super::open;\nfn f() { open::it() }\n").names_crate("open"));
}
