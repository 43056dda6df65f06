//! `[[headers]]` and globs over keys.

use std::ops::Range;

use super::super::problem::{Problem, nearest};
use super::fields::{Value, complain, is_above, list, string, text};
use crate::base::headers::{self, GlobMatcher, Headers, Rule};
use crate::base::key;

pub fn read_rules(value: &Value, problems: &mut Vec<Problem>) -> Vec<Rule> {
    let Some(array) = value.get_ref().as_array() else {
        complain(problems, value.span(), "`headers` must be tables: [[headers]]");
        return Vec::new();
    };
    array.iter().filter_map(|value| read_rule(value, problems)).collect()
}

fn read_rule(value: &Value, problems: &mut Vec<Problem>) -> Option<Rule> {
    let Some(table) = value.get_ref().as_table() else {
        complain(problems, value.span(), "`headers` must be tables: [[headers]]");
        return None;
    };
    let mut headers = Headers::default();
    let mut matcher = None;
    for (name, value) in table.iter() {
        match name.get_ref().as_ref() {
            "match" => {
                matcher = Some(
                    string(value, problems).and_then(|(p, span)| read_key_glob(&p, span, problems)),
                );
            }
            written => {
                let known = written.to_ascii_lowercase();
                check_header_name(&known, written, name.span(), problems);
                if let Some((text, span)) = text(value, problems) {
                    check_header_value(&known, &text, span, problems);
                    headers.set(&known, text);
                }
            }
        }
    }
    if matcher.is_none() {
        complain(
            problems,
            value.span(),
            "a [[headers]] rule lacks `match`, a glob such as \"**/*.css\"",
        );
    }
    Some(Rule { matcher: matcher??, headers })
}

fn check_header_name(known: &str, written: &str, span: Range<usize>, problems: &mut Vec<Problem>) {
    let meta = known.strip_prefix(headers::META);
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if headers::KNOWN.contains(&known)
        || meta.is_some_and(|m| !m.is_empty() && m.bytes().all(token))
    {
        return;
    }
    let mut message = format!("`{written}` is not a header that S3 stores");
    match nearest(known, &headers::KNOWN) {
        Some(meant) => message.push_str(&format!("; did you mean `{meant}`?")),
        None => {
            message.push_str(&format!("; it stores {} and x-amz-meta-*", headers::KNOWN.join(", ")))
        }
    }
    complain(problems, span, is_above(known).unwrap_or(message));
}

fn check_header_value(name: &str, text: &str, span: Range<usize>, problems: &mut Vec<Problem>) {
    if text.is_empty()
        || text.trim() != text
        || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
    {
        complain(problems, span, "a header's value is printable ASCII without spaces around it");
    } else if name == "expires" && !headers::is_http_date(text) {
        complain(problems, span, "`expires` is a date such as \"Wed, 21 Oct 2026 07:28:00 GMT\"");
    } else if name == "content-encoding"
        && let Some(unknown) = text.split(',').map(str::trim).find(|name| !is_encoding(name))
    {
        complain(problems, span, no_encoding(unknown));
    } else if name == headers::REDIRECT && !is_redirect(text) {
        complain(
            problems,
            span,
            "a redirect leads to a path such as \"/new/\" or to an http address, of at most 2 KB",
        );
    }
}

/// The names of encodings that an HTTP client may know. `aws-chunked` is an encoding for the transfer to S3, which the
/// store removes.
/// <https://www.iana.org/assignments/http-parameters/http-parameters.xhtml#content-coding>
const ENCODINGS: [&str; 13] = [
    "gzip",
    "br",
    "zstd",
    "deflate",
    "compress",
    "identity",
    "x-gzip",
    "x-compress",
    "dcb",
    "dcz",
    "exi",
    "pack200-gzip",
    "aes128gcm",
];

