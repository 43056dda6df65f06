//! The commands that send files to a bucket, and the places that several of them make together: a `sync`, and a second
//! one that sets the headers of some files.

pub mod aws;
mod options;
mod passes;
pub mod tools;

use std::path::PathBuf;

pub use passes::finished;

use options::Options;

use super::script::{ACCESS_KEY_ID, Arg, MOST, Role, SECRET_ACCESS_KEY, Script, Value};
use super::{Credentials, Headers, Place};

/// A place, and the commands that send its files.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub place: Place,
    pub passes: Vec<Pass>,
}

/// The files that one command sends.
#[derive(Clone, Debug, Default)]
pub struct Pass {
    /// In their order. The last one that matches a file decides.
    pub filters: Vec<Filter>,
    pub headers: Vec<(String, String)>,
    /// The folder of its files below that of the place: empty, or with a slash at the end.
    below: String,
    /// The only file that it sends.
    file: Option<String>,
    /// It also writes files that are there already.
    overwrites: bool,
    /// From the bucket into itself, for the headers.
    is_copy: bool,
    line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub is_included: bool,
    pub pattern: String,
}

/// What one command says.
#[derive(Default)]
pub struct Sent<'a> {
    pub tool: &'a str,
    pub source: Arg,
    pub bucket: String,
    pub prefix: String,
    pub profile: Option<String>,
    /// The name of its profile is not known.
    pub has_unknown_profile: bool,
    pub place: Place,
    pub pass: Pass,
}

/// Adds what a command sends to the place that it belongs to, or as a new place.
pub fn record(script: &mut Script<'_>, mut sent: Sent<'_>) {
    sent.pass.line = script.line;
    sent.pass.is_copy = sent.source.text.starts_with("s3://");
    if !sent.source.missing.is_empty() {
        let missing = sent.source.missing.join("`, `");
        let folder = format!("the folder of `{}`", sent.tool);
        script.note(
            script.line,
            &format!("{folder} contains `{missing}`, which the file does not set"),
        );
    }
    let before = script.job.clone();
    let unclear = script.settle(sent.profile.as_deref());
    if !unclear.is_empty() {
        let steps = unclear.join("`, `");
        let text = format!(
            "`{}` needs keys or a region that steps set under conditions (`{steps}`), and it is not clear which of them \
             hold here",
            sent.tool
        );
        script.note(script.line, &text);
    }
    script.sends += 1;
    place(script, sent);
    script.job = before;
}

fn place(script: &mut Script<'_>, sent: Sent<'_>) {
    let here = Here::of(script, &sent);
    match here.find(&script.uploads, &sent) {
        Some((at, below)) => {
            let upload = &mut script.uploads[at];
            upload.place.add(sent.place);
            let file = sent.pass.file.map(|key| key[upload.place.prefix.len()..].to_owned());
            if upload.passes.len() < MOST {
                upload.passes.push(Pass { below, file, ..sent.pass });
            }
        }
        None if sent.pass.is_copy => copied(script, &sent),
        // A file that is copied alone is no site.
        None if sent.pass.file.is_some() => {
            let file = sent.pass.file.unwrap_or_default();
            if script.uploads.iter().any(|upload| upload.place.bucket == sent.bucket) {
                script.note(
                    script.line,
                    &format!("`{file}` is sent from outside of the folder of the site"),
                );
            }
        }
        None if script.uploads.len() < MOST => begin(script, sent, here),
        None => script.note(script.line, "the file sends files to more places than are read"),
    }
}

/// What holds where a command stands.
struct Here {
    branches: Vec<String>,
    name: Option<String>,
    is_clear: bool,
    folder: Option<PathBuf>,
    credentials: Option<Credentials>,
}

impl Here {
    fn of(script: &Script<'_>, sent: &Sent<'_>) -> Self {
        let (branches, name, is_clear) = script.condition();
        let is_local = sent.source.missing.is_empty() && !sent.pass.is_copy;
        let local = match sent.pass.file {
            Some(_) => parent(&sent.source.text),
            None => sent.source.text.clone(),
        };
        let folder = script.folder(&local).filter(|_| is_local);
        let credentials = script.credentials(sent.profile.as_deref());
        let credentials = credentials.filter(|_| !sent.has_unknown_profile);
        Here { branches, name, is_clear, folder, credentials }
    }

