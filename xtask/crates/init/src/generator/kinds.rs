//! The generators: the file by which each is known, its command and its output.

use std::path::{Path, PathBuf};

use super::Generator;
use super::config_text::{any_value, has_value, quoted_value, read, yaml_list, yaml_value};
use super::install;
use super::node::{Package, quoted};
use crate::toml_text::{parse, text_at};

/// The generators that are known by their files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Hugo,
    Zola,
    MdBook,
    Jekyll,
    Eleventy,
    Astro,
    VitePress,
    Docusaurus,
    Gatsby,
    Next,
    Hexo,
    Vite,
    MkDocs,
    Sphinx,
    /// Finished pages, which git holds.
    Pages,
}

impl Kind {
    /// As its makers write it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Hugo => "Hugo",
            Kind::Zola => "Zola",
            Kind::MdBook => "mdBook",
            Kind::Jekyll => "Jekyll",
            Kind::Eleventy => "Eleventy",
            Kind::Astro => "Astro",
            Kind::VitePress => "VitePress",
            Kind::Docusaurus => "Docusaurus",
            Kind::Gatsby => "Gatsby",
            Kind::Next => "Next.js",
            Kind::Hexo => "Hexo",
            Kind::Vite => "Vite",
            Kind::MkDocs => "MkDocs",
            Kind::Sphinx => "Sphinx",
            Kind::Pages => "finished pages",
        }
    }
}

/// Names with a hash of the content. A name with a date must not match: it would be kept for a year.
const MDBOOK_HASH: &str = "**/*-[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f].{css,js,min.js,png,svg,woff2}";
const DOCUSAURUS_HASH: &str =
    "assets/{js,css}/*.[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f].{js,css}";
/// `fingerprint` writes 64 digits; 16 are enough to tell them from a date.
const HUGO_HASH: &str = "**/*.[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*.{css,js}";

/// A folder that is looked at.
struct Folder<'a> {
    root: &'a Path,
    folder: &'a Path,
}

/// The generator whose configuration is in a folder.
pub fn in_folder(root: &Path, folder: &Path) -> Option<Generator> {
    let folder = Folder { root, folder };
    let by_file = [hugo, zola, mdbook, jekyll, mkdocs, sphinx];
    folder.of_node().or_else(|| by_file.iter().find_map(|known| known(&folder)))
}

/// Finished pages in a usual folder, else at the top. An output is a folder of its own, so a command copies the pages
/// at the top into one.
pub fn pages(root: &Path) -> Option<Generator> {
    let has_pages = |folder: &&&str| root.join(folder).join("index.html").is_file();
    let usual = ["public", "dist", "www", "html", "htdocs", "site", "docs", "build", "_site"];
    let top = Folder { root, folder: Path::new("") };
    match usual.iter().find(has_pages) {
        Some(output) => Some(top.site(Kind::Pages, &[], output)),
        None if has_pages(&&".") => Some(top.site(Kind::Pages, &["sh", "-c", COPY], "_site")),
        None => None,
    }
}

/// Copies everything but hidden files, the tool's own and what is no page.
const COPY: &str = "mkdir -p _site && tar -cf - --exclude='./.*' --exclude=./_site --exclude=./xtask --exclude=./target --exclude='./Cargo.*' --exclude=./deploy.toml --exclude=./ci-deploy.sh --exclude='./README*' --exclude='./LICENSE*' --exclude=node_modules . | tar -xf - -C _site";

