//! The headers of an object: its content type, by name or by content, and the headers that rules set.

mod by_name;
mod by_content;
mod page;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use globset::GlobBuilder;
use serde::{Deserialize, Serialize};

use crate::base::key;

use by_name::{UNKNOWN_TYPE, essence_by, guess, with_charset};

pub(crate) use by_content::{Doubt, Told, doubt};
pub use by_name::content_type;
pub(crate) use by_name::{Charset, essence, lacks_type, needs_charset};
pub(crate) use globset::GlobMatcher;
pub use page::is_page;

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
    pub(crate) headers: Headers,
}

impl Headers {
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        Arc::make_mut(&mut self.0).insert(name.to_owned(), value.into());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
