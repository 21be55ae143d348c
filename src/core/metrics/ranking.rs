//! Figures that need no threshold: how well scores order the texts, and how much to believe them.

use super::ScoreMatrix;

/// Area under the precision–recall steps, Σ (Rₙ − Rₙ₋₁)·Pₙ over distinct scores, ties together (not the trapezoid).
///
/// `None` without positives, where scikit-learn warns and says 0.
pub fn average_precision(scores: &[f32], positives: &[bool]) -> Option<f64> {
    let n_positives = positives.iter().filter(|positive| **positive).count();
    if n_positives == 0 {
        return None;
    }
    let (mut area, mut tp, mut decided) = (0.0, 0, 0);
    for (group_positives, group_negatives) in tied_groups(scores, positives) {
        tp += group_positives;
        decided += group_positives + group_negatives;
        area += group_positives as f64 / n_positives as f64 * (tp as f64 / decided as f64);
    }
    Some(area)
}

/// The chance that a positive scores above a negative, ties counting half. `None` unless there are both.
pub fn roc_auc(scores: &[f32], positives: &[bool]) -> Option<f64> {
    let (mut above, mut wins) = (0usize, 0.0);
    let mut n_negatives = 0usize;
    for (group_positives, group_negatives) in tied_groups(scores, positives) {
        wins += group_negatives as f64 * (above as f64 + group_positives as f64 / 2.0);
        above += group_positives;
        n_negatives += group_negatives;
    }
    let pairs = above as f64 * n_negatives as f64;
    (pairs > 0.0).then(|| wins / pairs)
}

/// Mean −ln of the score given to the true label; one label a text, scores clipped to ε..=1−ε with ε = 2⁻⁵².
///
/// Scores are taken as they are, not normalised. `None` without texts or when a text has no true label.
pub fn log_loss(scores: &ScoreMatrix, truth: &[Vec<usize>]) -> Option<f64> {
    let surprise = |(row, labels): (&[f32], &Vec<usize>)| {
        let score = row.get(*labels.first()?)?;
        Some(-clipped(*score).ln())
    };
    mean(scores.rows().zip(truth).map(surprise))
}

/// Mean over texts and labels of −ln of the score given to the truth, each label a yes/no question; clipped as in
/// [`log_loss`]. `None` without texts or labels.
pub fn binary_log_loss(scores: &ScoreMatrix, truth: &[Vec<usize>]) -> Option<f64> {
    let cells = scores.rows().zip(truth).flat_map(|(row, labels)| {
        row.iter().enumerate().map(move |(label, score)| {
            let score = clipped(*score);
            Some(if labels.contains(&label) {
                -score.ln()
            } else {
                -(1.0 - score).ln()
            })
        })
    });
    mean(cells)
}

/// Every text and label as a question of its own: all scores, and whether each is of a true label. For micro averages; one label
/// a text is read as one against the rest.
pub(super) fn cells(scores: &ScoreMatrix, truth: &[Vec<usize>]) -> (Vec<f32>, Vec<bool>) {
    let mut positives = vec![false; scores.data().len()];
    for (row, labels) in positives.chunks_mut(scores.n_labels().max(1)).zip(truth) {
        labels
            .iter()
            .filter_map(|label| row.get_mut(*label).map(|cell| *cell = true))
            .for_each(drop);
    }
    (scores.data().to_vec(), positives)
}

pub(super) fn clipped(score: f32) -> f64 {
    f64::from(score).clamp(f64::EPSILON, 1.0 - f64::EPSILON)
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (mut n, mut sum) = (0usize, 0.0);
    for value in values {
        sum += value?;
        n += 1;
    }
    (n > 0 && f64::is_finite(sum)).then(|| sum / n as f64)
}

/// (positives, negatives) of every distinct score, highest first. O(n log n).
fn tied_groups(scores: &[f32], positives: &[bool]) -> Vec<(usize, usize)> {
    let mut sorted: Vec<(f32, bool)> = scores.iter().copied().zip(positives.iter().copied()).collect();
    sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    sorted
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| {
            let n_positives = group.iter().filter(|(_, positive)| *positive).count();
            (n_positives, group.len() - n_positives)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_not_trapezoids() {
        // average_precision_score([0, 0, 1, 1], [.1, .4, .35, .8]) == 0.8333…; roc_auc_score(…) == 0.75
        let (scores, positives) = ([0.1, 0.4, 0.35, 0.8], [false, false, true, true]);
        assert!((average_precision(&scores, &positives).unwrap() - 5.0 / 6.0).abs() < 1e-12);
        assert!((roc_auc(&scores, &positives).unwrap() - 0.75).abs() < 1e-12);
    }

    #[test]
    fn ties_are_judged_together() {
        let (scores, positives) = ([0.5; 4], [true, false, true, false]);
        assert_eq!(average_precision(&scores, &positives), Some(0.5));
        assert_eq!(roc_auc(&scores, &positives), Some(0.5));
    }

    #[test]
    fn one_class_alone_is_undefined() {
        assert_eq!(average_precision(&[0.3, 0.6], &[false, false]), None);
        assert_eq!(roc_auc(&[0.3, 0.6], &[true, true]), None);
        assert_eq!(log_loss(&ScoreMatrix::default(), &[]), None);
    }
}
