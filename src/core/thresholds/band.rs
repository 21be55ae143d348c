//! How far the best threshold would move had other texts been labelled.

use serde::Serialize;

use super::{Average, Goal, ThresholdCurve, common, curve::Group, sweep};
use crate::core::TaskKind;
use crate::core::metrics::bootstrap::{draw, quantile};
use crate::core::metrics::default_threshold;
use crate::core::rng::stream;

/// The middle nine tenths of the resampled best thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Band {
    /// 5th percentile.
    pub low: f64,
    /// 95th percentile.
    pub high: f64,
}

/// Chooses the threshold of one label again on `n_resamples` bootstrap samples, positives and negatives each drawn among
/// themselves.
///
/// `untuned` breaks ties, as when the threshold was chosen. `None` with fewer than two positives or no negatives. The same
/// seed gives the same band. O(resamples · texts).
pub fn band(curve: &ThresholdCurve, goal: Goal, untuned: f64, n_resamples: usize, seed: u64) -> Option<Band> {
    let mut resample: Vec<Group> = curve.groups().collect();
    let owners = |count: fn(&Group) -> usize| -> Vec<usize> {
        let repeated = resample.iter().enumerate();
        repeated
            .flat_map(|(at, group)| std::iter::repeat_n(at, count(group)))
            .collect()
    };
    let (positives, negatives) = (owners(|group| group.positives), owners(|group| group.negatives));
    if positives.len() < 2 || negatives.is_empty() {
        return None;
    }
    let mut rng = stream(seed, "threshold band");
    let mut thresholds = Vec::with_capacity(n_resamples);
    for _ in 0..n_resamples {
        resample
            .iter_mut()
            .for_each(|group| (group.positives, group.negatives) = (0, 0));
        for _ in 0..positives.len() {
            resample[positives[draw(&mut rng, positives.len())]].positives += 1;
        }
        for _ in 0..negatives.len() {
            resample[negatives[draw(&mut rng, negatives.len())]].negatives += 1;
        }
        thresholds.extend(sweep::best(resample.iter().copied(), goal, untuned).map(|best| best.threshold));
    }
    middle(thresholds)
}

/// Chooses a common threshold again on `n_resamples` bootstrap samples of whole texts. `None` with fewer than two texts.
/// O(resamples · texts · labels · log labels).
pub(super) fn common_band(
    curves: &[ThresholdCurve],
    task: TaskKind,
    (goal, average): (Goal, Average),
    n_resamples: usize,
    seed: u64,
) -> Option<Band> {
    let n_texts = curves.iter().map(ThresholdCurve::n).max().filter(|n| *n > 1)?;
    let mut rng = stream(seed, "threshold band");
    let mut thresholds = Vec::with_capacity(n_resamples);
    for _ in 0..n_resamples {
        let mut times = vec![0_usize; n_texts];
        for _ in 0..n_texts {
            times[draw(&mut rng, n_texts)] += 1;
        }
        let weight = |row: u32| times.get(row as usize).copied().unwrap_or(0);
        let groups: Vec<Vec<Group>> = curves.iter().map(|curve| curve.groups_by(weight).collect()).collect();
        let groups: Vec<_> = groups.iter().map(|groups| groups.iter().copied()).collect();
        thresholds.extend(common::best(&groups, task, goal, average, default_threshold(task)));
    }
    middle(thresholds)
}

fn middle(mut thresholds: Vec<f64>) -> Option<Band> {
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
            let band = band(&overlapping(n), Goal::F1, 0.5, 200, 1).unwrap();
            assert!(0.0 <= band.low && band.low <= band.high && band.high <= 1.0);
            band.high - band.low
        };
        assert!(width(10) > width(400), "{} {}", width(10), width(400));
    }

    #[test]
    fn the_seed_decides_and_one_positive_is_too_few() {
        let curve = overlapping(12);
        assert_eq!(band(&curve, Goal::F1, 0.5, 50, 7), band(&curve, Goal::F1, 0.5, 50, 7));
        assert_ne!(band(&curve, Goal::F1, 0.5, 50, 7), band(&curve, Goal::F1, 0.5, 50, 8));
        assert_eq!(
            band(&ThresholdCurve::new(&[0.8, 0.1], &[true, false]), Goal::F1, 0.5, 50, 7),
            None
        );
    }

    #[test]
    fn every_goal_has_a_band_around_its_optimum() {
        let curve = overlapping(200);
        let costs = Goal::Cost {
            false_positive: 1.0,
            false_negative: 4.0,
        };
        for goal in [
            Goal::F1,
            Goal::FBeta(2.0),
            Goal::PrecisionAtLeast(0.8),
            Goal::RecallAtLeast(0.8),
            costs,
            Goal::Prior,
        ] {
            let best = sweep::best(curve.groups(), goal, 0.5).unwrap().threshold;
            let alone = band(&curve, goal, 0.5, 100, 1).unwrap();
            let both = [curve.clone(), curve.clone()];
            for average in [Average::Macro, Average::Micro] {
                let common = common_band(&both, TaskKind::MultiLabel, (goal, average), 60, 1).unwrap();
                for band in [alone, common] {
                    assert!(band.low <= best && best <= band.high, "{goal}: {best} in {band:?}");
                    assert!(band.high - band.low < 0.4, "{goal}: {band:?}");
                }
            }
        }
    }
}
