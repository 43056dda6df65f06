//! Answers that no S3 store gives: a web page, a redirect to a login, a text from a gateway. Then `endpoint` is the
//! address of a console or a website, or something in between answers instead of the store: a firewall, a proxy, or a
//! network that requires a login.
//!
//! The message names the host, so the HTTP client attaches an [`Answerer`] to each answer.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::Cause;
use super::proxy::{Place, Proxy};
use crate::base::error::Failure;
use crate::base::humanize::plain;

/// The host that gave an answer.
#[derive(Clone, Debug)]
pub struct Answerer {
    pub place: Place,
    /// The variable that names the proxy through which the answer came.
    pub proxy: Option<&'static str>,
}

impl Answerer {
    pub fn of(place: &Place, proxy: Option<&Proxy>) -> Answerer {
        Answerer { place: place.clone(), proxy: proxy.map(|proxy| proxy.variable) }
    }
}

/// An answer that is not from a store.
#[derive(Debug, PartialEq, Eq)]
pub struct Foreign {
    what: String,
    hint: String,
    /// Whether every other request would get the same answer.
    affects_every_request: bool,
}

impl Foreign {
    pub fn explain(self, failure: Failure) -> Failure {
        let mut failure = failure.because(&Cause(self.what)).hint(self.hint);
        failure.affects_every_request = self.affects_every_request;
        failure
    }
}

/// Why an error is not from a store; `None` if it may be from one. `code` is the code in its XML.
pub fn find(code: Option<&str>, raw: &HttpResponse) -> Option<Foreign> {
    if code.is_some() {
        return None;
    }
    let (status, body) = (raw.status().as_u16(), raw.body().bytes().unwrap_or_default());
    let (answerer, host) = host_of(raw);
    let has_page = is_page(body);
    let (what, hint) = match status {
        // Gateways answer 413 to a file that is too large for them, and the others while the store is busy.
        408 | 413 | 429 | 500..=510 | 512.. => return None,
        300..400 => {
            let target = redirect(raw)?;
            let hint = match is_same_host_with_tls(answerer, &target) {
                true => format!("begin `endpoint` in deploy.toml with https:// ({CHECK})"),
                false => check(answerer),
            };
            (format!("{host} redirects to {target} instead of answering as an S3 store"), hint)
        }
        401 | 403 | 407 | 451 if has_page => (
            format!("{host}, or something before it, refused this with a web page"),
            refused(answerer),
        ),
        _ if has_page => {
            (format!("{host} answered with a web page and not as an S3 store"), check(answerer))
        }
        // A network that wants a login says so with 511.
        511 => (format!("{host} did not answer as an S3 store"), check(answerer)),
        200..300 | 400 | 401 | 404 | 405 if !is_xml(body) && (status < 300 || !body.is_empty()) => {
            (format!("{host} did not answer as an S3 store"), check(answerer))
        }
        _ => return None,
    };
    let said = if has_page { String::new() } else { first_line(body) };
    let what = format!("{what} (HTTP {status}){said}");
    // A firewall may object to a single file.
    Some(Foreign { what, hint, affects_every_request: !matches!(status, 401 | 403 | 451) })
}

/// An answer of success that says nothing of what was asked for.
pub fn unreadable(raw: &HttpResponse) -> Foreign {
    let (answerer, host) = host_of(raw);
    let status = raw.status().as_u16();
    let what = format!("{host} did not answer as an S3 store (HTTP {status})");
    Foreign { what, hint: check(answerer), affects_every_request: true }
}

fn host_of(raw: &HttpResponse) -> (Option<&Answerer>, String) {
    let answerer = raw.extension::<Answerer>();
    let host = answerer.map_or_else(|| "the store".to_owned(), |it| format!("`{}`", it.place));
    (answerer, host)
}

const CHECK: &str =
    "it is the address of the store's S3 API, and not that of its console or of a website";

fn check(answerer: Option<&Answerer>) -> String {
    let proxy = answerer.and_then(|answerer| answerer.proxy);
    let between = match proxy {
        Some(variable) => format!("look at the proxy of {variable}"),
        None => "look at what this network puts in between, such as a login page".to_owned(),
    };
    format!("check `endpoint` in deploy.toml: {CHECK}; if it is right, {between}")
}

fn refused(answerer: Option<&Answerer>) -> String {
    let proxy = answerer.and_then(|answerer| answerer.proxy);
    let between = match proxy {
        Some(variable) => format!("the proxy of {variable}, or a firewall,"),
        None => "a firewall or a proxy".to_owned(),
    };
    format!(
        "{between} does not let this request pass, so the credentials are not the cause: have it let pass, or check `endpoint` in deploy.toml"
    )
}

/// The target of a redirect that is not from S3. Redirects of S3 name the bucket's region.
fn redirect(raw: &HttpResponse) -> Option<String> {
    if raw.headers().get("x-amz-bucket-region").is_some() {
        return None;
    }
    let location = raw.headers().get("location")?;
    // The rest of the address may contain a token.
    Some(host(location).map_or_else(|| "another page".to_owned(), |host| format!("`{host}`")))
}

/// The scheme and the host of an address.
fn host(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let is_web = ["http", "https"].contains(&scheme);
    (is_web && !host.is_empty()).then(|| plain(&format!("{scheme}://{host}")))
}

fn is_same_host_with_tls(answerer: Option<&Answerer>, target: &str) -> bool {
    answerer.is_some_and(|Answerer { place, .. }| {
        !place.is_https
            && Place::of(target.trim_matches('`'))
                .is_some_and(|to| to.is_https && to.host == place.host)
    })
}

/// Whether a body is a page for browsers.
pub fn is_page(body: &[u8]) -> bool {
    let body = beginning(body);
    PAGES.iter().any(|start| {
        body.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start.as_bytes()))
    })
}

