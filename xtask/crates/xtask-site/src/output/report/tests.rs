//! The text of a run, as it appears on standard output and standard error.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use serde_json::Value;
use testing::COMMIT;

use super::text::counts;
use super::*;
use engine::base::hint::Subcommand;
use engine::base::{Failure, Headers, Refusal, failed};
use engine::bucket::Delete;
use engine::plan::Upload;
use engine::repository::Revision;
use engine::site::{Digest, Disk, File, Source};

/// The target of a branch, as the earlier stage makes it.
fn target(branch: &str, more: &str) -> Target {
    let lines = format!("branches = [\"staging\", \"feature/**\"]\n{more}");
    let folder = testing::site(&testing::deploy_toml("staging", &lines));
    let config = engine::repository::Config::read(folder.path(), "site".as_ref()).unwrap();
    let head = match branch {
        "" => engine::repository::Head::Detached { commit: COMMIT.into() },
        name => engine::repository::Head::Branch { name: name.into(), commit: COMMIT.into() },
    };
    let checkout =
        engine::repository::Checkout { root: folder.path().into(), head, parents: Vec::new() };
    let nowhere = engine::repository::CiContext::of(&|_| None);
    engine::repository::target::choose(&config, &checkout, &nowhere, Some("staging"))
        .unwrap()
        .with_work_tree(false)
}

fn dirty(target: &Target) -> Target {
    let Target { place, revision } = target.clone();
    Target { place, revision: Revision { dirty: true, ..revision } }
}

const TYPED: Typed<'static> = Typed::only(Subcommand::Deploy);

fn run(target: &Target) -> Run<'_> {
    Run { target, store: Store::Aws, stale: false, dry: false, typed: TYPED }
}

fn delete(key: String) -> Delete {
    Delete { key, etag: "etag".into(), is_page: false }
}

fn file(key: &str, size: u64, content_type: &str) -> Arc<File> {
    let mut headers = Headers::default();
    headers.set("content-type", content_type);
    let digest = Digest { md5: [0; 16], sum: None, parts: None };
    let source = Source::Disk(Disk::At(Path::new(key).into()));
    Arc::new(File { key: key.into(), source, size, digest, headers })
}

fn page(key: &str, size: u64) -> Arc<File> {
    file(key, size, "text/html; charset=utf-8")
}

/// Two new objects, one changed, one with new headers, two deleted and three unchanged.
fn plan() -> Plan {
    let upload = |file, reason| Upload { file, reason, replaces: None, before: None };
    Plan {
        uploads: vec![
            upload(page("about/index.html", 0), Reason::New),
            upload(file("app.js", 123_456, "text/javascript; charset=utf-8"), Reason::Content),
            upload(page("index.html", 1_234), Reason::New),
            upload(page("old.html", 9), Reason::Headers),
        ],
        deletes: vec![delete("gone.html".into()), delete("img/gone.png".into())],
        unchanged: 3,
        listed: 7,
        ..Plan::default()
    }
}

/// Keys of files that were left out.
fn names(n: u64) -> Vec<String> {
    (0..n).map(|n| format!(".{n}")).collect()
}

fn nothing(unchanged: u64) -> Plan {
    Plan { unchanged, ..Plan::default() }
}

fn done(outcome: Outcome) -> Done {
    Done { outcome, requests: 12, elapsed: Duration::from_millis(2_345) }
}

/// The whole plan succeeded.
fn all() -> Outcome {
    let plan = plan();
    Outcome {
        written: plan.uploads.into_iter().map(|upload| (upload.file, "etag".into())).collect(),
        deleted: plan.deletes.into_iter().map(|object| object.key).collect(),
        bytes_sent: 124_699,
        ..Outcome::default()
    }
}

fn denied(key: &str) -> (String, Failure) {
    let mut failure = failed(format!("failed to upload `{key}`"));
    failure.causes = vec!["service error".into(), "AccessDenied: Access Denied".into()];
    (key.into(), failure)
}

/// The bucket refused one file, so the later steps were not tried.
fn broken() -> Outcome {
    let written = plan().uploads.into_iter().take(1);
    Outcome {
        written: written.map(|upload| (upload.file, "etag".into())).collect(),
        failures: vec![denied("app.js"), denied("old.html")],
        not_tried: 1,
        ..Outcome::default()
    }
}

