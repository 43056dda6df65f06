//! Whether a file holds a secret. A private key says so in its first line. For other files, the name raises the
//! question and the content answers it: `gpg.key` may be the public key that every visitor needs.

mod keys;
mod settings;

use serde_json::Value;

use keys::{
    is_binary_pgp_public_key, is_pkcs12, is_private, is_private_der, is_private_pem, is_wide_pem,
};
use settings::{
    begins_like_settings, has_secret_field, has_secret_line, is_secret_value, sets_variables,
    speaks_of_secrets,
};

/// The largest file, in bytes, that is searched for credentials beyond its first line.
const SMALL: u64 = 8 << 10;

/// Whether the content is a secret, whatever the file's name is. A page that shows one is not a secret: it begins with
/// markup.
pub fn is_secret(head: &[u8], size: u64) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    match head.first() {
        // Nearly every page begins like this.
        Some(b'<') => false,
        Some(b'-') if head.starts_with(b"-\0") => is_wide_pem(head),
        Some(0xff | 0xfe) if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") => {
            is_wide_pem(&head[2..])
        }
        Some(b'-') => is_private_pem(head),
        Some(0x30) if is_private_der(head) || is_pkcs12(head) => true,
        // Key stores of Java, and a database of KeePass.
        Some(0xfe | 0xce | 3) if KEY_STORES.iter().any(|start| head.starts_with(start)) => true,
        Some(b'S') if head.starts_with(b"SSH PRIVATE KEY FILE FORMAT") => true,
        // OpenSSL writes this before the key of a PKCS#12 file.
        Some(b'B') if head.starts_with(b"Bag Attributes") => {
            is_private(&String::from_utf8_lossy(head))
        }
        Some(b'#' | b';') if is_private_pem(without_remarks(head)) => true,
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

const KEY_STORES: [&[u8]; 3] =
    [b"\xfe\xed\xfe\xed\0\0\0", b"\xce\xce\xce\xce\0\0\0", b"\x03\xd9\xa2\x9a"];

/// Whether a file with a name typical for a secret has public content after all.
pub fn is_public(name: &str, head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    // A page may be called `env`, so for this name the content must confirm the suspicion.
    if super::names::is_plain_env(name) && !sets_variables(&text) {
        return true;
    }
    let is_pem = text.contains("-----BEGIN ") && !is_private(&text);
    let first = first_line(head).unwrap_or_default();
    let is_ssh = ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| first.starts_with(kind))
        && first.contains(" AAAA");
    // The second line of a public key encodes 42 bytes; that of a secret key is longer.
    let second = text.lines().nth(1).unwrap_or_default().trim_end();
    let is_minisign = first.starts_with("untrusted comment:")
        && (first.contains("public key") || second.starts_with("RW") && second.len() == 56);
    let is_certificate = matches!(head, [0x30, 0x82, _, _, 0x30, 0x82, _, _, 0xa0, 3, 2, 1, ..]);
    // Keynote slides. No kind of key is an archive or an image.
    let starts: [&[u8]; 5] =
        [b"PK\x03\x04", b"\x1f\x8b\x08", b"%PDF-", b"\x89PNG", b"\xff\xd8\xff"];
    is_pem
        || is_ssh
        || is_minisign
        || is_certificate
        || crate::base::sniff::essence(head, false) == Some("image/svg+xml")
        || is_binary_pgp_public_key(head)
        || starts.iter().any(|start| head.starts_with(start))
        || is_harmless_json(name, head)
        || crate::base::sniff::is_document(head)
}

/// Frameworks write a JSON file for each page, under the page's name.
fn is_harmless_json(name: &str, head: &[u8]) -> bool {
    let is_asked = name.contains(".json") || name == "credentials";
    is_asked && serde_json::from_slice::<Value>(head).is_ok_and(|json| !is_secret_value(&json))
}

