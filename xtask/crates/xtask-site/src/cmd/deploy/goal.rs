//! What a run makes the bucket equal to.

use engine::base::Prefix;
use engine::bucket::Record;
use engine::plan::{Earlier, Home, Spared};
use engine::site::Site;

pub enum Goal {
    /// The files that were built.
    Site(Site),
    /// The files of an earlier deploy whose commit was built again, and the name of that deploy.
    Rebuilt(Site, String),
    /// An earlier deploy whose files the bucket still holds, and its name.
    Held(String, Box<Earlier>),
}

impl Goal {
    /// The site, if it is on this machine.
    pub fn site(&self) -> Option<&Site> {
        match self {
            Goal::Site(site) | Goal::Rebuilt(site, _) => Some(site),
            Goal::Held(..) => None,
        }
    }

    /// The name of the earlier deploy that is restored.
    pub fn again(&self) -> Option<&str> {
        match self {
            Goal::Site(_) => None,
            Goal::Rebuilt(_, name) | Goal::Held(name, _) => Some(name),
        }
    }

    /// The names in the output that were left out of the site, relative to it.
    pub fn skipped(&self) -> Vec<&str> {
        self.site().map(|site| site.names_left_out().collect()).unwrap_or_default()
    }

    /// The names whose objects are not deleted although no file has them. For an earlier deploy, the records know them.
    pub fn spared(&self, record: &Record, prefix: &Prefix) -> Spared {
        match self {
            Goal::Site(site) | Goal::Rebuilt(site, _) => Spared::of(site.spared(), prefix),
            Goal::Held(_, earlier) => {
                let names = record.left_out.iter().chain(&earlier.record.left_out);
                Spared::of(names.map(String::as_str), prefix)
            }
        }
    }

    /// The home page that the bucket will have. `None` for an earlier deploy: it was chosen, even if it has none.
    pub fn home(&self, prefix: &Prefix, index: &str) -> Option<Home> {
        self.site().map(|site| Home::of(site, prefix, index))
    }
}
