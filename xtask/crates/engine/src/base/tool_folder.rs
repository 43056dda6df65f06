//! The tool's own folder in a bucket, below each prefix, and the names in it.

/// The folder: no key of a site is in it, and a deploy deletes nothing there.
pub const NAME: &str = ".xtask/";

/// The name in it of the record of the last deploy.
pub const RECORD: &str = "record";

/// What the names of earlier deploys' records begin with.
pub(crate) const EARLIER: &str = "earlier/";

/// The name of the object that says which deploy was begun and has not ended.
pub(crate) const BEGUN: &str = "begun";

/// The name of the last record that could not be read and was written over.
pub(crate) const UNREADABLE: &str = "unreadable";

/// The name of the lock, and what the names of tickets begin with.
pub(crate) const LOCK: &str = "lock";

/// What an object is, by its key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry<'k> {
    Record,
    Begun,
    /// The record of an earlier deploy, which has this name.
    Earlier(&'k str),
    /// A lock, or an object that somebody else put there.
    Other,
}

/// What a key names in the tool's folder below a prefix; `None` outside of that folder.
pub(crate) fn parse<'k>(prefix: &str, key: &'k str) -> Option<Entry<'k>> {
    let name = key.strip_prefix(prefix)?.strip_prefix(NAME)?;
    let earlier = name.strip_prefix(EARLIER).filter(|name| is_deploy(name));
    Some(match (name, earlier) {
        (RECORD, _) => Entry::Record,
        (BEGUN, _) => Entry::Begun,
        (_, Some(deploy)) => Entry::Earlier(deploy),
        (_, None) => Entry::Other,
    })
}

/// The folder whose deploys a record with this key describes; `None` if the key is not that of a record.
pub(crate) fn place_of_record(key: &str) -> Option<&str> {
    let place = key.strip_suffix(RECORD)?.strip_suffix(NAME)?;
    (place.is_empty() || place.ends_with('/')).then_some(place)
}

/// Whether a key, without the prefix, lies in the tool's own folder, or in that of a deploy below.
pub(crate) fn is_in(relative: &str) -> bool {
    relative.starts_with(NAME) || relative.contains("/.xtask/")
}

/// Whether a name is that of a deploy: a time and a commit, `20261123T203845Z-8060c0d`. A bucket may contain anything.
fn is_deploy(name: &str) -> bool {
    let time_and_commit = name.split_once("Z-");
    time_and_commit.is_some_and(|(time, commit)| {
        let digits = time.bytes().filter(u8::is_ascii_digit).count();
        time.len() == 15 && digits == 14 && time.as_bytes()[8] == b'T' && is_commit(commit)
    })
}

fn is_commit(commit: &str) -> bool {
    commit.len() >= 7 && commit.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_what_its_object_is() {
        let earlier = Entry::Earlier("20261123T203845Z-8060c0d");
        for (key, entry) in [
            ("docs/.xtask/record", Some(Entry::Record)),
            ("docs/.xtask/begun", Some(Entry::Begun)),
            ("docs/.xtask/earlier/20261123T203845Z-8060c0d", Some(earlier)),
            ("docs/.xtask/earlier/20261123T203845Z-", Some(Entry::Other)),
            ("docs/.xtask/earlier/20261123-203845Z-8060c0d", Some(Entry::Other)),
            ("docs/.xtask/lock", Some(Entry::Other)),
            ("docs/.xtask/records", Some(Entry::Other)),
            ("docs/a/.xtask/record", None),
            ("docs/record", None),
            (".xtask/record", None),
        ] {
            assert_eq!(parse("docs/", key), entry, "{key}");
        }
        for (key, place) in [
            (".xtask/record", Some("")),
            ("a/b/.xtask/record", Some("a/b/")),
            ("a.xtask/record", None),
            ("a/.xtask/records", None),
            ("a/.xtask/earlier/record", None),
        ] {
            assert_eq!(place_of_record(key), place, "{key}");
        }
        for (key, is_own) in [
            (".xtask/a", true),
            ("a/.xtask/b", true),
            ("a.xtask/b", false),
            (".xtask", false),
            ("xtask/a", false),
        ] {
            assert_eq!(is_in(key), is_own, "{key}");
        }
    }
}
