//! The answer to a request that has no object.

use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName};
use hyper::{Response, StatusCode};

use super::Website;
use super::response::{Body, set, text};

/// Why there is no object, in S3's words.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
pub struct Refused {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: &'static str,
    pub key: Option<String>,
    /// The size in bytes of the object, if the requested range lies outside it.
    pub size: Option<u64>,
}

impl Refused {
    pub fn new(status: StatusCode, code: &'static str, message: &'static str) -> Refused {
        Refused { status, code, message, key: None, size: None }
    }

    pub fn missing(key: &str) -> Refused {
        let message = "The specified key does not exist.";
        let refused = Refused::new(StatusCode::NOT_FOUND, "NoSuchKey", message);
        Refused { key: Some(key.to_owned()), ..refused }
    }

    pub fn broken(message: &'static str) -> Refused {
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message)
    }

    /// The answer, with the error document if there is one.
    pub fn answer(self, website: &Website, document: Option<Response<Body>>) -> Response<Body> {
        let mut response = document.unwrap_or_else(|| {
            let page = page(website, &self);
            let length = page.len().to_string();
            let mut response = Response::new(text(page));
            set(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
            set(&mut response, CONTENT_LENGTH, &length);
            response
        });
        *response.status_mut() = self.status;
        set(&mut response, HeaderName::from_static("x-amz-error-code"), self.code);
        set(&mut response, HeaderName::from_static("x-amz-error-message"), self.message);
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            set(&mut response, ALLOW, "GET, HEAD");
        }
        if let Some(size) = self.size {
            // https://www.rfc-editor.org/rfc/rfc9110#section-15.5.17
            set(&mut response, CONTENT_RANGE, &format!("bytes */{size}"));
        }
        response
    }
}

/// A page of a few lines, for a site without an error document.
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
