//! Compares the tool with its peers: the same work, on the same server, at the same distance, in turn.
//!
//! A Garage server is started behind a proxy that adds a round trip. Each tool that is found does the work in a bucket
//! of its own, and the tools take turns. Medians are printed as a table. Build it with `--release`, so that its proxy
//! costs little compared with what is measured. The tool itself is run as its users run it.

mod growth;
mod proxy;
mod server;
mod site;
mod tools;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::{Parser, ValueEnum};

use proxy::{Proxy, Seen};
use server::Server;
use site::Site;
use tools::{Place, Tool};
use usage::Usage;

/// Compares `cargo xtask deploy` with those of aws, s5cmd, rclone and hugo that are on the PATH.
#[derive(Parser)]
struct Options {
    /// A built site, such as the html folder of Debian's rust-doc. It is not changed.
    #[arg(long, required_unless_present_any = ["growth", "draw"])]
    site: Option<PathBuf>,
    /// Measure instead how the tool's cost grows with 1,000, 10,000 and 100,000 files, and write the figures to this
    /// file.
    #[arg(long, value_name = "CSV", conflicts_with_all = ["site", "work", "round_trip", "tools"])]
    growth: Option<PathBuf>,
    /// Draw instead a picture of such figures: the file to read, and the file to write.
    #[arg(long, num_args = 2, value_names = ["CSV", "SVG"])]
    draw: Vec<PathBuf>,
    /// The Garage program (cargo install garage --version 2.5.0 --locked).
    #[arg(long, default_value = "garage")]
    garage: PathBuf,
    /// The work to do.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_values_t = [Work::Nothing, Work::Changed, Work::Headers, Work::Empty],
    )]
    work: Vec<Work>,
    /// The round trips to add, in milliseconds.
    #[arg(long, value_delimiter = ',', default_values_t = [0, 40, 150])]
    round_trip: Vec<u64>,
    /// How many files of the site to upload into an empty bucket.
    #[arg(long, default_value_t = 5000)]
    slice: usize,
    /// How often each tool does the work.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only these tools.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Tool::ALL)]
    tools: Vec<Tool>,
}

