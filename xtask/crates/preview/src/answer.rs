//! Answers requests for the site with its objects. Pages for a browser get the script that reloads them.

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
use super::{News, OWN_PATH, Preview, Shown, guard, inject, own_links, pages, worker};
use local::website::{self, Body, text};

/// Which of the two ports a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Site,
    /// The tool's own pages.
    Pages,
}

/// An answer, and the WebSocket that follows on the same connection, if one was asked for.
pub struct Answer {
    pub response: Response<Body>,
    pub socket: Option<(OnUpgrade, Telling)>,
}

impl From<Response<Body>> for Answer {
    fn from(response: Response<Body>) -> Answer {
        Answer { response, socket: None }
    }
}

/// Answers a request. There is no error: a request that makes no sense is answered with a status that says so.
pub async fn answer(preview: &Preview, door: Door, mut request: Request<Incoming>) -> Answer {
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    if !preview.0.names.include_host_of(&parts) {
        return plain(
            StatusCode::FORBIDDEN,
            "this preview does not answer to that name; to allow it, pass it with --host to `cargo xtask preview`",
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
    let version = preview.is_settled(parts.uri.path()).await;
    let wants_page = wants_page(&parts);
    if wants_page {
        preview.visitors().browsers.remember(&parts);
    }
    let Some(shown) = preview.shown() else { return waiting(preview, version) };
    let is_for_worker = preview.visitors().has_worker || is_fetched(&parts);
    if wants_page || is_for_worker {
        // A conditional request would be answered by the ETag of the stored page, which does not cover the script. It
        // would also make the browser keep old headers, among them the `vary` that a worker's cache refuses.
        parts.headers.remove(IF_NONE_MATCH);
        parts.headers.remove(IF_MODIFIED_SINCE);
    }
    let mut response = website::answer(&preview.0.store, &shown.website, &parts).await;
    if worker::is_script(&parts) && finds_leftover(preview, &parts, &response) {
        return own_page(StatusCode::OK, SCRIPT, worker::SCRIPT);
    }
    if wants_page && is_page(&response) {
        response = with_script(&shown, response, version).await;
    }
    if !is_browser(&parts) {
        return response;
    }
    remember_asked(preview, &shown, &parts, &response);
    let response = led_back(response, &shown);
    match is_for_worker {
        true => revalidated_by_workers(response),
        false => revalidated(response),
    }
}

/// The answer until the site was built once.
fn waiting(preview: &Preview, version: u64) -> Response<Body> {
    let failed = preview.0.state.borrow().news.failed.clone();
    let page = inject::waiting(version, failed.as_deref());
    own_page(StatusCode::SERVICE_UNAVAILABLE, HTML, page)
}

/// Whether the script of a service worker belongs to an earlier site, and notes which of the two sites has one.
fn finds_leftover(preview: &Preview, request: &Parts, response: &Response<Body>) -> bool {
    let is_leftover = worker::is_leftover(request, response, &preview.visitors().browsers);
    match is_leftover {
        true => preview.tell(|news| news.worker = true),
        false => preview.visitors().has_worker = true,
    }
    is_leftover
}

/// Remembers that a browser got the object of a path.
fn remember_asked(preview: &Preview, shown: &Shown, request: &Parts, response: &Response<Body>) {
    let is_there = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    if let Some(key) = shown.website.key(request.uri.path()).filter(|_| is_there) {
        preview.visitors().remember_asked(key);
    }
}

/// Answers the requests of the script in the site's pages, and those that remove a service worker. Scripts of the site
/// can send the same requests, so no answer tells anything about the account. The tool's own pages do, on their origin.
fn beside_site(preview: &Preview, name: &str, request: &Parts, upgrade: OnUpgrade) -> Answer {
    let script = |text: &'static str| own_page(StatusCode::OK, SCRIPT, text).into();
    match (&request.method, name) {
        // The button on the tool's own page sends this, from the other port.
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
            preview.visitors().browsers.remember(request);
            follow(request, upgrade, News::for_site)
        }
        (&Method::GET, _) => plain(StatusCode::NOT_FOUND, "there is no such page; the terminal shows the address of the page with the changes of a deploy").into(),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed here").into(),
    }
}

/// Opens the WebSocket that tells a page the news.
pub fn follow(request: &Parts, upgrade: OnUpgrade, telling: Telling) -> Answer {
    match socket::accepted(request) {
        Some(response) => Answer { response, socket: Some((upgrade, telling)) },
        None => plain(StatusCode::UPGRADE_REQUIRED, "this address takes only a WebSocket").into(),
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

/// Tells the browser to clear everything that it has stored for this origin, including service workers.
/// <https://w3c.github.io/webappsec-clear-site-data/>
fn forgotten(preview: &Preview, request: &Parts) -> Response<Body> {
    // From now on the browser has pages of this preview only.
    preview.visitors().browsers.remember(request);
    preview.tell(|news| news.worker = false);
    let mut response =
        plain(StatusCode::OK, "everything that was stored for this address is cleared");
    set(&mut response, CLEAR_SITE_DATA, "\"cache\", \"storage\"");
    // The button on the tool's own page asks from the other port, and this answer has nothing to hide.
    set(&mut response, CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin");
    response
}

/// Whether a browser wants to show the answer as a page, now or later. A request for a range is not one: the script
/// would shift the range.
fn wants_page(request: &Parts) -> bool {
    let accepts = request.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
    request.method == Method::GET
        && !request.headers.contains_key(RANGE)
        && (accepts.is_some_and(|accept| accept.contains("text/html"))
            || is_fetched(request) && worker::stores(request))
}

/// Whether a browser sent a request. Browsers say what they will do with the answer, but not over plain HTTP to another
/// machine. There only `User-Agent` tells.
/// <https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Dest>
fn is_browser(request: &Parts) -> bool {
    let name = request.headers.get(USER_AGENT);
    request.headers.contains_key(SEC_FETCH_DEST)
        || name.is_some_and(|name| name.as_bytes().starts_with(b"Mozilla/"))
        || wants_page(request)
}

/// Whether a script sent a request, in a page or in a service worker.
fn is_fetched(request: &Parts) -> bool {
    request.headers.get(SEC_FETCH_DEST).is_some_and(|dest| dest == "empty")
}

/// Makes the browser ask again each time. `cache-control` stays as it is stored, so that a user can look at it; an
/// answer that varies by everything matches no later request.
/// <https://www.rfc-editor.org/rfc/rfc9111#section-4.1>
fn revalidated(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(VARY, HeaderValue::from_static("*"));
    response
}

/// The same for service workers. Their cache refuses an answer that varies by everything, and the worker fails to
/// install. So here `cache-control` is replaced.
/// <https://w3c.github.io/ServiceWorker/#cache-put>
fn revalidated_by_workers(mut response: Response<Body>) -> Response<Body> {
    let stored = response.headers().get(CACHE_CONTROL).and_then(|value| value.to_str().ok());
    if !stored.is_some_and(|stored| stored.contains("no-store")) {
        set(&mut response, CACHE_CONTROL, "no-cache");
    }
    response
}

/// Makes a redirect to the site's own address stay in the preview, like links to it.
fn led_back(mut response: Response<Body>, shown: &Shown) -> Response<Body> {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let here = location.zip(shown.url.as_deref()).and_then(|(location, url)| {
        own_links::led_back_address(location, url, &shown.website.base)
    });
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
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "failed to read the page");
    };
    let Shown { website, url } = shown;
    let page = inject::into_page(&page.to_bytes(), version, url.as_deref(), &website.base);
    // They describe the stored page, without the script.
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
    plain(StatusCode::FORBIDDEN, "requests from pages of another origin are refused")
}

pub fn plain(status: StatusCode, words: &str) -> Response<Body> {
    own_page(status, "text/plain; charset=utf-8", format!("{words}\n"))
}

/// An answer that the tool itself makes. No page of another origin can use it.
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
