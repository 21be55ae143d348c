//! One pass over sorted scores that tries every threshold which decides differently.

use super::{Goal, curve::Group, goal::GoalFigures};
use crate::core::metrics::Counts;

/// A threshold and what it gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub threshold: f64,
    pub counts: Counts,
}

/// The best threshold for scores grouped by value, highest first; empty groups are skipped. O(groups), nothing is stored.
///
/// Candidates lie midway between neighbouring scores, and between the ends and 0 and 1, and so decide for none, some or all; the last
/// one is no higher than `untuned`.
/// Between equally good ones the nearest to `untuned` wins: nothing moves far without a gain. Scores below 0 are never decided
/// for. `None` without texts.
pub(super) fn best(groups: impl Iterator<Item = Group> + Clone, goal: Goal, untuned: f64) -> Option<Candidate> {
    let (mut n_positives, mut n_negatives) = (0, 0);
    for group in groups.clone() {
        n_positives += group.positives;
        n_negatives += group.negatives;
    }
    if n_positives + n_negatives == 0 {
        return None;
    }
    let (mut tp, mut fp) = (0, 0);
    let mut nearest = Best::new(goal, untuned);
    let mut candidate = |threshold: f64, tp: usize, fp: usize| {
        let counts = Counts {
            tp,
            fp,
            fn_: n_positives - tp,
            tn: n_negatives - fp,
        };
        nearest.offer(threshold, goal.figures(counts), counts);
    };
    let mut between = Between::default();
    for group in groups {
        if let Some(threshold) = between.before(group) {
            candidate(threshold, tp, fp);
        }
        if group.score >= 0.0 {
            (tp, fp) = (tp + group.positives, fp + group.negatives);
        }
    }
    candidate(between.last(untuned), tp, fp);
    nearest
        .found()
        .map(|(threshold, counts)| Candidate { threshold, counts })
}

/// Where thresholds lie that decide differently, as groups of scores come by, highest first.
pub(super) struct Between {
    above: f64,
    any: bool,
}

impl Default for Between {
    fn default() -> Self {
        Between { above: 1.0, any: false }
    }
}

impl Between {
    /// The threshold between the groups so far and the next one, unless that one is empty, no candidate, or a score of 1 at the top,
    /// which leaves no threshold in 0..=1 that decides for none.
    pub(super) fn before(&mut self, next: Group) -> Option<f64> {
        let score = f64::from(next.score);
        if next.positives + next.negatives == 0 || next.score < 0.0 {
            return None;
        }
        let threshold = (self.any || score < 1.0).then_some((self.above + score) / 2.0);
        (self.above, self.any) = (score, true);
        threshold
    }

    /// The threshold below all groups: the untuned one where that is as low, so that deciding for all leaves a label as it was.
    pub(super) fn last(&self, untuned: f64) -> f64 {
        (self.above / 2.0).min(untuned)
    }
}

/// The best of the candidates offered, between equals the nearest to the untuned threshold, between these the highest.
pub(super) struct Best<T> {
    goal: Goal,
    untuned: f64,
    found: Option<(f64, GoalFigures, T)>,
}

impl<T> Best<T> {
    pub(super) fn new(goal: Goal, untuned: f64) -> Self {
        Best {
            goal,
            untuned,
            found: None,
        }
    }

    /// Takes the candidate where it is better; thresholds come highest first.
    pub(super) fn offer(&mut self, threshold: f64, figures: GoalFigures, with: T) {
        let better = self.found.as_ref().is_none_or(|(known, best, _)| {
            let nearer = (threshold - self.untuned).abs() < (known - self.untuned).abs();
            let order = self.goal.compare_figures(figures, *best);
            order.is_gt() || (order.is_eq() && nearer)
        });
        if better {
            self.found = Some((threshold, figures, with));
        }
    }

    pub(super) fn found(self) -> Option<(f64, T)> {
        self.found.map(|(threshold, _, with)| (threshold, with))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::thresholds::ThresholdCurve;

    #[test]
    fn a_clean_gap_is_cut_in_the_middle() {
        let curve = ThresholdCurve::new(&[0.9, 0.7, 0.3, 0.1], &[true, true, false, false]);
        let best = best(curve.groups(), Goal::F1, 0.5).unwrap();
        assert!((best.threshold - 0.5).abs() < 1e-6);
        assert_eq!(best.counts.f1(), Some(1.0));
    }

    #[test]
    fn conditions_trade_one_figure_for_the_other() {
        let (scores, positives) = ([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [true, false, true, true, false, true]);
        let curve = ThresholdCurve::new(&scores, &positives);
        let at = |goal| best(curve.groups(), goal, 0.5).map(|best| (best.counts.tp, best.counts.fp));
        assert_eq!(at(Goal::PrecisionAtLeast(1.0)), Some((1, 0)));
        assert_eq!(at(Goal::PrecisionAtLeast(0.7)), Some((3, 1)));
        assert_eq!(at(Goal::RecallAtLeast(0.7)), Some((3, 1)));
        assert_eq!(at(Goal::RecallAtLeast(1.0)), Some((4, 2)));
        assert_eq!(at(Goal::Prior), Some((3, 1)));
        let costs = |false_positive, false_negative| Goal::Cost {
            false_positive,
            false_negative,
        };
        assert_eq!(at(costs(1.0, 9.0)), Some((4, 2)));
        assert_eq!(at(costs(9.0, 1.0)), Some((1, 0)));
        assert_eq!(at(Goal::AccuracyAtLeast(0.66)), Some((4, 2)));
    }

    #[test]
    fn no_texts_no_threshold() {
        assert_eq!(best(std::iter::empty(), Goal::F1, 0.5), None);
        let empty = Group {
            score: 0.4,
            positives: 0,
            negatives: 0,
        };
        assert_eq!(best(std::iter::once(empty), Goal::F1, 0.5), None);
    }

    pub(in crate::core::thresholds) fn any_goal() -> impl Strategy<Value = Goal> {
        prop_oneof![
            Just(Goal::F1),
            (0.2f64..4.0).prop_map(Goal::FBeta),
            (0f64..=1.0).prop_map(Goal::PrecisionAtLeast),
            (0f64..=1.0).prop_map(Goal::RecallAtLeast),
            (0f64..4.0, 0.1f64..4.0).prop_map(|(false_positive, false_negative)| Goal::Cost {
                false_positive,
                false_negative
            }),
            Just(Goal::Prior),
            (0f64..=1.0).prop_map(Goal::AccuracyAtLeast),
        ]
    }

    proptest! {
        #[test]
        fn no_threshold_does_better(
            texts in prop::collection::vec(((-1i8..=25).prop_map(|tick| if tick < 0 { -1.0 } else { f32::from(tick) / 25.0 }), any::<bool>()), 1..40),
            goal in any_goal(),
        ) {
            let (scores, positives): (Vec<f32>, Vec<bool>) = texts.iter().copied().unzip();
            let curve = ThresholdCurve::new(&scores, &positives);
            let best = best(curve.groups(), goal, 0.5).unwrap();
            prop_assert!((0.0..=1.0).contains(&best.threshold));
            prop_assert_eq!(curve.at(best.threshold), best.counts);
            for tick in 0..=1000 {
                let other = curve.at(f64::from(tick) / 1000.0);
                prop_assert!(goal.compare(other, best.counts).is_le(), "{} gives {:?}, {:?} chosen", tick, other, best);
            }
        }
    }
}
