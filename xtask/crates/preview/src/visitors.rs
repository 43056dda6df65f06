//! What the preview remembers of the browsers that visit it.

use std::collections::{BTreeSet, VecDeque};

use super::worker::Browsers;
use engine::base::headers;

/// How many keys are remembered: enough for the files of a few pages.
const MOST_ASKED: usize = 64;

#[derive(Default)]
pub struct Visitors {
    pub browsers: Browsers,
    /// Whether the site has a service worker.
    pub has_worker: bool,
    /// The keys that browsers asked for last. The newest is at the end.
    asked: VecDeque<String>,
}

impl Visitors {
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.iter().cloned().collect()
    }

    pub fn remember_asked(&mut self, key: String) {
        self.asked.retain(|earlier| *earlier != key);
        self.asked.push_back(key);
        if self.asked.len() > MOST_ASKED {
            // Pages are forgotten last: a user who opened a page with many pictures still looks at the page.
            let is_page = |key: &String| headers::is_page(key, &headers::content_type(key));
            let oldest = self.asked.iter().position(|key| !is_page(key));
            self.asked.remove(oldest.unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_that_were_asked_for_last_are_remembered_once() {
        let mut visitors = Visitors::default();
        for n in (0..=MOST_ASKED).chain([1, 1]) {
            visitors.remember_asked(n.to_string());
        }
        visitors.remember_asked("new".into());
        let asked = visitors.asked();
        assert_eq!(asked.len(), MOST_ASKED);
        assert!(asked.contains("1") && !asked.contains("0") && !asked.contains("2"));
        visitors.remember_asked("page.html".into());
        for n in 0..=MOST_ASKED {
            visitors.remember_asked(format!("{n}.png"));
        }
        assert!(visitors.asked().contains("page.html"));
        assert_eq!(visitors.asked().len(), MOST_ASKED);
    }
}
