//! One program at a time: an advisory lock on a file beside the project.
//!
//! The lock is on `<file>.lock`, not on the project: closing any other handle to a SQLite file drops the locks SQLite holds on it.
//! The operating system lets go of it when the process ends, however it ends.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{StoreError, file};

/// Held for as long as the project is open; the lock file goes when it is dropped.
#[derive(Debug)]
pub(super) struct ProjectLock {
    file: File,
    path: PathBuf,
}

impl ProjectLock {
    /// Takes the lock of `project`, waiting for another holder for at most `patience`.
    pub(super) fn take(project: &Path, patience: Duration) -> Result<ProjectLock, StoreError> {
        let path = beside(project, ".lock");
        let give_up = Instant::now() + patience;
        loop {
            let file = OpenOptions::new().create(true).write(true).truncate(false).open(&path);
            let file = file.map_err(StoreError::io("creating the lock file", &path))?;
            match file.try_lock() {
                Ok(()) if file::identity_of(&file) == file::identity(&path) => return Ok(ProjectLock { file, path }),
                // The previous holder removed the file after we opened it: what we locked no longer has a name.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => return Err(StoreError::OpenElsewhere(project.to_owned())),
                Err(TryLockError::Error(error)) => return Err(StoreError::io("locking the project", &path)(error)),
            }
        }
    }
}

impl Drop for ProjectLock {
    fn drop(&mut self) {
        if cfg!(unix) {
            // While the lock is held: whoever opened the file before finds that its name is gone.
            let _ = std::fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

/// `<project><suffix>` in the same folder.
pub(super) fn beside(project: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(project.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}
