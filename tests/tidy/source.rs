//! A source file as the checks see it: its text, its code alone, and its product code alone.
//!
//! The checks compare words and count columns, so they need no parser. They only have to tell code from comments
//! and literals, and what is compiled for tests from the rest. Nothing here depends on how rustc reads a file, and a
//! new edition changes nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Stands for a character of a string, or of another literal in quotes.
pub const LITERAL: char = '·';

pub struct Source {
    /// Relative to the top of the repository, with `/`.
    pub path: String,
    pub text: String,
    /// The text with a space for each character of a comment, and [`LITERAL`] for each inside a literal.
    pub code: String,
    /// The code with a space for each character that only a test build compiles.
    pub product: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let code = code_of(text);
        let product = without_tests(&code);
        Source { path: path.to_owned(), text: text.to_owned(), code, product }
    }

    /// All sources of the repository. `product` is empty in the files of test modules.
    pub fn all() -> &'static [Source] {
        static ALL: LazyLock<Vec<Source>> = LazyLock::new(read_all);
        &ALL
    }

    pub fn all_below(folder: &str) -> Vec<&'static Source> {
        let is_below = |source: &&Source| Path::new(&source.path).starts_with(folder);
        Source::all().iter().filter(is_below).collect()
    }

    /// The code that only a test build compiles.
    pub fn test_code(&self) -> String {
        let mut product = self.product.chars();
        self.code
            .chars()
            .map(|c| if product.next() == Some(c) && c != '\n' { ' ' } else { c })
            .collect()
    }
}

pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read_all() -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in ["xtask", "site", "tests"] {
        rust_files(&top().join(folder), &mut paths);
    }
    paths.sort();
    let mut sources: Vec<Source> = paths.iter().map(|path| read(path)).collect();
    let test_modules: BTreeSet<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let module = Path::new(module_path(&source.path));
        if module.ancestors().any(|outer| test_modules.contains(&*outer.to_string_lossy())) {
            source.product.clear();
        }
    }
    sources
}

fn read(path: &Path) -> Source {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let relative = path.strip_prefix(top()).expect("it is below the top");
    Source::new(&relative.to_string_lossy().replace('\\', "/"), &text)
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry can be read").path();
        match path.is_dir() {
            true if path.ends_with("target") => {}
            true => rust_files(&path, found),
            false if path.extension().is_some_and(|ending| ending == "rs") => found.push(path),
            false => {}
        }
    }
}

/// `a/src/b` for the module in `a/src/b.rs` or `a/src/b/mod.rs`, and `a/src` for the root of a crate.
pub fn module_path(path: &str) -> &str {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    ["/mod", "/lib", "/main"].iter().find_map(|root| path.strip_suffix(root)).unwrap_or(path)
}

/// The module's path in its crate, and `lib` for the root.
pub fn module_in_crate(path: &str) -> &str {
    module_path(path).split_once("/src/").map_or("lib", |(_, module)| module)
}

/// The modules in files of their own that a source declares for tests alone.
fn test_modules(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.code.lines().map(str::trim).collect();
    let declared = lines
        .windows(2)
        .filter(|pair| pair[0] == "#[cfg(test)]")
        .filter_map(|pair| declared(pair[1]));
    declared.map(|name| format!("{}/{name}", module_path(&source.path))).collect()
}

/// The name in `mod NAME;`, with or without visibility.
pub fn declared(line: &str) -> Option<&str> {
    without_visibility(line).strip_prefix("mod ")?.strip_suffix(';')
}

pub fn without_visibility(line: &str) -> &str {
    match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ").map_or(line, |(_, rest)| rest),
        Some(rest) if rest.starts_with(' ') => rest.trim_start(),
        _ => line,
    }
}

fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let after_word = at > 0 && is_word(chars[at - 1]);
        let (length, blank) = match rest {
            ['/', '/', ..] => (rest.iter().position(|&c| c == '\n').unwrap_or(rest.len()), ' '),
            ['/', '*', ..] => (comment_length(rest), ' '),
            ['r' | 'b' | 'c', ..] if !after_word && raw_hashes(rest).is_some() => {
                (raw_length(rest), LITERAL)
            }
            ['"', ..] => (text_length(rest), LITERAL),
            ['\'', '\\', _, last @ ..] => {
                (3 + last.iter().position(|&c| c == '\'').map_or(0, |end| end + 1), LITERAL)
            }
            ['\'', _, '\'', ..] => (3, LITERAL),
            [c, ..] => (1, *c),
            [] => break,
        };
        code.extend(rest[..length].iter().map(|&c| if c == '\n' { c } else { blank }));
        at += length;
    }
    code
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn comment_length(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

/// How many `#` stand before the quote, if this begins a raw string.
fn raw_hashes(rest: &[char]) -> Option<usize> {
    let raw = match rest {
        ['r', raw @ ..] | ['b' | 'c', 'r', raw @ ..] => raw,
        _ => return None,
    };
    let hashes = raw.iter().take_while(|&&c| c == '#').count();
    (raw.get(hashes) == Some(&'"')).then_some(hashes)
}

fn raw_length(rest: &[char]) -> usize {
    let hashes = raw_hashes(rest).expect("it is a raw string");
    let begin = rest.iter().position(|&c| c == '"').expect("it has a quote") + 1;
    let ends = |at: &usize| {
        rest[*at] == '"' && rest[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes
    };
    (begin..rest.len()).find(ends).map_or(rest.len(), |end| end + 1 + hashes)
}

fn text_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// Blanks each item below `#[cfg(test)]`, up to its semicolon or the end of its braces.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut product = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        let (before, item) = rest.split_at(at);
        let (item, after) = item.split_at(MARK.len() + item_length(&item[MARK.len()..]));
        product.push_str(before);
        product.extend(item.chars().map(|c| if c == '\n' { c } else { ' ' }));
        rest = after;
    }
    product + rest
}

/// The length in bytes of the item that begins here, with its attributes.
pub fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn comments_and_literals_are_no_code() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* /* b */ c */ d", "a                 d"),
        (r#"a("b // c", d)"#, "a(········, d)"),
        (r#"a("\"", d)"#, "a(····, d)"),
        (r##"a(br#"b"c"#, d)"##, "a(·········, d)"),
        (r#"a('"', '\'', '\u{2f}', &'a b)"#, "a(···, ····, ········, &'a b)"),
    ] {
        assert_eq!(code_of(text), code, "{text}");
    }
}

#[test]
fn what_only_a_test_build_compiles_is_no_product_code() {
    let text = "use a;\n#[cfg(test)]\nuse b::{c};\n#[cfg(test)]\n#[allow(d)]\nmod e {\n  fn f() { g[0]; }\n}\nfn h() {}";
    let source = Source::new("x.rs", text);
    assert_eq!(
        source.product.split_whitespace().collect::<Vec<_>>(),
        ["use", "a;", ";", "fn", "h()", "{}"]
    );
    assert!(source.test_code().contains("mod e {\n  fn f() { g[0]; }\n}"));
    assert!(!source.test_code().contains("use a;"));
}
