//! The file's lines as a message may show them. Where credentials belong, a password is a word like any other, so only
//! the names of keys and variables are shown there.

use std::ops::Range;

use super::looks_secret::{hide, is_escaped, is_variable};

pub struct Source<'t> {
    text: &'t str,
    lines: Vec<Line>,
}

struct Line {
    start: usize,
    /// Whether the line, its section or the statement that it continues mentions credentials.
    of_credentials: bool,
    /// Whether the line begins inside a string with several lines.
    in_string: bool,
    /// Whether the line is the header of a section.
    header: bool,
}

impl<'t> Source<'t> {
    pub fn of(text: &'t str) -> Source<'t> {
        let mut lines = Vec::new();
        let mut start = 0;
        let mut open = Open::default();
        let (mut section, mut statement) = (false, false);
        // A file that ends with a newline has an empty line after it.
        let rest = text
            .split_inclusive('\n')
            .chain((text.is_empty() || text.ends_with('\n')).then_some(""));
        for line in rest {
            let begins = open.string.is_none() && open.brackets == 0;
            let header = begins && line.trim_start().starts_with('[');
            let speaks = speaks_of_credentials(line);
            statement = speaks || statement && !begins;
            section = if header { speaks } else { section };
            let of_credentials = section || statement;
            lines.push(Line { start, of_credentials, in_string: open.string.is_some(), header });
            open.read(line);
            open.brackets *= usize::from(!header);
            start += line.len();
        }
        Source { text, lines }
    }

    /// Line and column of a byte, both from 1. The column counts characters.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let number = self.lines.partition_point(|line| line.start <= offset).max(1);
        let before = self.text.get(self.lines[number - 1].start..offset).unwrap_or_default();
        (number, before.chars().count() + 1)
    }

    /// A line without what must not be printed; `secrets` are the positions that are known to hold a secret.
    pub fn shown(&self, number: usize, secrets: &[Range<usize>]) -> String {
        let line = &self.lines[number - 1];
        let text = self.without(number, secrets);
        let text = mask_password(text.trim());
        match (line.of_credentials, line.in_string) {
            (true, true) => "****".to_owned(),
            (true, false) => star_values(&text, line.header),
            (false, _) => hide(&text),
        }
    }

    fn without(&self, number: usize, secrets: &[Range<usize>]) -> String {
        let mut at = self.lines[number - 1].start;
        let end = self.lines.get(number).map_or(self.text.len(), |next| next.start);
        let mut out = String::new();
        for secret in secrets {
            let (from, to) = (secret.start.max(at), secret.end.min(end));
            if from >= to {
                continue;
            }
            let quoted = self.text[from..].starts_with(['"', '\'']);
            out.push_str(&self.text[at..from]);
            out.push_str(if quoted { "\"****\"" } else { "****" });
            at = to;
        }
        out + &self.text[at..end]
    }
}

/// What a line leaves open for the next one.
#[derive(Default)]
struct Open {
    string: Option<&'static str>,
    brackets: usize,
}

impl Open {
    fn read(&mut self, line: &str) {
        let mut rest = line;
        loop {
            if let Some(quote) = self.string {
                let Some(end) = end_of_string(rest, quote) else { return };
                rest = &rest[end..];
                self.string = None;
            }
            let Some(at) = rest.find(['"', '\'', '#', '[', ']', '{', '}']) else { return };
            let (found, after) = rest[at..].split_at(1);
            rest = after;
            match found {
                "#" => return,
                "[" | "{" => self.brackets += 1,
                "]" | "}" => self.brackets = self.brackets.saturating_sub(1),
                quote => {
                    let thrice = if quote == "\"" { "\"\"\"" } else { "'''" };
                    if let Some(inside) = after.strip_prefix(&thrice[1..]) {
                        self.string = Some(thrice);
                        rest = inside;
                    } else {
                        let Some(end) = end_of_string(after, quote) else { return };
                        rest = &after[end..];
                    }
                }
            }
        }
    }
}

/// Where a string ends, after its closing quote; `text` is what follows the opening quote.
fn end_of_string(text: &str, quote: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' && quote.starts_with('"') {
            escaped = true;
        } else if text[at..].starts_with(quote) {
            return Some(at + quote.len());
        }
    }
    None
}

fn speaks_of_credentials(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["credential", "secret", "token", "password", "access", "key"].iter().any(|w| line.contains(w))
}

