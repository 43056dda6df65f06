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
use std::sync::Arc;

use tokio::sync::watch;

use super::connect;
use super::local::Local;
use crate::cli::Preview as Options;
use crate::context::{Context, now};
use crate::output::progress;
use engine::base::error::{Error, Result, failed};
use engine::base::event::Event;
use engine::base::key::Prefix;
use engine::base::refusal::Refusal;
use engine::base::stop::Stop;
use engine::repository::checkout::{Checkout, Head};
use engine::repository::config::Config;
use engine::repository::target::{self, Choice, Place};
use engine::site::Site;
use preview::{self, Preview, Server};

/// Serves until it is told to stop, which is how it is meant to end.
pub async fn run(options: &Options, stop: &Stop) -> Result<bool> {
    let desk = Desk { options, cx: Context::new()? };
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
    desk.cx.tell.tell(Event::Warning(format!(
        "a browser has a service worker that an earlier site left at {}, and may show that site; a button on {} removes it",
        server.url("/"),
        server.pages_url()
    )));
    std::future::pending().await
}

/// What every round begins with.
struct Desk<'a> {
    options: &'a Options,
    cx: Context,
}

/// What the site is made of, as it was read for a round: all of it may be edited.
#[derive(Clone)]
struct Sources {
    checkout: Checkout,
    config: Config,
    /// Where a deploy would go, or why it would not.
    choice: Result<Choice, Refusal>,
}

/// A site that was built.
#[derive(Clone)]
struct Built {
    site: Arc<Site>,
    sources: Arc<Sources>,
}

impl Desk<'_> {
    fn read(&self) -> Result<Sources> {
        let Desk { options, cx } = self;
        let checkout = cx.checkout()?;
        let config = connect::read_config(options.site.as_deref(), &checkout, &cx.here)?;
        let choice = match target::choose(&config, &checkout, &cx.ci, options.env.as_deref()) {
            Ok(choice) => Ok(choice),
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(error) => return Err(error),
        };
        Ok(Sources { checkout, config, choice })
    }

    fn builds(&self, sources: &Sources) -> bool {
        !self.options.no_build && !sources.config.command.is_empty()
    }
}

impl Sources {
    fn place(&self) -> Option<&Place> {
        self.choice.as_ref().ok().map(|choice| &choice.place)
    }

    fn prefix(&self) -> Prefix {
        self.place().map(|place| place.prefix.clone()).unwrap_or_default()
    }

    fn url(&self) -> Option<String> {
        self.place()?.url.clone()
    }

    /// What the generator is told: what a deploy would tell it, so that it builds the same.
    fn variables(&self) -> Vec<(&'static str, String)> {
        match self.place() {
            Some(place) => place.variables(&self.branch()),
            None => vec![
                ("DEPLOY_ENVIRONMENT", String::new()),
                ("DEPLOY_BRANCH", self.branch()),
                ("DEPLOY_PREFIX", String::new()),
                ("DEPLOY_URL", String::new()),
            ],
        }
    }

    fn branch(&self) -> String {
        match (&self.choice, &self.checkout.head) {
            (Ok(choice), _) => choice.branch.clone(),
            (Err(_), Head::Branch { name, .. }) => name.clone(),
            (Err(_), Head::Detached { commit }) => target::short(commit).to_owned(),
            (Err(_), Head::Unborn) => String::new(),
        }
    }

    fn commit(&self) -> String {
        self.checkout.head.commit().map(target::short).unwrap_or_default().to_owned()
    }
}
