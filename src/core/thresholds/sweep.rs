//! One pass over sorted scores that tries every threshold which decides differently.

use super::Objective;
use crate::core::metrics::Counts;

/// A threshold and what it gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub threshold: f64,
    pub counts: Counts,
}

/// The best threshold for scores grouped by value: (score, positives, negatives), highest first, empty groups skipped. O(groups).
///
/// Candidates lie midway between neighbouring scores, midway between the ends and 0 and 1, and so decide for none, some or all.
/// Between equally good ones the nearest to `untuned` wins: nothing moves far without a gain. Scores below 0 are never decided
/// for. `None` without texts.
pub(super) fn best(groups: &[(f32, usize, usize)], objective: Objective, untuned: f64) -> Option<Candidate> {
    let distance = |candidate: Candidate| (candidate.threshold - untuned).abs();
    candidates(groups).into_iter().reduce(|best, candidate| {
        let by_objective = objective.compare(candidate.counts, best.counts);
        let nearer = distance(candidate) < distance(best);
        if by_objective.is_gt() || (by_objective.is_eq() && nearer) {
            candidate
        } else {
            best
        }
    })
}

/// Every candidate, highest threshold first.
pub(super) fn candidates(groups: &[(f32, usize, usize)]) -> Vec<Candidate> {
    let occupied = || {
        groups
            .iter()
            .filter(|(_, positives, negatives)| positives + negatives > 0)
    };
    let (n_positives, n_negatives) = occupied().fold((0, 0), |sum, group| (sum.0 + group.1, sum.1 + group.2));
    let (mut tp, mut fp) = (0, 0);
    let mut above = 1.0;
    let mut candidates = Vec::with_capacity(groups.len() + 1);
    let mut between = |above: f64, below: f64, tp: usize, fp: usize| {
        let counts = Counts {
            tp,
            fp,
            fn_: n_positives - tp,
            tn: n_negatives - fp,
        };
        candidates.push(Candidate {
            threshold: (above + below) / 2.0,
            counts,
        });
    };
    for &(score, positives, negatives) in occupied().filter(|group| group.0 >= 0.0) {
        let score = f64::from(score);
        // A score of 1 at the top leaves no threshold in 0..=1 that decides for none.
        if tp + fp > 0 || score < 1.0 {
            between(above, score, tp, fp);
        }
        (tp, fp, above) = (tp + positives, fp + negatives, score);
    }
    if n_positives + n_negatives > 0 {
        between(above, 0.0, tp, fp);
    }
    candidates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::thresholds::ThresholdCurve;

    #[test]
    fn a_clean_gap_is_cut_in_the_middle() {
        let curve = ThresholdCurve::new(&[0.9, 0.7, 0.3, 0.1], &[true, true, false, false]);
        let best = best(&curve.groups(), Objective::F1, 0.5).unwrap();
        assert!((best.threshold - 0.5).abs() < 1e-6);
        assert_eq!(best.counts.f1(), Some(1.0));
    }

    #[test]
    fn conditions_trade_one_figure_for_the_other() {
        let (scores, positives) = ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [true, false, true, true, false, true]);
        let groups = ThresholdCurve::new(&scores, &positives).groups();
        let at = |objective| best(&groups, objective, 0.5).unwrap().counts;
        assert_eq!(
            at(Objective::PrecisionAtLeast(1.0)),
            Counts {
                tp: 1,
                fp: 0,
                fn_: 3,
                tn: 2
            }
        );
        assert_eq!(
            at(Objective::PrecisionAtLeast(0.7)),
            Counts {
                tp: 3,
                fp: 1,
                fn_: 1,
                tn: 1
            }
        );
        assert_eq!(
            at(Objective::RecallAtLeast(0.7)),
            Counts {
                tp: 3,
                fp: 1,
                fn_: 1,
                tn: 1
            }
        );
        assert_eq!(
            at(Objective::RecallAtLeast(1.0)),
            Counts {
                tp: 4,
                fp: 2,
                fn_: 0,
                tn: 0
            }
        );
    }

    #[test]
    fn no_texts_no_threshold() {
        assert_eq!(best(&[], Objective::F1, 0.5), None);
        assert_eq!(best(&[(0.4, 0, 0)], Objective::F1, 0.5), None);
    }

    proptest! {
        #[test]
        fn no_threshold_does_better(
            texts in prop::collection::vec(((-1i8..=25).prop_map(|tick| if tick < 0 { -1.0 } else { f32::from(tick) / 25.0 }), any::<bool>()), 1..40),
            objective in prop_oneof![Just(Objective::F1), (0.2f64..4.0).prop_map(Objective::FBeta), (0f64..=1.0).prop_map(Objective::PrecisionAtLeast), (0f64..=1.0).prop_map(Objective::RecallAtLeast)],
        ) {
            let (scores, positives): (Vec<f32>, Vec<bool>) = texts.iter().copied().unzip();
            let curve = ThresholdCurve::new(&scores, &positives);
            let best = best(&curve.groups(), objective, 0.5).unwrap();
            prop_assert!((0.0..=1.0).contains(&best.threshold));
            prop_assert_eq!(curve.at(best.threshold), best.counts);
            for tick in 0..=1000 {
                let other = curve.at(f64::from(tick) / 1000.0);
                prop_assert!(objective.compare(other, best.counts).is_le(), "{} gives {:?}, {:?} chosen", tick, other, best);
            }
        }
    }
}
