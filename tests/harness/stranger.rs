//! Another site on this machine, as the browser of its visitor meets one.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

pub struct Stranger {
    address: SocketAddr,
    stops: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// A path, a content type and a content.
type File<'a> = (&'a str, &'a str, &'a str);

impl Stranger {
    /// Serves these files on a port; 0 picks a free one.
    pub fn serve(port: u16, files: &[File]) -> Stranger {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let owned = |(path, kind, content): &File| {
            [path, kind, content].map(|text: &&str| (*text).to_owned())
        };
        let files: Arc<Vec<[String; 3]>> = Arc::new(files.iter().map(owned).collect());
        let stops = Arc::new(AtomicBool::new(false));
        let is_stopped = stops.clone();
        let task = std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let files = files.clone();
                std::thread::spawn(move || answer(&stream, &files));
            }
        });
        Stranger { address, stops, task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Frees the port, and returns it.
    pub fn stop(self) -> u16 {
        self.stops.store(true, Ordering::SeqCst);
        // A connection wakes the server.
        drop(TcpStream::connect(self.address));
        self.task.join().expect("it ends");
        self.address.port()
    }
}

fn answer(stream: &TcpStream, files: &[[String; 3]]) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let found = files.iter().find(|[name, ..]| name == path);
    let (status, kind, content) = match found {
        Some([_, kind, content]) => ("200 OK", kind.as_str(), content.as_str()),
        None => ("404 Not Found", "text/plain", ""),
    };
    let mut stream = stream;
    // The client may have gone away.
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{content}",
        content.len()
    );
}
