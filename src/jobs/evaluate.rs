//! Scores of a run with the truth beside them, and what every threshold would make of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context, ensure};
use rayon::prelude::*;

use super::snapshot::LabelledTexts;
use super::training::run_dir;
use super::worker::{JobContext, Outcome};
use crate::core::label::PATH_SEPARATOR;
use crate::core::metrics::{self, Counts, DecisionRule, Report, Resampling, ScoreMatrix, TreeRule};
use crate::core::slices::{Facts, SliceReport};
use crate::core::stale::{ColumnsNow, columns_now, staleness};
use crate::core::thresholds::{Headline, Live, ThresholdCurve, answers, curve};
use crate::core::{ColumnTree, LabelId, ProjectState, Run, RunId, ScoreKind, TaskKind, TextId, Walk, report};
use crate::model::{Classifier, Compute, Input};
use crate::store::Store;

/// A run, its scores for one kind of texts, what is true, and every figure of them.
#[derive(Debug)]
pub struct Evaluation {
    /// Which run.
    pub run: RunId,
    /// Its name.
    pub run_name: String,
    /// Which texts.
    pub kind: ScoreKind,
    /// The task.
    pub task: TaskKind,
    /// The tree that its labels form; truth and decisions are closed upwards then.
    pub tree: Option<Arc<ColumnTree>>,
    /// How a path is found in it.
    pub walk: Walk,
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
    /// What each threshold would give, by label. Single-label: of texts that have the label as their best, in a tree of those whose path leads
    /// over it.
    pub curves: Arc<Vec<ThresholdCurve>>,
    /// Single-label without a tree: what each threshold on the highest score would give.
    pub answers: Option<Arc<ThresholdCurve>>,
    /// Figures over all labels at untuned thresholds.
    pub untuned: Headline,
    /// The 2×2 tables at untuned thresholds.
    pub untuned_counts: Vec<Counts>,
    /// Figures at the thresholds of the report, to be moved from there.
    pub live: Live,
    /// Thresholds of the report.
    pub thresholds: Vec<f64>,
    /// Whether in the report a text without a label gets its best one.
    pub at_least_one: bool,
    /// Decided columns of each row, in the report.
    pub decided: Arc<Vec<Vec<usize>>>,
    /// Every figure at these thresholds.
    pub report: Report,
    /// What slices rest on, by row; empty until slices are asked for.
    pub facts: Vec<Facts>,
    /// The same figures for texts that have something in common.
    pub slices: Vec<SliceReport>,
    /// What a reader of the figures must know; `None` when there is nothing to say.
    pub remark: Option<String>,
}

/// What of a run an evaluation rests on, beside its scores.
pub(super) struct Judged {
    pub run: RunId,
    pub run_name: String,
    pub kind: ScoreKind,
    pub task: TaskKind,
    pub tree: Option<Arc<ColumnTree>>,
    pub walk: Walk,
    pub labels: Vec<LabelId>,
    pub thresholds: Vec<f64>,
    pub at_least_one: bool,
}

impl Judged {
    fn rule<'a>(&'a self, thresholds: &'a [f64]) -> DecisionRule<'a> {
        let walk = self.walk;
        DecisionRule {
            at_least_one: self.at_least_one,
            tree: self.tree.as_deref().map(|tree| TreeRule { tree, walk }),
            ..DecisionRule::new(self.task, thresholds)
        }
    }

    fn new(run: &Run, kind: ScoreKind) -> Self {
        Judged {
            run: run.id,
            run_name: run.name.clone(),
            kind,
            task: run.task,
            tree: run.tree().map(Arc::new),
            walk: run.walk(),
            labels: run.labels.clone(),
            thresholds: run.thresholds.clone(),
            at_least_one: run.deciding.at_least_one,
        }
    }
}

/// Scores of a run beside what is true.
pub(super) struct Scored {
    pub label_names: Vec<String>,
    pub ids: Vec<TextId>,
    pub truth: Vec<Vec<usize>>,
    pub matrix: ScoreMatrix,
}

