//! The redeploy story and its chapters, on any store.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Answer, Ran, Seen, World};

/// The keys of `uploads`, with their reasons.
pub fn uploads(report: &Value) -> BTreeMap<String, String> {
    let uploads = report["uploads"].as_array().expect("uploads");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    uploads.iter().map(|upload| (text(&upload["key"]), text(&upload["reason"]))).collect()
}

pub fn reasons<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(key, reason)| (key.into(), reason.into())).collect()
}

#[test]
fn a_site_is_deployed_and_deployed_again_and_the_second_time_nothing_happens() {
    let world = World::new();
    world.site([("index.html", "<h1>one</h1>"), ("style.css", "h1 {}"), ("old.html", "old")]);

    let first = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(
        uploads(&first),
        reasons([("index.html", "new"), ("old.html", "new"), ("style.css", "new")])
    );
    world.assert_bucket_equals_site("");
    assert!(world.wire.take_writes() > 0, "the wire counts writes");

    let again = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(
        (&again["uploads"], &again["deletes"], &again["unchanged"]),
        (&json!([]), &json!([]), &json!(3))
    );
    assert_eq!(world.wire.take_writes(), 0);

    world.site([("index.html", "<h1>two</h1>"), ("style.css", "h1 {}"), ("new/page.html", "new")]);
    let changed = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(uploads(&changed), reasons([("index.html", "content"), ("new/page.html", "new")]));
    assert_eq!(changed["deletes"], json!(["old.html"]));
    world.assert_bucket_equals_site("");

    world.wire.take();
    let last = world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
    assert!(last.stdout.contains("nothing to do: 3 objects unchanged"), "{}", last.stdout);
}

#[test]
fn a_fix_of_the_same_length_is_sent() {
    let world = World::new();
    world.site([("index.html", "colour")]);
    world.deploy(&[]).exits(0);
    let page = world.repo.join("site/public/index.html");
    let modified = fs::metadata(&page).unwrap().modified().unwrap();
    fs::write(&page, "coluor").unwrap();
    fs::File::options().write(true).open(&page).unwrap().set_modified(modified).unwrap();

    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(uploads(&report), reasons([("index.html", "content")]));
    world.assert_bucket_equals_site("");
}

#[test]
fn a_fresh_checkout_with_new_times_sends_nothing() {
    let world = World::new();
    let files = [("index.html", "page"), ("a.css", "style")];
    world.site(files);
    world.deploy(&[]).exits(0);
    world.wire.take();
    world.site(files);
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn a_dry_run_tells_the_plan_and_writes_nothing() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let report = world.deploy(&["--dry-run", "--json"]).exits(0).json();
    assert_eq!(report["dry_run"], json!(true));
    assert_eq!(uploads(&report), reasons([("index.html", "new")]));
    assert_eq!(report["bytes_sent"], json!(0));
    assert_eq!(world.wire.take_writes(), 0);
    assert!(world.keys().is_empty());
}

#[test]
fn the_json_object_has_the_keys_that_scripts_rely_on() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let report = world.deploy(&["--json"]).exits(0).json();
    let mut keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let expected = [
        "account",
        "branch",
        "bucket",
        "bytes_sent",
        "commit",
        "deletes",
        "dry_run",
        "elapsed_ms",
        "environment",
        "failures",
        "id",
        "kept",
        "prefix",
        "requests",
        "skipped",
        "unchanged",
        "uploads",
        "url",
    ];
    assert_eq!(keys, expected);
    assert_eq!(report["environment"], json!("production"));
    assert_eq!(report["branch"], json!("main"));
    assert_eq!(report["commit"], json!(world.repo.head()));
    assert_eq!(report["bucket"], json!(world.bucket));
    assert_eq!(report["prefix"], json!(""));
    assert_eq!(report["bytes_sent"], json!(4));
    assert_eq!(report["failures"], json!([]));
    let upload = json!({"key": "index.html", "reason": "new", "bytes": 4, "content_type": "text/html; charset=utf-8"});
    assert_eq!(report["uploads"], json!([upload]));
    assert_eq!(report["requests"], json!(world.wire.take().len()));
}

