//! Where a file is in the bucket: keys and prefixes. One function maps a file to its key and one maps a branch to its
//! segment, because a slip in either deletes somebody else's site.

use std::borrow::Cow;
use std::fmt;
use std::path::{Component, Path};

use unicode_normalization::UnicodeNormalization;

use crate::base::tool_folder;

/// The longest key that S3 takes, in bytes of UTF-8.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
pub const LONGEST: usize = 1024;

/// The part of a bucket that is ours: empty for the whole bucket, else ending in `/`, so that `stg`
/// never reaches into `stg2/`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Accepts both `a/b` and `a/b/`.
    ///
    /// Fails with the reason if a segment is empty, `.`, `..` or the tool's own folder.
    pub fn new(text: &str) -> Result<Prefix, String> {
        if text.is_empty() {
            return Ok(Prefix::default());
        }
        let folder = text.strip_suffix('/').unwrap_or(text);
        for segment in folder.split('/') {
            match segment {
                "" => return Err("has an empty segment".into()),
                "." | ".." => return Err(format!("has the segment `{segment}`")),
                own if tool_folder::NAME.strip_suffix('/') == Some(own) => {
                    return Err(format!("has the segment `{segment}`, which is this tool's own"));
                }
                _ if segment.contains(has_no_name) => {
                    return Err("has a control character".into());
                }
                _ => {}
            }
        }
        Ok(Prefix(normal(&format!("{folder}/")).into_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The whole key of a file of the site.
    pub fn join(&self, relative: &str) -> String {
        format!("{}{relative}", self.0)
    }

    /// A key without the prefix; `None` for a key outside of it.
    pub fn relative<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(self.as_str())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The key of a file, from its path below the output folder: its name as it is on the disk, with `/` between segments.
/// S3 compares bytes, and so do links that a generator wrote from file names. On macOS the key is converted to NFC,
/// because file systems there change the form in which a name was typed.
///
/// Fails with the reason if the name is not UTF-8 or has a control character.
pub fn of_path(relative: &Path) -> Result<String, &'static str> {
    let mut segments = Vec::new();
    for component in relative.components() {
        let Component::Normal(name) = component else { return Err("is not a plain path") };
        let name = name.to_str().ok_or("has a name that is not UTF-8")?;
        if !is_plain(name) && name.contains(has_no_name) {
            return Err("has a control character in its name");
        }
        segments.push(name);
    }
    let key = segments.join("/");
    Ok(if cfg!(target_os = "macos") { normal(&key).into_owned() } else { key })
}

/// Whether a name is printable ASCII, as nearly all are. This is cheaper than checking each character.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Characters that S3's XML cannot represent, so that deleting a key with one of them would fail.
fn has_no_name(c: char) -> bool {
    c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// A text in NFC, the form in which globs and prefixes are read. A key is converted before it is matched.
pub fn normal(text: &str) -> Cow<'_, str> {
    // Nearly all texts are ASCII, and need not be checked character by character.
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}

/// A branch as one path segment. No two branches have the same segment.
///
/// ASCII letters, digits, `.` and `-` stay as they are; `/` becomes `__`; every other byte becomes `_` and its two hex
/// digits. These are the characters that S3 calls safe. The segment can be decoded to the branch, so the mapping is one
/// to one. If the branch has the same name as the segment of a pull request (`pr-7`), its dash is encoded too.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
pub fn branch_segment(branch: &str) -> String {
    let taken_by_pull_requests =
        branch.strip_prefix("pr-").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let mut segment = String::with_capacity(branch.len());
    for byte in branch.bytes() {
        match byte {
            b'/' => segment.push_str("__"),
            b'-' if taken_by_pull_requests => segment.push_str("_2D"),
            b'.' | b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => segment.push(byte.into()),
            _ => segment.push_str(&format!("_{byte:02X}")),
        }
    }
    segment
}

/// The segment of a pull request.
pub fn pull_request_segment(number: u64) -> String {
    format!("pr-{number}")
}

#[cfg(test)]
mod proptests;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_always_ends_in_a_slash() {
        assert_eq!(Prefix::new("").unwrap().as_str(), "");
        assert_eq!(Prefix::new("stg").unwrap().as_str(), "stg/");
        assert_eq!(Prefix::new("a/b/").unwrap().as_str(), "a/b/");
        assert_eq!(Prefix::new("stg").unwrap().relative("stg2/index.html"), None);
    }

    #[test]
    fn a_prefix_that_is_no_folder_is_an_error() {
        for bad in ["/", "/a", "a//b", "a/../b", ".", "a//", ".xtask/", "a\nb"] {
            assert!(Prefix::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    #[cfg(target_os = "macos")]
    fn a_name_typed_on_macos_gets_the_same_key() {
        assert_eq!(of_path(Path::new("e\u{301}te\u{301}.html")).unwrap(), "\u{e9}t\u{e9}.html");
    }

    #[test]
    #[cfg(not(target_os = "macos"))]
    fn a_key_is_the_name_on_the_disk() {
        let names = [
            "e\u{301}te\u{301}.html",
            "\u{e9}t\u{e9}.html",
            "\u{1112}\u{1161}\u{11ab}",
            "\u{30ab}\u{3099}",
        ];
        for name in names {
            assert_eq!(of_path(Path::new(name)).unwrap(), name);
        }
    }

    #[test]
    fn a_branch_becomes_a_safe_segment() {
        for (branch, segment) in [
            ("main", "main"),
            ("v1.2-rc", "v1.2-rc"),
            ("feature/login", "feature__login"),
            ("my_branch", "my_5Fbranch"),
            ("caf\u{e9}", "caf_C3_A9"),
            ("pr-7", "pr_2D7"),
            ("pr-7a", "pr-7a"),
        ] {
            assert_eq!(branch_segment(branch), segment);
        }
    }

    /// Decodes a segment to its branch. That this function can exist makes the mapping one to one.
    pub fn branch_of_segment(segment: &str) -> Option<String> {
        let mut bytes = segment.bytes();
        let mut branch = Vec::new();
        while let Some(byte) = bytes.next() {
            match byte {
                b'_' => match bytes.next()? {
                    b'_' => branch.push(b'/'),
                    high => {
                        let pair = [high, bytes.next()?];
                        branch.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
                    }
                },
                _ => branch.push(byte),
            }
        }
        String::from_utf8(branch).ok()
    }

    #[test]
    fn no_two_branches_share_a_segment() {
        let alphabet = ["a", "A", "/", "_", "-", ".", "2", "D", "pr-7", "\u{e9}", "+"];
        let mut branches = vec![String::new()];
        for _ in 0..4 {
            branches = branches
                .iter()
                .flat_map(|b| alphabet.iter().map(move |a| format!("{b}{a}")))
                .chain(branches.iter().cloned())
                .collect();
        }
        for branch in branches {
            assert_eq!(branch_of_segment(&branch_segment(&branch)), Some(branch));
        }
    }
}
