//! Creating, opening, closing: what is refused, with which words, and that nothing of others is touched.

use std::fs;
use std::path::Path;
use std::time::Duration;

use handful::core::TaskKind;
use handful::store::{APPLICATION_ID, Store, StoreError};
use rusqlite::Connection;

use crate::support::Project;

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_closed_project_is_one_file() {
    let mut project = Project::with_texts(TaskKind::SingleLabel, 3);
    assert!(!project.store().files_dir().exists());
    assert_eq!(project.store().files_dir().file_name().unwrap(), "p.handful-files");
    project.store = None;
    assert_eq!(names_in(project.folder.path()), ["p.handful"]);
    let connection = Connection::open(&project.path).unwrap();
    let pragma = |name: &str| -> i64 { connection.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    assert_eq!(pragma("application_id"), i64::from(APPLICATION_ID));
    assert_eq!(pragma("user_version"), 3);
    let loose: i64 = connection
        .query_row(
            "SELECT count(*) FROM pragma_table_list WHERE type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(loose, 0, "every table is STRICT");
}

#[test]
fn creating_never_overwrites() {
    let project = Project::with_texts(TaskKind::MultiLabel, 2);
    let before = project.state();
    assert!(matches!(
        Store::create(&project.path, TaskKind::SingleLabel),
        Err(StoreError::AlreadyExists(_))
    ));
    assert_eq!(project.state(), before);
    let notes = project.folder.path().join("notes.txt");
    fs::write(&notes, "mine").unwrap();
    assert!(matches!(
        Store::create(&notes, TaskKind::SingleLabel),
        Err(StoreError::AlreadyExists(_))
    ));
    assert_eq!(fs::read(&notes).unwrap(), b"mine");
    let nowhere = project.folder.path().join("no/such/folder/p.handful");
    assert!(matches!(
        Store::create(&nowhere, TaskKind::SingleLabel),
        Err(StoreError::Io { .. })
    ));
}

/// A file as someone else left it, and how opening it is refused. Nothing of it changes, nothing appears beside it.
#[test]
fn files_that_are_not_projects_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.handful");
    let alien = folder.path().join("alien.db");
    Connection::open(&alien)
        .unwrap()
        .execute_batch("PRAGMA application_id = 7; CREATE TABLE t (x)")
        .unwrap();
    let alien = fs::read(alien).unwrap();
    let cases: [(&str, &[u8], &str); 5] = [
        ("empty", b"", "not a Handful project"),
        ("text", b"text,label\nhello,a\n", "not a Handful project"),
        ("zip", b"PK\x03\x04 and so on", "not a Handful project"),
        ("other database", &alien, "database of another program"),
        ("header only", b"SQLite format 3\0....", "damaged"),
    ];
    for (case, bytes, expected) in cases {
        fs::write(&path, bytes).unwrap();
        let error = Store::open(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{case}: {error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{case}");
        assert_eq!(names_in(folder.path()), ["alien.db", "p.handful"], "{case}");
    }
    assert!(matches!(
        Store::open(&folder.path().join("none.handful")),
        Err(StoreError::NotFound(_))
    ));
    assert!(matches!(Store::open(folder.path()), Err(StoreError::NotSqlite(_))));
    assert_eq!(names_in(folder.path()), ["alien.db", "p.handful"]);
}

#[test]
fn a_project_of_a_newer_version_is_left_alone() {
    let mut project = Project::with_texts(TaskKind::SingleLabel, 2);
    project.store = None;
    Connection::open(&project.path)
        .unwrap()
        .pragma_update(None, "user_version", 9)
        .unwrap();
    let bytes = fs::read(&project.path).unwrap();
    let error = Store::open(&project.path).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Newer {
                found: 9,
                supported: 3,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(fs::read(&project.path).unwrap(), bytes);
}

#[test]
fn a_damaged_project_says_so_and_is_left_alone() {
    let mut project = Project::with_texts(TaskKind::SingleLabel, 400);
    project.store = None;
    let whole = fs::read(&project.path).unwrap();
    let mut scribbled = whole.clone();
    let middle = scribbled.len() / 2;
    scribbled[middle..middle + 8192].fill(0xA5);
    let cases = [
        ("half", whole[..whole.len() / 2].to_vec()),
        ("one page", whole[..4096].to_vec()),
        ("scribbled", scribbled),
    ];
    for (case, bytes) in cases {
        fs::write(&project.path, &bytes).unwrap();
        let error = Store::open(&project.path).unwrap_err();
        assert!(matches!(error, StoreError::Corrupt(_)), "{case}: {error}");
        assert_eq!(fs::read(&project.path).unwrap(), bytes, "{case}");
    }
}

#[test]
fn a_project_is_open_once() {
    let mut project = Project::with_texts(TaskKind::SingleLabel, 1);
    let elsewhere = Store::open_patiently(&project.path, Duration::ZERO).unwrap_err();
    assert!(elsewhere.to_string().contains("open in another Handful"), "{elsewhere}");
    #[cfg(unix)]
    {
        let link = project.folder.path().join("same.handful");
        std::os::unix::fs::symlink(&project.path, &link).unwrap();
        assert!(matches!(
            Store::open_patiently(&link, Duration::ZERO),
            Err(StoreError::OpenElsewhere(_))
        ));
    }
    let shared = project.store().clone();
    project.store = None;
    assert!(matches!(
        Store::open_patiently(&project.path, Duration::ZERO),
        Err(StoreError::OpenElsewhere(_))
    ));
    assert_eq!(shared.load().unwrap().n_texts(), 1);
    drop(shared);
    Store::open_patiently(&project.path, Duration::ZERO).unwrap();
}

#[test]
fn opening_waits_for_someone_who_is_just_closing() {
    let mut project = Project::with_texts(TaskKind::SingleLabel, 1);
    let store = project.store.take().unwrap();
    let (opening, opened) = crossbeam_channel::bounded(0);
    let path = project.path.clone();
    let waiter = std::thread::spawn(move || {
        opening.send(()).unwrap();
        Store::open_patiently(&path, Duration::from_secs(20)).map(|store| store.load().unwrap().n_texts())
    });
    opened.recv().unwrap();
    drop(store);
    assert_eq!(waiter.join().unwrap().unwrap(), 1);
}

#[test]
fn many_readers_see_whole_edits_while_one_writes() {
    let project = Project::with_texts(TaskKind::SingleLabel, 2);
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let store = project.store().clone();
            std::thread::spawn(move || {
                for _ in 0..30 {
                    let state = store.load().unwrap();
                    let [one, two] = state.all_texts() else {
                        panic!("{} texts", state.n_texts())
                    };
                    assert_eq!(one.flagged, two.flagged);
                }
            })
        })
        .collect();
    let mut state = project.state();
    for i in 0..30 {
        let ids: Vec<_> = state.texts().map(|text| text.id).collect();
        let edit = handful::core::text_edits::set_flag(&state, &ids, i % 2 == 0).unwrap();
        project.store().apply(&edit).unwrap();
        state.apply(&edit);
    }
    for reader in readers {
        reader.join().unwrap();
    }
}

/// A project that was moved while open would go on taking changes that nobody finds again.
#[cfg(unix)]
#[test]
fn a_project_that_was_moved_away_takes_no_changes() {
    let project = Project::with_texts(TaskKind::SingleLabel, 1);
    let moved = project.folder.path().join("moved.handful");
    let edit = handful::core::text_edits::set_note(&project.state(), handful::core::TextId(1), "hello").unwrap();
    fs::rename(&project.path, &moved).unwrap();
    let error = project.store().apply(&edit).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable), "{error}");
    assert!(matches!(project.store().load(), Err(StoreError::Unreachable)));
    fs::rename(&moved, &project.path).unwrap();
    project.store().apply(&edit).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_files_is_said_to_be_so() {
    let error = Store::create(Path::new("/proc/self/task/p.handful"), TaskKind::SingleLabel).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly | StoreError::Io { .. }), "{error}");
}
