//! Runs the generator. It is somebody else's program, with plugins of somebody else's, so it sees no
//! credential: neither AWS's own variables, nor those that an environment names, nor the tokens that CI
//! gives a job to assume roles with.

use std::io::{BufRead, BufReader, PipeReader};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use xshell::Shell;

use crate::checkout;
use crate::config::Config;
use crate::error::{Failure, Result, failed};
use crate::event::{Event, Tell};

/// Builds the site into its output folder, which is emptied first where git ignores it, so that nothing
/// stale is deployed. `root` is the git work tree. Dropping the future ends the generator.
pub async fn run(config: &Config, root: &Path, tell: &Tell) -> Result<()> {
    let Some((program, arguments)) = config.command.split_first() else {
        return Ok(check_inside(config)?);
    };
    check_inside(config)?;
    empty(config, root)?;
    let shown = config.command.join(" ");
    tell.tell(Event::Building(shown.clone()));
    let ended = generate(config, program, arguments, tell).await;
    tell.tell(Event::Built);
    let status = ended.map_err(|error| {
        failed(format!("failed to run `{shown}`"))
            .because(&error)
            .hint(format!("is `{program}` installed, and on the PATH?"))
    })?;
    if !status.success() {
        return Err(failed(format!("the build failed: `{shown}` ended with {}", outcome(status)))
            .hint(format!("run it by hand in `{}`; nothing was deployed", config.site.display()))
            .into());
    }
    Ok(check_inside(config)?)
}

async fn generate(
    config: &Config,
    program: &str,
    arguments: &[String],
    tell: &Tell,
) -> std::io::Result<ExitStatus> {
    let (output, for_stdout) = std::io::pipe()?;
    let for_stderr = for_stdout.try_clone()?;
    let mut command = command(config, program, arguments)?;
    command.stdin(std::process::Stdio::null()).stdout(for_stdout).stderr(for_stderr);
    let mut command = tokio::process::Command::from(command);
    let mut child = command.kill_on_drop(true).spawn()?;
    // The command holds the pipe's writing ends, and the pipe ends with the last of them.
    drop(command);
    let listener = tell.clone();
    let printed = tokio::task::spawn_blocking(move || repeat(output, &listener));
    let status = wait(&mut child, tell).await?;
    printed.await.map_err(std::io::Error::other)?;
    Ok(status)
}

async fn wait(child: &mut tokio::process::Child, tell: &Tell) -> std::io::Result<ExitStatus> {
    let started = Instant::now();
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            status = child.wait() => return status,
            _ = seconds.tick() => tell.tell(Event::BuildingFor { seconds: started.elapsed().as_secs() }),
        }
    }
}

/// The command in the site's folder, without any credential in its environment.
fn command(config: &Config, program: &str, arguments: &[String]) -> std::io::Result<Command> {
    let sh = Shell::new().map_err(std::io::Error::other)?;
    sh.change_dir(&config.site);
    // A path such as `./build.sh` is meant from the site's folder; a bare name is looked up.
    let program = match program.contains(std::path::is_separator) {
        true => config.site.join(program),
        false => program.into(),
    };
    let mut cmd = sh.cmd(program).args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| is_credential(config, name)) {
            cmd = cmd.env_remove(name);
        }
    }
    Ok(Command::from(cmd))
}

/// GitHub's `ACTIONS_ID_TOKEN_*` and the `*_OIDC_TOKEN*` of CircleCI, Bitbucket and others can be
/// exchanged for a role's credentials, so they are credentials.
fn is_credential(config: &Config, name: &str) -> bool {
    name.starts_with("AWS_")
        || name.starts_with("ACTIONS_ID_TOKEN_")
        || name.contains("_OIDC_TOKEN")
        || name.starts_with("CI_JOB_JWT")
        || config.environments.iter().any(|environment| environment.variables().contains(&name))
}

/// Tells each line as it comes, standard output and standard error in the order in which they were
/// written. Bytes that are not UTF-8 are shown as such rather than lost.
fn repeat(output: PipeReader, tell: &Tell) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line);
        tell.tell(Event::Said(text.trim_end_matches(['\n', '\r']).to_owned()));
        line.clear();
    }
}

/// The output must stay inside the site's folder also where a link stands in its way: it is emptied, and
/// its files are published.
fn check_inside(config: &Config) -> Result<(), Failure> {
    let output = config.output_folder();
    let (Ok(site), Ok(resolved)) = (config.site.canonicalize(), output.canonicalize()) else {
        // What does not exist yet leads nowhere.
        return Ok(());
    };
    if resolved.starts_with(&site) && resolved != site {
        return Ok(());
    }
    Err(failed(format!("`{}` leads out of the site's folder", output.display()))
        .because_of_path(&resolved)
        .hint("let `output` in deploy.toml name a folder inside the site's folder"))
}

fn empty(config: &Config, root: &Path) -> Result<(), Failure> {
    let output = config.output_folder();
    if !output.is_dir() || !checkout::is_ignored(root, &output)? {
        return Ok(());
    }
    let cannot = |error: std::io::Error| {
        failed(format!("failed to empty `{}`", output.display())).because(&error)
    };
    for entry in std::fs::read_dir(&output).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        match entry.file_type().map_err(cannot)?.is_dir() {
            true => std::fs::remove_dir_all(entry.path()),
            false => std::fs::remove_file(entry.path()),
        }
        .map_err(cannot)?;
    }
    Ok(())
}

fn outcome(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}
