//! Warns of folders of the bucket that hold the record of another deploy.
//!
//! The listing names the ones below the prefix, and they are left alone. If `prefix` was changed in deploy.toml, the
//! old site stays where it was. That may be beside or above the new place, where the listing does not reach. So the
//! first deploy to a prefix searches there for a record of the same environment. The search costs a few requests, and a
//! store that does not answer them stops nothing.

use std::collections::VecDeque;

use crate::cmd::deploy::deployment::Deployment;
use engine::base::{Event, Prefix, branch_segment, tool_folder};
use engine::bucket::{Deploy, Seen, record};

/// How many requests the search makes at most.
const MOST_REQUESTS: usize = 20;

/// A folder whose record is of the same environment.
struct Former {
    folder: Prefix,
    deploy: Deploy,
}

/// Warns of each folder that holds the record of another deploy.
pub async fn warn(deployment: &Deployment<'_>, seen: &Seen) {
    let warn = |text| deployment.tell.tell(Event::Warning(text));
    let is_first = seen.listing.record.is_none();
    let former =
        if is_first { find_former(deployment, &seen.listing.others).await } else { Vec::new() };
    let is_former =
        |folder: &&String| former.iter().any(|it| it.folder.as_str() == folder.as_str());
    for folder in seen.listing.others.iter().filter(|folder| !is_former(folder)) {
        warn(format!(
            "`{folder}` holds the record of another deploy and is left alone; if that one is given up, remove `{folder}{}{}`",
            tool_folder::NAME,
            tool_folder::RECORD
        ));
    }
    for former in &former {
        warn(former.text(deployment));
    }
}

impl Former {
    fn text(&self, deployment: &Deployment<'_>) -> String {
        let (folder, ours) = (self.folder.as_str(), deployment.place().prefix.as_str());
        let (environment, time) = (&deployment.place().environment.name, self.deploy.time());
        let place = match folder {
            "" => "the top of the bucket".to_owned(),
            folder => format!("`{folder}`"),
        };
        let what = match ours.starts_with(folder) {
            true => format!("delete what is there, except `{ours}`"),
            false => "delete that folder".to_owned(),
        };
        format!(
            "{place} holds the record of another deploy of `{environment}`, made at {time}, and is left alone; if `prefix` was changed since, visitors can still read the files there: {what}"
        )
    }
}

/// Looks for former places of the environment: in the folders `below` the prefix that have a record, then in those
/// around it, nearest first.
async fn find_former(deployment: &Deployment<'_>, below: &[String]) -> Vec<Former> {
    let (mut former, mut requests) = (Vec::new(), 0);
    let below = below.iter().filter_map(|folder| Prefix::new(folder).ok());
    for folder in below.take(MOST_REQUESTS) {
        requests += 1;
        former.extend(read_former(deployment, folder).await);
    }
    let mut folders = above(deployment.place().prefix.as_str());
    while let Some(folder) = folders.pop_front()
        && requests < MOST_REQUESTS
    {
        requests += 1;
        // Credentials for one folder may not list another, and the folders above would give the same answer.
        let Ok(inside) = deployment.bucket.below(&folder).folders().await else { break };
        if inside.contains(&folder.join(tool_folder::NAME)) {
            requests += 1;
            former.extend(read_former(deployment, folder).await);
        }
        folders.extend(next(deployment, inside));
    }
    former
}

/// The folders that a prefix lies in, the nearest first and the whole bucket last.
fn above(prefix: &str) -> VecDeque<Prefix> {
    let folder = prefix.trim_end_matches('/');
    let ends = folder.rmatch_indices('/').map(|(slash, _)| slash + 1);
    let ends = ends.chain((!folder.is_empty()).then_some(0));
    ends.filter_map(|end| Prefix::new(&prefix[..end]).ok()).collect()
}

/// Which of the folders that were found to look into. The folder of the same branch comes first, because there may be
/// many.
fn next(deployment: &Deployment<'_>, found: Vec<String>) -> Vec<Prefix> {
    let ours = deployment.place().prefix.as_str();
    let end = format!("/{}/", branch_segment(&deployment.run.target.revision.branch));
    let is_ours = |folder: &String| ours.starts_with(folder.as_str());
    let (first, rest): (Vec<String>, Vec<String>) = found
        .into_iter()
        .filter(|folder| !is_ours(folder))
        .partition(|folder| format!("/{folder}").ends_with(&end));
    first.into_iter().chain(rest).filter_map(|folder| Prefix::new(&folder).ok()).collect()
}

/// The folder, if its record is of this environment. If each branch has a place of its own, the record must also be of
/// this branch: the places of other branches are in use.
async fn read_former(deployment: &Deployment<'_>, folder: Prefix) -> Option<Former> {
    let (environment, branch) =
        (&deployment.place().environment, &deployment.run.target.revision.branch);
    let deploy = record::read_live(&deployment.bucket.below(&folder)).await.ok()??;
    let is_same = deploy.environment.as_deref() == Some(&environment.name)
        && (!environment.prefix.wants_branch() || deploy.branch == *branch);
    is_same.then_some(Former { folder, deploy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folders_above_a_prefix_are_known_by_its_name() {
        for (prefix, expected) in [
            ("", &[][..]),
            ("docs/", &[""]),
            ("a/b/c/", &["a/b/", "a/", ""]),
            ("ä/b/", &["ä/", ""]),
        ] {
            let above: Vec<Prefix> = above(prefix).into();
            assert_eq!(above.iter().map(Prefix::as_str).collect::<Vec<_>>(), expected, "{prefix}");
        }
    }
}
