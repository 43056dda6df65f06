//! The values of credentials in use, so that they can be removed from everything that is printed. Messages also come
//! from stores and from other programs, and may repeat what they were sent. For example, a store that is given the
//! secret in place of the key's id answers that it knows no such key, and includes the secret.

use std::sync::{Mutex, PoisonError};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

static HIDDEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A shorter value is not a secret, and hiding it would put stars into half of every text.
const SHORTEST: usize = 8;

/// From now on [`hide`] hides this value, also if it is escaped: in JSON, in a URL, or as by Rust's `{:?}`.
pub(crate) fn keep(value: &str) {
    if value.len() < SHORTEST {
        return;
    }
    let mut ways = ways(value);
    let mut hidden = HIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    ways.retain(|way| !hidden.contains(way));
    hidden.extend(ways);
    // The longest come first, so that a value that contains another is hidden as a whole.
    hidden.sort_by_key(|way| std::cmp::Reverse(way.len()));
}

/// The ways in which a value can be written: as it is, escaped in JSON or in a URL, or as by Rust's `{:?}`.
pub(crate) fn ways(value: &str) -> Vec<String> {
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

/// The characters that RFC 3986 allows unescaped in a URL.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text with the values to hide replaced by stars.
pub fn hide(text: &str) -> String {
    let hidden = HIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    hidden.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "****"))
}

/// The values to hide.
pub(crate) fn kept() -> Vec<String> {
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
