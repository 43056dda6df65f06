//! Turns TOML values into a [`Config`], and collects every problem. A value with a problem is reported and left out.
//! The file as a whole is then an error, so nothing is ever made up for it.

mod environments;
mod conflicts;
mod place;
mod endpoint;
mod demands;
mod credentials;
mod rules;
mod fields;

use std::path::{Component, Path, PathBuf};

use toml::Spanned;
use toml::de::DeTable;

use super::problem::{Kind, Problem};
use super::{Config, Credentials, Environment, Website};
use credentials::read_variable;
use environments::read_environments;
use fields::{Fields, Text, Value, complain, duration, list, plain, string, text};
use rules::{Lists, read_lists, read_rules};

use crate::base::key;

/// The configuration, and the values in it that are not filled in yet.
pub fn config(text: &str, site: &Path) -> Result<(Config, Vec<Problem>), Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    // Everything after the first syntax error is usually a consequence of it.
    if let Some(error) = errors.first() {
        let span = error.span().unwrap_or(0..0);
        let mut message = error.message().to_owned();
        if ["quoted", "nan", "leading zero", "float", "integer"].iter().any(|w| message.contains(w))
        {
            message = format!("{message}; {VALUES}");
        }
        return Err(vec![Problem { span, message, kind: Kind::Mistake }]);
    }
    let mut problems = Vec::new();
    let config = read_config(&document, site, &mut problems);
    match problems.iter().all(|problem| problem.kind == Kind::Open) {
        true => Ok((config, problems)),
        false => Err(problems),
    }
}

/// The parser says what it expected next, but an author who forgot the quotes wants to know which values are allowed.
const VALUES: &str =
    "a value is a text in straight quotes, a number, true or false, or a list of these";

fn read_config(document: &Spanned<DeTable>, site: &Path, problems: &mut Vec<Problem>) -> Config {
    let mut file = Fields::new(document.get_ref(), 0..0, problems);
    let build = file.required("build");
    let environments = file.required("environments");
    let rules = file.optional("headers");
    let keep = file.optional("keep");
    let exclude = file.optional("exclude");
    let publish = file.optional("publish");
    let retain = file.optional("retain");
    let website = file.optional("website");
    file.no_others();

    let build = build.map(|value| read_build(value, problems)).unwrap_or_default();
    let retain = retain.and_then(|value| duration(value, problems));
    let mut environments = environments.map(|value| read_environments(value, problems));
    for environment in environments.iter_mut().flatten() {
        environment.retain = environment.retain.or(retain);
    }
    let environments = environments.unwrap_or_default();
    check_env(&build.env, &environments, problems);
    let Lists { keep, exclude, publish } = read_lists(keep, exclude, publish, problems);
    Config {
        site: site.to_owned(),
        command: build.command,
        build_env: build.env.into_iter().map(|(name, _)| name).collect(),
        output: build.output,
        environments,
        open: None,
        rules: rules.map(|value| read_rules(value, problems)).unwrap_or_default(),
        keep,
        exclude,
        publish,
        website: website.map(|value| read_website(value, problems)).unwrap_or_default(),
    }
}

/// The content of `[build]`.
#[derive(Default)]
struct Build {
    command: Vec<String>,
    env: Vec<Text>,
    output: PathBuf,
}

fn read_build(value: &Value, problems: &mut Vec<Problem>) -> Build {
    let Some(mut build) = Fields::of(value, "[build]", problems) else { return Build::default() };
    let command = build.optional("command");
    let env = build.optional("env");
    let output = build.required("output");
    build.no_others();

    let command = command.map(|value| read_command(value, problems));
    let env = env.and_then(|value| list(value, "[\"MY_AWS_NAME\"]", read_variable, problems));
    let output = output.and_then(|value| string(value, problems)).map(|(text, span)| {
        let path = PathBuf::from(&text);
        if !is_output(&path) {
            complain(problems, span, not_an_output(&path));
        }
        path
    });
    Build {
        command: command.unwrap_or_default(),
        env: env.unwrap_or_default(),
        output: output.unwrap_or_default(),
    }
}

