//! `cargo xtask status`: what is live in every environment that can be read with the available credentials.
//!
//! It only reads, so the branch does not matter. All environments are asked at once. One that cannot be read gets a
//! line with the reason.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{join_all, try_join_all};

use super::connect;
use super::local::Local;
use crate::cli::Status;
use crate::context::Context;
use crate::output::progress;
use crate::output::report::status::{self as report, Line, Live, Shown};
use engine::base::hint::{Argument, Command, Subcommand};
use engine::base::{Error, Event, Prefix, Result, Stop, Tell};
use engine::bucket::{self, Bucket, Exchange, Listing, Record, record};
use engine::plan::{PlaceState, Scope, drift};
use engine::repository::{Checkout, Config, Distance, Environment, checkout, target};

/// Prints what is live. Returns whether any environment could be read.
pub async fn run(options: &Status, stop: &Stop) -> Result<bool> {
    let cx = Context::new()?;
    let checkout = cx.checkout()?;
    let config = connect::read_config(options.site.as_deref(), options.local, &checkout, &cx.here)?;
    let environments = wanted(&config, options.env.as_deref())?;
    let local = match options.local {
        true => Some(Local::open(&checkout).await?),
        false => None,
    };
    if !options.local {
        let mut plain_http = connect::PlainHttp::default();
        environments.iter().for_each(|environment| plain_http.warn(environment, &cx.tell));
    }
    let in_detail = options.env.is_some() || options.json;
    let survey = environments
        .iter()
        .map(|environment| survey(&config, &checkout, environment, local.as_ref(), in_detail));
    let surveys = stop.unless_stopped(async { Ok(join_all(survey).await) }).await?;
    let rollback = Command::of(Subcommand::Rollback).with(Argument::To("NAME".into()));
    let rollback = options.typed().command(&rollback);
    let head = checkout.head.commit();
    let mut shown = Shown { now: cx.now, head, rollback, lines: Vec::new() };
    for (environment, survey) in environments.iter().zip(surveys) {
        match survey {
            Ok(places) => shown.lines.extend(places),
            Err(error) => shown.lines.push(Line { environment, live: Err(error) }),
        }
    }
    if let Some(local) = local {
        local.close().await?;
    }
    progress::clear();
    report::print(&shown, options.env.is_some(), options.json)?;
    Ok(shown.lines.iter().any(|line| line.live.is_ok()))
}

/// The environments to show.
fn wanted<'c>(config: &'c Config, name: Option<&str>) -> Result<Vec<&'c Environment>> {
    let all = config.environments.iter();
    match name {
        None => Ok(all.collect()),
        Some(name) => Ok(vec![target::named(config, name)?]),
    }
}

/// What is live in an environment: at its one place, or at the place of each branch.
async fn survey<'c>(
    config: &'c Config,
    checkout: &Checkout,
    environment: &'c Environment,
    local: Option<&Local>,
    in_detail: bool,
) -> Result<Vec<Line<'c>>> {
    let top = Prefix::new(environment.reserves()).map_err(|reason| {
        Error::Config(format!("the `prefix` of `{}` {reason}", environment.name))
    })?;
    let bucket = match local {
        Some(local) => local.connect(environment, &top).0,
        None => connect::connect_account(environment, &top).await?.0,
    };
    let silent = Tell::silent();
    // Here the record only says where the listing may be split. What it says about its place is read again below.
    let (listing, _) = bucket::look_at(&bucket, &Exchange::default(), &silent).await;
    let listing = match listing {
        Ok(listing) => listing,
        // A bucket on this machine is created by the first deploy to it.
        Err(failure) if local.is_some() && failure.affects_every_request => {
            return Ok(vec![nothing_in(environment, &top)]);
        }
        Err(failure) => return Err(failure.into()),
    };
    let segments = segments(environment, &listing);
    if segments.is_empty() {
        return Ok(vec![nothing_in(environment, &top)]);
    }
    let mut lines = Vec::new();
    for segment in &segments {
        let live = look(config, checkout, environment, &bucket, &listing, segment, in_detail).await;
        lines.push(Line { environment, live });
    }
    Ok(lines)
}

/// The line of an environment to which nothing was deployed.
fn nothing_in<'c>(environment: &'c Environment, top: &Prefix) -> Line<'c> {
    let (standing, distance) = (PlaceState::default(), Distance::Unknown);
    let (begun, earlier, warnings) = (None, Vec::new(), Vec::new());
    let prefix = top.to_string();
    Line { environment, live: Ok(Live { prefix, standing, begun, distance, earlier, warnings }) }
}

/// The tool keeps fewer records of earlier deploys than this. If there are more, somebody made them up.
const MOST_EARLIER: usize = 100;

/// The values of `{branch}` in the places of an environment. An environment without `{branch}` has one place, and the
/// value is empty.
fn segments(environment: &Environment, listing: &Listing) -> Vec<String> {
    if !environment.prefix.wants_branch() {
        return vec![String::new()];
    }
    let segment = |folder: &String| environment.prefix.segment_of(folder).map(str::to_owned);
    let mut segments: Vec<String> = listing.others.iter().filter_map(segment).collect();
    segments.sort_unstable();
    segments
}

async fn look(
    config: &Config,
    checkout: &Checkout,
    environment: &Environment,
    bucket: &Bucket,
    listing: &Listing,
    segment: &str,
    in_detail: bool,
) -> Result<Live> {
    let place = target::place(config, environment, segment)?;
    let has_none = listing.record.is_none() && *bucket.prefix() == place.prefix;
    let bucket = bucket.below(&place.prefix);
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let told = warnings.clone();
    let tell = Tell::new(move |event| {
        if let Event::Warning(text) = event {
            told.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        }
    });
    let record = match has_none {
        true => Record::default(),
        false => record::read(&bucket, &tell).await?,
    };
    // Places inside of this one belong to other deploys.
    let others: Vec<String> = listing
        .others
        .iter()
        .filter(|folder| folder.as_str() != place.prefix.as_str())
        .cloned()
        .collect();
    let scope = Scope::of(config, &place, &others);
    let standing = drift::measure(place.prefix.as_str(), listing, record, &scope);
    let begun = match standing.is_unfinished {
        true => record::read_begun(&bucket).await?,
        false => None,
    };
    let distance = match &standing.deploy {
        Some(deploy) => checkout::distance(&checkout.root, &deploy.commit)?,
        None => Distance::Unknown,
    };
    let names = standing.earlier.iter().filter(|_| in_detail).take(MOST_EARLIER);
    let earlier = try_join_all(names.map(async |name| {
        Ok::<_, Error>((name.clone(), record::read_deploy(&bucket, name).await?))
    }));
    let earlier = earlier.await?;
    let warnings = std::mem::take(&mut *warnings.lock().unwrap_or_else(PoisonError::into_inner));
    let prefix = place.prefix.to_string();
    Ok(Live { prefix, standing, begun, distance, earlier, warnings })
}
