//! Everything the Evaluate screen and `handful evaluate` show, computed in one go.

use serde::Serialize;

use super::averages::{f_beta, macro_weights};
use super::calibration::label_calibration;
use super::hierarchy::levels;
use super::matrix::truth_column;
use super::samples::Met;
use super::scored::ScoreFigures;
use super::tally::Answers;
use super::{
    Averages, Confusion, ConstantGuess, Counts, DecisionRule, FBeta, Hierarchy, Imbalance, Intervals, MetricsError,
    Resampling, ScoreMatrix, TreeRule, average_precision, constant_guess, count_per_label, imbalance, intervals,
    roc_auc,
};
use crate::core::TaskKind;

/// What is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// Decides how scores become decisions and which figures there are.
    pub task: TaskKind,
    /// One name a column; paths (`Home > Kitchen`) where labels form a tree.
    pub labels: &'a [String],
    /// Ascending columns of each text.
    pub truth: &'a [Vec<usize>],
    /// One row a text, one column a label.
    pub scores: &'a ScoreMatrix,
    /// One a label, in 0..=1; see [`DecisionRule`].
    pub thresholds: &'a [f64],
    /// Whether a text without a label gets its best one; see [`DecisionRule`].
    pub at_least_one: bool,
    /// The tree that labels form. `truth` is closed upwards then, and figures are those of several labels a text.
    pub tree: Option<TreeRule<'a>>,
    /// `None`: no intervals (while a threshold is dragged, say).
    pub resampling: Option<Resampling>,
}

/// Figures of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelReport {
    /// Its name or path.
    pub label: String,
    /// Share of decisions that are true.
    pub precision: Option<f64>,
    /// Share of true ones that were decided.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
    /// Texts that truly carry it.
    pub support: usize,
    /// The 2×2 table.
    pub counts: Counts,
    /// Shared among all that are true or decided.
    pub jaccard: Option<f64>,
    /// Fβ for each of [`super::BETAS`].
    pub f_beta: [Option<f64>; 2],
    /// Matthews' correlation of yes and no.
    pub mcc: Option<f64>,
    /// Cohen's κ of yes and no.
    pub kappa: Option<f64>,
    /// Mean recall of yes and no.
    pub balanced_accuracy: Option<f64>,
    /// Area under the precision–recall steps.
    pub average_precision: Option<f64>,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// What decided; `None` where the highest score wins whatever it is. In a tree the highest threshold on the path to the label.
    pub threshold: Option<f64>,
    /// Mean squared distance of its score from yes (1) and no (0), 0..=1; `None` where each text has one label.
    pub brier: Option<f64>,
    /// Expected calibration error of its score as the probability of yes, 0..=1; `None` where each text has one label.
    pub calibration_error: Option<f64>,
}

/// All figures of a set of scored texts. `None` is undefined, shown as –.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The task that decisions are judged by: in a tree each label is a question of its own, even where a text has one path.
    pub task: TaskKind,
    /// Texts judged.
    pub n_texts: usize,
    /// Share of texts decided exactly right; for multi-label tasks this is subset accuracy.
    pub accuracy: Option<f64>,
    /// The most frequent answer's share: what accuracy has to beat.
    pub constant_guess_accuracy: Option<f64>,
    /// The most frequent answer, and what always giving it would score.
    pub constant_guess: ConstantGuess,
    /// Where labels are imbalanced: the most frequent and the rarest.
    pub imbalance: Option<Imbalance>,
    /// Share of wrong text–label cells (single-label: 1 − accuracy).
    pub hamming_loss: Option<f64>,
    /// Mean recall over true labels. Multi-label: the mean over labels of the mean recall of yes and no.
    pub balanced_accuracy: Option<f64>,
    /// Matthews' correlation. Multi-label: the mean over labels, undefined ones as 0.
    pub mcc: Option<f64>,
    /// Cohen's κ. Multi-label: the mean over labels, `None` as soon as one label's is.
    pub kappa: Option<f64>,
    /// Mean −ln of the score of the truth (multi-label: per text and label).
    pub log_loss: Option<f64>,
    /// Mean squared distance of scores and truth; see [`super::brier_score`].
    pub brier: Option<f64>,
    /// Expected calibration error; see [`super::calibration_error`].
    pub calibration_error: Option<f64>,
    /// How sure the scores are; see [`super::average_confidence`].
    pub average_confidence: Option<f64>,
    /// All decisions together.
    pub micro: Averages,
    /// Every label the same.
    #[serde(rename = "macro")]
    pub macro_: Averages,
    /// Every label by its support.
    pub weighted: Averages,
    /// Every text the same; multi-label only.
    pub samples: Averages,
    /// Fβ for each of [`super::BETAS`].
    pub f_beta: [FBeta; 2],
    /// Mean of the labels' average precision, 0 for a label without positives, as in scikit-learn.
    pub macro_average_precision: Option<f64>,
    /// Average precision of all texts and labels in one ranking; `None` when nothing is true.
    pub micro_average_precision: Option<f64>,
    /// Mean of the labels' average precision by support; `None` when nothing is true.
    pub weighted_average_precision: Option<f64>,
    /// Mean of the labels' ROC-AUC, one against the rest; `None` as soon as one label's is.
    pub macro_roc_auc: Option<f64>,
    /// ROC-AUC of all texts and labels in one ranking.
    pub micro_roc_auc: Option<f64>,
    /// Mean of the labels' ROC-AUC by support; `None` as soon as one label's is.
    pub weighted_roc_auc: Option<f64>,
    /// Figures of a tree of labels; `None` where labels have no levels.
    pub hierarchy: Option<Hierarchy>,
    /// Bootstrap intervals of the headline figures.
    pub intervals: Option<Intervals>,
    /// In column order.
    pub labels: Vec<LabelReport>,
    /// True × decided; single-label only.
    pub confusion: Option<Confusion>,
}

