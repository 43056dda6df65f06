//! Service workers that an earlier site left in a browser under the preview's address. Such a worker answers in place
//! of the site that is previewed now: the browser shows the earlier site and sends the preview no request for it.
//!
//! The browser still asks for the worker's own script, to see whether it has changed. A header marks that request, and
//! no worker can answer it. The script that it gets here takes the worker's place, and shows a page that explains the
//! problem and has a button to remove the worker.
//! <https://w3c.github.io/ServiceWorker/#update-algorithm>

use std::collections::VecDeque;

use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderName, REFERER, USER_AGENT};
use hyper::http::request::Parts;

use local::website::Body;

const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");

/// How many browsers are remembered. Nobody tests a site with more.
const MOST_BROWSERS: usize = 32;

/// The script that takes a leftover worker's place.
pub const SCRIPT: &str = include_str!("assets/worker.js");
/// The page that the script shows, and the page's own script.
pub const PAGE: &str = include_str!("assets/worker.html");
pub const PAGE_SCRIPT: &str = include_str!("assets/remove.js");

/// The browsers that got a page of this preview, by their `User-Agent`.
#[derive(Default)]
pub struct Browsers(VecDeque<String>);

impl Browsers {
    pub fn remember(&mut self, request: &Parts) {
        let name = name_of(request);
        if self.include(name) {
            return;
        }
        self.0.push_back(name.to_owned());
        if self.0.len() > MOST_BROWSERS {
            self.0.pop_front();
        }
    }

    fn include(&self, name: &str) -> bool {
        self.0.iter().any(|known| known == name)
    }
}

fn name_of(request: &Parts) -> &str {
    request.headers.get(USER_AGENT).and_then(|name| name.to_str().ok()).unwrap_or_default()
}

/// Whether a request asks for the script of a service worker.
/// <https://w3c.github.io/ServiceWorker/#service-worker-script-request>
pub fn is_script(request: &Parts) -> bool {
    request.headers.get(SERVICE_WORKER).is_some_and(|kind| kind == "script")
}

/// Whether a service worker sent a request. It may store the answer and show it as a page later. The `Referer` of its
/// requests is its script; the `Referer` of a page's requests is the page.
pub fn stores(request: &Parts) -> bool {
    let referer = request.headers.get(REFERER).and_then(|referer| referer.to_str().ok());
    let path = referer.and_then(|referer| referer.split(['?', '#']).next());
    path.is_some_and(|path| path.ends_with(".js") || path.ends_with(".mjs"))
}

/// Whether a request is for the script of an earlier site's worker. There are two signs: the site has no such script,
/// or the browser got no page from this preview before, so a worker must have shown it another.
pub fn is_leftover(request: &Parts, response: &Response<Body>, browsers: &Browsers) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    let is_script = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("javascript"));
    !response.status().is_success() || !is_script || !browsers.include(name_of(request))
}
