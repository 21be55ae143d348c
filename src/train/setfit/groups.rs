//! The fast sampler: batches of distinct texts, all of whose pairs are compared. Every text is encoded once for many pairs, where a
//! list of drawn pairs encodes it again and again.
//!
//! A batch is made of groups of texts that share a label, so that it has similar pairs however many labels there are. O(texts) memory.

use std::borrow::Cow;

use rand::RngExt;
use rand::seq::SliceRandom;

use crate::core::ColumnTree;
use crate::core::rng::{self, Stream};
use crate::model::Targets;
use crate::train::checkpoint::unfit;
use crate::train::{Checkpoint, TrainError, trees};

/// Texts of a group: with 32 texts a batch has eight labels where there are as many.
const PER_GROUP: usize = 4;

/// So many texts come up in every pass; of more, each comes up less often.
const FEW_TEXTS: f64 = 64.0;

/// Texts, by index, with how alike every two of them are.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBatch {
    /// Distinct texts.
    pub texts: Vec<usize>,
    /// For every two texts 1 where they share a label, else 0, or less than 1 by how near their labels are in a tree: the cosine to aim at;
    /// `(texts, texts)`, row-major.
    pub similarity: Vec<f32>,
    /// What each of them counts: similar pairs half of the whole, dissimilar ones the other half; 0 for a text with itself and for two
    /// without any label, which are neither alike nor different.
    pub weight: Vec<f32>,
}

/// An endless stream of batches; each pass over the texts shuffles them anew.
pub struct Groups<'a> {
    targets: Cow<'a, Targets>,
    n_labels: usize,
    /// How often each text comes up in a pass; 0 for one that never does.
    repeats: Vec<usize>,
    batch_size: usize,
    rng: Stream,
    /// What is left of the pass at hand, last first.
    pass: Vec<Vec<usize>>,
    /// The tree by which cosines of different labels are graded.
    graded: Option<&'a ColumnTree>,
}

impl<'a> Groups<'a> {
    /// Batches of up to `batch_size` texts.
    ///
    /// # Errors
    /// When no two texts share a label, or all of them do.
    pub fn new(targets: &'a Targets, n_labels: usize, batch_size: usize, rng: Stream) -> Result<Self, TrainError> {
        // The same conditions as for drawn pairs.
        super::pairs::Pairs::new(targets, n_labels, rng.clone())?;
        Ok(Groups {
            n_labels,
            repeats: vec![1; targets.len()],
            targets: Cow::Borrowed(targets),
            batch_size,
            rng,
            pass: Vec::new(),
            graded: None,
        })
    }

    /// The same, with cosines of texts of different labels graded by how near these are in a tree, where there is one.
    pub fn graded(self, tree: Option<&'a ColumnTree>) -> Self {
        Groups { graded: tree, ..self }
    }

    /// The same, where text `i` comes up `repeats[i]` times in a pass: in different batches, since a batch has distinct texts.
    pub fn repeating(self, repeats: &[usize]) -> Self {
        Groups {
            repeats: repeats.to_vec(),
            ..self
        }
    }

    /// The same with other targets and other texts from here on: of the next pass and all after it.
    pub fn change(&mut self, targets: Targets, repeats: Vec<usize>) {
        (self.targets, self.repeats) = (Cow::Owned(targets), repeats);
        self.pass.clear();
    }

    /// Batches in a pass over all texts.
    pub fn per_pass(&self) -> usize {
        self.n_texts().div_ceil(self.batch_size)
    }

    /// Batches in `n_passes` over all texts, of which 64 and fewer take every one: with more, steps grow with the square root of
    /// their number. What an encoder learns from a label it learns from its first texts.
    pub fn n_batches(&self, n_passes: usize) -> usize {
        let share = (FEW_TEXTS / self.n_texts().max(1) as f64).sqrt().min(1.0);
        ((self.per_pass() * n_passes) as f64 * share).ceil() as usize
    }

    fn n_texts(&self) -> usize {
        self.repeats.iter().sum()
    }

