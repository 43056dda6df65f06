//! The preview is isolated: a page of another origin, the scripts of the previewed site, a name that points to this
//! machine, and leftovers of an earlier site in the browser can neither read anything of the account nor change
//! anything here.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Browser, Page, Previewed, Stranger, World, block_on};

/// A world whose bucket holds something that no row of the plan shows, and something that is to be deleted.
fn world() -> World {
    let world = World::new();
    world.configure("keep = [\"uploads/**\"]\n[environments.other]\nbranches = [\"other\"]\nregion = \"local\"\nbucket = \"other\"\naccount = \"111111111111\"\nprefix = \"other/\"");
    let text = std::fs::read_to_string(world.repo.join("site/deploy.toml")).unwrap();
    // `keep` belongs to the file and not to the environment.
    let text = text.replace("keep = [\"uploads/**\"]\n", "");
    world.repo.write("site/deploy.toml", format!("keep = [\"uploads/**\"]\n{text}"));
    world.site([("index.html", "<h1>one</h1>"), ("old.txt", "old")]);
    world.deploy(&[]).exits(0);
    world.store.put(&world.bucket, "uploads/secret.txt", b"secret", "text/plain");
    world.site([("index.html", "<h1>two</h1>"), ("uploads/secret.txt", "of the site")]);
    world
}

/// The names of the tool's own pages, and the method to request each.
const PAGES: [(&str, &str); 8] = [
    ("GET", ""),
    ("GET", "page.css"),
    ("GET", "page.js"),
    ("GET", "plan.json"),
    ("GET", "diff?key=index.html"),
    ("GET", "before?key=index.html"),
    ("GET", "after?key=index.html"),
    ("POST", "look"),
];

#[test]
fn the_tools_own_pages_answer_their_own_origin_alone() {
    let world = world();
    let preview = world.preview(&[]);
    preview.plans(|plan| plan["state"] == "compared");
    for (method, name) in PAGES {
        let ask = |headers: &[(&str, &str)]| preview.ask_pages(method, name, headers);
        let answer = ask(&[]);
        assert!(matches!(answer.status, 200 | 202), "{name}: {}", answer.text());
        for (header, value) in [
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.headers[header], value, "{name}");
        }
        assert_eq!(answer.headers.get("access-control-allow-origin"), None, "{name}");
        let site = format!("http://{}", preview.address);
        for (header, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", &site),
            ("host", "evil.example"),
        ] {
            let refused = ask(&[(header, value)]);
            assert_eq!(refused.status, 403, "{name}: {header}: {value}: {}", refused.text());
        }
        // The site's own port, which its scripts can reach, serves none of these pages.
        let beside = preview.ask(method, &format!("/_preview/{name}"), &[]);
        assert!(matches!(beside.status, 404 | 405), "{name}: {}", beside.text());
        // And without the address that cannot be guessed, nobody can reach them.
        let pages = preview.pages();
        let address = pages["http://".len()..].split('/').next().unwrap();
        for path in
            [format!("/{name}"), format!("/_preview/{name}"), format!("/{}/{name}", "0".repeat(32))]
        {
            let unknown = crate::harness::ask(address, method, &path, &[]);
            assert_eq!(unknown.status, 404, "{path}: {}", unknown.text());
        }
    }
    for name in ["", "before?key=index.html"] {
        let policy = &preview.ask_pages("GET", name, &[]).headers["content-security-policy"];
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
    // A link to the page may be anywhere.
    let opened = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    assert_eq!(preview.ask_pages("GET", "", &opened).status, 200);
    assert_eq!(preview.ask_pages("GET", "plan.json", &opened).status, 403);
}

