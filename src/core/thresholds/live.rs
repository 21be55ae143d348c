//! Every figure while a line is dragged: each move costs the texts it carries across, not all of them.

use std::sync::Arc;

use serde::Serialize;

use super::ThresholdCurve;
use crate::core::metrics::{
    Counts, DecisionRule, ScoreMatrix, highest, macro_average, micro_average, weighted_average,
};
use crate::core::{ColumnTree, TaskKind};

/// From this part of all texts on, those that cross a line are put in the order of their rows first.
const MANY: usize = 16;

/// Counters a label where many texts cross, in turn, so that no sum waits for the one before it.
const N_LANES: usize = 4;

/// A decision rule on scored texts, with all its figures kept up to date. Memory 8 bytes a text besides the curves, which are shared.
///
/// Two counters a text, how many labels it has and how many of its labels are wrong, follow the texts that cross a line; sums over texts
/// follow the counters. Precision, recall and F1 of a label are looked up in its curve. For up to 65,535 labels.
///
/// In a tree a label's line also holds for the labels below it: moving it moves the lines of those that had a lower one.
#[derive(Debug, Clone)]
pub struct Live {
    task: TaskKind,
    /// The task that decisions are judged by.
    judged: TaskKind,
    tree: Option<Arc<ColumnTree>>,
    curves: Arc<Vec<ThresholdCurve>>,
    /// Of each label alone.
    thresholds: Vec<f64>,
    /// What its score has to reach: in a tree the highest threshold on the path to it.
    effective: Vec<f64>,
    at_least_one: bool,
    /// How many texts each label is decided for, by its threshold alone.
    n_decided: Vec<usize>,
    texts: Vec<TextState>,
    /// What labels would win among texts without one, by giving each its best: (true, not true).
    without: Vec<[i64; 2]>,
    sums: Sums,
}

/// One text at the thresholds as they are. 8 bytes, so that a line of cache holds eight.
#[derive(Debug, Clone, Copy)]
struct TextState {
    /// Labels at their threshold.
    n_labels: u16,
    /// Labels of these that are not true, and true ones that are missing.
    n_wrong: u16,
    /// The label with the highest score.
    best: u16,
    /// Labels that it would be given with that one: 1, or all on the path to it.
    n_best: u8,
    /// How many of these are true, which are the first of the path.
    n_best_true: u8,
}

impl TextState {
    fn is_without(self) -> bool {
        self.n_labels == 0
    }

    /// Whether exactly the true labels are decided.
    fn is_exact(self) -> bool {
        self.n_wrong == 0
    }

    /// [`TextState::is_exact`] where a text without a label gets its best one: that must be true, and all that is missing.
    fn is_exact_with_best(self) -> bool {
        match self.is_without() {
            true => self.n_best_true == self.n_best && self.n_wrong == u16::from(self.n_best),
            false => self.n_wrong == 0,
        }
    }
}

/// Over all texts.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n_without: i64,
    n_exact: i64,
    n_exact_with_best: i64,
}

/// The figures over all labels. `None` is undefined, shown as –.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Headline {
    /// Mean F1 over labels.
    pub macro_f1: Option<f64>,
    /// F1 of all decisions together.
    pub micro_f1: Option<f64>,
    /// Mean F1 over labels by their support.
    pub weighted_f1: Option<f64>,
    /// Share of wrong text–label cells (single-label: of texts).
    pub hamming_loss: Option<f64>,
    /// Share of texts decided exactly right: subset accuracy, and accuracy where labels exclude each other.
    pub exact: Option<f64>,
    /// Texts that get no label (single-label: that are not answered).
    pub n_without: usize,
    /// Single-label: share of the texts that are answered.
    pub coverage: Option<f64>,
    /// Single-label: share of the answers that are right; in a tree, whose whole path is.
    pub answered_accuracy: Option<f64>,
}

