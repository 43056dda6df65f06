//! Small repositories, and the sites that are found in them.

use std::fs;

use super::*;

/// The sites of a folder with these files, each as `kind folder: command -> output`.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let line = |site: &Generator| {
        let command = site.command.iter().find(|word| word.len() > 2 && *word != "env");
        let command = if site.command.first().is_some_and(|word| word == "sh") {
            command.unwrap().split(' ').next().unwrap().to_owned()
        } else {
            site.command.join(" ")
        };
        format!(
            "{} {}: {command} -> {}",
            site.kind.name(),
            site.folder.display(),
            site.output.display()
        )
    };
    find(root.path()).iter().map(line).collect()
}

#[track_caller]
fn assert_found(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(found(files), expected, "{files:?}");
}

const NPM: &str = "package-lock.json";

#[test]
fn each_generator_is_known_by_its_files() {
    for (files, expected) in [
        (vec![("hugo.toml", "baseURL = 'https://example.com/'\n")], "Hugo : hugo -> public"),
        (
            vec![("config.yaml", "baseurl: https://example.com\npublishDir: out\n")],
            "Hugo : hugo -> out",
        ),
        (vec![("config/_default/hugo.toml", "title = 'x'\n")], "Hugo : hugo -> public"),
        (vec![("config.toml", "base_url = \"https://example.com\"\n")], "Zola : zola -> public"),
        (vec![("docs/book.toml", "[book]\n")], "mdBook docs: mdbook build -> book"),
        (
            vec![(
                "book.toml",
                "[build]\nbuild-dir = \"out\"\n[output.html]\n[output.linkcheck]\n",
            )],
            "mdBook : mdbook build -> out/html",
        ),
        (vec![("_config.yml", "title: x\n"), ("Gemfile", "")], "Jekyll : mkdir -> _site"),
        (vec![("mkdocs.yml", "site_name: x\nsite_dir: 'html'\n")], "MkDocs : mkdocs build -> html"),
        (
            vec![("docs/conf.py", "extensions = []\n")],
            "Sphinx docs: sphinx-build -b html . _build/html -> _build/html",
        ),
        (
            vec![("docs/source/conf.py", "html_theme = 'x'\n")],
            "Sphinx docs: sphinx-build -b html source build/html -> build/html",
        ),
        (vec![("public/index.html", "")], "finished pages :  -> public"),
        (vec![("index.html", "")], "finished pages : mkdir -> _site"),
    ] {
        assert_found(&files, &[expected]);
    }
}

#[test]
fn generators_of_node_are_known_by_their_packages() {
    let package = |name: &str| format!(r#"{{"devDependencies": {{"{name}": "1"}}}}"#);
    let scripted = |name: &str| {
        format!(r#"{{"scripts": {{"build": "x"}}, "dependencies": {{"{name}": "1"}}}}"#)
    };
    for (files, expected) in [
        (
            vec![("package.json", package("astro").as_str()), (NPM, "")],
            "Astro : npx astro build -> dist",
        ),
        (
            vec![
                ("web/package.json", scripted("astro").as_str()),
                ("web/astro.config.mjs", "  outDir: './html/',\n"),
            ],
            "Astro web: npm run build -> html",
        ),
        (
            vec![
                ("package.json", scripted("@11ty/eleventy").as_str()),
                (".eleventy.js", "  return { dir: {\n    output: \"www\" } };\n"),
                ("pnpm-lock.yaml", ""),
            ],
            "Eleventy : pnpm run build -> www",
        ),
        (
            vec![
                ("package.json", package("vitepress").as_str()),
                ("docs/.vitepress/config.mts", ""),
            ],
            "VitePress : npx vitepress build docs -> docs/.vitepress/dist",
        ),
        (
            vec![("package.json", scripted("@docusaurus/core").as_str())],
            "Docusaurus : npm run build -> build",
        ),
        (
            vec![("package.json", scripted("gatsby").as_str()), ("yarn.lock", "")],
            "Gatsby : yarn run build -> public",
        ),
        (
            vec![
                ("package.json", scripted("next").as_str()),
                ("next.config.js", "  output: 'export',\n"),
            ],
            "Next.js : npm run build -> out",
        ),
        (
            vec![("package.json", scripted("vite").as_str()), ("index.html", "")],
            "Vite : npm run build -> dist",
        ),
    ] {
        assert_found(&files, &[expected]);
    }
}

#[test]
fn what_only_looks_like_a_site_is_none() {
    let server = r#"{"dependencies": {"next": "1", "express": "1"}}"#;
    assert_found(&[("package.json", server), ("next.config.js", "module.exports = {}\n")], &[]);
    assert_found(&[("config.toml", "[server]\nport = 1\n")], &[]);
    assert_found(&[("_config.yml", "title: x\n")], &[]);
    assert_found(&[("book.toml.bak", ""), ("package.json", "not json")], &[]);
    assert_found(&[("conf.py", "PORT = 1\n")], &[]);
    assert_found(&[("hugo/public.txt", "")], &[]);
}

#[test]
fn a_monorepo_has_several_and_a_theme_is_none() {
    assert_found(
        &[
            ("apps/blog/hugo.toml", ""),
            ("apps/docs/book.toml", ""),
            ("apps/blog/themes/a/exampleSite/hugo.toml", ""),
            ("node_modules/x/book.toml", ""),
        ],
        &["Hugo apps/blog: hugo -> public", "mdBook apps/docs: mdbook build -> book"],
    );
    assert_found(
        &[("hugo.toml", ""), ("themes/a/hugo.toml", ""), ("docs/book.toml", "")],
        &["Hugo : hugo -> public"],
    );
}
