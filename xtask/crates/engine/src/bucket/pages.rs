//! The pages of a listing, one after another, until the store says that there are no more. All listings go through
//! [`Pages`], which also checks that they make progress. A store's answers cannot be trusted: if a store repeats its
//! pages, the listing would never end, and if the keys go backwards, the listing cannot be relied on.

use std::collections::HashSet;
use std::hash::Hash;

use crate::base::error::{Failure, failed};

/// How far a listing has come. `T` is where a page begins: a token, or markers. A caller asks for [`Pages::next`], and
/// tells the answer of the store to [`Pages::answered`].
#[derive(Debug)]
pub struct Pages<T> {
    /// What the listing is for: "failed to list …".
    doing: String,
    next: Next<T>,
    places: HashSet<T>,
    last_key: Option<String>,
    keys: usize,
    empty: usize,
}

#[derive(Debug)]
enum Next<T> {
    First,
    At(T),
    End,
}

/// More objects than any site has: a store that lists more is making them up.
const MOST: usize = 5_000_000;

/// How many empty pages in a row are accepted. A page may be empty although more follow, if the store skips deleted
/// objects.
const MOST_EMPTY: usize = 1000;

impl<T: Clone + Eq + Hash> Pages<T> {
    pub fn of(doing: String) -> Pages<T> {
        let (places, last_key) = (HashSet::new(), None);
        Pages { doing, next: Next::First, places, last_key, keys: 0, empty: 0 }
    }

    /// Where the next page begins: `Some(None)` for the first page, and `None` after the last.
    pub fn next(&mut self) -> Option<Option<T>> {
        match std::mem::replace(&mut self.next, Next::End) {
            Next::First => Some(None),
            Next::At(place) => Some(Some(place)),
            Next::End => None,
        }
    }

    /// Whether the last page was answered.
    pub fn is_over(&self) -> bool {
        matches!(self.next, Next::End)
    }

    /// Takes note of an answer: how many keys are on the page, whether the store says that more follow, and where.
    ///
    /// # Errors
    /// The listing cannot be relied on. If it does not say whether it is complete, it counts as incomplete.
    pub fn answered(
        &mut self,
        keys: usize,
        is_truncated: Option<bool>,
        next: Option<T>,
    ) -> Result<(), Failure> {
        self.keys += keys;
        self.empty = if keys > 0 { 0 } else { self.empty + 1 };
        let wrong = match (is_truncated, &next) {
            (None, _) => "the store did not say whether the listing is whole (`IsTruncated`)",
            (Some(true), None) => {
                "the store truncated the listing without saying where it continues"
            }
            _ if self.keys > MOST => "the listing does not end",
            (Some(false), _) => return Ok(()),
            (_, Some(place)) if self.places.contains(place) => "the store repeats a page",
            _ if self.empty > MOST_EMPTY => "the store answers page after empty page",
            (_, Some(place)) => {
                self.places.insert(place.clone());
                self.next = Next::At(place.clone());
                return Ok(());
            }
        };
        Err(unreliable(self.doing.clone(), wrong))
    }

    /// Takes note of the keys of a page, if the store lists its keys in order.
    ///
    /// # Errors
    /// They do not follow those of the page before.
    pub fn in_order(&mut self, keys: &[String]) -> Result<(), Failure> {
        if keys.first().is_some_and(|first| self.last_key.as_ref() >= Some(first)) {
            return Err(unreliable(self.doing.clone(), "the store lists the same keys again"));
        }
        self.last_key = keys.last().cloned().or(self.last_key.take());
        Ok(())
    }
}

/// The failure for a listing that cannot be relied on.
pub fn unreliable(doing: String, what: impl Into<String>) -> Failure {
    let mut failure = failed(doing);
    failure.causes.push(what.into());
    failure.hint("nothing was written, since the listing cannot be relied on: run it again, or ask who runs the store")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    fn pages<T: Clone + Eq + Hash>() -> Pages<T> {
        Pages::of("failed to list".to_owned())
    }

    #[test]
    fn a_listing_that_gets_nowhere_is_an_error() {
        let two = [keys(&["a", "b"]), keys(&["c"])];
        for (why, listed, tokens, is_fine) in [
            ("goes on", two.clone(), ["1", "2"], true),
            ("repeats its token", two, ["1", "1"], false),
            ("repeats its keys", [keys(&["a", "b"]), keys(&["a", "b"])], ["1", "2"], false),
            ("goes backwards", [keys(&["c"]), keys(&["b"])], ["1", "2"], false),
            ("has an empty page", [keys(&[]), keys(&["a"])], ["1", "2"], true),
        ] {
            let mut pages = pages();
            let taken = listed.iter().zip(tokens).try_for_each(|(keys, token)| {
                pages.in_order(keys)?;
                pages.answered(keys.len(), Some(true), Some(token))
            });
            assert_eq!(taken.is_ok(), is_fine, "{why}");
        }
    }

    #[test]
    fn a_listing_ends() {
        let last = |found| {
            let mut pages = pages();
            (0..).find(|n| pages.answered(found, Some(true), Some(*n)).is_err())
        };
        assert_eq!(last(0), Some(MOST_EMPTY));
        assert_eq!(last(1000), Some(MOST / 1000));
    }

    #[test]
    fn a_listing_says_whether_it_is_whole() {
        for (is_truncated, token, next) in [
            (Some(false), None, Ok(None)),
            (Some(false), Some("1"), Ok(None)),
            (Some(true), Some("1"), Ok(Some(Some("1")))),
            (Some(true), None, Err(())),
            (None, Some("1"), Err(())),
        ] {
            let mut pages = pages();
            assert_eq!(pages.next(), Some(None), "the first page");
            let answered = pages.answered(1, is_truncated, token).map_err(drop);
            assert_eq!(answered.map(|()| pages.next()), next, "{is_truncated:?} {token:?}");
        }
    }
}
