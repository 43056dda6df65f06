//! GitLab CI: <https://docs.gitlab.com/ci/yaml/>

use super::branches;
use super::github::{ENVIRONMENT, NEEDS};
use super::script::{Job, Script};
use super::tree::{Node, Value};

/// How many templates a job may extend, one after another, and how deep its lists may be.
const DEEPEST: usize = 10;
/// Keys of the file that are no jobs.
const SETTINGS: &[&str] = &[
    "cache",
    "default",
    "image",
    "include",
    "services",
    "spec",
    "stages",
    "variables",
    "workflow",
];

pub fn read(script: &mut Script<'_>, tree: &Node) {
    script.set(tree.get("variables"));
    let all = script.job.clone();
    for (name, job) in tree.entries() {
        if SETTINGS.contains(&name.as_str()) || name.starts_with('.') || job.entries().is_empty() {
            continue;
        }
        script.job = Job { name: Some(name.clone()), ..all.clone() };
        one_job(script, tree, job);
    }
}

fn one_job(script: &mut Script<'_>, tree: &Node, job: &Node) {
    for template in templates(tree, job, 0).iter().rev() {
        script.set(template.get("variables"));
    }
    script.set(job.get("variables"));
    let get = |key: &str| {
        job.get(key).or_else(|| templates(tree, job, 0).into_iter().find_map(|t| t.get(key)))
    };
    if let Some(environment) = get("environment") {
        let name = environment.text().or_else(|| environment.text_of("name"));
        let name = name.and_then(|name| script.text(name).known().map(str::to_owned));
        script.job.name = name.or(script.job.name.take());
        let url = environment.text_of("url").map(|url| script.text(url));
        script.job.url = url.and_then(|url| url.known().map(str::to_owned));
    }
    if let Some(rules) = get("rules") {
        of_rules(script, rules);
    } else if let Some(only) = get("only") {
        of_only(script, only);
    } else if let Some(except) = get("except") {
        let names = except.get("refs").unwrap_or(except).texts();
        if names.iter().any(|name| !matches!(*name, "tags" | "schedules" | "merge_requests")) {
            script.set_branches(None);
        }
    }
    let sends = script.sends;
    let before = get("before_script").or_else(|| tree.at(&["default", "before_script"]));
    // One shell runs both lists.
    for list in [before.or_else(|| tree.get("before_script")), get("script")] {
        run(script, tree, list, 0);
    }
    let after = get("after_script").map(|list| (list, script.job.folder.take()));
    if let Some((list, _)) = after {
        script.job.folder = Some(Default::default());
        run(script, tree, Some(list), 0);
    }
    script.lost(sends, &[(ENVIRONMENT, get("environment")), (NEEDS, get("needs"))]);
}

/// What a job extends, the nearest first. A later item of `extends` wins.
fn templates<'a>(tree: &'a Node, job: &'a Node, depth: usize) -> Vec<&'a Node> {
    let names = job.get("extends").map(Node::texts).unwrap_or_default();
    let found = names.into_iter().rev().take(DEEPEST).filter_map(|name| tree.get(name));
    let mut all = Vec::new();
    for template in found.filter(|_| depth < DEEPEST) {
        all.push(template);
        // Two templates that extend each other twice would be walked a thousand times.
        if all.len() < DEEPEST {
            all.extend(templates(tree, template, depth + 1).into_iter().take(DEEPEST));
        }
    }
    all.truncate(DEEPEST);
    all
}

/// A list may have lists in it, from anchors, and references to lists of other jobs.
fn run(script: &mut Script<'_>, tree: &Node, list: Option<&Node>, depth: usize) {
    for item in list.into_iter().flat_map(Node::items).filter(|_| depth < DEEPEST) {
        if let Some(source) = item.source() {
            script.run(source);
        } else if let Some(path) = item.get("!reference") {
            run(script, tree, tree.at(&path.texts()), depth + 1);
        } else if matches!(item.value, Value::List(_)) {
            run(script, tree, Some(item), depth + 1);
        }
    }
}

/// https://docs.gitlab.com/ci/yaml/deprecated_keywords/#only--except
fn of_only(script: &mut Script<'_>, only: &Node) {
    let refs = only.get("refs").unwrap_or(only);
    // Keywords that are no names of branches.
    let keywords = [
        "api",
        "chat",
        "external",
        "merge_requests",
        "pipelines",
        "pushes",
        "schedules",
        "tags",
        "triggers",
        "web",
    ];
    let names: Vec<&str> =
        refs.texts().into_iter().filter(|name| !keywords.contains(name)).collect();
    if names.contains(&"branches")
        || (names.is_empty() && only.get("refs").is_none() && only.get("variables").is_some())
    {
        return;
    }
    let names: Vec<&str> =
        names.iter().map(|name| name.split('@').next().unwrap_or_default()).collect();
    let found = branches::of_list(&names, false).filter(|found| !found.is_empty());
    script.set_branches(found);
}

/// https://docs.gitlab.com/ci/yaml/#rules
fn of_rules(script: &mut Script<'_>, rules: &Node) {
    let default = script.repository.default_branch.clone();
    let mut found = Vec::new();
    for rule in rules.items().iter().filter(|rule| rule.text_of("when") != Some("never")) {
        let Some(condition) = rule.text_of("if") else { return };
        match branches::of_condition(condition, default.as_deref()) {
            Some(branches) => found.extend(branches),
            None => return script.set_branches(None),
        }
    }
    let found = (!found.is_empty()).then_some(found);
    script.set_branches(found);
}
