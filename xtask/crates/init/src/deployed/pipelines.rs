//! Bitbucket Pipelines, Travis CI and AWS CodeBuild.

use super::script::{ACCESS_KEY_ID, Job, Role, SECRET_ACCESS_KEY, Script, Value};
use super::tree::Node;
use super::{branches, upload, words};

const DEEPEST: usize = 5;

/// https://support.atlassian.com/bitbucket-cloud/docs/bitbucket-pipelines-configuration-reference/
pub fn bitbucket(script: &mut Script<'_>, tree: &Node) {
    let Some(pipelines) = tree.get("pipelines") else { return };
    let start = script.job.clone();
    for (kind, pipeline) in pipelines.entries() {
        match kind.as_str() {
            "default" => steps(script, pipeline, &start, 0),
            "branches" => {
                for (branch, list) in pipeline.entries() {
                    script.job = start.clone();
                    let names = braces(branch);
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    script.set_branches(branches::of_list(&names, true));
                    let job = Job { name: Some(branch.clone()), ..script.job.clone() };
                    steps(script, list, &job, 0);
                }
            }
            "custom" => {
                for (name, list) in pipeline.entries() {
                    let job = Job { name: Some(name.clone()), ..start.clone() };
                    steps(script, list, &job, 0);
                }
            }
            _ => {}
        }
    }
}

/// `{main,staging}` is a list.
fn braces(pattern: &str) -> Vec<String> {
    let inside = pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let names = inside.unwrap_or(pattern).split(if inside.is_some() { ',' } else { '\0' });
    names.map(|name| name.trim().to_owned()).collect()
}

fn steps(script: &mut Script<'_>, list: &Node, job: &Job, depth: usize) {
    for item in list.items().iter().filter(|_| depth < DEEPEST) {
        for (kind, step) in item.entries() {
            match kind.as_str() {
                "step" => one_step(script, step, job),
                "parallel" | "stage" => {
                    steps(script, step.get("steps").unwrap_or(step), job, depth + 1);
                }
                _ => {}
            }
        }
    }
}

fn one_step(script: &mut Script<'_>, step: &Node, job: &Job) {
    script.job = job.clone();
    let name = step.text_of("deployment").or_else(|| step.text_of("name"));
    script.job.name = name.map(str::to_owned).or(script.job.name.take());
    for item in step.get("script").map_or(&[][..], Node::items) {
        match (item.source(), item.text_of("pipe")) {
            (Some(source), _) => _ = script.run(source),
            (None, Some(pipe)) => one_pipe(script, pipe, item),
            _ => {}
        }
    }
}

/// https://bitbucket.org/atlassian/aws-s3-deploy and https://bitbucket.org/atlassian/aws-cloudfront-invalidate
fn one_pipe(script: &mut Script<'_>, pipe: &str, item: &Node) {
    let before = script.job.clone();
    script.set(item.get("variables"));
    script.line = item.line;
    let name = pipe.split(':').next().unwrap_or_default();
    match name.trim_start_matches("docker://").rsplit('/').next().unwrap_or_default() {
        "aws-s3-deploy" => {
            if let Some(role) = item.at(&["variables", "AWS_OIDC_ROLE_ARN"]).and_then(Node::text) {
                let role = script.text(role);
                script.job.role =
                    role.known().map_or(Role::Unknown, |arn| Role::Arn(arn.to_owned()));
            }
            let mut text = "aws s3 sync \"$LOCAL_PATH\" \"s3://$S3_BUCKET\"".to_owned();
            let options = ["ACL", "CACHE_CONTROL", "CONTENT_ENCODING", "EXPIRES"];
            for option in options.iter().filter(|name| script.job.variables.contains_key(**name)) {
                let name = option.to_lowercase().replace('_', "-");
                text.push_str(&format!(" --{name} \"${option}\""));
            }
            if script.job.variables.contains_key("EXTRA_ARGS") {
                text.push_str(" $EXTRA_ARGS");
            }
            script.run_alone(words::Source { text: &text, line: item.line, is_literal: false });
        }
        "aws-cloudfront-invalidate" => {
            if let Some(id) = script.variable("DISTRIBUTION_ID").map(str::to_owned) {
                upload::distribution(script, &id);
            }
        }
        _ => {}
    }
    script.job = before;
}

