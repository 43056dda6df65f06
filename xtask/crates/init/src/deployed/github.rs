//! GitHub Actions: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax>

use super::script::{
    ACCESS_KEY_ID, Condition, Job, Profile, Role, SECRET_ACCESS_KEY, Script, Setup,
};
use super::tree::Node;
use super::{branches, upload, words};

/// Of GitHub and GitLab.
pub const ENVIRONMENT: &str = "the job names the environment {}: a job in a new CI file has its secrets and rules only if it names it too";
pub const NEEDS: &str = "the job waits for {}: a job in a new CI file does not";

pub fn read(script: &mut Script<'_>, tree: &Node) {
    script.set(tree.get("env"));
    if let Some(push) = tree.at(&["on", "push"]) {
        if let Some(only) = push.get("branches") {
            script.set_branches(branches::of_list(&only.texts(), true));
        } else if push.get("branches-ignore").is_some() {
            script.set_branches(None);
        }
    }
    let workflow = script.job.clone();
    for (name, job) in tree.get("jobs").map_or(&[][..], Node::entries) {
        script.job = Job { name: Some(name.clone()), ..workflow.clone() };
        start(script, job, tree);
        let sends = script.sends;
        for step in job.get("steps").map_or(&[][..], Node::items) {
            one_step(script, step);
        }
        script.lost(sends, &[(ENVIRONMENT, job.get("environment")), (NEEDS, job.get("needs"))]);
    }
}

/// Before the first step of a job.
fn start(script: &mut Script<'_>, job: &Node, tree: &Node) {
    condition(script, job);
    let environment = job.get("environment");
    let name = environment.and_then(|node| node.text().or_else(|| node.text_of("name")));
    if let Some(name) = name.and_then(|name| script.text(name).known().map(str::to_owned)) {
        script.job.name = Some(name);
    }
    let url = environment.and_then(|node| node.text_of("url")).map(|url| script.text(url));
    script.job.url = url.and_then(|url| url.known().map(str::to_owned));
    script.set(job.get("env"));
    let folder = [job, tree]
        .iter()
        .find_map(|node| node.at(&["defaults", "run"])?.text_of("working-directory"));
    change_folder(script, folder);
}

fn condition(script: &mut Script<'_>, node: &Node) {
    if let Some(condition) = node.get("if") {
        let default = script.repository.default_branch.as_deref();
        let found = branches::of_condition(condition.text().unwrap_or_default(), default);
        script.set_branches(found);
    }
}

fn change_folder(script: &mut Script<'_>, folder: Option<&str>) {
    if let Some(folder) = folder {
        let folder = script.text(folder);
        script.job.folder = folder.known().and_then(|folder| script.folder(folder));
    }
}

/// Steps share what an action sets up, and nothing of their own.
fn one_step(script: &mut Script<'_>, step: &Node) {
    let before = script.job.clone();
    condition(script, step);
    let default = script.repository.default_branch.as_deref();
    let written = step.text_of("if").map(|text| Condition::new(text, default));
    script.job.setups.condition = written.unwrap_or_default();
    script.begin_step();
    let known = script.job.profiles.clone();
    script.set(step.get("env"));
    let mut exported = Vec::new();
    if let Some(source) = step.get("run").and_then(Node::source) {
        change_folder(script, step.text_of("working-directory"));
        exported = script.run(source);
    }
    let uses = step.text_of("uses").unwrap_or_default().to_lowercase();
    let uses = uses.split('@').next().unwrap_or_default();
    let line = step.get("uses").map_or(step.line, |node| node.line);
    let with = step.get("with");
    match uses {
        "aws-actions/configure-aws-credentials" => {
            let setup = with.map(|with| configure(script, with, line));
            script.job = before;
            return setup.map_or((), |setup| script.add_setup(setup));
        }
        "jakejarvis/s3-sync-action" => sync_action(script, with, line),
        _ if uses.contains("cloudfront") => {
            let names = ["distribution", "distribution-id", "distribution_id", "dist-id"];
            let id = with.and_then(|with| option(script, with, &names));
            let id = id.or_else(|| script.variable("DISTRIBUTION").map(str::to_owned));
            script.line = line;
            if let Some(id) = id {
                upload::distribution(script, &id);
            }
        }
        _ if uses.contains("s3") => with.map_or((), |with| other_action(script, uses, with, line)),
        _ => {}
    }
    // Profiles that a step writes are there for the next one.
    let profiles = std::mem::take(&mut script.job.profiles);
    let condition = std::mem::take(&mut script.job.setups.condition);
    script.job = before;
    let variables = exported.into_iter().map(|(name, value)| (name, Some(value))).collect();
    let is_new = |(name, profile): &(String, Profile)| known.get(name) != Some(profile);
    let profiles = profiles.into_iter().filter(is_new).collect();
    let place = script.place(line);
    script.add_setup(Setup { condition, variables, role: None, profiles, place });
}

