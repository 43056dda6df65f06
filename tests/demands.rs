//! Buckets with special demands: objects that are public because of their ACLs, policies that require a stated
//! encryption, stores whose buckets have no host names, and keys that change from one call to the next.

use std::os::unix::fs::PermissionsExt;

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};

use crate::harness::{Answer, Fault, Seen, World};
use crate::refused::{acls_are, caller_is, identity};

const ACL: &str = "x-amz-acl";
const ENCRYPTION: &str = "x-amz-server-side-encryption";
const KMS_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

/// A site with a page, an asset, and a file that is uploaded in parts.
fn site(world: &World) {
    world.site([("index.html", "page"), ("a.css", "style")]);
    world.repo.write("site/public/movie.mp4", vec![b'x'; 9 << 20]);
}

/// Whether a request creates an object: a PUT of one, a copy, or the beginning of an upload in parts.
fn makes_an_object(seen: &Seen) -> bool {
    let is_begun = seen.method == "POST" && seen.query.contains("uploads");
    let is_whole = seen.method == "PUT" && !seen.query.contains("partNumber");
    (is_begun || is_whole) && !seen.key().is_empty()
}

fn is_own(seen: &Seen) -> bool {
    seen.key().starts_with(".xtask/")
}

/// Deploys a site, gives it other headers, changes it, and rolls back, with `more` in its environment. Returns every
/// request that created an object.
fn story(world: &World, more: &str) -> Vec<Seen> {
    let rule = |seconds: u32| {
        let rule = format!("[[headers]]\nmatch = \"**\"\ncache-control = \"max-age={seconds}\"");
        world.configure(&format!("{more}\n{rule}"));
        world.repo.commit("headers");
    };
    site(world);
    rule(1);
    world.wire.take();
    world.deploy(&[]).exits(0);
    world.repo.write("site/public/index.html", "other");
    rule(2);
    world.deploy(&[]).exits(0);
    let again = world.deploy(&[]).exits(0);
    assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
    world.assert_bucket_equals_site("");
    world.xtask(&["rollback"]).exits(0);
    let made: Vec<Seen> = world.wire.take().into_iter().filter(makes_an_object).collect();
    assert!(made.iter().any(|seen| seen.copies && !is_own(seen)), "new headers without new bytes");
    assert!(made.iter().any(|seen| seen.method == "POST"), "a file in parts");
    let is_earlier = |seen: &Seen| seen.key().starts_with(".xtask/earlier") && seen.copies;
    assert!(made.iter().any(is_earlier), "an earlier record: {made:?}");
    made
}

#[test]
fn an_acl_goes_with_every_object_of_the_site_and_with_none_of_the_tools_own() {
    let world = World::new();
    world.store.keep_versions(&world.bucket);
    for seen in story(&world, "acl = \"public-read\"") {
        let expected = (!is_own(&seen)).then_some("public-read");
        assert_eq!(seen.header(ACL), expected, "{seen:?}");
        assert_eq!(seen.header(ENCRYPTION), None, "{seen:?}");
    }
}

#[test]
fn an_acl_for_the_buckets_owner_goes_with_every_object() {
    let world = World::new();
    for seen in story(&world, "acl = \"bucket-owner-full-control\"") {
        assert_eq!(seen.header(ACL), Some("bucket-owner-full-control"), "{seen:?}");
    }
}

#[test]
fn encryption_is_stated_wherever_a_policy_demands_it() {
    let world = World::new();
    world.store.keep_versions(&world.bucket);
    world.wire.answer(|seen| {
        let is_denied = makes_an_object(seen) && seen.header(ENCRYPTION).is_none();
        is_denied.then(|| Answer::error(403, "AccessDenied", "Access Denied"))
    });
    for seen in story(&world, "encryption = \"AES256\"") {
        assert_eq!((seen.header(ENCRYPTION), seen.header(KMS_KEY)), (Some("AES256"), None));
        assert_eq!(seen.header(ACL), None, "{seen:?}");
    }
}

