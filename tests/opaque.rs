//! A bucket whose ETags say nothing about the content, like those of S3 for objects that are encrypted with KMS: they
//! look like an MD5 but are not one, and each write gets a new one even if the bytes are the same. Only the record
//! knows what such a bucket holds. So these tests catch a record that knows too little, because files are uploaded
//! again and again, and a record that claims too much, because wrong files are never corrected.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{Fault, Seen, World};
use crate::story::{reasons, uploads};

const RECORD: &str = ".xtask/record";

/// A site with each kind of file: a page, assets, an empty file, and one that is uploaded in parts.
fn site(world: &World) {
    world.site([("index.html", "page"), ("a.css", "style"), ("b.css", "other"), ("empty.txt", "")]);
    world.repo.write("site/public/movie.mp4", movie());
}

/// The keys of [`site`], each with this reason.
fn all(reason: &str) -> BTreeMap<String, String> {
    let keys = ["a.css", "b.css", "empty.txt", "index.html", "movie.mp4"];
    reasons(keys.map(|key| (key, reason)))
}

/// A file that is uploaded in two parts.
fn movie() -> Vec<u8> {
    (0..(9 << 20) + 5).map(|index: u32| (index / 7) as u8).collect()
}

/// A world whose bucket has had a deploy of [`site`].
fn deployed() -> World {
    let world = World::opaque();
    site(&world);
    assert_eq!(deploy(&world), all("new"));
    world
}

/// Deploys, and returns which files were uploaded and why. Also checks on the wire that exactly these were written, and
/// that the tool asked for no object.
#[track_caller]
fn deploy(world: &World) -> BTreeMap<String, String> {
    world.wire.take();
    let report = world.deploy(&["--json"]).exits(0).json();
    let seen = world.wire.take();
    let of_objects = |of: fn(&Seen) -> bool| -> BTreeSet<String> {
        let seen = seen.iter().filter(|seen| of(seen) && !seen.key().starts_with(".xtask/"));
        seen.map(|seen| seen.key().to_owned()).filter(|key| !key.is_empty()).collect()
    };
    let sent = uploads(&report);
    assert_eq!(of_objects(Seen::writes), sent.keys().cloned().collect(), "what was written");
    // The ACLs of a few of the objects that are overwritten are looked at.
    let acls = seen.iter().filter(|seen| seen.query == "acl").count();
    assert!(acls <= 3, "{acls} questions for an ACL");
    let asked = of_objects(|seen| !seen.writes() && seen.query != "acl");
    assert_eq!(asked, BTreeSet::new(), "what was asked for");
    let files = world.repo.files("site/public").len();
    assert_eq!(report["unchanged"], json!(files - sent.len()));
    world.assert_bucket_equals_site("");
    sent
}

/// Asserts that one more deploy writes nothing, not even the tool's own objects.
#[track_caller]
fn assert_nothing_to_do(world: &World) {
    world.wire.take();
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!((&report["uploads"], &report["deletes"]), (&json!([]), &json!([])));
    let is_known = |seen: &Seen| {
        let read = seen.method == "GET" && seen.key() == RECORD;
        read || (seen.method == "GET" && seen.query.contains("list-type"))
    };
    let seen = world.wire.take();
    let more: Vec<&Seen> = seen.iter().filter(|seen| !is_known(seen)).collect();
    assert!(more.is_empty(), "more than the listing and the record: {more:?}");
    world.assert_bucket_equals_site("");
}

