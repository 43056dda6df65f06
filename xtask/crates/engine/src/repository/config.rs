//! What the repository declares in `site/deploy.toml`, checked whole before anything else happens.
//!
//! It is read by hand from TOML's values with their places rather than derived: a derived reader
//! stops at the first mistake, and whoever edits this file wants all of them, each with its line.

mod address;
mod demands;
mod problem;
mod read;
mod secret;
mod source;
mod template;

use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use globset::GlobMatcher;

use crate::base::error::{Error, Result};
use crate::base::headers::Rule;
use crate::base::key;

pub use address::Address;
pub use demands::{Acl, Demands, Encryption};
pub use secret::{is_access_key_id, is_secret_access_key};
pub use template::Template;

use template::BRANCH;

/// The file's name in the site's folder.
pub const FILE: &str = "deploy.toml";

#[derive(Clone, Debug)]
pub struct Config {
    /// The site's folder.
    pub site: PathBuf,
    /// The generator and its arguments; empty where the output is already there.
    pub command: Vec<String>,
    /// Variables that the generator gets although they look like credentials.
    pub build_env: Vec<String>,
    /// Where the generator writes, relative to the site's folder. It may begin with `..`.
    pub output: PathBuf,
    pub environments: Vec<Environment>,
    pub rules: Vec<Rule>,
    /// Keys, relative to the prefix, that are never written and never deleted: what the patterns of the
    /// file match, and everything below.
    pub keep: Vec<GlobMatcher>,
    /// Keys, relative to the prefix, of built files that are not part of the site.
    pub exclude: Vec<GlobMatcher>,
    /// Keys, relative to the prefix, of files that are published although they look like dot files or secrets.
    pub publish: Vec<GlobMatcher>,
    pub website: Website,
}

/// What the bucket's website endpoint answers with where a path names no object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Website {
    /// The name, in each folder, of the document that stands for the folder.
    pub index: String,
    /// The whole key of the document for what is not there: a bucket has one, whatever the prefix.
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
    pub pull_requests: bool,
    /// Twelve digits; `None` only if `endpoint` is set and not an address of AWS.
    pub account: Option<String>,
    pub region: String,
    pub bucket: String,
    pub prefix: Template,
    /// An S3-compatible store's address, or another than the usual one of AWS; `None` for the usual one.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path of its requests; `None` if the endpoint decides.
    pub path_style: Option<bool>,
    pub demands: Demands,
    pub url: Option<Template>,
    /// How long assets stay that are no longer the site's; `None` where they go at once.
    pub retain: Option<Duration>,
    /// How many objects one deploy may delete; `None` for the default share.
    pub max_deletes: Option<u64>,
    pub credentials: Credentials,
}

/// Which branches an environment takes.
#[derive(Clone, Debug)]
pub enum Branches {
    Exactly(String),
    Matching(GlobMatcher),
}

/// Where an environment's credentials come from. It names them and never holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    Variables {
        access_key_id: String,
        secret_access_key: String,
        session_token: SessionToken,
    },
    /// A profile of the AWS config files.
    Profile(String),
    /// The SDK's default chain.
    Ambient,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionToken {
    None,
    /// Named in the file, so it must be set.
    Required(String),
    /// The default name, taken where it is set.
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

    /// The names that are taken where the file names none: `<ENV>_AWS_ACCESS_KEY_ID` and so on.
    fn default_credentials(name: &str) -> Credentials {
        let name = name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        Credentials::Variables {
            access_key_id: format!("{name}_AWS_ACCESS_KEY_ID"),
            secret_access_key: format!("{name}_AWS_SECRET_ACCESS_KEY"),
            session_token: SessionToken::WhereSet(format!("{name}_AWS_SESSION_TOKEN")),
        }
    }

    /// The part of the bucket that this environment writes to whatever the branch: what another
    /// environment of the same bucket has to leave alone.
    pub fn reserves(&self) -> &str {
        let fixed = self.prefix.fixed();
        &fixed[..fixed.rfind('/').map_or(0, |slash| slash + 1)]
    }

    /// The endpoint, taken apart.
    pub fn address(&self) -> Option<Address> {
        self.endpoint.as_deref().and_then(Address::parse)
    }

    /// Whether the bucket is AWS's, by whichever of its addresses.
    pub fn is_aws(&self) -> bool {
        self.endpoint.is_none() || self.address().is_some_and(|address| address.is_aws())
    }

    /// Whether the bucket stands in the path of a request and not in the host's name.
    ///
    /// A bucket's name with dots over https goes into the path in any case: the SDK knows that a wildcard
    /// certificate does not cover it.
    pub fn is_path_style(&self) -> bool {
        let by_address = || self.address().is_some_and(|address| address.has_no_bucket_names());
        self.path_style.unwrap_or_else(by_address)
    }

    pub fn shares_bucket_with(&self, other: &Environment) -> bool {
        self.bucket == other.bucket && self.store() == other.store()
    }

    /// The store in the one form in which two addresses of it are the same; `None` for AWS.
    fn store(&self) -> Option<String> {
        let endpoint = self.endpoint.as_deref().filter(|_| !self.is_aws())?.trim_end_matches('/');
        let Some((scheme, rest)) = endpoint.split_once("://") else {
            return Some(endpoint.to_owned());
        };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let port = if scheme == "https" { ":443" } else { ":80" };
        let host = host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
        Some(format!("{scheme}://{host}{path}"))
    }
}

impl Config {
    /// Reads `deploy.toml` of the site's folder. `shown` is the folder as the user knows it, for
    /// messages.
    ///
    /// Errors with every problem of the file at once, each with its line; no credential that was
    /// written into the file by mistake is repeated.
    pub fn read(site: &Path, shown: &Path) -> Result<Config> {
        let file = site.join(FILE);
        let shown = shown.join(FILE);
        let text = read_text(&file).map_err(|error| unreadable(&shown, &error))?;
        read::config(&text, site).map_err(|problems| problem::render(&shown, &text, problems))
    }

    /// Whether `keep` matches a key, which is relative to the prefix.
    pub fn keeps(&self, key: &str) -> bool {
        !self.keep.is_empty() && {
            let key = key::normal(key);
            self.keep.iter().any(|glob| glob.is_match(&*key))
        }
    }

    /// The folder that the generator writes into.
    pub fn output_folder(&self) -> PathBuf {
        self.output_below(&self.site)
    }

    /// The same, if the site's folder were another. Each `..` takes a folder off the path, which needs no disk: the
    /// site's folder is without links, and the output need not exist yet.
    pub fn output_below(&self, site: &Path) -> PathBuf {
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

/// The largest file that is read, in bytes. One of a thousand environments has a fifth of it.
const LARGEST: u64 = 1 << 20;

fn read_text(file: &Path) -> std::io::Result<String> {
    let metadata = std::fs::metadata(file)?;
    // Asked before the file is opened, since opening a FIFO waits for whoever writes to it.
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
mod properties;
#[cfg(test)]
pub(crate) mod tests;
