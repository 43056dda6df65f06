//! Sites with more than one page of a listing: how many requests they cost, and that nothing is missed where a listing
//! is split.

use std::collections::BTreeSet;

use crate::harness::{Answer, Fault, Seen, World};

const FILES: usize = 2600;

/// The name of a page, made of characters that must be escaped in a request and in its answer.
fn page(n: usize) -> String {
    format!("{:02}/ü +%2B&-{n:05}.html", n / 100)
}

/// A site whose listing takes three pages.
fn large() -> World {
    let world = World::new();
    let pages: Vec<_> = (0..FILES).map(|n| (page(n), format!("page {n}"))).collect();
    world.site(pages.iter().map(|(name, content)| (name.as_str(), content.as_str())));
    world
}

fn lists(seen: &[Seen]) -> Vec<&Seen> {
    seen.iter().filter(|seen| seen.query.contains("list-type=2")).collect()
}

fn is_cut(seen: &Seen) -> bool {
    seen.query.contains("start-after=")
}

#[test]
fn no_request_is_made_for_an_object_that_stays() {
    let world = large();
    world.deploy(&[]).exits(0);
    let first = world.wire.take();
    let sent: BTreeSet<&str> =
        first.iter().map(|seen| seen.key()).filter(|key| key.ends_with(".html")).collect();
    assert_eq!(sent.len(), FILES);
    // The lock, the note that a deploy has begun, the record, and three listings of one page each.
    assert!(first.len() < FILES + 20, "{} requests", first.len());

    world.deploy(&[]).exits(0);
    let again = world.wire.take();
    // The record, the first page of the listing, and the two parts of the rest.
    assert_eq!(again.len(), 4, "{again:#?}");
    let lists = lists(&again);
    assert_eq!(lists.iter().filter(|seen| is_cut(seen)).count(), 2);
    assert!(!lists.iter().any(|seen| seen.query.contains("continuation-token")));
}

#[test]
fn what_lies_where_a_listing_is_cut_is_neither_missed_nor_listed_twice() {
    let world = large();
    world.deploy(&[]).exits(0);
    // Objects of others, around the splits and at both ends. All of them must be deleted.
    let strange = [
        "!".to_owned(),
        format!("{}.bak", page(937)),
        page(1875),
        format!("{}x", page(1875)),
        page(1876).replace(".html", ".htm"),
        "zz".to_owned(),
    ];
    for key in &strange {
        world.store.put(&world.bucket, key, b"strange", "text/plain");
    }
    // More than one page between two splits.
    for n in 0..1100 {
        world.store.put(&world.bucket, &format!("20/a-{n:04}"), b"strange", "text/plain");
    }
    // The first listing is split at keys from the record, and the one under the lock at keys from the first listing.
    for dry in [&["--dry-run"][..], &[]] {
        let arguments = [&["--json", "--max-deletes", "2000"], dry].concat();
        let report = world.deploy(&arguments).exits(0).json();
        let count = |what: &str| report[what].as_array().map(Vec::len);
        assert_eq!(count("uploads"), Some(1), "the page that was written over");
        assert_eq!(count("deletes"), Some(strange.len() - 1 + 1100));
    }
    world.assert_bucket_equals_site("");
}

#[test]
fn a_store_that_cannot_begin_at_a_key_is_listed_page_after_page() {
    let world = large();
    world.deploy(&[]).exits(0);
    let first = "<Contents><Key>00/first.html</Key><ETag>\"x\"</ETag><Size>1</Size></Contents>";
    let page = format!(
        "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>{first}</ListBucketResult>"
    );
    world.wire.disturb(move |seen| {
        let answer = Answer {
            status: 200,
            headers: vec![("content-type", "application/xml")],
            body: page.clone(),
        };
        is_cut(seen).then_some(Fault::Answer(answer))
    });
    world.wire.take();
    let again = world.deploy(&[]).exits(0);
    assert!(
        again.stdout.contains(&format!("nothing to do: {FILES} objects unchanged")),
        "{}",
        again.stdout
    );
    let seen = world.wire.take();
    assert_eq!(
        lists(&seen).iter().filter(|seen| seen.query.contains("continuation-token")).count(),
        2
    );
}

#[test]
fn a_store_that_has_no_order_is_listed_page_after_page() {
    let world = large();
    world.deploy(&[]).exits(0);
    let objects = ["z", "a"].map(|key| {
        format!("<Contents><Key>{key}</Key><ETag>\"x\"</ETag><Size>1</Size></Contents>")
    });
    let mut page = Some(format!(
        "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>{}</ListBucketResult>",
        objects.concat()
    ));
    // Only once: how such a store continues with its tokens is its own matter.
    world.wire.disturb(move |seen| {
        let body = page.take_if(|_| seen.query.contains("list-type=2"))?;
        let headers = vec![("content-type", "application/xml")];
        Some(Fault::Answer(Answer { status: 200, headers, body }))
    });
    let again = world.deploy(&["--dry-run"]).exits(0);
    let said = format!("nothing to do: {FILES} objects unchanged");
    assert!(again.stdout.contains(&said), "{}", again.stdout);
}
