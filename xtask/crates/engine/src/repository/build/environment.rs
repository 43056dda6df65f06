//! The generator's environment: that of this process, without credentials, and without what Cargo set for this process.
//!
//! The generator is another author's program, with plugins by further authors. So a credential is withheld if its name
//! reveals it, or if its value contains a secret that is withheld under another name. The user is always told the names
//! of withheld variables: a build that silently lacks a setting can succeed and still produce a broken site.
//!
//! Settings that a framework copies into the pages are public by definition. They are passed on unless they contain a
//! secret.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::base::redact;
use crate::repository::config::Config;

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

/// `upper` is a name in capitals.
fn looks_like_a_credential(upper: &str) -> bool {
    let is_key =
        || has_secret_word(upper) || ["KEY", "KEY_ID"].iter().any(|end| upper.ends_with(end));
    NAMES.contains(&upper)
        || STARTS.iter().any(|start| upper.starts_with(start))
        || PARTS.iter().any(|part| upper.contains(part))
        || JOBS.iter().any(|job| upper.starts_with(job)) && has_secret_word(upper)
        || (upper.contains("AWS") || upper.split('_').any(|word| STORES.contains(&word)))
            && is_key()
}

/// Variables that a framework copies into the pages, so their values are public.
const PUBLIC: [&str; 24] = [
    "VITE_",
    "REACT_APP_",
    "NEXT_PUBLIC_",
    "GATSBY_",
    "PUBLIC_",
    "NUXT_PUBLIC_",
    "NUXT_ENV_",
    "NUXT_APP_",
    "VUE_APP_",
    "EXPO_PUBLIC_",
    "NG_APP_",
    "SNOWPACK_PUBLIC_",
    "STORYBOOK_",
    "HUGO_",
    "PREACT_APP_",
    "GRIDSOME_",
    "RAZZLE_",
    "TARO_APP_",
    "UMI_APP_",
    "ELM_APP_",
    "MIX_",
    "NX_PUBLIC_",
    "BUN_PUBLIC_",
    "PLASMO_PUBLIC_",
];

/// Variables of AWS that neither hold credentials nor lead to them.
const HARMLESS: [&str; 3] = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"];

/// AWS's own variables, and variables that a CI job can exchange for the credentials of a role or for its own rights.
/// `MC_HOST_NAME` holds the address of a store with its keys.
const STARTS: [&str; 4] = ["AWS_", "CI_JOB_JWT", "ACTIONS_ID_TOKEN_", "MC_HOST_"];

const PARTS: [&str; 8] = [
    "_AWS_",
    "ACCESS_KEY_ID",
    "SECRET_ACCESS_KEY",
    "SECRET_KEY",
    "SECRETKEY",
    "ID_TOKEN",
    "OIDC_TOKEN",
    "NETRC_PASSWORD",
];

const NAMES: [&str; 17] = [
    "ACTIONS_RUNTIME_TOKEN",
    "AZURE_DEVOPS_EXT_PAT",
    "BUILDKITE_AGENT_ACCESS_TOKEN",
    "BUILDKITE_AGENT_JOB_API_TOKEN",
    "CIRCLE_TOKEN",
    // The address of the repository, with the job's token in it.
    "CI_REPOSITORY_URL",
    "FORGEJO_TOKEN",
    "GH_ENTERPRISE_TOKEN",
    "GH_TOKEN",
    "GITEA_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "MINIO_ROOT_USER",
    "REPOSITORY_OAUTH_ACCESS_TOKEN",
    "SYSTEM_ACCESSTOKEN",
    // It can be exchanged for AWS credentials.
    "VAULT_TOKEN",
];

/// S3 and stores that speak its protocol. Their variables are credentials if another word of the name says so.
const STORES: [&str; 10] =
    ["S3", "S3CMD", "R2", "B2", "MINIO", "WASABI", "SPACES", "GARAGE", "CEPH", "SCW"];

/// Variables that a CI system sets for the job itself.
const JOBS: [&str; 5] = ["CI_", "DRONE_", "BITBUCKET_", "SEMAPHORE_", "TRAVIS_"];

const SECRET_WORDS: [&str; 9] = [
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PRIVATE",
    "CREDENTIAL",
    "ACCESS_KEY",
    "ACCESSKEY",
    "APPLICATION_KEY",
];

fn has_secret_word(upper: &str) -> bool {
    SECRET_WORDS.iter().any(|word| upper.contains(word))
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

/// A shorter value counts only if no letters or digits are next to it.
const SHORTEST_PART: usize = 12;

/// Whether a value contains one of the secrets, either directly or in one of its [`readings`].
fn holds(value: &str, secrets: &[String]) -> bool {
    let holds = |text: &str, secret: &str| {
        text.match_indices(secret).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + secret.len()..]);
            let is_part =
                before.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
            !is_part || secret.len() >= SHORTEST_PART
        })
    };
    let readings = readings(value);
    secrets.iter().any(|secret| readings.iter().any(|text| holds(text, secret)))
}

