//! Compares two texts line by line, as the page shows them.

mod long_lines;

use std::time::Duration;

use serde::Serialize;
use similar::{ChangeTag, DiffOp, DiffTag, TextDiff};

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Diff {
    Text {
        hunks: Vec<Hunk>,
        truncated: bool,
    },
    /// The contents are equal.
    Same,
    /// At least one of them is not text.
    Other,
    Failed {
        message: String,
    },
}

/// Lines that differ, with a few lines of context.
#[derive(Debug, Serialize)]
pub struct Hunk {
    /// The number of the hunk's first line in the old text, from 1.
    old: usize,
    /// The same in the new text.
    new: usize,
    lines: Vec<(char, String)>,
}

/// Lines of context on each side of a change.
const CONTEXT: usize = 3;

/// Limits of what is shown: nobody reads more, and it would make the browser slow.
const MOST_LINES: usize = 3000;
const LONGEST_LINE: usize = 4000;

/// The time to look for a short diff. After that, a longer one is shown.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// Compares two contents. Blocks the thread.
pub fn of(old: &[u8], new: &[u8]) -> Diff {
    if old == new {
        return Diff::Same;
    }
    let (Some(old), Some(new)) = (text(old), text(new)) else { return Diff::Other };
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let mut shown = ShownLines { hunks: Vec::new(), left: MOST_LINES };
    for group in diff.grouped_ops(CONTEXT) {
        shown.begin(&group);
        for op in &group {
            if !shown.push_long(&diff, op) {
                diff.iter_changes(op).for_each(|change| shown.push(change));
            }
        }
    }
    let ShownLines { hunks, left } = shown;
    let hunks = hunks.into_iter().filter(|hunk| !hunk.lines.is_empty()).collect();
    Diff::Text { hunks, truncated: left == 0 }
}

/// The lines that are shown so far, and how many more are allowed.
struct ShownLines {
    hunks: Vec<Hunk>,
    left: usize,
}

impl ShownLines {
    fn begin(&mut self, group: &[DiffOp]) {
        if let Some(first) = group.first() {
            self.begin_at(first.old_range().start + 1, first.new_range().start + 1);
        }
    }

    fn begin_at(&mut self, old: usize, new: usize) {
        self.hunks.push(Hunk { old, new, lines: Vec::new() });
    }

    fn push(&mut self, change: similar::Change<&str>) {
        self.push_line(sign(change.tag()), cut(change.value()));
    }

    fn push_line(&mut self, sign: char, text: String) {
        if let Some(hunk) = self.hunks.last_mut().filter(|_| self.left > 0) {
            hunk.lines.push((sign, text));
            self.left -= 1;
        }
    }

    /// Shows replaced lines in pieces, if one of them is so long that a reader would not find the change in it. Returns
    /// whether that is so.
    fn push_long(&mut self, diff: &TextDiff<str>, op: &DiffOp) -> bool {
        let (old, new) = (op.old_range(), op.new_range());
        let old_line = |n: usize| diff.old_slice(n).unwrap_or_default();
        let new_line = |n: usize| diff.new_slice(n).unwrap_or_default();
        let is_long = |line: &str| line.len() > long_lines::LONG;
        let mut pairs = old.clone().zip(new.clone());
        if op.tag() != DiffTag::Replace
            || !pairs.clone().any(|(old, new)| is_long(old_line(old)) || is_long(new_line(new)))
        {
            return false;
        }
        for (old, new) in pairs.by_ref() {
            self.push_pair((old + 1, old_line(old)), (new + 1, new_line(new)));
        }
        let both = old.len().min(new.len());
        old.skip(both).for_each(|n| self.push_line('-', cut(old_line(n))));
        new.skip(both).for_each(|n| self.push_line('+', cut(new_line(n))));
        true
    }

    /// Shows each place in which two lines differ as a hunk of its own. Each argument is a line and its number.
    fn push_pair(&mut self, old: (usize, &str), new: (usize, &str)) {
        for (before, after) in long_lines::places(old.1, new.1) {
            self.begin_at(old.0, new.0);
            self.push_line('-', before);
            self.push_line('+', after);
        }
        self.begin_at(old.0 + 1, new.0 + 1);
    }
}

fn sign(tag: ChangeTag) -> char {
    match tag {
        ChangeTag::Equal => '=',
        ChangeTag::Delete => '-',
        ChangeTag::Insert => '+',
    }
}

fn cut(line: &str) -> String {
    let text = line.trim_end_matches(['\n', '\r']);
    let mut shown: String = text.chars().take(LONGEST_LINE).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
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
    fn only_the_surroundings_of_a_change_in_a_minified_page_are_shown() {
        let page: String = (0..5000).map(|n| format!("<p class=a>{n}</p>")).collect();
        let changed = page.replace(">77<", ">seven<").replace(">4000<", "><b>more</b><");
        let Diff::Text { hunks, truncated } = of(
            format!("<!doctype html>\n{page}\n").as_bytes(),
            format!("<!doctype html>\n{changed}\n").as_bytes(),
        ) else {
            panic!("no text")
        };
        let lines: Vec<_> = hunks.iter().map(|hunk| (hunk.old, hunk.new, &hunk.lines)).collect();
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!((lines[1].0, lines[1].1, truncated), (2, 2, false));
        for (hunk, removed, added) in
            [(&lines[1], ">77<", ">seven<"), (&lines[2], ">4000<", "<b>more</b>")]
        {
            let [('-', old), ('+', new)] = &hunk.2[..] else { panic!("{hunk:?}") };
            assert!(old.contains(removed) && new.contains(added), "{old}\n{new}");
            assert!(old.len() < 500 && old.starts_with('…') && old.ends_with('…'), "{old}");
        }
    }

    #[test]
    fn long_lines_of_other_numbers_are_shown_too() {
        let long = |word: &str| format!("{}{word}{}", "a{b:c}".repeat(2000), "d{e:f}".repeat(2000));
        let old = format!("{}\nx\n", long("old"));
        let new = format!("{}\ny\n{}\n", long("new"), "z".repeat(9000));
        let Diff::Text { hunks, .. } = of(old.as_bytes(), new.as_bytes()) else {
            panic!("no text")
        };
        let shown = serde_json::to_string(&hunks).unwrap();
        assert!(shown.contains("old") && shown.contains("new") && shown.contains("zzz"), "{shown}");
        assert!(shown.len() < 10_000, "{}", shown.len());
    }

    #[test]
    fn texts_that_are_too_long_are_cut() {
        let long: String = (0..5000).map(|n| format!("{n}\n")).collect();
        let Diff::Text { hunks, truncated } = of(b"", long.as_bytes()) else { panic!("no text") };
        assert_eq!((hunks[0].lines.len(), truncated), (MOST_LINES, true));
        let Diff::Text { hunks, .. } = of(b"", "x".repeat(9000).as_bytes()) else { panic!() };
        assert_eq!(hunks[0].lines[0].1.chars().count(), LONGEST_LINE + 1);
    }
}
