//! Puts the parts of a file beside what is already there. Text of the user is never replaced: a later `init` changes
//! only what stands between its own two comment lines.

use crate::part::{BEGIN, END, Part, whole};

/// How a file looks with its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merged {
    /// The whole file as it is to be.
    Whole(String),
    /// The file is the user's own and cannot be extended. Ours can only be written beside it.
    Foreign(String),
}

/// Whether parts that are missing in a file may be added at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Appended,
    Foreign,
}

/// `before` is the text of the file that is there.
pub fn merge(before: Option<&str>, parts: &[Part], missing: Missing) -> Merged {
    let Some(before) = before.filter(|text| !text.trim().is_empty()) else {
        return Merged::Whole(whole(parts));
    };
    let named = |part: &Part| match part {
        Part::Own { name, .. } => Some(*name),
        Part::Once(_) => None,
    };
    let names = || parts.iter().filter_map(named);
    // A part without its last line has no end that is known.
    let is_open = |name| find(before, name).is_none() && begins(before, name);
    let is_foreign =
        missing == Missing::Foreign && names().all(|name| find(before, name).is_none());
    if is_foreign || names().any(is_open) {
        return Merged::Foreign(whole(parts));
    }
    let mut text = before.to_owned();
    for (part, name) in parts.iter().filter_map(|part| Some((part, named(part)?))) {
        match find(&text, name) {
            Some((start, end)) => text.replace_range(start..end, &part.written()),
            None if missing == Missing::Appended => append(&mut text, &part.written()),
            // The user has taken the part out.
            None => {}
        }
    }
    Merged::Whole(text)
}

fn append(text: &mut String, block: &str) {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push('\n');
    text.push_str(block);
}

fn begins(text: &str, name: &str) -> bool {
    text.lines().any(|line| line.trim().strip_prefix(BEGIN) == Some(name))
}

/// The bytes of a part, from the start of its first comment line to the end of its last.
fn find(text: &str, name: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    let mut start = None;
    for line in text.split_inclusive('\n') {
        let words = line.trim();
        if words.strip_prefix(BEGIN) == Some(name) {
            start = Some(at);
        }
        at += line.len();
        if let Some(start) = start.filter(|_| words.strip_prefix(END) == Some(name)) {
            return Some((start, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Part {
        Part::Own { name: "job", text: text.into() }
    }

    #[track_caller]
    fn assert_merged(before: &str, parts: &[Part], missing: Missing, expected: &str) {
        assert_eq!(merge(Some(before), parts, missing), Merged::Whole(expected.into()));
        assert_eq!(merge(Some(expected), parts, missing), Merged::Whole(expected.into()), "again");
    }

    #[test]
    fn a_new_file_has_all_parts() {
        let parts = [Part::Once("a:\n".into()), own("  b: 1\n"), Part::Once("c: 2\n".into())];
        let expected =
            "a:\n  # begin cargo xtask init: job\n  b: 1\n  # end cargo xtask init: job\nc: 2\n";
        assert_eq!(merge(None, &parts, Missing::Foreign), Merged::Whole(expected.into()));
        assert_eq!(merge(Some("\n"), &parts, Missing::Foreign), Merged::Whole(expected.into()));
    }

    #[test]
    fn an_own_part_is_replaced_and_the_rest_stays() {
        let before = "mine: 1\n  # begin cargo xtask init: job\n  old\n  # end cargo xtask init: job\nmine: 2";
        let parts = [Part::Once("never\n".into()), own("  new: 1\n  two: 2\n")];
        let expected = "mine: 1\n  # begin cargo xtask init: job\n  new: 1\n  two: 2\n  # end cargo xtask init: job\nmine: 2";
        assert_merged(before, &parts, Missing::Foreign, expected);
    }

    #[test]
    fn a_missing_part_is_appended_where_that_is_possible() {
        let expected =
            "/mine\n\n# begin cargo xtask init: job\n/target\n# end cargo xtask init: job\n";
        assert_merged("/mine", &[own("/target\n")], Missing::Appended, expected);
        assert_merged("/mine\n", &[own("/target\n")], Missing::Appended, expected);
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let foreign = merge(Some("jobs:\n"), &[own("jobs:\n")], Missing::Foreign);
        let expected = "# begin cargo xtask init: job\njobs:\n# end cargo xtask init: job\n";
        assert_eq!(foreign, Merged::Foreign(expected.into()));
    }

    #[test]
    fn a_file_with_a_part_that_has_no_end_is_left_alone() {
        let before = "# begin cargo xtask init: job\nold\n";
        let merged = merge(Some(before), &[own("new\n")], Missing::Appended);
        let expected = "# begin cargo xtask init: job\nnew\n# end cargo xtask init: job\n";
        assert_eq!(merged, Merged::Foreign(expected.into()));
    }
}
