//! Finds addresses in pages that lead away from what is deployed. A generator that does not get the address of the
//! environment writes the one in its own configuration, usually production's: staging's pages then show production's
//! style sheets and link to production's pages, and a broken one is not seen before it is live. In a folder of a
//! bucket, an address that begins with `/` leads out of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use percent_encoding::percent_decode_str;

use super::{Site, Source};
use crate::byte_search;
use crate::headers::is_page;
use crate::key::Prefix;

/// Where the environments are, as visitors see them.
#[derive(Clone, Debug)]
pub struct Places {
    /// The address of this deploy, if it is known.
    pub own: Option<Base>,
    /// The path of this deploy on its host, such as `/` or `/docs/`.
    pub folder: String,
    /// The other environments, by their names.
    pub others: Vec<(String, Base)>,
    /// The name of a folder's page.
    pub index: String,
}

impl Places {
    /// Whether an address in a page shows that the page was built for this place.
    fn is_named_by(&self, origin: Option<&str>, path: &str) -> bool {
        match origin {
            Some(origin) => self.own.as_ref().is_some_and(|own| own.has(origin, path)),
            None => self.folder != "/" && is_below(path, &self.folder),
        }
    }
}

/// The address below which a site lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// Such as `https://example.com`.
    origin: String,
    /// Begins and ends with a slash.
    pub path: String,
}

impl Base {
    /// `None` for what is not an address with a host.
    pub fn of(url: &str) -> Option<Base> {
        let (origin, path) = split(url.as_bytes())?;
        let path = path.trim_matches('/');
        let path = if path.is_empty() { "/".to_owned() } else { format!("/{path}/") };
        Some(Base { origin, path })
    }

    /// Whether an address leads here. A browser that follows a link is sent from http to https.
    fn has(&self, origin: &str, path: &str) -> bool {
        host(&self.origin) == host(origin) && is_below(path, &self.path)
    }
}

/// How pages lead away from this deploy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// They load files that the site holds from another origin, such as `https://example.com`.
    LoadFrom(String),
    /// They load files that the site holds from outside of its folder.
    LoadOutside,
    /// They link to another environment.
    LinkToEnvironment(String),
    /// They link to an address that only stands in samples, or is that of a developer's machine.
    LinkToSample,
    /// They link to pages of the site outside of its folder.
    LinkOutside,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Astray {
    pub kind: Kind,
    /// How many of the pages that were read do so.
    pub pages: usize,
    /// One of the files, as a key without the prefix, or one of the addresses.
    pub example: String,
}

/// Pages that are read. A generator makes the same mistake in all of them.
const MOST_PAGES: usize = 20;

/// What is read of each, in bytes.
const MOST_OF_A_PAGE: u64 = 64 << 10;

/// How the pages of a site lead away from it. Blocks the thread. A page that cannot be read is passed over.
pub fn astray(site: &Site, prefix: &Prefix, places: &Places) -> Vec<Astray> {
    let pages = site.files.iter().filter(|file| is_html(file.headers.content_type()));
    let step = pages.clone().count().div_ceil(MOST_PAGES).max(1);
    let held = |path: &str| held(site, prefix, &places.index, path);
    let (mut read, mut found) = (0, BTreeMap::new());
    for page in pages.step_by(step) {
        let Source::Disk(disk) = &page.source else { continue };
        let Ok(file) = File::open(disk.path(&page.key)) else { continue };
        let mut text = Vec::new();
        if file.take(MOST_OF_A_PAGE).read_to_end(&mut text).is_err() {
            continue;
        }
        read += 1;
        for (kind, example) in of_page(&text, places, &held) {
            found.entry(kind).or_insert((0, example)).0 += 1;
        }
    }
    worth_telling(found, read)
}

/// A link may lead elsewhere on purpose, but not from most pages.
fn worth_telling(found: BTreeMap<Kind, (usize, String)>, read: usize) -> Vec<Astray> {
    let loads_outside = found.contains_key(&Kind::LoadOutside);
    let is_told = |astray: &Astray| match astray.kind {
        Kind::LoadFrom(_) | Kind::LoadOutside => true,
        Kind::LinkOutside if loads_outside => false,
        _ => astray.pages > 1 && astray.pages * 2 > read,
    };
    let found = found.into_iter();
    found.map(|(kind, (pages, example))| Astray { kind, pages, example }).filter(is_told).collect()
}

