//! From TOML's values to [`Config`], collecting every problem on the way. A value with a problem is
//! reported and left out; the file as a whole is then an error, so nothing is ever made up for it.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use globset::GlobMatcher;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, looks_like_a_secret, nearest};
use super::{
    BRANCH, Branches, Config, Credentials, Environment, SessionToken, Template, any_segment,
};
use crate::headers::{self, Headers, Rule};
use crate::key::Prefix;

type Value<'t> = Spanned<DeValue<'t>>;

pub fn config(text: &str, site: &Path) -> Result<Config, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let problem = |error: &toml::de::Error| Problem {
            span: error.span().unwrap_or(0..0),
            message: error.message().to_owned(),
        };
        return Err(errors.iter().map(problem).collect());
    }
    let mut problems = Vec::new();
    let config = read_config(&document, site, &mut problems);
    match problems.is_empty() {
        true => Ok(config),
        false => Err(problems),
    }
}

fn read_config(document: &Spanned<DeTable>, site: &Path, problems: &mut Vec<Problem>) -> Config {
    let mut file = Fields::new(document.get_ref(), 0..0, problems);
    let build = file.required("build");
    let environments = file.required("environments");
    let rules = file.optional("headers");
    let keep = file.optional("keep");
    file.no_others();

    let (command, output) = build.map(|value| read_build(value, problems)).unwrap_or_default();
    let environments = environments.map(|value| read_environments(value, problems));
    Config {
        site: site.to_owned(),
        command,
        output,
        environments: environments.unwrap_or_default(),
        rules: rules.map(|value| read_rules(value, problems)).unwrap_or_default(),
        keep: keep.map(|value| read_globs(value, problems)).unwrap_or_default(),
    }
}

fn read_build(value: &Value, problems: &mut Vec<Problem>) -> (Vec<String>, PathBuf) {
    let Some(mut build) = Fields::of(value, "[build]", problems) else { return Default::default() };
    let command = build.optional("command");
    let output = build.required("output");
    build.no_others();

    let command = command.map(|value| {
        let words = strings(value, problems);
        if words.first().is_none_or(|(program, _)| program.is_empty()) {
            complain(
                problems,
                value.span(),
                "a command needs a program; leave it out when the output is already there",
            );
        }
        words.into_iter().map(|(word, _)| word).collect()
    });
    let output = output.and_then(|value| string(value, problems)).map(|(text, span)| {
        let path = PathBuf::from(&text);
        if text.is_empty() || !path.components().all(|c| matches!(c, Component::Normal(_))) {
            complain(
                problems,
                span,
                "`output` must be a folder inside the site's folder, such as \"public\"",
            );
        }
        path
    });
    (command.unwrap_or_default(), output.unwrap_or_default())
}

fn read_environments(value: &Value, problems: &mut Vec<Problem>) -> Vec<Environment> {
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
    // In the order of the file, so that messages name environments as their author wrote them.
    let mut named: Vec<_> = table.iter().collect();
    named.sort_by_key(|(name, _)| name.span().start);

    let mut environments: Vec<Environment> = Vec::new();
    let mut exact: Vec<(String, String)> = Vec::new();
    for (name, value) in named {
        let Some(environment) = read_environment(name, value, &mut exact, problems) else {
            continue;
        };
        for other in &environments {
            check_pair(other, &environment, name.span(), problems);
        }
        environments.push(environment);
    }
    environments
}

