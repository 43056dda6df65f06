//! Checks the keys of a site as a whole. A key that S3 or its clients cannot hold ends the run before anything is
//! written.

use std::path::PathBuf;

use super::Output;
use super::entry::Entry;
use crate::base::error::{Failure, failed};
use crate::base::event::{Event, Tell};
use crate::base::humanize::count;
use crate::base::key;

/// How many file names are listed at once; the rest are counted.
const NAMES: usize = 10;

/// A file whose name cannot be a key.
pub struct Misnamed {
    pub path: PathBuf,
    /// Its key in the bucket, if the name can be turned into one.
    pub key: String,
    pub why: Unfit,
}

/// Why a name cannot be a key.
#[derive(Clone, Copy)]
pub enum Unfit {
    /// The text follows the word "it".
    Name(&'static str),
    TooLong,
    Blank,
}

/// Why S3 or its clients cannot hold a key, the prefix included.
pub fn unfit(key: &str) -> Option<Unfit> {
    match key {
        _ if key.len() > key::LONGEST => Some(Unfit::TooLong),
        // Clients treat such a key as missing, and so does the XML of a listing.
        _ if key.trim().is_empty() => Some(Unfit::Blank),
        _ => None,
    }
}

/// Fails with all names that cannot be keys at once, because each may require a change to the generator.
pub fn misnamed(mut files: Vec<Misnamed>) -> Result<(), Failure> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    match files.as_slice() {
        [] => Ok(()),
        [one] => Err(one.failure()),
        _ => {
            let files_in_words = count(files.len() as u64, "file");
            let mut failure = failed(format!("{files_in_words} cannot be keys in the bucket"));
            failure.causes.extend(files.iter().take(NAMES).map(Misnamed::line));
            if files.len() > NAMES {
                failure.causes.push(format!("and {} more", files.len() - NAMES));
            }
            Err(failure.hint("rename the files, or let the generator leave them out"))
        }
    }
}

impl Misnamed {
    fn failure(&self) -> Failure {
        let shown = self.path.display();
        const RENAME: &str = "rename the file, or let the generator leave it out";
        match self.why {
            Unfit::Name(reason) => {
                failed(format!("`{shown}` cannot be a key in the bucket: it {reason}")).hint(RENAME)
            }
            Unfit::TooLong => failed(format!("the key of `{shown}` is too long")).hint(format!(
                "S3 accepts keys of up to {} bytes, including the prefix",
                key::LONGEST
            )),
            Unfit::Blank => failed(format!("the key {:?} is only white space", self.key))
                .because_of_path(&self.path)
                .hint(RENAME),
        }
    }

    fn line(&self) -> String {
        let shown = self.path.display();
        match self.why {
            Unfit::Name(reason) => format!("`{shown}` {reason}"),
            Unfit::TooLong => format!("the key of `{shown}` is longer than {} bytes", key::LONGEST),
            Unfit::Blank => format!("the key of `{shown}` is only white space"),
        }
    }
}

/// Checks entries, which are in the order of their keys.
pub fn check(entries: &[Entry], output: &Output, tell: &Tell) -> Result<(), Failure> {
    check_twins(entries, output)?;
    warn_of_spellings(entries, output, tell);
    warn_of_backslashes(entries, output, tell);
    Ok(())
}

/// Two files can have the same key only if names are converted to one Unicode form.
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

/// Both names look the same, so their characters are escaped.
fn spelled(name: &str) -> String {
    name.escape_default().to_string()
}

/// Warns about two keys that look the same. Each is the name of its file, and links may use either.
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

/// Browsers read a backslash in an address as a slash, so they never request such a key.
fn warn_of_backslashes(entries: &[Entry], output: &Output, tell: &Tell) {
    let mut found = entries.iter().filter(|entry| entry.key.contains('\\'));
    if let Some(first) = found.next() {
        let more = match found.count() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        tell.tell(Event::Warning(format!(
            "no browser can request `{}`{more}: in an address, a backslash means a slash; did the generator write Windows paths?",
            output.relative(&first.key)
        )));
    }
}