#[test]
fn a_run_that_prints_only_some_lines_prints_the_same_of_them() {
    let target = target("staging", "");
    let run = run(&target);
    for deletes in [0, 1, 40, 41, 1000] {
        let deletes = (0..deletes).map(|n| delete(format!("{n:04}.html"))).collect();
        let plan = Plan { deletes, ..plan() };
        let (whole, lines) = (planned(&plan, Vec::new()), planned_in_lines(&plan, Vec::new()));
        assert_eq!(changes(&run, &whole), changes(&run, &lines));
        assert_eq!(counts(&whole), counts(&lines));
        assert!(lines.deletes.len() <= 40);
    }
}

#[test]
fn the_heading_says_what_goes_where() {
    let plain = target("staging", "");
    let branch = target("feature/login", "prefix = \"{branch}/\"");
    let detached = target("", "");
    let lines = [
        heading(&run(&plain)),
        heading(&run(&branch)),
        heading(&run(&detached)),
        heading(&run(&dirty(&plain))),
        heading(&Run { stale: true, ..run(&plain) }),
        heading(&Run { stale: true, dry: true, ..run(&dirty(&branch)) }),
        heading(&Run { store: Store::Compatible("http://127.0.0.1:9000".into()), ..run(&plain) }),
        heading(&Run { store: Store::Local("target/xtask/bucket".into()), ..run(&plain) }),
    ];
    expect![[r#"
        staging: staging@0123456 -> s3://stg.example.com/ (account 222222222222, eu-central-1)
        staging: feature/login@0123456 -> s3://stg.example.com/feature__login/ (account 222222222222, eu-central-1)
        staging: 0123456 -> s3://stg.example.com/ (account 222222222222, eu-central-1)
        staging: staging@0123456, with changes that are not committed -> s3://stg.example.com/ (account 222222222222, eu-central-1)
        staging: staging@0123456, not built now -> s3://stg.example.com/ (account 222222222222, eu-central-1)
        staging: feature/login@0123456, with changes that are not committed, not built now -> s3://stg.example.com/feature__login/ (account 222222222222, eu-central-1)
        staging: staging@0123456 -> s3://stg.example.com/ (http://127.0.0.1:9000)
        staging: staging@0123456 -> s3://stg.example.com/ (local: target/xtask/bucket)"#]].assert_eq(&lines.join("\n"));
}

/// The name of a branch can be the beginning of its commit: for a name like `a`, this happens with one commit in
/// sixteen.
#[test]
fn a_branch_that_looks_like_a_commit_is_shown_with_its_commit() {
    let target = target("0123", "");
    assert!(
        heading(&run(&target)).starts_with("staging: 0123@0123456 -> "),
        "{}",
        heading(&run(&target))
    );
}

#[test]
fn a_change_has_a_line_with_its_reason() {
    let lines = changes(&run(&target("main", "")), &planned(&plan(), Vec::new()));
    expect![[r#"
        changes
          + about/index.html  (0 B)
          ~ app.js  (123.5 kB)
          + index.html  (1.2 kB)
          ~ old.html  (headers)
          - gone.html
          - img/gone.png
    "#]]
    .assert_eq(&format!("changes\n{}\n", lines.join("\n")));
    assert!(changes(&run(&target("main", "")), &planned(&nothing(3), Vec::new())).is_empty());
}

#[test]
fn a_change_of_headers_names_them_and_what_was_left_out_and_is_live_is_named() {
    let mut before = Headers::default();
    before.set("content-type", "text/html; charset=utf-8");
    before.set("expires", "never");
    before.set("x-amz-meta-team", "docs");
    let file = page("old.html", 9);
    let mut headers = file.headers.clone();
    headers.set("cache-control", "no-cache");
    headers.set("x-amz-meta-team", "docs");
    let file = Arc::new(File {
        headers,
        key: file.key.clone(),
        source: file.source.clone(),
        size: 9,
        digest: file.digest.clone(),
    });
    let uploads =
        vec![Upload { file, reason: Reason::Headers, replaces: None, before: Some(before) }];
    let plan = Plan { uploads, left_out: vec!["gpg.key".into()], ..Plan::default() };
    let target = target("main", "");
    let lines = changes(&run(&target), &planned(&plan, Vec::new()));
    expect![[r#"
        changes
          ~ old.html  (headers: cache-control, expires)
          = gpg.key  (left out, still in the bucket)
    "#]]
    .assert_eq(&format!("changes\n{}\n", lines.join("\n")));
    let json = json_of(&run(&target), &plan, &done(Outcome::default()));
    assert_eq!(json["uploads"][0]["headers"], serde_json::json!(["cache-control", "expires"]));
}

#[test]
fn a_dry_run_shows_every_delete() {
    let deletes = (0..300).map(|n| delete(format!("gone/{n:03}.html"))).collect();
    let plan = Plan { deletes, ..Plan::default() };
    let target = target("main", "");
    let lines = |dry| changes(&Run { dry, ..run(&target) }, &planned(&plan, Vec::new())).len();
    assert_eq!((lines(true), lines(false)), (300, 41));
}

#[test]
fn changes_past_the_first_tens_are_counted() {
    let many = |uploads: usize, deletes: usize| {
        let upload = |n| Upload {
            file: page(&format!("{n:03}.html"), 1),
            reason: Reason::New,
            replaces: None,
            before: None,
        };
        let deletes = (0..deletes).map(|n| delete(format!("gone/{n:03}.html"))).collect();
        let plan = Plan { uploads: (0..uploads).map(upload).collect(), deletes, ..Plan::default() };
        changes(&run(&target("main", "")), &planned(&plan, Vec::new()))
    };
    for (uploads, deletes, lines, last) in [
        (1, 0, 1, "  + 000.html  (1 B)"),
        (40, 0, 40, "  + 039.html  (1 B)"),
        (39, 1, 40, "  - gone/000.html"),
        (41, 0, 41, "  ... and 1 more upload"),
        (1000, 0, 41, "  ... and 960 more uploads"),
        // However many uploads there are, the deletes are shown.
        (1000, 3, 44, "  - gone/002.html"),
        (1000, 40, 81, "  - gone/039.html"),
        (1, 42, 42, "  ... and 2 more deletes"),
    ] {
        let shown = many(uploads, deletes);
        assert_eq!((shown.len(), shown.last().unwrap().as_str()), (lines, last));
    }
}

#[test]
fn the_last_lines_say_what_was_done() {
    let target = target("staging", "url = \"https://stg.example.com/\"");
    let quiet = self::target("staging", "");
    let dry = || Run { dry: true, ..run(&target) };
    let kept = || Plan { kept: 5, ..plan() };
    let shown = |why: &str, run: &Run, plan: &Plan, skipped, outcome| {
        let lines = summary(run, &planned(plan, names(skipped)), &done(outcome));
        format!("{why}\n  {}\n", lines.join("\n  "))
    };
    let local = Run { store: Store::Local("target/xtask/bucket".into()), ..run(&target) };
    expect![[r#"
        done
          done in 2.3 s: 2 new, 1 changed, 1 with new headers, 2 deleted, 3 unchanged; 124.7 kB sent
          https://stg.example.com/
        no address
          done in 2.3 s: 2 new, 1 changed, 1 with new headers, 2 deleted, 3 unchanged; 124.7 kB sent
        on this machine
          done in 2.3 s: 2 new, 1 changed, 1 with new headers, 2 deleted, 3 unchanged; 124.7 kB sent
        kept and skipped
          done in 2.3 s: 2 new, 1 changed, 1 with new headers, 2 deleted, 3 unchanged, 5 kept, 2 skipped; 124.7 kB sent
        dry
          would change: 2 new, 1 changed, 1 with new headers, 2 deleted, 3 unchanged; nothing was written
        dry, kept and skipped
          would change: 2 new, 1 changed, 1 with new headers, 2 deleted, 3 unchanged, 5 kept, 2 skipped; nothing was written
        nothing to do
          nothing to do: 9 objects unchanged, in 2.3 s
        nothing to do, dry
          nothing to do: 1 object unchanged, 1 skipped, in 2.3 s
        failed
          failed after 2.3 s: 1 of 4 uploads and 0 of 2 deletes done
        failed, kept and skipped
          failed after 2.3 s: 1 of 4 uploads and 0 of 2 deletes done
    "#]].assert_eq(
        &[
            shown("done", &run(&target), &plan(), 0, all()),
            shown("no address", &run(&quiet), &plan(), 0, all()),
            shown("on this machine", &local, &plan(), 0, all()),
            shown("kept and skipped", &run(&quiet), &kept(), 2, all()),
            shown("dry", &dry(), &plan(), 0, Outcome::default()),
            shown("dry, kept and skipped", &dry(), &kept(), 2, Outcome::default()),
            shown("nothing to do", &run(&quiet), &nothing(9), 0, Outcome::default()),
            shown("nothing to do, dry", &dry(), &nothing(1), 1, Outcome::default()),
            shown("failed", &run(&target), &plan(), 0, broken()),
            shown("failed, kept and skipped", &run(&target), &kept(), 2, broken()),
        ]
        .concat(),
    );
}

#[test]
fn only_what_there_is_is_counted() {
    let one = |reason| {
        let uploads = vec![Upload { file: page("a", 1), reason, replaces: None, before: None }];
        counts(&planned(&Plan { uploads, ..Plan::default() }, Vec::new()))
    };
    assert_eq!(one(Reason::New), "1 new");
    assert_eq!(one(Reason::Content), "1 changed");
    assert_eq!(one(Reason::Headers), "1 with new headers");
    let deletes = Plan { deletes: vec![delete("a".into())], ..Plan::default() };
    assert_eq!(counts(&planned(&deletes, Vec::new())), "1 deleted");
}

#[test]
fn each_failure_has_a_line_and_all_of_them_one_hint() {
    let mut hinted = broken();
    hinted.failures[1].1.hint = Some("allow s3:PutObject".into());
    hinted.not_tried = 0;
    expect![[r#"
        error: failed to upload `app.js`: service error: AccessDenied: Access Denied
        error: failed to upload `old.html`: service error: AccessDenied: Access Denied
        error: 1 more file not tried after that

        hint: run it again: it continues where it stopped

        ---
        error: failed to upload `app.js`: service error: AccessDenied: Access Denied
        error: failed to upload `old.html`: service error: AccessDenied: Access Denied

        hint: allow s3:PutObject
    "#]]
    .assert_eq(&format!(
        "{}\n---\n{}",
        failures(&broken(), &TYPED).join("\n"),
        failures(&hinted, &TYPED).join("\n")
    ));
    assert!(failures(&all(), &TYPED).is_empty());
}

#[test]
fn an_error_says_what_happened_why_and_what_to_do() {
    let refusal =
        Refusal::new("unknown-branch", "no environment deploys branch `mian`", "git switch main");
    let nothing_else = failed("failed to list `stg.example.com`");
    let mut failure = failed("failed to list `stg.example.com`").hint("look at the network");
    failure.causes = vec!["dispatch failure".into(), "connection refused".into()];
    let errors = [
        Error::Refused(refusal),
        Error::Failed(failure),
        Error::Failed(nothing_else),
        Error::Config("`site/deploy.toml` has a problem\n\n  site/deploy.toml:1:1: no".into()),
        Error::Interrupted("3 of 4 uploads and 0 of 2 deletes done".into()),
    ];
    let shown = |error| {
        format!(
            "{}\n{}\n---\n",
            error_text(error, &TYPED),
            serde_json::to_string(&json::error(error, &TYPED)).unwrap()
        )
    };
    expect![[r#"
        refused: no environment deploys branch `mian`

        hint: git switch main
        {"refused":{"code":"unknown-branch","message":"no environment deploys branch `mian`","hint":"git switch main"}}
        ---
        error: failed to list `stg.example.com`
          dispatch failure
          connection refused

        hint: look at the network
        {"failed":{"message":"failed to list `stg.example.com`","causes":["dispatch failure","connection refused"],"hint":"look at the network"}}
        ---
        error: failed to list `stg.example.com`
        {"failed":{"message":"failed to list `stg.example.com`","causes":[],"hint":null}}
        ---
        error: `site/deploy.toml` has a problem

          site/deploy.toml:1:1: no
        {"failed":{"message":"`site/deploy.toml` has a problem\n\n  site/deploy.toml:1:1: no","causes":[],"hint":null}}
        ---
        interrupted: 3 of 4 uploads and 0 of 2 deletes done

        hint: run it again: it continues where it stopped
        {"failed":{"message":"interrupted: 3 of 4 uploads and 0 of 2 deletes done","causes":[],"hint":"run it again: it continues where it stopped"}}
        ---
    "#]].assert_eq(&errors.iter().map(shown).collect::<String>());
    assert_eq!(errors.each_ref().map(Error::exit_code), [3, 1, 1, 2, 130]);
}

#[test]
fn a_cause_that_repeats_its_parent_is_left_out() {
    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);
    impl std::fmt::Display for Layer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }
    impl std::error::Error for Layer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|layer| layer as _)
        }
    }
    let inner = Layer("refused", None);
    let outer = Layer("tcp: refused", Some(Box::new(inner)));
    let outmost = Layer("dispatch failure", Some(Box::new(outer)));
    let failure = failed("failed to list `b`").because(&outmost);
    assert_eq!(failure.to_string(), "failed to list `b`: dispatch failure: tcp: refused");
}

/// The object of a run, parsed.
fn json_of(run: &Run, plan: &Plan, done: &Done) -> Value {
    serde_json::to_value(json::run(run, &planned(plan, Vec::new()), done)).unwrap()
}

/// The keys of the contract, in any order, and nothing else.
#[test]
fn the_json_of_a_run_has_the_contracts_keys() {
    let contract = [
        "environment",
        "branch",
        "commit",
        "account",
        "bucket",
        "prefix",
        "dry_run",
        "uploads",
        "deletes",
        "unchanged",
        "kept",
        "skipped",
        "url",
        "id",
        "failures",
        "bytes_sent",
        "requests",
        "elapsed_ms",
    ];
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let target = target("feature/login", "prefix = \"{branch}/\"");
    for (dry, plan, outcome) in [
        (false, plan(), all()),
        (false, plan(), broken()),
        (true, plan(), Outcome::default()),
        (false, nothing(3), Outcome::default()),
    ] {
        let value = json_of(&Run { dry, ..run(&target) }, &plan, &done(outcome));
        assert_eq!(keys(&value), BTreeSet::from(contract.map(String::from)));
        assert_eq!(value["dry_run"], dry);
        for upload in value["uploads"].as_array().unwrap() {
            let mut expected = vec!["key", "reason", "bytes", "content_type"];
            expected.extend((upload["reason"] == "headers").then_some("headers"));
            assert_eq!(keys(upload), expected.into_iter().map(String::from).collect());
        }
        for failure in value["failures"].as_array().unwrap() {
            assert_eq!(keys(failure), BTreeSet::from(["key", "error"].map(String::from)));
        }
    }
}

#[test]
fn the_json_of_a_run_says_what_the_text_says() {
    let target = target("feature/login", "prefix = \"{branch}/\"");
    let (planned, done) = (planned(&Plan { kept: 5, ..plan() }, names(2)), done(broken()));
    let text = serde_json::to_string_pretty(&json::run(&run(&target), &planned, &done)).unwrap();
    expect![[r#"
        {
          "environment": "staging",
          "branch": "feature/login",
          "commit": "0123456789abcdef0123456789abcdef01234567",
          "account": "222222222222",
          "bucket": "stg.example.com",
          "prefix": "feature__login/",
          "url": null,
          "id": null,
          "dry_run": false,
          "uploads": [
            {
              "key": "about/index.html",
              "reason": "new",
              "bytes": 0,
              "content_type": "text/html; charset=utf-8"
            },
            {
              "key": "app.js",
              "reason": "content",
              "bytes": 123456,
              "content_type": "text/javascript; charset=utf-8"
            },
            {
              "key": "index.html",
              "reason": "new",
              "bytes": 1234,
              "content_type": "text/html; charset=utf-8"
            },
            {
              "key": "old.html",
              "reason": "headers",
              "bytes": 9,
              "content_type": "text/html; charset=utf-8",
              "headers": []
            }
          ],
          "deletes": [
            "gone.html",
            "img/gone.png"
          ],
          "unchanged": 3,
          "kept": 5,
          "skipped": [
            ".0",
            ".1"
          ],
          "failures": [
            {
              "key": "app.js",
              "error": "failed to upload `app.js`: service error: AccessDenied: Access Denied"
            },
            {
              "key": "old.html",
              "error": "failed to upload `old.html`: service error: AccessDenied: Access Denied"
            }
          ],
          "bytes_sent": 0,
          "requests": 12,
          "elapsed_ms": 2345
        }
    "#]]
    .assert_eq(&format!("{text}\n"));
}

#[test]
fn a_store_without_accounts_has_none_in_json() {
    let mut target = target("staging", "endpoint = \"http://127.0.0.1:9000\"");
    target.place.environment.account = None;
    let value = json_of(&run(&target), &nothing(1), &done(Outcome::default()));
    assert_eq!(value["account"], Value::Null);
    assert_eq!(value["prefix"], "");
}