    fn draw_pass(&mut self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.n_labels + 1];
        for text in 0..self.targets.len() {
            let labels = self.targets.of(text);
            // Texts without a label stand together at the end.
            let label = match labels {
                [] => self.n_labels,
                labels => labels[self.rng.random_range(0..labels.len())],
            };
            members[label].extend(vec![text; self.repeats.get(text).copied().unwrap_or(1)]);
        }
        let mut groups = Vec::new();
        for mut texts in members {
            texts.shuffle(&mut self.rng);
            groups.extend(texts.chunks(PER_GROUP).map(<[usize]>::to_vec));
        }
        groups.shuffle(&mut self.rng);
        groups
    }

    /// A batch of these texts, which are distinct.
    pub fn batch(&self, texts: Vec<usize>) -> GroupBatch {
        let n = texts.len();
        let mut similarity = vec![0f32; n * n];
        let mut weight = vec![0f32; n * n];
        let mut n_of_kind = [0usize; 2];
        for (i, &left) in texts.iter().enumerate() {
            for (j, &right) in texts.iter().enumerate() {
                let (of_left, of_right) = (self.targets.of(left), self.targets.of(right));
                if i == j || of_left.is_empty() && of_right.is_empty() {
                    continue;
                }
                let similar = of_left.iter().any(|label| of_right.contains(label));
                similarity[i * n + j] = match self.graded {
                    Some(tree) if !similar => trees::cosine(tree, of_left, of_right),
                    _ => f32::from(similar),
                };
                weight[i * n + j] = 1.0;
                n_of_kind[usize::from(similar)] += 1;
            }
        }
        let n_kinds = n_of_kind.iter().filter(|n| **n > 0).count().max(1);
        for (weight, similar) in weight.iter_mut().zip(&similarity) {
            if *weight > 0.0 {
                *weight = 1.0 / (n_kinds * n_of_kind[usize::from(*similar == 1.0)]) as f32;
            }
        }
        GroupBatch {
            texts,
            similarity,
            weight,
        }
    }
}

