//! The record as text: lines of JSON, which people can read, and which are also quick to read for thirty thousand
//! files.
//!
//! - The first line has the format, the prefix, the deploy, the sets of headers, and the number of objects.
//! - A line for each object follows, in the order of the keys:
//!   `[shared, "rest of the key", "MD5 and checksum in base64", set, "ETag if it is not that MD5"]`.
//!   `shared` is how many bytes the key has in common with the key of the line before, and `set` is the index of its
//!   set of headers.
//! - Then a line for each object that is retained: `[shared, "rest of the key", since]`.
//! - The last line is the MD5 of everything before it, so that a record is read completely or not at all.
//!
//! Lines are read directly into the record and written directly from it, without a copy in between.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64_simd::STANDARD_NO_PAD as BASE64;
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::{Deploy, Known, Record, Written};
use crate::base::etag::{self, Etag};
use crate::base::headers::Headers;
use crate::base::schema_version::{self, garbled};
use crate::base::sorted_map::SortedMap;
use crate::base::tool_folder;
use crate::bucket::LastModified;
use crate::site::{File, Sum};

/// The format that this tool writes. It also reads format 2, which had no checksums. Format 1 was a single JSON object.
const VERSION: u32 = 3;

/// The earliest format that this tool reads.
const EARLIEST: u32 = 2;

#[derive(Serialize, Deserialize)]
struct First<'r> {
    version: u32,
    prefix: Cow<'r, str>,
    deploy: Option<Deploy>,
    begun: Option<Etag>,
    headers: Vec<Headers>,
    objects: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<Cow<'r, str>>,
}

#[derive(Deserialize)]
struct ObjectLine<'t>(
    usize,
    #[serde(borrow)] Cow<'t, str>,
    #[serde(borrow)] Cow<'t, str>,
    usize,
    #[serde(borrow, default)] Option<Cow<'t, str>>,
);

#[derive(Deserialize)]
struct RetainedLine<'t>(usize, #[serde(borrow)] Cow<'t, str>, u64);

/// Reads a record, or says why it cannot be trusted. `until` is when it was written.
pub fn parse(bytes: &[u8], prefix: &str, until: LastModified) -> Result<Record, String> {
    parse_whole(bytes, prefix, until).map(|(record, _)| record)
}

/// Like [`parse`], with the MD5 of all bytes.
pub fn parse_whole(
    bytes: &[u8],
    prefix: &str,
    until: LastModified,
) -> Result<(Record, [u8; 16]), String> {
    let first_line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let version = schema_version::check(first_line, VERSION)?;
    if version < EARLIEST {
        return Err(format!("was written by an earlier version of this tool (format {version})"));
    }
    let (lines, md5) = sealed(bytes)?;
    let first: First = read(first_line)?;
    if first.prefix != prefix {
        return Err(format!("is of another prefix, `{}`", first.prefix));
    }
    let mut lines = lines.split(|byte| *byte == b'\n').skip(1);
    let mut key = Key(prefix.to_owned());
    let object = |line: &[u8]| {
        let ObjectLine(shared, rest, content, set, etag) = read(line)?;
        let headers =
            first.headers.get(set).ok_or_else(|| garbled("headers that are not there"))?;
        let (md5, sum) =
            parse_content(&content).ok_or_else(|| garbled("an MD5 and sum that are none"))?;
        let etag = etag.map_or(Etag::Hex(md5), |etag| etag.as_ref().into());
        let known = Known { etag, md5, sum, headers: headers.clone(), until };
        Ok((key.next(prefix, shared, &rest)?, known))
    };
    let mut objects: SortedMap<Known> =
        lines.by_ref().take(first.objects).map(object).collect::<Result<_, String>>()?;
    objects.shrink();
    let mut key = Key(prefix.to_owned());
    let retained = |line: &[u8]| {
        let RetainedLine(shared, rest, since) = read(line)?;
        Ok((key.next(prefix, shared, &rest)?, since))
    };
    let retained = lines.map(retained).collect::<Result<_, String>>()?;
    let First { deploy, begun, left_out, .. } = first;
    let left_out = left_out.into_iter().map(Cow::into_owned).collect();
    let objects = objects.into();
    Ok((Record { deploy, objects, retained, begun, left_out, ..Record::default() }, md5))
}

/// The deploy that a record describes. `beginning` must contain at least its first line.
pub fn parse_deploy(beginning: &[u8]) -> Option<Deploy> {
    let first_line = beginning.split(|byte| *byte == b'\n').next()?;
    schema_version::check(first_line, VERSION).ok().filter(|version| *version >= EARLIEST)?;
    read::<First>(first_line).ok()?.deploy
}

fn read<'t, T: Deserialize<'t>>(line: &'t [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(garbled)
}

/// The lines before the last one, if it is their MD5, without the final line break; and the MD5 of all bytes.
fn sealed(bytes: &[u8]) -> Result<(&[u8], [u8; 16]), String> {
    let cut = || garbled("it ends too early, or is not as it was written");
    let end = bytes.len().checked_sub(SEAL).ok_or_else(cut)?;
    let (lines, seal) = bytes.split_at(end);
    let mut md5 = Md5::new_with_prefix(lines);
    if seal != seal_of(md5.clone().finalize().into()) {
        return Err(cut());
    }
    md5.update(seal);
    Ok((lines.strip_suffix(b"\n").ok_or_else(cut)?, md5.finalize().into()))
}

fn seal_of(md5: [u8; 16]) -> Vec<u8> {
    format!("\"{}\"\n", etag::hex(&md5)).into_bytes()
}

/// The length of the last line in bytes: an MD5 in hex, two quotes and a line break.
const SEAL: usize = 35;

/// The key of the line before, with the prefix.
struct Key(String);

