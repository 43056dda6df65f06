//! Recognises the format of a file by its first bytes, for names that do not reveal it. It follows the order and the
//! signatures of <https://mimesniff.spec.whatwg.org>, and adds formats that sites publish without an ending.

mod binary;
mod charset;
mod text;

use binary::binary;
use text::text;

pub use binary::proven;
pub use charset::declared_charset;

/// How many bytes are looked at. The standard uses 1445; a comment at the beginning may be longer.
pub const HEAD: usize = 4096;

/// The content type of the bytes, without parameters; `None` if they are neither text nor in a format known here.
/// `is_whole` says whether the bytes are the whole file.
pub fn essence(head: &[u8], is_whole: bool) -> Option<&'static str> {
    if let Some(format) = binary(head) {
        return Some(format);
    }
    let head = without_mark(head).trim_ascii_start();
    let Opening { is_xml, is_open, rest } = Opening::of(head);
    let is_whole = is_whole && rest.len() <= HEAD;
    let text = text(rest)?;
    let text = text.trim_start();
    let is_json = || rest.len() == head.len() && is_json(text, is_whole);
    Some(match markup(is_xml, text) {
        Some(markup) => markup,
        // By the standard, a comment at the beginning means HTML.
        None if is_open && !is_xml && !is_whole => "text/html",
        None if is_json() => "application/json",
        None => "text/plain",
    })
}

/// Whether the root element of a text is that of SVG.
pub fn is_svg(head: &[u8]) -> bool {
    is_markup(head) && essence(head, false) == Some("image/svg+xml")
}

/// The type of a feed, by its root element.
pub fn feed(head: &[u8]) -> Option<&'static str> {
    let text = without_mark(head).trim_ascii_start();
    if !matches!(text, [b'<', b'?' | b'r' | b'f', ..] | [b'<', b'!', b'-', ..]) {
        return None;
    }
    let feeds = ["application/rss+xml", "application/atom+xml"];
    essence(head, false).filter(|essence| feeds.contains(essence))
}

/// The bytes without the byte order mark of UTF-8.
fn without_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)
}

/// Whether the bytes can begin with markup. This costs less than reading them as text.
fn is_markup(head: &[u8]) -> bool {
    let start = head.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(start, Some(b'<' | 0xef | 0xfe | 0xff))
}

/// Whether the content is a whole HTML document, not just text that contains tags.
pub fn is_document(head: &[u8]) -> bool {
    // This settles it for nearly every file that is not HTML.
    if !is_markup(head) {
        return false;
    }
    let Some(text) = text(Opening::of(head).rest) else { return false };
    let text = without_comments(text.trim_start());
    let starts = ["<!doctype html", "<html", "<head", "<body"];
    starts.iter().any(|tag| text.get(..tag.len()).is_some_and(|t| t.eq_ignore_ascii_case(tag)))
}

/// Everything before the first tag of a text: white space, comments and instructions. It may be longer than the bytes
/// that are looked at.
struct Opening<'h> {
    /// Whether it has an XML declaration.
    is_xml: bool,
    /// Whether it has a comment that does not end.
    is_open: bool,
    /// The bytes after it.
    rest: &'h [u8],
}

impl<'h> Opening<'h> {
    fn of(head: &'h [u8]) -> Opening<'h> {
        let mut rest = without_mark(head).trim_ascii_start();
        let (mut is_xml, mut is_open) = (false, false);
        while let Some(end) = Opening::end(rest) {
            is_xml |= rest.starts_with(b"<?xml");
            let at = rest.windows(end.len()).position(|window| window == end);
            is_open = at.is_none();
            rest = at.map_or(&[], |at| rest[at + end.len()..].trim_ascii_start());
        }
        Opening { is_xml, is_open, rest }
    }

    /// The end of the instruction or comment with which a text begins.
    fn end(text: &[u8]) -> Option<&'static [u8]> {
        match text {
            _ if text.starts_with(b"<?") => Some(b"?>"),
            _ if text.starts_with(b"<!--") => Some(b"-->"),
            _ => None,
        }
    }
}

/// The format of a text that begins with a tag; `None` if it begins with something else. `is_xml` says whether it
/// follows an XML declaration.
fn markup(is_xml: bool, text: &str) -> Option<&'static str> {
    let (is_xml, text) = match text.strip_prefix("<?xml") {
        Some(rest) => (true, rest.split_once("?>").map_or("", |(_, rest)| rest)),
        None => (is_xml, text),
    };
    let text = without_comments(text);
    let name = match text.get(..9).filter(|start| start.eq_ignore_ascii_case("<!doctype")) {
        Some(_) => text[9..].trim_start(),
        None => text.strip_prefix('<').unwrap_or_default(),
    };
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && !":-_".contains(c));
    let name = name[..end.unwrap_or(name.len())].to_ascii_lowercase();
    match name.as_str() {
        "html" if is_xml => Some("application/xhtml+xml"),
        "svg" => Some("image/svg+xml"),
        "rss" => Some("application/rss+xml"),
        "feed" => Some("application/atom+xml"),
        "urlset" | "sitemapindex" | "opml" | "rdf:rdf" => Some("application/xml"),
        _ if is_xml => Some("application/xml"),
        _ if HTML.contains(&name.as_str()) => Some("text/html"),
        _ => None,
    }
}

