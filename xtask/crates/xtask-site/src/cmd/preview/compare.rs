//! Compares each site that was built with the account's bucket, and shows what a deploy would change. It reads and
//! never writes: the plan is made, and nothing here can apply it.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Built, Desk, Sources};
use crate::cmd::{connect, is_dirty};
use crate::context::now;
use crate::output::report::{self, Run};
use engine::base::error::{Error, Result};
use engine::base::event::Tell;
use engine::base::secrets;
use engine::base::words::plain;
use engine::bucket::record::{self, Record};
use engine::bucket::{self, Bucket, Exchange, Listing};
use engine::plan::{self, Grace, Home, Plan, Scope, Spared, Terms};
use engine::repository::target::{Place, Target};
use engine::site::Site;
use preview::{About, Compared, Comparison, Preview, Remote};

/// Compares, and waits for the next site or the wish to look again, without an end.
pub async fn follow(
    desk: &Desk<'_>,
    mut built: watch::Receiver<Option<Built>>,
    preview: &Preview,
) -> Result<bool> {
    let mut known: Option<Known> = None;
    let mut told = Told::default();
    let mut plain_http = connect::PlainHttp::default();
    loop {
        let is_wish = tokio::select! {
            changed = built.changed() => match changed {
                Ok(()) => false,
                // The preview ends.
                Err(_) => std::future::pending().await,
            },
            () = preview.wants_look() => true,
        };
        let Some(now_built) = built.borrow_and_update().clone() else { continue };
        let dirty = is_dirty(&now_built.sources.checkout).await.unwrap_or(false);
        let show_site = |site: Arc<Site>, remote| {
            preview.compare(Comparison {
                about: about(&now_built.sources, dirty),
                site,
                prefix: now_built.sources.prefix(),
                remote,
            });
        };
        let show = |remote| show_site(now_built.site.clone(), remote);
        let target = match &now_built.sources.choice {
            Ok(choice) => choice.clone().with_work_tree(dirty),
            Err(refusal) => {
                told.alone(&refusal.message)?;
                let message = refusal.message.clone();
                show(Remote::Alone { message, hint: Some(refusal.hint.clone()) });
                continue;
            }
        };
        let is_other = known.as_ref().is_none_or(|known| !known.is_of(&target.place));
        if is_other || is_wish {
            if is_other {
                show(Remote::Looking);
            }
            plain_http.warn(&target.place.environment, &desk.cx.tell);
            known = match look(&target.place, &desk.cx.tell).await {
                Ok(found) => Some(found),
                Err(error) => {
                    let (message, hint) = said(&error);
                    told.alone(&message)?;
                    show(Remote::Alone { message, hint });
                    None
                }
            };
        }
        let Some(known) = &mut known else { continue };
        match compare(&now_built, &target.place, known, &desk.cx.tell).await {
            Ok((site, compared)) => {
                told.changes(&now_built, &target, &compared.plan)?;
                show_site(site, Remote::Compared(Box::new(compared)));
            }
            Err(error) => {
                let (message, hint) = said(&error);
                told.alone(&message)?;
                show(Remote::Alone { message, hint });
            }
        }
    }
}

/// What was read of the account's bucket.
struct Known {
    place: Place,
    bucket: Bucket,
    listing: Arc<Listing>,
    record: Arc<Record>,
    looked_at: u64,
}

impl Known {
    fn is_of(&self, place: &Place) -> bool {
        let parts = |place: &Place| {
            let environment = &place.environment;
            let credentials = environment.credentials.clone();
            let store = (environment.endpoint.clone(), environment.path_style);
            let account = (environment.account.clone(), store);
            let bucket = (environment.bucket.clone(), environment.region.clone());
            (account, bucket, place.prefix.clone(), credentials)
        };
        parts(&self.place) == parts(place)
    }
}

