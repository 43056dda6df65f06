//! Site × listing × record → plan, and when a plan deletes too much.

use std::path::Path;

use expect_test::expect;

use super::*;
use crate::base::headers;
use crate::base::key::Prefix;
use crate::base::parts::{LARGEST_WHOLE, PartDigests};
use crate::base::refusal::Refusal;
use crate::bucket::record::Known;
use crate::bucket::{LastModified, Listing, Object};
use crate::repository::config::Config;
use crate::site::{Digest, Disk, Site, Source};

/// The multipart ETag of the file that [`large`] makes.
const OF_PARTS: &str = "a2178117d5e9ed5f7660ab3e6719c6a2-2";

/// What no longer belongs to the site is deleted at once.
fn at_once() -> Terms {
    terms(Grace { retain: Duration::ZERO, now: 0 })
}

fn terms(grace: Grace) -> Terms {
    Terms { grace, home: None, spared: Spared::default() }
}

fn headers(cache_control: &str) -> Headers {
    let mut headers = Headers::default();
    headers.set("content-type", "text/html; charset=utf-8");
    headers.set("cache-control", cache_control);
    headers
}

/// A file whose MD5 is one byte, repeated sixteen times.
fn file(key: &str, size: u64, md5: u8) -> File {
    let digest = Digest { md5: [md5; 16], sum: None, parts: None };
    let source = Source::Disk(Disk::At(Path::new(key).into()));
    File { key: key.into(), source, size, digest, headers: headers("no-cache") }
}

fn large(key: &str, size: u64, md5: u8) -> File {
    let parts = PartDigests(vec![[1; 16], [2; 16]]);
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
        // Somebody has deleted it since.
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
        // Somebody has written the object since the last deploy.
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
        // An ETag of KMS looks like an MD5 but is none.
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
        // The record counts more than what the ETag looks like.
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
        let plan = make(site(vec![file]), &listing, &record, &at_once(), &Scope::outside_of(&[]));
        let reasons: Vec<_> = plan.uploads.iter().map(|upload| upload.reason).collect();
        assert_eq!(reasons, Vec::from_iter(expected), "{why}");
        assert_eq!(plan.unchanged, u64::from(expected.is_none()), "{why}");
        assert!(plan.deletes.is_empty(), "{why}");
    }
}

