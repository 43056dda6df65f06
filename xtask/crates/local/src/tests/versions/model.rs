//! A model of a bucket with versioning, slow but plainly correct, and the comparison with the real bucket after the
//! same writes.

use std::collections::BTreeMap;

use super::super::{BUCKET, Bench, Random, content};
use crate::store::Versioning;

/// A version of a key.
#[derive(Debug)]
struct Kept {
    id: String,
    /// The size of its body; `None` for a delete marker.
    size: Option<usize>,
}

/// For each key, its versions, the newest first.
#[derive(Default)]
struct Model {
    keys: BTreeMap<String, Vec<Kept>>,
}

/// A line of a listing: key, version and whether it is the latest; or a common prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    Object(String, String, bool),
    Marker(String, String, bool),
    Prefix(String),
}

impl Model {
    fn write(&mut self, key: &str, id: String, size: Option<usize>) {
        let versions = self.keys.entry(key.to_owned()).or_default();
        if id == "null" {
            versions.retain(|version| version.id != "null");
        }
        versions.insert(0, Kept { id, size });
        versions.truncate(1 + 10);
    }

    fn chunks(&self) -> u64 {
        let sizes = self.keys.values().flatten().filter_map(|version| version.size);
        sizes.map(|size| size.div_ceil(512 * 1024 - 1024) as u64).sum()
    }

    /// What is listed after a key, or after a version of it.
    fn list(&self, prefix: &str, delimiter: &str, after: (&str, Option<&str>)) -> Vec<Line> {
        let mut lines = Vec::new();
        for (key, versions) in self.keys.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let end = key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
            let rolled = end.map(|end| key[..prefix.len() + end + delimiter.len()].to_owned());
            let marker = after.1.filter(|_| key == after.0);
            let at = versions.iter().position(|version| Some(version.id.as_str()) == marker);
            let first = at.map_or(0, |at| at + 1);
            if key.as_str() < after.0 || key == after.0 && at.is_none() {
                continue;
            }
            for (at, version) in versions.iter().enumerate().skip(first) {
                let (key, id, latest) = (key.clone(), version.id.clone(), at == 0);
                lines.push(match (&rolled, version.size) {
                    (Some(prefix), _) => Line::Prefix(prefix.clone()),
                    (None, Some(_)) => Line::Object(key, id, latest),
                    (None, None) => Line::Marker(key, id, latest),
                });
            }
        }
        // If the marker is itself a common prefix, it stands for all of its keys.
        lines.retain(|line| after.1.is_some() || *line != Line::Prefix(after.0.to_owned()));
        lines.dedup();
        lines
    }
}

/// A bench and a model after the same writes, in a bucket that existed before versioning.
async fn played(random: &mut Random) -> (Bench, Model) {
    let keys = ["a", "a/1", "a/2", "b", "b//", "c/1/2", "c/1/3", "é", "日/"];
    let (bench, mut model) = (Bench::start().await, Model::default());
    for key in &keys[..4] {
        bench.put(key, &content(1)).await;
        model.write(key, "null".to_owned(), Some(1));
    }
    bench.set(Versioning::Enabled).await;
    for _ in 0..250 {
        let key = random.pick(&keys);
        match random.next() % 20 {
            0 => bench.set(Versioning::Suspended).await,
            1..=2 => bench.set(Versioning::Enabled).await,
            3..=10 => {
                let size = [0, 1, 600_000][random.next() % 3];
                model.write(key, bench.put_version(key, &content(size)).await, Some(size));
            }
            11..=14 => model.write(key, bench.delete(key).await, None),
            _ => {
                let Some(versions) = model.keys.get_mut(key).filter(|kept| !kept.is_empty()) else {
                    continue;
                };
                let version = versions.remove(random.next() % versions.len().min(4));
                assert_eq!(bench.remove(key, &version.id).await, version.size.is_none());
            }
        }
    }
    (bench, model)
}

#[tokio::test]
async fn the_store_has_exactly_the_versions_of_the_model_and_no_other_chunks() {
    for seed in 1..4 {
        let (bench, model) = played(&mut Random(seed)).await;
        let mut current = Vec::new();
        for (key, versions) in &model.keys {
            for version in versions {
                let Some(size) = version.size else { continue };
                let found = bench.get_version(key, &version.id).await;
                assert!(found == content(size), "seed {seed}: {key} {version:?}");
            }
            if versions.first().is_some_and(|version| version.size.is_some()) {
                current.push(key.clone());
            }
        }
        assert_eq!(bench.keys().await, current, "seed {seed}");
        assert_eq!(bench.stop_and_count_chunks().await, model.chunks(), "seed {seed}");
    }
}

#[tokio::test]
async fn pages_of_versions_follow_the_order_of_keys_and_ages() {
    let random = &mut Random(7);
    let (bench, model) = played(random).await;
    for round in 0..150 {
        let prefix = random.pick(&["", "", "a", "c/", "日", "z"]);
        let delimiter = random.pick(&["", "", "/", "/", "//"]);
        let key = random.pick(&["", "a", "a/", "a/1", "b", "c/", "日/"]);
        let versions = model.keys.get(key).filter(|_| random.next().is_multiple_of(2));
        let version = versions.and_then(|kept| kept.get(random.next() % kept.len().max(1)));
        let after = (key, version.map(|version| version.id.as_str()));
        let limit = 1 + random.next() % 9;
        let mut expected = model.list(prefix, delimiter, after);
        let mut listed = all_pages(&bench, prefix, delimiter, after, limit).await;
        // Objects, delete markers and prefixes come in separate lists, each of which keeps its order.
        expected.sort_by_key(kind);
        listed.sort_by_key(kind);
        assert_eq!(listed, expected, "round {round}: {prefix:?} {delimiter:?} {after:?} {limit}");
    }
}

fn kind(line: &Line) -> u8 {
    match line {
        Line::Object(..) => 0,
        Line::Marker(..) => 1,
        Line::Prefix(_) => 2,
    }
}

/// The lines of all pages. Checks that each page except the last has exactly `limit` lines.
async fn all_pages(
    bench: &Bench,
    prefix: &str,
    delimiter: &str,
    after: (&str, Option<&str>),
    limit: usize,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut marker = (Some(after.0.to_owned()), after.1.map(str::to_owned));
    loop {
        let list = bench.client.list_object_versions().bucket(BUCKET).prefix(prefix);
        let list = list.set_delimiter((!delimiter.is_empty()).then(|| delimiter.to_owned()));
        let list = list.set_key_marker(marker.0).set_version_id_marker(marker.1);
        let page = list.max_keys(limit as i32).send().await.unwrap();
        let before = lines.len();
        lines.extend(page.versions().iter().map(|version| {
            let (key, id) = (version.key.clone(), version.version_id.clone());
            Line::Object(key.unwrap(), id.unwrap(), version.is_latest.unwrap())
        }));
        lines.extend(page.delete_markers().iter().map(|marker| {
            let (key, id) = (marker.key.clone(), marker.version_id.clone());
            Line::Marker(key.unwrap(), id.unwrap(), marker.is_latest.unwrap())
        }));
        let prefixes = page.common_prefixes().iter();
        lines.extend(prefixes.map(|prefix| Line::Prefix(prefix.prefix().unwrap().to_owned())));
        if page.is_truncated == Some(false) {
            assert_eq!((page.next_key_marker(), page.next_version_id_marker()), (None, None));
            return lines;
        }
        assert_eq!(lines.len() - before, limit, "a page that is not the last is full");
        marker = (page.next_key_marker, page.next_version_id_marker);
    }
}
