//! `preview`: the served site follows the sources, the plan shows what would change, and the account is only read.

use serde_json::{Value, json};

use crate::harness::{Answer, Browser, Page, Previewed, World, block_on};

/// A site that a script copies from its sources. The build fails while one of the sources says `BROKEN`.
fn world() -> World {
    let world = World::new();
    generate(&world, "cp -r pages/. public/ && ! grep -rq BROKEN pages");
    world.repo.write(".gitignore", "/target\n/site/public\n");
    world.repo.write("site/pages/index.html", "<h1>one</h1>");
    world.repo.write("site/pages/docs/index.html", "docs");
    world.repo.write("site/pages/404.html", "not here");
    world.repo.commit("pages");
    world
}

/// Sets a script as the generator.
fn generate(world: &World, script: &str) {
    let script = format!("mkdir -p public && {script}");
    let build = format!("[build]\ncommand = [\"sh\", \"-c\", {script:?}]");
    world.repo.write("site/deploy.toml", world.config("").replace("[build]", &build));
}

/// How many builds have begun. The generator writes a line for each.
fn builds(world: &World) -> usize {
    std::fs::read(world.repo.join("builds")).map_or(0, |lines| lines.len() / 2)
}

/// The changes of a plan, by key.
fn changes(plan: &Value) -> Vec<(String, String)> {
    let files = plan["files"].as_array().expect("files");
    let changed = files.iter().filter(|file| file["change"] != "unchanged");
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    changed.map(|file| (text(&file["key"]), text(&file["change"]))).collect()
}

#[test]
fn what_is_served_follows_the_sources() {
    let world = world();
    let preview = world.preview(&[]);
    assert_eq!(preview.get("/").text(), "<h1>one</h1>");
    assert_eq!(preview.get("/docs").headers["location"], "/docs/");
    assert_eq!(preview.get("/nothing").status, 404);

    world.repo.write("site/pages/index.html", "<h1>two</h1>");
    preview.becomes("/", "<h1>two</h1>");
    // A new folder and its content.
    world.repo.write("site/pages/new/deep/index.html", "new");
    preview.becomes("/new/deep/", "new");
    world.repo.write("site/pages/new/deep/index.html", "newer");
    preview.becomes("/new/deep/", "newer");
    world.repo.remove("site/pages/new");
    preview.becomes("/new/deep/", "not here");
    assert_eq!(preview.ends("-INT").code, Some(0));
}

#[test]
fn the_configuration_is_a_source() {
    let world = world();
    let preview = world.preview(&[]);
    assert_eq!(preview.get("/").headers["cache-control"], "no-cache", "as every page");
    let file = world.repo.join("site/deploy.toml");
    let whole = std::fs::read_to_string(&file).unwrap();
    let rule = "\n[[headers]]\nmatch = \"**\"\ncache-control = \"no-store\"\n";
    world.repo.write("site/deploy.toml", format!("{whole}{rule}"));
    preview.waits_for("3 changed");
    assert_eq!(preview.get("/").headers["cache-control"], "no-store");

    world.repo.write("site/deploy.toml", "nothing that is TOML");
    preview.complains("`site/deploy.toml` has a problem");
    assert_eq!(preview.get("/").headers["cache-control"], "no-store", "the last good site");
    world
        .repo
        .write("site/deploy.toml", format!("{whole}\n[website]\nerror = \"docs/index.html\"\n"));
    preview.becomes("/nothing", "docs");
}

#[test]
fn a_build_that_fails_leaves_the_last_good_site() {
    let world = world();
    let preview = world.preview(&[]);
    world.repo.write("site/pages/index.html", "BROKEN");
    preview.complains("the build failed");
    assert!(!preview.said().contains("nothing was deployed"), "{}", preview.said());
    assert_eq!(preview.get("/").text(), "<h1>one</h1>");
    world.repo.write("site/pages/index.html", "mended");
    preview.becomes("/", "mended");
}