#[test]
fn what_the_script_in_a_page_asks_for_is_given_to_no_other_origin() {
    let world = world();
    let preview = world.preview(&[]);
    let socket = [
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
    ] {
        for name in ["reload.js", "remove.js", "worker", "events"] {
            let headers = [&socket[..], &[(header, value)]].concat();
            let answer = preview.ask("GET", &format!("/_preview/{name}"), &headers);
            assert_eq!(answer.status, 403, "{name}: {header}: {value}");
        }
        if header == "origin" {
            let answer = preview.ask("POST", "/_preview/forget", &[(header, value)]);
            assert_eq!(answer.status, 403, "{value}");
        }
    }
    assert_eq!(preview.ask("GET", "/_preview/events", &[]).status, 426);
}

#[test]
fn only_what_a_row_shows_is_answered() {
    let world = world();
    let preview = world.preview(&[]);
    let plan = preview.plans(|plan| plan["state"] == "compared");
    let keys: Vec<_> = plan["files"].as_array().unwrap().iter().map(|row| &row["key"]).collect();
    assert_eq!(keys, ["index.html", "old.txt"]);
    for (name, status) in [
        ("before?key=index.html", 200),
        ("before?key=old.txt", 200),
        ("after?key=index.html", 200),
        ("after?key=old.txt", 404),
        ("before?key=uploads%2Fsecret.txt", 404),
        ("after?key=uploads%2Fsecret.txt", 404),
        ("before?key=.xtask%2Frecord", 404),
        ("before?key=other%2Findex.html", 404),
        ("before?key=", 404),
        ("before", 404),
    ] {
        let answer = preview.ask_pages("GET", name, &[]);
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
    }
    // What a row showed is not available after the row is gone.
    world.repo.write("site/public/old.txt", "old");
    preview.plans(|plan| plan["files"][1]["change"] == "unchanged");
    assert_eq!(preview.ask_pages("GET", "after?key=old.txt", &[]).status, 200);
    world.repo.remove("site/public/old.txt");
    preview.plans(|plan| plan["files"][1]["change"] == "deleted");
    assert_eq!(preview.ask_pages("GET", "after?key=old.txt", &[]).status, 404);
}

/// With `--host`, other machines may send requests, but a stranger's page still must not point its name here.
#[test]
fn names_are_checked_even_if_other_machines_are_let_in() {
    let world = world();
    let preview = world.preview(&["--host", "0.0.0.0"]);
    assert!(preview.address.starts_with("127.0.0.1:"), "{}", preview.address);
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let mut rows = vec![
        ("localhost:4000", 200),
        ("a.localhost", 200),
        ("192.168.1.20:4000", 200),
        ("[2001:db8::1]", 200),
        ("evil.example", 403),
        ("evil.example:4000", 403),
        ("192.168.1.20.evil.example", 403),
    ];
    let local = format!("{}.local", machine.trim());
    if !machine.trim().is_empty() {
        rows.extend([(machine.trim(), 200), (&local, 200)]);
    }
    for (host, status) in rows {
        assert_eq!(preview.ask("GET", "/", &[("host", host)]).status, status, "{host}");
        let page = preview.ask_pages("GET", "plan.json", &[("host", host)]).status;
        assert!((page == 403) == (status == 403), "{host}: {page}");
    }
}

#[test]
fn the_addresses_of_the_network_are_printed_if_other_machines_are_let_in() {
    let world = world();
    let preview = world.preview(&["--host", "0.0.0.0"]);
    preview.pages();
    let port = preview.address.rsplit(':').next().unwrap().to_owned();
    // Without a network there is no such address.
    if let Some(address) = network() {
        let line = preview.waits_for("on the network: ");
        assert_eq!(line, format!("on the network: http://{address}:{port}/"));
    }
    let alone = world.preview(&[]);
    alone.pages();
    assert!(!alone.said().contains("on the network"), "{}", alone.said());
}

/// The address of this machine in its network.
fn network() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then(|| ip.to_string())
}

