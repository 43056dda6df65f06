//! What visitors get for a request. The same requests go to the preview and, if `XTASK_TEST_WEB` names the address of
//! its web endpoint, to the store that `XTASK_TEST_S3` names, after a real deploy.
//!
//! If the store's answer differs, a row says how, and quotes the sentence in S3's documentation or in HTTP that
//! supports the answer expected here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpStream;

use crate::harness::{Previewed, Reply, World, ask};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// The header that every page gets without a rule.
const PAGE: (&str, &str) = ("cache-control", "no-cache");

/// A key, its content, and the headers that are stored with it.
type File = (&'static str, &'static [u8], &'static [(&'static str, &'static str)]);

const FILES: [File; 20] = [
    ("404.html", b"<h1>lost</h1>", &[("content-type", HTML), PAGE]),
    ("100%.txt", b"percent", &[("content-type", TEXT)]),
    ("a b.txt", b"space", &[("content-type", TEXT)]),
    ("a+b.txt", b"plus", &[("content-type", TEXT)]),
    ("data.json", GZIPPED, &[("content-type", "application/json"), ("content-encoding", "gzip")]),
    ("deep/er/index.html", b"deep", &[("content-type", HTML), PAGE]),
    ("docs/a.html", b"a", &[("content-type", HTML), PAGE]),
    ("docs/index.html", b"docs", &[("content-type", HTML), PAGE]),
    ("empty.txt", b"", &[("content-type", TEXT)]),
    ("index.html", b"home", &[("content-type", HTML), PAGE]),
    ("it's.txt", b"apostrophe", &[("content-type", TEXT)]),
    ("large.bin", b"", &[("content-type", "application/octet-stream")]),
    ("moved/index.html", b"moved", &[("content-type", HTML), PAGE]),
    ("old.html", b"old", &[("content-type", HTML), PAGE]),
    ("packed.html", GZIPPED, &[("content-type", HTML), PAGE, ("content-encoding", "gzip")]),
    ("photos/a.txt", b"photo", &[("content-type", TEXT)]),
    ("ruled", b"ruled", RULED),
    ("say \"hi\".txt", b"quotes", &[("content-type", TEXT)]),
    ("style.css", b"0123456789", &[("content-type", "text/css; charset=utf-8")]),
    ("\u{fc}ber/stra\u{df}e.txt", b"unicode", &[("content-type", TEXT)]),
];

/// `{"answer": 42}` and a newline.
const GZIPPED: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xabVJ\xcc+.O-R\xb2R01\xaa\xe5\x02\x00\xcf\x14C\xa4\x0f\x00\x00\x00";

const RULED: &[(&str, &str)] = &[
    ("cache-control", "public, max-age=60"),
    ("content-disposition", "attachment; filename=\"ruled.rss\""),
    ("content-language", "de"),
    ("content-type", "application/rss+xml"),
    ("expires", "Wed, 21 Oct 2037 07:28:00 GMT"),
    ("x-amz-meta-team", "docs"),
];

const RULES: &str = r#"
[[headers]]
match = "404.html"
cache-control = "no-cache"

[[headers]]
match = "{data.json,packed.html}"
content-encoding = "gzip"

[[headers]]
match = "moved/index.html"
x-amz-website-redirect-location = "https://example.com/elsewhere/"

[[headers]]
match = "old.html"
x-amz-website-redirect-location = "/new.html"

[[headers]]
match = "ruled"
cache-control = "public, max-age=60"
content-disposition = "attachment; filename=\"ruled.rss\""
content-language = "de"
content-type = "application/rss+xml"
expires = "Wed, 21 Oct 2037 07:28:00 GMT"
x-amz-meta-team = "docs"
"#;

/// More than a chunk of the embedded bucket, in bytes.
const LARGE: u64 = 600 * 1024 + 7;

fn content(key: &str) -> Vec<u8> {
    match FILES.iter().find(|(known, ..)| *known == key) {
        Some(("large.bin", ..)) => (0..LARGE).map(|n| (n % 251) as u8).collect(),
        Some((_, content, _)) => content.to_vec(),
        None => panic!("there is no `{key}`"),
    }
}

/// A world with the site above, with or without its error document.
fn site(with_error_document: bool) -> World {
    let world = World::new();
    world.configure(RULES);
    for (key, ..) in FILES {
        if key != "404.html" || with_error_document {
            world.repo.write(&format!("site/public/{key}"), content(key));
        }
    }
    world.repo.commit("site");
    world
}

/// A request, and the expected answer.
struct Row {
    line: &'static str,
    headers: &'static [(&'static str, &'static str)],
    gives: Gives,
}

#[derive(Clone, Copy)]
enum Gives {
    /// The object with this key and all of its headers.
    Whole(&'static str),
    /// The bytes of an object from one position to another, both included.
    Part(&'static str, u64, u64),
    /// The answer that the visitor already has the object.
    Known(&'static str),
    Elsewhere(u16, &'static str),
    /// S3's error code, with the error document if there is one.
    Error(u16, &'static str),
    /// The answer that the object has no such range.
    NoSuchPart(&'static str),
}

use Gives::{Elsewhere, Error, Known, NoSuchPart, Part, Whole};

fn row(line: &'static str, gives: Gives) -> Row {
    Row { line, headers: &[], gives }
}

fn with(line: &'static str, headers: &'static [(&str, &str)], gives: Gives) -> Row {
    Row { line, headers, gives }
}

const MISSING: Gives = Error(404, "NoSuchKey");

fn paths() -> Vec<Row> {
    vec![
        row("GET /", Whole("index.html")),
        row("GET /docs", Elsewhere(302, "/docs/")),
        row("GET /docs/", Whole("docs/index.html")),
        row("GET /docs/a.html", Whole("docs/a.html")),
        row("GET /deep/er/", Whole("deep/er/index.html")),
        row("GET /photos/", MISSING),
        row("GET /photos", MISSING),
        row("GET /missing", MISSING),
        row("GET /missing/", MISSING),
        row("GET /data.json", Whole("data.json")),
        row("GET /ruled", Whole("ruled")),
        row("GET /empty.txt", Whole("empty.txt")),
        row("GET /large.bin", Whole("large.bin")),
        row("GET /old.html", Elsewhere(301, "/new.html")),
        row("GET /moved/", Elsewhere(301, "https://example.com/elsewhere/")),
        row("GET /moved", Elsewhere(302, "/moved/")),
        row("GET /a%20b.txt", Whole("a b.txt")),
        row("GET /a%2Bb.txt", Whole("a+b.txt")),
        row("GET /a%2bb.txt", Whole("a+b.txt")),
        row("GET /a+b.txt", Whole("a b.txt")),
        row("GET /100%25.txt", Whole("100%.txt")),
        row("GET /100%.txt", Whole("100%.txt")),
        row("GET /it's.txt", Whole("it's.txt")),
        row("GET /say%20%22hi%22.txt", Whole("say \"hi\".txt")),
        row("GET /%C3%BCber/stra%C3%9Fe.txt", Whole("\u{fc}ber/stra\u{df}e.txt")),
        row("GET /%c3%bcber/stra%c3%9fe.txt", Whole("\u{fc}ber/stra\u{df}e.txt")),
        row("GET /\u{fc}ber/stra\u{df}e.txt", Whole("\u{fc}ber/stra\u{df}e.txt")),
        row("GET /docs%2Fa.html", Whole("docs/a.html")),
        row("GET /%00", MISSING),
        row("GET /%ff", Error(400, "InvalidURI")),
        row("GET /../../etc/passwd", MISSING),
        row("GET /docs/../style.css", MISSING),
        row("GET /%2e%2e/%2e%2e/etc/passwd", MISSING),
        row("GET //docs", MISSING),
        row("GET //docs/", MISSING),
        row("GET /docs//", MISSING),
        row("GET /style.css?v=1", Whole("style.css")),
        row("GET /docs?v=1", Elsewhere(302, "/docs/")),
        row("GET /docs/?v=1", Whole("docs/index.html")),
        row("GET /missing?v=1", MISSING),
        row("GET http://127.0.0.1/style.css", Whole("style.css")),
        row("GET http://127.0.0.1", Whole("index.html")),
    ]
}

fn methods() -> Vec<Row> {
    let refused = Error(405, "MethodNotAllowed");
    vec![
        row("HEAD /", Whole("index.html")),
        row("HEAD /ruled", Whole("ruled")),
        row("HEAD /large.bin", Whole("large.bin")),
        row("HEAD /docs", Elsewhere(302, "/docs/")),
        row("HEAD /old.html", Elsewhere(301, "/new.html")),
        row("HEAD /missing", MISSING),
        row("POST /", refused),
        row("PUT /style.css", refused),
        row("DELETE /style.css", refused),
        row("OPTIONS /style.css", refused),
        row("PATCH /missing", refused),
        row("MADE-UP /", refused),
    ]
}

fn conditions() -> Vec<Row> {
    let failed = Error(412, "PreconditionFailed");
    let page = "GET /style.css";
    let whole = Whole("style.css");
    let known = Known("style.css");
    vec![
        with(page, &[("if-none-match", "{etag}")], known),
        with("HEAD /style.css", &[("if-none-match", "{etag}")], known),
        with(page, &[("if-none-match", "\"other\"")], whole),
        with(page, &[("if-none-match", "\"other\", {etag}")], known),
        with(page, &[("if-none-match", "\"other\""), ("if-none-match", "{etag}")], known),
        with(page, &[("if-none-match", "W/{etag}")], known),
        with(page, &[("if-none-match", "*")], known),
        with(page, &[("if-match", "{etag}")], whole),
        with(page, &[("if-match", "\"other\"")], failed),
        with(page, &[("if-match", "\"other\", {etag}")], whole),
        with(page, &[("if-match", "\"other\""), ("if-match", "{etag}")], whole),
        with(page, &[("if-match", "*")], whole),
        with(page, &[("if-match", "W/{etag}")], failed),
        with("HEAD /style.css", &[("if-match", "\"other\"")], failed),
        with(page, &[("if-modified-since", "{modified}")], known),
        with(page, &[("if-modified-since", EARLIER)], whole),
        with(page, &[("if-modified-since", LATER)], known),
        with(page, &[("if-modified-since", "no date")], whole),
        with(page, &[("if-unmodified-since", "{modified}")], whole),
        with(page, &[("if-unmodified-since", EARLIER)], failed),
        with(page, &[("if-unmodified-since", LATER)], whole),
        with(page, &[("if-unmodified-since", "no date")], whole),
        // An ETag takes precedence over a time.
        with(page, &[("if-match", "{etag}"), ("if-unmodified-since", EARLIER)], whole),
        with(page, &[("if-match", "\"other\""), ("if-unmodified-since", LATER)], failed),
        with(page, &[("if-none-match", "\"other\""), ("if-modified-since", LATER)], whole),
        with(page, &[("if-none-match", "{etag}"), ("if-modified-since", EARLIER)], known),
        // `If-Match` takes precedence over `If-None-Match`.
        with(page, &[("if-match", "{etag}"), ("if-none-match", "{etag}")], known),
        with(page, &[("if-match", "\"other\""), ("if-none-match", "{etag}")], failed),
        with(page, &[("if-unmodified-since", EARLIER), ("if-none-match", "{etag}")], failed),
        // A 304 carries the stored headers that a cache needs.
        with("GET /ruled", &[("if-none-match", "*")], Known("ruled")),
        with("GET /data.json", &[("if-none-match", "*")], Known("data.json")),
        // There is no object that a condition could apply to.
        with("GET /missing", &[("if-none-match", "*")], MISSING),
        with("GET /missing", &[("if-modified-since", LATER)], MISSING),
        with("GET /missing", &[("if-match", "*")], MISSING),
        with("GET /docs", &[("if-none-match", "*")], Elsewhere(302, "/docs/")),
    ]
}

const EARLIER: &str = "Mon, 01 Jan 1990 00:00:00 GMT";
const LATER: &str = "Thu, 31 Dec 2099 23:59:59 GMT";

fn ranges() -> Vec<Row> {
    let (page, large) = ("GET /style.css", "GET /large.bin");
    let whole = Whole("style.css");
    let refused = NoSuchPart("style.css");
    vec![
        with(page, &[("range", "bytes=0-0")], Part("style.css", 0, 0)),
        with(page, &[("range", "bytes=2-5")], Part("style.css", 2, 5)),
        with(page, &[("range", "bytes=2-99")], Part("style.css", 2, 9)),
        with(page, &[("range", "bytes=0-2147483648")], Part("style.css", 0, 9)),
        with(page, &[("range", "bytes=7-")], Part("style.css", 7, 9)),
        with(page, &[("range", "bytes=-3")], Part("style.css", 7, 9)),
        with(page, &[("range", "bytes=-99")], Part("style.css", 0, 9)),
        with(page, &[("range", "bytes=10-")], refused),
        with(page, &[("range", "bytes=10-20")], refused),
        with(page, &[("range", "bytes=-0")], refused),
        with(page, &[("range", "bytes=0-1,4-5")], whole),
        with(page, &[("range", "bytes=5-2")], whole),
        with(page, &[("range", "bytes=a-b")], whole),
        with(page, &[("range", "bytes=")], whole),
        with(page, &[("range", "bytes=-")], whole),
        with(page, &[("range", "garbage")], whole),
        with(page, &[("range", "lines=0-1")], whole),
        with(page, &[("range", "bytes=0-99999999999999999999999999")], whole),
        with(large, &[("range", "bytes=524287-524288")], Part("large.bin", 524_287, 524_288)),
        with(large, &[("range", "bytes=100-600000")], Part("large.bin", 100, 600_000)),
        with(large, &[("range", "bytes=-7")], Part("large.bin", LARGE - 7, LARGE - 1)),
        with(large, &[("range", "bytes=0-2147483648")], Part("large.bin", 0, LARGE - 1)),
        with("GET /empty.txt", &[("range", "bytes=0-")], NoSuchPart("empty.txt")),
        with("GET /empty.txt", &[("range", "bytes=-1")], Whole("empty.txt")),
        with("GET /empty.txt", &[("range", "bytes=-0")], NoSuchPart("empty.txt")),
        with("GET /data.json", &[("range", "bytes=0-1")], Part("data.json", 0, 1)),
        with("GET /ruled", &[("range", "bytes=0-1")], Part("ruled", 0, 1)),
        with("GET /docs/", &[("range", "bytes=0-1")], Part("docs/index.html", 0, 1)),
        with("GET /missing", &[("range", "bytes=0-1")], MISSING),
        with("HEAD /style.css", &[("range", "bytes=2-5")], Part("style.css", 2, 5)),
        with("HEAD /style.css", &[("range", "bytes=10-")], refused),
        with(page, &[("range", "bytes=2-5"), ("if-range", "{etag}")], Part("style.css", 2, 5)),
        with(page, &[("range", "bytes=2-5"), ("if-range", "{modified}")], Part("style.css", 2, 5)),
        with(page, &[("range", "bytes=2-5"), ("if-range", "\"other\"")], whole),
        with(page, &[("range", "bytes=2-5"), ("if-range", EARLIER)], whole),
        with(page, &[("range", "bytes=2-5"), ("if-range", LATER)], whole),
        with(page, &[("range", "bytes=2-5"), ("if-range", "W/{etag}")], whole),
        with(page, &[("range", "bytes=2-5"), ("if-range", "*")], whole),
        with(page, &[("range", "bytes=10-"), ("if-range", "\"other\"")], whole),
        with(page, &[("range", "bytes=2-5"), ("if-none-match", "{etag}")], Known("style.css")),
        with(
            page,
            &[("range", "bytes=10-"), ("if-match", "\"other\"")],
            Error(412, "PreconditionFailed"),
        ),
        with(page, &[("if-range", "\"other\"")], whole),
    ]
}

/// The endpoint that is asked, and what is known about its objects.
struct Endpoint {
    address: String,
    host: String,
    is_garage: bool,
    /// The ETag of each key, and the time it was written.
    known: BTreeMap<&'static str, (String, String)>,
}

/// The compared parts of an answer: its status, the headers that matter, and its body.
type Seen = (u16, BTreeMap<String, String>, Vec<u8>);

const MATTER: [&str; 17] = [
    "accept-ranges",
    "allow",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "location",
    "vary",
    "x-amz-error-code",
    "x-amz-meta-team",
    "x-amz-website-redirect-location",
];

impl Endpoint {
    fn of(preview: &Previewed) -> Endpoint {
        let address = preview.address.clone();
        Endpoint { host: address.clone(), address, is_garage: false, known: BTreeMap::new() }
            .knowing()
    }

    /// The web endpoint of the store that the suite runs on, after the world was deployed to its bucket `website`. A
    /// bucket that a client creates would not do: the store knows its name only for that client's key.
    fn of_store(world: &mut World) -> Endpoint {
        let web = std::env::var("XTASK_TEST_WEB").expect("XTASK_TEST_WEB is set");
        let address = web.strip_prefix("http://").expect("an address without TLS").to_owned();
        world.bucket = "website".into();
        world.configure(RULES);
        world.deploy(&[]).exits(0);
        world.store.serve(&world.bucket);
        let host = world.bucket.clone();
        Endpoint { address, host, is_garage: true, known: BTreeMap::new() }.knowing()
    }

    fn knowing(mut self) -> Endpoint {
        for (key, ..) in FILES {
            let mut path = String::new();
            key.bytes().for_each(|byte| write!(path, "%{byte:02X}").expect("it is written"));
            let path = format!("/{path}");
            let reply = ask(&self.address, "HEAD", &path, &[("host", &self.host)]);
            let header = |name| reply.headers.get(name).cloned().unwrap_or_default();
            self.known.insert(key, (header("etag"), header("last-modified")));
        }
        self
    }

    fn ask(&self, row: &Row) -> Reply {
        let (etag, modified) = &self.known["style.css"];
        let filled = row.headers.iter().map(|(name, value)| {
            (*name, value.replace("{etag}", etag).replace("{modified}", modified))
        });
        let filled: Vec<(&str, String)> = filled.collect();
        let mut headers: Vec<(&str, &str)> = filled.iter().map(|(n, v)| (*n, v.as_str())).collect();
        headers.push(("host", &self.host));
        let (method, path) = row.line.split_once(' ').expect("a method and a path");
        ask(&self.address, method, path, &headers)
    }

    /// The answer that a row expects.
    fn expected(&self, row: &Row, gives: Gives) -> Seen {
        let mut headers = BTreeMap::new();
        let mut set = |name: &str, value: &str| headers.insert(name.to_owned(), value.to_owned());
        let (status, body) = match gives {
            Whole(key) => {
                self.describe(key, &mut set);
                (200, content(key))
            }
            Part(key, first, last) => {
                self.describe(key, &mut set);
                let content = content(key);
                set("content-range", &format!("bytes {first}-{last}/{}", content.len()));
                (206, content[first as usize..=last as usize].to_vec())
            }
            Known(key) => {
                self.describe(key, &mut set);
                (304, Vec::new())
            }
            Elsewhere(status, location) => {
                set("location", location);
                (status, Vec::new())
            }
            Error(status, code) => self.error(status, code, &mut set),
            NoSuchPart(key) => {
                set("content-range", &format!("bytes */{}", content(key).len()));
                self.error(416, "InvalidRange", &mut set)
            }
        };
        match gives {
            Known(_) => headers.retain(|name, _| {
                ["cache-control", "etag", "expires", "last-modified"].contains(&name.as_str())
            }),
            _ => drop(headers.insert("content-length".into(), body.len().to_string())),
        }
        let body = if row.line.starts_with("HEAD ") { Vec::new() } else { body };
        (status, headers, body)
    }

    fn describe(&self, key: &str, set: &mut impl FnMut(&str, &str) -> Option<String>) {
        let (_, _, stored) = FILES.iter().find(|(known, ..)| *known == key).expect("a file");
        stored.iter().for_each(|(name, value)| drop(set(name, value)));
        let (etag, modified) = &self.known[key];
        set("accept-ranges", "bytes");
        set("etag", etag);
        set("last-modified", modified);
    }

    fn error(
        &self,
        status: u16,
        code: &str,
        set: &mut impl FnMut(&str, &str) -> Option<String>,
    ) -> (u16, Vec<u8>) {
        set("content-type", HTML);
        set("cache-control", "no-cache");
        set("x-amz-error-code", code);
        if status == 405 {
            set("allow", "GET, HEAD");
        }
        (status, content("404.html"))
    }
}

fn seen(reply: &Reply) -> Seen {
    let mut headers = reply.headers.clone();
    headers.retain(|name, _| MATTER.contains(&name.as_str()));
    (reply.status, headers, reply.body.clone())
}

/// Where Garage's answer differs: the beginning of the request line, one of its headers, Garage's status, and the
/// sentence that decides.
const OTHERWISE: [(&str, (&str, &str), u16, &str); 18] = [
    ("GET /a+b.txt", ("", ""), 200, PLUS),
    ("POST", ("", ""), 400, METHODS),
    ("PUT", ("", ""), 400, METHODS),
    ("DELETE", ("", ""), 400, METHODS),
    ("OPTIONS", ("", ""), 400, METHODS),
    ("PATCH", ("", ""), 400, METHODS),
    ("MADE-UP", ("", ""), 400, METHODS),
    ("GET /style.css", ("if-none-match", "W/{etag}"), 200, WEAK),
    ("GET /style.css", ("if-modified-since", "no date"), 400, NO_DATE),
    ("GET /style.css", ("if-unmodified-since", "no date"), 400, NO_DATE),
    ("GET", ("range", "bytes=5-2"), 416, NO_RANGE),
    ("GET", ("range", "bytes=a-b"), 416, NO_RANGE),
    ("GET", ("range", "bytes=-"), 416, NO_RANGE),
    ("GET", ("range", "garbage"), 416, NO_RANGE),
    ("GET", ("range", "lines=0-1"), 416, NO_RANGE),
    ("GET", ("range", "bytes=0-99999999999999999999999999"), 416, NO_RANGE),
    ("HEAD", ("range", ""), 200, HEAD_RANGE),
    ("GET /empty.txt", ("range", "bytes=-1"), 206, EMPTY),
];

/// S3's documentation does not say; this was observed on S3:
/// <https://yetanothermichael.com/coding/2022/10/11/the-problem-with-plus-signs-and-s3.html>
const PLUS: &str = "files with a space in the filename can be accessed with URLs where plus symbols replace the spaces";

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html>
const METHODS: &str = "Supports only GET and HEAD requests on objects";

/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2>
const WEAK: &str = "A recipient MUST use the weak comparison function when comparing entity tags for If-None-Match";

/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3>
const NO_DATE: &str = "A recipient MUST ignore the If-Modified-Since header field if the received field value is not a valid HTTP-date";

/// Both answers are allowed:
/// <https://www.rfc-editor.org/rfc/rfc9110#section-14.2>
const NO_RANGE: &str =
    "MAY ignore or reject a Range header field that contains an invalid ranges-specifier";

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
const HEAD_RANGE: &str = "If the Range is satisfiable, only the ContentLength is affected in the response. If the Range is not satisfiable, S3 returns a 416 - Requested Range Not Satisfiable error.";

/// S3's documentation does not say; this was observed on S3:
/// <https://github.com/apache/arrow-rs-object-store/issues/846>. Garage's range ends at byte 2^64 - 1.
const EMPTY: &str = "S3 returns a 200 for the suffix-range GET when the object is 0 bytes";

/// Garage does not support it:
/// <https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5>
const IF_RANGE: &str = "A recipient of an If-Range header field MUST ignore the Range header field if the If-Range condition evaluates as false.";

/// Garage's status if it differs from ours, and the sentence that decides against it.
fn otherwise(row: &Row) -> Option<(u16, &'static str)> {
    let has = |name: &str, wanted: &str| {
        let is = |value: &str| wanted.is_empty() || value == wanted;
        row.headers.iter().any(|(n, value)| *n == name && is(value))
    };
    if has("if-range", "") && has("range", "") && matches!(row.gives, Whole(_)) {
        return Some((if has("range", "bytes=10-") { 416 } else { 206 }, IF_RANGE));
    }
    // If a header has two lines, Garage reads only the first. https://www.rfc-editor.org/rfc/rfc9110#section-5.3
    if row.headers.len() == 2 && row.headers[0].0 == row.headers[1].0 {
        let status = if has("if-match", "") { 412 } else { 200 };
        return Some((
            status,
            "A recipient MAY combine multiple field lines within a field section that have the same field name into one field line",
        ));
    }
    let found = OTHERWISE.iter().find(|(line, (name, value), ..)| {
        row.line.starts_with(line) && (name.is_empty() || has(name, value))
    });
    found.map(|(_, _, status, why)| (*status, *why))
}

/// The parts of an answer on which both endpoints agree. The rest is left out, because Garage
///
/// - presents the validators of the error document as those of the answer,
/// - sends no error code of S3,
/// - sends no error document with 412, with 400 for a name, or for HEAD,
/// - sends no `Last-Modified` with 304, and no length if there is no body.
fn alike((status, mut headers, body): Seen, row: &Row) -> Seen {
    let left_out: &[&str] = match status {
        304 => &["last-modified"],
        301 | 302 => &["content-length"],
        400.. => &[
            "accept-ranges",
            "allow",
            "cache-control",
            "content-length",
            "content-range",
            "content-type",
            "etag",
            "last-modified",
            "x-amz-error-code",
        ],
        _ => &[],
    };
    headers.retain(|name, _| !left_out.contains(&name.as_str()));
    let body_differs = status == 412 || status == 400 || row.line.starts_with("HEAD");
    (status, headers, if body_differs { Vec::new() } else { body })
}

/// Makes all requests, and shows every answer that differs from the expected one.
#[track_caller]
fn hold(endpoint: &Endpoint, rows: Vec<Row>) {
    let mut wrong = String::new();
    for row in rows {
        let mut found = seen(&endpoint.ask(&row));
        let mut expected = endpoint.expected(&row, row.gives);
        let mut why = "";
        if endpoint.is_garage {
            (found, expected) = (alike(found, &row), alike(expected, &row));
            if let Some((status, decides)) = otherwise(&row) {
                why = decides;
                if found == expected {
                    writeln!(wrong, "{} {:?} does not differ", row.line, row.headers)
                        .expect("it is written");
                }
                found = (found.0, BTreeMap::new(), Vec::new());
                expected = (status, BTreeMap::new(), Vec::new());
            }
        }
        if found != expected {
            let show = |(status, headers, body): Seen| {
                let start = body[..body.len().min(200)].escape_ascii().to_string();
                format!("{status} {headers:?}\n      {} bytes: {start}", body.len())
            };
            let Row { line, headers, .. } = row;
            writeln!(wrong, "{line} {headers:?}  {why}").expect("it is written");
            writeln!(wrong, "    is: {}\n    should be: {}", show(found), show(expected))
                .expect("it is written");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn all() -> Vec<Row> {
    [paths(), methods(), conditions(), ranges()].into_iter().flatten().collect()
}

#[test]
fn visitors_get_what_s3s_website_endpoint_would_give() {
    let world = site(true);
    hold(&Endpoint::of(&world.preview(&[])), all());
}

#[test]
#[ignore = "needs a store's web endpoint: set XTASK_TEST_WEB and XTASK_TEST_S3 and run with --ignored"]
fn the_store_gives_the_same_to_the_same_requests() {
    hold(&Endpoint::of_store(&mut site(true)), all());
}

#[test]
fn without_an_error_document_a_few_words_are_sent() {
    let world = site(false);
    let preview = world.preview(&[]);
    let reply = preview.get("/%3Cb%3Emissing");
    assert_eq!((reply.status, reply.headers["content-type"].as_str()), (404, HTML));
    assert!(reply.text().contains("<li>Key: &lt;b&gt;missing</li>"), "{}", reply.text());
    assert!(reply.text().contains("404.html"), "{}", reply.text());
}

/// The number of connections is limited, however many a client opens.
#[test]
fn a_thousand_idle_connections_keep_nobody_out() {
    let world = site(true);
    let preview = world.preview(&[]);
    let mut idle = Vec::new();
    for _ in 0..1000 {
        idle.push(TcpStream::connect(&preview.address).expect("a connection"));
        if idle.len() % 100 == 0 {
            assert_eq!(preview.get("/style.css").body, b"0123456789");
        }
    }
    let descriptors = format!("/proc/{}/fd", preview.id());
    if let Ok(open) = std::fs::read_dir(descriptors) {
        let open = open.count();
        assert!(open < 400, "{open} descriptors are open");
    }
    assert_eq!(preview.get("/docs/").body, b"docs");
    drop(idle);
    let ran = preview.ends("-INT");
    assert_eq!((ran.code, ran.stderr.contains("mistake")), (Some(0), false), "{}", ran.stderr);
}

#[test]
fn requests_that_mean_harm_do_none() {
    let world = site(true);
    world.repo.write("secret.txt", "secret");
    let preview = world.preview(&[]);
    for path in [
        "/../../etc/passwd",
        "/../../secret.txt",
        "/%2e%2e/%2e%2e/secret.txt",
        "/..%2f..%2fsecret.txt",
        "/%00",
        "/index.html%00.txt",
        "/.xtask/record%00",
        "/_preview/../../secret.txt",
        "/_preview/%2e%2e/secret.txt",
        "/_preview/before?key=..%2F..%2Fsecret.txt",
        "/_preview/after?key=..%2F..%2Fsecret.txt",
        "/_preview/after?key=.xtask%2Frecord",
        "/_preview/after?key=%00",
        "/_preview/after?key=%ff",
        "/_preview/after",
    ] {
        let reply = preview.get(path);
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        assert!(!reply.text().contains("secret\n"), "{path}");
    }
    // A page of somebody else that points its own name at this address could otherwise read everything.
    for (host, status) in [
        ("localhost", 200),
        ("localhost:4000", 200),
        ("a.localhost", 200),
        ("127.0.0.1", 200),
        ("[::1]:4000", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:4000", 403),
    ] {
        let reply = preview.ask("GET", "/style.css", &[("host", host)]);
        assert_eq!(reply.status, status, "{host}");
    }
    // If the request target names a host, that host counts, not the `Host` header.
    let reply = preview.ask("GET", "http://evil.example/style.css", &[("host", "127.0.0.1")]);
    assert_eq!(reply.status, 403);
    let ran = preview.ends("-INT");
    assert_eq!((ran.code, ran.stderr.contains("mistake")), (Some(0), false), "{}", ran.stderr);
}

/// Browsers get a page with the script, and never from their cache. Other clients get what is stored.
#[test]
fn only_a_browser_gets_more_than_what_is_stored() {
    let world = site(true);
    let preview = world.preview(&[]);
    let stored = preview.get("/");
    assert_eq!(stored.body, b"home");
    assert_eq!(stored.headers.get("vary"), None);
    let page = preview.ask("GET", "/", &[("accept", "text/html,*/*;q=0.8")]);
    assert!(page.text().starts_with("home<script src=\"/_preview/reload.js\""), "{}", page.text());
    assert_eq!(page.headers["vary"], "*");
    assert_eq!(page.headers.get("etag"), None, "it is not of what is sent");
    let lost = preview.ask("GET", "/missing", &[("accept", "text/html")]);
    assert_eq!((lost.status, lost.text().contains("reload.js")), (404, true));
    let fetched = preview.ask("GET", "/ruled", &[("sec-fetch-dest", "empty")]);
    assert_eq!(fetched.body, content("ruled"));
    // A service worker can store it, and yet the browser asks again.
    assert_eq!(fetched.headers["cache-control"], "no-cache");
    assert_eq!(fetched.headers.get("vary"), None);
    let styled = preview.ask("GET", "/ruled", &[("sec-fetch-dest", "style")]);
    assert_eq!(styled.headers["cache-control"], "public, max-age=60");
    assert_eq!(styled.headers["vary"], "*");
    // Over plain HTTP, a browser does not tell another machine what kind of file it requests.
    let named = preview.ask("GET", "/ruled", &[("user-agent", "Mozilla/5.0 (X11)")]);
    assert_eq!(named.headers["vary"], "*");
    let packed = preview.ask("GET", "/packed.html", &[("accept", "text/html")]);
    assert_eq!(packed.body, GZIPPED);
}
