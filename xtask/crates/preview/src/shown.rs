//! Which of the bucket's objects visitors of the preview see, and under which paths.

use percent_encoding::percent_decode_str;
use url::Url;

use engine::base::Prefix;
use engine::repository::config;
use local::website::Website;

/// What visitors of the preview see.
#[derive(PartialEq, Eq)]
pub struct Shown {
    pub website: Website,
    /// The address that the site will have.
    pub url: Option<String>,
}

/// The website of a site in a bucket. Its paths begin like those of the site's future address, because a folder of a
/// bucket may be served as the root of a domain.
pub fn website(
    bucket: String,
    prefix: &Prefix,
    url: Option<&str>,
    config: &config::Website,
) -> Website {
    let base = match url {
        Some(url) => path_of(url),
        None => format!("/{prefix}"),
    };
    let config::Website { index, error } = config.clone();
    Website { bucket, prefix: prefix.as_str().to_owned(), base, index, error }
}

/// The decoded path of an address, with a slash at its end.
fn path_of(url: &str) -> String {
    let url = match url.contains("://") {
        true => Url::parse(url),
        false => Url::parse(&format!("https://{url}")),
    };
    let path = url.as_ref().map_or("", Url::path).trim_end_matches('/');
    format!("{}/", percent_decode_str(path).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_address_ends_in_a_slash() {
        for (url, path) in [
            ("https://example.com", "/"),
            ("https://example.com/", "/"),
            ("https://example.com/docs", "/docs/"),
            ("https://example.com/a/b/?x#y", "/a/b/"),
            ("example.com/docs/", "/docs/"),
            ("https://example.com/a%20b/", "/a b/"),
            ("https://example.com/a b", "/a b/"),
            ("https://example.com/a/./b/../c", "/a/c/"),
            ("https://example.com?x=/y", "/"),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }
}