/// The ways to read a value: as it is, as a part of an address, and decoded from Base64. Docker stores `user:token` in
/// Base64 in a JSON file, and CI systems encode such a file in Base64 again.
/// <https://docs.docker.com/reference/cli/docker/login/#credential-stores>
fn readings(value: &str) -> Vec<String> {
    let mut readings = vec![value.to_owned()];
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    readings.extend(Some(decoded.into_owned()).filter(|decoded| decoded != value));
    // Programs break the lines of a long text in Base64.
    if value.contains('\n') {
        readings.push(value.split_whitespace().collect());
    }
    let mut outer = 0..readings.len();
    for _ in 0..LAYERS {
        let inner: Vec<String> =
            readings[outer.clone()].iter().flat_map(|text| in_base64(text)).collect();
        outer = readings.len()..readings.len() + inner.len();
        readings.extend(inner);
    }
    readings
}

/// How many times a value is decoded.
const LAYERS: usize = 2;

/// The texts that are contained in a text in Base64.
fn in_base64(text: &str) -> impl Iterator<Item = String> {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let words = text.split(move |c| !is_digit(c)).filter(|word| word.len() >= SHORTEST_PART);
    words.filter_map(|word| {
        let standard = word.replace('-', "+").replace('_', "/");
        let bytes = base64_simd::forgiving_decode_to_vec(standard.as_bytes()).ok()?;
        String::from_utf8(bytes).ok()
    })
}

/// Whether a value contains the id of an AWS access key, or the token of a CI job.
fn has_token(value: &str) -> bool {
    let no_part = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
    readings(value).iter().flat_map(|text| text.split(no_part)).any(|word| {
        let is_id = |word: &str| word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let is_key = ["AKIA", "ASIA"].iter().any(|start| word.starts_with(start));
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
        is_key && word.len() == 20 && is_id(word)
            || ["ghs_", "glcbt-"].iter().any(|start| word.starts_with(start) && word.len() >= 20)
    })
}

/// Whether Cargo or rustup set a variable for this process. Such variables would determine the toolchain and the
/// package of a generator that is built in Rust. Variables with which a user configures Cargo (`CARGO_HOME`,
/// `CARGO_NET_…`) stay.
/// <https://doc.rust-lang.org/cargo/reference/environment-variables.html>,
/// <https://rust-lang.github.io/rustup/environment-variables.html>
fn is_of_cargo(name: &str, value: &Path) -> bool {
    const NAMES: [&str; 9] = [
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "RUSTUP_TOOLCHAIN",
        "RUSTUP_TOOLCHAIN_SOURCE",
        "RUSTUP_TOOLCHAIN_DIR",
        "RUST_RECURSION_COUNT",
    ];
    const STARTS: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_EXE_"];
    // The name is so common that a user may set it: `target/debug/build/PACKAGE-HASH/out` is Cargo's.
    let is_out = || {
        let build = value.parent().and_then(Path::parent).and_then(Path::file_name);
        value.ends_with("out") && build.is_some_and(|name| name == "build")
    };
    NAMES.contains(&name)
        || STARTS.iter().any(|start| name.starts_with(start))
        || name == "OUT_DIR" && is_out()
}

/// Variables to which Cargo adds its own folders, so that a program finds the libraries that it was built with.
const LIBRARY_PATHS: [&str; 3] =
    ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"];

/// The folders that contain what Cargo and rustup add to such a list: this program's own, and the toolchains.
fn cargo_folders(variables: &[Variable]) -> Vec<PathBuf> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(found, value)| found == name && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value))
    };
    let program = std::env::current_exe().ok();
    let own = program.and_then(|program| program.parent().map(Path::to_owned));
    let rustup = variable("RUSTUP_HOME").or_else(|| Some(variable("HOME")?.join(".rustup")));
    own.into_iter().chain(rustup.map(|home| home.join("toolchains"))).collect()
}

/// A list of folders without those below `left_out`; `None` if none of them is in the list.
fn without(list: &OsStr, left_out: &[PathBuf]) -> Option<OsString> {
    let folders = || std::env::split_paths(list);
    let stays = |folder: &PathBuf| !left_out.iter().any(|own| folder.starts_with(own));
    if folders().all(|folder| stays(&folder)) {
        return None;
    }
    std::env::join_paths(folders().filter(stays)).ok()
}

#[cfg(test)]
mod tests;
