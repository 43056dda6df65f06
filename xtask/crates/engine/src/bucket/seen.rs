//! The bucket as it is: its listing and its record. They are read at the same time, and while the site is scanned.

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

/// What a scan of the site and a look at the bucket tell each other while both are in progress. Each value is set once
/// by one side, and the other side waits for it.
#[derive(Debug, Default)]
pub struct Exchange {
    /// Keys of the site's files at which the listing may be split. Set when all files are found.
    pub site_keys: SetOnce<Vec<String>>,
    /// What the record says about the objects. For a file that has not changed, this gives the digest.
    pub recorded: SetOnce<Arc<Objects>>,
}

impl Exchange {
    /// For a scan without a look at the bucket: every file is hashed.
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

/// Lists the bucket and reads its record, and returns both results separately. The listing is split at keys of the
/// record, or at keys that the scan has found, whichever are known first.
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
    // If the credentials may only list one folder, a missing record is answered with 403. The listing shows that it is
    // missing.
    let is_absent = listing.as_ref().is_ok_and(|listing| listing.record.is_none());
    let record = if is_absent && record.is_err() { Ok(Record::default()) } else { record };
    (listing.map_err(|failure| bucket.with_path_style_hint(failure)), record)
}
