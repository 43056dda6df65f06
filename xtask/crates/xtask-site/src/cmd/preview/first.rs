//! What open pages are made of comes first: who has saved a page waits neither for the thousands of others to be
//! looked at, nor for the comparison of the whole site with the bucket.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::held::Held;
use engine::base::error::Result;
use engine::base::event::{Event, Tell};
use engine::base::headers;
use engine::base::stop::Stop;
use engine::bucket::Bucket;
use engine::plan::apply;
use engine::plan::journal::Journal;
use engine::plan::{self, Plan, Reason, Upload};
use engine::site::File;
use preview::{Change, Preview};

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

    fn lock(&self) -> MutexGuard<'_, Option<Change>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub fn is_style(content_type: &str) -> bool {
    content_type.starts_with("text/css")
}

/// Puts those of the files into the bucket that it does not hold as they are now, and lets browsers have all of them.
/// Returns how many it put.
///
/// What fails here is tried again with the rest of the site. Where that cannot be deployed, because of a broken link
/// say, these are new already beside a site that is not.
pub async fn put(
    files: Vec<Arc<File>>,
    bucket: &Bucket,
    held: Held,
    early: &Early,
    preview: &Preview,
    stop: &Stop,
) -> Result<(Held, usize)> {
    let (mut done, mut uploads) = (Vec::new(), Vec::new());
    for file in files {
        match plan::reason(&file, &held.listing, &held.record) {
            None => done.push(file.key.to_string()),
            Some(reason @ Reason::Content) => {
                let replaces = held.etag_of(&file);
                uploads.push(Upload { file, reason, replaces, before: None });
            }
            // Other headers are the rest's matter.
            Some(Reason::Headers | Reason::New) => {}
        }
    }
    if uploads.iter().all(|upload| is_style(upload.file.headers.content_type())) {
        return Ok((held, 0));
    }
    early.begin(preview);
    let plan = Plan { uploads, ..Plan::default() }.approve(None)?;
    let journal = Journal::begin_unnamed(bucket, &plan, held.record.clone(), &held.listing).await?;
    let outcome = apply::apply(bucket, &journal, plan, stop, &Tell::new(|_| ())).await;
    let put = outcome.written.len();
    done.extend(outcome.written.iter().map(|(file, _)| file.key.to_string()));
    if let Some(change) = &*early.lock() {
        change.is_done_for(done.into_iter().collect());
    }
    Ok((held.after(&outcome), put))
}
