//! Whether a file holds a secret. A private key says so in its first line; of other files the name raises the
//! question, and the content answers it: `gpg.key` may be the public key that every visitor needs.

use serde_json::Value;

/// The largest file, in bytes, that is looked through for credentials behind its first line.
const SMALL: u64 = 8 << 10;

/// Whether the content of a file of any name is a secret. A page that shows one is not: it begins with markup.
pub fn is_secret(head: &[u8], size: u64) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match head.first() {
        Some(b'-') => is_private_pem(head),
        Some(b'A') if head.starts_with(b"AGE-SECRET-KEY-1") => true,
        Some(b'P') if head.starts_with(b"PuTTY-User-Key-File-") => true,
        Some(b'u') if head.starts_with(b"untrusted comment:") => {
            first_line(head).is_some_and(|line| line.contains("secret key"))
        }
        Some(b'{') if size <= SMALL && speaks_of_secrets(head) => has_secret_field(head),
        Some(_) if size <= SMALL && begins_like_settings(head) => has_secret_line(head),
        _ => false,
    }
}

/// Whether the content of a file with a secret's name is public after all.
pub fn is_public(name: &str, head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let is_pem = text.contains("-----BEGIN ") && !is_private(&text);
    let first = first_line(head).unwrap_or_default();
    let is_ssh = ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| first.starts_with(kind))
        && first.contains(" AAAA");
    let is_minisign = first.starts_with("untrusted comment:") && first.contains("public key");
    // Keynote's slides; keys of no kind are archives or images.
    let starts: [&[u8]; 5] =
        [b"PK\x03\x04", b"\x1f\x8b\x08", b"%PDF-", b"\x89PNG", b"\xff\xd8\xff"];
    is_pem
        || is_ssh
        || is_minisign
        || is_binary_pgp_public_key(head)
        || starts.iter().any(|start| head.starts_with(start))
        || is_harmless_json(name, head)
        || crate::sniff::is_document(head)
}

/// A public key of GnuPG without its armour: a packet of tag 6, in the old or the new format.
/// <https://www.rfc-editor.org/rfc/rfc9580#section-4.2>
fn is_binary_pgp_public_key(head: &[u8]) -> bool {
    matches!(head.first(), Some(0x98..=0x9b | 0xc6)) && head.len() > 16
}

/// Frameworks write a JSON file for each page, under the page's name.
fn is_harmless_json(name: &str, head: &[u8]) -> bool {
    let is_asked = name.contains(".json") || name == "credentials";
    is_asked && serde_json::from_slice::<Value>(head).is_ok_and(|json| !is_secret_value(&json))
}

fn is_private_pem(head: &[u8]) -> bool {
    head.starts_with(b"-----BEGIN ") && is_private(&String::from_utf8_lossy(head))
        // As SSH.COM writes it.
        || head.starts_with(b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY")
}

/// Whether a PEM text has a private key, of whatever kind and behind whichever certificates.
fn is_private(text: &str) -> bool {
    let mut labels = text.split("-----BEGIN ").skip(1);
    labels.any(|rest| rest.lines().next().is_some_and(|label| label.contains("PRIVATE KEY")))
}

/// Whether it is worth to parse a JSON text, told by its first kilobyte: a site may have one for each page.
fn speaks_of_secrets(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&head[..head.len().min(1024)]);
    ["PRIVATE KEY", "private", "ecret", "client-key"].iter().any(|word| start.contains(word))
}

/// Whether it is worth to read the lines of a text, told by its first one: nearly all files are pages, styles and
/// scripts.
fn begins_like_settings(head: &[u8]) -> bool {
    let start = &head[..head.len().min(256)];
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_-. ".contains(b);
    match head.first() {
        Some(b'[' | b'#' | b';') => true,
        _ if line.starts_with(b"apiVersion:") => true,
        _ if line.contains(&b',') => String::from_utf8_lossy(line).contains("Access key ID"),
        _ => line.iter().position(|b| *b == b'=').is_some_and(|at| line[..at].iter().all(is_name)),
    }
}

/// Whether a JSON text has a private key or a secret in a field.
fn has_secret_field(head: &[u8]) -> bool {
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

fn is_secret_value(json: &Value) -> bool {
    match json {
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let is_named = SECRET_FIELDS.contains(&name.to_ascii_lowercase().as_str());
            is_named && value.as_str().is_some_and(is_real) || is_secret_value(value)
        }),
        Value::Array(items) => items.iter().any(is_secret_value),
        // Not a text that only speaks of one.
        Value::String(text) => text.starts_with("-----BEGIN ") && is_private(text),
        _ => false,
    }
}

/// Whether a configuration file or an exported table sets a secret. Texts that explain such a file begin with words.
fn has_secret_line(head: &[u8]) -> bool {
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
    (is_section || sets(first).is_some()) && std::iter::once(first).chain(lines).any(is_secret_line)
}

