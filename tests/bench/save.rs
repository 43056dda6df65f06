//! Measures the time from a save to the page that shows it, on a site of 5,000 pages, without the generator's time.
//!
//! It is next to the comparison with other tools. But it is a target of the integration tests, because it drives the
//! same preview and the same browser as they do: `XTASK_TEST_BROWSER=chromium cargo bench --package tests --profile
//! dev`. That is the profile in which users run the tool. It fails if a save is not shown.

#[allow(
    dead_code,
    unused_imports,
    reason = "the harness is written for the tests, and this needs a part of it"
)]
#[path = "../harness/mod.rs"]
mod harness;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness::{Browser, Page, World, block_on};

const PAGES: usize = 5000;
const SAVES: usize = 11;
/// The page that is saved, and its address.
const SAVED: usize = 700;
const PATH: &str = "/7/700/";

fn main() {
    let world = world();
    let preview = world.preview(&[]);
    let mut times = block_on(async {
        let browser = Browser::start().await;
        let page = browser.open(&preview.url(PATH)).await;
        let mut times = Vec::new();
        for save in 0..SAVES {
            until_tidy(&world).await;
            times.push(save_and_see(&world, &page, &format!("save {save}")).await);
        }
        times
    });
    times.sort_by(|one, other| one.0.total_cmp(&other.0));
    let median = times[SAVES / 2].0;
    println!("from a save to the page, the generator aside: {median:.0} ms at the median");
    println!("each, and the generator: {times:.0?}\n{}", preview.said());
}

/// A site whose generator copies pages, and notes when it began and ended.
fn world() -> World {
    let world = World::new();
    let script = "mkdir -p public && date +%s%N > ../begun && cp -rl pages/. public/ && date +%s%N > ../ended";
    let build = format!("[build]\ncommand = [\"sh\", \"-c\", {script:?}]");
    world.repo.write("site/deploy.toml", world.config("").replace("[build]", &build));
    world.repo.write(".gitignore", "/target\n/site/public\n");
    for n in 0..PAGES {
        world.repo.write(&format!("site/pages/{}/{n}/index.html", n / 100), page(n, "first"));
    }
    world.repo.commit("pages");
    world
}

fn page(n: usize, text: &str) -> String {
    let words = "text ".repeat(1800);
    let script = "<script>seen = Date.now()</script>";
    format!("<!doctype html><title>{n}</title><h1>{text}</h1><p>{words}</p>{script}")
}

/// A user does not save again before the output that the last build replaced is removed.
async fn until_tidy(world: &World) {
    let aside = world.repo.join("target/xtask/emptied");
    while std::fs::read_dir(&aside).is_ok_and(|mut left| left.next().is_some()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The milliseconds until the browser shows the save, without those of the generator; and those of the generator.
async fn save_and_see(world: &World, open: &Page, text: &str) -> (f64, f64) {
    let saved = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    world.repo.write(&format!("site/pages{PATH}index.html"), page(SAVED, text));
    let shows = format!("document.querySelector('h1')?.textContent == '{text}' && window.seen");
    open.until(&shows).await;
    let seen = open.evaluate("seen").await.as_f64().expect("a time");
    let generator = milliseconds(world, "ended") - milliseconds(world, "begun");
    (seen - saved.as_secs_f64() * 1000.0 - generator, generator)
}

fn milliseconds(world: &World, path: &str) -> f64 {
    let written =
        std::fs::read_to_string(world.repo.join(path)).expect("the generator notes a time");
    written.trim().parse::<f64>().expect("it is in nanoseconds") / 1e6
}
