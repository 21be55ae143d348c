//! A training run from snapshot to stored model and scores.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::checkpoint::{self, About, Fingerprint, Saved};
use super::evaluate::headline_metrics;
use super::models::load_encoder;
use super::snapshot::{LabelledTexts, Snapshot};
use super::teacher;
use super::worker::{JobContext, JobEvent, Outcome};
use crate::core::metrics::default_threshold;
use crate::core::run::{Deciding, LossPoint, WatchedPoint};
use crate::core::{Run, RunId, RunStatus, ScoreKind, TextId};
use crate::model::catalog::Catalog;
use crate::model::{Classifier, Compute, Encoder, ModelError};
use crate::store::Store;
use crate::train::{
    self, Checkpoint, Checkpoints, Findings, Keeper, Method, Options, Phase, TrainEvent, Trained, TrainingSet,
};

/// A score per label for each of some texts.
type ScoredTexts = Vec<(TextId, Vec<f32>)>;

/// What to train.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// One of `train::METHODS`.
    pub method: &'static Method,
    /// Validated options, defaults included.
    pub options: Options,
    /// Seed of every random choice.
    pub seed: u64,
    /// Name in the catalog, or a folder.
    pub encoder: String,
    /// The finished run to learn from, for methods that need one.
    pub teacher: Option<Run>,
    /// Where to compute.
    pub compute: Compute,
    /// Threads to train on; the window keeps one core for itself.
    pub n_threads: usize,
}

impl TrainRequest {
    /// What a run was asked for, where it was computed. Its teacher is left out: what learns from one saves no states.
    ///
    /// # Errors
    /// A method, an option or a device that this build does not have.
    pub fn of(run: &Run, n_threads: usize) -> anyhow::Result<TrainRequest> {
        let method = train::method(&run.method)?;
        Ok(TrainRequest {
            method,
            options: Options::from_json(method, &run.options)?,
            seed: run.seed,
            encoder: run.encoder.clone(),
            teacher: None,
            compute: Compute {
                device: run.device.parse()?,
                precision: run.precision.parse().map_err(anyhow::Error::msg)?,
            },
            n_threads,
        })
    }
}

/// The folder of a run's model.
pub fn run_dir(store: &Store, run: RunId) -> PathBuf {
    store.files_dir().join("runs").join(run.to_string())
}

/// # Errors
/// A run that can have no model, and why.
pub fn ensure_model(run: &Run) -> anyhow::Result<()> {
    match run.why_no_model() {
        Some(why) => Err(anyhow::Error::msg(why)),
        None => Ok(()),
    }
}

/// Trains, scores validation and test texts, saves model and scores. A failed run stays in the table with its reason.
pub fn run(
    job: &mut JobContext,
    store: &Store,
    catalog: &Catalog,
    snapshot: Snapshot,
    request: TrainRequest,
    now_millis: i64,
) -> anyhow::Result<Outcome> {
    let run = new_run(&snapshot, &request, now_millis);
    let run = carry_out(job, store, catalog, &snapshot, &request, run)?;
    Ok(Outcome::Trained(Box::new(run)))
}

/// [`run`] for a run that says more about itself: what series it belongs to, how it came about.
pub(super) fn carry_out(
    job: &mut JobContext,
    store: &Store,
    catalog: &Catalog,
    snapshot: &Snapshot,
    request: &TrainRequest,
    mut run: Run,
) -> anyhow::Result<Run> {
    run.device = request.compute.device.resolve()?.id.to_string();
    let run = store.create_run(run)?;
    job.emit(JobEvent::RunStarted(Box::new(run.clone())));
    on_threads(request.n_threads, || {
        let trained = Training::open(job, store, catalog, snapshot, request, run.id)
            .and_then(|training| training.carry_out(job, run.clone(), None));
        trained.or_else(|error| failed(job, store, run, error))
    })
}

