//! Tests the harness's own browser: it does what the tests of pages ask of it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use serde_json::json;

use crate::harness::{Browser, block_on};

const FIRST: &str = r#"<!doctype html><meta charset="utf-8"><title>first</title>
<style>@media (prefers-color-scheme: dark) { body { background: rgb(1, 2, 3) } } #low { margin-top: 3000px }</style>
<p>first page</p><a href="/second">second</a><button id="low" onclick="clicked(event)">low</button>
<script>
    function clicked(event) { setTimeout(() => document.title = `clicked ${event.isTrusted}`, 50) }
</script>"#;

/// A page that reloads itself until it has loaded three times, and then fails in each way that a page can.
const SECOND: &str = r#"<!doctype html><title>second</title><p>second page</p><script>
    const loads = +(sessionStorage.loads ?? 0) + 1;
    sessionStorage.loads = loads;
    if (loads < 3) setTimeout(() => location.reload(), 100);
    else if (loads == 3) setTimeout(async () => {
        console.log("no error");
        console.error("logged", 1, { a: 1 });
        await fetch("/missing");
        document.title = "failed";
        throw new Error("thrown");
    }, 0);
</script>"#;

/// Serves the two pages, and returns their address.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let request = lines.next().unwrap_or_default();
                lines.take_while(|line| !line.is_empty()).for_each(drop);
                let (status, page) = match request.split(' ').nth(1) {
                    Some("/first") => ("200 OK", FIRST),
                    Some("/second") => ("200 OK", SECOND),
                    _ => ("404 Not Found", ""),
                };
                let length = page.len();
                let _ = write!(
                    &stream,
                    "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{page}"
                );
            });
        }
    });
    format!("http://{address}")
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn a_page_is_seen_and_used_as_a_visitor_would() {
    let folder = tempfile::tempdir().unwrap();
    block_on(async {
        let browser = Browser::start().await;
        let page = browser.open(&format!("{}/first", serve())).await;
        assert_eq!(page.evaluate("document.title").await, json!("first"));
        assert_eq!(
            page.evaluate("Promise.resolve({ one: [1, null] })").await,
            json!({ "one": [1, null] })
        );

        let dark = "getComputedStyle(document.body).backgroundColor == 'rgb(1, 2, 3)'";
        page.color_scheme("dark").await;
        assert_eq!(page.evaluate(dark).await, json!(true));
        page.color_scheme("light").await;
        assert_eq!(page.evaluate(dark).await, json!(false));

        let size = "[innerWidth, innerHeight, navigator.maxTouchPoints > 0]";
        page.viewport(1000, 600, false).await;
        assert_eq!(page.evaluate(size).await, json!([1000, 600, false]));
        page.viewport(390, 844, true).await;
        // Without a `viewport` of its own, a page is laid out for a wider window on a phone.
        assert_eq!(page.evaluate("[screen.width, innerWidth > 390]").await, json!([390, true]));
        page.viewport(1000, 600, false).await;

        let shot = folder.path().join("shot.png");
        page.screenshot(&shot).await;
        let png = std::fs::read(shot).unwrap();
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert_eq!((&png[1..4], number(16), number(20)), (&b"PNG"[..], 1000, 600));

        page.click("#low").await;
        page.until("document.title == 'clicked true'").await;
        page.reload().await;
        assert_eq!(page.evaluate("document.title").await, json!("first"));
        assert_eq!(page.console().await, [""; 0]);

        page.click("a").await;
        page.until("document.body.innerText.includes('second page')").await;
    });
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn waiting_outlives_the_document_and_errors_are_reported() {
    block_on(async {
        let (browser, site) = (Browser::start().await, serve());
        let page = browser.open(&format!("{site}/second")).await;
        let behind = browser.open(&format!("{site}/first")).await;
        page.until("document.title == 'failed'").await;
        assert_eq!(page.evaluate("sessionStorage.loads").await, json!("3"));
        page.until("new Promise(done => setTimeout(done, 1, true))").await;
        let errors = page.console().await.join("\n");
        for error in ["logged 1 Object", "/missing: Failed to load resource", "Error: thrown"] {
            assert!(errors.contains(error), "{error}: {errors}");
        }
        assert!(!errors.contains("no error"), "{errors}");
        assert_eq!(behind.console().await, [""; 0]);
    });
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
#[should_panic = "the page: "]
fn waiting_in_vain_shows_the_page() {
    block_on(async {
        let browser = Browser::start().await;
        let page = browser.open(&format!("{}/first", serve())).await;
        page.until("document.querySelector('#nowhere').hidden").await;
    });
}