/// The page that a browser requested last is put into the bucket before the rest of the site is even scanned. In this
/// test the rest cannot be deployed, and so never arrives.
#[cfg(unix)]
#[test]
fn what_browsers_show_comes_before_the_rest() {
    let world = world();
    generate(&world, "cp -rP pages/. public/");
    let preview = world.preview(&[]);
    assert_eq!(preview.ask("GET", "/", &[("accept", "text/html")]).status, 200);
    // From here on no build can be deployed.
    std::os::unix::fs::symlink("nowhere", world.repo.join("site/pages/link")).unwrap();
    world.repo.write("site/pages/docs/index.html", "new docs");
    world.repo.write("site/pages/index.html", "<h1>two</h1>");
    preview.becomes("/", "<h1>two</h1>");
    preview.complains("leads nowhere");
    assert_eq!(preview.get("/docs/").text(), "docs", "the last good site");
    // Back to what the last complete scan of the site saw, which is no longer what the bucket holds.
    world.repo.write("site/pages/index.html", "<h1>one</h1>");
    preview.becomes("/", "<h1>one</h1>");
    world.repo.remove("site/pages/link");
    preview.becomes("/docs/", "new docs");
    assert_eq!(preview.get("/").text(), "<h1>one</h1>");
}

#[test]
fn a_first_build_that_fails_is_served_as_such_until_it_is_mended() {
    let world = world();
    world.repo.write("site/pages/index.html", "BROKEN <in> this file");
    let preview = world.preview(&[]);
    let reply = preview.get("/");
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("the site could not be built yet"), "{}", reply.text());
    world.repo.write("site/pages/index.html", "mended");
    preview.becomes("/", "mended");
}

/// Generators print a banner and a list of files first, and the error last.
#[test]
fn what_is_shown_of_a_failed_build_begins_with_the_error() {
    let world = world();
    generate(&world, "echo building; echo 40 pages; echo 'Error: <boom>'; echo in a.md; exit 3");
    let preview = world.preview(&[]);
    let page = preview.get("/").text();
    let (_, said) = page.split_once("<pre>").expect("what the build said");
    assert!(
        said.starts_with("Error: &lt;boom&gt;\nin a.md\n\nbefore that:\nbuilding\n40 pages\n\n"),
        "{page}"
    );
    assert!(said.contains("ended with exit code 3"), "{page}");
}

/// The first build is slow, so later saves are newer than what it will show.
#[test]
fn of_several_saves_the_newest_is_shown() {
    let world = world();
    generate(
        &world,
        "cp -r pages/. public/ && echo x >> ../builds && while [ -e ../slow ]; do sleep 0.02; done",
    );
    let preview = world.preview(&[]);
    world.repo.write("slow", "");
    for n in 0..5 {
        let begun = builds(&world);
        world.repo.write("site/pages/index.html", format!("save {n}"));
        if n < 2 {
            // Wait until each of the first two saves is being built before the next save.
            while builds(&world) == begun {
                std::thread::yield_now();
            }
        }
    }
    assert_eq!(preview.get("/").text(), "<h1>one</h1>");
    world.repo.remove("slow");
    preview.becomes("/", "save 4");
}

/// Many generators write lock files and caches next to their sources, some of them in every build. Each such build
/// starts the next one, and only the pauses in between keep that from using the whole machine.
#[test]
fn what_the_build_itself_writes_does_not_build_for_ever() {
    let world = world();
    generate(
        &world,
        "date +%s%N >> ../begun && cp -r pages/. public/ && touch .lock && \
         echo x > $(mktemp ./pass.XXXXXX) && rm pass.* && date +%s%N > cache",
    );
    // The time at which each build began, in nanoseconds.
    let begun = || -> Vec<u64> {
        let times = std::fs::read_to_string(world.repo.join("begun")).expect("times of builds");
        let whole = times.rfind('\n').map_or("", |end| &times[..end]);
        whole.lines().map(|time| time.parse().expect("nanoseconds")).collect()
    };
    let warning = "cache` changes with every build";
    let preview = world.preview(&[]);
    preview.complains(warning);
    let until_warned = begun().len();
    assert!(until_warned >= 5, "it takes five builds in a row to know: {until_warned}");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while begun().len() < until_warned + 3 {
        assert!(std::time::Instant::now() < deadline, "{}", preview.said());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    // The pauses before the builds after the warning are one second, then two, then four. The machine may be slow, so
    // they can be longer, but never shorter.
    let begun = begun();
    let pauses = begun[until_warned - 1..].windows(2).map(|two| two[1] - two[0]);
    for (pause, least) in pauses.zip([1_000_000_000, 2_000_000_000, 4_000_000_000]) {
        assert!(pause >= least, "{pause} ns is less than {least}: {begun:?}");
    }
    assert_eq!(preview.said().matches(warning).count(), 1, "{}", preview.said());
    world.repo.write("site/pages/index.html", "after");
    preview.becomes("/", "after");
}

#[test]
fn what_comes_and_goes_in_the_sources_is_no_change() {
    let world = world();
    generate(&world, "cp -r pages/. public/ && f=$(mktemp ./pass.XXXXXX) && rm $f");
    let preview = world.preview(&[]);
    for (changes, text) in [(1, "two"), (2, "three")] {
        world.repo.write("site/pages/index.html", text);
        preview.becomes("/", text);
        // The line is printed after the page is served.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while preview.said().matches("1 changed").count() < changes {
            assert!(std::time::Instant::now() < deadline, "{}", preview.said());
            std::thread::yield_now();
        }
    }
    assert_eq!(preview.said().matches("shown in").count(), 3, "{}", preview.said());
}