/// A text without the comments and empty lines at its beginning.
fn without_remarks(head: &[u8]) -> &[u8] {
    let mut text = head;
    while let [b'#' | b';', ..] = text {
        let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
        text = text[end..].trim_ascii_start();
    }
    text
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
    fn a_secret_is_known_in_other_clothes() {
        let body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB";
        let wide: Vec<u8> = KEY.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let secrets: Vec<Vec<u8>> = vec![
            format!("Bag Attributes\n    friendlyName: x\n{KEY}").into(),
            format!("# deploy key\n\n{KEY}").into(),
            [b"\xff\xfe", wide.as_slice()].concat(),
            wide,
            format!("key: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  {body}\n").into(),
            format!("a:\n  AWS_SECRET_ACCESS_KEY: {VALUE}\n").into(),
            format!("{{\"kty\": \"EC\", \"d\": \"{body}\"}}").into(),
            format!("{{\"keys\": [{{\"kty\": \"RSA\", \"d\": \"{body}\"}}]}}").into(),
            b"{\"auths\": {\"registry.example\": {\"auth\": \"dXNlcjpwYXNzd29yZA==\"}}}".to_vec(),
            b"\x30\x82\x04\xbd\x02\x01\x00\x30\x0d\x06\x09\x2a".to_vec(),
            b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70".to_vec(),
            b"\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01".to_vec(),
            b"\x30\x77\x02\x01\x01\x04\x20\x01".to_vec(),
            b"\x30\x82\x05\x2e\x30\x57\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d\x30".to_vec(),
            b"\x30\x82\x05\x10\x30\x1c\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03".to_vec(),
            b"\x30\x82\x0a\x1c\x02\x01\x03\x30\x82\x09".to_vec(),
            b"\x30\x80\x02\x01\x03\x30\x80\x06".to_vec(),
            b"\xfe\xed\xfe\xed\0\0\0\x02\0\0\0\x01".to_vec(),
            b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5".to_vec(),
            b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0".to_vec(),
            format!("#!/bin/sh\nset -e\nexport AWS_SECRET_ACCESS_KEY='{VALUE}'\n").into(),
            format!("$env:AWS_SECRET_ACCESS_KEY = \"{VALUE}\"\r\n").into(),
            format!("set AWS_ACCESS_KEY_ID=AKIA\r\nset AWS_SECRET_ACCESS_KEY={VALUE}\r\n").into(),
        ];
        for secret in &secrets {
            let shown = String::from_utf8_lossy(secret);
            assert!(is_secret(secret, secret.len() as u64), "{shown}");
        }
        for text in [
            "{\"private_key\": \"This key is used for signing releases\"}",
            "{\"kty\": \"EC\", \"x\": \"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\"}",
            "{\"auths\": {\"registry.example\": {}}}",
            "key: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  ...\n",
            "a: b\ntitle: How to set AWS_SECRET_ACCESS_KEY: an introduction for those who start\n",
            "User-agent: *\nDisallow:\n",
            "#!/bin/sh\nexport AWS_SECRET_ACCESS_KEY=\"$(pass show aws/secret-access-key/of/production)\"\n",
            "$env:AWS_SECRET_ACCESS_KEY = \"YOUR-SECRET-ACCESS-KEY-OF-FORTY-CHARACTERS\"\n",
        ] {
            assert!(!is_secret(text.as_bytes(), text.len() as u64), "{text}");
        }
        let public_key = b"\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
        assert!(!is_secret(public_key, public_key.len() as u64), "a public key");
    }

    #[test]
    fn the_content_tells_that_a_file_with_the_name_of_a_secret_is_public() {
        let public: [(&str, &[u8]); 18] = [
            (
                "own.key",
                b"untrusted comment: of our releases\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n",
            ),
            ("logo.key", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            ("ca.key", b"\x30\x82\x03\x5d\x30\x82\x02\x45\xa0\x03\x02\x01\x02"),
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
            ("env", b"<p>The variables of the environment: <code>NAME=value</code>"),
            ("env", b"The command env shows the environment.\n\nNAME=value\n"),
            ("env", b"\x7fELF\x02\x01\x01"),
            ("env.local", b"# How to use env.local\n\nWrite NAME=value into it.\n"),
            ("env", b""),
        ];
        for (name, content) in public {
            assert!(is_public(name, content), "{name}");
        }
        for (name, content) in [
            ("server.key", &b"x"[..]),
            ("server.key", b"\x30\x82\x04\xa4"),
            ("secring.key", b"\x95\x01\x0d\x04\x53\x93\0\0\0\0\0\0\0\0\0\0\0\0"),
            ("prod.env", b"TOKEN=abc\n"),
            ("env", b"# of the database\n\nDB_PASSWORD=abc\n"),
            ("env.production", b"\xef\xbb\xbfexport DB_PASSWORD = abc\r\n"),
            ("service-account.json", b"x"),
            ("terraform.tfstate", b"{\"version\": 4}"),
        ] {
            assert!(!is_public(name, content), "{name}");
        }
    }
}
