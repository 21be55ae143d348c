//! A threshold for every label of a run.

use std::fmt;

use serde::Serialize;

use super::band::common_band;
use super::curve::Group;
use super::{Average, Band, Goal, Objective, Scope, ThresholdCurve, band, common, sweep};
use crate::core::metrics::{Counts, default_threshold};
use crate::core::{ColumnTree, TaskKind};

/// Labels with fewer positives are drawn towards the threshold of all labels together.
pub const FEW_POSITIVES: usize = 10;

/// Scores drawn for one band.
const MOST_DRAWS: usize = 20_000_000;

/// With fewer resamples the ends of a band say nothing.
const FEWEST_RESAMPLES: usize = 20;

/// How to tune.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TuneOptions<'a> {
    /// Whether labels exclude each other. The untuned threshold ([`default_threshold`]) stays where there are no texts to choose on, and
    /// breaks ties.
    pub task: TaskKind,
    /// The tree that labels form: no label is chosen a lower threshold than the one above it, which would decide instead.
    pub tree: Option<&'a ColumnTree>,
    /// What the labels above have to reach where these are not chosen anew, one a label; `None`: all are chosen, from the top down.
    pub above: Option<&'a [f64]>,
    /// Labels with fewer positives are drawn towards the threshold of all labels together.
    pub few_positives: usize,
    /// Resamples behind each band; 0: no bands. Fewer, and with many texts none, are drawn where that would take minutes.
    pub n_resamples: usize,
    /// The same seed gives the same bands; thresholds do not depend on it.
    pub seed: u64,
}

impl TuneOptions<'_> {
    /// The usual ones.
    pub fn new(task: TaskKind) -> Self {
        TuneOptions {
            task,
            tree: None,
            above: None,
            few_positives: FEW_POSITIVES,
            n_resamples: 200,
            seed: 0,
        }
    }

    fn untuned(&self) -> f64 {
        default_threshold(self.task)
    }

    /// Resamples of `n` scores each, so that all take seconds at most.
    fn n_affordable(&self, n: usize) -> usize {
        let n_resamples = self.n_resamples.min(MOST_DRAWS / n.max(1));
        if n_resamples < FEWEST_RESAMPLES.min(self.n_resamples) {
            0
        } else {
            n_resamples
        }
    }
}

/// What a person should know about a chosen threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Remark {
    /// No text carries the label: it gets the threshold of all labels together.
    NoPositives,
    /// Every text carries the label: there is nothing to tell apart.
    NoNegatives,
    /// Few texts carry the label: its own best threshold was drawn towards that of all labels together.
    FewPositives {
        /// What this label alone would have chosen.
        own: f64,
    },
    /// No threshold reaches the objective's condition, or the chosen one does not.
    ConditionMissed,
    /// In a tree: a lower threshold than that of the labels above it would change nothing.
    AsAbove,
}

/// The threshold of one label.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TunedLabel {
    /// In 0..=1.
    pub threshold: f64,
    /// Texts that carry the label.
    pub n_positives: usize,
    /// The 2×2 table at the untuned threshold.
    pub before: Counts,
    /// The 2×2 table at the chosen threshold, on the texts it was chosen on: an optimistic figure.
    pub after: Counts,
    /// How far the label's own best threshold moves between resamples.
    pub band: Option<Band>,
    /// What to know about it.
    pub remarks: Vec<Remark>,
}

/// Thresholds of all labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tuned {
    /// What they were chosen for.
    pub objective: Objective,
    /// The best single threshold for all labels: what the objective asks for, or what labels with few positives are drawn towards.
    pub common: f64,
    /// Whether the objective asks for one threshold and none reaches its condition.
    pub missed: bool,
    /// In column order.
    pub labels: Vec<TunedLabel>,
}

impl Tuned {
    /// One threshold a label, in column order.
    pub fn thresholds(&self) -> Vec<f64> {
        self.labels.iter().map(|label| label.threshold).collect()
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::NoPositives => f.write_str("no examples: the threshold of all labels together"),
            Remark::NoNegatives => f.write_str("every text carries it: nothing to tell apart"),
            Remark::FewPositives { own } => {
                write!(
                    f,
                    "few examples: drawn from {own:.2} towards the threshold of all labels together"
                )
            }
            Remark::ConditionMissed => f.write_str("the condition is not reached"),
            Remark::AsAbove => f.write_str("the threshold of the label above it: a lower one would change nothing"),
        }
    }
}

