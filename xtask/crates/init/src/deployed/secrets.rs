//! Keys that are written in the files themselves. They are reported by their line, and never repeated.

use super::Reading;

/// The ids of access keys begin like this: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
const KINDS: &[&str] = &["AKIA", "ASIA"];
const LENGTH: usize = 20;
/// The names of settings whose value is a secret, in lower case and without `-` and `_`.
const SETTINGS: &[&str] = &["secretaccesskey", "secretkey"];
const SECRET_LENGTH: usize = 40;

/// Notes each line that has a key.
pub fn find(file: &str, text: &str, notes: &mut Vec<String>) {
    for (at, line) in text.lines().enumerate() {
        if has_key(line) {
            notes.push(format!(
                "a key is written in {file}:{}; make a new one, and delete it",
                at + 1
            ));
        }
    }
}

/// Removes what looks like a key from all that was read: a value that was taken for the name of something.
pub fn remove(reading: &mut Reading) {
    let mut removed = Vec::new();
    for places in [&mut reading.places, &mut reading.open] {
        places.retain(|place| {
            let is_clean = !has_key(&format!("{place:?}"));
            if !is_clean {
                removed.push(format!(
                    "{}:{}: a key stands where a name is expected",
                    place.file.display(),
                    place.line
                ));
            }
            is_clean
        });
    }
    reading.notes.retain(|note| !has_key(note));
    reading.notes.extend(removed);
}

fn has_key(text: &str) -> bool {
    let is_id = |word: &str| {
        word.len() == LENGTH
            && KINDS.iter().any(|kind| word.starts_with(kind))
            && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(is_id) || has_secret(text)
}

/// A secret key has no mark, so only the value of a setting for it counts.
fn has_secret(text: &str) -> bool {
    let plain = text.to_lowercase().replace(['-', '_'], "");
    if !SETTINGS.iter().any(|setting| plain.contains(setting)) {
        return false;
    }
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/".contains(c)));
    let is_secret = |word: &str| {
        word.len() == SECRET_LENGTH
            && word.bytes().any(|b| b.is_ascii_digit())
            && word.bytes().any(|b| b.is_ascii_lowercase())
            && word.bytes().any(|b| b.is_ascii_uppercase())
    };
    words.into_iter().any(is_secret)
}