#[test]
fn headers_are_written_as_the_rules_say_and_a_changed_rule_reaches_its_objects() {
    let world = World::new();
    world.site([("index.html", "page"), ("app.js", "let a"), ("doc.pdf", "pdf"), ("plain", "?")]);
    let rules = r#"
[[headers]]
match = "**"
cache-control = "no-cache"
[[headers]]
match = "*.js"
cache-control = "max-age=60"
content-language = "en"
expires = "Wed, 21 Oct 2037 07:28:00 GMT"
x-amz-meta-team = "docs"
[[headers]]
match = "doc.pdf"
content-disposition = "attachment; filename=\"a b.pdf\""
content-encoding = "identity"
"#;
    world.configure(rules);
    world.deploy(&[]).exits(0);
    let objects = world.objects();
    let script = &objects["app.js"];
    assert_eq!(script.content_type.as_deref(), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.cache_control.as_deref(), Some("max-age=60"));
    assert_eq!(script.content_language.as_deref(), Some("en"));
    assert_eq!(script.expires.as_deref(), Some("Wed, 21 Oct 2037 07:28:00 GMT"));
    assert_eq!(script.meta, BTreeMap::from([("team".into(), "docs".into())]));
    assert_eq!(objects["index.html"].cache_control.as_deref(), Some("no-cache"));
    assert_eq!(
        objects["doc.pdf"].content_disposition.as_deref(),
        Some("attachment; filename=\"a b.pdf\"")
    );
    assert_eq!(objects["doc.pdf"].content_encoding.as_deref(), Some("identity"));
    assert_eq!(objects["plain"].content_type.as_deref(), Some("text/plain; charset=utf-8"));

    world.configure(&rules.replace("max-age=60", "max-age=600"));
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(uploads(&report), reasons([("app.js", "headers")]));
    let script = &world.objects()["app.js"];
    assert_eq!(script.cache_control.as_deref(), Some("max-age=600"));
    assert_eq!(script.content_language.as_deref(), Some("en"));
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn a_file_above_the_bound_goes_in_parts_and_is_not_sent_again() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let mut movie = vec![0; (17 << 20) + 5];
    for (index, byte) in movie.iter_mut().enumerate() {
        *byte = (index / 7) as u8;
    }
    world.repo.write("site/public/movie.mp4", &movie);
    world.repo.write("site/public/empty.txt", "");
    world.deploy(&[]).exits(0);
    assert!(
        world.wire.take().iter().any(|seen| seen.query.contains("partNumber=3")),
        "three parts"
    );
    world.assert_bucket_equals_site("");
    assert_eq!(world.objects()["movie.mp4"].content_type.as_deref(), Some("video/mp4"));

    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);

    movie[9 << 20] ^= 1;
    world.repo.write("site/public/movie.mp4", &movie);
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(uploads(&report), reasons([("movie.mp4", "content")]));
    world.assert_bucket_equals_site("");
}

#[test]
fn without_its_record_a_bucket_is_compared_by_what_can_be_proven() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style"), ("b.css", "other"), ("c.css", "same")]);
    world.store.put(&world.bucket, "c.css", b"same", "text/css; charset=utf-8");
    // A page without the `cache-control` that pages get.
    world.store.put(&world.bucket, "index.html", b"page", "text/html; charset=utf-8");
    world.store.put(&world.bucket, "a.css", b"style", "text/plain");
    world.store.put(&world.bucket, "b.css", b"was different", "text/css; charset=utf-8");
    let report = world.deploy(&["--json"]).exits(0).json();
    let expected = [("a.css", "headers"), ("b.css", "content"), ("index.html", "headers")];
    assert_eq!(uploads(&report), reasons(expected));
    assert_eq!(report["unchanged"], json!(1));
    world.assert_bucket_equals_site("");
    world.wire.take();
    world.deploy(&[]).exits(0);
    let asked = |seen: &Seen| seen.writes() || seen.method == "HEAD";
    assert!(!world.wire.take().iter().any(asked), "what was learned is kept");
}

