//! One threshold for all labels, tried at every score that any label has.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::sweep::{self, Best, Between};
use super::{Average, Goal, curve::Group, goal::GoalFigures};
use crate::core::TaskKind;
use crate::core::metrics::Counts;

/// The best common threshold. `labels`: the groups of each label's scores, highest first. `None` without texts.
///
/// O(scores · log labels), nothing is stored but a few numbers a label.
pub(super) fn best<G>(labels: &[G], task: TaskKind, goal: Goal, average: Average, untuned: f64) -> Option<f64>
where
    G: Iterator<Item = Group> + Clone,
{
    match average {
        Average::Micro => sweep::best(pooled(merged(labels)), goal, untuned).map(|best| best.threshold),
        Average::Macro => best_macro(labels, task, goal, untuned),
    }
}

fn best_macro<G>(labels: &[G], task: TaskKind, goal: Goal, untuned: f64) -> Option<f64>
where
    G: Iterator<Item = Group> + Clone,
{
    let mut counts: Vec<Counts> = labels.iter().map(|groups| nothing_decided(groups.clone())).collect();
    let mut means = Means::new(counts.len());
    for (label, counts) in counts.iter().enumerate() {
        means.set(label, entry(task, goal, *counts));
    }
    let mut best = Best::new(goal, untuned);
    let mut between = Between::default();
    let mut last_score = None;
    for (label, group) in merged(labels) {
        // Labels that share a score cross the line together.
        if last_score != Some(group.score) {
            if let Some(threshold) = between.before(group) {
                best.offer(threshold, means.mean(), ());
            }
            last_score = Some(group.score);
        }
        if let Some(counts) = counts.get_mut(label).filter(|_| group.score >= 0.0) {
            counts.tp += group.positives;
            counts.fn_ -= group.positives;
            counts.fp += group.negatives;
            counts.tn -= group.negatives;
            means.set(label, entry(task, goal, *counts));
        }
    }
    if counts.iter().all(|counts| counts.n() == 0) {
        return None;
    }
    best.offer(between.last(untuned), means.mean(), ());
    best.found().map(|(threshold, ())| threshold)
}

/// The figures that these counts of all labels give.
pub(super) fn figures(counts: &[Counts], task: TaskKind, goal: Goal, average: Average) -> GoalFigures {
    match average {
        Average::Micro => goal.figures(counts.iter().copied().sum()),
        Average::Macro => {
            let mut means = Means::new(counts.len());
            for (label, counts) in counts.iter().enumerate() {
                means.set(label, entry(task, goal, *counts));
            }
            means.mean()
        }
    }
}

fn nothing_decided(groups: impl Iterator<Item = Group>) -> Counts {
    groups.fold(Counts::default(), |counts, group| Counts {
        fn_: counts.fn_ + group.positives,
        tn: counts.tn + group.negatives,
        ..counts
    })
}

/// What a label adds to the means: its figures, and 1 for itself where it takes part.
fn entry(task: TaskKind, goal: Goal, counts: Counts) -> [f64; 3] {
    let takes_part = match task {
        TaskKind::SingleLabel => counts.support() + counts.n_decided() > 0,
        TaskKind::MultiLabel => counts.n() > 0,
    };
    match takes_part {
        true => {
            let [first, second] = goal.averaged_figures(counts);
            [first, second, 1.0]
        }
        false => [0.0; 3],
    }
}

/// Sums over labels where one changes at a time: a tree, so that a sum depends on its terms alone and never on the way there.
struct Means {
    /// The root is at 1, the leaves from `width` on.
    sums: Vec<[f64; 3]>,
    width: usize,
}

impl Means {
    fn new(n_labels: usize) -> Self {
        let width = n_labels.next_power_of_two();
        Means {
            sums: vec![[0.0; 3]; 2 * width],
            width,
        }
    }

    fn set(&mut self, label: usize, entry: [f64; 3]) {
        let mut at = self.width + label;
        self.sums[at] = entry;
        while at > 1 {
            at /= 2;
            let (left, right) = (self.sums[2 * at], self.sums[2 * at + 1]);
            self.sums[at] = std::array::from_fn(|i| left[i] + right[i]);
        }
    }

    fn mean(&self) -> GoalFigures {
        let [first, second, n] = self.sums.get(1).copied().unwrap_or_default();
        [first / n.max(1.0), second / n.max(1.0)]
    }
}

