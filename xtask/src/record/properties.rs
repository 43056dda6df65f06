//! The record is knowledge and never truth: what is read is what was written, and whatever has become of its
//! bytes, it knows nothing of an object but what they say under the very ETag that is listed.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::{Record, parse, render};
use crate::bucket::{LastModified, Object};
use crate::etag;
use crate::properties::{cases, check_words, text};
use crate::words::plain;

/// What the record says of an object: its ETag, its MD5 where that is another, its headers.
type Entry = (String, Option<String>, BTreeMap<String, String>);

/// A record as it stands in a bucket.
#[derive(Clone, Debug)]
struct Written {
    prefix: String,
    entries: BTreeMap<String, Entry>,
    deploy: Option<(String, String, bool, u64)>,
}

impl Written {
    /// Every object with a set of headers of its own: `render` writes sets that are alike once, and has
    /// something to do.
    fn bytes(&self) -> Vec<u8> {
        let headers: Vec<_> = self.entries.values().map(|(_, _, headers)| headers).collect();
        let objects = self.entries.iter().enumerate();
        let objects: BTreeMap<_, _> =
            objects.map(|(set, (key, (etag, md5, _)))| (key, (etag, set, md5))).collect();
        let deploy = self.deploy.as_ref().map(|(branch, commit, dirty, at)| {
            json!({ "tool": "0.1.0", "branch": branch, "commit": commit, "dirty": dirty, "at": at })
        });
        let whole = json!({
            "version": 1, "prefix": self.prefix, "deploy": deploy, "headers": headers, "objects": objects
        });
        serde_json::to_vec(&whole).unwrap()
    }
}

/// MD5s are few, so that one is often another object's.
fn md5() -> impl Strategy<Value = String> {
    "[ab]{2}".prop_map(|pair| pair.repeat(16))
}

fn etag() -> impl Strategy<Value = String> {
    prop_oneof![4 => md5(), 1 => "[0-9a-f]{4}-[1-9]", 1 => text()]
}

/// An ETag that is no MD5 stands beside one.
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
    let entry = (etag_and_md5(), headers).prop_map(|((etag, md5), headers)| (etag, md5, headers));
    let key = prop_oneof!["[pa]/[ab]", text()];
    let deploy = proptest::option::of((text(), "[0-9a-f]{40}", any::<bool>(), any::<u64>()));
    let prefix = select(vec!["".to_owned(), "p/".to_owned(), "caf\u{e9}/\"q\"/".to_owned()]);
    (prefix, btree_map(key, entry, 0..5), deploy).prop_map(|(prefix, entries, deploy)| Written {
        prefix,
        entries,
        deploy,
    })
}

/// Any byte, and often one that JSON is made of.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), select(b"0123456789ab\",:{}[]/".to_vec())]
}

fn no_record() -> impl Strategy<Value = Vec<u8>> {
    let of_another_form = prop_oneof![
        text().prop_map(|text| json!({ "version": 1, "prefix": text, "objects": text })),
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

/// What the warning of a record that cannot be read says.
fn check_reason(reason: &str) -> Result<(), TestCaseError> {
    check_words(&plain(reason))
}

/// Whatever a record has been through, what it says of an object its bytes say, under that object's key and
/// ETag.
fn check_says_what_its_bytes_say(
    bytes: &[u8],
    prefix: &str,
    keys: &[String],
    etags: &[String],
) -> Result<(), TestCaseError> {
    let record = match read(bytes, prefix) {
        Ok(record) => record,
        Err(reason) => return check_reason(&reason),
    };
    // What is in no field that is read need not be UTF-8.
    let said: Value = serde_json::from_str(&String::from_utf8_lossy(bytes)).unwrap();
    for (key, etag) in keys.iter().flat_map(|key| etags.iter().map(move |etag| (key, etag))) {
        let entry =
            key.strip_prefix(prefix).map(|key| &said["objects"][key]).unwrap_or(&Value::Null);
        let is_of_this_etag = entry[0].as_str() == Some(etag);
        let md5 = entry[2].as_str().or(entry[0].as_str()).filter(|_| is_of_this_etag);
        prop_assert_eq!(record.md5_of(key, &listed(etag, UNTIL)), md5.and_then(etag::bytes));
        prop_assert_eq!(record.headers_of(key, &listed(etag, UNTIL)).is_some(), is_of_this_etag);
    }
    Ok(())
}

/// The keys and ETags to ask a record for: its own and some that it has never heard of.
fn questions(written: &Written) -> (Vec<String>, Vec<String>) {
    let own = written.entries.keys().map(|key| format!("{}{key}", written.prefix));
    let keys = own.chain(written.entries.keys().cloned()).chain(["p/never".to_owned()]);
    let etags = written.entries.values().map(|(etag, _, _)| etag.clone());
    (keys.collect(), etags.chain(["never".to_owned(), String::new()]).collect())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_record_says_of_each_object_what_was_written_of_it(written in written()) {
        let record = read(&written.bytes(), &written.prefix).unwrap();
        for (key, (etag, md5, headers)) in &written.entries {
            let key = format!("{}{key}", written.prefix);
            let md5 = etag::bytes(md5.as_deref().unwrap_or(etag));
            prop_assert_eq!(record.md5_of(&key, &listed(etag, UNTIL + 1)), md5);
            let said = record.headers_of(&key, &listed(etag, UNTIL)).unwrap();
            let said: BTreeMap<_, _> = said.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(&said, headers);
            prop_assert!(record.headers_of(&key, &listed(etag, UNTIL + 1)).is_none(), "written since");
        }
        let deploy = record.deploy.map(|deploy| (deploy.branch, deploy.commit, deploy.dirty, deploy.at));
        prop_assert_eq!(deploy, written.deploy);
    }

    #[test]
    fn a_record_that_is_written_and_read_is_the_same(written in written()) {
        let record = read(&written.bytes(), &written.prefix).unwrap();
        let bytes = render(&record, &[], &written.prefix).unwrap();
        prop_assert_eq!(read(&bytes, &written.prefix), Ok(record));
    }

    #[test]
    fn a_record_of_another_prefix_or_a_newer_format_is_none(written in written(), newer in prop_oneof![2..9u32, 2..=u32::MAX]) {
        let bytes = written.bytes();
        let reason = read(&bytes, "q/").unwrap_err();
        prop_assert!(reason.starts_with("is of another prefix"));
        check_reason(&reason)?;
        let mut whole: Value = serde_json::from_slice(&bytes).unwrap();
        whole["version"] = newer.into();
        let reason = read(whole.to_string().as_bytes(), &written.prefix).unwrap_err();
        prop_assert!(reason.contains("newer version"));
    }

    #[test]
    fn a_record_that_is_cut_anywhere_is_none(written in written(), cut in any::<Index>()) {
        let bytes = written.bytes();
        let reason = read(&bytes[..cut.index(bytes.len())], &written.prefix).unwrap_err();
        check_reason(&reason)?;
    }

    #[test]
    fn a_record_with_other_bytes_knows_nothing_of_an_etag_that_it_does_not_name(
        written in written(),
        changes in vec((any::<Index>(), byte()), 1..4),
    ) {
        let mut bytes = written.bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let (keys, etags) = questions(&written);
        check_says_what_its_bytes_say(&bytes, &written.prefix, &keys, &etags)?;
    }

    #[test]
    fn what_is_no_record_says_so(bytes in no_record()) {
        check_reason(&read(&bytes, "p/").unwrap_err())?;
    }
}
