//! Site × listing × record → plan, and when a plan is too much.

use std::path::Path;

use expect_test::expect;

use super::*;
use crate::bucket::{LastModified, Object};
use crate::headers::Headers;
use crate::record::Known;
use crate::site::{Digest, Disk, PartDigests, Source};

/// The ETag of the parts that [`large`] is cut into.
const OF_PARTS: &str = "a2178117d5e9ed5f7660ab3e6719c6a2-2";

/// What is no longer the site's goes.
const AT_ONCE: Grace = Grace { retain: Duration::ZERO, now: 0 };

fn headers(cache_control: &str) -> Headers {
    let mut headers = Headers::default();
    headers.set("content-type", "text/html; charset=utf-8");
    headers.set("cache-control", cache_control);
    headers
}

/// A file whose MD5 is one byte sixteen times, and so its hex one pair.
fn file(key: &str, size: u64, md5: u8) -> File {
    let digest = Digest { md5: [md5; 16], sum: None, parts: None };
    let source = Source::Disk(Disk::At(Path::new(key).into()));
    File { key: key.into(), source, size, digest, headers: headers("no-cache") }
}

fn large(key: &str, size: u64, md5: u8) -> File {
    let parts = PartDigests { size: 8 << 20, md5: vec![[1; 16], [2; 16]] };
    let mut file = file(key, size, md5);
    file.digest.parts = Some(parts.into());
    file
}

fn md5(byte: u8) -> String {
    format!("{byte:02x}").repeat(16)
}

fn object_of(etag: String, size: u64) -> Object {
    Object { etag: etag.into(), size, modified: LastModified::default() }
}

