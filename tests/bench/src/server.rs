//! A Garage server with one node. It ends with this process.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

pub struct Server {
    pub port: u16,
    pub key: String,
    pub secret: String,
    program: PathBuf,
    config: PathBuf,
    process: Child,
}

pub const REGION: &str = "garage";

impl Server {
    pub fn start(program: &Path, folder: &Path) -> Server {
        fs::create_dir_all(folder).expect("a folder for the server");
        let [port, rpc, admin] = free_ports();
        let config = folder.join("garage.toml");
        let text = format!(
            r#"
            metadata_dir = "{folder}/meta"
            data_dir = "{folder}/data"
            db_engine = "lmdb"
            replication_factor = 1
            rpc_bind_addr = "127.0.0.1:{rpc}"
            rpc_public_addr = "127.0.0.1:{rpc}"
            rpc_secret = "{:064}"
            [s3_api]
            s3_region = "{REGION}"
            api_bind_addr = "127.0.0.1:{port}"
            [admin]
            api_bind_addr = "127.0.0.1:{admin}"
            "#,
            0,
            folder = folder.display()
        );
        fs::write(&config, text).expect("the server's configuration");
        let (key, secret) = (format!("GK{}", "a".repeat(24)), "b".repeat(64));
        let log = fs::File::create(folder.join("log")).expect("the server's log");
        let process = Command::new(program)
            .args(["server", "--single-node", "--default-bucket"])
            .env("GARAGE_CONFIG_FILE", &config)
            .env("GARAGE_DEFAULT_ACCESS_KEY", &key)
            .env("GARAGE_DEFAULT_SECRET_KEY", &secret)
            .env("GARAGE_DEFAULT_BUCKET", "first")
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let program = program.to_owned();
        let server = Server { port, key, secret, program, config, process };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !server.answers(&["bucket", "info", "first"]) {
            assert!(Instant::now() < deadline, "the server is not ready within a minute");
            thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// Creates a bucket in which the key may do everything.
    pub fn create(&self, bucket: &str) {
        assert!(self.answers(&["bucket", "create", bucket]));
        let allow = ["bucket", "allow", "--read", "--write", "--owner", bucket, "--key", &self.key];
        assert!(self.answers(&allow));
    }

    /// Makes a bucket inaccessible. Its content is deleted with the server's folder: deleting it here would take time
    /// from the next run.
    pub fn remove(&self, bucket: &str) {
        let deny = ["bucket", "deny", "--read", "--write", "--owner", bucket, "--key", &self.key];
        assert!(self.answers(&deny));
    }

    fn answers(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("GARAGE_CONFIG_FILE", &self.config);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.expect("the server's program").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its folder is removed too.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("an address").port())
}
