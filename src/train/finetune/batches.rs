//! Which texts each step learns from: in a new order each time round, and where asked, rare labels as often as frequent ones.

use rand::seq::SliceRandom;

use crate::core::rng::Stream;
use crate::model::Targets;
use crate::train::checkpoint::unfit;
use crate::train::{Checkpoint, TrainError};

/// The values of the option `sampling`.
pub(crate) const SAMPLINGS: [&str; 3] = ["shuffled", "oversampling", "balanced"];

/// An endless stream of texts, cut into batches; a batch ends where an epoch does.
pub(crate) struct Batches {
    source: Source,
    /// Texts of one epoch.
    n_texts: usize,
    /// Texts there are.
    n_known: usize,
    /// Of this epoch, the next last.
    left: Vec<usize>,
    rng: Stream,
}

/// Texts that are drawn alike: those of one label.
type Group = Vec<usize>;

enum Source {
    /// Every text once.
    Shuffled,
    /// Every text, and those of smaller groups again until all groups are as large as the largest.
    Oversampling(Vec<Group>),
    /// The groups take turns, each going through its texts in a new order each time: as many texts as there are.
    Balanced(Vec<Turns>),
}

/// One group that takes its turns.
struct Turns {
    group: Group,
    left: Vec<usize>,
}

impl Batches {
    /// Batches of the texts of `targets`, drawn as `sampling` says, one of [`SAMPLINGS`].
    pub(crate) fn new(sampling: &str, targets: &Targets, counts: &[usize], rng: Stream) -> Self {
        let (source, n_texts) = match sampling {
            "oversampling" => {
                let groups = groups(targets, counts);
                let n_texts = groups.len() * groups.iter().map(Vec::len).max().unwrap_or_default();
                (Source::Oversampling(groups), n_texts)
            }
            "balanced" => {
                let groups = groups(targets, counts).into_iter();
                let turns = groups.map(|group| Turns { group, left: vec![] });
                (Source::Balanced(turns.collect()), targets.len())
            }
            _ => (Source::Shuffled, targets.len()),
        };
        Batches {
            source,
            n_texts,
            n_known: targets.len(),
            left: Vec::new(),
            rng,
        }
    }

    /// Batches of the texts of `targets`, each once an epoch.
    pub(crate) fn shuffled(targets: &Targets, rng: Stream) -> Self {
        Self::new(SAMPLINGS[0], targets, &[], rng)
    }

    /// Texts gone through in one epoch.
    pub(crate) fn per_epoch(&self) -> usize {
        self.n_texts
    }

    /// Puts where it stands into a state.
    pub(crate) fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        into.put_sampler(&self.rng, &(&self.left, self.source.left()))
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// A state of other texts.
    pub(crate) fn load(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        let n_known = self.n_known;
        let fits = |(left, groups): &Left| left.iter().chain(groups.iter().flatten()).all(|text| *text < n_known);
        let (rng, (left, groups)) = from.take_sampler(fits)?;
        (self.rng, self.left) = (rng, left);
        self.source.go_on(groups)
    }

    /// Up to `size` texts; the last batch of an epoch may be smaller.
    pub(crate) fn next(&mut self, size: usize) -> Vec<usize> {
        if self.left.is_empty() {
            self.left = self.source.epoch(self.n_texts, &mut self.rng);
        }
        self.left.split_off(self.left.len().saturating_sub(size))
    }
}

/// What is left of an epoch, and of each group that takes turns.
type Left = (Vec<usize>, Vec<Vec<usize>>);

impl Source {
    /// What is left of each group that takes turns.
    fn left(&self) -> Vec<&[usize]> {
        match self {
            Source::Balanced(turns) => turns.iter().map(|turn| turn.left.as_slice()).collect(),
            _ => Vec::new(),
        }
    }

    /// Goes on where [`Source::left`] was taken.
    fn go_on(&mut self, left: Vec<Vec<usize>>) -> Result<(), TrainError> {
        let turns = match self {
            Source::Balanced(turns) => turns.as_mut_slice(),
            _ => &mut [],
        };
        if left.len() != turns.len() {
            return Err(unfit("sampler"));
        }
        turns.iter_mut().zip(left).for_each(|(turn, left)| turn.left = left);
        Ok(())
    }

    /// The texts of one epoch, in an order that can be cut anywhere.
    fn epoch(&mut self, n_texts: usize, rng: &mut Stream) -> Vec<usize> {
        match self {
            Source::Shuffled => {
                let mut texts: Vec<usize> = (0..n_texts).collect();
                texts.shuffle(rng);
                texts
            }
            Source::Oversampling(groups) => {
                let each = n_texts / groups.len().max(1);
                let mut texts: Vec<usize> = groups.iter().flat_map(|group| repeated(group, each, rng)).collect();
                texts.shuffle(rng);
                texts
            }
            Source::Balanced(turns) => {
                // One order for an epoch, so that wherever it is cut no group comes more than once more than another; a new one each
                // time, so that it is not always the same groups that come once more.
                let mut order: Vec<usize> = (0..turns.len()).collect();
                order.shuffle(rng);
                let places = order.iter().cycle().take(n_texts);
                places.filter_map(|at| turns[*at].next(rng)).collect()
            }
        }
    }
}

