//! Finds the program that a shell did not find, for the hint of a build that failed.

use std::ffi::OsStr;

use crate::repository::config::Config;

/// The exit code of a shell that does not find a program. `env` uses the same.
const NOT_FOUND: i32 = 127;

/// Words that may begin a command but are not programs.
const OF_THE_SHELL: [&str; 25] = [
    ".", ":", "[", "case", "cd", "command", "do", "done", "else", "eval", "exec", "exit", "export",
    "fi", "for", "if", "read", "set", "shift", "source", "then", "trap", "unset", "until", "while",
];

/// What to do about a program that was not found; `None` if the build failed for another reason. `paths` is `PATH`.
pub fn hint(config: &Config, code: Option<i32>, paths: &OsStr) -> Option<String> {
    if code != Some(NOT_FOUND) {
        return None;
    }
    let is_there = |program: &str| {
        std::env::split_paths(paths)
            .any(|folder| !folder.as_os_str().is_empty() && folder.join(program).is_file())
    };
    let name = programs(&config.command).into_iter().find(|program| !is_there(program));
    Some(match name {
        Some(name) => format!("is `{name}` installed, and on the PATH?"),
        None => "is the program that was not found installed, and on the PATH?".to_owned(),
    })
}

/// The programs that the words of a command start. What a script starts is not known.
fn programs(command: &[String]) -> Vec<&str> {
    let name = command.first().and_then(|program| program.rsplit('/').next());
    let line = match name {
        Some("env") => {
            return command[1..].iter().find_map(|word| program(word)).into_iter().collect();
        }
        Some("sh" | "bash" | "dash" | "zsh" | "ksh") => line(&command[1..]),
        _ => None,
    };
    let commands = line.unwrap_or_default().split(['&', '|', ';', '\n', '(', ')']);
    commands.filter_map(|command| first(command)).collect()
}

/// The first word of a command after assignments, if it names a program.
fn first(command: &str) -> Option<&str> {
    let is_assignment = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    };
    program(command.split_whitespace().find(|word| !is_assignment(word))?)
}

/// The argument after `-c`, or after combined options such as `-ec`.
fn line(arguments: &[String]) -> Option<&str> {
    let is_c =
        |word: &String| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c');
    let at = arguments.iter().position(is_c)?;
    arguments.get(at + 1).map(String::as_str)
}

/// A word, if it names a program to look up. An assignment such as `A=b` and an option do not.
fn program(word: &str) -> Option<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    let is_program = word.chars().all(is_name) && !word.starts_with('-');
    (is_program && !OF_THE_SHELL.contains(&word)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_of_a_line_are_those_that_begin_a_command() {
        for (command, expected) in [
            (&["sh", "-c", "hugo ${DEPLOY_URL:+--baseURL \"$DEPLOY_URL\"}"][..], &["hugo"][..]),
            (
                &["/bin/bash", "-euc", "cd docs && npm ci; A=b zola build | tee log"],
                &["npm", "zola", "tee"],
            ),
            (&["env", "-i", "A=b", "hugo", "--minify"], &["hugo"]),
            (&["npm", "run", "build"], &[]),
            (&["sh", "build.sh"], &[]),
            (&["sh", "-c"], &[]),
            (&[], &[]),
        ] {
            let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(programs(&command), expected, "{command:?}");
        }
    }
}
