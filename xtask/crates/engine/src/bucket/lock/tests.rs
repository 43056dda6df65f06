//! What a lock says, as tables, and which deploy gets it: with the embedded bucket as it is, and as a store that
//! ignores conditions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::lease::{Release, Renewal};
use super::note::{Holder, Note, holder};
use super::terms::random;
use super::*;
use crate::base::cancel::Cause;
use crate::base::error::Error;
use crate::base::refusal::Refusal;
use crate::base::tool_folder;
use crate::bucket::{self, Condition, Own, Written};
use crate::repository::target::Place;
use local::{self, store::Store};

const BUCKET: &str = "dev.example.com";

/// A folder without signs of life.
const NOWHERE: &str = "/dev/null/nowhere";

/// A lock that expires as a real one does, and is looked at more often.
const QUICK: Terms = Terms {
    expiry: TERMS.expiry,
    poll: (Duration::from_millis(2), Duration::from_millis(20)),
    turn: Duration::from_millis(5),
};

/// The headers that a store may ignore.
const IGNORED: [&[&str]; 4] =
    [&[], &["if-match", "if-none-match"], &["if-none-match"], &["if-match"]];

/// A bucket of this process, with its server.
struct Bench {
    bucket: Bucket,
    _server: Option<local::Server>,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(folder.path()).unwrap());
        store.create_bucket(BUCKET).await.unwrap();
        let keys = local::Keys::random();
        let server = local::serve(store, ([127, 0, 0, 1], 0).into(), &keys).await.unwrap();
        let store = bucket::Store {
            endpoint: &server.endpoint(),
            region: local::REGION,
            access_key_id: &keys.access_key_id,
            secret_access_key: &keys.secret_access_key,
        };
        let bucket =
            bucket::connect_local(&place(BUCKET).environment.bucket, &place(BUCKET).prefix, &store);
        Bench { bucket, _server: Some(server), _folder: folder }
    }

    /// Takes the lock with a note that expires at once, and never gives it back.
    async fn leave_an_expired_lock(&self, bucket: &Bucket) {
        let terms = Terms { expiry: Duration::ZERO, ..QUICK };
        let mut contender = Contender::new(bucket, "crashed", NOWHERE.as_ref(), &terms);
        assert!(matches!(contender.attempt().await.unwrap(), Attempt::Taken(_)));
    }
}

fn place(bucket: &str) -> Place {
    let lines = format!("branches = [\"main\"]\nbucket = \"{bucket}\"\nprefix = \"p/\"");
    let folder = testing::site(&testing::deploy_toml("development", &lines));
    let config = crate::repository::config::Config::read(folder.path(), "site".as_ref()).unwrap();
    let commit = testing::COMMIT.to_owned();
    let head = crate::repository::checkout::Head::Branch { name: "main".into(), commit };
    let checkout = crate::repository::checkout::Checkout {
        root: folder.path().into(),
        head,
        parents: Vec::new(),
    };
    let nowhere = crate::repository::ci::CiContext::of(&|_| None);
    crate::repository::target::choose(&config, &checkout, &nowhere, None).unwrap().place
}

fn quiet() -> Tell {
    Tell::silent()
}

async fn acquire_on(
    terms: Terms,
    bucket: &Bucket,
    who: &str,
    folder: &Path,
    patience: Patience,
    tell: &Tell,
) -> Result<Held> {
    let mut contender = Contender::new(bucket, who, folder, &terms);
    compete(&mut contender, terms.clone(), bucket, patience, tell).await
}

/// Waits until the lock is lost, and returns why.
async fn lost(held: &Held) -> Failure {
    held.lost().told().await;
    match held.lost().cause() {
        Some(Cause::Failure(failure)) => failure,
        other => panic!("not lost: {other:?}"),
    }
}

async fn take(bucket: &Bucket, who: &str, patience: Patience) -> Result<Held> {
    acquire_on(QUICK, bucket, who, NOWHERE.as_ref(), patience, &quiet()).await
}

async fn refused(bucket: &Bucket) -> Refusal {
    match take(bucket, "late", Patience::Refuse).await {
        Err(Error::Refused(refusal)) => refusal,
        Err(error) => panic!("not refused: {error:?}"),
        Ok(_) => panic!("not refused"),
    }
}

fn own(body: impl Into<Vec<u8>>, modified: u64) -> Own {
    Own { body: body.into(), etag: "e".into(), modified }
}