/// A line about credentials in which stars replace everything that is neither a key nor the name of a variable. Its
/// syntax may be broken, so anything that is not known to be a key is a value.
fn star_values(line: &str, header: bool) -> String {
    let mut out = String::new();
    let (mut key_may_follow, mut was_key) = (true, false);
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let end = match first {
            '#' => return out + "# ****",
            '"' | '\'' => end_of_string(&rest[1..], &rest[..1]).map_or(rest.len(), |end| end + 1),
            c if is_bare(c) => rest.find(|c| !is_bare(c)).unwrap_or(rest.len()),
            c => {
                key_may_follow = match c {
                    ',' | '{' | '[' => true,
                    '=' => false,
                    '.' => was_key,
                    _ => key_may_follow,
                };
                out.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        let (word, after) = rest.split_at(end);
        let next = after.trim_start();
        was_key =
            key_may_follow && (next.starts_with(['=', '.']) || header && next.starts_with(']'));
        out.push_str(&if was_key { hide(word) } else { star(word) });
        key_may_follow = false;
        rest = after;
    }
    out
}

fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !",={}[].#\"'".contains(c)
}

/// A value replaced by stars, within its quotes if it has any.
fn star(word: &str) -> String {
    let quotes: &[char] = &['"', '\''];
    let bare = word.trim_matches(quotes);
    let shown = bare.is_empty() || is_variable(bare) || WORDS.contains(&bare);
    match (shown, word.starts_with(quotes)) {
        (true, _) => word.to_owned(),
        (false, true) => format!("{0}****{0}", &word[..1]),
        (false, false) => "****".to_owned(),
    }
}

/// What a line about credentials may contain besides the names of variables.
const WORDS: [&str; 8] = [
    "ambient",
    "true",
    "false",
    "credentials",
    "profile",
    "access-key-id",
    "secret-access-key",
    "session-token",
];

/// `https://user:password@host` without its user and password, even if the quotes are broken or the scheme is missing.
fn mask_password(line: &str) -> String {
    let (start, after) = match line.split_once("://") {
        Some((before, after)) => (before.len() + 3, after),
        None => {
            let user = line.split(['"', '\'', ' ']).find(|word| is_login(word)).unwrap_or_default();
            (line.find(user).unwrap_or_default(), user)
        }
    };
    match after.rfind('@') {
        _ if is_escaped(after) => format!("{}****", &line[..start]),
        Some(at) => format!("{}****{}", &line[..start], &line[start + at..]),
        None => line.to_owned(),
    }
}

/// `user:password@host`
fn is_login(word: &str) -> bool {
    word.split_once(':').is_some_and(|(_, after)| after.contains('@') || is_escaped(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        Source::of(line).shown(1, &[])
    }

    #[test]
    fn a_credential_in_a_line_is_starred_out() {
        let line = r#"credentials = { access-key-id = "AKIAIOSFODNN7EXAMPLE", secret=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY }"#;
        assert_eq!(shown(line), r#"credentials = { access-key-id = "****", secret=**** }"#);
        let plain = r#"credentials = { access-key-id = "PRODUCTION_DOCS_SITE_AWS_ACCESS_KEY_ID" }"#;
        assert_eq!(shown(plain), plain);
        assert_eq!(
            shown("profile.credentials = 'x' # straße"),
            "profile.credentials = '****' # ****"
        );
    }

    #[test]
    fn a_line_of_credentials_is_known_by_what_it_goes_on_with() {
        let of_credentials = |text: &str| {
            let lines = Source::of(text).lines;
            lines.iter().map(|line| if line.of_credentials { '*' } else { '.' }).collect::<String>()
        };
        for (text, expected) in [
            ("a = 1\ncredentials = {\nb = 1 }\nc = 1", ".**."),
            ("[x.credentials]\na = 1\n\n[y]\nb = 1\n", "***..."),
            ("secret = \"\"\"\nx\\\"\"\"\ny\"\"\"\nb = 1", "***."),
            ("secret = '''\nx\\'''\nb = 1", "**."),
            ("secret = \"x\nb = 1", "*."),
            ("a = 'x[' # [\nb = \"{\\\"{\"\nc = ['secret',\n1]\nd = 1", "..**."),
        ] {
            assert_eq!(of_credentials(text), expected, "{text}");
        }
    }
}
