//! Whose credentials these are, and whether they are the right ones. An environment's credentials come from the place
//! that it names, and from nowhere else. The SDK's default chain would take keys from the environment before a profile,
//! and the role of an instance after it, and deploy with whichever it finds.

mod identity;
mod proven;
mod swapped;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials as Keys;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::config::Region;

use crate::base::error::{Result, WHOLE_TOOL};
use crate::base::redact;
use crate::base::refusal::Refusal;
use crate::bucket::aws;
use crate::repository::ci;
use crate::repository::config::{Credentials, Environment, SessionToken};

use proven::Proven;

/// Credentials that were proven to belong to the environment's account, or that an S3-compatible store without accounts
/// will judge itself.
pub struct Account {
    pub(crate) credentials: SharedCredentialsProvider,
    /// Twelve digits; `None` for a store without accounts.
    pub(crate) id: Option<String>,
}

/// Reads the caller's identity and compares it with the environment's account.
///
/// `GetCallerIdentity` needs no permission:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>. Refuses credentials that are
/// missing, of another account, or of the account's root user.
pub async fn prove(environment: &Environment, var: Vars<'_>) -> Result<Account> {
    let source = source(environment, var).await?;
    let keys = load(environment, &source).await?;
    check(environment, &keys).await?;
    let proven = Proven::new(environment.clone(), source, keys);
    let credentials = SharedCredentialsProvider::new(proven);
    Ok(Account { credentials, id: environment.account.clone() })
}

/// Whether these keys belong to the environment's account.
async fn check(environment: &Environment, keys: &Keys) -> Result<()> {
    let Some(expected) = &environment.account else { return Ok(()) };
    let caller = identity::of(environment, keys).await?;
    let holder = holder(environment);
    if caller.account != *expected {
        return Err(Refusal::new(
            "wrong-account",
            format!(
                "{holder} belong to account {}, and `{}` deploys to account {expected}",
                caller.account, environment.name
            ),
            format!("use credentials of account {expected}, or correct `account` in deploy.toml"),
        )
        .into());
    }
    if caller.is_root {
        return Err(Refusal::new(
            "root-user",
            format!("{holder} are those of account {expected}'s root user, who may do anything"),
            "use an IAM role or user that may write to this bucket only",
        )
        .into());
    }
    Ok(())
}

/// The process's environment, so that tests can bring their own. It returns variables that are set and not empty: CI
/// systems export a secret that does not exist as an empty variable.
pub(crate) type Vars<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The only provider that the environment names.
async fn source(environment: &Environment, var: Vars<'_>) -> Result<SharedCredentialsProvider> {
    Ok(match &environment.credentials {
        Credentials::Variables { access_key_id, secret_access_key, session_token } => {
            let keys =
                from_variables(environment, access_key_id, secret_access_key, session_token, var)?;
            SharedCredentialsProvider::new(keys)
        }
        Credentials::Profile(name) => {
            let builder = ProfileFileCredentialsProvider::builder().profile_name(name);
            SharedCredentialsProvider::new(builder.configure(&provider_config(environment)).build())
        }
        Credentials::Ambient => {
            let builder =
                DefaultCredentialsChain::builder().configure(provider_config(environment));
            SharedCredentialsProvider::new(builder.build().await)
        }
    })
}

/// Requests keys from a provider.
async fn load(environment: &Environment, source: &SharedCredentialsProvider) -> Result<Keys> {
    let keys = source.provide_credentials().await;
    let keys = keys.map_err(|error| unavailable(environment, &error))?;
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", Some(keys.access_key_id())),
        ("AWS_SECRET_ACCESS_KEY", Some(keys.secret_access_key())),
        ("AWS_SESSION_TOKEN", keys.session_token()),
    ] {
        if value.is_some_and(is_reference) {
            return Err(unfilled(name).into());
        }
    }
    redact::keep(keys.secret_access_key());
    keys.session_token().into_iter().for_each(redact::keep);
    swapped::check(&environment.credentials, &keys)?;
    Ok(keys)
}

fn provider_config(environment: &Environment) -> ProviderConfig {
    ProviderConfig::without_region()
        .with_region(Some(Region::new(environment.region.clone())))
        .with_http_client(aws::http_client())
}

fn from_variables(
    environment: &Environment,
    access_key_id: &str,
    secret_access_key: &str,
    session_token: &SessionToken,
    var: Vars,
) -> Result<Keys, Refusal> {
    let token = match session_token {
        SessionToken::None => None,
        SessionToken::Required(name) | SessionToken::WhereSet(name) => var(name),
    };
    let token_missing = match session_token {
        SessionToken::Required(name) if token.is_none() => Some(name.as_str()),
        _ => None,
    };
    match (var(access_key_id), var(secret_access_key), token_missing) {
        (Some(id), Some(secret), None) => {
            let token_name = match session_token {
                SessionToken::None => "",
                SessionToken::Required(name) | SessionToken::WhereSet(name) => name,
            };
            let id = one_value(access_key_id, &id)?;
            let secret = one_value(secret_access_key, &secret)?;
            let token = token.map(|token| one_value(token_name, &token)).transpose()?;
            Ok(Keys::new(id, secret, token, None, "deploy.toml"))
        }
        (id, secret, token) => {
            let missing = [
                id.is_none().then_some(access_key_id),
                secret.is_none().then_some(secret_access_key),
                token,
            ];
            let missing = missing.into_iter().flatten().collect();
            Err(missing_variables(environment, missing, ci::is_dependabot(var)))
        }
    }
}

