//! Fine-tuning: the encoder and a linear layer on its embeddings learn the labels directly, as transformers' Trainer does it.
//!
//! One label a text: softmax and cross-entropy. Any number: one sigmoid a label and binary cross-entropy. The layer becomes the
//! classifier's logistic head, so that a fine-tuned classifier is saved, exported and used like any other.

use super::adamw::AdamWSettings;
use super::inputs::Inputs;
use super::tuner::{Pace, Tuner};
use super::{
    Checkpoint, Checkpoints, Events, Findings, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet, lora,
    losses, schedule,
};
use crate::core::rng::{self, Stream};
use crate::model::head::Link;
use crate::model::{Dropout, Encoder, LogisticHead, Targets};
use candle_core::{DType, Tensor, Var};
use rand::RngExt;
use rand::seq::SliceRandom;

/// The standard deviation that BERT's layers start with.
const INITIAL_DEVIATION: f64 = 0.02;

pub(super) fn run(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Trained, TrainError> {
    let batch_size = options.whole("batch_size");
    let n_steps = set.texts.len().div_ceil(batch_size) * options.whole("num_epochs");
    let mut stop = events(TrainEvent::Started { n_steps }).is_break();
    stop |= events(TrainEvent::Phase(Phase::Tokenizing)).is_break();
    // The layer's own weights give its rows their lengths.
    let encoder = encoder
        .without_normalization()
        .with_max_tokens(options.whole("max_length"))?;
    let encoder = lora::adapted(encoder, options, seed)?;
    let inputs = Inputs::new(&encoder, set, options)?;
    stop |= events(TrainEvent::Phase(Phase::Tuning)).is_break();

    let layer = Layer::new(&encoder, set, &mut rng::stream(seed, "head"))?;
    let settings = AdamWSettings {
        weight_decay: options.get("weight_decay"),
        ..AdamWSettings::default()
    };
    let beside = [layer.weight.clone(), layer.bias.clone()];
    let mut tuning = Tuning {
        tuner: Tuner::new(&encoder, &beside, settings, options.get("max_grad_norm")),
        dropout: Dropout::new(rng::stream(seed, "dropout").random()),
        batches: Batches::new(set.texts.len(), rng::stream(seed, "batches")),
    };
    let mut step = match checkpoints.take_start(n_steps)? {
        Some(start) => tuning.load(start)?,
        None => 0,
    };
    let mut pace = Pace::start(n_steps, step);
    while step < n_steps && !stop {
        step += 1;
        let batch = tuning.batches.next(batch_size);
        let peak = options.get("learning_rate");
        let learning_rate = schedule::linear(peak, step, n_steps, options.get("warmup"));
        let embeddings = inputs.forward(&batch, &mut tuning.dropout)?;
        let loss = layer.loss(&embeddings, &set.targets, &batch)?;
        let stepped = tuning.tuner.step(&loss, learning_rate)?.check(step, peak)?;
        stop |= events(pace.event(step, batch.len(), stepped, learning_rate)).is_break();
        stop |= pace
            .aside(|| checkpoints.after_step(step, || tuning.save(step)))?
            .is_break();
    }
    if step == 0 {
        return Err(TrainError::Stopped);
    }
    if step < n_steps {
        checkpoints.at_stop(step, || tuning.save(step))?;
    }
    tuning.tuner.finish()?;
    let encoder = encoder.without_lora()?;
    let head = layer.into_head(set)?;
    Ok(Trained {
        encoder,
        head,
        out_of_fold: None,
        stopped: step < n_steps,
        n_steps: step,
        findings: Findings::new(),
    })
}

/// What moves with every step.
struct Tuning<'a> {
    tuner: Tuner<'a>,
    dropout: Dropout,
    batches: Batches,
}

impl Tuning<'_> {
    fn save(&self, step: usize) -> Result<Checkpoint, TrainError> {
        let mut state = Checkpoint::after(step);
        self.tuner.save(&mut state)?;
        self.batches.save(&mut state)?;
        state.put("dropout", &self.dropout)?;
        Ok(state)
    }

    /// Goes on from a state; the steps taken by then.
    fn load(&mut self, mut state: Checkpoint) -> Result<usize, TrainError> {
        self.tuner.load(&mut state)?;
        self.batches.load(&mut state)?;
        self.dropout = state.take("dropout")?;
        Ok(state.step)
    }
}