#[test]
fn a_key_of_kms_is_named_wherever_a_policy_demands_it() {
    const KEY: &str = "arn:aws:kms:eu-central-1:111111111111:alias/site";
    let world = World::opaque();
    let made = story(&world, &format!("encryption = {{ kms = \"{KEY}\" }}"));
    for seen in made {
        assert_eq!((seen.header(ENCRYPTION), seen.header(KMS_KEY)), (Some("aws:kms"), Some(KEY)));
    }
}

#[test]
fn without_demands_no_header_speaks_of_them() {
    let world = World::new();
    for seen in story(&world, "") {
        let found = [ACL, ENCRYPTION, KMS_KEY].map(|name| seen.header(name));
        assert_eq!(found, [None; 3], "{seen:?}");
    }
}

#[test]
fn a_write_that_is_denied_names_the_policies_that_want_something_of_it() {
    let world = World::new();
    world.site([("index.html", "page")]);
    world.wire.disturb(|seen| makes_an_object(seen).then(|| Fault::status(403)));
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains("encryption = \"AES256\""), "{}", ran.stderr);
}

#[test]
fn a_bucket_without_acls_says_what_to_take_out_of_the_file() {
    let world = World::new();
    world.configure("acl = \"public-read\"");
    world.site([("index.html", "page"), ("a.css", "style")]);
    world.wire.answer(|seen| {
        let message = "The bucket does not allow ACLs";
        let answer = || Answer::error(400, "AccessControlListNotSupported", message);
        seen.header(ACL).is_some().then(answer)
    });
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains("take `acl` out of deploy.toml"), "{}", ran.stderr);
    assert_eq!(world.keys(), [""; 0]);
}

#[test]
fn a_store_that_does_not_tell_acls_is_deployed_to() {
    for (status, code, warns) in [
        (501, "NotImplemented", false),
        (405, "MethodNotAllowed", false),
        (404, "NoSuchKey", false),
        (400, "InvalidArgument", false),
        (403, "AccessDenied", true),
    ] {
        let world = World::new();
        world.store.put(&world.bucket, "index.html", b"page", "text/html");
        world.site([("index.html", "page"), ("a.css", "style")]);
        world.wire.answer(move |seen| {
            (seen.query == "acl").then(|| Answer::error(status, code, "told by the test"))
        });
        let ran = world.deploy(&[]).exits(0);
        let asked = world.wire.take().iter().filter(|seen| seen.query == "acl").count();
        assert_eq!(asked, 1, "{code}");
        assert_eq!(ran.stderr.contains("acl = \"public-read\""), warns, "{}", ran.stderr);
        world.assert_bucket_equals_site("");
    }
}

#[test]
fn acls_are_asked_for_only_of_what_a_run_writes_over() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style")]);
    world.deploy(&[]).exits(0);
    let asked = |world: &World| world.wire.take().iter().filter(|seen| seen.query == "acl").count();
    assert_eq!(asked(&world), 0, "an empty bucket");
    world.deploy(&[]).exits(0);
    assert_eq!(asked(&world), 0, "nothing to do");
    world.repo.write("site/public/b.html", "new");
    world.deploy(&[]).exits(0);
    assert_eq!(asked(&world), 0, "a new object");
    world.repo.write("site/public/index.html", "other");
    world.deploy(&[]).exits(0);
    assert_eq!(asked(&world), 1, "one object of ours");
    world.repo.remove("site/public/b.html");
    world.deploy(&[]).exits(0);
    assert_eq!(asked(&world), 0, "a delete");

    acls_are(&world, "READ", "AllUsers");
    world.store.put(&world.bucket, "a.css", b"theirs", "text/css");
    world.repo.write("site/public/b.css", "style");
    let refused = world.deploy(&["--json"]).exits(3).json();
    assert_eq!(refused["refused"]["code"], "public-acl", "{refused}");
    assert_eq!(asked(&world), 1);
    assert_eq!(world.keys(), ["a.css", "index.html"]);
}