#[test]
fn what_somebody_else_wrote_is_put_right() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style")]);
    world.deploy(&[]).exits(0);
    world.store.put(&world.bucket, "index.html", b"hand-made change", "text/html; charset=utf-8");
    world.store.put(&world.bucket, "a.css", b"style", "text/plain");
    world.store.put(&world.bucket, "stray.html", b"stray", "text/html");
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(uploads(&report)["index.html"], "content");
    assert_eq!(report["deletes"], json!(["stray.html"]));
    world.assert_bucket_equals_site("");
}

#[test]
fn a_prefix_is_a_folder_and_nothing_outside_of_it_is_listed_or_deleted() {
    let world = World::new();
    world.configure("prefix = \"stg\"");
    world.site([("index.html", "page")]);
    for key in ["stg2/index.html", "stg", "index.html", "stg-old/a.html"] {
        world.store.put(&world.bucket, key, b"not ours", "text/html");
    }
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(report["prefix"], json!("stg/"));
    assert_eq!(uploads(&report), reasons([("stg/index.html", "new")]));
    assert_eq!(report["deletes"], json!([]));
    let keys = ["index.html", "stg", "stg-old/a.html", "stg/index.html", "stg2/index.html"];
    assert_eq!(world.keys(), keys);
    let outside =
        |seen: &Seen| seen.query.contains("list-type") && !seen.query.contains("prefix=stg%2F");
    // The first deploy checks whether `prefix` was changed by looking for its folder. It lists only the names of
    // folders.
    let names_objects = |seen: &Seen| outside(seen) && !seen.query.contains("delimiter=%2F");
    assert!(!world.wire.take().iter().any(names_objects), "a listing of objects elsewhere");
    world.site([("index.html", "another")]);
    world.deploy(&[]).exits(0);
    assert!(!world.wire.take().iter().any(outside), "a listing without the prefix");
    assert_eq!(world.keys(), keys);
}

