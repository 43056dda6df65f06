//! The embedded bucket: S3 in this process, on a port of the loopback interface, with its objects in
//! one folder. `deploy --local` deploys to it, `preview` shows it, tests drive it.
//!
//! It is spoken to by the same client over the same protocol as the bucket of an account, so that
//! what is tried here is what runs there; `aws`, `s5cmd` and `rclone` speak to it too. The protocol
//! (signatures, XML, trailers) is the crate `s3s`; what an object is and how it is kept is
//! [`store`]'s. Whatever S3 does that no site needs (access control, encryption, storage classes)
//! is left out.

mod protocol;
pub mod store;
pub mod website;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::Request;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, EXPECT, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use protocol::Protocol;
use store::{Store, StoreError};

/// The credentials that the server takes. They guard nothing: whoever can reach the loopback
/// interface can read this line. They are there because S3 clients insist on signing.
pub const ACCESS_KEY_ID: &str = "local";
pub const SECRET_ACCESS_KEY: &str = "local-secret";
/// Where the bucket says it is. A client may sign for any other region.
pub const REGION: &str = "local";

/// How long `stop` waits for requests that are under way.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that runs until it is stopped or dropped.
pub struct Server {
    address: SocketAddr,
    store: Arc<Store>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Serves `store` at `address`; port 0 takes a free one.
///
/// # Errors
/// The address cannot be bound.
pub async fn serve(store: Arc<Store>, address: SocketAddr) -> io::Result<Server> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let task = tokio::spawn(accept(listener, service(store.clone()), stopping));
    Ok(Server { address, store, stop, task })
}

impl Server {
    /// `http://127.0.0.1:` and the port. The bucket comes first in the path, not in the host.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, finishes those that are under way, and returns when all that was
    /// written would survive a crash.
    ///
    /// # Errors
    /// The disk did not take what was written.
    pub async fn stop(self) -> Result<(), StoreError> {
        self.stop.send_replace(true);
        // The task ends by itself. If it panicked, there is no request left to wait for either.
        drop(self.task.await);
        self.store.flush().await
    }
}

fn service(store: Arc<Store>) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Protocol::new(store));
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
    builder.build()
}

/// Ends when told to stop, or when the server was dropped.
async fn accept(listener: TcpListener, service: S3Service, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopping.changed() => break,
            Some(_) = connections.join_next() => continue,
        };
        // A client that left before it was accepted concerns nobody.
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

/// One connection, request after request.
async fn converse(stream: TcpStream, service: S3Service, mut stopping: watch::Receiver<bool>) {
    // Best effort: without it small answers are only later.
    drop(stream.set_nodelay(true));
    let answered = service_fn(move |request: Request<Incoming>| {
        let last = continues_nothing(&request);
        let answer = Service::call(&service, request);
        async move {
            answer
                .await
                .map(|response| if last { close(number(response)) } else { number(response) })
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new());
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), answered));
    // How a connection ends is the client's business: it has its answer, or knows that it has none.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}

/// Whether a request expects `100 Continue` and has no body. Hyper answers it at once, and botocore
/// (`aws`, `boto3`) then takes the status of this answer for that of the connection's next one, reads
/// no headers, and waits for a body until the connection ends.
fn continues_nothing(request: &Request<Incoming>) -> bool {
    request.headers().contains_key(EXPECT) && request.body().is_end_stream()
}

fn close(mut response: s3s::HttpResponse) -> s3s::HttpResponse {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Gives an answer the number by which S3 names a request.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonResponseHeaders.html>
fn number(mut response: s3s::HttpResponse) -> s3s::HttpResponse {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let number = format!("{:016X}", REQUESTS.fetch_add(1, Ordering::Relaxed));
    if let Ok(number) = HeaderValue::try_from(number) {
        response.headers_mut().insert("x-amz-request-id", number);
    }
    response
}
