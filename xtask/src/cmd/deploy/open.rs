//! What a deploy stands on: the configuration that is read, and the bucket that is reached.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::variable;
use crate::bucket::{self, Bucket};
use crate::checkout::{self, Checkout};
use crate::cli::Deploy;
use crate::config::Config;
use crate::error::{Error, Failure, Result, failed};
use crate::local::store::{Store, StoreError};
use crate::report::Place;
use crate::target::Target;
use crate::{account, local};

/// The bucket, and what has to be ended after it.
pub struct Opened {
    pub bucket: Bucket,
    pub place: Place,
    pub local: Option<local::Server>,
}

/// The bucket of the target: the account's, once its credentials are proven, or the embedded one.
pub async fn open(options: &Deploy, checkout: &Checkout, target: &Target) -> Result<Opened> {
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

pub fn unusable(error: StoreError) -> Failure {
    let hint = match error {
        StoreError::InUse { .. } => "let the other run end first".to_owned(),
        StoreError::Folder { .. } | StoreError::Database(_) => {
            format!("is there room on the disk, and can `{LOCAL_FOLDER}` be written?")
        }
        _ => format!("begin again with an empty one: rm -r {LOCAL_FOLDER}"),
    };
    failed("failed to use the local bucket").because(&error).hint(hint)
}

/// `--site` is meant from where it is typed, the usual `site` from the top of the repository.
pub fn read_config(options: &Deploy, checkout: &Checkout, here: &Path) -> Result<Config> {
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
