//! `cargo xtask deploy`: the branch's environment, its account, its bucket, made equal to the site.
//!
//! What can be refused is refused before anything is built, and what can fail fails before anything is
//! written. The bucket is listed while the site is built.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::apply::{self, Outcome};
use crate::bucket::{self, Bucket, Listing};
use crate::checkout::{self, Checkout};
use crate::ci::Surroundings;
use crate::cli::Deploy;
use crate::config::Config;
use crate::error::{Error, Failure, Result, failed};
use crate::event::{Event, Tell};
use crate::key;
use crate::local::store::{Store, StoreError};
use crate::plan::{self, Approved, Plan};
use crate::record::{self, Record};
use crate::report::{self, Done, Place, Run, print};
use crate::site::{self, Site};
use crate::target::{self, Target};
use crate::{account, build, local, progress};

/// Deploys. Returns whether all of it was done; what failed is in the report.
pub async fn run(options: &Deploy) -> Result<bool> {
    let started = Instant::now();
    let here = std::env::current_dir()
        .map_err(|e| failed("failed to read the current folder").because(&e))?;
    let ci = Surroundings::of(&variable);
    let tell = progress::draw(ci.is_ci(), ci.is_github());

    let checkout = checkout::read(&here)?;
    let config = read_config(options, &checkout, &here)?;
    let target = target::choose(&config, &checkout, &ci, options.env.as_deref())?;
    let root = checkout.root.clone();
    let (Opened { bucket, place, local }, dirty) = tokio::try_join!(
        open(options, &checkout, &target),
        blocking(move || Ok(checkout::is_dirty(&root)?)),
    )?;
    let stale = options.no_build && !config.command.is_empty();
    let run = Run { target: &target, place, dirty, stale, dry: options.dry_run };
    print(options.json, || vec![report::heading(&run)])?;
    warn_of_collisions(&target, &tell);

    let built = async {
        if !options.no_build {
            build::run(&config, &checkout.root, &target.variables(), &tell).await?;
        }
        scan(&config, &target, &tell).await
    };
    // Of two failures the listing's is told: it names the bucket.
    let looked = async {
        let (listing, record) = tokio::join!(bucket.list(&tell), record::read(&bucket, &tell));
        Ok((listing?, record?))
    };
    let (site, (listing, mut record)) = tokio::try_join!(built, looked)?;
    let kept = |key: &str| plan::is_kept(&config, &target, &listing, key);
    let site = site.without(kept);
    warn_of_others(&listing, &tell);
    let learned = record::learn(&bucket, &site, &listing, &mut record, &tell).await?;
    let skipped = site.skipped.len();
    let plan = plan::make(site, &listing, &record, &kept);
    let planned = report::planned(&plan, skipped);
    print(options.json, || report::changes(&run, &planned))?;

    let limit = options.max_deletes.or(target.environment.max_deletes);
    let outcome = match options.dry_run {
        true => {
            warn_of_refusal(&plan, limit, &tell);
            Outcome::default()
        }
        false => {
            let outdated = learned || record.deploy.is_none() || !plan.is_empty();
            record.deploy = Some(record::Deploy::of(&target, dirty));
            carry_out(&bucket, plan.approve(limit)?, &listing, record, outdated, &tell).await?
        }
    };
    if let Some(local) = local {
        local.stop().await.map_err(unusable)?;
    }
    let done = Done { outcome, requests: bucket.requests(), elapsed: started.elapsed() };
    report::finish(options.json, &run, &planned, &done)?;
    Ok(done.outcome.failures.is_empty())
}

/// Applies an approved plan and writes the record, if it is outdated and nothing failed.
async fn carry_out(
    bucket: &Bucket,
    approved: Approved,
    listing: &Listing,
    record: Record,
    outdated: bool,
    tell: &Tell,
) -> Result<Outcome> {
    if let Some(rest) = approved.without_stale_headers(&record) {
        record::write(bucket, rest).await?;
    }
    let mut outcome = apply::apply(bucket, approved, tell).await;
    if outdated && outcome.failures.is_empty() {
        let record = record.after(listing, &outcome.written, &outcome.deleted);
        if let Err(failure) = record::write(bucket, record).await {
            outcome.failures.push((bucket.own_key(key::RECORD), failure));
        }
    }
    Ok(outcome)
}

/// The bucket, and what has to be ended after it.
struct Opened {
    bucket: Bucket,
    place: Place,
    local: Option<local::Server>,
}

