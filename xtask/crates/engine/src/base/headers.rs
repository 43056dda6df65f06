//! The headers of an object: its content type, by name or by content, and the headers that rules set.
//!
//! The table of content types is the tool's own, because the host's differs from machine to machine: the same commit
//! must get the same headers on a laptop and in CI.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use globset::GlobBuilder;
use serde::{Deserialize, Serialize};

use crate::base::key;
use crate::base::sniff;

pub(crate) use globset::GlobMatcher;

/// Header names, in lower case, and their values. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Headers(Arc<BTreeMap<String, String>>);

/// The headers that S3 stores with an object, besides `x-amz-meta-*`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
pub(crate) const KNOWN: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    REDIRECT,
];

/// The address to which the website endpoint redirects requests for the object: a path in the same bucket, or a whole
/// address.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html>
pub(crate) const REDIRECT: &str = "x-amz-website-redirect-location";

/// The beginning of the names of user-defined metadata.
pub(crate) const META: &str = "x-amz-meta-";

/// Headers for the keys that a glob matches.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(crate) matcher: GlobMatcher,
    pub headers: Headers,
}

impl Headers {
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        Arc::make_mut(&mut self.0).insert(name.to_owned(), value.into());
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names of the headers that differ, in order.
    pub(crate) fn differences<'h>(&'h self, other: &'h Headers) -> Vec<&'h str> {
        let names: BTreeSet<&str> =
            self.0.keys().chain(other.0.keys()).map(String::as_str).collect();
        names.into_iter().filter(|name| self.get(name) != other.get(name)).collect()
    }

    pub fn content_type(&self) -> &str {
        self.get("content-type").unwrap_or(UNKNOWN_TYPE)
    }
}

/// Whether visitors, feed readers or browsers start from this file. The files that it points to must exist before it
/// does, and for as long as it does.
pub fn is_page(key: &str, content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let page = matches!(
        essence,
        "text/html"
            | "application/xhtml+xml"
            | "application/xml"
            | "text/xml"
            | "application/rss+xml"
            | "application/atom+xml"
            | "application/feed+json"
            | "application/manifest+json"
    );
    let name = key.rsplit('/').next().unwrap_or_default();
    page || matches!(name, "sitemap.txt" | "feed.json") || is_service_worker(name)
}

/// Whether the name is that of a service worker, or of a file that one relies on: those of Workbox, Angular, Flutter,
/// Firebase, OneSignal and others. A browser requests it on its own, and it loads the files that it lists.
fn is_service_worker(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let Some(stem) = name.strip_suffix(".js").or_else(|| name.strip_suffix(".mjs")) else {
        return name == "ngsw.json";
    };
    let stem = stem.strip_suffix(".min").unwrap_or(stem);
    let parts: Vec<&str> = stem.split(['-', '_', '.']).collect();
    let words = parts.concat();
    let is_sw = |part: &&str| part.trim_end_matches(|c: char| c.is_ascii_digit()) == "sw";
    let is_for_offline = |name: &&str| words.contains(name);
    stem.ends_with("sw")
        || parts.iter().any(is_sw)
        || words.contains("serviceworker")
        || (parts.contains(&"worker") && ["pwa", "offline", "cache"].iter().any(is_for_offline))
        || matches!(
            words.as_str(),
            "ngswworker" | "onesignalsdkworker" | "onesignalsdkupdaterworker"
        )
}

/// What the bytes of a file add to what its name says about the content type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Told {
    /// The content type, if the bytes decide it and not the name.
    pub essence: Option<&'static str>,
    pub charset: Charset,
}

/// The character set of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Charset {
    #[default]
    Utf8,
    /// The text declares it.
    Declared(&'static str),
    /// No character set is claimed, so that browsers detect it.
    Unknown,
}

/// How much the content counts for the content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// The name decides.
    None,
    /// The name decides, unless the first bytes prove another format.
    Format,
    /// The same, but the content may also be an HTML document: `node.js` and `index.php` may be pages.
    Document,
    /// The ending is used for source code and for other formats too: `.ts` is TypeScript or video.
    Source,
    /// The name says nothing.
    Unknown,
}