/// The elements with which an HTML document can begin.
const HTML: [&str; 38] = [
    "html", "head", "body", "title", "meta", "link", "style", "script", "base", "main", "header",
    "nav", "article", "section", "h1", "div", "p", "a", "b", "br", "table", "font", "iframe",
    "template", "h2", "h3", "h4", "ul", "ol", "dl", "span", "noscript", "form", "img", "pre",
    "footer", "aside", "center",
];

fn without_comments(text: &str) -> &str {
    let mut text = text.trim_start();
    loop {
        // An instruction may come here too, such as `<?xml-stylesheet …?>`.
        let end = match text {
            _ if text.starts_with("<!--") => "-->",
            _ if text.starts_with("<?") => "?>",
            _ => return text,
        };
        text = text.split_once(end).map_or("", |(_, rest)| rest).trim_start();
    }
}

/// Whether a text is JSON, or the beginning of JSON.
fn is_json(text: &str, is_whole: bool) -> bool {
    if !text.starts_with(['{', '[']) {
        return false;
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => true,
        // This includes a text that was cut inside a character.
        Err(error) => error.is_eof() && !is_whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(first: usize, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; 800];
        (0..4).for_each(|packet| bytes[first + packet * size] = 0x47);
        bytes
    }

    #[test]
    fn the_first_bytes_tell_the_content_type() {
        let wide: Vec<u8> = "\u{feff}<html>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let long = format!("<!-- {} -->\n<html>", "x".repeat(3 * HEAD));
        let long_feed = format!("<?xml version='1.0'?>\n<!-- {} --><feed>", "x".repeat(3 * HEAD));
        let open = format!("<!-- {}", "x".repeat(3 * HEAD));
        let rows: &[(&[u8], Option<&str>)] = &[
            (b"<!doctype html><title>x</title>", Some("text/html")),
            (b"\xef\xbb\xbf\n <HTML lang=en>", Some("text/html")),
            (b"<!-- built -->\n<p>x", Some("text/html")),
            (long.as_bytes(), Some("text/html")),
            (long_feed.as_bytes(), Some("application/atom+xml")),
            (b"<!-- {} -->{}", Some("text/plain")),
            (b"<!-- only a comment", Some("text/plain")),
            (&wide, Some("text/html")),
            (b"<p>caf\xe9</p>", Some("text/html")),
            (
                b"<?xml version='1.0'?><!DOCTYPE html PUBLIC ''><html>",
                Some("application/xhtml+xml"),
            ),
            (b"<?xml version='1.0'?>\n<rss version='2.0'>", Some("application/rss+xml")),
            (b"<rss><channel/>", Some("application/rss+xml")),
            (b"<?xml?><?xml-stylesheet href='a.xsl'?><feed>", Some("application/atom+xml")),
            (b"<?xml?><feed xmlns='http://www.w3.org/2005/Atom'>", Some("application/atom+xml")),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Some("image/svg+xml")),
            (b"<?xml?><urlset>", Some("application/xml")),
            (b"{\"issuer\":\"https://example.com\"}", Some("application/json")),
            (b"[1, 2]", Some("application/json")),
            (b"\xef\xbb\xbf {}", Some("application/json")),
            (b"[section]\nkey = 1", Some("text/plain")),
            (b"{not json}", Some("text/plain")),
            (b"{", Some("text/plain")),
            (b"User-agent: *\n", Some("text/plain")),
            (b"<3 this is text", Some("text/plain")),
            (b"BMW and ID3", Some("text/plain")),
            (b"caf\xe9", Some("text/plain")),
            (b"", Some("text/plain")),
            (b"\x89PNG\r\n\x1a\n\0", Some("image/png")),
            (b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"\0\0\0\x20ftypisom", Some("video/mp4")),
            (b"%PDF-1.7", Some("application/pdf")),
            (b"\0\x01\x02\x03", None),
            (b"\x1f\x8b\x08\0", Some("application/gzip")),
        ];
        for (head, expected) in rows {
            assert_eq!(essence(head, true), *expected, "{}", String::from_utf8_lossy(head));
        }
        assert_eq!(essence(open.as_bytes(), false), Some("text/html"));
        assert!(is_document(long.as_bytes()));
        assert_eq!(essence(b"{\"a\": [1, \"cut", false), Some("application/json"));
        let long = format!("{{\"issuer\": \"{}\"}}", "x".repeat(2 * HEAD));
        assert_eq!(essence(long.as_bytes(), true), Some("application/json"));
        for tag in ["<h2>", "<ul>", "<span>", "<noscript>"] {
            let text = format!("{}{tag}", " ".repeat(HEAD + 1));
            assert_eq!(essence(text.as_bytes(), true), Some("text/html"), "{tag}");
        }
        for (first, size) in [(0, 188), (4, 192)] {
            assert_eq!(essence(&stream(first, size), false), Some("video/mp2t"));
        }
        let text = "G".repeat(800);
        assert_eq!(essence(text.as_bytes(), true), Some("text/plain"));
    }
}
