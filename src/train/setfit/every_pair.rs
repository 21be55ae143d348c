//! The samplers that go through all pairs of texts: `unique`, `oversampling`, `undersampling`, as setfit's `sampling_strategy` counts them,
//! but without pairs of a text with itself.
//!
//! Pairs are numbered, and the numbers taken in a pseudo-random order that is computed as it is needed: O(texts) memory, where a list of
//! all pairs of 500,000 texts would have 125 billion entries.

use std::collections::BTreeMap;

use rand::RngExt;

use super::pairs::{Pair, Pairs};
use super::permutation::Permutation;
use crate::core::rng::Stream;
use crate::model::Targets;
use crate::train::{Checkpoint, TrainError};

/// Up to this many distinct sets of labels pairs are counted exactly; beyond, their number is estimated from a sample.
const MAX_SETS: usize = 2048;

/// Pairs drawn for an estimate.
const N_SAMPLED: usize = 20_000;

/// How many pairs of each kind an epoch has, where there are P similar and Q dissimilar ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// P and Q: each pair once.
    Unique,
    /// The larger of the two of each; the rarer kind is gone through again and again.
    Oversampling,
    /// The smaller of the two of each.
    Undersampling,
}

/// An endless stream of pairs, epoch after epoch, in which similar and dissimilar ones are mixed at random.
///
/// Two texts of which none has a label are neither alike nor different, and are left out.
pub struct EveryPair<'a> {
    similar: Numbered<Similar<'a>>,
    dissimilar: Numbered<Dissimilar<'a>>,
    /// Pairs of an epoch: similar ones, dissimilar ones.
    per_epoch: [u64; 2],
    /// What is left of the epoch at hand.
    left: [u64; 2],
    rng: Stream,
}

impl<'a> EveryPair<'a> {
    /// Numbers the pairs. O(texts · labels per text), and more for multi-label targets with many distinct sets of labels.
    ///
    /// # Errors
    /// When no two texts share a label, or all of them do.
    pub fn new(targets: &'a Targets, n_labels: usize, strategy: Strategy, mut rng: Stream) -> Result<Self, TrainError> {
        // The same conditions as for drawn pairs.
        Pairs::new(targets, n_labels, rng.clone())?;
        let similar = Similar::new(targets, n_labels);
        let dissimilar = Dissimilar::new(targets);
        let [p, q] = match exact_counts(targets, &dissimilar) {
            Some(counts) => counts,
            None => [estimate(&similar, &mut rng), estimate(&dissimilar, &mut rng)],
        };
        let per_epoch = match strategy {
            Strategy::Unique => [p, q],
            Strategy::Oversampling => [p.max(q); 2],
            Strategy::Undersampling => [p.min(q); 2],
        };
        Ok(EveryPair {
            similar: Numbered::new(similar, &mut rng),
            dissimilar: Numbered::new(dissimilar, &mut rng),
            per_epoch,
            left: [0; 2],
            rng,
        })
    }

    /// Pairs in an epoch.
    pub fn per_epoch(&self) -> u64 {
        self.per_epoch.iter().sum()
    }

    /// Puts where it stands into a state.
    pub(super) fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        into.put_sampler(&self.rng, &(self.left, self.similar.place(), self.dissimilar.place()))
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// Places among other pairs.
    pub(super) fn load(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        type Places = ([u64; 2], (Permutation, u64), (Permutation, u64));
        let fits = |(left, similar, dissimilar): &Places| {
            let fit = left.iter().zip(self.per_epoch).all(|(left, all)| *left <= all);
            fit && self.similar.knows(similar) && self.dissimilar.knows(dissimilar)
        };
        let (rng, (left, similar, dissimilar)) = from.take_sampler(fits)?;
        (self.rng, self.left) = (rng, left);
        (self.similar.order, self.similar.next) = similar;
        (self.dissimilar.order, self.dissimilar.next) = dissimilar;
        Ok(())
    }
}

impl Iterator for EveryPair<'_> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        if self.left == [0; 2] {
            self.left = self.per_epoch;
            self.similar.start(&mut self.rng);
            self.dissimilar.start(&mut self.rng);
        }
        // Each kind as likely as what is left of it: the order of a shuffled list.
        let similar = self.rng.random_range(0..self.left[0] + self.left[1]) < self.left[0];
        self.left[usize::from(!similar)] -= 1;
        let (left, right) = match similar {
            true => self.similar.next(&mut self.rng),
            false => self.dissimilar.next(&mut self.rng),
        };
        Some(Pair { left, right, similar })
    }
}