#[cfg(target_os = "linux")]
#[test]
fn no_store_listens_on_a_port() {
    let world = world();
    let preview = world.preview(&[]);
    let port = |address: &str| address.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    let pages = preview.pages();
    let pages = port(pages["http://".len()..].split('/').next().unwrap());
    assert_eq!(ports(preview.id()), BTreeSet::from([port(&preview.address), pages]));

    // A deploy to the bucket on this machine, while its generator runs.
    let text = std::fs::read_to_string(world.repo.join("site/deploy.toml")).unwrap();
    let command = "command = [\"sh\", \"-c\", \"mkdir -p public; echo x > public/index.html; echo x > ../begun; until [ -e ../go ]; do sleep 0.02; done\"]";
    world.repo.write("site/deploy.toml", text.replace("[build]", &format!("[build]\n{command}")));
    world
        .repo
        .xtask_started(&["deploy", "--local"], &[], |id| {
            while !world.repo.join("begun").exists() {
                std::thread::yield_now();
            }
            let found = ports(id);
            world.repo.write("go", "");
            assert_eq!(found, BTreeSet::new());
        })
        .exits(0);
}

/// The ports on which a process listens.
#[cfg(target_os = "linux")]
fn ports(id: u32) -> BTreeSet<u16> {
    let open = std::fs::read_dir(format!("/proc/{id}/fd")).expect("its descriptors");
    let links = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    let sockets: BTreeSet<String> = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.into()))
        .collect();
    let table = |name: &str| std::fs::read_to_string(format!("/proc/{id}/net/{name}"));
    let tables = [table("tcp"), table("tcp6")].map(Result::unwrap_or_default).concat();
    let listens = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, "0A", _, _, _, _, _, inode, ..] = fields[..] else { return None };
        let port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
        sockets.contains(inode).then_some(port)
    };
    tables.lines().filter_map(listens).collect()
}

#[test]
fn a_redirect_to_the_sites_own_address_stays_in_the_preview() {
    let world = World::new();
    world.configure("url = \"https://example.com/\"\n\n[[headers]]\nmatch = \"old/index.html\"\nx-amz-website-redirect-location = \"https://example.com/new/\"");
    world.site([("index.html", "home"), ("old/index.html", "moved"), ("new/index.html", "new")]);
    let preview = world.preview(&[]);
    let asked = preview.ask("GET", "/old/", &[("accept", "text/html")]);
    assert_eq!((asked.status, asked.headers["location"].as_str()), (301, "/new/"));
    assert_eq!(preview.get("/old/").headers["location"], "https://example.com/new/", "as stored");
}

/// A bucket has one error document, and a site in one of its folders cannot bring another.
#[test]
fn below_a_prefix_the_error_document_is_the_buckets() {
    for (error, shown) in [
        ("", "It is outside of this site's folder, <code>docs/</code>"),
        ("[website]\nerror = \"docs/404.html\"", "the site's own"),
    ] {
        let world = World::new();
        world.configure(&format!("prefix = \"docs/\"\n{error}"));
        world.site([("index.html", "home"), ("404.html", "the site's own")]);
        let preview = world.preview(&[]);
        let missing = preview.get("/docs/missing");
        assert_eq!(
            (missing.status, missing.text().contains(shown)),
            (404, true),
            "{}",
            missing.text()
        );
    }
}

// --- in a browser ------------------------------------------------------------------------------------------

/// Uploads a page with a form, signed with keys that were once in the source code. The page cannot read the answer, but
/// the upload does not need it.
const UPLOAD: &str = r#"async (address) => {
    const bytes = (text) => new TextEncoder().encode(text);
    const hex = (found) => [...new Uint8Array(found)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const sign = async (key, text) => {
        const made = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
        return crypto.subtle.sign("HMAC", made, bytes(text));
    };
    const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
    const fields = {
        key: "planted.html",
        "Content-Type": "text/html",
        "x-amz-credential": `local/${date.slice(0, 8)}/local/s3/aws4_request`,
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-date": date,
    };
    const each = Object.entries(fields).map(([name, value]) => ({ [name]: value }));
    const policy = btoa(JSON.stringify({ expiration: "2099-01-01T00:00:00Z", conditions: [{ bucket: "preview" }, ...each] }));
    let key = bytes("AWS4local-secret");
    for (const part of [date.slice(0, 8), "local", "s3", "aws4_request"]) key = await sign(key, part);
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("policy", policy);
    form.append("x-amz-signature", hex(await sign(key, policy)));
    form.append("file", new Blob(["<script>document.title = 'planted'</script>"]), "a.html");
    await fetch(address, { method: "POST", mode: "no-cors", body: form }).catch(() => null);
}"#;

