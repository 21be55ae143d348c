//! Scores of a run with the truth beside them, and thresholds chosen on them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, ensure};
use serde::Serialize;

use super::snapshot::LabelledTexts;
use super::training::run_dir;
use super::worker::{JobContext, Outcome};
use crate::core::label::PATH_SEPARATOR;
use crate::core::metrics::{self, Counts, Report, Resampling, ScoreMatrix, candidates, macro_average};
use crate::core::slices::{Facts, SliceReport};
use crate::core::thresholds::{Objective, ThresholdCurve, TuneOptions, TunedLabel, tune as choose};
use crate::core::{LabelId, ProjectState, Run, RunId, ScoreKind, TaskKind, TextId, report};
use crate::model::{Classifier, Compute, Input};
use crate::store::Store;

/// A run, its scores for one kind of texts, what is true, and every figure of them.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Which run.
    pub run: RunId,
    /// Its name.
    pub run_name: String,
    /// Which texts.
    pub kind: ScoreKind,
    /// The task.
    pub task: TaskKind,
    /// Labels in the order of columns.
    pub labels: Vec<LabelId>,
    /// Their paths as one string.
    pub label_names: Vec<String>,
    /// Texts in the order of rows.
    pub ids: Vec<TextId>,
    /// True columns of each row.
    pub truth: Vec<Vec<usize>>,
    /// Probabilities, one row a text.
    pub matrix: ScoreMatrix,
    /// What each threshold would give, by label. Single-label: of texts that have the label as their best.
    pub curves: Vec<ThresholdCurve>,
    /// Thresholds of the report.
    pub thresholds: Vec<f64>,
    /// Every figure at these thresholds.
    pub report: Report,
    /// What slices rest on, by row; empty until [`Evaluation::with_slices`].
    pub facts: Vec<Facts>,
    /// The same figures for texts that have something in common.
    pub slices: Vec<SliceReport>,
}

impl Evaluation {
    fn new(
        run: &Run,
        kind: ScoreKind,
        texts: LabelledTexts,
        scores: &HashMap<TextId, Vec<f32>>,
    ) -> anyhow::Result<Self> {
        let label_names: Vec<String> = run.label_paths.iter().map(|path| path.join(PATH_SEPARATOR)).collect();
        let known: Vec<usize> = (0..texts.len())
            .filter(|row| scores.contains_key(&texts.ids[*row]))
            .collect();
        ensure!(!known.is_empty(), "no text has {} scores of {}", kind.name(), run.name);
        let ids: Vec<TextId> = known.iter().map(|row| texts.ids[*row]).collect();
        let truth: Vec<Vec<usize>> = known.iter().map(|row| texts.labels[*row].clone()).collect();
        let rows: Vec<&[f32]> = ids.iter().filter_map(|id| scores.get(id)).map(Vec::as_slice).collect();
        let matrix = ScoreMatrix::from_rows(run.labels.len(), &rows)?;
        let mut evaluation = Evaluation {
            run: run.id,
            run_name: run.name.clone(),
            kind,
            task: run.task,
            labels: run.labels.clone(),
            label_names,
            ids,
            truth,
            matrix,
            curves: Vec::new(),
            thresholds: run.thresholds.clone(),
            report: Report::empty(run.task),
            facts: Vec::new(),
            slices: Vec::new(),
        };
        evaluation.measure()?;
        Ok(evaluation)
    }

