//! Assets whose names contain a hash of their content. A bundler renames most of them for each release, so deleting
//! them is ordinary, and no sign of a broken build if as many new ones replace them.

use std::collections::HashMap;

use crate::bucket::Delete;
use crate::bucket::record::Record;

use super::{Reason, Upload};

/// How many deletes are of hashed assets that were replaced. Either this plan replaces them by as many new ones with
/// the same folder and ending, or an earlier deploy did, and they have stayed for a while since then.
///
/// For pages, and for assets with a fixed name, the record is not trusted: anyone who can write to the bucket could
/// forge a record that lists everything.
pub fn superseded(uploads: &[Upload], deletes: &[Delete], record: &Record) -> u64 {
    let assets = deletes.iter().filter(|object| !object.is_page);
    let hashed: Vec<_> = assets.filter_map(|o| Some((o, group(&o.key)?))).collect();
    if hashed.is_empty() {
        return 0;
    }
    let mut replacements: HashMap<String, u64> = HashMap::new();
    let new = uploads.iter().filter(|upload| upload.reason == Reason::New && !upload.is_page());
    for group in new.filter_map(|upload| group(&upload.file.key)) {
        *replacements.entry(group).or_default() += 1;
    }
    let mut superseded = 0;
    for (object, group) in hashed {
        let was_replaced = record.retained.get(&object.key).is_some();
        superseded += u64::from(was_replaced || take(&mut replacements, &group));
    }
    superseded
}

/// Uses up one replacement of a group; `false` if none is left.
fn take(replacements: &mut HashMap<String, u64>, group: &str) -> bool {
    match replacements.get_mut(group) {
        Some(left) if *left > 0 => {
            *left -= 1;
            true
        }
        _ => false,
    }
}

/// What two releases of an asset have in common: the folder, with `*` for each segment that contains a hash, and the
/// ending. `None` for a key without a hash.
fn group(key: &str) -> Option<String> {
    let mut segments: Vec<&str> = key.split('/').collect();
    let name = segments.pop()?;
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    let mut is_hashed = stem.split('.').any(holds_hash);
    for segment in &mut segments {
        if segment.split('.').any(holds_hash) {
            is_hashed = true;
            *segment = "*";
        }
    }
    is_hashed.then(|| format!("{}/*.{ending}", segments.join("/")))
}

/// Whether a part of a name is a hash or contains one: `index-B_x-9aQz`, `3b8f1c2d`, `app_5HVJ3ZQK`.
fn holds_hash(part: &str) -> bool {
    // A hash in base64 may contain the separators. Those of Vite and Rollup have eight characters.
    let tail = part.len().checked_sub(8).filter(|at| part.is_char_boundary(*at));
    let tail =
        tail.map(|at| part.split_at(at)).filter(|(start, _)| start.ends_with(['-', '_', '~']));
    is_hash(part)
        || part.split(['-', '_', '~']).any(is_hash)
        || tail.is_some_and(|(_, tail)| is_hash(tail))
}

/// Whether a text looks random: hex digits, or letters and digits in an order that no word has.
fn is_hash(text: &str) -> bool {
    if is_date_or_number(text) || is_of_words(text) {
        return false;
    }
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    let all = |test: fn(&u8) -> bool| text.as_bytes().iter().all(test);
    let has_digit = has(u8::is_ascii_digit);
    if all(u8::is_ascii_hexdigit) {
        let is_long = text.len() >= 8 || (text.len() >= 6 && has(u8::is_ascii_alphabetic));
        return is_long && has_digit;
    }
    let is_of_base64 = all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte));
    // Bundlers' hashes have eight characters by default, and names are rarely as long as twenty.
    let is_as_long_as_hashes = text.len() == 8 || text.len() >= 20;
    // A word can have a capital only at its beginning.
    let has_capital_inside = text.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    let is_letters_and_digits = text.len() >= 8 && has_digit && all(u8::is_ascii_alphanumeric);
    is_letters_and_digits || (is_of_base64 && is_as_long_as_hashes && has_capital_inside)
}

