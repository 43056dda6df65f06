//! The command line of AWS: `aws s3`, `aws cloudfront`, and what sets its keys.

use super::options::{Options, Takes};
use super::{
    Arg, Filter, Pass, Place, Role, Script, Sent, as_value, distribution, open, parent, record,
};

const AWS_FLAGS: &[&str] = &[
    "debug",
    "delete",
    "dryrun",
    "exact-timestamps",
    "follow-symlinks",
    "force",
    "force-glacier-transfer",
    "ignore-glacier-warnings",
    "no-cli-auto-prompt",
    "no-cli-pager",
    "no-follow-symlinks",
    "no-guess-mime-type",
    "no-overwrite",
    "no-paginate",
    "no-progress",
    "no-sign-request",
    "no-verify-ssl",
    "only-show-errors",
    "quiet",
    "recursive",
    "size-only",
];

pub fn call(script: &mut Script<'_>, args: &[Arg]) {
    let options = Options::of(args, Takes::AllBut(AWS_FLAGS));
    let words: Vec<&str> = options.others.iter().map(|arg| arg.text.as_str()).collect();
    match words.as_slice() {
        ["s3", command @ ("sync" | "cp" | "mv"), ..] => {
            let command = format!("aws s3 {command}");
            aws_s3(script, &command, &options, &options.others[2..]);
        }
        ["cloudfront", "create-invalidation", ..] => invalidation(script, &options),
        ["configure", "set", key, ..] => configure(script, &options, key),
        ["sts", "assume-role" | "assume-role-with-web-identity", ..] => {
            script.job.role = match options.get("role-arn").and_then(Arg::known) {
                Some(arn) => Role::Arn(arn.to_owned()),
                None => Role::Unknown,
            };
        }
        _ => {}
    }
}

fn aws_s3(script: &mut Script<'_>, tool: &str, options: &Options, paths: &[Arg]) {
    if options.has("dryrun") {
        return;
    }
    // A variable with options may stand between the two.
    let paths: Vec<&Arg> = paths.iter().collect();
    let remote = |arg: &&&Arg| arg.text.starts_with("s3://");
    let (source, destination) = match paths.as_slice() {
        [source, destination] => (*source, *destination),
        more => {
            let Some(destination) = more.iter().rfind(remote) else { return };
            let Some(source) = more.iter().find(|arg| !remote(arg) && arg.missing.is_empty())
            else {
                return;
            };
            (*source, *destination)
        }
    };
    let is_remote = |arg: &Arg| arg.text.starts_with("s3://");
    let is_unknown = !destination.missing.is_empty() && !is_remote(source);
    if source.text == "-" || !(is_remote(destination) || is_unknown) {
        return;
    }
    let Some((bucket, key)) = address(script, tool, destination, source, options) else { return };
    let mut pass = Pass { overwrites: tool != "aws s3 sync", ..Pass::default() };
    pass.filters = filters(script, options);
    pass.headers = headers(script, options);
    let is_single = tool != "aws s3 sync" && !options.has("recursive");
    let prefix = if is_single { parent(&key) } else { as_prefix(&key) };
    if is_single {
        let name = source.text.rsplit('/').next().unwrap_or_default();
        let has_name = !key.is_empty() && !key.ends_with('/');
        pass.file = Some(if has_name { key } else { format!("{key}{name}") });
    }
    let place = Place {
        region: options.value(script, "region"),
        endpoint: options.value(script, "endpoint-url"),
        acl: acl(script, options),
        encryption: encryption(script, options),
        ..Place::default()
    };
    let profile = options.value(script, "profile");
    let has_unknown_profile = options.has("profile") && profile.is_none();
    let source = source.clone();
    record(
        script,
        Sent { tool, source, bucket, prefix, profile, has_unknown_profile, place, pass },
    );
}

