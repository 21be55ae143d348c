//! One optimiser step, as every method that moves an encoder takes it: gradients of a loss, clipping, AdamW.

use std::time::{Duration, Instant};

use candle_core::{Tensor, Var};

use super::adamw::{AdamW, AdamWSettings};
use super::{Checkpoint, TrainError, TrainEvent, clip};
use crate::model::Encoder;
use crate::model::gradients::Gradient;

/// Moves an encoder, and variables beside it, along the gradients of losses.
pub struct Tuner<'a> {
    encoder: &'a Encoder,
    optimiser: AdamW,
    max_grad_norm: f64,
    /// The losses and gradients of the next step so far, in the order of the variables.
    found: Found,
}

#[derive(Default)]
struct Found {
    loss: f64,
    gradients: Vec<Option<Gradient>>,
}

/// What one step found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stepped {
    /// The loss before the step.
    pub loss: f64,
    /// The norm of all gradients before clipping.
    pub grad_norm: f64,
}

impl<'a> Tuner<'a> {
    /// A tuner of what the encoder trains ([`Encoder::trained_vars`]) and of `beside`; gradients longer than `max_grad_norm` are shortened to it.
    pub fn new(encoder: &'a Encoder, beside: &[Var], settings: AdamWSettings, max_grad_norm: f64) -> Self {
        let vars = encoder.trained_vars().into_iter().map(|(_, var)| var);
        Tuner {
            encoder,
            optimiser: AdamW::new(vars.chain(beside.iter().cloned()).collect(), settings),
            max_grad_norm,
            found: Found::default(),
        }
    }

    /// The same with learning rates of their own: that of a step times `of_encoder` of a parameter's name, and times `beside` for the
    /// variables beside the encoder.
    pub fn with_rates(self, of_encoder: impl Fn(&str) -> f64, beside: f64) -> Self {
        let vars = self.encoder.trained_vars();
        let mut rates: Vec<f64> = vars.iter().map(|(name, _)| of_encoder(name)).collect();
        rates.resize(self.optimiser.vars().len(), beside);
        Tuner {
            optimiser: self.optimiser.with_rates(&rates),
            ..self
        }
    }

    /// The same from candle's operations even on the CPU: slower, for comparing.
    pub fn with_plain_optimiser(self) -> Self {
        Tuner {
            optimiser: self.optimiser.with_plain_operations(),
            ..self
        }
    }

    /// The variables, the encoder's first.
    pub fn vars(&self) -> &[Var] {
        self.optimiser.vars()
    }

    /// Moves the variables along the gradient of `loss`, a scalar made from [`Encoder::forward`]. They stay as they are where the loss or
    /// the norm is not finite.
    pub fn step(&mut self, loss: &Tensor, learning_rate: f64) -> Result<Stepped, TrainError> {
        self.accumulate(loss)?;
        self.apply(learning_rate)
    }

    /// Adds `loss` and its gradients to what [`Tuner::apply`] will step along: one large batch taken in parts, for the memory of a part.
    pub fn accumulate(&mut self, loss: &Tensor) -> Result<(), TrainError> {
        let found = self.encoder.backward(loss)?;
        let gradients: Vec<Option<Gradient>> = self.vars().iter().map(|var| found.get(var)).collect();
        // It shares their memory, which is added to in place.
        drop(found);
        let before = std::mem::take(&mut self.found.gradients);
        self.found.loss += f64::from(loss.to_scalar::<f32>()?);
        self.found.gradients = match before.is_empty() {
            true => gradients,
            false => sums(self.vars(), before, gradients)?,
        };
        Ok(())
    }

