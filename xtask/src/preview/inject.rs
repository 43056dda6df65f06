//! The script that reloads a page, put into it; and the site's own address, where a page names it, led back to
//! the preview: many generators write whole addresses, and a click would leave the preview for the live site
//! without a word.

use crate::local::website::escape;

/// The tag for a page of this version of the site.
pub fn tag(version: u64) -> String {
    format!("<script src=\"/_preview/reload.js\" data-version=\"{version}\"></script>")
}

/// A page with the script in it. `url` is the address that the site will have, and `base` what its paths begin
/// with here.
pub fn into_page(page: &[u8], version: u64, url: Option<&str>, base: &str) -> Vec<u8> {
    let mut page = match url {
        Some(url) => led_back(page, url, base),
        None => page.to_vec(),
    };
    let end = find_last(&page, b"</body").unwrap_or(page.len());
    page.splice(end..end, tag(version).into_bytes());
    page
}

/// Attributes whose addresses a browser follows for a visitor. What machines read (`rel=canonical`,
/// `og:url`) may change with them; nothing else does.
const FOLLOWED: [&[u8]; 6] = [b"href", b"src", b"srcset", b"action", b"poster", b"data"];

fn led_back(page: &[u8], url: &str, base: &str) -> Vec<u8> {
    let url = url.trim_end_matches('/');
    let mut out = Vec::with_capacity(page.len());
    let mut rest = page;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        let (before, tag) = rest.split_at(at);
        out.extend_from_slice(before);
        let (tag, after) = tag.split_at(tag_length(tag));
        relink(tag, url.as_bytes(), base.trim_end_matches('/').as_bytes(), &mut out);
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// How many bytes a tag has that begins here; one where this is none.
fn tag_length(text: &[u8]) -> usize {
    if !text.get(1).is_some_and(u8::is_ascii_alphabetic) {
        return 1;
    }
    let mut quote = None;
    for (at, byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    text.len()
}

/// Copies a tag, with `url` replaced where an attribute that is followed begins with it.
fn relink(tag: &[u8], url: &[u8], base: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    let mut at = 0;
    while at < tag.len() {
        if tag[at..].starts_with(url) && begins_value(&tag[..at]) && ends_host(tag, at + url.len())
        {
            out.extend_from_slice(&tag[from..at]);
            out.extend_from_slice(base);
            at += url.len();
            // An address without a path is the root's.
            if tag.get(at) != Some(&b'/') {
                out.push(b'/');
            }
            from = at;
        } else {
            at += 1;
        }
    }
    out.extend_from_slice(&tag[from..]);
}

/// Whether what follows is the value of an attribute that is followed.
fn begins_value(before: &[u8]) -> bool {
    let before = before.strip_suffix(b"\"").or(before.strip_suffix(b"'")).unwrap_or(before);
    let Some(before) = before.trim_ascii_end().strip_suffix(b"=") else { return false };
    let before = before.trim_ascii_end();
    let name = before.iter().rposition(|byte| byte.is_ascii_whitespace() || *byte == b'"');
    let name = before[name.map_or(0, |at| at + 1)..].to_ascii_lowercase();
    FOLLOWED.contains(&name.as_slice())
}

/// Whether an address ends here or goes on with a path, so that `https://example.com` is not found in
/// `https://example.community`.
fn ends_host(tag: &[u8], at: usize) -> bool {
    tag.get(at).is_none_or(|byte| matches!(byte, b'/' | b'"' | b'\'' | b'>' | b'?' | b'#' | b' '))
}

fn find_last(page: &[u8], wanted: &[u8]) -> Option<usize> {
    page.windows(wanted.len()).rposition(|window| window.eq_ignore_ascii_case(wanted))
}

/// The page while there is no other: nothing was built yet.
pub fn waiting(version: u64, failed: Option<&str>) -> String {
    let text = match failed {
        Some(_) => "the site could not be built yet",
        None => "the site is being built",
    };
    format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n<p>{0}</p>\n<pre>{1}</pre>\n{2}\n",
        text,
        escape(failed.unwrap_or_default()),
        tag(version)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str, url: Option<&str>, base: &str) -> String {
        let page = into_page(text.as_bytes(), 3, url, base);
        String::from_utf8(page).unwrap().replace(&tag(3), "#")
    }

    #[test]
    fn the_script_stands_at_the_end_of_the_body() {
        for (text, expected) in [
            ("<body>a</body></html>", "<body>a#</body></html>"),
            ("<BODY>a</BODY>", "<BODY>a#</BODY>"),
            ("no tags", "no tags#"),
            ("", "#"),
            ("</body></body>", "</body>#</body>"),
        ] {
            assert_eq!(page(text, None, "/"), expected);
        }
    }

    #[test]
    fn links_to_the_sites_own_address_lead_to_the_preview() {
        let url = Some("https://example.com/");
        for (text, expected) in [
            (r#"<a href="https://example.com/a">"#, r#"<a href="/a">#"#),
            (r#"<a href=https://example.com>x"#, r#"<a href=/>x#"#),
            (
                r#"<IMG class="a" SRC='https://example.com/i.png'>"#,
                r#"<IMG class="a" SRC='/i.png'>#"#,
            ),
            (r#"<a title="https://example.com/">"#, r#"<a title="https://example.com/">#"#),
            (
                "https://example.com/ &lt;a href=\"https://example.com/\">",
                "https://example.com/ &lt;a href=\"https://example.com/\">#",
            ),
            (
                r#"<a href="https://example.community/">"#,
                r#"<a href="https://example.community/">#"#,
            ),
            (r#"<a href="https://example.com"#, r#"<a href="/#"#),
            ("a < b <", "a < b <#"),
        ] {
            assert_eq!(page(text, url, "/"), expected);
        }
        let text = r#"<a href="https://example.com/docs/a"><a href="https://example.com/docs">"#;
        let expected = r#"<a href="/docs/a"><a href="/docs/">#"#;
        assert_eq!(page(text, Some("https://example.com/docs/"), "/docs/"), expected);
    }
}
