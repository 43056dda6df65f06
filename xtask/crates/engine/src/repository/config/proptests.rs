//! A file made of random parts is read as these parts. The same file with random slips is either read, or is an error
//! that shows the line in question, but never a credential that somebody wrote into the file.

mod parts;

use std::collections::HashSet;
use std::path::{Component, Path};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::base::key::{Prefix, branch_segment};
use crate::base::proptests::{cases, check_words, text};
use parts::Parts;

fn parse(text: &str) -> Result<Config, String> {
    let shown = Path::new("site/deploy.toml");
    let (config, open) = read::config(text, Path::new("/repository/site"))
        .map_err(|problems| problem::render(shown, text, problems))?;
    match open.is_empty() {
        true => Ok(config),
        false => Err(problem::render(shown, text, open)),
    }
}

/// The lines and columns that an error names.
fn places_of(error: &str) -> Vec<(usize, usize, &str)> {
    let read = |line: &str| {
        let mut parts = line.split(':');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    error
        .lines()
        .filter_map(|line| line.strip_prefix("  site/deploy.toml:"))
        .filter_map(|line| read(line).map(|(row, column)| (row, column, line)))
        .collect()
}

/// What holds for every error: each problem has a line of the file and a message, and nothing in it controls a
/// terminal.
fn check_error(error: &str, file: &str) -> Result<(), TestCaseError> {
    prop_assert!(error.starts_with("`site/deploy.toml` has "), "{error:?}");
    check_words(error)?;
    let places = places_of(error);
    prop_assert!(!places.is_empty(), "{error:?}");
    let lines = file.split('\n').count();
    for (line, column, words) in places {
        prop_assert!((1..=lines).contains(&line) && column >= 1, "{error:?}");
        prop_assert!(
            words.splitn(3, ':').nth(2).is_some_and(|words| words.trim().len() > 5),
            "{error:?}"
        );
    }
    Ok(())
}

/// What holds for every configuration, however odd the file is.
fn check_config(config: &Config, branch: &str) -> Result<(), TestCaseError> {
    let is_plain = |c| matches!(c, Component::Normal(_));
    let is_up = |c: &Component<'_>| matches!(c, Component::ParentDir);
    let mut below = config.output.components().skip_while(is_up).peekable();
    prop_assert!(below.peek().is_some() && below.all(is_plain));
    prop_assert!(!config.environments.is_empty());
    prop_assert!(config.environments.iter().filter(|e| e.pull_requests).count() <= 1);
    let mut exact = HashSet::new();
    for environment in &config.environments {
        let is_account =
            |account: &str| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let account = environment.account.as_deref();
        prop_assert!(account.map_or(environment.endpoint.is_some(), is_account));
        prop_assert!(
            (3..=63).contains(&environment.bucket.len()) && !environment.bucket.contains('/')
        );
        for branch in &environment.branches {
            if let Branches::Exactly(name) = branch {
                prop_assert!(exact.insert(name), "`{name}` goes to two environments");
            }
        }
        // Some branches still result in an invalid folder; deploying them is an error.
        if let Ok(prefix) = Prefix::new(&environment.prefix.fill(&branch_segment(branch))) {
            prop_assert!(prefix.as_str().starts_with(environment.reserves()));
        }
        prop_assert!(Prefix::new(&environment.prefix.fill(&any_segment())).is_ok());
    }
    Ok(())
}

/// The id of an access key and its secret, in the form that AWS uses.
fn credential() -> impl Strategy<Value = String> {
    let secret = "[A-Za-z0-9/+]{40}".prop_filter("as good as all have both cases", |secret| {
        let has = |class: fn(char) -> bool| secret.contains(class);
        has(|c| c.is_ascii_uppercase())
            && has(|c| c.is_ascii_lowercase())
            && has(|c| c.is_ascii_digit())
    });
    prop_oneof!["A[KS]IA[A-Z2-7]{16}", secret]
}

/// A slip: what happens to a piece of the file.
#[derive(Clone, Debug)]
enum Slip {
    Delete,
    Double,
    Swap,
    Put(String),
}

fn slip() -> impl Strategy<Value = Slip> {
    let tokens = "[ ] { } = . , \" ' # \"\"\" ''' \\ \\u0041 0 -1 1e9 nan true 1979-05-27 [[headers]] [build] \
                  credentials access-key-id secret-access-key branches keep exclude publish match expires account {branch} ../x";
    let tokens: Vec<_> = tokens.split(' ').map(str::to_owned).collect();
    prop_oneof![
        Just(Slip::Delete),
        Just(Slip::Double),
        Just(Slip::Swap),
        select(tokens).prop_map(Slip::Put),
        text().prop_map(Slip::Put),
    ]
}

/// The file in pieces that a slip can affect: words, signs and spaces, or whole lines.
fn pieces(text: &str, by_lines: bool) -> Vec<String> {
    if by_lines {
        return text.split_inclusive('\n').map(str::to_owned).collect();
    }
    let is_word = |c: char| c.is_alphanumeric() || "-_/+".contains(c);
    let mut pieces: Vec<String> = Vec::new();
    for c in text.chars() {
        match pieces.last_mut() {
            Some(last) if is_word(c) && last.ends_with(is_word) => last.push(c),
            _ => pieces.push(c.to_string()),
        }
    }
    pieces
}

/// The file with a slip somewhere.
fn slipped(text: &str, (by_lines, place, slip): &(bool, Index, Slip)) -> String {
    let mut pieces = pieces(text, *by_lines);
    let at = if pieces.is_empty() { return String::new() } else { place.index(pieces.len()) };
    match slip {
        Slip::Delete => drop(pieces.remove(at)),
        Slip::Double => pieces.insert(at, pieces[at].clone()),
        Slip::Swap => {
            let other = (at + 1) % pieces.len();
            pieces.swap(at, other);
        }
        Slip::Put(text) => pieces[at].clone_from(text),
    }
    pieces.concat()
}

fn slips(most: usize) -> impl Strategy<Value = Vec<(bool, Index, Slip)>> {
    vec((prop::bool::weighted(0.3), any::<Index>(), slip()), 0..most)
}

/// How a credential gets into the file.
#[derive(Clone, Debug)]
enum Leak {
    /// In place of a word, a name or a sign.
    Instead,
    /// In place of the text between two quotes.
    Quoted,
    /// Directly after the text between two quotes.
    Behind,
    /// Below or above a line, as a statement or a comment.
    Line(&'static str),
}

fn leak() -> impl Strategy<Value = Leak> {
    let lines = [
        "# {}",
        "secret = \"{}\"",
        "credentials = {}",
        "credentials = { access-key-id = '{}' }",
        "x = [\"{}\"",
        "[{}]",
        "{} = 1",
        "password: {}",
        "url = \"https://{}@host/\"",
        "\"{}\"",
        "{}",
        "bucket = '{}'",
        "cache-control = \"{}",
        "branches = [\"\\n{}\", \"{}\"]",
    ];
    prop_oneof![
        Just(Leak::Instead),
        Just(Leak::Quoted),
        Just(Leak::Behind),
        select(lines.to_vec()).prop_map(Leak::Line)
    ]
}

fn leaked(text: &str, secret: &str, leak: &Leak, place: &Index) -> String {
    match leak {
        Leak::Instead => {
            let mut pieces = pieces(text, false);
            let at = place.index(pieces.len());
            pieces[at] = secret.to_owned();
            pieces.concat()
        }
        Leak::Quoted | Leak::Behind => {
            let quotes: Vec<_> = text.match_indices(['"', '\'']).map(|(at, _)| at).collect();
            let at = place.index(quotes.len() - 1);
            let (open, close) = (quotes[at] + 1, quotes[at + 1]);
            let before = if matches!(leak, Leak::Quoted) { open } else { close };
            format!("{}{secret}{}", &text[..before], &text[close..])
        }
        Leak::Line(line) => {
            let mut lines = pieces(text, true);
            lines.insert(place.index(lines.len() + 1), line.replace("{}", secret) + "\n");
            lines.concat()
        }
    }
}

/// Values that a key cannot have.
const WRONG: [(&str, &str); 14] = [
    ("output", "\"..\""),
    ("output", "[]"),
    ("account", "\"12345678901\""),
    ("account", "123456789012"),
    ("region", "\"eu central 1\""),
    ("bucket", "\"s3://example.com\""),
    ("bucket", "\"\\u001b[31m\""),
    ("prefix", "\"a//b\""),
    ("prefix", "\"{branches}/\""),
    ("endpoint", "\"ftp://host/\""),
    ("url", "\"https://\""),
    ("max-deletes", "-1"),
    ("match", "\"**/*.{css\""),
    ("expires", "\"tomorrow\""),
];

/// A credential where the name of its variable belongs.
const MISTAKEN: [&str; 5] = [
    "credentials = \"{}\"",
    "credentials = { profile = \"{}\" }",
    "credentials = { access-key-id = \"{}\", secret-access-key = \"B\" }",
    "credentials = { access-key-id = \"A\", secret-access-key = '{}' }",
    "credentials = { access-key-id = \"A\", secret-access-key = \"B\", session-token = \"{}\" }",
];

/// Whether a text shows so much of a secret that the rest could be guessed.
fn shows(text: &str, secret: &str) -> bool {
    secret.as_bytes().windows(12).any(|part| text.contains(std::str::from_utf8(part).unwrap()))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_file_is_read_as_the_parts_that_it_was_made_of(
        parts in parts::parts(),
        layout in parts::layout(),
    ) {
        let file = parts.file(&layout);
        let config = parse(&file).map_err(|error| TestCaseError::fail(format!("{error}\n\n{file}")))?;
        prop_assert_eq!(Parts::of(&config), parts.in_normal_form(), "{}", file);
        check_config(&config, "main")?;
    }

    #[test]
    fn a_file_with_slips_is_read_or_says_where_it_is_wrong(
        (parts, layout) in (parts::parts(), parts::layout()),
        slips in slips(4),
        branch in text(),
    ) {
        let file = slips.iter().fold(parts.file(&layout), |file, slip| slipped(&file, slip));
        match parse(&file) {
            Ok(config) => check_config(&config, &branch)?,
            Err(error) => check_error(&error, &file)?,
        }
    }

    #[test]
    fn an_unknown_key_is_shown_at_its_line(
        (parts, layout) in (parts::parts(), parts::layout()),
        place in any::<Index>(),
    ) {
        let file = parts.file(&layout);
        let mut lines = pieces(&file, true);
        let begins: Vec<_> = (0..lines.len()).filter(|line| lines[*line].starts_with('[')).collect();
        let line = begins[place.index(begins.len())] + 1;
        lines.insert(line, "zzzzzzzz = \"zzz\"\n".to_owned());
        let error = parse(&lines.concat()).unwrap_err();
        check_error(&error, &lines.concat())?;
        let shown = places_of(&error).into_iter().map(|(line, column, _)| (line, column));
        let shown: Vec<_> = shown.collect();
        prop_assert_eq!(shown, vec![(line + 1, 1)], "{}", error);
        prop_assert!(error.contains("`zzzzzzzz`"));
    }

    #[test]
    fn a_value_of_another_form_is_shown_at_its_line(
        (parts, layout) in (parts::parts(), parts::layout()),
        (key, wrong) in select(WRONG.to_vec()),
        place in any::<Index>(),
    ) {
        let file = parts.file(&layout);
        let mut lines = pieces(&file, true);
        let of_key = |line: &&str| line.split_once(" = ").is_some_and(|(found, _)| found == key);
        let places = (0..lines.len()).filter(|line| of_key(&lines[*line].as_str()));
        let places: Vec<_> = places.collect();
        prop_assume!(!places.is_empty());
        let line = places[place.index(places.len())];
        lines[line] = format!("{key} = {wrong}\n");
        let error = parse(&lines.concat()).unwrap_err();
        check_error(&error, &lines.concat())?;
        prop_assert!(places_of(&error).iter().all(|(shown, ..)| *shown == line + 1), "{error}");
    }

    #[test]
    fn a_credential_in_place_of_a_variables_name_is_an_error_that_does_not_show_it(
        (parts, layout) in (parts::parts(), parts::layout()),
        credentials in select(MISTAKEN.to_vec()),
        secret in credential(),
    ) {
        let section = "[environments.zz]\nbranches = [\"zz\"]\naccount = \"012345678901\"\nregion = \"zz\"\n";
        let credentials = credentials.replace("{}", &secret);
        let file = format!("{}{section}bucket = \"zzz\"\n{credentials}\n", parts.file(&layout));
        let error = parse(&file).unwrap_err();
        check_error(&error, &file)?;
        prop_assert!(!shows(&error, &secret), "{error}");
    }

    #[test]
    fn a_credential_that_was_written_into_the_file_is_never_shown_and_never_taken_for_a_name(
        (parts, layout) in (parts::parts(), parts::layout()),
        secret in credential(),
        leaks in vec((leak(), any::<Index>()), 1..3),
        slips in slips(3),
    ) {
        let file = leaks
            .iter()
            .fold(parts.file(&layout), |file, (leak, place)| leaked(&file, &secret, leak, place));
        let file = slips.iter().fold(file, |file, slip| slipped(&file, slip));
        match parse(&file) {
            Ok(config) => {
                let quoted = format!("\"{secret}\"");
                let named = config.environments.iter().map(|e| (&e.name, &e.credentials));
                let named: Vec<_> = named.collect();
                prop_assert!(!format!("{named:?}").contains(&quoted), "{named:?}");
            }
            Err(error) => {
                check_error(&error, &file)?;
                prop_assert!(!shows(&error, &secret), "{error}\n\n{file}");
            }
        }
    }

    #[test]
    fn what_is_no_file_of_ours_says_so(
        words in vec(prop_oneof![slip(), text().prop_map(Slip::Put)], 0..30),
    ) {
        let words = words.into_iter().filter_map(|slip| match slip {
            Slip::Put(text) => Some(text),
            _ => None,
        });
        let file: String = words.collect();
        match parse(&file) {
            Ok(config) => check_config(&config, "main")?,
            Err(error) => check_error(&error, &file)?,
        }
    }
}
