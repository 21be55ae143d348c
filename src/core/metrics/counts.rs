//! True and false positives and negatives of one label, and the figures they give.

use std::ops::{Add, AddAssign};

use serde::Serialize;

/// How often one label was decided and true: a 2×2 table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Decided and true.
    pub tp: usize,
    /// Decided and not true.
    pub fp: usize,
    /// True and not decided.
    #[serde(rename = "fn")]
    pub fn_: usize,
    /// Neither.
    pub tn: usize,
}

impl Counts {
    /// All texts counted.
    pub fn n(self) -> usize {
        self.tp + self.fp + self.fn_ + self.tn
    }

    /// Texts that truly carry the label.
    pub fn support(self) -> usize {
        self.tp + self.fn_
    }

    /// Texts that were given the label.
    pub fn n_decided(self) -> usize {
        self.tp + self.fp
    }

    /// Share of the decisions that are true; `None` when nothing was decided.
    pub fn precision(self) -> Option<f64> {
        ratio(self.tp, self.n_decided())
    }

    /// Share of the true ones that were decided; `None` when nothing is true.
    pub fn recall(self) -> Option<f64> {
        ratio(self.tp, self.support())
    }

    /// 2·tp / (2·tp + fp + fn); `None` when the label is neither true nor decided anywhere.
    pub fn f1(self) -> Option<f64> {
        ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn_)
    }

    /// (1+β²)·tp / ((1+β²)·tp + fp + β²·fn): recall weighs β times as much as precision. `None` as for [`Counts::f1`].
    pub fn f_beta(self, beta: f64) -> Option<f64> {
        if self.tp + self.fp + self.fn_ == 0 {
            return None;
        }
        let weight = beta * beta;
        let found = (1.0 + weight) * self.tp as f64;
        Some(found / (found + self.fp as f64 + weight * self.fn_ as f64))
    }
}

/// Figures of the label as a question of its own, answered yes or no.
impl Counts {
    /// tp / (tp + fp + fn): shared among all that are true or decided; `None` when the label is neither anywhere.
    pub fn jaccard(self) -> Option<f64> {
        ratio(self.tp, self.tp + self.fp + self.fn_)
    }

    /// Matthews' correlation, −1..=1; `None` when truth or decisions are all the same, where scikit-learn says 0.
    pub fn matthews(self) -> Option<f64> {
        let [tp, fp, fn_, tn] = [self.tp, self.fp, self.fn_, self.tn].map(|n| n as f64);
        let spread = (tp + fp) * (tp + fn_) * (tn + fp) * (tn + fn_);
        (spread > 0.0).then(|| (tp * tn - fp * fn_) / spread.sqrt())
    }

    /// Cohen's κ of yes and no; `None` when chance already agrees fully.
    pub fn kappa(self) -> Option<f64> {
        let [tp, fp, fn_, tn] = [self.tp, self.fp, self.fn_, self.tn].map(|n| n as f64);
        let n = tp + fp + fn_ + tn;
        let chance = (tp + fp) * (tp + fn_) + (tn + fp) * (tn + fn_);
        (n * n > chance).then(|| ((tp + tn) * n - chance) / (n * n - chance))
    }

    /// Mean of the recalls of yes and of no, of those that occur; `None` without texts.
    pub fn balanced_accuracy(self) -> Option<f64> {
        match (self.recall(), ratio(self.tn, self.tn + self.fp)) {
            (Some(yes), Some(no)) => Some((yes + no) / 2.0),
            (yes, no) => yes.or(no),
        }
    }
}

impl Add for Counts {
    type Output = Counts;

    fn add(self, other: Counts) -> Counts {
        Counts {
            tp: self.tp + other.tp,
            fp: self.fp + other.fp,
            fn_: self.fn_ + other.fn_,
            tn: self.tn + other.tn,
        }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(counts: I) -> Counts {
        counts.fold(Counts::default(), Add::add)
    }
}

/// `part / whole`; `None` for an empty whole.
pub(super) fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The 2×2 table of every label. Columns beyond `n_labels` are ignored. O(texts · labels a text).
pub fn count_per_label(truth: &[Vec<usize>], decided: &[Vec<usize>], n_labels: usize) -> Vec<Counts> {
    let mut counts = vec![Counts::default(); n_labels];
    for (truth, decided) in truth.iter().zip(decided) {
        for &label in truth {
            let Some(count) = counts.get_mut(label) else { continue };
            if decided.contains(&label) {
                count.tp += 1
            } else {
                count.fn_ += 1
            }
        }
        for label in decided.iter().filter(|label| !truth.contains(label)) {
            let Some(count) = counts.get_mut(*label) else { continue };
            count.fp += 1;
        }
    }
    let n_texts = truth.len().min(decided.len());
    for count in &mut counts {
        count.tn = n_texts - (count.tp + count.fp + count.fn_);
    }
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn undefined_is_none() {
        let never = Counts {
            tn: 5,
            ..Counts::default()
        };
        assert_eq!(
            (never.precision(), never.recall(), never.f1(), never.f_beta(2.0)),
            (None, None, None, None)
        );
        let missed = Counts {
            fn_: 2,
            tn: 3,
            ..Counts::default()
        };
        assert_eq!(
            (missed.precision(), missed.recall(), missed.f1()),
            (None, Some(0.0), Some(0.0))
        );
    }

    #[test]
    fn counted_by_hand() {
        let truth = [vec![0], vec![0, 1], vec![], vec![1]];
        let decided = [vec![0, 1], vec![0], vec![0], vec![1]];
        let counts = count_per_label(&truth, &decided, 3);
        assert_eq!(
            counts[0],
            Counts {
                tp: 2,
                fp: 1,
                fn_: 0,
                tn: 1
            }
        );
        assert_eq!(
            counts[1],
            Counts {
                tp: 1,
                fp: 1,
                fn_: 1,
                tn: 1
            }
        );
        assert_eq!(
            counts[2],
            Counts {
                tp: 0,
                fp: 0,
                fn_: 0,
                tn: 4
            }
        );
    }

    proptest! {
        #[test]
        fn counts_add_up(rows in prop::collection::vec((prop::collection::btree_set(0usize..5, 0..4), prop::collection::btree_set(0usize..5, 0..4)), 0..40)) {
            let truth: Vec<Vec<usize>> = rows.iter().map(|(truth, _)| truth.iter().copied().collect()).collect();
            let decided: Vec<Vec<usize>> = rows.iter().map(|(_, decided)| decided.iter().copied().collect()).collect();
            let counts = count_per_label(&truth, &decided, 5);
            for count in &counts {
                prop_assert_eq!(count.n(), rows.len());
            }
            prop_assert_eq!(counts.iter().map(|c| c.support()).sum::<usize>(), truth.iter().map(Vec::len).sum::<usize>());
            prop_assert_eq!(counts.iter().map(|c| c.n_decided()).sum::<usize>(), decided.iter().map(Vec::len).sum::<usize>());
        }

        #[test]
        fn f_beta_lies_between_precision_and_recall(tp in 1usize..50, fp in 0usize..50, fn_ in 0usize..50, beta in 0.1f64..4.0) {
            let counts = Counts { tp, fp, fn_, tn: 0 };
            let (precision, recall) = (counts.precision().unwrap(), counts.recall().unwrap());
            let f = counts.f_beta(beta).unwrap();
            prop_assert!(f >= precision.min(recall) - 1e-12 && f <= precision.max(recall) + 1e-12);
            prop_assert!((counts.f_beta(1.0).unwrap() - counts.f1().unwrap()).abs() < 1e-12);
        }
    }
}
