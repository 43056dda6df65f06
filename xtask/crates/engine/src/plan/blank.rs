//! Whether a page shows nothing. A template that lost its content leaves white space or empty elements, which are as
//! bad for visitors as a missing file.

use crate::site::{File, Source};

/// A longer page is assumed to show something. In bytes.
const LONGEST: u64 = 256 << 10;

/// Whether a file holds nothing that a browser could show. Reads the file, unless it is long.
pub fn is_blank(file: &File) -> bool {
    match &file.source {
        _ if file.size == 0 => true,
        Source::Disk(disk) if file.size <= LONGEST => {
            // If a file cannot be read, its upload fails and says why.
            std::fs::read(disk.path(&file.key)).is_ok_and(|bytes| shows_nothing(&bytes))
        }
        _ => false,
    }
}

fn shows_nothing(bytes: &[u8]) -> bool {
    let marks: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
    let text = marks.iter().find_map(|mark| bytes.strip_prefix(*mark)).unwrap_or(bytes);
    // Most files that are not markup are decided here, by their first byte.
    if text.first().is_some_and(|byte| byte.is_ascii_graphic() && !b"<&".contains(byte)) {
        return false;
    }
    // UTF-16 has a zero byte next to each ASCII character.
    let text: Vec<u8> = text.iter().copied().filter(|byte| *byte != 0).collect();
    let text = match String::from_utf8(text) {
        Ok(text) => text,
        Err(error) => error.into_bytes().into_iter().map(char::from).collect(),
    };
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let after = match first {
            '<' => after_markup(rest),
            '&' => INVISIBLE_ENTITIES.iter().find_map(|entity| rest.strip_prefix(entity)),
            _ if is_invisible(first) => Some(&rest[first.len_utf8()..]),
            _ => None,
        };
        let Some(after) = after else { return false };
        rest = after;
    }
    true
}

const INVISIBLE_ENTITIES: [&str; 12] = [
    "&nbsp;",
    "&#160;",
    "&#xa0;",
    "&#xA0;",
    "&ensp;",
    "&emsp;",
    "&thinsp;",
    "&shy;",
    "&zwnj;",
    "&zwj;",
    "&#8203;",
    "&ZeroWidthSpace;",
];

fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || character.is_ascii_control()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// The text after a comment, a declaration or a tag that shows nothing; `None` if it may show something.
fn after_markup(text: &str) -> Option<&str> {
    let past = |text: &'_ str, end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    if let Some(comment) = text.strip_prefix("<!--") {
        // `<!-->` and `<!--->` are whole comments.
        let whole = comment.strip_prefix('>').or_else(|| comment.strip_prefix("->"));
        return Some(whole.unwrap_or(&comment[past(comment, "-->")..]));
    }
    if text.starts_with("<!") || text.starts_with("<?xml ") {
        return Some(&text[past(text, ">")..]);
    }
    let end = past(text, ">");
    let (tag, after) = (text[1..end].trim_end_matches('>').to_ascii_lowercase(), &text[end..]);
    let name =
        tag.split(|c: char| c.is_ascii_whitespace() || c == '/').find(|part| !part.is_empty());
    let name = name.filter(|_| tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'))?;
    match name {
        "meta" if tag.contains("refresh") => None,
        // Their content is not shown as text.
        "title" | "style" if !tag.starts_with('/') => {
            let lower = after.to_ascii_lowercase();
            let close = format!("</{name}");
            let at = lower.find(&close).unwrap_or(after.len());
            let draws = name == "style" && DRAWING.iter().any(|word| lower[..at].contains(word));
            (!draws).then(|| &after[at..])
        }
        _ if DRAWING.iter().any(|word| tag.contains(word)) => None,
        _ => SHOWS_NOTHING.contains(&name).then_some(after),
    }
}

/// Words of a style that can make an empty element visible.
const DRAWING: [&str; 3] = ["background", "content:", "url("];

/// Elements that are invisible while they are empty. Others, such as `<script>` or `<img>`, may show something.
const SHOWS_NOTHING: [&str; 44] = [
    "html", "head", "body", "meta", "title", "style", "base", "link", "div", "span", "p", "br",
    "wbr", "main", "header", "footer", "nav", "section", "article", "aside", "a", "ul", "ol", "dl",
    "li", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "b", "i", "em", "strong", "small",
    "center", "font", "table", "tbody", "tr", "td",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_shows_nothing_is_blank() {
        let newlines = "\n".repeat(6000);
        for bytes in [
            &b""[..],
            b"\n",
            b" \t\r\n\n",
            b"\xef\xbb\xbf\n",
            newlines.as_bytes(),
            b"\0\0\0\0\0",
            b"\xff\xfe\n\0",
            "\u{a0}".as_bytes(),
            b"\xa0",
            "\u{200b}\u{feff}\n".as_bytes(),
            b"&nbsp;\n",
            b"<!-- -->",
            b"<!-->\n",
            b"<!-- it never ends",
            b"<!doctype html>",
            b"<!doctype html><html><head></head><body></body></html>",
            b"\xff\xfe<\0h\0t\0m\0l\0>\0",
            b"<html lang=en><head><meta charset=utf-8><title>My site</title><link rel=stylesheet href=/a.css>\
              <style>p { color: red }</style></head>\n<body class=home><div id=content><p>&nbsp;</p></div></body></html>",
        ] {
            assert!(shows_nothing(bytes), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_page_with_a_text_or_an_element_that_can_show_something_is_not_blank() {
        for bytes in [
            &b"x"[..],
            b"\n<p>x",
            b"\x1f\x8b\x08\0\x01",
            "<p>\u{65e5}".as_bytes(),
            b"caf\xe9",
            b"&copy;",
            b"a < b",
            b"<",
            b"<3",
            b"<!-- --><body>x",
            b"<body><div id=app></div><script src=/app.js></script></body>",
            b"<!doctype html><html><head><script type=module src=/a.js></script></head><body></body></html>",
            b"<meta http-equiv=\"Refresh\" content=\"0; url=/en/\">",
            b"<frameset cols=*><frame src=a.html></frameset>",
            b"<iframe src=/a></iframe>",
            b"<img src=a.png>",
            b"<canvas></canvas>",
            b"<svg></svg>",
            b"<my-app></my-app>",
            b"<hr>",
            b"<body style=\"background: url(soon.png)\"></body>",
            b"<style>body { background: url(soon.png) }</style><body></body>",
            b"<rss><channel></channel></rss>",
            b"<?php echo 1 ?>",
        ] {
            assert!(!shows_nothing(bytes), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
