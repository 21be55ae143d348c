//! Starting jobs and hearing from them.
//!
//! Each job is one thread that can be asked to stop or to pause. It reports over one bounded channel: progress is dropped when the reader is slow
//! (the next one says more anyway), everything else waits for room, so nothing that matters is lost.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::control::{Control, Wanted};
use super::{Comparison, Evaluation, ExportReport, ImportReport, SearchReport, Tuning};
use crate::core::{Edit, ProjectState, Run};
use crate::io::import::Preview;
use crate::store::{History, Store};
use crate::train::TrainEvent;

/// Progress is sent at most this often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// Messages that may wait to be read before a job has to.
const CHANNEL_CAPACITY: usize = 4_096;

/// One started job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// What a job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Opens a project.
    Open,
    /// Reads the first rows of a file.
    PreviewImport,
    /// Imports a file.
    Import,
    /// Trains a model, or several: a search, a comparison.
    Train,
    /// Gathers scores and metrics of a run.
    Evaluate,
    /// Writes a model bundle and checks it.
    ExportModel,
    /// Writes annotations.
    ExportAnnotations,
    /// Fetches a model.
    GetModel,
    /// Undo or redo.
    History,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Units done.
    pub done: u64,
    /// Units in all; 0 when unknown.
    pub total: u64,
    /// What is being done: "reading news.csv".
    pub note: String,
}

/// What a job has to say.
#[derive(Debug)]
pub enum JobEvent {
    /// How far it is.
    Progress(Progress),
    /// A run exists, or what is known of it has changed.
    RunStarted(Box<Run>),
    /// Something happened in training.
    Train(TrainEvent),
    /// It waits because it was asked to pause.
    Paused,
    /// It goes on after a pause.
    Resumed,
    /// The job has ended. The last event of every job.
    Done(Result<Outcome, String>),
}

/// What a finished job brings.
#[derive(Debug)]
pub enum Outcome {
    /// The first rows of a file and how they would be read.
    Preview(Box<Preview>),
    /// A project is open.
    Opened(Box<Opened>),
    /// A file is imported; the project as it is now.
    Imported(Box<ImportReport>, Box<ProjectState>),
    /// A run ended: done or stopped.
    Trained(Box<Run>),
    /// A search ended: with a winner or stopped.
    Searched(Box<SearchReport>),
    /// A comparison ended: in full or stopped.
    Compared(Box<Comparison>),
    /// Scores and metrics of a run.
    Evaluated(Arc<Evaluation>),
    /// Thresholds of a run, chosen but not stored.
    Tuned(Box<Tuning>),
    /// A model bundle is on disk and was checked.
    Exported(Box<ExportReport>),
    /// Annotations are on disk: how many texts.
    AnnotationsExported(usize),
    /// A model is in the catalog under this name.
    ModelReady(String),
    /// The edit that undo or redo has applied; `None` when there was nothing to do.
    History(Option<(Edit, History)>),
    /// The job was cancelled; what it had committed stays.
    Cancelled,
}

/// A project that was just opened.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub store: Store,
    /// What it holds.
    pub state: ProjectState,
    /// What undo and redo would do.
    pub history: History,
}

/// An event with the job it comes from.
#[derive(Debug)]
pub struct Message {
    /// Which job.
    pub job: JobId,
    /// What it is for.
    pub kind: JobKind,
    /// What it says.
    pub event: JobEvent,
}

/// A job's own view: whether to go on, and how to report.
pub struct JobContext {
    id: JobId,
    kind: JobKind,
    control: Arc<Control>,
    messages: Sender<Message>,
    wake: Arc<dyn Fn() + Send + Sync>,
    last_progress: Option<Instant>,
    /// Time spent paused.
    paused: Cell<Duration>,
    /// How many of the stops asked for the work has been told of.
    n_stops_told: Cell<u32>,
}

impl JobContext {
    /// Whether the job was asked to stop.
    pub fn cancelled(&self) -> bool {
        self.control.wanted() == Wanted::Stop
    }

    /// Whether the job was asked to pause: it will at its next [`JobContext::flow`].
    pub fn pausing(&self) -> bool {
        self.control.wanted() == Wanted::Pause
    }

