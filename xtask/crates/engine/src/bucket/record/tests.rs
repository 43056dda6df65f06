//! A record is read as it was written, and a record that cannot be read says why.

use expect_test::expect;
use md5::{Digest as _, Md5};

use super::text::{parse, render};
use super::*;
use crate::base::etag;
use crate::site::{Digest, Source};

fn md5(byte: u8) -> String {
    etag::hex(&[byte; 16])
}

fn record() -> Record {
    let headers = |kind: &str| {
        let mut headers = Headers::default();
        headers.set("content-type", kind);
        headers
    };
    let known = |etag: &str, md5: u8, kind: &str| Known {
        etag: etag.into(),
        md5: [md5; 16],
        sum: (md5 < 0xee).then_some(Sum([md5; 8])),
        headers: headers(kind),
        until: LastModified::default(),
    };
    let objects = [
        ("p/a.html", known(&md5(0xaa), 0xaa, "text/html")),
        ("p/b.html", known(&md5(0xbb), 0xcc, "text/html")),
        ("p/big.bin", known("dd-3", 0xee, "application/octet-stream")),
    ];
    let retained = [("p/big.bin", 5), ("p/old.css", 7)].into_iter().collect();
    Record { objects: Arc::new(objects.into_iter().collect()), retained, ..Record::default() }
}

fn file(key: &str, byte: u8) -> Arc<File> {
    let digest = Digest { md5: [byte; 16], sum: Some(Sum([byte; 8])), parts: None };
    let source = Source::Bucket { version: None };
    Arc::new(File { key: key.into(), source, size: 1, digest, headers: Headers::default() })
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let bytes = render(&record(), &[], "p/").unwrap();
    assert_eq!(parse(&bytes, "p/", LastModified::default()), Ok(record()));
}

#[test]
fn what_was_written_is_read_with_what_stayed() {
    let written = |key: &str, byte: u8| (file(key, byte), md5(byte).as_str().into());
    let written = ["p/a.css", "p/aa.html", "p/z.html"].map(|key| written(key, 0x11));
    let bytes = render(&record(), &written, "p/").unwrap();
    let read = parse(&bytes, "p/", LastModified::default()).unwrap();
    let keys: Vec<&str> = read.objects.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["p/a.css", "p/a.html", "p/aa.html", "p/b.html", "p/big.bin", "p/z.html"]);
    let object = |etag| Object { etag, size: 1, modified: LastModified::default() };
    for (file, etag) in &written {
        assert_eq!(read.md5_of(&file.key, &object(etag.clone())), Some([0x11; 16]));
    }
    assert_eq!(read.retained, record().retained);
}

