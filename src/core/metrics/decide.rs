//! From scores to decisions.

use super::ScoreMatrix;
use crate::core::TaskKind;

/// What decides for a label of a multi-label task where nobody has tuned anything.
pub const DEFAULT_THRESHOLD: f64 = 0.5;

/// The threshold of an untuned label: one half where labels are independent, none where the highest score wins anyway.
pub fn default_threshold(task: TaskKind) -> f64 {
    match task {
        TaskKind::SingleLabel => 0.0,
        TaskKind::MultiLabel => DEFAULT_THRESHOLD,
    }
}

/// The labels a row of scores stands for, as ascending columns.
///
/// Single-label: the highest score, ties to the first column, if it is at least its label's threshold; no label otherwise.
/// Multi-label: every label whose score is at least its threshold. Labels beyond the end of `thresholds` use
/// [`default_threshold`]. A NaN score never decides for a label.
pub fn decide(task: TaskKind, scores: &[f32], thresholds: &[f64]) -> Vec<usize> {
    match task {
        TaskKind::SingleLabel => {
            let threshold = |label: usize| thresholds.get(label).copied().unwrap_or(default_threshold(task));
            let best = highest(scores).filter(|(label, score)| f64::from(*score) >= threshold(*label));
            best.map(|(label, _)| label).into_iter().collect()
        }
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

/// Scores that can decide for their label. Multi-label: all. Single-label: the highest of each row; the others become −1, below
/// every threshold, so that what holds for one label's column holds for the decisions.
pub fn candidates(task: TaskKind, scores: &ScoreMatrix) -> ScoreMatrix {
    match task {
        TaskKind::SingleLabel => scores.keep(|row| highest(row).map(|(label, _)| label)),
        TaskKind::MultiLabel => scores.clone(),
    }
}

fn highest(scores: &[f32]) -> Option<(usize, f32)> {
    let mut best: Option<(usize, f32)> = None;
    for (label, &score) in scores.iter().enumerate() {
        if !score.is_nan() && best.is_none_or(|(_, highest)| score > highest) {
            best = Some((label, score));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_label_wins_and_ties_go_to_the_first() {
        assert_eq!(decide(TaskKind::SingleLabel, &[0.2, 0.4, 0.4], &[0.9, 0.4, 0.9]), [1]);
        assert!(decide(TaskKind::SingleLabel, &[0.2, 0.5, 0.3], &[0.0, 0.6, 0.0]).is_empty());
        assert_eq!(decide(TaskKind::SingleLabel, &[f32::NAN, 0.1], &[]), [1]);
        assert!(decide(TaskKind::SingleLabel, &[], &[]).is_empty());
    }

    #[test]
    fn only_the_best_label_of_a_row_is_a_candidate() {
        let scores = ScoreMatrix::from_rows(2, [[0.75, 0.25], [0.5, 0.5]]).unwrap();
        assert_eq!(
            candidates(TaskKind::SingleLabel, &scores).data(),
            [0.75, -1.0, 0.5, -1.0]
        );
        assert_eq!(candidates(TaskKind::MultiLabel, &scores), scores);
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
