//! The tools that are compared. Each is called as its users would call it for this work, and in its fastest way.

use std::path::Path;
use std::process::Command;

use clap::ValueEnum;

use crate::server::{REGION, Server};
use crate::site::Site;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    Xtask,
    Aws,
    S5cmd,
    Rclone,
    Hugo,
}

pub struct Place<'p> {
    pub site: &'p Site,
    pub bucket: &'p str,
    pub endpoint: &'p str,
    pub server: &'p Server,
}

impl Tool {
    pub const ALL: [Tool; 5] = [Tool::Xtask, Tool::Aws, Tool::S5cmd, Tool::Rclone, Tool::Hugo];

    pub fn name(self) -> &'static str {
        match self {
            Tool::Xtask => "cargo xtask deploy",
            Tool::Aws => "aws s3 sync",
            Tool::S5cmd => "s5cmd sync",
            Tool::Rclone => "rclone sync",
            Tool::Hugo => "hugo deploy",
        }
    }

    /// Whether it can be run here. If not, says so.
    pub fn is_here(self) -> bool {
        let program = match self {
            Tool::Xtask => return true,
            Tool::Aws => "aws",
            Tool::S5cmd => "s5cmd",
            Tool::Rclone => "rclone",
            Tool::Hugo => "hugo",
        };
        let mut command = Command::new(program);
        command.arg(if self == Tool::Aws { "--version" } else { "version" });
        let is_here = command.output().is_ok_and(|said| {
            // Not every build of hugo can deploy. The version says which ones can.
            let deploys = String::from_utf8_lossy(&said.stdout).contains("withdeploy");
            said.status.success() && (self != Tool::Hugo || deploys)
        });
        if !is_here {
            let or = if self == Tool::Hugo { ", or was built without `deploy`" } else { "" };
            eprintln!("without {program}: it is not on the PATH{or}");
        }
        is_here
    }

    /// Whether it notices that only headers have changed.
    pub fn knows_headers(self) -> bool {
        self == Tool::Xtask
    }

    pub fn command(self, place: &Place) -> Command {
        let Place { site, bucket, endpoint, server } = place;
        let mut command = match self {
            Tool::Xtask => Command::new("cargo"),
            Tool::Aws => Command::new("aws"),
            Tool::S5cmd => Command::new("s5cmd"),
            Tool::Rclone => Command::new("rclone"),
            Tool::Hugo => Command::new("hugo"),
        };
        clear(&mut command);
        let (from, to) = (format!("{}/", site.output().display()), format!("s3://{bucket}/"));
        if self == Tool::Xtask {
            configure(place);
            // What `cargo xtask` stands for, run from the repository of the site.
            let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
            command.args(["run", "--quiet", "--manifest-path"]).arg(manifest);
            command.args(["--package", "xtask", "--", "deploy"]);
            command.current_dir(&site.root);
            command.env("SITE_KEY", &server.key).env("SITE_SECRET", &server.secret);
            return command;
        }
        command.env("AWS_ACCESS_KEY_ID", &server.key).env("AWS_SECRET_ACCESS_KEY", &server.secret);
        command.env("AWS_REGION", REGION).env("AWS_DEFAULT_REGION", REGION);
        match self {
            Tool::Xtask => {}
            Tool::Aws => {
                command.args(["--endpoint-url", endpoint, "s3", "sync", &from, &to, "--delete"]);
                command.args(["--exclude", ".xtask/*", "--only-show-errors"]);
            }
            // Its own default of 256 workers stays.
            Tool::S5cmd => {
                command.args(["--endpoint-url", endpoint, "--log", "error", "sync", "--delete"]);
                command.args([&from, &to]);
            }
            // Its own default of 4 transfers and 8 checkers would not be a fair comparison.
            Tool::Rclone => {
                let settings =
                    [("PROVIDER", "Other"), ("ENV_AUTH", "true"), ("NO_CHECK_BUCKET", "true")];
                for (name, value) in settings {
                    command.env(format!("RCLONE_S3_{name}"), value);
                }
                command.env("RCLONE_S3_ENDPOINT", endpoint).env("RCLONE_S3_REGION", REGION);
                command.env("RCLONE_CONFIG", "/dev/null");
                command.args([
                    "sync",
                    "--checksum",
                    "--fast-list",
                    "--transfers",
                    "64",
                    "--checkers",
                    "64",
                ]);
                command.args([&from, &format!(":s3:{bucket}")]);
            }
            // Its own default of 10 workers would not be a fair comparison, and its limit of 256 deletes is not what is
            // measured.
            Tool::Hugo => {
                let text = format!(
                    "publishDir = \"public\"\n[[deployment.targets]]\nname = \"bench\"\n\
                     URL = \"s3://{bucket}?endpoint={endpoint}&region={REGION}&use_path_style=true\"\n"
                );
                let folder = site.root.join("site");
                std::fs::write(folder.join("hugo.toml"), text).expect("hugo.toml");
                command.args([
                    "deploy",
                    "--target",
                    "bench",
                    "--workers",
                    "64",
                    "--maxDeletes",
                    "-1",
                ]);
                command.current_dir(folder);
            }
        }
        command
    }
}

/// Removes the variables of the user who runs this: the tools must not see them.
fn clear(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["AWS_", "RCLONE_", "S3_", "GIT_", "GITHUB_", "GITLAB_"]
            .iter()
            .any(|start| text.starts_with(start))
            || text == "CI"
        {
            command.env_remove(name);
        }
    }
}

/// Writes the site's deploy.toml for a place.
fn configure(place: &Place) {
    let Place { site, bucket, endpoint, .. } = place;
    let text = format!(
        r#"
[build]
output = "public"
[environments.production]
branches = ["main"]
region = "{REGION}"
bucket = "{bucket}"
endpoint = "{endpoint}"
credentials = {{ access-key-id = "SITE_KEY", secret-access-key = "SITE_SECRET" }}
{}"#,
        site.rules()
    );
    std::fs::write(site.root.join("site/deploy.toml"), text).expect("deploy.toml");
}
