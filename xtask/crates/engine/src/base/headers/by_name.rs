//! The content type of a file according to its name.
//!
//! The table is the tool's own, because the host's differs from machine to machine: the same commit must get the same
//! headers on a laptop and in CI. A registry that is compiled in has the rarer endings.

/// The content type of a file about which nothing is known.
pub const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The character set of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Charset {
    #[default]
    Utf8,
    /// The text declares it.
    Declared(&'static str),
    /// No character set is claimed, so that browsers detect it.
    Unknown,
}

/// The content type according to a name.
pub fn content_type(key: &str) -> String {
    with_charset(essence(key), Charset::Utf8)
}

/// The content type according to a name, without parameters.
pub fn essence(key: &str) -> &'static str {
    essence_by(key, &mut guess)
}

/// Whether a key's name has no ending that could indicate its content type: `about`, `v1.0`.
pub fn lacks_type(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key);
    let is_ending = ending(key).starts_with(|c: char| c.is_ascii_alphabetic());
    !is_ending && !name.starts_with('.') && essence(key) == UNKNOWN_TYPE
}

/// The content type according to a name, without parameters.
pub fn essence_by(key: &str, guess: &mut dyn FnMut(&str) -> &'static str) -> &'static str {
    let name = key.rsplit('/').next().unwrap_or(key);
    let extension = ending(key);
    match (name, extension.as_str()) {
        // Apple requests this file without an ending and expects JSON.
        // https://developer.apple.com/documentation/xcode/supporting-associated-domains
        ("apple-app-site-association", _) => "application/json",
        // Nearly all files of most sites, decided without the registry.
        (_, "html" | "htm") => "text/html",
        (_, "css") => "text/css",
        (_, "png") => "image/png",
        (_, "svg") => "image/svg+xml",
        // Feed readers recognise feeds by these types; `.xml` alone remains XML.
        (_, "rss") => "application/rss+xml",
        (_, "atom") => "application/atom+xml",
        (_, "webmanifest") => "application/manifest+json",
        (_, "map" | "topojson") => "application/json",
        (_, "geojson") => "application/geo+json",
        (_, "jsonld") => "application/ld+json",
        (_, "js" | "mjs" | "cjs") => "text/javascript",
        (_, "xml" | "xsl") => "application/xml",
        (_, "wasm") => "application/wasm",
        (_, "avif") => "image/avif",
        (_, "webp") => "image/webp",
        (_, "ico") => "image/x-icon",
        (_, "woff2") => "font/woff2",
        (_, "woff") => "font/woff",
        (_, "ttf") => "font/ttf",
        (_, "otf") => "font/otf",
        (_, "md") => "text/markdown",
        // In the registry, `.ts` is a transport stream and `.mts` a model. The content counts here; see `doubt`.
        (_, "ts" | "tsx" | "mts" | "cts" | "toml" | "yml" | "yaml" | "log" | "conf" | "rs") => {
            "text/plain"
        }
        ("CNAME" | "LICENSE" | "README" | "_headers" | "_redirects", "") => "text/plain",
        _ => guess(&extension),
    }
}

/// The registry's content type for an ending. If the registry does not know the ending, the type is [`UNKNOWN_TYPE`].
pub fn guess(ending: &str) -> &'static str {
    registered(ending).unwrap_or(UNKNOWN_TYPE)
}

/// The registry's content type for an ending.
pub fn registered(ending: &str) -> Option<&'static str> {
    mime_guess::from_ext(ending).first_raw()
}

/// The ending of the name in lower case, without the dot; empty if there is none.
pub fn ending(key: &str) -> String {
    let name = key.rsplit('/').next().unwrap_or(key);
    // A name whose only dot comes first has no ending.
    let ending = name.rsplit_once('.').filter(|(start, _)| !start.is_empty());
    ending.map_or("", |(_, ending)| ending).to_ascii_lowercase()
}

pub fn with_charset(essence: &str, charset: Charset) -> String {
    let name = match charset {
        _ if !needs_charset(essence) => return essence.to_owned(),
        Charset::Utf8 => "utf-8",
        Charset::Declared(name) => name,
        Charset::Unknown => return essence.to_owned(),
    };
    format!("{essence}; charset={name}")
}

/// Readers use their own default for text without a character set. JSON has none by its standard (RFC 8259, section
/// 11), and SVG and similar formats declare their own.
pub fn needs_charset(essence: &str) -> bool {
    essence.starts_with("text/")
        || matches!(
            essence,
            "application/xml"
                | "application/rss+xml"
                | "application/atom+xml"
                | "application/xhtml+xml"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_content_type() {
        for (key, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("a/b.HTML", "text/html; charset=utf-8"),
            ("style.css", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("app.mjs", "text/javascript; charset=utf-8"),
            ("app.js.map", "application/json"),
            ("data.json", "application/json"),
            ("site.webmanifest", "application/manifest+json"),
            ("feed.xml", "application/xml; charset=utf-8"),
            ("feed.rss", "application/rss+xml; charset=utf-8"),
            ("feed.atom", "application/atom+xml; charset=utf-8"),
            ("robots.txt", "text/plain; charset=utf-8"),
            ("lib.wasm", "application/wasm"),
            ("photo.avif", "image/avif"),
            ("photo.webp", "image/webp"),
            ("photo.jpg", "image/jpeg"),
            ("icon.svg", "image/svg+xml"),
            ("favicon.ico", "image/x-icon"),
            ("font.woff2", "font/woff2"),
            ("book.pdf", "application/pdf"),
            ("book.epub", "application/epub+zip"),
            ("data.csv", "text/csv; charset=utf-8"),
            ("event.ics", "text/calendar; charset=utf-8"),
            ("sub.vtt", "text/vtt; charset=utf-8"),
            ("movie.mp4", "video/mp4"),
            ("archive.tar.gz", "application/gzip"),
            (".well-known/apple-app-site-association", "application/json"),
            ("CNAME", "text/plain; charset=utf-8"),
            ("blob", "application/octet-stream"),
            ("blob.unheard-of", "application/octet-stream"),
        ] {
            assert_eq!(content_type(key), expected, "{key}");
        }
    }

    #[test]
    fn a_name_without_an_ending_tells_no_type() {
        for (key, lacks) in [
            ("about", true),
            ("blog/post-1", true),
            ("docs/v1.0", true),
            ("docs/v1.0-beta", true),
            ("a.b/c", true),
            ("a.png", false),
            ("archive.7z", false),
            ("index.unheard-of", false),
            ("CNAME", false),
            (".nojekyll", false),
        ] {
            assert_eq!(lacks_type(key), lacks, "{key}");
        }
    }
}
