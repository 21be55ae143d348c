//! Precision, recall, F1, Fβ and Jaccard of each text's set of labels, averaged over texts; multi-label only.

use super::counts::ratio;
use super::{Averages, Counts};

/// How one text's set of labels was met.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Met {
    shared: usize,
    n_true: usize,
    n_decided: usize,
}

impl Met {
    /// Both sides without duplicates.
    pub fn new(truth: &[usize], decided: &[usize]) -> Self {
        Met {
            shared: truth.iter().filter(|label| decided.contains(label)).count(),
            n_true: truth.len(),
            n_decided: decided.len(),
        }
    }

    fn counts(self) -> Counts {
        Counts {
            tp: self.shared,
            fp: self.n_decided - self.shared,
            fn_: self.n_true - self.shared,
            tn: 0,
        }
    }

    /// Precision, recall, F1, Jaccard, then Fβ for each β; 0 where undefined, as in scikit-learn (`zero_division=0`).
    pub fn figures<const N: usize>(self, betas: [f64; N]) -> ([f64; 4], [f64; N]) {
        let counts = self.counts();
        let plain = [counts.precision(), counts.recall(), counts.f1(), counts.jaccard()];
        (
            plain.map(|figure| figure.unwrap_or(0.0)),
            betas.map(|beta| counts.f_beta(beta).unwrap_or(0.0)),
        )
    }

    /// Cells that are wrong.
    pub fn n_wrong(self) -> usize {
        self.n_true + self.n_decided - 2 * self.shared
    }
}

/// The mean over texts; an undefined figure of a text counts as 0. `None` without texts.
pub fn samples_average(truth: &[Vec<usize>], decided: &[Vec<usize>]) -> Averages {
    let n_texts = truth.len().min(decided.len());
    let mut sums = [0.0; 4];
    for (truth, decided) in truth.iter().zip(decided) {
        let (figures, _) = Met::new(truth, decided).figures([]);
        sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
    }
    averages(sums, n_texts)
}

/// From sums over texts.
pub(super) fn averages(sums: [f64; 4], n_texts: usize) -> Averages {
    let [precision, recall, f1, jaccard] = sums.map(|sum| (n_texts > 0).then(|| sum / n_texts as f64));
    Averages {
        precision,
        recall,
        f1,
        jaccard,
    }
}

/// Share of wrong cells among texts × labels, for multi-label decisions. `None` without texts or labels.
///
/// For one label a text scikit-learn's `hamming_loss` is 1 − accuracy instead.
pub fn hamming_loss(truth: &[Vec<usize>], decided: &[Vec<usize>], n_labels: usize) -> Option<f64> {
    let n_texts = truth.len().min(decided.len());
    let wrong = |(truth, decided): (&Vec<usize>, &Vec<usize>)| Met::new(truth, decided).n_wrong();
    ratio(truth.iter().zip(decided).map(wrong).sum(), n_texts * n_labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_count_the_same_and_undefined_ones_as_zero() {
        // precision_recall_fscore_support([[1, 1], [0, 0], [0, 1]], [[1, 0], [0, 0], [1, 1]], average="samples")
        let truth = [vec![0, 1], vec![], vec![1]];
        let decided = [vec![0], vec![], vec![0, 1]];
        let found = samples_average(&truth, &decided);
        for (found, expected) in [
            (found.precision, 1.5),
            (found.recall, 1.5),
            (found.f1, 4.0 / 3.0),
            (found.jaccard, 1.0),
        ] {
            assert!((found.unwrap() - expected / 3.0).abs() < 1e-12);
        }
        assert_eq!(samples_average(&[], &[]), Averages::default());
    }

    #[test]
    fn every_wrong_cell_counts_once() {
        // hamming_loss([[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [1, 0, 1]]) == 3 / 6
        assert_eq!(
            hamming_loss(&[vec![0], vec![1, 2]], &[vec![0, 1], vec![0, 2]], 3),
            Some(0.5)
        );
    }
}
