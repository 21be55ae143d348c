//! The open project's state, the commands that change it, undo and settings. The window and the command line both drive this.
//!
//! Not here: widgets, terminal output, SQL, tensors. Nothing in this room waits, except [`App::wait`], which the command line uses.

pub mod advice;
pub mod annotating;
pub mod command;
pub mod events;
pub mod explaining;
pub mod notice;
pub mod previewing;
pub mod project;
pub mod sample;
pub mod series;
pub mod settings;
pub mod zero_shot;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

pub use annotating::Annotating;
pub use command::Command;
pub use explaining::Explaining;
pub use notice::{Notice, NoticeKind};
pub use previewing::{PreviewAsk, Previewing};
pub use project::{Project, TrainingProgress};
pub use series::{CompareSpec, SearchSpec, TrainSpec};
pub use settings::{Settings, ThemeChoice};

use crate::io::import::Preview;
use crate::jobs::{JobEvent, JobId, JobKind, Jobs, Message, Outcome, Progress};
use crate::model::catalog::Catalog;
use crate::model::device::{self, DeviceChoice, DeviceInfo};
use crate::model::{Compute, Precision};

/// Everything the window shows and the command line prints.
pub struct App {
    /// What a person has chosen, remembered between starts.
    pub settings: Settings,
    /// The models on this machine.
    pub catalog: Arc<Catalog>,
    /// What happened, newest last.
    pub notices: Vec<Notice>,
    /// The open project.
    pub project: Option<Project>,
    /// The file on the import sheet, as it would be read.
    pub preview: Option<Preview>,
    /// How far each running job is, oldest first.
    pub progress: Vec<(JobId, JobKind, Progress)>,
    /// The last model bundle written.
    pub last_export: Option<crate::jobs::ExportReport>,
    /// The model fetched or added last.
    pub last_model: Option<String>,
    /// The last import.
    pub last_import: Option<crate::jobs::ImportReport>,
    /// Where jobs compute: the remembered device, unless this start was told otherwise.
    pub device: DeviceChoice,
    /// How exact products on the CPU are: the remembered precision, unless this start was told otherwise.
    pub precision: Precision,
    /// The devices of this build and this machine, the one `auto` takes first; empty until [`App::find_devices`].
    pub devices: Vec<DeviceInfo>,
    /// The precisions of this processor's products; empty until [`App::find_devices`].
    pub precisions: Vec<Precision>,
    /// Threads a job may use.
    pub n_threads: usize,
    /// How often a person has pressed Ctrl+C, where somebody listens: the first time asks the job that [`App::wait`] waits for to stop, the
    /// second gives it up.
    pub n_interrupts: Arc<AtomicUsize>,
    /// Whether the quick model embeds and suggests in the background: in the window, not on the command line.
    pub suggests: bool,
    jobs: Jobs,
    /// Undo and redo still to be started: one at a time, so that memory follows the order of the disk.
    steps: VecDeque<Command>,
}

impl App {
    /// With settings as they were left, and the models of this machine.
    pub fn new(settings: Settings) -> anyhow::Result<Self> {
        Ok(App {
            device: settings.device,
            precision: settings.precision,
            devices: Vec::new(),
            precisions: Vec::new(),
            settings,
            catalog: Arc::new(Catalog::open(None)?),
            notices: Vec::new(),
            project: None,
            preview: None,
            progress: Vec::new(),
            last_export: None,
            last_model: None,
            last_import: None,
            n_threads: n_cores(),
            n_interrupts: Arc::default(),
            suggests: false,
            jobs: Jobs::default(),
            steps: VecDeque::new(),
        })
    }

    /// For the window: suggestions in the background, one core left free, and a call when something waits to be read.
    pub fn in_window(mut self, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        self.n_threads = n_cores().saturating_sub(1).max(1);
        self.suggests = true;
        self.jobs.set_wake(wake);
        self
    }

    /// Looks for devices, for a window that offers them. Up to half a second where a graphics driver wakes up.
    pub fn find_devices(&mut self) {
        self.devices = device::available();
        self.precisions = Precision::ALL.into_iter().filter(|p| p.is_available()).collect();
    }

    /// Where and how exactly jobs compute.
    pub fn compute(&self) -> Compute {
        Compute {
            device: self.device,
            precision: self.precision,
        }
    }

    /// Computes elsewhere or otherwise from now on, and remembers it. What runs goes on as it is; the quick model starts again.
    pub fn compute_on(&mut self, compute: Compute) {
        self.settings.device = compute.device;
        self.settings.precision = compute.precision;
        self.settings.save();
        if self.compute() == compute {
            return;
        }
        (self.device, self.precision) = (compute.device, compute.precision);
        let suggester = self
            .project
            .as_ref()
            .and_then(|project| self.start_suggester(&project.store));
        if let Some(project) = &mut self.project {
            project.restart_suggester(suggester);
        }
    }

