//! Rollback restores the bytes and headers of an earlier deploy: by copying if the bucket keeps versions, otherwise by
//! building the commit again. Then forward again.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use crate::harness::{Fault, KEY_VARIABLE, Ran, Remote, Seen, World};

/// A world in which three commits were deployed, with the state of the bucket after each.
struct Deployed {
    world: World,
    /// Whether the bucket keeps versions.
    is_versioned: bool,
    left: Vec<BTreeMap<String, Remote>>,
    commits: Vec<String>,
}

/// Without the ETags: an object that was uploaded in parts gets another one when it is copied.
fn visible(world: &World) -> BTreeMap<String, Remote> {
    let etagless = |(key, object)| (key, Remote { etag: String::new(), ..object });
    world.objects().into_iter().map(etagless).collect()
}

fn rule(age: u64) -> String {
    format!(
        "[[headers]]\nmatch = \"**\"\ncache-control = \"max-age={age}\"\nx-amz-meta-age = \"{age}\"\n"
    )
}

fn deployed(versions: bool) -> Deployed {
    let world = World::new();
    let is_versioned = versions && world.store.keep_versions(&world.bucket);
    let sites: [&[(&str, &str)]; 3] = [
        &[
            ("index.html", "one"),
            ("a b+\u{e9}.css", "one"),
            ("same.css", "same"),
            ("first.html", "first"),
        ],
        &[
            ("index.html", "two"),
            ("a b+\u{e9}.css", "two"),
            ("same.css", "same"),
            ("second.html", "2"),
        ],
        &[("index.html", "three"), ("same.css", "same"), ("third.html", "third")],
    ];
    let (mut left, mut commits) = (Vec::new(), Vec::new());
    for (n, site) in sites.into_iter().enumerate() {
        world.configure(&rule(n as u64));
        world.site(site.iter().copied());
        commits.push(world.repo.commit("a state of the site").to_string());
        world.deploy(&[]).exits(0);
        let keys = world.store.etags(&world.bucket);
        assert!(!keys.contains_key(".xtask/lock"), "the lock is given back");
        left.push(visible(&world));
    }
    Deployed { world, is_versioned, left, commits }
}

impl Deployed {
    #[track_caller]
    fn is_as_after(&self, n: usize) {
        let (found, expected) = (visible(&self.world), &self.left[n]);
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        assert_eq!(found, *expected);
    }

    /// Rolls back, and asserts which way was used.
    #[track_caller]
    fn goes_back(&self, arguments: &[&str]) -> Value {
        self.world.wire.take();
        let all: Vec<&str> = [&["rollback", "--json"], arguments].concat();
        let report = self.world.xtask(&all).exits(0).json();
        let of_the_site =
            |seen: &Seen| seen.method == "PUT" && !seen.path.contains(".xtask/") && !seen.copies;
        let sent = self.world.wire.take().iter().any(of_the_site);
        assert_eq!(sent, !self.is_versioned, "{report}");
        assert_eq!(report["bytes_sent"] == json!(0), self.is_versioned, "{report}");
        report
    }
}