impl Folder<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(self.folder).join(name)
    }

    fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    fn read(&self, name: &str) -> Option<String> {
        read(&self.path(name))
    }

    /// The first of several files that is there, with its text.
    fn first<'n>(&self, names: &[&'n str]) -> Option<(&'n str, String)> {
        names.iter().find_map(|name| Some((*name, self.read(name)?)))
    }

    fn site(&self, kind: Kind, command: &[&str], output: &str) -> Generator {
        Generator {
            kind,
            folder: self.folder.to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            output: output.into(),
            immutable: Vec::new(),
            revalidated: Vec::new(),
            install: Vec::new(),
            leftovers: Vec::new(),
            needs_history: false,
        }
    }

    fn of_node(&self) -> Option<Generator> {
        let package = Package::read(self.root, self.folder)?;
        let is_export =
            || self.first(NEXT).is_some_and(|(_, text)| has_value(&text, "output", "export"));
        let (kind, output): (Kind, Option<String>) = if package.needs("astro") {
            (Kind::Astro, self.first(ASTRO).and_then(|(_, text)| quoted_value(&text, "outDir")))
        } else if package.needs("@11ty/eleventy") {
            (
                Kind::Eleventy,
                self.first(ELEVENTY).and_then(|(_, text)| quoted_value(&text, "output")),
            )
        } else if package.needs("@docusaurus/core") {
            (Kind::Docusaurus, None)
        } else if package.needs("gatsby") {
            (Kind::Gatsby, None)
        } else if package.needs("next") && is_export() {
            (Kind::Next, self.first(NEXT).and_then(|(_, text)| quoted_value(&text, "distDir")))
        } else if package.needs("hexo") {
            (
                Kind::Hexo,
                self.first(&["_config.yml"]).and_then(|(_, text)| yaml_value(&text, "public_dir")),
            )
        } else if package.needs("vitepress") {
            return Some(self.vitepress(&package));
        } else if package.needs("vite") && self.has("index.html") {
            (Kind::Vite, self.first(VITE).and_then(|(_, text)| quoted_value(&text, "outDir")))
        } else {
            return None;
        };
        let (generator, usual): (&[&str], &str) = match kind {
            Kind::Astro => (&["astro", "build"], "dist"),
            Kind::Eleventy => (&["@11ty/eleventy"], "_site"),
            Kind::Docusaurus => (&["docusaurus", "build"], "build"),
            Kind::Gatsby => (&["gatsby", "build"], "public"),
            Kind::Next => (&["next", "build"], "out"),
            Kind::Hexo => (&["hexo", "generate"], "public"),
            _ => (&["vite", "build"], "dist"),
        };
        Some(self.node_site(kind, &package, generator, output.as_deref().unwrap_or(usual)))
    }

    fn node_site(
        &self,
        kind: Kind,
        package: &Package,
        generator: &[&str],
        output: &str,
    ) -> Generator {
        Generator {
            command: package.command(generator),
            install: package.install(self.folder),
            immutable: match kind {
                Kind::Astro => vec!["_astro/**"],
                Kind::Docusaurus => vec![DOCUSAURUS_HASH],
                Kind::Next => vec!["_next/static/**"],
                // Eight letters of any kind, which other names have too.
                _ => Vec::new(),
            },
            leftovers: match kind {
                Kind::Astro => vec!["/.astro", "/node_modules"],
                Kind::Docusaurus => vec!["/.docusaurus", "/node_modules"],
                Kind::Gatsby => vec!["/.cache", "/node_modules"],
                Kind::Next => vec!["/.next", "/next-env.d.ts", "/node_modules"],
                Kind::Hexo => vec!["/db.json", "/node_modules"],
                _ => vec!["/node_modules"],
            },
            ..self.site(kind, &[], output.trim_start_matches("./").trim_end_matches('/'))
        }
    }

    /// Its configuration is in a folder of its own below the pages.
    fn vitepress(&self, package: &Package) -> Generator {
        let pages = ["docs", "doc", "site", "src", "."].into_iter();
        let pages =
            pages.map(str::to_owned).find(|folder| self.has(&format!("{folder}/.vitepress")));
        let pages = pages.unwrap_or_else(|| ".".into());
        let own = |name: &str| match pages.as_str() {
            "." => name.to_owned(),
            pages => format!("{pages}/{name}"),
        };
        let names =
            ["js", "mjs", "ts", "mts"].map(|ending| own(&format!(".vitepress/config.{ending}")));
        let config = names.iter().find_map(|name| self.read(name)).unwrap_or_default();
        let output = quoted_value(&config, "outDir").map(|output| own(&output));
        let output = output.unwrap_or_else(|| own(".vitepress/dist"));
        // The script that builds has many names here (`docs:build`).
        let generator = ["vitepress", "build", pages.as_str()];
        let mut site = self.node_site(Kind::VitePress, package, &generator, &output);
        if !package.build.as_ref().is_some_and(|script| script.contains("vitepress")) {
            site.command =
                [&["npx"][..], &generator].concat().into_iter().map(str::to_owned).collect();
        }
        site.leftovers.push("/.vitepress/cache");
        if pages != "." {
            site.leftovers.push("/*/.vitepress/cache");
        }
        site
    }
}

