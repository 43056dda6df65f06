//! What a deploy would change, for the page that shows it: the plan against the account's bucket where that can
//! be read, the files alone where it cannot. Made into JSON when it is asked for, because most of the time nobody
//! looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::News;
use engine::base::headers::Headers;
use engine::base::key::Prefix;
use engine::base::secrets;
use engine::bucket::record::Record;
use engine::bucket::{Bucket, Listing};
use engine::plan::{Plan, Reason, Upload};
use engine::site::Site;

/// The site as it was built last, beside the account's bucket.
pub struct Comparison {
    pub about: About,
    pub site: Arc<Site>,
    pub prefix: Prefix,
    pub remote: Remote,
}

/// Which site this is, and where it would go.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// `None` where no environment takes this branch.
    pub environment: Option<String>,
    pub branch: String,
    pub commit: String,
    pub dirty: bool,
    pub place: Option<String>,
}

/// What is known of the account's bucket.
pub enum Remote {
    /// It is being listed.
    Looking,
    /// It is not compared with: why, and what to do about that.
    Alone {
        message: String,
        hint: Option<String>,
    },
    Compared(Box<Compared>),
}

pub struct Compared {
    pub bucket: Bucket,
    pub listing: Arc<Listing>,
    pub record: Arc<Record>,
    pub plan: Plan,
    /// Why a deploy would be refused.
    pub refusal: Option<String>,
    /// When the bucket was listed, in seconds since 1970.
    pub looked_at: u64,
}

/// What the page is given.
#[derive(Serialize)]
struct Page<'a> {
    version: u64,
    #[serde(flatten)]
    about: &'a About,
    site: &'a str,
    site_port: u16,
    state: &'static str,
    message: Option<String>,
    hint: Option<String>,
    looked_at: Option<u64>,
    refusal: Option<&'a str>,
    failed: Option<&'a str>,
    bytes_to_send: u64,
    kept: u64,
    retained: usize,
    skipped: usize,
    worker: bool,
    headers: Vec<Pairs<'a>>,
    files: Vec<Row<'a>>,
}

/// Header names and values.
type Pairs<'a> = BTreeMap<&'a str, &'a str>;

#[derive(Serialize)]
struct Row<'a> {
    key: &'a str,
    change: Option<&'static str>,
    size: u64,
    old_size: Option<u64>,
    /// Of `headers` above.
    headers: Option<usize>,
    old_headers: Option<usize>,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Where the previewed site is.
pub struct Place {
    /// What its paths begin with here.
    pub base: String,
    pub port: u16,
}

/// What the page shows.
pub fn json(
    comparison: &Comparison,
    place: &Place,
    news: &News,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut sets = Sets::default();
    let files = rows(comparison, &mut sets);
    let (state, message, hint) = match &comparison.remote {
        Remote::Looking => ("looking", None, None),
        Remote::Alone { message, hint } => ("alone", Some(message), hint.as_deref()),
        Remote::Compared(_) => ("compared", None, None),
    };
    let compared = comparison.compared();
    let page = Page {
        version: news.version,
        about: &comparison.about,
        site: &place.base,
        site_port: place.port,
        state,
        // What stores and programs say may repeat what they were given.
        message: message.map(|text| secrets::hide(text)),
        hint: hint.map(secrets::hide),
        looked_at: compared.map(|compared| compared.looked_at),
        refusal: compared.and_then(|compared| compared.refusal.as_deref()),
        failed: news.failed.as_deref(),
        bytes_to_send: compared
            .map_or(0, |compared| compared.plan.uploads.iter().map(Upload::bytes_to_send).sum()),
        kept: compared.map_or(0, |compared| compared.plan.kept),
        retained: compared.map_or(0, |compared| compared.plan.retained.len()),
        skipped: comparison.site.left_out.len(),
        worker: news.worker,
        headers: sets.pairs,
        files,
    };
    serde_json::to_vec(&page)
}