    /// The place that the files belong to, and their folder below it.
    fn find(&self, uploads: &[Upload], sent: &Sent<'_>) -> Option<(usize, String)> {
        uploads.iter().enumerate().rev().find_map(|(at, upload)| {
            let place = &upload.place;
            let is_same = place.bucket == sent.bucket
                && place.branches == self.branches
                && place.credentials == self.credentials;
            let below = sent.prefix.strip_prefix(&place.prefix).filter(|_| is_same)?;
            let own = place.folder.as_ref().map(|own| own.join(below.trim_end_matches('/')));
            let is_part = if sent.pass.is_copy {
                copied_bucket(sent) == sent.bucket
            } else {
                self.folder == own
            };
            is_part.then(|| (at, below.to_owned()))
        })
    }
}

fn copied_bucket<'a>(sent: &'a Sent<'_>) -> &'a str {
    let rest = sent.source.text.strip_prefix("s3://").unwrap_or_default();
    rest.split('/').next().unwrap_or_default()
}

fn copied(script: &mut Script<'_>, sent: &Sent<'_>) {
    let (from, to) = (copied_bucket(sent), &sent.bucket);
    if from != to {
        script.note(
            script.line,
            &format!("`{}` copies from the bucket `{from}` to `{to}`", sent.tool),
        );
    }
}

/// A new place.
fn begin(script: &mut Script<'_>, mut sent: Sent<'_>, here: Here) {
    if !here.is_clear {
        let runs = format!("`{}` runs only for some branches", sent.tool);
        script.note(script.line, &format!("{runs}, and it is not clear for which"));
    }
    let region = sent.place.region.take().or_else(|| script.region(sent.profile.as_deref()));
    let variables = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];
    let variable = variables.iter().find_map(|name| script.variable(name)).map(str::to_owned);
    if let Some(id) = &sent.place.distribution {
        script.note(script.line, &invalidates(id));
    }
    let place = Place {
        file: script.file.clone(),
        line: script.line,
        name: here.name.or(sent.place.name.take()),
        branches: here.branches,
        folder: here.folder,
        bucket: sent.bucket,
        prefix: sent.prefix,
        region,
        endpoint: sent.place.endpoint.take().or(variable),
        account: account(here.credentials.as_ref()),
        credentials: here.credentials,
        url: script.job.url.clone(),
        ..sent.place
    };
    script.uploads.push(Upload { place, passes: vec![sent.pass] });
}

/// The distribution belongs to the one place that has none yet: of this job and these branches, or of the file.
pub fn distribution(script: &mut Script<'_>, id: &str) {
    let (branches, name, _) = script.condition();
    let without = |upload: &&mut Upload| upload.place.distribution.is_none();
    let is_here = |place: &Place| place.branches == branches && place.name == name;
    let has_it = |place: &Place| place.distribution.as_deref() == Some(id);
    if script.uploads.iter().any(|upload| has_it(&upload.place) && is_here(&upload.place)) {
        return;
    }
    let here = script.uploads.iter_mut().filter(without).filter(|upload| is_here(&upload.place));
    let mut here = here.collect::<Vec<_>>();
    if here.is_empty() {
        here = script.uploads.iter_mut().filter(without).collect();
    }
    if let [upload] = here.as_mut_slice() {
        upload.place.distribution = Some(id.to_owned());
        return script.note(script.line, &invalidates(id));
    }
    let line = script.line;
    script.note(
        line,
        &format!("the distribution `{id}` is invalidated, but it is not clear for which bucket"),
    );
}

fn invalidates(id: &str) -> String {
    format!(
        "today's deploy invalidates the distribution `{id}` after it: this tool does not do that yet"
    )
}