/// https://docs.travis-ci.com/user/deployment-v2/providers/s3/
pub fn travis(script: &mut Script<'_>, tree: &Node) {
    let env = tree.get("env");
    let global = env.and_then(|env| env.get("global")).or(env);
    for item in global.map_or(&[][..], Node::items) {
        match item.text() {
            Some(text) => {
                let text = format!("export {text}");
                script.run(words::Source { text: &text, line: item.line, is_literal: false });
            }
            None => script.set(Some(item)),
        }
    }
    if let Some(only) = tree.at(&["branches", "only"]) {
        script.set_branches(branches::of_list(&only.texts(), false));
    }
    let job = script.job.clone();
    for section in ["before_script", "script", "after_success", "after_script", "before_deploy"] {
        for source in tree.get(section).map_or(&[][..], Node::items).iter().filter_map(Node::source)
        {
            script.run(source);
        }
    }
    for deploy in tree.get("deploy").map_or(&[][..], Node::items) {
        script.job = job.clone();
        // YAML 1.1 takes `on` for a boolean, and so do some who write it.
        if let Some(only) =
            deploy.get("on").or_else(|| deploy.get("true")).and_then(|on| on.get("branch"))
        {
            script.set_branches(branches::of_list(&only.texts(), false));
        }
        match deploy.text_of("provider") {
            Some("s3") => s3(script, deploy),
            Some("script") => script.run_each(deploy.get("script")),
            _ => {}
        }
    }
    script.job = job;
    script.run_each(tree.get("after_deploy"));
}

fn s3(script: &mut Script<'_>, deploy: &Node) {
    let option = |name: &str| deploy.get(name).or_else(|| deploy.get(&name.replace('_', "-")));
    let text = |name: &str| option(name).and_then(Node::text);
    for (name, variable) in
        [("access_key_id", ACCESS_KEY_ID), ("secret_access_key", SECRET_ACCESS_KEY)]
    {
        let Some(node) = option(name) else { continue };
        let value = match node.text() {
            Some(text) => script.value(&words::word(text)),
            // `secure:` is encrypted for Travis alone.
            None => Value::Outside { name: String::new(), written: "secure".to_owned() },
        };
        script.job.variables.insert(variable.to_owned(), value);
    }
    let folder = text("local_dir").unwrap_or(".");
    let bucket = text("bucket").unwrap_or_default();
    let below = text("upload_dir").map_or(String::new(), |below| format!("/{below}"));
    let mut command = format!("aws s3 sync \"{folder}\" \"s3://{bucket}{below}\"");
    let options = [
        ("region", "region"),
        ("endpoint", "endpoint-url"),
        ("cache_control", "cache-control"),
        ("acl", "acl"),
    ];
    for (name, option) in options {
        if let Some(value) = text(name) {
            // Its names of ACLs have underscores.
            let value = if name == "acl" { value.replace('_', "-") } else { value.to_owned() };
            command.push_str(&format!(" --{option} \"{value}\""));
        }
    }
    if text("server_side_encryption") == Some("true") {
        command.push_str(" --sse");
    }
    let line = option("bucket").map_or(deploy.line, |node| node.line);
    script.run_alone(words::Source { text: &command, line, is_literal: false });
}

/// https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
pub fn codebuild(script: &mut Script<'_>, tree: &Node) {
    script.set(tree.at(&["env", "variables"]));
    for kind in ["parameter-store", "secrets-manager"] {
        for (name, _) in tree.at(&["env", kind]).map_or(&[][..], Node::entries) {
            let written = format!("${name}");
            let value = Value::Outside { name: name.clone(), written };
            script.job.variables.insert(name.clone(), value);
        }
    }
    // It signs with the role of the project, unless the file sets keys.
    if !script.job.variables.contains_key(ACCESS_KEY_ID) {
        script.job.role = Role::Unknown;
    }
    for phase in ["install", "pre_build", "build", "post_build"] {
        for key in ["commands", "finally"] {
            let list = tree.at(&["phases", phase, key]).map_or(&[][..], Node::items);
            for source in list.iter().filter_map(Node::source) {
                script.run(source);
            }
        }
    }
}
