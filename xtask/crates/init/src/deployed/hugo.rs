//! The settings of two tools that keep them in a file of their own: `[deployment]` of Hugo, and `.s3deploy.yml`.

use std::path::PathBuf;

use super::tree::Node;
use super::{Headers, Place, Reading, globs};

/// https://gohugo.io/configuration/deployment/
pub fn read(file: &str, tree: &Node, is_deployment: bool) -> Reading {
    let mut reading = Reading::default();
    let deployment = if is_deployment { Some(tree) } else { tree.get("deployment") };
    let Some(deployment) = deployment else { return reading };
    let get = |node: &'_ Node, key: &str| text(node, key);
    let folder = get(tree, "publishDir").filter(|folder| !folder.starts_with(['/', '.']));
    let folder = PathBuf::from(folder.as_deref().unwrap_or("public"));
    let headers = matchers(file, deployment, &mut reading.notes);
    let targets = entry(deployment, "targets").map_or(&[][..], Node::items);
    for target in targets {
        let url = get(target, "URL").unwrap_or_default();
        let Some(rest) = url.strip_prefix("s3://") else {
            if !url.is_empty() {
                let scheme = url.split("://").next().unwrap_or_default();
                reading
                    .notes
                    .push(format!("{file}:{}: a target is in `{scheme}`, not in S3", target.line));
            }
            continue;
        };
        let (bucket, query) = rest.split_once('?').unwrap_or((rest, ""));
        let query = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).map(|(_, value)| decoded(value)).next()
        };
        let keep = get(target, "exclude").map(|exclude| excluded(&exclude)).unwrap_or_default();
        if get(target, "include").is_some() {
            reading.notes.push(format!("{file}:{}: `include` sends only some files", target.line));
        }
        reading.places.push(Place {
            file: PathBuf::from(file),
            line: target.line,
            name: get(target, "name"),
            folder: Some(folder.clone()),
            bucket: bucket.trim_end_matches('/').to_owned(),
            prefix: query("prefix")
                .map_or(String::new(), |prefix| format!("{}/", prefix.trim_matches('/'))),
            region: query("region").or_else(|| query("awssdk_region")),
            endpoint: query("endpoint"),
            credentials: query("profile").map(super::Credentials::Profile),
            keep,
            headers: headers.clone(),
            distribution: get(target, "cloudFrontDistributionID"),
            ..Place::default()
        });
    }
    reading
}

/// A glob of Hugo, or several in braces.
fn excluded(glob: &str) -> Vec<String> {
    let list = glob.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let list = list.filter(|list| !list.contains(['{', '}']));
    let all: Vec<&str> = list.map_or_else(|| vec![glob], |list| list.split(',').collect());
    let exact = |glob: &str| globs::of_branch(glob, false).unwrap_or(vec![glob.to_owned()]);
    all.into_iter().flat_map(exact).collect()
}

/// The first matcher of a file decides in Hugo, and the last rule in `deploy.toml`.
fn matchers(file: &str, deployment: &Node, notes: &mut Vec<String>) -> Vec<Headers> {
    let matchers = entry(deployment, "matchers").map_or(&[][..], Node::items);
    let rules = matchers.iter().rev().flat_map(|matcher| {
        let names = [
            ("cacheControl", "cache-control"),
            ("contentType", "content-type"),
            ("contentEncoding", "content-encoding"),
        ];
        let values =
            names.iter().filter_map(|(key, name)| Some(((*name).to_owned(), text(matcher, key)?)));
        let pattern = text(matcher, "pattern").unwrap_or_default();
        rules(file, matcher, &pattern, values.collect(), notes)
    });
    rules.collect()
}

/// https://github.com/bep/s3deploy#routes
pub fn s3deploy(file: &str, tree: &Node) -> (Vec<Headers>, Vec<String>) {
    let mut notes = Vec::new();
    let routes = tree.get("routes").map_or(&[][..], Node::items);
    let rules = routes.iter().rev().flat_map(|route| {
        let headers = route.get("headers").map_or(&[][..], Node::entries);
        let values = headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_lowercase(), value.text()?.to_owned())));
        let pattern = text(route, "route").unwrap_or_default();
        rules(file, route, &pattern, values.collect(), &mut notes)
    });
    let rules = rules.collect();
    (rules, notes)
}

/// A rule for each glob that an expression becomes.
fn rules(
    file: &str,
    node: &Node,
    pattern: &str,
    values: Vec<(String, String)>,
    notes: &mut Vec<String>,
) -> Vec<Headers> {
    if text(node, "gzip").as_deref() == Some("true") {
        notes.push(format!(
            "{file}:{}: `gzip` compresses the files of `{pattern}`, which this tool does not",
            node.line
        ));
    }
    if values.is_empty() {
        return Vec::new();
    }
    let Some(globs) = globs::of_regex(pattern, false) else {
        notes.push(format!(
            "{file}:{}: the expression `{pattern}` cannot be written as a glob",
            node.line
        ));
        return Vec::new();
    };
    globs.into_iter().map(|glob| Headers { glob, values: values.clone() }).collect()
}

/// Hugo does not mind the case of keys.
fn entry<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.entries().iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, node)| node)
}

fn text(node: &Node, key: &str) -> Option<String> {
    let text = entry(node, key)?.text()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// `%2F` in a query.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .filter(u8::is_ascii)
        {
            Some(byte) => {
                decoded.push(char::from(byte));
                decoded.push_str(&part[2..]);
            }
            None => {
                decoded.push('%');
                decoded.push_str(part);
            }
        }
    }
    decoded
}
