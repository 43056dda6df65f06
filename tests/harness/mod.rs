//! The vocabulary of the tests: a scratch repository, the tool run in it, and the bucket that it deploys to.

mod browser;
mod preview;
mod proxy;
mod repo;
mod slow;
mod store;
mod stranger;
mod tls;
mod wire;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::Runtime;

pub use browser::{Browser, Page};
pub use preview::{Previewed, Reply, ask};
pub use proxy::{Proxy, Via};
pub use repo::{Ran, Repo};
pub use slow::SlowLine;
pub use store::{Remote, Store};
pub use stranger::Stranger;
pub use tls::{Certificate, Tls};
pub use wire::{Answer, Fault, Seen, Wire, draws};

/// A repository whose branch `main` is deployed to a bucket of its own.
pub struct World {
    pub repo: Repo,
    pub store: &'static Store,
    pub wire: Wire,
    pub bucket: String,
}

/// The names of the variables that hold the credentials of the world's environment.
pub const KEY_VARIABLE: &str = "SITE_KEY";
pub const SECRET_VARIABLE: &str = "SITE_SECRET";

impl World {
    pub fn new() -> World {
        World::on(Store::get())
    }

    /// A world on the embedded store, for tests that change its answers literally.
    pub fn reworded() -> World {
        World::on(Store::reworded())
    }

    /// A world whose store has ETags that say nothing about the content.
    pub fn opaque() -> World {
        World::on(Store::opaque())
    }

    fn on(store: &'static Store) -> World {
        let bucket = store.new_bucket();
        let wire = Wire::to(store.address());
        let world = World { repo: Repo::new("main"), store, wire, bucket };
        world.configure("");
        world
    }

    /// Another repository that is deployed to the same bucket, over a wire of its own.
    pub fn beside(&self) -> World {
        let (bucket, wire) = (self.bucket.clone(), Wire::to(self.store.address()));
        let world = World { repo: Repo::new("main"), store: self.store, wire, bucket };
        world.configure("");
        world
    }

    /// Writes a `deploy.toml` with the environment `production` for branch `main`, and `more`. The lines of `more`
    /// before its first `[` belong to the environment.
    pub fn configure(&self, more: &str) {
        self.repo.write("site/deploy.toml", self.config(more));
    }

    pub fn config(&self, more: &str) -> String {
        format!(
            r#"[build]
output = "public"

[environments.production]
branches = ["main"]
region = "{}"
bucket = "{}"
endpoint = "{}"
credentials = {{ access-key-id = "{KEY_VARIABLE}", secret-access-key = "{SECRET_VARIABLE}" }}
{more}
"#,
            self.store.region,
            self.bucket,
            self.wire.endpoint(),
        )
    }

    /// Writes the site's files, given by their keys, and removes the earlier ones.
    pub fn site<'a>(&self, files: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.repo.remove("site/public");
        for (key, content) in files {
            self.repo.write(&format!("site/public/{key}"), content);
        }
    }

    /// Runs `xtask deploy` with the right credentials.
    pub fn deploy(&self, arguments: &[&str]) -> Ran {
        self.deploy_with(arguments, &[])
    }

    pub fn deploy_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let arguments: Vec<&str> = [&["deploy"], arguments].concat();
        self.xtask_with(&arguments, variables)
    }

    /// Runs any subcommand with the right credentials.
    pub fn xtask(&self, arguments: &[&str]) -> Ran {
        self.xtask_with(arguments, &[])
    }

    fn xtask_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut all =
            vec![(KEY_VARIABLE, self.store.key.as_str()), (SECRET_VARIABLE, &self.store.secret)];
        all.extend(variables);
        self.repo.xtask(arguments, &all)
    }

    /// Runs `xtask deploy`, and calls `started` with the process id as soon as it is running.
    pub fn deploy_started(&self, arguments: &[&str], started: impl FnOnce(u32)) -> Ran {
        self.xtask_started(&[&["deploy"], arguments].concat(), started)
    }

    pub fn xtask_started(&self, arguments: &[&str], started: impl FnOnce(u32)) -> Ran {
        let variables =
            [(KEY_VARIABLE, self.store.key.as_str()), (SECRET_VARIABLE, &self.store.secret)];
        self.repo.xtask_started(arguments, &variables, started)
    }

    /// The bucket's objects by key, without the tool's own.
    pub fn objects(&self) -> BTreeMap<String, Remote> {
        let mut objects = self.store.objects(&self.bucket);
        objects.retain(|key, _| !key.contains(".xtask/"));
        objects
    }

    pub fn keys(&self) -> Vec<String> {
        self.objects().into_keys().collect()
    }

    /// Asserts that the bucket holds the files of `site/public` below the prefix, byte for byte, and nothing else.
    #[track_caller]
    pub fn assert_bucket_equals_site(&self, prefix: &str) {
        let files = self.repo.files("site/public");
        let expected: BTreeMap<String, Vec<u8>> =
            files.into_iter().map(|(key, content)| (format!("{prefix}{key}"), content)).collect();
        let found: BTreeMap<String, Vec<u8>> =
            self.objects().into_iter().map(|(key, object)| (key, object.body)).collect();
        let names = |map: &BTreeMap<String, Vec<u8>>| map.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&found), names(&expected), "the keys");
        for (key, content) in &expected {
            assert!(found[key] == *content, "the content of `{key}`");
        }
    }
}

/// The threads on which the servers and clients of the tests run.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("the tests need threads"))
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}
