//! What a request for the site gets: the site's object, with the script in it if it is a page for a browser.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    RANGE, USER_AGENT, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};

use super::socket::{self, Telling};
use super::{News, OWN_PATH, Preview, Shown, guard, inject, pages, worker};
use local::website::{self, Body, text};

/// Which of the two origins is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Site,
    /// The tool's own pages.
    Pages,
}

/// An answer, and what goes on after it on the same connection.
pub struct Answer {
    pub response: Response<Body>,
    pub socket: Option<(OnUpgrade, Telling)>,
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Answer {
        Answer { response, socket: None }
    }
}

/// Answers a request. What is not understood is answered too, so that there is no error.
pub async fn answer(preview: &Preview, door: Door, mut request: Request<Incoming>) -> Answer {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    if !preview.0.names.include_host_of(&parts) {
        return plain(
            StatusCode::FORBIDDEN,
            "this preview is not reached by that name; give it with --host to `cargo xtask preview`",
        )
        .into();
    }
    let own = parts.uri.path().strip_prefix(OWN_PATH);
    match (door, own) {
        (Door::Pages, _) => pages::answer(preview, &parts, upgrade).await,
        (Door::Site, Some(name)) => beside_site(preview, name, &parts, upgrade),
        (Door::Site, None) => site(preview, parts).await.into(),
    }
}

async fn site(preview: &Preview, mut parts: Parts) -> Response<Body> {
    let path = parts.uri.path();
    let version = preview.is_settled(path).await;
    let wants_page = wants_page(&parts);
    if wants_page {
        preview.lock_browsers().remember(&parts);
    }
    let Some(shown) = preview.shown() else {
        let failed = preview.0.news.borrow().failed.clone();
        let page = inject::waiting(version, failed.as_deref());
        return own_page(StatusCode::SERVICE_UNAVAILABLE, HTML, page);
    };
    let is_for_worker = preview.has_worker() || is_fetched(&parts);
    if wants_page || is_for_worker {
        // A page with another script in it is another page. And a browser that is told that nothing has changed goes
        // on with the headers that it has, the one for which a worker's cache does not take it among them.
        parts.headers.remove(IF_NONE_MATCH);
        parts.headers.remove(IF_MODIFIED_SINCE);
    }
    let response = website::answer(&preview.0.store, &shown.website, &parts).await;
    if worker::is_script(&parts) {
        if worker::is_leftover(&parts, &response, &preview.lock_browsers()) {
            preview.found_worker();
            return own_page(StatusCode::OK, SCRIPT, worker::SCRIPT);
        }
        preview.serves_worker();
    }
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
    let response = led_back(response, &shown);
    match is_for_worker {
        true => revalidated_by_workers(response),
        false => revalidated(response),
    }
}

/// What the script in the site's pages asks for, and what removes a service worker. Scripts of the site can ask for
/// all of it too, so it says nothing of the account: that is on the tool's own pages, which have another origin.
fn beside_site(preview: &Preview, name: &str, request: &Parts, upgrade: OnUpgrade) -> Answer {
    let script = |text: &'static str| own_page(StatusCode::OK, SCRIPT, text).into();
    match (&request.method, name) {
        // The button on the tool's own page sends this, from its own port.
        (&Method::POST, "forget") => {
            match guard::has_other_origin(request, Some(preview.0.ports.pages)) {
                false => forgotten(preview, request).into(),
                true => foreign().into(),
            }
        }
        _ if guard::is_foreign(request) => foreign().into(),
        (&Method::GET, "reload.js") => script(include_str!("assets/reload.js")),
        (&Method::GET, "remove.js") => script(worker::PAGE_SCRIPT),
        (&Method::GET, "worker") => worker_page().into(),
        (&Method::GET, "events") => {
            preview.lock_browsers().remember(request);
            follow(request, upgrade, News::for_site)
        }
        (&Method::GET, _) => plain(StatusCode::NOT_FOUND, "there is no such page; the address of the one that shows what a deploy would change is printed in the terminal").into(),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "this is read and not written").into(),
    }
}

