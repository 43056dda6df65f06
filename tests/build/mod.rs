//! The generator: what is deleted before it runs, which variables it gets, and how it ends.

mod outside;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use git2::{IndexEntry, IndexTime, Oid, Repository, RepositoryInitOptions};

use crate::harness::{KEY_VARIABLE, Ran, SECRET_VARIABLE, World};

/// A world whose generator is a line of shell, run in `site/`, and whose output git ignores.
fn world(line: &str) -> World {
    let world = World::new();
    let command = format!("[build]\ncommand = [\"sh\", \"-c\", {line:?}]");
    let config = world.config("").replace("[build]", &command);
    world.repo.write("site/deploy.toml", config);
    world.repo.write(".gitignore", "/target\npublic\n");
    world
}

#[track_caller]
fn warns(ran: &Ran, warning: &str) {
    assert!(ran.stderr.contains(&format!("warning: {warning}")), "{}", ran.stderr);
}

/// Deploys with a file in an output that must not be emptied, and expects a warning.
#[track_caller]
fn keeps(world: &World, file: &str, warning: &str) {
    let ran = world.deploy(&[]);
    assert!(world.repo.join(file).exists(), "`{file}` is deleted:\n{}", ran.stderr);
    let ran = ran.exits(0);
    warns(&ran, warning);
}

#[test]
fn an_output_that_is_a_link_is_not_emptied() {
    let world = world("true");
    world.repo.write("site/pages/index.html", "the source");
    symlink("pages", world.repo.join("site/public")).unwrap();
    keeps(
        &world,
        "site/pages/index.html",
        "`public` is reached through a link, so it is not emptied first",
    );
}

#[test]
fn an_output_below_a_link_is_not_emptied() {
    let world = world("true");
    let config = fs::read_to_string(world.repo.join("site/deploy.toml")).unwrap();
    world.repo.write("site/deploy.toml", config.replace("\"public\"", "\"theme/public\""));
    world.repo.write("site/pages/public/index.html", "the source");
    symlink("pages", world.repo.join("site/theme")).unwrap();
    keeps(
        &world,
        "site/pages/public/index.html",
        "`theme/public` is reached through a link, so it is not emptied first",
    );
}

#[test]
fn an_output_that_is_a_repository_is_not_emptied() {
    let world = world("true");
    world.repo.write("site/public/index.html", "of another repository");
    Repository::init(world.repo.join("site/public")).unwrap();
    keeps(
        &world,
        "site/public/index.html",
        "`public` holds a git repository, so it is not emptied first",
    );
}

#[test]
fn an_output_that_is_a_work_tree_of_this_repository_is_not_emptied() {
    let world = world("true");
    world.repo.write("site/source.html", "committed");
    world.repo.commit("a page");
    world.repo.git().worktree("pages", &world.repo.join("site/public"), None).unwrap();
    // An output that contains the `deploy.toml` in use is refused.
    world.repo.remove("site/public/site/deploy.toml");
    keeps(
        &world,
        "site/public/site/source.html",
        "`public` holds a git repository, so it is not emptied first",
    );
}

#[test]
fn an_output_with_a_repository_deep_inside_is_not_emptied() {
    for below in ["a/b", "a"] {
        let world = world("true");
        world.repo.write("site/public/index.html", "page");
        world.repo.write(&format!("site/public/{below}/page.html"), "of another repository");
        Repository::init(world.repo.join(&format!("site/public/{below}"))).unwrap();
        keeps(
            &world,
            &format!("site/public/{below}/page.html"),
            "`public` holds a git repository, so it is not emptied first",
        );
    }
}

/// A submodule's `.git` is a file that says where its repository is.
#[test]
fn an_output_with_a_submodule_inside_is_not_emptied() {
    let world = world("true");
    world.repo.write("site/public/theme/page.html", "of another repository");
    let mut options = RepositoryInitOptions::new();
    options.workdir_path(&world.repo.join("site/public/theme"));
    Repository::init_opts(world.repo.join(".git/modules/theme"), options.no_dotgit_dir(true))
        .unwrap();
    assert!(world.repo.join("site/public/theme/.git").is_file());
    keeps(
        &world,
        "site/public/theme/page.html",
        "`public` holds a git repository, so it is not emptied first",
    );
}

