//! What the commands for one place make together: the files that all of them leave alone, and the headers that each of
//! them sets.

use super::super::globs;
use super::{Filter, Headers, Pass, Place, Upload};

impl Pass {
    /// The patterns of the files that it sends, if it sends only some: `--exclude "*" --include …`.
    fn only(&self) -> Option<Vec<&str>> {
        let all = |filter: &Filter| !filter.is_included && filter.pattern == "*";
        let from = self.filters.iter().rposition(all)?;
        let included = self.filters[from..].iter().filter(|filter| filter.is_included);
        Some(included.map(|filter| filter.pattern.as_str()).collect())
    }

    /// The patterns of files that it leaves alone.
    fn excluded(&self) -> Vec<&str> {
        let patterns = self.filters.iter().enumerate().filter(|(at, filter)| {
            let is_back = |later: &Filter| later.is_included && later.pattern == filter.pattern;
            !filter.is_included
                && filter.pattern != "*"
                && !self.filters[at + 1..].iter().any(is_back)
        });
        patterns.map(|(_, filter)| filter.pattern.as_str()).collect()
    }

    fn is_whole(&self) -> bool {
        self.below.is_empty() && self.file.is_none() && self.only().is_none()
    }

    fn rules(&self) -> Vec<Headers> {
        let globs: Vec<String> = match (&self.file, self.only()) {
            (Some(file), _) => vec![escaped(file)],
            (None, Some(patterns)) => patterns.into_iter().map(globs::of_aws).collect(),
            (None, None) => vec!["**".to_owned()],
        };
        // A file's key has the prefix of its folder already.
        let below = if self.file.is_some() { "" } else { &self.below };
        let rule =
            |glob: String| Headers { glob: format!("{below}{glob}"), values: self.headers.clone() };
        globs.into_iter().map(rule).collect()
    }
}

/// A key as a glob that matches only it.
fn escaped(key: &str) -> String {
    let special = |c: char| "*?[]{}\\".contains(c);
    key.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// The place, with the globs and headers that its passes make together.
pub fn finished(upload: Upload, notes: &mut Vec<String>) -> Place {
    let Upload { mut place, passes } = upload;
    place.keep.extend(kept(&passes).iter().map(|pattern| globs::of_aws(pattern)));
    place.keep.dedup();
    let (whole, parts): (Vec<&Pass>, Vec<&Pass>) = passes.iter().partition(|pass| pass.is_whole());
    for pass in whole.iter().filter(|pass| !pass.headers.is_empty()) {
        let names = pass.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
        for excluded in pass.excluded() {
            let glob = globs::of_aws(excluded);
            let is_set = parts.iter().any(|part| {
                part.rules().iter().any(|rule| rule.glob == glob) && !part.headers.is_empty()
            });
            if !is_set && !place.keep.contains(&glob) {
                notes.push(format!(
                    "{}:{}: `{}` is set for all files but `{excluded}`, which a rule for all files cannot say",
                    place.file.display(),
                    pass.line,
                    names.join("`, `"),
                ));
            }
        }
    }
    // Later rules win in `deploy.toml`, so those for all files come first.
    for pass in whole.into_iter().chain(parts).filter(|pass| !pass.headers.is_empty()) {
        for rule in pass.rules() {
            let known = place.headers.iter_mut().find(|known| known.glob == rule.glob);
            match known {
                Some(known) => known.add(rule, pass.overwrites),
                None => place.headers.push(rule),
            }
        }
    }
    place
}

impl Headers {
    /// The first `sync` that sends a file decides, and the last `cp`.
    fn add(&mut self, other: Headers, overwrites: bool) {
        for (name, value) in other.values {
            match self.values.iter_mut().find(|(own, _)| *own == name) {
                Some(own) if overwrites => own.1 = value,
                Some(_) => {}
                None => self.values.push((name, value)),
            }
        }
    }
}

/// The patterns that every pass over the whole place leaves alone, and that no other pass sends.
fn kept(passes: &[Pass]) -> Vec<&str> {
    let mut whole = passes.iter().filter(|pass| pass.is_whole() && !pass.is_copy);
    let Some(first) = whole.next() else { return Vec::new() };
    let others: Vec<&Pass> = whole.collect();
    let is_sent = |pattern: &str| {
        let overlap = |other: &str| is_match(pattern, other) || is_match(other, pattern);
        passes.iter().any(|pass| {
            let is_below = !pass.below.is_empty() && pattern.starts_with(&pass.below);
            let is_file = pass.file.as_deref().is_some_and(overlap);
            is_below
                || is_file
                || pass.only().is_some_and(|only| only.iter().any(|glob| overlap(glob)))
        })
    };
    let all = first.excluded().into_iter().filter(|pattern| {
        others.iter().all(|pass| pass.excluded().contains(pattern)) && !is_sent(pattern)
    });
    all.collect()
}

/// Whether a pattern in which `*` matches anything matches all of a text.
fn is_match(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
