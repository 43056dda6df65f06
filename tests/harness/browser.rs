//! A browser for the pages that the tool serves: Chromium without a window, driven by its DevTools protocol.
//!
//! Over a pipe, the protocol is JSON with a zero byte after every message. That needs no WebSocket, so people without a
//! browser need not compile another crate. There is no port to find. And the browser ends when the pipe does, however
//! the tests end. The messages are described at <https://chromedevtools.github.io/devtools-protocol/>.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

/// How long a page has to reach the state that a test waits for. Starting the browser may take twice as long.
const PATIENCE: Duration = Duration::from_secs(20);

const ARGUMENTS: &[&str] = &[
    "--headless",
    "--remote-debugging-pipe",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    // The shared memory of a container is often too small.
    "--disable-dev-shm-usage",
    // A page in the background must be as quick as the one in front.
    "--disable-background-timer-throttling",
];

/// No host except this machine can be resolved, whatever a page or the browser itself asks for.
const HOSTS: &str = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1";

pub struct Browser {
    child: Child,
    pipe: Arc<Pipe>,
    profile: TempDir,
}

pub struct Page {
    pipe: Arc<Pipe>,
    session: Value,
}

struct Pipe {
    input: Mutex<ChildStdin>,
    calls: AtomicU64,
    /// Everything that the browser has sent, in order: answers and events.
    said: watch::Receiver<Vec<Value>>,
}

impl Browser {
    /// Starts the browser that `XTASK_TEST_BROWSER` names, with a profile of its own.
    pub async fn start() -> Browser {
        Browser::with_hosts(HOSTS.to_owned()).await
    }

    /// The same, but the browser can also reach this other address of the machine.
    pub async fn reaching(address: &str) -> Browser {
        Browser::with_hosts(format!("{HOSTS}, EXCLUDE {address}")).await
    }

