//! `[environments.NAME]`: each on its own, and what no two of them may have in common.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;

use super::super::looks_secret::looks_like_a_secret;
use super::super::problem::Problem;
use super::super::{BRANCH, Branches, Credentials, Environment, Template, any_segment};
use super::Value;
use super::credentials::{IS_A_SECRET, read_credentials};
use super::demands::read_demands;
use super::endpoint::{check_branch_in_host, check_endpoint, is_of_aws, read_endpoint};
use super::fields::{Fields, boolean, complain, complain_of_secret, count, duration, list, string};
use super::rules::read_glob;
use crate::base::key::{self, Prefix};

pub fn read_environments(value: &Value, problems: &mut Vec<Problem>) -> Vec<Environment> {
    let Some(table) = value.get_ref().as_table() else {
        complain(
            problems,
            value.span(),
            "`environments` must be tables: [environments.production]",
        );
        return Vec::new();
    };
    if table.is_empty() {
        complain(
            problems,
            value.span(),
            "there must be at least one environment: [environments.production]",
        );
    }
    // In the order of the file, so that messages name environments in the order in which their author wrote them.
    let mut named: Vec<_> = table.iter().collect();
    named.sort_by_key(|(name, _)| name.span().start);

    let mut environments: Vec<(Environment, Range<usize>)> = Vec::new();
    let mut exact = HashMap::new();
    for (name, value) in named {
        let environment = read_environment(name, value, &mut exact, problems);
        environments.extend(environment.map(|environment| (environment, name.span())));
    }
    check_together(&environments, problems);
    environments.into_iter().map(|(environment, _)| environment).collect()
}

fn read_environment(
    name: &Spanned<std::borrow::Cow<str>>,
    value: &Value,
    exact: &mut HashMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Option<Environment> {
    let name_text = name.get_ref().to_string();
    if looks_like_a_secret(&name_text) {
        complain_of_secret(problems, name.span(), IS_A_SECRET);
        return None;
    }
    if name_text.is_empty()
        || !name_text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        complain(
            problems,
            name.span(),
            "an environment's name may have only letters, digits, `-` and `_`",
        );
    }
    let what = format!("[environments.{name_text}]");
    let mut fields = Fields::of(value, &what, problems)?;
    fields.span = name.span();
    let branches = fields.optional("branches");
    let pull_requests = fields.optional("pull-requests");
    let account = fields.optional("account");
    let region = fields.optional("region");
    let bucket = fields.required("bucket");
    let prefix = fields.optional("prefix");
    let endpoint = fields.optional("endpoint");
    let url = fields.optional("url");
    let max_deletes = fields.optional("max-deletes");
    let retain = fields.optional("retain");
    let credentials = fields.optional("credentials");
    let path_style = fields.optional("path-style");
    let acl = fields.optional("acl");
    let encryption = fields.optional("encryption");
    fields.no_others();

    let is_aws = endpoint.is_none_or(is_of_aws);
    if account.is_none() && is_aws {
        let message = format!(
            "`{what}` lacks `account`, the twelve digits of the AWS account that it may write to"
        );
        complain(problems, name.span(), message);
    }
    if region.is_none() && is_aws {
        complain(
            problems,
            name.span(),
            format!("`{what}` lacks `region`, such as \"eu-central-1\""),
        );
    }
    if branches.is_none() && pull_requests.is_none() {
        complain(problems, name.span(), format!("`{what}` lacks `branches`, such as [\"main\"]"));
    }
    let environment = Environment {
        branches: branches
            .map(|v| read_branches(v, &name_text, exact, problems))
            .unwrap_or_default(),
        pull_requests: pull_requests.and_then(|v| boolean(v, problems)).unwrap_or_default(),
        account: account.and_then(|v| read_account(v, problems)),
        region: region.and_then(|v| read_region(v, problems)).unwrap_or_default(),
        bucket: bucket.and_then(|v| read_bucket(v, problems)).unwrap_or_default(),
        prefix: prefix.and_then(|v| read_prefix(v, problems)).unwrap_or_default(),
        endpoint: endpoint.and_then(|v| read_endpoint(v, problems)),
        path_style: path_style.and_then(|v| boolean(v, problems)),
        demands: read_demands(acl, encryption, problems),
        url: url.and_then(|v| read_address(v, problems)).map(Template),
        max_deletes: max_deletes.and_then(|v| count(v, problems)),
        retain: retain.and_then(|v| duration(v, problems)),
        credentials: match credentials {
            Some(v) => read_credentials(v, problems).unwrap_or(Credentials::Ambient),
            None => Environment::default_credentials(&name_text),
        },
        name: name_text,
    };
    if let Some(endpoint) = endpoint {
        check_endpoint(&environment, &endpoint.span(), problems);
    }
    if let Some(url) = url {
        check_branch_in_host(&environment, &url.span(), problems);
    }
    Some(environment.with_usual_region())
}

