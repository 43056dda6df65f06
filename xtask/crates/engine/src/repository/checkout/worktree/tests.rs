//! What stands in the work tree of another commit: what git would write there, and nothing of this machine.

use std::collections::BTreeMap;
use std::mem;

use git2::{IndexEntry, IndexTime, Oid, WorktreeAddOptions};
use tempfile::TempDir;

use super::*;
use crate::repository::checkout::{self, Head};
use testing::repository::{add, commit, init, stand_at};

/// A repository with two commits and a work tree that differs from both.
struct Sample {
    _scratch: TempDir,
    repository: Repository,
    root: PathBuf,
    folder: PathBuf,
    old: String,
}

fn sample() -> Sample {
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path().canonicalize().unwrap().join("clone");
    let repository = init(&root);
    add(&repository, ".gitignore", "/target\n/public\n");
    add(&repository, "index.md", "old\n");
    add(&repository, "posts/first.md", "first\n");
    let old = commit(&repository, 0, &[]);
    add(&repository, "index.md", "new\n");
    add(&repository, "posts/second.md", "second\n");
    stand_at(&repository, commit(&repository, 1, &[old]));
    add(&repository, "staged.md", "staged\n");
    fs::write(root.join("index.md"), "changed\n").unwrap();
    fs::write(root.join("untracked.md"), "untracked\n").unwrap();
    let folder = root.join("target/xtask/rollback");
    Sample { _scratch: scratch, repository, root, folder, old: old.to_string() }
}

impl Sample {
    fn check_out(&self) -> Result<Worktree, Failure> {
        check_out(&self.root, &self.old, &self.folder)
    }

    fn entry(&self) -> PathBuf {
        self.root.join(".git/worktrees/xtask-rollback")
    }

    /// Ends a run as SIGKILL does: the system releases its lock, and nothing else happens.
    fn leave_behind(&self) {
        let worktree = self.check_out().unwrap();
        worktree._lock.unlock().unwrap();
        mem::forget(worktree);
    }

    /// Whether nothing of a work tree is left.
    fn is_clean(&self) -> bool {
        !self.folder.exists() && !self.root.join(".git/worktrees").exists()
    }

    /// Every file of the user, except git's objects and what is built.
    fn everything(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = files(&self.root);
        files.retain(|path, _| !(path.starts_with(".git/objects") || path.starts_with("target")));
        files
    }
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let content = fs::read(&path).unwrap();
                    files.insert(path.strip_prefix(folder).unwrap().to_owned(), content);
                }
            }
        }
    }
    files
}

/// A failure as the user reads it.
fn told(failure: &Failure) -> String {
    format!("{failure}; {}", failure.hint.clone().unwrap_or_default())
}

#[test]
fn a_work_tree_holds_what_the_commit_held() {
    let sample = sample();
    let worktree = sample.check_out().unwrap();
    let mut files = files(&worktree.root);
    assert!(files.remove(Path::new(".git")).is_some(), "a file that leads to git's folder");
    let expected = [
        (".gitignore", "/target\n/public\n"),
        ("index.md", "old\n"),
        ("posts/first.md", "first\n"),
    ];
    let expected = expected.map(|(path, content)| (path.into(), content.into()));
    assert_eq!(files, BTreeMap::from(expected));
}

#[test]
fn a_work_tree_is_one_to_git_and_to_this_tool() {
    let sample = sample();
    let worktree = sample.check_out().unwrap();
    let root = &worktree.root;
    let posts = root.join("posts");
    let read = checkout::read(&posts).unwrap();
    assert_eq!(read.head, Head::Detached { commit: sample.old.clone() });
    assert_eq!(read.root.canonicalize().unwrap(), *root);
    assert!(!checkout::is_dirty(root).unwrap(), "as clean as a fresh clone");
    assert!(checkout::is_ignored(root, &root.join("public")).unwrap());
    assert!(checkout::is_tracked(root, &posts).unwrap());
    assert!(checkout::is_same_repository(root, &posts).unwrap());
    assert!(!checkout::is_same_repository(&sample.root, &posts).unwrap());
    let listed = sample.repository.find_worktree(NAME).unwrap();
    listed.validate().unwrap();
    assert_eq!(listed.is_locked().unwrap(), git2::WorktreeLockStatus::Unlocked);
    assert!(listed.is_prunable(None).is_ok_and(|is| !is));
}

