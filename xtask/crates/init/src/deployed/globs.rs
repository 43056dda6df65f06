//! Patterns of others as the globs of `deploy.toml`, in which `*` stays inside one segment and `**` does not. A pattern
//! that has no exact counterpart becomes none.

/// A pattern of `--exclude` and `--include`, in which `*` matches slashes too:
/// https://docs.aws.amazon.com/cli/latest/reference/s3/#use-of-exclude-and-include-filters
pub fn of_aws(pattern: &str) -> String {
    let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
    if pattern.is_empty() || pattern.chars().all(|c| c == '*') {
        return "**".to_owned();
    }
    let segments: Vec<&str> = pattern.split('/').filter(|segment| !segment.is_empty()).collect();
    let last = segments.len() - 1;
    let mut glob = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        match *segment {
            "*" if at == last => glob.push("**"),
            "*" => glob.extend(["*", "**"]),
            _ if segment.starts_with('*') && glob.last() != Some(&"**") => {
                glob.extend(["**", segment]);
            }
            _ => glob.push(segment),
        }
    }
    let below = if pattern.ends_with('/') { "/**" } else { "" };
    glob.join("/") + below
}

/// A regular expression over whole names of branches, as globs that match the same names. An expression that is not
/// anchored at an end may begin or end anywhere, unless `is_whole`.
pub fn of_regex(regex: &str, is_whole: bool) -> Option<Vec<String>> {
    let inside = regex.strip_prefix('/').and_then(|regex| regex.strip_suffix('/')).unwrap_or(regex);
    let (inside, begins) = match inside.strip_prefix('^') {
        Some(rest) => (rest, true),
        None => (inside, is_whole),
    };
    let (inside, ends) = match inside.strip_suffix('$').filter(|rest| !rest.ends_with('\\')) {
        Some(rest) => (rest, true),
        None => (inside, is_whole),
    };
    // What is not anchored goes on, if it does not do so already.
    let padded = |regex: &str| {
        if regex.is_empty() && !(begins && ends) {
            return ".*".to_owned();
        }
        let before =
            if begins || regex.starts_with(".*") || regex.starts_with(".+") { "" } else { ".*" };
        let goes_on = regex.ends_with(".*") || regex.ends_with(".+");
        let after = if ends || goes_on { "" } else { ".*" };
        format!("{before}{regex}{after}")
    };
    let group = inside.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    let group = group.map(|group| group.strip_prefix("?:").unwrap_or(group));
    let inside = group.unwrap_or(inside);
    if let (None, Some((before, choices, after))) = (group, inner_group(inside)) {
        let whole = |choice: &str| one_regex(&padded(&format!("{before}{choice}{after}")));
        return Some(choices.split('|').map(whole).collect::<Option<Vec<_>>>()?.concat());
    }
    let choices = inside.split('|').map(|choice| {
        // Without a group, the anchors belong to the first and the last choice alone.
        let is_anchored = group.is_some() || !inside.contains('|') || is_whole;
        is_anchored.then_some(())?;
        one_regex(&padded(choice))
    });
    Some(choices.collect::<Option<Vec<_>>>()?.concat())
}

/// The only group of a regular expression, with what is before and after it.
fn inner_group(regex: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = regex.split_once('(')?;
    let (choices, after) = rest.split_once(')')?;
    let is_plain = !before.contains(['|', ')']) && !after.contains(['(', ')', '|']);
    let is_plain = is_plain && !choices.contains('(') && !before.ends_with('\\');
    let is_once = !after.starts_with(['*', '+', '?', '{']);
    (is_plain && is_once).then(|| (before, choices.strip_prefix("?:").unwrap_or(choices), after))
}

/// A regular expression without choices, over a whole name.
fn one_regex(regex: &str) -> Option<Vec<String>> {
    let mut glob = String::new();
    let mut rest = regex;
    while let Some(c) = rest.chars().next() {
        let is_first = glob.is_empty() || glob.ends_with('/');
        if let Some(after) = rest.strip_prefix(".*").or_else(|| rest.strip_prefix(".+")) {
            let some = if rest.starts_with(".+") { "?*" } else { "*" };
            return match (after, is_first) {
                ("", true) => Some(vec![glob + "**"]),
                ("", false) => Some(vec![format!("{glob}{some}"), format!("{glob}{some}/**")]),
                (_, _) if glob.is_empty() => {
                    let ends = one_regex(after)?;
                    let is_simple = ends.len() == 1 && !after.starts_with("\\/");
                    is_simple.then(|| vec![format!("**/*{}", ends[0])])
                }
                _ => None,
            };
        }
        let segment = ["[^/]+", "[^/]*", "[^\\/]+", "[^\\/]*"].iter();
        let segment = segment.filter_map(|part| rest.strip_prefix(*part)).next();
        if let Some(after) = segment {
            let is_last = after.is_empty() || after.starts_with('/') || after.starts_with("\\/");
            (is_first && is_last).then_some(())?;
            glob.push('*');
            rest = after;
            continue;
        }
        let (text, length) = match c {
            '\\' => match rest[1..].chars().next()? {
                'd' => ("[0-9]".to_owned(), 2),
                c if c.is_alphanumeric() => return None,
                c if "*?[]{}\\!".contains(c) => (format!("\\{c}"), 1 + c.len_utf8()),
                c => (c.to_string(), 1 + c.len_utf8()),
            },
            '[' => {
                let end = rest.find(']')?;
                let class = &rest[..=end];
                let is_simple =
                    class[1..end].chars().all(|c| c.is_alphanumeric() || "-_.".contains(c));
                is_simple.then_some(())?;
                (class.to_owned(), class.len())
            }
            '.' | '*' | '+' | '?' | '(' | ')' | '{' | '}' | '^' | '$' => return None,
            c => (c.to_string(), c.len_utf8()),
        };
        glob.push_str(&text);
        rest = &rest[length..];
        if rest.starts_with(['*', '+', '?', '{']) {
            return None;
        }
    }
    (!glob.is_empty()).then(|| vec![glob])
}

/// A pattern of GitHub, or one of a shell's `case`: `**`, and whether its `*` matches slashes.
/// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
pub fn of_branch(pattern: &str, star_crosses: bool) -> Option<Vec<String>> {
    if pattern.is_empty() || pattern.starts_with('!') || pattern.contains(['+', '?', '\\', '@']) {
        return None;
    }
    let pattern = if star_crosses { pattern.replace('*', "**") } else { pattern.to_owned() };
    let Some(at) = pattern.find("**") else { return Some(vec![pattern]) };
    let (before, after) = (&pattern[..at], pattern[at..].trim_start_matches('*'));
    match (before.is_empty() || before.ends_with('/'), after) {
        (_, after) if after.contains('*') => None,
        (true, "") => Some(vec![pattern]),
        (false, "") => Some(vec![format!("{before}*"), format!("{before}*/**")]),
        (true, after) if after.starts_with('/') => Some(vec![pattern]),
        (true, after) if before.is_empty() => Some(vec![format!("**/*{after}")]),
        _ => None,
    }
}
