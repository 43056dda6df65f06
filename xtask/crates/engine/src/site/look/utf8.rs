//! Whether a text is UTF-8, and if it is not, which character set it declares.

use crate::base::headers::Charset;
use crate::base::sniff;

/// Checks whether bytes are UTF-8, as they arrive.
#[derive(Default)]
pub struct Utf8 {
    pub is_asked: bool,
    /// The beginning of the file, which may declare a character set. It is parsed only if the text is not UTF-8,
    /// because parsing takes longer than everything else.
    pub head: Vec<u8>,
    pub is_shifted: bool,
    is_broken: bool,
    /// The beginning of a character that the next bytes complete.
    rest: Vec<u8>,
}

impl Utf8 {
    /// `is_asked` says whether the character set of the file matters.
    pub fn of(is_asked: bool) -> Utf8 {
        Utf8 { is_asked, ..Utf8::default() }
    }

    pub fn take(&mut self, bytes: &[u8]) {
        if !self.is_asked || self.is_broken {
            return;
        }
        let mut bytes = bytes;
        while !self.rest.is_empty() {
            let Some((first, others)) = bytes.split_first() else { return };
            self.rest.push(*first);
            bytes = others;
            match std::str::from_utf8(&self.rest) {
                Ok(_) => self.rest.clear(),
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    self.is_broken = true;
                    return;
                }
            }
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            self.is_broken = error.error_len().is_some();
            self.rest = bytes[error.valid_up_to()..].to_vec();
        }
    }

    pub fn done(self) -> Charset {
        let is_utf_8 = !self.is_broken && self.rest.is_empty() && !self.is_shifted;
        if !self.is_asked || is_utf_8 {
            return Charset::Utf8;
        }
        match sniff::declared_charset(&self.head) {
            Some("utf-8") => Charset::Utf8,
            Some(declared) => Charset::Declared(declared),
            None => Charset::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_may_be_read_in_pieces() {
        let text = "\u{65e5}\u{1f600}\u{e9}a".as_bytes();
        for at in 0..text.len() {
            for end in at..text.len() {
                let pieces = [&text[..at], &text[at..end], &text[end..]];
                let mut utf8 = Utf8::of(true);
                pieces.iter().for_each(|piece| utf8.take(piece));
                assert_eq!(utf8.done(), Charset::Utf8, "{at} {end}");
            }
        }
    }
}
