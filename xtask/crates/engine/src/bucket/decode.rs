//! The keys of listings, which stores send encoded.

use std::borrow::Cow;

/// Keys are requested in URL encoding, since XML cannot represent every character of a key. In URL encoding, `+` is a
/// space. A store that does not know the option does not mention it in its answer.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub fn decode(key: &str, encoded: bool) -> String {
    // Bytes are searched all at once, characters one by one, and all keys of a listing pass through here.
    let has = |byte| key.as_bytes().contains(&byte);
    if !encoded || !(has(b'%') || has(b'+')) {
        return key.to_owned();
    }
    let spaced = if has(b'+') { key.replace('+', " ").into() } else { Cow::from(key) };
    percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod proptests;
