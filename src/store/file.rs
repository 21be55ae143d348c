//! The file itself: creating it without overwriting, knowing it for ours before touching it, opening connections.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::migrate::{self, SCRIPTS};
use crate::core::TaskKind;

/// Marks a SQLite file as a Handful project: "HFul" in ASCII.
pub const APPLICATION_ID: i32 = 0x4846_756C;

const HEADER_BYTES: usize = 100;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Builds the project under a temporary name in the same folder; it appears under its own only when whole.
pub(super) fn create(path: &Path, task: TaskKind, at_millis: i64) -> Result<(), StoreError> {
    if std::fs::symlink_metadata(path).is_ok() {
        return Err(StoreError::AlreadyExists(path.to_owned()));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".handful-new-").suffix(".handful");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let draft = builder
        .tempfile_in(folder)
        .map_err(StoreError::io("creating the project", path))?
        .into_temp_path();
    let mut connection = Connection::open_with_flags(&draft, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate::to_latest(&mut connection, &draft, SCRIPTS)?;
    connection.execute(
        "INSERT INTO project (id, task, created_at_millis) VALUES (1, ?1, ?2)",
        (task.name(), at_millis),
    )?;
    connection.close().map_err(|(_, error)| error)?;
    File::open(&draft)
        .and_then(|file| file.sync_all())
        .map_err(StoreError::io("creating the project", path))?;
    draft
        .persist_noclobber(path)
        .map_err(|failed| match failed.error.kind() {
            std::io::ErrorKind::AlreadyExists => StoreError::AlreadyExists(path.to_owned()),
            _ => StoreError::io("creating the project", path)(failed.error),
        })?;
    sync_folder(folder);
    Ok(())
}

/// Reads the header without SQLite, which could recover, and so change, a file that is not ours.
/// Only under the project's lock: closing the file drops the locks SQLite in this process has on it.
pub(super) fn check_is_ours(path: &Path) -> Result<(), StoreError> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    let file = File::open(path).map_err(StoreError::io("reading the project", path))?;
    let read = file.take(HEADER_BYTES as u64).read_to_end(&mut header);
    read.map_err(StoreError::io("reading the project", path))?;
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(StoreError::NotSqlite(path.to_owned()));
    }
    match header.get(68..72) {
        Some(id) if id == APPLICATION_ID.to_be_bytes() => Ok(()),
        Some(_) => Err(StoreError::NotHandful(path.to_owned())),
        None => Err(StoreError::Corrupt("cut off within its header".to_owned())),
    }
}

/// Which file a name stands for, where the system can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

/// `None` when there is no such file.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    std::fs::metadata(path).ok().map(|metadata| identity_in(&metadata))
}

/// Of an open file, whatever its name is by now.
pub(super) fn identity_of(file: &File) -> Option<Identity> {
    file.metadata().ok().map(|metadata| identity_in(&metadata))
}

#[cfg(unix)]
fn identity_in(metadata: &std::fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    Identity {
        device_and_inode: (metadata.dev(), metadata.ino()),
    }
}

#[cfg(not(unix))]
fn identity_in(_: &std::fs::Metadata) -> Identity {
    Identity {}
}

/// The one connection that writes, on a file known to be ours, brought up to date and checked from end to end (O(file size)).
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    harden(&connection)?;
    let found = migrate::version(&connection)?;
    if found == 0 {
        return Err(StoreError::Corrupt("it has no format version".to_owned()));
    }
    if found > SCRIPTS.len() as i64 {
        return Err(StoreError::Newer {
            found,
            supported: SCRIPTS.len() as i64,
            path: path.to_owned(),
        });
    }
    if connection.is_readonly("main")? {
        return Err(StoreError::ReadOnly);
    }
    check_whole(&connection)?;
    migrate::to_latest(&mut connection, path, SCRIPTS)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection that cannot write; sees the state at the start of each of its transactions.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    harden(&connection)?;
    Ok(connection)
}

/// A project may come from a stranger: its schema may not run functions with effects, and nothing may write to its innards.
fn harden(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    Ok(())
}

fn check_whole(connection: &Connection) -> Result<(), StoreError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt(verdict))
    }
}

/// Makes the new name itself durable; where folders cannot be synced there is nothing to do.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
