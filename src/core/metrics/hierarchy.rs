//! Labels that form a tree: figures of every level, precision and recall that give part of the credit for part of a path, and where paths
//! go wrong.
//!
//! Truth and decisions are sets of columns closed upwards: a text that carries a label carries all labels above it (Kiritchenko, Matwin &
//! Famili, *Functional annotation of genes using hierarchical text categorization*, 2005), so that taking `card > fee` for `card > limit` is
//! half right. The root, which every text would carry, is left out.

use serde::Serialize;

use super::averages::{macro_weights, weighted_mean};
use super::counts::ratio;
use super::{Averages, Counts, count_per_label, macro_average, micro_average};
use crate::core::{ColumnTree, TaskKind};

/// Figures of a tree of labels.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Hierarchy {
    /// Whether a text has one path, or several.
    pub one_path: bool,
    /// Σ |true ∩ decided| / Σ |decided| over texts, labels above labels among both; `None` when nothing was decided.
    pub precision: Option<f64>,
    /// Σ |true ∩ decided| / Σ |true|; `None` when nothing is true.
    pub recall: Option<f64>,
    /// Their harmonic mean; `None` when nothing is true or decided.
    pub f1: Option<f64>,
    /// Mean F1 over labels that have none below them. Where a text has one path, those that are neither true nor decided anywhere are left
    /// out, as in other macro averages.
    pub leaf_macro_f1: Option<f64>,
    /// Share of texts whose paths are exactly right, from the top to the end.
    pub path_accuracy: Option<f64>,
    /// Share of texts whose labels at the top are exactly right, of those that have any there or were given any.
    pub coarse_accuracy: Option<f64>,
    /// Mean over texts of [`tree_distance`].
    pub mean_distance: Option<f64>,
    /// How many texts went wrong where.
    pub errors: PathErrors,
    /// From the top down.
    pub levels: Vec<Level>,
}

/// Figures of one level: labels are cut there, deeper ones count as the label above them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// From 1, the top.
    pub level: usize,
    /// Labels at this level.
    pub n_labels: usize,
    /// Texts with a true or decided label at this level; the others are left out.
    pub n_texts: usize,
    /// Share of these texts whose labels at this level are exactly right.
    pub accuracy: Option<f64>,
    /// Every label of the level the same.
    #[serde(rename = "macro")]
    pub macro_: Averages,
    /// All decisions at this level together.
    pub micro: Averages,
}

/// Where the paths decided for a text leave those it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathOutcome {
    /// Nowhere: all are exactly right.
    Right,
    /// On the way, and no other way was taken: stopped early, or gone on below the end.
    Part,
    /// At the top all is right, and further down another label was taken than the true one.
    WrongLeaf,
    /// At the top already.
    WrongBranch,
    /// Nothing was decided for a text that has labels.
    Undecided,
}

impl PathOutcome {
    /// All of them, the best first.
    pub const ALL: [PathOutcome; 5] = [
        PathOutcome::Right,
        PathOutcome::Part,
        PathOutcome::WrongLeaf,
        PathOutcome::WrongBranch,
        PathOutcome::Undecided,
    ];

    /// Of one text, both sides closed upwards and ascending.
    pub fn of(tree: &ColumnTree, truth: &[usize], decided: &[usize]) -> PathOutcome {
        if truth == decided {
            return PathOutcome::Right;
        }
        if decided.is_empty() {
            return PathOutcome::Undecided;
        }
        let is_top = |column: &&usize| tree.parent(**column).is_none();
        if !truth.iter().filter(is_top).eq(decided.iter().filter(is_top)) {
            return PathOutcome::WrongBranch;
        }
        let goes_on = |column: usize| truth.iter().any(|below| tree.parent(*below) == Some(column));
        let leaves_truth = |column: &usize| {
            let above = tree.parent(*column).filter(|above| truth.contains(above));
            !truth.contains(column) && above.is_some_and(goes_on)
        };
        match decided.iter().any(leaves_truth) {
            true => PathOutcome::WrongLeaf,
            false => PathOutcome::Part,
        }
    }

