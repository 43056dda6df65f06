//! The generator's environment: that of this process, without credentials, and without what Cargo set for this process.
//!
//! The generator is another author's program, with plugins by further authors. So a credential is withheld if its name
//! reveals it, or if its value contains a secret that is withheld under another name. The user is always told the names
//! of withheld variables: a build that silently lacks a setting can succeed and still produce a broken site.
//!
//! Settings that a framework copies into the pages are public by definition. They are passed on unless they contain a
//! secret.

mod names;
mod values;
mod cargo;

use std::ffi::OsString;
use std::path::Path;

use crate::base::redact;
use crate::repository::config::Config;

use cargo::{LIBRARY_PATHS, cargo_folders, is_of_cargo, without};
use names::{HARMLESS, PUBLIC, has_secret_word, looks_like_a_credential};
use values::{has_token, holds};

/// How this process's environment must be changed for the generator.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Variables that are removed because they hold a credential, sorted.
    pub withheld: Vec<OsString>,
    /// Variables that are removed because Cargo or rustup set them for this process.
    pub of_cargo: Vec<OsString>,
    /// Lists of folders, without those that Cargo added for this process.
    pub paths: Vec<Variable>,
}

/// A variable and its value.
pub type Variable = (OsString, OsString);

/// Decides about every variable of this process. Variables named in `[build] env` are passed on, unless they contain a
/// secret that this very run uses.
pub fn changes(config: &Config, variables: &[Variable]) -> Changes {
    let (in_use, secrets) = (redact::kept(), secret_values(config, variables));
    let folders = cargo_folders(variables);
    let mut changes = Changes::default();
    for (name, value) in variables {
        let (shown, text) = (name.to_string_lossy(), value.to_string_lossy());
        let is_allowed = config.build_env.iter().any(|allowed| *allowed == shown);
        let is_system = SYSTEM.contains(&shown.as_ref());
        // A login at a proxy is not a credential of an account, and without it a generator may have no network.
        let is_proxy = is_allowed && PROXIES.contains(&shown.to_ascii_lowercase().as_str());
        let is_withheld = is_proxy && holds(&text, &secrets)
            || !is_system && !is_proxy && holds(&text, &in_use)
            || !is_allowed && is_git_credential(&shown, &text)
            || !is_allowed && is_named_as_credential(config, &shown)
            || !is_allowed && !is_system && (has_token(&text) || holds(&text, &secrets));
        if is_withheld {
            changes.withheld.push(name.clone());
        } else if !is_allowed && is_of_cargo(&shown, Path::new(value)) {
            changes.of_cargo.push(name.clone());
        } else if !is_allowed && LIBRARY_PATHS.contains(&shown.as_ref()) {
            changes.paths.extend(without(value, &folders).map(|rest| (name.clone(), rest)));
        }
    }
    changes.withheld.sort();
    changes
}

/// A generator cannot run without these, and a short secret may happen to be part of them: the name of a user, or a
/// folder.
const SYSTEM: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "TMPDIR"];

/// Variables that name a proxy, in lower case.
const PROXIES: [&str; 5] =
    ["http_proxy", "https_proxy", "all_proxy", "npm_config_proxy", "npm_config_https_proxy"];

/// Whether a variable configures git to send a login, as CI systems do for a checkout.
/// <https://git-scm.com/docs/git-config#ENVIRONMENT>
fn is_git_credential(name: &str, value: &str) -> bool {
    name.starts_with("GIT_CONFIG_") && value.to_ascii_lowercase().contains("authorization:")
}

/// Whether a variable's name, in upper or lower case, reveals that it holds a credential. Prefixes of public settings
/// must match exactly, because frameworks accept them only in capitals.
fn is_named_as_credential(config: &Config, name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let is_public = PUBLIC.iter().any(|start| name.starts_with(start));
    let passes = HARMLESS.contains(&upper.as_str()) || is_public && !has_secret_word(&upper);
    names_of_environments(config).any(|named| named.eq_ignore_ascii_case(name))
        || !passes && looks_like_a_credential(&upper)
}

fn names_of_environments(config: &Config) -> impl Iterator<Item = &str> {
    config.environments.iter().flat_map(|environment| environment.variables())
}

/// The secret values, which no other variable may contain either. Not every withheld variable has one: `AWS_PROFILE`
/// may be a word that other settings contain too, and `AWS_SECRET_NAME` only says where a secret is.
fn secret_values(config: &Config, variables: &[Variable]) -> Vec<String> {
    let is_secret = |name: &str, value: &str| {
        let upper = name.to_ascii_uppercase();
        names_of_environments(config).any(|named| named.eq_ignore_ascii_case(name))
            || is_named_as_credential(config, name)
                && (has_secret_word(&upper) || upper.contains("KEY"))
                && !PLACES.iter().any(|end| upper.ends_with(end))
                && (upper.contains("PASSW") || !is_of_plain_words(value))
    };
    let secrets = variables
        .iter()
        .filter(|(name, value)| is_secret(&name.to_string_lossy(), &value.to_string_lossy()));
    let values = secrets.map(|(_, value)| value.to_string_lossy().trim().to_owned());
    values.filter(|value| value.len() >= SHORTEST).flat_map(|value| redact::ways(&value)).collect()
}

/// Endings of variables that say where a secret is, or what it is called.
const PLACES: [&str; 8] =
    ["_PREFIX", "_NAME", "_ARN", "_PATH", "_FILE", "_DIR", "_REGION", "_KEY_ID"];

/// Whether a value consists of words, such as `production` or `site/development`. A random key contains digits or
/// capitals.
fn is_of_plain_words(value: &str) -> bool {
    value.trim().bytes().all(|byte| byte.is_ascii_lowercase() || b"-_/. ".contains(&byte))
}

/// A shorter value is probably a word that other settings contain too.
const SHORTEST: usize = 8;

#[cfg(test)]
mod tests;
