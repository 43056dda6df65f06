//! Bad networks and busy stores: what is tried again, how often, and what is not.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Answer, Seen, World};

/// How often each object was written to, tries that failed included.
type Tries = Arc<Mutex<HashMap<String, u64>>>;

/// Lets a share of the requests that `of` names, in percent, be answered with an error. Which ones depends
/// only on the seed, the key and the how-manieth try of that key it is, so that a run can be repeated.
fn fail(world: &World, seed: u64, share: u64, status: u16, of: fn(&Seen) -> bool) -> Tries {
    let tries = Tries::default();
    let counted = tries.clone();
    world.wire.answer(move |seen| {
        if !of(seen) {
            return None;
        }
        let mut tries = counted.lock().unwrap();
        // Without the bucket, whose name differs from run to run.
        let key = seen.path.splitn(3, '/').nth(2).unwrap_or_default().to_owned();
        let nth = tries.entry(key.clone()).or_default();
        *nth += 1;
        let mut hasher = DefaultHasher::new();
        (seed, key, *nth).hash(&mut hasher);
        let code = if status == 503 { "SlowDown" } else { "InternalError" };
        (hasher.finish() % 100 < share).then(|| Answer::error(status, code, "told by the test"))
    });
    tries
}

fn most(tries: &Tries) -> u64 {
    tries.lock().unwrap().values().copied().max().unwrap_or_default()
}

#[test]
fn under_a_fifth_of_503s_a_thousand_files_arrive_each_after_a_few_tries() {
    let world = World::new();
    let keys: Vec<String> = (0..1000).map(|n| format!("{n}.css")).collect();
    world.site(keys.iter().map(|key| (key.as_str(), "style")));
    let tries = fail(&world, 7, 20, 503, |seen| seen.writes() && seen.path.ends_with(".css"));
    world.deploy(&[]).exits(0);
    assert!(most(&tries) > 1, "something was tried again");
    assert!(most(&tries) <= 7, "{} tries of one file", most(&tries));
    world.wire.answer(|_| None);
    world.assert_bucket_equals_site("");
}

#[test]
fn under_nothing_but_503s_it_gives_up_and_says_why() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style")]);
    let files = |seen: &Seen| seen.writes() && seen.path.ends_with(".css");
    let tries = fail(&world, 7, 100, 503, files);
    let started = Instant::now();
    let ran = world.deploy(&["--json"]).exits(1);
    // Eight tries with waits of 16 s together at the most, and the bound leaves room for a busy machine.
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert_eq!(most(&tries), 8);
    let error = ran.json()["failures"][0]["error"].as_str().unwrap().to_owned();
    assert_eq!(error, "failed to upload `a.css`: SlowDown (HTTP 503): told by the test");
    assert!(
        ran.stderr.contains("hint: the store is busy: run it again in a minute"),
        "{}",
        ran.stderr
    );
    assert!(world.keys().is_empty());

    fail(&world, 7, 100, 503, |_| true);
    let ran = world.deploy(&[]).exits(1);
    let told = "SlowDown (HTTP 503): told by the test\n\nhint: the store is busy";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn a_listing_that_fails_twice_is_tried_again() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let lists = AtomicU64::new(0);
    world.wire.answer(move |seen| {
        let early = seen.query.contains("list-type") && lists.fetch_add(1, Ordering::Relaxed) < 2;
        early.then(|| Answer::error(500, "InternalError", "told by the test"))
    });
    world.deploy(&["--dry-run"]).exits(0);
    let lists = world.wire.take().iter().filter(|seen| seen.query.contains("list-type")).count();
    assert_eq!(lists, 3);
    world.deploy(&[]).exits(0);
    world.wire.answer(|_| None);
    world.assert_bucket_equals_site("");
}

#[test]
fn what_another_try_cannot_mend_is_not_tried_again() {
    for (status, code) in [(403, "AccessDenied"), (404, "NoSuchBucket"), (301, "PermanentRedirect")]
    {
        let world = World::new();
        world.site([("index.html", "page")]);
        world.wire.answer(move |_| Some(Answer::error(status, code, "told by the test")));
        world.wire.take();
        world.deploy(&[]).exits(1);
        let lists =
            world.wire.take().iter().filter(|seen| seen.query.contains("list-type")).count();
        assert_eq!(lists, 1, "{code}");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_after_the_others_were_tried() {
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
