//! `cargo xtask preview`: the site as visitors will see it, rebuilt while it is edited, and beside it what a deploy
//! of this branch would change.
//!
//! Two things go on at once. One builds and puts what changed into an embedded bucket, which is served; it needs
//! nothing but the sources. The other compares what was built with the account's bucket, if it can be read, and
//! only ever reads it.

mod compare;
mod edits;
mod first;
mod held;
mod output;
mod rebuild;

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use super::local::Local;
use super::open;
use super::{now, stand, variable_as_set};
use crate::cli::Preview as Options;
use crate::output::progress;
use engine::base::error::{Error, Result, failed};
use engine::base::event::{Event, Tell};
use engine::base::key::Prefix;
use engine::base::refusal::Refusal;
use engine::base::stop::Stop;
use engine::repository::checkout::{self, Checkout, Head};
use engine::repository::ci::Surroundings;
use engine::repository::config::Config;
use engine::repository::own_files;
use engine::repository::target::{self, Target};
use engine::site::Site;
use preview::{self, Preview, Server};

/// Serves until it is told to stop, which is how it is meant to end.
pub async fn run(options: &Options, stop: &Stop) -> Result<bool> {
    let ci = Surroundings::of(&variable_as_set);
    let tell = progress::draw(ci.is_ci(), ci.is_github());
    let desk = Desk { options, here: stand()?, ci, tell };
    // Mistakes that are there from the start are told as those of a deploy are.
    let sources = desk.read()?;
    let listeners = preview::listen(options.host.as_deref(), options.port).await?;
    let local = Local::open_for_preview(&sources.checkout).await?;
    local.create(rebuild::BUCKET).await?;
    let served = preview::serve(listeners, local.store(), options.host.as_deref(), now() * 1000);
    let (preview, server) = served
        .map_err(|error| failed("failed to listen on a port of this machine").because(&error))?;

    let (built, latest) = watch::channel(None);
    let rebuilding = rebuild::follow(&desk, sources, &local, &preview, &server, &built, stop);
    let comparing = compare::follow(&desk, latest, &preview);
    let ended = tokio::select! {
        biased;
        () = stop.told() => Ok(true),
        ended = rebuilding => ended,
        ended = comparing => ended,
        never = warn_of_workers(&desk, &preview, &server) => match never {},
    };
    drop(server);
    progress::clear();
    local.close().await?;
    ended
}

/// Says once that a browser shows another site, and what to do about that.
async fn warn_of_workers(desk: &Desk<'_>, preview: &Preview, server: &Server) -> Infallible {
    preview.finds_worker().await;
    desk.tell.tell(Event::Warning(format!(
        "a browser has a service worker that an earlier site left at {}, and may show that site; a button on {} removes it",
        server.url("/"),
        server.pages_url()
    )));
    std::future::pending().await
}

/// What every round begins with.
struct Desk<'a> {
    options: &'a Options,
    here: PathBuf,
    ci: Surroundings,
    tell: Tell,
}

/// What the site is made of, as it was read for a round: all of it may be edited.
#[derive(Clone)]
struct Sources {
    checkout: Checkout,
    config: Config,
    /// Where a deploy would go, or why it would not.
    target: Result<Target, Refusal>,
}

/// A site that was built.
#[derive(Clone)]
struct Built {
    site: Arc<Site>,
    sources: Arc<Sources>,
}

impl Desk<'_> {
    fn read(&self) -> Result<Sources> {
        let checkout = checkout::read(&self.here)?;
        own_files::check(&checkout.root)?;
        let config = open::read_config(self.options.site.as_deref(), &checkout, &self.here)?;
        let target = match target::choose(&config, &checkout, &self.ci, self.options.env.as_deref())
        {
            Ok(target) => Ok(target),
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(error) => return Err(error),
        };
        Ok(Sources { checkout, config, target })
    }

    fn builds(&self, sources: &Sources) -> bool {
        !self.options.no_build && !sources.config.command.is_empty()
    }
}

impl Sources {
    fn prefix(&self) -> Prefix {
        self.target.as_ref().map(|target| target.prefix.clone()).unwrap_or_default()
    }

    fn url(&self) -> Option<String> {
        self.target.as_ref().ok()?.url.clone()
    }

    /// What the generator is told: what a deploy would tell it, so that it builds the same.
    fn variables(&self) -> Vec<(&'static str, String)> {
        match &self.target {
            Ok(target) => target.variables(),
            Err(_) => vec![
                ("DEPLOY_ENVIRONMENT", String::new()),
                ("DEPLOY_BRANCH", self.branch()),
                ("DEPLOY_PREFIX", String::new()),
                ("DEPLOY_URL", String::new()),
            ],
        }
    }

    fn branch(&self) -> String {
        match (&self.target, &self.checkout.head) {
            (Ok(target), _) => target.branch.clone(),
            (Err(_), Head::Branch { name, .. }) => name.clone(),
            (Err(_), Head::Detached { commit }) => target::short(commit).to_owned(),
            (Err(_), Head::Unborn) => String::new(),
        }
    }

    fn commit(&self) -> String {
        self.checkout.head.commit().map(target::short).unwrap_or_default().to_owned()
    }
}
