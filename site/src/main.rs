//! Builds the handbook: reads `book.toml` in the current directory, writes `public/`.
//!
//! The generator is a library in a crate of the workspace, so that a fresh clone builds its site with
//! nothing installed but Rust. Search is left out: every page would name the search index by its
//! hash, and a change to one page would be a change to all of them.

use std::process::ExitCode;

use mdbook_driver::MDBook;
use mdbook_driver::book::BookItem;
use mdbook_driver::builtin_renderers::MarkdownRenderer;
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
    let book = MDBook::load(folder)?;
    check_includes(&book)?;
    book.build()
}

/// mdBook leaves an include that it cannot expand in the page as it stands, and goes on.
fn check_includes(book: &MDBook) -> Result<()> {
    let (expanded, _) = book.preprocess_book(&MarkdownRenderer::new())?;
    for item in expanded.iter() {
        let BookItem::Chapter(page) = item else { continue };
        if let Some(line) = page.content.lines().find(|line| line.contains("{{#include")) {
            let problem = format!("failed to expand `{line}` in the page `{}`", page.name);
            return Err(Error::msg(problem));
        }
    }
    Ok(())
}
