//! The record is knowledge and never truth. It is read as it was written. If its bytes were changed, it still says
//! something about an object only under the ETag that is listed.

use std::collections::BTreeMap;

use base64_simd::STANDARD_NO_PAD as BASE64;
use md5::{Digest as _, Md5};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::Record;
use super::text::{parse, render};
use crate::base::etag;
use crate::base::humanize::plain;
use crate::base::proptests::{cases, check_words, text};
use crate::bucket::{LastModified, Object};
use crate::site::Sum;

/// An entry: the ETag, the MD5 if it differs from the ETag, the checksum if it is known, and the headers.
type Entry = (String, Option<String>, Option<[u8; 8]>, BTreeMap<String, String>);

/// A record as it is in a bucket.
#[derive(Clone, Debug)]
struct Written {
    prefix: String,
    entries: BTreeMap<String, Entry>,
    retained: BTreeMap<String, u64>,
    deploy: Option<(String, String, bool, u64)>,
}

impl Written {
    /// Each object has a set of headers of its own, and each key is complete. So `render` has something to do: it
    /// writes equal sets only once, and the common beginnings of keys only once.
    fn lines(&self) -> Vec<Value> {
        let headers: Vec<_> = self.entries.values().map(|(_, _, _, headers)| headers).collect();
        let deploy = self.deploy.as_ref().map(|(branch, commit, dirty, at)| {
            json!({
                "tool": "0.1.0", "branch": branch, "commit": commit, "dirty": dirty, "who": "kim", "at": at,
                "rolled_back_to": null,
            })
        });
        let first = json!({
            "version": 3, "prefix": self.prefix, "deploy": deploy, "headers": headers,
            "objects": self.entries.len(),
        });
        let object = |(set, (key, (etag, md5, sum, _))): (usize, (&String, &Entry))| {
            let md5 = etag::bytes(md5.as_deref().unwrap_or(etag)).unwrap();
            let content = [&md5[..], sum.as_ref().map_or(&[], |sum| sum)].concat();
            json!([0, key, BASE64.encode_to_string(content), set, etag])
        };
        let retained = self.retained.iter().map(|(key, since)| json!([0, key, since]));
        let objects = self.entries.iter().enumerate().map(object);
        [first].into_iter().chain(objects).chain(retained).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        sealed(&self.lines())
    }
}

/// Lines, followed by their MD5.
fn sealed(lines: &[Value]) -> Vec<u8> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let md5: [u8; 16] = Md5::digest(&text).into();
    format!("{text}\"{}\"\n", etag::hex(&md5)).into_bytes()
}

/// Only a few MD5s, so that two objects often have the same one.
fn md5() -> impl Strategy<Value = String> {
    "[ab]{2}".prop_map(|pair| pair.repeat(16))
}

fn etag() -> impl Strategy<Value = String> {
    prop_oneof![4 => md5(), 1 => "[0-9a-f]{4}-[1-9]", 1 => text()]
}

/// If the ETag is not an MD5, the entry has one besides.
fn etag_and_md5() -> impl Strategy<Value = (String, Option<String>)> {
    (etag(), md5(), any::<bool>()).prop_map(|(etag, md5, both)| {
        let needed = both || etag::bytes(&etag).is_none();
        (etag, needed.then_some(md5))
    })
}

fn written() -> impl Strategy<Value = Written> {
    let headers =
        btree_map(select(vec!["content-type", "cache-control", "expires"]), "[a-z/]{1,3}", 0..3);
    let headers = headers
        .prop_map(|set| set.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    let entry = (etag_and_md5(), any::<Option<[u8; 8]>>(), headers)
        .prop_map(|((etag, md5), sum, headers)| (etag, md5, sum, headers));
    let key = prop_oneof!["[pa]/[ab]", text()];
    let deploy = proptest::option::of((text(), "[0-9a-f]{40}", any::<bool>(), any::<u64>()));
    let prefix = select(vec!["".to_owned(), "p/".to_owned(), "caf\u{e9}/\"q\"/".to_owned()]);
    let retained = btree_map(key.clone(), any::<u64>(), 0..3);
    (prefix, btree_map(key, entry, 0..5), retained, deploy).prop_map(
        |(prefix, entries, retained, deploy)| Written { prefix, entries, retained, deploy },
    )
}

/// Any byte, and often one of those that JSON consists of.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), select(b"0123456789ab\",:{}[]/".to_vec())]
}

fn no_record() -> impl Strategy<Value = Vec<u8>> {
    let of_another_form = prop_oneof![
        text().prop_map(|text| json!({ "version": 3, "prefix": text, "objects": text })),
        text().prop_map(|text| json!({ "version": text })),
    ];
    prop_oneof![
        vec(any::<u8>(), 0..40),
        text().prop_map(String::into_bytes),
        of_another_form.prop_map(|value| value.to_string().into_bytes()),
    ]
}