const ASTRO: &[&str] =
    &["astro.config.mjs", "astro.config.ts", "astro.config.js", "astro.config.mts"];
const ELEVENTY: &[&str] =
    &[".eleventy.js", "eleventy.config.js", "eleventy.config.mjs", "eleventy.config.cjs"];
const NEXT: &[&str] = &["next.config.js", "next.config.mjs", "next.config.ts"];
const VITE: &[&str] = &["vite.config.js", "vite.config.ts", "vite.config.mjs", "vite.config.mts"];

fn hugo(folder: &Folder) -> Option<Generator> {
    let own = ["hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json"];
    let shared = ["config.toml", "config.yaml", "config.yml", "config.json"];
    let is_hugo = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("baseurl") || (folder.has("content") && folder.has("archetypes"))
    };
    let split = "config/_default";
    let text = folder.first(&own).map(|(_, text)| text);
    let text =
        text.or_else(|| folder.first(&shared).map(|(_, text)| text).filter(|text| is_hugo(text)));
    let text = text.or_else(|| {
        let names = own.iter().chain(&shared).map(|name| format!("{split}/{name}"));
        names.filter_map(|name| folder.read(&name)).next()
    })?;
    let output =
        ["publishDir", "publishdir", "PublishDir"].iter().find_map(|key| any_value(&text, key));
    let command = "hugo --minify ${DEPLOY_URL:+--baseURL \"$DEPLOY_URL\"}";
    Some(Generator {
        immutable: vec![HUGO_HASH],
        leftovers: vec!["/resources/_gen", "/.hugo_build.lock"],
        needs_history: text.to_ascii_lowercase().contains("enablegitinfo"),
        install: install::HUGO.install(folder.root),
        ..folder.site(Kind::Hugo, &["sh", "-c", command], output.as_deref().unwrap_or("public"))
    })
}

fn zola(folder: &Folder) -> Option<Generator> {
    let (_, text) = folder.first(&["zola.toml", "config.toml"])?;
    let config = parse(&text, "config.toml").ok()?;
    text_at(&config, &["base_url"])?;
    let output = text_at(&config, &["output_dir"]);
    let command = "zola build ${DEPLOY_URL:+--base-url \"$DEPLOY_URL\"}";
    Some(Generator {
        install: install::ZOLA.install(folder.root),
        ..folder.site(Kind::Zola, &["sh", "-c", command], output.unwrap_or("public"))
    })
}

fn mdbook(folder: &Folder) -> Option<Generator> {
    let (_, text) = folder.first(&["book.toml"])?;
    let book = parse(&text, "book.toml").unwrap_or_default();
    let output = text_at(&book, &["build", "build-dir"]).unwrap_or("book").to_owned();
    // With several renderers, each has a folder of its own.
    let renderers = book.get("output").and_then(|output| output.get_ref().as_table());
    let is_one_of_several = renderers.is_some_and(|renderers| renderers.len() > 1);
    let output = if is_one_of_several { format!("{output}/html") } else { output };
    Some(Generator {
        immutable: vec![MDBOOK_HASH],
        // mdBook hashes this file before it writes the names of the fonts into it.
        revalidated: vec!["fonts/fonts-*.css"],
        install: install::MDBOOK.install(folder.root),
        ..folder.site(Kind::MdBook, &["mdbook", "build"], &output)
    })
}

