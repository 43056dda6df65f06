//! The style, kept by tests: what can be checked without judgement is checked here, so that a review need not.
//!
//! `form` looks at each file alone. `arrows` looks at who uses whom, and `dependencies` at the crates of others. All
//! of them read the sources as text. A complaint begins with the path, and each check also has a test with a text that
//! it must complain about.
//!
//! A list of exceptions here only shrinks. To add a line to one is a decision that its commit explains.

mod arrows;
mod dependencies;
mod form;

mod manifest;
mod paths;
mod source;

fn complain(complaints: impl Iterator<Item = String>) {
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
