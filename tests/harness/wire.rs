//! Between the tool and the store: passes requests on as they are, counts them, and answers in the
//! store's place where a test says so.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::{block_on, runtime};

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
    pub owner: Option<String>,
}

/// What the wire answers itself.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
}

type Rule = Box<dyn Fn(&Seen) -> Option<Answer> + Send>;

struct Shared {
    store: String,
    seen: Mutex<Vec<Seen>>,
    rule: Mutex<Rule>,
}

impl Seen {
    /// Whether the request changes the bucket.
    pub fn writes(&self) -> bool {
        // A POST to a bucket is a batch of deletes or the begin or end of a multipart upload; one to no
        // bucket is a question to STS.
        match self.method {
            Method::PUT | Method::DELETE => true,
            Method::POST => self.path != "/",
            _ => false,
        }
    }
}

impl Answer {
    /// An error as S3 words it.
    pub fn error(status: u16, code: &str, message: &str) -> Answer {
        let body = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        Answer { status, headers: vec![("content-type", "application/xml")], body }
    }
}

impl Wire {
    /// A wire to a store at `host:port`.
    pub fn to(store: &str) -> Wire {
        let shared = Arc::new(Shared {
            store: store.to_owned(),
            seen: Mutex::default(),
            rule: Mutex::new(Box::new(|_| None)),
        });
        let listener = block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime().spawn(accept(listener, shared.clone()));
        Wire { address, shared }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, answers what the rule answers.
    pub fn answer(&self, rule: impl Fn(&Seen) -> Option<Answer> + Send + 'static) {
        *lock(&self.shared.rule) = Box::new(rule);
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

/// A connection of the tool has one to the store, so that the order of requests is kept.
async fn converse(client: TcpStream, shared: Arc<Shared>) {
    let Ok(store) = TcpStream::connect(&shared.store).await else { return };
    let _ = (client.set_nodelay(true), store.set_nodelay(true));
    let Ok((sender, connection)) = hyper::client::conn::http1::handshake(TokioIo::new(store)).await
    else {
        return;
    };
    tokio::spawn(connection);
    let sender = Arc::new(tokio::sync::Mutex::new(sender));
    let service = service_fn(move |request| pass(request, sender.clone(), shared.clone()));
    // How a connection ends is for the tool to notice.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(client), service)
        .await;
}

type Body = BoxBody<Bytes, hyper::Error>;

async fn pass(
    request: Request<Incoming>,
    sender: Arc<tokio::sync::Mutex<SendRequest<Incoming>>>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, hyper::Error> {
    let owner = request.headers().get("x-amz-expected-bucket-owner");
    let seen = Seen {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        owner: owner.and_then(|value| value.to_str().ok()).map(str::to_owned),
    };
    // A rule may itself ask the store, which is served by the same threads.
    let answer = tokio::task::block_in_place(|| (lock(&shared.rule))(&seen));
    lock(&shared.seen).push(seen);
    if let Some(answer) = answer {
        // The body has to be read, or the connection cannot be used again.
        let _ = request.into_body().collect().await;
        return Ok(respond(answer));
    }
    let response = sender.lock().await.send_request(request).await?;
    Ok(response.map(BodyExt::boxed))
}

fn respond(answer: Answer) -> Response<Body> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let body = Full::new(Bytes::from(answer.body)).map_err(|never: Infallible| match never {});
    response.body(body.boxed()).expect("a response")
}
