//! Runs that are stopped: what a signal leaves, what a kill leaves, and how the next run deals with it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::{Answer, Fault, Ran, Remote, Seen, World};

/// Runs a deploy that receives these signals, one after the other, when the nth request that `of` matches arrives.
fn deploy_signalled(
    world: &World,
    signals: &'static [&str],
    nth: usize,
    of: fn(&Seen) -> bool,
) -> Ran {
    let process = Arc::new(AtomicU32::new(0));
    let (told, seen) = (process.clone(), AtomicUsize::new(0));
    world.wire.answer(move |request| {
        if of(request) && seen.fetch_add(1, Ordering::Relaxed) + 1 == nth {
            signals.iter().for_each(|signal| send(signal, told.load(Ordering::Relaxed)));
        }
        None
    });
    let ran = world.deploy_started(&[], |id| process.store(id, Ordering::Relaxed));
    world.wire.sever();
    world.wire.answer(|_| None);
    ran
}

fn send(signal: &str, process: u32) {
    let sent = Command::new("kill").args([signal, &process.to_string()]).status();
    assert!(sent.expect("kill runs").success());
}

fn is_upload(seen: &Seen) -> bool {
    seen.writes() && !seen.path.contains(".xtask/")
}

fn is_part(seen: &Seen) -> bool {
    seen.query.contains("partNumber")
}

fn locks(world: &World) -> Vec<String> {
    let keys = world.store.objects(&world.bucket).into_keys();
    keys.filter(|key| key.contains(".xtask/lock")).collect()
}

/// A site with many assets and a page. The bucket also holds a page that is to be deleted.
fn many() -> World {
    let world = World::new();
    world.site([("index.html", "old"), ("gone.html", "old")]);
    world.deploy(&[]).exits(0);
    let keys: Vec<String> = (0..400).map(|n| format!("{n:03}.css")).collect();
    let page = [("index.html", "new")];
    world.site(keys.iter().map(|key| (key.as_str(), "style")).chain(page));
    world
}

/// One file that is uploaded in three parts.
fn large() -> World {
    let world = World::new();
    world.repo.write("site/public/movie.mp4", vec![7; 20 << 20]);
    world
}

#[test]
fn after_the_first_signal_nothing_more_begins_and_the_run_says_what_is_done() {
    for signal in [&["-INT"], &["-TERM"], &["-HUP"]] {
        let world = many();
        let record = || world.store.objects(&world.bucket).remove(".xtask/record");
        let before = record();
        let ran = deploy_signalled(&world, signal, 10, is_upload).exits(130);
        assert_eq!(record(), before, "the record is not moved");
        let last =
            ran.stderr.rsplit_once("interrupted: ").map(|(_, last)| last).unwrap_or_default();
        let (done, rest) = last.split_once(' ').unwrap_or_default();
        let done: usize = done.parse().unwrap_or_else(|_| panic!("{}", ran.stderr));
        assert_eq!(
            rest,
            "of 401 uploads and 0 of 1 deletes done, and the site is whole\n\nhint: run it again: it continues where it stopped\n"
        );
        let objects = world.objects();
        assert_eq!(objects.len(), 2 + done, "as many as it says");
        assert!(done < 400, "it was stopped in the middle");
        assert_eq!(objects["index.html"].body, b"old");
        assert_eq!(locks(&world), [""; 0], "the lock is given back");
        world.deploy(&[]).exits(0);
        world.assert_bucket_equals_site("");
    }
}

/// Runs a deploy whose uploads get no answer, and calls `signalled` with its process id when the first upload arrives.
fn deploy_unanswered(world: &World, arguments: &[&str], signalled: fn(u32)) -> Ran {
    let process = Arc::new(AtomicU32::new(0));
    let told = process.clone();
    world.wire.disturb(move |seen| {
        let process = if is_upload(seen) { told.swap(0, Ordering::Relaxed) } else { 0 };
        if process != 0 {
            signalled(process);
        }
        is_upload(seen).then_some(Fault::Late(Duration::from_secs(600)))
    });
    world.deploy_started(arguments, |id| process.store(id, Ordering::Relaxed))
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let world = many();
    let ran = deploy_unanswered(&world, &["--json"], |process| {
        send("-INT", process);
        std::thread::spawn(move || until_it_ends("-TERM", process));
    });
    let ran = ran.exits(130);
    assert!(ran.stderr.contains("interrupted: stopped at once; its lock"), "{}", ran.stderr);
    let message = ran.json()["failed"]["message"].as_str().map(str::to_owned);
    assert!(message.is_some_and(|message| message.starts_with("interrupted: stopped at once")));
}

