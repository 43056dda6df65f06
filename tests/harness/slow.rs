//! A slow line: all connections together carry a given number of bytes a second to the store, and each gets its share.
//! Answers are not slowed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Mutex;

use super::{block_on, runtime};

pub struct SlowLine {
    address: SocketAddr,
}

/// How many bytes are carried at a time.
const PIECE: usize = 16 << 10;

/// How much the line may catch up after a pause, because this machine is not always on time.
const BURST: Duration = Duration::from_millis(100);

/// How many bytes a connection may hold that were sent but not yet carried. Without a limit, a whole file would appear
/// to be sent.
const BUFFER: u32 = 64 << 10;

impl SlowLine {
    /// A line to `host:port`.
    pub fn to(address: &str, bytes_a_second: u64) -> SlowLine {
        let listener = block_on(async { listen() });
        let (line, to) = (listener.local_addr().expect("an address"), address.to_owned());
        // When the line is free again. Waiting connections are served in turn.
        let busy = Arc::new(Mutex::new(Instant::now()));
        runtime().spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, to.clone(), busy.clone(), bytes_a_second));
            }
        });
        SlowLine { address: line }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Accepted connections inherit the size.
    socket.set_recv_buffer_size(BUFFER).expect("a small buffer");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    socket.listen(1024).expect("it listens")
}

async fn carry(client: TcpStream, to: String, busy: Arc<Mutex<Instant>>, rate: u64) {
    let Ok(server) = TcpStream::connect(to).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut from_server, &mut to_client).await });
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = from_client.read(&mut piece).await {
        let mut free = busy.lock().await;
        let idle = Instant::now().checked_sub(BURST).unwrap_or(*free);
        *free = idle.max(*free) + Duration::from_secs_f64(length as f64 / rate as f64);
        tokio::time::sleep_until((*free).into()).await;
        drop(free);
        if to_server.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