fn is_html(content_type: &str) -> bool {
    content_type.starts_with("text/html")
}

/// What the site holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Asset,
    Page,
}

/// What the site holds at a key without the prefix; a folder is its page.
fn held(site: &Site, prefix: &Prefix, index: &str, path: &str) -> Option<Held> {
    let find = |path: &str| {
        let key = prefix.join(path);
        let at = site.files.binary_search_by(|file| (*file.key).cmp(&*key)).ok()?;
        let file = &site.files[at];
        Some(if is_page(&file.key, file.headers.content_type()) { Held::Page } else { Held::Asset })
    };
    match path.strip_suffix('/') {
        Some(folder) => find(&format!("{folder}/{index}")),
        None => find(path).or_else(|| find(&format!("{path}/{index}"))),
    }
}

/// How one page leads away, with an example of each kind.
fn of_page(
    page: &[u8],
    places: &Places,
    held: &dyn Fn(&str) -> Option<Held>,
) -> BTreeMap<Kind, String> {
    let (mut found, mut knows_place) = (BTreeMap::new(), false);
    for (tag, (origin, path)) in addresses(page) {
        let origin = origin.as_deref();
        knows_place |= places.is_named_by(origin, &path);
        let is_link = is_named(tag, b"a") || is_named(tag, b"area");
        let astray = match is_link {
            true => link(origin, &path, places, held),
            false => load(origin, &path, places, held),
        };
        if let Some((kind, example)) = astray {
            found.entry(kind).or_insert(example);
        }
    }
    // The generator knows where the site goes, so what leads elsewhere is meant to: to another version, or to what is
    // live.
    let is_load = |kind: &Kind| matches!(kind, Kind::LoadFrom(_) | Kind::LoadOutside);
    found.retain(|kind, _| !knows_place || is_load(kind));
    found
}

/// How an address that a page loads leads away. Without an origin, it is a path on the page's own host.
fn load(
    origin: Option<&str>,
    path: &str,
    places: &Places,
    held: &dyn Fn(&str) -> Option<Held>,
) -> Option<(Kind, String)> {
    let own = places.own.as_ref().map(|own| own.origin.as_str());
    let is_asset = |path: &str| held(path) == Some(Held::Asset);
    match origin {
        Some(origin) if Some(origin) != own => {
            let file = without_folders(path, is_asset)?;
            Some((Kind::LoadFrom(origin.to_owned()), file))
        }
        _ if is_below(path, &places.folder) => None,
        _ => outside(path, places, is_asset).then(|| (Kind::LoadOutside, path.to_owned())),
    }
}

/// The same of an address that a visitor follows.
fn link(
    origin: Option<&str>,
    path: &str,
    places: &Places,
    held: &dyn Fn(&str) -> Option<Held>,
) -> Option<(Kind, String)> {
    let Places { own, folder, others, .. } = places;
    let own_origin = own.as_ref().map(|own| own.origin.as_str());
    let is_own_host = origin.is_none_or(|origin| own_origin.map(host) == Some(host(origin)));
    if let Some(origin) = origin.or(own_origin) {
        let address = || format!("{origin}{path}");
        let other = others.iter().filter(|(_, base)| base.has(origin, path));
        let other = other.max_by_key(|(_, base)| base.path.len());
        let own = own.as_ref().filter(|own| own.has(origin, path));
        match other {
            Some((_, base)) if own.is_some_and(|own| own.path.len() >= base.path.len()) => {}
            Some((name, _)) => return Some((Kind::LinkToEnvironment(name.clone()), address())),
            None if !is_own_host && is_sample(origin) => {
                return Some((Kind::LinkToSample, address()));
            }
            None => {}
        }
    }
    let is_page = |path: &str| !path.is_empty() && held(path).is_some();
    let is_outside = is_own_host && !is_below(path, folder) && outside(path, places, is_page);
    is_outside.then(|| (Kind::LinkOutside, path.to_owned()))
}

