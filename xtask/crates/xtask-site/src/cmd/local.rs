//! The embedded buckets of a checkout, as the subcommands reach them: in this process, without a port. Any web page
//! could send requests to a port, and so read or change what is deployed here.

mod in_process;

use std::sync::Arc;

use crate::output::report;
use engine::base::{Failure, Prefix, Result, failed};
use engine::bucket::{self, Bucket};
use engine::repository::{Checkout, Environment};
use local::store::{Store, StoreError, Versioning};
use local::{self, Keys};

/// The embedded buckets of a checkout, and the client that reaches them.
pub struct Local {
    store: Arc<Store>,
    keys: Keys,
    client: in_process::Client,
    /// Where the store is, below the work tree.
    folder: String,
}

/// Below `target/`, which repositories with Rust in them ignore.
const LOCAL_FOLDER: &str = "target/xtask/bucket";

/// The same for previews. Each preview that is running has a numbered folder of its own in it.
const PREVIEW_FOLDER: &str = "target/xtask/preview";

/// More previews than anybody runs.
const MOST_PREVIEWS: usize = 20;

impl Local {
    /// The buckets that `deploy --local` writes.
    pub async fn open(checkout: &Checkout) -> Result<Local> {
        let store = Store::open(&checkout.root.join(LOCAL_FOLDER));
        let store = store.map_err(|error| unusable(error, LOCAL_FOLDER))?;
        Ok(Local::of(store, LOCAL_FOLDER.to_owned()))
    }

    /// Buckets that no other preview uses.
    pub async fn open_for_preview(checkout: &Checkout) -> Result<Local> {
        for number in 1..=MOST_PREVIEWS {
            let folder = format!("{PREVIEW_FOLDER}/{number}");
            match Store::open(&checkout.root.join(&folder)) {
                Err(StoreError::InUse { .. }) => {}
                Ok(store) => return Ok(Local::of(store, folder)),
                // The hint may be to delete it. That loses nothing: a preview builds its content again.
                Err(error) => return Err(unusable(error, &folder).into()),
            }
        }
        Err(failed(format!("{MOST_PREVIEWS} previews of this checkout are running already")).into())
    }

    fn of(store: Store, folder: String) -> Local {
        let (store, keys) = (Arc::new(store), Keys::random());
        let client = in_process::client(local::Service::of(store.clone(), &keys));
        Local { store, keys, client, folder }
    }

    pub fn store(&self) -> Arc<Store> {
        self.store.clone()
    }

    /// An environment's bucket, created if it does not exist. It keeps versions, so that `rollback` is fast here.
    pub async fn make(
        &self,
        environment: &Environment,
        prefix: &Prefix,
    ) -> Result<(Bucket, report::Store)> {
        let name = &environment.bucket;
        self.create(name).await?;
        let versions = self.store.set_versioning(name, Versioning::Enabled).await;
        versions.map_err(|error| unusable(error, &self.folder))?;
        Ok(self.connect(environment, prefix))
    }

    /// Creates a bucket, unless it exists.
    pub async fn create(&self, name: &str) -> Result<()> {
        match self.store.create_bucket(name).await {
            Ok(()) | Err(StoreError::BucketExists) => Ok(()),
            Err(error) => Err(unusable(error, &self.folder).into()),
        }
    }

    /// An environment's bucket, which need not exist.
    pub fn connect(&self, environment: &Environment, prefix: &Prefix) -> (Bucket, report::Store) {
        (self.bucket(&environment.bucket, prefix), report::Store::Local(self.folder.clone()))
    }

    pub fn bucket(&self, name: &str, prefix: &Prefix) -> Bucket {
        let store = bucket::Store {
            // The client never resolves this name.
            endpoint: "http://localhost",
            region: local::REGION,
            access_key_id: &self.keys.access_key_id,
            secret_access_key: &self.keys.secret_access_key,
        };
        bucket::connect_local(name, prefix, &store).through(self.client.clone())
    }

    /// Waits until everything that was written would survive a crash.
    pub async fn close(self) -> Result<()> {
        Ok(self.store.flush().await.map_err(|error| unusable(error, &self.folder))?)
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