/// The value without the line break that copying leaves at its end. If it has more than one line or word, it is not a
/// key but something that was pasted into the wrong place.
fn one_value(name: &str, value: &str) -> Result<String, Refusal> {
    redact::keep(value);
    let value = value.trim();
    // A store would repeat a secret in place of the id, so neither is ever shown.
    redact::keep(value);
    if is_reference(value) {
        return Err(unfilled(name));
    }
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Refusal::new(
            "missing-credentials",
            format!(
                "{name} does not hold one key: there is a space, a line break or an unusual character in it"
            ),
            format!("copy only the value into {name} again"),
        ));
    }
    Ok(value.to_owned())
}

/// Whether a value is a reference to a variable. If there is no such variable, some CI systems pass the reference on as
/// it is: Azure Pipelines does so with `$(NAME)`, and others with forms of their own. No key has these characters
/// around it.
fn is_reference(value: &str) -> bool {
    let around = [("$(", ")"), ("${", "}"), ("{{", "}}"), ("$[", "]"), ("%", "%"), ("((", "))")];
    let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    around.iter().any(|(open, close)| {
        value.len() > open.len() + close.len() && value.starts_with(open) && value.ends_with(close)
    }) || value.strip_prefix('$').is_some_and(|name| !name.is_empty() && is_name(name))
}

fn unfilled(name: &str) -> Refusal {
    Refusal::new(
        "missing-credentials",
        format!("{name} holds a reference to a variable that is not set, instead of a key"),
        format!(
            "set the variable that {name} refers to (in CI: as a secret that this job may read; the pull requests of forks get none)"
        ),
    )
}

fn missing_variables(
    environment: &Environment,
    missing: Vec<&str>,
    is_dependabot: bool,
) -> Refusal {
    let names = missing.join(" and ");
    let are = if missing.len() == 1 { "is" } else { "are" };
    Refusal::new(
        "missing-credentials",
        format!(
            "{names} {are} not set, and `{}` takes its credentials from nowhere else",
            environment.name
        ),
        match is_dependabot {
            // https://docs.github.com/en/code-security/dependabot/troubleshooting-dependabot/troubleshooting-dependabot-on-github-actions
            true => "leave this job out for Dependabot (if: github.actor != 'dependabot[bot]'): GitHub gives its runs no secrets of Actions".to_owned(),
            false => format!(
                "set {names} to credentials of {} (in CI: as secrets of this job; the pull requests of forks get none)",
                owner(environment)
            ),
        },
    )
}

fn unavailable(environment: &Environment, error: &CredentialsError) -> Refusal {
    let found_none = matches!(error, CredentialsError::CredentialsNotLoaded(_));
    let name = &environment.name;
    let (message, none, hint) = match &environment.credentials {
        Credentials::Profile(profile) => (
            format!("the profile `{profile}` of `{name}` gives no credentials"),
            "it is not in the AWS config files",
            format!(
                "aws configure --profile {profile}, or for single sign-on: aws sso login --profile {profile}"
            ),
        ),
        _ => (
            format!("`{name}` takes the ambient credentials, and there are none"),
            "no variables, no profile, no role of this machine",
            format!("let the job assume a role of {} before this step", owner(environment)),
        ),
    };
    let cause = if found_none { none.to_owned() } else { innermost(error) };
    // The SDK says this only in its message.
    let (cause, hint) = match cause.contains("feature(s) enabled: sso") {
        true => (
            "the profile is one of single sign-on, which is not in this build".into(),
            WHOLE_TOOL.into(),
        ),
        false => (cause, hint),
    };
    Refusal::new("missing-credentials", format!("{message}: {cause}"), hint)
}

/// Where the credentials came from, for messages; never the credentials themselves.
fn holder(environment: &Environment) -> String {
    match &environment.credentials {
        Credentials::Variables { access_key_id, secret_access_key, .. } => {
            format!("the credentials in {access_key_id} and {secret_access_key}")
        }
        Credentials::Profile(name) => format!("the credentials of profile `{name}`"),
        Credentials::Ambient => "the ambient credentials".into(),
    }
}

fn owner(environment: &Environment) -> String {
    match &environment.account {
        Some(account) => format!("account {account}"),
        None => {
            format!("the store at {}", environment.endpoint.as_deref().unwrap_or("its endpoint"))
        }
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    // The error of a failed `credential_process` contains its output, and that may contain credentials.
    let text = innermost.to_string();
    text.split("Stderr:").next().unwrap_or_default().trim_end().to_owned()
}