fn listing<'k>(objects: impl IntoIterator<Item = (&'k str, u64, String)>) -> Listing {
    let object = |(key, size, etag): (&'k str, u64, String)| (key, object_of(etag, size));
    Listing { objects: objects.into_iter().map(object).collect(), ..Listing::default() }
}

fn known(etag: &str, md5: u8, cache_control: &str) -> Known {
    let headers = headers(cache_control);
    Known { etag: etag.into(), md5: [md5; 16], sum: None, headers, until: LastModified::default() }
}

fn site(files: Vec<File>) -> Site {
    Site { files: files.into_iter().map(Arc::new).collect(), ..Site::default() }
}

#[test]
fn each_file_is_compared_by_what_can_be_proven() {
    let same = || file("a", 5, 0xaa);
    let here = |etag: String| Some((5, etag));
    let opaque = || "0123456789abcdef0123456789abcdef".to_owned();
    let kms = |content: u8, headers| Some(known(&opaque(), content, headers));
    for (why, file, object, record, expected) in [
        ("no object", same(), None, None, Some(Reason::New)),
        // Somebody deleted it since.
        (
            "no object, and a record of one",
            same(),
            None,
            Some(known(&md5(0xaa), 0xaa, "no-cache")),
            Some(Reason::New),
        ),
        ("the same", same(), here(md5(0xaa)), Some(known(&md5(0xaa), 0xaa, "no-cache")), None),
        (
            "other headers",
            same(),
            here(md5(0xaa)),
            Some(known(&md5(0xaa), 0xaa, "max-age=60")),
            Some(Reason::Headers),
        ),
        ("headers that nobody knows", same(), here(md5(0xaa)), None, Some(Reason::Headers)),
        (
            "other content",
            same(),
            here(md5(0xbb)),
            Some(known(&md5(0xbb), 0xbb, "no-cache")),
            Some(Reason::Content),
        ),
        ("other content, and no record", same(), here(md5(0xbb)), None, Some(Reason::Content)),
        (
            "other content and other headers",
            same(),
            here(md5(0xbb)),
            Some(known(&md5(0xbb), 0xbb, "max-age=60")),
            Some(Reason::Content),
        ),
        // Whatever the ETag and the record say.
        (
            "another size",
            same(),
            Some((6, md5(0xaa))),
            Some(known(&md5(0xaa), 0xaa, "no-cache")),
            Some(Reason::Content),
        ),
        // Somebody wrote the object since the last deploy.
        (
            "a record of another ETag, and other content",
            same(),
            here(md5(0xbb)),
            Some(known(&md5(0xaa), 0xaa, "no-cache")),
            Some(Reason::Content),
        ),
        (
            "a record of another ETag, and the same content",
            same(),
            here(md5(0xaa)),
            Some(known(&md5(0xbb), 0xbb, "no-cache")),
            Some(Reason::Headers),
        ),
        // An ETag of KMS looks like an MD5 and is none.
        ("an opaque ETag that is known", same(), here(opaque()), kms(0xaa, "no-cache"), None),
        (
            "an opaque ETag, known to be other content",
            same(),
            here(opaque()),
            kms(0xbb, "no-cache"),
            Some(Reason::Content),
        ),
        (
            "an opaque ETag, known to have other headers",
            same(),
            here(opaque()),
            kms(0xaa, "max-age=60"),
            Some(Reason::Headers),
        ),
        ("an opaque ETag that is not known", same(), here(opaque()), None, Some(Reason::Content)),
        // The record outweighs what the ETag looks like.
        (
            "an opaque ETag that looks like the MD5",
            same(),
            here(md5(0xaa)),
            Some(known(&md5(0xaa), 0xbb, "no-cache")),
            Some(Reason::Content),
        ),
        ("no ETag", same(), here(String::new()), None, Some(Reason::Content)),
        (
            "parts that are cut as we cut them",
            large("a", 5, 0xaa),
            here(OF_PARTS.into()),
            None,
            Some(Reason::Headers),
        ),
        (
            "parts, and a record",
            large("a", 5, 0xaa),
            here(OF_PARTS.into()),
            Some(known(OF_PARTS, 0xaa, "no-cache")),
            None,
        ),
        (
            "parts that are cut in another way",
            large("a", 5, 0xaa),
            here("a2178117d5e9ed5f7660ab3e6719c6a2-3".into()),
            None,
            Some(Reason::Content),
        ),
        (
            "parts that are cut in another way, and a record",
            large("a", 5, 0xaa),
            here("ffff-3".into()),
            Some(known("ffff-3", 0xaa, "no-cache")),
            None,
        ),
        // A large file that was sent whole by another tool.
        ("a whole of parts", large("a", 5, 0xaa), here(md5(0xaa)), None, Some(Reason::Headers)),
        (
            "an ETag of parts for a small file",
            same(),
            here(OF_PARTS.into()),
            None,
            Some(Reason::Content),
        ),
    ] {
        let listing = listing(object.into_iter().map(|(size, etag)| ("a", size, etag)));
        let record = Record {
            objects: Arc::new(record.into_iter().map(|known| ("a", known)).collect()),
            ..Record::default()
        };
        let plan = make(site(vec![file]), &listing, &record, AT_ONCE, &|_| false);
        let reasons: Vec<_> = plan.uploads.iter().map(|upload| upload.reason).collect();
        assert_eq!(reasons, Vec::from_iter(expected), "{why}");
        assert_eq!(plan.unchanged, u64::from(expected.is_none()), "{why}");
        assert!(plan.deletes.is_empty(), "{why}");
    }
}

#[test]
fn a_plan_has_everything_once_and_in_order() {
    let files = vec![file("a", 1, 1), file("b", 1, 2), file("c", 1, 3), file("d", 1, 4)];
    let listing = listing([
        ("z", 1, md5(9)),
        ("b", 1, md5(9)),
        ("c", 1, md5(3)),
        ("gone", 1, md5(9)),
        ("keep/1", 1, md5(9)),
        ("keep/2", 1, md5(9)),
        ("d", 1, md5(4)),
    ]);
    let record = Record {
        objects: Arc::new([("d", known(&md5(4), 4, "no-cache"))].into_iter().collect()),
        ..Record::default()
    };
    let plan = make(site(files), &listing, &record, AT_ONCE, &|key| key.starts_with("keep/"));
    let uploads: Vec<_> = plan.uploads.iter().map(|u| (&*u.file.key, u.reason)).collect();
    assert_eq!(uploads, [("a", Reason::New), ("b", Reason::Content), ("c", Reason::Headers)]);
    assert_eq!(plan.deletes.iter().map(|o| o.key.as_str()).collect::<Vec<_>>(), ["gone", "z"]);
    assert_eq!((plan.unchanged, plan.kept, plan.listed), (1, 2, 5));
    assert!(!plan.is_empty());
}

#[test]
fn a_bucket_that_is_right_needs_nothing() {
    let listing = listing([("a", 1, md5(1)), ("keep", 1, md5(9))]);
    let record = Record {
        objects: Arc::new([("a", known(&md5(1), 1, "no-cache"))].into_iter().collect()),
        ..Record::default()
    };
    let plan = make(site(vec![file("a", 1, 1)]), &listing, &record, AT_ONCE, &|key| key == "keep");
    assert!(plan.is_empty());
    assert!(plan.approve(Some(0)).is_ok());
}

#[test]
fn an_asset_stays_for_its_time_and_a_page_goes_at_once() {
    let grace = Grace { retain: Duration::from_secs(10), now: 100 };
    let keys =
        ["old.css", "old.html", "sitemap.txt", "sw.js", "feed.xml", "a.css", "b.css", "c.css"];
    let listing = listing(keys.map(|key| (key, 1, md5(9))));
    // The last is from a machine whose clock is ahead.
    let retained = [("a.css", 91), ("b.css", 90), ("c.css", 1000)].into_iter().collect();
    let record = Record { retained, ..Record::default() };
    let plan = make(site(vec![]), &listing, &record, grace, &|_| false);
    let retained: Vec<_> =
        plan.retained.iter().map(|(key, since)| (key.as_str(), *since)).collect();
    assert_eq!(retained, [("a.css", 91), ("c.css", 100), ("old.css", 100)]);
    let deletes: Vec<_> = plan.deletes.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(deletes, ["b.css", "feed.xml", "old.html", "sitemap.txt", "sw.js"]);
    let plan = make(site(vec![file("a.css", 1, 9)]), &listing, &record, grace, &|_| false);
    assert!(!plan.retained.iter().any(|(key, _)| key == "a.css"), "it is the site's again");
}

/// What is kept is neither compared nor deleted, whichever side it stands on: `site::scan` leaves out
/// the files, and this the objects.
#[test]
fn a_key_belongs_to_others_by_keep_by_prefix_or_by_environment() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"
        keep = ["uploads/**", "*.bak"]
        [build]
        output = "public"
        [environments.production]
        branches = ["main"]
        account = "111111111111"
        region = "eu-central-1"
        bucket = "example.com"
        prefix = "www/"
        [environments.preview]
        branches = ["**"]
        account = "111111111111"
        region = "eu-central-1"
        bucket = "example.com"
        prefix = "www/preview/{branch}/"
    "#;
    std::fs::write(folder.path().join("deploy.toml"), text).unwrap();
    let config = Config::read(folder.path(), "site".as_ref()).unwrap();
    let checkout = crate::checkout::Checkout {
        root: folder.path().into(),
        head: crate::checkout::Head::Branch { name: "main".into(), commit: "1".repeat(40) },
        parents: Vec::new(),
    };
    let nowhere = crate::ci::Surroundings::of(&|_| None);
    let target = crate::target::choose(&config, &checkout, &nowhere, None).unwrap();
    let listing = Listing { others: vec!["www/other/".into()], ..Listing::default() };
    for (key, kept) in [
        ("www/index.html", false),
        ("www/other/index.html", true),
        ("www/others/index.html", false),
        ("www/a/index.html", false),
        ("www/uploads/a/b.png", true),
        ("www/a/uploads/b.png", false),
        ("www/a.bak", true),
        ("www/a/b.bak", false),
        ("www/preview/login/index.html", true),
        ("www/preview/", true),
        ("www/preview", false),
        ("www/previews/index.html", false),
        ("index.html", true),
        ("www2/index.html", true),
        ("", true),
    ] {
        assert_eq!(is_kept(&config, &target, &listing.others, key), kept, "{key}");
    }
}

