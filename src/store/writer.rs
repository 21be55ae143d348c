//! The one thread that writes, and what can be asked of it.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::{Connection, TransactionBehavior};

use super::file::{self, Identity};
use super::import::{self, Pushed};
use super::{StoreError, journal, load, runs};
use crate::core::{Edit, EditId, ImportId, NewText, Run, RunId, ScoreKind, TaskKind, TextId};

/// More than anyone can be ahead of the disk by hand; a program that is waits here.
const MAX_WAITING: usize = 1024;

type Reply<T> = Sender<Result<T, StoreError>>;

/// Everything that changes the file.
pub(super) enum Request {
    Apply(Edit, Reply<EditId>),
    Undo(Reply<Option<Edit>>),
    Redo(Reply<Option<Edit>>),
    BeginImport {
        source: String,
        who: String,
        at_millis: i64,
        reply: Reply<ImportId>,
    },
    Push(ImportId, Vec<NewText>, Reply<Pushed>),
    FinishImport(ImportId, Reply<Option<Edit>>),
    CreateRun(Box<Run>, Reply<Run>),
    SaveRun(Box<Run>, Reply<()>),
    SaveScores(RunId, ScoreKind, Vec<(TextId, Vec<f32>)>, Reply<()>),
}

/// The connection that writes, and what never changes about the project.
pub(super) struct Writer {
    connection: Connection,
    task: TaskKind,
    path: PathBuf,
    identity: Option<Identity>,
}

impl Writer {
    /// On a project that is known for ours and locked.
    pub(super) fn open(path: &Path) -> Result<Writer, StoreError> {
        let connection = file::open_writer(path)?;
        let task = load::task(&connection)?;
        Ok(Writer {
            connection,
            task,
            path: path.to_owned(),
            identity: file::identity(path),
        })
    }

    /// Runs that were training have failed, imports that were under way end where they stood.
    pub(super) fn end_what_a_crash_left(&mut self) -> Result<(), StoreError> {
        self.transact(|transaction, _| {
            runs::interrupt_unfinished(transaction)?;
            match import::open(transaction)? {
                Some(import) => import::finish(transaction, import, now_millis()).map(|_| ()),
                None => Ok(()),
            }
        })
    }

    /// All or nothing: what `work` did is rolled back when it returns an error.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Connection, TaskKind) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        // A file that was moved or deleted would go on taking changes that nobody finds again.
        if self.identity.is_none() || file::identity(&self.path) != self.identity {
            return Err(StoreError::Unreachable);
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let out = work(&transaction, self.task)?;
        transaction.commit()?;
        Ok(out)
    }

    fn answer(&mut self, request: Request) {
        // A caller that no longer waits for the answer has still asked for the change.
        match request {
            Request::Apply(edit, reply) => {
                let _ = reply.send(self.transact(|c, task| journal::apply(c, task, &edit, now_millis())));
            }
            Request::Undo(reply) => {
                let _ = reply.send(self.transact(journal::undo));
            }
            Request::Redo(reply) => {
                let _ = reply.send(self.transact(journal::redo));
            }
            Request::BeginImport {
                source,
                who,
                at_millis,
                reply,
            } => {
                let _ = reply.send(self.transact(|c, _| import::begin(c, &source, &who, at_millis)));
            }
            Request::Push(import, rows, reply) => {
                let _ = reply.send(self.transact(|c, task| import::push(c, task, import, rows)));
            }
            Request::FinishImport(import, reply) => {
                let _ = reply.send(self.transact(|c, _| import::finish(c, import, now_millis())));
            }
            Request::CreateRun(run, reply) => {
                let _ = reply.send(self.transact(|c, _| runs::create(c, *run)));
            }
            Request::SaveRun(run, reply) => {
                let _ = reply.send(self.transact(|c, _| runs::save(c, &run)));
            }
            Request::SaveScores(run, kind, scores, reply) => {
                let _ = reply.send(self.transact(|c, _| runs::save_scores(c, run, kind, &scores)));
            }
        }
    }
}