fn read_environment(
    name: &Spanned<std::borrow::Cow<str>>,
    value: &Value,
    exact: &mut Vec<(String, String)>,
    problems: &mut Vec<Problem>,
) -> Option<Environment> {
    let name_text = name.get_ref().to_string();
    if name_text.is_empty()
        || !name_text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    {
        complain(
            problems,
            name.span(),
            "an environment's name has letters, digits, `-` and `_` only",
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
    let credentials = fields.optional("credentials");
    fields.no_others();

    if account.is_none() && endpoint.is_none() {
        let message = format!(
            "`{what}` lacks `account`, the twelve digits of the AWS account that it may write to"
        );
        complain(problems, name.span(), message);
    }
    if region.is_none() && endpoint.is_none() {
        complain(
            problems,
            name.span(),
            format!("`{what}` lacks `region`, such as \"eu-central-1\""),
        );
    }
    if branches.is_none() && pull_requests.is_none() {
        complain(problems, name.span(), format!("`{what}` lacks `branches`, such as [\"main\"]"));
    }
    Some(Environment {
        branches: branches
            .map(|v| read_branches(v, &name_text, exact, problems))
            .unwrap_or_default(),
        pull_requests: pull_requests.and_then(|v| boolean(v, problems)).unwrap_or_default(),
        account: account.and_then(|v| read_account(v, problems)),
        region: region.and_then(|v| read_region(v, problems)).unwrap_or_else(|| "us-east-1".into()),
        bucket: bucket.and_then(|v| read_bucket(v, problems)).unwrap_or_default(),
        prefix: prefix.and_then(|v| read_prefix(v, problems)).unwrap_or_default(),
        endpoint: endpoint.and_then(|v| read_address(v, problems)),
        url: url.and_then(|v| read_address(v, problems)).map(Template),
        max_deletes: max_deletes.and_then(|v| count(v, problems)),
        credentials: credentials
            .and_then(|v| read_credentials(v, problems))
            .unwrap_or_else(|| Environment::default_credentials(&name_text)),
        name: name_text,
    })
}

/// What two environments may not have in common.
fn check_pair(a: &Environment, b: &Environment, span: Range<usize>, problems: &mut Vec<Problem>) {
    if a.pull_requests && b.pull_requests {
        let message = format!(
            "`{}` and `{}` both take pull requests; only one environment may",
            a.name, b.name
        );
        complain(problems, span.clone(), message);
    }
    // Where one's place is a fixed folder inside the other's, the outer one leaves that folder alone.
    // Where neither can tell which keys are the other's, each would delete the other's site.
    let same_place = a.shares_bucket_with(b)
        && a.reserves() == b.reserves()
        && !(a.prefix == b.prefix && a.prefix.wants_branch());
    if same_place {
        let message = format!(
            "`{}` and `{}` share the bucket `{}` and would delete each other's objects; give each a `prefix` of its own",
            a.name, b.name, a.bucket
        );
        complain(problems, span, message);
    }
}

fn read_branches(
    value: &Value,
    environment: &str,
    exact: &mut Vec<(String, String)>,
    problems: &mut Vec<Problem>,
) -> Vec<Branches> {
    let mut branches = Vec::new();
    for (pattern, span) in strings(value, problems) {
        if pattern.is_empty() {
            complain(problems, span, "a branch's name cannot be empty");
        } else if pattern.contains(['*', '?', '[', '{', '\\']) {
            branches.extend(read_glob(&pattern, span, problems).map(Branches::Matching));
        } else {
            match exact.iter().find(|(branch, _)| *branch == pattern) {
                Some((_, other)) => complain(
                    problems,
                    span,
                    format!(
                        "branch `{pattern}` is taken by `{other}` already; a branch goes to one environment"
                    ),
                ),
                None => exact.push((pattern.clone(), environment.to_owned())),
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
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        complain(problems, span, "`account` must be the twelve digits of an AWS account");
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
    // A folder is meant, so `stg` and `stg/` are the same.
    let slash = if text.is_empty() || text.ends_with('/') { "" } else { "/" };
    let template = Template(text + slash);
    let leftover = template.0.replace(BRANCH, "");
    if leftover.contains(['{', '}']) {
        complain(problems, span.clone(), "only `{branch}` can stand in braces");
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

fn read_address(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let (address, span) = string(value, problems)?;
    let host = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let host = host.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if host.is_empty() || address.contains(char::is_whitespace) {
        complain(problems, span, "this must be an address that begins with https:// or http://");
    } else if host.contains('@') {
        complain(problems, span, "an address must not hold a user or a password");
        return None;
    }
    Some(address)
}

fn read_credentials(value: &Value, problems: &mut Vec<Problem>) -> Option<Credentials> {
    let expected = "`credentials` must be { access-key-id = \"VARIABLE\", secret-access-key = \"VARIABLE\" }, { profile = \"NAME\" } or \"ambient\"";
    match value.get_ref() {
        DeValue::String(text) if text == "ambient" => return Some(Credentials::Ambient),
        DeValue::Table(_) => {}
        _ => {
            complain(problems, value.span(), expected);
            return None;
        }
    }
    let mut fields = Fields::of(value, "credentials", problems)?;
    let profile = fields.optional("profile");
    let access_key_id = fields.optional("access-key-id");
    let secret_access_key = fields.optional("secret-access-key");
    let session_token = fields.optional("session-token");
    fields.no_others();

    match (profile, access_key_id, secret_access_key, session_token) {
        (Some(profile), None, None, None) => {
            string(profile, problems).map(|(name, _)| Credentials::Profile(name))
        }
        (None, Some(id), Some(secret), token) => Some(Credentials::Variables {
            access_key_id: read_variable(id, problems)?,
            secret_access_key: read_variable(secret, problems)?,
            session_token: match token {
                Some(token) => SessionToken::Required(read_variable(token, problems)?),
                None => SessionToken::None,
            },
        }),
        _ => {
            complain(problems, value.span(), expected);
            None
        }
    }
}

/// The name of an environment variable. A value in its place is an error that does not repeat it.
fn read_variable(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let (name, span) = string(value, problems)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let is_name =
        name.bytes().all(plain) && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if looks_like_a_secret(&name) {
        complain(
            problems,
            span,
            "this looks like a credential itself; name the environment variable that holds it, and replace the key if this file was ever pushed",
        );
        return None;
    }
    if !is_name {
        complain(
            problems,
            span,
            "this must be the name of an environment variable: letters, digits and `_`",
        );
        return None;
    }
    Some(name)
}

fn read_rules(value: &Value, problems: &mut Vec<Problem>) -> Vec<Rule> {
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

fn read_globs(value: &Value, problems: &mut Vec<Problem>) -> Vec<GlobMatcher> {
    let patterns = strings(value, problems);
    patterns.into_iter().filter_map(|(p, span)| read_glob(&p, span, problems)).collect()
}

fn read_glob(
    pattern: &str,
    span: Range<usize>,
    problems: &mut Vec<Problem>,
) -> Option<GlobMatcher> {
    headers::glob(pattern)
        .map_err(|error| complain(problems, span, format!("this is not a glob: {}", error.kind())))
        .ok()
}

/// A table's keys, and which of them are known.
struct Fields<'v, 'p> {
    table: &'v DeTable<'v>,
    span: Range<usize>,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'v, 'p> Fields<'v, 'p> {
    fn new(table: &'v DeTable<'v>, span: Range<usize>, problems: &'p mut Vec<Problem>) -> Self {
        Fields { table, span, known: Vec::new(), problems }
    }

    fn of(value: &'v Value<'v>, what: &str, problems: &'p mut Vec<Problem>) -> Option<Self> {
        match value.get_ref().as_table() {
            Some(table) => Some(Fields::new(table, value.span(), problems)),
            None => {
                complain(problems, value.span(), format!("`{what}` must be a table"));
                None
            }
        }
    }

    fn optional(&mut self, key: &'static str) -> Option<&'v Value<'v>> {
        self.known.push(key);
        self.table.get(key)
    }

    fn required(&mut self, key: &'static str) -> Option<&'v Value<'v>> {
        let value = self.optional(key);
        if value.is_none() {
            complain(self.problems, self.span.clone(), format!("`{key}` is missing"));
        }
        value
    }

    fn no_others(self) {
        for (key, _) in self.table.iter() {
            let word = key.get_ref().as_ref();
            if self.known.contains(&word) {
                continue;
            }
            // A credential typed as a key must not be repeated either.
            let shown = if looks_like_a_secret(word) { "****" } else { word };
            let mut message = format!("unknown key `{shown}`");
            match nearest(word, &self.known) {
                Some(meant) => message.push_str(&format!("; did you mean `{meant}`?")),
                None => message.push_str(&format!("; known here: {}", self.known.join(", "))),
            }
            complain(self.problems, key.span(), message);
        }
    }
}

fn complain(problems: &mut Vec<Problem>, span: Range<usize>, message: impl Into<String>) {
    problems.push(Problem { span, message: message.into() });
}

fn string(value: &Value, problems: &mut Vec<Problem>) -> Option<(String, Range<usize>)> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        let found = value.get_ref().type_str();
        complain(
            problems,
            value.span(),
            format!("this must be a string in quotes, and is of type {found}"),
        );
    }
    text.map(|text| (text.to_owned(), value.span()))
}

fn strings(value: &Value, problems: &mut Vec<Problem>) -> Vec<(String, Range<usize>)> {
    let Some(array) = value.get_ref().as_array() else {
        complain(problems, value.span(), "this must be a list of strings, such as [\"main\"]");
        return Vec::new();
    };
    array.iter().filter_map(|value| string(value, problems)).collect()
}

fn boolean(value: &Value, problems: &mut Vec<Problem>) -> Option<bool> {
    let found = value.get_ref().as_bool();
    if found.is_none() {
        complain(problems, value.span(), "this must be true or false");
    }
    found
}

fn count(value: &Value, problems: &mut Vec<Problem>) -> Option<u64> {
    let found =
        value.get_ref().as_integer().and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
    if found.is_none() {
        complain(problems, value.span(), "this must be a whole number, 0 or more");
    }
    found
}
