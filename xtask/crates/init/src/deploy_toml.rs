//! The text of a new `deploy.toml`.

use crate::deployed::Credentials;
use crate::environments::{Draft, Shared};
use crate::generator::Generator;
use crate::toml_text::text_value;

/// What an empty value needs. The reader rejects it with its own sentence, except with `--local`.
const ACCOUNT: &str = "the twelve digits that `aws sts get-caller-identity` prints";
const REGION: &str = "the region of the bucket, such as eu-central-1";
const BUCKET: &str = "the name of the bucket";

pub fn text(site: &Generator, drafts: &[Draft], shared: &Shared) -> String {
    let mut text = String::from(
        "# Where each branch is deployed. There is no secret here: `credentials` names variables and never holds their values.\n",
    );
    let globs = |globs: &[String]| list(globs.iter().map(String::as_str));
    if !shared.keep.is_empty() {
        text += &format!("\nkeep = {} # neither written nor deleted\n", globs(&shared.keep));
    }
    text += &build(site);
    for draft in drafts {
        text += &environment(draft);
    }
    for rule in &shared.headers {
        let values: Vec<(&str, &str)> =
            rule.values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        text += &headers(&rule.glob, &values);
    }
    for glob in &site.immutable {
        text += &headers(glob, &[("cache-control", "public, max-age=31536000, immutable")]);
    }
    for glob in &site.revalidated {
        text += &headers(glob, &[("cache-control", "no-cache")]);
    }
    text
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.map(text_value).collect();
    format!("[{}]", items.join(", "))
}

fn build(site: &Generator) -> String {
    let mut text = String::from("\n[build]\n");
    if !site.command.is_empty() {
        text += &format!("command = {}\n", list(site.command.iter().map(String::as_str)));
    }
    text += &format!("output = {}\n", text_value(&site.output.display().to_string()));
    text
}

fn environment(draft: &Draft) -> String {
    let mut text = String::from("\n");
    if let Some(found) = &draft.found {
        text += &format!("# As in {found}\n");
    }
    let branches = list(draft.branches.iter().map(String::as_str));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let name = match draft.name.chars().all(is_plain) {
        true => draft.name.clone(),
        // The reader says what is wrong with it.
        false => text_value(&draft.name),
    };
    text += &format!("[environments.{name}]\nbranches = {branches}\n");
    text += &match draft.endpoint {
        None => needed("account", draft.account.as_deref(), ACCOUNT),
        Some(_) => line("account", draft.account.as_deref()),
    };
    text += &needed("region", draft.region.as_deref(), REGION);
    text += &needed("bucket", draft.bucket.as_deref(), BUCKET);
    text += &line("prefix", draft.prefix.as_deref());
    text += &line("endpoint", draft.endpoint.as_deref());
    text += &line("url", draft.url.as_deref());
    text += &line("acl", draft.acl.as_deref());
    if let Some(encryption) = &draft.encryption {
        let value = text_value(encryption);
        text += &match encryption.starts_with("arn:") {
            true => format!("encryption = {{ kms = {value} }}\n"),
            false => format!("encryption = {value}\n"),
        };
    }
    text + &credentials(draft.credentials.as_ref())
}

fn line(key: &str, value: Option<&str>) -> String {
    value.map(|value| format!("{key} = {}\n", text_value(value))).unwrap_or_default()
}

/// A line that must be there. An empty value is rejected by the reader, except with `--local`.
fn needed(key: &str, value: Option<&str>, needs: &str) -> String {
    match value {
        Some(_) => line(key, value),
        None => format!("{key} = \"\" # {needs}\n"),
    }
}

fn credentials(credentials: Option<&Credentials>) -> String {
    match credentials {
        Some(Credentials::Variables { access_key_id, secret_access_key }) => format!(
            "credentials = {{ access-key-id = {}, secret-access-key = {} }}\n",
            text_value(access_key_id),
            text_value(secret_access_key)
        ),
        Some(Credentials::Profile(profile)) => {
            format!("credentials = {{ profile = {} }}\n", text_value(profile))
        }
        Some(Credentials::Role(_)) => {
            "credentials = \"ambient\" # those of the role that the job assumes\n".into()
        }
        None => String::new(),
    }
}

fn headers(glob: &str, values: &[(&str, &str)]) -> String {
    let mut text = format!("\n[[headers]]\nmatch = {}\n", text_value(glob));
    for (name, value) in values {
        text += &format!("{name} = {}\n", text_value(value));
    }
    text
}