/// Texts in a new order each time all have been taken.
struct Batches {
    n_texts: usize,
    rng: Stream,
    left: Vec<usize>,
}

impl Batches {
    fn new(n_texts: usize, rng: Stream) -> Self {
        Batches {
            n_texts,
            rng,
            left: Vec::new(),
        }
    }

    fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        into.put_sampler(&self.rng, &self.left)
    }

    fn load(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        let n_texts = self.n_texts;
        (self.rng, self.left) = from.take_sampler(|left: &Vec<usize>| left.iter().all(|text| *text < n_texts))?;
        Ok(())
    }

    /// Up to `batch_size` texts; the last batch of an epoch may be smaller.
    fn next(&mut self, batch_size: usize) -> Vec<usize> {
        if self.left.is_empty() {
            self.left = (0..self.n_texts).collect();
            self.left.shuffle(&mut self.rng);
        }
        self.left.split_off(self.left.len().saturating_sub(batch_size))
    }
}

/// The linear layer: one logit for each label that has examples.
pub(super) struct Layer {
    /// The labels with a logit, ascending.
    fitted: Vec<usize>,
    /// Where a label's logit is.
    place: Vec<Option<usize>>,
    /// `(logits, dim)`.
    pub(super) weight: Var,
    /// `(logits)`.
    pub(super) bias: Var,
}

impl Layer {
    pub(super) fn new(encoder: &Encoder, set: &TrainingSet, rng: &mut Stream) -> Result<Self, TrainError> {
        let counts = set.targets.counts(set.n_labels)?;
        let fitted: Vec<usize> = (0..set.n_labels).filter(|label| counts[*label] > 0).collect();
        let place = (0..set.n_labels)
            .map(|label| fitted.binary_search(&label).ok())
            .collect();
        let shape = (fitted.len(), encoder.dim());
        let weights: Vec<f32> = (0..shape.0 * shape.1)
            .map(|_| (rng::normal(rng) * INITIAL_DEVIATION) as f32)
            .collect();
        let device = encoder.device();
        Ok(Layer {
            weight: Var::from_vec(weights, shape, device)?,
            bias: Var::zeros(shape.0, DType::F32, device)?,
            fitted,
            place,
        })
    }

    pub(super) fn loss(&self, embeddings: &Tensor, targets: &Targets, batch: &[usize]) -> candle_core::Result<Tensor> {
        let logits = embeddings
            .matmul(&self.weight.t()?)?
            .broadcast_add(self.bias.as_tensor())?;
        let device = logits.device();
        match targets {
            Targets::Single(labels) => {
                let classes = batch.iter().filter_map(|text| self.place[labels[*text]]);
                let classes: Vec<u32> = classes.map(|class| class as u32).collect();
                losses::cross_entropy(&logits, &Tensor::new(classes, device)?)
            }
            Targets::Multi(labels) => {
                let mut is_set = vec![0f32; batch.len() * self.fitted.len()];
                for (row, text) in is_set.chunks_exact_mut(self.fitted.len()).zip(batch) {
                    for at in labels[*text].iter().filter_map(|label| self.place[*label]) {
                        row[at] = 1.0;
                    }
                }
                losses::binary_cross_entropy(&logits, &Tensor::from_vec(is_set, logits.shape(), device)?)
            }
        }
    }

    fn into_head(self, set: &TrainingSet) -> Result<LogisticHead, TrainError> {
        let numbers = |var: &Var| var.flatten_all()?.to_dtype(DType::F64)?.to_vec1::<f64>();
        let link = match set.targets {
            Targets::Single(_) => Link::Softmax,
            Targets::Multi(_) => Link::OneVsRest,
        };
        let logits = (numbers(&self.weight)?, numbers(&self.bias)?);
        let dim = self.weight.dim(1)?;
        Ok(LogisticHead::from_logits(link, dim, self.fitted, logits, set.n_labels)?)
    }
}
