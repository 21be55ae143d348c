//! Labels that form a tree: figures of every level, and precision and recall that give part of the credit for part of a path.
//!
//! A text that carries a label carries all labels above it (Kiritchenko, Matwin & Famili, *Functional annotation of genes using
//! hierarchical text categorization*, 2005): taking `card > fee` for `card > limit` is half right. The root, which every text
//! would carry, is left out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counts::ratio;
use super::{Averages, count_per_label, macro_average, micro_average};
use crate::core::TaskKind;
use crate::core::label::PATH_SEPARATOR;

/// Figures of a tree of labels.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Hierarchy {
    /// Σ |true ∩ decided| / Σ |decided| over texts, ancestors among both; `None` when nothing was decided.
    pub precision: Option<f64>,
    /// Σ |true ∩ decided| / Σ |true|; `None` when nothing is true.
    pub recall: Option<f64>,
    /// Their harmonic mean; `None` when nothing is true or decided.
    pub f1: Option<f64>,
    /// From the top down.
    pub levels: Vec<Level>,
}

/// Figures of one level: labels are cut there, deeper ones count as their ancestor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    /// From 1, the top.
    pub level: usize,
    /// Labels, and labels above labels, at this level.
    pub n_labels: usize,
    /// Texts with a true or decided label at this level; the others are left out.
    pub n_texts: usize,
    /// Share of these texts whose labels at this level are exactly right.
    pub accuracy: Option<f64>,
    /// Every label of the level the same.
    #[serde(rename = "macro")]
    pub macro_: Averages,
    /// All decisions of the level together.
    pub micro: Averages,
}

/// The nodes above and at each column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tree {
    /// By column: its nodes from the top down.
    paths: Vec<Vec<usize>>,
    /// By node: its level, from 0.
    levels: Vec<usize>,
}

/// Nodes shared, true and decided, summed over texts.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Shared {
    pub shared: usize,
    pub n_true: usize,
    pub n_decided: usize,
}

impl Shared {
    /// `times` times the other is added.
    pub fn add(&mut self, other: Shared, times: usize) {
        self.shared += times * other.shared;
        self.n_true += times * other.n_true;
        self.n_decided += times * other.n_decided;
    }

    /// Precision, recall and F1, without levels.
    pub fn hierarchy(self) -> Hierarchy {
        Hierarchy {
            precision: ratio(self.shared, self.n_decided),
            recall: ratio(self.shared, self.n_true),
            f1: ratio(2 * self.shared, self.n_true + self.n_decided),
            levels: Vec::new(),
        }
    }
}

impl Tree {
    /// From labels written as paths (`Home > Kitchen`); `None` where no label stands below another name.
    pub fn new(labels: &[String]) -> Option<Tree> {
        let mut numbers: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
        let mut tree = Tree {
            paths: Vec::new(),
            levels: Vec::new(),
        };
        for label in labels {
            let names: Vec<&str> = label.split(PATH_SEPARATOR).collect();
            let mut node = |depth: usize| {
                let next = numbers.len();
                let number = *numbers.entry(names[..=depth].to_vec()).or_insert(next);
                if number == next {
                    tree.levels.push(depth);
                }
                number
            };
            let path = (0..names.len()).map(&mut node).collect();
            tree.paths.push(path);
        }
        tree.levels.iter().any(|level| *level > 0).then_some(tree)
    }

    /// The labels and everything above them, ascending.
    fn with_ancestors(&self, labels: &[usize]) -> Vec<usize> {
        let paths = labels.iter().filter_map(|label| self.paths.get(*label));
        let mut nodes: Vec<usize> = paths.flatten().copied().collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Of one text.
    pub fn shared(&self, truth: &[usize], decided: &[usize]) -> Shared {
        let (truth, decided) = (self.with_ancestors(truth), self.with_ancestors(decided));
        Shared {
            shared: truth.iter().filter(|node| decided.binary_search(node).is_ok()).count(),
            n_true: truth.len(),
            n_decided: decided.len(),
        }
    }

    /// Figures of every level.
    pub fn levels(&self, task: TaskKind, truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Vec<Level> {
        let with_ancestors = |sets: &[Vec<usize>]| -> Vec<Vec<usize>> {
            sets.iter().map(|labels| self.with_ancestors(labels)).collect()
        };
        let (truth, decided) = (with_ancestors(truth), with_ancestors(decided));
        let n_levels = self.levels.iter().max().map_or(0, |level| level + 1);
        (0..n_levels)
            .map(|level| self.level(level, task, &truth, &decided))
            .collect()
    }

    fn level(&self, level: usize, task: TaskKind, truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Level {
        let nodes: Vec<usize> = (0..self.levels.len())
            .filter(|node| self.levels[*node] == level)
            .collect();
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
}

/// All figures of a tree; `None` where labels have no levels. `labels` are paths, one a column, names joined by
/// [`PATH_SEPARATOR`].
pub fn hierarchy(task: TaskKind, labels: &[String], truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Option<Hierarchy> {
    let tree = Tree::new(labels)?;
    let mut sums = Shared::default();
    for (truth, decided) in truth.iter().zip(decided) {
        sums.add(tree.shared(truth, decided), 1);
    }
    Some(Hierarchy {
        levels: tree.levels(task, truth, decided),
        ..sums.hierarchy()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<String> {
        ["card > fee", "card > limit", "travel > visa", "travel"]
            .map(String::from)
            .to_vec()
    }

    #[test]
    fn part_of_a_path_is_part_of_the_credit() {
        let truth = [vec![0], vec![1], vec![2]];
        let decided = [vec![1], vec![1], vec![3]];
        let found = hierarchy(TaskKind::SingleLabel, &labels(), &truth, &decided).unwrap();
        // Shared: card; card, limit; travel. Decided: 2 + 2 + 1. True: 2 + 2 + 2.
        assert_eq!((found.precision, found.recall), (Some(4.0 / 5.0), Some(4.0 / 6.0)));
        assert_eq!(found.f1, Some(8.0 / 11.0));
        let [top, below] = found.levels.as_slice() else {
            panic!("two levels")
        };
        assert_eq!((top.n_labels, top.n_texts, top.accuracy), (2, 3, Some(1.0)));
        assert_eq!((below.n_labels, below.n_texts, below.accuracy), (3, 3, Some(1.0 / 3.0)));
        assert_eq!(below.micro.precision, Some(0.5));
    }

    #[test]
    fn flat_labels_have_no_levels() {
        let flat = ["warm", "cold"].map(String::from);
        assert_eq!(hierarchy(TaskKind::SingleLabel, &flat, &[vec![0]], &[vec![0]]), None);
        let nothing = hierarchy(TaskKind::MultiLabel, &labels(), &[vec![]], &[vec![]]).unwrap();
        assert_eq!((nothing.f1, nothing.levels[0].accuracy), (None, None));
    }

    #[test]
    fn an_exact_answer_is_worth_everything() {
        let truth = [vec![0], vec![3], vec![2]];
        let found = hierarchy(TaskKind::MultiLabel, &labels(), &truth, &truth).unwrap();
        assert_eq!(
            (found.precision, found.recall, found.f1),
            (Some(1.0), Some(1.0), Some(1.0))
        );
        assert!(found.levels.iter().all(|level| level.accuracy == Some(1.0)));
    }
}
