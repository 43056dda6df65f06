//! One round of a preview: builds the site, puts what changed into the bucket that is served, and tells open pages.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::generate::{Generated, generate};
use super::open_pages::{self, EarlyNotice};
use super::served::Served;
use super::watcher::Watcher;
use super::{BuiltSite, PreviewContext, Sources, announce, build_log};
use crate::cmd::links::tell_links;
use crate::cmd::local::Local;
use crate::cmd::{blocking, tell_left_out};
use crate::output::progress;
use crate::output::report;
use engine::base::{Error, Result, Stop, Tell};
use engine::bucket::record;
use engine::plan::{Approved, Journal, Plan, apply};
use engine::repository::build::Aside;
use engine::site::{self, Keys, Rescan, ScanCache, Site};
use preview::{Change, News, Preview};

/// The only bucket of a preview. Each branch has its prefix in it.
pub const BUCKET: &str = "preview";

/// Delay before housekeeping (old build output, the record), so that browsers get the new page first.
const IDLE: Duration = Duration::from_millis(300);

/// How long the rest of the site waits until a browser has shown the files that it asked for. It does not wait if a
/// browser asks for another file.
const HEAD_START: Duration = Duration::from_millis(100);

/// How a round ended.
pub enum Ended {
    /// An edit made its build outdated.
    Overtaken,
    Shown(BuiltSite),
    Failed(Error),
}

/// What a round needs, and what it keeps for the next one.
pub struct Round<'a> {
    context: &'a PreviewContext<'a>,
    local: &'a Local,
    preview: &'a Preview,
    stop: &'a Stop,
    is_first: bool,
    /// `None` if it has to be read from the bucket.
    served: Option<Served>,
    scan_cache: ScanCache,
    /// The output folder that the last build wrote.
    last_output: Option<PathBuf>,
    /// What that folder held before.
    aside: Option<Aside>,
}