    /// What the figures are made from.
    pub fn measured(&self) -> metrics::Evaluation<'_> {
        metrics::Evaluation {
            task: self.task,
            labels: &self.label_names,
            truth: &self.truth,
            scores: &self.matrix,
            thresholds: &self.thresholds,
            resampling: Some(Resampling::default()),
        }
    }

    /// Works out curves and report anew.
    pub(super) fn measure(&mut self) -> anyhow::Result<()> {
        self.curves = curves(self.task, &self.matrix, &self.truth);
        self.report = self.measured().report()?;
        Ok(())
    }

    /// Probabilities of one row.
    pub fn scores(&self, row: usize) -> &[f32] {
        self.matrix.row(row)
    }

    /// True labels of one row, by name.
    pub fn truth_names(&self, row: usize) -> Vec<&str> {
        self.truth[row]
            .iter()
            .filter_map(|at| self.label_names.get(*at))
            .map(String::as_str)
            .collect()
    }

    /// The report for a terminal.
    pub fn text(&self) -> String {
        format!(
            "{} on {} {} texts\n\n{}",
            self.run_name,
            self.ids.len(),
            self.kind.name(),
            report::render(&self.report)
        )
    }
}

fn curves(task: TaskKind, matrix: &ScoreMatrix, truth: &[Vec<usize>]) -> Vec<ThresholdCurve> {
    let candidates = candidates(task, matrix);
    let positives = |label| {
        truth
            .iter()
            .map(|labels: &Vec<usize>| labels.contains(&label))
            .collect::<Vec<bool>>()
    };
    (0..matrix.n_labels())
        .map(|label| ThresholdCurve::new(&candidates.column(label), &positives(label)))
        .collect()
}

/// Gathers stored scores; texts that were labelled since the run are scored with its model. The run's headline metrics follow its
/// thresholds and the labels as they are now.
pub fn run(
    job: &mut JobContext,
    store: &Store,
    state: &ProjectState,
    run: &Run,
    kind: ScoreKind,
    compute: Compute,
) -> anyhow::Result<Outcome> {
    let evaluation = evaluation(job, store, state, run, kind, compute)?.with_slices(state);
    let metrics = metrics::headline(&evaluation.report);
    if run.scored_on == Some(kind) && run.metrics != metrics {
        // Refused where the thresholds have moved on meanwhile: the next evaluation brings the figures.
        let _ = store.save_run(&Run { metrics, ..run.clone() });
    }
    Ok(Outcome::Evaluated(Arc::new(evaluation)))
}

fn evaluation(
    job: &mut JobContext,
    store: &Store,
    state: &ProjectState,
    run: &Run,
    kind: ScoreKind,
    compute: Compute,
) -> anyhow::Result<Evaluation> {
    let texts = LabelledTexts::of_kind(state, &run.labels, kind);
    ensure!(!texts.is_empty(), "no labelled text is in the {} split", kind.name());
    let mut scores: HashMap<TextId, Vec<f32>> = store.scores(run.id, kind)?.into_iter().collect();
    let missing: Vec<usize> = (0..texts.len())
        .filter(|row| !scores.contains_key(&texts.ids[*row]))
        .collect();
    if !missing.is_empty() && kind != ScoreKind::OutOfFold {
        let new = score_missing(job, store, run, compute, &texts, &missing)?;
        store.save_scores(run.id, kind, &new)?;
        scores.extend(new);
    }
    Evaluation::new(run, kind, texts, &scores)
}

