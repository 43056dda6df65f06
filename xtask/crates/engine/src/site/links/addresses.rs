//! The addresses in pages and style sheets: those in tags, where `<base>` may give the beginning of relative ones, and
//! those in `url(…)` and `@import` of CSS.

use crate::base::byte_search;

/// An address, as origin and path. A path on the page's own host has no origin.
pub type Address = (Option<String>, String);

/// The addresses that a page links to or loads, and for each whether it is a link. Addresses relative to the page are
/// left out, unless a `<base>` before them gives their beginning.
pub fn in_page(page: &[u8]) -> Vec<(bool, Address)> {
    let (mut found, mut base) = (Vec::new(), None);
    for at in byte_search::all(b'=', page) {
        let (name, value) = (page[..at].trim_ascii_end(), page[at + 1..].trim_ascii_start());
        let Some(holds) = Holds::of(name) else { continue };
        if base.is_none() && !may_be_address(value) {
            continue;
        }
        let Some(tag) = tag_up_to(page, at) else { continue };
        let value = value_of(value);
        if is_named(tag, b"base") {
            base = base.or_else(|| resolved(value, None));
            continue;
        }
        let is_link = is_named(tag, b"a") || is_named(tag, b"area");
        match holds {
            Holds::Address => {
                found.extend(resolved(value, base.as_ref()).map(|one| (is_link, one)))
            }
            Holds::List => {
                let all = candidates(value).filter_map(|one| resolved(one, base.as_ref()));
                found.extend(all.map(|one| (is_link, one)));
            }
        }
    }
    let styles = urls(page).filter(|at| is_style(page, *at));
    found.extend(
        styles.filter_map(|at| url(&page[at + 1..], base.as_ref())).map(|one| (false, one)),
    );
    found
}

/// The addresses that a style sheet loads, except relative ones.
pub fn in_style_sheet(css: &[u8]) -> impl Iterator<Item = Address> {
    let imports = byte_search::all(b'@', css).filter_map(|at| {
        let behind = &css[at + 1..];
        let is_import = starts_with(behind, b"import");
        let value = behind.get(b"import".len()..).filter(|_| is_import)?.trim_ascii_start();
        matches!(value.first(), Some(b'"' | b'\'')).then(|| resolved(value_of(value), None))?
    });
    urls(css).filter_map(|at| url(&css[at + 1..], None)).chain(imports)
}

/// What the value of an attribute holds.
#[derive(Clone, Copy)]
enum Holds {
    Address,
    /// A list of addresses, each with a width or a density.
    List,
}

impl Holds {
    /// From the attribute's name, with which `text` ends; `None` if the attribute holds no address.
    fn of(text: &[u8]) -> Option<Holds> {
        let is_last = |name: &[u8]| {
            text.len().checked_sub(name.len()).is_some_and(|start| {
                text[start..].eq_ignore_ascii_case(name)
                    && text[..start].last().is_some_and(u8::is_ascii_whitespace)
            })
        };
        match text.last() {
            Some(b'f' | b'F') => is_last(b"href").then_some(Holds::Address),
            Some(b'c' | b'C') => is_last(b"src").then_some(Holds::Address),
            Some(b'r' | b'R') => is_last(b"poster").then_some(Holds::Address),
            Some(b't' | b'T') => {
                (is_last(b"srcset") || is_last(b"imagesrcset")).then_some(Holds::List)
            }
            _ => None,
        }
    }
}

/// Whether a value does not begin like an address relative to the page.
fn may_be_address(value: &[u8]) -> bool {
    let start = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    matches!(start.trim_ascii_start().first(), Some(b'/' | b'h' | b'H'))
}

/// The tag at a position in a page, from its name up to that position; `None` outside of tags and in a comment.
fn tag_up_to(page: &[u8], at: usize) -> Option<&[u8]> {
    let open = |end: usize| {
        let start = byte_search::last(b'<', &page[..end])?;
        let tag = &page[start + 1..end];
        byte_search::first(b'>', tag).is_none().then_some((start, tag))
    };
    let (start, tag) = open(at)?;
    let is_tag = tag.first().is_some_and(u8::is_ascii_alphabetic);
    let is_in_comment = open(start).is_some_and(|(_, before)| before.starts_with(b"!--"));
    (is_tag && !is_in_comment).then_some(tag)
}