impl Scored {
    fn new(
        run: &Run,
        kind: ScoreKind,
        texts: LabelledTexts,
        scores: &HashMap<TextId, Vec<f32>>,
    ) -> anyhow::Result<Self> {
        let tree = run.tree();
        let closed = |labels: &[usize]| match &tree {
            Some(tree) => tree.closed(labels),
            None => labels.to_vec(),
        };
        let known: Vec<usize> = (0..texts.len())
            .filter(|row| scores.contains_key(&texts.ids[*row]))
            .collect();
        ensure!(!known.is_empty(), "no text has {} scores of {}", kind.name(), run.name);
        let ids: Vec<TextId> = known.iter().map(|row| texts.ids[*row]).collect();
        let rows: Vec<&[f32]> = ids.iter().filter_map(|id| scores.get(id)).map(Vec::as_slice).collect();
        Ok(Scored {
            label_names: run.label_paths.iter().map(|path| path.join(PATH_SEPARATOR)).collect(),
            truth: known.iter().map(|row| closed(&texts.labels[*row])).collect(),
            matrix: ScoreMatrix::from_rows(run.labels.len(), &rows)?,
            ids,
        })
    }

    fn measured<'a>(&'a self, rule: DecisionRule<'a>) -> metrics::Evaluation<'a> {
        metrics::Evaluation {
            task: rule.task,
            labels: &self.label_names,
            truth: &self.truth,
            scores: &self.matrix,
            thresholds: rule.thresholds,
            at_least_one: rule.at_least_one,
            tree: rule.tree,
            resampling: Some(Resampling::default()),
        }
    }
}

impl Evaluation {
    /// `known`: an earlier evaluation, whose sorted scores are kept where it rests on the same ones. `on_progress` hears how many of how
    /// many labels are sorted.
    pub(super) fn new(
        of: Judged,
        scored: Scored,
        known: Option<&Evaluation>,
        on_progress: &mut dyn FnMut(usize, usize),
    ) -> anyhow::Result<Self> {
        let measured = scored.measured(of.rule(&of.thresholds));
        let report = measured.report()?;
        let decided = Arc::new(measured.decisions());
        let same = known.filter(|known| {
            (known.task, &known.tree, known.walk) == (of.task, &of.tree, of.walk)
                && known.ids == scored.ids
                && known.truth == scored.truth
                && known.matrix == scored.matrix
        });
        let (curves, answers) = match same {
            Some(known) => (known.curves.clone(), known.answers.clone()),
            None => {
                let curves = Arc::new(sorted(of.rule(&[]), &scored, on_progress));
                let answers = || Arc::new(answers(&scored.matrix, &scored.truth));
                (
                    curves,
                    (of.rule(&[]).judged_task() == TaskKind::SingleLabel).then(answers),
                )
            }
        };
        let untuned = vec![metrics::default_threshold(of.task); of.labels.len()];
        let rule = DecisionRule {
            at_least_one: false,
            ..of.rule(&untuned)
        };
        let mut live = Live::new(curves.clone(), &scored.matrix, &scored.truth, rule);
        let (untuned, untuned_counts) = (live.headline(), live.all_counts());
        live.set_all(&of.thresholds);
        live.set_at_least_one(of.at_least_one);
        Ok(Evaluation {
            run: of.run,
            run_name: of.run_name,
            kind: of.kind,
            task: of.task,
            tree: of.tree,
            walk: of.walk,
            labels: of.labels,
            label_names: scored.label_names,
            ids: scored.ids,
            truth: scored.truth,
            matrix: scored.matrix,
            curves,
            answers,
            untuned,
            untuned_counts,
            live,
            thresholds: of.thresholds,
            at_least_one: of.at_least_one,
            decided,
            report,
            facts: Vec::new(),
            slices: Vec::new(),
            remark: None,
        })
    }

