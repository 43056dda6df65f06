//! Empties the output folder before a build. Its content is moved aside, which takes no time.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::aside::Aside;
use crate::base::error::{Failure, failed};
use crate::base::event::{Event, Tell};
use crate::base::parallel;
use crate::repository::checkout;
use crate::repository::config::Config;
use crate::repository::own_files;

/// The folder to which the content of an output is moved, each time into a new numbered folder.
const ASIDE: &str = "emptied";

/// What an output folder holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The folder is searched before it is emptied.
    Unknown,
    /// The output of an earlier build of this process. It is searched before it is removed, and anything that was added
    /// since is kept aside.
    OfABuild,
}

/// Empties the output, if git ignores it and it holds nothing else.
pub fn empty(
    config: &Config,
    root: &Path,
    content: Content,
    tell: &Tell,
) -> Result<Aside, Failure> {
    let output = config.output_folder();
    if !output.is_dir() {
        return Ok(Aside::default());
    }
    if !checkout::is_ignored(root, &output)? {
        if !checkout::is_tracked(root, &output)? {
            let output = config.output.display();
            tell.tell(Event::Warning(format!(
                "git does not ignore `{output}`, so it is not emptied first, and files of earlier builds are deployed too; if only the generator writes to it, add it to .gitignore"
            )));
        }
        return Ok(Aside::default());
    }
    if let Some(reason) = irreplaceable(config, root, &output, content)? {
        let output = config.output.display();
        tell.tell(Event::Warning(format!("`{output}` {reason}, so it is not emptied first")));
        return Ok(Aside::default());
    }
    let cannot = |error: io::Error| {
        failed(format!("failed to empty `{}`", output.display())).because(&error)
    };
    let entries = fs::read_dir(&output).map_err(cannot)?.collect::<io::Result<Vec<_>>>();
    let entries = entries.map_err(cannot)?;
    let folder = if entries.is_empty() { None } else { make(root) };
    let mut aside = Aside::of(output.clone(), folder.clone(), left(root, folder.as_deref()), tell);
    if content == Content::OfABuild {
        aside.is_replaced();
    }
    for entry in entries {
        // This is not possible across file systems, nor from below a mount point.
        let moved = folder
            .as_ref()
            .is_some_and(|folder| fs::rename(entry.path(), folder.join(entry.file_name())).is_ok());
        if !moved {
            remove(&entry, tell).map_err(cannot)?;
        }
    }
    Ok(aside)
}

/// What earlier runs moved aside and did not remove: the numbered folders, except this run's own. Everything else, and
/// everything behind a link, does not belong to this tool.
fn left(root: &Path, own: Option<&Path>) -> Vec<PathBuf> {
    let aside = own_files::path(root, ASIDE);
    if !fs::symlink_metadata(&aside).is_ok_and(|metadata| metadata.is_dir()) {
        return Vec::new();
    }
    let entries = fs::read_dir(aside).into_iter().flatten().flatten();
    let is_own = |entry: &fs::DirEntry| {
        let is_number = entry.file_name().to_str().is_some_and(|name| name.parse::<u64>().is_ok());
        is_number && entry.file_type().is_ok_and(|kind| kind.is_dir())
    };
    let folders = entries.filter(is_own).map(|entry| entry.path());
    folders.filter(|folder| Some(folder.as_path()) != own).collect()
}

/// A new folder to which things can be moved; `None` if it cannot be created.
fn make(root: &Path) -> Option<PathBuf> {
    let aside = own_files::path(root, ASIDE);
    own_files::make_folder(root, &aside).ok()?;
    let mut names = (0u64..).map(|number| aside.join(number.to_string()));
    names.find_map(|folder| match fs::create_dir(&folder) {
        Ok(()) => Some(Some(folder)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
        Err(_) => Some(None),
    })?
}

/// Removes an entry that cannot be moved aside. It is searched first, because that may not have been done yet.
fn remove(entry: &fs::DirEntry, tell: &Tell) -> io::Result<()> {
    let path = entry.path();
    if !entry.file_type()?.is_dir() {
        return fs::remove_file(path);
    }
    if holds_git(&path)? {
        let path = path.display();
        tell.tell(Event::Warning(format!("left `{path}` as it is: a git repository is in it")));
        return Ok(());
    }
    fs::remove_dir_all(path)
}

/// Why an output that git ignores may hold files that a build could not create again, in words; `None` if it does not.
fn irreplaceable(
    config: &Config,
    root: &Path,
    output: &Path,
    content: Content,
) -> Result<Option<&'static str>, Failure> {
    if is_linked(config, output) {
        return Ok(Some("is reached through a link"));
    }
    let looked = match content {
        Content::Unknown => holds_git(output),
        Content::OfABuild => Ok(false),
    };
    if looked.map_err(|error| {
        failed(format!("failed to look through `{}`", output.display())).because(&error)
    })? {
        return Ok(Some("holds a git repository"));
    }
    // If another repository is nearer, such as a submodule, it does not matter what this repository ignores.
    if !checkout::is_same_repository(root, output)? {
        return Ok(Some("belongs to another git repository"));
    }
    Ok(checkout::is_tracked(root, output)?.then_some("holds files that git tracks"))
}

