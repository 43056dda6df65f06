//! The whole promise, tested: any site, any bucket, and any order of deploys and rollbacks, with faults, kills and
//! changes of mind. After each write, every page in the bucket finds the assets that it names. After a deploy that
//! reports success, and after any undisturbed deploy, the bucket equals the site, and one more deploy has nothing to
//! do.
//!
//! The cases are generated from seeds. `XTASK_TEST_SCHEDULES` is the number of cases, and `XTASK_TEST_SEED` is the seed
//! of the first one. A case that fails prints its own seed.

mod befall;
mod case;
mod visitor;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::harness::{Ran, Remote, World};
use case::{Case, KEEP, Record, Run, Stray, StrayBody, Version};
use visitor::Visitor;

/// As many as plain `cargo test` has time for.
const SCHEDULES: u64 = 32;

/// How many cases run at once. Most of a disturbed deploy is spent waiting for the next try.
const AT_ONCE: usize = 32;

#[test]
fn after_anything_a_deploy_makes_the_bucket_equal_and_no_page_ever_misses_an_asset() {
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().expect(name));
    let first = number("XTASK_TEST_SEED").unwrap_or(1);
    let schedules = number("XTASK_TEST_SCHEDULES").unwrap_or(SCHEDULES);
    let next = AtomicU64::new(first);
    let failure = OnceLock::new();
    let work = || {
        let mut world = World::new();
        while failure.get().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + schedules {
                return;
            }
            if let Err(error) = check(seed, &mut world) {
                let _ = failure.set((seed, error));
            }
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    if let Some((seed, error)) = failure.get() {
        panic!(
            "{error}\nagain: XTASK_TEST_SEED={seed} XTASK_TEST_SCHEDULES=1 cargo test -p tests model"
        );
    }
}

/// Generates the case of a seed and runs it. If it fails, finds the smallest case that still fails.
fn check(seed: u64, world: &mut World) -> Result<(), String> {
    let config = Config {
        max_shrink_iters: 100,
        max_shrink_time: 60_000,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tree = case::case().new_tree(&mut runner).expect("a case");
    let world = Mutex::new(world);
    let done = runner.run_one(tree, |case| {
        let mut world = world.lock().expect("one case after another");
        world.bucket = world.store.new_bucket();
        // If the store cannot keep versions, a rollback has nothing to go back to, and is refused.
        world.store.keep_versions(&world.bucket);
        play(&case, &world).map_err(TestCaseError::fail)
    });
    done.map(drop).map_err(|error| format!("{error:#?}"))
}

fn play(case: &Case, world: &World) -> Result<(), String> {
    prepare(case, world);
    let visitor = Arc::new(Mutex::new(Visitor::of(world)));
    for (number, run) in case.runs.iter().enumerate() {
        let (version, headers) = case.deployed_by(number);
        write(world, version, headers);
        let ran = befall::play(world, run, &visitor);
        let done = ended_well(&ran, run).and_then(|()| match ran.code {
            Some(0) if !run.rolls_back => is_equal(world, version, headers),
            _ => Ok(()),
        });
        done.and(missed(&visitor)).map_err(|what| told(&what, &format!("run {number}"), &ran))?;
    }
    let (version, headers) = case.deployed_last();
    write(world, version, headers);
    let ran = befall::play(world, &Run::undisturbed(), &visitor);
    is(ran.code, Some(0), "the exit code")
        .and_then(|()| is_equal(world, version, headers))
        .and(missed(&visitor))
        .map_err(|what| told(&what, "the undisturbed run", &ran))?;
    world.wire.take();
    let ran = befall::play(world, &Run::undisturbed(), &visitor);
    is(world.wire.take_writes(), 0, "the writes").map_err(|what| told(&what, "one more run", &ran))
}

fn told(what: &str, run: &str, ran: &Ran) -> String {
    format!("{what}\n{run} ended with {:?} and said:\n{}{}", ran.code, ran.stdout, ran.stderr)
}

fn missed(visitor: &Mutex<Visitor>) -> Result<(), String> {
    visitor.lock().expect("nobody panics with it").missed.clone().map_or(Ok(()), Err)
}

/// A disturbed run may fail, be refused or be killed, but never because of a bug of its own.
fn ended_well(ran: &Ran, run: &Run) -> Result<(), String> {
    let signal = run.end.map(|end| end.signal);
    let ways = match ran.code {
        Some(0 | 1 | 3) => true,
        Some(130) => matches!(signal, Some("-INT" | "-TERM")),
        None => signal == Some("-KILL"),
        _ => false,
    };
    is(ways, true, "whether it ended in a way that it may")?;
    is(ran.stderr.contains("internal error"), false, "whether it panicked")
}

/// Whether the bucket holds the site's files with their headers and nothing else, except for `keep`.
fn is_equal(world: &World, version: &Version, headers: usize) -> Result<(), String> {
    let mut found = world.objects();
    found.retain(|key, _| !key.starts_with(KEEP));
    let mut files = version.files();
    files.retain(|key, _| !key.starts_with(KEEP));
    let names = |keys: Vec<&String>| format!("{keys:?}");
    is(names(found.keys().collect()), names(files.keys().collect()), "the keys")?;
    for (key, body) in files {
        let object = &found[&key];
        is(object.body == body.as_bytes(), true, &format!("whether `{key}` has its content"))?;
        let expected = Remote {
            body: Vec::new(),
            etag: object.etag.clone(),
            content_type: Some(content_type(&key).into()),
            cache_control: Some(format!("max-age={headers}")),
            content_disposition: None,
            content_encoding: None,
            content_language: None,
            expires: None,
            meta: BTreeMap::new(),
        };
        is(
            Remote { body: Vec::new(), ..object.clone() },
            expected,
            &format!("the headers of `{key}`"),
        )?;
    }
    Ok(())
}

fn content_type(key: &str) -> &'static str {
    match key.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "image/png",
    }
}