impl Doubt {
    /// The content type according to the beginning of a file; `None` if that of the name, `named`, applies.
    pub(crate) fn essence(self, named: &str, head: &[u8], is_whole: bool) -> Option<&'static str> {
        match self {
            Doubt::None => None,
            Doubt::Format => contradiction(named, head),
            Doubt::Document if sniff::is_document(head) => Some("text/html"),
            Doubt::Document => contradiction(named, head),
            // If it is text, the content type is that of the name.
            Doubt::Source if sniff::is_document(head) => Some("text/html"),
            Doubt::Source => match sniff::essence(head, is_whole) {
                None => Some(UNKNOWN_TYPE),
                Some(essence) if is_binary(essence) => Some(essence),
                Some(_) => None,
            },
            Doubt::Unknown => sniff::essence(head, is_whole),
        }
    }
}

/// The content type that the first bytes prove, if the name says another: for example, a photo with the ending of a
/// page, or a drawing with the ending of a photo. But an HTML document with the ending of an image remains an image. A
/// browser shows it neither as a page nor as an image, and a file that a visitor uploaded must not become a page.
fn contradiction(named: &str, head: &[u8]) -> Option<&'static str> {
    // Nearly every page begins like this, and needs no further look.
    let is_markup = matches!(head.first(), Some(b'<' | 0xef | b'\n' | b'\r' | b'\t' | b' '));
    match Kind::of(named) {
        Kind::Text if is_markup => {
            return (named == "text/html").then(|| sniff::feed(head)).flatten();
        }
        Kind::Image if is_markup && named != "image/svg+xml" => {
            return sniff::is_svg(head).then_some("image/svg+xml");
        }
        Kind::Image if is_markup => return None,
        _ => {}
    }
    let found = sniff::proven(head)?;
    let is_other = match (Kind::of(named), Kind::of(found)) {
        // An animated PNG begins like any other PNG, and images in the same container go by several names.
        (Kind::Image, Kind::Image) => {
            let is_alias = matches!(
                (named, found),
                ("image/apng", "image/png") | ("image/heif" | "image/heic-sequence", "image/heic")
            );
            named != found && !is_alias
        }
        (named, found) => named != found,
    };
    is_other.then_some(found)
}

/// Content types of one kind share their containers, or are told apart by the programs that read them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    /// Audio and video.
    Media,
    Font,
    Text,
    Other,
}

impl Kind {
    fn of(essence: &str) -> Kind {
        let starts = |starts: &[&str]| starts.iter().any(|start| essence.starts_with(start));
        match essence {
            _ if starts(&["text/"]) => Kind::Text,
            _ if starts(&["image/"]) => Kind::Image,
            _ if starts(&["audio/", "video/", "application/ogg"]) => Kind::Media,
            _ if starts(&["font/"]) => Kind::Font,
            _ if essence.ends_with("xml") || essence.ends_with("json") => Kind::Text,
            _ => Kind::Other,
        }
    }
}

fn is_binary(essence: &str) -> bool {
    !essence.starts_with("text/") && !essence.ends_with("xml") && essence != "application/json"
}

/// The headers that rules give to keys. A site has only a few sets of headers; each is made and stored once.
pub(crate) struct HeaderRules<'r> {
    rules: &'r [Rule],
    /// By what the key's name says and which rules match.
    sets: HashMap<Facts, Headers>,
    /// The registry's content types for endings.
    guesses: HashMap<String, &'static str>,
}

/// The facts that determine the headers of a file.
#[derive(PartialEq, Eq, Hash)]
struct Facts {
    essence: &'static str,
    charset: Charset,
    /// Whether its name alone makes it a page.
    is_page_by_name: bool,
    /// The indices of the rules that match it.
    matching: Vec<usize>,
}

/// What pages get without a rule: a browser asks each time whether it has the current version.
const PAGE_CACHE_CONTROL: &str = "no-cache";

