//! What the bytes of a file reveal about it, learned while they are read for their digest: no file is read only for
//! this. If the name determines the content type, only text is looked at, for its character set.

mod pointers;
mod utf8;

use super::left_out::Why;
use super::private;
use crate::base::byte_search;
use crate::base::headers::{self, Doubt, Told};
use crate::base::sniff;

use pointers::{is_annex_pointer, is_lfs_pointer};
use utf8::Utf8;

/// What was learned. Stored only for the few files about which something was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub told: Told,
    pub finding: Option<Finding>,
    /// How the bytes are compressed, if that matters for the file.
    pub coding: Option<Coding>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Its name is typical for a secret, and nothing shows that it is public.
    SecretName,
    /// It holds a private key or other credentials.
    Secret,
    /// It is a pointer to content that Git LFS did not fetch.
    LfsPointer,
    /// It is a pointer to content that git-annex did not fetch.
    AnnexPointer,
    /// git-crypt has encrypted it.
    GitCrypt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    Zstd,
    Zlib,
    /// Text, so not compressed.
    Text,
    /// A format that is recognised by its first bytes, such as PNG.
    Format,
    Other,
}

impl Finding {
    /// Why a file is left out; `None` if it is a fault of the whole site.
    pub fn why_left_out(self) -> Option<Why> {
        match self {
            Finding::SecretName => Some(Why::SecretName),
            Finding::Secret => Some(Why::SecretContent),
            Finding::LfsPointer | Finding::AnnexPointer | Finding::GitCrypt => None,
        }
    }
}

/// Looks at a file while it is read.
pub struct Looker<'k> {
    name: &'k str,
    size: u64,
    /// The content type according to the name.
    named: &'static str,
    doubt: Doubt,
    has_secret_name: bool,
    is_encoded: bool,
    look: Look,
    /// Whether the beginning of the file was looked at.
    is_begun: bool,
    charset: Utf8,
}

impl<'k> Looker<'k> {
    /// `named` is the content type according to the name. `is_encoded` says whether a rule sets `content-encoding`.
    pub fn of(key: &'k str, size: u64, named: &'static str, is_encoded: bool) -> Looker<'k> {
        let name = key.rsplit('/').next().unwrap_or(key);
        Looker {
            name,
            size,
            named,
            doubt: headers::doubt(key, named),
            has_secret_name: super::names::looks_secret(name),
            is_encoded,
            look: Look::default(),
            is_begun: false,
            charset: Utf8::of(headers::needs_charset(named)),
        }
    }

    /// Takes the next bytes of the file.
    pub fn take(&mut self, bytes: &[u8]) {
        if !self.is_begun {
            self.is_begun = true;
            self.begin(bytes);
        }
        self.charset.take(bytes);
    }

    fn begin(&mut self, head: &[u8]) {
        let is_whole = head.len() as u64 == self.size;
        self.look.finding = self.finding(head);
        self.look.coding = self.coding(head);
        if self.is_encoded || self.look.coding.is_some() {
            // Compressed bytes say nothing about the text that visitors get.
            self.charset.is_asked = false;
            return;
        }
        self.look.told.essence = self.doubt.essence(self.named, head, is_whole);
        if let Some(essence) = self.look.told.essence {
            self.charset.is_asked = headers::needs_charset(essence);
        }
        if self.charset.is_asked {
            // Escape sequences can make pure ASCII bytes stand for other text.
            self.charset.is_shifted = is_shifted(head) || is_wide(head);
            self.charset.head = head[..head.len().min(sniff::HEAD)].to_vec();
        }
    }

    fn finding(&self, head: &[u8]) -> Option<Finding> {
        match head {
            _ if is_lfs_pointer(head, self.size) => Some(Finding::LfsPointer),
            _ if is_annex_pointer(head, self.size) => Some(Finding::AnnexPointer),
            _ if head.starts_with(b"\0GITCRYPT\0") => Some(Finding::GitCrypt),
            _ if private::is_secret(head, self.size) => Some(Finding::Secret),
            _ if self.has_secret_name && !private::is_public(self.name, head) => {
                Some(Finding::SecretName)
            }
            _ => None,
        }
    }

    fn coding(&self, head: &[u8]) -> Option<Coding> {
        let coding = match head {
            [0x1f, 0x8b, ..] => Coding::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Coding::Zstd,
            _ if !self.is_encoded => return None,
            [0x78, second, ..] if (0x7800 + u16::from(*second)).is_multiple_of(31) => Coding::Zlib,
            _ => match sniff::essence(head, false) {
                Some(essence) if is_text(essence) => Coding::Text,
                // The signatures of these are so short that compressed bytes can match them by chance.
                Some("image/bmp" | "video/mp2t") => Coding::Other,
                Some(_) => Coding::Format,
                None if is_long_utf_8(head) => Coding::Text,
                None => Coding::Other,
            },
        };
        let is_asked = self.is_encoded || self.charset.is_asked || self.is_zipped_by_name();
        (is_asked && self.size > 0).then_some(coding)
    }

    /// Whether browsers display a file with this name only if its encoding is declared.
    fn is_zipped_by_name(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        [".svg", ".svgz", ".json"].iter().any(|ending| name.ends_with(ending))
    }

    /// What was learned. Call it after the file is read. `None` if the name alone says everything.
    pub fn done(mut self) -> Option<Box<Look>> {
        self.look.told.charset = self.charset.done();
        (self.look != Look::default()).then(|| Box::new(self.look))
    }
}

