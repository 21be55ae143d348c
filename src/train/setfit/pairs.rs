//! Pairs of texts for contrastive tuning, drawn as they are needed.
//!
//! Each iteration gives every text one partner that shares a label with it and one that does not, then shuffles: 2·R·n pairs in all
//! for R iterations over n texts, as setfit's `num_iterations` counts them. At any time O(n) numbers are held, never n².

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};
use serde::{Deserialize, Serialize};

use crate::core::rng::Stream;
use crate::model::Targets;
use crate::train::{Checkpoint, TrainError};

/// Draws at random before looking through all texts for a partner without a shared label.
const DRAWS: usize = 64;

/// Two texts, by index, and whether they share a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The text the pair was drawn for.
    pub left: usize,
    /// Its partner, never the same text.
    pub right: usize,
    /// Whether they share a label.
    pub similar: bool,
}

/// An endless stream of pairs.
///
/// A text has no similar partner when no other text shares a label with it, and no dissimilar one when all do; that side is
/// left out for it. (setfit pairs such a text with itself, which teaches nothing.) Texts without any label are only ever paired
/// with texts that have one: two of them are neither alike nor different.
pub struct Pairs<'a> {
    targets: &'a Targets,
    /// Texts by label.
    members: Vec<Vec<usize>>,
    /// Texts with at least one label.
    labelled: Vec<usize>,
    /// Texts that have a similar partner, and texts that have a dissimilar one.
    with_similar: Vec<usize>,
    with_dissimilar: Vec<usize>,
    rng: Stream,
    /// What is left of the iteration at hand.
    iteration: Vec<Pair>,
}

impl<'a> Pairs<'a> {
    /// Indexes the targets. O(texts · labels per text), and for multi-label targets up to O(texts) more per distinct set of labels.
    ///
    /// # Errors
    /// When no two texts share a label, or all of them do.
    pub fn new(targets: &'a Targets, n_labels: usize, rng: Stream) -> Result<Self, TrainError> {
        targets.counts(n_labels)?;
        let mut members = vec![Vec::new(); n_labels];
        for i in 0..targets.len() {
            targets.of(i).iter().for_each(|label| members[*label].push(i));
        }
        let labelled = (0..targets.len()).filter(|i| !targets.of(*i).is_empty()).collect();
        let mut pairs = Pairs {
            targets,
            members,
            labelled,
            with_similar: Vec::new(),
            with_dissimilar: Vec::new(),
            rng,
            iteration: Vec::new(),
        };
        pairs.with_similar = (0..targets.len()).filter(|i| pairs.has_similar(*i)).collect();
        pairs.with_dissimilar = pairs.find_those_with_dissimilar();
        if pairs.with_similar.is_empty() {
            return Err(TrainError::NoPositivePairs);
        }
        if pairs.with_dissimilar.is_empty() {
            return Err(TrainError::NoNegativePairs);
        }
        Ok(pairs)
    }

    /// The same, where an iteration draws text `i` partners of each kind `repeats[i]` times.
    pub fn repeating(mut self, repeats: &[usize]) -> Self {
        let repeated = |texts: &[usize]| {
            let n = |text: &usize| repeats.get(*text).copied().unwrap_or(1);
            texts.iter().flat_map(|text| vec![*text; n(text)]).collect()
        };
        self.with_similar = repeated(&self.with_similar);
        self.with_dissimilar = repeated(&self.with_dissimilar);
        self
    }

    /// Pairs per iteration: twice the number of texts where every text has partners of both kinds.
    pub fn per_iteration(&self) -> usize {
        self.with_similar.len() + self.with_dissimilar.len()
    }

    /// Puts where it stands into a state.
    pub(super) fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        into.put_sampler(&self.rng, &self.iteration)
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// Pairs of other texts.
    pub(super) fn load(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        let n_texts = self.targets.len();
        let fits = |pairs: &Vec<Pair>| pairs.iter().all(|pair| pair.left.max(pair.right) < n_texts);
        (self.rng, self.iteration) = from.take_sampler(fits)?;
        Ok(())
    }

    fn has_similar(&self, i: usize) -> bool {
        self.targets.of(i).iter().any(|label| self.members[*label].len() > 1)
    }

