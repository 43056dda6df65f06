//! Bad networks and busy stores: what is tried again, how often, and what is not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Answer, Fault, Seen, World, draws};

/// Applies the fault to a share of the requests that `of` matches, in percent.
fn share(world: &World, seed: u64, share: u64, fault: Fault, of: fn(&Seen) -> bool) {
    let mut draw = draws(seed);
    world.wire.disturb(move |seen| (of(seen) && draw(seen) % 100 < share).then(|| fault.clone()));
}

/// For each key, applies the fault to the first request that `of` matches.
fn first(world: &World, fault: Fault, of: fn(&Seen) -> bool) {
    let mut befallen = BTreeSet::new();
    world.wire.disturb(move |seen| {
        (of(seen) && befallen.insert(seen.key().to_owned())).then(|| fault.clone())
    });
}

/// Applies the fault to the first request that `of` matches and forbids the others, so that retries end soon.
fn then_forbidden(world: &World, fault: Fault, of: fn(&Seen) -> bool) {
    let mut faults = [fault].into_iter().chain(std::iter::repeat(Fault::status(403)));
    world.wire.disturb(move |seen| if of(seen) { faults.next() } else { None });
}

fn undisturbed(world: &World) {
    world.wire.disturb(|_| None);
}

/// How often each object was written since the last call, failed tries included.
fn tries(world: &World) -> BTreeMap<String, u64> {
    let mut tries = BTreeMap::new();
    for seen in world.wire.take().iter().filter(|seen| seen.writes()) {
        *tries.entry(seen.key().to_owned()).or_default() += 1;
    }
    tries
}

fn most(world: &World) -> u64 {
    tries(world).into_values().max().unwrap_or_default()
}

fn lists(seen: &Seen) -> bool {
    seen.query.contains("list-type")
}

fn deletes(seen: &Seen) -> bool {
    seen.query.contains("delete")
}

fn puts(seen: &Seen) -> bool {
    seen.method == "PUT" && !seen.key().starts_with(".xtask/")
}

/// A world whose bucket has had a deploy. The next one has something to upload, to change, to delete and to leave
/// alone.
fn deployed_and_changed() -> World {
    let world = World::new();
    world.site([("index.html", "old"), ("a.css", "same"), ("b.css", "old"), ("gone.css", "old")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "new"), ("a.css", "same"), ("b.css", "new"), ("c.css", "new")]);
    world.wire.take();
    world
}

/// Asserts that an undisturbed deploy makes the bucket equal to the site, whatever happened before.
fn assert_converges(world: &World) {
    undisturbed(world);
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn under_a_fifth_of_503s_a_thousand_files_arrive_each_after_a_few_tries() {
    let world = World::new();
    let keys: Vec<String> = (0..1000).map(|n| format!("{n}.css")).collect();
    world.site(keys.iter().map(|key| (key.as_str(), "style")));
    share(&world, 7, 20, Fault::status(503), puts);
    world.deploy(&[]).exits(0);
    let most = most(&world);
    assert!(most > 1, "something was tried again");
    assert!(most <= 7, "{most} tries of one file");
    undisturbed(&world);
    world.assert_bucket_equals_site("");
}

#[test]
fn under_nothing_but_503s_it_gives_up_and_says_why() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style")]);
    let files = |seen: &Seen| seen.writes() && seen.path.ends_with(".css");
    share(&world, 7, 100, Fault::status(503), files);
    let started = Instant::now();
    let ran = world.deploy(&["--json"]).exits(1);
    // Eight tries wait at most 16 s together. The limit here leaves room for a busy machine.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(most(&world), 8);
    let error = ran.json()["failures"][0]["error"].as_str().unwrap().to_owned();
    assert_eq!(error, "failed to upload `a.css`: SlowDown (HTTP 503): told by the test");
    assert!(
        ran.stderr.contains("hint: the store is busy: run it again in a minute"),
        "{}",
        ran.stderr
    );
    assert!(world.keys().is_empty());

    share(&world, 7, 100, Fault::status(503), |_| true);
    let ran = world.deploy(&[]).exits(1);
    let told = "SlowDown (HTTP 503): told by the test\n\nhint: the store is busy";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn a_listing_that_fails_twice_is_tried_again() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let mut asked = 0;
    world.wire.disturb(move |seen| {
        asked += u64::from(lists(seen));
        (lists(seen) && asked < 3).then(|| Fault::status(500))
    });
    world.deploy(&["--dry-run"]).exits(0);
    assert_eq!(world.wire.take().iter().filter(|seen| lists(seen)).count(), 3);
    world.deploy(&[]).exits(0);
    undisturbed(&world);
    world.assert_bucket_equals_site("");
}

