//! What the disk holds at any moment opens, with every confirmed change in it or, where the log was cut, a prefix of them.

use std::fs;
use std::path::{Path, PathBuf};

use handful::core::{LabelId, ProjectState, TaskKind, TextId, text_edits};
use handful::store::Store;

use crate::support::{Project, labelled, row};

/// The files as a power cut would leave them while the project is open.
fn snapshot(project: &Project, name: &str) -> PathBuf {
    let copy = project.folder.path().join(name);
    fs::copy(&project.path, &copy).unwrap();
    fs::copy(wal(&project.path), wal(&copy)).unwrap();
    copy
}

fn wal(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}-wal", path.display()))
}

/// A project in which edit number i set the note of text i, and the state after each number of edits.
fn edited(n: usize) -> (Project, Vec<ProjectState>) {
    let mut project = Project::with_texts(TaskKind::SingleLabel, n);
    project.reopen(); // what is there so far moves from the log into the file
    let mut states = vec![project.state()];
    for i in 0..n {
        let mut state = states[i].clone();
        let labels = [LabelId(i as i64 % 3 + 1)];
        let at = [TextId(i as i64 + 1)];
        let edit = text_edits::annotate(&state, &at, Some(&labels), "ada", 1, handful::core::How::Hand).unwrap();
        project.store().apply(&edit).unwrap();
        state.apply(&edit);
        states.push(state);
    }
    (project, states)
}

#[test]
fn every_confirmed_edit_is_in_a_copy_taken_mid_way() {
    let (project, states) = edited(25);
    let copy = Store::open(&snapshot(&project, "copy.handful")).unwrap();
    assert_eq!(&copy.load().unwrap(), states.last().unwrap());
    for expected in states.iter().rev().skip(1) {
        copy.undo().unwrap().unwrap();
        assert_eq!(&copy.load().unwrap(), expected);
    }
}

#[test]
fn a_cut_log_leaves_a_prefix_of_the_edits() {
    let (project, states) = edited(12);
    let log = fs::read(wal(&project.path)).unwrap();
    let mut lengths: Vec<usize> = (0..24).map(|i| (log.len() * i / 24 + i * 37) % log.len()).collect();
    lengths.push(log.len());
    lengths.sort_unstable();
    let mut n_kept_before = 0;
    for length in lengths {
        let copy = snapshot(&project, &format!("cut-{length}.handful"));
        fs::write(wal(&copy), &log[..length]).unwrap();
        let store = Store::open(&copy).unwrap();
        let state = store.load().unwrap();
        let n_kept = states
            .iter()
            .position(|known| *known == state)
            .expect("a prefix of the edits");
        assert!(n_kept >= n_kept_before, "a longer log keeps no less");
        assert!((0..n_kept).all(|_| store.undo().unwrap().is_some()));
        assert_eq!(store.load().unwrap(), states[0]);
        n_kept_before = n_kept;
    }
    assert_eq!(n_kept_before, 12, "the whole log keeps everything");
}

#[test]
fn a_scribbled_log_leaves_a_prefix_of_the_edits() {
    let (project, states) = edited(6);
    let log = fs::read(wal(&project.path)).unwrap();
    for i in 1..12 {
        let copy = snapshot(&project, &format!("scribbled-{i}.handful"));
        let mut scribbled = log.clone();
        let at = log.len() * i / 12;
        scribbled[at] ^= 0x40;
        fs::write(wal(&copy), &scribbled).unwrap();
        let state = Store::open(&copy).unwrap().load().unwrap();
        assert!(states.contains(&state), "byte {at}");
    }
}

#[test]
fn an_import_cut_short_is_ended_by_the_next_open() {
    let project = Project::with_texts(TaskKind::SingleLabel, 2);
    let before = project.state();
    let mut session = project.store().begin_import("rows.csv", "ada", 7).unwrap();
    session
        .push(vec![
            labelled("new", &["z"]),
            labelled("text number 0", &["z"]),
            row("other"),
        ])
        .unwrap();
    let copy = snapshot(&project, "copy.handful");
    let during = project.state();
    session.finish().unwrap();
    let store = Store::open(&copy).unwrap();
    assert_eq!(store.load().unwrap(), during);
    assert_eq!(store.history().unwrap(), project.store().history().unwrap());
    store.undo().unwrap().unwrap();
    let undone = store.load().unwrap();
    assert!(undone.texts().eq(before.texts()));
    assert_eq!(undone.labels, before.labels);
    store.redo().unwrap().unwrap();
    assert_eq!(store.load().unwrap(), during);
    let mut again = store.begin_import("rows.csv", "ada", 8).unwrap();
    assert_eq!(again.push(vec![labelled("new", &["z"])]).unwrap().n_duplicates, 1);
}
