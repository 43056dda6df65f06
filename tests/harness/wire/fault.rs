//! What can happen to a request between the tool and the store: everything that a network, a proxy or a busy store does
//! sooner or later. A connection that is ended here is reset: the tool gets no answer, and cannot know whether the
//! store has sent one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, ETAG, HeaderValue};
use hyper::{Request, Response};

#[derive(Clone, Debug)]
pub enum Fault {
    /// The wire answers; the store does not see the request.
    Answer(Answer),
    /// Reset before the body was read.
    Unread,
    /// Reset when half of the body had reached the store.
    Halved,
    /// Reset when the store had carried out the request.
    Unanswered,
    /// The store answers, and the answer is delayed.
    Late(Duration),
    /// The store answers, and the connection ends in the middle of the answer's body.
    Cut,
    /// The store answers, and the ETags in its answer are replaced.
    OtherEtag,
    /// The store answers, and the function changes its answer.
    Reworded(fn(&mut Response<String>)),
}

/// An answer that the wire gives itself.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
}

pub type Body = BoxBody<Bytes, io::Error>;

impl Answer {
    /// An error in S3's format.
    pub fn error(status: u16, code: &str, message: &str) -> Answer {
        let body = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        );
        Answer { status, headers: vec![("content-type", "application/xml")], body }
    }

    pub(super) async fn to(self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        // The body must be read, or the connection cannot be used again.
        let _ = request.into_body().collect().await;
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        Ok(response.body(whole(self.body.into())).expect("a response"))
    }
}

impl Fault {
    /// An error answer of the tests, with S3's code for the status.
    pub fn status(status: u16) -> Fault {
        let code = match status {
            403 => "AccessDenied",
            503 => "SlowDown",
            _ => "InternalError",
        };
        Fault::Answer(Answer::error(status, code, "told by the test"))
    }

    /// The request that goes on to the store, or an error if none does.
    pub(super) async fn on_the_way(&self, request: Request<Incoming>) -> io::Result<Request<Body>> {
        if let Fault::Unread = self {
            return Err(io::Error::other("reset before the body"));
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let body = match self {
            Fault::Halved if body.is_empty() => {
                return Err(io::Error::other("reset instead of the body"));
            }
            Fault::Halved => half(&body),
            _ => whole(body),
        };
        Ok(Request::from_parts(head, body))
    }

    /// The store's answer that the tool gets, or an error if it gets none.
    pub(super) async fn on_the_way_back(
        &self,
        response: Response<Body>,
    ) -> io::Result<Response<Body>> {
        match self {
            Fault::Answer(_) | Fault::Unread | Fault::Halved => Ok(response),
            Fault::Unanswered => Err(io::Error::other("reset instead of the answer")),
            Fault::Late(delay) => {
                tokio::time::sleep(*delay).await;
                Ok(response)
            }
            Fault::Cut => cut(response).await,
            Fault::OtherEtag => other_etag(response).await,
            Fault::Reworded(reword) => reworded(response, *reword).await,
        }
    }
}

/// An answer without a body breaks off in its headers instead.
async fn cut(response: Response<Body>) -> io::Result<Response<Body>> {
    let (mut head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    if body.is_empty() {
        return Err(io::Error::other("reset in the headers of the answer"));
    }
    head.headers.insert(CONTENT_LENGTH, body.len().into());
    Ok(Response::from_parts(head, half(&body)))
}

async fn other_etag(response: Response<Body>) -> io::Result<Response<Body>> {
    const OTHER: &str = "\"00000000000000000000000000000000\"";
    let (mut head, body) = response.into_parts();
    if head.headers.contains_key(ETAG) {
        head.headers.insert(ETAG, HeaderValue::from_static(OTHER));
    }
    let body = body.collect().await?.to_bytes();
    let Ok(text) = std::str::from_utf8(&body) else {
        return Ok(Response::from_parts(head, whole(body)));
    };
    let mut pieces = text.split("<ETag>");
    let mut other = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.split_once("</ETag>").map_or("", |(_, rest)| rest);
        other += &format!("<ETag>{OTHER}</ETag>{rest}");
    }
    if !other.is_empty() {
        head.headers.insert(CONTENT_LENGTH, other.len().into());
    }
    Ok(Response::from_parts(head, whole(other.into())))
}

/// An answer that is not text passes unchanged.
async fn reworded(
    response: Response<Body>,
    reword: fn(&mut Response<String>),
) -> io::Result<Response<Body>> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let Ok(text) = String::from_utf8(body.to_vec()) else {
        return Ok(Response::from_parts(head, whole(body)));
    };
    let mut response = Response::from_parts(head, text);
    reword(&mut response);
    let (mut head, text) = response.into_parts();
    // The length in an answer to HEAD is that of the body that is not sent, so it stays.
    if !text.is_empty() {
        head.headers.insert(CONTENT_LENGTH, text.len().into());
    }
    Ok(Response::from_parts(head, whole(text.into())))
}

/// A body that is passed on as it arrives.
pub fn streamed(body: Incoming) -> Body {
    body.map_err(io::Error::other).boxed()
}

pub fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed()
}

fn half(body: &Bytes) -> Body {
    Half { length: body.len(), half: Some(body.slice(..body.len() / 2)), sent: false }.boxed()
}

/// A body that breaks off.
struct Half {
    /// Of the whole body.
    length: usize,
    half: Option<Bytes>,
    sent: bool,
}

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        // The half is written to the connection only once the body has no more data for now, so be pending once.
        if !std::mem::replace(&mut self.sent, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("the body broke off"))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length as u64)
    }
}
