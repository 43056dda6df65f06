//! Finds addresses in pages that lead away from what is deployed. A generator that does not know the address of the
//! environment writes the one in its own configuration, which is usually that of production. Then staging's pages load
//! production's style sheets and link to production's pages, and a broken page goes unnoticed until it is live. If the
//! site is in a folder of a bucket, an address that begins with `/` leads out of that folder.

mod addresses;
mod places;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use percent_encoding::percent_decode_str;

use super::{Site, Source};
use crate::base::headers::is_page;
use crate::base::key::Prefix;

use places::{host, is_below};

pub use places::{Base, Places, is_sample};

/// How pages lead away from this deploy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// They load files from another origin, such as `https://example.com`, although the site holds them.
    LoadFrom(String),
    /// They load files from outside the site's folder, although the site holds them.
    LoadOutside,
    /// They link to another environment.
    LinkToEnvironment(String),
    /// They link to an address that occurs only in samples, or to a developer's machine.
    LinkToSample,
    /// They link to pages of the site, but outside its folder.
    LinkOutside,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Astray {
    pub kind: Kind,
    pub of: Reader,
    /// In how many of the files that were read this occurs.
    pub files: usize,
    /// One of the files, as a key without the prefix, or one of the addresses.
    pub example: String,
}

/// The kind of file that contains an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    Page,
    StyleSheet,
}

/// How many pages are read. A generator makes the same mistake in all of them.
const MOST_PAGES: usize = 20;

/// How many style sheets are read.
const MOST_STYLE_SHEETS: usize = 5;

/// How much is read of each file, in bytes.
const MOST_OF_A_FILE: u64 = 64 << 10;

/// How the pages and style sheets of a site lead away from it. A file that cannot be read is skipped. Blocks the
/// thread.
pub fn astray(site: &Site, prefix: &Prefix, places: &Places) -> Vec<Astray> {
    let held = |path: &str| held(site, prefix, &places.index, path);
    let mut astray = read(site, Reader::Page, |page| of_page(page, places, &held));
    let of_style_sheet = |css: &[u8]| of_style_sheet(css, places, &held);
    astray.extend(read(site, Reader::StyleSheet, of_style_sheet));
    astray
}

/// Looks at some of the files of a kind.
fn read(site: &Site, of: Reader, look: impl Fn(&[u8]) -> BTreeMap<Kind, String>) -> Vec<Astray> {
    let (essence, most) = match of {
        Reader::Page => ("text/html", MOST_PAGES),
        Reader::StyleSheet => ("text/css", MOST_STYLE_SHEETS),
    };
    let files = site.files.iter().filter(|file| file.headers.content_type().starts_with(essence));
    let step = files.clone().count().div_ceil(most).max(1);
    let (mut read, mut found) = (0, BTreeMap::new());
    for file in files.step_by(step) {
        let Source::Disk(disk) = &file.source else { continue };
        let Ok(content) = File::open(disk.path(&file.key)) else { continue };
        let mut text = Vec::new();
        if content.take(MOST_OF_A_FILE).read_to_end(&mut text).is_err() {
            continue;
        }
        read += 1;
        for (kind, example) in look(&text) {
            found.entry(kind).or_insert((0, example)).0 += 1;
        }
    }
    worth_telling(found, read, of)
}

/// A link may lead elsewhere on purpose, but not from most pages.
fn worth_telling(found: BTreeMap<Kind, (usize, String)>, read: usize, of: Reader) -> Vec<Astray> {
    let loads_outside = found.contains_key(&Kind::LoadOutside);
    let is_told = |astray: &Astray| match astray.kind {
        Kind::LoadFrom(_) | Kind::LoadOutside => true,
        Kind::LinkOutside if loads_outside => false,
        _ => astray.files > 1 && astray.files * 2 > read,
    };
    let found = found.into_iter();
    let found = found.map(|(kind, (files, example))| Astray { kind, of, files, example });
    found.filter(is_told).collect()
}

/// What the site holds under a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Asset,
    Page,
}

/// What the site holds under a key without the prefix. For a folder, that is its page.
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
    for (is_link, (origin, path)) in addresses::in_page(page) {
        let origin = origin.as_deref();
        knows_place |= places.is_named_by(origin, &path);
        let astray = match is_link {
            true => link(origin, &path, places, held),
            false => load(origin, &path, places, held),
        };
        if let Some((kind, example)) = astray {
            found.entry(kind).or_insert(example);
        }
    }
    // If the generator knows where the site goes, links that lead elsewhere are intended: to another version, or to the
    // live site.
    let is_load = |kind: &Kind| matches!(kind, Kind::LoadFrom(_) | Kind::LoadOutside);
    found.retain(|kind, _| !knows_place || is_load(kind));
    found
}

