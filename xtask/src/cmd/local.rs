//! The embedded buckets of a checkout, as the subcommands reach them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::bucket::{self, Bucket};
use crate::checkout::Checkout;
use crate::config::Environment;
use crate::error::{Failure, Result, failed};
use crate::key::Prefix;
use crate::local::store::{Store, StoreError, Versioning};
use crate::local::{self, Server};
use crate::report::Place;

/// The embedded buckets of a checkout, and the server through which they are reached.
pub struct Local {
    store: Arc<Store>,
    server: Server,
    /// Where the store is, below the work tree.
    folder: String,
}

/// Below `target/`, which every Rust repository ignores.
const LOCAL_FOLDER: &str = "target/xtask/bucket";

/// Likewise. A preview that is running has it to itself, and the next takes one beside it.
const PREVIEW_FOLDER: &str = "target/xtask/preview";

/// More previews than anybody runs.
const MOST_PREVIEWS: usize = 20;

impl Local {
    /// The buckets that `deploy --local` writes.
    pub async fn open(checkout: &Checkout) -> Result<Local> {
        let store = Store::open(&checkout.root.join(LOCAL_FOLDER));
        let store = store.map_err(|error| unusable(error, LOCAL_FOLDER))?;
        Local::serve(store, LOCAL_FOLDER.to_owned()).await
    }

    /// Buckets that no other preview uses.
    pub async fn open_for_preview(checkout: &Checkout) -> Result<Local> {
        for number in 1..=MOST_PREVIEWS {
            let folder = format!("{PREVIEW_FOLDER}/{number}");
            match Store::open(&checkout.root.join(&folder)) {
                Err(StoreError::InUse { .. }) => {}
                Ok(store) => return Local::serve(store, folder).await,
                // What is in it is made again.
                Err(error) => return Err(unusable(error, &folder).into()),
            }
        }
        Err(failed(format!("{MOST_PREVIEWS} previews of this checkout are running already")).into())
    }

    async fn serve(store: Store, folder: String) -> Result<Local> {
        let store = Arc::new(store);
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = local::serve(store.clone(), any_port).await.map_err(|error| {
            failed("failed to listen on a port of this machine").because(&error)
        })?;
        Ok(Local { store, server, folder })
    }

    pub fn store(&self) -> Arc<Store> {
        self.store.clone()
    }

    /// An environment's bucket, made if it is not there. It keeps versions, so that `rollback` is fast here.
    pub async fn make(
        &self,
        environment: &Environment,
        prefix: &Prefix,
    ) -> Result<(Bucket, Place)> {
        let name = &environment.bucket;
        self.create(name).await?;
        let versions = self.store.set_versioning(name, Versioning::Enabled).await;
        versions.map_err(|error| unusable(error, &self.folder))?;
        Ok(self.connect(environment, prefix))
    }

    /// A bucket, made if it is not there.
    pub async fn create(&self, name: &str) -> Result<()> {
        match self.store.create_bucket(name).await {
            Ok(()) | Err(StoreError::BucketExists) => Ok(()),
            Err(error) => Err(unusable(error, &self.folder).into()),
        }
    }

    /// An environment's bucket, which may not be there.
    pub fn connect(&self, environment: &Environment, prefix: &Prefix) -> (Bucket, Place) {
        (self.bucket(&environment.bucket, prefix), Place::Local(LOCAL_FOLDER.into()))
    }

    pub fn bucket(&self, name: &str, prefix: &Prefix) -> Bucket {
        let store = bucket::Store {
            endpoint: &self.server.endpoint(),
            region: local::REGION,
            access_key_id: local::ACCESS_KEY_ID,
            secret_access_key: local::SECRET_ACCESS_KEY,
        };
        bucket::connect_local(name, prefix, &store)
    }

    pub async fn close(self) -> Result<()> {
        let Local { server, folder, .. } = self;
        Ok(server.stop().await.map_err(|error| unusable(error, &folder))?)
    }
}

fn unusable(error: StoreError, folder: &str) -> Failure {
    let hint = match &error {
        StoreError::InUse { .. } => "let the other run end first".to_owned(),
        StoreError::Folder { .. } | StoreError::Database(_) if !error.is_damage() => {
            format!("is there room on the disk, and can `{folder}` be written?")
        }
        _ => format!("begin again with an empty one: rm -r {folder}"),
    };
    failed("failed to use the local bucket").because(&error).hint(hint)
}
