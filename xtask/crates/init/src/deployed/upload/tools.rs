//! The other tools that send files to a bucket.

use super::aws::{address, as_prefix, encryption, filters, headers};
use super::options::{Options, Takes};
use super::{ACCESS_KEY_ID, Arg, Pass, Place, SECRET_ACCESS_KEY, Script, Sent, as_value, record};

/// Records what a tool sends that takes keys as options.
fn record_with_keys(script: &mut Script<'_>, keys: [Option<&Arg>; 2], sent: Sent<'_>) {
    let before = script.job.variables.clone();
    for (name, key) in [ACCESS_KEY_ID, SECRET_ACCESS_KEY].into_iter().zip(keys) {
        script.job.variables.extend(key.map(|key| (name.to_owned(), as_value(key))));
    }
    record(script, sent);
    script.job.variables = before;
}

/// https://s3tools.org/usage
pub fn s3cmd(script: &mut Script<'_>, args: &[Arg]) {
    let takes = Takes::Only(&[
        "c",
        "config",
        "exclude",
        "include",
        "rexclude",
        "rinclude",
        "exclude-from",
        "add-header",
        "region",
        "host",
        "host-bucket",
        "access_key",
        "secret_key",
        "m",
        "mime-type",
        "storage-class",
        "acl-grant",
    ]);
    let options = Options::of(args, takes);
    let words: Vec<&str> = options.others.iter().map(|arg| arg.text.as_str()).collect();
    let is_upload = matches!(words.as_slice(), ["sync" | "put", ..]);
    if !is_upload || words.len() < 3 || options.has("n") || options.has("dry-run") {
        return;
    }
    let (source, destination) = (&options.others[1], &options.others[words.len() - 1]);
    let Some((bucket, key)) = address(script, "s3cmd sync", destination, source, &options) else {
        return;
    };
    let mut pass = Pass { filters: filters(script, &options), ..Pass::default() };
    for (_, header) in options.named.iter().filter(|(name, _)| name == "add-header") {
        let header = header.known().and_then(|header| header.split_once(':'));
        pass.headers.extend(
            header.map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned())),
        );
    }
    let host = options.value(script, "host");
    let is_public = options.has("P") || options.has("acl-public");
    let place = Place {
        region: options.value(script, "region"),
        endpoint: host
            .filter(|host| !host.contains("amazonaws.com"))
            .map(|host| format!("https://{host}")),
        acl: is_public.then(|| "public-read".to_owned()),
        ..Place::default()
    };
    let prefix = with_own_name(&as_prefix(&key), source);
    let source = source.clone();
    let sent = Sent { tool: "s3cmd sync", source, bucket, prefix, place, pass, ..Sent::default() };
    let keys = [options.get("access_key"), options.get("secret_key")];
    record_with_keys(script, keys, sent);
}

/// https://github.com/peak/s5cmd
pub fn s5cmd(script: &mut Script<'_>, args: &[Arg]) {
    let takes = Takes::Only(&[
        "endpoint-url",
        "profile",
        "acl",
        "cache-control",
        "expires",
        "exclude",
        "include",
        "sse",
        "sse-kms-key-id",
        "content-type",
        "content-encoding",
        "content-disposition",
        "destination-region",
        "source-region",
        "numworkers",
        "concurrency",
        "part-size",
        "storage-class",
        "log",
        "retry-count",
        "credentials-file",
        "metadata",
    ]);
    let options = Options::of(args, takes);
    let [command, source, destination] = options.others.as_slice() else { return };
    if !matches!(command.text.as_str(), "sync" | "cp") || source.text.starts_with("s3://") {
        return;
    }
    let Some((bucket, key)) = address(script, "s5cmd sync", destination, source, &options) else {
        return;
    };
    let pass = Pass {
        filters: filters(script, &options),
        headers: headers(script, &options),
        ..Pass::default()
    };
    let place = Place {
        region: options.value(script, "destination-region"),
        endpoint: options.value(script, "endpoint-url"),
        acl: options.value(script, "acl"),
        encryption: encryption(script, &options),
        ..Place::default()
    };
    let profile = options.value(script, "profile");
    let prefix = with_own_name(&as_prefix(&key), source);
    let source = source.clone();
    record(
        script,
        Sent {
            tool: "s5cmd sync",
            source,
            bucket,
            prefix,
            profile,
            place,
            pass,
            ..Sent::default()
        },
    );
}