    /// Starts the quick model for the open project, where it does not run yet.
    ///
    /// # Errors
    /// No project is open.
    pub fn start_suggestions(&mut self) -> anyhow::Result<()> {
        self.suggests = true;
        if self.project()?.suggester.is_none() {
            let suggester = self.start_suggester(&self.project()?.store);
            self.project_mut()?.restart_suggester(suggester);
        }
        Ok(())
    }

    /// The open project, or the error a verb shows where there is none.
    pub fn project(&self) -> anyhow::Result<&Project> {
        self.project.as_ref().context("no project is open")
    }

    /// The open project, to be changed.
    pub fn project_mut(&mut self) -> anyhow::Result<&mut Project> {
        self.project.as_mut().context("no project is open")
    }

    /// Reads what jobs and the writer have said, for at most `budget`. Whether anything has changed.
    pub fn poll(&mut self, budget: Duration) -> bool {
        let started = Instant::now();
        let mut changed = false;
        while started.elapsed() < budget {
            let Some(message) = self.jobs.next(Duration::ZERO) else {
                break;
            };
            self.receive(message, &mut |_| {});
            changed = true;
        }
        changed | self.poll_project()
    }

    /// Waits for a job, passing its events on; used where there is no window.
    pub fn wait(&mut self, job: JobId, on_event: &mut dyn FnMut(&JobEvent)) -> anyhow::Result<()> {
        let mut stopped = false;
        loop {
            match self.n_interrupts.load(Ordering::Relaxed) {
                0 => {}
                1 if stopped => {}
                1 => {
                    stopped = true;
                    self.jobs.cancel(job);
                }
                _ => bail!(
                    "ended at once; labels are safe, and a training goes on from the state saved last with --resume"
                ),
            }
            self.poll_project();
            let Some(message) = self.jobs.next(Duration::from_millis(50)) else {
                continue;
            };
            let ours = message.job == job;
            let failed = match &message.event {
                JobEvent::Done(Err(reason)) => Some(reason.clone()),
                _ => None,
            };
            let done = matches!(message.event, JobEvent::Done(_));
            let mut ignore = |_: &JobEvent| {};
            self.receive(message, if ours { &mut *on_event } else { &mut ignore });
            if ours && done {
                return match failed {
                    Some(reason) => bail!(reason),
                    None => self.wait_saved(),
                };
            }
        }
    }

    /// Waits until every edit is on disk.
    pub fn wait_saved(&mut self) -> anyhow::Result<()> {
        let before = self.notices.len();
        if let Some(project) = &mut self.project {
            project.settle_pending(Duration::MAX, &mut self.notices);
        }
        match self
            .notices
            .iter()
            .skip(before)
            .find(|notice| notice.kind == NoticeKind::Error)
        {
            Some(notice) => bail!(notice.text.clone()),
            None => Ok(()),
        }
    }

    /// The newest running job of a kind.
    pub fn running(&self, kind: JobKind) -> Option<JobId> {
        self.jobs.running(kind)
    }

    /// Whether any job runs.
    pub fn is_busy(&self) -> bool {
        self.jobs.any_running()
    }

    /// Adds a remark for the person, and keeps it in the list.
    pub fn notify(&mut self, kind: NoticeKind, text: impl Into<String>) {
        self.notices.push(Notice::new(kind, text));
    }

    fn poll_project(&mut self) -> bool {
        let Some(project) = &mut self.project else { return false };
        project.settle_pending(Duration::ZERO, &mut self.notices)
            | project.poll_suggester(&mut self.notices)
            | project.explaining.poll()
            | project.poll_previewer()
    }

    fn receive(&mut self, message: Message, on_event: &mut dyn FnMut(&JobEvent)) {
        on_event(&message.event);
        match message.event {
            JobEvent::Progress(progress) => match self.progress.iter_mut().find(|(id, ..)| *id == message.job) {
                Some((_, _, known)) => *known = progress,
                None => self.progress.push((message.job, message.kind, progress)),
            },
            JobEvent::Paused | JobEvent::Resumed => {
                let training = self.project.as_mut().and_then(|project| project.training.as_mut());
                if let (JobKind::Train, Some(training)) = (message.kind, training) {
                    training.paused = matches!(message.event, JobEvent::Paused);
                }
            }
            JobEvent::Done(result) => {
                self.progress.retain(|(id, ..)| *id != message.job);
                self.finished(message.kind, result);
            }
            event => {
                if let Some(project) = &mut self.project {
                    project.receive(event);
                }
            }
        }
    }

    fn finished(&mut self, kind: JobKind, result: Result<Outcome, String>) {
        match result {
            Ok(outcome) => events::finished(self, outcome),
            Err(reason) => {
                if let (JobKind::Train, Some(project)) = (kind, &mut self.project) {
                    project.training = None;
                }
                self.notify(NoticeKind::Error, reason);
            }
        }
        if let (JobKind::History, Some(step)) = (kind, self.steps.pop_front())
            && let Err(reason) = self.execute(step)
        {
            self.notify(NoticeKind::Error, reason.to_string());
        }
    }
}

/// Cores this process may use.
pub fn n_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Milliseconds since the Unix epoch.
pub fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