impl Options {
    /// The error says why the options cannot be used, and what to do about it.
    fn check(&self) -> Result<(), String> {
        if let Some(site) = self.site.as_ref().filter(|site| !site.is_dir()) {
            let site = site.display();
            return Err(format!(
                "`{site}` is no folder\n\nhint: build a site, and name its output"
            ));
        }
        let garage = self.garage.display();
        let version = Command::new(&self.garage).arg("--version").stdout(Stdio::null()).status();
        version.map(drop).map_err(|error| {
            format!(
                "failed to run `{garage}`: {error}\n\nhint: cargo install garage --version 2.5.0 --locked, or name it with --garage"
            )
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Work {
    /// The bucket holds the site already.
    Nothing,
    /// One file in a hundred has other bytes.
    Changed,
    /// A header rule has another value, for all files. No peer notices.
    Headers,
    /// The bucket is empty. Part of the site is uploaded.
    Empty,
    /// The bucket is empty. 100,000 files of about 30 bytes are uploaded.
    Tiny,
}

fn main() {
    let options = Options::parse();
    if let [figures, picture] = &options.draw[..] {
        return growth::draw(figures, picture);
    }
    if let Err(reason) = options.check() {
        eprintln!("error: {reason}");
        std::process::exit(2);
    }
    let scratch = tempfile::tempdir().expect("a folder for what is measured");
    let tools: Vec<Tool> = options.tools.iter().copied().filter(|tool| tool.is_here()).collect();
    let server = Server::start(&options.garage, &scratch.path().join("server"));
    let mut bench = Bench { options: &options, tools, server, made: 0, scratch: scratch.path() };
    if let Some(file) = &options.growth {
        return growth::write(&bench.grow(), file);
    }
    println!(
        "| work | round trip | tool | wall | CPU | memory | requests | first request after | wall to the best peer's |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for work in &options.work {
        bench.compare(*work);
    }
}

struct Bench<'b> {
    options: &'b Options,
    tools: Vec<Tool>,
    server: Server,
    /// How many buckets were created so far.
    made: usize,
    scratch: &'b Path,
}

impl Bench<'_> {
    fn compare(&mut self, work: Work) {
        let folder = self.scratch.join(format!("{work:?}").to_lowercase());
        let mut site = match work {
            Work::Tiny => Site::tiny(&folder, 100_000),
            Work::Empty => self.slice(&folder, self.options.slice),
            _ => self.slice(&folder, usize::MAX),
        };
        let fills = matches!(work, Work::Empty | Work::Tiny);
        let tools: Vec<Tool> = self
            .tools
            .iter()
            .copied()
            .filter(|tool| work != Work::Headers || tool.knows_headers())
            .collect();
        // Filling the buckets is not measured, so it needs no round trip.
        let direct = Proxy::start(self.server.port, Duration::ZERO);
        let mut buckets: Vec<String> = tools.iter().map(|_| self.bucket()).collect();
        if !fills {
            for (tool, bucket) in tools.iter().zip(&buckets) {
                self.run(*tool, &site, bucket, &direct);
            }
        }
        for round_trip in &self.options.round_trip {
            let proxy = Proxy::start(self.server.port, Duration::from_millis(*round_trip));
            let mut runs: Vec<Vec<Cost>> = vec![Vec::new(); tools.len()];
            for _ in 0..self.options.runs {
                match work {
                    Work::Changed => site.change(100),
                    Work::Headers => site.change_headers(),
                    Work::Nothing | Work::Empty | Work::Tiny => {}
                }
                for (index, tool) in tools.iter().enumerate() {
                    if fills {
                        self.server.remove(&buckets[index]);
                        buckets[index] = self.bucket();
                    }
                    runs[index].push(self.run(*tool, &site, &buckets[index], &proxy));
                }
            }
            let medians: Vec<_> =
                tools.iter().copied().zip(runs.iter().map(|runs| median(runs))).collect();
            let what = format!("{work:?}, {} files", site.files()).to_lowercase();
            print_rows(&what, *round_trip, &medians);
        }
        for bucket in &buckets {
            self.server.remove(bucket);
        }
    }

    fn slice(&self, folder: &Path, limit: usize) -> Site {
        let site = self.options.site.as_ref().expect("the arguments are checked");
        Site::slice_of(site, folder, limit)
    }

    /// Fills an empty bucket, and then deploys again without a change, with 1,000, 10,000 and 100,000 files.
    fn grow(&mut self) -> Vec<growth::Row> {
        let round_trip = Duration::from_millis(40);
        let proxy = Proxy::start(self.server.port, round_trip);
        // The first run may compile the tool.
        let (site, bucket) = (Site::tiny(&self.scratch.join("first"), 1), self.bucket());
        self.run(Tool::Xtask, &site, &bucket, &proxy);
        let mut rows = Vec::new();
        for files in [1_000, 10_000, 100_000] {
            let site = Site::tiny(&self.scratch.join(files.to_string()), files);
            let bucket = self.bucket();
            for work in ["empty bucket", "nothing changed"] {
                let runs = if work == "empty bucket" { 1 } else { self.options.runs };
                let runs: Vec<_> =
                    (0..runs).map(|_| self.run(Tool::Xtask, &site, &bucket, &proxy)).collect();
                rows.push(growth::Row { work: work.to_owned(), files, cost: median(&runs) });
            }
        }
        rows.sort_by(|one, other| one.work.cmp(&other.work));
        rows
    }

    fn bucket(&mut self) -> String {
        self.made += 1;
        let name = format!("bench-{}", self.made);
        self.server.create(&name);
        name
    }

    fn run(&self, tool: Tool, site: &Site, bucket: &str, proxy: &Proxy) -> Cost {
        let endpoint = format!("http://127.0.0.1:{}", proxy.port);
        let place = Place { site, bucket, endpoint: &endpoint, server: &self.server };
        let command = tool.command(&place);
        proxy.take();
        let Usage { started, wall, cpu, memory } = usage::of(command, &self.scratch.join("output"));
        let Seen { requests, first } = proxy.take();
        Cost {
            wall: wall.as_secs_f64(),
            cpu: cpu.as_secs_f64(),
            memory: memory as f64 / 1e6,
            requests: requests as f64,
            first: first.map_or(f64::NAN, |first| (first - started).as_secs_f64()),
        }
    }
}

/// What one run cost, or the median of several runs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// In seconds, like the next two.
    pub wall: f64,
    pub cpu: f64,
    /// Until the first request is sent.
    pub first: f64,
    /// In MB.
    pub memory: f64,
    pub requests: f64,
}

/// The median of each figure.
fn median(runs: &[Cost]) -> Cost {
    let middle = |figure: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(figure).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost {
        wall: middle(|cost| cost.wall),
        cpu: middle(|cost| cost.cpu),
        first: middle(|cost| cost.first),
        memory: middle(|cost| cost.memory),
        requests: middle(|cost| cost.requests),
    }
}

fn print_rows(work: &str, round_trip: u64, medians: &[(Tool, Cost)]) {
    let peers = medians.iter().filter(|(tool, _)| *tool != Tool::Xtask);
    let best = peers.map(|(_, cost)| cost.wall).fold(f64::INFINITY, f64::min);
    for (tool, Cost { wall, cpu, first, memory, requests }) in medians {
        let ratio = if best.is_finite() { format!("{:.2}", wall / best) } else { String::new() };
        println!(
            "| {work} | {round_trip} ms | {} | {wall:.2} s | {cpu:.2} s | {memory:.0} MB | {requests} | {first:.2} s | {ratio} |",
            tool.name(),
        );
    }
}
