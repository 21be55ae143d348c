//! Everything that moves while SetFit tunes an encoder: what is saved in order to go on later.

use candle_core::{Tensor, Var};
use rand::RngExt;

use super::loss::Loss;
use super::pile::Guesser;
use super::sampler::Sampler;
use crate::core::rng;
use crate::model::{Dropout, Encoder};
use crate::train::adamw::AdamWSettings;
use crate::train::checkpoint;
use crate::train::inputs::Inputs;
use crate::train::tuner::{Stepped, Tuner};
use crate::train::{Checkpoint, Options, TrainError, schedule};

/// Good weights are copied this often in a training.
const COPIES: usize = 20;

/// A tuning under way.
pub(super) struct Tuning<'a> {
    /// Steps taken.
    pub(super) step: usize,
    n_steps: usize,
    encoder: &'a Encoder,
    sampler: Sampler<'a>,
    loss: Loss,
    inputs: &'a Inputs<'a>,
    dropout: Dropout,
    tuner: Tuner<'a>,
    good: GoodWeights<'a>,
    guesser: Option<&'a Guesser>,
    options: &'a Options,
}

/// What one step did.
pub(super) struct Done {
    pub(super) n_texts: usize,
    pub(super) stepped: Stepped,
    pub(super) learning_rate: f64,
}

impl<'a> Tuning<'a> {
    pub(super) fn new(
        encoder: &'a Encoder,
        inputs: &'a Inputs<'a>,
        sampler: Sampler<'a>,
        loss: Loss,
        n_steps: usize,
        (options, seed): (&'a Options, u64),
    ) -> Self {
        let settings = AdamWSettings {
            weight_decay: options.get("weight_decay"),
            ..AdamWSettings::default()
        };
        Tuning {
            step: 0,
            n_steps,
            encoder,
            sampler,
            loss,
            inputs,
            dropout: Dropout::new(rng::stream(seed, "dropout").random()),
            tuner: Tuner::new(encoder, &[], settings, options.get("max_grad_norm")),
            good: GoodWeights::new(encoder, n_steps),
            guesser: None,
            options,
        }
    }

    /// Moves the weights along the gradient of the next batch.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] where the loss or the gradient is no number; the weights have not moved then.
    pub(super) fn next(&mut self) -> Result<Done, TrainError> {
        if let Some(guesser) = self.guesser.filter(|_| self.step > 0 && self.step == self.n_steps / 2) {
            self.guess_anew(guesser)?;
        }
        let batch = self.sampler.next();
        let peak = self.options.get("learning_rate");
        let learning_rate = schedule::linear(peak, self.step + 1, self.n_steps, self.options.get("warmup"));
        self.good.before(self.step)?;
        let embeddings = self.inputs.forward(batch.texts(), &mut self.dropout)?;
        let loss = batch.loss(self.loss, &embeddings)?;
        let stepped = self.tuner.step(&loss, learning_rate)?.check(self.step + 1, peak)?;
        self.good.confirm();
        self.step += 1;
        Ok(Done {
            n_texts: batch.n_texts(),
            stepped,
            learning_rate,
        })
    }

    /// The same, with guesses about unlabelled texts that are made anew when half of the steps have been taken.
    pub(super) fn guessing(self, guesser: Option<&'a Guesser>) -> Self {
        Tuning { guesser, ..self }
    }

    /// Makes the guesses anew with the encoder as it is now.
    fn guess_anew(&mut self, guesser: &Guesser) -> Result<(), TrainError> {
        self.tuner.settle()?;
        let (targets, repeats) = guesser.guess(self.encoder)?;
        self.sampler.guess_anew(targets, repeats);
        Ok(())
    }

    /// Everything that moves. Nothing changes by it.
    pub(super) fn save(&self) -> Result<Checkpoint, TrainError> {
        let mut state = Checkpoint::after(self.step);
        self.tuner.save(&mut state)?;
        self.sampler.save(&mut state)?;
        state.put("dropout", &self.dropout)?;
        state.put("unlabelled texts", &self.guesser.map(Guesser::fingerprint))?;
        self.good.save(&mut state)?;
        Ok(state)
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// A state of another training; then this one is of no more use.
    pub(super) fn load(&mut self, mut state: Checkpoint) -> Result<(), TrainError> {
        let texts: Option<String> = state.take("unlabelled texts")?;
        if texts != self.guesser.map(Guesser::fingerprint) {
            return Err(checkpoint::unfit("unlabelled texts"));
        }
        self.tuner.load(&mut state)?;
        self.sampler.load(&mut state)?;
        self.dropout = state.take("dropout")?;
        self.good.load(&mut state)?;
        self.step = state.step;
        Ok(())
    }

    pub(super) fn is_done(&self) -> bool {
        self.step >= self.n_steps
    }

    /// Ends tuning; the weights are final from here on.
    pub(super) fn finish(self) -> Result<(), TrainError> {
        self.tuner.finish()
    }

    /// Ends a tuning that has diverged: the encoder has the last weights again that were seen to give numbers. Their step; `None` where
    /// those are the ones it began with.
    pub(super) fn go_back(self) -> Result<Option<usize>, TrainError> {
        self.tuner.finish()?;
        self.good.restore()
    }
}

/// A copy of weights that gave a finite loss, made anew every few steps.
struct GoodWeights<'a> {
    encoder: &'a Encoder,
    vars: Vec<Var>,
    every: usize,
    /// Copied before the step at hand, which will tell whether they are good.
    candidate: Option<Copied>,
    good: Option<Copied>,
}

struct Copied {
    step: usize,
    weights: Vec<Tensor>,
}

impl<'a> GoodWeights<'a> {
    fn new(encoder: &'a Encoder, n_steps: usize) -> Self {
        GoodWeights {
            encoder,
            vars: encoder.trained_vars().into_iter().map(|(_, var)| var).collect(),
            every: n_steps.div_ceil(COPIES).max(1),
            candidate: None,
            good: None,
        }
    }

    /// Before the step that follows on `step` others.
    fn before(&mut self, step: usize) -> Result<(), TrainError> {
        // Those it began with are in their folder.
        if step > 0 && step.is_multiple_of(self.every) {
            let weights = self
                .vars
                .iter()
                .map(|var| var.as_tensor().copy())
                .collect::<Result<_, _>>()?;
            self.candidate = Some(Copied { step, weights });
        }
        Ok(())
    }

    /// The step gave numbers.
    fn confirm(&mut self) {
        if let Some(candidate) = self.candidate.take() {
            self.good = Some(candidate);
        }
    }

    fn restore(self) -> Result<Option<usize>, TrainError> {
        let Some(good) = self.good else { return Ok(None) };
        for (var, weights) in self.vars.iter().zip(&good.weights) {
            var.set(weights)?;
        }
        self.encoder.apply_factors()?;
        Ok(Some(good.step))
    }

    /// Between steps there is no candidate.
    fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        let good = self.good.as_ref();
        into.put("good", &good.map(|good| good.step))?;
        into.put_tensors("good", good.iter().flat_map(|good| &good.weights))
    }

    fn load(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        let step: Option<usize> = from.take("good")?;
        let copied = |step| {
            let weights = from.take_tensors("good", &self.vars)?;
            Ok::<_, TrainError>(Copied { step, weights })
        };
        self.good = step.map(copied).transpose()?;
        Ok(())
    }
}