/// https://github.com/aws-actions/configure-aws-credentials
fn configure(script: &Script<'_>, with: &Node, line: usize) -> Setup {
    let condition = script.job.setups.condition.clone();
    let mut setup = Setup { condition, place: script.place(line), ..Setup::default() };
    for (option, name) in [
        ("aws-region", "AWS_REGION"),
        ("aws-access-key-id", ACCESS_KEY_ID),
        ("aws-secret-access-key", SECRET_ACCESS_KEY),
    ] {
        if let Some(text) = with.text_of(option) {
            setup.variables.insert(name.to_owned(), Some(script.value(&words::word(text))));
        }
    }
    if let Some(role) = with.text_of("role-to-assume") {
        let role = script.text(role);
        setup.role = Some(role.known().map_or(Role::Unknown, |arn| Role::Arn(arn.to_owned())));
        // The keys only assume the role.
        setup.variables.insert(ACCESS_KEY_ID.to_owned(), None);
        setup.variables.insert(SECRET_ACCESS_KEY.to_owned(), None);
    } else if with.get("aws-access-key-id").is_some() {
        setup.role = Some(Role::No);
    }
    setup
}

/// https://github.com/jakejarvis/s3-sync-action#configuration
fn sync_action(script: &mut Script<'_>, with: Option<&Node>, line: usize) {
    let is_set = |name: &str| script.job.variables.contains_key(name);
    let folder = if is_set("SOURCE_DIR") { "$SOURCE_DIR" } else { "." };
    let below = if is_set("DEST_DIR") { "/$DEST_DIR" } else { "" };
    let endpoint =
        if is_set("AWS_S3_ENDPOINT") { "--endpoint-url \"$AWS_S3_ENDPOINT\"" } else { "" };
    let args =
        with.and_then(|with| with.text_of("args")).unwrap_or_default().replace(['\n', '\\'], " ");
    let text = format!("aws s3 sync \"{folder}\" \"s3://$AWS_S3_BUCKET{below}\" {endpoint} {args}");
    script.run_alone(words::Source { text: &text, line, is_literal: false });
}

/// Another action, whose options have one of the usual names, such as
/// https://github.com/Reggionick/s3-deploy#inputs
fn other_action(script: &mut Script<'_>, uses: &str, with: &Node, line: usize) {
    let written = |names: &[&str]| names.iter().find_map(|name| with.text_of(name));
    let bucket = [
        "bucket",
        "aws_bucket",
        "aws-bucket",
        "s3-bucket",
        "s3_bucket",
        "bucket-name",
        "bucket_name",
    ];
    let folder =
        ["folder", "source_dir", "source-dir", "local-folder", "local_path", "source", "path"];
    let below = ["destination_dir", "dest-dir", "dest_dir", "prefix", "s3-prefix"];
    let region = ["bucket-region", "aws_region", "aws-region", "region"];
    let id = ["aws_key_id", "aws-access-key-id", "aws_access_key_id"];
    let secret = ["aws_secret_access_key", "aws-secret-access-key"];
    let (Some(bucket), Some(folder)) = (written(&bucket), written(&folder)) else {
        return script.note(
            line,
            &format!("the action `{uses}` may send files to a bucket, and is not known here"),
        );
    };
    let below = written(&below).map_or(String::new(), |below| format!("/{below}"));
    for (name, text) in [
        ("AWS_REGION", written(&region)),
        (ACCESS_KEY_ID, written(&id)),
        (SECRET_ACCESS_KEY, written(&secret)),
    ] {
        if let Some(text) = text {
            let value = script.value(&words::word(text));
            script.job.variables.insert(name.to_owned(), value);
        }
    }
    let text = format!("aws s3 sync \"{folder}\" \"s3://{bucket}{below}\"");
    script.run_alone(words::Source { text: &text, line, is_literal: false });
    let names = ["dist-id", "distribution-id", "distribution", "cloudfront-distribution-id"];
    if let Some(id) = option(script, with, &names) {
        upload::distribution(script, &id);
    }
}

/// The first of these options, if its value is known.
fn option(script: &Script<'_>, with: &Node, names: &[&str]) -> Option<String> {
    let text = names.iter().find_map(|name| with.text_of(name))?;
    script.text(text).known().map(str::to_owned)
}
