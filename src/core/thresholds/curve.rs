//! What every threshold would give, looked up instead of counted: a slider can ask at each frame.

use crate::core::metrics::Counts;

/// The scores of one label, sorted once. Memory 9 bytes a text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThresholdCurve {
    /// Highest first.
    scores: Vec<f32>,
    /// Row of each score.
    rows: Vec<usize>,
    /// Positives among the first `i` scores, for `i` in 0..=n.
    positives_before: Vec<usize>,
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
    /// of the two, and rows whose score is NaN, are left out.
    pub fn new(scores: &[f32], positives: &[bool]) -> Self {
        let mut sorted: Vec<(f32, usize, bool)> = (scores.iter().zip(positives).enumerate())
            .filter(|(_, (score, _))| !score.is_nan())
            .map(|(row, (score, positive))| (*score, row, *positive))
            .collect();
        sorted.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut n_positives = 0;
        let mut positives_before = Vec::with_capacity(sorted.len() + 1);
        positives_before.push(0);
        for (_, _, positive) in &sorted {
            n_positives += usize::from(*positive);
            positives_before.push(n_positives);
        }
        let scores = sorted.iter().map(|(score, _, _)| *score).collect();
        let rows = sorted.iter().map(|(_, row, _)| *row).collect();
        ThresholdCurve {
            scores,
            rows,
            positives_before,
        }
    }

    /// How many texts.
    pub fn n(&self) -> usize {
        self.scores.len()
    }

    /// How many carry the label.
    pub fn n_positives(&self) -> usize {
        self.positives_before.last().copied().unwrap_or(0)
    }

    /// The 2×2 table when scores of at least `threshold` are decided for. O(log n).
    pub fn at(&self, threshold: f64) -> Counts {
        self.after(self.n_decided(threshold))
    }

    /// Rows decided differently at the two thresholds, in either order: highest score first. O(log n).
    pub fn changed(&self, one: f64, other: f64) -> &[usize] {
        let (a, b) = (self.n_decided(one), self.n_decided(other));
        self.rows.get(a.min(b)..a.max(b)).unwrap_or_default()
    }

    /// Rows by score, highest first.
    pub fn rows(&self) -> &[usize] {
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
        for (score, around) in decidable.zip(self.positives_before.windows(2)) {
            let bin = ((f64::from(*score) * n_bins as f64) as usize).min(last);
            let bins = if around.first() == around.last() {
                &mut histogram.negatives
            } else {
                &mut histogram.positives
            };
            bins[bin] += 1;
        }
        histogram
    }

    /// Distinct scores, highest first, each with its positives and negatives.
    pub(super) fn groups(&self) -> Vec<(f32, usize, usize)> {
        let mut before = 0;
        let mut groups = Vec::new();
        for (after, score) in self.distinct() {
            let n_positives = self.positives_before[after] - self.positives_before[before];
            groups.push((score, n_positives, after - before - n_positives));
            before = after;
        }
        groups
    }

    /// Distinct scores, highest first, each with how many texts score at least that.
    fn distinct(&self) -> impl Iterator<Item = (usize, f32)> + '_ {
        self.scores.chunk_by(|a, b| a == b).scan(0, |n_decided, tied| {
            *n_decided += tied.len();
            tied.first().map(|score| (*n_decided, *score))
        })
    }

    fn n_decided(&self, threshold: f64) -> usize {
        self.scores.partition_point(|score| f64::from(*score) >= threshold)
    }

    /// The 2×2 table when the first `n_decided` texts are decided for.
    fn after(&self, n_decided: usize) -> Counts {
        let n_decided = n_decided.min(self.n());
        let tp = self.positives_before.get(n_decided).copied().unwrap_or(0);
        let (fp, fn_) = (n_decided - tp, self.n_positives() - tp);
        Counts {
            tp,
            fp,
            fn_,
            tn: self.n() - n_decided - fn_,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::TaskKind;
    use crate::core::metrics::{average_precision, decide};

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
            let decided: Vec<bool> = scores.iter().map(|s| !decide(TaskKind::MultiLabel, &[*s], &[threshold]).is_empty()).collect();
            let count = |is: bool, was: bool| decided.iter().zip(&positives).filter(|(d, p)| **d == is && **p == was).count();
            let expected = Counts { tp: count(true, true), fp: count(true, false), fn_: count(false, true), tn: count(false, false) };
            prop_assert_eq!(curve.at(threshold), expected);
            let mut changed = curve.changed(threshold, other).to_vec();
            changed.sort_unstable();
            let moved: Vec<usize> = (0..scores.len()).filter(|&i| (f64::from(scores[i]) >= threshold) != (f64::from(scores[i]) >= other)).collect();
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
