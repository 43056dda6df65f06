//! What is live, according to `status`.

use serde_json::{Value, json};

use crate::forged::{forge, forge_live, names};
use crate::harness::{KEY_VARIABLE, SECRET_VARIABLE, World};

fn status(world: &World) -> Value {
    world.xtask(&["status", "--json"]).exits(0).json()["environments"].clone()
}

fn other_environment(world: &World, name: &str, more: &str) -> String {
    format!(
        r#"
[environments.{name}]
region = "{}"
bucket = "{}"
endpoint = "{}"
{more}
"#,
        world.store.region,
        world.bucket,
        world.wire.endpoint()
    )
}

#[test]
fn it_tells_the_commit_who_and_when_and_how_far_that_is_from_head() {
    let world = World::new();
    world.site([("index.html", "page"), ("style.css", "style")]);
    let nothing = status(&world);
    assert_eq!((&nothing[0]["deploy"], &nothing[0]["objects"]), (&Value::Null, &json!(0)));

    let deployed = world.repo.commit("one").to_string();
    world.deploy_with(&[], &[("USER", "kim"), ("HOSTNAME", "laptop")]).exits(0);
    let live = &status(&world)[0];
    let deploy = &live["deploy"];
    assert_eq!(
        [
            &live["environment"],
            &deploy["commit"],
            &deploy["branch"],
            &deploy["dirty"],
            &deploy["by"]
        ],
        [
            &json!("production"),
            &json!(deployed),
            &json!("main"),
            &json!(false),
            &json!("kim@laptop")
        ]
    );
    assert_eq!(
        [&live["behind"], &live["ahead"], &live["objects"]],
        [&json!(0), &json!(0), &json!(2)]
    );
    assert!(deploy["at"].as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')));

    for n in ["two", "three", "four"] {
        world.repo.write("more", n);
        world.repo.commit(n);
    }
    assert_eq!(status(&world)[0]["behind"], json!(3));
    world.wire.take();
    let text = world.xtask(&["status"]).exits(0).stdout;
    for word in ["production", &deployed[..7], "3 commits behind", "kim@laptop", "2 objects"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn drift_is_what_others_changed_added_or_deleted_since() {
    let world = World::new();
    world.site([("index.html", "page"), ("a.css", "a"), ("b.css", "b"), ("gone.css", "gone")]);
    world.deploy(&[]).exits(0);
    let time = world.store.modified(&world.bucket, ".xtask/record");
    world.store.put(&world.bucket, "index.html", b"theirs", "text/html");
    world.store.put(&world.bucket, "theirs.txt", b"theirs", "text/plain");
    // The same bytes with other headers: only the time shows the change.
    world.store.put_after(time, &world.bucket, "a.css", b"a", "text/plain");
    world.store.remove(&world.bucket, "gone.css");
    let live = &status(&world)[0];
    assert_eq!(
        live["drift"],
        json!({"changed": ["a.css", "index.html"], "added": ["theirs.txt"], "deleted": ["gone.css"]})
    );
    let text = world.xtask(&["status"]).exits(0).stdout;
    assert!(text.contains("2 changed, 1 added, 1 deleted by others since"), "{text}");
    assert!(text.contains("  + theirs.txt"), "{text}");

    world.deploy(&[]).exits(0);
    assert_eq!(status(&world)[0]["drift"], json!({"changed": [], "added": [], "deleted": []}));
}

#[test]
fn what_is_kept_or_retained_or_of_others_is_no_drift() {
    let world = World::new();
    let retain = "retain = \"7d\"\nkeep = [\"uploads/**\"]\n";
    world.repo.write("site/deploy.toml", format!("{retain}{}", world.config("")));
    world.site([("index.html", "page"), ("old.css", "old")]);
    world.deploy(&[]).exits(0);
    world.site([("index.html", "page 2")]);
    world.deploy(&[]).exits(0);
    world.store.put(&world.bucket, "uploads/a.txt", b"theirs", "text/plain");
    world.store.put(&world.bucket, "other/.xtask/record", b"theirs", "text/plain");
    world.store.put(&world.bucket, "other/a.txt", b"theirs", "text/plain");
    let live = &status(&world)[0];
    assert_eq!(live["drift"], json!({"changed": [], "added": [], "deleted": []}));
    assert_eq!(live["objects"], json!(2));
}

#[test]
fn an_environment_that_cannot_be_read_is_a_line_with_the_reason() {
    let world = World::new();
    let staging = "branches = [\"staging\"]\nprefix = \"stg\"\ncredentials = { access-key-id = \"STG_KEY\", secret-access-key = \"STG_SECRET\" }";
    world.configure(&other_environment(&world, "staging", staging));
    world.site([("index.html", "page")]);
    world.deploy(&[]).exits(0);
    let both = status(&world);
    assert_eq!(both[0]["objects"], json!(1));
    let reason = both[1]["error"].as_str().expect("a reason");
    assert!(reason.contains("STG_KEY and STG_SECRET are not set"), "{reason}");
    let text = world.xtask(&["status"]).exits(0).stdout;
    assert!(text.contains("staging") && text.contains("cannot be read: STG_KEY"), "{text}");

    // If no environment can be read, the run fails.
    let none = world.repo.xtask(&["status"], &[]).exits(1);
    assert!(
        none.stdout.contains(KEY_VARIABLE) && none.stdout.contains(SECRET_VARIABLE),
        "{}",
        none.stdout
    );
}

#[test]
fn each_branch_of_an_environment_has_a_line() {
    let world = World::new();
    let development = format!(
        "branches = [\"feature/**\"]\nprefix = \"dev/{{branch}}/\"\ncredentials = {{ access-key-id = \"{KEY_VARIABLE}\", secret-access-key = \"{SECRET_VARIABLE}\" }}"
    );
    world.configure(&other_environment(&world, "development", &development));
    world.site([("index.html", "page")]);
    world.deploy(&[]).exits(0);
    for branch in ["feature/a", "feature/b"] {
        world.repo.switch_to_new(branch);
        world.site([("index.html", branch)]);
        world.deploy(&[]).exits(0);
    }
    world.deploy_with(&[], &[]).exits(0);
    let all = status(&world);
    let places: Vec<&Value> =
        all.as_array().unwrap().iter().map(|place| &place["prefix"]).collect();
    assert_eq!(places, [&json!(""), &json!("dev/feature__a/"), &json!("dev/feature__b/")]);
    assert_eq!(all[1]["deploy"]["branch"], json!("feature/a"));
    for place in all.as_array().unwrap() {
        assert_eq!(place["objects"], json!(1), "{place}");
        assert_eq!(place["drift"], json!({"changed": [], "added": [], "deleted": []}), "{place}");
    }
}

#[test]
fn one_environment_is_shown_with_its_earlier_deploys() {
    let world = World::new();
    for n in ["one", "two", "three"] {
        world.site([("index.html", n)]);
        world.repo.commit(n);
        world.deploy(&[]).exits(0);
    }
    let text = world.xtask(&["status", "--env", "production"]).exits(0).stdout;
    let pasted = "earlier deploys, for cargo xtask rollback --env production --to NAME:\n";
    assert!(text.contains(pasted), "{text}");
    let of_folder = world.xtask(&["status", "--site", "site", "--env", "production"]).exits(0);
    let pasted = "cargo xtask rollback --env production --site site --to NAME:\n";
    assert!(of_folder.stdout.contains(pasted), "{}", of_folder.stdout);
    let first = world.repo.git().revparse_single("HEAD~2").unwrap().id().to_string();
    let second = world.repo.git().revparse_single("HEAD~1").unwrap().id().to_string();
    let place = |commit: &str| text.find(&format!("Z-{}", &commit[..7])).expect("the deploy");
    assert!(place(&second) < place(&first), "{text}");
    let live = &status(&world)[0];
    assert_eq!(live["earlier"].as_array().map(Vec::len), Some(2), "{live}");
    assert_eq!(live["earlier"][1]["commit"], json!(first));
    let unknown = world.xtask(&["status", "--env", "nowhere"]).exits(2);
    assert!(unknown.stderr.contains("no environment `nowhere`"), "{}", unknown.stderr);
}

#[test]
fn a_record_that_cannot_be_read_is_reported() {
    let world = World::new();
    world.site([("index.html", "page")]);
    world.deploy(&[]).exits(0);
    world.store.put(&world.bucket, ".xtask/record", b"{\"version\":9}", "application/json");
    let live = &status(&world)[0];
    assert_eq!((&live["deploy"], &live["objects"]), (&Value::Null, &json!(1)));
    let warning = live["warnings"][0].as_str().expect("a warning");
    assert!(warning.contains("newer version of this tool"), "{warning}");
    let text = world.xtask(&["status"]).exits(0).stdout;
    assert!(text.contains("newer version of this tool"), "{text}");
}

#[test]
fn before_the_first_deploy_there_is_nothing_and_that_is_no_failure() {
    let world = World::new();
    let development = format!(
        "branches = [\"feature/**\"]\nprefix = \"dev/{{branch}}/\"\ncredentials = {{ access-key-id = \"{KEY_VARIABLE}\", secret-access-key = \"{SECRET_VARIABLE}\" }}"
    );
    world.configure(&other_environment(&world, "development", &development));
    for arguments in
        [&["status"][..], &["status", "--local"], &["status", "--local", "--env", "development"]]
    {
        let text = world.xtask(arguments).exits(0).stdout;
        assert!(
            text.contains("nothing deployed yet") && !text.contains("cannot be read"),
            "{text}"
        );
    }
    let all = status(&world);
    assert_eq!(all.as_array().map(Vec::len), Some(2), "{all}");
}

#[test]
fn a_login_in_the_address_of_a_job_is_not_shown() {
    let world = World::new();
    world.site([("index.html", "page")]);
    world.deploy_with(&[], &[("USER", "kim"), ("HOSTNAME", "laptop")]).exits(0);
    world.site([("index.html", "new")]);
    world.deploy_with(&[], &[("USER", "kim"), ("HOSTNAME", "laptop")]).exits(0);
    // As an earlier version of this tool wrote it.
    let with_login = |text: &str| {
        assert!(text.contains("kim@laptop"), "{text}");
        text.replace("kim@laptop", "https://robot:s3cr3t-token@ci.example.com/job/7?key=s3cr3t")
    };
    forge_live(&world, with_login);
    let earlier = names(&world).pop().expect("an earlier deploy");
    forge(&world, &earlier, &earlier, "kim@laptop", "https://robot:s3cr3t-token@ci.example.com/6");
    let asked = [&["status", "--json"][..], &["status", "--env", "production"]];
    for arguments in asked {
        let ran = world.xtask(arguments).exits(0);
        assert!(ran.stdout.contains("https://ci.example.com/job/7"), "{}", ran.stdout);
        assert!(ran.stdout.contains("https://ci.example.com/6"), "{}", ran.stdout);
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains("s3cr3t") && !text.contains("robot"), "{text}");
        }
    }
    // The record of the next deploy does not contain it either.
    world.site([("index.html", "newer")]);
    world.deploy(&[]).exits(0);
    let ran = world.xtask(&["status", "--json"]).exits(0);
    assert!(!ran.stdout.contains("s3cr3t"), "{}", ran.stdout);
}

#[test]
fn a_login_in_a_lock_is_not_shown() {
    let world = World::new();
    world.site([("index.html", "page")]);
    let lock = json!({
        "version": 1, "id": "01234567", "who": "https://robot:s3cr3t-token@ci.example.com/7",
        "since": 1_000, "renewed": 1_000, "expires": 2_000, "renewals": 1,
    });
    world.store.put(&world.bucket, ".xtask/lock", lock.to_string().as_bytes(), "application/json");
    let ran = world.deploy(&[]).exits(3);
    let shown = format!("{}{}", ran.stdout, ran.stderr);
    assert!(shown.contains("https://ci.example.com/7"), "{shown}");
    assert!(!shown.contains("s3cr3t") && !shown.contains("robot"), "{shown}");
}