/// In each round, `tasks` deploys want the lock at once. Returns how many got it in all.
async fn rounds(bucket: &Bucket, rounds: usize, tasks: usize, patience: Patience) -> usize {
    let inside = Arc::new(AtomicUsize::new(0));
    let mut took = 0;
    for round in 0..rounds {
        let start = Arc::new(tokio::sync::Barrier::new(tasks));
        let one = |task: usize| {
            let (bucket, inside, start) = (bucket.clone(), inside.clone(), start.clone());
            async move {
                start.wait().await;
                let held = match take(&bucket, &format!("task {task}"), patience).await {
                    Ok(held) => held,
                    Err(Error::Refused(_)) if patience == Patience::Refuse => return false,
                    Err(error) => panic!("round {round}: {error:?}"),
                };
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "round {round}: two holders");
                // A deploy sends requests, and another one may act meanwhile.
                bucket.look("work").await.unwrap();
                bucket.list_own("").await.unwrap();
                assert_eq!(inside.fetch_sub(1, Ordering::SeqCst), 1, "round {round}: two holders");
                assert!(!held.lost().is_told());
                held.release().await.unwrap();
                true
            }
        };
        let done = futures_util::future::join_all((0..tasks).map(|task| tokio::spawn(one(task))));
        let got = done.await.into_iter().map(|task| usize::from(task.unwrap())).sum::<usize>();
        assert!(got > 0, "round {round}: nobody got it");
        took += got;
        assert_eq!(bucket.list_own("lock").await.unwrap(), [""; 0], "round {round}: left over");
    }
    took
}

fn size(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_deploys_at_once_one_holds_at_a_time_and_with_patience_each_gets_its_turn() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        let n = size("LOCK_ROUNDS", 1);
        assert_eq!(rounds(&bucket, n, 8, Patience::Wait).await, 8 * n, "{ignored:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_deploys_at_once_that_do_not_wait_some_get_it_one_after_the_other() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        rounds(&bucket, size("LOCK_ROUNDS", 2) * 2, 8, Patience::Refuse).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_lock_goes_to_exactly_one_of_those_who_want_it() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        for _ in 0..size("LOCK_ROUNDS", 2) {
            bench.leave_an_expired_lock(&bucket).await;
            rounds(&bucket, 1, 8, Patience::Refuse).await;
        }
    }
}

#[tokio::test]
async fn a_held_lock_is_refused_and_says_whose_it_is() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        let held = take(&bucket, "kim@laptop", Patience::Refuse).await.ok().unwrap();
        let refusal = refused(&bucket).await;
        assert_eq!(refusal.code, "locked");
        assert!(refusal.message.contains("`kim@laptop`"), "{}", refusal.message);
        let hint = refusal.hint.to_string();
        assert!(hint.starts_with("wait for it: Again [Wait]; "), "{hint}");
        held.release().await.unwrap();
        take(&bucket, "late", Patience::Refuse).await.ok().unwrap();
    }
}

#[tokio::test]
async fn the_lock_of_a_deploy_that_was_killed_on_this_machine_is_taken_at_once() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        let folder = bench._folder.path().join("alive");
        let tell = quiet();
        let take = || acquire_on(QUICK, &bucket, "next", &folder, Patience::Refuse, &tell);
        // It was killed: its file still exists, but the system has released the lock on it.
        let note = Note::new("abc123", "killed", 0, TERMS.expiry).renewed(Duration::ZERO);
        let name = if ignored.is_empty() { "lock" } else { "lock.abc123" };
        bucket.put_own(name, note.render(), Condition::None).await.unwrap();
        assert!(take().await.is_err(), "nothing is known of it yet: {ignored:?}");
        let alive = alive::Alive::begin(&folder, "abc123").unwrap();
        assert!(take().await.is_err(), "it lives: {ignored:?}");
        drop(alive);
        std::fs::write(folder.join("abc123"), "").unwrap();
        let Ok(held) = take().await else { panic!("it is dead") };
        held.release().await.unwrap();
        assert_eq!(bucket.list_own("lock").await.unwrap(), [""; 0], "{ignored:?}");
        let left: Vec<_> = std::fs::read_dir(&folder).unwrap().collect();
        assert_eq!(left.len(), 1, "the sign of its own has gone: {left:?}");
    }
}

