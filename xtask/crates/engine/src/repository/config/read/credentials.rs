//! `credentials`: names of variables, a profile or `"ambient"`, and never a value.

use toml::de::DeValue;

use super::super::looks_secret::{is_variable, looks_like_a_secret};
use super::super::problem::Problem;
use super::super::{Credentials, SessionToken};
use super::fields::{Fields, Text, Value, complain, complain_of_secret, plain, text};

pub fn read_credentials(value: &Value, problems: &mut Vec<Problem>) -> Option<Credentials> {
    let expected = "`credentials` must be { access-key-id = \"VARIABLE\", secret-access-key = \"VARIABLE\" }, { profile = \"NAME\" } or \"ambient\"";
    match value.get_ref() {
        DeValue::String(text) if text == "ambient" => return Some(Credentials::Ambient),
        DeValue::String(text) if looks_like_a_secret(text) => {
            complain_of_secret(problems, value.span(), IS_A_SECRET);
            return None;
        }
        DeValue::Table(_) => {}
        _ => {
            complain(problems, value.span(), expected);
            return None;
        }
    }
    let mut fields = Fields::of(value, "credentials", problems)?;
    let profile = fields.optional("profile");
    let access_key_id = fields.optional("access-key-id");
    let secret_access_key = fields.optional("secret-access-key");
    let session_token = fields.optional("session-token");
    fields.no_others();

    match (profile, access_key_id, secret_access_key, session_token) {
        (Some(profile), None, None, None) => {
            read_profile(profile, problems).map(Credentials::Profile)
        }
        (None, Some(id), Some(secret), token) => {
            // All three are read before giving up, so that all problems are reported.
            let id = read_variable(id, problems).map(|(name, _)| name);
            let secret = read_variable(secret, problems).map(|(name, _)| name);
            let token = token.map(|token| read_variable(token, problems).map(|(name, _)| name));
            Some(Credentials::Variables {
                access_key_id: id?,
                secret_access_key: secret?,
                session_token: match token {
                    Some(name) => SessionToken::Required(name?),
                    None => SessionToken::None,
                },
            })
        }
        _ => {
            complain(problems, value.span(), expected);
            None
        }
    }
}

/// The message for a secret in the file.
pub const IS_A_SECRET: &str = "this looks like a credential itself; name the environment variable that holds it, such as `STGAWSKEY` or `stg_aws_key`, and replace the key if this file was ever pushed";

/// The name of an environment variable. Anything else in its place may be a credential, so the error does not repeat
/// it.
pub fn read_variable(value: &Value, problems: &mut Vec<Problem>) -> Option<Text> {
    let (name, span) = text(value, problems)?;
    if name.is_empty() {
        complain(problems, span, "this must be the name of an environment variable");
        return None;
    }
    if !is_variable(&name) {
        complain_of_secret(problems, span, IS_A_SECRET);
        return None;
    }
    Some((name, span))
}

fn read_profile(value: &Value, problems: &mut Vec<Problem>) -> Option<String> {
    let (name, span) = text(value, problems)?;
    if name.is_empty() {
        complain(problems, span, "`profile` must be the name of a profile of the AWS config files");
        return None;
    }
    if looks_like_a_secret(&name) {
        complain_of_secret(problems, span, IS_A_SECRET);
        return None;
    }
    plain(&name, &span, problems).then_some(name)
}
