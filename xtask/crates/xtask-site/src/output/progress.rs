//! Events to a bar. On a terminal, bars on standard error that go when their stage ends; elsewhere, and in
//! CI, a line a stage and one every ten seconds while a stage is long. Warnings and what the generator
//! prints are shown either way.

use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::color;
use engine::base::event::{Event, Tell};
use engine::base::secrets;
use engine::base::words::{about, bytes, count, plain};

/// How often a stage without a bar says where it is.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Draws what is told on standard error. In CI a line a stage, also where CI lends the job a terminal.
pub fn draw(in_ci: bool, on_github: bool) -> Tell {
    // Hidden where there is no terminal, where it is a dumb one, and under NO_COLOR, which would otherwise
    // leave a person without a word.
    match !in_ci && !MultiProgress::new().is_hidden() {
        true => {
            let all = BARS.get_or_init(MultiProgress::new).clone();
            let bars = Mutex::new(Bars { all, ..Bars::default() });
            Tell::new(move |event| bars.lock().unwrap_or_else(|e| e.into_inner()).draw(event))
        }
        false => {
            let lines =
                Mutex::new(Lines { quoting: on_github.then(random_word), ..Lines::default() });
            Tell::new(move |event| {
                let has_ended = HAS_ENDED.lock().unwrap_or_else(|e| e.into_inner());
                if !*has_ended || matches!(event, Event::Warning(_)) {
                    lines.lock().unwrap_or_else(|e| e.into_inner()).draw(event);
                }
            })
        }
    }
}

/// The bars of this process, so that one that is cut off can take them away before its last words.
static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// Whether the last words are said: a thread that scans may not have noticed yet that the run is over. Held while a
/// line is drawn.
static HAS_ENDED: Mutex<bool> = Mutex::new(false);

