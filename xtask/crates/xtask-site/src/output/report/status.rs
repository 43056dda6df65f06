//! What is live: as lines in columns, and as the one object of `--json`.

mod json;

use super::text::first;
use super::{out, out_json};
use engine::base::humanize::{ago, count, plain};
use engine::base::{Error, Result};
use engine::bucket::Deploy;
use engine::plan::{Drift, PlaceState};
use engine::repository::target::short;
use engine::repository::{Distance, Environment};
use unicode_width::UnicodeWidthStr;

/// Everything that is shown.
pub struct Shown<'s> {
    /// In seconds since 1970.
    pub now: u64,
    pub head: Option<&'s str>,
    /// The command that rolls back, with the place that was typed.
    pub rollback: String,
    pub lines: Vec<Line<'s>>,
}

/// A place of an environment, or an environment that cannot be read.
pub struct Line<'s> {
    pub environment: &'s Environment,
    pub live: Result<Live>,
}

pub struct Live {
    pub prefix: String,
    pub standing: PlaceState,
    /// The deploy that was begun after the live one and has not ended.
    pub begun: Option<Deploy>,
    /// The distance of the deploy's commit from HEAD.
    pub distance: Distance,
    /// The earlier deploys, the newest first, each with its name.
    pub earlier: Vec<(String, Option<Deploy>)>,
    pub warnings: Vec<String>,
}

/// How many keys of each kind of drift get a line: if all environments are shown, and if one is.
const LINES: usize = 5;
const LINES_OF_ONE: usize = 40;

/// Prints what is live; with `in_detail`, also the earlier deploys.
pub fn print(shown: &Shown, in_detail: bool, as_json: bool) -> Result<()> {
    match as_json {
        true => out_json(&json::all(shown)),
        false => text(shown, in_detail).iter().try_for_each(|line| out(line)),
    }
}

fn text(shown: &Shown, in_detail: bool) -> Vec<String> {
    let cells: Vec<Vec<String>> = shown.lines.iter().map(|line| cells(line, shown.now)).collect();
    let mut lines = Vec::new();
    for (line, row) in shown.lines.iter().zip(aligned(&cells)) {
        lines.push(row);
        if let Ok(live) = &line.live {
            lines.extend(below(live, shown, in_detail));
        }
    }
    if lines.is_empty() {
        lines.push("nothing is deployed".to_owned());
    }
    lines
}

/// The columns of a line. The last one may have any length.
fn cells(line: &Line, now: u64) -> Vec<String> {
    let name = &line.environment.name;
    let live = match &line.live {
        Ok(live) => live,
        Err(error) => return vec![name.clone(), format!("cannot be read: {}", reason(error))],
    };
    let place = match line.environment.prefix.wants_branch() {
        true => format!("{name} {}", plain(&live.prefix)),
        false => name.clone(),
    };
    let PlaceState { deploy, objects, drift, .. } = &live.standing;
    let objects_and_drift =
        format!("{}, {}", count(*objects, "object"), of_drift(drift, live.standing.is_unfinished));
    let Some(deploy) = deploy else {
        let what = match objects {
            0 => "nothing deployed yet".to_owned(),
            n => {
                format!("not deployed by this tool, or its record is lost: {}", count(*n, "object"))
            }
        };
        return vec![place, what];
    };
    let dirty = if deploy.dirty { ", with changes that were not committed" } else { "" };
    vec![
        place,
        plain(&format!("{}@{}", deploy.branch, short(&deploy.commit))),
        format!("{}{dirty}", live.distance),
        ago(now.saturating_sub(deploy.at)),
        plain(&deploy.who),
        objects_and_drift,
    ]
}

/// An error on one line.
fn reason(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => plain(&refusal.message),
        Error::Failed(failure) => plain(&failure.to_string()),
        Error::Config(text) | Error::Interrupted(text) => {
            plain(text.lines().next().unwrap_or_default())
        }
    }
}