fn looks_like_an_md5(etag: &str) -> bool {
    etag.len() == 32 && etag.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[test]
fn each_write_to_the_store_has_an_etag_of_its_own_that_says_nothing_of_the_content() {
    const MD5_OF_PAGE: &str = "71860c77c6745379b0d44304d66b6a13";
    let world = World::opaque();
    let (store, bucket) = (world.store, world.bucket.as_str());
    let etag = || store.etags(bucket)["index.html"].clone();
    let mut etags = BTreeSet::from([MD5_OF_PAGE.to_owned()]);
    let mut is_new = || {
        let etag = etag();
        assert_eq!(store.object(bucket, "index.html").etag, format!("\"{etag}\""));
        etags.insert(etag)
    };
    for _ in 0..2 {
        store.put(bucket, "index.html", b"page", "text/html");
        assert!(looks_like_an_md5(&etag()), "{}", etag());
        assert!(is_new(), "the same bytes");
    }
    store.retype(bucket, "index.html", "text/plain");
    assert!(looks_like_an_md5(&etag()), "{}", etag());
    assert!(is_new(), "a copy to itself");
    assert!(!is_new(), "without a write it stays");
    for _ in 0..2 {
        store.put_in_parts(bucket, "index.html", &[b"page"], "text/html");
        let beginning = etag().strip_suffix("-1").map(looks_like_an_md5);
        assert_eq!(beginning, Some(true), "{}", etag());
        assert!(is_new(), "the same part");
    }
}

#[test]
fn a_second_deploy_asks_nothing_and_sends_nothing_and_a_changed_file_goes_alone() {
    let world = deployed();
    assert_nothing_to_do(&world);

    // Of the same size, so that the listing does not reveal the change.
    world.repo.write("site/public/a.css", "colou");
    assert_eq!(deploy(&world), reasons([("a.css", "content")]));
    assert_nothing_to_do(&world);

    world.repo.write("site/public/new.css", "style");
    world.repo.remove("site/public/b.css");
    assert_eq!(deploy(&world), reasons([("new.css", "new")]));
    assert_nothing_to_do(&world);
}

#[test]
fn earlier_bytes_are_forgotten_once_others_were_sent() {
    let world = deployed();
    for content in ["colou", "style", "colou"] {
        world.repo.write("site/public/a.css", content);
        assert_eq!(deploy(&world), reasons([("a.css", "content")]));
    }
    assert_nothing_to_do(&world);
}

#[test]
fn a_changed_header_rule_reaches_the_objects_that_it_names_and_no_others() {
    let world = World::opaque();
    site(&world);
    let rules = |styles: &str, movies: &str| {
        world.configure(&format!(
            r#"
[[headers]]
match = "*.css"
cache-control = "{styles}"
[[headers]]
match = "*.mp4"
cache-control = "{movies}"
"#
        ));
    };
    rules("no-cache", "no-cache");
    assert_eq!(deploy(&world), all("new"));
    rules("max-age=60", "no-cache");
    assert_eq!(deploy(&world), reasons([("a.css", "headers"), ("b.css", "headers")]));
    assert_nothing_to_do(&world);
    rules("max-age=60", "max-age=60");
    assert_eq!(deploy(&world), reasons([("movie.mp4", "headers")]));
    assert_nothing_to_do(&world);
    let objects = world.objects();
    for key in ["a.css", "b.css", "movie.mp4"] {
        assert_eq!(objects[key].cache_control.as_deref(), Some("max-age=60"), "{key}");
    }
    assert_eq!(objects["index.html"].cache_control.as_deref(), Some("no-cache"), "as every page");
}

#[test]
fn a_file_in_parts_is_sent_again_only_when_it_changed() {
    let world = World::opaque();
    site(&world);
    world.deploy(&[]).exits(0);
    let in_parts = |seen: &Seen| seen.key() == "movie.mp4" && seen.query.contains("partNumber=2");
    assert!(world.wire.take().iter().any(in_parts), "two parts");
    assert_nothing_to_do(&world);

    let mut movie = movie();
    movie[8 << 20] ^= 1;
    world.repo.write("site/public/movie.mp4", &movie);
    assert_eq!(deploy(&world), reasons([("movie.mp4", "content")]));
    assert_nothing_to_do(&world);
}

#[test]
fn without_its_record_everything_is_sent_once_more() {
    let world = deployed();
    world.store.remove(&world.bucket, RECORD);
    assert_eq!(deploy(&world), all("content"));
    assert_nothing_to_do(&world);
}

#[test]
fn what_somebody_else_wrote_is_corrected_once_even_if_the_bytes_are_the_same() {
    type Write = fn(&World);
    let writes: [(&str, &str, Write); 5] = [
        ("the same bytes", "a.css", |world| {
            world.store.put(&world.bucket, "a.css", b"style", "text/css; charset=utf-8");
        }),
        ("other bytes, as many", "a.css", |world| {
            world.store.put(&world.bucket, "a.css", b"theft", "text/css; charset=utf-8");
        }),
        ("the same bytes with other headers", "a.css", |world| {
            world.store.retype(&world.bucket, "a.css", "text/plain");
        }),
        ("the same bytes in other parts", "movie.mp4", |world| {
            let movie = movie();
            let (one, other) = movie.split_at(5 << 20);
            world.store.put_in_parts(&world.bucket, "movie.mp4", &[one, other], "video/mp4");
        }),
        ("other bytes in the same parts", "movie.mp4", |world| {
            let mut movie = movie();
            movie[8 << 20] ^= 1;
            let (one, other) = movie.split_at(8 << 20);
            world.store.put_in_parts(&world.bucket, "movie.mp4", &[one, other], "video/mp4");
        }),
    ];
    let world = deployed();
    for (what, key, write) in writes {
        write(&world);
        assert_eq!(deploy(&world), reasons([(key, "content")]), "{what}");
        let content_type = world.objects()[key].content_type.clone().unwrap_or_default();
        assert!(["text/css; charset=utf-8", "video/mp4"].contains(&&*content_type), "{what}");
        assert_nothing_to_do(&world);
    }
}

#[test]
fn a_bucket_that_another_tool_filled_is_written_anew_once() {
    let world = World::opaque();
    site(&world);
    let (store, bucket) = (world.store, world.bucket.as_str());
    store.put(bucket, "index.html", b"page", "text/html; charset=utf-8");
    store.put(bucket, "a.css", b"style", "text/css; charset=utf-8");
    // A multipart upload with one part: some tools send everything of unknown size like this.
    store.put_in_parts(bucket, "b.css", &[b"other"], "text/css; charset=utf-8");
    store.put(bucket, "empty.txt", b"", "text/plain; charset=utf-8");
    let movie = movie();
    let (one, other) = movie.split_at(5 << 20);
    store.put_in_parts(bucket, "movie.mp4", &[one, other], "video/mp4");
    store.put(bucket, "gone.css", b"gone", "text/css");

    assert_eq!(deploy(&world), all("content"));
    assert_nothing_to_do(&world);

    // If the other tool writes a few files meanwhile, that is no reason to upload the rest again.
    store.put(bucket, "b.css", b"other", "text/css; charset=utf-8");
    world.repo.write("site/public/new.css", "style");
    store.put(bucket, "new.css", b"style", "text/css; charset=utf-8");
    assert_eq!(deploy(&world), reasons([("b.css", "content"), ("new.css", "content")]));
    assert_nothing_to_do(&world);
}

#[test]
fn a_copy_of_the_same_bytes_that_was_written_meanwhile_is_neither_overwritten_nor_deleted() {
    for gone in [false, true] {
        let world = deployed();
        match gone {
            true => world.repo.remove("site/public/a.css"),
            false => world.repo.write("site/public/a.css", "colou"),
        }
        let (store, bucket) = (world.store, world.bucket.clone());
        let theirs = move || store.put(&bucket, "a.css", b"style", "text/css");
        let mut theirs = Some(theirs);
        // Their write comes just before the first write of a site's object.
        world.wire.answer(move |seen| {
            let first = seen.writes() && !seen.key().starts_with(".xtask/");
            if first && let Some(write) = theirs.take() {
                std::thread::scope(|scope| drop(scope.spawn(write)));
            }
            None
        });
        let ran = world.deploy(&["--json"]).exits(1);
        let failures: Value = ran.json()["failures"].clone();
        assert_eq!(failures[0]["key"], json!("a.css"), "{failures}");
        assert_eq!(world.objects()["a.css"].body, b"style");

        world.wire.answer(|_| None);
        world.deploy(&[]).exits(0);
        assert_nothing_to_do(&world);
    }
}

#[test]
fn a_write_whose_answer_was_lost_is_known_by_its_bytes() {
    for lost in ["a.css", "movie.mp4"] {
        let world = World::opaque();
        site(&world);
        let mut once = true;
        world.wire.disturb(move |seen| {
            // For the file in parts, the answer that is lost is that of the completion.
            let ends = !["partNumber", "uploads"].iter().any(|word| seen.query.contains(word));
            let is_it = seen.writes() && seen.key() == lost && ends;
            (is_it && std::mem::take(&mut once)).then_some(Fault::Unanswered)
        });
        let report = world.deploy(&["--json"]).exits(0).json();
        assert_eq!((uploads(&report), &report["failures"]), (all("new"), &json!([])), "{lost}");
        assert_nothing_to_do(&world);
    }
}

#[test]
fn files_that_a_failed_deploy_sent_are_not_sent_again() {
    let world = World::opaque();
    site(&world);
    world.wire.disturb(|seen| (seen.writes() && seen.key() == "b.css").then(|| Fault::status(403)));
    let failed = world.deploy(&["--json"]).exits(1).json();
    assert_eq!(failed["failures"].as_array().map(Vec::len), Some(1), "{failed}");
    world.wire.disturb(|_| None);
    let sent = uploads(&world.deploy(&["--json"]).exits(0).json());
    assert_eq!(sent, reasons([("b.css", "new"), ("index.html", "new")]));
    assert_nothing_to_do(&world);
}
