//! The figures that have a name: columns of the runs table, keys of JSON, rows of a report. One line each.

use std::collections::BTreeMap;

use super::{Interval, Report};
use crate::core::TaskKind;

/// A figure with a name.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Key in JSON and in a run's stored metrics.
    pub id: &'static str,
    /// As shown on screen.
    pub title: &'static str,
    /// What it says, in one sentence.
    pub help: &'static str,
    /// `false`: the smaller the better.
    pub higher_is_better: bool,
    /// The task it is for; `None`: both.
    pub task: Option<TaskKind>,
    /// Reads it from a report; `None` is undefined.
    pub value: fn(&Report) -> Option<f64>,
}

const BOTH: Option<TaskKind> = None;
const SINGLE: Option<TaskKind> = Some(TaskKind::SingleLabel);
const MULTI: Option<TaskKind> = Some(TaskKind::MultiLabel);

const fn metric(
    id: &'static str,
    title: &'static str,
    task: Option<TaskKind>,
    value: fn(&Report) -> Option<f64>,
    help: &'static str,
) -> Metric {
    Metric {
        id,
        title,
        help,
        higher_is_better: true,
        task,
        value,
    }
}

const fn loss(
    id: &'static str,
    title: &'static str,
    task: Option<TaskKind>,
    value: fn(&Report) -> Option<f64>,
    help: &'static str,
) -> Metric {
    Metric {
        id,
        title,
        help,
        higher_is_better: false,
        task,
        value,
    }
}

/// All named figures, in the order they are shown.
#[rustfmt::skip]
pub static METRICS: &[Metric] = &[
    metric("accuracy", "Accuracy", SINGLE, |r| r.accuracy, "Share of texts given the right label."),
    metric("subset_accuracy", "Subset accuracy", MULTI, |r| r.accuracy, "Share of texts whose whole set of labels is right."),
    loss("hamming_loss", "Hamming loss", BOTH, |r| r.hamming_loss, "Share of wrong yes/no answers, one for each text and label."),
    metric("balanced_accuracy", "Balanced accuracy", SINGLE, |r| r.balanced_accuracy, "Mean recall over the labels, whatever their size."),
    metric("macro_f1", "Macro F1", BOTH, |r| r.macro_.f1, "Mean F1 over the labels, rare ones counting as much as frequent ones."),
    metric("micro_f1", "Micro F1", BOTH, |r| r.micro.f1, "F1 of all decisions together; frequent labels dominate."),
    metric("weighted_f1", "Weighted F1", BOTH, |r| r.weighted.f1, "Mean F1 over the labels, each by how many texts carry it."),
    metric("macro_precision", "Macro precision", BOTH, |r| r.macro_.precision, "Mean precision over the labels."),
    metric("macro_recall", "Macro recall", BOTH, |r| r.macro_.recall, "Mean recall over the labels."),
    metric("micro_precision", "Micro precision", BOTH, |r| r.micro.precision, "Share of all decisions that are true."),
    metric("micro_recall", "Micro recall", BOTH, |r| r.micro.recall, "Share of all true labels that were decided."),
    metric("weighted_precision", "Weighted precision", BOTH, |r| r.weighted.precision, "Mean precision, each label by how many texts carry it."),
    metric("weighted_recall", "Weighted recall", BOTH, |r| r.weighted.recall, "Mean recall, each label by how many texts carry it."),
    metric("macro_average_precision", "Macro average precision", BOTH, |r| r.macro_average_precision, "How well the scores put the right texts first, without any threshold."),
    metric("macro_roc_auc", "Macro ROC-AUC", BOTH, |r| r.macro_roc_auc, "The chance that a text with the label scores above one without."),
    metric("mcc", "Matthews correlation", SINGLE, |r| r.mcc, "Correlation of truth and decision; 0 is chance."),
    metric("kappa", "Cohen's κ", SINGLE, |r| r.kappa, "Agreement beyond chance."),
    loss("log_loss", "Log loss", BOTH, |r| r.log_loss, "How surprised the scores are by the truth; sure mistakes cost most."),
    metric("constant_guess_accuracy", "Constant guess", BOTH, |r| r.constant_guess_accuracy, "What always giving the most frequent answer would score."),
];

/// Every defined figure of the report's task, by id, with the ends of macro-F1's interval: what a run stores.
pub fn headline(report: &Report) -> BTreeMap<String, f64> {
    let figures = METRICS
        .iter()
        .filter(|metric| metric.task.is_none_or(|task| task == report.task))
        .filter_map(|metric| Some((metric.id.to_string(), (metric.value)(report)?)));
    let ends = report.intervals.into_iter().flat_map(|intervals| {
        let Interval { low, high } = intervals.macro_f1;
        [("macro_f1_low", low), ("macro_f1_high", high)].map(|(id, end)| (id.to_owned(), end))
    });
    figures.chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_snake_case() {
        let ids: std::collections::BTreeSet<&str> = METRICS.iter().map(|metric| metric.id).collect();
        assert_eq!(ids.len(), METRICS.len());
        assert!(ids.iter().all(|id| {
            id.chars()
                .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
        }));
    }
}