    /// How scores become decisions in the report.
    pub fn rule(&self) -> DecisionRule<'_> {
        let walk = self.walk;
        DecisionRule {
            task: self.task,
            thresholds: &self.thresholds,
            at_least_one: self.at_least_one,
            tree: self.tree.as_deref().map(|tree| TreeRule { tree, walk }),
        }
    }

    /// What the figures are made from.
    pub fn measured(&self) -> metrics::Evaluation<'_> {
        let rule = self.rule();
        metrics::Evaluation {
            task: rule.task,
            labels: &self.label_names,
            truth: &self.truth,
            scores: &self.matrix,
            thresholds: rule.thresholds,
            at_least_one: rule.at_least_one,
            tree: rule.tree,
            resampling: Some(Resampling::default()),
        }
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
        let remark = self
            .remark
            .as_ref()
            .map(|remark| format!("Note: {remark}\n"))
            .unwrap_or_default();
        format!(
            "{} on {} {} texts\n{remark}\n{}",
            self.run_name,
            self.ids.len(),
            self.kind.name(),
            report::render(&self.report)
        )
    }
}

/// The scores of every label, sorted, on all cores.
fn sorted(rule: DecisionRule<'_>, scored: &Scored, on_progress: &mut dyn FnMut(usize, usize)) -> Vec<ThresholdCurve> {
    let candidates = rule.candidates(&scored.matrix);
    let n_labels = scored.matrix.n_labels();
    let labels: Vec<usize> = (0..n_labels).collect();
    let mut curves = Vec::with_capacity(n_labels);
    for some in labels.chunks(rayon::current_num_threads().max(4)) {
        on_progress(curves.len(), n_labels);
        curves.par_extend(some.par_iter().map(|label| curve(&candidates, &scored.truth, *label)));
    }
    curves
}

/// Gathers stored scores; texts that were labelled since the run are scored with its model. The run's headline metrics follow its
/// thresholds and the labels as they are now. `known`: an earlier evaluation of the same run and texts, to keep what still holds.
pub fn run(
    job: &mut JobContext,
    store: &Store,
    state: &ProjectState,
    run: &Run,
    kind: ScoreKind,
    compute: Compute,
    known: Option<&Evaluation>,
) -> anyhow::Result<Outcome> {
    let evaluation = evaluation(job, store, state, run, kind, compute, known)?.with_slices(state);
    let metrics = metrics::headline(&evaluation.report);
    if run.scored_on == Some(kind) && run.metrics != metrics {
        // Refused where the thresholds have moved on meanwhile: the next evaluation brings the figures.
        let _ = store.save_run(&Run { metrics, ..run.clone() });
    }
    Ok(Outcome::Evaluated(Arc::new(evaluation)))
}

pub(super) fn evaluation(
    job: &mut JobContext,
    store: &Store,
    state: &ProjectState,
    run: &Run,
    kind: ScoreKind,
    compute: Compute,
    known: Option<&Evaluation>,
) -> anyhow::Result<Evaluation> {
    let now = columns_now(run, &state.labels);
    let texts = LabelledTexts::of_kind(state, &now.labels, kind);
    ensure!(!texts.is_empty(), "no labelled text is in the {} split", kind.name());
    let mut scores: HashMap<TextId, Vec<f32>> = store.scores(run.id, kind)?.into_iter().collect();
    let missing: Vec<usize> = (0..texts.len())
        .filter(|row| !scores.contains_key(&texts.ids[*row]))
        .collect();
    let unscored = (!missing.is_empty() && !run.has_model()).then(|| no_model_for(run, missing.len(), texts.len()));
    if !missing.is_empty() && kind != ScoreKind::OutOfFold && run.why_no_model().is_none() {
        let new = score_missing(job, store, run, compute, &texts, &missing)?;
        store.save_scores(run.id, kind, &new)?;
        scores.extend(new);
    }
    let tree = run.tree();
    for row in scores.values_mut() {
        follow(run.task, tree.as_ref(), &now, row);
    }
    let scored = Scored::new(run, kind, texts, &scores)?;
    let mut on_progress = |done: usize, total: usize| job.progress(done as u64, total as u64, "sorting scores");
    let judged = Judged {
        labels: now.labels,
        ..Judged::new(run, kind)
    };
    let evaluation = Evaluation::new(judged, scored, known, &mut on_progress)?;
    let remarks: Vec<String> = [unscored.flatten(), stale_remark(run, state)]
        .into_iter()
        .flatten()
        .collect();
    Ok(Evaluation {
        remark: (!remarks.is_empty()).then(|| remarks.join(" ")),
        ..evaluation
    })
}

