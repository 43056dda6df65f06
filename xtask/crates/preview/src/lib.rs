//! The site as visitors will see it, on a port of this machine. On another port, what a deploy would change.
//!
//! The first port is the website endpoint of an embedded bucket. It serves what a deploy of the same files would put
//! into the real bucket, including the headers. Pages that a browser asks for get a script that reloads them when the
//! site changes; everything else is answered as the bucket would answer it.
//!
//! A browser treats two ports as two origins. The second port shows what an account's bucket holds, and the scripts of
//! the site, which anybody may have written, cannot read another origin.

mod server;
mod listen;
mod connections;
mod guard;
mod answer;
mod socket;
mod inject;
mod own_links;
mod tags;
mod worker;
mod state;
mod news;
mod shown;
mod visitors;
mod pages;
mod comparison;
mod contents;
mod diff;
pub mod watch;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch as latest;

use local::store::Store;
use local::website;

use guard::Names;
use state::State;
use visitors::Visitors;

pub use comparison::{About, Compared, Comparison, Remote};
pub use listen::{Listeners, listen};
pub use news::News;
pub use server::{Server, serve};
pub use shown::{Shown, website};

/// The paths that the script in the site's pages asks for begin with this, whatever paths the site has.
const OWN_PATH: &str = "/_preview/";

/// What is served, and the means to change it. Cheap to clone.
#[derive(Clone)]
pub struct Preview(Arc<Shared>);

struct Shared {
    state: latest::Sender<State>,
    visitors: Mutex<Visitors>,
    store: Arc<Store>,
    names: Names,
    ports: Ports,
    /// The first part of the paths of the tool's own pages. Nobody can guess it.
    token: String,
}

#[derive(Clone, Copy)]
struct Ports {
    site: u16,
    pages: u16,
}

/// A change of the site. Requests for the site wait until this is dropped, so that no page gets half of the change.
pub struct Change(Preview);

impl Change {
    /// Answers requests for these keys from now on, because their objects are new already.
    pub fn is_done_for(&self, keys: BTreeSet<String>) {
        self.0.0.state.send_modify(|state| state.let_through(keys));
    }

    /// Makes all requests wait again, if one of the keys that are done changes once more. Pages are told of another new
    /// version, since they may have got what is old now.
    pub fn goes_on(&self, changes: impl Fn(&str) -> bool) {
        self.0.0.state.send_if_modified(|state| state.close_again(changes));
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.0.0.state.send_modify(State::open);
    }
}

impl Preview {
    /// Serves this from now on.
    pub fn show(&self, shown: Shown) {
        self.0.state.send_modify(|state| state.shown = Some(Arc::new(shown)));
    }

    /// Whether this is served now.
    pub fn shows(&self, shown: &Shown) -> bool {
        self.shown().is_some_and(|now| *now == *shown)
    }

    /// Gives this comparison to the page that shows it.
    pub fn compare(&self, comparison: Comparison) {
        self.0.state.send_modify(|state| {
            state.comparison = Some(Arc::new(comparison));
            state.news.compared();
        });
    }

    /// The path of the site's home page.
    pub fn home(&self) -> String {
        self.shown().map_or_else(|| "/".to_owned(), |shown| website::encode(&shown.website.base))
    }

    /// Begins a change: tells open pages that there is a new version, and makes their requests wait for it. Only
    /// `styles`, which are paths of style sheets, change, unless the list is empty.
    pub fn change(&self, styles: Vec<String>) -> Change {
        self.0.state.send_modify(|state| state.close(styles));
        Change(self.clone())
    }

    /// Changes what open pages are told.
    pub fn tell(&self, change: impl FnOnce(&mut News)) {
        self.0.state.send_modify(|state| change(&mut state.news));
    }

    /// Waits until a page asks for the account's bucket to be listed again.
    pub async fn wants_look(&self) {
        self.wait_for(|state| state.wants_listing).await;
        self.0.state.send_modify(|state| state.wants_listing = false);
    }

    /// Waits until a browser is found to have a service worker of an earlier site.
    pub async fn finds_worker(&self) {
        self.wait_for(|state| state.news.worker).await;
    }

    /// Waits until a request waits for the change that is going on.
    pub async fn is_waited_for(&self) {
        self.wait_for(State::is_awaited).await;
    }

    /// The keys that browsers asked for last. Open pages consist of them.
    pub fn asked(&self) -> BTreeSet<String> {
        self.visitors().asked()
    }