#[tokio::test]
async fn a_lease_that_came_too_late_is_dropped_and_the_next_one_is_not_mistaken_for_it() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        let folder = bench._folder.path().join("alive");
        let mut contender = Contender::new(&bucket, "slow", &folder, &QUICK);
        assert!(matches!(contender.attempt().await.unwrap(), Attempt::Taken(_)), "and dropped");
        contender.begin_anew();
        let Attempt::Taken(lease) = contender.attempt().await.unwrap() else { panic!("not taken") };
        let mut other = Contender::new(&bucket, "other", &folder, &QUICK);
        let Attempt::Held(_) = other.attempt().await.unwrap() else { panic!("two holders") };
        assert!(matches!(lease.release().await, Release::Done));
        assert_eq!(bucket.list_own("lock").await.unwrap(), [""; 0], "{ignored:?}");
    }
}

#[tokio::test]
async fn whoever_is_stopped_while_it_takes_the_lock_takes_away_what_it_has_written() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        let mut contender = Contender::new(&bucket, "stopped", NOWHERE.as_ref(), &QUICK);
        assert!(matches!(contender.attempt().await.unwrap(), Attempt::Taken(_)));
        contender.withdraw().await.unwrap();
        assert_eq!(bucket.list_own("lock").await.unwrap(), [""; 0], "{ignored:?}");
        let held = take(&bucket, "kim", Patience::Refuse).await.ok().unwrap();
        contender.withdraw().await.unwrap();
        assert_eq!(bucket.list_own("lock").await.unwrap().len(), 1, "another's stays");
        held.release().await.unwrap();
    }
}

#[test]
fn a_lock_s_id_names_no_file_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("abc"), "").unwrap();
    let below = folder.path().join("below");
    std::fs::create_dir(&below).unwrap();
    assert!(alive::has_died(folder.path(), "abc"));
    for id in ["../abc", "", ".", "abc/"] {
        assert!(!alive::has_died(&below, id), "{id}");
    }
}

#[tokio::test]
async fn a_refused_or_cancelled_deploy_leaves_nothing_behind() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        let held = take(&bucket, "kim@laptop", Patience::Refuse).await.ok().unwrap();
        let before = bucket.list_own("").await.unwrap();
        refused(&bucket).await;
        // It is cancelled as soon as it says that it waits.
        let (waiting, mut told) = tokio::sync::mpsc::unbounded_channel();
        let tell = Tell::new(move |event| waiting.send(event).unwrap());
        tokio::select! {
            _ = acquire_on(TERMS, &bucket, "late", NOWHERE.as_ref(), Patience::Wait, &tell) => panic!("two holders"),
            event = told.recv() => {
                let expected = Event::Began(Stage::Wait, Amount::default(), "kim@laptop".into());
                assert_eq!(event, Some(expected));
            }
        }
        assert_eq!(bucket.list_own("").await.unwrap(), before, "{ignored:?}");
        held.release().await.unwrap();
        assert_eq!(bucket.list_own("").await.unwrap(), [""; 0], "{ignored:?}");
    }
}

#[tokio::test]
async fn a_store_that_ignores_any_condition_is_found_out() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        let held = take(&bucket, "kim@laptop", Patience::Refuse).await.ok().unwrap();
        let by_ticket = held.key.starts_with("p/.xtask/lock.");
        assert_eq!(by_ticket, !ignored.is_empty(), "{}", held.key);
        assert_eq!(bucket.list_own("").await.unwrap().len(), 1);
        held.release().await.unwrap();
    }
}

#[tokio::test]
async fn a_lock_that_cannot_be_read_is_held_and_says_why() {
    let bench = Bench::start().await;
    let newer = "was written by a newer version of this tool (format 2)";
    for (body, reason) in [("{\"version\":2}", newer), ("no json", "cannot be read")] {
        bench.bucket.put_own("lock", body.into(), Condition::None).await.unwrap();
        let refusal = refused(&bench.bucket).await;
        assert!(refusal.message.contains(reason), "{}", refusal.message);
        // It expires as a lock of this tool does, and then any deploy can take it.
        bench.leave_an_expired_lock(&bench.bucket).await;
    }
}

#[tokio::test]
async fn a_renewed_lock_lasts_longer_and_stays_ours() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        let mut contender = Contender::new(&bucket, "kim@laptop", NOWHERE.as_ref(), &QUICK);
        let Attempt::Taken(mut lease) = contender.attempt().await.unwrap() else { panic!("held") };
        let name =
            lease.key().trim_start_matches("p/").trim_start_matches(tool_folder::NAME).to_owned();
        for n in 1..4 {
            assert!(matches!(lease.renew().await, Renewal::Renewed));
            let body = bucket.look(&name).await.unwrap().object.unwrap().body;
            let first = u64::from(!ignored.is_empty());
            assert_eq!(Note::parse(&body).unwrap().renewals, first + n);
        }
        assert!(matches!(lease.release().await, Release::Done));
    }
}

