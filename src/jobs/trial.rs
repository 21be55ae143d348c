//! Trials: trainings whose figures are kept and whose models are not, each a run of a series. Searches and comparisons are made of them.
//!
//! Not here: what to try, and what follows from the figures.

use std::time::Instant;

use anyhow::bail;
use serde::Serialize;

use super::evaluate::report;
use super::models::load_encoder;
use super::snapshot::{LabelledTexts, Snapshot};
use super::training::{Course, TrainRequest, new_run, paired};
use super::worker::{JobContext, JobEvent, Progress};
use crate::core::metrics::{Report, headline};
use crate::core::{Run, RunId, RunStatus, ScoreKind};
use crate::model::catalog::Catalog;
use crate::model::{Encoder, ModelError};
use crate::store::Store;
use crate::train::folds::{Folded, cross_validate};
use crate::train::{self, Findings, Options, TrainError, TrainingSet};

/// Folds of out-of-fold scores where the options name no number.
pub const DEFAULT_FOLDS: usize = 5;

/// One training to look at.
pub(super) struct Trial {
    /// Of the run, after the series.
    pub name: String,
    /// What to train with.
    pub options: Options,
    /// Seed of every random choice.
    pub seed: u64,
    /// What the run's record says about it.
    pub marks: Findings,
}

/// What came of it. A trial that failed has a run with the reason and no report.
pub(super) struct Tried {
    pub run: Run,
    pub report: Option<Report>,
}

/// How a trial ended: what every report of a series tells of it.
#[derive(Debug, Clone, Serialize)]
pub struct Ended {
    /// Its run.
    pub run: RunId,
    /// Seconds of training and scoring.
    pub secs: f64,
    /// What came of it.
    pub status: RunStatus,
    /// What went wrong.
    pub message: String,
}

impl From<Run> for Ended {
    fn from(run: Run) -> Ended {
        Ended {
            run: run.id,
            secs: run.train_secs,
            status: run.status,
            message: run.message,
        }
    }
}

/// What a series works with.
pub(super) struct Workplace<'a> {
    pub store: &'a Store,
    pub catalog: &'a Catalog,
    pub snapshot: &'a Snapshot,
    pub now_millis: fn() -> i64,
}

/// Trials of one series: the same texts, encoder and way of scoring.
pub(super) struct Series<'a> {
    at: &'a Workplace<'a>,
    set: TrainingSet,
    encoder: Encoder,
    base: &'a TrainRequest,
    name: String,
    scored_on: ScoreKind,
}

impl<'a> Series<'a> {
    /// Loads the encoder, once for all trials, and does `work` with them on as many threads as `base` may use.
    ///
    /// # Errors
    /// An encoder that cannot be opened; those of `work`.
    pub(super) fn on_threads<T: Send>(
        at: &'a Workplace<'a>,
        base: &'a TrainRequest,
        name: &str,
        scored_on: ScoreKind,
        work: impl FnOnce(&Series<'a>) -> anyhow::Result<T> + Send,
    ) -> anyhow::Result<T> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(base.n_threads.max(1))
            .build()?;
        pool.install(|| {
            work(&Series {
                encoder: load_encoder(at.catalog, &base.encoder, base.compute)?,
                set: at.snapshot.training_set(),
                at,
                base,
                name: name.to_owned(),
                scored_on,
            })
        })
    }

    /// Trains and scores; the run is in the store, whatever came of it.
    ///
    /// # Errors
    /// What the store reports; a training that fails is no error.
    pub(super) fn run(&self, job: &mut JobContext, trial: Trial) -> anyhow::Result<Tried> {
        let mut run = self.at.store.create_run(self.new_run(&trial))?;
        job.emit(JobEvent::RunStarted(Box::new(run.clone())));
        let started = Instant::now();
        let scored = self.train_and_score(job, &trial, &mut run);
        run.train_secs = started.elapsed().as_secs_f64();
        let report = match scored {
            Ok(Some(rows)) => {
                let scores = paired(&self.texts().ids, &rows);
                self.at.store.save_scores(run.id, self.scored_on, &scores)?;
                let report = report(&run, self.scored_on, self.texts(), &scores)?;
                run.metrics = headline(&report);
                run.scored_on = Some(self.scored_on);
                run.status = RunStatus::Done;
                Some(report)
            }
            Ok(None) => {
                run.status = RunStatus::Stopped;
                run.message = format!("stopped with {} before it had figures", self.name);
                None
            }
            Err(error) => {
                run.status = RunStatus::Failed;
                run.message = format!("{error:#}");
                None
            }
        };
        self.at.store.save_run(&run)?;
        job.emit(JobEvent::RunStarted(Box::new(run.clone())));
        Ok(Tried { run, report })
    }

