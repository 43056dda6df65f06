//! A changed rule reaches the objects that it matches, and the store copies them in place: no bytes are sent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::harness::{Answer, Ran, Seen, World};

fn rule(age: u64) -> String {
    format!("[[headers]]\nmatch = \"*.css\"\ncache-control = \"max-age={age}\"\n")
}

/// The keys that a run wrote because of their headers. Asserts that there are no other reasons.
#[track_caller]
fn headers_only(ran: &Ran) -> BTreeSet<String> {
    let report = ran.json();
    let uploads = report["uploads"].as_array().expect("uploads");
    assert!(uploads.iter().all(|upload| upload["reason"] == "headers"), "{report}");
    uploads.iter().map(|upload| upload["key"].as_str().expect("a key").to_owned()).collect()
}

/// Writes to objects of the site, not to the tool's own.
fn of_the_site(seen: &Seen) -> bool {
    seen.writes() && !seen.path.contains(".xtask/")
}

#[test]
fn a_changed_rule_of_a_site_of_thousands_reaches_what_it_names_and_sends_nothing() {
    let world = World::new();
    world.configure(&rule(1));
    let pages: Vec<String> = (0..2500).map(|n| format!("pages/{n}.html")).collect();
    let styles = ["a b.css", "caf\u{e9}+1.css", "style.css"];
    let all = pages.iter().map(String::as_str).chain(styles);
    world.site(all.map(|key| (key, key)));
    world.deploy(&[]).exits(0);

    world.configure(&rule(2));
    world.wire.take();
    let changed = world.deploy(&["--json"]).exits(0);
    assert_eq!(headers_only(&changed), styles.map(str::to_owned).into());
    assert_eq!(
        (&changed.json()["bytes_sent"], &changed.json()["unchanged"]),
        (&json!(0), &json!(2500))
    );
    let written: Vec<Seen> = world.wire.take().into_iter().filter(of_the_site).collect();
    assert_eq!(written.len(), 3);
    assert!(written.iter().all(|seen| seen.copies && seen.length == 0), "{written:?}");

    let again = world.deploy(&["--json"]).exits(0).json();
    let seen = world.wire.take();
    assert_eq!((&again["uploads"], &again["unchanged"]), (&json!([]), &json!(2503)));
    assert!(seen.len() < 12 && !seen.iter().any(Seen::writes), "{seen:?}");
    for key in styles {
        let object = world.store.object(&world.bucket, key);
        assert_eq!(object.body, key.as_bytes(), "{key}");
        assert_eq!(object.cache_control.as_deref(), Some("max-age=2"), "{key}");
        assert_eq!(object.content_type.as_deref(), Some("text/css; charset=utf-8"), "{key}");
    }
}

#[test]
fn all_headers_are_restated_and_a_rule_that_goes_takes_its_header_along() {
    let world = World::new();
    let more = "content-language = \"en\"\nx-amz-meta-team = \"docs\"\nexpires = \"Wed, 21 Oct 2037 07:28:00 GMT\"\n";
    world.configure(&format!("{}{more}", rule(1)));
    world.site([("index.html", "page"), ("style.css", "style")]);
    world.deploy(&[]).exits(0);

    world.configure(&format!("{}{more}", rule(2)));
    assert_eq!(headers_only(&world.deploy(&["--json"]).exits(0)).len(), 1);
    let style = world.store.object(&world.bucket, "style.css");
    assert_eq!(style.cache_control.as_deref(), Some("max-age=2"));
    assert_eq!(style.content_language.as_deref(), Some("en"));
    assert_eq!(style.expires.as_deref(), Some("Wed, 21 Oct 2037 07:28:00 GMT"));
    assert_eq!(style.meta, [("team".into(), "docs".into())].into());

    world.configure("");
    assert_eq!(headers_only(&world.deploy(&["--json"]).exits(0)).len(), 1);
    let style = world.store.object(&world.bucket, "style.css");
    assert_eq!((style.cache_control, style.content_language, style.expires), (None, None, None));
    assert!(style.meta.is_empty());
    assert_eq!(style.content_type.as_deref(), Some("text/css; charset=utf-8"));
}

