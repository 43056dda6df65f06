//! An object as a visitor gets it: whole, in part, or not again if the visitor has it already.

use std::ops::Range;

use futures_util::stream::try_unfold;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, ETAG, EXPIRES, HeaderName,
    HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, RANGE,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Response, StatusCode};

use super::refusal::Refused;
use super::response::{Body, set, text};
use crate::store::{self, Object, StoreError};

/// The object, the requested part of it, or the answer that it has not changed.
pub fn give(
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
            ..Refused::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
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

/// The object as the error document of another answer.
pub fn as_error_document(object: &Object, body: store::Body) -> Response<Body> {
    let mut response = Response::new(read(body, 0..object.size));
    *response.headers_mut() = headers(object);
    // These headers describe the error document, but the answer is not about that document.
    for name in [ACCEPT_RANGES, ETAG, LAST_MODIFIED] {
        response.headers_mut().remove(name);
    }
    set(&mut response, CONTENT_LENGTH, &object.size.to_string());
    response
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
            ..Refused::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "InvalidRange",
                "The requested range is not satisfiable",
            )
        })),
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
