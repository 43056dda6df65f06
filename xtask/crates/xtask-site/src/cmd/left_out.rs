//! Tells which files of the output folder are not deployed, and why: users must be able to find out why a file is
//! missing from the live site. Each file that looks like a secret gets a line of its own, because somebody has to act
//! on it.

use engine::base::humanize::count;
use engine::base::{Event, Tell, headers};
use engine::site::{LeftOut, Site, Why};

/// How many names are listed for one reason. The rest is counted.
const NAMES: usize = 40;

/// How many patterns are proposed for `publish`.
const PATTERNS: usize = 5;

pub fn tell_left_out(site: &Site, tell: &Tell) {
    let of = |why: Why| site.left_out.iter().filter(move |entry| entry.why == why);
    let is_page = |entry: &&LeftOut| entry.is_page && entry.why == Why::Hidden;
    warn_of_private(site, tell);
    let pages: Vec<&LeftOut> = site.left_out.iter().filter(is_page).collect();
    if !pages.is_empty() {
        tell.tell(Event::Warning(format!(
            "left out pages whose path has a name that begins with a dot: {}; to publish them: {}",
            names(&pages),
            publish(&pages)
        )));
    }
    let hidden: Vec<_> = of(Why::Hidden).filter(|entry| !entry.is_page).collect();
    note("files whose names begin with a dot", &hidden, tell);
    note("files of the operating system", &of(Why::System).collect::<Vec<_>>(), tell);
    note("files that an editor left", &of(Why::Leftover).collect::<Vec<_>>(), tell);
    note("what `exclude` matches", &of(Why::Excluded).collect::<Vec<_>>(), tell);
}

fn warn_of_private(site: &Site, tell: &Tell) {
    let private: Vec<_> = site.left_out.iter().filter(|entry| entry.why.is_private()).collect();
    for LeftOut { key, why, .. } in private.iter().take(NAMES) {
        let reason = match why {
            Why::SecretContent => "it holds a private key or credentials",
            _ => "it looks like a secret",
        };
        tell.tell(Event::Warning(format!("left out `{key}`: {reason}")));
    }
    let rest = private.len().saturating_sub(NAMES) as u64;
    if rest > 0 {
        let text = format!("left out {} that look like secrets", count(rest, "more file"));
        tell.tell(Event::Warning(text));
    }
    let public: Vec<_> = private.into_iter().filter(|entry| entry.why != Why::Own).collect();
    if !public.is_empty() {
        tell.tell(Event::Note(format!("to publish one that is no secret: {}", publish(&public))));
    }
}

fn note(what: &str, entries: &[&LeftOut], tell: &Tell) {
    if !entries.is_empty() {
        tell.tell(Event::Note(format!("left out {what}: {}", names(entries))));
    }
}

fn names(entries: &[&LeftOut]) -> String {
    let shown = |entry: &&LeftOut| match entry.is_folder {
        true => format!("`{}/`", entry.key),
        false => format!("`{}`", entry.key),
    };
    let mut names: Vec<String> = entries.iter().take(NAMES).map(shown).collect();
    let rest = entries.len().saturating_sub(NAMES);
    if rest > 0 {
        names.push(format!("and {rest} more"));
    }
    names.join(", ")
}

/// The line for `deploy.toml` that publishes these files.
fn publish(entries: &[&LeftOut]) -> String {
    let mut patterns: Vec<String> = entries.iter().map(|entry| pattern(&entry.key)).collect();
    patterns.dedup();
    patterns.truncate(PATTERNS);
    format!("publish = {patterns:?} at the top of deploy.toml")
}

/// The glob for a file, or for the outermost folder above it whose name begins with a dot.
fn pattern(key: &str) -> String {
    let mut folders = key.match_indices('/').map(|(at, _)| &key[..at]);
    let is_hidden = |folder: &&str| {
        let name = folder.rsplit('/').next().unwrap_or(folder);
        name.starts_with('.') && name != ".well-known"
    };
    match folders.find(is_hidden) {
        Some(folder) => format!("{}/**", headers::literal_glob(folder)),
        None => headers::literal_glob(key),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use expect_test::expect;

    use super::*;

    fn told(entries: &[(&str, Why, bool)]) -> String {
        let entry = |(key, why, is_page): &(&str, Why, bool)| LeftOut {
            key: (*key).into(),
            why: *why,
            is_folder: key.ends_with(".git"),
            is_page: *is_page,
        };
        let site = Site { left_out: entries.iter().map(entry).collect(), ..Site::default() };
        let lines = Arc::new(Mutex::new(String::new()));
        let told = lines.clone();
        tell_left_out(
            &site,
            &Tell::new(move |event| told.lock().unwrap().push_str(&format!("{event:?}\n"))),
        );
        let lines = lines.lock().unwrap();
        lines.clone()
    }

    #[test]
    fn every_file_that_is_left_out_is_named_with_its_reason() {
        expect![[r#"
            Warning("left out `.git`: it looks like a secret")
            Warning("left out `a[1].key`: it looks like a secret")
            Warning("left out `b.txt`: it holds a private key or credentials")
            Note("to publish one that is no secret: publish = [\"a[[]1[]].key\", \"b.txt\"] at the top of deploy.toml")
            Warning("left out pages whose path has a name that begins with a dot: `docs/.a.html`, `tags/.net/index.html`, `tags/.net/x/index.html`; to publish them: publish = [\"docs/.a.html\", \"tags/.net/**\"] at the top of deploy.toml")
            Note("left out files whose names begin with a dot: `.nojekyll`")
            Note("left out files of the operating system: `Thumbs.db`")
            Note("left out what `exclude` matches: `a.map`")
        "#]]
        .assert_eq(&told(&[
            (".git", Why::Own, false),
            (".nojekyll", Why::Hidden, false),
            ("Thumbs.db", Why::System, false),
            ("a.map", Why::Excluded, false),
            ("a[1].key", Why::SecretName, false),
            ("b.txt", Why::SecretContent, false),
            ("docs/.a.html", Why::Hidden, true),
            ("tags/.net/index.html", Why::Hidden, true),
            ("tags/.net/x/index.html", Why::Hidden, true),
        ]));
        assert_eq!(told(&[]), "");
    }

    #[test]
    fn past_some_tens_the_rest_is_counted() {
        let names: Vec<String> = (0..50).map(|n| format!("{n}.map")).collect();
        let entries: Vec<_> = names.iter().map(|n| (n.as_str(), Why::Excluded, false)).collect();
        assert!(told(&entries).ends_with("`39.map`, and 10 more\")\n"));
        let entries: Vec<_> = names.iter().map(|n| (n.as_str(), Why::SecretName, false)).collect();
        assert!(told(&entries).contains("left out 10 more files that look like secrets"));
    }
}