/// The bucket and the rest of `s3://bucket/rest`. One that the file does not name is a note.
pub(super) fn address(
    script: &mut Script<'_>,
    tool: &str,
    destination: &Arg,
    source: &Arg,
    options: &Options,
) -> Option<(String, String)> {
    if !destination.missing.is_empty() {
        open(script, tool, destination, source, options);
        return None;
    }
    let rest = destination.text.strip_prefix("s3://")?;
    if rest.starts_with("arn:") {
        let line = script.line;
        script.note(
            line,
            &format!("`{tool}` sends files to an access point, whose bucket the file does not say"),
        );
        return None;
    }
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    let is_name = !bucket.is_empty()
        && !key.contains(char::is_control)
        && bucket.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    is_name.then(|| (bucket.to_owned(), key.trim_start_matches('/').to_owned()))
}

pub(super) fn as_prefix(key: &str) -> String {
    let key = key.trim_matches('/');
    if key.is_empty() { String::new() } else { format!("{key}/") }
}

pub(super) fn filters(script: &mut Script<'_>, options: &Options) -> Vec<Filter> {
    let named = options.named.iter().filter(|(name, _)| name == "exclude" || name == "include");
    let mut filters = Vec::new();
    for (name, arg) in named {
        match arg.known() {
            Some(pattern) => {
                filters.push(Filter { is_included: name == "include", pattern: pattern.to_owned() })
            }
            None => {
                let line = script.line;
                script.note(
                    line,
                    &format!(
                        "`--{name}` contains `{}`, which the file does not set",
                        arg.missing.join("`, `")
                    ),
                );
            }
        }
    }
    filters
}

pub(super) fn headers(script: &mut Script<'_>, options: &Options) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let names = [
        "cache-control",
        "content-type",
        "content-encoding",
        "content-language",
        "content-disposition",
        "expires",
    ];
    for name in names {
        headers.extend(options.value(script, name).map(|value| (name.to_owned(), value)));
    }
    if let Some(to) = options.value(script, "website-redirect") {
        headers.push(("x-amz-website-redirect-location".to_owned(), to));
    }
    let metadata = options.value(script, "metadata").filter(|text| !text.starts_with('{'));
    for pair in metadata.unwrap_or_default().split(',') {
        if let Some((name, value)) = pair.split_once('=') {
            headers.push((format!("x-amz-meta-{}", name.trim().to_lowercase()), value.to_owned()));
        }
    }
    headers
}

fn acl(script: &mut Script<'_>, options: &Options) -> Option<String> {
    options.value(script, "acl").or_else(|| {
        let grants = options.get("grants")?;
        grants.text.starts_with("read=uri=").then_some(())?;
        grants.text.ends_with("/global/AllUsers").then(|| "public-read".to_owned())
    })
}

pub(super) fn encryption(script: &mut Script<'_>, options: &Options) -> Option<String> {
    let key = options.value(script, "sse-kms-key-id");
    let line = script.line;
    match (options.value(script, "sse")?.as_str(), key) {
        ("AES256", _) => Some("AES256".to_owned()),
        (_, Some(key)) if key.starts_with("arn:") => Some(key),
        _ => {
            script.note(line, "`--sse aws:kms` needs the ARN of its key in `deploy.toml`, which the file does not say");
            None
        }
    }
}

fn invalidation(script: &mut Script<'_>, options: &Options) {
    let name = if options.has("distribution") { "distribution" } else { "distribution-id" };
    if let Some(id) = options.value(script, name) {
        distribution(script, &id);
    }
}

fn configure(script: &mut Script<'_>, options: &Options, key: &str) {
    let Some(value) = options.others.get(3) else { return };
    let value = as_value(value);
    let profile = options.value(script, "profile").unwrap_or_else(|| "default".to_owned());
    let (profile, key) = match key.split_once('.') {
        Some((profile, key)) => (profile.to_owned(), key),
        None => (profile, key),
    };
    script.set_profile(&profile, key, value);
}
