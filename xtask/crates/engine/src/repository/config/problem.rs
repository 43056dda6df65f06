//! A mistake in the file, shown with its line. Anything that looks like a credential is shown neither in the line nor
//! in the message, because this text ends up in the log of a CI job.

use std::ops::Range;
use std::path::Path;

use strsim::osa_distance;

use super::looks_secret::hide;
use super::source::Source;
use crate::base::humanize::commands;

/// What is wrong, and which bytes of the file it concerns.
#[derive(Debug)]
pub struct Problem {
    pub span: Range<usize>,
    pub message: String,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Mistake,
    /// The bytes hold a credential or a password.
    Secret,
    /// The value is not filled in yet. What needs no account works without it.
    Open,
}

/// How many problems are shown; a file that is not a `deploy.toml` has thousands.
const MOST: usize = 20;

/// The problems of a file, in the order of its lines.
pub fn render(file: &Path, text: &str, mut problems: Vec<Problem>) -> String {
    problems.sort_by_key(|problem| problem.span.start);
    let count = match problems.len() {
        1 => "a problem".to_owned(),
        n => format!("{n} problems"),
    };
    let secrets: Vec<_> =
        problems.iter().filter(|p| p.kind == Kind::Secret).map(|p| p.span.clone()).collect();
    let source = Source::of(text);
    let mut out = format!("`{}` has {count}", file.display());
    for problem in problems.iter().take(MOST) {
        let (line, column) = source.place(problem.span.start);
        let message = printable(&hide(&problem.message), 600);
        out.push_str(&format!("\n\n  {}:{line}:{column}: {message}", file.display()));
        let line = printable(&source.shown(line, &secrets), 200);
        if !line.is_empty() {
            out.push_str(&format!("\n    {line}"));
        }
    }
    if problems.len() > MOST {
        out.push_str(&format!("\n\n  and {} more", problems.len() - MOST));
    }
    out
}

/// A text that is safe for a terminal: nothing that moves the cursor, changes colours or reverses the direction of
/// writing, and at most `most` characters.
fn printable(text: &str, most: usize) -> String {
    let mut out = String::new();
    for (count, c) in text.chars().enumerate() {
        match c {
            _ if count == most => return out + "…",
            '\t' => out.push(' '),
            c if commands(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// The known word that was probably meant.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let (distance, best) = known.iter().map(|known| (osa_distance(word, known), *known)).min()?;
    (distance <= best.len().max(3) / 3).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let known = ["branches", "bucket", "region"];
        assert_eq!(nearest("branchs", &known), Some("branches"));
        assert_eq!(nearest("buckte", &known), Some("bucket"));
        assert_eq!(
            nearest("ulr", &["acl", "url"]),
            Some("url"),
            "two letters swapped are one slip"
        );
        assert_eq!(nearest("colour", &known), None);
    }
}