#[test]
fn what_keep_names_is_neither_deleted_nor_overwritten_nor_uploaded() {
    let world = World::new();
    let keep = "keep = [\"uploads/**\", \"*.pdf\"]\n";
    world.repo.write("site/deploy.toml", format!("{keep}{}", world.config("")));
    world.site([("index.html", "page"), ("uploads/a.txt", "ours"), ("uploads/new.txt", "ours")]);
    for key in ["uploads/a.txt", "uploads/deep/b.txt", "manual.pdf", "old.html"] {
        world.store.put(&world.bucket, key, b"theirs", "text/plain");
    }
    let report = world.deploy(&["--json", "--max-deletes", "1"]).exits(0).json();
    assert_eq!(report["deletes"], json!(["old.html"]));
    assert_eq!(world.keys(), ["index.html", "manual.pdf", "uploads/a.txt", "uploads/deep/b.txt"]);
    assert_eq!(world.objects()["uploads/a.txt"].body, b"theirs");
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn each_branch_has_a_folder_of_its_own_in_a_shared_bucket() {
    let world = World::new();
    let development = format!(
        r#"
[environments.development]
branches = ["feature/**"]
region = "{}"
bucket = "{}"
endpoint = "{}"
prefix = "branches/{{branch}}/"
credentials = {{ access-key-id = "SITE_KEY", secret-access-key = "SITE_SECRET" }}
"#,
        world.store.region,
        world.bucket,
        world.wire.endpoint()
    );
    world.configure(&development);
    world.site([("index.html", "feature")]);
    world.repo.switch_to_new("feature/a");
    assert_eq!(world.deploy(&["--json"]).exits(0).json()["prefix"], json!("branches/feature__a/"));
    world.repo.switch_to_new("feature/a-b");
    assert_eq!(
        world.deploy(&["--json"]).exits(0).json()["prefix"],
        json!("branches/feature__a-b/")
    );

    // Production has the whole bucket, except for the folders of the other environment.
    world.site([("index.html", "production")]);
    world.repo.switch_to_new("somewhere/else");
    let report = world.deploy(&["--env", "production", "--json"]).exits(0).json();
    assert_eq!(report["deletes"], json!([]));
    let keys = ["branches/feature__a-b/index.html", "branches/feature__a/index.html", "index.html"];
    assert_eq!(world.keys(), keys);
}

#[test]
fn assets_arrive_before_pages_and_deletes_come_last() {
    let world = World::new();
    world.site([("old.html", "old"), ("old.css", "old")]);
    world.deploy(&[]).exits(0);
    world.wire.take();
    let assets = (0..100).map(|n| format!("assets/{n}.css")).collect::<Vec<_>>();
    let pages = (0..100).map(|n| format!("{n}.html")).chain(["feed.xml".into(), "sw.js".into()]);
    let pages = pages.collect::<Vec<_>>();
    world.site(assets.iter().chain(&pages).map(|key| (key.as_str(), key.as_str())));
    world.deploy(&["--max-deletes", "2"]).exits(0);

    let is_lock = |seen: &Seen| seen.path.contains(".xtask/lock");
    let seen = world.wire.take().into_iter();
    let writes: Vec<Seen> = seen.filter(|seen| seen.writes() && !is_lock(seen)).collect();
    let position = |matches: &dyn Fn(&Seen) -> bool| {
        let found: Vec<usize> = writes
            .iter()
            .enumerate()
            .filter(|(_, seen)| matches(seen))
            .map(|(index, _)| index)
            .collect();
        (found[0], found[found.len() - 1])
    };
    let is_page = |seen: &Seen| pages.iter().any(|page| seen.path.ends_with(&format!("/{page}")));
    let assets = position(&|seen| seen.path.contains("/assets/"));
    let pages = position(&is_page);
    let deletes = position(&|seen| seen.query.contains("delete"));
    let record = position(&|seen| seen.path.contains(".xtask/record"));
    assert!(assets.1 < pages.0, "the last asset before the first page");
    assert!(pages.1 < deletes.0, "the last page before the first delete");
    assert!(deletes.1 < record.0 && record.0 + 1 == writes.len(), "the record last");
    world.assert_bucket_equals_site("");
}

#[test]
fn names_that_are_hard_on_tools_arrive_as_they_are() {
    let world = World::new();
    let keys = [
        "a b.html",
        "a+b.html",
        "100%.html",
        "caf\u{e9}/\u{65e5}\u{672c}.html",
        "q?x=1&y=2#z.html",
        "quo'te\".html",
        "<tag>.html",
        "tilde~(1)!*.html",
        ".well-known/security.txt",
        "deep/er/and/deeper/index.html",
        "back\\slash.html",
    ];
    world.site(keys.map(|key| (key, key)));
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);

    world.site([("index.html", "only this")]);
    world.deploy(&["--max-deletes", "99"]).exits(0);
    world.assert_bucket_equals_site("");
}

#[test]
fn more_than_a_page_of_objects_is_listed_and_deleted_whole() {
    let world = World::new();
    let keys: Vec<String> = (0..1203).map(|n| format!("{:02}/{n}.txt", n % 10)).collect();
    world.site(keys.iter().map(|key| (key.as_str(), "same")));
    world.deploy(&[]).exits(0);
    assert_eq!(world.deploy(&["--json"]).exits(0).json()["unchanged"], json!(1203));

    world.site([("index.html", "page")]);
    world.deploy(&["--max-deletes", "1203"]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);
}

