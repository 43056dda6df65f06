//! Colour for the first words of messages and for the marks of changes. Every line reads well without it.
//!
//! `--color` decides whether there is colour, then `NO_COLOR`, `CLICOLOR_FORCE` and `CLICOLOR`
//! (<https://bixense.com/clicolors/>), then Cargo's `CARGO_TERM_COLOR`, then the terminal.

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use clap::builder::styling::{AnsiColor, Style};

/// Decides for this process: by what the user typed, else by what is configured for Cargo.
pub fn choose(typed: clap::ColorChoice) {
    let cargo = std::env::var("CARGO_TERM_COLOR").unwrap_or_default();
    let is_open = ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR"]
        .iter()
        .all(|name| std::env::var_os(name).is_none_or(|value| value.is_empty()));
    let choice = match (typed, cargo.as_str()) {
        (clap::ColorChoice::Always, _) => ColorChoice::AlwaysAnsi,
        (clap::ColorChoice::Never, _) => ColorChoice::Never,
        (clap::ColorChoice::Auto, "always") if is_open => ColorChoice::AlwaysAnsi,
        (clap::ColorChoice::Auto, "never") if is_open => ColorChoice::Never,
        (clap::ColorChoice::Auto, _) => ColorChoice::Auto,
    };
    choice.write_global();
}

/// Writes a line to standard output or standard error, in colour if the stream displays it.
pub fn write_line<S: RawStream + IsTerminal>(mut stream: S, line: &str) -> io::Result<()> {
    match AutoStream::choice(&stream) {
        ColorChoice::Never => writeln!(stream, "{line}"),
        _ => writeln!(stream, "{}", painted(line)),
    }
}

/// The beginnings of lines, and their styles.
const MARKS: [(&str, Style); 9] = [
    ("error:", AnsiColor::Red.on_default().bold()),
    ("failed after", AnsiColor::Red.on_default().bold()),
    ("refused:", AnsiColor::Yellow.on_default().bold()),
    ("interrupted:", AnsiColor::Yellow.on_default().bold()),
    ("warning:", AnsiColor::Yellow.on_default().bold()),
    ("hint:", AnsiColor::Cyan.on_default().bold()),
    ("  + ", AnsiColor::Green.on_default()),
    ("  ~ ", AnsiColor::Yellow.on_default()),
    ("  - ", AnsiColor::Red.on_default()),
];

fn painted(text: &str) -> String {
    let paint = |line: &str| match MARKS.iter().find(|(mark, _)| line.starts_with(mark)) {
        Some((mark, style)) => format!("{style}{mark}{style:#}{}", &line[mark.len()..]),
        None => line.to_owned(),
    };
    text.split_inclusive('\n').map(paint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_first_words_and_marks_are_painted() {
        for (line, shown) in [
            ("refused: no\n\nhint: yes", "<1 33|refused:> no\n\n<1 36|hint:> yes"),
            ("error: an error: here", "<1 31|error:> an error: here"),
            ("  + a.html  (1 B)", "<32|  + >a.html  (1 B)"),
            ("  - hint:", "<31|  - >hint:"),
            ("production: main", "production: main"),
        ] {
            let painted = painted(line).replace("\u{1b}[0m", ">");
            let painted = painted.replace("m\u{1b}[", " ").replace("\u{1b}[", "<");
            let painted: String =
                ["1 31", "1 33", "1 36", "31", "32", "33"].iter().fold(painted, |text, code| {
                    text.replace(&format!("<{code}m"), &format!("<{code}|"))
                });
            assert_eq!(painted, shown);
        }
    }
}
