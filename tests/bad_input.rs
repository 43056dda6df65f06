//! Wrong input and failures: clear messages, the right exit code, and nothing written.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use expect_test::{Expect, expect};
use serde_json::json;

use crate::harness::{Answer, Ran, Seen, World};

fn world() -> World {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style")]);
    world
}

/// Runs a deploy that must fail, and compares its messages from the first error on.
#[track_caller]
fn fails(world: &World, code: i32, said: Expect) {
    world.wire.take();
    let before = world.store.objects(&world.bucket);
    let ran = world.deploy(&[]).exits(code);
    said.assert_eq(&told(&ran, world));
    assert_eq!(world.wire.take_writes(), 0, "requests that write");
    assert_eq!(world.store.objects(&world.bucket), before, "the bucket is untouched");
}

/// The errors, with placeholders for what differs from run to run.
fn told(ran: &Ran, world: &World) -> String {
    let start = ran.stderr.find("error: ").expect("an error on standard error");
    let folder = world.repo.path().canonicalize().unwrap();
    ran.stderr[start..]
        .replace(&world.wire.endpoint(), "ENDPOINT")
        .replace(&world.bucket, "BUCKET")
        .replace(folder.to_str().unwrap(), "REPOSITORY")
        .replace(world.repo.path().to_str().unwrap(), "REPOSITORY")
}