fn jekyll(folder: &Folder) -> Option<Generator> {
    let (_, text) = folder.first(&["_config.yml", "_config.yaml"])?;
    let has_gems = folder.has("Gemfile");
    let is_jekyll = has_gems
        || ["_posts", "_layouts", "_includes", "_data"].iter().any(|name| folder.has(name));
    if !is_jekyll && !["theme:", "remote_theme:", "plugins:"].iter().any(|key| text.contains(key)) {
        return None;
    }
    let output = yaml_value(&text, "destination").unwrap_or_else(|| "_site".into());
    let jekyll = if has_gems { "bundle exec jekyll" } else { "jekyll" };
    let command = jekyll_command(&text, jekyll);
    Some(Generator {
        leftovers: vec!["/.jekyll-cache", "/.sass-cache"],
        install: match has_gems {
            true => vec![install::RUBY.into(), "sudo bundle install".into()],
            false => vec![install::RUBY.into(), "sudo gem install jekyll".into()],
        },
        ..folder.site(Kind::Jekyll, &["sh", "-c", &command], output.trim_start_matches("./"))
    })
}

/// Jekyll reads the address from a file only, and publishes every file that it finds. A second configuration replaces
/// the list of what is left out, so it repeats the list of the first.
fn jekyll_command(config: &str, jekyll: &str) -> String {
    let own = ["deploy.toml", "ci-deploy.sh", "xtask", "target", "Cargo.toml", "Cargo.lock"];
    let usual = ["Gemfile", "Gemfile.lock", "node_modules", "vendor"];
    let listed = match config.lines().any(|line| line.starts_with("exclude:")) {
        true => yaml_list(config, "exclude"),
        false => Some(usual.map(str::to_owned).into()),
    };
    let left_out = listed.map(|listed| {
        let names = listed.iter().map(String::as_str).chain(own);
        let quoted: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
        format!("; echo 'exclude: [{}]'", quoted.join(", "))
    });
    let left_out = left_out.unwrap_or_default();
    format!(
        "mkdir -p .jekyll-cache && {{ echo 'incremental: false'; [ -z \"$DEPLOY_URL\" ] || echo \"url: ${{DEPLOY_URL%/}}\"{left_out}; }} > .jekyll-cache/deploy.yml && JEKYLL_ENV=production {jekyll} build --config _config.yml,.jekyll-cache/deploy.yml"
    )
}

fn mkdocs(folder: &Folder) -> Option<Generator> {
    let (_, text) = folder.first(&["mkdocs.yml", "mkdocs.yaml"])?;
    let output = yaml_value(&text, "site_dir").unwrap_or_else(|| "site".into());
    let requirements = ["requirements.txt", "docs/requirements.txt"];
    let packages = match requirements.iter().find(|name| folder.has(name)) {
        Some(name) => requirement(folder, name),
        None if text.contains("material") => "mkdocs-material".into(),
        None => "mkdocs".to_owned(),
    };
    Some(Generator {
        needs_history: text.contains("git-revision-date"),
        install: install::python(&packages, "mkdocs"),
        ..folder.site(Kind::MkDocs, &["mkdocs", "build"], &output)
    })
}

fn sphinx(folder: &Folder) -> Option<Generator> {
    let (_, text) = folder.first(&["conf.py", "source/conf.py"])?;
    if !["extensions", "html_theme", "sphinx"].iter().any(|word| text.contains(word)) {
        return None;
    }
    let source = if folder.has("conf.py") { "." } else { "source" };
    let output = if folder.has("conf.py") { "_build/html" } else { "build/html" };
    let packages = match folder.has("requirements.txt") {
        true => requirement(folder, "requirements.txt"),
        false => "sphinx".to_owned(),
    };
    Some(Generator {
        install: install::python(&packages, "sphinx-build"),
        ..folder.site(Kind::Sphinx, &["sphinx-build", "-b", "html", source, output], output)
    })
}

fn requirement(folder: &Folder, name: &str) -> String {
    format!("--requirement {}", quoted(&folder.folder.join(name).display().to_string()))
}
