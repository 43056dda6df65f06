//! Warns of pages that load the site's own files from another address, because staging would show production's.

use std::sync::Arc;

use super::blocking;
use crate::config::Config;
use crate::error::Result;
use crate::event::{Event, Tell};
use crate::site::{Elsewhere, Site, elsewhere};
use crate::target::Target;
use crate::words::{count, plain};

/// Reads some of the pages. A configuration with one environment that has no `url` is not warned of: there, any address
/// may be the right one.
pub async fn tell_links(
    config: &Config,
    target: &Target,
    site: Arc<Site>,
    tell: &Tell,
) -> Result<()> {
    if target.url.is_none() && config.environments.len() == 1 {
        return Ok(());
    }
    let (prefix, url) = (target.prefix.clone(), target.url.clone());
    let found = blocking(move || Ok(elsewhere(&site, &prefix, url.as_deref()))).await?;
    for elsewhere in &found {
        tell.tell(Event::Warning(text(target, elsewhere)));
    }
    Ok(())
}

fn text(target: &Target, elsewhere: &Elsewhere) -> String {
    let Elsewhere { origin, pages, example } = elsewhere;
    let environment = &target.environment.name;
    let next = match &target.url {
        Some(url) => format!("the generator does not take DEPLOY_URL, which is {url}"),
        None => format!("give `{environment}` its `url`, and the generator DEPLOY_URL"),
    };
    let ask = if *pages == 1 { "asks" } else { "ask" };
    plain(&format!(
        "{} {ask} {origin} for `{example}`, not this deploy: {next}",
        count(*pages as u64, "page")
    ))
}