/// Whether a path outside of the deploy's folder is one of its files as if it lay at the top, or where another
/// environment lies.
fn outside(path: &str, places: &Places, is_held: impl Fn(&str) -> bool) -> bool {
    let others = places.others.iter().map(|(_, base)| base.path.as_str());
    let path = decoded(path);
    std::iter::once("/").chain(others).any(|base| path.strip_prefix(base).is_some_and(&is_held))
}

/// Whether a path lies in a folder, which ends with a slash, or is the folder.
fn is_below(path: &str, folder: &str) -> bool {
    path.starts_with(folder) || path == folder.trim_end_matches('/')
}

/// The file of the site that a path stands for, as a key without the prefix. The site may lie in a folder there, so
/// the path is tried without its first segments too.
fn without_folders(path: &str, is_held: impl Fn(&str) -> bool) -> Option<String> {
    let path = decoded(path);
    let mut rest = path.trim_start_matches('/');
    while !rest.is_empty() {
        if is_held(rest) {
            return Some(rest.to_owned());
        }
        rest = rest.split_once('/')?.1;
    }
    None
}

fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// An origin without its scheme.
fn host(origin: &str) -> &str {
    origin.split_once("//").map_or(origin, |(_, host)| host)
}

/// Whether an origin is one that samples of configurations have, or a development server's. No site is published there:
/// <https://www.rfc-editor.org/rfc/rfc6761#section-6>
pub fn is_sample(origin: &str) -> bool {
    let host = host(origin);
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_at_or_below = |domain: &str| {
        name.strip_suffix(domain).is_some_and(|above| above.is_empty() || above.ends_with('.'))
    };
    ["127.0.0.1", "0.0.0.0", "::1"].contains(&name)
        || ["example.com", "example.net", "example.org", "localhost"]
            .into_iter()
            .any(is_at_or_below)
}

fn is_named(tag: &[u8], name: &[u8]) -> bool {
    let end = tag.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(tag.len());
    tag[..end].eq_ignore_ascii_case(name)
}

/// An address, as origin and path; a path on the page's own host has no origin.
type Address = (Option<String>, String);

/// The values of `src` and `href` in a page that are addresses, each with the tag up to it. Addresses that are relative
/// to the page are left out.
fn addresses(page: &[u8]) -> impl Iterator<Item = (&[u8], Address)> {
    byte_search::all(b'=', page).filter_map(|at| {
        let (name, value) = (page[..at].trim_ascii_end(), page[at + 1..].trim_ascii_start());
        if !is_attribute(name) || !may_be_address(value) {
            return None;
        }
        Some((tag_up_to(page, at)?, address(value_of(value))?))
    })
}

/// Whether a text ends with the name of an attribute that has an address.
fn is_attribute(text: &[u8]) -> bool {
    let is_last = |name: &[u8]| {
        text.len().checked_sub(name.len()).is_some_and(|start| {
            text[start..].eq_ignore_ascii_case(name)
                && text[..start].last().is_some_and(u8::is_ascii_whitespace)
        })
    };
    match text.last() {
        Some(b'f' | b'F') => is_last(b"href"),
        Some(b'c' | b'C') => is_last(b"src"),
        _ => false,
    }
}

/// Whether a value does not begin like an address that is relative to the page.
fn may_be_address(value: &[u8]) -> bool {
    let start = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    matches!(start.trim_ascii_start().first(), Some(b'/' | b'h' | b'H'))
}

/// The tag that a place in a page is in, from its name up to there; `None` outside of tags and in a comment.
fn tag_up_to(page: &[u8], at: usize) -> Option<&[u8]> {
    let open = |end: usize| {
        let start = byte_search::last(b'<', &page[..end])?;
        let tag = &page[start + 1..end];
        byte_search::first(b'>', tag).is_none().then_some((start, tag))
    };
    let (start, tag) = open(at)?;
    let is_tag = tag.first().is_some_and(u8::is_ascii_alphabetic);
    let is_in_comment = open(start).is_some_and(|(_, before)| before.starts_with(b"!--"));
    (is_tag && !is_in_comment).then_some(tag)
}