fn back_and_forward(deployed: &Deployed) {
    let Deployed { world, commits, .. } = deployed;
    let report = deployed.goes_back(&[]);
    assert_eq!((&report["commit"], &report["branch"]), (&json!(commits[1]), &json!("main")));
    deployed.is_as_after(1);

    let status = world.xtask(&["status", "--json"]).exits(0).json();
    let live = &status["environments"][0];
    assert_eq!(live["deploy"]["commit"], json!(commits[1]));
    assert_eq!((&live["behind"], &live["ahead"]), (&json!(1), &json!(0)));
    assert_eq!(live["drift"], json!({"changed": [], "added": [], "deleted": []}));

    deployed.goes_back(&["--to", &commits[0][..7]]);
    deployed.is_as_after(0);

    world.deploy(&[]).exits(0);
    deployed.is_as_after(2);
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn back_to_the_deploy_before_and_to_the_first_and_forward_again() {
    back_and_forward(&deployed(true));
}

#[test]
fn without_versions_the_commit_is_built_again() {
    let deployed = deployed(false);
    assert!(!deployed.is_versioned);
    let dry = deployed.world.xtask(&["rollback", "--dry-run"]).exits(0);
    let told = format!(
        "warning: the bucket keeps no versions of that deploy, so commit {} is built again\n",
        &deployed.commits[1][..7]
    );
    assert!(dry.stderr.contains(&told), "{}", dry.stderr);
    back_and_forward(&deployed);
    let left = deployed.world.repo.git().worktrees().expect("work trees").len();
    assert_eq!(left, 0, "the work tree goes");
    assert!(!deployed.world.repo.join("target/xtask/rollback").exists());
}

#[test]
fn each_rollback_goes_further_back() {
    let deployed = deployed(true);
    deployed.goes_back(&[]);
    deployed.is_as_after(1);
    deployed.goes_back(&[]);
    deployed.is_as_after(0);
    let refused = deployed.world.xtask(&["rollback", "--json"]).exits(3).json();
    assert_eq!(refused["refused"]["code"], "no-earlier-deploy");
    deployed.is_as_after(0);
}

#[test]
fn after_an_interrupted_deploy_it_goes_back_to_the_last_completed_one() {
    let Deployed { world, left, commits, is_versioned } = deployed(true);
    world.site([("index.html", "four"), ("same.css", "four")]);
    world.repo.commit("a bad one");
    world.wire.disturb(|seen| {
        let page = seen.method == "PUT" && seen.path.ends_with("index.html");
        page.then(|| Fault::status(403))
    });
    world.deploy(&[]).exits(1);
    world.wire.disturb(|_| None);
    let status = world.xtask(&["status", "--json"]).exits(0).json();
    assert_eq!(status["environments"][0]["unfinished"], json!(true), "{status}");

    let deployed = Deployed { world, left, commits, is_versioned };
    let report = deployed.goes_back(&[]);
    assert_eq!(report["commit"], json!(deployed.commits[2]));
    deployed.is_as_after(2);
}

#[test]
fn a_dry_run_shows_what_would_change_and_writes_nothing() {
    for versions in [true, false] {
        let deployed = deployed(versions);
        deployed.world.wire.take();
        let ran = deployed.world.xtask(&["rollback", "--dry-run"]).exits(0);
        assert!(
            ran.stdout.contains("~ index.html") && ran.stdout.contains("- third.html"),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains("going back to"), "{}", ran.stdout);
        assert_eq!(deployed.world.wire.take_writes(), 0);
        deployed.is_as_after(2);
    }
}

#[test]
fn assets_come_back_before_pages_and_pages_go_before_assets() {
    let Deployed { world, .. } = deployed(true);
    world.wire.take();
    world.xtask(&["rollback"]).exits(0);
    let seen = world.wire.take();
    let place = |end: &str| {
        let is = |seen: &Seen| seen.method == "PUT" && seen.path.ends_with(end);
        seen.iter().position(is).unwrap_or_else(|| panic!("{end} is written"))
    };
    let delete = seen.iter().position(|seen| seen.query.contains("delete")).expect("a delete");
    assert!(place(".css") < place("index.html") && place("second.html") < delete);
}

#[test]
fn it_is_guarded_as_a_deploy_is() {
    let Deployed { world, .. } = deployed(true);
    let refused = |ran: Ran| ran.exits(3).json()["refused"]["code"].clone();
    assert_eq!(
        refused(world.xtask(&["rollback", "--json", "--max-deletes", "0"])),
        "too-many-deletes"
    );
    assert_eq!(refused(world.xtask(&["rollback", "--json", "--to", "no-such"])), "unknown-deploy");
    world.repo.switch_to_new("somewhere/else");
    assert_eq!(refused(world.xtask(&["rollback", "--json"])), "unknown-branch");
}

#[test]
fn a_rollback_to_uncommitted_changes_needs_versions() {
    for versions in [true, false] {
        let world = World::new();
        let is_versioned = versions && world.store.keep_versions(&world.bucket);
        world.site([("index.html", "committed")]);
        world.repo.commit("the site");
        world.repo.write("site/public/index.html", "not committed");
        world.deploy(&[]).exits(0);
        world.site([("index.html", "later")]);
        world.deploy(&[]).exits(0);
        let ran = world.xtask(&["rollback", "--json"]);
        if is_versioned {
            ran.exits(0);
            assert_eq!(world.objects()["index.html"].body, b"not committed");
        } else {
            assert_eq!(ran.exits(3).json()["refused"]["code"], "not-reproducible");
            assert_eq!(world.objects()["index.html"].body, b"later");
        }
    }
}

#[test]
fn a_file_that_went_in_parts_comes_back() {
    let world = World::new();
    let is_versioned = world.store.keep_versions(&world.bucket);
    let movie = vec![7; (17 << 20) + 5];
    world.site([("index.html", "one")]);
    world.repo.write("site/public/movie.mp4", &movie);
    world.repo.commit("one");
    world.deploy(&[]).exits(0);
    world.site([("index.html", "two"), ("movie.mp4", "small")]);
    world.repo.commit("two");
    world.deploy(&[]).exits(0);
    let report = world.xtask(&["rollback", "--json"]).exits(0).json();
    assert_eq!(report["bytes_sent"] == json!(0), is_versioned);
    assert!(world.objects()["movie.mp4"].body == movie);
    world.wire.take();
    world
        .xtask(&[
            "rollback",
            "--to",
            &world.repo.git().revparse_single("HEAD~1").unwrap().id().to_string(),
        ])
        .exits(0);
    let of_the_site = |seen: &Seen| seen.writes() && !seen.path.contains(".xtask/");
    assert!(!world.wire.take().iter().any(of_the_site), "there is nothing left to do");
}

#[test]
fn kept_objects_and_those_of_others_are_left_alone() {
    let Deployed { world, .. } = deployed(true);
    world.repo.write(
        "site/deploy.toml",
        format!("keep = [\"uploads/**\", \"first.html\"]\n{}", world.config("")),
    );
    world.store.put(&world.bucket, "uploads/a.txt", b"theirs", "text/plain");
    world.store.put(&world.bucket, "other/.xtask/record", b"theirs", "text/plain");
    world.store.put(&world.bucket, "other/index.html", b"theirs", "text/html");
    let first = world.repo.git().revparse_single("HEAD~2").unwrap().id().to_string();
    world.xtask(&["rollback", "--to", &first]).exits(0);
    assert_eq!(
        world
            .store
            .etags(&world.bucket)
            .into_keys()
            .filter(|k| !k.starts_with(".xtask/"))
            .collect::<Vec<_>>(),
        [
            "a b+\u{e9}.css",
            "index.html",
            "other/.xtask/record",
            "other/index.html",
            "same.css",
            "uploads/a.txt"
        ]
    );
}

#[test]
fn it_works_on_the_bucket_of_this_machine() {
    let world = World::new();
    let mut bodies = Vec::new();
    for n in ["one", "two"] {
        world.site([("index.html", n)]);
        world.deploy(&["--local"]).exits(0);
        bodies.push(n);
    }
    let report = world.xtask(&["rollback", "--local", "--json"]).exits(0).json();
    assert_eq!(
        (&report["bytes_sent"], &report["uploads"][0]["key"]),
        (&json!(0), &json!("index.html"))
    );
    let status = world.repo.xtask(&["status", "--local", "--json"], &[]).exits(0).json();
    let live = &status["environments"][0];
    assert_eq!(live["objects"], json!(1));
    assert!(live["deploy"]["rolled_back_to"].is_string(), "{live}");
    assert!(world.wire.take().is_empty(), "nothing leaves this machine");
}

/// Makes writes of pages fail.
fn without_pages(world: &World) {
    world.wire.disturb(|seen| {
        let page = seen.method == "PUT" && seen.path.ends_with(".html");
        page.then(|| Fault::status(403))
    });
}

#[test]
fn an_interrupted_rollback_is_continued() {
    let deployed = deployed(true);
    without_pages(&deployed.world);
    deployed.world.xtask(&["rollback"]).exits(1);
    deployed.world.wire.disturb(|_| None);
    let text = deployed.world.xtask(&["status"]).exits(0).stdout;
    assert!(text.contains("a rollback to 20") && text.contains("has not ended"), "{text}");

    let report = deployed.goes_back(&[]);
    assert_eq!(report["commit"], json!(deployed.commits[1]));
    deployed.is_as_after(1);
    let status = deployed.world.xtask(&["status", "--json"]).exits(0).json();
    assert_eq!(status["environments"][0]["unfinished"], json!(false));
}

#[test]
fn a_deploy_after_a_failed_rollback_ends_it_even_if_nothing_is_left_to_do() {
    let deployed = deployed(true);
    without_pages(&deployed.world);
    deployed.world.xtask(&["rollback"]).exits(1);
    deployed.world.wire.disturb(|_| None);
    deployed.world.deploy(&[]).exits(0);
    deployed.is_as_after(2);
    let status = deployed.world.xtask(&["status", "--json"]).exits(0).json();
    let live = &status["environments"][0];
    assert_eq!(
        (&live["unfinished"], &live["deploy"]["commit"]),
        (&json!(false), &json!(deployed.commits[2]))
    );
    deployed.world.wire.take();
    deployed.world.deploy(&[]).exits(0);
    assert_eq!(deployed.world.wire.take_writes(), 0);
}

#[test]
fn after_a_deploy_that_wrote_nothing_the_first_rollback_only_ends_it_and_the_second_goes_back() {
    let deployed = deployed(true);
    let world = &deployed.world;
    world.site([("index.html", "bad")]);
    world.repo.commit("bad");
    without_pages(world);
    world.deploy(&["--max-deletes", "9"]).exits(1);
    world.wire.disturb(|_| None);
    let report = world.xtask(&["rollback", "--json"]).exits(0).json();
    assert_eq!((&report["commit"], &report["uploads"]), (&json!(deployed.commits[2]), &json!([])));
    deployed.is_as_after(2);
    deployed.goes_back(&[]);
    deployed.is_as_after(1);
}

#[test]
fn a_rollback_that_another_deploy_overtakes_is_refused() {
    let deployed = deployed(true);
    let (world, other) = (&deployed.world, deployed.world.beside());
    other.site([("index.html", "theirs"), ("same.css", "same"), ("third.html", "third")]);
    let theirs = Arc::new(OnceLock::new());
    let deployed_by_them = theirs.clone();
    let mut is_listed = false;
    world.wire.disturb(move |seen| {
        // An earlier request for the lock belongs to the deploy that has just ended.
        is_listed |= seen.query.contains("list-type");
        if is_listed && seen.path.contains(".xtask/lock") {
            deployed_by_them.get_or_init(|| other.deploy(&[]));
        }
        None
    });
    let ran = world.xtask(&["rollback", "--json"]);
    let theirs = theirs.get().expect("it asks for the lock");
    assert_eq!(theirs.code, Some(0), "{theirs:?}");
    let refused = ran.exits(3).json();
    assert_eq!(refused["refused"]["code"], "overtaken");
    assert_eq!(world.objects()["index.html"].body, b"theirs");
    // A deploy that is asked for by name is still the same.
    world.xtask(&["rollback", "--to", &deployed.commits[1]]).exits(0);
    deployed.is_as_after(1);
}

#[test]
fn a_rollback_does_not_go_back_to_the_record_of_a_failed_deploy() {
    let deployed = deployed(true);
    let world = &deployed.world;
    // Before new headers are written, the record drops the old ones, so it is incomplete now.
    for _ in 0..2 {
        world.configure(&rule(9));
        without_pages(world);
        world.deploy(&[]).exits(1);
    }
    world.wire.disturb(|_| None);
    world.xtask(&["rollback"]).exits(0);
    deployed.is_as_after(2);
}

#[test]
fn ten_deploys_are_remembered_and_can_all_be_restored_one_after_another() {
    let world = World::new();
    world.store.keep_versions(&world.bucket);
    for n in 0..11 {
        world.site([("index.html", format!("page {n}").as_str())]);
        world.repo.commit("a page");
        world.deploy(&[]).exits(0);
    }
    for n in (0..10).rev() {
        world.xtask(&["rollback"]).exits(0);
        assert_eq!(world.objects()["index.html"].body, format!("page {n}").as_bytes());
    }
    let names = world.store.etags(&world.bucket).into_keys();
    let earlier = names.filter(|key| key.starts_with(".xtask/earlier/")).count();
    assert_eq!(earlier, 11, "the deploys, and none of the rollbacks");
    let refused = world.xtask(&["rollback"]).exits(3);
    assert!(refused.stderr.contains("cargo xtask status --env production"), "{}", refused.stderr);
}

#[test]
fn after_a_rollback_and_a_deploy_it_goes_back_to_what_the_rollback_restored() {
    let deployed = deployed(true);
    let world = &deployed.world;
    deployed.goes_back(&["--to", &deployed.commits[0]]);
    world.site([("index.html", "four")]);
    world.repo.commit("four");
    world.deploy(&["--max-deletes", "9"]).exits(0);
    world.xtask(&["rollback", "--max-deletes", "9"]).exits(0);
    deployed.is_as_after(0);
}

#[test]
fn a_hint_of_a_rollback_repeats_the_rollback_and_not_a_deploy() {
    let deployed = deployed(true);
    let ran = deployed.world.xtask(&["rollback", "--max-deletes", "0"]).exits(3);
    assert!(ran.stderr.contains("cargo xtask rollback --max-deletes 1"), "{}", ran.stderr);
    let to = ["rollback", "--to", &deployed.commits[1], "--max-deletes", "0"];
    let ran = deployed.world.xtask(&to).exits(3);
    let hint = format!("cargo xtask rollback --to {} --max-deletes 1", deployed.commits[1]);
    assert!(ran.stderr.contains(&hint), "{}", ran.stderr);
}

#[test]
fn a_retained_asset_does_not_become_permanent_by_a_rollback() {
    let world = World::new();
    let is_versioned = world.store.keep_versions(&world.bucket);
    let retain = |on: bool| world.configure(if on { "retain = \"7d\"" } else { "" });
    retain(true);
    for files in [
        &[("index.html", "1"), ("old.css", "old")][..],
        &[("index.html", "2")],
        &[("index.html", "3")],
    ] {
        world.site(files.iter().copied());
        world.repo.commit("a state");
        world.deploy(&[]).exits(0);
    }
    // In the second state, `old.css` was still in the bucket, but as an asset that no longer belonged to the site.
    retain(false);
    world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);
    let second = world.repo.git().revparse_single("HEAD~1").unwrap().id().to_string();
    retain(true);
    let report = world.xtask(&["rollback", "--to", &second, "--json"]).exits(0).json();
    assert_eq!(report["bytes_sent"] == json!(0), is_versioned);
    assert_eq!(world.keys(), ["index.html"]);
    assert_eq!(world.objects()["index.html"].body, b"2");
}