#[test]
fn a_site_folder_without_a_configuration() {
    let world = world();
    world.repo.remove("site/deploy.toml");
    fails(
        &world,
        2,
        expect![[r#"
        error: there is no `deploy.toml` in this folder, nor above it in the repository, nor in `site` at its top

        hint: write `deploy.toml` beside the configuration of your generator, and run this there, or name its folder: --site DIR; cargo xtask init writes one
    "#]],
    );
    expect![[r#"
        error: failed to read `site/deploy.toml`
          No such file or directory (os error 2)

        hint: write it there, or name the folder that has one: --site DIR
    "#]]
    .assert_eq(&told(&world.deploy(&["--site", "site"]).exits(2), &world));
}

#[test]
fn the_configuration_that_is_nearest_is_taken() {
    let world = world();
    world.repo.write("deploy.toml", world.config(""));
    world.repo.write("public/index.html", "top");
    world.repo.write("content/post.md", "");
    let credentials =
        [("SITE_KEY", world.store.key.as_str()), ("SITE_SECRET", &world.store.secret)];
    let deployed = |folder: &str| {
        world.repo.xtask_in(folder, &["deploy"], &credentials).exits(0);
        world.objects()["index.html"].body.clone()
    };
    assert_eq!(deployed("content"), b"top");
    assert_eq!(deployed("site/public"), b"page");
    assert_eq!(deployed("public"), b"top");
    for copied in ["public", "target/package/site-0.1.0"] {
        world.repo.write(&format!("{copied}/deploy.toml"), "a copy that nobody may read");
        world.repo.xtask_in(copied, &["status"], &credentials).exits(0);
    }
    world.repo.remove("public/deploy.toml");
    world.repo.write("deploy.toml", "build");
    let ran = world.deploy(&[]).exits(2);
    assert!(ran.stderr.contains("`deploy.toml` has a problem"), "{}", ran.stderr);
    world.repo.remove("deploy.toml");
    assert_eq!(deployed("content"), b"page");
}

#[test]
fn mistakes_in_the_configuration_each_at_its_line() {
    let world = world();
    world.configure(
        "branchs = [\"main\"]\nmax-deletes = -1\n[[headers]]\nmatch = \"{a\"\ncach-control = \"x\"",
    );
    fails(
        &world,
        2,
        expect![[r#"
        error: `site/deploy.toml` has 4 problems

          site/deploy.toml:10:1: unknown key `branchs`; did you mean `branches`?
            branchs = ["main"]

          site/deploy.toml:11:15: this must be a whole number, 0 or more
            max-deletes = -1

          site/deploy.toml:13:9: this is not a glob: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
            match = "{a"

          site/deploy.toml:14:1: `cach-control` is not a header that S3 stores; did you mean `cache-control`?
            cach-control = "x"
    "#]],
    );
}

#[test]
fn a_credential_in_the_configuration_is_not_repeated() {
    for secret in ["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"] {
        let world = world();
        for broken in ["SITE_KEY", "\"SITE_SECRET\"", "SITE_SECRET"] {
            let config = world.config("").replace(broken, secret);
            world.repo.write("site/deploy.toml", config);
            let ran = world.deploy(&["--json"]).exits(2);
            assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret), "{}", ran.stderr);
            assert!(ran.stderr.contains("deploy.toml:9:"), "{}", ran.stderr);
        }
    }
}

#[test]
fn a_folder_outside_of_any_repository() {
    let world = world();
    fs::remove_dir_all(world.repo.join(".git")).unwrap();
    fails(
        &world,
        2,
        expect![[r#"
        error: `REPOSITORY` is not in a git repository
          could not find repository at 'REPOSITORY'

        hint: the branch decides where the site goes, so run this in a clone of the site's repository
    "#]],
    );
}

#[test]
fn words_that_cannot_be_typed() {
    let world = world();
    for arguments in [&["--colour"][..], &["--max-deletes", "many"], &["--env"], &["public"]] {
        let ran = world.deploy(arguments).exits(2);
        assert!(
            ran.stderr.contains(arguments[0]) && ran.stderr.contains("--help"),
            "{}",
            ran.stderr
        );
    }
    let ran = world.deploy(&["--env", "prod"]).exits(2);
    expect![[r#"
        error: deploy.toml has no environment `prod`

        hint: it has `production`
    "#]]
    .assert_eq(&told(&ran, &world));
}

#[test]
fn an_output_folder_that_is_not_there() {
    let world = world();
    world.repo.remove("site/public");
    fails(
        &world,
        1,
        expect![[r#"
            error: failed to read the site's folder `REPOSITORY/site/public`
              No such file or directory (os error 2)

            hint: build the site first, or correct `command` and `output` of [build] in deploy.toml
        "#]],
    );
}

#[test]
fn an_output_folder_that_leads_out_of_the_site() {
    let world = world();
    world.repo.remove("site/public");
    world.repo.write("elsewhere/index.html", "private");
    symlink(world.repo.join("elsewhere"), world.repo.join("site/public")).unwrap();
    fails(
        &world,
        1,
        expect![[r#"
        error: `REPOSITORY/site/public` leads out of the site's folder
          REPOSITORY/elsewhere

        hint: let `output` in deploy.toml name a folder inside the site's folder
    "#]],
    );
    assert!(world.repo.join("elsewhere/index.html").exists());
}

#[test]
fn a_bucket_that_is_not_there() {
    let mut world = world();
    let real = std::mem::replace(&mut world.bucket, "no-such-bucket-anywhere".into());
    world.configure("");
    world.bucket = real;
    let ran = world.deploy(&[]).exits(1);
    let text = told(&ran, &world);
    assert!(
        text.contains("failed to list `no-such-bucket-anywhere`\n  NoSuchBucket (HTTP 404): "),
        "{text}"
    );
    assert!(text.contains("hint: create the bucket, or correct `bucket` in deploy.toml"), "{text}");
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn a_secret_that_does_not_belong_to_the_key() {
    let world = world();
    let ran = world.deploy_with(&[], &[("SITE_SECRET", "wrong-secret-of-somebody")]).exits(1);
    let text = told(&ran, &world);
    assert!(text.contains("(HTTP 403): "), "{text}");
    assert!(text.contains("\n\nhint: "), "{text}");
    assert!(!text.contains("wrong-secret-of-somebody"), "{text}");
    assert_eq!(world.wire.take_writes(), 0);
}

/// Answers every request to the bucket with an S3 error.
fn answer(
    world: &World,
    status: u16,
    code: &'static str,
    header: Option<(&'static str, &'static str)>,
) {
    world.wire.answer(move |_| {
        let mut answer = Answer::error(status, code, "told by the test");
        answer.headers.extend(header);
        Some(answer)
    });
}

#[test]
fn a_bucket_of_another_region() {
    let world = world();
    answer(&world, 301, "PermanentRedirect", Some(("x-amz-bucket-region", "eu-west-3")));
    fails(
        &world,
        1,
        expect![[r#"
        error: failed to list `BUCKET`
          PermanentRedirect (HTTP 301): told by the test

        hint: the bucket is in another region; in deploy.toml: region = "eu-west-3"
    "#]],
    );
}

#[test]
fn credentials_that_have_expired() {
    let world = world();
    answer(&world, 400, "ExpiredToken", None);
    fails(
        &world,
        1,
        expect![[r#"
        error: failed to list `BUCKET`
          ExpiredToken (HTTP 400): told by the test

        hint: the credentials have expired: get new ones and run it again
    "#]],
    );
}

#[test]
fn a_clock_that_is_wrong() {
    let world = world();
    answer(&world, 403, "RequestTimeTooSkewed", None);
    fails(
        &world,
        1,
        expect![[r#"
        error: failed to list `BUCKET`
          RequestTimeTooSkewed (HTTP 403): told by the test

        hint: this machine's clock is wrong: set it, then run it again
    "#]],
    );
}

#[test]
fn a_store_that_cannot_be_reached() {
    let world = world();
    // Nothing listens on port 1 of the loopback interface.
    let config = world.config("").replace(&world.wire.endpoint(), "http://127.0.0.1:1");
    world.repo.write("site/deploy.toml", config);
    let ran = world.deploy(&[]).exits(1);
    assert!(
        ran.stderr.contains("hint: check the network, and `region` and `endpoint` in deploy.toml"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_listing_that_breaks_off() {
    let world = world();
    let keys: Vec<String> = (0..1100).map(|n| format!("{n}.txt")).collect();
    world.site(keys.iter().map(|key| (key.as_str(), "text")));
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page")]);
    world.wire.answer(|seen| {
        let goes_on =
            ["continuation-token", "start-after"].iter().any(|word| seen.query.contains(word));
        goes_on.then(|| Answer::error(403, "AccessDenied", "told by the test"))
    });
    fails(
        &world,
        1,
        expect![[r#"
            error: failed to list `BUCKET`
              AccessDenied (HTTP 403): told by the test

            hint: look at the values of the credentials (swapped? in quotes?); they need s3:ListBucket on the bucket and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects, and the bucket must belong to `account`
        "#]],
    );
}

#[test]
fn a_file_that_cannot_be_deployed_faithfully() {
    let place = |name: &str, world: &World| world.repo.join(&format!("site/public/{name}"));

    let broken = world();
    symlink("nowhere.html", place("link.html", &broken)).unwrap();
    fails(
        &broken,
        1,
        expect![[r#"
        error: the link `REPOSITORY/site/public/link.html` leads nowhere
          No such file or directory (os error 2)

        hint: remove the link, or create its target
    "#]],
    );

    let out = world();
    out.repo.write("secret.txt", "private");
    symlink(out.repo.join("secret.txt"), place("link.txt", &out)).unwrap();
    fails(
        &out,
        1,
        expect![[r#"
        error: the link `REPOSITORY/site/public/link.txt` leads out of the site's folder
          REPOSITORY/secret.txt

        hint: copy its target into the site's folder
    "#]],
    );

    let not_text = world();
    fs::write(
        place("x", &not_text).with_file_name(std::ffi::OsStr::from_bytes(b"caf\xe9.html")),
        "latin",
    )
    .unwrap();
    fails(
        &not_text,
        1,
        expect![[r#"
        error: `REPOSITORY/site/public/caf�.html` cannot be a key in the bucket: it has a name that is not UTF-8

        hint: rename the file, or let the generator leave it out
    "#]],
    );

    let two = world();
    for name in [&b"caf\xe9.html"[..], b"stra\xdfe.html"] {
        fs::write(place("x", &two).with_file_name(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    fails(
        &two,
        1,
        expect![[r#"
        error: 2 files cannot be keys in the bucket
          `REPOSITORY/site/public/caf�.html` has a name that is not UTF-8
          `REPOSITORY/site/public/stra�e.html` has a name that is not UTF-8

        hint: rename the files, or let the generator leave them out
    "#]],
    );

    let socket = world();
    let _listener = std::os::unix::net::UnixListener::bind(place("socket", &socket)).unwrap();
    fails(
        &socket,
        1,
        expect![[r#"
        error: `REPOSITORY/site/public/socket` is neither a file nor a folder
    "#]],
    );
}

#[test]
fn a_generator_that_fails_or_is_not_there() {
    let world = world();
    let with = |command: &str| {
        let config = world.config("").replace("[build]", &format!("[build]\ncommand = {command}"));
        world.repo.write("site/deploy.toml", config);
    };
    with(r#"["sh", "-c", "echo what it said; echo and complained >&2; exit 7"]"#);
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains("what it said\nand complained\n"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("what it said"), "standard output is for the report");
    fails(
        &world,
        1,
        expect![[r#"
        error: the build failed: `sh -c echo what it said; echo and complained >&2; exit 7` ended with exit code 7

        hint: run it by hand in `REPOSITORY/site`; nothing was deployed
    "#]],
    );

    with(r#"["hugo-that-nobody-installed", "--minify"]"#);
    fails(
        &world,
        1,
        expect![[r#"
        error: failed to run `hugo-that-nobody-installed --minify`
          No such file or directory (os error 2)

        hint: is `hugo-that-nobody-installed` installed, and on the PATH?
    "#]],
    );
}

#[test]
fn an_upload_that_fails_leaves_pages_and_deletes_alone() {
    let world = world();
    world.site([("index.html", "old"), ("gone.html", "old")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "new"), ("a.css", "new"), ("b.css", "new")]);
    world.wire.answer(|seen| {
        let refused = seen.writes() && seen.path.ends_with("/a.css");
        refused.then(|| Answer::error(403, "AccessDenied", "told by the test"))
    });
    world.wire.take();
    let ran = world.deploy(&["--json"]).exits(1);
    let report = ran.json();
    let error = "failed to upload `a.css`: AccessDenied (HTTP 403): told by the test";
    assert_eq!(report["failures"], json!([{ "key": "a.css", "error": error }]));
    let objects = world.objects();
    assert_eq!(objects["index.html"].body, b"old");
    assert!(objects.contains_key("gone.html"), "nothing is deleted");
    assert!(objects.contains_key("b.css"), "the others were tried");
    let record = |seen: &Seen| seen.writes() && seen.path.contains(".xtask/record");
    assert!(!world.wire.take().iter().any(record), "the record is not moved");

    let ran = world.deploy(&[]).exits(1);
    expect![[r#"
        error: failed to upload `a.css`: AccessDenied (HTTP 403): told by the test
        error: 1 more file not tried after that

        hint: the bucket can be listed, so look at what it wants of a write: the right s3:PutObject (and s3:PutObjectAcl with `acl`, which Block Public Access may forbid), or a policy that demands encryption; in deploy.toml: encryption = "AES256" or encryption = { kms = "arn:…" }

    "#]].assert_eq(&told(&ran, &world));
    assert!(ran.stdout.contains(": 0 of 2 uploads and 0 of 1 deletes done"), "{}", ran.stdout);

    world.wire.answer(|_| None);
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
}

#[test]
fn a_delete_that_fails_is_reported_with_its_key() {
    let world = world();
    world.site([("index.html", "page"), ("a.txt", "a"), ("b.txt", "b")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page")]);
    world.wire.answer(|seen| {
        let body = "<DeleteResult><Error><Key>a.txt</Key><Code>AccessDenied</Code><Message>told by the test</Message></Error></DeleteResult>";
        let headers = vec![("content-type", "application/xml")];
        let is_delete = seen.writes() && seen.query.contains("delete");
        is_delete.then(|| Answer { status: 200, headers, body: body.into() })
    });
    let ran = world.deploy(&["--json", "--max-deletes", "2"]).exits(1);
    let error = "failed to delete `a.txt`: AccessDenied: told by the test";
    assert_eq!(ran.json()["failures"], json!([{ "key": "a.txt", "error": error }]));
}

#[test]
fn the_generator_sees_no_credential() {
    let world = world();
    let config = world.config("").replace(
        "[build]",
        r#"[build]
command = ["sh", "-c", "env > public/env.txt"]"#,
    );
    world.repo.write("site/deploy.toml", format!("{config}{OTHER}"));
    let hidden = [
        ("AWS_SESSION_TOKEN", "no-1"),
        ("AWS_PROFILE", "no-2"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "no-3"),
        ("CIRCLE_OIDC_TOKEN_V2", "no-4"),
        ("OTHERS_KEY", "no-5"),
        ("STAGING_AWS_SECRET_ACCESS_KEY", "no-6"),
        ("SEEN", "yes"),
    ];
    world.deploy_with(&[], &hidden).exits(0);
    let env = String::from_utf8(world.objects()["env.txt"].body.clone()).unwrap();
    assert!(env.contains("SEEN=yes"), "{env}");
    for (name, value) in &hidden[..6] {
        assert!(!env.contains(name) && !env.contains(value), "{name}:\n{env}");
    }
    assert!(!env.contains("SITE_KEY") && !env.contains(&world.store.secret), "{env}");
}

const OTHER: &str = r#"
[environments.others]
branches = ["other"]
endpoint = "http://127.0.0.1:1"
bucket = "other"
credentials = { access-key-id = "OTHERS_KEY", secret-access-key = "OTHERS_SECRET" }
[environments.staging]
branches = ["staging"]
endpoint = "http://127.0.0.1:1"
bucket = "staging"
"#;

#[test]
fn a_secret_reaches_no_output_and_no_disk() {
    let world = world();
    let verbose = [("RUST_LOG", "trace"), ("RUST_BACKTRACE", "full")];
    let mut printed = Vec::new();
    for arguments in [&[][..], &["--json"], &["--dry-run"], &["--env", "nothing"]] {
        printed.push(world.deploy_with(arguments, &verbose));
    }
    world.wire.answer(|_| Some(Answer::error(403, "SignatureDoesNotMatch", "told by the test")));
    printed.push(world.deploy_with(&[], &verbose));
    for ran in printed {
        assert!(
            !ran.stdout.contains(&world.store.secret) && !ran.stderr.contains(&world.store.secret)
        );
    }
    let secret = world.store.secret.as_bytes();
    let on_disk = world.repo.files(".").into_iter().chain(files_of_home(&world));
    for (path, content) in on_disk {
        assert!(!content.windows(secret.len()).any(|window| window == secret), "{path}");
    }
}

fn files_of_home(world: &World) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(world.repo.home()).unwrap();
    let read = |entry: fs::DirEntry| {
        (entry.path().display().to_string(), fs::read(entry.path()).unwrap_or_default())
    };
    entries.map(|entry| read(entry.unwrap())).collect()
}

#[test]
fn the_output_is_emptied_before_a_build_only_if_git_ignores_it() {
    let world = world();
    let config = world.config("").replace("[build]", "[build]\ncommand = [\"true\"]");
    world.repo.write("site/deploy.toml", &config);
    world.repo.write("site/public/stale.html", "stale");
    world.deploy(&[]).exits(0);
    assert!(
        world.keys().contains(&"stale.html".to_owned()),
        "a folder that git keeps is not emptied"
    );

    world.repo.write(".gitignore", "/target\n/site/public/\n");
    let config = config.replace("[\"true\"]", r#"["sh", "-c", "echo new > public/index.html"]"#);
    world.repo.write("site/deploy.toml", config);
    world.deploy(&["--no-build"]).exits(0);
    assert!(world.keys().contains(&"stale.html".to_owned()), "--no-build empties nothing");
    world.deploy(&["--max-deletes", "2"]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);

    world.repo.write("site/public/kept.html", "added by force");
    let git = world.repo.git();
    let mut index = git.index().unwrap();
    index.add_path(std::path::Path::new("site/public/kept.html")).unwrap();
    index.write().unwrap();
    world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), ["index.html", "kept.html"]);
}

#[test]
fn a_signal_ends_it_with_the_exit_code_for_that() {
    for signal in ["-INT", "-TERM"] {
        let world = world();
        let command = r#"["sh", "-c", "touch started; exec sleep 600"]"#;
        let config = world.config("").replace("[build]", &format!("[build]\ncommand = {command}"));
        world.repo.write("site/deploy.toml", config);
        let variables =
            [("SITE_KEY", world.store.key.as_str()), ("SITE_SECRET", &world.store.secret)];
        let ran =
            world.repo.xtask_signalled(&["deploy"], &variables, signal, "site/started").exits(130);
        assert!(
            ran.stderr.contains("interrupted: nothing was written\n\nhint: run it again"),
            "{}",
            ran.stderr
        );
        assert_eq!(world.wire.take_writes(), 0);
    }
}

#[test]
fn variables_in_each_others_place_do_not_show_the_secret() {
    let world = world();
    let (key, secret) = (world.store.key.clone(), world.store.secret.clone());
    let echo = format!("No such key: {secret}");
    world.wire.answer(move |_| Some(Answer::error(403, "AccessDenied", &echo)));
    let swapped = [("SITE_KEY", secret.as_str()), ("SITE_SECRET", key.as_str())];
    for arguments in [&[][..], &["--json"]] {
        let ran = world.deploy_with(arguments, &swapped).exits(1);
        assert!(ran.stderr.contains("No such key: ****"), "{}", ran.stderr);
        assert!(!ran.stderr.contains(&secret) && !ran.stdout.contains(&secret), "{}", ran.stderr);
    }
}

#[test]
fn two_lines_in_one_variable_are_reported_as_two_lines() {
    let world = world();
    let ran = world.deploy_with(&["--json"], &[("SITE_KEY", "GKx\nAWS_SECRET=zz")]).exits(3);
    assert_eq!(ran.json()["refused"]["code"], json!("missing-credentials"));
    assert!(ran.stderr.contains("refused: SITE_KEY does not hold one key"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("GKx"), "{}", ran.stderr);
    let newline = format!("{}\n", world.store.key);
    world.deploy_with(&[], &[("SITE_KEY", newline.as_str())]).exits(0);
}

#[test]
fn a_reference_that_ci_did_not_fill_in_is_no_key() {
    let world = world();
    for value in ["$(AWS_SECRET)", "${AWS_SECRET}", "$AWS_SECRET", "${{secrets.AWS}}", "%AWS%"] {
        for name in ["SITE_KEY", "SITE_SECRET"] {
            world.wire.take();
            let ran = world.deploy_with(&["--json"], &[(name, value)]).exits(3);
            assert_eq!(ran.json()["refused"]["code"], json!("missing-credentials"), "{value}");
            assert!(ran.stderr.contains(&format!("refused: {name} holds a reference")), "{value}");
            assert_eq!(world.wire.take().len(), 0, "{value}: something is sent");
        }
    }
}

#[test]
fn json_is_printed_for_whatever_happens() {
    let world = world();
    let ran = world.deploy(&["--json", "--max-deletes", "many"]).exits(2);
    assert!(ran.json()["failed"]["message"].as_str().unwrap().contains("invalid value 'many'"));
    world.repo.write("site/deploy.toml", "build");
    let ran = world.deploy(&["--json"]).exits(2);
    assert!(ran.json()["failed"]["message"].as_str().unwrap().contains("site/deploy.toml"));
}

#[test]
fn a_report_that_cannot_be_written_is_a_failure() {
    let world = world();
    let variables = [("SITE_KEY", world.store.key.as_str()), ("SITE_SECRET", &world.store.secret)];
    let ran = world.repo.xtask_to("/dev/full", &["deploy", "--json"], &variables).exits(1);
    assert!(ran.stderr.contains("failed to write to standard output"), "{}", ran.stderr);
}

#[test]
fn the_branch_of_one_repository_does_not_deploy_the_site_of_another() {
    let (ours, theirs) = (World::new(), World::new());
    theirs.site([("index.html", "theirs")]);
    let site = theirs.repo.join("site");
    let ran = ours.deploy(&["--site", site.to_str().unwrap()]).exits(2);
    assert!(ran.stderr.contains("is in another git repository than"), "{}", ran.stderr);
    assert_eq!(theirs.wire.take_writes() + ours.wire.take_writes(), 0);
}