impl<'r> HeaderRules<'r> {
    pub(crate) fn by(rules: &'r [Rule]) -> HeaderRules<'r> {
        HeaderRules { rules, sets: HashMap::new(), guesses: HashMap::new() }
    }

    /// The content type according to the key's name and the content, and the headers that the matching rules set. If
    /// two rules set the same header, the later one wins.
    pub fn of(&mut self, key: &str, told: Told) -> Headers {
        let matched = key::normal(key);
        let is_match = |index: &usize| self.rules[*index].matcher.is_match(&*matched);
        let matching: Vec<usize> = (0..self.rules.len()).filter(is_match).collect();
        let essence = told.essence.unwrap_or_else(|| self.essence(key));
        // With a content type that makes nothing a page.
        let is_page_by_name = is_page(key, UNKNOWN_TYPE);
        let facts = Facts { essence, charset: told.charset, is_page_by_name, matching };
        if let Some(made) = self.sets.get(&facts) {
            return made.clone();
        }
        let made = self.make(key, &facts);
        self.sets.insert(facts, made.clone());
        made
    }

    /// The content type according to the key's name, without parameters.
    pub(crate) fn essence(&mut self, key: &str) -> &'static str {
        let mut guess = |ending: &str| match self.guesses.get(ending) {
            Some(guess) => *guess,
            None => *self.guesses.entry(ending.to_owned()).or_insert(guess(ending)),
        };
        essence_by(key, &mut guess)
    }

    fn make(&self, key: &str, facts: &Facts) -> Headers {
        let mut headers = Headers::default();
        headers.set("content-type", with_charset(facts.essence, facts.charset));
        for rule in facts.matching.iter().map(|index| &self.rules[*index]) {
            rule.headers.iter().for_each(|(name, value)| headers.set(name, value));
        }
        if headers.get("cache-control").is_none() && is_page(key, headers.content_type()) {
            headers.set("cache-control", PAGE_CACHE_CONTROL);
        }
        headers
    }
}

/// The header sets of a site: only a few, however many files share them.
#[derive(Default)]
pub(crate) struct Sets(BTreeSet<Headers>);

impl Sets {
    /// The stored set that equals this one, so that each set is stored only once.
    pub fn share(&mut self, headers: Headers) -> Headers {
        if let Some(same) = self.0.get(&headers) {
            return same.clone();
        }
        self.0.insert(headers.clone());
        headers
    }
}

/// A glob over keys: `*` and `?` stay inside a segment, `**` crosses segments.
pub(crate) fn glob(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build()?;
    Ok(glob.compile_matcher())
}

/// A glob that matches only this key.
pub fn literal_glob(key: &str) -> String {
    globset::escape(key)
}

/// Whether a text is an HTTP date, which S3 accepts for `expires`.
pub(crate) fn is_http_date(text: &str) -> bool {
    httpdate::parse_http_date(text).is_ok()
}

const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The content type according to a name.
pub fn content_type(key: &str) -> String {
    with_charset(essence(key), Charset::Utf8)
}

/// The content type according to a name, without parameters.
pub(crate) fn essence(key: &str) -> &'static str {
    essence_by(key, &mut guess)
}

/// The ending of the name in lower case, without the dot; empty if there is none.
fn ending(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    // A name whose only dot comes first has no ending.
    let ending = name.rsplit_once('.').filter(|(start, _)| !start.is_empty());
    ending.map_or("", |(_, ending)| ending).to_ascii_lowercase()
}

/// Whether a key's name has no ending that could indicate its content type: `about`, `v1.0`.
pub(crate) fn lacks_type(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    let is_ending = ending(key).starts_with(|c: char| c.is_ascii_alphabetic());
    !is_ending && !name.starts_with('.') && essence(key) == UNKNOWN_TYPE
}

/// How much the content of a file counts for its content type. `essence` is the type according to its name.
pub(crate) fn doubt(key: &str, essence: &str) -> Doubt {
    // The same as below, but faster, because most files of a site are pages.
    if essence == "text/html" && !key.contains(':') {
        return Doubt::Format;
    }
    // Formats that browsers recognise by these names, or that only their own programs read.
    let is_certain = ["image/", "audio/", "video/", "font/"].iter();
    match ending(key).as_str() {
        "ts" | "tsx" | "mts" | "cts" | "rs" | "log" | "conf" => Doubt::Source,
        "key" | "mod" | "java" => Doubt::Unknown,
        "aspx" | "asp" | "jsp" | "dtd" | "wsdl" => Doubt::Document,
        // Mirrors of wikis have pages about files, such as `File:Logo.png`.
        _ if key.rsplit('/').next().unwrap_or(key).contains(':') => Doubt::Document,
        "txt" | "text" => Doubt::Format,
        ending if essence == UNKNOWN_TYPE => match mime_guess::from_ext(ending).first_raw() {
            None => Doubt::Unknown,
            Some(_) => Doubt::None,
        },
        _ if matches!(essence, "text/html" | "text/markdown" | "text/xml") => Doubt::Format,
        _ if essence.ends_with("xml") => Doubt::Format,
        _ if essence.starts_with("model/") => Doubt::None,
        _ if is_certain.clone().any(|start| essence.starts_with(start)) => Doubt::Format,
        _ => Doubt::Document,
    }
}