impl Turns {
    fn next(&mut self, rng: &mut Stream) -> Option<usize> {
        if self.left.is_empty() {
            self.left.clone_from(&self.group);
            self.left.shuffle(rng);
        }
        self.left.pop()
    }
}

/// `n` texts of a group: all of them as often as that goes, and some once more.
fn repeated(group: &[usize], n: usize, rng: &mut Stream) -> Vec<usize> {
    let mut texts = group.repeat(n / group.len().max(1));
    let mut shuffled = group.to_vec();
    shuffled.shuffle(rng);
    texts.extend(shuffled.into_iter().take(n - texts.len()));
    texts
}

/// The texts by label, those with several labels by the rarest of them; texts without a label are a group of their own.
fn groups(targets: &Targets, counts: &[usize]) -> Vec<Group> {
    let mut groups = vec![Vec::new(); counts.len() + 1];
    for text in 0..targets.len() {
        let rarest = targets.of(text).iter().min_by_key(|label| (counts[**label], **label));
        groups[rarest.copied().unwrap_or(counts.len())].push(text);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng;

    /// Twelve texts of label 0, three of label 1, one of label 2.
    fn uneven() -> Targets {
        Targets::Single((0..16).map(|i| usize::from(i >= 12) + usize::from(i == 15)).collect())
    }

    fn batches(sampling: &str, targets: &Targets, seed: u64) -> Batches {
        let counts = targets.counts(3).unwrap();
        Batches::new(sampling, targets, &counts, rng::stream(seed, "batches"))
    }

    fn per_label(texts: &[usize]) -> [usize; 3] {
        let targets = uneven();
        let of = |label: usize| texts.iter().filter(|text| targets.of(**text) == [label]).count();
        [of(0), of(1), of(2)]
    }

    fn epoch(batches: &mut Batches, size: usize) -> Vec<Vec<usize>> {
        let n = batches.per_epoch().div_ceil(size);
        (0..n).map(|_| batches.next(size)).collect()
    }

    #[test]
    fn shuffled_takes_every_text_once_an_epoch_in_another_order_each_time() {
        let mut batches = batches("shuffled", &uneven(), 0);
        let (first, second) = (epoch(&mut batches, 5), epoch(&mut batches, 5));
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5, 1]);
        assert_ne!(first, second);
        for epoch in [first, second] {
            let mut texts = epoch.concat();
            texts.sort_unstable();
            assert_eq!(texts, (0..16).collect::<Vec<_>>());
        }
    }

    #[test]
    fn oversampling_repeats_small_labels_until_all_are_as_frequent_as_the_largest() {
        let mut batches = batches("oversampling", &uneven(), 0);
        assert_eq!(batches.per_epoch(), 36);
        let texts = epoch(&mut batches, 8).concat();
        assert_eq!(per_label(&texts), [12, 12, 12]);
        // Every text of label 1 as often as the others of it.
        for text in 12..15 {
            assert_eq!(texts.iter().filter(|other| **other == text).count(), 4);
        }
    }

    #[test]
    fn balanced_batches_hold_every_label_in_equal_shares() {
        let mut batches = batches("balanced", &uneven(), 3);
        assert_eq!(batches.per_epoch(), 16);
        for _ in 0..6 {
            for batch in epoch(&mut batches, 6) {
                let counts = per_label(&batch);
                assert!(
                    counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1,
                    "{counts:?}"
                );
            }
        }
        // Label 0 is gone through text by text.
        let mut seen: Vec<usize> = (0..5)
            .flat_map(|_| epoch(&mut batches, 6).concat())
            .filter(|text| *text < 12)
            .collect();
        seen.truncate(24);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 12);
    }

    #[test]
    fn several_labels_count_by_the_rarest_and_none_is_a_group_too() {
        let targets = Targets::Multi(vec![vec![0], vec![0], vec![0, 2], vec![0, 1], vec![1], vec![], vec![]]);
        // 0 on four texts, 1 on two, 2 on one
        let counts = targets.counts(3).unwrap();
        assert_eq!(groups(&targets, &counts), [vec![0, 1], vec![3, 4], vec![2], vec![5, 6]]);
        assert_eq!(batches("oversampling", &targets, 0).per_epoch(), 8);
    }

    #[test]
    fn a_seed_repeats() {
        for sampling in SAMPLINGS {
            let draw = |seed| epoch(&mut batches(sampling, &uneven(), seed), 4);
            assert_eq!(draw(1), draw(1), "{sampling}");
            assert_ne!(draw(1), draw(2), "{sampling}");
        }
    }
}
