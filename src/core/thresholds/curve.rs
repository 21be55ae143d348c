//! What every threshold would give, looked up instead of counted: a slider can ask at each frame.

use super::bits::RankedBits;
use crate::core::metrics::{Counts, DecisionRule, ScoreMatrix, highest};

/// The scores of one label, sorted once. Memory about 8.2 bytes a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThresholdCurve {
    /// Highest first.
    scores: Vec<f32>,
    /// Row of each score.
    rows: Vec<u32>,
    /// Whether each carries the label.
    positives: RankedBits,
}

/// Texts that share a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Group {
    /// The score.
    pub score: f32,
    /// Texts with the label.
    pub positives: usize,
    /// Texts without it.
    pub negatives: usize,
}

/// One point of a ROC curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// Share of the negatives that are decided for.
    pub false_positive_rate: f64,
    /// Share of the positives that are decided for.
    pub recall: f64,
}

/// One point of a precision–recall curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrPoint {
    /// Scores of at least this are decided for.
    pub threshold: f64,
    /// Precision there.
    pub precision: f64,
    /// Recall there.
    pub recall: f64,
}

/// How many texts score where, in equal bins over 0..=1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Texts that carry the label, by bin.
    pub positives: Vec<usize>,
    /// Texts that do not.
    pub negatives: Vec<usize>,
}

impl ThresholdCurve {
    /// From the scores of one label and whether each text carries it, in the same row order. O(n log n). Rows beyond the shorter
    /// of the two, beyond 2³², and rows whose score is NaN, are left out.
    pub fn new(scores: &[f32], positives: &[bool]) -> Self {
        Self::from_fn(
            scores,
            |row| positives.get(row).copied().unwrap_or(false),
            positives.len(),
        )
    }

    /// [`ThresholdCurve::new`] with the first `n` rows, which carry the label where `is_positive` says so.
    pub(super) fn from_fn(scores: &[f32], is_positive: impl Fn(usize) -> bool, n: usize) -> Self {
        // Score and row in one number: sorting it sorts by score, highest first, and by row within a score.
        let mut sorted: Vec<u64> = (scores.iter().take(n).zip(0_u32..))
            .filter(|(score, _)| !score.is_nan())
            .map(|(score, row)| u64::from(!ascending(*score)) << 32 | u64::from(row))
            .collect();
        sorted.sort_unstable();
        let rows: Vec<u32> = sorted.iter().map(|key| *key as u32).collect();
        let positives = RankedBits::new(rows.iter().map(|row| is_positive(*row as usize)));
        ThresholdCurve {
            scores: rows
                .iter()
                .filter_map(|row| scores.get(*row as usize))
                .copied()
                .collect(),
            rows,
            positives,
        }
    }

    /// How many texts.
    pub fn n(&self) -> usize {
        self.scores.len()
    }

    /// How many carry the label.
    pub fn n_positives(&self) -> usize {
        self.positives.rank(self.n())
    }

    /// The 2×2 table when scores of at least `threshold` are decided for. O(log n).
    pub fn at(&self, threshold: f64) -> Counts {
        self.after(self.n_decided(threshold))
    }

    /// Rows decided differently at the two thresholds, in either order: highest score first. O(log n).
    pub fn changed(&self, one: f64, other: f64) -> &[u32] {
        let (a, b) = (self.n_decided(one), self.n_decided(other));
        self.rows.get(a.min(b)..a.max(b)).unwrap_or_default()
    }

    /// Rows by score, highest first.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The precision–recall curve, one point a distinct score, highest score first; empty without positives. Scores below 0 are
    /// no candidates for a decision and have no point.
    ///
    /// The same points as scikit-learn's `precision_recall_curve` in reverse, without its added end at precision 1.
    pub fn precision_recall(&self) -> Vec<PrPoint> {
        let point = |(n_decided, score): (usize, f32)| {
            let counts = self.after(n_decided);
            Some(PrPoint {
                threshold: score.into(),
                precision: counts.precision()?,
                recall: counts.recall()?,
            })
        };
        self.distinct()
            .take_while(|(_, score)| *score >= 0.0)
            .filter_map(point)
            .collect()
    }