/// Adds a place whose bucket is not known, and says what else is.
pub fn open(
    script: &mut Script<'_>,
    tool: &str,
    destination: &Arg,
    source: &Arg,
    options: &Options,
) {
    let value = |name: &str| options.get(name).and_then(Arg::known).map(str::to_owned);
    let profile = value("profile");
    let before = script.job.clone();
    let unclear = script.settle(profile.as_deref());
    let (branches, name, _) = script.condition();
    let has_unknown_profile = options.has("profile") && profile.is_none();
    let credentials = script.credentials(profile.as_deref()).filter(|_| !has_unknown_profile);
    let region = value("region").or_else(|| value("destination-region"));
    let is_local = source.missing.is_empty() && !source.text.starts_with("s3://");
    let rest = destination.text.strip_prefix("s3://").unwrap_or(&destination.text);
    let (bucket, prefix) = split(rest, &destination.missing);
    let place = Place {
        file: script.file.clone(),
        line: script.line,
        name,
        branches,
        folder: script.folder(&source.text).filter(|_| is_local),
        prefix,
        region: region.or_else(|| script.region(profile.as_deref())),
        endpoint: value("endpoint-url"),
        account: account(credentials.as_ref()),
        credentials,
        url: script.job.url.clone(),
        ..Place::default()
    };
    script.job = before;
    script.sends += 1;
    let missing = destination.missing.join("`, `");
    let mut text = format!(
        "`{tool}` sends files to a place with `{missing}` in its name, which the file does not set"
    );
    let found = found(&place);
    if !found.is_empty() {
        text.push_str(&format!(" (found there: {})", found.join(", ")));
    }
    if !unclear.is_empty() {
        text.push_str(&format!("; its keys are set under conditions (`{}`)", unclear.join("`, `")));
    }
    script.note(script.line, &text);
    if !bucket && script.open.len() < MOST {
        script.open.push(place);
    }
}

/// Whether the bucket of `bucket/prefix` is known, and the prefix if that is.
fn split(address: &str, missing: &[String]) -> (bool, String) {
    // A variable may have a slash in itself: `$(basename a/b)`.
    let mut plain = address.to_owned();
    for written in missing {
        plain = plain.replacen(written.as_str(), "\0", 1);
    }
    let (bucket, rest) = plain.split_once('/').unwrap_or((&plain, ""));
    let prefix = if rest.contains('\0') { String::new() } else { aws::as_prefix(rest) };
    (!bucket.contains('\0'), prefix)
}

/// What a person needs to fill in the bucket.
fn found(place: &Place) -> Vec<String> {
    let mut found = Vec::new();
    if !place.branches.is_empty() {
        found.push(format!("branches `{}`", place.branches.join("`, `")));
    }
    for (name, value) in [("region", &place.region), ("account", &place.account)] {
        found.extend(value.as_ref().map(|value| format!("{name} `{value}`")));
    }
    found
}

/// The account of the role that signs.
fn account(credentials: Option<&Credentials>) -> Option<String> {
    let Some(Credentials::Role(arn)) = credentials else { return None };
    let account = arn.split(':').nth(4)?;
    (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())).then(|| account.to_owned())
}

impl Place {
    /// What another command for the same place says, where this one says nothing.
    fn add(&mut self, other: Place) {
        let fill = |own: &mut Option<String>, other: Option<String>| {
            if own.is_none() {
                *own = other;
            }
        };
        fill(&mut self.region, other.region);
        fill(&mut self.endpoint, other.endpoint);
        fill(&mut self.acl, other.acl);
        fill(&mut self.encryption, other.encryption);
        fill(&mut self.distribution, other.distribution);
    }
}

fn parent(key: &str) -> String {
    key.rfind('/').map_or(String::new(), |at| key[..=at].to_owned())
}

/// `$NAME`, `${NAME}` and a secret of GitHub keep their name.
fn as_value(arg: &Arg) -> Value {
    let Some(written) = arg.missing.first() else { return Value::Text(arg.text.clone()) };
    let name = written.trim_matches(|c: char| "${} ".contains(c));
    let name = name.strip_prefix("secrets.").unwrap_or(name);
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let name = if is_name { name.to_owned() } else { String::new() };
    Value::Outside { name, written: written.clone() }
}