    /// Waits until the object of a path is not being changed. Returns the version of the site that it belongs to.
    async fn is_settled(&self, path: &str) -> u64 {
        let key = self.shown().and_then(|shown| shown.website.key(path));
        self.0.state.send_if_modified(|state| state.await_key(key.as_ref()));
        self.wait_for(|state| state.lets_through(key.as_ref())).await
    }

    /// Waits for a state, and returns the version that the site has in it.
    async fn wait_for(&self, is_reached: impl Fn(&State) -> bool) -> u64 {
        let mut state = self.0.state.subscribe();
        let reached = state.wait_for(is_reached).await.map(|state| state.news.version);
        match reached {
            Ok(version) => version,
            // This cannot happen: `self` holds the sender.
            Err(_) => std::future::pending().await,
        }
    }

    fn visitors(&self) -> MutexGuard<'_, Visitors> {
        self.0.visitors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> Option<Arc<Shown>> {
        self.0.state.borrow().shown.clone()
    }

    fn comparison(&self) -> Option<Arc<Comparison>> {
        self.0.state.borrow().comparison.clone()
    }
}

#[cfg(test)]
mod tests {
    use engine::base::Prefix;
    use engine::repository::config;
    use futures_util::FutureExt;

    use super::*;

    async fn started() -> (tempfile::TempDir, Preview, Server) {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).unwrap());
        let listener = listen(None, Some(0)).await.unwrap();
        let (preview, server) = serve(listener, store, None, 7).unwrap();
        (folder, preview, server)
    }

    fn show(preview: &Preview, prefix: &str) {
        let prefix = Prefix::new(prefix).unwrap();
        let config = config::Website { index: "index.html".into(), error: "404.html".into() };
        let website = website("preview".into(), &prefix, None, &config);
        preview.show(Shown { website, url: None });
    }

    fn version(preview: &Preview) -> u64 {
        preview.0.state.borrow().news.version
    }

    #[tokio::test]
    async fn a_request_during_a_change_is_answered_after_it() {
        let (_folder, preview, _server) = started().await;
        let change = preview.change(Vec::new());
        assert_eq!(version(&preview), 8, "pages are told before it has happened");
        let asking = tokio::spawn({
            let preview = preview.clone();
            async move { preview.is_settled("/a/").await }
        });
        // Let it come as far as it can.
        tokio::task::yield_now().await;
        assert!(!asking.is_finished());
        drop(change);
        assert_eq!(asking.await.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_request_for_what_is_changed_already_does_not_wait() {
        let (_folder, preview, _server) = started().await;
        show(&preview, "docs/");

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
    async fn a_page_whose_file_changes_once_more_is_told_again_and_waits() {
        let (_folder, preview, _server) = started().await;
        show(&preview, "");
        let change = preview.change(Vec::new());
        change.is_done_for(BTreeSet::from(["a".to_owned()]));
        change.goes_on(|key| key == "b");
        assert_eq!(version(&preview), 8);
        assert_eq!(preview.is_settled("/a").now_or_never(), Some(8));
        change.goes_on(|key| key == "a");
        assert_eq!(version(&preview), 9);
        assert_eq!(preview.is_settled("/a").now_or_never(), None);
    }

    #[tokio::test]
    async fn only_a_request_for_another_file_hurries_the_rest() {
        let (_folder, preview, _server) = started().await;
        show(&preview, "");
        let change = preview.change(Vec::new());
        let (mut a, mut b) =
            (Box::pin(preview.is_settled("/a")), Box::pin(preview.is_settled("/b")));
        assert_eq!(preview.is_waited_for().now_or_never(), None);
        assert_eq!((&mut a).now_or_never(), None);
        assert_eq!(preview.is_waited_for().now_or_never(), Some(()));
        change.is_done_for(BTreeSet::from(["a".to_owned()]));
        assert_eq!(a.now_or_never(), Some(8));
        assert_eq!(preview.is_waited_for().now_or_never(), None);
        assert_eq!((&mut b).now_or_never(), None);
        assert_eq!(preview.is_waited_for().now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn the_wish_to_list_again_is_kept_until_it_is_taken() {
        let (_folder, preview, _server) = started().await;
        assert_eq!(preview.wants_look().now_or_never(), None);
        preview.0.state.send_modify(|state| state.wants_listing = true);
        assert_eq!(preview.wants_look().now_or_never(), Some(()));
        assert_eq!(preview.wants_look().now_or_never(), None);
    }
}
