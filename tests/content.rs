//! The content of sites: files whose names do not say what they are, files that are not meant for visitors, and names
//! that only some systems allow.

use serde_json::json;

use crate::harness::World;

const PAGE: &str = "<!doctype html><title>A page</title>";

fn lists(world: &World, lists: &str) {
    world.repo.write("site/deploy.toml", format!("{lists}\n{}", world.config("")));
}

#[test]
fn pages_without_an_ending_are_shown_and_not_downloaded() {
    let world = World::new();
    let rss = "<?xml version=\"1.0\"?>\n<rss version=\"2.0\"><channel/></rss>";
    let atom = "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"/>";
    world.site([
        ("index.html", PAGE),
        ("about", PAGE),
        ("blog/post-1", PAGE),
        ("feed", rss),
        ("atom", atom),
        (".well-known/openid-configuration", "{\"issuer\": \"https://example.com\"}"),
        (".well-known/acme", "token"),
        ("v1.0", PAGE),
    ]);
    world.repo.write("site/public/blob", [0, 1, 2, 3]);
    world.deploy(&[]).exits(0);
    let objects = world.objects();
    let type_of = |key: &str| objects[key].content_type.clone().unwrap_or_default();
    for (key, expected) in [
        ("about", "text/html; charset=utf-8"),
        ("blog/post-1", "text/html; charset=utf-8"),
        ("v1.0", "text/html; charset=utf-8"),
        ("feed", "application/rss+xml; charset=utf-8"),
        ("atom", "application/atom+xml; charset=utf-8"),
        (".well-known/openid-configuration", "application/json"),
        (".well-known/acme", "text/plain; charset=utf-8"),
        ("blob", "application/octet-stream"),
    ] {
        assert_eq!(type_of(key), expected, "{key}");
    }
    assert_eq!(objects["about"].cache_control.as_deref(), Some("no-cache"), "as every page");
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0, "nothing changed");
}

#[test]
fn a_misleading_ending_and_another_character_set_are_seen_in_the_bytes() {
    let world = World::new();
    world.site([("index.html", PAGE), ("main.ts", "export const a = 1;"), ("index.php", PAGE)]);
    let stream: Vec<u8> = (0..940).map(|n| if n % 188 == 0 { 0x47 } else { 0 }).collect();
    world.repo.write("site/public/video.ts", stream);
    world.repo.write("site/public/old.html", b"<p>caf\xe9");
    world.repo.write("site/public/declared.html", b"<meta charset=\"iso-8859-1\"><p>caf\xe9");
    world.repo.write("site/public/wide.txt", b"\xff\xfea\0");
    // Longer than one read, and only its last byte is not UTF-8.
    world.repo.write("site/public/long.txt", [vec![b'a'; 200_000], vec![0xe9]].concat());
    world.deploy(&[]).exits(0);
    let objects = world.objects();
    let type_of = |key: &str| objects[key].content_type.clone().unwrap_or_default();
    for (key, expected) in [
        ("main.ts", "text/plain; charset=utf-8"),
        ("video.ts", "video/mp2t"),
        ("index.php", "text/html; charset=utf-8"),
        ("old.html", "text/html"),
        ("declared.html", "text/html; charset=iso-8859-1"),
        ("wide.txt", "text/plain; charset=utf-16"),
        ("long.txt", "text/plain"),
    ] {
        assert_eq!(type_of(key), expected, "{key}");
    }
    world.wire.take();
    world.deploy(&[]).exits(0);
    assert_eq!(world.wire.take_writes(), 0, "nothing changed, told by the record and the checksum");
}

#[test]
fn pages_get_no_cache_unless_a_rule_says_otherwise_also_those_that_were_there_before() {
    let world = World::new();
    world.site([("index.html", PAGE), ("a.css", "a{}"), ("blog/index.html", PAGE)]);
    let rule = "[[headers]]\nmatch = \"**\"\ncache-control = \"max-age=60\"";
    world.configure(rule);
    world.deploy(&[]).exits(0);
    world.configure(&rule.replace("**", "blog/**"));
    let ran = world.deploy(&["--json"]).exits(0).json();
    assert_eq!(ran["uploads"].as_array().map(Vec::len), Some(2));
    assert_eq!(ran["uploads"][1]["reason"], json!("headers"));
    let objects = world.objects();
    let cache_control = |key: &str| objects[key].cache_control.as_deref();
    assert_eq!(cache_control("index.html"), Some("no-cache"));
    assert_eq!(cache_control("blog/index.html"), Some("max-age=60"));
    assert_eq!(cache_control("a.css"), None);
}

