//! The tool's own pages, which show what a deploy would change.
//!
//! They show what an account holds, so two things protect them. They have an origin of their own, the second port: the
//! scripts of the previewed site and a service worker at its address cannot read them. And their address contains a
//! token that nobody can guess: other users of this machine and of the network cannot read them either.

use hyper::header::{CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY};
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;

use super::answer::{Answer, HTML, SCRIPT, follow, foreign, own_page, plain, set};
use super::contents::{self, Content};
use super::{News, Preview, comparison, guard};
use engine::base::{Failure, redact};
use local::website::Body;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");

/// Answers a request for one of the tool's own pages.
pub async fn answer(preview: &Preview, request: &Parts, upgrade: OnUpgrade) -> Answer {
    let path = request.uri.path().strip_prefix('/').and_then(|path| path.split_once('/'));
    let Some((_, name)) = path.filter(|(token, _)| *token == preview.0.token) else {
        return plain(StatusCode::NOT_FOUND, "the terminal shows the address of this page").into();
    };
    if guard::is_foreign(request) && !is_opened(request, name) {
        return foreign().into();
    }
    let mut answer = match (&request.method, name) {
        (&Method::GET, "events") => follow(request, upgrade, News::for_pages),
        _ => page(preview, request, name).await.into(),
    };
    // The address is a secret, and the page has links to the site, which must not learn it.
    set(&mut answer.response, REFERRER_POLICY, "no-referrer");
    set(&mut answer.response, CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    answer
}

/// Whether a link on another site opens the page in a tab. That is harmless: the other site cannot read the tab.
fn is_opened(request: &Parts, name: &str) -> bool {
    let is = |header, value: &str| request.headers.get(header).is_some_and(|found| found == value);
    name.is_empty()
        && request.method == Method::GET
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

async fn page(preview: &Preview, request: &Parts, name: &str) -> Response<Body> {
    let key = || asked_key(request);
    match (&request.method, name) {
        (&Method::GET, "") => shell(preview, request),
        (&Method::GET, "page.css") => {
            let sheet = include_str!("assets/page.css");
            own_page(StatusCode::OK, "text/css; charset=utf-8", sheet)
        }
        (&Method::GET, "page.js") => {
            own_page(StatusCode::OK, SCRIPT, include_str!("assets/page.js"))
        }
        (&Method::GET, "plan.json") => plan(preview).await,
        (&Method::GET, "diff") => json(&contents::diff(preview, key()).await),
        (&Method::GET, "before") => picture(contents::before(preview, key()).await),
        (&Method::GET, "after") => picture(contents::after(preview, key()).await),
        (&Method::POST, "look") => {
            preview.0.state.send_modify(|state| state.wants_listing = true);
            plain(StatusCode::ACCEPTED, "")
        }
        (&Method::GET, _) => plain(StatusCode::NOT_FOUND, "the preview has no such page"),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed here"),
    }
}

/// The page that its script fills. The script may send requests to its own origin, and to the site's origin to clear
/// what is stored there.
fn shell(preview: &Preview, request: &Parts) -> Response<Body> {
    let mut response = own_page(StatusCode::OK, HTML, include_str!("assets/page.html"));
    let host = guard::host_in_address(request).unwrap_or_default();
    let (site, pages) = (preview.0.ports.site, preview.0.ports.pages);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://{host}:{pages} http://{host}:{site}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    set(&mut response, CONTENT_SECURITY_POLICY, &policy);
    response
}

async fn plan(preview: &Preview) -> Response<Body> {
    let (news, shown, comparison) = {
        let state = preview.0.state.borrow();
        (state.news.clone(), state.shown.clone(), state.comparison.clone())
    };
    let Some(comparison) = comparison else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the site is being built");
    };
    let base = shown.map_or_else(|| "/".to_owned(), |shown| shown.website.base.clone());
    let site = comparison::SiteAddress { base, port: preview.0.ports.site };
    let json = tokio::task::spawn_blocking(move || comparison::json(&comparison, &site, &news));
    match json.await {
        Ok(Ok(json)) => own_page(StatusCode::OK, "application/json", json),
        _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "failed to show the comparison"),
    }
}

fn asked_key(request: &Parts) -> Option<String> {
    let query = request.uri.query()?;
    let key = query.split('&').find_map(|pair| pair.strip_prefix("key="))?;
    percent_decode_str(key).decode_utf8().ok().map(String::from)
}

/// An object to be shown as a picture. It may be an SVG from anybody, so nothing in it runs, even if it is opened in a
/// tab.
fn picture(content: Result<Option<Content>, Failure>) -> Response<Body> {
    let mut response = match content {
        Ok(Some(content)) => own_page(StatusCode::OK, &content.content_type, content.bytes),
        Ok(None) => plain(StatusCode::NOT_FOUND, "there is no such object"),
        Err(failure) => plain(StatusCode::BAD_GATEWAY, &redact::hide(&failure.to_string())),
    };
    set(
        &mut response,
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
    );
    response
}

fn json(value: &impl serde::Serialize) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(body) => own_page(StatusCode::OK, "application/json", body),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "failed to show this"),
    }
}
