//! Stores that are not S3: what they cannot do, how they say so, and what they answer differently.
//!
//! Each capability is switched off in turn, and each pair of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::header::ETAG;
use hyper::{Response, StatusCode};

use crate::harness::{Answer, Fault, Remote, Seen, World};

/// Something that a store cannot do or does differently: the fault for the requests that are affected.
struct Lack {
    name: &'static str,
    fault: fn(&Seen) -> Option<Fault>,
}

/// The number of capabilities at the beginning of [`LACKS`]. The rest are answers that differ.
const CAPABILITIES: usize = 11;

const LACKS: [Lack; 17] = [
    Lack {
        name: "no conditional create",
        fault: |seen| declined(uploads(seen) && seen.has("if-none-match"), 501, "NotImplemented"),
    },
    Lack {
        name: "no conditional replace",
        fault: |seen| declined(uploads(seen) && seen.has("if-match"), 400, "InvalidArgument"),
    },
    Lack {
        name: "no conditional copy",
        fault: |seen| {
            let conditions = ["x-amz-copy-source-if-match", "if-match", "if-none-match"];
            let is_conditional = conditions.iter().any(|condition| seen.has(condition));
            declined(seen.copies && is_conditional, 501, "NotImplemented")
        },
    },
    Lack {
        name: "no conditional delete",
        fault: |seen| {
            declined(seen.method == "DELETE" && seen.has("if-match"), 501, "NotImplemented")
        },
    },
    Lack {
        name: "no batch of deletes",
        fault: |seen| declined(is_batch(seen), 400, "InvalidArgument"),
    },
    Lack { name: "no copies", fault: |seen| declined(seen.copies, 501, "NotImplemented") },
    Lack {
        name: "no uploads in parts",
        fault: |seen| {
            let begins = seen.method == "POST" && seen.query.starts_with("uploads");
            declined(begins, 405, "MethodNotAllowed")
        },
    },
    Lack {
        name: "no listing of uploads",
        fault: |seen| {
            let lists = seen.method == "GET" && seen.query.contains("uploads");
            declined(lists, 501, "NotImplemented")
        },
    },
    Lack {
        name: "no listing of versions",
        fault: |seen| declined(seen.query.contains("versions"), 501, "NotImplemented"),
    },
    Lack {
        name: "no Content-MD5",
        fault: |seen| declined(seen.has("content-md5"), 400, "InvalidRequest"),
    },
    Lack {
        name: "no checksums",
        fault: |seen| {
            let is_checksum = |name: &&str| name.starts_with("x-amz-checksum-");
            let has_checksum = seen.headers.keys().any(|name| is_checksum(&name.as_str()));
            declined(has_checksum, 501, "NotImplemented")
        },
    },
    Lack {
        name: "no ETag of what was written",
        fault: |seen| seen.writes().then_some(Fault::Reworded(without_etag)),
    },
    Lack {
        name: "403 for what is not there",
        fault: |seen| is_read(seen).then_some(Fault::Reworded(forbidden_if_absent)),
    },
    Lack {
        name: "an object that cannot be read",
        fault: |seen| {
            let is_it = is_read(seen) && seen.key() == "foreign.html";
            declined(is_it, 403, "AccessDenied")
        },
    },
    Lack {
        name: "no copies, since they have no body",
        fault: |seen| declined(seen.copies, 411, "MissingContentLength"),
    },
    Lack {
        name: "no writes that do not tell their length",
        fault: |seen| {
            let has_length = seen.has("content-length") || seen.method == "DELETE";
            declined(seen.writes() && !has_length, 411, "MissingContentLength")
        },
    },
    Lack { name: "weak ETags", fault: |_| Some(Fault::Reworded(weak)) },
];

fn uploads(seen: &Seen) -> bool {
    matches!(seen.method.as_str(), "PUT" | "POST") && !seen.copies
}

fn is_batch(seen: &Seen) -> bool {
    seen.method == "POST" && seen.query.split('&').any(|part| part.starts_with("delete"))
}

