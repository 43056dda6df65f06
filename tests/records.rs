//! A record that cannot be trusted: the deploy warns, relies only on what it can prove, and loses nothing.

use serde_json::json;

use crate::harness::{Answer, World};

fn deployed() -> World {
    let world = World::new();
    world.site([("index.html", "page"), ("style.css", "style")]);
    world.deploy(&[]).exits(0);
    world
}

fn record(world: &World) -> Vec<u8> {
    world.store.object(&world.bucket, ".xtask/record").body
}

#[test]
fn a_record_that_cannot_be_read_is_reported_and_set_aside_and_nothing_is_sent_again() {
    let whole = record(&deployed());
    let text = String::from_utf8(whole.clone()).expect("text");
    let other_prefix = record(&{
        let world = World::new();
        world.configure("prefix = \"docs\"");
        world.site([("index.html", "page")]);
        world.deploy(&[]).exits(0);
        let body = world.store.object(&world.bucket, "docs/.xtask/record").body;
        world.store.put(&world.bucket, ".xtask/record", &body, "application/json");
        world
    });
    let broken: [(&str, Vec<u8>); 6] = [
        ("cannot be read (EOF", whole[..whole.len() / 4].to_vec()),
        ("ends too early", whole[..whole.len() - 9].to_vec()),
        ("not as it was written", text.replace("index", "xedni").into_bytes()),
        ("cannot be read", b"<html>404</html>".to_vec()),
        ("newer version of this tool (format 9)", b"{\"version\":9}\n".to_vec()),
        ("is of another prefix, `docs/`", other_prefix),
    ];
    for (word, body) in broken {
        let world = deployed();
        world.store.put(&world.bucket, ".xtask/record", &body, "application/json");
        world.repo.write("site/public/style.css", "changed");
        let ran = world.deploy(&["--json"]).exits(0);
        assert!(ran.stderr.contains(word), "{word}: {}", ran.stderr);
        assert!(ran.stderr.contains("going by the bucket's listing alone"), "{}", ran.stderr);
        let report = ran.json();
        assert_eq!(report["uploads"].as_array().map(Vec::len), Some(1), "{word}: {report}");
        assert_eq!((&report["deletes"], &report["unchanged"]), (&json!([]), &json!(1)), "{word}");
        world.assert_bucket_equals_site("");
        let aside = world.store.object(&world.bucket, ".xtask/unreadable").body;
        assert_eq!(aside, body, "{word}: what could not be read is kept");

        world.wire.take();
        let again = world.deploy(&[]).exits(0);
        assert!(!again.stderr.contains("warning"), "{}", again.stderr);
        assert_eq!(world.wire.take_writes(), 0, "{word}");
    }
}

#[test]
fn a_dry_run_leaves_a_record_that_it_cannot_read_as_it_is() {
    let world = deployed();
    world.store.put(&world.bucket, ".xtask/record", b"{\"version\":9}\n", "application/json");
    world.wire.take();
    world.deploy(&["--dry-run"]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
    assert_eq!(record(&world), b"{\"version\":9}\n");
}

#[test]
fn the_records_of_the_last_deploys_are_kept_and_no_more() {
    let world = World::new();
    for n in 0..13 {
        world.site([("index.html", format!("page {n}").as_str())]);
        world.deploy(&[]).exits(0);
    }
    let names = world.store.etags(&world.bucket).into_keys();
    let earlier = names.filter(|key| key.starts_with(".xtask/earlier/")).count();
    assert_eq!(earlier, 10);
}

#[test]
fn the_previous_record_is_kept_even_if_the_store_does_not_copy() {
    let world = deployed();
    let before = record(&world);
    world
        .wire
        .answer(|seen| seen.copies.then(|| Answer::error(501, "NotImplemented", "no copies")));
    world.repo.write("site/public/style.css", "changed");
    world.deploy(&[]).exits(0);
    let names = world.store.etags(&world.bucket).into_keys();
    let earlier: Vec<_> = names.filter(|key| key.starts_with(".xtask/earlier/")).collect();
    assert_eq!(earlier.len(), 1);
    assert_eq!(world.store.object(&world.bucket, &earlier[0]).body, before);
}

#[test]
fn objects_of_others_among_the_records_are_not_taken_for_records() {
    let world = deployed();
    for name in ["", "x", "20261123T203845Z-"] {
        let key = format!(".xtask/earlier/{name}");
        world.store.put(&world.bucket, &key, b"", "text/plain");
    }
    world.store.put(&world.bucket, ".xtask/earlier/20201123T203845Z-8060c0d", b"", "text/plain");
    let status = world.xtask(&["status", "--json"]).exits(0).json();
    let earlier = &status["environments"][0]["earlier"];
    assert_eq!(earlier.as_array().map(Vec::len), Some(1), "{earlier}");
    assert_eq!(
        (&earlier[0]["id"], &earlier[0]["commit"]),
        (&json!("20201123T203845Z-8060c0d"), &json!(null))
    );
    let refused = world.xtask(&["rollback", "--to", "abcdef", "--json"]).exits(3).json();
    assert_eq!(refused["refused"]["code"], "unknown-deploy");
    world.xtask(&["rollback", "--to", "8060c0d"]).exits(1);
}