impl Live {
    /// At the thresholds of `rule`. `curves`: those of `scores` and `truth` ([`super::curves`]). O(texts · labels).
    pub fn new(
        curves: Arc<Vec<ThresholdCurve>>,
        scores: &ScoreMatrix,
        truth: &[Vec<usize>],
        rule: DecisionRule<'_>,
    ) -> Self {
        let tree = rule.tree.map(|rule| rule.tree);
        let text = |(row, truth): (&[f32], &Vec<usize>)| {
            let best = highest(row).map_or(0, |(label, _)| label);
            let path = tree.map_or_else(|| vec![best], |tree| tree.path(best));
            TextState {
                n_labels: 0,
                n_wrong: truth.len() as u16,
                best: best as u16,
                n_best: path.len() as u8,
                n_best_true: path.iter().filter(|label| truth.contains(label)).count() as u8,
            }
        };
        let texts: Vec<TextState> = scores.rows().zip(truth).map(text).collect();
        let mut without = vec![[0, 0]; curves.len()];
        let mut sums = Sums::default();
        for text in &texts {
            sums.n_without += 1;
            sums.n_exact += i64::from(text.is_exact());
            sums.n_exact_with_best += i64::from(text.is_exact_with_best());
            count_best(tree, &mut without, *text, 1);
        }
        let mut live = Live {
            task: rule.task,
            judged: rule.judged_task(),
            tree: tree.map(|tree| Arc::new(tree.clone())),
            thresholds: vec![f64::INFINITY; curves.len()],
            effective: vec![f64::INFINITY; curves.len()],
            at_least_one: rule.at_least_one && rule.task == TaskKind::MultiLabel,
            n_decided: vec![0; curves.len()],
            curves,
            texts,
            without,
            sums,
        };
        live.set_all(rule.thresholds);
        live
    }

    /// The thresholds as they are, one a label.
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// What the score of each label has to reach: its threshold, in a tree the highest on the path to it.
    pub fn effective(&self) -> &[f64] {
        &self.effective
    }

    /// Moves every line to its threshold; those that are there already cost nothing.
    pub fn set_all(&mut self, thresholds: &[f64]) {
        for (known, threshold) in self.thresholds.iter_mut().zip(thresholds) {
            *known = *threshold;
        }
        let effective = match &self.tree {
            Some(tree) => tree.thresholds_of_paths(|label| self.thresholds.get(label).copied().unwrap_or(0.0)),
            None => self.thresholds.clone(),
        };
        for (label, threshold) in effective.into_iter().enumerate() {
            self.cross(label, threshold);
        }
    }

    /// Whether a text without a label gets its best one. O(1). No effect where labels exclude each other.
    pub fn set_at_least_one(&mut self, at_least_one: bool) {
        self.at_least_one = at_least_one && self.task == TaskKind::MultiLabel;
    }

    /// Moves the line of one label, in a tree with those below it that it holds for. O(log texts + texts that cross it) for each of these.
    pub fn set(&mut self, label: usize, threshold: f64) {
        let Some(known) = self.thresholds.get_mut(label) else {
            return;
        };
        *known = threshold;
        let Some(tree) = self.tree.clone() else {
            return self.cross(label, threshold);
        };
        let mut open = vec![label];
        while let Some(label) = open.pop() {
            let above = tree
                .parent(label)
                .and_then(|parent| self.effective.get(parent))
                .copied();
            let (Some(own), Some(before)) = (self.thresholds.get(label), self.effective.get(label).copied()) else {
                continue;
            };
            let after = above.map_or(*own, |above| above.max(*own));
            if after != before {
                self.cross(label, after);
                open.extend(tree.children(Some(label)));
            }
        }
    }

