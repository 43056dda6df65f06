//! Values that contain a secret, in plain text or encoded.

use percent_encoding::percent_decode_str;

/// A shorter value counts only if no letters or digits are next to it.
const SHORTEST_PART: usize = 12;

/// Whether a value contains one of the secrets, either directly or in one of its [`readings`].
pub fn holds(value: &str, secrets: &[String]) -> bool {
    let holds = |text: &str, secret: &str| {
        text.match_indices(secret).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + secret.len()..]);
            let is_part =
                before.ends_with(char::is_alphanumeric) || after.starts_with(char::is_alphanumeric);
            !is_part || secret.len() >= SHORTEST_PART
        })
    };
    let readings = readings(value);
    secrets.iter().any(|secret| readings.iter().any(|text| holds(text, secret)))
}

/// The ways to read a value: as it is, as a part of an address, and decoded from Base64. Docker stores `user:token` in
/// Base64 in a JSON file, and CI systems encode such a file in Base64 again.
/// <https://docs.docker.com/reference/cli/docker/login/#credential-stores>
fn readings(value: &str) -> Vec<String> {
    let mut readings = vec![value.to_owned()];
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    readings.extend(Some(decoded.into_owned()).filter(|decoded| decoded != value));
    // Programs break the lines of a long text in Base64.
    if value.contains('\n') {
        readings.push(value.split_whitespace().collect());
    }
    let mut outer = 0..readings.len();
    for _ in 0..LAYERS {
        let inner: Vec<String> =
            readings[outer.clone()].iter().flat_map(|text| in_base64(text)).collect();
        outer = readings.len()..readings.len() + inner.len();
        readings.extend(inner);
    }
    readings
}

/// How many times a value is decoded.
const LAYERS: usize = 2;

/// The texts that are contained in a text in Base64.
fn in_base64(text: &str) -> impl Iterator<Item = String> {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || "+/-_".contains(c);
    let words = text.split(move |c| !is_digit(c)).filter(|word| word.len() >= SHORTEST_PART);
    words.filter_map(|word| {
        let standard = word.replace('-', "+").replace('_', "/");
        let bytes = base64_simd::forgiving_decode_to_vec(standard.as_bytes()).ok()?;
        String::from_utf8(bytes).ok()
    })
}

/// Whether a value contains the id of an AWS access key, or the token of a CI job.
pub fn has_token(value: &str) -> bool {
    let no_part = |c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_';
    readings(value).iter().flat_map(|text| text.split(no_part)).any(|word| {
        let is_id = |word: &str| word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let is_key = ["AKIA", "ASIA"].iter().any(|start| word.starts_with(start));
        // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
        is_key && word.len() == 20 && is_id(word)
            || ["ghs_", "glcbt-"].iter().any(|start| word.starts_with(start) && word.len() >= 20)
    })
}