#[tokio::test]
async fn a_renewal_whose_answer_was_lost_is_no_loss() {
    let bench = Bench::start().await;
    let mut contender = Contender::new(&bench.bucket, "kim@laptop", NOWHERE.as_ref(), &QUICK);
    let Attempt::Taken(mut lease) = contender.attempt().await.unwrap() else { panic!("held") };
    // A note with another ETag, as a renewal leaves it whose answer was lost.
    let body = bench.bucket.look("lock").await.unwrap().object.unwrap().body;
    let renewed = Note::parse(&body).unwrap().renewed(Duration::from_secs(7)).render();
    bench.bucket.put_own("lock", renewed, Condition::None).await.unwrap();
    assert!(matches!(lease.renew().await, Renewal::Failed(_)), "tried again later");
    assert!(matches!(lease.renew().await, Renewal::Renewed));
    assert!(matches!(lease.release().await, Release::Done));
}

#[tokio::test]
async fn whoever_lost_the_lock_is_told_and_leaves_the_other_s_alone() {
    for ignored in IGNORED {
        let bench = Bench::start().await;
        let bucket = bench.bucket.ignoring(ignored);
        let terms = Terms { expiry: Duration::from_millis(600), ..QUICK };
        let held = acquire_on(terms, &bucket, "slow", NOWHERE.as_ref(), Patience::Refuse, &quiet())
            .await
            .ok()
            .unwrap();
        let name = bucket.list_own("lock").await.unwrap().remove(0);
        let other = Note::new("another", "quick", 0, TERMS.expiry).render();
        bucket.put_own(&name, other.clone(), Condition::None).await.unwrap();
        let failure = lost(&held).await;
        assert_eq!(failure.causes, ["`quick` has taken it over"], "{ignored:?}");
        assert!(held.release().await.is_err());
        assert_eq!(bucket.look(&name).await.unwrap().object.unwrap().body, other);
    }
}

#[tokio::test]
async fn a_release_leaves_alone_what_is_not_ours_any_more() {
    let bench = Bench::start().await;
    // Conditions of deletes are the newest ones of S3, and a store that knows the others may ignore them.
    let held = take(&bench.bucket, "slow", Patience::Refuse).await.ok().unwrap();
    let other = Note::new("another", "quick", 0, TERMS.expiry).render();
    bench.bucket.put_own("lock", other.clone(), Condition::None).await.unwrap();
    let Err(Loss::Lost(failure)) = held.release().await else { panic!("not lost") };
    assert_eq!(failure.causes, ["`quick` has taken it over"]);
    assert_eq!(bench.bucket.look("lock").await.unwrap().object.unwrap().body, other);
}

#[tokio::test]
async fn a_lock_that_cannot_be_renewed_is_lost_before_it_expires() {
    let mut bench = Bench::start().await;
    let terms = Terms { expiry: Duration::from_millis(300), ..QUICK };
    let held =
        acquire_on(terms, &bench.bucket, "kim", NOWHERE.as_ref(), Patience::Refuse, &quiet())
            .await
            .ok()
            .unwrap();
    bench._server = None;
    let failure = lost(&held).await;
    assert!(failure.causes[0].starts_with("it could not be renewed for"), "{failure}");
}

#[tokio::test]
async fn a_condition_that_does_not_hold_is_an_answer() {
    let Bench { bucket, _server, _folder } = Bench::start().await;
    let put = async |name, condition| bucket.put_own(name, b"1".to_vec(), condition).await.unwrap();
    assert_eq!(put("a", Condition::Etag("no")).await, Written::Refused);
    let Written::Done(etag) = put("a", Condition::Absent).await else { panic!("not written") };
    assert_eq!(put("a", Condition::Absent).await, Written::Refused);
    assert_eq!(put("a", Condition::Etag("no")).await, Written::Refused);
    assert_eq!(put("a", Condition::Etag(&etag)).await, Written::Done(etag.clone()));
    assert!(!bucket.delete_own("a", Some("no")).await.unwrap());
    let look = bucket.look("a").await.unwrap();
    assert!(look.now.unwrap() >= look.object.unwrap().modified);
    assert!(bucket.delete_own("a", Some(&etag)).await.unwrap());
    assert_eq!(bucket.look("a").await.unwrap().object, None);
}

