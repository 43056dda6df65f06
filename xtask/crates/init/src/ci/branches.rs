//! The branches of `deploy.toml` in the words of a vendor.
//!
//! A filter that takes too few branches would leave a site as it is without a word, and one that takes too many starts
//! jobs that the tool refuses. So a glob that cannot be translated takes the whole filter with it.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet>,
//! <https://docs.gitlab.com/ci/jobs/job_rules/#compare-a-variable-to-a-regex-pattern>,
//! <https://circleci.com/docs/reference/configuration-reference/#filters>

use std::iter::Peekable;
use std::str::Chars;

/// A glob, in which `*` and `?` stay inside of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// `?`
    One,
    /// `*`
    Some,
    /// `**/` at the beginning, or after a slash: any number of segments, each with its slash.
    Segments,
    /// `**` at the end: at least one character.
    Rest,
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
    Alternatives(Vec<Vec<Token>>),
}

/// More patterns than this are not listed.
const MOST: usize = 32;

/// GitHub knows no alternatives and no pattern for one character, but it takes a list.
pub fn for_github(globs: &[String]) -> Vec<String> {
    let patterns = globs.iter().map(|glob| parsed(glob).and_then(|tokens| github(&tokens)));
    let patterns: Option<Vec<Vec<String>>> = patterns.collect();
    match patterns.map(|patterns| patterns.concat()) {
        Some(patterns) if !patterns.is_empty() && patterns.len() <= MOST => {
            let patterns: Vec<String> = patterns.iter().map(|pattern| scalar(pattern)).collect();
            vec![format!("branches: [{}]", patterns.join(", "))]
        }
        _ => vec![
            "# No pattern of GitHub says what deploy.toml does: the tool refuses the other branches.".into(),
            "branches: [\"**\"]".into(),
        ],
    }
}

pub fn for_gitlab(globs: &[String]) -> Vec<String> {
    let expressions: Option<Vec<String>> = globs.iter().map(|glob| regex_of(glob)).collect();
    match expressions {
        Some(expressions) if !expressions.is_empty() => {
            let rule = format!("$CI_COMMIT_BRANCH =~ /^({})$/", expressions.join("|"));
            let is_plain = !rule.contains(": ") && !rule.contains(" #");
            vec![format!("- if: {}", if is_plain { rule } else { quoted(&rule) })]
        }
        _ => vec![format!("- if: $CI_COMMIT_BRANCH # {ALL}")],
    }
}

pub fn for_circleci(globs: &[String]) -> Vec<String> {
    let expression = |glob: &String| {
        let expression = regex_of(glob)?;
        let is_name = parsed(glob)?.iter().all(|token| matches!(token, Token::Literal(_)));
        Some(scalar(&if is_name { glob.replace('\\', "") } else { format!("/{expression}/") }))
    };
    let expressions: Option<Vec<String>> = globs.iter().map(expression).collect();
    match expressions {
        Some(expressions) if !expressions.is_empty() => vec![
            "filters:".into(),
            "  branches:".into(),
            format!("    only: [{}]", expressions.join(", ")),
        ],
        _ => vec![format!("# {ALL}")],
    }
}

const ALL: &str =
    "Each branch starts a job: the tool refuses those that deploy.toml does not name.";