/// A plan over so many objects that deletes so many of them.
fn plan(deletes: u64, listed: u64) -> Plan {
    let objects = (0..listed).map(|n| (format!("{n:04}"), object_of(md5(1), 1)));
    let listing = Listing { objects: objects.collect(), ..Listing::default() };
    let stays = (deletes..listed).map(|n| file(&format!("{n:04}"), 1, 1));
    let files = stays.chain([file("new", 1, 1)]).collect();
    make(site(files), &listing, &Record::default(), AT_ONCE, &|_| false)
}

#[test]
fn few_deletes_or_a_small_share_of_them_are_not_too_many() {
    for (deletes, listed, limit, approved) in [
        (0, 0, None, true),
        (20, 20, None, true),
        (20, 79, None, true),
        (21, 21, None, false),
        (21, 83, None, false),
        (21, 84, None, true),
        (25, 100, None, true),
        (26, 100, None, false),
        (250, 1000, None, true),
        (251, 1000, None, false),
        (0, 10, Some(0), true),
        (1, 1000, Some(0), false),
        (5, 10, Some(5), true),
        (6, 10, Some(5), false),
        (6, 1000, Some(5), false),
        (100, 100, Some(100), true),
        (101, 101, Some(100), false),
        (30, 30, Some(u64::MAX), true),
    ] {
        let plan = plan(deletes, listed);
        assert_eq!((plan.deletes.len() as u64, plan.listed), (deletes, listed));
        let what = format!("{deletes} of {listed}, limit {limit:?}");
        assert_eq!(plan.refusal(limit).is_none(), approved, "{what}");
        assert_eq!(plan.approve(limit).is_ok(), approved, "{what}");
    }
}

