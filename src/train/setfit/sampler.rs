//! Where SetFit's batches come from, and how many there are.

use super::every_pair::{EveryPair, Strategy};
use super::groups::{GroupBatch, Groups};
use super::loss::Loss;
use super::pairs::{Pair, PairBatch, Pairs};
use super::templates::Material;
use crate::core::{ColumnTree, rng};
use crate::model::Targets;
use crate::train::{Checkpoint, Options, TrainError, trees};
use candle_core::Tensor;

/// The values of the option `sampler`, in this order.
pub const SAMPLERS: [&str; 5] = ["fast", "iterations", "unique", "oversampling", "undersampling"];

/// The sampler that `options` ask for.
pub(super) fn name(options: &Options) -> &'static str {
    SAMPLERS[options.whole("sampler")]
}

/// An endless stream of batches.
pub(super) struct Sampler<'a> {
    source: Source<'a>,
    /// Pairs of a batch, where pairs are drawn.
    batch_size: usize,
    /// The tree by which cosines of pairs of different labels are graded, and the labels of the texts.
    graded: Option<(&'a ColumnTree, &'a Targets)>,
}

enum Source<'a> {
    Groups(Groups<'a>),
    /// Half of each batch from labelled texts, half from guessed ones.
    WithPile {
        labelled: Groups<'a>,
        guessed: Box<Groups<'a>>,
    },
    Iterations(Pairs<'a>),
    Every(EveryPair<'a>),
}

/// What one step compares.
pub(super) enum Batch {
    Groups(GroupBatch),
    Pairs(PairBatch),
}

impl<'a> Sampler<'a> {
    /// The sampler that `options` ask for, over the texts of `material`.
    pub(super) fn new(material: &'a Material, options: &Options, seed: u64) -> Result<Self, TrainError> {
        let (targets, n_labels) = (&material.set.targets, material.set.n_labels);
        let (rng, batch_size) = (rng::stream(seed, "pairs"), options.whole("batch_size"));
        let repeats = &material.repeats;
        let graded = material.set.tree.as_ref();
        let graded = graded.filter(|_| trees::grades_pairs(&material.set, options));
        let every = |strategy, rng| EveryPair::new(targets, n_labels, strategy, rng).map(Source::Every);
        let source = match name(options) {
            "fast" if !material.guessed.is_empty() => {
                let groups = |name, wanted: bool| {
                    let among = |(text, n): (usize, &usize)| {
                        if material.guessed.contains(&text) == wanted {
                            *n
                        } else {
                            0
                        }
                    };
                    let repeats: Vec<usize> = repeats.iter().enumerate().map(among).collect();
                    Groups::new(targets, n_labels, batch_size, rng::stream(seed, name))
                        .map(|groups| groups.repeating(&repeats).graded(graded))
                };
                Source::WithPile {
                    labelled: groups("pairs", false)?,
                    guessed: Box::new(groups("pile", true)?),
                }
            }
            "fast" => Source::Groups(
                Groups::new(targets, n_labels, 2 * batch_size, rng)?
                    .repeating(repeats)
                    .graded(graded),
            ),
            "iterations" => Source::Iterations(Pairs::new(targets, n_labels, rng)?.repeating(repeats)),
            "unique" => every(Strategy::Unique, rng)?,
            "oversampling" => every(Strategy::Oversampling, rng)?,
            _ => every(Strategy::Undersampling, rng)?,
        };
        Ok(Sampler {
            source,
            batch_size,
            graded: graded.map(|tree| (tree, targets)),
        })
    }

    /// Steps of a whole training, not more than the option `max_steps` where that is set.
    pub(super) fn n_steps(&self, options: &Options) -> usize {
        let (n_epochs, n_iterations) = (options.whole("num_epochs"), options.whole("num_iterations"));
        let n_steps = match &self.source {
            Source::Groups(groups) => groups.n_batches(n_iterations) * n_epochs,
            // The guessed half takes the place of half of the labelled texts' turns.
            Source::WithPile { labelled, .. } => labelled.n_batches(n_iterations.div_ceil(2)) * n_epochs,
            Source::Iterations(pairs) => (pairs.per_iteration() * n_iterations * n_epochs).div_ceil(self.batch_size),
            Source::Every(pairs) => (pairs.per_epoch() as usize).div_ceil(self.batch_size) * n_epochs,
        };
        match options.whole("max_steps") {
            0 => n_steps,
            most => n_steps.min(most),
        }
    }

    /// Takes other guesses from here on. `targets` are of all texts; `repeats` is 0 for all but the guessed ones.
    pub(super) fn guess_anew(&mut self, targets: Targets, repeats: Vec<usize>) {
        if let Source::WithPile { guessed, .. } = &mut self.source {
            guessed.change(targets, repeats);
        }
    }

    /// Puts where it stands into a state.
    pub(super) fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        match &self.source {
            Source::Groups(groups) => groups.save(into),
            Source::WithPile { labelled, guessed } => {
                labelled.save(into)?;
                guessed.save_changed(into)
            }
            Source::Iterations(pairs) => pairs.save(into),
            Source::Every(pairs) => pairs.save(into),
        }
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// A state of other texts.
    pub(super) fn load(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        match &mut self.source {
            Source::Groups(groups) => groups.load(from),
            Source::WithPile { labelled, guessed } => {
                labelled.load(from)?;
                guessed.load_changed(from)
            }
            Source::Iterations(pairs) => pairs.load(from),
            Source::Every(pairs) => pairs.load(from),
        }
    }

    pub(super) fn next(&mut self) -> Batch {
        let pairs: Vec<Pair> = match &mut self.source {
            Source::Groups(groups) => return Batch::Groups(groups.next_batch()),
            Source::WithPile { labelled, guessed } => {
                let mut texts = labelled.next_texts();
                texts.extend(guessed.next_texts());
                return Batch::Groups(guessed.batch(texts));
            }
            Source::Iterations(pairs) => pairs.take(self.batch_size).collect(),
            Source::Every(pairs) => pairs.take(self.batch_size).collect(),
        };
        let mut batch = PairBatch::new(&pairs);
        if let Some((tree, targets)) = self.graded {
            for (similarity, pair) in batch
                .similarity
                .iter_mut()
                .zip(&pairs)
                .filter(|(_, pair)| !pair.similar)
            {
                *similarity = trees::cosine(tree, targets.of(pair.left), targets.of(pair.right));
            }
        }
        Batch::Pairs(batch)
    }
}

impl Batch {
    pub(super) fn texts(&self) -> &[usize] {
        match self {
            Batch::Groups(batch) => &batch.texts,
            Batch::Pairs(batch) => &batch.texts,
        }
    }

    /// Texts compared; the sides of drawn pairs count each time.
    pub(super) fn n_texts(&self) -> usize {
        match self {
            Batch::Groups(batch) => batch.texts.len(),
            Batch::Pairs(batch) => 2 * batch.left.len(),
        }
    }

    /// The loss of the batch's `embeddings`, `(texts, dim)`. A scalar.
    pub(super) fn loss(&self, loss: Loss, embeddings: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Batch::Groups(batch) => loss.of_groups(embeddings, batch),
            Batch::Pairs(batch) => loss.of_pairs(embeddings, batch),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::TaskKind;
    use crate::train::{TrainingSet, method};

    /// Steps with three texts of label 0 and two of label 1.
    fn n_steps(settings: &[(&str, &str)]) -> usize {
        let texts = (0..5).map(|i| Arc::from(i.to_string())).collect();
        let targets = Targets::Single(vec![0, 0, 0, 1, 1]);
        let material = Material::of(&TrainingSet::new(texts, targets, 2, TaskKind::SingleLabel));
        let options = method("setfit").unwrap().parse(settings).unwrap();
        Sampler::new(&material, &options, 0).unwrap().n_steps(&options)
    }

    #[test]
    fn steps_are_counted_as_people_know_them() {
        let size = ("batch_size", "2");
        let sampler = |name| ("sampler", name);
        assert_eq!(n_steps(&[size]), 20 * 2);
        assert_eq!(n_steps(&[size, sampler("iterations")]), 20 * 10 / 2);
        // 3 + 1 similar pairs, 6 dissimilar ones
        assert_eq!(n_steps(&[size, sampler("unique")]), 5);
        assert_eq!(n_steps(&[size, sampler("oversampling")]), 6);
        assert_eq!(n_steps(&[size, sampler("undersampling")]), 4);
        assert_eq!(n_steps(&[size, sampler("undersampling"), ("num_epochs", "3")]), 12);
        for name in SAMPLERS {
            assert_eq!(n_steps(&[size, sampler(name), ("max_steps", "3")]), 3, "{name}");
            assert!(n_steps(&[size, sampler(name), ("max_steps", "0")]) > 3, "{name}");
        }
    }
}
