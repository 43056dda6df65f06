//! Finds pages that load files of this site from another address. A generator that does not get the address of the
//! environment writes the one in its own configuration, usually production's: staging's pages then show production's
//! style sheets, and a broken one is not seen before it is live.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use percent_encoding::percent_decode_str;

use super::{Site, Source};
use crate::headers::is_page;
use crate::key::Prefix;

/// Another address, and what the pages load from there.
#[derive(Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Such as `https://example.com`.
    pub origin: String,
    /// How many of the pages that were read load something from there.
    pub pages: usize,
    /// One of the files, as a key without the prefix.
    pub example: String,
}

/// Pages that are read. A generator makes the same mistake in all of them.
const MOST_PAGES: usize = 200;

/// What is read of each, in bytes.
const MOST_OF_A_PAGE: u64 = 256 << 10;

/// The addresses other than `own` from which pages load files that the site holds, in the order of the addresses.
/// Blocks the thread. A page that cannot be read is passed over.
pub fn elsewhere(site: &Site, prefix: &Prefix, own: Option<&str>) -> Vec<Elsewhere> {
    let own = own.and_then(|url| split(url.as_bytes())).map(|(origin, _)| origin);
    let pages = site.files.iter().filter(|file| is_html(file.headers.content_type()));
    let step = pages.clone().count().div_ceil(MOST_PAGES).max(1);
    let mut found: BTreeMap<String, Elsewhere> = BTreeMap::new();
    for page in pages.step_by(step) {
        let Source::Disk(disk) = &page.source else { continue };
        let Ok(file) = File::open(disk.path(&page.key)) else { continue };
        let mut text = Vec::new();
        if file.take(MOST_OF_A_PAGE).read_to_end(&mut text).is_err() {
            continue;
        }
        for (origin, example) in loads(&text, |path| file_of(site, prefix, path)) {
            if Some(&origin) == own.as_ref() {
                continue;
            }
            let elsewhere = found.entry(origin.clone());
            elsewhere.or_insert(Elsewhere { origin, pages: 0, example }).pages += 1;
        }
    }
    found.into_values().collect()
}

fn is_html(content_type: &str) -> bool {
    content_type.starts_with("text/html")
}

/// The asset of the site that a path of a URL stands for, as a key without the prefix. The site may lie in a folder
/// there, so the path is tried without its first segments too.
fn file_of(site: &Site, prefix: &Prefix, path: &str) -> Option<String> {
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let mut rest = path.trim_start_matches('/');
    while !rest.is_empty() {
        let key = prefix.join(rest);
        if let Ok(at) = site.files.binary_search_by(|file| (*file.key).cmp(&*key)) {
            let file = &site.files[at];
            return (!is_page(&file.key, file.headers.content_type())).then(|| rest.to_owned());
        }
        rest = rest.split_once('/')?.1;
    }
    None
}

/// The origins that a page loads files of the site from, each once, with one of the files.
fn loads(page: &[u8], file_of: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = page;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        rest = &rest[at + 1..];
        let end = rest.iter().position(|byte| *byte == b'>').unwrap_or(rest.len());
        let tag = &rest[..end];
        // A link that a visitor follows loads nothing.
        if tag.first().is_some_and(u8::is_ascii_alphabetic) && !is_named(tag, b"a") {
            for (origin, path) in addresses(tag) {
                if let Some(file) = file_of(&path) {
                    found.entry(origin).or_insert(file);
                }
            }
        }
        rest = &rest[end..];
    }
    found
}

fn is_named(tag: &[u8], name: &[u8]) -> bool {
    let end = tag.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(tag.len());
    tag[..end].eq_ignore_ascii_case(name)
}

/// The whole addresses in a tag that are the value of `src` or `href`, as origin and path.
fn addresses(tag: &[u8]) -> impl Iterator<Item = (String, String)> {
    let mut rest = tag;
    std::iter::from_fn(move || {
        loop {
            let at = rest.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (rest[..at].trim_ascii_end(), rest[at + 1..].trim_ascii_start());
            let is_loaded = [&b"src"[..], b"href"].iter().any(|attribute| {
                let start = name.len().checked_sub(attribute.len());
                start.is_some_and(|start| {
                    name[start..].eq_ignore_ascii_case(attribute)
                        && name[..start].last().is_some_and(u8::is_ascii_whitespace)
                })
            });
            rest = value;
            if let Some(found) = is_loaded.then(|| split(value_of(value))).flatten() {
                return Some(found);
            }
        }
    })
}

/// The value of an attribute without its quotes.
fn value_of(text: &[u8]) -> &[u8] {
    let quote = text.first().filter(|byte| matches!(byte, b'"' | b'\''));
    let text = if quote.is_some() { &text[1..] } else { text };
    let is_end = |byte: &u8| quote.map_or(byte.is_ascii_whitespace(), |quote| byte == quote);
    &text[..text.iter().position(is_end).unwrap_or(text.len())]
}

/// The origin, in lower case, and the path of an address with a host; `None` for any other.
fn split(address: &[u8]) -> Option<(String, String)> {
    let address = std::str::from_utf8(address).ok()?;
    let (scheme, rest) = address.split_once("//")?;
    if !["", "http:", "https:"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // Browsers take the scheme of the page, and pages that are deployed are asked for by https.
    let scheme = if scheme.eq_ignore_ascii_case("http:") { "http" } else { "https" };
    let host = host.to_ascii_lowercase();
    (!host.is_empty()).then(|| (format!("{scheme}://{host}"), path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_loads_files_of_the_site_from_other_origins() {
        let site = ["css/site.css", "img/a b.png", "app.js"];
        let file_of = |path: &str| {
            let path = percent_decode_str(path).decode_utf8().unwrap();
            let path = path.trim_start_matches('/').to_owned();
            site.contains(&path.as_str()).then_some(path)
        };
        for (page, expected) in [
            (
                "<link rel=stylesheet href=\"https://example.com/css/site.css?v=1\">",
                "https://example.com css/site.css",
            ),
            ("<LINK HREF='HTTPS://Example.COM/css/site.css'>", "https://example.com css/site.css"),
            ("<script async src=//example.com/app.js></script>", "https://example.com app.js"),
            (
                "<img alt=\"a = b\" src = \"http://example.com/img/a%20b.png\">",
                "http://example.com img/a b.png",
            ),
            ("<script src=\"https://cdn.example.net/jquery.js\"></script>", ""),
            ("<a href=\"https://example.com/app.js\">source</a>", ""),
            ("<link rel=canonical href=\"https://example.com/\">", ""),
            ("<img data-src=\"https://example.com/app.js\">", ""),
            ("<link href=/css/site.css><script src=app.js>", ""),
            ("<p>3 < 4 = \"https://example.com/app.js\"", ""),
            ("<link href=", ""),
            ("<", ""),
        ] {
            let found = loads(page.as_bytes(), file_of);
            let found: Vec<String> =
                found.into_iter().map(|(origin, file)| format!("{origin} {file}")).collect();
            assert_eq!(found.join(", "), expected, "{page}");
        }
    }
}
