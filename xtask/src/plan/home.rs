//! The home page: the document that stands for the whole site. A build that lost its theme or its content
//! often still ends well, and then this page is missing or blank.

use crate::key::Prefix;
use crate::site::{File, Site, Source};

/// The home page of a site, as the build left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// With the prefix.
    pub key: String,
    /// Whether there is a file, and nothing to see in it.
    pub is_blank: bool,
}

/// What a deploy would do to the home page that is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Gone,
    Blank,
}

impl Home {
    /// `index` is the name of the document that stands for a folder.
    pub fn of(site: &Site, prefix: &Prefix, index: &str) -> Home {
        let key = prefix.join(index);
        let found = site.files.binary_search_by(|file| (*file.key).cmp(&key));
        let is_blank = found.is_ok_and(|at| is_blank(&site.files[at]));
        Home { key, is_blank }
    }
}

/// A page that is longer than this is taken to show something, in bytes.
const SHORT: u64 = 4 << 10;

fn is_blank(file: &File) -> bool {
    match &file.source {
        _ if file.size == 0 => true,
        Source::Disk(disk) if file.size <= SHORT => {
            // A file that cannot be read fails its upload, which says why.
            std::fs::read(disk.path(&file.key)).is_ok_and(|bytes| is_white(&bytes))
        }
        _ => false,
    }
}

fn is_white(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_a_visible_character_is_blank() {
        for (bytes, blank) in [
            (&b""[..], true),
            (b"\n", true),
            (b" \t\r\n\n", true),
            (b"\xef\xbb\xbf\n", true),
            (b"x", false),
            (b"\n<p>", false),
            (b"\0", false),
        ] {
            assert_eq!(is_white(bytes), blank, "{bytes:?}");
        }
    }
}
