//! What a request gets: the site's object with the script in it where it is a page for a browser, or one of the
//! tool's own pages.

use bytes::Bytes;
use futures_util::stream::unfold;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HOST, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;

use super::diff::{self, Diff};
use super::{Comparison, OWN_PATH, Preview, Shown, comparison, inject};
use crate::error::Failure;
use crate::local::website::{self, Body, text};

/// Answers a request. What is not understood is answered too, so that there is no error.
pub async fn answer(preview: &Preview, request: Request<Incoming>) -> Response<Body> {
    let (mut parts, _) = request.into_parts();
    if !is_meant(preview, &parts) {
        return plain(
            StatusCode::FORBIDDEN,
            "this preview is not reached by that name; it is started with --host where it is to be",
        );
    }
    let path = parts.uri.path();
    if path.starts_with(OWN_PATH) || path == OWN_PATH.trim_end_matches('/') {
        return own(preview, &parts).await;
    }
    let version = preview.is_settled(path).await;
    let wants_page = wants_page(&parts);
    let Some(shown) = preview.shown() else {
        let failed = preview.0.news.borrow().failed.clone();
        let page = inject::waiting(version, failed.as_deref());
        return own_page(StatusCode::SERVICE_UNAVAILABLE, "text/html; charset=utf-8", page);
    };
    if wants_page {
        // A page with another script in it is another page.
        parts.headers.remove(IF_NONE_MATCH);
        parts.headers.remove(IF_MODIFIED_SINCE);
    }
    let response = website::answer(&preview.0.store, &shown.website, &parts).await;
    let response = match wants_page && is_page(&response) {
        true => with_script(&shown, response, version).await,
        false => response,
    };
    if !is_browser(&parts) {
        return response;
    }
    let is_there = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    if let Some(key) = shown.website.key(parts.uri.path()).filter(|_| is_there) {
        preview.remember_asked(key);
    }
    revalidated(response)
}

