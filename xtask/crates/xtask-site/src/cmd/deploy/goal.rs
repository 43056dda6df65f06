//! What the bucket is to be made equal to.

use engine::base::Prefix;
use engine::bucket::Record;
use engine::plan::{Earlier, Home, Spared};
use engine::site::Site;

pub enum Goal {
    /// The files that were built.
    Site(Site),
    /// The files of an earlier deploy, by its name, whose commit was built again.
    Rebuilt(Site, String),
    /// An earlier deploy, by its name: what the bucket holds of it.
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

    /// The earlier deploy that is made again.
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

    /// The names whose objects are not deleted although no file has them. Those of an earlier deploy are known from
    /// records.
    pub fn spared(&self, record: &Record, prefix: &Prefix) -> Spared {
        match self {
            Goal::Site(site) | Goal::Rebuilt(site, _) => Spared::of(site.spared(), prefix),
            Goal::Held(_, earlier) => {
                let names = record.left_out.iter().chain(&earlier.record.left_out);
                Spared::of(names.map(String::as_str), prefix)
            }
        }
    }

    /// What the home page is to be. An earlier deploy that was chosen may have none.
    pub fn home(&self, prefix: &Prefix, index: &str) -> Option<Home> {
        self.site().map(|site| Home::of(site, prefix, index))
    }
}