#[test]
fn a_work_tree_goes_when_it_is_dropped() {
    let sample = sample();
    let worktree = sample.check_out().unwrap();
    fs::create_dir_all(worktree.root.join("public/deep")).unwrap();
    fs::write(worktree.root.join("public/deep/built.html"), "built").unwrap();
    fs::write(worktree.root.join("index.md"), "changed by the generator").unwrap();
    assert!(sample.entry().exists());
    drop(worktree);
    assert!(sample.is_clean());
    drop(sample.check_out().unwrap());
    assert!(sample.is_clean());
}

#[test]
fn what_the_user_has_is_not_touched() {
    let sample = sample();
    let before = sample.everything();
    let worktree = sample.check_out().unwrap();
    let mut during = sample.everything();
    during.retain(|path, _| !path.starts_with(".git/worktrees/xtask-rollback"));
    assert_eq!(during, before, "HEAD, the index, branches, logs and files");
    drop(worktree);
    assert_eq!(sample.everything(), before);
}

#[test]
fn work_trees_of_the_user_stay() {
    let sample = sample();
    let theirs = sample.root.parent().unwrap().join("theirs");
    sample.repository.worktree("theirs", &theirs, None).unwrap();
    let before = (sample.everything(), files(&theirs));
    sample.leave_behind();
    drop(sample.check_out().unwrap());
    assert_eq!((sample.everything(), files(&theirs)), before);
}

/// Keeps only some files of a folder; with `None`, not even the folder.
fn keep(folder: &Path, kept: Option<&[&str]>) {
    let Some(kept) = kept else { return fs::remove_dir_all(folder).unwrap() };
    for path in files(folder).keys().filter(|path| !kept.iter().any(|kept| path.ends_with(kept))) {
        fs::remove_file(folder.join(path)).unwrap();
    }
    // A run does not leave empty folders, or removes them last.
    for empty in ["posts", "refs", "logs"] {
        let _ = fs::remove_dir(folder.join(empty));
    }
}

#[test]
fn what_a_killed_run_left_is_taken_away() {
    let sample = sample();
    let all = ["gitdir", "HEAD", "commondir", "index"];
    for (moment, of_entry, of_folder) in [
        ("the folder was made", None, Some(&[][..])),
        ("the entry was made", Some(&[][..]), Some(&[])),
        ("the entry was locked", Some(&[LOCKED]), Some(&[])),
        ("the entry led to the folder", Some(&[LOCKED, "gitdir"]), Some(&[])),
        ("the folder led to the entry", Some(&[LOCKED, "gitdir"]), Some(&[".git"])),
        ("the entry was complete", Some(&[LOCKED, "gitdir", "HEAD", "commondir"]), Some(&[".git"])),
        ("files were checked out", Some(&all[..3]), Some(&[".git", "index.md"])),
        ("the generator ran", Some(&all), Some(&[".git", "index.md", "first.md"])),
        ("the folder was half removed", Some(&all), Some(&["index.md"])),
        ("the folder was removed", Some(&all), None),
        ("the entry was half removed", Some(&["HEAD"]), None),
        ("somebody else removed the entry", None, Some(&[".git", "index.md"])),
    ] {
        sample.leave_behind();
        fs::write(sample.entry().join(LOCKED), "").unwrap();
        keep(&sample.entry(), of_entry);
        keep(&sample.folder, of_folder);
        let worktree = sample.check_out().unwrap_or_else(|failure| panic!("{moment}: {failure}"));
        assert_eq!(fs::read_to_string(worktree.root.join("index.md")).unwrap(), "old\n");
        assert!(!checkout::is_dirty(&worktree.root).unwrap(), "{moment}");
        drop(worktree);
        assert!(sample.is_clean(), "{moment}");
    }
    sample.leave_behind();
    keep(&sample.folder, Some(&[]));
    fs::write(sample.entry().join("gitdir"), "").unwrap();
    drop(sample.check_out().unwrap());
    assert!(sample.is_clean(), "a file was made and not written");
}