/// The value of an attribute without its quotes.
fn value_of(text: &[u8]) -> &[u8] {
    let end = |text: &[u8]| text.iter().position(|b| b.is_ascii_whitespace() || *b == b'>');
    match text {
        [quote @ (b'"' | b'\''), rest @ ..] => {
            &rest[..byte_search::first(*quote, rest).unwrap_or(rest.len())]
        }
        _ => &text[..end(text).unwrap_or(text.len())],
    }
}

fn address(value: &[u8]) -> Option<Address> {
    let value = value.trim_ascii();
    match value.strip_prefix(b"/") {
        Some(rest) if !rest.starts_with(b"/") => {
            let path = std::str::from_utf8(value).ok()?.split(['?', '#']).next()?;
            Some((None, path.to_owned()))
        }
        _ => split(value).map(|(origin, path)| (Some(origin), path)),
    }
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

    const FILES: [&str; 5] =
        ["css/site.css", "img/a b.png", "app.js", "index.html", "posts/index.html"];

    fn in_site(path: &str) -> Option<Held> {
        let found = match path.strip_suffix('/') {
            Some(folder) => format!("{folder}/index.html"),
            None => path.to_owned(),
        };
        let kind = if found.ends_with(".html") { Held::Page } else { Held::Asset };
        FILES.contains(&found.as_str()).then_some(kind)
    }

    fn places(own: &str, prefix: &str, others: &[(&str, &str)]) -> Places {
        let own = Base::of(own);
        let folder = own.as_ref().map_or(format!("/{prefix}"), |own| own.path.clone());
        let others = others.iter().map(|(name, url)| ((*name).to_owned(), Base::of(url).unwrap()));
        Places { own, folder, others: others.collect(), index: "index.html".into() }
    }

    #[track_caller]
    fn assert_found(places: &Places, page: &str, expected: &str) {
        let found = of_page(page.as_bytes(), places, &in_site);
        let found: Vec<String> =
            found.into_iter().map(|(kind, example)| format!("{kind:?} {example}")).collect();
        assert_eq!(found.join(", "), expected, "{page}");
    }

    #[test]
    fn a_page_loads_files_of_the_site_from_other_origins() {
        let places = places("", "", &[]);
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
            ("<img src=https://example.com/in/folder/app.js>", "https://example.com app.js"),
            ("<script src=\"https://cdn.example.net/jquery.js\"></script>", ""),
            ("<a href=\"https://site.test/app.js\">source</a>", ""),
            ("<link rel=canonical href=\"https://example.com/\">", ""),
            ("<link rel=canonical href=\"https://example.com/posts/\">", ""),
            ("<img data-src=\"https://example.com/app.js\">", ""),
            ("<link href=/css/site.css><script src=app.js>", ""),
            ("<p>3 < 4 = \"https://example.com/app.js\"", ""),
            ("<link href=", ""),
            ("<", ""),
        ] {
            let expected = expected.split_once(' ').map_or(String::new(), |(origin, file)| {
                format!("{:?} {file}", Kind::LoadFrom(origin.into()))
            });
            assert_found(&places, page, &expected);
        }
    }

    #[test]
    fn a_page_links_to_another_environment() {
        let live = ("live", "https://site.test/");
        let beside = places("https://stg.site.test/", "", &[live]);
        let below = places("https://site.test/stg/", "stg/", &[live]);
        let above = places("https://site.test/", "", &[("stg", "https://site.test/stg/")]);
        let nowhere = places("", "", &[live]);
        let to_live = "LinkToEnvironment(\"live\") ";
        for (places, page, expected) in [
            (&beside, "<a href=https://site.test/posts/>", "https://site.test/posts/"),
            (&beside, "<a href=http://SITE.test/x>", "http://site.test/x"),
            (&beside, "<a href='//site.test'>", "https://site.test"),
            (&beside, "<a href=https://stg.site.test/posts/>", ""),
            (&beside, "<a href=/posts/><a href=posts/>", ""),
            (&beside, "<a href=https://else.test/posts/>", ""),
            (&below, "<a href=https://site.test/posts/>", "https://site.test/posts/"),
            (&below, "<a href=/posts/>", "https://site.test/posts/"),
            (&below, "<a href=https://site.test/stg/posts/>", ""),
            (&below, "<a href=/stg/posts/><a href=/stg>", ""),
            (&nowhere, "<a href=https://site.test/posts/>", "https://site.test/posts/"),
            (&nowhere, "<a href=/posts/>", ""),
            // The generator was told where it goes.
            (&beside, "<a href=https://stg.site.test/a/><a href=https://site.test/>", ""),
            (&below, "<link rel=canonical href=/stg/><a href=/posts/>", ""),
        ] {
            let expected = match expected {
                "" => String::new(),
                address => format!("{to_live}{address}"),
            };
            assert_found(places, page, &expected);
        }
        assert_found(
            &above,
            "<a href=/stg/x>",
            "LinkToEnvironment(\"stg\") https://site.test/stg/x",
        );
        assert_found(&above, "<a href=/posts/><a href=/stgx/>", "");
    }

    #[test]
    fn a_page_links_to_the_address_of_a_sample() {
        let places = places("https://www.example.com/", "", &[]);
        for (page, expected) in [
            ("<a href=https://example.org/posts/>", "https://example.org/posts/"),
            ("<a href=http://localhost:1313/posts/>", "http://localhost:1313/posts/"),
            ("<a href=http://[::1]:4000/>", "http://[::1]:4000/"),
            ("<a href=https://www.example.com/posts/>", ""),
            ("<a href=https://myexample.org/posts/>", ""),
        ] {
            let expected = match expected {
                "" => String::new(),
                address => format!("LinkToSample {address}"),
            };
            assert_found(&places, page, &expected);
        }
    }

    #[test]
    fn a_page_in_a_folder_leads_out_of_it() {
        let without_url = places("", "feature__x/", &[]);
        let with_path = places("https://dev.test/feature__x/", "feature__x/", &[]);
        let own_host = places("https://feature-x.dev.test/", "feature__x/", &[]);
        let docs = places("https://dev.test/x/", "x/", &[("live", "https://site.test/docs/")]);
        for (places, page, expected) in [
            (&without_url, "<link href=/css/site.css>", "LoadOutside /css/site.css"),
            (&with_path, "<link href=/css/site.css?1>", "LoadOutside /css/site.css"),
            (&with_path, "<img src=https://dev.test/img/a%20b.png>", "LoadOutside /img/a%20b.png"),
            (&with_path, "<a href=/posts/>", "LinkOutside /posts/"),
            (&without_url, "<a href=/posts>", ""),
            (&docs, "<link href=/docs/css/site.css>", "LoadOutside /docs/css/site.css"),
            (&with_path, "<link href=/feature__x/css/site.css><script src=app.js>", ""),
            (&with_path, "<a href=/feature__x/posts/><a href=/feature__x><a href=/>", ""),
            (&with_path, "<link href=/css/shared.css><a href=/else/>", ""),
            (&own_host, "<link href=/css/site.css><a href=/posts/>", ""),
        ] {
            assert_found(places, page, expected);
        }
    }

    #[test]
    fn links_of_few_pages_are_not_told_of() {
        let told = |kind: Kind, pages, read| {
            worth_telling(BTreeMap::from([(kind, (pages, String::new()))]), read).len()
        };
        assert_eq!(told(Kind::LinkToSample, 1, 1), 0);
        assert_eq!(told(Kind::LinkToSample, 2, 4), 0);
        assert_eq!(told(Kind::LinkToSample, 3, 4), 1);
        assert_eq!(told(Kind::LoadOutside, 1, 4), 1);
        let both = [(Kind::LoadOutside, 1), (Kind::LinkOutside, 4)];
        let both = both.map(|(kind, pages)| (kind, (pages, String::new())));
        assert_eq!(worth_telling(BTreeMap::from(both), 4).len(), 1, "one line says it");
    }
}