/// Adjacent groups of one score as one.
fn pooled(groups: impl Iterator<Item = (usize, Group)> + Clone) -> impl Iterator<Item = Group> + Clone {
    let mut groups = groups.map(|(_, group)| group).peekable();
    std::iter::from_fn(move || {
        let mut pooled = groups.next()?;
        while let Some(more) = groups.next_if(|next| next.score == pooled.score) {
            pooled.positives += more.positives;
            pooled.negatives += more.negatives;
        }
        Some(pooled)
    })
}

/// The groups of all labels, each with its label, highest score first.
fn merged<G: Iterator<Item = Group> + Clone>(labels: &[G]) -> Merged<G> {
    let mut rest = labels.to_vec();
    let heads = rest.iter_mut().enumerate();
    let heads = heads.filter_map(|(label, groups)| groups.next().map(|group| Head { label, group }));
    Merged {
        heads: heads.collect(),
        rest,
    }
}

#[derive(Clone)]
struct Merged<G> {
    heads: BinaryHeap<Head>,
    rest: Vec<G>,
}

impl<G: Iterator<Item = Group>> Iterator for Merged<G> {
    type Item = (usize, Group);

    fn next(&mut self) -> Option<(usize, Group)> {
        let mut top = self.heads.peek_mut()?;
        let Head { label, group } = *top;
        match self.rest.get_mut(label).and_then(Iterator::next) {
            Some(group) => *top = Head { label, group },
            None => drop(std::collections::binary_heap::PeekMut::pop(top)),
        }
        Some((label, group))
    }
}

/// The next group of a label; the greatest has the highest score and, among these, the first label.
#[derive(Clone, Copy)]
struct Head {
    label: usize,
    group: Group,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.group.score.total_cmp(&other.group.score);
        by_score.then(other.label.cmp(&self.label))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sweep::tests::any_goal;
    use super::super::{ThresholdCurve, curves};
    use super::*;
    use crate::core::metrics::{DecisionRule, ScoreMatrix, default_threshold};

    /// The figures a common threshold gives, counted from nothing.
    fn counted(curves: &[ThresholdCurve], task: TaskKind, goal: Goal, average: Average, threshold: f64) -> [f64; 2] {
        let counts: Vec<Counts> = curves.iter().map(|curve| curve.at(threshold)).collect();
        match average {
            Average::Micro => goal.figures(counts.into_iter().sum()),
            Average::Macro => {
                let entries: Vec<_> = counts.iter().map(|counts| entry(task, goal, *counts)).collect();
                let sum = |i: usize| entries.iter().map(|entry| entry[i]).sum::<f64>();
                [sum(0) / sum(2).max(1.0), sum(1) / sum(2).max(1.0)]
            }
        }
    }

    proptest! {
        #[test]
        fn no_common_threshold_does_better(
            rows in prop::collection::vec((prop::array::uniform3(0u8..=20), prop::collection::btree_set(0usize..3, 0..3)), 1..25),
            single in any::<bool>(),
            micro in any::<bool>(),
            goal in any_goal(),
        ) {
            let task = if single { TaskKind::SingleLabel } else { TaskKind::MultiLabel };
            let average = if micro { Average::Micro } else { Average::Macro };
            let scores = ScoreMatrix::from_rows(3, rows.iter().map(|(row, _)| row.map(|tick| f32::from(tick) / 20.0))).unwrap();
            let truth: Vec<Vec<usize>> = rows.iter().map(|(_, labels)| labels.iter().copied().collect()).collect();
            let curves = curves(DecisionRule::new(task, &[]), &scores, &truth);
            let groups: Vec<_> = curves.iter().map(ThresholdCurve::groups).collect();
            let best = best(&groups, task, goal, average, default_threshold(task)).unwrap();
            prop_assert!((0.0..=1.0).contains(&best));
            let chosen = counted(&curves, task, goal, average, best);
            // Every threshold that decides differently lies between two of these.
            for tick in 0..=80 {
                let other = counted(&curves, task, goal, average, f64::from(tick) / 80.0);
                let close = (0..2).all(|i| (other[i] - chosen[i]).abs() < 1e-9);
                prop_assert!(close || goal.compare_figures(other, chosen).is_le(), "{tick} gives {other:?}, {chosen:?} chosen");
            }
        }
    }
}