#[test]
fn a_lock_ends_by_the_store_s_clock_as_long_after_it_was_written_as_it_says() {
    let expiry = Duration::from_secs(300);
    // The clock of this machine is wrong by hours, which must not matter.
    let note = |lasts| Note::new("id", "kim", 9_000_000, Duration::from_secs(lasts)).render();
    for (why, own, now, ends) in [
        ("written just now", own(note(300), 1000), Some(1000), Some(Some(300))),
        ("a second before its end", own(note(300), 1000), Some(1299), Some(Some(1))),
        ("at its end", own(note(300), 1000), Some(1300), None),
        ("one that lasts longer", own(note(600), 1000), Some(1300), Some(Some(300))),
        ("nothing lasts for ever", own(note(u64::MAX / 2), 1000), Some(90_000), None),
        ("written after now", own(note(300), 1000), Some(990), Some(Some(310))),
        ("the store tells no time", own(note(300), 1000), None, Some(None)),
        ("garbled", own("x", 1000), Some(1299), Some(Some(1))),
        ("garbled and old", own("x", 1000), Some(1300), None),
        ("newer", own("{\"version\":2}", 1000), Some(1299), Some(Some(1))),
    ] {
        assert_eq!(holder(&own, now, expiry).map(|holder| holder.ends), ends, "{why}");
    }
}

#[test]
fn a_refusal_says_who_since_when_and_until_when() {
    let shown = |who: Result<&str, &str>, since, ends| {
        let who = who.map(str::to_owned).map_err(str::to_owned);
        let holder = Holder { id: None, who, since, contends: false, ends };
        holder.refusal("p/.xtask/lock")
    };
    for (holder, message, hint) in [
        (
            shown(Ok("kim@laptop"), Some(130), Some(299)),
            "`kim@laptop` began to deploy to the same place 2 minutes ago, and has not ended",
            "the lock expires in 4 minutes",
        ),
        (
            shown(Ok("kim"), Some(0), Some(1)),
            "`kim` began to deploy to the same place just now, and has not ended",
            "the lock expires in 1 second",
        ),
        (
            shown(Err("cannot be read (x)"), Some(8000), None),
            "somebody began to deploy to the same place 2 hours ago, and has not ended; the lock cannot be read (x)",
            "delete `p/.xtask/lock`",
        ),
        (
            shown(Ok("kim"), None, None),
            "`kim` is deploying to the same place",
            "delete `p/.xtask/lock`",
        ),
    ] {
        let hint = format!("wait for it: Again [Wait]; if nothing runs there any more, {hint}");
        assert_eq!((holder.message.as_str(), holder.hint.to_string()), (message, hint));
    }
}

#[test]
fn a_note_is_read_as_it_was_written_and_gives_no_commands() {
    let note = Note::new("id", "kim", 1000, Duration::from_secs(300));
    assert_eq!(Note::parse(&note.render()), Ok(note.clone()));
    let renewed = note.renewed(Duration::from_secs(100));
    assert_eq!((renewed.since, renewed.renewed, renewed.expires), (1000, 1100, 1400));
    assert_ne!(note.renewed(Duration::ZERO).render(), note.render());
    let evil = Note::new("id", "\u{1b}[2J\n::error::\u{202e}", 0, Duration::ZERO);
    let who = Note::parse(&evil.render()).unwrap().who;
    assert!(!who.chars().any(|c| c.is_control() || c == '\u{202e}'), "{who:?}");
    let long = Note::new("id", &"x".repeat(5000), 0, Duration::ZERO);
    assert_eq!(Note::parse(&long.render()).unwrap().who.len(), 200);
}

#[test]
fn nothing_that_stands_in_a_lock_is_taken_for_one_that_ends_at_once() {
    let note = Note::new("id", "kim", 1000, Duration::from_secs(300)).render();
    let text = String::from_utf8(note.clone()).unwrap();
    let mut bodies: Vec<Vec<u8>> = (0..note.len()).map(|end| note[..end].to_vec()).collect();
    for (part, other) in [
        ("\"version\":1", "\"version\":-1"),
        ("\"version\":1", "\"version\":2"),
        ("\"expires\":1300", "\"expires\":900"),
        ("\"expires\":1300", "\"expires\":1e400"),
        ("\"renewed\":1000", "\"renewed\":18446744073709551615"),
        ("\"who\":\"kim\"", "\"who\":null"),
    ] {
        assert!(text.contains(part), "{part}");
        bodies.push(text.replace(part, other).into_bytes());
    }
    for body in bodies {
        let said = Note::parse(&body).unwrap_err();
        let holder = holder(&own(body, 1000), Some(1001), Duration::from_secs(300)).unwrap();
        assert_eq!((holder.who, holder.ends), (Err(said), Some(299)));
    }
}