/// How one style sheet leads away, with an example of each kind.
fn of_style_sheet(
    css: &[u8],
    places: &Places,
    held: &dyn Fn(&str) -> Option<Held>,
) -> BTreeMap<Kind, String> {
    let mut found = BTreeMap::new();
    for (origin, path) in addresses::in_style_sheet(css) {
        if let Some((kind, example)) = load(origin.as_deref(), &path, places, held) {
            found.entry(kind).or_insert(example);
        }
    }
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

/// The same for an address that a visitor follows.
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

/// Whether a path outside the deploy's folder would be one of its files if the site were at the top of the host, or
/// where another environment is.
fn outside(path: &str, places: &Places, is_held: impl Fn(&str) -> bool) -> bool {
    let others = places.others.iter().map(|(_, base)| base.path.as_str());
    let path = decoded(path);
    std::iter::once("/").chain(others).any(|base| path.strip_prefix(base).is_some_and(&is_held))
}

/// The file of the site to which a path leads, as a key without the prefix. The site may be in a folder there, so the
/// path is also tried without its first segments.
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
            (
                "<img src=a.png srcset=\"/x.png 1x, https://example.com/img/a%20b.png 2x\">",
                "https://example.com img/a b.png",
            ),
            (
                "<source srcset='https://example.com/app.js, https://example.com/css/site.css 2x'>",
                "https://example.com app.js",
            ),
            (
                "<link rel=preload imagesrcset=\"//example.com/app.js 1x\">",
                "https://example.com app.js",
            ),
            ("<video poster=https://example.com/app.js>", "https://example.com app.js"),
            ("<base href=https://example.com/><script src=app.js>", "https://example.com app.js"),
            (
                "<base href=\"https://example.com/in/x\"><img src=./app.js>",
                "https://example.com app.js",
            ),
            ("<base href=\"https://example.com\"><img src=/app.js>", "https://example.com app.js"),
            ("<base href=/><img src=app.js>", ""),
            ("<base href=https://example.com/><img src=data:image/png;base64,iVBO//8=>", ""),
            ("<base href=https://example.com/><a href=#top>", ""),
            (
                "<style>@font-face { src: url( 'https://example.com/app.js' ) }</style>",
                "https://example.com app.js",
            ),
            (
                "<div style=\"background: url(&quot;https://example.com/app.js&quot;)\">",
                "https://example.com app.js",
            ),
            ("<p>url(https://example.com/app.js)", ""),
            ("<style>a{x:curl(https://example.com/app.js)}</style>", ""),
            ("<a href=/wiki/File:Logo.png>", ""),
            ("<", ""),
        ] {
            let expected = expected.split_once(' ').map_or(String::new(), |(origin, file)| {
                format!("{:?} {file}", Kind::LoadFrom(origin.into()))
            });
            assert_found(&places, page, &expected);
        }
    }

    #[test]
    fn a_style_sheet_loads_files_of_the_site_from_other_origins() {
        let places = places("https://dev.test/x/", "x/", &[]);
        for (css, expected) in [
            ("a{background:URL(https://example.com/img/a%20b.png)}", "from img/a b.png"),
            ("@import \"https://example.com/css/site.css\" screen;", "from css/site.css"),
            ("@import url(//example.com/css/site.css);", "from css/site.css"),
            ("a{background:url(/img/a%20b.png)}", "outside /img/a%20b.png"),
            ("a{background:url(../img/a%20b.png)}", ""),
            ("a{background:url(/x/img/a%20b.png)}", ""),
            ("a{background:url(https://cdn.test/other.png)}", ""),
            ("@import", ""),
            ("url(", ""),
            ("(", ""),
        ] {
            let found = of_style_sheet(css.as_bytes(), &places, &in_site).into_iter();
            let shown = |(kind, example)| match kind {
                Kind::LoadFrom(_) => format!("from {example}"),
                _ => format!("outside {example}"),
            };
            assert_eq!(found.map(shown).collect::<Vec<_>>().join(", "), expected, "{css}");
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
            // The generator was told where the site goes.
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
            worth_telling(BTreeMap::from([(kind, (pages, String::new()))]), read, Reader::Page)
                .len()
        };
        assert_eq!(told(Kind::LinkToSample, 1, 1), 0);
        assert_eq!(told(Kind::LinkToSample, 2, 4), 0);
        assert_eq!(told(Kind::LinkToSample, 3, 4), 1);
        assert_eq!(told(Kind::LoadOutside, 1, 4), 1);
        let both = [(Kind::LoadOutside, 1), (Kind::LinkOutside, 4)];
        let both = both.map(|(kind, pages)| (kind, (pages, String::new())));
        assert_eq!(
            worth_telling(BTreeMap::from(both), 4, Reader::Page).len(),
            1,
            "one line says it"
        );
    }
}
