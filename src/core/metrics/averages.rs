//! Precision, recall and F1 over all labels.

use serde::Serialize;

use super::Counts;
use crate::core::TaskKind;

/// Precision, recall and F1, averaged in one of three ways.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Averages {
    /// Share of decisions that are true.
    pub precision: Option<f64>,
    /// Share of true labels that were decided.
    pub recall: Option<f64>,
    /// The mean of the labels' F1 (macro, weighted), or F1 of all decisions together (micro).
    pub f1: Option<f64>,
}

/// All decisions in one 2×2 table: frequent labels dominate.
pub fn micro_average(counts: &[Counts]) -> Averages {
    let all: Counts = counts.iter().copied().sum();
    Averages {
        precision: all.precision(),
        recall: all.recall(),
        f1: all.f1(),
    }
}

/// Every label counts the same.
///
/// As in scikit-learn (`zero_division=0`), an undefined figure of a label counts as 0; for single-label tasks a label that
/// is neither true nor decided anywhere is left out, for multi-label tasks it is not. `None` without labels.
pub fn macro_average(task: TaskKind, counts: &[Counts]) -> Averages {
    let weights: Vec<f64> = counts
        .iter()
        .map(|count| if in_macro(task, *count) { 1.0 } else { 0.0 })
        .collect();
    weighted(counts, &weights)
}

/// Every label counts by its support; `None` when nothing is true. Undefined figures count as 0.
pub fn weighted_average(counts: &[Counts]) -> Averages {
    let weights: Vec<f64> = counts.iter().map(|count| count.support() as f64).collect();
    weighted(counts, &weights)
}

/// Whether a label takes part in macro averages.
pub(super) fn in_macro(task: TaskKind, count: Counts) -> bool {
    match task {
        TaskKind::SingleLabel => count.support() + count.n_decided() > 0,
        TaskKind::MultiLabel => count.n() > 0,
    }
}

fn weighted(counts: &[Counts], weights: &[f64]) -> Averages {
    let total: f64 = weights.iter().sum();
    let mean = |figure: fn(Counts) -> Option<f64>| {
        let sum: f64 = counts
            .iter()
            .zip(weights)
            .map(|(count, weight)| weight * figure(*count).unwrap_or(0.0))
            .sum();
        (total > 0.0).then(|| sum / total)
    };
    Averages {
        precision: mean(Counts::precision),
        recall: mean(Counts::recall),
        f1: mean(Counts::f1),
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
