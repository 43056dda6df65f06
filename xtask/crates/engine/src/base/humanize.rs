//! Texts for people: readable amounts, and names without characters that a terminal or a CI log would take for
//! commands.

use std::time::Duration;

use anstream::adapter::strip_str;

/// A readable number of bytes, in powers of ten.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A readable duration.
pub fn duration(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// A word, quoted for a shell if necessary.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "._-/:@%+,=".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

pub fn count(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

/// How long ago something happened.
pub fn ago(seconds: u64) -> String {
    match seconds {
        0 => "just now".to_owned(),
        _ => format!("{} ago", about(seconds)),
    }
}

/// A duration in its largest unit.
pub fn about(seconds: u64) -> String {
    match seconds {
        0..120 => count(seconds, "second"),
        120..7200 => count(seconds / 60, "minute"),
        7200..172_800 => count(seconds / 3600, "hour"),
        _ => count(seconds / 86_400, "day"),
    }
}

/// A text from elsewhere (a key, a path, a store's message) on one line, in characters that are only displayed. Control
/// characters and those that change the direction of writing are escaped: a key can contain a line break followed by
/// `::error::`, or an escape sequence of a terminal.
pub fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match commands(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// A line that a program printed, without escape sequences for the terminal, which are mostly colours.
/// <https://invisible-island.net/xterm/ctlseqs/ctlseqs.html>
pub fn without_colours(line: &str) -> String {
    let mut shown = strip_str(line).to_string();
    shown.retain(|c| !c.is_control() || c == '\t');
    shown
}

/// Whether a terminal or a log viewer does more with a character than display it. These are control characters,
/// characters that change the direction of writing, and invisible ones, with which `ma\u{200b}in` looks like `main`.
pub(crate) fn commands(c: char) -> bool {
    let turns_or_hides = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    turns_or_hides || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_without_its_colours() {
        for (line, shown) in [
            ("\u{1b}[1m\u{1b}[38;5;9merror\u{1b}[0m: a\tb", "error: a\tb"),
            ("\u{1b}[", ""),
            ("\u{1b}]8;;https://x\u{7}link\u{1b}]8;;\u{7}", "link"),
            ("\u{1b}]8;;https://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("50 %\r100 %\u{8}\u{9b}31m", "50 %100 %31m"),
            ("größe", "größe"),
        ] {
            assert_eq!(without_colours(line), shown);
        }
    }

    #[test]
    fn bytes_have_the_unit_that_suits_them() {
        for (n, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (519_000_000, "519.0 MB"),
            (u64::MAX, "18446744.1 TB"),
        ] {
            assert_eq!(bytes(n), shown);
        }
    }

    #[test]
    fn a_time_has_the_unit_that_suits_it() {
        let shown = [7, 999, 1_500, 59_900, 83_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(shown, ["7 ms", "999 ms", "1.5 s", "59.9 s", "1 min 23 s"]);
    }

    #[test]
    fn a_name_cannot_give_commands() {
        assert_eq!(plain("x\n::error::y\u{1b}[31m\u{202e}"), "x\\n::error::y\\u{1b}[31m\\u{202e}");
        assert_eq!(plain("ma\u{200b}in\u{feff}"), "ma\\u{200b}in\\u{feff}");
        assert_eq!(plain("caf\u{e9} \u{65e5}\u{672c}.html"), "caf\u{e9} \u{65e5}\u{672c}.html");
    }

    #[test]
    fn one_of_a_thing_is_not_plural() {
        assert_eq!((count(0, "file"), count(1, "file")), ("0 files".into(), "1 file".into()));
    }
}
