//! The schema, version by version, and how an older file gets there: a copy first, then one transaction.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::StoreError;
use super::lock::beside;

/// Every version of the schema in order; version N is what the first N scripts make. Scripts that were released never change.
pub(super) const SCRIPTS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
];

/// Brings the file up to the last of `scripts`. A file that already holds something is copied to `<file>.backup-v<N>` before.
pub(super) fn to_latest(connection: &mut Connection, path: &Path, scripts: &[&str]) -> Result<(), StoreError> {
    let found = version(connection)?;
    let supported = scripts.len() as i64;
    if found > supported {
        return Err(StoreError::Newer {
            found,
            supported,
            path: path.to_owned(),
        });
    }
    if found == supported {
        return Ok(());
    }
    if found > 0 {
        back_up(connection, path, found)?;
    }
    let migrations = Migrations::new(scripts.iter().map(|script| M::up(script)).collect());
    migrations.to_latest(connection).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } if err.sqlite_error_code().is_some() => {
            match StoreError::from(err) {
                StoreError::Sqlite(err) => StoreError::Migration(Box::new(err.into())),
                known => known,
            }
        }
        other => StoreError::Migration(Box::new(other)),
    })
}

/// `user_version`: 0 for a file without a schema.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Copies under another name first, so that a file called backup is always whole, and never replaces an earlier one.
fn back_up(connection: &Connection, path: &Path, version: i64) -> Result<PathBuf, StoreError> {
    let partial = beside(path, ".backup-partial");
    if partial.exists() {
        std::fs::remove_file(&partial).map_err(StoreError::io("removing an unfinished backup", &partial))?;
    }
    connection.backup("main", &partial, None)?;
    let copy = std::fs::File::open(&partial).and_then(|file| file.sync_all());
    copy.map_err(StoreError::io("backing up the project", &partial))?;
    let names = (1..).map(|n| {
        if n == 1 {
            format!(".backup-v{version}")
        } else {
            format!(".backup-v{version}-{n}")
        }
    });
    let free = names.map(|name| beside(path, &name)).find(|name| !name.exists());
    let backup = free.unwrap_or_else(|| partial.clone());
    std::fs::rename(&partial, &backup).map_err(StoreError::io("backing up the project", &backup))?;
    Ok(backup)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "CREATE TABLE t (x INTEGER) STRICT; INSERT INTO t VALUES (1)";
    const SECOND: &str = "ALTER TABLE t ADD COLUMN y INTEGER; UPDATE t SET y = x + 1";
    const BROKEN: &str = "UPDATE t SET x = 7; INSERT INTO nowhere VALUES (1)";

    fn at_version_one(folder: &Path) -> (Connection, PathBuf) {
        let path = folder.join("p.handful");
        let mut connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        to_latest(&mut connection, &path, &[FIRST]).unwrap();
        (connection, path)
    }

    fn value(connection: &Connection, column: &str) -> rusqlite::Result<i64> {
        connection.query_row(&format!("SELECT {column} FROM t"), [], |row| row.get(0))
    }

    fn n_files(folder: &Path) -> usize {
        std::fs::read_dir(folder)
            .unwrap()
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
                !name.ends_with("-wal") && !name.ends_with("-shm")
            })
            .count()
    }

    #[test]
    fn a_fresh_file_needs_no_backup_and_an_older_one_gets_one() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, path) = at_version_one(folder.path());
        assert_eq!(n_files(folder.path()), 1);
        to_latest(&mut connection, &path, &[FIRST, SECOND]).unwrap();
        assert_eq!(
            (version(&connection).unwrap(), value(&connection, "y").unwrap()),
            (2, 2)
        );
        to_latest(&mut connection, &path, &[FIRST, SECOND]).unwrap();
        assert_eq!(n_files(folder.path()), 2);
        let backup = Connection::open(beside(&path, ".backup-v1")).unwrap();
        assert_eq!((version(&backup).unwrap(), value(&backup, "x").unwrap()), (1, 1));
        assert!(value(&backup, "y").is_err());
    }

    #[test]
    fn a_failed_migration_changes_nothing_and_never_replaces_a_backup() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, path) = at_version_one(folder.path());
        std::fs::write(beside(&path, ".backup-v1"), "an earlier one").unwrap();
        let error = to_latest(&mut connection, &path, &[FIRST, SECOND, BROKEN]).unwrap_err();
        assert!(matches!(error, StoreError::Migration(_)), "{error:?}");
        assert_eq!(std::fs::read(beside(&path, ".backup-v1")).unwrap(), b"an earlier one");
        assert!(beside(&path, ".backup-v1-2").exists());
        assert_eq!(
            (version(&connection).unwrap(), value(&connection, "x").unwrap()),
            (1, 1)
        );
        assert!(
            value(&connection, "y").is_err(),
            "the steps before the broken one are taken back too"
        );
    }

    #[test]
    fn a_newer_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (mut connection, path) = at_version_one(folder.path());
        connection.pragma_update(None, "user_version", 3).unwrap();
        let refused = to_latest(&mut connection, &path, &[FIRST, SECOND]);
        assert!(matches!(
            refused,
            Err(StoreError::Newer {
                found: 3,
                supported: 2,
                ..
            })
        ));
        assert_eq!(n_files(folder.path()), 1);
    }

    /// A file of the second version, with an edit of thresholds in its journal.
    #[test]
    fn a_file_of_version_two_opens_with_its_thresholds_and_can_undo_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.handful");
        super::super::file::create(&path, crate::core::TaskKind::MultiLabel, 0).unwrap();
        let connection = Connection::open(&path).unwrap();
        let edit = r#"{"title":"Set the thresholds of old","changes":[{"kind":"thresholds","run":1,"before":["0.5"],"after":["0.25"]}]}"#;
        connection
            .execute_batch(&format!(
                "ALTER TABLE runs DROP COLUMN tuned_for;
                 ALTER TABLE runs DROP COLUMN at_least_one;
                 PRAGMA user_version = 2;
                 INSERT INTO labels (name, position, description) VALUES ('a', 0, '');
                 INSERT INTO runs (name, method, encoder, seed, task, options, labels, label_paths, n_train, n_validation, n_test,
                     started_at_millis, train_secs, status, message, history, thresholds_edited)
                 VALUES ('old', 'probe', 'e', 1, 'multi-label', '{{}}', '[1]', '[[\"a\"]]', 1, 1, 1, 0, 0.5, 'done', '', x'', 1);
                 INSERT INTO thresholds VALUES (1, 0, 0.25);
                 INSERT INTO journal (title, edit, at_millis, state) VALUES ('Set the thresholds of old', '{edit}', 0, 'applied');"
            ))
            .unwrap();
        connection.close().unwrap();
        let store = crate::store::Store::open(&path).unwrap();
        let run = store.load().unwrap().runs[0].clone();
        assert_eq!(
            (run.thresholds, run.deciding),
            (vec![0.25], crate::core::run::Deciding::default())
        );
        assert!(beside(&path, ".backup-v2").exists());
        store.undo().unwrap().unwrap();
        assert_eq!(store.load().unwrap().runs[0].thresholds, [0.5]);
    }
}
