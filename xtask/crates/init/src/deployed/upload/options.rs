//! The arguments of a command as options and the rest.

use super::{Arg, Script};

/// The options that take the next argument as their value.
#[derive(Clone, Copy)]
pub enum Takes<'a> {
    AllBut(&'a [&'a str]),
    Only(&'a [&'a str]),
}

impl Takes<'_> {
    fn next(self, name: &str) -> bool {
        match self {
            Takes::AllBut(flags) => !flags.contains(&name),
            Takes::Only(names) => names.contains(&name),
        }
    }
}

/// Options by their names, without dashes, and the other arguments.
pub struct Options {
    pub named: Vec<(String, Arg)>,
    pub others: Vec<Arg>,
}

impl Options {
    /// An option that has no value after `=` may take the next argument.
    pub fn of(args: &[Arg], takes: Takes<'_>) -> Self {
        let mut options = Options { named: Vec::new(), others: Vec::new() };
        let mut at = 0;
        while let Some(arg) = args.get(at) {
            at += 1;
            let Some(name) = arg.text.strip_prefix('-').filter(|name| !name.is_empty()) else {
                options.others.push(arg.clone());
                continue;
            };
            let name = name.trim_start_matches('-');
            if let Some((name, value)) = name.split_once('=') {
                let value = Arg { text: value.to_owned(), missing: arg.missing.clone() };
                options.named.push((name.to_owned(), value));
            } else if !takes.next(name) {
                options.named.push((name.to_owned(), Arg::default()));
            } else if name == "sse" && !args.get(at).is_some_and(|next| is_encryption(&next.text)) {
                let value = Arg { text: "AES256".to_owned(), ..Arg::default() };
                options.named.push((name.to_owned(), value));
            } else {
                options.named.push((name.to_owned(), args.get(at).cloned().unwrap_or_default()));
                at += 1;
            }
        }
        options
    }

    pub fn has(&self, name: &str) -> bool {
        self.named.iter().any(|(named, _)| named == name)
    }

    pub fn get(&self, name: &str) -> Option<&Arg> {
        self.named.iter().rev().find(|(named, _)| named == name).map(|(_, value)| value)
    }

    /// The value of an option. One with a variable is a note.
    pub fn value(&self, script: &mut Script<'_>, name: &str) -> Option<String> {
        let arg = self.get(name)?;
        let known = arg.known().map(str::to_owned);
        if known.is_none() {
            let line = script.line;
            let missing = arg.missing.join("`, `");
            script.note(
                line,
                &format!("`--{name}` contains `{missing}`, which the file does not set"),
            );
        }
        known.filter(|value| !value.is_empty())
    }
}

fn is_encryption(text: &str) -> bool {
    text == "AES256" || text.starts_with("aws:kms")
}