/// Whether the output is at another place than its path says. That could be where the site's sources are.
fn is_linked(config: &Config, output: &Path) -> bool {
    match (config.site.canonicalize(), output.canonicalize()) {
        (Ok(site), Ok(output)) => output != config.output_below(&site),
        _ => true,
    }
}

/// Whether there is a `.git` in a folder or anywhere below it: the folder of a repository, or the file of a submodule
/// or of another work tree.
pub fn holds_git(folder: &Path) -> io::Result<bool> {
    enum Ended {
        Found,
        Failed(io::Error),
    }
    let looked = parallel::each(
        vec![folder.to_owned()],
        || (),
        |(), folder, more| {
            for entry in fs::read_dir(folder).map_err(Ended::Failed)? {
                let entry = entry.map_err(Ended::Failed)?;
                // On some systems, upper and lower case do not matter in names.
                if entry.file_name().eq_ignore_ascii_case(".git") {
                    return Err(Ended::Found);
                }
                if entry.file_type().map_err(Ended::Failed)?.is_dir() {
                    more.push(entry.path());
                }
            }
            Ok(())
        },
    );
    match looked {
        Ok(_) => Ok(false),
        Err(Ended::Found) => Ok(true),
        Err(Ended::Failed(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tempfile::TempDir;
    use testing::{deploy_toml, repository};

    use super::super::settle;
    use super::*;

    struct World {
        folder: TempDir,
        told: Arc<Mutex<Vec<String>>>,
    }

    fn world(files: &[&str]) -> World {
        let folder = tempfile::tempdir().unwrap();
        repository::init(folder.path());
        fs::create_dir(folder.path().join("site")).unwrap();
        fs::write(folder.path().join("site/deploy.toml"), deploy_toml("staging", "")).unwrap();
        fs::write(folder.path().join(".gitignore"), "/target\n/site/public/\n").unwrap();
        let world = World { folder, told: Arc::default() };
        files.iter().for_each(|file| world.write(file));
        world
    }

    impl World {
        fn write(&self, file: &str) {
            let path = self.folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }

        fn has(&self, path: &str) -> bool {
            self.folder.path().join(path).exists()
        }

        fn empty(&self, content: Content) -> Aside {
            let told = self.told.clone();
            let tell = Tell::new(move |event| {
                if let Event::Warning(text) = event {
                    told.lock().unwrap().push(text);
                }
            });
            let config = Config::read(&self.folder.path().join("site"), "site".as_ref()).unwrap();
            empty(&config, self.folder.path(), content, &tell).unwrap()
        }

        fn warned(&self) -> Vec<String> {
            std::mem::take(&mut *self.told.lock().unwrap())
        }
    }

    #[test]
    fn what_a_build_replaces_is_removed_and_what_a_killed_one_left_goes_along() {
        let world = world(&["site/public/index.html", "site/public/a/b.html"]);
        world.write("target/xtask/emptied/0/left.html");
        let mut aside = world.empty(Content::Unknown);
        assert!(world.has("site/public") && !world.has("site/public/index.html"));
        assert!(world.has("target/xtask/emptied/1/a/b.html"), "until it is in nobody's way");
        aside.is_replaced();
        drop(aside);
        settle();
        assert!(world.has("target/xtask/emptied"));
        assert!(!world.has("target/xtask/emptied/0") && !world.has("target/xtask/emptied/1"));
        assert_eq!(world.warned(), [""; 0]);
    }

    #[test]
    fn a_repository_that_somebody_put_there_is_never_removed() {
        let world = world(&["site/public/index.html", "site/public/mine/.git/HEAD"]);
        drop(world.empty(Content::Unknown));
        settle();
        assert!(world.has("site/public/index.html"));
        assert_eq!(world.warned(), ["`public` holds a git repository, so it is not emptied first"]);

        drop(world.empty(Content::OfABuild));
        settle();
        assert!(!world.has("site/public/index.html"));
        assert!(world.has("target/xtask/emptied/0/mine/.git/HEAD"));
        let warned = world.warned();
        assert!(warned[0].ends_with("`: a git repository is in it"), "{warned:?}");

        drop(world.empty(Content::OfABuild));
        settle();
        assert!(world.has("target/xtask/emptied/0/mine/.git/HEAD"));
        assert_eq!(world.warned(), [""; 0], "it is told once");
    }

    #[test]
    fn a_repository_that_cannot_be_moved_aside_stays_where_it_is() {
        let world = world(&["site/public/index.html", "site/public/mine/.git/HEAD"]);
        world.write("target/xtask/emptied");
        drop(world.empty(Content::OfABuild));
        settle();
        assert!(world.has("site/public/mine/.git/HEAD"));
        assert!(!world.has("site/public/index.html"), "what a build makes goes");
        let warned = world.warned();
        assert!(warned[0].ends_with("mine` as it is: a git repository is in it"), "{warned:?}");
    }

    #[test]
    fn what_cannot_be_moved_aside_is_removed() {
        let world = world(&["site/public/index.html", "target/xtask"]);
        drop(world.empty(Content::Unknown));
        settle();
        assert!(world.has("site/public") && !world.has("site/public/index.html"));
    }
}
