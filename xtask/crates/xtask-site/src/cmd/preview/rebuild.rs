//! Builds whenever sources change, one build at a time, and puts what changed into the bucket that is served.
//!
//! A change while it builds ends that build, since its result is old already, unless too few are shown that way.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::edits::{Contents, Streak};
use super::first::{self, Early, is_style};
use super::held::Held;
use super::output::{self, Output};
use super::{Built, Desk, Sources};
use crate::cmd::links::tell_links;
use crate::cmd::local::Local;
use crate::cmd::{blocking, hold_output, tell_left_out};
use crate::context::now;
use crate::output::progress;
use crate::output::report;
use engine::base::error::{Error, Result};
use engine::base::event::{Event, Tell};
use engine::base::stop::Stop;
use engine::base::words::{count, duration, plain, without_colours};
use engine::bucket::record;
use engine::plan::apply;
use engine::plan::journal::Journal;
use engine::plan::{self, Approved, Grace, Plan, Reason, Scope, Spared, Terms};
use engine::repository::build::{Aside, Content, NOTHING_DEPLOYED};
use engine::repository::config;
use engine::site::{self, Keys, Seen, Site};
use local::website;
use preview::watch::{Changes, Watched};
use preview::{self, News, Preview, Server, Shown};

/// The one bucket of a preview. Branches have their prefixes in it.
pub const BUCKET: &str = "preview";

/// What need not be done before browsers have the page again waits for so long.
const IDLE: Duration = Duration::from_millis(300);

/// How long the rest of a change waits for a browser to show what it asked for, unless somebody asks for more.
const UNASKED: Duration = Duration::from_millis(100);

/// Builds, shows, and waits for the next change, without an end.
///
/// Errors where sources cannot be watched. What fails in a build is shown, and the next change tries again.
pub async fn follow(
    desk: &Desk<'_>,
    sources: Sources,
    local: &Local,
    preview: &Preview,
    server: &Server,
    built: &watch::Sender<Option<Built>>,
    stop: &Stop,
) -> Result<bool> {
    let mut changes = Changes::of(watched(desk, &sources))?;
    let mut round = Round {
        desk,
        local,
        preview,
        stop,
        held: None,
        seen: Seen::default(),
        built: None,
        aside: None,
    };
    let mut sources = Ok(sources);
    let mut contents = Contents::default();
    let mut streak = Streak::default();
    let (mut is_first, mut home) = (true, String::new());
    loop {
        if let Ok(sources) = &sources
            && *changes.watched() != watched(desk, sources)
        {
            changes = Changes::of(watched(desk, sources))?;
        }
        // Where nothing is built, nothing of this tool changes what is followed.
        let builds = sources.as_ref().is_ok_and(|sources| desk.builds(sources));
        preview.tell(News::building);
        let started = Instant::now();
        let mut during = BTreeSet::new();
        let overtaken = async {
            while during.is_empty() {
                during = contents.of(changes.next().await);
            }
            tokio::time::sleep(streak.patience().saturating_sub(started.elapsed())).await;
        };
        let done = tokio::select! {
            done = round.build(sources) => Some(done),
            () = overtaken => None,
        };
        match done {
            None => streak.is_cut(),
            Some(done) => {
                let took = started.elapsed();
                let shown = match done {
                    Ok(made) => round.show(made, is_first).await,
                    Err(error) => Err(error),
                };
                match shown {
                    Ok(done) => drop(built.send_replace(Some(done))),
                    Err(error) => round.fail(&error),
                }
                if is_first {
                    greet(desk, server, preview)?;
                } else if home != preview.home() {
                    report::print(false, || vec![serving(server, preview)])?;
                }
                home = preview.home();
                is_first = false;
                during.extend(contents.of(changes.so_far()));
                if streak.is_done(took, builds && !during.is_empty())
                    && let Some(path) = during.first()
                {
                    desk.cx.tell.tell(Event::Warning(format!(
                        "`{}` changes with every build, which builds the site again and again; if that is the build's doing, add it to .gitignore",
                        path.display()
                    )));
                }
                let rest = match during.is_empty() {
                    true => Duration::MAX,
                    false => streak.rest(),
                };
                round.wait(&mut changes, &mut contents, rest).await;
            }
        }
        sources = desk.read();
    }
}

