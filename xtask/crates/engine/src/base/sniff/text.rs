//! The beginning of a file as text.

use std::borrow::Cow;

use super::HEAD;

/// The bytes as text, as far as is needed to tell formats apart; `None` if they contain a character that no text has.
/// UTF-16 is recognised by its byte order mark.
pub fn text(head: &[u8]) -> Option<Cow<'_, str>> {
    let head = &head[..head.len().min(HEAD)];
    let text = match head {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        _ => String::from_utf8_lossy(head),
    };
    // ESC switches the character set in ISO-2022-JP.
    let is_binary =
        |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b');
    (!text.contains(is_binary)).then_some(text)
}

fn wide(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Cow<'_, str> {
    let units = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    let units: Vec<u16> = units.collect();
    Cow::Owned(String::from_utf16_lossy(&units))
}
