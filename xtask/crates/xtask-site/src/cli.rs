//! What can be typed.

mod typed;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use engine::base::hint;

pub(crate) use typed::Typed;

/// Deploys this repository's static site to the AWS account that its branch belongs to.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version, disable_help_subcommand = true)]
pub struct Cli {
    /// When to colour the output: always, never, or auto, which means at a terminal
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true
    )]
    pub color: clap::ColorChoice,

    #[command(subcommand)]
    pub task: Task,
}

/// The subcommands, for an xtask that has others too:
///
/// ```no_run
/// use clap::Parser;
///
/// #[derive(Parser)]
/// #[command(bin_name = "cargo xtask")]
/// enum Xtask {
///     #[command(flatten)]
///     Site(xtask_site::Task),
///     Codegen,
/// }
///
/// fn main() -> std::process::ExitCode {
///     match Xtask::parse() {
///         Xtask::Site(task) => task.run(),
///         Xtask::Codegen => std::process::ExitCode::SUCCESS,
///     }
/// }
/// ```
#[derive(Debug, Subcommand)]
pub enum Task {
    Deploy(Deploy),
    Preview(Preview),
    Status(Status),
    Rollback(Rollback),
    Init(Init),
}

impl Task {
    pub fn wants_json(&self) -> bool {
        match self {
            Task::Deploy(options) => options.doing.json,
            Task::Preview(_) | Task::Init(_) => false,
            Task::Status(options) => options.json,
            Task::Rollback(options) => options.doing.json,
        }
    }

    /// What was typed, for hints to repeat.
    pub(crate) fn typed(&self) -> Typed<'_> {
        match self {
            Task::Deploy(options) => options.typed(),
            Task::Preview(options) => options.typed(),
            Task::Status(options) => options.typed(),
            Task::Rollback(options) => options.typed(),
            Task::Init(_) => Typed::only(hint::Subcommand::Init),
        }
    }
}

const EXIT_CODES: &str = "Exit codes: 0 done or nothing to do, 1 failed, 2 usage or configuration, 3 refused, 130 interrupted.";

/// The help of `--site`.
const SITE: &str = "The folder with deploy.toml, relative to the current folder [default: the first one from there up to the top of the repository, then `site` there]";

/// Builds the site and makes the bucket of this branch's environment equal to it.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Deploy {
    #[command(flatten)]
    pub place: Place,

    #[command(flatten)]
    pub doing: ApplyOptions,

    /// Deploy the output folder as it stands, without building
    #[arg(long)]
    pub no_build: bool,
}

impl Deploy {
    pub(crate) fn typed(&self) -> Typed<'_> {
        self.place.typed(hint::Subcommand::Deploy)
    }
}

/// Serves the site as visitors will see it, rebuilt as you edit, and shows what a deploy would change.
///
/// It writes to no account. Ctrl-C ends it.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Preview {
    /// Listen on this port [default: a free one from 4000 on]
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,

    /// Listen on this address, so that other machines reach it [default: this machine alone]
    #[arg(long, value_name = "ADDRESS")]
    pub host: Option<String>,

    /// Open it in the browser
    #[arg(long)]
    pub open: bool,

    /// Compare with this environment whatever the branch; by hand only, never in CI
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,

    #[arg(long, value_name = "DIR", help = SITE)]
    pub site: Option<PathBuf>,

    /// Follow the output folder as it changes, without building
    #[arg(long)]
    pub no_build: bool,
}

impl Preview {
    pub(crate) fn typed(&self) -> Typed<'_> {
        let (env, site) = (self.env.as_deref(), self.site.as_deref());
        Typed { env, site, ..Typed::only(hint::Subcommand::Preview) }
    }
}

/// Shows what is live in every environment that can be read: which commit, since when, by whom.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Status {
    /// Show this environment only, with the earlier deploys that `rollback` can go back to
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,

    /// Show the buckets on this machine, which `deploy --local` writes
    #[arg(long)]
    pub local: bool,

    #[arg(long, value_name = "DIR", help = SITE)]
    pub site: Option<PathBuf>,

    /// Print one JSON object on standard output instead of text
    #[arg(long)]
    pub json: bool,
}

