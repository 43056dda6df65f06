//! Credentials in settings: in a JSON text, or in lines such as `NAME=value`. Examples in documentation are not
//! credentials.

use serde_json::Value;

use super::keys::is_private;

/// Whether a JSON text is worth parsing, judged by its first kilobyte: a site may have a JSON file for each page.
pub fn speaks_of_secrets(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&head[..head.len().min(1024)]);
    ["PRIVATE KEY", "private", "ecret", "client-key", "\"kty\"", "\"auths\""]
        .iter()
        .any(|word| start.contains(word))
}

/// Whether the lines of a text are worth reading, judged by its first one: nearly all files are pages, style sheets and
/// scripts.
pub fn begins_like_settings(head: &[u8]) -> bool {
    let start = &head[..head.len().min(256)];
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_-. ".contains(b);
    match head.first() {
        Some(b'[' | b'#' | b';') => true,
        Some(b'$') => start[..start.len().min(5)].eq_ignore_ascii_case(b"$env:"),
        _ if line.starts_with(b"apiVersion:") => true,
        _ if line.contains(&b',') => String::from_utf8_lossy(line).contains("Access key ID"),
        _ => {
            let sign = line.iter().position(|b| matches!(b, b'=' | b':'));
            sign.is_some_and(|at| line[..at].iter().all(is_name))
        }
    }
}

/// Whether a JSON text has a private key or a secret in a field.
pub fn has_secret_field(head: &[u8]) -> bool {
    serde_json::from_slice::<Value>(head).is_ok_and(|json| is_secret_value(&json))
}

const SECRET_FIELDS: [&str; 7] = [
    "private_key",
    "privatekey",
    "client_secret",
    "clientsecret",
    "client-key-data",
    "secretaccesskey",
    "aws_secret_access_key",
];

pub fn is_secret_value(json: &Value) -> bool {
    match json {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let is_named = SECRET_FIELDS.contains(&name.to_ascii_lowercase().as_str());
            let is_token = |value: &str| is_real(value) && !is_prose(value);
            // A key in JSON Web Key format, and Docker's logins.
            let is_key = name == "d" && fields.contains_key("kty");
            let is_login = name == "auths" && has_login(value);
            (is_named || is_key) && value.as_str().is_some_and(is_token)
                || is_login
                || is_secret_value(value)
        }),
        Value::Array(items) => items.iter().any(is_secret_value),
        // A text that only mentions a key does not begin like this.
        Value::String(text) => text.starts_with("-----BEGIN ") && is_private(text),
        _ => false,
    }
}

/// Whether a value is a text about a secret, not a secret.
fn is_prose(value: &str) -> bool {
    value.contains(' ') && !value.starts_with("-----BEGIN ")
}

fn has_login(auths: &Value) -> bool {
    let mut hosts = auths.as_object().into_iter().flat_map(|hosts| hosts.values());
    hosts.any(|host| host.get("auth").and_then(Value::as_str).is_some_and(|auth| auth.len() >= 8))
}

/// Whether a configuration file or an exported table sets a secret. Texts that explain such a file begin with words.
pub fn has_secret_line(head: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(head) else { return false };
    let mut lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let Some(first) = lines.by_ref().find(|line| !line.is_empty()) else { return false };
    let is_section = first.starts_with('[') && first.ends_with(']');
    let is_kubeconfig = first.starts_with("apiVersion:") && text.contains("\nkind: Config");
    if is_kubeconfig {
        return text.contains("client-key-data:") || text.contains("token:");
    }
    if first.contains("Access key ID,Secret access key") {
        return true;
    }
    // A script may do other things first.
    let is_script = text.starts_with("#!");
    (is_section || is_script || sets(first).is_some())
        && (has_private_block(text) || std::iter::once(first).chain(lines).any(is_secret_line))
}

/// Whether a block of YAML is a private key. A real one is longer than the ones in examples.
fn has_private_block(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.windows(3).any(|lines| {
        let is_block = [": |", ": |-", ": >"].iter().any(|end| lines[0].ends_with(end));
        is_block
            && lines[1].starts_with("-----BEGIN ")
            && lines[1].contains("PRIVATE KEY")
            && lines[2].len() >= 40
    })
}

/// The name and the value that a line sets, if it sets one.
fn sets(line: &str) -> Option<(&str, &str)> {
    // The ways in which shells of Unix and Windows set a variable.
    let starts = ["export ", "set ", "$env:", "$Env:"];
    let line = starts.iter().find_map(|start| line.strip_prefix(start)).unwrap_or(line);
    let (name, value) = line.split_once(['=', ':'])?;
    let name = name.trim();
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    (!name.is_empty() && name.bytes().all(is_name)).then(|| (name, value.trim().trim_matches('"')))
}

fn is_secret_line(line: &str) -> bool {
    let Some((name, value)) = sets(line) else { return false };
    let name = name.to_ascii_lowercase();
    let names = ["secret_access_key", "awssecretkey", "privatekey", "presharedkey"];
    names.iter().any(|secret| name.ends_with(secret))
        && value.len() >= 40
        && is_real(value)
        && !is_prose(value)
}

/// Whether a value is not a placeholder from documentation.
fn is_real(value: &str) -> bool {
    let upper = value.to_ascii_uppercase();
    value.len() >= 16
        && !["EXAMPLE", "XXXX", "YOUR", "...", "<", "${"].iter().any(|word| upper.contains(word))
}

/// Whether a text sets variables, like files called `.env`: its first line is `NAME=value`.
pub fn sets_variables(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    first.is_some_and(|line| {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let name = line.split_once('=').map_or("", |(name, _)| name.trim_end());
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        !name.is_empty() && name.bytes().all(is_name)
    })
}