    /// As shown.
    pub fn title(self) -> &'static str {
        match self {
            PathOutcome::Right => "right",
            PathOutcome::Part => "part of the path",
            PathOutcome::WrongLeaf => "right branch, wrong leaf",
            PathOutcome::WrongBranch => "wrong branch",
            PathOutcome::Undecided => "nothing decided",
        }
    }

    /// What it means, in a sentence.
    pub fn help(self) -> &'static str {
        match self {
            PathOutcome::Right => "The whole path is exactly right.",
            PathOutcome::Part => "On the right way, stopped early or gone too far.",
            PathOutcome::WrongLeaf => "Right at the top, and another label further down.",
            PathOutcome::WrongBranch => "Another label at the top already.",
            PathOutcome::Undecided => "No label reached its threshold.",
        }
    }
}

/// Texts by [`PathOutcome`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PathErrors {
    /// [`PathOutcome::Right`].
    pub right: usize,
    /// [`PathOutcome::Part`].
    pub part: usize,
    /// [`PathOutcome::WrongLeaf`].
    pub wrong_leaf: usize,
    /// [`PathOutcome::WrongBranch`].
    pub wrong_branch: usize,
    /// [`PathOutcome::Undecided`].
    pub undecided: usize,
}

impl PathErrors {
    /// Texts with this outcome.
    pub fn of(&self, outcome: PathOutcome) -> usize {
        match outcome {
            PathOutcome::Right => self.right,
            PathOutcome::Part => self.part,
            PathOutcome::WrongLeaf => self.wrong_leaf,
            PathOutcome::WrongBranch => self.wrong_branch,
            PathOutcome::Undecided => self.undecided,
        }
    }

    /// All texts.
    pub fn n(&self) -> usize {
        PathOutcome::ALL.into_iter().map(|outcome| self.of(outcome)).sum()
    }

    /// Share of the texts with this outcome; `None` without texts.
    pub fn share(&self, outcome: PathOutcome) -> Option<f64> {
        ratio(self.of(outcome), self.n())
    }

    fn add(&mut self, outcome: PathOutcome, times: usize) {
        *match outcome {
            PathOutcome::Right => &mut self.right,
            PathOutcome::Part => &mut self.part,
            PathOutcome::WrongLeaf => &mut self.wrong_leaf,
            PathOutcome::WrongBranch => &mut self.wrong_branch,
            PathOutcome::Undecided => &mut self.undecided,
        } += times;
    }
}

/// How far the decided paths of one text end from the true ones, in edges of the tree; tops hang on one root that is no column.
///
/// One path on either side: [`ColumnTree::distance`] of their ends. Several: the mean, over the ends of both sides, of the distance to the
/// nearest end of the other side. A side without labels ends at the root. Both sides closed upwards.
pub fn tree_distance(tree: &ColumnTree, truth: &[usize], decided: &[usize]) -> f64 {
    let (truth, decided) = (tree.ends(truth), tree.ends(decided));
    let nearest = |end: &usize, others: &[usize]| {
        let distances = others.iter().filter_map(|other| tree.distance(*end, *other));
        distances.min().unwrap_or(tree.level(*end) + 1)
    };
    let n_ends = truth.len() + decided.len();
    let of_truth = truth.iter().map(|end| nearest(end, &decided));
    let sum: usize = of_truth.chain(decided.iter().map(|end| nearest(end, &truth))).sum();
    sum as f64 / n_ends.max(1) as f64
}

/// What one text adds to the figures of a tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pathed {
    shared: usize,
    n_true: usize,
    n_decided: usize,
    distance: f64,
    outcome: PathOutcome,
    has_top: bool,
}

impl Pathed {
    /// Of one text, both sides closed upwards and ascending.
    pub fn new(tree: &ColumnTree, truth: &[usize], decided: &[usize]) -> Self {
        Pathed {
            shared: truth.iter().filter(|node| decided.binary_search(node).is_ok()).count(),
            n_true: truth.len(),
            n_decided: decided.len(),
            distance: tree_distance(tree, truth, decided),
            outcome: PathOutcome::of(tree, truth, decided),
            has_top: !truth.is_empty() || !decided.is_empty(),
        }
    }
}

