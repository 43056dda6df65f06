//! Properties that hold for every key, every prefix and the segment of every branch.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::branch_of_segment;
use super::{Prefix, branch_segment, of_path, pull_request_segment};
use crate::base::proptests::{cases, check_words, text};

/// Names with slashes between them: valid ones, invalid ones, and random ones.
fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => "[ab]{1,2}",
        1 => Just(".".to_owned()),
        1 => Just("..".to_owned()),
        1 => Just(".xtask".to_owned()),
        1 => Just(String::new()),
        2 => text(),
    ];
    vec(name, 0..4).prop_map(|names| names.join("/"))
}

/// Drawn from few names, so that one path is often the beginning of another.
fn folders() -> impl Strategy<Value = Vec<String>> {
    vec("[ab\u{e9}]{1,2}", 0..4)
}

/// A branch name that git's rules allow.
/// <https://git-scm.com/docs/git-check-ref-format>
fn branch() -> impl Strategy<Value = String> {
    let name = "[a-zA-Z0-9_+%\u{e9}\u{65e5}-]{1,6}(\\.[a-z0-9_]{1,3})?";
    prop_oneof![
        vec(name, 1..4).prop_map(|names| names.join("/")),
        "pr-[0-9]{0,3}",
        "pr[_-]{1,2}[0-9]{1,3}"
    ]
}

/// Whether S3's XML can represent it.
fn can_be_named(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_prefix_is_a_folder_of_the_bucket_or_says_why_it_is_none(text in path()) {
        let prefix = match Prefix::new(&text) {
            Err(reason) => return check_words(&reason),
            Ok(prefix) => prefix,
        };
        prop_assert_eq!(Prefix::new(prefix.as_str()), Ok(prefix.clone()), "read again, it is the same");
        prop_assert!(can_be_named(prefix.as_str()));
        let Some(folder) = prefix.as_str().strip_suffix('/') else {
            prop_assert_eq!((text.as_str(), prefix.as_str()), ("", ""));
            return Ok(());
        };
        prop_assert_eq!(Prefix::new(folder), Ok(prefix.clone()), "also without its slash");
        prop_assert!(folder.split('/').all(|name| !["", ".", "..", ".xtask"].contains(&name)));
    }

    #[test]
    fn a_prefix_holds_the_keys_below_it_and_no_others(
        prefix in folders(),
        key in folders(),
        file in "[ab]",
    ) {
        let key = [key, vec![file]].concat();
        let ours = Prefix::new(&prefix.join("/")).unwrap();
        let below = key.strip_prefix(prefix.as_slice()).filter(|rest| !rest.is_empty());
        let whole = key.join("/");
        prop_assert_eq!(ours.relative(&whole).map(str::to_owned), below.map(|rest| rest.join("/")));
        let joined = ours.join(&whole);
        prop_assert_eq!(ours.relative(&joined), Some(whole.as_str()));
    }

    #[test]
    fn a_path_becomes_a_key_below_the_prefix_or_nothing(text in path()) {
        let key = match of_path(Path::new(&text)) {
            Err(reason) => return check_words(reason),
            Ok(key) => key,
        };
        prop_assert!(can_be_named(&key));
        prop_assert!(!cfg!(target_os = "macos") || unicode_normalization::is_nfc(&key));
        prop_assert!(key.is_empty() || key.split('/').all(|name| !["", ".", ".."].contains(&name)));
        prop_assert_eq!(of_path(Path::new(&key)), Ok(key), "read again, it is the same");
    }

    #[test]
    fn a_plain_path_is_its_own_key(names in folders()) {
        let path: std::path::PathBuf = names.iter().collect();
        prop_assert_eq!(of_path(&path), Ok(names.join("/")));
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_utf_8_has_no_key(bytes in vec(any::<u8>(), 1..6)) {
        use std::os::unix::ffi::OsStrExt;
        let key = of_path(Path::new(std::ffi::OsStr::from_bytes(&bytes)));
        prop_assert!(key.is_err() || std::str::from_utf8(&bytes).is_ok());
    }

    #[test]
    fn a_segment_is_safe_and_can_be_read_back_to_its_branch(
        branch in prop_oneof![text(), branch()],
    ) {
        let segment = branch_segment(&branch);
        prop_assert!(segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
        prop_assert_eq!(branch_of_segment(&segment), Some(branch));
    }

    #[test]
    fn a_branch_of_git_is_one_folder_and_never_a_pull_requests(
        branch in branch(),
        number in 0..1000u64,
    ) {
        let prefix = Prefix::new(&branch_segment(&branch)).unwrap();
        prop_assert_eq!(prefix.as_str().matches('/').count(), 1);
        prop_assert_ne!(branch_segment(&branch), pull_request_segment(number));
        // The likeliest collision: a branch with the name of this very pull request's folder.
        let segment = pull_request_segment(number);
        prop_assert_ne!(branch_segment(&segment), segment);
    }

    #[test]
    fn whatever_a_branch_is_called_its_prefix_is_inside_of_the_fixed_one(branch in path()) {
        if let Ok(prefix) = Prefix::new(&format!("preview/{}/", branch_segment(&branch))) {
            let below = prefix.as_str().strip_prefix("preview/");
            prop_assert!(below.is_some_and(|below| below.matches('/').count() == 1), "{prefix}");
        }
    }
}