#[test]
fn an_error_that_another_try_cannot_fix_is_not_tried_again() {
    for (status, code) in [(403, "AccessDenied"), (404, "NoSuchBucket"), (301, "PermanentRedirect")]
    {
        let world = World::new();
        world.site([("index.html", "page")]);
        world.wire.answer(move |_| Some(Answer::error(status, code, "told by the test")));
        world.wire.take();
        world.deploy(&[]).exits(1);
        let asked = world.wire.take().iter().filter(|seen| lists(seen)).count();
        assert_eq!(asked, 1, "{code}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_reported_after_the_others_were_tried() {
    let world = World::new();
    let keys: Vec<String> = (0..50).map(|n| format!("{n}.css")).collect();
    world.site(keys.iter().map(|key| (key.as_str(), "style")));
    world.wire.answer(|seen| {
        let refused = seen.writes() && seen.path.ends_with("/7.css");
        refused.then(|| Answer::error(403, "AccessDenied", "told by the test"))
    });
    let report = world.deploy(&["--json"]).exits(1).json();
    assert_eq!(report["failures"].as_array().unwrap().len(), 1);
    assert_eq!(report["failures"][0]["key"], json!("7.css"));
    assert_eq!(world.keys().len(), 49);
}

#[test]
fn a_connection_that_is_reset_is_used_again_and_every_file_arrives() {
    for fault in [Fault::Unread, Fault::Halved, Fault::Unanswered] {
        let world = World::new();
        let keys: Vec<String> = (0..100).map(|n| format!("{n}.css")).collect();
        world.site(keys.iter().map(|key| (key.as_str(), "style")).chain([("index.html", "page")]));
        share(&world, 7, 25, fault, |seen| seen.key() != "");
        world.deploy(&[]).exits(0);
        assert!(most(&world) > 1, "something was tried again");
        undisturbed(&world);
        world.assert_bucket_equals_site("");
    }
}

#[test]
fn half_a_body_is_never_an_object() {
    let world = World::new();
    let large = "style".repeat(100_000);
    world.site([("index.html", "page"), ("large.css", large.as_str()), ("small.css", "style")]);
    then_forbidden(&world, Fault::Halved, |seen| seen.key() == "large.css");
    let report = world.deploy(&["--json"]).exits(1).json();
    assert_eq!(report["failures"][0]["key"], json!("large.css"));
    assert_eq!(world.keys(), ["small.css"], "neither half a file nor a page before its assets");
    assert_converges(&world);
}

#[test]
fn an_answer_that_was_lost_after_the_body_was_taken_is_recognised_as_our_own_write() {
    let world = deployed_and_changed();
    first(&world, Fault::Unanswered, Seen::writes);
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(report["failures"], json!([]));
    assert_eq!(report["deletes"], json!(["gone.css"]));
    let tries = tries(&world);
    for key in ["b.css", "c.css", "index.html"] {
        assert_eq!(tries[key], 2, "{key}");
    }
    undisturbed(&world);
    world.assert_bucket_equals_site("");
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn a_file_in_parts_arrives_through_resets() {
    for fault in [Fault::Halved, Fault::Unanswered, Fault::Cut] {
        let world = World::new();
        world.site([("index.html", "page")]);
        world.repo.write("site/public/movie.mp4", vec![7; (9 << 20) + 5]);
        let mut befallen = BTreeSet::new();
        world.wire.disturb(move |seen| {
            let step = seen.query.split("uploadId").next().unwrap_or_default().to_owned();
            let movie = seen.key() == "movie.mp4";
            (movie && befallen.insert((seen.method.clone(), step))).then(|| fault.clone())
        });
        world.deploy(&[]).exits(0);
        assert_converges(&world);
    }
}

#[test]
fn an_error_that_every_file_would_meet_is_not_tried_with_all_of_them() {
    let world = World::new();
    let keys: Vec<String> = (0..300).map(|n| format!("{n:03}.css")).collect();
    world.site(keys.iter().map(|key| (key.as_str(), "style")));
    world.wire.disturb(|seen| {
        let answer = || Answer::error(403, "ExpiredToken", "The provided token has expired.");
        (puts(seen) && seen.key().ends_with(".css")).then(|| Fault::Answer(answer()))
    });
    world.deploy(&[]).exits(1);
    let tried = tries(&world).into_iter().filter(|(key, _)| key.ends_with(".css")).count();
    // Only the files whose upload was already in progress.
    assert!((1..100).contains(&tried), "{tried} files");
}

#[test]
fn a_file_in_parts_that_changes_after_it_was_compared_is_not_sent() {
    let world = World::new();
    world.site([("index.html", "page")]);
    world.repo.write("site/public/movie.mp4", vec![7; 9 << 20]);
    world.deploy(&[]).exits(0);
    world.store.put(&world.bucket, "movie.mp4", b"of somebody else", "video/mp4");
    let path = world.repo.join("site/public/movie.mp4");
    let mut first = true;
    // The lock is taken after the site was read, so the first write is late enough to change the file.
    world.wire.disturb(move |seen| {
        if seen.writes() && std::mem::take(&mut first) {
            std::fs::write(&path, vec![8; 9 << 20]).unwrap();
        }
        None
    });
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains("it changed while the site was deployed"), "{}", ran.stderr);
    assert_eq!(world.store.object(&world.bucket, "movie.mp4").body, b"of somebody else");
    undisturbed(&world);
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
}

#[test]
fn a_listing_that_was_cut_is_never_taken_for_the_whole() {
    let world = World::new();
    let keys: Vec<String> = (0..30).map(|n| format!("{n:02}.css")).collect();
    world.site(keys.iter().map(|key| (key.as_str(), "style")));
    world.deploy(&[]).exits(0);
    world.repo.write("site/public/index.html", "page");
    world.wire.take();

    then_forbidden(&world, Fault::Cut, lists);
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains("failed to list"), "{}", ran.stderr);
    assert_eq!(world.wire.take_writes(), 0);

    first(&world, Fault::Cut, lists);
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(report["unchanged"], json!(30));
    assert_eq!(report["deletes"], json!([]));
    assert_converges(&world);
}

#[test]
fn answers_that_come_late_are_waited_for() {
    let world = deployed_and_changed();
    world.wire.disturb(|_| Some(Fault::Late(Duration::from_millis(200))));
    world.deploy(&[]).exits(0);
    let again: Vec<_> = tries(&world).into_iter().filter(|(_, tries)| *tries > 1).collect();
    assert!(again.iter().all(|(key, _)| key.starts_with(".xtask/")), "sent again: {again:?}");
    assert_converges(&world);
}

#[test]
fn a_wrong_etag_in_the_answer_to_a_write_costs_a_question_and_no_write() {
    let world = deployed_and_changed();
    world.wire.disturb(|seen| puts(seen).then_some(Fault::OtherEtag));
    world.deploy(&[]).exits(0);
    undisturbed(&world);
    world.wire.take();
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!((&report["uploads"], &report["unchanged"]), (&json!([]), &json!(4)));
    assert!(world.wire.take().iter().any(|seen| seen.method == "HEAD"), "it is asked");
    assert_converges(&world);
}

#[test]
fn a_wrong_etag_in_a_listing_overwrites_and_deletes_nothing() {
    let world = deployed_and_changed();
    let before = world.objects();
    let untouched = |keys: &[&str]| {
        world.wire.disturb(|seen| lists(seen).then_some(Fault::OtherEtag));
        let ran = world.deploy(&["--json"]);
        if world.store.honours_conditions(&world.bucket) {
            let ran = ran.exits(1);
            assert!(ran.stderr.contains("somebody else wrote it"), "{}", ran.stderr);
            keys.iter().for_each(|key| assert_eq!(world.objects()[*key], before[*key], "{key}"));
        }
    };
    untouched(&["index.html", "b.css", "gone.css"]);
    // Files that are already equal cause no failure, so the deploy gets as far as the deletes.
    world.site([("index.html", "old"), ("a.css", "same"), ("b.css", "old")]);
    untouched(&["index.html", "b.css", "gone.css"]);
    assert_converges(&world);
}

#[test]
fn each_delete_that_is_forbidden_is_reported() {
    let world = deployed_and_changed();
    world.wire.disturb(|seen| deletes(seen).then(|| Fault::status(403)));
    let report = world.deploy(&["--json"]).exits(1).json();
    assert_eq!(report["failures"][0]["key"], json!("gone.css"));
    assert_eq!(report["deletes"], json!(["gone.css"]), "what was planned");
    assert_eq!(world.keys(), ["a.css", "b.css", "c.css", "gone.css", "index.html"]);
    assert_converges(&world);
}

#[test]
fn deletes_whose_answer_was_lost_are_done() {
    for fault in [Fault::Unanswered, Fault::Cut] {
        let world = deployed_and_changed();
        first(&world, fault, deletes);
        assert_eq!(world.deploy(&["--json"]).exits(0).json()["failures"], json!([]));
        undisturbed(&world);
        world.assert_bucket_equals_site("");
    }
}

#[test]
fn a_record_that_may_not_be_read_ends_the_deploy_before_it_writes() {
    let world = deployed_and_changed();
    world.wire.disturb(|seen| {
        let record = seen.method == "GET" && seen.key() == ".xtask/record";
        record.then(|| Fault::status(403))
    });
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains("failed to read `.xtask/record`"), "{}", ran.stderr);
    assert!(tries(&world).keys().all(|key| key.starts_with(".xtask/")));
    assert_converges(&world);
}

