//! TOML as text: what a table says, and edits that keep comments and order.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A basic string of TOML. The escapes of JSON are those of TOML.
pub fn text_value(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

pub fn parse<'t>(text: &'t str, file: &str) -> Result<DeTable<'t>, String> {
    let table = DeTable::parse(text).map(Spanned::into_inner);
    table.map_err(|error| format!("`{file}` cannot be parsed: {}", error.message()))
}

pub fn strings(table: &DeTable, key: &str) -> Vec<String> {
    let items = table.get(key).and_then(|value| value.get_ref().as_array());
    let items = items.into_iter().flat_map(|items| items.iter());
    items.filter_map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
}

/// The text of a value in a table of tables, such as `build.build-dir`.
pub fn text_at<'t>(table: &'t DeTable, path: &[&str]) -> Option<&'t str> {
    let (last, tables) = path.split_last()?;
    let table = tables.iter().try_fold(table, |table, name| table.get(*name)?.get_ref().as_table());
    table?.get(*last)?.get_ref().as_str()
}

/// The text with one more item at the end of an array.
pub fn with_item(
    text: &str,
    span: Range<usize>,
    value: &DeValue,
    item: &str,
) -> Result<String, String> {
    let array = value.as_array().ok_or("`members` in Cargo.toml is not an array")?;
    let mut text = text.to_owned();
    let close = text[..span.end].rfind(']').ok_or("`members` in Cargo.toml has no end")?;
    match array.iter().last().map(Spanned::span) {
        None => text.insert_str(close, item),
        Some(last) => match own_indent(&text, last.start) {
            None => text.insert_str(last.end, &format!(", {item}")),
            Some(indent) => {
                // Each item has a line of its own: below the last one's, with its comma and its comment.
                let has_comma = text[last.end..close].trim_start().starts_with(',');
                let end = text[last.end..].find('\n').map_or(close, |at| last.end + at);
                text.insert_str(end, &format!("\n{indent}{item},"));
                if !has_comma {
                    text.insert(last.end, ',');
                }
            }
        },
    }
    Ok(text)
}

/// The spaces before a value that begins its line.
fn own_indent(text: &str, start: usize) -> Option<String> {
    let line = text[..start].rfind('\n')? + 1;
    let indent = &text[line..start];
    indent.trim().is_empty().then(|| indent.to_owned())
}

/// The text with a line below the header of a table.
pub fn with_line(text: &str, table: &str, line: &str) -> Option<String> {
    let header = format!("[{table}]");
    let mut at = 0;
    for found in text.split_inclusive('\n') {
        at += found.len();
        if found.split('#').next().is_some_and(|words| words.trim() == header) {
            let (before, after) = text.split_at(at);
            let end = if before.ends_with('\n') { "" } else { "\n" };
            return Some(format!("{before}{end}{line}\n{after}"));
        }
    }
    None
}