#[test]
fn dot_names_and_secrets_stay_at_home() {
    let world = World::new();
    let secrets =
        [".git/config", ".env", "server.key", "keys/id_rsa", ".DS_Store", "a/.hidden/b.html"];
    world.site(secrets.into_iter().chain(["index.html", ".well-known/acme"]).map(|key| (key, "x")));
    let ran = world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), [".well-known/acme", "index.html"]);
    assert!(ran.stdout.contains("6 skipped"), "{}", ran.stdout);
    for name in [".git", ".env", "server.key", "id_rsa"] {
        assert!(ran.stderr.contains(&format!("{name}`: it looks like a secret")), "{}", ran.stderr);
    }
}

#[test]
fn the_site_of_another_folder_is_deployed_from_anywhere_in_the_repository() {
    let world = World::new();
    world.repo.write("docs/deploy.toml", world.config(""));
    world.repo.write("docs/public/index.html", "docs");
    world.repo.write("deep/inside/x", "");
    let variables = [("SITE_KEY", world.store.key.as_str()), ("SITE_SECRET", &world.store.secret)];
    let arguments = ["deploy", "--site", "../../docs"];
    world.repo.xtask_in("deep/inside", &arguments, &variables).exits(0);
    assert_eq!(world.objects()["index.html"].body, b"docs");
}

#[test]
fn headers_that_a_deploy_wrote_before_it_failed_are_not_forgotten() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style"), ("b.css", "style")]);
    let rule = |value: &str| format!("[[headers]]\nmatch = \"**\"\ncache-control = \"{value}\"");
    world.configure(&rule("no-cache"));
    world.deploy(&[]).exits(0);
    world.configure(&rule("immutable"));
    world.wire.answer(|seen| {
        let page = seen.writes() && seen.path.ends_with("index.html");
        page.then(|| Answer::error(403, "AccessDenied", "told by the test"))
    });
    world.deploy(&[]).exits(1);
    assert_eq!(world.objects()["a.css"].cache_control.as_deref(), Some("immutable"));
    world.wire.answer(|_| None);

    world.configure(&rule("no-cache"));
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(uploads(&report), reasons([("a.css", "headers"), ("b.css", "headers")]));
    for (key, object) in world.objects() {
        assert_eq!(object.cache_control.as_deref(), Some("no-cache"), "{key}");
    }
}

#[test]
fn headers_that_somebody_else_changed_are_put_right() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style")]);
    world.deploy(&[]).exits(0);
    // Some stores tell the time of a write only in seconds, so the change must be at least a second later.
    let before = world.store.modified(&world.bucket, ".xtask/record");
    world.store.put_after(before, &world.bucket, "a.css", b"style", "text/plain");
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(uploads(&report), reasons([("a.css", "headers")]));
    assert_eq!(world.objects()["a.css"].content_type.as_deref(), Some("text/css; charset=utf-8"));
}

