//! Whether scores can be read as probabilities: Brier score, expected calibration error, average confidence.
//!
//! One label a text: how sure the best label is. Several: every text and label is a question of its own.

use super::ScoreMatrix;
use crate::core::TaskKind;

/// Bins of the expected calibration error, of equal width.
pub const N_BINS: usize = 15;

/// What one text adds to the three figures.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Calibration {
    /// Its Brier score.
    pub brier: f64,
    /// Its mean confidence.
    pub confidence: f64,
    /// Its questions by bin, those without any left out.
    pub bins: Vec<Bin>,
}

/// Questions whose scores lie in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Bin {
    /// From 0.
    pub at: usize,
    /// How many.
    pub n: f64,
    /// Σ scores.
    pub scores: f64,
    /// How many turned out true.
    pub n_true: f64,
}

impl Calibration {
    /// Of one row; `None` without labels, or where a score is no number.
    pub fn new(task: TaskKind, row: &[f32], truth: &[usize]) -> Option<Self> {
        if row.is_empty() || row.iter().any(|score| score.is_nan()) {
            return None;
        }
        let mut out = Calibration::default();
        let n_labels = row.len() as f64;
        let mut best = (0, f32::NEG_INFINITY);
        for (label, &score) in row.iter().enumerate() {
            let (yes, score64) = (truth.contains(&label), f64::from(score));
            out.brier += (score64 - f64::from(yes)).powi(2);
            if score > best.1 {
                best = (label, score);
            }
            if task == TaskKind::MultiLabel {
                out.confidence += score64.max(1.0 - score64) / n_labels;
                out.ask(score64, yes);
            }
        }
        match task {
            TaskKind::MultiLabel => out.brier /= n_labels,
            TaskKind::SingleLabel => {
                // Two labels answer one question; scikit-learn counts its error once.
                out.brier /= if row.len() < 3 { 2.0 } else { 1.0 };
                out.confidence = f64::from(best.1);
                out.ask(out.confidence, truth == [best.0]);
            }
        }
        Some(out)
    }

    fn ask(&mut self, score: f64, yes: bool) {
        let at = bin_of(score);
        let bin = match self.bins.iter().position(|bin| bin.at == at) {
            Some(known) => &mut self.bins[known],
            None => {
                self.bins.push(Bin { at, ..Bin::default() });
                let last = self.bins.len() - 1;
                &mut self.bins[last]
            }
        };
        bin.n += 1.0;
        bin.scores += score;
        bin.n_true += f64::from(yes);
    }
}

/// Mean squared distance of the scores from the truth (Brier, *Verification of forecasts expressed in terms of probability*,
/// 1950), as scikit-learn's `brier_score_loss`: summed over labels for three labels and more, 0..=2; half of that sum for two,
/// 0..=1. Multi-label: the mean over texts and labels, 0..=1. `None` without texts or labels.
pub fn brier_score(task: TaskKind, scores: &ScoreMatrix, truth: &[Vec<usize>]) -> Option<f64> {
    mean(task, scores, truth, |text| text.brier)
}

/// One label a text: the mean score of the best label. Several: the mean over texts and labels of how sure the more likely of yes
/// and no is, 0.5..=1. `None` without texts or labels.
pub fn average_confidence(task: TaskKind, scores: &ScoreMatrix, truth: &[Vec<usize>]) -> Option<f64> {
    mean(task, scores, truth, |text| text.confidence)
}

/// Expected calibration error over [`N_BINS`] bins of equal width (Guo et al., *On Calibration of Modern Neural Networks*, 2017,
/// eq. 5), 0..=1: how far the confidence of a bin is from how often it is right, weighed by what is in it.
///
/// One label a text: confidence is the score of the best label, whatever its threshold. Several: every text and label is a
/// question, and the score of yes is compared with how often yes is true. `None` without texts or labels.
pub fn calibration_error(task: TaskKind, scores: &ScoreMatrix, truth: &[Vec<usize>]) -> Option<f64> {
    let mut bins = [Bin::default(); N_BINS];
    for (row, labels) in scores.rows().zip(truth) {
        for bin in Calibration::new(task, row, labels)?.bins {
            let sum = &mut bins[bin.at];
            sum.n += bin.n;
            sum.scores += bin.scores;
            sum.n_true += bin.n_true;
        }
    }
    error_of(&bins)
}

