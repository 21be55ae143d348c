//! From scores to decisions.

use super::ScoreMatrix;
use crate::core::TaskKind;

/// What decides where nobody has tuned anything.
pub const DEFAULT_THRESHOLD: f64 = 0.5;

/// The labels a row of scores stands for, as ascending columns.
///
/// Single-label: the highest score, ties to the first column, thresholds ignored. Multi-label: every label whose score is at
/// least its threshold; labels beyond the end of `thresholds` use [`DEFAULT_THRESHOLD`]. A NaN score never decides for a label.
pub fn decide(task: TaskKind, scores: &[f32], thresholds: &[f64]) -> Vec<usize> {
    match task {
        TaskKind::SingleLabel => highest(scores).into_iter().collect(),
        TaskKind::MultiLabel => {
            let thresholds = thresholds.iter().copied().chain(std::iter::repeat(DEFAULT_THRESHOLD));
            let decided =
                |(label, (score, threshold)): (usize, (&f32, f64))| (f64::from(*score) >= threshold).then_some(label);
            scores.iter().zip(thresholds).enumerate().filter_map(decided).collect()
        }
    }
}

/// [`decide`] for every row.
pub fn decide_all(task: TaskKind, scores: &ScoreMatrix, thresholds: &[f64]) -> Vec<Vec<usize>> {
    scores.rows().map(|row| decide(task, row, thresholds)).collect()
}

fn highest(scores: &[f32]) -> Option<usize> {
    let mut best: Option<(usize, f32)> = None;
    for (label, &score) in scores.iter().enumerate() {
        if !score.is_nan() && best.is_none_or(|(_, highest)| score > highest) {
            best = Some((label, score));
        }
    }
    best.map(|(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_label_wins_and_ties_go_to_the_first() {
        assert_eq!(decide(TaskKind::SingleLabel, &[0.2, 0.4, 0.4], &[0.9, 0.9, 0.9]), [1]);
        assert_eq!(decide(TaskKind::SingleLabel, &[f32::NAN, 0.1], &[]), [1]);
        assert!(decide(TaskKind::SingleLabel, &[], &[]).is_empty());
    }

    #[test]
    fn a_score_equal_to_the_threshold_counts() {
        assert_eq!(
            decide(TaskKind::MultiLabel, &[0.5, 0.3, 0.75], &[0.5, 0.25, 0.8]),
            [0, 1]
        );
        assert_eq!(decide(TaskKind::MultiLabel, &[0.5, 0.49, f32::NAN], &[]), [0]);
    }
}