/// It does not matter what the repository around a submodule ignores in the submodule. Such a site may also be refused
/// for that reason, so only its files are checked.
#[test]
fn an_output_that_belongs_to_a_submodule_is_not_emptied() {
    let world = world("true");
    world.repo.write("sub/site/public/index.html", "the source");
    let config = fs::read_to_string(world.repo.join("site/deploy.toml")).unwrap();
    world.repo.write("sub/site/deploy.toml", config);
    Repository::init(world.repo.join("sub")).unwrap();
    let ran = world.deploy(&["--site", "sub/site"]).exits(2);
    assert!(ran.stderr.contains("is in another git repository than"), "{}", ran.stderr);
    assert!(world.repo.join("sub/site/public/index.html").exists(), "{}", ran.stderr);
}

#[test]
fn an_output_with_a_tracked_file_is_not_emptied_whatever_its_name() {
    for name in [&b"caf\xe9.html"[..], b"kept.html"] {
        let world = world("rm -f public/caf*; echo page > public/index.html");
        let file = Path::new("site/public").join(OsStr::from_bytes(name));
        world.repo.write("site/public/index.html", "page");
        world.repo.write("site/public/stale.html", "stale");
        fs::write(world.repo.path().join(&file), "added by force").unwrap();
        add(&world, file.as_os_str().as_bytes());
        let ran = world.deploy(&[]).exits(0);
        assert!(world.repo.join("site/public/stale.html").exists(), "{}", ran.stderr);
        warns(&ran, "`public` holds files that git tracks, so it is not emptied first");
    }
}

/// Adds a path to the index. It need not be UTF-8.
fn add(world: &World, path: &[u8]) {
    let git = world.repo.git();
    let mut index = git.index().unwrap();
    let entry = IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: 0o100644,
        uid: 0,
        gid: 0,
        file_size: 0,
        id: Oid::ZERO_SHA1,
        flags: 0,
        flags_extended: 0,
        path: path.to_vec(),
    };
    index.add_frombuffer(&entry, b"added by force").unwrap();
    index.write().unwrap();
}

#[test]
fn an_output_that_git_ignores_is_emptied_also_below_an_ignored_folder_and_without_a_word() {
    let world = world("mkdir -p public && echo page > public/index.html");
    world.repo.write("site/public/old/stale.html", "stale");
    world.repo.write("outside/kept.html", "kept");
    symlink(world.repo.join("outside"), world.repo.join("site/public/link")).unwrap();
    let ran = world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);
    assert!(world.repo.join("outside/kept.html").exists(), "a link goes, and not what it leads to");
    assert!(!ran.stderr.contains("not emptied"), "{}", ran.stderr);
}

/// The generator has ended, but a process that it started has not. If the tool waited for that process, it would live
/// to write its file.
#[test]
fn a_process_that_the_generator_leaves_behind_is_not_waited_for() {
    let world = world("(sleep 30; touch ../outlived) & echo page > public/index.html; echo built");
    world.site([("index.html", "old")]);
    let ran = world.deploy(&[]).exits(0);
    assert!(!world.repo.join("outlived").exists(), "the deploy waited for it");
    assert!(ran.stderr.contains("built\n"), "{}", ran.stderr);
    warns(&ran, "a process that the generator started is still running");
}

#[test]
fn a_line_without_an_end_is_shown_in_pieces() {
    let world = world("head -c 200000 /dev/zero | tr '\\0' x; echo; echo short; printf unended");
    world.site([("index.html", "page")]);
    world.repo.write(".gitignore", "/target\n");
    let ran = world.deploy(&[]).exits(0);
    let pieces: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("xxx")).collect();
    assert_eq!(pieces.iter().map(|piece| piece.len()).sum::<usize>(), 200_000, "nothing is lost");
    assert!(pieces.iter().all(|piece| piece.len() <= 64 * 1024), "a piece is at most 64 KiB");
    assert!(ran.stderr.contains("short\nunended\n"), "{}", &ran.stderr[200_000..]);
}

