//! Puts the files of open pages into the bucket before the rest of the site. A user who has saved a page waits neither
//! until thousands of other files are looked at, nor until the whole site is compared with the bucket.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Sources;
use super::served::Served;
use engine::base::{Result, Stop, Tell, headers};
use engine::bucket::Bucket;
use engine::plan::{self, Approved, Journal, Plan, Reason, Upload, apply};
use engine::site::File;
use local::website;
use preview::{Change, Preview};

/// Tells open pages of a change as soon as one file is found to differ. They ask for the new site while the rest of it
/// is still looked at.
#[derive(Clone, Default)]
pub struct EarlyNotice(Arc<Mutex<Option<Change>>>);

impl EarlyNotice {
    /// Gives the notice when a scan finds a file that differs, by its key. A style sheet is not enough: if only style
    /// sheets change, pages exchange them and are not loaded again.
    pub fn when_a_file_differs(&self, preview: &Preview) -> impl Fn(&str) + Send + Sync + 'static {
        let (notice, preview) = (self.clone(), preview.clone());
        move |key| {
            if !is_style(&headers::content_type(key)) {
                notice.give(&preview);
            }
        }
    }

    /// The change that pages were told of, if the notice was given.
    pub fn take(&self) -> Option<Change> {
        self.lock().take()
    }

    fn give(&self, preview: &Preview) {
        self.lock().get_or_insert_with(|| preview.change(Vec::new()));
    }

    fn lock(&self) -> MutexGuard<'_, Option<Change>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts those of the files into the bucket whose content differs from the bucket's, and lets browsers have all of them.
/// Returns the number of files that it put.
///
/// Files that fail here are tried again with the rest of the site. If the rest cannot be deployed, because of a broken
/// link for example, these files are new in a site that is otherwise old.
pub async fn put(
    files: Vec<Arc<File>>,
    bucket: &Bucket,
    served: Served,
    notice: &EarlyNotice,
    preview: &Preview,
    stop: &Stop,
) -> Result<(Served, usize)> {
    let (mut done, uploads) = compared(files, &served);
    if uploads.iter().all(|upload| is_style(upload.file.headers.content_type())) {
        return Ok((served, 0));
    }
    notice.give(preview);
    let plan = Plan { uploads, ..Plan::default() }.approve(None)?;
    let record = served.record.clone();
    let journal = Journal::begin_unnamed(bucket, &plan, record, &served.listing).await?;
    let outcome = apply(bucket, &journal, plan, stop, &Tell::silent()).await;
    let count = outcome.written.len();
    done.extend(outcome.written.iter().map(|(file, _)| file.key.to_string()));
    if let Some(change) = &*notice.lock() {
        change.is_done_for(done.into_iter().collect());
    }
    Ok((served.after(&outcome), count))
}

/// The keys of the files that the bucket has already, and the uploads of those whose content differs. Files with other
/// headers and new files are left to the rest of the site.
fn compared(files: Vec<Arc<File>>, served: &Served) -> (Vec<String>, Vec<Upload>) {
    let (mut done, mut uploads) = (Vec::new(), Vec::new());
    for file in files {
        match plan::reason(&file, &served.listing, &served.record) {
            None => done.push(file.key.to_string()),
            Some(reason @ Reason::Content) => {
                let replaces = served.etag_of(&file);
                uploads.push(Upload { file, reason, replaces, before: None });
            }
            Some(Reason::Headers | Reason::New) => {}
        }
    }
    (done, uploads)
}

fn is_style(content_type: &str) -> bool {
    content_type.starts_with("text/css")
}

/// The paths of the style sheets that change, if nothing changes but their contents. Otherwise empty.
pub fn only_styles(approved: &Approved, sources: &Sources) -> Vec<String> {
    let Plan { uploads, deletes, .. } = approved.plan();
    let is_style = |upload: &Upload| {
        upload.reason == Reason::Content && is_style(upload.file.headers.content_type())
    };
    if !deletes.is_empty() || !uploads.iter().all(is_style) {
        return Vec::new();
    }
    let (prefix, website) = (sources.prefix(), sources.shown().website);
    let path = |upload: &Upload| {
        let relative = prefix.relative(&upload.file.key).unwrap_or(&upload.file.key);
        website::encode(&format!("{}{relative}", website.base))
    };
    uploads.iter().map(path).collect()
}
