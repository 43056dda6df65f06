//! Compares each built site with the account's bucket, and shows what a deploy would change. The bucket is only read: a
//! plan is made, and nothing here can apply it.

use std::sync::Arc;

use tokio::sync::watch;

use super::{BuiltSite, PreviewContext, Sources};
use crate::cli::Typed;
use crate::cmd::{connect, is_dirty};
use crate::context::now;
use crate::output::report::{self, Run};
use engine::base::humanize::plain;
use engine::base::{Error, Hint, Result, Tell, redact};
use engine::bucket::{self, Bucket, Exchange, Listing, Record, record};
use engine::plan::{self, Grace, Home, Plan, Scope, Spared, Terms};
use engine::repository::{Place, Target};
use engine::site::Site;
use preview::{About, Compared, Comparison, Preview, Remote};

/// Compares each built site, and compares again when the page asks for it. This never ends, except by an error.
///
/// # Errors
/// Standard output is closed.
pub async fn follow(
    context: &PreviewContext<'_>,
    mut built_sites: watch::Receiver<Option<BuiltSite>>,
    preview: &Preview,
) -> Result<bool> {
    let plain_http = connect::PlainHttp::default();
    let printed = Printed::default();
    let mut comparer = Comparer { context, preview, account: None, printed, plain_http };
    loop {
        let is_asked = tokio::select! {
            changed = built_sites.changed() => match changed {
                Ok(()) => false,
                // The preview ends.
                Err(_) => std::future::pending().await,
            },
            () = preview.wants_look() => true,
        };
        let built = built_sites.borrow_and_update().clone();
        if let Some(built) = built {
            comparer.show(&built, is_asked).await?;
        }
    }
}

struct Comparer<'a> {
    context: &'a PreviewContext<'a>,
    preview: &'a Preview,
    /// `None` if the account's bucket was not listed yet, or could not be.
    account: Option<AccountBucket>,
    printed: Printed,
    plain_http: connect::PlainHttp,
}

impl Comparer<'_> {
    /// Shows what a deploy of this site would change, or why it is not compared. `is_asked` lists the bucket again.
    async fn show(&mut self, built: &BuiltSite, is_asked: bool) -> Result<()> {
        let dirty = is_dirty(&built.sources.checkout).await.unwrap_or(false);
        let compared = match built.sources.choice.clone() {
            Ok(choice) => self.compare(built, choice.with_work_tree(dirty), is_asked).await,
            Err(refusal) => Err(refusal.into()),
        };
        match compared {
            Ok((target, site, compared)) => {
                let typed = self.context.options.typed();
                self.printed.changes(built, &target, &compared.plan, typed)?;
                self.give(built, dirty, site, Remote::Compared(Box::new(compared)));
            }
            Err(error) => {
                let (message, hint) = message_and_hint(&error);
                let hint = hint.map(|hint| self.context.options.typed().spell(hint));
                self.printed.alone(&message)?;
                self.give(built, dirty, built.site.clone(), Remote::Alone { message, hint });
            }
        }
        Ok(())
    }

    /// Gives a comparison to the page that shows it.
    fn give(&self, built: &BuiltSite, dirty: bool, site: Arc<Site>, remote: Remote) {
        let (about, prefix) = (about(&built.sources, dirty), built.sources.prefix());
        self.preview.compare(Comparison { about, site, prefix, remote });
    }

    async fn compare(
        &mut self,
        built: &BuiltSite,
        target: Target,
        is_asked: bool,
    ) -> Result<(Target, Arc<Site>, Compared)> {
        let (place, tell) = (&target.place, &self.context.cx.tell);
        let is_known = self.account.as_ref().is_some_and(|account| account.is_of(place));
        if is_asked || !is_known {
            if !is_known {
                let site = built.site.clone();
                self.give(built, target.revision.dirty, site, Remote::Looking);
            }
            self.plain_http.warn(&place.environment, tell);
            // If listing fails, what was listed before is not used any more.
            self.account = None;
        }
        built.sources.config.needs_account()?;
        let account = match &mut self.account {
            Some(account) => account,
            account => account.insert(AccountBucket::list(place, tell).await?),
        };
        let (site, compared) = account.compare(built, place, tell).await?;
        Ok((target, site, compared))
    }
}

