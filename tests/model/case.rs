//! What a case of the model consists of: versions of a site, what the bucket holds before, and runs with the faults and
//! signals that hit each. A case is a value: it is generated from a seed, printed, and made smaller if it fails.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::harness::Fault;

#[derive(Clone, Debug)]
pub struct Case {
    /// The last one is what the bucket must be equal to in the end.
    pub versions: Vec<Version>,
    older: Option<usize>,
    strays: Vec<Stray>,
    pub record: Record,
    pub runs: Vec<Run>,
    /// Only headers change, back and forth, and the site is always the last version.
    ///
    /// In the other cases, headers never return to an earlier value. In these cases, nobody else writes to the bucket.
    /// The reason is that a store tells times in seconds: an object that was replaced twice within the second of the
    /// record looks untouched.
    pub only_headers: bool,
}

/// Files of a site. `{}` in a name stands for the content, as in a fingerprint.
#[derive(Clone, Debug)]
pub struct Version {
    pub pages: BTreeMap<&'static str, Page>,
    pub assets: BTreeMap<&'static str, u8>,
    /// Whether there is a file that is uploaded in parts.
    pub large: bool,
}

#[derive(Clone, Debug)]
pub struct Page {
    pub text: u8,
    /// A bit for each asset of the version, in order.
    pub names: u8,
}

/// An object that the tool did not write.
#[derive(Clone, Debug)]
pub struct Stray {
    pub key: &'static str,
    pub body: StrayBody,
    pub content_type: &'static str,
}

#[derive(Clone, Debug)]
pub enum StrayBody {
    Text(u8),
    /// The content that this version of the site has for the key.
    Version(usize),
    /// A page that names a missing asset.
    Torn,
}

/// What happens to the record of the older deploy.
#[derive(Clone, Debug)]
pub enum Record {
    Left,
    Removed,
    Replaced(&'static str),
}

/// A deploy or a rollback, with its faults and its signal.
#[derive(Clone, Debug)]
pub struct Run {
    /// Whether it is a rollback to an earlier deploy; the site then does not matter.
    pub rolls_back: bool,
    pub version: usize,
    pub other_headers: bool,
    /// Decides which requests are hit and by which faults.
    pub seed: u64,
    /// The share of requests that are hit, in percent.
    pub share: u64,
    pub faults: Vec<Fault>,
    pub only: Option<Requests>,
    pub forbidden: Option<Requests>,
    pub end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
pub enum Requests {
    Reads,
    Writes,
    Assets,
    Pages,
    Deletes,
    Key(&'static str),
}

/// A signal that is sent when this many requests have arrived.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub requests: u64,
    pub signal: &'static str,
    /// Whether the store still carries out the last of them, if it writes.
    pub done: bool,
}

const PAGES: [&str; 6] =
    ["index.html", "404.html", "about.html", "blog/index.html", "blog/one.html", "deep/er/z.html"];

const ASSETS: [&str; 7] = [
    "app.js",
    "assets/app-{}.js",
    "assets/style-{}.css",
    "blog/mark.png",
    "img/pic.png",
    "style.css",
    "zz-{}.png",
];

/// `keep` names everything below this folder.
pub const KEEP: &str = "keep/";

const STRAYS: [&str; 10] = [
    "index.html",
    "about.html",
    "blog/one.html",
    "old.html",
    "app.js",
    "style.css",
    "assets/app-1.js",
    "stray/x.txt",
    "keep/a.txt",
    "keep/deep/b.html",
];

const KEYS: [&str; 6] =
    ["index.html", "about.html", "style.css", "assets/app-1.js", "blog/mark.png", ".xtask/record"];

const TYPES: [&str; 3] = ["text/html; charset=utf-8", "text/css; charset=utf-8", "text/plain"];

impl Case {
    /// What a run deploys: the version, and a number for its headers.
    pub fn deployed_by(&self, run: usize) -> (&Version, usize) {
        let changes = self.runs[..=run].iter().filter(|run| run.other_headers).count();
        match self.only_headers {
            true => (self.last(), changes % 2),
            false => (&self.versions[self.runs[run].version % self.versions.len()], changes),
        }
    }

    /// What the final, undisturbed run deploys.
    pub fn deployed_last(&self) -> (&Version, usize) {
        match self.only_headers {
            true => (self.last(), 0),
            false => (self.last(), self.deployed_by(self.runs.len() - 1).1),
        }
    }

    /// What was deployed even before `deployed_before`, for runs that go back.
    pub fn deployed_first(&self) -> Option<&Version> {
        let goes_back = self.runs.iter().any(|run| run.rolls_back) && !self.only_headers;
        self.older.filter(|_| goes_back).and(self.versions.first())
    }

    /// What was deployed before the first run, undisturbed.
    pub fn deployed_before(&self) -> Option<&Version> {
        match self.only_headers {
            true => Some(self.last()),
            false => self.older.map(|older| &self.versions[older % self.versions.len()]),
        }
    }

    pub fn strays(&self) -> &[Stray] {
        if self.only_headers { &[] } else { &self.strays }
    }

