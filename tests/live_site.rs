//! What a deploy must not do to a live site: delete files that its build left out, take the result of a broken build
//! for the site, put an old commit over a new one, or show a file before the files that it loads.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Answer, Fault, Ran, Seen, World};

/// Variables of a job that builds a push to `main`.
const CI: [(&str, &str); 1] = [("CI", "true")];

fn list(value: &Value) -> Vec<&str> {
    value.as_array().expect("a list").iter().map(|item| item.as_str().expect("text")).collect()
}

#[track_caller]
fn is_refused(ran: Ran, code: &str) -> Value {
    let report = ran.exits(3).json();
    assert_eq!(report["refused"]["code"], code, "{report}");
    report
}

/// A world whose git ignores the output, so that a build leaves nothing uncommitted.
fn committed() -> World {
    let world = World::new();
    world.repo.write(".gitignore", "/target\n/site/public\n");
    world.repo.commit("ignore the output");
    world
}

#[test]
fn an_object_whose_file_was_left_out_stays_and_is_named() {
    let world = World::new();
    let left_out = [
        ".eslintrc.html",
        "config/.npmrc/index.html",
        "keys/id_rsa",
        "tags/.net/index.html",
        "tags/.net/page/2/index.html",
    ];
    let others = ["index.html", "tags/net/index.html", "a.css", "gone.txt"];
    for key in left_out.into_iter().chain(others) {
        world.store.put(&world.bucket, key, b"theirs", "text/html");
    }
    world.site(
        left_out
            .into_iter()
            .chain(["index.html", "tags/net/index.html", "a.css"])
            .map(|key| (key, "x")),
    );
    let ran = world.deploy(&[]).exits(0);
    for key in left_out {
        assert_eq!(world.objects()[key].body, b"theirs", "{key}");
        let line = format!("  = {key}  (left out, still in the bucket)");
        assert!(ran.stdout.contains(&line), "{key}: {}", ran.stdout);
    }
    assert!(ran.stdout.contains("  - gone.txt") && !world.keys().contains(&"gone.txt".into()));

    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(list(&report["skipped"]), left_out);
    assert_eq!((&report["deletes"], &report["kept"]), (&json!([]), &json!(0)));
}

#[test]
fn what_was_left_out_stays_below_a_prefix_and_through_a_rollback() {
    for versions in [true, false] {
        let world = World::new();
        world.configure("prefix = \"docs/\"");
        let is_versioned = versions && world.store.keep_versions(&world.bucket);
        for text in ["one", "two"] {
            world.site([("index.html", text), (".hidden/a.html", "x"), ("a.css", "style")]);
            world.repo.commit(text);
            world.deploy(&[]).exits(0);
        }
        world.store.put(&world.bucket, "docs/.hidden/a.html", b"theirs", "text/html");
        world.xtask(&["rollback"]).exits(0);
        let objects = world.objects();
        assert_eq!(objects["docs/index.html"].body, b"one", "versions: {is_versioned}");
        assert_eq!(objects["docs/.hidden/a.html"].body, b"theirs", "versions: {is_versioned}");
    }
}

