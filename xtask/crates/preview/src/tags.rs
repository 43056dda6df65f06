//! Finds the tags of a page and their attributes. It knows just enough of HTML to find the addresses in them.

use std::ops::Range;

/// A tag as it is written, from `<` to `>`.
pub struct Tag<'a> {
    pub text: &'a [u8],
}

/// An attribute that has a value.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub name: &'a [u8],
    /// Where in `Tag::text` its value is, without quotes.
    pub value: Range<usize>,
}

/// The first tag, with the text before and after it. An end tag is a tag, too.
pub fn next_tag(text: &[u8]) -> Option<(&[u8], Tag<'_>, &[u8])> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.iter().position(|byte| *byte == b'<')?;
        let name = match text.get(at + 1) {
            Some(b'/') => text.get(at + 2),
            next => next,
        };
        if name.is_some_and(u8::is_ascii_alphabetic) {
            let (before, rest) = text.split_at(at);
            let (tag, after) = rest.split_at(length_of(rest));
            return Some((before, Tag { text: tag }, after));
        }
        from = at + 1;
    }
}

/// The length in bytes of the tag at the start of a text.
fn length_of(text: &[u8]) -> usize {
    let mut quote = None;
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

impl<'a> Tag<'a> {
    /// Its name. The name of an end tag begins with a slash.
    pub fn name(&self) -> &'a [u8] {
        let rest = self.text.get(1..).unwrap_or_default();
        let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'>';
        let end = rest.iter().position(ends).unwrap_or(rest.len());
        rest[..end].strip_suffix(b"/").unwrap_or(&rest[..end])
    }

    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> {
        let text = self.text;
        let mut at = 1 + self.name().len();
        std::iter::from_fn(move || {
            loop {
                at = skip(text, at, |byte| {
                    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'')
                });
                let name = at..skip(text, at, is_in_name);
                at = skip(text, name.end, |byte| byte.is_ascii_whitespace());
                if text.get(at) == Some(&b'=') {
                    let value = value_at(text, skip(text, at + 1, |b| b.is_ascii_whitespace()));
                    at = value.end;
                    return Some(Attribute { name: &text[name], value });
                }
                if name.is_empty() {
                    return None;
                }
            }
        })
    }

    /// The value of an attribute.
    pub fn value(&self, name: &[u8]) -> Option<&'a [u8]> {
        let mut attributes = self.attributes();
        let found = attributes.find(|attribute| attribute.name.eq_ignore_ascii_case(name))?;
        Some(&self.text[found.value])
    }
}

fn is_in_name(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'>' | b'/' | b'"' | b'\'')
}

fn value_at(text: &[u8], at: usize) -> Range<usize> {
    match text.get(at) {
        Some(quote @ (b'"' | b'\'')) => at + 1..skip(text, at + 1, |byte| byte != *quote),
        _ => at..skip(text, at, |byte| !byte.is_ascii_whitespace() && byte != b'>'),
    }
}

/// The first position from `at` on whose byte is not skipped.
fn skip(text: &[u8], at: usize, is_skipped: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| !is_skipped(*byte)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(text: &str) -> Vec<(String, String)> {
        let tag = Tag { text: text.as_bytes() };
        let string = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        tag.attributes().map(|found| (string(found.name), string(&tag.text[found.value]))).collect()
    }

    #[test]
    fn attributes_are_found_however_they_are_written() {
        for (text, expected) in [
            ("<a>", vec![]),
            ("<a href=x>", vec![("href", "x")]),
            ("<a href = 'x y' b>", vec![("href", "x y")]),
            ("<a b href=\"x>y\"/>", vec![("href", "x>y")]),
            ("<a href=\"x\"class=y>", vec![("href", "x"), ("class", "y")]),
            ("<a href=a/b/>", vec![("href", "a/b/")]),
            ("<a href=\"x", vec![("href", "x")]),
            ("<a href=", vec![("href", "")]),
            ("<a = b>", vec![("", "b")]),
            ("<a", vec![]),
        ] {
            let found = attributes(text);
            let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn tags_are_distinguished_from_other_angle_brackets() {
        let name = |text: &'static str| {
            next_tag(text.as_bytes())
                .map(|(before, tag, after)| (before.len(), tag.name(), after.len()))
        };
        assert_eq!(name("a < b <p>c"), Some((6, &b"p"[..], 1)));
        assert_eq!(name("</Script >x"), Some((0, &b"/Script"[..], 1)));
        assert_eq!(name("<br/>"), Some((0, &b"br"[..], 0)));
        assert_eq!(name("<"), None);
        assert_eq!(name("<!-- x -->"), None);
    }
}
