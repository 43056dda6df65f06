//! A server at a distance: every byte arrives half a round trip after it was sent, and opening a connection takes a
//! whole round trip. Requests are counted on their way.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// Accepts connections for as long as the process lives.
pub struct Proxy {
    pub port: u16,
    seen: Arc<Mutex<Seen>>,
}

/// The requests since the last call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub requests: u64,
    /// When the first of them came.
    pub first: Option<Instant>,
}

type Piece = (Instant, Vec<u8>);

/// The size of a piece in bytes, and how many pieces may be on their way in one direction of a connection.
const PIECE: usize = 64 << 10;
const PIECES: usize = 64;

impl Proxy {
    pub fn start(to: u16, round_trip: Duration) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::<Mutex<Seen>>::default();
        let counted = seen.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                connect(client, server, round_trip, counted.clone());
            }
        });
        Proxy { port, seen }
    }

    /// What has come since the last call.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut *lock(&self.seen))
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().expect("nobody panics with it")
}

fn connect(client: TcpStream, server: TcpStream, round_trip: Duration, count: Arc<Mutex<Seen>>) {
    let open = Instant::now() + round_trip;
    for stream in [&client, &server] {
        // Without this, small writes wait for acknowledgements that a real connection would already have received.
        let _ = stream.set_nodelay(true);
    }
    let (Ok(from_client), Ok(from_server)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let mut requests = Requests::default();
    pipe(from_client, server, round_trip / 2, open, move |bytes| {
        let begun = requests.begun_in(bytes);
        let mut seen = lock(&count);
        seen.requests += begun;
        if begun > 0 {
            seen.first.get_or_insert_with(Instant::now);
        }
    });
    pipe(from_server, client, round_trip / 2, open, |_| {});
}

/// Carries bytes in one direction until that direction is closed.
fn pipe(
    from: TcpStream,
    to: TcpStream,
    delay: Duration,
    open: Instant,
    see: impl FnMut(&[u8]) + Send + 'static,
) {
    let (sender, pieces) = sync_channel(PIECES);
    thread::spawn(move || read(from, &sender, delay, open, see));
    thread::spawn(move || write(to, &pieces));
}

fn read(
    mut from: TcpStream,
    to: &SyncSender<Piece>,
    delay: Duration,
    open: Instant,
    mut see: impl FnMut(&[u8]),
) {
    let mut buffer = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        see(&buffer[..length]);
        let arrives = Instant::now().max(open) + delay;
        if to.send((arrives, buffer[..length].to_vec())).is_err() {
            return;
        }
    }
}

fn write(mut to: TcpStream, pieces: &Receiver<Piece>) {
    for (arrives, bytes) in pieces {
        thread::sleep(arrives.saturating_duration_since(Instant::now()));
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Parses what a client sends (RFC 9112), to detect where a request begins.
#[derive(Default)]
struct Requests {
    head: Vec<u8>,
    /// Bytes of the body that are still to come.
    body: u64,
    /// Whether the body is in chunks, and ends with an empty one.
    is_chunked: bool,
}

impl Requests {
    /// How many request heads end within these bytes.
    fn begun_in(&mut self, mut bytes: &[u8]) -> u64 {
        let mut begun = 0;
        loop {
            let skipped = usize::try_from(self.body).unwrap_or(usize::MAX).min(bytes.len());
            self.body -= skipped as u64;
            let Some((byte, rest)) = bytes[skipped..].split_first() else { return begun };
            bytes = rest;
            self.head.push(*byte);
            if self.is_chunked && self.head.ends_with(b"\r\n0\r\n\r\n") {
                self.is_chunked = false;
                self.head.clear();
            } else if !self.is_chunked && self.head.ends_with(b"\r\n\r\n") {
                begun += 1;
                self.enter_body();
            }
        }
    }

    fn enter_body(&mut self) {
        let head = String::from_utf8_lossy(&self.head).to_ascii_lowercase();
        let value =
            |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        self.body = value("content-length:").map_or(0, |length| length.parse().expect("a length"));
        self.is_chunked = value("transfer-encoding:") == Some("chunked");
        self.head.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Requests;

    #[test]
    fn requests_are_counted_whatever_they_carry() {
        let sent = b"PUT /a HTTP/1.1\r\nContent-Length: 20\r\n\r\nGET / HTTP/1.1\r\n\r\n....\
            GET / HTTP/1.1\r\n\r\nPUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\nHEAD / HTTP/1.1\r\n\r\n";
        let sent = &sent[..];
        for pieces in [1, 7, sent.len()] {
            let mut requests = Requests::default();
            let counted: u64 = sent.chunks(pieces).map(|piece| requests.begun_in(piece)).sum();
            assert_eq!(counted, 4, "in pieces of {pieces}");
        }
    }
}
