//! Figures over whole texts: how often the decision is the truth, and how much of that is luck.

use std::collections::BTreeMap;

use super::Confusion;
use super::counts::ratio;

/// Share of texts whose decided labels are exactly the true ones: accuracy for single-label tasks, subset accuracy for
/// multi-label ones. `None` without texts. Both sides sorted.
pub fn accuracy(truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Option<f64> {
    let n_texts = truth.len().min(decided.len());
    ratio(
        truth
            .iter()
            .zip(decided)
            .filter(|(truth, decided)| truth == decided)
            .count(),
        n_texts,
    )
}

/// Share of wrong cells among texts × labels, for multi-label decisions. `None` without texts or labels.
///
/// For one label a text scikit-learn's `hamming_loss` is 1 − accuracy instead.
pub fn hamming_loss(truth: &[Vec<usize>], decided: &[Vec<usize>], n_labels: usize) -> Option<f64> {
    let wrong = |(truth, decided): (&Vec<usize>, &Vec<usize>)| {
        let shared = truth.iter().filter(|label| decided.contains(label)).count();
        truth.len() + decided.len() - 2 * shared
    };
    let n_texts = truth.len().min(decided.len());
    ratio(truth.iter().zip(decided).map(wrong).sum(), n_texts * n_labels)
}

/// What always giving the most frequent answer (label, or set of labels) would score. `None` without texts.
pub fn constant_guess_accuracy(truth: &[Vec<usize>]) -> Option<f64> {
    let mut answers: BTreeMap<&[usize], usize> = BTreeMap::new();
    for labels in truth {
        *answers.entry(labels).or_default() += 1;
    }
    ratio(answers.into_values().max().unwrap_or(0), truth.len())
}

/// Mean recall over the labels that are true somewhere. `None` without texts.
pub fn balanced_accuracy(confusion: &Confusion) -> Option<f64> {
    let recalls: Vec<f64> = (0..confusion.n_labels())
        .filter_map(|label| ratio(confusion.count(label, label), confusion.n_true(label)))
        .collect();
    (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
}

/// Matthews' correlation of truth and decision, −1..=1; the multi-class form of Gorodkin, *Comparing two K-category
/// assignments by a K-category correlation coefficient* (2004). No decision counts as a decision of its own. `None` when either side is constant (scikit-learn says 0).
pub fn matthews(confusion: &Confusion) -> Option<f64> {
    let (n, agreed, chance) = moments(confusion);
    let squares = |counts: &mut dyn Iterator<Item = usize>| counts.map(|count| (count as f64).powi(2)).sum::<f64>();
    let labels = || 0..confusion.n_labels();
    let n_undecided: usize = confusion.undecided().iter().sum();
    let of_truth = squares(&mut labels().map(|label| confusion.n_true(label)));
    let of_decisions = squares(&mut labels().map(|label| confusion.n_decided(label)).chain([n_undecided]));
    let spreads = (n * n - of_truth) * (n * n - of_decisions);
    (spreads > 0.0).then(|| (agreed * n - chance) / spreads.sqrt())
}

/// Cohen's κ: agreement beyond what the label frequencies alone would give. `None` when chance already agrees fully.
pub fn kappa(confusion: &Confusion) -> Option<f64> {
    let (n, agreed, chance) = moments(confusion);
    (n * n > chance).then(|| (agreed * n - chance) / (n * n - chance))
}

/// Texts, texts on the diagonal, and Σ true·decided over labels.
fn moments(confusion: &Confusion) -> (f64, f64, f64) {
    let labels = 0..confusion.n_labels();
    let agreed: usize = labels.clone().map(|label| confusion.count(label, label)).sum();
    let chance: f64 = labels
        .map(|label| confusion.n_true(label) as f64 * confusion.n_decided(label) as f64)
        .sum();
    (confusion.n() as f64, agreed as f64, chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(labels: &[usize]) -> Vec<Vec<usize>> {
        labels.iter().map(|label| vec![*label]).collect()
    }

    #[test]
    fn a_constant_side_leaves_correlation_undefined() {
        let truth = single(&[0, 0, 0]);
        let confusion = Confusion::new(&truth, &single(&[0, 0, 0]), 2);
        assert_eq!((matthews(&confusion), kappa(&confusion)), (None, None));
        assert_eq!(balanced_accuracy(&confusion), Some(1.0));
        assert_eq!(accuracy(&[], &[]), None);
    }

    #[test]
    fn every_wrong_cell_counts_once() {
        // hamming_loss([[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [1, 0, 1]]) == 3 / 6
        assert_eq!(
            hamming_loss(&[vec![0], vec![1, 2]], &[vec![0, 1], vec![0, 2]], 3),
            Some(0.5)
        );
        assert_eq!(accuracy(&single(&[0, 1, 2, 3]), &single(&[0, 2, 2, 3])), Some(0.75));
    }

    #[test]
    fn the_constant_guess_is_the_most_frequent_set() {
        assert_eq!(
            constant_guess_accuracy(&[vec![], vec![0, 1], vec![], vec![1]]),
            Some(0.5)
        );
        assert_eq!(constant_guess_accuracy(&[]), None);
    }
}
