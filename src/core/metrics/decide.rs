//! From scores to decisions.

use std::borrow::Cow;

use super::ScoreMatrix;
use crate::core::{ColumnTree, TaskKind, Walk};

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
    /// Where labels form a tree: how, and how a path is found in it.
    pub tree: Option<TreeRule<'a>>,
}

/// The tree that labels form, and how one path is found in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TreeRule<'a> {
    /// Of the columns of scores; each score is the probability of the node or anything below it.
    pub tree: &'a ColumnTree,
    /// No meaning where a text may have several labels.
    pub walk: Walk,
}

impl<'a> DecisionRule<'a> {
    /// Thresholds and nothing else.
    pub fn new(task: TaskKind, thresholds: &'a [f64]) -> Self {
        DecisionRule {
            task,
            thresholds,
            at_least_one: false,
            tree: None,
        }
    }

    /// The task whose figures describe its decisions. In a tree a text is decided for a node and all nodes above it, so that decisions are sets
    /// even where a text has one answer.
    pub fn judged_task(&self) -> TaskKind {
        match self.tree {
            Some(_) => TaskKind::MultiLabel,
            None => self.task,
        }
    }

    /// What a score has to reach for its label, one a label: in a tree, the highest threshold on the path to it.
    pub fn effective_thresholds(&self, n_labels: usize) -> Vec<f64> {
        match self.tree {
            Some(TreeRule { tree, .. }) => tree.thresholds_of_paths(|label| self.threshold(label)),
            None => (0..n_labels).map(|label| self.threshold(label)).collect(),
        }
    }

    /// The labels a row of scores stands for, as ascending columns.
    ///
    /// Single-label: the highest score, ties to the first column, if it is at least its label's threshold; no label otherwise.
    /// Multi-label: every label whose score is at least its threshold; where there is none and `at_least_one` holds, the highest
    /// score. A NaN score never decides for a label.
    ///
    /// In a tree a label's threshold also holds for all labels below it. One answer: the path that [`ColumnTree::walk`] finds, as far down as
    /// scores reach their thresholds: part of a path rather than a wrong end. Several: every label whose score reaches its threshold, with all
    /// labels above it.
    pub fn decide(&self, scores: &[f32]) -> Vec<usize> {
        let best = || highest(scores).map(|(label, _)| label);
        match self.task {
            _ if self.tree.is_some() => self.decide_in_tree(scores),
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

    fn decide_in_tree(&self, scores: &[f32]) -> Vec<usize> {
        let Some(TreeRule { tree, walk }) = self.tree else {
            return Vec::new();
        };
        let score = |label: usize| scores.get(label).map_or(f64::NAN, |score| f64::from(*score));
        let mut decided: Vec<usize> = match self.task {
            TaskKind::SingleLabel => {
                let mut highest = f64::NEG_INFINITY;
                let reaches = |label: &usize| {
                    highest = highest.max(self.threshold(*label));
                    score(*label) >= highest
                };
                tree.walk(scores, walk).into_iter().take_while(reaches).collect()
            }
            TaskKind::MultiLabel => {
                let thresholds = self.effective_thresholds(tree.len());
                let reaching = |label: &usize| score(*label) >= thresholds[*label];
                (0..tree.len()).filter(reaching).collect()
            }
        };
        if decided.is_empty() && self.at_least_one && self.task == TaskKind::MultiLabel {
            decided.extend(highest(scores).map(|(label, _)| label));
        }
        tree.closed(&decided)
    }

    fn reaches(&self, label: usize, scores: &[f32]) -> bool {
        let threshold = self.threshold(label);
        scores.get(label).is_some_and(|score| f64::from(*score) >= threshold)
    }

    fn threshold(&self, label: usize) -> f64 {
        let given = self.thresholds.get(label).copied();
        given.unwrap_or(default_threshold(self.task))
    }

    /// Scores that can decide for their label; the others become −1, below every threshold, so that a label is decided for the texts whose
    /// score in its column is at least its effective threshold, whatever the other columns hold. Several labels a text: all scores. One: the
    /// highest of each row, or those along its path.
    pub fn candidates<'s>(&self, scores: &'s ScoreMatrix) -> Cow<'s, ScoreMatrix> {
        match (self.task, self.tree) {
            (TaskKind::SingleLabel, Some(TreeRule { tree, walk })) => {
                Cow::Owned(scores.keep(|row| tree.walk(row, walk)))
            }
            (TaskKind::SingleLabel, None) => Cow::Owned(scores.keep(|row| highest(row).map(|(label, _)| label))),
            (TaskKind::MultiLabel, _) => Cow::Borrowed(scores),
        }
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
            DecisionRule::new(TaskKind::SingleLabel, &[]).candidates(&scores).data(),
            [0.75, -1.0, 0.5, -1.0]
        );
        assert_eq!(
            *DecisionRule::new(TaskKind::MultiLabel, &[]).candidates(&scores),
            scores
        );
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
            at_least_one,
            ..DecisionRule::new(TaskKind::MultiLabel, &[0.5, 0.9])
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
    fn home() -> ColumnTree {
        // Home > Kitchen > Knives, Home > Garden, Music
        ColumnTree::from_parents(vec![None, Some(0), Some(1), Some(0), None]).unwrap()
    }

