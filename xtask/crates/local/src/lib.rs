//! The embedded bucket: S3 in this process, with its objects in one folder. `deploy --local` deploys to it, `preview`
//! serves it, and the tests use it.
//!
//! The same client speaks the same protocol to it as to the bucket of an account, so what works here also works there.
//! The crate `s3s` implements the protocol (signatures, XML, trailers); [`store`] defines what an object is and how it
//! is stored. Features of S3 that no site needs (access control, encryption, storage classes) are left out.
//!
//! There are two ways in. A [`Service`] answers requests that this process hands to it: no port is open, so no web page
//! and no other program can send a request. [`serve`] listens on a port, for tests and for clients such as `aws`,
//! `s5cmd` and `rclone`. Any page that is open in a browser on this machine can send requests to a port. So unless the
//! store holds nothing of value, a caller of [`serve`] passes keys that appear in no source text.

mod protocol;
pub mod store;
pub mod website;

#[cfg(test)]
mod tests;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{HttpError, StdError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use protocol::Protocol;
use store::{Store, StoreError};

pub use protocol::REGION;

/// The keys with which a client must sign its requests.
#[derive(Clone)]
pub struct Keys {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl Keys {
    pub fn new(access_key_id: &str, secret_access_key: &str) -> Keys {
        Keys { access_key_id: access_key_id.into(), secret_access_key: secret_access_key.into() }
    }

    /// Keys that cannot be guessed: [`RandomState`] takes its keys from the system's random numbers.
    pub fn random() -> Keys {
        let number = || RandomState::new().hash_one(SystemTime::now());
        let name = || format!("{:016x}{:016x}", number(), number());
        Keys { access_key_id: name(), secret_access_key: name() }
    }
}

/// How long `stop` waits for requests that are in progress.
const PATIENCE: Duration = Duration::from_secs(10);

/// S3 without a network: it answers requests that this process hands to it. Cheap to clone.
#[derive(Clone)]
pub struct Service(S3Service);

impl Service {
    /// Requests must be signed with `keys`.
    pub fn of(store: Arc<Store>, keys: &Keys) -> Service {
        let mut builder = S3ServiceBuilder::new(Protocol::new(store));
        let Keys { access_key_id, secret_access_key } = keys;
        builder.set_auth(SimpleAuth::from_single(access_key_id, secret_access_key.as_str()));
        Service(builder.build())
    }

    /// # Errors
    /// The service itself failed. A request that S3 would refuse gets an answer, not an error.
    pub async fn answer<B>(&self, request: Request<B>) -> Result<Response<s3s::Body>, HttpError>
    where
        B: Body<Data = Bytes, Error: Into<StdError>> + Send + 'static,
    {
        let body = |body: B| s3s::Body::http_body_unsync(body.map_err(Into::<StdError>::into));
        self.0.call(request.map(body)).await.map(number)
    }
}

/// A server that runs until it is stopped or dropped.
pub struct Server {
    address: SocketAddr,
    store: Arc<Store>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Serves `store` at `address` to clients that have the keys. Port 0 picks a free port.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(store: Arc<Store>, address: SocketAddr, keys: &Keys) -> io::Result<Server> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let service = Service::of(store.clone(), keys);
    let task = tokio::spawn(accept(listener, service, stopping));
    Ok(Server { address, store, stop, task })
}

impl Server {
    /// `http://127.0.0.1:` and the port. The bucket is the first part of the path; it is not in the host name.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Accepts no more requests, finishes those in progress, and returns once everything that was written would survive
    /// a crash.
    ///
    /// # Errors
    /// The disk did not accept what was written.
    pub async fn stop(self) -> Result<(), StoreError> {
        self.stop.send_replace(true);
        // The task ends on its own. If it panicked, there is no request left to wait for either.
        drop(self.task.await);
        self.store.flush().await
    }
}

/// Ends when it is told to stop, or when the server is dropped.
async fn accept(listener: TcpListener, service: Service, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => break,
            Some(_) = connections.join_next() => continue,
        };
        // An error here means that the client left before it was accepted. There is nothing to do.
        if let Ok((stream, _)) = accepted {
            connections.spawn(converse(stream, service.clone(), stopping.clone()));
        }
    }
    drop(listener);
    // Dropping the set afterwards ends the connections that took too long.
    drop(
        tokio::time::timeout(PATIENCE, async { while connections.join_next().await.is_some() {} })
            .await,
    );
}

/// Serves one connection, request after request.
async fn converse(stream: TcpStream, service: Service, mut stopping: watch::Receiver<bool>) {
    // Best effort: without it, small answers only arrive later.
    drop(stream.set_nodelay(true));
    let answered = service_fn(move |request: Request<Incoming>| {
        let last = continues_nothing(&request);
        let service = service.clone();
        async move {
            let answer = service.answer(request).await;
            answer.map(|response| if last { close(response) } else { response })
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new());
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), answered));
    // The result is ignored: if the connection failed, the client knows that it got no answer.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

/// Whether a request expects `100 Continue` and has no body. Hyper sends the final answer at once. botocore (`aws`,
/// `boto3`) then takes the status of this answer for that of the next answer on the connection, reads no headers, and
/// waits for a body until the connection ends.
fn continues_nothing(request: &Request<Incoming>) -> bool {
    request.headers().contains_key(EXPECT) && request.body().is_end_stream()
}

fn close(mut response: s3s::HttpResponse) -> s3s::HttpResponse {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Adds the id by which S3 names a request to its answer.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html>
fn number(mut response: s3s::HttpResponse) -> s3s::HttpResponse {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let number = format!("{:016X}", REQUESTS.fetch_add(1, Ordering::Relaxed));
    if let Ok(number) = HeaderValue::try_from(number) {
        response.headers_mut().insert("x-amz-request-id", number);
    }
    response
}
