//! The connections of browsers. There are never more than a bounded number: who opens a thousand and asks for
//! nothing takes no file handle from the build, and keeps nobody else out.

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

/// How long it rests where the system has no more handles.
const REST: Duration = Duration::from_millis(100);

/// Serves for as long as it is not dropped.
pub async fn accept(listener: TcpListener, preview: Preview, door: Door) {
    let mut connections = JoinSet::new();
    let mut known: Vec<Known> = Vec::new();
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
            // The one that has been idle for longest, or the oldest.
            let idle = known.iter().position(Known::is_idle).unwrap_or(0);
            known.remove(idle).handle.abort();
        }
        let busy = Arc::new(());
        let handle = connections.spawn(converse(stream, preview.clone(), door, busy.clone()));
        known.push(Known { handle, busy });
    }
}

struct Known {
    handle: AbortHandle,
    /// Held by every answer that is under way, by the connection, and here.
    busy: Arc<()>,
}

impl Known {
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.busy) <= 2
    }
}

/// One connection, request after request, and the WebSocket that the last of them may open. How it ends is the
/// client's business.
async fn converse(stream: TcpStream, preview: Preview, door: Door, busy: Arc<()>) {
    // Best effort: without it small answers are only later.
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
        socket::tell(page, preview.0.news.subscribe(), telling).await;
    }
}

/// The body of an answer until all of it is sent.
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
