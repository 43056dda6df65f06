//! The values that say where an environment is and which branches go there.

use std::collections::HashMap;

use super::super::problem::Problem;
use super::super::{BRANCH, Branches, Template, any_segment};
use super::fields::{Value, complain, complain_of_open, complain_of_secret, list, string};
use super::rules::read_glob;
use crate::base::key::{self, Prefix};

pub fn read_branches(
    value: &Value,
    environment: &str,
    exact: &mut HashMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Vec<Branches> {
    let mut branches = Vec::new();
    for (pattern, span) in list(value, "[\"main\"]", string, problems).unwrap_or_default() {
        if pattern.is_empty() {
            complain(problems, span, "a branch's name cannot be empty");
        } else if pattern.contains(['*', '?', '[', '{', '\\']) {
            branches.extend(read_glob(&pattern, span, problems).map(Branches::Matching));
        } else {
            match exact.get(&pattern) {
                Some(other) if other == environment => {
                    complain(problems, span, format!("branch `{pattern}` is listed twice"));
                }
                Some(other) => complain(
                    problems,
                    span,
                    format!(
                        "branch `{pattern}` is already in `branches` of `{other}`; a branch goes to one environment"
                    ),
                ),
                None => {
                    exact.insert(pattern.clone(), environment.to_owned());
                }
            }
            branches.push(Branches::Exactly(pattern));
        }
    }
    branches
}

pub fn read_account(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    if value.get_ref().is_integer() {
        complain(
            problems,
            value.span(),
            "`account` must be in quotes: an account's number may begin with 0",
        );
        return None;
    }
    let (account, span) = string(value, problems)?;
    if account.is_empty() {
        let needs = "the twelve digits that `aws sts get-caller-identity` prints";
        complain_of_open(problems, span, "account", needs);
        return Some(account);
    }
    let digits = account.replace('-', "");
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        // The console shows it as 1111-2222-3333.
        let is_hyphenated = digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit());
        let hint = if is_hyphenated { ", without the hyphens" } else { "" };
        complain(
            problems,
            span,
            format!("`account` must be the twelve digits of an AWS account{hint}"),
        );
    }
    Some(account)
}

pub fn read_region(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let (region, span) = string(value, problems)?;
    if region.is_empty() {
        let needs = "the region of the bucket, such as \"eu-central-1\"";
        complain_of_open(problems, span, "region", needs);
    } else if !region.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
        complain(problems, span, "`region` must be a region's name, such as \"eu-central-1\"");
    }
    Some(region)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
pub fn read_bucket(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let (bucket, span) = string(value, problems)?;
    if bucket.is_empty() {
        complain_of_open(problems, span, "bucket", "the name of the bucket");
        return Some(bucket);
    }
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(plain) {
        complain(
            problems,
            span,
            "`bucket` must be a bucket's name: 3 to 63 lower-case letters, digits, `-` and `.` (no s3://, no folder)",
        );
    }
    Some(bucket)
}

pub fn read_prefix(value: &Value, problems: &mut Vec<Problem>) -> Option<Template> {
    let (text, span) = string(value, problems)?;
    // It is always a folder, so `stg` and `stg/` are the same.
    let slash = if text.is_empty() || text.ends_with('/') { "" } else { "/" };
    let template = Template(key::normal(&(text + slash)).into_owned());
    let leftover = template.0.replace(BRANCH, "");
    if leftover.contains(['{', '}']) {
        complain(problems, span.clone(), "only `{branch}` is allowed in braces");
    }
    if let Err(reason) = Prefix::new(&template.fill(&any_segment())) {
        complain(
            problems,
            span,
            format!("`prefix` {reason}; it is a folder in the bucket, such as \"docs/\""),
        );
    }
    Some(template)
}

pub fn read_address(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let (address, span) = string(value, problems)?;
    // This includes the part after a slash: a password may contain one, and then what follows is not a path.
    if address.contains('@') {
        complain_of_secret(problems, span, "an address must not contain a user or a password");
        return None;
    }
    let host = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let host = host.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if host.is_empty() || address.contains(char::is_whitespace) {
        complain(problems, span, "this must be an address that begins with https:// or http://");
    }
    Some(address)
}
