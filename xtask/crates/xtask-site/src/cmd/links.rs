//! Warns of pages that lead away from this deploy: they load its files from another address, so that staging would show
//! production's, or link to another environment.

use super::blocking;
use engine::base::humanize::{count, plain};
use engine::base::{Event, Result, Tell};
use engine::repository::{Config, Place};
use engine::site::{Astray, Base, Kind, Places, Reader, Site, astray, is_sample};

/// Checks some of the pages. `is_built` says whether the generator was run for this deploy.
pub async fn tell_links(
    config: &Config,
    place: &Place,
    site: Site,
    is_built: bool,
    tell: &Tell,
) -> Result<()> {
    let (prefix, places) = (place.prefix.clone(), places(config, place));
    let found = blocking(move || Ok(astray(&site, &prefix, &places))).await?;
    // In a configuration with one environment that has no `url`, any address may be the right one.
    let is_any_right = place.url.is_none() && config.environments.len() == 1;
    for astray in &found {
        let may_be_right = matches!(&astray.kind, Kind::LoadFrom(origin) if !is_sample(origin));
        if !(is_any_right && may_be_right) {
            tell.tell(Event::Warning(text(place, astray, is_built)));
        }
    }
    Ok(())
}

fn places(config: &Config, place: &Place) -> Places {
    let own = place.url.as_deref().and_then(Base::of);
    let by_prefix = || format!("/{}", place.prefix.as_str());
    let others = config.environments.iter().filter(|other| other.name != place.environment.name);
    let others = others.filter_map(|other| {
        // If the address contains the branch, take the part before it.
        let url = other.url.as_ref().filter(|url| !url.has_branch_in_host())?;
        Some((other.name.clone(), Base::of(url.fixed())?))
    });
    Places {
        folder: own.as_ref().map_or_else(by_prefix, |own| own.path.clone()),
        own,
        others: others.collect(),
        index: config.website.index.clone(),
    }
}

fn text(place: &Place, astray: &Astray, is_built: bool) -> String {
    let Astray { kind, of, files, example } = astray;
    let (ask, link) = if *files == 1 { ("asks", "links") } else { ("ask", "link") };
    let said = match kind {
        Kind::LoadFrom(origin) => {
            let next = other_address(place, origin, is_built, *of);
            format!("{ask} {origin} for `{example}`, not this deploy: {next}")
        }
        Kind::LinkToEnvironment(name) => {
            let next = other_address(place, origin_of(example), is_built, *of);
            format!("{link} to {example}, the site of `{name}`: {next}")
        }
        Kind::LinkToSample => {
            let next = other_address(place, origin_of(example), is_built, *of);
            format!("{link} to {example}, not this deploy: {next}")
        }
        Kind::LoadOutside => format!("{ask} for `{example}`, {}", outside(place)),
        Kind::LinkOutside => format!("{link} to `{example}`, {}", outside(place)),
    };
    let noun = match of {
        Reader::Page => "page",
        Reader::StyleSheet => "style sheet",
    };
    plain(&format!("{} {said}", count(*files as u64, noun)))
}

/// What to do about pages that were built for another address.
fn other_address(place: &Place, origin: &str, is_built: bool, of: Reader) -> String {
    let these = match of {
        Reader::Page => "these pages",
        Reader::StyleSheet => "these style sheets",
    };
    let environment = &place.environment.name;
    match (&place.url, is_built) {
        (Some(url), true) => format!("the generator does not take DEPLOY_URL, which is {url}"),
        (Some(url), false) => {
            format!("{these} were built for {origin}; build them again for {url}")
        }
        (None, true) => format!("give `{environment}` its `url`, and the generator DEPLOY_URL"),
        (None, false) => format!(
            "{these} were built for {origin}; give `{environment}` its `url`, and build them again for it"
        ),
    }
}

fn outside(place: &Place) -> String {
    let own = place.url.as_deref().and_then(Base::of);
    let folder = own.map_or_else(
        || place.prefix.as_str().to_owned(),
        |own| own.path.trim_start_matches('/').to_owned(),
    );
    let without_url = match place.url {
        Some(_) => String::new(),
        None => format!(
            "; if a host name leads to that folder, give `{}` its `url`",
            place.environment.name
        ),
    };
    format!(
        "which is outside of `{folder}`: let the generator write relative links, or begin them with the path of DEPLOY_URL{without_url}"
    )
}

/// An address without its path.
fn origin_of(address: &str) -> &str {
    let host = address.find("//").map_or(0, |at| at + 2);
    let end = address[host..].find('/').map_or(address.len(), |at| host + at);
    &address[..end]
}
