//! Files that are in the output by accident: this tool's own, which a generator copies if its input is the top of the
//! repository, and configuration for other hosts, which S3 does not read.

use std::path::Path;

use super::{File, digest};
use crate::base::event::{Event, Tell};
use crate::base::refusal::Refusal;
use crate::repository::config::{self, Config};

/// Configuration that other hosts read at the top of a site.
const OTHER_HOSTS: [&str; 11] = [
    ".htaccess",
    "_headers",
    "_redirects",
    "_routes.json",
    "_worker.js",
    "firebase.json",
    "netlify.toml",
    "now.json",
    "staticwebapp.config.json",
    "vercel.json",
    "web.config",
];

/// Warns about configuration for other hosts. `has` says whether the output holds a file, deployed or not.
pub fn warn_of_other_hosts(has: impl Fn(&str) -> bool, tell: &Tell) {
    let found = OTHER_HOSTS.iter().filter(|name| has(name));
    let found: Vec<String> = found.map(|name| format!("`{name}`")).collect();
    if !found.is_empty() {
        tell.tell(Event::Warning(format!(
            "S3 ignores {}: write headers and redirects as [[headers]] in deploy.toml, and leave such files out with `exclude`",
            found.join(", ")
        )));
    }
}

/// Refuses an output that holds this tool's own files. `published` says which keys are meant to be public.
pub fn refuse_own_files<'f>(
    files: impl Iterator<Item = (&'f str, &'f File)>,
    config: &Config,
    published: impl Fn(&str) -> bool,
) -> Result<(), Refusal> {
    let is_own = |(key, file): &(&str, &File)| {
        (is_source(key) || is_built(key) || is_configuration(key, file, config)) && !published(key)
    };
    let own: Vec<&str> = files.filter(is_own).map(|(key, _)| key).take(3).collect();
    if own.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = own.iter().map(|key| format!("`{key}`")).collect();
    Err(Refusal::new(
        "output-holds-tool",
        format!("the output holds files of this tool, such as {}", names.join(", ")),
        "let the generator leave them out (`exclude:` in Jekyll's _config.yml, .eleventyignore in Eleventy), or write at the top of deploy.toml: exclude = [\"deploy.toml\", \"**/deploy.toml\", \"Cargo.*\", \"xtask/**\", \"target/**\"]",
    ))
}

/// The sources of an `xtask` package, even if a generator made pages from them.
fn is_source(key: &str) -> bool {
    let below = |(at, _): (usize, &str)| {
        let rest = &key[at + "xtask/".len()..];
        let is_segment = at == 0 || key.as_bytes()[at - 1] == b'/';
        is_segment && (rest.starts_with("src/") || rest == "Cargo.toml")
    };
    key.match_indices("xtask/").any(below)
}

/// Cargo's output folder, copied as a whole.
fn is_built(key: &str) -> bool {
    key.strip_prefix("target/").is_some_and(|rest| {
        let is_profile = |folder: &str| {
            rest.strip_prefix(folder)
                .is_some_and(|name| ["xtask", "xtask.exe", "xtask.d"].contains(&name))
        };
        rest == "CACHEDIR.TAG"
            || rest.starts_with("xtask/")
            || is_profile("debug/")
            || is_profile("release/")
    })
}

/// Whether a file is the very `deploy.toml` in use: a site about this tool may contain others.
fn is_configuration(key: &str, file: &File, config: &Config) -> bool {
    let is_named = Path::new(key).file_name().is_some_and(|name| name == config::FILE);
    is_named && {
        let digest = digest::of_file(&config.site.join(config::FILE), file.size, &mut |_| ());
        digest.is_ok_and(|digest| digest.md5 == file.digest.md5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_own_files_are_known_by_where_they_stand() {
        for key in ["xtask/src/main.rs", "a/xtask/Cargo.toml", "xtask/src/preview/page/index.html"]
        {
            assert!(is_source(key), "{key}");
        }
        for key in ["xtask/index.html", "src/xtask/main.rs.html", "my-xtask/src/a", "docs/xtask"] {
            assert!(!is_source(key), "{key}");
        }
        for key in ["target/CACHEDIR.TAG", "target/xtask/bucket/x", "target/debug/xtask"] {
            assert!(is_built(key), "{key}");
        }
        for key in ["target/index.html", "docs/target/debug/xtask", "target/debug/index.html"] {
            assert!(!is_built(key), "{key}");
        }
    }
}
