//! Repositories of real users, created by git itself: what git calls changed, formats that the tool cannot read, and
//! clones that lack something.

use std::process::{Command, Output};

use expect_test::{Expect, expect};

use crate::harness::{KEY_VARIABLE, Ran, SECRET_VARIABLE, World};

/// Runs a script in a folder of the world's repository, as the user would with this home folder.
fn shell(world: &World, folder: &str, script: &str) -> Output {
    Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(world.repo.join(folder))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", world.repo.home())
        .output()
        .expect("sh runs")
}

#[track_caller]
fn sh(world: &World, folder: &str, script: &str) -> String {
    let output = shell(world, folder, script);
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A world whose site is committed, next to a repository that can be its submodule.
fn world() -> World {
    let world = World::new();
    let home = world.repo.home().join(".gitconfig");
    let config = "[user]\nname = Test\nemail = test@example.com\n[protocol \"file\"]\nallow = always\n[init]\ndefaultBranch = main\n[advice]\ndefaultBranchName = false\n";
    std::fs::write(home, config).expect("a file");
    world.repo.write(".gitignore", "/target\n/theme-source\n/clone*\n/site-sha1\n/site-files\n");
    world.site([("index.html", "page")]);
    world.repo.write("notes.md", "notes\n");
    world.repo.commit("site");
    world
}

fn run_in(world: &World, folder: &str, arguments: &[&str]) -> Ran {
    let variables =
        [(KEY_VARIABLE, world.store.key.as_str()), (SECRET_VARIABLE, world.store.secret.as_str())];
    world.repo.xtask_in(folder, arguments, &variables)
}

const SUBMODULE: &str = "git init -q theme-source && cd theme-source && echo one > style.css && \
    git add . && git commit -qm one && cd .. && \
    git submodule --quiet add ./theme-source theme && git commit -qm theme && ";

#[test]
fn dirty_is_what_git_status_says() {
    for (why, script, is_dirty) in [
        ("nothing", "true", false),
        ("a changed file", "echo more >> notes.md", true),
        ("a staged file", "echo more >> notes.md; git add notes.md", true),
        ("a file that is staged and changed back", "echo x > x; git add x; rm x", true),
        ("an untracked file", "echo x > x", true),
        ("an empty untracked folder", "mkdir empty", false),
        ("an untracked file, hidden", "echo x > x; git config status.showUntrackedFiles no", false),
        ("an untracked file, excluded", "echo x > x; echo x >> .git/info/exclude", false),
        (
            "an untracked file, excluded by the user",
            "echo x > x; echo x > .git/mine; git config core.excludesFile .git/mine",
            false,
        ),
        ("a file that is to be added", "echo x > x; git add --intent-to-add x", true),
        ("another mode", "chmod +x notes.md", true),
        (
            "another mode, where modes say nothing",
            "git config core.fileMode false; chmod +x notes.md",
            false,
        ),
        (
            "a file that git was told to skip",
            "git update-index --skip-worktree notes.md; rm notes.md",
            false,
        ),
        (
            "a file that git was told is unchanged",
            "git update-index --assume-unchanged notes.md; echo more >> notes.md",
            false,
        ),
        (
            "other line ends, which git converts",
            "git config core.autocrlf true; rm notes.md; git checkout -q notes.md; grep -q \"$(printf '\\r')\" notes.md",
            false,
        ),
        (
            "a filter of the user",
            "git config filter.upper.clean 'tr a-z A-Z'; git config filter.upper.smudge 'tr A-Z a-z'; \
             echo '*.up filter=upper' > .gitattributes; echo hello > a.up; git add .; git commit -qm up; \
             touch -d 2001-01-01 a.up",
            false,
        ),
        ("a touched file", "touch -d 2001-01-01 notes.md", false),
        ("a split index", "git update-index --split-index", false),
        (
            "a split index and a change",
            "git update-index --split-index; echo more >> notes.md",
            true,
        ),
        (
            "an index without a checksum",
            "git config index.skipHash true; git update-index --force-write-index",
            false,
        ),
        ("an index of version 4", "git update-index --index-version 4", false),
        ("a cache of untracked files", "git update-index --untracked-cache; git status", false),
    ] {
        compare(why, script, is_dirty);
    }
}

#[test]
fn a_submodule_is_dirty_as_git_status_says() {
    let another = "cd theme && git commit -q --allow-empty -m two";
    for (why, script, is_dirty) in [
        ("as recorded", "true", false),
        ("on another commit", another, true),
        ("a changed file in it", "echo more >> theme/style.css", true),
        ("an untracked file in it", "echo x > theme/x", true),
        ("not checked out", "git submodule --quiet deinit theme", false),
        (
            "on another commit, ignored",
            "git config submodule.theme.ignore all; cd theme && git commit -q --allow-empty -m two",
            false,
        ),
        (
            "a changed file in it, ignored",
            "git config diff.ignoreSubmodules dirty; echo more >> theme/style.css",
            false,
        ),
        (
            "an untracked file in it, ignored",
            "git config submodule.theme.ignore untracked; echo x > theme/x",
            false,
        ),
    ] {
        compare(why, &format!("{SUBMODULE}{script}"), is_dirty);
    }
}

#[track_caller]
fn compare(why: &str, script: &str, is_dirty: bool) {
    let world = world();
    // If a file is as new as the index, git looks at it again each time.
    sh(
        &world,
        ".",
        "touch -d 2001-01-02 notes.md site/public/index.html; git update-index --refresh",
    );
    sh(&world, ".", script);
    let status = sh(&world, ".", "git status --porcelain");
    assert_eq!(!status.is_empty(), is_dirty, "{why}: git says\n{status}");
    let ran = world.deploy(&["--dry-run"]).exits(0);
    let says = ran.stdout.contains("with changes that are not committed");
    assert_eq!(says, is_dirty, "{why}: {}\n{}", ran.stdout, ran.stderr);
}

#[test]
fn a_sparse_checkout_is_clean() {
    let world = world();
    sh(
        &world,
        ".",
        "mkdir a b && echo a > a/a && echo b > b/b && git add a b && git commit -qm more",
    );
    sh(
        &world,
        ".",
        "git clone -q . clone && cd clone && git sparse-checkout set --sparse-index site a",
    );
    assert!(!world.repo.join("clone/b").exists());
    let ran = run_in(&world, "clone", &["deploy"]).exits(0);
    assert!(!ran.stdout.contains("not committed"), "{}", ran.stdout);
    world.assert_bucket_equals_site("");
}

/// Compares the tool's message, from its first word on, with placeholders for what differs from run to run.
#[track_caller]
fn says(ran: &Ran, world: &World, folder: &str, expected: Expect) {
    let start = ran.stderr.find("error: ").expect("an error");
    let folder = world.repo.join(folder).canonicalize().expect("a folder");
    expected.assert_eq(&ran.stderr[start..].replace(folder.to_str().expect("UTF-8"), "FOLDER"));
}

/// The command in the hint.
#[track_caller]
fn hint(ran: &Ran) -> String {
    let (_, hint) = ran.stderr.rsplit_once("hint: ").expect("a hint");
    hint.trim().to_owned()
}

#[test]
fn a_format_that_cannot_be_read_is_reported_with_the_command_that_helps() {
    let world = world();
    let copy = |options: &str| {
        sh(&world, ".", "rm -rf clone && mkdir clone && cp -r .gitignore site clone/");
        sh(
            &world,
            "clone",
            &format!("git init -q {options} . && git add . && git commit -qm site"),
        );
    };
    copy("--ref-format=reftable");
    let ran = run_in(&world, "clone", &["deploy"]).exits(1);
    says(
        &ran,
        &world,
        "clone",
        expect![[r#"
        error: the git repository around `FOLDER` keeps its branches in a reftable, which this tool cannot read
          unsupported extension name extensions.refstorage; class=Repository (6)

        hint: git clone --ref-format=files . ../site-files
    "#]],
    );
    sh(&world, "clone", &hint(&ran));
    run_in(&world, "site-files", &["deploy"]).exits(0);

    copy("--object-format=sha256");
    let ran = run_in(&world, "clone", &["deploy"]).exits(1);
    says(
        &ran,
        &world,
        "clone",
        expect![[r#"
        error: the git repository around `FOLDER` names its objects by SHA-256, which this tool cannot read
          unknown object format 'sha256'; class=Repository (6); code=Invalid (-21)

        hint: git init --object-format=sha1 ../site-sha1 && git fast-export --all --signed-tags=strip | git -C ../site-sha1 fast-import && git -C ../site-sha1 switch "$(git branch --show-current)"
    "#]],
    );
    sh(&world, "clone", &hint(&ran));
    run_in(&world, "site-sha1", &["deploy"]).exits(0);

    copy("");
    let older =
        "git config core.repositoryFormatVersion 1 && git config extensions.partialClone origin";
    sh(&world, "clone", older);
    let ran = run_in(&world, "clone", &["deploy"]).exits(1);
    says(
        &ran,
        &world,
        "clone",
        expect![[r#"
        error: the git repository around `FOLDER` is marked as a partial clone of an older git, which this tool cannot read
          unsupported extension name extensions.partialclone; class=Repository (6)

        hint: git config remote.origin.promisor true && git config --unset extensions.partialClone
    "#]],
    );
    sh(&world, "clone", &hint(&ran));
    run_in(&world, "clone", &["deploy"]).exits(0);

    copy("");
    sh(&world, "clone", "git config extensions.ofNextYear true");
    sh(&world, "clone", "git config core.repositoryFormatVersion 1 || true");
    let ran = run_in(&world, "clone", &["deploy"]).exits(1);
    says(
        &ran,
        &world,
        "clone",
        expect![[r#"
        error: the git repository around `FOLDER` has a format of its own, which this tool cannot read
          unsupported extension name extensions.ofnextyear; class=Repository (6)

        hint: git clone "$(git remote get-url origin)" ../site-again
    "#]],
    );
}

/// Features of an index that only git can read, if git is not installed.
#[test]
fn without_git_an_index_that_cannot_be_read_is_reported_with_the_command_that_helps() {
    for (script, what) in [
        ("git update-index --split-index", "git update-index --no-split-index"),
        (
            "git sparse-checkout set --sparse-index site",
            "git sparse-checkout reapply --no-sparse-index",
        ),
    ] {
        let world = world();
        sh(&world, ".", "mkdir b && echo b > b/b && git add b && git commit -qm more");
        sh(&world, ".", &format!("git clone -q . clone && cd clone && {script}"));
        let empty = world.repo.home().to_str().expect("UTF-8").to_owned();
        let variables = [
            (KEY_VARIABLE, world.store.key.as_str()),
            (SECRET_VARIABLE, world.store.secret.as_str()),
            ("PATH", empty.as_str()),
        ];
        let ran = world.repo.xtask_in("clone", &["deploy"], &variables).exits(1);
        assert_eq!(hint(&ran), what, "{}", ran.stderr);
        sh(&world, "clone", &hint(&ran));
        world.repo.xtask_in("clone", &["deploy"], &variables).exits(0);
    }
}

#[test]
fn a_submodule_on_another_commit_is_dirty_also_without_git() {
    let world = world();
    sh(&world, ".", &format!("{SUBMODULE}cd theme && git commit -q --allow-empty -m two"));
    let empty = world.repo.home().to_str().expect("UTF-8").to_owned();
    let ran = world.deploy_with(&["--dry-run"], &[("PATH", empty.as_str())]).exits(0);
    assert!(ran.stdout.contains("with changes that are not committed"), "{}", ran.stdout);
}

#[test]
fn a_rollback_in_a_partial_clone_says_how_to_fetch_the_rest() {
    let world = world();
    world.deploy(&[]).exits(0);
    world.site([("index.html", "another page")]);
    world.repo.commit("another page");
    world.deploy(&[]).exits(0);
    sh(&world, ".", "git config uploadpack.allowFilter true");
    sh(&world, ".", "git clone -q --filter=blob:none file://$PWD clone");
    let writes = world.wire.take_writes();
    assert!(writes > 0);
    let ran = run_in(&world, "clone", &["rollback"]).exits(1);
    assert!(ran.stderr.contains("this clone has no older files (partial clone)"), "{}", ran.stderr);
    assert_eq!(hint(&ran), "git fetch --refetch --no-filter");
    assert_eq!(world.wire.take_writes(), 0, "requests that write");
    sh(&world, "clone", &hint(&ran));
    run_in(&world, "clone", &["rollback"]).exits(0);
    assert_eq!(world.objects()["index.html"].body, b"page");
}

#[test]
fn a_rollback_in_a_shallow_clone_says_how_to_fetch_the_rest() {
    let world = world();
    world.deploy(&[]).exits(0);
    world.site([("index.html", "another page")]);
    world.repo.commit("another page");
    world.deploy(&[]).exits(0);
    sh(&world, ".", "git clone -q --depth=1 file://$PWD clone");
    let ran = run_in(&world, "clone", &["rollback"]).exits(1);
    assert_eq!(hint(&ran), "git fetch --unshallow");
    sh(&world, "clone", &hint(&ran));
    run_in(&world, "clone", &["rollback"]).exits(0);
    assert_eq!(world.objects()["index.html"].body, b"page");
}

/// The generator removes the folder in which the tool was called.
#[test]
fn a_run_from_a_folder_that_is_gone_when_it_is_built_is_one_like_any_other() {
    let world = world();
    world.repo.write(".gitignore", "/target\n/site/public\n");
    let makes = "rm -rf public && mkdir public && echo page > public/index.html";
    let command = format!("[build]\ncommand = [\"sh\", \"-c\", \"{makes}\"]");
    world.repo.write("site/deploy.toml", world.config("").replace("[build]", &command));
    world.repo.write("site/public/gone/index.html", "gone");
    run_in(&world, "site/public/gone", &["deploy"]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);
}

/// Only root can give a folder to another user, so otherwise this is skipped.
#[test]
fn a_repository_of_another_user_is_trusted_once_the_hint_was_pasted() {
    let world = world();
    sh(&world, ".", "git clone -q . \"clone of kim's\"");
    if !shell(&world, ".", "chown -R 12345 \"clone of kim's\"").status.success() {
        return;
    }
    for folder in ["clone of kim's", "clone of kim's/site"] {
        let ran = run_in(&world, folder, &["deploy"]).exits(2);
        assert!(ran.stderr.contains("belongs to another user"), "{}", ran.stderr);
        sh(&world, ".", &hint(&ran));
        run_in(&world, folder, &["deploy"]).exits(0);
        sh(&world, ".", "git config --global --unset-all safe.directory");
    }
}

/// libgit2 reads the setting from fewer places than git does, and knows fewer patterns.
#[test]
fn a_repository_that_git_trusts_is_trusted_wherever_the_setting_stands() {
    let world = world();
    sh(&world, ".", "git clone -q . clone");
    if !shell(&world, ".", "chown -R 12345 clone").status.success() {
        return;
    }
    let clone = world.repo.join("clone").canonicalize().expect("a folder").display().to_string();
    let settings = world.repo.home().join("settings").display().to_string();
    let keys =
        [(KEY_VARIABLE, world.store.key.as_str()), (SECRET_VARIABLE, world.store.secret.as_str())];
    let pattern = format!("{}/*", world.repo.path().canonicalize().expect("a folder").display());
    let global = [("GIT_CONFIG_GLOBAL", settings.as_str())];
    for (why, value, variables) in [
        ("another file", clone.as_str(), &global[..]),
        ("a pattern", pattern.as_str(), &global),
        ("every folder", "*", &global),
        (
            "the environment",
            "",
            &[
                ("GIT_CONFIG_COUNT", "1"),
                ("GIT_CONFIG_KEY_0", "safe.directory"),
                ("GIT_CONFIG_VALUE_0", clone.as_str()),
            ],
        ),
    ] {
        std::fs::write(&settings, format!("[safe]\ndirectory = {value}\n")).expect("a file");
        let variables = [&keys, variables].concat();
        let ran = world.repo.xtask_in("clone/site", &["deploy"], &variables);
        assert_eq!(ran.code, Some(0), "{why}: {}", ran.stderr);
    }
    let other = [("GIT_CONFIG_GLOBAL", settings.as_str())];
    std::fs::write(&settings, "[safe]\ndirectory = /elsewhere\n").expect("a file");
    let ran = world.repo.xtask_in("clone/site", &["deploy"], &[&keys[..], &other].concat());
    assert!(ran.exits(2).stderr.contains("belongs to another user"));
}
