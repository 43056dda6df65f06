//! Lines, without a terminal.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::running::Running;
use super::{said, say};
use engine::base::humanize::count;
use engine::base::{Amount, Event, Stage};

/// How often running stages print a line.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

pub struct Lines {
    running: BTreeMap<Stage, Running>,
    last: Option<Instant>,
    /// What the last listing found. The bucket is listed again under the lock and mostly holds the same, so the line
    /// would be the same too.
    listed: Option<u64>,
    /// The line of the last build.
    built: Option<String>,
    /// The variables that the last message named as withheld from the generator.
    withheld: Vec<String>,
    /// On GitHub, the word that begins and ends the generator's output, so that nothing in it is taken for a workflow
    /// command.
    /// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>
    quoting: Option<String>,
}

impl Lines {
    pub fn new(on_github: bool) -> Lines {
        Lines {
            running: BTreeMap::new(),
            last: None,
            listed: None,
            built: None,
            withheld: Vec::new(),
            quoting: on_github.then(random_word),
        }
    }

    pub fn draw(&mut self, event: Event) {
        match event {
            Event::Began(stage, total, what) => self.begin(stage, total, what),
            Event::Advanced(stage, by) => self.advance(stage, by),
            Event::Ended(stage, done) => self.end(stage, done),
            other => {
                if let Some(line) = said(other, &mut self.withheld) {
                    self.say(line);
                }
            }
        }
    }

    fn begin(&mut self, stage: Stage, total: Amount, what: String) {
        let running = Running::new(stage, total, what);
        let line = running.first_line();
        // A preview builds again and again: say it once.
        if line.is_some() && line != self.built {
            line.iter().for_each(|line| self.say(line.clone()));
        }
        if stage == Stage::Build {
            self.built = line;
            self.quote(|word| format!("::stop-commands::{word}"));
        }
        self.running.insert(stage, running);
    }

    fn advance(&mut self, stage: Stage, by: Amount) {
        let Some(running) = self.running.get_mut(&stage) else { return };
        running.done += by;
        if self.last.get_or_insert_with(Instant::now).elapsed() >= BETWEEN_LINES
            && let Some(line) = running.line()
        {
            self.say(line);
        }
    }

    fn end(&mut self, stage: Stage, done: Amount) {
        self.running.remove(&stage);
        match stage {
            Stage::Build => self.quote(|word| format!("::{word}::")),
            Stage::List if self.listed.replace(done.items) != Some(done.items) => {
                self.say(format!("listed {}", count(done.items, "object")));
            }
            Stage::Delete => self.say(format!("deleted {}", count(done.items, "object"))),
            _ => {}
        }
    }

    fn quote(&self, line: impl Fn(&str) -> String) {
        if let Some(word) = &self.quoting {
            say(&line(word));
        }
    }

    fn say(&mut self, line: String) {
        self.last = Some(Instant::now());
        say(&line);
    }
}

/// A word that the generator cannot guess.
fn random_word() -> String {
    use std::hash::{BuildHasher, Hasher};
    format!("{:016x}", std::hash::RandomState::new().build_hasher().finish())
}
