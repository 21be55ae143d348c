//! The headline figures that rest on scores alone, whatever the thresholds.

use super::calibration::{average_confidence, brier_score, calibration_error};
use super::ranking::cells;
use super::{Evaluation, LabelReport, Report, average_precision, binary_log_loss, log_loss, roc_auc};
use crate::core::TaskKind;

/// They, of a sample or a resample.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct ScoreFigures {
    pub log_loss: Option<f64>,
    pub brier: Option<f64>,
    pub calibration_error: Option<f64>,
    pub average_confidence: Option<f64>,
    pub macro_average_precision: Option<f64>,
    pub micro_average_precision: Option<f64>,
    pub weighted_average_precision: Option<f64>,
    pub macro_roc_auc: Option<f64>,
    pub micro_roc_auc: Option<f64>,
    pub weighted_roc_auc: Option<f64>,
}

impl ScoreFigures {
    /// Of the whole sample; `labels` hold each label's average precision and ROC-AUC.
    pub fn of(evaluation: &Evaluation, labels: &[LabelReport]) -> Self {
        let Evaluation { truth, scores, .. } = *evaluation;
        let task = evaluation.judged_task();
        let (all, positives) = cells(scores, truth);
        // Texts decide whether anything was measured; a label without positives counts as 0, as in scikit-learn.
        let precision = |label: &LabelReport| (!truth.is_empty()).then(|| label.average_precision.unwrap_or(0.0));
        let area = |label: &LabelReport| label.roc_auc;
        ScoreFigures {
            log_loss: match task {
                TaskKind::SingleLabel => log_loss(scores, truth),
                TaskKind::MultiLabel => binary_log_loss(scores, truth),
            },
            brier: brier_score(task, scores, truth),
            calibration_error: calibration_error(task, scores, truth),
            average_confidence: average_confidence(task, scores, truth),
            macro_average_precision: mean(labels, |_| 1.0, precision),
            micro_average_precision: average_precision(&all, &positives),
            weighted_average_precision: mean(labels, |label| label.support as f64, precision),
            macro_roc_auc: mean(labels, |_| 1.0, area),
            micro_roc_auc: roc_auc(&all, &positives),
            weighted_roc_auc: mean(labels, |label| label.support as f64, area),
        }
    }

    /// All of them, in the order of the fields.
    #[cfg(test)]
    pub fn all(self) -> [Option<f64>; 10] {
        [
            self.log_loss,
            self.brier,
            self.calibration_error,
            self.average_confidence,
            self.macro_average_precision,
            self.micro_average_precision,
            self.weighted_average_precision,
            self.macro_roc_auc,
            self.micro_roc_auc,
            self.weighted_roc_auc,
        ]
    }

    /// Writes them into a report.
    pub fn fill(self, report: &mut Report) {
        report.log_loss = self.log_loss;
        report.brier = self.brier;
        report.calibration_error = self.calibration_error;
        report.average_confidence = self.average_confidence;
        report.macro_average_precision = self.macro_average_precision;
        report.micro_average_precision = self.micro_average_precision;
        report.weighted_average_precision = self.weighted_average_precision;
        report.macro_roc_auc = self.macro_roc_auc;
        report.micro_roc_auc = self.micro_roc_auc;
        report.weighted_roc_auc = self.weighted_roc_auc;
    }
}

/// `None` as soon as one label's figure is, or where all weights are 0.
fn mean(
    labels: &[LabelReport],
    weight: impl Fn(&LabelReport) -> f64,
    figure: impl Fn(&LabelReport) -> Option<f64>,
) -> Option<f64> {
    let (mut total, mut sum) = (0.0, 0.0);
    for label in labels {
        sum += weight(label) * figure(label)?;
        total += weight(label);
    }
    (total > 0.0).then(|| sum / total)
}