#[test]
fn the_credentials_that_the_old_commit_names_reach_no_generator_either() {
    let world = World::new();
    let config = |variable: &str| {
        let build = "[build]\ncommand = [\"sh\", \"-c\", \"mkdir -p public; env > public/index.html; date +%s%N >> public/index.html\"]";
        world.config("").replace("[build]", build).replace(KEY_VARIABLE, variable)
    };
    world.repo.write(".gitignore", "/target\n/site/public\n");
    world.repo.write("site/deploy.toml", config("OLD_KEY"));
    world.repo.commit("old");
    let (key, secret) = (world.store.key.as_str(), world.store.secret.as_str());
    let variables = [("OLD_KEY", key), ("NEW_KEY", key), ("SITE_SECRET", secret)];
    world.repo.xtask(&["deploy"], &variables).exits(0);
    world.repo.write("site/deploy.toml", config("NEW_KEY"));
    world.repo.commit("new");
    world.repo.xtask(&["deploy"], &variables).exits(0);
    world.repo.xtask(&["rollback"], &variables).exits(0);
    let page = String::from_utf8(world.objects()["index.html"].body.clone()).expect("text");
    assert!(page.contains("DEPLOY_ENVIRONMENT=production"), "{page}");
    for name in ["OLD_KEY", "NEW_KEY", "SITE_SECRET"] {
        assert!(!page.contains(name), "{name}: {page}");
    }
}