#[test]
fn the_result_of_a_broken_build_is_refused() {
    let pages: Vec<String> = (0..9).map(|n| format!("posts/{n}/index.html")).collect();
    let assets: Vec<String> = (0..90).map(|n| format!("img/{n}.png")).collect();
    let page = |key: &str| (key.to_owned(), "page".to_owned());
    let empty = |key: &str| (key.to_owned(), String::new());
    let all = |index: &str| -> BTreeMap<String, String> {
        let keys = pages.iter().chain(&assets).map(|key| page(key));
        keys.chain([("index.html".to_owned(), index.to_owned())]).collect()
    };
    let without = |keys: &[String]| {
        let mut site = all("page");
        site.retain(|key, _| !keys.contains(key));
        site
    };
    let blank_pages = || {
        let blank = pages.iter().map(|key| empty(key));
        all("page").into_iter().chain(blank).collect()
    };
    let white_pages = |text: &str| {
        let white = pages.iter().map(|key| (key.clone(), text.to_owned()));
        all("page").into_iter().chain(white).collect()
    };
    let (newlines, empty_body) = ("\n".repeat(6000), "<!doctype html><body></body>");
    for (why, site, code) in [
        ("no theme", BTreeMap::from([empty("index.html"), page("index.xml")]), "empty-site"),
        ("an empty home page", all(""), "empty-site"),
        ("a home page of white space", all("\u{feff} \n\n"), "empty-site"),
        ("a home page of a comment", all("<!-- -->"), "empty-site"),
        ("a home page of nulls", all("\0\0\0\0\0"), "empty-site"),
        ("a home page of line breaks", all(&newlines), "empty-site"),
        ("a home page without a body", all(empty_body), "empty-site"),
        ("no home page", without(&["index.html".into()]), "empty-site"),
        ("only an error document", BTreeMap::from([page("404.html")]), "empty-site"),
        ("most pages gone", without(&pages[..8]), "too-many-deletes"),
        ("most pages empty", blank_pages(), "too-many-deletes"),
        ("most pages white", white_pages("\n"), "too-many-deletes"),
        ("most pages without a body", white_pages(empty_body), "too-many-deletes"),
        ("most assets gone", without(&assets[..60]), "too-many-deletes"),
    ] {
        let world = World::new();
        let write = |site: &BTreeMap<String, String>| {
            world.site(site.iter().map(|(key, text)| (key.as_str(), text.as_str())));
        };
        write(&all("page"));
        world.deploy(&[]).exits(0);
        let before = world.objects();
        write(&site);
        world.wire.take();
        is_refused(world.deploy(&["--json"]), code);
        assert_eq!(world.wire.take_writes(), 0, "{why}");
        assert_eq!(world.objects(), before, "{why}");
        let dry = world.deploy(&["--dry-run"]).exits(0);
        assert!(dry.stderr.contains("a deploy would be refused"), "{why}: {}", dry.stderr);
    }
}

