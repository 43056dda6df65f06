//! A proxy like those of companies. It forwards everything to one address, whatever host is requested, so a test can
//! name a host that this machine cannot reach.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::PROXY_AUTHORIZATION;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::wire::{Body, streamed, whole};
use super::{block_on, runtime};

pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    to: String,
    /// The `Proxy-Authorization` that it demands.
    login: Option<String>,
    seen: Mutex<Vec<Via>>,
}

/// A request that reached the proxy. For a tunnel, it is the request that opens the tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    pub method: String,
    pub target: String,
}

impl Proxy {
    /// A proxy that lets everyone through to `host:port`.
    pub fn to(address: &str) -> Proxy {
        Proxy::start(address, None)
    }

    /// A proxy that lets only this login through. The login is in Base64.
    pub fn demanding(login: &str, address: &str) -> Proxy {
        Proxy::start(address, Some(format!("Basic {login}")))
    }

    fn start(to: &str, login: Option<String>) -> Proxy {
        let listener = block_on(TcpListener::bind(("127.0.0.1", 0))).expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared { to: to.to_owned(), login, seen: Mutex::default() });
        let served = shared.clone();
        runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(converse(client, served.clone()));
            }
        });
        Proxy { address, shared }
    }

    /// `host:port`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The requests since the last call.
    pub fn take(&self) -> Vec<Via> {
        std::mem::take(&mut *self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    fn see(&self, method: &str, target: &str) {
        let via = Via { method: method.to_owned(), target: target.to_owned() };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(via);
    }

    fn lets_in(&self, login: Option<&str>) -> bool {
        self.login.is_none() || self.login.as_deref() == login
    }
}

async fn converse(client: TcpStream, shared: Arc<Shared>) {
    let mut beginning = [0; 8];
    while client.peek(&mut beginning).await.is_ok_and(|length| (1..8).contains(&length)) {
        tokio::task::yield_now().await;
    }
    match beginning.starts_with(b"CONNECT ") {
        true => drop(tunnel(client, &shared).await),
        false => drop(forward(client, shared).await),
    }
}

async fn tunnel(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    shared.see("CONNECT", target);
    let login = lines.filter_map(|line| line.split_once(": "));
    let login = login.filter(|(name, _)| name.eq_ignore_ascii_case("proxy-authorization"));
    if !shared.lets_in(login.map(|(_, value)| value).next()) {
        return client.write_all(b"HTTP/1.1 407 Login\r\nContent-Length: 0\r\n\r\n").await;
    }
    let mut server = TcpStream::connect(&shared.to).await?;
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

async fn forward(client: TcpStream, shared: Arc<Shared>) -> Result<(), hyper::Error> {
    let Ok(server) = TcpStream::connect(&shared.to).await else { return Ok(()) };
    let (sender, connection) =
        hyper::client::conn::http1::handshake::<_, Body>(TokioIo::new(server)).await?;
    tokio::spawn(connection);
    let sender = Arc::new(tokio::sync::Mutex::new(sender));
    let service = service_fn(move |request| pass(request, sender.clone(), shared.clone()));
    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(client), service).await
}

async fn pass(
    mut request: Request<Incoming>,
    sender: Arc<tokio::sync::Mutex<SendRequest<Body>>>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, hyper::Error> {
    shared.see(request.method().as_str(), &request.uri().to_string());
    let login = request.headers_mut().remove(PROXY_AUTHORIZATION);
    if !shared.lets_in(login.as_ref().and_then(|login| login.to_str().ok())) {
        let mut response = Response::new(whole("a login is needed".into()));
        *response.status_mut() = hyper::StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        return Ok(response);
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>().expect("a path");
    let mut sender = sender.lock().await;
    Ok(sender.send_request(request.map(streamed)).await?.map(streamed))
}
