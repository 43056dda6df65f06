//! A preview that runs next to the test.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{KEY_VARIABLE, Ran, Repo, SECRET_VARIABLE, World};

/// How long a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// `cargo xtask preview`. When it is dropped, it is ended as by Ctrl-C.
pub struct Previewed {
    child: Option<Child>,
    /// `127.0.0.1:` and the port.
    pub address: String,
    printed: Printed,
    errors: Printed,
}

/// What a process has printed so far.
#[derive(Clone, Default)]
struct Printed(Arc<(Mutex<String>, Condvar)>);

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// By lowercase names.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl World {
    /// Starts a preview with the right credentials.
    pub fn preview(&self, arguments: &[&str]) -> Previewed {
        let keys = [(KEY_VARIABLE, self.store.key.as_str()), (SECRET_VARIABLE, &self.store.secret)];
        Previewed::start(&self.repo, arguments, &keys)
    }
}

impl Previewed {
    /// Starts a preview, on a free port unless the arguments name one, and waits until it serves.
    pub fn start(repo: &Repo, arguments: &[&str], variables: &[(&str, &str)]) -> Previewed {
        let port: &[&str] = if arguments.contains(&"--port") { &[] } else { &["--port", "0"] };
        let arguments = [&["preview"], port, arguments].concat();
        let mut command = repo.command(".", &arguments, variables);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the tool runs");
        let printed = Printed::follow(child.stdout.take().expect("its standard output"));
        let errors = Printed::follow(child.stderr.take().expect("its standard error"));
        let mut preview = Previewed { child: Some(child), address: String::new(), printed, errors };
        let line = preview.waits_for("serving http://");
        let address = line.strip_prefix("serving http://").expect("an address");
        preview.address = address.split('/').next().expect("an address").to_owned();
        preview
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits for a line with this text on standard output, and returns the last such line.
    #[track_caller]
    pub fn waits_for(&self, text: &str) -> String {
        self.printed.wait(text).unwrap_or_else(|| {
            panic!("no `{text}` in:\n{}\n{}", self.printed.so_far(), self.errors.so_far())
        })
    }

    /// Waits until standard error contains this text.
    #[track_caller]
    pub fn complains(&self, text: &str) -> String {
        self.errors
            .wait(text)
            .unwrap_or_else(|| panic!("no `{text}` in:\n{}", self.errors.so_far()))
    }

    /// Both outputs so far.
    pub fn said(&self) -> String {
        format!("{}\n{}", self.printed.so_far(), self.errors.so_far())
    }

    /// Requests a path exactly as given, as `curl` does.
    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[])
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        ask(&self.address, method, path, headers)
    }

    /// The address of the tool's own pages. Part of it is random, so that other pages cannot guess it.
    #[track_caller]
    pub fn pages(&self) -> String {
        let line = self.waits_for("what a deploy would change: http://");
        line.strip_prefix("what a deploy would change: ").expect("an address").to_owned()
    }

    /// Requests one of the tool's own pages.
    #[track_caller]
    pub fn ask_pages(&self, method: &str, name: &str, headers: &[(&str, &str)]) -> Reply {
        let pages = self.pages();
        let (address, path) = pages["http://".len()..].split_once('/').expect("a path");
        ask(address, method, &format!("/{path}{name}"), headers)
    }

    /// Waits until `body` is served under a path. Fails with what is served instead if that takes too long.
    #[track_caller]
    pub fn becomes(&self, path: &str, body: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = self.get(path);
            if reply.body == body.as_bytes() {
                return;
            }
            let found = String::from_utf8_lossy(&reply.body).into_owned();
            assert!(Instant::now() < deadline, "`{path}` is `{found}`\n{}", self.said());
            std::thread::yield_now();
        }
    }

    /// Waits until the plan is as expected, and returns it. Fails with the actual plan if that takes too long.
    #[track_caller]
    pub fn plans(&self, expected: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // There is no plan before the first comparison.
            let reply = self.ask_pages("GET", "plan.json", &[]);
            let plan: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            if expected(&plan) {
                return plan;
            }
            assert!(Instant::now() < deadline, "{plan:#}\n{}", self.said());
            std::thread::yield_now();
        }
    }

    /// Ends the preview with a signal, and returns its exit code and output.
    pub fn ends(mut self, signal: &str) -> Ran {
        let mut child = self.child.take().expect("it runs");
        let kill = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        let code = child.wait().expect("it ends").code();
        Ran { code, stdout: self.printed.so_far(), stderr: self.errors.so_far() }
    }
}

impl Drop for Previewed {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }
}

impl Printed {
    fn follow(output: impl Read + Send + 'static) -> Printed {
        let printed = Printed::default();
        let (following, mut lines) = (printed.clone(), BufReader::new(output));
        std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
                let (text, changed) = &*following.0;
                text.lock().expect("what was printed").push_str(&line);
                changed.notify_all();
                line.clear();
            }
        });
        printed
    }

    fn so_far(&self) -> String {
        self.0.0.lock().expect("what was printed").clone()
    }

    fn wait(&self, wanted: &str) -> Option<String> {
        let (text, changed) = &*self.0;
        let found = |text: &String| {
            let line = text.lines().rfind(|line| line.contains(wanted));
            line.map(str::to_owned)
        };
        let text = text.lock().expect("what was printed");
        let waiting = changed.wait_timeout_while(text, PATIENCE, |text| found(text).is_none());
        let (text, _) = waiting.expect("what was printed");
        found(&text)
    }
}

/// Sends a request exactly as given, and reads the answer.
pub fn ask(address: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let mut request = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        request.push_str(&format!("host: {address}\r\n"));
    }
    headers.iter().for_each(|(name, value)| request.push_str(&format!("{name}: {value}\r\n")));
    request.push_str("connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    Reply::of(&answer)
}

impl Reply {
    fn of(answer: &[u8]) -> Reply {
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        let headers: BTreeMap<String, String> = headers.collect();
        let body = match headers.get("transfer-encoding") {
            Some(encoding) if encoding == "chunked" => joined(&answer[end + 4..]),
            _ => answer[end + 4..].to_vec(),
        };
        Reply { status: status.parse().expect("a number"), headers, body }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Joins a body that was sent in chunks.
fn joined(mut chunks: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = chunks.windows(2).position(|bytes| bytes == b"\r\n") {
        let length = std::str::from_utf8(&chunks[..end]).expect("a length");
        let length = usize::from_str_radix(length, 16).expect("a length in hex");
        if length == 0 {
            break;
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + length]);
        chunks = &chunks[end + 2 + length + 2..];
    }
    body
}