    /// A text shares a label with all others exactly when the members of its labels are all the labelled texts. That is only counted where
    /// none of a few texts differs, which takes long for many sets of labels.
    fn find_those_with_dissimilar(&self) -> Vec<usize> {
        let mut known: BTreeMap<&[usize], bool> = BTreeMap::new();
        let mut seen_by = vec![0; self.targets.len()];
        let mut having = Vec::new();
        for i in 0..self.targets.len() {
            let labels = self.targets.of(i);
            let mark = known.len() + 1;
            let has = *known.entry(labels).or_insert_with(|| {
                let step = (self.labelled.len() / DRAWS).max(1);
                let mut some = self.labelled.iter().step_by(step);
                if some.any(|other| !self.targets.of(*other).iter().any(|label| labels.contains(label))) {
                    return true;
                }
                let mut n_sharing = 0;
                for other in labels.iter().flat_map(|label| &self.members[*label]) {
                    n_sharing += usize::from(std::mem::replace(&mut seen_by[*other], mark) != mark);
                }
                n_sharing < self.labelled.len()
            });
            if has {
                having.push(i);
            }
        }
        having
    }

    fn draw_similar(&mut self, i: usize) -> Option<usize> {
        let targets = self.targets;
        let shared: Vec<usize> = targets
            .of(i)
            .iter()
            .copied()
            .filter(|label| self.members[*label].len() > 1)
            .collect();
        let members = &self.members[*shared.choose(&mut self.rng)?];
        // Drawn from all but the last, then the text itself swapped for the last: uniform over the others.
        let drawn = members[self.rng.random_range(0..members.len() - 1)];
        if drawn == i {
            members.last().copied()
        } else {
            Some(drawn)
        }
    }

    fn draw_dissimilar(&mut self, i: usize) -> Option<usize> {
        let targets = self.targets;
        let labels = targets.of(i);
        let differs = |other: &usize| *other != i && !targets.of(*other).iter().any(|label| labels.contains(label));
        for _ in 0..DRAWS {
            let drawn = self.labelled.choose(&mut self.rng).copied().filter(differs);
            if drawn.is_some() {
                return drawn;
            }
        }
        let from = self.rng.random_range(0..self.labelled.len());
        let (before, after) = self.labelled.split_at(from);
        after.iter().chain(before).copied().find(differs)
    }

    fn draw_iteration(&mut self) {
        for at in 0..self.with_similar.len() {
            let left = self.with_similar[at];
            let drawn = self.draw_similar(left);
            self.iteration.extend(drawn.map(|right| Pair {
                left,
                right,
                similar: true,
            }));
        }
        for at in 0..self.with_dissimilar.len() {
            let left = self.with_dissimilar[at];
            let drawn = self.draw_dissimilar(left);
            self.iteration.extend(drawn.map(|right| Pair {
                left,
                right,
                similar: false,
            }));
        }
        self.iteration.shuffle(&mut self.rng);
    }
}

impl Iterator for Pairs<'_> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        if self.iteration.is_empty() {
            self.draw_iteration();
        }
        self.iteration.pop()
    }
}

/// Some pairs with each distinct text listed once.
#[derive(Debug, Clone, PartialEq)]
pub struct PairBatch {
    /// Distinct texts of the pairs, ascending.
    pub texts: Vec<usize>,
    /// Row in `texts` of each pair's left text.
    pub left: Vec<u32>,
    /// Row in `texts` of each pair's right text.
    pub right: Vec<u32>,
    /// 1 for pairs that share a label, 0 for others: the cosine to aim at.
    pub similarity: Vec<f32>,
}

