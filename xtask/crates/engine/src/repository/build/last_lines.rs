//! The last lines that a generator printed. In a report that is read without the terminal, nothing else says why a
//! build failed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::event::{Event, Tell};
use crate::base::humanize::without_colours;
use crate::base::redact;

/// Most generators print the error at the end, in a few lines.
const MOST: usize = 20;

/// In characters. The lines of a stack trace are shorter, and lines of minified code may be endless.
const LONGEST: usize = 500;

#[derive(Clone, Default)]
pub struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    /// Passes all events on, and keeps the lines that the generator prints.
    pub fn listening(&self, tell: &Tell) -> Tell {
        let (lines, tell) = (self.clone(), tell.clone());
        Tell::new(move |event| {
            if let Event::Said(line) = &event {
                lines.push(line);
            }
            tell.tell(event);
        })
    }

    fn push(&self, line: &str) {
        // Before the line is shortened: otherwise the rest of a credential that is cut in two would be shown.
        let line = redact::hide(&without_colours(line));
        if line.trim().is_empty() {
            return;
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == MOST {
            lines.pop_front();
        }
        lines.push_back(match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        });
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_short_and_without_colours() {
        let lines = LastLines::default();
        let tell = lines.listening(&Tell::silent());
        for n in 0..30 {
            tell.tell(Event::Said(format!("line {n}")));
        }
        tell.tell(Event::Said("é".repeat(5000)));
        tell.tell(Event::Said("  ".into()));
        tell.tell(Event::Said("\u{1b}[31merror\u{1b}[0m: no theme".into()));
        let kept = lines.take();
        assert_eq!(kept.len(), MOST);
        assert_eq!(kept[0], "line 12");
        assert_eq!(kept[MOST - 2], "é".repeat(LONGEST) + "…");
        assert_eq!(kept[MOST - 1], "error: no theme");
        assert_eq!(lines.take(), [""; 0]);
    }
}
