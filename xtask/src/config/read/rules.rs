//! `[[headers]]` and globs over keys.

use std::ops::Range;

use globset::GlobMatcher;

use super::super::problem::{Problem, nearest};
use super::Value;
use super::fields::{complain, list, string};
use crate::headers::{self, Headers, Rule};

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
                    string(value, problems).and_then(|(p, span)| read_glob(&p, span, problems)),
                );
            }
            written => {
                let known = written.to_ascii_lowercase();
                check_header_name(&known, written, name.span(), problems);
                if let Some((text, span)) = string(value, problems) {
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
    complain(problems, span, message);
}

fn check_header_value(name: &str, text: &str, span: Range<usize>, problems: &mut Vec<Problem>) {
    if text.is_empty()
        || text.trim() != text
        || !text.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
    {
        complain(problems, span, "a header's value is printable ASCII without spaces around it");
    } else if name == "expires" && !headers::is_http_date(text) {
        complain(problems, span, "`expires` is a date such as \"Wed, 21 Oct 2026 07:28:00 GMT\"");
    }
}

pub fn read_globs(value: &Value, problems: &mut Vec<Problem>) -> Vec<GlobMatcher> {
    let patterns = list(value, "[\"uploads/**\"]", problems).unwrap_or_default();
    patterns.into_iter().filter_map(|(p, span)| read_glob(&p, span, problems)).collect()
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