    fn in_tree<'a>(task: TaskKind, tree: &'a ColumnTree, thresholds: &'a [f64]) -> DecisionRule<'a> {
        let walk = Walk::BestPath;
        DecisionRule {
            tree: Some(TreeRule { tree, walk }),
            ..DecisionRule::new(task, thresholds)
        }
    }

    #[test]
    fn a_path_ends_where_scores_no_longer_reach_their_thresholds() {
        let tree = home();
        let scores = [0.9, 0.7, 0.6, 0.2, 0.1];
        let decide = |thresholds: &[f64]| in_tree(TaskKind::SingleLabel, &tree, thresholds).decide(&scores);
        assert_eq!(decide(&[]), [0, 1, 2]);
        assert_eq!(decide(&[0.0, 0.0, 0.65, 0.0, 0.0]), [0, 1]);
        assert!(decide(&[0.95, 0.0, 0.0, 0.0, 0.0]).is_empty());
        assert_eq!(
            in_tree(TaskKind::SingleLabel, &tree, &[])
                .candidates(&ScoreMatrix::from_rows(5, [scores]).unwrap())
                .data(),
            [0.9, 0.7, 0.6, -1.0, -1.0]
        );
    }

    #[test]
    fn a_node_is_decided_with_all_above_it_or_not_at_all() {
        let tree = home();
        let scores = [0.6, 0.55, 0.2, 0.6, 0.4];
        let mut rule = in_tree(TaskKind::MultiLabel, &tree, &[]);
        assert_eq!(rule.decide(&scores), [0, 1, 3]);
        rule.thresholds = &[0.7, 0.1, 0.1, 0.1, 0.45];
        assert!(rule.decide(&scores).is_empty());
        rule.at_least_one = true;
        assert_eq!(rule.decide(&scores), [0]);
        assert_eq!(rule.effective_thresholds(5), [0.7, 0.7, 0.7, 0.7, 0.45]);
    }

    use proptest::prelude::*;

    proptest! {
        /// What thresholds on candidates say, one column at a time, is what the rule decides.
        #[test]
        fn columns_of_candidates_decide_as_the_rule_does(
            parents in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
            ticks in prop::collection::vec((0u8..=12, 0u8..=13), 12),
            single in any::<bool>(),
            greedy in any::<bool>(),
        ) {
            let parent = |(at, pick): (usize, &prop::sample::Index)| pick.index(at + 1).checked_sub(1);
            let tree = ColumnTree::from_parents(parents.iter().enumerate().map(parent).collect()).unwrap();
            let mut scores: Vec<f32> = ticks.iter().take(tree.len()).map(|(score, _)| f32::from(*score) / 12.0).collect();
            let task = if single { TaskKind::SingleLabel } else { TaskKind::MultiLabel };
            match single {
                true => {
                    let total: f32 = scores.iter().sum::<f32>().max(1.0);
                    scores.iter_mut().for_each(|score| *score /= total);
                    tree.sum_up(&mut scores);
                }
                false => tree.bound(&mut scores),
            }
            let thresholds: Vec<f64> = ticks.iter().take(tree.len()).map(|(_, tick)| f64::from(*tick) / 13.0).collect();
            let walk = if greedy { Walk::Greedy } else { Walk::BestPath };
            let rule = DecisionRule { tree: Some(TreeRule { tree: &tree, walk }), ..DecisionRule::new(task, &thresholds) };
            let decided = rule.decide(&scores);
            prop_assert_eq!(&tree.closed(&decided), &decided);
            let matrix = ScoreMatrix::from_rows(tree.len(), [&scores]).unwrap();
            let (candidates, effective) = (rule.candidates(&matrix), rule.effective_thresholds(tree.len()));
            let by_column: Vec<usize> = (0..tree.len()).filter(|at| f64::from(candidates.row(0)[*at]) >= effective[*at]).collect();
            prop_assert_eq!(by_column, decided);
        }
    }
}