/// Chooses a threshold for every label from their curves ([`super::curves`]).
///
/// For each label on its own: a label with `n` positives, fewer than `few_positives`, gets `w · own + (1 − w) · common` with
/// `w = n / few_positives`: its own optimum rests on too few texts to be believed alone. With a common threshold every label gets it.
/// What a text without any label gets instead is no part of the choice. In a tree labels are chosen for from the top down, each at the scores
/// that reach what is above it, so that thresholds do not fall along a path. O(labels · (texts · log labels + resamples · texts)).
pub fn tune(curves: &[ThresholdCurve], objective: Objective, options: &TuneOptions<'_>) -> Tuned {
    let (goal, task) = (objective.goal(), options.task);
    let groups: Vec<_> = curves.iter().map(ThresholdCurve::groups).collect();
    let average = match objective.scope() {
        Scope::EachLabel => Average::Micro,
        Scope::Common(average) => average,
    };
    let any_positive = curves.iter().any(|curve| curve.n_positives() > 0);
    let common = any_positive.then(|| common::best(&groups, task, goal, average, options.untuned()));
    let common = common.flatten().unwrap_or(options.untuned());
    let (labels, missed) = match objective.scope() {
        Scope::EachLabel => {
            let tuned = |at: usize, curve: &ThresholdCurve, least: f64| {
                tune_label(
                    curve,
                    goal,
                    common,
                    options.seed.wrapping_add(at as u64),
                    least,
                    options,
                )
            };
            let labels = match options.tree {
                None => curves
                    .iter()
                    .enumerate()
                    .map(|(at, curve)| tuned(at, curve, 0.0))
                    .collect(),
                Some(tree) => from_the_top(tree, curves, options.above, tuned),
            };
            (labels, false)
        }
        Scope::Common(average) => tune_common(curves, goal, average, common, options),
    };
    Tuned {
        objective,
        common,
        missed: missed && any_positive,
        labels,
    }
}

/// Labels after those above them: `tuned` hears the column, its curve and the lowest threshold that changes anything.
fn from_the_top(
    tree: &ColumnTree,
    curves: &[ThresholdCurve],
    above: Option<&[f64]>,
    tuned: impl Fn(usize, &ThresholdCurve, f64) -> TunedLabel,
) -> Vec<TunedLabel> {
    let mut thresholds = vec![0.0_f64; curves.len()];
    let mut labels: Vec<(usize, TunedLabel)> = Vec::with_capacity(curves.len());
    for (column, curve) in tree.order().iter().filter_map(|at| Some((*at, curves.get(*at)?))) {
        let least = tree
            .parent(column)
            .and_then(|parent| above.unwrap_or(&thresholds).get(parent).copied());
        let label = tuned(column, curve, least.unwrap_or(0.0));
        if let Some(threshold) = thresholds.get_mut(column) {
            *threshold = label.threshold;
        }
        labels.push((column, label));
    }
    labels.sort_by_key(|(column, _)| *column);
    labels.into_iter().map(|(_, label)| label).collect()
}

/// Every label at the common threshold, and whether it misses the goal's condition.
fn tune_common(
    curves: &[ThresholdCurve],
    goal: Goal,
    average: Average,
    common: f64,
    options: &TuneOptions<'_>,
) -> (Vec<TunedLabel>, bool) {
    let n_resamples = options.n_affordable(curves.iter().map(ThresholdCurve::n).sum());
    let band = common_band(curves, options.task, (goal, average), n_resamples, options.seed);
    let label = |curve: &ThresholdCurve| TunedLabel {
        threshold: common,
        n_positives: curve.n_positives(),
        before: curve.at(options.untuned()),
        after: curve.at(common),
        band,
        remarks: Vec::new(),
    };
    let labels: Vec<TunedLabel> = curves.iter().map(label).collect();
    let counts: Vec<Counts> = labels.iter().map(|label| label.after).collect();
    let missed = !goal.is_met_by(common::figures(&counts, options.task, goal, average));
    (labels, missed)
}