    /// Moves the line that decides for one label, and the texts that cross it.
    fn cross(&mut self, label: usize, threshold: f64) {
        let (Some(curve), Some(known)) = (self.curves.get(label), self.effective.get_mut(label)) else {
            return;
        };
        if *known == threshold {
            return;
        }
        *known = threshold;
        let (before, after) = (self.n_decided[label], curve.n_decided(threshold));
        self.n_decided[label] = after;
        let crossing = before.min(after)..before.max(after);
        let rows = curve.rows().get(crossing.clone()).unwrap_or_default();
        let places = rows.iter().zip(crossing);
        let crossing = places.map(|(row, place)| (*row, curve.is_positive_at(place)));
        let (texts, without, sums) = (&mut self.texts, &mut self.without, &mut self.sums);
        let tree = self.tree.as_deref();
        if rows.len() < texts.len() / MANY {
            return follow(after > before, texts, sums, crossing, |text, n| {
                count_best(tree, without, text, n)
            });
        }
        let crossing = InRowOrder::new(crossing, texts.len());
        if tree.is_some() {
            return follow(after > before, texts, sums, crossing, |text, n| {
                count_best(tree, without, text, n)
            });
        }
        let mut lanes = vec![[[0; 2]; N_LANES]; without.len()];
        let mut lane = 0;
        follow(after > before, texts, sums, crossing, |text, n| {
            lane = (lane + 1) % N_LANES;
            if let Some(counts) = lanes.get_mut(usize::from(text.best)) {
                counts[lane][usize::from(text.n_best_true == 0)] += n;
            }
        });
        for (counts, lanes) in without.iter_mut().zip(lanes) {
            for lane in lanes {
                counts[0] += lane[0];
                counts[1] += lane[1];
            }
        }
    }

    /// The 2×2 table of a label, texts that get it for want of another included. O(1).
    pub fn counts(&self, label: usize) -> Counts {
        let Some(curve) = self.curves.get(label) else {
            return Counts::default();
        };
        let mut counts = curve.after(self.n_decided[label]);
        if self.at_least_one {
            let [right, wrong] = self.without[label].map(|n| usize::try_from(n).unwrap_or(0));
            counts.tp += right;
            counts.fn_ -= right;
            counts.fp += wrong;
            counts.tn -= wrong;
        }
        counts
    }

    /// The 2×2 tables of all labels.
    pub fn all_counts(&self) -> Vec<Counts> {
        (0..self.curves.len()).map(|label| self.counts(label)).collect()
    }

    /// Texts that reach no threshold, whether or not they get their best label then.
    pub fn n_below_all(&self) -> usize {
        usize::try_from(self.sums.n_without).unwrap_or(0)
    }

    /// The figures over all labels. O(labels).
    pub fn headline(&self) -> Headline {
        let counts = self.all_counts();
        let all: Counts = counts.iter().copied().sum();
        let share = |part: i64, whole: usize| (whole > 0).then(|| part as f64 / whole as f64);
        let n_texts = self.texts.len();
        let exact = match self.at_least_one {
            true => self.sums.n_exact_with_best,
            false => self.sums.n_exact,
        };
        let exact = share(exact, n_texts);
        let single = self.task == TaskKind::SingleLabel;
        let n_without = if self.at_least_one { 0 } else { self.sums.n_without };
        let n_answered = n_texts as i64 - n_without;
        Headline {
            macro_f1: macro_average(self.judged, &counts).f1,
            micro_f1: micro_average(&counts).f1,
            weighted_f1: weighted_average(&counts).f1,
            hamming_loss: match self.judged == TaskKind::SingleLabel {
                true => exact.map(|exact| 1.0 - exact),
                false => share((all.fp + all.fn_) as i64, all.n()),
            },
            exact,
            n_without: usize::try_from(n_without).unwrap_or(0),
            coverage: share(n_answered, n_texts).filter(|_| single),
            answered_accuracy: match &self.tree {
                Some(_) => share(self.sums.n_exact, usize::try_from(n_answered).unwrap_or(0)),
                None => all.precision(),
            }
            .filter(|_| single),
        }
    }
}

