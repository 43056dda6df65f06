//! `[environments.NAME]`: reads each environment, and then compares them with each other.

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;

use super::super::looks_secret::looks_like_a_secret;
use super::super::problem::Problem;
use super::super::{Credentials, Environment, Template};
use super::conflicts::check_together;
use super::credentials::{IS_A_SECRET, read_credentials};
use super::demands::read_demands;
use super::endpoint::{check_branch_in_host, check_endpoint, is_of_aws, read_endpoint};
use super::fields::{Fields, Value, boolean, complain, complain_of_secret, count, duration};
use super::place::{
    read_account, read_address, read_branches, read_bucket, read_prefix, read_region,
};

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
