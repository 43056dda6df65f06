//! The connections of browsers. Their number is bounded: a client that opens a thousand and sends nothing must not use
//! up the file handles that the build needs, and must not keep other clients out.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::answer::{self, Answer, Door};
use super::{Preview, socket};
use local::store::StoreError;
use local::website::Body;

/// The most connections to a port at once. A browser opens six to a host, and one more for each tab.
const MOST: usize = 128;

/// The pause before the next attempt, if the system has no free file handle.
const REST: Duration = Duration::from_millis(100);

/// Serves until the future is dropped.
pub async fn accept(listener: TcpListener, preview: Preview, door: Door) {
    let mut connections = JoinSet::new();
    let mut known: Vec<Connection> = Vec::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => {
                known.retain(|connection| !connection.handle.is_finished());
                continue;
            }
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(REST).await;
            continue;
        };
        if known.len() >= MOST {
            // End the oldest idle connection, or the oldest one if all are busy.
            let idle = known.iter().position(Connection::is_idle).unwrap_or(0);
            known.remove(idle).handle.abort();
        }
        let busy = Arc::new(());
        let handle = connections.spawn(converse(stream, preview.clone(), door, busy.clone()));
        known.push(Connection { handle, busy });
    }
}

struct Connection {
    handle: AbortHandle,
    /// Cloned by the task of the connection and by each answer that is being sent.
    busy: Arc<()>,
}

impl Connection {
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.busy) <= 2
    }
}

/// Answers the requests of one connection, then serves the WebSocket that the last request may open. How the connection
/// ends does not matter.
async fn converse(stream: TcpStream, preview: Preview, door: Door, busy: Arc<()>) {
    // Best effort: without it, small answers only arrive later.
    drop(stream.set_nodelay(true));
    let socket = Arc::new(Mutex::new(None));
    let opens = |opened| *socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
    let answered = service_fn(|request: Request<Incoming>| {
        let (preview, busy, opens) = (preview.clone(), busy.clone(), &opens);
        async move {
            let Answer { response, socket } = answer::answer(&preview, door, request).await;
            if let Some(socket) = socket {
                opens(socket);
            }
            Ok::<_, Infallible>(response.map(|body| UnderWay { body, _busy: busy }))
        }
    });
    let mut server = http1::Builder::new();
    let connection =
        server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answered);
    drop(connection.with_upgrades().await);
    let opened = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((upgrade, telling)) = opened
        && let Ok(page) = upgrade.await
    {
        let _busy = busy.clone();
        socket::tell(page, preview.0.state.subscribe(), telling).await;
    }
}

/// The body of an answer. Its connection counts as busy until the body is sent.
struct UnderWay {
    body: Body,
    _busy: Arc<()>,
}

impl HttpBody for UnderWay {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