/// The generator's child holds a pipe open until it ends, and would write into it if it were allowed to live.
#[test]
fn a_signal_ends_what_the_generator_started_too() {
    for signal in ["-INT", "-TERM"] {
        let world = world("(echo > started; sleep 30; echo outlived) > ../pipe & wait");
        let pipe = world.repo.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = std::thread::spawn(move || fs::read_to_string(pipe).unwrap());
        let variables =
            [(KEY_VARIABLE, world.store.key.as_str()), (SECRET_VARIABLE, &world.store.secret)];
        world.repo.xtask_signalled(&["deploy"], &variables, signal, "site/started").exits(130);
        assert_eq!(reader.join().unwrap(), "", "it was let live");
    }
}

#[test]
fn the_generator_sees_no_variable_that_looks_like_a_credential() {
    let world = world("env > public/env.txt");
    world.site([("index.html", "page")]);
    world.repo.write(".gitignore", "/target\n");
    let hidden = [
        "aws_session_token",
        "Aws_Profile",
        "STG_AWS_KEY",
        "stg_aws_key2",
        "MY_SECRET_ACCESS_KEY_2",
        "SECRET_ACCESS_KEY",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "GITLAB_ID_TOKEN",
        "VAULT_ID_TOKEN_2",
        "CIRCLE_OIDC_TOKEN",
        "BITBUCKET_STEP_OIDC_TOKEN",
        "SYSTEM_ACCESSTOKEN",
        "BUILDKITE_AGENT_ACCESS_TOKEN",
        "CI_JOB_JWT",
        "CI_JOB_JWT_V2",
        "ACTIONS_RUNTIME_TOKEN",
        "site_key",
        "Site_Secret",
    ];
    let seen = ["SEEN", "LAWS_OF_NATURE", "SYSTEM_ACCESSTOKENS_COUNT", "CI_JOB_ID"];
    let variables: Vec<_> = hidden.iter().chain(&seen).map(|name| (*name, "value")).collect();
    world.deploy_with(&[], &variables).exits(0);
    let env = String::from_utf8(world.objects()["env.txt"].body.clone()).unwrap();
    for name in hidden {
        assert!(!env.contains(&format!("{name}=")), "{name}:\n{env}");
    }
    for name in seen {
        assert!(env.contains(&format!("{name}=value\n")), "{name}:\n{env}");
    }
}

#[test]
fn public_settings_reach_the_generator_and_what_is_withheld_is_named() {
    let world = world("env > public/env.txt");
    world.site([("index.html", "page")]);
    world.repo.write(".gitignore", "/target\n");
    let public = [
        ("VITE_AWS_REGION", "eu-central-1"),
        ("REACT_APP_AWS_USER_POOLS_ID", "x"),
        ("NEXT_PUBLIC_AWS_URL", "y"),
        ("GATSBY_AWS_BUCKET", "z"),
        ("PUBLIC_AWS_POOL", "p"),
        ("AWS_REGION", "eu-central-1"),
        ("CARGO_HOME", "/cargo"),
    ];
    let copy = ("COPY_OF_IT", world.store.secret.as_str());
    let withheld = [
        ("AWS_SECRET_ACCESS_KEY", "a"),
        ("CI_JOB_TOKEN", "b"),
        copy,
        ("GITHUB_TOKEN", "c"),
        ("MY_AWS_SECRET", "d"),
        ("S3_SECRET_KEY", "e"),
        ("VITE_AWS_SECRET", "f"),
    ];
    let of_cargo =
        [("RUSTUP_TOOLCHAIN", "x"), ("CARGO_MANIFEST_DIR", "x"), ("CARGO_PKG_NAME", "x")];
    let ran = world.deploy_with(&[], &[&public[..], &withheld, &of_cargo].concat()).exits(0);
    let env = String::from_utf8(world.objects()["env.txt"].body.clone()).unwrap();
    for (name, value) in public {
        assert!(env.contains(&format!("{name}={value}\n")), "{name}:\n{env}");
    }
    for (name, _) in withheld.iter().chain(&of_cargo) {
        assert!(!env.contains(&format!("{name}=")), "{name}:\n{env}");
    }
    let line = "left out of the generator's environment: AWS_SECRET_ACCESS_KEY, CI_JOB_TOKEN, COPY_OF_IT, GITHUB_TOKEN, MY_AWS_SECRET, S3_SECRET_KEY, SITE_KEY, SITE_SECRET, VITE_AWS_SECRET\n";
    assert!(ran.stderr.contains(line), "{}", ran.stderr);
}