#[test]
fn a_record_that_may_not_be_written_is_reported_and_the_next_deploy_works_without_it() {
    let world = deployed_and_changed();
    world.wire.disturb(|seen| {
        let record = seen.writes() && seen.key() == ".xtask/record";
        record.then(|| Fault::status(403))
    });
    let report = world.deploy(&["--json"]).exits(1).json();
    assert_eq!(report["failures"][0]["key"], json!(".xtask/record"));
    undisturbed(&world);
    world.assert_bucket_equals_site("");
    assert_converges(&world);
}

#[test]
fn half_a_record_is_not_trusted_but_read_again() {
    let world = deployed_and_changed();
    let reads = |seen: &Seen| seen.method == "GET" && seen.key() == ".xtask/record";
    then_forbidden(&world, Fault::Cut, reads);
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains("failed to read `.xtask/record`"), "{}", ran.stderr);

    first(&world, Fault::Cut, reads);
    world.deploy(&[]).exits(0);
    assert!(world.wire.take().iter().filter(|seen| reads(seen)).count() > 1);
    assert_converges(&world);
}

#[test]
fn no_page_outlives_the_assets_that_it_names() {
    for page in ["page.html", "line\nbreak.html"] {
        let world = World::new();
        world.site([("index.html", "page"), ("404.html", "page"), ("b.css", "style")]);
        world.deploy(&[]).exits(0);
        world.store.put(&world.bucket, page, b"<link href=a.css>", "text/html");
        world.store.put(&world.bucket, "a.css", b"style", "text/css");
        // The deletes by name begin with the assets, and the page whose name a batch cannot hold is deleted in a
        // request of its own.
        first(&world, Fault::status(403), deletes_something);
        let report = world.deploy(&["--json"]).exits(1).json();
        assert_eq!(report["failures"].as_array().unwrap().len(), 1);
        assert_eq!(report["failures"][0]["key"], json!(page));
        assert!(world.keys().contains(&"a.css".to_owned()));
        assert_converges(&world);
    }
}

fn deletes_something(seen: &Seen) -> bool {
    (deletes(seen) || seen.method == "DELETE") && !seen.key().starts_with(".xtask/")
}

#[test]
fn under_everything_at_once_two_hundred_files_arrive() {
    let world = World::new();
    let keys: Vec<String> = (0..200).map(|n| format!("{n}.css")).collect();
    world.site(keys.iter().map(|key| (key.as_str(), "style")).chain([("index.html", "page")]));
    let faults = [
        Fault::status(500),
        Fault::status(503),
        Fault::Unread,
        Fault::Halved,
        Fault::Unanswered,
        Fault::Late(Duration::from_millis(50)),
        Fault::Cut,
    ];
    let mut draw = draws(7);
    world.wire.disturb(move |seen| {
        let drawn = draw(seen);
        let fault = faults[(drawn / 100) as usize % faults.len()].clone();
        (drawn % 100 < 25 && !seen.key().starts_with(".xtask/")).then_some(fault)
    });
    world.deploy(&[]).exits(0);
    assert_converges(&world);
}