/// What was read from the account's bucket.
struct AccountBucket {
    place: Place,
    bucket: Bucket,
    listing: Arc<Listing>,
    record: Arc<Record>,
    /// In seconds since 1970.
    listed_at: u64,
}

impl AccountBucket {
    async fn list(place: &Place, tell: &Tell) -> Result<AccountBucket> {
        let (bucket, _) = connect::connect_account(&place.environment, &place.prefix).await?;
        let listed_at = now();
        let (listing, record) = bucket::look_at(&bucket, &Exchange::default(), tell).await;
        let (listing, record) = (Arc::new(listing?), Arc::new(record?));
        Ok(AccountBucket { place: place.clone(), bucket, listing, record, listed_at })
    }

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

    /// Compares a site with the bucket. The returned site has only the files that a deploy would look at: those that
    /// `keep` or another environment claims are left out.
    async fn compare(
        &mut self,
        built: &BuiltSite,
        place: &Place,
        tell: &Tell,
    ) -> Result<(Arc<Site>, Compared)> {
        let AccountBucket { bucket, listing, record, listed_at, .. } = self;
        let config = &built.sources.config;
        let scope = Scope::of(config, place, &listing.others);
        let site = Arc::new(built.site.without(|key| !scope.has(key)));
        let mut learned = (**record).clone();
        if record::learn(bucket, &site, listing, &mut learned, tell).await? {
            *record = Arc::new(learned);
        }
        let retain = place.environment.retain.unwrap_or_default();
        let grace = Grace { retain, now: now() };
        let home = Some(Home::of(&site, &place.prefix, &config.website.index));
        let spared = Spared::of(site.spared(), &place.prefix);
        let terms = Terms { grace, home, spared };
        let plan = plan::make((*site).clone(), listing, record, &terms, &scope);
        let refusal = plan.refusal(place.environment.max_deletes);
        let compared = Compared {
            bucket: bucket.clone(),
            listing: listing.clone(),
            record: record.clone(),
            plan,
            refusal: refusal.map(|refusal| refusal.message),
            looked_at: *listed_at,
        };
        Ok((site, compared))
    }
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

/// An error in one line, and what the user can do.
fn message_and_hint(error: &Error) -> (String, Option<&Hint>) {
    match error {
        Error::Refused(refusal) => (refusal.message.clone(), Some(&refusal.hint)),
        Error::Failed(failure) => (failure.to_string(), failure.hint.as_ref()),
        Error::Config(text) | Error::Interrupted(text) => (text.clone(), None),
    }
}

/// The line that was printed last, so that it is not printed twice in a row.
#[derive(Default)]
struct Printed {
    last: String,
}

impl Printed {
    fn alone(&mut self, message: &str) -> Result<()> {
        let line = format!("not compared with a bucket: {}", plain(message));
        self.print(line, Vec::new)
    }

    /// Prints how many changes there are. The first time, a line for each change comes before.
    fn changes(
        &mut self,
        built: &BuiltSite,
        target: &Target,
        plan: &Plan,
        typed: Typed<'_>,
    ) -> Result<()> {
        let skipped = built.site.names_left_out().map(|name| target.place.prefix.join(name));
        let planned = report::planned(plan, skipped.collect());
        let line = report::would_change(&words_of(&target.place), &planned);
        let is_first = self.last.is_empty();
        self.print(line, || match is_first {
            true => {
                let store = report::Store::Aws;
                let run = Run { target, store, stale: false, dry: false, typed };
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
        lines.push(redact::hide(&line));
        self.last = line;
        report::print(false, || lines)
    }
}

/// Where an environment's site goes, in words for the user.
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