/// The bucket of the target: the account's, once its credentials are proven, or the embedded one.
async fn open(options: &Deploy, checkout: &Checkout, target: &Target) -> Result<Opened> {
    if options.local {
        return open_local(checkout, target).await;
    }
    let account = account::prove(&target.environment, &variable).await?;
    let place = match &target.environment.endpoint {
        Some(endpoint) => Place::Store(endpoint.clone()),
        None => Place::Aws,
    };
    Ok(Opened { bucket: bucket::connect(target, account), place, local: None })
}

/// Below `target/`, which every Rust repository ignores.
const LOCAL_FOLDER: &str = "target/xtask/bucket";

async fn open_local(checkout: &Checkout, target: &Target) -> Result<Opened> {
    let store = Arc::new(Store::open(&checkout.root.join(LOCAL_FOLDER)).map_err(unusable)?);
    match store.create_bucket(&target.environment.bucket).await {
        Ok(()) | Err(StoreError::BucketExists) => {}
        Err(error) => return Err(unusable(error).into()),
    }
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = local::serve(store, any_port)
        .await
        .map_err(|error| failed("failed to listen on a port of this machine").because(&error))?;
    let store = bucket::Store {
        endpoint: &server.endpoint(),
        region: local::REGION,
        access_key_id: local::ACCESS_KEY_ID,
        secret_access_key: local::SECRET_ACCESS_KEY,
    };
    let bucket = bucket::connect_local(target, &store);
    Ok(Opened { bucket, place: Place::Local(LOCAL_FOLDER.into()), local: Some(server) })
}

fn unusable(error: StoreError) -> Failure {
    let hint = match error {
        StoreError::InUse { .. } => "let the other run end first".to_owned(),
        StoreError::Folder { .. } | StoreError::Database(_) => {
            format!("is there room on the disk, and can `{LOCAL_FOLDER}` be written?")
        }
        _ => format!("begin again with an empty one: rm -r {LOCAL_FOLDER}"),
    };
    failed("failed to use the local bucket").because(&error).hint(hint)
}

/// A variable of this process that is set and not empty. One that is not UTF-8 counts too: the text that it
/// is read as names no branch and no account.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into_owned())
}

/// `--site` is meant from where it is typed, the usual `site` from the top of the repository.
fn read_config(options: &Deploy, checkout: &Checkout, here: &Path) -> Result<Config> {
    let (folder, shown) = match &options.site {
        Some(site) => (here.join(site), site.clone()),
        None => (checkout.root.join(SITE), PathBuf::from(SITE)),
    };
    // Without links and `..`, so that paths below it and git's can be compared.
    let folder = folder.canonicalize().unwrap_or(folder);
    let config = Config::read(&folder, &shown)?;
    // The branch of one repository must not deploy the site of another.
    if !checkout::is_same_repository(&checkout.root, &folder)? {
        return Err(Error::Config(format!(
            "`{}` is in another git repository than `{}`, whose branch would choose where it goes\n\nhint: run this in the repository of the site",
            shown.display(),
            here.display()
        )));
    }
    Ok(config)
}

const SITE: &str = "site";

/// Runs what blocks on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Scans, and tells what was left out.
async fn scan(config: &Config, target: &Target, tell: &Tell) -> Result<Site> {
    let (config, prefix, told) = (config.clone(), target.prefix.clone(), tell.clone());
    let site = blocking(move || Ok(site::scan(&config, &prefix, &told)?)).await?;
    for name in site.private() {
        tell.tell(Event::Warning(format!("left out `{name}`: it looks like a secret")));
    }
    Ok(site)
}

fn warn_of_collisions(target: &Target, tell: &Tell) {
    if target.pull_requests_collide {
        tell.tell(Event::Warning(format!(
            "each pull request of `{}` deletes the pages of the one before; give it a `prefix` with {{branch}}",
            target.environment.name
        )));
    }
}

fn warn_of_others(listing: &Listing, tell: &Tell) {
    for folder in &listing.others {
        tell.tell(Event::Warning(format!(
            "`{folder}` holds the record of another deploy and is left alone; if that one is given up, remove `{folder}{}{}`",
            key::OWN_FOLDER,
            key::RECORD
        )));
    }
}

fn warn_of_refusal(plan: &Plan, limit: Option<u64>, tell: &Tell) {
    if let Some(refusal) = plan.refusal(limit) {
        tell.tell(Event::Warning(format!("a deploy would be refused: {}", refusal.message)));
    }
}
