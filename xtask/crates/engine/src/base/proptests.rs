//! Helpers for the property tests. Wherever something is parsed, there is a `proptests.rs` next to it. It feeds random
//! inputs to the parser, and prints the smallest input that breaks a promise.
//!
//! `PROPTEST_CASES` sets how many inputs each test tries, and `PROPTEST_RNG_SEED` which ones. Without a seed they are
//! the same each time, so that a commit is never blamed for the mistake of another. The inputs of failures are not kept
//! in files: an input that is worth keeping becomes a row in a table of the ordinary tests.

use proptest::char::range;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

use crate::base::humanize::plain;

pub fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    let rng_seed = match usual.rng_seed {
        RngSeed::Random => RngSeed::Fixed(7),
        told => told,
    };
    ProptestConfig { failure_persistence: None, rng_seed, ..usual }
}

/// Characters with a meaning for a parser, a path, a terminal or Unicode's normal forms.
const ODD: [char; 38] = [
    '\0',
    '\t',
    '\n',
    '\r',
    '\u{1b}',
    '\u{7f}',
    '\u{9b}',
    ' ',
    '/',
    '\\',
    '.',
    '%',
    '+',
    '"',
    '\'',
    '#',
    '=',
    ':',
    ',',
    '@',
    '{',
    '}',
    '[',
    ']',
    '*',
    '!',
    '\u{301}',
    '\u{338}',
    '\u{e9}',
    '\u{212a}',
    '\u{2028}',
    '\u{202e}',
    '\u{2067}',
    '\u{feff}',
    '\u{fffe}',
    '\u{ffff}',
    '\u{65e5}',
    '\u{1f980}',
];

pub fn character() -> impl Strategy<Value = char> {
    prop_oneof![3 => range('!', '~'), 2 => select(&ODD[..]), 1 => any::<char>()]
}

/// A short text of arbitrary characters.
pub fn text() -> impl Strategy<Value = String> {
    vec(character(), 0..16).prop_map(String::from_iter)
}

/// Checks that a message is not empty, and that a terminal displays it as plain text.
pub fn check_words(message: &str) -> Result<(), TestCaseError> {
    prop_assert!(!message.trim().is_empty());
    prop_assert!(message.split('\n').all(|line| plain(line) == line), "{message:?}");
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_shown_plainly_is_one_line_and_what_was_plain_stays(text in text()) {
        let shown = plain(&text);
        let commands = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{202e}' | '\u{2067}');
        prop_assert!(!shown.contains(commands));
        prop_assert_eq!(plain(&shown), shown);
    }
}
