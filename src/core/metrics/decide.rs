//! From scores to decisions.

use std::borrow::Cow;

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

/// How scores become decisions: the one rule that evaluation, tuning, predicting and exported models share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecisionRule<'a> {
    /// Whether labels exclude each other.
    pub task: TaskKind,
    /// One a label, in 0..=1; labels beyond its end use [`default_threshold`].
    pub thresholds: &'a [f64],
    /// Multi-label: a text with no label at its threshold gets its best one. No meaning where labels exclude each other.
    pub at_least_one: bool,
}

impl<'a> DecisionRule<'a> {
    /// Thresholds and nothing else.
    pub fn new(task: TaskKind, thresholds: &'a [f64]) -> Self {
        DecisionRule {
            task,
            thresholds,
            at_least_one: false,
        }
    }

    /// The labels a row of scores stands for, as ascending columns.
    ///
    /// Single-label: the highest score, ties to the first column, if it is at least its label's threshold; no label otherwise.
    /// Multi-label: every label whose score is at least its threshold; where there is none and `at_least_one` holds, the highest
    /// score. A NaN score never decides for a label.
    pub fn decide(&self, scores: &[f32]) -> Vec<usize> {
        let best = || highest(scores).map(|(label, _)| label);
        match self.task {
            TaskKind::SingleLabel => best()
                .filter(|label| self.reaches(*label, scores))
                .into_iter()
                .collect(),
            TaskKind::MultiLabel => {
                let decided: Vec<usize> = (0..scores.len()).filter(|label| self.reaches(*label, scores)).collect();
                match decided.is_empty() && self.at_least_one {
                    true => best().into_iter().collect(),
                    false => decided,
                }
            }
        }
    }

    /// [`DecisionRule::decide`] for every row.
    pub fn decide_all(&self, scores: &ScoreMatrix) -> Vec<Vec<usize>> {
        scores.rows().map(|row| self.decide(row)).collect()
    }

    fn reaches(&self, label: usize, scores: &[f32]) -> bool {
        let threshold = self
            .thresholds
            .get(label)
            .copied()
            .unwrap_or(default_threshold(self.task));
        scores.get(label).is_some_and(|score| f64::from(*score) >= threshold)
    }
}

/// Scores that can decide for their label. Multi-label: all. Single-label: the highest of each row; the others become −1, below
/// every threshold, so that what holds for one label's column holds for the decisions.
pub fn candidates(task: TaskKind, scores: &ScoreMatrix) -> Cow<'_, ScoreMatrix> {
    match task {
        TaskKind::SingleLabel => Cow::Owned(scores.keep(|row| highest(row).map(|(label, _)| label))),
        TaskKind::MultiLabel => Cow::Borrowed(scores),
    }
}

/// The first column with the highest score, and that score; `None` for a row without numbers.
pub fn highest(scores: &[f32]) -> Option<(usize, f32)> {
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

    fn decide(task: TaskKind, scores: &[f32], thresholds: &[f64]) -> Vec<usize> {
        DecisionRule::new(task, thresholds).decide(scores)
    }

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
        assert_eq!(*candidates(TaskKind::MultiLabel, &scores), scores);
    }

    #[test]
    fn a_score_equal_to_the_threshold_counts() {
        assert_eq!(
            decide(TaskKind::MultiLabel, &[0.5, 0.3, 0.75], &[0.5, 0.25, 0.8]),
            [0, 1]
        );
        assert_eq!(decide(TaskKind::MultiLabel, &[0.5, 0.49, f32::NAN], &[]), [0]);
    }

    #[test]
    fn a_text_without_a_label_gets_its_best_one_where_that_is_asked_for() {
        let rule = |at_least_one| DecisionRule {
            task: TaskKind::MultiLabel,
            thresholds: &[0.5, 0.9],
            at_least_one,
        };
        assert!(rule(false).decide(&[0.4, 0.7]).is_empty());
        assert_eq!(rule(true).decide(&[0.4, 0.7]), [1]);
        assert_eq!(rule(true).decide(&[0.4, 0.4]), [0], "ties go to the first");
        assert_eq!(rule(true).decide(&[0.6, 0.7]), [0], "one label is enough");
        assert!(rule(true).decide(&[f32::NAN, f32::NAN]).is_empty());
        let single = DecisionRule {
            task: TaskKind::SingleLabel,
            ..rule(true)
        };
        assert!(single.decide(&[0.4, 0.7]).is_empty(), "an abstention stays one");
    }
}
