//! What could be had without a model: the score of one answer for all texts, and how uneven the labels are.

use std::collections::BTreeMap;

use serde::Serialize;

use super::counts::ratio;
use super::{Counts, count_per_label, macro_average};
use crate::core::TaskKind;

/// Labels are imbalanced when the most frequent one has this many times the texts of the rarest.
const IMBALANCED: usize = 3;

/// Always giving the most frequent answer (label, or set of labels).
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ConstantGuess {
    /// Columns of the answer; the first in order among equally frequent ones.
    pub answer: Vec<usize>,
    /// Share of texts it is right for.
    pub accuracy: Option<f64>,
    /// Its macro F1.
    pub macro_f1: Option<f64>,
}

/// The most frequent and the rarest of the labels that occur.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Imbalance {
    /// The label most texts carry.
    pub most: String,
    /// How many.
    pub n_most: usize,
    /// The label fewest texts carry, of those that any does.
    pub fewest: String,
    /// How many.
    pub n_fewest: usize,
}

/// What always giving the most frequent answer would score; without figures where there are no texts.
pub fn constant_guess(task: TaskKind, truth: &[Vec<usize>], n_labels: usize) -> ConstantGuess {
    let mut answers: BTreeMap<&[usize], usize> = BTreeMap::new();
    for labels in truth {
        *answers.entry(labels).or_default() += 1;
    }
    let most = answers.into_iter().rev().max_by_key(|(_, n)| *n);
    let Some((answer, n)) = most else {
        return ConstantGuess::default();
    };
    let decided = vec![answer.to_vec(); truth.len()];
    ConstantGuess {
        answer: answer.to_vec(),
        accuracy: ratio(n, truth.len()),
        macro_f1: macro_average(task, &count_per_label(truth, &decided, n_labels)).f1,
    }
}

/// Of the labels that take part, by column; `None` where they are about equally frequent, or fewer than two occur.
pub fn imbalance(labels: &[String], counts: &[Counts], takes_part: impl Fn(&usize) -> bool) -> Option<Imbalance> {
    let known: Vec<_> = (labels.iter().zip(counts).enumerate())
        .filter(|(at, (_, count))| count.support() > 0 && takes_part(at))
        .map(|(_, of)| of)
        .collect();
    let with_texts = || known.iter().copied();
    let (most, n_most) = with_texts().rev().max_by_key(|(_, count)| count.support())?;
    let (fewest, n_fewest) = with_texts().min_by_key(|(_, count)| count.support())?;
    let (n_most, n_fewest) = (n_most.support(), n_fewest.support());
    (n_most >= IMBALANCED * n_fewest).then(|| Imbalance {
        most: most.clone(),
        n_most,
        fewest: fewest.clone(),
        n_fewest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_guess_is_the_most_frequent_set() {
        let guess = constant_guess(TaskKind::MultiLabel, &[vec![], vec![0, 1], vec![], vec![1]], 2);
        assert_eq!(
            (guess.answer.len(), guess.accuracy, guess.macro_f1),
            (0, Some(0.5), Some(0.0))
        );
        assert_eq!(constant_guess(TaskKind::MultiLabel, &[], 2), ConstantGuess::default());
        // Three of four are label 0: precision 3/4, recall 1.
        let guess = constant_guess(TaskKind::SingleLabel, &[vec![0], vec![1], vec![0], vec![0]], 2);
        assert_eq!((guess.answer, guess.accuracy), (vec![0], Some(0.75)));
        assert!((guess.macro_f1.unwrap() - 3.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn imbalance_is_named() {
        let labels = ["ham", "spam", "unseen"].map(String::from);
        let counts = |sizes: [usize; 3]| {
            sizes.map(|tp| Counts {
                tp,
                ..Counts::default()
            })
        };
        let found = imbalance(&labels, &counts([9, 3, 0]), |_| true).unwrap();
        assert_eq!(
            (found.most.as_str(), found.n_most, found.fewest.as_str(), found.n_fewest),
            ("ham", 9, "spam", 3)
        );
        assert_eq!(imbalance(&labels, &counts([8, 3, 0]), |_| true), None);
        assert_eq!(imbalance(&labels, &counts([8, 0, 0]), |_| true), None);
    }
}