#[test]
fn a_record_is_lines_that_a_person_can_read() {
    let text = String::from_utf8(render(&record(), &[], "p/").unwrap()).unwrap();
    expect![[r#"
        {"version":3,"prefix":"p/","deploy":null,"begun":null,"headers":[{"content-type":"text/html"},{"content-type":"application/octet-stream"}],"objects":3}
        [0,"a.html","qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",0]
        [0,"b.html","zMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM",0,"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]
        [1,"ig.bin","7u7u7u7u7u7u7u7u7u7u7g",1,"dd-3"]
        [0,"big.bin",5]
        [0,"old.css",7]
        "2a04c5d0c901ca8e2e27c68d242ad0f5"
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_record_of_the_format_before_is_read_and_gets_the_sums_of_files_that_are_its_objects() {
    let without_sums = || {
        let mut record = record();
        let objects = Arc::make_mut(&mut record.objects);
        objects.iter_mut().for_each(|(_, known)| known.sum = None);
        record
    };
    let text = String::from_utf8(render(&without_sums(), &[], "p/").unwrap()).unwrap();
    let lines = text.replace("\"version\":3", "\"version\":2");
    let lines = lines.trim_end().rsplit_once('\n').unwrap().0;
    let seal = etag::hex(&Md5::digest(format!("{lines}\n")).into());
    let bytes = format!("{lines}\n\"{seal}\"\n").into_bytes();
    let mut read = parse(&bytes, "p/", LastModified::default()).unwrap();
    assert_eq!(read, without_sums());

    let files = vec![file("p/a.html", 0xaa), file("p/aa.html", 1), file("p/b.html", 0xdd)];
    add_sums(&mut read, &Site { files, ..Site::default() });
    let sums: Vec<_> = read.objects.iter().map(|(_, known)| known.sum).collect();
    assert_eq!(sums, [Some(Sum([0xaa; 8])), None, None]);
}

#[test]
fn an_entry_counts_only_for_the_etag_and_its_headers_for_the_time_that_are_listed() {
    let listed = |etag: &str, seconds| {
        let modified = LastModified::of_seconds(seconds);
        Object { etag: etag.into(), size: 1, modified }
    };
    let a = md5(0xaa);
    assert_eq!(record().md5_of("p/a.html", &listed(&a, 0)), Some([0xaa; 16]));
    assert_eq!(record().md5_of("p/a.html", &listed("changed", 0)), None);
    assert!(record().headers_of("p/a.html", &listed(&a, 0)).is_some());
    assert!(record().headers_of("p/a.html", &listed(&a, 1)).is_none());
    assert_eq!(record().md5_of("p/a.html", &listed(&a, 1)), Some([0xaa; 16]));
}

#[test]
fn of_what_changes_or_is_not_listed_nothing_stays_known() {
    let object =
        |etag: &str| Object { etag: etag.into(), size: 1, modified: LastModified::default() };
    let objects = [
        ("p/a.html", object(&md5(0xaa))),
        ("p/b.html", object("changed")),
        ("p/big.bin", object("dd-3")),
    ];
    let objects = objects.into_iter().collect();
    let listing = Listing { objects, ..Listing::default() };
    let stays = |changed: &[&str]| -> Vec<String> {
        let record = record().staying(&listing, |key| changed.contains(&key));
        record.objects.iter().map(|(key, _)| key.to_owned()).collect()
    };
    assert_eq!(stays(&[]), ["p/a.html", "p/big.bin"]);
    assert_eq!(stays(&["p/a.html", "p/new.html"]), ["p/big.bin"]);
}

#[test]
fn a_record_that_names_keys_of_the_tools_own_folder_is_not_believed() {
    let of = |key: &str| {
        let mut record = record();
        let known = record.objects.get("p/a.html").unwrap().clone();
        Arc::make_mut(&mut record.objects).extend([(key, known)]);
        parse(&render(&record, &[], "p/").unwrap(), "p/", LastModified::default())
    };
    let retained = |key: &str| {
        let retained = [(key, 5)].into_iter().collect();
        let record = Record { retained, ..record() };
        parse(&render(&record, &[], "p/").unwrap(), "p/", LastModified::default())
    };
    for key in ["p/.xtask/record", "p/.xtask/lock", "p/.xtask/x/y", "p/docs/.xtask/record"] {
        for read in [of(key), retained(key)] {
            let reason = read.unwrap_err();
            assert!(reason.contains("a key in the tool's own folder"), "{key}: {reason}");
        }
    }
    for key in ["p/.xtask", "p/a.xtask/x", "p/x/.xtaskb/c"] {
        assert!(of(key).is_ok() && retained(key).is_ok(), "{key}");
    }
}

#[test]
fn the_names_that_were_left_out_are_remembered_up_to_a_length() {
    let read = |names: &[String]| {
        let record = Record { left_out: names.to_vec(), ..record() };
        parse(&render(&record, &[], "p/").unwrap(), "p/", LastModified::default()).unwrap().left_out
    };
    let few = [".git".to_owned(), "gpg.key".to_owned()];
    assert_eq!(read(&few), few);
    let many: Vec<String> = (0..10_000).map(|n| format!("._{n:05}.jpg")).collect();
    let kept = read(&many).len();
    assert!((100..1000).contains(&kept), "{kept}");
}

#[test]
fn a_record_that_cannot_be_trusted_says_why() {
    let bytes = render(&record(), &[], "p/").unwrap();
    let reason = |bytes: &[u8], prefix| parse(bytes, prefix, LastModified::default()).unwrap_err();
    let text = std::str::from_utf8(&bytes).unwrap();
    expect![[r#"
        cannot be read (it ends too early, or is not as it was written)
        cannot be read (it ends too early, or is not as it was written)
        cannot be read (expected value at line 1 column 1)
        was written by a newer version of this tool (format 4)
        was written by an earlier version of this tool (format 1)
        is of another prefix, `p/`"#]]
    .assert_eq(
        &[
            reason(&bytes[..bytes.len() / 2], "p/"),
            reason(text.replace("b.html", "c.html").as_bytes(), "p/"),
            reason(b"<html>", "p/"),
            reason(b"{\"version\":4,\"all\":\"different\"}\n", "p/"),
            reason(b"{\"version\":1,\"prefix\":\"p/\",\"objects\":{}}", "p/"),
            reason(&bytes, "q/"),
        ]
        .join("\n"),
    );
}
