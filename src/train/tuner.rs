//! One optimiser step, as every method that moves an encoder takes it: gradients of a loss, clipping, AdamW.

use std::time::Instant;

use candle_core::{Tensor, Var};

use super::adamw::{AdamW, AdamWSettings};
use super::{TrainError, TrainEvent, clip};
use crate::model::Encoder;
use crate::model::gradients::Gradient;

/// Moves an encoder, and variables beside it, along the gradients of losses.
pub struct Tuner<'a> {
    encoder: &'a Encoder,
    optimiser: AdamW,
    max_grad_norm: f64,
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
    /// A tuner of all of the encoder's parameters and of `beside`; gradients longer than `max_grad_norm` are shortened to it.
    pub fn new(encoder: &'a Encoder, beside: &[Var], settings: AdamWSettings, max_grad_norm: f64) -> Self {
        let vars = encoder.vars().into_iter().map(|(_, var)| var);
        Tuner {
            encoder,
            optimiser: AdamW::new(vars.chain(beside.iter().cloned()).collect(), settings),
            max_grad_norm,
        }
    }

    /// The same from candle's operations even on the CPU: slower, for comparing.
    pub fn with_plain_optimiser(self) -> Self {
        Tuner {
            optimiser: self.optimiser.with_plain_operations(),
            ..self
        }
    }

    /// Moves the variables along the gradient of `loss`, a scalar made from [`Encoder::forward`]. They stay as they are where the loss or
    /// the norm is not finite.
    pub fn step(&mut self, loss: &Tensor, learning_rate: f64) -> Result<Stepped, TrainError> {
        self.step_with(loss, learning_rate, None)
    }

    /// [`Tuner::step`] that also moves the variables of another optimiser, at a rate of their own: one norm is taken of all gradients.
    pub fn step_with(
        &mut self,
        loss: &Tensor,
        learning_rate: f64,
        other: Option<(&mut AdamW, f64)>,
    ) -> Result<Stepped, TrainError> {
        let found = self.encoder.backward(loss)?;
        let of = |optimiser: &AdamW| optimiser.vars().iter().map(|var| found.get(var)).collect::<Vec<_>>();
        let mut gradients: Vec<Option<Gradient>> = of(&self.optimiser);
        let n_own = gradients.len();
        gradients.extend(other.iter().flat_map(|(other, _)| of(other)));
        let stepped = Stepped {
            loss: f64::from(loss.to_scalar::<f32>()?),
            grad_norm: clip::global_norm(&gradients)?,
        };
        if stepped.loss.is_finite() && stepped.grad_norm.is_finite() {
            let factor = clip::factor(stepped.grad_norm, self.max_grad_norm);
            self.optimiser.step(&gradients[..n_own], learning_rate, factor)?;
            if let Some((other, rate)) = other {
                other.step(&gradients[n_own..], rate, factor)?;
            }
        }
        Ok(stepped)
    }

    /// Ends tuning; the weights are final from here on.
    pub fn finish(mut self) -> Result<(), TrainError> {
        Ok(self.optimiser.settle()?)
    }
}

/// How fast tuning goes, for the events that tell of it.
pub(super) struct Pace {
    clock: Instant,
    n_steps: usize,
    n_texts: usize,
}

impl Pace {
    /// Starts the clock of a tuning of `n_steps` steps.
    pub(super) fn start(n_steps: usize) -> Pace {
        Pace {
            clock: Instant::now(),
            n_steps,
            n_texts: 0,
        }
    }

    /// What is told of step number `step`, which took `n_texts` texts.
    pub(super) fn event(&mut self, step: usize, n_texts: usize, stepped: Stepped, learning_rate: f64) -> TrainEvent {
        self.n_texts += n_texts;
        let secs = self.clock.elapsed().as_secs_f64().max(1e-9);
        TrainEvent::Step {
            step,
            n_steps: self.n_steps,
            loss: stepped.loss,
            learning_rate,
            grad_norm: stepped.grad_norm,
            texts_per_sec: self.n_texts as f64 / secs,
            secs_left: secs / step as f64 * (self.n_steps - step) as f64,
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