async fn look(place: &Place, tell: &Tell) -> Result<Known> {
    let (bucket, _) = connect::connect_account(&place.environment, &place.prefix).await?;
    let looked_at = now();
    let (listing, record) = bucket::look_at(&bucket, &Exchange::default(), tell).await;
    let (listing, record) = (Arc::new(listing?), Arc::new(record?));
    Ok(Known { place: place.clone(), bucket, listing, record, looked_at })
}

/// Returns the files that a deploy would look at, without those that `keep` or another environment claims.
async fn compare(
    built: &Built,
    place: &Place,
    known: &mut Known,
    tell: &Tell,
) -> Result<(Arc<Site>, Compared)> {
    let Known { bucket, listing, record, looked_at, .. } = known;
    let config = &built.sources.config;
    let scope = Scope::of(config, place, &listing.others);
    let site = Arc::new(built.site.without(|key| !scope.has(key)));
    let mut learning = (**record).clone();
    if record::learn(bucket, &site, listing, &mut learning, tell).await? {
        *record = Arc::new(learning);
    }
    let retain = place.environment.retain.unwrap_or_default();
    let grace = Grace { retain, now: now() };
    let home = Some(Home::of(&site, &place.prefix, &config.website.index));
    let spared = Spared::of(site.spared(), &place.prefix);
    let plan = plan::make((*site).clone(), listing, record, &Terms { grace, home, spared }, &scope);
    let refusal = plan.refusal(place.environment.max_deletes);
    let compared = Compared {
        bucket: bucket.clone(),
        listing: listing.clone(),
        record: record.clone(),
        plan,
        refusal: refusal.map(|refusal| refusal.message),
        looked_at: *looked_at,
    };
    Ok((site, compared))
}

fn about(sources: &Sources, dirty: bool) -> About {
    let place = sources.place();
    About {
        environment: place.map(|place| place.environment.name.clone()),
        branch: sources.branch(),
        commit: sources.commit(),
        dirty,
        place: place.map(words_of),
    }
}

/// An error in one line, and what to do about it.
fn said(error: &Error) -> (String, Option<String>) {
    match error {
        Error::Refused(refusal) => (refusal.message.clone(), Some(refusal.hint.clone())),
        Error::Failed(failure) => (failure.to_string(), failure.hint.clone()),
        Error::Config(text) | Error::Interrupted(text) => (text.clone(), None),
    }
}

/// What the terminal was told, so that it is not told twice.
#[derive(Default)]
struct Told {
    last: String,
}

impl Told {
    fn alone(&mut self, message: &str) -> Result<()> {
        let line = format!("not compared with a bucket: {}", plain(message));
        self.print(line, Vec::new)
    }

    /// The changes, a line each the first time, and later how many there are.
    fn changes(&mut self, built: &Built, target: &Target, plan: &Plan) -> Result<()> {
        let skipped = built.site.names_left_out().map(|name| target.place.prefix.join(name));
        let planned = report::planned(plan, skipped.collect());
        let line = report::would_change(&words_of(&target.place), &planned);
        let is_first = self.last.is_empty();
        self.print(line, || match is_first {
            true => {
                let store = report::Store::Aws;
                let run = Run { target, store, stale: false, dry: false };
                report::changes(&run, &planned)
            }
            false => Vec::new(),
        })
    }

    fn print(&mut self, line: String, before: impl FnOnce() -> Vec<String>) -> Result<()> {
        if self.last == line {
            return Ok(());
        }
        let mut lines = before();
        lines.push(secrets::hide(&line));
        self.last = line;
        report::print(false, || lines)
    }
}

/// Where an environment's site goes, as a person would look for it.
fn words_of(place: &Place) -> String {
    let Place { environment, prefix, .. } = place;
    let bucket = &environment.bucket;
    let store = match (&environment.endpoint, &environment.account) {
        (Some(endpoint), _) => endpoint.clone(),
        (None, account) => {
            let account = account.as_deref().unwrap_or("unknown");
            format!("account {account}, {}", environment.region)
        }
    };
    format!("s3://{bucket}/{prefix} ({store})")
}
