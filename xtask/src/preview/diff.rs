//! Two texts line by line, as the page shows them.

use std::time::Duration;

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Diff {
    Text {
        hunks: Vec<Hunk>,
        truncated: bool,
    },
    /// The contents are equal.
    Same,
    /// One of the two is no text.
    Other,
    Failed {
        message: String,
    },
}

/// Lines that differ, and a few around them.
#[derive(Debug, Serialize)]
pub struct Hunk {
    /// The number of its first line before, and after. The first line is 1.
    old: usize,
    new: usize,
    lines: Vec<(char, String)>,
}

/// Lines around a change that are shown.
const CONTEXT: usize = 3;

/// What is longer is cut: nobody reads on, and a browser should not have to.
const MOST_LINES: usize = 3000;
const LONGEST_LINE: usize = 4000;

/// Where no shorter diff is found in this time, a longer one is shown.
const PATIENCE: Duration = Duration::from_millis(500);

/// Compares two contents. Blocks the thread.
pub fn of(old: &[u8], new: &[u8]) -> Diff {
    if old == new {
        return Diff::Same;
    }
    let (Some(old), Some(new)) = (text(old), text(new)) else { return Diff::Other };
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let mut left = MOST_LINES;
    let mut hunks = Vec::new();
    for group in diff.grouped_ops(CONTEXT) {
        let Some(first) = group.first() else { continue };
        let (old, new) = (first.old_range().start + 1, first.new_range().start + 1);
        let changes = group.iter().flat_map(|op| diff.iter_changes(op));
        let lines: Vec<_> = changes.take(left).map(line).collect();
        left -= lines.len();
        hunks.push(Hunk { old, new, lines });
        if left == 0 {
            break;
        }
    }
    Diff::Text { hunks, truncated: left == 0 }
}

fn line(change: similar::Change<&str>) -> (char, String) {
    let sign = match change.tag() {
        ChangeTag::Equal => '=',
        ChangeTag::Delete => '-',
        ChangeTag::Insert => '+',
    };
    let text = change.value().trim_end_matches(['\n', '\r']);
    let mut shown: String = text.chars().take(LONGEST_LINE).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    (sign, shown)
}

fn text(content: &[u8]) -> Option<&str> {
    std::str::from_utf8(content).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(old: &str, new: &str, expected: Expect) {
        let diff = of(old.as_bytes(), new.as_bytes());
        expected.assert_eq(&serde_json::to_string(&diff).unwrap());
    }

    #[test]
    fn texts_are_compared_by_lines() {
        check(
            "a\nb\nc\n",
            "a\nB\nc\n",
            expect![[
                r#"{"kind":"text","hunks":[{"old":1,"new":1,"lines":[["=","a"],["-","b"],["+","B"],["=","c"]]}],"truncated":false}"#
            ]],
        );
        check(
            "",
            "new\n",
            expect![[
                r#"{"kind":"text","hunks":[{"old":1,"new":1,"lines":[["+","new"]]}],"truncated":false}"#
            ]],
        );
        check(
            "gone",
            "",
            expect![[
                r#"{"kind":"text","hunks":[{"old":1,"new":1,"lines":[["-","gone"]]}],"truncated":false}"#
            ]],
        );
        check("same", "same", expect![[r#"{"kind":"same"}"#]]);
        check("a\0b", "a", expect![[r#"{"kind":"other"}"#]]);
        let long: String = (0..40).map(|n| format!("{n}\n")).collect();
        check(
            &long,
            &long.replace("20\n", "twenty\n"),
            expect![[
                r#"{"kind":"text","hunks":[{"old":18,"new":18,"lines":[["=","17"],["=","18"],["=","19"],["-","20"],["+","twenty"],["=","21"],["=","22"],["=","23"]]}],"truncated":false}"#
            ]],
        );
    }

    #[test]
    fn what_nobody_would_read_is_cut() {
        let long: String = (0..5000).map(|n| format!("{n}\n")).collect();
        let Diff::Text { hunks, truncated } = of(b"", long.as_bytes()) else { panic!("no text") };
        assert_eq!((hunks[0].lines.len(), truncated), (MOST_LINES, true));
        let Diff::Text { hunks, .. } = of(b"", "x".repeat(9000).as_bytes()) else { panic!() };
        assert_eq!(hunks[0].lines[0].1.chars().count(), LONGEST_LINE + 1);
    }
}