fn is_encoding(name: &str) -> bool {
    ENCODINGS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn no_encoding(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let is_charset = ["utf", "iso-", "latin", "us-ascii", "ascii", "windows-"];
    let advice = match nearest(&lower, &ENCODINGS) {
        _ if is_charset.iter().any(|start| lower.starts_with(start)) => {
            "; a character set belongs in `content-type`: \"text/html; charset=utf-8\"".to_owned()
        }
        _ if lower == "brotli" => "; did you mean `br`?".to_owned(),
        _ if lower.is_empty() => {
            return "an encoding is missing before or after a comma".to_owned();
        }
        _ if ["none", "plain"].contains(&&*lower) => {
            "; leave it out if the files are not compressed".to_owned()
        }
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => {
            format!("; it is one of {}, or several with commas between", ENCODINGS[..6].join(", "))
        }
    };
    format!("`{name}` is not an encoding that browsers know{advice}")
}

/// What S3 accepts as a redirect.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
fn is_redirect(text: &str) -> bool {
    let begins = ["/", "http://", "https://"].iter().any(|start| text.starts_with(start));
    begins && text.len() <= 2048
}

/// The three lists at the top of the file that say what belongs to the site.
#[derive(Default)]
pub struct Lists {
    pub keep: Vec<GlobMatcher>,
    pub exclude: Vec<GlobMatcher>,
    pub publish: Vec<GlobMatcher>,
}

/// Reads the lists, and reports a pattern that is in two of them: they say opposite things about it.
pub fn read_lists(
    keep: Option<&Value>,
    exclude: Option<&Value>,
    publish: Option<&Value>,
    problems: &mut Vec<Problem>,
) -> Lists {
    let mut read = |value: Option<&Value>, example: &str| {
        value.map(|value| read_patterns(value, example, problems)).unwrap_or_default()
    };
    let (keep, exclude, publish) = (
        read(keep, "[\"uploads/**\"]"),
        read(exclude, "[\"**/*.map\"]"),
        read(publish, "[\"gpg.key\"]"),
    );
    complain_of_both("keep", &keep, "exclude", &exclude, problems);
    complain_of_both("keep", &keep, "publish", &publish, problems);
    complain_of_both("exclude", &exclude, "publish", &publish, problems);
    let globs = |patterns: Vec<Pattern>| patterns.into_iter().flat_map(|p| p.globs).collect();
    Lists { keep: globs(keep), exclude: globs(exclude), publish: globs(publish) }
}

/// A pattern of a list: the glob, and a glob for everything below what it matches.
struct Pattern {
    globs: Vec<GlobMatcher>,
    span: Range<usize>,
}

impl Pattern {
    fn text(&self) -> Option<&str> {
        self.globs.first().map(|glob| glob.glob().glob())
    }
}

fn complain_of_both(
    first: &str,
    patterns: &[Pattern],
    second: &str,
    others: &[Pattern],
    problems: &mut Vec<Problem>,
) {
    for pattern in others {
        if let Some(text) = pattern.text()
            && patterns.iter().any(|other| other.text() == Some(text))
        {
            let message =
                format!("`{text}` is in `{first}` and in `{second}`; remove it from one of them");
            complain(problems, pattern.span.clone(), message);
        }
    }
}

/// A list of globs. If a pattern matches a folder, it also matches everything below: `uploads` means all uploads.
fn read_patterns(value: &Value, example: &str, problems: &mut Vec<Problem>) -> Vec<Pattern> {
    let mut all = Vec::new();
    let patterns = list(value, example, string, problems).unwrap_or_default();
    for (pattern, span) in patterns {
        let Some(glob) = read_key_glob(&pattern, span.clone(), problems) else { continue };
        let below = format!("{}/**", glob.glob().glob());
        let below = read_glob(&below, span.clone(), problems);
        all.push(Pattern { globs: [glob].into_iter().chain(below).collect(), span });
    }
    all
}

/// A glob over keys, in the form that keys have.
fn read_key_glob(
    pattern: &str,
    span: Range<usize>,
    problems: &mut Vec<Problem>,
) -> Option<GlobMatcher> {
    if let Some(reason) = never_matches(pattern) {
        complain(problems, span, reason);
        return None;
    }
    let folder = pattern.strip_suffix('/');
    let pattern = match folder {
        Some("**") => "**".to_owned(),
        Some(folder) if folder.ends_with("/**") => folder.to_owned(),
        Some(folder) => format!("{folder}/**"),
        None => pattern.to_owned(),
    };
    read_glob(&key::normal(&pattern), span, problems)
}

/// Why no key can match this pattern, and how to write what is probably meant.
fn never_matches(pattern: &str) -> Option<String> {
    if let Some(rest) = pattern.strip_prefix('!') {
        return Some(format!(
            "a pattern cannot undo another; remove it, or write '\\!{rest}' for a name that begins with `!`"
        ));
    }
    let trimmed = pattern.strip_suffix('/').filter(|_| pattern != "/").unwrap_or(pattern);
    let reason = match trimmed {
        "" => "an empty pattern matches no key",
        _ if trimmed.split('/').any(|segment| segment == "..") => {
            return Some("a key has no segment `..`; it begins below the output folder".into());
        }
        _ if trimmed.starts_with('/') => "a key does not begin with `/`",
        _ if trimmed.split('/').any(|segment| segment == ".") => "a key has no segment `.`",
        _ if trimmed.contains("//") || trimmed.ends_with('/') => "a key has no empty segment",
        _ => return None,
    };
    Some(format!("{reason}; write \"{}\"", spelled_right(pattern)))
}

fn spelled_right(pattern: &str) -> String {
    let segments: Vec<&str> =
        pattern.split('/').filter(|segment| !matches!(*segment, "" | ".")).collect();
    match segments.is_empty() {
        true => "**".to_owned(),
        false => segments.join("/") + if pattern.ends_with('/') { "/" } else { "" },
    }
}

pub fn read_glob(
    pattern: &str,
    span: Range<usize>,
    problems: &mut Vec<Problem>,
) -> Option<GlobMatcher> {
    headers::glob(pattern)
        .map_err(|error| complain(problems, span, format!("this is not a glob: {}", error.kind())))
        .ok()
}