/// The sources; where nothing is built, the output itself and what says where it is.
fn watched(desk: &Desk, sources: &Sources) -> Watched {
    let Sources { checkout, config, .. } = sources;
    let canonical = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let root = canonical(checkout.root.clone());
    let output = config.output_folder();
    match desk.builds(sources) {
        true => Watched {
            tops: vec![config.site.clone()],
            except: vec![output, canonical(root.join("target"))],
            leaves_out_ignored: true,
            quiet: Duration::from_millis(5),
            root,
        },
        // Whatever writes there may take a while between two files.
        false => Watched {
            tops: vec![output, config.site.join(config::FILE)],
            except: Vec::new(),
            leaves_out_ignored: false,
            quiet: Duration::from_millis(50),
            root,
        },
    }
}

/// Says where it is, once there is something to see.
fn greet(desk: &Desk, server: &Server, preview: &Preview) -> Result<()> {
    let address = server.url(&preview.home());
    report::print(false, || {
        let mut lines = vec![serving(server, preview)];
        let others = server.urls_on_the_network(&preview.home());
        lines.extend(others.into_iter().map(|url| format!("on the network: {url}")));
        lines.push(format!("what a deploy would change: {}", server.pages_url()));
        lines
    })?;
    if desk.options.open
        && let Err(error) = ::open::that_detached(&address)
    {
        desk.cx.tell.tell(Event::Warning(format!("failed to open a browser: {error}")));
    }
    Ok(())
}

fn serving(server: &Server, preview: &Preview) -> String {
    format!("serving {}  (Ctrl-C ends it)", server.url(&preview.home()))
}

/// What the rounds share.
struct Round<'a> {
    desk: &'a Desk<'a>,
    local: &'a Local,
    preview: &'a Preview,
    stop: &'a Stop,
    held: Option<Held>,
    seen: Seen,
    /// The output folder that was built into last.
    built: Option<PathBuf>,
    /// What it held before.
    aside: Option<Aside>,
}

/// Sources whose output folder is complete.
struct Made {
    sources: Sources,
    /// How long the generator took, where there is one.
    built_in: Option<Duration>,
    /// Held, so that no other run builds while it is read.
    output: Option<File>,
    aside: Aside,
}

