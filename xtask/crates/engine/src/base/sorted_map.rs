//! A map from text for very many small entries that are looked up more often than changed: one sorted list, with all
//! keys in one text. A tree that is filled in order takes nearly twice the memory, and a hundred thousand separate keys
//! leave as many holes when they are freed.

use std::cmp::Ordering;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

#[derive(Clone, Debug)]
pub struct SortedMap<V> {
    keys: String,
    entries: Vec<Entry<V>>,
    next: Next,
}

/// The index after the entry that was looked up last: most lookups are in the order of the keys.
#[derive(Debug, Default)]
struct Next(AtomicUsize);

impl Clone for Next {
    fn clone(&self) -> Next {
        Next::default()
    }
}

#[derive(Clone, Debug)]
struct Entry<V> {
    /// Where the key begins and ends in `keys`.
    begin: usize,
    end: usize,
    value: V,
}

impl<V> SortedMap<V> {
    pub fn get(&self, key: &str) -> Option<&V> {
        let next = self.next.0.load(Relaxed);
        let is_next = self.entries.get(next).is_some_and(|entry| key_of(&self.keys, entry) == key);
        let found = match is_next {
            true => Ok(next),
            false => self.entries.binary_search_by(|entry| key_of(&self.keys, entry).cmp(key)),
        };
        let after = found.map_or_else(|at| at, |at| at + 1);
        self.next.0.store(after, Relaxed);
        found.ok().map(|at| &self.entries[at].value)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// In the order of the keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &V)> {
        self.entries.iter().map(|entry| (key_of(&self.keys, entry), &entry.value))
    }

    /// In the order of the keys.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut V)> {
        let keys = &self.keys;
        self.entries.iter_mut().map(|entry| (&keys[entry.begin..entry.end], &mut entry.value))
    }

    /// Only the entries to keep, without spare memory for the others.
    pub fn filter(self, keep: impl Fn(&str, &V) -> bool) -> SortedMap<V> {
        let SortedMap { keys, entries, .. } = self;
        let kept = entries.into_iter().filter(|entry| keep(key_of(&keys, entry), &entry.value));
        let mut kept: SortedMap<V> =
            kept.map(|entry| (&keys[entry.begin..entry.end], entry.value)).collect();
        kept.shrink();
        kept
    }

    /// Adds entries. Cheap if they come after the existing ones.
    pub fn append(&mut self, mut other: SortedMap<V>) {
        let is_after = match (self.entries.last(), other.entries.first()) {
            (Some(last), Some(first)) => key_of(&self.keys, last) < key_of(&other.keys, first),
            _ => true,
        };
        let offset = self.keys.len();
        self.keys.push_str(&other.keys);
        for entry in &mut other.entries {
            entry.begin += offset;
            entry.end += offset;
        }
        self.entries.append(&mut other.entries);
        if !is_after {
            self.sort();
        }
    }

    fn sort(&mut self) {
        let keys = &self.keys;
        let order = |one: &Entry<V>, other: &Entry<V>| key_of(keys, one).cmp(key_of(keys, other));
        self.entries.sort_by(order);
        self.entries.dedup_by(|later, earlier| {
            let same = order(later, earlier) == Ordering::Equal;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
    }

    /// Frees the memory that was reserved for growth.
    pub fn shrink(&mut self) {
        self.keys.shrink_to_fit();
        self.entries.shrink_to_fit();
    }
}

fn key_of<'k, V>(keys: &'k str, entry: &Entry<V>) -> &'k str {
    &keys[entry.begin..entry.end]
}

impl<V> Default for SortedMap<V> {
    fn default() -> SortedMap<V> {
        SortedMap { keys: String::new(), entries: Vec::new(), next: Next::default() }
    }
}

impl<V: PartialEq> PartialEq for SortedMap<V> {
    fn eq(&self, other: &SortedMap<V>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<V: Eq> Eq for SortedMap<V> {}

/// If two entries have the same key, the later one stays. Cheap if the new entries are in order and come after the
/// existing ones.
impl<K: AsRef<str>, V> Extend<(K, V)> for SortedMap<V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        let last = self.entries.len().saturating_sub(1);
        for (key, value) in entries {
            let begin = self.keys.len();
            self.keys.push_str(key.as_ref());
            self.entries.push(Entry { begin, end: self.keys.len(), value });
        }
        let keys = &self.keys;
        let ordered = |one: &Entry<V>, next: &Entry<V>| key_of(keys, one) < key_of(keys, next);
        if !self.entries[last..].is_sorted_by(ordered) {
            self.sort();
        }
    }
}

impl<K: AsRef<str>, V> FromIterator<(K, V)> for SortedMap<V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> SortedMap<V> {
        let mut sorted = SortedMap::default();
        sorted.extend(entries);
        sorted
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::base::proptests::cases;

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn it_is_the_map_that_its_entries_make(
            parts in prop::collection::vec(prop::collection::vec(("[ab]{0,2}", any::<u8>()), 0..6), 0..4),
        ) {
            let (mut sorted, mut map) = (SortedMap::default(), BTreeMap::new());
            for (index, part) in parts.into_iter().enumerate() {
                map.extend(part.clone());
                match index % 2 {
                    0 => sorted.extend(part),
                    _ => sorted.append(part.into_iter().collect()),
                }
            }
            prop_assert!(sorted.iter().eq(map.iter().map(|(key, value)| (key.as_str(), value))));
            for key in ["", "a", "ab", "a", "b", "c"] {
                prop_assert_eq!(sorted.get(key), map.get(key));
            }
            let sorted = sorted.filter(|key, value| key != "a" && *value < 100);
            map.retain(|key, value| key != "a" && *value < 100);
            prop_assert!(sorted.iter().eq(map.iter().map(|(key, value)| (key.as_str(), value))));
            prop_assert_eq!(sorted.len(), map.len());
        }
    }
}
