//! Sends bodies in pieces. If the HTTP client gets a body as a whole, the body counts as sent at once, however slow the
//! line is. If it gets pieces, it takes the next one only when the connection has accepted the ones before.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// In bytes. A body that is not longer stays whole.
const PIECE: usize = 64 << 10;

/// When the connection last accepted a piece of a body.
#[derive(Debug)]
pub struct Moved {
    began: Instant,
    /// The time since then, in milliseconds.
    after: Arc<AtomicU64>,
}

impl Moved {
    pub fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.after.load(Relaxed))
    }
}

/// Splits the body of a request into pieces, and follows them. For a request whose body is not split, the last time is
/// that of the call.
pub fn follow(request: &mut HttpRequest) -> Moved {
    let moved = Moved { began: Instant::now(), after: Arc::default() };
    let size = request.body().bytes().map_or(0, <[u8]>::len);
    if size > PIECE {
        let body = std::mem::replace(request.body_mut(), SdkBody::taken());
        let (began, after) = (moved.began, moved.after.clone());
        let pieces = Pieces { body, read: Bytes::new(), to_give: size, began, after };
        *request.body_mut() = SdkBody::from_body_1_x(pieces);
    }
    moved
}

struct Pieces {
    body: SdkBody,
    /// Bytes that were read but not yet passed on.
    read: Bytes,
    /// How many bytes have not been passed on yet.
    to_give: usize,
    began: Instant,
    after: Arc<AtomicU64>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = aws_smithy_types::body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.read.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.read = bytes,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.after.store(now, Relaxed);
        let length = self.read.len().min(PIECE);
        self.to_give = self.to_give.saturating_sub(length);
        Poll::Ready(Some(Ok(Frame::data(self.read.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.to_give == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.to_give as u64)
    }
}