#[test]
fn a_leftover_goes_though_the_next_commit_is_missing() {
    let sample = sample();
    sample.leave_behind();
    check_out(&sample.root, &"1".repeat(40), &sample.folder).unwrap_err();
    assert!(sample.is_clean());
}

#[test]
fn a_second_run_is_kept_out() {
    let sample = sample();
    let first = sample.check_out().unwrap();
    let before = (files(&first.root), files(&sample.entry()));
    let failure = sample.check_out().unwrap_err();
    assert!(told(&failure).starts_with("another run uses the work tree in"), "{failure}");
    assert!(failure.hint.is_some());
    assert_eq!((files(&first.root), files(&sample.entry())), before);
    drop(first);
    drop(sample.check_out().unwrap());
}

#[test]
fn a_folder_with_something_else_in_it_stays() {
    let sample = sample();
    let foreign = || sample.check_out().unwrap_err().to_string();
    fs::create_dir_all(sample.folder.parent().unwrap()).unwrap();
    fs::write(&sample.folder, "a file").unwrap();
    assert!(foreign().ends_with("holds something else"), "{}", foreign());
    fs::remove_file(&sample.folder).unwrap();

    fs::create_dir(&sample.folder).unwrap();
    fs::write(sample.folder.join("notes.txt"), "mine").unwrap();
    assert!(foreign().ends_with("holds something else"), "{}", foreign());
    // As the work tree of another clone, and as a repository.
    fs::write(sample.folder.join(".git"), "gitdir: /elsewhere/.git/worktrees/xtask-rollback\n")
        .unwrap();
    assert!(foreign().ends_with("holds something else"), "{}", foreign());
    fs::remove_file(sample.folder.join(".git")).unwrap();
    init(&sample.folder);
    assert!(foreign().ends_with("holds something else"), "{}", foreign());
    assert_eq!(fs::read_to_string(sample.folder.join("notes.txt")).unwrap(), "mine");
    fs::remove_dir_all(&sample.folder).unwrap();

    sample.repository.worktree("rollback", &sample.folder, None).unwrap();
    assert!(foreign().ends_with("holds something else"), "{}", foreign());
    sample.repository.find_worktree("rollback").unwrap().validate().unwrap();
}

#[cfg(unix)]
#[test]
fn a_folder_behind_a_link_is_not_filled() {
    let sample = sample();
    let elsewhere = sample.root.parent().unwrap().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::create_dir_all(sample.folder.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &sample.folder).unwrap();
    let failure = sample.check_out().unwrap_err().to_string();
    assert!(failure.ends_with("holds something else"), "{failure}");
    assert!(files(&elsewhere).is_empty() && sample.folder.is_symlink());
}

/// Cargo's target folder is often on another disk.
#[cfg(unix)]
#[test]
fn a_folder_below_a_link_is_named_as_the_system_does() {
    let sample = sample();
    let elsewhere = sample.root.parent().unwrap().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, sample.root.join("target")).unwrap();
    sample.leave_behind();
    let worktree = sample.check_out().unwrap();
    assert_eq!(worktree.root, elsewhere.join("xtask/rollback"));
    assert_eq!(checkout::read(&worktree.root).unwrap().root, worktree.root);
    drop(worktree);
    assert!(sample.is_clean());
}

