//! Single values in the configuration of a generator, whatever its format. They are searched in the text, because some
//! configurations are programs. A value that is put together is not found.

use std::fs;
use std::path::Path;

/// The largest configuration that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The text of a regular file; `None` if it cannot be read.
pub fn read(file: &Path) -> Option<String> {
    let metadata = fs::metadata(file).ok()?;
    (metadata.is_file() && metadata.len() <= LARGEST)
        .then(|| fs::read_to_string(file).ok())
        .flatten()
}

/// The value of a key in TOML, YAML or JSON: a plain or quoted word on the line of the key.
pub fn any_value(text: &str, key: &str) -> Option<String> {
    quoted_value(text, key).or_else(|| yaml_value(text, key))
}

/// `key: "value"`, `key = 'value'`, `"key": "value"`. `None` if it is put together from several values.
pub fn quoted_value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.trim_start();
        let (_, rest) = line.split_once(key).filter(|_| !line.starts_with(['#', '/']))?;
        let rest = rest.trim_start_matches(['"', '\'']).trim_start();
        let rest = rest.strip_prefix([':', '='])?.trim_start();
        let quote = rest.chars().next().filter(|c| ['"', '\'', '`'].contains(c))?;
        let (value, rest) = rest[1..].split_once(quote)?;
        let is_whole = !value.contains("${") && !rest.trim_start().starts_with(['+', '.']);
        is_whole.then(|| value.trim_end_matches('/').trim_start_matches("./").to_owned())
    })
}

pub fn has_value(text: &str, key: &str, value: &str) -> bool {
    quoted_value(text, key).is_some_and(|found| found == value)
}

/// `key: value`, without quotes, at the beginning of a line.
pub fn yaml_value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let value = line.strip_prefix(key)?.strip_prefix(':')?;
        let value = value.split(" #").next()?.trim().trim_matches(['"', '\'']);
        let is_plain =
            !value.is_empty() && !value.starts_with(['!', '&', '*', '|', '>', '{', '[', '$']);
        is_plain.then(|| value.trim_end_matches('/').trim_start_matches("./").to_owned())
    })
}

/// The items of a list of plain words: `key: [a, b]`, or a line `- a` for each. `None` if it is written otherwise.
pub fn yaml_list(text: &str, key: &str) -> Option<Vec<String>> {
    let mut lines = text.lines();
    let rest = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?.trim();
    let plain = |item: &str| {
        let item = item.split(" #").next().unwrap_or_default().trim();
        let item = item.trim_matches(['"', '\'']);
        let is_plain = !item.contains(['"', '\'', '\\', '%', '{', '}', '&', '*', '!', ':', '#']);
        (is_plain && !item.is_empty()).then(|| item.to_owned())
    };
    if let Some(items) = rest.strip_prefix('[') {
        let items = items.split_once(']')?.0.trim_end().trim_end_matches(',');
        return items.split(',').map(plain).collect();
    }
    if !rest.is_empty() && !rest.starts_with('#') {
        return None;
    }
    let items = lines.filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
    let items = items.map_while(|line| line.trim_start().strip_prefix("- "));
    items.map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_both_forms() {
        let words =
            |words: &[&str]| Some(words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        for (text, expected) in [
            ("exclude: [a, 'b/c', \"d\"] # x\n", words(&["a", "b/c", "d"])),
            ("title: x\nexclude:\n  - a # x\n\n  # y\n  - b\nother: 1\n", words(&["a", "b"])),
            ("exclude:\n- a\n- b\n", words(&["a", "b"])),
            ("exclude: *list\n", None),
            ("exclude:\n  - \"a\\\"b\"\n", None),
            ("other: 1\n", None),
        ] {
            assert_eq!(yaml_list(text, "exclude"), expected, "{text}");
        }
    }

    #[test]
    fn a_value_that_is_put_together_is_not_found() {
        assert_eq!(quoted_value("outDir: './dist/',", "outDir").as_deref(), Some("dist"));
        assert_eq!(quoted_value("outDir: `${base}/dist`,", "outDir"), None);
        assert_eq!(quoted_value("outDir: 'a' + b,", "outDir"), None);
        assert_eq!(yaml_value("site_dir: !ENV [A, b]", "site_dir"), None);
        assert_eq!(yaml_value("site_dir: html # x", "site_dir").as_deref(), Some("html"));
    }
}
