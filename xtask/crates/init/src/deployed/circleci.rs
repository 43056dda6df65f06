//! CircleCI: `circle.yml` of version 1, and `.circleci/config.yml` of versions 2 and 2.1.

use super::github::NEEDS;
use super::script::{Job, Role, Script, Value};
use super::tree::Node;
use super::{branches, words};

/// How deep commands of the file may call each other.
const DEEPEST: usize = 5;

const CONTEXT: &str = "the job has variables of `context:` {}: a job in a new CI file has them only if it names it too";

/// `deployment:` with a section for each place. The pages about version 1 are gone; the guide from it to version 2
/// stays: https://circleci.com/docs/guides/migrate/migrating-from-circleci-1-0/
pub fn one(script: &mut Script<'_>, tree: &Node) {
    script.set(tree.at(&["machine", "environment"]));
    let job = script.job.clone();
    for section in ["dependencies", "compile", "test"] {
        for when in ["pre", "override", "post"] {
            commands(script, tree.at(&[section, when]));
        }
    }
    for (name, section) in tree.get("deployment").map_or(&[][..], Node::entries) {
        script.job = Job { name: Some(name.clone()), ..job.clone() };
        if let Some(branch) = section.get("branch") {
            script.set_branches(branches::of_list(&branch.texts(), true));
        }
        commands(script, section.get("commands"));
    }
}

/// Each is a text, or a mapping from the text to its options.
fn commands(script: &mut Script<'_>, list: Option<&Node>) {
    for item in list.into_iter().flat_map(Node::items) {
        match item.entries().first() {
            Some((text, _)) => {
                script.run_alone(words::Source { text, line: item.line, is_literal: false });
            }
            None => script.run_each(Some(item)),
        }
    }
}

/// https://circleci.com/docs/reference/configuration-reference/
pub fn two(script: &mut Script<'_>, tree: &Node) {
    let workflows = tree.get("workflows").map_or(&[][..], Node::entries);
    let mut used = 0;
    for (_, workflow) in workflows {
        for item in workflow.get("jobs").map_or(&[][..], Node::items) {
            let (name, options) = match item.entries().first() {
                Some((name, options)) => (name.as_str(), Some(options)),
                None => (item.text().unwrap_or_default(), None),
            };
            if let Some(job) = tree.at(&["jobs", name]) {
                used += 1;
                start(script, name, job, options);
                let sends = script.sends;
                steps(script, tree, job.get("steps"), 0);
                let get = |key: &str| options.and_then(|options| options.get(key));
                script.lost(sends, &[(CONTEXT, get("context")), (NEEDS, get("requires"))]);
            }
        }
    }
    if used == 0 {
        for (name, job) in tree.get("jobs").map_or(&[][..], Node::entries) {
            start(script, name, job, None);
            steps(script, tree, job.get("steps"), 0);
        }
    }
}

/// A job as a workflow uses it, before its first step.
fn start(script: &mut Script<'_>, name: &str, job: &Node, options: Option<&Node>) {
    let given = options.and_then(|options| options.text_of("name")).unwrap_or(name);
    script.job = Job { name: Some(given.to_owned()), ..Job::default() };
    parameters(script, job, options);
    script.set(job.get("environment"));
    let filter = options.and_then(|options| options.at(&["filters", "branches"]));
    let Some(filter) = filter.or_else(|| job.get("branches")) else { return };
    if let Some(only) = filter.get("only") {
        script.set_branches(branches::of_list(&only.texts(), true));
    } else if filter.get("ignore").is_some_and(|node| node.texts() != ["/.*/"]) {
        script.set_branches(None);
    }
}

/// The parameters of a job or a command: what the caller gives, or the default.
fn parameters(script: &mut Script<'_>, of: &Node, given: Option<&Node>) {
    let mut values = Vec::new();
    for (name, parameter) in of.get("parameters").map_or(&[][..], Node::entries) {
        let text = given.and_then(|given| given.text_of(name));
        if let Some(text) = text.or_else(|| parameter.text_of("default")) {
            values.push((format!("parameters.{name}"), script.value(&words::word(text))));
        }
    }
    script.job.variables.retain(|name, _| !name.starts_with("parameters."));
    script.job.variables.extend(values);
}

