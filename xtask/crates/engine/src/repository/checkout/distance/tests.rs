//! How far apart commits are, in histories that are straight, branched and shallow.

use super::*;
use testing::repository::{commit, init, stand_at};

/// A line of commits, each the parent of the next.
fn line(repository: &Repository, first: &[Oid], numbers: std::ops::Range<i64>) -> Vec<Oid> {
    let mut commits: Vec<Oid> = Vec::new();
    for number in numbers {
        let parents = commits.last().map_or(first, std::slice::from_ref).to_vec();
        commits.push(commit(repository, number, &parents));
    }
    commits
}

fn told(repository: &Repository, commit: impl ToString) -> String {
    distance(repository.workdir().unwrap(), &commit.to_string()).unwrap().to_string()
}

/// Makes a clone shallow, as a fetch with a depth does: it then lacks the parents of these commits.
fn cut(repository: &Repository, at: &[Oid], lost: &[Oid]) {
    let lines: String = at.iter().map(|id| format!("{id}\n")).collect();
    std::fs::write(repository.path().join("shallow"), lines).unwrap();
    for id in lost {
        let (folder, file) = (&id.to_string()[..2], &id.to_string()[2..]);
        std::fs::remove_file(repository.path().join("objects").join(folder).join(file)).unwrap();
    }
}

#[test]
fn a_commit_is_told_by_what_it_lacks_and_what_head_lacks() {
    let scratch = tempfile::tempdir().unwrap();
    let repository = init(scratch.path());
    let main = line(&repository, &[], 0..5);
    let feature = line(&repository, &main[1..2], 10..12);
    stand_at(&repository, main[4]);
    for (commit, words) in [
        (main[4], "at HEAD"),
        (main[3], "1 commit behind"),
        (main[1], "3 commits behind"),
        (feature[1], "2 ahead, 3 behind"),
    ] {
        assert_eq!(told(&repository, commit), words);
    }
    stand_at(&repository, main[2]);
    assert_eq!(told(&repository, main[3]), "1 commit ahead");
    assert_eq!(told(&repository, main[4]), "2 commits ahead");
    let unrelated = commit(&repository, 20, &[]);
    assert_eq!(told(&repository, unrelated), "1 ahead, 3 behind");
}

#[test]
fn what_is_no_commit_of_this_clone_is_unknown() {
    let scratch = tempfile::tempdir().unwrap();
    let repository = init(scratch.path());
    let main = line(&repository, &[], 0..2);
    stand_at(&repository, main[1]);
    let whole = main[0].to_string();
    let tree = repository.find_commit(main[0]).unwrap().tree_id().to_string();
    for text in [
        "",
        "main",
        "HEAD",
        &whole[..12],
        &format!("{whole}0"),
        &format!(" {}", &whole[1..]),
        &format!("{}g", &whole[1..]),
        "\u{1b}[31m\n::error::",
        &"0".repeat(40),
        &"1".repeat(40),
        &"1".repeat(64),
        &tree,
    ] {
        assert_eq!(told(&repository, text), "not in this clone", "{text:?}");
    }
    assert_eq!(told(&repository, whole.to_uppercase()), "1 commit behind");
}

#[test]
fn an_unborn_branch_lacks_all_commits() {
    let scratch = tempfile::tempdir().unwrap();
    let repository = init(scratch.path());
    let main = line(&repository, &[], 0..3);
    assert_eq!(told(&repository, main[2]), "3 commits ahead");
    assert_eq!(told(&repository, "1".repeat(40)), "not in this clone");
    cut(&repository, &main[1..2], &main[..1]);
    assert_eq!(distance(scratch.path(), &main[2].to_string()).unwrap(), Distance::Shallow);
}

#[test]
fn a_repository_that_cannot_be_read_is_a_failure() {
    let scratch = tempfile::tempdir().unwrap();
    let failure = distance(scratch.path(), &"1".repeat(40)).unwrap_err().to_string();
    assert!(failure.starts_with("failed to ask git how far commit `1111"), "{failure}");
    let repository = init(scratch.path());
    let main = line(&repository, &[], 0..3);
    stand_at(&repository, main[2]);
    cut(&repository, &[], &main[1..2]);
    assert!(distance(scratch.path(), &main[0].to_string()).is_err());
}

#[test]
fn a_shallow_clone_counts_above_its_cut() {
    let scratch = tempfile::tempdir().unwrap();
    let repository = init(scratch.path());
    let main = line(&repository, &[], 0..6);
    let feature = line(&repository, &main[3..4], 10..12);
    stand_at(&repository, main[5]);
    cut(&repository, &main[2..3], &main[..2]);
    for (commit, words) in [
        (main[5], "at HEAD"),
        (main[3], "2 commits behind"),
        (main[2], "3 commits behind"),
        (main[1], "not in this clone"),
        (feature[1], "2 ahead, 2 behind"),
    ] {
        assert_eq!(told(&repository, commit), words);
    }
}

#[test]
fn a_shallow_clone_counts_nothing_that_reaches_a_cut_of_its_own() {
    let scratch = tempfile::tempdir().unwrap();
    let repository = init(scratch.path());
    let main = line(&repository, &[], 0..6);
    let feature = line(&repository, &main[1..2], 10..13);
    stand_at(&repository, main[5]);
    assert_eq!(told(&repository, feature[2]), "3 ahead, 4 behind");
    cut(&repository, &[main[3], feature[1]], &[main[0], main[1], main[2], feature[0]]);
    let hidden = "in this clone, which is too shallow to tell how far";
    assert_eq!(told(&repository, feature[2]), hidden);
    assert_eq!(told(&repository, main[4]), "1 commit behind");
    stand_at(&repository, feature[2]);
    assert_eq!(told(&repository, main[5]), hidden);
}

/// `old` was merged again after the cut. The commits that are cut off would show that the other commit has it too.
#[test]
fn a_shallow_clone_counts_nothing_that_may_be_behind_its_cut() {
    let scratch = tempfile::tempdir().unwrap();
    let repository = init(scratch.path());
    let old = commit(&repository, 0, &[]);
    let main = line(&repository, &[old], 1..4);
    let merge = commit(&repository, 10, &[main[2], old]);
    stand_at(&repository, merge);
    assert_eq!(told(&repository, main[2]), "1 commit behind");
    cut(&repository, &main[1..2], &main[..1]);
    assert_eq!(distance(scratch.path(), &main[2].to_string()).unwrap(), Distance::Shallow);
}

#[test]
fn a_work_tree_of_a_shallow_clone_has_the_same_cut() {
    let scratch = tempfile::tempdir().unwrap();
    let repository = init(&scratch.path().join("main"));
    let main = line(&repository, &[], 0..5);
    stand_at(&repository, main[4]);
    let linked = scratch.path().join("linked");
    repository.worktree("linked", &linked, None).unwrap();
    cut(&repository, &main[1..2], &main[..1]);
    let linked = Repository::open(&linked).unwrap();
    linked.set_head_detached(main[3]).unwrap();
    assert_eq!(told(&linked, main[2]), "1 commit behind");
    assert_eq!(told(&linked, main[4]), "1 commit ahead");
    let unrelated = commit(&repository, 20, &[]);
    assert_eq!(
        distance(linked.workdir().unwrap(), &unrelated.to_string()).unwrap(),
        Distance::Shallow
    );
}
