//! The schema, version by version, and how an older file gets there: a copy first, then one transaction.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use super::StoreError;
use super::lock::beside;

/// Every version of the schema in order; version N is what the first N scripts make. Scripts that were released never change.
pub(super) const SCRIPTS: &[&str] = &[include_str!("schema/v1.sql")];

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
