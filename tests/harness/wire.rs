//! Sits between the tool and the store: passes requests on unchanged, counts them, and disturbs those that a test
//! chooses. [`fault`] lists the possible faults; a rule decides which requests they hit.

mod chance;
mod fault;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::RwLock;

use super::{block_on, runtime};
pub use fault::{Body, streamed, whole};

pub use chance::draws;
pub use fault::{Answer, Fault};

pub struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// A request that passed.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub owner: Option<String>,
    /// Whether it asks the store to copy an object.
    pub copies: bool,
    /// The length of the body in bytes, as announced.
    pub length: u64,
}

type Rule = Box<dyn FnMut(&Seen) -> Option<Fault> + Send>;
type Watcher = Box<dyn FnMut(&Seen) + Send>;

struct Shared {
    store: String,
    seen: Mutex<Vec<Seen>>,
    rule: Mutex<Rule>,
    /// Locked while a watched write is in progress.
    watcher: tokio::sync::Mutex<Option<Watcher>>,
    /// How often the connections were severed. Each request holds the lock for reading while it is in progress.
    severed: Arc<RwLock<u64>>,
}

impl Seen {
    /// Whether the request changes the bucket.
    pub fn writes(&self) -> bool {
        // A POST to a bucket is a batch of deletes, or begins or ends a multipart upload. A POST to no bucket is a
        // request to STS.
        match self.method {
            Method::PUT | Method::DELETE => true,
            Method::POST => self.path != "/",
            _ => false,
        }
    }

    /// A header's value, if the request has the header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn has(&self, header: &str) -> bool {
        self.headers.contains_key(header)
    }

    /// The key as written in the path. Without the bucket, whose name differs from run to run.
    pub fn key(&self) -> &str {
        self.path.splitn(3, '/').nth(2).unwrap_or_default()
    }
}

impl Wire {
    /// A wire to a store at `host:port`.
    pub fn to(store: &str) -> Wire {
        let shared = Arc::new(Shared {
            store: store.to_owned(),
            seen: Mutex::default(),
            rule: Mutex::new(Box::new(|_| None)),
            watcher: tokio::sync::Mutex::default(),
            severed: Arc::default(),
        });
        let listener = block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime().spawn(accept(listener, shared.clone()));
        Wire { address, shared }
    }

    /// `host:port`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, answers the requests for which the rule returns an answer.
    pub fn answer(&self, mut rule: impl FnMut(&Seen) -> Option<Answer> + Send + 'static) {
        self.disturb(move |seen| rule(seen).map(Fault::Answer));
    }

    /// From now on, does to each request what the rule says. The rule is called when a request arrives, before its body
    /// was read, for one request at a time.
    pub fn disturb(&self, rule: impl FnMut(&Seen) -> Option<Fault> + Send + 'static) {
        *lock(&self.shared.rule) = Box::new(rule);
    }

    /// From now on, writes pass one at a time. The watcher is called for each write when the store has carried it out
    /// and before the tool gets the answer.
    pub fn watch(&self, watcher: impl FnMut(&Seen) + Send + 'static) {
        *block_on(self.shared.watcher.lock()) = Some(Box::new(watcher));
    }

    /// Ends all connections, and returns when no request of theirs is in progress any more.
    pub fn sever(&self) {
        *block_on(self.shared.severed.write()) += 1;
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *lock(&self.shared.seen))
    }

    /// How many of the requests since the last call write.
    pub fn take_writes(&self) -> usize {
        self.take().iter().filter(|seen| seen.writes()).count()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(converse(client, shared.clone()));
    }
}

/// Each connection of the tool gets its own connection to the store, so that requests stay in order.
async fn converse(client: TcpStream, shared: Arc<Shared>) {
    let Ok(store) = TcpStream::connect(&shared.store).await else { return };
    // If this connection is closed while the tool waits for an answer, the tool sees a reset.
    let _ = (client.set_nodelay(true), client.set_zero_linger(), store.set_nodelay(true));
    let Ok((sender, connection)) = hyper::client::conn::http1::handshake(TokioIo::new(store)).await
    else {
        return;
    };
    tokio::spawn(connection);
    let severed = *shared.severed.read().await;
    let sender = Arc::new(tokio::sync::Mutex::new(sender));
    let service = service_fn(move |request| {
        let passed = pass(request, sender.clone(), shared.clone(), severed);
        // A request that has begun is finished even if the tool goes away meanwhile.
        async move { tokio::spawn(passed).await.unwrap_or_else(|panicked| Err(panicked.into())) }
    });
    // The tool is the one to notice how a connection ends.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(client), service)
        .await;
}

type Sender = Arc<tokio::sync::Mutex<SendRequest<Body>>>;

/// An error ends the connection without an answer.
async fn pass(
    request: Request<Incoming>,
    sender: Sender,
    shared: Arc<Shared>,
    severed: u64,
) -> io::Result<Response<Body>> {
    let under_way = shared.severed.clone().read_owned().await;
    if *under_way != severed {
        return Err(io::Error::other("severed"));
    }
    let owner = request.headers().get("x-amz-expected-bucket-owner");
    let seen = Seen {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: request.headers().clone(),
        owner: owner.and_then(|value| value.to_str().ok()).map(str::to_owned),
        copies: request.headers().contains_key("x-amz-copy-source"),
        length: request.body().size_hint().exact().unwrap_or_default(),
    };
    // A rule may itself send requests to the store, which runs on the same threads.
    let fault = tokio::task::block_in_place(|| (lock(&shared.rule))(&seen));
    lock(&shared.seen).push(seen.clone());
    match fault {
        None => forward(request.map(streamed), &seen, &sender, &shared).await,
        Some(Fault::Answer(answer)) => answer.to(request).await,
        Some(fault) => {
            let request = fault.on_the_way(request).await?;
            fault.on_the_way_back(forward(request, &seen, &sender, &shared).await?).await
        }
    }
}

/// Passes a request on to the store and returns its answer.
async fn forward(
    request: Request<Body>,
    seen: &Seen,
    sender: &Sender,
    shared: &Shared,
) -> io::Result<Response<Body>> {
    let mut watcher = match seen.writes() {
        true => Some(shared.watcher.lock().await).filter(|watcher| watcher.is_some()),
        false => None,
    };
    let response = sender.lock().await.send_request(request).await.map_err(io::Error::other)?;
    if let Some(watch) = watcher.as_mut().and_then(|watcher| watcher.as_mut()) {
        tokio::task::block_in_place(|| watch(seen));
    }
    Ok(response.map(streamed))
}
