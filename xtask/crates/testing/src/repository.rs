//! Sample repositories.

use std::path::Path;

use git2::{IndexAddOption, Oid, Repository, RepositoryInitOptions, Signature, Time};

/// A new repository on the unborn branch `main`, whatever the user's configuration says.
pub fn init(folder: &Path) -> Repository {
    let repository =
        Repository::init_opts(folder, RepositoryInitOptions::new().initial_head("main")).unwrap();
    repository.config().unwrap().set_bool("core.autocrlf", false).unwrap();
    repository
}

/// A commit of the content of the index, on no branch. The number makes it different from others.
pub fn commit(repository: &Repository, number: i64, parents: &[Oid]) -> Oid {
    let tree = repository.index().unwrap().write_tree().unwrap();
    let tree = repository.find_tree(tree).unwrap();
    let who = Signature::new("A", "a@example.com", &Time::new(1_000_000 + number, 0)).unwrap();
    let parents: Vec<_> = parents.iter().map(|id| repository.find_commit(*id).unwrap()).collect();
    let parents: Vec<_> = parents.iter().collect();
    repository.commit(None, &who, &who, &number.to_string(), &tree, &parents).unwrap()
}

/// Writes a file and adds it to the index.
pub fn add(repository: &Repository, path: &str, content: &str) {
    let file = repository.workdir().unwrap().join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, content).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all([path], IndexAddOption::FORCE, None).unwrap();
    index.write().unwrap();
}

/// Moves the branch `main` to a commit.
pub fn stand_at(repository: &Repository, commit: Oid) {
    repository.reference("refs/heads/main", commit, true, "test").unwrap();
}
