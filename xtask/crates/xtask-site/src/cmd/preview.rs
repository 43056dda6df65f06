//! `cargo xtask preview`: the site as visitors will see it, rebuilt while it is edited, and what a deploy of this
//! branch would change.
//!
//! Two loops run at the same time. One builds the site and puts what changed into an embedded bucket, which is served.
//! It needs only the sources. The other compares each built site with the account's bucket, if that can be read. It
//! never writes to that bucket.

mod rebuild;
mod watcher;
mod edit_filter;
mod rebuild_backoff;
mod round;
mod generate;
mod build_log;
mod open_pages;
mod served;
mod announce;
mod compare;

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::watch;

use super::connect;
use super::local::Local;
use crate::cli::Preview as Options;
use crate::context::{Context, now};
use crate::output::progress;
use engine::base::{Error, Event, Prefix, Refusal, Result, Stop, failed};
use engine::repository::{Checkout, Choice, Config, Head, Place, target};
use engine::site::Site;
use preview::{self, Preview, Server, Shown};

use announce::Announced;
use round::{BUCKET, Round};

/// Serves until the user stops it, which counts as success.
pub async fn run(options: &Options, stop: &Stop) -> Result<bool> {
    let context = PreviewContext { options, cx: Context::new()? };
    // A mistake in the configuration ends the preview only at its start. Later ones are shown over the page.
    let sources = context.read()?;
    let listeners = preview::listen(options.host.as_deref(), options.port).await?;
    let local = Local::open_for_preview(&sources.checkout).await?;
    local.create(BUCKET).await?;
    let served = preview::serve(listeners, local.store(), options.host.as_deref(), now() * 1000);
    let (preview, server) = served
        .map_err(|error| failed("failed to listen on a port of this machine").because(&error))?;

    let (built_sites, latest) = watch::channel(None);
    let round = Round::first(&context, &local, &preview, stop);
    let announced = Announced::nothing(&context, &server, &preview);
    let rebuilding = rebuild::follow(&context, sources, round, announced, &built_sites);
    let comparing = compare::follow(&context, latest, &preview);
    let ended = tokio::select! {
        biased;
        () = stop.told() => Ok(true),
        ended = rebuilding => ended,
        ended = comparing => ended,
        never = warn_of_workers(&context, &preview, &server) => match never {},
    };
    drop(server);
    progress::clear();
    local.close().await?;
    ended
}

/// Warns once that a browser may show another site, and says what the user can do.
async fn warn_of_workers(
    context: &PreviewContext<'_>,
    preview: &Preview,
    server: &Server,
) -> Infallible {
    preview.finds_worker().await;
    context.cx.tell.tell(Event::Warning(format!(
        "a browser has a service worker that an earlier site left at {}, and may show that site; a button on {} removes it",
        server.url("/"),
        server.pages_url()
    )));
    std::future::pending().await
}

/// What every round of a preview needs.
struct PreviewContext<'a> {
    options: &'a Options,
    cx: Context,
}

/// What the site is made from. It is read again for each round, because the user may edit all of it.
#[derive(Clone)]
struct Sources {
    checkout: Checkout,
    config: Config,
    /// Where a deploy would go, or why it would be refused.
    choice: Result<Choice, Refusal>,
}

/// A site that was built, and the sources that it was built from.
#[derive(Clone)]
struct BuiltSite {
    site: Arc<Site>,
    sources: Arc<Sources>,
}

impl PreviewContext<'_> {
    fn read(&self) -> Result<Sources> {
        let PreviewContext { options, cx } = self;
        let checkout = cx.checkout()?;
        let config = connect::read_config(options.site.as_deref(), true, &checkout, &cx.here)?;
        let choice = match target::choose(&config, &checkout, &cx.ci, options.env.as_deref()) {
            Ok(choice) => Ok(choice),
            Err(Error::Refused(refusal)) => Err(refusal),
            Err(error) => return Err(error),
        };
        Ok(Sources { checkout, config, choice })
    }

    /// Whether a generator runs.
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

    /// What visitors see of a site that is built from these sources.
    fn shown(&self) -> Shown {
        let (prefix, url) = (self.prefix(), self.url());
        let website =
            preview::website(BUCKET.into(), &prefix, url.as_deref(), &self.config.website);
        Shown { website, url }
    }

    /// The generator's variables. They are those of a deploy, so that the generator builds the same site.
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