/// Takes the bars away, and draws no more, but for warnings.
pub fn clear() {
    *HAS_ENDED.lock().unwrap_or_else(|e| e.into_inner()) = true;
    if let Some(bars) = BARS.get() {
        // A terminal that is gone needs no clearing.
        let _ = bars.clear();
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// Does what prints, with no bar in its way.
#[cfg(feature = "local")]
pub fn suspend(work: impl FnOnce()) {
    match BARS.get() {
        Some(bars) => bars.suspend(work),
        None => work(),
    }
}

/// What the generator does not get. A preview builds again and again, so the same names are told once.
fn withheld(names: Vec<String>, told: &mut Vec<String>) -> Option<String> {
    if names.is_empty() || names == *told {
        return None;
    }
    let line = format!("left out of the generator's environment: {}", plain(&names.join(", ")));
    *told = names;
    Some(line)
}

/// A warning looks the same wherever it is shown.
fn warning(text: &str) -> String {
    format!("warning: {}", plain(text))
}

fn note(text: &str) -> String {
    format!("note: {}", plain(text))
}

fn say(line: &str) {
    // Nobody is left to be told that standard error is gone.
    let _ = color::write_line(std::io::stderr(), &secrets::hide(line));
}

#[derive(Default)]
struct Bars {
    all: MultiProgress,
    building: Option<ProgressBar>,
    listing: Option<ProgressBar>,
    hashing: Option<ProgressBar>,
    asking: Option<ProgressBar>,
    waiting: Option<ProgressBar>,
    writing: Option<ProgressBar>,
    upload: Option<Upload>,
    /// What the generator was said not to get.
    withheld: Vec<String>,
}

impl Bars {
    fn draw(&mut self, event: Event) {
        match event {
            Event::Building(command) => {
                self.building =
                    Some(self.spinner("{spinner} building   {elapsed:>4}  {msg}", plain(&command)));
            }
            Event::Said(line) => self.all.suspend(|| say(&line)),
            Event::Withheld(names) => {
                if let Some(line) = withheld(names, &mut self.withheld) {
                    self.all.suspend(|| say(&line));
                }
            }
            // The bar tells the time by itself.
            Event::BuildingFor { .. } | Event::Differs(_) => {}
            Event::Built => end(&mut self.building),
            Event::Listing { objects } => {
                if self.listing.is_none() {
                    self.listing = Some(
                        self.spinner("{spinner} listing    {elapsed:>4}  {msg}", String::new()),
                    );
                }
                message(&self.listing, count(objects, "object"));
            }
            Event::Listed { .. } => end(&mut self.listing),
            Event::Hashing { files, bytes: total } => {
                let bar = self.bar(
                    "{spinner} hashing    {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {msg}",
                    total,
                );
                bar.set_message(count(files, "file"));
                self.hashing = Some(bar);
            }
            Event::Hashed { bytes } => advance(&self.hashing, bytes),
            Event::Scanned => end(&mut self.hashing),
            Event::Asking { objects } => {
                let what = format!("about {}", count(objects, "object"));
                self.asking = Some(self.spinner("{spinner} asking     {elapsed:>4}  {msg}", what));
            }
            Event::Asked => end(&mut self.asking),
            Event::Waiting { who, .. } => {
                if self.waiting.is_none() {
                    self.waiting = Some(
                        self.spinner("{spinner} waiting    {elapsed:>4}  {msg}", String::new()),
                    );
                }
                message(&self.waiting, format!("for `{}` to end", plain(&who)));
            }
            Event::Waited => end(&mut self.waiting),
            Event::Writing { uploads, bytes: total, .. } => {
                let template = "{spinner} uploading  {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {msg}";
                self.writing = Some(self.bar(template, total));
                message(&self.writing, format!("0/{}", count(uploads, "file")));
                self.upload = Some(Upload::of(uploads, total));
            }
            Event::Sent { bytes } => {
                advance(&self.writing, bytes);
                if let Some(upload) = &mut self.upload {
                    upload.sent += bytes;
                }
            }
            Event::Uploaded => {
                if let Some(upload) = &mut self.upload {
                    upload.files += 1;
                    message(&self.writing, upload.text(upload.started.elapsed()));
                }
            }
            Event::Deleted { objects } => {
                message(&self.writing, format!("{} deleted", count(objects, "object")))
            }
            Event::Written => end(&mut self.writing),
            Event::Note(text) => self.all.suspend(|| say(&note(&text))),
            Event::Warning(text) => self.all.suspend(|| say(&warning(&text))),
        }
    }

    fn spinner(&self, template: &str, message: String) -> ProgressBar {
        let bar = self
            .all
            .add(ProgressBar::new_spinner().with_style(style(template)).with_message(message));
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    fn bar(&self, template: &str, total: u64) -> ProgressBar {
        let bar = self.all.add(ProgressBar::new(total).with_style(style(template)));
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are the ones above; a slip in one costs its looks and nothing else.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━━╌")
}

fn end(bar: &mut Option<ProgressBar>) {
    if let Some(bar) = bar.take() {
        bar.finish_and_clear();
    }
}

fn advance(bar: &Option<ProgressBar>, by: u64) {
    if let Some(bar) = bar {
        bar.inc(by);
    }
}

fn message(bar: &Option<ProgressBar>, text: String) {
    if let Some(bar) = bar {
        bar.set_message(text);
    }
}

/// How far the uploads are.
struct Upload {
    started: Instant,
    files: u64,
    of_files: u64,
    sent: u64,
    of_bytes: u64,
}

impl Upload {
    fn of(of_files: u64, of_bytes: u64) -> Upload {
        Upload { started: Instant::now(), files: 0, of_files, sent: 0, of_bytes }
    }

    /// The files, how fast they go, and the time that is left. The bytes of thousands of small pages hardly move, so
    /// the time is that of the files or of the bytes, whichever takes longer.
    fn text(&self, elapsed: Duration) -> String {
        let seconds = elapsed.as_secs_f64();
        let mut text = format!("{}/{}", self.files, count(self.of_files, "file"));
        if seconds < 1.0 || self.files == 0 {
            return text;
        }
        text += &format!(", {:.0} files/s", self.files as f64 / seconds);
        let left = |done: u64, of: u64| match done {
            0 => 0.0,
            done => seconds * (of.saturating_sub(done) as f64 / done as f64),
        };
        let left = left(self.files, self.of_files).max(left(self.sent, self.of_bytes));
        if left >= 1.0 {
            text += &format!(", {} left", about(left as u64));
        }
        text
    }
}

/// Without a terminal.
#[derive(Default)]
struct Lines {
    last: Option<Instant>,
    upload: Option<Upload>,
    /// What the last listing found: it is listed again under the lock, mostly to find the same.
    listed: Option<u64>,
    /// What was said to be built.
    built: Option<String>,
    /// What the generator was said not to get.
    withheld: Vec<String>,
    /// Whether it was said that it waits.
    waits: bool,
    /// On GitHub, the word between which what the generator prints is text and not a workflow command.
    /// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>
    quoting: Option<String>,
}

/// A word that the generator cannot guess.
fn random_word() -> String {
    use std::hash::{BuildHasher, Hasher};
    format!("{:016x}", std::hash::RandomState::new().build_hasher().finish())
}

impl Lines {
    fn draw(&mut self, event: Event) {
        match event {
            Event::Building(command) => {
                // A preview builds again and again.
                if self.built.as_ref() != Some(&command) {
                    self.stage(format!("building: {}", plain(&command)));
                    self.built = Some(command);
                }
                self.quote(|word| format!("::stop-commands::{word}"));
            }
            Event::Withheld(names) => {
                if let Some(line) = withheld(names, &mut self.withheld) {
                    self.stage(line);
                }
            }
            Event::Said(line) => {
                self.last = Some(Instant::now());
                say(&line);
            }
            Event::BuildingFor { seconds } => {
                self.now_and_then(|_| format!("building: {seconds} s so far"))
            }
            Event::Built => self.quote(|word| format!("::{word}::")),
            Event::Listing { objects } => {
                self.now_and_then(|_| format!("listing: {}", count(objects, "object")))
            }
            Event::Listed { objects } if self.listed == Some(objects) => {}
            Event::Listed { objects } => {
                self.listed = Some(objects);
                self.stage(format!("listed {}", count(objects, "object")));
            }
            Event::Hashing { files, bytes: total } => {
                self.stage(format!("hashing {}, {}", count(files, "file"), bytes(total)));
            }
            Event::Asking { objects } => {
                self.stage(format!("asking about {}", count(objects, "object")));
            }
            Event::Waiting { who, .. } if !self.waits => {
                self.waits = true;
                self.stage(format!("waiting for `{}` to end", plain(&who)));
            }
            Event::Waiting { who, seconds } => self.now_and_then(|_| {
                format!("waiting for `{}` to end: {seconds} s so far", plain(&who))
            }),
            Event::Writing { uploads, bytes: total, .. } => {
                self.upload = Some(Upload::of(uploads, total));
                if uploads > 0 {
                    self.stage(format!("uploading {}, {}", count(uploads, "file"), bytes(total)));
                }
            }
            Event::Sent { bytes } => {
                if let Some(upload) = &mut self.upload {
                    upload.sent += bytes;
                }
                self.now_and_then(Lines::uploading);
            }
            Event::Uploaded => {
                if let Some(upload) = &mut self.upload {
                    upload.files += 1;
                }
            }
            Event::Deleted { objects } => {
                self.stage(format!("deleted {}", count(objects, "object")))
            }
            Event::Note(text) => say(&note(&text)),
            Event::Warning(text) => say(&warning(&text)),
            Event::Hashed { .. }
            | Event::Differs(_)
            | Event::Scanned
            | Event::Asked
            | Event::Waited
            | Event::Written => {}
        }
    }

    fn quote(&self, line: impl Fn(&str) -> String) {
        if let Some(word) = &self.quoting {
            say(&line(word));
        }
    }

    fn uploading(&self) -> String {
        let Some(upload) = &self.upload else { return String::new() };
        let elapsed = upload.started.elapsed();
        let rate = (upload.sent as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
        format!(
            "uploading: {} of {}, {}/s, {}",
            bytes(upload.sent),
            bytes(upload.of_bytes),
            bytes(rate),
            upload.text(elapsed)
        )
    }

    fn stage(&mut self, line: String) {
        self.last = Some(Instant::now());
        say(&line);
    }

    fn now_and_then(&mut self, line: impl Fn(&Lines) -> String) {
        if self.last.get_or_insert_with(Instant::now).elapsed() >= BETWEEN_LINES {
            self.stage(line(self));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_files_where_their_bytes_stand_still() {
        let upload = |files, sent| Upload { files, sent, ..Upload::of(2000, 1_000_000) };
        for (files, sent, shown) in [
            (0, 0, "0/2000 files"),
            (500, 500_000, "500/2000 files, 50 files/s, 30 seconds left"),
            (500, 990_000, "500/2000 files, 50 files/s, 30 seconds left"),
            (1990, 100_000, "1990/2000 files, 199 files/s, 90 seconds left"),
            (2000, 1_000_000, "2000/2000 files, 200 files/s"),
        ] {
            assert_eq!(upload(files, sent).text(Duration::from_secs(10)), shown);
        }
        assert_eq!(upload(5, 5).text(Duration::from_millis(10)), "5/2000 files");
    }
}
