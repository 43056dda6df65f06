//! Whether a listing makes progress. A store's answers cannot be trusted: if a store repeats its pages, the listing
//! would never end, and if the keys go backwards, the listing cannot be relied on.

use std::collections::HashSet;

use crate::base::error::{Failure, failed};

/// The pages of a listing so far.
#[derive(Debug, Default)]
pub struct Headway {
    tokens: HashSet<String>,
    last: Option<String>,
    keys: usize,
    empty: usize,
}

/// More objects than any site has: a store that lists more is making them up.
const MOST: usize = 5_000_000;

/// How many empty pages in a row are accepted. A page may be empty although more follow, if the store skips deleted
/// objects.
const MOST_EMPTY: usize = 1000;

impl Headway {
    /// Takes a page with `keys`. `next` is where the store says that the listing continues.
    ///
    /// # Errors
    /// What is wrong with the listing.
    pub fn page(&mut self, keys: &[String], next: Option<&str>) -> Result<(), &'static str> {
        if keys.first().is_some_and(|first| self.last.as_ref().is_some_and(|last| first <= last)) {
            return Err("the store lists the same keys again");
        }
        self.last = keys.last().cloned().or(self.last.take());
        self.goes_on(keys.len(), next)
    }

    /// Takes a page from a store that lists its keys in no order, or a page of another kind.
    pub fn goes_on(&mut self, found: usize, next: Option<&str>) -> Result<(), &'static str> {
        self.keys += found;
        self.empty = if found > 0 { 0 } else { self.empty + 1 };
        match next {
            Some(next) if !self.tokens.insert(next.to_owned()) => Err("the store repeats a page"),
            Some(_) if self.empty > MOST_EMPTY => Err("the store answers page after empty page"),
            _ if self.keys > MOST => Err("the listing does not end"),
            _ => Ok(()),
        }
    }
}

/// Where a listing continues; `None` if this was its last page.
///
/// # Errors
/// What is missing. A listing that does not say whether it is complete counts as incomplete.
pub fn next<T>(is_truncated: Option<bool>, token: Option<T>) -> Result<Option<T>, &'static str> {
    match (is_truncated, token) {
        (Some(true), None) => {
            Err("the store truncated the listing without saying where it continues")
        }
        (Some(true), token) => Ok(token),
        (Some(false), _) => Ok(None),
        (None, _) => Err("the store did not say whether the listing is whole (`IsTruncated`)"),
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

    #[test]
    fn a_listing_that_gets_nowhere_is_an_error() {
        let two = [keys(&["a", "b"]), keys(&["c"])];
        for (why, pages, tokens, is_fine) in [
            ("goes on", two.clone(), ["1", "2"], true),
            ("repeats its token", two, ["1", "1"], false),
            ("repeats its keys", [keys(&["a", "b"]), keys(&["a", "b"])], ["1", "2"], false),
            ("goes backwards", [keys(&["c"]), keys(&["b"])], ["1", "2"], false),
            ("has an empty page", [keys(&[]), keys(&["a"])], ["1", "2"], true),
        ] {
            let mut headway = Headway::default();
            let taken = pages.iter().zip(tokens).try_for_each(|(p, t)| headway.page(p, Some(t)));
            assert_eq!(taken.is_ok(), is_fine, "{why}");
        }
    }

    #[test]
    fn a_listing_ends() {
        let mut headway = Headway::default();
        let empty = (0..).find(|n| headway.goes_on(0, Some(&n.to_string())).is_err());
        assert_eq!(empty, Some(MOST_EMPTY));
        let mut headway = Headway::default();
        let full = (0..).find(|n| headway.goes_on(1000, Some(&n.to_string())).is_err());
        assert_eq!(full, Some(MOST / 1000));
    }

    #[test]
    fn a_listing_says_whether_it_is_whole() {
        assert_eq!(next(Some(false), None::<&str>), Ok(None));
        assert_eq!(next(Some(false), Some("1")), Ok(None));
        assert_eq!(next(Some(true), Some("1")), Ok(Some("1")));
        assert!(next(Some(true), None::<&str>).is_err());
        assert!(next(None, Some("1")).is_err());
    }
}