/// Pairs of one kind with numbers from 0. Some numbers may be of no pair of the kind.
trait Kind {
    /// Numbers there are.
    fn len(&self) -> u64;

    /// The pair with this number.
    fn pair(&self, number: u64) -> Option<(usize, usize)>;
}

/// Pairs of one kind in an order that changes whenever all have been taken.
struct Numbered<K> {
    kind: K,
    order: Permutation,
    next: u64,
}

impl<K: Kind> Numbered<K> {
    fn new(kind: K, rng: &mut Stream) -> Self {
        Numbered {
            order: Permutation::new(kind.len(), rng),
            kind,
            next: 0,
        }
    }

    /// The order and how much of it has been taken.
    fn place(&self) -> (&Permutation, u64) {
        (&self.order, self.next)
    }

    /// Whether a place is one of this kind.
    fn knows(&self, (order, next): &(Permutation, u64)) -> bool {
        let n = self.kind.len();
        order.is_of(n) && *next <= n
    }

    fn start(&mut self, rng: &mut Stream) {
        self.order = Permutation::new(self.order.len(), rng);
        self.next = 0;
    }

    /// The next pair. Only for kinds that have one.
    fn next(&mut self, rng: &mut Stream) -> (usize, usize) {
        loop {
            if self.next == self.order.len() {
                self.start(rng);
            }
            let number = self.order.at(self.next);
            self.next += 1;
            if let Some(pair) = self.kind.pair(number) {
                return pair;
            }
        }
    }
}

/// Pairs that share a label: for each label, its texts with each other. A pair that shares several is counted for the first of them.
struct Similar<'a> {
    targets: &'a Targets,
    /// Texts by label.
    members: Vec<Vec<usize>>,
    /// Numbers up to and with each label.
    ends: Vec<u64>,
}

impl<'a> Similar<'a> {
    fn new(targets: &'a Targets, n_labels: usize) -> Self {
        let mut members = vec![Vec::new(); n_labels];
        for text in 0..targets.len() {
            targets.of(text).iter().for_each(|label| members[*label].push(text));
        }
        let ends = running_sums(members.iter().map(|texts| n_pairs(texts.len() as u64)));
        Similar { targets, members, ends }
    }
}

impl Kind for Similar<'_> {
    fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn pair(&self, number: u64) -> Option<(usize, usize)> {
        let label = self.ends.partition_point(|end| *end <= number);
        let texts = &self.members[label];
        let (low, high) = unranked(number - before(&self.ends, label));
        let pair = (texts[low], texts[high]);
        let first = self
            .targets
            .of(pair.0)
            .iter()
            .filter(|l| self.targets.of(pair.1).contains(l))
            .min();
        (first == Some(&label)).then_some(pair)
    }
}

/// Pairs that share none: texts in the order of their sets of labels, each set's texts with those of all sets behind.
struct Dissimilar<'a> {
    targets: &'a Targets,
    /// Texts, those with the same labels together.
    order: Vec<usize>,
    /// Where each set's texts end in `order`.
    set_ends: Vec<usize>,
    /// Numbers up to and with each set.
    ends: Vec<u64>,
}

impl<'a> Dissimilar<'a> {
    fn new(targets: &'a Targets) -> Self {
        let mut sets: BTreeMap<&[usize], Vec<usize>> = BTreeMap::new();
        for text in 0..targets.len() {
            sets.entry(targets.of(text)).or_default().push(text);
        }
        let order: Vec<usize> = sets.values().flatten().copied().collect();
        let set_ends: Vec<usize> = running_sums(sets.values().map(|texts| texts.len() as u64))
            .into_iter()
            .map(|end| end as usize)
            .collect();
        let behind = |end: usize| (order.len() - end) as u64;
        let ends = running_sums(
            sets.values()
                .zip(&set_ends)
                .map(|(texts, end)| texts.len() as u64 * behind(*end)),
        );
        Dissimilar {
            targets,
            order,
            set_ends,
            ends,
        }
    }

    /// The texts of a set.
    fn texts(&self, set: usize) -> &[usize] {
        let from = set.checked_sub(1).map_or(0, |before| self.set_ends[before]);
        &self.order[from..self.set_ends[set]]
    }
}

