//! Files made of random parts: what they say, and the ways in which TOML allows it to be written.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Acl, Branches, Config, Credentials, Demands, Encryption};
use super::super::{Environment, SessionToken};

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    command: Vec<String>,
    env: Vec<String>,
    output: String,
    keep: Vec<String>,
    exclude: Vec<String>,
    publish: Vec<String>,
    places: Vec<Place>,
    rules: Vec<(String, BTreeMap<String, String>)>,
}

/// What it says about an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    name: String,
    exact: Vec<String>,
    globs: Vec<String>,
    pull_requests: bool,
    account: Option<String>,
    region: String,
    bucket: String,
    prefix: Option<String>,
    endpoint: Option<String>,
    url: Option<String>,
    max_deletes: Option<u64>,
    credentials: Option<Credentials>,
    path_style: Option<bool>,
    demands: Demands,
}

/// How it is written.
#[derive(Clone, Debug)]
pub struct Layout {
    line_end: &'static str,
    /// Whether lists have a line for each of their words.
    tall: bool,
    /// Whether credentials have a section of their own.
    own_section: bool,
    /// Whether strings are in single quotes if possible.
    literal: bool,
    /// Whether lines have comments.
    remarks: bool,
}

pub fn layout() -> impl Strategy<Value = Layout> {
    let bools = any::<(bool, bool, bool, bool)>();
    (select(vec!["\n", "\r\n"]), bools).prop_map(
        |(line_end, (tall, own_section, literal, remarks))| Layout {
            line_end,
            tall,
            own_section,
            literal,
            remarks,
        },
    )
}

pub fn parts() -> impl Strategy<Value = Parts> {
    let command = vec("[a-z\u{e9}./=\"'\\\\-]{1,8}", 0..4);
    // No environment takes its credentials from such a name.
    let env = vec("PASSED_[A-Z]{1,5}", 0..3);
    let output = "(\\.\\./){0,2}[a-z_\u{e9}]{1,8}(/[a-z.]{1,3}[a-z])?";
    let glob = "(\\*\\*/)?[a-z\u{e9}]{1,5}(/\\*\\.\\{css,js\\}|\\*|\\?|\\[ab\\])?";
    let rule =
        (glob, btree_map(header_name(), "[!-~]([ -~]{0,12}[!-~])?", 0..4), option::of(date()));
    let rule = rule.prop_map(|(glob, mut headers, expires)| {
        headers.extend(expires.map(|date| ("expires".to_owned(), date)));
        headers.entry("content-encoding".to_owned()).and_modify(|value| *value = "gzip".into());
        (glob, headers)
    });
    let lists = [vec(glob, 0..3), vec(glob, 0..3), vec(glob, 0..3)];
    let built = (command, env, output);
    (built, lists, vec(place(), 1..4), vec(rule, 0..3), option::of(0..4usize)).prop_map(
        |((command, env, output), lists, mut places, rules, pull_requests)| {
            // It is an error if two lists have a pattern in common.
            let [keep, mut exclude, mut publish] = lists;
            exclude.retain(|glob| !keep.contains(glob));
            publish.retain(|glob| !keep.contains(glob) && !exclude.contains(glob));
            for (number, place) in places.iter_mut().enumerate() {
                place.make_the_only_one(number);
                place.pull_requests = pull_requests == Some(number);
            }
            Parts { command, env, output, keep, exclude, publish, places, rules }
        },
    )
}

fn header_name() -> impl Strategy<Value = String> {
    let known = [
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
    ];
    prop_oneof![select(known.map(str::to_owned).to_vec()), "x-amz-meta-[a-z]{1,4}"]
}

/// An HTTP date, in the years 1970 to 9999.
fn date() -> impl Strategy<Value = String> {
    (0..253_402_300_800u64).prop_map(|seconds| {
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
    })
}

fn place() -> impl Strategy<Value = Place> {
    let names = ("[a-zA-Z][a-z_-]{0,6}", "[a-z0-9.-]{3,20}", "[a-z]{2}-[a-z]{4,9}-[1-9]");
    let branches =
        (vec("[a-zA-Z0-9/._\u{e9}-]{1,8}", 0..3), vec("[a-z]{1,5}/(\\*\\*|\\*|\\?[a-z])", 0..3));
    let address = "https?://[a-z]{1,8}(\\.example)?(:[1-9][0-9]{1,3})?(/[a-z]{1,3}/?)?";
    let prefix = "(\\{branch\\}|[a-z\u{e9}]{1,4}(/[a-z]{1,3})?(/\\{branch\\})?)/?";
    let where_to = (
        option::of("[0-9]{12}"),
        option::of(address),
        option::of(prefix),
        option::of("https://[a-z]{1,8}/(\\{branch\\}/)?"),
    );
    let how = (option::of(any::<u64>()), option::of(any::<bool>()), demands());
    (names, branches, where_to, how, option::of(credentials())).prop_map(
        |(
            (name, bucket, region),
            (exact, globs),
            (account, endpoint, prefix, url),
            (max_deletes, path_style, demands),
            credentials,
        )| {
            // One of the two is required.
            let account = account.or(endpoint.is_none().then(|| "012345678901".to_owned()));
            Place {
                name,
                exact,
                globs,
                pull_requests: false,
                account,
                region,
                bucket,
                prefix,
                endpoint,
                url,
                max_deletes,
                credentials,
                path_style,
                demands,
            }
        },
    )
}

