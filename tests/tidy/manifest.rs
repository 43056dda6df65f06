//! The dependencies that the manifests of this repository name.

use super::source::top;

/// A line of a manifest that names a dependency.
pub struct Dependency {
    pub name: String,
    pub is_for_tests: bool,
    /// It is a crate of this repository.
    pub is_ours: bool,
}

impl Dependency {
    /// The name in the sources.
    pub fn in_code(&self) -> String {
        match self.name.as_str() {
            "md-5" => "md5".to_owned(),
            name => name.replace('-', "_"),
        }
    }
}

/// The folders of the tool's crates.
pub fn crate_folders() -> Vec<String> {
    let crates = std::fs::read_dir(top().join("xtask/crates")).expect("the crates are there");
    let names = crates.map(|entry| entry.expect("an entry can be read").file_name());
    let folders = names.map(|name| format!("xtask/crates/{}", name.to_string_lossy()));
    let mut folders: Vec<String> = folders.chain(["xtask".to_owned()]).collect();
    folders.sort();
    folders
}

pub fn of(folder: &str) -> Vec<Dependency> {
    let path = top().join(folder).join("Cargo.toml");
    let text = std::fs::read_to_string(&path);
    dependencies(&text.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

pub fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines().filter(|line| !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix('[') {
            section = title.trim_end_matches(']');
        } else if let Some((name, rest)) = line.split_once(" = ")
            && section.ends_with("dependencies")
        {
            let is_for_tests = section.ends_with("dev-dependencies");
            let is_ours = rest.contains("path = \"");
            found.push(Dependency { name: name.to_owned(), is_for_tests, is_ours });
        }
    }
    found
}
