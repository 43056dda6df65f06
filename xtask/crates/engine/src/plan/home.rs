//! The home page: the document that is served for the whole site. A build that lost its theme or its content often ends
//! without an error, and then this page is missing or blank.

use super::blank::is_blank;
use crate::base::key::Prefix;
use crate::site::Site;

/// The home page of a site, as the build made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// With the prefix.
    pub(crate) key: String,
    /// Whether the file exists and shows nothing.
    pub(crate) is_blank: bool,
}

/// What a deploy would do to the live home page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Gone,
    Blank,
}

impl Home {
    /// `index` is the name of the document that is served for a folder.
    pub fn of(site: &Site, prefix: &Prefix, index: &str) -> Home {
        let key = prefix.join(index);
        let found = site.files.binary_search_by(|file| (*file.key).cmp(&key));
        let is_blank = found.is_ok_and(|at| is_blank(&site.files[at]));
        Home { key, is_blank }
    }
}
