//! Files as people write them, and what is read from them.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

mod by_hand;
mod ci;
mod hostile;
mod shell;

/// Reads a repository with these files.
fn repository(files: &[(&str, &str)]) -> Reading {
    let folder = tempfile::tempdir().expect("a folder can be made");
    write_and_read(folder.path(), files)
}

fn write_and_read(folder: &Path, files: &[(&str, &str)]) -> Reading {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("it can be made");
        std::fs::write(path, text).expect("it can be written");
    }
    read(folder)
}

fn check(files: &[(&str, &str)], expected: Expect) {
    expected.assert_eq(&drawn(&repository(files)));
}

/// A line for each place and each note, with what is set.
fn drawn(reading: &Reading) -> String {
    let mut text = String::new();
    for place in &reading.places {
        let folder = place
            .folder
            .as_ref()
            .map_or("?".to_owned(), |folder| format!("`{}`", folder.display()));
        write!(text, "{}:{}: {folder} to `{}", place.file.display(), place.line, place.bucket)
            .unwrap();
        write!(text, "/{}`", place.prefix).unwrap();
        let credentials = place.credentials.as_ref().map(|credentials| match credentials {
            Credentials::Variables { access_key_id, secret_access_key } => {
                format!("{access_key_id}+{secret_access_key}")
            }
            Credentials::Profile(profile) => format!("profile {profile}"),
            Credentials::Role(arn) => format!("role {arn}"),
        });
        let credentials = credentials
            .map(|text| text.replace("AWS_ACCESS_KEY_ID+AWS_SECRET_ACCESS_KEY", "usual keys"));
        for (name, value) in [
            ("name", place.name.clone()),
            ("branches", some(&place.branches)),
            ("credentials", credentials),
            ("region", place.region.clone()),
            ("endpoint", place.endpoint.clone()),
            ("account", place.account.clone()),
            ("acl", place.acl.clone()),
            ("encryption", place.encryption.clone()),
            ("keep", some(&place.keep)),
            ("distribution", place.distribution.clone()),
            ("url", place.url.clone()),
        ] {
            if let Some(value) = value {
                write!(text, "; {name} {value}").unwrap();
            }
        }
        text.push('\n');
        for rule in &place.headers {
            let values: Vec<String> =
                rule.values.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            writeln!(text, "    {} gets {}", rule.glob, values.join(", ")).unwrap();
        }
    }
    for note in &reading.notes {
        writeln!(text, "note: {note}").unwrap();
    }
    text
}

fn some(list: &[String]) -> Option<String> {
    (!list.is_empty()).then(|| list.join(" "))
}

/// The `circle.yml` of the handbook's page.
#[test]
fn the_file_of_the_handbook_becomes_three_environments() {
    let page = include_str!("../../../../../site/pages/from-aws-s3-sync.md");
    let (_, rest) = page.split_once("```yaml\n").expect("the page has the file");
    let (file, _) = rest.split_once("```").expect("the file ends");
    check(
        &[("circle.yml", file)],
        expect![[r#"
        circle.yml:21: `public` to `example.com/`; name production; branches master; credentials usual keys
        circle.yml:28: `public` to `stg.example.com/`; name staging; branches staging; credentials STGAWSKEY+STGAWSSECRET
        circle.yml:35: `public` to `dev.example.com/`; name development; branches development; credentials DEVAWSKEY+DEVAWSSECRET
    "#]],
    );
}

#[test]
fn patterns_of_others_become_globs() {
    let aws = [
        ("uploads/*", "uploads/**"),
        ("*.map", "**/*.map"),
        ("*", "**"),
        (".git/*", ".git/**"),
        ("*.git/*", "**/*.git/**"),
        ("*/.DS_Store", "*/**/.DS_Store"),
        ("a/*.jpg", "a/**/*.jpg"),
        ("a/*/b", "a/*/**/b"),
        ("old*", "old*"),
        ("uploads/", "uploads/**"),
        ("./robots.txt", "robots.txt"),
    ];
    for (pattern, glob) in aws {
        assert_eq!(globs::of_aws(pattern), glob, "{pattern}");
    }
    let regexes: [(&str, bool, Option<&[&str]>); 22] = [
        ("/main/", true, Some(&["main"])),
        ("/feature\\/.*/", true, Some(&["feature/**"])),
        ("/^feature\\/.*$/", false, Some(&["feature/**"])),
        ("/^feature\\/.*/", false, Some(&["feature/**"])),
        ("/^feature\\/[^\\/]+$/", false, Some(&["feature/*"])),
        ("/.*/", true, Some(&["**"])),
        ("/^release-.*$/", false, Some(&["release-*", "release-*/**"])),
        ("/.*-preview/", true, Some(&["**/*-preview"])),
        ("/^(main|master)$/", false, Some(&["main", "master"])),
        ("/main|master/", true, Some(&["main", "master"])),
        ("/(?:fix|feature)\\/.*/", true, Some(&["fix/**", "feature/**"])),
        ("/^release-\\d$/", false, Some(&["release-[0-9]"])),
        ("^.+\\.(js|css)$", false, Some(&["**/*.js", "**/*.css"])),
        ("\\.html$", false, Some(&["**/*.html"])),
        ("^index\\.html$", false, Some(&["index.html"])),
        ("^css/.+$", false, Some(&["css/**"])),
        ("/^release-\\d+$/", false, None),
        ("/^v1.0$/", false, None),
        ("/^(?!main).*$/", false, None),
        ("/a(b/", true, None),
        ("/^main|master$/", false, None),
        ("", false, Some(&["**"])),
    ];
    for (regex, is_whole, globs) in regexes {
        let globs = globs.map(|globs| globs.iter().map(|glob| (*glob).to_owned()).collect());
        assert_eq!(globs::of_regex(regex, is_whole), globs, "{regex}");
    }
}

/// The lines of texts of all kinds, and of what is in them.
#[test]
fn each_value_of_yaml_knows_its_line() {
    let text = "a: |\n  one\n  two\nb: |\n\n  one\nc: >-\n  one\n  two\nd:\n  - \"x\n    y\"\n  - |-\n    z\n# no\n\ne:\n  f: g\nh: &h {i: j}\nk: *h\n";
    let tree = tree::from_yaml(text).expect("it can be read");
    let line = |keys: &[&str]| {
        tree.at(keys).map(|node| node.source().map_or(node.line, |source| source.line))
    };
    let lines = [("a", 2), ("b", 5), ("c", 8), ("e", 18), ("h", 19), ("k", 19)];
    for (key, expected) in lines {
        assert_eq!(line(&[key]), Some(expected), "{key}");
    }
    let items: Vec<usize> = tree
        .get("d")
        .expect("it is there")
        .items()
        .iter()
        .filter_map(|node| Some(node.source()?.line))
        .collect();
    assert_eq!(items, [11, 14]);
}
