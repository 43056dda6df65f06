//! Tools with which every part of the file is read: a table that notices unknown keys, and values of an expected type.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::problem::{Kind, Problem, nearest};

/// A value of the file and its position.
pub type Value<'t> = Spanned<DeValue<'t>>;

/// A string and its position.
pub type Text = (String, Range<usize>);

/// A table's keys, and which of them are known.
pub struct Fields<'v, 'p> {
    table: &'v DeTable<'v>,
    pub span: Range<usize>,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

/// The message for a key of the whole file that is in a section: in TOML, everything that follows a section's header
/// belongs to it.
pub fn is_above(key: &str) -> Option<String> {
    let is_above = ["keep", "exclude", "publish"].contains(&key);
    is_above.then(|| format!("`{key}` belongs at the top of the file, before the first [section]"))
}

impl<'v, 'p> Fields<'v, 'p> {
    pub fn new(table: &'v DeTable<'v>, span: Range<usize>, problems: &'p mut Vec<Problem>) -> Self {
        Fields { table, span, known: Vec::new(), problems }
    }

    pub fn of(value: &'v Value<'v>, what: &str, problems: &'p mut Vec<Problem>) -> Option<Self> {
        match value.get_ref().as_table() {
            Some(table) => Some(Fields::new(table, value.span(), problems)),
            None => {
                complain(problems, value.span(), format!("`{what}` must be a table"));
                None
            }
        }
    }

    pub fn optional(&mut self, key: &'static str) -> Option<&'v Value<'v>> {
        self.known.push(key);
        self.table.get(key)
    }

    pub fn required(&mut self, key: &'static str) -> Option<&'v Value<'v>> {
        let value = self.optional(key);
        // A misspelt key is reported by `no_others`, with the key that was meant.
        let misspelt =
            || self.table.iter().any(|(found, _)| nearest(found.get_ref(), &[key]).is_some());
        if value.is_none() && !misspelt() {
            complain(self.problems, self.span.clone(), format!("`{key}` is missing"));
        }
        value
    }

    pub fn no_others(self) {
        for (key, _) in self.table.iter() {
            let word = key.get_ref().as_ref();
            if self.known.contains(&word) {
                continue;
            }
            let mut message = format!("unknown key `{word}`");
            match nearest(word, &self.known) {
                Some(meant) => message.push_str(&format!("; did you mean `{meant}`?")),
                None => message.push_str(&format!("; known here: {}", self.known.join(", "))),
            }
            complain(self.problems, key.span(), is_above(word).unwrap_or(message));
        }
    }
}

pub fn complain(problems: &mut Vec<Problem>, span: Range<usize>, message: impl Into<String>) {
    problems.push(Problem { span, message: message.into(), kind: Kind::Mistake });
}

/// Reports a value that is not filled in yet.
pub fn complain_of_open(problems: &mut Vec<Problem>, span: Range<usize>, key: &str, needs: &str) {
    let message =
        format!("`{key}` is not filled in: {needs}; until then, only --local and preview work");
    problems.push(Problem { span, message, kind: Kind::Open });
}

/// Reports bytes that must not be shown. The message must not repeat them either.
pub fn complain_of_secret(problems: &mut Vec<Problem>, span: Range<usize>, message: &str) {
    problems.push(Problem { span, message: message.to_owned(), kind: Kind::Secret });
}

/// A string that can be printed.
pub fn string(value: &Value, problems: &mut Vec<Problem>) -> Option<Text> {
    text(value, problems).filter(|(text, span)| plain(text, span, problems))
}

/// Whether a string can be printed. If not, reports a problem: the string may be part of a message, a header or an
/// address later.
pub fn plain(text: &str, span: &Range<usize>, problems: &mut Vec<Problem>) -> bool {
    let control = text.chars().any(char::is_control);
    if control {
        complain(problems, span.clone(), "a control character is not allowed here");
    }
    !control
}

/// Any string.
pub fn text(value: &Value, problems: &mut Vec<Problem>) -> Option<Text> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        let found = value.get_ref().type_str();
        complain(
            problems,
            value.span(),
            format!("this must be a string in quotes, but is of type {found}"),
        );
    }
    text.map(|text| (text.to_owned(), value.span()))
}

/// A list of strings, each read by `each`; `None` if it is not a list. `example` shows a valid one.
pub fn list(
    value: &Value,
    example: &str,
    each: fn(&Value, &mut Vec<Problem>) -> Option<Text>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Text>> {
    let Some(array) = value.get_ref().as_array() else {
        complain(
            problems,
            value.span(),
            format!("this must be a list of strings, such as {example}"),
        );
        return None;
    };
    Some(array.iter().filter_map(|value| each(value, problems)).collect())
}

pub fn boolean(value: &Value, problems: &mut Vec<Problem>) -> Option<bool> {
    let found = value.get_ref().as_bool();
    if found.is_none() {
        complain(problems, value.span(), "this must be true or false");
    }
    found
}

/// A duration in one unit: "7d".
pub fn duration(value: &Value, problems: &mut Vec<Problem>) -> Option<Duration> {
    let (text, span) = string(value, problems)?;
    let unit = text.chars().last().and_then(|unit| match unit {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(60 * 60),
        'd' => Some(24 * 60 * 60),
        'w' => Some(7 * 24 * 60 * 60),
        _ => None,
    });
    let seconds = unit.and_then(|unit: u64| {
        let number = &text[..text.len() - 1];
        let digits = number.bytes().all(|digit| digit.is_ascii_digit());
        number.parse::<u64>().ok().filter(|_| digits)?.checked_mul(unit)
    });
    if seconds.is_none() {
        complain(problems, span, "this must be a time, such as \"7d\", \"12h\" or \"30m\"");
    }
    seconds.map(Duration::from_secs)
}

pub fn count(value: &Value, problems: &mut Vec<Problem>) -> Option<u64> {
    let found =
        value.get_ref().as_integer().and_then(|i| u64::from_str_radix(i.as_str(), i.radix()).ok());
    if found.is_none() {
        complain(problems, value.span(), "this must be a whole number, 0 or more");
    }
    found
}