    fn last(&self) -> &Version {
        self.versions.last().expect("a version")
    }
}

impl Run {
    pub fn undisturbed() -> Run {
        Run {
            rolls_back: false,
            version: 0,
            other_headers: false,
            seed: 0,
            share: 0,
            faults: vec![Fault::Unread],
            only: None,
            forbidden: None,
            end: None,
        }
    }
}

impl Version {
    pub fn files(&self) -> BTreeMap<String, String> {
        let named = |(name, content): (&&str, &u8)| name.replace("{}", &content.to_string());
        let assets: Vec<String> = self.assets.iter().map(named).collect();
        let mut files = BTreeMap::new();
        for (key, content) in assets.iter().zip(self.assets.values()) {
            files.insert(key.clone(), format!("{key} {content}"));
        }
        for (key, page) in &self.pages {
            let up = "../".repeat(key.matches('/').count());
            let named = assets.iter().enumerate().filter(|(bit, _)| page.names >> bit & 1 == 1);
            let named: String = named.map(|(_, asset)| format!("src=\"{up}{asset}\"\n")).collect();
            files.insert((*key).to_owned(), format!("page {}\n{named}", page.text));
        }
        files.insert(format!("{KEEP}own.txt"), "never sent".into());
        if self.large {
            files.insert("movie.png".into(), "movie".repeat((9 << 20) / 5));
        }
        files
    }
}

/// The keys of the assets that a page names. However deep the page is, all names go through the top folder.
pub fn named(body: &str) -> Vec<String> {
    let names = body.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next());
    names.map(|name| name.trim_start_matches("../").to_owned()).collect()
}

pub fn case() -> impl Strategy<Value = Case> {
    let before = (option::weighted(0.7, 0..3usize), vec(stray(), 0..5), record());
    (vec(version(), 1..4), before, vec(run(), 1..4), prop::bool::weighted(0.2)).prop_map(
        |(versions, (older, strays, record), runs, only_headers)| Case {
            versions,
            older,
            strays,
            record,
            runs,
            only_headers,
        },
    )
}

fn version() -> impl Strategy<Value = Version> {
    let page = (0..3u8, any::<u8>()).prop_map(|(text, names)| Page { text, names });
    let home = page.clone();
    let pages = (btree_map(select(&PAGES[..]), page, 0..5), home);
    let assets = btree_map(select(&ASSETS[..]), 0..3u8, 0..7);
    (pages, assets, prop::bool::weighted(0.01)).prop_map(|((mut pages, home), assets, large)| {
        pages.entry("index.html").or_insert(home);
        Version { pages, assets, large }
    })
}

fn stray() -> impl Strategy<Value = Stray> {
    let body = prop_oneof![
        (0..3u8).prop_map(StrayBody::Text),
        (0..3usize).prop_map(StrayBody::Version),
        Just(StrayBody::Torn),
    ];
    (select(&STRAYS[..]), body, select(&TYPES[..])).prop_map(|(key, body, content_type)| Stray {
        key,
        body,
        content_type,
    })
}

fn record() -> impl Strategy<Value = Record> {
    let others =
        ["", "{\"version\":1,\"pre", "{\"version\":99}", r#"{"version":1,"prefix":"other/"}"#];
    prop_oneof![
        3 => Just(Record::Left),
        1 => Just(Record::Removed),
        1 => prop::sample::select(others.to_vec()).prop_map(Record::Replaced),
    ]
}

fn run() -> impl Strategy<Value = Run> {
    let what = (prop::bool::weighted(0.25), 0..3usize, any::<bool>());
    let faults = (any::<u64>(), 0..30u64, vec(fault(), 1..4), option::weighted(0.3, requests()));
    let rest = (option::weighted(0.25, requests()), option::weighted(0.5, end()));
    (what, faults, rest).prop_map(
        |((rolls_back, version, other_headers), (seed, share, faults, only), (forbidden, end))| {
            Run { rolls_back, version, other_headers, seed, share, faults, only, forbidden, end }
        },
    )
}

fn fault() -> impl Strategy<Value = Fault> {
    select(vec![
        Fault::Unread,
        Fault::Halved,
        Fault::Unanswered,
        Fault::Cut,
        Fault::OtherEtag,
        Fault::Late(Duration::from_millis(30)),
        Fault::status(500),
        Fault::status(503),
        Fault::status(403),
    ])
}

fn requests() -> impl Strategy<Value = Requests> {
    prop_oneof![
        Just(Requests::Reads),
        Just(Requests::Writes),
        Just(Requests::Assets),
        Just(Requests::Pages),
        Just(Requests::Deletes),
        select(&KEYS[..]).prop_map(Requests::Key),
    ]
}

fn end() -> impl Strategy<Value = End> {
    let signal = prop_oneof![4 => Just("-KILL"), 1 => Just("-INT"), 1 => Just("-TERM")];
    (1..20u64, signal, any::<bool>()).prop_map(|(requests, signal, done)| End {
        requests,
        signal,
        done,
    })
}