/// Texts that cross a line, into the label or out of it, each with whether it carries the label. No branch depends on a text, so that
/// texts in any order are fetched ahead.
fn follow(
    into: bool,
    texts: &mut [TextState],
    sums: &mut Sums,
    crossing: impl Iterator<Item = (u32, bool)>,
    mut count_best: impl FnMut(TextState, i64),
) {
    let mut sum = *sums;
    let step = |number: u16, up: bool| number.wrapping_add(if up { 1 } else { u16::MAX });
    let change = |was: bool, is: bool| i64::from(is) - i64::from(was);
    for (row, positive) in crossing {
        let Some(text) = texts.get_mut(row as usize) else {
            continue;
        };
        let before = *text;
        let after = TextState {
            n_labels: step(before.n_labels, into),
            // A true label that comes or a wrong one that goes leaves one wrong less.
            n_wrong: step(before.n_wrong, positive != into),
            ..before
        };
        *text = after;
        let without_change = change(before.is_without(), after.is_without());
        sum.n_without += without_change;
        sum.n_exact += change(before.is_exact(), after.is_exact());
        sum.n_exact_with_best += change(before.is_exact_with_best(), after.is_exact_with_best());
        count_best(after, without_change);
    }
    *sums = sum;
}

/// `n` texts more or fewer would be given their best label, in a tree with all above it: counts it there, by whether it is true.
#[inline]
fn count_best(tree: Option<&ColumnTree>, without: &mut [[i64; 2]], text: TextState, n: i64) {
    let best = usize::from(text.best);
    let Some(tree) = tree else {
        if let Some(counts) = without.get_mut(best) {
            counts[usize::from(text.n_best_true == 0)] += n;
        }
        return;
    };
    if n == 0 {
        return;
    }
    let depth = usize::from(text.n_best);
    for (above, label) in tree.ancestry(best).enumerate() {
        let is_true = depth - above <= usize::from(text.n_best_true);
        if let Some(counts) = without.get_mut(label) {
            counts[usize::from(!is_true)] += n;
        }
    }
}

/// The same texts by ascending row. One bit a text and whether it carries the label: these bits stay in the processor's cache while they
/// are set in the order of scores, so that the texts themselves can be visited as they lie in memory.
struct InRowOrder {
    crossing: Vec<u64>,
    positive: Vec<u64>,
    word: usize,
    /// Bits of `word` that are still to come.
    left: u64,
}

impl InRowOrder {
    fn new(texts: impl Iterator<Item = (u32, bool)>, n_texts: usize) -> Self {
        let mut crossing = vec![0_u64; n_texts / 64 + 1];
        let mut positive = crossing.clone();
        for (row, is_positive) in texts {
            let word = row as usize / 64;
            if let (Some(crossing), Some(positive)) = (crossing.get_mut(word), positive.get_mut(word)) {
                *crossing |= 1 << (row % 64);
                *positive |= u64::from(is_positive) << (row % 64);
            }
        }
        InRowOrder {
            left: crossing.first().copied().unwrap_or(0),
            crossing,
            positive,
            word: 0,
        }
    }
}

impl Iterator for InRowOrder {
    type Item = (u32, bool);

