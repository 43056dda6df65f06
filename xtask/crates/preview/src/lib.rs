//! The site as visitors will see it: the website endpoint of an embedded bucket, on a port of this machine, with
//! a script in each page that reloads it when the site changes; and on another port, what a deploy would change.
//!
//! What is served is what a deploy of the same files would put into the bucket, headers and all. The script is
//! added only to what a browser asks for as a page; everything else is answered as the bucket would.
//!
//! The two ports are two origins to a browser. What stands on the second is read from an account, and the scripts of
//! the site, which anybody may have written, cannot read it.

mod answer;
mod comparison;
mod connections;
mod contents;
mod diff;
mod guard;
mod inject;
mod listen;
mod long_lines;
mod news;
mod pages;
mod socket;
mod tags;
pub mod watch;
mod worker;

use std::collections::{BTreeSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use futures_util::FutureExt;
use percent_encoding::percent_decode_str;
use tokio::sync::{Notify, watch as latest};
use tokio::task::JoinHandle;

use engine::base::headers;
use engine::base::key::Prefix;
use engine::repository::config;
use local::store::Store;
use local::website::{self, Website};

use answer::Door;
use guard::Names;
use worker::Browsers;

pub use comparison::{About, Compared, Comparison, Remote};
pub use listen::{Listeners, listen};
pub use news::News;

/// What the script in the site's pages asks for is below this path, whatever the site's paths.
const OWN_PATH: &str = "/_preview/";

/// So many keys are remembered that browsers asked for: those of a few pages.
const MOST_ASKED: usize = 64;

/// What is served, and to whom it is told that it changes. Cheap to clone.
#[derive(Clone)]
pub struct Preview(Arc<Shared>);

struct Shared {
    store: Arc<Store>,
    /// `None` until the site was built once.
    shown: RwLock<Option<Arc<Shown>>>,
    comparison: RwLock<Option<Arc<Comparison>>>,
    news: latest::Sender<News>,
    /// While what is served is being changed, the keys that are what they will be already.
    changing: latest::Sender<Option<BTreeSet<String>>>,
    /// Somebody waits for what is being changed.
    waiting: Notify,
    /// The keys that browsers asked for last.
    asked: Mutex<VecDeque<String>>,
    /// Somebody wants the account's bucket to be listed again.
    look: Notify,
    names: Names,
    ports: Ports,
    /// What the paths of the tool's own pages begin with. Nobody can guess it.
    token: String,
    browsers: Mutex<Browsers>,
    /// Whether the site has a service worker.
    has_worker: AtomicBool,
    /// A service worker of an earlier site was found in a browser.
    found_worker: Notify,
}

#[derive(Clone, Copy)]
struct Ports {
    site: u16,
    pages: u16,
}

/// What visitors of the preview see.
#[derive(PartialEq, Eq)]
pub struct Shown {
    pub website: Website,
    /// The address that the site will have.
    pub url: Option<String>,
}

/// Who asks for a part of the site waits until this is dropped, so that nobody is given half of a change.
pub struct Change(Preview);

impl Change {
    /// Lets those go on who ask for these keys: they are what they will be.
    pub fn is_done_for(&self, keys: BTreeSet<String>) {
        // Who waits for something else says so again.
        let _ = self.0.0.waiting.notified().now_or_never();
        self.0.0.changing.send_replace(Some(keys));
    }

    /// Takes back that some keys are what they will be, if one of them changes once more: who has it has an old one.
    pub fn goes_on(&self, changes: impl Fn(&str) -> bool) {
        let is_done = |keys: &BTreeSet<String>| keys.iter().any(|key| changes(key));
        let is_outdated = self.0.0.changing.borrow().as_ref().is_some_and(is_done);
        if is_outdated {
            self.0.close(Vec::new());
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.0.0.changing.send_replace(None);
    }
}

/// A preview that is served until this is dropped.
pub struct Server {
    site: SocketAddr,
    pages: SocketAddr,
    token: String,
    tasks: [JoinHandle<()>; 2],
}

/// Serves the buckets of a store. Until a website is [shown](Preview::show), a page says that it is being built.
///
/// # Errors
/// A listener has no address.
pub fn serve(
    listeners: Listeners,
    store: Arc<Store>,
    host: Option<&str>,
    version: u64,
) -> io::Result<(Preview, Server)> {
    let (site, pages) = (listeners.site.local_addr()?, listeners.pages.local_addr()?);
    let token = token();
    let preview = Preview(Arc::new(Shared {
        store,
        shown: RwLock::default(),
        comparison: RwLock::default(),
        news: latest::Sender::new(News::first(version)),
        changing: latest::Sender::new(None),
        waiting: Notify::new(),
        asked: Mutex::default(),
        look: Notify::new(),
        names: Names::of_this_machine(host),
        ports: Ports { site: site.port(), pages: pages.port() },
        token: token.clone(),
        browsers: Mutex::default(),
        has_worker: AtomicBool::new(false),
        found_worker: Notify::new(),
    }));
    let accept =
        |listener, door| tokio::spawn(connections::accept(listener, preview.clone(), door));
    let tasks = [accept(listeners.site, Door::Site), accept(listeners.pages, Door::Pages)];
    Ok((preview, Server { site, pages, token, tasks }))
}

/// A text that nobody can guess: the keys of [`RandomState`] are the system's random numbers.
fn token() -> String {
    let number = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", number(), number())
}

impl Server {
    /// The address of a path of the site, for a browser of this machine.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", listen::here(self.site))
    }

    /// The same for other machines, if they are let in by any address.
    pub fn urls_on_the_network(&self, path: &str) -> Vec<String> {
        let addresses = listen::on_the_network(self.site).into_iter();
        addresses.map(|address| format!("http://{address}{path}")).collect()
    }

    /// The address of the tool's own pages.
    pub fn pages_url(&self) -> String {
        format!("http://{}/{}/", listen::here(self.pages), self.token)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Preview {
    /// Serves this from now on.
    pub fn show(&self, shown: Shown) {
        *self.0.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(shown));
    }

    /// Gives this comparison to the page that shows it.
    pub fn compare(&self, comparison: Comparison) {
        let comparison = Arc::new(comparison);
        *self.0.comparison.write().unwrap_or_else(PoisonError::into_inner) = Some(comparison);
        self.tell(|news| news.compared());
    }

    /// The path of the site's first page.
    pub fn home(&self) -> String {
        self.shown().map_or_else(|| "/".to_owned(), |shown| website::encode(&shown.website.base))
    }

    /// Tells open pages that the site has changed, in nothing but these style sheets if there are any, and lets them
    /// wait until it has.
    pub fn change(&self, styles: Vec<String>) -> Change {
        self.close(styles);
        Change(self.clone())
    }

    /// In this order: who is let through before it knows the version before.
    fn close(&self, styles: Vec<String>) {
        self.0.changing.send_replace(Some(BTreeSet::new()));
        self.tell(|news| news.changed(styles));
    }

    /// Whether this is what visitors see.
    pub fn shows(&self, shown: &Shown) -> bool {
        self.shown().is_some_and(|now| *now == *shown)
    }

    /// Tells open pages what is new.
    pub fn tell(&self, change: impl FnOnce(&mut News)) {
        self.0.news.send_modify(change);
    }

    /// Ends when somebody asks for the account's bucket to be listed again.
    pub async fn wants_look(&self) {
        self.0.look.notified().await;
    }

    /// Ends when a service worker of an earlier site is found in a browser.
    pub async fn finds_worker(&self) {
        self.0.found_worker.notified().await;
    }

    fn found_worker(&self) {
        self.tell(|news| news.worker = true);
        self.0.found_worker.notify_one();
    }

    fn has_worker(&self) -> bool {
        self.0.has_worker.load(Ordering::Relaxed)
    }

    fn serves_worker(&self) {
        self.0.has_worker.store(true, Ordering::Relaxed);
    }

    fn lock_browsers(&self) -> MutexGuard<'_, Browsers> {
        self.0.browsers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys that browsers asked for last, which is what open pages are made of.
    pub fn asked(&self) -> BTreeSet<String> {
        self.lock_asked().iter().cloned().collect()
    }

    fn remember_asked(&self, key: String) {
        let mut asked = self.lock_asked();
        asked.retain(|earlier| *earlier != key);
        asked.push_back(key);
        if asked.len() > MOST_ASKED {
            // A page with many pictures is still what is looked at.
            let is_page = |key: &String| headers::is_page(key, &headers::content_type(key));
            let oldest = asked.iter().position(|key| !is_page(key));
            asked.remove(oldest.unwrap_or(0));
        }
    }

    fn lock_asked(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when somebody waits for what is being changed.
    pub async fn is_waited_for(&self) {
        self.0.waiting.notified().await;
    }

    /// Ends when what a path stands for is not being changed. Returns the version that it is of.
    async fn is_settled(&self, path: &str) -> u64 {
        let key = self.shown().and_then(|shown| shown.website.key(path));
        let is_settled = |changing: &Option<BTreeSet<String>>| match (changing, &key) {
            (None, _) => true,
            (Some(done), Some(key)) => done.contains(key),
            (Some(_), None) => false,
        };
        let mut changing = self.0.changing.subscribe();
        loop {
            {
                let changing = changing.borrow_and_update();
                if is_settled(&changing) {
                    // Nothing begins to change while this is held.
                    return self.0.news.borrow().version;
                }
            }
            self.0.waiting.notify_one();
            // The sender lives as long as this does.
            let _ = changing.changed().await;
        }
    }

    fn shown(&self) -> Option<Arc<Shown>> {
        self.0.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn comparison(&self) -> Option<Arc<Comparison>> {
        self.0.comparison.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The website of a site in a bucket. Its paths begin as those of the address that it will have: a bucket's
/// folder may be served as the root of a domain.
pub fn website(
    bucket: String,
    prefix: &Prefix,
    url: Option<&str>,
    config: &config::Website,
) -> Website {
    let base = match url {
        Some(url) => path_of(url),
        None => format!("/{prefix}"),
    };
    let config::Website { index, error } = config.clone();
    Website { bucket, prefix: prefix.as_str().to_owned(), base, index, error }
}

/// The path of an address, as text, ending in a slash.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = rest.find('/').map_or("", |slash| &rest[slash..]);
    let path = percent_decode_str(path.trim_end_matches('/')).decode_utf8_lossy();
    format!("{path}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_address_ends_in_a_slash() {
        for (url, path) in [
            ("https://example.com", "/"),
            ("https://example.com/", "/"),
            ("https://example.com/docs", "/docs/"),
            ("https://example.com/a/b/?x#y", "/a/b/"),
            ("example.com/docs/", "/docs/"),
            ("https://example.com/a%20b/", "/a b/"),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }

    async fn started() -> (tempfile::TempDir, Preview, Server) {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let listener = listen(None, Some(0)).await.unwrap();
        let (preview, server) = serve(listener, store, None, 7).unwrap();
        (folder, preview, server)
    }

    #[tokio::test]
    async fn who_asks_during_a_change_is_answered_after_it() {
        let (_folder, preview, _server) = started().await;
        let change = preview.change(Vec::new());
        assert_eq!(preview.0.news.borrow().version, 8, "pages are told before it has happened");
        let asking = tokio::spawn({
            let preview = preview.clone();
            async move { preview.is_settled("/a/").await }
        });
        // Let it come as far as it can.
        tokio::task::yield_now().await;
        assert!(!asking.is_finished());
        drop(change);
        asking.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_changed_already_is_not_waited_for() {
        let (_folder, preview, _server) = started().await;
        let prefix = Prefix::new("docs/").unwrap();
        let config = config::Website { index: "index.html".into(), error: "404.html".into() };
        let website = website("preview".into(), &prefix, None, &config);
        preview.show(Shown { website, url: None });

        let change = preview.change(Vec::new());
        change.is_done_for(BTreeSet::from(["docs/a/index.html".to_owned()]));
        for (path, is_done) in [
            ("/docs/a/", true),
            ("/docs/a/index.html", true),
            ("/docs/%61/", true),
            ("/docs/a", false),
            ("/a/", false),
            ("/docs/b", false),
        ] {
            let settled = preview.is_settled(path).now_or_never();
            assert_eq!(settled.is_some(), is_done, "{path}");
        }
    }

    #[tokio::test]
    async fn who_has_what_changes_once_more_is_told_again() {
        let (_folder, preview, _server) = started().await;
        let change = preview.change(Vec::new());
        change.is_done_for(BTreeSet::from(["a".to_owned()]));
        change.goes_on(|key| key == "b");
        assert_eq!(preview.0.news.borrow().version, 8);
        assert_eq!(*preview.0.changing.borrow(), Some(BTreeSet::from(["a".to_owned()])));
        change.goes_on(|key| key == "a");
        assert_eq!(preview.0.news.borrow().version, 9);
        assert_eq!(*preview.0.changing.borrow(), Some(BTreeSet::new()), "and waits");
    }

    #[tokio::test]
    async fn only_who_waits_for_something_else_hurries_the_rest() {
        let (_folder, preview, _server) = started().await;
        let config = config::Website { index: "index.html".into(), error: "404.html".into() };
        let website = website("preview".into(), &Prefix::default(), None, &config);
        preview.show(Shown { website, url: None });
        let change = preview.change(Vec::new());
        let (mut a, mut b) =
            (Box::pin(preview.is_settled("/a")), Box::pin(preview.is_settled("/b")));
        assert_eq!(((&mut a).now_or_never(), (&mut b).now_or_never()), (None, None));
        change.is_done_for(BTreeSet::from(["a".to_owned()]));
        assert_eq!(a.now_or_never(), Some(8));
        assert_eq!(preview.is_waited_for().now_or_never(), None);
        assert_eq!((&mut b).now_or_never(), None);
        assert_eq!(preview.is_waited_for().now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn the_keys_that_were_asked_for_last_are_remembered_once() {
        let (_folder, preview, _server) = started().await;
        for n in (0..=MOST_ASKED).chain([1, 1]) {
            preview.remember_asked(n.to_string());
        }
        preview.remember_asked("new".into());
        let asked = preview.asked();
        assert_eq!(asked.len(), MOST_ASKED);
        assert!(asked.contains("1") && !asked.contains("0") && !asked.contains("2"));
        preview.remember_asked("page.html".into());
        for n in 0..=MOST_ASKED {
            preview.remember_asked(format!("{n}.png"));
        }
        assert!(preview.asked().contains("page.html"));
        assert_eq!(preview.asked().len(), MOST_ASKED);
    }
}