/// The thread; ends, with the file closed, when dropped.
pub(super) struct WriterThread {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl WriterThread {
    pub(super) fn start(mut writer: Writer) -> std::io::Result<WriterThread> {
        let (requests, inbox) = bounded::<Request>(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                for request in inbox {
                    writer.answer(request);
                }
                // Closing the last connection moves the write-ahead log into the file and removes it.
                let _ = writer.connection.close();
            })?;
        Ok(WriterThread {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Hands over a request; the answer comes on the channel, which is closed without one when the writer has stopped.
    pub(super) fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Receiver<Result<T, StoreError>> {
        let (reply, answer) = bounded(1);
        if let Some(requests) = &self.requests {
            let _ = requests.send(request(reply));
        }
        answer
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_millis() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{Change, ProjectState};

    /// A writer on a project with one text, whose disk has no page left to give.
    fn on_a_full_disk(folder: &Path) -> Writer {
        let path = folder.join("p.handful");
        file::create(&path, TaskKind::SingleLabel, 0).unwrap();
        let mut writer = Writer::open(&path).unwrap();
        let import = writer.transact(|c, _| import::begin(c, "a.csv", "ada", 0)).unwrap();
        writer
            .transact(|c, task| import::push(c, task, import, vec![NewText::new("small")]))
            .unwrap();
        writer.transact(|c, _| import::finish(c, import, 0)).unwrap();
        writer
            .transact(|c, task| journal::apply(c, task, &note("", "before"), 0))
            .unwrap();
        fill_disk(&writer);
        writer
    }

    fn fill_disk(writer: &Writer) {
        let n_pages: i64 = writer
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        let limit: i64 = writer
            .connection
            .query_row(&format!("PRAGMA max_page_count = {n_pages}"), [], |row| row.get(0))
            .unwrap();
        assert_eq!(limit, n_pages);
    }

    fn make_room(writer: &Writer) {
        writer
            .connection
            .query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(()))
            .unwrap();
    }

    fn note(before: &str, after: &str) -> Edit {
        let (before, after) = (before.to_owned(), after.to_owned());
        Edit {
            title: "note".to_owned(),
            changes: vec![Change::Note {
                text: TextId(1),
                before,
                after,
            }],
        }
    }

    fn state(writer: &Writer) -> ProjectState {
        load::load(&mut file::open_reader(&writer.path).unwrap()).unwrap()
    }

    #[test]
    fn a_full_disk_refuses_edits_and_keeps_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = on_a_full_disk(folder.path());
        let before = state(&writer);
        let long = note("before", &"x".repeat(200_000));
        let error = writer
            .transact(|c, task| journal::apply(c, task, &long, 0))
            .unwrap_err();
        assert!(matches!(error, StoreError::DiskFull), "{error:?}");
        assert_eq!(state(&writer), before);
        assert_eq!(
            journal::history(&writer.connection).unwrap().undo.as_deref(),
            Some("note")
        );
        make_room(&writer);
        writer.transact(|c, task| journal::apply(c, task, &long, 0)).unwrap();
        writer.transact(journal::undo).unwrap();
        assert_eq!(state(&writer), before);
    }

    #[test]
    fn an_import_that_fills_the_disk_keeps_whole_batches() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = on_a_full_disk(folder.path());
        make_room(&writer);
        let import = writer.transact(|c, _| import::begin(c, "b.csv", "ada", 0)).unwrap();
        writer
            .transact(|c, task| import::push(c, task, import, vec![NewText::new("fits")]))
            .unwrap();
        fill_disk(&writer);
        let before = state(&writer);
        let rows = vec![NewText::new("also small"), NewText::new("y".repeat(200_000))];
        let error = writer
            .transact(|c, task| import::push(c, task, import, rows))
            .unwrap_err();
        assert!(matches!(error, StoreError::DiskFull), "{error:?}");
        assert_eq!(state(&writer), before);
        assert_eq!(before.n_texts(), 2);
        make_room(&writer);
        writer.transact(|c, _| import::finish(c, import, 0)).unwrap();
        writer.transact(journal::undo).unwrap();
        assert_eq!(state(&writer).n_texts(), 1);
    }
}