impl Kind for Dissimilar<'_> {
    fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn pair(&self, number: u64) -> Option<(usize, usize)> {
        let set = self.ends.partition_point(|end| *end <= number);
        let number = number - before(&self.ends, set);
        let behind = &self.order[self.set_ends[set]..];
        let n = behind.len() as u64;
        let pair = (self.texts(set)[(number / n) as usize], behind[(number % n) as usize]);
        (!share(self.targets.of(pair.0), self.targets.of(pair.1))).then_some(pair)
    }
}

fn share(labels: &[usize], others: &[usize]) -> bool {
    labels.iter().any(|label| others.contains(label))
}

/// Similar and dissimilar pairs; `None` where there are too many distinct sets of labels to compare them all.
fn exact_counts(targets: &Targets, sets: &Dissimilar<'_>) -> Option<[u64; 2]> {
    let sizes: Vec<u64> = (0..sets.set_ends.len())
        .map(|set| sets.texts(set).len() as u64)
        .collect();
    if matches!(targets, Targets::Single(_)) {
        return Some([sizes.iter().map(|n| n_pairs(*n)).sum(), sets.len()]);
    }
    if sizes.len() > MAX_SETS {
        return None;
    }
    let labels: Vec<&[usize]> = (0..sizes.len()).map(|set| targets.of(sets.texts(set)[0])).collect();
    let mut counts = [0; 2];
    for (at, of_one) in labels.iter().enumerate() {
        if !of_one.is_empty() {
            counts[0] += n_pairs(sizes[at]);
        }
        for (other, of_other) in labels.iter().enumerate().skip(at + 1) {
            counts[usize::from(!share(of_one, of_other))] += sizes[at] * sizes[other];
        }
    }
    Some(counts)
}

/// About how many numbers are of pairs of the kind; at least 1.
fn estimate(kind: &impl Kind, rng: &mut Stream) -> u64 {
    let n = kind.len();
    let n_found = (0..N_SAMPLED)
        .filter(|_| kind.pair(rng.random_range(0..n)).is_some())
        .count();
    ((n as f64 * n_found as f64 / N_SAMPLED as f64) as u64).max(1)
}

/// Pairs among `n` texts.
fn n_pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// The pair `low < high` that comes after `number` others, ordered by `high`, then by `low`.
fn unranked(number: u64) -> (usize, usize) {
    let mut high = ((1.0 + (8.0 * number as f64 + 1.0).sqrt()) / 2.0) as u64;
    // The root is rounded.
    while n_pairs(high) > number {
        high -= 1;
    }
    while n_pairs(high + 1) <= number {
        high += 1;
    }
    ((number - n_pairs(high)) as usize, high as usize)
}

fn running_sums(numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut sum = 0;
    numbers
        .map(|number| {
            sum += number;
            sum
        })
        .collect()
}