impl Round<'_> {
    /// Runs the generator. What it printed is in the failure.
    async fn build(&self, sources: Result<Sources>) -> Result<Made> {
        let sources = sources?;
        let output = hold_output(&sources.checkout.root, &self.desk.cx.tell).await;
        if !self.desk.builds(&sources) {
            engine::repository::build::check_inside(&sources.config, &sources.checkout.root)?;
            return Ok(Made { sources, built_in: None, output, aside: Aside::default() });
        }
        let said = Arc::new(Mutex::new(Output::default()));
        let (heard, tell) = (said.clone(), self.desk.cx.tell.clone());
        let listening = Tell::new(move |event| {
            if let Event::Said(line) = &event {
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(without_colours(line));
            }
            tell.tell(event);
        });
        let root = &sources.checkout.root;
        let started = Instant::now();
        let content = match self.built.as_ref() == Some(&sources.config.output_folder()) {
            true => Content::OfABuild,
            false => Content::Unknown,
        };
        let (config, variables) = (&sources.config, sources.variables());
        let ran =
            engine::repository::build::run(config, root, &variables, content, &listening).await;
        match ran {
            Ok(aside) => Ok(Made { sources, built_in: Some(started.elapsed()), output, aside }),
            Err(Error::Failed(mut failure)) => {
                let said =
                    std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
                failure.causes.extend(said.error_first());
                failure.hint = failure.hint.map(|hint| hint.replace(NOTHING_DEPLOYED, ""));
                Err(failure.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Puts what changed into the bucket and shows it.
    async fn show(&mut self, made: Made, is_first: bool) -> Result<Built> {
        let Made { sources, built_in, output, aside } = made;
        let started = Instant::now();
        let early = Early::default();
        // A line for each stage of the first round is enough.
        let tell = match is_first {
            true => self.desk.cx.tell.clone(),
            false => early.of_what_differs(self.preview),
        };
        let shown = shown(&sources);
        // What is put into the bucket is served at once, as what is shown now says.
        let first = match self.preview.shows(&shown) {
            true => self.show_first(&sources, &early).await?,
            false => 0,
        };
        let scanned = self.scan(&sources, &tell).await;
        // What no build has replaced goes back at once, before the next one begins.
        self.aside = aside.replaced();
        let is_replaced = built_in.is_some() && self.aside.is_some();
        self.built = is_replaced.then(|| sources.config.output_folder());
        let site = Arc::new(scanned?);
        if is_first {
            tell_left_out(&site, &self.desk.cx.tell);
            if let Some(place) = sources.place() {
                let (config, builds) = (&sources.config, self.desk.builds(&sources));
                tell_links(config, place, (*site).clone(), builds, &self.desk.cx.tell).await?;
            }
        }
        let prefix = sources.prefix();
        let bucket = self.local.bucket(BUCKET, &prefix);
        let held = match self.held.take().filter(|held| held.prefix == prefix) {
            Some(held) => held,
            None => Held::look(&bucket, prefix, &site, &tell).await?,
        };
        let approved = plan_of(&site, &held)?;
        let (changed, styles) = (first + count_of(&approved), styles_of(&approved, &sources));
        let record = held.record.clone();
        let journal = Journal::begin_unnamed(&bucket, &approved, record, &held.listing).await?;
        let early = early.take().inspect(|change| change.goes_on(|key| approved.changes(key)));
        let change = early.or_else(|| {
            let is_seen = changed > 0 && !is_first;
            is_seen.then(|| self.preview.change(styles))
        });
        let mut outcome = apply::apply(&bucket, &journal, approved, self.stop, &tell).await;
        drop(output);
        if let Some((_, failure)) = outcome.failures.pop() {
            return Err(failure.into());
        }
        if outcome.is_cut_off {
            return Err(Error::Interrupted("the preview ended".into()));
        }
        let held = held.after(&outcome);
        self.preview.show(shown);
        match change {
            None if is_first => drop(self.preview.change(Vec::new())),
            None => self.preview.tell(News::same),
            Some(change) => drop(change),
        }
        let shown_in = started.elapsed();
        report::print(false, || vec![line(built_in, shown_in, changed, is_first, &site)])?;
        self.held = Some(held);
        Ok(Built { site, sources: Arc::new(sources) })
    }

    /// Shows what open pages are made of, before the rest of the site. Returns how many files of it changed.
    async fn show_first(&mut self, sources: &Sources, early: &Early) -> Result<usize> {
        let prefix = sources.prefix();
        let Some(held) = self.held.take_if(|held| held.prefix == prefix) else { return Ok(0) };
        let (config, asked) = (sources.config.clone(), self.preview.asked());
        let (seen, bucket) = (std::mem::take(&mut self.seen), self.local.bucket(BUCKET, &prefix));
        let (files, seen) = blocking(move || {
            let files = site::recheck(&config, &prefix, asked.into_iter(), &seen);
            Ok((files, seen))
        })
        .await?;
        self.seen = seen;
        let (held, put) = first::put(files, &bucket, held, early, self.preview, self.stop).await?;
        self.held = Some(held);
        if put > 0 {
            // The rest takes all cores, and the browser is to show what it got.
            tokio::select! {
                () = self.preview.is_waited_for() => {}
                () = tokio::time::sleep(UNASKED) => {}
            }
        }
        Ok(put)
    }

    /// Waits until sources change, or for so long.
    async fn wait(&mut self, changes: &mut Changes, contents: &mut Contents, longest: Duration) {
        let mut longest = pin!(tokio::time::sleep(longest));
        let mut idle = pin!(tokio::time::sleep(IDLE));
        loop {
            tokio::select! {
                biased;
                () = &mut longest => return,
                changed = changes.next() => if !contents.of(changed).is_empty() { return },
                () = &mut idle, if self.is_untidy() => self.tidy().await,
            }
        }
    }

    fn is_untidy(&self) -> bool {
        self.aside.is_some() || self.held.as_ref().is_some_and(|held| !held.is_recorded)
    }

    /// Does what nobody waits for: removes what the build replaced, and records what the bucket holds, which saves
    /// the next preview some questions.
    async fn tidy(&mut self) {
        self.aside = None;
        if let Some(held) = &mut self.held {
            let bucket = self.local.bucket(BUCKET, &held.prefix);
            // Once: where it fails, the next change tries again.
            held.is_recorded = true;
            if let Err(error) = record::write(&bucket, &held.record, &[]).await {
                self.fail(&error.into());
            }
        }
    }

    async fn scan(&mut self, sources: &Sources, tell: &Tell) -> Result<Site> {
        let (config, prefix) = (sources.config.clone(), sources.prefix());
        let (mut seen, tell) = (std::mem::take(&mut self.seen), tell.clone());
        let (scanned, seen) = blocking(move || {
            let nothing_told = |_: Keys<'_>| |_: &str| None;
            let scanned = site::scan(&config, &prefix, Some(&mut seen), nothing_told, &tell);
            Ok((scanned, seen))
        })
        .await?;
        self.seen = seen;
        scanned
    }

    /// Shows a failure over the page and in the terminal. What was served is served on.
    fn fail(&self, error: &Error) {
        self.preview.tell(|news| news.failed(output::over_the_page(error)));
        progress::suspend(|| report::error(&output::without_output(error), false));
    }
}

fn plan_of(site: &Site, held: &Held) -> Result<Approved> {
    let grace = Grace { retain: Duration::ZERO, now: now() };
    let scope = Scope::outside_of(&held.listing.others);
    let terms = Terms { grace, home: None, spared: Spared::default() };
    let plan = plan::make(site.clone(), &held.listing, &held.record, &terms, &scope);
    // Nothing is lost by deletes here.
    Ok(plan.approve(Some(u64::MAX))?)
}

fn count_of(approved: &Approved) -> usize {
    let Plan { uploads, deletes, .. } = approved.plan();
    uploads.len() + deletes.len()
}

/// The paths of the style sheets, if their contents are all that changes.
fn styles_of(approved: &Approved, sources: &Sources) -> Vec<String> {
    let Plan { uploads, deletes, .. } = approved.plan();
    let is_style = |upload: &plan::Upload| {
        upload.reason == Reason::Content && is_style(upload.file.headers.content_type())
    };
    if !deletes.is_empty() || !uploads.iter().all(is_style) {
        return Vec::new();
    }
    let (prefix, website) = (sources.prefix(), shown(sources).website);
    let path = |upload: &plan::Upload| {
        let relative = prefix.relative(&upload.file.key).unwrap_or(&upload.file.key);
        website::encode(&format!("{}{relative}", website.base))
    };
    uploads.iter().map(path).collect()
}

/// What visitors see of it.
fn shown(sources: &Sources) -> Shown {
    let (prefix, url) = (sources.prefix(), sources.url());
    let website = preview::website(BUCKET.into(), &prefix, url.as_deref(), &sources.config.website);
    Shown { website, url }
}

/// How a round went.
fn line(
    built_in: Option<Duration>,
    shown_in: Duration,
    changed: usize,
    is_first: bool,
    site: &Site,
) -> String {
    let built = built_in.map(|time| format!("built in {}, ", duration(time))).unwrap_or_default();
    let what = match (is_first, changed) {
        (true, _) => count(site.files.len() as u64, "file"),
        (false, 0) => "nothing changed".to_owned(),
        (false, changed) => format!("{changed} changed"),
    };
    plain(&format!("{built}shown in {}: {what}", duration(shown_in)))
}