/// Opens the WebSocket on which a page follows the news.
pub fn follow(request: &Parts, upgrade: OnUpgrade, telling: Telling) -> Answer {
    match socket::accepted(request) {
        Some(response) => Answer { response, socket: Some((upgrade, telling)) },
        None => plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket").into(),
    }
}

fn worker_page() -> Response<Body> {
    let mut response = own_page(StatusCode::OK, HTML, worker::PAGE);
    set(
        &mut response,
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    response
}

/// Tells the browser to clear all that it has stored for this origin, its service workers included.
/// <https://w3c.github.io/webappsec-clear-site-data/>
fn forgotten(preview: &Preview, request: &Parts) -> Response<Body> {
    // What it is given now is of this preview.
    preview.lock_browsers().remember(request);
    preview.tell(|news| news.worker = false);
    let mut response = plain(StatusCode::OK, "all that was stored for this address is cleared");
    set(&mut response, CLEAR_SITE_DATA, "\"cache\", \"storage\"");
    // The button on the tool's own page asks from another port, and there is nothing to read.
    set(&mut response, CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin");
    response
}

/// Whether a browser asks for what it will show as a page, now or later. A part of one it takes as it is.
fn wants_page(request: &Parts) -> bool {
    let accepts = request.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    request.method == Method::GET
        && !request.headers.contains_key(RANGE)
        && (accepts.is_some_and(|accept| accept.contains("text/html"))
            || is_fetched(request) && worker::stores(request))
}

/// Whether a browser sent a request. It says what it will do with the answer, but not over plain HTTP to another
/// machine: there only its name tells.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Dest>
fn is_browser(request: &Parts) -> bool {
    let name = request.headers.get(USER_AGENT);
    request.headers.contains_key(SEC_FETCH_DEST)
        || name.is_some_and(|name| name.as_bytes().starts_with(b"Mozilla/"))
        || wants_page(request)
}

/// Whether a script asked: one of a page or of a service worker.
fn is_fetched(request: &Parts) -> bool {
    request.headers.get(SEC_FETCH_DEST).is_some_and(|dest| dest == "empty")
}

/// The stored `cache-control` stays as it is, for whoever looks, and yet nothing is shown from a cache without
/// asking: what varies by everything matches no later request.
/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.1>
fn revalidated(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(VARY, HeaderValue::from_static("*"));
    response
}

/// The cache of a service worker does not take what varies by everything, and the worker fails to install. So here
/// the `cache-control` says that a browser has to ask again.
/// <https://w3c.github.io/ServiceWorker/#cache-put>
fn revalidated_by_workers(mut response: Response<Body>) -> Response<Body> {
    let stored = response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
    if !stored.is_some_and(|stored| stored.contains("no-store")) {
        set(&mut response, CACHE_CONTROL, "no-cache");
    }
    response
}

/// A redirect to the site's own address stays in the preview, as links to it do.
fn led_back(mut response: Response<Body>, shown: &Shown) -> Response<Body> {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let here = location
        .zip(shown.url.as_deref())
        .and_then(|(location, url)| inject::led_back_address(location, url, &shown.website.base));
    if let Some(here) = here {
        set(&mut response, LOCATION, &here);
    }
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

pub const HTML: &str = "text/html; charset=utf-8";
pub const SCRIPT: &str = "text/javascript; charset=utf-8";

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

pub fn foreign() -> Response<Body> {
    plain(StatusCode::FORBIDDEN, "a page of another origin asks for this")
}

pub fn plain(status: StatusCode, words: &str) -> Response<Body> {
    own_page(status, "text/plain; charset=utf-8", format!("{words}\n"))
}

/// An answer of the tool's own, which no page of another origin can use.
pub fn own_page(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(text(body));
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    response
}

pub fn set(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}
