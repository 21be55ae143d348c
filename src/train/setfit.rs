//! SetFit: tune the encoder on pairs of texts, then fit a logistic head on its embeddings.
//!
//! Tunstall et al., *Efficient Few-Shot Learning Without Prompts* (2022). Each batch encodes its distinct texts once and compares
//! rows, where the reference encodes both sides of every pair: the gradient has the same expectation (a text's dropout mask is
//! shared by its pairs instead of drawn for each), for about 60 % of the work with 32 texts.

use std::time::Instant;

use super::adamw::AdamWSettings;
use super::pairs::{Pair, PairBatch, Pairs};
use super::tuner::{Stepped, Tuner};
use super::{Events, Options, Phase, TrainError, TrainEvent, Trained, TrainingSet, losses, probe, schedule};
use crate::core::rng;
use crate::model::{Dropout, Encoder, Tokens};
use rand::RngExt;

pub(super) fn run(
    set: &TrainingSet,
    options: &Options,
    seed: u64,
    encoder: Encoder,
    events: Events<'_>,
) -> Result<Trained, TrainError> {
    let pairs = Pairs::new(&set.targets, set.n_labels, rng::stream(seed, "pairs"))?;
    let n_pairs = pairs.per_iteration() * options.whole("num_iterations") * options.whole("num_epochs");
    let n_steps = n_pairs.div_ceil(options.whole("batch_size"));
    let mut stop = events(TrainEvent::Started { n_steps }).is_break();
    stop |= events(TrainEvent::Phase(Phase::Tokenizing)).is_break();
    let tokens = encoder.tokenize(&set.texts())?;
    stop |= events(TrainEvent::Phase(Phase::Tuning)).is_break();

    let mut tuning = Tuning::new(&encoder, &tokens, options, seed);
    let mut remaining = pairs.take(n_pairs);
    let clock = Instant::now();
    let mut step = 0;
    while step < n_steps && !stop {
        step += 1;
        let pairs: Vec<Pair> = remaining.by_ref().take(options.whole("batch_size")).collect();
        let peak = options.get("learning_rate");
        let learning_rate = schedule::linear(peak, step, n_steps, options.get("warmup"));
        let Stepped { loss, grad_norm } = tuning.step(&pairs, learning_rate)?.check(step, peak)?;
        let secs = clock.elapsed().as_secs_f64().max(1e-9);
        let event = TrainEvent::Step {
            step,
            n_steps,
            loss,
            learning_rate,
            grad_norm,
            texts_per_sec: (2 * step * options.whole("batch_size")) as f64 / secs,
            secs_left: secs / step as f64 * (n_steps - step) as f64,
        };
        stop |= events(event).is_break();
    }
    tuning.tuner.finish()?;
    let tuned = probe::Tuned {
        n_steps: step,
        stopped: step < n_steps,
        keep_going: true,
    };
    probe::finish(set, options, seed, encoder, events, tuned)
}

/// Everything one step needs.
struct Tuning<'a> {
    encoder: &'a Encoder,
    tokens: &'a [Tokens],
    tuner: Tuner<'a>,
    dropout: Dropout,
}

impl<'a> Tuning<'a> {
    fn new(encoder: &'a Encoder, tokens: &'a [Tokens], options: &Options, seed: u64) -> Self {
        let settings = AdamWSettings {
            weight_decay: options.get("weight_decay"),
            ..AdamWSettings::default()
        };
        Tuning {
            encoder,
            tokens,
            tuner: Tuner::new(encoder, &[], settings, options.get("max_grad_norm")),
            dropout: Dropout::new(rng::stream(seed, "dropout").random()),
        }
    }

    /// Moves the weights along the gradient of these pairs.
    fn step(&mut self, pairs: &[Pair], learning_rate: f64) -> Result<Stepped, TrainError> {
        let batch = PairBatch::new(pairs);
        let texts: Vec<&Tokens> = batch.texts.iter().map(|text| &self.tokens[*text]).collect();
        let embeddings = self.encoder.forward(&texts, Some(&mut self.dropout))?;
        let loss = losses::cosine_similarity(&embeddings, &batch.left, &batch.right, &batch.similarity)?;
        self.tuner.step(&loss, learning_rate)
    }
}
