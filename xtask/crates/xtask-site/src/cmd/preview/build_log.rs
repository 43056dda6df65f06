//! The output of the generator, as it is shown over the page when a build fails: the error comes first. Most generators
//! print a banner and a list of files before the error, and that would fill the window.

use std::collections::VecDeque;

use crate::cli::Typed;
use crate::output::report;
use engine::base::humanize::plain;
use engine::base::{Error, Failure, failed, redact};

/// How many lines are kept. Of a longer output, the first lines are dropped.
const MOST_LINES: usize = 2000;

/// How many of the last lines come first if no line looks like an error.
const LAST: usize = 10;

/// The lines between the error and the output before it.
const BEFORE: [&str; 2] = ["", "before that:"];

#[derive(Debug, Default)]
pub struct BuildLog(VecDeque<String>);

impl BuildLog {
    pub fn push(&mut self, line: String) {
        if self.0.len() == MOST_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }

    /// The lines from the first error on, followed by the lines before it.
    pub fn error_first(self) -> Vec<String> {
        let mut lines = Vec::from(self.0);
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        let error = lines.iter().position(|line| is_error(line));
        let first = error.unwrap_or(lines.len().saturating_sub(LAST));
        let mut shown = lines.split_off(first);
        if !lines.is_empty() {
            shown.extend(BEFORE.map(str::to_owned));
            shown.extend(lines);
        }
        shown
    }
}

/// An error as it is shown over the page: the generator's output, then the tool's message.
pub fn over_the_page(error: &Error, typed: &Typed<'_>) -> String {
    let said = match error {
        Error::Failed(failure) if is_of_build(failure) => failure.causes.as_slice(),
        _ => return report::words(error, typed),
    };
    let said: String = said.iter().map(|line| plain(line) + "\n").collect();
    redact::hide(&said)
        + if said.is_empty() { "" } else { "\n" }
        + &report::words(&for_terminal(error), typed)
}

/// An error as the terminal shows it, which has the generator's output already.
pub fn for_terminal(error: &Error) -> Error {
    match error {
        Error::Failed(failure) if is_of_build(failure) => {
            let mut shown = failed(failure.message.clone());
            shown.hint = failure.hint.clone();
            shown.into()
        }
        Error::Failed(failure) => Failure {
            message: failure.message.clone(),
            causes: failure.causes.clone(),
            printed: failure.printed.clone(),
            hint: failure.hint.clone(),
            affects_every_request: failure.affects_every_request,
            is_of_file: failure.is_of_file,
        }
        .into(),
        Error::Config(text) => Error::Config(text.clone()),
        Error::Refused(refusal) => Error::Refused(refusal.clone()),
        Error::Interrupted(done) => Error::Interrupted(done.clone()),
    }
}

fn is_of_build(failure: &Failure) -> bool {
    failure.message.starts_with("the build failed")
}

/// Words that programs use when they report an error.
const WORDS: [&str; 8] =
    ["error", "fatal", "exception", "panicked", "traceback", "failed", "unable", "problem"];

/// Whether a line reports an error, and does not say that there is none.
fn is_error(line: &str) -> bool {
    let lower = line.to_lowercase();
    let is_none = ["0 error", "no error", "without error", "0 failed", "warn"];
    if is_none.iter().any(|none| lower.contains(none)) {
        return false;
    }
    // Names of files may contain such a word, and names of exceptions end with one.
    let words = lower.split(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '/' | '-' | '_'));
    words.map(|word| word.trim_end_matches('.')).any(|word| {
        WORDS.contains(&word) || word.ends_with("error") && !word.contains(['/', '-', '_'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_of(lines: &[&str]) -> String {
        let mut log = BuildLog::default();
        lines.iter().for_each(|line| log.push((*line).to_owned()));
        log.error_first().into_iter().next().unwrap_or_default()
    }

    #[test]
    fn the_first_line_is_the_error_of_each_generator() {
        for lines in [
            // Hugo
            &[
                "Start building sites …",
                "hugo v0.148.0",
                "",
                "Total in 12 ms",
                "|Error: error building site: x",
            ][..],
            // Zola
            &["Building site...", "|ERROR Failed to build the site", "ERROR Reason: x"],
            // mdBook
            &[
                "2026-01-01 [INFO] (mdbook::book): Book building has started",
                "|2026-01-01 [ERROR] (mdbook::utils): Error: x",
            ],
            // MkDocs, Python
            &[
                "INFO    -  Cleaning site directory",
                "|Traceback (most recent call last):",
                "  File \"x.py\"",
                "ValueError: x",
            ],
            &["|jinja2.exceptions.TemplateSyntaxError: x"],
            // Eleventy
            &[
                "[11ty] Writing ./_site/error.html from ./error.md",
                "|[11ty] Problem writing Eleventy templates:",
                "[11ty] 1. x",
            ],
            // Astro, Vite, TypeScript
            &[
                "vite v6 building for production...",
                "transforming...",
                "|✗ Build failed in 30ms",
                "error during build:",
            ],
            &["src/404-error.ts", "|src/a.ts(1,1): error TS2322: x"],
            // Jekyll
            &[
                "Configuration file: _config.yml",
                "      Generating... ",
                "|  Liquid Exception: x in index.html",
            ],
            // Rust
            &[
                "   Compiling failure v0.1.0",
                "warning: unused error",
                "|error[E0308]: mismatched types",
            ],
            &["0 errors, 0 warnings", "|thread 'main' panicked at src/main.rs"],
        ] {
            let error = lines.iter().find(|line| line.starts_with('|')).unwrap();
            let lines: Vec<&str> = lines.iter().map(|line| line.trim_start_matches('|')).collect();
            assert_eq!(first_of(&lines), error.trim_start_matches('|'));
        }
    }

    #[test]
    fn without_an_error_the_end_comes_first_and_nothing_is_lost() {
        let mut log = BuildLog::default();
        (0..MOST_LINES + 5).for_each(|n| log.push(n.to_string()));
        log.push(" ".into());
        let shown = log.error_first();
        assert_eq!(shown[0], (MOST_LINES + 5 - LAST).to_string());
        assert_eq!(shown[LAST..LAST + 3], ["", "before that:", "6"]);
        assert_eq!(shown.len(), MOST_LINES + 1);
        assert_eq!(BuildLog::default().error_first(), [""; 0]);
    }
}