fn before(ends: &[u64], at: usize) -> u64 {
    at.checked_sub(1).map_or(0, |before| ends[before])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng;

    fn drawn(targets: &Targets, n_labels: usize, strategy: Strategy) -> (u64, Vec<Pair>) {
        let mut pairs = EveryPair::new(targets, n_labels, strategy, rng::stream(0, "pairs")).unwrap();
        let per_epoch = pairs.per_epoch();
        (per_epoch, pairs.by_ref().take(per_epoch as usize).collect())
    }

    /// How often each pair came, the smaller text first.
    fn counted(pairs: &[Pair]) -> BTreeMap<(usize, usize, bool), usize> {
        let mut counts = BTreeMap::new();
        for pair in pairs {
            let (low, high) = (pair.left.min(pair.right), pair.left.max(pair.right));
            *counts.entry((low, high, pair.similar)).or_default() += 1;
        }
        counts
    }

    /// Every pair of the targets, compared one by one.
    fn expected(targets: &Targets) -> Vec<(usize, usize, bool)> {
        let mut pairs = Vec::new();
        for low in 0..targets.len() {
            for high in low + 1..targets.len() {
                let (of_low, of_high) = (targets.of(low), targets.of(high));
                if !(of_low.is_empty() && of_high.is_empty()) {
                    pairs.push((low, high, share(of_low, of_high)));
                }
            }
        }
        pairs
    }

    fn several() -> [(Targets, usize); 4] {
        let multi = |i: usize| {
            (0..5)
                .filter(|label| ((i * 2_654_435_761) >> (label * 3)).is_multiple_of(label + 3))
                .collect()
        };
        [
            (Targets::Single(vec![0, 0, 1]), 2),
            (Targets::Single((0..40).map(|i| i * i % 7).collect()), 7),
            // The rows of a test of setfit, which counts 6 similar and 4 dissimilar pairs with each text's own.
            (Targets::Multi(vec![vec![0, 3], vec![1, 2], vec![2], vec![3]]), 4),
            (Targets::Multi((0..40).map(multi).collect()), 5),
        ]
    }

    #[test]
    fn unique_gives_each_pair_once_and_none_of_a_text_with_itself() {
        for (targets, n_labels) in several() {
            let (_, pairs) = drawn(&targets, n_labels, Strategy::Unique);
            let counts = counted(&pairs);
            assert_eq!(
                counts.keys().copied().collect::<Vec<_>>(),
                expected(&targets),
                "{targets:?}"
            );
            assert!(counts.values().all(|n| *n == 1));
        }
    }

    #[test]
    fn the_other_strategies_give_as_many_of_each_kind() {
        for (targets, n_labels) in several() {
            let all = expected(&targets);
            let p = all.iter().filter(|pair| pair.2).count();
            let q = all.len() - p;
            for (strategy, n) in [(Strategy::Oversampling, p.max(q)), (Strategy::Undersampling, p.min(q))] {
                let (per_epoch, pairs) = drawn(&targets, n_labels, strategy);
                assert_eq!(per_epoch, 2 * n as u64, "{strategy:?}");
                for (similar, n_pairs) in [(true, p), (false, q)] {
                    let of_kind: Vec<Pair> = pairs.iter().copied().filter(|pair| pair.similar == similar).collect();
                    assert_eq!(of_kind.len(), n);
                    // The rarer kind is gone through evenly.
                    let (least, most) = (n / n_pairs, n.div_ceil(n_pairs));
                    let counts = counted(&of_kind);
                    assert!(
                        counts.values().all(|n| (least.max(1)..=most).contains(n)),
                        "{strategy:?} {counts:?}"
                    );
                    assert!(counts.keys().all(|pair| all.contains(pair)));
                }
            }
        }
    }

    #[test]
    fn kinds_are_mixed_and_epochs_differ() {
        let targets = Targets::Single((0..30).map(|i| i % 3).collect());
        let mut pairs = EveryPair::new(&targets, 3, Strategy::Unique, rng::stream(0, "pairs")).unwrap();
        let mut epoch = || pairs.by_ref().take(30 * 29 / 2).collect::<Vec<_>>();
        let (one, two) = (epoch(), epoch());
        assert_ne!(one, two);
        assert_eq!(counted(&one), counted(&two));
        // 135 of 435 pairs are similar.
        let similar = one[..145].iter().filter(|pair| pair.similar).count();
        assert!((30..=60).contains(&similar), "{similar}");
    }

    #[test]
    fn counts_of_many_label_sets_are_estimated_well() {
        let mut rng = rng::stream(0, "labels");
        let row = |_| {
            let labels: std::collections::BTreeSet<usize> = (0..4).map(|_| rng.random_range(0..30)).collect();
            labels.into_iter().collect()
        };
        let targets = Targets::Multi((0..3000).map(row).collect());
        assert!(exact_counts(&targets, &Dissimilar::new(&targets)).is_none());
        let all = expected(&targets);
        let (per_epoch, _) = drawn(&targets, 30, Strategy::Unique);
        let off = per_epoch as f64 / all.len() as f64 - 1.0;
        assert!(off.abs() < 0.03, "{per_epoch} for {}", all.len());
    }

    #[test]
    fn sets_that_teach_nothing_are_refused() {
        let new = |labels: Vec<usize>| {
            let targets = Targets::Single(labels);
            EveryPair::new(&targets, 3, Strategy::Unique, rng::stream(0, "pairs"))
                .err()
                .unwrap()
        };
        assert!(matches!(new(vec![0, 1, 2]), TrainError::NoPositivePairs));
        assert!(matches!(new(vec![1, 1]), TrainError::NoNegativePairs));
    }

    #[test]
    fn pairs_are_numbered_without_gaps() {
        let mut number = 0;
        for high in 1..60 {
            for low in 0..high {
                assert_eq!(unranked(number), (low, high));
                number += 1;
            }
        }
        let last = n_pairs(4_000_000_000) - 1;
        assert_eq!(unranked(last), (3_999_999_998, 3_999_999_999));
    }
}