impl Report {
    /// Only the figures that follow from decisions, and their intervals; no labels, no levels, nothing of scores.
    /// O(texts · log texts), plus resamples · texts.
    pub fn of_decisions(
        rule: DecisionRule<'_>,
        n_labels: usize,
        truth: &[Vec<usize>],
        decided: &[Vec<usize>],
        resampling: &Resampling,
    ) -> Report {
        let answers = Answers::new(rule, truth, decided, n_labels);
        let mut report = Report::empty(rule.judged_task());
        answers.fill(&answers.tally(&answers.times(|_| 1)), &mut report);
        report.intervals = intervals(truth, n_labels, None, &answers, &report, resampling);
        report
    }

    /// A report of nothing: every figure is undefined.
    pub fn empty(task: TaskKind) -> Self {
        Report {
            task,
            n_texts: 0,
            accuracy: None,
            constant_guess_accuracy: None,
            constant_guess: ConstantGuess::default(),
            imbalance: None,
            hamming_loss: None,
            balanced_accuracy: None,
            mcc: None,
            kappa: None,
            log_loss: None,
            brier: None,
            calibration_error: None,
            average_confidence: None,
            micro: Averages::default(),
            macro_: Averages::default(),
            weighted: Averages::default(),
            samples: Averages::default(),
            f_beta: [FBeta::default(); 2],
            macro_average_precision: None,
            micro_average_precision: None,
            weighted_average_precision: None,
            macro_roc_auc: None,
            micro_roc_auc: None,
            weighted_roc_auc: None,
            hierarchy: None,
            intervals: None,
            labels: Vec::new(),
            confusion: None,
        }
    }
}