#[test]
fn where_etags_are_md5s_a_record_cannot_say_otherwise() {
    let (other, parts) = (md5(0xbb), OF_PARTS.to_owned());
    let big = LARGEST_WHOLE + 1;
    for (why, etags_are_md5, size, etag, expected) in [
        ("the page was changed, and the record with it", true, 5, &other, Some(Reason::Content)),
        ("the store encrypts, and its ETags say nothing", false, 5, &other, None),
        ("a small page that went in parts", true, 5, &parts, Some(Reason::Content)),
        ("a large file that went in parts", true, big, &parts, None),
        ("a large file that a store copied", true, big, &md5(0xaa), None),
        ("as it was written", true, 5, &md5(0xaa), None),
    ] {
        let listing = listing([("a", size, etag.clone())]);
        let known = known(etag, 0xaa, "no-cache");
        let objects = Arc::new([("a", known)].into_iter().collect());
        let record = Record { objects, etags_are_md5, ..Record::default() };
        let reason = reason(&file("a", size, 0xaa), &listing, &record);
        assert_eq!(reason, expected, "{why}");
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
    let plan =
        make(site(files), &listing, &record, &at_once(), &Scope::outside_of(&["keep/".into()]));
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
    let plan = make(
        site(vec![file("a", 1, 1)]),
        &listing,
        &record,
        &at_once(),
        &Scope::outside_of(&["keep".into()]),
    );
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
    let plan = make(site(vec![]), &listing, &record, &terms(grace), &Scope::outside_of(&[]));
    let retained: Vec<_> =
        plan.retained.iter().map(|(key, since)| (key.as_str(), *since)).collect();
    assert_eq!(retained, [("a.css", 91), ("c.css", 100), ("old.css", 100)]);
    let deletes: Vec<_> = plan.deletes.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(deletes, ["b.css", "feed.xml", "old.html", "sitemap.txt", "sw.js"]);
    let plan = make(
        site(vec![file("a.css", 1, 9)]),
        &listing,
        &record,
        &terms(grace),
        &Scope::outside_of(&[]),
    );
    assert!(!plan.retained.iter().any(|(key, _)| key == "a.css"), "it is the site's again");
}

/// Objects that are kept are neither compared nor deleted. `site::scan` leaves out the files that are kept.
#[test]
fn a_key_belongs_to_others_by_keep_by_prefix_or_by_environment() {
    let preview = r#"
        branches = ["**"]
        account = "111111111111"
        bucket = "example.com"
        prefix = "www/preview/{branch}/"
    "#;
    let text = format!(
        "keep = [\"uploads/**\", \"*.bak\"]\n{}{}",
        testing::deploy_toml("production", "prefix = \"www/\""),
        testing::environment_of("development", preview)
    );
    let folder = testing::site(&text);
    let config = Config::read(folder.path(), "site".as_ref()).unwrap();
    let checkout = crate::repository::checkout::Checkout {
        root: folder.path().into(),
        head: crate::repository::checkout::Head::Branch {
            name: "main".into(),
            commit: "1".repeat(40),
        },
        parents: Vec::new(),
    };
    let nowhere = crate::repository::ci::CiContext::of(&|_| None);
    let place =
        crate::repository::target::choose(&config, &checkout, &nowhere, None).unwrap().place;
    let others = ["www/other/".to_owned()];
    let scope = Scope::of(&config, &place, &others);
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
        assert_eq!(scope.has(key), !kept, "{key}");
    }
}

/// A plan for a bucket of `listed` objects that deletes `deletes` of them.
fn plan(deletes: u64, listed: u64) -> Plan {
    let objects = (0..listed).map(|n| (format!("{n:04}"), object_of(md5(1), 1)));
    let listing = Listing { objects: objects.collect(), ..Listing::default() };
    let stays = (deletes..listed).map(|n| file(&format!("{n:04}"), 1, 1));
    let files = stays.chain([file("new", 1, 1)]).collect();
    make(site(files), &listing, &Record::default(), &at_once(), &Scope::outside_of(&[]))
}