impl Comparison {
    pub fn compared(&self) -> Option<&Compared> {
        match &self.remote {
            Remote::Compared(compared) => Some(compared),
            _ => None,
        }
    }

    /// Whether a row shows this file of the site.
    pub fn has_file(&self, key: &str) -> bool {
        self.site.files.binary_search_by(|file| (*file.key).cmp(key)).is_ok()
    }

    /// The whole key of one that the page shows.
    pub fn whole_key(&self, relative: &str) -> String {
        self.prefix.join(relative)
    }
}

impl Compared {
    /// Whether a row shows that this object is to go.
    pub fn deletes(&self, key: &str) -> bool {
        self.plan.deletes.iter().any(|delete| delete.key == key)
    }
}

/// A row for each file and for each object that is to go, in the order of their keys.
fn rows<'a>(comparison: &'a Comparison, sets: &mut Sets<'a>) -> Vec<Row<'a>> {
    let relative = |key: &'a str| comparison.prefix.relative(key).unwrap_or(key);
    let Some(compared) = comparison.compared() else {
        let row = |file: &'a Arc<engine::site::File>| Row {
            key: relative(&file.key),
            change: None,
            size: file.size,
            old_size: None,
            headers: Some(sets.number(&file.headers)),
            old_headers: None,
            kind: kind(file.headers.content_type()),
        };
        return comparison.site.files.iter().map(row).collect();
    };
    let Compared { listing, record, plan, .. } = compared;
    let mut uploads = plan.uploads.iter().peekable();
    let mut rows = Vec::with_capacity(comparison.site.files.len() + plan.deletes.len());
    for file in &comparison.site.files {
        let upload = uploads.next_if(|upload| upload.file.key == file.key);
        let object = listing.objects.get(&file.key);
        let old_headers = object.and_then(|object| record.headers_of(&file.key, object));
        rows.push(Row {
            key: relative(&file.key),
            change: Some(upload.map_or("unchanged", |upload| change(upload.reason))),
            size: file.size,
            old_size: object.map(|object| object.size),
            headers: Some(sets.number(&file.headers)),
            old_headers: old_headers.map(|headers| sets.number(headers)),
            kind: kind(file.headers.content_type()),
        });
    }
    for delete in &plan.deletes {
        let object = listing.objects.get(&delete.key);
        let old_headers = object.and_then(|object| record.headers_of(&delete.key, object));
        let type_by_name;
        let content_type = match old_headers {
            Some(headers) => headers.content_type(),
            None => {
                type_by_name = engine::base::headers::content_type(&delete.key);
                &type_by_name
            }
        };
        let kind = kind(content_type);
        rows.push(Row {
            key: relative(&delete.key),
            change: Some("deleted"),
            size: object.map_or(0, |object| object.size),
            old_size: None,
            headers: None,
            old_headers: old_headers.map(|headers| sets.number(headers)),
            kind,
        });
    }
    rows.sort_unstable_by(|one, other| one.key.cmp(other.key));
    rows
}

fn change(reason: Reason) -> &'static str {
    match reason {
        Reason::New => "new",
        Reason::Content => "content",
        Reason::Headers => "headers",
    }
}

/// How the contents of two versions are shown beside one another.
fn kind(content_type: &str) -> &'static str {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is_text = essence.starts_with("text/")
        || ["json", "xml", "javascript", "yaml", "toml"].iter().any(|end| essence.ends_with(end));
    match essence {
        _ if essence.starts_with("image/") => "picture",
        _ if is_text => "text",
        _ => "other",
    }
}

/// The header sets of a page, each once.
#[derive(Default)]
struct Sets<'a> {
    pairs: Vec<Pairs<'a>>,
    numbers: BTreeMap<&'a Headers, usize>,
}

impl<'a> Sets<'a> {
    fn number(&mut self, headers: &'a Headers) -> usize {
        let pairs = &mut self.pairs;
        *self.numbers.entry(headers).or_insert_with(|| {
            pairs.push(headers.iter().collect());
            pairs.len() - 1
        })
    }
}
