//! The state of a fine-tuning between two steps, and the step that moves it on.

use std::ops::ControlFlow;

use rand::RngExt;

use super::batches::Batches;
use super::layer::Layer;
use super::objective::Objective;
use super::watch::Watch;
use crate::core::rng;
use crate::model::{Dropout, Encoder};
use crate::train::adamw::AdamWSettings;
use crate::train::inputs::Inputs;
use crate::train::tuner::{Stepped, Tuner};
use crate::train::{Checkpoint, Events, Options, TrainError, TrainEvent, TrainingSet, schedule};

/// What stays the same from the first step to the last.
pub(super) struct Plan<'a> {
    pub(super) set: &'a TrainingSet,
    pub(super) encoder: &'a Encoder,
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) layer: &'a Layer,
    pub(super) objective: &'a Objective,
    pub(super) n_steps: usize,
    /// Texts of one pass through the encoder.
    pub(super) batch_size: usize,
    /// Passes of one step.
    pub(super) n_passes: usize,
    pub(super) learning_rate: f64,
    pub(super) schedule: &'static str,
    pub(super) warmup: f64,
}

/// Everything that steps change, the weights apart.
pub(super) struct Tuning<'a> {
    pub(super) plan: Plan<'a>,
    /// Steps taken.
    pub(super) step: usize,
    batches: Batches,
    dropout: Dropout,
    layer_dropout: Dropout,
    tuner: Tuner<'a>,
    /// What has been seen of held-out texts, where there are any.
    pub(super) watch: Option<Watch<'a>>,
}

/// What one step did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Advance {
    pub(super) n_texts: usize,
    pub(super) learning_rate: f64,
    pub(super) stepped: Stepped,
}

impl<'a> Tuning<'a> {
    /// The state before the first step.
    pub(super) fn new(
        plan: Plan<'a>,
        batches: Batches,
        watch: Option<Watch<'a>>,
        options: &Options,
        seed: u64,
    ) -> Self {
        let settings = AdamWSettings {
            weight_decay: options.get("weight_decay"),
            ..AdamWSettings::default()
        };
        let (encoder, peak) = (plan.encoder, plan.learning_rate);
        let decay = options.get("layer_decay");
        let of_layer = match options.get("head_learning_rate") {
            0.0 => 1.0,
            rate => rate / peak,
        };
        let tuner = Tuner::new(encoder, &plan.layer.vars(), settings, options.get("max_grad_norm"));
        let tuner = tuner.with_rates(|name| layer_rate(encoder, name, decay), of_layer);
        Tuning {
            plan,
            step: 0,
            batches,
            dropout: Dropout::new(rng::stream(seed, "dropout").random()),
            layer_dropout: Dropout::new(rng::stream(seed, "head-dropout").random()),
            tuner,
            watch,
        }
    }

    /// Takes the next step.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] where the loss or a gradient is not finite: then nothing was moved and the step does not count.
    pub(super) fn advance(&mut self) -> Result<Advance, TrainError> {
        let plan = &self.plan;
        let step = self.step + 1;
        let learning_rate = schedule::rate(plan.schedule, plan.learning_rate, step, plan.n_steps, plan.warmup);
        let texts = self.batches.next(plan.batch_size * plan.n_passes);
        let targets = &plan.set.targets;
        let weight = plan.objective.weight_of(targets, &texts);
        for pass in texts.chunks(plan.batch_size) {
            let embeddings = plan.inputs.forward(pass, &mut self.dropout)?;
            let logits = plan.layer.logits(&embeddings, Some(&mut self.layer_dropout))?;
            self.tuner
                .accumulate(&plan.objective.loss(&logits, targets, pass, weight)?)?;
        }
        let stepped = self.tuner.apply(learning_rate)?.check(step, plan.learning_rate)?;
        self.step = step;
        Ok(Advance {
            n_texts: texts.len(),
            learning_rate,
            stepped,
        })
    }

    /// Scores the held-out texts, where there are any, with the weights as they are now, and tells of it.
    pub(super) fn look(&mut self, events: Events<'_>) -> Result<ControlFlow<()>, TrainError> {
        let Some(watch) = &mut self.watch else {
            return Ok(ControlFlow::Continue(()));
        };
        self.tuner.settle()?;
        let Plan {
            encoder,
            layer,
            objective,
            ..
        } = self.plan;
        let point = watch.look(self.step, encoder, layer, objective, self.tuner.vars(), &mut *events)?;
        Ok(match point {
            Some(point) => events(TrainEvent::Watched(point)),
            None => ControlFlow::Break(()),
        })
    }

    /// Ends the tuning: the weights are final from here on, the best that were seen where those are kept. Returns the step they are of.
    pub(super) fn finish(&mut self) -> Result<usize, TrainError> {
        self.tuner.settle()?;
        let restored = match &self.watch {
            Some(watch) => watch.restore(self.tuner.vars())?,
            None => None,
        };
        self.plan.encoder.apply_factors()?;
        Ok(restored.unwrap_or(self.step))
    }

    /// Everything that steps change. Nothing changes by it.
    pub(super) fn save(&self) -> Result<Checkpoint, TrainError> {
        let mut state = Checkpoint::after(self.step);
        self.tuner.save(&mut state)?;
        self.batches.save(&mut state)?;
        state.put("dropout", &(&self.dropout, &self.layer_dropout))?;
        if let Some(watch) = &self.watch {
            watch.save(&mut state)?;
        }
        Ok(state)
    }

    /// Goes on from a state.
    ///
    /// # Errors
    /// A state of another training; then this one is of no more use.
    pub(super) fn load(&mut self, mut state: Checkpoint) -> Result<(), TrainError> {
        self.tuner.load(&mut state)?;
        self.batches.load(&mut state)?;
        (self.dropout, self.layer_dropout) = state.take("dropout")?;
        if let Some(watch) = &mut self.watch {
            watch.load(&mut state, self.tuner.vars())?;
        }
        self.step = state.step;
        Ok(())
    }

    /// Whether every weight is a number.
    pub(super) fn is_finite(&self) -> Result<bool, TrainError> {
        for var in self.tuner.vars() {
            // Zero times anything but a number is none.
            let sum = (var.as_tensor() * 0.0)?.sum_all()?.to_scalar::<f32>()?;
            if sum != 0.0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What the learning rate of a parameter is multiplied by: `decay` once for each layer above its own.
fn layer_rate(encoder: &Encoder, name: &str, decay: f64) -> f64 {
    decay.powi((encoder.n_layers() - encoder.layer_of(name)) as i32)
}