/// Sends a signal again and again: the tool counts signals that follow each other closely as one.
fn until_it_ends(signal: &str, process: u32) {
    let sent = || Command::new("kill").args([signal, &process.to_string()]).output();
    while sent().is_ok_and(|sent| sent.status.success()) {
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn uploads_that_do_not_end_are_not_waited_for_and_the_lock_is_released() {
    let world = many();
    // Twice, as when a terminal is closed.
    let twice = |process| [(); 2].iter().for_each(|()| send("-HUP", process));
    let ran = deploy_unanswered(&world, &[], twice).exits(130);
    assert!(ran.stderr.contains("interrupted: 0 of 401 uploads"), "{}", ran.stderr);
    assert_eq!(locks(&world), [""; 0]);
}

#[test]
fn a_large_file_that_is_stopped_leaves_no_parts() {
    let world = large();
    deploy_signalled(&world, &["-INT"], 2, is_part).exits(130);
    assert_eq!(world.store.unfinished(&world.bucket), [""; 0]);
    assert_eq!(world.keys(), [""; 0]);
}

#[test]
fn the_parts_that_a_killed_deploy_left_are_removed_by_the_next() {
    let world = large();
    let ran = deploy_signalled(&world, &["-KILL"], 2, is_part);
    assert_eq!(ran.code, None, "killed");
    assert_eq!(world.store.unfinished(&world.bucket), ["movie.mp4"]);
    // The next deploy has another site, and still knows which upload will never be completed.
    world.site([("index.html", "page")]);
    world.deploy(&[]).exits(0);
    assert_eq!(world.store.unfinished(&world.bucket), [""; 0]);
    world.assert_bucket_equals_site("");
}

#[test]
fn unfinished_uploads_of_others_are_left_alone() {
    let world = large();
    let config = world.config("prefix = \"docs/\"");
    world.repo.write("site/deploy.toml", format!("keep = [\"media/**\"]\n{config}"));
    for key in ["elsewhere.mp4", "docs/media/a.mp4", "docs/old.mp4"] {
        world.store.begin_upload(&world.bucket, key);
    }
    world.deploy(&[]).exits(0);
    assert_eq!(world.store.unfinished(&world.bucket), ["docs/media/a.mp4", "elsewhere.mp4"]);
}

#[test]
fn a_killed_deploy_does_not_block_the_next_one_from_the_same_checkout() {
    let world = many();
    let ran = deploy_signalled(&world, &["-KILL"], 100, is_upload);
    assert_eq!(ran.code, None, "killed");
    assert_eq!(locks(&world).len(), 1);
    // A deploy on another machine cannot know that the first one was killed.
    let other = world.beside();
    other.site([("index.html", "other")]);
    let refused = other.deploy(&["--max-deletes", "1000", "--json"]).exits(3);
    assert_eq!(refused.json()["refused"]["code"], "locked");
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
    assert_eq!(locks(&world), [""; 0]);
}

#[test]
fn credentials_that_expire_half_way_stop_the_run_at_once() {
    let world = many();
    let seen = AtomicUsize::new(0);
    world.wire.answer(move |request| {
        let expired = is_upload(request) && seen.fetch_add(1, Ordering::Relaxed) >= 100;
        let said = "The provided token has expired.";
        expired.then(|| Answer::error(400, "ExpiredToken", said))
    });
    let ran = world.deploy(&[]).exits(1);
    assert!(
        ran.stderr.contains("hint: the credentials have expired: get new ones and run it again"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("more files not tried after that"), "{}", ran.stderr);
    let objects = world.objects();
    assert!(objects.len() < 300 && objects["index.html"].body == b"old", "{}", objects.len());
    world.wire.answer(|_| None);
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
}

/// A site whose pages each link to a style sheet that no other version has.
fn version(world: &World, version: usize) {
    let files: Vec<(String, String)> = (0..30)
        .flat_map(|n| {
            let asset = format!("{n}.{version}.css");
            let page = format!("<link rel=stylesheet href={asset}>");
            [(asset, format!("style {version}")), (format!("{n}.html"), page)]
        })
        .collect();
    world.site(files.iter().map(|(key, content)| (key.as_str(), content.as_str())));
}

/// The pages that link to a missing style sheet.
fn torn(world: &World) -> Vec<String> {
    let objects = world.objects();
    let named = |page: &[u8]| {
        let page = String::from_utf8_lossy(page);
        page.split_once("href=").map(|(_, rest)| rest.trim_end_matches('>').to_owned())
    };
    let is_torn = |(_, page): &(&String, &Remote)| {
        named(&page.body).is_some_and(|asset| !objects.contains_key(&asset))
    };
    objects.iter().filter(is_torn).map(|(key, _)| key.clone()).collect()
}

/// The seed in `XTASK_TEST_SEED` decides at which request the kill comes; `XTASK_TEST_KILLS` is the number of kills.
#[test]
fn a_deploy_killed_at_any_request_leaves_no_torn_page_and_the_next_run_converges() {
    let number = |name: &str, usual| {
        std::env::var(name).ok().map_or(usual, |text| text.parse().expect("a number"))
    };
    let (seed, kills) = (number("XTASK_TEST_SEED", 7), number("XTASK_TEST_KILLS", 8));
    let world = World::new();
    world.configure("max-deletes = 1000");
    version(&world, 0);
    world.deploy(&[]).exits(0);
    version(&world, 1);
    world.wire.take();
    world.deploy(&[]).exits(0);
    let requests = world.wire.take().len() as u64;
    let mut killed = 0;
    for round in 0..kills {
        version(&world, 2 + round as usize);
        let mut hasher = DefaultHasher::new();
        (seed, round).hash(&mut hasher);
        let nth = 1 + hasher.finish() % requests;
        let ran = deploy_signalled(&world, &["-KILL"], nth as usize, |_| true);
        killed += u64::from(ran.code.is_none());
        assert_eq!(torn(&world), [""; 0], "seed {seed}, round {round}, request {nth}");
        world.deploy(&[]).exits(0);
        world.assert_bucket_equals_site("");
    }
    // A deploy that is killed at its last request may have ended before.
    assert!(killed * 10 >= kills * 9, "{killed} of {kills} were killed");
}
