//! What is live, as the one object of `--json`.

use serde::Serialize;

use super::{Line, Live, Shown, reason};
use engine::bucket::record::Deploy;
use engine::plan::drift::Drift;
use engine::repository::checkout::Distance;
use engine::repository::config::Environment;

#[derive(Serialize)]
pub struct Json<'s> {
    head: Option<&'s str>,
    environments: Vec<JsonPlace<'s>>,
}

/// The known values. Unknown values are `null`.
#[derive(Default, Serialize)]
struct JsonPlace<'s> {
    environment: &'s str,
    account: Option<&'s str>,
    bucket: &'s str,
    prefix: Option<&'s str>,
    deploy: Option<JsonDeploy<'s>>,
    behind: Option<usize>,
    ahead: Option<usize>,
    unfinished: bool,
    objects: Option<u64>,
    drift: Option<JsonDrift<'s>>,
    earlier: Vec<JsonDeploy<'s>>,
    warnings: &'s [String],
    error: Option<String>,
}

#[derive(Default, Serialize)]
struct JsonDeploy<'s> {
    id: String,
    branch: Option<&'s str>,
    commit: Option<&'s str>,
    dirty: Option<bool>,
    at: Option<String>,
    by: Option<&'s str>,
    tool: Option<&'s str>,
    rolled_back_to: Option<&'s str>,
}

#[derive(Serialize)]
struct JsonDrift<'s> {
    changed: &'s [String],
    added: &'s [String],
    deleted: &'s [String],
}

pub fn all<'s>(shown: &'s Shown<'s>) -> Json<'s> {
    Json { head: shown.head, environments: shown.lines.iter().map(place).collect() }
}

fn place<'s>(line: &'s Line<'s>) -> JsonPlace<'s> {
    let Environment { name, account, bucket, .. } = line.environment;
    let known = JsonPlace {
        environment: name,
        account: account.as_deref(),
        bucket,
        ..JsonPlace::default()
    };
    let Live { prefix, standing, distance, earlier, warnings, .. } = match &line.live {
        Ok(live) => live,
        Err(error) => return JsonPlace { error: Some(reason(error)), ..known },
    };
    let (ahead, behind) = match distance {
        Distance::Apart { ahead, behind } => (Some(*ahead), Some(*behind)),
        Distance::Unknown | Distance::Shallow => (None, None),
    };
    let Drift { changed, added, deleted } = &standing.drift;
    JsonPlace {
        prefix: Some(prefix),
        deploy: standing.deploy.as_ref().map(|deploy| deploy_of(deploy.id(), Some(deploy))),
        behind,
        ahead,
        unfinished: standing.is_unfinished,
        objects: Some(standing.objects),
        drift: Some(JsonDrift { changed, added, deleted }),
        earlier: earlier
            .iter()
            .map(|(name, deploy)| deploy_of(name.clone(), deploy.as_ref()))
            .collect(),
        warnings,
        ..known
    }
}

fn deploy_of(id: String, deploy: Option<&Deploy>) -> JsonDeploy<'_> {
    let Some(deploy) = deploy else { return JsonDeploy { id, ..JsonDeploy::default() } };
    JsonDeploy {
        id,
        branch: Some(&deploy.branch),
        commit: Some(&deploy.commit),
        dirty: Some(deploy.dirty),
        at: Some(deploy.time()),
        by: Some(&deploy.who),
        tool: Some(&deploy.tool),
        rolled_back_to: deploy.rolled_back_to.as_deref(),
    }
}