/// Sums over texts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Paths {
    n_texts: usize,
    shared: usize,
    n_true: usize,
    n_decided: usize,
    distance: f64,
    /// Texts with a label at the top, true or decided.
    n_with_top: usize,
    n_without: usize,
    errors: PathErrors,
}

impl Paths {
    /// `times` times the text is added.
    pub fn add(&mut self, text: Pathed, times: usize) {
        self.n_texts += times;
        self.shared += times * text.shared;
        self.n_true += times * text.n_true;
        self.n_decided += times * text.n_decided;
        self.distance += times as f64 * text.distance;
        match text.has_top {
            true => self.n_with_top += times,
            false => self.n_without += times,
        }
        self.errors.add(text.outcome, times);
    }

    /// The figures, without levels. `counts`: the 2×2 table of every column.
    pub fn hierarchy(&self, task: TaskKind, tree: &ColumnTree, counts: &[Counts]) -> Hierarchy {
        let leaves = counts.iter().enumerate().filter(|(column, _)| tree.is_leaf(*column));
        let leaves: Vec<Counts> = leaves.map(|(_, counts)| *counts).collect();
        let weights = macro_weights(task, &leaves);
        // Where nothing is true and nothing decided all is right, and there is no top.
        let errors = self.errors;
        let n_right_at_top = errors.right + errors.part + errors.wrong_leaf - self.n_without;
        Hierarchy {
            one_path: task == TaskKind::SingleLabel,
            precision: ratio(self.shared, self.n_decided),
            recall: ratio(self.shared, self.n_true),
            f1: ratio(2 * self.shared, self.n_true + self.n_decided),
            leaf_macro_f1: weighted_mean(&leaves, &weights, Counts::f1),
            path_accuracy: ratio(errors.right, self.n_texts),
            coarse_accuracy: ratio(n_right_at_top, self.n_with_top),
            mean_distance: (self.n_texts > 0).then(|| self.distance / self.n_texts as f64),
            errors,
            levels: Vec::new(),
        }
    }
}