impl<'a> Evaluation<'a> {
    /// How scores become decisions.
    pub fn rule(&self) -> DecisionRule<'a> {
        DecisionRule {
            task: self.task,
            thresholds: self.thresholds,
            at_least_one: self.at_least_one,
            tree: self.tree,
        }
    }

    /// The task that decisions are judged by.
    pub fn judged_task(&self) -> TaskKind {
        self.rule().judged_task()
    }

    /// The decision for every text, as ascending columns; in a tree closed upwards.
    pub fn decisions(&self) -> Vec<Vec<usize>> {
        self.rule().decide_all(self.scores)
    }

    /// Computes everything. O(labels · texts · log texts), plus the work of the intervals.
    pub fn report(&self) -> Result<Report, MetricsError> {
        self.check()?;
        let (task, truth, n_labels) = (self.judged_task(), self.truth, self.labels.len());
        let tree = self.tree.map(|rule| rule.tree);
        let decided = self.decisions();
        let answers = Answers::new(self.rule(), truth, &decided, n_labels);
        let tally = answers.tally(&answers.times(|_| 1));
        let mut report = Report::empty(task);
        answers.fill(&tally, &mut report);
        if let (Some(tree), Some(hierarchy)) = (tree, &mut report.hierarchy) {
            hierarchy.levels = levels(self.task, tree, truth, &decided);
        }
        let thresholds = self.rule().effective_thresholds(n_labels);
        report.labels = (tally.counts.iter().zip(thresholds).enumerate())
            .map(|(at, (count, threshold))| self.label(at, *count, threshold))
            .collect();
        ScoreFigures::of(self, &report.labels).fill(&mut report);
        report.confusion = (task == TaskKind::SingleLabel).then(|| Confusion::new(truth, &decided, n_labels));
        report.constant_guess = constant_guess(task, truth, n_labels);
        report.constant_guess_accuracy = report.constant_guess.accuracy;
        if let Some(tree) = tree {
            report.constant_guess.answer = tree.ends(&report.constant_guess.answer);
        }
        // A label has at least the texts of those below it; only ends can be compared.
        let is_end = |label: &usize| tree.is_none_or(|tree| tree.is_leaf(*label));
        report.imbalance = imbalance(self.labels, &tally.counts, is_end);
        report.intervals = self
            .resampling
            .and_then(|how| intervals(truth, n_labels, Some(self), &answers, &report, &how));
        Ok(report)
    }

    /// Fβ for any β, of every label and averaged: `(averages, by label)`. Refuses what [`Evaluation::report`] refuses.
    pub fn f_beta(&self, beta: f64) -> Result<(FBeta, Vec<Option<f64>>), MetricsError> {
        self.check()?;
        let decided = self.decisions();
        let counts = count_per_label(self.truth, &decided, self.labels.len());
        let weights = macro_weights(self.judged_task(), &counts);
        let of_texts = || {
            let pairs = self.truth.iter().zip(&decided);
            let sum: f64 = pairs
                .map(|(truth, decided)| Met::new(truth, decided).figures([beta]).1[0])
                .sum();
            (!self.truth.is_empty()).then(|| sum / self.truth.len() as f64)
        };
        let averages = FBeta {
            samples: (self.judged_task() == TaskKind::MultiLabel).then(of_texts).flatten(),
            ..f_beta(&counts, &weights, beta)
        };
        Ok((averages, counts.iter().map(|count| count.f_beta(beta)).collect()))
    }

    fn label(&self, at: usize, counts: Counts, threshold: f64) -> LabelReport {
        let (scores, positives) = (self.scores.column(at), truth_column(self.truth, at));
        let multi = self.judged_task() == TaskKind::MultiLabel;
        let calibrated = multi.then(|| label_calibration(&scores, &positives)).flatten();
        LabelReport {
            label: self.labels.get(at).cloned().unwrap_or_default(),
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
            support: counts.support(),
            counts,
            jaccard: counts.jaccard(),
            f_beta: super::BETAS.map(|beta| counts.f_beta(beta)),
            mcc: counts.matthews(),
            kappa: counts.kappa(),
            balanced_accuracy: counts.balanced_accuracy(),
            average_precision: average_precision(&scores, &positives),
            roc_auc: roc_auc(&scores, &positives),
            threshold: (self.task == TaskKind::MultiLabel || threshold > 0.0).then_some(threshold),
            brier: calibrated.map(|calibration| calibration.0),
            calibration_error: calibrated.map(|calibration| calibration.1),
        }
    }

    fn check(&self) -> Result<(), MetricsError> {
        let n_labels = self.labels.len();
        let size = |what, found, expected| {
            if found == expected {
                Ok(())
            } else {
                Err(MetricsError::Size { what, found, expected })
            }
        };
        size("texts with scores", self.scores.n_rows(), self.truth.len())?;
        size("columns of scores", self.scores.n_labels(), n_labels)?;
        match self.truth.iter().flatten().find(|column| **column >= n_labels) {
            Some(&column) => Err(MetricsError::UnknownColumn { column, n_labels }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(n_labels: usize, truth: &[Vec<usize>], n_rows: usize) -> Result<Report, MetricsError> {
        let labels: Vec<String> = (0..n_labels).map(|label| label.to_string()).collect();
        let scores = ScoreMatrix::new(n_rows, 2, vec![0.5; 2 * n_rows]).unwrap();
        let (task, thresholds, resampling) = (TaskKind::MultiLabel, &[][..], Some(Resampling::default()));
        Evaluation {
            task,
            labels: &labels,
            truth,
            scores: &scores,
            thresholds,
            at_least_one: false,
            tree: None,
            resampling,
        }
        .report()
    }

    #[test]
    fn contradicting_sizes_are_refused() {
        assert!(matches!(
            evaluate(2, &[vec![]], 2),
            Err(MetricsError::Size {
                found: 2,
                expected: 1,
                ..
            })
        ));
        assert!(matches!(
            evaluate(3, &[vec![]], 1),
            Err(MetricsError::Size {
                found: 2,
                expected: 3,
                ..
            })
        ));
        assert_eq!(
            evaluate(2, &[vec![2]], 1),
            Err(MetricsError::UnknownColumn { column: 2, n_labels: 2 })
        );
    }

    #[test]
    fn without_texts_nothing_is_claimed() {
        let report = evaluate(2, &[], 0).unwrap();
        assert_eq!(
            (report.accuracy, report.macro_.f1, report.macro_average_precision),
            (None, None, None)
        );
        assert_eq!(
            (report.intervals, report.log_loss, report.hamming_loss),
            (None, None, None)
        );
    }
}
