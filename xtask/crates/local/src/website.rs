//! The embedded bucket as its website endpoint serves it. This module answers visitors, who ask for a path; `protocol`
//! answers clients of S3, which ask for a key.
//!
//! It behaves like S3's website endpoint as far as that is documented
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/IndexDocumentSupport.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/CustomErrorDocSupport.html>), and like HTTP (RFC 9110) for
//! the rest. It answers `GET` and `HEAD`, signed or not.

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::try_unfold;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    EXPIRES, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, LOCATION, RANGE,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};
use percent_encoding::percent_decode_str;

use super::store::{self, Object, Store, StoreError};
use crate::protocol::headers::REDIRECT;

/// The body of an answer. If reading it from the disk fails, the connection ends.
pub type Body = UnsyncBoxBody<Bytes, StoreError>;

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
        Ok(Found::Object { key, object, body }) => match give(&key, &object, body, request) {
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

/// Why there is no object, in S3's words.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
struct Refused {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    key: Option<String>,
    /// The size in bytes of the object, if the requested range lies outside it.
    size: Option<u64>,
}

async fn find(store: &Store, website: &Website, request: &Parts) -> Result<Found, Refused> {
    if request.method != Method::GET && request.method != Method::HEAD {
        return Err(refused(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        ));
    }
    let path = decode(request.uri.path()).ok_or(refused(
        StatusCode::BAD_REQUEST,
        "InvalidURI",
        "Couldn't parse the specified URI.",
    ))?;
    let Some(relative) = path.strip_prefix(&website.base) else {
        // If the site is in a folder, visitors need not know which: lead them there.
        return match leads_to(&path, &website.base) {
            true => elsewhere(StatusCode::FOUND, &encode(&website.base)),
            false => Err(missing(path.trim_start_matches('/'))),
        };
    };
    let key = website.key_below(relative);
    match look(store, website, &key).await? {
        Some((object, body)) => match object.headers.get(REDIRECT) {
            // https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html
            Some(target) => elsewhere(StatusCode::MOVED_PERMANENTLY, target),
            None => Ok(Found::Object { key, object: object.into(), body }),
        },
        None if is_folder(relative) => Err(missing(&key)),
        None => match look(store, website, &format!("{key}/{}", website.index)).await? {
            Some(_) => elsewhere(StatusCode::FOUND, &format!("{}/", request.uri.path())),
            None => Err(missing(&key)),
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
        .map_err(|_| broken("the target of a redirect is no header's value"))?;
    Ok(Found::Elsewhere { status, location })
}

fn refused(status: StatusCode, code: &'static str, message: &'static str) -> Refused {
    Refused { status, code, message, key: None, size: None }
}

fn missing(key: &str) -> Refused {
    let message = "The specified key does not exist.";
    Refused { key: Some(key.to_owned()), ..refused(StatusCode::NOT_FOUND, "NoSuchKey", message) }
}

fn broken(message: &'static str) -> Refused {
    refused(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
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
        Err(_) => Err(broken("the bucket cannot be read")),
    }
}

/// The object, the requested part of it, or the answer that it has not changed.
fn give(
    key: &str,
    object: &Object,
    body: store::Body,
    request: &Parts,
) -> Result<Response<Body>, Refused> {
    let asked = &request.headers;
    if !holds(asked, object) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(Refused {
            key: Some(key.to_owned()),
            ..refused(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
        });
    }
    let mut response = Response::new(text(""));
    *response.headers_mut() = headers(object);
    if is_known(asked, object) {
        return Ok(unchanged(response.headers()));
    }
    let range = match range(asked, object) {
        Some(Ok(range)) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let (first, last) = (range.start, range.end.saturating_sub(1));
            set(&mut response, CONTENT_RANGE, &format!("bytes {first}-{last}/{}", object.size));
            range
        }
        Some(Err(refused)) => return Err(refused),
        None => 0..object.size,
    };
    set(&mut response, CONTENT_LENGTH, &(range.end - range.start).to_string());
    if request.method == Method::GET {
        *response.body_mut() = read(body, range);
    }
    Ok(response)
}

/// Keeps the headers that a cache needs. Headers that describe a body are left out, since there is none.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5>
fn unchanged(headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(text(""));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in [CACHE_CONTROL, ETAG, EXPIRES, LAST_MODIFIED] {
        if let Some(value) = headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn read(body: store::Body, range: Range<u64>) -> Body {
    let pieces = try_unfold(body.read(range), |mut reader| async move {
        Ok::<_, StoreError>(reader.next().await?.map(|data| (Frame::data(data), reader)))
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// The headers of every answer about an object: those stored with it, and those that identify it.
fn headers(object: &Object) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &object.headers {
        let header = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes()));
        // A header that cannot be sent cannot have been uploaded either.
        if let (Ok(name), Ok(value)) = header {
            headers.insert(name, value);
        }
    }
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    let etag = HeaderValue::try_from(format!("\"{}\"", object.etag));
    headers.extend(etag.ok().map(|etag| (ETAG, etag)));
    let modified = HeaderValue::try_from(httpdate::fmt_http_date(time(object.modified)));
    headers.extend(modified.ok().map(|modified| (LAST_MODIFIED, modified)));
    headers
}

fn time(seconds: u64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)
}

/// Whether the client's conditions for an answer hold. An ETag takes precedence over a time.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2>
fn holds(asked: &HeaderMap, object: &Object) -> bool {
    match (asked.get(IF_MATCH), date(asked, IF_UNMODIFIED_SINCE)) {
        (Some(_), _) => etags(asked, IF_MATCH).any(|etag| etag == "*" || is_exactly(etag, object)),
        (None, Some(since)) => object.modified <= since,
        (None, None) => true,
    }
}

/// Whether the client has the object already.
fn is_known(asked: &HeaderMap, object: &Object) -> bool {
    match (asked.get(IF_NONE_MATCH), date(asked, IF_MODIFIED_SINCE)) {
        (Some(_), _) => etags(asked, IF_NONE_MATCH)
            .map(|etag| etag.strip_prefix("W/").unwrap_or(etag))
            .any(|etag| etag == "*" || is_exactly(etag, object)),
        (None, Some(since)) => object.modified <= since,
        (None, None) => false,
    }
}

/// The entries of a header that holds lists, across all of its lines.
fn etags(asked: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lists = asked.get_all(name).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',').map(str::trim))
}

/// Whether an ETag is the object's, byte for byte. A weak one (`W/`) does not promise that much.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3.2>
fn is_exactly(etag: &str, object: &Object) -> bool {
    etag.trim_matches('"') == object.etag
}

/// In seconds since 1970. A value that is not a date is ignored.
fn date(asked: &HeaderMap, name: HeaderName) -> Option<u64> {
    let date = httpdate::parse_http_date(asked.get(name)?.to_str().ok()?).ok()?;
    Some(date.duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// The part that is requested. If several ranges are requested, or the value is not a range, S3 returns the whole
/// object.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
fn range(asked: &HeaderMap, object: &Object) -> Option<Result<Range<u64>, Refused>> {
    let range = asked.get(RANGE)?.to_str().ok().filter(|range| *range != "bytes=-")?;
    let range = s3s::dto::Range::parse(range).ok()?;
    if let Some(only_if) = asked.get(IF_RANGE) {
        let is_same = only_if.to_str().is_ok_and(|etag| is_exactly(etag, object))
            || date(asked, IF_RANGE).is_some_and(|since| object.modified == since);
        if !is_same {
            return None;
        }
    }
    match range.check(object.size) {
        // The last bytes of an empty object are the whole object, and no `Content-Range` could express that.
        Ok(part) if part.is_empty() => None,
        Ok(part) => Some(Ok(part)),
        Err(_) => Some(Err(Refused {
            size: Some(object.size),
            ..refused(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "InvalidRange",
                "The requested range is not satisfiable",
            )
        })),
    }
}

fn redirect(status: StatusCode, location: HeaderValue) -> Response<Body> {
    let mut response = Response::new(text(""));
    *response.status_mut() = status;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// The error document. If there is none, a few lines that say what happened.
async fn refuse(store: &Store, website: &Website, refused: Refused) -> Response<Body> {
    let document = match refused.status.is_client_error() {
        true => error_document(store, website).await,
        false => None,
    };
    let mut response = document.unwrap_or_else(|| {
        let page = page(website, &refused);
        let length = page.len().to_string();
        let mut response = Response::new(text(page));
        set(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
        set(&mut response, CONTENT_LENGTH, &length);
        response
    });
    *response.status_mut() = refused.status;
    set(&mut response, HeaderName::from_static("x-amz-error-code"), refused.code);
    set(&mut response, HeaderName::from_static("x-amz-error-message"), refused.message);
    if refused.status == StatusCode::METHOD_NOT_ALLOWED {
        set(&mut response, ALLOW, "GET, HEAD");
    }
    if let Some(size) = refused.size {
        // https://www.rfc-editor.org/rfc/rfc9110#section-15.5.17
        set(&mut response, CONTENT_RANGE, &format!("bytes */{size}"));
    }
    response
}

async fn error_document(store: &Store, website: &Website) -> Option<Response<Body>> {
    let (object, body) = look(store, website, &website.error).await.ok().flatten()?;
    let mut response = Response::new(read(body, 0..object.size));
    *response.headers_mut() = headers(&object);
    // These headers describe the error document, but the answer is not about that document.
    for name in [ACCEPT_RANGES, ETAG, LAST_MODIFIED] {
        response.headers_mut().remove(name);
    }
    set(&mut response, CONTENT_LENGTH, &object.size.to_string());
    Some(response)
}

fn page(website: &Website, refused: &Refused) -> String {
    let Refused { status, code, message, key, .. } = refused;
    let key = key.as_ref().map(|key| format!("<li>Key: {}</li>\n", escape(key)));
    let document = escape(&website.error);
    let document = match status.is_client_error() {
        true if website.error.starts_with(&website.prefix) => {
            format!("<p>There is no error document either: <code>{document}</code>.</p>\n")
        }
        // A bucket has one error document, and this one is outside the site's prefix, so the site cannot provide it.
        true => format!(
            "<p>Here the bucket's error document is shown, <code>{document}</code>. It is outside of this site's folder, <code>{}</code>.</p>\n",
            escape(&website.prefix)
        ),
        false => String::new(),
    };
    format!(
        "<!doctype html>\n<html>\n<head><title>{status}</title></head>\n<body>\n<h1>{status}</h1>\n<ul>\n<li>Code: {code}</li>\n<li>Message: {message}</li>\n{}</ul>\n{document}</body>\n</html>\n",
        key.unwrap_or_default()
    )
}

/// Text, escaped for HTML.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    // All values that are set here are ASCII.
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// A body that is already in memory.
pub fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}