/// The attack as it once worked: a page of another origin puts a page into the bucket with a form, which needs no
/// permission, and opens it through a signed address.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn a_page_of_another_origin_puts_nothing_into_the_bucket_and_reads_nothing_of_it() {
    let world = world();
    let preview = world.preview(&[]);
    preview.plans(|plan| plan["state"] == "compared");
    let stranger =
        Stranger::serve(0, &[("/", "text/html", "<!doctype html><title>stranger</title>")]);
    block_on(async {
        let browser = Browser::start().await;
        for port in ports(preview.id()) {
            let page = browser.open(&stranger.url("/")).await;
            page.evaluate(&format!("({UPLOAD})('http://127.0.0.1:{port}/preview')")).await;
            for address in [
                format!("http://127.0.0.1:{port}/preview/planted.html"),
                store(port).presigned("preview", "planted.html").await,
                store(port).presigned("preview", "index.html").await,
            ] {
                let opened = browser.open(&address).await;
                assert_ne!(opened.evaluate("document.title").await, "planted", "{address}");
                let text = opened.evaluate("document.body.innerText").await;
                assert!(!text.as_str().unwrap().contains("two"), "{address}: {text}");
            }
        }
        assert_eq!(preview.get("/planted.html").status, 404);
    });
}

/// The store that once listened next to a preview.
fn store(port: u16) -> crate::harness::Store {
    crate::harness::Store::at(&format!("http://127.0.0.1:{port}"), "local", "local", "local-secret")
}

/// The ways in which a page can read from another address. Anything that could be read is in the result.
const READ: &str = r#"async (address) => {
    const found = {};
    const asked = async (name, ask) => { try { found[name] = await ask(); } catch { found[name] = null; } };
    const loaded = (name, attributes, read) => asked(name, () => new Promise((done) => {
        const element = document.createElement(name);
        element.onload = () => done(read(element));
        element.onerror = () => done(null);
        Object.assign(element, attributes);
        document.body.append(element);
        setTimeout(done, 3000, null);
    }));
    await asked("fetch", async () => (await fetch(address)).text());
    await asked("post", async () => (await fetch(address, { method: "POST" })).text());
    await asked("opaque", async () => (await (await fetch(address, { mode: "no-cors" })).text()) || null);
    await loaded("script", { src: address }, () => "ran");
    await loaded("img", { src: address }, (image) => image.naturalWidth || null);
    await loaded("link", { rel: "stylesheet", href: address }, (link) => "applied");
    await loaded("iframe", { src: address }, (frame) => frame.contentDocument?.body?.innerText || null);
    await asked("socket", () => new Promise((done) => {
        const socket = new WebSocket(address.replace(/^http/, "ws"));
        socket.onmessage = ({ data }) => done(data);
        socket.onerror = () => done(null);
    }));
    return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== null));
}"#;