impl Status {
    pub(crate) fn typed(&self) -> Typed<'_> {
        let (env, site, local) = (self.env.as_deref(), self.site.as_deref(), self.local);
        Typed { env, site, local, ..Typed::only(hint::Subcommand::Status) }
    }
}

/// Makes the bucket of this branch's environment equal to an earlier deploy.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct Rollback {
    /// The deploy to go back to, by its name or commit [default: the one before what is live]
    #[arg(long, value_name = "DEPLOY")]
    pub to: Option<String>,

    #[command(flatten)]
    pub place: Place,

    #[command(flatten)]
    pub doing: ApplyOptions,
}

impl Rollback {
    pub(crate) fn typed(&self) -> Typed<'_> {
        Typed { to: self.to.as_deref(), ..self.place.typed(hint::Subcommand::Rollback) }
    }
}

/// Adds the tool to the repository of a site, or brings the files of an earlier version up to date.
///
/// It shows every file that it is going to write, and replaces none of yours.
#[derive(Args, Debug)]
pub struct Init {
    /// A folder of the repository [default: the current one]
    pub dir: Option<PathBuf>,

    /// Fail if a file is not as this version writes it, and write nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,

    /// Show the lines that would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Copy the sources of the tool into the repository, in place of a dependency on its git repository
    #[arg(long)]
    pub vendor: bool,

    /// Where the dependency comes from [default: the remote `origin` of the clone that this runs in]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "vendor")]
    pub git: Option<String>,

    /// The CI that a file is written for [default: the one in use, else GitHub]
    #[arg(long, value_name = "NAME")]
    pub ci: Option<Ci>,

    #[command(flatten)]
    pub environment: InitEnvironment,
}

/// The vendors that a file can be written for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Ci {
    Github,
    Gitlab,
    Circleci,
    /// A shell script for any other
    Script,
    None,
}

/// What goes into a new deploy.toml.
#[derive(Args, Debug)]
#[command(next_help_heading = "An environment of a new deploy.toml")]
pub struct InitEnvironment {
    /// Its name [default: production]
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,

    /// A branch that goes there, or a glob; can be given several times
    #[arg(long, value_name = "NAME")]
    pub branch: Vec<String>,

    /// The AWS account, twelve digits
    #[arg(long, value_name = "DIGITS")]
    pub account: Option<String>,

    /// The region of the bucket
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,

    /// The bucket
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,

    /// The folder in the bucket
    #[arg(long, value_name = "FOLDER/")]
    pub prefix: Option<String>,

    /// The address of the site
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

impl InitEnvironment {
    pub(crate) fn is_empty(&self) -> bool {
        let InitEnvironment { env, branch, account, region, bucket, prefix, url } = self;
        branch.is_empty()
            && [env, account, region, bucket, prefix, url].iter().all(|value| value.is_none())
    }
}

/// Where it goes.
#[derive(Args, Debug)]
pub struct Place {
    /// Take this environment whatever the branch; by hand only, never in CI
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,

    /// Take a bucket on this machine, kept under target/: no account, network or credentials
    #[arg(long)]
    pub local: bool,

    #[arg(long, value_name = "DIR", help = SITE)]
    pub site: Option<PathBuf>,
}

impl Place {
    fn typed(&self, subcommand: hint::Subcommand) -> Typed<'_> {
        let (env, site, local) = (self.env.as_deref(), self.site.as_deref(), self.local);
        Typed { env, site, local, ..Typed::only(subcommand) }
    }
}

/// How it is done.
#[derive(Args, Debug)]
pub struct ApplyOptions {
    /// Show what would change, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Delete at most this many objects, instead of the usual limit
    #[arg(long, value_name = "N")]
    pub max_deletes: Option<u64>,

    /// Wait until another deploy to the same place has ended, instead of being refused
    #[arg(long)]
    pub wait: bool,

    /// Print one JSON object on standard output instead of text
    #[arg(long)]
    pub json: bool,
}