#[test]
fn the_file_lets_a_variable_through_but_no_credential_of_an_environment() {
    let world = world("env > public/env.txt");
    world.site([("index.html", "page")]);
    world.repo.write(".gitignore", "/target\n");
    let config = fs::read_to_string(world.repo.join("site/deploy.toml")).unwrap();
    let env = |names: &str| {
        let config = config.replace("[build]", &format!("[build]\nenv = [{names}]"));
        world.repo.write("site/deploy.toml", config);
    };
    env("\"MY_AWS_NAME\", \"RUSTUP_TOOLCHAIN\"");
    let variables = [("MY_AWS_NAME", "x"), ("OTHER_AWS_NAME", "x"), ("RUSTUP_TOOLCHAIN", "x")];
    let ran = world.deploy_with(&[], &variables).exits(0);
    let seen = String::from_utf8(world.objects()["env.txt"].body.clone()).unwrap();
    assert!(seen.contains("MY_AWS_NAME=x\n") && seen.contains("RUSTUP_TOOLCHAIN=x\n"), "{seen}");
    assert!(!seen.contains("OTHER_AWS_NAME"), "{seen}");
    assert!(!ran.stderr.contains("MY_AWS_NAME"), "{}", ran.stderr);

    env("\"SITE_SECRET\"");
    let ran = world.deploy(&[]).exits(2);
    assert!(ran.stderr.contains("deploy.toml:2"), "{}", ran.stderr);
    let said =
        "`production` takes its credentials from `SITE_SECRET`, so the generator never gets it";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn the_generator_is_told_when_the_commit_was_made() {
    let world = world("mkdir -p public; echo \"$SOURCE_DATE_EPOCH\" > public/index.html");
    let time = world.repo.git().head().unwrap().peel_to_commit().unwrap().time().seconds();
    let built = |variables: &[(&str, &str)]| {
        world.deploy_with(&[], variables).exits(0);
        String::from_utf8(world.objects()["index.html"].body.clone()).unwrap()
    };
    assert_eq!(built(&[]), format!("{time}\n"));
    assert_eq!(built(&[("SOURCE_DATE_EPOCH", "")]), format!("{time}\n"));
    assert_eq!(built(&[("SOURCE_DATE_EPOCH", "1234")]), "1234\n", "the user's own stays");
}

#[test]
fn the_generator_is_told_where_the_site_goes() {
    let world = world("mkdir -p public && env | grep ^DEPLOY_ | sort > public/told.txt");
    let config = fs::read_to_string(world.repo.join("site/deploy.toml")).unwrap();
    let more = "branches = [\"feature/*\"]\nprefix = \"{branch}/\"\nurl = \"https://dev.example.com/{branch}/\"";
    world.repo.write("site/deploy.toml", config.replace("branches = [\"main\"]", more));
    world.repo.switch_to_new("feature/a");
    world.deploy(&[]).exits(0);
    let told = &world.objects()["feature__a/told.txt"].body;
    assert_eq!(
        std::str::from_utf8(told).unwrap(),
        "DEPLOY_BRANCH=feature/a\nDEPLOY_ENVIRONMENT=production\nDEPLOY_PREFIX=feature__a/\nDEPLOY_URL=https://dev.example.com/feature__a/\n"
    );
}

#[test]
fn an_output_that_git_does_not_ignore_is_reported() {
    let world = world("true");
    world.repo.write(".gitignore", "/target\n");
    world.repo.write("site/public/stale.html", "stale");
    let ran = world.deploy(&[]).exits(0);
    warns(&ran, "git does not ignore `public`, so it is not emptied first");
    let next = "if only the generator writes to it, add it to .gitignore\n";
    assert!(ran.stderr.contains(next), "{}", ran.stderr);
}

#[test]
fn a_build_that_wrote_another_folder_is_reported_with_the_line_to_correct() {
    // What the build writes, and the message about it.
    let rows = [
        ("mkdir -p dist && echo page > dist/index.html", "it wrote `dist`", "output = \"dist\""),
        (
            "mkdir -p .out/public && echo page > .out/public/index.html",
            "it wrote `.out/public`",
            "output = \".out/public\"",
        ),
        (
            "mkdir -p ../www && echo page > ../www/index.html",
            "it wrote `../www`",
            "output = \"../www\", or let the generator write to `",
        ),
    ];
    for (line, wrote, hint) in rows {
        // The folder may be missing, or may have been emptied for this build.
        for is_there in [false, true] {
            let world = world(line);
            world.repo.write("site/old/index.html", "of another day");
            let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1 << 30);
            let old = fs::File::options().write(true).open(world.repo.join("site/old/index.html"));
            old.unwrap().set_modified(long_ago).unwrap();
            if is_there {
                world.repo.write("site/public/index.html", "old");
            }
            let ran = world.deploy(&[]).exits(1);
            let said = &ran.stderr[ran.stderr.find("error: ").unwrap()..];
            assert!(said.starts_with("error: the build wrote nothing to `public`\n"), "{said}");
            assert!(said.contains(wrote) && said.contains(hint), "{said}");
            assert_eq!(world.wire.take_writes(), 0);
        }
    }
}