#[test]
fn the_content_tells_a_public_key_from_a_private_one() {
    let world = World::new();
    let private = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n";
    let public = [
        ("index.html", PAGE),
        ("gpg.key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQIN\n"),
        ("ca.pem", "-----BEGIN CERTIFICATE-----\nMIID\n"),
        ("slides.key", "PK\u{3}\u{4}"),
        ("docs/process.env/index.html", PAGE),
        ("docs/process.env/a.key", "-----BEGIN PUBLIC KEY-----\nMIIB\n"),
    ];
    let account = format!("{{\"type\": \"service_account\", \"private_key\": {private:?}}}");
    let secrets = [
        ("a.p8", private),
        ("server.key~", private),
        ("id_ed25519.old", private),
        ("kubeconfig", "apiVersion: v1\nkind: Config\n"),
        ("terraform.tfstate", "{\"version\": 4}"),
        ("service-account.json", &account),
        ("credentials", "[default]\naws_access_key_id = x\n"),
        ("downloads/readme.txt", private),
    ];
    world.site(public.into_iter().chain(secrets));
    let ran = world.deploy(&[]).exits(0);
    let mut expected: Vec<&str> = public.iter().map(|(key, _)| *key).collect();
    expected.sort();
    assert_eq!(world.keys(), expected);
    for (key, _) in secrets {
        assert!(ran.stderr.contains(&format!("left out `{key}`: it ")), "{key}: {}", ran.stderr);
    }
    assert!(ran.stdout.contains("8 skipped"), "{}", ran.stdout);
    lists(&world, "publish = [\"downloads/*.txt\", \"*.tfstate\"]");
    world.deploy(&[]).exits(0);
    assert!(
        ["downloads/readme.txt", "terraform.tfstate"]
            .iter()
            .all(|key| world.keys().contains(&(*key).to_owned()))
    );
}

#[test]
fn pages_below_a_name_with_a_dot_are_named_and_can_be_published() {
    let world = World::new();
    let pages = ["tags/.net/index.html", "docs/.eslintrc.html", "config/.npmrc/index.html"];
    world.site(pages.into_iter().chain(["index.html", ".nojekyll"]).map(|key| (key, PAGE)));
    let ran = world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);
    let line = "publish = [\"config/.npmrc/**\", \"docs/.eslintrc.html\", \"tags/.net/**\"]";
    assert!(ran.stderr.contains(line), "{}", ran.stderr);
    assert!(ran.stderr.contains("begin with a dot: `.nojekyll`\n"), "{}", ran.stderr);
    lists(&world, line);
    world.deploy(&[]).exits(0);
    let mut expected = [&pages[..], &["index.html"]].concat();
    expected.sort();
    assert_eq!(world.keys(), expected);
}

#[test]
fn what_is_excluded_is_not_uploaded_and_what_was_there_goes() {
    let world = World::new();
    world.site([
        ("index.html", PAGE),
        ("app.js", "1"),
        ("app.js.map", "{}"),
        ("drafts/a.html", "a"),
    ]);
    world.deploy(&[]).exits(0);
    lists(&world, "exclude = [\"**/*.map\", \"drafts\"]");
    let ran = world.deploy(&["--max-deletes", "2"]).exits(0);
    assert_eq!(world.keys(), ["app.js", "index.html"]);
    assert!(ran.stderr.contains("`app.js.map`, `drafts/`"), "{}", ran.stderr);
}