/// Whether the bytes are UTF-8, and enough of them that compressed bytes are hardly ever UTF-8 by chance.
fn is_long_utf_8(head: &[u8]) -> bool {
    let head = &head[..head.len().min(sniff::HEAD)];
    head.len() >= 32
        && match std::str::from_utf8(head) {
            Ok(_) => true,
            Err(error) => error.error_len().is_none(),
        }
}

fn is_text(essence: &str) -> bool {
    headers::needs_charset(essence) || matches!(essence, "application/json" | "image/svg+xml")
}

/// Whether escape sequences switch the character set, as in ISO-2022-JP. Escape sequences for terminals begin with `ESC
/// [`.
fn is_shifted(head: &[u8]) -> bool {
    byte_search::all(0x1b, head).any(|at| matches!(head.get(at + 1), Some(b'$' | b'(')))
}

/// Whether a text is UTF-16 or UTF-32 without a byte order mark: its Latin letters have a NUL next to them. A single
/// NUL may be in any text.
fn is_wide(head: &[u8]) -> bool {
    let head = &head[..head.len().min(sniff::HEAD)];
    // Nearly every text has no NUL, and this is the fast way to find out.
    if !head.contains(&0) {
        return false;
    }
    let nuls = head.iter().filter(|byte| **byte == 0).count();
    head.is_ascii() || nuls * 8 >= head.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::headers::Charset;

    fn look_in(pieces: &[&[u8]], key: &str, is_encoded: bool) -> Look {
        let size = pieces.iter().map(|piece| piece.len() as u64).sum();
        let essence = headers::essence(key);
        let mut looker = Looker::of(key, size, essence, is_encoded);
        pieces.iter().for_each(|piece| looker.take(piece));
        looker.done().map(|look| *look).unwrap_or_default()
    }

    #[test]
    fn text_is_utf_8_or_what_it_declares() {
        let declared = Charset::Declared;
        let rows: &[(&str, &[u8], Charset)] = &[
            ("a.html", "caf\u{e9} \u{65e5}".as_bytes(), Charset::Utf8),
            ("a.html", b"caf\xe9", Charset::Unknown),
            ("a.html", b"<meta charset=iso-8859-1>caf\xe9", declared("iso-8859-1")),
            ("a.html", "<meta charset=iso-8859-1>caf\u{e9}".as_bytes(), Charset::Utf8),
            ("a.html", b"<meta charset=utf-8>caf\xe9", Charset::Utf8),
            ("a.html", b"<meta charset=iso-2022-jp>\x1b$B%3\x1b(B", declared("iso-2022-jp")),
            (
                "a.xml",
                b"<?xml version='1.0' encoding='windows-1251'?><a>\xcf</a>",
                declared("windows-1251"),
            ),
            ("a.txt", b"\xff\xfea\0", declared("utf-16")),
            ("a.html", b"<p>\x1b$B%3\x1b(B", Charset::Unknown),
            ("a.html", b"<p>\x1b(J\\", Charset::Unknown),
            ("a.log", b"\x1b[1mbold\x1b[0m", Charset::Utf8),
            ("a.txt", b"a\0b\0", Charset::Unknown),
            ("a.txt", b"\0a\0b", Charset::Unknown),
            ("a.txt", b"\xff\xfe\0\0a\0\0\0", Charset::Unknown),
            ("a.txt", b"\0\0\xfe\xff\0\0\0a", Charset::Unknown),
            ("a.txt", "caf\u{e9} and one \0 in a text".as_bytes(), Charset::Utf8),
            ("a.css", b"@charset \"gbk\";\xb0\xa1", declared("gbk")),
            ("a.js", b"// \xa9", Charset::Unknown),
            ("about", b"<p>caf\xe9", Charset::Unknown),
            ("a.txt", b"cut \xe6\x97", Charset::Unknown),
            ("a.png", b"\x89PNG\xff", Charset::Utf8),
        ];
        for (key, bytes, expected) in rows {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(look_in(&[bytes], key, false).told.charset, *expected, "{key} {shown}");
            let (most, last) = bytes.split_at(bytes.len() - 1);
            let pieces = [most, last];
            assert_eq!(look_in(&pieces, key, false).told.charset, *expected, "{key} {shown}");
        }
    }

    #[test]
    fn the_first_bytes_may_prove_another_format_than_the_name_tells() {
        let svg: &[u8] = b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>";
        let (png, jpeg): (&[u8], &[u8]) = (b"\x89PNG\r\n\x1a\n\0\0", b"\xff\xd8\xff\xe0\0\x10JFIF");
        let (pdf, webp): (&[u8], &[u8]) = (b"%PDF-1.7\n", b"RIFF\0\0\0\0WEBPVP8 ");
        let (zip, wasm): (&[u8], &[u8]) = (b"PK\x03\x04\x14\0", b"\0asm\x01\0\0\0");
        let (mp4, heif): (&[u8], &[u8]) = (b"\0\0\0\x20ftypisom\0\0", b"\0\0\0\x20ftypmif1\0\0");
        let rss: &[u8] = b"<?xml version='1.0'?><!-- feed --><rss version='2.0'>";
        let page: &[u8] = b"<!doctype html><title>x</title>";
        let rows: &[(&str, &[u8], Option<&str>)] = &[
            ("a.png", svg, Some("image/svg+xml")),
            ("a.jpg", b"\xef\xbb\xbf<!-- x --><svg>", Some("image/svg+xml")),
            ("a.svg", png, Some("image/png")),
            ("a.html", pdf, Some("application/pdf")),
            ("a.htm", jpeg, Some("image/jpeg")),
            ("a.png", jpeg, Some("image/jpeg")),
            ("a.jpg", webp, Some("image/webp")),
            ("a.gif", mp4, Some("video/mp4")),
            ("a.png", pdf, Some("application/pdf")),
            ("a.pdf", png, Some("image/png")),
            ("a.css", png, Some("image/png")),
            ("a.js", wasm, Some("application/wasm")),
            ("a.json", zip, Some("application/zip")),
            ("a.txt", pdf, Some("application/pdf")),
            ("a.xml", png, Some("image/png")),
            ("a.md", zip, Some("application/zip")),
            ("feed/index.html", rss, Some("application/rss+xml")),
            (
                "index.html",
                b"<feed xmlns='http://www.w3.org/2005/Atom'>",
                Some("application/atom+xml"),
            ),
            // The name is right, or close enough.
            ("a.png", png, None),
            ("a.apng", png, None),
            ("a.svg", svg, None),
            ("a.heif", b"\0\0\0\x20ftypheic\0\0", None),
            ("a.avif", heif, None),
            ("a.jpg", heif, None),
            ("a.docx", zip, None),
            ("a.jar", zip, None),
            ("a.epub", zip, None),
            ("a.pdf", pdf, None),
            ("a.m4a", mp4, None),
            ("a.webm", b"\x1a\x45\xdf\xa3", None),
            ("a.otf", b"\0\x01\0\0\0\x10", None),
            ("a.ttf", b"\0\x01\0\0\0\x10", None),
            ("a.html", page, None),
            ("a.html", svg, None),
            ("a.html", b"<?xml version='1.0'?><div xmlns='http://www.w3.org/1999/xhtml'>", None),
            ("a.html", b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>", None),
            ("a.html", b"BMW and ID3 are not formats", None),
            ("a.css", b"BM{}", None),
            // A browser shows it neither as a page nor as an image, and a file that a visitor uploaded must not become
            // a page.
            ("a.png", page, None),
            ("a.svg", page, None),
            ("a.xml", rss, None),
            ("a.txt", page, None),
            ("a.png", b"", None),
        ];
        for (key, bytes, expected) in rows {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(look_in(&[bytes], key, false).told.essence, *expected, "{key} {shown}");
            assert_eq!(look_in(&[bytes], key, true).told.essence, None, "encoded {key} {shown}");
        }
    }

    #[test]
    fn files_that_stand_for_others_are_found() {
        let rows: &[(&[u8], Option<Finding>)] = &[
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 22485\n",
                Some(Finding::LfsPointer),
            ),
            (
                b"version https://hawser.github.com/spec/v1\noid sha256:4d7a\nsize 5\n",
                Some(Finding::LfsPointer),
            ),
            (b"/annex/objects/SHA256E-s22485--4d7a.png\n", Some(Finding::AnnexPointer)),
            (b"\0GITCRYPT\0\x12\x34", Some(Finding::GitCrypt)),
            (b"see version https://git-lfs.github.com/spec/v1", None),
        ];
        for (bytes, expected) in rows {
            assert_eq!(look_in(&[bytes], "logo.png", false).finding, *expected);
        }
        let long =
            [b"version https://git-lfs.github.com/spec/v1\n".as_slice(), &[b'x'; 1024]].concat();
        assert_eq!(look_in(&[&long], "spec.txt", false).finding, None);
    }

    #[test]
    fn compression_is_told_where_it_matters() {
        let rows: &[(&str, bool, &[u8], Option<Coding>)] = &[
            ("a.css", true, b"\x1f\x8b\x08", Some(Coding::Gzip)),
            ("a.css", true, b"a{}", Some(Coding::Text)),
            ("a.css", true, b"\x78\x9c\x01", Some(Coding::Zlib)),
            ("a.css", true, b"\x0b\x02\x80\x03", Some(Coding::Other)),
            ("a.png", true, b"\x89PNG\r\n\x1a\n\0", Some(Coding::Format)),
            ("a.woff2", true, b"wOF2\0\x01\0\0", Some(Coding::Format)),
            ("a.wasm", true, b"\0asm\x01\0\0\0", Some(Coding::Format)),
            ("a.br", true, b"BM\x80\x01", Some(Coding::Other)),
            ("a.js", true, b"const separator = '\x01'; // a line", Some(Coding::Text)),
            ("a.css", false, b"a{}", None),
            ("a.css", false, b"\x1f\x8b\x08", Some(Coding::Gzip)),
            ("a.svgz", false, b"\x1f\x8b\x08", Some(Coding::Gzip)),
            ("a.tar.gz", false, b"\x1f\x8b\x08", None),
            ("a.css", true, b"", None),
        ];
        for (key, is_encoded, bytes, expected) in rows {
            assert_eq!(look_in(&[bytes], key, *is_encoded).coding, *expected, "{key} {bytes:?}");
        }
    }
}