    fn new_run(&self, trial: &Trial) -> Run {
        let request = TrainRequest {
            options: trial.options.clone(),
            seed: trial.seed,
            ..self.base.clone()
        };
        let n_scored = |kind| if self.scored_on == kind { self.texts().len() } else { 0 };
        Run {
            name: format!("{} · {}", self.name, trial.name),
            series: self.name.clone(),
            findings: trial.marks.clone(),
            n_validation: n_scored(ScoreKind::Validation),
            n_test: n_scored(ScoreKind::Test),
            ..new_run(self.at.snapshot, &request, (self.at.now_millis)())
        }
    }

    /// The texts that trials are scored on.
    pub(super) fn texts(&self) -> &'a LabelledTexts {
        self.at.snapshot.scored(self.scored_on)
    }

    /// One row per text of [`Series::texts`]; `None` when the job was asked to stop.
    fn train_and_score(
        &self,
        job: &mut JobContext,
        trial: &Trial,
        run: &mut Run,
    ) -> anyhow::Result<Option<Vec<Vec<f32>>>> {
        run.device = self.base.compute.device.resolve()?.id.to_string();
        match self.scored_on {
            ScoreKind::OutOfFold => self.out_of_fold(job, trial),
            _ => self.held_out(job, trial, run),
        }
    }

    fn out_of_fold(&self, job: &mut JobContext, trial: &Trial) -> anyhow::Result<Option<Vec<Vec<f32>>>> {
        let k = match trial.options.whole("folds") {
            0 | 1 => DEFAULT_FOLDS,
            k => k,
        };
        let folded = cross_validate(&self.set, &trial.options, k, trial.seed, &self.encoder, &mut |event| {
            job.train(event);
            job.flow()
        });
        match folded {
            Ok(Folded::Scored(rows)) => Ok(Some(rows)),
            Ok(Folded::Stopped(_)) | Err(TrainError::Stopped) => Ok(None),
            Ok(Folded::TooFew(reason)) => {
                bail!("{reason}; label more texts, or put some into a validation split")
            }
            Err(error) => Err(error.into()),
        }
    }

    fn held_out(&self, job: &mut JobContext, trial: &Trial, run: &mut Run) -> anyhow::Result<Option<Vec<Vec<f32>>>> {
        let mut options = trial.options.clone();
        // Nothing reads scores of the training texts here; methods without the option have none to leave out.
        let _ = options.set("folds", 0.0);
        let mut course = Course::default();
        let trained = train::train(
            options.method(),
            &self.set,
            &options,
            trial.seed,
            self.encoder.duplicate()?,
            &mut |event| {
                course.hear(&event);
                job.train(event);
                job.flow()
            },
        );
        let trained = match trained {
            Err(TrainError::Stopped) => return Ok(None),
            Ok(trained) if trained.stopped && job.cancelled() => return Ok(None),
            other => other?,
        };
        (run.history, run.watched) = (course.history, course.watched);
        run.findings.extend(trained.findings);
        let inputs = self.texts().inputs();
        match trained.encoder.embed(&inputs, &mut |_| job.flow()) {
            Err(ModelError::Stopped) => Ok(None),
            embeddings => Ok(Some(trained.head.predict_proba(&embeddings?)?)),
        }
    }
}

/// Tells how many of the trainings of a series are done; unlike other progress it never gets lost.
pub(super) fn tell(job: &JobContext, done: usize, total: usize, note: String) {
    job.emit(JobEvent::Progress(Progress {
        done: done as u64,
        total: total as u64,
        note,
    }));
}