/// A file that was saved during many builds in a row is still a source.
#[test]
fn no_save_is_lost_however_many_builds_one_falls_into() {
    let world = world();
    generate(
        &world,
        "cp -r pages/. public/ && echo x >> ../builds && until [ -e ../go ]; do sleep 0.02; done; rm ../go",
    );
    world.repo.write("go", "");
    let preview = world.preview(&[]);
    world.repo.write("site/pages/index.html", "save 0");
    for n in 1..8 {
        // Whether or not the next save cancels a build, another build begins, and it gets a save too.
        let begun = builds(&world);
        while builds(&world) == begun {
            std::thread::yield_now();
        }
        world.repo.write("site/pages/index.html", format!("save {n}"));
        world.repo.write("go", "");
    }
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while preview.get("/").text() != "save 7" {
        world.repo.write("go", "");
        assert!(std::time::Instant::now() < deadline, "{}", preview.said());
    }
}

/// Switching branches may remove a folder and bring it back.
#[test]
fn a_site_that_goes_and_comes_back_is_followed() {
    let world = world();
    let preview = world.preview(&[]);
    std::fs::rename(world.repo.join("site"), world.repo.join("elsewhere")).unwrap();
    preview.complains("error: ");
    let pages = world.repo.files("elsewhere");
    // The output is not written back: a build that has begun meanwhile moves that folder away.
    for (path, content) in pages.iter().filter(|(path, _)| !path.starts_with("public/")) {
        world.repo.write(&format!("site/{path}"), content);
    }
    world.repo.write("site/pages/index.html", "back");
    preview.becomes("/", "back");
    world.repo.write("site/pages/index.html", "and followed");
    preview.becomes("/", "and followed");
}