#[test]
fn a_site_whose_objects_are_public_by_their_acls_is_not_hidden_by_whatever_wrote_them() {
    // The ACL was set after this tool's deploy.
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "style")]);
    world.deploy(&[]).exits(0);
    grants(&world, "/index.html", &[EVERYBODY]);
    refuses_to_hide(&world, "index.html");
    // `acl` was removed from the file.
    let world = World::new();
    world.configure("acl = \"public-read\"");
    world.site([("a.html", "page"), ("index.html", "page")]);
    world.deploy(&[]).exits(0);
    world.configure("");
    grants(&world, "/index.html", &[EVERYBODY]);
    refuses_to_hide(&world, "index.html");
    // Objects of another tool. One page among them is not public yet.
    for (page, public) in [("index.html", "/index.html"), ("z.html", "/z.html")] {
        let world = World::new();
        for key in ["a-draft.html", page] {
            world.store.put(&world.bucket, key, b"page", "text/html");
        }
        world.site([("a-draft.html", "page"), (page, "page")]);
        grants(&world, public, &[EVERYBODY]);
        refuses_to_hide(&world, page);
    }
}

#[test]
fn an_account_that_reads_by_an_acl_is_not_locked_out() {
    let world = World::new();
    world.site([("index.html", "page")]);
    world.deploy(&[]).exits(0);
    let identity = "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>b</ID></Grantee><Permission>READ</Permission>";
    grants(&world, "/index.html", &[identity]);
    refuses_to_hide(&world, "index.html");
    // The file names the one account that may read.
    world.configure("acl = \"bucket-owner-full-control\"");
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
}

const EVERYBODY: &str = "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"Group\"><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission>";

/// Lets visitors read the object at the end of a path, and no other object.
fn grants(world: &World, path: &'static str, grants: &[&str]) {
    let body = |grants: &[&str]| {
        let own = "<Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"><ID>a</ID></Grantee><Permission>FULL_CONTROL</Permission>";
        let grants = [&[own], grants].concat();
        let grants = grants.iter().map(|grant| format!("<Grant>{grant}</Grant>"));
        format!(
            "<AccessControlPolicy xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Owner><ID>a</ID></Owner><AccessControlList>{}</AccessControlList></AccessControlPolicy>",
            grants.collect::<String>()
        )
    };
    let (private, shared) = (body(&[]), body(grants));
    world.wire.answer(move |seen| {
        let body = if seen.path.ends_with(path) { &shared } else { &private }.clone();
        let headers = vec![("content-type", "application/xml")];
        (seen.query == "acl").then_some(Answer { status: 200, headers, body })
    });
}