    /// At most `n_points` of [`ThresholdCurve::precision_recall`], evenly spread, both ends kept: enough to draw.
    pub fn precision_recall_thinned(&self, n_points: usize) -> Vec<PrPoint> {
        let points = self.precision_recall();
        if points.len() <= n_points || n_points < 2 {
            return points;
        }
        let last = points.len() - 1;
        (0..n_points)
            .filter_map(|at| points.get(at * last / (n_points - 1)).copied())
            .collect()
    }

    /// Positives and negatives in `n_bins` equal bins over 0..=1; higher scores fall in the last, lower ones in none.
    pub fn histogram(&self, n_bins: usize) -> Histogram {
        let mut histogram = Histogram {
            positives: vec![0; n_bins],
            negatives: vec![0; n_bins],
        };
        let Some(last) = n_bins.checked_sub(1) else {
            return histogram;
        };
        let decidable = self.scores.iter().take_while(|score| **score >= 0.0);
        for (at, score) in decidable.enumerate() {
            let bin = ((f64::from(*score) * n_bins as f64) as usize).min(last);
            match self.positives.get(at) {
                true => histogram.positives[bin] += 1,
                false => histogram.negatives[bin] += 1,
            }
        }
        histogram
    }

    /// The ROC curve at no more than about `n_points` of its distinct scores, evenly spread, both ends kept; empty where there are
    /// no positives or no negatives. Scores below 0 are no candidates for a decision and have no point.
    pub fn roc_thinned(&self, n_points: usize) -> Vec<RocPoint> {
        let n_negatives = self.n() - self.n_positives();
        if self.n_positives() == 0 || n_negatives == 0 {
            return Vec::new();
        }
        let point = |n_decided: usize| {
            let counts = self.after(n_decided);
            RocPoint {
                false_positive_rate: counts.fp as f64 / n_negatives as f64,
                recall: counts.recall().unwrap_or(0.0),
            }
        };
        let ends: Vec<usize> = self
            .distinct()
            .take_while(|(_, score)| *score >= 0.0)
            .map(|(n, _)| n)
            .collect();
        let step = ends.len().div_ceil(n_points.max(2)).max(1);
        let kept = ends
            .iter()
            .enumerate()
            .filter(|(at, _)| at % step == 0 || at + 1 == ends.len());
        std::iter::once(0).chain(kept.map(|(_, n)| *n)).map(point).collect()
    }

    /// Distinct scores, highest first, each with its positives and negatives; texts count as often as `weight` of their row says.
    pub(super) fn groups_by<'a>(&'a self, weight: impl Fn(u32) -> usize + 'a) -> impl Iterator<Item = Group> + 'a {
        let mut before = 0;
        self.distinct().map(move |(after, score)| {
            let (mut positives, mut negatives) = (0, 0);
            for at in before..after {
                let times = self.rows.get(at).map_or(0, |row| weight(*row));
                match self.positives.get(at) {
                    true => positives += times,
                    false => negatives += times,
                }
            }
            before = after;
            Group {
                score,
                positives,
                negatives,
            }
        })
    }

