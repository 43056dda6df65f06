//! What a deploy would change, as JSON for the page that shows it: the plan if the account's bucket can be read,
//! otherwise only the files. The JSON is made when the page asks for it, because most of the time the page is not open.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::News;
use engine::base::{Headers, Prefix, headers, redact};
use engine::bucket::{Bucket, Listing, Record};
use engine::plan::{Plan, Reason, Upload};
use engine::site::{File, Site};

/// The site of the last build, and what the account's bucket holds in its place.
pub struct Comparison {
    pub about: About,
    pub site: Arc<Site>,
    pub prefix: Prefix,
    pub remote: Remote,
}

/// Which site this is, and where a deploy would put it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// `None` if no environment deploys this branch.
    pub environment: Option<String>,
    pub branch: String,
    pub commit: String,
    pub dirty: bool,
    pub place: Option<String>,
}

/// What is known about the account's bucket.
pub enum Remote {
    /// It is being listed.
    Looking,
    /// It is not compared: the reason, and what the user can do.
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

/// The JSON for the page.
#[derive(Serialize)]
struct PlanJson<'a> {
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
    /// An index into `PlanJson::headers`, like `old_headers`.
    headers: Option<usize>,
    old_headers: Option<usize>,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// Where the preview serves the site.
pub struct SiteAddress {
    /// What its paths begin with.
    pub base: String,
    pub port: u16,
}

/// The JSON for the page.
pub fn json(
    comparison: &Comparison,
    address: &SiteAddress,
    news: &News,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut interner = HeaderInterner::default();
    let files = rows(comparison, &mut interner);
    let (state, message, hint) = match &comparison.remote {
        Remote::Looking => ("looking", None, None),
        Remote::Alone { message, hint } => ("alone", Some(message), hint.as_deref()),
        Remote::Compared(_) => ("compared", None, None),
    };
    let compared = comparison.compared();
    let page = PlanJson {
        version: news.version,
        about: &comparison.about,
        site: &address.base,
        site_port: address.port,
        state,
        // Messages of stores and programs may repeat a secret that they were given.
        message: message.map(|text| redact::hide(text)),
        hint: hint.map(redact::hide),
        looked_at: compared.map(|compared| compared.looked_at),
        refusal: compared.and_then(|compared| compared.refusal.as_deref()),
        failed: news.failed.as_deref(),
        bytes_to_send: compared
            .map_or(0, |compared| compared.plan.uploads.iter().map(Upload::bytes_to_send).sum()),
        kept: compared.map_or(0, |compared| compared.plan.kept),
        retained: compared.map_or(0, |compared| compared.plan.retained.len()),
        skipped: comparison.site.left_out.len(),
        worker: news.worker,
        headers: interner.pairs,
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

    /// Whether the page lists this file of the site.
    pub fn has_file(&self, key: &str) -> bool {
        self.site.files.binary_search_by(|file| (*file.key).cmp(key)).is_ok()
    }

    /// The key in the bucket of a key as the page shows it, without the prefix.
    pub fn whole_key(&self, relative: &str) -> String {
        self.prefix.join(relative)
    }
}

impl Compared {
    /// The size in bytes of an object in the account's bucket.
    fn size_of(&self, key: &str) -> Option<u64> {
        self.listing.objects.get(key).map(|object| object.size)
    }

    /// The headers of an object in the account's bucket, if they are known.
    fn headers_of(&self, key: &str) -> Option<&Headers> {
        self.record.headers_of(key, self.listing.objects.get(key)?)
    }

    /// Whether the page lists this object as one that a deploy would delete.
    pub fn deletes(&self, key: &str) -> bool {
        self.plan.deletes.iter().any(|delete| delete.key == key)
    }
}

/// A row for each file and for each object that a deploy would delete, in the order of their keys.
fn rows<'a>(comparison: &'a Comparison, interner: &mut HeaderInterner<'a>) -> Vec<Row<'a>> {
    let Comparison { site, prefix, .. } = comparison;
    let files = site.files.iter();
    let Some(compared) = comparison.compared() else {
        return files.map(|file| file_row(file, prefix, interner)).collect();
    };
    let mut uploads = compared.plan.uploads.iter().peekable();
    let mut rows = Vec::with_capacity(site.files.len() + compared.plan.deletes.len());
    for file in files {
        let upload = uploads.next_if(|upload| upload.file.key == file.key);
        rows.push(Row {
            change: Some(upload.map_or("unchanged", |upload| change(upload.reason))),
            old_size: compared.size_of(&file.key),
            old_headers: compared.headers_of(&file.key).map(|headers| interner.index(headers)),
            ..file_row(file, prefix, interner)
        });
    }
    let deletes = compared.plan.deletes.iter();
    rows.extend(deletes.map(|delete| deleted_row(&delete.key, compared, prefix, interner)));
    rows.sort_unstable_by(|one, other| one.key.cmp(other.key));
    rows
}

/// The row of a file that is not compared with the bucket.
fn file_row<'a>(file: &'a File, prefix: &Prefix, interner: &mut HeaderInterner<'a>) -> Row<'a> {
    Row {
        key: prefix.relative(&file.key).unwrap_or(&file.key),
        change: None,
        size: file.size,
        old_size: None,
        headers: Some(interner.index(&file.headers)),
        old_headers: None,
        kind: kind(file.headers.content_type()),
    }
}

/// The row of an object that a deploy would delete.
fn deleted_row<'a>(
    key: &'a str,
    compared: &'a Compared,
    prefix: &Prefix,
    interner: &mut HeaderInterner<'a>,
) -> Row<'a> {
    let old_headers = compared.headers_of(key);
    Row {
        key: prefix.relative(key).unwrap_or(key),
        change: Some("deleted"),
        size: compared.size_of(key).unwrap_or_default(),
        old_size: None,
        headers: None,
        old_headers: old_headers.map(|headers| interner.index(headers)),
        kind: match old_headers {
            Some(headers) => kind(headers.content_type()),
            None => kind(&headers::content_type(key)),
        },
    }
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

/// The header sets that the page needs. Each is sent once, and rows refer to it by its index.
#[derive(Default)]
struct HeaderInterner<'a> {
    pairs: Vec<Pairs<'a>>,
    indices: BTreeMap<&'a Headers, usize>,
}

impl<'a> HeaderInterner<'a> {
    fn index(&mut self, headers: &'a Headers) -> usize {
        let pairs = &mut self.pairs;
        *self.indices.entry(headers).or_insert_with(|| {
            pairs.push(headers.iter().collect());
            pairs.len() - 1
        })
    }
}
