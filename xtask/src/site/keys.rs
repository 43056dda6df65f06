//! Checks of the keys of a site as a whole: what S3 or its clients cannot hold ends the run before anything is
//! written.

use super::{Entry, Output};
use crate::error::{Failure, failed};
use crate::event::{Event, Tell};
use crate::key;

/// Checks entries that are in the order of their keys.
pub fn check(entries: &[Entry], output: &Output, tell: &Tell) -> Result<(), Failure> {
    check_twins(entries, output)?;
    for entry in entries {
        check_one(entry)?;
    }
    warn_of_spellings(entries, output, tell);
    warn_of_backslashes(entries, output, tell);
    Ok(())
}

/// Only where names are brought into one Unicode form can two files have one key.
fn check_twins(entries: &[Entry], output: &Output) -> Result<(), Failure> {
    let Some(pair) = entries.windows(2).find(|pair| pair[0].key == pair[1].key) else {
        return Ok(());
    };
    let relative = output.relative(&pair[0].key);
    let mut failure = failed(format!("two files have the same key `{relative}`"));
    failure.causes.extend(pair.iter().map(|entry| spelled(&entry.path().to_string_lossy())));
    Err(failure
        .hint("their names are the same text in different Unicode forms: rename one of them"))
}

fn check_one(entry: &Entry) -> Result<(), Failure> {
    if entry.key.len() > key::LONGEST {
        return Err(failed(format!("the key of `{}` is too long", entry.path().display()))
            .hint(format!("S3 takes keys of {} bytes, the prefix included", key::LONGEST)));
    }
    // A client takes such a key for none, and so does the XML of a listing.
    if entry.key.trim().is_empty() {
        return Err(failed(format!("the key {:?} is only white space", entry.key))
            .because_of_path(&entry.path())
            .hint("rename the file, or let the generator leave it out"));
    }
    Ok(())
}

/// Both names look the same, so their characters are spelled out.
fn spelled(name: &str) -> String {
    name.escape_default().to_string()
}

/// Warns of two keys that look the same. Each is what its file is called, and links to it may use either.
fn warn_of_spellings(entries: &[Entry], output: &Output, tell: &Tell) {
    for entry in entries.iter().filter(|entry| !entry.key.is_ascii()) {
        let normal = key::normal(&entry.key);
        let twin = || entries.binary_search_by(|other| (*other.key).cmp(&*normal)).is_ok();
        if *normal != *entry.key && twin() {
            let (one, other) = (output.relative(&entry.key), output.relative(&normal));
            tell.tell(Event::Warning(format!(
                "two files have names that look the same, in different Unicode forms: \"{}\" and \"{}\"",
                spelled(one),
                spelled(other)
            )));
        }
    }
}

/// Browsers read a backslash in an address as a slash, so they never ask for such a key.
fn warn_of_backslashes(entries: &[Entry], output: &Output, tell: &Tell) {
    let mut found = entries.iter().filter(|entry| entry.key.contains('\\'));
    if let Some(first) = found.next() {
        let more = match found.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        tell.tell(Event::Warning(format!(
            "no browser can ask for `{}`{more}: in an address a backslash is a slash; did the generator write a path of Windows?",
            output.relative(&first.key)
        )));
    }
}
