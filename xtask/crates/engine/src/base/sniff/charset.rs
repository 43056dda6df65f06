//! The character set that a text declares about itself.

use super::HEAD;

/// The character set that a text declares, as the standard spells it; `None` if it declares none that browsers know.
/// <https://encoding.spec.whatwg.org/#names-and-labels>
pub fn declared_charset(head: &[u8]) -> Option<&'static str> {
    match head {
        // UTF-32, which browsers do not know.
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return None,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Some("utf-16"),
        [0xef, 0xbb, 0xbf, ..] => return Some("utf-8"),
        _ => {}
    }
    let head = String::from_utf8_lossy(&head[..head.len().min(HEAD)]).to_ascii_lowercase();
    // `<meta charset="x">`, `content="text/html; charset=x"`, `<?xml encoding="x"?>`, `@charset "x"`.
    let xml = head.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>"));
    let declared = match xml {
        Some((declaration, _)) => value_behind(declaration, "encoding"),
        None if head.starts_with("@charset") => value_behind(&head, "@charset"),
        None => head
            .split("<meta")
            .skip(1)
            .find_map(|meta| value_behind(meta.split('>').next().unwrap_or_default(), "charset")),
    }?;
    CHARSETS.iter().find(|known| **known == declared).copied()
}

fn value_behind<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let rest = text.split_once(name)?.1.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let rest = rest.trim_start_matches(['"', '\'']);
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.:".contains(c));
    Some(&rest[..end.unwrap_or(rest.len())])
}

const CHARSETS: [&str; 44] = [
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "us-ascii",
    "ascii",
    "latin1",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-9",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "ibm866",
    "shift_jis",
    "euc-jp",
    "iso-2022-jp",
    "euc-kr",
    "gb2312",
    "gbk",
    "gb18030",
    "big5",
    "tis-620",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_declare_its_character_set() {
        let rows: &[(&[u8], Option<&str>)] = &[
            (b"<meta charset=\"ISO-8859-1\">", Some("iso-8859-1")),
            (b"<html><meta name=x><meta charset=gbk />", Some("gbk")),
            (
                b"<meta http-equiv='Content-Type' content='text/html; charset=windows-1251'>",
                Some("windows-1251"),
            ),
            (b"<?xml version='1.0' encoding='Shift_JIS'?>", Some("shift_jis")),
            (b"@charset \"latin1\";", Some("latin1")),
            (b"\xff\xfe<\0", Some("utf-16")),
            (b"\xfe\xff\0<", Some("utf-16")),
            (b"<meta charset=x-made-up>", None),
            (b"<p>charset=gbk", None),
            (b"", None),
        ];
        for (head, expected) in rows {
            assert_eq!(declared_charset(head), *expected, "{}", String::from_utf8_lossy(head));
        }
    }
}
