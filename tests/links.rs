//! Warnings about pages that lead away from what is deployed.

use crate::harness::World;

/// A site of four pages that all contain these tags, deployed as `main` to an environment with more lines. `command` is
/// the generator's.
fn deployed(command: &str, more: &str, tags: &str, arguments: &[&str]) -> (World, String) {
    let world = World::new();
    world.repo.write(".gitignore", "/target\n/site/public\n");
    let config = world.config(more);
    world.repo.write("site/deploy.toml", config.replace("[build]", &format!("[build]\n{command}")));
    let page = format!("<!doctype html>{tags}");
    let pages = ["index.html", "about.html", "posts/index.html", "posts/one.html"];
    let pages = pages.into_iter().map(|key| (format!("page/{key}"), page.as_str()));
    let files = pages.chain([("page/css/site.css".to_owned(), "p {}")]);
    for (key, content) in files {
        world.repo.write(&format!("site/{key}"), content);
        world.repo.write(&format!("site/public/{}", &key["page/".len()..]), content);
    }
    world.repo.commit("site");
    let said = world.deploy(arguments).exits(0).stderr;
    (world, said)
}

/// A generator that ignores where the site goes.
const DEAF: &str = "command = [\"sh\", \"-c\", \"mkdir -p public; cp -R page/. public\"]";

const LIVE: &str = "\n[environments.live]\nbranches = [\"live\"]\nendpoint = \"http://127.0.0.1:1\"\nbucket = \"live\"\nurl = \"https://site.test/\"\n";

#[track_caller]
fn assert_told(command: &str, more: &str, tags: &str, arguments: &[&str], expected: &str) {
    let (_, said) = deployed(command, more, tags, arguments);
    let warnings =
        said.lines().filter(|line| line.starts_with("warning: ") && line.contains(" page"));
    let warnings: Vec<&str> = warnings.collect();
    assert_eq!(warnings.join("\n"), expected, "{said}");
}

const SHEET: &str = "<link rel=stylesheet href=\"https://site.test/css/site.css\">";

#[test]
fn pages_that_load_their_files_from_another_address() {
    let asks = "warning: 4 pages ask https://site.test for `css/site.css`, not this deploy: ";
    let own = "url = \"https://stg.site.test/\"";
    for (command, url, arguments, next) in [
        (DEAF, "", &[][..], "give `production` its `url`, and the generator DEPLOY_URL"),
        (DEAF, own, &[], "the generator does not take DEPLOY_URL, which is https://stg.site.test/"),
        // No generator was run.
        (
            DEAF,
            own,
            &["--no-build"],
            "these pages were built for https://site.test; build them again for https://stg.site.test/",
        ),
        (
            "",
            own,
            &[],
            "these pages were built for https://site.test; build them again for https://stg.site.test/",
        ),
        (
            DEAF,
            "",
            &["--no-build"],
            "these pages were built for https://site.test; give `production` its `url`, and build them again for it",
        ),
    ] {
        let more = format!("{url}{LIVE}");
        assert_told(command, &more, SHEET, arguments, &format!("{asks}{next}"));
    }
    assert_told(DEAF, &format!("url = \"https://SITE.test/\"{}", ""), SHEET, &[], "");
}

const MENU: &str =
    "<link rel=stylesheet href=css/site.css><a href=https://site.test/posts/>Posts</a>";

#[test]
fn pages_that_link_to_another_environment() {
    let links = "warning: 4 pages link to https://site.test/posts/, the site of `live`: ";
    let own = "url = \"https://stg.site.test/\"";
    for (url, arguments, next) in [
        ("", &[][..], "give `production` its `url`, and the generator DEPLOY_URL"),
        (own, &[], "the generator does not take DEPLOY_URL, which is https://stg.site.test/"),
        (
            own,
            &["--no-build"],
            "these pages were built for https://site.test; build them again for https://stg.site.test/",
        ),
    ] {
        let more = format!("{url}{LIVE}");
        assert_told(DEAF, &more, MENU, arguments, &format!("{links}{next}"));
    }
    // Its own address, and one that belongs to no environment.
    assert_told(DEAF, "url = \"https://site.test/\"", MENU, &[], "");
    assert_told(DEAF, own, MENU, &[], "");
}

#[test]
fn one_page_that_links_there_on_purpose_causes_no_warning() {
    let (world, _) = deployed(DEAF, &format!("url = \"https://stg.site.test/\"{LIVE}"), "", &[]);
    world.repo.write("site/page/about.html", MENU);
    let said = world.deploy(&[]).exits(0).stderr;
    assert!(!said.contains("https://site.test"), "{said}");
}

#[test]
fn pages_that_link_to_the_address_of_a_sample() {
    let menu = "<a href=https://example.org/posts/>Posts</a>";
    let links = "warning: 4 pages link to https://example.org/posts/, not this deploy: ";
    let without = "give `production` its `url`, and the generator DEPLOY_URL";
    assert_told(DEAF, "", menu, &[], &format!("{links}{without}"));
    let url = "url = \"https://site.test/\"";
    let with = "the generator does not take DEPLOY_URL, which is https://site.test/";
    assert_told(DEAF, url, menu, &[], &format!("{links}{with}"));
    let sheet = "<link rel=stylesheet href=http://localhost:1313/css/site.css>";
    let asks = "warning: 4 pages ask http://localhost:1313 for `css/site.css`, not this deploy: ";
    assert_told(DEAF, "", sheet, &[], &format!("{asks}{without}"));
}

#[test]
fn pages_in_a_folder_that_ask_for_files_outside_of_it() {
    let sheet = "<link rel=stylesheet href=/css/site.css><a href=/posts/>";
    let advice = "which is outside of `main/`: let the generator write relative links, or begin them with the path of DEPLOY_URL";
    let asks = format!("warning: 4 pages ask for `/css/site.css`, {advice}");
    let prefix = "prefix = \"{branch}/\"";
    let with_path = format!("{prefix}\nurl = \"https://dev.test/{{branch}}/\"");
    let with_host = format!("{prefix}\nurl = \"https://{{branch}}.dev.test/\"");
    assert_told(DEAF, &with_path, sheet, &[], &asks);
    let name_it = "; if a host name leads to that folder, give `production` its `url`";
    assert_told(DEAF, prefix, sheet, &[], &format!("{asks}{name_it}"));
    assert_told(DEAF, &with_host, sheet, &[], "");
    let right = "<link rel=stylesheet href=/main/css/site.css><a href=/main/posts/>";
    assert_told(DEAF, &with_path, right, &[], "");
    let menu = "<a href=/posts/>Posts</a>";
    let links = format!("warning: 4 pages link to `/posts/`, {advice}");
    assert_told(DEAF, &with_path, menu, &[], &links);
}

#[test]
fn style_sheets_that_load_files_from_another_address_cause_a_warning_too() {
    let world = World::new();
    world.site([
        ("index.html", "<!doctype html><link rel=stylesheet href=css/site.css>"),
        ("css/site.css", "@import \"https://example.com/css/base.css\";"),
        ("css/base.css", "p { background: url(../img/a.png) }"),
    ]);
    let ran = world.deploy(&[]).exits(0);
    let told =
        "warning: 1 style sheet asks https://example.com for `css/base.css`, not this deploy: ";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}
