//! How a file looks: its header, the width of its lines, the length of its functions, the order of its modules.

use super::complain;
use super::source::{LITERAL, Source, declared, item_length, without_visibility};

const WIDEST_CODE: usize = 100;
const WIDEST_COMMENT: usize = 120;
const LONGEST_FUNCTION: usize = 70;

/// Functions that do not fit a screen, and their lines. Most of them are tables. A function that gets shorter gets a
/// smaller number here or leaves the list; none gets longer, and none is added.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[
    ("xtask/crates/engine/src/plan/tests.rs", "each_file_is_compared_by_what_can_be_proven", 138),
    ("xtask/crates/engine/src/repository/ci/tests.rs", "runs", 285),
    (
        "xtask/crates/engine/src/repository/ci/tests.rs",
        "variables_that_contradict_each_other_are_taken_for_a_pull_request",
        84,
    ),
    ("xtask/crates/engine/src/repository/config/read/environments.rs", "read_environment", 85),
    (
        "xtask/crates/engine/src/repository/config/tests.rs",
        "a_value_of_an_environment_that_cannot_be_is_a_problem",
        83,
    ),
    (
        "xtask/crates/engine/src/repository/config/tests.rs",
        "a_rule_for_headers_that_cannot_be_is_a_problem",
        116,
    ),
    ("xtask/crates/engine/src/site/names.rs", "names_of_secrets_are_known_also_as_backups", 73),
    ("tests/bad_input.rs", "a_file_that_cannot_be_deployed_faithfully", 72),
    ("tests/bench/src/tools.rs", "command", 77),
    ("tests/git.rs", "a_format_that_cannot_be_read_is_reported_with_the_command_that_helps", 77),
];

#[test]
fn each_file_says_first_what_it_is_for() {
    complain(Source::all().iter().filter(|source| !source.text.starts_with("//! ")).map(
        |source| format!("{}: the file does not begin with `//!` and what it is for", source.path),
    ));
}

#[test]
fn no_line_is_too_wide() {
    complain(Source::all().iter().flat_map(wide_lines));
}

#[test]
fn each_function_fits_a_screen() {
    let found: Vec<(String, String, usize)> =
        Source::all().iter().flat_map(long_functions).collect();
    let is_known = |(path, name, lines): &&(String, String, usize)| {
        LONG_FUNCTIONS.contains(&(path.as_str(), name.as_str(), *lines))
    };
    let new = found.iter().filter(|function| !is_known(function)).map(|(path, name, lines)| {
        format!(
            "{path}: `{name}` has {lines} lines, and no more than {LONGEST_FUNCTION} fit a screen"
        )
    });
    let is_found = |&&(path, name, lines): &&(&str, &str, usize)| {
        found.contains(&(path.to_owned(), name.to_owned(), lines))
    };
    let gone = LONG_FUNCTIONS.iter().filter(|function| !is_found(function));
    let gone = gone.map(|(path, name, lines)| {
        format!("{path}: `{name}` no longer has {lines} lines: correct LONG_FUNCTIONS, which only shrinks")
    });
    complain(new.chain(gone));
}

/// rustfmt would sort the modules by their names.
#[test]
fn modules_stand_in_reading_order_and_those_of_tests_last() {
    let rules = std::fs::read_to_string(super::source::top().join(".rustfmt.toml"))
        .expect("it can be read");
    assert!(rules.lines().any(|line| line == "reorder_modules = false"), "{rules}");
    complain(Source::all().iter().flat_map(misplaced_modules));
}

