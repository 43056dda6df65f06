//! What the preview's bucket holds below a prefix. Only this process writes there, so the bucket is listed once and not
//! before each change.

use std::time::Duration;

use crate::context::now;
use engine::base::{Etag, Prefix, Result, Tell};
use engine::bucket::{self, Bucket, Exchange, LastModified, Listing, Object, Record, record};
use engine::plan::{self, Approved, Grace, Outcome, Scope, Spared, Terms};
use engine::site::{File, Site};

pub struct Served {
    pub prefix: Prefix,
    pub listing: Listing,
    pub record: Record,
    /// Whether `record` is in the bucket, too.
    pub is_recorded: bool,
}

impl Served {
    /// Reads what an earlier preview left in the bucket.
    pub async fn look(bucket: &Bucket, prefix: Prefix, site: &Site, tell: &Tell) -> Result<Served> {
        let (listing, record) = bucket::look_at(bucket, &Exchange::default(), tell).await;
        let (listing, mut record) = (listing?, record?);
        record::learn(bucket, site, &listing, &mut record, tell).await?;
        Ok(Served { prefix, listing, record, is_recorded: true })
    }

    /// What makes the bucket hold this site. The bucket can be filled again at any time, so every plan is approved and
    /// deleted files are not retained.
    pub fn plan(&self, site: &Site) -> Result<Approved> {
        let grace = Grace { retain: Duration::ZERO, now: now() };
        let scope = Scope::outside_of(&self.listing.others);
        let terms = Terms { grace, home: None, spared: Spared::default() };
        let plan = plan::make(site.clone(), &self.listing, &self.record, &terms, &scope);
        Ok(plan.approve(Some(u64::MAX))?)
    }

    /// What the bucket holds after a plan was applied.
    pub fn after(self, outcome: &Outcome) -> Served {
        let Served { prefix, listing, record, is_recorded } = self;
        let modified = LastModified::of_seconds(now());
        let object = |(file, etag): &record::Written| {
            (file.key.clone(), Object { etag: etag.clone(), size: file.size, modified })
        };
        let listing = listing.after(outcome.written.iter().map(object), &outcome.deleted);
        let record = record.with(&outcome.written, modified).staying(&listing, |_| false);
        let is_same = outcome.written.is_empty() && outcome.deleted.is_empty();
        Served { prefix, listing, record, is_recorded: is_recorded && is_same }
    }

    pub fn etag_of(&self, file: &File) -> Option<Etag> {
        self.listing.objects.get(&file.key).map(|object| object.etag.clone())
    }
}
