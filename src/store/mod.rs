//! The project file: schema, migrations, queries, the edit journal, one writer thread, read-only readers.
//!
//! The only room that knows SQL. Not here: what an edit means (see [`crate::core::Edit`]), file formats, tensors, widgets.
//! Only the writer thread changes the file; everything it confirms is on the disk by then.

mod changes;
mod error;
mod file;
mod import;
mod invariants;
mod journal;
mod labels;
mod load;
mod lock;
mod migrate;
mod runs;
mod texts;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

pub use error::StoreError;
pub use file::APPLICATION_ID;
pub use import::{ImportSession, ImportSummary, Pushed};
pub use journal::History;

use self::lock::{ProjectLock, beside};
use self::writer::{Request, Writer, WriterThread};
use crate::core::{Edit, EditId, ProjectState, Run, RunId, ScoreKind, TaskKind, TextId};

/// How long [`Store::open`] waits for another program that is just closing the project.
const OPEN_PATIENCE: Duration = Duration::from_millis(300);

/// An open project. Clones share it; the file is closed, and free for others, when the last one is dropped.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    // Dropped in this order: the writer closes the file, then the lock is let go.
    writer: WriterThread,
    _lock: ProjectLock,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Creates an empty project and opens it. Refuses to overwrite anything.
    pub fn create(path: &Path, task: TaskKind) -> Result<Store, StoreError> {
        file::create(path, task, writer::now_millis())?;
        Store::open(path)
    }

    /// Opens a project: knows it for ours before touching it, checks it (O(file size)), brings an older one up to date (keeping a
    /// copy as `<file>.backup-v<N>`), ends what a crash left unfinished. Waits 0.3 s for another program to close it.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        Store::open_patiently(path, OPEN_PATIENCE)
    }

    /// [`Store::open`], waiting up to `patience` for another program to close the project.
    pub fn open_patiently(path: &Path, patience: Duration) -> Result<Store, StoreError> {
        // The same file by another name must meet the same lock.
        let path = std::fs::canonicalize(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => StoreError::NotFound(path.to_owned()),
            _ => StoreError::io("opening the project", path)(error),
        })?;
        if !path.is_file() {
            return Err(StoreError::NotSqlite(path));
        }
        let lock = ProjectLock::take(&path, patience)?;
        file::check_is_ours(&path)?;
        let mut writer = Writer::open(&path)?;
        writer.end_what_a_crash_left()?;
        let writer = WriterThread::start(writer).map_err(StoreError::io("starting the writer", &path))?;
        Ok(Store {
            inner: Arc::new(Inner {
                path,
                writer,
                _lock: lock,
            }),
        })
    }

    /// The project file, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The folder for models and embeddings of this project, `<file>-files`; not created until someone does.
    pub fn files_dir(&self) -> PathBuf {
        beside(&self.inner.path, "-files")
    }

    /// Reads the whole project as it is after the last confirmed change. O(project); does not hold up the writer.
    pub fn load(&self) -> Result<ProjectState, StoreError> {
        load::load(&mut file::open_reader(&self.inner.path)?)
    }

    /// Applies an edit: checks every `before` value, changes, journals, all or nothing. Durable when it returns. What had been
    /// undone can no longer be redone.
    pub fn apply(&self, edit: &Edit) -> Result<EditId, StoreError> {
        received(&self.submit(edit.clone()))
    }

    /// [`Store::apply`] without waiting; edits are applied in the order they are submitted.
    pub fn submit(&self, edit: Edit) -> Receiver<Result<EditId, StoreError>> {
        self.inner.writer.ask(|reply| Request::Apply(edit, reply))
    }

    /// Takes back the last edit. Returns the edit that did so, already inverted, for [`ProjectState::apply`]; `None` when nothing
    /// is left to undo. Survives closing the project.
    pub fn undo(&self) -> Result<Option<Edit>, StoreError> {
        received(&self.inner.writer.ask(Request::Undo))
    }

    /// Applies again what was undone last. `None` when there is nothing to redo.
    pub fn redo(&self) -> Result<Option<Edit>, StoreError> {
        received(&self.inner.writer.ask(Request::Redo))
    }

    /// What undo and redo would do next.
    pub fn history(&self) -> Result<History, StoreError> {
        journal::history(&file::open_reader(&self.inner.path)?)
    }

    /// Starts an import; one at a time. Texts appear batch by batch, the whole becomes one undoable edit at the end.
    pub fn begin_import(&self, source: &str, who: &str, at_millis: i64) -> Result<ImportSession, StoreError> {
        ImportSession::begin(self.clone(), source, who, at_millis)
    }

    /// Stores a new run; its id and its name, `<method>-<id>`, are assigned here, whatever `run` holds.
    pub fn create_run(&self, run: Run) -> Result<Run, StoreError> {
        received(&self.inner.writer.ask(|reply| Request::CreateRun(Box::new(run), reply)))
    }

    /// Stores everything about a run that exists. Refuses to replace thresholds that an edit has set: those change by edits only.
    pub fn save_run(&self, run: &Run) -> Result<(), StoreError> {
        received(
            &self
                .inner
                .writer
                .ask(|reply| Request::SaveRun(Box::new(run.clone()), reply)),
        )
    }

    /// Replaces the scores of one kind of a run: per text one score for each label, in the run's label order.
    pub fn save_scores(&self, run: RunId, kind: ScoreKind, scores: &[(TextId, Vec<f32>)]) -> Result<(), StoreError> {
        received(
            &self
                .inner
                .writer
                .ask(|reply| Request::SaveScores(run, kind, scores.to_vec(), reply)),
        )
    }

    /// The scores of one kind of a run by ascending text id; empty when there are none.
    pub fn scores(&self, run: RunId, kind: ScoreKind) -> Result<Vec<(TextId, Vec<f32>)>, StoreError> {
        runs::scores(&file::open_reader(&self.inner.path)?, run, kind)
    }
}

fn received<T>(reply: &Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
    reply.recv().unwrap_or(Err(StoreError::WriterStopped))
}
