//! Runs at each try of every request. It counts the try, detects answers that broke off or hide an error, and tells
//! `Concurrency` and `Line` how uploads are answered.
//!
//! When the SDK reads XML, it takes a missing end tag for the end of the list. So a listing that broke off looks like a
//! short one, and the objects that it misses look deleted. So the end is checked here.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aws_sdk_s3::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};

use super::concurrency::Concurrency;
use crate::bucket::aws::{self, Line};

#[derive(Clone, Debug)]
pub struct Watch {
    pub requests: Arc<AtomicU64>,
    pub pace: Concurrency,
    pub line: Line,
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.request().method() == "PUT" {
            context.request_mut().add_extension(self.line.clone());
        }
        let request = context.request_mut();
        // For an empty body, such as that of a copy, the HTTP client sends no length, and some stores then answer 411.
        // <https://www.rfc-editor.org/rfc/rfc9110#section-8.6-5>
        if matches!(request.method(), "PUT" | "POST") && request.body().content_length() == Some(0)
        {
            request.headers_mut().insert("content-length", "0");
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if context.request().method() == "PUT" {
            state.interceptor_state().store_put(Sent(Instant::now()));
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let (status, body) = (context.response().status().as_u16(), context.response().body());
        if let Some(Sent(sent)) = state.load::<Sent>() {
            let now = Instant::now();
            match status {
                _ if is_throttled(status, body.bytes()) => self.pace.throttled(now),
                200..300 => self.pace.answered(now - *sent),
                _ => {}
            }
        }
        match body.bytes() {
            Some(body) if (200..300).contains(&status) && aws::is_page(body) => {
                Err(Broken::Page.into())
            }
            Some(body) if (200..300).contains(&status) => Ok(whole(body)?),
            _ => Ok(()),
        }
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().and_then(Result::err);
        let error = error.and_then(|error| error.as_connector_error());
        if error.is_some_and(|error| error.is_timeout()) && state.load::<Sent>().is_some() {
            self.pace.throttled(Instant::now());
            self.line.stalled();
        }
        Ok(())
    }
}

/// When a try of a PUT was sent.
#[derive(Debug)]
struct Sent(Instant);

impl Storable for Sent {
    type Storer = StoreReplace<Sent>;
}

/// What is retried in addition to the SDK's own list: throttling with any status and code, answers of gateways, and
/// incomplete answers. A full store stays full, whatever its status is.
#[derive(Debug)]
pub struct TryAgain;

impl ClassifyRetry for TryAgain {
    fn name(&self) -> &'static str {
        "TryAgain"
    }

    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let (Some(response), Some(Err(_))) = (context.response(), context.output_or_error()) else {
            return RetryAction::NoActionIndicated;
        };
        let (status, body) = (response.status().as_u16(), response.body().bytes());
        let is_broken = || (200..300).contains(&status) && body.is_some_and(|b| whole(b).is_err());
        match status {
            _ if is_full(status, body) => RetryAction::RetryForbidden,
            200..300 if body.is_some_and(aws::is_page) => RetryAction::RetryForbidden,
            // A network that wants a login.
            511 => RetryAction::RetryForbidden,
            _ if is_throttled(status, body) => RetryAction::throttling_error(),
            // 505 and above come from gateways, such as Cloudflare's 520 to 527. 501 does not change.
            408 | 500 | 502.. => RetryAction::transient_error(),
            _ if is_broken() => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }
}

/// Whether a store is too busy. S3 answers 503 with `SlowDown`. Other stores and their gateways answer 429 with a code
/// of their own or none, or use status 400 with such a code.
fn is_throttled(status: u16, body: Option<&[u8]>) -> bool {
    match status {
        429 | 503 => true,
        200..300 | 400.. => body.and_then(code).is_some_and(aws::is_throttle),
        _ => false,
    }
}

fn is_full(status: u16, body: Option<&[u8]>) -> bool {
    let body = body.unwrap_or_default();
    aws::is_full(status, code(body), element(body, "<Message>", "</Message>"))
}

/// The code in an error's XML.
fn code(body: &[u8]) -> Option<&str> {
    element(body, "<Code>", "</Code>")
}

