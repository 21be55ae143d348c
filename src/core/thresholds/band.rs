//! How far the best threshold would move had other texts been labelled.

use serde::Serialize;

use super::{Objective, ThresholdCurve, sweep};
use crate::core::metrics::bootstrap::{draw, quantile};
use crate::core::rng::stream;

/// The middle nine tenths of the resampled best thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Band {
    /// 5th percentile.
    pub low: f64,
    /// 95th percentile.
    pub high: f64,
}

/// Chooses the threshold again on `n_resamples` bootstrap samples, positives and negatives each drawn among themselves.
///
/// `untuned` breaks ties, as when the threshold was chosen. `None` with fewer than two positives or no negatives. The same
/// seed gives the same band. O(resamples · texts).
pub fn band(curve: &ThresholdCurve, objective: Objective, untuned: f64, n_resamples: usize, seed: u64) -> Option<Band> {
    let groups = curve.groups();
    let owners = |count: fn(&(f32, usize, usize)) -> usize| -> Vec<usize> {
        let repeated = groups
            .iter()
            .enumerate()
            .map(|(at, group)| std::iter::repeat_n(at, count(group)));
        repeated.flatten().collect()
    };
    let (positives, negatives) = (owners(|group| group.1), owners(|group| group.2));
    if positives.len() < 2 || negatives.is_empty() {
        return None;
    }
    let mut rng = stream(seed, "threshold band");
    let mut resample: Vec<(f32, usize, usize)> = groups;
    let mut thresholds = Vec::with_capacity(n_resamples);
    for _ in 0..n_resamples {
        resample.iter_mut().for_each(|group| (group.1, group.2) = (0, 0));
        for _ in 0..positives.len() {
            resample[positives[draw(&mut rng, positives.len())]].1 += 1;
        }
        for _ in 0..negatives.len() {
            resample[negatives[draw(&mut rng, negatives.len())]].2 += 1;
        }
        thresholds.extend(sweep::best(&resample, objective, untuned).map(|best| best.threshold));
    }
    thresholds.sort_unstable_by(f64::total_cmp);
    Some(Band {
        low: quantile(&thresholds, 0.05)?,
        high: quantile(&thresholds, 0.95)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positives around 0.7 and negatives around 0.3, overlapping, `n` of each.
    fn overlapping(n: usize) -> ThresholdCurve {
        let spread = |i: usize| (i as f32 + 0.5) / n as f32 * 0.6 - 0.3;
        let scores: Vec<f32> = (0..n)
            .map(|i| 0.6 + spread(i))
            .chain((0..n).map(|i| 0.4 + spread(i)))
            .collect();
        let positives: Vec<bool> = (0..2 * n).map(|i| i < n).collect();
        ThresholdCurve::new(&scores, &positives)
    }

    #[test]
    fn more_texts_make_a_narrower_band() {
        let width = |n| {
            let band = band(&overlapping(n), Objective::F1, 0.5, 200, 1).unwrap();
            assert!(0.0 <= band.low && band.low <= band.high && band.high <= 1.0);
            band.high - band.low
        };
        assert!(width(10) > width(400), "{} {}", width(10), width(400));
    }

    #[test]
    fn the_seed_decides_and_one_positive_is_too_few() {
        let curve = overlapping(12);
        assert_eq!(
            band(&curve, Objective::F1, 0.5, 50, 7),
            band(&curve, Objective::F1, 0.5, 50, 7)
        );
        assert_ne!(
            band(&curve, Objective::F1, 0.5, 50, 7),
            band(&curve, Objective::F1, 0.5, 50, 8)
        );
        assert_eq!(
            band(
                &ThresholdCurve::new(&[0.8, 0.1], &[true, false]),
                Objective::F1,
                0.5,
                50,
                7
            ),
            None
        );
    }
}
