//! A training run from snapshot to stored model and scores.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::evaluate::headline_metrics;
use super::models::load_encoder;
use super::snapshot::{LabelledTexts, Snapshot};
use super::teacher;
use super::worker::{JobContext, JobEvent, Outcome};
use crate::core::metrics::default_threshold;
use crate::core::run::{LossPoint, WatchedPoint};
use crate::core::{Run, RunId, RunStatus, ScoreKind, TextId};
use crate::model::catalog::Catalog;
use crate::model::{Classifier, Compute};
use crate::store::Store;
use crate::train::{self, Method, Options, TrainEvent, Trained};

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

/// The folder of a run's model.
pub fn run_dir(store: &Store, run: RunId) -> PathBuf {
    store.files_dir().join("runs").join(run.to_string())
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
    run: Run,
) -> anyhow::Result<Run> {
    let mut run = store.create_run(run)?;
    job.emit(JobEvent::RunStarted(Box::new(run.clone())));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(request.n_threads.max(1))
        .build()?;
    let result = pool.install(|| train_and_score(job, store, catalog, snapshot, request, &mut run));
    if let Err(error) = result {
        run.status = RunStatus::Failed;
        run.message = format!("{error:#}");
        store.save_run(&run)?;
        job.emit(JobEvent::RunStarted(Box::new(run)));
        return Err(error);
    }
    store.save_run(&run)?;
    Ok(run)
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
        history: Vec::new(),
        watched: Vec::new(),
        findings: train::Findings::new(),
        device: String::new(),
        precision: request.compute.precision.to_string(),
        series: String::new(),
    }
}

fn train_and_score(
    job: &mut JobContext,
    store: &Store,
    catalog: &Catalog,
    snapshot: &Snapshot,
    request: &TrainRequest,
    run: &mut Run,
) -> anyhow::Result<()> {
    let mut set = snapshot.training_set();
    if let Some(run) = &request.teacher {
        let cut = (request.options.whole("max_unlabelled"), request.seed);
        teacher::ask(job, store, run, snapshot, cut, request.compute, &mut set)?;
    }
    let encoder = load_encoder(catalog, &request.encoder, request.compute)?;
    run.device = request.compute.device.resolve()?.id.to_string();
    let started = std::time::Instant::now();
    let mut course = Course::default();
    let trained = train::train(
        request.method,
        &set,
        &request.options,
        request.seed,
        encoder,
        &mut |event| {
            course.hear(&event);
            job.train(event);
            job.flow()
        },
    )?;
    run.train_secs = started.elapsed().as_secs_f64();
    run.history = course.history;
    run.watched = course.watched;
    run.findings.extend(trained.findings.clone());
    run.status = if trained.stopped {
        RunStatus::Stopped
    } else {
        RunStatus::Done
    };
    note_left_out(run);
    finish(job, store, snapshot, trained, run)
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
        thresholds: run.thresholds.clone(),
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
        let scores = score(job, &classifier, texts, kind)?;
        store.save_scores(run.id, kind, &scores)?;
        run.metrics = headline_metrics(run, kind, texts, &scores);
        run.scored_on = Some(kind);
    }
    Ok(())
}

/// Scores texts with a finished model. Not cancellable: stopping a run still leaves it scored.
fn score(
    job: &mut JobContext,
    classifier: &Classifier,
    texts: &LabelledTexts,
    kind: ScoreKind,
) -> anyhow::Result<Vec<(TextId, Vec<f32>)>> {
    let inputs = texts.inputs();
    let note = format!("scoring {} texts", kind.name());
    let n_texts = inputs.len() as u64;
    let probs = classifier.predict_proba(&inputs, &mut |done| {
        job.progress(done as u64, n_texts, &note);
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(paired(&texts.ids, &probs))
}

pub(super) fn paired(ids: &[TextId], scores: &[Vec<f32>]) -> Vec<(TextId, Vec<f32>)> {
    ids.iter().copied().zip(scores.iter().cloned()).collect()
}
