//! How far a stage has come.

use std::time::{Duration, Instant};

use engine::base::humanize::{about, bytes, count, plain};
use engine::base::{Amount, Stage};

/// A stage that is running.
pub struct Running {
    stage: Stage,
    what: String,
    total: Amount,
    pub done: Amount,
    began: Instant,
}

impl Running {
    pub fn new(stage: Stage, total: Amount, what: String) -> Running {
        Running { stage, what, total, done: Amount::default(), began: Instant::now() }
    }

    /// The line at the beginning of the stage; `None` if there is nothing to say yet.
    pub fn first_line(&self) -> Option<String> {
        let Running { total, what, .. } = self;
        match self.stage {
            Stage::Build => Some(format!("building: {}", plain(what))),
            Stage::Hash => {
                Some(format!("hashing {}, {}", count(total.items, "file"), bytes(total.bytes)))
            }
            Stage::Check => {
                Some(format!("checking the headers of {}", count(total.items, "object")))
            }
            Stage::Wait => Some(format!("waiting for `{}` to end", plain(what))),
            Stage::Upload if total.items > 0 => {
                Some(format!("uploading {}, {}", count(total.items, "file"), bytes(total.bytes)))
            }
            Stage::Upload | Stage::List | Stage::Delete => None,
        }
    }

    /// A line while the stage runs; `None` if the stage prints nothing before it ends.
    pub fn line(&self) -> Option<String> {
        let seconds = self.began.elapsed().as_secs();
        match self.stage {
            Stage::Build => Some(format!("building: {seconds} s so far")),
            Stage::Wait => {
                Some(format!("waiting for `{}` to end: {seconds} s so far", plain(&self.what)))
            }
            Stage::List => Some(format!("listing: {}", count(self.done.items, "object"))),
            Stage::Upload => Some(self.uploading()),
            Stage::Hash | Stage::Check | Stage::Delete => None,
        }
    }

    /// The text beside the stage's bar.
    pub fn message(&self) -> String {
        match self.stage {
            Stage::Build => plain(&self.what),
            Stage::List => count(self.done.items, "object"),
            Stage::Hash => count(self.total.items, "file"),
            Stage::Check => count(self.total.items, "object"),
            Stage::Wait => format!("for `{}` to end", plain(&self.what)),
            Stage::Upload => self.files(self.began.elapsed()),
            Stage::Delete => format!("{} deleted", count(self.done.items, "object")),
        }
    }

    fn uploading(&self) -> String {
        let elapsed = self.began.elapsed();
        let rate = (self.done.bytes as f64 / elapsed.as_secs_f64().max(0.001)) as u64;
        format!(
            "uploading: {} of {}, {}/s, {}",
            bytes(self.done.bytes),
            bytes(self.total.bytes),
            bytes(rate),
            self.files(elapsed)
        )
    }

    /// The number of files, their rate, and the time left. The bytes of thousands of small pages hardly count, so the
    /// time left is that of the files or of the bytes, whichever is longer.
    fn files(&self, elapsed: Duration) -> String {
        let Running { done, total, .. } = self;
        let seconds = elapsed.as_secs_f64();
        let mut text = format!("{}/{}", done.items, count(total.items, "file"));
        if seconds < 1.0 || done.items == 0 {
            return text;
        }
        text += &format!(", {:.0} files/s", done.items as f64 / seconds);
        let left = |done: u64, of: u64| match done {
            0 => 0.0,
            done => seconds * (of.saturating_sub(done) as f64 / done as f64),
        };
        let left = left(done.items, total.items).max(left(done.bytes, total.bytes));
        if left >= 1.0 {
            text += &format!(", {} left", about(left as u64));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_files_if_their_bytes_hardly_grow() {
        let upload = |items, bytes| {
            let total = Amount { items: 2000, bytes: 1_000_000 };
            let running = Running::new(Stage::Upload, total, String::new());
            Running { done: Amount { items, bytes }, ..running }
        };
        for (files, sent, shown) in [
            (0, 0, "0/2000 files"),
            (500, 500_000, "500/2000 files, 50 files/s, 30 seconds left"),
            (500, 990_000, "500/2000 files, 50 files/s, 30 seconds left"),
            (1990, 100_000, "1990/2000 files, 199 files/s, 90 seconds left"),
            (2000, 1_000_000, "2000/2000 files, 200 files/s"),
        ] {
            assert_eq!(upload(files, sent).files(Duration::from_secs(10)), shown);
        }
        assert_eq!(upload(5, 5).files(Duration::from_millis(10)), "5/2000 files");
    }
}
