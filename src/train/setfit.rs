//! SetFit: tune the encoder on pairs of texts, then fit a logistic head on its embeddings.
//!
//! Tunstall et al., *Efficient Few-Shot Learning Without Prompts* (2022). Each batch encodes its distinct texts once and compares
//! rows, where the reference encodes both sides of every pair: the gradient has the same expectation (a text's dropout mask is
//! shared by its pairs instead of drawn for each), for less work.

use super::adamw::AdamWSettings;
use super::groups::{GroupBatch, Groups};
use super::inputs::Inputs;
use super::pairs::{Pair, PairBatch, Pairs};
use super::tuner::{Pace, Stepped, Tuner};
use super::{
    Checkpoint, Checkpoints, Events, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet, lora, losses, probe,
    schedule,
};
use crate::core::rng;
use crate::model::{Dropout, Encoder};
use candle_core::Tensor;
use rand::RngExt;

/// The values of the option `sampler`, in this order.
pub(super) const SAMPLERS: [&str; 2] = ["fast", "iterations"];

pub(super) fn run(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Trained, TrainError> {
    let encoder = lora::adapted(encoder, options, seed)?;
    let sampler = Sampler::new(set, options, seed)?;
    let n_steps = sampler.n_steps(options);
    let mut stop = events(TrainEvent::Started { n_steps }).is_break();
    stop |= events(TrainEvent::Phase(Phase::Tokenizing)).is_break();
    let inputs = Inputs::new(&encoder, set, options)?;
    stop |= events(TrainEvent::Phase(Phase::Tuning)).is_break();

    let mut tuning = Tuning::new(&encoder, &inputs, sampler, options, seed);
    let mut step = match checkpoints.take_start(n_steps)? {
        Some(start) => tuning.load(start)?,
        None => 0,
    };
    let mut pace = Pace::start(n_steps, step);
    while step < n_steps && !stop {
        step += 1;
        let batch = tuning.sampler.next();
        let peak = options.get("learning_rate");
        let learning_rate = schedule::linear(peak, step, n_steps, options.get("warmup"));
        let stepped = tuning.step(&batch, learning_rate)?.check(step, peak)?;
        stop |= events(pace.event(step, batch.n_texts(), stepped, learning_rate)).is_break();
        stop |= pace
            .aside(|| checkpoints.after_step(step, || tuning.save(step)))?
            .is_break();
    }
    if step < n_steps {
        checkpoints.at_stop(step, || tuning.save(step))?;
    }
    tuning.tuner.finish()?;
    let encoder = encoder.without_lora()?;
    let tuned = probe::Tuned {
        n_steps: step,
        stopped: step < n_steps,
        keep_going: true,
    };
    probe::finish(set, options, seed, encoder, events, tuned)
}

/// Where batches come from.
enum Sampler<'a> {
    Fast(Groups<'a>),
    Iterations { pairs: Pairs<'a>, batch_size: usize },
}

/// What one step compares.
enum Batch {
    Groups(GroupBatch),
    Pairs(PairBatch),
}

impl<'a> Sampler<'a> {
    fn new(set: &'a TrainingSet, options: &Options, seed: u64) -> Result<Self, TrainError> {
        let (targets, n_labels) = (&set.targets, set.n_labels);
        let (rng, batch_size) = (rng::stream(seed, "pairs"), options.whole("batch_size"));
        Ok(match SAMPLERS[options.whole("sampler")] {
            "fast" => Sampler::Fast(Groups::new(targets, n_labels, 2 * batch_size, rng)?),
            _ => Sampler::Iterations {
                pairs: Pairs::new(targets, n_labels, rng)?,
                batch_size,
            },
        })
    }

    fn n_steps(&self, options: &Options) -> usize {
        let n_rounds = options.whole("num_iterations") * options.whole("num_epochs");
        match self {
            Sampler::Fast(groups) => groups.per_pass() * n_rounds,
            Sampler::Iterations { pairs, batch_size } => (pairs.per_iteration() * n_rounds).div_ceil(*batch_size),
        }
    }

    fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        match self {
            Sampler::Fast(groups) => groups.save(into),
            Sampler::Iterations { pairs, .. } => pairs.save(into),
        }
    }

    fn load(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        match self {
            Sampler::Fast(groups) => groups.load(from),
            Sampler::Iterations { pairs, .. } => pairs.load(from),
        }
    }

    fn next(&mut self) -> Batch {
        match self {
            Sampler::Fast(groups) => Batch::Groups(groups.next_batch()),
            Sampler::Iterations { pairs, batch_size } => {
                let pairs: Vec<Pair> = pairs.by_ref().take(*batch_size).collect();
                Batch::Pairs(PairBatch::new(&pairs))
            }
        }
    }
}

impl Batch {
    fn texts(&self) -> &[usize] {
        match self {
            Batch::Groups(batch) => &batch.texts,
            Batch::Pairs(batch) => &batch.texts,
        }
    }

    /// Texts compared; the sides of drawn pairs count each time.
    fn n_texts(&self) -> usize {
        match self {
            Batch::Groups(batch) => batch.texts.len(),
            Batch::Pairs(batch) => 2 * batch.left.len(),
        }
    }

    fn loss(&self, embeddings: &Tensor) -> candle_core::Result<Tensor> {
        match self {
            Batch::Groups(batch) => losses::all_pairs(embeddings, &batch.similarity, &batch.weight),
            Batch::Pairs(batch) => losses::cosine_similarity(embeddings, &batch.left, &batch.right, &batch.similarity),
        }
    }
}

/// Everything one step needs, and what moves with it.
struct Tuning<'a> {
    inputs: &'a Inputs<'a>,
    sampler: Sampler<'a>,
    tuner: Tuner<'a>,
    dropout: Dropout,
}

impl<'a> Tuning<'a> {
    fn new(encoder: &'a Encoder, inputs: &'a Inputs<'a>, sampler: Sampler<'a>, options: &Options, seed: u64) -> Self {
        let settings = AdamWSettings {
            weight_decay: options.get("weight_decay"),
            ..AdamWSettings::default()
        };
        Tuning {
            inputs,
            sampler,
            tuner: Tuner::new(encoder, &[], settings, options.get("max_grad_norm")),
            dropout: Dropout::new(rng::stream(seed, "dropout").random()),
        }
    }

    fn save(&self, step: usize) -> Result<Checkpoint, TrainError> {
        let mut state = Checkpoint::after(step);
        self.tuner.save(&mut state)?;
        self.sampler.save(&mut state)?;
        state.put("dropout", &self.dropout)?;
        Ok(state)
    }

    /// Goes on from a state; the steps taken by then.
    fn load(&mut self, mut state: Checkpoint) -> Result<usize, TrainError> {
        self.tuner.load(&mut state)?;
        self.sampler.load(&mut state)?;
        self.dropout = state.take("dropout")?;
        Ok(state.step)
    }

    /// Moves the weights along the gradient of a batch.
    fn step(&mut self, batch: &Batch, learning_rate: f64) -> Result<Stepped, TrainError> {
        let embeddings = self.inputs.forward(batch.texts(), &mut self.dropout)?;
        self.tuner.step(&batch.loss(&embeddings)?, learning_rate)
    }
}