/// Goes on with the training of a run that was cut off or stopped, from its saved state; `request` is what [`TrainRequest::of`] makes of
/// the run, which stays as it is until it is clear that this can be done.
///
/// # Errors
/// A run without a saved state; texts, labels or an encoder that have changed since; whatever training reports.
pub fn resume(
    job: &mut JobContext,
    store: &Store,
    catalog: &Catalog,
    snapshot: Snapshot,
    request: TrainRequest,
    run: Run,
) -> anyhow::Result<Outcome> {
    let saved = checkpoint::read(&checkpoint::path(store, run.id))?.with_context(|| {
        let name = &run.name;
        format!("no state of {name} was saved, so it cannot go on; train again with the same options")
    })?;
    let run = on_threads(request.n_threads, || {
        let training = Training::open(job, store, catalog, &snapshot, &request, run.id)?;
        saved.about.fingerprint.check(&training.fingerprint)?;
        let run = Run {
            status: RunStatus::Training,
            message: String::new(),
            n_test: snapshot.test.len(),
            train_secs: saved.about.train_secs,
            history: saved.about.history.clone(),
            watched: saved.about.watched.clone(),
            findings: saved.about.findings.clone(),
            ..run
        };
        store.save_run(&run)?;
        job.emit(JobEvent::RunStarted(Box::new(run.clone())));
        let trained = training.carry_out(job, run.clone(), Some(saved.state));
        trained.or_else(|error| failed(job, store, run, error))
    })?;
    Ok(Outcome::Trained(Box::new(run)))
}

fn on_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.max(1)).build()?;
    pool.install(work)
}

/// The run stays in the table with the reason.
fn failed(job: &JobContext, store: &Store, mut run: Run, error: anyhow::Error) -> anyhow::Result<Run> {
    run.status = RunStatus::Failed;
    run.message = format!("{error:#}");
    store.save_run(&run)?;
    job.emit(JobEvent::RunStarted(Box::new(run)));
    Err(error)
}

/// A run that has yet to begin; the store gives it its id, and a name where it has none.
pub(super) fn new_run(snapshot: &Snapshot, request: &TrainRequest, now_millis: i64) -> Run {
    Run {
        id: RunId(0),
        name: String::new(),
        method: request.method.id.to_owned(),
        encoder: request.encoder.clone(),
        seed: request.seed,
        task: snapshot.task,
        options: request.options.to_json(),
        labels: snapshot.labels.clone(),
        label_paths: snapshot.label_paths.clone(),
        n_train: snapshot.train.len(),
        n_validation: snapshot.validation.len(),
        n_test: snapshot.test.len(),
        started_at_millis: now_millis,
        train_secs: 0.0,
        status: RunStatus::Training,
        message: String::new(),
        metrics: BTreeMap::new(),
        scored_on: None,
        thresholds: vec![default_threshold(snapshot.task); snapshot.labels.len()],
        deciding: Deciding::default(),
        history: Vec::new(),
        watched: Vec::new(),
        findings: Findings::new(),
        device: String::new(),
        precision: request.compute.precision.to_string(),
        series: String::new(),
    }
}

/// Everything a training needs, new or resumed.
struct Training<'a> {
    store: &'a Store,
    snapshot: &'a Snapshot,
    request: &'a TrainRequest,
    set: TrainingSet,
    encoder: Encoder,
    fingerprint: Fingerprint,
    /// Of its saved state.
    path: PathBuf,
}

impl<'a> Training<'a> {
    fn open(
        job: &mut JobContext,
        store: &'a Store,
        catalog: &Catalog,
        snapshot: &'a Snapshot,
        request: &'a TrainRequest,
        run: RunId,
    ) -> anyhow::Result<Self> {
        let mut set = snapshot.training_set();
        if let Some(run) = &request.teacher {
            let cut = (request.options.whole("max_unlabelled"), request.seed);
            teacher::ask(job, store, run, snapshot, cut, request.compute, &mut set)?;
        }
        let encoder = load_encoder(catalog, &request.encoder, request.compute)?;
        let fingerprint = match minutes_between_states(request) > 0.0 {
            true => Fingerprint::of(&set, request, &encoder)?,
            false => Fingerprint::default(),
        };
        Ok(Training {
            store,
            snapshot,
            request,
            set,
            encoder,
            fingerprint,
            path: checkpoint::path(store, run),
        })
    }