    /// Distinct scores, highest first, each with its positives and negatives.
    pub(super) fn groups(&self) -> impl Iterator<Item = Group> + Clone + '_ {
        let mut before = 0;
        self.distinct().map(move |(after, score)| {
            let positives = self.positives.rank(after) - self.positives.rank(before);
            let negatives = after - before - positives;
            before = after;
            Group {
                score,
                positives,
                negatives,
            }
        })
    }

    /// Whether the text at a place of [`ThresholdCurve::rows`] carries the label.
    pub(super) fn is_positive_at(&self, place: usize) -> bool {
        self.positives.get(place)
    }

    /// Distinct scores, highest first, each with how many texts score at least that.
    pub(super) fn distinct(&self) -> impl Iterator<Item = (usize, f32)> + Clone + '_ {
        self.scores.chunk_by(|a, b| a == b).scan(0, |n_decided, tied| {
            *n_decided += tied.len();
            tied.first().map(|score| (*n_decided, *score))
        })
    }

    /// How many texts score at least `threshold`. O(log n).
    pub(super) fn n_decided(&self, threshold: f64) -> usize {
        self.scores.partition_point(|score| f64::from(*score) >= threshold)
    }

    /// The 2×2 table when the first `n_decided` texts are decided for.
    pub(super) fn after(&self, n_decided: usize) -> Counts {
        let n_decided = n_decided.min(self.n());
        let tp = self.positives.rank(n_decided);
        let (fp, fn_) = (n_decided - tp, self.n_positives() - tp);
        Counts {
            tp,
            fp,
            fn_,
            tn: self.n() - n_decided - fn_,
        }
    }
}

/// The curve of every label, in column order; `truth` holds the ascending columns of each row. The scores of a label are those that can
/// decide for it ([`DecisionRule::candidates`]), whatever the thresholds of the rule. O(labels · texts · log texts).
pub fn curves(rule: DecisionRule<'_>, scores: &ScoreMatrix, truth: &[Vec<usize>]) -> Vec<ThresholdCurve> {
    let candidates = rule.candidates(scores);
    (0..scores.n_labels())
        .map(|label| curve(&candidates, truth, label))
        .collect()
}

/// The curve of one label, from the scores that are candidates for a decision: one of [`curves`], to make them side by side.
pub fn curve(candidates: &ScoreMatrix, truth: &[Vec<usize>], label: usize) -> ThresholdCurve {
    let is_positive = |row: usize| truth.get(row).is_some_and(|labels| labels.contains(&label));
    ThresholdCurve::from_fn(&candidates.column(label), is_positive, truth.len())
}

/// Single-label: the highest score of each text, positive where its label is the true one. A threshold on it abstains from the rest.
pub fn answers(scores: &ScoreMatrix, truth: &[Vec<usize>]) -> ThresholdCurve {
    let best = |(row, truth): (&[f32], &Vec<usize>)| match highest(row) {
        Some((label, score)) => (score, truth.contains(&label)),
        None => (f32::NAN, false),
    };
    let (scores, right): (Vec<f32>, Vec<bool>) = scores.rows().zip(truth).map(best).unzip();
    ThresholdCurve::new(&scores, &right)
}