/// While a deploy is in progress or was interrupted, nobody can tell who made these changes.
fn of_drift(drift: &Drift, is_unfinished: bool) -> String {
    let parts = [(&drift.changed, "changed"), (&drift.added, "added"), (&drift.deleted, "deleted")];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(keys, _)| !keys.is_empty())
        .map(|(keys, what)| format!("{} {what}", keys.len()))
        .collect();
    match parts.is_empty() {
        true => "none changed since".to_owned(),
        false if is_unfinished => format!("{} since", parts.join(", ")),
        false => format!("{} by others since", parts.join(", ")),
    }
}

/// The lines below the line of a place.
fn below(live: &Live, shown: &Shown, in_detail: bool) -> Vec<String> {
    let mut lines: Vec<String> =
        live.warnings.iter().map(|warning| format!("  {}", plain(warning))).collect();
    if let Some(base) = live.standing.deploy.as_ref().and_then(|d| d.rolled_back_to.as_ref()) {
        lines.push(format!("  rolled back to {}", plain(base)));
    }
    if live.standing.is_unfinished {
        let begun = live.begun.as_ref().map(|begun| unfinished(begun, shown.now));
        lines.push(
            begun.unwrap_or_else(|| "  a later deploy was begun and has not ended".to_owned()),
        );
    }
    let Drift { changed, added, deleted } = &live.standing.drift;
    let most = if in_detail { LINES_OF_ONE } else { LINES };
    for (sign, keys) in [('~', changed), ('+', added), ('-', deleted)] {
        let keys = keys.iter().map(|key| format!("  {sign} {}", plain(key)));
        lines.extend(first(most, keys, "object"));
    }
    if in_detail && !live.earlier.is_empty() {
        lines.push(format!("earlier deploys, for {}:", shown.rollback));
        let earlier = live.earlier.iter();
        let rows: Vec<Vec<String>> =
            earlier.map(|(name, deploy)| row_of(name, deploy.as_ref(), shown.now)).collect();
        lines.extend(aligned(&rows).map(|row| format!("  {row}")));
    }
    lines
}

fn unfinished(begun: &Deploy, now: u64) -> String {
    let Deploy { branch, commit, who, at, .. } = begun;
    let what = match &begun.rolled_back_to {
        Some(base) => format!("a rollback to {base}"),
        None => format!("a deploy of {branch}@{}", short(commit)),
    };
    let when = ago(now.saturating_sub(*at));
    plain(&format!("  {what} was begun {when} by {who}, and has not ended"))
}

fn row_of(name: &str, deploy: Option<&Deploy>, now: u64) -> Vec<String> {
    let Some(deploy) = deploy else { return vec![plain(name), "cannot be read".to_owned()] };
    let again = deploy.rolled_back_to.as_ref();
    let dirty = deploy.dirty.then(|| ", with changes that were not committed".to_owned());
    let again = again.map(|base| format!(", rolled back to {}", plain(base)));
    let notes: String = dirty.into_iter().chain(again).collect();
    let when = ago(now.saturating_sub(deploy.at));
    vec![plain(name), plain(&deploy.branch), when, format!("{}{notes}", plain(&deploy.who))]
}

/// Rows with aligned columns. The last cell of a row has no width.
fn aligned(rows: &[Vec<String>]) -> impl Iterator<Item = String> {
    let width_of = |column: usize| {
        let cells = rows.iter().filter(|row| row.len() > column + 1);
        cells.map(|row| row[column].width()).max().unwrap_or_default()
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width_of).collect();
    rows.iter().map(move |row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let missing = width.saturating_sub(cell.width());
            format!("{cell}{}", " ".repeat(missing))
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_even_if_a_name_is_wide() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows =
            [row(["main", "a", "x"]), row(["日本語", "bb", "y"]), row(["e\u{301}", "c", "z"])];
        let lines: Vec<String> = aligned(&rows).collect();
        assert_eq!(lines, ["main    a   x", "日本語  bb  y", "e\u{301}       c   z"]);
    }
}
