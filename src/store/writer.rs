//! The one thread that writes, and what can be asked of it.

use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::{Connection, TransactionBehavior};

use super::import::{self, Pushed};
use super::load;
use super::{StoreError, journal, runs};
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
    pub(super) connection: Connection,
    pub(super) task: TaskKind,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Result<Writer, StoreError> {
        let task = load::task(&connection)?;
        Ok(Writer { connection, task })
    }

    /// Runs that were training have failed, imports that were under way end where they stood.
    pub(super) fn end_what_a_crash_left(&mut self) -> Result<(), StoreError> {
        self.transact(|transaction, _| {
            runs::fail_unfinished(transaction)?;
            match import::open(transaction)? {
                Some(import) => import::finish(transaction, import, now_millis()).map(|_| ()),
                None => Ok(()),
            }
        })
    }

    /// All or nothing: what `work` did is rolled back when it returns an error.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(&Connection, TaskKind) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
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