impl Groups<'_> {
    /// Puts where it stands into a state.
    pub(super) fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        into.put_sampler(&self.rng, &self.pass)
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// Groups of other texts.
    pub(super) fn load(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        let n_texts = self.targets.len();
        let fits = |pass: &Vec<Vec<usize>>| pass.iter().flatten().all(|text| *text < n_texts);
        (self.rng, self.pass) = from.take_sampler(fits)?;
        Ok(())
    }

    /// Puts where it stands into a state beside other groups, with what [`Groups::change`] has changed.
    pub(super) fn save_changed(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        let labels: Vec<&[usize]> = (0..self.targets.len()).map(|text| self.targets.of(text)).collect();
        into.put(
            "guesses",
            &(rng::position(&self.rng), &self.pass, labels, &self.repeats),
        )
    }

    /// Goes on from a state of [`Groups::save_changed`].
    ///
    /// # Errors
    /// Groups of other texts.
    pub(super) fn load_changed(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        type State = (rng::Position, Vec<Vec<usize>>, Vec<Vec<usize>>, Vec<usize>);
        let (position, pass, labels, repeats): State = from.take("guesses")?;
        let n_texts = self.targets.len();
        let single = matches!(*self.targets, Targets::Single(_));
        let fits = labels.len() == n_texts
            && repeats.len() == n_texts
            && repeats.iter().all(|n| *n <= 1)
            && pass.iter().flatten().all(|text| *text < n_texts)
            && labels.iter().flatten().all(|label| *label < self.n_labels)
            && labels.iter().all(|labels| !single || labels.len() == 1);
        let rng = rng::stream_at(&position).filter(|_| fits);
        self.rng = rng.ok_or_else(|| unfit("guesses"))?;
        let targets = match single {
            true => Targets::Single(labels.into_iter().flatten().collect()),
            false => Targets::Multi(labels),
        };
        self.change(targets, repeats);
        self.pass = pass;
        Ok(())
    }

    /// The next batch.
    pub fn next_batch(&mut self) -> GroupBatch {
        let texts = self.next_texts();
        self.batch(texts)
    }

    /// The texts of the next batch.
    pub fn next_texts(&mut self) -> Vec<usize> {
        let mut texts = Vec::new();
        while texts.len() < self.batch_size {
            if self.pass.is_empty() {
                // The last batch of a pass may be small: it is not filled from the next, where a text could come twice.
                if !texts.is_empty() {
                    break;
                }
                self.pass = self.draw_pass();
            }
            let Some(mut group) = self.pass.pop() else { break };
            let room = self.batch_size - texts.len();
            if group.len() > room {
                self.pass.push(group.split_off(room));
            }
            for text in group {
                if !texts.contains(&text) {
                    texts.push(text);
                }
            }
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::rng;

    fn groups(targets: &Targets, n_labels: usize, batch_size: usize) -> Groups<'_> {
        Groups::new(targets, n_labels, batch_size, rng::stream(0, "groups")).unwrap()
    }

    #[test]
    fn a_pass_takes_every_text_once_and_labels_come_in_groups() {
        let targets = Targets::Single((0..100).map(|i| i % 10).collect());
        let mut sampler = groups(&targets, 10, 32);
        for _ in 0..3 {
            let batches: Vec<GroupBatch> = (0..4).map(|_| sampler.next_batch()).collect();
            let mut all: Vec<usize> = batches.iter().flat_map(|batch| batch.texts.clone()).collect();
            all.sort_unstable();
            assert_eq!(all, (0..100).collect::<Vec<_>>());
            for batch in &batches[..3] {
                assert_eq!(batch.texts.len(), 32);
                // by chance alone 32 · 31 / 10 ordered pairs would be similar
                let similar = batch.similarity.iter().filter(|s| **s > 0.0).count();
                assert!(similar >= 72, "{similar}");
            }
        }
        assert_eq!(sampler.per_pass(), 4);
    }

    #[test]
    fn four_times_the_texts_take_twice_the_steps() {
        let n_batches = |n: usize| {
            let targets = Targets::Single((0..n).map(|i| i % 2).collect());
            groups(&targets, 2, 32).n_batches(20)
        };
        assert_eq!([16, 32, 64, 256, 1024].map(n_batches), [20, 20, 40, 80, 160]);
    }

    #[test]
    fn similar_and_dissimilar_pairs_count_half_each() {
        let targets = Targets::Single(vec![0, 0, 0, 1, 1, 2, 2, 2, 2]);
        let batch = groups(&targets, 3, 16).next_batch();
        let n = batch.texts.len();
        let mut sums = [0.0; 2];
        for i in 0..n {
            for j in 0..n {
                let same = targets.of(batch.texts[i]) == targets.of(batch.texts[j]);
                let (weight, similarity) = (batch.weight[i * n + j], batch.similarity[i * n + j]);
                assert_eq!(similarity > 0.0, same && i != j);
                assert_eq!(weight == 0.0, i == j);
                sums[usize::from(same)] += weight;
            }
        }
        assert!((sums[0] - 0.5).abs() < 1e-6 && (sums[1] - 0.5).abs() < 1e-6, "{sums:?}");
    }

    #[test]
    fn texts_of_several_labels_and_of_none() {
        let targets = Targets::Multi(vec![vec![0], vec![1], vec![0, 1], vec![], vec![]]);
        let batch = groups(&targets, 2, 8).next_batch();
        let n = batch.texts.len();
        let at = |text: usize| batch.texts.iter().position(|t| *t == text).unwrap();
        let pair = |a: usize, b: usize| {
            (
                batch.similarity[at(a) * n + at(b)],
                batch.weight[at(a) * n + at(b)] > 0.0,
            )
        };
        assert_eq!((pair(0, 2), pair(1, 2)), ((1.0, true), (1.0, true)));
        assert_eq!((pair(0, 1), pair(0, 3)), ((0.0, true), (0.0, true)));
        assert_eq!(pair(3, 4), (0.0, false));
    }

    #[test]
    fn a_text_may_come_up_more_often_but_never_twice_in_a_batch() {
        let targets = Targets::Single((0..20).map(|i| i % 2).collect());
        let mut repeats = vec![1; 20];
        repeats[3] = 10;
        let mut sampler = groups(&targets, 2, 8).repeating(&repeats);
        assert_eq!(sampler.per_pass(), 4);
        let mut n_drawn = [0usize; 20];
        for _ in 0..200 {
            let mut texts = sampler.next_batch().texts;
            texts.iter().for_each(|text| n_drawn[*text] += 1);
            let n = texts.len();
            texts.sort_unstable();
            texts.dedup();
            assert_eq!(texts.len(), n);
        }
        let most = *n_drawn
            .iter()
            .enumerate()
            .filter(|(text, _)| *text != 3)
            .map(|(_, n)| n)
            .max()
            .unwrap();
        assert!(n_drawn[3] > 2 * most, "{n_drawn:?}");
    }

    #[test]
    fn what_cannot_be_learnt_from_is_refused() {
        let none = |targets: Targets| Groups::new(&targets, 3, 8, rng::stream(0, "groups")).err().unwrap();
        assert!(matches!(
            none(Targets::Single(vec![0, 1, 2])),
            TrainError::NoPositivePairs
        ));
        assert!(matches!(
            none(Targets::Single(vec![1, 1, 1])),
            TrainError::NoNegativePairs
        ));
    }
}
