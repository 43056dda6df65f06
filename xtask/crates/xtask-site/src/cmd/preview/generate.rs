//! Runs the generator for a round, and keeps its output for the page that shows a failed build.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::build_log::BuildLog;
use super::{PreviewContext, Sources};
use crate::cmd::hold_output;
use engine::base::humanize::without_colours;
use engine::base::{Error, Event, Result, Tell};
use engine::repository::build::{self, Aside, Content};

/// Sources whose output folder is complete.
pub struct Generated {
    pub sources: Sources,
    /// How long the generator ran. `None` if there is no generator.
    pub build_time: Option<Duration>,
    /// While this is held, no other run builds into the output folder. Hold it until the output is read.
    pub output_lock: Option<File>,
    /// What the output folder held before.
    pub aside: Aside,
}

/// Makes the output folder complete. `last_output` is the folder that the last build of this process wrote.
///
/// # Errors
/// If the build fails, the error contains the generator's output.
pub async fn generate(
    context: &PreviewContext<'_>,
    sources: Sources,
    last_output: Option<&Path>,
) -> Result<Generated> {
    let (root, config) = (&sources.checkout.root, &sources.config);
    let output_lock = hold_output(root, &context.cx.tell).await;
    if !context.builds(&sources) {
        build::check_inside(config, root)?;
        return Ok(Generated { sources, build_time: None, output_lock, aside: Aside::default() });
    }
    let (tell, log) = logged(&context.cx.tell);
    let content = match last_output == Some(config.output_folder().as_path()) {
        true => Content::OfABuild,
        false => Content::Unknown,
    };
    let started = Instant::now();
    let run = build::run(config, root, &sources.variables(), content, &tell).await;
    let aside = run.map_err(|error| with_log(error, &log))?;
    Ok(Generated { sources, build_time: Some(started.elapsed()), output_lock, aside })
}

type SharedLog = Arc<Mutex<BuildLog>>;

/// Passes events on, and writes the generator's lines into a log.
fn logged(tell: &Tell) -> (Tell, SharedLog) {
    let log = SharedLog::default();
    let (lines, tell) = (log.clone(), tell.clone());
    let logging = Tell::new(move |event| {
        if let Event::Said(line) = &event {
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(without_colours(line));
        }
        tell.tell(event);
    });
    (logging, log)
}

/// Adds the generator's output to a failure of the build.
fn with_log(error: Error, log: &SharedLog) -> Error {
    let Error::Failed(mut failure) = error else { return error };
    let log = std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner));
    failure.causes.extend(log.error_first());
    failure.into()
}
