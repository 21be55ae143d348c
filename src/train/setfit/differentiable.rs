//! The head that is learnt by gradient: a linear layer on the embeddings of the tuned encoder, which stays as it is or moves along.
//!
//! As setfit's differentiable head: small batches, AdamW, softmax and cross-entropy where a text has one label, sigmoids otherwise.

use std::ops::ControlFlow;

use candle_core::Tensor;
use rand::RngExt;

use crate::core::rng;
use crate::model::gradients::Gradient;
use crate::model::{Dropout, Encoder, Head, Targets};
use crate::train::adamw::{AdamW, AdamWSettings};
use crate::train::finetune::{self, Batches, Layer, Objective};
use crate::train::inputs::Inputs;
use crate::train::tuner::{Pace, Stepped, Tuner};
use crate::train::{Checkpoints, Events, Options, Phase, TrainError, TrainEvent, TrainingSet, schedule};

/// The values of the option `head`, in this order.
pub const HEADS: [&str; 2] = ["logistic", "differentiable"];

/// What is fitted on the embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A logistic regression.
    Logistic,
    /// A layer, on an encoder that stays as it is.
    Layer,
    /// A layer and the encoder below it.
    EndToEnd,
}

impl Wanted {
    pub(super) fn from_options(options: &Options) -> Self {
        match (HEADS[options.whole("head")], options.whole("end_to_end")) {
            ("logistic", _) => Wanted::Logistic,
            (_, 0) => Wanted::Layer,
            _ => Wanted::EndToEnd,
        }
    }

    /// Steps that move the encoder once more, where `n_texts` train the head.
    pub(super) fn n_steps_with_encoder(self, n_texts: usize, options: &Options) -> usize {
        match self {
            Wanted::EndToEnd => n_steps(n_texts, options),
            _ => 0,
        }
    }
}

fn n_steps(n_texts: usize, options: &Options) -> usize {
    n_texts.div_ceil(options.whole("head_batch_size")) * options.whole("head_epochs")
}

/// A layer being learnt.
struct Learning<'a> {
    options: &'a Options,
    layer: Layer,
    objective: Objective,
    batches: Batches,
    n_steps: usize,
    step: usize,
}

impl<'a> Learning<'a> {
    fn new(encoder: &Encoder, set: &TrainingSet, options: &'a Options, seed: u64) -> Result<Self, TrainError> {
        let columns = finetune::columns(set, &set.targets.counts(set.n_labels)?, options);
        Ok(Learning {
            options,
            objective: Objective::new(columns.clone(), set, options)?,
            layer: Layer::new(encoder, columns, 0.0, &mut rng::stream(seed, "head"))?,
            batches: Batches::shuffled(&set.targets, rng::stream(seed, "head-batches")),
            n_steps: n_steps(set.texts.len(), options),
            step: 0,
        })
    }

    /// The mean loss of texts with these embeddings.
    fn loss(&self, embeddings: &Tensor, targets: &Targets, batch: &[usize]) -> Result<Tensor, TrainError> {
        let logits = self.layer.logits(embeddings, None)?;
        let weight = self.objective.weight_of(targets, batch);
        Ok(self.objective.loss(&logits, targets, batch, weight)?)
    }

    /// The texts of the next step and its share of the learning rates, which fall to zero; `None` after the last one.
    fn next(&mut self) -> Option<(Vec<usize>, f64)> {
        if self.step == self.n_steps {
            return None;
        }
        self.step += 1;
        let batch = self.batches.next(self.options.whole("head_batch_size"));
        Some((batch, schedule::linear(1.0, self.step, self.n_steps, 0.0)))
    }
}

fn settings(options: &Options) -> AdamWSettings {
    AdamWSettings {
        weight_decay: options.get("weight_decay"),
        ..AdamWSettings::default()
    }
}

/// A head learnt on the embeddings of `encoder` as it is, which are computed once.
pub(super) fn on_embeddings(
    encoder: &Encoder,
    set: &TrainingSet,
    (options, seed): (&Options, u64),
    events: Events<'_>,
) -> Result<Head, TrainError> {
    let set = &*set.closed();
    let n_texts = set.texts.len();
    let mut embedded = |n_done| {
        // There is a tuned encoder to keep: whoever asks to stop gets the head too.
        let _ = events(TrainEvent::Phase(Phase::Embedding { n_done, n_texts }));
        ControlFlow::Continue(())
    };
    let _ = embedded(0);
    let x = encoder.embed(&set.texts(), &mut embedded)?;
    let x = Tensor::from_vec(x.data, (n_texts, x.dim), encoder.device())?;
    let _ = events(TrainEvent::Phase(Phase::Head));
    let mut learning = Learning::new(encoder, set, options, seed)?;
    let mut optimiser = AdamW::new(learning.layer.vars().to_vec(), settings(options));
    let peak = options.get("head_learning_rate");
    while let Some((batch, share)) = learning.next() {
        let rows: Vec<u32> = batch.iter().map(|at| *at as u32).collect();
        let rows = x.index_select(&Tensor::new(rows, x.device())?, 0)?;
        let found = learning.loss(&rows, &set.targets, &batch)?.backward()?;
        let vars = optimiser.vars().iter();
        let gradients: Vec<_> = vars.map(|var| found.get(var).cloned().map(Gradient::Dense)).collect();
        optimiser.step(&gradients, share * peak, 1.0)?;
    }
    learning.layer.to_head(set)
}

/// What [`with_encoder`] made.
pub(super) struct Joined {
    pub(super) head: Head,
    /// Steps taken.
    pub(super) n_steps: usize,
    /// Whether somebody has asked to stop.
    pub(super) stopped: bool,
}

/// A head learnt together with the encoder below it, each at its own learning rate. `n_before` steps were taken before.
pub(super) fn with_encoder(
    encoder: &Encoder,
    set: &TrainingSet,
    (options, seed): (&Options, u64),
    (pace, n_before): (&mut Pace, usize),
    events: Events<'_>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Joined, TrainError> {
    let set = &*set.closed();
    let inputs = Inputs::new(encoder, set, options)?;
    let mut dropout = Dropout::new(rng::stream(seed, "head-dropout").random());
    let mut learning = Learning::new(encoder, set, options, seed)?;
    let (of_body, of_head) = (options.get("body_learning_rate"), options.get("head_learning_rate"));
    let (beside, max_grad_norm) = (learning.layer.vars(), options.get("max_grad_norm"));
    let mut tuner =
        Tuner::new(encoder, &beside, settings(options), max_grad_norm).with_rates(|_| 1.0, of_head / of_body);
    let mut stop = events(TrainEvent::Phase(Phase::Head)).is_break();
    while !stop {
        let Some((batch, share)) = learning.next() else { break };
        let embeddings = inputs.forward(&batch, &mut dropout)?;
        let loss = learning.loss(&embeddings, &set.targets, &batch)?;
        let step = n_before + learning.step;
        let stepped: Stepped = tuner.step(&loss, share * of_body)?.check(step, of_body)?;
        stop = events(pace.event(step, batch.len(), stepped, share * of_body)).is_break();
        stop |= pace.aside(|| checkpoints.rest()).is_break();
    }
    tuner.finish()?;
    Ok(Joined {
        n_steps: learning.step,
        stopped: stop,
        head: learning.layer.to_head(set)?,
    })
}
