//! What can go wrong with a project file, by what a person can do about it.

use std::path::{Path, PathBuf};

use crate::core::{EditError, ImportId};

/// A request the store did not carry out. Unless the message says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such file.
    #[error("there is no project here; create it, or check the path: {}", .0.display())]
    NotFound(PathBuf),
    /// Creating never overwrites.
    #[error("something is here already and was left alone; choose another name, or open it: {}", .0.display())]
    AlreadyExists(PathBuf),
    /// Not a SQLite file at all.
    #[error("this is not a Handful project; it was left as it is: {}", .0.display())]
    NotSqlite(PathBuf),
    /// A SQLite file of another program.
    #[error("this is a database of another program, not a Handful project; it was left as it is: {}", .0.display())]
    NotHandful(PathBuf),
    /// A newer Handful made it.
    #[error("this project was made by a newer Handful (format {found}, this one knows {supported}); it was left as it is: update Handful: {}", .path.display())]
    Newer {
        /// The file's format.
        found: i64,
        /// The newest this program can read.
        supported: i64,
        /// The file.
        path: PathBuf,
    },
    /// Another process, or another place in this one, has it open.
    #[error("this project is open in another Handful; close it there first: {}", .0.display())]
    OpenElsewhere(PathBuf),
    /// Another program holds the file.
    #[error("another program keeps the project file busy; nothing was changed: try again")]
    Busy,
    /// The file or its folder cannot be written to.
    #[error(
        "the project or its folder cannot be written to; nothing was changed: check the permissions, or copy the project elsewhere"
    )]
    ReadOnly,
    /// The file is gone, was moved or replaced, or its folder cannot be entered.
    #[error(
        "the project file cannot be reached; nothing was changed: put it back where it was, or open it where it is now"
    )]
    Unreachable,
    /// The file is cut short or its contents make no sense.
    #[error("the project file is damaged ({0}); it was left as it is: restore a copy, or move it aside")]
    Corrupt(String),
    /// No room left.
    #[error("the disk is full; nothing was changed: make room and try again")]
    DiskFull,
    /// A value is not what the edit took it to be.
    #[error("the project has changed in the meantime: {0}; nothing was changed: reload and try again")]
    Conflict(String),
    /// The edit would leave the project inconsistent.
    #[error("{0}; nothing was changed")]
    Invalid(String),
    /// An import is under way and what was asked would get in its way.
    #[error("import {0} is still under way; nothing was changed: try again when it has ended")]
    ImportUnderWay(ImportId),
    /// Bringing an older file up to date failed; it is as it was.
    #[error("the project could not be brought up to date and is as it was: {0}")]
    Migration(#[source] Box<rusqlite_migration::Error>),
    /// The file system refused.
    #[error("{what} failed ({source}): {}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
        /// The file or folder.
        path: PathBuf,
    },
    /// SQLite refused for a reason no person can do much about.
    #[error("the database refused ({0}); nothing was changed")]
    Sqlite(#[source] rusqlite::Error),
    /// The writer thread has ended.
    #[error("the project's writer has stopped; everything confirmed before is kept: open the project again")]
    WriterStopped,
}

impl StoreError {
    pub(super) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull => StoreError::DiskFull,
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
            _ => StoreError::Io {
                what,
                source,
                path: path.to_owned(),
            },
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::ReadOnly,
            Some(ErrorCode::CannotOpen) => StoreError::Unreachable,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
            Some(_) => StoreError::Sqlite(error),
            None => match error {
                rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..) => StoreError::Corrupt(error.to_string()),
                other => StoreError::Sqlite(other),
            },
        }
    }
}

impl From<EditError> for StoreError {
    fn from(error: EditError) -> Self {
        StoreError::Invalid(error.to_string())
    }
}