/// The content type according to a name, without parameters.
fn essence_by(key: &str, guess: &mut dyn FnMut(&str) -> &'static str) -> &'static str {
    let name = key.rsplit('/').next().unwrap_or(key);
    let extension = ending(key);
    match (name, extension.as_str()) {
        // Apple requests this file without an ending and expects JSON.
        // https://developer.apple.com/documentation/xcode/supporting-associated-domains
        ("apple-app-site-association", _) => "application/json",
        // Nearly all files of most sites, decided without the registry.
        (_, "html" | "htm") => "text/html",
        (_, "css") => "text/css",
        (_, "png") => "image/png",
        (_, "svg") => "image/svg+xml",
        // Feed readers recognise feeds by these types; `.xml` alone remains XML.
        (_, "rss") => "application/rss+xml",
        (_, "atom") => "application/atom+xml",
        (_, "webmanifest") => "application/manifest+json",
        (_, "map" | "topojson") => "application/json",
        (_, "geojson") => "application/geo+json",
        (_, "jsonld") => "application/ld+json",
        (_, "js" | "mjs" | "cjs") => "text/javascript",
        (_, "xml" | "xsl") => "application/xml",
        (_, "wasm") => "application/wasm",
        (_, "avif") => "image/avif",
        (_, "webp") => "image/webp",
        (_, "ico") => "image/x-icon",
        (_, "woff2") => "font/woff2",
        (_, "woff") => "font/woff",
        (_, "ttf") => "font/ttf",
        (_, "otf") => "font/otf",
        (_, "md") => "text/markdown",
        // In the registry, `.ts` is a transport stream and `.mts` a model. The content counts here; see `doubt`.
        (_, "ts" | "tsx" | "mts" | "cts" | "toml" | "yml" | "yaml" | "log" | "conf" | "rs") => {
            "text/plain"
        }
        ("CNAME" | "LICENSE" | "README" | "_headers" | "_redirects", "") => "text/plain",
        _ => guess(&extension),
    }
}

fn guess(extension: &str) -> &'static str {
    mime_guess::from_ext(extension).first_raw().unwrap_or(UNKNOWN_TYPE)
}

fn with_charset(essence: &str, charset: Charset) -> String {
    let name = match charset {
        _ if !needs_charset(essence) => return essence.to_owned(),
        Charset::Utf8 => "utf-8",
        Charset::Declared(name) => name,
        Charset::Unknown => return essence.to_owned(),
    };
    format!("{essence}; charset={name}")
}