/// Whether it reads an object.
fn is_read(seen: &Seen) -> bool {
    matches!(seen.method.as_str(), "GET" | "HEAD") && !seen.key().is_empty()
}

fn declined(is_asked: bool, status: u16, code: &str) -> Option<Fault> {
    is_asked.then(|| Fault::Answer(Answer::error(status, code, "this store does not know that")))
}

fn weak(response: &mut Response<String>) {
    if let Some(etag) = response.headers().get(ETAG) {
        let weak = format!("W/{}", etag.to_str().expect("an ETag"));
        response.headers_mut().insert(ETAG, weak.parse().expect("a header"));
    }
}

fn without_etag(response: &mut Response<String>) {
    response.headers_mut().remove(ETAG);
}

fn forbidden_if_absent(response: &mut Response<String>) {
    if response.status() == StatusCode::NOT_FOUND {
        *response.status_mut() = StatusCode::FORBIDDEN;
        *response.body_mut() = response.body().replace("NoSuchKey", "AccessDenied");
    }
}

/// Makes the store lack these.
fn lack(world: &World, lacks: &[&'static Lack]) {
    let faults: Vec<_> = lacks.iter().map(|lack| lack.fault).collect();
    world.wire.disturb(move |seen| faults.iter().find_map(|fault| fault(seen)));
}

fn rule(age: u64) -> String {
    format!("[[headers]]\nmatch = \"*.css\"\ncache-control = \"max-age={age}\"\n")
}

/// What visitors see of the bucket.
fn visible(world: &World) -> BTreeMap<String, Remote> {
    let etagless = |(key, object)| (key, Remote { etag: String::new(), ..object });
    world.objects().into_iter().map(etagless).collect()
}

#[track_caller]
fn works(world: &World, arguments: &[&str], why: &str) {
    let ran = world.xtask(arguments);
    assert_eq!(ran.code, Some(0), "{why}: {arguments:?}\n{}\n{}", ran.stdout, ran.stderr);
}

/// A first deploy over what another tool left, changed bytes and headers, a delete, `status` and `rollback`.
fn tell_the_story(lacks: &[&'static Lack]) {
    let names: Vec<&str> = lacks.iter().map(|lack| lack.name).collect();
    let why = names.join(" and ");
    let world = World::reworded();
    world.store.keep_versions(&world.bucket);
    for key in ["foreign.html", "leftover.html"] {
        world.store.put(&world.bucket, key, b"foreign", "text/html");
    }
    lack(&world, lacks);
    world.configure(&rule(1));
    let site = [("index.html", "one"), ("a.css", "a"), ("b.css", "b"), ("foreign.html", "foreign")];
    world.site(site.into_iter().chain([("gone.html", "gone")]));
    let has_large = names.contains(&"no uploads in parts");
    if has_large {
        world.repo.write("site/public/large.bin", vec![b' '; (9 << 20) + 5]);
    }
    world.repo.commit("first");
    works(&world, &["deploy"], &why);
    world.assert_bucket_equals_site("");
    let first = visible(&world);
    assert_eq!(first["a.css"].cache_control.as_deref(), Some("max-age=1"), "{why}");

    world.configure(&rule(2));
    world.site([("index.html", "two"), ("c.css", "c")].into_iter().chain(site.into_iter().skip(1)));
    world.repo.commit("second");
    works(&world, &["deploy"], &why);
    world.assert_bucket_equals_site("");
    world.wire.take();
    works(&world, &["deploy"], &why);
    assert_eq!(world.wire.take_writes(), 0, "{why}: the deploy of what is live writes");
    let second = visible(&world);
    assert_eq!(second["a.css"].cache_control.as_deref(), Some("max-age=2"), "{why}");

    works(&world, &["status", "--env", "production"], &why);
    works(&world, &["rollback"], &why);
    assert!(visible(&world) == first, "{why}: what is there after a rollback");
    assert!(!world.store.etags(&world.bucket).keys().any(|key| key.contains(".xtask/lock")));
}

/// Runs all of them, a few at a time.
fn each(combinations: &[Vec<&'static Lack>]) {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(lacks) = combinations.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if std::panic::catch_unwind(|| tell_the_story(lacks)).is_err() {
                        let names: Vec<&str> = lacks.iter().map(|lack| lack.name).collect();
                        failures.lock().expect("a list").push(names.join(" and "));
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("a list");
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn a_store_without_a_capability_is_deployed_to() {
    each(&LACKS.iter().map(|lack| vec![lack]).collect::<Vec<_>>());
}

#[test]
fn a_store_without_two_capabilities_is_deployed_to() {
    // Differences in answers are combined with each capability all at once, to keep this short.
    let (lacks, differences) = LACKS.split_at(CAPABILITIES);
    let pairs = lacks.iter().enumerate().flat_map(|(n, one)| {
        let others = lacks[n + 1..].iter().map(move |other| vec![one, other]);
        others.chain([std::iter::once(one).chain(differences).collect()])
    });
    each(&pairs.collect::<Vec<_>>());
}

#[test]
fn what_a_store_lacks_is_requested_once_and_reported_once() {
    let world = World::reworded();
    lack(&world, &[&LACKS[0], &LACKS[4]]);
    let files: Vec<(String, String)> =
        (0..20).map(|n| (format!("{n}.css"), n.to_string())).collect();
    let site = || files.iter().map(|(key, content)| (key.as_str(), content.as_str()));
    world.site(site());
    let ran = world.deploy(&[]).exits(0);
    let told = "the store does not support `If-None-Match` of uploads, so this run did without";
    assert_eq!(ran.stderr.matches(told).count(), 1, "{}", ran.stderr);

    world.site(site().skip(5));
    world.wire.take();
    let ran = world.deploy(&[]).exits(0);
    assert!(ran.stderr.contains("the store does not support"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`DeleteObjects`"), "{}", ran.stderr);
    // With and without the ETags, and with each of the two checksums.
    assert_eq!(world.wire.take().iter().filter(|seen| is_batch(seen)).count(), 4, "one batch");
    world.assert_bucket_equals_site("");
}

#[test]
fn batches_of_deletes_are_declined_in_many_ways() {
    for (status, body) in [
        (400, "<Error><Code>MalformedXML</Code></Error>"),
        (404, ""),
        (405, "<html><body>not allowed</body></html>"),
        (411, ""),
        (501, ""),
        (200, ""),
        (200, "<html><body>hello</body></html>"),
    ] {
        let world = World::reworded();
        let stays = [("index.html", "page"), ("c.css", "c"), ("d.css", "d")];
        world.site(stays.into_iter().chain([("a.css", "a"), ("b.css", "b")]));
        world.deploy(&[]).exits(0);
        world.site(stays);
        world.wire.answer(move |seen| {
            is_batch(seen).then(|| Answer { status, headers: Vec::new(), body: body.to_owned() })
        });
        let ran = world.deploy(&[]);
        assert_eq!(ran.code, Some(0), "{status} {body}\n{}\n{}", ran.stdout, ran.stderr);
        world.assert_bucket_equals_site("");
    }
}

#[test]
fn a_delete_that_is_forbidden_fails_with_its_own_error() {
    let world = World::reworded();
    world.site([("index.html", "page"), ("a.css", "a")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page")]);
    world.wire.answer(|seen| {
        let is_delete = is_batch(seen) || seen.method == "DELETE" && seen.key() == "a.css";
        is_delete.then(|| Answer::error(403, "AccessDenied", "no"))
    });
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains("failed to delete `a.css`"), "{}\n{}", ran.stdout, ran.stderr);
    assert!(!ran.stderr.contains("does not support"), "{}", ran.stderr);
}

#[test]
fn a_busy_store_is_asked_again_however_it_says_so() {
    let html = "<html><body>try later</body></html>";
    let code = |code: &str| format!("<Error><Code>{code}</Code></Error>");
    for (status, body) in [
        (429, String::new()),
        (429, html.to_owned()),
        (429, code("TooManyRequests")),
        (503, String::new()),
        (503, html.to_owned()),
        (502, html.to_owned()),
        (504, String::new()),
        (520, html.to_owned()),
        (408, String::new()),
        (400, code("SlowDown")),
        (200, code("SlowDown")),
        (200, code("InternalError")),
    ] {
        let world = World::reworded();
        world.site([("index.html", "page"), ("a.css", "a")]);
        let (mut tried, body) = (HashMap::<String, u32>::new(), body);
        let told = body.clone();
        world.wire.answer(move |seen| {
            let tries = tried.entry(format!("{} {}", seen.method, seen.key())).or_default();
            *tries += 1;
            let is_first = *tries == 1 && seen.method == "PUT";
            is_first.then(|| Answer { status, headers: Vec::new(), body: body.clone() })
        });
        let ran = world.deploy(&[]);
        assert_eq!(ran.code, Some(0), "{status} {told}\n{}\n{}", ran.stdout, ran.stderr);
        world.assert_bucket_equals_site("");
    }
}

#[test]
fn a_store_that_takes_a_key_once_a_second_is_deployed_to() {
    let world = World::reworded();
    let mut written: HashMap<String, Instant> = HashMap::new();
    world.wire.answer(move |seen| {
        if seen.method != "PUT" {
            return None;
        }
        let (now, key) = (Instant::now(), seen.key().to_owned());
        let is_soon = written.get(&key).is_some_and(|at| now - *at < Duration::from_secs(1));
        if !is_soon {
            written.insert(key, now);
        }
        is_soon
            .then(|| Answer::error(429, "TooManyRequests", "Reduce your concurrent request rate"))
    });
    for age in [1, 2] {
        world.configure(&rule(age));
        world.site([("index.html", "page"), ("a.css", "a")]);
        world.deploy(&[]).exits(0);
        world.assert_bucket_equals_site("");
    }
}

/// The text without the elements of a given name.
fn without_elements(text: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let mut pieces = text.split(&open);
    let mut rest = pieces.next().unwrap_or_default().to_owned();
    pieces.for_each(|piece| rest += piece.split_once(&close).map_or("", |(_, rest)| rest));
    rest
}

fn edit(response: &mut Response<String>, edit: impl Fn(&str) -> String) {
    let text = edit(response.body());
    *response.body_mut() = text;
}

/// Says that more follows, always at the same place.
fn endless(response: &mut Response<String>) {
    edit(response, |text| {
        let token = "<NextContinuationToken>again</NextContinuationToken>";
        let text = text.replace("<IsTruncated>false<", "<IsTruncated>true<");
        text.replace("</IsTruncated>", &format!("</IsTruncated>{token}"))
    });
}

type Reword = fn(&mut Response<String>);

/// The ways in which a listing can be unreliable.
const BROKEN: [(&str, Reword); 9] = [
    ("it breaks off after an object", |response| {
        edit(response, |text| {
            let end = text.find("</Contents>").map_or(0, |at| at + "</Contents>".len());
            text[..end].to_owned()
        });
    }),
    ("it breaks off in an object", |response| {
        edit(response, |text| text[..text.rfind("<Size>").unwrap_or_default()].to_owned());
    }),
    ("its last tag is cut", |response| {
        edit(response, |text| text.trim_end()[..text.trim_end().len() - 3].to_owned());
    }),
    ("it does not say whether it is whole", |response| {
        edit(response, |text| without_elements(text, "IsTruncated"));
    }),
    ("its objects have no ETags", |response| {
        edit(response, |text| without_elements(text, "ETag"));
    }),
    ("its objects have no keys", |response| {
        edit(response, |text| without_elements(text, "Key"));
    }),
    ("an object's key is empty", |response| {
        edit(response, |text| text.replacen("<Key>docs/a.css</Key>", "<Key></Key>", 1));
    }),
    ("a key is not under the prefix", |response| {
        edit(response, |text| text.replace("<Key>docs/a.css</Key>", "<Key>blog/a.css</Key>"));
    }),
    ("it repeats itself", endless),
];

#[test]
fn a_listing_that_cannot_be_relied_on_ends_the_deploy_before_it_writes() {
    let check = |(why, reword): &(&str, Reword)| {
        let world = World::reworded();
        world.configure("prefix = \"docs\"");
        world.site([("index.html", "page"), ("a.css", "a"), ("b.css", "b")]);
        world.deploy(&[]).exits(0);
        world.site([("index.html", "new"), ("a.css", "a"), ("b.css", "b")]);
        let reword = *reword;
        world.wire.disturb(move |seen| {
            seen.query.contains("list-type").then_some(Fault::Reworded(reword))
        });
        world.wire.take();
        let ran = world.deploy(&[]);
        assert_eq!(ran.code, Some(1), "{why}\n{}\n{}", ran.stdout, ran.stderr);
        assert_eq!(world.wire.take_writes(), 0, "{why}");
        assert!(ran.stderr.contains("failed to list"), "{why}\n{}", ran.stderr);
        let status = world.xtask(&["status"]);
        assert_eq!(status.code, Some(1), "{why}\n{}", status.stdout);
    };
    std::thread::scope(|scope| {
        BROKEN.iter().for_each(|broken| drop(scope.spawn(|| check(broken))))
    });
}

#[test]
fn a_listing_of_locks_that_cannot_be_relied_on_takes_no_lock() {
    // In a store without conditions, the tickets in the listing are the lock.
    let check = |(why, reword): &(&str, Reword)| {
        let world = World::reworded();
        world.site([("index.html", "page")]);
        let reword = *reword;
        world.wire.disturb(move |seen| {
            let tickets = seen.query.contains("list-type") && seen.query.contains("lock");
            tickets.then_some(Fault::Reworded(reword)).or_else(|| (LACKS[1].fault)(seen))
        });
        let ran = world.deploy(&[]);
        assert_eq!(ran.code, Some(1), "{why}\n{}\n{}", ran.stdout, ran.stderr);
        assert!(world.objects().is_empty(), "{why}");
        assert!(ran.stderr.contains("failed to list"), "{why}\n{}", ran.stderr);
    };
    let without_prefix = |(why, _): &&(&str, _)| !why.contains("prefix") && !why.contains("empty");
    // The lock needs no ETags from a listing.
    let of_locks = BROKEN.iter().filter(without_prefix).filter(|(why, _)| !why.contains("ETags"));
    std::thread::scope(|scope| of_locks.for_each(|broken| drop(scope.spawn(|| check(broken)))));
}

#[test]
fn credentials_for_a_folder_deploy_to_it() {
    // They may list only `docs/`, so S3 does not tell them that a key does not exist.
    for is_exact in [false, true] {
        let world = World::reworded();
        world.configure("prefix = \"docs\"");
        world.site([("index.html", "page"), ("a.css", "a")]);
        world.wire.disturb(move |seen| {
            let prefix = seen.query.split('&').find_map(|part| part.strip_prefix("prefix="));
            let may_list = match is_exact {
                true => prefix == Some("docs%2F"),
                false => prefix.is_some_and(|prefix| prefix.starts_with("docs%2F")),
            };
            match seen.query.contains("list-type") {
                true => declined(!may_list, 403, "AccessDenied"),
                false => is_read(seen).then_some(Fault::Reworded(forbidden_if_absent)),
            }
        });
        works(&world, &["status"], "nothing was deployed");
        works(&world, &["deploy"], "the first deploy");
        world.assert_bucket_equals_site("docs/");
        world.site([("index.html", "new")]);
        works(&world, &["deploy"], "the second deploy");
        world.assert_bucket_equals_site("docs/");
        works(&world, &["status", "--env", "production"], "both were deployed");
    }
}

#[test]
fn a_policy_that_hides_the_tools_folder_from_the_deploy_too_is_named() {
    let world = World::reworded();
    world.site([("index.html", "page")]);
    let hide = |seen: &Seen| declined(seen.key().starts_with(".xtask/"), 403, "AccessDenied");
    world.wire.disturb(hide);
    let first = world.deploy(&[]).exits(1);
    world.wire.disturb(|_| None);
    world.deploy(&[]).exits(0);
    world.wire.disturb(hide);
    world.site([("index.html", "new")]);
    for ran in [first, world.deploy(&[]).exits(1)] {
        assert!(ran.stderr.contains("if the bucket's policy hides that folder"), "{}", ran.stderr);
    }
}

#[test]
fn an_object_that_cannot_be_read_is_written_again() {
    for (unreadable, code) in [(1, 0), (11, 1)] {
        let world = World::reworded();
        let keys: Vec<String> = (0..20).map(|n| format!("{n:02}.css")).collect();
        keys.iter().for_each(|key| world.store.put(&world.bucket, key, b"css", "text/css"));
        world.site(keys.iter().map(|key| (key.as_str(), "css")));
        let closed: Vec<String> = keys[..unreadable].to_vec();
        world.wire.disturb(move |seen| {
            let is_it = is_read(seen) && closed.iter().any(|key| key == seen.key());
            declined(is_it, 403, "AccessDenied")
        });
        let ran = world.deploy(&["--json"]).exits(code);
        if code == 0 {
            assert!(ran.stderr.contains("the headers of `00.css`"), "{}", ran.stderr);
            let uploads = ran.json()["uploads"].to_string();
            assert!(uploads.contains("00.css"), "{uploads}");
            works(&world, &["deploy"], "again");
        }
    }
}

#[test]
fn what_is_too_large_to_be_the_tools_is_not_read() {
    let world = World::reworded();
    world.site([("index.html", "page")]);
    world.deploy(&[]).exits(0);
    world.store.put(&world.bucket, ".xtask/record", &vec![b' '; (128 << 20) + 1], "text/plain");
    let ran = world.deploy(&[]).exits(0);
    let said = "the record of the last deploy is empty, or larger than any that this tool writes";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);

    world.store.put(&world.bucket, ".xtask/lock", &vec![b' '; (64 << 10) + 1], "text/plain");
    world.site([("index.html", "new")]);
    world.deploy(&[]).exits(3);
    world.store.remove(&world.bucket, ".xtask/lock");
    world.deploy(&[]).exits(0);
}

/// The ETag of no bytes.
const OF_NOTHING: &str = "\"d41d8cd98f00b204e9800998ecf8427e\"";

fn etag_of_nothing(response: &mut Response<String>) {
    if response.headers().contains_key(ETAG) {
        response.headers_mut().insert(ETAG, OF_NOTHING.parse().expect("a header"));
    }
    // The ETag of a copy is in the body of the answer.
    if response.body().contains("<CopyObjectResult") {
        edit(response, |text| {
            let other = format!("<ETag>{OF_NOTHING}</ETag></CopyObjectResult>");
            without_elements(text, "ETag").replace("</CopyObjectResult>", &other)
        });
    }
}

#[test]
fn a_store_that_drops_the_body_of_an_upload_fails_the_deploy() {
    let large = vec![b' '; (9 << 20) + 5];
    let is_of_site = |seen: &Seen| !seen.key().starts_with(".xtask/");
    let taken_for_nothing = |seen: &Seen| {
        (seen.method == "PUT" && !seen.key().starts_with(".xtask/")).then(|| Answer {
            status: 200,
            headers: vec![("etag", OF_NOTHING)],
            body: String::new(),
        })
    };
    for (why, key, content) in [
        ("an asset", "a.css", &b"a"[..]),
        ("a page", "index.html", b"page"),
        ("a part of a large file", "large.bin", &large),
    ] {
        for is_stored in [true, false] {
            let world = World::reworded();
            world.site([("index.html", "old"), ("gone.css", "gone")]);
            world.deploy(&[]).exits(0);
            world.site([("index.html", "old")]);
            world.repo.write(&format!("site/public/{key}"), content);
            world.wire.disturb(move |seen| match is_stored {
                true => (seen.method == "PUT" && is_of_site(seen))
                    .then_some(Fault::Reworded(etag_of_nothing)),
                false => taken_for_nothing(seen).map(Fault::Answer),
            });
            let ran = world.deploy(&[]).exits(1);
            let said = format!("failed to upload `{key}`");
            assert!(ran.stderr.contains(&said), "{why}\n{}", ran.stderr);
            assert!(ran.stderr.contains("hint: "), "{why}\n{}", ran.stderr);
            assert!(world.keys().contains(&"gone.css".to_owned()), "{why}: a delete follows");
        }
    }
}

#[test]
fn a_store_that_drops_the_body_of_the_lock_or_the_record_fails_the_deploy() {
    for key in [".xtask/lock", ".xtask/record", ".xtask/begun"] {
        let world = World::reworded();
        world.site([("index.html", "old")]);
        world.deploy(&[]).exits(0);
        world.site([("index.html", "new")]);
        world.wire.disturb(move |seen| {
            let is_it = seen.method == "PUT" && seen.key() == key;
            is_it.then_some(Fault::Reworded(etag_of_nothing))
        });
        let ran = world.deploy(&[]);
        assert_eq!(ran.code, Some(1), "{key}\n{}\n{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(&format!("failed to write `{key}`")), "{}", ran.stderr);
        assert!(ran.stderr.contains("stored other bytes than were sent"), "{}", ran.stderr);
    }
}

#[test]
fn a_version_that_is_copied_without_its_bytes_fails_the_rollback() {
    for copies in [true, false] {
        let world = World::reworded();
        world.store.keep_versions(&world.bucket);
        for page in ["one", "two"] {
            world.site([("index.html", page)]);
            world.repo.commit(page);
            world.deploy(&[]).exits(0);
        }
        world.wire.disturb(move |seen| match seen.copies {
            true if copies => Some(Fault::Reworded(etag_of_nothing)),
            true => declined(true, 501, "NotImplemented"),
            false => (seen.method == "PUT" && !seen.key().starts_with(".xtask/"))
                .then_some(Fault::Reworded(etag_of_nothing)),
        });
        let ran = world.xtask(&["rollback"]).exits(1);
        assert!(ran.stderr.contains("failed to upload `index.html`"), "{}", ran.stderr);
        assert!(ran.stderr.contains("stored other bytes than were sent"), "{}", ran.stderr);
    }
}

#[test]
fn an_empty_file_has_the_etag_of_nothing() {
    let world = World::reworded();
    world.site([("index.html", "page"), ("empty.css", "")]);
    world.deploy(&[]).exits(0);
    world.assert_bucket_equals_site("");
}

#[test]
fn an_upload_whose_etag_is_another_md5_is_read_again() {
    // For one object, the store's answer differs from that for the others.
    let world = World::reworded();
    world.site([("index.html", "page"), ("a.css", "a"), ("b.css", "b")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "new"), ("a.css", "new a"), ("b.css", "b")]);
    world.store.put(&world.bucket, "b.css", b"other", "text/css");
    world.wire.answer(|seen| {
        (seen.method == "PUT" && seen.key() == "a.css").then(|| Answer {
            status: 200,
            headers: vec![("etag", "\"00000000000000000000000000000001\"")],
            body: String::new(),
        })
    });
    let ran = world.deploy(&[]).exits(1);
    assert!(ran.stderr.contains("failed to upload `a.css`"), "{}", ran.stderr);
    let page = &world.objects()["index.html"];
    assert_eq!(page.body, b"page", "a page was written though an asset was not");
}