#[test]
fn files_of_operating_systems_stay_at_home_and_are_named() {
    let world = World::new();
    let files = ["Thumbs.db", "a/.DS_Store", "a/desktop.ini", "a/Icon\r", "a/._b", "__MACOSX/c"];
    world.site(files.into_iter().chain(["index.html"]).map(|key| (key, "x")));
    let ran = world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);
    for name in ["`Thumbs.db`", "`a/.DS_Store`", "`a/desktop.ini`", "`a/._b`", "`__MACOSX/`"] {
        assert!(ran.stderr.contains(name), "{name}: {}", ran.stderr);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_key_is_the_name_of_the_file_byte_for_byte() {
    let world = World::new();
    let names = ["img/cafe\u{301}.png", "\u{1112}\u{1161}\u{11ab}.png", "\u{30ab}\u{3099}.png"];
    let twins = ["caf\u{e9}.html", "cafe\u{301}.html", "index.html"];
    world.site(names.into_iter().chain(twins).map(|key| (key, "x")));
    let ran = world.deploy(&[]).exits(0);
    assert!(
        ran.stderr.contains("warning: two files have names that look the same"),
        "{}",
        ran.stderr
    );
    world.assert_bucket_equals_site("");
    // A glob is typed in one form, and matches both.
    lists(&world, "keep = [\"img/caf\u{e9}.png\"]");
    world.repo.remove("site/public/img");
    world.deploy(&[]).exits(0);
    assert!(world.keys().contains(&names[0].to_owned()));
    let preview = world.preview(&[]);
    assert_eq!(preview.get("/%E3%82%AB%E3%82%99.png").status, 200);
    assert_eq!(preview.get("/%E3%82%AC.png").status, 404);
}

#[test]
fn names_that_cannot_be_keys_end_the_run_before_it_writes() {
    let world = World::new();
    for name in [" ", "\u{3000}", "a\nb", "a\u{fffe}"] {
        world.site([("index.html", PAGE), (name, "x")]);
        world.wire.take();
        let ran = world.deploy(&[]).exits(1);
        assert!(ran.stderr.contains("hint: rename the file"), "{}", ran.stderr);
        assert_eq!(world.wire.take_writes(), 0, "{name:?}");
    }
}

#[test]
fn the_configuration_of_other_hosts_is_deployed_with_a_word() {
    let world = World::new();
    world.site([
        ("index.html", PAGE),
        ("_redirects", "/a /b"),
        ("_headers", "/*"),
        ("netlify.toml", ""),
    ]);
    let ran = world.deploy(&[]).exits(0);
    let told = "warning: S3 ignores `_headers`, `_redirects`, `netlify.toml`";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    assert_eq!(world.keys().len(), 4);
}

#[test]
fn a_preview_says_which_files_were_not_fetched() {
    let world = World::new();
    world.site([("index.html", PAGE)]);
    let preview = world.preview(&[]);
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n";
    world.repo.write("site/public/logo.png", pointer);
    preview.complains("the site has 1 file whose content Git LFS did not fetch: `logo.png`");
}

#[test]
fn a_format_that_the_first_bytes_prove_counts_more_than_the_ending() {
    let world = World::new();
    world.repo.write("site/public/index.html", PAGE);
    for (key, content) in [
        ("drawing.png", &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..]),
        ("photo.svg", b"\x89PNG\r\n\x1a\n\0"),
        ("paper.html", b"%PDF-1.7\n"),
        ("photo.jpg", b"RIFF\0\0\0\0WEBPVP8 "),
        ("about", format!("<!--{}-->\n<p>x", " licence".repeat(1000)).as_bytes()),
    ] {
        world.repo.write(&format!("site/public/{key}"), content);
    }
    world.deploy(&[]).exits(0);
    let objects = world.objects();
    for (key, expected) in [
        ("drawing.png", "image/svg+xml"),
        ("photo.svg", "image/png"),
        ("paper.html", "application/pdf"),
        ("photo.jpg", "image/webp"),
        ("about", "text/html; charset=utf-8"),
    ] {
        assert_eq!(objects[key].content_type.as_deref(), Some(expected), "{key}");
    }
    assert!(world.deploy(&[]).exits(0).stdout.contains("nothing to do"));
}

#[test]
fn files_that_set_variables_stay_at_home_and_pages_of_their_name_do_not() {
    let world = World::new();
    let secrets = [("env", "DB_PASSWORD=x\n"), ("env.production", "# live\nDB_PASSWORD=x\n")];
    let pages =
        [("docs/env", "<h1>The command env</h1>"), ("env.html", PAGE), ("env/index.html", PAGE)];
    world.site(pages.into_iter().chain([("index.html", PAGE)]));
    world.repo.write("site/public/a/env", secrets[0].1);
    world.repo.write("site/public/a/env.production", secrets[1].1);
    let ran = world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), ["docs/env", "env.html", "env/index.html", "index.html"]);
    for (name, _) in secrets {
        assert!(ran.stderr.contains(&format!("left out `a/{name}`: it looks like a secret")));
    }
    lists(&world, "publish = [\"a/env\"]");
    world.deploy(&[]).exits(0);
    assert!(world.keys().contains(&"a/env".to_owned()));
}

#[test]
fn leftovers_of_editors_stay_at_home_and_are_named() {
    let world = World::new();
    let files = ["~$report.docx", "about.html~", "#about.html#", "docs/about.html.swp"];
    world.site(files.into_iter().chain(["index.html"]).map(|key| (key, "x")));
    let ran = world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), ["index.html"]);
    assert!(ran.stderr.contains("left out files that an editor left: "), "{}", ran.stderr);
    for name in files {
        assert!(ran.stderr.contains(&format!("`{name}`")), "{name}: {}", ran.stderr);
    }
    lists(&world, "publish = [\"docs/**\", \"about.html~\"]");
    world.deploy(&[]).exits(0);
    assert_eq!(world.keys(), ["about.html~", "index.html"]);
}
