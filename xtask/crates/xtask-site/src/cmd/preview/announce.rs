//! Tells the user in the terminal where the site is served, and what a round did.

use std::time::Duration;

use super::PreviewContext;
use crate::output::report;
use engine::base::humanize::{count, duration, plain};
use engine::base::{Event, Result};
use engine::site::Site;
use preview::{Preview, Server};

/// The address that the terminal shows.
pub struct Announced<'a> {
    context: &'a PreviewContext<'a>,
    server: &'a Server,
    preview: &'a Preview,
    /// `None` until the first round has ended.
    home: Option<String>,
}

impl<'a> Announced<'a> {
    pub fn nothing(
        context: &'a PreviewContext,
        server: &'a Server,
        preview: &'a Preview,
    ) -> Announced<'a> {
        Announced { context, server, preview, home: None }
    }

    /// Shows the address after the first round, and again when it changes.
    pub fn update(&mut self) -> Result<()> {
        let home = self.preview.home();
        match &self.home {
            None => self.greet(&home)?,
            Some(earlier) if *earlier != home => {
                report::print(false, || vec![self.serving(&home)])?
            }
            Some(_) => {}
        }
        self.home = Some(home);
        Ok(())
    }

    fn greet(&self, home: &str) -> Result<()> {
        let Announced { context, server, .. } = self;
        report::print(false, || {
            let mut lines = vec![self.serving(home)];
            let others = server.urls_on_the_network(home);
            lines.extend(others.into_iter().map(|url| format!("on the network: {url}")));
            lines.push(format!("what a deploy would change: {}", server.pages_url()));
            lines
        })?;
        if context.options.open
            && let Err(error) = ::open::that_detached(server.url(home))
        {
            let warning = format!("failed to open a browser: {error}");
            context.cx.tell.tell(Event::Warning(warning));
        }
        Ok(())
    }

    fn serving(&self, home: &str) -> String {
        format!("serving {}  (Ctrl-C ends it)", self.server.url(home))
    }
}

/// What a round did: `changed` counts files, and is `None` in the first round, which shows the whole site.
pub fn round(
    build_time: Option<Duration>,
    show_time: Duration,
    changed: Option<usize>,
    site: &Site,
) -> String {
    let built = build_time.map(|time| format!("built in {}, ", duration(time))).unwrap_or_default();
    let what = match changed {
        None => count(site.files.len() as u64, "file"),
        Some(0) => "nothing changed".to_owned(),
        Some(changed) => format!("{changed} changed"),
    };
    plain(&format!("{built}shown in {}: {what}", duration(show_time)))
}
