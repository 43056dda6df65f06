//! What open pages are made of comes first: who has saved a page waits neither for the thousands of others to be
//! looked at, nor for the comparison of the whole site with the bucket.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::held::Held;
use crate::apply;
use crate::bucket::Bucket;
use crate::error::Result;
use crate::event::{Event, Tell};
use crate::headers;
use crate::plan::{Plan, Reason, Upload};
use crate::preview::{Change, Preview};
use crate::site::Rechecked;
use crate::stop::Stop;

/// The change that open pages are told of as soon as a file is found to differ: they come to ask for the new site while
/// the rest of it is still looked at.
#[derive(Clone, Default)]
pub struct Early(Arc<Mutex<Option<Change>>>);

impl Early {
    /// Tells pages when a scan finds what differs. A style sheet alone is none: pages stay as they are where nothing
    /// else changes.
    pub fn of_what_differs(&self, preview: &Preview) -> Tell {
        let (early, preview) = (self.clone(), preview.clone());
        Tell::new(move |event| {
            if let Event::Differs(key) = event
                && !is_style(&headers::content_type(&key))
            {
                early.begin(&preview);
            }
        })
    }

    pub fn take(&self) -> Option<Change> {
        self.lock().take()
    }

    fn begin(&self, preview: &Preview) {
        self.lock().get_or_insert_with(|| preview.change(Vec::new()));
    }

    fn is_done_for(&self, keys: BTreeSet<String>) {
        if let Some(change) = &*self.lock() {
            change.is_done_for(keys);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Change>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn is_style(content_type: &str) -> bool {
    content_type.starts_with("text/css")
}

/// Puts those of the files that changed into the bucket, and lets browsers have all of them. Returns how many it put.
///
/// What fails here is tried again with the rest of the site. Where that cannot be deployed, because of a broken link
/// say, these are new already beside a site that is not.
pub async fn put(
    rechecked: Rechecked,
    bucket: &Bucket,
    held: Held,
    early: &Early,
    preview: &Preview,
    stop: &Stop,
) -> Result<(Held, usize)> {
    let Rechecked { same, changed } = rechecked;
    if changed.iter().all(|file| is_style(file.headers.content_type())) {
        return Ok((held, 0));
    }
    early.begin(preview);
    let upload = |file: Arc<_>| {
        let replaces = held.etag_of(&file);
        Upload { file, reason: Reason::Content, replaces }
    };
    let uploads = changed.into_iter().map(upload).collect();
    let plan = Plan { uploads, ..Plan::default() }.approve(None)?;
    let outcome = apply::apply(bucket, plan, stop, &Tell::new(|_| ())).await;
    let put = outcome.written.len();
    let written = outcome.written.iter().map(|(file, _)| file.key.to_string());
    early.is_done_for(same.into_iter().chain(written).collect());
    Ok((held.after(&outcome), put))
}
