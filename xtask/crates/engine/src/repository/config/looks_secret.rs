//! Distinguishes credentials from names of variables. Names belong in the file. Credentials must not appear in any
//! output, because it ends up in the log of a CI job.

/// Whether a text is written by the conventions for environment variables: `STGAWSKEY`, `stg_aws_key`, `TF_VAR_key`.
/// Names and secrets consist of the same characters, so only the conventions tell them apart: a name that does not
/// follow them is taken for a password.
pub fn is_variable(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let of_one_case =
        |word: &str| !has(word, u8::is_ascii_lowercase) || !has(word, u8::is_ascii_uppercase);
    // The id of a key of another store, such as `Q3AM3UQ867SPQQA43P2F`.
    let is_random = |word: &str| word.len() >= 16 && changes(word) * 4 >= word.len();
    name.bytes().all(plain)
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
        && name.split('_').all(|word| of_one_case(word) && !is_random(word))
        && (name.contains('_') || !has(name, u8::is_ascii_lowercase))
        && !looks_like_a_secret(name)
}

/// Whether a text could be the value of a credential, with anything written around it.
pub fn looks_like_a_secret(text: &str) -> bool {
    text.split(|c| !is_run(c)).any(is_secret)
}

/// A text in which everything that could be a credential is replaced by stars. It hides more than
/// [`looks_like_a_secret`] detects, because a star too many in a message costs less than a wrongly refused word in the
/// file.
pub fn hide(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c| !is_run(c)) {
        let run = part.trim_end_matches(|c| !is_run(c));
        let hidden = is_secret(run)
            || is_escaped(run)
            || holds_access_key_id(run)
            || blocks(run).any(is_mixed);
        out.push_str(if hidden { "****" } else { run });
        out.push_str(&part[run.len()..]);
    }
    out
}

/// AWS secrets have 40 characters; those of some other stores have fewer.
const SHORTEST_SECRET: usize = 32;

fn is_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '+' | '=' | '_' | '-' | '\\')
}

/// The pieces of a run that are Base64 or hexadecimal. `_` and `-` join the words of names.
fn blocks(run: &str) -> impl Iterator<Item = &str> {
    run.split(['=', '_', '-', '\\'])
}

fn is_secret(run: &str) -> bool {
    run.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| is_access_key_id(word) || is_long(word))
        || blocks(run).any(is_long)
        || run.split(['/', '+', '=', '_', '\\']).any(is_long_in_hexadecimal)
        || is_shuffled(run)
}

/// `AKIA…` and `ASIA…`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
pub(crate) fn is_access_key_id(word: &str) -> bool {
    (16..=128).contains(&word.len())
        && ["AKIA", "ASIA"].iter().any(|start| word.starts_with(start))
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// Whether a whole text is in the form of an AWS secret access key: 40 characters of Base64.
pub(crate) fn is_secret_access_key(text: &str) -> bool {
    text.len() == 40
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+'))
        && has(text, u8::is_ascii_uppercase)
        && has(text, u8::is_ascii_lowercase)
}

/// A key id that was pasted directly before or after something else.
fn holds_access_key_id(run: &str) -> bool {
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let words = run.split(|c| !plain(c));
    words.flat_map(|word| word.char_indices().map(|(at, _)| &word[at..])).any(is_access_key_id)
}

/// As long as a secret. A path may have the same length and characters, but only one case.
fn is_long(block: &str) -> bool {
    let (upper, lower) = (has(block, u8::is_ascii_uppercase), has(block, u8::is_ascii_lowercase));
    block.len() >= SHORTEST_SECRET
        && match block.contains(['/', '+']) {
            true => upper && lower,
            false => lower || has(block, u8::is_ascii_digit),
        }
}

/// A UUID, which some stores use as a key.
fn is_long_in_hexadecimal(word: &str) -> bool {
    word.bytes().filter(u8::is_ascii_hexdigit).count() >= SHORTEST_SECRET
        && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
        && has(word, u8::is_ascii_digit)
}

/// Letters of both cases and digits in random order, whatever joins them: Base64 for URLs also contains `-` and `_`.
fn is_shuffled(run: &str) -> bool {
    let letters = run.bytes().filter(u8::is_ascii_alphanumeric).count();
    letters >= 24 && is_mixed(run) && changes(run) * 3 >= letters
}

fn is_mixed(block: &str) -> bool {
    block.len() >= 16
        && has(block, u8::is_ascii_uppercase)
        && has(block, u8::is_ascii_lowercase)
        && has(block, u8::is_ascii_digit)
}

/// Whether characters are escaped by their numbers, so that a text does not show what it says.
pub fn is_escaped(run: &str) -> bool {
    ["\\u", "\\U", "\\x"].iter().any(|escape| run.contains(escape))
}

fn has(text: &str, class: fn(&u8) -> bool) -> bool {
    text.bytes().any(|byte| class(&byte))
}

/// How often a letter or digit is followed by one of another kind: upper case, lower case, digit.
fn changes(text: &str) -> usize {
    let kind = |b: u8| match b {
        b'A'..=b'Z' => Some(0),
        b'a'..=b'z' => Some(1),
        b'0'..=b'9' => Some(2),
        _ => None,
    };
    let pairs = text.bytes().zip(text.bytes().skip(1)).map(|(a, b)| (kind(a), kind(b)));
    pairs.filter(|(a, b)| a.is_some() && b.is_some() && a != b).count()
}
