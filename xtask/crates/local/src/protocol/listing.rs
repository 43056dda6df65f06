//! Both versions of ListObjects. Their pages are the same; only the way to continue differs.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html>

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::Answer;
use super::values::modified;
use crate::store::{Listing, Object as Stored, Page, Store};

/// S3 returns no more entries than this, whatever the request asks for.
const MOST: i32 = 1000;

pub async fn second(store: &Store, input: ListObjectsV2Input) -> Answer<ListObjectsV2Output> {
    let max_keys = max_keys(input.max_keys)?;
    let listing = Listing {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        after: match &input.continuation_token {
            Some(token) => read_token(token)?,
            None => input.start_after.clone().unwrap_or_default(),
        },
        limit: max_keys.unsigned_abs() as usize,
    };
    let page = store.list(&input.bucket, listing).await?;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    Ok(S3Response::new(ListObjectsV2Output {
        key_count: i32::try_from(page.objects.len() + page.prefixes.len()).ok(),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(write_token),
        common_prefixes: Some(encoding.prefixes(&page.prefixes)),
        contents: Some(encoding.objects(page)),
        name: Some(input.bucket),
        prefix: input.prefix.map(|prefix| encoding.text(&prefix)),
        delimiter: input.delimiter.map(|delimiter| encoding.text(&delimiter)),
        start_after: input.start_after.map(|key| encoding.text(&key)),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        max_keys: Some(max_keys),
        request_charged: None,
    }))
}

pub async fn first(store: &Store, input: ListObjectsInput) -> Answer<ListObjectsOutput> {
    let max_keys = max_keys(input.max_keys)?;
    let listing = Listing {
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        after: input.marker.clone().unwrap_or_default(),
        limit: max_keys.unsigned_abs() as usize,
    };
    let page = store.list(&input.bucket, listing).await?;
    let encoding = Encoding::new(input.encoding_type.as_ref())?;
    Ok(S3Response::new(ListObjectsOutput {
        is_truncated: Some(page.next.is_some()),
        next_marker: page.next.as_deref().map(|next| encoding.text(next)),
        common_prefixes: Some(encoding.prefixes(&page.prefixes)),
        contents: Some(encoding.objects(page)),
        name: Some(input.bucket),
        prefix: Some(encoding.text(&input.prefix.unwrap_or_default())),
        delimiter: input.delimiter.map(|delimiter| encoding.text(&delimiter)),
        marker: Some(encoding.text(&input.marker.unwrap_or_default())),
        encoding_type: input.encoding_type,
        max_keys: Some(max_keys),
        request_charged: None,
    }))
}

/// How many entries a client gets if it asks for `asked`.
pub fn max_keys(asked: Option<i32>) -> S3Result<i32> {
    match asked.unwrap_or(MOST) {
        asked if asked < 0 => {
            Err(s3_error!(InvalidArgument, "a page cannot have fewer than 0 entries"))
        }
        asked => Ok(asked.min(MOST)),
    }
}

/// Whether names are percent-encoded. Keys may contain characters that XML cannot carry otherwise.
#[derive(Clone, Copy)]
pub enum Encoding {
    None,
    Url,
}

impl Encoding {
    pub fn new(encoding: Option<&EncodingType>) -> S3Result<Encoding> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Encoding::None),
            Some(EncodingType::URL) => Ok(Encoding::Url),
            Some(_) => Err(s3_error!(InvalidArgument, "the encoding type must be `url`")),
        }
    }

    pub fn text(self, text: &str) -> String {
        match self {
            Encoding::None => text.to_owned(),
            Encoding::Url => percent_encode(text),
        }
    }

    pub fn prefixes(self, prefixes: &[String]) -> Vec<CommonPrefix> {
        prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(self.text(prefix)) }).collect()
    }

    fn objects(self, page: Page) -> Vec<Object> {
        page.objects.into_iter().map(|(key, object)| self.object(&key, object)).collect()
    }

    fn object(self, key: &str, object: Stored) -> Object {
        Object {
            key: Some(self.text(key)),
            size: i64::try_from(object.size).ok(),
            last_modified: Some(modified(&object)),
            e_tag: Some(ETag::Strong(object.etag)),
            storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
            ..Object::default()
        }
    }
}

/// The entry after which the next page continues, encoded so that a client cannot mistake it for a key.
fn write_token(after: &str) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(after)
}

fn read_token(token: &str) -> S3Result<String> {
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token).ok();
    let after = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    after.ok_or_else(|| s3_error!(InvalidArgument, "the continuation token provided is incorrect"))
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                encoded.push(byte.into())
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