/// The name and the value of a line that sets one.
fn sets(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let name = name.trim();
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    (!name.is_empty() && name.bytes().all(is_name)).then(|| (name, value.trim().trim_matches('"')))
}

fn is_secret_line(line: &str) -> bool {
    let Some((name, value)) = sets(line) else { return false };
    let name = name.to_ascii_lowercase();
    let names = ["secret_access_key", "awssecretkey", "privatekey", "presharedkey"];
    names.iter().any(|secret| name.ends_with(secret)) && value.len() >= 40 && is_real(value)
}

/// Whether a value is no placeholder of a documentation.
fn is_real(value: &str) -> bool {
    let upper = value.to_ascii_uppercase();
    value.len() >= 16
        && !["EXAMPLE", "XXXX", "YOUR", "...", "<", "${"].iter().any(|word| upper.contains(word))
}

fn first_line(head: &[u8]) -> Option<&str> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n";
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n";
    const VALUE: &str = "wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzzzzzzKEY";

    #[test]
    fn the_content_tells_a_secret_whatever_the_name_is() {
        let secrets = [
            KEY.to_owned(),
            format!("\n{KEY}"),
            format!("{CERTIFICATE}{KEY}"),
            "-----BEGIN OPENSSH PRIVATE KEY-----\n".to_owned(),
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n".to_owned(),
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n".to_owned(),
            "PuTTY-User-Key-File-3: ssh-ed25519\n".to_owned(),
            format!("{{\"type\": \"service_account\", \"private_key\": {KEY:?}}}"),
            format!("{{\"firebase\": {{\"key\": {KEY:?}}}}}"),
            "{\"installed\": {\"client_secret\": \"GOCSPX-abcdefghijklmnop\"}}".to_owned(),
            format!(
                "[default]\naws_access_key_id = AKIAZZZZZZZZZZZZZZZZ\naws_secret_access_key = {VALUE}\n"
            ),
            format!("export AWS_SECRET_ACCESS_KEY=\"{VALUE}\"\n"),
            format!("# profile\nAWSAccessKeyId=AKIA\nAWSSecretKey={VALUE}\n"),
            "User name,Password,Access key ID,Secret access key\n".to_owned(),
            "apiVersion: v1\nkind: Config\nusers:\n- user:\n    client-key-data: x\n".to_owned(),
            "untrusted comment: minisign encrypted secret key\nRWRT\n".to_owned(),
        ];
        for text in &secrets {
            assert!(is_secret(text.as_bytes(), text.len() as u64), "{text}");
            assert!(!is_public("x.key", text.as_bytes()), "{text}");
        }
        let others = [
            CERTIFICATE.to_owned(),
            format!("<!doctype html><pre>{KEY}</pre>"),
            format!("# How to write a key\n\n```\n{KEY}```\n"),
            format!("A key looks so:\n{KEY}"),
            format!("const example = `{KEY}`;"),
            format!("{{\"title\": \"Keys\", \"text\": {:?}}}", format!("A key: {KEY}")),
            "[default]\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"
                .to_owned(),
            "{\"client_secret\": \"YOUR_CLIENT_SECRET\"}".to_owned(),
            "---\ntitle: x\n---\n".to_owned(),
            String::new(),
        ];
        for text in &others {
            assert!(!is_secret(text.as_bytes(), text.len() as u64), "{text}");
        }
    }

    #[test]
    fn the_content_tells_that_a_file_with_the_name_of_a_secret_is_public() {
        let public: [(&str, &[u8]); 10] = [
            ("gpg.key", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQIN\n"),
            ("jwt.key", b"-----BEGIN PUBLIC KEY-----\nMIIB\n"),
            ("rds-ca.pem", CERTIFICATE.as_bytes()),
            ("chain.pem", b"Bag Attributes\n-----BEGIN CERTIFICATE-----\nMIID\n"),
            ("talk.key", b"PK\x03\x04\0\0\0"),
            ("deploy.key", b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@host\n"),
            ("nodesource.key", b"\x99\x01\x0d\x04\x53\x93\0\0\0\0\0\0\0\0\0\0\0\0"),
            ("minisign.key", b"untrusted comment: minisign public key 1234\nRWQ\n"),
            ("process.env", b"<!DOCTYPE html><title>process.env</title>"),
            ("service-account.json", b"{\"pageProps\": {\"title\": \"Service accounts\"}}"),
        ];
        for (name, content) in public {
            assert!(is_public(name, content), "{name}");
        }
        for (name, content) in [
            ("server.key", &b"x"[..]),
            ("server.key", b"\x30\x82\x04\xa4"),
            ("secring.key", b"\x95\x01\x0d\x04\x53\x93\0\0\0\0\0\0\0\0\0\0\0\0"),
            ("prod.env", b"TOKEN=abc\n"),
            ("service-account.json", b"x"),
            ("terraform.tfstate", b"{\"version\": 4}"),
        ] {
            assert!(!is_public(name, content), "{name}");
        }
    }
}