fn demands() -> impl Strategy<Value = Demands> {
    let kms = "arn:aws:kms:[a-z]{2}-[a-z]{4}-1:[0-9]{12}:alias/[a-z]{1,8}";
    let encryption = prop_oneof![Just(Encryption::Aes256), kms.prop_map(Encryption::Kms)];
    (option::of(select(Acl::ALL.to_vec())), option::of(encryption))
        .prop_map(|(acl, encryption)| Demands { acl, encryption })
}

fn credentials() -> impl Strategy<Value = Credentials> {
    let variable =
        || prop_oneof!["[A-Z]{1,8}(_[A-Z0-9]{1,8}){0,3}", "[a-z]{1,8}(_[a-z0-9]{1,8}){1,3}"];
    let variables = (variable(), variable(), option::of(variable()));
    prop_oneof![
        Just(Credentials::Ambient),
        "[a-z][a-z -]{0,8}".prop_map(Credentials::Profile),
        variables.prop_map(|(access_key_id, secret_access_key, token)| Credentials::Variables {
            access_key_id,
            secret_access_key,
            session_token: token.map_or(SessionToken::None, SessionToken::Required),
        }),
    ]
}

impl Place {
    /// No two environments may have a branch, a folder in a bucket or a variable in common.
    fn make_the_only_one(&mut self, number: usize) {
        self.name.push_str(&number.to_string());
        self.bucket.push_str(&number.to_string());
        for (at, branch) in self.exact.iter_mut().enumerate() {
            branch.push_str(&format!("-{number}-{at}"));
        }
    }

    /// With the defaults for everything that the file leaves out.
    fn in_normal_form(mut self) -> Place {
        let begin = self.name.to_uppercase().replace('-', "_");
        self.credentials.get_or_insert(Credentials::Variables {
            access_key_id: format!("{begin}_AWS_ACCESS_KEY_ID"),
            secret_access_key: format!("{begin}_AWS_SECRET_ACCESS_KEY"),
            session_token: SessionToken::WhereSet(format!("{begin}_AWS_SESSION_TOKEN")),
        });
        let prefix = self.prefix.get_or_insert_default();
        if !prefix.is_empty() && !prefix.ends_with('/') {
            prefix.push('/');
        }
        self
    }

    fn of(environment: &Environment) -> Place {
        let branches = || environment.branches.iter();
        let exact = |branch: &Branches| match branch {
            Branches::Exactly(name) => Some(name.clone()),
            Branches::Matching(_) => None,
        };
        let glob = |branch: &Branches| match branch {
            Branches::Exactly(_) => None,
            Branches::Matching(glob) => Some(glob.glob().glob().to_owned()),
        };
        Place {
            name: environment.name.clone(),
            exact: branches().filter_map(exact).collect(),
            globs: branches().filter_map(glob).collect(),
            pull_requests: environment.pull_requests,
            account: environment.account.clone(),
            region: environment.region.clone(),
            bucket: environment.bucket.clone(),
            prefix: Some(environment.prefix.fill("{branch}")),
            endpoint: environment.endpoint.clone(),
            url: environment.url.as_ref().map(|url| url.fill("{branch}")),
            max_deletes: environment.max_deletes,
            credentials: Some(environment.credentials.clone()),
            path_style: environment.path_style,
            demands: environment.demands.clone(),
        }
    }
}