    /// `Break` once the job was asked to stop. While it is asked to pause, this waits, and says so.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.pausing() {
            self.emit(JobEvent::Paused);
            (self.wake)();
            self.paused.set(self.paused.get() + self.control.wait());
            self.emit(JobEvent::Resumed);
        }
        self.flow_on()
    }

    /// [`JobContext::flow`] where this is no moment for a pause.
    pub fn flow_on(&self) -> ControlFlow<()> {
        if self.cancelled() {
            self.n_stops_told.set(self.control.n_stops());
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// For work that also follows a stop, such as scoring what was trained so far: `Break` only for a stop that the work has not been told
    /// of, so that one stop ends the training, and another the scoring.
    pub fn flow_aside(&self) -> ControlFlow<()> {
        match self.control.n_stops() > self.n_stops_told.get() {
            true => self.flow_on(),
            false => ControlFlow::Continue(()),
        }
    }

    /// How long the job has waited because it was paused.
    pub fn paused(&self) -> Duration {
        self.paused.get()
    }

    /// Reports progress; limited to 20 times a second and dropped when nobody reads.
    pub fn progress(&mut self, done: u64, total: u64, note: &str) {
        if self.may_report(done == total) {
            let progress = Progress {
                done,
                total,
                note: note.to_owned(),
            };
            let _ = self.messages.try_send(self.message(JobEvent::Progress(progress)));
        }
    }

    /// Reports a training event; steps are limited like progress, the rest is lossless.
    pub fn train(&mut self, event: TrainEvent) {
        match &event {
            TrainEvent::Step { step, n_steps, .. } if !self.may_report(step == n_steps) => {}
            _ => self.emit(JobEvent::Train(event)),
        }
    }

    /// Sends an event, waiting for room.
    pub fn emit(&self, event: JobEvent) {
        let _ = self.messages.send(self.message(event));
    }

    fn may_report(&mut self, last: bool) -> bool {
        let due = last || self.last_progress.is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL);
        if due {
            self.last_progress = Some(Instant::now());
        }
        due
    }

    fn message(&self, event: JobEvent) -> Message {
        Message {
            job: self.id,
            kind: self.kind,
            event,
        }
    }
}

struct Running {
    id: JobId,
    kind: JobKind,
    control: Arc<Control>,
}

/// All running jobs and the one channel they report on.
pub struct Jobs {
    next_id: AtomicU64,
    sender: Sender<Message>,
    receiver: Receiver<Message>,
    running: Vec<Running>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Default for Jobs {
    fn default() -> Self {
        let (sender, receiver) = bounded(CHANNEL_CAPACITY);
        Jobs {
            next_id: AtomicU64::new(1),
            sender,
            receiver,
            running: Vec::new(),
            wake: Arc::new(|| {}),
        }
    }
}

impl Jobs {
    /// Called from job threads when something waits to be read, so that a sleeping window redraws.
    pub fn set_wake(&mut self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.wake = wake;
    }

    /// The waker, for threads that report elsewhere.
    pub fn wake(&self) -> Arc<dyn Fn() + Send + Sync> {
        self.wake.clone()
    }

    /// Runs `work` on a thread of its own. A panic becomes a failed job.
    pub fn start(
        &mut self,
        kind: JobKind,
        work: impl FnOnce(&mut JobContext) -> anyhow::Result<Outcome> + Send + 'static,
    ) -> JobId {
        let id = JobId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let control: Arc<Control> = Arc::default();
        let wake = self.wake.clone();
        let mut context = JobContext {
            id,
            kind,
            control: control.clone(),
            messages: self.sender.clone(),
            wake: wake.clone(),
            last_progress: None,
            paused: Cell::default(),
            n_stops_told: Cell::default(),
        };
        self.running.push(Running { id, kind, control });
        std::thread::spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| work(&mut context)));
            let result = match result {
                Ok(result) => result.map_err(|error| format!("{error:#}")),
                Err(panic) => Err(format!(
                    "the job stopped on a defect in Handful: {}",
                    panic_text(&*panic)
                )),
            };
            context.emit(JobEvent::Done(result));
            wake();
        });
        id
    }

    /// Asks a job to stop, also where it is paused. It answers with its `Done` as soon as it can; asked again, it also leaves out what it
    /// would still score.
    pub fn cancel(&self, id: JobId) {
        self.ask(id, Control::stop);
    }

    /// Asks a job to wait where it is. It says [`JobEvent::Paused`] when it does; jobs that are short do not.
    pub fn pause(&self, id: JobId) {
        self.ask(id, Control::pause);
    }

    /// Lets a paused job go on.
    pub fn resume(&self, id: JobId) {
        self.ask(id, Control::resume);
    }

    /// Asks every job to stop.
    pub fn cancel_all(&self) {
        self.running.iter().for_each(|job| job.control.stop());
    }

    fn ask(&self, id: JobId, ask: fn(&Control)) {
        if let Some(job) = self.running.iter().find(|job| job.id == id) {
            ask(&job.control);
        }
    }

    /// The newest running job of a kind.
    pub fn running(&self, kind: JobKind) -> Option<JobId> {
        self.running.iter().rev().find(|job| job.kind == kind).map(|job| job.id)
    }

    /// Whether anything runs.
    pub fn any_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// The next message, waiting at most `patience`.
    pub fn next(&mut self, patience: Duration) -> Option<Message> {
        let message = if patience.is_zero() {
            self.receiver.try_recv().ok()?
        } else {
            self.receiver.recv_timeout(patience).ok()?
        };
        if matches!(message.event, JobEvent::Done(_)) {
            self.running.retain(|job| job.id != message.job);
        }
        Some(message)
    }
}

pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_owned())
}