    /// Trains, going on `from` a state where there is one, and scores.
    fn carry_out(self, job: &mut JobContext, mut run: Run, from: Option<Checkpoint>) -> anyhow::Result<Run> {
        let about = About {
            fingerprint: self.fingerprint,
            train_secs: run.train_secs,
            history: std::mem::take(&mut run.history),
            watched: std::mem::take(&mut run.watched),
            findings: run.findings.clone(),
        };
        let minutes = minutes_between_states(self.request);
        let watch = RefCell::new(Watch::new(job, self.path.clone(), about, minutes));
        let trained = train::train_resumably(
            self.request.method,
            &self.set,
            &self.request.options,
            self.request.seed,
            self.encoder,
            &mut |event| watch.borrow_mut().hear(event),
            &mut Checkpoints::new(from, Some(&mut &watch)),
        )?;
        let mut watch = watch.into_inner();
        // The last thing a method does, fitting a head say, is followed by no event.
        watch.count();
        let Watch {
            about, course, refused, ..
        } = watch;
        run.train_secs = about.train_secs;
        run.history = course.history;
        run.watched = course.watched;
        run.findings.extend(trained.findings.clone());
        run.message = refused.unwrap_or_default();
        run.status = if trained.stopped {
            RunStatus::Stopped
        } else {
            RunStatus::Done
        };
        note_left_out(&mut run);
        finish(job, self.store, self.snapshot, trained, &mut run)?;
        self.store.save_run(&run)?;
        if run.status == RunStatus::Done {
            checkpoint::remove(&self.path);
        }
        Ok(run)
    }
}

/// 0 where none are written, as for methods that have no states.
fn minutes_between_states(request: &TrainRequest) -> f64 {
    request.options.get("checkpoint_every")
}

/// Stands beside a training: passes on what it says, writes its states, and lets it wait while it is paused.
struct Watch<'a> {
    job: &'a mut JobContext,
    path: PathBuf,
    /// How often a state is written; `None` for never.
    every: Option<Duration>,
    written: Instant,
    began: Instant,
    secs_before: f64,
    course: Course,
    /// What goes into the next state; of the course, what it was at the last.
    about: About,
    /// Why a state could not be written.
    refused: Option<String>,
}

impl<'a> Watch<'a> {
    fn new(job: &'a mut JobContext, path: PathBuf, about: About, minutes: f64) -> Self {
        Watch {
            job,
            path,
            every: (minutes > 0.0).then(|| Duration::from_secs_f64(minutes * 60.0)),
            written: Instant::now(),
            began: Instant::now(),
            secs_before: about.train_secs,
            course: Course {
                history: about.history.clone(),
                watched: about.watched.clone(),
                ..Course::default()
            },
            about,
            refused: None,
        }
    }

    fn hear(&mut self, event: TrainEvent) -> ControlFlow<()> {
        self.course.hear(&event);
        self.job.train(event);
        self.count();
        match event {
            // Amid steps a better moment to wait is about to come: when the state has been written.
            TrainEvent::Step { .. } | TrainEvent::Watched(_) => self.job.flow_on(),
            // Who stops a training still learns how good it is, unless they stop that too.
            TrainEvent::Phase(Phase::Watching { .. }) => self.job.flow_aside(),
            _ => self.job.flow(),
        }
    }

    fn count(&mut self) {
        let spent = self.began.elapsed().saturating_sub(self.job.paused());
        self.about.train_secs = self.secs_before + spent.as_secs_f64();
    }
}

impl Keeper for &RefCell<Watch<'_>> {
    fn is_due(&mut self, _: usize) -> bool {
        let watch = self.borrow();
        // Whoever pauses may switch the machine off.
        let is_due = |every| watch.job.pausing() || watch.written.elapsed() >= every;
        watch.every.is_some_and(is_due)
    }

    fn keep(&mut self, state: Checkpoint) {
        let watch = &mut *self.borrow_mut();
        if watch.every.is_none() {
            return;
        }
        watch.count();
        watch.about.history.clone_from(&watch.course.history);
        watch.about.watched.clone_from(&watch.course.watched);
        let about = watch.about.clone();
        watch.refused = match checkpoint::write(&watch.path, &Saved { state, about }) {
            Ok(()) => None,
            Err(error) => Some(format!("its state could not be saved on the way: {error:#}")),
        };
        watch.written = Instant::now();
    }

    fn rest(&mut self) -> ControlFlow<()> {
        self.borrow().job.flow()
    }
}