#[test]
fn a_small_site_that_is_halved_is_refused_and_one_page_less_is_not() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.html", "a"), ("b.html", "b")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page")]);
    is_refused(world.deploy(&["--json"]), "too-many-deletes");
    world.site([("index.html", "page"), ("a.html", "a")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page")]);
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
}

#[test]
fn the_home_page_is_that_of_the_settings_and_below_the_prefix() {
    let world = World::new();
    world.configure("prefix = \"docs\"\n[website]\nindex = \"default.htm\"");
    world.store.put(&world.bucket, "index.html", b"another site", "text/html");
    world.site([("default.htm", "home"), ("a.html", "a"), ("index.html", "b")]);
    world.deploy(&[]).exits(0);
    world.site([("default.htm", "home"), ("a.html", "a")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page"), ("a.html", "a")]);
    let report = is_refused(world.deploy(&["--json"]), "empty-site");
    let hint = report["refused"]["hint"].as_str().unwrap();
    assert!(hint.ends_with("delete `docs/default.htm` from the bucket first"), "{hint}");
    world.store.remove(&world.bucket, "docs/default.htm");
    world.deploy(&[]).exits(0);
}

/// Writes a release of 40 pages and 100 assets. Each is named by a hash that is new with the release.
fn write_release(world: &World, release: u32) {
    let pages = (0..40).map(|n| (format!("{n}.html"), format!("release {release}")));
    let asset = |n| (format!("assets/x-{:07x}b.js", release << 16 | n), format!("{release} {n}"));
    let site: Vec<_> = pages.chain((0..100).map(asset)).collect();
    world.site(site.iter().map(|(key, text)| (key.as_str(), text.as_str())));
}

#[test]
fn a_release_that_renames_every_hashed_asset_passes() {
    let world = World::new();
    for release in 1..=3 {
        write_release(&world, release);
        world.deploy_with(&[], &CI).exits(0);
        world.assert_bucket_equals_site("");
    }
}

#[test]
fn assets_that_were_replaced_and_stayed_for_their_time_go_without_being_counted() {
    let world = World::new();
    world.configure("retain = \"1s\"");
    for release in 1..=2 {
        write_release(&world, release);
        world.deploy_with(&[], &CI).exits(0);
    }
    let deadline = Instant::now() + Duration::from_secs(60);
    while world.keys().len() > 140 {
        assert!(Instant::now() < deadline, "they are still there after a minute");
        world.deploy_with(&[], &CI).exits(0);
    }
    world.assert_bucket_equals_site("");
}

#[test]
fn an_older_commit_does_not_follow_a_newer_one_in_ci_and_is_a_warning_by_hand() {
    let world = committed();
    let write = |text: &str| world.site([("index.html", text)]);
    let old = world.repo.commit("old").to_string();
    let new = world.repo.commit("new").to_string();
    let checkout = |commit: &str| world.repo.reset(commit);
    write("new");
    world.deploy_with(&[], &CI).exits(0);

    checkout(&old);
    write("old");
    let before = world.objects();
    world.wire.take();
    let report = is_refused(world.deploy_with(&["--json"], &CI), "outdated");
    let message = report["refused"]["message"].as_str().unwrap();
    assert!(message.contains(&old[..7]) && message.contains(&new[..7]), "{message}");
    assert!(report["refused"]["hint"].as_str().unwrap().contains("cargo xtask rollback"));
    assert_eq!((world.wire.take_writes(), world.objects()), (0, before));
    let dry = world.deploy_with(&["--dry-run"], &CI).exits(0);
    assert!(dry.stderr.contains("would be refused"), "{}", dry.stderr);

    let by_hand = world.deploy(&[]).exits(0);
    assert!(by_hand.stderr.contains("warning: commit") && by_hand.stderr.contains("is older than"));
    assert_eq!(world.objects()["index.html"].body, b"old");
    // A person did this on purpose, so later commits are compared with it.
    checkout(&new);
    write("new");
    world.deploy_with(&[], &CI).exits(0);
}

#[test]
fn what_was_deployed_by_hand_from_another_branch_is_newer_than_the_commits_below_it() {
    let world = committed();
    let mut commits = Vec::new();
    for text in ["one", "two"] {
        world.repo.write("site/source", text);
        commits.push(world.repo.commit(text).to_string());
        world.site([("index.html", text)]);
        world.deploy_with(&[], &CI).exits(0);
    }
    world.repo.switch_to_new("hotfix");
    world.repo.write("site/source", "fixed");
    world.repo.commit("fixed");
    world.site([("index.html", "fixed")]);
    world.deploy(&["--env", "production"]).exits(0);

    world.repo.git().set_head("refs/heads/main").unwrap();
    for (n, text) in [(0, "one"), (1, "two")] {
        world.repo.reset(&commits[n]);
        world.site([("index.html", text)]);
        is_refused(world.deploy_with(&["--json"], &CI), "outdated");
    }
    assert_eq!(world.objects()["index.html"].body, b"fixed");
    // A commit is deployed that is not an ancestor of it.
    world.repo.write("site/source", "three");
    world.repo.commit("three");
    world.site([("index.html", "three")]);
    world.deploy_with(&[], &CI).exits(0);
}

/// Makes `site/source` the home page, so that a rollback can build an earlier commit if a store keeps no versions.
fn build_from_source(world: &World) {
    let build =
        "[build]\ncommand = [\"sh\", \"-c\", \"mkdir -p public && cp source public/index.html\"]";
    world.repo.write("site/deploy.toml", world.config("").replace("[build]", build));
}

#[test]
fn a_time_that_somebody_made_up_does_not_end_the_history() {
    let world = committed();
    build_from_source(&world);
    world.store.keep_versions(&world.bucket);
    let deploy = |text: &str| {
        world.repo.write("site/source", text);
        world.repo.commit(text);
        world.site([("index.html", text)]);
        world.deploy(&[]).exits(0);
    };
    deploy("one");
    let record = world.store.object(&world.bucket, ".xtask/record").body;
    let text = String::from_utf8(record).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.pop();
    let mut first: Value = serde_json::from_str(&lines[0]).unwrap();
    first["deploy"]["at"] = json!(u64::MAX);
    lines[0] = first.to_string();
    seal(&world, &lines);
    for text in ["two", "three", "four"] {
        deploy(text);
    }
    for text in ["three", "two"] {
        world.xtask(&["rollback"]).exits(0);
        assert_eq!(world.objects()["index.html"].body, text.as_bytes());
    }
}

#[test]
fn an_asset_that_becomes_empty_is_named() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "a"), ("b.js", "b"), ("c.txt", "")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page"), ("a.css", ""), ("b.js", ""), ("c.txt", "")]);
    let said = "warning: empty now, and not empty in the bucket: `a.css`, `b.js`\n";
    for (arguments, times) in [(&["--dry-run"][..], 1), (&[], 1), (&[], 0)] {
        let ran = world.deploy(arguments).exits(0);
        assert_eq!(ran.stderr.matches(said).count(), times, "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn after_a_rollback_the_newest_commit_may_be_deployed_again_and_an_older_one_may_not() {
    let world = committed();
    build_from_source(&world);
    world.store.keep_versions(&world.bucket);
    let mut commits = Vec::new();
    for text in ["one", "two", "three"] {
        world.repo.write("site/source", text);
        commits.push(world.repo.commit(text).to_string());
        world.site([("index.html", text)]);
        world.deploy_with(&[], &CI).exits(0);
    }
    let deploy = |n: usize, text: &str| {
        world.repo.reset(&commits[n]);
        world.site([("index.html", text)]);
        world.deploy_with(&["--json"], &CI)
    };
    world.xtask(&["rollback", "--to", &commits[0]]).exits(0);
    assert_eq!(world.objects()["index.html"].body, b"one");
    is_refused(deploy(1, "two"), "outdated");
    deploy(2, "three").exits(0);
    is_refused(deploy(0, "one"), "outdated");
}

#[test]
fn a_clone_without_the_live_commit_goes_by_the_times_of_the_record() {
    // Another clone deploys a commit that this one does not have.
    let world = committed();
    world.repo.commit_at("ours", 1_700_000_000);
    world.site([("index.html", "ours")]);
    let deployed_by_another = |text: &str, time: i64| {
        let other = world.beside();
        other.repo.write(".gitignore", "/target\n/site/public\n");
        other.repo.commit_at("theirs", time);
        other.site([("index.html", text)]);
        other.deploy(&[]).exits(0);
    };
    for (why, time, refused) in [
        ("newer", 1_700_000_001, true),
        ("older", 1_699_999_999, false),
        ("of the same second", 1_700_000_000, false),
        ("of a future that a record cannot know", 32_000_000_000, false),
    ] {
        deployed_by_another(why, time);
        let ran = world.deploy_with(&["--json"], &CI);
        match refused {
            true => drop(is_refused(ran, "outdated")),
            false => drop(ran.exits(0)),
        }
        assert_eq!(world.objects()["index.html"].body != b"ours", refused, "{why}");
    }
}

#[test]
fn a_deploy_of_the_same_commit_takes_the_place_of_its_own_in_the_history() {
    let world = committed();
    let deploy = |text: &str| {
        world.site([("index.html", text)]);
        world.deploy(&["--json"]).exits(0).json()["id"].clone()
    };
    world.repo.commit("first");
    let first = deploy("first");
    let commit = world.repo.commit("second").to_string();
    let ids: Vec<Value> = (0..3).map(|n| deploy(&format!("built at {n}"))).collect();
    assert_ne!(ids[0], ids[2]);
    let status = world.xtask(&["status", "--json"]).exits(0).json();
    let live = &status["environments"][0];
    assert_eq!((&live["deploy"]["id"], &live["deploy"]["commit"]), (&ids[2], &json!(commit)));
    let earlier: Vec<&Value> =
        live["earlier"].as_array().unwrap().iter().map(|deploy| &deploy["id"]).collect();
    assert_eq!(earlier, [&first]);

    // Even if nothing changed, the id is that of the live deploy.
    assert_eq!(deploy("built at 2"), ids[2]);
}

#[test]
fn a_deploy_with_changes_that_are_not_committed_keeps_its_place_in_the_history() {
    let world = World::new();
    for text in ["one", "two", "three"] {
        world.site([("index.html", text)]);
        world.deploy(&[]).exits(0);
    }
    let status = world.xtask(&["status", "--json"]).exits(0).json();
    assert_eq!(status["environments"][0]["earlier"].as_array().unwrap().len(), 2);
}

#[test]
fn a_file_arrives_after_all_that_it_loads() {
    let world = World::new();
    let loads = [
        "remoteEntry.js",
        "page-data/index/page-data.json",
        "index.txt",
        "index.html",
        "new.html",
        "flutter_service_worker.js",
        "firebase-messaging-sw.js",
        "sw.js",
        "ngsw.json",
    ];
    let site = |release: &str| {
        world.site([]);
        for key in loads.into_iter().filter(|key| *key != "new.html") {
            world.repo.write(&format!("site/public/{key}"), format!("chunk-{release}"));
        }
        world.repo.write(&format!("site/public/assets/chunk-{release}.js"), release);
    };
    site("1");
    world.deploy(&[]).exits(0);
    site("2");
    world.repo.write("site/public/new.html", "chunk-2");
    let puts = |world: &World| -> Vec<String> {
        let seen = world.wire.take().into_iter();
        let puts = seen.filter(|seen| seen.method == "PUT" && !seen.key().starts_with(".xtask/"));
        puts.map(|seen| seen.key().to_owned()).collect()
    };
    let fails = |world: &World, end: &'static str| {
        world.wire.take();
        world.wire.disturb(move |seen| {
            (seen.method == "PUT" && seen.path.ends_with(end)).then(|| Fault::status(403))
        });
        world.deploy(&[]).exits(1);
        puts(world)
    };
    assert_eq!(fails(&world, "chunk-2.js"), ["assets/chunk-2.js"]);
    let tried = fails(&world, "remoteEntry.js");
    assert!(tried.iter().all(|key| !loads[3..].contains(&key.as_str())), "{tried:?}");

    site("3");
    world.repo.write("site/public/new.html", "chunk-3");
    world.wire.disturb(|_| None);
    world.wire.take();
    world.deploy(&[]).exits(0);
    let order = puts(&world);
    let place = |key: &str| {
        order.iter().position(|put| put == key).unwrap_or_else(|| panic!("{key}: {order:?}"))
    };
    for page in &loads[3..] {
        assert!(place("assets/chunk-3.js") < place(page), "{page}: {order:?}");
        for overwritten in &loads[..3] {
            assert!(place(overwritten) < place(page), "{overwritten}, {page}: {order:?}");
        }
    }
}

#[test]
fn markers_of_folders_are_left_alone_even_if_the_store_cannot_delete_them() {
    let world = World::new();
    world.configure("prefix = \"docs/\"");
    for n in 0..30 {
        world.store.put(&world.bucket, &format!("docs/folder{n}/"), b"", "application/x-directory");
    }
    for marker in ["docs/", "docs/images/", "docs/images_$folder$"] {
        world.store.put(&world.bucket, marker, b"", "application/x-directory");
    }
    world.store.put(&world.bucket, "docs/old.html", b"old", "text/html");
    let pages: Vec<String> = (0..10).map(|n| format!("{n}.html")).collect();
    world.site(pages.iter().map(|key| (key.as_str(), "page")).chain([("images/a.png", "png")]));
    let is_delete = |seen: &Seen| seen.method == "DELETE" || seen.query.contains("delete");
    world.wire.watch(|_| ());
    let ran = world.deploy(&["--json", "--max-deletes", "1"]).exits(0).json();
    assert_eq!(ran["deletes"], json!(["docs/old.html"]));
    assert_eq!(world.keys().iter().filter(|key| key.ends_with(['/', '$'])).count(), 33);

    // If the store cannot delete them, it is never asked to.
    world.wire.take();
    world.wire.answer(move |seen| {
        let markers = is_delete(seen) && !seen.path.contains(".xtask");
        markers.then(|| Answer::error(500, "InternalError", "no deletes here"))
    });
    world.deploy(&[]).exits(0);
    let status = world.xtask(&["status", "--json"]).exits(0).json();
    assert_eq!(status["environments"][0]["objects"], json!(11));
    assert_eq!(status["environments"][0]["drift"]["added"], json!([]));
}

#[test]
fn a_page_that_was_changed_in_the_bucket_is_put_right_whatever_the_record_says() {
    let world = World::new();
    world.site([("index.html", "good"), ("a.css", "style")]);
    world.deploy(&[]).exits(0);
    world.store.put(&world.bucket, "index.html", b"evil", "text/html; charset=utf-8");
    forge_etag(&world, "index.html");
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(report["uploads"][0]["reason"], "content", "{report}");
    world.assert_bucket_equals_site("");
}

#[test]
fn the_first_deploy_to_a_changed_prefix_names_the_folder_of_before() {
    for (before, now, told) in [
        ("prefix = \"docs/\"", "prefix = \"manual/\"", "`docs/`"),
        ("prefix = \"docs/\"", "", "`docs/`"),
        ("", "prefix = \"docs/\"", "the top of the bucket"),
        ("prefix = \"docs\"", "prefix = \"docs/v2\"", "`docs/`"),
        ("prefix = \"docs/v1\"", "prefix = \"docs/v2\"", "`docs/v1/`"),
        ("prefix = \"old/docs\"", "prefix = \"docs\"", "`old/docs/`"),
        ("prefix = \"ä b+/\"", "prefix = \"docs\"", "`ä b+/`"),
        ("prefix = \"preview/{branch}\"", "prefix = \"pr/{branch}\"", "`preview/main/`"),
        ("prefix = \"preview/{branch}\"", "prefix = \"preview\"", "`preview/main/`"),
        ("prefix = \"preview\"", "prefix = \"preview/{branch}\"", "`preview/`"),
    ] {
        let world = World::new();
        world.site([("index.html", "page"), ("blog/index.html", "post")]);
        world.configure(before);
        let first = world.deploy(&[]).exits(0);
        assert!(!first.stderr.contains("warning"), "{before}: {}", first.stderr);
        world.configure(now);
        let warning = format!("warning: {told} holds the record of another deploy of `production`");
        for options in [&["--dry-run"][..], &[]] {
            let ran = world.deploy(options).exits(0);
            assert_eq!(ran.stderr.matches("warning").count(), 1, "{now}: {}", ran.stderr);
            assert!(ran.stderr.contains(&warning), "{before} -> {now}: {}", ran.stderr);
        }
        let again = world.deploy(&[]).exits(0);
        assert!(!again.stderr.contains(&warning), "{now}: {}", again.stderr);
    }
}

#[test]
fn the_folder_of_another_environment_or_branch_is_not_one_of_before() {
    let other = |world: &World, environment: &str, prefix: &str| {
        let config = world.config(&format!("prefix = \"{prefix}\""));
        world.repo.write("site/deploy.toml", config.replace("production", environment));
    };
    let world = World::new();
    world.site([("index.html", "page")]);
    other(&world, "staging", "stg");
    world.deploy(&[]).exits(0);
    other(&world, "production", "docs");
    let ran = world.deploy(&[]).exits(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);

    let world = World::new();
    world.site([("index.html", "page")]);
    let of_all = |prefix: &str| {
        let config = world.config(&format!("prefix = \"{prefix}\""));
        world.repo.write("site/deploy.toml", config.replace("[\"main\"]", "[\"*\"]"));
    };
    of_all("preview/{branch}");
    world.deploy(&[]).exits(0);
    world.repo.switch_to_new("feature");
    let ran = world.deploy(&[]).exits(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    of_all("pr/{branch}");
    let ran = world.deploy(&[]).exits(0);
    assert!(ran.stderr.contains("warning: `preview/feature/` holds"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("preview/main/"), "{}", ran.stderr);
}

#[test]
fn the_look_for_a_folder_of_before_is_short_and_only_the_first_deploy_takes_it() {
    let world = World::new();
    for n in 0..40 {
        world.store.put(&world.bucket, &format!("folder{n}/a/index.html"), b"x", "text/html");
    }
    world.site([("index.html", "page")]);
    world.configure("prefix = \"docs\"");
    let looks = |seen: &[Seen]| seen.iter().filter(|seen| seen.query.contains("delimiter")).count();
    world.deploy(&[]).exits(0);
    assert_eq!(looks(&world.wire.take()), 20);
    world.site([("index.html", "another")]);
    world.deploy(&[]).exits(0);
    assert_eq!(looks(&world.wire.take()), 0);

    // Credentials that may list only their own folder.
    world.configure("prefix = \"manual\"");
    world.wire.answer(|seen| {
        let beyond = seen.query.contains("delimiter") || seen.path.contains("/docs/");
        beyond.then(|| Answer::error(403, "AccessDenied", "no"))
    });
    let ran = world.deploy(&[]).exits(0);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    assert_eq!(looks(&world.wire.take()), 1);
}

/// Rewrites the record so that it knows an object by the ETag in the listing, next to the MD5 of the deploy.
fn forge_etag(world: &World, key: &str) {
    let record = world.store.object(&world.bucket, ".xtask/record").body;
    let etag = world.store.etags(&world.bucket)[key].clone();
    let text = String::from_utf8(record).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.pop();
    let line = lines.iter_mut().find(|line| line.contains(&format!("\"{key}\""))).unwrap();
    let mut fields: Vec<Value> = serde_json::from_str(line).unwrap();
    fields.truncate(4);
    fields.push(json!(etag));
    *line = serde_json::to_string(&fields).unwrap();
    seal(world, &lines);
}

/// Writes a record with the last line that a complete record has.
fn seal(world: &World, lines: &[String]) {
    use md5::{Digest as _, Md5};
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let md5: [u8; 16] = Md5::digest(&text).into();
    let seal = format!("\"{:032x}\"\n", u128::from_be_bytes(md5));
    let body = text + &seal;
    world.store.put(&world.bucket, ".xtask/record", body.as_bytes(), "application/json");
}
