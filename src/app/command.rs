//! Everything a person can ask for, as values: the window, the palette and the command line issue the same commands.

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};

use super::{
    App, CompareSpec, Project, SearchSpec, now_millis,
    sample::{self, Sample},
};
use crate::core::{
    Edit, EditError, Label, LabelId, Run, RunId, RunStatus, ScoreKind, TaskKind, Text, Words, label_edits,
};
use crate::io::import::{self, ReadOptions};
use crate::io::label_tree;
use crate::jobs::snapshot::Snapshot;
use crate::jobs::{self, JobId, JobKind, Opened, Outcome, Suggester, TrainRequest, TuneRequest, ZeroShotRunRequest};
use crate::store::Store;
use crate::train::{self, Method};

/// A request. Some are done when [`App::execute`] returns, others start a job.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the fields are what the sentence above each variant speaks of
pub enum Command {
    /// Makes a project file and opens it. `labels`: paths.
    NewProject {
        path: PathBuf,
        task: TaskKind,
        labels: Vec<Vec<String>>,
    },
    /// Opens a project file.
    Open(PathBuf),
    /// Makes a sample project in a folder (unless it is there) and opens it.
    OpenSample { folder: PathBuf, sample: Sample },
    /// Closes the project once everything is on disk.
    Close,
    /// Reads the first rows of a file.
    PreviewImport { file: PathBuf, options: ReadOptions },
    /// Imports a file.
    Import { file: PathBuf, options: ReadOptions },
    /// Adds the labels of a tree written down in a file ([`label_tree`]); one undoable edit.
    ImportLabels { file: PathBuf },
    /// Any edit of texts, annotations, labels or thresholds.
    Edit(Edit),
    /// Takes the last edit back.
    Undo,
    /// Does the last undone edit again.
    Redo,
    /// Trains a model. `options`: ids and values as written. `teacher`: the run to learn from, for methods that need one.
    Train {
        method: String,
        encoder: Option<String>,
        seed: u64,
        options: Vec<(String, String)>,
        teacher: Option<RunId>,
    },
    /// Tries settings and trains the best in full.
    Search(SearchSpec),
    /// Trains variants of one method and puts their figures side by side.
    Compare(CompareSpec),
    /// Scores every labelled text with a zero-shot engine and keeps that as a run; the same request goes on with the same run.
    ZeroShotRun(ZeroShotRunRequest),
    /// Asks a job to stop; training keeps what it has.
    Stop(JobId),
    /// Asks a job to wait where it is; training writes its state first.
    Pause(JobId),
    /// Lets a paused job go on.
    Resume(JobId),
    /// Goes on with the training of a run that was cut off or stopped.
    ResumeRun(RunId),
    /// Gathers scores and metrics of a run.
    Evaluate { run: RunId, kind: ScoreKind },
    /// Chooses the thresholds of a run.
    Tune { run: RunId, request: TuneRequest },
    /// Writes a run's model to a new folder and checks it.
    ExportModel { run: RunId, out: PathBuf },
    /// Writes texts and annotations.
    ExportAnnotations { format: String, out: PathBuf },
    /// Fetches a known model.
    GetModel(String),
    /// Copies a model folder into the catalog. `prompt`: what it puts before every text, where the folder's own word does not do.
    AddModel {
        dir: PathBuf,
        name: Option<String>,
        prompt: Option<String>,
    },
}