impl<'a> Round<'a> {
    pub fn first(
        context: &'a PreviewContext,
        local: &'a Local,
        preview: &'a Preview,
        stop: &'a Stop,
    ) -> Round<'a> {
        Round {
            context,
            local,
            preview,
            stop,
            is_first: true,
            served: None,
            scan_cache: ScanCache::default(),
            last_output: None,
            aside: None,
        }
    }

    /// Builds and shows the site. Only the build can be overtaken: what is built is shown.
    pub async fn run(&mut self, sources: Result<Sources>, watcher: &mut Watcher) -> Ended {
        self.preview.tell(News::building);
        let generating =
            async { generate(self.context, sources?, self.last_output.as_deref()).await };
        let Some(generated) = watcher.unless_overtaken(generating).await else {
            return Ended::Overtaken;
        };
        let shown = match generated {
            Ok(generated) => self.show(generated).await,
            Err(error) => Err(error),
        };
        self.is_first = false;
        shown.map_or_else(Ended::Failed, Ended::Shown)
    }

    async fn show(&mut self, generated: Generated) -> Result<BuiltSite> {
        let Generated { sources, build_time, output_lock, aside } = generated;
        let started = Instant::now();
        let notice = EarlyNotice::default();
        // The terminal shows the stages of the first round only.
        let tell = match self.is_first {
            true => self.context.cx.tell.clone(),
            false => Tell::silent(),
        };
        let shown = sources.shown();
        // Files are served as soon as they are in the bucket, so their paths must be the ones that are shown already.
        let early = match self.preview.shows(&shown) {
            true => self.show_open_pages(&sources, &notice).await?,
            false => 0,
        };
        let scanned = self.scan(&sources, &notice, &tell).await;
        self.keep(aside, build_time.and(Some(sources.config.output_folder())));
        let site = Arc::new(scanned?);
        if self.is_first {
            self.tell_findings(&site, &sources).await?;
        }
        let (change, late) = self.publish(&site, &sources, &notice, &tell).await?;
        drop(output_lock);
        self.preview.show(shown);
        match change {
            Some(change) => drop(change),
            None if self.is_first => drop(self.preview.change(Vec::new())),
            None => self.preview.tell(News::same),
        }
        let changed = (!self.is_first).then_some(early + late);
        let line = announce::round(build_time, started.elapsed(), changed, &site);
        report::print(false, || vec![line])?;
        Ok(BuiltSite { site, sources: Arc::new(sources) })
    }

    /// Makes the bucket hold this site. Returns the change that open pages were told of, if there is one, and the
    /// number of files that changed. The change lasts until it is dropped.
    async fn publish(
        &mut self,
        site: &Site,
        sources: &Sources,
        notice: &EarlyNotice,
        tell: &Tell,
    ) -> Result<(Option<Change>, usize)> {
        let prefix = sources.prefix();
        let bucket = self.local.bucket(BUCKET, &prefix);
        let served = match self.served.take().filter(|served| served.prefix == prefix) {
            Some(served) => served,
            None => Served::look(&bucket, prefix, site, tell).await?,
        };
        let approved = served.plan(site)?;
        let Plan { uploads, deletes, .. } = approved.plan();
        let changed = uploads.len() + deletes.len();
        let record = served.record.clone();
        let journal = Journal::begin_unnamed(&bucket, &approved, record, &served.listing).await?;
        let change = self.begin_change(notice, &approved, sources);
        let mut outcome = apply(&bucket, &journal, approved, self.stop, tell).await;
        if let Some((_, failure)) = outcome.failures.pop() {
            return Err(failure.into());
        }
        if outcome.is_cut_off {
            return Err(Error::Interrupted("the preview ended".into()));
        }
        self.served = Some(served.after(&outcome));
        Ok((change, changed))
    }

    /// Tells open pages of a change, if they do not know of it already.
    fn begin_change(
        &self,
        notice: &EarlyNotice,
        approved: &Approved,
        sources: &Sources,
    ) -> Option<Change> {
        if let Some(change) = notice.take() {
            change.goes_on(|key| approved.changes(key));
            return Some(change);
        }
        let is_seen = !approved.is_empty() && !self.is_first;
        is_seen.then(|| self.preview.change(open_pages::only_styles(approved, sources)))
    }

    /// Shows the files of open pages before the rest of the site. Returns how many of them changed.
    async fn show_open_pages(&mut self, sources: &Sources, notice: &EarlyNotice) -> Result<usize> {
        let prefix = sources.prefix();
        let Some(served) = self.served.take_if(|served| served.prefix == prefix) else {
            return Ok(0);
        };
        let bucket = self.local.bucket(BUCKET, &prefix);
        let (config, asked) = (sources.config.clone(), self.preview.asked());
        let cache = std::mem::take(&mut self.scan_cache);
        let (files, cache) = blocking(move || {
            let files = site::recheck(&config, &prefix, asked.into_iter(), &cache);
            Ok((files, cache))
        })
        .await?;
        self.scan_cache = cache;
        let (served, count) =
            open_pages::put(files, &bucket, served, notice, self.preview, self.stop).await?;
        self.served = Some(served);
        if count > 0 {
            // The rest uses all cores, which would slow down the browser while it shows the page.
            tokio::select! {
                () = self.preview.is_waited_for() => {}
                () = tokio::time::sleep(HEAD_START) => {}
            }
        }
        Ok(count)
    }

    /// Scans the output. Open pages are told as soon as a file differs from that of the last round.
    async fn scan(&mut self, sources: &Sources, notice: &EarlyNotice, tell: &Tell) -> Result<Site> {
        let differs = notice.when_a_file_differs(self.preview);
        let (config, prefix) = (sources.config.clone(), sources.prefix());
        let (mut cache, tell) = (std::mem::take(&mut self.scan_cache), tell.clone());
        let (scanned, cache) = blocking(move || {
            let no_record = |_: Keys<'_>| |_: &str| None;
            let rescan = Some(Rescan { cache: &mut cache, differs: &differs });
            let scanned = site::scan(&config, &prefix, rescan, no_record, &tell);
            Ok((scanned, cache))
        })
        .await?;
        self.scan_cache = cache;
        scanned
    }

    /// Keeps what the output folder held before, if a build replaced it. Otherwise it is put back now, before the next
    /// build begins. `output` is the folder, if there was a build.
    fn keep(&mut self, aside: Aside, output: Option<PathBuf>) {
        self.aside = aside.replaced();
        self.last_output = output.filter(|_| self.aside.is_some());
    }

    /// Warns of problems with the site's files.
    async fn tell_findings(&self, site: &Arc<Site>, sources: &Sources) -> Result<()> {
        let tell = &self.context.cx.tell;
        tell_left_out(site, tell);
        let Some(place) = sources.place() else { return Ok(()) };
        let builds = self.context.builds(sources);
        tell_links(&sources.config, place, (**site).clone(), builds, tell).await
    }

    /// Waits for the next edit, but only for a while if there were edits during the last build.
    pub async fn wait(&mut self, watcher: &mut Watcher) {
        let mut longest = pin!(tokio::time::sleep(watcher.longest_wait()));
        let mut idle = pin!(tokio::time::sleep(IDLE));
        loop {
            tokio::select! {
                biased;
                () = &mut longest => return,
                () = watcher.next_edit() => return,
                () = &mut idle, if self.is_untidy() => self.tidy().await,
            }
        }
    }

    fn is_untidy(&self) -> bool {
        self.aside.is_some() || self.served.as_ref().is_some_and(|served| !served.is_recorded)
    }

    /// Does the housekeeping: removes the output that the last build replaced, and writes the record, which saves the
    /// next preview some requests.
    async fn tidy(&mut self) {
        self.aside = None;
        let Some(served) = &mut self.served else { return };
        let bucket = self.local.bucket(BUCKET, &served.prefix);
        // If writing fails, it is not tried again before the next change.
        served.is_recorded = true;
        if let Err(error) = record::write(&bucket, &served.record, &[]).await {
            self.fail(&error.into());
        }
    }

    /// Shows a failure over the page and in the terminal. The last good site is still served.
    pub fn fail(&self, error: &Error) {
        let typed = self.context.options.typed();
        self.preview.tell(|news| news.failed(build_log::over_the_page(error, &typed)));
        progress::suspend(|| report::error(&build_log::for_terminal(error), &typed, false));
    }
}
