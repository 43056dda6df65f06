//! The values of credentials in use, so that they can be kept out of whatever is printed. Messages come
//! from stores and from other programs too, and one of them may repeat what it was sent: a store that is
//! given the secret in place of the key's id answers that it knows no such key, and names it.

use std::sync::{Mutex, PoisonError};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

static HIDDEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What is shorter than this is no secret, and would star out half of every text.
const SHORTEST: usize = 8;

/// From now on [`hide`] hides this value, also where it was escaped: in JSON, in a URL, or as Rust's `{:?}` shows it.
pub fn keep(value: &str) {
    if value.len() < SHORTEST {
        return;
    }
    let mut ways = ways(value);
    let mut hidden = HIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    ways.retain(|way| !hidden.contains(way));
    hidden.extend(ways);
    // The longest first: a value that holds another is hidden whole.
    hidden.sort_by_key(|way| std::cmp::Reverse(way.len()));
}

/// The ways in which a value is written: as it is, escaped in JSON or in a URL, or as Rust's `{:?}` shows it.
pub fn ways(value: &str) -> Vec<String> {
    let json = serde_json::Value::from(value).to_string();
    let mut ways = vec![
        value.to_owned(),
        json[1..json.len() - 1].to_owned(),
        value.escape_debug().to_string(),
        value.escape_default().to_string(),
        utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(value, UNRESERVED).to_string(),
        utf8_percent_encode(value, UNRESERVED).to_string().replace("%20", "+"),
    ];
    ways.sort_unstable();
    ways.dedup();
    ways
}

/// What RFC 3986 lets stand in a URL as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text without the values that are kept.
pub fn hide(text: &str) -> String {
    let hidden = HIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    hidden.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "****"))
}

/// The values that are kept.
pub fn kept() -> Vec<String> {
    HIDDEN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_value_is_starred_out_wherever_it_stands() {
        keep("a-secret-of-this-test");
        assert_eq!(hide("no such key: a-secret-of-this-test."), "no such key: ****.");
        let secret = "a \"secret\"/with\\all+that=é";
        keep(secret);
        for escaped in [
            serde_json::json!({ "error": secret }).to_string(),
            format!("{secret:?}"),
            "?key=a%20%22secret%22%2Fwith%5Call%2Bthat%3D%C3%A9".into(),
            "?key=a+%22secret%22%2Fwith%5Call%2Bthat%3D%C3%A9".into(),
        ] {
            let shown = hide(&escaped);
            assert!(shown.contains("****") && !shown.contains("secret"), "{shown}");
        }
        keep("short");
        assert_eq!(hide("short"), "short");
    }
}
