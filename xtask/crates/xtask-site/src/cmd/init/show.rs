//! The lines for the person who runs `init`.

use init::environments::Draft;
use init::files::Change;
use similar::TextDiff;

use super::findings::{Findings, SiteFindings};

/// What was found.
pub fn findings(findings: &Findings) -> Vec<String> {
    let mut lines: Vec<String> = findings.sites.iter().flat_map(site).collect();
    lines.extend(findings.notes.iter().map(|note| format!("note: {note}")));
    lines
}

fn site(site: &SiteFindings) -> Vec<String> {
    let generator = &site.generator;
    let place = match site.folder() {
        Some(folder) => format!("in `{}`", folder.display()),
        None => "at the top of the repository".into(),
    };
    let (name, output) = (generator.kind.name(), generator.output.display());
    let mut lines = vec![format!("{name} {place}, output `{output}`")];
    match &site.config {
        Some(_) => lines.push("  it has a deploy.toml, which stays as it is".into()),
        None => lines.extend(site.drafts.iter().map(environment)),
    }
    lines
}

fn environment(draft: &Draft) -> String {
    let bucket =
        draft.bucket.as_deref().map_or("a bucket that is not known yet".into(), |bucket| {
            format!("s3://{bucket}/{}", draft.prefix.as_deref().unwrap_or_default())
        });
    let found = draft.found.as_ref().map(|found| format!("  ({found})")).unwrap_or_default();
    format!("  {}: {} -> {bucket}{found}", draft.name, draft.branches.join(", "))
}

/// The files that change, each with the number of its lines, or with the lines themselves.
pub fn changes(changes: &[Change], is_whole: bool) -> Vec<String> {
    match is_whole {
        true => changes.iter().map(diff).collect(),
        false => changes.iter().map(change).collect(),
    }
}

fn change(change: &Change) -> String {
    let path = change.path.display();
    let count = |text: &str| text.lines().count();
    match (&change.before, &change.beside) {
        (_, Some(other)) => {
            format!(
                "  + {path}  ({} lines, beside your `{}`)",
                count(&change.after),
                other.display()
            )
        }
        (None, None) => format!("  + {path}  ({} lines)", count(&change.after)),
        (Some(before), None) => {
            let (added, removed) = counts(before, &change.after);
            format!("  ~ {path}  ({added} lines added, {removed} removed)")
        }
    }
}

fn counts(before: &str, after: &str) -> (usize, usize) {
    let diff = TextDiff::from_lines(before, after);
    let of = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    (of(similar::ChangeTag::Insert), of(similar::ChangeTag::Delete))
}

fn diff(change: &Change) -> String {
    let path = change.path.display().to_string();
    let old = match change.before {
        Some(_) => format!("a/{path}"),
        None => "/dev/null".into(),
    };
    if change.path.ends_with("Cargo.lock") {
        return format!("  + {path}  ({} lines, not shown)", change.after.lines().count());
    }
    let diff = TextDiff::from_lines(change.before.as_deref().unwrap_or_default(), &change.after);
    let text = diff.unified_diff().header(&old, &format!("b/{path}")).to_string();
    text.trim_end().to_owned()
}

pub fn nothing_written(changes: &[Change]) -> Vec<String> {
    match changes.len() {
        0 => vec!["nothing to do: every file is as this version writes it".into()],
        1 => vec!["1 file would be written".into()],
        n => vec![format!("{n} files would be written")],
    }
}