impl Key {
    fn next(&mut self, prefix: &str, shared: usize, rest: &str) -> Result<String, String> {
        let shared = prefix.len().saturating_add(shared);
        if !self.0.is_char_boundary(shared) {
            return Err(garbled("a key that shares more than there is"));
        }
        self.0.truncate(shared);
        self.0.push_str(rest);
        match tool_folder::is_in(&self.0[prefix.len()..]) {
            true => Err(garbled("a key in the tool's own folder")),
            false => Ok(self.0.clone()),
        }
    }
}

/// An entry of a record.
struct Fact<'r> {
    key: &'r str,
    etag: &'r Etag,
    md5: &'r [u8; 16],
    sum: Option<Sum>,
    headers: &'r Headers,
}

/// The MD5 of a content and its checksum, if that is known, as one text.
fn content(md5: &[u8; 16], sum: Option<Sum>) -> String {
    let mut bytes = [0; 24];
    let (md5_room, sum_room) = bytes.split_at_mut(md5.len());
    md5_room.copy_from_slice(md5);
    match sum {
        Some(Sum(sum)) => {
            sum_room.copy_from_slice(&sum);
            BASE64.encode_to_string(bytes)
        }
        None => BASE64.encode_to_string(md5),
    }
}

fn parse_content(text: &str) -> Option<([u8; 16], Option<Sum>)> {
    let bytes = BASE64.decode_to_vec(text.as_bytes()).ok()?;
    let (md5, sum) = bytes.split_first_chunk()?;
    let sum = match sum {
        [] => None,
        sum => Some(Sum(sum.try_into().ok()?)),
    };
    Some((*md5, sum))
}

/// Writes the entries of the record, and those of the files that were `written`, which are in the order of their keys.
pub fn render(record: &Record, written: &[Written], prefix: &str) -> serde_json::Result<Vec<u8>> {
    let (mut sets, mut headers, mut length) = (BTreeMap::new(), Vec::new(), 0);
    for fact in facts(record, written) {
        length += LONGEST_USUAL;
        sets.entry(fact.headers).or_insert_with(|| {
            headers.push(fact.headers.clone());
            headers.len() - 1
        });
    }
    let objects = record.objects.len() + written.len();
    let deploy = record.deploy.clone();
    let (prefix_text, begun) = (prefix.into(), record.begun.clone());
    let left_out = shortened(&record.left_out);
    let version = VERSION;
    let first = First { version, prefix: prefix_text, deploy, begun, headers, objects, left_out };
    // The record of a large site has megabytes, and a list that grows would hold them twice.
    let mut lines = Lines { text: Vec::with_capacity(length), prefix, before: "" };
    lines.add(&first)?;
    for Fact { key, etag, md5, sum, headers } in facts(record, written) {
        let (shared, rest) = lines.split(key);
        let (content, set) = (content(md5, sum), sets[headers]);
        match *etag == Etag::Hex(*md5) {
            true => lines.add(&(shared, rest, content, set))?,
            false => lines.add(&(shared, rest, content, set, etag))?,
        }
    }
    lines.before = "";
    for (key, since) in record.retained.iter() {
        let (shared, rest) = lines.split(key);
        lines.add(&(shared, rest, since))?;
    }
    let seal = seal_of(Md5::digest(&lines.text).into());
    lines.text.extend(seal);
    Ok(lines.text)
}

/// The first of these names. The first line must stay short, because `status` reads only the beginning of a record.
fn shortened(names: &[String]) -> Vec<Cow<'_, str>> {
    let mut room = 4 << 10;
    let fits = |name: &&String| {
        room = usize::saturating_sub(room, name.len() + 3);
        room > 0
    };
    names.iter().take_while(fits).map(|name| name.as_str().into()).collect()
}

/// In bytes. Nearly every object's line is at most this long: an MD5 and a checksum, the last folder or two of a key,
/// two numbers and the characters that JSON puts around them.
const LONGEST_USUAL: usize = 74;

struct Lines<'r> {
    text: Vec<u8>,
    prefix: &'r str,
    /// The key of the line before, without the prefix.
    before: &'r str,
}

impl<'r> Lines<'r> {
    fn add(&mut self, line: &impl Serialize) -> serde_json::Result<()> {
        serde_json::to_writer(&mut self.text, line)?;
        self.text.push(b'\n');
        Ok(())
    }

    /// How many bytes a key has in common with the one before, and the rest of it.
    fn split(&mut self, key: &'r str) -> (usize, &'r str) {
        let key = key.strip_prefix(self.prefix).unwrap_or(key);
        let before = std::mem::replace(&mut self.before, key);
        let same = key.bytes().zip(before.bytes()).take_while(|(one, other)| one == other).count();
        let shared = (0..=same).rev().find(|at| key.is_char_boundary(*at)).unwrap_or(0);
        (shared, &key[shared..])
    }
}

/// The entries of both lists in the order of their keys, without a copy of either list.
fn facts<'r>(record: &'r Record, written: &'r [Written]) -> impl Iterator<Item = Fact<'r>> {
    let known = |(key, known): (&'r str, &'r Known)| {
        let Known { etag, md5, sum, headers, .. } = known;
        Fact { key, etag, md5, sum: *sum, headers }
    };
    let new = |(file, etag): &'r Written| {
        let File { key, digest, headers, .. } = &**file;
        Fact { key, etag, md5: &digest.md5, sum: digest.sum, headers }
    };
    let mut known = record.objects.iter().map(known).peekable();
    let mut new = written.iter().map(new).peekable();
    std::iter::from_fn(move || match (known.peek(), new.peek()) {
        (Some(one), Some(other)) if other.key < one.key => new.next(),
        (Some(_), _) => known.next(),
        (None, _) => new.next(),
    })
}
