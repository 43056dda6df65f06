//! Keys by their formats: PEM, and the binary formats without its armour.

/// A public key of GnuPG without its armour: a packet with tag 6, in the old or the new format.
/// <https://www.rfc-editor.org/rfc/rfc9580#section-4.2>
pub fn is_binary_pgp_public_key(head: &[u8]) -> bool {
    matches!(head.first(), Some(0x98..=0x9b | 0xc6)) && head.len() > 16
}

/// Whether a text with two bytes per character begins with a private key.
pub fn is_wide_pem(head: &[u8]) -> bool {
    let narrow: Vec<u8> = head.iter().copied().filter(|byte| *byte != 0).collect();
    is_private_pem(narrow.trim_ascii_start())
}

/// A private key of PKCS#8, PKCS#1 or SEC 1 without its armour: a sequence of a version and a key. Certificates and
/// public keys begin with a nested sequence instead.
/// <https://www.rfc-editor.org/rfc/rfc5208#section-5>
pub fn is_private_der(head: &[u8]) -> bool {
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
pub fn is_pkcs12(head: &[u8]) -> bool {
    matches!(
        head,
        [0x30, 0x82, _, _, 2, 1, 3, 0x30, ..]
            | [0x30, 0x83, _, _, _, 2, 1, 3, 0x30, ..]
            | [0x30, 0x80, 2, 1, 3, 0x30, ..]
    )
}

pub fn is_private_pem(head: &[u8]) -> bool {
    head.starts_with(b"-----BEGIN ") && is_private(&String::from_utf8_lossy(head))
        // In the format of SSH.COM.
        || head.starts_with(b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY")
}

/// Whether a PEM text has a private key, of any kind, possibly after certificates.
pub fn is_private(text: &str) -> bool {
    let mut labels = text.split("-----BEGIN ").skip(1);
    labels.any(|rest| rest.lines().next().is_some_and(|label| label.contains("PRIVATE KEY")))
}