/// What has changed of the labels since, and what that means for the figures.
fn stale_remark(run: &Run, state: &ProjectState) -> Option<String> {
    let stale = staleness(run, &state.labels)?;
    let mut text = format!("{stale}: texts are judged by the labels as {} knew them.", run.name);
    if stale.merged > 0 {
        text += " Scores of merged labels count for what they were merged into where nothing stands below them.";
    }
    if stale.deleted > 0 {
        text += " Deleted labels are left out: they are decided for no text.";
    }
    Some(text)
}

/// Brings the scores of a text to the labels as they are now: those of merged columns count for the column that stands for them, those of
/// columns that are gone for nothing. Where labels exclude each other scores are added, else the higher one counts.
fn follow(task: TaskKind, tree: Option<&ColumnTree>, now: &ColumnsNow, row: &mut [f32]) {
    for (from, into) in &now.merged {
        let Some(score) = row.get(*from).copied() else { continue };
        let path = |column: usize| tree.map_or_else(|| vec![column], |tree| tree.path(column));
        let (left, reached) = (path(*from), path(*into));
        for column in reached.iter().filter(|column| !left.contains(column)) {
            if let Some(known) = row.get_mut(*column) {
                *known = match task {
                    TaskKind::SingleLabel => (*known + score).min(1.0),
                    TaskKind::MultiLabel => known.max(score),
                };
            }
        }
        for column in left.iter().filter(|column| !reached.contains(column)) {
            let is_own = column == from;
            if let Some(known) = row.get_mut(*column) {
                *known = match task {
                    _ if is_own => 0.0,
                    TaskKind::SingleLabel => (*known - score).max(0.0),
                    TaskKind::MultiLabel => *known,
                };
            }
        }
    }
    for column in &now.gone {
        if let Some(score) = row.get_mut(*column) {
            *score = 0.0;
        }
    }
}

/// What is said of texts that a run without a model has no scores of.
fn no_model_for(run: &Run, n_missing: usize, n_texts: usize) -> Option<String> {
    let why = run.why_no_model()?;
    let how = match run.is_zero_shot() {
        true => {
            " `handful zero-shot --save` with the same engine and options, or Score all in the preview, scores them too."
        }
        false => "",
    };
    Some(format!(
        "{n_missing} of {n_texts} texts have no scores and are left out. {why}.{how}"
    ))
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
    let scored = Scored::new(run, kind, texts.clone(), &scores)?;
    let tree = run.tree();
    let measured = scored.measured(run.rule(tree.as_ref()));
    Ok(measured.report()?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_labels_that_were_merged_or_deleted() {
        // Home > Kitchen, Home > Garden, Music, News
        let tree = ColumnTree::from_parents(vec![None, Some(0), Some(0), None, None]).unwrap();
        let now = |merged: &[(usize, usize)], gone: &[usize]| ColumnsNow {
            labels: Vec::new(),
            merged: merged.to_vec(),
            gone: gone.to_vec(),
        };
        let after = |task, tree, now: &ColumnsNow| {
            let mut row = [0.5, 0.25, 0.25, 0.375, 0.125];
            follow(task, tree, now, &mut row);
            row
        };
        let (single, multi) = (TaskKind::SingleLabel, TaskKind::MultiLabel);
        // Garden became Kitchen: Home stays as likely. Garden became Music: Home is less likely by it.
        assert_eq!(
            after(single, Some(&tree), &now(&[(2, 1)], &[])),
            [0.5, 0.5, 0.0, 0.375, 0.125]
        );
        assert_eq!(
            after(single, Some(&tree), &now(&[(2, 3)], &[])),
            [0.25, 0.25, 0.0, 0.625, 0.125]
        );
        assert_eq!(
            after(multi, Some(&tree), &now(&[(3, 2)], &[])),
            [0.5, 0.25, 0.375, 0.0, 0.125]
        );
        assert_eq!(after(single, None, &now(&[(3, 4)], &[])), [0.5, 0.25, 0.25, 0.0, 0.5]);
        assert_eq!(
            after(single, Some(&tree), &now(&[], &[1, 4])),
            [0.5, 0.0, 0.25, 0.375, 0.0]
        );
        follow(single, None, &now(&[(7, 1)], &[9]), &mut [0.5]);
    }
}
