//! Whatever characters a key has, and however a store encodes it, it is listed as itself.

use proptest::collection::vec;
use proptest::prelude::*;

use super::decode;
use crate::base::proptests::{cases, text};

/// How a store encodes one character.
#[derive(Clone, Copy, Debug)]
enum Spelling {
    /// Not encoded, if that is allowed.
    Itself,
    Upper,
    Lower,
    /// A space as `+`.
    Form,
}

/// A key as a store encodes it: AWS uses `+` for a space, others use `%20`; some encode safe characters too, some do
/// not encode characters outside ASCII.
fn spelt(key: &str, spellings: &[Spelling]) -> String {
    let mut out = String::new();
    for (c, spelling) in key.chars().zip(spellings.iter().cycle()) {
        let bytes = c.to_string().into_bytes();
        match spelling {
            Spelling::Itself if !matches!(c, '%' | '+') => out.push(c),
            Spelling::Form if c == ' ' => out.push('+'),
            Spelling::Lower => bytes.iter().for_each(|b| out.push_str(&format!("%{b:02x}"))),
            _ => bytes.iter().for_each(|b| out.push_str(&format!("%{b:02X}"))),
        }
    }
    out
}

/// The same as `decode`, written without its shortcuts.
fn decoded_byte_by_byte(mut key: &[u8]) -> String {
    let digit = |byte: &u8| (*byte as char).to_digit(16);
    let mut bytes = Vec::new();
    while let Some((first, rest)) = key.split_first() {
        key = rest;
        bytes.push(match (first, rest) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) if digit(high).is_some() && digit(low).is_some() => {
                key = after;
                (digit(high).unwrap() * 16 + digit(low).unwrap()) as u8
            }
            _ => *first,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn spellings() -> impl Strategy<Value = Vec<Spelling>> {
    use Spelling::{Form, Itself, Lower, Upper};
    vec(proptest::sample::select(vec![Itself, Upper, Lower, Form]), 1..8)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_key_is_listed_as_itself_however_it_is_spelt(key in text(), spellings in spellings()) {
        prop_assert_eq!(decode(&spelt(&key, &spellings), true), key);
    }

    #[test]
    fn a_store_that_does_not_encode_is_taken_at_its_word(key in text()) {
        prop_assert_eq!(decode(&key, false), key);
    }

    #[test]
    fn a_broken_encoding_stays_as_it_is(key in "[%+0-9a-fA-F\u{e9}]{0,12}") {
        prop_assert_eq!(decode(&key, true), decoded_byte_by_byte(key.as_bytes()));
    }
}