fn score_missing(
    job: &mut JobContext,
    store: &Store,
    run: &Run,
    compute: Compute,
    texts: &LabelledTexts,
    rows: &[usize],
) -> anyhow::Result<Vec<(TextId, Vec<f32>)>> {
    let classifier = Classifier::load(&run_dir(store, run.id), compute).with_context(|| {
        format!(
            "the model of {} cannot be opened to score new texts; train it again",
            run.name
        )
    })?;
    let all = texts.inputs();
    let inputs: Vec<Input<'_>> = rows.iter().map(|row| all[*row]).collect();
    let n_texts = inputs.len() as u64;
    let scores = classifier.predict_proba(&inputs, &mut |done| {
        job.progress(done as u64, n_texts, "scoring new texts");
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(rows.iter().map(|row| texts.ids[*row]).zip(scores).collect())
}

/// Every figure of freshly made scores.
pub(super) fn report(
    run: &Run,
    kind: ScoreKind,
    texts: &LabelledTexts,
    scores: &[(TextId, Vec<f32>)],
) -> anyhow::Result<Report> {
    let scores = scores.iter().cloned().collect();
    Ok(Evaluation::new(run, kind, texts.clone(), &scores)?.report)
}

/// Headline metrics of freshly made scores; empty when there is nothing to measure.
pub(super) fn headline_metrics(
    run: &Run,
    kind: ScoreKind,
    texts: &LabelledTexts,
    scores: &[(TextId, Vec<f32>)],
) -> BTreeMap<String, f64> {
    report(run, kind, texts, scores)
        .map(|report| metrics::headline(&report))
        .unwrap_or_default()
}

/// One label after tuning.
#[derive(Debug, Clone, Serialize)]
pub struct TunedRow {
    /// Its path as one string.
    pub label: String,
    /// The chosen threshold, in 0..=1.
    pub threshold: f64,
    /// Texts that carry the label among those it was chosen on.
    pub n_positives: usize,
    /// F1 at the threshold before.
    pub f1_before: Option<f64>,
    /// F1 at the chosen one, on the texts it was chosen on: an optimistic figure.
    pub f1_after: Option<f64>,
    /// What to know about it.
    pub remarks: Vec<String>,
}

/// Thresholds chosen for a run.
#[derive(Debug, Clone, Serialize)]
pub struct Tuning {
    /// Which run.
    pub run: RunId,
    /// Its name.
    pub run_name: String,
    /// The scores they were chosen on: never the test split's.
    pub kind: ScoreKind,
    /// What they were chosen for.
    pub objective: String,
    /// One per label of the run.
    pub thresholds: Vec<f64>,
    /// One per label of the run.
    pub labels: Vec<TunedRow>,
    /// Mean F1 over labels at the thresholds before.
    pub macro_f1_before: Option<f64>,
    /// Mean F1 over labels at the chosen ones.
    pub macro_f1_after: Option<f64>,
}

/// Chooses thresholds on the scores of `kind`. Nothing is stored: the caller makes an undoable edit of it.
pub fn tune(
    job: &mut JobContext,
    store: &Store,
    state: &ProjectState,
    run: &Run,
    kind: ScoreKind,
    objective: Objective,
    compute: Compute,
) -> anyhow::Result<Outcome> {
    ensure!(kind != ScoreKind::Test, "thresholds are never chosen on the test split");
    let evaluation = evaluation(job, store, state, run, kind, compute)?;
    let options = TuneOptions {
        untuned: metrics::default_threshold(run.task),
        ..TuneOptions::default()
    };
    let tuned = choose(
        &candidates(run.task, &evaluation.matrix),
        &evaluation.truth,
        objective,
        &options,
    )?;
    let before: Vec<Counts> = evaluation
        .curves
        .iter()
        .zip(&run.thresholds)
        .map(|(curve, t)| curve.at(*t))
        .collect();
    let after: Vec<Counts> = tuned.labels.iter().map(|label| label.after).collect();
    let labels = evaluation
        .label_names
        .iter()
        .zip(&tuned.labels)
        .zip(&before)
        .map(|((name, label), before)| row(name, label, *before))
        .collect();
    Ok(Outcome::Tuned(Box::new(Tuning {
        run: run.id,
        run_name: run.name.clone(),
        kind,
        objective: objective.to_string(),
        thresholds: tuned.thresholds(),
        labels,
        macro_f1_before: macro_average(run.task, &before).f1,
        macro_f1_after: macro_average(run.task, &after).f1,
    })))
}

fn row(name: &str, label: &TunedLabel, before: Counts) -> TunedRow {
    TunedRow {
        label: name.to_owned(),
        threshold: label.threshold,
        n_positives: label.n_positives,
        f1_before: before.f1(),
        f1_after: label.after.f1(),
        remarks: label.remarks.iter().map(ToString::to_string).collect(),
    }
}