    async fn with_hosts(hosts: String) -> Browser {
        let program = std::env::var_os("XTASK_TEST_BROWSER").expect("XTASK_TEST_BROWSER is set");
        let profile = tempfile::Builder::new().prefix("xtask-").tempdir().expect("a profile");
        let path = profile.path();
        let root = path.metadata().expect("the profile is there").uid() == 0;
        let mut command = Command::new("sh");
        // The browser expects the pipe at file descriptors 3 and 4.
        command.args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >&2"#, "sh"]).arg(program);
        command.args(ARGUMENTS).arg(hosts).arg(format!("--user-data-dir={}", path.display()));
        // The sandbox does not work for root.
        command.args(root.then_some("--no-sandbox"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", path).env("TMPDIR", path);
        command.stderr(std::fs::File::create(path.join("log")).expect("a log"));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");

        let input = Mutex::new(child.stdin.take().expect("a pipe to it"));
        let output = BufReader::new(child.stdout.take().expect("a pipe from it"));
        let (says, said) = watch::channel(Vec::new());
        std::thread::spawn(move || {
            for message in output.split(0).map_while(Result::ok) {
                let message: Value = serde_json::from_slice(&message).expect("JSON");
                says.send_modify(|said| said.push(message));
            }
        });
        let pipe = Arc::new(Pipe { input, calls: AtomicU64::new(0), said });
        let browser = Browser { child, pipe, profile };
        browser.call("Browser.getVersion", json!({})).await;
        browser
    }

    /// Opens a new page, and returns when it has loaded.
    pub async fn open(&self, url: &str) -> Page {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", attach).await["sessionId"].take();
        let page = Page { pipe: self.pipe.clone(), session };
        page.call("Runtime.enable", json!({})).await;
        page.call("Log.enable", json!({})).await;
        let answer = page.call("Page.navigate", json!({ "url": url })).await;
        assert!(answer["errorText"].is_null(), "`{url}`: {answer}");
        page.until(LOADED).await;
        page
    }

    async fn call(&self, method: &str, parameters: Value) -> Value {
        self.pipe.call(&Value::Null, method, parameters).await.unwrap_or_else(|error| {
            let log = std::fs::read_to_string(self.profile.path().join("log"));
            panic!("{error}\n{}", log.unwrap_or_default())
        })
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser that is asked to close also ends its child processes.
        let _ = self.pipe.send(&json!({ "id": 0, "method": "Browser.close" }));
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the document has loaded, and its load handlers have run.
const LOADED: &str = "performance.getEntriesByType('navigation')[0].loadEventEnd > 0";

impl Page {
    /// The value of an expression. If it is a promise, its result.
    pub async fn evaluate(&self, expression: &str) -> Value {
        self.try_evaluate(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Waits until an expression is true, in this document or in one that replaces it.
    pub async fn until(&self, predicate: &str) {
        let asked = format!(
            "(async () => {{
                for (;; await new Promise(next => setTimeout(next, 10))) {{
                    try {{ if (await ({predicate})) return; }} catch {{}}
                }}
            }})()"
        );
        let waiting = async {
            // When a document is replaced, the evaluation fails. Ask again in the new one.
            while self.try_evaluate(&asked).await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let value = self.try_evaluate(predicate).await;
            let page = self.try_evaluate("`${location}\n${document.body?.innerText}`").await;
            let page = page.map_or_else(|error| error, |page| text(&page));
            panic!("not in {PATIENCE:?}: {predicate}\nbut {value:?}\nthe page: {page}");
        }
    }

    /// Clicks in the middle of an element, once it exists and nothing covers it.
    pub async fn click(&self, selector: &str) {
        let find = format!(
            "(() => {{
                const element = document.querySelector({});
                element.scrollIntoView({{ block: 'center', behavior: 'instant' }});
                const {{ x, y, width, height }} = element.getBoundingClientRect();
                const middle = {{ x: x + width / 2, y: y + height / 2 }};
                return element.contains(document.elementFromPoint(middle.x, middle.y)) && middle;
            }})()",
            json!(selector)
        );
        self.until(&find).await;
        let mut mouse = self.evaluate(&find).await;
        (mouse["button"], mouse["clickCount"]) = (json!("left"), json!(1));
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            mouse["type"] = json!(kind);
            self.call("Input.dispatchMouseEvent", mouse.clone()).await;
        }
    }

    /// Sets the size of the window in CSS pixels, and whether it is a phone's, which is touched.
    pub async fn viewport(&self, width: u32, height: u32, mobile: bool) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
        self.call("Emulation.setTouchEmulationEnabled", json!({ "enabled": mobile })).await;
    }

    /// Sets the visitor's preference: `light` or `dark`.
    pub async fn color_scheme(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Saves the content of the window as a PNG file.
    pub async fn screenshot(&self, path: impl AsRef<Path>) {
        let shot = self.call("Page.captureScreenshot", json!({})).await;
        let png = base64_simd::STANDARD.decode_to_vec(text(&shot["data"])).expect("base64");
        std::fs::write(path, png).expect("a file");
    }

    /// Reloads the page, and returns when it has loaded.
    pub async fn reload(&self) {
        let before = self.evaluate("performance.timeOrigin").await;
        self.call("Page.reload", json!({})).await;
        self.until(&format!("performance.timeOrigin != {before} && {LOADED}")).await;
    }

    /// The errors so far: uncaught, logged by a script, or logged by the browser.
    pub async fn console(&self) -> Vec<String> {
        // The events that were sent before this answer precede it.
        self.evaluate("0").await;
        let said = self.pipe.said.borrow();
        let events = said.iter().filter(|event| event["sessionId"] == self.session);
        events.filter_map(|event| error(event["method"].as_str()?, &event["params"])).collect()
    }

    async fn try_evaluate(&self, expression: &str) -> Result<Value, String> {
        let parameters =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.pipe.call(&self.session, "Runtime.evaluate", parameters).await?;
        match &answer["exceptionDetails"] {
            Value::Null => Ok(answer["result"]["value"].take()),
            thrown => Err(exception(thrown)),
        }
    }

    async fn call(&self, method: &str, parameters: Value) -> Value {
        let answer = self.pipe.call(&self.session, method, parameters).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Pipe {
    async fn call(&self, session: &Value, method: &str, params: Value) -> Result<Value, String> {
        let id = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if !session.is_null() {
            message["sessionId"] = session.clone();
        }
        let mut said = self.said.clone();
        let mut next = said.borrow().len();
        self.send(&message).map_err(|error| format!("{method}: {error}"))?;
        let answer = said.wait_for(|said| {
            next += said[next..].iter().take_while(|message| message["id"] != id).count();
            next < said.len()
        });
        let mut answer = match tokio::time::timeout(PATIENCE * 2, answer).await {
            Ok(Ok(said)) => said[next].clone(),
            Ok(Err(_)) => return Err(format!("{method}: the browser has ended")),
            Err(_) => return Err(format!("{method}: no answer")),
        };
        match &answer["error"] {
            Value::Null => Ok(answer["result"].take()),
            error => Err(format!("{method}: {error}")),
        }
    }

    fn send(&self, message: &Value) -> std::io::Result<()> {
        let mut input = self.input.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        input.write_all(format!("{message}\0").as_bytes())
    }
}

/// The error that an event reports, if any.
fn error(method: &str, event: &Value) -> Option<String> {
    let entry = &event["entry"];
    match method {
        "Runtime.exceptionThrown" => Some(exception(&event["exceptionDetails"])),
        "Runtime.consoleAPICalled" if event["type"] == "error" || event["type"] == "assert" => {
            let shown = |value: &Value| match &value["value"] {
                Value::Null => text(&value["description"]),
                value => text(value),
            };
            let values = event["args"].as_array()?.iter().map(shown);
            Some(values.collect::<Vec<_>>().join(" "))
        }
        // The browser requests this one on its own.
        "Log.entryAdded" if text(&entry["url"]).ends_with("/favicon.ico") => None,
        "Log.entryAdded" if entry["level"] == "error" => {
            Some(format!("{}: {}", text(&entry["url"]), text(&entry["text"])))
        }
        _ => None,
    }
}

fn exception(details: &Value) -> String {
    match &details["exception"]["description"] {
        Value::Null => text(&details["text"]),
        description => text(description),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
