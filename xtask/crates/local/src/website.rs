//! The embedded bucket as its website endpoint serves it. This module answers visitors, who ask for a path; `protocol`
//! answers clients of S3, which ask for a key.
//!
//! It behaves like S3's website endpoint as far as that is documented
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/IndexDocumentSupport.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/CustomErrorDocSupport.html>), and like HTTP (RFC 9110) for
//! the rest. It answers `GET` and `HEAD`, signed or not.

mod refusal;
mod response;
mod object;

use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;

use super::store::{self, Object, Store, StoreError};
use crate::protocol::headers::REDIRECT;
use refusal::Refused;
use response::redirect;

pub use refusal::escape;
pub use response::{Body, text};

/// A site in a bucket, and the paths at which it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Website {
    pub bucket: String,
    /// What the site's keys begin with: empty, or ending in a slash.
    pub prefix: String,
    /// What the site's paths begin with: `/`, or ending in a slash.
    pub base: String,
    /// The name of the document that is served for a folder.
    pub index: String,
    /// The whole key of the document for missing pages. A bucket has only one, so the key does not depend on the
    /// prefix.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ErrorDocument.html>
    pub error: String,
}

impl Website {
    /// The key that a path stands for, whether or not there is such an object; `None` for a path outside the site.
    pub fn key(&self, path: &str) -> Option<String> {
        Some(self.key_below(decode(path)?.strip_prefix(&self.base)?))
    }

    fn key_below(&self, relative: &str) -> String {
        let index = if is_folder(relative) { self.index.as_str() } else { "" };
        format!("{}{relative}{index}", self.prefix)
    }
}

fn is_folder(relative: &str) -> bool {
    relative.is_empty() || relative.ends_with('/')
}

/// Answers a request. For client errors, the body is the error document, with the status of the error.
pub async fn answer(store: &Store, website: &Website, request: &Parts) -> Response<Body> {
    let is_head = request.method == Method::HEAD;
    let mut response = match find(store, website, request).await {
        Ok(Found::Object { key, object, body }) => match object::give(&key, &object, body, request)
        {
            Ok(response) => response,
            Err(error) => refuse(store, website, error).await,
        },
        Ok(Found::Elsewhere { status, location }) => redirect(status, location),
        Err(error) => refuse(store, website, error).await,
    };
    if is_head {
        *response.body_mut() = text("");
    }
    response
}

/// What a path leads to.
enum Found {
    /// The body stays that of this object, even if the object is replaced meanwhile.
    Object {
        key: String,
        object: Box<Object>,
        body: store::Body,
    },
    Elsewhere {
        status: StatusCode,
        location: HeaderValue,
    },
}

async fn find(store: &Store, website: &Website, request: &Parts) -> Result<Found, Refused> {
    if request.method != Method::GET && request.method != Method::HEAD {
        return Err(Refused::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ));
    }
    let path = decode(request.uri.path()).ok_or(Refused::new(
        StatusCode::BAD_REQUEST,
        "InvalidURI",
        "Couldn't parse the specified URI.",
    ))?;
    let Some(relative) = path.strip_prefix(&website.base) else {
        // If the site is in a folder, visitors need not know which: lead them there.
        return match leads_to(&path, &website.base) {
            true => elsewhere(StatusCode::FOUND, &encode(&website.base)),
            false => Err(Refused::missing(path.trim_start_matches('/'))),
        };
    };
    let key = website.key_below(relative);
    match look(store, website, &key).await? {
        Some((object, body)) => match object.headers.get(REDIRECT) {
            // https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html
            Some(target) => elsewhere(StatusCode::MOVED_PERMANENTLY, target),
            None => Ok(Found::Object { key, object: object.into(), body }),
        },
        None if is_folder(relative) => Err(Refused::missing(&key)),
        None => match look(store, website, &format!("{key}/{}", website.index)).await? {
            Some(_) => elsewhere(StatusCode::FOUND, &format!("{}/", request.uri.path())),
            None => Err(Refused::missing(&key)),
        },
    }
}

/// Whether `path` is a folder above `folder`, with or without its last slash.
fn leads_to(path: &str, folder: &str) -> bool {
    let rest = folder.strip_prefix(path);
    rest.is_some_and(|rest| path.ends_with('/') || rest.starts_with('/'))
}

fn elsewhere(status: StatusCode, location: &str) -> Result<Found, Refused> {
    let location = HeaderValue::try_from(location)
        .map_err(|_| Refused::broken("the target of a redirect cannot be sent in a header"))?;
    Ok(Found::Elsewhere { status, location })
}

/// The path as text. S3 reads a plus sign in a path as a space, so a key that contains one must be requested with
/// `%2B`. This is not documented, but was observed:
/// <https://yetanothermichael.com/coding/2022/10/11/the-problem-with-plus-signs-and-s3.html>
fn decode(path: &str) -> Option<String> {
    let spaced = path.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(String::from)
}

/// A key as a path.
pub fn encode(key: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const PLAIN: AsciiSet =
        NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    utf8_percent_encode(key, &PLAIN).to_string()
}

async fn look(
    store: &Store,
    website: &Website,
    key: &str,
) -> Result<Option<(Object, store::Body)>, Refused> {
    match store.get(&website.bucket, key, None).await {
        Ok(found) => Ok(Some(found)),
        Err(
            StoreError::NoSuchKey
            | StoreError::NoSuchBucket
            | StoreError::NoSuchVersion
            | StoreError::Deleted(_),
        ) => Ok(None),
        Err(_) => Err(Refused::broken("the bucket cannot be read")),
    }
}

/// The error document. If there is none, a few lines that say what happened.
async fn refuse(store: &Store, website: &Website, refused: Refused) -> Response<Body> {
    let document = match refused.status.is_client_error() {
        true => look(store, website, &website.error).await.ok().flatten(),
        false => None,
    };
    let document = document.map(|(object, body)| object::as_error_document(&object, body));
    refused.answer(website, document)
}