impl App {
    /// Does what was asked, or starts the job that does it.
    pub fn execute(&mut self, command: Command) -> anyhow::Result<Option<JobId>> {
        let job = match command {
            Command::NewProject { path, task, labels } => self.new_project(path, task, labels),
            Command::Open(path) => self.open(move || Ok(Store::open(&path)?)),
            Command::OpenSample { folder, sample } => {
                let who = self.settings.who.clone();
                self.open(move || sample::open(sample, &folder, &who))
            }
            Command::Close => return self.close().map(|()| None),
            Command::PreviewImport { file, options } => {
                let options = self.for_project(options);
                self.jobs.start(JobKind::PreviewImport, move |_| {
                    Ok(Outcome::Preview(Box::new(import::preview(&file, &options)?)))
                })
            }
            Command::Import { file, options } => self.import(file, options)?,
            Command::ImportLabels { file } => {
                let paths = label_tree::read(&file)?;
                return self.add_labels(&paths).map(|_| None);
            }
            Command::Edit(edit) => {
                self.project_mut()?.apply(edit);
                return Ok(None);
            }
            Command::Undo | Command::Redo if self.running(JobKind::History).is_some() => {
                self.steps.push_back(command);
                return Ok(None);
            }
            Command::Undo => self.travel(Store::undo)?,
            Command::Redo => self.travel(Store::redo)?,
            Command::Train {
                method,
                encoder,
                seed,
                options,
                teacher,
            } => self.train(&method, encoder, seed, &options, teacher)?,
            Command::Search(spec) => self.search(&spec)?,
            Command::Compare(spec) => self.compare(&spec)?,
            Command::ZeroShotRun(request) => self.zero_shot_run(&request)?,
            Command::Stop(job) => {
                self.jobs.cancel(job);
                return Ok(None);
            }
            Command::Pause(job) => {
                self.jobs.pause(job);
                return Ok(None);
            }
            Command::Resume(job) => {
                self.jobs.resume(job);
                return Ok(None);
            }
            Command::ResumeRun(run) => self.resume_run(run)?,
            Command::Evaluate { run, kind } => self.evaluate(run, kind)?,
            Command::Tune { run, request } => self.tune(run, request)?,
            Command::ExportModel { run, out } => self.export_model(run, out)?,
            Command::ExportAnnotations { format, out } => self.export_annotations(format, out)?,
            Command::GetModel(name) => {
                let catalog = self.catalog.clone();
                self.jobs
                    .start(JobKind::GetModel, move |job| jobs::models::get(job, &catalog, &name))
            }
            Command::AddModel { dir, name, prompt } => {
                let catalog = self.catalog.clone();
                self.jobs.start(JobKind::GetModel, move |job| {
                    jobs::models::add(job, &catalog, &dir, name.as_deref(), prompt.as_deref())
                })
            }
        };
        Ok(Some(job))
    }

    fn open(&mut self, open: impl FnOnce() -> anyhow::Result<Store> + Send + 'static) -> JobId {
        self.project = None;
        self.jobs.start(JobKind::Open, move |_| {
            let store = open()?;
            let state = store.load()?;
            let history = store.history()?;
            Ok(Outcome::Opened(Box::new(Opened { store, state, history })))
        })
    }

    fn new_project(&mut self, path: PathBuf, task: TaskKind, labels: Vec<Vec<String>>) -> JobId {
        self.open(move || {
            let store = Store::create(&path, task)?;
            if !labels.is_empty() {
                store.apply(&label_edits::create_labels(&store.load()?, &labels)?)?;
            }
            Ok(store)
        })
    }

    fn close(&mut self) -> anyhow::Result<()> {
        self.jobs.cancel_all();
        self.steps.clear();
        let saved = self.wait_saved();
        self.project = None;
        saved
    }

    pub(super) fn start_suggester(&self, store: &Store) -> Option<Suggester> {
        self.suggests.then(|| {
            let encoder = self.settings.encoder.clone();
            Suggester::start(
                self.catalog.clone(),
                encoder,
                self.compute(),
                store.files_dir(),
                self.n_threads,
                self.jobs.wake(),
            )
        })
    }

    /// A file read for a project follows the project's task.
    fn for_project(&self, options: ReadOptions) -> ReadOptions {
        ReadOptions {
            task: self.project.as_ref().map(|project| project.state.task),
            ..options
        }
    }

    /// Adds the labels at these paths that are not there yet, with those above them, as one edit. Returns how many.
    ///
    /// # Errors
    /// A path that cannot be a label's; nothing is changed then.
    pub fn add_labels(&mut self, paths: &[Vec<String>]) -> anyhow::Result<usize> {
        let project = self.project_mut()?;
        match label_edits::create_labels(&project.state, paths) {
            Ok(edit) => {
                let n_added = edit.changes.len();
                project.apply(edit);
                Ok(n_added)
            }
            Err(EditError::NothingToDo) => Ok(0),
            Err(reason) => Err(reason).context("no label was added"),
        }
    }

