//! Abstaining from doubtful answers: how accurate the rest is, by how much of it there is.
//!
//! For the curve of a single-label task's answers ([`super::answers`]): a text is answered where its highest score reaches a threshold.
//! El-Yaniv & Wiener, *On the foundations of noise-free selective classification* (2010); Geifman & El-Yaniv, *Selective
//! classification for deep neural networks* (2017).

use super::ThresholdCurve;

/// One point of an accuracy–coverage curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoveragePoint {
    /// Texts whose highest score is at least this are answered.
    pub threshold: f64,
    /// Share of texts that are answered.
    pub coverage: f64,
    /// Share of the answers that are right.
    pub accuracy: f64,
}

impl ThresholdCurve {
    /// Accuracy by coverage at no more than about `n_points` of the distinct scores, fewest texts first, both ends kept.
    pub fn accuracy_coverage(&self, n_points: usize) -> Vec<CoveragePoint> {
        let point = |(n_decided, score): (usize, f32)| CoveragePoint {
            threshold: f64::from(score),
            coverage: n_decided as f64 / self.n() as f64,
            accuracy: self.after(n_decided).precision().unwrap_or(0.0),
        };
        let n = self.distinct().count();
        let step = n.div_ceil(n_points.max(2)).max(1);
        let kept = self
            .distinct()
            .enumerate()
            .filter(|(at, _)| at % step == 0 || at + 1 == n);
        kept.map(|(_, place)| point(place)).collect()
    }

    /// Area under the risk–coverage curve: the mean, over the number of texts answered from 1 to all, most certain first, of the share
    /// that is wrong. 0 is best; in any order of the texts it would be the share of errors. Texts of one score count in the mean of all their
    /// orders. `None` without texts.
    pub fn aurc(&self) -> Option<f64> {
        let (mut answered, mut wrong, mut sum) = (0.0_f64, 0.0, 0.0);
        for group in self.groups() {
            let n = group.positives + group.negatives;
            let share = group.negatives as f64 / n as f64;
            for _ in 0..n {
                answered += 1.0;
                wrong += share;
                sum += wrong / answered;
            }
        }
        (answered > 0.0).then(|| sum / answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let curve = ThresholdCurve::new(&[0.9, 0.8, 0.6, 0.4], &[true, true, false, true]);
        let points: Vec<(f64, f64)> = curve
            .accuracy_coverage(10)
            .iter()
            .map(|p| (p.coverage, p.accuracy))
            .collect();
        assert_eq!(points, [(0.25, 1.0), (0.5, 1.0), (0.75, 2.0 / 3.0), (1.0, 0.75)]);
        let expected = (0.0 + 0.0 + 1.0 / 3.0 + 0.25) / 4.0;
        assert!((curve.aurc().unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn equal_scores_have_no_order() {
        let tied = ThresholdCurve::new(&[0.7; 4], &[true, false, false, true]);
        assert!((tied.aurc().unwrap() - 0.5).abs() < 1e-12);
        assert_eq!(tied.accuracy_coverage(10).len(), 1);
        assert_eq!(ThresholdCurve::default().aurc(), None);
        assert!(ThresholdCurve::default().accuracy_coverage(10).is_empty());
    }

    #[test]
    fn thinning_keeps_both_ends() {
        let scores: Vec<f32> = (0..1000).map(|i| i as f32 / 1000.0).collect();
        let right: Vec<bool> = (0..1000).map(|i| i % 3 > 0).collect();
        let points = ThresholdCurve::new(&scores, &right).accuracy_coverage(50);
        assert!(points.len() <= 52, "{}", points.len());
        assert_eq!((points[0].coverage, points[points.len() - 1].coverage), (0.001, 1.0));
    }
}