/// A scalar of a YAML list in brackets.
fn scalar(text: &str) -> String {
    let mut chars = text.chars();
    let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
    let is_plain = begins && chars.all(|c| c.is_ascii_alphanumeric() || "-_./\\+".contains(c));
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    match is_plain && !words.contains(&text.to_ascii_lowercase().as_str()) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// A text in double quotes, which YAML reads as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The patterns that together take what a glob takes.
fn github(tokens: &[Token]) -> Option<Vec<String>> {
    let mut patterns = vec![String::new()];
    for token in tokens {
        let endings: Vec<String> = match token {
            Token::Literal(c) if "*?+[]!\\".contains(*c) => vec![format!("\\{c}")],
            Token::Literal(c) => vec![c.to_string()],
            Token::One => return None,
            Token::Some => vec!["*".into()],
            Token::Segments => vec![String::new(), "**/".into()],
            Token::Rest => vec!["**".into()],
            Token::Class { is_negated, ranges } => vec![github_class(*is_negated, ranges)?],
            Token::Alternatives(several) => {
                let several: Option<Vec<_>> = several.iter().map(|one| github(one)).collect();
                several?.concat()
            }
        };
        patterns = patterns
            .iter()
            .flat_map(|begin| endings.iter().map(move |end| format!("{begin}{end}")))
            .take(MOST + 1)
            .collect();
    }
    Some(patterns)
}

fn github_class(is_negated: bool, ranges: &[(char, char)]) -> Option<String> {
    let of_kind = |range: &(char, char), is: fn(&char) -> bool| is(&range.0) && is(&range.1);
    let is_known = ranges.iter().all(|range| {
        of_kind(range, char::is_ascii_lowercase)
            || of_kind(range, char::is_ascii_uppercase)
            || of_kind(range, char::is_ascii_digit)
    });
    (is_known && !is_negated).then(|| format!("[{}]", ranges.iter().map(range).collect::<String>()))
}

fn range((first, last): &(char, char)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn regex_of(glob: &str) -> Option<String> {
    Some(regex(&parsed(glob)?))
}

/// A regular expression for RE2 and Java, to stand between slashes.
fn regex(tokens: &[Token]) -> String {
    let one = |token: &Token| match token {
        Token::Literal(c) if c.is_alphanumeric() || "-_".contains(*c) => c.to_string(),
        Token::Literal(c) => format!("\\{c}"),
        Token::One => r"[^\/]".into(),
        Token::Some => r"[^\/]*".into(),
        Token::Segments => r"(?:.+\/)?".into(),
        Token::Rest => ".+".into(),
        Token::Class { is_negated, ranges } => {
            let escaped = |c: char| match c.is_alphanumeric() {
                true => c.to_string(),
                false => format!("\\{c}"),
            };
            let ranges = ranges.iter().map(|(first, last)| match first == last {
                true => escaped(*first),
                false => format!("{}-{}", escaped(*first), escaped(*last)),
            });
            format!("[{}{}]", if *is_negated { "^" } else { "" }, ranges.collect::<String>())
        }
        Token::Alternatives(several) => {
            let several: Vec<String> = several.iter().map(|tokens| regex(tokens)).collect();
            format!("(?:{})", several.join("|"))
        }
    };
    tokens.iter().map(one).collect()
}

/// `None` if it is no glob.
fn parsed(glob: &str) -> Option<Vec<Token>> {
    let mut chars = glob.chars().peekable();
    let tokens = sequence(&mut chars, false)?;
    chars.next().is_none().then_some(tokens)
}

/// The tokens up to the end, or up to `,` or `}` in alternatives.
fn sequence(chars: &mut Peekable<Chars<'_>>, is_nested: bool) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    while let Some(&c) = chars.peek() {
        if is_nested && (c == ',' || c == '}') {
            break;
        }
        chars.next();
        tokens.push(match c {
            '\\' => Token::Literal(chars.next()?),
            '?' => Token::One,
            '*' => stars(chars, tokens.last(), is_nested),
            '[' => class(chars)?,
            '{' => alternatives(chars)?,
            _ => Token::Literal(c),
        });
    }
    Some(tokens)
}

/// What one or more stars mean. Two are segments only if they are a segment themselves.
fn stars(chars: &mut Peekable<Chars<'_>>, before: Option<&Token>, is_nested: bool) -> Token {
    let mut count = 1;
    while chars.next_if_eq(&'*').is_some() {
        count += 1;
    }
    let begins = !is_nested && matches!(before, None | Some(Token::Literal('/') | Token::Segments));
    match (begins && count == 2, chars.peek()) {
        (true, None) => Token::Rest,
        (true, Some('/')) => {
            chars.next();
            Token::Segments
        }
        _ => Token::Some,
    }
}

fn class(chars: &mut Peekable<Chars<'_>>) -> Option<Token> {
    let is_negated = chars.next_if(|c| *c == '!' || *c == '^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = chars.next()?;
        if first == ']' && !ranges.is_empty() {
            return Some(Token::Class { is_negated, ranges });
        }
        let mut ahead = chars.clone();
        let last = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last != ']' => {
                *chars = ahead;
                last
            }
            _ => first,
        };
        ranges.push((first, last));
    }
}

