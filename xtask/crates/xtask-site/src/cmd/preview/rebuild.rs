//! Rebuilds the site whenever its sources change, one build at a time, and shows what changed.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use super::announce::Announced;
use super::round::{Ended, Round};
use super::watcher::Watcher;
use super::{BuiltSite, PreviewContext, Sources};
use engine::base::{Event, Result};
use engine::repository::config;
use preview::watch::Watched;

/// Builds, shows and waits for the next edit, again and again. If a build fails, the failure is shown, and the next
/// edit starts another attempt.
///
/// # Errors
/// The sources cannot be watched, or standard output is closed.
pub async fn follow(
    context: &PreviewContext<'_>,
    first: Sources,
    mut round: Round<'_>,
    mut announced: Announced<'_>,
    built_sites: &watch::Sender<Option<BuiltSite>>,
) -> Result<bool> {
    let mut watcher = Watcher::new(watched(context, &first))?;
    let mut sources = Ok(first);
    loop {
        let mut builds = false;
        if let Ok(sources) = &sources {
            watcher.watch(watched(context, sources))?;
            builds = context.builds(sources);
        }
        match round.run(sources, &mut watcher).await {
            Ended::Overtaken => {
                sources = context.read();
                continue;
            }
            Ended::Shown(site) => drop(built_sites.send_replace(Some(site))),
            Ended::Failed(error) => round.fail(&error),
        }
        announced.update()?;
        if let Some(path) = watcher.end_round(builds) {
            context.cx.tell.tell(Event::Warning(format!(
                "`{}` changes with every build, so the site is built again and again; if the build writes it, add it to .gitignore",
                path.display()
            )));
        }
        round.wait(&mut watcher).await;
        sources = context.read();
    }
}

/// What is watched: the sources, or with `--no-build` the output and the file that says where it is.
fn watched(context: &PreviewContext, sources: &Sources) -> Watched {
    let Sources { checkout, config, .. } = sources;
    let canonical = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let root = canonical(checkout.root.clone());
    let output = config.output_folder();
    match context.builds(sources) {
        true => Watched {
            tops: vec![config.site.clone()],
            except: vec![output, canonical(root.join("target"))],
            leaves_out_ignored: true,
            quiet: Duration::from_millis(5),
            root,
        },
        // Another program writes the output, and may pause between two files.
        false => Watched {
            tops: vec![output, config.site.join(config::FILE)],
            except: Vec::new(),
            leaves_out_ignored: false,
            quiet: Duration::from_millis(50),
            root,
        },
    }
}