/// Objects that `keep` protects do not make the share smaller.
#[test]
fn the_share_is_of_the_objects_that_are_ours() {
    let objects = (0..1000).map(|n| (format!("keep/{n}"), object_of(md5(1), 1)));
    let mut listing = Listing { objects: objects.collect(), ..Listing::default() };
    for n in 0..80 {
        listing.objects.extend([(format!("{n:02}"), object_of(md5(1), 1))]);
    }
    let files = (21..80).map(|n| file(&format!("{n:02}"), 1, 1)).collect();
    let plan =
        make(site(files), &listing, &Record::default(), AT_ONCE, &|key| key.starts_with("keep/"));
    assert_eq!((plan.deletes.len(), plan.listed, plan.kept), (21, 80, 1000));
    assert_eq!(plan.refusal(None).map(|refusal| refusal.code), Some("too-many-deletes"));
}

#[test]
fn a_plan_that_is_too_much_says_what_to_do() {
    let shown = |refusal: Option<Refusal>| {
        let refusal = refusal.unwrap();
        format!("{}: {}\nhint: {}\n", refusal.code, refusal.message, refusal.hint)
    };
    let empty = |objects| {
        make(site(Vec::new()), &listing(objects), &Record::default(), AT_ONCE, &|_| false)
    };
    expect![[r#"
        too-many-deletes: this would delete 26 of 100 objects, and the limit is 20, or 25 % of them if that is more
        hint: look at them with --dry-run; if they are to go: cargo xtask deploy --max-deletes 26
        too-many-deletes: this would delete 21 of 21 objects, and the limit is 20, or 25 % of them if that is more
        hint: look at them with --dry-run; if they are to go: cargo xtask deploy --max-deletes 21
        too-many-deletes: this would delete 2 of 100 objects, and the limit is 1
        hint: look at them with --dry-run; if they are to go: cargo xtask deploy --max-deletes 2
        too-many-deletes: this would delete 1 of 1 object, and the limit is 0
        hint: look at them with --dry-run; if they are to go: cargo xtask deploy --max-deletes 1
        empty-site: the site has no files to deploy, so a deploy would only delete
        hint: look at what the build printed, and at `output` of [build] in deploy.toml
        empty-site: the site has no files to deploy, so a deploy would only delete
        hint: look at what the build printed, and at `output` of [build] in deploy.toml
    "#]]
    .assert_eq(
        &[
            shown(plan(26, 100).refusal(None)),
            shown(plan(21, 21).refusal(None)),
            shown(plan(2, 100).refusal(Some(1))),
            shown(plan(1, 1).refusal(Some(0))),
            shown(empty(vec![("a", 1, md5(1))]).refusal(Some(u64::MAX))),
            shown(empty(Vec::new()).refusal(None)),
        ]
        .concat(),
    );
}