#[test]
fn a_site_that_moves_says_where_it_is() {
    let world = world();
    let preview = world.preview(&[]);
    let file = world.repo.join("site/deploy.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let moved = config
        .replace("[environments.production]", "[environments.production]\nprefix = \"moved/\"");
    assert_ne!(config, moved);
    world.repo.write("site/deploy.toml", moved);
    let line = preview.waits_for("/moved/");
    assert_eq!(line, format!("serving http://{}/moved/  (Ctrl-C ends it)", preview.address));
    assert_eq!(preview.get("/moved/").text(), "<h1>one</h1>");
}

#[test]
fn an_output_that_is_made_anew_is_followed() {
    let world = World::new();
    world.repo.write("site/public/index.html", "one");
    let preview = world.preview(&[]);
    for text in ["two", "three"] {
        std::fs::remove_dir_all(world.repo.join("site/public")).unwrap();
        world.repo.write("site/public/index.html", text);
        preview.becomes("/", text);
    }
    let file = world.repo.join("site/deploy.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    world.repo.write(
        "site/deploy.toml",
        format!("{config}\n[[headers]]\nmatch = \"**\"\ncache-control = \"no-store\"\n"),
    );
    preview.waits_for("1 changed");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while preview.get("/").headers["cache-control"] != "no-store" {
        assert!(std::time::Instant::now() < deadline, "{}", preview.said());
    }
}

#[test]
fn without_a_generator_the_output_is_followed() {
    let world = World::new();
    let files = |text: &'static str| (0..300).map(move |n| (format!("{n}/index.html"), text));
    for (key, text) in files("a") {
        world.repo.write(&format!("site/public/{key}"), text);
    }
    let preview = world.preview(&[]);
    assert_eq!(preview.get("/299/").text(), "a");
    for (key, text) in files("b") {
        world.repo.write(&format!("site/public/{key}"), text);
    }
    preview.becomes("/299/", "b");
    preview.becomes("/0/", "b");
    world.repo.remove("site/public/7");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while preview.get("/7/").status != 404 {
        assert!(std::time::Instant::now() < deadline, "{}", preview.said());
    }
}

#[test]
fn what_a_deploy_would_change_is_shown_and_nothing_is_written() {
    let world = world();
    world.repo.write("site/pages/a.txt", "one\ntwo\nthree\n");
    world.repo.write("site/pages/old.txt", "old");
    world.deploy(&[]).exits(0);
    let before = world.store.objects(&world.bucket);
    world.wire.take();

    world.repo.write("site/pages/a.txt", "one\n2\nthree\n");
    world.repo.write("site/pages/new.txt", "new");
    world.repo.remove("site/pages/old.txt");
    let preview = world.preview(&[]);
    let line = preview.waits_for("a deploy to s3://");
    assert!(line.contains("would change: 1 new, 1 changed, 1 deleted, 3 unchanged"), "{line}");
    let plan = preview.plans(|plan| plan["state"] == "compared");
    let expected = [("a.txt", "content"), ("new.txt", "new"), ("old.txt", "deleted")];
    assert_eq!(changes(&plan), expected.map(|(key, change)| (key.into(), change.into())));
    let page = |name: &str| preview.ask_pages("GET", name, &[]);
    let diff: Value = serde_json::from_slice(&page("diff?key=a.txt").body).unwrap();
    let lines = json!([["=", "one"], ["-", "two"], ["+", "2"], ["=", "three"]]);
    assert_eq!(diff["hunks"][0]["lines"], lines);
    assert_eq!(page("before?key=old.txt").text(), "old");
    assert_eq!(page("after?key=new.txt").text(), "new");
    assert_eq!(page("before?key=.xtask%2Frecord").status, 404);

    // Edits are compared with the last listing. Changes by others show after the next listing.
    world.repo.write("site/pages/old.txt", "old");
    preview.plans(|plan| changes(plan).len() == 2);
    world.store.put(&world.bucket, "theirs.txt", b"theirs", "text/plain");
    assert_eq!(preview.ask_pages("POST", "look", &[]).status, 202);
    preview.plans(|plan| changes(plan).iter().any(|(key, _)| key == "theirs.txt"));
    assert_eq!(preview.ends("-TERM").code, Some(0));

    assert_eq!(world.wire.take_writes(), 0);
    let mut after = world.store.objects(&world.bucket);
    after.remove("theirs.txt");
    assert!(before == after, "the bucket was written to");
}

#[test]
fn without_credentials_one_line_says_so_and_the_site_is_served() {
    let world = world();
    let preview = Previewed::start(&world.repo, &[], &[]);
    let line = preview.waits_for("not compared");
    assert!(line.contains("SITE_KEY and SITE_SECRET are not set"), "{line}");
    let plan = preview.plans(|plan| plan["state"] == "alone");
    assert_eq!(plan["files"].as_array().unwrap().len(), 3);
    assert_eq!(preview.get("/").text(), "<h1>one</h1>");
    assert_eq!(world.wire.take().len(), 0);
}

#[test]
fn a_branch_without_an_environment_is_previewed_all_the_same() {
    let world = world();
    world.repo.switch_to_new("elsewhere");
    let preview = world.preview(&[]);
    preview.waits_for("not compared with a bucket: no environment deploys branch `elsewhere`");
    assert_eq!(preview.get("/docs/").text(), "docs");
}

#[test]
fn a_bucket_that_cannot_be_read_is_reported_and_listed_again_on_request() {
    let world = world();
    world.deploy(&[]).exits(0);
    world.wire.answer(|seen| {
        let lists = seen.query.contains("list-type");
        lists.then(|| Answer::error(403, "AccessDenied", "told by the test"))
    });
    let preview = world.preview(&[]);
    preview.waits_for("not compared with a bucket: failed to list");
    assert_eq!(preview.get("/").text(), "<h1>one</h1>");
    world.wire.answer(|_| None);
    assert_eq!(preview.ask_pages("POST", "look", &[]).status, 202);
    preview.waits_for("would change nothing");
}

#[test]
fn two_previews_at_once_do_not_fight() {
    let world = world();
    let (one, other) = (world.preview(&[]), world.preview(&[]));
    assert_ne!(one.address, other.address);
    for n in 0..5 {
        let text = format!("save {n}");
        world.repo.write("site/pages/index.html", &text);
        one.becomes("/", &text);
        other.becomes("/", &text);
    }
    for preview in [one, other] {
        let ran = preview.ends("-INT");
        assert_eq!((ran.code, ran.stderr.contains("error")), (Some(0), false), "{}", ran.stderr);
    }
}

#[test]
fn a_port_that_is_taken_is_reported() {
    let world = world();
    let preview = world.preview(&[]);
    let port = preview.address.split(':').nth(1).unwrap().to_owned();
    let ran = world.xtask(&["preview", "--port", &port]).exits(1);
    assert!(ran.stderr.contains(&format!("failed to listen on port {port}")), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: another program listens there"), "{}", ran.stderr);
}

/// A folder of the bucket that is served as the root of a domain, and one that is not.
#[test]
fn paths_begin_like_those_of_the_sites_address() {
    for (url, home) in [
        ("", "/docs/"),
        ("url = \"https://docs.example.com/\"", "/"),
        ("url = \"https://example.com/manual\"", "/manual/"),
    ] {
        let world = World::new();
        world.configure(&format!("prefix = \"docs/\"\n{url}"));
        world.site([("index.html", "<a href=\"https://example.com/manual/a\">home</a>")]);
        let preview = world.preview(&[]);
        let line = preview.waits_for("serving");
        assert!(line.contains(&format!("{}{home} ", preview.address)), "{line}");
        assert_eq!(preview.get(home).status, 200, "{url}");
        if home != "/" {
            let folder = home.trim_end_matches('/');
            for path in ["/", folder] {
                assert_eq!(preview.get(path).headers["location"], home, "{path}");
            }
            assert_eq!(preview.get(&folder[..folder.len() - 1]).status, 404);
        }
        let page = preview.ask("GET", home, &[("accept", "text/html")]).text();
        assert_eq!(page.contains("href=\"/manual/a\""), home == "/manual/", "{page}");
    }
}

/// Opens a page of a preview.
async fn open(browser: &Browser, preview: &Previewed, path: &str) -> Page {
    browser.open(&preview.url(path)).await
}

const PAGE: &str = r#"<!doctype html><html><head><title>page</title>
<link rel="stylesheet" href="/style.css"><link rel="stylesheet" href="/imports.css"></head>
<body><h1>one</h1><input id="typed"><img src="/picture.svg"><p>text</p></body></html>"#;

fn picture(width: u32) -> String {
    let shape = "<rect width='100%' height='100%' fill='#38c'/>";
    format!("<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='10'>{shape}</svg>")
}

/// A world whose page has style sheets and a picture that browsers are told to cache for a year.
fn styled() -> World {
    let world = world();
    let whole = std::fs::read_to_string(world.repo.join("site/deploy.toml")).unwrap();
    let rule = "[[headers]]\nmatch = \"**/*.{css,svg}\"\ncache-control = \"max-age=31536000, immutable\"\n";
    world.repo.write("site/deploy.toml", format!("{whole}\n{rule}"));
    world.repo.write("site/pages/index.html", PAGE);
    world.repo.write("site/pages/style.css", "h1 { color: rgb(1, 2, 3) }");
    world.repo.write("site/pages/imports.css", "@import url(/imported.css);");
    world.repo.write("site/pages/imported.css", "p { color: rgb(4, 5, 6) }");
    world.repo.write("site/pages/picture.svg", picture(10));
    world
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn an_open_page_shows_what_is_saved() {
    let world = styled();
    let preview = world.preview(&[]);
    block_on(async {
        let browser = Browser::start().await;
        let page = open(&browser, &preview, "/").await;
        page.until("document.querySelector('h1').textContent == 'one'").await;
        world.repo.write("site/pages/index.html", PAGE.replace("one", "two"));
        page.until("document.querySelector('h1').textContent == 'two'").await;
        // Even files that browsers were told to cache are shown anew.
        assert_eq!(page.evaluate("document.querySelector('img').naturalWidth").await, 10);
        world.repo.write("site/pages/picture.svg", picture(20));
        page.until("document.querySelector('img').naturalWidth == 20").await;
        // A page that does not exist yet.
        let missing = open(&browser, &preview, "/later/").await;
        assert_eq!(missing.evaluate("document.body.textContent.trim()").await, "not here");
        world.repo.write("site/pages/later/index.html", "<p>now</p>");
        missing.until("document.body.textContent.trim() == 'now'").await;
        assert_eq!(page.console().await, Vec::<String>::new());
    });
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn style_sheets_are_exchanged_in_the_page() {
    let world = styled();
    let preview = world.preview(&[]);
    let color = |selector: &str, color: &str| {
        format!("getComputedStyle(document.querySelector('{selector}')).color == '{color}'")
    };
    block_on(async {
        let browser = Browser::start().await;
        let page = open(&browser, &preview, "/").await;
        page.evaluate("document.querySelector('#typed').value = 'kept'; window.mark = 1").await;
        page.until(&color("h1", "rgb(1, 2, 3)")).await;
        world.repo.write("site/pages/style.css", "h1 { color: rgb(7, 7, 7) }");
        page.until(&color("h1", "rgb(7, 7, 7)")).await;
        world.repo.write("site/pages/style.css", "h1 { color: rgb(8, 8, 8) }");
        page.until(&color("h1", "rgb(8, 8, 8)")).await;
        world.repo.write("site/pages/imported.css", "p { color: rgb(9, 9, 9) }");
        page.until(&color("p", "rgb(9, 9, 9)")).await;
        assert_eq!(page.evaluate("document.querySelector('#typed').value").await, "kept");
        assert_eq!(page.evaluate("window.mark").await, 1, "the page was loaded again");
        page.until("document.querySelectorAll('link').length == 2").await;
        assert_eq!(page.console().await, Vec::<String>::new());
    });
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn a_broken_build_is_shown_over_the_page_until_it_is_mended() {
    let world = styled();
    let preview = world.preview(&[]);
    let overlay = "document.querySelector('xtask-preview')?.shadowRoot.textContent ?? ''";
    block_on(async {
        let browser = Browser::start().await;
        let page = open(&browser, &preview, "/").await;
        page.evaluate("window.mark = 1").await;
        world.repo.write("site/pages/docs/index.html", "BROKEN <script>alert(1)</script>");
        page.until(&format!("({overlay}).includes('the build failed')")).await;
        assert_eq!(page.evaluate("document.querySelector('h1').textContent").await, "one");
        // A page that is opened now is the last good one, with the same message.
        let docs = open(&browser, &preview, "/docs/").await;
        docs.until(&format!("({overlay}).includes('the build failed')")).await;
        assert_eq!(docs.evaluate("document.body.textContent.trim()").await, "docs");
        world.repo.write("site/pages/docs/index.html", "docs");
        page.until(&format!("({overlay}) == ''")).await;
        docs.until(&format!("({overlay}) == ''")).await;
        assert_eq!(page.evaluate("window.mark").await, 1, "nothing had changed");
        world.repo.write("site/pages/docs/index.html", "mended");
        docs.until("document.body.textContent.trim() == 'mended'").await;
    });
}

#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn the_page_of_what_would_change_lists_it() {
    let world = styled();
    world.repo.write("site/pages/a.txt", "one\ntwo\nthree\n");
    world.repo.write("site/pages/old.txt", "old");
    world.deploy(&[]).exits(0);
    world.repo.write("site/pages/a.txt", "one\n2\nthree\n");
    world.repo.write("site/pages/new.txt", "new");
    world.repo.write("site/pages/picture.svg", picture(90));
    world.repo.remove("site/pages/old.txt");
    let preview = world.preview(&[]);
    preview.plans(|plan| plan["state"] == "compared");
    let shows = |text: &str| format!("document.body.innerText.includes({text:?})");
    block_on(async {
        let browser = Browser::start().await;
        let page = browser.open(&preview.pages()).await;
        for name in ["a.txt", "new.txt", "old.txt", "picture.svg"] {
            page.until(&shows(name)).await;
        }
        assert_eq!(page.evaluate(&shows("404.html")).await, false, "it is unchanged");
        // The lines of a text, and pictures before and after.
        page.evaluate("location.hash = '#' + encodeURIComponent('a.txt')").await;
        page.until(&shows("three")).await;
        page.evaluate("location.hash = '#' + encodeURIComponent('picture.svg')").await;
        let widths = "[...document.images].map((image) => image.naturalWidth).join()";
        page.until(&format!("{widths} == '10,90'")).await;
        shoot(&page).await;
        page.viewport(1280, 900, false).await;
        // A change while the page is open.
        world.repo.write("site/pages/later.txt", "later");
        page.until(&shows("later.txt")).await;
        assert_eq!(page.console().await, Vec::<String>::new());
    });
}

/// Takes screenshots of the page for people to look at: desktop and phone, light and dark.
async fn shoot(page: &Page) {
    let Some(folder) = std::env::var_os("XTASK_TEST_SCREENSHOTS") else { return };
    let folder = std::path::PathBuf::from(folder);
    for (device, width, height, mobile) in [("desk", 1280, 900, false), ("phone", 390, 844, true)] {
        for scheme in ["light", "dark"] {
            page.viewport(width, height, mobile).await;
            page.color_scheme(scheme).await;
            page.screenshot(&folder.join(format!("{device}-{scheme}.png"))).await;
        }
    }
}

/// Prints the time from a save to the page that shows it, without the generator's time. The only assertion is that each
/// save is shown.
#[test]
#[ignore = "needs a browser: set XTASK_TEST_BROWSER and run with --ignored"]
fn how_long_a_save_takes_on_a_site_of_5000_pages() {
    let world = world();
    generate(&world, "date +%s%N > ../begun && cp -rl pages/. public/ && date +%s%N > ../ended");
    let milliseconds = |path: &str| {
        let written = std::fs::read_to_string(world.repo.join(path)).expect("a time");
        written.trim().parse::<f64>().expect("nanoseconds") / 1e6
    };
    let page = |n: usize, text: &str| {
        format!(
            "<!doctype html><title>{n}</title><h1>{text}</h1><p>{}</p><script>seen = Date.now()</script>",
            "text ".repeat(1800)
        )
    };
    for n in 0..5000 {
        world.repo.write(&format!("site/pages/{}/{n}/index.html", n / 100), page(n, "first"));
    }
    let preview = world.preview(&[]);
    block_on(async {
        let browser = Browser::start().await;
        let open = open(&browser, &preview, "/7/700/").await;
        let mut times = Vec::new();
        let aside = world.repo.join("target/xtask/emptied");
        for save in 0..11 {
            // Do not save again before the output that the last build replaced is removed.
            while std::fs::read_dir(&aside).is_ok_and(|mut left| left.next().is_some()) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            let text = format!("save {save}");
            let saved = std::time::SystemTime::now();
            world.repo.write("site/pages/7/700/index.html", page(700, &text));
            open.until(&format!(
                "document.querySelector('h1')?.textContent == '{text}' && window.seen"
            ))
            .await;
            let seen = open.evaluate("seen").await.as_f64().expect("a time");
            let since_1970 = saved.duration_since(std::time::UNIX_EPOCH).expect("a time");
            let generator = milliseconds("ended") - milliseconds("begun");
            times.push((seen - since_1970.as_secs_f64() * 1000.0 - generator, generator));
        }
        times.sort_by(|one, other| one.0.total_cmp(&other.0));
        println!(
            "from a save to the page, the generator aside: {:.0} ms at the median",
            times[5].0
        );
        println!("each, and the generator: {times:.0?}\n{}", preview.said());
    });
}
