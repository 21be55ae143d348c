//! Figures over whole texts: how often the decision is the truth, and how much of that is luck.

use super::Counts;
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

/// Mean recall over the labels that are true somewhere; one label a text. `None` without texts.
pub fn balanced_accuracy(counts: &[Counts]) -> Option<f64> {
    let recalls: Vec<f64> = counts.iter().filter_map(|count| count.recall()).collect();
    (!recalls.is_empty()).then(|| recalls.iter().sum::<f64>() / recalls.len() as f64)
}

/// Matthews' correlation of truth and decision, −1..=1, for one label a text; the multi-class form of Gorodkin, *Comparing two
/// K-category assignments by a K-category correlation coefficient* (2004). No decision counts as a decision of its own. `None`
/// when either side is constant (scikit-learn says 0).
pub fn matthews(counts: &[Counts]) -> Option<f64> {
    let Moments { n, agreed, chance } = Moments::of(counts);
    let squares = |counts: &mut dyn Iterator<Item = usize>| counts.map(|count| (count as f64).powi(2)).sum::<f64>();
    let n_decided: usize = counts.iter().map(|count| count.n_decided()).sum();
    let undecided = (n as usize).saturating_sub(n_decided);
    let of_truth = squares(&mut counts.iter().map(|count| count.support()));
    let of_decisions = squares(&mut counts.iter().map(|count| count.n_decided()).chain([undecided]));
    let spreads = (n * n - of_truth) * (n * n - of_decisions);
    (spreads > 0.0).then(|| (agreed * n - chance) / spreads.sqrt())
}

/// Cohen's κ for one label a text: agreement beyond what the label frequencies alone would give. `None` when chance already
/// agrees fully.
pub fn kappa(counts: &[Counts]) -> Option<f64> {
    let Moments { n, agreed, chance } = Moments::of(counts);
    (n * n > chance).then(|| (agreed * n - chance) / (n * n - chance))
}

/// What correlation and κ are made of.
struct Moments {
    /// Texts.
    n: f64,
    /// Texts decided right.
    agreed: f64,
    /// Σ true·decided over labels.
    chance: f64,
}

impl Moments {
    fn of(counts: &[Counts]) -> Self {
        let chance = |count: &Counts| count.support() as f64 * count.n_decided() as f64;
        Moments {
            n: counts.first().map_or(0, |count| count.n()) as f64,
            agreed: counts.iter().map(|count| count.tp).sum::<usize>() as f64,
            chance: counts.iter().map(chance).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::metrics::count_per_label;

    fn single(labels: &[usize]) -> Vec<Vec<usize>> {
        labels.iter().map(|label| vec![*label]).collect()
    }

    #[test]
    fn a_constant_side_leaves_correlation_undefined() {
        let truth = single(&[0, 0, 0]);
        let counts = count_per_label(&truth, &single(&[0, 0, 0]), 2);
        assert_eq!((matthews(&counts), kappa(&counts)), (None, None));
        assert_eq!(balanced_accuracy(&counts), Some(1.0));
        assert_eq!(accuracy(&[], &[]), None);
        assert_eq!(accuracy(&single(&[0, 1, 2, 3]), &single(&[0, 2, 2, 3])), Some(0.75));
    }
}