/// Brier score and expected calibration error of one label as a question of its own: how far its score is from how often yes is true.
/// `None` without texts, or where a score is no number.
pub(super) fn label_calibration(scores: &[f32], positives: &[bool]) -> Option<(f64, f64)> {
    let mut bins = [Bin::default(); N_BINS];
    let mut squares = 0.0;
    for (score, yes) in scores.iter().zip(positives) {
        let score = f64::from(*score);
        if score.is_nan() {
            return None;
        }
        squares += (score - f64::from(*yes)).powi(2);
        let bin = &mut bins[bin_of(score)];
        bin.n += 1.0;
        bin.scores += score;
        bin.n_true += f64::from(*yes);
    }
    Some((squares / scores.len().max(1) as f64, error_of(&bins)?))
}

/// Bins are open below and closed above.
fn bin_of(score: f64) -> usize {
    ((score * N_BINS as f64).ceil() as usize).clamp(1, N_BINS) - 1
}

/// From what lies in each bin.
pub(super) fn error_of(bins: &[Bin]) -> Option<f64> {
    let n: f64 = bins.iter().map(|bin| bin.n).sum();
    let gaps: f64 = bins.iter().map(|bin| (bin.scores - bin.n_true).abs()).sum();
    (n > 0.0).then(|| gaps / n)
}

fn mean(
    task: TaskKind,
    scores: &ScoreMatrix,
    truth: &[Vec<usize>],
    figure: impl Fn(&Calibration) -> f64,
) -> Option<f64> {
    let (mut n, mut sum) = (0usize, 0.0);
    for (row, labels) in scores.rows().zip(truth) {
        sum += figure(&Calibration::new(task, row, labels)?);
        n += 1;
    }
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brier_scores_of_scikit_learns_examples() {
        let single = |truth: &[Vec<usize>], scores: &ScoreMatrix| brier_score(TaskKind::SingleLabel, scores, truth);
        // brier_score_loss([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]) == 0.0375
        let two = ScoreMatrix::from_rows(2, [[0.9, 0.1], [0.1, 0.9], [0.2, 0.8], [0.7, 0.3]]).unwrap();
        let found = single(&[vec![0], vec![1], vec![1], vec![0]], &two).unwrap();
        assert!((found - 0.0375).abs() < 1e-7, "{found}");
        // brier_score_loss(["eggs", "ham", "spam"], [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]], labels=…) == 0.146…
        let three = ScoreMatrix::from_rows(3, [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.2, 0.2, 0.6]]).unwrap();
        let found = single(&[vec![0], vec![1], vec![2]], &three).unwrap();
        assert!((found - 0.44 / 3.0).abs() < 1e-7, "{found}");
    }

    #[test]
    fn sure_and_wrong_is_the_worst_calibration() {
        let scores = ScoreMatrix::from_rows(2, [[1.0, 0.0], [1.0, 0.0]]).unwrap();
        let error =
            |truth: [usize; 2]| calibration_error(TaskKind::SingleLabel, &scores, &truth.map(|label| vec![label]));
        assert_eq!(
            (error([0, 0]), error([0, 1]), error([1, 1])),
            (Some(0.0), Some(0.5), Some(1.0))
        );
        assert_eq!(
            average_confidence(TaskKind::SingleLabel, &scores, &[vec![0], vec![0]]),
            Some(1.0)
        );
    }

    #[test]
    fn the_questions_of_one_label_alone() {
        // 0.75 in bin 12 (0.733 to 0.8) is right once in two, 0.25 in bin 4 never: gaps 0.5 of two texts and 0.25 of one.
        let found = label_calibration(&[0.75, 0.75, 0.25], &[true, false, false]).unwrap();
        assert!((found.0 - (0.0625 + 0.5625 + 0.0625) / 3.0).abs() < 1e-12);
        assert!((found.1 - (0.5 + 0.25) / 3.0).abs() < 1e-12, "{found:?}");
        assert_eq!(
            (label_calibration(&[], &[]), label_calibration(&[f32::NAN], &[true])),
            (None, None)
        );
    }

    #[test]
    fn several_labels_are_several_questions() {
        let scores = ScoreMatrix::from_rows(2, [[0.75, 0.25]]).unwrap();
        let truth = [vec![0]];
        assert_eq!(calibration_error(TaskKind::MultiLabel, &scores, &truth), Some(0.25));
        assert_eq!(average_confidence(TaskKind::MultiLabel, &scores, &truth), Some(0.75));
        assert_eq!(brier_score(TaskKind::MultiLabel, &scores, &truth), Some(0.0625));
        assert_eq!(brier_score(TaskKind::MultiLabel, &ScoreMatrix::default(), &[]), None);
    }
}
