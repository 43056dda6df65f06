//! A visitor who reads the site while it is being written. It looks at the bucket after each write and checks whether a
//! page misses an asset. It ignores pages that were torn before the first run, and objects that are not the tool's to
//! write.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::case::{KEEP, named};
use crate::harness::{Seen, Store, World};

pub struct Visitor {
    store: &'static Store,
    bucket: String,
    kept: BTreeMap<String, String>,
    /// Pages that were torn before the first run, by key and ETag.
    torn: BTreeSet<Page>,
    /// The assets that each page names.
    names: HashMap<Page, Vec<String>>,
    /// The first thing that was wrong.
    pub missed: Option<String>,
}

type Page = (String, String);

impl Visitor {
    pub fn of(world: &World) -> Visitor {
        let (store, bucket) = (world.store, world.bucket.clone());
        let mut visitor = Visitor {
            store,
            bucket,
            kept: BTreeMap::new(),
            torn: BTreeSet::new(),
            names: HashMap::new(),
            missed: None,
        };
        let etags = visitor.store.etags(&visitor.bucket);
        visitor.torn = visitor.torn_now(&etags).into_keys().collect();
        visitor.kept = kept(etags);
        visitor
    }

    pub fn look(&mut self, after: &Seen) {
        let etags = self.store.etags(&self.bucket);
        let torn = self.torn_now(&etags);
        let new = torn.iter().find(|(page, _)| !self.torn.contains(page));
        let missed = match new {
            Some(((page, _), asset)) => format!("`{page}` misses `{asset}`"),
            None if kept(etags) != self.kept => "what `keep` names is not what it was".into(),
            None => return,
        };
        let when = format!("{missed} after {} {}?{}", after.method, after.key(), after.query);
        self.missed.get_or_insert(when);
    }

    /// The pages that miss an asset, each with the first missing one.
    fn torn_now(&mut self, etags: &BTreeMap<String, String>) -> BTreeMap<Page, String> {
        let pages = etags.iter().filter(|(key, _)| key.ends_with(".html"));
        let pages = pages.map(|(key, etag)| (key.clone(), etag.clone()));
        let torn = pages.filter_map(|page| {
            let (store, bucket) = (self.store, &self.bucket);
            let names = self.names.entry(page.clone()).or_insert_with(|| {
                named(&String::from_utf8_lossy(&store.object(bucket, &page.0).body))
            });
            let missing = names.iter().find(|name| !etags.contains_key(*name))?;
            Some((page, missing.clone()))
        });
        torn.collect()
    }
}

fn kept(mut etags: BTreeMap<String, String>) -> BTreeMap<String, String> {
    etags.retain(|key, _| key.starts_with(KEEP));
    etags
}
