//! The name that a store gives to the content of an object. Nearly every ETag is an MD5 in hex or looks like one, and a
//! deploy holds several for each of a hundred thousand files, so these are stored as their sixteen bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An ETag without its quotes. Two are equal if their texts are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Etag {
    /// Thirty-two hex digits in lower case. It need not be an MD5: that of an object encrypted with KMS is not one.
    Hex([u8; 16]),
    /// Any other ETag: multipart (`…-N`), or a store's own format.
    Other(Box<str>),
}

impl From<&str> for Etag {
    fn from(text: &str) -> Etag {
        bytes(text).map_or_else(|| Etag::Other(text.into()), Etag::Hex)
    }
}

impl From<String> for Etag {
    fn from(text: String) -> Etag {
        text.as_str().into()
    }
}

impl From<Etag> for String {
    fn from(etag: Etag) -> String {
        etag.to_string()
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Etag::Hex(bytes) => f.write_str(&hex(bytes)),
            Etag::Other(text) => f.write_str(text),
        }
    }
}

impl Etag {
    /// An ETag as a store sent it. If it sent none, the ETag is empty.
    pub(crate) fn sent(text: Option<&str>) -> Etag {
        text.map_or("", bare).into()
    }

    /// With its quotes, as a condition names it.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{self}\"")
    }

    /// Whether the store sent no ETag.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Etag::Other(text) if text.is_empty())
    }

    /// Whether it is the MD5 of no bytes.
    pub(crate) fn is_of_nothing(&self) -> bool {
        matches!(self, Etag::Hex(md5) if *md5 == OF_NOTHING)
    }
}

const OF_NOTHING: [u8; 16] = 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e_u128.to_be_bytes();

/// An ETag without its quotes and without `W/`. A gateway that compresses answers makes the ETag weak (`W/"…"`), but
/// the store behind it compares the strong one.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3>
fn bare(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("W/").unwrap_or(text).trim_matches('"')
}

/// Sixteen bytes as hex digits in lower case.
pub fn hex(bytes: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*bytes))
}

/// The reverse of [`hex`]; `None` for any other text.
pub fn bytes(text: &str) -> Option<[u8; 16]> {
    let digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let number = u128::from_str_radix(text, 16).ok().filter(|_| digits && text.len() == 32)?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_the_same_however_it_is_sent() {
        let md5 = "00ff45b2c8d9e0a1b2c3d4e5f6a7b8c9";
        for sent in
            [md5.to_owned(), format!("\"{md5}\""), format!("W/\"{md5}\""), format!(" \"{md5}\"")]
        {
            assert_eq!(Etag::sent(Some(&sent)), Etag::from(md5), "{sent}");
        }
        assert!(Etag::sent(None).is_missing() && Etag::sent(Some("\"\"")).is_missing());
    }

    #[test]
    fn only_the_md5_of_no_bytes_is_of_nothing() {
        for (text, expected) in [
            ("d41d8cd98f00b204e9800998ecf8427e", true),
            ("d41d8cd98f00b204e9800998ecf8427f", false),
            ("d41d8cd98f00b204e9800998ecf8427e-1", false),
            ("", false),
        ] {
            assert_eq!(Etag::from(text).is_of_nothing(), expected, "{text}");
        }
    }

    #[test]
    fn an_etag_keeps_its_text() {
        let md5 = "00ff45b2c8d9e0a1b2c3d4e5f6a7b8c9";
        assert!(matches!(md5.into(), Etag::Hex([0x00, 0xff, .., 0xc9])));
        let upper = md5.to_uppercase();
        let signed = format!("+{}", &md5[1..]);
        for text in [md5, &upper, &signed, &md5[1..], "a2178117d5e9ed5f7660ab3e6719c6a2-2", "é", ""]
        {
            assert_eq!(Etag::from(text).to_string(), text);
        }
    }
}