/// Figures of every level; both sides closed upwards.
pub(super) fn levels(task: TaskKind, tree: &ColumnTree, truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Vec<Level> {
    (0..tree.n_levels())
        .map(|level| of_level(level, task, tree, truth, decided))
        .collect()
}

fn of_level(level: usize, task: TaskKind, tree: &ColumnTree, truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Level {
    let nodes: Vec<usize> = (0..tree.len()).filter(|node| tree.level(*node) == level).collect();
    let at_level =
        |set: &[usize]| -> Vec<usize> { set.iter().filter_map(|node| nodes.binary_search(node).ok()).collect() };
    let pairs = truth.iter().zip(decided);
    let (truth, decided): (Vec<_>, Vec<_>) = pairs
        .map(|(truth, decided)| (at_level(truth), at_level(decided)))
        .filter(|(truth, decided)| !truth.is_empty() || !decided.is_empty())
        .unzip();
    let counts = count_per_label(&truth, &decided, nodes.len());
    Level {
        level: level + 1,
        n_labels: nodes.len(),
        n_texts: truth.len(),
        accuracy: super::accuracy(&truth, &decided),
        macro_: macro_average(task, &counts),
        micro: micro_average(&counts),
    }
}

/// All figures of a tree. Both sides closed upwards ([`ColumnTree::closed`]) and ascending; `task`: whether a text has one path.
pub fn hierarchy(task: TaskKind, tree: &ColumnTree, truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Hierarchy {
    let mut sums = Paths::default();
    for (truth, decided) in truth.iter().zip(decided) {
        sums.add(Pathed::new(tree, truth, decided), 1);
    }
    Hierarchy {
        levels: levels(task, tree, truth, decided),
        ..sums.hierarchy(task, tree, &count_per_label(truth, decided, tree.len()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 0 card, 1 card > fee, 2 card > limit, 3 travel, 4 travel > visa, 5 travel > visa > cost
    fn tree() -> ColumnTree {
        ColumnTree::from_parents(vec![None, Some(0), Some(0), None, Some(3), Some(4)]).unwrap()
    }

    fn closed(ends: &[&[usize]]) -> Vec<Vec<usize>> {
        ends.iter().map(|ends| tree().closed(ends)).collect()
    }

    #[test]
    fn part_of_a_path_is_part_of_the_credit() {
        let truth = closed(&[&[1], &[2], &[4], &[4], &[5], &[1]]);
        let decided = closed(&[&[2], &[2], &[3], &[5], &[0], &[]]);
        let found = hierarchy(TaskKind::SingleLabel, &tree(), &truth, &decided);
        // Shared 1 + 2 + 1 + 2 + 0 + 0, decided 2 + 2 + 1 + 3 + 1 + 0, true 2 + 2 + 2 + 2 + 3 + 2.
        assert_eq!((found.precision, found.recall), (Some(6.0 / 9.0), Some(6.0 / 13.0)));
        assert_eq!(found.f1, Some(12.0 / 22.0));
        let errors = PathErrors {
            right: 1,
            part: 2,
            wrong_leaf: 1,
            wrong_branch: 1,
            undecided: 1,
        };
        assert_eq!(found.errors, errors);
        assert_eq!(
            (found.path_accuracy, found.coarse_accuracy),
            (Some(1.0 / 6.0), Some(4.0 / 6.0))
        );
        // 2 (sibling), 0, 1 (stopped early), 1 (gone too far), 4 (to another branch), 2 (to the root)
        assert_eq!(found.mean_distance, Some(10.0 / 6.0));
        // Leaves fee (missed twice), limit (found once, given once wrongly), cost (given once wrongly, missed once).
        assert_eq!(found.leaf_macro_f1, Some((0.0 + 2.0 / 3.0 + 0.0) / 3.0));
        let [top, below, last] = found.levels.as_slice() else {
            panic!("three levels")
        };
        assert_eq!((top.n_labels, top.n_texts, top.accuracy), (2, 6, found.coarse_accuracy));
        assert_eq!((below.n_labels, below.n_texts, below.accuracy), (3, 6, Some(2.0 / 6.0)));
        assert_eq!((last.n_texts, last.accuracy), (2, Some(0.0)));
    }

    #[test]
    fn of_several_paths_each_end_looks_for_the_nearest() {
        let (truth, decided) = (tree().closed(&[1, 5]), tree().closed(&[2, 4]));
        // fee to limit 2, cost to visa 1; limit to fee 2, visa to cost 1.
        assert_eq!(tree_distance(&tree(), &truth, &decided), 6.0 / 4.0);
        assert_eq!(tree_distance(&tree(), &truth, &[]), 2.5, "to the root");
        assert_eq!(tree_distance(&tree(), &[], &[]), 0.0);
        let outcome = |truth: &[usize], decided: &[usize]| {
            PathOutcome::of(&tree(), &tree().closed(truth), &tree().closed(decided))
        };
        assert_eq!(outcome(&[1, 5], &[2, 5]), PathOutcome::WrongLeaf);
        assert_eq!(outcome(&[1, 5], &[1, 3]), PathOutcome::Part);
        assert_eq!(outcome(&[1, 2], &[1]), PathOutcome::Part, "one of two is missing");
        assert_eq!(outcome(&[1], &[1, 2]), PathOutcome::WrongLeaf, "one too many beside it");
        assert_eq!(
            outcome(&[1, 5], &[1]),
            PathOutcome::WrongBranch,
            "a whole branch is missing"
        );
        assert_eq!(outcome(&[], &[0]), PathOutcome::WrongBranch);
        assert_eq!(outcome(&[], &[]), PathOutcome::Right);
    }

    #[test]
    fn nothing_is_claimed_of_nothing() {
        let nothing = hierarchy(TaskKind::MultiLabel, &tree(), &[vec![]], &[vec![]]);
        assert_eq!(
            (nothing.f1, nothing.levels[0].accuracy, nothing.coarse_accuracy),
            (None, None, None)
        );
        assert_eq!((nothing.path_accuracy, nothing.mean_distance), (Some(1.0), Some(0.0)));
        let empty = hierarchy(TaskKind::SingleLabel, &tree(), &[], &[]);
        assert_eq!(
            (empty.path_accuracy, empty.mean_distance, empty.leaf_macro_f1),
            (None, None, None)
        );
    }

    #[test]
    fn an_exact_answer_is_worth_everything() {
        let truth = closed(&[&[1], &[3], &[2, 5]]);
        let found = hierarchy(TaskKind::MultiLabel, &tree(), &truth, &truth);
        assert_eq!(
            (found.precision, found.recall, found.f1),
            (Some(1.0), Some(1.0), Some(1.0))
        );
        assert_eq!((found.leaf_macro_f1, found.mean_distance), (Some(1.0), Some(0.0)));
        assert!(found.levels.iter().all(|level| level.accuracy == Some(1.0)));
    }

    /// The path to a column as a string of steps, and from two strings what a person would say.
    fn spelled(tree: &ColumnTree, column: usize) -> Vec<usize> {
        let mut path = vec![column];
        while let Some(above) = tree.parent(path[0]) {
            path.insert(0, above);
        }
        path
    }

    proptest! {
        #[test]
        fn single_paths_against_comparing_them_step_by_step(
            parents in prop::collection::vec(any::<prop::sample::Index>(), 1..14),
            texts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..20),
        ) {
            let parent = |(at, pick): (usize, &prop::sample::Index)| pick.index(at + 1).checked_sub(1);
            let tree = ColumnTree::from_parents(parents.iter().enumerate().map(parent).collect()).unwrap();
            let n = tree.len();
            let ends: Vec<(usize, usize)> = texts.iter().map(|(a, b)| (a.index(n), b.index(n))).collect();
            let truth: Vec<Vec<usize>> = ends.iter().map(|(end, _)| tree.closed(&[*end])).collect();
            let decided: Vec<Vec<usize>> = ends.iter().map(|(_, end)| tree.closed(&[*end])).collect();
            let found = hierarchy(TaskKind::SingleLabel, &tree, &truth, &decided);
            let (mut distance, mut shared, mut tops, mut errors) = (0, 0, 0, PathErrors::default());
            for (a, b) in &ends {
                let (a, b) = (spelled(&tree, *a), spelled(&tree, *b));
                let same = (0..a.len().min(b.len())).take_while(|at| a[*at] == b[*at]).count();
                distance += a.len() + b.len() - 2 * same;
                shared += same;
                tops += usize::from(same > 0);
                match (same == a.len(), same == b.len(), same) {
                    (true, true, _) => errors.right += 1,
                    (true, false, _) | (false, true, _) => errors.part += 1,
                    (false, false, 0) => errors.wrong_branch += 1,
                    (false, false, _) => errors.wrong_leaf += 1,
                }
            }
            let n_texts = ends.len() as f64;
            prop_assert_eq!(found.errors, errors);
            prop_assert!((found.mean_distance.unwrap() - distance as f64 / n_texts).abs() < 1e-12);
            prop_assert_eq!(found.coarse_accuracy, Some(tops as f64 / n_texts));
            prop_assert_eq!(found.levels[0].accuracy, found.coarse_accuracy);
            prop_assert_eq!(found.path_accuracy, Some(errors.right as f64 / n_texts));
            let n_true: usize = truth.iter().map(Vec::len).sum();
            prop_assert_eq!(found.recall, Some(shared as f64 / n_true as f64));
            let leaves: Vec<usize> = (0..n).filter(|node| tree.children(Some(*node)).is_empty()).collect();
            let mut f1s = Vec::new();
            for leaf in leaves {
                let [tp, of_truth, of_decided] = [
                    ends.iter().filter(|(a, b)| *a == leaf && *b == leaf).count(),
                    ends.iter().filter(|(a, _)| *a == leaf).count(),
                    ends.iter().filter(|(_, b)| *b == leaf).count(),
                ];
                if of_truth + of_decided > 0 {
                    f1s.push(2.0 * tp as f64 / (of_truth + of_decided) as f64);
                }
            }
            match found.leaf_macro_f1 {
                Some(mean) => prop_assert!((mean - f1s.iter().sum::<f64>() / f1s.len() as f64).abs() < 1e-12),
                None => prop_assert!(f1s.is_empty()),
            }
        }
    }
}