    #[inline]
    fn next(&mut self) -> Option<(u32, bool)> {
        while self.left == 0 {
            self.word += 1;
            self.left = *self.crossing.get(self.word)?;
        }
        let bit = self.left.trailing_zeros();
        self.left &= self.left - 1;
        let positive = self.positive.get(self.word).is_some_and(|word| word >> bit & 1 == 1);
        Some(((self.word * 64) as u32 + bit, positive))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::Walk;
    use crate::core::metrics::{TreeRule, accuracy, count_per_label, hamming_loss};
    use crate::core::thresholds::curves;

    /// What a rule gives, counted from nothing.
    fn counted(scores: &ScoreMatrix, truth: &[Vec<usize>], rule: DecisionRule<'_>) -> (Vec<Counts>, Headline) {
        let decided = rule.decide_all(scores);
        let counts = count_per_label(truth, &decided, scores.n_labels());
        let n_without = decided.iter().filter(|labels| labels.is_empty()).count();
        let exact = accuracy(truth, &decided);
        let single = rule.task == TaskKind::SingleLabel;
        let n_right = match rule.tree {
            Some(_) => truth
                .iter()
                .zip(&decided)
                .filter(|(truth, decided)| truth == decided)
                .count(),
            None => counts.iter().map(|counts| counts.tp).sum(),
        };
        let n_answered = truth.len() - n_without;
        let headline = Headline {
            macro_f1: macro_average(rule.judged_task(), &counts).f1,
            micro_f1: micro_average(&counts).f1,
            weighted_f1: weighted_average(&counts).f1,
            hamming_loss: match rule.judged_task() {
                TaskKind::SingleLabel => exact.map(|exact| 1.0 - exact),
                TaskKind::MultiLabel => hamming_loss(truth, &decided, scores.n_labels()),
            },
            exact,
            n_without,
            coverage: single.then(|| n_answered as f64 / truth.len() as f64),
            answered_accuracy: (single && n_answered > 0).then(|| n_right as f64 / n_answered as f64),
        };
        (counts, headline)
    }

    proptest! {
        #[test]
        fn moved_step_by_step_equals_counted_from_nothing(
            rows in prop::collection::vec((prop::array::uniform4(0u8..=12), prop::collection::btree_set(0usize..4, 0..4)), 1..40),
            single in any::<bool>(),
            moves in prop::collection::vec((0usize..4, 0u8..=13, any::<bool>()), 0..30),
        ) {
            let task = if single { TaskKind::SingleLabel } else { TaskKind::MultiLabel };
            let scores = ScoreMatrix::from_rows(4, rows.iter().map(|(row, _)| row.map(|tick| f32::from(tick) / 12.0))).unwrap();
            let truth: Vec<Vec<usize>> = rows
                .iter()
                .map(|(_, labels)| labels.iter().copied().take(if single { 1 } else { 4 }).collect())
                .collect();
            let mut thresholds = vec![0.5; 4];
            let rule = DecisionRule::new(task, &thresholds);
            let mut live = Live::new(Arc::new(curves(rule, &scores, &truth)), &scores, &truth, rule);
            for (label, tick, fallback) in moves {
                thresholds[label] = f64::from(tick) / 13.0;
                let at_least_one = fallback && !single;
                live.set(label, thresholds[label]);
                live.set_at_least_one(fallback);
                let rule = DecisionRule { at_least_one, ..DecisionRule::new(task, &thresholds) };
                let (counts, headline) = counted(&scores, &truth, rule);
                prop_assert_eq!(live.all_counts(), counts);
                prop_assert_eq!(live.headline(), headline);
            }
        }
    }

    proptest! {
        #[test]
        fn in_a_tree_moved_step_by_step_equals_counted_from_nothing(
            parents in prop::collection::vec(any::<prop::sample::Index>(), 1..9),
            rows in prop::collection::vec((prop::array::uniform8(0u8..=12), prop::collection::vec(any::<prop::sample::Index>(), 1..3)), 1..30),
            single in any::<bool>(),
            greedy in any::<bool>(),
            bound in any::<bool>(),
            moves in prop::collection::vec((any::<prop::sample::Index>(), 0u8..=13, any::<bool>()), 0..30),
        ) {
            let parent = |(at, pick): (usize, &prop::sample::Index)| pick.index(at + 1).checked_sub(1);
            let tree = ColumnTree::from_parents(parents.iter().enumerate().map(parent).collect()).unwrap();
            let n = tree.len();
            let task = if single { TaskKind::SingleLabel } else { TaskKind::MultiLabel };
            let row = |ticks: &[u8; 8]| {
                let mut row: Vec<f32> = ticks[..n].iter().map(|tick| f32::from(*tick) / 12.0).collect();
                match bound {
                    true => tree.bound(&mut row),
                    false => tree.sum_up(&mut row),
                }
                row
            };
            let scores = ScoreMatrix::from_rows(n, rows.iter().map(|(ticks, _)| row(ticks))).unwrap();
            let truth = |ends: &[prop::sample::Index]| -> Vec<usize> {
                let ends: Vec<usize> = ends.iter().take(if single { 1 } else { 2 }).map(|end| end.index(n)).collect();
                tree.closed(&ends)
            };
            let truth: Vec<Vec<usize>> = rows.iter().map(|(_, ends)| truth(ends)).collect();
            let in_tree = TreeRule { tree: &tree, walk: if greedy { Walk::Greedy } else { Walk::BestPath } };
            let mut thresholds = vec![0.5; n];
            let rule = DecisionRule { tree: Some(in_tree), ..DecisionRule::new(task, &thresholds) };
            let mut live = Live::new(Arc::new(curves(rule, &scores, &truth)), &scores, &truth, rule);
            for (label, tick, fallback) in moves {
                let label = label.index(n);
                thresholds[label] = f64::from(tick) / 13.0;
                live.set(label, thresholds[label]);
                live.set_at_least_one(fallback);
                let at_least_one = fallback && !single;
                let rule = DecisionRule { at_least_one, tree: Some(in_tree), ..DecisionRule::new(task, &thresholds) };
                let (counts, headline) = counted(&scores, &truth, rule);
                prop_assert_eq!(live.all_counts(), counts);
                prop_assert_eq!(live.headline(), headline);
                prop_assert_eq!(live.effective(), rule.effective_thresholds(n));
            }
            let mut again = live.clone();
            again.set_all(&vec![0.25; n]);
            again.set_all(&thresholds);
            prop_assert_eq!(again.all_counts(), live.all_counts());
        }
    }

    #[test]
    fn a_line_among_thousands_of_labels_moves_only_what_is_below_it() {
        // A top with 4,999 labels below it in 70 branches, beside another top.
        let parent = |column: usize| match column {
            0 | 1 => None,
            2..=71 => Some(0),
            column => Some(2 + column % 70),
        };
        let tree = ColumnTree::from_parents((0..5001).map(parent).collect()).unwrap();
        let n = tree.len();
        let rows: Vec<Vec<f32>> = (0..40)
            .map(|text| {
                let mut row: Vec<f32> = (0..n)
                    .map(|column| ((column * 7 + text * 13) % 101) as f32 / 101.0)
                    .collect();
                tree.bound(&mut row);
                row
            })
            .collect();
        let scores = ScoreMatrix::from_rows(n, &rows).unwrap();
        let truth: Vec<Vec<usize>> = (0..40).map(|text| tree.closed(&[(text * 119) % n])).collect();
        let in_tree = TreeRule {
            tree: &tree,
            walk: Walk::BestPath,
        };
        let untuned = vec![0.5; n];
        let rule = DecisionRule {
            tree: Some(in_tree),
            ..DecisionRule::new(TaskKind::MultiLabel, &untuned)
        };
        let mut live = Live::new(Arc::new(curves(rule, &scores, &truth)), &scores, &truth, rule);
        let start = std::time::Instant::now();
        for step in 0..200 {
            live.set(2 + step % 70, 0.3 + 0.001 * step as f64);
        }
        // 70 labels a move; all of them would be 5,000.
        assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
        let thresholds = live.thresholds().to_vec();
        let moved = DecisionRule {
            thresholds: &thresholds,
            ..rule
        };
        assert_eq!((live.all_counts(), live.headline()), counted(&scores, &truth, moved));
    }

    #[test]
    fn nothing_to_count() {
        let rule = DecisionRule::new(TaskKind::MultiLabel, &[]);
        let mut live = Live::new(Arc::default(), &ScoreMatrix::default(), &[], rule);
        live.set(3, 0.2);
        assert_eq!(live.headline().exact, None);
        assert_eq!(live.counts(3), Counts::default());
    }
}
