//! Asks at the terminal for values that were not found. Enter leaves a value to be filled in later.

use std::io::{self, Write};

use engine::base::{Result, failed};

use super::super::blocking;
use super::findings::Findings;

/// Asks for the account, the region and the bucket of each new environment that lacks them.
pub async fn for_unknown(mut findings: Findings) -> Result<Findings> {
    let new = findings.sites.iter_mut().filter(|site| site.config.is_none());
    for draft in new.flat_map(|site| &mut site.drafts) {
        let name = draft.name.clone();
        for key in draft.unknown() {
            let value = match key {
                "account" => &mut draft.account,
                "region" => &mut draft.region,
                "bucket" => &mut draft.bucket,
                _ => continue,
            };
            *value = ask(format!("{key} of {name} (Enter to fill it in later): ")).await?;
        }
    }
    Ok(findings)
}

pub async fn whether_to_write() -> Result<bool> {
    let answer = ask("write these files? [Y/n] ".into()).await?;
    Ok(answer.is_none_or(|answer| answer.to_ascii_lowercase().starts_with('y')))
}

/// The line that is typed; `None` if it is empty, or at the end of the input. It is read on a thread of its own, so
/// that Ctrl-C ends the run.
async fn ask(question: String) -> Result<Option<String>> {
    let failure = |error: io::Error| failed("failed to ask on the terminal").because(&error);
    blocking(move || {
        // Not locked while a person thinks: the message of an interrupted run is written meanwhile.
        let mut out = io::stderr();
        out.write_all(question.as_bytes()).and_then(|()| out.flush()).map_err(failure)?;
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(failure)?;
        Ok(Some(line.trim().to_owned()).filter(|line| !line.is_empty()))
    })
    .await
}
