//! What a subcommand needs first: the configuration, and a connection to the bucket.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::local::Local;
use super::site_folder;
use crate::context::variable;
use crate::output::report::Store;
use engine::base::humanize::quoted;
use engine::base::{Error, Event, Prefix, Result, Tell};
use engine::bucket::{self, Bucket, account};
use engine::repository::config::FILE;
use engine::repository::{Checkout, Config, Environment, Place, build, checkout};

/// The bucket, and what has to be closed at the end.
pub struct Connection {
    pub bucket: Bucket,
    pub store: Store,
    local: Option<Local>,
}

impl Connection {
    /// Waits until everything that was written is on the disk.
    pub async fn close(self) -> Result<()> {
        match self.local {
            Some(local) => local.close().await,
            None => Ok(()),
        }
    }
}

/// The bucket of a place: that of the account, once the credentials are proven to belong to it, or the embedded one.
pub async fn connect(
    local: bool,
    checkout: &Checkout,
    place: &Place,
    tell: &Tell,
) -> Result<Connection> {
    if !local {
        PlainHttp::default().warn(&place.environment, tell);
        let (bucket, store) = connect_account(&place.environment, &place.prefix).await?;
        return Ok(Connection { bucket, store, local: None });
    }
    let local = Local::open(checkout).await?;
    let (bucket, store) = local.make(&place.environment, &place.prefix).await?;
    Ok(Connection { bucket, store, local: Some(local) })
}

/// Warns, once for each store, of an address without TLS: machines on the way can read and change what is sent.
#[derive(Default)]
pub struct PlainHttp {
    told: HashSet<String>,
}

impl PlainHttp {
    pub fn warn(&mut self, environment: &Environment, tell: &Tell) {
        let address = environment.address();
        let Some(address) = address.filter(|found| !found.is_https && !found.is_loopback()) else {
            return;
        };
        let store = address.with_host(&address.host);
        if self.told.insert(store.clone()) {
            tell.tell(Event::Warning(format!(
                "the `endpoint` of `{}` is plain http: machines on the way to {store} can read and change what is sent; if the store answers there, use https://",
                environment.name
            )));
        }
    }
}

/// The bucket of an environment's account.
pub async fn connect_account(
    environment: &Environment,
    prefix: &Prefix,
) -> Result<(Bucket, Store)> {
    let account = account::prove(environment, &variable).await?;
    let store = match &environment.endpoint {
        Some(endpoint) => Store::Compatible(endpoint.clone()),
        None => Store::Aws,
    };
    Ok((bucket::connect(environment, prefix, account), store))
}

/// Reads the configuration. `--site` is relative to the current folder; without it, the tool searches for the site.
/// Values that are not filled in yet are an error, unless the run reaches no account (`is_local`).
pub fn read_config(
    site: Option<&Path>,
    is_local: bool,
    checkout: &Checkout,
    here: &Path,
) -> Result<Config> {
    let (folder, shown) = match site {
        Some(site) => (here.join(site), site.to_owned()),
        None => found(checkout, here)?,
    };
    // Resolve links and `..`, so that paths below it can be compared with git's.
    let folder = folder.canonicalize().unwrap_or(folder);
    let config = Config::read(&folder, &shown)?;
    if !is_local {
        config.needs_account()?;
    }
    // The branch of one repository must not deploy the site of another.
    if !checkout::is_same_repository(&checkout.root, &folder)? {
        return Err(Error::Config(format!(
            "`{}` is in another git repository than `{}`, whose branch would choose where it goes\n\nhint: run this in the repository of the site",
            shown.display(),
            here.display()
        )));
    }
    build::check_declared(&config, &checkout.root)?;
    Ok(config)
}

/// The folder of the site that a search finds, and its path from the top of the repository, for messages.
fn found(checkout: &Checkout, here: &Path) -> Result<(PathBuf, PathBuf)> {
    let plain = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let root = plain(&checkout.root);
    let Some(folder) = site_folder::find(&root, &plain(here)) else {
        return Err(Error::Config(not_found(&checkout::folders_with(&root, FILE))));
    };
    let shown = folder.strip_prefix(&root).unwrap_or(&folder).to_owned();
    Ok((folder, shown))
}

/// `known` are the folders of files that git tracks.
fn not_found(known: &[PathBuf]) -> String {
    let nowhere = format!(
        "there is no `{FILE}` in this folder, nor above it in the repository, nor in `site` at its top"
    );
    let Some(first) = known.first() else {
        return format!(
            "{nowhere}\n\nhint: write `{FILE}` beside the configuration of your generator, and run this there, or name its folder: --site DIR; cargo xtask init writes one"
        );
    };
    let files: Vec<String> =
        known.iter().map(|folder| format!("  {}", folder.join(FILE).display())).collect();
    let first = quoted(&first.display().to_string());
    format!(
        "{nowhere}; the repository has\n{}\n\nhint: run this in the folder of one of them, or name it: --site {first}",
        files.join("\n")
    )
}
