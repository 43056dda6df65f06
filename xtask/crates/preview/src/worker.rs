//! Service workers that an earlier site left in a browser under the preview's address. Such a worker answers for
//! the site that is previewed now: the browser shows the earlier site and asks nothing of the preview.
//!
//! What a browser still asks for is the worker's own script, to see whether it has changed. It says so in a header,
//! and no worker can answer that request. The script that it gets here takes the worker's place, and shows a page
//! that explains it and has a button to remove it.
//! <https://w3c.github.io/ServiceWorker/#update-algorithm>

use std::collections::VecDeque;

use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderName, REFERER, USER_AGENT};
use hyper::http::request::Parts;

use local::website::Body;

const SERVICE_WORKER: HeaderName = HeaderName::from_static("service-worker");

/// More browsers than anybody tries a site with.
const MOST_BROWSERS: usize = 32;

/// The script that takes a leftover worker's place.
pub const SCRIPT: &str = include_str!("assets/worker.js");
/// The page that the script shows, and the page's own script.
pub const PAGE: &str = include_str!("assets/worker.html");
pub const PAGE_SCRIPT: &str = include_str!("assets/remove.js");

/// The browsers that have had a page of this preview, by what they call themselves.
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

/// Whether a service worker asks, which may store the answer and show it as a page later. What a worker asks for is
/// referred by its script, and what a page asks for by the page.
pub fn stores(request: &Parts) -> bool {
    let referer = request.headers.get(REFERER).and_then(|referer| referer.to_str().ok());
    let path = referer.and_then(|referer| referer.split(['?', '#']).next());
    path.is_some_and(|path| path.ends_with(".js") || path.ends_with(".mjs"))
}

/// Whether the worker whose script is asked for is an earlier site's. It is if the site has no such script. It also
/// is if the browser asks for it without having had a page first: a worker has shown it another.
pub fn is_leftover(request: &Parts, response: &Response<Body>, browsers: &Browsers) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    let is_script = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("javascript"));
    !response.status().is_success() || !is_script || !browsers.include(name_of(request))
}
