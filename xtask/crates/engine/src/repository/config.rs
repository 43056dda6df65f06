//! What the repository declares in `site/deploy.toml`. All of it is checked before anything else happens.
//!
//! It is read by hand from TOML values with their positions, and not by a derived reader: that would stop at the first
//! mistake, but the author of the file wants to see all of them, each with its line.

mod address;
mod demands;
mod problem;
mod read;
mod looks_secret;
mod source;
mod template;

use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::base::error::{Error, Result};
use crate::base::headers::{GlobMatcher, Rule};
use crate::base::key;

pub use address::Address;
pub use demands::{Acl, Demands, Encryption};
pub use template::Template;

pub(crate) use looks_secret::{is_access_key_id, is_secret_access_key};

use template::BRANCH;

/// The file's name in the site's folder.
pub const FILE: &str = "deploy.toml";

#[derive(Clone, Debug)]
pub struct Config {
    /// The site's folder.
    pub site: PathBuf,
    /// The generator and its arguments; empty if the output already exists.
    pub command: Vec<String>,
    /// Variables that the generator gets even though they look like credentials.
    pub build_env: Vec<String>,
    /// Where the generator writes, relative to the site's folder. It may begin with `..`.
    pub output: PathBuf,
    pub environments: Vec<Environment>,
    /// The message about values that are not filled in yet; `None` if all are filled in.
    pub open: Option<String>,
    pub rules: Vec<Rule>,
    /// Keys, relative to the prefix, that are never written and never deleted: what the patterns of the file match, and
    /// everything below.
    pub keep: Vec<GlobMatcher>,
    /// Keys, relative to the prefix, of built files that are not part of the site.
    pub exclude: Vec<GlobMatcher>,
    /// Keys, relative to the prefix, of files that are published even though they look like dot files or secrets.
    pub publish: Vec<GlobMatcher>,
    pub website: Website,
}

/// The documents with which the bucket's website endpoint answers if a path names no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Website {
    /// The name, in each folder, of the document that is served for the folder.
    pub index: String,
    /// The whole key of the document for missing pages. A bucket has only one, whatever the prefix.
    pub error: String,
}

impl Default for Website {
    fn default() -> Website {
        Website { index: "index.html".into(), error: "404.html".into() }
    }
}

/// A named place to deploy to.
#[derive(Clone, Debug)]
pub struct Environment {
    pub name: String,
    pub branches: Vec<Branches>,
    /// Whether pull requests go here.
    pub(crate) pull_requests: bool,
    /// Twelve digits; `None` only if `endpoint` is set and is not an address of AWS.
    pub account: Option<String>,
    pub region: String,
    pub bucket: String,
    pub prefix: Template,
    /// The address of an S3-compatible store, or an unusual address of AWS; `None` for AWS's usual address.
    pub endpoint: Option<String>,
    /// Whether the bucket is in the path of requests; `None` if the endpoint decides.
    pub path_style: Option<bool>,
    pub demands: Demands,
    pub url: Option<Template>,
    /// How long assets stay that no longer belong to the site; `None` if they are deleted at once.
    pub retain: Option<Duration>,
    /// How many objects one deploy may delete; `None` for the default share.
    pub max_deletes: Option<u64>,
    pub credentials: Credentials,
}

/// Which branches an environment deploys.
#[derive(Clone, Debug)]
pub enum Branches {
    Exactly(String),
    Matching(GlobMatcher),
}

/// Where an environment's credentials come from. This names them and never holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Variables {
        access_key_id: String,
        secret_access_key: String,
        session_token: SessionToken,
    },
    /// A profile in the AWS configuration files.
    Profile(String),
    /// The SDK's default chain.
    Ambient,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionToken {
    None,
    /// Named in the file, so it must be set.
    Required(String),
    /// The default name, used if it is set.
    WhereSet(String),
}

impl Environment {
    /// Every environment variable that holds a credential of this environment.
    pub fn variables(&self) -> Vec<&str> {
        let Credentials::Variables { access_key_id, secret_access_key, session_token } =
            &self.credentials
        else {
            return Vec::new();
        };
        let mut names = vec![access_key_id.as_str(), secret_access_key.as_str()];
        match session_token {
            SessionToken::None => {}
            SessionToken::Required(name) | SessionToken::WhereSet(name) => names.push(name),
        }
        names
    }

    /// The names that are used if the file names none: `<ENV>_AWS_ACCESS_KEY_ID` and so on.
    fn default_credentials(name: &str) -> Credentials {
        let name = name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        Credentials::Variables {
            access_key_id: format!("{name}_AWS_ACCESS_KEY_ID"),
            secret_access_key: format!("{name}_AWS_SECRET_ACCESS_KEY"),
            session_token: SessionToken::WhereSet(format!("{name}_AWS_SESSION_TOKEN")),
        }
    }

    /// The part of the bucket to which this environment writes, whatever the branch is. Other environments with the
    /// same bucket must leave it alone.
    pub fn reserves(&self) -> &str {
        let fixed = self.prefix.fixed();
        &fixed[..fixed.rfind('/').map_or(0, |slash| slash + 1)]
    }

