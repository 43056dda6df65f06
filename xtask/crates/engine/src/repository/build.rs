//! Runs the generator. It is another author's program, so its environment holds no credentials, and the tool is careful
//! with it: it gets a process group, which ends with the deploy. Neither processes that it leaves running nor endless
//! output can hold up the deploy.

mod aside;
mod elsewhere;
mod environment;
mod last_lines;
mod missing;
mod output;
mod place;

use std::io::{BufRead, BufReader, ErrorKind, PipeReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, SystemTime};

use tokio::process::Child;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use xshell::Shell;

use crate::base::error::{Failure, Result, failed};
use crate::base::event::{Amount, Event, Stage, Tell};
use crate::base::hint::{Hint, Part};
use crate::repository::checkout;
use crate::repository::config::Config;

pub use aside::{Aside, settle};
use elsewhere::Files;
use environment::Changes;
use last_lines::LastLines;
pub use output::Content;
pub use place::check_declared;
pub use place::check_inside;

/// A line is reported in pieces of this many bytes, so that an endless line does not fill the memory.
const LONGEST_PIECE: u64 = 64 * 1024;

/// How many pieces may wait to be reported before the generator has to wait.
const PIECES: usize = 16;

/// How long to wait for the rest of the output once the generator has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Builds the site into its output folder. If git ignores that folder, it is emptied first, so that nothing stale is
/// deployed. `root` is the git work tree; `variables` are added to the generator's environment. If the future is
/// dropped, the generator and the processes that it started end. Returns what the output held before. It is put back if
/// the build wrote nothing there, so hold it until the output is read.
pub async fn run(
    config: &Config,
    root: &Path,
    variables: &[(&str, String)],
    content: Content,
    tell: &Tell,
) -> Result<Aside> {
    let Some((program, arguments)) = config.command.split_first() else {
        check_inside(config, root)?;
        return Ok(Aside::default());
    };
    check_inside(config, root)?;
    let mut aside = output::empty(config, root, content, tell)?;
    let before = Files::of(&config.output_folder());
    let shown = config.command.join(" ");
    tell.tell(Event::Began(Stage::Build, Amount::default(), shown.clone()));
    let changes = environment::changes(config, &std::env::vars_os().collect::<Vec<_>>());
    let mut command = command(config, program, arguments, &changes)?;
    command.envs(date(root, program)).envs(variables.iter().map(|(name, value)| (name, value)));
    let withheld = changes.withheld.iter().map(|name| name.to_string_lossy().into_owned());
    tell.tell(Event::Withheld(withheld.collect()));
    let began = SystemTime::now();
    let last_lines = LastLines::default();
    let ended = generate(command, &last_lines.listening(tell)).await;
    tell.ended(Stage::Build, Amount::default());
    let status = ended.map_err(|error| {
        failed(format!("failed to run `{shown}`"))
            .because(&error)
            .hint(hint(config, program, &error))
    })?;
    if !status.success() {
        let by_hand = || {
            let text = format!("run it by hand in `{}`", config.site.display());
            Hint::from(text).then(Part::NothingDeployed)
        };
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let missing = missing::hint(config, status.code(), &paths);
        let mut failure =
            failed(format!("the build failed: `{shown}` ended with {}", outcome(status)))
                .hint(missing.map_or_else(by_hand, Hint::from));
        failure.printed = last_lines.take();
        return Err(failure.into());
    }
    check_inside(config, root)?;
    match before.is_written(&config.output_folder()) {
        true => aside.is_replaced(),
        false => elsewhere::check(config, root, began, tell)?,
    }
    Ok(aside)
}

/// What to do about a program that cannot be started.
fn hint(config: &Config, program: &str, error: &std::io::Error) -> String {
    let in_site = config.site.join(program);
    match error.kind() {
        ErrorKind::PermissionDenied => format!("make it executable: chmod +x {}", in_site.display()),
        _ if in_site.is_file() && !program.contains(std::path::is_separator) => {
            format!("a program in the site's folder is written `./{program}`")
        }
        _ if in_site.is_file() => "does its first line, #!, name a program that is here, and end without a carriage return?".into(),
        _ => format!("is `{program}` installed, and on the PATH?"),
    }
}