fn is<T: PartialEq + std::fmt::Debug>(found: T, expected: T, what: &str) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("{what}: {found:?}, not {expected:?}")),
    }
}

/// Brings the bucket into the state that it has before the first run.
fn prepare(case: &Case, world: &World) {
    let (store, bucket) = (world.store, world.bucket.as_str());
    world.wire.disturb(|_| None);
    world.wire.watch(|_| ());
    for version in case.deployed_first().into_iter().chain(case.deployed_before()) {
        write(world, version, 0);
        world.deploy(&["--max-deletes", "1000"]).exits(0);
    }
    match case.record {
        Record::Left => {}
        Record::Removed => store.remove(bucket, RECORD),
        Record::Replaced(body) => store.put(bucket, RECORD, body.as_bytes(), "application/json"),
    }
    let known = case.deployed_before().map(Version::files).unwrap_or_default();
    for stray in case.strays() {
        let Some(body) = body_of(stray, case) else { continue };
        // Skip strays that differ only in their headers. They would be written within the same second as a record that
        // knows the bytes, so only the store's clock could show the change, and it is too coarse.
        if known.get(stray.key) != Some(&body) {
            store.put(bucket, stray.key, body.as_bytes(), stray.content_type);
        }
    }
}

const RECORD: &str = ".xtask/record";

fn body_of(stray: &Stray, case: &Case) -> Option<String> {
    match stray.body {
        StrayBody::Text(text) => Some(format!("stray {text}")),
        StrayBody::Version(version) => {
            case.versions[version % case.versions.len()].files().remove(stray.key)
        }
        StrayBody::Torn => Some("torn src=\"nowhere.css\"".into()),
    }
}

/// Writes the site, and the rules for its headers.
fn write(world: &World, version: &Version, headers: usize) {
    let rule = format!("[[headers]]\nmatch = \"**\"\ncache-control = \"max-age={headers}\"");
    let config = format!("keep = [\"{KEEP}**\"]\n{}", world.config(&rule));
    world.repo.write("site/deploy.toml", config);
    let files = version.files();
    world.site(files.iter().map(|(key, body)| (key.as_str(), body.as_str())));
}
