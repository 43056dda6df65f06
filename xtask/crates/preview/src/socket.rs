//! Tells open pages the news over a WebSocket.
//!
//! An event stream would block pages: a browser opens at most six connections to a host over HTTP/1.1, and six open
//! tabs would use all of them. WebSockets are not counted among the six, and no service worker can intercept them.
//! <https://www.rfc-editor.org/rfc/rfc6455>

use hyper::header::{CONNECTION, HeaderName, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper::upgrade::Upgraded;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::{News, state::State};
use local::website::{Body, text};

const SEC_WEBSOCKET_KEY: HeaderName = HeaderName::from_static("sec-websocket-key");
const SEC_WEBSOCKET_ACCEPT: HeaderName = HeaderName::from_static("sec-websocket-accept");

/// <https://www.rfc-editor.org/rfc/rfc6455#section-1.3>
const PROTOCOL: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The first byte of a text that is a whole message.
const TEXT: u8 = 0x81;
/// A frame that closes the connection.
const CLOSE: [u8; 2] = [0x88, 0];

/// The text that tells a page the news. `None` if there is nothing to tell.
pub type Telling = fn(&News) -> Option<String>;

/// The answer that opens a WebSocket, if the request asks for one.
pub fn accepted(request: &Parts) -> Option<Response<Body>> {
    let is_asked = request.headers.get(UPGRADE)?.as_bytes().eq_ignore_ascii_case(b"websocket");
    let key = request.headers.get(SEC_WEBSOCKET_KEY).filter(|_| is_asked)?;
    let digest = Sha1::new().chain_update(key.as_bytes()).chain_update(PROTOCOL).finalize();
    let accept = base64_simd::STANDARD.encode_to_string(digest);
    let mut response = Response::new(text(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::try_from(accept).ok()?);
    Some(response)
}

/// Tells a page the news until it leaves. Pages send no messages, so the first byte that arrives closes the connection.
pub async fn tell(page: Upgraded, mut state: watch::Receiver<State>, telling: Telling) {
    let (mut from_page, mut to_page) = tokio::io::split(TokioIo::new(page));
    let telling = async {
        let mut last = None;
        loop {
            let text = telling(&state.borrow_and_update().news);
            if let Some(text) = text.filter(|text| last.as_ref() != Some(text)) {
                to_page.write_all(&frame(text.as_bytes())).await?;
                to_page.flush().await?;
                last = Some(text);
            }
            if state.changed().await.is_err() {
                return std::io::Result::Ok(());
            }
        }
    };
    tokio::select! {
        _ = telling => {}
        _ = from_page.read_u8() => {}
    }
    // Both fail if the page has left, which is no problem.
    drop(to_page.write_all(&CLOSE).await);
    drop(to_page.shutdown().await);
}

/// A message in one frame. <https://www.rfc-editor.org/rfc/rfc6455#section-5.2>
fn frame(message: &[u8]) -> Vec<u8> {
    let length = message.len();
    let mut frame = vec![TEXT];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => frame.push(short),
        (_, Ok(medium)) => {
            frame.push(126);
            frame.extend(medium.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(message);
    frame
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    #[test]
    fn the_answer_proves_that_the_protocol_is_understood() {
        // The example of the standard.
        let request = Request::builder()
            .header("upgrade", "WebSocket")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        let response = accepted(&request.body(()).unwrap().into_parts().0).unwrap();
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let plain = Request::builder().header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert!(accepted(&plain.body(()).unwrap().into_parts().0).is_none());
    }

    #[test]
    fn a_message_of_any_length_has_its_length_before_it() {
        for (length, head) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 255, 255]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let frame = frame(&vec![b'x'; length]);
            assert_eq!((&frame[..head.len()], frame.len()), (&head[..], head.len() + length));
        }
    }
}
