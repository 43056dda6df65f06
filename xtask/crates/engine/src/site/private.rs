//! Whether a file holds a secret. A private key says so in its first line. For other files, the name raises the
//! question and the content answers it: `gpg.key` may be the public key that every visitor needs.

use serde_json::Value;

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

/// A public key of GnuPG without its armour: a packet with tag 6, in the old or the new format.
/// <https://www.rfc-editor.org/rfc/rfc9580#section-4.2>
fn is_binary_pgp_public_key(head: &[u8]) -> bool {
    matches!(head.first(), Some(0x98..=0x9b | 0xc6)) && head.len() > 16
}

/// Frameworks write a JSON file for each page, under the page's name.
fn is_harmless_json(name: &str, head: &[u8]) -> bool {
    let is_asked = name.contains(".json") || name == "credentials";
    is_asked && serde_json::from_slice::<Value>(head).is_ok_and(|json| !is_secret_value(&json))
}

/// Whether a text with two bytes per character begins with a private key.
fn is_wide_pem(head: &[u8]) -> bool {
    let narrow: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    is_private_pem(narrow.trim_ascii_start())
}

/// A private key of PKCS#8, PKCS#1 or SEC 1 without its armour: a sequence of a version and a key. Certificates and
/// public keys begin with a nested sequence instead.
/// <https://www.rfc-editor.org/rfc/rfc5208#section-5>
fn is_private_der(head: &[u8]) -> bool {
    let inner = match head {
        [0x30, 0x82, _, _, inner @ ..] | [0x30, 0x81, _, inner @ ..] => inner,
        [0x30, 0..=0x7f, inner @ ..] => inner,
        _ => return false,
    };
    match inner {
        // The identifier of an algorithm.
        [2, 1, 0, 0x30, _, 6, ..] => true,
        // A number as long as a modulus.
        [2, 1, 0, 2, 0x81 | 0x82, ..] => true,
        [2, 1, 1, 4, 0x20 | 0x30 | 0x42, ..] => true,
        // Encrypted: the algorithm is one of PKCS#5 or PKCS#12. The algorithm of a public key is one of PKCS#1.
        [0x30, _, 6, _, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5 | 12, ..] => true,
        _ => false,
    }
}

/// A PKCS#12 file: version 3 and its content, with a length or, in BER, without one. It may hold an encrypted private
/// key.
/// <https://www.rfc-editor.org/rfc/rfc7292#section-4>
fn is_pkcs12(head: &[u8]) -> bool {
    matches!(
        head,
        [0x30, 0x82, _, _, 2, 1, 3, 0x30, ..]
            | [0x30, 0x83, _, _, _, 2, 1, 3, 0x30, ..]
            | [0x30, 0x80, 2, 1, 3, 0x30, ..]
    )
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

fn is_private_pem(head: &[u8]) -> bool {
    head.starts_with(b"-----BEGIN ") && is_private(&String::from_utf8_lossy(head))
        // In the format of SSH.COM.
        || head.starts_with(b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY")
}

/// Whether a PEM text has a private key, of any kind, possibly after certificates.
fn is_private(text: &str) -> bool {
    let mut labels = text.split("-----BEGIN ").skip(1);
    labels.any(|rest| rest.lines().next().is_some_and(|label| label.contains("PRIVATE KEY")))
}

/// Whether a JSON text is worth parsing, judged by its first kilobyte: a site may have a JSON file for each page.
fn speaks_of_secrets(head: &[u8]) -> bool {
    let start = String::from_utf8_lossy(&head[..head.len().min(1024)]);
    ["PRIVATE KEY", "private", "ecret", "client-key", "\"kty\"", "\"auths\""]
        .iter()
        .any(|word| start.contains(word))
}

/// Whether the lines of a text are worth reading, judged by its first one: nearly all files are pages, style sheets and
/// scripts.
fn begins_like_settings(head: &[u8]) -> bool {
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

/// Whether a text sets variables, like files called `.env`: its first line is `NAME=value`.
fn sets_variables(text: &str) -> bool {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    first.is_some_and(|line| {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let name = line.split_once('=').map_or("", |(name, _)| name.trim_end());
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        !name.is_empty() && name.bytes().all(is_name)
    })
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