/// A number that orders as scores do.
fn ascending(score: f32) -> u32 {
    let bits = score.to_bits();
    match bits >> 31 {
        0 => bits | 1 << 31,
        _ => !bits,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::TaskKind;
    use crate::core::metrics::average_precision;

    #[test]
    fn a_slider_moves_texts_across() {
        let curve = ThresholdCurve::new(&[0.9, 0.2, 0.6, 0.6], &[true, false, false, true]);
        assert_eq!(
            curve.at(0.6),
            Counts {
                tp: 2,
                fp: 1,
                fn_: 0,
                tn: 1
            }
        );
        assert_eq!(
            curve.at(0.61),
            Counts {
                tp: 1,
                fp: 0,
                fn_: 1,
                tn: 2
            }
        );
        assert_eq!(curve.changed(0.61, 0.5), [2, 3]);
        assert_eq!(curve.changed(0.5, 0.61), [2, 3]);
        assert!(curve.changed(0.3, 0.4).is_empty());
        assert_eq!(
            curve.histogram(2),
            Histogram {
                positives: vec![0, 2],
                negatives: vec![1, 1]
            }
        );
    }

    #[test]
    fn nothing_to_count() {
        let curve = ThresholdCurve::new(&[], &[]);
        assert_eq!(curve.at(0.5), Counts::default());
        assert!(curve.precision_recall().is_empty());
        assert_eq!(ThresholdCurve::default().at(0.5), Counts::default());
        assert_eq!(ThresholdCurve::new(&[1.0, f32::NAN], &[true, true]).n(), 1);
        assert_eq!(curve.histogram(0), Histogram::default());
    }

    #[test]
    fn scores_that_are_no_candidates_count_and_are_not_drawn() {
        let curve = ThresholdCurve::new(&[0.75, -1.0, 0.25], &[true, true, false]);
        assert_eq!(
            curve.at(0.0),
            Counts {
                tp: 1,
                fp: 1,
                fn_: 1,
                tn: 0
            }
        );
        assert_eq!(
            curve.precision_recall().iter().map(|p| p.recall).collect::<Vec<_>>(),
            [0.5, 0.5]
        );
        assert_eq!(
            curve.histogram(2),
            Histogram {
                positives: vec![0, 1],
                negatives: vec![1, 0]
            }
        );
    }

    #[test]
    fn thinning_keeps_both_ends() {
        let scores: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
        let positives: Vec<bool> = (0..1000).map(|i| i % 3 == 0).collect();
        let curve = ThresholdCurve::new(&scores, &positives);
        let (all, few) = (curve.precision_recall(), curve.precision_recall_thinned(50));
        assert_eq!((all.len(), few.len()), (1000, 50));
        assert_eq!((all.first(), all.last()), (few.first(), few.last()));
    }

    fn scored() -> impl Strategy<Value = Vec<(f32, bool)>> {
        // Few distinct scores, so that ties are common.
        prop::collection::vec(
            ((0u8..=20).prop_map(|tick| f32::from(tick) / 20.0), any::<bool>()),
            0..60,
        )
    }

    proptest! {
        #[test]
        fn looked_up_counts_equal_counted_ones(texts in scored(), threshold in -0.1f64..1.1, other in -0.1f64..1.1) {
            let (scores, positives): (Vec<f32>, Vec<bool>) = texts.iter().copied().unzip();
            let curve = ThresholdCurve::new(&scores, &positives);
            let decided: Vec<bool> = scores.iter().map(|s| !DecisionRule::new(TaskKind::MultiLabel, &[threshold]).decide(&[*s]).is_empty()).collect();
            let count = |is: bool, was: bool| decided.iter().zip(&positives).filter(|(d, p)| **d == is && **p == was).count();
            let expected = Counts { tp: count(true, true), fp: count(true, false), fn_: count(false, true), tn: count(false, false) };
            prop_assert_eq!(curve.at(threshold), expected);
            let mut changed = curve.changed(threshold, other).to_vec();
            changed.sort_unstable();
            let moved: Vec<u32> = (0..scores.len()).filter(|&i| (f64::from(scores[i]) >= threshold) != (f64::from(scores[i]) >= other)).map(|i| i as u32).collect();
            prop_assert_eq!(changed, moved);
        }

        #[test]
        fn bins_hold_every_text(texts in scored(), n_bins in 1usize..30) {
            let (scores, positives): (Vec<f32>, Vec<bool>) = texts.iter().copied().unzip();
            let curve = ThresholdCurve::new(&scores, &positives);
            let histogram = curve.histogram(n_bins);
            prop_assert_eq!(histogram.positives.iter().sum::<usize>(), curve.n_positives());
            prop_assert_eq!(histogram.negatives.iter().sum::<usize>(), curve.n() - curve.n_positives());
        }

        #[test]
        fn steps_under_the_curve_are_the_average_precision(texts in scored()) {
            let (scores, positives): (Vec<f32>, Vec<bool>) = texts.iter().copied().unzip();
            let points = ThresholdCurve::new(&scores, &positives).precision_recall();
            let before = std::iter::once(0.0).chain(points.iter().map(|p| p.recall));
            let area: f64 = points.iter().zip(before).map(|(p, recall)| (p.recall - recall) * p.precision).sum();
            match average_precision(&scores, &positives) {
                Some(expected) => prop_assert!((area - expected).abs() < 1e-9),
                None => prop_assert!(points.is_empty()),
            }
        }
    }
}
