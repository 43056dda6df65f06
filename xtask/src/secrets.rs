//! The values of credentials in use, so that they can be kept out of whatever is printed. Messages come
//! from stores and from other programs too, and one of them may repeat what it was sent: a store that is
//! given the secret in place of the key's id answers that it knows no such key, and names it.

use std::sync::{Mutex, PoisonError};

static HIDDEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What is shorter than this is no secret, and would star out half of every text.
const SHORTEST: usize = 8;

/// From now on [`hide`] hides this value.
pub fn keep(value: &str) {
    if value.len() >= SHORTEST {
        HIDDEN.lock().unwrap_or_else(PoisonError::into_inner).push(value.to_owned());
    }
}

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
        keep("short");
        assert_eq!(hide("short"), "short");
    }
}
