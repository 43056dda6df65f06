//! Scans of real folders: which files belong to the site, which are left out, and which are errors.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use expect_test::expect;
use md5::{Digest as _, Md5};
use tempfile::TempDir;
use testing::deploy_toml;

use super::*;
use crate::base::error::{Error, Result};
use crate::base::etag::hex;
use crate::base::event::{Event, Stage, Tell};
use crate::base::parts::LARGEST_WHOLE;
use crate::repository::config::Config;

const RULE: &str = r#"
    [[headers]]
    match = "assets/**"
    cache-control = "public, max-age=31536000, immutable"
"#;

fn config() -> String {
    deploy_toml("staging", RULE)
}

/// A site whose output folder holds these files.
struct Folder(TempDir);

fn folder(files: &[&str]) -> Folder {
    let folder = Folder(testing::site(&config()));
    fs::create_dir(folder.path("")).unwrap();
    files.iter().for_each(|name| folder.write(name, name.as_bytes()));
    folder
}

impl Folder {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("public").join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[cfg(unix)]
    fn link(&self, to: impl AsRef<Path>, name: &str) {
        std::os::unix::fs::symlink(to, self.path(name)).unwrap();
    }

    fn scan_with(&self, prefix: &str, tell: &Tell) -> Result<Site> {
        let config = Config::read(self.0.path(), "site".as_ref()).unwrap();
        scan(&config, &Prefix::new(prefix).unwrap(), None, nothing_told, tell)
    }

    fn scan(&self) -> Result<Site> {
        self.scan_with("", &Tell::silent())
    }