impl Parts {
    pub fn of(config: &Config) -> Parts {
        let glob = |glob: &globset::GlobMatcher| glob.glob().glob().to_owned();
        let headers = |rule: &crate::base::headers::Rule| {
            rule.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        Parts {
            command: config.command.clone(),
            env: config.build_env.clone(),
            output: config.output.display().to_string(),
            keep: config.keep.iter().map(glob).collect(),
            exclude: config.exclude.iter().map(glob).collect(),
            publish: config.publish.iter().map(glob).collect(),
            places: config.environments.iter().map(Place::of).collect(),
            rules: config.rules.iter().map(|rule| (glob(&rule.matcher), headers(rule))).collect(),
        }
    }

    pub fn in_normal_form(self) -> Parts {
        let with_below = |globs: Vec<String>| {
            globs.into_iter().flat_map(|glob| [glob.clone(), format!("{glob}/**")]).collect()
        };
        let places = self.places.into_iter().map(Place::in_normal_form);
        Parts {
            keep: with_below(self.keep),
            exclude: with_below(self.exclude),
            publish: with_below(self.publish),
            places: places.collect(),
            ..self
        }
    }

    /// The file, in one of the ways to write it.
    pub fn file(&self, layout: &Layout) -> String {
        let mut lines = Vec::new();
        for (key, globs) in
            [("keep", &self.keep), ("exclude", &self.exclude), ("publish", &self.publish)]
        {
            if !globs.is_empty() {
                lines.push(format!("{key} = {}", layout.list(globs)));
            }
        }
        lines.push("[build]".to_owned());
        if !self.command.is_empty() {
            lines.push(format!("command = {}", layout.list(&self.command)));
        }
        if !self.env.is_empty() {
            lines.push(format!("env = {}", layout.list(&self.env)));
        }
        lines.push(format!("output = {}", layout.string(&self.output)));
        for place in &self.places {
            lines.extend(layout.place(place));
        }
        for (glob, headers) in &self.rules {
            lines.push("[[headers]]".to_owned());
            lines.push(format!("match = {}", layout.string(glob)));
            lines.extend(
                headers.iter().map(|(name, value)| format!("{name} = {}", layout.string(value))),
            );
        }
        let remark = if layout.remarks { " # as \"it\" was = [" } else { "" };
        let lines = lines.into_iter().map(|line| format!("{line}{remark}\n"));
        lines.collect::<String>().replace('\n', layout.line_end)
    }
}

impl Layout {
    fn place(&self, place: &Place) -> Vec<String> {
        let mut lines = vec![format!("[environments.{}]", place.name)];
        let branches = [place.exact.clone(), place.globs.clone()].concat();
        lines.push(format!("branches = {}", self.list(&branches)));
        if place.pull_requests {
            lines.push("pull-requests = true".to_owned());
        }
        let strings = [
            ("account", place.account.as_ref()),
            ("region", Some(&place.region)),
            ("bucket", Some(&place.bucket)),
            ("prefix", place.prefix.as_ref()),
            ("endpoint", place.endpoint.as_ref()),
            ("url", place.url.as_ref()),
        ];
        for (key, value) in strings {
            lines.extend(value.map(|value| format!("{key} = {}", self.string(value))));
        }
        lines.extend(place.max_deletes.map(|most| format!("max-deletes = {most}")));
        lines.extend(place.max_deletes.map(|most| format!("retain = \"{}m\"", most % 1000)));
        lines.extend(place.path_style.map(|is_so| format!("path-style = {is_so}")));
        let Demands { acl, encryption } = &place.demands;
        lines.extend(acl.map(|acl| format!("acl = {}", self.string(acl.name()))));
        lines.extend(encryption.iter().map(|encryption| match encryption {
            Encryption::Aes256 => format!("encryption = {}", self.string("AES256")),
            Encryption::Kms(key) => format!("encryption = {{ kms = {} }}", self.string(key)),
        }));
        lines.extend(
            place.credentials.iter().flat_map(|named| self.credentials(&place.name, named)),
        );
        lines
    }

    fn credentials(&self, environment: &str, named: &Credentials) -> Vec<String> {
        let fields = match named {
            Credentials::Ambient => return vec!["credentials = \"ambient\"".to_owned()],
            Credentials::Profile(name) => vec![("profile", name)],
            Credentials::Variables { access_key_id, secret_access_key, session_token } => {
                let mut fields = vec![
                    ("access-key-id", access_key_id),
                    ("secret-access-key", secret_access_key),
                ];
                if let SessionToken::Required(name) = session_token {
                    fields.push(("session-token", name));
                }
                fields
            }
        };
        let fields: Vec<_> = fields
            .into_iter()
            .map(|(key, value)| format!("{key} = {}", self.string(value)))
            .collect();
        match self.own_section {
            true => [vec![format!("[environments.{environment}.credentials]")], fields].concat(),
            false => vec![format!("credentials = {{ {} }}", fields.join(", "))],
        }
    }

    fn list(&self, words: &[String]) -> String {
        let words: Vec<_> = words.iter().map(|word| self.string(word)).collect();
        match self.tall && !words.is_empty() {
            true => format!("[\n  {},\n]", words.join(",\n  ")),
            false => format!("[{}]", words.join(", ")),
        }
    }

    fn string(&self, text: &str) -> String {
        match self.literal && !text.contains('\'') {
            true => format!("'{text}'"),
            false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        }
    }
}