/// Whether a request is for this preview: a page of somebody else's may lead its own name to this machine, and
/// would read what is served here.
fn is_meant(preview: &Preview, request: &Parts) -> bool {
    // https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
    let host = match (request.uri.authority(), request.headers.get(HOST)) {
        (Some(authority), _) => authority.as_str(),
        (None, None) => return true,
        (None, Some(host)) => match host.to_str() {
            Ok(host) => host,
            Err(_) => return false,
        },
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']).to_ascii_lowercase();
    preview.0.is_open
        || name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok()
        || preview.0.host.as_deref() == Some(name.as_str())
}

/// Whether a browser asks for what it will show as a page. A part of one it takes as it is.
fn wants_page(request: &Parts) -> bool {
    let accepts = request.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    request.method == Method::GET
        && !request.headers.contains_key(RANGE)
        && accepts.is_some_and(|accept| accept.contains("text/html"))
}

/// Browsers say what they ask for, and other programs do not.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Dest>
fn is_browser(request: &Parts) -> bool {
    request.headers.contains_key("sec-fetch-dest") || wants_page(request)
}

/// The stored `cache-control` stays as it is, for whoever looks, and yet nothing is shown from a cache without
/// asking: what varies by everything matches no later request.
/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.1>
fn revalidated(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(VARY, HeaderValue::from_static("*"));
    response
}

fn is_page(response: &Response<Body>) -> bool {
    let headers = response.headers();
    let is_html = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/html"));
    is_html
        && !response.status().is_redirection()
        && headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity")
}

/// Pages that are larger, in bytes, are served without the script.
const LARGEST_PAGE: usize = 32 << 20;

async fn with_script(shown: &Shown, response: Response<Body>, version: u64) -> Response<Body> {
    let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<usize>().ok());
    if length.is_none_or(|length| length > LARGEST_PAGE) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(page) = Limited::new(body, LARGEST_PAGE).collect().await else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be read");
    };
    let Shown { website, url } = shown;
    let page = inject::into_page(&page.to_bytes(), version, url.as_deref(), &website.base);
    // They are of what is stored.
    for name in [ETAG, LAST_MODIFIED] {
        head.headers.remove(name);
    }
    if let Ok(length) = HeaderValue::try_from(page.len().to_string()) {
        head.headers.insert(CONTENT_LENGTH, length);
    }
    Response::from_parts(head, text(page))
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The tool's own pages.
async fn own(preview: &Preview, request: &Parts) -> Response<Body> {
    let path = request.uri.path();
    let Some(name) = path.strip_prefix(OWN_PATH) else {
        let mut response = plain(StatusCode::FOUND, "");
        response.headers_mut().insert(LOCATION, HeaderValue::from_static(OWN_PATH));
        return response;
    };
    let key = || asked_key(request);
    match (&request.method, name) {
        (&Method::GET, "") => {
            let page = include_str!("assets/page.html");
            let mut response = own_page(StatusCode::OK, "text/html; charset=utf-8", page);
            let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
            set(&mut response, CONTENT_SECURITY_POLICY, policy);
            response
        }
        (&Method::GET, "page.css") => {
            let sheet = include_str!("assets/page.css");
            own_page(StatusCode::OK, "text/css; charset=utf-8", sheet)
        }
        (&Method::GET, "page.js") => {
            own_page(StatusCode::OK, SCRIPT, include_str!("assets/page.js"))
        }
        (&Method::GET, "reload.js") => {
            own_page(StatusCode::OK, SCRIPT, include_str!("assets/reload.js"))
        }
        (&Method::GET, "events") => events(preview),
        (&Method::GET, "plan.json") => plan(preview).await,
        (&Method::GET, "diff") => json(&diff(preview, key()).await),
        (&Method::GET, "before") => picture(before(preview, key()).await),
        (&Method::GET, "after") => picture(after(preview, key()).await),
        (&Method::POST, "look") if !is_foreign(request) => {
            preview.0.look.notify_one();
            plain(StatusCode::ACCEPTED, "")
        }
        (&Method::GET, _) => plain(StatusCode::NOT_FOUND, "there is no such page of the preview"),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "this is read and not written"),
    }
}

/// Whether a page of another site sent a request.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site>
fn is_foreign(request: &Parts) -> bool {
    request.headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin")
}

/// What happens, as it happens.
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html>
fn events(preview: &Preview) -> Response<Body> {
    let mut news = preview.0.news.subscribe();
    news.mark_changed();
    let messages = unfold(news, |mut news| async move {
        news.changed().await.ok()?;
        let message = serde_json::to_string(&*news.borrow_and_update()).ok()?;
        let frame = Frame::data(Bytes::from(format!("retry: 500\ndata: {message}\n\n")));
        Some((Ok(frame), news))
    });
    let mut response = Response::new(StreamBody::new(messages).boxed_unsync());
    set(&mut response, CONTENT_TYPE, "text/event-stream");
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

async fn plan(preview: &Preview) -> Response<Body> {
    let news = preview.0.news.borrow().clone();
    let base = preview.shown().map_or_else(|| "/".to_owned(), |shown| shown.website.base.clone());
    let Some(comparison) = preview.comparison() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the site is being built");
    };
    let made = tokio::task::spawn_blocking(move || comparison::json(&comparison, &base, &news));
    match made.await {
        Ok(Ok(page)) => own_page(StatusCode::OK, "application/json", page),
        _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "the comparison cannot be shown"),
    }
}

fn asked_key(request: &Parts) -> Option<String> {
    let query = request.uri.query()?;
    let key = query.split('&').find_map(|pair| pair.strip_prefix("key="))?;
    percent_decode_str(key).decode_utf8().ok().map(String::from)
}

/// Objects that are larger, in bytes, are not read to be compared.
const LARGEST_COMPARED: u64 = 4 << 20;

