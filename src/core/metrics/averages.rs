//! Precision, recall, F1, Fβ and Jaccard over all labels.

use serde::Serialize;

use super::Counts;
use crate::core::TaskKind;

/// Precision, recall, F1 and Jaccard, averaged in one of four ways.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Averages {
    /// Share of decisions that are true.
    pub precision: Option<f64>,
    /// Share of true labels that were decided.
    pub recall: Option<f64>,
    /// The mean of the labels' F1 (macro, weighted) or the texts' (samples), or F1 of all decisions together (micro).
    pub f1: Option<f64>,
    /// Shared among all that are true or decided, averaged like F1.
    pub jaccard: Option<f64>,
}

/// Fβ, averaged in all four ways: recall weighs β times as much as precision (van Rijsbergen, *Information Retrieval*, 1979).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct FBeta {
    /// Above 0; 2 finds more, 0.5 is more careful.
    pub beta: f64,
    /// All decisions together.
    pub micro: Option<f64>,
    /// Every label the same.
    #[serde(rename = "macro")]
    pub macro_: Option<f64>,
    /// Every label by its support.
    pub weighted: Option<f64>,
    /// Every text the same; multi-label only.
    pub samples: Option<f64>,
}

/// All decisions in one 2×2 table: frequent labels dominate.
pub fn micro_average(counts: &[Counts]) -> Averages {
    let all: Counts = counts.iter().copied().sum();
    Averages::of(|figure| figure(all))
}

/// Every label counts the same.
///
/// As in scikit-learn (`zero_division=0`), an undefined figure of a label counts as 0; for single-label tasks a label that
/// is neither true nor decided anywhere is left out, for multi-label tasks it is not. `None` without labels.
pub fn macro_average(task: TaskKind, counts: &[Counts]) -> Averages {
    let weights = macro_weights(task, counts);
    Averages::of(|figure| weighted_mean(counts, &weights, figure))
}

/// Every label counts by its support; `None` when nothing is true. Undefined figures count as 0.
pub fn weighted_average(counts: &[Counts]) -> Averages {
    let weights = supports(counts);
    Averages::of(|figure| weighted_mean(counts, &weights, figure))
}

/// Fβ of all labels, micro, macro and weighted; `samples` is the caller's. `macro_weights`: see [`macro_weights`].
pub(super) fn f_beta(counts: &[Counts], macro_weights: &[f64], beta: f64) -> FBeta {
    let all: Counts = counts.iter().copied().sum();
    let figure = |count: Counts| count.f_beta(beta);
    FBeta {
        beta,
        micro: figure(all),
        macro_: weighted_mean(counts, macro_weights, figure),
        weighted: weighted_mean(counts, &supports(counts), figure),
        samples: None,
    }
}

/// 1 for each label that takes part in macro averages, 0 for the others.
pub(super) fn macro_weights(task: TaskKind, counts: &[Counts]) -> Vec<f64> {
    let takes_part = |count: &Counts| match task {
        TaskKind::SingleLabel => count.support() + count.n_decided() > 0,
        TaskKind::MultiLabel => count.n() > 0,
    };
    counts.iter().map(|count| f64::from(takes_part(count))).collect()
}

fn supports(counts: &[Counts]) -> Vec<f64> {
    counts.iter().map(|count| count.support() as f64).collect()
}

/// The mean of a figure, undefined ones as 0; `None` when all weights are 0.
pub(super) fn weighted_mean(counts: &[Counts], weights: &[f64], figure: impl Fn(Counts) -> Option<f64>) -> Option<f64> {
    let total: f64 = weights.iter().sum();
    let figures = counts.iter().zip(weights);
    let sum: f64 = figures
        .map(|(count, weight)| weight * figure(*count).unwrap_or(0.0))
        .sum();
    (total > 0.0).then(|| sum / total)
}

impl Averages {
    /// Each figure, averaged by `mean`.
    pub(super) fn of(mean: impl Fn(fn(Counts) -> Option<f64>) -> Option<f64>) -> Self {
        Averages {
            precision: mean(Counts::precision),
            recall: mean(Counts::recall),
            f1: mean(Counts::f1),
            jaccard: mean(Counts::jaccard),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_by_hand() {
        // precision_recall_fscore_support([0, 0, 0, 1], [0, 0, 1, 1], average=…)
        let counts = [
            Counts {
                tp: 2,
                fp: 0,
                fn_: 1,
                tn: 1,
            },
            Counts {
                tp: 1,
                fp: 1,
                fn_: 0,
                tn: 2,
            },
        ];
        assert_eq!(micro_average(&counts).f1, Some(0.75));
        let f1 = macro_average(TaskKind::SingleLabel, &counts).f1.unwrap();
        assert!((f1 - (0.8 + 2.0 / 3.0) / 2.0).abs() < 1e-12);
        let f1 = weighted_average(&counts).f1.unwrap();
        assert!((f1 - (3.0 * 0.8 + 2.0 / 3.0) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_label_seen_nowhere_counts_only_in_multi_label_tasks() {
        let counts = [
            Counts {
                tp: 4,
                ..Counts::default()
            },
            Counts {
                tn: 4,
                ..Counts::default()
            },
        ];
        assert_eq!(macro_average(TaskKind::SingleLabel, &counts).f1, Some(1.0));
        assert_eq!(macro_average(TaskKind::MultiLabel, &counts).f1, Some(0.5));
        assert_eq!(macro_average(TaskKind::MultiLabel, &[]), Averages::default());
        assert_eq!(weighted_average(&counts[1..]).f1, None);
    }
}