/// The generator never gets the credentials that a deploy uses, even if the file asks for it.
fn check_env(env: &[Text], environments: &[Environment], problems: &mut Vec<Problem>) {
    for (name, span) in env {
        let uses = |environment: &&Environment| match environment.credentials {
            Credentials::Ambient => CHAIN.iter().any(|start| name.starts_with(start)),
            _ => environment.variables().iter().any(|named| named.eq_ignore_ascii_case(name)),
        };
        if let Some(environment) = environments.iter().find(uses) {
            let message = format!(
                "`{}` takes its credentials from `{name}`, so the generator never gets it",
                environment.name
            );
            complain(problems, span.clone(), message);
        }
    }
}

/// The beginnings of variables from which the SDK's default chain takes credentials.
const CHAIN: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_",
    "ACTIONS_ID_TOKEN_",
];

/// Whether a path can name an output: a folder of its own, in the site's folder or next to the folders above it.
/// Whether that place is allowed is checked once the git repository is known.
fn is_output(path: &Path) -> bool {
    let is_up = |part: &Component| matches!(part, Component::ParentDir);
    let mut below = path.components().skip_while(is_up).peekable();
    below.peek().is_some() && below.all(|part| matches!(part, Component::Normal(_)))
}

/// Why a path cannot be an output, and what to do instead. An output is emptied before a build and published as a
/// whole, so it holds nothing else.
fn not_an_output(path: &Path) -> &'static str {
    let is_around = |part| matches!(part, Component::CurDir | Component::ParentDir);
    match path.components().all(is_around) {
        true => {
            "`output` must be a folder of its own: move the pages into one, such as \"public\", or let `command` copy them there"
        }
        false => {
            "`output` must be a folder relative to the site's folder, such as \"public\" or \"../dist\""
        }
    }
}

fn read_website(value: &Value, problems: &mut Vec<Problem>) -> Website {
    let usual = Website::default();
    let Some(mut website) = Fields::of(value, "[website]", problems) else { return usual };
    let index = website.optional("index");
    let error = website.optional("error");
    website.no_others();

    // S3 accepts no other suffix. https://docs.aws.amazon.com/AmazonS3/latest/API/API_IndexDocument.html
    let index = index.and_then(|value| string(value, problems)).map(|(text, span)| {
        if text.is_empty() || text.contains('/') {
            complain(problems, span, "`index` is a name in each folder, such as \"index.html\"");
        }
        key::normal(&text).into_owned()
    });
    let error = error.and_then(|value| string(value, problems)).map(|(text, span)| {
        if text.is_empty() || text.starts_with('/') || text.ends_with('/') {
            complain(problems, span, "`error` is the key of a document, such as \"404.html\"");
        }
        key::normal(&text).into_owned()
    });
    Website { index: index.unwrap_or(usual.index), error: error.unwrap_or(usual.error) }
}

/// A program and its arguments. An argument may have several lines, like a script for `sh -c`.
fn read_command(value: &Value, problems: &mut Vec<Problem>) -> Vec<String> {
    let Some(words) = list(value, "[\"hugo\", \"--minify\"]", text, problems) else {
        return Vec::new();
    };
    match words.first() {
        Some((program, span)) if !program.is_empty() => {
            plain(program, span, problems);
        }
        _ => complain(
            problems,
            value.span(),
            "a command needs a program; leave it out when the output is already there",
        ),
    }
    if let [(line, span)] = words.as_slice()
        && line.contains(' ')
    {
        let words: Vec<String> = line.split_whitespace().map(|word| format!("{word:?}")).collect();
        let message = format!("each word is a string of its own: [{}]", words.join(", "));
        complain(problems, span.clone(), message);
    }
    for (word, span) in &words {
        if ["&&", "||", "|", ";", ">", "<", "&"].contains(&word.as_str()) {
            let message = format!(
                "`{word}` is for a shell, but the command runs without one: write [\"sh\", \"-c\", \"...\"] or a script"
            );
            complain(problems, span.clone(), message);
        }
    }
    words.into_iter().map(|(word, _)| word).collect()
}