#[test]
fn the_place_of_a_deploy_that_this_branch_does_not_know_is_left_alone() {
    let world = World::new();
    world.configure("prefix = \"stg\"");
    world.site([("index.html", "staging")]);
    world.deploy(&[]).exits(0);
    world.configure("");
    world.site([("index.html", "production"), ("stg/index.html", "not here")]);
    let ran = world.deploy(&["--json"]).exits(0);
    assert_eq!(ran.json()["deletes"], json!([]));
    assert!(
        ran.stderr.contains("warning: `stg/` holds the record of another deploy"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.keys(), ["index.html", "stg/index.html"]);
    assert_eq!(world.objects()["stg/index.html"].body, b"staging");
}

#[test]
fn a_key_that_a_batch_cannot_hold_is_deleted_in_a_request_of_its_own() {
    let world = World::new();
    world.site([("index.html", "page")]);
    for key in ["\u{1}x.html", "red\u{1b}[31m.html", "line\nbreak.html", "plain.html"] {
        world.store.put(&world.bucket, key, b"x", "text/html");
    }
    let ran = world.deploy(&["--max-deletes", "4"]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);
    assert!(ran.stdout.contains("  - red\\u{1b}[31m.html\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("  - line\\nbreak.html\n"), "{}", ran.stdout);
}

/// Runs a deploy during which somebody else puts objects, after the bucket was listed and before the first file is
/// written.
fn deploy_while_others_put(world: &World, objects: &'static [(&str, &str)]) -> Ran {
    let (store, bucket, done) = (world.store, world.bucket.clone(), AtomicBool::new(false));
    world.wire.answer(move |seen| {
        let own = seen.path.contains(".xtask/");
        if seen.writes() && !own && !done.swap(true, Ordering::Relaxed) {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    objects
                        .iter()
                        .for_each(|(k, v)| store.put(&bucket, k, v.as_bytes(), "text/css"))
                });
            });
        }
        None
    });
    let ran = world.deploy(&["--json"]);
    world.wire.answer(|_| None);
    ran
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_reported_and_not_destroyed() {
    let world = World::new();
    world.site([("index.html", "old"), ("a.css", "old"), ("gone.css", "old")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "new"), ("a.css", "new"), ("b.css", "new")]);
    // First a new object, then one that is overwritten: the tool writes them in different steps.
    let puts: [&[(&str, &str)]; 2] = [&[("b.css", "theirs")], &[("a.css", "theirs")]];
    for put in puts {
        let ran = deploy_while_others_put(&world, put);
        if !world.store.honours_conditions(&world.bucket) {
            // A store that accepts the condition but ignores it lets the last write win, and reports nothing.
            ran.exits(0);
            world.assert_bucket_equals_site("");
            return;
        }
        let (key, ran) = (put[0].0, ran.exits(1));
        let report = ran.json();
        let failures = report["failures"].as_array().unwrap();
        assert_eq!((failures.len(), &failures[0]["key"]), (1, &json!(key)), "{report}");
        assert!(
            ran.stderr.contains("somebody else wrote it since the bucket was listed"),
            "{}",
            ran.stderr
        );
        let objects = world.objects();
        assert_eq!(objects[key].body, b"theirs");
        assert_eq!(objects["index.html"].body, b"old", "no page before its assets");
    }

    world.deploy(&[]).exits(0);
    world.site([("index.html", "newer"), ("a.css", "new")]);
    let ran = deploy_while_others_put(&world, &[("b.css", "theirs again")]).exits(1);
    assert_eq!(ran.json()["failures"][0]["key"], json!("b.css"));
    assert_eq!(world.objects()["b.css"].body, b"theirs again");
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
}

#[test]
fn the_same_bytes_with_other_headers_are_somebody_elses_too() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style")]);
    let ran = deploy_while_others_put(&world, &[("a.css", "style")]);
    if world.store.honours_conditions(&world.bucket) {
        ran.exits(1);
    }
    world.deploy(&[]).exits(0);
    let content_type = world.objects()["a.css"].content_type.clone();
    assert_eq!(content_type.as_deref(), Some("text/css; charset=utf-8"));
}

#[test]
fn a_write_whose_answer_was_lost_is_not_taken_for_somebody_elses() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style")]);
    let done = AtomicBool::new(false);
    let (store, bucket) = (world.store, world.bucket.clone());
    // The first try arrives, but its answer is an error of the store. The second try finds the object there.
    world.wire.answer(move |seen| {
        let first =
            seen.writes() && seen.path.ends_with("/a.css") && !done.swap(true, Ordering::Relaxed);
        if first {
            std::thread::scope(|scope| {
                scope.spawn(|| store.put(&bucket, "a.css", b"style", "text/css; charset=utf-8"));
            });
        }
        first.then(|| Answer::error(500, "InternalError", "told by the test"))
    });
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
}
