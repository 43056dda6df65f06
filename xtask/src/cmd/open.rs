//! What a subcommand stands on: the configuration that is read, and the bucket that is reached.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::variable;
use crate::bucket::{self, Bucket};
use crate::checkout::{self, Checkout};
use crate::config::{Config, Environment};
use crate::error::{Error, Failure, Result, failed};
use crate::key::Prefix;
use crate::local::store::{Store, StoreError, Versioning};
use crate::report::Place;
use crate::{account, cli, local};

/// The bucket, and what has to be ended after it.
pub struct Opened {
    pub bucket: Bucket,
    pub place: Place,
    local: Option<Local>,
}

/// The embedded buckets of a checkout, and the server through which they are reached.
pub struct Local {
    store: Arc<Store>,
    server: local::Server,
}

impl Opened {
    /// Waits until what was written is on the disk.
    pub async fn close(self) -> Result<()> {
        match self.local {
            Some(local) => local.close().await,
            None => Ok(()),
        }
    }
}

/// An environment's bucket: the account's, once its credentials are proven, or the embedded one.
pub async fn open(
    local: bool,
    checkout: &Checkout,
    environment: &Environment,
    prefix: &Prefix,
) -> Result<Opened> {
    if !local {
        let (bucket, place) = connect(environment, prefix).await?;
        return Ok(Opened { bucket, place, local: None });
    }
    let local = Local::open(checkout).await?;
    let (bucket, place) = local.make(environment, prefix).await?;
    Ok(Opened { bucket, place, local: Some(local) })
}

/// The bucket of an environment's account.
pub async fn connect(environment: &Environment, prefix: &Prefix) -> Result<(Bucket, Place)> {
    let account = account::prove(environment, &variable).await?;
    let place = match &environment.endpoint {
        Some(endpoint) => Place::Store(endpoint.clone()),
        None => Place::Aws,
    };
    Ok((bucket::connect(environment, prefix, account), place))
}

/// Below `target/`, which every Rust repository ignores.
const LOCAL_FOLDER: &str = "target/xtask/bucket";

impl Local {
    pub async fn open(checkout: &Checkout) -> Result<Local> {
        let store = Arc::new(Store::open(&checkout.root.join(LOCAL_FOLDER)).map_err(unusable)?);
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = local::serve(store.clone(), any_port).await.map_err(|error| {
            failed("failed to listen on a port of this machine").because(&error)
        })?;
        Ok(Local { store, server })
    }

    /// An environment's bucket, made if it is not there. It keeps versions, so that `rollback` is fast here.
    async fn make(&self, environment: &Environment, prefix: &Prefix) -> Result<(Bucket, Place)> {
        let name = &environment.bucket;
        match self.store.create_bucket(name).await {
            Ok(()) | Err(StoreError::BucketExists) => {}
            Err(error) => return Err(unusable(error).into()),
        }
        self.store.set_versioning(name, Versioning::Enabled).await.map_err(unusable)?;
        Ok(self.connect(environment, prefix))
    }

    /// An environment's bucket, which may not be there.
    pub fn connect(&self, environment: &Environment, prefix: &Prefix) -> (Bucket, Place) {
        let store = bucket::Store {
            endpoint: &self.server.endpoint(),
            region: local::REGION,
            access_key_id: local::ACCESS_KEY_ID,
            secret_access_key: local::SECRET_ACCESS_KEY,
        };
        let bucket = bucket::connect_local(environment, prefix, &store);
        (bucket, Place::Local(LOCAL_FOLDER.into()))
    }

    pub async fn close(self) -> Result<()> {
        Ok(self.server.stop().await.map_err(unusable)?)
    }
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

/// `--site` is meant from where it is typed, the usual `site` from the top of the repository.
pub fn read_config(place: &cli::Place, checkout: &Checkout, here: &Path) -> Result<Config> {
    let (folder, shown) = match &place.site {
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
