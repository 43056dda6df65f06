//! `cargo xtask deploy`: the branch's environment, its account, its bucket, made equal to the site.
//!
//! What can be refused is refused before anything is built, and what can fail fails before anything is
//! written. The bucket is listed while the site is built.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::change::{self, Job, Scan, Wanted};
use super::links::tell_links;
use super::{build, is_dirty, now, open, output_was_held, stand, variable_as_set};
use crate::cli::Deploy;
use crate::output::progress;
use crate::output::report::{self, Run, print};
use engine::base::error::{Failure, Result};
use engine::base::event::{Event, Tell};
use engine::base::stop::Stop;
use engine::bucket;
use engine::repository::checkout;
use engine::repository::ci::Surroundings;
use engine::repository::config::Config;
use engine::repository::own_files;
use engine::repository::target::{self, Target};
use engine::site::Keys;

/// Deploys, until it is told to stop. Returns whether all of it was done; what failed is in the report.
pub async fn run(options: &Deploy, stop: &Stop) -> Result<bool> {
    let started = Instant::now();
    let Deploy { place, doing, no_build } = options;
    let ci = Surroundings::of(&variable_as_set);
    let tell = progress::draw(ci.is_ci(), ci.is_github());

    let here = stand()?;
    let checkout = checkout::read(&here)?;
    own_files::check(&checkout.root)?;
    let config = open::read_config(place.site.as_deref(), &checkout, &here)?;
    let target = target::choose(&config, &checkout, &ci, place.env.as_deref())?;
    if !place.local {
        open::PlainHttp::default().warn(&target.environment, &tell);
    }
    let opening = open::open(place.local, &checkout, &target.environment, &target.prefix);
    let (opened, dirty) =
        stop.cut(async { tokio::try_join!(opening, is_dirty(&checkout)) }).await?;
    let stale = *no_build && !config.command.is_empty();
    let typed = place.typed();
    let (place, dry) = (opened.place.clone(), doing.dry_run);
    let run = Run { target: &target, place, dirty, stale, dry };
    print(doing.json, || vec![report::heading(&run)])?;
    warn_of_collisions(&target, &tell);

    let bucket = &opened.bucket;
    let ((found, keys), (read, record)) = (oneshot::channel(), oneshot::channel());
    let known = |keys: Keys<'_>| {
        // Or nobody lists any more.
        let _ = found.send(bucket::cuts(keys));
        record.blocking_recv().ok()
    };
    let building = build(&config, &checkout.root, &target, *no_build, known, &tell);
    let scan = Scan { cuts: keys, objects: read };
    let looking = change::look(bucket, Some(scan), &tell);
    let (site, seen) = stop.cut(async { tokio::try_join!(building, looking) }).await?;
    let held = output_was_held(&checkout.root);
    target::is_still(&checkout, &checkout::read(&checkout.root)?)?;
    let is_built = !*no_build && !config.command.is_empty();
    tell_links(&config, &target, Arc::new(site.clone()), is_built, &tell).await?;

    let (checkout, config, run, tell) = (&checkout, &config, &run, &tell);
    let job = Job {
        doing,
        checkout,
        config,
        bucket,
        run,
        tell,
        now: now(),
        committed: checkout::time_of_head(&checkout.root).and_then(|time| time.try_into().ok()),
        in_ci: ci.is_ci(),
        command: change::USUAL_COMMAND,
        typed,
        is_relative: false,
    };
    let mut made = change::make(&job, &Wanted::Built(site, None), seen, stop).await?;
    if output_was_held(&checkout.root) != held {
        blame_the_other_run(config, &mut made.1.failures);
    }
    change::finish(doing, run, opened, made, started).await
}

/// Another run of this checkout has built since the site was read, which is why files of it are gone.
fn blame_the_other_run(config: &Config, failures: &mut [(String, Failure)]) {
    for (_, failure) in failures.iter_mut().filter(|(_, failure)| failure.is_of_file) {
        failure.hint = Some(format!(
            "another run in this checkout emptied `{}` meanwhile; run it again, one at a time",
            config.output.display()
        ));
    }
}

fn warn_of_collisions(target: &Target, tell: &Tell) {
    if target.pull_requests_collide {
        tell.tell(Event::Warning(format!(
            "each pull request of `{}` deletes the pages of the one before; give it a `prefix` with {{branch}}",
            target.environment.name
        )));
    }
}