/// Whether a position in a page is in a `<style>` or in an attribute.
fn is_style(page: &[u8], at: usize) -> bool {
    let last = byte_search::last(b'<', &page[..at]);
    last.is_some_and(|start| is_named(&page[start + 1..], b"style"))
        || tag_up_to(page, at).is_some()
}

fn is_named(tag: &[u8], name: &[u8]) -> bool {
    let end = tag.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(tag.len());
    tag[..end].eq_ignore_ascii_case(name)
}

/// The addresses in a `srcset`. They may themselves contain white space and commas.
fn candidates(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let words = list.split(u8::is_ascii_whitespace);
    let words = words.map(|word| word.strip_suffix(b",").unwrap_or(word));
    words.filter(|word| word.contains(&b'/') || word.contains(&b'.'))
}

/// The positions of the opening brackets of `url(`.
fn urls(text: &[u8]) -> impl Iterator<Item = usize> {
    byte_search::all(b'(', text).filter(|at| {
        let Some(start) = at.checked_sub(b"url".len()) else { return false };
        let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        starts_with(&text[start..], b"url") && !text[..start].last().is_some_and(goes_on)
    })
}

/// The address after the opening bracket of `url(`, as written in CSS or in an attribute.
fn url(behind: &[u8], base: Option<&Address>) -> Option<Address> {
    let value = behind.trim_ascii_start();
    let value = value.strip_prefix(b"&quot;").unwrap_or(value);
    if matches!(value.first(), Some(b'"' | b'\'')) {
        return resolved(value_of(value), base);
    }
    let end = value.iter().position(|byte| matches!(byte, b')' | b'&' | b' ' | b'\n'));
    resolved(&value[..end?], base)
}

fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

/// The value of an attribute without its quotes.
fn value_of(text: &[u8]) -> &[u8] {
    let end = |text: &[u8]| text.iter().position(|b| b.is_ascii_whitespace() || *b == b'>');
    match text {
        [quote @ (b'"' | b'\''), rest @ ..] => {
            &rest[..byte_search::first(*quote, rest).unwrap_or(rest.len())]
        }
        _ => &text[..end(text).unwrap_or(text.len())],
    }
}

/// The address in a value, if it is absolute, a path on the host, or relative to a base.
fn resolved(value: &[u8], base: Option<&Address>) -> Option<Address> {
    let value = value.trim_ascii();
    let end = value.iter().position(|byte| b":/?#".contains(byte));
    let has_scheme = end.is_some_and(|end| value[end] == b':');
    if has_scheme || value.starts_with(b"//") {
        return split(value).map(|(origin, path)| (Some(origin), path));
    }
    let path = std::str::from_utf8(value).ok()?.split(['?', '#']).next()?;
    if path.starts_with('/') {
        return Some((base.and_then(|(origin, _)| origin.clone()), path.to_owned()));
    }
    let (origin, page) = base.filter(|_| !path.is_empty())?;
    let folder = page.rfind('/').map_or("/", |at| &page[..=at]);
    Some((origin.clone(), format!("{folder}{}", path.trim_start_matches("./"))))
}

/// The origin, in lower case, and the path of an address with a host; `None` for any other address.
pub fn split(address: &[u8]) -> Option<(String, String)> {
    let address = std::str::from_utf8(address).ok()?;
    let (scheme, rest) = address.split_once("//")?;
    if !["", "http:", "https:"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // Browsers use the scheme of the page, and deployed pages are requested over https.
    let scheme = if scheme.eq_ignore_ascii_case("http:") { "http" } else { "https" };
    let host = host.to_ascii_lowercase();
    (!host.is_empty()).then(|| (format!("{scheme}://{host}"), path.to_owned()))
}
