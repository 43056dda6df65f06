//! The repository of a site that every tool deploys.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Site {
    /// The git repository.
    pub root: PathBuf,
    /// Relative to the output folder, in order.
    files: Vec<PathBuf>,
    /// How many changes were made so far, so that each is different.
    changes: usize,
    headers: usize,
}

impl Site {
    /// The first files of a built site, as copies. Files that a deploy leaves out on purpose (dot names, broken links,
    /// and links that lead out of the site) are left out here too.
    pub fn slice_of(source: &Path, root: &Path, limit: usize) -> Site {
        let mut files = Vec::new();
        walk(source, source, &mut files);
        files.sort();
        files.truncate(limit);
        let output = root.join("site/public");
        for file in &files {
            let to = output.join(file);
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder of the site");
            fs::copy(source.join(file), to).expect("a copy of the site");
        }
        Site::of(root, files)
    }

    /// This many files of about 30 bytes.
    pub fn tiny(root: &Path, count: usize) -> Site {
        let name = |number: usize| PathBuf::from(format!("{:04}/{number:06}.html", number / 100));
        let files: Vec<PathBuf> = (0..count).map(name).collect();
        for (number, file) in files.iter().enumerate() {
            let to = root.join("site/public").join(file);
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder of the site");
            fs::write(to, format!("<!doctype html><p>page {number}\n"))
                .expect("a file of the site");
        }
        Site::of(root, files)
    }

    fn of(root: &Path, files: Vec<PathBuf>) -> Site {
        fs::write(root.join(".gitignore"), "/target\n/site/public\n").expect("a file");
        let git = |arguments: &[&str]| {
            let status = Command::new("git").arg("-C").arg(root).args(arguments).status();
            assert!(status.expect("git").success(), "git {arguments:?}");
        };
        git(&["init", "--quiet", "-b", "main"]);
        git(&["add", ".gitignore"]);
        let who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
        git(&[&who[..], &["commit", "--quiet", "-m", "begin"]].concat());
        Site { root: root.to_owned(), files, changes: 0, headers: 0 }
    }

    pub fn files(&self) -> usize {
        self.files.len()
    }

    pub fn output(&self) -> PathBuf {
        self.root.join("site/public")
    }

    /// The lines of deploy.toml that set headers.
    pub fn rules(&self) -> String {
        format!("[[headers]]\nmatch = \"**\"\ncache-control = \"max-age={}\"\n", 60 + self.headers)
    }

    /// Changes the bytes of one file in every `one_in`.
    pub fn change(&mut self, one_in: usize) {
        self.changes += 1;
        for file in self.files.iter().step_by(one_in) {
            let path = self.output().join(file);
            let mut content = fs::read(&path).expect("a file of the site");
            content.extend_from_slice(format!("<!-- {} -->", self.changes).as_bytes());
            fs::write(path, content).expect("a file of the site");
        }
    }

    pub fn change_headers(&mut self) {
        self.headers += 1;
    }
}

fn walk(top: &Path, folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the site") {
        let path = entry.expect("an entry of a folder").path();
        let is_hidden =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let kind = fs::symlink_metadata(&path).expect("what an entry is").file_type();
        if is_hidden || kind.is_symlink() {
            continue;
        }
        match kind.is_dir() {
            true => walk(top, &path, files),
            false => files.push(path.strip_prefix(top).expect("a path below").to_owned()),
        }
    }
}
