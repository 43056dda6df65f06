//! Answers that a working store does not give: a web page instead of the store's answer, and a store that is full.

use crate::harness::{Answer, Fault, Ran, Seen, World};

const PAGE: &str = "<!DOCTYPE html>\n<html><body>hello</body></html>\n<!-- served by a console -->";

type Meets = fn(&Seen) -> bool;

const EVERY: Meets = |_| true;
const WRITES: Meets = |seen| seen.method == "PUT" && !seen.key().starts_with(".xtask/");

/// A deploy of a site with an asset. Requests for which `is_met` holds get this answer. Also returns how many of them
/// there were.
fn deploy_where(is_met: Meets, status: u16, body: &str) -> (World, Ran, usize) {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "a")]);
    let body = body.to_owned();
    world.wire.answer(move |seen| {
        let location = ("location", "https://me:token@portal.example/login?next=secret");
        let headers = if (300..400).contains(&status) { vec![location] } else { Vec::new() };
        is_met(seen).then(|| Answer { status, headers, body: body.clone() })
    });
    let ran = world.deploy(&[]);
    assert_eq!(ran.code, Some(1), "{status}\n{}\n{}", ran.stdout, ran.stderr);
    let met = world.wire.take().iter().filter(|seen| is_met(seen)).count();
    (world, ran, met)
}

#[track_caller]
fn says(ran: &Ran, texts: &[&str]) {
    for text in texts {
        assert!(ran.stderr.contains(text), "`{text}` is missing in\n{}", ran.stderr);
    }
}

#[test]
fn a_web_page_in_the_stores_place_is_reported_with_the_host_and_what_to_check() {
    let page = "answered with a web page and not as an S3 store";
    let check = "hint: check `endpoint` in deploy.toml: it is the address of the store's S3 API";
    let redirects = "redirects to `https://portal.example` instead of answering as an S3 store";
    let pieces = "<script>location = '/login'</script>";
    for (is_met, status, body, said) in [
        (EVERY, 200, PAGE, page),
        (EVERY, 200, pieces, page),
        (EVERY, 404, PAGE, page),
        (EVERY, 405, PAGE, page),
        (EVERY, 302, "", redirects),
        (EVERY, 302, PAGE, redirects),
        (EVERY, 307, PAGE, redirects),
        (EVERY, 200, "{\"status\":\"ok\"}", "did not answer as an S3 store (HTTP 200)"),
        (EVERY, 200, "<rss><channel></channel></rss>", "did not answer as an S3 store (HTTP 200)"),
        (EVERY, 511, PAGE, "answered with a web page and not as an S3 store (HTTP 511)"),
        (EVERY, 200, "", "did not answer as an S3 store (HTTP 200)"),
        (EVERY, 404, "404 page not found", "did not answer as an S3 store (HTTP 404)"),
        (WRITES, 200, PAGE, page),
        (WRITES, 302, "", redirects),
    ] {
        let (world, ran, _) = deploy_where(is_met, status, body);
        says(&ran, &[said, check, &format!("`{}`", world.wire.address())]);
        for secret in ["token", "next=secret", "Unknown"] {
            assert!(!ran.stderr.contains(secret), "{status}\n{}", ran.stderr);
        }
        assert!(world.objects().is_empty());
    }
}

#[test]
fn a_web_page_that_refuses_is_not_taken_for_a_lack_of_rights() {
    for is_met in [EVERY, WRITES, |seen| seen.key().starts_with(".xtask/")] {
        for status in [401, 403] {
            let (world, ran, _) = deploy_where(is_met, status, PAGE);
            let said = format!("`{}`, or something before it, refused this", world.wire.address());
            says(&ran, &[&said, "hint: a firewall or a proxy does not let this request pass"]);
            for wrong in ["AccessDenied", "s3:PutObject", "s3:ListBucket", "encryption"] {
                assert!(!ran.stderr.contains(wrong), "{status}\n{}", ran.stderr);
            }
        }
    }
    let (_, ran, _) = deploy_where(WRITES, 413, "<html><center>nginx</center></html>");
    says(&ran, &["EntityTooLarge (HTTP 413)", "client_max_body_size"]);
}

#[test]
fn the_account_is_not_asked_of_a_web_page() {
    for (status, body) in [(200, PAGE), (200, ""), (302, ""), (405, PAGE)] {
        let world = World::new();
        world.site([("index.html", "page")]);
        world.configure("account = \"111122223333\"");
        world.wire.answer(move |seen| {
            let headers = vec![("location", "/login")];
            (seen.path == "/").then(|| Answer { status, headers, body: body.to_owned() })
        });
        let ran = world.deploy(&[]).exits(1);
        says(&ran, &["failed to ask whose credentials", "hint: check `endpoint`", "`account`"]);
        says(&ran, &[&world.wire.address()]);
        assert_eq!(world.wire.take_writes(), 0);
    }
}

#[test]
fn a_web_page_is_looked_at_once() {
    for status in [200, 302, 403, 404, 511] {
        let (_, _, asked) = deploy_where(EVERY, status, PAGE);
        // The listing and the record are requested at the same time.
        assert!(asked <= 2, "{status}: {asked} requests");
    }
}

#[test]
fn a_store_that_is_full_is_reported_as_full_and_asked_once() {
    let error = |code: &str, message: &str| {
        format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>")
    };
    for (status, body) in [
        (403, error("QuotaExceeded", "")),
        (403, error("AccessDenied", "Forbidden: Object size quota is reached")),
        (403, error("AccessDenied", "Cannot upload files, storage cap exceeded.")),
        (400, error("XMinioAdminBucketQuotaExceeded", "Bucket quota exceeded")),
        (500, error("InternalError", "no space left on device")),
        (500, error("InternalError", "assign volume: No writable volumes")),
        (503, error("InsufficientStorage", "")),
        (507, error("InsufficientStorage", "")),
        (507, error("XMinioStorageFull", "")),
        (507, String::new()),
        (507, PAGE.to_owned()),
    ] {
        let (world, ran, asked) = deploy_where(WRITES, status, &body);
        says(&ran, &["failed to upload `a.css`", "hint: the store is full, or its quota"]);
        for wrong in ["s3:PutObject", "run it again in a minute", "does not support"] {
            assert!(!ran.stderr.contains(wrong), "{status} {body}\n{}", ran.stderr);
        }
        assert_eq!(asked, 1, "{status} {body}");
        assert!(world.objects().is_empty());
    }
}

#[test]
fn a_store_that_is_too_full_for_the_lock_is_reported_as_full() {
    let locks: Meets = |seen| seen.method == "PUT" && seen.key().starts_with(".xtask/");
    let body = "<Error><Code>QuotaExceeded</Code></Error>";
    let (_, ran, _) = deploy_where(locks, 403, body);
    says(&ran, &["failed to write `.xtask/", "hint: the store is full, or its quota"]);
    assert!(!ran.stderr.contains("s3:PutObject"), "{}", ran.stderr);
}

#[test]
fn an_upload_that_is_answered_without_an_etag_and_is_not_there_fails_the_deploy() {
    let world = World::new();
    world.site([("index.html", "old"), ("gone.css", "gone")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "old"), ("new.css", "new")]);
    world.wire.disturb(|seen| {
        let answer = Answer { status: 200, headers: Vec::new(), body: String::new() };
        WRITES(seen).then_some(Fault::Answer(answer))
    });
    let ran = world.deploy(&[]).exits(1);
    says(&ran, &["failed to upload `new.css`", "hint: "]);
    assert_eq!(world.keys(), ["gone.css", "index.html"]);
}
