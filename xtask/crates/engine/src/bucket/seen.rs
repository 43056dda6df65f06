//! The bucket as it is: its listing and its record, which are read at the same time, and while the site is scanned.

use std::sync::Arc;

use tokio::sync::SetOnce;

use super::record::{self, Objects, Record};
use super::{Bucket, Listing};
use crate::base::error::{Failure, Result};
use crate::base::event::Tell;

/// What a listing and the record say at one time.
pub struct Seen {
    pub listing: Listing,
    pub record: Record,
}

/// What a scan of the site and a look at the bucket tell each other while both go on. Each of the two is set once, by
/// one side, and waited for by the other.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Where the keys of the site's files would cut a listing, once the files are found.
    pub site_keys: SetOnce<Vec<String>>,
    /// What the record says of the objects: of a file that is what it was, the digest is known.
    pub recorded: SetOnce<Arc<Objects>>,
}

impl Exchange {
    /// For a scan beside which nobody looks at the bucket: every file is hashed.
    pub fn without_record() -> Exchange {
        let recorded = SetOnce::new_with(Some(Arc::default()));
        Exchange { recorded, ..Exchange::default() }
    }
}

/// Lists the bucket and reads its record.
pub async fn look(bucket: &Bucket, exchange: &Exchange, tell: &Tell) -> Result<Seen> {
    let (listing, record) = look_at(bucket, exchange, tell).await;
    // If both fail, the failure of the listing says more: it names the bucket.
    Ok(Seen { listing: listing?, record: record? })
}

/// Lists the bucket and reads its record, and tells both results apart. The listing is cut where the record says that
/// keys are, or where the scan finds some, whichever is known first.
pub async fn look_at(
    bucket: &Bucket,
    exchange: &Exchange,
    tell: &Tell,
) -> (Result<Listing, Failure>, Result<Record, Failure>) {
    let record_cuts: SetOnce<Vec<String>> = SetOnce::new();
    let cuts = async {
        tokio::select! {
            cuts = record_cuts.wait() => cuts.clone(),
            cuts = exchange.site_keys.wait() => cuts.clone(),
        }
    };
    let reading = async {
        let record = record::read(bucket, tell).await;
        let objects = record.as_ref().map(|record| record.objects.clone()).unwrap_or_default();
        // Nothing else sets these two.
        let _ = exchange.recorded.set(objects);
        let _ = record_cuts.set(record.as_ref().map(Record::cuts).unwrap_or_default());
        record
    };
    let (listing, record) = tokio::join!(bucket.list(cuts, tell), reading);
    // Credentials for one folder get 403 for a record that is not there; the listing tells that it is not.
    let is_absent = listing.as_ref().is_ok_and(|listing| listing.record.is_none());
    let record = if is_absent && record.is_err() { Ok(Record::default()) } else { record };
    (listing.map_err(|failure| bucket.with_path_style_hint(failure)), record)
}