/// Changes each file of a site, and asserts that its deploy is refused and the bucket stays as it is.
#[track_caller]
fn refuses_to_hide(world: &World, key: &str) {
    for name in world.repo.files("site/public").keys() {
        world.repo.write(&format!("site/public/{name}"), format!("changed {name}"));
    }
    let before = world.objects();
    let refused = world.deploy(&["--json"]).exits(3).json();
    assert_eq!(refused["refused"]["code"], "public-acl", "{refused}");
    let message = refused["refused"]["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("`{key}` can be read by ")), "{message}");
    assert_eq!(world.objects(), before);
}

#[test]
fn an_acl_for_a_named_account_is_no_reason_to_stop() {
    let world = World::new();
    world.store.put(&world.bucket, "index.html", b"page", "text/html");
    world.site([("index.html", "other")]);
    acls_are(&world, "WRITE", "AllUsers");
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
}

#[test]
fn a_bucket_whose_name_leads_nowhere_hints_at_the_path() {
    let world = World::new();
    let config = world.config("").replace(&world.wire.endpoint(), "http://store.invalid:9000");
    world.repo.write("site/deploy.toml", config);
    world.site([("index.html", "page")]);
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains(&format!("{}.store.invalid", world.bucket)), "{}", ran.stderr);
    assert!(ran.stderr.contains("path-style = true"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("is plain http").count(), 1, "{}", ran.stderr);
}

#[test]
fn plain_http_to_another_machine_is_warned_of_once_by_every_command() {
    let world = World::new();
    // This machine, by an address that only it can recognise as its own.
    let endpoint = world.wire.endpoint().replace("127.0.0.1", "0.0.0.0");
    let config = world.config("").replace(&world.wire.endpoint(), &endpoint);
    world.site([("index.html", "page")]);
    world.repo.commit("site");
    world.deploy(&[]).exits(0);
    world.repo.write("site/deploy.toml", &config);
    for arguments in
        [&["deploy"][..], &["deploy", "--json"], &["status"], &["rollback", "--dry-run"]]
    {
        let ran = world.xtask(arguments);
        let warning = format!(
            "warning: the `endpoint` of `production` is plain http: machines on the way to {endpoint} can read"
        );
        assert_eq!(ran.stderr.matches(&warning).count(), 1, "{arguments:?}: {}", ran.stderr);
    }
    let ran = world.deploy(&["--local"]).exits(0);
    assert!(!ran.stderr.contains("plain http"), "{}", ran.stderr);
    world.configure("");
    let ran = world.deploy(&[]).exits(0);
    assert!(!ran.stderr.contains("plain http"), "{}", ran.stderr);
}

/// A profile whose program returns the right keys the first time and other keys from then on, with `more` added to each
/// answer. Returns the file in which it counts.
fn fickle_profile(world: &World, more: &str) -> std::path::PathBuf {
    let home = world.repo.home();
    let (script, count) = (home.join("keys.sh"), home.join("count"));
    let keys = |id: &str, secret: &str| {
        format!(
            "echo '{{\"Version\": 1, \"AccessKeyId\": \"{id}\", \"SecretAccessKey\": \"{secret}\"{more}}}'"
        )
    };
    let text = format!(
        "#!/bin/sh\necho called >> {count}\nif [ $(wc -l < {count}) = 1 ]; then {right}; else {wrong}; fi\n",
        count = count.display(),
        right = keys(&world.store.key, &world.store.secret),
        wrong = keys("AKIDOFANOTHER", "another"),
    );
    std::fs::write(&script, text).expect("a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it runs");
    std::fs::create_dir(home.join(".aws")).expect("a folder");
    let config = format!("[profile stg]\ncredential_process = {}\n", script.display());
    std::fs::write(home.join(".aws/config"), config).expect("a config file");
    count
}

/// A world whose environment has an account and that profile.
fn with_profile() -> World {
    let world = World::new();
    let named = world.config("account = \"222222222222\"");
    let line = named.lines().find(|line| line.starts_with("credentials")).expect("a line");
    let config = named.replace(line, "credentials = { profile = \"stg\" }");
    world.repo.write("site/deploy.toml", config);
    world.site([("index.html", "page"), ("a.css", "style")]);
    world
}

const ROLE: &str = "arn:aws:sts::222222222222:assumed-role/deploy/ci";

#[test]
fn keys_that_are_renewed_are_proven_again() {
    let world = with_profile();
    // They expire so soon that they are renewed before their first use.
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(30);
    let soon = DateTime::from(soon).fmt(DateTimeFormat::DateTimeWithOffset).expect("a time");
    let count = fickle_profile(&world, &format!(", \"Expiration\": \"{soon}\""));
    let right = world.store.key.clone();
    let mut answers =
        ["222222222222", "333333333333"].map(|account| identity(account, ROLE)).into_iter();
    world.wire.answer(move |seen| (seen.path == "/").then(|| answers.next()).flatten());
    let ran = world.repo.xtask(&["deploy"], &[]).exits(1);
    assert!(ran.stderr.contains("belong to account 333333333333"), "{}", ran.stderr);
    assert!(std::fs::read_to_string(count).expect("it was called").lines().count() >= 2);
    let other = |seen: &Seen| {
        seen.path != "/" && !seen.header("authorization").unwrap_or_default().contains(&right)
    };
    assert!(!world.wire.take().iter().any(other), "the bucket was asked with other keys");
    assert_eq!(world.keys(), [""; 0]);
}

#[test]
fn the_keys_that_were_proven_are_the_keys_that_are_used() {
    let world = with_profile();
    caller_is(&world, "222222222222", ROLE);
    let count = fickle_profile(&world, "");
    world.repo.xtask(&["deploy"], &[]).exits(0);
    assert_eq!(std::fs::read_to_string(count).expect("it was called"), "called\n");
    world.assert_bucket_equals_site("");
    let signed =
        |seen: &Seen| seen.header("authorization").unwrap_or_default().contains(&world.store.key);
    let seen = world.wire.take();
    assert!(seen.iter().any(|seen| seen.path == "/"), "STS was asked");
    assert!(seen.iter().all(signed), "one key signs everything: {seen:?}");
}