async fn diff(preview: &Preview, key: Option<String>) -> Diff {
    let (old, new) = tokio::join!(before(preview, key.clone()), after(preview, key));
    let content = |found: Result<Option<Content>, Failure>| match found {
        Ok(content) => Ok(content.map_or_else(Bytes::new, |content| content.bytes)),
        Err(failure) => Err(Diff::Failed { message: crate::secrets::hide(&failure.to_string()) }),
    };
    let (old, new) = match (content(old), content(new)) {
        (Ok(old), Ok(new)) => (old, new),
        (Err(failed), _) | (_, Err(failed)) => return failed,
    };
    let compared = tokio::task::spawn_blocking(move || diff::of(&old, &new)).await;
    compared.unwrap_or(Diff::Other)
}

/// What an object holds, and what it says that it is.
struct Content {
    bytes: Bytes,
    content_type: String,
}

/// What the account's bucket holds under a key that the comparison shows, and under no other.
async fn before(preview: &Preview, key: Option<String>) -> Result<Option<Content>, Failure> {
    let (Some(comparison), Some(key)) = (preview.comparison(), key) else { return Ok(None) };
    let key = comparison.whole_key(&key);
    let Some(compared) = comparison.compared() else { return Ok(None) };
    let Some(object) = compared.listing.objects.get(&key) else { return Ok(None) };
    check_size(object.size)?;
    let bytes = compared.bucket.read(&key, LARGEST_COMPARED).await?;
    let known = compared.record.headers_of(&key, object);
    let content_type = known.map(|headers| headers.content_type().to_owned());
    let content_type = content_type.unwrap_or_else(|| crate::headers::content_type(&key));
    Ok(bytes.map(|bytes| Content { bytes, content_type }))
}

/// What the preview's bucket holds.
async fn after(preview: &Preview, key: Option<String>) -> Result<Option<Content>, Failure> {
    let (Some(comparison), Some(shown), Some(key)) = (preview.comparison(), preview.shown(), key)
    else {
        return Ok(None);
    };
    if !is_shown(&comparison, &key) {
        return Ok(None);
    }
    let key = comparison.whole_key(&key);
    let Ok((object, body)) = preview.0.store.get(&shown.website.bucket, &key, None).await else {
        return Ok(None);
    };
    check_size(object.size)?;
    let content_type = object.headers.get("content-type").cloned().unwrap_or_default();
    let mut reader = body.read(0..object.size);
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = reader.next().await {
        bytes.extend_from_slice(&piece);
    }
    Ok(Some(Content { bytes: bytes.into(), content_type }))
}

fn is_shown(comparison: &Comparison, relative: &str) -> bool {
    let key = comparison.whole_key(relative);
    comparison.site.files.binary_search_by(|file| (*file.key).cmp(&key)).is_ok()
}

fn check_size(size: u64) -> Result<(), Failure> {
    match size <= LARGEST_COMPARED {
        true => Ok(()),
        false => {
            let (size, most) = (crate::words::bytes(size), crate::words::bytes(LARGEST_COMPARED));
            Err(crate::error::failed(format!("it has {size}; up to {most} are compared")))
        }
    }
}

/// A content as a browser shows it in a picture's place, and runs nothing of it anywhere.
fn picture(content: Result<Option<Content>, Failure>) -> Response<Body> {
    let mut response = match content {
        Ok(Some(content)) => own_page(StatusCode::OK, &content.content_type, content.bytes),
        Ok(None) => plain(StatusCode::NOT_FOUND, "there is no such object"),
        Err(failure) => plain(StatusCode::BAD_GATEWAY, &crate::secrets::hide(&failure.to_string())),
    };
    set(
        &mut response,
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
    );
    response
}

fn json(value: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(body) => own_page(StatusCode::OK, "application/json", body),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "this cannot be shown"),
    }
}

fn plain(status: StatusCode, words: &str) -> Response<Body> {
    own_page(status, "text/plain; charset=utf-8", format!("{words}\n"))
}

fn own_page(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(text(body));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}
