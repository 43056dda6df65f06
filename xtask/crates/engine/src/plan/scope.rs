//! Which objects belong to the site.

use crate::base::key::Prefix;
use crate::base::tool_folder;
use crate::repository::config::Config;
use crate::repository::target::Place;

/// Which keys of a bucket belong to the site: those below its prefix that no `keep` glob matches and that are in no
/// folder of another environment or of another deploy.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    within: Option<(&'a Prefix, &'a Config)>,
    /// Folders of other environments, according to `deploy.toml`.
    reserved: &'a [String],
    /// Folders of other deploys, according to the listing.
    others: &'a [String],
}

impl<'a> Scope<'a> {
    /// The scope of a place. `others` are the folders of other deploys that its listing shows.
    pub fn of(config: &'a Config, place: &'a Place, others: &'a [String]) -> Scope<'a> {
        Scope { within: Some((&place.prefix, config)), reserved: &place.reserved, others }
    }

    /// Every key that is in none of these folders.
    pub fn outside_of(folders: &'a [String]) -> Scope<'a> {
        Scope { within: None, reserved: &[], others: folders }
    }

    /// Whether a key belongs to the site.
    pub fn has(&self, key: &str) -> bool {
        let is_kept = self.within.is_some_and(|(prefix, config)| match prefix.relative(key) {
            Some(relative) => tool_folder::is_in(relative) || config.keeps(relative),
            None => true,
        });
        let mut folders = self.reserved.iter().chain(self.others);
        !is_kept && !folders.any(|folder| key.starts_with(folder.as_str()))
    }
}