#[test]
fn the_report_of_a_failed_build_has_the_last_lines_that_it_printed() {
    let world = world(
        "n=0; while [ $n -lt 30 ]; do n=$((n+1)); echo \"<$n>\"; done; \
         cat token.txt; printf '\\033[31mno theme\\033[0m\\n' >&2; exit 3",
    );
    world.repo.write("site/token.txt", format!("token {}\n", world.store.secret));
    let ran = world.deploy(&["--json"]).exits(1);
    let failed = &ran.json()["failed"];
    let message = failed["message"].as_str().unwrap();
    assert!(message.starts_with("the build failed: `sh -c ") && message.ends_with("exit code 3"));
    let causes: Vec<&str> =
        failed["causes"].as_array().unwrap().iter().map(|cause| cause.as_str().unwrap()).collect();
    assert_eq!((causes.len(), causes[0]), (20, "<13>"));
    assert_eq!(causes[18..], ["token ****", "no theme"]);
    assert!(failed["hint"].as_str().unwrap().contains("nothing was deployed"));
    // The terminal has already shown them, above the error.
    assert_eq!(ran.stderr.matches("<30>").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_build_that_wrote_nothing_is_refused_as_before() {
    let world = world("true");
    world.repo.write("site/public/index.html", "old");
    let ran = world.deploy(&["--json"]).exits(3);
    assert_eq!(ran.json()["refused"]["code"], "empty-site");
}

/// A world whose `output` names a folder of the user by mistake. The generator writes to `public`.
fn mistaken(line: &str) -> World {
    let world = world(line);
    let config = fs::read_to_string(world.repo.join("site/deploy.toml")).unwrap();
    world.repo.write("site/deploy.toml", config.replace("\"public\"", "\"static\""));
    world.repo.write("site/static/photo.jpg", "the only copy");
    world.repo.write("site/static/deep/er/photo.jpg", "the only copy");
    world
}

#[track_caller]
fn has_its_photos(world: &World, why: &str) {
    for photo in ["site/static/photo.jpg", "site/static/deep/er/photo.jpg"] {
        let found = fs::read(world.repo.join(photo)).unwrap_or_default();
        assert_eq!(found, b"the only copy", "`{photo}` is gone: {why}");
    }
}

#[test]
fn what_an_output_held_is_put_back_unless_a_build_fills_the_output() {
    // What the build does, and how a deploy ends.
    let rows = [
        ("mkdir -p public && echo page > public/index.html", 1),
        ("mkdir -p public && echo feed > public/feed.xml", 3),
        ("true", 3),
        ("rm -rf static", 1),
        ("mkdir -p static/deep/er static/empty", 3),
        ("exit 7", 1),
        ("echo page > static/index.html; exit 7", 1),
        ("mkdir static/deep && echo page > static/deep/index.html; exit 7", 1),
        ("rm -rf static; ln -s ../.. static; exit 7", 1),
    ];
    for (line, code) in rows {
        for arguments in [&[][..], &["--dry-run"], &["--local"]] {
            let world = mistaken(line);
            world.repo.write(".gitignore", "/target\npublic\nstatic\n");
            let refused = arguments == ["--dry-run"] && code == 3;
            let ran = world.deploy(arguments).exits(if refused { 0 } else { code });
            if line.contains("ln -s") {
                let kept = world.repo.files("target/xtask/emptied");
                assert!(kept.contains_key("0/photo.jpg"), "it stays aside: {:?}", kept.keys());
                warns(&ran, "the earlier content of the output stays in `");
                continue;
            }
            has_its_photos(&world, &format!("{line} {arguments:?}\n{}", ran.stderr));
            let left = fs::read_dir(world.repo.join("target/xtask/emptied")).unwrap().count();
            assert_eq!(left, 0, "{line}");
        }
    }
}

#[test]
fn what_an_output_held_is_put_back_when_a_build_is_interrupted() {
    let world = mistaken("echo > started; sleep 30");
    world.repo.write(".gitignore", "/target\npublic\nstatic\n");
    let variables =
        [(KEY_VARIABLE, world.store.key.as_str()), (SECRET_VARIABLE, &world.store.secret)];
    let ran = world.repo.xtask_signalled(&["deploy"], &variables, "-INT", "site/started");
    has_its_photos(&world, &ran.exits(130).stderr);
}

#[test]
fn what_a_killed_run_moved_aside_stays_until_a_build_fills_the_output() {
    let world = mistaken("mkdir -p public && echo page > public/index.html");
    world.repo.write(".gitignore", "/target\npublic\nstatic\n");
    world.repo.write("target/xtask/emptied/0/photo.jpg", "of a run that was killed");
    world.deploy(&[]).exits(1);
    assert!(world.repo.join("target/xtask/emptied/0/photo.jpg").exists());
}

#[test]
fn a_build_that_wrote_another_folder_is_reported_even_if_the_output_is_not_emptied() {
    let world = mistaken("mkdir -p public && echo page > public/index.html");
    let ran = world.deploy(&[]).exits(1);
    let said = &ran.stderr[ran.stderr.find("error: ").unwrap()..];
    assert!(said.starts_with("error: the build wrote nothing to `static`\n"), "{said}");
    assert!(said.contains("it wrote `public`") && said.contains("output = \"public\""), "{said}");
    assert_eq!(world.wire.take_writes(), 0);
    has_its_photos(&world, &ran.stderr);

    // An output with a home page may be up to date.
    world.repo.write("site/static/index.html", "page");
    let ran = world.deploy(&[]).exits(0);
    warns(&ran, "the build wrote nothing to `static`: it wrote `public`; correct deploy.toml");
}

#[test]
fn a_build_that_wrote_another_folder_is_reported_even_if_it_kept_the_times_of_its_copies() {
    let world = mistaken(
        "mkdir -p public && echo page > public/index.html && touch -d 2001-01-01 public/index.html",
    );
    world.repo.write("site/static/index.html", "page");
    let ran = world.deploy(&[]).exits(0);
    warns(&ran, "the build wrote nothing to `static`: it wrote `public`; correct deploy.toml");
}

#[test]
fn a_build_that_writes_to_its_output_may_write_other_folders_too() {
    let copy = "mkdir -p public && echo page > public/index.html && ";
    for line in ["echo x > static/a.txt", "touch -d 2001-01-01 ../a && cp -p ../a static/a.txt"] {
        let world = mistaken(&format!("{copy}{line}"));
        let ran = world.deploy(&[]).exits(0);
        assert!(!ran.stderr.contains("wrote nothing"), "{line}: {}", ran.stderr);
        assert!(world.keys().contains(&"a.txt".to_owned()));
    }
}

#[test]
fn a_site_without_a_home_page_is_reported_and_so_is_its_empty_submodule() {
    let world = world("mkdir -p public && echo feed > public/feed.xml");
    let no_home = "the site has no `index.html`: visitors of its address get an error; ";
    for arguments in [&["--dry-run"][..], &[], &[]] {
        let ran = world.deploy(arguments).exits(0);
        warns(&ran, &format!("{no_home}check the log of the build"));
    }
    world.repo.write(".gitmodules", "[submodule \"t\"]\n\tpath = themes/t\n\turl = x\n");
    fs::create_dir_all(world.repo.join("themes/t")).unwrap();
    let check_out = "the submodule `themes/t` is empty: git submodule update --init --recursive";
    warns(&world.deploy(&[]).exits(0), &format!("{no_home}{check_out}\n"));

    world.repo.write("site/public/index.html", "page");
    let ran = world.deploy(&["--no-build"]).exits(0);
    assert!(!ran.stderr.contains("index.html"), "{}", ran.stderr);
    let ran = world.deploy(&[]).exits(3);
    assert!(ran.stderr.contains(&format!("hint: {check_out}; else check ")), "{}", ran.stderr);
}

#[test]
fn a_home_page_that_another_environment_or_keep_puts_there_is_not_missed() {
    let world = world("mkdir -p public && echo feed > public/feed.xml");
    world.store.put(&world.bucket, "index.html", b"theirs", "text/html");
    let config = fs::read_to_string(world.repo.join("site/deploy.toml")).unwrap();
    world.repo.write("site/deploy.toml", format!("keep = [\"index.html\"]\n{config}"));
    let ran = world.deploy(&[]).exits(0);
    assert!(!ran.stderr.contains("the site has no"), "{}", ran.stderr);
}

#[test]
fn a_program_that_a_shell_does_not_find_is_named() {
    for (line, name) in [
        ("hugo-that-is-not-here --minify", "`hugo-that-is-not-here`"),
        ("A=b zola-that-is-not-here build", "`zola-that-is-not-here`"),
        ("cd . && true && hugo-that-is-not-here", "`hugo-that-is-not-here`"),
        ("./missing.sh", "the program that was not found"),
    ] {
        let ran = world(line).deploy(&[]).exits(1);
        let hint = format!("hint: is {name} installed, and on the PATH?\n");
        assert!(ran.stderr.contains(&hint), "{line}: {}", ran.stderr);
    }
}

/// The other run builds while files of this one are still waiting to be sent.
#[test]
fn a_run_that_empties_the_output_of_another_is_named() {
    let world = world(
        "mkdir -p public; [ -e ../second ] && echo > public/x.css || cp ../*.css public; touch ../second",
    );
    for n in 0..400 {
        world.repo.write(&format!("{n:03}.css"), "style");
    }
    world.store.put(&world.bucket, "old.css", b"old", "text/css");
    let mut other = Some(world.repo.command("", &["deploy", "--local"], &[]));
    world.wire.disturb(move |seen| {
        let is_upload = seen.writes() && !seen.path.contains(".xtask/");
        if let Some(mut other) = other.take_if(|_| is_upload) {
            let ran = other.output().unwrap();
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        }
        None
    });
    let ran = world.deploy(&["--max-deletes", "5"]).exits(1);
    assert!(ran.stderr.contains("No such file or directory"), "{}", ran.stderr);
    let hint =
        "another run in this checkout emptied `public` meanwhile; run it again, one at a time\n";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    assert!(!ran.stderr.contains("deleted 0"), "{}", ran.stderr);
}