    fn import(&mut self, file: PathBuf, options: ReadOptions) -> anyhow::Result<JobId> {
        ensure!(
            self.running(JobKind::Import).is_none(),
            "an import is running; wait for it or stop it"
        );
        let store = self.project()?.store.clone();
        let options = self.for_project(options);
        let who = self.settings.who.clone();
        self.preview = None;
        Ok(self.jobs.start(JobKind::Import, move |job| {
            jobs::import::run(job, &store, file, &options, &who, now_millis())
        }))
    }

    fn travel(&mut self, step: fn(&Store) -> Result<Option<Edit>, crate::store::StoreError>) -> anyhow::Result<JobId> {
        let store = self.project()?.store.clone();
        Ok(self.jobs.start(JobKind::History, move |_| {
            let edit = step(&store)?;
            let history = store.history()?;
            Ok(Outcome::History(edit.map(|edit| (edit, history))))
        }))
    }

    fn train(
        &mut self,
        method: &str,
        encoder: Option<String>,
        seed: u64,
        options: &[(String, String)],
        teacher: Option<RunId>,
    ) -> anyhow::Result<JobId> {
        let (request, snapshot) = self.training(method, encoder, seed, options, teacher)?;
        let store = self.project()?.store.clone();
        let catalog = self.catalog.clone();
        Ok(self.jobs.start(JobKind::Train, move |job| {
            jobs::training::run(job, &store, &catalog, snapshot, request, now_millis())
        }))
    }

    /// What to train, and on what, once everything that can be checked beforehand is in order.
    pub(super) fn training(
        &self,
        method: &str,
        encoder: Option<String>,
        seed: u64,
        options: &[(String, String)],
        teacher: Option<RunId>,
    ) -> anyhow::Result<(TrainRequest, Snapshot)> {
        self.ensure_idle()?;
        let method = train::method(method)?;
        let request = TrainRequest {
            method,
            options: method.parse(options)?,
            seed,
            encoder: encoder.unwrap_or_else(|| self.settings.encoder.clone()),
            teacher: self.teacher(method, teacher)?,
            compute: self.compute(),
            n_threads: self.n_threads,
        };
        let snapshot = self.to_train(&request)?;
        Ok((request, snapshot))
    }

    fn resume_run(&mut self, run: RunId) -> anyhow::Result<JobId> {
        self.ensure_idle()?;
        let run = self.run(run)?;
        if let Some(why) = run.why_no_model() {
            bail!("{why}");
        }
        ensure!(
            run.status != RunStatus::Done,
            "{} was trained to its end: there is nothing to resume",
            run.name
        );
        let request = TrainRequest::of(&run, self.n_threads)?;
        let snapshot = self.to_train(&request)?;
        let store = self.project()?.store.clone();
        let catalog = self.catalog.clone();
        Ok(self.jobs.start(JobKind::Train, move |job| {
            jobs::training::resume(job, &store, &catalog, snapshot, request, run)
        }))
    }

    pub(super) fn ensure_idle(&self) -> anyhow::Result<()> {
        let idle = self.running(JobKind::Train).is_none();
        ensure!(idle, "a training is running; wait for it or stop it");
        Ok(())
    }

    /// What a training works on, after a look at what it would fail for.
    fn to_train(&self, request: &TrainRequest) -> anyhow::Result<Snapshot> {
        self.catalog.path(&request.encoder)?;
        request.compute.check()?;
        let project = self.project()?;
        let snapshot = Snapshot::take(&project.state);
        check_trainable(project, &snapshot)?;
        ensure!(
            !request.method.needs_teacher || !snapshot.pile.is_empty(),
            "every text has a label, and {} learns from texts without one: import some first",
            request.method.id
        );
        Ok(snapshot)
    }