/// A training that was stopped among its folds has not learnt from all the texts.
fn note_left_out(run: &mut Run) {
    let learnt = run.findings.get("n_texts_learnt").and_then(serde_json::Value::as_u64);
    if let (Some(n), Some(left_out)) = (learnt, run.findings.get("left_out").and_then(|fold| fold.as_str())) {
        run.message = format!(
            "stopped among the folds: this model was trained without {left_out}, on {n} of the {} texts",
            run.n_train
        );
        run.n_train = n as usize;
    }
}

/// The loss curve and what was watched, of the last training that was told of: with folds, of the one on all the texts.
#[derive(Default)]
pub(super) struct Course {
    /// Steps of the trainings before.
    n_before: usize,
    n_steps: usize,
    pub(super) history: Vec<LossPoint>,
    pub(super) watched: Vec<WatchedPoint>,
}

impl Course {
    pub(super) fn hear(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Fold(_) => {
                *self = Course {
                    n_before: self.n_steps,
                    n_steps: self.n_steps,
                    ..Course::default()
                }
            }
            TrainEvent::Step { step, loss, .. } => {
                self.n_steps = *step;
                self.history.push(LossPoint {
                    step: step - self.n_before,
                    loss: *loss,
                });
            }
            TrainEvent::Watched(point) => self.watched.push(*point),
            TrainEvent::Started { .. } | TrainEvent::Phase(_) => {}
        }
    }
}

fn finish(
    job: &mut JobContext,
    store: &Store,
    snapshot: &Snapshot,
    trained: Trained,
    run: &mut Run,
) -> anyhow::Result<()> {
    if let Some(out_of_fold) = &trained.out_of_fold {
        let scores = paired(&snapshot.train.ids, out_of_fold);
        store.save_scores(run.id, ScoreKind::OutOfFold, &scores)?;
        run.metrics = headline_metrics(run, ScoreKind::OutOfFold, &snapshot.train, &scores);
        run.scored_on = Some(ScoreKind::OutOfFold);
    }
    let classifier = Classifier {
        encoder: trained.encoder,
        head: trained.head,
        pairs: !snapshot.train.seconds.is_empty(),
        task: snapshot.task,
        label_paths: snapshot.label_paths.clone(),
        tree: run.tree(),
        walk: run.walk(),
        thresholds: run.thresholds.clone(),
        at_least_one: run.deciding.at_least_one,
        encoder_name: run.encoder.clone(),
    };
    let dir = run_dir(store, run.id);
    std::fs::create_dir_all(&dir)?;
    classifier.save(&dir)?;
    for (kind, texts) in [
        (ScoreKind::Validation, &snapshot.validation),
        (ScoreKind::Test, &snapshot.test),
    ] {
        if texts.is_empty() {
            continue;
        }
        let Some(scores) = score(job, &classifier, texts, kind)? else {
            let left_out = format!(
                "stopped before all {} texts were scored; evaluating the run scores them",
                kind.name()
            );
            run.message = match run.message.as_str() {
                "" => left_out,
                message => format!("{message}; {left_out}"),
            };
            break;
        };
        store.save_scores(run.id, kind, &scores)?;
        run.metrics = headline_metrics(run, kind, texts, &scores);
        run.scored_on = Some(kind);
    }
    Ok(())
}

/// Scores texts with a finished model. A training that was stopped is scored all the same, unless it is stopped once more: then `None`.
fn score(
    job: &mut JobContext,
    classifier: &Classifier,
    texts: &LabelledTexts,
    kind: ScoreKind,
) -> anyhow::Result<Option<ScoredTexts>> {
    let inputs = texts.inputs();
    let note = format!("scoring {} texts", kind.name());
    let n_texts = inputs.len() as u64;
    job.progress(0, n_texts, &note);
    let probs = classifier.predict_proba(&inputs, &mut |done| {
        job.progress(done as u64, n_texts, &note);
        job.flow_aside()
    });
    match probs {
        Err(ModelError::Stopped) => Ok(None),
        probs => Ok(Some(paired(&texts.ids, &probs?))),
    }
}

pub(super) fn paired(ids: &[TextId], scores: &[Vec<f32>]) -> Vec<(TextId, Vec<f32>)> {
    ids.iter().copied().zip(scores.iter().cloned()).collect()
}