#[test]
fn a_work_tree_of_the_user_with_our_name_stays() {
    let sample = sample();
    let theirs = sample.root.parent().unwrap().join("theirs");
    sample.repository.worktree(NAME, &theirs, Some(WorktreeAddOptions::new().lock(true))).unwrap();
    let before = files(&theirs);
    let failure = told(&sample.check_out().unwrap_err());
    assert!(failure.starts_with("git has another work tree called"), "{failure}");
    assert!(failure.contains("git worktree remove --force --force"), "{failure}");
    assert_eq!(files(&theirs), before);
    // On a disk that is not connected now, which is the purpose of locking a work tree.
    let away = theirs.with_extension("away");
    fs::rename(&theirs, &away).unwrap();
    assert_eq!(told(&sample.check_out().unwrap_err()), failure);
    let listed = sample.repository.find_worktree(NAME).unwrap();
    listed.unlock().unwrap();
    fs::rename(&away, &theirs).unwrap();
    assert_eq!(told(&sample.check_out().unwrap_err()), failure);
    fs::remove_dir_all(&theirs).unwrap();
    drop(sample.check_out().unwrap());
    assert!(sample.is_clean(), "git would remove the entry of one that is gone too");
}

#[test]
fn runs_in_two_work_trees_of_a_repository_are_not_in_each_others_way() {
    let sample = sample();
    let linked = sample.root.parent().unwrap().join("linked");
    sample.repository.worktree("linked", &linked, None).unwrap();
    let before = (sample.everything(), files(&linked));
    let outer = sample.check_out().unwrap();
    let inner = check_out(&linked, &sample.old, &linked.join("target/xtask/rollback")).unwrap();
    assert_eq!(fs::read_to_string(inner.root.join("index.md")).unwrap(), "old\n");
    assert_eq!(fs::read_to_string(outer.root.join("index.md")).unwrap(), "old\n");
    let head = checkout::read(&inner.root).unwrap().head;
    assert_eq!(head, Head::Detached { commit: sample.old.clone() });
    assert!(checkout::is_same_repository(&inner.root, &inner.root.join("posts")).unwrap());
    let entry = sample.root.join(".git/worktrees/xtask-rollback-of-linked");
    assert!(entry.exists());
    drop(outer);
    inner._lock.unlock().unwrap();
    mem::forget(inner);
    drop(check_out(&linked, &sample.old, &linked.join("target/xtask/rollback")).unwrap());
    fs::remove_file(linked.join("target/xtask/rollback.lock")).unwrap();
    assert!(!entry.exists());
    assert_eq!((sample.everything(), files(&linked)), before);
}

/// A submodule's repository is inside its superproject's, and says itself where its files are.
#[test]
fn a_repository_may_be_elsewhere_than_its_files() {
    let sample = sample();
    let away = sample.root.parent().unwrap().join("modules");
    fs::rename(sample.root.join(".git"), &away).unwrap();
    fs::write(sample.root.join(".git"), "gitdir: ../modules\n").unwrap();
    let config = Repository::open(&sample.root).unwrap().config();
    config.unwrap().set_str("core.worktree", "../clone").unwrap();
    let worktree = sample.check_out().unwrap();
    assert_eq!(checkout::read(&worktree.root).unwrap().root, worktree.root);
    assert!(!checkout::is_dirty(&worktree.root).unwrap());
    assert!(away.join("worktrees/xtask-rollback").exists());
    drop(worktree);
    assert!(sample.is_clean() && !away.join("worktrees").exists());
}

#[test]
fn a_work_tree_of_a_bare_repository_has_one_too() {
    let sample = sample();
    let linked = sample.root.parent().unwrap().join("linked");
    sample.repository.worktree("linked", &linked, None).unwrap();
    sample.repository.config().unwrap().set_bool("core.bare", true).unwrap();
    let worktree = check_out(&linked, &sample.old, &linked.join("target/rollback")).unwrap();
    assert_eq!(checkout::read(&worktree.root).unwrap().root, worktree.root);
    assert!(!checkout::is_dirty(&worktree.root).unwrap());
}