/// `least`: lower scores are never decided for.
fn tune_label(
    curve: &ThresholdCurve,
    goal: Goal,
    common: f64,
    seed: u64,
    least: f64,
    options: &TuneOptions<'_>,
) -> TunedLabel {
    let n_positives = curve.n_positives();
    let mut remarks = Vec::new();
    let decidable = |group: Group| match f64::from(group.score) < least {
        true => Group { score: -1.0, ..group },
        false => group,
    };
    let own = sweep::best(curve.groups().map(decidable), goal, options.untuned()).map(|best| best.threshold);
    let threshold = match own {
        None => common,
        Some(_) if n_positives == 0 => {
            remarks.push(Remark::NoPositives);
            common
        }
        Some(own) if n_positives < options.few_positives => {
            remarks.push(Remark::FewPositives { own });
            let weight = n_positives as f64 / options.few_positives as f64;
            weight * own + (1.0 - weight) * common
        }
        Some(own) => own,
    };
    if threshold < least {
        remarks.push(Remark::AsAbove);
    }
    let threshold = threshold.max(least);
    if n_positives > 0 && n_positives == curve.n() {
        remarks.push(Remark::NoNegatives);
    }
    let after = curve.at(threshold);
    if n_positives > 0 && !goal.is_met(after) {
        remarks.push(Remark::ConditionMissed);
    }
    let n_resamples = options.n_affordable(curve.n());
    TunedLabel {
        threshold,
        n_positives,
        before: curve.at(options.untuned()),
        after,
        band: band(curve, goal, options.untuned(), n_resamples, seed).map(|band| Band {
            low: band.low.max(least),
            high: band.high.max(least),
        }),
        remarks,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::Walk;
    use crate::core::metrics::{
        DEFAULT_THRESHOLD, DecisionRule, ScoreMatrix, TreeRule, count_per_label, macro_average,
    };

    fn curves(task: TaskKind, scores: &ScoreMatrix, truth: &[Vec<usize>]) -> Vec<ThresholdCurve> {
        crate::core::thresholds::curves(DecisionRule::new(task, &[]), scores, truth)
    }

    const MULTI: TaskKind = TaskKind::MultiLabel;

    fn alone() -> TuneOptions<'static> {
        TuneOptions {
            few_positives: 0,
            n_resamples: 0,
            ..TuneOptions::new(MULTI)
        }
    }

    /// 40 texts; label 0 on 20 of them above 0.3, label 1 on 3 of them above 0.8, label 2 on none.
    fn example() -> (ScoreMatrix, Vec<Vec<usize>>) {
        let truth: Vec<Vec<usize>> = (0..40)
            .map(|i| {
                (if i < 20 { vec![0] } else { vec![] })
                    .into_iter()
                    .chain((i < 3).then_some(1))
                    .collect()
            })
            .collect();
        let rows = (0..40).map(|i| {
            let frequent = if i < 20 {
                0.31 + i as f32 / 100.0
            } else {
                0.29 - (i - 20) as f32 / 100.0
            };
            let rare = if i < 3 { 0.9 } else { 0.7 };
            [frequent, rare, 0.2]
        });
        (ScoreMatrix::from_rows(3, rows).unwrap(), truth)
    }

    #[test]
    fn thresholds_follow_the_scores_and_few_examples_are_shrunk() {
        let (scores, truth) = example();
        let tuned = tune(
            &curves(MULTI, &scores, &truth),
            Goal::F1.into(),
            &TuneOptions::new(MULTI),
        );
        let [frequent, rare, never] = tuned.labels.as_slice() else {
            panic!("three labels")
        };
        assert!((frequent.threshold - 0.3).abs() < 1e-6);
        assert_eq!((frequent.after.f1(), frequent.remarks.as_slice()), (Some(1.0), &[][..]));
        assert!(frequent.before.f1() < frequent.after.f1());
        let Some(&Remark::FewPositives { own }) = rare.remarks.first() else {
            panic!("{:?}", rare.remarks)
        };
        assert!((own - 0.8).abs() < 1e-6);
        assert!((rare.threshold - (0.3 * own + 0.7 * tuned.common)).abs() < 1e-9);
        assert_eq!(
            (never.threshold, never.remarks.as_slice()),
            (tuned.common, &[Remark::NoPositives][..])
        );
        assert_eq!(tuned.thresholds().len(), 3);
    }

    #[test]
    fn without_shrinking_every_label_keeps_its_own() {
        let (scores, truth) = example();
        let options = TuneOptions {
            few_positives: 0,
            ..TuneOptions::new(MULTI)
        };
        let tuned = tune(&curves(MULTI, &scores, &truth), Goal::F1.into(), &options);
        assert!((tuned.labels[1].threshold - 0.8).abs() < 1e-6);
        assert!(tuned.labels[1].band.is_some());
    }

    #[test]
    fn a_condition_out_of_reach_is_said() {
        let scores = ScoreMatrix::from_rows(1, [[0.9], [0.8], [0.1]]).unwrap();
        let curves = curves(MULTI, &scores, &[vec![], vec![0], vec![]]);
        let tuned = tune(&curves, Goal::PrecisionAtLeast(0.9).into(), &alone());
        assert_eq!(tuned.labels[0].remarks, [Remark::ConditionMissed]);
        assert_eq!(
            tuned.labels[0].after,
            Counts {
                tp: 1,
                fp: 1,
                fn_: 0,
                tn: 1
            }
        );
    }

    #[test]
    fn a_single_label_keeps_its_answers_unless_abstaining_helps() {
        // Three texts whose best label is the only one, all right, and one that is wrong and unsure.
        let curve = |truth: [bool; 5]| ThresholdCurve::new(&[0.9, 0.8, 0.7, 0.4, -1.0], &truth);
        let options = TuneOptions {
            task: TaskKind::SingleLabel,
            ..alone()
        };
        let tuned = |truth| {
            let tuned = tune(&[curve(truth)], Goal::F1.into(), &options);
            let counts = tuned.labels[0].after;
            (tuned.labels[0].threshold, [counts.tp, counts.fp, counts.fn_, counts.tn])
        };
        let (threshold, counts) = tuned([true, true, true, false, true]);
        assert!((threshold - 0.55).abs() < 1e-6);
        assert_eq!(counts, [3, 0, 1, 1]);
        let (threshold, counts) = tuned([true; 5]);
        assert!((0.0..0.4).contains(&threshold));
        assert_eq!(counts, [4, 0, 1, 0]);
    }

    #[test]
    fn abstaining_answers_as_much_as_the_accuracy_allows() {
        let rows = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]];
        let scores = ScoreMatrix::from_rows(2, rows).unwrap();
        let known = curves(TaskKind::SingleLabel, &scores, &[vec![0], vec![1], vec![1], vec![1]]);
        let options = TuneOptions {
            task: TaskKind::SingleLabel,
            ..alone()
        };
        let tuned = |least| tune(&known, Goal::AccuracyAtLeast(least).into(), &options);
        assert_eq!(
            tuned(0.75).thresholds(),
            [0.0; 2],
            "all are answered where that is good enough"
        );
        let careful = tuned(0.9);
        assert!((careful.common - 0.75).abs() < 1e-6 && !careful.missed, "{careful:?}");
        assert_eq!(careful.thresholds(), [careful.common; 2]);
        let wrong = curves(TaskKind::SingleLabel, &scores, &[vec![1], vec![1], vec![1], vec![1]]);
        assert!(tune(&wrong, Goal::AccuracyAtLeast(0.9).into(), &options).missed);
    }

    #[test]
    fn no_texts_keep_the_default() {
        let curves = vec![ThresholdCurve::default(); 2];
        for objective in ["f1", "common:f1", "common-micro:prior", "cost:1:1"] {
            let tuned = tune(&curves, objective.parse().unwrap(), &TuneOptions::new(MULTI));
            assert_eq!(tuned.thresholds(), [DEFAULT_THRESHOLD; 2]);
        }
    }

    proptest! {
        /// In a tree the tables that tuning reports are those of whole paths, and thresholds do not fall along a path.
        #[test]
        fn along_a_path_thresholds_do_not_fall(
            parents in prop::collection::vec(any::<prop::sample::Index>(), 1..8),
            texts in prop::collection::vec((prop::array::uniform8(0u8..=12), any::<prop::sample::Index>()), 1..30),
            single in any::<bool>(),
            only in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let parent = |(at, pick): (usize, &prop::sample::Index)| pick.index(at + 1).checked_sub(1);
            let tree = ColumnTree::from_parents(parents.iter().enumerate().map(parent).collect()).unwrap();
            let task = if single { TaskKind::SingleLabel } else { MULTI };
            let row = |ticks: &[u8; 8]| {
                let mut row: Vec<f32> = ticks[..tree.len()].iter().map(|tick| f32::from(*tick) / 12.0).collect();
                tree.bound(&mut row);
                row
            };
            let scores = ScoreMatrix::from_rows(tree.len(), texts.iter().map(|(ticks, _)| row(ticks))).unwrap();
            let truth: Vec<Vec<usize>> = texts.iter().map(|(_, end)| tree.closed(&[end.index(tree.len())])).collect();
            let in_tree = TreeRule { tree: &tree, walk: Walk::BestPath };
            let rule = DecisionRule { tree: Some(in_tree), ..DecisionRule::new(task, &[]) };
            let curves = crate::core::thresholds::curves(rule, &scores, &truth);
            let options = TuneOptions { task, tree: Some(&tree), few_positives: 3, n_resamples: 0, ..TuneOptions::new(task) };
            let tuned = tune(&curves, Goal::F1.into(), &options);
            let mut thresholds = tuned.thresholds();
            prop_assert_eq!(&tree.thresholds_of_paths(|label| thresholds[label]), &thresholds);
            if let Some(only) = only.map(|pick| pick.index(tree.len())) {
                let above = rule.effective_thresholds(tree.len());
                let alone = tune(&curves, Goal::F1.into(), &TuneOptions { above: Some(&above), ..options });
                thresholds = vec![default_threshold(task); tree.len()];
                thresholds[only] = alone.labels[only].threshold;
                let decided = DecisionRule { thresholds: &thresholds, ..rule }.decide_all(&scores);
                prop_assert_eq!(alone.labels[only].after, count_per_label(&truth, &decided, tree.len())[only]);
            } else {
                let decided = DecisionRule { thresholds: &thresholds, ..rule }.decide_all(&scores);
                let after: Vec<Counts> = tuned.labels.iter().map(|label| label.after).collect();
                prop_assert_eq!(after, count_per_label(&truth, &decided, tree.len()));
            }
        }

        /// The usual loop tries 0.05, 0.10, …, 0.95 for each label.
        #[test]
        fn a_grid_is_never_better(
            rows in prop::collection::vec((prop::array::uniform3(0f32..=1.0), prop::collection::btree_set(0usize..3, 0..3)), 1..40),
        ) {
            let scores = ScoreMatrix::from_rows(3, rows.iter().map(|(row, _)| *row)).unwrap();
            let truth: Vec<Vec<usize>> = rows.iter().map(|(_, labels)| labels.iter().copied().collect()).collect();
            let curves = curves(MULTI, &scores, &truth);
            let macro_f1 = |counts: &[Counts]| macro_average(MULTI, counts).f1.unwrap();
            let ours: Vec<Counts> = tune(&curves, Goal::F1.into(), &alone()).labels.iter().map(|label| label.after).collect();
            let at_best_step = |curve: &ThresholdCurve| {
                let steps = (1..20).map(|step| curve.at(f64::from(step) * 0.05));
                steps.max_by(|a, b| a.f1().partial_cmp(&b.f1()).unwrap()).unwrap()
            };
            let grid: Vec<Counts> = curves.iter().map(at_best_step).collect();
            prop_assert!(macro_f1(&ours) >= macro_f1(&grid) - 1e-12);
            for (ours, grid) in ours.iter().zip(&grid) {
                prop_assert!(ours.support() == 0 || ours.f1() >= grid.f1());
            }
            // One threshold for all, against the same grid.
            let common: Vec<Counts> = tune(&curves, "common-macro:f1".parse().unwrap(), &alone()).labels.iter().map(|label| label.after).collect();
            for step in 1..20 {
                let step: Vec<Counts> = curves.iter().map(|curve| curve.at(f64::from(step) * 0.05)).collect();
                prop_assert!(macro_f1(&common) >= macro_f1(&step) - 1e-9);
            }
        }
    }
}