/// The time until which headers are known.
const UNTIL: u64 = 1000;

fn listed(etag: &str, seconds: u64) -> Object {
    Object { etag: etag.into(), size: 1, modified: LastModified::of_seconds(seconds) }
}

fn read(bytes: &[u8], prefix: &str) -> Result<Record, String> {
    parse(bytes, prefix, LastModified::of_seconds(UNTIL))
}

/// Checks the warning for a record that cannot be read.
fn check_reason(reason: &str) -> Result<(), TestCaseError> {
    check_words(&plain(reason))
}

/// A value that may replace another in a line.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<u64>().prop_map(Value::from),
        (-2..3i64).prop_map(Value::from),
        text().prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
    ]
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_record_says_of_each_object_what_was_written_of_it(written in written()) {
        let record = read(&written.bytes(), &written.prefix).unwrap();
        for (key, (etag, md5, sum, headers)) in &written.entries {
            let key = format!("{}{key}", written.prefix);
            let md5 = etag::bytes(md5.as_deref().unwrap_or(etag));
            prop_assert_eq!(record.md5_of(&key, &listed(etag, UNTIL + 1)), md5);
            prop_assert_eq!(record.objects.get(&key).unwrap().sum, sum.map(Sum));
            let said = record.headers_of(&key, &listed(etag, UNTIL)).unwrap();
            let said = said.iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
            let said: BTreeMap<_, _> = said.collect();
            prop_assert_eq!(&said, headers);
            prop_assert!(record.headers_of(&key, &listed(etag, UNTIL + 1)).is_none(), "written since");
        }
        for (key, since) in &written.retained {
            prop_assert_eq!(record.retained.get(&format!("{}{key}", written.prefix)), Some(since));
        }
        prop_assert_eq!(record.retained.len(), written.retained.len());
        let deploy = record.deploy;
        let deploy = deploy.map(|deploy| (deploy.branch, deploy.commit, deploy.dirty, deploy.at));
        prop_assert_eq!(deploy, written.deploy);
    }

    #[test]
    fn a_record_that_is_written_and_read_is_the_same(written in written()) {
        let record = read(&written.bytes(), &written.prefix).unwrap();
        let bytes = render(&record, &[], &written.prefix).unwrap();
        prop_assert_eq!(read(&bytes, &written.prefix), Ok(record));
    }

    #[test]
    fn a_record_of_another_prefix_or_a_newer_format_is_none(
        written in written(),
        newer in prop_oneof![4..9u32, 4..=u32::MAX],
    ) {
        let bytes = written.bytes();
        let reason = read(&bytes, "q/").unwrap_err();
        prop_assert!(reason.starts_with("is of another prefix"));
        check_reason(&reason)?;
        let mut lines = written.lines();
        lines[0]["version"] = newer.into();
        let reason = read(&sealed(&lines), &written.prefix).unwrap_err();
        prop_assert!(reason.contains("newer version"));
    }

    #[test]
    fn a_record_that_is_cut_anywhere_is_none(written in written(), cut in any::<Index>()) {
        let bytes = written.bytes();
        let reason = read(&bytes[..cut.index(bytes.len())], &written.prefix).unwrap_err();
        check_reason(&reason)?;
    }

    #[test]
    fn a_record_with_any_other_bytes_is_none(
        written in written(),
        changes in vec((any::<Index>(), byte()), 1..4),
    ) {
        let whole = written.bytes();
        let mut bytes = whole.clone();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if bytes != whole {
            check_reason(&read(&bytes, &written.prefix).unwrap_err())?;
        }
    }

    #[test]
    fn a_line_that_is_none_changes_nothing_that_the_others_say(
        written in written(),
        line in any::<Index>(),
        place in any::<Index>(),
        other in value(),
    ) {
        let mut lines = written.lines();
        let at = line.index(lines.len());
        if let Value::Array(values) = &mut lines[at] {
            *place.get_mut(values) = other;
        } else {
            lines[at] = other;
        }
        match read(&sealed(&lines), &written.prefix) {
            Err(reason) => check_reason(&reason)?,
            Ok(record) => {
                // The first line describes the whole record.
                prop_assert_ne!(at, 0, "a record without its first line");
                let entries = written.entries.iter().enumerate();
                for (_, (key, (etag, md5, ..))) in entries.filter(|(entry, _)| entry + 1 != at) {
                    let key = format!("{}{key}", written.prefix);
                    let md5 = etag::bytes(md5.as_deref().unwrap_or(etag));
                    prop_assert_eq!(record.md5_of(&key, &listed(etag, UNTIL)), md5);
                }
            }
        }
    }

    #[test]
    fn what_is_no_record_says_so(bytes in no_record()) {
        check_reason(&read(&bytes, "p/").unwrap_err())?;
    }
}
