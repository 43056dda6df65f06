//! The two ports on which a preview is served, and the addresses that lead to them.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::answer::Door;
use super::guard::Names;
use super::listen::{self, Listeners};
use super::state::State;
use super::{Ports, Preview, Shared, connections};
use local::store::Store;

/// A preview that is served until this is dropped.
pub struct Server {
    site: SocketAddr,
    pages: SocketAddr,
    token: String,
    tasks: [JoinHandle<()>; 2],
}

/// Serves the buckets of a store. Until a website is [shown](Preview::show), a page says that it is being built. `host`
/// is the name or address that the user gave for this machine, and `version` the first version of the site.
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
        state: watch::Sender::new(State::first(version)),
        visitors: Default::default(),
        store,
        names: Names::of_this_machine(host),
        ports: Ports { site: site.port(), pages: pages.port() },
        token: token.clone(),
    }));
    let accept =
        |listener, door| tokio::spawn(connections::accept(listener, preview.clone(), door));
    let tasks = [accept(listeners.site, Door::Site), accept(listeners.pages, Door::Pages)];
    Ok((preview, Server { site, pages, token, tasks }))
}

/// A text that nobody can guess: the keys of [`RandomState`] are random numbers of the operating system.
fn token() -> String {
    let number = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", number(), number())
}

impl Server {
    /// The address of a path of the site, for a browser on this machine.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", listen::here(self.site))
    }

    /// The addresses of the same path for other machines. The list is empty if only this machine is served.
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