    /// The endpoint, parsed.
    pub fn address(&self) -> Option<Address> {
        self.endpoint.as_deref().and_then(Address::parse)
    }

    /// Whether the bucket is on AWS, whichever of its addresses is used.
    pub(crate) fn is_aws(&self) -> bool {
        self.endpoint.is_none() || self.address().is_some_and(|address| address.is_aws())
    }

    /// Whether the bucket is in the path of a request, and not in the host name.
    ///
    /// Over https, a bucket whose name contains dots goes into the path in any case: the SDK knows that a wildcard
    /// certificate does not cover it.
    pub(crate) fn is_path_style(&self) -> bool {
        let by_address = || self.address().is_some_and(|address| address.has_no_bucket_names());
        self.path_style.unwrap_or_else(by_address)
    }

    pub(crate) fn shares_bucket_with(&self, other: &Environment) -> bool {
        self.bucket == other.bucket && self.store() == other.store()
    }

    /// The parsed address of the store, so that two spellings of it are equal, or the text if it cannot be parsed;
    /// `None` for AWS.
    fn store(&self) -> Option<Result<Address, &str>> {
        let text = self.endpoint.as_deref().filter(|_| !self.is_aws())?;
        Some(Address::parse(text).ok_or(text))
    }
}

impl Config {
    /// Reads `deploy.toml` in the site's folder. `shown` is the folder as the user knows it, for messages.
    ///
    /// Fails with every problem of the file at once, each with its line. A credential that was written into the file by
    /// mistake is not repeated.
    pub fn read(site: &Path, shown: &Path) -> Result<Config> {
        let file = site.join(FILE);
        let shown = shown.join(FILE);
        let text = read_text(&file).map_err(|error| unreadable(&shown, &error))?;
        Config::parse(&text, site, &shown)
    }

    /// The same for the text of a file that is `shown` under this name, and need not be there.
    pub fn parse(text: &str, site: &Path, shown: &Path) -> Result<Config> {
        let render = |problems| problem::render(shown, text, problems);
        let told = |problems| Error::Config(render(problems));
        let (mut config, open) = read::config(text, site).map_err(told)?;
        config.open = (!open.is_empty()).then(|| render(open));
        for environment in &mut config.environments {
            if environment.bucket.is_empty() {
                environment.bucket = stand_in(site, &environment.name);
            }
        }
        Ok(config)
    }

    /// Fails if a value is not filled in yet that a bucket of an account needs.
    pub fn needs_account(&self) -> Result<()> {
        self.open.clone().map_or(Ok(()), |text| Err(Error::Config(text)))
    }

    /// Whether `keep` matches a key, which is relative to the prefix.
    pub(crate) fn keeps(&self, key: &str) -> bool {
        !self.keep.is_empty() && {
            let key = key::normal(key);
            self.keep.iter().any(|glob| glob.is_match(&*key))
        }
    }

    /// The folder into which the generator writes.
    pub fn output_folder(&self) -> PathBuf {
        self.output_below(&self.site)
    }

    /// The same if the site were in another folder. Each `..` removes a folder from the path. This needs no disk
    /// access: the site's folder is without links, and the output need not exist yet.
    pub(crate) fn output_below(&self, site: &Path) -> PathBuf {
        let mut folder = site.to_owned();
        for part in self.output.components() {
            match part {
                Component::ParentDir => drop(folder.pop()),
                part => folder.push(part),
            }
        }
        folder
    }
}

/// The name of the bucket of `--local` while the file names none. Each site of a repository gets a bucket of its own.
fn stand_in(site: &Path, environment: &str) -> String {
    let folders = site.iter().rev().take(2).map(|name| name.to_string_lossy().into_owned());
    let mut words: Vec<String> = folders.collect();
    words.reverse();
    words.push(environment.to_owned());
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = words.join("-").chars().map(plain).collect();
    // The end of a long name tells more than its beginning. A bucket's name has 63 letters at most.
    let start = name.len().saturating_sub(50);
    format!("local-{}", name[start..].trim_matches('-'))
}

/// The largest file that is read, in bytes. A file with a thousand environments has a fifth of this size.
const LARGEST: u64 = 1 << 20;

fn read_text(file: &Path) -> std::io::Result<String> {
    let metadata = std::fs::metadata(file)?;
    // Checked before the file is opened, because opening a FIFO waits for a writer.
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    let within = metadata.len() <= LARGEST
        && std::fs::File::open(file)?.take(LARGEST + 1).read_to_string(&mut text)? as u64
            <= LARGEST;
    match within {
        true => Ok(text),
        false => Err(std::io::Error::other("it is larger than 1 MiB")),
    }
}

fn unreadable(shown: &Path, error: &std::io::Error) -> Error {
    let hint = match error.kind() {
        std::io::ErrorKind::NotFound => {
            "write it there, or name the folder that has one: --site DIR"
        }
        _ => "it must be a readable file of UTF-8 text, of 1 MiB at most",
    };
    Error::Config(format!("failed to read `{}`\n  {error}\n\nhint: {hint}", shown.display()))
}

/// A segment to check a template with.
fn any_segment() -> String {
    key::pull_request_segment(1)
}

#[cfg(test)]
mod proptests;
#[cfg(test)]
pub(crate) mod tests;