#[test]
fn a_large_object_is_not_sent_again_for_its_headers() {
    let world = World::new();
    world.configure(&rule(1));
    world.site([("index.html", "page")]);
    world.repo.write("site/public/big.css", vec![7; (17 << 20) + 5]);
    world.deploy(&[]).exits(0);

    world.configure(&rule(2));
    let changed = world.deploy(&["--json"]).exits(0);
    assert_eq!(headers_only(&changed), ["big.css".to_owned()].into());
    assert_eq!(changed.json()["bytes_sent"], json!(0));
    world.assert_bucket_equals_site("");
    // The copy has another ETag than the object that was uploaded in parts.
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn where_the_store_does_not_copy_the_bytes_are_sent() {
    for (status, code) in [(501, "NotImplemented"), (403, "AccessDenied"), (400, "InvalidRequest")]
    {
        let world = World::new();
        world.configure(&rule(1));
        world.site([("index.html", "page"), ("style.css", "style")]);
        world.deploy(&[]).exits(0);

        world.configure(&rule(2));
        world
            .wire
            .answer(move |seen| seen.copies.then(|| Answer::error(status, code, "no copies here")));
        let changed = world.deploy(&["--json"]).exits(0);
        assert_eq!(headers_only(&changed), ["style.css".to_owned()].into());
        assert_eq!(changed.json()["bytes_sent"], json!(5));
        let style = world.store.object(&world.bucket, "style.css");
        assert_eq!(style.cache_control.as_deref(), Some("max-age=2"));
        world.wire.take();
        world.deploy(&[]).exits(0);
        assert_eq!(world.wire.take_writes(), 0, "{code}");
    }
}

#[test]
fn an_error_inside_of_a_good_answer_is_no_copy() {
    // <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>: "If the error occurs during the
    // copy operation, the error response is embedded in the 200 OK response."
    let world = World::new();
    world.configure(&rule(1));
    world.site([("index.html", "page"), ("style.css", "style")]);
    world.deploy(&[]).exits(0);
    world.configure(&rule(2));
    let answered = Arc::new(AtomicU64::new(0));
    let answers = answered.clone();
    world.wire.answer(move |seen| {
        let first = seen.copies && seen.path.ends_with("style.css");
        (first && answers.fetch_add(1, Ordering::Relaxed) == 0)
            .then(|| Answer::error(200, "InternalError", "We encountered an internal error."))
    });
    world.deploy(&[]);
    world.deploy(&[]).exits(0);
    assert!(answered.load(Ordering::Relaxed) > 1, "it was asked again");
    let style = world.store.object(&world.bucket, "style.css");
    assert_eq!(style.cache_control.as_deref(), Some("max-age=2"));
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_not_given_our_headers() {
    // This also works if the store ignores the condition of a copy, and for a file that is uploaded in parts.
    for size in [5, (9 << 20) + 5] {
        let world = World::new();
        world.configure(&rule(1));
        world.site([("index.html", "page")]);
        world.repo.write("site/public/style.css", vec![b' '; size]);
        world.deploy(&[]).exits(0);
        world.configure(&rule(2));
        let (store, bucket, theirs) = (world.store, world.bucket.clone(), vec![b'*'; size]);
        let body = theirs.clone();
        world.wire.disturb(move |seen| {
            if seen.copies && seen.path.ends_with("style.css") {
                store.put(&bucket, "style.css", &body, "text/css");
            }
            None
        });
        let failed = world.deploy(&["--json"]).exits(1);
        assert!(failed.stderr.contains("somebody else wrote it"), "{}", failed.stderr);
        assert!(world.store.object(&world.bucket, "style.css").body == theirs, "{size} bytes");
        world.wire.disturb(|_| None);
        world.deploy(&[]).exits(0);
        world.assert_bucket_equals_site("");
    }
}
