//! A mistake in the file, shown at its line. The line is shown so that it can be found, and what
//! looks like a credential in it is not, because this text ends in the log of a CI job.

use std::ops::Range;
use std::path::Path;

use crate::error::Error;

/// What is wrong, and which bytes of the file say it.
#[derive(Debug)]
pub struct Problem {
    pub span: Range<usize>,
    pub message: String,
}

/// All problems of a file, in the order of its lines.
pub fn render(file: &Path, text: &str, mut problems: Vec<Problem>) -> Error {
    problems.sort_by_key(|problem| problem.span.start);
    let count = match problems.len() {
        1 => "a problem".to_owned(),
        n => format!("{n} problems"),
    };
    let mut out = format!("`{}` has {count}", file.display());
    for problem in &problems {
        let (line, column) = place(text, problem.span.start);
        let source = text.lines().nth(line - 1).unwrap_or_default();
        out.push_str(&format!("\n\n  {}:{line}:{column}: {}", file.display(), problem.message));
        if !source.trim().is_empty() {
            out.push_str(&format!("\n    {}", mask(source.trim())));
        }
    }
    Error::Config(out)
}

/// Line and column of a byte, both from 1; the column counts characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Whether a text could be a credential's value: an access key's id (`AKIA…`, `ASIA…`), or a run as
/// long as a secret of characters that secrets are made of.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
pub fn looks_like_a_secret(text: &str) -> bool {
    let id = (16..=128).contains(&text.len())
        && ["AKIA", "ASIA"].iter().any(|start| text.starts_with(start))
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let secret = text.len() >= SHORTEST_SECRET
        && text.bytes().all(is_secret_byte)
        && (text.bytes().any(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        && !text.contains('_');
    id || secret
}

/// AWS secrets have 40 characters; stores that make their own have fewer.
const SHORTEST_SECRET: usize = 32;

fn is_secret_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+' | b'=')
}

/// A line of the file with what looks like a credential starred out, and in a line that speaks of
/// credentials everything that is not the name of a variable.
fn mask(line: &str) -> String {
    let line = mask_password(line);
    let lower = line.to_ascii_lowercase();
    let of_credentials =
        ["credential", "secret", "token", "password", "access"].iter().any(|w| lower.contains(w));
    let starred = |word: &str| {
        word.split(['=', '/', '+']).any(looks_like_a_secret) || looks_like_a_secret(word)
    };
    let mut out = String::new();
    let mut quoted = false;
    let mut rest = line.as_str();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii() || !is_secret_byte(c as u8) && c != '_');
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        let hidden = starred(word) || of_credentials && quoted && !is_variable(word);
        out.push_str(if hidden { "****" } else { word });
        let mut between = after.chars();
        if let Some(c) = between.next() {
            quoted ^= c == '"' || c == '\'';
            out.push(c);
        }
        rest = between.as_str();
    }
    out
}

/// Whether a text is written as environment variables are by convention.
fn is_variable(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// `https://user:password@host` without its user and password.
fn mask_password(line: &str) -> String {
    let Some((before, after)) = line.split_once("://") else { return line.to_owned() };
    let authority = after.find(['/', '"', '\'']).unwrap_or(after.len());
    match after[..authority].rfind('@') {
        Some(at) => format!("{before}://****{}", &after[at..]),
        None => line.to_owned(),
    }
}

/// The known word that was probably meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, best) = known.iter().map(|k| (edits(word, k), *k)).min()?;
    (distance <= best.len().max(3) / 3).then_some(best)
}

/// How many characters have to be changed, put in or taken out to make one word of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_in_a_line_is_starred_out() {
        let line = r#"credentials = { access-key-id = "AKIAIOSFODNN7EXAMPLE", secret=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY }"#;
        assert_eq!(mask(line), r#"credentials = { access-key-id = "****", **** }"#);
        let plain = r#"credentials = { access-key-id = "PRODUCTION_DOCS_SITE_AWS_ACCESS_KEY_ID" } # straße"#;
        assert_eq!(mask(plain), plain);
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let known = ["branches", "bucket", "region"];
        assert_eq!(nearest("branchs", &known), Some("branches"));
        assert_eq!(nearest("buckte", &known), Some("bucket"));
        assert_eq!(nearest("colour", &known), None);
    }
}