/// What two environments may not have in common. Each is compared with the first one that has it: if one environment
/// conflicts with all others, that is one mistake.
fn check_together(environments: &[(Environment, Range<usize>)], problems: &mut Vec<Problem>) {
    let mut with_pull_requests = None;
    let mut places = HashMap::new();
    let mut variables = HashMap::new();
    for (ours, span) in environments {
        if ours.pull_requests {
            let other: &&Environment = with_pull_requests.get_or_insert(ours);
            check_pull_requests(other, ours, span, problems);
        }
        if !ours.bucket.is_empty() {
            let place = (&ours.bucket, ours.store(), ours.reserves());
            check_place(places.entry(place).or_insert(ours), ours, span, problems);
        }
        if ours.credentials == Environment::default_credentials(&ours.name) {
            let names: Vec<String> = ours.variables().into_iter().map(str::to_owned).collect();
            check_variables(variables.entry(names).or_insert(ours), ours, span, problems);
        }
    }
}

fn check_pull_requests(
    other: &Environment,
    ours: &Environment,
    span: &Range<usize>,
    problems: &mut Vec<Problem>,
) {
    if other.name != ours.name {
        let message = format!(
            "`{}` and `{}` both deploy pull requests; only one environment may",
            other.name, ours.name
        );
        complain(problems, span.clone(), message);
    }
}

/// If the place of one is a fixed folder inside the other's, the outer one leaves that folder alone. If neither can
/// tell which keys belong to the other, each would delete the other's site.
fn check_place(
    other: &Environment,
    ours: &Environment,
    span: &Range<usize>,
    problems: &mut Vec<Problem>,
) {
    let apart = other.prefix == ours.prefix && ours.prefix.wants_branch();
    if other.name != ours.name && !apart {
        let message = format!(
            "`{}` and `{}` share the bucket `{}` and would delete each other's objects; give each a `prefix` of its own",
            other.name, ours.name, ours.bucket
        );
        complain(problems, span.clone(), message);
    }
}

/// `a-b` and `a_b` are two environments, but result in the same beginning of a variable's name, so one would be
/// deployed with the key of the other.
fn check_variables(
    other: &Environment,
    ours: &Environment,
    span: &Range<usize>,
    problems: &mut Vec<Problem>,
) {
    if other.name != ours.name {
        let message = format!(
            "`{}` and `{}` name no `credentials`, and would both use `{}`; name the variables of each",
            other.name,
            ours.name,
            ours.variables().first().copied().unwrap_or_default()
        );
        complain(problems, span.clone(), message);
    }
}

fn read_branches(
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

fn read_account(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    if value.get_ref().is_integer() {
        complain(
            problems,
            value.span(),
            "`account` must be in quotes: an account's number may begin with 0",
        );
        return None;
    }
    let (account, span) = string(value, problems)?;
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

fn read_region(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let (region, span) = string(value, problems)?;
    if region.is_empty() || !region.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        complain(problems, span, "`region` must be a region's name, such as \"eu-central-1\"");
    }
    Some(region)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn read_bucket(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let (bucket, span) = string(value, problems)?;
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

fn read_prefix(value: &Value, problems: &mut Vec<Problem>) -> Option<Template> {
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