impl PairBatch {
    /// Collects pairs.
    pub fn new(pairs: &[Pair]) -> Self {
        let mut texts: Vec<usize> = pairs.iter().flat_map(|pair| [pair.left, pair.right]).collect();
        texts.sort_unstable();
        texts.dedup();
        let row = |text: usize| texts.partition_point(|t| *t < text) as u32;
        PairBatch {
            left: pairs.iter().map(|pair| row(pair.left)).collect(),
            right: pairs.iter().map(|pair| row(pair.right)).collect(),
            similarity: pairs.iter().map(|pair| if pair.similar { 1.0 } else { 0.0 }).collect(),
            texts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng;

    fn pairs(targets: &Targets, n_labels: usize) -> Pairs<'_> {
        Pairs::new(targets, n_labels, rng::stream(0, "pairs")).unwrap()
    }

    #[test]
    fn an_iteration_gives_every_text_one_partner_of_each_kind() {
        let labels = [0, 0, 0, 1, 1, 2, 2, 2, 2];
        let targets = Targets::Single(labels.to_vec());
        let mut pairs = pairs(&targets, 4);
        assert_eq!(pairs.per_iteration(), 2 * labels.len());
        for _ in 0..20 {
            let iteration: Vec<Pair> = pairs.by_ref().take(2 * labels.len()).collect();
            for similar in [true, false] {
                let mut lefts: Vec<usize> = iteration
                    .iter()
                    .filter(|p| p.similar == similar)
                    .map(|p| p.left)
                    .collect();
                lefts.sort_unstable();
                assert_eq!(lefts, (0..labels.len()).collect::<Vec<_>>());
            }
            for pair in iteration {
                assert_ne!(pair.left, pair.right);
                assert_eq!(pair.similar, labels[pair.left] == labels[pair.right]);
            }
        }
    }

    #[test]
    fn partners_are_drawn_evenly() {
        let targets = Targets::Single(vec![0, 0, 0, 0, 1, 1, 1, 1]);
        let mut n_drawn = [0usize; 8];
        for pair in pairs(&targets, 2).take(16 * 3000).filter(|pair| pair.left == 1) {
            n_drawn[pair.right] += 1;
        }
        for (i, n) in n_drawn.into_iter().enumerate() {
            let expected = [1000, 0, 1000, 1000, 750, 750, 750, 750][i];
            assert!(n.abs_diff(expected) < 120, "{i}: {n}");
        }
    }

    #[test]
    fn a_side_without_partners_is_left_out() {
        let lonely = Targets::Single(vec![0, 0, 1]);
        let drawn: Vec<Pair> = pairs(&lonely, 2).take(50).collect();
        assert_eq!(pairs(&lonely, 2).per_iteration(), 5);
        assert!(drawn.iter().all(|pair| pair.left != 2 || !pair.similar));

        // Text 2 shares a label with both others.
        let multi = Targets::Multi(vec![vec![0], vec![1], vec![0, 1]]);
        let mut sampler = pairs(&multi, 2);
        assert_eq!(sampler.per_iteration(), 5);
        for pair in sampler.by_ref().take(50) {
            assert_eq!(pair.similar, pair.left == 2 || pair.right == 2, "{pair:?}");
        }
    }

    #[test]
    fn a_text_may_be_drawn_for_more_often() {
        let targets = Targets::Single(vec![0, 0, 0, 1, 1]);
        let sampler = pairs(&targets, 2).repeating(&[1, 1, 4, 1, 1]);
        assert_eq!(sampler.per_iteration(), 16);
        let drawn: Vec<Pair> = sampler.take(16).collect();
        assert_eq!(drawn.iter().filter(|pair| pair.left == 2).count(), 8);
        assert!(drawn.iter().all(|pair| pair.left != pair.right));
    }

    #[test]
    fn texts_without_labels_are_never_paired_with_each_other() {
        let targets = Targets::Multi(vec![vec![], vec![], vec![0], vec![0, 1], vec![]]);
        for pair in pairs(&targets, 2).take(200) {
            assert!(pair.right == 2 || pair.right == 3, "{pair:?}");
            assert_eq!(pair.similar, (2..4).contains(&pair.left));
        }
    }

    #[test]
    fn a_rare_dissimilar_partner_is_found() {
        let mut labels = vec![0; 5000];
        labels[4321] = 1;
        let targets = Targets::Single(labels);
        let drawn = pairs(&targets, 2)
            .take(2000)
            .filter(|pair| !pair.similar && pair.left != 4321);
        let partners: Vec<usize> = drawn.map(|pair| pair.right).collect();
        assert!(partners.len() > 500 && partners.iter().all(|right| *right == 4321));
    }

    #[test]
    fn sets_that_teach_nothing_are_refused() {
        let new = |targets: &Targets| Pairs::new(targets, 3, rng::stream(0, "pairs")).map(|_| ()).unwrap_err();
        assert!(matches!(
            new(&Targets::Single(vec![0, 1, 2])),
            TrainError::NoPositivePairs
        ));
        assert!(matches!(new(&Targets::Single(vec![1, 1])), TrainError::NoNegativePairs));
        assert!(matches!(
            new(&Targets::Multi(vec![vec![0, 1], vec![0, 2]])),
            TrainError::NoNegativePairs
        ));
    }

    #[test]
    fn the_seed_decides() {
        let targets = Targets::Single((0..40).map(|i| i % 4).collect());
        let draw = |seed| {
            Pairs::new(&targets, 4, rng::stream(seed, "pairs"))
                .unwrap()
                .take(200)
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_batch_lists_each_text_once() {
        let pair = |left, right, similar| Pair { left, right, similar };
        let batch = PairBatch::new(&[pair(7, 2, true), pair(2, 9, false), pair(9, 7, false)]);
        assert_eq!(batch.texts, [2, 7, 9]);
        assert_eq!((batch.left, batch.right), (vec![1, 0, 2], vec![0, 2, 1]));
        assert_eq!(batch.similarity, [1.0, 0.0, 0.0]);
    }
}