#[test]
fn few_deletes_or_a_small_share_of_them_are_not_too_many_and_more_than_half_always_are() {
    for (deletes, listed, limit, approved) in [
        (0, 0, None, true),
        (1, 1, None, false),
        (1, 2, None, true),
        (1, 3, None, true),
        (2, 3, None, false),
        (2, 4, None, true),
        (11, 21, None, false),
        (20, 20, None, false),
        (20, 39, None, false),
        (20, 40, None, true),
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
    let plan = make(
        site(files),
        &listing,
        &Record::default(),
        &at_once(),
        &Scope::outside_of(&["keep/".into()]),
    );
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
        make(
            site(Vec::new()),
            &listing(objects),
            &Record::default(),
            &at_once(),
            &Scope::outside_of(&[]),
        )
    };
    expect![[r#"
        too-many-deletes: this would delete 26 of 100 objects, and the limit is 20, or 25 % of them if that is more
        hint: list them with --dry-run; to delete them anyway: Again [MaxDeletes(26)]
        too-many-deletes: this would delete 21 of 21 objects, and the limit is half of them
        hint: list them with --dry-run; to delete them anyway: Again [MaxDeletes(21)]
        too-many-deletes: this would delete 2 of 100 objects, and the limit is 1
        hint: list them with --dry-run; to delete them anyway: Again [MaxDeletes(2)]
        too-many-deletes: this would delete 1 of 1 object, and the limit is 0
        hint: list them with --dry-run; to delete them anyway: Again [MaxDeletes(1)]
        empty-site: the site has no files to deploy, so a deploy would only delete objects
        hint: check the log of the build, and `output` of [build] in deploy.toml
        empty-site: the site has no files to deploy, so a deploy would only delete objects
        hint: check the log of the build, and `output` of [build] in deploy.toml
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

/// A plan for a bucket and a site with these keys. All files and objects have one byte.
fn plan_of(bucket: &[String], files: &[String], terms: &Terms, record: &Record) -> Plan {
    let listing = listing(bucket.iter().map(|key| (key.as_str(), 1, md5(1))));
    let named = |key: String| {
        let mut file = file(&key, 1, 1);
        file.headers.set("content-type", headers::content_type(&key));
        file
    };
    let files = sorted(files).into_iter().map(named).collect();
    make(site(files), &listing, record, terms, &Scope::outside_of(&[]))
}

fn sorted(keys: &[String]) -> Vec<String> {
    let mut keys = keys.to_vec();
    keys.sort();
    keys
}

fn keys(numbers: std::ops::Range<u64>, key: impl Fn(u64) -> String) -> Vec<String> {
    numbers.map(key).collect()
}

/// A hash that a bundler could put into the name of an asset.
fn hash(n: u64) -> String {
    format!("{n:07x}b")
}

#[test]
fn hashed_assets_that_new_ones_replace_do_not_count_and_pages_always_do() {
    let pages = |n| keys(0..n, |n| format!("{n:02}.html"));
    let hashed =
        |release: u64, n| keys(0..n, |n| format!("assets/x-{}.js", hash(release << 8 | n)));
    let plain = |release: &str, n| keys(0..n, |n| format!("assets/{release}{n}.js"));
    let photos = |start: &str| keys(0..60, |n| format!("photos/{start}_202401{n:02}.jpg"));
    let in_folder =
        |release: u64| keys(0..50, |n| format!("_next/static/k{release}vYp0a1bQ9/chunk{n}.js"));
    let in_another = |n| keys(0..n, |n| format!("img/x-{}.js", hash(2 << 8 | n)));
    let join = |parts: &[Vec<String>]| parts.concat();
    for (why, before, after, approved) in [
        ("all renamed", [pages(40), hashed(1, 100)], join(&[pages(40), hashed(2, 100)]), true),
        ("by a folder", [pages(40), in_folder(1)], join(&[pages(40), in_folder(2)]), true),
        ("a few less", [pages(40), hashed(1, 100)], join(&[pages(40), hashed(2, 90)]), true),
        (
            "half of them gone",
            [pages(40), hashed(1, 100)],
            join(&[pages(40), hashed(2, 50)]),
            false,
        ),
        (
            "of another folder",
            [pages(40), hashed(1, 100)],
            join(&[pages(40), in_another(100)]),
            false,
        ),
        ("fixed names", [pages(40), plain("a", 100)], join(&[pages(40), plain("b", 100)]), false),
        ("photos", [pages(40), photos("IMG")], join(&[pages(40), photos("thumb")]), false),
        ("pages go", [pages(60), hashed(1, 5)], join(&[pages(1), hashed(2, 5)]), false),
        (
            "pages hide behind assets",
            [pages(10), hashed(1, 400)],
            join(&[pages(1), hashed(1, 400)]),
            false,
        ),
        ("half of the pages", [pages(10), hashed(1, 400)], join(&[pages(5), hashed(1, 400)]), true),
    ] {
        let plan = plan_of(&sorted(&before.concat()), &after, &at_once(), &Record::default());
        let refusal = plan.refusal(None);
        assert_eq!(refusal.is_none(), approved, "{why}: {refusal:?}");
        assert!(plan.refusal(Some(300)).is_none(), "{why}, with a limit of its own");
        let is_deleting = !plan.deletes.is_empty();
        assert_eq!(plan.refusal(Some(0)).is_some(), is_deleting, "{why}, with a limit of none");
    }
}

#[test]
fn pages_count_by_what_is_known_of_them_and_by_their_names_alone() {
    let html = keys(0..21, |n| format!("{n:02}.html"));
    let images = keys(0..100, |n| format!("img/{n}.png"));
    let posts = keys(0..15, |n| format!("blog/post-{n}"));
    let known = |key: &String, kind: &str| {
        let mut known = known(&md5(1), 1, "no-cache");
        known.headers.set("content-type", kind);
        (key.clone(), known)
    };
    let recorded = |keys: &[String], kind: &str| Record {
        objects: Arc::new(keys.iter().map(|key| known(key, kind)).collect()),
        ..Record::default()
    };
    for (why, before, gone, record, approved) in [
        ("posts of another tool", &images[..45], &posts, Record::default(), false),
        ("posts of a record", &images[..45], &posts, recorded(&posts, "text/html"), false),
        ("files of a record", &images[..45], &posts, recorded(&posts, "font/woff2"), true),
        ("a forged record", &images, &html[..16].to_vec(), recorded(&images, "text/html"), false),
    ] {
        let stay = sorted(&[before.to_vec(), html[16..].to_vec()].concat());
        let all = sorted(&[stay.clone(), gone.clone()].concat());
        let refusal = plan_of(&all, &stay, &at_once(), &record).refusal(None);
        assert_eq!(refusal.is_none(), approved, "{why}: {refusal:?}");
        if let Some(refusal) = refusal {
            assert!(refusal.message.contains(" pages, and the limit is"), "{}", refusal.message);
        }
    }
}

#[test]
fn what_was_replaced_long_ago_goes_without_being_counted_if_its_name_has_a_hash() {
    let pages = keys(0..40, |n| format!("{n:02}.html"));
    let hashed = keys(0..100, |n| format!("assets/x-{}.js", hash(n)));
    let plain = keys(0..100, |n| format!("assets/x{n}.js"));
    let photos = keys(0..60, |n| format!("photos/IMG_202401{n:02}.jpg"));
    let extra = keys(0..60, |n| format!("old-{}.html", hash(n)));
    for (why, gone, approved) in [
        ("hashed", &hashed, true),
        ("fixed names", &plain, false),
        ("photos that a forged record lists", &photos, false),
        ("pages that a forged record lists", &extra, false),
    ] {
        let retained = gone.iter().map(|key| (key.as_str(), 0)).collect();
        let record = Record { retained, ..Record::default() };
        let grace = Grace { retain: Duration::from_secs(10), now: 100 };
        let before = sorted(&[pages.clone(), gone.clone()].concat());
        let plan = plan_of(&before, &pages, &terms(grace), &record);
        assert_eq!(plan.deletes.len(), gone.len(), "{why}");
        assert_eq!(plan.refusal(None).is_none(), approved, "{why}");
    }
}

#[test]
fn pages_that_become_empty_count_like_deletes() {
    let names = keys(0..10, |n| format!("{n}.html"));
    let listing = listing(names.iter().map(|key| (key.as_str(), 5, md5(1))));
    for (empty, approved) in [(5, true), (6, false)] {
        let size = |n| if n < empty { 0 } else { 5 };
        let files = (0..).zip(&names).map(|(n, key)| file(key, size(n), 1)).collect();
        let plan =
            make(site(files), &listing, &Record::default(), &at_once(), &Scope::outside_of(&[]));
        let refusal = plan.refusal(None);
        assert_eq!(refusal.is_none(), approved, "{empty}");
        if let Some(refusal) = refusal {
            assert!(refusal.message.starts_with("this would delete or blank 6 of 10 objects"));
        }
    }
}

#[test]
fn pages_that_become_blank_count_like_deletes_and_other_files_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let names = keys(0..10, |n| format!("{n}.html"));
    let listing = listing(names.iter().map(|key| (key.as_str(), 5, md5(1))));
    for (text, blanked) in [("\n", 6), ("<!doctype html><body></body>", 6), ("<p>x", 0)] {
        let path = folder.path().join("page");
        std::fs::write(&path, text).unwrap();
        let blank = |key: &str| {
            let source = Source::Disk(Disk::At(path.as_path().into()));
            File { source, ..file(key, text.len() as u64, 2) }
        };
        let files = (0..).zip(&names).map(|(n, key)| match n < 6 {
            true => blank(key),
            false => file(key, 5, 1),
        });
        let files = files.collect();
        let plan =
            make(site(files), &listing, &Record::default(), &at_once(), &Scope::outside_of(&[]));
        assert_eq!(plan.blanked, blanked, "{text:?}");
        assert_eq!(plan.refusal(None).is_some(), blanked > 0, "{text:?}");
    }
}

#[test]
fn a_home_page_that_is_live_neither_goes_nor_becomes_blank() {
    let home = |is_blank| Some(Home { key: "index.html".into(), is_blank });
    for (why, live, files, is_blank, refused) in [
        ("it goes", Some(5), vec![file("a.html", 1, 1)], false, Some(Loss::Gone)),
        ("it becomes blank", Some(5), vec![file("index.html", 1, 1)], true, Some(Loss::Blank)),
        ("it stays", Some(5), vec![file("index.html", 1, 1)], false, None),
        ("it was blank", Some(0), vec![file("index.html", 1, 1)], true, None),
        ("there was none", None, vec![file("index.html", 0, 1)], true, None),
        ("there is none", None, vec![file("a.html", 1, 1)], false, None),
    ] {
        let live = live.map(|size| ("index.html", size, md5(9)));
        let listing =
            listing(live.into_iter().chain([("a.html", 1, md5(1)), ("b.html", 1, md5(1))]));
        let files = files.into_iter().chain([file("z.html", 1, 1)]).collect();
        let terms = Terms { home: home(is_blank), ..at_once() };
        let plan = make(site(files), &listing, &Record::default(), &terms, &Scope::outside_of(&[]));
        assert_eq!(plan.home.as_ref().map(|(_, loss)| *loss), refused, "{why}");
        let code = plan.refusal(Some(1000)).map(|refusal| refusal.code);
        assert_eq!(code, refused.map(|_| "empty-site"), "{why}");
    }
}

#[test]
fn what_was_left_out_and_markers_of_folders_stay_and_are_not_counted() {
    let terms = || Terms {
        spared: Spared::of(["gpg.key", "tags/.net"], &Prefix::new("p").unwrap()),
        ..at_once()
    };
    let objects = [
        ("p/", 0),
        ("p/a.html", 1),
        ("p/gpg.key", 1),
        ("p/images/", 0),
        ("p/images/a.png", 1),
        ("p/images_$folder$", 0),
        ("p/note/", 3),
        ("p/tags/.net/index.html", 1),
        ("p/tags/net/index.html", 1),
    ];
    let listing = listing(objects.map(|(key, size)| (key, size, md5(1))));
    let files = vec![file("p/a.html", 1, 1), file("p/images/a.png", 1, 1)];
    let plan = make(site(files), &listing, &Record::default(), &terms(), &Scope::outside_of(&[]));
    assert_eq!(plan.left_out, ["p/gpg.key", "p/tags/.net/index.html"]);
    let deletes: Vec<_> = plan.deletes.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(deletes, ["p/note/", "p/tags/net/index.html"]);
    assert_eq!((plan.listed, plan.kept), (4, 0));
    // A name may be left out in one folder and belong to the site in another.
    let files = vec![file("p/gpg.key", 1, 1)];
    let plan = make(site(files), &listing, &Record::default(), &terms(), &Scope::outside_of(&[]));
    assert_eq!(plan.left_out, ["p/tags/.net/index.html"]);
}