#[test]
fn a_commit_that_is_not_here_is_to_be_fetched() {
    let sample = sample();
    let missing = "1".repeat(40);
    let failure =
        |commit: &str| told(&check_out(&sample.root, commit, &sample.folder).unwrap_err());
    assert_eq!(
        failure(&missing),
        format!("commit `{missing}` is not in this clone; git fetch origin {missing}")
    );
    fs::write(sample.root.join(".git/shallow"), format!("{}\n", sample.old)).unwrap();
    assert_eq!(
        failure(&missing),
        format!("commit `{missing}` is not in this clone; git fetch --unshallow")
    );
    for text in ["", "main", &sample.old[..12], &"1".repeat(64)] {
        assert!(failure(text).contains("is not the id of a commit"), "{text}");
    }
    assert_eq!(failure("\n::error::"), "`\\n::error::` is not the id of a commit; ");
    assert!(sample.is_clean());
}

#[test]
fn a_commit_with_a_submodule_is_refused() {
    let sample = sample();
    let mut index = sample.repository.index().unwrap();
    let now = IndexTime::new(0, 0);
    index
        .add(&IndexEntry {
            ctime: now,
            mtime: now,
            dev: 0,
            ino: 0,
            mode: SUBMODULE,
            uid: 0,
            gid: 0,
            file_size: 0,
            id: Oid::from_str(&sample.old).unwrap(),
            flags: 0,
            flags_extended: 0,
            path: b"themes/plain".to_vec(),
        })
        .unwrap();
    index.write().unwrap();
    let id = commit(&sample.repository, 9, &[]);
    let failure = check_out(&sample.root, &id.to_string(), &sample.folder).unwrap_err();
    assert_eq!(
        told(&failure),
        format!(
            "commit `{id}` cannot be built from this clone alone: it has the submodule `themes/plain`; undo what came after it, and deploy that: git revert {id}..HEAD"
        )
    );
    assert!(sample.is_clean());
}

#[test]
fn a_commit_with_files_in_git_lfs_is_refused() {
    let sample = sample();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n";
    let long = format!("{pointer}{}", " ".repeat(1024));
    add(&sample.repository, "about-lfs.md", &long);
    add(&sample.repository, "quoted.md", &format!("> {pointer}"));
    let id = commit(&sample.repository, 8, &[]).to_string();
    drop(check_out(&sample.root, &id, &sample.folder).unwrap());
    add(&sample.repository, "img/cat.png", pointer);
    let id = commit(&sample.repository, 9, &[]).to_string();
    let failure = check_out(&sample.root, &id, &sample.folder).unwrap_err().to_string();
    assert!(failure.ends_with("it has in Git LFS, and not in git, the file `img/cat.png`"));
    assert!(sample.is_clean());
}

#[test]
fn a_work_tree_that_cannot_be_filled_is_removed() {
    let sample = sample();
    // Only the size of a large file is checked beforehand, and this file has the content of another.
    let [large, other] = ["large", "other"].map(|name| {
        add(&sample.repository, name, &name.repeat(1024));
        let blob = sample.repository.index().unwrap().get_path(name.as_ref(), 0).unwrap().id;
        let (folder, file) = (&blob.to_string()[..2], &blob.to_string()[2..]);
        sample.root.join(".git/objects").join(folder).join(file)
    });
    let id = commit(&sample.repository, 9, &[]).to_string();
    fs::remove_file(&large).unwrap();
    fs::copy(other, large).unwrap();
    let failure = check_out(&sample.root, &id, &sample.folder).unwrap_err();
    assert!(failure.message.starts_with("failed to make a work tree in"), "{failure}");
    assert!(sample.is_clean());
}