    /// The run to learn from, where the method has one.
    fn teacher(&self, method: &Method, teacher: Option<RunId>) -> anyhow::Result<Option<Run>> {
        let Some(teacher) = teacher else {
            ensure!(
                !method.needs_teacher,
                "{} learns from a finished run: name its number with --teacher",
                method.id
            );
            return Ok(None);
        };
        ensure!(
            method.needs_teacher,
            "{} has no teacher: leave --teacher out",
            method.id
        );
        let run = self.run(teacher)?;
        if let Some(why) = run.why_no_model() {
            bail!("{why}");
        }
        ensure!(
            run.has_model(),
            "{} has not finished, so there is nothing to learn from it: choose a finished run",
            run.name
        );
        Ok(Some(run))
    }

    fn run(&self, run: RunId) -> anyhow::Result<Run> {
        self.project()?
            .state
            .run(run)
            .cloned()
            .with_context(|| format!("there is no run {run}"))
    }

    fn evaluate(&mut self, run: RunId, kind: ScoreKind) -> anyhow::Result<JobId> {
        let run = self.run(run)?;
        let project = self.project()?;
        let (store, state) = (project.store.clone(), project.state.clone());
        let known = project.evaluations.get(&(run.id, kind)).cloned();
        let compute = self.compute();
        Ok(self.jobs.start(JobKind::Evaluate, move |job| {
            jobs::evaluate::run(job, &store, &state, &run, kind, compute, known.as_deref())
        }))
    }

    fn tune(&mut self, run: RunId, request: TuneRequest) -> anyhow::Result<JobId> {
        let run = self.run(run)?;
        let kind = Project::tuning_kind(&run);
        let project = self.project()?;
        let (store, state) = (project.store.clone(), project.state.clone());
        let known = project.evaluations.get(&(run.id, kind)).cloned();
        let compute = self.compute();
        Ok(self.jobs.start(JobKind::Evaluate, move |job| {
            jobs::tune::tune(job, &store, &state, &run, kind, request, compute, known.as_deref())
        }))
    }

    fn export_model(&mut self, run: RunId, out: PathBuf) -> anyhow::Result<JobId> {
        let run = self.run(run)?;
        let project = self.project()?;
        let store = project.store.clone();
        let texts = project.state.texts().take(jobs::export::N_CHECKED);
        let texts: Vec<Words> = texts.map(Text::words).collect();
        Ok(self.jobs.start(JobKind::ExportModel, move |job| {
            jobs::export::run(job, &store, &run, &out, &texts)
        }))
    }

    fn export_annotations(&mut self, format: String, out: PathBuf) -> anyhow::Result<JobId> {
        let state = self.project()?.state.clone();
        Ok(self.jobs.start(JobKind::ExportAnnotations, move |_| {
            Ok(Outcome::AnnotationsExported(jobs::export::annotations(
                &state, &format, &out,
            )?))
        }))
    }
}

/// Says what is missing before a thread is started.
///
/// # Errors
/// When the labelled texts cannot be learnt from, whatever the method.
pub fn check_trainable(project: &Project, snapshot: &Snapshot) -> anyhow::Result<()> {
    if snapshot.train.is_empty() {
        bail!("no text that may train has a label yet: label a few texts of each class first");
    }
    if project.state.task == TaskKind::SingleLabel && snapshot.labels.len() < 2 {
        bail!("all labelled texts have the same label: label texts of at least two classes");
    }
    Ok(())
}

/// The label with this path or unambiguous name.
pub fn find_label<'a>(project: &'a Project, written: &str) -> anyhow::Result<&'a Label> {
    let labels = &project.state.labels;
    let id: Option<LabelId> = labels.find(written);
    id.and_then(|id| labels.get(id)).with_context(|| {
        const MAX_NAMED: usize = 50;
        let in_order = labels.in_order().into_iter().take(MAX_NAMED);
        let mut known: Vec<String> = in_order.map(|(_, label)| labels.path_string(label.id)).collect();
        if labels.len() > MAX_NAMED {
            known.push(format!("and {} more", labels.len() - MAX_NAMED));
        }
        format!(
            "no label is called {written:?}, or several are; there are: {}",
            known.join(", ")
        )
    })
}