fn alternatives(chars: &mut Peekable<Chars<'_>>) -> Option<Token> {
    let mut several = Vec::new();
    loop {
        several.push(sequence(chars, true)?);
        if chars.next()? == '}' {
            return Some(Token::Alternatives(several));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_is_said_in_the_words_of_each_vendor() {
        for (glob, expected_patterns, expected_regex) in [
            ("main", Some("main"), "main"),
            ("v1.0+x", Some(r"v1.0\+x"), r"v1\.0\+x"),
            ("a-b_c", Some("a-b_c"), "a-b_c"),
            ("feature/*", Some("feature/*"), r"feature\/[^\/]*"),
            ("feature/**", Some("feature/**"), r"feature\/.+"),
            ("**", Some("**"), ".+"),
            ("**/x", Some("x **/x"), r"(?:.+\/)?x"),
            ("a/**/b", Some("a/b a/**/b"), r"a\/(?:.+\/)?b"),
            ("a**", Some("a*"), r"a[^\/]*"),
            ("release-?", None, r"release-[^\/]"),
            ("v[0-9].[0-9a-f]", Some("v[0-9].[0-9a-f]"), r"v[0-9]\.[0-9a-f]"),
            ("v[!0-9]", None, "v[^0-9]"),
            ("v[.x-]", None, r"v[\.x\-]"),
            ("v[]x]", None, r"v[\]x]"),
            ("{a,b/*}-c", Some("a-c b/*-c"), r"(?:a|b\/[^\/]*)-c"),
            ("{a,{b,c}}", Some("a b c"), "(?:a|(?:b|c))"),
            (r"a\*b", Some(r"a\*b"), r"a\*b"),
            ("!a", Some(r"\!a"), r"\!a"),
        ] {
            let tokens = parsed(glob).unwrap_or_else(|| panic!("{glob}"));
            let patterns = github(&tokens).map(|patterns| patterns.join(" "));
            assert_eq!(patterns.as_deref(), expected_patterns, "{glob}");
            assert_eq!(regex(&tokens), expected_regex, "{glob}");
        }
        for glob in ["[a", "{a", "a\\", "{a,b"] {
            assert_eq!(parsed(glob), None, "{glob}");
        }
    }

    #[test]
    fn a_list_that_cannot_be_said_is_left_out() {
        let globs = |list: &[&str]| -> Vec<String> { list.iter().map(|&g| g.into()).collect() };
        let odd = globs(&["main", "release-?"]);
        assert_eq!(for_github(&odd)[1], "branches: [\"**\"]");
        assert_eq!(for_gitlab(&odd), [r"- if: $CI_COMMIT_BRANCH =~ /^(main|release-[^\/])$/"]);
        assert_eq!(for_circleci(&odd)[2], r#"    only: [main, "/release-[^\\/]/"]"#);
        for list in [globs(&["[a"]), Vec::new()] {
            assert_eq!(for_github(&list)[1], "branches: [\"**\"]");
            assert!(for_gitlab(&list)[0].starts_with("- if: $CI_COMMIT_BRANCH # "));
            assert!(for_circleci(&list)[0].starts_with("# "));
        }
        let many = globs(&["{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"]);
        assert_eq!(for_github(&many)[1], "branches: [\"**\"]");
        assert_eq!(
            for_github(&globs(&["1.0", "on", "a:b"])),
            [r#"branches: ["1.0", "on", "a:b"]"#]
        );
    }
}
