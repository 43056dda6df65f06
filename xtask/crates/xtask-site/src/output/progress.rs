//! Draws the events of the stages. On a terminal: a bar for each stage, removed when the stage ends. Elsewhere, and in
//! CI: a line for each stage, and one more every ten seconds while a stage takes long. Warnings and the generator's
//! output are shown in both cases.

mod bars;
mod lines;
mod running;

use std::sync::{Mutex, OnceLock};

use indicatif::{MultiProgress, ProgressDrawTarget};

use crate::output::color;
use engine::base::humanize::plain;
use engine::base::{Event, Tell, redact};

use bars::Bars;
use lines::Lines;

/// Draws events on standard error. In CI as lines, even if CI gives the job a terminal.
pub fn draw(in_ci: bool, on_github: bool) -> Tell {
    // Bars are hidden without a terminal, on a dumb one, and under NO_COLOR. Then lines are drawn, or a person would
    // see nothing.
    match !in_ci && !MultiProgress::new().is_hidden() {
        true => {
            let bars = Mutex::new(Bars::on(BARS.get_or_init(MultiProgress::new).clone()));
            Tell::new(move |event| bars.lock().unwrap_or_else(|e| e.into_inner()).draw(event))
        }
        false => {
            let lines = Mutex::new(Lines::new(on_github));
            Tell::new(move |event| {
                let has_ended = HAS_ENDED.lock().unwrap_or_else(|e| e.into_inner());
                if !*has_ended || matches!(event, Event::Warning(_)) {
                    lines.lock().unwrap_or_else(|e| e.into_inner()).draw(event);
                }
            })
        }
    }
}

/// The bars of this process, so that a run that is interrupted can remove them before its last message.
static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// Whether the last message was shown: a thread that scans may not have noticed yet that the run is over. Locked while
/// a line is drawn.
static HAS_ENDED: Mutex<bool> = Mutex::new(false);

/// Removes the bars, and draws nothing more except warnings.
pub fn clear() {
    *HAS_ENDED.lock().unwrap_or_else(|e| e.into_inner()) = true;
    if let Some(bars) = BARS.get() {
        // If the terminal is gone, there is nothing to clear.
        let _ = bars.clear();
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// Runs `work`, which prints, with the bars out of the way.
#[cfg(feature = "local")]
pub fn suspend(work: impl FnOnce()) {
    match BARS.get() {
        Some(bars) => bars.suspend(work),
        None => work(),
    }
}

/// The line for an event that is not about a stage. A preview builds again and again, so the variables that are
/// `withheld` from the generator are named only once.
fn said(event: Event, withheld: &mut Vec<String>) -> Option<String> {
    match event {
        Event::Said(line) => Some(line),
        Event::Note(text) => Some(format!("note: {}", plain(&text))),
        Event::Warning(text) => Some(format!("warning: {}", plain(&text))),
        Event::Withheld(names) if !names.is_empty() && names != *withheld => {
            let list = plain(&names.join(", "));
            *withheld = names;
            Some(format!("left out of the generator's environment: {list}"))
        }
        _ => None,
    }
}

fn say(line: &str) {
    // If standard error is gone, there is no other place to say so.
    let _ = color::write_line(std::io::stderr(), &redact::hide(line));
}
