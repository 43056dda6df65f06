//! What open pages are told. Only the latest news is kept, and it is complete: a page that missed earlier news can see
//! that from the versions.

use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct News {
    /// Whether a browser has a service worker of an earlier site.
    pub worker: bool,
    /// The version of the site. No two states of it have the same one, even if the preview is started again.
    pub version: u64,
    /// The version before this one.
    pub from: u64,
    /// What happened last.
    pub kind: Kind,
    /// The paths of the style sheets that changed since `from`, if nothing else changed. Otherwise empty.
    pub styles: Vec<String>,
    /// Why the last build failed. The site of the build before is still shown.
    pub failed: Option<String>,
    /// The number of comparisons with the account's bucket so far.
    pub comparison: u64,
}

#[derive(Serialize)]
struct ForSite<'a> {
    version: u64,
    from: u64,
    styles: &'a [String],
    failed: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Building,
    Failed,
    /// It was built, and nothing in it changed.
    Same,
    Styles,
    Reload,
    Plan,
}

impl News {
    pub(crate) fn first(version: u64) -> News {
        News {
            worker: false,
            version,
            from: version,
            kind: Kind::Building,
            styles: Vec::new(),
            failed: None,
            comparison: 0,
        }
    }

    /// What the script in the site's pages is told. It is only what the script needs, because the site's own scripts
    /// can listen, too.
    pub fn for_site(&self) -> Option<String> {
        let News { version, from, styles, failed, .. } = self;
        let told = ForSite { version: *version, from: *from, styles, failed: failed.as_deref() };
        serde_json::to_string(&told).ok()
    }

    /// What the tool's own pages are told: everything.
    pub fn for_pages(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    pub fn building(&mut self) {
        self.kind = Kind::Building;
    }

    pub fn failed(&mut self, text: String) {
        (self.kind, self.failed) = (Kind::Failed, Some(text));
    }

    pub fn same(&mut self) {
        (self.kind, self.failed) = (Kind::Same, None);
    }

    /// The site changed. Only these style sheets did, unless the list is empty.
    pub(crate) fn changed(&mut self, styles: Vec<String>) {
        self.kind = if styles.is_empty() { Kind::Reload } else { Kind::Styles };
        (self.from, self.version) = (self.version, self.version + 1);
        (self.styles, self.failed) = (styles, None);
    }

    pub(crate) fn compared(&mut self) {
        self.kind = Kind::Plan;
        self.comparison += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sites_pages_hear_nothing_of_the_comparison() {
        let mut news = News::first(7);
        let before = news.for_site();
        news.compared();
        news.building();
        assert_eq!(news.for_site(), before);
        assert_eq!(before.unwrap(), r#"{"version":7,"from":7,"styles":[],"failed":null}"#);
    }

    #[test]
    fn a_page_can_tell_that_it_missed_a_change() {
        let mut news = News::first(7);
        news.changed(vec!["/a.css".into()]);
        assert_eq!((news.from, news.version, news.kind), (7, 8, Kind::Styles));
        news.failed("no".into());
        assert_eq!((news.version, news.failed.as_deref()), (8, Some("no")));
        news.changed(Vec::new());
        assert_eq!((news.from, news.version, news.kind), (8, 9, Kind::Reload));
        assert_eq!((&news.failed, news.styles.len()), (&None, 0));
    }
}
