//! What the preview shows at one moment: the site, whether a request for it has to wait, what open pages are told, and
//! the comparison with the account's bucket.
//!
//! All of it is one value in one `watch` channel. The version changes in the same step in which the gate closes, and
//! is read in the same step in which the gate is found open. So no page gets the new version together with an old file.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::comparison::Comparison;
use super::news::News;
use super::shown::Shown;

pub struct State {
    pub news: News,
    /// `None` until the site was built once.
    pub shown: Option<Arc<Shown>>,
    pub comparison: Option<Arc<Comparison>>,
    /// A page asked for the account's bucket to be listed again.
    pub wants_listing: bool,
    gate: Gate,
}

/// Whether requests for the site are answered or have to wait.
enum Gate {
    Open,
    /// Files in the bucket are being replaced.
    Changing {
        /// Keys whose objects are new already. Requests for them are answered.
        done: BTreeSet<String>,
        /// Keys that requests wait for. `None` is a path that stands for no key.
        awaited: BTreeSet<Option<String>>,
    },
}

impl State {
    pub fn first(version: u64) -> State {
        State {
            news: News::first(version),
            shown: None,
            comparison: None,
            wants_listing: false,
            gate: Gate::Open,
        }
    }

    /// Closes the gate for every key, and tells open pages that there is a new version. Only `styles` change, unless
    /// the list is empty.
    pub fn close(&mut self, styles: Vec<String>) {
        self.gate = Gate::Changing { done: BTreeSet::new(), awaited: BTreeSet::new() };
        self.news.changed(styles);
    }

    pub fn open(&mut self) {
        self.gate = Gate::Open;
    }

    /// Lets requests for these keys through a closed gate.
    pub fn let_through(&mut self, keys: BTreeSet<String>) {
        if let Gate::Changing { done, .. } = &mut self.gate {
            *done = keys;
        }
    }

    /// Closes the gate again if a key that was let through changes once more: a page may have its old content already.
    /// Returns whether that was so.
    pub fn close_again(&mut self, changes: impl Fn(&str) -> bool) -> bool {
        let is_outdated = match &self.gate {
            Gate::Changing { done, .. } => done.iter().any(|key| changes(key)),
            Gate::Open => false,
        };
        if is_outdated {
            self.close(Vec::new());
        }
        is_outdated
    }

    /// Whether a request for this key need not wait.
    pub fn lets_through(&self, key: Option<&String>) -> bool {
        match &self.gate {
            Gate::Open => true,
            Gate::Changing { done, .. } => key.is_some_and(|key| done.contains(key)),
        }
    }

    /// Notes that a request waits for this key, if the gate is closed. Returns whether that is news.
    pub fn await_key(&mut self, key: Option<&String>) -> bool {
        match &mut self.gate {
            Gate::Open => false,
            Gate::Changing { awaited, .. } => awaited.insert(key.cloned()),
        }
    }

    /// Whether a request waits for a key that is not done.
    pub fn is_awaited(&self) -> bool {
        match &self.gate {
            Gate::Open => false,
            Gate::Changing { done, awaited } => {
                awaited.iter().any(|key| key.as_ref().is_none_or(|key| !done.contains(key)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn a_gate_that_closes_tells_a_new_version() {
        let mut state = State::first(7);
        assert!(state.lets_through(None));
        state.close(Vec::new());
        assert_eq!((state.news.version, state.lets_through(Some(&"a".into()))), (8, false));
        state.open();
        assert_eq!((state.news.version, state.lets_through(Some(&"a".into()))), (8, true));
    }

    #[test]
    fn a_key_that_changes_once_more_closes_the_gate_again() {
        let mut state = State::first(7);
        assert!(!state.close_again(|_| true), "an open gate stays open");
        state.close(Vec::new());
        state.let_through(keys(&["a"]));
        assert!(!state.close_again(|key| key == "b"));
        assert_eq!((state.news.version, state.lets_through(Some(&"a".into()))), (8, true));
        assert!(state.close_again(|key| key == "a"));
        assert_eq!((state.news.version, state.lets_through(Some(&"a".into()))), (9, false));
    }

    #[test]
    fn a_request_for_no_key_waits_for_the_whole_change() {
        let mut state = State::first(7);
        assert!(!state.await_key(None), "nobody waits at an open gate");
        state.close(Vec::new());
        assert!(state.await_key(None) && !state.await_key(None));
        state.let_through(keys(&["a"]));
        assert!(state.is_awaited() && !state.lets_through(None));
        state.open();
        assert!(!state.is_awaited());
    }
}