/// The beginnings of pages. Those of firewalls and of networks that require a login are often only fragments.
const PAGES: [&str; 13] = [
    "<!doctype html",
    "<html",
    "<head",
    "<body",
    "<title",
    "<meta",
    "<script",
    "<style",
    "<div",
    "<center",
    "<form",
    "<h1",
    "<p>",
];

fn is_xml(body: &[u8]) -> bool {
    beginning(body).starts_with(b"<") && !is_page(body)
}

/// A body from its first element on: without comments, and without an XML declaration.
fn beginning(body: &[u8]) -> &[u8] {
    let mut rest = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii_start();
    loop {
        let end: &[u8] = match rest {
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'?', ..] => b"?>",
            _ => return rest,
        };
        let Some(at) = rest.windows(end.len()).position(|window| window == end) else {
            return rest;
        };
        rest = rest[at + end.len()..].trim_ascii_start();
    }
}

/// The text of a body, as far as it fits on a line.
fn first_line(body: &[u8]) -> String {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match is_xml(body) || line.is_empty() {
        true => String::new(),
        false => format!(": {}", plain(&line.trim().chars().take(LONGEST).collect::<String>())),
    }
}

/// In characters.
const LONGEST: usize = 120;

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    const PAGE: &str = "<!DOCTYPE html>\n<html><body>hello</body></html>";

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> HttpResponse {
        let status = StatusCode::try_from(status).expect("a status");
        let mut raw = HttpResponse::new(status, SdkBody::from(body));
        headers.iter().for_each(|(name, value)| drop(raw.headers_mut().insert(*name, *value)));
        let place = Place::of("http://minio:9001/site").expect("a place");
        raw.add_extension(Answerer { place, proxy: None });
        raw
    }

    #[track_caller]
    fn told(raw: &HttpResponse, expected: Option<(&str, &str)>) {
        let found = find(None, raw);
        let found = found.as_ref().map(|it| (it.what.as_str(), it.hint.as_str()));
        match (found, expected) {
            (Some((what, hint)), Some((expected, in_hint))) => {
                assert_eq!(what, expected);
                assert!(hint.contains(in_hint), "{hint}");
            }
            (found, expected) => assert_eq!(found, expected),
        }
    }

    #[test]
    fn a_page_is_known_by_its_beginning() {
        for (body, expected) in [
            (PAGE, true),
            ("\u{feff}\n <HTML lang=en>", true),
            ("<!-- built today --><!doctype html>", true),
            ("<?xml version=\"1.0\"?><!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0\">", true),
            ("<head><title>x</title></head>", true),
            ("<META http-equiv=refresh>", true),
            ("<ListBucketResult><p>", false),
            ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", false),
            ("<ListBucketResult></ListBucketResult>", false),
            ("<!-- no end <html>", false),
            ("hello <html>", false),
            ("", false),
        ] {
            assert_eq!(is_page(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn an_answer_that_is_not_a_stores_is_told_with_the_host_and_what_to_check() {
        let page = "`minio:9001` answered with a web page and not as an S3 store (HTTP 200)";
        told(&answer(200, &[], PAGE), Some((page, "console")));
        told(&answer(200, &[], "<script>location='/login'</script>"), Some((page, "console")));
        let page = "`minio:9001` answered with a web page and not as an S3 store (HTTP 404)";
        told(&answer(404, &[], PAGE), Some((page, "console")));
        let page = "`minio:9001`, or something before it, refused this with a web page (HTTP 403)";
        told(&answer(403, &[], PAGE), Some((page, "firewall")));
        let text = "`minio:9001` did not answer as an S3 store (HTTP 200)";
        told(&answer(200, &[], ""), Some((text, "`endpoint`")));
        let page = "`minio:9001` answered with a web page and not as an S3 store (HTTP 511)";
        told(&answer(511, &[], PAGE), Some((page, "login page")));
        let text = "`minio:9001` did not answer as an S3 store (HTTP 511)";
        told(&answer(511, &[], ""), Some((text, "login page")));
        let text = "`minio:9001` did not answer as an S3 store (HTTP 400): Client sent an HTTP request to an HTTPS server.";
        let body = "Client sent an HTTP request to an HTTPS server.\n";
        told(&answer(400, &[], body), Some((text, "`endpoint`")));
    }

    #[test]
    fn a_redirect_shows_the_host_that_it_leads_to_and_no_more() {
        let leads = |status, location| answer(status, &[("location", location)], "");
        let what = "`minio:9001` redirects to `https://login.example` instead of answering as an S3 store (HTTP 302)";
        told(&leads(302, "https://me:token@login.example/?next=secret"), Some((what, "console")));
        let what =
            "`minio:9001` redirects to another page instead of answering as an S3 store (HTTP 303)";
        told(&leads(303, "/login"), Some((what, "console")));
        let what = "`minio:9001` redirects to `https://minio` instead of answering as an S3 store (HTTP 301)";
        told(&leads(301, "https://minio/site"), Some((what, "https://")));
    }

    #[test]
    fn an_answer_that_may_be_a_stores_is_left_to_its_code() {
        let region = [("x-amz-bucket-region", "eu-west-1"), ("location", "https://s3.example")];
        told(&answer(301, &region, ""), None);
        told(&answer(307, &[], ""), None);
        for status in [403, 404, 405, 400] {
            told(&answer(status, &[], ""), None);
        }
        told(&answer(403, &[], "Forbidden"), None);
        // From a gateway whose store is busy, or which accepts no file of this size.
        for status in [408, 413, 429, 500, 502, 503, 520] {
            told(&answer(status, &[], PAGE), None);
        }
        assert_eq!(find(Some("AccessDenied"), &answer(403, &[], PAGE)), None);
    }
}
