//! `kill -9` in the middle of labelling, importing and training: the project opens, and everything that was confirmed is in it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use handful::core::{RunStatus, TaskKind};
use handful::store::Store;

use super::{handful, json, run, sample};

/// Waits until `done` says so; a test that waits longer than this has failed.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < Duration::from_secs(120), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn every_label_that_was_confirmed_survives() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let rows: String = (0..60).map(|n| format!("{n},text number {n},\n")).collect();
    fs::write(home.join("t.csv"), format!("id,text,label\n{rows}")).unwrap();
    json(
        home,
        &["new", "a.handful", "--task", "single-label", "--labels", "odd,even"],
    );
    json(home, &["import", "a.handful", "t.csv"]);

    // One process after another labels; each is killed at another moment, most of them before they are done.
    let mut confirmed = Vec::new();
    for n in 0..60_u64 {
        let mut child = handful(home)
            .args([
                "label",
                "a.handful",
                "--id",
                &n.to_string(),
                "--label",
                if n % 2 == 0 { "even" } else { "odd" },
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        if n % 3 == 0 {
            // Killed the moment it says so.
            let _ = out.read_line(&mut said);
        } else {
            std::thread::sleep(Duration::from_millis(n));
        }
        kill(child);
        let _ = out.read_line(&mut said);
        if said.starts_with("Saved") {
            confirmed.push(n.to_string());
        }
    }
    assert!(confirmed.len() >= 20, "only {} were confirmed", confirmed.len());
    let state = Store::open(&home.join("a.handful")).unwrap().load().unwrap();
    for id in confirmed {
        let text = state
            .texts()
            .find(|text| text.external_id.as_deref() == Some(&id))
            .unwrap();
        let label = text.annotation.as_ref().unwrap().labels[0];
        let wanted = if id.parse::<u64>().unwrap() % 2 == 0 {
            "even"
        } else {
            "odd"
        };
        assert_eq!(state.labels.path_string(label), wanted, "text {id}");
    }
}

#[test]
fn a_killed_import_keeps_its_batches_and_can_be_repeated() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    const N_ROWS: usize = 60_000;
    let rows: String = (0..N_ROWS)
        .map(|n| format!("{n},a text that says {n} and not much else,{}\n", n % 7))
        .collect();
    fs::write(home.join("t.csv"), format!("id,text,label\n{rows}")).unwrap();
    Store::create(&home.join("a.handful"), TaskKind::SingleLabel).unwrap();

    let child = handful(home)
        .args(["import", "a.handful", "t.csv", "--json"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let journal = home.join("a.handful-wal");
    wait_until("the first batches", || {
        fs::metadata(&journal).is_ok_and(|file| file.len() > 1_000_000)
    });
    kill(child);

    let n_kept = Store::open(&home.join("a.handful")).unwrap().load().unwrap().n_texts();
    assert!(
        n_kept > 0 && n_kept < N_ROWS,
        "{n_kept} rows: the kill came too early or too late"
    );
    assert_eq!(n_kept % 1_000, 0, "a batch was split");
    let again = json(home, &["import", "a.handful", "t.csv"]);
    assert_eq!(again["n_added"], N_ROWS - n_kept);
    let state = Store::open(&home.join("a.handful")).unwrap().load().unwrap();
    assert_eq!(
        (state.n_texts(), state.n_annotated(), state.labels.len()),
        (N_ROWS, N_ROWS, 7)
    );
}

#[test]
fn a_killed_training_leaves_labels_and_says_what_happened() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    json(home, &["new", "news.handful", "--task", "single-label"]);
    json(home, &["import", "news.handful", &sample("news.csv")]);
    let before = Store::open(&home.join("news.handful")).unwrap().load().unwrap();

    let log = File::create(home.join("log")).unwrap();
    let child = handful(home)
        .args(["train", "news.handful"])
        .stdout(log)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("a run", || run_exists(&home.join("news.handful")));
    std::thread::sleep(Duration::from_millis(500));
    kill(child);

    let after = Store::open(&home.join("news.handful")).unwrap().load().unwrap();
    assert!(before.all_texts() == after.all_texts(), "texts or labels have changed");
    assert_eq!(after.runs.len(), 1);
    assert_eq!(after.runs[0].status, RunStatus::Interrupted);
    assert!(!after.runs[0].message.is_empty());
    let said = String::from_utf8(run(home, &["evaluate", "news.handful"]).stderr).unwrap();
    assert!(said.contains("no run has a model yet"), "{said}");
}

/// Whether the training process has written its run, read beside it without its lock.
fn run_exists(project: &Path) -> bool {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    rusqlite::Connection::open_with_flags(project, flags)
        .and_then(|connection| connection.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)))
        .is_ok_and(|n| n > 0)
}