async fn generate(mut command: Command, tell: &Tell) -> std::io::Result<ExitStatus> {
    let (output, for_stdout) = std::io::pipe()?;
    let for_stderr = for_stdout.try_clone()?;
    command.stdin(std::process::Stdio::null()).stdout(for_stdout).stderr(for_stderr);
    // A process group of its own can be ended as a whole, and contains whatever the generator starts.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut command = tokio::process::Command::from(command);
    let mut generator = Generator(command.kill_on_drop(true).spawn()?);
    // The command holds the writing ends of the pipe, and the pipe ends with the last of them.
    drop(command);
    let (sender, mut lines) = channel(PIECES);
    tokio::task::spawn_blocking(move || repeat(output, &sender));
    let status = follow(&mut generator.0, &mut lines, tell).await?;
    if tokio::time::timeout(LAST_WORDS, listen(&mut lines, tell)).await.is_err() {
        tell.tell(Event::Warning(
            "a process that the generator started is still running; the tool does not wait for it and does not show what it prints"
                .into(),
        ));
    }
    Ok(status)
}

async fn follow(
    child: &mut Child,
    lines: &mut Receiver<String>,
    tell: &Tell,
) -> std::io::Result<ExitStatus> {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            status = child.wait() => return status,
            Some(line) = lines.recv() => tell.tell(Event::Said(line)),
            _ = seconds.tick() => tell.advanced(Stage::Build, Amount::default()),
        }
    }
}

/// Reports the remaining lines until the pipe ends. It does not end while any process holds it.
async fn listen(lines: &mut Receiver<String>, tell: &Tell) {
    while let Some(line) = lines.recv().await {
        tell.tell(Event::Said(line));
    }
}

/// The running generator. If it is dropped before the generator has ended, the process group ends too.
struct Generator(Child);

impl Drop for Generator {
    fn drop(&mut self) {
        // A generator that has ended has no id; another process may have the number by now.
        if let Some(id) = self.0.id() {
            end_group(id);
        }
    }
}

/// Ends a process group. The standard library has no call for this, so the shell does it, which every Unix has. If that
/// fails, the generator itself still ends with its `Child`.
#[cfg(unix)]
fn end_group(id: u32) {
    use std::process::Stdio;
    let _ = Command::new("/bin/sh")
        .args(["-c", "kill -s KILL -- \"-$1\"", "sh", &id.to_string()])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

#[cfg(not(unix))]
fn end_group(_id: u32) {}

/// The command, to be run in the site's folder.
fn command(
    config: &Config,
    program: &str,
    arguments: &[String],
    changes: &Changes,
) -> Result<Command, Failure> {
    let sh = Shell::new()
        .map_err(|error| failed("failed to read the current folder").because(&error))?;
    sh.change_dir(&config.site);
    // A path such as `./build.sh` is relative to the site's folder; a bare name is looked up in `PATH`.
    let program = match program.contains(std::path::is_separator) {
        true => config.site.join(program),
        false => program.into(),
    };
    let mut command = Command::from(sh.cmd(program).args(arguments));
    for name in changes.withheld.iter().chain(&changes.of_cargo) {
        command.env_remove(name);
    }
    command.envs(changes.paths.iter().map(|(name, list)| (name, list)));
    Ok(command)
}

/// The time of the commit, for generators that would otherwise write the time of the build into the pages, so that no
/// two builds would be the same. If the user has set the variable, it stays.
/// <https://reproducible-builds.org/specs/source-date-epoch/>
///
/// Cargo does not get it: a new value makes Cargo compile every dependency in C again.
fn date(root: &Path, program: &str) -> Option<(&'static str, String)> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let is_set = std::env::var_os(NAME).is_some_and(|value| !value.is_empty());
    let is_cargo = Path::new(program).file_stem().is_some_and(|name| name == "cargo");
    // A branch without a commit has no such time.
    let time = checkout::time_of_head(root).filter(|_| !is_set && !is_cargo)?;
    Some((NAME, time.to_string()))
}

/// Reads lines, standard output and standard error in the order in which they were written, until the pipe ends or the
/// receiver is gone. Bytes that are not UTF-8 are shown as replacement characters, not dropped.
fn repeat(output: PipeReader, lines: &Sender<String>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| output.by_ref().take(LONGEST_PIECE).read_until(b'\n', line);
    while next(&mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line);
        if lines.blocking_send(text.trim_end_matches(['\n', '\r']).to_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

fn outcome(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}