async fn read(page: &Page, address: &str) -> Value {
    page.evaluate(&format!("({READ})({})", json!(address))).await
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn neither_another_origin_nor_the_sites_own_scripts_read_the_tools_pages() {
    let world = world();
    let preview = world.preview(&[]);
    preview.plans(|plan| plan["state"] == "compared");
    let empty = "<!doctype html><title>stranger</title>";
    let stranger = Stranger::serve(0, &[("/", "text/html", empty)]);
    let (pages, site) = (preview.pages(), preview.url("/_preview/"));
    block_on(async {
        let browser = Browser::start().await;
        for origin in [stranger.url("/"), preview.url("/")] {
            let page = browser.open(&origin).await;
            // This page is told the address that it could not guess.
            for name in [
                "",
                "plan.json",
                "diff?key=index.html",
                "before?key=index.html",
                "page.js",
                "events",
            ] {
                let found = read(&page, &format!("{pages}{name}")).await;
                assert_eq!(found, json!({}), "{origin} of {name}");
            }
            for name in ["plan.json", "diff?key=index.html", "before?key=index.html"] {
                let found = read(&page, &format!("{site}{name}")).await;
                let found = found.to_string();
                assert!(
                    !found.contains("<h1>") && !found.contains("production"),
                    "{name}: {found}"
                );
            }
        }
        let page = browser.open(&stranger.url("/")).await;
        for name in ["events", "reload.js", "worker"] {
            assert_eq!(read(&page, &format!("{site}{name}")).await, json!({}), "{name}");
        }
    });
}

/// A service worker that answers from its caches, and stores everything that a page requests.
const WORKER: &str = r#"
addEventListener("install", (event) => event.waitUntil(
    caches.open("v").then((cache) => cache.addAll(["/", "/app.css"])).then(() => skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => event.respondWith((async () => {
    const stored = await caches.match(event.request);
    if (stored) return stored;
    const response = await fetch(event.request);
    if (event.request.method == "GET") await (await caches.open("v")).put(event.request, response.clone());
    return response;
})()));
"#;

fn app(heading: &str) -> String {
    format!(
        "<!doctype html><title>app</title><link rel=stylesheet href=/app.css><body><h1>{heading}</h1>\
         <script>navigator.serviceWorker.register('/sw.js')</script></body>"
    )
}

fn app_world(worker: Option<&str>) -> World {
    let world = World::new();
    let page = app("mine");
    let page =
        if worker.is_some() { page.as_str() } else { "<!doctype html><body><h1>mine</h1></body>" };
    let files = [("index.html", page), ("app.css", "h1 { color: red }"), ("more.html", page)];
    world.site(files.into_iter().chain(worker.map(|worker| ("sw.js", worker))));
    world
}

const HEADING: &str = "document.querySelector('h1')?.textContent";
const WORKERS: &str = "navigator.serviceWorker.getRegistrations().then((found) => found.length)";

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn a_sites_service_worker_installs_and_pages_are_still_shown_anew() {
    let world = app_world(Some(WORKER));
    let preview = world.preview(&[]);
    block_on(async {
        let browser = Browser::start().await;
        let page = browser.open(&preview.url("/")).await;
        page.until("navigator.serviceWorker.ready.then(() => true)").await;
        page.until("navigator.serviceWorker.controller != null").await;
        for n in 0..3 {
            page.reload().await;
            page.until("navigator.serviceWorker.controller != null").await;
            let heading = format!("save {n}");
            world.repo.write("site/public/index.html", app(&heading));
            page.until(&format!("{HEADING} == '{heading}'")).await;
            page.until("navigator.serviceWorker.controller != null").await;
        }
        // What the worker itself requests goes into its caches.
        let more = browser.open(&preview.url("/more.html")).await;
        more.until("caches.match('/more.html').then((found) => found != null)").await;
        assert_eq!(more.console().await, Vec::<String>::new());
    });
    assert!(!preview.said().contains("service worker"), "{}", preview.said());
}

/// A page that an earlier site's service worker shows, instead of the preview that is at the address now.
async fn shown_by_a_leftover(browser: &Browser, world: &World) -> (Previewed, Page) {
    let page = app("earlier");
    let files = [
        ("/", "text/html", page.as_str()),
        ("/app.css", "text/css", "h1 { color: blue }"),
        ("/sw.js", "text/javascript", WORKER),
    ];
    let earlier = Stranger::serve(0, &files);
    let page = browser.open(&earlier.url("/")).await;
    page.until("navigator.serviceWorker.controller != null").await;
    let port = earlier.stop();
    let preview = world.preview(&["--port", &port.to_string()]);
    assert!(preview.get("/").text().contains("mine"));
    page.reload().await;
    (preview, page)
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn a_service_worker_of_an_earlier_site_is_explained_and_a_button_removes_it() {
    // The site has a worker with the same name, or none.
    for worker in [Some(WORKER), None] {
        let world = app_world(worker);
        block_on(async {
            let browser = Browser::start().await;
            let (preview, page) = shown_by_a_leftover(&browser, &world).await;
            page.until("document.title == 'an earlier site answers here'").await;
            shoot(&page, "worker").await;
            preview.complains("a browser has a service worker that an earlier site left at");
            page.click("#remove").await;
            page.until(&format!("{HEADING} == 'mine'")).await;
            if worker.is_none() {
                assert_eq!(page.evaluate(WORKERS).await, 0);
            }
            // It remains so.
            let again = browser.open(&preview.url("/")).await;
            assert_eq!(again.evaluate(HEADING).await, "mine");
        });
    }
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn the_page_of_what_would_change_has_a_button_for_it_too() {
    let world = app_world(None);
    block_on(async {
        let browser = Browser::start().await;
        let (preview, page) = shown_by_a_leftover(&browser, &world).await;
        preview.complains("a browser has a service worker");
        let pages = browser.open(&preview.pages()).await;
        pages.until("document.querySelector('.banner button') != null").await;
        shoot(&pages, "banner").await;
        pages.click(".banner button").await;
        pages.until("document.querySelector('.banner button') == null").await;
        page.until(&format!("{WORKERS}.then((found) => found == 0)")).await;
        page.reload().await;
        assert_eq!(page.evaluate(HEADING).await, "mine");
        assert_eq!(pages.console().await, Vec::<String>::new());
    });
}

/// If the page of another site asks an earlier site's service worker for something, the worker could keep it and send
/// it elsewhere.
#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn a_service_worker_of_an_earlier_site_reads_nothing_of_the_tools_pages() {
    let world = world();
    block_on(async {
        let browser = Browser::start().await;
        let (preview, page) = shown_by_a_leftover(&browser, world_with_heading(&world)).await;
        let pages = preview.pages();
        let plan = browser.open(&pages).await;
        plan.until("document.body.innerText.includes('index.html')").await;
        let names = "caches.keys().then((names) => Promise.all(names.map(async (name) => \
            (await (await caches.open(name)).keys()).map((request) => request.url)))).then((found) => found.flat().join())";
        let stored = page.evaluate(names).await;
        assert!(!stored.as_str().unwrap().contains("plan"), "{stored}");
        for name in ["plan.json", "before?key=index.html"] {
            assert_eq!(read(&page, &format!("{pages}{name}")).await, json!({}), "{name}");
        }
    });
}

fn world_with_heading(world: &World) -> &World {
    world.repo.write("site/public/index.html", "<h1>mine</h1>");
    world
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn many_tabs_follow_the_site_over_an_address_of_the_network() {
    let Some(network) = network() else { return };
    let world = World::new();
    world.site([("index.html", "<h1>one</h1>"), ("style.css", "h1 { color: red }")]);
    let preview = world.preview(&["--host", "0.0.0.0"]);
    let port = preview.address.rsplit(':').next().unwrap().to_owned();
    block_on(async {
        let browser = Browser::reaching(&network).await;
        let mut tabs = Vec::new();
        for _ in 0..12 {
            tabs.push(browser.open(&format!("http://{network}:{port}/")).await);
        }
        assert_eq!(tabs[0].evaluate("isSecureContext").await, false);
        world.repo.write("site/public/index.html", "<h1>two</h1>");
        for tab in &tabs {
            tab.until(&format!("{HEADING} == 'two'")).await;
            assert_eq!(tab.console().await, Vec::<String>::new());
        }
    });
}

/// Takes a screenshot of the page for people to look at.
async fn shoot(page: &Page, name: &str) {
    let Some(folder) = std::env::var_os("XTASK_TEST_SCREENSHOTS") else { return };
    page.viewport(1280, 900, false).await;
    page.screenshot(&std::path::PathBuf::from(folder).join(format!("{name}.png"))).await;
}