    /// Takes a step along the sum of what was accumulated, as [`Tuner::step`] does.
    pub fn apply(&mut self, learning_rate: f64) -> Result<Stepped, TrainError> {
        let Found { loss, gradients } = std::mem::take(&mut self.found);
        let stepped = Stepped {
            loss,
            grad_norm: clip::global_norm(&gradients)?,
        };
        if stepped.loss.is_finite() && stepped.grad_norm.is_finite() {
            let factor = clip::factor(stepped.grad_norm, self.max_grad_norm);
            self.optimiser.step(&gradients, learning_rate, factor)?;
            self.encoder.apply_factors()?;
        }
        Ok(stepped)
    }

    /// Puts variables and optimiser into a state. Nothing changes by it.
    pub fn save(&self, into: &mut Checkpoint) -> Result<(), TrainError> {
        into.put_vars("weights", self.optimiser.vars())?;
        into.put_optimiser(self.optimiser.state()?)
    }

    /// Goes on from a state of the same variables, on whatever device they are now.
    ///
    /// # Errors
    /// A state of other variables; then these are of no more use.
    pub fn load(&mut self, from: &mut Checkpoint) -> Result<(), TrainError> {
        from.take_vars("weights", self.optimiser.vars())?;
        self.optimiser.load(from.take_optimiser()?)?;
        Ok(self.encoder.apply_factors()?)
    }

    /// Applies what the optimiser has put off (see [`AdamW::settle`]): before weights are read.
    pub fn settle(&mut self) -> Result<(), TrainError> {
        Ok(self.optimiser.settle()?)
    }

    /// Ends tuning; the weights are final from here on.
    pub fn finish(mut self) -> Result<(), TrainError> {
        self.settle()
    }
}

/// The gradients of each variable added up.
fn sums(
    vars: &[Var],
    left: Vec<Option<Gradient>>,
    right: Vec<Option<Gradient>>,
) -> Result<Vec<Option<Gradient>>, TrainError> {
    let sum = |((var, left), right): ((&Var, Option<Gradient>), Option<Gradient>)| match (left, right) {
        (Some(left), Some(right)) => Ok(Some(left.plus(&right, var)?)),
        (left, right) => Ok(left.or(right)),
    };
    vars.iter().zip(left).zip(right).map(sum).collect()
}

/// How fast tuning goes, for the events that tell of it.
pub(super) struct Pace {
    clock: Instant,
    /// Time that does not count.
    aside: Duration,
    n_before: usize,
    n_steps: usize,
    n_texts: usize,
}

impl Pace {
    /// Starts the clock of a tuning of `n_steps` steps, of which `n_before` were taken before.
    pub(super) fn start(n_steps: usize, n_before: usize) -> Pace {
        Pace {
            clock: Instant::now(),
            aside: Duration::ZERO,
            n_before,
            n_steps,
            n_texts: 0,
        }
    }

    /// Does something that is no part of tuning, such as saving its state or waiting while it is paused: the clock stands still.
    pub(super) fn aside<T>(&mut self, other: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let made = other();
        self.aside += began.elapsed();
        made
    }

    /// What is told of step number `step`, which took `n_texts` texts.
    pub(super) fn event(&mut self, step: usize, n_texts: usize, stepped: Stepped, learning_rate: f64) -> TrainEvent {
        self.n_texts += n_texts;
        let secs = self.clock.elapsed().saturating_sub(self.aside).as_secs_f64().max(1e-9);
        TrainEvent::Step {
            step,
            n_steps: self.n_steps,
            loss: stepped.loss,
            learning_rate,
            grad_norm: stepped.grad_norm,
            texts_per_sec: self.n_texts as f64 / secs,
            secs_left: secs / (step - self.n_before).max(1) as f64 * (self.n_steps - step) as f64,
        }
    }
}

impl Stepped {
    /// An error where training has left the numbers.
    pub fn check(self, step: usize, learning_rate: f64) -> Result<Stepped, TrainError> {
        for (what, value) in [("loss", self.loss), ("gradient", self.grad_norm)] {
            if !value.is_finite() {
                return Err(TrainError::Diverged {
                    step,
                    what,
                    learning_rate,
                });
            }
        }
        Ok(self)
    }
}
