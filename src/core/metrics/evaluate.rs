//! Everything the Evaluate screen and `handful evaluate` show, computed in one go.

use serde::Serialize;

use super::matrix::truth_column;
use super::{
    Averages, Confusion, Counts, DecisionRule, Intervals, MetricsError, Resampling, ScoreMatrix, accuracy,
    average_precision, balanced_accuracy, binary_log_loss, constant_guess_accuracy, count_per_label, hamming_loss,
    intervals, kappa, log_loss, macro_average, matthews, micro_average, roc_auc, weighted_average,
};
use crate::core::TaskKind;

/// What is evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// Decides how scores become decisions and which figures there are.
    pub task: TaskKind,
    /// One name a column.
    pub labels: &'a [String],
    /// Ascending columns of each text.
    pub truth: &'a [Vec<usize>],
    /// One row a text, one column a label.
    pub scores: &'a ScoreMatrix,
    /// One a label, in 0..=1; see [`DecisionRule`].
    pub thresholds: &'a [f64],
    /// Whether a text without a label gets its best one; see [`DecisionRule`].
    pub at_least_one: bool,
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
    /// Area under the precision–recall steps.
    pub average_precision: Option<f64>,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// What decided; `None` where the highest score wins whatever it is.
    pub threshold: Option<f64>,
}

/// All figures of a set of scored texts. `None` is undefined, shown as –.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The task.
    pub task: TaskKind,
    /// Texts judged.
    pub n_texts: usize,
    /// Share of texts decided exactly right; for multi-label tasks this is subset accuracy.
    pub accuracy: Option<f64>,
    /// The most frequent answer's share: what accuracy has to beat.
    pub constant_guess_accuracy: Option<f64>,
    /// Share of wrong text–label cells (single-label: 1 − accuracy).
    pub hamming_loss: Option<f64>,
    /// Mean recall over true labels; single-label only.
    pub balanced_accuracy: Option<f64>,
    /// Matthews' correlation; single-label only.
    pub mcc: Option<f64>,
    /// Cohen's κ; single-label only.
    pub kappa: Option<f64>,
    /// Mean −ln of the score of the truth (multi-label: per text and label).
    pub log_loss: Option<f64>,
    /// All decisions together.
    pub micro: Averages,
    /// Every label the same.
    #[serde(rename = "macro")]
    pub macro_: Averages,
    /// Every label by its support.
    pub weighted: Averages,
    /// Mean of the labels' average precision, 0 for a label without positives, as in scikit-learn.
    pub macro_average_precision: Option<f64>,
    /// Mean of the labels' ROC-AUC; `None` as soon as one label's is.
    pub macro_roc_auc: Option<f64>,
    /// Bootstrap intervals of accuracy and macro-F1.
    pub intervals: Option<Intervals>,
    /// In column order.
    pub labels: Vec<LabelReport>,
    /// True × decided; single-label only.
    pub confusion: Option<Confusion>,
}

impl Evaluation<'_> {
    /// The decision for every text, as ascending columns.
    pub fn decisions(&self) -> Vec<Vec<usize>> {
        let rule = DecisionRule {
            task: self.task,
            thresholds: self.thresholds,
            at_least_one: self.at_least_one,
        };
        rule.decide_all(self.scores)
    }

    /// Computes everything. O(labels · texts · log texts), plus resamples · texts.
    pub fn report(&self) -> Result<Report, MetricsError> {
        self.check()?;
        let (task, truth, n_labels) = (self.task, self.truth, self.labels.len());
        let decided = self.decisions();
        let counts = count_per_label(truth, &decided, n_labels);
        let labels: Vec<LabelReport> = counts
            .iter()
            .enumerate()
            .map(|(at, count)| self.label(at, *count))
            .collect();
        let confusion = (task == TaskKind::SingleLabel).then(|| Confusion::new(truth, &decided, n_labels));
        let accuracy = accuracy(truth, &decided);
        let hamming_loss = match task {
            TaskKind::SingleLabel => accuracy.map(|accuracy| 1.0 - accuracy),
            TaskKind::MultiLabel => hamming_loss(truth, &decided, n_labels),
        };
        let log_loss = match task {
            TaskKind::SingleLabel => log_loss(self.scores, truth),
            TaskKind::MultiLabel => binary_log_loss(self.scores, truth),
        };
        // Texts decide whether anything was measured; a label without positives counts as 0, as in scikit-learn.
        let average_precision =
            |label: &LabelReport| (!truth.is_empty()).then(|| label.average_precision.unwrap_or(0.0));
        Ok(Report {
            task,
            n_texts: truth.len(),
            accuracy,
            constant_guess_accuracy: constant_guess_accuracy(truth),
            hamming_loss,
            balanced_accuracy: confusion.as_ref().and_then(balanced_accuracy),
            mcc: confusion.as_ref().and_then(matthews),
            kappa: confusion.as_ref().and_then(kappa),
            log_loss,
            micro: micro_average(&counts),
            macro_: macro_average(task, &counts),
            weighted: weighted_average(&counts),
            macro_average_precision: mean_over(&labels, average_precision),
            macro_roc_auc: mean_over(&labels, |label| label.roc_auc),
            intervals: self
                .resampling
                .and_then(|how| intervals(task, truth, &decided, n_labels, &how)),
            labels,
            confusion,
        })
    }

    fn label(&self, at: usize, counts: Counts) -> LabelReport {
        let (scores, positives) = (self.scores.column(at), truth_column(self.truth, at));
        let threshold = self
            .thresholds
            .get(at)
            .copied()
            .unwrap_or(super::default_threshold(self.task));
        LabelReport {
            label: self.labels.get(at).cloned().unwrap_or_default(),
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
            support: counts.support(),
            counts,
            average_precision: average_precision(&scores, &positives),
            roc_auc: roc_auc(&scores, &positives),
            threshold: (self.task == TaskKind::MultiLabel || threshold > 0.0).then_some(threshold),
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

fn mean_over(labels: &[LabelReport], figure: impl Fn(&LabelReport) -> Option<f64>) -> Option<f64> {
    let figures: Vec<f64> = labels.iter().map(figure).collect::<Option<_>>()?;
    (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
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
