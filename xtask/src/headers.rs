//! What an object says of itself: its content type by name, and the headers that rules give it.
//!
//! The table is the tool's own where the host's would differ from machine to machine: the same commit
//! must give the same headers on a laptop and in CI.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

/// Header names, in lower case, and their values. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Headers(Arc<BTreeMap<String, String>>);

/// The headers that S3 stores with an object, beside `x-amz-meta-*`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
pub const KNOWN: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    REDIRECT,
];

/// Where the website endpoint sends who asks for the object: a path of the same bucket, or a whole address.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html>
pub const REDIRECT: &str = "x-amz-website-redirect-location";

/// What user-defined metadata begins with.
pub const META: &str = "x-amz-meta-";

/// Headers for the keys that a glob matches.
#[derive(Clone, Debug)]
pub struct Rule {
    pub matcher: GlobMatcher,
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

    pub fn content_type(&self) -> &str {
        self.get("content-type").unwrap_or(UNKNOWN_TYPE)
    }
}

/// Whether visitors, their readers or their browsers start from this file: what it points at must be
/// there before it is, and as long as it is.
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
    let service_worker =
        ["sw.js", "service-worker.js", "serviceworker.js", "ngsw.json", "sitemap.txt", "feed.json"];
    page || service_worker.contains(&name)
}

/// The headers that rules give to keys. Of a site they are few sets, each made and held once.
pub struct Ruled<'r> {
    rules: &'r [Rule],
    /// By what the key's name tells and which rules match.
    sets: HashMap<(&'static str, Vec<usize>), Headers>,
    /// What the registry says of endings.
    guesses: HashMap<String, &'static str>,
}

impl<'r> Ruled<'r> {
    pub fn by(rules: &'r [Rule]) -> Ruled<'r> {
        Ruled { rules, sets: HashMap::new(), guesses: HashMap::new() }
    }

    /// The content type that the key's name tells, and what the rules that match it set: of two that set the same
    /// header, the later one.
    pub fn of(&mut self, key: &str) -> Headers {
        let is_match = |index: &usize| self.rules[*index].matcher.is_match(key);
        let matching: Vec<usize> = (0..self.rules.len()).filter(is_match).collect();
        let mut guess = |ending: &str| match self.guesses.get(ending) {
            Some(guess) => *guess,
            None => *self.guesses.entry(ending.to_owned()).or_insert(guess(ending)),
        };
        let essence = essence(key, &mut guess);
        let made =
            self.sets.entry((essence, matching)).or_insert_with_key(|(essence, matching)| {
                let mut headers = Headers::default();
                headers.set("content-type", with_charset(essence));
                for rule in matching.iter().map(|index| &self.rules[*index]) {
                    rule.headers.iter().for_each(|(name, value)| headers.set(name, value));
                }
                headers
            });
        made.clone()
    }
}

/// The header sets of a site: few, however many files share them.
#[derive(Default)]
pub struct Sets(BTreeSet<Headers>);

impl Sets {
    /// The set that is equal to this one, so that each is held once.
    pub fn share(&mut self, headers: Headers) -> Headers {
        if let Some(same) = self.0.get(&headers) {
            return same.clone();
        }
        self.0.insert(headers.clone());
        headers
    }
}

/// A glob over keys: `*` and `?` stay inside a segment, `**` crosses segments.
pub fn glob(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).backslash_escape(true).build()?;
    Ok(glob.compile_matcher())
}

/// Whether a text is a date as HTTP writes it, and S3 takes it for `expires`.
pub fn is_http_date(text: &str) -> bool {
    httpdate::parse_http_date(text).is_ok()
}

const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The content type that a name tells.
pub fn content_type(key: &str) -> String {
    with_charset(essence(key, &mut guess))
}

/// The content type that a name tells, without parameters.
fn essence(key: &str, guess: &mut dyn FnMut(&str) -> &'static str) -> &'static str {
    let name = key.rsplit('/').next().unwrap_or(key);
    // A name that begins with its only dot has no ending.
    let ending = name.rsplit_once('.').filter(|(start, _)| !start.is_empty());
    let extension = ending.map_or("", |(_, ending)| ending).to_ascii_lowercase();
    match (name, extension.as_str()) {
        // Apple asks for this one without an ending and wants JSON.
        // https://developer.apple.com/documentation/xcode/supporting-associated-domains
        ("apple-app-site-association", _) => "application/json",
        // Feed readers tell feeds by these; `.xml` alone stays XML.
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
        // As a name's ending `.ts` is a transport stream to the registry and TypeScript to the web.
        (_, "ts" | "tsx" | "toml" | "yml" | "yaml" | "log" | "conf" | "rs") => "text/plain",
        ("CNAME" | "LICENSE" | "README" | "_headers" | "_redirects", "") => "text/plain",
        _ => guess(&extension),
    }
}

fn guess(extension: &str) -> &'static str {
    mime_guess::from_ext(extension).first_raw().unwrap_or(UNKNOWN_TYPE)
}

fn with_charset(essence: &str) -> String {
    match needs_charset(essence) {
        true => format!("{essence}; charset=utf-8"),
        false => essence.to_owned(),
    }
}

/// Text without a charset is read as the reader's default. JSON has none by its standard (RFC 8259,
/// section 11), and SVG and the like declare their own.
fn needs_charset(essence: &str) -> bool {
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
        let mut ruled = Ruled::by(&rules);
        let headers = ruled.of("a/app.js");
        assert_eq!(headers.get("cache-control"), Some("max-age=60"));
        assert_eq!(headers.get("x-amz-meta-team"), Some("docs"));
        assert_eq!(ruled.of("app.js").get("cache-control"), Some("max-age=60"));
        assert_eq!(ruled.of("data/x.json").content_type(), "text/plain");
        assert_eq!(ruled.of("data/deep/x.json").content_type(), "application/json");
    }
}
