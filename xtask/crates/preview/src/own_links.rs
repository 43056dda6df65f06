//! Links in a page to the site's own future address, which are made to lead to the preview. Many generators write whole
//! addresses, and a click or a redirect would otherwise lead to the live site without the user noticing.

use super::tags::{Attribute, Tag, next_tag};

/// The address in the preview that stands for an address, if that is the site's own.
pub fn led_back_address(address: &str, url: &str, base: &str) -> Option<String> {
    let own = OwnAddress::of(url, base)?;
    let mut here = Vec::new();
    let length = own.lead_back(address.as_bytes(), &mut here)?;
    here.extend_from_slice(&address.as_bytes()[length..]);
    String::from_utf8(here).ok()
}

/// A page in which links to the site's own address lead to the preview. `url` is that address, if it is known, and
/// `base` is what the paths of the preview begin with.
pub fn led_back(page: &[u8], url: Option<&str>, base: &str) -> Vec<u8> {
    let Some(own) = url.and_then(|url| OwnAddress::of(url, base)) else { return page.to_vec() };
    let mut out = Vec::with_capacity(page.len());
    let mut rest = page;
    let mut is_script = false;
    while let Some((before, tag, after)) = next_tag(rest) {
        if is_script {
            own.lead_back_in(before, leaves_page, &mut out);
        } else {
            out.extend_from_slice(before);
        }
        relink(&tag, &own, &mut out);
        is_script = tag.name().eq_ignore_ascii_case(b"script");
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// Attributes that hold one address, which a browser follows.
const FOLLOWED: [&[u8]; 9] = [
    b"href",
    b"xlink:href",
    b"src",
    b"action",
    b"formaction",
    b"poster",
    b"data",
    b"background",
    b"manifest",
];

/// Attributes that hold several addresses.
const SETS: [&[u8]; 2] = [b"srcset", b"imagesrcset"];

const SCHEMES: [&[u8]; 3] = [b"https://", b"http://", b"//"];

/// The site's own address, and what replaces it in the preview.
struct OwnAddress<'a> {
    host: &'a [u8],
    /// Without a slash at the end.
    path: &'a [u8],
    base: &'a [u8],
}

impl<'a> OwnAddress<'a> {
    fn of(url: &'a str, base: &'a str) -> Option<OwnAddress<'a>> {
        let (_, rest) = url.split_once("://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let base = base.trim_end_matches('/').as_bytes();
        Some(OwnAddress {
            host: host.as_bytes(),
            path: path.trim_end_matches('/').as_bytes(),
            base,
        })
    }

    /// If a text begins with the site's own address, writes what replaces it, and returns the length of the address.
    /// The address may have no scheme, or the other one: the live site would answer all of them.
    fn lead_back(&self, text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let mut length = SCHEMES.into_iter().find(|scheme| begins_with(text, scheme))?.len();
        length += begins_with(&text[length..], self.host).then_some(self.host.len())?;
        length += text[length..].starts_with(self.path).then_some(self.path.len())?;
        if !is_end_of_name(text.get(length)) {
            return None;
        }
        out.extend_from_slice(self.base);
        // An address without a path means the root.
        if text.get(length) != Some(&b'/') {
            out.push(b'/');
        }
        Some(length)
    }

    /// Copies a text and replaces addresses in it. `is_place` says whether an address may begin after the given text.
    fn lead_back_in(&self, text: &[u8], is_place: impl Fn(&[u8]) -> bool, out: &mut Vec<u8>) {
        let mut at = 0;
        while at < text.len() {
            let can_begin = matches!(text[at], b'h' | b'H' | b'/') && is_place(&text[..at]);
            match can_begin.then(|| self.lead_back(&text[at..], out)).flatten() {
                Some(length) => at += length,
                None => {
                    out.push(text[at]);
                    at += 1;
                }
            }
        }
    }
}

fn begins_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// Whether the name of a host ends before this byte. It keeps `https://example.com` from being found in
/// `https://example.community`.
fn is_end_of_name(next: Option<&u8>) -> bool {
    next.is_none_or(|byte| {
        matches!(byte, b'/' | b'"' | b'\'' | b'>' | b'?' | b'#' | b',' | b';')
            || byte.is_ascii_whitespace()
    })
}

/// Copies a tag and replaces the addresses that a browser follows.
fn relink(tag: &Tag, own: &OwnAddress, out: &mut Vec<u8>) {
    let mut from = 0;
    let kind = TagKind::of(tag);
    for attribute in tag.attributes() {
        let Attribute { name, value } = &attribute;
        let is_place: fn(&[u8]) -> bool = match kind {
            TagKind::Canonical => continue,
            TagKind::Refresh if name.eq_ignore_ascii_case(b"content") => begins_refresh,
            _ if is_one_of(name, &FOLLOWED) => |before| before.trim_ascii().is_empty(),
            _ if is_one_of(name, &SETS) => begins_candidate,
            _ => continue,
        };
        out.extend_from_slice(&tag.text[from..value.start]);
        own.lead_back_in(&tag.text[value.clone()], is_place, out);
        from = value.end;
    }
    out.extend_from_slice(&tag.text[from..]);
}

fn is_one_of(name: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// How a browser treats the addresses in a tag.
#[derive(Clone, Copy)]
enum TagKind {
    /// `<link rel=canonical>`: search engines read it, and no browser follows it.
    Canonical,
    /// `<meta http-equiv=refresh>`: a page that leads to another. Generators write such pages for aliases.
    Refresh,
    Other,
}

impl TagKind {
    fn of(tag: &Tag) -> TagKind {
        let has = |name: &[u8], wanted: &[u8]| {
            tag.value(name).is_some_and(|value| {
                let mut words = value.split(u8::is_ascii_whitespace);
                words.any(|word| word.eq_ignore_ascii_case(wanted))
            })
        };
        let is = |name: &[u8]| tag.name().eq_ignore_ascii_case(name);
        match () {
            () if is(b"link") && has(b"rel", b"canonical") => TagKind::Canonical,
            () if is(b"meta") && has(b"http-equiv", b"refresh") => TagKind::Refresh,
            () => TagKind::Other,
        }
    }
}

/// Whether the address of a refresh may begin after this text, such as `0; url='` or `0;`.
/// <https://html.spec.whatwg.org/multipage/semantics.html#attr-meta-http-equiv-refresh>
fn begins_refresh(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let before = before.strip_suffix(b"'").or(before.strip_suffix(b"\"")).unwrap_or(before);
    let before = before.trim_ascii_end();
    let time = match before.strip_suffix(b"=").map(<[u8]>::trim_ascii_end) {
        Some(named) if named.to_ascii_lowercase().ends_with(b"url") => &named[..named.len() - 3],
        Some(_) => return false,
        None => before,
    };
    time.iter().all(|byte| !byte.is_ascii_alphabetic() && *byte != b'/')
}

/// Whether an address of a list may begin after this text.
/// <https://html.spec.whatwg.org/multipage/images.html#srcset-attribute>
fn begins_candidate(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    before.is_empty() || before.ends_with(b",")
}

/// Whether an address that a script opens may begin after this text, such as `location = "` or `location.replace('`.
fn leaves_page(before: &[u8]) -> bool {
    let Some((quote, before)) = before.split_last() else { return false };
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return false;
    }
    let before = before.trim_ascii_end();
    let ends = |end: &[u8]| before.ends_with(end);
    let Some((sign, target)) = before.split_last() else { return false };
    let target = target.trim_ascii_end();
    match sign {
        b'=' => target.ends_with(b"location") || target.ends_with(b"location.href"),
        b'(' => ends(b"location.replace(") || ends(b"location.assign("),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str, url: Option<&str>, base: &str) -> String {
        String::from_utf8(led_back(text.as_bytes(), url, base)).unwrap()
    }

    #[test]
    fn links_to_the_sites_own_address_lead_to_the_preview() {
        let url = Some("https://example.com/");
        for (text, expected) in [
            (r#"<a href="https://example.com/a">"#, r#"<a href="/a">"#),
            (r#"<a href=https://example.com>x"#, r#"<a href=/>x"#),
            (
                r#"<IMG class="a" SRC='https://example.com/i.png'>"#,
                r#"<IMG class="a" SRC='/i.png'>"#,
            ),
            (r#"<a title="https://example.com/">"#, r#"<a title="https://example.com/">"#),
            (
                "https://example.com/ &lt;a href=\"https://example.com/\">",
                "https://example.com/ &lt;a href=\"https://example.com/\">",
            ),
            (
                r#"<a href="https://example.community/">"#,
                r#"<a href="https://example.community/">"#,
            ),
            (r#"<a href="https://example.com"#, r#"<a href="/"#),
            ("a < b <", "a < b <"),
        ] {
            assert_eq!(page(text, url, "/"), expected);
        }
        let text = r#"<a href="https://example.com/docs/a"><a href="https://example.com/docs">"#;
        let expected = r#"<a href="/docs/a"><a href="/docs/">"#;
        assert_eq!(page(text, Some("https://example.com/docs/"), "/docs/"), expected);
    }

    #[test]
    fn an_address_is_known_however_it_is_written() {
        let url = Some("https://Example.com/docs/");
        for (text, expected) in [
            (r#"<a href="//example.com/docs/a">"#, r#"<a href="/docs/a">"#),
            (r#"<a href="HTTP://EXAMPLE.com/docs/a">"#, r#"<a href="/docs/a">"#),
            (r#"<a href = " https://example.com/docs?q">"#, r#"<a href = " /docs/?q">"#),
            (r#"<a href="//example.com/other">"#, r#"<a href="//example.com/other">"#),
            (r#"<a href="/docs//example.com/docs/">"#, r#"<a href="/docs//example.com/docs/">"#),
            (
                r#"<img srcset="//example.com/docs/a.png 1x, https://example.com/docs/b.png 2x">"#,
                r#"<img srcset="/docs/a.png 1x, /docs/b.png 2x">"#,
            ),
            (
                r#"<form action="https://example.com/docs/"><button formaction=https://example.com/docs/x>"#,
                r#"<form action="/docs/"><button formaction=/docs/x>"#,
            ),
            (r#"<a class=x href='https://example.com/docs/'/>"#, r#"<a class=x href='/docs/'/>"#),
            (
                r#"<link href="https://example.com/docs/a/" rel="canonical">"#,
                r#"<link href="https://example.com/docs/a/" rel="canonical">"#,
            ),
            (
                r#"<link rel="stylesheet" href="https://example.com/docs/a.css">"#,
                r#"<link rel="stylesheet" href="/docs/a.css">"#,
            ),
        ] {
            assert_eq!(page(text, url, "/docs/"), expected);
        }
    }

    #[test]
    fn alias_pages_stay_in_the_preview() {
        let url = Some("https://example.com/");
        for (text, expected) in [
            (
                r#"<meta http-equiv="refresh" content="0; url=https://example.com/new/">"#,
                r#"<meta http-equiv="refresh" content="0; url=/new/">"#,
            ),
            (
                r#"<meta content=0;url=https://example.com/new/ http-equiv=refresh>"#,
                r#"<meta content=0;url=/new/ http-equiv=refresh>"#,
            ),
            (
                r#"<META HTTP-EQUIV="Refresh" CONTENT="3, URL='https://example.com/new/'">"#,
                r#"<META HTTP-EQUIV="Refresh" CONTENT="3, URL='/new/'">"#,
            ),
            (
                r#"<meta http-equiv=refresh content="0; //example.com">"#,
                r#"<meta http-equiv=refresh content="0; /">"#,
            ),
            (
                r#"<meta http-equiv=refresh content="0; url=https://other.example/">"#,
                r#"<meta http-equiv=refresh content="0; url=https://other.example/">"#,
            ),
            (
                r#"<meta property="og:url" content="https://example.com/new/">"#,
                r#"<meta property="og:url" content="https://example.com/new/">"#,
            ),
            (
                r#"<script>location="https://example.com/new/"</script>"#,
                r#"<script>location="/new/"</script>"#,
            ),
            (
                r#"<meta http-equiv=refresh content="0; url=/out?to=https://example.com/">"#,
                r#"<meta http-equiv=refresh content="0; url=/out?to=https://example.com/">"#,
            ),
            (
                r#"<script>location.replace('https://example.com/new/'); location.href = "//example.com/"; x = "https://example.com/"</script>"#,
                r#"<script>location.replace('/new/'); location.href = "/"; x = "https://example.com/"</script>"#,
            ),
        ] {
            assert_eq!(page(text, url, "/"), expected);
        }
        let here = |address| led_back_address(address, "https://example.com/docs", "/docs/");
        assert_eq!(here("https://example.com/docs/a?b").as_deref(), Some("/docs/a?b"));
        assert_eq!(here("/docs/a"), None);
        assert_eq!(here("https://other.example/docs/"), None);
    }
}