/// Readers use their own default for text without a character set. JSON has none by its standard (RFC 8259, section
/// 11), and SVG and similar formats declare their own.
pub(crate) fn needs_charset(essence: &str) -> bool {
    essence.starts_with("text/")
        || matches!(
            essence,
            "application/xml"
                | "application/rss+xml"
                | "application/atom+xml"
                | "application/xhtml+xml"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_content_type() {
        for (key, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a/b.HTML", "text/html; charset=utf-8"),
            ("style.css", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("app.mjs", "text/javascript; charset=utf-8"),
            ("app.js.map", "application/json"),
            ("data.json", "application/json"),
            ("site.webmanifest", "application/manifest+json"),
            ("feed.xml", "application/xml; charset=utf-8"),
            ("feed.rss", "application/rss+xml; charset=utf-8"),
            ("feed.atom", "application/atom+xml; charset=utf-8"),
            ("robots.txt", "text/plain; charset=utf-8"),
            ("lib.wasm", "application/wasm"),
            ("photo.avif", "image/avif"),
            ("photo.webp", "image/webp"),
            ("photo.jpg", "image/jpeg"),
            ("icon.svg", "image/svg+xml"),
            ("favicon.ico", "image/x-icon"),
            ("font.woff2", "font/woff2"),
            ("book.pdf", "application/pdf"),
            ("book.epub", "application/epub+zip"),
            ("data.csv", "text/csv; charset=utf-8"),
            ("event.ics", "text/calendar; charset=utf-8"),
            ("sub.vtt", "text/vtt; charset=utf-8"),
            ("movie.mp4", "video/mp4"),
            ("archive.tar.gz", "application/gzip"),
            (".well-known/apple-app-site-association", "application/json"),
            ("CNAME", "text/plain; charset=utf-8"),
            ("blob", "application/octet-stream"),
            ("blob.unheard-of", "application/octet-stream"),
        ] {
            assert_eq!(content_type(key), expected, "{key}");
        }
    }

    #[test]
    fn a_name_without_an_ending_tells_no_type() {
        for (key, lacks) in [
            ("about", true),
            ("blog/post-1", true),
            ("docs/v1.0", true),
            ("docs/v1.0-beta", true),
            ("a.b/c", true),
            ("a.png", false),
            ("archive.7z", false),
            ("index.unheard-of", false),
            ("CNAME", false),
            (".nojekyll", false),
        ] {
            assert_eq!(lacks_type(key), lacks, "{key}");
        }
    }

    #[test]
    fn a_file_that_loads_others_is_a_page() {
        for (key, page) in [
            ("index.html", true),
            ("feed.xml", true),
            ("sw.js", true),
            ("a/sw.mjs", true),
            ("firebase-messaging-sw.js", true),
            ("flutter_service_worker.js", true),
            ("service-worker.js", true),
            ("service-worker-assets.js", true),
            ("serviceWorker.min.js", true),
            ("coi-serviceworker.js", true),
            ("ngsw-worker.js", true),
            ("ngsw.json", true),
            ("OneSignalSDKWorker.js", true),
            ("registerSW.js", true),
            ("sw-v2.js", true),
            ("sw2.js", true),
            ("sw.v3.min.js", true),
            ("workbox-sw-prod.js", true),
            ("pwa-worker.js", true),
            ("offline_worker.js", true),
            ("sw_cached_site.js", true),
            ("swiper.js", false),
            ("swagger-ui-bundle.js", false),
            ("swap-2.js", false),
            ("worker-1.js", false),
            ("answer2.js", false),
            ("sitemap.txt", true),
            ("news.js", false),
            ("pdf.worker.js", false),
            ("remoteEntry.js", false),
            ("page-data/index/page-data.json", false),
            ("service-worker.js.map", false),
            ("sw.css", false),
        ] {
            assert_eq!(is_page(key, &content_type(key)), page, "{key}");
        }
    }

    #[test]
    fn of_two_rules_for_one_header_the_later_wins() {
        let rule = |pattern: &str, pairs: &[(&str, &str)]| {
            let mut headers = Headers::default();
            pairs.iter().for_each(|(name, value)| headers.set(name, *value));
            Rule { matcher: glob(pattern).unwrap(), headers }
        };
        let rules = [
            rule("**", &[("cache-control", "no-cache"), ("x-amz-meta-team", "docs")]),
            rule("**/*.{css,js}", &[("cache-control", "max-age=60")]),
            rule("data/*", &[("content-type", "text/plain")]),
        ];
        let mut ruled = HeaderRules::by(&rules);
        let headers = ruled.of("a/app.js", Told::default());
        assert_eq!(headers.get("cache-control"), Some("max-age=60"));
        assert_eq!(headers.get("x-amz-meta-team"), Some("docs"));
        assert_eq!(ruled.of("app.js", Told::default()).get("cache-control"), Some("max-age=60"));
        assert_eq!(ruled.of("data/x.json", Told::default()).content_type(), "text/plain");
        assert_eq!(
            ruled.of("data/deep/x.json", Told::default()).content_type(),
            "application/json"
        );
    }

    #[test]
    fn pages_are_asked_for_each_time_unless_a_rule_says_otherwise() {
        let mut headers = Headers::default();
        headers.set("cache-control", "max-age=60");
        let rules = [Rule { matcher: glob("blog/**").unwrap(), headers }];
        let mut ruled = HeaderRules::by(&rules);
        let html = Told { essence: Some("text/html"), ..Told::default() };
        for (key, told, expected) in [
            ("index.html", Told::default(), Some("no-cache")),
            ("about", html, Some("no-cache")),
            ("feed.xml", Told::default(), Some("no-cache")),
            ("sw.js", Told::default(), Some("no-cache")),
            ("app.js", Told::default(), None),
            ("blob", Told::default(), None),
            ("blog/index.html", Told::default(), Some("max-age=60")),
            ("blog/post-1", html, Some("max-age=60")),
        ] {
            assert_eq!(ruled.of(key, told).get("cache-control"), expected, "{key}");
        }
    }

    #[test]
    fn a_rule_matches_a_name_in_either_unicode_form() {
        let mut headers = Headers::default();
        headers.set("cache-control", "max-age=60");
        let rules = [Rule { matcher: glob("caf\u{e9}/*").unwrap(), headers }];
        for key in ["caf\u{e9}/a.png", "cafe\u{301}/a.png"] {
            let headers = HeaderRules::by(&rules).of(key, Told::default());
            assert_eq!(headers.get("cache-control"), Some("max-age=60"), "{key}");
        }
    }

    #[test]
    fn the_content_decides_where_the_name_does_not() {
        let stream: Vec<u8> = (0..600).map(|n| if n % 188 == 0 { 0x47 } else { 0 }).collect();
        let zip = b"PK\x03\x04".as_slice();
        let rows: &[(&str, &[u8], &str)] = &[
            ("about", b"<!doctype html><p>x", "text/html"),
            ("v1.0", b"<!doctype html><p>x", "text/html"),
            ("feed", b"<?xml version='1.0'?><rss>", "application/rss+xml"),
            (".well-known/openid-configuration", b"{\"issuer\": 1}", "application/json"),
            ("index.php", b"<!DOCTYPE html>", "text/html"),
            ("tags/node.js", b"<!doctype html>", "text/html"),
            ("example.com", b"<html>", "text/html"),
            ("app.js", b"<p>not a document", "text/javascript"),
            ("notes.txt", b"<!doctype html>", "text/plain"),
            ("p.aspx", b"<!doctype html>", "text/html"),
            ("api/index.ts", b"<!doctype html>", "text/html"),
            ("docs/file.rs", b"<html lang=en>", "text/html"),
            ("docs/nginx.conf", b"\n<!DOCTYPE html>", "text/html"),
            ("docs/Cargo.toml", b"<!doctype html>", "text/html"),
            ("a.yaml", b"<!doctype html>", "text/html"),
            ("a.ini", b"<!doctype html>", "text/html"),
            ("a.cfg", b"<!doctype html>", "text/html"),
            ("a.py", b"<!doctype html>", "text/html"),
            ("a.c", b"<!doctype html>", "text/html"),
            ("a.h", b"<!doctype html>", "text/html"),
            ("a.cpp", b"<!doctype html>", "text/html"),
            ("a.java", b"<!doctype html>", "text/html"),
            ("a.dtd", b"<!doctype html>", "text/html"),
            ("a.wsdl", b"<!doctype html>", "text/html"),
            ("wiki/File:Logo.png", b"<!doctype html>", "text/html"),
            ("wiki/File:Logo.png", b"\x89PNG\r\n\x1a\n", "image/png"),
            ("a.c", b"int main;", "text/plain"),
            ("video.ts", &stream, "video/mp2t"),
            ("clip.mts", &stream, "video/mp2t"),
            ("main.ts", b"export const a = 1;", "text/plain"),
            ("page.tsx", b"<div>{a}</div>", "text/plain"),
            ("module.mts", b"export {};", "text/plain"),
            ("blob.rs", b"\0\x01\x02", "application/octet-stream"),
            ("go.mod", b"module example.com/x\n", "text/plain"),
            ("camera.mod", b"\0\0\x01\xba\x44", "video/mpeg"),
            ("gpg.key", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "text/plain"),
            ("talk.key", zip, "application/zip"),
            ("photo", b"\x89PNG\r\n\x1a\n", "image/png"),
            ("tool.bin", b"#!/bin/sh\n", "application/octet-stream"),
            ("photo.png", b"<!doctype html>", "image/png"),
        ];
        for (key, head, expected) in rows {
            let by_name = essence(key);
            let told = doubt(key, by_name).essence(by_name, head, true).unwrap_or(by_name);
            assert_eq!(told, *expected, "{key}");
        }
    }
}