/// Whether a text is a number or a size, or begins with a date: `20240131`, `20240131T120000`, `1920x1080`.
fn is_date_or_number(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let begins_with_date = text
        .get(..8)
        .is_some_and(|date| is_number(date) && (date.starts_with("19") || date.starts_with("20")));
    let is_size = text.split_once(['x', 'X']).is_some_and(|(w, h)| is_number(w) && is_number(h));
    is_number(text) || begins_with_date || is_size
}

/// Whether a text consists of words and numbers, like the names that cameras and people give: `DSC00001`, `IMG_0001`,
/// `photo2024`, `My-Photo`.
fn is_of_words(text: &str) -> bool {
    let parts: Vec<&str> = text.split(['-', '_']).collect();
    let is_plain = |part: &&str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_word = !letters.chars().skip(1).any(|c| c.is_ascii_uppercase());
        let is_capitals = !letters.chars().any(|c| c.is_ascii_lowercase());
        let has_number = part.len() - letters.len() >= 2;
        let is_named = match parts.len() {
            // Without a number, letters alone may be a hash.
            1 => has_number,
            _ => is_word || is_capitals,
        };
        letters.is_empty() || (letters.chars().all(|c| c.is_ascii_alphabetic()) && is_named)
    };
    parts.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_in_a_name_is_told_from_words() {
        for (key, expected) in [
            ("assets/index-DiwrgTda.js", Some("assets/*.js")),
            ("assets/index-B_x-9aQz.css", Some("assets/*.css")),
            ("assets/x-0a1b2c3d.js", Some("assets/*.js")),
            ("assets/x-0000017b.js", Some("assets/*.js")),
            ("assets/x-HVJQZQKA.js", Some("assets/*.js")),
            ("static/js/main.073c9b0a.js", Some("static/js/*.js")),
            ("static/js/main.073c9b0a.js.map", Some("static/js/*.map")),
            ("static/js/2.1fdb8a7e.chunk.js", Some("static/js/*.js")),
            ("assets/js/0058b4c6.e7a1c9d2.js", Some("assets/js/*.js")),
            ("app-5HVJ3ZQK.js", Some("/*.js")),
            ("app-1a2b3c.js", Some("/*.js")),
            ("_app/immutable/chunks/B_x-9aQz.js", Some("_app/immutable/chunks/*.js")),
            ("_next/static/kX3vYp0a1bQ9/_ssgManifest.js", Some("_next/static/*/*.js")),
            ("css/main.min.8f14e45fceea167a5a36dedd4bea2543.css", Some("css/*.css")),
            ("assets/javascripts/bundle.aecac24b.min.js", Some("assets/javascripts/*.js")),
            ("style.css", None),
            ("js/bootstrap.min.js", None),
            ("js/jquery-3.7.1.js", None),
            ("img/Background.png", None),
            ("img/photo-2024.jpg", None),
            ("img/team-photo-large.jpg", None),
            ("photos/IMG_20240117.jpg", None),
            ("photos/thumb_20240117.jpg", None),
            ("photos/IMG_0001.jpg", None),
            ("photos/IMG-0001.jpg", None),
            ("photos/holiday_IMG_0001.jpg", None),
            ("photos/DSC00001.jpg", None),
            ("photos/DSCN0001.jpg", None),
            ("photos/P1010001.jpg", None),
            ("photos/photo2024.jpg", None),
            ("photos/PXL_20240117_153000123.jpg", None),
            ("photos/20240117T153000.jpg", None),
            ("photos/hero-1920x1080.jpg", None),
            ("photos/My-Photo.jpg", None),
            ("photos/Photo-Album-Summer-2024.jpg", None),
            ("files/00000017.pdf", None),
            ("remoteEntry.js", None),
            ("caf\u{e9}-caf\u{e9}s.css", None),
        ] {
            assert_eq!(group(key).as_deref(), expected, "{key}");
        }
    }
}