/// A folder without a slash at its end is sent with its own name.
fn with_own_name(prefix: &str, source: &Arg) -> String {
    let name = source.text.rsplit('/').next().unwrap_or_default();
    if matches!(name, "" | "." | "*") { prefix.to_owned() } else { format!("{prefix}{name}/") }
}

pub fn rclone(script: &mut Script<'_>, args: &[Arg]) {
    let is_upload = args.first().is_some_and(|arg| matches!(arg.text.as_str(), "sync" | "copy"));
    let remote =
        args.iter().skip(1).rfind(|arg| !arg.text.starts_with('-') && arg.text.contains(':'));
    if let Some(remote) = remote.filter(|_| is_upload) {
        let line = script.line;
        let note = format!(
            "`rclone` sends files to `{}`, and the configuration of rclone says where that is",
            remote.text
        );
        script.note(line, &note);
    }
}

/// https://github.com/bep/s3deploy#flags
pub fn s3deploy(script: &mut Script<'_>, args: &[Arg]) {
    let takes = Takes::AllBut(&[
        "V",
        "force",
        "h",
        "public-access",
        "quiet",
        "try",
        "v",
        "strip-index-html",
    ]);
    let options = Options::of(args, takes);
    let Some(bucket) = options.get("bucket") else {
        let line = script.line;
        return script.note(line, "`s3deploy` is called without `-bucket`");
    };
    let mut destination =
        Arg { text: format!("s3://{}", bucket.text), missing: bucket.missing.clone() };
    if let Some(path) = options.get("path") {
        destination.text = format!("{}/{}", destination.text, path.text);
        destination.missing.extend(path.missing.clone());
    }
    let source = options.get("source").cloned();
    let source = source.unwrap_or_else(|| Arg { text: ".".to_owned(), ..Arg::default() });
    let Some((bucket, key)) = address(script, "s3deploy", &destination, &source, &options) else {
        return;
    };
    let prefix = as_prefix(&key);
    let place = Place {
        region: options.value(script, "region"),
        endpoint: options.value(script, "endpoint-url"),
        acl: options
            .has("public-access")
            .then(|| "public-read".to_owned())
            .or(options.value(script, "acl")),
        headers: script.repository.s3deploy.clone(),
        distribution: options.value(script, "distribution-id"),
        ..Place::default()
    };
    let pass = Pass::default();
    let sent = Sent { tool: "s3deploy", source, bucket, prefix, place, pass, ..Sent::default() };
    let keys = [options.get("key"), options.get("secret")];
    record_with_keys(script, keys, sent);
}

/// A target of Hugo's configuration: https://gohugo.io/host-and-deploy/deploy-with-hugo-deploy/
pub fn hugo(script: &mut Script<'_>, args: &[Arg]) {
    let takes = Takes::Only(&[
        "target",
        "source",
        "s",
        "environment",
        "e",
        "config",
        "workers",
        "maxDeletes",
    ]);
    let options = Options::of(args, takes);
    if options.has("dryRun") {
        return;
    }
    let name = options.value(script, "target");
    if options.has("target") && name.is_none() {
        return;
    }
    let mut targets = script.repository.hugo.iter();
    let target = targets.find(|target| name.is_none() || target.name == name).cloned();
    let Some(place) = target else {
        let line = script.line;
        let name = name.map_or("a target".to_owned(), |name| format!("the target `{name}`"));
        return script.note(
            line,
            &format!("`hugo deploy` needs {name}, which is not in Hugo's configuration"),
        );
    };
    let folder = place.folder.as_ref().map_or("public".into(), |folder| folder.to_string_lossy());
    let source = Arg { text: folder.into_owned(), ..Arg::default() };
    let (bucket, prefix) = (place.bucket.clone(), place.prefix.clone());
    let (tool, pass) = ("hugo deploy", Pass::default());
    let sent = Sent { tool, source, bucket, prefix, place, pass, ..Sent::default() };
    record(script, sent);
}