/// The inside of a literal does not count, because rustfmt does not break it. Neither does a comment of one word, which
/// is an address.
fn wide_lines(source: &Source) -> Vec<String> {
    let lines = source.text.lines().zip(source.code.lines()).enumerate();
    let wide = lines.filter(|(_, (line, code))| {
        let width = code.chars().filter(|&c| c != LITERAL).count();
        let has_comment = line.chars().zip(code.chars()).any(|(c, code)| c != code && code == ' ');
        let is_one_word = code.trim().is_empty() && line.split_whitespace().count() == 2;
        width > if has_comment { WIDEST_COMMENT } else { WIDEST_CODE } && !is_one_word
    });
    wide.map(|(at, (line, _))| {
        format!("{}:{}: {} columns", source.path, at + 1, line.chars().count())
    })
    .collect()
}

fn long_functions(source: &Source) -> Vec<(String, String, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in source.code.split_inclusive('\n') {
        if let Some(name) = function(line.trim()) {
            let lines = source.code[at..][..item_length(&source.code[at..])].lines().count();
            if lines > LONGEST_FUNCTION {
                found.push((source.path.clone(), name.to_owned(), lines));
            }
        }
        at += line.len();
    }
    found
}

/// The name of the function that begins on a line.
fn function(line: &str) -> Option<&str> {
    let mut line = without_visibility(line);
    for word in ["const ", "async ", "unsafe "] {
        line = line.strip_prefix(word).unwrap_or(line);
    }
    let name = line.strip_prefix("fn ")?;
    Some(name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(name))
}

/// Product modules below a module of tests, and anything below a module of tests in the file itself.
fn misplaced_modules(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.code.lines().collect();
    let is_test = |at: usize| at > 0 && lines[at - 1] == "#[cfg(test)]";
    let mut found = Vec::new();
    let mut after_tests = false;
    for (at, line) in lines.iter().enumerate() {
        if declared(line).is_some() {
            if after_tests && !is_test(at) {
                found.push(format!(
                    "{}:{}: `{line}` stands below the modules of tests",
                    source.path,
                    at + 1
                ));
            }
            after_tests |= is_test(at);
        }
        if is_test(at) && line.ends_with("mod tests {") {
            let begin = lines[..at].iter().map(|line| line.len() + 1).sum::<usize>();
            let end = begin + item_length(&source.code[begin..]);
            if !source.code[end..].trim().is_empty() {
                found.push(format!(
                    "{}:{}: something follows the tests of the file",
                    source.path,
                    at + 1
                ));
            }
        }
    }
    found
}

#[test]
fn wide_lines_are_found() {
    let wide = |width: usize, line: &str| format!("{line}{}", "x".repeat(width - line.len()));
    for (text, complaints) in [
        (wide(100, "let "), 0),
        (wide(101, "let "), 1),
        (wide(120, "    // a "), 0),
        (wide(121, "    // a "), 1),
        (wide(160, "    // https://"), 0),
        (format!("say(\"{}\");", "x".repeat(200)), 0),
        (format!("say(\"{}\"); {}", "x".repeat(200), "y".repeat(94)), 1),
    ] {
        assert_eq!(wide_lines(&Source::new("x.rs", &text)).len(), complaints, "{text}");
    }
}

#[test]
fn long_functions_are_found() {
    let body = |lines: usize| "    x(\"{\"); // }\n".repeat(lines);
    let text = format!(
        "pub(crate) async fn a() {{\n{}}}\n\nmod b {{\n    fn c<T>(\n        t: T,\n    ) {{\n{}}}\n}}",
        body(68),
        body(68)
    );
    let found = long_functions(&Source::new("x.rs", &text));
    assert_eq!(found, [("x.rs".to_owned(), "c".to_owned(), 72)]);
}

#[test]
fn modules_out_of_order_are_found() {
    for (text, complaints) in [
        ("mod b;\nmod a;\n\n#[cfg(test)]\nmod tests;\n\nuse c;\n", 0),
        ("#[cfg(test)]\nmod tests;\nmod a;\n", 1),
        ("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n", 0),
        ("#[cfg(test)]\nmod tests {\n    use super::*;\n}\n\nfn a() {}\n", 1),
    ] {
        assert_eq!(misplaced_modules(&Source::new("x.rs", text)).len(), complaints, "{text}");
    }
}
