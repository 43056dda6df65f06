//! Builds the handbook: reads `book.toml` in the current directory, and writes `public/`.
//!
//! The generator is a library in a crate of the workspace, so that a fresh clone can build its site with only Rust
//! installed. Search is left out: every page would name the search index by its hash, so a change to one page would
//! change all of them.

use std::process::ExitCode;

use mdbook_driver::MDBook;
use mdbook_driver::errors::{Error, Result};

fn main() -> ExitCode {
    let Err(error) = build() else { return ExitCode::SUCCESS };
    eprintln!("error: failed to build the handbook");
    error.chain().for_each(|cause| eprintln!("  cause: {cause}"));
    ExitCode::FAILURE
}

fn build() -> Result<()> {
    let folder = std::env::current_dir()?;
    if !folder.join("book.toml").is_file() {
        let problem = format!("no `book.toml` in `{}`, run this in `site/`", folder.display());
        return Err(Error::msg(problem));
    }
    MDBook::load(folder)?.build()
}
