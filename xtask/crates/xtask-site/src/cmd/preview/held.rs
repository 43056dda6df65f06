//! What the preview's bucket holds below a prefix: nobody else writes there, so it need not be listed each time.

use crate::context::now;
use engine::base::error::Result;
use engine::base::etag::Etag;
use engine::base::event::Tell;
use engine::base::key::Prefix;
use engine::bucket::record::{self, Record};
use engine::bucket::{self, Bucket, Exchange, LastModified, Listing, Object};
use engine::plan::outcome::Outcome;
use engine::site::{File, Site};

pub struct Held {
    pub prefix: Prefix,
    pub listing: Listing,
    pub record: Record,
    /// Whether the bucket has the record.
    pub is_recorded: bool,
}

impl Held {
    /// What an earlier preview left there.
    pub async fn look(bucket: &Bucket, prefix: Prefix, site: &Site, tell: &Tell) -> Result<Held> {
        let (listing, record) = bucket::look_at(bucket, &Exchange::default(), tell).await;
        let (listing, mut record) = (listing?, record?);
        record::learn(bucket, site, &listing, &mut record, tell).await?;
        Ok(Held { prefix, listing, record, is_recorded: true })
    }

    /// What is there after something was written and deleted.
    pub fn after(self, outcome: &Outcome) -> Held {
        let Held { prefix, listing, record, is_recorded } = self;
        let modified = LastModified::of_seconds(now());
        let object = |(file, etag): &record::Written| {
            (file.key.clone(), Object { etag: etag.clone(), size: file.size, modified })
        };
        let listing = listing.after(outcome.written.iter().map(object), &outcome.deleted);
        let record = record.with(&outcome.written, modified).staying(&listing, |_| false);
        let is_same = outcome.written.is_empty() && outcome.deleted.is_empty();
        Held { prefix, listing, record, is_recorded: is_recorded && is_same }
    }

    pub fn etag_of(&self, file: &File) -> Option<Etag> {
        self.listing.objects.get(&file.key).map(|object| object.etag.clone())
    }
}
