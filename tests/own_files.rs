//! A link, a named pipe or a folder in the place of the tool's own files: nothing outside is touched, and nothing
//! hangs.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::harness::{Ran, Repo, World};

/// A world whose output is emptied before each build, and a folder next to the repository that the tool must not touch.
fn world() -> (World, Repo) {
    let world = World::new();
    let command =
        "[build]\ncommand = [\"sh\", \"-c\", \"mkdir -p public; echo page > public/index.html\"]";
    world.repo.write("site/deploy.toml", world.config("").replace("[build]", command));
    world.repo.write(".gitignore", "/target\npublic\n");
    world.repo.write("site/public/index.html", "of an earlier build");
    world.repo.commit("a site");
    let outside = Repo::new("main");
    for file in ["0/precious.txt", "xtask/emptied/0/precious.txt", "precious.txt", "bucket.redb"] {
        outside.write(file, "precious");
    }
    (world, outside)
}

#[track_caller]
fn refuses(ran: Ran, path: &str) {
    let ran = ran.exits(3);
    let said = format!("refused: `{path}` is ");
    assert!(ran.stderr.contains(&said), "{path}: {}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("hint: look where it leads (ls -l {path})")),
        "{}",
        ran.stderr
    );
}

fn all_subcommands(world: &World, path: &str) {
    refuses(world.deploy(&[]), path);
    refuses(world.deploy(&["--dry-run"]), path);
    refuses(world.deploy(&["--local"]), path);
    refuses(world.xtask(&["rollback"]), path);
    refuses(world.xtask(&["status", "--local"]), path);
    refuses(world.xtask(&["preview", "--port", "0"]), path);
    assert_eq!(world.wire.take_writes(), 0, "{path}");
}

#[test]
fn a_link_among_the_tools_own_files_is_refused_and_not_followed() {
    for (path, to) in [
        ("target", ""),
        ("target/xtask", "xtask"),
        ("target/xtask/emptied", ""),
        ("target/xtask/emptied/0", "0"),
        ("target/xtask/output.lock", "precious.txt"),
        ("target/xtask/lock", ""),
        ("target/xtask/lock/abc123", "precious.txt"),
        ("target/xtask/bucket", ""),
        ("target/xtask/bucket/bucket.redb", "bucket.redb"),
        ("target/xtask/preview", ""),
        ("target/xtask/preview/1", ""),
        ("target/xtask/preview/1/bucket.redb", "bucket.redb"),
        ("target/xtask/rollback", ""),
        ("target/xtask/rollback.lock", "precious.txt"),
        ("target/xtask/anything", "not-there"),
    ] {
        let (world, outside) = world();
        let before = outside.files(".");
        let link = world.repo.join(path);
        std::fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(outside.join(to), &link).unwrap();
        all_subcommands(&world, path);
        assert_eq!(outside.files("."), before, "{path}");
    }
}

/// Opening a pipe would wait for its other end for ever.
#[test]
fn a_pipe_among_the_tools_own_files_is_refused_and_not_waited_for() {
    for path in [
        "target/xtask/output.lock",
        "target/xtask/rollback.lock",
        "target/xtask/lock/abc123",
        "target/xtask/bucket/bucket.redb",
        "target/xtask/preview/1/bucket.redb",
    ] {
        let (world, _) = world();
        make_pipe(&world.repo.join(path));
        all_subcommands(&world, path);
    }
}

fn make_pipe(path: &Path) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_lock_keeps_what_stands_in_its_file() {
    let (world, _) = world();
    world.repo.write("target/xtask/output.lock", "a note of the user");
    world.deploy(&[]).exits(0);
    assert_eq!(world.repo.files("target/xtask")["output.lock"], b"a note of the user");
}

#[test]
fn only_numbered_folders_are_removed_from_the_place_of_moved_outputs() {
    let (world, _) = world();
    world.repo.write("target/xtask/emptied/7/left.html", "left by a run that was killed");
    world.repo.write("target/xtask/emptied/notes/mine.txt", "of the user");
    world.repo.write("target/xtask/emptied/8", "of the user");
    world.deploy(&[]).exits(0);
    let left: Vec<String> = world.repo.files("target/xtask/emptied").into_keys().collect();
    assert_eq!(left, ["8", "notes/mine.txt"]);
}

#[test]
fn a_damaged_store_is_named_by_its_own_folder() {
    let (world, _) = world();
    world.repo.write("target/xtask/preview/1/bucket.redb", "not a database at all".repeat(1000));
    let ran = world.xtask(&["preview", "--port", "0"]).exits(1);
    let hint = "hint: begin again with an empty one: rm -r target/xtask/preview/1\n";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    world.repo.write("target/xtask/bucket/bucket.redb", "not a database at all".repeat(1000));
    let ran = world.deploy(&["--local"]).exits(1);
    let hint = "hint: begin again with an empty one: rm -r target/xtask/bucket\n";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
}
