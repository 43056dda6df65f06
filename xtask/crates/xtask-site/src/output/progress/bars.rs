//! Bars on a terminal, one for each running stage.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::running::Running;
use super::{said, say};
use engine::base::{Amount, Event, Stage};

pub struct Bars {
    all: MultiProgress,
    running: BTreeMap<Stage, (Running, ProgressBar)>,
    /// The variables that the last message named as withheld from the generator.
    withheld: Vec<String>,
}

impl Bars {
    pub fn on(all: MultiProgress) -> Bars {
        Bars { all, running: BTreeMap::new(), withheld: Vec::new() }
    }

    pub fn draw(&mut self, event: Event) {
        match event {
            Event::Began(stage, total, what) => self.begin(stage, total, what),
            Event::Advanced(stage, by) => self.advance(stage, by),
            Event::Ended(stage, _) => {
                if let Some((_, bar)) = self.running.remove(&stage) {
                    bar.finish_and_clear();
                }
            }
            other => {
                if let Some(line) = said(other, &mut self.withheld) {
                    self.all.suspend(|| say(&line));
                }
            }
        }
    }

    fn begin(&mut self, stage: Stage, total: Amount, what: String) {
        let running = Running::new(stage, total, what);
        let bar = ProgressBar::new(total.bytes).with_style(style(stage));
        let bar = self.all.add(bar.with_message(running.message()));
        bar.enable_steady_tick(Duration::from_millis(100));
        if let Some((_, before)) = self.running.insert(stage, (running, bar)) {
            before.finish_and_clear();
        }
    }

    fn advance(&mut self, stage: Stage, by: Amount) {
        let Some((running, bar)) = self.running.get_mut(&stage) else { return };
        running.done += by;
        bar.inc(by.bytes);
        // The message counts files or objects, so a piece of one does not change it.
        if by.items > 0 {
            bar.set_message(running.message());
        }
    }
}

fn style(stage: Stage) -> ProgressStyle {
    let template = match stage {
        Stage::Build => "{spinner} building   {elapsed:>4}  {msg}",
        Stage::List => "{spinner} listing    {elapsed:>4}  {msg}",
        Stage::Hash => {
            "{spinner} hashing    {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {msg}"
        }
        Stage::Check => "{spinner} checking   {elapsed:>4}  {msg}",
        Stage::Wait => "{spinner} waiting    {elapsed:>4}  {msg}",
        Stage::Upload => {
            "{spinner} uploading  {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {msg}"
        }
        Stage::Delete => "{spinner} deleting   {elapsed:>4}  {msg}",
    };
    // A mistake in a template only makes the bar look plain.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━╌")
}