    fn site(&self) -> Site {
        self.scan().unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn keys(&self) -> Vec<String> {
        self.site().files.into_iter().map(|file| file.key.to_string()).collect()
    }

    fn site_and_warnings(&self) -> (Site, Vec<String>) {
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let told = warnings.clone();
        let tell = Tell::new(move |event| {
            if let Event::Warning(text) = event {
                told.lock().unwrap().push(text);
            }
        });
        let site = self.scan_with("", &tell).unwrap_or_else(|error| panic!("{error:?}"));
        let warnings = warnings.lock().unwrap().clone();
        (site, warnings)
    }

    /// The content type of each file, by key.
    fn types(&self) -> Vec<(String, String)> {
        let files = self.site().files.into_iter();
        files.map(|f| (f.key.to_string(), f.headers.content_type().to_owned())).collect()
    }

    /// The names of files that were left out, in order.
    fn skipped(&self) -> Vec<String> {
        self.site().left_out.into_iter().map(|entry| entry.key).collect()
    }

    /// Those that should not be in the folder in the first place, in order.
    fn private(&self) -> Vec<String> {
        let left_out = self.site().left_out.into_iter();
        left_out.filter(|entry| entry.why.is_private()).map(|entry| entry.key).collect()
    }

    /// The error as a person reads it, without the path of the folder.
    fn error(&self) -> String {
        self.shown(&self.scan().expect_err("no error"))
    }

    fn shown(&self, error: &Error) -> String {
        let failure = match error {
            Error::Failed(failure) => failure,
            Error::Refused(refusal) => return format!("refused as {}: {refusal}\n", refusal.code),
            error => panic!("{error:?}"),
        };
        let real = fs::canonicalize(self.0.path()).unwrap();
        // The number differs between systems, but the words do not.
        let cause = |cause: &String| format!("\n  {}", cause.split(" (os error").next().unwrap());
        let causes = failure.causes.iter().map(cause);
        let hint = failure.hint.iter().map(|hint| format!("\nhint: {hint}"));
        (failure.message.clone() + &causes.chain(hint).collect::<String>() + "\n")
            .replace(&real.display().to_string(), "SITE")
            .replace(&self.0.path().display().to_string(), "SITE")
            .replace('\u{7}', "BELL")
    }
}

#[test]
fn files_are_in_the_order_of_their_keys() {
    let folder = folder(&["b.html", "a/x", "a-b/x", "a.html", "a/b/c", "B", "index.html"]);
    assert_eq!(folder.keys(), ["B", "a-b/x", "a.html", "a/b/c", "a/x", "b.html", "index.html"]);
    assert!(folder.skipped().is_empty());
}

#[test]
fn a_file_has_its_key_size_digest_and_headers() {
    let folder = folder(&[]);
    folder.write("assets/app.css", b"a{}");
    folder.write("empty.html", b"");
    let site = folder.scan_with("www", &Tell::silent()).unwrap();
    let shown = |file: &File| {
        let headers: Vec<_> =
            file.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let Source::Disk(disk) = &file.source else { panic!("{} is on the disk", file.key) };
        assert_eq!(disk.path(&file.key), folder.path(file.key.strip_prefix("www/").unwrap()));
        format!(
            "{} {} {}\n  {}\n",
            file.key,
            file.size,
            hex(&file.digest.md5),
            headers.join("\n  ")
        )
    };
    expect![[r#"
        www/assets/app.css 3 307cc22fa7769c09386c1c90fe36bbc6
          cache-control: public, max-age=31536000, immutable
          content-type: text/css; charset=utf-8
        www/empty.html 0 d41d8cd98f00b204e9800998ecf8427e
          cache-control: no-cache
          content-type: text/html; charset=utf-8
    "#]]
    .assert_eq(&site.files.iter().map(|file| shown(file)).collect::<String>());
}

#[test]
fn a_folder_without_files_is_an_empty_site() {
    let folder = folder(&[]);
    fs::create_dir_all(folder.path("a/b")).unwrap();
    assert!(folder.keys().is_empty());
}

#[test]
fn an_output_folder_that_is_missing_is_an_error() {
    let folder = folder(&[]);
    fs::remove_dir(folder.path("")).unwrap();
    expect![[r#"
        failed to read the site's folder `SITE/public`
          No such file or directory
        hint: build the site first, or correct `command` and `output` of [build] in deploy.toml
    "#]]
    .assert_eq(&folder.error());
}

#[test]
fn dot_names_are_left_out_but_for_well_known() {
    let folder = folder(&[
        ".well-known/security.txt",
        ".well-known/.hidden",
        "a/.well-known/x",
        "a/.DS_Store",
        ".git/config",
        ".env",
        ".env.production",
        ".nojekyll",
        "a.html",
        "...",
    ]);
    assert_eq!(folder.keys(), [".well-known/security.txt", "a.html", "a/.well-known/x"]);
    assert_eq!(
        folder.skipped(),
        [
            "...",
            ".env",
            ".env.production",
            ".git",
            ".nojekyll",
            ".well-known/.hidden",
            "a/.DS_Store"
        ]
    );
    assert_eq!(folder.private(), [".env", ".env.production", ".git"]);
}

#[test]
fn what_looks_like_a_secret_is_left_out_and_named() {
    let secrets = ["ID_RSA", "a/id_ed25519", "a/server.key", "cert.PEM", "x.p12", "x.pfx"];
    let others = ["key", "keys/a.html", "monkey", "pem.html", "id_rsa.html", "id_rsa.pub"];
    let folder = folder(&[secrets, others].concat());
    assert_eq!(folder.skipped(), secrets);
    assert_eq!(folder.private(), secrets);
    assert_eq!(folder.keys().len(), others.len());
}

const PRIVATE_KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
const PUBLIC_KEY: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQIN\n";

#[test]
fn the_content_tells_whether_a_file_is_a_secret() {
    let folder = folder(&["kubeconfig", "a.p8", "server.key~", "id_ed25519.old"]);
    folder.write("gpg.key", PUBLIC_KEY);
    folder.write("slides.key", b"PK\x03\x04\0\0");
    folder.write("process.env/index.html", b"<!doctype html>");
    folder.write("notes.txt", PRIVATE_KEY);
    folder.write("keys/about.html", &[b"<!doctype html><pre>", PRIVATE_KEY].concat());
    assert_eq!(
        folder.keys(),
        ["gpg.key", "keys/about.html", "process.env/index.html", "slides.key"]
    );
    let left_out = ["a.p8", "id_ed25519.old", "kubeconfig", "notes.txt", "server.key~"];
    assert_eq!(folder.private(), left_out);
    let site = folder.site();
    assert_eq!(site.left_out("notes.txt").unwrap().why, Why::SecretContent);
    assert_eq!(site.left_out("a.p8").unwrap().why, Why::SecretName);
}

#[test]
fn what_is_published_may_be_anything() {
    let folder = folder_with("publish = [\"*.txt\", \"logo.png\"]", &[]);
    folder.write("test-key.txt", PRIVATE_KEY);
    folder.write(
        "logo.png",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n",
    );
    assert_eq!(folder.keys(), ["logo.png", "test-key.txt"]);
}

#[test]
fn files_that_stand_for_others_are_refused_with_all_their_names() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1\n";
    let folder = folder_with("keep = [\"kept/**\"]\nexclude = [\"drafts/**\"]", &["index.html"]);
    folder.write("kept/a.png", pointer);
    folder.write("drafts/a.png", pointer);
    assert_eq!(folder.keys(), ["index.html", "kept/a.png"], "they are not deployed");
    folder.write("b/logo.png", pointer);
    folder.write("a", pointer);
    expect![[r#"
        refused as lfs-pointer: the site has 2 files whose content Git LFS did not fetch: `a`, `b/logo.png`
    "#]]
    .assert_eq(&folder.error());
}

#[test]
fn the_content_type_is_told_by_the_content_where_the_name_does_not() {
    let folder = folder(&[]);
    folder.write("about", b"<!doctype html><p>About");
    folder.write("data", &[0, 1, 2, 3]);
    folder.write("feed", b"<?xml version='1.0'?><rss version='2.0'>");
    folder.write("latin.html", b"<p>caf\xe9");
    folder.write("own.html", b"<meta charset=windows-1252><p>caf\xe9");
    let types = folder.types();
    let types: Vec<_> = types.iter().map(|(key, kind)| (key.as_str(), kind.as_str())).collect();
    let expected = [
        ("about", "text/html; charset=utf-8"),
        ("data", "application/octet-stream"),
        ("feed", "application/rss+xml; charset=utf-8"),
        ("latin.html", "text/html"),
        ("own.html", "text/html; charset=windows-1252"),
    ];
    assert_eq!(types, expected);
    let mut seen = ScanCache::on_a_fine_clock();
    for _ in 0..2 {
        let (again, _) = hashed_again(&folder, &mut seen);
        let types = again.files.iter().map(|file| (&*file.key, file.headers.content_type()));
        assert_eq!(types.collect::<Vec<_>>(), expected, "also of files that are not read again");
    }
}

#[test]
fn a_rule_for_the_encoding_has_to_fit_the_bytes() {
    let rule = |encoding: &str| {
        let folder = folder(&[]);
        let rule = format!("[[headers]]\nmatch = \"a.css\"\ncontent-encoding = \"{encoding}\"");
        fs::write(folder.0.path().join("deploy.toml"), format!("{}\n{rule}", config())).unwrap();
        folder
    };
    let folder = rule("gzip");
    folder.write("a.css", b"a{}");
    expect![[r#"
        refused as wrong-encoding: the site has 1 file whose content does not have the `content-encoding` that a rule sets: `a.css (gzip)`
    "#]]
    .assert_eq(&folder.error());
    folder.write("a.css", b"\x1f\x8b\x08\0\xff");
    let (site, warnings) = folder.site_and_warnings();
    assert_eq!(site.files[0].headers.content_type(), "text/css; charset=utf-8");
    assert_eq!(warnings, [""; 0]);
    folder.write("b.txt", b"\x1f\x8b\x08\0\xff");
    let (site, warnings) = folder.site_and_warnings();
    assert_eq!(site.files[1].headers.content_type(), "text/plain; charset=utf-8");
    assert!(
        warnings[0].starts_with("these files are compressed by gzip, but no rule says so"),
        "{warnings:?}"
    );
    assert!(warnings[0].contains("`b.txt`"), "{warnings:?}");
    for name in ["index.html", "b.css", "app.js", "feed.xml"] {
        folder.write(name, b"\x1f\x8b\x08\0\xff");
        let error = folder.error();
        let told = "refused as wrong-encoding: the site has 1 file whose content is compressed by gzip, but no rule says so";
        assert!(error.starts_with(told), "{error}");
        assert!(error.contains(&format!(": `{name}`")), "{error}");
        folder.write(name, b"x");
    }
}

#[test]
fn a_wide_glob_publishes_no_pointer_and_its_very_name_does() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 22485\n";
    for wide in ["**", "docs/**", "docs/*.png"] {
        let folder = folder_with(&format!("publish = [\"{wide}\"]"), &[]);
        folder.write("docs/logo.png", pointer);
        assert!(folder.error().starts_with("refused as lfs-pointer"), "{wide}");
    }
    let folder = folder_with("publish = [\"docs/logo.png\"]", &[]);
    folder.write("docs/logo.png", pointer);
    assert_eq!(folder.site_and_warnings().0.files.len(), 1);
}

#[test]
fn the_configuration_of_other_hosts_is_told_in_one_line() {
    let folder = folder(&["_redirects", "_headers", ".htaccess", "a/_headers", "index.html"]);
    let (site, warnings) = folder.site_and_warnings();
    assert_eq!(site.files.len(), 4);
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    let told = "S3 ignores `.htaccess`, `_headers`, `_redirects`: write";
    assert!(warning.starts_with(told), "{warning}");
    let folder = folder_with("exclude = [\"_*\"]", &["_redirects", "_headers", "index.html"]);
    assert_eq!(folder.site_and_warnings().1, [""; 0]);
}

#[test]
fn an_output_that_holds_the_tool_is_refused() {
    let files = ["index.html", "xtask/src/main.rs", "target/debug/xtask"];
    let folder = folder(&files);
    folder.write("site/deploy.toml", config().as_bytes());
    expect![[r#"
        refused as output-holds-tool: the output holds files of this tool, such as `site/deploy.toml`, `target/debug/xtask`, `xtask/src/main.rs`
    "#]]
    .assert_eq(&folder.error());
    let lists = "exclude = [\"**/deploy.toml\", \"target\"]\npublish = [\"xtask/src/**\"]";
    assert_eq!(folder_with(lists, &files).keys(), ["index.html", "xtask/src/main.rs"]);
    let example = super::tests::folder(&["docs/deploy.toml", "xtask/index.html"]);
    assert_eq!(example.keys().len(), 2, "a site about the tool");
}

#[test]
fn a_key_of_white_space_is_an_error_unless_it_has_a_prefix() {
    let folder = folder(&[" ", "index.html"]);
    expect![[r#"
        the key " " is only white space
          SITE/public/ 
        hint: rename the file, or let the generator leave it out
    "#]]
    .assert_eq(&folder.error());
    assert_eq!(folder.scan_with("docs", &Tell::silent()).unwrap().files.len(), 2);
    let wide = super::tests::folder(&["\u{3000}\u{a0}"]);
    assert!(wide.error().contains("is only white space"));
}

#[test]
#[cfg(unix)]
fn a_key_that_no_browser_asks_for_is_told() {
    let folder = folder(&["images\\a.png", "images\\b.png"]);
    let (site, warnings) = folder.site_and_warnings();
    assert_eq!(site.files.len(), 2);
    assert!(
        warnings[0].starts_with("no browser can request `images\\a.png` and 1 more"),
        "{warnings:?}"
    );
}

/// A folder whose `deploy.toml` begins with these lines.
fn folder_with(lines: &str, files: &[&str]) -> Folder {
    let folder = folder(files);
    fs::write(folder.0.path().join("deploy.toml"), format!("{lines}\n{}", config())).unwrap();
    folder
}

#[test]
fn what_is_excluded_is_no_part_of_the_site() {
    let files = ["a.js", "a.js.map", "drafts/b.html", "drafts/deep/c.html", "keys/gpg.key"];
    let lists = "exclude = [\"**/*.map\", \"drafts\"]\npublish = [\"**\"]";
    let folder = folder_with(lists, &files);
    assert_eq!(folder.keys(), ["a.js", "keys/gpg.key"]);
    let site = folder.site();
    let excluded = |key| site.left_out(key).is_some_and(|entry| entry.why == Why::Excluded);
    for key in ["a.js.map", "drafts/b.html", "drafts/deep/c.html"] {
        assert!(excluded(key), "{key}");
    }
    assert!(site.left_out("a.js").is_none());
}

#[test]
fn what_is_published_is_so_below_folders_with_a_dot_too() {
    let files = [
        ".git/config",
        ".xtask/record",
        "tags/.net/.git/config",
        "tags/.net/Thumbs.db",
        "tags/.net/index.html",
        "tags/.net/x/.npmrc/index.html",
        "tags/.hidden/index.html",
        "keys/server.key",
    ];
    let folder = folder_with("publish = [\"tags/.net/**\", \"**/*.key\", \".*\"]", &files);
    let published = ["keys/server.key", "tags/.net/index.html", "tags/.net/x/.npmrc/index.html"];
    assert_eq!(folder.keys(), published);
    let left =
        [".git", ".xtask", "tags/.hidden/index.html", "tags/.net/.git", "tags/.net/Thumbs.db"];
    assert_eq!(folder.skipped(), left);
}

#[test]
fn pages_below_folders_with_a_dot_are_known_as_pages() {
    let files = ["docs/.eslintrc.html", "tags/.net/index.html", "tags/.net/logo.png", ".nojekyll"];
    let left_out = folder(&files).site().left_out.into_iter();
    let told: Vec<_> = left_out.map(|entry| (entry.key, entry.is_page)).collect();
    let expected = [(".nojekyll", false), ("docs/.eslintrc.html", true)];
    let below = [("tags/.net/index.html", true), ("tags/.net/logo.png", false)];
    let expected = expected.into_iter().chain(below).map(|(key, page)| (key.to_owned(), page));
    assert_eq!(told, expected.collect::<Vec<_>>());
}

#[test]
fn files_of_operating_systems_are_left_out() {
    let files = ["Thumbs.db", "a/desktop.ini", "a/Icon\r", "__MACOSX/._a", "a/._b", "index.html"];
    let folder = folder(&files);
    assert_eq!(folder.keys(), ["index.html"]);
    assert_eq!(folder.skipped(), ["Thumbs.db", "__MACOSX", "a/._b", "a/Icon\r", "a/desktop.ini"]);
    assert!(folder.site().left_out.iter().all(|entry| entry.why == Why::System));
}

#[test]
fn what_belongs_to_others_is_not_the_sites() {
    let folder = folder(&["a.html", "keep/b.html", "keep/c/d.html"]);
    let site = folder.scan_with("www/", &Tell::silent()).unwrap();
    let site = site.without(|key| key.starts_with("www/keep/"));
    assert_eq!(site.files.iter().map(|f| &*f.key).collect::<Vec<_>>(), ["www/a.html"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_key_is_the_name_on_the_disk_and_two_that_look_the_same_are_told() {
    let folder = folder(&["caf\u{e9}.html", "cafe\u{301}.html", "\u{30ab}\u{3099}.png"]);
    let (site, warnings) = folder.site_and_warnings();
    let keys: Vec<&str> = site.files.iter().map(|file| &*file.key).collect();
    assert_eq!(keys, ["cafe\u{301}.html", "caf\u{e9}.html", "\u{30ab}\u{3099}.png"]);
    assert_eq!(
        warnings,
        [
            r#"two files have names that look the same, in different Unicode forms: "cafe\u{301}.html" and "caf\u{e9}.html""#
        ]
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_cannot_be_a_key_is_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let bytes = folder(&[]);
    fs::write(bytes.path("").join(std::ffi::OsStr::from_bytes(b"gr\xfc\xdfe.html")), "").unwrap();
    let control = folder(&["a\u{7}b.html"]);
    expect![[r#"
        `SITE/public/gr��e.html` cannot be a key in the bucket: it has a name that is not UTF-8
        hint: rename the file, or let the generator leave it out
        `SITE/public/aBELLb.html` cannot be a key in the bucket: it has a control character in its name
        hint: rename the file, or let the generator leave it out
    "#]]
    .assert_eq(&[bytes.error(), control.error()].concat());
}

#[test]
#[cfg(target_os = "linux")]
fn all_names_that_cannot_be_keys_are_told_at_once() {
    use std::os::unix::ffi::OsStrExt;
    let few = folder(&["a\u{7}b.html", "c/d\u{7}.png", " ", "index.html"]);
    fs::write(few.path("").join(std::ffi::OsStr::from_bytes(b"gr\xfc\xdfe.html")), "").unwrap();
    expect![[r#"
        4 files cannot be keys in the bucket
          the key of `SITE/public/ ` is only white space
          `SITE/public/aBELLb.html` has a control character in its name
          `SITE/public/c/dBELL.png` has a control character in its name
          `SITE/public/gr��e.html` has a name that is not UTF-8
        hint: rename the files, or let the generator leave them out
    "#]]
    .assert_eq(&few.error());
    let names: Vec<String> = (10..27).map(|number| format!("{number}\u{7}.html")).collect();
    let many = folder(&names.iter().map(String::as_str).collect::<Vec<_>>()).error();
    assert_eq!(many.matches("control character").count(), 10, "{many}");
    assert!(many.contains("\n  and 7 more\n"), "{many}");
}

#[test]
fn a_key_is_at_most_as_long_as_s3_takes_it_with_the_prefix() {
    let name = ["a".repeat(250), "b".repeat(250), "c".repeat(250), "d".repeat(250)].join("/");
    let folder = folder(&[&name]);
    let scan = |prefix: &str| folder.scan_with(prefix, &Tell::silent());
    assert_eq!(name.len(), 1003);
    assert_eq!(scan(&"p".repeat(20)).unwrap().files[0].key.len(), 1024);
    let error = folder.shown(&scan(&"p".repeat(21)).unwrap_err());
    expect![[r#"
        the key of `SITE/public/NAME` is too long
        hint: S3 accepts keys of up to 1024 bytes, including the prefix
    "#]]
    .assert_eq(&error.replace(&name, "NAME"));
}

#[test]
#[cfg(unix)]
fn a_link_inside_of_the_folder_is_what_it_names() {
    let folder = folder(&["a/x.html", "a/deep/y.html"]);
    folder.link("a/x.html", "link.html");
    folder.link("a", "b");
    folder.link("a/deep", "c");
    folder.link(folder.path("a/x.html"), "a/absolute.html");
    folder.link("../x.html", "a/deep/up.html");
    folder.link("link.html", "twice.html");
    assert_eq!(
        folder.keys(),
        [
            "a/absolute.html",
            "a/deep/up.html",
            "a/deep/y.html",
            "a/x.html",
            "b/absolute.html",
            "b/deep/up.html",
            "b/deep/y.html",
            "b/x.html",
            "c/up.html",
            "c/y.html",
            "link.html",
            "twice.html",
        ]
    );
    let digests: Vec<_> = folder.site().files.into_iter().map(|file| file.digest.clone()).collect();
    assert_eq!(digests[10], digests[3]);
}

#[test]
#[cfg(unix)]
fn a_link_that_leads_elsewhere_is_an_error() {
    let linked = |to: &str, name: &str| {
        let folder = folder(&["a/x.html", ".env"]);
        fs::write(folder.0.path().join("outside"), "").unwrap();
        fs::create_dir(folder.0.path().join("public2")).unwrap();
        folder.link(to, name);
        format!("{name} -> {to}\n{}\n", folder.error())
    };
    expect![[r#"
        broken.html -> nowhere
        the link `SITE/public/broken.html` leads nowhere
          No such file or directory
        hint: remove the link, or create its target

        myself -> myself
        the link `SITE/public/myself` leads nowhere
          Too many levels of symbolic links
        hint: remove the link, or create its target

        out.html -> ../outside
        the link `SITE/public/out.html` leads out of the site's folder
          SITE/outside
        hint: copy its target into the site's folder

        sibling -> ../public2
        the link `SITE/public/sibling` leads out of the site's folder
          SITE/public2
        hint: copy its target into the site's folder

        root -> /
        the link `SITE/public/root` leads out of the site's folder
          /
        hint: copy its target into the site's folder

        a/odd -> ../../x.html/..
        the link `SITE/public/a/odd` leads nowhere
          No such file or directory
        hint: remove the link, or create its target

        env.txt -> .env
        the link `SITE/public/env.txt` leads to a private file
          SITE/public/.env
        hint: remove the link

        again -> .
        the link `SITE/public/again` leads to a folder that contains it
        hint: remove the link: its files would repeat without end

        a/up -> ..
        the link `SITE/public/a/up` leads to a folder that contains it
        hint: remove the link: its files would repeat without end

    "#]]
    .assert_eq(
        &[
            linked("nowhere", "broken.html"),
            linked("myself", "myself"),
            linked("../outside", "out.html"),
            linked("../public2", "sibling"),
            linked("/", "root"),
            linked("../../x.html/..", "a/odd"),
            linked(".env", "env.txt"),
            linked(".", "again"),
            linked("..", "a/up"),
        ]
        .concat(),
    );
}

#[test]
#[cfg(unix)]
fn links_that_lead_to_each_other_end() {
    let folder = folder(&["a/x.html", "b/y.html"]);
    folder.link("../b", "a/b");
    folder.link("../a", "b/a");
    assert!(folder.error().contains("leads to a folder that contains it"));
}

/// Editors create such links next to a file that is open.
#[test]
#[cfg(unix)]
fn a_broken_link_with_a_dot_name_is_left_out() {
    let folder = folder(&["a.html"]);
    folder.link("me@host.1234", ".#a.html");
    assert_eq!(folder.skipped(), [".#a.html"]);
}

#[test]
#[cfg(unix)]
fn what_is_neither_a_file_nor_a_folder_is_an_error() {
    let folder = folder(&["a.html"]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
    expect![[r#"
        `SITE/public/socket` is neither a file nor a folder
    "#]]
    .assert_eq(&folder.error());
}

/// Does something as a user who may read only what everybody may read. Containers run tests as root, who may read
/// everything.
#[cfg(unix)]
fn without_the_rights_of_root<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            // Only this thread, and those that it begins: https://man7.org/linux/man-pages/man2/setfsuid.2.html
            #[cfg(target_os = "linux")]
            // SAFETY: it changes what this thread may read, and no memory.
            unsafe {
                libc::setfsuid(65534)
            };
            work()
        });
        work.join().unwrap()
    })
}

#[test]
#[cfg(unix)]
fn what_cannot_be_read_is_an_error() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&["a.html", "b/c.html"]);
    let lock =
        |path: PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    lock(folder.0.path().to_owned(), 0o755);
    let error = || {
        without_the_rights_of_root(|| {
            assert!(
                fs::read(folder.path("a.html")).is_err() || fs::read_dir(folder.path("b")).is_err()
            );
            folder.error()
        })
    };
    lock(folder.path("a.html"), 0o000);
    let file = error();
    lock(folder.path("a.html"), 0o644);
    lock(folder.path("b"), 0o000);
    let below = error();
    lock(folder.path("b"), 0o755);
    expect![[r#"
        failed to read `SITE/public/a.html`
          Permission denied
        failed to read `SITE/public/b`
          Permission denied
    "#]]
    .assert_eq(&[file, below].concat());
}

/// The digests are from Python: `hashlib.md5` of the whole file, and of the MD5s of each 8 MiB.
#[test]
fn a_large_file_has_the_etag_that_its_parts_will_get() {
    let whole: Vec<u8> = (0..(16 << 20) + 5).map(|n| (n % 251) as u8).collect();
    for (size, md5, etag) in [
        (8 << 20, "727943cf3cd0ed31e7fbe1bab434d5eb", None),
        (
            (8 << 20) + 1,
            "551614bf9fa16f183f9d4e9bdcca0bf3",
            Some("207d5ad937887dd79678eed060f706be-2"),
        ),
        (16 << 20, "3fa26ae9e0a7aa835755bee5ed80ff95", Some("c6f57ab91799c96d38c98664ee613a41-2")),
        (
            (16 << 20) + 5,
            "6ff4bfd42b50c465949fddf07a5b58de",
            Some("8ea1e631a46fb5c0498272dc6961a3b2-3"),
        ),
    ] {
        let folder = folder(&[]);
        folder.write("large", &whole[..size]);
        let file = folder.site().files.remove(0);
        assert_eq!((file.size, hex(&file.digest.md5).as_str()), (size as u64, md5));
        let parts = file.digest.parts.as_ref().map_or(0, |parts| parts.0.len());
        assert_eq!(parts, etag.map_or(0, |_| size.div_ceil(8 << 20)), "{size}");
        let proves = |etag: &str| file.digest.proves(&etag.into());
        assert!(proves(md5) && etag.is_none_or(proves), "{size}");
        assert!(!proves(&md5.to_uppercase()) && !proves(""), "{size}");
    }
}

#[test]
fn a_file_that_changes_its_size_meanwhile_is_an_error() {
    let folder = folder(&[]);
    let large = vec![7; (8 << 20) + 2];
    folder.write("large", &large);
    folder.write("small", b"abc");
    let read =
        |name: &str, size| digest::of_file(&folder.path(name), size, &mut |_| ()).map(|_| ());
    for (name, size, fits) in [
        ("small", 3, true),
        ("small", 2, false),
        ("small", 4, false),
        ("small", 9 << 20, false),
        ("large", (8 << 20) + 2, true),
        ("large", (8 << 20) + 3, false),
        ("large", 8 << 20, false),
    ] {
        assert_eq!(read(name, size).is_ok(), fits, "{name} {size}");
    }
    let error = read("small", 2).unwrap_err();
    expect!["its size changed while it was read"].assert_eq(&error.to_string());
}

#[test]
fn what_is_hashed_is_told_to_the_byte() {
    let folder = folder(&["a.html", "b/c.html", ".env"]);
    folder.write("large", &vec![7; (8 << 20) + 1]);
    let (hashed, total) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (count, sum) = (hashed.clone(), total.clone());
    let tell = Tell::new(move |event| match event {
        Event::Advanced(Stage::Hash, by) => {
            count.fetch_add(by.bytes, Ordering::Relaxed);
        }
        Event::Began(Stage::Hash, total, _) => {
            assert_eq!(total.items, 3);
            sum.store(total.bytes, Ordering::Relaxed);
        }
        _ => {}
    });
    folder.scan_with("", &tell).unwrap();
    let expected = 6 + 8 + (8 << 20) + 1;
    assert_eq!(
        (hashed.load(Ordering::Relaxed), total.load(Ordering::Relaxed)),
        (expected, expected)
    );
}

fn nothing_told(_: Keys<'_>) -> impl Fn(&str) -> Option<Digest> + use<> {
    |_| None
}

#[test]
fn a_file_is_what_is_told_of_it_where_it_has_the_sum_that_is_told() {
    let folder = folder(&["as-told.txt", "changed.txt", "no-sum.txt", "untold.txt"]);
    let large = usize::try_from(LARGEST_WHOLE).unwrap() + 1;
    folder.write("large.bin", &vec![0; large]);
    let config = Config::read(folder.0.path(), "site".as_ref()).unwrap();
    // Not a real MD5, so that its origin can be recognised.
    let told = |content: &[u8], has_sum: bool| {
        let sum = has_sum.then(|| Sum(xxhash_rust::xxh3::xxh3_64(content).to_be_bytes()));
        Some(Digest { md5: [7; 16], sum, parts: None })
    };
    let told = |keys: Keys<'_>| {
        let all = ["as-told.txt", "changed.txt", "large.bin", "no-sum.txt", "untold.txt"];
        assert!(keys.eq(all));
        move |key: &str| match key {
            "as-told.txt" => told(b"as-told.txt", true),
            "changed.txt" => told(b"Changed.txt", true),
            "no-sum.txt" => told(b"no-sum.txt", false),
            "large.bin" => told(&vec![0; large], true),
            _ => None,
        }
    };
    let site = scan(&config, &Prefix::default(), None, told, &Tell::silent()).unwrap();
    let is_as_told = |file: &Arc<File>| (file.key.to_string(), file.digest.md5 == [7; 16]);
    let expected = [
        ("as-told.txt", true),
        ("changed.txt", false),
        ("large.bin", true),
        ("no-sum.txt", false),
        ("untold.txt", false),
    ];
    assert_eq!(site.files.iter().map(is_as_told).collect::<Vec<_>>(), self::told(&expected));
    assert!(site.files.iter().all(|file| file.digest.sum.is_some()), "for the next record");
    assert_eq!(site.files[1].digest.md5, <[u8; 16]>::from(Md5::digest(b"changed.txt")));
}

fn rescan(cache: &mut ScanCache) -> Rescan<'_> {
    Rescan { cache, differs: &|_| () }
}

/// Scans and remembers; returns how many bytes were hashed.
fn hashed_again(folder: &Folder, seen: &mut ScanCache) -> (Site, u64) {
    let config = Config::read(folder.0.path(), "site".as_ref()).unwrap();
    let hashed = Arc::new(AtomicU64::new(0));
    let count = hashed.clone();
    let tell = Tell::new(move |event| {
        if let Event::Advanced(Stage::Hash, by) = event {
            count.fetch_add(by.bytes, Ordering::Relaxed);
        }
    });
    let site = scan(&config, &Prefix::default(), Some(rescan(seen)), nothing_told, &tell).unwrap();
    (site, hashed.load(Ordering::Relaxed))
}

#[test]
fn a_file_that_was_not_written_since_is_not_read_again() {
    let folder = folder(&["a.txt", "b.txt"]);
    let digests =
        |site: &Site| site.files.iter().map(|file| hex(&file.digest.md5)).collect::<Vec<_>>();
    let mut seen = ScanCache::on_a_fine_clock();
    let (first, hashed) = hashed_again(&folder, &mut seen);
    assert_eq!(hashed, 10);
    let (again, hashed) = hashed_again(&folder, &mut seen);
    assert_eq!((hashed, digests(&again)), (0, digests(&first)));

    // Other bytes, but everything that a program can set stays as it was.
    let a = folder.path("a.txt");
    let modified = fs::metadata(&a).unwrap().modified().unwrap();
    folder.write("a.txt", b"A.txt");
    fs::File::options().write(true).open(&a).unwrap().set_modified(modified).unwrap();
    let (changed, hashed) = hashed_again(&folder, &mut seen);
    assert_eq!((hashed, &digests(&changed)[1]), (5, &digests(&first)[1]));
    assert_ne!(digests(&changed)[0], digests(&first)[0]);
}

#[test]
fn a_file_that_was_written_just_before_is_read_again() {
    let folder = folder(&["a.txt"]);
    let mut seen = ScanCache::default();
    assert_eq!(hashed_again(&folder, &mut seen).1, 5);
    assert_eq!(hashed_again(&folder, &mut seen).1, 5);
}

#[test]
fn of_files_that_were_written_again_those_with_other_bytes_are_told() {
    let folder = folder(&["a.txt", "b.txt", "c.txt"]);
    let config = Config::read(folder.0.path(), "site".as_ref()).unwrap();
    let mut seen = ScanCache::default();
    let mut differing = || {
        let told = Mutex::new(Vec::new());
        let differs = |key: &str| told.lock().unwrap().push(key.to_owned());
        let rescan = Some(Rescan { cache: &mut seen, differs: &differs });
        let site =
            scan(&config, &Prefix::default(), rescan, nothing_told, &Tell::silent()).unwrap();
        let mut told = told.into_inner().unwrap();
        told.sort();
        (told, site.files.iter().map(|file| hex(&file.digest.md5)).collect::<Vec<_>>())
    };
    let (told, first) = differing();
    assert_eq!(told, [""; 0], "there is nothing to differ from");
    folder.write("a.txt", b"a.txt");
    folder.write("b.txt", b"B.txt");
    folder.write("c.txt", b"longer");
    let (told, second) = differing();
    assert_eq!(told, ["b.txt", "c.txt"]);
    assert_eq!(second[0], first[0]);
    assert_eq!(second[1], hex(&Md5::digest(b"B.txt").into()));
    assert_eq!(second[2], hex(&Md5::digest(b"longer").into()));
}

/// The keys that could be rechecked, each with whether its file is the same as at the last scan.
fn rechecked(folder: &Folder, seen: &ScanCache, keys: &[&str]) -> Vec<(String, bool)> {
    let config = Config::read(folder.0.path(), "site".as_ref()).unwrap();
    let keys = keys.iter().map(|key| (*key).to_owned());
    let files = recheck(&config, &Prefix::default(), keys, seen);
    let told = |file: Arc<File>| {
        let content = fs::read(folder.path(&file.key)).unwrap();
        let is = (file.size, file.digest.md5);
        assert_eq!(is, (content.len() as u64, Md5::digest(&content).into()));
        (file.key.to_string(), Arc::ptr_eq(&file, &seen.of(&file.key).unwrap().file))
    };
    files.into_iter().map(told).collect()
}

fn told(keys: &[(&str, bool)]) -> Vec<(String, bool)> {
    keys.iter().map(|(key, is_same)| ((*key).to_owned(), *is_same)).collect()
}

#[test]
fn a_few_files_can_be_looked_at_before_the_rest() {
    let folder = folder(&["a.txt", "assets/b.txt", "c.txt", "d.txt", "e/f.txt", "unasked.txt"]);
    let mut seen = ScanCache::default();
    hashed_again(&folder, &mut seen);
    folder.write("a.txt", b"a.txt");
    folder.write("assets/b.txt", b"ASSETS/B.TXT");
    folder.write("c.txt", b"longer");
    fs::remove_file(folder.path("d.txt")).unwrap();
    folder.write("new.txt", b"new");
    let keys = ["a.txt", "assets/b.txt", "c.txt", "d.txt", "e/f.txt", "new.txt", "no.txt"];
    let expected = [("a.txt", true), ("assets/b.txt", false), ("c.txt", false), ("e/f.txt", true)];
    assert_eq!(rechecked(&folder, &seen, &keys), told(&expected));

    let rules = config().replace("assets/**", "a.txt");
    fs::write(folder.0.path().join("deploy.toml"), rules).unwrap();
    let expected = [("a.txt", false), ("assets/b.txt", false), ("c.txt", false), ("e/f.txt", true)];
    assert_eq!(rechecked(&folder, &seen, &keys), told(&expected), "with other headers");

    let size = usize::try_from(LARGEST_WHOLE).unwrap() + 1;
    folder.write("c.txt", &vec![b'c'; size]);
    assert!(!rechecked(&folder, &seen, &keys).iter().any(|(key, _)| key == "c.txt"), "it is large");
}

#[cfg(unix)]
#[test]
fn a_link_that_was_no_link_before_is_left_to_a_scan() {
    let folder = folder(&["a.txt", "b/c.txt"]);
    let mut seen = ScanCache::default();
    hashed_again(&folder, &mut seen);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("c.txt"), "secret").unwrap();
    fs::remove_file(folder.path("a.txt")).unwrap();
    fs::remove_dir_all(folder.path("b")).unwrap();
    folder.link(outside.path().join("c.txt"), "a.txt");
    folder.link(outside.path(), "b");
    assert_eq!(rechecked(&folder, &seen, &["a.txt", "b/c.txt"]), []);
}