fn steps(script: &mut Script<'_>, tree: &Node, list: Option<&Node>, depth: usize) {
    for step in list.into_iter().flat_map(Node::items) {
        let name = step.text();
        let (name, options) = match step.entries().first() {
            Some((name, options)) => (name.as_str(), options),
            None => (name.unwrap_or_default(), step),
        };
        match name {
            "run" | "deploy" => run(script, options),
            "when" | "unless" if depth < DEEPEST => {
                steps(script, tree, options.get("steps"), depth + 1);
            }
            _ if name.starts_with("aws-s3/") => orb(script, options, name.ends_with("/sync")),
            _ if name.starts_with("aws-cli/") => set_up(script, options),
            _ => {
                let Some(command) = tree.at(&["commands", name]).filter(|_| depth < DEEPEST) else {
                    continue;
                };
                let before = script.job.variables.clone();
                parameters(script, command, Some(options));
                steps(script, tree, command.get("steps"), depth + 1);
                script.job.variables = before;
            }
        }
    }
}

/// `run: text`, or a mapping with `command`.
fn run(script: &mut Script<'_>, options: &Node) {
    let before = (script.job.variables.clone(), script.job.folder.clone());
    script.set(options.get("environment"));
    if let Some(folder) = options.text_of("working_directory").filter(|text| !text.starts_with('~'))
    {
        let folder = script.text(folder);
        script.job.folder = folder.known().and_then(|folder| script.folder(folder));
    }
    let command = options.get("command").unwrap_or(options);
    let exported = command.source().map(|source| script.run(source));
    (script.job.variables, script.job.folder) = before;
    script.job.variables.extend(exported.unwrap_or_default());
}

/// https://circleci.com/developer/orbs/orb/circleci/aws-s3
fn orb(script: &mut Script<'_>, options: &Node, is_sync: bool) {
    let (Some(from), Some(to)) = (options.text_of("from"), options.text_of("to")) else { return };
    let before = script.job.clone();
    set_up(script, options);
    let arguments =
        options.text_of("arguments").unwrap_or_default().replace("\\\n", " ").replace('\n', " ");
    let profile =
        ["profile", "profile-name", "profile_name"].iter().find_map(|name| options.text_of(name));
    let profile = profile.filter(|profile| *profile != "default");
    let profile = profile.map_or(String::new(), |profile| format!("--profile \"{profile}\""));
    let command = if is_sync { "sync" } else { "cp" };
    let text = format!("aws s3 {command} \"{from}\" \"{to}\" {arguments} {profile}");
    let line = options.line.saturating_sub(1).max(1);
    script.run_alone(words::Source { text: &text, line, is_literal: false });
    script.job = before;
}

/// The parameters of orbs that name variables: https://circleci.com/developer/orbs/orb/circleci/aws-cli
fn set_up(script: &mut Script<'_>, options: &Node) {
    // Later versions of the orb write underscores.
    let option =
        |name: &str| options.text_of(name).or_else(|| options.text_of(&name.replace('-', "_")));
    let named = |text: &str| Value::Outside {
        name: text.trim_matches(|c: char| "${}".contains(c)).to_owned(),
        written: text.to_owned(),
    };
    let keys = [option("aws-access-key-id"), option("aws-secret-access-key")];
    let profile = option("profile-name").filter(|profile| *profile != "default");
    let names = ["aws_access_key_id", "aws_secret_access_key"];
    for (name, key) in names.iter().zip(keys) {
        let Some(key) = key else { continue };
        match profile {
            Some(profile) => script.set_profile(profile, name, named(key)),
            None => _ = script.job.variables.insert(name.to_uppercase(), named(key)),
        }
    }
    if let Some(region) = option("region").or_else(|| option("aws-region")) {
        // Version 1 takes the name of a variable here.
        let is_name = region.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let value = if is_name { named(region) } else { script.value(&words::word(region)) };
        script.job.variables.insert("AWS_REGION".to_owned(), value);
    }
    if let Some(role) = option("role-arn") {
        let role = script.text(role);
        script.job.role = role.known().map_or(Role::Unknown, |arn| Role::Arn(arn.to_owned()));
    }
}