/// The text of an element in an error's XML. Errors are short, so a long body is not searched.
fn element<'b>(body: &'b [u8], open: &str, close: &str) -> Option<&'b str> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.len() < LONGEST_ERROR)?;
    let text = text.split_once("<Error")?.1;
    Some(text.split_once(open)?.1.split_once(close)?.0.trim())
}

/// In bytes.
const LONGEST_ERROR: usize = 16 << 10;

/// What is wrong with an answer of status 200.
#[derive(Debug, PartialEq, Eq)]
enum Broken {
    /// Its XML does not end.
    Off,
    /// It contains an error.
    Error(String),
    /// It is a page for browsers.
    Page,
}

impl std::error::Error for Broken {}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Off => f.write_str("the answer broke off"),
            Broken::Page => f.write_str("a web page answered in the store's place"),
            Broken::Error(code) => write!(f, "the store answered 200 with the error {code}"),
        }
    }
}

/// Whether a body is not XML, or is XML whose root is closed and is not an error.
fn whole(body: &[u8]) -> Result<(), Broken> {
    let body = body.trim_ascii();
    let Some(root) = root(body) else { return Ok(()) };
    let name = |byte: &u8| !(byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'));
    let name = &root[..root.iter().position(|byte| !name(byte)).unwrap_or(root.len())];
    if name == b"Error" {
        return Err(Broken::Error(code(body).unwrap_or("without a code").to_owned()));
    }
    let end = body.strip_suffix(b">").map(<[u8]>::trim_ascii_end);
    let is_closed = end.is_some_and(|end| match end.strip_suffix(name) {
        Some(before) => before.ends_with(b"</"),
        // `<DeleteResult/>`
        None => end.ends_with(b"/") && root.iter().filter(|byte| **byte == b'>').count() == 1,
    });
    if is_closed { Ok(()) } else { Err(Broken::Off) }
}

/// The XML from the name of its root on; `None` if it is not XML.
fn root(body: &[u8]) -> Option<&[u8]> {
    let mut rest = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    loop {
        rest = rest.trim_ascii_start().strip_prefix(b"<")?;
        if !rest.starts_with(b"?") && !rest.starts_with(b"!") {
            return Some(rest);
        }
        // A declaration or a comment. If it does not end, the result is an element that does not end.
        let Some(end) = rest.iter().position(|byte| *byte == b'>') else { return Some(rest) };
        rest = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_root_is_closed() {
        let error = |code: &str| Err(Broken::Error(code.into()));
        for (body, expected) in [
            ("", Ok(())),
            ("plain", Ok(())),
            ("<A></A>", Ok(())),
            ("<?xml version=\"1.0\"?>\n<A xmlns=\"x\"><B>1</B></A>\n", Ok(())),
            ("\u{feff}<?xml version=\"1.0\"?><A/>", Ok(())),
            ("<A />", Ok(())),
            ("<A></A >", Ok(())),
            ("<s:A><B/></s:A>", Ok(())),
            ("<A><B>1</B>", Err(Broken::Off)),
            ("<A><B/>", Err(Broken::Off)),
            ("<A><B>1</A", Err(Broken::Off)),
            ("<A", Err(Broken::Off)),
            ("<?xml version=\"1.0\"?>", Ok(())),
            ("<?xml version", Err(Broken::Off)),
            ("<AA></A>", Err(Broken::Off)),
            ("<Error><Code>SlowDown</Code></Error>", error("SlowDown")),
            ("<Error/>", error("without a code")),
        ] {
            assert_eq!(whole(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn throttling_is_known_by_its_status_or_its_code() {
        let error = |code: &str| format!("<Error><Code>{code}</Code></Error>");
        for (status, body, expected) in [
            (429, "", true),
            (429, "<html>", true),
            (503, "", true),
            (429, &*error("TooManyRequests"), true),
            (400, &error("SlowDown"), true),
            (403, &error("RequestLimitExceeded"), true),
            (200, &error("SlowDown"), true),
            (400, &error("InvalidRequest"), false),
            (400, "SlowDown", false),
            (500, "", false),
            (200, "", false),
        ] {
            assert_eq!(is_throttled(status, Some(body.as_bytes())), expected, "{status} {body}");
        }
    }
}
