//! Assets that no longer belong to the site stay for a while, for readers of the pages that named them.

use std::time::Duration;

use serde_json::json;

use crate::harness::World;

const PAGES: [(&str, &str); 2] = [("index.html", "page"), ("new.css", "new")];

/// A world with an asset and a page that no longer belong to the site.
fn changed(retain: &str) -> World {
    let world = World::new();
    world.configure(retain);
    world.site([("index.html", "page"), ("old.css", "old"), ("old.html", "old")]);
    world.deploy(&[]).exits(0);
    world.site(PAGES);
    world
}

#[test]
fn an_asset_stays_and_a_page_goes() {
    let world = changed("retain = \"7d\"");
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(report["deletes"], json!(["old.html"]));
    assert_eq!(world.keys(), ["index.html", "new.css", "old.css"]);

    world.wire.take();
    let again = world.deploy(&[]).exits(0);
    assert!(again.stdout.contains("2 objects unchanged, 1 retained"), "{}", again.stdout);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn the_first_deploy_after_its_time_deletes_a_retained_asset() {
    let world = changed("retain = \"1s\"");
    world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), ["index.html", "new.css", "old.css"]);
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while world.keys().len() > 2 {
        assert!(std::time::Instant::now() < deadline, "it is still there after a minute");
        world.deploy(&[]).exits(0);
    }
    world.assert_bucket_equals_site("");
}

#[test]
fn an_asset_that_returns_belongs_to_the_site_again_and_its_time_restarts() {
    let world = changed("retain = \"7d\"");
    world.deploy(&[]).exits(0);
    world.site([PAGES[0], PAGES[1], ("old.css", "old")]);
    let back = world.deploy(&["--json"]).exits(0).json();
    assert_eq!((&back["uploads"], &back["unchanged"]), (&json!([]), &json!(3)));
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0);
}

#[test]
fn without_the_setting_retained_assets_are_deleted_at_once() {
    let world = changed("retain = \"7d\"");
    world.deploy(&[]).exits(0);
    world.configure("");
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(report["deletes"], json!(["old.css"]));
    world.assert_bucket_equals_site("");
}

#[test]
fn above_the_first_section_the_setting_is_for_every_environment() {
    let world = changed("");
    world.repo.write("site/deploy.toml", format!("retain = \"7d\"\n{}", world.config("")));
    let report = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(report["deletes"], json!(["old.html"]));
}

#[test]
fn a_deploy_that_only_drops_an_asset_has_a_record_of_its_own() {
    let world = World::new();
    world.configure("retain = \"7d\"");
    for files in [&[("index.html", "page"), ("old.css", "old")][..], &[("index.html", "page")]] {
        world.site(files.iter().copied());
        world.repo.commit("a state");
        world.deploy(&[]).exits(0);
    }
    let status = world.xtask(&["status", "--json"]).exits(0).json();
    let live = &status["environments"][0];
    assert_eq!(live["earlier"].as_array().map(Vec::len), Some(1), "{live}");
}