#[test]
fn who_is_the_job_s_address_or_the_user_at_the_machine() {
    for (vars, expected) in [
        (
            "GITHUB_ACTIONS=true GITHUB_SERVER_URL=https://github.com GITHUB_REPOSITORY=a/b GITHUB_RUN_ID=7 USER=x",
            "https://github.com/a/b/actions/runs/7",
        ),
        (
            "GITLAB_CI=true CI_JOB_URL=https://gitlab.com/a/b/-/jobs/7",
            "https://gitlab.com/a/b/-/jobs/7",
        ),
        (
            "CIRCLECI=true CIRCLE_BUILD_URL=https://circleci.com/gh/a/b/7",
            "https://circleci.com/gh/a/b/7",
        ),
        (
            "BUILDKITE=true BUILDKITE_BUILD_URL=https://buildkite.com/a/b/builds/7",
            "https://buildkite.com/a/b/builds/7",
        ),
        (
            "TRAVIS=true TRAVIS_JOB_WEB_URL=https://travis-ci.com/a/b/jobs/7",
            "https://travis-ci.com/a/b/jobs/7",
        ),
        (
            "TF_BUILD=True SYSTEM_COLLECTIONURI=https://dev.azure.com/a/ SYSTEM_TEAMPROJECT=b BUILD_BUILDID=7",
            "https://dev.azure.com/a/b/_build/results?buildId=7",
        ),
        (
            "BITBUCKET_BUILD_NUMBER=7 BITBUCKET_REPO_FULL_NAME=a/b",
            "https://bitbucket.org/a/b/pipelines/results/7",
        ),
        ("JENKINS_URL=https://ci/ BUILD_URL=https://ci/job/b/7/", "https://ci/job/b/7/"),
        ("DRONE=true DRONE_BUILD_LINK=https://drone/a/b/7", "https://drone/a/b/7"),
        (
            "CI=woodpecker GITLAB_CI=true CI_PIPELINE_URL=https://wood/7 CI_JOB_URL=no",
            "https://wood/7",
        ),
        ("CODEBUILD_BUILD_ID=b:7 CODEBUILD_BUILD_URL=https://console/7", "https://console/7"),
        // A stray variable on a laptop.
        ("BUILD_URL=https://ci/7 USER=kim HOSTNAME=laptop", "kim@laptop"),
        // A vendor that does not tell the address of the job.
        ("GITHUB_ACTIONS=true GITHUB_RUN_ID=7 USER=runner", "runner"),
        ("LOGNAME=kim HOSTNAME=laptop", "kim@laptop"),
        ("USERNAME=kim COMPUTERNAME=PC", "kim@PC"),
        ("HOSTNAME=3f2a", "3f2a"),
        ("", "somebody"),
    ] {
        let var = |name: &str| {
            let mut pairs = vars.split(' ').filter_map(|pair| pair.split_once('='));
            pairs.find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
        };
        assert_eq!(who::who_on(None, &var), expected, "{vars}");
    }
}

#[test]
fn ids_and_pauses_differ() {
    let ids: std::collections::BTreeSet<u64> = (0..1000).map(|_| random()).collect();
    assert_eq!(ids.len(), 1000);
    for _ in 0..1000 {
        let pause = jitter(Duration::from_secs(2));
        assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&pause), "{pause:?}");
    }
}

/// With a real store, named by `LOCK_STORE="endpoint region bucket key secret"`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a store"]
async fn a_real_store_keeps_to_one_holder_too() {
    let told = std::env::var("LOCK_STORE").unwrap();
    let words: Vec<&str> = told.split(' ').collect();
    let [endpoint, region, name, access_key_id, secret_access_key] = words[..] else { panic!() };
    let store = bucket::Store { endpoint, region, access_key_id, secret_access_key };
    let bucket =
        bucket::connect_local(&place(name).environment.bucket, &place(name).prefix, &store);
    let n = size("LOCK_ROUNDS", 50);
    assert_eq!(rounds(&bucket, n, 8, Patience::Wait).await, 8 * n);
    let some = rounds(&bucket, n, 8, Patience::Refuse).await;
    println!("{some} of {} without waiting, {} requests", 8 * n, bucket.requests());
}
