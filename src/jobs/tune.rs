//! Choosing the thresholds of a run, on scores that are not the test split's.

use anyhow::ensure;
use serde::Serialize;

use super::evaluate::{Evaluation, evaluation};
use super::worker::{JobContext, Outcome};
use crate::core::metrics::Counts;
use crate::core::thresholds::{Band, Goal, Headline, Objective, Scope, TuneOptions, Tuned, TunedLabel, tune as choose};
use crate::core::{ProjectState, Run, RunId, ScoreKind, TaskKind};
use crate::model::Compute;
use crate::store::Store;

/// What is asked of a tuning.
#[derive(Debug, Clone, Copy, Default)]
pub struct TuneRequest {
    /// What thresholds are chosen for.
    pub objective: Objective,
    /// Only this label, by its place in the run; the others stay.
    pub only: Option<usize>,
    /// Whether from now on a text without a label gets its best one; `None`: as it was.
    pub at_least_one: Option<bool>,
}

/// One label after tuning.
#[derive(Debug, Clone, Serialize)]
pub struct TunedRow {
    /// Its path as one string.
    pub label: String,
    /// The chosen threshold, in 0..=1.
    pub threshold: f64,
    /// What the label's score has to reach: the highest threshold on the path to it.
    pub effective: f64,
    /// The middle nine tenths of the best thresholds of resamples.
    pub band: Option<Band>,
    /// Texts that carry the label among those it was chosen on.
    pub n_positives: usize,
    /// F1 at the threshold before.
    pub f1_before: Option<f64>,
    /// F1 at the chosen one, on the texts it was chosen on: an optimistic figure.
    pub f1_after: Option<f64>,
    /// Precision at the chosen one.
    pub precision: Option<f64>,
    /// Recall at the chosen one.
    pub recall: Option<f64>,
    /// The 2×2 table at the chosen one.
    pub counts: Counts,
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
    pub objective: Objective,
    /// The only label that was tuned, by its place in the run.
    pub only: Option<usize>,
    /// Whether a text without a label gets its best one.
    pub at_least_one: bool,
    /// The best threshold for all labels together.
    pub common: f64,
    /// Whether one threshold for all labels was asked for and none reaches the condition.
    pub missed: bool,
    /// One per label of the run.
    pub thresholds: Vec<f64>,
    /// The tuned ones.
    pub labels: Vec<TunedRow>,
    /// Mean F1 over labels at the thresholds before.
    pub macro_f1_before: Option<f64>,
    /// Mean F1 over labels at the chosen ones.
    pub macro_f1_after: Option<f64>,
    /// Figures over all labels at the thresholds before.
    pub before: Headline,
    /// Figures over all labels at the chosen ones.
    pub after: Headline,
    /// Whether the labels form a tree, so that a text is exactly right where its whole path is.
    pub in_tree: bool,
    /// Single-label without a tree: area under the risk–coverage curve.
    pub aurc: Option<f64>,
}

/// Chooses thresholds on the scores of `kind`. Nothing is stored: the caller makes an undoable edit of it.
#[allow(clippy::too_many_arguments)]
pub fn tune(
    job: &mut JobContext,
    store: &Store,
    state: &ProjectState,
    run: &Run,
    kind: ScoreKind,
    request: TuneRequest,
    compute: Compute,
    known: Option<&Evaluation>,
) -> anyhow::Result<Outcome> {
    check(run, kind, &request)?;
    let evaluation = evaluation(job, store, state, run, kind, compute, known)?;
    job.progress(0, 0, "choosing thresholds");
    let options = TuneOptions {
        tree: evaluation.tree.as_deref(),
        above: request.only.map(|_| evaluation.live.effective()),
        ..TuneOptions::new(run.task)
    };
    let tuned = choose(&evaluation.curves, request.objective, &options);
    Ok(Outcome::Tuned(Box::new(tuning(&evaluation, request, tuned))))
}

fn check(run: &Run, kind: ScoreKind, request: &TuneRequest) -> anyhow::Result<()> {
    ensure!(kind != ScoreKind::Test, "thresholds are never chosen on the test split");
    let (objective, single) = (request.objective, run.task == TaskKind::SingleLabel);
    ensure!(
        single || !matches!(objective.goal(), Goal::AccuracyAtLeast(_)),
        "no threshold was changed: {objective} abstains from single-label answers, and {} gives several labels; use precision>=… instead",
        run.name
    );
    ensure!(
        !matches!(objective.goal(), Goal::AccuracyAtLeast(_)) || run.tree().is_none(),
        "no threshold was changed: {objective} abstains from whole answers, and the labels of {} form a tree in which part of a path is one; \
         use precision>=… instead",
        run.name
    );
    ensure!(
        !(single && request.at_least_one == Some(true)),
        "no threshold was changed: where labels exclude each other a text has a label already, so there is nothing to give it"
    );
    ensure!(
        request.only.is_none() || objective.scope() == Scope::EachLabel,
        "no threshold was changed: {objective} chooses one threshold for all labels, not for one of them"
    );
    Ok(())
}

fn tuning(evaluation: &Evaluation, request: TuneRequest, tuned: Tuned) -> Tuning {
    let mut live = evaluation.live.clone();
    let (before, counts_before) = (live.headline(), live.all_counts());
    let wanted = |label: usize| request.only.is_none_or(|only| only == label);
    let chosen = evaluation.thresholds.iter().zip(&tuned.labels).enumerate();
    let thresholds: Vec<f64> = chosen
        .map(|(label, (before, tuned))| if wanted(label) { tuned.threshold } else { *before })
        .collect();
    let at_least_one = request.at_least_one.unwrap_or(evaluation.at_least_one);
    live.set_all(&thresholds);
    live.set_at_least_one(at_least_one);
    let after = live.headline();
    let rows = tuned.labels.iter().enumerate().filter(|(label, _)| wanted(*label));
    let row = |(at, label): (usize, &TunedLabel)| {
        let name = evaluation.label_names.get(at).map_or("", String::as_str);
        row(
            name,
            label,
            counts_before.get(at).copied().unwrap_or_default(),
            live.counts(at),
            live.effective().get(at).copied(),
        )
    };
    Tuning {
        run: evaluation.run,
        run_name: evaluation.run_name.clone(),
        kind: evaluation.kind,
        objective: request.objective,
        only: request.only,
        at_least_one,
        common: tuned.common,
        missed: tuned.missed,
        labels: rows.map(row).collect(),
        thresholds,
        macro_f1_before: before.macro_f1,
        macro_f1_after: after.macro_f1,
        before,
        after,
        in_tree: evaluation.tree.is_some(),
        aurc: evaluation.answers.as_ref().and_then(|answers| answers.aurc()),
    }
}

fn row(name: &str, label: &TunedLabel, before: Counts, after: Counts, effective: Option<f64>) -> TunedRow {
    TunedRow {
        label: name.to_owned(),
        threshold: label.threshold,
        effective: effective.unwrap_or(label.threshold),
        band: label.band,
        n_positives: label.n_positives,
        f1_before: before.f1(),
        f1_after: after.f1(),
        precision: after.precision(),
        recall: after.recall(),
        counts: after,
        remarks: label.remarks.iter().map(ToString::to_string).collect(),
    }
}
