//! Two deploys to one bucket at the same time: one holds the lock, and the other is refused or waits its turn. The
//! bucket never holds a mix.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{ScopedJoinHandle, scope};

use serde_json::json;

use crate::harness::{Ran, Seen, World};

/// Holds a deploy of the world at its first upload until the returned sender is dropped. The receiver ends when the
/// deploy has got that far.
fn halt_at_the_first_upload(world: &World) -> (Sender<()>, Receiver<()>) {
    let (go, gone) = channel::<()>();
    let (there, arrived) = channel::<()>();
    let mut once = Some((there, gone));
    let once = std::sync::Mutex::new(move || once.take());
    world.wire.answer(move |seen| {
        if is_upload(seen)
            && let Some((there, gone)) = once.lock().unwrap()()
        {
            drop(there);
            // Ends with an error when the sender is dropped.
            let _ = gone.recv();
        }
        None
    });
    (go, arrived)
}

fn is_upload(seen: &Seen) -> bool {
    seen.writes() && !seen.path.contains(".xtask/")
}

fn wait_for(arrived: &Receiver<()>) {
    // Ends with an error when the other side is dropped.
    let _ = arrived.recv();
}

fn joined(thread: ScopedJoinHandle<Ran>) -> Ran {
    thread.join().expect("the deploy is run")
}

/// Two worlds that share one bucket, with a site in each.
fn two() -> (World, World) {
    let one = World::new();
    let other = one.beside();
    one.site([("index.html", "one"), ("one.css", "one")]);
    other.site([("index.html", "other"), ("other.css", "other")]);
    (one, other)
}

#[test]
fn a_second_deploy_is_refused_while_the_first_writes() {
    let (one, other) = two();
    scope(|scope| {
        let (go, arrived) = halt_at_the_first_upload(&one);
        let first =
            scope.spawn(|| one.deploy_with(&[], &[("USER", "kim"), ("HOSTNAME", "laptop")]));
        wait_for(&arrived);
        other.wire.take();
        let refused = other.deploy(&["--json"]).exits(3);
        assert_eq!(refused.json()["refused"]["code"], json!("locked"));
        let (message, hint) = refused.stderr.split_once("\n\n").expect("a hint");
        assert!(
            message.contains("refused: `kim@laptop` began to deploy to the same place"),
            "{message}"
        );
        assert!(hint.contains("wait for it: cargo xtask deploy --wait"), "{hint}");
        assert!(!other.wire.take().iter().any(is_upload));
        drop(go);
        joined(first).exits(0);
    });
    one.assert_bucket_equals_site("");
    other.deploy(&[]).exits(0);
    other.assert_bucket_equals_site("");
}

#[test]
fn a_second_deploy_that_waits_follows_the_first() {
    let (one, other) = two();
    scope(|scope| {
        let (go, arrived) = halt_at_the_first_upload(&one);
        let first = scope.spawn(|| one.deploy(&[]));
        wait_for(&arrived);
        // The first deploy continues once the second has found the lock held, which it checks again and again.
        let (seen_twice, looked) = channel::<()>();
        let mut looks = 0;
        let looks = std::sync::Mutex::new(move || {
            looks += 1;
            looks
        });
        let seen_twice = std::sync::Mutex::new(Some(seen_twice));
        other.wire.answer(move |seen| {
            if seen.path.contains(".xtask/lock") && looks.lock().unwrap()() > 3 {
                seen_twice.lock().unwrap().take();
            }
            None
        });
        let second = scope.spawn(|| other.deploy(&["--wait"]));
        wait_for(&looked);
        drop(go);
        joined(first).exits(0);
        let second = joined(second).exits(0);
        assert!(second.stderr.contains("waiting for `"), "{}", second.stderr);
        assert!(second.stdout.contains("  - one.css"), "planned again: {}", second.stdout);
    });
    other.assert_bucket_equals_site("");
}

#[test]
fn deploys_that_begin_at_the_same_moment_never_mix() {
    for _ in 0..5 {
        let (one, other) = two();
        scope(|scope| {
            let first = scope.spawn(|| one.deploy(&["--wait"]));
            let second = scope.spawn(|| other.deploy(&["--wait"]));
            joined(first).exits(0);
            joined(second).exits(0);
        });
        let last = if one.keys().contains(&"one.css".to_owned()) { &one } else { &other };
        last.assert_bucket_equals_site("");
    }
}

#[test]
fn a_deploy_with_nothing_to_do_takes_no_lock() {
    let world = World::new();
    world.site([("index.html", "page")]);
    world.deploy(&[]).exits(0);
    world.wire.take();
    world.deploy(&[]).exits(0);
    world.deploy(&["--dry-run"]).exits(0);
    assert!(!world.wire.take().iter().any(|seen| seen.path.contains(".xtask/lock")));
}

/// Runs a deploy, and calls `done_to` with its lock while it uploads.
fn deploy_while(world: &World, done_to: impl FnOnce(&str)) -> Ran {
    world.site([("index.html", "page")]);
    scope(|scope| {
        let (go, arrived) = halt_at_the_first_upload(world);
        let deploy = scope.spawn(|| world.deploy(&[]));
        wait_for(&arrived);
        let keys = world.store.objects(&world.bucket).into_keys();
        let locks: Vec<String> = keys.filter(|key| key.contains(".xtask/lock")).collect();
        assert_eq!(locks.len(), 1, "{locks:?}");
        done_to(&locks[0]);
        drop(go);
        joined(deploy)
    })
}

#[test]
fn a_lock_that_somebody_deleted_is_reported() {
    let world = World::new();
    let ran = deploy_while(&world, |lock| world.store.remove(&world.bucket, lock));
    // The deploy releases the lock before it would have to renew it.
    let ran = ran.exits(0);
    let told = "warning: lost the lock of this deploy, `.xtask/lock";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert!(ran.stderr.contains("somebody deleted it"), "{}", ran.stderr);
}

#[test]
fn a_lock_that_another_deploy_took_over_fails_this_one_and_stays_with_the_other() {
    let world = World::new();
    let other = r#"{"version":1,"id":"0123","who":"quick","since":0,"renewed":0,"expires":120,"renewals":1}"#;
    let mut taken = String::new();
    let ran = deploy_while(&world, |lock| {
        world.store.put(&world.bucket, lock, other.as_bytes(), "application/json");
        taken = lock.to_owned();
    });
    let ran = ran.exits(1);
    let told = "error: lost the lock of this deploy, `.xtask/lock";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert!(ran.stderr.contains("`quick` has taken it over"), "{}", ran.stderr);
    assert_eq!(world.store.objects(&world.bucket)[&taken].body, other.as_bytes());
}

#[test]
fn the_plan_includes_what_another_deploy_wrote_before_the_lock_was_taken() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let (store, bucket) = (world.store, world.bucket.clone());
    let mut done = false;
    world.wire.answer(move |seen| {
        if seen.writes() && !std::mem::replace(&mut done, true) {
            let put = |n: u32| store.put(&bucket, &format!("{n}.html"), b"page", "text/html");
            std::thread::scope(|scope| drop(scope.spawn(|| (0..30).for_each(put))));
        }
        None
    });
    let refused = world.deploy(&["--json"]).exits(3).json();
    assert_eq!(refused["refused"]["code"], json!("too-many-deletes"));
    assert_eq!(world.keys().len(), 30, "nothing is written or deleted");
    let all = world.store.objects(&world.bucket).into_keys();
    assert_eq!(all.filter(|key| key.contains(".xtask/")).count(), 0, "the lock is given back");
    assert!(world.wire.take().iter().all(|seen| !is_upload(seen)));
}
